//! Lines: as they were logged, or with what the AWS CLI, the console and S3 export tasks write around them.

use memchr::{memchr, memmem};

use super::super::error::CommandError;
use super::{
    buffer::{Buffer, MAX_LINE},
    documents::Documents,
    moment::{self, Zone},
    out::{Meta, Out, is_event_id},
};

/// What is known of the next line, from what stands before it.
#[derive(Debug, Default)]
struct Before {
    timestamp: Option<i64>,
    log_stream: Option<String>,
}

impl Before {
    fn meta(&self) -> Meta<'_> {
        Meta {
            timestamp: self.timestamp,
            log_stream: self.log_stream.as_deref(),
            ..Meta::default()
        }
    }
}

/// Reads a text line by line.
pub(super) struct Lines<'d> {
    documents: &'d mut Documents,
    before: Before,
    /// A JSON object that began in an earlier line, without what is between its tokens.
    object: Object,
    /// A line without its colours.
    plain: Vec<u8>,
}

/// Reads all lines.
pub(super) fn read(
    buffer: &mut Buffer<'_>,
    documents: &mut Documents,
    out: &mut Out<'_>,
) -> Result<(), CommandError> {
    let mut lines = Lines {
        documents,
        before: Before::default(),
        object: Object::default(),
        plain: Vec::new(),
    };
    while let Some((number, line)) = buffer.line() {
        out.number = Some(number);
        lines.take(line, out)?;
    }
    lines.end_object(out)
}

