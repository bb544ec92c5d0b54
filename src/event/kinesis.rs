//! Records of a Kinesis stream that a log destination, or a subscription, writes to: each one's
//! data is a compressed document (DESIGN.md, "Kinesis and Firehose as log destinations").

use serde::Deserialize;

use super::{Content, Item, Text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    sequence_number: Option<Text<'a>>,
    #[serde(borrow)]
    data: Text<'a>,
}

impl<'a> Record<'a> {
    pub(super) fn item(self) -> Item<'a> {
        Item {
            identifier: self.sequence_number.map(|Text(number)| number),
            content: Content::Record(self.data.0),
        }
    }
}
