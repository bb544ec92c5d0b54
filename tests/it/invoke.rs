//! `cw-resend invoke`: the function on one event.

use std::process::{Command, Output};

use cw_resend_lambda::standin::node::{Options, StandInNode};
use serde_json::Value;

use crate::harness::{event_of, line, run_with_input};
use crate::port::Port;

fn invoke(arguments: &[&str], vars: &[(&str, &str)], event: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cw-resend"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("X_")) {
        command.env_remove(name);
    }
    command
        .args(["invoke", "-"])
        .args(arguments)
        .envs(vars.iter().copied());
    run_with_input(&mut command, event)
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn an_event_is_forwarded_to_the_stand_in() {
    let lines = [line("GET", "/prod/pets/42"), line("POST", "/prod/pets")];
    let document = include_bytes!("../tool/node/document.json");
    for (event, received, forwarded) in [
        (event_of(&lines), 2, 2),
        // A decoded document.
        (document.to_vec(), 2, 1),
    ] {
        let output = invoke(&[], &[("X_REPORT_LINE", "compact")], &event);
        let (response, log) = texts(&output);
        assert_eq!(output.status.code(), Some(0), "{log}");
        serde_json::from_str::<Value>(&response).expect("a document");
        let report: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        assert_eq!(report["recordsReceived"], received, "{log}");
        assert_eq!(report["recordsForwarded"], forwarded, "{log}");
    }
}

#[test]
fn a_node_of_ones_own_gets_the_calls() {
    let node = StandInNode::start("127.0.0.1:0", Options::default()).unwrap();
    let url = format!("http://{}", node.address());
    let event = event_of(&[line("GET", "/prod/pets/42")]);
    let output = invoke(&["--node", &url, "--quiet"], &[], &event);
    let (_, log) = texts(&output);
    assert_eq!((output.status.code(), log.as_str()), (Some(0), ""));
    assert_eq!(node.snapshot().distinct, 1);
}

#[test]
fn an_invocation_that_fails_ends_with_1() {
    // A port that nobody listens at.
    let closed = Port::new();
    let event = event_of(&[line("GET", "/prod/pets/42")]);
    for (arguments, vars, event, expected) in [
        (&[][..], &[][..], &b"{\"hello\":1}"[..], "errorType"),
        (
            &["--node", &closed.url(), "--timeout", "2"],
            &[],
            &event,
            "errorType",
        ),
        (
            &[],
            &[("X_NODE_TIMEOUT", "1")],
            &event,
            "did you mean X_NODE_TIMEOUT_MS",
        ),
    ] {
        let output = invoke(arguments, vars, event);
        let (document, log) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{document}{log}");
        assert!(document.contains(expected), "{document}");
    }
}

#[test]
fn the_event_that_waits_for_the_node_works_with_the_stand_in_too() {
    let event = br#"{"waitForNode":{"seconds":0}}"#;
    let output = invoke(&["--quiet"], &[], event);
    let (response, log) = texts(&output);
    assert_eq!((output.status.code(), &*log), (Some(0), ""));
    assert_eq!(
        response,
        "{\"node\":\"healthy\",\"attempts\":1,\"seconds\":0}\n"
    );
    let output = invoke(&["--node", "http://node.invalid"], &[], event);
    let (document, log) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{document}{log}");
    assert!(
        document.contains("Function.NodeNotHealthy") && document.contains("look-up"),
        "{document}"
    );
}

#[test]
fn what_is_no_event_ends_with_2() {
    for event in [&b""[..], b"GET / HTTP/1.1", &[b' '; 7 * 1024 * 1024]] {
        let output = invoke(&[], &[], event);
        let (_, log) = texts(&output);
        assert_eq!(output.status.code(), Some(2), "{log}");
        assert!(
            log.starts_with("error: failed to read an event from standard input: "),
            "{log}"
        );
    }
}
