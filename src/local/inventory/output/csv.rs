//! The inventory as CSV (RFC 4180), a row an endpoint. No cell is a formula of a spreadsheet.

use std::io::{self, Write};

use csv::{Terminator, WriterBuilder};

use super::text::moment;
use crate::local::{
    error::{CommandError, printing},
    escape,
    inventory::model::{Endpoint, Inventory, Latency, Source},
};

/// The names of the columns. Times are in RFC 3339, latencies in milliseconds.
const HEADER: [&str; 20] = [
    "host",
    "method",
    "path",
    "source",
    "documented",
    "calls",
    "2xx",
    "3xx",
    "4xx",
    "5xx",
    "other",
    "mean_ms",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "max_ms",
    "first",
    "last",
    "shown_by_wallarm",
    "hidden_because",
];

/// Writes it, with a header.
///
/// # Errors
///
/// Returns the error of `out`.
pub fn write(inventory: &Inventory, out: &mut dyn Write) -> Result<(), CommandError> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(out);
    writer.write_record(HEADER).map_err(failed)?;
    for endpoint in &inventory.endpoints {
        writer.write_record(row(endpoint)).map_err(failed)?;
    }
    writer.flush().map_err(printing)
}

fn row(endpoint: &Endpoint) -> [String; HEADER.len()] {
    let source = match endpoint.source {
        Source::Specification => "specification",
        Source::Route => "route",
        Source::Learned => "learned",
    };
    let statuses = endpoint.statuses;
    let latency = |of: fn(&Latency) -> u64| {
        endpoint
            .latency
            .as_ref()
            .map_or_else(String::new, |latency| of(latency).to_string())
    };
    let time = |time: Option<i64>| {
        time.and_then(moment)
            .map_or_else(String::new, |time| time.iso)
    };
    let hidden = endpoint.hidden.as_deref();
    [
        escape::cell(&endpoint.host).into_owned(),
        escape::cell(&endpoint.method).into_owned(),
        escape::cell(&endpoint.path).into_owned(),
        source.to_string(),
        endpoint
            .documented
            .map_or_else(String::new, |documented| documented.to_string()),
        endpoint.calls.to_string(),
        statuses.success.to_string(),
        statuses.redirection.to_string(),
        statuses.client_error.to_string(),
        statuses.server_error.to_string(),
        statuses.other.to_string(),
        latency(|latency| latency.mean),
        latency(|latency| latency.p50),
        latency(|latency| latency.p95),
        latency(|latency| latency.p99),
        latency(|latency| latency.max),
        time(endpoint.first),
        time(endpoint.last),
        hidden.is_none().to_string(),
        escape::cell(hidden.unwrap_or_default()).into_owned(),
    ]
}

/// A failure of the writer, which can only be that of `out`: all rows have as many cells.
fn failed(error: csv::Error) -> CommandError {
    match error.into_kind() {
        csv::ErrorKind::Io(cause) => printing(cause),
        other => printing(io::Error::other(format!("{other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_none_is_an_empty_cell() {
        for (time, expected) in [
            (1_795_341_600_123, "2026-11-22T10:00:00Z"),
            (253_402_300_800_000, ""),
            (-1, ""),
        ] {
            let endpoint = Endpoint {
                last: Some(time),
                ..Endpoint::default()
            };
            assert_eq!(row(&endpoint)[17], expected);
        }
    }
}
