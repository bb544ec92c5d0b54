//! The results as a page for readers, and as a chart.

use std::fmt::Write as _;

use cw_resend_lambda::local::cost::prices::Prices;

use crate::chart::{Bar, Kind, Panel, draw};
use crate::contender::{
    ASKS, DECODERS, EMPTY_DYNAMIC, EMPTY_RUST, EMPTY_STATIC, ONE_IN_FLIGHT, OURS_ARM64,
    OURS_STATIC, PROCESSORS, Who,
};
use crate::data::{Lines, SIZES, SMALL_SIZES};
use crate::invoke::Scheme;
use crate::results::{Key, Results};
use crate::stats::Summary;
use crate::targets;

/// Facts about the machine and the programs, by name.
pub(crate) type Facts = Vec<(String, String)>;

const STARTERS: [&str; 9] = [
    "ours",
    OURS_STATIC,
    "Rust, reqwest",
    "Go",
    "Python",
    ASKS,
    EMPTY_STATIC,
    EMPTY_DYNAMIC,
    EMPTY_RUST,
];

/// The page.
pub(crate) fn page(results: &Results, facts: &Facts, prices: &Prices, sizes: &[usize]) -> String {
    let mut out = String::from(
        "# Results\n\n\
         Written by `bench/run`. `bench/README.md` explains what each figure means and what it does not \
         show. A value is the median of its samples, with the quartiles in parentheses. A ratio is the \
         median of the ratios of one round each.\n\n\
         ![What forwarding takes, as a multiple of ours](chart.svg)\n\n",
    );
    for (name, value) in facts {
        let _ = writeln!(out, "- {name}: {value}");
    }
    if sizes == SIZES {
        let (table, _) = targets::table(results);
        let _ = write!(out, "\n## Targets\n\n{table}");
    } else {
        out.push_str(
            "\nA quick run: it shows that every contender works. Its figures have little meaning.\n",
        );
    }

    out.push_str("\n## Cold start: from exec to the first `/next`\n\n");
    out.push_str("For the empty programs it is the time until they have ended.\n\n");
    out.push_str(&table(
        results,
        &[
            "",
            "time",
            "CPU",
            "minor faults",
            "major faults",
            "system calls",
            "resident",
            "threads",
            "instructions",
            "from the disk",
            "from the disk, CPU",
        ],
        &STARTERS,
        |name| {
            [
                "start",
                "start_cpu",
                "start_minor_faults",
                "start_major_faults",
                "start_system_calls",
                "start_resident",
                "start_threads",
                "start_instructions",
                "start_from_disk",
                "start_from_disk_cpu",
            ]
            .map(|figure| Key::of(figure, name))
            .to_vec()
        },
    ));

    if let Some(cpuid) = cell(results, &Key::of("cpuid", "this machine")) {
        let _ = write!(
            out,
            "\nA `CPUID` takes {cpuid} here. On a virtual machine each one leaves the guest.\n"
        );
    }

    out.push_str("\n## Decode and parse: base64, gzip and both layers of JSON\n\n");
    out.push_str("CPU for each record, by the number of records in the event.\n\n");
    let decoders: Vec<&str> = DECODERS.iter().flat_map(|(_, names)| *names).collect();
    out.push_str(&table(
        results,
        &headings(sizes, &["instructions, largest"]),
        &decoders,
        |name| {
            let at = |records| Key::with("decode_cpu_per_record", name, "", records);
            let mut keys: Vec<Key> = sizes.iter().map(|&records| at(records)).collect();
            keys.push(Key::of("decode_instructions_per_record", name));
            keys
        },
    ));

    out.push_str(&kinds(results));
    out.push_str(&small_events(results));
    out.push_str(&processors(results));

    for (figure, title, text) in [
        (
            "cpu_per_record",
            "CPU for each record",
            "For invocations after the first.",
        ),
        (
            "first_cpu_per_record",
            "CPU for each record, first invocation",
            "The first invocation opens the connections.",
        ),
        (
            "wall",
            "Wall time of an invocation",
            "The stand-ins run on the same cores.",
        ),
        (
            "peak_memory",
            "Peak memory",
            "The maximum of the resident memory.",
        ),
    ] {
        let _ = write!(
            out,
            "\n## {title}\n\n{text} By the number of records in the event.\n"
        );
        for scheme in Scheme::ALL {
            let _ = write!(out, "\n`{}`\n\n", scheme.name());
            out.push_str(&by_size(results, figure, scheme, sizes));
        }
    }

    out.push_str("\n## On the wire\n\n");
    out.push_str("For the largest event. Bytes are for each record, after the first invocation.\n");
    let largest = sizes.last().copied().unwrap_or(0);
    for scheme in Scheme::ALL {
        let _ = write!(out, "\n`{}`\n\n", scheme.name());
        out.push_str(&table(
            results,
            &[
                "",
                "sent",
                "received",
                "messages",
                "connections, first",
                "connections, later",
                "threads",
            ],
            &Who::ALL.map(Who::name),
            |name| {
                [
                    "bytes_sent_per_record",
                    "bytes_received_per_record",
                    "messages_per_record",
                    "first_connections",
                    "later_connections",
                    "threads",
                ]
                .map(|figure| Key::with(figure, name, scheme.name(), largest))
                .to_vec()
            },
        ));
    }

    out.push_str("\n## Allocations and instructions\n\n");
    out.push_str("For each record, http, the second invocation with an event of this size.\n\n");
    let mut keys: Vec<(&str, usize)> = sizes
        .iter()
        .map(|&records| ("allocations_per_record", records))
        .collect();
    keys.push(("allocated_per_record", largest));
    keys.push(("instructions_per_record", largest));
    let mut titles: Vec<String> = vec![String::new()];
    titles.extend(
        sizes
            .iter()
            .map(|records| format!("allocations, {}", grouped(*records))),
    );
    titles.push("allocated, largest".into());
    titles.push("instructions, largest".into());
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    out.push_str(&table(results, &titles, &Who::ALL.map(Who::name), |name| {
        let key = |&(figure, records)| Key::with(figure, name, "http", records);
        keys.iter().map(key).collect()
    }));

    out.push_str("\n## A Node that takes 1 ms for each message\n\n");
    let _ = write!(
        out,
        "The first invocation with {} records, http. CPU is for each record. The last column is the time with a \
         fourteenth of a core, and a Node that takes 0.25 ms.\n\n",
        grouped(largest)
    );
    let mut names = vec![ONE_IN_FLIGHT];
    names.extend(Who::ALL.map(Who::name));
    let headings = ["", "time", "CPU", "time, a share of a core"];
    out.push_str(&table(results, &headings, &names, |name| {
        ["delayed_wall", "delayed_cpu_per_record", "throttled_wall"]
            .map(|figure| Key::with(figure, name, "http", largest))
            .to_vec()
    }));

    out.push_str("\n## System calls\n\n");
    out.push_str("For each record of the largest event, as strace counts them, after the first invocation.\n\n");
    out.push_str(&table(
        results,
        &["", "calls"],
        &Who::ALL.map(Who::name),
        |name| vec![Key::with("system_calls_per_record", name, "http", largest)],
    ));

    out.push_str("\n## Size\n\n");
    let sized = [OURS_ARM64, "ours", "Rust, reqwest", "Go", "Python"];
    out.push_str(&table(results, &["", "program", "zip"], &sized, |name| {
        vec![Key::of("program_size", name), Key::of("zip_size", name)]
    }));
    out.push_str(
        "\nFor Python it is the part that the user uploads, the function and `urllib3`. AWS provides the \
         interpreter and `awslambdaric`. The other programs contain everything.\n",
    );

    out.push_str("\n## Cost\n\n");
    let _ = write!(
        out,
        "Dollars for a million log lines in events of {}: ${} for a GB-second and ${} for a million \
         requests (us-east-1, arm64, {}), without the free tier. CPU as measured here.\n\n",
        grouped(largest),
        prices.gb_second,
        prices.million_requests,
        prices.as_of,
    );
    out.push_str(&table(
        results,
        &["", "memory", "billed for an event", "a million lines"],
        &Who::ALL.map(Who::name),
        |name| {
            ["cost_memory", "cost_billed", "cost_per_million_lines"]
                .map(|figure| Key::of(figure, name))
                .to_vec()
        },
    ));

    if !results.absent.is_empty() {
        out.push_str("\n## Not measured\n\n");
        for (what, why) in &results.absent {
            let _ = writeln!(out, "- {what}: {why}");
        }
    }
    out
}

