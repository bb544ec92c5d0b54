//! Where the lines of a file go, and what is said of it.

use super::{super::error::CommandError, Line, Sink};

/// How many different faults of a file are told.
const MAX_FAULTS: usize = 3;

/// What is known of a log event beside its text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Meta<'m> {
    pub(super) timestamp: Option<i64>,
    pub(super) id: Option<&'m str>,
    pub(super) log_group: Option<&'m str>,
    pub(super) log_stream: Option<&'m str>,
}

/// Whether a text is what CloudWatch Logs has as the id of a log event.
pub(super) fn is_event_id(text: &[u8]) -> bool {
    text.len() == 56 && text.iter().all(u8::is_ascii_digit)
}

/// Hands out the lines of one file.
pub(super) struct Out<'a> {
    sink: &'a mut dyn Sink,
    file: &'a str,
    /// The line of the file that is being read, where one has its own.
    pub(super) number: Option<u64>,
    /// The lines that were handed out.
    pub(super) lines: u64,
    /// Something was read that holds log events, or would.
    pub(super) is_log: bool,
    /// The value that is being read is a document, though there may be no line in it.
    pub(super) is_document: bool,
    faults: Vec<(String, u64)>,
    more_faults: u64,
}

impl<'a> Out<'a> {
    pub(super) fn new(sink: &'a mut dyn Sink, file: &'a str) -> Self {
        Self {
            sink,
            file,
            number: None,
            lines: 0,
            is_log: false,
            is_document: false,
            faults: Vec::new(),
            more_faults: 0,
        }
    }

    pub(super) fn begin(&mut self) {
        self.sink.begin();
    }

    /// Hands out a line. Line ends around it are not part of it.
    pub(super) fn line(&mut self, text: &[u8], meta: Meta<'_>) -> Result<(), CommandError> {
        let text = trim_line_ends(text);
        if text.is_empty() {
            return Ok(());
        }
        self.lines += 1;
        self.is_log = true;
        self.sink.line(&Line {
            text,
            timestamp: meta.timestamp,
            id: meta.id,
            log_group: meta.log_group,
            log_stream: meta.log_stream,
            file: self.file,
            number: self.number.unwrap_or(self.lines),
        })
    }

    /// Notes what can't be read.
    #[cold]
    pub(super) fn fault(&mut self, what: String) {
        if let Some((_, count)) = self.faults.iter_mut().find(|(known, _)| *known == what) {
            *count += 1;
        } else if self.faults.len() < MAX_FAULTS {
            self.faults.push((what, 1));
        } else {
            self.more_faults += 1;
        }
    }

    /// What can't be read, in a sentence each.
    pub(super) fn take_faults(&mut self) -> Vec<String> {
        let mut faults: Vec<String> = self
            .faults
            .drain(..)
            .map(|(what, count)| match count {
                1 => what,
                count => format!("{what} ({count} times)"),
            })
            .collect();
        if self.more_faults > 0 {
            faults.push(format!("{} more such faults", self.more_faults));
        }
        faults
    }
}

fn trim_line_ends(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b'\n' | b'\r'] | [b'\n' | b'\r', rest @ ..] = text {
        text = rest;
    }
    text
}
