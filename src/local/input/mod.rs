//! Reads log lines from what an operator has at hand: files, folders and standard input, in any form in which the AWS
//! CLI prints a log, in which the console gives it out, or in which AWS writes it to S3.

mod buffer;
mod csv;
mod documents;
mod kind;
mod moment;
mod out;
mod source;
mod split;
mod text;
mod walk;
mod yaml;

#[cfg(test)]
mod tests;

use std::{
    cell::Cell,
    fs::File,
    io::{self, IsTerminal},
    path::PathBuf,
};

use self::{
    buffer::Buffer,
    documents::Documents,
    kind::{HEAD, Kind},
    out::Out,
    source::{Bytes, Counted, UpToEnd},
    walk::Found,
};
use super::{
    error::CommandError,
    escape,
    ui::{Progress, Ui, Unit},
};

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
    /// Those of them of which something was read, or that hold nothing.
    pub read: u64,
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
    let files = walk::files(inputs, &mut |text| ui.warn(text));
    let lengths = files.iter().map(|file| match (&file.path, &file.error) {
        (Some(_), None) => file.length,
        (Some(_), Some(_)) => Some(0),
        (None, _) => None,
    });
    let progress = ui.progress(lengths.sum(), Unit::Bytes);
    let mut total = Total::default();
    let mut documents = Documents::new();
    let is_only = files.len() == 1;
    let mut last = None;
    for file in files {
        let name = file
            .path
            .as_deref()
            .map_or_else(|| "standard input".into(), escape::path);
        progress.message(&name);
        let count = Cell::new(0);
        let ended = match open(file, ui, &progress, &count) {
            Ok(bytes) => read_file(bytes, &name, &mut documents, sink)?,
            Err(cause) => Ended::failed(cause.to_string()),
        };
        total.files += 1;
        total.bytes += count.get();
        total.failures += u64::from(ended.has_failed);
        // The error says it of the only one.
        let is_told = is_only && ended.is_unread;
        for text in &ended.told {
            if !is_told {
                progress.warn(&format!("{name}: {text}"));
            }
        }
        last = ended.is_unread.then(|| (name, ended.told.join("; ")));
        if last.is_none() {
            total.read += 1;
        }
    }
    progress.finish();
    match last {
        Some((name, cause)) if is_only => {
            Err(CommandError::new(format!("failed to read {name}: {cause}")))
        }
        _ if total.read > 0 => Ok(total),
        Some((name, cause)) => Err(CommandError::new(format!(
            "failed to read a log: none of {} files is one that can be read; the last, {name}: {cause}",
            total.files
        ))),
        None => Err(CommandError::new(
            "failed to read a log: there are no files in what was named (hidden ones do not count)",
        )),
    }
}

/// What became of a file.
struct Ended {
    /// What the operator has to know.
    told: Vec<String>,
    has_failed: bool,
    /// Nothing of it was read.
    is_unread: bool,
}

impl Ended {
    fn failed(cause: String) -> Self {
        Self {
            told: vec![cause],
            has_failed: true,
            is_unread: true,
        }
    }
}

fn open<'r>(
    file: Found,
    ui: &Ui,
    progress: &'r Progress,
    count: &'r Cell<u64>,
) -> io::Result<Bytes<'r>> {
    if let Some(error) = file.error {
        return Err(error);
    }
    let reader: Bytes<'r> = match (file.path, file.length) {
        (None, _) => {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                ui.warn("reading standard input, which Ctrl-D ends");
            }
            Box::new(stdin.lock())
        }
        (Some(path), Some(length)) => Box::new(UpToEnd::new(File::open(path)?, length)),
        (Some(path), None) => Box::new(File::open(path)?),
    };
    Ok(Box::new(Counted {
        reader,
        progress,
        count,
    }))
}

/// Reads a file. The error is the sink's.
fn read_file(
    bytes: Bytes<'_>,
    name: &str,
    documents: &mut Documents,
    sink: &mut dyn Sink,
) -> Result<Ended, CommandError> {
    sink.begin();
    let text = match source::text(bytes) {
        Ok(text) => text,
        Err(cause) => return Ok(Ended::failed(cause.to_string())),
    };
    let mut buffer = Buffer::new(text);
    let mut out = Out::new(sink, name);
    let kind = kind::kind(buffer.head(HEAD));
    match kind {
        Kind::Lines => text::read(&mut buffer, documents, &mut out)?,
        Kind::Documents => split::read(&mut buffer, documents, &mut out)?,
        Kind::Csv(delimiter) => csv::read(&mut buffer, delimiter, documents, &mut out)?,
        Kind::Yaml => yaml::read(&mut buffer, documents, &mut out)?,
        Kind::Empty | Kind::Ignored | Kind::Foreign(_) => {}
    }
    let mut ended = Ended {
        told: out.take_faults(),
        has_failed: false,
        is_unread: false,
    };
    if let Some((count, first)) = buffer.long {
        ended.told.push(format!(
            "{count} lines of more than 1 MiB were passed over, the first at line {first}"
        ));
    }
    if let Some(cause) = buffer.take_error() {
        ended.told.push(format!(
            "{cause}; what came before, {} whole lines, was read",
            out.lines
        ));
    }
    ended.has_failed = !ended.told.is_empty();
    match kind {
        Kind::Foreign(foreign) => {
            return Ok(Ended::failed(format!(
                "it seems to be {}: {}",
                foreign.what, foreign.advice
            )));
        }
        Kind::Empty if !ended.has_failed => ended.told.push("it is empty".into()),
        Kind::Documents if !out.is_log && !ended.has_failed => {
            return Ok(Ended::failed(
                "it seems to be JSON that is no log: give what aws logs filter-log-events prints"
                    .into(),
            ));
        }
        _ => {}
    }
    ended.is_unread = ended.has_failed && out.lines == 0;
    Ok(ended)
}
