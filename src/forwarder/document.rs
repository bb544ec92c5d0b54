//! One item on its way from the event's text to its log events: base64, then what its first bytes tell, which is
//! gzip, records that were aggregated, documents, or lines.

use std::fmt;
use std::mem;

use crate::envelope::{Envelope, EnvelopeError, Finish, Header, Lines, LogEvent, MessageType};
use crate::error::{Category, Error};
use crate::event::{self, Document, EventError, Form, HEAD, Layer, TextKind};
use crate::gzip::{Gunzip, GzipError, Step};
use crate::json::JsonError;

/// How many inflated bytes are read between two looks at the clock. As log events of two bytes each, which take
/// longest, that is a millisecond or two of work. A log event that is cut takes longer to read, so that smaller
/// pieces cost more.
const PIECE: usize = 64 * 1024;

/// How deep aggregated records may be inside each other. Nobody makes any that are.
const MAX_AGGREGATED: usize = 2;

/// U+FEFF, which some tools put in front of a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How many bytes of headers are kept for a second pass: of a thousand documents whose log events come before their
/// header. AWS writes no such document at all.
const MAX_LATE_HEADERS: usize = 256 * 1024;

/// What comes out of an item, in its order.
pub(crate) enum Part<'a> {
    /// Another document begins. Lines that come without one are together as if they had one.
    Begin,
    LogEvent(&'a Header, LogEvent<'a>),
    /// The document that was begun last is not whole, or nobody knows. Others may follow.
    Broken,
}

/// Where it goes.
type Sink<'s> = &'s mut dyn FnMut(Part<'_>);

/// Reads items, one after the other, in buffers that it keeps.
#[derive(Debug)]
pub(crate) struct Reader {
    gunzip: Gunzip,
    text: TextReader,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            gunzip: Gunzip::new(),
            text: TextReader::new(),
        }
    }

    /// How many bytes came out of what was compressed.
    pub(crate) fn inflated(&self) -> u64 {
        self.gunzip.inflated()
    }

    /// Drives an item through all stages, piece by piece, for as long as it is not `out_of_time`. It may inflate to at
    /// most `limit` bytes.
    ///
    /// A document whose log events come before its header is handed out in a second pass, after the others.
    pub(crate) fn read(
        &mut self,
        document: &Document<'_>,
        limit: u64,
        out_of_time: &dyn Fn() -> bool,
        sink: Sink<'_>,
    ) -> Result<(), DocumentError> {
        self.text.begin_item(document.form);
        loop {
            self.gunzip.reset(limit);
            let mut pass = Pass {
                gunzip: &mut self.gunzip,
                text: &mut self.text,
                out_of_time,
                sink: &mut *sink,
            };
            if let Err(error) = pass.read(document) {
                self.text.give_up(&error, sink);
                return Err(error);
            }
            if !self.text.needs_second_pass() {
                return Ok(());
            }
        }
    }
}

/// Reads an item once.
struct Pass<'a> {
    gunzip: &'a mut Gunzip,
    text: &'a mut TextReader,
    out_of_time: &'a dyn Fn() -> bool,
    sink: Sink<'a>,
}

