//! The event of one invocation: which kind it is, and the data that it carries.
//!
//! | kind | shape | data |
//! | --- | --- | --- |
//! | CloudWatch Logs subscription | `{"awslogs":{"data":…}}` | `data` |
//! | record of an on-failure destination | `{"requestPayload":…}` | that of the payload |
//! | notification of SNS | `{"Type":"Notification","Message":…}` | that of the message |
//! | event of EventBridge | `{"detail-type":…,"detail":…}` | that of the detail |
//! | SQS | `{"Records":[{"messageId":…,"body":…}]}` | each body is one of the above: [`sqs`] |
//! | SNS | `{"Records":[{"Sns":…}]}` | the notification's |
//! | Kinesis | `{"Records":[{"kinesis":…}]}` | each record's `data`: [`kinesis`] |
//! | Firehose transformation | `{"records":[{"recordId":…,"data":…}]}` | each record's `data`: [`firehose`] |
//! | waiting for the Node | `{"waitForNode":…}` | none: [`wait`] |
//!
//! A subscription's data is compressed, with documents in it. That of Firehose and Kinesis may also be aggregated, a
//! document as it is, or lines of a log: [`first_bytes`] and [`aggregated`] tell.
//!
//! The shapes are those of DESIGN.md, "Subscription event" and "Event sources and destinations". One pass tells them
//! apart, and leaves each item of a batch as it stands: an item that can't be read is that item's failure.

mod aggregated;
mod batch_failures;
mod data;
mod firehose;
mod first_bytes;
mod id;
mod items;
mod kinesis;
mod object;
mod sqs;
mod subscription;
mod wait;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) use aggregated::user_records;
use batch_failures::batch_item_failures;
pub(crate) use data::{Data, Fingerprint};
use firehose::{Transformed, transformation};
pub(crate) use first_bytes::{HEAD, Layer, TextKind, layer, text_kind};
pub(crate) use id::{is_id_byte, usable_id};
use items::List;
pub(crate) use subscription::summary;
pub(crate) use wait::{Wait, healthy};

/// What an invocation brings.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// One document: the invocation succeeds or fails with it.
    Single(Document<'a>),
    /// Several of them: the response names those that failed.
    Batch(Batch<'a>),
    /// No log: waiting for the Node, or what is wrong with how that was asked for.
    Wait(Result<Wait<'a>, &'static str>),
}

/// What one item carries, and by which id it comes again if it fails.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    /// The id of the invocation that got it first, where the event tells; it is the same in each attempt.
    pub(crate) id: Option<Cow<'a, str>>,
    /// The name of the stream of Firehose or Kinesis that it came by. Anything may be in it.
    pub(crate) stream: Option<Cow<'a, str>>,
    pub(crate) data: Data<'a>,
    pub(crate) form: Form,
}

/// What the data of a document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A subscription's: compressed, with documents in it.
    Subscription,
    /// A record of Firehose or Kinesis: whatever its first bytes tell. `arrived` is the time of a line that has none, in
    /// Unix milliseconds.
    Record { arrived: Option<i64> },
}

/// The items of a queue or of a stream.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) items: Vec<Item<'a>>,
    pub(crate) source: Source,
    /// The name of the Firehose stream.
    stream: Option<Cow<'a, str>>,
}

/// Where the items of a batch are from, which says what becomes of those that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// SQS: each that the response names comes again by itself.
    Queue,
    /// Kinesis: they come again from the first one that the response names, so that going on after it
    /// would only send the others twice. When to give one up, and where to keep it, is the event source
    /// mapping's to know.
    Stream,
    /// Firehose: none comes again. The response has each of them, and says which ones failed.
    Firehose,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Every line of it is at the Node, and there was one.
    Forwarded,
    /// It was read, and what its lines are is settled.
    Read,
    /// It can't be read, or is nothing for this function. Another attempt would not help.
    Unreadable,
    /// Lines of it are undelivered, or all of them were refused.
    Failed,
}

impl<'a> Batch<'a> {
    /// The body of the batch's response. `ends` is what became of the items, in their order: an event source mapping
    /// gets only those that failed, and Firehose every record as it came, with its result.
    ///
    /// What can't be read is `Ok` for Firehose, so that the stream's own destination has it. `drops`: what was forwarded
    /// whole ends here, and the stream does not go on with it.
    ///
    /// `None` where one of them has no identifier, so that only the failure of the invocation can tell of it. A
    /// record that Firehose does not get back has failed, whatever becomes of the others: there it is `None` only
    /// where no record at all can be given back.
    pub(crate) fn response(&self, ends: &[End], drops: bool) -> Option<Vec<u8>> {
        let items = self.items.iter().zip(ends);
        match self.source {
            Source::Queue | Source::Stream => {
                let failed = items.filter(|(_, end)| matches!(end, End::Unreadable | End::Failed));
                let failed = failed.map(|(item, _)| item.identifier.as_deref());
                Some(batch_item_failures(&failed.collect::<Option<Vec<_>>>()?))
            }
            Source::Firehose => {
                let records = items.filter_map(|(item, end)| {
                    let record_id = item.identifier.as_deref()?;
                    let (result, data) = match (&item.content, end) {
                        (Content::Record { .. }, End::Forwarded) if drops => ("Dropped", ""),
                        (Content::Record { data, .. }, End::Failed) => {
                            ("ProcessingFailed", &**data)
                        }
                        (Content::Record { data, .. }, _) => ("Ok", &**data),
                        // Its data is not known here, and an `Ok` would put nothing in its place.
                        _ => ("ProcessingFailed", ""),
                    };
                    Some(Transformed {
                        record_id,
                        result,
                        data,
                    })
                });
                let records: Vec<_> = records.collect();
                (!records.is_empty() || self.items.is_empty()).then(|| transformation(records))
            }
        }
    }

