//! The configuration: environment variables, read once into typed values.
//!
//! [`VARIABLES`] lists all of ours. An empty value counts as unset, since templates write it for a
//! setting that is left alone.

use std::fmt;
use std::time::Duration;

use ureq::tls::{Certificate, PemItem, parse_pem};

use crate::error::{Category, Error};
use crate::http1::is_token;
use crate::wire::Format;
use crate::wire::resend::OWN_HEADERS;

/// Every variable that is ours, with what it is for in a few words. The README's table has the
/// same names in the same order.
pub const VARIABLES: [(&str, &str); 13] = [
    ("X_NODE_URL", "the Node's address"),
    ("X_NODE_SCHEME", "http or https"),
    (
        "X_WALLARM_APPLICATION_ID",
        "the application in the Node's view",
    ),
    ("X_NODE_FORMAT", "resend or batch"),
    ("X_NODE_CONNECTIONS", "connections at a time"),
    ("X_NODE_CONNECT_TIMEOUT_MS", "for a connection, with TLS"),
    ("X_NODE_TIMEOUT_MS", "for an answer"),
    (
        "X_NODE_DOWN_AFTER_MS",
        "without an answer, until a Node counts as down",
    ),
    ("X_NODE_HEADERS", "headers to add, as a JSON object"),
    (
        "X_NODE_CA_CERT",
        "certificates to trust, as PEM or a file's path",
    ),
    (
        "X_MAX_INFLATED_BYTES",
        "the most that an event may inflate to",
    ),
    ("X_STRIP_STAGE", "whether to take the stage off the path"),
    ("X_LOG_LEVEL", "the least level that is printed"),
];

/// What a function's environment says.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where the Runtime API is: host and port.
    pub(crate) runtime_api: String,
    /// How to reach the Node.
    pub(crate) node: NodeConfig,
    /// What is sent to the Node.
    pub(crate) wire: WireConfig,
    /// The most bytes that one event may inflate to.
    pub(crate) max_inflated_bytes: u64,
    /// What is printed.
    pub(crate) log: LogConfig,
}

/// How to reach the Node.
#[derive(Debug)]
pub(crate) struct NodeConfig {
    /// Whether to speak TLS.
    pub(crate) https: bool,
    /// The host, without the port.
    pub(crate) host: String,
    /// The port, where it is not the scheme's own.
    pub(crate) port: Option<u16>,
    /// The path that a batch is posted to.
    pub(crate) path: String,
    /// How many connections are open at a time, at most.
    pub(crate) connections: usize,
    /// How long it may take to connect, TLS included.
    pub(crate) connect_timeout: Duration,
    /// How long an answer may take.
    pub(crate) answer_timeout: Duration,
    /// For how long no exchange may succeed until the Node counts as down.
    pub(crate) down_after: Duration,
    /// Certificates to trust beside the built-in ones.
    pub(crate) ca_certificates: Vec<Certificate<'static>>,
}

/// What is sent to the Node.
#[derive(Debug)]
pub(crate) struct WireConfig {
    /// Which of the two formats.
    pub(crate) format: Format,
    /// The application id of Wallarm, -1 for the default one.
    pub(crate) application_id: i64,
    /// Headers to add to every message: sound names and values.
    pub(crate) headers: Vec<(String, String)>,
    /// Whether to take the stage off the path.
    pub(crate) strip_stage: bool,
}

/// What is printed.
#[derive(Debug, Clone)]
pub(crate) struct LogConfig {
    /// Lines below it are not printed.
    pub(crate) level: Level,
    /// Whether Lambda was told to keep logs as JSON (`AWS_LAMBDA_LOG_FORMAT`).
    pub(crate) json: bool,
    /// The function's name, the dimension of its metrics.
    pub(crate) function_name: String,
    /// The log group that this function writes to.
    pub(crate) log_group: Option<String>,
}

/// How grave a line is, as Lambda names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are Lambda's own")]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    const ALL: [Self; 6] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
        Self::Fatal,
    ];

    /// The name, in the case that Lambda filters by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(text))
    }
}

