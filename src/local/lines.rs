//! Reads log lines from a file as operators have them: plain, compressed, or as the AWS CLI prints.
//!
//! Nothing is kept but the line at hand, so that a file may be of any size.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::error::CommandError;
use crate::standin::sample::FIRST_TIMESTAMP;

/// The longest line in bytes: CloudWatch Logs takes no longer event.
const MAX_LINE_BYTES: u64 = 1024 * 1024;
/// How much of a file is looked at to tell what it is, in bytes.
const PEEK_BYTES: usize = 512;

/// Takes a line: its time in Unix milliseconds and its text.
pub type Sink<'a> = dyn FnMut(i64, String) -> Result<(), CommandError> + 'a;

/// Hands each line of a file to `sink`.
///
/// # Errors
///
/// Returns an error when the file can not be read or is not what it seems, and any error of `sink`.
pub fn read_file(path: &Path, sink: &mut Sink<'_>) -> Result<(), CommandError> {
    let name = path.display();
    let file = File::open(path)
        .map_err(|e| CommandError::with_cause(format!("failed to open {name}"), e))?;
    read(file, sink).map_err(|failure| match failure {
        Failure::Sink(error) => error,
        Failure::Input(cause) => CommandError::with_cause(format!("failed to read {name}"), cause),
    })
}

/// Whose fault it was.
enum Failure {
    Sink(CommandError),
    Input(io::Error),
}

impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Self {
        Self::Input(cause)
    }
}

fn read(input: impl Read, sink: &mut Sink<'_>) -> Result<(), Failure> {
    const GZIP_MAGIC: &[u8] = b"\x1f\x8b";
    let (start, input) = peek(input)?;
    if start.starts_with(GZIP_MAGIC) {
        let (start, input) = peek(MultiGzDecoder::new(input))?;
        return read_text(&start, input, sink);
    }
    read_text(&start, input, sink)
}

fn read_text(start: &[u8], input: impl Read, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let input = BufReader::new(input);
    if is_aws_document(start) {
        read_documents(input, sink)
    } else {
        read_lines(input, sink)
    }
}

/// Looks at the start of a stream and puts it back.
fn peek<R: Read>(mut input: R) -> io::Result<(Vec<u8>, impl Read)> {
    let mut start = Vec::new();
    input
        .by_ref()
        .take(PEEK_BYTES as u64)
        .read_to_end(&mut start)?;
    Ok((start.clone(), io::Cursor::new(start).chain(input)))
}

/// Whether the first key of a JSON object is one of those which the AWS CLI prints.
fn is_aws_document(start: &[u8]) -> bool {
    let Some(inside) = start.trim_ascii_start().strip_prefix(b"{") else {
        return false;
    };
    [
        "events",
        "searchedLogStreams",
        "nextToken",
        "nextForwardToken",
        "nextBackwardToken",
    ]
    .iter()
    .any(|key| {
        inside
            .trim_ascii_start()
            .starts_with(format!("\"{key}\"").as_bytes())
    })
}

fn read_lines(mut input: impl BufRead, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let mut line = Vec::new();
    let mut timestamp = FIRST_TIMESTAMP;
    for number in 1_u64.. {
        line.clear();
        let count = input
            .by_ref()
            .take(MAX_LINE_BYTES + 1)
            .read_until(b'\n', &mut line)?;
        if count == 0 {
            break;
        }
        if !line.ends_with(b"\n") && line.len() as u64 > MAX_LINE_BYTES {
            return Err(Failure::Input(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "expected lines of at most {MAX_LINE_BYTES} bytes, found a longer one at line {number}"
                ),
            )));
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if !text.is_empty() {
            let text = String::from_utf8_lossy(text).into_owned();
            sink(timestamp, text).map_err(Failure::Sink)?;
            timestamp += 1;
        }
    }
    Ok(())
}

/// Reads one document or several in a row, as a loop over pages prints them.
fn read_documents(input: impl Read, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let mut failed = None;
    let mut reader = serde_json::Deserializer::from_reader(input);
    loop {
        // `end` skips white space and fails when there is more: the next document.
        if reader.end().is_ok() {
            return Ok(());
        }
        let document = Document {
            sink,
            failed: &mut failed,
        };
        if let Err(cause) = document.deserialize(&mut reader) {
            return Err(failed.map_or_else(|| Failure::Input(cause.into()), Failure::Sink));
        }
    }
}