    /// Whether an item that fails may bring all others back with it, because the response can't name it.
    pub(crate) fn may_come_again_whole(&self) -> bool {
        self.source != Source::Firehose && self.items.iter().any(|item| item.identifier.is_none())
    }

    /// What an item of this batch carries.
    ///
    /// # Errors
    ///
    /// Where it carries something else.
    pub(crate) fn document<'b>(&'b self, item: &'b Item<'a>) -> Result<Document<'b>, EventError> {
        let mut document = item.document()?;
        if document.stream.is_none() && matches!(item.content, Content::Record { .. }) {
            document.stream = self.stream.as_deref().map(Cow::Borrowed);
        }
        Ok(document)
    }
}

/// One item of a batch.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    /// By which the response names it: an SQS message's id, a Kinesis record's sequence number, or a
    /// Firehose record's id. An item of another shape may have none, and one of SNS has none.
    pub(crate) identifier: Option<Cow<'a, str>>,
    content: Content<'a>,
}

#[derive(Debug)]
enum Content<'a> {
    Message(sqs::Message<'a>),
    Record {
        data: Cow<'a, str>,
        arrived: Option<i64>,
        stream: Option<Cow<'a, str>>,
    },
    /// The JSON of a notification of SNS.
    Notification(&'a str),
    /// The document that stands beside the list of items.
    Document(Document<'a>),
    /// It can't be read.
    Invalid(EventError),
}

impl Item<'_> {
    fn document(&self) -> Result<Document<'_>, EventError> {
        let mut document = match &self.content {
            Content::Message(message) => message.document()?,
            Content::Record {
                data,
                arrived,
                stream,
            } => Document {
                id: None,
                stream: stream.as_deref().map(Cow::Borrowed),
                data: Data(Cow::Borrowed(data)),
                form: Form::Record { arrived: *arrived },
            },
            Content::Notification(text) => notified(text, MAX_WRAPPERS)?,
            Content::Document(document) => return Ok(document.borrow()),
            Content::Invalid(error) => return Err(error.clone()),
        };
        if document.id.is_none() {
            let identifier = self.identifier.as_deref();
            // Without an identifier only the data is the same in each attempt.
            let id = identifier.map_or_else(|| id::digest(&document.data.0).into(), Cow::Borrowed);
            document.id = Some(id);
        }
        Ok(document)
    }
}

impl<'a> Document<'a> {
    fn of_subscription(data: Cow<'a, str>) -> Self {
        Self {
            id: None,
            stream: None,
            data: Data(data),
            form: Form::Subscription,
        }
    }

    /// The same, borrowed from this one.
    fn borrow(&self) -> Document<'_> {
        Document {
            id: self.id.as_deref().map(Cow::Borrowed),
            stream: self.stream.as_deref().map(Cow::Borrowed),
            data: Data(Cow::Borrowed(&self.data.0)),
            form: self.form,
        }
    }

    /// The same of a subscription, without the text that it was read from.
    fn into_owned(self) -> Document<'static> {
        Document {
            id: self.id.map(|id| id.into_owned().into()),
            ..Document::of_subscription(self.data.0.into_owned().into())
        }
    }
}

/// Why an event can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EventError {
    /// It is not JSON, or not of a documented shape. Line and column count from one.
    Json { line: usize, column: usize },
    /// It is no JSON object, but this.
    NotAnObject(&'static str),
    /// An item of a batch is not of a documented shape. Line and column count from its first byte.
    Item { line: usize, column: usize },
    /// It is valid, but carries no document of a CloudWatch Logs subscription.
    Unsupported(&'static str),
    /// It only says where something is.
    Elsewhere(&'static str),
    /// The base64 is broken at this character, counting from zero.
    Base64 { offset: usize },
}

/// What an S3 bucket sends of an object.
const S3: &str = "a notification of S3, which only names an object: get that object from S3, and invoke this function \
                  with its content";

/// What the on-failure destination of an event source mapping gets (DESIGN.md, "Kinesis batches").
const STREAM: &str = "the on-failure record of a stream, which has no data: it is still in the stream, until its retention \
                      ends. Read it with aws kinesis get-shard-iterator and get-records, from the shard and the sequence \
                      numbers in KinesisBatchInfo, and invoke this function with \
                      {\"Records\":[{\"kinesis\":{\"sequenceNumber\":…,\"data\":…}}]}, where data is each record's Data";

/// The same with the records, as an S3 bucket gets it.
const STREAM_PAYLOAD: &str = "the on-failure record of a stream with its records in payload: invoke this function with \
                              the content of payload, which is an event (jq -r .payload)";

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { line, column } => write!(
                f,
                "expected JSON of the form {{\"awslogs\":{{\"data\":\"<base64>\"}}}}, found \
                 something else at line {line} column {column}"
            ),
            Self::NotAnObject(found) => write!(
                f,
                "expected a JSON object, as {{\"awslogs\":{{\"data\":\"<base64>\"}}}}, found {found}"
            ),
            Self::Item { line, column } => write!(
                f,
                "expected a message of SQS, or a record of Kinesis or Firehose, found something else at line \
                 {line} column {column} of the item"
            ),
            Self::Unsupported(kind) => write!(
                f,
                "expected an event of a CloudWatch Logs subscription ({{\"awslogs\":…}}), by itself \
                 or in records of SQS, SNS, Kinesis or Firehose, found {kind}; subscribe this function to the log \
                 group itself"
            ),
            Self::Elsewhere(what) => write!(f, "expected log lines, found {what}"),
            Self::Base64 { offset } => {
                write!(f, "the document's data is not base64 at offset {offset}")
            }
        }
    }
}

