//! The event of one invocation: which kind it is, and the compressed documents that it carries.
//!
//! | kind | shape | document |
//! | --- | --- | --- |
//! | CloudWatch Logs subscription | `{"awslogs":{"data":…}}` | `data` |
//! | record of an on-failure destination | `{"requestPayload":{"awslogs":…}}` | that of the payload |
//! | SQS | `{"Records":[{"messageId":…,"body":…}]}` | each body is one of the two above: [`sqs`] |
//! | Kinesis | `{"Records":[{"kinesis":…}]}` | each record's `data`: [`kinesis`] |
//! | Firehose transformation | `{"records":[{"recordId":…,"data":…}]}` | each record's `data`: [`firehose`] |
//!
//! The shapes are those of DESIGN.md, "Subscription event" and "Event sources and destinations". One pass tells them apart.

mod batch_failures;
mod data;
mod firehose;
mod kinesis;
mod sqs;
mod subscription;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

use batch_failures::batch_item_failures;
pub(crate) use data::{Data, Fingerprint};
use firehose::{Transformed, transformation};
pub(crate) use subscription::summary;

/// What an invocation brings.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// One document: the invocation succeeds or fails with it.
    Single(Document<'a>),
    /// Several of them: the response names those that failed.
    Batch(Batch<'a>),
}

/// One document, and by which id it comes again if it fails.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    /// The id of the invocation that got it first, where the event tells; it is the same in each attempt.
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) data: Data<'a>,
}

/// The items of a queue or of a stream.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) items: Vec<Item<'a>>,
    pub(crate) source: Source,
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

impl Batch<'_> {
    /// The body of the batch's response. `failed` are the places in `items` of those that failed, in their
    /// order: an event source mapping gets only these, and Firehose every record as it came, with its result.
    pub(crate) fn response(&self, failed: &[usize]) -> Vec<u8> {
        match self.source {
            Source::Queue | Source::Stream => {
                let failed = failed.iter().map(|&at| &*self.items[at].identifier);
                batch_item_failures(failed)
            }
            Source::Firehose => {
                let items = self.items.iter().enumerate();
                let records = items.filter_map(|(at, item)| match &item.content {
                    Content::Record(data) => Some(Transformed {
                        record_id: &item.identifier,
                        data,
                        has_failed: failed.binary_search(&at).is_ok(),
                    }),
                    Content::Message(_) => None,
                });
                transformation(records)
            }
        }
    }
}

/// One item of a batch.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    /// By which the response names it: an SQS message's id, a Kinesis record's sequence number, or a
    /// Firehose record's id.
    pub(crate) identifier: Cow<'a, str>,
    content: Content<'a>,
}

#[derive(Debug)]
enum Content<'a> {
    Message(sqs::Message<'a>),
    Record(Cow<'a, str>),
}

impl Item<'_> {
    /// The document that it carries.
    ///
    /// # Errors
    ///
    /// Where it carries something else.
    pub(crate) fn document(&self) -> Result<Document<'_>, EventError> {
        let mut document = match &self.content {
            Content::Message(message) => message.document()?,
            Content::Record(data) => Document {
                id: None,
                data: Data(Cow::Borrowed(data)),
            },
        };
        document.id.get_or_insert(Cow::Borrowed(&self.identifier));
        Ok(document)
    }
}

/// Why an event can't be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EventError {
    /// It is not JSON, or not of a documented shape. Line and column count from one.
    Json { line: usize, column: usize },
    /// It is valid, but carries no document of a CloudWatch Logs subscription.
    Unsupported(&'static str),
    /// The base64 is broken at this character, counting from zero.
    Base64 { offset: usize },
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { line, column } => write!(
                f,
                "expected JSON of the form {{\"awslogs\":{{\"data\":\"<base64>\"}}}}, found \
                 something else at line {line} column {column}"
            ),
            Self::Unsupported(kind) => write!(
                f,
                "expected an event of a CloudWatch Logs subscription ({{\"awslogs\":…}}), by itself \
                 or in records of SQS, Kinesis or Firehose, found {kind}; subscribe this function to the log \
                 group itself"
            ),
            Self::Base64 { offset } => {
                write!(f, "the document's data is not base64 at offset {offset}")
            }
        }
    }
}

impl std::error::Error for EventError {}

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
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// What tells the kinds apart. Whatever else an event has is passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape<'a> {
    #[serde(borrow)]
    awslogs: Option<AwsLogs<'a>>,
    #[serde(borrow)]
    request_payload: Option<RequestPayload<'a>>,
    #[serde(borrow)]
    request_context: Option<RequestContext<'a>>,
    #[serde(borrow, rename = "Records")]
    records: Option<Vec<Record<'a>>>,
    #[serde(borrow, rename = "records")]
    firehose: Option<Vec<firehose::Record<'a>>>,
}

