//! What the function says of itself: one line for an invocation, and a line for what goes wrong
//! outside of one. The only module that prints.
//!
//! The invocation's line is a document of CloudWatch's Embedded Metric Format (DESIGN.md, "Embedded Metric Format")
//! and a structured log line at the same time. Where metric filters make the metrics, it is compact: the same members
//! without that block and without zeros (DESIGN.md, "The compact line"). Nothing of a log line that was read, and so
//! nothing that a stranger wrote, is ever printed. The names of log groups and streams are the operator's own.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, PipeWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex, TryLockError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::account::{Account, Group, Waited};
use crate::config::{Level, LogConfig};
use crate::error::{Category, Error};
use crate::groups::Findings;
use crate::record::Lacks;
use crate::time::rfc3339;

/// Of how many log groups one line tells what their formats lack.
const MAX_HINTS: usize = 8;

/// The namespace of the metrics.
const NAMESPACE: &str = "CwResend";

/// What to set as the stage's log format where its lines are no JSON.
const FORMAT: &str = "set the stage's access-log format to JSON with at least \
{ \"requestId\": \"$context.requestId\", \"httpMethod\": \"$context.httpMethod\", \"path\": \
\"$context.path\", \"status\": \"$context.status\", \"domainName\": \"$context.domainName\", \
\"stage\": \"$context.stage\", \"sourceIp\": \"$context.identity.sourceIp\", \"userAgent\": \
\"$context.identity.userAgent\", \"responseLatency\": \"$context.responseLatency\" }";

/// What to do about a format that lacks this: just that, since other tools may read the same lines.
pub(crate) fn advice(lacks: Lacks) -> String {
    let mut text = format_advice(lacks);
    if lacks.is_of_the_whole() {
        return text;
    }
    if lacks.has(Lacks::HOST_BUT_DEFAULT) {
        text += ", or set X_DEFAULT_HOST for lines without a host";
    }
    if lacks.has(Lacks::PATH_BUT_TEMPLATE) {
        text += ", or set X_PATH=template to send the route's template in place of a path";
    }
    text
}

/// What to change in a format that lacks this, whatever the settings.
pub(crate) fn format_advice(lacks: Lacks) -> String {
    if lacks.has(Lacks::JSON) {
        return format!("lines are no JSON (CLF, CSV, XML or text): {FORMAT}");
    }
    let quotes = [
        (Lacks::DOUBLE_QUOTES, "have single quotes"),
        (Lacks::QUOTES, "have no quotes"),
    ];
    if let Some((_, quotes)) = quotes.iter().find(|(what, _)| lacks.has(*what)) {
        return format!(
            "the names in the stage's access-log format {quotes}: put names and values in double quotes"
        );
    }
    let mut text = "append ".to_string();
    let mut is_first = true;
    for (what, name) in [
        (Lacks::HOST, "domainName"),
        (Lacks::PATH, "path"),
        (Lacks::METHOD, "httpMethod"),
    ] {
        if lacks.has(what) {
            let separator = if is_first { "" } else { ", " };
            text += &format!("{separator}\"{name}\": \"$context.{name}\"");
            is_first = false;
        }
    }
    text + " to the stage's access-log format"
}

/// A name that the operator, or whoever may write to a queue, has given to a log group or a stream.
fn printable(name: &str) -> String {
    /// That of CloudWatch.
    const MAX_NAME: usize = 512;
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    name.chars().take(MAX_NAME).map(printable).collect()
}

/// One invocation.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) account: &'a Account,
    pub(crate) duration: Duration,
    pub(crate) is_cold_start: bool,
    /// What the event says of its log groups.
    pub(crate) findings: Findings<'a>,
    /// Why the event has failed as a whole.
    pub(crate) error: Option<&'a Error>,
    /// When Lambda ends the invocation: its result must not wait for the line.
    pub(crate) deadline: Instant,
}

/// Prints lines.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    config: LogConfig,
    output: Arc<Mutex<Output>>,
}

/// An object of JSON, written member by member: what is in a line depends on its form.
#[derive(Default)]
struct Object(String);

impl Object {
    /// A member whose value is JSON.
    #[inline(never)]
    fn json(&mut self, name: &str, json: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        for part in ["\"", name, "\":", json] {
            self.0.push_str(part);
        }
    }