impl Lines<'_> {
    fn take(&mut self, line: &[u8], out: &mut Out<'_>) -> Result<(), CommandError> {
        // Most lines are one object each.
        if let [b'{', .., b'}'] = line
            && self.object.is_empty()
            && memchr(b'\t', line).is_none()
            && !begins_document(line)
        {
            let result = out.line(line, self.before.meta());
            if self.before.timestamp.is_some() || self.before.log_stream.is_some() {
                self.before = Before::default();
            }
            return result;
        }
        if memchr(0x1b, line).is_none() {
            return self.take_any(line, out);
        }
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        strip_colors(line, &mut plain);
        let result = self.take_any(&plain, out);
        self.plain = plain;
        result
    }

    fn take_any(&mut self, line: &[u8], out: &mut Out<'_>) -> Result<(), CommandError> {
        if !self.object.is_empty() {
            let begins = line.first() == Some(&b'{')
                || moment::moment(line).is_some()
                || line.starts_with(b"EVENTS\t");
            if !begins && self.object.text.len() + line.len() <= MAX_LINE {
                return self.go_on(line.trim_ascii(), out);
            }
            self.end_object(out)?;
        }
        let line = line.trim_ascii_end();
        let line = ["▶", "▼", "►"]
            .iter()
            .find_map(|mark| line.strip_prefix(mark.as_bytes()))
            .unwrap_or(line);
        let text = line.trim_ascii_start();
        if let Some(columns) = columns(text) {
            return self.take_columns(columns, out);
        }
        if text.is_empty() || is_furniture(text) {
            return Ok(());
        }
        if text.starts_with(b"RESULTS\t") {
            out.fault("results of Insights as text without the text of the lines: add @message to the fields of the query, or give them as JSON".into());
            return Ok(());
        }
        // Some tools put the time in brackets.
        let bracketed = text.strip_prefix(b"[");
        if let Some(moment) = moment::moment(bracketed.unwrap_or(text)) {
            let rest = &bracketed.unwrap_or(text)[moment.length..];
            let rest = match bracketed {
                Some(_) => rest.strip_prefix(b"]").unwrap_or(b"["),
                None => rest,
            };
            if rest.is_empty() || rest[0].is_ascii_whitespace() {
                self.before = Before {
                    timestamp: moment.ms,
                    log_stream: None,
                };
                return self.take_after_time(rest.trim_ascii_start(), moment.zone, out);
            }
        }
        self.take_message(text, out)
    }

    /// Takes what follows a time: a log stream, where the zone says that `aws logs tail` has written it, and a message.
    fn take_after_time(
        &mut self,
        text: &[u8],
        zone: Zone,
        out: &mut Out<'_>,
    ) -> Result<(), CommandError> {
        if text.first().is_none_or(|&byte| byte == b'{') {
            return self.take_message(text, out);
        }
        let at = text.iter().position(|&byte| byte == b' ' || byte == b'\t');
        let (first, rest) = text.split_at(at.unwrap_or(text.len()));
        let rest = rest.trim_ascii_start();
        if zone == Zone::Offset || rest.first() == Some(&b'{') {
            // Of columns, another may be a time.
            if let Some(ms) = moment::unix_ms(first) {
                self.before.timestamp = Some(ms);
            } else {
                self.before.log_stream = Some(String::from_utf8_lossy(first).into_owned());
            }
            return self.take_message(rest, out);
        }
        self.take_message(text, out)
    }

    fn take_message(&mut self, text: &[u8], out: &mut Out<'_>) -> Result<(), CommandError> {
        match text {
            [] => return Ok(()),
            [b'{', .., b'}'] if begins_document(text) => {
                return self.documents.line(text, out);
            }
            [b'{', ..] if memchr(b'\t', text).is_some() => {
                return self.take_joined(text, out);
            }
            [b'{', .., b'}'] => {}
            [b'{', ..] if self.object.begin(text, out.number) => return Ok(()),
            [b'"', .., b'"'] => return self.documents.line(text, out),
            _ => {
                if let Some(at) = memchr(b'{', text)
                    && text.ends_with(b"}")
                    && is_prefix(&text[..at])
                {
                    return self.take_message(&text[at..], out);
                }
            }
        }
        let before = std::mem::take(&mut self.before);
        out.line(text, before.meta())
    }

    /// Takes columns of which the first is an object: messages, or a message and what `--query` asked for.
    fn take_joined(&mut self, text: &[u8], out: &mut Out<'_>) -> Result<(), CommandError> {
        let before = std::mem::take(&mut self.before);
        let mut meta = before.meta();
        for column in text.split(|&byte| byte == b'\t') {
            if let Some(ms) = moment::unix_ms(column) {
                meta.timestamp = meta.timestamp.or(Some(ms));
            }
        }
        let mut rest = text;
        while !rest.is_empty() {
            let end = memmem::find(rest, b"}\t{").map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            // What follows the last brace is another column.
            let line = match memchr::memrchr(b'}', line) {
                Some(at) if line[at + 1..].first().is_some_and(|&byte| byte == b'\t') => {
                    &line[..=at]
                }
                _ => line,
            };
            match begins_document(line) {
                true => self.documents.line(line, out)?,
                false => out.line(line, meta)?,
            }
            rest = after.strip_prefix(b"\t").unwrap_or(after);
        }
        Ok(())
    }

    /// Goes on with an object, and with what follows its end: other columns, or the next object.
    fn go_on(&mut self, line: &[u8], out: &mut Out<'_>) -> Result<(), CommandError> {
        let Some(end) = self.object.add(line) else {
            return Ok(());
        };
        let rest = &line[end..];
        if !rest.is_empty() && rest[0] != b'\t' {
            self.object.text.extend_from_slice(rest);
            return self.end_object(out);
        }
        let mut times = rest
            .split(|&byte| byte == b'\t')
            .filter_map(moment::unix_ms);
        self.before.timestamp = self.before.timestamp.or_else(|| times.next());
        self.end_object(out)?;
        match rest.trim_ascii() {
            next @ [b'{', ..] => self.take_message(next, out),
            _ => Ok(()),
        }
    }

    /// Takes the columns of `--output text`, which are sorted by their names: eventId, ingestionTime, logStreamName,
    /// message, timestamp.
    fn take_columns(&mut self, columns: &[u8], out: &mut Out<'_>) -> Result<(), CommandError> {
        let (message, before, after) = match object_column(columns) {
            Some(at) => {
                let rest = &columns[at..];
                let may_go_on = !rest.ends_with(b"}") && memmem::find(rest, b"}\t").is_none();
                if may_go_on && self.object.begin(rest, out.number) {
                    let meta = meta_of(columns[..at].split(|&byte| byte == b'\t'), b"");
                    self.before = Before {
                        timestamp: meta.timestamp,
                        log_stream: meta.log_stream.map(str::to_owned),
                    };
                    return Ok(());
                }
                let end = memchr::memrchr(b'}', columns).map_or(columns.len(), |end| end + 1);
                let end = end.max(at);
                (&columns[at..end], &columns[..at], &columns[end..])
            }
            None => {
                let longest = columns.split(|&byte| byte == b'\t').max_by_key(|c| c.len());
                (longest.unwrap_or_default(), columns, &[][..])
            }
        };
        if begins_document(message) {
            return self.documents.line(message, out);
        }
        let columns = before
            .split(|&byte| byte == b'\t')
            .chain(after.split(|&byte| byte == b'\t'));
        out.line(message, meta_of(columns, message))
    }

    fn end_object(&mut self, out: &mut Out<'_>) -> Result<(), CommandError> {
        if self.object.is_empty() {
            return Ok(());
        }
        let object = std::mem::take(&mut self.object);
        let before = std::mem::take(&mut self.before);
        let number = std::mem::replace(&mut out.number, object.number);
        let result = match begins_document(&object.text) {
            true => self.documents.line(&object.text, out),
            false => out.line(&object.text, before.meta()),
        };
        out.number = number;
        self.object = object;
        self.object.clear();
        result
    }
}

