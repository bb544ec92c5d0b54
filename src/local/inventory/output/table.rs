//! The inventory as a table, for a terminal: a part for each host, with the most called endpoints first.
//!
//! The columns are laid out here and not by a crate for tables: a path keeps both of its ends, columns go one by one
//! where there is no room for them, and the hosts stand between the rows.

use std::io::{self, Write};

use super::{headline, hosts, reasons, shown_host};
use crate::local::{
    error::{CommandError, printing},
    escape,
    inventory::{
        model::{Endpoint, Inventory, Latency},
        published::{self, Period},
    },
};

/// How wide it is where that is not known, in columns.
const COLUMNS: usize = 80;
/// The path has at least this many columns, as long as there are others that can go.
const MIN_PATH: usize = 26;
/// The longest method that is shown whole: the longest of those that are common is OPTIONS.
const MAX_METHOD: usize = 8;

/// How it is to look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// How wide it may be; 80 columns where it is not known.
    pub columns: Option<usize>,
    /// It may have colours.
    pub has_color: bool,
    /// How many endpoints are shown, where not all are.
    pub max_rows: Option<usize>,
}

/// A column beside the path.
#[derive(Debug)]
struct Column {
    title: &'static str,
    of: fn(&Endpoint) -> String,
    is_number: bool,
    /// Those with the lowest go first where there is no room; `None`: it stays.
    goes: Option<u8>,
    width: usize,
}

impl Column {
    /// The spaces before it: numbers stand to the right, so that one is enough.
    fn gap(&self) -> usize {
        match self.title {
            "METHOD" => 0,
            "2xx" | "3xx" | "4xx" | "5xx" | "p50" | "p95" => 1,
            _ => 2,
        }
    }
}

/// Writes it, and what its last column means.
///
/// # Errors
///
/// Returns the error of `out`.
pub fn write(inventory: &Inventory, look: Look, out: &mut dyn Write) -> Result<(), CommandError> {
    write_all(inventory, look, out).map_err(printing)
}

/// [`write`], with the error of `out` as it is.
pub(crate) fn write_all(inventory: &Inventory, look: Look, out: &mut dyn Write) -> io::Result<()> {
    let all = look.columns.unwrap_or(COLUMNS).max(1);
    wrapped(&format!("{}.", headline(inventory)), all, "", out)?;
    if inventory.endpoints.is_empty() {
        return Ok(());
    }
    let longest = longest_path(inventory);
    let columns = columns(inventory, all, longest);
    let path = longest.min(all.saturating_sub(taken(&columns)).max(1));
    writeln!(out)?;
    let mut header = row(&columns, path, "PATH", |column| column.title.to_string());
    header.truncate(header.trim_end().len());
    writeln!(
        out,
        "{}",
        styled(&header, look, console::Style::new().bold())
    )?;
    let mut left = look.max_rows.unwrap_or(usize::MAX);
    let mut more = (0_u64, 0_u64);
    for (host, endpoints) in hosts(inventory) {
        if left > 0 {
            let host = escape::terminal(shown_host(host));
            let host = escape::elide(&host, all);
            writeln!(out, "{}", styled(&host, look, console::Style::new().cyan()))?;
        }
        for endpoint in endpoints {
            if left == 0 {
                more = (more.0 + 1, more.1 + endpoint.calls);
                continue;
            }
            left -= 1;
            let name = escape::terminal(&endpoint.path);
            let line = row(&columns, path, &name, |column| (column.of)(endpoint));
            let style = match &endpoint.hidden {
                Some(_) => console::Style::new().dim(),
                None => console::Style::new(),
            };
            writeln!(out, "{}", styled(line.trim_end(), look, style))?;
        }
    }
    if more.0 > 0 {
        writeln!(out, "and {} more endpoints with {} calls", more.0, more.1)?;
    }
    writeln!(out)?;
    legend(inventory, all, out)?;
    for limit in &inventory.limits {
        wrapped(&escape::terminal(limit), all, "", out)?;
    }
    Ok(())
}

/// What the column of Wallarm means.
fn legend(inventory: &Inventory, all: usize, out: &mut dyn Write) -> io::Result<()> {
    let endpoints = inventory.endpoints.len();
    let reasons = reasons(inventory);
    let hidden: u64 = reasons.iter().map(|(_, count)| count).sum();
    let shown = (endpoints as u64).saturating_sub(hidden);
    let end = if reasons.is_empty() {
        "."
    } else {
        ". It would not show, because"
    };
    let text = format!(
        "WALLARM: by its published rules, it would show {shown} of {endpoints} endpoints{end}"
    );
    wrapped(&text, all, "", out)?;
    let most = reasons
        .iter()
        .map(|(_, count)| count.to_string().len())
        .max();
    for (reason, count) in &reasons {
        let sentence = published::sentence(reason).unwrap_or("another version's reason");
        let reason = escape::terminal(reason);
        let width = most.unwrap_or(0);
        let text = format!("{count:>width$}  {reason:<7} {sentence}");
        wrapped(&text, all, "  ", out)?;
    }
    let period = Period {
        first: inventory.first,
        last: inventory.last,
    };
    if inventory.calls > 0 && !period.exceeds_time_frame() {
        let text = "Wallarm also wants two calls more than 300 seconds apart: the log's times do not go \
                    that far.";
        wrapped(text, all, "", out)?;
    }
    Ok(())
}

