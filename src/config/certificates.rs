//! `X_NODE_CA_CERT`: certificates that are trusted beside Mozilla's, as PEM or in a file.

use std::net::IpAddr;

use ureq::tls::{Certificate, PemItem, parse_pem};

use super::address::Address;
use super::der::{
    BOOLEAN, DNS_NAME, IP_ADDRESS, SEQUENCE, SUBJECT_ALT_NAME, any_element, element, extension,
    extensions, to_be_signed,
};
use super::vars::{VariableError, Vars};

/// 2.5.29.19
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

/// The certificates, each with the outer form of one. `address` is absent where it is wrong itself.
pub(super) fn ca_certificates(
    vars: &Vars<'_>,
    address: Option<&Address>,
) -> Result<Vec<Certificate<'static>>, VariableError> {
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
    // Without TLS no certificate is looked at.
    if let Some(Address { host, .. }) = address.filter(|address| address.https)
        && let Some(index) = certificates
            .iter()
            .position(|certificate| is_own_and_authority(certificate.der(), host))
    {
        let number = index + 1;
        let kind = if ip(host).is_some() { "IP" } else { "DNS" };
        let name = host.trim_matches(['[', ']']);
        let what = format!(
            "holds a certificate that is the Node's own, for {name}, and a certificate authority's (CA:TRUE) at \
             once: number {number}. This function takes such a one from no server. Give the Node cert.pem and \
             key.pem, and this variable cert.pem, as this command makes them: openssl req -x509 -newkey ec \
             -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 365 -subj /CN=node \
             -addext subjectAltName={kind}:{name} -addext basicConstraints=critical,CA:FALSE"
        );
        return Err(VariableError::new(NAME, what, ""));
    }
    Ok(certificates)
}

/// Whether bytes have the outer form of an X.509 certificate (RFC 5280 §4.1): a sequence of a
/// sequence, a sequence and a bit string, and nothing after it. ureq passes over a certificate that
/// it can't read, so that a broken one would otherwise only show as a failing handshake.
fn is_certificate(der: &[u8]) -> bool {
    to_be_signed(der).is_some_and(|to_be_signed| to_be_signed.len() > 64)
}

/// Whether a certificate is that of the server at `host`, and a certificate authority's as well.
///
/// rustls takes such a certificate for an authority's, and refuses it from a server: each handshake would fail.
/// One that has only one of the two properties, or can't be read, is left to the handshake.
fn is_own_and_authority(der: &[u8], host: &str) -> bool {
    let is_own_and_authority = || {
        let mut is_authority = false;
        let mut is_own = false;
        let mut extensions = extensions(to_be_signed(der)?)?;
        while !extensions.is_empty() {
            let (id, mut value) = extension(&mut extensions)?;
            match id {
                BASIC_CONSTRAINTS => {
                    let mut constraints = element(&mut value, SEQUENCE)?;
                    is_authority |= element(&mut constraints, BOOLEAN).is_some_and(|ca| ca != [0]);
                }
                SUBJECT_ALT_NAME => {
                    let mut names = element(&mut value, SEQUENCE)?;
                    while !names.is_empty() {
                        let (tag, name) = any_element(&mut names)?;
                        is_own |= match tag {
                            DNS_NAME => is_name_of(name, host),
                            IP_ADDRESS => is_address_of(name, host),
                            _ => false,
                        };
                    }
                }
                _ => {}
            }
        }
        Some(is_authority && is_own)
    };
    is_own_and_authority().unwrap_or(false)
}

/// A `*` stands for the first label, and for nothing else.
fn is_name_of(name: &[u8], host: &str) -> bool {
    match (name.strip_prefix(b"*."), host.split_once('.')) {
        (Some(parent), Some((_, rest))) => parent.eq_ignore_ascii_case(rest.as_bytes()),
        _ => name.eq_ignore_ascii_case(host.as_bytes()),
    }
}

fn is_address_of(address: &[u8], host: &str) -> bool {
    match ip(host) {
        Some(IpAddr::V4(ip)) => ip.octets() == address,
        Some(IpAddr::V6(ip)) => ip.octets() == address,
        None => false,
    }
}

/// The address that a host is, where it is no name. An IPv6 address has brackets.
fn ip(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    fn certificate(is_ca: bool, names: &[&str]) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.is_ca = if is_ca {
            IsCa::Ca(BasicConstraints::Unconstrained)
        } else {
            IsCa::ExplicitNoCa
        };
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn only_an_authority_that_has_the_nodes_name_is_the_nodes_own() {
        let names = [
            "a.example",
            "Node.example.com",
            "*.wild.example",
            "10.0.0.7",
            "fd00::7",
        ];
        let (both, own, authority) = (
            certificate(true, &names),
            certificate(false, &names),
            certificate(true, &[]),
        );
        for (host, is_own) in [
            ("a.example", true),
            ("node.EXAMPLE.com", true),
            ("x.wild.example", true),
            ("10.0.0.7", true),
            ("[fd00::7]", true),
            ("[FD00:0::7]", true),
            ("wild.example", false),
            ("x.y.wild.example", false),
            ("b.example", false),
            ("example", false),
            ("10.0.0.8", false),
            ("[fd00::8]", false),
        ] {
            assert_eq!(is_own_and_authority(&both, host), is_own, "{host}");
            assert!(!is_own_and_authority(&own, host), "{host}");
            assert!(!is_own_and_authority(&authority, host), "{host}");
        }
    }

    /// The bytes are an operator's, so that a panic would be no loss of security, but it would say nothing.
    #[test]
    fn no_bytes_make_the_reader_panic() {
        let whole = certificate(true, &["node.example.com", "10.0.0.7"]);
        let read = |der: &[u8]| (is_certificate(der), is_own_and_authority(der, "10.0.0.7"));
        assert_eq!(read(&whole), (true, true));
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), (false, false), "{length}");
            // What is inside is read further than the outer form allows.
            let _ = extensions(&whole[length..]);
        }
        for at in 0..whole.len() {
            for byte in 0..=u8::MAX {
                let mut mutated = whole.clone();
                mutated[at] = byte;
                let _ = read(&mutated);
                mutated.remove(at);
                let _ = read(&mutated);
            }
        }
    }
}
