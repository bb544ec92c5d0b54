//! Records of a Firehose stream that a subscription writes to, as its data transformation gets them:
//! each one's data is a compressed document. What they look like, and what the response has to be, is in the
//! developer guide of Amazon Data Firehose, under "Transform source data".

use serde::{Deserialize, Serialize};

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
pub(super) struct Transformed<'a> {
    pub(super) record_id: &'a str,
    pub(super) data: &'a str,
    /// Firehose writes it to the bucket's prefix for errors, where it can be replayed from.
    pub(super) has_failed: bool,
}

/// What a Firehose stream gets back: every record as it came, and its result. That is shorter than the
/// event, whose records have their time as well, so that it never exceeds the 6 MB of a response.
pub(super) fn transformation<'a>(records: impl Iterator<Item = Transformed<'a>>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Response<'a> {
        records: Vec<ResponseRecord<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct ResponseRecord<'a> {
        record_id: &'a str,
        result: &'static str,
        data: &'a str,
    }
    let records = records.map(|record| ResponseRecord {
        record_id: record.record_id,
        result: if record.has_failed {
            "ProcessingFailed"
        } else {
            "Ok"
        },
        data: record.data,
    });
    serde_json::to_vec(&Response {
        records: records.collect(),
    })
    .expect("text into memory always goes")
}
