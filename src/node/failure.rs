//! Why there is no response from the Node, in words that say what to do.

use std::fmt;
use std::io::{self, ErrorKind};

use crate::http1::HttpError;

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// A response did not come in time.
    Timeout,
    ConnectTimeout,
    /// A connection was made, and no TLS came of it in time.
    HandshakeTimeout,
    /// Nothing listens there.
    ConnectionRefused,
    /// The Node's name has no address.
    LookUp(String),
    Closed,
    /// The certificate, or another part of the handshake.
    Tls(String),
    Io(String),
    Http(HttpError),
    /// Bytes came where plain HTTP was expected that TLS begins with.
    TlsInPlain,
    /// A response that no message had asked for.
    Surplus,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("timed out: there was no response in X_NODE_TIMEOUT_MS"),
            Self::ConnectTimeout => f.write_str(
                "timed out: no connection in X_NODE_CONNECT_TIMEOUT_MS; check the port in X_NODE_URL, routes and \
                 security groups",
            ),
            Self::HandshakeTimeout => f.write_str(
                "timed out: the connection was made, but no TLS in X_NODE_CONNECT_TIMEOUT_MS; if the Node speaks plain \
                 HTTP there: is X_NODE_SCHEME=http?",
            ),
            Self::ConnectionRefused => f.write_str(
                "nothing listens at the Node's address and port; check the port in X_NODE_URL, and whether the Node \
                 runs",
            ),
            Self::LookUp(why) => write!(
                f,
                "the look-up of the Node's name failed: {why}; check the name in X_NODE_URL, and the function's DNS"
            ),
            Self::Closed => f.write_str("the connection was closed"),
            Self::Tls(error) => match fix_of_tls(error) {
                Some(fix) => write!(f, "{fix} ({error})"),
                None => f.write_str(error),
            },
            Self::Io(error) => f.write_str(error),
            Self::Http(error) => error.fmt(f),
            Self::TlsInPlain => f.write_str("expected plain HTTP, got TLS: is X_NODE_SCHEME=https?"),
            Self::Surplus => f.write_str(
                "the Node sent a response that no message had asked for, so that none before it can be trusted",
            ),
        }
    }
}

/// What an error of rustls means here, and what to do. The words are rustls' own.
const FIXES_OF_TLS: [(&str, &str); 6] = [
    (
        "CaUsedAsEndEntity",
        "the Node's certificate is one of an authority (CA:TRUE), which no server may use: make it again with openssl's \
         option -addext basicConstraints=critical,CA:FALSE",
    ),
    (
        "InvalidContentType",
        "expected TLS, got plain HTTP: is X_NODE_SCHEME=http?",
    ),
    (
        "UnknownIssuer",
        "the Node's certificate comes from an authority that is not trusted: set X_NODE_CA_CERT to the authority's \
         certificate",
    ),
    (
        "not valid for name",
        "the Node's certificate is for another name than the one in X_NODE_URL",
    ),
    ("not valid yet", "the Node's certificate is not valid yet"),
    ("certificate expired", "the Node's certificate has expired"),
];

/// What the error means, and what to do, where it is known.
pub(crate) fn fix_of_tls(error: &str) -> Option<&'static str> {
    let mut fixes = FIXES_OF_TLS.iter();
    let fix = fixes.find(|(name, _)| error.contains(name));
    fix.map(|&(_, fix)| fix)
}

impl Failure {
    /// Why no TCP connection was made.
    #[cold]
    pub(super) fn of_connect(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::ConnectTimeout,
            // The system's own words would be "connection refused", and a refusal is the Node's response to a
            // record.
            ErrorKind::ConnectionRefused => Self::ConnectionRefused,
            _ => Self::from(ureq::Error::Io(error)),
        }
    }

    /// Why there is no TLS.
    #[cold]
    pub(super) fn of_handshake(error: ureq::Error) -> Self {
        match Self::from(error) {
            Self::Timeout => Self::HandshakeTimeout,
            failure => failure,
        }
    }

    /// What bytes mean that are no response, where these were the connection's first.
    #[cold]
    pub(super) fn of_bytes(error: HttpError, first: [u8; 2]) -> Self {
        // A TLS server responds to plain HTTP with an alert (RFC 8446 §5.1): its type, and the version's first byte.
        match first {
            [0x15, 0x03] => Self::TlsInPlain,
            _ => Self::Http(error),
        }
    }
}

impl From<ureq::Error> for Failure {
    #[cold]
    fn from(error: ureq::Error) -> Self {
        match &error {
            ureq::Error::Timeout(_) => Self::Timeout,
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => Self::Tls(error.to_string()),
            ureq::Error::Io(io) => match io.kind() {
                // The handshake wraps rustls' errors so.
                ErrorKind::InvalidData => Self::Tls(error.to_string()),
                ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Timeout,
                ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof => Self::Closed,
                _ => Self::Io(error.to_string()),
            },
            _ => Self::Io(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_is_told() {
        let tls = |text: &str| Failure::Tls(text.to_string());
        for (failure, expected) in [
            (
                tls("io: received corrupt message of type InvalidContentType"),
                "expected TLS, got plain HTTP: is X_NODE_SCHEME=http?",
            ),
            (
                tls("io: invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))"),
                "CA:FALSE",
            ),
            (
                tls("io: invalid peer certificate: UnknownIssuer"),
                "X_NODE_CA_CERT",
            ),
            (
                tls("io: invalid peer certificate: certificate expired: verification time 2"),
                "the Node's certificate has expired",
            ),
            (
                tls("io: invalid peer certificate: certificate not valid yet: verification time 2"),
                "the Node's certificate is not valid yet",
            ),
            (
                tls("io: invalid peer certificate: certificate not valid for name \"a\""),
                "for another name than the one in X_NODE_URL",
            ),
            (tls("io: something else"), "io: something else"),
            (
                Failure::of_bytes(HttpError::StatusLine, [0x15, 3]),
                "is X_NODE_SCHEME=https?",
            ),
            (
                Failure::of_bytes(HttpError::StatusLine, *b"SS"),
                "status line",
            ),
            (
                Failure::of_connect(ErrorKind::ConnectionRefused.into()),
                "nothing listens at",
            ),
            (
                Failure::of_connect(ErrorKind::TimedOut.into()),
                "X_NODE_CONNECT_TIMEOUT_MS",
            ),
        ] {
            let text = failure.to_string();
            assert!(text.contains(expected), "{text}");
        }
    }
}
