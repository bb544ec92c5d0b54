//! What goes to the Node, byte for byte.
//!
//! Each format is one file; both share the rules by which a stranger's bytes may stand in a
//! message. Wallarm does not publish its connector's protocol, so every name on the wire stands in
//! one line of its format's file.

pub(crate) mod batch;
pub(crate) mod resend;

use crate::envelope::Header;
use crate::record::{AccessRecord, Skip};

/// The two formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The request of the call, then what is known of its response: two exchanges for a record.
    Resend,
    /// One POST of JSON for many records.
    Batch,
}

/// Writes records into chunks, in the configured format.
#[derive(Debug)]
pub(crate) enum Writer {
    Resend(resend::Writer),
    Batch(batch::Frame),
}

impl Writer {
    /// Appends one record of the document with this header to a chunk.
    pub(crate) fn push(&self, chunk: &mut Chunk, header: &Header, ordinal: usize, call: &Call<'_>) {
        match self {
            Self::Resend(writer) => writer.push(chunk, ordinal, call),
            Self::Batch(frame) => frame.push(chunk, header, ordinal, call),
        }
    }

    /// Whether a chunk has as much as one should have. Smaller ones share the work of a small
    /// event among more connections, larger ones cost less for each record: `scale` says how many times as large as
    /// the smallest ones those of `resend` may be.
    pub(crate) fn is_full(&self, chunk: &Chunk, scale: usize) -> bool {
        let (records, bytes) = match self {
            Self::Resend(_) => (16 * scale, (24 * 1024 * scale).min(96 * 1024)),
            Self::Batch(_) => (200, 64 * 1024),
        };
        chunk.parts.len() >= records || chunk.bytes.len() >= bytes
    }
}

/// Records that are sent, repeated and accounted for together, as the bytes of their messages.
///
/// In `resend` each part is a request message and a response message; in `batch` it is the JSON of
/// one record, and the message around the parts is made when it is sent.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) parts: Vec<Part>,
    /// A body whose length has to be known before its head is written.
    scratch: Vec<u8>,
}

/// One record's share of a chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Which log event of the document it is, counting from zero.
    pub(crate) ordinal: usize,
    /// Where it begins in the chunk's bytes.
    pub(crate) from: usize,
    /// Where its response message begins (`resend`).
    pub(crate) middle: usize,
    pub(crate) to: usize,
    /// Its request is a HEAD, whose response has no body whatever it says.
    pub(crate) is_head: bool,
}

impl Chunk {
    /// Empties it, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.parts.clear();
    }
}

/// One record, and what is known of it beside its line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The id of its log event: unique, and nothing that a caller of the API can set.
    pub(crate) id: &'a str,
    /// When CloudWatch has it, in Unix milliseconds.
    pub(crate) timestamp: Option<i64>,
    pub(crate) record: &'a AccessRecord<'a>,
    /// The path to send: the record's, with or without its stage.
    pub(crate) path: &'a [u8],
}

impl Call<'_> {
    /// When the call was made, in Unix milliseconds: as the line says, or else as CloudWatch has it.
    fn epoch(&self) -> Option<u64> {
        self.record
            .request_time_epoch
            .or_else(|| self.timestamp.and_then(|time| u64::try_from(time).ok()))
    }
}

/// Appends a path as it can stand in a request line.
///
/// What RFC 3986 allows in a path stays, as does a valid `%XX`. Every other byte is
/// percent-encoded, so that nothing in a path can end the line, the target or the message. That
/// goes for `?` too: the gateway logs no query, so that one belongs to the path. The braces of a
/// template are [`BRACES`].
pub(crate) fn push_target(out: &mut Vec<u8>, path: &[u8], has_template: bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut rest = path;
    loop {
        let plain = rest
            .iter()
            .take_while(|&&byte| TARGET[usize::from(byte)])
            .count();
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        match rest {
            [] => return,
            [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.extend_from_slice(&rest[..3]);
                rest = &rest[3..];
            }
            [byte @ (b'{' | b'}'), ..] if has_template => {
                out.extend_from_slice(BRACES[usize::from(*byte == b'}')]);
                rest = &rest[1..];
            }
            [byte, ..] => {
                out.extend_from_slice(&[
                    b'%',
                    HEX[usize::from(byte >> 4)],
                    HEX[usize::from(byte & 15)],
                ]);
                rest = &rest[1..];
            }
        }
    }
}

