//! What a demonstration shows at its end, and whether its numbers add up.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    time::Duration,
};

use serde_json::Value;

use super::inventory::{
    model::Inventory,
    output::table::{self, Look},
};
use crate::standin::{http::printable, node::Snapshot};

/// What the pipeline's process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Time on a CPU, of user and system together.
    pub cpu: Duration,
    /// The most memory which was resident at once, in KiB.
    pub peak_kib: u64,
}

/// How many endpoints are shown.
const MAX_ROWS: usize = 25;
/// How many violations are shown, and how many failures and lines that are not reports.
const MAX_SHOWN: usize = 10;

/// The sum of the report lines of all invocations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reports {
    /// How many reports there were.
    pub count: u64,
    /// The numbers at the top level, by name.
    pub totals: BTreeMap<String, u64>,
    /// Records which the Node refused, by status.
    pub refused: BTreeMap<String, u64>,
    /// Records which were skipped, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// What the reports advise.
    pub hints: BTreeSet<String>,
    /// The first lines which are not reports.
    pub others: Vec<String>,
}

impl Reports {
    /// Adds a line of output. One without `recordsReceived` is not a report.
    pub fn add_line(&mut self, line: &str) {
        let report = match serde_json::from_str(line) {
            Ok(Value::Object(report)) if report.contains_key("recordsReceived") => report,
            _ => {
                if !line.trim().is_empty() && self.others.len() < MAX_SHOWN {
                    self.others.push(printable(line));
                }
                return;
            }
        };
        self.count += 1;
        for (key, value) in &report {
            if let Some(number) = value.as_u64() {
                *self.totals.entry(key.clone()).or_default() += number;
            }
        }
        add_counts(&mut self.refused, report.get("refused"));
        add_counts(&mut self.skipped, report.get("skipped"));
        if let Some(hint) = report.get("hint").and_then(Value::as_str) {
            self.hints.insert(printable(hint));
        }
    }

    fn total(&self, name: &str) -> u64 {
        self.totals.get(name).copied().unwrap_or_default()
    }
}

fn add_counts(counts: &mut BTreeMap<String, u64>, value: Option<&Value>) {
    for (key, value) in value.and_then(Value::as_object).into_iter().flatten() {
        *counts.entry(printable(key)).or_default() += value.as_u64().unwrap_or_default();
    }
}

/// Everything that is known at the end of a demonstration.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Lines which were sent in events.
    pub sent: u64,
    /// Invocations which have a result.
    pub invocations: u64,
    /// What went wrong with invocations.
    pub failures: Vec<String>,
    /// What the pipeline reports.
    pub reports: Reports,
    /// What the Node has counted.
    pub node: Snapshot,
    /// What the Node has recorded of the APIs.
    pub inventory: Inventory,
    /// Time spent in invocations.
    pub wall: Duration,
    /// From the start of the process to its first `/next`.
    pub init: Option<Duration>,
    /// What the process has used.
    pub usage: Option<Usage>,
}

impl Summary {
    /// What does not add up; empty when all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let total = |name| self.reports.total(name);
        let (received, forwarded) = (total("recordsReceived"), total("recordsForwarded"));
        let (refused, skipped) = (total("recordsRefused"), total("recordsSkipped"));
        let accounted = forwarded + refused + skipped + total("recordsUndelivered");
        let by_reason = self.reports.skipped.values().sum();
        let mut problems = Vec::new();
        let mut expect = |what: &str, expected: u64, found: u64| {
            if expected != found {
                problems.push(format!("expected {expected} {what}, found {found}"));
            }
        };
        expect("records received", self.sent, received);
        expect("records accounted for", received, accounted);
        expect("records skipped for a reason", skipped, by_reason);
        expect(
            "distinct records at the stand-in",
            forwarded,
            self.node.distinct,
        );
        expect("unpaired requests at the stand-in", 0, self.node.unpaired);
        expect("violations at the stand-in", 0, self.node.violation_count);
        expect("reports", self.invocations, self.reports.count);
        problems.extend(self.failures.iter().cloned());
        problems
    }

    /// Writes the whole summary.
    ///
    /// # Errors
    ///
    /// Returns the error of `out`.
    pub fn write(&self, look: Look, out: &mut dyn Write) -> io::Result<()> {
        let look = Look {
            max_rows: Some(MAX_ROWS),
            ..look
        };
        table::write_all(&self.inventory, look, out)?;
        write_counts(out, "Skipped", &self.reports.skipped)?;
        write_counts(out, "Refused", &self.reports.refused)?;
        for hint in &self.reports.hints {
            writeln!(out, "\nHint: {hint}")?;
        }
        self.write_accounting(out)?;
        self.write_costs(out)?;
        write_list(out, "Violations", &self.node.violations)?;
        write_list(out, "Other output of the pipeline", &self.reports.others)?;
        write_list(out, "Problems", &self.problems())
    }

    fn write_accounting(&self, out: &mut dyn Write) -> io::Result<()> {
        let total = |name| self.reports.total(name);
        writeln!(
            out,
            "\nAccounting\n  {} received = {} forwarded + {} refused + {} skipped + {} undelivered",
            total("recordsReceived"),
            total("recordsForwarded"),
            total("recordsRefused"),
            total("recordsSkipped"),
            total("recordsUndelivered"),
        )?;
        let node = &self.node;
        writeln!(
            out,
            "  {} distinct records at the stand-in, {} repeated, {} unpaired, {} violations; \
             {} connections, {} retries",
            node.distinct,
            node.repeated,
            node.unpaired,
            node.violation_count,
            node.connections,
            total("retries"),
        )
    }

    fn write_costs(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(
            out,
            "\nCosts\n  {:.3} s wall in {} invocations",
            self.wall.as_secs_f64(),
            self.invocations
        )?;
        let rate = u128::from(self.sent) * 1_000_000 / self.wall.as_micros().max(1);
        write!(out, " ({rate} lines/s)")?;
        if let Some(usage) = self.usage {
            let tenths = usage.peak_kib * 10 / 1024;
            let cpu = usage.cpu.as_secs_f64();
            write!(
                out,
                ", {cpu:.2} s CPU, {}.{} MiB peak memory",
                tenths / 10,
                tenths % 10
            )?;
        }
        if let Some(init) = self.init {
            let ms = init.as_secs_f64() * 1000.0;
            write!(out, ", {ms:.1} ms from exec to the first /next")?;
        }
        writeln!(out)
    }
}

