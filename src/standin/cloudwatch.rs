//! CloudWatch Logs events, as a subscription filter hands them to a function.

use std::{
    io::{self, Write},
    mem,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;

/// The most lines which a [`Batcher`] puts into one event.
pub const MAX_LINES: usize = 7_000;
/// The most message bytes which a [`Batcher`] puts into one event. Access logs shrink by five and
/// more, which leaves room below [`MAX_DATA_BYTES`]; a batch which does not fit is halved.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// The most bytes of base64 in an event: 1 MiB of asynchronous payload, less the wrapping.
pub const MAX_DATA_BYTES: usize = 1024 * 1024 - 1024;

/// One log event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The event id, 56 digits.
    pub id: String,
    /// Unix milliseconds.
    pub timestamp: i64,
    /// The message.
    pub message: String,
}

impl Line {
    /// A line with the n-th event id.
    #[must_use]
    pub fn new(n: u64, timestamp: i64, message: impl Into<String>) -> Self {
        Self {
            id: event_id(n),
            timestamp,
            message: message.into(),
        }
    }
}

/// The n-th event id: 56 digits, as CloudWatch's are, and no two alike.
#[must_use]
pub fn event_id(n: u64) -> String {
    format!("37891234{n:048}")
}

/// The JSON document of a subscription.
///
/// # Errors
///
/// Returns an error only if serializing does, which plain strings and numbers never make it do.
pub fn document(log_group: &str, log_stream: &str, lines: &[Line]) -> io::Result<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Document<'a> {
        message_type: &'a str,
        owner: &'a str,
        log_group: &'a str,
        log_stream: &'a str,
        subscription_filters: &'a [&'a str],
        log_events: &'a [Line],
    }
    let document = Document {
        message_type: "DATA_MESSAGE",
        owner: "123456789012",
        log_group,
        log_stream,
        subscription_filters: &["cw-resend"],
        log_events: lines,
    };
    Ok(serde_json::to_vec(&document)?)
}

/// Compresses as CloudWatch Logs does: gzip without a name or a time.
///
/// # Errors
///
/// Returns an error only if compressing into memory does.
pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Wraps compressed bytes as the payload of an invocation.
#[must_use]
pub fn wrap(compressed: &[u8]) -> Vec<u8> {
    let mut event = String::from("{\"awslogs\":{\"data\":\"");
    STANDARD.encode_string(compressed, &mut event);
    event.push_str("\"}}");
    event.into_bytes()
}

/// An event whose size is within what Lambda takes.
#[derive(Debug, Clone)]
pub struct Event {
    /// The payload of the invocation.
    pub payload: Vec<u8>,
    /// How many lines it carries.
    pub lines: usize,
}

/// Collects lines and gives events as soon as they are full.
#[derive(Debug)]
pub struct Batcher {
    log_group: String,
    log_stream: String,
    lines: Vec<Line>,
    message_bytes: usize,
}

impl Batcher {
    /// A batcher without lines.
    #[must_use]
    pub fn new(log_group: &str, log_stream: &str) -> Self {
        Self {
            log_group: log_group.into(),
            log_stream: log_stream.into(),
            lines: Vec::new(),
            message_bytes: 0,
        }
    }

    /// Adds a line. The events which are full by now are given back, mostly none.
    ///
    /// # Errors
    ///
    /// Returns an error only if compressing into memory does.
    pub fn push(&mut self, line: Line) -> io::Result<Vec<Event>> {
        let bytes = line.message.len();
        let is_full = self.lines.len() >= MAX_LINES
            || (self.message_bytes + bytes > MAX_MESSAGE_BYTES && !self.lines.is_empty());
        let events = if is_full { self.finish()? } else { Vec::new() };
        self.message_bytes += bytes;
        self.lines.push(line);
        Ok(events)
    }

    /// The events of the lines which are left.
    ///
    /// # Errors
    ///
    /// Returns an error only if compressing into memory does.
    pub fn finish(&mut self) -> io::Result<Vec<Event>> {
        self.message_bytes = 0;
        let lines = mem::take(&mut self.lines);
        let mut events = Vec::new();
        self.build(&lines, &mut events)?;
        Ok(events)
    }