impl Pass<'_> {
    fn read(&mut self, document: &Document<'_>) -> Result<(), DocumentError> {
        let mut layer = match document.form {
            Form::Subscription => Some(Layer::Compressed),
            Form::Record { .. } => None,
        };
        // An aggregated record is split as a whole. It is no longer than the event.
        let mut aggregated = Vec::new();
        document.data.decode(
            |piece| match layer.get_or_insert_with(|| event::layer(piece)) {
                Layer::Compressed => self.inflate(piece),
                Layer::Text => self.plain(piece),
                Layer::Aggregated => {
                    aggregated.extend_from_slice(piece);
                    Ok(())
                }
            },
        )?;
        match layer {
            Some(Layer::Aggregated) => self.split(&aggregated, MAX_AGGREGATED),
            layer => self.end(layer == Some(Layer::Compressed)),
        }
    }

    /// Reads the user records of an aggregated one. What is wrong with one of them costs that one.
    #[cold]
    fn split(&mut self, record: &[u8], depth: usize) -> Result<(), DocumentError> {
        let records = match depth.checked_sub(1) {
            Some(_) => event::user_records(record).map_err(DocumentError::Aggregated)?,
            None => return Err(DocumentError::Aggregated(0)),
        };
        let mut result = Ok(());
        for record in records {
            let layer = event::layer(record);
            let read = match layer {
                Layer::Compressed => {
                    self.gunzip.begin_stream();
                    self.text.is_in_lines = false;
                    self.inflate(record)
                }
                Layer::Text => self.plain(record),
                Layer::Aggregated => self.split(record, depth - 1),
            };
            let read = match layer {
                Layer::Aggregated => read,
                _ => read.and_then(|()| self.end(layer == Layer::Compressed)),
            };
            match read {
                Ok(()) => {}
                Err(error @ DocumentError::OutOfTime(_)) => return Err(error),
                Err(error) => {
                    self.text.give_up(&error, self.sink);
                    result = result.and(Err(error));
                }
            }
            self.text.begin_record();
        }
        result
    }

    fn inflate(&mut self, mut piece: &[u8]) -> Result<(), DocumentError> {
        self.text.was_compressed = true;
        loop {
            let offset = self.gunzip.offset();
            match self.gunzip.step(&mut piece) {
                Ok(Step::NeedInput) if (self.out_of_time)() => {
                    return Err(DocumentError::OutOfTime(self.text.offset()));
                }
                Ok(Step::NeedInput) => return Ok(()),
                Ok(Step::Output(bytes)) => {
                    for bytes in bytes.chunks(PIECE) {
                        if (self.out_of_time)() {
                            return Err(DocumentError::OutOfTime(self.text.offset()));
                        }
                        self.text.read(bytes, self.sink)?;
                    }
                }
                Err(error) => return Err(DocumentError::Gzip(error, offset)),
            }
        }
    }

    fn plain(&mut self, piece: &[u8]) -> Result<(), DocumentError> {
        self.text.was_compressed = false;
        for bytes in piece.chunks(PIECE) {
            if (self.out_of_time)() {
                return Err(DocumentError::OutOfTime(self.text.offset()));
            }
            self.text.read(bytes, self.sink)?;
        }
        Ok(())
    }

    fn end(&mut self, is_compressed: bool) -> Result<(), DocumentError> {
        if is_compressed {
            let end = self.gunzip.finish();
            end.map_err(|error| DocumentError::Gzip(error, self.gunzip.offset()))?;
        }
        self.text.finish(self.sink)
    }
}

/// Reads a text, in pieces of any size: documents one after the other, with or without whitespace between them, or
/// lines.
#[derive(Debug)]
pub(crate) struct TextReader {
    envelope: Envelope,
    lines: Lines,
    form: Form,
    state: State,
    /// The first bytes of a text that has not been told yet.
    head: Vec<u8>,
    /// The whitespace before them.
    skipped: u64,
    /// How many documents have begun in this pass.
    documents: usize,
    /// How many bytes of a byte order mark the text has begun with, up to its first other byte.
    mark: usize,
    was_compressed: bool,
    /// Those whose log events came before their header, by their numbers, with what they say of themselves.
    late: Vec<(usize, Header)>,
    late_bytes: usize,
    /// In the second pass, which hands out only these: those that are left, the next one last.
    is_second_pass: bool,
    /// Of the document that is being read nothing is handed out.
    is_muted: bool,
    /// The lines that were handed out last belong together with further ones.
    is_in_lines: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// What the text is has not been told yet.
    Unknown,
    /// Before the first document, or after one.
    Between,
    Document,
    Lines,
}

impl TextReader {
    pub(crate) fn new() -> Self {
        Self {
            envelope: Envelope::new(),
            lines: Lines::default(),
            form: Form::Subscription,
            state: State::Between,
            head: Vec::new(),
            skipped: 0,
            mark: 0,
            was_compressed: false,
            documents: 0,
            late: Vec::new(),
            late_bytes: 0,
            is_second_pass: false,
            is_muted: false,
            is_in_lines: false,
        }
    }

