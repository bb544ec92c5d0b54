//! JSON of any size: documents in a row, each of which is handed out whole if it is small, and member by member or
//! element by element if it isn't.

use memchr::memchr3;

use super::super::error::CommandError;
use super::{
    buffer::Buffer,
    documents::{Context, Documents},
    out::Out,
};

/// A value of at most so many bytes is handed out whole. A log event may have 1 MiB, and a batch for Lambda 6 MB, of
/// which an item is read by itself.
const MAX_WHOLE: usize = 4 * 1024 * 1024;

/// How deep what is larger may nest. What AWS writes has its log events at the third level.
const MAX_DEPTH: usize = 16;

/// How a value has ended.
enum End {
    Whole,
    /// The text has ended in it, or it is none.
    Broken,
}

/// Reads the documents of a text.
pub(super) fn read(
    buffer: &mut Buffer<'_>,
    documents: &mut Documents,
    out: &mut Out<'_>,
) -> Result<(), CommandError> {
    let mut splitter = Splitter {
        buffer,
        documents,
        out,
    };
    loop {
        match splitter.next_byte() {
            None => return Ok(()),
            // What a person or a script has put between documents to make a list of them.
            Some(b',') => {
                splitter.buffer.consume(1);
                continue;
            }
            Some(_) => {}
        }
        splitter.out.begin();
        let offset = splitter.buffer.offset();
        if let End::Broken = splitter.value(&Context::default(), 0)? {
            splitter.go_on(offset);
        }
    }
}

struct Splitter<'s, 'r, 'a> {
    buffer: &'s mut Buffer<'r>,
    documents: &'s mut Documents,
    out: &'s mut Out<'a>,
}

