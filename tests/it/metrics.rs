//! The compact report line, and the metrics that Terraform's metric filters make of it: the same ones as CloudWatch
//! makes of the line with metrics.

use std::time::Duration;

use cw_resend_lambda::standin::node::{Fault, StandInNode};
use serde_json::Value;

use crate::harness::{Function, event_of, event_of_calls, faulty_node, line, node};

/// What is deployed.
const FILTERS: &str = include_str!("../../terraform/modules/connector/metrics.tf");

/// A metric filter of CloudWatch Logs.
struct Filter {
    metric: String,
    pattern: String,
    value: String,
}

/// The filters of the three families in Terraform's file: counts, their zeros, and values.
fn filters() -> Vec<Filter> {
    let texts_after = |key: &str| -> Vec<&str> {
        let begin = format!("{key} = \"");
        let parts = FILTERS.split(&begin).skip(1);
        parts.map(|text| text.split('"').next().unwrap()).collect()
    };
    let list = |name: &str| -> Vec<&str> {
        let (_, text) = FILTERS.split_once(&format!("{name} = ")).unwrap();
        let text = text
            .lines()
            .next()
            .unwrap()
            .trim_matches(['[', ']', '{', '}', ' ']);
        let names = text.split(", ");
        names
            .map(|name| name.split(" = ").next().unwrap().trim_matches('"'))
            .collect()
    };
    let (counts, values) = (list("metric_counts"), list("metric_values"));
    let (patterns, fields) = (texts_after("pattern"), texts_after("value"));
    assert_eq!((patterns.len(), fields.len()), (3, 3));
    let families = [counts.clone(), counts, values];
    let families = families.iter().zip(patterns.into_iter().zip(fields));
    let filters = families.flat_map(|(names, (pattern, field))| {
        names.iter().map(move |name| Filter {
            metric: (*name).to_string(),
            pattern: pattern.replace("${name}", name),
            value: field.replace("${name}", name),
        })
    });
    filters.collect()
}

/// Whether a line matches a pattern: `{ ($.a = *) && ($.b NOT EXISTS) }`, conditions on members which all must hold.
fn matches(pattern: &str, line: &Value) -> bool {
    let conditions = pattern
        .strip_prefix("{ ")
        .and_then(|text| text.strip_suffix(" }"));
    conditions.expect(pattern).split(" && ").all(|condition| {
        let condition = condition
            .strip_prefix("($.")
            .and_then(|text| text.strip_suffix(')'));
        let (member, what) = condition.expect(pattern).split_once(' ').expect(pattern);
        let is_there = line.get(member).is_some();
        match what {
            "= *" => is_there,
            "NOT EXISTS" => !is_there,
            _ => panic!("{pattern}"),
        }
    })
}

/// The metrics that the filters make of a line, with the dimension.
pub(crate) fn filtered(line: &Value) -> Vec<(String, Value)> {
    let mut metrics = Vec::new();
    for filter in filters() {
        if matches(&filter.pattern, line) {
            let value = match filter.value.strip_prefix("$.") {
                Some(member) => line[member].clone(),
                None => serde_json::from_str(&filter.value).unwrap(),
            };
            assert!(value.is_number(), "{}: {value}", filter.metric);
            metrics.push((filter.metric, value));
        }
    }
    metrics.sort_by(|a, b| a.0.cmp(&b.0));
    metrics
}

/// The metrics that CloudWatch makes of a line with the block.
fn embedded(line: &Value) -> Vec<(String, Value)> {
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(
        directive["Dimensions"],
        serde_json::json!([["functionName"]])
    );
    let metrics = directive["Metrics"].as_array().expect("the block");
    let named = metrics.iter().map(|metric| {
        let name = metric["Name"].as_str().unwrap();
        (name.to_string(), line[name].clone())
    });
    let mut named: Vec<_> = named.collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    named
}

