//! Records of Firehose and Kinesis in each form, and messages in wrappers: what reaches the Node, and the response.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cw_resend_lambda::standin::cloudwatch::{Line, document, event_id, gzip, wrap};
use cw_resend_lambda::standin::node::Fault;
use serde_json::{Value, json};

use crate::harness::{Function, assert_adds_up, event_of_calls, faulty_node, line, node};

const TIME: Duration = Duration::from_secs(30);

fn base64(bytes: &[u8]) -> Value {
    let event: Value = serde_json::from_slice(&wrap(bytes)).unwrap();
    event["awslogs"]["data"].clone()
}

/// An event of Kinesis, whose nth record has the sequence number `49n`.
fn kinesis(records: &[&[u8]]) -> Vec<u8> {
    let records = (0..).zip(records).map(|(n, data)| {
        json!({
            "kinesis": {
                "partitionKey": "p", "sequenceNumber": format!("49{n}"), "data": base64(data),
                "approximateArrivalTimestamp": 1_795_341_600.123,
            },
            "eventSource": "aws:kinesis",
            "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
        })
    });
    json!({"Records": records.collect::<Vec<_>>()})
        .to_string()
        .into_bytes()
}

/// An event of Firehose with records of the same names.
fn firehose(records: &[&[u8]]) -> Vec<u8> {
    let records = (0..).zip(records).map(|(n, data)| {
        json!({
            "recordId": format!("49{n}"), "approximateArrivalTimestamp": 1_795_341_600_123_i64, "data": base64(data),
        })
    });
    json!({
        "invocationId": "i", "region": "us-east-1",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/amazon-apigateway-s",
        "records": records.collect::<Vec<_>>(),
    })
    .to_string()
    .into_bytes()
}

/// A document of one line, of a log stream of its own.
fn plain(n: u64) -> Vec<u8> {
    let line = Line::new(n, 1_795_341_600_000, line("GET", &format!("/pets/{n}")));
    document("/aws/apigateway/x", &format!("s{n}"), &[line]).unwrap()
}

fn lines(count: u64) -> Vec<u8> {
    (0..count)
        .fold(String::new(), |mut text, n| {
            writeln!(text, "{}", line("GET", &format!("/lines/{n}"))).unwrap();
            text
        })
        .into_bytes()
}

/// MD5 as this machine's own tools make it: the function's own would judge itself.
fn md5(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut tool = Command::new("md5sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    tool.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = tool.wait_with_output().unwrap().stdout;
    let hex = String::from_utf8(output).unwrap();
    (0..16)
        .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
        .collect()
}

/// A field of a protocol buffer with a length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    [&out, bytes].concat()
}

/// What the Kinesis Producer Library makes of user records.
fn aggregated(records: &[&[u8]]) -> Vec<u8> {
    let mut message = [
        field(1, b"p"),
        field(2, b"170141183460469231731687303715884105728"),
    ]
    .concat();
    for record in records {
        message.extend(field(
            3,
            &[b"\x08\x00\x10\x00", &field(3, record)[..]].concat(),
        ));
    }
    [b"\xf3\x89\x9a\xc2", &message[..], &md5(&message)].concat()
}

