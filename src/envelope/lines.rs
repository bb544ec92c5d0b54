//! Lines of a log that come without a document around them, one below the other.

use super::log_event::{LogEvent, MAX_MESSAGE, Message};

/// Cuts pieces into lines, and makes each one the log event that a document would have.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The begin of a line that goes on in the next piece.
    partial: Vec<u8>,
    /// That line is longer than [`MAX_MESSAGE`], and its begin is gone.
    is_too_long: bool,
    /// A line as it would stand in a document.
    escaped: Vec<u8>,
}

impl Lines {
    /// Reads the next piece, and hands out each line that ends in it. `arrived` is the time of each.
    pub(crate) fn read(
        &mut self,
        mut piece: &[u8],
        arrived: Option<i64>,
        sink: &mut dyn FnMut(LogEvent<'_>),
    ) {
        while let Some(end) = piece.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = piece.split_at(end);
            piece = &rest[1..];
            if self.partial.is_empty() && !self.is_too_long {
                hand_out(line, &mut self.escaped, arrived, sink);
            } else {
                self.keep(line);
                self.finish(arrived, sink);
            }
        }
        self.keep(piece);
    }

    /// Hands out the last line, which ends with the text.
    pub(crate) fn finish(&mut self, arrived: Option<i64>, sink: &mut dyn FnMut(LogEvent<'_>)) {
        if self.is_too_long {
            sink(log_event(Message::TooLong, arrived));
        } else {
            hand_out(&self.partial, &mut self.escaped, arrived, sink);
        }
        self.clear();
    }

    /// Forgets a line that has not ended.
    pub(crate) fn clear(&mut self) {
        self.partial.clear();
        self.is_too_long = false;
    }

    fn keep(&mut self, mut part: &[u8]) {
        if self.partial.is_empty() {
            part = part.trim_ascii_start();
        }
        self.is_too_long |= self.partial.len() + part.len() > MAX_MESSAGE;
        if self.is_too_long {
            self.partial.clear();
        } else {
            self.partial.extend_from_slice(part);
        }
    }
}

fn log_event(message: Message<'_>, arrived: Option<i64>) -> LogEvent<'_> {
    LogEvent {
        id: None,
        timestamp: arrived,
        region: None,
        message,
    }
}

/// Hands out a whole line, unless it is empty.
#[inline(never)]
fn hand_out(
    line: &[u8],
    escaped: &mut Vec<u8>,
    arrived: Option<i64>,
    sink: &mut dyn FnMut(LogEvent<'_>),
) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut rest = line.trim_ascii_start();
    // However it was cut into pieces, the same line is too long.
    if rest.len() > MAX_MESSAGE {
        return sink(log_event(Message::TooLong, arrived));
    }
    rest = rest.trim_ascii_end();
    if rest.is_empty() {
        return;
    }
    escaped.clear();
    while escaped.len() <= MAX_MESSAGE {
        let is_plain = |&&byte: &&u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        let (plain, others) = rest.split_at(rest.iter().take_while(is_plain).count());
        escaped.extend_from_slice(plain);
        match others {
            [] => break,
            [byte @ (b'"' | b'\\'), ..] => escaped.extend_from_slice(&[b'\\', *byte]),
            [byte, ..] => {
                escaped.extend_from_slice(b"\\u00");
                escaped.extend([byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]));
            }
        }
        rest = &others[1..];
    }
    sink(log_event(
        match escaped.len() {
            0..=MAX_MESSAGE => Message::Escaped(escaped),
            _ => Message::TooLong,
        },
        arrived,
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let mut sink = |event: LogEvent<'_>| {
            assert_eq!((event.id, event.timestamp), (None, Some(7)));
            found.push(match event.message {
                Message::Escaped(text) => String::from_utf8_lossy(text).into_owned(),
                Message::TooLong => "<long>".into(),
                Message::Absent => "<absent>".into(),
            });
        };
        for piece in pieces {
            lines.read(piece, Some(7), &mut sink);
        }
        lines.finish(Some(7), &mut sink);
        found
    }

    #[test]
    fn lines_are_cut_and_escaped() {
        let longest = "x".repeat(MAX_MESSAGE);
        let quotes = "\"".repeat(MAX_MESSAGE / 2);
        for (name, text, expected) in [
            ("none", "", vec![]),
            ("empty ones", "\n\r\n \t\n", vec![]),
            ("one without an end", "a", vec!["a"]),
            ("with an end", "a\n", vec!["a"]),
            ("as on Windows", "a\r\nb\r\n", vec!["a", "b"]),
            ("quotes", r#"{"a":"\"b"}"#, vec![r#"{\"a\":\"\\\"b\"}"#]),
            (
                "control characters",
                "a\tb\0c\x1b\x7f",
                vec!["a\\u0009b\\u0000c\\u001b\x7f"],
            ),
            ("other letters", "é\n✓", vec!["é", "✓"]),
            (
                "a backslash before the end",
                "a\\\r\nb\\r",
                vec!["a\\\\", "b\\\\r"],
            ),
            (
                "whitespace at both ends",
                &format!("{0}a{0}\n{0}\nb", " ".repeat(60_000)),
                vec!["a", "b"],
            ),
            (
                "too much of it",
                &format!("{0}a{0}\n{0}\nb", " ".repeat(70_000)),
                vec!["<long>", "b"],
            ),
            ("the longest", &longest, vec![&longest]),
            (
                "a longer one between two",
                &format!("a\n{longest}x\nb"),
                vec!["a", "<long>", "b"],
            ),
            (
                "the longest once it is escaped",
                &quotes,
                vec![&quotes.replace('"', "\\\"")],
            ),
            (
                "a longer one once it is escaped",
                &format!("{quotes}\"\nb"),
                vec!["<long>", "b"],
            ),
        ] {
            let bytes = text.as_bytes();
            assert_eq!(read(&[bytes]), expected, "{name}");
            assert_eq!(
                read(&bytes.chunks(1).collect::<Vec<_>>()),
                expected,
                "{name}"
            );
            assert_eq!(
                read(&bytes.chunks(7).collect::<Vec<_>>()),
                expected,
                "{name}"
            );
        }
        assert_eq!(read(&[b"a\xffb"]), ["a\u{fffd}b"]);
    }
}
