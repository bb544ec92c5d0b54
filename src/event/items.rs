//! The items of a batch, as text of their own: what is wrong with one leaves the others as they are.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::object::Object;
use super::{Content, EventError, Item, Source, Text, kinesis, sqs};

/// How many items a batch may have. An event source mapping sends 10,000 at most, and 6 MB have no room for as
/// many of Firehose's records with a document in each. More of them would be a matter of memory and of time.
const MAX_ITEMS: usize = 16 * 1024;

/// What a list of items was.
pub(super) enum List<'a> {
    Items(Vec<&'a RawValue>),
    TooMany,
    /// No list.
    Other,
}

impl List<'_> {
    pub(super) fn has_items(&self) -> bool {
        match self {
            Self::Items(items) => !items.is_empty(),
            Self::TooMany => true,
            Self::Other => false,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for List<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = List<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == MAX_ITEMS {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(List::TooMany);
            }
            items.push(item);
        }
        Ok(List::Items(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(List::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(List::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(List::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(List::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(List::Other)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(List::Other)
    }
}

/// Reads each item of a list; `None` where there is no list.
pub(super) fn read<'a>(
    list: Option<List<'a>>,
    item: fn(&'a str) -> Item<'a>,
) -> Result<Option<Vec<Item<'a>>>, EventError> {
    match list {
        Some(List::Items(items)) => Ok(Some(
            items.into_iter().map(|text| item(text.get())).collect(),
        )),
        Some(List::TooMany) => Err(EventError::Unsupported(
            "a batch of more items than any source sends",
        )),
        Some(List::Other) | None => Ok(None),
    }
}

/// The source of a batch of `Records`. Nobody sends items of both sources; if somebody does, each of them is
/// looked at.
pub(super) fn source(items: &[Item<'_>]) -> Source {
    let is_record = |item: &Item<'_>| matches!(item.content, Content::Record { .. });
    let is_message = |item: &Item<'_>| matches!(item.content, Content::Message(_));
    if items.iter().any(is_record) && !items.iter().any(is_message) {
        Source::Stream
    } else {
        Source::Queue
    }
}

/// A record of SQS, of Kinesis, of SNS, or of something else.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    message_id: Option<Text<'a>>,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    #[serde(borrow)]
    message_attributes: Option<Object<sqs::Attributes<'a>>>,
    #[serde(borrow)]
    kinesis: Option<Object<kinesis::Record<'a>>>,
    #[serde(borrow, rename = "eventSourceARN")]
    arn: Option<&'a RawValue>,
}

/// The item of SQS, of Kinesis or of SNS that this text is.
pub(super) fn record(text: &str) -> Item<'_> {
    let record: Record<'_> = match object(text) {
        Ok(record) => record,
        Err(error) => {
            return invalid(
                text,
                &[&["messageId"], &["kinesis", "sequenceNumber"]],
                error,
            );
        }
    };
    let identifier = identifier(record.message_id);
    let kinesis = record.kinesis.map(|Object(data)| data.item(record.arn));
    let content = match (kinesis, record.body) {
        (Some(item), None) => return item,
        (None, Some(Text(body))) => Content::Message(sqs::Message {
            body,
            request_id: record
                .message_attributes
                .and_then(|Object(attributes)| attributes.request_id()),
        }),
        (Some(item), Some(_)) => {
            return Item {
                identifier: identifier.or(item.identifier),
                content: Content::Invalid(EventError::Unsupported("a record of two sources")),
            };
        }
        (None, None) => other(text),
    };
    Item {
        identifier,
        content,
    }
}

/// By what the response names an item. No response may have an empty identifier.
pub(super) fn identifier(id: Option<Text<'_>>) -> Option<Cow<'_, str>> {
    id.map(|Text(id)| id).filter(|id| !id.is_empty())
}

/// What carries neither a body nor data.
#[cold]
fn other(text: &str) -> Content<'_> {
    match member(text, "Sns") {
        Some(notification) => Content::Notification(notification),
        None if member(text, "s3").is_some() => Content::Invalid(EventError::Elsewhere(super::S3)),
        None => Content::Invalid(EventError::Unsupported("a batch of other records")),
    }
}

/// Reads an item.
pub(super) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, EventError> {
    match serde_json::from_str(text) {
        Ok(Object(item)) => Ok(item),
        Err(error) => Err(EventError::Item {
            line: error.line(),
            column: error.column(),
        }),
    }
}

/// An item of another shape, which is known by the first of these members that is text.
pub(super) fn invalid<'a>(text: &'a str, names: &[&[&str]], error: EventError) -> Item<'a> {
    let mut identifiers = names.iter().filter_map(|path| text_at(text, path));
    Item {
        identifier: identifiers.find(|id| !id.is_empty()),
        content: Content::Invalid(error),
    }
}

/// The text at the end of a path of members, whatever stands beside it. Of a member that stands twice the first
/// counts.
pub(super) fn text_at<'a>(mut text: &'a str, path: &[&str]) -> Option<Cow<'a, str>> {
    for name in path {
        text = member(text, name)?;
    }
    let Text(text) = serde_json::from_str(text).ok()?;
    Some(text)
}

/// The JSON of a member.
pub(super) fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    members(text, &mut |known, value| {
        let known = known
            .strip_prefix('"')
            .and_then(|known| known.strip_suffix('"'));
        if known == Some(name) {
            found.get_or_insert(value);
        }
    })?;
    found
}

/// Hands out the members of an object, each with its name as it stands and its JSON. Neither has to be well-formed text.
/// `None` where it is no object.
pub(super) fn members<'a>(text: &'a str, each: &mut dyn FnMut(&'a str, &'a str)) -> Option<()> {
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Members(each)).ok()
}

struct Members<'e, 'a>(&'e mut dyn FnMut(&'a str, &'a str));

impl<'de> Visitor<'de> for Members<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some((name, value)) = members.next_entry::<&RawValue, &RawValue>()? {
            (self.0)(name.get(), value.get());
        }
        Ok(())
    }
}