    #[inline(never)]
    fn text(&mut self, name: &str, text: &str) {
        self.json(name, &quoted(text));
    }

    #[inline(never)]
    fn number(&mut self, name: &str, number: u64) {
        self.json(name, &number.to_string());
    }

    /// A number that is left out where it is zero.
    fn some(&mut self, name: &str, number: u64) {
        if number > 0 {
            self.number(name, number);
        }
    }

    /// Seconds as milliseconds, to the microsecond.
    fn milliseconds(&mut self, name: &str, seconds: f64) {
        let number = (seconds * 1e6).round() / 1e3;
        let number = serde_json::to_string(&number).expect("JSON holds every number");
        self.json(name, &number);
    }

    /// Counts by their names, which are left out where there are none.
    fn counts(&mut self, name: &str, counts: Self) {
        if !counts.0.is_empty() {
            self.json(name, &counts.end());
        }
    }

    fn end(mut self) -> String {
        self.0.push_str(if self.0.is_empty() { "{}" } else { "}" });
        self.0
    }
}

impl From<BTreeMap<&'static str, u64>> for Object {
    fn from(counts: BTreeMap<&'static str, u64>) -> Self {
        let mut object = Self::default();
        for (name, count) in counts {
            object.number(name, count);
        }
        object
    }
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("JSON holds every text")
}

/// Each metric is billed by the month, so that there are few: reasons, statuses and log groups are for a query
/// over the log lines. The last two are not in each line: an event without an exchange has no latency.
static METRICS: [(&str, &str); 8] = [
    ("recordsReceived", "Count"),
    ("recordsForwarded", "Count"),
    ("recordsRefused", "Count"),
    ("recordsSkipped", "Count"),
    ("recordsUndelivered", "Count"),
    ("retries", "Count"),
    ("nodeLatencyMs", "Milliseconds"),
    ("logGroupsMostlySkipped", "Count"),
];

/// The block that has CloudWatch make metrics of the line's own members.
fn embedded_metrics(unix: Duration, is_absent: impl Fn(&str) -> bool) -> String {
    let mut text = format!(
        r#"{{"Timestamp":{},"CloudWatchMetrics":[{{"Namespace":"{NAMESPACE}","Dimensions":[["functionName"]],"Metrics":["#,
        unix.as_millis()
    );
    for (index, (name, unit)) in METRICS.iter().enumerate() {
        if !is_absent(name) {
            text.push_str(if index > 0 { "," } else { "" });
            for part in [r#"{"Name":""#, name, r#"","Unit":""#, unit, r#""}"#] {
                text.push_str(part);
            }
        }
    }
    text + "]}]}"
}

impl Log {
    pub(crate) fn new(config: LogConfig) -> Self {
        Self {
            config,
            output: Arc::default(),
        }
    }

    /// Prints the line of an invocation.
    pub(crate) fn report(&self, report: &Report<'_>) {
        let level = report.level();
        if level >= self.config.level {
            let left = report.deadline.saturating_duration_since(Instant::now());
            let now = SystemTime::now();
            let line = match &report.account.waited {
                Some(waited) => wait_line(report, waited, level, now),
                None => self.report_line(report, level, now),
            };
            self.print(line, LONGEST_WAIT.min(left / 4));
        }
    }

    /// Prints that something went wrong outside of an event.
    pub(crate) fn error(&self, level: Level, request_id: Option<&str>, error: &Error) {
        if level < self.config.level {
            return;
        }
        let line = self.error_line(level, request_id, error, SystemTime::now());
        self.print(line, LONGEST_WAIT);
    }

    /// Prints where the code panicked.
    pub(crate) fn panicked(&self, place: &str) {
        let text = format!("the code panicked at {place}");
        let error = Error::new(Category::Panic, "go on", text);
        self.error(Level::Fatal, None, &error);
    }

    /// Writes a line, or gives it up when nobody has read it for so long.
    fn print(&self, mut line: String, wait: Duration) {
        line.push('\n');
        let until = Instant::now() + wait;
        // Another thread may be at it, or this one, where it has panicked just there.
        let mut output = loop {
            match self.output.try_lock() {
                Ok(output) => break output,
                Err(TryLockError::Poisoned(output)) => break output.into_inner(),
                Err(TryLockError::WouldBlock) if Instant::now() >= until => return,
                Err(TryLockError::WouldBlock) => thread::sleep(NAP),
            }
        };
        let notice = (output.dropped > 0).then(|| self.dropped_line(output.dropped));
        output.print(notice, line, until);
    }

