use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::json;

use super::cuts;
use crate::envelope::{Envelope, EnvelopeError, Finish, Header, MAX_MESSAGE, Message, MessageType};
use crate::event::{self, Document, Event, EventError, Source};

/// An invocation's event is parsed without a panic. Its base64 decodes to what another decoder finds, and the
/// response to a batch names its items. The document inside, which is JSON too, is read the same however it
/// is cut, and has what another reader finds in the whole document.
///
/// # Panics
///
/// If that does not hold.
pub fn event(bytes: &[u8]) {
    match event::read(bytes) {
        Ok(Event::Single(document)) => check_base64(&document),
        Ok(Event::Batch(batch)) => {
            let mut names = Vec::new();
            let mut failed = Vec::new();
            let mut data = Vec::new();
            let is_firehose = batch.source == Source::Firehose;
            for (at, item) in batch.items.iter().enumerate() {
                let document = item.document();
                if let Ok(document) = &document {
                    check_base64(document);
                }
                if is_firehose && item.identifier.is_some() {
                    let text = document.map(|document| document.data.text().to_string());
                    data.push((text.unwrap_or_default(), at % 2 == 1));
                }
                names.push(item.identifier.clone());
                if at % 2 == 1 {
                    failed.push(at);
                }
            }
            let response = batch.response(&failed);
            if is_firehose {
                let names: Vec<_> = names.iter().flatten().collect();
                if let Some(response) = response {
                    check_transformation(&response, &names, &data);
                    // What Firehose sends has a time in each record, which is longer than the result is.
                    let longest = r#""result":"ProcessingFailed","data":"","#.len() * names.len();
                    assert!(response.len() <= bytes.len() + longest);
                } else {
                    assert!(names.is_empty() && !batch.items.is_empty());
                }
            } else {
                let failed = failed.iter().map(|&at| names[at].as_deref());
                match (response, failed.collect::<Option<Vec<_>>>()) {
                    (Some(response), Some(failed)) => check_failures(&response, &failed),
                    (None, None) => {}
                    (response, failed) => panic!("{response:?} for {failed:?}"),
                }
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }

    let [whole, others @ ..] = cuts(bytes);
    let read = read_document(&whole);
    for pieces in others {
        assert_eq!(read_document(&pieces), read, "{} pieces", pieces.len());
    }
    if let Ok(json) = serde_json::from_slice::<Json>(bytes) {
        check_document(&json, &read, bytes.len());
    }
}

fn check_base64(document: &Document<'_>) {
    let mut pieces = Vec::new();
    let result = document.data.decode(|piece| {
        pieces.extend_from_slice(piece);
        Ok::<(), EventError>(())
    });
    let theirs = STANDARD.decode(document.data.text());
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

/// `data` has the text of each record that has a name, and whether it has failed.
fn check_transformation(response: &[u8], names: &[&Cow<'_, str>], data: &[(String, bool)]) {
    let response: serde_json::Value = serde_json::from_slice(response).expect("it is JSON");
    let expected = names.iter().zip(data).map(|(name, (data, has_failed))| {
        let result = ["Ok", "ProcessingFailed"][usize::from(*has_failed)];
        json!({ "recordId": name, "result": result, "data": data })
    });
    assert_eq!(response, json!({ "records": expected.collect::<Vec<_>>() }));
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
        for piece in pieces {
            envelope.read(piece, |of_event, event| {
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
            })?;
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
