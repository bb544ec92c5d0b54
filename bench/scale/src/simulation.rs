//! A day of calls in steps of a second, and what becomes of them: events, processes, messages to the Node.
//!
//! It is a model, with a fixed seed: nothing in it was measured on AWS. `bench/COSTS.md` lists what it assumes, and
//! quotes its table. `tests/it/cost.rs` includes this file, and compares the two.

use std::fmt::Write as _;

use cw_resend_lambda::local::cost::bill::{self, SHARD_BYTES};
use cw_resend_lambda::local::cost::plan::{DOCUMENTED_BYTES, LINES_PER_EVENT, NODE_RATE, Plan};
use cw_resend_lambda::local::cost::prices::Prices;
use cw_resend_lambda::local::cost::show::number;
use cw_resend_lambda::local::cost::work::{MESSAGES, Work};
use cw_resend_lambda::local::error::CommandError;
use cw_resend_lambda::standin::sample::Random;

const SEED: u64 = 0xda7_0f10_ca11;
const DAY: u32 = 86_400;
/// From noon to midnight the rate falls to a quarter.
const DIURNAL: f64 = 0.6;
/// Bursts in a day, the seconds that each takes, and by how much it multiplies the rate.
const BURSTS: u64 = 24;
const BURST_SECONDS: (u64, u64) = (30, 300);
const BURST_FACTORS: (f64, f64) = (1.5, 3.0);
/// API Gateway spreads lines over log streams, and a subscription delivers each of them once a second. A stream
/// gets the lines of `LINES_PER_EVENT` calls a second; the number of streams follows the rate of five minutes.
const MIN_STREAMS: f64 = 10.0;
const STREAMS_FOLLOW_SECONDS: f64 = 300.0;
/// Lambda's default quota of an account, and how fast it starts processes of one function.
const CONCURRENCY: f64 = 1000.0;
const STARTS_PER_SECOND: f64 = 100.0;
const STARTS_AT_ONCE: f64 = 1000.0;
/// An unused process ends after this many seconds.
const IDLE_SECONDS: u32 = 600;
/// The endpoints of the API by how often they are called (Zipf), and what each status class has of the calls.
const ENDPOINTS: u32 = 300;
const STATUS_CLASSES: [f64; 3] = [0.92, 0.07, 0.01];

/// `X_SAMPLE`: how many calls of an endpoint and status class a process forwards in a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    calls: f64,
    seconds: u32,
}

impl Sample {
    /// What a process forwards of so many calls in a window, of which each key has its part.
    fn forwarded(self, keys: &[f64], calls: f64) -> f64 {
        keys.iter().map(|part| (part * calls).min(self.calls)).sum()
    }
}

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) calls: f64,
    pub(crate) node_ms: f64,
    pub(crate) sample: Option<Sample>,
}

const HOURLY: Sample = Sample {
    calls: 5.0,
    seconds: 3600,
};

/// The columns of the table.
pub(crate) const SCENARIOS: [Scenario; 6] = [
    Scenario {
        name: "100M, all, Node 1 ms",
        calls: 1e8,
        node_ms: 1.0,
        sample: None,
    },
    Scenario {
        name: "1G, all, 1 ms",
        calls: 1e9,
        node_ms: 1.0,
        sample: None,
    },
    Scenario {
        name: "10G, all, 1 ms",
        calls: 1e10,
        node_ms: 1.0,
        sample: None,
    },
    Scenario {
        name: "10G, all, 10 ms",
        calls: 1e10,
        node_ms: 10.0,
        sample: None,
    },
    Scenario {
        name: "10G, sampled, 1 ms",
        calls: 1e10,
        node_ms: 1.0,
        sample: Some(HOURLY),
    },
    Scenario {
        name: "10G, sampled, 10 ms",
        calls: 1e10,
        node_ms: 10.0,
        sample: Some(HOURLY),
    },
];