    fn dropped_line(&self, dropped: u64) -> String {
        let text = format!(
            "nobody read standard output in time; lines that were dropped, with their metrics: {dropped}"
        );
        let error = Error::new(Category::Log, "write every line", text);
        self.error_line(Level::Warn, None, &error, SystemTime::now()) + "\n"
    }

    fn report_line(&self, report: &Report<'_>, level: Level, now: SystemTime) -> String {
        let counts = &report.account.counts;
        let stats = &report.account.outcome.stats;
        let error = report.first_error();
        let items_failed = report.account.failures.len();
        // No exchange has no latency: a zero would distort the metric's average.
        let has_latency = stats.exchanges > 0;
        // So many exchanges that a float would miscount them don't fit into an event.
        #[allow(clippy::cast_precision_loss)]
        let mean = stats.latency_sum.as_secs_f64() / stats.exchanges.max(1) as f64;
        let unix = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let Findings {
            to_tell,
            mostly_skipped,
        } = &report.findings;
        // Of several, the one whose lines were skipped says most.
        let groups = &report.account.groups;
        let group = groups.iter().max_by_key(|group| group.skipped);
        let group = group.filter(|_| level > Level::Info);
        let printable_of = |name: fn(&Group) -> &String| {
            let name = group.map(name).filter(|name| !name.is_empty());
            name.map(|name| printable(name))
        };
        let hints = to_tell.iter().take(MAX_HINTS);
        let hints = hints.map(|group| match printable(&group.name) {
            name if name.is_empty() => advice(group.lacks),
            name => format!("{name}: {}", advice(group.lacks)),
        });
        let mut hints: Vec<String> = hints.collect();
        let error_message = error.map(ToString::to_string).unwrap_or_default();
        // The error of an event that was refused as a whole has it already.
        let advice = counts.refused_advice();
        hints.extend(advice.filter(|advice| !error_message.contains(advice)));
        let mut skipped = BTreeMap::new();
        for (reason, count) in counts.skipped_by() {
            *skipped.entry(reason.name()).or_default() += count;
        }
        let mut refused = Object::default();
        for (status, count) in &counts.refused {
            refused.number(&status.to_string(), *count);
        }
        let is_compact = self.config.is_compact;
        // Where nothing is wrong, the compact line has only what somebody looks for.
        let is_brief = is_compact
            && level <= Level::Info
            && stats.retries == 0
            && hints.is_empty()
            && mostly_skipped.is_empty();
        let mut timestamp = rfc3339(unix);
        if is_brief {
            timestamp.truncate("2026-11-22T10:00:00".len());
            timestamp.push('Z');
        }

        let mut line = Object::default();
        let count = |line: &mut Object, name, count| {
            if count > 0 || !is_compact {
                line.number(name, count);
            }
        };
        if !is_compact {
            let is_absent = |metric: &str| match metric {
                "nodeLatencyMs" => !has_latency,
                "logGroupsMostlySkipped" => mostly_skipped.is_empty(),
                _ => false,
            };
            line.json("_aws", &embedded_metrics(unix, is_absent));
        }
        line.text("timestamp", &timestamp);
        line.text("level", level.name());
        if !is_brief {
            let message = match error {
                None => "event forwarded",
                Some(_) if items_failed > 0 => "items of the batch failed",
                Some(_) => "event failed",
            };
            line.text("message", message);
        }
        line.text("requestId", report.request_id);
        line.text("functionName", &self.config.function_name);
        count(&mut line, "recordsReceived", counts.received);
        count(&mut line, "recordsForwarded", counts.forwarded);
        let earlier = counts.forwarded_earlier;
        count(&mut line, "recordsForwardedEarlier", earlier);
        count(&mut line, "recordsRefused", counts.refused());
        count(&mut line, "recordsSkipped", counts.skipped());
        count(&mut line, "recordsUndelivered", counts.undelivered);
        line.some("recordsSampled", counts.sampled);
        if is_compact {
            line.counts("refused", refused);
            line.counts("skipped", skipped.into());
        } else {
            line.json("refused", &refused.end());
            line.json("skipped", &Object::from(skipped).end());
        }
        line.counts("contradictions", counts.contradictions().into());
        line.counts("madeUp", counts.made_up().into());
        for (name, text) in [
            ("logGroup", printable_of(|group| &group.name)),
            ("logStream", printable_of(|group| &group.stream)),
        ] {
            if let Some(text) = text {
                line.text(name, &text);
            }
        }
        line.some("logGroupsMostlySkipped", mostly_skipped.len() as u64);
        if !mostly_skipped.is_empty() {
            let names = mostly_skipped.iter().map(|name| quoted(&printable(name)));
            let names: Vec<String> = names.collect();
            line.json("mostlySkipped", &format!("[{}]", names.join(",")));
        }
        count(&mut line, "retries", stats.retries);
        if !is_brief {
            count(&mut line, "exchanges", stats.exchanges);
        }
        if has_latency {
            line.milliseconds("nodeLatencyMs", mean);
        }
        if has_latency && !is_brief {
            line.milliseconds("nodeLatencyMaxMs", stats.latency_max.as_secs_f64());
        }
        if is_brief {
            // Rounded up, as Lambda bills it.
            let duration = report.duration.as_micros().div_ceil(1000);
            line.number("durationMs", u64::try_from(duration).unwrap_or(u64::MAX));
        } else {
            count(&mut line, "bytesInflated", report.account.bytes_inflated);
            count(&mut line, "bytesSent", stats.bytes);
            line.milliseconds("durationMs", report.duration.as_secs_f64());
        }
        if report.is_cold_start || !is_compact {
            line.json("coldStart", &report.is_cold_start.to_string());
        }
        line.some("itemsFailed", items_failed as u64);
        if let Some(error) = error {
            line.text("errorType", error.error_type());
            line.text("errorMessage", &error_message);
        }
        if !hints.is_empty() {
            line.text("hint", &hints.join("; "));
        }
        line.end()
    }

