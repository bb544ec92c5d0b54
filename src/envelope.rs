//! The document that a subscription filter sends: which log group it is from, and its log events.
//!
//! It is read as it comes out of the inflater, and no log event is kept (`aws-wire.md` §2.2). The
//! order of keys is free and unknown keys are passed over. Of a key that stands twice the first
//! counts; of `logEvents` each does, so that no line is lost.

use std::fmt;

use crate::json::{self, Grammar, Lexer, Role, Text, Token};

/// The longest `message` that is read, as it stands in the document, still escaped. API Gateway's
/// format template may have 3 KB and its whole request 10 KB, so that no line comes near this.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024;

/// CloudWatch's ids have 56 digits. A longer one is not used.
const MAX_ID: usize = 128;

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

/// One log event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogEvent<'a> {
    /// Unique, and not settable by a caller of the API.
    pub(crate) id: Option<&'a [u8]>,
    /// Unix time in milliseconds.
    pub(crate) timestamp: Option<i64>,
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

/// Why a document is not sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Json(json::Fault),
    NotAnObject,
    UnknownMessageType,
    LogEventsNotAnArray,
    LogEventNotAnObject,
    Missing(&'static str),
}

impl fmt::Display for Fault {
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
        }
    }
}

impl From<json::Fault> for Fault {
    fn from(fault: json::Fault) -> Self {
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
    /// The member of the log event that is being read.
    event_key: EventKey,
    /// Whether the header was incomplete when the log events began: none of them was handed out.
    deferred: bool,
    saw_log_events: bool,

    // The log event that is being read.
    id: Vec<u8>,
    timestamp: Option<i64>,
    message: Held,
    /// The message, where it could not be borrowed until its event ended.
    buffer: Vec<u8>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventKey {
    Id,
    Timestamp,
    Message,
    Other,
}

/// Where the message of the unfinished log event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Nowhere,
    /// In the input of this call, from and to.
    Input(usize, usize),
    Buffer,
    TooLong,
    /// It came, and is no string.
    Unusable,
}

/// How many containers are open around a member of the document, a log event, and its members.
mod depth {
    pub(super) const DOCUMENT: usize = 1;
    pub(super) const LOG_EVENTS: usize = 2;
    pub(super) const LOG_EVENT: usize = 3;
}

impl Envelope {
    pub(crate) fn new() -> Self {
        Self {
            lexer: Lexer::new(MAX_MESSAGE),
            grammar: Grammar::new(),
            header: Header::default(),
            key: Key::Other,
            event_key: EventKey::Other,
            deferred: false,
            saw_log_events: false,
            id: Vec::new(),
            timestamp: None,
            message: Held::Nowhere,
            buffer: Vec::new(),
        }
    }

    /// Begins a new document. A `header` that is known from an earlier pass counts as read.
    pub(crate) fn reset(&mut self, header: Header) {
        self.lexer.reset();
        self.grammar.reset();
        self.header = header;
        self.deferred = false;
        self.saw_log_events = false;
    }

    /// How many bytes were read: where a fault is.
    pub(crate) fn offset(&self) -> u64 {
        self.lexer.offset()
    }