/// What the day was like.
#[derive(Debug, Clone, Default)]
pub(crate) struct Day {
    pub(crate) calls: f64,
    pub(crate) peak_calls: f64,
    pub(crate) events: f64,
    /// Lines in an event: of the smallest twentieth, the median, and of the largest twentieth.
    pub(crate) lines: [f64; 3],
    pub(crate) billed_seconds: f64,
    pub(crate) process_seconds: f64,
    pub(crate) peak_processes: f64,
    pub(crate) cold_starts: f64,
    /// Events that had to wait for a process, and the longest that one waited, in seconds.
    pub(crate) waited: f64,
    pub(crate) longest_wait: f64,
    pub(crate) forwarded: f64,
    pub(crate) peak_forwarded: f64,
    /// Places of all processes in a window: so many calls are forwarded soon after all windows begin at once.
    pub(crate) places: f64,
    pub(crate) peak_bytes: f64,
    pub(crate) shards: f64,
    pub(crate) parallelization: f64,
}

/// How many calls there are in each second: a curve over the day, bursts, and chance.
fn arrivals(calls: f64, random: &mut Random) -> Vec<f64> {
    let mut rates: Vec<f64> = (0..DAY)
        .map(|second| {
            let noon = (f64::from(second) / f64::from(DAY) - 0.5).abs() * 4.0 - 1.0;
            1.0 - DIURNAL * noon
        })
        .collect();
    for _ in 0..BURSTS {
        let start = usize::try_from(random.below(u64::from(DAY))).unwrap_or(0);
        let (shortest, longest) = BURST_SECONDS;
        let seconds = shortest + random.below(longest - shortest);
        let (smallest, largest) = BURST_FACTORS;
        let factor = smallest + (largest - smallest) * unit(random);
        let seconds = usize::try_from(seconds).unwrap_or(0);
        for rate in rates.iter_mut().skip(start).take(seconds) {
            *rate *= factor;
        }
    }
    let sum: f64 = rates.iter().sum();
    for rate in &mut rates {
        *rate *= calls / sum;
        // Twelve uniform numbers make a normal one, near enough.
        let normal: f64 = (0..12).map(|_| unit(random)).sum::<f64>() - 6.0;
        *rate = (*rate + normal * rate.sqrt()).max(0.0);
    }
    rates
}

/// From 0 to 1.
fn unit(random: &mut Random) -> f64 {
    random.below(1 << 20) as f64 / f64::from(1 << 20)
}

/// The part of the calls that each endpoint and status class has.
fn keys() -> Vec<f64> {
    let sum: f64 = (1..=ENDPOINTS).map(|rank| 1.0 / f64::from(rank)).sum();
    (1..=ENDPOINTS)
        .flat_map(|rank| STATUS_CLASSES.map(|class| class / f64::from(rank) / sum))
        .collect()
}

/// A process is used before those behind it, so that those at the end become idle.
#[derive(Debug, Default)]
struct Process {
    last_used: u32,
    calls: f64,
}

/// The processes, and what sampling lets through.
struct Fleet<'a> {
    processes: Vec<Process>,
    keys: &'a [f64],
    sample: Option<Sample>,
    starts_left: f64,
    forwarded: f64,
}

impl Fleet<'_> {
    /// Books the calls of a window that a process had.
    fn close(&mut self, calls: f64) {
        self.forwarded += match self.sample {
            None => calls,
            Some(sample) => sample.forwarded(self.keys, calls),
        };
    }

    /// Ends a window of all processes.
    fn close_all(&mut self) {
        for at in 0..self.processes.len() {
            let calls = std::mem::take(&mut self.processes[at].calls);
            self.close(calls);
        }
    }

    /// Ends what was idle too long.
    fn end_idle(&mut self, second: u32) {
        while let Some(last) = self.processes.last() {
            if second - last.last_used <= IDLE_SECONDS {
                break;
            }
            let calls = last.calls;
            self.close(calls);
            self.processes.pop();
        }
    }
}

