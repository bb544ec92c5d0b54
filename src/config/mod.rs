//! The configuration: environment variables, read once into typed values.
//!
//! [`VARIABLES`] lists all of ours. Short ones are read in this file; `address`, `headers`, `hosts`, `sample` and
//! `certificates` have the long ones. An empty value counts as unset, since templates write it for a setting that is
//! left alone.

mod address;
mod certificates;
pub(crate) mod der;
mod headers;
mod hosts;
mod members;
mod names;
mod sample;
mod vars;

use std::time::Duration;

use ureq::tls::Certificate;

use crate::error::{Category, Error};
use crate::sampler::Rule;
use crate::wire::Format;
use address::address;
use certificates::ca_certificates;
use headers::{header_names, headers};
pub(crate) use hosts::DefaultHosts;
use hosts::default_hosts;
pub use names::VARIABLES;
use names::{Mistyped, mistyped_names, overlooked_names};
use sample::sample;
use vars::{Problems, VariableError, Vars};

/// What a function's environment says.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where the Runtime API is: host and port.
    pub(crate) runtime_api: String,
    /// How to reach the Node.
    pub(crate) node: NodeConfig,
    /// What is sent to the Node.
    pub(crate) wire: WireConfig,
    /// The hosts of lines that log none.
    pub(crate) default_hosts: DefaultHosts,
    /// The region that this function runs in.
    pub(crate) region: Option<String>,
    /// The most bytes that one event may inflate to.
    pub(crate) max_inflated_bytes: u64,
    /// Whether a record of Firehose that was forwarded whole is answered `Dropped`.
    pub(crate) drops_firehose_records: bool,
    /// Which calls are forwarded, where not all of them are.
    pub(crate) sample: Option<Rule>,
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
    /// How long a response may take.
    pub(crate) response_timeout: Duration,
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
    /// Headers to add to every message: valid names and values.
    pub(crate) headers: Vec<(String, String)>,
    /// Our names of headers that go under another one, and that name.
    pub(crate) header_names: Vec<(String, String)>,
    /// Whether to take the stage off the path.
    pub(crate) strip_stage: bool,
    /// Whether to send a path's template in its place.
    pub(crate) sends_template_paths: bool,
}

/// What is printed.
#[derive(Debug, Clone)]
pub(crate) struct LogConfig {
    /// Lines below it are not printed.
    pub(crate) level: Level,
    /// Whether Lambda was told to keep logs as JSON (`AWS_LAMBDA_LOG_FORMAT`).
    pub(crate) json: bool,
    /// Whether an invocation's line has no zeros and makes no metrics.
    pub(crate) is_compact: bool,
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

    #[inline(never)]
    fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(text))
    }
}

/// The environment of this process. What is not UTF-8 in it is none of ours.
pub(crate) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The value of a variable that is set, and not empty.
#[inline(never)]
pub(crate) fn lookup(vars: &[(String, String)], name: &str) -> Option<String> {
    vars.iter()
        .find(|(known, value)| known == name && !value.is_empty())
        .map(|(_, value)| value.clone())
}

