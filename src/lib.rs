//! Forwards the access log of Amazon API Gateway, as a CloudWatch Logs subscription filter hands
//! it to a Lambda function, to a Wallarm Native Node, so that the Node's API Discovery builds the
//! API inventory.
//!
//! This is the library under the function's binary, `bootstrap`. The data goes one way:
//!
//! ```text
//! Runtime API ─> runtime ─> event ──> gzip ───> envelope ─> record ──> wire ────> node ──> report
//! (long poll)    next()     kinds,    inflate,  log events  access-    messages   HTTP(S)  one line for
//!                respond()  base64    CRC-32    one by one  log line   in bytes   client   an invocation
//!                           └──────────────── forwarder: drives them, owns their buffers ─┘
//!                └──────────────────────── function: the process and its loop ────────────────────────┘
//! ```
//!
//! `json` cuts text into tokens for `envelope` and `record`; `http1` reads answers for `runtime`
//! and `node`; `crc32` is the checksum of `gzip`; `time` converts dates.
//!
//! # Architecture invariants
//!
//! * `event`, `gzip`, `envelope`, `record` and `wire` take bytes and return values. Only `runtime`
//!   and `node` touch sockets, only `config` reads the environment and a file that it names, only
//!   `report` prints, and only the binaries end the process. `local`, the operator's tool, does all of
//!   it; the Lambda build leaves it out.
//! * Nothing holds a whole document. Memory is bounded by the event as it arrived, the inflate
//!   window, one line, and a few chunks for each connection.
//! * A bad line is counted with its reason and skipped; a bad stream fails the invocation. Nothing
//!   that is partial is reported as success.
//! * Every byte of a line was written by a stranger: what can't stand in a message is encoded,
//!   blanked or refused in `record` and `wire`, and none of it is ever printed.
//! * When the result of an event is posted, nothing of it is under way any more: a sandbox may
//!   freeze, or end, right after. The one exception is a DNS look-up that did not end in time.
//!
//! Absent on purpose: an asynchronous runtime, the AWS SDK, `unsafe` code, global state, a proxy, a
//! switch that skips the verification of certificates, and SnapStart and concurrent invocations in one
//! process.

#![forbid(unsafe_code)]

mod account;
mod config;
mod crc32;
mod envelope;
mod error;
mod event;
mod forwarder;
mod function;
mod gzip;
mod http1;
mod json;
#[cfg(feature = "cli")]
pub mod local;
#[cfg(feature = "cli")]
pub mod measure;
mod node;
#[cfg(feature = "cli")]
pub mod properties;
mod record;
mod report;
mod runtime;
#[cfg(feature = "cli")]
pub mod standin;
mod time;
mod wire;

pub use config::VARIABLES;
pub use function::bootstrap;
