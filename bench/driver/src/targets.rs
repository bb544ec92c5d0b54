//! The targets, and the results that they are compared with.

use std::fmt::Write as _;

use crate::contender::{ASKS, DECODERS, ONE_IN_FLIGHT, OURS_ARM64, PROCESSORS, Who};
use crate::data::Lines;
use crate::results::{Key, Results, row, short};
use crate::stats::Summary;

/// The function's default number of connections.
pub(crate) const CONNECTIONS: f64 = 8.0;
/// The sizes of the compared events.
const LARGE: usize = 7_000;
const SMALL: usize = 100;

enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

/// A line of the table.
struct Target {
    what: &'static str,
    against: String,
    limit: Limit,
    found: Option<Summary>,
    /// How the result is written.
    unit: Unit,
}

#[derive(Clone, Copy)]
enum Unit {
    Times,
    Megabytes,
    Microseconds,
    Seconds,
    Count,
}

fn targets(results: &Results) -> Vec<Target> {
    let ours = Who::Resend.name();
    let start = |name| Key::of("start", name);
    let at = |figure, name, records| Key::with(figure, name, "http", records);
    let cpu = |name, records| at("cpu_per_record", name, records);
    let peak = |name, records| at("peak_memory", name, records);
    let times = |what, against: &str, limit, of: &Key, to: &Key| Target {
        what,
        against: against.to_string(),
        limit,
        found: results.ratio(of, to),
        unit: Unit::Times,
    };
    use Limit::{AtLeast, AtMost};
    let disk = |name| Key::of("start_from_disk", name);
    let mut targets = vec![
        times(
            "cold start",
            ASKS,
            AtMost(2.0),
            &start("ours"),
            &start(ASKS),
        ),
        times(
            "cold start from the disk",
            ASKS,
            AtMost(3.0),
            &disk("ours"),
            &disk(ASKS),
        ),
    ];
    for (who, limit) in [(Who::Rust, 0.5), (Who::Go, 0.5), (Who::Python, 1.0 / 30.0)] {
        let (of, to) = (start("ours"), start(who.name()));
        targets.push(times("cold start", who.name(), AtMost(limit), &of, &to));
    }
    let decode = |name| Key::with("decode_cpu_per_record", name, "", LARGE);
    let [ours_decode, baseline] = DECODERS[0].1;
    targets.push(times(
        "decode and parse 7,000 records, CPU",
        baseline,
        AtMost(0.9),
        &decode(ours_decode),
        &decode(baseline),
    ));
    for (who, limit) in [(Who::Python, 30.0), (Who::Rust, 8.0), (Who::Go, 5.0)] {
        targets.push(times(
            "resend, CPU per record, http",
            who.name(),
            AtMost(1.0 / limit),
            &cpu(ours, LARGE),
            &cpu(who.name(), LARGE),
        ));
    }
    let delayed = |name| at("delayed_wall", name, LARGE);
    targets.push(times(
        "resend, times faster with a Node that takes 1 ms, 7,000 records, 8 connections",
        ONE_IN_FLIGHT,
        AtLeast(0.9 * CONNECTIONS),
        &delayed(ONE_IN_FLIGHT),
        &delayed(ours),
    ));
    for (lines, limit, what) in [
        (Lines::Escaped, 1.2, "decode, an escaped value in each line"),
        (Lines::Nested, 1.3, "decode, a nested object in each line"),
        (Lines::Alternating, 1.05, "decode, two formats in turn"),
    ] {
        let key = |lines: Lines| Key::with(lines.decode_figure(), ours_decode, "", LARGE);
        targets.push(times(
            what,
            "uniform lines",
            AtMost(limit),
            &key(lines),
            &key(Lines::Uniform),
        ));
    }
    let absolute = |what, limit, unit, found: Option<Summary>| Target {
        what,
        against: "-".into(),
        limit: AtMost(limit),
        found,
        unit,
    };
    targets.push(absolute(
        "resend, CPU per record, 7,000 records",
        2.0,
        Unit::Microseconds,
        results.get(&cpu(ours, LARGE)),
    ));
    targets.push(absolute(
        "the same with a Node that takes 1 ms",
        8.0,
        Unit::Microseconds,
        results.get(&at("delayed_cpu_per_record", ours, LARGE)),
    ));
    targets.push(absolute(
        "resend, system calls per record, 7,000 records",
        0.1,
        Unit::Count,
        results.get(&at("system_calls_per_record", ours, LARGE)),
    ));
    targets.push(absolute(
        "resend, 7,000 records, a fourteenth of a core and a Node of 0.25 ms",
        0.7,
        Unit::Seconds,
        results
            .get(&at("throttled_wall", ours, LARGE))
            .map(|found| found.scaled(1e-3)),
    ));
    let [x86, arm] = PROCESSORS.map(|(name, ..)| name);
    for (figure, what) in [
        (
            "emulated_decode",
            "arm64: decode, instructions outside inflate",
        ),
        (
            "emulated_resend",
            "arm64: resend, instructions outside inflate",
        ),
        (
            "emulated_batch",
            "arm64: batch, instructions outside inflate",
        ),
    ] {
        let (of, to) = (Key::of(figure, arm), Key::of(figure, x86));
        targets.push(times(what, "ours for x86_64", AtMost(1.1), &of, &to));
    }
    targets.push(times(
        "peak memory, 7,000 records",
        Who::Python.name(),
        AtMost(0.2),
        &peak(ours, LARGE),
        &peak(Who::Python.name(), LARGE),
    ));
    targets.push(times(
        "peak memory, 7,000 records",
        "ours at 1 record",
        AtMost(1.3),
        &peak(ours, LARGE),
        &peak(ours, 1),
    ));
    targets.push(absolute(
        "bootstrap.zip for arm64",
        1.0,
        Unit::Megabytes,
        results
            .get(&Key::of("zip_size", OURS_ARM64))
            .map(|found| found.scaled(1e-6)),
    ));
    targets.push(times(
        "resend, CPU per record, 7,000 records",
        "ours at 100 records",
        AtMost(1.0),
        &cpu(ours, LARGE),
        &cpu(ours, SMALL),
    ));
    targets
}