/// A variable whose value is no good.
#[derive(Debug)]
struct Fault {
    variable: String,
    what: String,
    example: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.variable, self.what)?;
        if !self.example.is_empty() {
            write!(f, "; for example {}={}", self.variable, self.example)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// The environment of this process. What is not UTF-8 in it is none of ours.
pub(crate) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The value of a variable that is set, and not empty.
pub(crate) fn lookup(vars: &[(String, String)], name: &str) -> Option<String> {
    vars.iter()
        .find(|(known, value)| known == name && !value.is_empty())
        .map(|(_, value)| value.clone())
}

impl LogConfig {
    /// What can be known even where the rest of the configuration is wrong, so that an error in it
    /// can be printed in the right form.
    pub(crate) fn from_vars(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let level = |name| lookup(name).and_then(|text: String| Level::parse(&text));
        Self {
            level: level("X_LOG_LEVEL")
                .or_else(|| level("AWS_LAMBDA_LOG_LEVEL"))
                .unwrap_or(Level::Info),
            json: lookup("AWS_LAMBDA_LOG_FORMAT")
                .is_some_and(|format| format.eq_ignore_ascii_case("json")),
            function_name: lookup("AWS_LAMBDA_FUNCTION_NAME")
                .unwrap_or_else(|| "unknown".to_string()),
            log_group: lookup("AWS_LAMBDA_LOG_GROUP_NAME"),
        }
    }
}

impl Config {
    /// Reads the variables of a function.
    ///
    /// # Errors
    ///
    /// Where one of ours is wrong, missing, or nearly one of ours but not quite. The text names
    /// the variable, what is wrong with it, and an example.
    pub(crate) fn from_vars(vars: &[(String, String)]) -> Result<Self, Error> {
        let result = check_names(vars).and_then(|()| Self::parse(vars));
        result.map_err(|fault| Error::new(Category::Config, "read the configuration", fault))
    }

    fn parse(vars: &[(String, String)]) -> Result<Self, Fault> {
        let lookup = |name: &str| lookup(vars, name);
        let vars = Vars(&lookup);
        if lookup("X_LOG_LEVEL").is_some_and(|level| Level::parse(&level).is_none()) {
            return Err(fault(
                "X_LOG_LEVEL",
                "is none of TRACE, DEBUG, INFO, WARN, ERROR and FATAL",
                "INFO",
            ));
        }
        let format = vars.one_of(
            "X_NODE_FORMAT",
            &[("resend", Format::Resend), ("batch", Format::Batch)],
            Format::Resend,
        )?;
        Ok(Self {
            runtime_api: lookup("AWS_LAMBDA_RUNTIME_API").ok_or_else(|| {
                fault(
                    "AWS_LAMBDA_RUNTIME_API",
                    "is not set: this program is a Lambda function and runs only where Lambda, \
                     or an emulator of it, starts it",
                    "127.0.0.1:9001",
                )
            })?,
            node: vars.node(format)?,
            wire: WireConfig {
                format,
                application_id: vars.number("X_WALLARM_APPLICATION_ID", i64::MIN..=i64::MAX, -1)?,
                headers: vars.headers()?,
                strip_stage: vars.one_of(
                    "X_STRIP_STAGE",
                    &[("true", true), ("1", true), ("false", false), ("0", false)],
                    false,
                )?,
            },
            max_inflated_bytes: vars.number(
                "X_MAX_INFLATED_BYTES",
                1024..=1 << 40,
                128 * 1024 * 1024,
            )?,
            log: LogConfig::from_vars(lookup),
        })
    }
}

/// The variables, and how their values are read.
struct Vars<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Vars<'_> {
    fn one_of<T: Copy>(
        &self,
        name: &'static str,
        values: &[(&'static str, T)],
        default: T,
    ) -> Result<T, Fault> {
        let Some(text) = (self.0)(name) else {
            return Ok(default);
        };
        let found = values
            .iter()
            .find(|(known, _)| text.eq_ignore_ascii_case(known));
        found.map(|&(_, value)| value).ok_or_else(|| {
            let known: Vec<_> = values.iter().map(|&(known, _)| known).collect();
            fault(
                name,
                format!("is none of {}", known.join(", ")),
                values[0].0,
            )
        })
    }

    fn number<T>(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<T>,
        default: T,
    ) -> Result<T, Fault>
    where
        T: std::str::FromStr + PartialOrd + fmt::Display,
    {
        let Some(text) = (self.0)(name) else {
            return Ok(default);
        };
        let number = text
            .trim()
            .parse()
            .ok()
            .filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let what = format!(
                "is no whole number from {} to {}",
                range.start(),
                range.end()
            );
            fault(
                name,
                what,
                if name.ends_with("ID") { "-1" } else { "10000" },
            )
        })
    }

    fn milliseconds(&self, name: &'static str, default: u64) -> Result<Duration, Fault> {
        self.number(name, 1..=900_000, default)
            .map(Duration::from_millis)
    }

    fn node(&self, format: Format) -> Result<NodeConfig, Fault> {
        const URL: &str = "X_NODE_URL";
        const EXAMPLE: &str = "node.example.com:5050";
        let url = (self.0)(URL).ok_or_else(|| {
            fault(
                URL,
                "is not set: it is the address of the Native Node",
                EXAMPLE,
            )
        })?;
        let scheme = self.one_of(
            "X_NODE_SCHEME",
            &[("https", Some(true)), ("http", Some(false))],
            None,
        )?;
        let lower = url.to_ascii_lowercase();
        let (in_url, rest) = if lower.starts_with("https://") {
            (Some(true), &url["https://".len()..])
        } else if lower.starts_with("http://") {
            (Some(false), &url["http://".len()..])
        } else if url.contains("://") {
            return Err(fault(
                URL,
                "has a scheme that is neither http nor https",
                EXAMPLE,
            ));
        } else {
            (None, &url[..])
        };
        if in_url.is_some() && scheme.is_some() && in_url != scheme {
            return Err(fault(
                URL,
                "has another scheme than X_NODE_SCHEME: remove one of the two",
                EXAMPLE,
            ));
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        if path != "/" && format == Format::Resend {
            return Err(fault(
                URL,
                "has a path, which the format resend can't use: it sends each call with its own",
                EXAMPLE,
            ));
        }
        if !path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
        {
            return Err(fault(
                URL,
                "has a path with a character that no URL has",
                EXAMPLE,
            ));
        }
        let (host, port) = host_and_port(authority).ok_or_else(|| {
            fault(
                URL,
                "is no host name or address, possibly with a port",
                EXAMPLE,
            )
        })?;
        // `resend` repeats every call, DELETE included: it must not reach a real API.
        if host
            .to_ascii_lowercase()
            .split('.')
            .any(|label| label.starts_with("execute-api"))
        {
            return Err(fault(
                URL,
                "is an endpoint of API Gateway: every logged call would be made there once more; \
                 it has to be the Native Node's address",
                EXAMPLE,
            ));
        }
        Ok(NodeConfig {
            https: in_url.or(scheme).unwrap_or(true),
            host,
            port,
            path: path.to_string(),
            connections: self.number("X_NODE_CONNECTIONS", 1..=64, 8)?,
            connect_timeout: self.milliseconds("X_NODE_CONNECT_TIMEOUT_MS", 3_000)?,
            answer_timeout: self.milliseconds("X_NODE_TIMEOUT_MS", 10_000)?,
            down_after: self.milliseconds("X_NODE_DOWN_AFTER_MS", 10_000)?,
            ca_certificates: self.ca_certificates()?,
        })
    }

    fn headers(&self) -> Result<Vec<(String, String)>, Fault> {
        const NAME: &str = "X_NODE_HEADERS";
        const EXAMPLE: &str = r#"{"X-Team":"payments"}"#;
        let Some(text) = (self.0)(NAME) else {
            return Ok(Vec::new());
        };
        let headers: std::collections::BTreeMap<String, String> = serde_json::from_str(&text)
            .map_err(|_| fault(NAME, "is no JSON object of texts", EXAMPLE))?;
        for (name, value) in &headers {
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(fault(NAME, "has a name that no header can have", EXAMPLE));
            }
            if value.bytes().any(|byte| byte.is_ascii_control()) {
                let what = format!("has a control character in the value of {name}");
                return Err(fault(NAME, what, EXAMPLE));
            }
            if OWN_HEADERS.iter().any(|own| is(own))
                || [
                    "connection",
                    "transfer-encoding",
                    "trailer",
                    "te",
                    "upgrade",
                    "expect",
                ]
                .iter()
                .any(|framing| is(framing))
            {
                let what = format!("sets {name}, which is this function's own business");
                return Err(fault(NAME, what, EXAMPLE));
            }
        }
        Ok(headers.into_iter().collect())
    }

    fn ca_certificates(&self) -> Result<Vec<Certificate<'static>>, Fault> {
        const NAME: &str = "X_NODE_CA_CERT";
        const EXAMPLE: &str = "/var/task/ca.pem";
        // A line end can't stand in every console's field, so that `\n` is taken for one.
        let Some(text) = (self.0)(NAME) else {
            return Ok(Vec::new());
        };
        let pem = if text.contains("-----BEGIN") {
            text.replace("\\n", "\n").into_bytes()
        } else {
            std::fs::read(text.trim()).map_err(|error| {
                let what = format!("is no PEM text, and no file that can be read: {error}");
                fault(NAME, what, EXAMPLE)
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
                    return Err(fault(NAME, what, EXAMPLE));
                }
                Ok(_) => {
                    return Err(fault(
                        NAME,
                        "holds something that is no certificate, such as a private key",
                        EXAMPLE,
                    ));
                }
            }
        }
        if certificates.is_empty() {
            return Err(fault(NAME, "holds no certificate", EXAMPLE));
        }
        Ok(certificates)
    }
}