impl From<serde_json::Error> for EventError {
    /// The text of serde's error may quote the event, so that only the position is kept.
    fn from(error: serde_json::Error) -> Self {
        Self::Json {
            line: error.line(),
            column: error.column(),
        }
    }
}

/// Text that is borrowed where it has no escapes, inside an `Option` too, which serde does not do
/// for a bare `Cow`. JSON may write the slash of base64 as `\/`.
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// The error of an event that is UTF-8 only so far.
#[cold]
fn not_text(before: &[u8]) -> EventError {
    let line = before
        .rsplit(|&byte| byte == b'\n')
        .next()
        .map_or(0, <[u8]>::len);
    EventError::Json {
        line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(),
        column: 1 + line,
    }
}

/// What tells the kinds apart. Whatever else an event has is passed over, or looked for where none of these is there:
/// each member here costs bytes of the program.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape<'a> {
    #[serde(borrow)]
    awslogs: Option<AwsLogs<'a>>,
    #[serde(borrow)]
    request_payload: Option<&'a RawValue>,
    #[serde(borrow, rename = "Records")]
    records: Option<List<'a>>,
    #[serde(borrow, rename = "records")]
    firehose: Option<List<'a>>,
    #[serde(borrow)]
    delivery_stream_arn: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AwsLogs<'a> {
    #[serde(borrow)]
    data: Text<'a>,
}

/// How many wrappers may be around an event. The deepest that AWS makes: a notification of SNS has an event of
/// EventBridge, which has an on-failure record.
const MAX_WRAPPERS: usize = 3;

const UNKNOWN: EventError = EventError::Unsupported("an event of an unknown kind");
const PAYLOAD: &str = "the record of another function's failure";
const S3_TEST: &str = "the test (s3:TestEvent) that S3 sends when its notifications are set up, which names no object";
const REQUEST: &str = "a request to an API, to a load balancer or to a function's URL";
const SNS: &str = "a notification of SNS that has none inside";

/// The single document of an event that has at most so many wrappers around it.
fn document_in(event: &str, wrappers: usize) -> Result<Document<'_>, EventError> {
    shape(event)?.document(event, wrappers)
}

/// What tells the kind of this event.
fn shape(event: &str) -> Result<Shape<'_>, EventError> {
    match event.trim_ascii_start().as_bytes() {
        [b'{', ..] => Ok(serde_json::from_str(event)?),
        [] => Err(EventError::NotAnObject("nothing")),
        [b'[', ..] => Err(EventError::NotAnObject("an array")),
        _ => Err(EventError::NotAnObject("another value")),
    }
}

impl<'a> Shape<'a> {
    /// Whether it has what a document would be in.
    fn is_for_a_document(&self) -> bool {
        self.awslogs.is_some() || self.request_payload.is_some()
    }

    /// The single document of this shape, which was read from `event`, or what it is instead.
    fn document(self, event: &'a str, wrappers: usize) -> Result<Document<'a>, EventError> {
        let list = match self.records {
            Some(list) if list.has_items() => Some(list),
            _ => self.firehose.filter(List::has_items),
        };
        let payload = self.request_payload.map(RawValue::get);
        let document = match (self.awslogs, payload) {
            (Some(AwsLogs { data: Text(data) }), payload) => {
                // Nobody writes two of them. To forward one would lose the other.
                if payload.is_some_and(|payload| unwrap(payload, wrappers, PAYLOAD).is_ok()) {
                    return Err(EventError::Unsupported("two documents beside each other"));
                }
                Document::of_subscription(data)
            }
            (None, Some(payload)) => unwrap(payload, wrappers, PAYLOAD)?,
            (None, None) => return without_document(event, list, wrappers),
        };
        if list.is_some() {
            return Err(EventError::Unsupported("a document beside a batch"));
        }
        // Only the record of a destination has one. The innermost is that of the first invocation.
        if document.id.is_some() || payload.is_none() {
            return Ok(document);
        }
        let id = items::text_at(event, &["requestContext", "requestId"]);
        Ok(Document {
            id: id.filter(|id| !id.is_empty()),
            ..document
        })
    }
}

/// What else an event may be that has no document of its own. Its list has items.
#[cold]
fn without_document<'a>(
    event: &'a str,
    list: Option<List<'a>>,
    wrappers: usize,
) -> Result<Document<'a>, EventError> {
    if let Some(list) = list {
        // An event of SNS has one notification, and comes again by a dead-letter queue, too.
        let content = match &list {
            List::Items(list) => list.first().map(|item| items::record(item.get()).content),
            _ => None,
        };
        return match content {
            Some(Content::Notification(text)) => notified(text, wrappers),
            Some(Content::Invalid(error @ EventError::Elsewhere(_))) => Err(error),
            _ => Err(EventError::Unsupported("a batch inside a message")),
        };
    }
    for (name, kind) in [
        ("Message", SNS),
        ("detail", "an event of EventBridge that has none inside"),
    ] {
        if let Some(text) = items::member(event, name) {
            return unwrap(text, wrappers, kind);
        }
    }
    Err(told(event))
}

