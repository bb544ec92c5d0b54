//! Events of all kinds: which lines are skipped and counted, and which events fail.

use std::time::Duration;

use cw_resend_lambda::standin::cloudwatch::{Line, document, gzip, wrap};
use serde_json::{Value, json};

use crate::harness::{
    Function, assert_adds_up, assert_got_all, event_of, event_of_calls, line, node,
};

const TIME: Duration = Duration::from_secs(30);

#[test]
fn lines_that_can_not_be_forwarded_are_counted_by_reason() {
    let node = node();
    let function = Function::start(&node, &[]);
    let lines = [
        line("GET", "/ok"),
        r#"{"eventType":"CONNECT","connectionId":"x","status":"200"}"#.into(),
        "(7f3c1a4e) Method request path: {id=1}".into(),
        r#"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 1 r"#.into(),
        r#"{"path":"/x","httpMethod":"GET"}"#.into(),
        r#"{"httpMethod":"GET","domainName":"h"}"#.into(),
        r#"{"path":"/x","domainName":"h"}"#.into(),
        r#"{"httpMethod":"G T","path":"/x","domainName":"h"}"#.into(),
        r#"{"httpMethod":"GET","path":"/x","domainName":"a b"}"#.into(),
        format!(
            r#"{{"httpMethod":"GET","path":"/{}","domainName":"h"}}"#,
            "x".repeat(20_000)
        ),
        "x".repeat(1_000_000),
        "START RequestId: 1".into(),
        "{".repeat(10_000),
        "[".repeat(10_000),
        String::new(),
    ];
    let count = lines.len();
    let (result, report) = function.outcome_of(|| function.begin(&event_of(lines), TIME));
    assert_eq!(
        result.unwrap(),
        json!({"received": count, "forwarded": 1, "refused": 0, "skipped": count - 1})
    );
    assert_eq!(
        report["skipped"],
        json!({
            "websocket": 1, "executionLog": 1, "unsupportedFormat": 1, "noHost": 1, "noPath": 1,
            "noMethod": 1, "invalidMethod": 1, "invalidHost": 1, "oversized": 2, "malformed": 4,
        })
    );
    assert_adds_up(&report);
    assert_got_all(&node, 1);
    // The hint says once what to do about it.
    assert!(
        report["hint"]
            .as_str()
            .unwrap()
            .contains("$context.domainName")
    );
    let clf = event_of([r#"<request id="x"> <ip>192.0.2.1</ip> </request>"#]);
    let (_, report) = function.outcome_of(|| function.begin(&clf, TIME));
    assert_eq!(report["skipped"], json!({"unsupportedFormat": 1}));
    assert_eq!(report["hint"], Value::Null);
}

/// No byte of a log line may get into the function's own log, nor into what the invoker sees.
#[test]
fn nothing_of_a_line_is_printed() {
    let node = node();
    let function = Function::start(&node, &[("X_LOG_LEVEL", "TRACE")]);
    let secrets = r#"{"httpMethod":"SECRETMETHOD","path":"/secretpath","domainName":"secrethost","sourceIp":"203.0.113.99","userAgent":"secretagent","requestId":"secretid","errorMessage":"secreterror"}"#;
    let broken = document("g", "s", &[Line::new(0, 0, secrets)]).unwrap();
    let broken = [&broken[..broken.len() - 10], b"secret secret"].concat();
    let events = [
        event_of([secrets, "secret secret", r#"{"path":"secret"}"#]),
        wrap(b"secret secret secret"),
        wrap(&gzip(&broken).unwrap()),
        br#"{"awslogs":{"data":"secret secret"}}"#.to_vec(),
        br#"{"secret":"secret"}"#.to_vec(),
        br#"{"awslogs":"secret"}"#.to_vec(),
        b"secret".to_vec(),
    ];
    for event in &events {
        if let Err(failed) = function.invoke(event, TIME) {
            assert!(
                !failed.message.to_lowercase().contains("secret"),
                "{failed:?}"
            );
        }
    }
    for line in function.lines() {
        assert!(!line.to_lowercase().contains("secret"), "{line}");
        assert!(!line.contains("203.0.113.99"), "{line}");
    }
}

/// An invalid stream fails the invocation with the stage and the offset.
#[test]
fn an_invalid_stream_fails_the_invocation() {
    let node = node();
    let function = Function::start(&node, &[("X_MAX_INFLATED_BYTES", "100000")]);
    let text = document(
        "/aws/apigateway/x",
        "s",
        &[Line::new(0, 0, line("GET", "/x"))],
    )
    .unwrap();
    let valid = gzip(&text).unwrap();
    let with = |at: usize, bit: u8| {
        let mut bytes = valid.clone();
        bytes[at] ^= bit;
        wrap(&bytes)
    };
    let gzipped = |text: &str| wrap(&gzip(text.as_bytes()).unwrap());
    let cases = [
        (b"[]".to_vec(), "failed to read the event", "found an array"),
        (b"{".to_vec(), "failed to read the event", "line 1 column 1"),
        (
            br#"{"awslogs":{"data":"H4s*AAA="}}"#.to_vec(),
            "failed to decode the event's base64",
            "offset 3",
        ),
        (wrap(b""), "failed to decompress the event", "no bytes"),
        (
            wrap(b"no gzip"),
            "failed to decompress the event",
            "neither's signature, at compressed byte 0",
        ),
        (
            wrap(&valid[..valid.len() - 1]),
            "failed to decompress the event",
            "ends too early, at compressed byte",
        ),
        (
            wrap(&valid[..40]),
            "failed to decompress the event",
            "ends too early, at compressed byte 40",
        ),
        (
            with(valid.len() - 6, 1),
            "failed to decompress the event",
            "checksum of the content",
        ),
        (
            with(valid.len() - 2, 1),
            "failed to decompress the event",
            "length of the content",
        ),
        (
            wrap(&[&valid[..], b"x"].concat()),
            "failed to decompress the event",
            "bytes follow the end",
        ),
        (
            wrap(&gzip(&[b' '; 100_001]).unwrap()),
            "failed to decompress the event",
            "X_MAX_INFLATED_BYTES",
        ),
        (
            gzipped("{\"messageType\":\"DATA_MESSAGE\""),
            "failed to read the log document",
            "ends too early, at inflated byte 29",
        ),
        (
            gzipped("[]"),
            "failed to read the log document",
            "expected an object",
        ),
        (
            gzipped("{\"messageType\":\"NEW_MESSAGE\"}"),
            "failed to read the log document",
            "DATA_MESSAGE or CONTROL_MESSAGE",
        ),
        (
            gzipped("{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":7}"),
            "failed to read the log document",
            "to be an array",
        ),
    ];
    for (event, what, why) in cases {
        let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
        let failed = result.expect_err(why);
        assert_eq!(failed.error_type, "Function.EventInvalid", "{failed:?}");
        assert!(
            failed.message.starts_with(what) && failed.message.contains(why),
            "{failed:?}"
        );
        assert_eq!(report["errorMessage"], failed.message);
        assert_eq!(report["level"], "ERROR");
        assert_adds_up(&report);
    }
    // The process still handles events.
    assert_eq!(
        function.invoke(&wrap(&valid), TIME).unwrap()["forwarded"],
        1
    );
}

#[test]
fn events_of_other_kinds_are_named() {
    let node = node();
    let function = Function::start(&node, &[]);
    for (event, kind) in [
        (
            r#"{"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"b"}}}]}"#,
            "S3",
        ),
        (
            r#"{"Records":[{"EventSource":"aws:sns","Sns":{"MessageId":"m","Message":"{}"}}]}"#,
            "SNS",
        ),
        (
            r#"{"version":"1.0","requestPayload":{"key1":"value1"}}"#,
            "another function's failure",
        ),
        (r#"{"key1":"value1"}"#, "an event of an unknown kind"),
        (
            r#"{"Records":[{"eventID":"1","dynamodb":{}},{"eventID":"2","dynamodb":{}}]}"#,
            "a batch of other records",
        ),
        (
            r#"{"httpMethod":"GET","requestContext":{"httpMethod":"GET"},"body":null}"#,
            "a request to an API",
        ),
        (
            r#"{"version":"0","detail-type":"Scheduled Event","source":"aws.events","detail":{}}"#,
            "EventBridge",
        ),
        (
            r#"{"requestContext":{},"KinesisBatchInfo":{"shardId":"shardId-000000000006"}}"#,
            "it is still in the stream",
        ),
    ] {
        let failed = function.invoke(event.as_bytes(), TIME).unwrap_err();
        assert_eq!(failed.error_type, "Function.EventUnsupported");
        assert!(failed.message.contains(kind), "{failed:?}");
    }
}

#[test]
fn a_control_message_forwards_nothing() {
    let node = node();
    let function = Function::start(&node, &[]);
    let text = r#"{"logEvents":[{"id":"","timestamp":1600110003794,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}],"subscriptionFilters":[],"logStream":"","logGroup":"","owner":"CloudwatchLogs","messageType":"CONTROL_MESSAGE"}"#;
    let (result, report) =
        function.outcome_of(|| function.begin(&wrap(&gzip(text.as_bytes()).unwrap()), TIME));
    assert_eq!(
        result.unwrap(),
        json!({"received": 0, "forwarded": 0, "refused": 0, "skipped": 0})
    );
    assert_eq!(report["level"], "INFO");
    assert_eq!(node.snapshot().connections, 0);
}

/// Keys in another order, other compressions, several members: the same records.
#[test]
fn documents_of_every_make() {
    use std::io::Write;
    let text = document(
        "/aws/apigateway/x",
        "s",
        &[Line::new(0, 7, line("GET", "/x"))],
    )
    .unwrap();
    let value: Value = serde_json::from_slice(&text).unwrap();
    let members = value.as_object().unwrap();
    let reversed: Vec<String> = members
        .iter()
        .rev()
        .map(|(key, value)| format!("{}:{value}", json!(key)))
        .collect();
    let reversed = format!("{{{}}}", reversed.join(" , "));
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(&text).unwrap();
    let (head, tail) = text.split_at(text.len() / 2);
    let two_members = [gzip(head).unwrap(), gzip(tail).unwrap()].concat();
    let mut named = flate2::GzBuilder::new()
        .filename("x.json")
        .comment("c")
        .extra(vec![1, 2, 3])
        .write(Vec::new(), flate2::Compression::none());
    named.write_all(&text).unwrap();
    let next = |n: u64| {
        let line = Line::new(n, 7, line("GET", &format!("/{n}")));
        document("/aws/apigateway/x", &format!("s{n}"), &[line]).unwrap()
    };
    let several = |between: &[u8]| {
        let all = [&text, between, &next(1), between, &next(2), between];
        gzip(&all.concat()).unwrap()
    };
    // Those whose log events come first are handed out last, each once.
    let mixed = [&next(1), reversed.as_bytes(), &next(2), &next(3)].concat();
    for (name, data, count) in [
        ("plain", gzip(&text).unwrap(), 1),
        ("reversed keys", gzip(reversed.as_bytes()).unwrap(), 1),
        ("zlib", zlib.finish().unwrap(), 1),
        ("two members", two_members, 1),
        (
            "a newline behind the stream",
            [&gzip(&text).unwrap()[..], b"\n"].concat(),
            1,
        ),
        (
            "a byte order mark",
            gzip(&[b"\xef\xbb\xbf", &text[..]].concat()).unwrap(),
            1,
        ),
        ("header fields", named.finish().unwrap(), 1),
        (
            "a newline behind",
            gzip(&[&text[..], b"\n"].concat()).unwrap(),
            1,
        ),
        ("several", several(b""), 3),
        ("several in lines", several(b"\n"), 3),
        ("several far apart", several(&[b' '; 100_000]), 3),
        ("one of them with reversed keys", gzip(&mixed).unwrap(), 4),
    ] {
        for format in ["resend", "batch"] {
            let node = node();
            let function = Function::start(&node, &[("X_NODE_FORMAT", format)]);
            let (result, report) = function.outcome_of(|| function.begin(&wrap(&data), TIME));
            let expected =
                json!({"received": count, "forwarded": count, "refused": 0, "skipped": 0});
            assert_eq!(result.unwrap(), expected, "{name}");
            assert_adds_up(&report);
            assert_eq!(assert_got_all(&node, count), 0, "{name}");
        }
    }
}

/// What follows a document is another one, or nothing.
#[test]
fn text_between_documents_fails_the_event() {
    let node = node();
    let function = Function::start(&node, &[]);
    let first = document("g", "s", &[Line::new(0, 7, line("GET", "/x"))]).unwrap();
    for (rest, why) in [
        (&b"x"[..], "text follows the end of the document"),
        (b"[]", "text follows the end of the document"),
        (b"\0", "text follows the end of the document"),
        (b"{", "ends too early"),
        (b"{}", "messageType is missing"),
    ] {
        let data = gzip(&[&first[..], rest].concat()).unwrap();
        let (result, report) = function.outcome_of(|| function.begin(&wrap(&data), TIME));
        let failed = result.unwrap_err();
        assert_eq!(failed.error_type, "Function.EventInvalid");
        assert!(failed.message.contains(why), "{failed:?}");
        assert_adds_up(&report);
    }
    // The document before is whole.
    assert_got_all(&node, 1);
}

/// An event comes by SNS or EventBridge as it comes by itself: the record of a destination, or what a dead-letter
/// queue has.
#[test]
fn wrappers_are_taken_off() {
    let event: Value = serde_json::from_slice(&event_of_calls(2)).unwrap();
    let record = json!({"requestContext": {"requestId": "r"}, "requestPayload": event});
    for inner in [&event, &record] {
        let bridge = json!({
            "version": "0", "id": "x", "source": "lambda", "resources": [],
            "detail-type": "Lambda Function Invocation Result - Failure", "detail": inner,
        });
        let notification = |inner: &Value| {
            json!({"Records": [{
                "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "arn",
                "Sns": {"Type": "Notification", "MessageId": "m", "Subject": null, "Message": inner.to_string()},
            }]})
        };
        let by_sns = notification(&bridge);
        let failed =
            json!({"requestContext": {"requestId": "s"}, "requestPayload": notification(inner)});
        for event in [&notification(inner), &bridge, &by_sns, &failed] {
            let node = node();
            let function = Function::start(&node, &[]);
            let (result, report) =
                function.outcome_of(|| function.begin(event.to_string().as_bytes(), TIME));
            let expected = json!({"received": 2, "forwarded": 2, "refused": 0, "skipped": 0});
            assert_eq!(result.unwrap(), expected, "{event}");
            assert_adds_up(&report);
            assert_got_all(&node, 2);
        }
    }
}

/// Invalid text inside a line costs that line at most, never the others.
#[test]
fn lone_surrogates_and_broken_utf_8_cost_one_line_at_most() {
    let node = node();
    let function = Function::start(&node, &[]);
    let good = serde_json::to_string(&line("GET", "/x")).unwrap();
    let mut text = format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":[{{"id":"1","timestamp":1,"message":{good}}},{{"id":"2","timestamp":1,"message":"\ud83d \udc00 \ud83d\ud83d"}},{{"id":"3","timestamp":1,"message":"@@@@"}},{{"id":"4","timestamp":1,"message":{good}}}]}}"#
    )
    .into_bytes();
    let at = text.windows(4).position(|w| w == b"@@@@").unwrap();
    text[at..at + 4].copy_from_slice(&[0xff, 0xfe, 0x80, 0x01]);
    let (result, report) =
        function.outcome_of(|| function.begin(&wrap(&gzip(&text).unwrap()), TIME));
    assert_eq!(result.unwrap()["forwarded"], 2);
    assert_eq!(report["skipped"], json!({"malformed": 2}));
}

/// A line of a stage that logs the user agent first, so that a caller's value could bring all that follows.
fn agent_first(path: &str, agent: &str) -> String {
    format!(
        r#"{{"userAgent":"{agent}","httpMethod":"GET","path":"{path}","domainName":"api.example.com","status":"200"}}"#
    )
}

/// The same of a stage that does not log the host.
fn without_host(agent: &str) -> String {
    format!(
        r#"{{"requestId":"r","httpMethod":"GET","path":"/x","userAgent":"{agent}","status":"200"}}"#
    )
}

/// What a caller has forged is skipped, wherever in its document the lines stand that tell. What only might be
/// forged waits for them, and arrives.
#[test]
fn a_forged_line_is_a_contradiction_and_waits_for_the_lines_that_tell() {
    let forged = r#"x","host":"evil.example","z":""#;
    let others: Vec<String> = (0..100)
        .map(|n| agent_first(&format!("/pets/{n}"), "curl/8.5.0"))
        .collect();
    let documents = [
        // First and last in its document, and several of them.
        vec![without_host(forged), without_host("curl")],
        vec![without_host("curl"), without_host(forged)],
        vec![
            without_host(forged),
            without_host(forged),
            without_host("curl"),
            without_host(forged),
        ],
    ];
    for format in ["resend", "batch"] {
        for document in &documents {
            let node = node();
            let function = Function::start(&node, &[("X_NODE_FORMAT", format)]);
            // Those of another stage come before, between and after them.
            let (before, after) = others.split_at(60);
            let lines = [before, document, after].concat();
            let lacking = document
                .iter()
                .filter(|line| !line.contains("evil"))
                .count();
            let forged = document.len() - lacking;
            let event = event_of(lines);
            let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
            assert_eq!(result.unwrap()["forwarded"], 100, "{report}");
            assert_eq!(
                report["skipped"],
                json!({"contradiction": forged, "noHost": lacking})
            );
            assert_eq!(report["contradictions"], json!({"host": forged}));
            assert_eq!(report["level"], "WARN");
            assert_adds_up(&report);
        }
        let node = node();
        let function = Function::start(&node, &[("X_NODE_FORMAT", format)]);
        let event = event_of([
            line("GET", "/x").replace("curl/8.5.0", r#"x","sourceIp":"6.6.6.6"#),
            line("GET", "/x").replace("curl/8.5.0", r#"x","path":"/y","a":{"b":"c"#),
        ]);
        let (_, report) = function.outcome_of(|| function.begin(&event, TIME));
        assert_eq!(
            report["skipped"],
            json!({"contradiction": 1, "malformed": 1})
        );
        assert_eq!(report["contradictions"], json!({"sourceIp": 1}));
        assert_adds_up(&report);
    }
    // Where none is, the report says nothing of them.
    let node = node();
    let function = Function::start(&node, &[]);
    let event = event_of(&others);
    let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
    assert_eq!(result.unwrap()["forwarded"], 100);
    assert!(report.get("contradictions").is_none());
    assert_got_all(&node, 100);
}

/// Lines that wait are not lost with an invalid document.
#[test]
fn lines_that_wait_count_as_undelivered_in_an_invalid_document() {
    let node = node();
    let function = Function::start(&node, &[]);
    let lines = (0..10).map(|n| Line::new(n, 0, agent_first("/x", "curl")));
    let text = document("/aws/apigateway/x", "s", &lines.collect::<Vec<_>>()).unwrap();
    let event = wrap(&gzip(&text[..text.len() - 1]).unwrap());
    let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
    assert_eq!(result.unwrap_err().error_type, "Function.EventInvalid");
    assert_eq!(report["recordsUndelivered"], 10);
    assert_adds_up(&report);
    assert_eq!(node.snapshot().connections, 0);
}

/// Each record gets an id of its own, even if its event id is missing or unusual.
#[test]
fn records_without_an_id_get_one() {
    let node = node();
    let function = Function::start(&node, &[]);
    let good = serde_json::to_string(&line("GET", "/x")).unwrap();
    let text = format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":[{{"message":{good}}},{{"id":"a\r\nb","message":{good}}},{{"id":"é","message":{good}}},{{"id":5,"message":{good}}}]}}"#
    );
    let (result, _) = function.invoke_as("8476a536", &wrap(&gzip(text.as_bytes()).unwrap()));
    assert_eq!(result.unwrap()["forwarded"], 4);
    let ids: Vec<String> = node.deliveries().into_keys().collect();
    assert_eq!(
        ids,
        ["8476a536-0", "8476a536-1", "8476a536-2", "8476a536-3"]
    );
}