/// Simulates a day. `share` is the part that sampling forwards, as far as it is known before.
fn day(scenario: &Scenario, prices: &Prices, work: &Work, share: f64) -> Day {
    let mut random = Random::new(SEED);
    let keys = keys();
    let mut fleet = Fleet {
        processes: Vec::new(),
        keys: &keys,
        sample: scenario.sample,
        starts_left: STARTS_AT_ONCE,
        forwarded: 0.0,
    };
    let mut day = Day::default();
    let mut sizes = Vec::new();
    let mut waiting = 0.0;
    let mut followed = scenario.calls / f64::from(DAY);
    for (second, calls) in (0..DAY).zip(arrivals(scenario.calls, &mut random)) {
        followed += (calls - followed) / STREAMS_FOLLOW_SECONDS;
        let streams = (followed / LINES_PER_EVENT).max(MIN_STREAMS);
        let events = streams * (1.0 - (-calls / streams).exp());
        if events <= 0.0 {
            continue;
        }
        let lines = calls / events;
        sizes.push((lines, events));
        day.calls += calls;
        day.peak_calls = day.peak_calls.max(calls);
        day.events += events;
        // Little's law, and as much above it as chance needs nearly always.
        let seconds = bill::billed_ms(prices, work, lines, share, scenario.node_ms) / 1e3;
        let demand = events + waiting;
        let busy = demand * seconds;
        let needed = (busy + 3.0 * busy.sqrt()).ceil().max(1.0);
        let warm = fleet.processes.len();
        let most = CONCURRENCY.min(warm as f64 + fleet.starts_left.floor());
        let used = needed.min(most);
        let served = if used < needed {
            demand.min(used / seconds)
        } else {
            demand
        };
        waiting = demand - served;
        day.waited += waiting.min(events);
        day.longest_wait = day.longest_wait.max(waiting / served.max(1.0));
        day.billed_seconds += served * seconds;
        while (fleet.processes.len() as f64) < used {
            fleet.processes.push(Process::default());
            fleet.starts_left -= 1.0;
            day.cold_starts += 1.0;
        }
        fleet.starts_left = (fleet.starts_left + STARTS_PER_SECOND).min(STARTS_AT_ONCE);
        let counted = (1_u32..).zip(&mut fleet.processes);
        for (_, process) in counted.take_while(|(nth, _)| f64::from(*nth) <= used) {
            process.last_used = second;
            process.calls += served * lines / used;
        }
        day.process_seconds += used;
        day.peak_processes = day.peak_processes.max(used);
        if let Some(sample) = scenario.sample
            && (second + 1) % sample.seconds == 0
        {
            let places = keys.len() as f64 * sample.calls * fleet.processes.len() as f64;
            day.places = day.places.max(places);
            fleet.close_all();
        }
        fleet.end_idle(second);
    }
    fleet.close_all();
    day.forwarded = fleet.forwarded;
    let share = day.forwarded / day.calls;
    day.peak_forwarded = day.peak_calls * share;
    day.peak_bytes = day.peak_forwarded * bill::wire_bytes(DOCUMENTED_BYTES);
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    day.lines = [0.05, 0.5, 0.95].map(|part| quantile(&sizes, part));
    stream(scenario, &mut day, prices, work, share);
    day
}

/// What a Kinesis stream would need in the busiest second.
fn stream(scenario: &Scenario, day: &mut Day, prices: &Prices, work: &Work, share: f64) {
    let document = bill::document_bytes(&Plan::new(scenario.calls));
    let bytes = day.peak_calls / LINES_PER_EVENT * document;
    day.shards = (bytes / SHARD_BYTES).ceil();
    let lines = day.peak_calls / day.shards;
    let ms = bill::billed_ms(prices, work, lines, share, scenario.node_ms);
    day.parallelization = (ms / 1e3).ceil();
}

/// The lines of the event below which this part of the events is.
fn quantile(sorted: &[(f64, f64)], part: f64) -> f64 {
    let all: f64 = sorted.iter().map(|size| size.1).sum();
    let mut below = 0.0;
    for &(lines, events) in sorted {
        below += events;
        if below >= part * all {
            return lines;
        }
    }
    0.0
}

/// Simulates a day.
pub(crate) fn simulate(scenario: &Scenario, prices: &Prices, work: &Work) -> Day {
    let mut share = match scenario.sample {
        None => return day(scenario, prices, work, 1.0),
        Some(_) => 0.01,
    };
    // What is forwarded depends on the number of processes, and that on how long they take to forward it.
    for _ in 0..2 {
        let found = day(scenario, prices, work, share);
        share = found.forwarded / found.calls;
    }
    day(scenario, prices, work, share)
}

