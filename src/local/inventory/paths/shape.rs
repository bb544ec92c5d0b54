//! What one segment of a path looks like by itself: an integer, a UUID, an e-mail address. A segment that has such a
//! shape is a value, however often it is called, so that a million ids are one place from the first call on.

use std::borrow::Cow;

/// Longer than any word of an API.
const MAX_WORD: usize = 128;

/// What a segment becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// A word, percent-encoded in one way, without braces.
    Word(Vec<u8>),
    /// A place, such as `{uuid}` or `{uuid}.pdf`.
    Shape(Cow<'static, str>),
}

/// Whether a segment is certainly a word that is written in the one way: what most segments are.
pub(super) fn is_plain(segment: &[u8]) -> bool {
    segment.len() <= 16
        && segment
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || *byte == b'_')
}

/// Tells what a segment is. `may_be_version`: it stands where an API's version does, so that a short number or a
/// date is a word.
pub(super) fn segment(raw: &[u8], may_be_version: bool) -> Segment {
    if is_plain(raw) {
        return Segment::Word(raw.to_vec());
    }
    let text = decode(raw);
    if may_be_version && is_version(&text) {
        return Segment::Word(encode(&text));
    }
    match shape(&text) {
        Some(shape) => Segment::Shape(shape),
        None => Segment::Word(encode(&text)),
    }
}

/// A version such as `v2.1`, `1.0`, `2` or `2024-01-01`.
pub(super) fn is_version(text: &[u8]) -> bool {
    if text.first().is_some_and(|byte| matches!(byte, b'v' | b'V')) {
        return is_v(text);
    }
    let is_number = |part: &[u8]| (1..=2).contains(&part.len()) && all(part, digit);
    text.split(|byte| *byte == b'.').all(is_number) || text.len() == 10 && is_date(text)
}

/// `v1`, `v2.1`, `v1beta1`.
fn is_v(text: &[u8]) -> bool {
    let Some((b'v' | b'V', rest)) = text.split_first() else {
        return false;
    };
    let number = rest
        .iter()
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'_' | b'-'))
        .count();
    let (number, kind) = rest.split_at(number);
    let word = kind.iter().take_while(|byte| byte.is_ascii_alphabetic());
    let (word, last) = kind.split_at(word.count());
    number.first().is_some_and(u8::is_ascii_digit)
        && number.len() <= 10
        && (word.is_empty()
            || [&b"alpha"[..], b"beta", b"rc", b"preview", b"p"]
                .iter()
                .any(|kind| word.eq_ignore_ascii_case(kind)))
        && all(last, digit)
        && last.len() <= 2
}

/// Whether a segment is a file's name, with an extension that begins with a letter.
pub(super) fn extension(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = text.iter().rposition(|byte| *byte == b'.')?;
    let (stem, extension) = (&text[..dot], &text[dot + 1..]);
    let is_extension = (1..=5).contains(&extension.len())
        && extension[0].is_ascii_alphabetic()
        && all(extension, |byte| byte.is_ascii_alphanumeric());
    (is_extension && !stem.is_empty()).then_some((stem, extension))
}

