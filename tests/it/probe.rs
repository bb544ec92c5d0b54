//! `cw-resend probe` against stand-ins, by real sockets and real handshakes.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use cw_resend_lambda::standin::node::{Fault, MetricsPage, StandInNode};
use serde_json::Value;

use crate::harness::{faulty_node, node};
use crate::port::Port;
use crate::send::{Folder, StandInAws};
use crate::tls::{authority, behind, server_config};

fn probe(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cw-resend"));
    let command = command.arg("probe").args(arguments).stdin(Stdio::null());
    command.output().unwrap()
}

/// The status and the text of a probe.
fn run(arguments: &[&str]) -> (i32, String) {
    let output = probe(arguments);
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

#[track_caller]
fn assert_probe(arguments: &[&str], status: i32, words: &[&str]) {
    let (found, text) = run(arguments);
    assert_eq!(found, status, "{text}");
    for words in words {
        assert!(text.contains(words), "{words} in {text}");
    }
}

fn at(node: &StandInNode) -> String {
    format!("http://{}", node.address())
}

#[test]
fn a_node_that_takes_the_call_and_counts_it() {
    let node = node();
    let page = MetricsPage::of(&node, "127.0.0.1:0").unwrap();
    let (url, metrics) = (at(&node), page.address().to_string());
    let words = [
        "  DNS      127.0.0.1",
        "  TCP      connected to 127.0.0.1:",
        "  Request  200: taken",
        "  Response 200: taken",
        "  Metrics  the Node has processed both messages",
        "seen: request +1, response +1, total +2",
        "Taken: both messages were accepted, and the Node's metrics confirm it",
        "Left behind: one call of GET /cw-resend-probe of cw-resend-probe.example.",
    ];
    assert_probe(&["--node", &url, "--metrics", &metrics], 0, &words);
    let words = ["Taken: both messages were accepted. Without --metrics"];
    assert_probe(
        &["--node", &url, "--host", "API.example.com:8443"],
        0,
        &words,
    );
    let snapshot = node.snapshot();
    assert_eq!((snapshot.distinct, snapshot.unpaired), (2, 0));
    assert_eq!(snapshot.violations, Vec::<String>::new());
    // Both messages went over one connection.
    assert_eq!(snapshot.connections, 2);

    let output = probe(&["--node", &url, "--metrics", &metrics, "--json"]);
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(findings["verdict"], "taken");
    let steps = findings["steps"].as_array().unwrap();
    let names: Vec<_> = steps
        .iter()
        .map(|step| step["step"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["DNS", "TCP", "TLS", "Request", "Response", "Metrics"]
    );
    assert_eq!(steps[3]["status"], 200);
}

/// A server that refuses the first message and closes the connection has refused it, whatever comes of the second one.
#[test]
fn a_refusal_counts_though_the_connection_ends_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 4096];
        assert!(stream.read(&mut bytes).unwrap() > 0);
        stream
            .write_all(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
    });
    assert_probe(
        &["--node", &to],
        1,
        &["302: it sends the caller elsewhere", "Not taken: "],
    );
    server.join().unwrap();
}

#[test]
fn answers_that_are_none_of_a_node_that_takes_it() {
    for (fault, status, words) in [
        (Fault::status(403), 1, "403: it forbids the call"),
        (Fault::status(404), 1, "404: it has nothing at this path"),
        (
            Fault::status(415),
            1,
            "415: Wallarm's Edge Node responds with 415 where a host is not among its allowed hosts",
        ),
        (Fault::status(502), 1, "502: a load balancer"),
        (
            Fault::status(301).with_header("Location", "https://x.example/\u{7f}\u{9b}"),
            1,
            "301: it sends the caller elsewhere",
        ),
        (
            Fault::none()
                .with_header("Content-Type", "text/html")
                .with_body("<html>Welcome</html>"),
            2,
            "the answer is a page of HTML",
        ),
        (
            Fault::status(400).with_body("The plain HTTP request was sent to HTTPS port"),
            1,
            "400: it wants TLS: does --node begin with https://?",
        ),
    ] {
        let shown = format!("{fault:?}");
        let node = faulty_node(move |_, _| fault.clone());
        let (found, text) = run(&["--node", &at(&node)]);
        assert_eq!(found, status, "{shown}: {text}");
        assert!(text.contains(words), "{shown}: {text}");
        assert!(!text.contains(['\u{7f}', '\u{9b}']), "{text:?}");
    }
    // Only the second message is refused.
    let node = faulty_node(|_, n| {
        if n == 2 {
            Fault::status(403)
        } else {
            Fault::none()
        }
    });
    assert_probe(
        &["--node", &at(&node)],
        1,
        &["  Request  200", "! Response 403", "Not taken: "],
    );
}

