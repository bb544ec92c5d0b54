//! The event that waits for a healthy Node, as Terraform sends it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use cw_resend_lambda::standin::cloudwatch::wrap;
use serde_json::{Value, json};

use crate::batches::{batch, failure, message};
use crate::harness::{Failed, Function, event_of, event_of_calls, node};
use crate::metrics::filtered;
use crate::records::{firehose, kinesis};
use crate::tls::{authority, behind, server_config};

const MINUTE: Duration = Duration::from_secs(60);

fn wait(members: &Value) -> Vec<u8> {
    json!({ "waitForNode": members }).to_string().into_bytes()
}

/// A server that hands out what came. It has a response for so many connections, and none for those after them.
fn server(responses: &'static [&'static str]) -> (String, mpsc::Receiver<String>) {
    let (url, listener) = silent();
    let (came, seen) = mpsc::channel();
    thread::spawn(move || {
        for response in responses {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = came.send(head(&mut stream));
            stream.write_all(response.as_bytes()).unwrap();
        }
        drop(came);
        thread::sleep(MINUTE);
        drop(listener);
    });
    (url, seen)
}

/// A server that takes connections, and reads nothing.
fn silent() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (
        format!("http://{}", listener.local_addr().unwrap()),
        listener,
    )
}

fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).unwrap()
}

const UNAVAILABLE: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// The error of a wait that fails, of which the line has no count.
fn failed(url: &str, vars: &[(&str, &str)], members: &Value) -> Failed {
    let vars = [&[("X_NODE_URL", url)], vars].concat();
    let function = Function::start_with(&vars);
    let (result, report) = function.outcome_of(|| function.begin(&wait(members), MINUTE));
    let failed = result.unwrap_err();
    assert_eq!(report["level"], "ERROR");
    assert_eq!(report["message"], "event failed");
    assert_eq!(report["errorType"], failed.error_type);
    assert_eq!(report["errorMessage"], failed.message);
    assert_no_metric(&report);
    failed
}

/// Neither CloudWatch nor a filter of Terraform's makes a metric of this line.
#[track_caller]
fn assert_no_metric(line: &Value) {
    assert!(line.get("_aws").is_none(), "{line}");
    assert!(filtered(line).is_empty(), "{line}");
}

#[test]
fn a_healthy_node_is_a_success_at_once() {
    let node = node();
    for form in ["metrics", "compact"] {
        let function = Function::start(&node, &[("X_REPORT_LINE", form)]);
        for members in [
            json!({}),
            json!({"path": "/wallarm-external-health", "seconds": 840, "revision": "sha256:1"}),
            json!({"seconds": 0}),
        ] {
            let (result, mut line) =
                function.outcome_of(|| function.begin(&wait(&members), MINUTE));
            assert_eq!(
                result.unwrap(),
                json!({"node": "healthy", "attempts": 1, "seconds": 0})
            );
            assert_no_metric(&line);
            let line = line.as_object_mut().unwrap();
            assert!(line.remove("timestamp").is_some() && line.remove("requestId").is_some());
            assert_eq!(
                *line,
                *json!({"level": "INFO", "message": "node healthy", "attempts": 1, "seconds": 0})
                    .as_object()
                    .unwrap()
            );
        }
        // Nothing has changed for lines.
        assert_eq!(
            function.invoke(&event_of_calls(1), MINUTE).unwrap()["forwarded"],
            1
        );
    }
    let snapshot = node.snapshot();
    assert_eq!((snapshot.distinct, snapshot.violation_count), (1, 0));
}

