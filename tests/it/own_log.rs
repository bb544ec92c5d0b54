//! The function's own log group, which a subscription policy of the whole account hands to it too.

use std::time::Duration;

use cw_resend_lambda::standin::cloudwatch::{Line, document, gzip, wrap};
use cw_resend_lambda::standin::runtime_api::Outcome;
use serde_json::{Value, json};

use crate::batches::{batch, failure, message};
use crate::harness::{Function, PATIENCE, assert_adds_up, event_of_calls, line, node};
use crate::records::{firehose, kinesis};

const TIME: Duration = Duration::from_secs(30);
const OWN: &str = "/aws/lambda/cw-resend-test";

/// A document of this log group: a report line, one of Lambda's, and one that no record could have.
fn log_of(log_group: &str) -> Vec<u8> {
    let lines = [
        r#"{"timestamp":"2026-11-22T10:00:00Z","level":"INFO","recordsReceived":1}"#.to_string(),
        "START RequestId: 8476a536-e9f4-11e8-9739-2dfe598c3fcd Version: $LATEST".to_string(),
        line("GET", "/looks/like/a/call"),
        "x".repeat(200_000),
    ];
    let lines = (0..).zip(lines).map(|(n, text)| Line::new(n, 0, text));
    document(log_group, "s", &lines.collect::<Vec<_>>()).unwrap()
}

/// It prints into the log group that it is invoked with: a line for each event would be an event for each line.
#[test]
fn an_event_of_nothing_but_the_own_log_prints_nothing() {
    let text = log_of(OWN);
    let compressed = gzip(&text).unwrap();
    let own = wrap(&compressed);
    let payload: Value = serde_json::from_slice(&own).unwrap();
    let late = String::from_utf8(text.clone()).unwrap();
    let (header, events) = late.split_once(r#""logEvents":"#).unwrap();
    let late = format!(
        r#"{{"logEvents":{},{}}}"#,
        events.strip_suffix('}').unwrap(),
        header.trim_start_matches('{').trim_end_matches(',')
    );
    let all = json!({"received": 4, "forwarded": 0, "refused": 0, "skipped": 4});
    let no_failures = json!({"batchItemFailures": []});
    let cases = [
        ("a subscription", own, Some(all.clone())),
        (
            "a late header",
            wrap(&gzip(late.as_bytes()).unwrap()),
            Some(all),
        ),
        (
            "two documents in one event",
            wrap(&gzip(&[&text[..], &text].concat()).unwrap()),
            Some(json!({"received": 8, "forwarded": 0, "refused": 0, "skipped": 8})),
        ),
        (
            "Kinesis",
            kinesis(&[&compressed, &text]),
            Some(no_failures.clone()),
        ),
        (
            "a queue",
            batch(&[message(1, &failure("r", &payload), json!({}))]),
            Some(no_failures),
        ),
        ("Firehose", firehose(&[&compressed, &text]), None),
    ];
    let node = node();
    for (name, event, expected) in cases {
        for form in ["metrics", "compact"] {
            let vars = [
                ("X_NODE_URL", &*node.address().to_string()),
                ("X_NODE_SCHEME", "http"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", OWN),
                ("X_LOG_LEVEL", "TRACE"),
                ("X_REPORT_LINE", form),
            ];
            // What it writes to standard error comes with the rest.
            let function = Function::start_limited("exec 2>&1", &vars);
            for _ in 0..2 {
                let outcome = function.begin(&event, TIME).wait(PATIENCE);
                let Some(Outcome::Response(body)) = outcome else {
                    panic!("{name}: {outcome:?}");
                };
                if let Some(expected) = &expected {
                    let body: Value = serde_json::from_slice(&body).unwrap();
                    assert_eq!(body, *expected, "{name}");
                } else {
                    assert!(body.starts_with(b"{\"records\":["), "{name}");
                }
            }
            // The first line is that of the first event with something else.
            let (result, _) = function.outcome_of(|| function.begin(&event_of_calls(1), TIME));
            assert_eq!(result.unwrap()["forwarded"], 1);
            assert_eq!(function.lines().len(), 1, "{name}: {:?}", function.lines());
        }
    }
    let snapshot = node.snapshot();
    assert_eq!((snapshot.distinct, snapshot.violation_count), (1, 0));
}

/// One that is broken fails as any other. Lambda has the error, and the log has no line that would be the next event.
#[test]
fn a_broken_event_of_the_own_log_fails_and_prints_nothing() {
    let node = node();
    let function = Function::start(&node, &[("AWS_LAMBDA_LOG_GROUP_NAME", OWN)]);
    let text = log_of(OWN);
    let broken = wrap(&gzip(&text[..text.len() - 1]).unwrap());
    let outcome = function.begin(&broken, TIME).wait(PATIENCE).unwrap();
    assert!(
        matches!(&outcome, Outcome::Error { error_type, .. } if error_type.as_deref() == Some("Function.EventInvalid")),
        "{outcome:?}"
    );
    function.invoke(&event_of_calls(1), TIME).unwrap();
    assert_eq!(function.lines().len(), 1, "{:?}", function.lines());
}

/// What others log drives such events, and ends with them.
#[test]
fn an_event_with_something_else_is_reported_and_the_own_log_is_skipped() {
    let node = node();
    let function = Function::start(&node, &[("AWS_LAMBDA_LOG_GROUP_NAME", OWN)]);
    let other = [Line::new(0, 0, line("GET", "/x"))];
    let other = gzip(&document("/aws/apigateway/x", "s", &other).unwrap()).unwrap();
    let own = gzip(&log_of(OWN)).unwrap();
    for (event, forwarded) in [
        (kinesis(&[&own, &other, &own]), 1),
        // An item that is nothing is something else.
        (kinesis(&[&own, b"\x01"]), 0),
    ] {
        let (_, report) = function.outcome_of(|| function.begin(&event, TIME));
        assert_eq!(report["recordsForwarded"], forwarded, "{report}");
        assert!(
            report["skipped"]["ownLogGroup"].as_u64() >= Some(4),
            "{report}"
        );
        assert_adds_up(&report);
    }
    // Another group of which the name only begins so is not the own one.
    let event = wrap(&gzip(&log_of("/aws/lambda/cw-resend-test-2")).unwrap());
    let (_, report) = function.outcome_of(|| function.begin(&event, TIME));
    assert_eq!(report["recordsForwarded"], 1);
}
