//! `X_NODE_CA_CERT`: certificates that are trusted beside Mozilla's, as PEM or in a file.

use ureq::tls::{Certificate, PemItem, parse_pem};

use super::vars::{VariableError, Vars};

/// The certificates, each with the outer form of one.
pub(super) fn ca_certificates(vars: &Vars<'_>) -> Result<Vec<Certificate<'static>>, VariableError> {
    const NAME: &str = "X_NODE_CA_CERT";
    const EXAMPLE: &str = "/var/task/ca.pem";
    // A line end can't stand in every console's field, so that `\n` is taken for one.
    let Some(text) = vars.get(NAME) else {
        return Ok(Vec::new());
    };
    let pem = if text.contains("-----BEGIN") {
        text.replace("\\n", "\n").into_bytes()
    } else {
        std::fs::read(text.trim()).map_err(|error| {
            let what = format!("must be PEM text, or a file that can be read: {error}");
            VariableError::new(NAME, what, EXAMPLE)
        })?
    };
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) if is_certificate(certificate.der()) => {
                certificates.push(certificate);
            }
            Ok(PemItem::Certificate(_)) | Err(_) => {
                let number = certificates.len() + 1;
                let what = format!("holds a certificate that is broken: number {number}");
                return Err(VariableError::new(NAME, what, EXAMPLE));
            }
            Ok(_) => {
                return Err(VariableError::new(
                    NAME,
                    "holds something other than a certificate, such as a private key",
                    EXAMPLE,
                ));
            }
        }
    }
    if certificates.is_empty() {
        return Err(VariableError::new(NAME, "holds no certificate", EXAMPLE));
    }
    Ok(certificates)
}

/// Whether bytes have the outer form of an X.509 certificate (RFC 5280 §4.1): a sequence of a
/// sequence, a sequence and a bit string, and nothing after it. ureq passes over a certificate that
/// it can't read, so that a broken one would otherwise only show as a failing handshake.
fn is_certificate(der: &[u8]) -> bool {
    fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
        let rest = der.strip_prefix(&[tag])?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0, |length, &b| length << 8 | usize::from(b));
                (length, rest)
            }
            _ => return None,
        };
        rest.split_at_checked(length)
    }
    const SEQUENCE: u8 = 0x30;
    const BIT_STRING: u8 = 0x03;
    let check = || {
        let (certificate, after) = element(der, SEQUENCE)?;
        let (to_be_signed, rest) = element(certificate, SEQUENCE)?;
        let (_, rest) = element(rest, SEQUENCE)?;
        let (_, rest) = element(rest, BIT_STRING)?;
        Some(after.is_empty() && rest.is_empty() && to_be_signed.len() > 64)
    };
    check().unwrap_or(false)
}
