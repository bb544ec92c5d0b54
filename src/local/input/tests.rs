//! Each form with the same three calls, and what is said of a text that has none.

use std::io::{Cursor, Read};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::super::calls;
use super::*;

/// A line that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Got {
    text: String,
    timestamp: Option<i64>,
    id: Option<String>,
    log_group: Option<String>,
    log_stream: Option<String>,
    number: u64,
}

#[derive(Default)]
struct Collect(Vec<Got>);

impl Sink for Collect {
    fn begin(&mut self) {}

    fn line(&mut self, line: &Line<'_>) -> Result<(), CommandError> {
        self.0.push(Got {
            text: String::from_utf8_lossy(line.text).into_owned(),
            timestamp: line.timestamp,
            id: line.id.map(str::to_owned),
            log_group: line.log_group.map(str::to_owned),
            log_stream: line.log_stream.map(str::to_owned),
            number: line.number,
        });
        Ok(())
    }
}

/// What a file with these bytes has, and what is told of it.
fn collect(bytes: &[u8]) -> (Vec<Got>, Vec<String>) {
    collect_from(Box::new(Cursor::new(bytes)))
}

fn collect_from(bytes: Bytes<'_>) -> (Vec<Got>, Vec<String>) {
    let mut lines = Collect::default();
    let ended = read_file(bytes, "f", &mut Documents::new(), &mut lines).unwrap();
    assert!(ended.told.iter().all(|text| !text.contains("/prod/pets")));
    (lines.0, ended.told)
}

const T: i64 = 1_795_362_001_000;

fn line(n: u32) -> String {
    format!(
        r#"{{ "requestId": "r-{n}", "httpMethod": "GET", "path": "/prod/pets/{n}", "status": "200", "domainName": "a.example.com", "userAgent": "x \"y\" é, z" }}"#
    )
}

/// The same over several lines, as Python's json.dumps(indent=4) has it.
fn pretty(n: u32) -> String {
    let line: Value = serde_json::from_str(&line(n)).unwrap();
    let text = serde_json::to_string_pretty(&line).unwrap();
    text.replace("  ", "    ")
}

/// For each of the three calls.
fn each(form: impl Fn(u32) -> String) -> String {
    (0..3).map(form).collect()
}

