//! Records of a Kinesis stream: each one's data is a compressed document, which a log destination or a subscription has
//! written, or whatever else Firehose and Kinesis carry (DESIGN.md, "Kinesis and Firehose as log destinations").

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Content, Item, Text, items};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    sequence_number: Option<Text<'a>>,
    #[serde(borrow)]
    data: Text<'a>,
    #[serde(borrow)]
    approximate_arrival_timestamp: Option<&'a RawValue>,
}

impl<'a> Record<'a> {
    /// `arn` is the stream's.
    pub(super) fn item(self, arn: Option<&'a RawValue>) -> Item<'a> {
        Item {
            identifier: items::identifier(self.sequence_number),
            content: Content::Record {
                data: self.data.0,
                arrived: arrived(self.approximate_arrival_timestamp, 1000.0),
                stream: stream_name(arn),
            },
        }
    }
}

/// When a record has arrived, in Unix milliseconds: Kinesis has seconds with a fraction, Firehose milliseconds. Another
/// shape is no time.
pub(super) fn arrived(time: Option<&RawValue>, milliseconds: f64) -> Option<i64> {
    let time: f64 = serde_json::from_str(time?.get()).ok()?;
    let time = (time * milliseconds).round();
    #[allow(clippy::cast_possible_truncation, reason = "it is compared before")]
    (1.0..9e15).contains(&time).then_some(time as i64)
}

/// The name at the end of a stream's ARN: behind `stream/` in one of Kinesis, `deliverystream/` in one of Firehose.
pub(super) fn stream_name(arn: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let Text(arn) = serde_json::from_str(arn?.get()).ok()?;
    let start = arn.find("stream/")? + "stream/".len();
    Some(match arn {
        Cow::Borrowed(arn) => Cow::Borrowed(&arn[start..]),
        Cow::Owned(arn) => Cow::Owned(arn[start..].to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_names() {
        for (text, factor, expected) in [
            ("1795362001.1", 1000.0, Some(1_795_362_001_100)),
            ("1545084650.987", 1000.0, Some(1_545_084_650_987)),
            ("1795362001123", 1.0, Some(1_795_362_001_123)),
            ("0", 1.0, None),
            ("-5", 1.0, None),
            ("1e300", 1000.0, None),
            ("\"1\"", 1.0, None),
            ("null", 1.0, None),
            ("[1]", 1.0, None),
        ] {
            let raw: &RawValue = serde_json::from_str(text).unwrap();
            assert_eq!(arrived(Some(raw), factor), expected, "{text}");
        }
        for (text, expected) in [
            (
                r#""arn:aws:kinesis:eu-west-1:1:stream/a.b-C_1""#,
                Some("a.b-C_1"),
            ),
            (
                r#""arn:aws:firehose:eu-west-1:1:deliverystream\/s""#,
                Some("s"),
            ),
            (r#""arn:aws:sqs:eu-west-1:1:q""#, None),
            ("7", None),
        ] {
            let raw: &RawValue = serde_json::from_str(text).unwrap();
            assert_eq!(stream_name(Some(raw)).as_deref(), expected, "{text}");
        }
        assert_eq!((arrived(None, 1.0), stream_name(None)), (None, None));
    }
}