#[test]
fn the_health_check_is_asked_again_until_the_node_is_healthy() {
    let (url, seen) = server(&[UNAVAILABLE, OK]);
    let headers = ("X_NODE_HEADERS", r#"{"X-Team":"payments"}"#);
    let function = Function::start_with(&[("X_NODE_URL", &url), headers]);
    let event = wait(&json!({"path": "/live?a=%20"}));
    let began = Instant::now();
    let result = function.invoke(&event, MINUTE).unwrap();
    assert_eq!(
        (&result["node"], &result["attempts"]),
        (&json!("healthy"), &json!(2))
    );
    assert!(result["seconds"].as_u64() >= Some(5), "{result}");
    assert!(began.elapsed() >= Duration::from_secs(5));
    let host = url.strip_prefix("http://").unwrap();
    let expected = format!(
        "GET /live?a=%20 HTTP/1.1\r\nHost: {host}\r\nUser-Agent: cw-resend-lambda\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(seen.iter().collect::<Vec<_>>(), [&*expected, &*expected]);
}

/// The attempt that the end cuts off says less than the one before it.
#[test]
fn a_wait_ends_with_its_seconds() {
    let (url, _seen) = server(&[UNAVAILABLE]);
    let failed = failed(&url, &[], &json!({"seconds": 6}));
    assert_eq!(failed.error_type, "Function.NodeNotHealthy");
    let expected = format!(
        "failed to wait for the Node: no healthy response from {url} in 6 s and 2 attempts; the last reason: status 503: \
         the load balancer has no healthy Node behind it; if ECS runs the Node, the events of its service and the \
         Node's log group say why"
    );
    assert_eq!(failed.message, expected);
}

#[test]
fn why_the_node_is_not_healthy_is_told_with_what_to_do() {
    let where_to_look =
        "; if ECS runs the Node, the events of its service and the Node's log group say why";
    let closed = silent().0;
    let (silent, _listener) = silent();
    let secure = behind(server_config(&authority(), "localhost", false));
    let secure = format!("localhost:{}", secure.address().port());
    let time = ("X_NODE_TIMEOUT_MS", "300");
    let not_found = server(&["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]).0;
    let moved =
        server(&["HTTP/1.1 301 Moved\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n"]).0;
    let garbage = server(&["SSH-2.0-OpenSSH_9.6\r\n\r\n"]).0;
    for (url, vars, words, is_of_the_node) in [
        (
            &closed,
            &[][..],
            "in 0 s and 1 attempt; the last reason: nothing listens at the Node's address and port",
            true,
        ),
        (
            &silent,
            &[time],
            "there was no response in X_NODE_TIMEOUT_MS",
            true,
        ),
        (
            &"http://node.invalid".to_string(),
            &[],
            "the look-up of the Node's name failed",
            true,
        ),
        (
            &not_found,
            &[],
            "status 404: something else than a Node's health check is there",
            false,
        ),
        (
            &moved,
            &[],
            "status 301: the address is another program's, or of another scheme",
            false,
        ),
        (
            &garbage,
            &[],
            "does not begin with an HTTP/1.x status line",
            false,
        ),
        (
            &secure,
            &[],
            "set X_NODE_CA_CERT to the authority's certificate",
            false,
        ),
    ] {
        let failed = failed(url, vars, &json!({"seconds": 0}));
        assert_eq!(failed.error_type, "Function.NodeNotHealthy");
        let begin = "failed to wait for the Node: no healthy response from ";
        assert!(failed.message.starts_with(begin), "{failed:?}");
        assert!(failed.message.contains(words), "{failed:?}");
        assert_eq!(
            failed.message.ends_with(where_to_look),
            is_of_the_node,
            "{failed:?}"
        );
    }
}

/// Lambda would end the process, and nobody would learn the reason.
#[test]
fn a_wait_never_goes_past_the_deadline() {
    let (url, _listener) = silent();
    let function = Function::start_with(&[("X_NODE_URL", &url)]);
    let time = Duration::from_secs(2);
    let began = Instant::now();
    let failed = function.invoke(&wait(&json!({})), time).unwrap_err();
    assert!(began.elapsed() < time, "{:?}", began.elapsed());
    assert_eq!(failed.error_type, "Function.NodeNotHealthy");
    assert!(
        failed.message.contains(
            "in 1 s and 1 attempt, as long as the function's timeout allows; the last reason: timed out"
        ),
        "{failed:?}"
    );
}

#[test]
fn what_is_wrong_with_the_event_has_an_error_of_its_own() {
    for (members, words) in [
        (json!("/live"), "waitForNode must be an object"),
        (json!({"timeout": 1}), "none of path, seconds and revision"),
        (
            json!({"path": "live"}),
            "waitForNode.path must begin with /",
        ),
        (
            json!({"path": "/a\r\nX: y"}),
            "waitForNode.path must begin with /",
        ),
        (
            json!({"seconds": 901}),
            "waitForNode.seconds must be a whole number from 0 to 900",
        ),
        (
            json!({"revision": 1}),
            "waitForNode.revision must be a text",
        ),
    ] {
        let failed = failed("http://node.invalid", &[], &members);
        assert_eq!(failed.error_type, "Function.WaitInvalid");
        assert!(
            failed
                .message
                .starts_with("failed to read the event: waitForNode"),
            "{failed:?}"
        );
        assert!(failed.message.contains(words), "{failed:?}");
    }
}

/// Only the invocation's own JSON is looked at, so that nobody who is logged can have the function wait.
#[test]
fn no_line_no_message_and_no_record_is_such_an_event() {
    let node = node();
    let function = Function::start(&node, &[]);
    let asked = wait(&json!({}));
    let text = std::str::from_utf8(&asked).unwrap();
    let payload: Value = serde_json::from_slice(&asked).unwrap();
    let failed_event = failure("r", &payload);
    let notification = json!({"Type": "Notification", "Message": text}).to_string();
    for event in [
        event_of([text]),
        wrap(&asked),
        kinesis(&[&asked]),
        firehose(&[&asked]),
        batch(&[message(1, text, json!({}))]),
        batch(&[message(1, &failed_event, json!({}))]),
        failed_event.into_bytes(),
        notification.into_bytes(),
        json!({"detail": payload, "detail-type": "x"})
            .to_string()
            .into_bytes(),
    ] {
        let (result, line) = function.outcome_of(|| function.begin(&event, MINUTE));
        if let Ok(body) = result {
            assert!(body.get("node").is_none(), "{body}");
        }
        assert!(
            line["message"] != "node healthy" && line.get("attempts").is_none(),
            "{line}"
        );
        assert!(line["recordsReceived"].is_number(), "{line}");
    }
    // Beside a document, it is a member like any other.
    let mut event: Value = serde_json::from_slice(&event_of_calls(1)).unwrap();
    event["waitForNode"] = json!({});
    let result = function.invoke(event.to_string().as_bytes(), MINUTE);
    assert_eq!(result.unwrap()["forwarded"], 1);
}