/// The columns of a line of `--output text` that has a log event: after the name of the list in which it is, or after
/// an id where `--query` has taken the name.
fn columns(text: &[u8]) -> Option<&[u8]> {
    let (first, rest) = text.split_at(memchr(b'\t', text)?);
    let rest = &rest[1..];
    let has_object = object_column(rest).is_some();
    let is_name = first.iter().all(u8::is_ascii_uppercase);
    let is_id = first.iter().all(u8::is_ascii_digit) && moment::unix_ms(first).is_none();
    match (is_name, is_id) {
        _ if first.is_empty() => None,
        (true, _) => (has_object || first == b"EVENTS").then_some(rest),
        (_, true) => has_object.then_some(text),
        _ => None,
    }
}

/// Where the first column is that begins as an object does.
fn object_column(columns: &[u8]) -> Option<usize> {
    match columns {
        [b'{', ..] => Some(0),
        _ => memmem::find(columns, b"\t{").map(|at| at + 1),
    }
}

/// What the columns beside the message say.
fn meta_of<'c>(columns: impl Iterator<Item = &'c [u8]>, message: &[u8]) -> Meta<'c> {
    let mut id = None;
    let mut log_stream = None;
    let mut timestamp = None;
    for column in columns {
        let text = std::str::from_utf8(column).unwrap_or_default();
        if let Some(ms) = moment::unix_ms(column) {
            timestamp = Some(ms);
        } else if is_event_id(column) {
            id = Some(text);
        } else if !text.is_empty() && column != message && log_stream.is_none() && id.is_some() {
            log_stream = Some(text);
        }
    }
    Meta {
        timestamp,
        id,
        log_group: None,
        log_stream,
    }
}

