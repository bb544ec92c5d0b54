//! Batches: a queue's messages that bring back what has failed, and records of Kinesis and Firehose.

use std::collections::BTreeMap;

use cw_resend_lambda::standin::cloudwatch::{Line, document, event_id, gzip, wrap};
use cw_resend_lambda::standin::node::{Fault, StandInNode};
use serde_json::{Value, json};

use crate::harness::{Function, assert_adds_up, faulty_node, line, node};

/// An event of one line, as a subscription sends it.
fn subscription(n: u64) -> Value {
    serde_json::from_slice(&wrap(&compressed("/aws/apigateway/x", n))).unwrap()
}

/// A document of one line.
fn plain(log_group: &str, n: u64) -> Vec<u8> {
    let line = Line::new(n, 1_795_341_600_000, line("GET", &format!("/pets/{n}")));
    document(log_group, "s", &[line]).unwrap()
}

fn compressed(log_group: &str, n: u64) -> Vec<u8> {
    gzip(&plain(log_group, n)).unwrap()
}

/// What an on-failure destination writes (DESIGN.md, "On-failure destinations and dead-letter queues").
fn failure(request_id: &str, payload: &Value) -> String {
    json!({
        "version": "1.0",
        "timestamp": "2026-11-22T10:00:00.000Z",
        "requestContext": {
            "requestId": request_id,
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": payload,
        "responseContext": {
            "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
        },
        "responsePayload": {"errorType": "Function.RecordsUndelivered", "errorMessage": "…"},
    })
    .to_string()
}

/// The n-th message of a queue, as an event source mapping hands it over.
fn message(n: usize, body: &str, attributes: Value) -> Value {
    json!({
        "messageId": format!("m{n}"),
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SenderId": "AIDAIENQZJOLO23YVJ4VO"},
        "messageAttributes": attributes,
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:q",
        "awsRegion": "us-east-1",
    })
}

/// The n-th record of a stream.
fn record(n: usize, data: &[u8]) -> Value {
    let wrapped: Value = serde_json::from_slice(&wrap(data)).unwrap();
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "p",
            "sequenceNumber": format!("4959033827149025660855969253836157109592157598913658{n}"),
            "data": wrapped["awslogs"]["data"],
            "approximateArrivalTimestamp": 1_795_341_600.1,
        },
        "eventSource": "aws:kinesis",
        "eventName": "aws:kinesis:record",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
    })
}

fn batch(records: &[Value]) -> Vec<u8> {
    json!({ "Records": records }).to_string().into_bytes()
}

/// How often the Node has received each line.
fn got(node: &StandInNode) -> BTreeMap<String, u64> {
    node.deliveries().into_iter().collect()
}

fn lines(numbers: impl IntoIterator<Item = u64>) -> BTreeMap<String, u64> {
    numbers.into_iter().map(|n| (event_id(n), 1)).collect()
}

fn failures(identifiers: &[&str]) -> Value {
    let items: Vec<Value> = identifiers
        .iter()
        .map(|identifier| json!({ "itemIdentifier": identifier }))
        .collect();
    json!({ "batchItemFailures": items })
}

#[test]
fn both_kinds_of_failure_queue_are_redriven() {
    let node = node();
    let function = Function::start(&node, &[]);
    let attributes = json!({"RequestID": {"stringValue": "r2", "dataType": "String"}});
    let event = batch(&[
        message(1, &failure("r1", &subscription(1)), json!({})),
        message(2, &subscription(2).to_string(), attributes),
        message(3, &failure("r3", &subscription(3)), json!({})),
    ]);
    let (result, report) = function.outcome_of(|| function.begin(&event, crate::harness::PATIENCE));
    assert_eq!(result.unwrap(), failures(&[]));
    assert_eq!(got(&node), lines(1..=3));
    assert_eq!(report["recordsForwarded"], 3);
    assert_eq!(report["level"], "INFO");
    assert!(report.get("itemsFailed").is_none());
    assert_adds_up(&report);
}

