//! A text on its way through memory: lines and documents are slices of one buffer, and nothing of it is copied.

use std::io::{self, Read};

use memchr::{memchr, memmem};

use super::source::Bytes;

/// The longest line, in bytes: CloudWatch Logs takes no longer event.
pub(super) const MAX_LINE: usize = 1024 * 1024;

/// What the buffer begins with, in bytes. It grows only where something is longer.
const FIRST: usize = 256 * 1024;

/// The bytes that were read and not used yet.
pub(super) struct Buffer<'r> {
    reader: Bytes<'r>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    is_over: bool,
    error: Option<io::Error>,
    /// How many bytes came before `start`.
    offset: u64,
    /// Lines that were passed over since they were too long, and the number of the first.
    pub(super) long: Option<(u64, u64)>,
    /// The lines that were begun.
    line: u64,
    /// The line that is being read was too long, or its first part was handed out.
    is_inside: bool,
    is_passing_over: bool,
}

impl<'r> Buffer<'r> {
    pub(super) fn new(reader: Bytes<'r>) -> Self {
        Self {
            reader,
            bytes: vec![0; FIRST],
            start: 0,
            end: 0,
            is_over: false,
            error: None,
            offset: 0,
            long: None,
            line: 0,
            is_inside: false,
            is_passing_over: false,
        }
    }

    /// What was read and not used.
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// How many bytes were used.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.offset += count as u64;
        self.start += count;
    }

    /// Why the text has ended before its end.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Whether the text has ended before its end.
    pub(super) fn is_broken(&self) -> bool {
        self.error.is_some()
    }

    /// Reads more. `false`: there is no more.
    pub(super) fn more(&mut self) -> bool {
        if self.is_over {
            return false;
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end == self.bytes.len() {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            } else {
                let length = self.bytes.len();
                self.bytes.resize(2 * length, 0);
            }
        }
        loop {
            match self.reader.read(&mut self.bytes[self.end..]) {
                Ok(0) => self.is_over = true,
                Ok(count) => {
                    self.end += count;
                    return true;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.is_over = true;
                    self.error = Some(error);
                }
            }
            return false;
        }
    }

    /// The first bytes: so many, unless there are fewer.
    pub(super) fn head(&mut self, count: usize) -> &[u8] {
        while self.end - self.start < count && self.more() {}
        &self.bytes[self.start..self.end.min(self.start + count)]
    }

    /// The next line with its number, without its end. A last line without an end is one, unless the text has ended
    /// before its end.
    pub(super) fn line(&mut self) -> Option<(u64, &[u8])> {
        let mut searched = 0;
        loop {
            let unread = &self.bytes[self.start + searched..self.end];
            if let Some(at) = memchr(b'\n', unread) {
                let length = searched + at;
                // More than one may have come at a time.
                let is_long =
                    length > MAX_LINE && memmem::find(&self.unread()[..length], b"}\t{").is_none();
                if is_long && !self.is_passing_over {
                    self.note_long();
                }
                if std::mem::take(&mut self.is_passing_over) || is_long {
                    self.consume(length + 1);
                    self.is_inside = false;
                    searched = 0;
                    continue;
                }
                return Some(self.take(length, length + 1, false));
            }
            searched = self.end - self.start;
            if self.is_passing_over {
                self.consume(searched);
                searched = 0;
            } else if searched > MAX_LINE {
                // The CLI prints all messages of a page in one line, with a tab between two.
                if let Some(at) = memmem::rfind(self.unread(), b"}\t{") {
                    return Some(self.take(at + 1, at + 2, true));
                }
                self.note_long();
                self.is_passing_over = true;
                continue;
            }
            if !self.more() {
                let length = self.end - self.start;
                if length == 0 || self.is_passing_over || self.is_broken() {
                    return None;
                }
                return Some(self.take(length, length, false));
            }
        }
    }

    #[cold]
    fn note_long(&mut self) {
        self.begin_line();
        let (count, first) = self.long.unwrap_or((0, self.line));
        self.long = Some((count + 1, first));
    }

    fn begin_line(&mut self) {
        if !self.is_inside {
            self.line += 1;
        }
        self.is_inside = true;
    }

    fn take(&mut self, length: usize, used: usize, goes_on: bool) -> (u64, &[u8]) {
        self.begin_line();
        self.is_inside = goes_on;
        let start = self.start;
        self.consume(used);
        let line = &self.bytes[start..start + length];
        (self.line, line.strip_suffix(b"\r").unwrap_or(line))
    }
}