    /// Reads the next piece, and hands out each log event that it completes.
    ///
    /// Where the log events come before the whole header, none is handed out: [`Self::finish`]
    /// then says that a second pass is needed.
    pub(crate) fn read(
        &mut self,
        piece: &[u8],
        mut sink: impl FnMut(&Header, LogEvent<'_>),
    ) -> Result<(), Fault> {
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
            let in_event = self.key == Key::LogEvents && self.grammar.depth() == depth::LOG_EVENT;
            let role = self.grammar.accept(&token)?;
            match (role, self.grammar.depth()) {
                (Role::Separator, _) => {}
                (Role::Value, 0) => return Err(Fault::NotAnObject),
                (Role::Open, depth::DOCUMENT) if self.grammar.in_array() => {
                    return Err(Fault::NotAnObject);
                }
                (Role::Key, depth::DOCUMENT) => self.key = document_key(&token),
                (Role::Value, depth::DOCUMENT) => {
                    set_header(&mut self.header, self.key, &token)?;
                }
                (Role::Open, depth::LOG_EVENTS) => match self.key {
                    Key::LogEvents if self.grammar.in_array() => {
                        self.saw_log_events = true;
                        self.deferred |= !self.header.is_complete();
                    }
                    Key::LogEvents => return Err(Fault::LogEventsNotAnArray),
                    Key::MessageType => return Err(Fault::UnknownMessageType),
                    _ => {}
                },
                (Role::Value, depth::LOG_EVENTS) if self.key == Key::LogEvents => {
                    return Err(Fault::LogEventNotAnObject);
                }
                (Role::Open, depth::LOG_EVENT) if self.key == Key::LogEvents => {
                    if self.grammar.in_array() {
                        return Err(Fault::LogEventNotAnObject);
                    }
                    self.id.clear();
                    self.timestamp = None;
                    self.message = Held::Nowhere;
                }
                (Role::Key, depth::LOG_EVENT) if in_event => self.event_key = event_key(&token),
                (Role::Value, depth::LOG_EVENT) if in_event => match self.event_key {
                    EventKey::Id => set_id(&mut self.id, &token),
                    EventKey::Timestamp => {
                        self.timestamp = self.timestamp.or_else(|| timestamp(&token));
                    }
                    EventKey::Message if self.message == Held::Nowhere => {
                        self.message = match token {
                            Token::String(Text::Borrowed(text)) => {
                                // The closing quote is the last byte that was consumed.
                                Held::Input(end - 1 - text.len(), end - 1)
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
                    EventKey::Message | EventKey::Other => {}
                },
                // An object or array as a message: nothing that could be an access-log line.
                (Role::Open, _)
                    if in_event
                        && self.event_key == EventKey::Message
                        && self.message == Held::Nowhere =>
                {
                    self.message = Held::Unusable;
                }
                (Role::Close, depth::LOG_EVENTS) if in_event && !self.deferred => {
                    let event = LogEvent {
                        id: Some(&self.id[..]).filter(|id| !id.is_empty()),
                        timestamp: self.timestamp,
                        message: match self.message {
                            Held::Nowhere | Held::Unusable => Message::Absent,
                            Held::TooLong => Message::TooLong,
                            Held::Input(from, to) => Message::Escaped(&piece[from..to]),
                            Held::Buffer => Message::Escaped(&self.buffer),
                        },
                    };
                    sink(&self.header, event);
                }
                _ => {}
            }
        }
        if let Held::Input(from, to) = self.message {
            // The event goes on in the next piece, and this one is gone by then.
            self.buffer.clear();
            self.buffer.extend_from_slice(&piece[from..to]);
            self.message = Held::Buffer;
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
    pub(crate) fn finish(&mut self) -> Result<Finish, Fault> {
        if let Some(token) = self.lexer.finish()? {
            self.grammar.accept(&token)?;
            return Err(Fault::NotAnObject);
        }
        if !self.grammar.is_complete() {
            return Err(Fault::Json(json::Fault::Truncated));
        }
        let message_type = self
            .header
            .message_type
            .ok_or(Fault::Missing("messageType"))?;
        if message_type == MessageType::Data && !self.saw_log_events {
            return Err(Fault::Missing("logEvents"));
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

/// The fast path, for what nearly every log event is: at the front of `text`, whole, and byte for
/// byte as CloudWatch writes it. Also gives its length. `None`: the lexer has to look.
///
/// It takes 1,300 instructions (x86-64) where the lexer and the grammar take 5,000 for the same
/// tokens; the tests hold it to what those say.
fn plain_log_event(text: &[u8]) -> Option<(LogEvent<'_>, usize)> {
    const ID: usize = 56;
    /// A number of so many digits fits into 64 bits.
    const MAX_DIGITS: usize = 18;
    let rest = text.strip_prefix(b"{\"id\":\"")?;
    let (id, rest) = rest.split_at_checked(ID)?;
    // Without an early end, so that the compiler makes vector instructions of it.
    if !id
        .iter()
        .fold(true, |all, byte| all & byte.is_ascii_digit())
    {
        return None;
    }
    let rest = rest.strip_prefix(b"\",\"timestamp\":")?;
    let digits = rest.iter().take(MAX_DIGITS);
    let digits = digits.take_while(|byte| byte.is_ascii_digit()).count();
    let (timestamp, rest) = rest.split_at(digits);
    if matches!(timestamp, [] | [b'0', ..]) {
        return None;
    }
    let timestamp = timestamp
        .iter()
        .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    let rest = rest.strip_prefix(b",\"message\":\"")?;
    let end = json::string_end(rest, false).ok()?;
    if end > MAX_MESSAGE {
        return None;
    }
    let (message, rest) = rest.split_at(end);
    let rest = rest.strip_prefix(b"\"}")?;
    let event = LogEvent {
        id: Some(id),
        timestamp: Some(timestamp),
        message: Message::Escaped(message),
    };
    Some((event, text.len() - rest.len()))
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

fn event_key(token: &Token<'_, '_>) -> EventKey {
    match string(token) {
        b"id" => EventKey::Id,
        b"timestamp" => EventKey::Timestamp,
        b"message" => EventKey::Message,
        _ => EventKey::Other,
    }
}

/// The content of a key. An escaped spelling of a name that we know does not occur, and a key that
/// is too long is none that we know.
fn string<'t>(token: &'t Token<'_, '_>) -> &'t [u8] {
    match token {
        Token::String(text) => text.bytes(),
        _ => b"",
    }
}

fn set_header(header: &mut Header, key: Key, token: &Token<'_, '_>) -> Result<(), Fault> {
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
                _ => return Err(Fault::UnknownMessageType),
            };
        }
        Key::Owner if header.owner.is_none() => header.owner = text(),
        Key::LogGroup if header.log_group.is_none() => header.log_group = text(),
        Key::LogStream if header.log_stream.is_none() => header.log_stream = text(),
        Key::LogEvents => return Err(Fault::LogEventsNotAnArray),
        _ => {}
    }
    Ok(())
}

fn set_id(id: &mut Vec<u8>, token: &Token<'_, '_>) {
    let text = string(token);
    // A backslash would begin an escape, which no id has.
    if id.is_empty() && text.len() <= MAX_ID && !text.contains(&b'\\') {
        id.extend_from_slice(text);
    }
}

fn timestamp(token: &Token<'_, '_>) -> Option<i64> {
    let (Token::Scalar(text) | Token::String(text)) = token else {
        return None;
    };
    str::from_utf8(text.bytes()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The log events as text, and what the header was.
    fn read_pieces(pieces: &[&[u8]]) -> Result<(Header, Vec<String>), Fault> {
        let mut envelope = Envelope::new();
        let mut header = Header::default();
        loop {
            let mut events = Vec::new();
            envelope.reset(header);
            for piece in pieces {
                envelope.read(piece, |header, event| {
                    assert!(header.is_complete());
                    events.push(format!(
                        "{} {} {}",
                        event.id.map_or_else(|| "-".into(), String::from_utf8_lossy),
                        event
                            .timestamp
                            .map_or_else(|| "-".into(), |t| t.to_string()),
                        match event.message {
                            Message::Escaped(text) => String::from_utf8_lossy(text).into_owned(),
                            Message::TooLong => "<long>".into(),
                            Message::Absent => "<absent>".into(),
                        }
                    ));
                })?;
            }
            match envelope.finish()? {
                Finish::Done => return Ok((envelope.header, events)),
                Finish::SecondPass(known) => {
                    assert!(events.is_empty());
                    header = known;
                }
            }
        }
    }

    /// Every case runs whole, byte by byte, and cut in two at every place.
    #[track_caller]
    fn check(text: &str, expected: Result<&[&str], Fault>) {
        let events = |pieces: &[&[u8]]| read_pieces(pieces).map(|(_, events)| events);
        let expected =
            expected.map(|events| events.iter().map(|e| (*e).to_string()).collect::<Vec<_>>());
        let bytes = text.as_bytes();
        assert_eq!(events(&[bytes]), expected, "whole");
        assert_eq!(
            events(&bytes.chunks(1).collect::<Vec<_>>()),
            expected,
            "byte by byte"
        );
        for at in 0..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(events(&[head, tail]), expected, "cut at {at}");
        }
    }

    const HEAD: &str = r#""messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/apigateway/x","logStream":"a5d7","subscriptionFilters":["f"]"#;
    const EVENTS: &str = r#""logEvents":[{"id":"371","timestamp":1440442987000,"message":"{\"a\":\"b\"}"},{"id":"372","timestamp":1440442987001,"message":"two"}]"#;
    const BOTH: &[&str] = &[
        r#"371 1440442987000 {\"a\":\"b\"}"#,
        "372 1440442987001 two",
    ];

    #[test]
    fn documents() {
        check(&format!("{{{HEAD},{EVENTS}}}"), Ok(BOTH));
        check(
            &format!("{{{HEAD},{EVENTS},\"policyLevel\":\"ACCOUNT_LEVEL_POLICY\"}}"),
            Ok(BOTH),
        );
        check(&format!("{{{HEAD},\"logEvents\":[]}}"), Ok(&[]));
        check(
            &format!("{{\"x\":{{\"logEvents\":[{{\"id\":\"9\"}}],\"y\":[[1]]}},{HEAD},{EVENTS}}}"),
            Ok(BOTH),
        );
    }

    /// The fast path needs a log event in one piece; read byte by byte, the lexer has them all.
    #[test]
    fn log_events_as_cloudwatch_writes_them_equal_what_the_lexer_reads() {
        let id = |n: usize| format!("{n:056}");
        let event = |n: usize, message: &str| {
            format!(
                r#"{{"id":"{}","timestamp":1440442987{n:03},"message":"{message}"}}"#,
                id(n)
            )
        };
        let message = r#"{ \"path\": \"/a\\u00e9\", \"userAgent\": \"x \\\"y\\\" z\\\\\" }"#;
        let events = [event(1, message), event(2, ""), event(3, message)].join(",");
        let text = format!("{{{HEAD},\"logEvents\":[{events}],\"x\":1}}");
        let first = event(1, message);
        let (_, length) = plain_log_event(first.as_bytes()).unwrap();
        assert_eq!(length, first.len());
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut sound = 0;
        for _ in 0..30_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut bytes = text.clone().into_bytes();
            for round in 0..random % 3 {
                let at = usize::try_from(random >> (20 + round)).unwrap() % bytes.len();
                let other = b"{}[],:\"\\01.e- tnx"[usize::try_from(random >> 8).unwrap() % 17];
                match (random >> 4) % 4 {
                    0 => drop(bytes.remove(at)),
                    1 => bytes[at] = other,
                    2 => bytes.insert(at, other),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            let by_byte = read_pieces(&bytes.chunks(1).collect::<Vec<_>>());
            let text = String::from_utf8_lossy(&bytes);
            assert_eq!(read_pieces(&[&bytes]), by_byte, "{text}");
            sound += usize::from(by_byte.is_ok());
        }
        assert!(sound > 10_000, "{sound}");
    }

    #[test]
    fn key_order_is_free() {
        check(&format!("{{{EVENTS},{HEAD}}}"), Ok(BOTH));
        check(
            &format!(r#"{{"owner":"1","messageType":"DATA_MESSAGE",{EVENTS}}}"#),
            Ok(BOTH),
        );
        check(
            &format!(
                r#"{{{HEAD},"logEvents":[{{"message":"m","extractedFields":{{"message":"x","id":null}},"timestamp":5,"id":"7"}}]}}"#
            ),
            Ok(&["7 5 m"]),
        );
        let (header, _) = read_pieces(&[format!("{{{EVENTS},{HEAD}}}").as_bytes()]).unwrap();
        assert_eq!(header.log_group.as_deref(), Some("/aws/apigateway/x"));
        assert_eq!(header.owner.as_deref(), Some("123456789012"));
        assert_eq!(header.log_stream.as_deref(), Some("a5d7"));
    }

    #[test]
    fn events_that_lack_something() {
        let with = |event: &str| format!("{{{HEAD},\"logEvents\":[{event}]}}");
        check(&with("{}"), Ok(&["- - <absent>"]));
        check(&with(r#"{"message":null,"id":5}"#), Ok(&["- - <absent>"]));
        check(
            &with(r#"{"message":{"path":"/x"},"id":"1"}"#),
            Ok(&["1 - <absent>"]),
        );
        check(
            &with(r#"{"message":["x"],"message":"y"}"#),
            Ok(&["- - <absent>"]),
        );
        check(&with(r#"{"message":"x","message":"y"}"#), Ok(&["- - x"]));
        check(&with(r#"{"timestamp":"17","message":""}"#), Ok(&["- 17 "]));
        let id = "1".repeat(MAX_ID + 1);
        assert_eq!(
            read_pieces(&[with(&format!(r#"{{"id":"{id}"}}"#)).as_bytes()])
                .unwrap()
                .1,
            ["- - <absent>"]
        );
        let long = "m".repeat(MAX_MESSAGE + 1);
        let text = with(&format!(
            r#"{{"id":"1","message":"{long}"}},{{"message":"next"}}"#
        ));
        for size in [text.len(), 1000, 1] {
            let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
            assert_eq!(read_pieces(&pieces).unwrap().1, ["1 - <long>", "- - next"]);
        }
    }

    #[test]
    fn control_message() {
        let text = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1600110003794,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#;
        let (header, _) = read_pieces(&[text.as_bytes()]).unwrap();
        assert_eq!(header.message_type, Some(MessageType::Control));
        // One without log events is sound too.
        let text = r#"{"messageType":"CONTROL_MESSAGE"}"#;
        assert!(read_pieces(&[text.as_bytes()]).is_ok());
    }

    #[test]
    fn faults() {
        check("", Err(Fault::Json(json::Fault::Truncated)));
        check("[]", Err(Fault::NotAnObject));
        check("7", Err(Fault::NotAnObject));
        check("\"x\"", Err(Fault::NotAnObject));
        check("{}", Err(Fault::Missing("messageType")));
        check(&format!("{{{HEAD}}}"), Err(Fault::Missing("logEvents")));
        check(r#"{"messageType":"OTHER"}"#, Err(Fault::UnknownMessageType));
        check(
            r#"{"messageType":["DATA_MESSAGE"]}"#,
            Err(Fault::UnknownMessageType),
        );
        check(
            &format!("{{{HEAD},\"logEvents\":null}}"),
            Err(Fault::LogEventsNotAnArray),
        );
        check(
            &format!("{{{HEAD},\"logEvents\":{{}}}}"),
            Err(Fault::LogEventsNotAnArray),
        );
        check(
            &format!("{{{HEAD},\"logEvents\":[1]}}"),
            Err(Fault::LogEventNotAnObject),
        );
        check(
            &format!("{{{HEAD},\"logEvents\":[[]]}}"),
            Err(Fault::LogEventNotAnObject),
        );
        check(
            &format!("{{{HEAD},\"logEvents\":[{{}}"),
            Err(Fault::Json(json::Fault::Truncated)),
        );
        check(
            &format!("{{{HEAD},{EVENTS}}} {{}}"),
            Err(Fault::Json(json::Fault::TrailingText)),
        );
    }

    #[test]
    fn ten_thousand_brackets_do_not_keep_the_log_events_from_coming() {
        let nested = ["[".repeat(10_000), "]".repeat(10_000)].concat();
        let text = format!("{{\"x\":{nested},{HEAD},{EVENTS}}}");
        assert_eq!(read_pieces(&[text.as_bytes()]).unwrap().1, BOTH);
    }
}
