//! What a certificate says of itself (RFC 5280 §4.1), for an operator to read. Nothing is verified here.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{
    config::der::{
        DNS_NAME, IP_ADDRESS, SEQUENCE, SUBJECT_ALT_NAME, any_element, element, extension,
        extensions, to_be_signed,
    },
    local::escape::terminal,
};

/// What is shown of a certificate. Every text is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    pub(super) subject: String,
    pub(super) issuer: String,
    /// The first and the last day on which it is valid, as 2026-11-22.
    pub(super) valid: (String, String),
    /// The names and addresses that it is for.
    pub(super) names: Vec<String>,
}

const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
/// Of so many names each is shown.
const MAX_NAMES: usize = 8;

/// Reads a certificate. `None` where it is none.
pub(super) fn read(der: &[u8]) -> Option<Certificate> {
    let mut fields = to_be_signed(der)?;
    if fields.first() == Some(&VERSION) {
        any_element(&mut fields)?;
    }
    element(&mut fields, INTEGER)?;
    element(&mut fields, SEQUENCE)?;
    let issuer = name(element(&mut fields, SEQUENCE)?)?;
    let mut validity = element(&mut fields, SEQUENCE)?;
    let valid = (day(&mut validity)?, day(&mut validity)?);
    let subject = name(element(&mut fields, SEQUENCE)?)?;
    let names = extensions(fields).and_then(alternative_names);
    Some(Certificate {
        subject,
        issuer,
        valid,
        names: names.unwrap_or_default(),
    })
}

/// A distinguished name, as OpenSSL prints it. Of its parts, those that a person knows a server by.
fn name(mut parts: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    while !parts.is_empty() {
        let (_, mut set) = any_element(&mut parts)?;
        let mut part = element(&mut set, SEQUENCE)?;
        let (_, kind) = any_element(&mut part)?;
        let (_, value) = any_element(&mut part)?;
        let kind = match kind {
            [0x55, 0x04, 0x03] => "CN",
            [0x55, 0x04, 0x0a] => "O",
            [0x55, 0x04, 0x0b] => "OU",
            _ => continue,
        };
        text.push(format!(
            "{kind}={}",
            terminal(&String::from_utf8_lossy(value))
        ));
    }
    Some(if text.is_empty() {
        "(no name)".into()
    } else {
        text.join(", ")
    })
}

fn day(times: &mut &[u8]) -> Option<String> {
    let (tag, digits) = any_element(times)?;
    let digits = str::from_utf8(digits).ok()?;
    let digits = match tag {
        // Of the year it has two digits, which begin with 1950.
        UTC_TIME if digits.get(..2)? < "50" => format!("20{digits}"),
        UTC_TIME => format!("19{digits}"),
        _ => digits.to_string(),
    };
    let is_day = digits.len() >= 8 && digits.bytes().take(8).all(|byte| byte.is_ascii_digit());
    is_day.then(|| format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..8]))
}

fn alternative_names(mut extensions: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    while !extensions.is_empty() {
        let (id, mut value) = extension(&mut extensions)?;
        if id != SUBJECT_ALT_NAME {
            continue;
        }
        let mut all = element(&mut value, SEQUENCE)?;
        while let Some((tag, name)) = any_element(&mut all) {
            if names.len() == MAX_NAMES {
                names.push("…".into());
                return Some(names);
            }
            match tag {
                DNS_NAME => names.push(terminal(&String::from_utf8_lossy(name)).into_owned()),
                IP_ADDRESS => names.extend(address(name)),
                _ => {}
            }
        }
    }
    Some(names)
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).to_string());
    let v6 = || <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).to_string());
    v4.or_else(|_| v6()).ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn certificate() -> Vec<u8> {
        let names = ["node.example.com", "192.0.2.7", "2001:db8::7"].map(String::from);
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 11, 22);
        params.not_after = rcgen::date_time_ymd(2051, 1, 2);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "a\u{202e}b\u{1b}[2J");
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Example");
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn what_a_certificate_says_is_shown_without_what_acts_on_a_terminal() {
        let certificate = read(&certificate()).unwrap();
        assert_eq!(certificate.subject, "CN=a\\u{202e}b\\u{1b}[2J, O=Example");
        assert_eq!(certificate.issuer, certificate.subject);
        let valid = ("2026-11-22".to_string(), "2051-01-02".to_string());
        assert_eq!(certificate.valid, valid);
        assert_eq!(
            certificate.names,
            ["node.example.com", "192.0.2.7", "2001:db8::7"]
        );
    }

    #[test]
    fn no_bytes_make_the_reader_panic() {
        let whole = certificate();
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
        for at in 0..whole.len() {
            for byte in 0..=u8::MAX {
                let mut mutated = whole.clone();
                mutated[at] = byte;
                let _ = read(&mutated);
            }
        }
    }
}
