//! The event of one invocation: which kind it is, and the compressed document that it carries.
//!
//! A CloudWatch Logs subscription sends `{"awslogs":{"data":"<base64>"}}` (`aws-wire.md` §2.1).

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// How many characters of base64 are decoded at a time. A multiple of four, so that a piece ends
/// where a group of four does.
const PIECE: usize = 16 * 1024;

/// The compressed document of an event, still in base64.
#[derive(Debug)]
pub(crate) struct Data<'a>(Cow<'a, str>);

/// Why an event can't be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not JSON, or not of the documented shape. Line and column count from one.
    Json { line: usize, column: usize },
    /// It is sound, but not from a CloudWatch Logs subscription.
    Unsupported(&'static str),
    /// The base64 is broken at this character, counting from zero.
    Base64 { offset: usize },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { line, column } => write!(
                f,
                "expected JSON of the form {{\"awslogs\":{{\"data\":\"<base64>\"}}}}, found \
                 something else at line {line} column {column}"
            ),
            Self::Unsupported(kind) => write!(
                f,
                "expected an event of a CloudWatch Logs subscription ({{\"awslogs\":…}}), found \
                 {kind}; subscribe this function to the log group itself"
            ),
            Self::Base64 { offset } => write!(f, "awslogs.data is not base64 at offset {offset}"),
        }
    }
}

impl std::error::Error for Fault {}

/// Finds the data in an event, by its shape and in one pass.
pub(crate) fn read(event: &[u8]) -> Result<Data<'_>, Fault> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        awslogs: Option<AwsLogs<'a>>,
        #[serde(rename = "Records")]
        records: Option<IgnoredAny>,
        #[serde(rename = "deliveryStreamArn")]
        delivery_stream_arn: Option<IgnoredAny>,
        #[serde(rename = "requestPayload")]
        request_payload: Option<IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct AwsLogs<'a> {
        /// A `Cow`, since JSON may write the slash of base64 as `\/`.
        #[serde(borrow)]
        data: Cow<'a, str>,
    }
    // The text of serde's error may quote the event, so that only the position is kept.
    let event: Event<'_> = serde_json::from_slice(event).map_err(|error| Fault::Json {
        line: error.line(),
        column: error.column(),
    })?;
    if let Some(AwsLogs { data }) = event.awslogs {
        return Ok(Data(data));
    }
    Err(Fault::Unsupported(if event.records.is_some() {
        "a batch of records (SQS, Kinesis, S3 or SNS)"
    } else if event.delivery_stream_arn.is_some() {
        "a Firehose transformation"
    } else if event.request_payload.is_some() {
        "an on-failure destination's record"
    } else {
        "no event that is known"
    }))
}

impl Data<'_> {
    /// Decodes the data piece by piece, so that the compressed document never lies in memory
    /// whole. Stops at the first error.
    pub(crate) fn decode<E: From<Fault>>(
        &self,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut decoded = [0; PIECE / 4 * 3];
        let mut pieces = self.0.as_bytes().chunks(PIECE).enumerate().peekable();
        while let Some((index, piece)) = pieces.next() {
            let start = index * PIECE;
            let length = STANDARD
                .decode_slice(piece, &mut decoded)
                .map_err(|error| Fault::Base64 {
                    offset: start + fault_offset(&error, piece.len()),
                })?;
            // Padding is sound at the end of a piece, but only the last one may have it.
            if pieces.peek().is_some() && length < decoded.len() {
                return Err(E::from(Fault::Base64 {
                    offset: start + length / 3 * 4,
                }));
            }
            sink(&decoded[..length])?;
        }
        Ok(())
    }

    /// Something that differs between two documents: the length, and the end of the text, which
    /// holds the CRC-32 and the length of what is compressed.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut end = [0; 16];
        let bytes = self.0.as_bytes();
        let tail = &bytes[bytes.len().saturating_sub(end.len())..];
        end[..tail.len()].copy_from_slice(tail);
        Fingerprint {
            length: bytes.len(),
            end,
        }
    }
}

/// Tells one event's data from another's: see [`Data::fingerprint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    length: usize,
    end: [u8; 16],
}

fn fault_offset(error: &base64::DecodeSliceError, length: usize) -> usize {
    use base64::{DecodeError, DecodeSliceError};
    match error {
        DecodeSliceError::DecodeError(
            DecodeError::InvalidByte(offset, _) | DecodeError::InvalidLastSymbol { offset, .. },
        ) => *offset,
        _ => length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(event: &str) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        read(event.as_bytes())?.decode(|piece| {
            out.extend_from_slice(piece);
            Ok::<(), Fault>(())
        })?;
        Ok(out)
    }

    fn event(data: &str) -> String {
        format!(r#"{{"awslogs":{{"data":"{data}"}}}}"#)
    }

    #[test]
    fn sound_events() {
        assert_eq!(decode(&event("aGVsbG8=")).unwrap(), b"hello");
        assert_eq!(decode(&event("")).unwrap(), b"");
        assert_eq!(
            decode(r#"{"x":[{}],"awslogs":{"y":1,"data":"Pz8\/"},"z":null}"#).unwrap(),
            b"???"
        );
        let long: Vec<u8> = (0..40_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        assert_eq!(decode(&event(&STANDARD.encode(&long))).unwrap(), long);
    }

    #[test]
    fn broken_events() {
        for (text, line, column) in [
            ("", 1, 0),
            ("{\"awslogs\"", 1, 10),
            ("[1]", 1, 2),
            ("{}x", 1, 3),
        ] {
            assert_eq!(decode(text), Err(Fault::Json { line, column }), "{text}");
        }
        for text in [
            r#"{"awslogs":{}}"#,
            r#"{"awslogs":{"data":7}}"#,
            r#"{"awslogs":"x"}"#,
        ] {
            assert!(matches!(decode(text), Err(Fault::Json { .. })), "{text}");
        }
    }

    #[test]
    fn other_kinds_are_named() {
        for (text, kind) in [
            (r#"{"Records":[{"eventSource":"aws:sqs"}]}"#, "SQS"),
            (r#"{"records":[],"deliveryStreamArn":"arn"}"#, "Firehose"),
            (r#"{"version":"1.0","requestPayload":{}}"#, "on-failure"),
            (r#"{"awslogs":null}"#, "no event that is known"),
            ("{}", "no event that is known"),
        ] {
            let error = decode(text).unwrap_err();
            assert!(matches!(error, Fault::Unsupported(_)));
            assert!(error.to_string().contains(kind), "{error}");
        }
    }

    #[test]
    fn broken_base64_is_located() {
        for (data, offset) in [
            ("aGV*bG8=", 3),
            ("aGVsbG8", 7),
            ("aGVsbG9=", 6),
            ("aGVs\\nbG8=", 4),
            ("_-_-", 0),
        ] {
            assert_eq!(
                decode(&event(data)),
                Err(Fault::Base64 { offset }),
                "{data}"
            );
        }
        // Padding before the end is a fault wherever the pieces are cut.
        for groups in [1, PIECE / 4 - 1, PIECE / 4] {
            let data = format!("{}aA=={}", "AAAA".repeat(groups - 1), "AAAA".repeat(3));
            let Err(Fault::Base64 { offset }) = decode(&event(&data)) else {
                panic!("{groups} groups");
            };
            assert!(
                (groups * 4 - 4..=groups * 4).contains(&offset),
                "{groups} groups: {offset}"
            );
        }
    }
}