/// Replaces the percent-encoding.
pub(in crate::local::inventory) fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'%') {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| first == b'%');
        let byte = digits
            .filter(|digits| all(digits, |byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        out.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    Cow::Owned(out)
}

/// Encodes what can not stand in a URL's path, or would look like a place.
pub(super) fn encode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
        if is_plain {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

fn all(text: &[u8], is: impl Fn(u8) -> bool) -> bool {
    text.iter().all(|byte| is(*byte))
}

fn digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn count(text: &[u8], is: impl Fn(u8) -> bool) -> usize {
    text.iter().filter(|byte| is(**byte)).count()
}

/// The shape of a decoded segment, as it stands in a template.
fn shape(text: &[u8]) -> Option<Cow<'static, str>> {
    if text.is_empty() || is_v(text) {
        return None;
    }
    if let Some(name) = simple(text) {
        // Most values are of these.
        return Some(match name {
            "integer" => "{integer}".into(),
            "uuid" => "{uuid}".into(),
            "hex" => "{hex}".into(),
            "hash" => "{hash}".into(),
            "id" => "{id}".into(),
            "ulid" => "{ulid}".into(),
            name => format!("{{{name}}}").into(),
        });
    }
    if text.len() > MAX_WORD {
        return Some("{text}".into());
    }
    composite(text).map(Cow::Owned)
}

/// The name of a shape that a whole segment has.
pub(super) fn simple(text: &[u8]) -> Option<&'static str> {
    let has_at = text.contains(&b'@');
    if has_at {
        let mut parts = text.splitn(2, |byte| *byte == b'@');
        let (name, domain) = (parts.next()?, parts.next()?);
        let is_mail = !name.is_empty() && domain.contains(&b'.');
        // Nobody but a person, or a package, has one.
        return Some(if is_mail { "email" } else { "text" });
    }
    if text.starts_with(b"~") && text.len() > 1 {
        return Some("text");
    }
    let is_text = |byte: u8| byte <= b' ' || byte >= 0x7f || b"\"<>{}|\\^`%".contains(&byte);
    let digits = count(text, digit);
    if digits > 0 {
        let found = number(text, digits)
            .or_else(|| is_uuid(text).then_some("uuid"))
            .or_else(|| is_date(text).then_some("date"))
            .or_else(|| is_time(text).then_some("time"))
            .or_else(|| is_mac(text).then_some("mac"))
            .or_else(|| is_phone(text, digits).then_some("phone"))
            .or_else(|| is_address(text).then_some("ip"))
            .or_else(|| is_pair(text).then_some("coordinates"));
        if found.is_some() {
            return found;
        }
    }
    if text.starts_with(b"eyJ") && count(text, |byte| byte == b'.') == 2 {
        return Some("jwt");
    }
    if text.starts_with(b"arn:") && count(text, |byte| byte == b':') >= 5 {
        return Some("arn");
    }
    if all(text, |byte| byte.is_ascii_hexdigit())
        && (digits > 0 && digits < text.len() && text.len() >= 8 || text.len() >= 16)
    {
        let is_hash = matches!(text.len(), 40 | 56 | 64 | 96 | 128);
        return Some(if is_hash { "hash" } else { "hex" });
    }
    if let Some(name) = token(text, digits) {
        return Some(name);
    }
    if all(text, |byte| !is_text(byte)) {
        return is_list(text).then_some("list");
    }
    // Words of an API need no escapes.
    Some("text")
}

/// An integer or a decimal.
fn number(text: &[u8], digits: usize) -> Option<&'static str> {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    if digits == unsigned.len() {
        return Some("integer");
    }
    let dots = count(unsigned, |byte| byte == b'.');
    let is_decimal = dots == 1
        && digits + 1 == unsigned.len()
        && !unsigned.starts_with(b".")
        && !unsigned.ends_with(b".");
    is_decimal.then_some("number")
}