/// What the CLI and the console write around lines, and is none.
fn is_furniture(text: &[u8]) -> bool {
    const LINES: [&[u8]; 11] = [
        b"None",
        b"null",
        b"Timestamp",
        b"Message",
        b"Timestamp\tMessage",
        b"Load more",
        b"Load newer events",
        b"Load older events",
        b"Copy",
        b"--",
        b"Complete",
    ];
    const BEGINS: [&[u8]; 10] = [
        b"There are older events to load",
        b"No older events",
        b"No newer events",
        b"SEARCHEDLOGSTREAMS\t",
        b"NEXTTOKEN\t",
        b"STATISTICS\t",
        b"ATTRIBUTES\t",
        b"MESSAGEATTRIBUTES\t",
        b"RESULTS\t@",
        b"CWLI\tComplete",
    ];
    LINES.contains(&text)
        || BEGINS.iter().any(|begin| text.starts_with(begin))
        || matches!(text, [b'b' | b'f', b'/', digits @ ..]
            if digits.len() > 50 && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/\tfs".contains(byte)))
}

/// Whether this may stand before a message in a listing: a log group and a log stream, and no part of a message.
fn is_prefix(text: &[u8]) -> bool {
    let is_name =
        |byte: u8| byte.is_ascii_alphanumeric() || b" \t/-_.#[]$:+".contains(&byte) || byte > 0x7f;
    // `grep` writes the name of the file, or the number of the line.
    let is_grep =
        |at: &[u8]| at.iter().all(u8::is_ascii_digit) || at.contains(&b'.') || at.contains(&b'/');
    let is_separated = match text {
        [before @ .., b':'] => is_grep(before),
        _ => text.last().is_some_and(u8::is_ascii_whitespace),
    };
    is_separated
        && text.len() <= 1024
        && text.iter().all(|&byte| is_name(byte))
        && text
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .count()
            <= 3
}

/// Whether the first key of this object is one that a line of a log begins with rarely, and a document or a log event
/// often. [`Documents`] tells them apart.
pub(super) fn begins_document(text: &[u8]) -> bool {
    const KEYS: [&[u8]; 38] = [
        b"messageType",
        b"owner",
        b"logGroup",
        b"logStream",
        b"logEvents",
        b"subscriptionFilters",
        b"policyLevel",
        b"awslogs",
        b"Records",
        b"records",
        b"invocationId",
        b"requestPayload",
        b"responsePayload",
        b"requestContext",
        b"attemptsMade",
        b"arrivalTimestamp",
        b"rawData",
        b"events",
        b"results",
        b"searchedLogStreams",
        b"nextToken",
        b"nextForwardToken",
        b"nextBackwardToken",
        b"logStreamName",
        b"ingestionTime",
        b"eventId",
        b"timestamp",
        b"message",
        b"@timestamp",
        b"@message",
        b"@ptr",
        b"id",
        b"Messages",
        b"MessageId",
        b"Type",
        b"Message",
        b"detail-type",
        b"version",
    ];
    let Some(key) = text
        .strip_prefix(b"{")
        .and_then(|text| text.trim_ascii_start().strip_prefix(b"\""))
    else {
        return false;
    };
    // The usual first key of a line.
    if key.starts_with(b"requestId\"") {
        return false;
    }
    let key = &key[..memchr(b'"', &key[..key.len().min(32)]).unwrap_or(0)];
    KEYS.contains(&key)
}

/// A line without the sequences that colour it.
fn strip_colors(line: &[u8], out: &mut Vec<u8>) {
    let mut rest = line;
    while let Some(at) = memchr(0x1b, rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(sequence) = rest.strip_prefix(b"[") {
            let end = sequence
                .iter()
                .position(|byte| (b'@'..=b'~').contains(byte));
            rest = &sequence[end.map_or(sequence.len(), |end| end + 1)..];
        }
    }
    out.extend_from_slice(rest);
}

/// A JSON object over several lines, joined to one.
#[derive(Debug, Default)]
pub(super) struct Object {
    text: Vec<u8>,
    depth: u32,
    is_in_string: bool,
    /// The line that it begins in.
    number: Option<u64>,
}

impl Object {
    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn clear(&mut self) {
        self.text.clear();
        self.depth = 0;
        self.is_in_string = false;
    }

    /// Begins an object that does not end in its first line. `false`: it is none.
    fn begin(&mut self, line: &[u8], number: Option<u64>) -> bool {
        self.clear();
        self.number = number;
        if self.add(line).is_none() {
            return true;
        }
        self.clear();
        false
    }

    /// Adds a line, up to the end of the object: where that is in the line.
    fn add(&mut self, line: &[u8]) -> Option<usize> {
        // A certificate that is logged has line ends, which are no JSON.
        if self.is_in_string {
            self.text.push(b'\n');
        }
        let mut is_escaped = false;
        for (at, &byte) in line.iter().enumerate() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if self.is_in_string => is_escaped = true,
                b'"' => self.is_in_string = !self.is_in_string,
                b'{' | b'[' if !self.is_in_string => self.depth += 1,
                b'}' | b']' if !self.is_in_string => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            if self.depth == 0 {
                self.text.extend_from_slice(&line[..=at]);
                return Some(at + 1);
            }
        }
        self.text.extend_from_slice(line);
        None
    }
}