/// What other lines than the uniform ones cost, for each record of an event of the size that was measured.
fn kinds(results: &Results) -> String {
    let names = DECODERS[0].1;
    let all = [Lines::Uniform].into_iter().chain(Lines::OTHERS);
    let mut out = String::from(
        "\n## Lines of other kinds\n\nCPU for each record, http, in events of 7,000, or 100 in a quick run.\n\n\
         | lines | decode, ours | decode, baseline |",
    );
    for who in Who::ALL {
        let _ = write!(out, " {} |", who.name());
    }
    let _ = write!(out, "\n| --- |{}\n", " ---: |".repeat(2 + Who::ALL.len()));
    for lines in all {
        let cell_of = |figure, name, scheme| {
            [SIZES[3], SIZES[1]]
                .into_iter()
                .find_map(|size| cell(results, &Key::with(figure, name, scheme, size)))
                .unwrap_or_else(|| "-".into())
        };
        let mut cells = vec![lines.name().to_string()];
        cells.extend(names.map(|name| cell_of(lines.decode_figure(), name, "")));
        cells.extend(Who::ALL.map(|who| cell_of(lines.cpu_figure(), who.name(), "http")));
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out
}

fn small_events(results: &Results) -> String {
    let mut out = String::from(
        "\n## Small events\n\nCPU of an invocation after the first, http, by the number of records in the event; \
         then the wall time.\n\n",
    );
    let mut titles = vec![String::new()];
    titles.extend(SMALL_SIZES.map(|size| size.to_string()));
    titles.extend(SMALL_SIZES.map(|size| format!("{size}, wall")));
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    out.push_str(&table(results, &titles, &Who::ALL.map(Who::name), |name| {
        let key = |figure| move |size| Key::with(figure, name, "http", size);
        let cpu = SMALL_SIZES.map(key("small_cpu"));
        cpu.into_iter()
            .chain(SMALL_SIZES.map(key("small_wall")))
            .collect()
    }));
    out
}

/// Instructions of the programs for both processors.
fn processors(results: &Results) -> String {
    let mut out = String::from(
        "\n## Instructions on both processors\n\nAs QEMU executes them one by one, for each record of an event of \
         100; inflate is apart.\n\n",
    );
    let titles = [
        "",
        "start",
        "decode",
        "its inflate",
        "resend",
        "its inflate",
        "batch",
        "its inflate",
    ];
    let names = PROCESSORS.map(|(name, ..)| name);
    out.push_str(&table(results, &titles, &names, |name| {
        [
            "emulated_start",
            "emulated_decode",
            "emulated_decode_inflate",
            "emulated_resend",
            "emulated_resend_inflate",
            "emulated_batch",
            "emulated_batch_inflate",
        ]
        .map(|figure| Key::of(figure, name))
        .to_vec()
    }));
    out
}

/// A table with a line for each contender that has at least one figure.
fn table(
    results: &Results,
    headings: &[&str],
    names: &[&'static str],
    keys: impl Fn(&'static str) -> Vec<Key>,
) -> String {
    let mut out = format!("| {} |\n", headings.join(" | "));
    let _ = writeln!(out, "| --- |{}", " ---: |".repeat(headings.len() - 1));
    for &name in names {
        let cells: Vec<Option<String>> = keys(name).iter().map(|key| cell(results, key)).collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        let cells: Vec<String> = cells
            .into_iter()
            .map(|cell| cell.unwrap_or_else(|| "-".into()))
            .collect();
        let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
    }
    out
}

/// A figure by the sizes of events, and how it grows.
fn by_size(results: &Results, figure: &'static str, scheme: Scheme, sizes: &[usize]) -> String {
    let growth = match sizes {
        [.., small, _, large] => Some((*small, *large)),
        _ => None,
    };
    let title =
        growth.map(|(small, large)| format!("growth, {} to {}", grouped(small), grouped(large)));
    let more: Vec<&str> = title.iter().map(String::as_str).collect();
    let headings = headings(sizes, &more);
    let mut out = format!("| {} |\n", headings.join(" | "));
    let _ = writeln!(out, "| --- |{}", " ---: |".repeat(headings.len() - 1));
    for who in Who::ALL {
        let key = |records| Key::with(figure, who.name(), scheme.name(), records);
        let mut cells: Vec<Option<String>> = sizes
            .iter()
            .map(|&records| cell(results, &key(records)))
            .collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        if let Some((small, large)) = growth {
            let ratio = results.ratio(&key(large), &key(small));
            cells.push(ratio.map(|ratio| targets::times(ratio.median)));
        }
        let cells: Vec<String> = cells
            .into_iter()
            .map(|cell| cell.unwrap_or_else(|| "-".into()))
            .collect();
        let _ = writeln!(out, "| {} | {} |", who.name(), cells.join(" | "));
    }
    out
}

fn headings<'a>(sizes: &[usize], more: &[&'a str]) -> Vec<&'a str> {
    let known = |records: &usize| match records {
        1 => "1 record",
        100 => "100",
        1_000 => "1,000",
        7_000 => "7,000",
        _ => "other",
    };
    let mut all = vec![""];
    all.extend(sizes.iter().map(known));
    all.extend(more);
    all
}

