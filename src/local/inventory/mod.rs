//! `cw-resend inventory`: the endpoints that a log tells of.

use std::{ffi::OsString, io::Write};

use super::{Status, error::CommandError, ui::Ui};

pub mod model;
pub mod output;
pub mod paths;
pub mod published;
pub mod spec;

/// List the endpoints that a log tells of.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Logs: files, folders, or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<OsString>,
}

/// Runs the command.
///
/// # Errors
///
/// Returns an error when nothing can be read, or `out` fails.
pub fn run(args: &Args, ui: &Ui, out: &mut dyn Write) -> Result<Status, CommandError> {
    _ = (args, ui, out);
    Err(CommandError::new("not built yet"))
}
