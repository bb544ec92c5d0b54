//! The function under load: events back to back, at full speed, with faults at random from a fixed
//! seed, one process for each format from the first event to the last.
//!
//! Each event gets up to three attempts with the same id, as Lambda makes them. What is left goes into a
//! queue of failures, which the function empties at the end of a round. Then every line of the round
//! is at the Node, or was counted as a line that can't be forwarded:
//!
//! `in = distinct at the Node + skipped`
//!
//! In the second half of the time the process may use no more memory than in the first, one descriptor for
//! each connection, and one thread between events.
//!
//! `cargo test --release --test load -- --seconds 1800`

#![allow(clippy::unwrap_used, reason = "what can't be set up is a failure")]
#![allow(clippy::print_stdout, reason = "the table is what it is run for")]

#[path = "../it/harness.rs"]
#[allow(dead_code, reason = "this needs only a part of it")]
mod harness;

#[path = "../it/port.rs"]
#[allow(dead_code, reason = "this needs only a part of it")]
mod port;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use cw_resend_lambda::standin::cloudwatch::{Line, event_id, events};
use cw_resend_lambda::standin::node::{Fault, Options, Shape, StandInNode};
use cw_resend_lambda::standin::sample::{Random, sample_lines};
use serde_json::{Value, json};

use harness::{Function, assert_adds_up, count_in};
use port::Port;

/// The seed of the numbers that make every decision. Each format has its own sequence.
const SEED: u64 = 0x6c6f_6164;

/// How many events there are from one accounting to the next.
const EVENTS_IN_A_ROUND: usize = 60;

/// How much more memory the process may use in the second half: an allocator's pages are never quite the
/// same.
const SLACK_KIB: u64 = 2048;

/// How many connections to the Node there are at a time by default.
const CONNECTIONS: u64 = 8;

/// Copies of standard output, which are made with the first line.
const OUTPUTS: u64 = 2;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Short waits, since the Node is often down.
const SETTINGS: [(&str, &str); 3] = [
    ("X_NODE_CONNECT_TIMEOUT_MS", "500"),
    ("X_NODE_TIMEOUT_MS", "1000"),
    ("X_NODE_DOWN_AFTER_MS", "1000"),
];

/// The counts of all events so far.
#[derive(Default)]
struct Totals {
    events: u64,
    lines: u64,
    distinct: u64,
    repeated: u64,
    skipped: u64,
    /// Attempts that failed.
    failed: u64,
    /// Events whose three attempts failed.
    queued: u64,
    retries: u64,
    outages: u64,
}

/// What a process has in use, at a moment when it waits for an event.
#[derive(Clone, Copy, Default)]
struct InUse {
    resident_kib: u64,
    descriptors: u64,
    threads: u64,
}

