//! Reads log lines from what an operator has at hand: files, folders and standard input, in any form in which the AWS
//! CLI prints a log, in which the console gives it out, or in which AWS writes it to S3.

use std::path::PathBuf;

use super::{error::CommandError, ui::Ui};

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file, or a folder with all files in it.
    Path(PathBuf),
    /// Standard input, which is `-` on the command line.
    Stdin,
}

impl From<std::ffi::OsString> for Input {
    fn from(argument: std::ffi::OsString) -> Self {
        if argument == "-" {
            Self::Stdin
        } else {
            Self::Path(argument.into())
        }
    }
}

/// One log event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// What was logged, without the end of the line.
    pub text: &'a [u8],
    /// When, in Unix milliseconds, as CloudWatch Logs has it.
    pub timestamp: Option<i64>,
    /// CloudWatch's id of it.
    pub id: Option<&'a str>,
    /// Its log group.
    pub log_group: Option<&'a str>,
    /// Its log stream.
    pub log_stream: Option<&'a str>,
    /// The file that it is from, as it is shown.
    pub file: &'a str,
    /// Its line in the file, decompressed; where a line of the file has several, or none: which of the file's log
    /// events it is. Both count from 1.
    pub number: u64,
}

/// Takes lines.
pub trait Sink {
    /// What follows is another document, or another file: what lines tell of each other ends here.
    fn begin(&mut self);

    /// Takes a line.
    ///
    /// # Errors
    ///
    /// Where reading is to end.
    fn line(&mut self, line: &Line<'_>) -> Result<(), CommandError>;
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Total {
    /// Files that were read, standard input among them.
    pub files: u64,
    /// Their bytes, as they are stored.
    pub bytes: u64,
    /// Files that could not be read, or not to their end, with the reason: each was reported as a warning.
    pub failures: u64,
}

/// Hands each line of `inputs` to `sink`, the inputs in their order, the files of a folder by name.
///
/// # Errors
///
/// Returns an error when there is nothing that could be read, and any error of `sink`.
pub fn read(inputs: &[Input], ui: &Ui, sink: &mut dyn Sink) -> Result<Total, CommandError> {
    _ = (inputs, ui, sink);
    Err(CommandError::new("not built yet"))
}
