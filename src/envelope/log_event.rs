//! One log event of a document, and how it is put together member by member.

use crate::json::{Text, Token};

/// The longest `message` that is read, as it stands in the document, still escaped. API Gateway's
/// format template may have 3 KB and its whole request 10 KB, so that no line comes near this.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024;

/// CloudWatch's ids have 56 digits. A longer one is not used.
pub(super) const MAX_ID: usize = 128;

/// Regions have names of up to 17 bytes. A longer one is not used.
const MAX_REGION: usize = 32;

/// One log event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogEvent<'a> {
    /// Unique, and not settable by a caller of the API.
    pub(crate) id: Option<&'a [u8]>,
    /// Unix time in milliseconds.
    pub(crate) timestamp: Option<i64>,
    /// The region that it was logged in, where the subscription filter emits `@aws.region`.
    pub(crate) region: Option<&'a [u8]>,
    pub(crate) message: Message<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// As it stands in the document, still escaped.
    Escaped(&'a [u8]),
    /// Longer than [`MAX_MESSAGE`].
    TooLong,
    /// There is none, or it is not a string.
    Absent,
}

/// The log event that is being read. Of a member that stands twice the first counts.
#[derive(Debug)]
pub(super) struct Unfinished {
    /// The member that is being read.
    key: Key,
    id: Vec<u8>,
    timestamp: Option<i64>,
    region: Vec<u8>,
    /// The member of `extractedFields` that is being read is the region.
    is_region: bool,
    message: Held,
    /// The message, where it could not be borrowed until its event ended.
    buffer: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Id,
    Timestamp,
    Message,
    ExtractedFields,
    Other,
}

/// Where the message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Nowhere,
    /// In the piece that is being read, from and to.
    Piece(usize, usize),
    Buffer,
    TooLong,
    /// It came, and is no string.
    Unusable,
}

impl Unfinished {
    pub(super) fn new() -> Self {
        Self {
            key: Key::Other,
            id: Vec::new(),
            timestamp: None,
            region: Vec::new(),
            is_region: false,
            message: Held::Nowhere,
            buffer: Vec::new(),
        }
    }

    /// Begins the next log event.
    pub(super) fn begin(&mut self) {
        self.id.clear();
        self.timestamp = None;
        self.region.clear();
        self.message = Held::Nowhere;
    }

    /// Takes the key of a member.
    pub(super) fn take_key(&mut self, key: &Token<'_, '_>) {
        self.key = match string(key) {
            b"id" => Key::Id,
            b"timestamp" => Key::Timestamp,
            b"message" => Key::Message,
            b"extractedFields" => Key::ExtractedFields,
            _ => Key::Other,
        };
    }

    /// Takes the value of a member, which ends at `end` in the piece that is being read.
    pub(super) fn take_value(&mut self, value: &Token<'_, '_>, end: usize) {
        match self.key {
            Key::Id => {
                let text = string(value);
                // A backslash would begin an escape, which no id has.
                if self.id.is_empty() && text.len() <= MAX_ID && !text.contains(&b'\\') {
                    self.id.extend_from_slice(text);
                }
            }
            Key::Timestamp => self.timestamp = self.timestamp.or_else(|| timestamp(value)),
            Key::Message if self.message == Held::Nowhere => {
                self.message = match value {
                    // The closing quote is the last byte that was consumed.
                    Token::String(Text::Borrowed(text)) => {
                        Held::Piece(end - 1 - text.len(), end - 1)
                    }
                    Token::String(Text::Copied(text)) => {
                        self.buffer.clear();
                        self.buffer.extend_from_slice(text);
                        Held::Buffer
                    }
                    Token::LongString => Held::TooLong,
                    _ => Held::Unusable,
                };
            }
            Key::Message | Key::ExtractedFields | Key::Other => {}
        }
    }

    /// Takes the key of a member of a member.
    pub(super) fn take_inner_key(&mut self, key: &Token<'_, '_>) {
        self.is_region = self.key == Key::ExtractedFields && string(key) == b"@aws.region";
    }

    /// Takes the value of a member of a member.
    pub(super) fn take_inner_value(&mut self, value: &Token<'_, '_>) {
        let text = string(value);
        if std::mem::take(&mut self.is_region) && self.region.is_empty() && text.len() <= MAX_REGION
        {
            self.region.extend_from_slice(text);
        }
    }

    /// Notes that the member is an object or an array: as a message it is nothing that could be an access-log
    /// line.
    pub(super) fn take_container(&mut self) {
        if self.key == Key::Message && self.message == Held::Nowhere {
            self.message = Held::Unusable;
        }
    }

    /// Keeps what lies in the piece that was read: the event goes on in the next one, and this one is gone by
    /// then.
    pub(super) fn keep(&mut self, piece: &[u8]) {
        if let Held::Piece(from, to) = self.message {
            self.buffer.clear();
            self.buffer.extend_from_slice(&piece[from..to]);
            self.message = Held::Buffer;
        }
    }

    /// The log event, which has ended in this piece.
    pub(super) fn finish<'a>(&'a self, piece: &'a [u8]) -> LogEvent<'a> {
        LogEvent {
            id: Some(&self.id[..]).filter(|id| !id.is_empty()),
            timestamp: self.timestamp,
            region: Some(&self.region[..]).filter(|region| !region.is_empty()),
            message: match self.message {
                Held::Nowhere | Held::Unusable => Message::Absent,
                Held::TooLong => Message::TooLong,
                Held::Piece(from, to) => Message::Escaped(&piece[from..to]),
                Held::Buffer => Message::Escaped(&self.buffer),
            },
        }
    }
}

/// The content of a string. An escaped spelling of a key that we know does not occur, and a key that
/// is too long is none that we know.
pub(super) fn string<'t>(token: &'t Token<'_, '_>) -> &'t [u8] {
    match token {
        Token::String(text) => text.bytes(),
        _ => b"",
    }
}

fn timestamp(token: &Token<'_, '_>) -> Option<i64> {
    let (Token::Scalar(text) | Token::String(text)) = token else {
        return None;
    };
    str::from_utf8(text.bytes()).ok()?.parse().ok()
}