    fn error_line(
        &self,
        level: Level,
        request_id: Option<&str>,
        error: &Error,
        now: SystemTime,
    ) -> String {
        let message = error.to_string();
        if !self.config.json {
            // One line whatever the text holds: nobody can add another one.
            let message: String = message
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            let request_id = request_id.unwrap_or("-");
            return format!(
                "[{}] {request_id} {}: {message}",
                level.name(),
                error.error_type()
            );
        }
        let mut line = Object::default();
        let now = rfc3339(now.duration_since(UNIX_EPOCH).unwrap_or_default());
        line.text("timestamp", &now);
        line.text("level", level.name());
        line.text("message", &message);
        line.text("errorType", error.error_type());
        if let Some(request_id) = request_id {
            line.text("requestId", request_id);
        }
        line.end()
    }
}

/// The line of an invocation that waited for the Node. It has no counts, no block and no `functionName`, without which
/// no metric filter takes it: it makes no metric.
#[cold]
fn wait_line(report: &Report<'_>, waited: &Waited, level: Level, now: SystemTime) -> String {
    let mut line = Object::default();
    let now = rfc3339(now.duration_since(UNIX_EPOCH).unwrap_or_default());
    line.text("timestamp", &now);
    line.text("level", level.name());
    let message = match report.error {
        None => "node healthy",
        Some(_) => "event failed",
    };
    line.text("message", message);
    line.text("requestId", report.request_id);
    line.number("attempts", waited.attempts);
    line.number("seconds", waited.seconds);
    if let Some(error) = report.error {
        line.text("errorType", error.error_type());
        line.text("errorMessage", &error.to_string());
    }
    line.end()
}

impl Report<'_> {
    /// Why the event, or the first of its items that failed, has failed.
    fn first_error(&self) -> Option<&Error> {
        self.error.or_else(|| self.account.failures.first())
    }

    fn level(&self) -> Level {
        if self.first_error().is_some() {
            Level::Error
        } else if self.account.counts.needs_attention() {
            Level::Warn
        } else {
            Level::Info
        }
    }
}

/// For how long a line is tried to be written, and the next ones as long as nobody reads.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
const WAIT_AGAIN: Duration = Duration::from_millis(5);