/// The columns for which there is room.
fn columns(inventory: &Inventory, all: usize, longest_path: usize) -> Vec<Column> {
    let column = |title, of: fn(&Endpoint) -> String, is_number, goes| Column {
        title,
        of,
        is_number,
        goes,
        width: 0,
    };
    let mut columns = vec![
        column("METHOD", method, false, None),
        column("CALLS", |e| compact(e.calls), true, None),
        column("2xx", |e| count(e.statuses.success), true, Some(3)),
        column("3xx", |e| count(e.statuses.redirection), true, Some(0)),
        column("4xx", |e| count(e.statuses.client_error), true, Some(4)),
        column("5xx", |e| count(e.statuses.server_error), true, Some(5)),
        column("p50", |e| latency(e, |l| l.p50), true, Some(1)),
        column("p95", |e| latency(e, |l| l.p95), true, Some(2)),
        column("SPEC", specified, false, Some(7)),
        column("WALLARM", shown, false, Some(6)),
    ];
    if !inventory.has_specification() {
        columns.retain(|column| column.title != "SPEC");
    }
    for column in &mut columns {
        let widths = inventory
            .endpoints
            .iter()
            .map(|endpoint| escape::width(&(column.of)(endpoint)));
        column.width = widths.max().unwrap_or(0).max(column.title.len());
    }
    let wanted = longest_path.min(MIN_PATH);
    while all < taken(&columns) + wanted {
        let droppable = columns.iter().enumerate();
        let droppable = droppable.filter_map(|(at, column)| Some((column.goes?, at)));
        let Some((_, at)) = droppable.min() else {
            break;
        };
        columns.remove(at);
    }
    columns
}

/// What the columns take beside the path, with the spaces between them.
fn taken(columns: &[Column]) -> usize {
    columns
        .iter()
        .map(|column| column.gap() + column.width)
        .sum::<usize>()
        + 2
}

fn longest_path(inventory: &Inventory) -> usize {
    let widths = inventory
        .endpoints
        .iter()
        .map(|endpoint| escape::width(&escape::terminal(&endpoint.path)));
    widths.max().unwrap_or(0).max("PATH".len())
}

/// A line: the method, the path, and the other columns.
fn row(
    columns: &[Column],
    path_width: usize,
    path: &str,
    of: impl Fn(&Column) -> String,
) -> String {
    let mut line = String::new();
    for (at, column) in columns.iter().enumerate() {
        let text = of(column);
        let space = " ".repeat(column.width.saturating_sub(escape::width(&text)));
        if at > 0 {
            line += &" ".repeat(column.gap());
        }
        match column.is_number {
            true => line = line + &space + &text,
            false => line = line + &text + &space,
        }
        if at == 0 {
            let path = escape::elide(path, path_width);
            let space = " ".repeat(path_width.saturating_sub(escape::width(&path)));
            line = line + "  " + &path + &space;
        }
    }
    line
}

fn styled(text: &str, look: Look, style: console::Style) -> String {
    if look.has_color {
        style.force_styling(true).apply_to(text).to_string()
    } else {
        text.to_string()
    }
}

fn method(endpoint: &Endpoint) -> String {
    escape::elide(&escape::terminal(&endpoint.method), MAX_METHOD).into_owned()
}

fn specified(endpoint: &Endpoint) -> String {
    let text = match endpoint.documented {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    };
    text.to_string()
}

fn shown(endpoint: &Endpoint) -> String {
    match &endpoint.hidden {
        None => "yes".to_string(),
        Some(reason) => escape::elide(&escape::terminal(reason), MAX_METHOD).into_owned(),
    }
}

fn latency(endpoint: &Endpoint, of: fn(&Latency) -> u64) -> String {
    match &endpoint.latency {
        Some(latency) => compact(of(latency)),
        None => "-".to_string(),
    }
}

/// A number of which most are zero.
fn count(number: u64) -> String {
    match number {
        0 => "-".to_string(),
        number => compact(number),
    }
}

