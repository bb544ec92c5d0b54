//! `cw-resend cost`: sums by hand, errors, and that `bench/COSTS.md` has what the command and the simulation say.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use cw_resend_lambda::local::cost::bill::{self, Bill, Group};
use cw_resend_lambda::local::cost::plan::{
    DOCUMENTED_BYTES, LEAN_BYTES, Layout, NODE_RATE, Plan, Report, Via,
};
use cw_resend_lambda::local::cost::prices::Prices;
use cw_resend_lambda::local::cost::show::{money, number};
use cw_resend_lambda::local::cost::work::Work;
use cw_resend_lambda::standin::inventory::template;
use cw_resend_lambda::standin::sample::LOG;
use serde_json::{Value, json};

use crate::harness::{Function, event_of, node};

/// Part of the benchmark's workspace, which the tests don't build.
#[path = "../../bench/scale/src/simulation.rs"]
mod simulation;

const PRICES: &str = "
as-of 2000-01
per-gb-second 0.00001
per-million-requests 0.2
minimum-mb 128
mb-per-vcpu 1280
logs-ingested-gb 10240:0.50 20480:0.25 20480:0.10 rest:0.05
logs-stored-gb 0.03
logs-compressed-share 0.15
metric 0.30
alarm 0.10
firehose-gb 512000:0.029 rest:0.025
firehose-record-bytes 5120
kinesis-shard-hour 0.015
kinesis-million-units 0.014
balancer-hour 0.0225
balancer-unit-hour 0.008
nat-hour 0.045
nat-gb 0.045
ipv4-hour 0.005
node-hour 0.0416
node-volume-month 2.40
mesh-month 0.50
";

/// Reading a line takes 1 µs, and all of it 10.
fn bill_of(plan: &Plan) -> Bill {
    plan.check().unwrap();
    let prices = Prices::parse(PRICES, "test").unwrap();
    Bill::of(plan, &prices, &Work::even(1.0, 10.0))
}

#[track_caller]
fn assert_parts(bill: &Bill, expected: &[(&str, f64)]) {
    let found: Vec<&str> = bill.parts.iter().map(|part| part.name).collect();
    let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, names);
    for (part, (name, dollars)) in bill.parts.iter().zip(expected) {
        assert!((part.dollars - dollars).abs() < 1e-6, "{name}: {part:?}");
    }
    let sum: f64 = expected.iter().map(|(_, dollars)| dollars).sum();
    assert!((bill.total() - sum).abs() < 1e-5);
}

/// A thousand GB of lines of 1 KB, kept for a month, in events of a hundred.
fn thousand_gb() -> Plan {
    Plan {
        line_bytes: 1024.0,
        lines_per_event: 100.0,
        retention_days: 730.0 / 24.0,
        ..Plan::new(1000.0 * 1024.0 * 1024.0)
    }
}

#[test]
fn by_hand_a_thousand_gb_with_everything() {
    let bill = bill_of(&thousand_gb());
    // 100 lines take 1 ms of CPU, 10 ms with a tenth of it, and 13 rounds of 2 ms at the Node.
    assert_eq!((bill.events, bill.billed_ms), (10_485_760.0, 26.0));
    assert_parts(
        &bill,
        &[
            ("access log: CloudWatch Logs", 500.0),
            ("access log: storage", 4.5),
            ("Lambda: invocations", 2.097152),
            // 10,485,760 × 0.026 s × 0.125 GB
            ("Lambda: time", 0.3407872),
            // 914 + 71 + 52 + 141 bytes for each event: 11.50390625 GB
            ("own log: CloudWatch Logs", 5.751953125),
            ("own log: storage", 0.051767578125),
            ("load balancer", 16.425),
            // 742 + 235 / 310 × 821 bytes for each call: 1,332.3935 GB
            ("load balancer: capacity units", 10.659148185),
            ("NAT gateway and its address", 36.5),
            ("NAT gateway: data", 0.0),
            // 399 calls a second
            ("Nodes", 32.768),
            ("Nodes: their DNS zone", 0.5),
            // Seven of the function and three of the Node.
            ("metrics", 3.0),
            ("alarms", 1.5),
        ],
    );
    assert_eq!(bill.largest().unwrap().name, "access log: CloudWatch Logs");
}