/// The pause between two attempts to write.
const NAP: Duration = Duration::from_millis(1);

/// Standard output, which may be a pipe or a socket that nobody reads. A write to it must not hold up the result
/// of an event.
#[derive(Debug, Default)]
struct Output {
    stdout: Option<Stdout>,
    /// The end of a line that has begun. No other line begins before it is written.
    begun: Vec<u8>,
    /// How many lines were dropped since that was told last.
    dropped: u64,
}

/// Standard output without the buffer that the standard library puts before it, and the switch that keeps a write
/// to it from waiting. The library has each on one type only. The system calls, `write` and `ioctl` with `FIONBIO`,
/// are the same for whatever the descriptor is.
#[derive(Debug)]
struct Stdout {
    writer: PipeWriter,
    switch: UnixDatagram,
}

impl Stdout {
    fn new() -> io::Result<Self> {
        let copy = || -> io::Result<OwnedFd> { io::stdout().as_fd().try_clone_to_owned() };
        Ok(Self {
            writer: copy()?.into(),
            switch: copy()?.into(),
        })
    }
}

impl Output {
    /// Writes what has begun, the notice of what was dropped, and the line, for as long as there is time.
    fn print(&mut self, notice: Option<String>, line: String, until: Instant) {
        let stdout = match self.stdout.take() {
            Some(stdout) => stdout,
            None => match Stdout::new() {
                Ok(stdout) => stdout,
                Err(_) => {
                    // Not even a descriptor is left to make: the line is worth more than the time.
                    let _ = io::stdout().lock().write_all(line.as_bytes());
                    return;
                }
            },
        };
        let is_stuck = self.dropped > 0 || !self.begun.is_empty();
        let until = if is_stuck {
            // Nobody reads: each event would wait for as long again.
            until.min(Instant::now() + WAIT_AGAIN)
        } else {
            until
        };
        // Whoever shares the descriptor waits as before, so that the switch is set back at once.
        let _ = stdout.switch.set_nonblocking(true);
        self.print_to(&stdout.writer, notice, line, until);
        let _ = stdout.switch.set_nonblocking(false);
        self.stdout = Some(stdout);
    }

    fn print_to(
        &mut self,
        writer: &PipeWriter,
        notice: Option<String>,
        line: String,
        until: Instant,
    ) {
        // Until it has begun, the line counts as dropped.
        self.dropped += 1;
        if !self.go_on(writer, until) {
            return;
        }
        if let Some(notice) = notice {
            if !self.begin(writer, notice, until) {
                return;
            }
            self.dropped = 1;
        }
        if self.begun.is_empty() && self.begin(writer, line, until) {
            self.dropped -= 1;
        }
    }

    /// Begins a line. Says whether any of it was written: the rest of it then is what goes on.
    fn begin(&mut self, writer: &PipeWriter, line: String, until: Instant) -> bool {
        self.begun = line.into_bytes();
        let length = self.begun.len();
        self.go_on(writer, until);
        let has_begun = self.begun.len() < length;
        if !has_begun {
            self.begun.clear();
        }
        has_begun
    }

