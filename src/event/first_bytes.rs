//! What a record of Firehose or Kinesis holds is told by its first bytes, before and after it is inflated.

use super::aggregated;
use crate::json::{Grammar, Lexer, Role, Token};

/// How many of a text's first bytes tell what it is.
pub(crate) const HEAD: usize = 256;

/// The members of a subscription's document (DESIGN.md, "Subscription document").
const KEYS: [&[u8]; 7] = [
    b"messageType",
    b"owner",
    b"logGroup",
    b"logStream",
    b"subscriptionFilters",
    b"logEvents",
    b"policyLevel",
];

/// What the bytes of a record are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Gzip or zlib.
    Compressed,
    /// Several user records: [`aggregated::user_records`].
    Aggregated,
    Text,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKind {
    /// Documents of a subscription.
    Documents,
    /// Lines of a log.
    Lines,
}

/// What the bytes are that begin so.
pub(crate) fn layer(first: &[u8]) -> Layer {
    match first {
        // Of zlib, only the window that everybody writes. `x^` is such a begin too, and of no log line.
        [0x1f, 0x8b, ..] | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Layer::Compressed,
        _ if first.starts_with(aggregated::MAGIC) => Layer::Aggregated,
        _ => Layer::Text,
    }
}

/// What the text is that begins so. `head` begins with what is no whitespace, and is [`HEAD`] bytes long unless the
/// text is shorter.
///
/// # Errors
///
/// Where it is no text: the place of the byte that shows it. Behind the begin of a JSON object nothing does, since a
/// caller might have brought it, and it is one line's problem. For the same reason a byte that is not UTF-8 shows nothing.
pub(crate) fn text_kind(head: &[u8], was_compressed: bool) -> Result<TextKind, usize> {
    if let Some(object) = head.strip_prefix(b"{")
        && object.trim_ascii_start().starts_with(b"\"")
    {
        return Ok(match is_document(head, was_compressed) {
            true => TextKind::Documents,
            false => TextKind::Lines,
        });
    }
    // Those that `file` takes for a text's: from BEL to CR, and ESC.
    let is_texts = |byte: u8| byte >= b' ' || matches!(byte, 7..=13 | 27);
    match head.iter().position(|&byte| !is_texts(byte)) {
        Some(at) => Err(at),
        None => Ok(TextKind::Lines),
    }
}

