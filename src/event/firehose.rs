//! Records of a Firehose stream, as its data transformation gets them: each one's data is a compressed document, or
//! what else can be in a record (DESIGN.md, "Kinesis and Firehose as log destinations"). What the event and the response
//! look like is in the developer guide of Amazon Data Firehose, under "Transform source data".

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Content, Item, Text, items, kinesis};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    record_id: Option<Text<'a>>,
    #[serde(borrow)]
    data: Text<'a>,
    #[serde(borrow)]
    approximate_arrival_timestamp: Option<&'a RawValue>,
}

/// The record that this text is.
pub(super) fn item(text: &str) -> Item<'_> {
    match items::object(text) {
        Ok(Record {
            record_id,
            data: Text(data),
            approximate_arrival_timestamp: time,
        }) => Item {
            identifier: items::identifier(record_id),
            content: Content::Record {
                data,
                arrived: kinesis::arrived(time, 1.0),
                // The batch has it.
                stream: None,
            },
        },
        Err(error) => items::invalid(text, &[&["recordId"]], error),
    }
}

/// What the transformation makes of a record: the same one, since it is only looked at. One whose data is no text
/// has none here, and Firehose keeps what it has itself.
pub(super) struct Transformed<'a> {
    pub(super) record_id: &'a str,
    pub(super) data: &'a str,
    /// `Ok`: the stream goes on with it. `Dropped`: it ends here. `ProcessingFailed`: Firehose writes it to the bucket's
    /// prefix for errors, where it can be replayed from.
    pub(super) result: &'static str,
}

/// What a Firehose stream gets back: every record as it came, and its result. That is shorter than the
/// event, whose records have their time as well, so that it never exceeds the 6 MB of a response.
pub(super) fn transformation(records: Vec<Transformed<'_>>) -> Vec<u8> {
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
    let records = records.into_iter().map(|record| ResponseRecord {
        record_id: record.record_id,
        result: record.result,
        data: record.data,
    });
    serde_json::to_vec(&Response {
        records: records.collect(),
    })
    .expect("text into memory always goes")
}