    /// Begins the text of another item.
    pub(crate) fn begin_item(&mut self, form: Form) {
        self.form = form;
        self.late.clear();
        self.late_bytes = 0;
        self.is_second_pass = false;
        self.begin_pass();
    }

    /// Whether documents are left for a second pass, which then begins.
    pub(crate) fn needs_second_pass(&mut self) -> bool {
        if self.is_second_pass || self.late.is_empty() {
            return false;
        }
        self.is_second_pass = true;
        self.late.reverse();
        self.begin_pass();
        true
    }

    fn begin_pass(&mut self) {
        self.documents = 0;
        self.is_in_lines = false;
        self.begin_record();
    }

    /// Begins another text of the same item.
    fn begin_record(&mut self) {
        self.state = match self.form {
            Form::Subscription => State::Between,
            Form::Record { .. } => State::Unknown,
        };
        self.head.clear();
        self.lines.clear();
        self.mark = 0;
        self.skipped = 0;
        self.envelope.reset(Header::default());
    }

    fn offset(&self) -> u64 {
        self.skipped + self.envelope.offset()
    }

    /// Reads the next piece. A byte order mark in front of the text is dropped.
    pub(crate) fn read(&mut self, mut bytes: &[u8], sink: Sink<'_>) -> Result<(), DocumentError> {
        while let Some(&expected) = BYTE_ORDER_MARK.get(self.mark) {
            match bytes.split_first() {
                None => return Ok(()),
                Some((&byte, rest)) if byte == expected => {
                    self.mark += 1;
                    self.skipped += 1;
                    bytes = rest;
                }
                Some(_) => self.read_begin_of_mark(sink)?,
            }
        }
        self.read_text(bytes, sink)
    }

    /// Reads what has looked like a byte order mark, and is none.
    fn read_begin_of_mark(&mut self, sink: Sink<'_>) -> Result<(), DocumentError> {
        let begin = &BYTE_ORDER_MARK[..self.mark];
        self.mark = BYTE_ORDER_MARK.len();
        self.skipped = 0;
        self.read_text(begin, sink)
    }

    fn read_text(&mut self, mut bytes: &[u8], sink: Sink<'_>) -> Result<(), DocumentError> {
        if self.state == State::Unknown {
            if self.head.is_empty() {
                let text = bytes.trim_ascii_start();
                self.skipped += (bytes.len() - text.len()) as u64;
                bytes = text;
            }
            let missing = HEAD - self.head.len();
            let (head, rest) = bytes.split_at(missing.min(bytes.len()));
            self.head.extend_from_slice(head);
            if self.head.len() < HEAD {
                return Ok(());
            }
            self.tell(sink)?;
            bytes = rest;
        }
        match self.state {
            State::Lines => {
                self.read_lines(bytes, sink);
                Ok(())
            }
            _ => self.read_documents(bytes, sink),
        }
    }

    /// Tells what the text is, and reads the bytes that tell it.
    fn tell(&mut self, sink: Sink<'_>) -> Result<(), DocumentError> {
        let kind = event::text_kind(&self.head, self.was_compressed);
        let kind = kind.map_err(|at| DocumentError::NotText(self.skipped + at as u64))?;
        let head = mem::take(&mut self.head);
        let result = match kind {
            TextKind::Documents => {
                self.state = State::Between;
                self.read_documents(&head, sink)
            }
            TextKind::Lines => {
                self.state = State::Lines;
                self.is_muted = self.is_second_pass;
                if !mem::replace(&mut self.is_in_lines, true) && !self.is_muted {
                    sink(Part::Begin);
                }
                self.read_lines(&head, sink);
                Ok(())
            }
        };
        self.head = head;
        result
    }

    fn read_lines(&mut self, bytes: &[u8], sink: Sink<'_>) {
        if let Form::Record { arrived } = self.form
            && !self.is_second_pass
        {
            self.lines.read(bytes, arrived, &mut |line| {
                sink(Part::LogEvent(&NO_DOCUMENT, line));
            });
        }
    }