/// Each form of a record, and the ids of the calls in it.
#[test]
fn records_of_every_form() {
    let text = lines(3);
    let without_end = &text[..text.len() - 1];
    let windows = String::from_utf8(text.clone())
        .unwrap()
        .replace('\n', "\r\n\r\n");
    let raw = ["490-0", "490-1", "490-2"].map(String::from);
    let [first, second] = [plain(1), plain(2)];
    let [one, two] = [1, 2].map(event_id);
    let spaced = [b" \n", &first[..], b"\r\n\t", &second, b"\n"].concat();
    let both = vec![one.clone(), two];
    let pretty = serde_json::from_slice::<Value>(&first).unwrap();
    let pretty = serde_json::to_vec_pretty(&pretty).unwrap();
    let mixed = aggregated(&[
        &gzip(&first).unwrap(),
        b"",
        without_end,
        &second,
        line("GET", "/last").as_bytes(),
    ]);
    let mut mixed_ids = both.clone();
    // The ordinals go on: a document's event has one, too.
    mixed_ids.extend([1, 2, 3, 5].map(|n| format!("490-{n}")));
    let forms: Vec<(&str, Vec<u8>, Vec<String>)> = vec![
        (
            "a compressed document",
            gzip(&first).unwrap(),
            vec![one.clone()],
        ),
        ("a document", first.clone(), vec![one.clone()]),
        ("a document over several lines", pretty, vec![one]),
        (
            "two documents",
            [&first[..], &second].concat(),
            both.clone(),
        ),
        ("with whitespace around them", spaced.clone(), both.clone()),
        ("compressed", gzip(&spaced).unwrap(), both.clone()),
        ("lines", text.clone(), raw.to_vec()),
        (
            "without a newline at the end",
            without_end.to_vec(),
            raw.to_vec(),
        ),
        ("with empty lines", windows.into_bytes(), raw.to_vec()),
        ("compressed lines", gzip(&text).unwrap(), raw.to_vec()),
        ("nothing", Vec::new(), Vec::new()),
        ("empty lines", b"\n\r\n \n".to_vec(), Vec::new()),
        ("aggregated", mixed, mixed_ids),
        (
            "aggregated twice",
            aggregated(&[&aggregated(&[&first, &second])]),
            both,
        ),
        ("aggregated, of nothing", aggregated(&[]), Vec::new()),
    ];
    for format in ["resend", "batch"] {
        for (name, data, ids) in &forms {
            for event in [kinesis(&[data]), firehose(&[data])] {
                let node = node();
                let function = Function::start(&node, &[("X_NODE_FORMAT", format)]);
                let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
                let result = result.unwrap();
                let is_success = result == json!({"batchItemFailures": []})
                    || result["records"]
                        == json!([{"recordId": "490", "result": "Ok", "data": base64(data)}]);
                assert!(is_success, "{name}: {result} {report}");
                let expected: BTreeMap<String, u64> =
                    ids.iter().map(|id| (id.clone(), 1)).collect();
                assert_eq!(
                    node.deliveries().into_iter().collect::<BTreeMap<_, _>>(),
                    expected,
                    "{name}"
                );
                assert_eq!(node.snapshot().violations, Vec::<String>::new(), "{name}");
                assert_eq!(report["recordsReceived"], ids.len(), "{name}");
                assert_eq!(report["level"], "INFO", "{name}: {report}");
                assert_adds_up(&report);
            }
        }
    }
}

