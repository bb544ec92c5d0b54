//! `X_SAMPLE`: which calls the Node gets, and that no fault makes it get fewer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cw_resend_lambda::standin::cloudwatch::event_id;
use cw_resend_lambda::standin::node::{Fault, StandInNode};
use serde_json::{Value, json};

use crate::harness::{
    Failed, Function, assert_adds_up, event_of, faulty_node, line, node, sampled,
};

const TIME: Duration = Duration::from_secs(60);
const SAMPLE: (&str, &str) = ("X_SAMPLE", r#"{"calls":5,"seconds":3600}"#);

/// An outcome of an event: the result, and how many were forwarded, forwarded earlier, refused, undelivered and
/// sampled.
fn invoke(function: &Function, event: &[u8]) -> (Result<Value, Failed>, [u64; 5]) {
    counts_of(function.outcome_of(|| function.begin(event, TIME)))
}

fn counts_of(
    (result, report): (Result<Value, Failed>, Value),
) -> (Result<Value, Failed>, [u64; 5]) {
    assert_adds_up(&report);
    let count = |name: &str| report[name].as_u64().unwrap();
    let counts = [
        count("recordsForwarded"),
        count("recordsForwardedEarlier"),
        count("recordsRefused"),
        count("recordsUndelivered"),
        sampled(&report),
    ];
    (result, counts)
}

/// Which of the lines of an event a Node has got.
fn arrived(node: &StandInNode) -> Vec<String> {
    let deliveries = node.deliveries().into_iter();
    let whole = deliveries.filter(|(_, times)| *times > 0);
    whole.map(|(id, _)| id).collect()
}

/// So many lines of one endpoint, in each of which the path and the status are others.
fn lines(count: usize) -> Vec<String> {
    let line = |n| {
        let status = format!("\"status\": \"{}\"", [200, 201, 204][n % 3]);
        line("GET", &format!("/prod/pets/{n}")).replacen("\"status\": \"200\"", &status, 1)
    };
    (0..count).map(line).collect()
}

/// A Node that responds with this status from now on; zero: as ever.
fn switched() -> (StandInNode, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(0));
    let node = faulty_node({
        let status = Arc::clone(&status);
        move |_, _| match status.load(Ordering::SeqCst) {
            0 => Fault::none(),
            status => Fault::status(status),
        }
    });
    (node, status)
}

#[test]
fn the_first_calls_of_each_endpoint_are_forwarded_and_the_others_counted() {
    for format in ["resend", "batch"] {
        let node = node();
        let function = Function::start(&node, &[SAMPLE, ("X_NODE_FORMAT", format)]);
        let mut all = lines(100);
        all.insert(50, line("GET", "/prod/owners/7"));
        all.push("(1) no access log".to_string());
        let event = event_of(all);
        let (result, counts) = invoke(&function, &event);
        let expected =
            json!({"received": 102, "forwarded": 5, "refused": 0, "skipped": 1, "sampled": 96});
        assert_eq!(result, Ok(expected), "{format}");
        assert_eq!(counts, [5, 0, 0, 0, 96], "{format}");
        let ids = [0, 1, 2, 3, 50].map(event_id);
        assert_eq!(arrived(&node), ids, "{format}");
        // An event of which nothing is left needs no Node.
        let before = node.snapshot().arrived();
        let (result, counts) = invoke(&function, &event_of(lines(100)));
        assert_eq!(result.unwrap()["forwarded"], 0, "{format}");
        assert_eq!(counts, [0, 0, 0, 0, 100], "{format}");
        assert_eq!(node.snapshot().arrived(), before, "{format}");
        // A new process knows nothing.
        let other = Function::start(&node, &[SAMPLE, ("X_NODE_FORMAT", format)]);
        assert_eq!(invoke(&other, &event).1, [5, 0, 0, 0, 96], "{format}");
    }
}

#[test]
fn without_the_setting_all_calls_are_forwarded() {
    let node = node();
    let function = Function::start(&node, &[("X_SAMPLE", "")]);
    let (result, counts) = invoke(&function, &event_of(lines(100)));
    assert_eq!(counts, [100, 0, 0, 0, 0]);
    assert_eq!(result.unwrap().get("sampled"), None);
}