/// How the braces around a template's parameters go on the wire: as they are, which is what Wallarm's rule for the
/// segments of an endpoint's path allows (DESIGN.md, "The Node"). RFC 3986 has them encoded, as `%7B` and `%7D`.
const BRACES: [&[u8]; 2] = [b"{", b"}"];

/// The longest path as it goes on the wire. An application load balancer takes a request line of
/// at most 16 KB.
const MAX_TARGET: usize = 15_000;

/// Whether [`push_target`] would make a path too long. A valid `%XX` counts as if it were encoded.
pub(crate) fn is_too_long(path: &[u8]) -> bool {
    let length = |path: &[u8]| -> usize {
        path.iter()
            .map(|&byte| if TARGET[usize::from(byte)] { 1 } else { 3 })
            .sum()
    };
    path.len() > MAX_TARGET / 3 && length(path) > MAX_TARGET
}

/// The path that is sent for a record: its own, with the stage or without it.
///
/// # Errors
///
/// Where it is too long.
pub(crate) fn sent_path<'a>(
    record: &AccessRecord<'a>,
    strip_stage: bool,
) -> Result<&'a [u8], Skip> {
    let path = if strip_stage {
        record.path_without_stage()
    } else {
        record.path
    };
    if is_too_long(path) {
        return Err(Skip::Oversized);
    }
    Ok(path)
}

/// Appends pieces, one after the other.
pub(crate) fn push_all(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    out.reserve(pieces.iter().map(|piece| piece.len()).sum());
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

/// Appends a header line.
pub(crate) fn push_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    push_all(out, &[name.as_bytes(), b": "]);
    push_header_value(out, value);
    out.extend_from_slice(b"\r\n");
}

/// Appends the value of a header. Control characters become spaces; bytes from 0x80 on stay, as
/// `obs-text` of RFC 9110 §5.5.
pub(crate) fn push_header_value(out: &mut Vec<u8>, value: &[u8]) {
    let value = value.trim_ascii();
    let from = out.len();
    out.extend_from_slice(value);
    // Without an early end, so that the compiler makes vector instructions of it.
    if value
        .iter()
        .fold(false, |any, byte| any | byte.is_ascii_control())
    {
        let controls = out[from..]
            .iter_mut()
            .filter(|byte| byte.is_ascii_control());
        controls.for_each(|byte| *byte = b' ');
    }
}

/// Which bytes stand in a request target as they are: the `pchar` of RFC 3986 §3.3 and `/`.
static TARGET: [bool; 256] = {
    let mut table = [false; 256];
    let plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/";
    let mut at = 0;
    while at < plain.len() {
        table[plain[at] as usize] = true;
        at += 1;
    }
    table
};

/// How a member of a JSON object begins that has this name. [`close_object`] makes a brace of the first comma.
macro_rules! member {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}
pub(crate) use member;