#[derive(Deserialize)]
struct LogEvent {
    timestamp: i64,
    message: String,
}

/// Reads the object around the events.
struct Document<'a, 's> {
    sink: &'a mut Sink<'s>,
    failed: &'a mut Option<CommandError>,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `events`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "events" {
                map.next_value_seed(Events {
                    sink: &mut *self.sink,
                    failed: &mut *self.failed,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Reads the events one by one.
struct Events<'a, 's> {
    sink: &'a mut Sink<'s>,
    failed: &'a mut Option<CommandError>,
}

impl<'de> DeserializeSeed<'de> for Events<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Events<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of log events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some(LogEvent { timestamp, message }) = events.next_element()? {
            if let Err(error) = (self.sink)(timestamp, message) {
                *self.failed = Some(error);
                return Err(serde::de::Error::custom("the sink failed"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standin::cloudwatch::gzip;

    fn collect(input: &[u8]) -> Result<Vec<(i64, String)>, Failure> {
        let mut lines = Vec::new();
        read(input, &mut |timestamp, message| {
            lines.push((timestamp, message));
            Ok(())
        })?;
        Ok(lines)
    }

    fn check(input: &[u8], expected: &[(i64, &str)]) {
        for input in [input, &gzip(input).unwrap()] {
            let Ok(lines) = collect(input) else {
                panic!("failed to read {}", input.escape_ascii());
            };
            let lines: Vec<(i64, &str)> = lines.iter().map(|(t, m)| (*t, m.as_str())).collect();
            assert_eq!(lines, expected);
        }
    }

    #[test]
    fn plain_and_compressed_lines() {
        const T: i64 = FIRST_TIMESTAMP;
        check(b"", &[]);
        check(b"\n\r\n\n", &[]);
        check(b"a", &[(T, "a")]);
        check(b"a\r\n\nb\n", &[(T, "a"), (T + 1, "b")]);
        check(
            b"{ \"requestId\": 1 }\n{\n",
            &[(T, "{ \"requestId\": 1 }"), (T + 1, "{")],
        );
        check(b"\xff\n", &[(T, "\u{fffd}")]);
    }

    #[test]
    fn members_of_gzip_are_joined() {
        let input = [gzip(b"a\nb").unwrap(), gzip(b"c\n").unwrap()].concat();
        assert_eq!(collect(&input).ok().unwrap().len(), 2);
    }

    #[test]
    fn documents_of_the_aws_cli() {
        check(
            b"{\n  \"events\": [\n {\"logStreamName\": \"s\", \"timestamp\": 5, \"message\": \"a\\n\", \"ingestionTime\": 6, \"eventId\": \"1\"}, {\"timestamp\": 7, \"message\": \"b\"}],\n \"searchedLogStreams\": []\n}\n",
            &[(5, "a\n"), (7, "b")],
        );
        check(
            b"{\"nextForwardToken\":\"x\",\"events\":[]}\n{\"events\":[{\"timestamp\":1,\"message\":\"c\"}]}",
            &[(1, "c")],
        );
    }

    #[test]
    fn broken_input_is_an_error() {
        let compressed = gzip(b"a line\n").unwrap();
        let long = vec![b'x'; 1024 * 1024 + 1];
        for input in [
            b"{\"events\": [{\"timestamp\": 1}]}".as_slice(),
            b"{\"events\": [",
            b"{\"events\": []} x",
            &compressed[..compressed.len() - 3],
            &long,
        ] {
            assert!(matches!(collect(input), Err(Failure::Input(_))));
        }
    }

    #[test]
    fn errors_of_the_sink_come_back() {
        for input in ["a\n", "{\"events\":[{\"timestamp\":1,\"message\":\"c\"}]}"] {
            let failed = read(input.as_bytes(), &mut |_, _| Err(CommandError::new("stop")));
            assert!(matches!(failed, Err(Failure::Sink(_))));
        }
    }
}
