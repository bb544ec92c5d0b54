//! The data that an event carries, in base64: mostly a compressed document.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::EventError;

/// AWS pads base64. Some tools do not, and nothing else is read for it.
static BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How many characters of base64 are decoded at a time. A multiple of four, so that a piece ends
/// where a group of four does.
const PIECE: usize = 16 * 1024;

/// Encoders that write lines write 76 characters in each, or fewer.
const LONGEST_LINE: usize = 128;

/// The data of an event or of a record, still in base64.
#[derive(Debug)]
pub(crate) struct Data<'a>(pub(crate) Cow<'a, str>);

/// Tells one document from another: see [`Data::fingerprint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    length: usize,
    end: [u8; 16],
}

impl Data<'_> {
    /// The data as the event has it.
    #[cfg(feature = "stand-ins")]
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Decodes the data piece by piece, so that the compressed document never lies in memory
    /// whole. Stops at the first error.
    pub(crate) fn decode<E: From<EventError>>(
        &self,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let joined;
        let mut text = self.0.as_bytes();
        // Looking at all of it would take 90 instructions a record.
        let begin = &text[..text.len().min(LONGEST_LINE)];
        if begin.contains(&b'\n') || text.ends_with(b"\n") {
            // As MIME encodes (RFC 2045). An offset is then one without the line ends.
            joined = self.0.replace(['\r', '\n'], "");
            text = joined.as_bytes();
        }
        let mut decoded = [0; PIECE / 4 * 3];
        let mut pieces = text.chunks(PIECE).enumerate().peekable();
        while let Some((index, piece)) = pieces.next() {
            let start = index * PIECE;
            let length =
                BASE64
                    .decode_slice(piece, &mut decoded)
                    .map_err(|error| EventError::Base64 {
                        offset: start + fault_offset(&error, piece.len()),
                    })?;
            // Padding is valid at the end of a piece, but only the last one may have it.
            if pieces.peek().is_some() && length < decoded.len() {
                return Err(E::from(EventError::Base64 {
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

    fn decode(data: &str) -> Result<Vec<u8>, EventError> {
        let mut out = Vec::new();
        Data(data.into()).decode(|piece| {
            out.extend_from_slice(piece);
            Ok::<(), EventError>(())
        })?;
        Ok(out)
    }

    #[test]
    fn sound_data_of_any_length() {
        assert_eq!(decode("aGVsbG8=").unwrap(), b"hello");
        assert_eq!(decode("").unwrap(), b"");
        let long: Vec<u8> = (0..40_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        let text = BASE64.encode(&long);
        assert_eq!(decode(&text).unwrap(), long);
        // As tools of the field write it.
        assert_eq!(decode(text.trim_end_matches('=')).unwrap(), long);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(76)
            .map(|line| str::from_utf8(line).unwrap())
            .collect();
        for end in ["\n", "\r\n"] {
            assert_eq!(decode(&(lines.join(end) + end)).unwrap(), long);
        }
        assert_eq!(decode("aGVsbG8").unwrap(), b"hello");
    }

    #[test]
    fn broken_base64_is_located() {
        for (data, offset) in [
            ("aGV*bG8=", 3),
            ("aGVsb", 5),
            ("aGVsbG9=", 6),
            ("aGVs bG8=", 4),
            ("_-_-", 0),
        ] {
            assert_eq!(decode(data), Err(EventError::Base64 { offset }), "{data}");
        }
        // Padding before the end is a fault wherever the pieces are cut.
        for groups in [1, PIECE / 4 - 1, PIECE / 4] {
            let data = format!("{}aA=={}", "AAAA".repeat(groups - 1), "AAAA".repeat(3));
            let Err(EventError::Base64 { offset }) = decode(&data) else {
                panic!("{groups} groups");
            };
            assert!(
                (groups * 4 - 4..=groups * 4).contains(&offset),
                "{groups} groups: {offset}"
            );
        }
    }
}