    /// Goes on with the line that has begun. Says whether it has ended.
    fn go_on(&mut self, mut writer: &PipeWriter, until: Instant) -> bool {
        while !self.begun.is_empty() {
            match writer.write(&self.begun) {
                Ok(length) if length > 0 => drop(self.begun.drain(..length)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if Instant::now() >= until {
                        return false;
                    }
                    thread::sleep(NAP);
                }
                // Nobody is left to tell where standard output is closed.
                Ok(_) | Err(_) => self.begun.clear(),
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD_LINE: &str = r#"{"_aws":{"Timestamp":1795341600123,"CloudWatchMetrics":[{"Namespace":"CwResend","Dimensions":[["functionName"]],"Metrics":[{"Name":"recordsReceived","Unit":"Count"},{"Name":"recordsForwarded","Unit":"Count"},{"Name":"recordsRefused","Unit":"Count"},{"Name":"recordsSkipped","Unit":"Count"},{"Name":"recordsUndelivered","Unit":"Count"},{"Name":"retries","Unit":"Count"},{"Name":"nodeLatencyMs","Unit":"Milliseconds"},{"Name":"logGroupsMostlySkipped","Unit":"Count"}]}]},"timestamp":"2026-11-22T10:00:00.123Z","level":"WARN","message":"event forwarded","requestId":"8476a536-e9f4-11e8-9739-2dfe598c3fcd","functionName":"wallarm-cw-resend-x","recordsReceived":12,"recordsForwarded":5,"recordsForwardedEarlier":0,"recordsRefused":2,"recordsSkipped":5,"recordsUndelivered":0,"refused":{"403":2},"skipped":{"contradiction":3,"noHost":1,"websocket":1},"contradictions":{"host":2,"sourceIp":1},"logGroup":"/aws/apigateway/x?","logStream":"a5d7","logGroupsMostlySkipped":1,"mostlySkipped":["/aws/apigateway/x?"],"retries":3,"exchanges":4,"nodeLatencyMs":1.5,"nodeLatencyMaxMs":2.5,"bytesInflated":1000,"bytesSent":2000,"durationMs":12.345,"coldStart":true,"hint":"/aws/apigateway/x?: append \"domainName\": \"$context.domainName\" to the stage's access-log format, or set X_DEFAULT_HOST for lines without a host"}"#;
    const IDLE_LINE: &str = r#"{"_aws":{"Timestamp":1795341600123,"CloudWatchMetrics":[{"Namespace":"CwResend","Dimensions":[["functionName"]],"Metrics":[{"Name":"recordsReceived","Unit":"Count"},{"Name":"recordsForwarded","Unit":"Count"},{"Name":"recordsRefused","Unit":"Count"},{"Name":"recordsSkipped","Unit":"Count"},{"Name":"recordsUndelivered","Unit":"Count"},{"Name":"retries","Unit":"Count"}]}]},"timestamp":"2026-11-22T10:00:00.123Z","level":"INFO","message":"event forwarded","requestId":"8476a536-e9f4-11e8-9739-2dfe598c3fcd","functionName":"wallarm-cw-resend-x","recordsReceived":0,"recordsForwarded":0,"recordsForwardedEarlier":0,"recordsRefused":0,"recordsSkipped":0,"recordsUndelivered":0,"refused":{},"skipped":{},"retries":0,"exchanges":0,"bytesInflated":1000,"bytesSent":0,"durationMs":12.345,"coldStart":false}"#;

    use crate::account::{Counts, Outcome, Stats};
    use crate::record::Skip;

    fn log(json: bool) -> Log {
        Log::new(LogConfig {
            level: Level::Info,
            json,
            is_compact: false,
            function_name: "wallarm-cw-resend-x".into(),
            log_group: None,
        })
    }

    fn compact() -> Log {
        Log::new(LogConfig {
            is_compact: true,
            // That of Terraform's default prefix.
            function_name: "wallarm-cw-resend-api-gw-discovery-3f2a1c".into(),
            ..log(true).config
        })
    }

    /// One of which nothing is wrong.
    fn good_account(lines: u64) -> Account {
        let mut account = account(Counts {
            received: lines,
            forwarded: lines,
            ..Counts::default()
        });
        account.outcome.stats.retries = 0;
        account.groups.clear();
        account
    }

    fn account(counts: Counts) -> Account {
        let stats = Stats {
            exchanges: 4,
            retries: 3,
            bytes: 2000,
            latency_sum: Duration::from_micros(6000),
            latency_max: Duration::from_micros(2500),
        };
        Account {
            counts,
            outcome: Outcome {
                node: String::new(),
                stats,
                last_failure: None,
            },
            bytes_inflated: 1000,
            failures: Vec::new(),
            groups: vec![Group {
                name: "/aws/apigateway/x\n".into(),
                stream: "a5d7".into(),
                lines: 12,
                skipped: 11,
                lacks: {
                    let mut lacks = Lacks::HOST;
                    lacks.add(Lacks::HOST_BUT_DEFAULT);
                    lacks
                },
            }],
            waited: None,
        }
    }

    fn report<'a>(account: &'a Account, error: Option<&'a Error>) -> Report<'a> {
        Report {
            request_id: "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            account,
            duration: Duration::from_micros(12_345),
            is_cold_start: true,
            findings: Findings {
                to_tell: account.groups.iter().collect(),
                mostly_skipped: account.groups.iter().map(|group| &*group.name).collect(),
            },
            error,
            deadline: Instant::now(),
        }
    }

    /// One of which much is wrong.
    fn bad_counts() -> Counts {
        let mut counts = Counts {
            received: 12,
            forwarded: 5,
            ..Counts::default()
        };
        counts.refused.insert(403, 2);
        counts.skip(Skip::WebSocket);
        counts.skip(Skip::NoHost);
        counts.skip(Skip::ContradictoryHost);
        counts.skip(Skip::ContradictoryHost);
        counts.skip(Skip::ContradictorySourceIp);
        counts
    }

    /// Users' own queries and alarms stand on it: no byte of it changes by accident.
    #[test]
    fn the_line_with_metrics_is_this_byte_for_byte() {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_341_600_123);
        let bad = account(bad_counts());
        let report = report(&bad, None);
        assert_eq!(
            log(false).report_line(&report, report.level(), now),
            BAD_LINE
        );
        let mut idle = good_account(0);
        idle.outcome.stats = Stats::default();
        let report = Report {
            account: &idle,
            is_cold_start: false,
            findings: Findings::default(),
            ..report
        };
        assert_eq!(
            log(false).report_line(&report, report.level(), now),
            IDLE_LINE
        );
    }

    #[test]
    fn where_nothing_is_wrong_the_compact_line_is_short() {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_341_600_123);
        let mut account = good_account(7000);
        account.outcome.stats.latency_sum = Duration::from_micros(49_380);
        let report = Report {
            is_cold_start: false,
            findings: Findings::default(),
            duration: Duration::from_micros(12_344_001),
            ..report(&account, None)
        };
        let line = compact().report_line(&report, report.level(), now);
        assert_eq!(
            line,
            r#"{"timestamp":"2026-11-22T10:00:00Z","level":"INFO","requestId":"8476a536-e9f4-11e8-9739-2dfe598c3fcd","functionName":"wallarm-cw-resend-api-gw-discovery-3f2a1c","recordsReceived":7000,"recordsForwarded":7000,"nodeLatencyMs":12.345,"durationMs":12345}"#
        );
        assert!(line.len() <= 250, "{}", line.len());
        // What is no more than a fact is in it too.
        let cold = Report {
            is_cold_start: true,
            ..report
        };
        let cold = compact().report_line(&cold, Level::Info, now);
        assert!(cold.ends_with(r#","durationMs":12345,"coldStart":true}"#));
    }

    /// What calls for a look at the whole line.
    #[test]
    fn where_something_is_wrong_the_compact_line_lacks_only_zeros_and_the_metric_block() {
        let error = Error::new(Category::Undelivered, "deliver", "refused");
        let bad = account(bad_counts());
        let mut retried = good_account(5);
        retried.outcome.stats.retries = 1;
        let mut failed = good_account(5);
        failed.failures = vec![Error::new(Category::Undelivered, "deliver", "refused")];
        let good = good_account(5);
        let with = |to_tell: bool| Findings {
            to_tell: bad.groups.iter().filter(|_| to_tell).collect(),
            mostly_skipped: bad.groups.iter().map(|group| &*group.name).collect(),
        };
        for (name, account, error, findings) in [
            ("refused and skipped", &bad, None, with(true)),
            ("a failed event", &bad, Some(&error), with(true)),
            ("retries", &retried, None, Findings::default()),
            ("items that failed", &failed, None, Findings::default()),
            ("a group of which most is skipped", &good, None, with(false)),
        ] {
            let report = Report {
                findings,
                ..report(account, error)
            };
            let line = |log: &Log| {
                let line = log.report_line(&report, report.level(), UNIX_EPOCH);
                serde_json::from_str::<serde_json::Map<_, _>>(&line).unwrap()
            };
            let mut whole = line(&log(false));
            whole.remove("_aws");
            whole.retain(|_, value| {
                value.as_u64() != Some(0) && value.as_object().is_none_or(|map| !map.is_empty())
            });
            let mut log = compact();
            log.config.function_name = "wallarm-cw-resend-x".into();
            assert_eq!(line(&log), whole, "{name}");
        }
    }

    #[test]
    fn the_report_is_an_embedded_metric_document() {
        let account = account(bad_counts());
        let report = report(&account, None);
        assert_eq!(report.level(), Level::Warn);
        let now = UNIX_EPOCH + Duration::from_millis(1_795_341_600_123);
        let line = log(false).report_line(&report, report.level(), now);
        assert!(!line.contains('\n'));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(line["_aws"]["Timestamp"], 1_795_341_600_123_u64);
        // Every metric and every dimension is a member of the root, and of the right type.
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(
                line[metric["Name"].as_str().unwrap()].is_number(),
                "{metric}"
            );
        }
        assert_eq!(directive["Dimensions"][0][0], "functionName");
        assert_eq!(line["functionName"], "wallarm-cw-resend-x");
        assert_eq!(line["timestamp"], "2026-11-22T10:00:00.123Z");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["recordsReceived"], 12);
        assert_eq!(line["refused"]["403"], 2);
        assert_eq!(
            line["skipped"],
            serde_json::json!({"websocket": 1, "noHost": 1, "contradiction": 3})
        );
        assert_eq!(
            line["contradictions"],
            serde_json::json!({"host": 2, "sourceIp": 1})
        );
        assert_eq!(line["nodeLatencyMs"], 1.5);
        assert_eq!(line["durationMs"], 12.345);
        assert_eq!(line["coldStart"], true);
        assert_eq!(
            line["hint"],
            "/aws/apigateway/x?: append \"domainName\": \"$context.domainName\" to the stage's access-log format, \
             or set X_DEFAULT_HOST for lines without a host"
        );
        assert_eq!(line["logGroup"], "/aws/apigateway/x?");
        assert_eq!(line["logStream"], "a5d7");
        assert_eq!(line["logGroupsMostlySkipped"], 1);
        assert_eq!(line["mostlySkipped"][0], "/aws/apigateway/x?");
        assert!(line.get("errorType").is_none());
    }

    /// Terraform's filters, and CloudWatch's own, make metrics of lines that name the function.
    #[test]
    fn the_line_of_a_wait_has_no_counts_and_names_no_function() {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_341_600_123);
        let waited = Waited {
            attempts: 3,
            seconds: 10,
        };
        let account = Account::default();
        let error = Error::new(Category::Unhealthy, "wait for the Node", "no");
        for (error, expected) in [
            (
                None,
                r#"{"timestamp":"2026-11-22T10:00:00.123Z","level":"INFO","message":"node healthy","requestId":"8476a536-e9f4-11e8-9739-2dfe598c3fcd","attempts":3,"seconds":10}"#,
            ),
            (
                Some(&error),
                r#"{"timestamp":"2026-11-22T10:00:00.123Z","level":"ERROR","message":"event failed","requestId":"8476a536-e9f4-11e8-9739-2dfe598c3fcd","attempts":3,"seconds":10,"errorType":"Function.NodeNotHealthy","errorMessage":"failed to wait for the Node: no"}"#,
            ),
        ] {
            let report = report(&account, error);
            assert_eq!(wait_line(&report, &waited, report.level(), now), expected);
        }
    }