pub(super) fn is_uuid(text: &[u8]) -> bool {
    let text = text
        .strip_prefix(b"{")
        .and_then(|text| text.strip_suffix(b"}"))
        .unwrap_or(text);
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn value(text: &[u8]) -> Option<u32> {
    str::from_utf8(text)
        .ok()
        .filter(|text| text.bytes().all(digit))?
        .parse()
        .ok()
}

/// A date, possibly with a time: `2024-01-31`, `2024-01`, `31-01-2024`, `2024-W05`, `2024-01-31T12:00:00Z`.
fn is_date(text: &[u8]) -> bool {
    let (date, time) = match text
        .iter()
        .position(|byte| matches!(byte, b'T' | b' ' | b't'))
    {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let is_time = |time: &[u8]| {
        time.len() >= 2
            && all(time, |byte| {
                byte.is_ascii_digit() || b":.-+Zz".contains(&byte)
            })
    };
    if !time.is_none_or(is_time) {
        return false;
    }
    let separator = |byte: &u8| matches!(byte, b'-' | b'.' | b'_');
    let mut parts = date.split(separator);
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    let is_year = |part: &[u8]| {
        part.len() == 4 && value(part).is_some_and(|year| (1900..2200).contains(&year))
    };
    let is_month =
        |part: &[u8]| part.len() == 2 && value(part).is_some_and(|month| (1..=12).contains(&month));
    let is_day =
        |part: &[u8]| part.len() == 2 && value(part).is_some_and(|day| (1..=31).contains(&day));
    let is_week = |part: &[u8]| matches!(part, [b'W' | b'Q', rest @ ..] if !rest.is_empty() && rest.len() <= 2 && all(rest, digit));
    parts.next().is_none()
        && match (first, second, third) {
            (Some(year), Some(month), None) => {
                is_year(year) && (is_month(month) && date[4] == b'-' || is_week(month))
            }
            (Some(one), Some(two), Some(three)) => {
                is_year(one) && is_month(two) && is_day(three)
                    || is_day(one) && is_month(two) && is_year(three)
                    || is_month(one) && is_day(two) && is_year(three)
            }
            (Some(compact), None, None) => {
                time.is_some()
                    && compact.len() == 8
                    && is_year(&compact[..4])
                    && is_month(&compact[4..6])
                    && is_day(&compact[6..])
            }
            _ => false,
        }
}

/// `12:30`, `12:30:59`.
fn is_time(text: &[u8]) -> bool {
    let parts = text.split(|byte| *byte == b':');
    (5..=8).contains(&text.len())
        && text[2] == b':'
        && parts.clone().count() == text.len().div_ceil(3)
        && parts
            .into_iter()
            .all(|part| part.len() == 2 && value(part).is_some_and(|part| part < 60))
}

/// The address of a device: six bytes in hex.
fn is_mac(text: &[u8]) -> bool {
    text.len() == 17
        && text.iter().enumerate().all(|(at, byte)| match at % 3 {
            2 => *byte == text[2] && matches!(byte, b':' | b'-'),
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A telephone number: international, or in groups.
fn is_phone(text: &[u8], digits: usize) -> bool {
    if !(7..=15).contains(&digits) {
        return false;
    }
    let is_part = |byte: u8| byte.is_ascii_digit() || b"-. ()".contains(&byte);
    if let Some(rest) = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b" ")) {
        // A form's encoding makes a space of the sign.
        return all(rest, is_part);
    }
    let groups = || text.split(|byte| matches!(byte, b'-' | b' ' | b'.' | b'(' | b')'));
    all(text, is_part)
        && groups().filter(|group| !group.is_empty()).count() >= 3
        && groups().all(|group| group.len() <= 5)
        && !is_address(text)
}

fn is_address(text: &[u8]) -> bool {
    if !text.iter().any(|byte| matches!(byte, b'.' | b':')) {
        return false;
    }
    let text = text
        .strip_prefix(b"[")
        .and_then(|text| text.strip_suffix(b"]"))
        .unwrap_or(text);
    let Ok(text) = str::from_utf8(text) else {
        return false;
    };
    let address = text.split('/').next().unwrap_or(text);
    address.parse::<std::net::IpAddr>().is_ok()
        || address.contains('.') && address.parse::<std::net::SocketAddr>().is_ok()
}

/// Two decimals.
fn is_pair(text: &[u8]) -> bool {
    let mut parts = text.split(|byte| *byte == b',');
    let is_decimal = |part: Option<&[u8]>| {
        part.is_some_and(|part| number(part, count(part, digit)) == Some("number"))
    };
    is_decimal(parts.next()) && is_decimal(parts.next()) && parts.next().is_none()
}

/// Values with commas between them.
fn is_list(text: &[u8]) -> bool {
    text.contains(&b',')
        && text
            .split(|byte| *byte == b',')
            .all(|part| !part.is_empty() && !part.contains(&b',') && simple(part).is_some())
}

/// A token that no person has chosen: a ULID, a KSUID, base64, an id with a prefix, a SKU.
fn token(text: &[u8], digits: usize) -> Option<&'static str> {
    let uppers = count(text, |byte| byte.is_ascii_uppercase());
    let lowers = count(text, |byte| byte.is_ascii_lowercase());
    let is_alphanumeric = uppers + lowers + digits == text.len();
    if is_alphanumeric && digits > 0 {
        let is_crockford = |byte: u8| byte.is_ascii_digit() || !b"ILOUilou".contains(&byte);
        if text.len() == 26
            && matches!(text[0], b'0'..=b'7')
            && (lowers == 0 || uppers == 0)
            && all(text, is_crockford)
        {
            return Some("ulid");
        }
        if text.len() == 27 && matches!(text[0], b'0'..=b'2') && uppers > 0 && lowers > 0 {
            return Some("ksuid");
        }
    }
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    let unpadded = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"="));
    if let Some(unpadded) = unpadded
        && text.len() >= 8
        && text.len().is_multiple_of(4)
        && all(unpadded, is_base64)
    {
        return Some("base64");
    }
    if text.len() >= 16 && all(text, is_base64) && uppers > 0 && lowers > 0 && digits > 0 {
        let is_code = text.contains(&b'+') || text.contains(&b'/');
        if is_code {
            return Some("base64");
        }
        // A name in several words has few changes between them.
        if changes(text) * 4 >= text.len() {
            return Some("id");
        }
    }
    if text.len() >= 22
        && is_alphanumeric
        && uppers > 0
        && lowers > 0
        && changes(text) * 3 >= text.len()
    {
        return Some("id");
    }
    if is_alphanumeric {
        return is_random(text, digits).then_some("id");
    }
    prefixed(text, digits, uppers, lowers)
}