#[derive(Deserialize)]
struct AwsLogs<'a> {
    #[serde(borrow)]
    data: Text<'a>,
}

#[derive(Deserialize)]
struct RequestPayload<'a> {
    #[serde(borrow)]
    awslogs: Option<AwsLogs<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    #[serde(borrow)]
    request_id: Option<Text<'a>>,
}

/// A record of SQS, of Kinesis, or of something else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    message_id: Option<Text<'a>>,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    #[serde(borrow)]
    message_attributes: Option<sqs::Attributes<'a>>,
    #[serde(borrow)]
    kinesis: Option<kinesis::Record<'a>>,
}

impl<'a> Record<'a> {
    fn item(self) -> Option<Item<'a>> {
        if let Some(record) = self.kinesis {
            return Some(record.item());
        }
        Some(Item {
            identifier: self.message_id?.0,
            content: Content::Message(sqs::Message {
                body: self.body?.0,
                request_id: self
                    .message_attributes
                    .and_then(sqs::Attributes::request_id),
            }),
        })
    }
}

impl<'a> Shape<'a> {
    /// The single document of this shape, or what it is instead.
    fn document(self) -> Result<Document<'a>, EventError> {
        let is_destination = self.request_payload.is_some();
        let payload = self.request_payload.and_then(|payload| payload.awslogs);
        if let Some(AwsLogs { data: Text(data) }) = self.awslogs.or(payload) {
            let id = self.request_context.and_then(|context| context.request_id);
            return Ok(Document {
                id: id.map(|Text(id)| id),
                data: Data(data),
            });
        }
        Err(EventError::Unsupported(if self.records.is_some() {
            "a batch of other records (S3 or SNS, say)"
        } else if is_destination {
            "the record of another function's failure"
        } else {
            "an event of an unknown kind"
        }))
    }
}

/// Finds the documents in an event.
///
/// # Errors
///
/// Where the event as a whole is not valid, or of another kind. What is wrong with one item of a
/// batch is that item's own [`Item::document`].
pub(crate) fn read(event: &[u8]) -> Result<Event<'_>, EventError> {
    let mut shape: Shape<'_> = serde_json::from_slice(event)?;
    let records = shape.records.take();
    if let Some(records) = records {
        let is_stream = records.iter().any(|record| record.kinesis.is_some());
        let source = if is_stream {
            Source::Stream
        } else {
            Source::Queue
        };
        if let Some(items) = records.into_iter().map(Record::item).collect() {
            return Ok(Event::Batch(Batch { items, source }));
        }
        shape.records = Some(Vec::new());
    } else if let Some(records) = shape.firehose.take() {
        return Ok(Event::Batch(Batch {
            items: records.into_iter().map(firehose::Record::item).collect(),
            source: Source::Firehose,
        }));
    }
    shape.document().map(Event::Single)
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
                .map(|item| match item.document() {
                    Ok(document) => format!("{}: {}", item.identifier, spell(document)),
                    Err(_) => format!("{}: failed", item.identifier),
                })
                .collect()),
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
            (r#"{"Records":[]}"#, &[]),
            (r#"{"records":[]}"#, &[]),
        ] {
            assert_eq!(documents(event).unwrap(), expected, "{event}");
        }
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
            Content::Record(Cow::Borrowed("eA=="))
        ));
    }

    #[test]
    fn broken_events() {
        for (text, line, column) in [
            ("", 1, 0),
            ("{\"awslogs\"", 1, 10),
            ("[1]", 1, 2),
            ("{}x", 1, 3),
        ] {
            assert_eq!(
                documents(text),
                Err(EventError::Json { line, column }),
                "{text}"
            );
        }
        for text in [
            r#"{"awslogs":{}}"#,
            r#"{"awslogs":{"data":7}}"#,
            r#"{"awslogs":"x"}"#,
            r#"{"Records":"x"}"#,
            r#"{"records":{"topic-0":[]}}"#,
            r#"{"records":[{"recordId":"8"}]}"#,
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
            (r#"{"Records":[{"s3":{}}]}"#, "S3"),
            (r#"{"Records":[{"messageId":"m"}]}"#, "other records"),
            (
                r#"{"version":"1.0","requestPayload":{}}"#,
                "another function",
            ),
            (r#"{"awslogs":null}"#, "an event of an unknown kind"),
            ("{}", "an event of an unknown kind"),
        ] {
            let error = documents(text).unwrap_err();
            assert!(matches!(error, EventError::Unsupported(_)));
            assert!(error.to_string().contains(kind), "{error}");
        }
    }
}
