//! `cw-resend node`: what it shows of clients that keep the rules, and of those that do not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

const LOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tool/node/calls.log");

/// A running `cw-resend node`. It is killed when the test ends.
struct Node {
    process: Child,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Node {
    fn start(arguments: &[&str]) -> Self {
        let mut process = command(arguments).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = match serde_json::from_str::<Value>(&line) {
            Ok(listening) => listening["address"].as_str().unwrap().to_string(),
            Err(_) => line
                .trim()
                .strip_prefix("listening on ")
                .unwrap()
                .to_string(),
        };
        Self {
            address,
            process,
            stdout,
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// Presses Ctrl-C. Returns the status, and what is printed from then on.
    fn interrupt(mut self) -> (i32, String) {
        let pid = self.process.id().to_string();
        let status = Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert!(status.success());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap().code().unwrap(), rest)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cw-resend"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("X_")) {
        command.env_remove(name);
    }
    command
        .args(["node", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// The node beside a forwarder that sends the log's lines with these differences. Returns the node's status and output.
fn forward(arguments: &[&str], vars: &[(&str, &str)], differences: &str) -> (i32, String) {
    let mut node = command(arguments);
    let mut node = node.envs(vars.iter().copied()).spawn().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tool/node/forwarder.py");
    let output = Command::new("python3")
        .args([script, LOG])
        .args(differences.split_whitespace())
        .stdin(node.stdout.take().unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    (node.wait().unwrap().code().unwrap(), text)
}

#[test]
fn endpoints_are_shown_as_they_come() {
    let (status, text) = forward(&["--calls", "3"], &[], "");
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(first.starts_with("listening on 127.0.0.1:"), "{text}");
    assert_eq!(
        rest,
        "+ GET api.example.com /prod/pets/{id}\n\
         + POST api.example.com /prod/pets\n\
         3 calls, 2 endpoints, 1 connection; 0 repeated, 0 unpaired, 0 violations\n       \
         2  GET    api.example.com /prod/pets/{id}\n       \
         1  POST   api.example.com /prod/pets\n"
    );
    assert_eq!(status, 0);
}

#[test]
fn each_call_is_an_object() {
    let (status, text) = forward(&["--calls", "3", "--json"], &[], "");
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    let types: Vec<&str> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["listening", "call", "call", "call", "summary"]);
    assert_eq!(lines[2]["method"], "POST");
    assert_eq!(lines[2]["status"], 201);
    assert_eq!(lines[3]["isNewEndpoint"], false);
    assert_eq!(lines[4]["endpoints"], 2);
    assert_eq!(status, 0);
}

#[test]
fn ctrl_c_is_the_normal_end() {
    let node = Node::start(&[]);
    let (status, rest) = node.interrupt();
    assert_eq!(
        (status, rest.as_str()),
        (
            0,
            "0 calls, 0 endpoints, 0 connections; 0 repeated, 0 unpaired, 0 violations\n"
        )
    );
}

/// Each waits for an answer that plain HTTP has not, some without a line end.
#[test]
fn clients_that_speak_something_else_are_told() {
    for (bytes, expected) in [
        (
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            "the first bytes of TLS",
        ),
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "the first bytes of HTTP/2",
        ),
        (b"\x00\x01\x02", "a request of HTTP"),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "X-Wallarm-Application-Id",
        ),
        (b"GET /\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n", "visible ASCII"),
    ] {
        let mut node = Node::start(&[]);
        let mut client = TcpStream::connect(&node.address).unwrap();
        client.write_all(bytes).unwrap();
        let line = node.line();
        assert!(line.starts_with("! ") && line.contains(expected), "{line}");
        assert!(!line.contains('\x1b'));
        let (status, rest) = node.interrupt();
        assert!(rest.contains("1 violation\n"), "{rest}");
        assert_eq!(status, 1);
    }
}

#[test]
fn differences_are_told_each_once() {
    for (differences, status, expected) in [
        (
            "",
            0,
            &[
                "compared 3 request and 3 response messages",
                "nothing differs",
            ][..],
        ),
        // Calls come in another order from several connections.
        ("reordered", 0, &["nothing differs"]),
        (
            "names",
            1,
            &[
                "in all 3 request messages:\n  X-Real-IP is called X-Client-IP\n",
                "X-Request-Id is called X-Call-Id\n",
                "X-Connector is added, aws-api-gateway\n",
                "X_NODE_HEADERS='{\"X-Connector\":\"aws-api-gateway\"}'",
            ],
        ),
        (
            "order absent",
            1,
            &[
                "X-Forwarded-Host is absent, api.example.com here\n",
                "the order of headers is\n    host, x-forwarded-for, user-agent,",
                "no setting of this function makes up for any of it",
            ],
        ),
        (
            "types fields",
            1,
            &[
                "in the body, stage is absent, \"prod\" here\n",
                "in the body, region is added, \"us-east-1\"\n",
                "in the body, status has another type: such as \"200\", not 200\n",
            ],
        ),
        (
            "text",
            1,
            &["the body is no JSON object, but such as status=200\n"],
        ),
        (
            "target method",
            1,
            &[
                "in 1 of 3 request messages:\n  the method is GET, not POST\n",
                "in all 3 request messages:\n  the target is such as /pets/42, not /prod/pets/42\n",
            ],
        ),
        (
            "reversed",
            1,
            &["in 3 of the calls, the response came before its request"],
        ),
        (
            "application",
            1,
            &[
                "X-Wallarm-Application-Id is 7, not -1\n",
                "X_WALLARM_APPLICATION_ID=7\n",
            ],
        ),
    ] {
        let (found, text) = forward(&["--compare", LOG, "--for", "60"], &[], differences);
        for expected in expected {
            assert!(
                text.contains(expected),
                "{differences}: {expected}\nin {text}"
            );
        }
        assert_eq!(found, status, "{differences}: {text}");
    }
}

/// What it says to set makes the messages the same.
#[test]
fn the_settings_that_are_told_are_right() {
    let arguments = ["--compare", LOG, "--for", "60", "--json"];
    let (status, text) = forward(&arguments, &[], "names application");
    let found: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((status, &found["isSame"]), (1, &Value::from(false)));
    let settings = found["settings"].as_object().unwrap();
    assert_eq!(
        settings["X_NODE_HEADER_NAMES"],
        r#"{"X-Real-IP":"X-Client-IP","X-Request-Id":"X-Call-Id","X-Wallarm-Message":"X-Connector-Message"}"#
    );
    let vars: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    assert_eq!(vars.len(), 3, "{vars:?}");
    let (_, text) = forward(&arguments, &vars, "names application");
    let found: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    // The order is another one still: the forwarder has its added header at the end.
    let left = found["differences"].as_array().unwrap();
    assert!(
        left.iter().all(|one| one["difference"] == "headerOrder"),
        "{text}"
    );
    assert_eq!(found["settings"], serde_json::json!({}));
}

#[test]
fn messages_that_do_not_come_are_named() {
    let mut node = Node::start(&["--compare", LOG]);
    assert_eq!(
        node.line(),
        "expecting 6 messages of 3 calls: have the other forwarder send\n"
    );
    let mut client = TcpStream::connect(&node.address).unwrap();
    client
        .write_all(b"GET /prod/pets/42 HTTP/1.1\r\nHost: api.example.com\r\n\r\nPUT /other HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let mut responses = [0; 76];
    client.read_exact(&mut responses).unwrap();
    let (status, rest) = node.interrupt();
    assert_eq!(status, 1);
    assert!(rest.contains("4 messages did not come:\n"), "{rest}");
    assert!(
        rest.contains("  the response of POST api.example.com /prod/pets/42\n"),
        "{rest}"
    );
}

/// The node waits to print: more calls have come than a pipe holds that nobody reads.
#[test]
fn what_waits_to_be_printed_is_printed_after_ctrl_c() {
    const CALLS: usize = 600;
    const RESPONSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let mut messages = String::new();
    for call in 0..CALLS {
        let head = format!(
            " /{call} HTTP/1.1\r\nHost: api.example.com\r\nX-Request-Id: {call}\r\nX-Wallarm-Application-Id: -1\r\n"
        );
        messages += &format!("GET{head}X-Wallarm-Message: request\r\n\r\n");
        messages += &format!(
            "POST{head}X-Wallarm-Message: response\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        );
    }
    let node = Node::start(&["--json"]);
    let mut client = TcpStream::connect(&node.address).unwrap();
    client.write_all(messages.as_bytes()).unwrap();
    let mut responses = vec![0; 2 * CALLS * RESPONSE.len()];
    client.read_exact(&mut responses).unwrap();
    let responses = String::from_utf8(responses).unwrap();
    assert!(responses == RESPONSE.repeat(2 * CALLS), "{responses:.200}");
    let (status, rest) = node.interrupt();
    assert_eq!(status, 0, "{rest}");
    let lines = rest.lines().map(|line| serde_json::from_str(line).unwrap());
    let mut lines: Vec<Value> = lines.collect();
    let summary = lines.pop().unwrap();
    assert_eq!(summary["calls"], CALLS, "{summary}");
    let paths: Vec<&str> = lines
        .iter()
        .map(|line| line["path"].as_str().unwrap())
        .collect();
    let expected: Vec<String> = (0..CALLS).map(|call| format!("/{call}")).collect();
    assert_eq!(paths, expected);
}

/// The function itself, with the lines as an event, differs in nothing.
#[test]
fn the_same_lines_as_an_event() {
    let event = std::env::temp_dir().join(format!("cw-resend-event-{}", std::process::id()));
    let event_name = event.to_str().unwrap();
    let mut node = Node::start(&["--compare", LOG, "--for", "60", "--event", event_name]);
    let url = format!("http://{}", node.address);
    let output = Command::new(env!("CARGO_BIN_EXE_cw-resend"))
        .args(["invoke", "--node", &url, event_name])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut text = String::new();
    node.stdout.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("nothing differs\n"), "{text}");
    assert_eq!(node.process.wait().unwrap().code(), Some(0));
    std::fs::remove_file(event).unwrap();
}

#[test]
fn what_can_not_be_compared_ends_with_2() {
    for (arguments, vars, expected) in [
        (
            ["--compare", "/no/such/file"],
            ("X_PATH", "path"),
            "/no/such/file",
        ),
        (
            ["--compare", LOG],
            ("X_NODE_FORMAT", "batch"),
            "X_NODE_FORMAT must be resend",
        ),
        (
            ["--compare", LOG],
            ("X_NODE_HEADERS", "x"),
            "X_NODE_HEADERS must be a JSON object",
        ),
    ] {
        let output = command(&arguments)
            .env(vars.0, vars.1)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}
