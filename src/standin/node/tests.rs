use std::{
    io::ErrorKind,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::standin::port::Port;

fn start(options: Options) -> StandInNode {
    StandInNode::start("127.0.0.1:0", options).unwrap()
}

fn request(method: &str, path: &str, id: &str) -> String {
    let length = if method == "POST" {
        "Content-Length: 0\r\n"
    } else {
        ""
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: api.example.com\r\nX-Request-Id: {id}\r\n\
         X-Wallarm-Application-Id: -1\r\nX-Wallarm-Message: request\r\n{length}\r\n"
    )
}

fn with_body(path: &str, id: &str, kind: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: api.example.com\r\nX-Request-Id: {id}\r\n\
         X-Wallarm-Application-Id: -1\r\nX-Wallarm-Message: {kind}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn response(path: &str, id: &str, status: u16) -> String {
    with_body(
        path,
        id,
        "response",
        &format!(r#"{{"requestId":"r","status":{status},"responseLatency":12}}"#),
    )
}

fn batch(records: &str) -> String {
    let body = format!(
        r#"{{"source":{{"account":"1","logGroup":"g","logStream":"s"}},"applicationId":-1,"records":[{records}]}}"#
    );
    with_body("/batch", "b", "batch", &body)
}

/// Sends everything at once, closes our side and returns everything that comes back.
fn exchange(node: &StandInNode, messages: &[String]) -> String {
    let mut client = TcpStream::connect(node.address()).unwrap();
    client.write_all(messages.concat().as_bytes()).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut responses = Vec::new();
    // A dropped connection may show as a reset.
    let _ = client.read_to_end(&mut responses);
    String::from_utf8_lossy(&responses).into_owned()
}

fn statuses(responses: &str) -> Vec<&str> {
    let lines = responses.split("\r\n");
    lines
        .filter_map(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3))
        .collect()
}

/// Each case: messages, the statuses of the responses to them, and (distinct, repeated, unpaired, violations).
fn check(messages: &[String], expected: &[&str], counters: (u64, u64, u64, u64)) {
    let node = start(Options::default());
    assert_eq!(statuses(&exchange(&node, messages)), expected);
    let seen = node.snapshot();
    let actual = (
        seen.distinct,
        seen.repeated,
        seen.unpaired,
        seen.violation_count,
    );
    assert_eq!(actual, counters, "{:?}", seen.violations);
}

#[test]
fn pairs() {
    let (get, ok) = (request("GET", "/a", "1"), response("/a", "1", 200));
    check(&[get.clone(), ok.clone()], &["200"; 2], (1, 0, 0, 0));
    check(
        &[request("HEAD", "/a", "1"), ok.clone()],
        &["200"; 2],
        (1, 0, 0, 0),
    );
    check(std::slice::from_ref(&get), &["200"], (0, 0, 1, 0));
    check(std::slice::from_ref(&ok), &["400"], (0, 0, 0, 1));
    check(&[ok.clone(), get.clone()], &["400", "200"], (0, 0, 1, 1));
    check(
        &[get.clone(), get.clone(), ok.clone()],
        &["200"; 3],
        (1, 0, 0, 0),
    );
    check(
        &[get.clone(), ok.clone(), ok.clone()],
        &["200"; 3],
        (1, 0, 0, 0),
    );
    let twice = [get.clone(), ok.clone(), get.clone(), ok.clone()];
    check(&twice, &["200"; 4], (1, 1, 0, 0));
    let (post, other) = (request("POST", "/b", "2"), response("/b", "2", 500));
    let mixed = [get.clone(), post, ok.clone(), other];
    check(&mixed, &["200"; 4], (2, 0, 0, 0));
    check(
        &[get.clone(), request("PUT", "/a", "1")],
        &["200", "400"],
        (0, 0, 1, 1),
    );
    check(
        &[get.clone(), request("GET", "/b", "1")],
        &["200", "400"],
        (0, 0, 1, 1),
    );
    check(
        &[get.clone(), response("/b", "1", 200)],
        &["200", "400"],
        (0, 0, 1, 1),
    );
    check(
        &[get, ok, response("/a", "1", 201)],
        &["200", "200", "400"],
        (1, 0, 0, 1),
    );
}

#[test]
fn batches() {
    let record = r#"{"id":"1","method":"GET","host":"h","path":"/a b","status":200,"timestamp":1}"#;
    check(&[batch("")], &["200"], (0, 0, 0, 0));
    check(&[batch(record)], &["200"], (1, 0, 0, 0));
    check(&[batch(record), batch(record)], &["200"; 2], (1, 1, 0, 0));
    check(
        &[batch(record), batch(&record.replace("200", "201"))],
        &["200", "400"],
        (1, 0, 0, 1),
    );
    for wrong in [
        r#"{"id":"1","method":"GET","host":"h"}"#.to_owned(),
        record.replace("\"1\"", "\"\""),
        record.replace("GET", "G T"),
        record.replace("\"h\"", "\"\""),
        record.replace("/a b", "a"),
        record.replace("200", "\"200\""),
        record.replace("200", "null"),
        record.replace("200", "20"),
        record.replace("timestamp", "unknown"),
        record.replace("\"status\":200", "\"id\":\"2\""),
        format!("{record},"),
    ] {
        check(&[batch(&wrong)], &["400"], (0, 0, 0, 1));
    }
    let elsewhere = batch(record).replace("Application-Id: -1", "Application-Id: 7");
    check(&[elsewhere], &["400"], (0, 0, 0, 1));
}

#[test]
fn violations_of_messages_keep_the_connection() {
    let get = request("GET", "/a", "1");
    let valid = response("/a", "1", 200);
    for wrong in [
        get.replace("X-Request-Id: 1\r\n", ""),
        get.replace("X-Request-Id: 1", "X-Request-Id:"),
        get.replace("X-Wallarm-Application-Id: -1\r\n", ""),
        get.replace("Application-Id: -1", "Application-Id: x"),
        get.replace("X-Wallarm-Message: request\r\n", ""),
        get.replace("Message: request", "Message: ü"),
        get.replace("Message: request", "Message: other"),
        get.replace("/a", "/a?b"),
        get.replace("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\nx"),
        valid.replace("POST", "PUT"),
        valid.replace("application/json", "text/plain"),
        with_body("/a", "1", "response", ""),
        with_body("/a", "1", "response", "[]"),
        with_body("/a", "1", "response", "{} x"),
        with_body("/a", "1", "response", r#"{"status":"200"}"#),
        with_body("/a", "1", "response", r#"{"status":1.5}"#),
        with_body("/a", "1", "response", r#"{"stage":null}"#),
        with_body("/a", "1", "response", r#"{"stage":"a","stage":"a"}"#),
        with_body("/a", "1", "response", r#"{"unknown\u001b[2J":1}"#),
    ] {
        let node = start(Options::default());
        let responses = exchange(&node, &[wrong.clone(), request("GET", "/b", "2")]);
        assert_eq!(statuses(&responses), ["400", "200"], "{wrong}");
        let seen = node.snapshot();
        assert_eq!((seen.violation_count, seen.violations.len()), (1, 1));
        assert!(!seen.violations[0].contains(char::is_control));
    }
}

#[test]
fn violations_of_http_close_the_connection() {
    let node = start(Options::default());
    let bad = "GET / HTTP/1.0\r\n\r\n".to_owned();
    let responses = exchange(
        &node,
        &[request("GET", "/a", "1"), bad, request("GET", "/b", "2")],
    );
    assert_eq!(statuses(&responses), ["200", "400"]);
    assert!(responses.contains("Connection: close"));
    assert_eq!(statuses(&exchange(&node, &["GET /".to_owned()])), [""; 0]);
    let seen = node.snapshot();
    assert_eq!(
        (seen.violation_count, seen.connections, seen.unpaired),
        (2, 2, 1)
    );
}

#[test]
fn response_may_come_on_another_connection() {
    let node = start(Options::default());
    exchange(&node, &[request("GET", "/pets/7", "1")]);
    exchange(&node, &[response("/pets/7", "1", 404)]);
    assert_eq!(node.deliveries(), BTreeMap::from([("1".to_owned(), 1)]));
    let mut calls = 0;
    node.each_call(&mut |call, _| {
        calls += 1;
        assert_eq!((call.method, call.path), ("GET", "/pets/7"));
        assert_eq!((call.status, call.latency_ms), (Some(404), Some(12)));
    });
    assert_eq!(calls, 1);
}

#[test]
fn refusal_covers_the_pipelined_response() {
    let first = AtomicBool::new(true);
    let node = start(Options::with_fault(move |message, nth| {
        assert_eq!(message.request_id(), Some("1"));
        if nth == 1 && first.swap(false, Ordering::SeqCst) {
            Fault::status(503)
                .with_header("Retry-After", "1")
                .with_body("later\r\n")
        } else {
            Fault::none()
        }
    }));
    let pair = [request("GET", "/a", "1"), response("/a", "1", 200)];
    let responses = exchange(&node, &pair);
    assert_eq!(statuses(&responses), ["503", "503"]);
    assert!(responses.contains("Retry-After: 1\r\nContent-Length: 7\r\n\r\nlater"));
    let seen = node.snapshot();
    assert_eq!(
        (seen.refused, seen.unpaired, seen.violation_count),
        (2, 0, 0)
    );
    assert_eq!(statuses(&exchange(&node, &pair)), ["200"; 2]);
    assert_eq!(node.snapshot().distinct, 1);
}

#[test]
fn shapes_end_the_connection_as_they_say() {
    let pair = || [request("GET", "/a", "1"), response("/a", "1", 200)];
    for (shape, expected, unpaired, distinct) in [
        (Shape::Close, vec!["200"], 1, 0),
        (Shape::CloseSilently, vec!["200"], 1, 0),
        (Shape::Drop, vec![], 0, 0),
        (Shape::Half, vec!["200"], 1, 0),
        (Shape::Garbage, vec![], 1, 0),
        (Shape::Chunked, vec!["200", "200"], 0, 1),
        (Shape::Interim, vec!["103", "200", "200"], 0, 1),
    ] {
        let node = start(Options::with_fault(move |_, nth| {
            if nth == 1 {
                Fault::shape(shape)
            } else {
                Fault::none()
            }
        }));
        assert_eq!(statuses(&exchange(&node, &pair())), expected, "{shape:?}");
        let seen = node.snapshot();
        let actual = (seen.unpaired, seen.distinct, seen.violation_count);
        assert_eq!(actual, (unpaired, distinct, 0), "{shape:?}");
    }
}

#[test]
fn a_reset_comes_after_a_whole_response() {
    let node = start(Options::with_fault(|_, _| Fault::shape(Shape::Reset)));
    let mut client = TcpStream::connect(node.address()).unwrap();
    client
        .write_all(request("GET", "/a", "1").as_bytes())
        .unwrap();
    let mut received = [0; 38];
    client.read_exact(&mut received).unwrap();
    assert!(received.ends_with(b"\r\n\r\n"));
    client.write_all(b"P").unwrap();
    // A graceful close would leave our direction open for longer.
    let start = Instant::now();
    let reset = loop {
        if let Err(error) = client.write_all(b"O") {
            break error.kind();
        }
        assert!(start.elapsed() < Duration::from_secs(1));
    };
    assert!(
        matches!(reset, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        "{reset:?}"
    );
}

#[test]
fn responses_before_a_delayed_one_are_not_held_back() {
    let node = start(Options::with_fault(|_, nth| match nth {
        2 => Fault::delay(Duration::from_secs(60)),
        _ => Fault::none(),
    }));
    let mut client = TcpStream::connect(node.address()).unwrap();
    let pair = [request("GET", "/a", "1"), response("/a", "1", 200)].concat();
    client.write_all(pair.as_bytes()).unwrap();
    let mut received = [0; 38];
    client.read_exact(&mut received).unwrap();
    assert!(received.ends_with(b"\r\n\r\n"));

    let start = Instant::now();
    drop(node);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(!matches!(client.read(&mut received), Ok(1..)));
}

#[test]
fn killed_node_keeps_its_state_and_counts_no_violation() {
    let port = Port::new();
    let mut node = StandInNode::start(port.address, Options::default()).unwrap();
    let mut client = TcpStream::connect(node.address()).unwrap();
    let cut = [request("GET", "/a", "1").as_str(), "POST /a HT"].concat();
    client.write_all(cut.as_bytes()).unwrap();
    client.read_exact(&mut [0; 38]).unwrap();
    node.stop();
    let seen = node.snapshot();
    assert_eq!((seen.unpaired, seen.violation_count), (1, 0));
    assert!(TcpStream::connect(node.address()).is_err());
}

#[test]
fn restarted_node_remembers() {
    let port = Port::new();
    let mut node = StandInNode::start(port.address, Options::default()).unwrap();
    exchange(&node, &[request("GET", "/a", "1")]);
    node.restart().unwrap();
    exchange(&node, &[response("/a", "1", 200)]);
    let seen = node.snapshot();
    assert_eq!(
        (seen.distinct, seen.violation_count, seen.connections),
        (1, 0, 2)
    );
}

#[test]
fn client_may_ask_for_the_end_of_the_connection() {
    let node = start(Options::default());
    let last = request("GET", "/a", "1").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let responses = exchange(&node, &[last, request("GET", "/b", "2")]);
    assert_eq!(statuses(&responses), ["200"]);
    assert!(responses.contains("Connection: close"));
}

#[test]
fn wrapped_streams_are_served() {
    /// A stand-in for TLS: every byte has one bit flipped.
    struct Flipped(TcpStream);
    impl Read for Flipped {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(buffer)?;
            buffer[..count].iter_mut().for_each(|byte| *byte ^= 0x80);
            Ok(count)
        }
    }
    impl Write for Flipped {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            let flipped: Vec<u8> = buffer.iter().map(|byte| byte ^ 0x80).collect();
            self.0.write(&flipped)
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }
    let node = start(Options {
        wrap: Some(Arc::new(|socket| Ok(Box::new(Flipped(socket))))),
        ..Options::default()
    });
    let mut client = Flipped(TcpStream::connect(node.address()).unwrap());
    client
        .write_all(request("GET", "/a", "1").as_bytes())
        .unwrap();
    let mut received = [0; 38];
    client.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn many_connections_at_once() {
    const PAIRS: usize = 500;
    let node = start(Options::default());
    thread::scope(|scope| {
        for worker in 0..4 {
            let node = &node;
            scope.spawn(move || {
                let pair = |i: usize| {
                    let id = format!("{worker}-{i}");
                    [request("GET", "/a/1", &id), response("/a/1", &id, 200)].concat()
                };
                let messages: Vec<String> = (0..PAIRS).map(pair).collect();
                assert_eq!(statuses(&exchange(node, &messages)).len(), 2 * PAIRS);
            });
        }
    });
    let seen = node.snapshot();
    assert_eq!(
        (seen.distinct, seen.unpaired, seen.violation_count),
        (2000, 0, 0)
    );
    assert!(node.deliveries().values().all(|&whole| whole == 1));
}

#[test]
fn what_arrives_is_told_in_its_order() {
    let (sender, seen) = std::sync::mpsc::channel();
    let node = start(Options {
        watch: Some(Arc::new(move |seen| sender.send(seen).unwrap())),
        remembers: Some(2),
        ..Options::default()
    });
    let mut messages = Vec::new();
    for id in ["1", "2", "3", "4", "4"] {
        messages.push(request("GET", &format!("/{id}"), id));
        messages.push(response(&format!("/{id}"), id, 200));
    }
    messages.push("GET / HTTP/1.1\r\nHost: a\r\n\r\n".into());
    exchange(&node, &messages);
    let mut told = Vec::new();
    for seen in seen.try_iter() {
        match seen {
            Seen::Message(_) => {}
            Seen::Record(record) => told.push(format!("{} {}", record.path, record.is_repeated)),
            Seen::Violation(_) => told.push("wrong".into()),
        }
    }
    assert_eq!(
        told,
        [
            "/1 false", "/2 false", "/3 false", "/4 false", "/4 true", "wrong"
        ]
    );
    // Records that are forgotten count as before.
    let now = node.snapshot();
    assert_eq!((now.distinct, now.repeated, now.unpaired), (4, 1, 0));
}

#[test]
fn any_message_is_taken_where_that_is_asked_for() {
    let node = start(Options {
        takes_any: true,
        ..Options::default()
    });
    let messages = ["PUT /x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nz".to_string()];
    assert_eq!(statuses(&exchange(&node, &messages)), ["200"]);
    assert_eq!(node.snapshot().arrived(), 0);
}
