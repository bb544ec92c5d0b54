//! Records of a Firehose stream that a subscription writes to, as its data transformation gets them:
//! each one's data is a compressed document. What they look like, and what has to be answered, is in the
//! developer guide of Amazon Data Firehose, under "Transform source data".

use std::borrow::Cow;

use serde::Deserialize;

use super::{Content, Item, Text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    record_id: Text<'a>,
    #[serde(borrow)]
    data: Text<'a>,
}

impl<'a> Record<'a> {
    pub(super) fn item(self) -> Item<'a> {
        let Text(identifier) = self.record_id;
        Item {
            identifier,
            content: Content::Record(self.data.0),
        }
    }
}

/// What the transformation makes of a record: the same one, since it is only looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Transformed<'a> {
    pub(crate) record_id: Cow<'a, str>,
    pub(crate) data: Cow<'a, str>,
    /// Firehose writes it to the bucket's prefix for errors, where it can be replayed from.
    pub(crate) has_failed: bool,
}