#[test]
fn by_hand_sixty_tb_sampled_with_a_node_that_is_there() {
    let bill = bill_of(&Plan {
        calls: 60.0 * 1024.0 * 1024.0 * 1024.0,
        share: 0.01,
        report: Report::Compact,
        layout: Layout::ExistingNode,
        ..thousand_gb()
    });
    // Reading 0.1 ms, sampling 0.1 ms, delivering one line 0.009 ms, with a tenth of the CPU.
    assert_eq!(bill.billed_ms, 3.0);
    assert_parts(
        &bill,
        &[
            // 10 TB, 20 TB, 20 TB and 10 TB
            (
                "access log: CloudWatch Logs",
                5120.0 + 5120.0 + 2048.0 + 512.0,
            ),
            ("access log: storage", 276.48),
            ("Lambda: invocations", 128.84901888),
            ("Lambda: time", 2.415919104),
            // 150 GB at the price of the last step
            ("own log: CloudWatch Logs", 7.5),
            ("own log: storage", 0.675),
            ("metrics", 2.1),
            ("alarms", 0.6),
        ],
    );
}

#[test]
fn by_hand_firehose_counts_five_kb_for_each_line() {
    let plan = Plan {
        calls: 104_857_600.0,
        line_bytes: 600.0,
        via: Via::Firehose,
        layout: Layout::ExistingNode,
        retention_days: 730.0 / 24.0,
        ..Plan::new(1.0)
    };
    let bill = bill_of(&plan);
    // A megabyte of lines in each, and 219 rounds of 2 ms at the Node.
    assert_eq!((bill.events, bill.billed_ms), (60_000.0, 438.0));
    let own = 60_000.0 * 1178.0 / 1024.0 / 1024.0 / 1024.0;
    assert_parts(
        &bill,
        &[
            ("access log: Firehose", 14.5),
            ("Lambda: invocations", 0.012),
            ("Lambda: time", 0.03285),
            ("own log: CloudWatch Logs", own * 0.5),
            ("own log: storage", own * 0.15 * 0.03),
            ("metrics", 2.1),
            ("alarms", 1.1),
        ],
    );
    // A line of more counts as two, and a stream with few lines is emptied once a minute.
    let longer = bill_of(&Plan {
        line_bytes: 5121.0,
        ..plan
    });
    assert!((longer.parts[0].dollars - 29.0).abs() < 1e-9);
    assert_eq!(bill_of(&Plan { calls: 1e5, ..plan }).events, 43_800.0);
    assert_eq!(
        bill_of(&Plan {
            calls: 10.0,
            ..plan
        })
        .events,
        10.0
    );
}

#[test]
fn by_hand_kinesis_collects_events() {
    // A thousand calls a second: ten documents of 350 + 100 × 88 bytes.
    let plan = Plan {
        lines_per_event: 100.0,
        via: Via::Kinesis,
        ..Plan::new(2_628_000.0 * 1000.0)
    };
    let bill = bill_of(&plan);
    assert_eq!((bill.events, bill.lines_per_event), (2_628_000.0, 1000.0));
    let part = |name: &str| bill.parts.iter().find(|part| part.name == name).unwrap();
    assert!((part("Kinesis: shards").dollars - 10.95).abs() < 1e-9);
    assert!((part("Kinesis: payload units").dollars - 0.36792).abs() < 1e-9);
    assert!((part("Lambda: invocations").dollars - 0.5256).abs() < 1e-9);
    assert_eq!(part("alarms").quantity, 16.0);
    assert_eq!(part("Nodes").quantity, 2.0);
    // Thirty documents a second in the busiest second; 115 of them fill a shard.
    for (peak, shards) in [(3.0, 1.0), (11.0, 1.0), (12.0, 2.0), (100.0, 9.0)] {
        assert_eq!(bill::shards(&Plan { peak, ..plan }), shards, "{peak}");
    }
}