/// The template stands beside the path, or in its place; what is sent is the same as ever.
#[test]
fn a_template_tells_an_endpoint_where_a_line_has_one() {
    let with_template = |name: &str| {
        let path = format!("\"path\": \"/prod/pets/{name}\"");
        let both = format!("\"resourcePath\": \"/pets/{{name}}\", {path}");
        line("GET", &format!("/prod/pets/{name}")).replacen(&path, &both, 1)
    };
    let names = ["ann", "bob", "cid", "dot", "eve", "fay"];
    for (format, path) in [
        ("resend", "path"),
        ("resend", "template"),
        ("batch", "path"),
        ("batch", "template"),
    ] {
        let targets = |sample: &str| {
            let node = node();
            let vars = [
                ("X_SAMPLE", sample),
                ("X_NODE_FORMAT", format),
                ("X_PATH", path),
            ];
            let function = Function::start(&node, &vars);
            let (_, counts) = invoke(&function, &event_of(names.map(with_template)));
            let mut paths = Vec::new();
            node.each_call(&mut |call, _| paths.push(call.path.to_string()));
            (counts, paths)
        };
        let (counts, sampled) = targets(SAMPLE.1);
        assert_eq!(counts, [4, 0, 0, 0, 2], "{format}, {path}");
        let (counts, all) = targets("");
        assert_eq!(counts, [6, 0, 0, 0, 0], "{format}, {path}");
        assert!(
            sampled.iter().all(|target| all.contains(target)),
            "{sampled:?}, {all:?}"
        );
    }
    // Without a template, each name may be an endpoint.
    let node = node();
    let function = Function::start(&node, &[SAMPLE]);
    let lines = names.map(|name| line("GET", &format!("/prod/pets/{name}")));
    assert_eq!(invoke(&function, &event_of(lines)).1, [6, 0, 0, 0, 0]);
}

#[test]
fn errors_are_forwarded_where_they_are_to_be_kept() {
    let failed = |n| line("GET", &format!("/prod/pets/{n}")).replacen("\"200\"", "\"503\"", 1);
    for (sample, expected) in [
        (SAMPLE.1, [8, 0, 0, 0, 12]),
        (
            r#"{"calls":5,"seconds":3600,"keep":"errors"}"#,
            [14, 0, 0, 0, 6],
        ),
    ] {
        let node = node();
        let function = Function::start(&node, &[("X_SAMPLE", sample)]);
        let lines: Vec<_> = lines(10).into_iter().chain((0..10).map(failed)).collect();
        assert_eq!(invoke(&function, &event_of(lines)).1, expected);
    }
}

/// Nothing of an event that failed has used a place: the next attempt sends what is missing, and no more.
#[test]
fn what_is_undelivered_is_not_sampled_in_the_next_attempt() {
    for format in ["resend", "batch"] {
        let (node, status) = switched();
        let vars = [
            SAMPLE,
            ("X_NODE_FORMAT", format),
            ("X_NODE_TIMEOUT_MS", "300"),
            ("X_NODE_DOWN_AFTER_MS", "300"),
        ];
        let function = Function::start(&node, &vars);
        let event = event_of(lines(50));
        status.store(503, Ordering::SeqCst);
        for _ in 0..2 {
            let (result, counts) = counts_of(function.invoke_as("one", &event));
            assert_eq!(
                result.unwrap_err().error_type,
                "Function.RecordsUndelivered"
            );
            assert_eq!((counts[0], counts[3] > 0), (0, true), "{format} {counts:?}");
        }
        status.store(0, Ordering::SeqCst);
        let (result, counts) = counts_of(function.invoke_as("one", &event));
        assert!(result.is_ok());
        assert_eq!(counts, [4, 0, 0, 0, 46], "{format}");
        assert_eq!(arrived(&node), [0, 1, 2, 3].map(event_id), "{format}");
    }
}

/// Two of the records with a place arrive in the first attempt. The next one sends the other two.
#[test]
fn what_arrived_in_part_is_completed() {
    let is_down = Arc::new(AtomicBool::new(true));
    let node = faulty_node({
        let is_down = Arc::clone(&is_down);
        move |message, _| {
            let is_absent = ["/prod/pets/1", "/prod/pets/2"].contains(&&*message.http.target);
            match is_absent && is_down.load(Ordering::SeqCst) {
                true => Fault::status(503),
                false => Fault::none(),
            }
        }
    });
    let vars = [
        SAMPLE,
        ("X_NODE_TIMEOUT_MS", "300"),
        ("X_NODE_DOWN_AFTER_MS", "300"),
    ];
    let function = Function::start(&node, &vars);
    let event = event_of(lines(50));
    let (result, counts) = counts_of(function.invoke_as("one", &event));
    assert!(result.is_err());
    assert_eq!(counts, [2, 0, 0, 2, 46]);
    is_down.store(false, Ordering::SeqCst);
    let (result, counts) = counts_of(function.invoke_as("one", &event));
    assert!(result.is_ok());
    assert_eq!(counts, [2, 2, 0, 0, 46]);
    assert_eq!(arrived(&node), [0, 1, 2, 3].map(event_id));
}

