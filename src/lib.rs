//! Forwards the access log of Amazon API Gateway, as a CloudWatch Logs subscription filter, Kinesis or Firehose hands
//! it to a Lambda function, to a Wallarm Native Node, so that the Node's API Discovery builds the
//! API inventory.
//!
//! This is the library under the function's binary, `bootstrap`. The data goes one way:
//!
//! ```text
//! Runtime API ─> runtime ─> event ──> gzip ───> envelope ─> record ──> wire ────> node ──> report
//! (long poll)    next()     kinds,    inflate,  documents   access-    messages   HTTP(S)  one line for
//!                respond()  base64    CRC-32    and lines   log line   in bytes   client   an invocation
//!                           └──────────────── forwarder: drives them, owns their buffers ─┘
//!                └──────────────────────── function: the process and its loop ────────────────────────┘
//! ```
//!
//! Where to look, by what is wrong:
//!
//! | what is wrong | where |
//! | --- | --- |
//! | a field of a line is not found, or the wrong one is | `record`: `names` has what is known, `fields` which of two values counts |
//! | a line is skipped | `record::skip` has the reasons, `record::validate` what a value must be, `forwarder::feed` the rest |
//! | a host is made up, or is not | `record::fields` puts it together, `record::domain` knows API Gateway's own, `config::hosts` the default |
//! | a template is sent, or stands in the wrong place of the path | `record::template` |
//! | a record of Kinesis or Firehose is taken for what it is not | `event::first_bytes` tells, `forwarder::document` drives |
//! | a line is a contradiction | `record::fields` tells by itself, `record::shape` by the document's other lines |
//! | a header, a path or a member of JSON that the Node gets | `wire::resend`, the default format, or `wire::batch` |
//! | a record is lost, refused, or sent twice within one event | `node::job` decides, and draws how |
//! | with `X_SAMPLE`, a record is left out that should not be, or two endpoints count as one | `sampler` decides, `sampler::endpoint` tells endpoints, `forwarder::sampling` has the clocks |
//! | a verdict is booked on another record of Firehose's | `forwarder::share` |
//! | Lambda's next attempt with an event sends too much, or too little | `forwarder::history` |
//! | an event succeeds that should fail, or the other way round | `account::Account::verdict` |
//! | a count is wrong | `forwarder` counts records, `node::worker` exchanges and retries |
//! | the operator is told of a format too often, or never; a log group counts as mostly skipped | `groups` |
//! | the advice has the wrong words; a line of the function's own log, or a metric, has the wrong form | `report` |
//! | a connection is not made, or breaks, or its error has the wrong words | `node::dial`, `node::connection`, `node::tcp`, `node::failure` |
//! | the response to an event | its form: `event`, where SQS and Kinesis share `batch_failures`; which items failed: `forwarder` |
//! | a variable, and its error | `config`: `address`, `headers`, `hosts`, `sample` and `certificates` for the long ones, `names` for mistyped names |
//!
//! `account` is the vocabulary of the pipeline: counts and verdicts. `json` cuts text into tokens for
//! `envelope`, `event` and `record`; `http1` reads responses for `runtime` and `node`; `crc32` is the checksum of `gzip`;
//! `fnv` hashes names; `time` converts dates.
//!
//! Beside the function, for the tests and the operator, and not in the Lambda build: `standin` is what AWS and
//! the Node are to the tests, and uses nothing of the function; `properties` says what holds for any bytes;
//! `measure` is the benchmark's view; `local` is the operator's tool.
//!
//! # Architecture invariants
//!
//! `tests/it/structure.rs` holds the code to the first of them, `tests/it/rules.rs` to the dependencies.
//!
//! * `event`, `gzip`, `envelope`, `record`, `sampler` and `wire` take bytes and return values. Only `runtime`
//!   and `node` touch sockets, only `config` reads the environment and a file that it names, only
//!   `report` prints, and only the binaries end the process.
//! * Nothing holds a whole document. Memory is bounded by the event as it arrived, a record of it without its base64 if
//!   that is aggregated, the inflate window, one line, 64 KiB of lines that wait for others, 256 KiB of headers, and a
//!   few chunks for each connection. A Node that responds and does not read can have 2 MiB for each as well. `X_SAMPLE`
//!   has a table of half a MiB.
//! * A bad line is counted with its reason and skipped; a bad stream fails the invocation. Nothing
//!   that is partial is reported as success.
//! * Every byte of a line was written by a stranger: what can't stand in a message is encoded,
//!   replaced or refused in `record` and `wire`, and none of it is ever printed.
//! * When the result of an event is posted, nothing of it is under way any more: an execution environment may
//!   freeze, or end, right after. The one exception is a DNS look-up that did not end in time.
//!
//! What AWS and the Node do, with the source of each fact, stands in `DESIGN.md`; so does why five crates are
//! enough, and what is written by hand.
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
mod fnv;
mod forwarder;
mod function;
mod groups;
mod gzip;
mod http1;
mod json;
mod node;
mod record;
mod report;
mod runtime;
mod sampler;
mod time;
mod wire;

#[cfg(feature = "cli")]
pub mod local;
#[cfg(feature = "stand-ins")]
pub mod measure;
#[cfg(feature = "stand-ins")]
pub mod properties;
#[cfg(feature = "stand-ins")]
pub mod standin;

pub use config::VARIABLES;
pub use function::bootstrap;