/// A figure with its spread, if there is one.
fn cell(results: &Results, key: &Key) -> Option<String> {
    let found = results.get(key)?;
    let unit = results.unit(key);
    let (median, suffix) = scaled(found.median, unit);
    if found.count < 3 || found.low == found.high {
        return Some(format!("{median}{suffix}"));
    }
    let factor = factor(found.median, unit);
    let scale = |value: f64| short3(value * factor);
    Some(format!(
        "{median}{suffix} ({}–{})",
        scale(found.low),
        scale(found.high)
    ))
}

/// A value in a unit that makes it easy to read.
fn scaled(value: f64, unit: &str) -> (String, String) {
    let factor = factor(value, unit);
    let unit = match (unit, factor) {
        ("ns", f) if f < 1.0 => "µs",
        ("µs", f) if f < 1.0 => "ms",
        ("ms", f) if f < 1.0 => "s",
        ("KiB", f) if f < 1.0 => "MiB",
        ("B", f) if f < 1.0 => "kB",
        _ => unit,
    };
    if unit == "$" {
        return (format!("${}", short3(value)), String::new());
    }
    let suffix = if unit.is_empty() {
        String::new()
    } else {
        format!(" {unit}")
    };
    (short3(value * factor), suffix)
}

fn factor(value: f64, unit: &str) -> f64 {
    match unit {
        "ns" | "µs" | "ms" if value >= 1000.0 => 1e-3,
        "KiB" if value >= 1024.0 => 1.0 / 1024.0,
        "B" if value >= 10_000.0 => 1e-3,
        _ => 1.0,
    }
}

