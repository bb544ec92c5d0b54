//! Records of Firehose and Kinesis in each form, and messages in wrappers: what reaches the Node, and the response.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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
pub(crate) fn kinesis(records: &[&[u8]]) -> Vec<u8> {
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
pub(crate) fn firehose(records: &[&[u8]]) -> Vec<u8> {
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
    let marked = |text: &[u8]| [b"\xef\xbb\xbf", text].concat();
    let with_new_key = [b"{\"new\":{\"a\":[1]},", &first[1..]].concat();
    let owned = line("GET", "/o").replacen('{', r#"{"owner": "me", "#, 1);
    let in_lines = |texts: [&[u8]; 2]| {
        let [one, two] = texts.map(|text| gzip(text).unwrap());
        [&one[..], b"\n", &two, b"\n"].concat()
    };
    let first_line = line("GET", "/lines/0");
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
        ("a document over several lines", pretty, vec![one.clone()]),
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
        (
            "a document behind a byte order mark",
            marked(&first),
            vec![one.clone()],
        ),
        ("lines behind one", marked(&text), raw.to_vec()),
        (
            "compressed behind one",
            gzip(&marked(&spaced)).unwrap(),
            both.clone(),
        ),
        (
            "aggregated behind one",
            aggregated(&[&marked(&first), &marked(&second)]),
            both.clone(),
        ),
        ("nothing but one", marked(b""), Vec::new()),
        (
            "a compressed document whose first key is unknown",
            gzip(&with_new_key).unwrap(),
            vec![one],
        ),
        (
            "a line whose first key is a document's",
            owned.clone().into_bytes(),
            raw[..1].to_vec(),
        ),
        (
            "such lines, compressed",
            gzip(format!("{owned}\n{owned}").as_bytes()).unwrap(),
            raw[..2].to_vec(),
        ),
        (
            "compressed documents in lines",
            in_lines([&first, &second]),
            both.clone(),
        ),
        (
            "compressed lines in lines",
            in_lines([first_line.as_bytes(), owned.as_bytes()]),
            raw[..2].to_vec(),
        ),
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
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0".to_vec(), "at byte 6"),
        ("text that is not UTF-8", b"caf\xe9 \xff".to_vec(), ""),
        (
            "what begins as a byte order mark does",
            b"\xef\xbb".to_vec(),
            "",
        ),
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

/// A caller may bring bytes that are not UTF-8 in a format that does not escape them.
#[test]
fn a_line_that_is_not_utf_8_costs_itself() {
    let clf = b"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] \"GET /x HTTP/1.1\" 200 1 r \"ua caf\xe9\"\n";
    let data = [&clf[..], &lines(1)].concat();
    for data in [data.clone(), gzip(&data).unwrap(), aggregated(&[&data])] {
        for event in [kinesis(&[&data]), firehose(&[&data])] {
            let node = node();
            let function = Function::start(&node, &[]);
            let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
            let result = result.unwrap();
            let is_success = result == json!({"batchItemFailures": []})
                || result["records"][0]["result"] == "Ok";
            assert!(is_success, "{result}");
            assert_eq!(report["recordsForwarded"], 1, "{report}");
            assert_eq!(
                report["skipped"],
                json!({"unsupportedFormat": 1}),
                "{report}"
            );
            assert_eq!(node.snapshot().distinct, 1);
        }
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
    // Lines without a document are together over several records.
    sources.lock().unwrap().clear();
    let event = firehose(&[&lines(1), &lines(2), &plain(1), &plain(1), b"", &lines(1)]);
    function.invoke(&event, TIME).unwrap();
    assert_eq!(
        *sources.lock().unwrap(),
        [
            (Value::Null, vec![text(0), text(0), text(1)]),
            (json!("s1"), vec!["/pets/1".to_string()]),
            (json!("s1"), vec!["/pets/1".to_string()]),
            (Value::Null, vec![text(0)]),
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

/// How many lines each of so many records has, in which the nth line of record m is `/m/n`: one, and now and then two.
fn lines_of(record: usize) -> usize {
    if record % 7 == 3 { 2 } else { 1 }
}

fn records_of_lines(count: usize) -> Vec<Vec<u8>> {
    let record = |m| (0..lines_of(m)).map(move |n| line("GET", &format!("/{m}/{n}")) + "\n");
    (0..count)
        .map(|m| record(m).collect::<String>().into_bytes())
        .collect()
}

fn firehose_of(records: &[Vec<u8>]) -> Vec<u8> {
    firehose(&records.iter().map(|data| &data[..]).collect::<Vec<_>>())
}

/// API Gateway puts one line into each record of Firehose: a round for each of them would take too long.
#[test]
fn records_of_one_line_share_rounds() {
    let records = 300;
    let ids: BTreeMap<String, u64> = (0..records)
        .flat_map(|m| (0..lines_of(m)).map(move |n| (format!("49{m}-{n}"), 1)))
        .collect();
    for format in ["resend", "batch"] {
        let node = faulty_node(|_, _| Fault::delay(Duration::from_millis(20)));
        let function = Function::start(&node, &[("X_NODE_FORMAT", format)]);
        let event = firehose_of(&records_of_lines(records));
        let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
        let result = result.unwrap();
        let results = result["records"].as_array().unwrap();
        assert_eq!(results.len(), records);
        assert!(results.iter().all(|record| record["result"] == "Ok"));
        assert_eq!(node.deliveries(), ids);
        assert_eq!(report["recordsForwarded"], ids.len(), "{report}");
        assert_adds_up(&report);
        let snapshot = node.snapshot();
        assert_eq!(snapshot.violations, Vec::<String>::new());
        if format == "batch" {
            // Of 200 records, or 64 KiB.
            assert!(snapshot.batches <= 4, "{snapshot:?}");
        } else {
            // What follows a round that is awaited takes another connection.
            assert!(snapshot.connections > 1, "{snapshot:?}");
        }
    }
}

/// Records that share a delivery, and messages, have each their own result.
#[test]
fn each_record_that_shares_a_delivery_has_its_own_result() {
    let of = |paths: &[&str]| {
        let lines = paths.iter().map(|path| line("GET", path) + "\n");
        lines.collect::<String>().into_bytes()
    };
    let mut corrupt = gzip(&of(&["/corrupt", "/corrupt"])).unwrap();
    // Its checksum, which is read last.
    let checksum = corrupt.len() - 8;
    corrupt[checksum] ^= 1;
    let broken = plain(4);
    // Each with its result by default and with `dropped`, and how many of its first lines arrive.
    let records: Vec<(Vec<u8>, &str, &str, usize)> = vec![
        (of(&["/a"]), "Ok", "Dropped", 1),
        (of(&["/refused"]), "ProcessingFailed", "ProcessingFailed", 0),
        // From a Node that accepts others.
        (of(&["/blocked"]), "Ok", "Ok", 0),
        (b"hello".to_vec(), "Ok", "Ok", 0),
        (b"a\0".to_vec(), "Ok", "Ok", 0),
        (of(&["/b", "/refused"]), "Ok", "Ok", 1),
        (corrupt.clone(), "Ok", "Ok", 0),
        (of(&["/c", "/d"]), "Ok", "Dropped", 2),
        (Vec::new(), "Ok", "Ok", 0),
        (plain(1), "Ok", "Dropped", 0),
        (corrupt, "Ok", "Ok", 0),
        (of(&["/e"]), "Ok", "Dropped", 1),
        (broken[..broken.len() - 2].to_vec(), "Ok", "Ok", 0),
        (
            of(&["/f", "/absent"]),
            "ProcessingFailed",
            "ProcessingFailed",
            1,
        ),
        (gzip(&of(&["/g", "/h"])).unwrap(), "Ok", "Dropped", 2),
    ];
    let data: Vec<Vec<u8>> = records.iter().map(|(data, ..)| data.clone()).collect();
    let mut ids: BTreeMap<String, u64> = (0..)
        .zip(&records)
        .flat_map(|(m, record): (u64, _)| (0..record.3).map(move |n| (format!("49{m}-{n}"), 1)))
        .collect();
    ids.insert(event_id(1), 1);
    for (format, dropped) in [("resend", "ok"), ("batch", "dropped")] {
        let node = faulty_node(|message, _| {
            let text = String::from_utf8_lossy(&message.http.body);
            let has = |path: &str| message.http.target == path || text.contains(path);
            match () {
                () if has("/absent") => Fault::status(503),
                () if has("/blocked") => Fault::status(403),
                () if has("/refused") => Fault::status(400),
                () => Fault::none(),
            }
        });
        let function = Function::start(
            &node,
            &[
                ("X_NODE_FORMAT", format),
                ("X_FIREHOSE_RESULT", dropped),
                ("X_NODE_CONNECTIONS", "1"),
                ("X_NODE_TIMEOUT_MS", "500"),
                ("X_NODE_DOWN_AFTER_MS", "500"),
            ],
        );
        let event = firehose_of(&data);
        let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
        let result = result.unwrap();
        for (n, (data, ok, drop, _)) in records.iter().enumerate() {
            let expected = if dropped == "ok" { ok } else { drop };
            let data = match *expected {
                "Dropped" => json!(""),
                _ => base64(data),
            };
            assert_eq!(
                result["records"][n],
                json!({"recordId": format!("49{n}"), "result": expected, "data": data}),
                "{format} {report}"
            );
        }
        let mut arrived = node.deliveries();
        arrived.retain(|_, times| *times > 0);
        assert_eq!(arrived, ids, "{format}");
        assert_eq!(node.snapshot().violations, Vec::<String>::new());
        assert_adds_up(&report);
        // Two refused, one absent, and four that can't be read.
        let count = |name: &str| report[name].as_u64().unwrap();
        assert_eq!(count("itemsFailed"), 6, "{report}");
        assert_eq!(count("recordsForwarded"), ids.len() as u64, "{report}");
        assert_eq!(report["refused"], json!({"400": 2, "403": 1}));
        assert_eq!(count("recordsSkipped"), 1, "{report}");
        assert_eq!(count("recordsUndelivered"), 6, "{report}");
    }
}

/// Exactly the records have failed of which the Node has not got all lines; and when it comes back, it gets those that
/// were not read yet.
#[test]
fn a_node_that_goes_down_costs_the_records_that_were_on_their_way() {
    let records = 1_200;
    for (format, comes_back) in [("resend", false), ("resend", true), ("batch", false)] {
        let down_since = Mutex::new(None::<Instant>);
        let before = if format == "batch" { 2 } else { 150 };
        let node = faulty_node(move |_, nth| {
            if nth <= before {
                return Fault::none();
            }
            let since = *down_since.lock().unwrap().get_or_insert_with(Instant::now);
            if comes_back && since.elapsed() > Duration::from_millis(700) {
                Fault::none()
            } else {
                Fault::status(503)
            }
        });
        let function = Function::start(
            &node,
            &[
                ("X_NODE_FORMAT", format),
                ("X_FIREHOSE_RESULT", "dropped"),
                ("X_NODE_TIMEOUT_MS", "500"),
                ("X_NODE_DOWN_AFTER_MS", "500"),
            ],
        );
        let event = firehose_of(&records_of_lines(records));
        let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
        let result = result.unwrap();
        let mut arrived = node.deliveries();
        // Of some only the request has.
        arrived.retain(|_, times| *times > 0);
        let mut failed = 0;
        for m in 0..records {
            let is_whole = (0..lines_of(m)).all(|n| arrived.contains_key(&format!("49{m}-{n}")));
            let expected = if is_whole {
                "Dropped"
            } else {
                "ProcessingFailed"
            };
            assert_eq!(result["records"][m]["result"], expected, "{m}: {report}");
            failed += u64::from(!is_whole);
        }
        assert_adds_up(&report);
        assert_eq!(report["itemsFailed"], failed, "{report}");
        assert_eq!(report["recordsForwarded"], arrived.len(), "{report}");
        assert!(failed > 0 && !arrived.is_empty());
        let has_last = arrived.contains_key(&format!("49{}-0", records - 1));
        assert_eq!(has_last, comes_back, "{report}");
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