impl InUse {
    /// Once all threads but one have ended. A thread that has finished its work still needs some processor
    /// time to end.
    fn at_rest(pid: u32) -> Self {
        let until = Instant::now() + harness::PATIENCE;
        loop {
            let in_use = Self::of(pid);
            if in_use.threads == 1 || Instant::now() > until {
                return in_use;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn of(pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            let value = line.split_ascii_whitespace().nth(1).unwrap();
            value.parse::<u64>().unwrap()
        };
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        Self {
            resident_kib: field("VmRSS:"),
            descriptors: descriptors.count() as u64,
            threads: field("Threads:"),
        }
    }

    fn most(self, other: Self) -> Self {
        Self {
            resident_kib: self.resident_kib.max(other.resident_kib),
            descriptors: self.descriptors.max(other.descriptors),
            threads: self.threads.max(other.threads),
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => 20,
        ["--seconds", seconds] => seconds.parse().expect("--seconds needs a whole number"),
        _ => panic!("expected --seconds N, found {arguments:?}"),
    };
    let time = Duration::from_secs(seconds);
    let runs = ["resend", "batch"]
        .map(|format| thread::spawn(move || run(format, time)))
        .map(|run| run.join());
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header([
        "format",
        "events",
        "lines",
        "distinct",
        "skipped",
        "repeated",
        "failed attempts",
        "queued",
        "retries",
        "outages",
        "KiB at first",
        "KiB at last",
        "descriptors",
        "threads",
    ]);
    let mut has_failed = false;
    for run in runs {
        match run {
            Ok(row) => drop(table.add_row(row)),
            Err(_) => has_failed = true,
        }
    }
    println!("{table}");
    assert!(!has_failed, "a line was lost, or something grew: see above");
}

/// The form of the report line that is tested with this wire format: each with one of them.
fn report_line(format: &str) -> &'static str {
    if format == "batch" {
        "compact"
    } else {
        "metrics"
    }
}

/// Loads one process for this long, and returns its row of the table.
fn run(format: &'static str, time: Duration) -> Vec<String> {
    let mut random = Random::new(SEED + format.len() as u64);
    let is_faulty = Arc::new(AtomicBool::new(false));
    // The Node is away now and then.
    let port = Port::new();
    let mut node = start_node(&port, format, &is_faulty, random.next_u64());
    let own = [
        ("X_NODE_FORMAT", format),
        ("X_REPORT_LINE", report_line(format)),
    ];
    let vars = own.into_iter().chain(SETTINGS);
    let function = Function::start(&node, &vars.collect::<Vec<_>>());
    assert!(function.api.wait_idle(harness::PATIENCE));
    let idle = InUse::of(function.pid());
    let started = Instant::now();
    let mut totals = Totals::default();
    let (mut first, mut last) = (InUse::default(), InUse::default());
    let mut rounds = 0_u64;
    while started.elapsed() < time || rounds < 4 {
        if rounds > 0 {
            // A new one, so that it only has the records of one round.
            drop(node);
            node = start_node(&port, format, &is_faulty, random.next_u64());
        }
        node = play(&function, node, &is_faulty, &mut random, &mut totals);
        let in_use = InUse::at_rest(function.pid());
        if started.elapsed() < time / 2 || rounds < 2 {
            first = first.most(in_use);
        } else {
            last = last.most(in_use);
        }
        rounds += 1;
    }
    assert!(
        last.resident_kib <= first.resident_kib + SLACK_KIB,
        "{format}: {} KiB at first, {} KiB at last",
        first.resident_kib,
        last.resident_kib
    );
    let counts = [
        totals.events,
        totals.lines,
        totals.distinct,
        totals.skipped,
        totals.repeated,
        totals.failed,
        totals.queued,
        totals.retries,
        totals.outages,
        first.resident_kib,
        last.resident_kib,
        last.descriptors,
        last.threads,
    ];
    assert!(
        last.descriptors <= idle.descriptors + CONNECTIONS + OUTPUTS,
        "{format}: {counts:?}"
    );
    assert_eq!(
        (first.threads, last.threads),
        (1, 1),
        "{format}: {counts:?}"
    );
    let counts = counts.map(|count| count.to_string());
    [format.to_string()].into_iter().chain(counts).collect()
}

fn start_node(port: &Port, format: &str, is_faulty: &Arc<AtomicBool>, seed: u64) -> StandInNode {
    let is_faulty = Arc::clone(is_faulty);
    // Twelve kinds of faults among so many messages. A batch is one for what are 260 in `resend`.
    let one_in = if format == "resend" { 20_000 } else { 400 };
    let options = Options::with_fault(move |_, nth| {
        if !is_faulty.load(Ordering::SeqCst) {
            return Fault::none();
        }
        fault(Random::new(seed ^ nth.wrapping_mul(0x9e37_79b9_7f4a_7c15)).below(one_in))
    });
    StandInNode::start(port.address, options).unwrap()
}

fn fault(choice: u64) -> Fault {
    match choice {
        0 => Fault::shape(Shape::Drop),
        1 => Fault::shape(Shape::Half),
        2 => Fault::shape(Shape::Garbage),
        3 => Fault::shape(Shape::Close),
        4 => Fault::shape(Shape::CloseSilently),
        5 => Fault::shape(Shape::Interim),
        6 => Fault::shape(Shape::Chunked),
        7 => Fault::status(500),
        8 => Fault::status(503).with_shape(Shape::Close),
        9 => Fault::status(429).with_header("Retry-After", "0"),
        10 => Fault::delay(Duration::from_millis(30)),
        // Longer than the function waits.
        11 => Fault::delay(Duration::from_millis(1_100)),
        _ => Fault::none(),
    }
}

/// One round: events with faults, an outage in every fourth round, and then the queue of failures.
fn play(
    function: &Function,
    node: StandInNode,
    is_faulty: &AtomicBool,
    random: &mut Random,
    totals: &mut Totals,
) -> StandInNode {
    is_faulty.store(true, Ordering::SeqCst);
    let outage = (random.below(4) == 0).then(|| {
        let millis = |bound| Duration::from_millis(bound);
        totals.outages += 1;
        (millis(random.below(1_000)), millis(random.below(3_000)))
    });
    let absent = thread::spawn(move || {
        let mut node = node;
        if let Some((after, duration)) = outage {
            thread::sleep(after);
            node.stop();
            thread::sleep(duration);
            node.restart().unwrap();
        }
        node
    });
    let mut queue = Vec::new();
    let mut lines = 0;
    let mut skipped = 0;
    for _ in 0..EVENTS_IN_A_ROUND {
        let count = [1, 1, 7, 50, 400, 3_000][usize::try_from(random.below(6)).unwrap()];
        let event = event(lines, count);
        lines += count;
        let id = event_id(random.next_u64());
        let report = (0..3).find_map(|_| {
            let (result, report) = function.invoke_as(&id, &event);
            assert_adds_up(&report);
            totals.retries += count_in(&report, "retries");
            totals.failed += u64::from(result.is_err());
            result.is_ok().then_some(report)
        });
        match report {
            Some(report) => skipped += count_in(&report, "recordsSkipped"),
            None => queue.push(message(&id, &event)),
        }
    }
    is_faulty.store(false, Ordering::SeqCst);
    let node = absent.join().unwrap();
    for message in &queue {
        let batch = json!({ "Records": [message] }).to_string();
        let (result, report) = function.outcome_of(|| function.begin(batch.as_bytes(), TIMEOUT));
        assert_eq!(result.unwrap(), json!({ "batchItemFailures": [] }));
        skipped += count_in(&report, "recordsSkipped");
    }
    let snapshot = node.snapshot();
    assert_eq!(snapshot.violations, Vec::<String>::new());
    assert_eq!(
        (lines, snapshot.unpaired),
        (snapshot.distinct + skipped, 0),
        "{skipped} skipped, {snapshot:?}"
    );
    totals.events += EVENTS_IN_A_ROUND as u64;
    totals.lines += lines;
    totals.distinct += snapshot.distinct;
    totals.repeated += snapshot.repeated;
    totals.skipped += skipped;
    totals.queued += queue.len() as u64;
    node
}

/// An event of the bundled log's lines, with ids from this one on.
fn event(first: u64, count: u64) -> Vec<u8> {
    let lines = sample_lines(usize::try_from(count).unwrap());
    let lines = (first..)
        .zip(lines)
        .map(|(n, line)| Line::new(n, 1_795_341_600_000, line));
    let mut events = events("/aws/apigateway/pets", "a5d703eb", lines).unwrap();
    assert_eq!(events.len(), 1, "too many lines for one event");
    events.remove(0).payload
}

/// What Lambda writes to an SQS queue for an event that has failed.
fn message(id: &str, event: &[u8]) -> Value {
    let payload: Value = serde_json::from_slice(event).unwrap();
    let record = json!({
        "version": "1.0",
        "requestContext": {"requestId": id, "condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": payload,
    });
    json!({"messageId": id, "body": record.to_string(), "eventSource": "aws:sqs"})
}