/// The Node of a case, and the event.
type Case = (&'static str, fn() -> StandInNode, Vec<u8>);

fn cases() -> Vec<Case> {
    let refusing = || {
        faulty_node(|message, _| match message.http.target.as_str() {
            "/prod/refused" => Fault::status(403),
            _ => Fault::none(),
        })
    };
    let down = || faulty_node(|_, _| Fault::status(503));
    let busy = || {
        faulty_node(|_, nth| match nth {
            2 => Fault::status(503),
            _ => Fault::none(),
        })
    };
    let websocket = r#"{"requestId":"r","routeKey":"$connect","eventType":"CONNECT","connectionId":"c","status":"200","domainName":"h.example.com"}"#;
    vec![
        ("one line", node, event_of_calls(1)),
        ("107 lines", node, event_of_calls(107)),
        (
            "no line is forwarded",
            node,
            event_of([websocket.to_string()]),
        ),
        ("most of a group is skipped", node, event_of(["text"; 30])),
        ("a retry", busy, event_of_calls(3)),
        ("the Node is down", down, event_of_calls(2)),
        (
            "one is refused",
            refusing,
            event_of([line("GET", "/prod/a"), line("GET", "/prod/refused")]),
        ),
    ]
}

fn report(node: &StandInNode, vars: &[(&str, &str)], event: &[u8]) -> (Value, usize) {
    let function = Function::start(node, vars);
    let begin = || function.begin(event, Duration::from_secs(3));
    let (_, report) = function.outcome_of(begin);
    let length = function.lines()[0].len();
    (report, length)
}

#[test]
fn metric_filters_make_the_same_metrics_of_compact_lines() {
    let mut seen = std::collections::BTreeSet::new();
    for (name, node, event) in cases() {
        let (whole, _) = report(&node(), &[], &event);
        let (compact, length) = report(&node(), &[("X_REPORT_LINE", "compact")], &event);
        assert!(compact.get("_aws").is_none(), "{name}: {compact}");
        // Where both are seen, or a line twice, nothing is counted twice.
        assert_eq!(filtered(&whole), [], "{name}: {whole}");
        assert_eq!(compact["functionName"], whole["functionName"], "{name}");
        let (made, expected) = (filtered(&compact), embedded(&whole));
        assert_eq!(made.len(), expected.len(), "{name}: {made:?}, {expected:?}");
        for ((metric, value), (expected_metric, expected)) in made.into_iter().zip(expected) {
            assert_eq!(metric, expected_metric, "{name}");
            // No two invocations take equally long, and how often a Node that is down is asked depends on that.
            if metric != "nodeLatencyMs" && !(metric == "retries" && name == "the Node is down") {
                assert_eq!(value, expected, "{name}: {metric}");
            }
            if value.as_f64() > Some(0.0) {
                seen.insert(metric);
            }
        }
        if compact["level"] == "INFO" && compact.get("retries").is_none() {
            assert!(length <= 250, "{name}: {length} bytes: {compact}");
        }
    }
    assert_eq!(seen.len(), 8, "only {seen:?} were not zero");
}

/// The lengths that `terraform/README.md` has its costs from: `--nocapture` shows them.
#[test]
fn where_nothing_is_wrong_a_compact_line_has_at_most_250_bytes() {
    // The name that Terraform gives by default.
    let name = (
        "AWS_LAMBDA_FUNCTION_NAME",
        "wallarm-cw-resend-api-gw-discovery-3f2a1c",
    );
    for lines in [1, 5, 20, 107, 1000, 7000] {
        let event = event_of_calls(lines);
        let node = node();
        let lengths = ["metrics", "compact"].map(|form| {
            let function = Function::start(&node, &[name, ("X_REPORT_LINE", form)]);
            for _ in 0..2 {
                let begin = || function.begin(&event, Duration::from_secs(60));
                assert!(function.outcome_of(begin).0.is_ok());
            }
            // The first one tells of a cold start.
            function.lines()[1].len()
        });
        println!("{lines} lines: {lengths:?} bytes");
        assert!(lengths[1] <= 250, "{lines} lines: {lengths:?}");
        assert!(lengths[0] > 3 * lengths[1], "{lines} lines: {lengths:?}");
    }
}

/// What Lambda and the function print beside the report lines.
#[test]
fn metric_filters_make_nothing_of_other_lines() {
    for line in [
        r#"{"time":"2026-11-22T10:00:00.123Z","type":"platform.report","record":{"requestId":"r","status":"timeout","metrics":{"durationMs":60000.0,"billedDurationMs":60000,"memorySizeMB":128,"maxMemoryUsedMB":21}}}"#,
        r#"{"timestamp":"2026-11-22T10:00:00.123Z","level":"ERROR","message":"failed to read it","errorType":"Runtime.ConfigInvalid"}"#,
    ] {
        assert_eq!(filtered(&serde_json::from_str(line).unwrap()), [], "{line}");
    }
}
