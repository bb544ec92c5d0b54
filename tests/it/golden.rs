//! Every byte that leaves the function, compared with files that a person can read.
//!
//! `UPDATE_GOLDEN=1 cargo test` writes them anew.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cw_resend_lambda::standin::cloudwatch::wrap;
use cw_resend_lambda::standin::runtime_api::InvokeOptions;

use crate::harness::{Function, PATIENCE, event_of, line};

/// Records what is written on each connection, responds to each message with 200, and hands out the bytes as
/// they arrive.
struct Recorder {
    address: String,
    bytes: mpsc::Receiver<Vec<u8>>,
}

impl Recorder {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, bytes) = mpsc::channel();
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                thread::spawn(move || record(socket, &sender));
            }
        });
        Self { address, bytes }
    }
}

fn record(mut socket: std::net::TcpStream, sender: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = [0; 64 * 1024];
    while let Ok(length @ 1..) = socket.read(&mut buffer) {
        let bytes = &buffer[..length];
        // A message of ours always arrives whole here: it is written at once, over loopback.
        let count = bytes.windows(9).filter(|w| w == b" HTTP/1.1").count();
        for _ in 0..count {
            let response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            socket.write_all(response).unwrap();
        }
        sender.send(bytes.to_vec()).unwrap();
    }
}

#[track_caller]
fn assert_golden(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    // The file keeps the line ends of the wire, and git must not change them: see .gitattributes.
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, bytes).unwrap();
    }
    let expected = std::fs::read(&path).unwrap();
    assert_eq!(
        String::from_utf8_lossy(bytes),
        String::from_utf8_lossy(&expected),
        "{name} differs; UPDATE_GOLDEN=1 writes it anew"
    );
}

/// What the Node gets for some lines, with the given settings.
fn wire(format: &str, vars: &[(&str, &str)], lines: &[String]) -> Vec<u8> {
    let node = Recorder::start();
    let mut all = vec![
        ("X_NODE_URL", node.address.as_str()),
        ("X_NODE_SCHEME", "http"),
        ("X_NODE_FORMAT", format),
        ("X_NODE_CONNECTIONS", "1"),
    ];
    all.extend(vars);
    let function = Function::start_with(&all);
    function
        .invoke(&event_of(lines), Duration::from_secs(30))
        .unwrap();
    let mut bytes = Vec::new();
    while let Ok(more) = node.bytes.recv_timeout(Duration::from_millis(200)) {
        bytes.extend_from_slice(&more);
    }
    // The port of the stand-in is another one each time.
    let text = String::from_utf8(bytes).unwrap();
    text.replace(&node.address, "node.example.com:5050")
        .into_bytes()
}

/// Two ordinary calls, a minimal one, and a hostile one.
fn lines() -> Vec<String> {
    vec![
        line("GET", "/prod/pets/42"),
        line("POST", "/prod/pets"),
        r#"{"httpMethod":"HEAD","path":"/","domainName":"api.example.com"}"#.to_string(),
        r#"{"requestId":"r\r\nX-Forged: 1","httpMethod":"DELETE","path":"/a b\r\nHost: evil.example\r\n\r\nGET /?x=<y>%2f%zz\u00e9","domainName":"api.example.com","status":"403","errorMessage":"\"Forbidden\"\u0000","stage":"$default","sourceIp":"2001:db8::7\r\nX-Forged: 2","userAgent":"a\r\nX-Forged: 3\u0000\tb\u00e9"}"#.to_string(),
    ]
}

#[test]
fn resend() {
    assert_golden("resend.http", &wire("resend", &[], &lines()));
}

/// Each header that may have another name has one.
const RENAMED: &str = r#"{"User-Agent":"A-User-Agent","X-Forwarded-For":"B-Forwarded-For","X-Real-IP":"C-Real-IP","X-Forwarded-Host":"D-Forwarded-Host","X-Forwarded-Proto":"E-Forwarded-Proto","X-Request-Id":"F-Request-Id","X-Wallarm-Application-Id":"G-Application-Id","X-Wallarm-Message":"H-Message"}"#;

#[test]
fn resend_with_every_setting() {
    let vars = [
        ("X_WALLARM_APPLICATION_ID", "42"),
        ("X_NODE_HEADERS", r#"{"X-Team":"payments","X-Env":"test"}"#),
        ("X_NODE_HEADER_NAMES", RENAMED),
        ("X_STRIP_STAGE", "true"),
    ];
    let lines = &lines()[..1];
    assert_golden("resend-settings.http", &wire("resend", &vars, lines));
}

#[test]
fn batch() {
    assert_golden("batch.http", &wire("batch", &[], &lines()));
}

#[test]
fn batch_with_every_setting() {
    let vars = [
        ("X_WALLARM_APPLICATION_ID", "42"),
        ("X_NODE_HEADERS", r#"{"X-Team":"payments"}"#),
        ("X_NODE_HEADER_NAMES", RENAMED),
        ("X_STRIP_STAGE", "true"),
    ];
    let lines = &lines()[..1];
    assert_golden("batch-settings.http", &wire("batch", &vars, lines));
}

/// The requests to the Runtime API: an event that succeeds, one that fails, and an init error.
#[test]
fn runtime_api() {
    let node = Recorder::start();
    let function = Function::start_with(&[
        ("X_NODE_URL", node.address.as_str()),
        ("X_NODE_SCHEME", "http"),
    ]);
    let with_id = |invocation_id: Option<&str>| InvokeOptions {
        request_id: Some("8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_string()),
        invocation_id: invocation_id.map(str::to_string),
        ..InvokeOptions::default()
    };
    let event = event_of(&lines()[..1]);
    let time = Duration::from_secs(30);
    let valid = function
        .api
        .invoke_with(&event, time, with_id(Some("inv-7")));
    valid.wait(PATIENCE).unwrap();
    let corrupt = function
        .api
        .invoke_with(&wrap(b"no gzip"), time, with_id(None));
    corrupt.wait(PATIENCE).unwrap();
    let broken = Function::start_with(&[]);
    broken.api.wait_init_error(PATIENCE).unwrap();

    let mut text = String::new();
    for post in function.api.posts().iter().chain(&broken.api.posts()) {
        text += &format!("POST {}\n", post.path);
        for (name, value) in &post.headers {
            let value = String::from_utf8_lossy(value);
            let value = match name.as_str() {
                "Host" => "<the Runtime API>",
                "User-Agent" => value.split('/').next().unwrap(),
                _ => &value,
            };
            text += &format!("{name}: {value}\n");
        }
        text += &format!("\n{}\n\n", String::from_utf8_lossy(&post.body));
    }
    assert_golden("runtime-api.txt", text.as_bytes());
}
