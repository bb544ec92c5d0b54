//! Documents, whole and in pieces.

use super::log_event::MAX_ID;
use super::*;

/// The log events as text, and what the header was.
fn read_pieces(pieces: &[&[u8]]) -> Result<(Header, Vec<String>), EnvelopeError> {
    let mut envelope = Envelope::new();
    let mut header = Header::default();
    loop {
        let mut events = Vec::new();
        envelope.reset(header);
        let mut sink = |header: &Header, event: LogEvent<'_>| {
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
        };
        for piece in pieces {
            let length = envelope.read(piece, &mut sink)?;
            // Nothing but whitespace may follow.
            envelope.read(&piece[length..], &mut sink)?;
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
fn check(text: &str, expected: Result<&[&str], EnvelopeError>) {
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
    let mut valid = 0;
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
        valid += usize::from(by_byte.is_ok());
    }
    assert!(valid > 10_000, "{valid}");
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
    // One without log events is valid too.
    let text = r#"{"messageType":"CONTROL_MESSAGE"}"#;
    assert!(read_pieces(&[text.as_bytes()]).is_ok());
}

#[test]
fn faults() {
    check("", Err(EnvelopeError::Json(JsonError::Truncated)));
    check("[]", Err(EnvelopeError::NotAnObject));
    check("7", Err(EnvelopeError::NotAnObject));
    check("\"x\"", Err(EnvelopeError::NotAnObject));
    check("{}", Err(EnvelopeError::Missing("messageType")));
    check(
        &format!("{{{HEAD}}}"),
        Err(EnvelopeError::Missing("logEvents")),
    );
    check(
        r#"{"messageType":"OTHER"}"#,
        Err(EnvelopeError::UnknownMessageType),
    );
    check(
        r#"{"messageType":["DATA_MESSAGE"]}"#,
        Err(EnvelopeError::UnknownMessageType),
    );
    check(
        &format!("{{{HEAD},\"logEvents\":null}}"),
        Err(EnvelopeError::LogEventsNotAnArray),
    );
    check(
        &format!("{{{HEAD},\"logEvents\":{{}}}}"),
        Err(EnvelopeError::LogEventsNotAnArray),
    );
    check(
        &format!("{{{HEAD},\"logEvents\":[1]}}"),
        Err(EnvelopeError::LogEventNotAnObject),
    );
    check(
        &format!("{{{HEAD},\"logEvents\":[[]]}}"),
        Err(EnvelopeError::LogEventNotAnObject),
    );
    check(
        &format!("{{{HEAD},\"logEvents\":[{{}}"),
        Err(EnvelopeError::Json(JsonError::Truncated)),
    );
    check(
        &format!("{{{HEAD},{EVENTS}}} {{}}"),
        Err(EnvelopeError::Json(JsonError::TrailingText)),
    );
}

#[test]
fn ten_thousand_brackets_do_not_keep_the_log_events_from_coming() {
    let nested = ["[".repeat(10_000), "]".repeat(10_000)].concat();
    let text = format!("{{\"x\":{nested},{HEAD},{EVENTS}}}");
    assert_eq!(read_pieces(&[text.as_bytes()]).unwrap().1, BOTH);
}

/// What an invalid document leaves behind is in a piece that is gone.
#[test]
fn an_invalid_document_leaves_nothing_to_the_next_one() {
    let mut envelope = Envelope::new();
    let broken = format!("{{{HEAD},{}", &EVENTS.replace("two\"", "two\" !"));
    envelope.reset(Header::default());
    assert!(envelope.read(broken.as_bytes(), |_, _| {}).is_err());
    envelope.reset(Header::default());
    assert_eq!(envelope.read(b"{", |_, _| {}), Ok(1));
}