/// The ratios as rows of a file of results: between two machines, ratios compare better than the figures.
pub(crate) fn rows(results: &Results) -> String {
    let targets = targets(results).into_iter();
    let lines = targets.filter_map(|target| {
        let names = format!("{}, against {}", target.what, target.against);
        let (figure, unit) = match target.unit {
            Unit::Times => ("ratio", "×"),
            _ => return None,
        };
        Some(row([figure, &names, "", "0"], unit, &target.found?))
    });
    lines.collect()
}

/// The table, as Markdown, and the number of missed targets.
pub(crate) fn table(results: &Results) -> (String, usize) {
    let mut out = String::from(
        "| figure | compared with | target | result: median (quartiles) | |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    let mut missed = 0;
    for target in targets(results) {
        let (sign, limit, is_met): (_, _, fn(f64, f64) -> bool) = match target.limit {
            Limit::AtMost(limit) => ("≤", limit, |found, limit| found <= limit),
            Limit::AtLeast(limit) => ("≥", limit, |found, limit| found >= limit),
        };
        let (found, verdict) = match target.found {
            None => ("-".to_string(), "not measured"),
            Some(found) => {
                let met = is_met(found.median, limit);
                missed += usize::from(!met);
                let mut text = target.unit.write(found.median);
                if found.count > 1 {
                    let (low, high) = (target.unit.write(found.low), target.unit.write(found.high));
                    let _ = write!(text, " ({low} to {high})");
                }
                (text, if met { "met" } else { "**missed**" })
            }
        };
        let _ = writeln!(
            out,
            "| {} | {} | {sign} {} | {found} | {verdict} |",
            target.what,
            target.against,
            target.unit.write(limit),
        );
    }
    (out, missed)
}

impl Unit {
    fn write(self, value: f64) -> String {
        match self {
            Self::Times => times(value),
            Self::Megabytes => format!("{value:.2} MB"),
            Self::Microseconds => format!("{value:.2} µs"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Count => format!("{value:.3}"),
        }
    }
}

/// A ratio. Small ones are easier to read as fractions.
pub(crate) fn times(value: f64) -> String {
    if value > 0.0 && value < 0.55 {
        let below = 1.0 / value;
        let text = if below < 10.0 {
            format!("{below:.1}")
        } else {
            format!("{below:.0}")
        };
        format!("1/{}", text.strip_suffix(".0").unwrap_or(&text))
    } else if value < 10.0 {
        format!("{value:.2} ×")
    } else {
        format!("{} ×", short(value.round()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_readable() {
        for (value, text) in [
            (1.3, "1.30 ×"),
            (0.9, "0.90 ×"),
            (0.5, "1/2"),
            (1.0 / 8.3, "1/8.3"),
            (0.01, "1/100"),
            (41.4, "41 ×"),
        ] {
            assert_eq!(times(value), text);
        }
    }

    #[test]
    fn a_target_is_met_or_missed_or_not_measured() {
        let mut results = Results::default();
        results.add(Key::of("start", "ours"), "µs", 0, 190.0);
        results.add(Key::of("start", ASKS), "µs", 0, 100.0);
        results.add(Key::of("start", "Go"), "µs", 0, 200.0);
        let (table, missed) = table(&results);
        assert!(table.contains("| ≤ 2.00 × | 1.90 × | met |"), "{table}");
        assert!(
            table.contains("| Go | ≤ 1/2 | 0.95 × | **missed** |"),
            "{table}"
        );
        assert!(
            table.contains("| Python | ≤ 1/30 | - | not measured |"),
            "{table}"
        );
        assert_eq!(missed, 1);
        let rows = rows(&results);
        let first = rows.lines().next();
        assert_eq!(
            first,
            Some(
                "ratio,\"cold start, against lower bound: a static program that asks\",,0,×,1.9,1.9,1.9,1.9,1.9,1"
            )
        );
        assert_eq!(rows.lines().count(), 2);
    }
}
