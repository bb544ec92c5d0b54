//! The parts of the bill.

use super::plan::{DOCUMENTED_BYTES, LEAN_BYTES, Layout, Plan, Report, Via};
use super::prices::Prices;
use super::work::Work;

/// Hours of a month, as AWS counts them.
const HOURS: f64 = 730.0;
/// Bytes of a GB, as AWS counts them for logs and streams.
pub const GB: f64 = 1024.0 * 1024.0 * 1024.0;
/// The long report line with its metrics inside, in bytes. Most of it is the list of the metrics.
const METRICS_REPORT_BYTES: f64 = 914.0;
/// The compact report line of an event without trouble, in bytes, at most.
const COMPACT_REPORT_BYTES: f64 = 250.0;
/// What the platform writes for an invocation, as AWS documents it. Off with the compact report.
const PLATFORM_LINES: [&str; 3] = [
    "START RequestId: 8f5486b7-c7b5-42bc-aa8a-aeca1a50aec3 Version: $LATEST\n",
    "END RequestId: 8f5486b7-c7b5-42bc-aa8a-aeca1a50aec3\n",
    "REPORT RequestId: 8f5486b7-c7b5-42bc-aa8a-aeca1a50aec3\tDuration: 27.43 ms\tBilled Duration: 28 ms\t\
     Memory Size: 128 MB\tMax Memory Used: 21 MB\t\n",
];
/// Bytes of a call's two messages and their two responses, for a mean line of each format: measured on loopback
/// with 107 lines of the bundled sample.
const WIRE_BYTES: [(f64, f64); 2] = [(LEAN_BYTES, 742.0), (DOCUMENTED_BYTES, 977.0)];
/// Bytes of a line in a subscription's compressed document, likewise, with gzip's level 6, beside `ENVELOPE_BYTES`
/// for the document. It is within a quarter for events of 1 to 7,000 lines.
const COMPRESSED_BYTES: [(f64, f64); 2] = [(LEAN_BYTES, 67.0), (DOCUMENTED_BYTES, 88.0)];
const ENVELOPE_BYTES: f64 = 350.0;
/// Firehose's buffer for the function, as Terraform sets it: bytes, and how often it is emptied in a month.
const FIREHOSE_BUFFER_BYTES: f64 = 1024.0 * 1024.0;
const FIREHOSE_MINUTES: f64 = HOURS * 60.0;
/// What a shard accepts in a second, and the most records of an invocation, as Terraform sets it. Lambda polls a
/// shard once a second.
pub const SHARD_BYTES: f64 = 1024.0 * 1024.0;
const SHARD_RECORDS: f64 = 1000.0;
const KINESIS_BATCH: f64 = 100.0;
const PAYLOAD_UNIT_BYTES: f64 = 25.0 * 1024.0;
/// What Terraform creates: metrics of the function and of a Node in order, alarms on the function and its queue, and
/// those on the balancer, the Node and their scaling.
const FUNCTION_METRICS: f64 = 7.0;
const NODE_METRICS: f64 = 3.0;
const FUNCTION_ALARMS: f64 = 6.0;
const NODE_ALARMS: f64 = 9.0;
/// The access-log stream has four alarms on five metrics, and a Kinesis stream has one.
const FIREHOSE_ALARMS: f64 = 5.0;
const KINESIS_ALARMS: f64 = 1.0;

/// What a part belongs to, in the order of the page's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Writing the access log, and keeping it.
    AccessLog,
    /// A Kinesis stream.
    Stream,
    /// The function.
    Function,
    /// What the function logs.
    OwnLog,
    /// The load balancer.
    Balancer,
    /// The NAT gateway.
    Nat,
    /// The Nodes.
    Nodes,
    /// Metrics and alarms.
    Watching,
}

impl Group {
    /// The name in the JSON output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessLog => "accessLog",
            Self::Stream => "kinesis",
            Self::Function => "lambda",
            Self::OwnLog => "ownLog",
            Self::Balancer => "loadBalancer",
            Self::Nat => "nat",
            Self::Nodes => "nodes",
            Self::Watching => "metricsAndAlarms",
        }
    }
}

