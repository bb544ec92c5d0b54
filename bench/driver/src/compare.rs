//! Two files of results, side by side.

use std::collections::BTreeMap;
use std::fs;

use crate::contender::renamed;
use crate::results::{HEAD, short};
use crate::targets::times;
use crate::{Error, Result};

/// A difference of a hundredth counts as none, whatever the samples are.
const CLOSE: f64 = 0.01;

/// One figure of a file.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    unit: String,
    median: f64,
    low: f64,
    high: f64,
}

type Rows = BTreeMap<[String; 4], Row>;

/// Prints the figures that differ by more than their spread.
pub(crate) fn compare(before: &str, after: &str) -> Result<()> {
    let read = |file: &str| -> Result<Rows> {
        let text =
            fs::read_to_string(file).map_err(|error| format!("failed to read {file}: {error}"))?;
        rows(&text).map_err(|error| format!("{file}: {error}").into())
    };
    print!("{}", table(&read(before)?, &read(after)?));
    Ok(())
}

fn table(before: &Rows, after: &Rows) -> String {
    let mut lines = vec![["figure", "of", "before", "after", "after/before", ""].map(String::from)];
    let mut same = 0;
    let mut single = Vec::new();
    for (key, b) in before {
        let Some(a) = after.get(key) else {
            single.push(format!("only before: {}", key.join(" ")));
            continue;
        };
        // The middle halves of the samples overlap, or a single count hardly differs.
        let is_close = (a.median - b.median).abs() <= b.median.abs() * CLOSE;
        if b.low <= a.high && a.low <= b.high || is_close {
            same += 1;
            continue;
        }
        let [figure, contender, scheme, records] = key;
        let mut of = contender.clone();
        if !scheme.is_empty() {
            of = format!("{of}, {scheme}");
        }
        if records != "0" {
            of = format!("{of}, {records} records");
        }
        lines.push([
            figure.clone(),
            of,
            format!("{} {}", short(b.median), b.unit),
            format!("{} {}", short(a.median), a.unit),
            if b.median > 0.0 {
                times(a.median / b.median)
            } else {
                "-".into()
            },
            if a.median > b.median { "more" } else { "less" }.into(),
        ]);
    }
    for key in after.keys().filter(|key| !before.contains_key(*key)) {
        single.push(format!("only after: {}", key.join(" ")));
    }
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut out = String::new();
    if lines.len() > 1 {
        for line in &lines {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .map(|(cell, &width)| format!("{cell:width$}"))
                .collect();
            out.push_str(cells.join("  ").trim_end());
            out.push('\n');
        }
    }
    for line in single {
        out.push_str(&line);
        out.push('\n');
    }
    out.push_str(&format!(
        "{same} figures are the same within their quartiles, or within a hundredth.\n"
    ));
    out
}

fn rows(text: &str) -> Result<Rows> {
    let rest = text
        .strip_prefix(HEAD)
        .ok_or_else(|| Error::from("it does not begin with the header of a file of results"))?;
    rest.lines()
        .map(|line| {
            let cells = cells(line);
            let [figure, contender, scheme, records, unit, numbers @ ..] = &cells[..] else {
                return Err(format!("expected more cells in the line {line}").into());
            };
            let number = |at: usize| -> Result<f64> {
                let text = numbers
                    .get(at)
                    .ok_or_else(|| format!("a line with too few cells: {line}"))?;
                Ok(text.parse()?)
            };
            let row = Row {
                unit: unit.clone(),
                median: number(0)?,
                low: number(2)?,
                high: number(3)?,
            };
            let key = [figure, &renamed(contender), scheme, records].map(String::clone);
            Ok((key, row))
        })
        .collect()
}

/// The cells of a line. Texts are in quotes and contain no quotes.
fn cells(line: &str) -> Vec<String> {
    let mut is_quoted = false;
    line.split(|c| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    })
    .map(|cell| cell.trim_matches('"').to_string())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::{DECODERS, EMPTY_DYNAMIC, EMPTY_RUST, EMPTY_STATIC, ONE_IN_FLIGHT};
    use crate::results::{Key, Results};

    fn results(value: f64) -> Rows {
        let mut results = Results::default();
        for (round, share) in [0.99, 1.0, 1.01].into_iter().enumerate() {
            results.add(
                Key::with("wall", "ours, resend", "http", 7),
                "ms",
                round,
                value * share,
            );
            results.add(Key::of("start", "Go"), "µs", round, share);
        }
        rows(&results.csv()).unwrap()
    }

    #[test]
    fn differences_are_shown() {
        let text = table(&results(10.0), &results(20.0));
        assert!(
            text.contains("ours, resend, http, 7 records  10 ms   20 ms  2.00 ×        more"),
            "{text}"
        );
        assert!(
            text.ends_with(
                "1 figures are the same within their quartiles, or within a hundredth.\n"
            ),
            "{text}"
        );
        assert!(!text.contains("Go"), "{text}");
    }

    #[test]
    fn earlier_names_of_baselines_are_compared_with_the_present_ones() {
        let mut results = Results::default();
        for name in [EMPTY_STATIC, EMPTY_DYNAMIC, EMPTY_RUST, ONE_IN_FLIGHT] {
            results.add(Key::of("start", name), "µs", 0, 1.0);
        }
        for name in DECODERS.iter().flat_map(|(_, names)| *names) {
            results.add(Key::of("decode_cpu_per_record", name), "ns", 0, 1.0);
        }
        let after = results.csv();
        let before = after
            .replace("lower bound:", "floor:")
            .replace("baseline:", "floor:");
        assert_ne!(before, after);
        assert_eq!(
            table(&rows(&before).unwrap(), &rows(&after).unwrap()),
            "8 figures are the same within their quartiles, or within a hundredth.\n"
        );
    }

    #[test]
    fn figures_of_only_one_file_are_named() {
        let text = table(&results(10.0), &Rows::new());
        assert!(
            text.contains("only before: wall ours, resend http 7"),
            "{text}"
        );
        assert!(rows("other").is_err());
    }
}
