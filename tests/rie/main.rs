//! The function as a process under AWS's own Runtime Interface Emulator, which holds the code that
//! Lambda itself talks to a function with.
//!
//! tests/slow installs the emulator and runs these tests; `CW_RESEND_RIE` is the path of it.

mod emulator;

#[path = "../it/port.rs"]
#[allow(dead_code, reason = "this needs only a part of it")]
mod port;

use std::{collections::BTreeMap, net::SocketAddr, ops::Range};

use cw_resend_lambda::standin::{
    cloudwatch::{Line, document, event_id, gzip, wrap},
    node::{Options, StandInNode},
    sample::{FIRST_TIMESTAMP, sample_lines},
};
use serde_json::{Value, json};

use crate::{emulator::Emulator, port::Port};

/// The emulator sends a longer event in chunks, and a shorter one with its length.
const MAX_SIZED_BYTES: usize = 2048;

/// An event, and what a test knows of it.
struct Sample {
    lines: Vec<Line>,
    compressed: Vec<u8>,
}

impl Sample {
    /// The lines of the sample in this range.
    fn new(range: Range<usize>) -> Self {
        let lines: Vec<Line> = (0..)
            .zip(FIRST_TIMESTAMP..)
            .zip(sample_lines(range.end))
            .skip(range.start)
            .map(|((n, timestamp), message)| Line::new(n, timestamp, message))
            .collect();
        let document = document("/aws/apigateway/x", "a5d703eb", &lines);
        let compressed = gzip(&document.expect("lines become JSON"));
        Self {
            lines,
            compressed: compressed.expect("memory accepts every byte"),
        }
    }

    fn event(&self) -> Vec<u8> {
        wrap(&self.compressed)
    }

    /// The ids of the lines that can be forwarded: access-log lines with a method and a host. The
    /// text is searched, since the sample has a line which is broken JSON and is forwarded still.
    fn forwardable(&self) -> impl Iterator<Item = &str> {
        let is_forwardable = |line: &&Line| {
            let has = |part| line.message.contains(part);
            has("\"httpMethod\": \"") && !has("\"domainName\": \"-\"")
        };
        self.lines
            .iter()
            .filter(is_forwardable)
            .map(|line| line.id.as_str())
    }

    /// What the function responds if the Node accepts everything.
    fn summary(&self) -> Value {
        let forwarded = self.forwardable().count();
        json!({
            "received": self.lines.len(),
            "forwarded": forwarded,
            "refused": 0,
            "skipped": self.lines.len() - forwarded,
        })
    }

    /// Fails if a text contains a value of a line, or a piece of the event itself.
    #[track_caller]
    fn assert_not_quoted_in(&self, text: &str) {
        const PIECE: usize = 12;
        let event = String::from_utf8(self.event()).expect("an event is text");
        let data = event.split('"').max_by_key(|part| part.len());
        let data = data.expect("an event has data");
        let pieces = data.as_bytes().windows(PIECE);
        let mut pieces = pieces.map(|piece| str::from_utf8(piece).expect("base64 is ASCII"));
        assert_eq!(pieces.find(|piece| text.contains(piece)), None, "{text}");
        for line in &self.lines {
            let members: Value = serde_json::from_str(&line.message).unwrap_or_default();
            let members = members.as_object().into_iter().flatten();
            // Shorter values, such as a status, occur in any text by chance.
            let values = members.filter_map(|(_, value)| value.as_str());
            let mut long = values.filter(|value| value.len() >= 6);
            assert_eq!(long.find(|value| text.contains(value)), None, "{text}");
            assert!(!text.contains(&line.message), "{text}");
        }
    }
}

fn node() -> StandInNode {
    StandInNode::start("127.0.0.1:0", Options::default()).expect("loopback has free ports")
}

fn start(node: SocketAddr, variables: &[(&str, &str)]) -> Emulator {
    let node = node.to_string();
    let mut all = vec![("X_NODE_URL", node.as_str()), ("X_NODE_SCHEME", "http")];
    all.extend(variables);
    Emulator::start(&all)
}