/// A line of the bill.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it belongs to.
    pub group: Group,
    /// What it is.
    pub name: &'static str,
    /// How much of it in a month.
    pub quantity: f64,
    /// Of what.
    pub unit: &'static str,
    /// Dollars a month.
    pub dollars: f64,
}

/// The bill of a month.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill {
    /// Invocations.
    pub events: f64,
    /// Lines in each of them.
    pub lines_per_event: f64,
    /// Milliseconds that are billed for each of them.
    pub billed_ms: f64,
    /// The parts, in the order of the groups.
    pub parts: Vec<Part>,
}

impl Bill {
    /// Calculates the bill of a plan.
    #[must_use]
    pub fn of(plan: &Plan, prices: &Prices, work: &Work) -> Self {
        let mut bill = Self {
            events: 0.0,
            lines_per_event: 0.0,
            billed_ms: 0.0,
            parts: Vec::new(),
        };
        bill.add_access_log(plan, prices);
        bill.add_function(plan, prices, work);
        bill.add_own_log(plan, prices);
        bill.add_node(plan, prices);
        bill.add_watching(plan, prices);
        bill
    }

    /// Dollars a month.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.parts.iter().map(|part| part.dollars).sum()
    }

    /// The part that costs most.
    #[must_use]
    pub fn largest(&self) -> Option<&Part> {
        let by_dollars = |a: &&Part, b: &&Part| a.dollars.total_cmp(&b.dollars);
        self.parts.iter().max_by(by_dollars)
    }

    fn add(
        &mut self,
        group: Group,
        name: &'static str,
        quantity: f64,
        unit: &'static str,
        dollars: f64,
    ) {
        self.parts.push(Part {
            group,
            name,
            quantity,
            unit,
            dollars,
        });
    }

    fn add_access_log(&mut self, plan: &Plan, prices: &Prices) {
        if plan.via == Via::Firehose {
            let pieces = (plan.line_bytes / prices.firehose_record_bytes).ceil();
            let gb = plan.calls * pieces * prices.firehose_record_bytes / GB;
            let dollars = prices.firehose.cost(0.0, gb);
            self.add(Group::AccessLog, "access log: Firehose", gb, "GB", dollars);
            let full = plan.calls * plan.line_bytes / FIREHOSE_BUFFER_BYTES;
            self.events = full.max(plan.calls.min(FIREHOSE_MINUTES));
        } else {
            let gb = access_log_gb(plan);
            let dollars = prices.logs_ingested.cost(0.0, gb);
            self.add(
                Group::AccessLog,
                "access log: CloudWatch Logs",
                gb,
                "GB",
                dollars,
            );
            let (stored, dollars) = stored(gb, plan, prices);
            self.add(
                Group::AccessLog,
                "access log: storage",
                stored,
                "GB",
                dollars,
            );
            self.events = plan.calls / plan.lines_per_event;
        }
        if plan.via == Via::Kinesis {
            let records = self.events;
            let shards = shards(plan);
            let units = records * (document_bytes(plan) / PAYLOAD_UNIT_BYTES).ceil();
            let dollars = shards * HOURS * prices.kinesis_shard_hour;
            self.add(Group::Stream, "Kinesis: shards", shards, "", dollars);
            let dollars = units / 1e6 * prices.kinesis_million_units;
            self.add(Group::Stream, "Kinesis: payload units", units, "", dollars);
            self.events = (records / KINESIS_BATCH).max(records.min(shards * HOURS * 3600.0));
        }
        self.lines_per_event = plan.calls / self.events;
    }

    fn add_function(&mut self, plan: &Plan, prices: &Prices, work: &Work) {
        self.billed_ms = billed_ms(prices, work, self.lines_per_event, plan.share, plan.node_ms);
        let dollars = self.events / 1e6 * prices.million_requests;
        self.add(
            Group::Function,
            "Lambda: invocations",
            self.events,
            "",
            dollars,
        );
        let seconds = self.events * self.billed_ms / 1e3;
        let gb_seconds = seconds * prices.minimum_mb / 1024.0;
        let dollars = gb_seconds * prices.gb_second;
        self.add(Group::Function, "Lambda: time", gb_seconds, "GB-s", dollars);
    }

    fn add_own_log(&mut self, plan: &Plan, prices: &Prices) {
        let (bytes, log_events) = own_log(plan.report);
        let gb = self.events * (bytes + log_events * plan.event_overhead) / GB;
        // The access log has used up the first steps of the price.
        let before = match plan.via {
            Via::Firehose => 0.0,
            Via::CloudWatch | Via::Kinesis => access_log_gb(plan),
        };
        let dollars = prices.logs_ingested.cost(before, gb);
        self.add(Group::OwnLog, "own log: CloudWatch Logs", gb, "GB", dollars);
        let (stored, dollars) = stored(gb, plan, prices);
        self.add(Group::OwnLog, "own log: storage", stored, "GB", dollars);
    }

    fn add_node(&mut self, plan: &Plan, prices: &Prices) {
        if plan.layout == Layout::ExistingNode {
            return;
        }
        let hours = HOURS * prices.balancer_hour;
        self.add(Group::Balancer, "load balancer", 1.0, "", hours);
        // Bytes are the largest of a unit's dimensions: a process has eight connections, and keeps them.
        let units = plan.calls * plan.share * wire_bytes(plan.line_bytes) / GB;
        let dollars = units * prices.balancer_unit_hour;
        self.add(
            Group::Balancer,
            "load balancer: capacity units",
            units,
            "h",
            dollars,
        );
        let dollars = HOURS * (prices.nat_hour + prices.ipv4_hour);
        self.add(Group::Nat, "NAT gateway and its address", 1.0, "", dollars);
        let dollars = plan.nat_gb * prices.nat_gb;
        self.add(Group::Nat, "NAT gateway: data", plan.nat_gb, "GB", dollars);
        let nodes = nodes(plan);
        let dollars = nodes * (HOURS * prices.node_hour + prices.node_volume_month);
        self.add(Group::Nodes, "Nodes", nodes, "", dollars);
        self.add(
            Group::Nodes,
            "Nodes: their DNS zone",
            1.0,
            "",
            prices.mesh_month,
        );
    }

    fn add_watching(&mut self, plan: &Plan, prices: &Prices) {
        let (node_metrics, node_alarms) = match plan.layout {
            Layout::Terraform => (NODE_METRICS, NODE_ALARMS),
            Layout::ExistingNode => (0.0, 0.0),
        };
        let metrics = FUNCTION_METRICS + node_metrics;
        self.add(
            Group::Watching,
            "metrics",
            metrics,
            "",
            metrics * prices.metric,
        );
        let alarms = FUNCTION_ALARMS
            + node_alarms
            + match plan.via {
                Via::CloudWatch => 0.0,
                Via::Firehose => FIREHOSE_ALARMS,
                Via::Kinesis => KINESIS_ALARMS,
            };
        self.add(Group::Watching, "alarms", alarms, "", alarms * prices.alarm);
    }
}

