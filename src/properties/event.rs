use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::json;

use super::cuts;
use crate::envelope::{
    self, Envelope, EnvelopeError, Finish, Header, MAX_MESSAGE, Message, MessageType,
};
use crate::event::{
    self, Batch, Data, Document, End, Event, EventError, Form, HEAD, Source, TextKind,
};
use crate::forwarder::{DocumentError, Part, Reader, TextReader};

/// An invocation's event is parsed without a panic. Its base64 decodes to what another decoder finds, and the
/// response to a batch names its items. The document inside, which is JSON too, is read the same however it
/// is cut, and has what another reader finds in the whole document. So are the bytes as a record of Firehose or Kinesis,
/// whatever they are: none of its lines is lost.
///
/// # Panics
///
/// If that does not hold.
pub fn event(bytes: &[u8]) {
    match event::read(bytes) {
        Ok(Event::Single(document)) => check_item(&document),
        Ok(Event::Batch(batch)) => check_batch(&batch, bytes.len()),
        Ok(Event::Wait(Ok(wait))) => assert!(wait.path.starts_with('/')),
        Ok(Event::Wait(Err(text))) => assert!(!text.is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }

    let [whole, others @ ..] = cuts(bytes);
    let read = read_document(&whole);
    for pieces in &others {
        assert_eq!(read_document(pieces), read, "{} pieces", pieces.len());
    }
    if let Ok(json) = serde_json::from_slice::<Json>(bytes) {
        check_document(&json, &read, bytes.len());
    }

    for form in [Form::Subscription, Form::Record { arrived: Some(7) }] {
        let read = read_text(&whole, form);
        for pieces in &others {
            assert_eq!(read_text(pieces, form), read, "{} pieces", pieces.len());
        }
    }
    check_lines(bytes, read_text(&whole, Form::Record { arrived: Some(7) }));
    check_item(&Document {
        id: None,
        stream: None,
        data: Data(STANDARD.encode(bytes).into()),
        form: Form::Record { arrived: None },
    });
}

fn check_batch(batch: &Batch<'_>, length: usize) {
    const ENDS: [End; 4] = [End::Failed, End::Forwarded, End::Unreadable, End::Read];
    let ends: Vec<End> = (0..batch.items.len()).map(|at| ENDS[at % 4]).collect();
    for item in &batch.items {
        match batch.document(item) {
            Ok(document) => check_item(&document),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    for drops in [false, true] {
        let response = batch.response(&ends, drops);
        let items = batch.items.iter().zip(&ends);
        if batch.source == Source::Firehose {
            let records = items.filter_map(|(item, end)| {
                let name = item.identifier.as_deref()?;
                let (is_record, data) = match batch.document(item) {
                    Ok(document) => (true, document.data.text().to_string()),
                    Err(_) => (false, String::new()),
                };
                Some(match end {
                    End::Forwarded if drops && is_record => {
                        json!({ "recordId": name, "result": "Dropped", "data": "" })
                    }
                    End::Failed => {
                        json!({ "recordId": name, "result": "ProcessingFailed", "data": data })
                    }
                    _ if is_record => json!({ "recordId": name, "result": "Ok", "data": data }),
                    _ => json!({ "recordId": name, "result": "ProcessingFailed", "data": "" }),
                })
            });
            let records: Vec<_> = records.collect();
            let Some(response) = response else {
                assert!(records.is_empty() && !batch.items.is_empty());
                continue;
            };
            // What Firehose sends has a time in each record, which is longer than the result is.
            let longest = r#""result":"ProcessingFailed","data":"","#.len() * records.len();
            assert!(response.len() <= length + longest);
            let response: serde_json::Value =
                serde_json::from_slice(&response).expect("it is JSON");
            assert_eq!(response, json!({ "records": records }));
        } else {
            let failed = items.filter(|(_, end)| matches!(end, End::Failed | End::Unreadable));
            let failed = failed.map(|(item, _)| item.identifier.as_deref());
            match (response, failed.collect::<Option<Vec<_>>>()) {
                (Some(response), Some(failed)) => check_failures(&response, &failed),
                (None, None) => {}
                (response, failed) => panic!("{response:?} for {failed:?}"),
            }
        }
    }
}

/// What comes out of an item is the same in each attempt, since ids are made of places. Memory is bounded: no line is
/// longer than the longest.
fn check_item(document: &Document<'_>) {
    check_base64(document);
    let read = || {
        let mut reader = Reader::new();
        let mut parts = Vec::new();
        let result = reader.read(document, 1 << 20, &|| false, &mut |part| {
            parts.push(spell(&part));
        });
        // A broken part is still followed by what can be read.
        (parts, result.err().map(|error| error.to_string()))
    };
    assert_eq!(read(), read());
    let mut reader = Reader::new();
    let late = reader.read(document, 1 << 20, &|| true, &mut |_| {});
    assert!(late.is_err() || document.data.text().is_empty());
}

fn spell(part: &Part<'_>) -> String {
    match part {
        Part::Begin => "begin".to_string(),
        Part::Broken => "broken".to_string(),
        Part::LogEvent(header, event) => {
            if let Message::Escaped(text) = event.message {
                assert!(text.len() <= MAX_MESSAGE);
            }
            format!("{header:?} {event:?}")
        }
    }
}

/// What comes out of a text in these pieces, and the error at its end.
fn read_text(pieces: &[&[u8]], form: Form) -> (Vec<String>, Option<String>) {
    let mut reader = TextReader::new();
    reader.begin_item(form);
    let mut parts = Vec::new();
    let mut sink = |part: Part<'_>| parts.push(spell(&part));
    let mut read = || {
        loop {
            for piece in pieces {
                reader.read(piece, &mut sink)?;
            }
            reader.finish(&mut sink)?;
            if !reader.needs_second_pass() {
                return Ok::<(), DocumentError>(());
            }
        }
    };
    let result = read();
    (parts, result.err().map(|error| error.to_string()))
}

/// Of a text that is lines, each that is not empty is there, in its order.
fn check_lines(bytes: &[u8], (parts, error): (Vec<String>, Option<String>)) {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = text.trim_ascii_start();
    let is_lines = matches!(
        event::text_kind(&text[..text.len().min(HEAD)], false),
        Ok(TextKind::Lines)
    );
    if !is_lines || text.is_empty() {
        return;
    }
    assert_eq!(error, None);
    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let mut parts = parts.into_iter();
    assert_eq!(parts.next().as_deref(), Some("begin"));
    for (line, part) in lines.filter(|line| !line.is_empty()).zip(parts.by_ref()) {
        if let Ok(line) = str::from_utf8(line)
            && !part.contains("TooLong")
        {
            let quoted = serde_json::to_string(line).expect("it is text");
            let short = quoted.len() < 200 && !line.contains(['\u{8}', '\u{c}', '\t', '\r']);
            assert!(
                !short
                    || part.contains(&format!(
                        "Escaped({:?})",
                        &quoted.as_bytes()[1..quoted.len() - 1]
                    ))
            );
        }
    }
    assert_eq!(parts.next(), None);
}

fn check_base64(document: &Document<'_>) {
    let mut pieces = Vec::new();
    let result = document.data.decode(|piece| {
        pieces.extend_from_slice(piece);
        Ok::<(), EventError>(())
    });
    // Line ends, and padding that is not there, do no harm.
    let mut text = document.data.text().to_string();
    if text.contains('\n') {
        text.retain(|letter| !matches!(letter, '\r' | '\n'));
    }
    text += match text.len() % 4 {
        2 if !text.ends_with('=') => "==",
        // One of two may be there.
        3 => "=",
        _ => "",
    };
    let theirs = STANDARD.decode(text);
    assert_eq!(result.is_ok(), theirs.is_ok());
    if let Ok(theirs) = theirs {
        assert_eq!(pieces, theirs);
    }
}

fn check_failures(response: &[u8], failed: &[&str]) {
    let response: serde_json::Value = serde_json::from_slice(response).expect("it is JSON");
    let expected = failed.iter().map(|name| json!({ "itemIdentifier": name }));
    let expected = json!({ "batchItemFailures": expected.collect::<Vec<_>>() });
    assert_eq!(response, expected);
}

/// A log event: its id, timestamp and message, the message still escaped.
type LogEvent = (Option<Vec<u8>>, Option<i64>, Text);

#[derive(Debug, PartialEq, Eq)]
enum Text {
    Escaped(Vec<u8>),
    TooLong,
    Absent,
}

fn read_document(pieces: &[&[u8]]) -> Result<(Header, Vec<LogEvent>), EnvelopeError> {
    let mut envelope = Envelope::new();
    let mut known = Header::default();
    // A document whose log events come first is read twice, but never a third time.
    for _ in 0..2 {
        envelope.reset(known.clone());
        let mut header = known.clone();
        let mut events = Vec::new();
        let mut sink = |of_event: &Header, event: envelope::LogEvent<'_>| {
            header = of_event.clone();
            events.push((
                event.id.map(Vec::from),
                event.timestamp,
                match event.message {
                    Message::Escaped(text) => Text::Escaped(text.to_vec()),
                    Message::TooLong => Text::TooLong,
                    Message::Absent => Text::Absent,
                },
            ));
        };
        for piece in pieces {
            let length = envelope.read(piece, &mut sink)?;
            // Nothing but whitespace may follow.
            envelope.read(&piece[length..], &mut sink)?;
        }
        match envelope.finish()? {
            Finish::Done => return Ok((header, events)),
            Finish::SecondPass(complete) => {
                assert!(events.is_empty());
                known = complete;
            }
        }
    }
    panic!("the second pass was not the last one");
}

/// Compares what was read with the whole document. If a key occurs twice, the first one counts, but each
/// `logEvents` does. A key with escapes, which AWS does not write, is another key.
fn check_document(
    json: &Json,
    read: &Result<(Header, Vec<LogEvent>), EnvelopeError>,
    whole_length: usize,
) {
    let Ok((header, events)) = read else {
        return;
    };
    let Json::Object(members) = json else {
        panic!("a document that is not an object was read");
    };
    let all = |key: &'static str| members.iter().filter(move |(name, _)| name == key);
    let expected = all("logEvents")
        .flat_map(|(_, value)| match value {
            Json::Array(events) => events.iter(),
            _ => panic!("logEvents is not an array"),
        })
        .collect::<Vec<_>>();
    assert_eq!(events.len(), expected.len());
    for ((id, timestamp, text), expected) in events.iter().zip(expected) {
        let Json::Object(members) = expected else {
            panic!("a log event is not an object");
        };
        let first = |key: &str| {
            let mut members = members.iter();
            members
                .find(|(name, _)| name == key)
                .map(|(_, value)| value)
        };
        if let Some(id) = id {
            let id = str::from_utf8(id).expect("the document is UTF-8");
            let is_id = |(name, value): &(String, Json)| {
                name == "id" && matches!(value, Json::String(text) if text == id)
            };
            assert!(members.iter().any(is_id), "{id}");
        }
        if let Some(Json::Integer(expected)) = first("timestamp") {
            assert_eq!(timestamp.as_ref(), Some(expected));
        }
        match (text, first("message")) {
            (Text::Escaped(text), Some(Json::String(expected))) => {
                let quoted = [b"\"", &text[..], b"\""].concat();
                let text: String = serde_json::from_slice(&quoted).expect("it is a string");
                assert_eq!(&text, expected);
            }
            (Text::TooLong, Some(Json::String(_))) => {
                assert!(whole_length > MAX_MESSAGE);
            }
            (Text::Absent, Some(Json::String(text))) => panic!("{text} was not read"),
            (Text::Absent, _) => {}
            (text, expected) => panic!("{text:?} was read, {expected:?} is in the document"),
        }
    }
    if !events.is_empty() {
        for (name, text) in [
            ("owner", &header.owner),
            ("logGroup", &header.log_group),
            ("logStream", &header.log_stream),
        ] {
            let expected = all(name).find_map(|(_, value)| match value {
                Json::String(text) => Some(&**text),
                _ => None,
            });
            assert_eq!(text.as_deref().unwrap_or(""), expected.unwrap_or(""));
        }
        let kind = match all("messageType").next() {
            Some((_, Json::String(kind))) if kind == "DATA_MESSAGE" => MessageType::Data,
            Some((_, Json::String(kind))) if kind == "CONTROL_MESSAGE" => MessageType::Control,
            other => panic!("{other:?} was read as a message type"),
        };
        assert_eq!(header.message_type, Some(kind));
    }
}

/// A JSON value that keeps each member of an object, in its order.
#[derive(Debug)]
enum Json {
    Object(Vec<(String, Self)>),
    Array(Vec<Self>),
    String(String),
    Integer(i64),
    Other,
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::Other, Json::Integer))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}