/// Lines of anything else are skipped with their reason, and what is no text is an error that names the byte.
#[test]
fn what_is_no_access_log_is_told() {
    let broken = aggregated(&[&gzip(&plain(1)).unwrap()]);
    let mut corrupt = gzip(&lines(1)).unwrap();
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 1;
    for (name, data, why) in [
        ("free text", b"hello\nworld\n".to_vec(), ""),
        ("another object", br#"{"a":1}"#.to_vec(), ""),
        (
            "NUL in a line that is an object",
            b"{\"a\":\"\0\"}".to_vec(),
            "",
        ),
        ("NUL", b"ab\0c".to_vec(), "at byte 2"),
        ("NUL behind whitespace", b"\n\n \0c".to_vec(), "at byte 3"),
        ("compressed NUL", gzip(b"ab\0c").unwrap(), "at byte 2"),
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0".to_vec(), "at byte 0"),
        (
            "compressed twice",
            gzip(&gzip(&plain(1)).unwrap()).unwrap(),
            "at byte",
        ),
        ("corrupt", corrupt, "compressed"),
        (
            "a document that ends too early",
            plain(1)[..60].to_vec(),
            "ends too early",
        ),
        (
            "aggregated, cut",
            broken[..broken.len() - 1].to_vec(),
            "aggregated",
        ),
        (
            "aggregated, but not its end",
            broken[..40].to_vec(),
            "aggregated",
        ),
    ] {
        let node = node();
        let function = Function::start(&node, &[]);
        for event in [kinesis(&[&data]), firehose(&[&data])] {
            let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
            let result = result.unwrap();
            assert_adds_up(&report);
            let error = report["errorMessage"].as_str().unwrap_or_default();
            if why.is_empty() {
                assert_eq!(error, "", "{name}");
                assert!(
                    report["recordsSkipped"].as_u64() > Some(0),
                    "{name}: {report}"
                );
            } else {
                assert!(error.contains(why), "{name}: {report}");
                assert_eq!(report["errorType"], "Function.EventInvalid", "{name}");
                assert_eq!(
                    (&report["itemsFailed"], &report["level"]),
                    (&json!(1), &json!("ERROR"))
                );
            }
            let failures = match why {
                "" => json!([]),
                _ => json!([{"itemIdentifier": "490"}]),
            };
            // The destination of Firehose gets it in any case, and a shard is held until its mapping's limits.
            let is_expected =
                result["batchItemFailures"] == failures || result["records"][0]["result"] == "Ok";
            assert!(is_expected, "{name}: {result}");
        }
        assert_eq!(node.snapshot().distinct, 0);
    }
}

/// A line that does not say when its call was made has the time at which the record has arrived.
#[test]
fn a_line_has_the_time_of_its_record() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let node = {
        let bodies = Arc::clone(&bodies);
        faulty_node(move |message, _| {
            bodies.lock().unwrap().push(message.http.body.clone());
            Fault::none()
        })
    };
    let function = Function::start(&node, &[("X_NODE_FORMAT", "batch")]);
    let text = line("GET", "/x").replace(r#""requestTimeEpoch": "1795341600000", "#, "");
    let text = text.replace(r#""requestTime": "22/Nov/2026:10:00:00 +0000", "#, "");
    for event in [kinesis(&[text.as_bytes()]), firehose(&[text.as_bytes()])] {
        function.invoke(&event, TIME).unwrap();
    }
    let bodies = bodies.lock().unwrap();
    assert_eq!(bodies.len(), 2);
    for body in &*bodies {
        let body: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(body["source"], json!({}));
        let record = &body["records"][0];
        assert_eq!(
            (&record["timestamp"], &record["requestTimeEpoch"]),
            (&json!(1_795_341_600_123_u64), &json!(1_795_341_600_123_u64))
        );
    }
}

/// A batch says which log stream its records are from, and so has those of one document only.
#[test]
fn a_batch_has_one_source() {
    let sources = Arc::new(Mutex::new(Vec::new()));
    let node = {
        let sources = Arc::clone(&sources);
        faulty_node(move |message, _| {
            let body: Value = serde_json::from_slice(&message.http.body).unwrap();
            let records = body["records"].as_array().unwrap().iter();
            let paths = records.map(|record| record["path"].as_str().unwrap().to_string());
            let stream = body["source"]["logStream"].clone();
            sources
                .lock()
                .unwrap()
                .push((stream, paths.collect::<Vec<_>>()));
            Fault::none()
        })
    };
    let function = Function::start(
        &node,
        &[("X_NODE_FORMAT", "batch"), ("X_NODE_CONNECTIONS", "1")],
    );
    let data = aggregated(&[
        &[plain(1), plain(2)].concat(),
        &lines(2),
        &lines(1),
        &plain(3),
    ]);
    function.invoke(&kinesis(&[&data]), TIME).unwrap();
    let text = |n: u64| format!("/lines/{n}");
    assert_eq!(
        *sources.lock().unwrap(),
        [
            (json!("s1"), vec!["/pets/1".to_string()]),
            (json!("s2"), vec!["/pets/2".to_string()]),
            (Value::Null, vec![text(0), text(1), text(0)]),
            (json!("s3"), vec!["/pets/3".to_string()]),
        ]
    );
}

/// Only what was forwarded whole may end here: of everything else the stream's destination has the only copy.
#[test]
fn firehose_drops_what_was_forwarded_whole() {
    let control = br#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE"}]}"#;
    let with = |path: &str| [&lines(1)[..], line("GET", path).as_bytes()].concat();
    let records: Vec<(Vec<u8>, &str, &str)> = vec![
        (gzip(&plain(1)).unwrap(), "Ok", "Dropped"),
        (lines(3), "Ok", "Dropped"),
        (control.to_vec(), "Ok", "Ok"),
        (Vec::new(), "Ok", "Ok"),
        ([&lines(1)[..], b"hello"].concat(), "Ok", "Ok"),
        (b"a\0".to_vec(), "Ok", "Ok"),
        (with("/refused"), "Ok", "Ok"),
        (
            line("GET", "/refused").into_bytes(),
            "ProcessingFailed",
            "ProcessingFailed",
        ),
        (with("/absent"), "ProcessingFailed", "ProcessingFailed"),
    ];
    let event = firehose(
        &records
            .iter()
            .map(|(data, ..)| &data[..])
            .collect::<Vec<_>>(),
    );
    for dropped in [false, true] {
        let node = faulty_node(|message, _| match message.http.target.as_str() {
            "/refused" => Fault::status(400),
            "/absent" => Fault::status(503),
            _ => Fault::none(),
        });
        let mut vars = vec![
            ("X_NODE_TIMEOUT_MS", "300"),
            ("X_NODE_DOWN_AFTER_MS", "300"),
        ];
        if dropped {
            vars.push(("X_FIREHOSE_RESULT", "dropped"));
        }
        let function = Function::start(&node, &vars);
        let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
        let expected = (0..).zip(&records).map(|(n, (data, kept, drop))| {
            let result = if dropped { drop } else { kept };
            let data = match *result {
                "Dropped" => json!(""),
                _ => base64(data),
            };
            json!({"recordId": format!("49{n}"), "result": result, "data": data})
        });
        assert_eq!(
            result.unwrap(),
            json!({"records": expected.collect::<Vec<_>>()})
        );
        assert_eq!(report["itemsFailed"], 3, "{report}");
        assert_adds_up(&report);
    }
}

/// The ids of lines are those of their places, so that the next attempt knows what has arrived.
#[test]
fn the_next_attempt_with_a_record_sends_what_is_left() {
    let mixed = aggregated(&[&gzip(&plain(1)).unwrap(), &lines(8)]);
    for data in [lines(8), gzip(&lines(8)).unwrap(), mixed] {
        // One of the lines is not accepted up to the 60th message.
        let node = faulty_node(|message, nth| match message.http.target.as_str() {
            "/lines/5" if nth < 60 => Fault::status(503),
            _ => Fault::none(),
        });
        let vars = [
            ("X_NODE_TIMEOUT_MS", "300"),
            ("X_NODE_DOWN_AFTER_MS", "300"),
        ];
        let function = Function::start(&node, &vars);
        let event = kinesis(&[&data]);
        let (result, first) = function.outcome_of(|| function.begin(&event, TIME));
        assert_eq!(
            result.unwrap(),
            json!({"batchItemFailures": [{"itemIdentifier": "490"}]})
        );
        assert_eq!(first["recordsUndelivered"], 1, "{first}");
        let forwarded = first["recordsForwarded"].as_u64().unwrap();
        for attempt in 0.. {
            assert!(attempt < 40);
            let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
            assert_eq!(report["recordsForwardedEarlier"], forwarded, "{report}");
            assert_adds_up(&report);
            if result.unwrap() == json!({"batchItemFailures": []}) {
                break;
            }
        }
        let deliveries = node.deliveries();
        assert_eq!(deliveries.len() as u64, forwarded + 1);
        assert!(deliveries.into_iter().all(|(_, times)| times == 1));
    }
}

/// One that can't be read fails its record, and costs the others nothing.
#[test]
fn a_broken_user_record_costs_itself() {
    let node = node();
    let function = Function::start(&node, &[]);
    let data = aggregated(&[
        &lines(2),
        b"\0binary",
        &plain(1)[..100],
        &gzip(&plain(2)).unwrap()[..60],
        &gzip(&plain(3)).unwrap(),
        &lines(1),
    ]);
    for (forwarded, earlier) in [(4, 0), (0, 4)] {
        let event = kinesis(&[&data]);
        let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
        assert_eq!(
            result.unwrap(),
            json!({"batchItemFailures": [{"itemIdentifier": "490"}]})
        );
        assert_eq!(report["recordsForwarded"], forwarded, "{report}");
        assert_eq!(report["recordsForwardedEarlier"], earlier, "{report}");
        assert!(
            report["errorMessage"]
                .as_str()
                .unwrap()
                .contains("at byte 0"),
            "{report}"
        );
        assert_adds_up(&report);
    }
    assert_eq!(node.snapshot().distinct, 4);
}

/// A queue may have what came by SNS or EventBridge.
#[test]
fn a_queue_has_messages_in_wrappers() {
    let event: Value = serde_json::from_slice(&event_of_calls(3)).unwrap();
    let record = json!({"requestContext": {"requestId": "r"}, "requestPayload": event}).to_string();
    let notification = |message: &str| {
        json!({"Type": "Notification", "MessageId": "n", "Message": message}).to_string()
    };
    let bridge =
        json!({"source": "lambda", "detail": serde_json::from_str::<Value>(&record).unwrap()})
            .to_string();
    let stream =
        json!({"requestContext": {}, "KinesisBatchInfo": {"shardId": "shardId-1", "batchSize": 3}})
            .to_string();
    let sns = json!({"Records": [{"Sns": {"Message": record}}]}).to_string();
    let s3 = json!({"Records": [{"eventSource": "aws:s3", "s3": {}}]}).to_string();
    for (name, body, why) in [
        ("a notification", notification(&record), ""),
        ("an event of EventBridge", bridge.clone(), ""),
        ("a notification of one", notification(&bridge), ""),
        (
            "a notification of an event",
            notification(&event.to_string()),
            "",
        ),
        ("an event of SNS", sns, ""),
        ("a stream's record", stream.clone(), "still in the stream"),
        (
            "a notification of one",
            notification(&stream),
            "still in the stream",
        ),
        ("an event of S3", s3.clone(), "S3"),
        ("a notification of one", notification(&s3), "S3"),
        (
            "a notification of something else",
            notification("hello"),
            "SNS",
        ),
    ] {
        let node = node();
        let function = Function::start(&node, &[]);
        let message = |n: u64, body: &str| json!({"messageId": format!("m{n}"), "body": body, "eventSource": "aws:sqs"});
        let batch = json!({"Records": [message(1, &body), message(2, &event.to_string())]});
        let (result, report) =
            function.outcome_of(|| function.begin(batch.to_string().as_bytes(), TIME));
        let (failures, received) = match why {
            "" => (json!([]), 6),
            _ => (json!([{"itemIdentifier": "m1"}]), 3),
        };
        assert_eq!(result.unwrap()["batchItemFailures"], failures, "{name}");
        assert_eq!(report["recordsForwarded"], received, "{name}");
        let error = report["errorMessage"].as_str().unwrap_or_default();
        assert!(
            error.contains(why) && why.is_empty() == error.is_empty(),
            "{name}: {error}"
        );
        assert_adds_up(&report);
        assert_eq!(node.snapshot().distinct, 3);
    }
}