impl NodeConfig {
    /// Host and port, as a `Host` header has them.
    pub(crate) fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// Scheme, host and port.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    /// Host and port, as a socket is connected to them: an IPv6 address has no brackets.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let default_port = if self.https { 443 } else { 80 };
        (host, self.port.unwrap_or(default_port))
    }
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
            is_compact: Vars(&lookup)
                .one_of(REPORT_LINE, &REPORT_LINES, false)
                .unwrap_or(false),
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
    /// Where some of ours are wrong, missing, or nearly ours but not quite. The text names each of these
    /// variables, what is wrong with it, and an example.
    pub(crate) fn from_vars(vars: &[(String, String)]) -> Result<Self, Error> {
        Self::parse(vars)
            .map_err(|problems| Error::new(Category::Config, "read the configuration", problems))
    }

    /// A warning of variables that are not read, and may be meant for this function.
    pub(crate) fn warning(vars: &[(String, String)]) -> Option<Error> {
        let names = overlooked_names(vars)?;
        Some(Error::new(Category::Config, "read every variable", names))
    }

    fn parse(vars: &[(String, String)]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mistyped = mistyped_names(vars);
        for &Mistyped { name, meant, .. } in &mistyped {
            let what = format!("is not a variable of this function; did you mean {meant}?");
            problems.push(VariableError::new(name.to_string(), what, ""));
        }
        // What follows from a mistyped name is not told as well: the value that is meant is not known.
        let is_mistyped = |name| {
            mistyped
                .iter()
                .any(|mistyped| mistyped.is_near && mistyped.meant == name)
        };

        let lookup = |name: &str| lookup(vars, name);
        let vars = Vars(&lookup);
        let runtime_api = problems.value(lookup("AWS_LAMBDA_RUNTIME_API").ok_or_else(|| {
            VariableError::new(
                "AWS_LAMBDA_RUNTIME_API",
                "is not set: this program is a Lambda function and runs only where Lambda, or an emulator of it, \
                 starts it",
                "127.0.0.1:9001",
            )
        }));
        let scheme = problems.value(vars.one_of(
            "X_NODE_SCHEME",
            &[("https", Some(true)), ("http", Some(false))],
            None,
        ));
        let format = problems.value(vars.one_of(
            "X_NODE_FORMAT",
            &[("resend", Format::Resend), ("batch", Format::Batch)],
            Format::Resend,
        ));
        let format = format.filter(|_| !is_mistyped("X_NODE_FORMAT"));
        let address = match lookup("X_NODE_URL") {
            None if is_mistyped("X_NODE_URL") => None,
            url => problems.value(address(url.as_deref(), scheme.flatten(), format)),
        };
        let application_id =
            problems.value(vars.number("X_WALLARM_APPLICATION_ID", i64::MIN..=i64::MAX, -1));
        let connections = problems.value(vars.number("X_NODE_CONNECTIONS", 1..=64, 8));
        let connect_timeout = problems.value(vars.milliseconds("X_NODE_CONNECT_TIMEOUT_MS", 3_000));
        let is_timeout_mistyped = is_mistyped(RESPONSE_TIMEOUT) || is_mistyped(DOWN_AFTER);
        let timeouts = timeouts(&vars, is_timeout_mistyped, &mut problems);
        let headers = problems.value(headers(&vars));
        let added = headers.as_deref().unwrap_or_default();
        let header_names = problems.value(header_names(&vars, added));
        let ca_certificates = problems.value(ca_certificates(&vars, address.as_ref()));
        let max_inflated_bytes =
            problems.value(vars.number("X_MAX_INFLATED_BYTES", 1024..=1 << 40, 128 * 1024 * 1024));
        let strip_stage = problems.value(vars.one_of(
            "X_STRIP_STAGE",
            &[("true", true), ("1", true), ("false", false), ("0", false)],
            false,
        ));
        let sends_template_paths =
            problems.value(vars.one_of("X_PATH", &[("template", true), ("path", false)], false));
        let default_hosts = problems.value(default_hosts(&vars, address.as_ref()));
        let drops_firehose_records = problems.value(vars.one_of(
            "X_FIREHOSE_RESULT",
            &[("ok", false), ("dropped", true)],
            false,
        ));
        problems.value(vars.one_of(REPORT_LINE, &REPORT_LINES, false));
        let sample = problems.value(sample(&vars));
        if lookup("X_LOG_LEVEL").is_some_and(|level| Level::parse(&level).is_none()) {
            problems.push(VariableError::new(
                "X_LOG_LEVEL",
                "must be one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL",
                "INFO",
            ));
        }

        // What is missing here has its error among the problems.
        let config = || {
            let address = address?;
            let (response_timeout, down_after) = timeouts?;
            Some(Self {
                runtime_api: runtime_api?,
                node: NodeConfig {
                    https: address.https,
                    host: address.host,
                    port: address.port,
                    path: address.path,
                    connections: connections?,
                    connect_timeout: connect_timeout?,
                    response_timeout,
                    down_after,
                    ca_certificates: ca_certificates?,
                },
                wire: WireConfig {
                    format: format?,
                    application_id: application_id?,
                    headers: headers?,
                    header_names: header_names?,
                    strip_stage: strip_stage?,
                    sends_template_paths: sends_template_paths?,
                },
                default_hosts: default_hosts?,
                region: lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION")),
                max_inflated_bytes: max_inflated_bytes?,
                drops_firehose_records: drops_firehose_records?,
                sample: sample?,
                log: LogConfig::from_vars(lookup),
            })
        };
        match config() {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(problems),
        }
    }
}

const REPORT_LINE: &str = "X_REPORT_LINE";
const REPORT_LINES: [(&str, bool); 2] = [("metrics", false), ("compact", true)];

const RESPONSE_TIMEOUT: &str = "X_NODE_TIMEOUT_MS";
const DOWN_AFTER: &str = "X_NODE_DOWN_AFTER_MS";

/// How long a response may take, and for how long no exchange may succeed until the Node counts as down.
///
/// The second is not shorter than the first, or a single slow response would have the Node count as down. Where
/// one of the names is mistyped, the two are not compared.
fn timeouts(
    vars: &Vars<'_>,
    is_mistyped: bool,
    problems: &mut Problems,
) -> Option<(Duration, Duration)> {
    const DEFAULT: u64 = 10_000;
    let response_timeout = vars.milliseconds(RESPONSE_TIMEOUT, DEFAULT);
    let down_after = vars.milliseconds(DOWN_AFTER, DEFAULT);
    match (response_timeout, down_after) {
        (Ok(response_timeout), Ok(down_after)) if down_after < response_timeout && !is_mistyped => {
            let least = response_timeout.as_millis();
            let mut what = format!("must be at least {RESPONSE_TIMEOUT}, which is {least} here");
            if vars.get(RESPONSE_TIMEOUT).is_none() {
                what += ", its default";
            } else if vars.get(DOWN_AFTER).is_none() {
                what = format!("is {DEFAULT} by default, and {what}");
            }
            problems.push(VariableError::new(DOWN_AFTER, what, least.to_string()));
            None
        }
        (Ok(response_timeout), Ok(down_after)) => Some((response_timeout, down_after)),
        // An example has to agree with the other value.
        (Ok(response_timeout), Err(error)) => {
            let example = response_timeout.as_millis().max(DEFAULT.into());
            problems.push(error.with_example(example.to_string()));
            None
        }
        (Err(error), Ok(down_after)) => {
            let example = down_after.as_millis().min(DEFAULT.into());
            problems.push(error.with_example(example.to_string()));
            None
        }
        (Err(first), Err(second)) => {
            problems.push(first);
            problems.push(second);
            None
        }
    }
}

#[cfg(test)]
mod tests;
