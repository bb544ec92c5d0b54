//! Which values can stand in a message, and what they mean.

use crate::http1::is_token;

/// API Gateway writes `-` for what is not there; the others are what templates make of it.
pub(super) fn is_absent(value: &[u8]) -> bool {
    matches!(value, b"" | b"-" | b"null" | b"(none)")
}

/// A number as text, possibly with a fraction, which is dropped.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    let mut digits = text.iter();
    while let Some(&byte) = digits.next() {
        match byte {
            b'0'..=b'9' => value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
            b'.' if text[0] != b'.' && digits.all(u8::is_ascii_digit) => return Some(value),
            _ => return None,
        }
    }
    (!text.is_empty()).then_some(value)
}

/// HTTP APIs do not say whether the epoch is in seconds or in milliseconds. As seconds, 10¹¹ is the
/// year 5138; as milliseconds it is 1973.
pub(super) fn milliseconds(epoch: u64) -> u64 {
    if epoch < 100_000_000_000 {
        epoch * 1000
    } else {
        epoch
    }
}

/// A method that can stand in a request line. CONNECT can't: it would ask for a tunnel.
pub(super) fn valid_method(method: &[u8]) -> Option<&str> {
    const MAX: usize = 32;
    let valid = method.len() <= MAX
        && method.iter().all(|&byte| is_token(byte))
        && !method.eq_ignore_ascii_case(b"CONNECT");
    valid.then(|| str::from_utf8(method).ok())?
}

/// A host name that can stand in a `Host` header: labels of letters, digits, `-` and `_`, and
/// possibly a port.
pub(super) fn valid_host(host: &[u8]) -> Option<&str> {
    let mut label = 0;
    let mut end = host.len();
    for (at, &byte) in host.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' if label < 63 => label += 1,
            b'.' if label > 0 => label = 0,
            b':' => {
                end = at;
                break;
            }
            _ => return None,
        }
    }
    // A final dot may stand there, and does not count.
    let is_rooted = label == 0;
    let length = end - usize::from(is_rooted && end > 0);
    let is_port =
        |port: &[u8]| (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
    let is_sound = (1..=253).contains(&length) && host.get(end + 1..).is_none_or(is_port);
    str::from_utf8(host).ok().filter(|_| is_sound)
}
