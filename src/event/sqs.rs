//! Messages of a queue that keeps what has failed: an on-failure destination writes a record around
//! the event, a dead-letter queue gets the event as it was (DESIGN.md, "On-failure destinations and dead-letter queues").
//! Either may have come by SNS or EventBridge.

use std::borrow::Cow;

use serde::Deserialize;

use super::object::Object;
use super::{Document, EventError, MAX_WRAPPERS, Text, document_in};

/// What a dead-letter queue has beside the event.
#[derive(Deserialize)]
pub(super) struct Attributes<'a> {
    #[serde(borrow, rename = "RequestID")]
    request_id: Option<Object<Attribute<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attribute<'a> {
    #[serde(borrow)]
    string_value: Option<Text<'a>>,
}

/// One message. Its body is JSON in a string of JSON, so that it is read when its turn comes.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) body: Cow<'a, str>,
    /// The id of the invocation that has failed, as a dead-letter queue tells it.
    pub(super) request_id: Option<Cow<'a, str>>,
}

impl<'a> Attributes<'a> {
    pub(super) fn request_id(self) -> Option<Cow<'a, str>> {
        let Text(id) = self.request_id?.0.string_value?;
        Some(id).filter(|id| !id.is_empty())
    }
}

impl Message<'_> {
    pub(super) fn document(&self) -> Result<Document<'_>, EventError> {
        let mut document = document_in(&self.body, MAX_WRAPPERS)?;
        if let (None, Some(id)) = (&document.id, &self.request_id) {
            document.id = Some(Cow::Borrowed(id));
        }
        Ok(document)
    }
}
