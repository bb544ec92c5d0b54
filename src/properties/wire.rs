use serde_json::{Map, Value, json};

use super::line::lines;
use crate::envelope::Header;
use crate::record::{AccessRecord, LineReader, Origin, Reading};
use crate::standin::http::{Message, Parser, Step};
use crate::wire::{Call, Chunk, batch, is_too_long, resend};

const ID: &str = "37891234000000000000000000000000000000000000000000000000";
const TIMESTAMP: i64 = 1_795_341_600_123;

/// Whatever a line has, both writers write messages that a strict reader accepts. These have exactly the
/// lines, headers and members that belong to the record.
///
/// # Panics
///
/// If that does not hold.
pub fn wire(bytes: &[u8]) {
    let headers = [("X-Team".to_string(), "payments".to_string())];
    let resend = resend::Writer::new(-1, &headers, &[]);
    let frame = batch::Frame::new("node.example:5050", "/in", -1, &headers, &[]);
    // AWS writes the header of a document, but the property does not rely on that.
    let header = Header {
        owner: Some("123456789012".into()),
        log_group: Some(String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).into_owned()),
        log_stream: None,
        ..Header::default()
    };
    let mut reader = LineReader::new(Reading::default());
    let mut batch = Chunk::default();
    let mut expected = Vec::new();
    for escaped in lines(bytes) {
        let Ok(record) = reader.read(&escaped, Origin::default()) else {
            continue;
        };
        if is_too_long(record.path) {
            continue;
        }
        let call = Call {
            id: ID,
            timestamp: Some(TIMESTAMP),
            record: &record,
            path: record.path,
        };
        let mut chunk = Chunk::default();
        resend.push(&mut chunk, 0, &call);
        check_resend(&chunk, &record);
        frame.push(&mut batch, &header, expected.len(), &call);
        expected.push(batch_record(&record));
    }
    if !expected.is_empty() {
        check_batch(&frame, &batch, &header, &expected);
    }
}

fn parse(bytes: &[u8]) -> Vec<Message> {
    let mut parser = Parser::default();
    parser.push(bytes);
    let mut messages = Vec::new();
    while let Step::Message(message) = parser.step().expect("the strict reader accepts it") {
        messages.push(message);
    }
    parser.finish().expect("nothing is left over");
    messages
}

fn check_resend(chunk: &Chunk, record: &AccessRecord<'_>) {
    let messages = parse(&chunk.bytes);
    let [request, response] = &messages[..] else {
        panic!("{} messages", messages.len());
    };
    let part = chunk.parts[0];
    assert_eq!((part.from, part.to), (0, chunk.bytes.len()));
    assert_eq!(parse(&chunk.bytes[..part.middle]).len(), 1);

    let target = encoded(record.path);
    assert_eq!(
        (&*request.method, &request.target),
        (record.method, &target)
    );
    assert!(request.body.is_empty());
    let host = record.host.as_bytes().to_vec();
    let mut expected = vec![("Host", host.clone())];
    if let Some(user_agent) = record.user_agent {
        expected.push(("User-Agent", sanitized(user_agent)));
    }
    if let Some(ip) = record.source_ip {
        expected.push(("X-Forwarded-For", ip.into()));
        expected.push(("X-Real-IP", ip.into()));
    }
    let constant = [("X-Wallarm-Application-Id", "-1"), ("X-Team", "payments")]
        .map(|(name, value)| (name, Vec::from(value)));
    expected.extend([
        ("X-Forwarded-Host", host.clone()),
        ("X-Forwarded-Proto", "https".into()),
        ("X-Request-Id", ID.into()),
    ]);
    expected.extend(constant.clone());
    expected.push(("X-Wallarm-Message", "request".into()));
    if ["POST", "PUT", "PATCH"].contains(&record.method) {
        expected.push(("Content-Length", "0".into()));
    }
    assert_eq!(headers(request), expected);

    assert_eq!((&*response.method, &response.target), ("POST", &target));
    let mut expected = vec![("Host", host), ("X-Request-Id", ID.into())];
    expected.extend(constant);
    expected.extend([
        ("X-Wallarm-Message", "response".into()),
        ("Content-Type", "application/json".into()),
        ("Content-Length", response.body.len().to_string().into()),
    ]);
    assert_eq!(headers(response), expected);
    assert_eq!(object(&response.body), Value::Object(metadata(record)));
}