/// What is forwarded of a million calls in 2.4 hours, by the number of processes that share them evenly.
#[must_use]
pub(crate) fn sampling_table() -> String {
    const CALLS: f64 = 1e6;
    /// Windows of an hour in 2.4 hours.
    const WINDOWS: [f64; 3] = [1.0, 1.0, 0.4];
    let keys = keys();
    let all: f64 = WINDOWS.iter().sum();
    let mut out = String::from("| processes | forwarded | % of calls |\n| ---: | ---: | ---: |\n");
    for processes in [1.0, 4.0, 10.0, 50.0] {
        let mut forwarded = 0.0;
        for window in WINDOWS {
            let calls = CALLS * window / all / processes;
            forwarded += HOURLY.forwarded(&keys, calls) * processes;
        }
        let _ = writeln!(
            out,
            "| {processes} | {} | {} |",
            number(forwarded.round()),
            number(forwarded / CALLS * 100.0)
        );
    }
    out
}

/// The figures of all scenarios, as a table in Markdown.
///
/// # Errors
///
/// Returns an error if the tool was built with invalid prices or results.
pub(crate) fn table() -> Result<String, CommandError> {
    let prices = Prices::embedded()?;
    let work = Work::measured()?;
    let days: Vec<(Scenario, Day)> = SCENARIOS
        .iter()
        .map(|scenario| (*scenario, simulate(scenario, &prices, &work)))
        .collect();
    let mut out = String::from("| calls a day |");
    for (scenario, _) in &days {
        let _ = write!(out, " {} |", scenario.name);
    }
    out.push_str("\n| --- |");
    out.push_str(&" ---: |".repeat(days.len()));
    out.push('\n');
    let mut row = |name: &str, cell: &dyn Fn(&Day) -> String| {
        let _ = write!(out, "| {name} |");
        for (_, day) in &days {
            let _ = write!(out, " {} |", cell(day));
        }
        out.push('\n');
    };
    let seconds = f64::from(DAY);
    let whole = |value: f64| number(value.round());
    let two = |a: f64, b: f64| format!("{} / {}", whole(a), whole(b));
    row("calls a second, mean / peak", &|day| {
        two(day.calls / seconds, day.peak_calls)
    });
    row("invocations", &|day| whole(day.events));
    row("lines an event, 5 % / median / 95 %", &|day| {
        day.lines.map(whole).join(" / ")
    });
    row("billed ms an event, mean", &|day| {
        number(day.billed_seconds / day.events * 1e3)
    });
    row("processes in use, mean / peak", &|day| {
        two(day.process_seconds / seconds, day.peak_processes)
    });
    row("cold starts", &|day| whole(day.cold_starts));
    row("events that waited for a process / longest, s", &|day| {
        two(day.waited, day.longest_wait)
    });
    row("forwarded, % of calls", &|day| {
        number(day.forwarded / day.calls * 100.0)
    });
    row("messages to Nodes a second, mean / peak", &|day| {
        two(
            MESSAGES * day.forwarded / seconds,
            MESSAGES * day.peak_forwarded,
        )
    });
    row(
        "calls forwarded at once, if all windows begin together",
        &|day| whole(day.places),
    );
    row("Nodes of 500 calls a second, mean / peak", &|day| {
        two(
            (day.forwarded / seconds / NODE_RATE).ceil(),
            (day.peak_forwarded / NODE_RATE).ceil(),
        )
    });
    row("balancer, GB an hour at the peak", &|day| {
        number(day.peak_bytes * 3600.0 / bill::GB)
    });
    row("Kinesis instead: shards / parallelization factor", &|day| {
        two(day.shards, day.parallelization)
    });
    row("Lambda, dollars a day", &|day| {
        let requests = day.events / 1e6 * prices.million_requests;
        let gb_seconds = day.billed_seconds * prices.minimum_mb / 1024.0;
        number(requests + gb_seconds * prices.gb_second)
    });
    Ok(out)
}