    #[test]
    fn levels() {
        let mut account = account(Counts::default());
        assert_eq!(report(&account, None).level(), Level::Info);
        account.counts.skip(Skip::WebSocket);
        assert_eq!(report(&account, None).level(), Level::Info);
        account.counts.skip(Skip::Malformed);
        assert_eq!(report(&account, None).level(), Level::Warn);
        let error = Error::new(Category::Undelivered, "deliver", "refused");
        assert_eq!(report(&account, Some(&error)).level(), Level::Error);
        account.failures.push(error);
        assert_eq!(report(&account, None).level(), Level::Error);
    }

    #[test]
    fn an_error_outside_of_an_event_is_one_line_in_either_form() {
        let error = Error::new(Category::Config, "read it", "a\nb");
        let text = log(false).error_line(Level::Error, None, &error, UNIX_EPOCH);
        assert_eq!(
            text,
            "[ERROR] - Runtime.ConfigInvalid: failed to read it: a b"
        );
        let json = log(true).error_line(Level::Error, Some("r"), &error, UNIX_EPOCH);
        assert_eq!(
            json,
            r#"{"timestamp":"1970-01-01T00:00:00.000Z","level":"ERROR","message":"failed to read it: a\nb","errorType":"Runtime.ConfigInvalid","requestId":"r"}"#
        );
    }
}