/// What Lambda bills for an event at the minimum memory, in whole milliseconds: CPU time counts by the share of a
/// virtual CPU, and waiting for the Node may overlap with it.
#[must_use]
pub fn billed_ms(prices: &Prices, work: &Work, lines: f64, share: f64, node_ms: f64) -> f64 {
    let cpu_ms = work.micros(lines, share) / 1e3;
    let alone = cpu_ms * prices.mb_per_vcpu / prices.minimum_mb;
    let waiting = Work::waiting_ms(lines, share, node_ms);
    alone.max(waiting).ceil()
}

/// Bytes of what the function logs for an event, and in how many log events.
fn own_log(report: Report) -> (f64, f64) {
    match report {
        Report::Compact => (COMPACT_REPORT_BYTES, 1.0),
        Report::Metrics => {
            let platform: usize = PLATFORM_LINES.iter().map(|line| line.len()).sum();
            let lines = PLATFORM_LINES.len();
            (METRICS_REPORT_BYTES + platform as f64, 1.0 + lines as f64)
        }
    }
}

/// Bytes of a subscription's compressed document.
#[must_use]
pub fn document_bytes(plan: &Plan) -> f64 {
    ENVELOPE_BYTES + plan.lines_per_event * between(COMPRESSED_BYTES, plan.line_bytes)
}