/// What an event is that has no document anywhere.
fn told(event: &str) -> EventError {
    let member = |name| items::member(event, name).filter(|value| *value != "null");
    if member("KinesisBatchInfo").is_some() {
        return EventError::Elsewhere(match member("payload") {
            Some(_) => STREAM_PAYLOAD,
            None => STREAM,
        });
    }
    if member("Event") == Some("\"s3:TestEvent\"") {
        return EventError::Unsupported(S3_TEST);
    }
    let context = member("requestContext").unwrap_or_default();
    let is_request = |name: &&str| items::member(context, name).is_some();
    match ["httpMethod", "http", "elb"].iter().any(is_request) {
        true => EventError::Unsupported(REQUEST),
        false => UNKNOWN,
    }
}

/// The single document of a notification of SNS. The message inside counts as its wrapper.
fn notified(text: &str, wrappers: usize) -> Result<Document<'_>, EventError> {
    unwrap(text, wrappers + 1, SNS)
}

/// The single document of what a wrapper has inside: JSON, as it is or as text. `kind` says what the wrapper is if
/// that is no event.
#[cold]
fn unwrap<'a>(
    text: &'a str,
    wrappers: usize,
    kind: &'static str,
) -> Result<Document<'a>, EventError> {
    let Some(wrappers) = wrappers.checked_sub(1) else {
        return Err(EventError::Unsupported(
            "more wrappers than AWS puts around an event",
        ));
    };
    let document = match serde_json::from_str(text) {
        Ok(Text(text)) => document_in(&text, wrappers).map(Document::into_owned),
        Err(_) => document_in(text, wrappers),
    };
    document.map_err(|error| match error {
        // A payload that is no event at all was never given to a function.
        EventError::Json { .. } | EventError::NotAnObject(_) if kind != PAYLOAD => {
            EventError::Unsupported(kind)
        }
        error if error == UNKNOWN => EventError::Unsupported(kind),
        error => error,
    })
}

/// Finds the documents in an event.
///
/// # Errors
///
/// Where the event as a whole is not valid, or of another kind. What is wrong with one item of a
/// batch is that item's own [`Batch::document`].
pub(crate) fn read(event: &[u8]) -> Result<Event<'_>, EventError> {
    let event = str::from_utf8(event).map_err(|error| not_text(&event[..error.valid_up_to()]))?;
    let event = event.strip_prefix('\u{feff}').unwrap_or(event);
    let mut shape = shape(event)?;
    let is_for_a_document = shape.is_for_a_document();
    let stream = kinesis::stream_name(shape.delivery_stream_arn);
    let records = items::read(shape.records.take(), items::record)?;
    let firehose = items::read(shape.firehose.take(), firehose::item)?;
    let document = || shape.document(event, MAX_WRAPPERS);
    let (mut items, source) = match (records, firehose) {
        (None, None) => {
            let single = document().map(Event::Single);
            return match items::member(event, "waitForNode") {
                Some(asked) if matches!(&single, Err(error) if *error == UNKNOWN) => {
                    Ok(Event::Wait(wait::read(asked)))
                }
                _ => single,
            };
        }
        (Some(items), None) => {
            let source = items::source(&items);
            (items, source)
        }
        (None, Some(items)) => (items, Source::Firehose),
        (Some(mut items), Some(others)) => {
            let source = items::source(&items);
            // The response has the form of one source only, so that it can't name the items of the other.
            items.extend(others.into_iter().map(|other| Item {
                identifier: None,
                ..other
            }));
            (items, source)
        }
    };
    if is_for_a_document {
        if items.is_empty() {
            return document().map(Event::Single);
        }
        // Nobody writes both. What stands beside the items counts as one more of them.
        items.push(Item {
            identifier: None,
            content: document().map_or_else(Content::Invalid, Content::Document),
        });
    } else if let [
        Item {
            content: Content::Notification(text),
            ..
        },
    ] = items[..]
    {
        // SNS sends one at a time, and waits for no response.
        return notified(text, MAX_WRAPPERS).map(Event::Single);
    } else if let Some(error) = unsupported(&items) {
        return Err(error.clone());
    }
    Ok(Event::Batch(Batch {
        items,
        source,
        stream,
    }))
}

