//! What is to be reached, and what was.

use std::fmt::Write as _;

use crate::contender::{DECODERS, FLOOR_START, ONE_IN_FLIGHT, Who};
use crate::results::{Key, Results, row, short};
use crate::stats::Summary;

/// How many connections the function has by default.
pub(crate) const CONNECTIONS: f64 = 8.0;
/// The sizes of events that are compared.
const LARGE: usize = 7_000;
const SMALL: usize = 100;

enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

/// A line of the table.
struct Goal {
    what: &'static str,
    against: String,
    limit: Limit,
    found: Option<Summary>,
    /// How the found value is written.
    unit: Unit,
}

#[derive(Clone, Copy)]
enum Unit {
    Times,
    Megabytes,
}

fn goals(results: &Results) -> Vec<Goal> {
    let ours = Who::Resend.name();
    let start = |name| Key::of("start", name);
    let at = |figure, name, records| Key::with(figure, name, "http", records);
    let cpu = |name, records| at("cpu_per_record", name, records);
    let peak = |name, records| at("peak_memory", name, records);
    let times = |what, against: &str, limit, of: &Key, to: &Key| Goal {
        what,
        against: against.to_string(),
        limit,
        found: results.ratio(of, to),
        unit: Unit::Times,
    };
    use Limit::{AtLeast, AtMost};
    let mut goals = vec![times(
        "cold start",
        FLOOR_START,
        AtMost(1.3),
        &start("ours"),
        &start(FLOOR_START),
    )];
    for (who, limit) in [(Who::Rust, 0.5), (Who::Go, 0.5), (Who::Python, 0.01)] {
        let (of, to) = (start("ours"), start(who.name()));
        goals.push(times("cold start", who.name(), AtMost(limit), &of, &to));
    }
    let decode = |name| Key::with("decode_cpu_per_record", name, "", LARGE);
    let [mine, floor] = DECODERS[0].1;
    goals.push(times(
        "decode and parse 7,000 records, CPU",
        floor,
        AtMost(0.9),
        &decode(mine),
        &decode(floor),
    ));
    for (who, limit) in [(Who::Python, 30.0), (Who::Rust, 8.0), (Who::Go, 5.0)] {
        goals.push(times(
            "resend, CPU per record, http",
            who.name(),
            AtMost(1.0 / limit),
            &cpu(ours, LARGE),
            &cpu(who.name(), LARGE),
        ));
    }
    let delayed = |name| at("delayed_wall", name, LARGE);
    goals.push(times(
        "resend, times faster with a Node that takes 1 ms, 7,000 records, 8 connections",
        ONE_IN_FLIGHT,
        AtLeast(0.9 * CONNECTIONS),
        &delayed(ONE_IN_FLIGHT),
        &delayed(ours),
    ));
    goals.push(times(
        "batch, CPU per record, http",
        ours,
        AtMost(0.2),
        &cpu(Who::Batch.name(), LARGE),
        &cpu(ours, LARGE),
    ));
    goals.push(times(
        "peak memory, 7,000 records",
        Who::Python.name(),
        AtMost(0.2),
        &peak(ours, LARGE),
        &peak(Who::Python.name(), LARGE),
    ));
    goals.push(times(
        "peak memory, 7,000 records",
        "ours at 1 record",
        AtMost(1.3),
        &peak(ours, LARGE),
        &peak(ours, 1),
    ));
    goals.push(Goal {
        what: "bootstrap.zip for arm64",
        against: "-".into(),
        limit: AtMost(1.0),
        found: results
            .median(&Key::of("zip_size", ZIP_ARM64))
            .and_then(|bytes| Summary::of(&[bytes / 1e6])),
        unit: Unit::Megabytes,
    });
    goals.push(times(
        "resend, CPU per record, 7,000 records",
        "ours at 100 records",
        AtMost(1.0),
        &cpu(ours, LARGE),
        &cpu(ours, SMALL),
    ));
    goals
}

/// The name of the package that is deployed.
pub(crate) const ZIP_ARM64: &str = "ours, arm64";

/// The same as rows of a file of results: ratios tell more of two machines than what they are made of.
pub(crate) fn rows(results: &Results) -> String {
    let goals = goals(results).into_iter();
    let lines = goals.filter_map(|goal| {
        let names = format!("{}, against {}", goal.what, goal.against);
        let (figure, unit) = match goal.unit {
            Unit::Times => ("ratio", "×"),
            Unit::Megabytes => return None,
        };
        Some(row([figure, &names, "", "0"], unit, &goal.found?))
    });
    lines.collect()
}

/// The table, as Markdown. Says how many lines are not reached, too.
pub(crate) fn table(results: &Results) -> (String, usize) {
    let mut out = String::from(
        "| what | against | to reach | reached: median (quartiles) | |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    let mut short_of = 0;
    for goal in goals(results) {
        let (sign, limit, is_reached): (_, _, fn(f64, f64) -> bool) = match goal.limit {
            Limit::AtMost(limit) => ("≤", limit, |found, limit| found <= limit),
            Limit::AtLeast(limit) => ("≥", limit, |found, limit| found >= limit),
        };
        let (found, verdict) = match goal.found {
            None => ("-".to_string(), "not measured"),
            Some(found) => {
                let reached = is_reached(found.median, limit);
                short_of += usize::from(!reached);
                let mut text = goal.unit.write(found.median);
                if found.count > 1 {
                    let (low, high) = (goal.unit.write(found.low), goal.unit.write(found.high));
                    let _ = write!(text, " ({low} to {high})");
                }
                (text, if reached { "pass" } else { "**short**" })
            }
        };
        let _ = writeln!(
            out,
            "| {} | {} | {sign} {} | {found} | {verdict} |",
            goal.what,
            goal.against,
            goal.unit.write(limit),
        );
    }
    (out, short_of)
}

impl Unit {
    fn write(self, value: f64) -> String {
        match self {
            Self::Times => times(value),
            Self::Megabytes => format!("{value:.2} MB"),
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
    fn a_goal_is_reached_or_not_or_not_measured() {
        let mut results = Results::default();
        results.add(Key::of("start", "ours"), "µs", 0, 130.0);
        results.add(Key::of("start", FLOOR_START), "µs", 0, 100.0);
        results.add(Key::of("start", "Go"), "µs", 0, 200.0);
        let (table, short_of) = table(&results);
        assert!(table.contains("| ≤ 1.30 × | 1.30 × | pass |"), "{table}");
        assert!(
            table.contains("| Go | ≤ 1/2 | 0.65 × | **short** |"),
            "{table}"
        );
        assert!(
            table.contains("| Python | ≤ 1/100 | - | not measured |"),
            "{table}"
        );
        assert_eq!(short_of, 1);
        let rows = rows(&results);
        let first = rows.lines().next();
        assert_eq!(
            first,
            Some(
                "ratio,\"cold start, against floor: an empty static binary\",,0,×,1.3,1.3,1.3,1.3,1.3,1"
            )
        );
        assert_eq!(rows.lines().count(), 2);
    }
}
