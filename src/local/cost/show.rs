//! The bill as text for a terminal, and as JSON.

use std::fmt::Write as _;

use serde_json::json;

use super::bill::{Bill, Saving};
use super::plan::{Plan, Via};
use super::prices::Prices;

/// The bill in lines of at most 80 characters.
#[must_use]
pub fn text(plan: &Plan, prices: &Prices, bill: &Bill, savings: &[Saving]) -> String {
    let mut out = String::new();
    // Writing into a string can't fail.
    let _ = write_text(&mut out, plan, prices, bill, savings);
    out
}

fn write_text(
    out: &mut String,
    plan: &Plan,
    prices: &Prices,
    bill: &Bill,
    savings: &[Saving],
) -> std::fmt::Result {
    writeln!(
        out,
        "{} calls a month, lines of {} bytes, {}",
        number(plan.calls),
        number(plan.line_bytes),
        match plan.via {
            Via::CloudWatch => "by CloudWatch Logs",
            Via::Firehose => "by Firehose",
            Via::Kinesis => "by CloudWatch Logs and Kinesis",
        },
    )?;
    writeln!(
        out,
        "{} lines an event, {} % forwarded, {} ms of Lambda an event\n",
        number(bill.lines_per_event),
        number(plan.share * 100.0),
        number(bill.billed_ms)
    )?;
    writeln!(out, "{:<40}{:>22}{:>14}", "part", "a month", "dollars")?;
    let line = |out: &mut String, name: &str, quantity: &str, dollars: f64| {
        writeln!(out, "{name:<40}{quantity:>22}{:>14}", money(dollars))
    };
    for part in &bill.parts {
        let quantity = format!("{} {}", number(part.quantity), part.unit);
        line(out, part.name, quantity.trim_end(), part.dollars)?;
    }
    let total = bill.total();
    line(out, "all", "", total)?;
    writeln!(
        out,
        "\nA million calls: ${}",
        money(total / plan.calls * 1e6)
    )?;
    if let Some(part) = bill.largest() {
        let percent = number((part.dollars / total * 100.0).round());
        writeln!(out, "The largest part: {}, {percent} %", part.name)?;
    }
    if !savings.is_empty() {
        writeln!(out, "\nEach of these alone would save, a month:")?;
        for saving in savings {
            writeln!(out, "  {:<60}{:>14}", saving.change, money(saving.dollars))?;
        }
    }
    writeln!(
        out,
        "\nAWS's list prices of {}, calculated and not measured: bench/COSTS.md",
        prices.as_of
    )
}

/// The bill as a JSON object in one line.
#[must_use]
pub fn json(plan: &Plan, prices: &Prices, bill: &Bill, savings: &[Saving]) -> String {
    let parts: Vec<_> = bill
        .parts
        .iter()
        .map(|part| {
            json!({
                "group": part.group.name(),
                "part": part.name,
                "quantity": part.quantity,
                "unit": part.unit,
                "dollars": part.dollars,
            })
        })
        .collect();
    let savings: Vec<_> = savings
        .iter()
        .map(|saving| json!({ "change": saving.change, "dollars": saving.dollars }))
        .collect();
    let value = json!({
        "pricesAsOf": prices.as_of,
        "calls": plan.calls,
        "lineBytes": plan.line_bytes,
        "share": plan.share,
        "invocations": bill.events,
        "linesPerEvent": bill.lines_per_event,
        "billedMs": bill.billed_ms,
        "parts": parts,
        "dollars": bill.total(),
        "dollarsPerMillionCalls": bill.total() / plan.calls * 1e6,
        "largest": bill.largest().map(|part| part.name),
        "savings": savings,
    });
    format!("{value}\n")
}

/// Dollars with cents. What is more than nothing and less than a cent shows as that.
#[must_use]
pub fn money(dollars: f64) -> String {
    if dollars > 0.0 && dollars < 0.005 {
        return "< 0.01".into();
    }
    grouped(&format!("{dollars:.2}"))
}

/// A quantity with three digits at least.
#[must_use]
pub fn number(value: f64) -> String {
    let digits = match value {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    if text == "0" && value > 0.0 {
        return format!("{value:.1e}");
    }
    grouped(text)
}

/// `1234567.89` as `1,234,567.89`.
fn grouped(text: &str) -> String {
    let whole = text.find('.').unwrap_or(text.len());
    let mut out = String::new();
    for (at, c) in text.char_indices() {
        if at > 0 && at < whole && (whole - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_for_people() {
        for (value, expected) in [
            (0.0, "0.00"),
            (0.004, "< 0.01"),
            (0.005, "0.01"),
            (999.999, "1,000.00"),
            (1_234_567.891, "1,234,567.89"),
        ] {
            assert_eq!(money(value), expected, "{value}");
        }
        for (value, expected) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.25, "0.25"),
            (0.001, "1.0e-3"),
            (12.34, "12.3"),
            (123.4, "123"),
            (1_000_000.0, "1,000,000"),
        ] {
            assert_eq!(number(value), expected, "{value}");
        }
    }
}