#[test]
fn what_would_save_is_what_the_changed_plan_saves() {
    let prices = Prices::parse(PRICES, "test").unwrap();
    let work = Work::even(1.0, 10.0);
    let plan = thousand_gb();
    let before = Bill::of(&plan, &prices, &work).total();
    let savings = bill::savings(&plan, &prices, &work);
    let compact = Plan {
        report: Report::Compact,
        ..plan
    };
    let compact = before - Bill::of(&compact, &prices, &work).total();
    let found = savings
        .iter()
        .find(|saving| saving.change == "write the compact report");
    assert!((found.unwrap().dollars - compact).abs() < 1e-9);
    assert!(
        savings
            .windows(2)
            .all(|pair| pair[0].dollars >= pair[1].dollars)
    );
    assert_eq!(savings[0].change, "log the lean format: lines of 203 bytes");
    // Nothing is left to save where everything was done.
    let least = Plan {
        calls: 1e4,
        line_bytes: LEAN_BYTES,
        share: 0.01,
        report: Report::Compact,
        layout: Layout::ExistingNode,
        retention_days: 7.0,
        ..plan
    };
    assert_eq!(bill::savings(&least, &prices, &work), []);
}

/// The sizes of the formats are those of the bundled sample.
#[test]
fn the_formats_have_the_size_of_the_sample() {
    let (mut documented, mut lean, mut count) = (0, 0, 0);
    for (line, value) in calls() {
        documented += line.len();
        lean += lean_line(&value).len();
        count += 1;
    }
    assert!(count > 50, "{count}");
    let mean = |sum: usize| sum as f64 / f64::from(count);
    assert!(
        (mean(documented) - DOCUMENTED_BYTES).abs() < 2.0,
        "{}",
        mean(documented)
    );
    assert!((mean(lean) - LEAN_BYTES).abs() < 4.0, "{}", mean(lean));
}

/// The lines of the sample that are calls.
fn calls() -> impl Iterator<Item = (&'static str, Value)> {
    LOG.lines().filter_map(|line| {
        let value: Value = serde_json::from_str(line).ok()?;
        let has = |name: &str| value[name].as_str().is_some_and(|text| text != "-");
        (has("domainName") && has("path")).then_some((line, value))
    })
}

/// The same call in the lean format of REST APIs.
fn lean_line(value: &Value) -> String {
    let text = |name: &str| value[name].as_str().unwrap();
    format!(
        "{{\"requestId\":{},\"httpMethod\":{},\"path\":{},\"resourcePath\":{},\"status\":{},\"domainName\":{}}}",
        json!(text("requestId")),
        json!(text("httpMethod")),
        json!(text("path")),
        json!(template(text("path"))),
        json!(text("status")),
        json!(text("domainName")),
    )
}

/// So are the bytes that go to the Node: what is sent, and 38 bytes for each response.
#[test]
fn the_bytes_on_the_wire_are_those_of_the_sample() {
    for (lean, line_bytes) in [(false, DOCUMENTED_BYTES), (true, LEAN_BYTES)] {
        let lines: Vec<String> = calls()
            .map(|(line, value)| match lean {
                true => lean_line(&value),
                false => line.to_string(),
            })
            .collect();
        let node = node();
        let function = Function::start(&node, &[]);
        let event = event_of(lines);
        let (result, report) =
            function.outcome_of(|| function.begin(&event, Duration::from_secs(30)));
        result.unwrap();
        let number = |name: &str| report[name].as_f64().unwrap();
        let found = number("bytesSent") / number("recordsForwarded") + 76.0;
        let expected = bill::wire_bytes(line_bytes);
        assert!(
            (found / expected - 1.0).abs() < 0.03,
            "{found}, and not {expected}"
        );
    }
}

fn cost(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cw-resend"))
        .arg("cost")
        .args(arguments)
        .env_remove("COLUMNS")
        .output()
        .unwrap()
}

