//! The operator's tool, `cw-resend`: shows what the function does with a log, on the operator's machine,
//! and calculates what it costs on AWS.
//!
//! Nothing in here is part of the Lambda build. Everything in here uses only loopback, unless the operator
//! gives another address to listen on.
//!
//! ```text
//! lines ──> demo ──> the function (child process) between the stand-ins ──> summary
//!           watch: the Node's stand-in alone
//!           cost: what a month of it costs on AWS
//! ```

pub mod child;
pub mod cost;
pub mod demo;
pub mod error;
pub mod lines;
pub mod summary;
pub mod watch;