/// Each one fails alone, and the others arrive.
#[test]
fn a_message_of_another_shape_is_that_messages_failure() {
    let node = node();
    let function = Function::start(&node, &[]);
    let nested = String::from_utf8(batch(&[message(9, "{}", json!({}))])).unwrap();
    let strange = [
        ("", "Function.EventInvalid"),
        ("not JSON", "Function.EventInvalid"),
        ("[]", "Function.EventInvalid"),
        (r#"{"awslogs":{"data":5}}"#, "Function.EventInvalid"),
        (r#"{"awslogs":{"data":"*"}}"#, "Function.EventInvalid"),
        (r#"{"requestPayload":"text"}"#, "Function.EventInvalid"),
        (
            r#"{"requestPayload":{"key":1}}"#,
            "Function.EventUnsupported",
        ),
        (r#"{"requestPayload":null}"#, "Function.EventUnsupported"),
        (
            r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#,
            "Function.EventUnsupported",
        ),
        (&nested, "Function.EventUnsupported"),
    ];
    for (n, (body, error_type)) in (0..).step_by(2).zip(strange) {
        let event = batch(&[
            message(1, &failure("r1", &subscription(n)), json!({})),
            message(2, body, json!({})),
            message(3, &subscription(n + 1).to_string(), json!(null)),
        ]);
        let (result, report) =
            function.outcome_of(|| function.begin(&event, crate::harness::PATIENCE));
        assert_eq!(result.unwrap(), failures(&["m2"]), "{body}");
        assert_eq!(report["itemsFailed"], 1);
        assert_eq!(report["errorType"], error_type, "{body}");
        assert_eq!(report["level"], "ERROR");
        assert_adds_up(&report);
        assert_eq!(got(&node), lines(0..=n + 1));
    }
}

/// The next attempt of a queue has another request id. It still continues where the last one ended.
#[test]
fn the_next_attempt_with_a_message_repeats_nothing_that_arrived() {
    // The Node refuses one path up to its 15th message, and accepts everything else.
    let node = faulty_node(|message, nth| {
        if message.http.target == "/pets/2" && nth < 16 {
            Fault::status(503)
        } else {
            Fault::default()
        }
    });
    let vars = [
        ("X_NODE_TIMEOUT_MS", "300"),
        ("X_NODE_DOWN_AFTER_MS", "300"),
    ];
    let function = Function::start(&node, &vars);
    let event = |n: u64| {
        let lines: Vec<Line> = (n..n + 2)
            .map(|n| Line::new(n, 1_795_341_600_000, line("GET", &format!("/pets/{n}"))))
            .collect();
        let compressed = gzip(&document("/aws/apigateway/x", "s", &lines).unwrap()).unwrap();
        serde_json::from_slice(&wrap(&compressed)).unwrap()
    };
    let messages = batch(&[
        message(1, &failure("r1", &event(1)), json!({})),
        message(2, &failure("r2", &event(3)), json!({})),
    ]);
    let (result, report) =
        function.outcome_of(|| function.begin(&messages, std::time::Duration::from_secs(30)));
    assert_eq!(result.unwrap(), failures(&["m1"]));
    assert_eq!(report["recordsUndelivered"], 1);
    assert_eq!(report["recordsForwarded"], 3);
    assert_eq!(report["errorType"], "Function.RecordsUndelivered");
    let mut attempts = 0;
    loop {
        let again = batch(&[message(1, &failure("r1", &event(1)), json!({}))]);
        let (result, report) =
            function.outcome_of(|| function.begin(&again, std::time::Duration::from_secs(30)));
        assert_eq!(report["recordsForwardedEarlier"], 1);
        if result.unwrap() == failures(&[]) {
            break;
        }
        attempts += 1;
        assert!(attempts < 40, "{report}");
    }
    assert_eq!(got(&node), lines(1..=4));
}

#[test]
fn a_stream_brings_log_groups_and_control_messages_mixed() {
    let node = node();
    let function = Function::start(&node, &[]);
    let control = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1600110003794,"message":"CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."}]}"#;
    let event = batch(&[
        record(0, &compressed("/aws/apigateway/x", 1)),
        record(1, &gzip(control.as_bytes()).unwrap()),
        record(2, &compressed("/aws/apigateway/y", 2)),
    ]);
    let (result, report) = function.outcome_of(|| function.begin(&event, crate::harness::PATIENCE));
    assert_eq!(result.unwrap(), failures(&[]));
    assert_eq!(got(&node), lines(1..=2));
    assert_eq!(report["recordsReceived"], 2);
}

/// Whatever the reason, a shard comes again from the first record that failed. The later records are left to
/// that attempt, so that each one is either delivered or kept.
#[test]
fn a_stream_stops_at_the_first_record_that_failed() {
    let valid = compressed("/aws/apigateway/x", 2);
    let mut corrupt = valid.clone();
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 1;
    for (document, status, error_type) in [
        (&corrupt, 200, "Function.EventInvalid"),
        (&valid, 503, "Function.RecordsUndelivered"),
        (&valid, 400, "Function.RecordsRefused"),
        (&valid, 404, "Function.RecordsRefused"),
    ] {
        let second = event_id(2);
        let node = faulty_node(move |message, _| match message.request_id() {
            Some(id) if id == second => Fault::status(status),
            _ => Fault::none(),
        });
        let function = Function::start(&node, &[]);
        let event = batch(&[
            record(0, &compressed("/aws/apigateway/x", 1)),
            record(1, document),
            record(2, &compressed("/aws/apigateway/x", 3)),
        ]);
        let (result, report) =
            function.outcome_of(|| function.begin(&event, crate::harness::PATIENCE));
        assert_eq!(
            result.unwrap(),
            failures(&["49590338271490256608559692538361571095921575989136581"])
        );
        assert_eq!(report["itemsFailed"], 1);
        assert_eq!(report["errorType"], error_type);
        assert_eq!(got(&node), lines([1]));
        assert_adds_up(&report);
    }
}

/// The process does not know the Node yet, and a shard always comes again from the same record.
#[test]
fn an_attack_at_the_front_of_a_stream_holds_it_up_once() {
    let attacks: Vec<Line> = (100..120)
        .map(|n| Line::new(n, 1_795_341_600_000, line("GET", "/attack")))
        .collect();
    let attacks = gzip(&document("/aws/apigateway/x", "s", &attacks).unwrap()).unwrap();
    let node = faulty_node(|message, _| match message.http.target.as_str() {
        "/attack" => Fault::status(403),
        _ => Fault::none(),
    });
    let function = Function::start(&node, &[]);
    let records = [
        record(0, &attacks),
        record(1, &attacks),
        record(2, &compressed("/aws/apigateway/x", 1)),
        record(3, &compressed("/aws/apigateway/x", 2)),
    ];
    let first = failures(&["49590338271490256608559692538361571095921575989136580"]);
    let attempts = [
        // Nothing shows yet that it was an attack.
        (&records[..2], first.clone(), lines([])),
        (&records, first, lines([1])),
        (
            &records,
            failures(&[]),
            BTreeMap::from([(event_id(1), 2), (event_id(2), 1)]),
        ),
    ];
    for (records, response, arrived) in attempts {
        let event = batch(records);
        let (result, report) =
            function.outcome_of(|| function.begin(&event, crate::harness::PATIENCE));
        assert_eq!(result.unwrap(), response);
        assert_eq!(got(&node), arrived);
        assert_adds_up(&report);
    }
}

/// In each kind of batch the bomb is its item's failure. The others arrive, in a stream those before it.
#[test]
fn a_bomb_is_its_items_failure() {
    // Valid, except for the size that it inflates to.
    let bomb = gzip(
        &[
            b"{",
            &vec![b' '; 2_000_000][..],
            &plain("/aws/apigateway/x", 2)[1..],
        ]
        .concat(),
    );
    let bomb = bomb.unwrap();
    let [first, last] = [1, 3].map(|n| compressed("/aws/apigateway/x", n));
    let documents = [&first[..], &bomb, &last];
    let wrapped =
        documents.map(|document| serde_json::from_slice::<Value>(&wrap(document)).unwrap());
    let messages = [1, 2, 3].map(|n| message(n, &wrapped[n - 1].to_string(), json!({})));
    let records = [0, 1, 2].map(|n| record(n, documents[n]));
    let data = wrapped.map(|event| event["awslogs"]["data"].clone());
    let firehose = json!({"records": [
        {"recordId": "a", "data": data[0]}, {"recordId": "b", "data": data[1]}, {"recordId": "c", "data": data[2]},
    ]});
    let transformed = json!({"records": [
        {"recordId": "a", "result": "Ok", "data": data[0]},
        {"recordId": "b", "result": "ProcessingFailed", "data": data[1]},
        {"recordId": "c", "result": "Ok", "data": data[2]},
    ]});
    let shard = failures(&["49590338271490256608559692538361571095921575989136581"]);
    for (event, response, arrived) in [
        (batch(&messages), failures(&["m2"]), &[1, 3][..]),
        (batch(&records), shard, &[1]),
        (firehose.to_string().into_bytes(), transformed, &[1, 3]),
    ] {
        let node = node();
        let function = Function::start(&node, &[("X_MAX_INFLATED_BYTES", "1000000")]);
        let (result, report) =
            function.outcome_of(|| function.begin(&event, crate::harness::PATIENCE));
        assert_eq!(result.unwrap(), response);
        assert_eq!(report["errorType"], "Function.EventInvalid");
        assert_eq!(got(&node), lines(arrived.iter().copied()));
    }
}

/// Whatever happens to a record at the Node, the stream still delivers it to its destination.
#[test]
fn a_firehose_stream_gets_each_record_back_as_it_was() {
    let [absent, refused] = [3, 4].map(event_id);
    let node = faulty_node(move |message, _| match message.request_id() {
        Some(id) if id == absent => Fault::status(503),
        Some(id) if id == refused => Fault::status(400),
        _ => Fault::none(),
    });
    let function = Function::start(&node, &[]);
    let control = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1600110003794,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#;
    let valid = |n| compressed("/aws/apigateway/x", n);
    let mut corrupt = valid(2);
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 1;
    let documents = [
        (gzip(control.as_bytes()).unwrap(), "Ok"),
        (valid(1), "Ok"),
        (corrupt, "ProcessingFailed"),
        (valid(3), "ProcessingFailed"),
        (valid(4), "ProcessingFailed"),
        (b"no document".to_vec(), "ProcessingFailed"),
        (compressed("/aws/apigateway/y", 5), "Ok"),
    ];
    let mut records = Vec::new();
    let mut expected = Vec::new();
    for (n, (document, result)) in documents.iter().enumerate() {
        let id = format!("4964{n}");
        let data = &serde_json::from_slice::<Value>(&wrap(document)).unwrap()["awslogs"]["data"];
        records.push(json!({
            "recordId": id, "approximateArrivalTimestamp": 1_795_341_600_123_u64, "data": data,
        }));
        expected.push(json!({ "recordId": id, "result": result, "data": data }));
    }
    let event = json!({
        "invocationId": "invocation",
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/s",
        "region": "us-east-1",
        "records": records,
    });
    let event = event.to_string();
    let (result, report) =
        function.outcome_of(|| function.begin(event.as_bytes(), crate::harness::PATIENCE));
    let result = result.unwrap();
    assert_eq!(result, json!({ "records": expected }));
    assert!(result.to_string().len() < event.len());
    assert_eq!(
        (&report["itemsFailed"], &report["level"]),
        (&json!(4), &json!("ERROR"))
    );
    assert_eq!(report["refused"], json!({"400": 1}));
    assert_eq!(got(&node), lines([1, 5]));
}

/// A line without an id gets one from the first invocation that received it.
#[test]
fn lines_without_an_id_keep_theirs_over_the_queue() {
    let node = node();
    let function = Function::start(&node, &[]);
    let text = json!({
        "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s",
        "subscriptionFilters": [], "logEvents": [{"message": line("GET", "/pets")}],
    });
    let event: Value =
        serde_json::from_slice(&wrap(&gzip(text.to_string().as_bytes()).unwrap())).unwrap();
    let attributes = json!({"RequestID": {"stringValue": "first", "dataType": "String"}});
    for (messages, id) in [
        (message(1, &failure("first", &event), json!({})), "first-0"),
        (message(1, &event.to_string(), attributes), "first-0"),
        (message(1, &event.to_string(), json!({})), "m1-0"),
    ] {
        let result = function.invoke(&batch(&[messages]), crate::harness::PATIENCE);
        assert_eq!(result.unwrap(), failures(&[]));
        assert!(got(&node).contains_key(id), "{:?}", got(&node));
    }
}
