//! The operator's tool, `cw-resend`: reads any log that the AWS CLI prints or that AWS writes to S3, and answers from
//! it what an operator asks: which endpoints there are, which of them a specification lacks, whether a stage logs
//! what is needed, and whether a Node takes what the function sends.
//!
//! Nothing in here is part of the Lambda build. It needs no SDK and no credentials. Only `send`, `probe` and
//! `invoke --node` connect to something outside of this machine, which the operator names.
//!
//! ```text
//! files, folders, stdin
//!       │
//!     input: told by content, a line each ──> calls: the function's own reader of lines
//!                                                │
//!      inventory ── paths: templates from a specification, a route, or learned ──> model ──> table, json, csv,
//!      diff, check                                                                           markdown, openapi, html
//!      send ──────── the function's own client ──> Node, or a function by the AWS CLI
//!      probe ─────── one call, and the Node's metrics before and after
//!      node ──────── the Node's stand-in, live; what another forwarder sends that this function would not
//!      demo, invoke ─ the function (child process) between the stand-ins
//!      cost ──────── what a month of it costs on AWS
//! ```

pub mod calls;
pub mod check;
pub mod child;
pub mod cost;
pub mod demo;
pub mod diff;
pub mod error;
pub mod escape;
pub mod input;
pub(crate) mod interrupt;
pub mod inventory;
pub mod invoke;
pub mod node;
pub mod probe;
pub mod send;
pub mod shell;
pub mod summary;
pub(crate) mod temporary;
pub mod ui;
pub(crate) mod yaml;

/// How a command has ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing is wrong. The process ends with 0.
    Clean,
    /// It has found what it looks for, such as an endpoint that a specification lacks. The process ends with 1, and
    /// with 2 where the command could not do its work.
    Found,
    /// The operator has interrupted it, and it has ended in good order. The process ends with 130, as a shell has it.
    Interrupted,
}

/// How the function talks to the Node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Two HTTP messages for each record.
    Resend,
    /// One JSON document for many records.
    Batch,
}

impl Format {
    /// As `X_NODE_FORMAT` has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Resend => "resend",
            Self::Batch => "batch",
        }
    }
}
