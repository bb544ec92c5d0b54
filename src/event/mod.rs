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
//! The shapes are those of DESIGN.md, "Subscription event" and "Event sources and destinations". One pass tells them
//! apart, and leaves each item of a batch as it stands: an item that can't be read is that item's failure.

mod batch_failures;
mod data;
mod firehose;
mod id;
mod items;
mod kinesis;
mod object;
mod sqs;
mod subscription;

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use batch_failures::batch_item_failures;
pub(crate) use data::{Data, Fingerprint};
use firehose::{Transformed, transformation};
pub(crate) use id::{is_id_byte, usable_id};
use items::List;
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
    ///
    /// `None` where one of them has no identifier, so that only the failure of the invocation can tell of it. A
    /// record that Firehose does not get back has failed, whatever becomes of the others: there it is `None` only
    /// where no record at all can be given back.
    pub(crate) fn response(&self, failed: &[usize]) -> Option<Vec<u8>> {
        match self.source {
            Source::Queue | Source::Stream => {
                let failed = failed
                    .iter()
                    .map(|&at| self.items[at].identifier.as_deref());
                Some(batch_item_failures(&failed.collect::<Option<Vec<_>>>()?))
            }
            Source::Firehose => {
                let items = self.items.iter().enumerate();
                let records = items.filter_map(|(at, item)| {
                    Some(Transformed {
                        record_id: item.identifier.as_deref()?,
                        data: match &item.content {
                            Content::Record(data) => data,
                            _ => "",
                        },
                        has_failed: failed.binary_search(&at).is_ok(),
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
}

/// One item of a batch.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    /// By which the response names it: an SQS message's id, a Kinesis record's sequence number, or a
    /// Firehose record's id. An item of another shape may have none.
    pub(crate) identifier: Option<Cow<'a, str>>,
    content: Content<'a>,
}

#[derive(Debug)]
enum Content<'a> {
    Message(sqs::Message<'a>),
    Record(Cow<'a, str>),
    /// The document that stands beside the list of items.
    Document(Document<'a>),
    /// It can't be read.
    Invalid(EventError),
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
            Content::Document(Document { id, data }) => {
                return Ok(Document {
                    id: id.as_deref().map(Cow::Borrowed),
                    data: Data(Cow::Borrowed(&data.0)),
                });
            }
            Content::Invalid(error) => return Err(error.clone()),
        };
        if document.id.is_none() {
            let identifier = self.identifier.as_deref().filter(|id| !id.is_empty());
            // Without an identifier only the data is the same in each attempt.
            let id = identifier.map_or_else(|| id::digest(&document.data.0).into(), Cow::Borrowed);
            document.id = Some(id);
        }
        Ok(document)
    }
}

/// Why an event can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EventError {
    /// It is not JSON, or not of a documented shape. Line and column count from one.
    Json { line: usize, column: usize },
    /// An item of a batch is not of a documented shape. Line and column count from its first byte.
    Item { line: usize, column: usize },
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
            Self::Item { line, column } => write!(
                f,
                "expected a message of SQS, or a record of Kinesis or Firehose, found something else at line \
                 {line} column {column} of the item"
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
    /// Only an id is taken from it: of another shape it has none.
    #[serde(borrow)]
    request_context: Option<&'a RawValue>,
    #[serde(borrow, rename = "Records")]
    records: Option<List<'a>>,
    #[serde(borrow, rename = "records")]
    firehose: Option<List<'a>>,
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
    #[serde(borrow, rename = "Records")]
    records: Option<List<'a>>,
    #[serde(borrow, rename = "records")]
    firehose: Option<List<'a>>,
}

impl<'a> Shape<'a> {
    /// Whether it has what a document would be in.
    fn is_for_a_document(&self) -> bool {
        self.awslogs.is_some() || self.request_payload.is_some()
    }

    /// The single document of this shape, or what it is instead.
    fn document(self) -> Result<Document<'a>, EventError> {
        let is_batch = [&self.records, &self.firehose].into_iter().any(has_items);
        let is_destination = self.request_payload.is_some();
        let (payload, holds_batch) = match self.request_payload {
            Some(payload) => {
                let lists = [&payload.records, &payload.firehose];
                (payload.awslogs, lists.into_iter().any(has_items))
            }
            None => (None, false),
        };
        let kind = match (self.awslogs, payload) {
            // Nobody writes these. To forward one of the two would lose the other.
            (Some(_), Some(_)) => "two documents beside each other",
            (Some(_), _) | (_, Some(_)) if is_batch || holds_batch => "a document beside a batch",
            (Some(AwsLogs { data: Text(data) }), None)
            | (None, Some(AwsLogs { data: Text(data) })) => {
                let context = self.request_context;
                let id = context.and_then(|context| items::text_at(context.get(), &["requestId"]));
                return Ok(Document {
                    id: id.filter(|id| !id.is_empty()),
                    data: Data(data),
                });
            }
            (None, None) if is_batch => "a batch inside a message",
            (None, None) if is_destination => "the record of another function's failure",
            (None, None) => "an event of an unknown kind",
        };
        Err(EventError::Unsupported(kind))
    }
}

fn has_items(list: &Option<List<'_>>) -> bool {
    list.as_ref().is_some_and(List::has_items)
}

/// Finds the documents in an event.
///
/// # Errors
///
/// Where the event as a whole is not valid, or of another kind. What is wrong with one item of a
/// batch is that item's own [`Item::document`].
pub(crate) fn read(event: &[u8]) -> Result<Event<'_>, EventError> {
    let mut shape: Shape<'_> = serde_json::from_slice(event)?;
    let is_for_a_document = shape.is_for_a_document();
    let records = items::read(shape.records.take(), items::record)?;
    let firehose = items::read(shape.firehose.take(), firehose::item)?;
    let document = shape.document();
    let (mut items, source) = match (records, firehose) {
        (None, None) => return document.map(Event::Single),
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
            return document.map(Event::Single);
        }
        // Nobody writes both. What stands beside the items counts as one more of them.
        items.push(Item {
            identifier: None,
            content: document.map_or_else(Content::Invalid, Content::Document),
        });
    }
    Ok(Event::Batch(Batch { items, source }))
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
            (r#"{"Records":[]}"#, &[]),
            (r#"{"records":[]}"#, &[]),
        ] {
            assert_eq!(documents(event).unwrap(), expected, "{event}");
        }
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
            Ok(Event::Batch(batch)) => (
                batch.response(failed).is_some(),
                batch.may_come_again_whole(),
            ),
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
        ] {
            let error = documents(text).unwrap_err();
            assert!(matches!(error, EventError::Unsupported(_)));
            assert!(error.to_string().contains(kind), "{error}");
        }
    }
}