/// What all of these items are, if none of them is for this function and the response could name none.
fn unsupported<'a>(items: &'a [Item<'_>]) -> Option<&'a EventError> {
    let errors = items
        .iter()
        .map(|item| match (&item.content, &item.identifier) {
            (
                Content::Invalid(error @ (EventError::Unsupported(_) | EventError::Elsewhere(_))),
                None,
            ) => Some(error),
            _ => None,
        });
    errors.reduce(|first, next| next.and(first)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an event carries: of each document its id, and its data or why there is none.
    fn documents(event: &str) -> Result<Vec<String>, EventError> {
        let spell = |document: Document<'_>| {
            let id = document.id.as_deref().unwrap_or("-").to_string();
            format!("{id} {}", document.data.0)
        };
        match read(event.as_bytes())? {
            Event::Single(document) => Ok(vec![spell(document)]),
            Event::Batch(batch) => Ok(batch
                .items
                .iter()
                .map(|item| {
                    let name = item.identifier.as_deref().unwrap_or("?");
                    match item.document() {
                        Ok(document) => format!("{name}: {}", spell(document)),
                        Err(_) => format!("{name}: failed"),
                    }
                })
                .collect()),
            Event::Wait(wait) => Ok(vec![format!("{wait:?}")]),
        }
    }

    #[test]
    fn kinds_are_told_by_their_shape() {
        for (event, expected) in [
            (r#"{"awslogs":{"data":"eA=="}}"#, &["- eA=="][..]),
            (
                r#"{"x":[{}],"awslogs":{"y":1,"data":"Pz8\/"},"z":null}"#,
                &["- Pz8/"],
            ),
            (
                r#"{"requestContext":{"requestId":"r"},"requestPayload":{"awslogs":{"data":"eA=="}},"responsePayload":null}"#,
                &["r eA=="],
            ),
            (
                r#"{"Records":[{"messageId":"m","body":"{\"awslogs\":{\"data\":\"eA==\"}}"},{"messageId":"n","body":""}]}"#,
                &["m: m eA==", "n: failed"],
            ),
            (
                r#"{"Records":[{"messageId":"m","messageAttributes":{"RequestID":{"stringValue":"r"}},"body":"{\"awslogs\":{\"data\":\"eA==\"}}"}]}"#,
                &["m: r eA=="],
            ),
            (
                r#"{"Records":[{"kinesis":{"sequenceNumber":"7","data":"eA=="},"eventID":"s:7"}]}"#,
                &["7: 7 eA=="],
            ),
            (
                r#"{"invocationId":"i","deliveryStreamArn":"arn","records":[{"recordId":"8","approximateArrivalTimestamp":1,"data":"eA=="}]}"#,
                &["8: 8 eA=="],
            ),
            (
                r#"{"requestContext":{"requestId":7},"requestPayload":{"awslogs":{"data":"eA=="}}}"#,
                &["- eA=="],
            ),
            (
                r#"{"requestContext":[],"requestPayload":{"awslogs":{"data":"eA=="}}}"#,
                &["- eA=="],
            ),
            (
                r#"{"version":"0","detail-type":"x","source":"lambda","detail":{"requestContext":{"requestId":"r"},"requestPayload":{"awslogs":{"data":"eA=="}}}}"#,
                &["r eA=="],
            ),
            (
                r#"{"Type":"Notification","Message":"{\"awslogs\":{\"data\":\"Pz8\\/\"}}"}"#,
                &["- Pz8/"],
            ),
            // SNS sends one, and nobody takes a response.
            (
                r#"{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"{\"awslogs\":{\"data\":\"eA==\"}}"}}]}"#,
                &["- eA=="],
            ),
            (
                r#"{"requestContext":{"requestId":"r"},"requestPayload":{"Records":[{"Sns":{"Message":"{\"awslogs\":{\"data\":\"eA==\"}}"}}]}}"#,
                &["r eA=="],
            ),
            // Of both the first invocation and of the one with the notification.
            (
                r#"{"requestPayload":{"Records":[{"Sns":{"Message":"{\"requestContext\":{\"requestId\":\"r\"},\"requestPayload\":{\"awslogs\":{\"data\":\"eA==\"}}}"}}]}}"#,
                &["r eA=="],
            ),
            // The id is that of the first invocation.
            (
                r#"{"requestContext":{"requestId":"second"},"requestPayload":{"detail":{"requestContext":{"requestId":"first"},"requestPayload":{"awslogs":{"data":"eA=="}}}}}"#,
                &["first eA=="],
            ),
            (
                r#"{"Records":[{"messageId":"m","body":"{\"Message\":\"{\\\"detail\\\":{\\\"requestContext\\\":{\\\"requestId\\\":\\\"r\\\"},\\\"requestPayload\\\":{\\\"awslogs\\\":{\\\"data\\\":\\\"eA==\\\"}}}}\"}"}]}"#,
                &["m: r eA=="],
            ),
            (r#"{"Records":[]}"#, &[]),
            (r#"{"records":[]}"#, &[]),
            (
                r#"{"x":1,"waitForNode":{"path":"/a","seconds":7}}"#,
                &[r#"Ok(Wait { path: "/a", time: 7s })"#],
            ),
            (r#"{"Records":[],"waitForNode":{}}"#, &[]),
            (
                r#"{"waitForNode":{},"awslogs":{"data":"eA=="}}"#,
                &["- eA=="],
            ),
            ("\u{feff}{\"awslogs\":{\"data\":\"eA==\"}}", &["- eA=="]),
            // The response can't name one by an empty id.
            (
                r#"{"Records":[{"messageId":"","body":"{\"awslogs\":{\"data\":\"eA==\"}}"},{"messageId":"","body":7}]}"#,
                &["?: digest eA==", "?: failed"],
            ),
            (
                r#"{"Records":[{"kinesis":{"sequenceNumber":"","data":"eA=="}}]}"#,
                &["?: digest eA=="],
            ),
            (
                r#"{"records":[{"recordId":"","data":"eA=="}]}"#,
                &["?: digest eA=="],
            ),
        ] {
            let found = documents(event).unwrap();
            let digest = id::digest("eA==");
            let found: Vec<_> = found
                .iter()
                .map(|name| name.replace(&digest, "digest"))
                .collect();
            assert_eq!(found, expected, "{event}");
        }
    }

    #[test]
    fn several_notifications_are_a_batch() {
        let event = r#"{"Records":[{"Sns":{"Message":"{\"awslogs\":{\"data\":\"eA==\"}}"}},{"Sns":{"Message":"x"}}]}"#;
        let expected = format!("?: {} eA==", id::digest("eA=="));
        assert_eq!(documents(event).unwrap(), [&expected, "?: failed"]);
    }

    /// The name of the stream, and when a record has arrived.
    #[test]
    fn a_record_knows_its_stream_and_its_time() {
        for (event, stream, arrived) in [
            (
                r#"{"Records":[{"kinesis":{"data":"","approximateArrivalTimestamp":1545084650.987},"eventSourceARN":"arn:aws:kinesis:x:1:stream/a-b"}]}"#,
                Some("a-b"),
                Some(1_545_084_650_987),
            ),
            (
                r#"{"Records":[{"kinesis":{"data":""},"eventSourceARN":[]}]}"#,
                None,
                None,
            ),
            (
                r#"{"deliveryStreamArn":"arn:aws:firehose:x:1:deliverystream/amazon-apigateway-x","records":[{"approximateArrivalTimestamp":1795362001123,"data":""}]}"#,
                Some("amazon-apigateway-x"),
                Some(1_795_362_001_123),
            ),
            (
                r#"{"records":[{"approximateArrivalTimestamp":"x","data":""}],"deliveryStreamArn":7}"#,
                None,
                None,
            ),
        ] {
            let Ok(Event::Batch(batch)) = read(event.as_bytes()) else {
                panic!("{event}");
            };
            let document = batch.document(&batch.items[0]).unwrap();
            assert_eq!(document.stream.as_deref(), stream, "{event}");
            assert_eq!(document.form, Form::Record { arrived }, "{event}");
        }
        let message = r#"{"Records":[{"messageId":"m","body":"{\"awslogs\":{\"data\":\"\"}}"}],"deliveryStreamArn":"stream/x"}"#;
        let Ok(Event::Batch(batch)) = read(message.as_bytes()) else {
            panic!("{message}");
        };
        let document = batch.document(&batch.items[0]).unwrap();
        assert_eq!((document.stream, document.form), (None, Form::Subscription));
    }

    /// What Firehose gets of each record, for each end that it can have.
    #[test]
    fn a_record_of_firehose_is_given_back_with_its_result() {
        let event = r#"{"records":[{"recordId":"8","data":"eA=="},{"recordId":"9","data":7}]}"#;
        let Ok(Event::Batch(batch)) = read(event.as_bytes()) else {
            panic!("a batch");
        };
        for (end, drops, expected) in [
            (End::Read, false, r#""result":"Ok","data":"eA==""#),
            (End::Read, true, r#""result":"Ok","data":"eA==""#),
            (End::Forwarded, false, r#""result":"Ok","data":"eA==""#),
            (End::Forwarded, true, r#""result":"Dropped","data":"""#),
            (End::Unreadable, true, r#""result":"Ok","data":"eA==""#),
            (
                End::Failed,
                true,
                r#""result":"ProcessingFailed","data":"eA==""#,
            ),
        ] {
            let response = batch.response(&[end, End::Unreadable], drops).unwrap();
            let expected = format!(
                r#"{{"records":[{{"recordId":"8",{expected}}},{{"recordId":"9","result":"ProcessingFailed","data":""}}]}}"#
            );
            assert_eq!(String::from_utf8(response).unwrap(), expected, "{end:?}");
        }
    }

    #[test]
    fn wrappers_are_bounded() {
        let document = r#"{"awslogs":{"data":"eA=="}}"#.to_string();
        let detail = |inner: &String| format!(r#"{{"detail":{inner}}}"#);
        let message =
            |inner: &String| format!(r#"{{"Message":{}}}"#, serde_json::to_string(inner).unwrap());
        let payload = |inner: &String| format!(r#"{{"requestPayload":{inner}}}"#);
        let wrappers: [&dyn Fn(&String) -> String; 3] = [&detail, &message, &payload];
        for outer in wrappers {
            let mut event = document.clone();
            for depth in 1..=5 {
                event = outer(&event);
                let found = documents(&event);
                assert_eq!(found.is_ok(), depth <= MAX_WRAPPERS, "{event}");
                if let Err(error) = found {
                    assert!(error.to_string().contains("more wrappers"), "{error}");
                }
            }
        }
        // As many of them as an event may hold.
        let deep = [
            r#"{"detail":"#.repeat(100_000),
            document,
            "}".repeat(100_000),
        ]
        .concat();
        assert!(documents(&deep).is_err());
    }

    /// Whatever an item is, the ones beside it are what they are alone.
    #[test]
    fn an_item_of_another_shape_is_that_items_failure() {
        let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
        let body = r#""body":"{\"awslogs\":{\"data\":\"eA==\"}}""#;
        let message = |members: &str| format!("{{\"messageId\":\"m\",{members}}}");
        let record =
            |members: &str| format!("{{\"kinesis\":{{\"sequenceNumber\":\"7\",{members}}}}}");
        let firehose = |members: &str| format!("{{\"recordId\":\"8\",{members}}}");
        let strange = [
            "null",
            "7",
            "-1.5e3",
            "true",
            "[]",
            "{}",
            "\"x\"",
            "\"\\ud800\"",
            &deep,
            "[\"m\",\"\",null,null]",
        ];
        let valid = [
            (message(body), "m: m eA==", "Records"),
            (record(r#""data":"eA==""#), "7: 7 eA==", "Records"),
            (firehose(r#""data":"eA==""#), "8: 8 eA==", "records"),
        ];
        let check = |item: &str, expected: &str, list: &str| {
            for (other, others, _) in valid.iter().filter(|(.., of)| *of == list) {
                let event = format!("{{\"{list}\":[{other},{item},{other}]}}");
                let expected = [others, expected, others];
                assert_eq!(documents(&event).unwrap(), expected, "{item:.100}");
            }
        };
        for (item, expected, list) in &valid {
            check(item, expected, list);
        }
        for value in strange {
            // In place of the item, of each of its members, and beside them.
            check(value, "?: failed", "Records");
            check(value, "?: failed", "records");
            let is_text = |value: &str| value == "\"x\"";
            if !is_text(value) {
                check(
                    &message(&format!("\"body\":{value}")),
                    "m: failed",
                    "Records",
                );
                check(
                    &record(&format!("\"data\":{value}")),
                    "7: failed",
                    "Records",
                );
                check(
                    &firehose(&format!("\"data\":{value}")),
                    "8: failed",
                    "records",
                );
                let id = |name| format!("{{\"{name}\":{value},");
                let absent = ["null"].contains(&value);
                let digest = id::digest("eA==");
                let unnamed = |data: &str| match absent {
                    true => format!("?: {digest} {data}"),
                    false => "?: failed".to_string(),
                };
                check(
                    &format!("{}{body}}}", id("messageId")),
                    &unnamed("eA=="),
                    "Records",
                );
                let data = "\"data\":\"eA==\"";
                let inner = format!("{{\"kinesis\":{}{data}}}}}", id("sequenceNumber"));
                check(&inner, &unnamed("eA=="), "Records");
                check(
                    &format!("{}{data}}}", id("recordId")),
                    &unnamed("eA=="),
                    "records",
                );
            }
            let beside = format!("\"messageAttributes\":{value},{body}");
            let expected = ["null", "{}"].contains(&value);
            let expected = if expected { "m: m eA==" } else { "m: failed" };
            check(&message(&beside), expected, "Records");
            let beside = format!("\"kinesis\":{value},{body}");
            let expected = match value {
                "null" => "m: m eA==",
                // Both sources at once, too.
                _ => "m: failed",
            };
            check(&message(&beside), expected, "Records");
            check(
                &message(&format!("\"x\":{value},{body}")),
                "m: m eA==",
                "Records",
            );
            check(
                &record(&format!("\"x\":{value},\"data\":\"eA==\"")),
                "7: 7 eA==",
                "Records",
            );
        }
        // Nobody could tell which of two counts.
        check(&message(&format!("{body},{body}")), "m: failed", "Records");
        check(
            &message(&format!("\"messageId\":\"n\",{body}")),
            "m: failed",
            "Records",
        );
        check(
            &record(r#""data":"eA==","data":"eQ==""#),
            "7: failed",
            "Records",
        );
        check(
            &firehose(r#""data":"eA==","data":"eQ==""#),
            "8: failed",
            "records",
        );
        check(
            r#"{"\ud800":1,"messageId":"m","body":""}"#,
            "m: failed",
            "Records",
        );
        check(
            r#"{"eventSource":"aws:s3","s3":{}}"#,
            "?: failed",
            "Records",
        );
        check(r#"{"messageId":"m"}"#, "m: failed", "Records");
    }

    /// Nothing that an event carries is passed over for what stands beside it.
    #[test]
    fn what_stands_beside_a_document_does_not_hide_it() {
        for document in [
            r#""awslogs":{"data":"eA=="}"#,
            r#""requestPayload":{"awslogs":{"data":"eA=="}}"#,
            r#""requestPayload":{"awslogs":{"data":"eA=="},"Records":[],"records":null}"#,
        ] {
            for name in ["Records", "records"] {
                for list in [
                    "[]",
                    "null",
                    "7",
                    "\"x\"",
                    "{}",
                    "{\"a\":[1]}",
                    "true",
                    "1.5",
                ] {
                    for event in [
                        format!("{{{document},\"{name}\":{list}}}"),
                        format!("{{\"{name}\":{list},{document}}}"),
                    ] {
                        assert_eq!(documents(&event).unwrap(), ["- eA=="], "{event}");
                        let body = serde_json::to_string(&event).unwrap();
                        let event = format!(r#"{{"Records":[{{"messageId":"m","body":{body}}}]}}"#);
                        assert_eq!(documents(&event).unwrap(), ["m: m eA=="], "{event}");
                    }
                }
                let event = format!("{{{document},\"{name}\":[{{}}]}}");
                assert_eq!(
                    documents(&event).unwrap(),
                    ["?: failed", "?: - eA=="],
                    "{event}"
                );
                let body = serde_json::to_string(&event).unwrap();
                let event = format!(r#"{{"Records":[{{"messageId":"m","body":{body}}}]}}"#);
                assert_eq!(documents(&event).unwrap(), ["m: failed"], "{event}");
            }
        }
    }

    /// A record that the response can't name makes the whole batch come again, but for Firehose.
    #[test]
    fn what_can_not_be_named_is_in_no_response() {
        let response = |event: &str, failed: &[usize]| match read(event.as_bytes()) {
            Ok(Event::Batch(batch)) => {
                let end = |at| match failed.contains(&at) {
                    true => End::Failed,
                    false => End::Read,
                };
                let ends: Vec<End> = (0..batch.items.len()).map(end).collect();
                let is_some = batch.response(&ends, false).is_some();
                (is_some, batch.may_come_again_whole())
            }
            other => panic!("{other:?}"),
        };
        let messages = r#"{"Records":[{"messageId":"m","body":""},{"body":""}]}"#;
        assert_eq!(response(messages, &[0]), (true, true));
        assert_eq!(response(messages, &[0, 1]), (false, true));
        assert_eq!(
            response(r#"{"records":[7,{"recordId":"8"}]}"#, &[0, 1]),
            (true, false)
        );
        assert_eq!(response(r#"{"records":[7]}"#, &[0]), (false, false));
        // Neither source would know the ids of the other one.
        let both = r#"{"Records":[{"messageId":"m","body":""}],"records":[{"recordId":"8"}]}"#;
        assert_eq!(response(both, &[0]), (true, true));
        assert_eq!(response(both, &[1]), (false, true));
    }

    #[test]
    fn a_batch_has_a_limit() {
        let event = format!("{{\"Records\":[7{}]}}", ",7".repeat(100_000));
        assert!(matches!(documents(&event), Err(EventError::Unsupported(_))));
    }

    /// The data is the bulk of an event: a copy of it would double the memory.
    #[test]
    fn data_is_borrowed_from_the_event() {
        let event = r#"{"awslogs":{"data":"eA=="}}"#;
        let Ok(Event::Single(document)) = read(event.as_bytes()) else {
            panic!("a single document");
        };
        assert!(matches!(document.data.0, Cow::Borrowed("eA==")));
        let event = r#"{"Records":[{"kinesis":{"sequenceNumber":"7","data":"eA=="}}]}"#;
        let Ok(Event::Batch(batch)) = read(event.as_bytes()) else {
            panic!("a batch");
        };
        assert!(matches!(
            batch.items[0].content,
            Content::Record {
                data: Cow::Borrowed("eA=="),
                stream: None,
                arrived: None
            }
        ));
    }

    #[test]
    fn broken_events() {
        for (text, found) in [
            ("", "nothing"),
            (" \n", "nothing"),
            ("\u{feff}", "nothing"),
            ("[]", "an array"),
            (" [1]", "an array"),
            ("null", "another value"),
            ("\"x\"", "another value"),
            ("hello", "another value"),
            ("\u{feff}\u{feff}{}", "another value"),
        ] {
            let error = documents(text).unwrap_err();
            assert_eq!(error, EventError::NotAnObject(found), "{text}");
            assert!(error.to_string().contains(found), "{error}");
        }
        for (text, line, column) in [("{\"awslogs\"", 1, 10), ("{}x", 1, 3)] {
            assert_eq!(
                documents(text),
                Err(EventError::Json { line, column }),
                "{text}"
            );
        }
        for (event, line, column) in [(&b"{\"a\n\":\n \xff"[..], 3, 2), (b"\xff", 1, 1)] {
            let error = read(event).map(|_| ()).unwrap_err();
            assert_eq!(error, EventError::Json { line, column });
        }
        for text in [
            r#"{"awslogs":{}}"#,
            r#"{"awslogs":{"data":7}}"#,
            r#"{"awslogs":"x"}"#,
            r#"{"Records":[{"messageId":"m","body":""},]}"#,
            r#"{"Records":[{"messageId":"m","body":""}"#,
        ] {
            assert!(
                matches!(documents(text), Err(EventError::Json { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn other_kinds_are_named() {
        for (text, kind) in [
            (r#"{"Records":"x"}"#, "an event of an unknown kind"),
            (
                r#"{"records":{"topic-0":[]}}"#,
                "an event of an unknown kind",
            ),
            (r#"{"requestPayload":{},"Records":[]}"#, "another function"),
            (
                r#"{"awslogs":{"data":"eA=="},"requestPayload":{"awslogs":{"data":"eQ=="}}}"#,
                "two documents",
            ),
            (
                r#"{"requestPayload":{"awslogs":{"data":"eA=="},"Records":[{}]}}"#,
                "a document beside a batch",
            ),
            (
                r#"{"version":"1.0","requestPayload":{}}"#,
                "another function",
            ),
            (r#"{"awslogs":null}"#, "an event of an unknown kind"),
            ("{}", "an event of an unknown kind"),
            (
                r#"{"Type":"Notification","Message":"hello"}"#,
                "a notification of SNS",
            ),
            (
                r#"{"Type":"Notification","Message":7}"#,
                "a notification of SNS",
            ),
            (
                r#"{"Records":[{"Sns":{"Message":"{}"}}]}"#,
                "a notification of SNS",
            ),
            (r#"{"Records":[{"Sns":7}]}"#, "a notification of SNS"),
            (
                r#"{"detail-type":"x","detail":{"a":1}}"#,
                "an event of EventBridge",
            ),
            (
                r#"{"detail-type":"x","detail":"x"}"#,
                "an event of EventBridge",
            ),
            (
                r#"{"requestPayload":{"Records":[{"messageId":"m","body":""}]}}"#,
                "a batch inside a message",
            ),
            (
                r#"{"requestContext":{},"KinesisBatchInfo":{"shardId":"s","startSequenceNumber":"1"}}"#,
                "still in the stream",
            ),
            (
                r#"{"Message":"{\"KinesisBatchInfo\":{}}"}"#,
                "aws kinesis get-shard-iterator and get-records",
            ),
            (
                r#"{"requestPayload":{"Records":[{"s3":{}},{"s3":{}}]}}"#,
                "notification of S3",
            ),
            (r#"{"Records":[{"s3":{}},{"s3":{}}]}"#, "notification of S3"),
            (
                r#"{"Records":[{"eventID":"1","dynamodb":{}},{}]}"#,
                "a batch of other records",
            ),
            (
                r#"{"KinesisBatchInfo":{},"payload":"{\"Records\":[]}"}"#,
                "jq -r .payload",
            ),
            (
                r#"{"KinesisBatchInfo":{},"payload":null}"#,
                "still in the stream",
            ),
            (
                r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#,
                "s3:TestEvent",
            ),
            (r#"{"Event":"x"}"#, "an event of an unknown kind"),
            (
                r#"{"httpMethod":"GET","requestContext":{"httpMethod":"GET","stage":"x"},"body":null}"#,
                "a request to an API",
            ),
            (
                r#"{"version":"2.0","requestContext":{"http":{"method":"GET"}}}"#,
                "a request to an API",
            ),
            (
                r#"{"requestContext":{"elb":{"targetGroupArn":"a"}},"httpMethod":"GET"}"#,
                "a load balancer",
            ),
            (
                r#"{"requestContext":{"requestId":"r"}}"#,
                "an event of an unknown kind",
            ),
        ] {
            let error = documents(text).unwrap_err();
            let is_unsupported =
                matches!(error, EventError::Unsupported(_) | EventError::Elsewhere(_));
            assert!(is_unsupported, "{error}");
            assert!(error.to_string().contains(kind), "{error}");
        }
    }
}