#[test]
fn what_the_node_refuses_leaves_its_place_to_the_next_call() {
    let node = faulty_node(
        |message, _| match message.http.target.ends_with("/pets/0") {
            true => Fault::status(400),
            false => Fault::none(),
        },
    );
    let function = Function::start(&node, &[SAMPLE]);
    assert_eq!(invoke(&function, &event_of(lines(50))).1, [3, 0, 1, 0, 46]);
    let (result, counts) = invoke(&function, &event_of(lines(50)));
    // The same one again, which is refused. What was left out would not have been.
    assert_eq!(counts, [0, 0, 1, 0, 49]);
    assert_eq!(result.unwrap()["refused"], 1);
    let (_, counts) = invoke(&function, &event_of(lines(50).split_off(1)));
    assert_eq!(counts, [1, 0, 0, 0, 48]);
}

/// A blocked call of an event whose others are known does not fail it, as it would not without sampling; a Node that
/// refuses everything does.
#[test]
fn an_event_fails_by_what_the_node_does_and_not_by_what_was_left_out() {
    let (node, status) = switched();
    let function = Function::start(&node, &[SAMPLE]);
    let event = |n: usize| {
        let mut lines = lines(9);
        lines.push(line("GET", &format!("/prod/{}", "x".repeat(n))));
        event_of(lines)
    };
    assert_eq!(invoke(&function, &event(1)).1, [5, 0, 0, 0, 5]);
    for refused in [403, 404] {
        status.store(refused, Ordering::SeqCst);
        let (result, counts) = invoke(&function, &event(2));
        assert_eq!(counts, [0, 0, 1, 0, 9]);
        assert!(result.is_ok(), "{refused}: {result:?}");
        // A process that the Node has never accepted anything of has nothing to leave out.
        let fresh = Function::start(&node, &[SAMPLE]);
        let (result, counts) = invoke(&fresh, &event_of(lines(9)));
        assert_eq!(counts, [0, 0, 4, 0, 5]);
        assert_eq!(result.unwrap_err().error_type, "Function.RecordsRefused");
    }
}

/// In a record of Firehose that was sampled are lines that the Node has not got: the bucket keeps it.
#[test]
fn a_record_of_firehose_with_sampled_lines_is_not_dropped() {
    let node = node();
    let vars = [SAMPLE, ("X_FIREHOSE_RESULT", "dropped")];
    let function = Function::start(&node, &vars);
    let data: Vec<String> = lines(9).iter().map(|line| STANDARD.encode(line)).collect();
    let records = data.iter().enumerate();
    let records: Vec<_> = records
        .map(|(n, data)| json!({"recordId": format!("49{n}"), "data": data}))
        .collect();
    let event = json!({"invocationId": "i", "records": records}).to_string();
    for forwarded in [4, 0] {
        let (result, counts) = invoke(&function, event.as_bytes());
        let result = result.unwrap();
        for (n, data) in data.iter().enumerate() {
            let expected = match n < forwarded {
                true => json!({"recordId": format!("49{n}"), "result": "Dropped", "data": ""}),
                false => json!({"recordId": format!("49{n}"), "result": "Ok", "data": data}),
            };
            assert_eq!(result["records"][n], expected);
        }
        assert_eq!(counts, [forwarded as u64, 0, 0, 0, 9 - forwarded as u64]);
    }
}

/// Each record of a stream is a delivery of its own, and what follows one that failed comes again with it.
#[test]
fn records_of_a_stream_that_come_again_are_decided_anew() {
    let (node, status) = switched();
    let vars = [
        SAMPLE,
        ("X_NODE_TIMEOUT_MS", "300"),
        ("X_NODE_DOWN_AFTER_MS", "300"),
    ];
    let function = Function::start(&node, &vars);
    let records = [0, 1].map(|n| {
        let data = STANDARD.encode(lines(5).join("\n"));
        json!({"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": format!("49{n}"), "data": data}})
    });
    let event = json!({ "Records": records }).to_string();
    status.store(503, Ordering::SeqCst);
    let (result, counts) = invoke(&function, event.as_bytes());
    let failures = &result.unwrap()["batchItemFailures"];
    assert_eq!(failures, &json!([{"itemIdentifier": "490"}]));
    assert_eq!(counts, [0, 0, 0, 4, 1]);
    status.store(0, Ordering::SeqCst);
    let (result, counts) = invoke(&function, event.as_bytes());
    assert_eq!(result.unwrap()["batchItemFailures"], json!([]));
    assert_eq!(counts, [4, 0, 0, 0, 6]);
}
