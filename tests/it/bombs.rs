//! Hostile log events. Each costs at most its own line: the other lines are forwarded, and memory stays
//! bounded.

#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use cw_resend_lambda::standin::cloudwatch::{event_id, gzip, wrap};
use serde_json::{Value, json};

use crate::harness::{Function, assert_adds_up, assert_got_all, line, node};
use crate::memory::peak;

/// Far longer than any of them takes.
const TIME: Duration = Duration::from_secs(60);

/// A valid line as it is in a document.
fn valid() -> Vec<u8> {
    let quoted = serde_json::to_string(&line("GET", "/x")).unwrap();
    quoted.into_bytes()
}

/// The same with something in it replaced.
fn message(from: &str, to: &[u8]) -> Vec<u8> {
    let quoted = valid();
    let from = from.as_bytes();
    let at = quoted.windows(from.len()).position(|w| w == from).unwrap();
    [&quoted[..at], to, &quoted[at + from.len()..]].concat()
}

/// A log event with this id and these other members.
fn log_event(id: u64, members: &[u8]) -> Vec<u8> {
    let head = format!(r#"{{"id":"{}","timestamp":1,"#, event_id(id));
    [head.as_bytes(), members, b"}"].concat()
}

/// Delivers the log events between two valid ones, and checks what was skipped.
#[track_caller]
fn deliver(name: &str, members: &[Vec<u8>], expected: Value) {
    let node = node();
    let function = Function::start(&node, &[]);
    let valid = [&b"\"message\":"[..], &valid()].concat();
    let skipped: u64 = expected
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    // What is skipped comes last, so that the ids of the others are without a gap.
    let log_events: Vec<Vec<u8>> = if skipped == 0 {
        let all = [
            std::slice::from_ref(&valid),
            members,
            std::slice::from_ref(&valid),
        ]
        .concat();
        (0..).zip(all).map(|(id, m)| log_event(id, &m)).collect()
    } else {
        let mut all = vec![log_event(0, &valid)];
        all.extend(members.iter().map(|m| log_event(9_999, m)));
        all.push(log_event(1, &valid));
        all
    };
    let count = log_events.len() as u64;
    let text = [
        br#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":["#,
        &log_events.join(&b","[..])[..],
        b"]}",
    ]
    .concat();
    let event = wrap(&gzip(&text).unwrap());
    let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
    assert_eq!(result.unwrap()["received"], count, "{name}");
    let reported = report.get("skipped").cloned().unwrap_or_else(|| json!({}));
    assert_eq!(reported, expected, "{name}");
    assert_adds_up(&report);
    assert_got_all(&node, count - skipped);
    assert!(
        peak(function.pid()) < 16 * 1024,
        "{name}: {} KiB",
        peak(function.pid())
    );
}

#[test]
fn long_and_deep_lines() {
    let with = |text: &str| vec![[b"\"message\":\"", text.as_bytes(), b"\""].concat()];
    deliver(
        "1 MB",
        &with(&"x".repeat(1_000_000)),
        json!({"oversized": 1}),
    );
    for bracket in ["[", "{", "[{"] {
        let deep = with(&bracket.repeat(10_000));
        deliver(bracket, &deep, json!({"malformed": 1}));
    }
    // Values under many brackets: each looks for the names around it.
    let brackets = |n: usize| "[".repeat(n);
    for (text, skipped) in [
        (
            format!(r#"{{"a":{}{}"#, brackets(32_000), "1,".repeat(16_000)),
            "malformed",
        ),
        (
            format!("{}{}", "{".repeat(16_000), r#""a":1,"#.repeat(6_000)),
            "malformed",
        ),
        (
            format!("{}{}", "{".repeat(16_000), r#""a":"x"b":"#.repeat(3_000)),
            "malformed",
        ),
        (
            format!(
                r#"{{"httpMethod":"GET","path":"/x","userAgent":"u","a":{}{}1{},"z":""}}"#,
                brackets(15_000),
                "1,".repeat(15_000),
                "]".repeat(15_000)
            ),
            "noHost",
        ),
    ] {
        let deep = with(&text.replace('"', "\\\""));
        deliver("values under brackets", &deep, json!({skipped: 1}));
    }
    // Not in the line, but beside it.
    let nested = ["[".repeat(10_000), "]".repeat(10_000)].concat();
    let nested = format!("\"x\":{nested},\"message\":").into_bytes();
    let beside = [nested, valid()].concat();
    deliver("beside", &[beside], json!({}));
}

#[test]
fn a_million_keys() {
    let mut keys = String::new();
    for n in 0..1_000_000 {
        write!(keys, "\"k{n}\":{n},").unwrap();
    }
    let beside = [keys.as_bytes(), b"\"message\":", &valid()].concat();
    deliver("beside the line", &[beside], json!({}));
    let escaped = keys.replace('"', "\\\"");
    let inside = message("{ ", format!("{{ {escaped}").as_bytes());
    let inside = [&b"\"message\":"[..], &inside].concat();
    deliver("in the line", &[inside], json!({"oversized": 1}));
    // As many as a line may have.
    let few: String = (0..4_000).fold(String::new(), |mut keys, n| {
        write!(keys, "\\\"k{n}\\\":{n},").unwrap();
        keys
    });
    let inside = message("{ ", format!("{{ {few}").as_bytes());
    let inside = [&b"\"message\":"[..], &inside].concat();
    // No template has so many names: a caller has added some.
    deliver("as many as may be", &[inside], json!({"contradiction": 1}));
}

#[test]
fn the_same_key_again_and_again() {
    let valid = valid();
    let again = [
        &b"\"message\":"[..],
        &valid,
        &b",\"message\":0".repeat(100_000),
    ]
    .concat();
    deliver("beside the line", &[again], json!({}));
    let line = |extra: &str, count| {
        let extra = extra.repeat(count);
        let inside = message("{ ", format!("{{ {extra}").as_bytes());
        vec![[&b"\"message\":"[..], &inside].concat()]
    };
    let same = |count| line(r#"\"httpMethod\": \"GET\","#, count);
    deliver("with one value", &same(200), json!({}));
    // No template has so many names.
    deliver("too often", &same(2_000), json!({"contradiction": 1}));
    let other = line(r#"\"httpMethod\": \"PUT\","#, 2_000);
    deliver("with two values", &other, json!({"contradiction": 1}));
}

#[test]
fn every_lone_surrogate() {
    // As the line has it, and as its document has it.
    for backslashes in ["\\\\", "\\"] {
        let members: Vec<Vec<u8>> = (0xd800..=0xdfff)
            .map(|unit| {
                let escape = format!("{backslashes}u{unit:04x}");
                let inside = message("curl/8.5.0", format!("x{escape}y").as_bytes());
                [&b"\"message\":"[..], &inside].concat()
            })
            .collect();
        deliver(backslashes, &members, json!({}));
    }
}

#[test]
fn every_byte_that_is_not_utf_8() {
    let members: Vec<Vec<u8>> = (0x80..=0xff_u8)
        .flat_map(|byte| [vec![byte], vec![0xe2, byte], vec![byte, byte]])
        .flat_map(|bytes| {
            let path = [b"/x", &bytes[..]].concat();
            let agent = [b"curl", &bytes[..]].concat();
            [message("/x", &path), message("curl/8.5.0", &agent)]
        })
        .map(|inside| [&b"\"message\":"[..], &inside].concat())
        .collect();
    deliver("in path and user agent", &members, json!({}));
}

/// Documents whose reading takes longer than there is time. The result is there before Lambda ends the invocation,
/// and what was read adds up.
#[test]
fn what_takes_too_long_to_read_ends_in_time() {
    let head = r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","#;
    let size = 120_000_000;
    // Each has the front of a document, what is repeated, how often, and the end.
    let many = |front: &str, unit: &str, end: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let piece = unit.repeat(1_000_000 / unit.len());
        gzip.write_all(front.as_bytes()).unwrap();
        for _ in 0..size / piece.len() {
            gzip.write_all(piece.as_bytes()).unwrap();
        }
        gzip.write_all(end.as_bytes()).unwrap();
        wrap(&gzip.finish().unwrap())
    };
    let log_events = format!(r#"{head}"logEvents":["#);
    let text = "x".repeat(60_000);
    let long_line =
        format!(r#"{{"id":"1","timestamp":1,"message":"{{\"httpMethod\":\"{text}\""}},"#);
    let documents = [
        ("empty log events", many(&log_events, "{},", "{}]}")),
        (
            "the same, before the rest",
            many(
                r#"{"logEvents":["#,
                "{},",
                &format!("{{}}],{}}}", head[1..].trim_end_matches(',')),
            ),
        ),
        ("long lines", many(&log_events, &long_line, "{}]}")),
        (
            "an ignored list",
            many(&format!(r#"{head}"x":["#), "[1],", r#"1],"logEvents":[]}"#),
        ),
        (
            "an ignored text",
            many(
                &format!(r#"{head}"x":""#),
                r"\\\\\\",
                r#"","logEvents":[]}"#,
            ),
        ),
        ("whitespace", many(head, " ", r#""logEvents":[]}"#)),
    ];
    let node = node();
    let function = Function::start(&node, &[]);
    for (name, event) in &documents {
        for time in [1_000, 1_200].map(Duration::from_millis) {
            let started = std::time::Instant::now();
            let (result, report) = function.outcome_of(|| function.begin(event, time));
            let took = started.elapsed();
            assert!(took < time, "{name}: {took:?} of {time:?}");
            assert_adds_up(&report);
            // A fast machine reads some of them in time.
            if let Err(failed) = result {
                assert_eq!(failed.error_type, "Function.RecordsUndelivered", "{name}");
                assert!(
                    failed.message.contains("while the document was read"),
                    "{failed:?}"
                );
            }
        }
    }
    let [(_, hostile), ..] = documents;
    let mut batch: Vec<Value> =
        vec![json!({"messageId": "m1", "body": String::from_utf8(hostile).unwrap()})];
    let valid = String::from_utf8(crate::harness::event_of_calls(1)).unwrap();
    batch.push(json!({"messageId": "m2", "body": valid}));
    batch.reverse();
    batch.push(json!({"messageId": "m3", "body": valid}));
    let event = json!({ "Records": batch }).to_string().into_bytes();
    let (result, report) = function.outcome_of(|| function.begin(&event, Duration::from_secs(1)));
    let failed = result.unwrap()["batchItemFailures"].clone();
    if failed != json!([]) {
        assert_eq!(
            failed,
            json!([{"itemIdentifier": "m1"}, {"itemIdentifier": "m3"}])
        );
        assert_eq!(report["itemsFailed"], 2);
    }
    assert_adds_up(&report);
    assert_got_all(&node, 1);
}

/// Records that are lines: one that does not end, and as many as there can be. Whatever they are, memory is bounded,
/// and the result is there in time.
#[test]
fn lines_without_a_document_are_bounded_too() {
    let compressed = |unit: &[u8], size: usize| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let piece = unit.repeat(1_000_000 / unit.len());
        for _ in 0..size / piece.len() {
            gzip.write_all(&piece).unwrap();
        }
        gzip.finish().unwrap()
    };
    let data = |bytes: &[u8]| {
        let event: Value = serde_json::from_slice(&wrap(bytes)).unwrap();
        event["awslogs"]["data"].clone()
    };
    let size = 8_000_000;
    // Each with what is skipped of it if there is time for all of it.
    let records = [
        ("one line", compressed(b"x", size), json!({"oversized": 1})),
        (
            "one line of quotes",
            compressed(b"\"", size),
            json!({"oversized": 1}),
        ),
        ("empty lines", compressed(b"\n", size), json!({})),
        (
            "short lines",
            compressed(b"x\n", size),
            json!({"malformed": size / 2}),
        ),
        ("whitespace", compressed(b" ", size), json!({})),
        (
            "one line as it is",
            vec![b'x'; 3_000_000],
            json!({"oversized": 1}),
        ),
        ("empty lines as they are", vec![b'\n'; 3_000_000], json!({})),
        (
            "long lines",
            compressed(&[&[b'"'; 30_000][..], b"\n"].concat(), size),
            json!({"malformed": 33 * 8}),
        ),
    ];
    for (name, record, skipped) in &records {
        let node = node();
        let function = Function::start(&node, &[]);
        for time in [1, 20].map(Duration::from_secs) {
            let event =
                json!({"Records": [{"kinesis": {"sequenceNumber": "1", "data": data(record)}}]});
            let event = event.to_string().into_bytes();
            let started = std::time::Instant::now();
            let (result, report) = function.outcome_of(|| function.begin(&event, time));
            assert!(
                started.elapsed() < time,
                "{name}: {:?} of {time:?}",
                started.elapsed()
            );
            assert_adds_up(&report);
            if result.unwrap() == json!({"batchItemFailures": []}) {
                let reported = report.get("skipped").cloned().unwrap_or_else(|| json!({}));
                assert_eq!(reported, *skipped, "{name}");
            } else {
                assert_eq!(report["errorType"], "Function.RecordsUndelivered", "{name}");
                // Without optimisation, some take longer than they are given.
                assert!(
                    time < TIME / 10 || *name == "short lines",
                    "{name}: it takes too long"
                );
            }
        }
        // The event as it arrived, and 16 MiB.
        let most = 16 * 1024 + 2 * record.len() as u64 / 1024 * 4 / 3;
        assert!(
            peak(function.pid()) < most,
            "{name}: {} KiB",
            peak(function.pid())
        );
    }
}
