//! What arrives, as it arrives: each endpoint when it is called first, and what is wrong.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Args, End, POLL, listening, stop};
use crate::{
    local::{
        Status,
        error::{CommandError, printing},
        escape::terminal,
        ui::{Ui, counted},
    },
    standin::{
        inventory::{Call, Inventory},
        node::{Options, Seen, Snapshot, StandInNode, Whole},
    },
};

/// How many endpoints are told apart.
const MAX_ENDPOINTS: usize = 10_000;
/// How many records the stand-in remembers: 30 MB or so.
const MAX_RECORDS: usize = 100_000;
/// How many events may wait to be printed. The Node then responds no faster than they are printed.
const MAX_WAITING: usize = 1_024;
/// How many endpoints the summary has.
const MAX_ROWS: usize = 25;

/// Shows what arrives until the end has come.
pub(super) fn run(args: &Args, ui: &Ui, out: &mut dyn Write) -> Result<Status, CommandError> {
    let end = End::new(args)?;
    let (sender, events) = mpsc::sync_channel(MAX_WAITING);
    let options = Options {
        watch: Some(Arc::new(move |seen| {
            // It fails only when the command ends.
            let _ = sender.send(seen);
        })),
        remembers: Some(MAX_RECORDS),
        ..Options::default()
    };
    let mut node = StandInNode::start(&*args.listen, options)
        .map_err(|cause| listening(&args.listen, cause))?;
    let mut view = View::new(args.json, ui);
    view.begin(&node.address().to_string(), out)
        .map_err(printing)?;
    let is_last = |view: &View| args.calls.is_some_and(|calls| view.calls >= calls);
    let mut result = Ok(());
    while result.is_ok() && !end.has_come() && !is_last(&view) {
        match events.recv_timeout(POLL) {
            Ok(seen) => result = view.add(&seen, out),
            Err(RecvTimeoutError::Timeout) => view.refresh(&node.snapshot()),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    stop(&mut node, &events, |seen| {
        if result.is_ok() && !is_last(&view) {
            result = view.add(&seen, out);
        }
    });
    view.progress.finish_and_clear();
    result.map_err(printing)?;
    let snapshot = node.snapshot();
    view.finish(&snapshot, out).map_err(printing)?;
    Ok(match snapshot.violation_count {
        0 => Status::Clean,
        _ => Status::Found,
    })
}

struct View {
    is_json: bool,
    inventory: Inventory,
    calls: u64,
    progress: ProgressBar,
}

impl View {
    fn new(is_json: bool, ui: &Ui) -> Self {
        let progress = match ui.quiet {
            true => ProgressBar::hidden(),
            false => ProgressBar::new_spinner(),
        };
        // The template is a constant and well-formed; a default bar would also do.
        let progress = match ProgressStyle::with_template("{spinner} {msg}") {
            Ok(style) => progress.with_style(style),
            Err(_) => progress,
        };
        Self {
            is_json,
            inventory: Inventory::new(MAX_ENDPOINTS),
            calls: 0,
            progress,
        }
    }

    fn begin(&self, address: &str, out: &mut dyn Write) -> io::Result<()> {
        if self.is_json {
            writeln!(out, "{}", json!({"type": "listening", "address": address}))?;
        } else {
            writeln!(out, "listening on {address}")?;
        }
        out.flush()
    }

    fn add(&mut self, seen: &Seen, out: &mut dyn Write) -> io::Result<()> {
        let line = match seen {
            Seen::Message(_) => None,
            Seen::Violation(text) if self.is_json => {
                Some(json!({"type": "violation", "text": text}).to_string())
            }
            Seen::Violation(text) => Some(format!("! {}", terminal(text))),
            Seen::Record(record) => self.add_record(record),
        };
        let Some(line) = line else {
            return Ok(());
        };
        self.progress.suspend(|| {
            writeln!(out, "{line}")?;
            out.flush()
        })
    }

    /// Returns what is printed of it.
    fn add_record(&mut self, record: &Whole) -> Option<String> {
        self.calls += 1;
        let call = Call {
            method: &record.method,
            host: &record.host,
            path: &record.path,
            status: record.status,
            latency_ms: record.latency_ms,
        };
        let new = match record.is_repeated {
            true => None,
            false => self.inventory.add(&call),
        };
        if self.is_json {
            let line = json!({
                "type": "call", "method": call.method, "host": call.host, "path": call.path,
                "status": call.status, "latencyMs": call.latency_ms,
                "isRepeated": record.is_repeated, "isNewEndpoint": new.is_some(),
            });
            return Some(line.to_string());
        }
        new.map(|new| {
            let (method, host) = (terminal(&new.method), terminal(&new.host));
            format!("+ {method} {host} {}", terminal(&new.path))
        })
    }

    fn refresh(&self, now: &Snapshot) {
        self.progress.set_message(self.totals(now));
        self.progress.tick();
    }

    fn totals(&self, now: &Snapshot) -> String {
        let endpoints = self.inventory.count();
        format!(
            "{}, {}, {}; {} repeated, {} unpaired, {}",
            counted(self.calls, "call"),
            counted(endpoints, "endpoint"),
            counted(now.connections, "connection"),
            now.repeated,
            now.unpaired,
            counted(now.violation_count, "violation"),
        )
    }

    fn finish(&self, now: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
        let endpoints = self.inventory.endpoints();
        if self.is_json {
            let summary = json!({
                "type": "summary", "calls": self.calls, "endpoints": endpoints.len(),
                "connections": now.connections, "repeated": now.repeated, "unpaired": now.unpaired,
                "violations": now.violation_count,
            });
            return writeln!(out, "{summary}");
        }
        writeln!(out, "{}", self.totals(now))?;
        for (endpoint, calls) in endpoints.iter().take(MAX_ROWS) {
            let (method, host) = (terminal(&endpoint.method), terminal(&endpoint.host));
            writeln!(
                out,
                "{calls:>8}  {method:<6} {host} {}",
                terminal(&endpoint.path)
            )?;
        }
        match endpoints.len().saturating_sub(MAX_ROWS) {
            0 => Ok(()),
            more => writeln!(out, "          and {more} other endpoints"),
        }
    }
}