/// How often the kind of character changes: capitals, small letters, digits.
fn changes(text: &[u8]) -> usize {
    let kind = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        _ => 3,
    };
    text.windows(2)
        .filter(|pair| kind(pair[0]) != kind(pair[1]))
        .count()
}

/// Whether letters and digits without a separator are an id, and not a word such as `oauth2`, `base64`, `sha256`.
fn is_random(text: &[u8], digits: usize) -> bool {
    if digits == 0 || digits == text.len() {
        return false;
    }
    let edges = text
        .windows(2)
        .filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit())
        .count();
    let has_cases = count(text, |byte| byte.is_ascii_uppercase()) > 0
        && count(text, |byte| byte.is_ascii_lowercase()) > 0;
    edges >= 3 && text.len() >= 5
        || edges >= 2 && digits >= 3 && text.len() >= 6
        || edges == 1 && digits >= 4
        || text[0].is_ascii_digit() && text.len() >= 5
        || edges == 2 && text.len() >= 8 && (has_cases && changes(text) >= 5 || digits >= 2)
}

/// Whether letters are mixed as nobody writes words: capitals next to each other, and small letters.
pub(super) fn is_mixed(text: &[u8]) -> bool {
    let is_upper = |byte: &u8| byte.is_ascii_uppercase();
    text.iter().any(|byte| byte.is_ascii_lowercase())
        && (text.windows(2).any(|pair| pair.iter().all(is_upper))
            || changes(text) * 2 >= text.len())
}

/// Ids with a prefix, such as `cus_9s8dF2k` and `INV-000123`, and SKUs.
fn prefixed(text: &[u8], digits: usize, uppers: usize, lowers: usize) -> Option<&'static str> {
    let separators = count(text, |byte| matches!(byte, b'-' | b'_'));
    if separators == 0 || uppers + lowers + digits + separators != text.len() {
        return None;
    }
    let mut at = text.iter().rposition(|byte| matches!(byte, b'-' | b'_'))?;
    // A UUID has separators of its own.
    if let Some(start) = text.len().checked_sub(37)
        && matches!(text[start], b'-' | b'_')
        && is_uuid(&text[start + 1..])
    {
        at = start;
    }
    let (prefix, last) = (&text[..at], &text[at + 1..]);
    if prefix.is_empty() || last.is_empty() {
        return None;
    }
    let last_digits = count(last, digit);
    let is_word = all(prefix, |byte| byte.is_ascii_lowercase());
    let is_id = if last_digits == last.len() {
        // `top-10` and `page_2` are words; a number with zeros in front is an id.
        let least = if uppers > 0 && lowers == 0 {
            2
        } else if is_word && prefix.len() <= 5 {
            3
        } else {
            4
        };
        last_digits >= least
    } else {
        is_uuid(last)
            || is_random(last, last_digits)
            || last_digits > 0 && last.len() >= 8
            || text[at] == b'_'
                && is_word
                && prefix.len() <= 5
                && last.len() >= 10
                && is_mixed(last)
    };
    if lowers == 0 && (digits > 0 && separators > 1 || text.len() >= 6 && !is_id) {
        return Some("sku");
    }
    is_id.then_some("id")
}