/// The lines in which the function reports its invocations.
fn reports(output: &str) -> Vec<Value> {
    let lines = output.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Sends events of many sizes to one process, and checks that the Node has exactly their records.
fn forwards_everything(format: &str) {
    let mut node = node();
    let emulator = start(node.address(), &[("X_NODE_FORMAT", format)]);
    let large = Sample::new(0..300);
    let medium = Sample::new(300..303);
    let small = Sample::new(303..304);
    let padded = |sample: &Sample, length: usize| {
        let mut event = sample.event();
        assert!(event.len() <= length, "{} bytes", event.len());
        event.resize(length, b' ');
        event
    };
    assert!(large.event().len() > MAX_SIZED_BYTES);
    assert!(small.event().len() < MAX_SIZED_BYTES);
    // The first one starts the process, and the others find it warm.
    for (sample, event) in [
        (&large, large.event()),
        (&small, small.event()),
        (&medium, padded(&medium, MAX_SIZED_BYTES)),
        (&medium, padded(&medium, MAX_SIZED_BYTES + 1)),
    ] {
        let response = emulator.invoke(&event);
        assert_eq!(response.body, sample.summary(), "{} bytes", event.len());
        assert_eq!(response.status, 200);
    }
    let output = emulator.stop();
    node.stop();

    let mut expected = BTreeMap::new();
    for sample in [&large, &small, &medium, &medium] {
        for id in sample.forwardable() {
            *expected.entry(id.to_string()).or_insert(0) += 1;
        }
    }
    assert_eq!(node.deliveries(), expected);
    let found = node.snapshot();
    assert_eq!(found.violations, [""; 0]);
    assert_eq!((found.unpaired, found.refused), (0, 0));
    let is_batch = format == "batch";
    assert_eq!(found.batches > 0, is_batch);
    assert_eq!(found.requests > 0, !is_batch);
    assert_eq!(found.responses, found.requests);

    let cold: Vec<Value> = reports(&output)
        .iter()
        .map(|report| report["coldStart"].clone())
        .collect();
    // One process handled all events, and none was started again.
    assert_eq!(cold, [true, false, false, false], "{output}");
}

#[test]
fn resend_forwards_every_record_from_cold_and_warm_and_in_both_framings() {
    forwards_everything("resend");
}

#[test]
fn batch_forwards_every_record_from_cold_and_warm_and_in_both_framings() {
    forwards_everything("batch");
}

#[test]
fn an_event_that_no_node_accepts_is_an_error_with_its_counts() {
    let nobody = Port::new();
    let emulator = start(
        nobody.address,
        &[
            ("X_NODE_TIMEOUT_MS", "500"),
            ("X_NODE_DOWN_AFTER_MS", "500"),
            ("X_NODE_CONNECT_TIMEOUT_MS", "300"),
        ],
    );
    let sample = Sample::new(0..300);
    let response = emulator.invoke(&sample.event());
    let (all, left) = (sample.lines.len(), sample.forwardable().count());
    let message = response.error("Function.RecordsUndelivered");
    let counts = format!(
        "{left} of {all} records; 0 were forwarded, 0 refused, {} skipped",
        all - left
    );
    assert!(message.contains(&counts), "{message}");
    // The emulator responds with 200 to every error that a function reports.
    assert_eq!(response.status, 200);
    sample.assert_not_quoted_in(message);

    // The process still runs and handles the next event.
    let response = emulator.invoke(&sample.event());
    response.error("Function.RecordsUndelivered");
    let output = emulator.stop();
    sample.assert_not_quoted_in(&output);
    let reports = reports(&output);
    assert_eq!(reports.len(), 2, "{output}");
    assert_eq!(reports[0]["recordsUndelivered"], left);
    assert_eq!(reports[1]["coldStart"], false);
}

#[test]
fn a_corrupt_event_is_an_error_that_says_where_and_quotes_nothing() {
    /// The header that is written without a name and a time is as long.
    const HEADER: usize = 10;
    let node = node();
    let emulator = start(node.address(), &[]);
    let corrupt = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut sample = Sample::new(0..300);
        change(&mut sample.compressed);
        sample
    };
    let cases = [
        (
            // The one kind of block that DEFLATE reserves.
            corrupt(&|compressed| compressed[HEADER] |= 0b110),
            "the compressed data is corrupt",
        ),
        (
            corrupt(&|compressed| compressed.truncate(compressed.len() / 2)),
            "the stream ends too early",
        ),
        (
            corrupt(&|compressed| {
                let trailer = compressed.len() - 8;
                compressed[trailer] ^= 1;
            }),
            "the checksum of the content does not match",
        ),
    ];
    for (sample, cause) in &cases {
        let response = emulator.invoke(&sample.event());
        let message = response.error("Function.EventInvalid");
        let (what, offset) = message
            .rsplit_once(", at compressed byte ")
            .unwrap_or_else(|| panic!("no offset: {message}"));
        assert_eq!(what, format!("failed to decompress the event: {cause}"));
        let offset: usize = offset.parse().expect("an offset is a number");
        assert!(offset <= sample.compressed.len(), "{message}");
        sample.assert_not_quoted_in(&response.body.to_string());
    }
    // Text that is not base64, with a secret in it.
    let response = emulator.invoke(br#"{"awslogs":{"data":"aGVs-secret-"}}"#);
    let message = response.error("Function.EventInvalid");
    assert!(message.ends_with("is not base64 at offset 4"), "{message}");
    assert!(!response.body.to_string().contains("secret"));

    let output = emulator.stop();
    for (sample, _) in &cases {
        sample.assert_not_quoted_in(&output);
    }
    assert!(!output.contains("secret"), "{output}");
    assert_eq!(node.snapshot().violations, [""; 0]);
}

#[test]
fn a_wrong_configuration_is_reported_as_an_error_of_init() {
    let emulator = Emulator::start(&[]);
    // The process ends, and is started again for each event.
    for _ in 0..2 {
        let response = emulator.invoke(&Sample::new(0..1).event());
        let message = response.error("Runtime.ConfigInvalid");
        assert!(message.contains("X_NODE_URL is not set"), "{message}");
        // The emulator's own response, since it could not give the event to a function.
        assert_eq!(response.status, 502);
    }
    let output = emulator.stop();
    let fatal = output.lines().filter(|line| line.starts_with("[FATAL]"));
    assert_eq!(fatal.count(), 2, "{output}");
}

#[test]
fn a_control_message_succeeds_and_forwards_nothing() {
    let node = node();
    let emulator = start(node.address(), &[]);
    let document = json!({
        "messageType": "CONTROL_MESSAGE",
        "owner": "CloudwatchLogs",
        "logGroup": "",
        "logStream": "",
        "subscriptionFilters": [],
        "logEvents": [{
            "id": event_id(0),
            "timestamp": FIRST_TIMESTAMP,
            "message": "CWL CONTROL MESSAGE: Checking health of destination Lambda.",
        }],
    });
    let compressed = gzip(document.to_string().as_bytes()).expect("memory accepts every byte");
    let response = emulator.invoke(&wrap(&compressed));
    assert_eq!(
        response.body,
        json!({"received": 0, "forwarded": 0, "refused": 0, "skipped": 0})
    );
    assert_eq!(response.status, 200);
    drop(emulator);
    assert_eq!(node.snapshot().connections, 0);
}
