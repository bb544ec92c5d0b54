//! Lines as the document that CloudWatch Logs would make of them, so that the function's own code reads them.

use std::io::{self, Write};

use crate::{
    event::is_id_byte,
    fnv,
    local::{error::CommandError, input::Line},
    standin::cloudwatch,
};

/// The function reads no longer line, so that what is beyond it is not kept: the line is skipped as too long.
const MAX_LINE: usize = 64 * 1024 + 1;
/// What ends a document.
const END: &[u8] = b"]}";
/// The longest id that is used as it is.
const MAX_ID: usize = 128;

/// Knows each line again in another run with the same inputs, by its content and its place.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// How many lines came before.
    pub(super) position: u64,
    /// A digest of all of them, with the borders of documents and files.
    digest: u64,
}

impl Place {
    pub(super) fn new() -> Self {
        Self {
            position: 0,
            digest: fnv::EMPTY,
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.digest = fnv::extend(self.digest, bytes);
    }

    /// Another document or file begins.
    pub(super) fn begin(&mut self) {
        self.add(b"\xff\n");
    }

    /// Goes past a line.
    pub(super) fn pass(&mut self, line: &[u8]) {
        self.add(line);
        self.add(b"\n");
        self.position += 1;
    }

    /// What all lines so far are known again by.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// The id of the line that was passed last, which is no other one's.
    fn id(&self) -> String {
        format!("{:016x}-{}", self.digest, self.position)
    }
}

/// Lines that are sent together, one after the other: documents of one log group and stream each.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The place of the first one.
    pub(super) first: u64,
    /// How many there are.
    pub(super) lines: u64,
    /// What all lines up to the last one are known again by.
    pub(super) digest: u64,
    source: (Option<String>, Option<String>),
    /// The documents. The last one is open.
    text: Vec<u8>,
}

impl Batch {
    /// The bytes of its documents.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Appends the line that `place` has passed last. `begins`: it is of another document than the one before.
    pub(super) fn push(&mut self, line: &Line<'_>, place: &Place, begins: bool) -> io::Result<()> {
        let source = (self.source.0.as_deref(), self.source.1.as_deref());
        if self.lines == 0 {
            self.first = place.position - 1;
            self.begin_document(line)?;
        } else if begins || source != (line.log_group, line.log_stream) {
            self.text.extend_from_slice(END);
            self.begin_document(line)?;
        } else {
            self.text.push(b',');
        }
        self.lines += 1;
        self.digest = place.digest();
        let made_up;
        let id = match line.id {
            Some(id) if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(is_id_byte) => id,
            _ => {
                made_up = place.id();
                &made_up
            }
        };
        write!(self.text, "{{\"id\":\"{id}\"")?;
        if let Some(timestamp) = line.timestamp {
            write!(self.text, ",\"timestamp\":{timestamp}")?;
        }
        self.text.extend_from_slice(b",\"message\":\"");
        for &byte in &line.text[..line.text.len().min(MAX_LINE)] {
            match byte {
                b'"' | b'\\' => self.text.extend([b'\\', byte]),
                b' '.. => self.text.push(byte),
                _ => write!(self.text, "\\u{byte:04x}")?,
            }
        }
        self.text.extend_from_slice(b"\"}");
        Ok(())
    }

    fn begin_document(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.source = (
            line.log_group.map(String::from),
            line.log_stream.map(String::from),
        );
        self.text
            .extend_from_slice(b"{\"messageType\":\"DATA_MESSAGE\"");
        for (name, value) in [("logGroup", line.log_group), ("logStream", line.log_stream)] {
            if let Some(value) = value {
                write!(self.text, ",\"{name}\":{}", serde_json::to_string(value)?)?;
            }
        }
        self.text.extend_from_slice(b",\"logEvents\":[");
        Ok(())
    }

    /// The event that the function gets of it.
    pub(super) fn event(&self) -> Result<Vec<u8>, CommandError> {
        let compressed = cloudwatch::gzip(&[&self.text[..], END].concat())
            .map_err(|cause| CommandError::with_cause("failed to make an event", cause))?;
        Ok(cloudwatch::wrap(&compressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(text: &'a [u8], id: Option<&'a str>) -> Line<'a> {
        Line {
            text,
            timestamp: None,
            id,
            log_group: None,
            log_stream: None,
            file: "f",
            number: 1,
        }
    }

    /// The log events of a batch of one document.
    fn events(batch: &Batch) -> Vec<serde_json::Value> {
        let text = [&batch.text[..], END].concat();
        let document: serde_json::Value = serde_json::from_slice(&text).unwrap();
        document["logEvents"].as_array().unwrap().clone()
    }

    fn ids(lines: &[Line<'_>]) -> Vec<String> {
        let (mut place, mut batch) = (Place::new(), Batch::default());
        place.begin();
        for line in lines {
            place.pass(line.text);
            batch.push(line, &place, false).unwrap();
        }
        let ids = events(&batch);
        let ids = ids.iter().map(|event| event["id"].as_str().unwrap().into());
        ids.collect()
    }

    #[test]
    fn an_id_is_the_log_events_or_one_that_is_the_same_in_each_run() {
        let long = "7".repeat(129);
        let lines = [
            line(b"a", Some("37891234")),
            line(b"a", None),
            line(b"a", None),
            line(b"a", Some("x\r\ny")),
            line(b"a", Some("")),
            line(b"a", Some(&long)),
        ];
        let first = ids(&lines);
        assert_eq!(first[0], "37891234");
        assert_eq!(first, ids(&lines));
        let distinct: std::collections::BTreeSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), lines.len());
        assert!(first.iter().all(|id| id.bytes().all(is_id_byte)));
        // Other content before it makes another id.
        assert_ne!(ids(&[line(b"b", None), line(b"a", None)])[1], first[1]);
    }

    #[test]
    fn any_bytes_of_a_line_arrive_as_they_are() {
        let all: Vec<u8> = (0..=255).filter(|&byte| byte < 0x80).collect();
        let (mut place, mut batch) = (Place::new(), Batch::default());
        place.pass(&all);
        batch.push(&line(&all, None), &place, false).unwrap();
        assert_eq!(
            events(&batch)[0]["message"].as_str().unwrap().as_bytes(),
            all
        );
    }
}
