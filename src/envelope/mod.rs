//! The document that a subscription filter sends: which log group it is from, and its log events.
//!
//! It is read as it comes out of the inflater, and no log event is kept (DESIGN.md, "Subscription document"). The
//! order of keys is free and unknown keys are passed over. Of a key that stands twice the first
//! counts; of `logEvents` each does, so that no line is lost.
//!
//! Lines that come without a document are made into log events too: [`Lines`].

mod fast;
mod lines;
mod log_event;

use std::fmt;

use crate::json::{self, Grammar, JsonError, Lexer, Role, Token};
use fast::plain_log_event;
pub(crate) use lines::Lines;
pub(crate) use log_event::{LogEvent, MAX_MESSAGE, Message};
use log_event::{Unfinished, string};

/// What the document says about all of its log events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) message_type: Option<MessageType>,
    /// The account that the log group belongs to.
    pub(crate) owner: Option<String>,
    pub(crate) log_group: Option<String>,
    pub(crate) log_stream: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageType {
    Data,
    /// CloudWatch checks whether the destination is there. Nothing of it is a log line.
    Control,
}

impl Header {
    fn is_complete(&self) -> bool {
        self.message_type.is_some()
            && self.owner.is_some()
            && self.log_group.is_some()
            && self.log_stream.is_some()
    }
}

/// Why a document is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnvelopeError {
    Json(JsonError),
    NotAnObject,
    UnknownMessageType,
    LogEventsNotAnArray,
    LogEventNotAnObject,
    Missing(&'static str),
    /// Too many documents of one item have their log events before their header.
    LateHeaders,
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(fault) => fault.fmt(f),
            Self::NotAnObject => f.write_str("expected an object, found another value"),
            Self::UnknownMessageType => f.write_str(
                "expected messageType DATA_MESSAGE or CONTROL_MESSAGE, found another value",
            ),
            Self::LogEventsNotAnArray => {
                f.write_str("expected logEvents to be an array, found another value")
            }
            Self::LogEventNotAnObject => {
                f.write_str("expected a log event to be an object, found another value")
            }
            Self::Missing(key) => write!(f, "the key {key} is missing"),
            Self::LateHeaders => {
                f.write_str("too many documents have logEvents before the other keys")
            }
        }
    }
}

impl From<JsonError> for EnvelopeError {
    fn from(fault: JsonError) -> Self {
        Self::Json(fault)
    }
}

/// Reads one document.
#[derive(Debug)]
pub(crate) struct Envelope {
    lexer: Lexer,
    grammar: Grammar,
    header: Header,
    /// The member of the document that is being read.
    key: Key,
    /// Whether the header was incomplete when the log events began: none of them was handed out.
    deferred: bool,
    saw_log_events: bool,
    event: Unfinished,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    MessageType,
    Owner,
    LogGroup,
    LogStream,
    LogEvents,
    Other,
}

/// How many containers are open around a member of the document, a log event, and its members.
mod depth {
    pub(super) const DOCUMENT: usize = 1;
    pub(super) const LOG_EVENTS: usize = 2;
    pub(super) const LOG_EVENT: usize = 3;
    pub(super) const LOG_EVENT_MEMBER: usize = 4;
}

impl Envelope {
    pub(crate) fn new() -> Self {
        Self {
            lexer: Lexer::new(MAX_MESSAGE),
            grammar: Grammar::new(),
            header: Header::default(),
            key: Key::Other,
            deferred: false,
            saw_log_events: false,
            event: Unfinished::new(),
        }
    }

    /// Begins the first document of a text. A `header` that is known from an earlier pass counts as read.
    pub(crate) fn reset(&mut self, header: Header) {
        self.lexer.reset();
        self.begin(header);
    }

    /// Begins the next document of the same text.
    pub(crate) fn begin(&mut self, header: Header) {
        self.grammar.reset();
        // One that an invalid document has left lies in a piece that is gone.
        self.event.begin();
        self.header = header;
        self.deferred = false;
        self.saw_log_events = false;
    }

    /// How many bytes were read: where a fault is.
    pub(crate) fn offset(&self) -> u64 {
        self.lexer.offset()
    }

    /// Whether the document has ended.
    pub(crate) fn is_complete(&self) -> bool {
        self.grammar.is_complete()
    }