fn write_counts(
    out: &mut dyn Write,
    title: &str,
    counts: &BTreeMap<String, u64>,
) -> io::Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for (reason, count) in counts {
        writeln!(out, "  {count:>8}  {reason}")?;
    }
    Ok(())
}

fn write_list(out: &mut dyn Write, title: &str, texts: &[String]) -> io::Result<()> {
    if texts.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for text in texts.iter().take(MAX_SHOWN) {
        writeln!(out, "  {text}")?;
    }
    match texts.len().saturating_sub(MAX_SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::inventory::model::Endpoint;

    fn good() -> Summary {
        let mut reports = Reports::default();
        for line in [
            r#"{"_aws":{"Timestamp":1},"recordsReceived":6,"recordsForwarded":3,"recordsRefused":1,"recordsSkipped":2,"recordsUndelivered":0,"retries":1,"durationMs":12,"refused":{"403":1},"skipped":{"websocket":2},"hint":"set \u001b[2J"}"#,
            r#"{"recordsReceived":4,"recordsForwarded":3,"recordsSkipped":1,"skipped":{"websocket":1},"durationMs":"odd"}"#,
            "{\"level\":\"INFO\"}",
            "",
            "plain \u{1b}",
        ] {
            reports.add_line(line);
        }
        let endpoints = (1..=30).map(|i| Endpoint {
            host: "api.example.com".into(),
            path: format!("/{}", "x".repeat(i * 4)),
            method: "GET".into(),
            calls: 1,
            ..Endpoint::default()
        });
        let inventory = Inventory {
            calls: 30,
            endpoints: endpoints.collect(),
            ..Inventory::default()
        };
        Summary {
            sent: 10,
            invocations: 2,
            node: Snapshot {
                distinct: 6,
                ..Snapshot::default()
            },
            wall: Duration::from_millis(1500),
            init: Some(Duration::from_micros(8_500)),
            usage: Some(Usage {
                cpu: Duration::from_millis(250),
                peak_kib: 5000,
            }),
            reports,
            inventory,
            ..Summary::default()
        }
    }

    #[test]
    fn reports_are_summed_up() {
        let reports = good().reports;
        assert_eq!((reports.count, reports.total("recordsReceived")), (2, 10));
        assert_eq!(reports.total("durationMs"), 12);
        assert_eq!(reports.skipped, BTreeMap::from([("websocket".into(), 3)]));
        assert_eq!(reports.refused, BTreeMap::from([("403".into(), 1)]));
        assert_eq!(reports.others, ["{\"level\":\"INFO\"}", "plain \\u{1b}"]);
        assert_eq!(reports.hints, BTreeSet::from(["set \\u{1b}[2J".into()]));
    }

    #[test]
    fn text_of_a_good_run() {
        let mut out = Vec::new();
        good().write(Look::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for expected in [
            "and 5 more endpoints with 5 calls\n",
            "\nSkipped\n         3  websocket\n",
            "\nRefused\n         1  403\n",
            "  10 received = 6 forwarded + 1 refused + 3 skipped + 0 undelivered\n",
            "  6 distinct records at the stand-in, 0 repeated, 0 unpaired, 0 violations; 0 connections, 1 retries\n",
            "  1.500 s wall in 2 invocations (6 lines/s), 0.25 s CPU, 4.8 MiB peak memory, 8.5 ms from exec to the first /next\n",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in {text}");
        }
        assert!(!text.contains("Problems") && !text.contains('\u{1b}'));
    }

    #[test]
    fn problems_are_found() {
        assert_eq!(good().problems(), [""; 0]);
        let mutations: [fn(&mut Summary); 7] = [
            |summary| summary.sent += 1,
            |summary| _ = summary.reports.skipped.insert("other".into(), 1),
            |summary| summary.node.distinct -= 1,
            |summary| summary.node.unpaired += 1,
            |summary| summary.node.violation_count += 1,
            |summary| summary.invocations += 1,
            |summary| summary.failures.push("failed".into()),
        ];
        for (i, mutate) in mutations.into_iter().enumerate() {
            let mut summary = good();
            mutate(&mut summary);
            assert_eq!(summary.problems().len(), 1, "{i}");
        }
    }
}