/// A segment of which a part has a shape: a file's name, a key of OData, a custom verb.
fn composite(text: &[u8]) -> Option<String> {
    let word = |text: &[u8]| String::from_utf8(encode(text)).ok();
    let is_name = |text: &[u8]| {
        text.first().is_some_and(u8::is_ascii_alphabetic)
            && all(text, |byte| {
                byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
            })
    };
    if let Some(inside) = text.strip_suffix(b")")
        && let Some(open) = inside.iter().position(|byte| *byte == b'(')
        && is_name(&inside[..open])
    {
        let mut out = word(&inside[..open])? + "(";
        let keys = inside[open + 1..].split(|byte| *byte == b',');
        for (index, key) in keys.take(8).enumerate() {
            if index > 0 {
                out.push(',');
            }
            let (name, value) = match key.iter().position(|byte| *byte == b'=') {
                Some(at) if is_name(&key[..at]) => (&key[..=at], &key[at + 1..]),
                _ => (&key[..0], key),
            };
            out += &word(name)?;
            if !value.is_empty() {
                let bare = value
                    .strip_prefix(b"'")
                    .and_then(|text| text.strip_suffix(b"'"));
                let bare = bare.or_else(|| value.strip_prefix(b"guid'")?.strip_suffix(b"'"));
                out += &format!("{{{}}}", simple(bare.unwrap_or(value)).unwrap_or("text"));
            }
        }
        return Some(out + ")").filter(|out| out.contains('{'));
    }
    if let Some(at) = text.iter().position(|byte| matches!(byte, b';' | b'='))
        && is_name(&text[..at])
        && at + 1 < text.len()
    {
        // A parameter of a matrix. Its value may be a session's.
        let rest = &text[at + 1..];
        return Some(if text[at] == b'=' {
            let name = simple(rest).unwrap_or("text");
            format!("{}={{{name}}}", word(&text[..at])?)
        } else if let Some(equal) = rest.iter().position(|byte| *byte == b'=') {
            let own = segment_text(&text[..at])?;
            format!("{own};{}={{text}}", word(&rest[..equal])?)
        } else {
            "{text}".to_string()
        });
    }
    if let Some(at) = text.iter().rposition(|byte| *byte == b':') {
        let (before, after) = (&text[..at], &text[at + 1..]);
        if before.split(|byte| *byte == b':').all(is_name)
            && !before.is_empty()
            && simple(before).is_none()
            && let Some(name) = simple(after)
        {
            // `sha256:2c26b4…`.
            return Some(format!("{}:{{{name}}}", word(before)?));
        }
        if is_name(after) {
            // `123:publish`.
            let name = simple(before)?;
            return Some(format!("{{{name}}}:{}", word(after)?));
        }
    }
    let (stem, extension) = extension(text)?;
    let name = simple(stem)?;
    Some(format!("{{{name}}}.{}", word(extension)?))
}

