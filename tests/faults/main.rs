//! The fault matrix: each way in which the Node, the network or the execution environment can fail, with
//! every line of an event counted by its id.
//!
//! Each case does what Lambda does with an asynchronous event: two more attempts with the same id, and
//! then the on-failure destination. At the end each line is at the Node, or in the queue of
//! failures, or was counted with the reason why it can't be forwarded:
//!
//! `in = distinct at the Node + queued + refused + skipped + sampled`
//!
//! Then the fault is removed, and the same function gets the queue's message: everything that was queued
//! arrives. With sampling, each endpoint arrives, and each error. The program prints a table, and fails unless every
//! row adds up.

#![allow(
    clippy::unwrap_used,
    reason = "a case that can't be set up is a failed case"
)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the table is what it is run for"
)]

#[path = "../it/harness.rs"]
#[allow(dead_code, reason = "the cases need only a part of it")]
mod harness;

#[path = "../it/port.rs"]
mod port;

mod cases;
mod peer;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};

use cases::{CASES, Case, Mode};

/// How many cases run at a time. They mostly wait.
const AT_A_TIME: usize = 6;

/// The result of a case.
struct Row {
    case: &'static str,
    mode: Mode,
    cells: Result<cases::Counts, String>,
}

fn main() -> ExitCode {
    // With arguments, only the cases whose name contains one of them.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let is_wanted = |case: &Case| wanted.is_empty() || wanted.iter().any(|w| case.name.contains(w));
    let jobs: Vec<(&Case, Mode)> = CASES
        .iter()
        .filter(|case| is_wanted(case))
        .flat_map(|case| Mode::ALL.map(|mode| (case, mode)))
        .collect();
    let next = AtomicUsize::new(0);
    let rows: Mutex<Vec<(usize, Row)>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&(case, mode)) = jobs.get(at) else {
                        return;
                    };
                    // A failed assertion fails its case only, and the others continue.
                    let result = thread::spawn(move || cases::run(case, mode)).join();
                    let cells = result.unwrap_or_else(|_| Err("panicked, see above".to_string()));
                    let row = Row {
                        case: case.name,
                        mode,
                        cells,
                    };
                    rows.lock().unwrap().push((at, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap();
    rows.sort_by_key(|(at, _)| *at);
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header([
        "fault", "format", "in", "distinct", "repeated", "queued", "refused", "skipped", "sampled",
        "redriven",
    ]);
    let mut failed = Vec::new();
    for (_, Row { case, mode, cells }) in rows {
        let format = match mode.samples {
            true => format!("{}, sampled", mode.format),
            false => mode.format.to_string(),
        };
        match cells {
            Ok(counts) => {
                table.add_row(
                    [case.to_string(), format]
                        .into_iter()
                        .chain(counts.cells().map(|count| count.to_string())),
                );
            }
            Err(why) => failed.push(format!("{case}, {format}: {why}")),
        }
    }
    println!("{table}");
    for line in &failed {
        eprintln!("FAILED {line}");
    }
    println!("{} of {} cases hold", jobs.len() - failed.len(), jobs.len());
    if failed.is_empty() && !jobs.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