/// A number in at most five characters: three digits of it from ten thousand on, the others cut off.
fn compact(number: u64) -> String {
    if number < 10_000 {
        return number.to_string();
    }
    let mut unit = 1_000;
    for name in ["k", "M", "G", "T", "P"] {
        let (whole, rest) = (number / unit, number % unit);
        if whole < 1_000 || name == "P" {
            return match whole {
                0..10 => format!("{whole}.{:02}{name}", rest / (unit / 100)),
                10..100 => format!("{whole}.{}{name}", rest / (unit / 10)),
                _ => format!("{whole}{name}"),
            };
        }
        unit *= 1_000;
    }
    number.to_string()
}

/// Writes a text in lines within `columns`, those after the first with four more spaces.
fn wrapped(text: &str, columns: usize, indent: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut line = indent.to_string();
    let mut is_empty = true;
    for word in text.split(' ') {
        let needed = escape::width(&line) + usize::from(!is_empty) + escape::width(word);
        if !is_empty && needed > columns {
            writeln!(out, "{}", line.trim_end())?;
            line = format!("{indent}    ");
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line += word;
        is_empty = false;
    }
    writeln!(out, "{line}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::inventory::model::Statuses;

    fn inventory(paths: &[&str]) -> Inventory {
        let endpoints = paths.iter().zip(1..).map(|(path, calls)| Endpoint {
            host: "api.example.com".into(),
            path: (*path).into(),
            method: "GET".into(),
            calls,
            statuses: Statuses {
                success: calls,
                ..Statuses::default()
            },
            latency: Some(Latency {
                p50: 12,
                p95: 123_456,
                ..Latency::default()
            }),
            hidden: (calls == 1).then(|| "once".to_string()),
            ..Endpoint::default()
        });
        Inventory {
            calls: 3,
            endpoints: endpoints.collect(),
            ..Inventory::default()
        }
    }

    fn text(inventory: &Inventory, look: Look) -> String {
        let mut out = Vec::new();
        write(inventory, look, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn it_is_as_wide_as_the_terminal_at_most() {
        let long = "/v1/organisations/{organisationId}/repositories/{repositoryId}/members/{id}";
        let inventory = inventory(&["/short", long, "/猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫猫/x"]);
        for columns in [20, 30, 40, 60, 79, 80, 120, 300] {
            let look = Look {
                columns: Some(columns),
                ..Look::default()
            };
            let text = text(&inventory, look);
            let table = text.split("\n\n").nth(1).unwrap();
            for line in table.lines() {
                assert!(escape::width(line) <= columns, "{columns}: {line}");
            }
        }
        assert!(
            text(
                &inventory,
                Look {
                    columns: Some(300),
                    ..Look::default()
                }
            )
            .contains(long)
        );
        let narrow = text(&inventory, Look::default());
        assert!(narrow.contains("/v1/") && narrow.contains("…"), "{narrow}");
        assert!(
            narrow.lines().all(|line| escape::width(line) <= 80),
            "{narrow}"
        );
    }

    #[test]
    fn the_most_called_come_first_and_what_is_hidden_has_its_reason() {
        let text = text(&inventory(&["/a", "/b"]), Look::default());
        let expected = "\
3 calls of 2 endpoints on 1 host.

METHOD  PATH  CALLS 2xx 3xx 4xx 5xx p50  p95  WALLARM
api.example.com
GET     /b        2   2   -   -   -  12 123k  yes
GET     /a        1   1   -   -   -  12 123k  once

WALLARM: by its published rules, it would show 1 of 2 endpoints. It would not
    show, because
  1  once    one response was 2xx, and two are needed
Wallarm also wants two calls more than 300 seconds apart: the log's times do not
    go that far.
";
        assert_eq!(text, expected);
    }

    #[test]
    fn colours_are_only_where_they_may_be() {
        let inventory = inventory(&["/a\u{1b}[31m", "/b"]);
        assert!(!text(&inventory, Look::default()).contains('\u{1b}'));
        let look = Look {
            has_color: true,
            ..Look::default()
        };
        let colored = text(&inventory, look);
        assert!(colored.contains("\u{1b}[1m") && !colored.contains("\u{1b}[31m"));
    }

    #[test]
    fn rows_beyond_the_limit_are_counted() {
        let look = Look {
            max_rows: Some(1),
            ..Look::default()
        };
        let text = text(&inventory(&["/a", "/b", "/c"]), look);
        assert!(
            text.contains("\nand 2 more endpoints with 3 calls\n"),
            "{text}"
        );
    }

    #[test]
    fn numbers_take_five_characters() {
        for (number, expected) in [
            (0, "0"),
            (9_999, "9999"),
            (10_000, "10.0k"),
            (12_399, "12.3k"),
            (999_999, "999k"),
            (1_234_567, "1.23M"),
            (10_000_000_000, "10.0G"),
            (u64::MAX, "18446P"),
        ] {
            assert_eq!(compact(number), expected);
        }
    }
}
