//! What the bill is for.

use crate::local::error::CommandError;

/// The mean line of the bundled sample in the documented format, in bytes.
pub const DOCUMENTED_BYTES: f64 = 513.0;
/// The mean line of the same calls in the lean format of REST APIs, in bytes.
pub const LEAN_BYTES: f64 = 203.0;
/// Lines in an event that a subscription brings, unless one says something else.
pub const LINES_PER_EVENT: f64 = 107.0;
/// Calls a second that one Node carries, unless one says something else. Wallarm's documentation names 500
/// requests a second for a core of the NGINX Node. For the Native Node it publishes no number, and none was measured.
pub const NODE_RATE: f64 = 500.0;

/// The way of the lines to the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// A subscription of the log group.
    CloudWatch,
    /// API Gateway writes to a Firehose stream.
    Firehose,
    /// The subscription writes to a Kinesis stream.
    Kinesis,
}

/// The function's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// A short line, and nothing from the platform: metric filters count.
    Compact,
    /// A line with its metrics inside, and the platform's three lines.
    Metrics,
}

/// What is paid for beside the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// All that the Terraform configuration deploys.
    Terraform,
    /// The function alone: network, balancer and Node are paid for already.
    ExistingNode,
}

/// Everything that decides the bill, for a month.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Calls of the API.
    pub calls: f64,
    /// Bytes of a log line.
    pub line_bytes: f64,
    /// Bytes that are billed for a log event beside its line.
    pub event_overhead: f64,
    /// Lines in an event, or in a record of Kinesis. Firehose decides by itself.
    pub lines_per_event: f64,
    /// The part of the calls that is forwarded.
    pub share: f64,
    /// The way of the lines.
    pub via: Via,
    /// The function's own log.
    pub report: Report,
    /// What is paid for beside the traffic.
    pub layout: Layout,
    /// Days for which CloudWatch Logs keeps lines.
    pub retention_days: f64,
    /// What the Node takes for a message, in milliseconds.
    pub node_ms: f64,
    /// Calls a second that one Node carries.
    pub node_rate: f64,
    /// The busiest second as a multiple of the mean: shards are provisioned for it.
    pub peak: f64,
    /// GB a month through the NAT gateway.
    pub nat_gb: f64,
}

impl Plan {
    /// The defaults for a number of calls, with the report that has its metrics. The command chooses the report by
    /// the layout.
    #[must_use]
    pub fn new(calls: f64) -> Self {
        Self {
            calls,
            line_bytes: DOCUMENTED_BYTES,
            event_overhead: 0.0,
            lines_per_event: LINES_PER_EVENT,
            share: 1.0,
            via: Via::CloudWatch,
            report: Report::Metrics,
            layout: Layout::Terraform,
            retention_days: 30.0,
            node_ms: 1.0,
            node_rate: NODE_RATE,
            peak: 3.0,
            nat_gb: 0.0,
        }
    }

    /// # Errors
    ///
    /// Returns an error that names what contradicts what, or is out of its bounds.
    pub fn check(&self) -> Result<(), CommandError> {
        let default = Self::new(self.calls);
        let wrong = |text: &str| Err(CommandError::new(text));
        if self.calls < 1.0 {
            return wrong("--calls must be at least 1");
        }
        if self.calls > 1e15 {
            return wrong("--calls must be at most 1000000G");
        }
        if self.line_bytes < 1.0 || self.line_bytes > 1024.0 * 1024.0 {
            return wrong(
                "--line-bytes must be from 1 to 1048576: CloudWatch Logs accepts no longer line",
            );
        }
        if self.lines_per_event < 1.0 || self.lines_per_event > 10_000.0 {
            return wrong("--lines-per-event must be from 1 to 10000");
        }
        if self.share <= 0.0 || self.share > 1.0 {
            return wrong("--sample must be more than 0 and at most 1");
        }
        if self.retention_days < 1.0 || self.retention_days > 3653.0 {
            return wrong("--retention-days must be from 1 to 3653");
        }
        if self.node_rate <= 0.0 || self.peak < 1.0 {
            return wrong("--node-rate must be more than 0, and --peak at least 1");
        }
        if self.via == Via::Firehose && self.lines_per_event != default.lines_per_event {
            return wrong(
                "--lines-per-event contradicts --via firehose: its buffer decides, a megabyte or a minute",
            );
        }
        if self.via == Via::Firehose && self.event_overhead != 0.0 {
            return wrong("--event-overhead contradicts --via firehose: it is for CloudWatch Logs");
        }
        if self.via != Via::Kinesis && self.peak != default.peak {
            return wrong("--peak is only for --via kinesis: nothing else is provisioned for it");
        }
        if self.layout == Layout::ExistingNode
            && (self.node_rate != default.node_rate || self.nat_gb != default.nat_gb)
        {
            return wrong(
                "--node-rate and --nat-gb contradict --layout existing-node, which pays for no Node and no NAT gateway",
            );
        }
        Ok(())
    }
}

/// A number with an optional k, M or G, for a thousand, a million and a billion.
///
/// # Errors
///
/// Returns an error that says what is accepted.
pub fn quantity(text: &str) -> Result<f64, String> {
    let (digits, factor) = match text.char_indices().last() {
        Some((end, 'k')) => (&text[..end], 1e3),
        Some((end, 'M')) => (&text[..end], 1e6),
        Some((end, 'G')) => (&text[..end], 1e9),
        _ => (text, 1.0),
    };
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    let value: Option<f64> = digits.parse().ok().filter(|_| plain);
    value
        .map(|value| value * factor)
        .ok_or_else(|| "expected a number with k, M, G or nothing behind it, such as 100M".into())
}

/// A share: `0.01`, `1%` or `1/100`.
///
/// # Errors
///
/// Returns an error that says what is accepted.
pub fn share(text: &str) -> Result<f64, String> {
    let parts = match text.split_once('/') {
        Some((above, below)) => (quantity(above), quantity(below)),
        None => match text.strip_suffix('%') {
            Some(percent) => (quantity(percent), Ok(100.0)),
            None => (quantity(text), Ok(1.0)),
        },
    };
    match parts {
        (Ok(above), Ok(below)) if above > 0.0 && above <= below => Ok(above / below),
        _ => Err(
            "expected a share of more than nothing and at most all, such as 0.01, 1% or 1/100"
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, expected) in [
            ("1", Some(1.0)),
            ("100M", Some(1e8)),
            ("1.5k", Some(1500.0)),
            ("10G", Some(1e10)),
            ("", None),
            ("M", None),
            ("-1", None),
            ("1e9", None),
            ("10 billion", None),
            ("10m", None),
            ("inf", None),
            ("1..2", None),
            ("1é", None),
        ] {
            assert_eq!(quantity(text).ok(), expected, "{text}");
        }
        for (text, expected) in [
            ("1", Some(1.0)),
            ("0.01", Some(0.01)),
            ("1%", Some(0.01)),
            ("1/100", Some(0.01)),
            ("100%", Some(1.0)),
            ("0", None),
            ("2", None),
            ("1/0", None),
            ("101%", None),
            ("-1%", None),
            ("x", None),
        ] {
            assert_eq!(share(text).ok(), expected, "{text}");
        }
    }
}