    /// Appends as many events as the lines need. A single line which is too large goes anyway.
    fn build(&self, lines: &[Line], events: &mut Vec<Event>) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let compressed = gzip(&document(&self.log_group, &self.log_stream, lines)?)?;
        if compressed.len().div_ceil(3) * 4 > MAX_DATA_BYTES && lines.len() > 1 {
            let (first, second) = lines.split_at(lines.len() / 2);
            self.build(first, events)?;
            return self.build(second, events);
        }
        events.push(Event {
            payload: wrap(&compressed),
            lines: lines.len(),
        });
        Ok(())
    }
}

/// The events of a list of lines.
///
/// # Errors
///
/// Returns an error only if compressing into memory does.
pub fn events(
    log_group: &str,
    log_stream: &str,
    lines: impl IntoIterator<Item = Line>,
) -> io::Result<Vec<Event>> {
    let mut batcher = Batcher::new(log_group, log_stream);
    let mut events = Vec::new();
    for line in lines {
        events.append(&mut batcher.push(line)?);
    }
    events.append(&mut batcher.finish()?);
    Ok(events)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use serde_json::Value;

    use super::*;
    use crate::standin::sample::{Random, sample_lines};

    fn unwrap(event: &Event) -> Value {
        let outer: Value = serde_json::from_slice(&event.payload).unwrap();
        let data = outer["awslogs"]["data"].as_str().unwrap();
        assert!(data.len() <= MAX_DATA_BYTES || event.lines == 1);
        let compressed = STANDARD.decode(data).unwrap();
        let mut text = String::new();
        GzDecoder::new(compressed.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Builds events and gives the lines back out of them.
    fn round_trip(lines: &[Line]) -> Vec<usize> {
        let events = events("/aws/apigateway/x", "a5d7", lines.to_vec()).unwrap();
        let mut rest = lines.iter();
        for event in &events {
            let document = unwrap(event);
            assert_eq!(document["messageType"], "DATA_MESSAGE");
            assert_eq!(document["logGroup"], "/aws/apigateway/x");
            assert_eq!(document["logStream"], "a5d7");
            let found = document["logEvents"].as_array().unwrap();
            assert_eq!(found.len(), event.lines);
            for found in found {
                let line = rest.next().unwrap();
                assert_eq!(found["id"], line.id);
                assert_eq!(found["timestamp"], line.timestamp);
                assert_eq!(found["message"], line.message);
            }
        }
        assert_eq!(rest.next(), None);
        events.iter().map(|event| event.lines).collect()
    }

    #[test]
    fn no_lines_make_no_event() {
        assert!(round_trip(&[]).is_empty());
    }

    #[test]
    fn lines_survive_escaping() {
        let messages = [
            "",
            "\"\\\r\n\t\0\x1b",
            "\u{fffd}é\u{1f600}",
            "{\"a\": \"b\"}",
        ];
        let line = |(n, message): (u64, &str)| Line::new(n, 1_700_000_000_000, message);
        let lines: Vec<Line> = (0..).zip(messages).map(line).collect();
        assert_eq!(round_trip(&lines), [4]);
    }

    #[test]
    fn ids_are_unique_and_of_56_digits() {
        for n in [0, 1, u64::MAX] {
            let id = event_id(n);
            assert!(
                id.len() == 56 && id.bytes().all(|byte| byte.is_ascii_digit()),
                "{id}"
            );
        }
        assert_ne!(event_id(1), event_id(10));
    }

    #[test]
    fn many_lines_are_split_by_count() {
        let line = |(n, message)| Line::new(n, 1, message);
        let lines: Vec<Line> = (0..)
            .zip(sample_lines(MAX_LINES * 2 + 1))
            .map(line)
            .collect();
        assert_eq!(round_trip(&lines), [MAX_LINES, MAX_LINES, 1]);
    }

    #[test]
    fn lines_which_do_not_shrink_are_split_by_size() {
        let mut random = Random::new(7);
        let mut noise = |bytes: usize| -> String {
            let byte = |_| char::from(b' ' + u8::try_from(random.below(95)).unwrap());
            (0..bytes).map(byte).collect()
        };
        let lines: Vec<Line> = (0..30).map(|n| Line::new(n, 1, noise(100_000))).collect();
        let counts = round_trip(&lines);
        assert!(counts.len() >= 3, "{counts:?}");
        assert_eq!(round_trip(&[Line::new(1, 1, noise(1_500_000))]), [1]);
    }
}