#[test]
fn metrics_that_contradict_the_answers_count_more() {
    let node = node();
    let calls = AtomicU64::new(0);
    let rejecting = MetricsPage::start("127.0.0.1:0", move || {
        let n = calls.fetch_add(1, Ordering::SeqCst).min(1) * 2;
        format!(
            "x_http_connector_server_messages_seen_total{{type=\"total\"}} {n}\n\
             x_http_connector_server_messages_rejected_total{{reason=\"connector_info\"}} {n}\n"
        )
    })
    .unwrap();
    let still = MetricsPage::start("127.0.0.1:0", || {
        "x_http_connector_server_messages_seen_total{type=\"total\"} 7\n".into()
    })
    .unwrap();
    let other = MetricsPage::start("127.0.0.1:0", || "up 1\n".into()).unwrap();
    for (page, status, words) in [
        (
            &rejecting,
            1,
            "Not taken: the Node has rejected messages (connector_info",
        ),
        (
            &still,
            2,
            "Unknown: the Node of these metrics has seen no message",
        ),
        (&other, 2, "the page has no metrics of a Native Node"),
    ] {
        let metrics = page.address().to_string();
        assert_probe(
            &["--node", &at(&node), "--metrics", &metrics],
            status,
            &[words],
        );
    }
}

#[test]
fn the_way_to_the_node_is_told_where_it_ends() {
    let closed = Port::new();
    assert_probe(
        &["--node", &closed.url()],
        2,
        &["! TCP ", "nothing listens there"],
    );
    let words = ["! DNS ", "check the name in --node"];
    assert_probe(&["--node", "http://no-such-name.invalid:1"], 2, &words);
    let api = "https://abc123.execute-api.us-east-1.amazonaws.com";
    assert_probe(
        &["--node", api],
        2,
        &["error: failed to read the options: --node is an endpoint of API Gateway"],
    );
    assert_probe(
        &["--node", "node:1", "--host", "node"],
        2,
        &["--host is the Node's own"],
    );
    assert_probe(
        &["--node", "node:1", "--host", "a b"],
        2,
        &["--host is no host"],
    );
    assert_probe(&[], 2, &["name either a --node or a --function"]);
}

#[test]
fn the_chain_of_certificates_is_shown_whether_it_is_trusted_or_not() {
    let folder = Folder::new("probe-tls");
    let ours = authority();
    let ca = folder.file("ca.pem", ours.pem().as_bytes());
    let good = behind(server_config(&ours, "localhost", false));
    let expired = behind(server_config(&ours, "localhost", true));
    let other = behind(server_config(&ours, "other.example", false));
    let url = |node: &StandInNode| format!("https://localhost:{}", node.address().port());
    let trusted = [
        "TLSv1.3; the certificate is trusted",
        " for localhost; from CN=rcgen self signed cert; valid ",
        "Taken: ",
    ];
    assert_probe(&["--node", &url(&good), "--ca-cert", &ca], 0, &trusted);
    for (node, ca, words) in [
        (&good, None, "set --ca-cert to the authority's certificate"),
        (&expired, Some(&ca), "has expired"),
        (
            &other,
            Some(&ca),
            "is for another name than the one in --node",
        ),
    ] {
        let url = url(node);
        let mut arguments = vec!["--node", &url];
        if let Some(ca) = ca {
            arguments.extend(["--ca-cert", ca]);
        }
        assert_probe(
            &arguments,
            2,
            &["! TLS ", words, "from CN=rcgen self signed cert; valid "],
        );
    }
    // The wrong scheme, both ways.
    let plain = node();
    let https = format!("https://{}", plain.address());
    assert_probe(
        &["--node", &https],
        2,
        &["expected TLS, got plain HTTP: does --node begin with http://?"],
    );
    let http = format!("http://localhost:{}", good.address().port());
    assert_probe(&["--node", &http], 2, &["does --node begin with https://?"]);
}

#[test]
fn a_function_probes_where_only_it_can() {
    let summary = |forwarded: u32, refused: u32, skipped: u32| {
        format!(
            r#"ok {{"received":1,"forwarded":{forwarded},"refused":{refused},"skipped":{skipped}}}"#
        )
    };
    let error = r#"error {"errorType":"Function.RecordsRefused","errorMessage":"it responded with status 404"}"#;
    for (answer, status, words) in [
        (summary(1, 0, 0), 0, "Taken: the function has forwarded it"),
        (summary(0, 1, 0), 1, "Not taken: the Node has refused it"),
        (summary(0, 0, 1), 2, "Unknown: the function has left it out"),
        (
            error.to_string(),
            1,
            "Not taken: Function.RecordsRefused: it responded with status 404",
        ),
        ("ok null".to_string(), 2, "Is it this project's function?"),
        (
            "fails Unable to locate credentials".to_string(),
            2,
            "error: failed to invoke the function f: there are no valid credentials",
        ),
    ] {
        let aws = StandInAws::new("probe-function", &[&answer]);
        let output = aws
            .command("probe")
            .args(["--function", "f"])
            .output()
            .unwrap();
        let text =
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{text}");
        assert!(text.contains(words), "{text}");
        let event = fs::read(PathBuf::from(&aws.folder).join("event-1.json")).unwrap();
        assert!(event.starts_with(b"{\"awslogs\""));
    }
}
