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
pub(crate) fn failure(request_id: &str, payload: &Value) -> String {
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
pub(crate) fn message(n: usize, body: &str, attributes: Value) -> Value {
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

pub(crate) fn batch(records: &[Value]) -> Vec<u8> {
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
        {"recordId": "b", "result": "Ok", "data": data[1]},
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
        // The stream's destination has what can't be read.
        (corrupt, "Ok"),
        (valid(3), "ProcessingFailed"),
        (valid(4), "ProcessingFailed"),
        (b"no document\0".to_vec(), "Ok"),
        (b"no document".to_vec(), "Ok"),
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

/// In each kind of batch, and whatever the item is. It fails alone, under its name.
#[test]
fn an_item_of_another_shape_fails_alone() {
    let data = serde_json::from_slice::<Value>(&wrap(&compressed("/aws/apigateway/x", 1))).unwrap()
        ["awslogs"]["data"]
        .clone();
    let valid = subscription(1).to_string();
    let strange = [json!(7), json!({"a": [null]}), json!([[]]), json!(true)];
    let node = node();
    let function = Function::start(&node, &[]);
    for value in &strange {
        let messages = [
            json!({"messageId": "m2", "body": value}),
            json!({"messageId": "m2", "body": valid, "messageAttributes": [value]}),
            json!({"messageId": "m2", "body": valid, "kinesis": [value]}),
            json!({"messageId": "m2"}),
        ];
        for item in messages {
            let event = batch(&[
                message(1, &valid, json!({})),
                item.clone(),
                message(3, &valid, json!({})),
            ]);
            let (result, report) =
                function.outcome_of(|| function.begin(&event, crate::harness::PATIENCE));
            assert_eq!(result.unwrap(), failures(&["m2"]), "{item}");
            assert_eq!(
                (&report["itemsFailed"], &report["recordsForwarded"]),
                (&json!(1), &json!(2))
            );
            assert_adds_up(&report);
        }
        let second = record(1, &[])["kinesis"]["sequenceNumber"].clone();
        let event = batch(&[
            record(0, &compressed("/aws/apigateway/x", 1)),
            json!({"kinesis": {"sequenceNumber": second, "data": value}}),
            record(2, &compressed("/aws/apigateway/x", 1)),
        ]);
        let (result, report) =
            function.outcome_of(|| function.begin(&event, crate::harness::PATIENCE));
        assert_eq!(result.unwrap(), failures(&[second.as_str().unwrap()]));
        assert_eq!(report["recordsForwarded"], 1);
        let event = json!({"records": [
            {"recordId": "a", "data": data}, {"recordId": "b", "data": value},
            value, {"recordId": "c", "data": data},
        ]});
        let event = event.to_string().into_bytes();
        let (result, report) =
            function.outcome_of(|| function.begin(&event, crate::harness::PATIENCE));
        let expected = json!({"records": [
            {"recordId": "a", "result": "Ok", "data": data},
            // An `Ok` without data would put nothing in its place.
            {"recordId": "b", "result": "ProcessingFailed", "data": ""},
            {"recordId": "c", "result": "Ok", "data": data},
        ]});
        assert_eq!(result.unwrap(), expected);
        assert_eq!(
            (&report["itemsFailed"], &report["recordsForwarded"]),
            (&json!(2), &json!(2))
        );
    }
    assert_eq!(node.snapshot().distinct, 1);
}

/// The response can't name it, so that all items come again: but first the others are delivered, and then they
/// are known.
#[test]
fn an_item_without_a_name_fails_the_invocation_after_the_others() {
    let strange = [
        json!(null),
        json!("x"),
        json!({"body": 7}),
        json!({"messageId": 7, "body": subscription(9).to_string()}),
        json!({"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}}}),
        json!({"kinesis": {"data": "*"}}),
    ];
    for item in strange {
        let node = node();
        let function = Function::start(&node, &[]);
        let queue = [
            message(1, &subscription(1).to_string(), json!({})),
            item.clone(),
            message(2, &failure("r", &subscription(2)), json!({})),
        ];
        let stream = [
            record(0, &compressed("/aws/apigateway/x", 1)),
            item.clone(),
            record(1, &compressed("/aws/apigateway/x", 2)),
        ];
        for (attempt, forwarded, earlier) in [
            (&queue, 2, 0),
            (&queue, 0, 2),
            (&stream, 2, 0),
            (&stream, 0, 2),
        ] {
            let event = batch(attempt);
            let (result, report) =
                function.outcome_of(|| function.begin(&event, crate::harness::PATIENCE));
            let failed = result.expect_err("it can not be named");
            assert!(failed.message.contains("have no identifier"), "{failed:?}");
            assert_eq!(report["recordsForwarded"], forwarded, "{item}: {report}");
            assert_eq!(
                report["recordsForwardedEarlier"], earlier,
                "{item}: {report}"
            );
            assert_eq!(report["itemsFailed"], 1);
            assert_adds_up(&report);
        }
        assert_eq!(node.snapshot().distinct, 2);
    }
    // What has no name and arrives is no reason to fail.
    let node = node();
    let function = Function::start(&node, &[]);
    let event = batch(&[
        json!({"body": subscription(1).to_string()}),
        record(1, &compressed("g", 2)),
    ]);
    assert_eq!(
        function.invoke(&event, crate::harness::PATIENCE).unwrap(),
        failures(&[])
    );
    assert_eq!(got(&node), lines([1, 2]));
}

/// The document is forwarded whatever else the event has.
#[test]
fn a_document_beside_a_batch_is_forwarded() {
    for payload in [false, true] {
        let with = |list: Value| {
            let event = subscription(1);
            let mut event = match payload {
                false => event,
                true => serde_json::from_str(&failure("r", &event)).unwrap(),
            };
            event["Records"] = list;
            if payload {
                event["requestPayload"]["Records"] = json!([]);
            }
            event.to_string().into_bytes()
        };
        let node = node();
        let function = Function::start(&node, &[]);
        for list in [
            json!([]),
            json!(null),
            json!(7),
            json!("x"),
            json!({"a": [1]}),
        ] {
            let result = function.invoke(&with(list), crate::harness::PATIENCE);
            assert_eq!(result.unwrap()["forwarded"], 1);
        }
        let both = with(json!([message(2, &subscription(2).to_string(), json!({}))]));
        assert_eq!(
            function.invoke(&both, crate::harness::PATIENCE).unwrap(),
            failures(&[])
        );
        assert_eq!(node.snapshot().distinct, 2);
        let failed = function
            .invoke(&with(json!([{}])), crate::harness::PATIENCE)
            .unwrap_err();
        assert_eq!(failed.error_type, "Function.EventUnsupported");
    }
}

/// What a message brings as an id is cut down before it gets anywhere. It is the same in each attempt.
#[test]
fn an_id_from_a_queue_is_bounded() {
    let text = json!({
        "messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s",
        "logEvents": [{"id": "9".repeat(100_000), "message": line("GET", "/pets")}, {"message": line("GET", "/pets")}],
    });
    let event: Value =
        serde_json::from_slice(&wrap(&gzip(text.to_string().as_bytes()).unwrap())).unwrap();
    for id in [
        "9".repeat(100_000),
        "a b".into(),
        "a\r\nX-Evil: 1".into(),
        "é".repeat(200),
    ] {
        let node = node();
        let function = Function::start(&node, &[]);
        let attributes = json!({"RequestID": {"stringValue": id, "dataType": "String"}});
        let mut named = message(1, &event.to_string(), json!({}));
        named["messageId"] = json!(id);
        let events = [
            batch(&[message(1, &failure(&id, &event), json!({}))]),
            batch(&[message(1, &event.to_string(), attributes)]),
            batch(&[named]),
            failure(&id, &event).into_bytes(),
        ];
        for event in events.iter().chain(&events) {
            let (result, report) =
                function.outcome_of(|| function.begin(event, crate::harness::PATIENCE));
            assert!(result.is_ok());
            assert_eq!(report["recordsForwarded"], 2);
        }
        let ids: Vec<String> = got(&node).into_keys().collect();
        assert_eq!(ids.len(), 2, "{ids:?}");
        for id in ids {
            assert!(
                id.len() == 18 && id.starts_with(|c: char| c.is_ascii_hexdigit()),
                "{id}"
            );
        }
        assert_eq!(node.snapshot().violations, Vec::<String>::new());
    }
}
