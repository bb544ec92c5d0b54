//! The stand-in Node alone, telling once a second what arrived.

use std::{io::Write, thread, time::Duration};

use super::error::{CommandError, printing};
use crate::standin::node::{Options, Snapshot, StandInNode};

/// Starts a Node at `address` and reports on it until the process is ended.
///
/// # Errors
///
/// Returns an error when the address can not be bound or `out` fails.
pub fn run(address: &str, out: &mut dyn Write) -> Result<(), CommandError> {
    let node = StandInNode::start(address, Options::default())
        .map_err(|e| CommandError::with_cause(format!("failed to listen on {address}"), e))?;
    writeln!(out, "listening on {}", node.address()).map_err(printing)?;
    out.flush().map_err(printing)?;
    let mut last = Snapshot::default();
    loop {
        thread::sleep(Duration::from_secs(1));
        let now = node.snapshot();
        report(&last, &now, out).map_err(printing)?;
        last = now;
    }
}

/// Writes what is new since `last`, and nothing when nothing is.
fn report(last: &Snapshot, now: &Snapshot, out: &mut dyn Write) -> std::io::Result<()> {
    if now.arrived() == last.arrived() && now.connections == last.connections {
        return Ok(());
    }
    let new = now.violations.get(last.violations.len()..);
    for violation in new.unwrap_or_default() {
        writeln!(out, "violation: {violation}")?;
    }
    writeln!(
        out,
        "{} connections, {} requests, {} responses, {} batches; \
         {} distinct records, {} repeated, {} unpaired, {} violations",
        now.connections,
        now.requests,
        now.responses,
        now.batches,
        now.distinct,
        now.repeated,
        now.unpaired,
        now.violation_count
    )?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_reported() {
        let mut out = Vec::new();
        let mut now = Snapshot::default();
        report(&now, &now, &mut out).unwrap();
        assert!(out.is_empty());

        let last = now.clone();
        now.requests = 1;
        now.unpaired = 1;
        report(&last, &now, &mut out).unwrap();
        let expected = "0 connections, 1 requests, 0 responses, 0 batches; \
             0 distinct records, 0 repeated, 1 unpaired, 0 violations\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);

        out.clear();
        let last = Snapshot {
            violations: vec!["old".into()],
            violation_count: 1,
            ..now.clone()
        };
        now.violations = vec!["old".into(), "new".into()];
        now.violation_count = 2;
        report(&last, &now, &mut out).unwrap();
        let text = String::from_utf8_lossy(&out);
        assert!(
            text.starts_with("violation: new\n") && !text.contains("old"),
            "{text}"
        );
    }

    #[test]
    fn address_which_can_not_be_bound_is_named() {
        let error = run("192.0.2.1:1", &mut Vec::new()).unwrap_err().to_string();
        assert!(
            error.starts_with("failed to listen on 192.0.2.1:1: "),
            "{error}"
        );
    }
}