/// What the command prints, of which no line is longer than a terminal.
fn printed(arguments: &[&str]) -> String {
    let output = cost(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    if !arguments.contains(&"--json") {
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
    text
}

#[test]
fn what_is_wrong_with_the_options_is_named() {
    let file = std::env::temp_dir().join(format!("cw-resend-prices-{}", std::process::id()));
    std::fs::write(&file, PRICES.replace("\nmetric 0.30", "")).unwrap();
    let file = file.to_str().unwrap();
    for (arguments, expected) in [
        (&[][..], "--calls <N>"),
        (
            &["--calls", "10 billion"],
            "expected a number with k, M, G or nothing behind it",
        ),
        (&["--calls", "0"], "--calls must be at least 1"),
        (
            &["--calls", "1M", "--format", "short"],
            "possible values: documented, lean",
        ),
        (
            &["--calls", "1M", "--format", "lean", "--line-bytes", "9"],
            "cannot be used with",
        ),
        (
            &["--calls", "1M", "--line-bytes", "2M"],
            "--line-bytes must be from 1 to 1048576",
        ),
        (
            &["--calls", "1M", "--lines-per-event", "0"],
            "--lines-per-event must be from 1",
        ),
        (
            &["--calls", "1M", "--sample", "0"],
            "expected a share of more than nothing",
        ),
        (
            &["--calls", "1M", "--sample", "200%"],
            "expected a share of more than nothing",
        ),
        (
            &["--calls", "1M", "--retention-days", "0"],
            "--retention-days must be from 1",
        ),
        (
            &["--calls", "1M", "--node-rate", "0"],
            "--node-rate must be more than 0",
        ),
        (
            &["--calls", "1M", "--peak", "2"],
            "--peak is only for --via kinesis",
        ),
        (
            &[
                "--calls",
                "1M",
                "--via",
                "firehose",
                "--lines-per-event",
                "5",
            ],
            "--lines-per-event contradicts --via firehose",
        ),
        (
            &[
                "--calls",
                "1M",
                "--via",
                "firehose",
                "--event-overhead",
                "26",
            ],
            "--event-overhead contradicts --via firehose",
        ),
        (
            &[
                "--calls",
                "1M",
                "--layout",
                "existing-node",
                "--nat-gb",
                "5",
            ],
            "contradict --layout existing-node",
        ),
        (
            &["--calls", "1M", "--prices", "/no/such/file"],
            "failed to read /no/such/file: ",
        ),
        (&["--calls", "1M", "--prices", file], ": metric is missing"),
        (
            &["--calls", "1M", "--color", "x"],
            "unexpected argument '--color'",
        ),
    ] {
        let output = cost(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(error.starts_with("error: "), "{arguments:?}: {error}");
        assert!(error.contains(expected), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn prices_of_ones_own_count() {
    let file = std::env::temp_dir().join(format!("cw-resend-own-prices-{}", std::process::id()));
    std::fs::write(&file, PRICES.replace("metric 0.30", "metric 30")).unwrap();
    let text = printed(&[
        "--calls",
        "1M",
        "--prices",
        file.to_str().unwrap(),
        "--json",
    ]);
    std::fs::remove_file(&file).unwrap();
    let bill: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(bill["pricesAsOf"], "2000-01");
    let parts = bill["parts"].as_array().unwrap();
    let metrics = parts.iter().find(|part| part["part"] == "metrics").unwrap();
    assert_eq!(metrics["dollars"], 300.0);
    let sum: f64 = parts
        .iter()
        .map(|part| part["dollars"].as_f64().unwrap())
        .sum();
    assert!((bill["dollars"].as_f64().unwrap() - sum).abs() < 1e-9);
}

/// The names of the columns, and the groups that each of them has.
const COLUMNS: [(&str, &[Group]); 8] = [
    ("access log", &[Group::AccessLog]),
    ("Kinesis", &[Group::Stream]),
    ("Lambda", &[Group::Function]),
    ("own log", &[Group::OwnLog]),
    ("balancer", &[Group::Balancer]),
    ("NAT", &[Group::Nat]),
    ("Nodes", &[Group::Nodes]),
    ("metrics, alarms", &[Group::Watching]),
];

/// A table of the page: each format, way and share for a number of calls.
fn table(calls: &str) -> String {
    let mut out = String::from("| format | way | forwarded |");
    for (name, _) in COLUMNS {
        out += &format!(" {name} |");
    }
    out += " **all** |\n| --- | --- | ---: |";
    out += &" ---: |".repeat(COLUMNS.len() + 1);
    out.push('\n');
    for format in ["documented", "lean"] {
        for (via, way) in [
            ("cloudwatch", "CloudWatch Logs"),
            ("kinesis", "Kinesis"),
            ("firehose", "Firehose"),
        ] {
            for (sample, forwarded) in [("1", "all"), ("1%", "1 %")] {
                let text = printed(&[
                    "--calls", calls, "--format", format, "--via", via, "--sample", sample,
                    "--json",
                ]);
                let bill: Value = serde_json::from_str(&text).unwrap();
                out += &format!("| {format} | {way} | {forwarded} |");
                for (_, groups) in COLUMNS {
                    let dollars: f64 = bill["parts"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .filter(|part| groups.iter().any(|group| part["group"] == group.name()))
                        .map(|part| part["dollars"].as_f64().unwrap())
                        // The sum of nothing is -0 otherwise.
                        .fold(0.0, |sum, dollars| sum + dollars);
                    out += &format!(" {} |", money(dollars));
                }
                out += &format!(" **{}** |\n", money(bill["dollars"].as_f64().unwrap()));
            }
        }
    }
    out
}

/// What the function, its log and a stream cost together, by the lines of an event.
fn events_table(calls: &str) -> String {
    let mut out = String::from(
        "| lines an event | report with metrics | compact report | compact report, Kinesis |\n\
         | ---: | ---: | ---: | ---: |\n",
    );
    for lines in ["1", "5", "20", "107", "200"] {
        out += &format!("| {lines} |");
        for (via, report) in [
            ("cloudwatch", "metrics"),
            ("cloudwatch", "compact"),
            ("kinesis", "compact"),
        ] {
            let text = printed(&[
                "--calls",
                calls,
                "--lines-per-event",
                lines,
                "--via",
                via,
                "--report",
                report,
                "--json",
            ]);
            let bill: Value = serde_json::from_str(&text).unwrap();
            let groups = [Group::Function, Group::OwnLog, Group::Stream].map(Group::name);
            let dollars: f64 = bill["parts"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|part| groups.iter().any(|group| part["group"] == *group))
                .map(|part| part["dollars"].as_f64().unwrap())
                .sum();
            out += &format!(" {} |", money(dollars));
        }
        out.push('\n');
    }
    out
}

/// Everything on the page that was calculated stands between `<!-- made by: … -->` and `<!-- end -->`, and is what
/// the command and the simulation say now.
#[test]
fn the_page_has_what_the_command_and_the_simulation_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/COSTS.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mut pieces = page.split("<!-- made by: ");
    let mut expected = pieces.next().unwrap().to_string();
    let mut made = 0;
    for piece in pieces {
        let (command, rest) = piece.split_once(" -->\n").unwrap();
        let (_, after) = rest.split_once("<!-- end -->").unwrap();
        let text = match command.split_once(' ') {
            None if command == "scale" => simulation::table().unwrap(),
            None if command == "sampling" => simulation::sampling_table(),
            Some(("table", calls)) => table(calls),
            Some(("events", calls)) => events_table(calls),
            Some(("cost", arguments)) => {
                let arguments: Vec<&str> = arguments.split(' ').collect();
                format!(
                    "```console\n$ cargo run --release -- cost {}\n{}```\n",
                    arguments.join(" "),
                    printed(&arguments)
                )
            }
            _ => panic!("{command}"),
        };
        expected += &format!("<!-- made by: {command} -->\n\n{text}\n<!-- end -->{after}");
        made += 1;
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, expected).unwrap();
        return;
    }
    assert!(made >= 9, "{made}");
    assert_eq!(page, expected, "UPDATE_GOLDEN=1 cargo test makes it anew");
}

/// The sentences of the page that quote the simulation have its figures.
#[test]
fn the_page_speaks_of_what_the_simulation_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/COSTS.md");
    let page = std::fs::read_to_string(path).unwrap();
    let words: Vec<&str> = page.split_whitespace().collect();
    let page = words.join(" ");
    let (prices, work) = (Prices::embedded().unwrap(), Work::measured().unwrap());
    let [_, _, quick, slow, sampled, _] =
        simulation::SCENARIOS.map(|scenario| simulation::simulate(&scenario, &prices, &work));
    let seconds = 86_400.0;
    let nodes = |rate: f64| (rate / NODE_RATE).ceil();
    let requests = sampled.events / 1e6 * prices.million_requests;
    let time = sampled.billed_seconds * prices.minimum_mb / 1024.0 * prices.gb_second;
    for expected in [
        format!(
            "the mean needs {} and the peak {}.",
            nodes(quick.forwarded / seconds),
            nodes(quick.peak_forwarded)
        ),
        format!(
            "{} capacity units",
            number((quick.peak_bytes * 3600.0 / bill::GB).round())
        ),
        format!("{} shards are enough for the bytes", quick.shards),
        format!(
            "With a Node of 1 ms the factor must be {}.",
            quick.parallelization
        ),
        format!("it would have to be {},", slow.parallelization),
        format!(
            "the function reaches Lambda's default quota of {} processes",
            number(slow.peak_processes)
        ),
        format!(
            "{:.0} processes of 128 MB",
            sampled.process_seconds / seconds
        ),
        format!("for {:.0} dollars.", requests + time),
        format!("the windows of all {} processes", sampled.peak_processes),
        format!("up to {} calls would be forwarded", number(sampled.places)),
    ] {
        assert!(page.contains(&expected), "{expected}");
    }
    assert!(slow.waited > 0.0 && slow.longest_wait < 1.0 && quick.waited == 0.0);
}

/// Ten billion calls a month with the lean format and sampling cost less than half of what they cost without.
#[test]
fn ten_billion_calls_cost_what_was_promised() {
    let dollars = |arguments: &[&str]| {
        let bill: Value = serde_json::from_str(&printed(arguments)).unwrap();
        bill["dollars"].as_f64().unwrap()
    };
    let sampled = ["--sample", "1%", "--json", "--calls", "10G"];
    let with = |more: &[&'static str]| dollars(&[&sampled[..], more].concat());
    let (before, after) = (
        dollars(&["--calls", "10G", "--json"]),
        with(&["--format", "lean"]),
    );
    assert!(with(&["--line-bytes", "255"]) <= 1600.0);
    assert!(after * 2.0 < before, "{after} {before}");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let quoted = format!("falls from ${} to ${}", number(before), number(after));
    assert!(readme.contains(&quoted), "{quoted}");
}

/// The simulation is the same in each run, and no call is lost in it.
#[test]
fn the_simulation_repeats_itself_and_adds_up() {
    let prices = Prices::parse(PRICES, "test").unwrap();
    let work = Work::even(1.0, 10.0);
    let [first, ..] = &simulation::SCENARIOS;
    let run = || format!("{:?}", simulation::simulate(first, &prices, &work));
    assert_eq!(run(), run());
    for scenario in simulation::SCENARIOS {
        let day = simulation::simulate(&scenario, &prices, &work);
        let name = scenario.name;
        assert!(
            (day.calls / scenario.calls - 1.0).abs() < 0.001,
            "{name}: {}",
            day.calls
        );
        match scenario.sample {
            None => assert!((day.forwarded / day.calls - 1.0).abs() < 1e-6, "{name}"),
            Some(_) => assert!(
                day.forwarded > 0.0 && day.forwarded < day.calls / 1000.0,
                "{name}"
            ),
        }
        assert!(
            day.lines[0] <= day.lines[1] && day.lines[1] <= day.lines[2],
            "{name}"
        );
        assert!(day.peak_processes <= 1000.0, "{name}");
        assert!(day.cold_starts >= day.peak_processes, "{name}");
    }
}