fn fault(variable: &str, what: impl Into<String>, example: &'static str) -> Fault {
    Fault {
        variable: variable.to_string(),
        what: what.into(),
        example,
    }
}

/// Refuses a name that is nearly one of ours: a typo would silently leave the default in force.
fn check_names(vars: &[(String, String)]) -> Result<(), Fault> {
    for (name, _) in vars {
        if VARIABLES.iter().any(|(known, _)| known == name) {
            continue;
        }
        let upper = name.to_ascii_uppercase();
        let is_ours = ["X_NODE_", "X_WALLARM_"]
            .iter()
            .any(|family| upper.starts_with(family));
        let farthest = match upper.starts_with("X_") {
            _ if is_ours => usize::MAX,
            true => 4,
            false => 2,
        };
        let nearest = VARIABLES
            .iter()
            .map(|&(known, _)| known)
            .filter(|known| least_distance(&upper, known) <= farthest)
            .map(|known| (distance(&upper, known), known))
            .min();
        if let Some((distance, known)) = nearest
            && distance <= farthest
        {
            let what = format!("is no variable of this function; did you mean {known}?");
            return Err(fault(name, what, ""));
        }
    }
    Ok(())
}

/// No more than the [`distance`], and soon known: to put in or to take out a letter that the other name
/// has nowhere takes an edit each. Lambda sets some thirty variables, and their distances from each of
/// ours were most of the instructions until the first `/next`: 2.1 of 2.7 million.
fn least_distance(a: &str, b: &str) -> usize {
    let letters = |name: &str| {
        let bytes = name.bytes();
        bytes.fold(0_u64, |set, byte| set | 1 << (byte % 64))
    };
    let (a, b) = (letters(a), letters(b));
    (a & !b).count_ones().max((b & !a).count_ones()) as usize
}

/// How many letters have to be put in, taken out or changed to make one name of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Splits `host[:port]`, where the host may be an IPv6 address in brackets.
fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = match port {
        Some(port) => Some(port.parse::<u16>().ok().filter(|&port| port > 0)?),
        None => None,
    };
    let is_address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    let is_name = (1..=253).contains(&host.len())
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
    (is_address || is_name).then(|| (host.to_string(), port))
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

#[cfg(test)]
mod tests;