    fn read_documents(&mut self, mut bytes: &[u8], sink: Sink<'_>) -> Result<(), DocumentError> {
        loop {
            if self.state == State::Between {
                let text = bytes.trim_ascii_start();
                self.skipped += (bytes.len() - text.len()) as u64;
                bytes = text;
                match bytes.first() {
                    None => return Ok(()),
                    Some(b'{') => self.begin_document(sink),
                    Some(_) if self.documents == 0 => self.begin_document(sink),
                    Some(_) => return self.fail(JsonError::TrailingText.into()),
                }
            }
            let is_muted = self.is_muted;
            let read = self.envelope.read(bytes, |header, event| {
                if !is_muted {
                    sink(Part::LogEvent(header, event));
                }
            });
            let length = match read {
                Ok(length) => length,
                Err(error) => return self.fail(error),
            };
            if !self.envelope.is_complete() {
                return Ok(());
            }
            bytes = &bytes[length..];
            self.finish_document()?;
            self.state = State::Between;
        }
    }

    fn begin_document(&mut self, sink: Sink<'_>) {
        let number = self.documents;
        self.documents += 1;
        self.is_in_lines = false;
        let known = self
            .late
            .pop_if(|late| self.is_second_pass && late.0 == number);
        self.is_muted = self.is_second_pass && known.is_none();
        self.envelope
            .begin(known.map(|late| late.1).unwrap_or_default());
        self.state = State::Document;
        if !self.is_muted {
            sink(Part::Begin);
        }
    }

