//! The operator's tool, `cw-resend`: shows on one's own machine what the function makes of a log.
//!
//! Nothing in here is part of the Lambda build, and nothing in here talks to anything but loopback
//! unless the operator gives another address to listen on.
//!
//! ```text
//! lines ──> demo ──> the function (child process) between the stand-ins ──> summary
//!           watch: the Node's stand-in alone
//! ```

pub mod child;
pub mod demo;
pub mod error;
pub mod lines;
pub mod summary;
pub mod watch;
