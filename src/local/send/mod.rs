//! `cw-resend send`.

use std::{ffi::OsString, io::Write};

use super::{Status, error::CommandError, ui::Ui};

/// Send a log to a Node through the function's own client.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files.
    #[arg(value_name = "FILE")]
    pub files: Vec<OsString>,
}

/// Runs the command.
///
/// # Errors
///
/// Returns an error when it can not do its work.
pub fn run(args: &Args, ui: &Ui, out: &mut dyn Write) -> Result<Status, CommandError> {
    _ = (args, ui, out);
    Err(CommandError::new("not built yet"))
}
