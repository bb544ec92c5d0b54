//! The inventory as Markdown, a table a host, for GitHub and what reads the same.

use std::io::{self, Write};

use super::{hosts, reasons, shown_host};
use crate::local::{
    error::{CommandError, printing},
    escape,
    inventory::{
        model::{Endpoint, Inventory},
        published,
    },
};

/// Writes it.
///
/// # Errors
///
/// Returns the error of `out`.
pub fn write(inventory: &Inventory, out: &mut dyn Write) -> Result<(), CommandError> {
    write_all(inventory, out).map_err(printing)
}

fn write_all(inventory: &Inventory, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}.", super::headline(inventory))?;
    for (host, endpoints) in hosts(inventory) {
        writeln!(out, "\n### {}\n", escape::markdown(shown_host(host)))?;
        writeln!(
            out,
            "| Method | Path | Calls | 2xx | 3xx | 4xx | 5xx | p50 ms | p95 ms | Wallarm |"
        )?;
        writeln!(
            out,
            "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
        )?;
        for endpoint in endpoints {
            write_row(endpoint, out)?;
        }
    }
    let reasons = reasons(inventory);
    if !reasons.is_empty() {
        writeln!(
            out,
            "\nWhy Wallarm would not show an endpoint, by its published rules:\n"
        )?;
    }
    for (reason, _) in reasons {
        let sentence = published::sentence(reason).unwrap_or("another version's reason");
        writeln!(out, "- {}: {sentence}", escape::markdown(reason))?;
    }
    for limit in &inventory.limits {
        writeln!(out, "\n{}", escape::markdown(limit))?;
    }
    Ok(())
}

fn write_row(endpoint: &Endpoint, out: &mut dyn Write) -> io::Result<()> {
    let statuses = endpoint.statuses;
    let [p50, p95] = match endpoint.latency {
        Some(latency) => [latency.p50.to_string(), latency.p95.to_string()],
        None => [String::new(), String::new()],
    };
    let shown = match &endpoint.hidden {
        Some(reason) => format!("no: {}", escape::markdown(reason)),
        None => "yes".to_string(),
    };
    writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {} | {p50} | {p95} | {shown} |",
        escape::markdown(&endpoint.method),
        escape::markdown(&endpoint.path),
        endpoint.calls,
        statuses.success,
        statuses.redirection,
        statuses.client_error,
        statuses.server_error,
    )
}
