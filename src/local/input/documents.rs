//! What JSON around log events may be: what the AWS CLI prints, results of Insights, documents of a subscription, events
//! of Lambda, and what `--query` or `jq` makes of them.

use std::borrow::Cow;
use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{json, value::RawValue};

use super::super::{calls, error::CommandError};
use super::{
    Line, moment,
    out::{Meta, Out, is_event_id},
    text::begins_document,
};
use crate::{
    envelope::{Message, MessageType},
    event::{self, Event, Text},
    forwarder::{Part, Reader},
    json,
    record::Skip,
};

/// How many texts of JSON may be inside each other.
const MAX_NESTED: usize = 6;

/// An object that is longer is no line of an access log, in bytes.
const MAX_LINE_OBJECT: usize = 64 * 1024;

/// What is known from around a value.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    /// The key of the member that it is.
    pub(super) key: String,
    log_group: Option<String>,
    log_stream: Option<String>,
}

impl Context {
    /// Learns from a member with this value, which is `key`'s.
    pub(super) fn learn(&mut self, raw: &[u8]) {
        let text = || serde_json::from_slice(raw).ok();
        match &*self.key {
            "logGroup" | "logGroupName" => self.log_group = text(),
            "logStream" | "logStreamName" => self.log_stream = text(),
            _ => {}
        }
    }

    fn meta(&self) -> Meta<'_> {
        Meta {
            log_group: self.log_group.as_deref(),
            log_stream: self.log_stream.as_deref(),
            ..Meta::default()
        }
    }

    fn child(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }
}

/// Reads values, in buffers that it keeps.
pub(super) struct Documents {
    reader: Reader,
    calls: calls::Reader,
    line: Vec<u8>,
}

/// The members of an object, in their order.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(key), value)) = map.next_entry()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value.get())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value != "null")
    }

    /// The text of the first of these members that is one.
    fn text(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| text(self.get(name)?))
    }

    /// The time of the first of these members that is one, in Unix milliseconds.
    fn time(&self, names: &[&str]) -> Option<i64> {
        names.iter().find_map(|name| time(self.get(name)?))
    }
}

fn text(raw: &str) -> Option<Cow<'_, str>> {
    let Text(text) = serde_json::from_str(raw).ok()?;
    Some(text)
}

fn time(raw: &str) -> Option<i64> {
    match text(raw) {
        Some(text) => moment::whole(&text),
        None => moment::unix_ms(raw.as_bytes()),
    }
}

impl Documents {
    pub(super) fn new() -> Self {
        Self {
            reader: Reader::new(),
            calls: calls::Reader::new(calls::Options::default()),
            line: Vec::new(),
        }
    }

    /// Reads a line that is a value by itself, and hands it out as it is if it isn't JSON.
    pub(super) fn line(&mut self, line: &[u8], out: &mut Out<'_>) -> Result<(), CommandError> {
        let lines = out.lines;
        let text = String::from_utf8_lossy(line);
        if is_json(&text) {
            self.node(&text, &Context::default(), MAX_NESTED, out)?;
        }
        // What is no document is for the reader of lines to judge.
        if out.lines == lines && !std::mem::take(&mut out.is_document) {
            out.line(line, Meta::default())?;
        }
        Ok(())
    }

    /// Reads a value. `false`: it is not valid.
    pub(super) fn value(
        &mut self,
        raw: &[u8],
        context: &Context,
        out: &mut Out<'_>,
    ) -> Result<bool, CommandError> {
        let text = String::from_utf8_lossy(raw);
        if !is_json(&text) {
            return Ok(false);
        }
        self.node(&text, context, MAX_NESTED, out)?;
        Ok(true)
    }