/// Ends the JSON object whose members begin at `from`.
pub(crate) fn close_object(out: &mut Vec<u8>, from: usize) {
    match out.get_mut(from) {
        Some(comma) => *comma = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
}

/// Appends a [`member`] of a JSON object with a text, unless there is none. What is not UTF-8 in it
/// becomes U+FFFD.
pub(crate) fn push_text(out: &mut Vec<u8>, member: &str, value: Option<&[u8]>) {
    if let Some(value) = value {
        out.extend_from_slice(member.as_bytes());
        push_json_string(out, value);
    }
}

/// Appends a [`member`] of a JSON object with a number, unless there is none.
pub(crate) fn push_number(out: &mut Vec<u8>, member: &str, value: Option<u64>) {
    if let Some(value) = value {
        out.extend_from_slice(member.as_bytes());
        push_decimal(out, value);
    }
}

pub(crate) fn push_json_string(out: &mut Vec<u8>, value: &[u8]) {
    // Without an early end, so that the compiler makes vector instructions of it.
    let is_plain = |&byte: &u8| (b' '..0x7f).contains(&byte) & (byte != b'"') & (byte != b'\\');
    if value.iter().fold(true, |all, byte| all & is_plain(byte)) {
        push_all(out, &[b"\"", value, b"\""]);
        return;
    }
    let text = String::from_utf8_lossy(value);
    serde_json::to_writer(out, text.as_ref()).expect("text into memory always goes");
}

pub(crate) fn push_decimal(out: &mut Vec<u8>, value: u64) {
    serde_json::to_writer(out, &value).expect("a number into memory always goes");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &[u8]) -> String {
        let mut out = Vec::new();
        push_target(&mut out, path, false);
        assert!(!is_too_long(path));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn targets() {
        for (path, expected) in [
            (&b"/"[..], "/"),
            (b"/prod/pets/42", "/prod/pets/42"),
            (
                b"/a-b_c.d~e!$&'()*+,;=:@?x=1",
                "/a-b_c.d~e!$&'()*+,;=:@%3Fx=1",
            ),
            (b"/caf%C3%a9", "/caf%C3%a9"),
            (b"/100%", "/100%25"),
            (b"/%4", "/%254"),
            (b"/%zz%41", "/%25zz%41"),
            (b"/a b", "/a%20b"),
            (b"/a\r\nX: y", "/a%0D%0AX:%20y"),
            (b"/\0\x7f\t", "/%00%7F%09"),
            (
                b"/<script>\"`{|}^[]\\#",
                "/%3Cscript%3E%22%60%7B%7C%7D%5E%5B%5D%5C%23",
            ),
            ("/é".as_bytes(), "/%C3%A9"),
            (b"/\xff", "/%FF"),
            (b"//evil.example/../x", "//evil.example/../x"),
        ] {
            assert_eq!(target(path), expected);
        }
    }

    #[test]
    fn the_length_is_that_of_the_encoded_path() {
        for (byte, longest) in [(b'a', MAX_TARGET), (b' ', MAX_TARGET / 3)] {
            assert!(!is_too_long(&vec![byte; longest]));
            assert!(is_too_long(&vec![byte; longest + 1]));
        }
    }

    #[test]
    fn no_byte_gets_into_a_target_or_a_header_that_could_end_it() {
        for byte in 0..=255 {
            let out = target(&[b'/', byte, b'x']);
            assert!(
                out.bytes().all(|b| b.is_ascii_graphic() && b != b'#'),
                "{byte:#04x}"
            );
            let mut out = Vec::new();
            push_header_value(&mut out, &[b'a', byte, b'b']);
            assert!(out.iter().all(|&b| b >= b' ' && b != 0x7f), "{byte:#04x}");
            assert_eq!(out.len(), 3);
        }
    }

    #[test]
    fn header_values_are_trimmed() {
        let mut out = Vec::new();
        push_header_value(&mut out, b" \tcurl/8.5.0\r\n");
        assert_eq!(out, b"curl/8.5.0");
    }

    #[test]
    fn json_strings_equal_those_of_serde_json() {
        for text in ["", "plain", "a\"b\\c", "tab\there", "é", "\u{7f}", "\0"] {
            let mut out = Vec::new();
            push_json_string(&mut out, text.as_bytes());
            assert_eq!(
                String::from_utf8(out).unwrap(),
                serde_json::to_string(text).unwrap()
            );
        }
        let mut out = Vec::new();
        push_json_string(&mut out, b"a\xffb");
        assert_eq!(out, "\"a\u{fffd}b\"".as_bytes());
    }
}
