//! A log: which of its lines are forwarded, and what the others lack.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process,
};

use super::{show::Document, verdict};
use crate::{
    local::{
        error::CommandError,
        escape::terminal,
        input::{self, Input, Line, Sink},
        ui::Ui,
    },
    record::{Lacks, Origin, RawLineReader, Reading, Skip},
    report::advice,
    wire,
};

/// How many log groups are told apart.
const MAX_GROUPS: usize = 100;

/// What was found of a log group's lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) lines: u64,
    pub(super) forwarded: u64,
    pub(super) reasons: BTreeMap<&'static str, u64>,
    lacks: Lacks,
}

impl Group {
    /// Whether no line lacks anything, and not all are skipped.
    pub(super) fn is_sufficient(&self) -> bool {
        self.lacks.is_nothing() && (self.forwarded > 0 || self.is_expected())
    }

    /// Whether what was skipped is never forwarded, whatever the format.
    fn is_expected(&self) -> bool {
        let expected = [Skip::WebSocket.name(), Skip::ExecutionLog.name()];
        !self.reasons.is_empty() && self.reasons.keys().all(|name| expected.contains(name))
    }

    pub(super) fn lacks(&self) -> Vec<&'static str> {
        verdict::names(self.lacks)
    }

    pub(super) fn advice(&self) -> Option<String> {
        (!self.lacks.is_nothing()).then(|| advice(self.lacks))
    }
}

/// Reads a log, and adds what was found.
pub(super) fn check(
    file: &OsStr,
    name: &str,
    ui: &Ui,
    document: &mut Document,
) -> Result<(), CommandError> {
    let mut lines = Lines {
        reader: RawLineReader::new(Reading::default()),
        groups: BTreeMap::new(),
    };
    let total = input::read(&[Input::Path(file.into())], ui, &mut lines)?;
    if lines.groups.is_empty() && total.failures > 0 {
        return Err(CommandError::new(format!(
            "failed to check {name}: it is neither a log, nor a format, nor what `aws apigateway get-stages` prints"
        )));
    }
    if lines.groups.is_empty() {
        ui.warn(&format!("{name} has no lines"));
    }
    for (group, found) in lines.groups {
        document.add_log(name, group, found);
    }
    Ok(())
}

struct Lines {
    reader: RawLineReader,
    /// By name; lines beyond the limit are together with those that have none.
    groups: BTreeMap<Option<String>, Group>,
}

impl Lines {
    fn group(&mut self, name: Option<&str>) -> &mut Group {
        let name = name.map(|name| terminal(name).into_owned());
        let is_new = !self.groups.contains_key(&name);
        let name = name.filter(|_| !is_new || self.groups.len() < MAX_GROUPS);
        self.groups.entry(name).or_default()
    }
}

impl Sink for Lines {
    fn begin(&mut self) {
        self.reader.begin_document();
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), CommandError> {
        let origin = Origin {
            region: Some("us-east-1"),
            default_host: None,
        };
        let record = self.reader.read(line.text, origin);
        let sent = record.and_then(|record| wire::sent_path(&record, false));
        let skip = sent.err();
        let lacks = self.reader.lacks();
        let group = self.group(line.log_group);
        group.lines += 1;
        match skip {
            None => group.forwarded += 1,
            Some(reason) => {
                *group.reasons.entry(reason.name()).or_default() += 1;
                if reason.has_to_do_with_format() {
                    group.lacks.add(lacks);
                }
            }
        }
        Ok(())
    }
}

/// Standard input in a file, which is deleted when it is dropped: its beginning was read to tell what it is.
pub(super) struct Spool(PathBuf);

impl Spool {
    pub(super) fn new(beginning: &[u8], rest: &mut dyn Read) -> io::Result<Self> {
        let path = env::temp_dir().join(format!("cw-resend-check-{}", process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file: File = options.open(&path)?;
        let spool = Self(path);
        file.write_all(beginning)?;
        io::copy(rest, &mut file)?;
        Ok(spool)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What can not be deleted stays in the folder for such files.
        let _ = fs::remove_file(&self.0);
    }
}