    fn node(
        &mut self,
        raw: &str,
        context: &Context,
        depth: usize,
        out: &mut Out<'_>,
    ) -> Result<(), CommandError> {
        let raw = raw.trim_ascii();
        match raw.as_bytes().first() {
            Some(b'{') => match serde_json::from_str::<Members<'_>>(raw) {
                Ok(members) => self.object(raw, &members, context, depth, out),
                Err(_) => Ok(()),
            },
            Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(raw) {
                Ok(elements) => self.array(&elements, context, depth, out),
                Err(_) => Ok(()),
            },
            Some(b'"') => match text(raw) {
                Some(text) => self.message(&text, context.meta(), depth, out),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn object(
        &mut self,
        raw: &str,
        members: &Members<'_>,
        context: &Context,
        depth: usize,
        out: &mut Out<'_>,
    ) -> Result<(), CommandError> {
        if let Some(read) = self.event(raw, members, context, depth, out) {
            return read;
        }
        let mut context = context.clone();
        for (key, value) in &members.0 {
            context.key.clear();
            context.key.push_str(key);
            context.learn(value.get().as_bytes());
        }
        if members.text(&["messageType"]).as_deref() == Some("CONTROL_MESSAGE") {
            out.is_log = true;
            out.is_document = true;
            return Ok(());
        }
        let names = ["message", "@message"];
        let message = names.iter().find_map(|name| members.get(name));
        let inside = message.and_then(text);
        let holds_events = ["events", "logEvents", "results", "Messages"];
        let holds_events = holds_events.iter().any(|name| {
            members
                .get(name)
                .is_some_and(|value| value.starts_with('['))
        });
        if holds_events {
            out.is_log = true;
            out.is_document = true;
            if members.has("logEvents") {
                out.begin();
            }
        } else if let Some(message) = message.filter(|message| {
            let begins = inside.as_deref().unwrap_or(message);
            let is_object = begins.trim_ascii_start().starts_with('{');
            is_object || !self.is_line(raw)
        }) {
            let id = members.text(&["eventId", "id"]);
            let meta = Meta {
                timestamp: members.time(&["timestamp", "@timestamp"]),
                id: id.as_deref(),
                ..context.meta()
            };
            out.is_log = true;
            return match &inside {
                Some(text) => self.message(text, meta, depth, out),
                None if message.starts_with('{') => self.compact(message, meta, out),
                None => Ok(()),
            };
        } else if self.is_line(raw) {
            return self.compact(raw, context.meta(), out);
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Ok(());
        };
        for (key, value) in &members.0 {
            let is_container = value.get().starts_with(['{', '[']);
            if is_container && !is_beside_events(key) {
                self.node(value.get(), &context.child(key), depth, out)?;
            } else if value.get().starts_with('"')
                && let Some(inside) = text(value.get())
                && inside.trim_ascii_start().starts_with('{')
                && self.is_line(inside.trim_ascii())
            {
                // `--query` and `jq` give the message any name.
                let timestamp = members.0.iter().find_map(|(_, value)| time(value.get()));
                let meta = Meta {
                    timestamp,
                    ..context.meta()
                };
                self.message(&inside, meta, depth, out)?;
            }
        }
        Ok(())
    }

    fn array(
        &mut self,
        elements: &[&RawValue],
        context: &Context,
        depth: usize,
        out: &mut Out<'_>,
    ) -> Result<(), CommandError> {
        let first = elements.first().map_or("", |element| element.get());
        if first.starts_with('{')
            && let Ok(cell) = serde_json::from_str::<Members<'_>>(first)
            && cell.has("field")
        {
            return self.row(elements, context, depth, out);
        }
        if elements
            .iter()
            .all(|element| !element.get().starts_with(['{', '[']))
        {
            return self.scalars(elements, context, depth, out);
        }
        for element in elements {
            self.node(element.get(), context, depth, out)?;
        }
        Ok(())
    }

    /// A row of an Insights query: cells with the name of a field and its value.
    fn row(
        &mut self,
        cells: &[&RawValue],
        context: &Context,
        depth: usize,
        out: &mut Out<'_>,
    ) -> Result<(), CommandError> {
        let mut row = Vec::new();
        for cell in cells {
            if let Ok(cell) = serde_json::from_str::<Members<'_>>(cell.get())
                && let Some(field) = cell.text(&["field"])
                && let Some(value) = cell.text(&["value"])
            {
                row.push((field.into_owned(), value.into_owned()));
            }
        }
        let row: Vec<(&str, &str)> = row.iter().map(|(f, v)| (f.as_str(), v.as_str())).collect();
        self.fields(&row, context, depth, out)
    }

    /// The fields of a log event, by their names in Insights: its text, or what Insights has found in it.
    pub(super) fn fields(
        &mut self,
        row: &[(&str, &str)],
        context: &Context,
        depth: usize,
        out: &mut Out<'_>,
    ) -> Result<(), CommandError> {
        let get = |names: [&str; 2]| {
            let found = row.iter().find(|(field, _)| names.contains(field));
            found.map(|&(_, value)| value)
        };
        out.is_log = true;
        out.is_document = true;
        let meta = Meta {
            timestamp: get(["@timestamp", "timestamp"]).and_then(moment::whole),
            log_stream: get(["@logStream", "logStreamName"]),
            // The account stands before the name of the group.
            log_group: get(["@log", "logGroup"])
                .map(|log| log.split_once(':').map_or(log, |(_, name)| name)),
            ..context.meta()
        };
        if let Some(message) = get(["@message", "message"]) {
            return self.message(message, meta, depth, out);
        }
        // What Insights has found in a line of JSON has its names, so that the line can be put together again.
        let found = row.iter().filter(|(field, _)| !field.starts_with('@'));
        let mut line = String::from("{");
        for (field, value) in found {
            if line.len() > 1 {
                line.push(',');
            }
            line.push_str(&json!(field).to_string());
            line.push(':');
            line.push_str(&json!(value).to_string());
        }
        line.push('}');
        if self.is_line(&line) {
            return out.line(line.as_bytes(), meta);
        }
        out.fault(
            "results of Insights without the text of the lines: add @message to the fields of the query"
                .into(),
        );
        Ok(())
    }

    /// Texts and numbers: messages, or the members of a log event that `--query` asked for.
    fn scalars(
        &mut self,
        elements: &[&RawValue],
        context: &Context,
        depth: usize,
        out: &mut Out<'_>,
    ) -> Result<(), CommandError> {
        if is_beside_events(&context.key) {
            return Ok(());
        }
        let texts: Vec<Cow<'_, str>> = elements.iter().filter_map(|raw| text(raw.get())).collect();
        let timestamp = elements.iter().find_map(|raw| time(raw.get()));
        let is_object = |text: &&Cow<'_, str>| text.trim_ascii_start().starts_with(['{', '"']);
        let mut meta = Meta {
            timestamp,
            ..context.meta()
        };
        if !texts.iter().any(|text| is_object(&text)) {
            if timestamp.is_some() {
                let message = texts
                    .iter()
                    .filter(|text| moment::whole(text).is_none())
                    .max_by_key(|text| text.len());
                return match message {
                    Some(message) => self.message(message, meta, depth, out),
                    None => Ok(()),
                };
            }
            for text in texts.iter().filter(|text| text.contains(' ')) {
                self.message(text, meta, depth, out)?;
            }
            return Ok(());
        }
        let is_name = |text: &&Cow<'_, str>| {
            !text.is_empty() && !text.contains(char::is_whitespace) && moment::whole(text).is_none()
        };
        if timestamp.is_some() {
            let is_id = |text: &str| is_event_id(text.as_bytes());
            let names = || texts.iter().filter(|text| !is_object(text)).filter(is_name);
            meta.id = names().find(|text| is_id(text)).map(|text| &**text);
            let stream = names().find(|text| !is_id(text));
            meta.log_stream = stream.map(|text| &**text).or(meta.log_stream);
        }
        for text in texts.iter().filter(is_object) {
            self.message(text, meta, depth, out)?;
        }
        Ok(())
    }

    /// The text of a log event: a line, or again a document.
    fn message(
        &mut self,
        message: &str,
        meta: Meta<'_>,
        depth: usize,
        out: &mut Out<'_>,
    ) -> Result<(), CommandError> {
        let content = message.trim_ascii();
        let nested = depth.checked_sub(1);
        if let Some(depth) = nested
            && (begins_document(content.as_bytes()) || content.starts_with('"'))
            && is_json(content)
        {
            let context = Context {
                key: String::new(),
                log_group: meta.log_group.map(str::to_owned),
                log_stream: meta.log_stream.map(str::to_owned),
            };
            let lines = out.lines;
            self.node(content, &context, depth, out)?;
            if out.lines > lines || std::mem::take(&mut out.is_document) {
                return Ok(());
            }
        }
        if content.starts_with('{') && content.contains(['\n', '\r']) {
            let lines = || {
                content
                    .lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty())
            };
            // What `--query` has joined.
            if lines().all(|line| line.starts_with('{') && line.ends_with('}')) {
                return lines().try_for_each(|line| out.line(line.as_bytes(), meta));
            }
            return self.compact(content, meta, out);
        }
        out.line(message.as_bytes(), meta)
    }

    /// Hands out an object in one line.
    fn compact(
        &mut self,
        raw: &str,
        meta: Meta<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), CommandError> {
        self.line.clear();
        let mut is_in_string = false;
        let mut is_escaped = false;
        for &byte in raw.as_bytes() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_in_string => is_escaped = true,
                b'"' => is_in_string = !is_in_string,
                _ => {}
            }
            if is_in_string || !matches!(byte, b'\n' | b'\r' | b'\t') {
                self.line.push(byte);
            }
        }
        out.line(&self.line, meta)
    }

    /// Whether the function's own reader finds an access-log line in an object, though it may lack something.
    fn is_line(&mut self, raw: &str) -> bool {
        if raw.len() > MAX_LINE_OBJECT {
            return false;
        }
        self.calls.begin();
        let line = Line {
            text: raw.as_bytes(),
            ..Line::default()
        };
        match self.calls.read(&line) {
            Ok(_) => true,
            Err(skip) => !matches!(
                skip,
                Skip::Unrelated | Skip::Malformed | Skip::UnsupportedFormat | Skip::ExecutionLog
            ),
        }
    }

    /// Reads an event of Lambda, an item of one, or what wraps one. `None`: it is none.
    fn event(
        &mut self,
        raw: &str,
        members: &Members<'_>,
        context: &Context,
        depth: usize,
        out: &mut Out<'_>,
    ) -> Option<Result<(), CommandError>> {
        let has = |name| members.has(name);
        let is_item_of_records = has("kinesis") || (has("messageId") && has("body")) || has("Sns");
        let event = if has("rawData") {
            // What Firehose could not deliver, or the function has marked as failed.
            let arrived = members.get("arrivalTimestamp").and_then(|raw| {
                let text = text(raw).map_or_else(|| raw.to_owned(), Cow::into_owned);
                moment::unix_ms(text.as_bytes())
            });
            record(members.get("rawData")?, arrived)
        } else if has("recordId") && has("data") {
            let arrived = members.time(&["approximateArrivalTimestamp"]);
            record(members.get("data")?, arrived)
        } else if has("SequenceNumber") && has("Data") {
            // What get-records of Kinesis prints.
            record(members.get("Data")?, None)
        } else if is_item_of_records {
            format!("{{\"Records\":[{raw}]}}")
        } else if has("awslogs") || (has("detail") && has("detail-type")) {
            raw.to_owned()
        } else if has("requestPayload")
            || has("KinesisBatchInfo")
            || (has("Message") && (has("Type") || has("TopicArn") || has("MessageId")))
        {
            let name = ["requestPayload", "payload", "Message"];
            let inside = name.iter().find_map(|name| members.get(name));
            return Some(match (inside, depth.checked_sub(1)) {
                (Some(inside), Some(depth)) if inside.starts_with(['{', '"', '[']) => {
                    self.inside(inside, context, depth, out)
                }
                _ => {
                    out.is_document = true;
                    out.fault(match event::read(raw.as_bytes()) {
                        Err(error) => error.to_string(),
                        Ok(_) => "a record that holds no event".into(),
                    });
                    Ok(())
                }
            });
        } else if has("Body") && (has("MessageId") || has("ReceiptHandle")) {
            let body = members.get("Body")?;
            return Some(self.inside(body, context, depth.saturating_sub(1), out));
        } else if has("eventSource") && has("s3") {
            out.is_document = true;
            out.fault("a notification of S3, which only names an object: get that object, and give it in place of this".into());
            return Some(Ok(()));
        } else {
            return None;
        };
        out.is_document = true;
        Some(self.read_event(&event, members, context, depth, out))
    }

    /// Reads what a wrapper holds: JSON, as it is or as a text, or lines.
    fn inside(
        &mut self,
        raw: &str,
        context: &Context,
        depth: usize,
        out: &mut Out<'_>,
    ) -> Result<(), CommandError> {
        out.is_document = true;
        match text(raw) {
            Some(text) if is_json(&text) => self.node(&text, context, depth, out),
            Some(text) => {
                for line in text.lines() {
                    out.line(line.as_bytes(), context.meta())?;
                }
                Ok(())
            }
            None => self.node(raw, context, depth, out),
        }
    }

    fn read_event(
        &mut self,
        event: &str,
        members: &Members<'_>,
        context: &Context,
        depth: usize,
        out: &mut Out<'_>,
    ) -> Result<(), CommandError> {
        let read = match event::read(event.as_bytes()) {
            Ok(Event::Single(document)) => self.document(&document, out)?,
            Ok(Event::Batch(batch)) => {
                let mut read = Ok(());
                for item in &batch.items {
                    read = read.and(match batch.document(item) {
                        Ok(document) => self.document(&document, out)?,
                        Err(error) => Err(error.to_string()),
                    });
                }
                read
            }
            Ok(Event::Wait(_)) => Err("an event that waits for the Node, and has no lines".into()),
            Err(error) => Err(error.to_string()),
        };
        match (read, members.get("body")) {
            (Ok(()), _) => Ok(()),
            // A queue may hold what no function would take: documents as they are, or lines.
            (Err(_), Some(body)) if depth > 0 => self.inside(body, context, depth - 1, out),
            (Err(cause), _) => {
                out.fault(cause);
                Ok(())
            }
        }
    }

    /// Reads the document of an event by the function's own code. The outer error is the sink's.
    fn document(
        &mut self,
        document: &event::Document<'_>,
        out: &mut Out<'_>,
    ) -> Result<Result<(), String>, CommandError> {
        let mut failed = None;
        let mut line = std::mem::take(&mut self.line);
        out.is_log = true;
        let read = self
            .reader
            .read(document, u64::MAX, &|| false, &mut |part| match part {
                Part::Begin => out.begin(),
                Part::LogEvent(header, event) => {
                    if failed.is_some() || header.message_type == Some(MessageType::Control) {
                        return;
                    }
                    let Message::Escaped(escaped) = event.message else {
                        out.fault("a log event whose message is too long, or is none".into());
                        return;
                    };
                    line.clear();
                    json::unescape(escaped, &mut line);
                    let meta = Meta {
                        timestamp: event.timestamp,
                        id: event.id.and_then(|id| str::from_utf8(id).ok()),
                        log_group: header.log_group.as_deref(),
                        log_stream: header.log_stream.as_deref(),
                    };
                    failed = out.line(&line, meta).err();
                }
                Part::Broken => {}
            });
        self.line = line;
        match failed {
            Some(error) => Err(error),
            None => Ok(read.map_err(|error| error.to_string())),
        }
    }
}

/// An event of Firehose with one record.
fn record(data: &str, arrived: Option<i64>) -> String {
    let arrived = arrived.map_or_else(|| "null".to_owned(), |ms| ms.to_string());
    format!(
        "{{\"records\":[{{\"recordId\":\"0\",\"approximateArrivalTimestamp\":{arrived},\"data\":{data}}}]}}"
    )
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The members of a document that hold other things than log events.
fn is_beside_events(key: &str) -> bool {
    matches!(
        key,
        "searchedLogStreams"
            | "subscriptionFilters"
            | "statistics"
            | "responsePayload"
            | "responseContext"
            | "extractedFields"
            | "ResponseMetadata"
            | "Attributes"
            | "MessageAttributes"
    )
}