fn check_batch(frame: &batch::Frame, chunk: &Chunk, header: &Header, expected: &[Value]) {
    // Whole, and in halves as after a refused batch.
    let half = expected.len() / 2;
    for parts in [0..expected.len(), 0..half, half..expected.len()] {
        if parts.is_empty() {
            continue;
        }
        let mut head = Vec::new();
        let bytes = frame.message(&mut head, chunk, parts.clone()).concat();
        let messages = parse(&bytes);
        let [message] = &messages[..] else {
            panic!("{} messages", messages.len());
        };
        assert_eq!((&*message.method, &*message.target), ("POST", "/in"));
        let mut source = Map::new();
        for (name, value) in [("account", &header.owner), ("logGroup", &header.log_group)] {
            if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                source.insert(name.into(), value.into());
            }
        }
        assert_eq!(
            object(&message.body),
            json!({ "source": source, "applicationId": -1, "records": expected[parts] })
        );
    }
}

fn headers(message: &Message) -> Vec<(&str, Vec<u8>)> {
    let headers = message.headers.iter();
    headers
        .map(|(name, value)| (&**name, value.clone()))
        .collect()
}

/// A JSON object in which no member occurs twice: a second one could contradict the first.
fn object(body: &[u8]) -> Value {
    let value: Value = serde_json::from_slice(body).expect("it is JSON");
    let again = serde_json::to_vec(&value).expect("text can always be written to memory");
    assert_eq!(again.len(), body.len(), "a member occurs twice");
    value
}

/// What is known of a call besides the members that identify it.
fn metadata(record: &AccessRecord<'_>) -> Map<String, Value> {
    let texts = [
        ("requestId", record.request_id),
        ("protocol", record.protocol),
        ("stage", record.stage),
        ("errorMessage", record.error_message),
    ];
    let epoch = u64::try_from(TIMESTAMP).expect("it is positive");
    let numbers = [
        ("status", record.status.map(u64::from)),
        ("responseLength", record.response_length),
        ("responseLatency", record.response_latency),
        ("integrationLatency", record.integration_latency),
        (
            "integrationStatus",
            record.integration_status.map(u64::from),
        ),
        (
            "requestTimeEpoch",
            record.request_time_epoch.or(Some(epoch)),
        ),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_string(), lossy(text?))));
    let numbers = numbers
        .into_iter()
        .filter_map(|(name, number)| Some((name.to_string(), number?.into())));
    texts.chain(numbers).collect()
}

fn batch_record(record: &AccessRecord<'_>) -> Value {
    let mut members = metadata(record);
    members.extend([
        ("id".to_string(), ID.into()),
        ("timestamp".to_string(), TIMESTAMP.into()),
        ("method".to_string(), record.method.into()),
        ("host".to_string(), record.host.into()),
        ("path".to_string(), encoded(record.path).into()),
    ]);
    if let Some(ip) = record.source_ip {
        members.insert("sourceIp".into(), ip.into());
    }
    if let Some(user_agent) = record.user_agent {
        members.insert("userAgent".into(), lossy(user_agent));
    }
    Value::Object(members)
}

fn lossy(text: &[u8]) -> Value {
    String::from_utf8_lossy(text).into()
}

/// RFC 3986 §3.3: bytes that a path must not have are percent-encoded, and so is a `%` that begins no escape.
fn encoded(path: &[u8]) -> String {
    let mut out = String::new();
    for (at, &byte) in path.iter().enumerate() {
        let is_escape = path
            .get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if byte.is_ascii_alphanumeric()
            || b"-._~!$&'()*+,;=:@/".contains(&byte)
            || byte == b'%' && is_escape
        {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A header's value: control characters are spaces.
fn sanitized(value: &[u8]) -> Vec<u8> {
    let value = value.iter().copied();
    let value: Vec<u8> = value
        .map(|byte| {
            if byte < b' ' || byte == 0x7f {
                b' '
            } else {
                byte
            }
        })
        .collect();
    value.trim_ascii().to_vec()
}