/// Three significant digits are enough for a page.
fn short3(value: f64) -> String {
    if value.abs() >= 1000.0 {
        return grouped(value.round() as usize);
    }
    if value == 0.0 {
        return "0".into();
    }
    let digits = (2 - value.abs().log10().floor() as i32).max(0);
    let text = format!("{value:.*}", usize::try_from(digits).unwrap_or(0));
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        text
    }
}

/// Digits in groups of three.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The chart of the most important figures.
pub(crate) fn chart(results: &Results, sizes: &[usize]) -> String {
    let largest = sizes.last().copied().unwrap_or(SIZES[3]);
    let contenders: Vec<(&'static str, Kind)> =
        [Who::Resend, Who::Batch, Who::Rust, Who::Go, Who::Python]
            .map(|who| {
                (
                    who.name(),
                    if who.is_ours() {
                        Kind::Ours
                    } else {
                        Kind::Other
                    },
                )
            })
            .to_vec();
    let ours = Who::Resend.name();
    let mut panels = Vec::new();
    let mut add = |title: String, base: Key, bars: Vec<(&'static str, Kind, Key)>| {
        let bars: Vec<Bar> = bars
            .into_iter()
            .filter_map(|(label, kind, key)| {
                let median = results.median(&key)?;
                let (value, unit) = scaled(median, results.unit(&key));
                Some(Bar {
                    label: label.to_string(),
                    kind,
                    ratio: results.ratio(&key, &base).filter(is_positive)?,
                    value: format!("{value}{unit}"),
                })
            })
            .collect();
        if !bars.is_empty() {
            panels.push(Panel { title, bars });
        }
    };
    let start = |name| Key::of("start", name);
    add(
        "Cold start: from exec to the first /next".into(),
        start("ours"),
        STARTERS
            .iter()
            .map(|&name| {
                let kind = match name {
                    "ours" => Kind::Ours,
                    ASKS | EMPTY_STATIC | EMPTY_DYNAMIC | EMPTY_RUST => Kind::LowerBound,
                    OURS_STATIC => Kind::Ours,
                    _ => Kind::Other,
                };
                let label = name
                    .strip_prefix("lower bound: a ")
                    .or_else(|| name.strip_prefix("lower bound: an "))
                    .unwrap_or(name);
                (label, kind, start(name))
            })
            .collect(),
    );
    for (figure, title) in [
        ("cpu_per_record", "CPU for each record"),
        ("peak_memory", "Peak memory"),
    ] {
        let schemes: &[Scheme] = if figure == "cpu_per_record" {
            &Scheme::ALL
        } else {
            &[Scheme::Http]
        };
        for scheme in schemes {
            let at = |name| Key::with(figure, name, scheme.name(), largest);
            add(
                format!("{title}, {}, events of {}", scheme.name(), grouped(largest)),
                at(ours),
                contenders
                    .iter()
                    .map(|&(name, kind)| (name, kind, at(name)))
                    .collect(),
            );
        }
    }
    let cost = |name| Key::of("cost_per_million_lines", name);
    add(
        "Cost of a million log lines on Lambda, modelled".into(),
        cost(ours),
        contenders
            .iter()
            .map(|&(name, kind)| (name, kind, cost(name)))
            .collect(),
    );
    draw(
        "What forwarding takes, as a multiple of ours (resend)",
        &panels,
    )
}

fn is_positive(ratio: &Summary) -> bool {
    ratio.min > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_readable() {
        let show = |value, unit| {
            let (value, unit) = scaled(value, unit);
            format!("{value}{unit}")
        };
        for (found, expected) in [
            (show(0.0, ""), "0"),
            (show(7.413, "µs"), "7.41 µs"),
            (show(4792.0, "µs"), "4.79 ms"),
            (show(5120.0, "KiB"), "5 MiB"),
            (show(2_315_496.0, "B"), "2,315 kB"),
            (show(38.0, "B"), "38 B"),
            (show(0.01234, "$"), "$0.0123"),
            (show(15_432_100.0, ""), "15,432,100"),
        ] {
            assert_eq!(found, expected);
        }
    }
}