impl Splitter<'_, '_, '_> {
    /// The next byte that is no whitespace.
    fn next_byte(&mut self) -> Option<u8> {
        loop {
            let unread = self.buffer.unread();
            let text = unread.trim_ascii_start();
            let (skipped, first) = (unread.len() - text.len(), text.first().copied());
            self.buffer.consume(skipped);
            if first.is_some() || !self.buffer.more() {
                return first;
            }
        }
    }

    /// Goes on after something broken with the next line that begins a document.
    fn go_on(&mut self, offset: u64) {
        let what = self.buffer.unread();
        let line = what.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(&line[..line.len().min(200)]);
        let at = self.buffer.offset();
        let fault = match line.contains("An error occurred (") {
            true => format!("an error that the AWS CLI has printed, at byte {at}"),
            false => {
                format!("broken JSON at byte {at}, in the document that begins at byte {offset}")
            }
        };
        // That a text has ended too early is told by itself.
        if !self.buffer.is_broken() {
            self.out.fault(fault);
        }
        // The document that is broken may begin with this very line.
        if self.buffer.offset() == offset {
            self.buffer.consume(1);
        }
        loop {
            let unread = self.buffer.unread();
            let next = memchr::memmem::find(unread, b"\n{");
            let next = next.or_else(|| memchr::memmem::find(unread, b"\n["));
            if let Some(at) = next {
                self.buffer.consume(at + 1);
                return;
            }
            let count = unread.len().saturating_sub(1);
            self.buffer.consume(count);
            if !self.buffer.more() {
                let count = self.buffer.unread().len();
                self.buffer.consume(count);
                return;
            }
        }
    }

    /// Reads a value.
    fn value(&mut self, context: &Context, depth: usize) -> Result<End, CommandError> {
        let mut scan = Scan::default();
        if let Some(length) = self.length(&mut scan) {
            let raw = &self.buffer.unread()[..length];
            if self.documents.value(raw, context, self.out)? {
                self.buffer.consume(length);
                return Ok(End::Whole);
            }
        } else if scan.is_too_long() && !scan.is_broken {
            let parts = matches!(self.buffer.unread().first(), Some(b'{' | b'['));
            return match parts && depth < MAX_DEPTH {
                true => self.parts(context, depth),
                false => self.pass_over(scan),
            };
        }
        self.cut(context, depth)
    }

    /// Reads on until the next value has ended, and returns its length. `None`: it is too long, or is broken.
    fn length(&mut self, scan: &mut Scan) -> Option<usize> {
        loop {
            let length = scan.end(self.buffer.unread());
            if length.is_some() {
                return length;
            }
            if scan.is_broken || scan.is_too_long() || !self.buffer.more() {
                return None;
            }
        }
    }

    /// Reads the whole parts of a value that is broken, or that the text has ended in.
    fn cut(&mut self, context: &Context, depth: usize) -> Result<End, CommandError> {
        match self.buffer.unread().first() {
            Some(b'{' | b'[') if depth < MAX_DEPTH => self.parts(context, depth),
            _ => Ok(End::Broken),
        }
    }

    /// Reads the members or elements of a value one by one.
    fn parts(&mut self, context: &Context, depth: usize) -> Result<End, CommandError> {
        let is_object = self.buffer.unread().first() == Some(&b'{');
        let mut context = context.clone();
        self.buffer.consume(1);
        loop {
            match self.next_byte() {
                Some(b'}' | b']') => {
                    self.buffer.consume(1);
                    return Ok(End::Whole);
                }
                Some(b',') => {
                    self.buffer.consume(1);
                    continue;
                }
                Some(b'"') if is_object => {
                    let Some(key) = self.key() else {
                        return Ok(End::Broken);
                    };
                    context.key = key;
                    if self.next_byte().is_none() {
                        return Ok(End::Broken);
                    }
                }
                Some(_) if !is_object => {}
                _ => return Ok(End::Broken),
            }
            if is_object && !matches!(self.buffer.unread().first(), Some(b'{' | b'[')) {
                let mut scan = Scan::default();
                if let Some(length) = self.length(&mut scan) {
                    context.learn(&self.buffer.unread()[..length]);
                    self.buffer.consume(length);
                } else if !scan.is_too_long() {
                    return Ok(End::Broken);
                } else if let End::Broken = self.pass_over(scan)? {
                    return Ok(End::Broken);
                }
                continue;
            }
            if let End::Broken = self.value(&context, depth + 1)? {
                return Ok(End::Broken);
            }
        }
    }

    /// Reads the key of a member, and the colon after it.
    fn key(&mut self) -> Option<String> {
        let length = self.length(&mut Scan::default())?;
        let key = serde_json::from_slice(&self.buffer.unread()[..length]).ok()?;
        self.buffer.consume(length);
        if self.next_byte()? != b':' {
            return None;
        }
        self.buffer.consume(1);
        Some(key)
    }

    /// Passes over a value that is too long.
    #[cold]
    fn pass_over(&mut self, mut scan: Scan) -> Result<End, CommandError> {
        self.out
            .fault(format!("a text of more than {MAX_WHOLE} bytes"));
        loop {
            let length = scan.end(self.buffer.unread());
            self.buffer.consume(length.unwrap_or(scan.at));
            if length.is_some() {
                return Ok(End::Whole);
            }
            if scan.is_broken {
                return Ok(End::Broken);
            }
            scan.at = 0;
            if !self.buffer.more() {
                return Ok(End::Broken);
            }
        }
    }
}

/// Finds the end of a value. Whether it is valid inside is left to whoever reads it.
#[derive(Debug, Default)]
struct Scan {
    /// How many of its bytes were looked at.
    at: usize,
    depth: u64,
    is_in_string: bool,
    is_escaped: bool,
    /// A line has ended in a string, which JSON does not allow.
    is_broken: bool,
}

impl Scan {
    fn is_too_long(&self) -> bool {
        self.at > MAX_WHOLE
    }

    /// The length of the value that `text` begins with, once it has ended. `text` begins with the same bytes each time.
    fn end(&mut self, text: &[u8]) -> Option<usize> {
        while self.at < text.len() && !self.is_broken {
            if self.is_escaped {
                self.is_escaped = false;
                self.at += 1;
                continue;
            }
            if self.is_in_string {
                let Some(found) = memchr3(b'"', b'\\', b'\n', &text[self.at..]) else {
                    self.at = text.len();
                    return None;
                };
                if text[self.at + found] == b'\n' {
                    self.is_broken = true;
                    return None;
                }
                self.is_escaped = text[self.at + found] == b'\\';
                self.is_in_string = self.is_escaped;
                self.at += found + 1;
                if !self.is_in_string && self.depth == 0 {
                    return Some(self.at);
                }
                continue;
            }
            let byte = text[self.at];
            // What no container is around ends with a separator.
            if self.depth == 0 && self.at > 0 && is_separator(byte) {
                return Some(self.at);
            }
            self.at += 1;
            match byte {
                b'"' => self.is_in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.at);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}' | b'{' | b'[' | b'"' | b':')
}
