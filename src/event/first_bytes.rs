//! What a record of Firehose or Kinesis holds is told by its first bytes, before and after it is inflated.

use super::aggregated;

/// How many of a text's first bytes tell what it is.
pub(crate) const HEAD: usize = 256;

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
/// caller might have brought it, and it is one line's problem.
pub(crate) fn text_kind(head: &[u8]) -> Result<TextKind, usize> {
    // The members of a subscription's document (DESIGN.md, "Subscription document").
    const KEYS: [&[u8]; 7] = [
        b"messageType",
        b"owner",
        b"logGroup",
        b"logStream",
        b"subscriptionFilters",
        b"logEvents",
        b"policyLevel",
    ];
    if let Some(object) = head.strip_prefix(b"{")
        && let Some(key) = object.trim_ascii_start().strip_prefix(b"\"")
    {
        let key = key.split(|&byte| byte == b'"').next();
        return Ok(match key.is_some_and(|key| KEYS.contains(&key)) {
            true => TextKind::Documents,
            false => TextKind::Lines,
        });
    }
    // Those that `file` takes for a text's: from BEL to CR, and ESC.
    let is_texts = |byte: u8| byte >= b' ' || matches!(byte, 7..=13 | 27);
    let control = head.iter().position(|&byte| !is_texts(byte));
    let other = str::from_utf8(head).err();
    // A character may be cut at the end of the head.
    let other = other.filter(|error| error.error_len().is_some());
    match control
        .into_iter()
        .chain(other.map(|error| error.valid_up_to()))
        .min()
    {
        Some(at) => Err(at),
        None => Ok(TextKind::Lines),
    }
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
        for (head, expected) in [
            (&br#"{"messageType":"DATA_MESSAGE""#[..], documents),
            (b"{ \n\t\"owner\" : 7", documents),
            (br#"{"logGroup":"#, documents),
            (br#"{"logStream":"#, documents),
            (br#"{"subscriptionFilters":["#, documents),
            (br#"{"logEvents":["#, documents),
            (br#"{"policyLevel":"#, documents),
            (br#"{"requestId":"messageType""#, lines),
            (br#"{"message":"x""#, lines),
            (br#"{"messageTyp"#, lines),
            (br#"{"messageType"#, documents),
            (b"{\"a\":\"\0\x01\xff\"}", lines),
            (b"{", lines),
            (b"{}", lines),
            (b"[1]", lines),
            (b"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000]", lines),
            (b"\x1b[32mINFO\x1b[0m a\tb\r\n", lines),
            ("é".as_bytes(), lines),
            (late, lines),
            (&cut, lines),
            (b"ab\0c", Err(2)),
            (b"ab\x01\0", Err(2)),
            (b"{\0\"\0a\0", Err(1)),
            (b"a\xff\0", Err(1)),
            (b"a\0\xff", Err(1)),
            (b"\xf3\x89\x9a\xc2\0", Err(0)),
            (b"N\x18\xac\x8a\xc6\xadz\xcb", Err(1)),
            (b"\x89PNG\r\n\x1a\n", Err(0)),
        ] {
            assert_eq!(
                text_kind(head),
                expected,
                "{:?}",
                String::from_utf8_lossy(head)
            );
        }
    }
}
