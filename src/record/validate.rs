//! Which values can stand in a message, and what they mean.

use std::net::IpAddr;

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

/// An IP address, in whatever spelling.
pub(super) fn address(text: &[u8]) -> Option<IpAddr> {
    let address: IpAddr = str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

/// Unix time as text, in milliseconds. HTTP APIs do not say whether the epoch is in seconds, possibly with a fraction,
/// or in milliseconds. As seconds, 10¹¹ is the year 5138; as milliseconds it is 1973.
pub(super) fn milliseconds(epoch: &[u8]) -> Option<u64> {
    let number = number(epoch)?;
    if number >= 100_000_000_000 {
        return Some(number);
    }

    let fraction = epoch.iter().skip_while(|byte| **byte != b'.').skip(1);
    let digits = fraction.map(|digit| u64::from(digit - b'0'));
    let places = [100, 10, 1].into_iter();
    let thousandths: u64 = places.zip(digits).map(|(place, digit)| place * digit).sum();
    Some(number * 1000 + thousandths)
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
#[derive(Debug, Clone, Copy)]
pub(super) struct Host<'a> {
    /// Without its final dot.
    name: &'a [u8],
    /// With its colon. API Gateway serves nothing but port 443, which goes without saying.
    port: &'a [u8],
    /// As it was logged.
    text: &'a [u8],
    has_capitals: bool,
}

impl<'a> Host<'a> {
    pub(super) fn new(text: &'a [u8]) -> Option<Self> {
        let mut label = 0;
        let mut end = text.len();
        let mut has_capitals = false;
        for (at, &byte) in text.iter().enumerate() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' if label < 63 => label += 1,
                b'A'..=b'Z' if label < 63 => {
                    has_capitals = true;
                    label += 1;
                }
                b'.' if label > 0 => label = 0,
                b':' => {
                    end = at;
                    break;
                }
                _ => return None,
            }
        }
        let is_rooted = label == 0;
        let name = &text[..end - usize::from(is_rooted && end > 0)];
        let mut port = &text[end..];
        if let Some(digits) = port.get(1..) {
            let is_number = (1..=5).contains(&digits.len());
            let number = number(digits).filter(|_| is_number && !digits.contains(&b'.'))?;
            if number == 443 {
                port = b"";
            }
            u16::try_from(number).ok()?;
        }
        (1..=253).contains(&name.len()).then_some(Self {
            name,
            port,
            text,
            has_capitals,
        })
    }

    /// The one spelling of it: in lower case, without a final dot and without port 443. `buffer` holds it where it
    /// was logged in another one.
    pub(super) fn normal(self, buffer: &'a mut String) -> Option<&'a str> {
        if !self.has_capitals && self.name.len() + self.port.len() == self.text.len() {
            return str::from_utf8(self.text).ok();
        }
        buffer.clear();
        buffer.push_str(str::from_utf8(self.name).ok()?);
        buffer.push_str(str::from_utf8(self.port).ok()?);
        buffer.make_ascii_lowercase();
        Some(buffer)
    }

    /// Whether it is a domain of several labels, and no address.
    pub(super) fn is_domain(self) -> bool {
        let last = self.name.rsplit(|byte| *byte == b'.').next();
        last.is_some_and(|last| {
            last.len() < self.name.len() && !last.iter().all(u8::is_ascii_digit)
        })
    }

    pub(super) fn is(self, other: Self) -> bool {
        self.name.eq_ignore_ascii_case(other.name) && self.port == other.port
    }
}