    fn finish_document(&mut self) -> Result<(), DocumentError> {
        match self.envelope.finish() {
            Err(error) => self.fail(error),
            Ok(Finish::SecondPass(header)) if !self.is_second_pass => {
                let texts = [&header.owner, &header.log_group, &header.log_stream];
                let texts = texts.into_iter().flatten().map(String::len);
                self.late_bytes += size_of::<Header>() + texts.sum::<usize>();
                if self.late_bytes > MAX_LATE_HEADERS {
                    return self.fail(EnvelopeError::LateHeaders);
                }
                self.late.push((self.documents - 1, header));
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    #[cold]
    fn fail(&self, error: EnvelopeError) -> Result<(), DocumentError> {
        Err(DocumentError::Document(error, self.offset()))
    }

    /// Says that the text has ended.
    pub(crate) fn finish(&mut self, sink: Sink<'_>) -> Result<(), DocumentError> {
        if self.mark < BYTE_ORDER_MARK.len() {
            self.read_begin_of_mark(sink)?;
        }
        if self.state == State::Unknown && !self.head.is_empty() {
            self.tell(sink)?;
        }
        match (self.state, self.form) {
            (State::Lines, Form::Record { arrived }) if !self.is_second_pass => {
                self.lines.finish(arrived, &mut |line| {
                    sink(Part::LogEvent(&NO_DOCUMENT, line));
                });
                Ok(())
            }
            (State::Document, _) => self.finish_document(),
            (State::Between, _) if self.documents == 0 => self.fail(JsonError::Truncated.into()),
            _ => Ok(()),
        }
    }

    /// Gives up a text that can't be read to its end. What was compressed is nothing to rely on without its checksum;
    /// lines, and the document before, are whole otherwise.
    #[cold]
    fn give_up(&self, error: &DocumentError, sink: Sink<'_>) {
        let is_broken = match self.state {
            State::Unknown => false,
            State::Document => true,
            State::Between | State::Lines => matches!(error, DocumentError::Gzip(..)),
        };
        if is_broken && !self.is_muted {
            sink(Part::Broken);
        }
    }
}

/// What lines that come without a document have in its place.
static NO_DOCUMENT: Header = Header {
    message_type: Some(MessageType::Data),
    owner: None,
    log_group: None,
    log_stream: None,
};

/// Why an item can't be read, and at which byte of its stage.
#[derive(Debug)]
pub(crate) enum DocumentError {
    /// The event, or the item, carries none.
    Event(EventError),
    Base64(EventError),
    Gzip(GzipError, u64),
    Aggregated(usize),
    Document(EnvelopeError, u64),
    NotText(u64),
    /// It may be valid: nobody has read it to its end.
    OutOfTime(u64),
}

impl DocumentError {
    pub(super) fn category(&self) -> Category {
        match self {
            Self::OutOfTime(_) => Category::Undelivered,
            Self::Event(EventError::Unsupported(_) | EventError::Elsewhere(_)) => {
                Category::UnsupportedEvent
            }
            _ => Category::InvalidEvent,
        }
    }

    pub(super) fn stage(&self) -> &'static str {
        match self {
            Self::Event(_) => "read the event",
            Self::Base64(_) => "decode the event's base64",
            Self::Gzip(..) => "decompress the event",
            Self::Aggregated(_) => "split the aggregated record",
            Self::Document(..) => "read the log document",
            Self::NotText(_) => "read the record",
            Self::OutOfTime(_) => "read the log document to its end",
        }
    }
}

impl From<DocumentError> for Error {
    #[cold]
    fn from(error: DocumentError) -> Self {
        Self::new(error.category(), error.stage(), error.to_string())
    }
}

impl From<EventError> for DocumentError {
    fn from(error: EventError) -> Self {
        Self::Base64(error)
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(error) | Self::Base64(error) => error.fmt(f),
            Self::Gzip(error, offset) => write!(f, "{error}, at compressed byte {offset}"),
            Self::Aggregated(offset) => write!(
                f,
                "what the Kinesis Producer Library has aggregated is not whole, or is so twice, at byte {offset}"
            ),
            Self::Document(error, offset) => write!(f, "{error}, at inflated byte {offset}"),
            Self::NotText(offset) => write!(
                f,
                "expected gzip, zlib, an aggregated record, a document or lines of text, found a byte that no text \
                 has, at byte {offset}"
            ),
            Self::OutOfTime(offset) => write!(
                f,
                "the time of the invocation was over while the document was read, at inflated byte {offset}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#""messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s""#;

    /// The timestamps of the log events in their order, with a `|` where a document begins.
    fn read(text: &str) -> Result<String, DocumentError> {
        let mut reader = TextReader::new();
        reader.begin_item(Form::Record { arrived: Some(7) });
        let mut found = String::new();
        let mut sink = |part: Part<'_>| match part {
            Part::Begin => found.push('|'),
            Part::LogEvent(_, event) => {
                found += &event.timestamp.unwrap_or_default().to_string();
            }
            Part::Broken => found.push('!'),
        };
        loop {
            for piece in text.as_bytes().chunks(100) {
                reader.read(piece, &mut sink)?;
            }
            reader.finish(&mut sink)?;
            if !reader.needs_second_pass() {
                return Ok(found);
            }
        }
    }

    #[test]
    fn late_headers_are_read_in_a_second_pass_which_hands_out_nothing_else() {
        let early =
            |n: u8| format!(r#"{{{HEAD},"logEvents":[{{"timestamp":{n},"message":"a"}}]}}"#);
        let late = |n: u8| format!(r#"{{"logEvents":[{{"timestamp":{n},"message":"a"}}],{HEAD}}}"#);
        for (name, text, expected) in [
            ("none", early(1) + &early(2), "|1|2"),
            ("one", late(1), "||1"),
            (
                "between others",
                [early(1), late(2), early(3), late(4), early(5)].join("\n"),
                "|1||3||5|2|4",
            ),
            ("lines", "a\nb\n".to_string(), "|77"),
        ] {
            assert_eq!(read(&text).unwrap(), expected, "{name}");
        }
        // As many as anybody could send do not fill the memory.
        let many = late(1).repeat(MAX_LATE_HEADERS / size_of::<Header>() + 1);
        let error = read(&many).unwrap_err().to_string();
        assert!(error.contains("too many documents"), "{error}");
    }
}