/// Bytes on the wire for a call that is forwarded.
#[must_use]
pub fn wire_bytes(line_bytes: f64) -> f64 {
    between(WIRE_BYTES, line_bytes)
}

/// The shards that a stream of documents needs in its busiest second.
#[must_use]
pub fn shards(plan: &Plan) -> f64 {
    let records = plan.calls / plan.lines_per_event / (HOURS * 3600.0) * plan.peak;
    let bytes = records * document_bytes(plan);
    (bytes / SHARD_BYTES)
        .max(records / SHARD_RECORDS)
        .ceil()
        .max(1.0)
}

/// The Nodes for the mean of the calls that are forwarded.
fn nodes(plan: &Plan) -> f64 {
    let rate = plan.calls / (HOURS * 3600.0) * plan.share;
    (rate / plan.node_rate).ceil().max(1.0)
}

fn access_log_gb(plan: &Plan) -> f64 {
    plan.calls * (plan.line_bytes + plan.event_overhead) / GB
}

/// GB that are kept of `gb` a month once lines are as old as they get, and what they cost.
fn stored(gb: f64, plan: &Plan, prices: &Prices) -> (f64, f64) {
    let months = plan.retention_days * 24.0 / HOURS;
    let stored = gb * prices.logs_compressed_share * months;
    (stored, stored * prices.logs_stored)
}

/// The value on the straight line through two points, and at least half of the first.
fn between(points: [(f64, f64); 2], x: f64) -> f64 {
    let [(x0, y0), (x1, y1)] = points;
    (y0 + (y1 - y0) / (x1 - x0) * (x - x0)).max(y0 / 2.0)
}

/// A change of the plan that makes the bill smaller.
#[derive(Debug, Clone, PartialEq)]
pub struct Saving {
    /// What to do.
    pub change: &'static str,
    /// Dollars a month.
    pub dollars: f64,
}

/// What each change alone would save, the largest first. Changes that save less than a cent are left out.
#[must_use]
pub fn savings(plan: &Plan, prices: &Prices, work: &Work) -> Vec<Saving> {
    let before = Bill::of(plan, prices, work);
    let mut found = Vec::new();
    let mut offer = |change: &'static str, to: Option<Plan>| {
        let after = to.map(|to| Bill::of(&to, prices, work).total());
        let dollars = before.total() - after.unwrap_or(f64::INFINITY);
        if dollars >= 0.01 {
            found.push(Saving { change, dollars });
        }
    };
    offer(
        "log the lean format: lines of 203 bytes",
        (plan.line_bytes > LEAN_BYTES).then_some(Plan {
            line_bytes: LEAN_BYTES,
            ..*plan
        }),
    );
    offer(
        "forward a hundredth: X_SAMPLE",
        (plan.share > 0.01).then_some(Plan {
            share: 0.01,
            ..*plan
        }),
    );
    offer(
        "keep log lines for 7 days",
        (plan.retention_days > 7.0).then_some(Plan {
            retention_days: 7.0,
            ..*plan
        }),
    );
    offer(
        "write the compact report",
        (plan.report == Report::Metrics).then_some(Plan {
            report: Report::Compact,
            ..*plan
        }),
    );
    let by = |via: Via| Plan {
        via,
        event_overhead: match via {
            Via::Firehose => 0.0,
            Via::CloudWatch | Via::Kinesis => plan.event_overhead,
        },
        ..*plan
    };
    offer(
        "log past CloudWatch Logs, by Firehose (REST APIs)",
        Some(by(Via::Firehose)),
    );
    offer("collect events in a Kinesis stream", Some(by(Via::Kinesis)));
    offer("log to CloudWatch Logs", Some(by(Via::CloudWatch)));
    // A plan has no field for it: what it saves is what the bill has for the gateway.
    let nat: f64 = before
        .parts
        .iter()
        .filter(|part| part.group == Group::Nat)
        .map(|part| part.dollars)
        .sum();
    if nat > 0.0 {
        found.push(Saving {
            change: "use a VPC that has a NAT gateway",
            dollars: nat,
        });
    }
    found.sort_by(|a, b| b.dollars.total_cmp(&a.dollars));
    found
}