fn segment_text(text: &[u8]) -> Option<String> {
    match segment(text, false) {
        Segment::Word(word) => String::from_utf8(word).ok(),
        Segment::Shape(shape) => Some(shape.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        segment_text(text.as_bytes()).unwrap()
    }

    #[test]
    fn values_have_their_shape() {
        for (text, expected) in [
            ("42", "{integer}"),
            ("-7", "{integer}"),
            ("3.14", "{number}"),
            ("988c24c9-61b1-4d22-a280-1c4510435a10", "{uuid}"),
            ("988C24C9-61B1-4D22-A280-1C4510435A10", "{uuid}"),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "{ulid}"),
            ("0ujtsYcgvSTl8PAuAdqWYSMnLOv", "{ksuid}"),
            ("507f1f77bcf86cd799439011", "{hex}"),
            ("d41d8cd98f00b204e9800998ecf8427e", "{hex}"),
            ("da39a3ee5e6b4b0d3255bfef95601890afd80709", "{hash}"),
            ("2024-01-31", "{date}"),
            ("2024-01", "{date}"),
            ("31.01.2024", "{date}"),
            ("2024-W05", "{date}"),
            ("2024-01-31T12%3A00%3A00Z", "{date}"),
            ("20240131T120000Z", "{date}"),
            ("12:30", "{time}"),
            ("anna@example.com", "{email}"),
            ("anna%40example.com", "{email}"),
            ("+49%2030%201234567", "{phone}"),
            ("%2B4930123456", "{phone}"),
            ("555-123-4567", "{phone}"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def_1", "{jwt}"),
            ("aGVsbG8gd29ybGQ=", "{base64}"),
            ("V1StGXR8Z5jdHi6BmyTq0w", "{id}"),
            ("cus_9s8dF2kLmn", "{id}"),
            ("cus_NffrFeUfNV2Hib", "{id}"),
            ("INV-000123", "{id}"),
            ("ord-8841", "{id}"),
            ("user12345", "{id}"),
            ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "{id}"),
            ("file-988c24c9-61b1-4d22-a280-1c4510435a10", "{id}"),
            ("TSHIRT-BLK-XL", "{sku}"),
            ("AB-1234-XL", "{sku}"),
            ("192.0.2.7", "{ip}"),
            ("5e:9a:00:b2:1c:7f", "{mac}"),
            ("5E-9A-00-B2-1C-7F", "{mac}"),
            (
                "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "sha256:{hash}",
            ),
            (
                "urn:uuid:988c24c9-61b1-4d22-a280-1c4510435a10",
                "urn:uuid:{uuid}",
            ),
            ("2001:db8::1", "{ip}"),
            ("52.52,13.405", "{coordinates}"),
            ("1,2,3", "{list}"),
            ("arn:aws:s3:::bucket", "{arn}"),
            ("red%20shoes", "{text}"),
            ("caf%C3%A9", "{text}"),
            ("@anna", "{text}"),
            ("%7Bid%7D", "{text}"),
            ("988c24c9-61b1-4d22-a280-1c4510435a10.pdf", "{uuid}.pdf"),
            ("42.json", "{integer}.json"),
            ("Products(1)", "Products({integer})"),
            ("Products('ALFKI')", "Products({text})"),
            ("Orders(ID=1,Item=2)", "Orders(ID={integer},Item={integer})"),
            ("42:publish", "{integer}:publish"),
            ("a;jsessionid=secret", "a;jsessionid={text}"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert_eq!(shown(&"x".repeat(200)), "{text}");
    }

    #[test]
    fn words_are_kept() {
        for text in [
            "pets",
            "v1",
            "v2.1",
            "v1beta1",
            "oauth2",
            "base64",
            "sha256",
            "s3",
            "i18n",
            "k8s",
            "forgot-password",
            "top-10",
            "page_2",
            "getUserById",
            "swagger.json",
            "favicon.ico",
            "openapi.yaml",
            ".well-known",
            "en-US",
            "fr",
            "facade",
            "wp-login.php",
            "x509",
            "2fa",
            "Pets",
            "order_items",
            "red-shoes-42",
            "a.b.c",
            "web3",
            "health",
            "customer.created",
        ] {
            assert_eq!(shown(text), text, "{text}");
        }
        assert_eq!(shown("p%65ts"), "pets");
        for text in ["2024-01-01", "1.0", "2", "v1"] {
            let word = Segment::Word(text.as_bytes().to_vec());
            assert_eq!(segment(text.as_bytes(), true), word, "{text}");
        }
    }

    #[test]
    fn no_bytes_are_too_much() {
        for first in 0..=255_u8 {
            for second in [
                0, b'%', b'-', b'(', b')', b'.', b'=', b';', b':', b'a', b'1', 255,
            ] {
                for text in [
                    vec![first],
                    vec![first, second],
                    vec![second, first, second],
                ] {
                    segment(&text, true);
                    let Segment::Word(word) = segment(&text, false) else {
                        continue;
                    };
                    assert!(word.is_ascii() && !word.contains(&b'{'), "{text:?}");
                }
            }
        }
    }
}