/// Whether the object that begins so is a document.
///
/// Its first key has to be one of a document's. A line of a log may begin with such a key too: it is none if no key so
/// far says that it is a document, and it has other keys or ends. What was compressed may begin with any key if the type
/// of a document follows, as in the event of a subscription.
fn is_document(head: &[u8], was_compressed: bool) -> bool {
    let mut lexer = Lexer::new(HEAD);
    let mut grammar = Grammar::new();
    let mut rest = head;
    let mut begins_as_document = None;
    let mut has_other_keys = false;
    let mut is_type = false;
    while let Ok(Some(token)) = lexer.next(&mut rest)
        && let Ok(role) = grammar.accept(&token)
    {
        let text = match &token {
            Token::String(text) => text.bytes(),
            _ => b"",
        };
        match (role, grammar.depth()) {
            (Role::Key, 1) => {
                is_type = text == b"messageType";
                let is_known = KEYS.contains(&text);
                has_other_keys |= !is_known;
                let begins_as_document = *begins_as_document.get_or_insert(is_known);
                if begins_as_document && (is_type || text == b"logEvents") {
                    return true;
                }
                if !begins_as_document && !was_compressed {
                    return false;
                }
            }
            (Role::Value, 1) if is_type => {
                return matches!(text, b"DATA_MESSAGE" | b"CONTROL_MESSAGE");
            }
            (Role::Close, 0) => return false,
            _ => {}
        }
    }
    begins_as_document == Some(true) && !has_other_keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers() {
        for (first, expected) in [
            (&b"\x1f\x8b\x08\x00"[..], Layer::Compressed),
            (b"\x1f\x8b", Layer::Compressed),
            (b"\x78\x9c\x00", Layer::Compressed),
            (b"\x78\x01", Layer::Compressed),
            (b"\x78\xda", Layer::Compressed),
            (b"x^\xad", Layer::Compressed),
            (b"\xf3\x89\x9a\xc2", Layer::Aggregated),
            (b"\xf3\x89\x9a", Layer::Text),
            (b"\x1f", Layer::Text),
            (b"", Layer::Text),
            (b"{", Layer::Text),
            // Texts that could be zlib's begin by its own rules.
            (b"(S", Layer::Text),
            (b"8O", Layer::Text),
            (b"HK", Layer::Text),
        ] {
            assert_eq!(layer(first), expected, "{first:?}");
        }
    }

    #[test]
    fn kinds_of_text() {
        let (documents, lines) = (Ok(TextKind::Documents), Ok(TextKind::Lines));
        let late = [&[b'a'; 300][..], b"\0"].concat();
        let late = &late[..HEAD];
        let cut = ["a".repeat(HEAD - 1).as_bytes(), b"\xc3"].concat();
        let long = format!(r#"{{"owner":"1","logGroup":"{}"#, "g".repeat(HEAD));
        // Each as it came, and as it was inflated.
        for (head, expected, inflated) in [
            (
                &br#"{"messageType":"DATA_MESSAGE""#[..],
                documents,
                documents,
            ),
            (b"{ \n\t\"owner\" : 7", documents, documents),
            (br#"{"logGroup":"#, documents, documents),
            (br#"{"logStream":"#, documents, documents),
            (br#"{"subscriptionFilters":["#, documents, documents),
            (br#"{"logEvents":["#, documents, documents),
            (br#"{"policyLevel":"#, documents, documents),
            (&long.as_bytes()[..HEAD], documents, documents),
            // A line that begins as a document does.
            (br#"{"owner":"me"}"#, lines, lines),
            (br#"{"owner":"me","path":"/o","#, lines, lines),
            (br#"{"logGroup":{"logEvents":1},"path":"/o""#, lines, lines),
            (br#"{"owner":"messageType","path""#, lines, lines),
            (
                br#"{"owner":"1","new":[{"a":1}],"messageType":"#,
                documents,
                documents,
            ),
            (
                br#"{"owner":"1","new":1,"logEvents":["#,
                documents,
                documents,
            ),
            // What can't be told is a document.
            (br#"{"owner":"me"#, documents, documents),
            (br#"{"owner":?,"path""#, documents, documents),
            (br#"{"requestId":"messageType""#, lines, lines),
            (
                br#"{"new":1,"messageType":"DATA_MESSAGE""#,
                lines,
                documents,
            ),
            (
                br#"{"new":{"a":[]}, "messageType" : "CONTROL_MESSAGE","#,
                lines,
                documents,
            ),
            (br#"{"new":{"messageType":"DATA_MESSAGE""#, lines, lines),
            (br#"{"new":"x","messageType":"MESSAGE","#, lines, lines),
            (
                b"{\"new\":1}\n{\"messageType\":\"DATA_MESSAGE\"",
                lines,
                lines,
            ),
            (br#"{"message":"x""#, lines, lines),
            (br#"{"messageTyp"#, lines, lines),
            (br#"{"messageType"#, lines, lines),
            (br#"{"messageType""#, documents, documents),
            (b"{\"a\":\"\0\x01\xff\"}", lines, lines),
            (b"{", lines, lines),
            (b"{}", lines, lines),
            (b"[1]", lines, lines),
            (
                b"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000]",
                lines,
                lines,
            ),
            (b"\x1b[32mINFO\x1b[0m a\tb\r\n", lines, lines),
            ("é".as_bytes(), lines, lines),
            (b"caf\xe9 \xff", lines, lines),
            (late, lines, lines),
            (&cut, lines, lines),
            (b"ab\0c", Err(2), Err(2)),
            (b"ab\x01\0", Err(2), Err(2)),
            (b"{\0\"\0a\0", Err(1), Err(1)),
            (b"a\xff\0", Err(2), Err(2)),
            (b"\xf3\x89\x9a\xc2\0", Err(4), Err(4)),
            (b"N\x18\xac\x8a\xc6\xadz\xcb", Err(1), Err(1)),
            (b"\x89PNG\r\n\x1a\n", Err(6), Err(6)),
        ] {
            let text = String::from_utf8_lossy(head);
            assert_eq!(text_kind(head, false), expected, "{text:?}");
            assert_eq!(text_kind(head, true), inflated, "{text:?}, inflated");
        }
    }
}