fn values(form: impl Fn(u32) -> Value) -> Value {
    (0..3).map(form).collect()
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    io::Write::write_all(&mut encoder, bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn subscription(from: u32, to: u32) -> String {
    let events: Vec<Value> = (from..to)
        .map(|n| json!({"id": format!("{n:056}"), "timestamp": T, "message": line(n)}))
        .collect();
    json!({
        "messageType": "DATA_MESSAGE", "owner": "210987654321", "logGroup": "/aws/apigateway/x", "logStream": "ab",
        "subscriptionFilters": ["f"], "logEvents": events,
    })
    .to_string()
}

fn data(n: u32) -> String {
    base64(gzip(subscription(n, n + 1)))
}

fn event(n: u32) -> Value {
    json!({"awslogs": {"data": data(n)}})
}

fn failure(n: u32) -> Value {
    json!({
        "version": "1.0", "timestamp": "2026-11-22T15:40:01.123Z",
        "requestContext": {"requestId": "r", "condition": "RetriesExhausted"},
        "requestPayload": event(n), "responsePayload": null,
    })
}

fn filtered(n: u32) -> Value {
    json!({"logStreamName": "s", "timestamp": T, "message": line(n), "ingestionTime": T, "eventId": format!("{n:056}")})
}

fn csv_cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The forms by their names. Each has the three calls.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let lines = each(|n| line(n) + "\n");
    let page = |n| json!({"events": [filtered(n)], "searchedLogStreams": []});
    let got = json!({
        "events": values(|n| json!({"timestamp": T, "message": line(n) + "\n", "ingestionTime": T})),
        "nextForwardToken": "f/3", "nextBackwardToken": "b/3",
    });
    let all = json!({"events": values(filtered), "searchedLogStreams": [{"logStreamName": "s"}]});
    let rows = values(|n| {
        json!([
            {"field": "@timestamp", "value": "2026-11-22 15:40:01.000"},
            {"field": "@message", "value": line(n)},
            {"field": "@ptr", "value": "Cq0B"},
        ])
    });
    let results = json!({"queryLanguage": "CWLI", "results": rows, "statistics": {"recordsMatched": 3.0}, "status": "Complete"});
    let discovered = values(|n| {
        json!([
            {"field": "httpMethod", "value": "GET"}, {"field": "path", "value": format!("/prod/pets/{n}")},
            {"field": "domainName", "value": "a.example.com"}, {"field": "status", "value": "200"},
            {"field": "@ptr", "value": "Cq0B"},
        ])
    });
    let queue = |n| json!({"messageId": "m", "receiptHandle": "h", "body": failure(n).to_string(), "eventSource": "aws:sqs"});
    let received = |n| json!({"MessageId": "m", "ReceiptHandle": "h", "MD5OfBody": "0", "Body": failure(n).to_string()});
    let notification = |n| json!({"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": failure(n).to_string()});
    let kinesis = |n| json!({"kinesis": {"sequenceNumber": "7", "data": data(n)}, "eventSource": "aws:kinesis"});
    let utf16 = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let lines_of = |form: &dyn Fn(u32) -> Value| each(|n| form(n).to_string() + "\n");
    let yaml = |n: u32| {
        format!(
            "- eventId: '{n:056}'\n  ingestionTime: {T}\n  logStreamName: s\n  message: '{}'\n  timestamp: {T}\n",
            line(n).replace("\", \"", "\",\n    \"")
        )
    };
    let forms: Vec<(&'static str, Vec<u8>)> = vec![
        ("lines", lines.clone().into()),
        ("lines without an end", lines.trim_end().into()),
        ("lines with CRLF", lines.replace('\n', "\r\n").into()),
        ("empty lines between", lines.replace('\n', "\n\n \n").into()),
        ("byte order mark", format!("\u{feff}{lines}").into()),
        ("UTF-16 LE with mark", utf16(&format!("\u{feff}{lines}"))),
        ("UTF-16 BE with mark", format!("\u{feff}{lines}").encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("UTF-16 LE", utf16(&lines)),
        ("UTF-16 of a document", utf16(&format!("\u{feff}{}", serde_json::to_string_pretty(&all).unwrap()))),
        ("gzip", gzip(&lines)),
        ("gzip, a member a line", (0..3).flat_map(|n| gzip(line(n) + "\n")).collect()),
        ("gzip of gzip", gzip(gzip(&lines))),
        ("gzip of UTF-16", gzip(utf16(&format!("\u{feff}{lines}")))),
        ("pretty objects", each(|n| pretty(n) + "\n").into()),
        ("pretty objects with CRLF", each(|n| pretty(n) + "\n").replace('\n', "\r\n").into()),
        ("array of objects", format!("[{},\n{},\n{}]", line(0), line(1), line(2)).into()),
        ("pretty array", serde_json::to_vec_pretty(&values(|n| serde_json::from_str(&line(n)).unwrap())).unwrap()),
        ("tail", each(|n| format!("2026-11-22T15:40:01.000000+00:00 s {}\n", line(n))).into()),
        ("tail, short", each(|n| format!("2026-11-22T15:40:01 {}\n", line(n))).into()),
        ("tail, json", each(|n| format!("2026-11-22T15:40:01.000123+00:00 s \n{}\n", pretty(n))).into()),
        ("tail, json, full second", each(|n| format!("2026-11-22T15:40:01+00:00 s \n{}\n", pretty(n))).into()),
        ("tail, json, no stream", each(|n| format!("2026-11-22T15:40:01\n{}\n", pretty(n))).into()),
        ("tail, coloured", each(|n| format!("\x1b[32m2026-11-22T15:40:01.000000+00:00\x1b[0m \x1b[36ms\x1b[0m {}\n\x1b[0m", line(n))).into()),
        ("tail, json, coloured", each(|n| format!("\x1b[32m2026-11-22T15:40:01+00:00\x1b[0m \x1b[36ms\x1b[0m \n{}\n\x1b[0m", pretty(n))).into()),
        ("tail with CRLF", each(|n| format!("2026-11-22T15:40:01.000000+00:00 s {}\r\n", line(n))).into()),
        ("awslogs", each(|n| format!("/aws/apigateway/x 0f1e2d {}\n", line(n))).into()),
        ("awslogs with a time", each(|n| format!("/aws/apigateway/x 0f1e2d 2026-11-22T15:40:01.000Z {}\n", line(n))).into()),
        ("S3 export", each(|n| format!("2026-11-22T15:40:01.000Z {}\n", line(n))).into()),
        ("S3 export, gzip", gzip(each(|n| format!("2026-11-22T15:40:01.000Z {}\n", line(n))))),
        ("console, copied", each(|n| format!("2026-11-22T16:40:01.744+01:00\n\n{}\n", pretty(n))).into()),
        ("console, copied in lines", each(|n| format!("2026-11-22T16:40:01.744+01:00\t{}\n", line(n))).into()),
        ("console, copied with its heads", format!("Timestamp\tMessage\n\tNo older events at this moment. Retry\n{}", each(|n| format!("▶\t2026-11-22T16:40:01.744+01:00\t{}\n", line(n)))).into()),
        ("console, copied, time of day", each(|n| format!("15:40:01\n{}\n", line(n))).into()),
        ("console, CSV", format!("timestamp,message\r\n{}", each(|n| format!("{T},{}\r\n", csv_cell(&line(n))))).into()),
        ("console, CSV of pretty objects", format!("timestamp,message\n{}", each(|n| format!("{T},{}\n", csv_cell(&pretty(n))))).into()),
        ("console, CSV with semicolons", format!("timestamp;message\n{}", each(|n| format!("{T};{}\n", csv_cell(&line(n))))).into()),
        ("Insights, CSV", format!("@timestamp,@message,@logStream,@log\n{}", each(|n| format!("2026-11-22 15:40:01.000,{},s,210987654321:g\n", csv_cell(&line(n))))).into()),
        ("Insights, CSV of fields", format!("@timestamp,httpMethod,path,domainName,status\n{}", each(|n| format!("2026-11-22 15:40:01.000,GET,/prod/pets/{n},a.example.com,200\n"))).into()),
        ("Insights", results.to_string().into()),
        ("Insights, pretty", serde_json::to_vec_pretty(&results).unwrap()),
        ("Insights, --query results", rows.to_string().into()),
        ("Insights, fields", json!({"results": discovered, "status": "Complete"}).to_string().into()),
        ("filter-log-events", all.to_string().into()),
        ("filter-log-events, pretty", serde_json::to_vec_pretty(&all).unwrap()),
        ("filter-log-events, CRLF", serde_json::to_string_pretty(&all).unwrap().replace('\n', "\r\n").into()),
        ("filter-log-events, pages", each(|n| serde_json::to_string_pretty(&page(n)).unwrap() + "\n").into()),
        ("filter-log-events, pages side by side", each(|n| page(n).to_string()).into()),
        ("filter-log-events, pages in an array", values(page).to_string().into()),
        ("filter-log-events, pages with commas", each(|n| page(n).to_string() + ",\n").into()),
        ("filter-log-events, after an empty page", format!("{}{}", json!({"events": [], "searchedLogStreams": [], "nextToken": "t"}), all).into()),
        ("filter-log-events, escaped", all.to_string().replace('é', "\\u00e9").into()),
        ("get-log-events", got.to_string().into()),
        ("get-log-events, token first", format!(r#"{{"nextForwardToken":"f/3","events":{},"nextBackwardToken":"b/3"}}"#, got["events"]).into()),
        ("--query events", values(filtered).to_string().into()),
        ("--query events[*].message", serde_json::to_vec_pretty(&values(|n| line(n).into())).unwrap()),
        ("--query [timestamp,message]", serde_json::to_vec_pretty(&values(|n| json!([T, line(n)]))).unwrap()),
        ("--query [message,timestamp]", values(|n| json!([line(n), T])).to_string().into()),
        ("--query {m:message}", values(|n| json!({"t": T, "message": line(n)})).to_string().into()),
        ("--query, messages in messages", values(|n| json!({"message": json!({"message": line(n), "timestamp": T}).to_string()})).to_string().into()),
        ("jq -c .events[]", lines_of(&filtered).into()),
        ("jq .events[]", each(|n| serde_json::to_string_pretty(&filtered(n)).unwrap() + "\n").into()),
        ("jq .events[].message", lines_of(&|n| line(n).into()).into()),
        ("jq fromjson", each(|n| format!(r#"{{"timestamp":{T},"message":{}}}"#, line(n)) + "\n").into()),
        ("jq -c [timestamp, message]", lines_of(&|n| json!([T, line(n)])).into()),
        ("text", each(|n| format!("EVENTS\t{n:056}\t{T}\ts\t{}\t{T}\n", line(n))).into()),
        ("text, with streams", format!("{}SEARCHEDLOGSTREAMS\ts\tTrue\n", each(|n| format!("EVENTS\t{n:056}\t{T}\ts\t{}\t{T}\n", line(n)))).into()),
        ("text, messages end with line ends", each(|n| format!("EVENTS\t{T}\t{}\n\t{T}\n", line(n))).into()),
        ("text, get-log-events", format!("b/{0}/s\tf/{0}/s\n{1}", "3".repeat(56), each(|n| format!("EVENTS\t{T}\t{}\t{T}\n", line(n)))).into()),
        ("text, messages", format!("{}\t{}\t{}\nNone\n", line(0), line(1), line(2)).into()),
        ("text, [timestamp,message]", each(|n| format!("{T}\t{}\n", line(n))).into()),
        ("text, [message,timestamp]", each(|n| format!("{}\t{T}\n", line(n))).into()),
        ("text, [timestamp,stream,message]", each(|n| format!("{T}\ts\t{}\n", line(n))).into()),
        ("yaml", format!("events:\n{}searchedLogStreams: []\n", each(yaml)).into()),
        ("yaml, messages", each(|n| format!("- '{}'\n", line(n))).into()),
        ("subscription's document", subscription(0, 3).into()),
        ("subscription's documents", each(|n| subscription(n, n + 1)).into()),
        ("subscription's documents in lines", each(|n| subscription(n, n + 1) + "\n").into()),
        ("subscription's documents, gzip", (0..3).flat_map(|n| gzip(subscription(n, n + 1))).collect()),
        ("Firehose compressed them again", gzip((0..3).flat_map(|n| gzip(subscription(n, n + 1))).collect::<Vec<u8>>())),
        ("a document, then lines", format!("{}\n{}\n{}\n", subscription(0, 1), line(1), line(2)).into()),
        ("lines, then a document", format!("{}\n{}\n{}\n", line(0), line(1), subscription(2, 3)).into()),
        ("control message first", format!("{}\n{lines}", json!({"messageType": "CONTROL_MESSAGE", "logEvents": [{"id": "", "timestamp": 1, "message": "CWL CONTROL MESSAGE"}]})).into()),
        ("events of Lambda", lines_of(&event).into()),
        ("events of Lambda, pretty", each(|n| serde_json::to_string_pretty(&event(n)).unwrap() + "\n").into()),
        ("on-failure records", lines_of(&failure).into()),
        ("on-failure records, pretty", each(|n| serde_json::to_string_pretty(&failure(n)).unwrap()).into()),
        ("queue", json!({"Records": values(queue)}).to_string().into()),
        ("queue, received", serde_json::to_vec_pretty(&json!({"Messages": values(received)})).unwrap()),
        ("queue, bodies", values(|n| failure(n).to_string().into()).to_string().into()),
        ("queue, its bodies are documents", json!({"Messages": values(|n| json!({"MessageId": "m", "Body": subscription(n, n + 1)}))}).to_string().into()),
        ("queue, its bodies are lines", json!({"Messages": values(|n| json!({"MessageId": "m", "Body": line(n)}))}).to_string().into()),
        ("notifications in a queue", json!({"Messages": values(|n| json!({"MessageId": "m", "Body": notification(n).to_string()}))}).to_string().into()),
        ("notifications", lines_of(&notification).into()),
        ("event of SNS", lines_of(&|n| json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": event(n).to_string()}}]})).into()),
        ("EventBridge", lines_of(&|n| json!({"version": "0", "detail-type": "x", "source": "lambda", "detail": failure(n)})).into()),
        ("Kinesis", json!({"Records": values(kinesis)}).to_string().into()),
        ("Kinesis, get-records", json!({"Records": values(|n| json!({"SequenceNumber": "7", "Data": data(n), "PartitionKey": "p"}))}).to_string().into()),
        ("Kinesis, bare lines", json!({"Records": values(|n| json!({"kinesis": {"sequenceNumber": "7", "data": base64(line(n))}}))}).to_string().into()),
        ("Firehose", json!({"invocationId": "i", "deliveryStreamArn": "a", "records": values(|n| json!({"recordId": "8", "approximateArrivalTimestamp": T, "data": data(n)}))}).to_string().into()),
        ("Firehose, failed", lines_of(&|n| json!({"attemptsMade": 4, "arrivalTimestamp": T, "errorCode": "x", "rawData": data(n)})).into()),
        ("Firehose, lines without anything between", each(line).into()),
        ("Firehose, lines without anything between, compressed by line", (0..3).flat_map(|n| gzip(line(n))).collect()),
        ("text, of the events alone", each(|n| format!("{n:056}\t{T}\ts\t{}\t{T}\n", line(n))).into()),
        ("text, of a list with another name", each(|n| format!("LIST\t{n:056}\t{T}\ts\t{}\t{T}\n", line(n))).into()),
        ("text, over several lines", each(|n| format!("EVENTS\t{n:056}\t{T}\ts\t{}\t{T}\n", pretty(n))).into()),
        ("text, messages over several lines", format!("{}\t{}\t{}\n", pretty(0), pretty(1), pretty(2)).into()),
        ("text, results of Insights", format!("CWLI\tComplete\n{}STATISTICS\t9.0\t3.0\t3.0\n", each(|n| format!("RESULTS\t@timestamp\t2026-11-22 15:40:01.000\nRESULTS\t@message\t{}\nRESULTS\t@ptr\tCm\n", line(n)))).into()),
        ("text, a queue's messages", each(|n| format!("MESSAGES\t{}\tm\tid\tr\n", failure(n))).into()),
        ("other names of the members", values(|n| json!({"t": T, "m": line(n)})).to_string().into()),
        ("another name of the list", json!({"e": values(filtered)}).to_string().into()),
        ("joined messages", json!(each(|n| line(n) + "\n")).to_string().into()),
        ("yaml, other names", format!("queryLanguage: CWLI\nx:\n{}status: Complete\n", each(|n| format!("- t: {T}\n  m: '{}'\n", line(n)))).into()),
        ("yaml, indented", format!("x:\n{}y: z\n", each(|n| format!("  - '{}'\n", line(n)))).into()),
        ("yaml, results of Insights", format!("results:\n{}status: Complete\n", each(|n| format!("- - field: '@message'\n    value: '{}'\n", line(n)))).into()),
        ("CSV of one column", format!("@message\r\n{}", each(|n| csv_cell(&line(n)) + "\r\n")).into()),
        ("CSV with tabs", format!("timestamp\tmessage\n{}", each(|n| format!("{T}\t{}\n", csv_cell(&line(n))))).into()),
        ("CSV without its names", each(|n| format!("{T},{}\n", csv_cell(&line(n)))).into()),
        ("CSV after blank lines", format!("\n  \ntimestamp,message\n{}", each(|n| format!("{T},{}\n", csv_cell(&line(n))))).into()),
        ("saw", each(|n| format!("[2026-11-22T16:40:01+01:00] (ab) {}\n", line(n))).into()),
        ("grep", each(|n| format!("logs/access.log:{}\n", line(n))).into()),
        ("grep -n", each(|n| format!("{n}:{}\n", line(n))).into()),
        ("a certificate over several lines", each(|n| line(n).replacen('{', "{ \"clientCert\": \"-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\", ", 1) + "\n").into()),
        ("on-failure object of a stream", json!({"KinesisBatchInfo": {}, "payload": json!({"Records": values(kinesis)}).to_string()}).to_string().into()),
    ];
    forms
}

/// The paths of the calls, as the function reads them.
fn paths(lines: &[Got]) -> Vec<String> {
    let mut reader = calls::Reader::new(calls::Options::default());
    let read = |got: &Got| {
        let line = Line {
            text: got.text.as_bytes(),
            ..Line::default()
        };
        match reader.read(&line) {
            Ok(call) => String::from_utf8_lossy(call.path).into_owned(),
            Err(skip) => format!("{}: {}", skip.name(), got.text),
        }
    };
    lines.iter().map(read).collect()
}

#[test]
fn each_form_gives_its_three_calls() {
    for (name, bytes) in forms() {
        let (lines, told) = collect(&bytes);
        assert_eq!(told, [""; 0], "{name}");
        assert_eq!(
            paths(&lines),
            ["/prod/pets/0", "/prod/pets/1", "/prod/pets/2"],
            "{name}"
        );
    }
}

/// Hands out one byte at a time, as a slow pipe does.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.0.len().min(out.len()).min(1);
        out[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

#[test]
fn how_the_bytes_come_makes_no_difference() {
    for (name, bytes) in forms() {
        assert_eq!(
            collect_from(Box::new(Drops(&bytes))),
            collect(&bytes),
            "{name}"
        );
    }
}

#[test]
fn what_a_form_tells_of_a_line() {
    let id = format!("{:056}", 0);
    let forms = forms();
    let first = |name: &str| {
        let (_, bytes) = forms.iter().find(|(form, _)| *form == name).unwrap();
        let (lines, _) = collect(bytes);
        let Got {
            timestamp,
            id,
            log_group,
            log_stream,
            ..
        } = lines[0].clone();
        (timestamp, id, log_group, log_stream)
    };
    for (form, has_time, has_id, log_group, log_stream) in [
        ("lines", false, false, None, None),
        ("tail", true, false, None, Some("s")),
        ("tail, coloured", true, false, None, Some("s")),
        ("tail, short", true, false, None, None),
        ("tail, json", true, false, None, Some("s")),
        ("tail, json, no stream", true, false, None, None),
        ("S3 export", true, false, None, None),
        ("console, CSV", true, false, None, None),
        ("Insights, CSV", true, false, Some("g"), Some("s")),
        ("Insights", true, false, None, None),
        ("filter-log-events", true, true, None, Some("s")),
        ("get-log-events", true, false, None, None),
        ("--query [timestamp,message]", true, false, None, None),
        ("text", true, true, None, Some("s")),
        (
            "text, [timestamp,stream,message]",
            true,
            false,
            None,
            Some("s"),
        ),
        ("yaml", true, true, None, Some("s")),
        (
            "subscription's document",
            true,
            true,
            Some("/aws/apigateway/x"),
            Some("ab"),
        ),
        (
            "on-failure records",
            true,
            true,
            Some("/aws/apigateway/x"),
            Some("ab"),
        ),
        (
            "Firehose, failed",
            true,
            true,
            Some("/aws/apigateway/x"),
            Some("ab"),
        ),
    ] {
        let expected = (
            has_time.then_some(T),
            has_id.then(|| id.clone()),
            log_group.map(str::to_owned),
            log_stream.map(str::to_owned),
        );
        assert_eq!(first(form), expected, "{form}");
    }
}

#[test]
fn a_line_has_its_number_in_the_file() {
    let text = format!(
        "\n{}\n2026-11-22T15:40:01\n{}\n{}\n",
        line(0),
        pretty(1),
        line(2)
    );
    let (lines, _) = collect(text.as_bytes());
    let numbers: Vec<u64> = lines.iter().map(|got| got.number).collect();
    assert_eq!(numbers, [2, 4, 12]);
    let (lines, _) = collect(json!({"events": values(filtered)}).to_string().as_bytes());
    let numbers: Vec<u64> = lines.iter().map(|got| got.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

/// A line goes to the function's reader as it is: what is wrong with it is that reader's to tell.
#[test]
fn lines_are_handed_out_as_they_are() {
    for text in [
        r#"{"path":"/a"} and more"#,
        r#"{"path":"/a","b":"#,
        r#"{"path":"/a","userAgent":"x"y"}"#,
        r#"{"message":"x","path":"/a","httpMethod":"GET"}"#,
        r#"{"timestamp":"22/Nov/2026:15:40:01 +0000","path":"/a"}"#,
        r#"{"version":"1","path":"/a"}"#,
        r#"{"id":"1","message":7,"path":"/a"}"#,
        r#"198.51.100.23 - - [22/Nov/2026:15:40:01 +0000] "GET /a HTTP/1.1" 200 35 r"#,
        r#"198.51.100.23,-,-,22/Nov/2026:15:40:01 +0000,GET,/a,HTTP/1.1,200,35,r"#,
        r#"requestId: r, ip: 198.51.100.23, path: {"/a"}"#,
        "{\"path\":\"/\u{fffd}\"}",
    ] {
        let (lines, told) = collect(format!("{}\n{text}\n", line(0)).as_bytes());
        assert_eq!(lines.len(), 2, "{text}: {lines:?}");
        assert_eq!(lines[1].text, text);
        assert_eq!(told, [""; 0], "{text}");
    }
}

#[test]
fn a_text_that_is_no_log_is_named() {
    let zip = b"PK\x03\x04\x14\0\0\0";
    let png = b"\x89PNG\r\n\x1a\n";
    for (bytes, expected) in [
        (&b""[..], "it is empty"),
        (b" \n\n", "it is empty"),
        (&gzip(""), "it is empty"),
        (zip, "a ZIP archive"),
        (png, "a PNG picture"),
        (b"PAR1\x15\0", "a Parquet file"),
        (b"\xd4\xc3\xb2\xa1\x02\0", "a capture of packets"),
        (b"BZh91AY&SY\0", "bzip2 -dc"),
        (b"\xfd7zXZ\0\0", "xz -dc"),
        (b"a\0\x01\x02", "a binary file"),
        (b"<!DOCTYPE html>\n<html>", "a page of HTML"),
        (b"<?xml version=\"1.0\"?><Error/>", "a document of XML"),
        (b"\nAn error occurred (AccessDeniedException) when calling the FilterLogEvents operation: no", "the AWS CLI has printed"),
        (b"Unable to locate credentials. You can configure credentials by running \"aws configure\".", "the AWS CLI has printed"),
        (b"--------------------------\n|    FilterLogEvents     |\n+----+", "--output json"),
        (b"version account-id interface-id srcaddr\n2 1 eni-1 x", "a VPC flow log"),
        (b"2 210987654321 eni-0a1b 198.51.100.23 203.0.113.7 443 49152 6 10 840 1 2 ACCEPT OK", "a VPC flow log"),
        (b"#Version: 1.0\n#Fields: date time", "CloudFront"),
        (b"h2 2026-11-22T15:40:01.123456Z app/lb/50dc 198.51.100.23:4711 203.0.113.7:80 0.0", "a load balancer"),
        (b"(11111111-2222-3333-4444-555555555555) Extended Request Id: x=\n(11111111-2222-3333-4444-555555555555) Verifying Usage Plan", "an execution log"),
        (b"2026-11-22T15:40:01.000000+00:00 s (11111111-2222-3333-4444-555555555555) Method request body: {}\n", "an execution log"),
        (b"START RequestId: 11111111-2222-3333-4444-555555555555 Version: $LATEST", "a Lambda function"),
        (br#"{"openapi":"3.0.1","info":{"title":"t"},"paths":{}}"#, "--spec"),
        (b"swagger: '2.0'\ninfo:\n", "--spec"),
        (br#"{"items":[{"id":"1","path":"/","resourceMethods":{"GET":{}}}]}"#, "--spec"),
        (br#"{"Items":[{"RouteKey":"GET /a"}]}"#, "--spec"),
        (br#"{"item":[{"deploymentId":"1","stageName":"prod"}]}"#, "cw-resend check"),
        (br#"{"log":{"version":"1.2","creator":{"name":"x"},"entries":[]}}"#, "a HAR file"),
        (br#"{"Records":[{"eventVersion":"1.08","userIdentity":{},"eventSource":"s3.amazonaws.com"}]}"#, "CloudTrail"),
        (br#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","s3":{"s3SchemaVersion":"1.0"}}]}"#, "a notification of S3"),
        (br#"{"logGroups":[{"logGroupName":"x"}]}"#, "filter-log-events"),
        (br#"{"queryId":"1"}"#, "get-query-results"),
        (br#"{"results":[[{"field":"count(*)","value":"3"}]],"status":"Complete"}"#, "@message"),
        (br#"[{"name":"x"}]"#, "JSON that is no log"),
        (br#"["a","b"]"#, "JSON that is no log"),
        (b"# Readme\n\nThis is a text.\n", "a text that is no log"),
    ] {
        let (lines, told) = collect(bytes);
        let name = bytes.escape_ascii();
        assert!(lines.is_empty(), "{name}: {lines:?}");
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        assert!(told[0].contains(expected), "{name}: {told:?}");
    }
}

#[test]
fn no_log_events_are_no_fault() {
    for text in [
        "Permission Check Successful",
        r#"{"events":[],"searchedLogStreams":[]}"#,
        r#"{"results":[],"statistics":{},"status":"Complete"}"#,
        r#"{"Messages":[]}"#,
        r#"{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":[]}"#,
        "timestamp,message\r\n",
        "events: []\n",
    ] {
        assert_eq!(collect(text.as_bytes()), (vec![], vec![]), "{text}");
    }
}

#[test]
fn what_came_before_a_fault_counts() {
    let all = json!({"events": values(filtered)}).to_string();
    let lines = each(|n| line(n) + "\n");
    let mut long = "x".repeat(buffer::MAX_LINE + 1);
    long.insert_str(0, &format!("{}\n", line(0)));
    long.push_str(&format!("\n{}\n", line(1)));
    let mut stored = gzip(&lines);
    let end = stored.len() - 5;
    stored[end] ^= 1;
    let half = all.rfind("/prod/pets/2").unwrap();
    for (name, bytes, count, expected) in [
        ("a document ends early", &all.as_bytes()[..half], 2, "broken JSON at byte"),
        ("a document in another", format!("{}\n{}", &all[..half], all).as_bytes(), 5, "broken JSON"),
        ("an error of the CLI between pages", format!("{all}\n\nAn error occurred (ThrottlingException) when calling\n\n{all}").as_bytes(), 6, "an error that the AWS CLI"),
        ("gzip with a wrong checksum", &stored, 3, "checksum"),
        ("gzip, then something", &[gzip(&lines), b"rest".to_vec()].concat(), 3, "bytes follow the end"),
        ("a line that is too long", long.as_bytes(), 2, "1 lines of more than 1 MiB were passed over, the first at line 2"),
        ("an event that is none", format!("{}\n{}", event(0), r#"{"awslogs":{"data":"?"}}"#).as_bytes(), 1, "not base64 at offset 0"),
        ("a queue with another message", json!({"Messages": [{"MessageId": "1", "Body": failure(0).to_string()}, {"MessageId": "2", "Body": "{\"awslogs\":{\"data\":\"?\"}}"}]}).to_string().as_bytes(), 1, "not base64"),
        ("a stream's record", format!("{}\n{}", failure(0), json!({"KinesisBatchInfo": {"shardId": "s"}})).as_bytes(), 1, "still in the stream"),
        ("a quote without an end", format!("timestamp,message\n{T},{}\n{T},\"{}", csv_cell(&line(0)), "x".repeat(6 * buffer::MAX_LINE)).as_bytes(), 1, "a quote in it may have no end"),
        ("YAML", format!("events:\n- message: '{}'\n- message: \"\n- message: '{}'\n", line(0), line(1)).as_bytes(), 2, "broken YAML in the element at line 3"),
    ] {
        let (lines, told) = collect(bytes);
        assert_eq!(lines.len(), count, "{name}: {told:?}");
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        assert!(told[0].contains(expected), "{name}: {told:?}");
    }
}

#[test]
fn of_what_is_compressed_and_ends_early_the_whole_lines_count() {
    // What does not compress is not held back.
    let mut random = Random(7);
    let lines: Vec<String> = (0..20_000)
        .map(|_| format!("{{\"path\":\"/{:x}{:x}\"}}\n", random.next(), random.next()))
        .collect();
    let lines = lines.concat();
    let zstd = ruzstd::encoding::compress_to_vec(
        lines.as_bytes(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    for (bytes, place) in [(gzip(&lines), "compressed byte"), (zstd, "frame 1 of zstd")] {
        let (whole, told) = collect(&bytes);
        assert_eq!((whole.len(), told), (20_000, vec![]));
        let (some, told) = collect(&bytes[..bytes.len() * 3 / 4]);
        assert_eq!(some[..], whole[..some.len()]);
        assert!(some.len() < 20_000 && !some.is_empty());
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(place), "{told:?}");
        assert!(
            told[0].contains(&format!("{} whole lines, was read", some.len())),
            "{told:?}"
        );
    }
}

#[test]
fn frames_of_zstd_are_joined() {
    let frame = |text: &str| {
        ruzstd::encoding::compress_to_vec(
            text.as_bytes(),
            ruzstd::encoding::CompressionLevel::Fastest,
        )
    };
    let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    let text = line(0) + "\n" + &line(1);
    let (first, rest) = text.split_at(40);
    let bytes = [
        skipped.clone(),
        frame(first),
        skipped,
        frame(rest),
        frame("\n"),
        frame(&line(2)),
    ]
    .concat();
    let (lines, told) = collect(&bytes);
    assert_eq!(told, [""; 0]);
    assert_eq!(
        paths(&lines),
        ["/prod/pets/0", "/prod/pets/1", "/prod/pets/2"]
    );
}

/// What is larger than what is read whole is read part by part, with what stands around the parts.
#[test]
fn large_documents_are_read_part_by_part() {
    const COUNT: u32 = 2_000;
    // Few and long ones are read soon.
    let pad = "x".repeat(2_500);
    let data: Vec<String> = (0..3).map(data).collect();
    let events = (0..COUNT).map(|n| {
        let mut event = filtered(n % 3);
        event["ingestionTime"] = json!(pad);
        event.to_string()
    });
    let events = events.collect::<Vec<_>>().join(",");
    let group = r#""messageType":"DATA_MESSAGE","logGroup":"g","logStream":"t""#;
    let records = (0..COUNT).map(|n| {
        json!({"kinesis": {"sequenceNumber": "7", "partitionKey": pad, "data": data[n as usize % 3]}})
            .to_string()
    });
    let records = records.collect::<Vec<_>>().join(",");
    for (text, count) in [
        (
            format!(r#"{{"events":[{events}],"searchedLogStreams":[]}}"#),
            COUNT,
        ),
        (
            format!(r#"[{{"events":[{events}]}},{{"events":[]}}]"#),
            COUNT,
        ),
        (format!(r#"{{{group},"logEvents":[{events}]}}"#), COUNT),
        (
            format!(r#"{{"requestPayload":{{"Records":[{records}]}}}}"#),
            COUNT,
        ),
    ] {
        assert!(text.len() > 4 << 20);
        let (lines, told) = collect(text.as_bytes());
        let begin = &text[..60];
        assert_eq!(told, [""; 0], "{begin}");
        assert_eq!(lines.len(), count as usize, "{begin}");
        let group = text.contains("logGroup").then(|| "g".to_owned());
        assert!(
            lines
                .iter()
                .all(|got| got.log_group == group || text.contains("kinesis")),
            "{begin}"
        );
        assert!(lines.iter().all(|got| got.id.is_some()), "{begin}");
    }
}

/// A page of messages in one line is longer than a line of a log may be.
#[test]
fn messages_with_tabs_between_are_read_however_many_there_are() {
    const COUNT: u32 = 10_000;
    let text = (0..COUNT)
        .map(|n| line(n % 3))
        .collect::<Vec<_>>()
        .join("\t");
    assert!(text.len() > buffer::MAX_LINE);
    let (lines, told) = collect(format!("{text}\n{}\n", line(0)).as_bytes());
    assert_eq!(told, [""; 0]);
    assert_eq!(lines.len(), COUNT as usize + 1);
    assert!(
        paths(&lines)
            .iter()
            .all(|path| path.starts_with("/prod/pets/"))
    );
}

/// Xorshift, which is enough to choose cuts by.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }
}

/// Whatever the bytes are, reading them ends, and hands out no more than they can hold.
#[test]
fn any_bytes_are_read_to_their_end() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let forms = forms();
    for (name, bytes) in &forms {
        for _ in 0..4 {
            let mut bytes = bytes.clone();
            match random.below(4) {
                0 => bytes.truncate(random.below(bytes.len())),
                1 => {
                    let at = random.below(bytes.len());
                    bytes[at] = u8::try_from(random.below(256)).unwrap();
                }
                2 => {
                    let (from, to) = (random.below(bytes.len()), random.below(bytes.len()));
                    bytes.drain(from.min(to)..from.max(to));
                }
                _ => {
                    let (_, other) = &forms[random.below(forms.len())];
                    let (from, to) = (random.below(bytes.len()), random.below(other.len()));
                    bytes.truncate(from);
                    bytes.extend_from_slice(&other[to..]);
                }
            }
            let (lines, _) = collect_any(&bytes);
            assert!(lines.len() <= 100, "{name}: {}", lines.len());
        }
    }
    for _ in 0..200 {
        let length = random.below(300);
        let alphabet = b"{}[]\",:\\n \t\n1-eventsmessage\x1f\x8b\x28\xb5\x2f\xfd\xff\xfe\0";
        let bytes: Vec<u8> = (0..length)
            .map(|_| alphabet[random.below(alphabet.len())])
            .collect();
        collect_any(&bytes);
    }
    // Brackets nest as deep as somebody wants them to.
    for begin in [
        "[",
        "{\"events\":[",
        "{\"message\":",
        "{\"a\":{\"message\":\"",
    ] {
        collect_any(begin.repeat(20_000).as_bytes());
    }
}

/// The same as [`collect`], where a path may be part of what is told of the bytes that were broken.
fn collect_any(bytes: &[u8]) -> (Vec<Got>, Vec<String>) {
    let mut lines = Collect::default();
    let reader: Bytes<'_> = Box::new(Cursor::new(bytes));
    let ended = read_file(reader, "f", &mut Documents::new(), &mut lines).unwrap();
    (lines.0, ended.told)
}

#[test]
fn errors_of_the_sink_end_the_reading() {
    struct Stop(u64);
    impl Sink for Stop {
        fn begin(&mut self) {}

        fn line(&mut self, _: &Line<'_>) -> Result<(), CommandError> {
            self.0 += 1;
            Err(CommandError::new("stop"))
        }
    }
    for (name, bytes) in forms() {
        let mut sink = Stop(0);
        let read = read_file(
            Box::new(Cursor::new(&bytes)),
            "f",
            &mut Documents::new(),
            &mut sink,
        );
        assert!(read.is_err(), "{name}");
        assert_eq!(sink.0, 1, "{name}");
    }
}
