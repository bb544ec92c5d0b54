//! The configuration: environment variables, read once into typed values.
//!
//! [`VARIABLES`] lists all of ours. Short ones are read in this file; `address`, `headers` and `certificates`
//! have the long ones. An empty value counts as unset, since templates write it for a setting that is left alone.

mod address;
mod certificates;
mod headers;
mod names;
mod vars;

use std::time::Duration;

use ureq::tls::Certificate;

use crate::error::{Category, Error};
use crate::wire::Format;
use address::{Address, address};
use certificates::ca_certificates;
use headers::headers;
pub use names::VARIABLES;
use names::check_names;
use vars::{VariableError, Vars};

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

impl NodeConfig {
    /// Host and port, as a `Host` header has them.
    pub(crate) fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
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
        result.map_err(|error| Error::new(Category::Config, "read the configuration", error))
    }

    fn parse(vars: &[(String, String)]) -> Result<Self, VariableError> {
        let lookup = |name: &str| lookup(vars, name);
        let vars = Vars(&lookup);
        if lookup("X_LOG_LEVEL").is_some_and(|level| Level::parse(&level).is_none()) {
            return Err(VariableError::new(
                "X_LOG_LEVEL",
                "must be one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL",
                "INFO",
            ));
        }
        let format = vars.one_of(
            "X_NODE_FORMAT",
            &[("resend", Format::Resend), ("batch", Format::Batch)],
            Format::Resend,
        )?;
        let runtime_api = lookup("AWS_LAMBDA_RUNTIME_API").ok_or_else(|| {
            VariableError::new(
                "AWS_LAMBDA_RUNTIME_API",
                "is not set: this program is a Lambda function and runs only where Lambda, or an emulator of it, \
                 starts it",
                "127.0.0.1:9001",
            )
        })?;
        let Address {
            https,
            host,
            port,
            path,
        } = address(&vars, format)?;
        Ok(Self {
            runtime_api,
            node: NodeConfig {
                https,
                host,
                port,
                path,
                connections: vars.number("X_NODE_CONNECTIONS", 1..=64, 8)?,
                connect_timeout: vars.milliseconds("X_NODE_CONNECT_TIMEOUT_MS", 3_000)?,
                response_timeout: vars.milliseconds("X_NODE_TIMEOUT_MS", 10_000)?,
                down_after: vars.milliseconds("X_NODE_DOWN_AFTER_MS", 10_000)?,
                ca_certificates: ca_certificates(&vars)?,
            },
            wire: WireConfig {
                format,
                application_id: vars.number("X_WALLARM_APPLICATION_ID", i64::MIN..=i64::MAX, -1)?,
                headers: headers(&vars)?,
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

#[cfg(test)]
mod tests;