    /// Reads the next piece up to the end of the document, and hands out each log event that it completes. Returns how
    /// many of the piece's bytes the document has.
    ///
    /// Where the log events come before the whole header, none is handed out: [`Self::finish`]
    /// then says that a second pass is needed.
    pub(crate) fn read(
        &mut self,
        piece: &[u8],
        mut sink: impl FnMut(&Header, LogEvent<'_>),
    ) -> Result<usize, EnvelopeError> {
        let mut rest = piece;
        loop {
            if self.expects_log_event()
                && let Some((event, length)) = plain_log_event(rest)
            {
                self.lexer.take(&mut rest, length);
                self.grammar.accept_value();
                sink(&self.header, event);
            }
            let Some(token) = self.lexer.next(&mut rest)? else {
                break;
            };
            let end = piece.len() - rest.len();
            let in_log_events = self.key == Key::LogEvents;
            let in_event = in_log_events && self.grammar.depth() == depth::LOG_EVENT;
            let in_member = in_log_events && self.grammar.depth() == depth::LOG_EVENT_MEMBER;
            let role = self.grammar.accept(&token)?;
            // A member of an event opens and closes deeper, where only the region is looked at.
            let depth = self.grammar.depth();
            match role {
                Role::Key if depth == depth::DOCUMENT => self.key = document_key(&token),
                Role::Key if in_event => self.event.take_key(&token),
                Role::Key if in_member => self.event.take_inner_key(&token),
                Role::Value if in_member => self.event.take_inner_value(&token),
                Role::Value if depth == 0 => return Err(EnvelopeError::NotAnObject),
                Role::Value if depth == depth::DOCUMENT => {
                    set_header(&mut self.header, self.key, &token)?;
                }
                Role::Value if in_log_events && depth == depth::LOG_EVENTS => {
                    return Err(EnvelopeError::LogEventNotAnObject);
                }
                Role::Value if in_event => self.event.take_value(&token, end),
                Role::Open if in_event => self.event.take_container(),
                Role::Open => self.open(depth)?,
                Role::Close if in_event && !self.deferred => {
                    sink(&self.header, self.event.finish(piece));
                }
                Role::Close if depth == 0 => {
                    self.event.begin();
                    return Ok(end);
                }
                Role::Key | Role::Value | Role::Close | Role::Separator => {}
            }
        }
        self.event.keep(piece);
        Ok(piece.len())
    }

    /// Notes that a container was opened, which is the document, a member of it, or a log event; or one that lies
    /// deeper in another member.
    fn open(&mut self, depth: usize) -> Result<(), EnvelopeError> {
        let is_array = self.grammar.in_array();
        match (depth, self.key) {
            (depth::DOCUMENT, _) if is_array => return Err(EnvelopeError::NotAnObject),
            (depth::LOG_EVENTS, Key::LogEvents) => {
                if !is_array {
                    return Err(EnvelopeError::LogEventsNotAnArray);
                }
                self.saw_log_events = true;
                self.deferred |= !self.header.is_complete();
            }
            (depth::LOG_EVENTS, Key::MessageType) => return Err(EnvelopeError::UnknownMessageType),
            (depth::LOG_EVENT, Key::LogEvents) => {
                if is_array {
                    return Err(EnvelopeError::LogEventNotAnObject);
                }
                self.event.begin();
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the next value is a log event that is to be handed out.
    fn expects_log_event(&self) -> bool {
        self.key == Key::LogEvents
            && self.grammar.depth() == depth::LOG_EVENTS
            && self.grammar.expects_value()
            && self.lexer.is_between_tokens()
            && !self.deferred
    }

    /// Says that the document has ended.
    ///
    /// # Errors
    ///
    /// Where it is not whole.
    pub(crate) fn finish(&mut self) -> Result<Finish, EnvelopeError> {
        if let Some(token) = self.lexer.finish()? {
            self.grammar.accept(&token)?;
            return Err(EnvelopeError::NotAnObject);
        }
        if !self.grammar.is_complete() {
            return Err(EnvelopeError::Json(JsonError::Truncated));
        }
        let message_type = self
            .header
            .message_type
            .ok_or(EnvelopeError::Missing("messageType"))?;
        if message_type == MessageType::Data && !self.saw_log_events {
            return Err(EnvelopeError::Missing("logEvents"));
        }
        if self.deferred {
            let header = self.header.clone();
            // What the document does not say at all is unknown in the second pass too.
            return Ok(Finish::SecondPass(Header {
                message_type: header.message_type,
                owner: Some(header.owner.unwrap_or_default()),
                log_group: Some(header.log_group.unwrap_or_default()),
                log_stream: Some(header.log_stream.unwrap_or_default()),
            }));
        }
        Ok(Finish::Done)
    }
}

/// How the reading of a document ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Every log event was handed out.
    Done,
    /// The log events came before the header: read the document again with it.
    SecondPass(Header),
}

fn document_key(token: &Token<'_, '_>) -> Key {
    match string(token) {
        b"messageType" => Key::MessageType,
        b"owner" => Key::Owner,
        b"logGroup" => Key::LogGroup,
        b"logStream" => Key::LogStream,
        b"logEvents" => Key::LogEvents,
        _ => Key::Other,
    }
}

fn set_header(header: &mut Header, key: Key, token: &Token<'_, '_>) -> Result<(), EnvelopeError> {
    let text = || {
        let mut bytes = Vec::new();
        json::unescape(string(token), &mut bytes);
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    match key {
        Key::MessageType if header.message_type.is_none() => {
            header.message_type = match string(token) {
                b"DATA_MESSAGE" => Some(MessageType::Data),
                b"CONTROL_MESSAGE" => Some(MessageType::Control),
                _ => return Err(EnvelopeError::UnknownMessageType),
            };
        }
        Key::Owner if header.owner.is_none() => header.owner = text(),
        Key::LogGroup if header.log_group.is_none() => header.log_group = text(),
        Key::LogStream if header.log_stream.is_none() => header.log_stream = text(),
        Key::LogEvents => return Err(EnvelopeError::LogEventsNotAnArray),
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
