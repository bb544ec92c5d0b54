//! How much of a made-up log is forwarded with `X_SAMPLE`, by how many processes share it. The decisions are the
//! function's own; the time is made up, and the Node accepts everything at once.
//!
//! `sampling` prints the table of `bench/README.md`. `sampling cost N` decides on N million calls that are left out, to
//! be counted by a profiler; `N` may be zero, for what comes before.

use std::collections::BTreeMap;
use std::process::ExitCode;

use cw_resend_lambda::measure::{Sampled, Sampling};
use cw_resend_lambda::standin::sample::Random;

const SEED: u64 = 0x7361_6d70;
const ENDPOINTS: usize = 300;
const CALLS: usize = 1_000_000;
/// 2.4 hours.
const SECONDS: usize = 8_640;
/// The calls of an event.
const EVENT: usize = 100;
const RULE: (u16, u32) = (5, 3_600);
/// What Wallarm asks for: another call so many seconds after one.
const LATE: usize = 300;

/// A call of the log: the endpoint, its path, and the status.
struct Call {
    endpoint: usize,
    path: String,
    status: u16,
}

/// The path of a call of an endpoint. Each endpoint has one resource below another, in one of two shapes.
fn path(endpoint: usize, random: &mut Random) -> String {
    const NAMES: [&str; 15] = [
        "accounts",
        "addresses",
        "baskets",
        "cards",
        "devices",
        "events",
        "files",
        "groups",
        "invoices",
        "orders",
        "pets",
        "products",
        "reviews",
        "users",
        "visits",
    ];
    let (name, below) = (NAMES[endpoint % 15], NAMES[endpoint / 15 % 15]);
    let id = random.below(1_000_000);
    match endpoint / 225 {
        0 => format!("/v1/{name}/{id}/{below}"),
        _ => {
            let id = random.next_u64();
            format!("/v2/{name}/{id:016x}/{below}/{}", random.below(1_000))
        }
    }
}

/// Each endpoint's share falls with its rank (Zipf, exponent 1). One call in a hundred is an error.
fn log() -> Vec<Call> {
    let mut random = Random::new(SEED);
    let weights = (1..=ENDPOINTS as u64).map(|rank| 1_000_000_000 / rank);
    let mut sums: Vec<u64> = Vec::new();
    for weight in weights {
        sums.push(weight + sums.last().copied().unwrap_or(0));
    }
    let all = sums.last().copied().unwrap_or(1);
    let calls = (0..CALLS).map(|_| {
        let at = random.below(all);
        let endpoint = sums.partition_point(|sum| *sum <= at);
        let status = match random.below(1_000) {
            0..8 => 404,
            8..10 => 502,
            10..200 => 201,
            _ => 200,
        };
        Call {
            endpoint,
            path: path(endpoint, &mut random),
            status,
        }
    });
    calls.collect()
}

fn sampled(call: &Call) -> Sampled<'_> {
    Sampled {
        method: "GET",
        host: "api.example.com",
        path: call.path.as_bytes(),
        status: Some(call.status),
    }
}

/// Whether there are two moments, one more than 300 seconds after the other.
fn is_met(times: Option<&(usize, usize)>) -> bool {
    times.is_some_and(|(first, last)| last - first > LATE)
}

/// Notes the first and the last moment of each endpoint.
fn note(times: &mut BTreeMap<usize, (usize, usize)>, endpoint: usize, now: usize) {
    times.entry(endpoint).or_insert((now, now)).1 = now;
}

fn table() {
    let log = log();
    let mut counts = vec![0; ENDPOINTS];
    for call in &log {
        counts[call.endpoint] += 1;
    }
    let (least, most) = (counts.iter().min(), counts.iter().max());
    println!("calls of an endpoint: {least:?} to {most:?}");
    println!(
        "| processes | forwarded | share | endpoints with two successes, one more than 300 s later |"
    );
    println!("| ---: | ---: | ---: | ---: |");
    for processes in [1, 4, 10, 50] {
        let mut random = Random::new(SEED);
        let mut all = Vec::new();
        all.resize_with(processes, || Sampling::new(RULE.0, RULE.1));
        let mut forwarded = 0;
        let (mut had, mut got) = (BTreeMap::new(), BTreeMap::new());
        for (n, event) in log.chunks(EVENT).enumerate() {
            let now = n * EVENT * SECONDS / CALLS;
            let process = random.below(processes as u64) as usize;
            let calls: Vec<_> = event.iter().map(sampled).collect();
            let decisions = all[process].deliver(now as u32, &calls);
            for (call, is_forwarded) in event.iter().zip(decisions) {
                forwarded += usize::from(is_forwarded);
                if call.status < 300 {
                    note(&mut had, call.endpoint, now);
                    if is_forwarded {
                        note(&mut got, call.endpoint, now);
                    }
                }
            }
        }
        let met = |times: &BTreeMap<_, _>| (0..ENDPOINTS).filter(|n| is_met(times.get(n))).count();
        println!(
            "| {processes} | {forwarded} | {:.2} % | {} of {} |",
            forwarded as f64 * 100.0 / CALLS as f64,
            met(&got),
            met(&had)
        );
    }
}

fn cost(millions: usize) {
    let log = log();
    let calls: Vec<_> = log.iter().map(sampled).collect();
    let mut sampling = Sampling::new(RULE.0, RULE.1);
    for event in calls.chunks(EVENT) {
        sampling.deliver(0, event);
    }
    let mut forwarded = 0;
    for _ in 0..millions {
        for event in calls.chunks(EVENT) {
            let decisions = sampling.deliver(1, event);
            forwarded += decisions.iter().filter(|is| **is).count();
        }
    }
    let bytes: usize = log.iter().map(|call| call.path.len()).sum();
    println!(
        "{forwarded} forwarded; paths have {} bytes in the mean",
        bytes / CALLS
    );
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => table(),
        ["cost", millions] => match millions.parse() {
            Ok(millions) => cost(millions),
            Err(_) => return ExitCode::FAILURE,
        },
        _ => {
            eprintln!("Usage: sampling [cost MILLIONS]");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
