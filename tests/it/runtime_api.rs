//! The loop against a Runtime API without faults, and against one with faults.

use std::time::Duration;

use cw_resend_lambda::standin::cloudwatch::wrap;
use cw_resend_lambda::standin::runtime_api::{
    Framing, InvokeOptions, NextFault, Outcome, PostFault,
};
use serde_json::Value;

use cw_resend_lambda::standin::node::Fault;

use crate::harness::{Function, PATIENCE, assert_got_all, event_of_calls, faulty_node, node};

const TIME: Duration = Duration::from_secs(30);

#[test]
fn one_connection_serves_many_events_in_both_framings() {
    let node = node();
    let function = Function::start(&node, &[]);
    for framing in [Framing::AsLambda, Framing::Sized, Framing::Chunked] {
        for count in [1, 50] {
            let options = InvokeOptions {
                framing,
                ..InvokeOptions::default()
            };
            let event = event_of_calls(count);
            let (result, report) =
                function.outcome_of(|| function.api.invoke_with(&event, TIME, options));
            assert_eq!(result.unwrap()["forwarded"], count);
            assert_eq!(report["coldStart"], function.lines().len() == 1);
        }
    }
    assert_eq!(function.api.connections(), 1);
}

#[test]
fn the_invocation_id_is_echoed_where_it_came() {
    let node = node();
    let function = Function::start(&node, &[]);
    for (id, event) in [
        (Some("inv-1"), event_of_calls(1)),
        (None, event_of_calls(1)),
        (Some("inv-2"), wrap(b"corrupt")),
        (None, wrap(b"corrupt")),
    ] {
        let options = InvokeOptions {
            invocation_id: id.map(str::to_string),
            ..InvokeOptions::default()
        };
        function
            .api
            .invoke_with(&event, TIME, options)
            .wait(PATIENCE)
            .unwrap();
        let posts = function.api.posts();
        assert_eq!(
            posts.last().unwrap().header("Lambda-Runtime-Invocation-Id"),
            id
        );
    }
}

#[test]
fn a_result_that_comes_too_late_does_not_end_the_process() {
    let node = node();
    let function = Function::start(&node, &[]);
    function.api.inject_post_fault(PostFault::Gone);
    let first = function.begin(&event_of_calls(1), TIME);
    assert_eq!(first.wait(PATIENCE), Some(Outcome::Gone));
    let warning = function.wait_for_line(1);
    assert!(
        warning.contains("[WARN]") && warning.contains("410"),
        "{warning}"
    );
    assert_eq!(
        function.invoke(&event_of_calls(2), TIME).unwrap()["forwarded"],
        2
    );
}

#[test]
fn a_runtime_api_that_is_beyond_recovery_ends_the_process() {
    let node = node();
    let mut function = Function::start(&node, &[]);
    function.api.inject_post_fault(PostFault::InternalError);
    function.begin(&event_of_calls(1), TIME);
    let (status, lines) = function.wait_for_end();
    assert_eq!(status.code(), Some(1));
    let last = lines.last().unwrap();
    assert!(
        last.contains("[FATAL]") && last.contains("status 500"),
        "{last}"
    );
}

#[test]
fn a_runtime_api_that_is_gone_ends_the_process() {
    let node = node();
    let mut function = Function::start(&node, &[]);
    function.invoke(&event_of_calls(1), TIME).unwrap();
    function.api.stop();
    let (status, lines) = function.wait_for_end();
    assert_eq!(status.code(), Some(1));
    assert!(
        lines.last().unwrap().contains("get the next event"),
        "{lines:?}"
    );
}

#[test]
fn an_event_whose_delivery_broke_comes_again_and_is_handled_once() {
    let node = node();
    for fault in [
        NextFault::DropAtOnce,
        NextFault::DropWithEvent,
        NextFault::Half,
    ] {
        let function = Function::start(&node, &[]);
        assert!(function.api.wait_first_next(PATIENCE).is_some());
        function.invoke(&event_of_calls(5), TIME).unwrap();
        function.api.inject_next_fault(fault);
        let result = function.invoke(&event_of_calls(5), TIME);
        assert_eq!(result.unwrap()["forwarded"], 5, "{fault:?}");
        let result = function.invoke(&event_of_calls(5), TIME);
        assert_eq!(result.unwrap()["forwarded"], 5, "{fault:?}");
        assert_eq!(function.lines().len(), 3, "{fault:?}");
    }
    assert_got_all(&node, 5);
}

/// The Runtime API is on this machine, so a proxy in the environment does not apply to it.
#[test]
fn no_proxy_is_ever_used() {
    let node = node();
    let proxy = "http://127.0.0.1:9";
    let vars = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ];
    let function = Function::start(&node, &vars.map(|name| (name, proxy)));
    assert_eq!(
        function.invoke(&event_of_calls(3), TIME).unwrap()["forwarded"],
        3
    );
}

#[test]
fn an_init_error_is_posted_and_ends_the_process() {
    for (vars, what) in [
        (vec![], "X_NODE_URL is not set"),
        (
            vec![("X_NODE_URL", "a b")],
            "X_NODE_URL must be an address without whitespace",
        ),
        (
            vec![("X_NODE_URL", "n"), ("X_NODE_CONECTIONS", "2")],
            "did you mean X_NODE_CONNECTIONS?",
        ),
        (
            vec![("X_NODE_URL", "x.execute-api.eu-west-1.amazonaws.com")],
            "is an endpoint of API Gateway",
        ),
        // Everything that is wrong is told at once.
        (
            vec![("X_NODE_URL", "node:0"), ("X_NODE_CONNECTIONS", "65")],
            "X_NODE_URL has port 0, where no server can be; for example X_NODE_URL=node.example.com:5050; also \
             X_NODE_CONNECTIONS must be a whole number from 1 to 64; for example X_NODE_CONNECTIONS=8",
        ),
    ] {
        let mut function = Function::start_with(&vars);
        let post = function.api.wait_init_error(PATIENCE).unwrap();
        assert_eq!(
            post.header("Lambda-Runtime-Function-Error-Type"),
            Some("Runtime.ConfigInvalid")
        );
        let body: Value = serde_json::from_slice(&post.body).unwrap();
        assert!(
            body["errorMessage"].as_str().unwrap().contains(what),
            "{body}"
        );
        assert_eq!(function.api.polls(), 0);
        let (status, lines) = function.wait_for_end();
        assert_eq!(status.code(), Some(1));
        assert!(lines.len() == 1 && lines[0].contains(what), "{lines:?}");
    }
}

/// Of other tools' variables nothing is said; of those that may be meant for this function, there is one line.
#[test]
fn variables_of_others_do_not_stop_the_start() {
    let node = node();
    let others = [
        ("LOG_LEVEL", "loud"),
        ("DD_LOG_LEVEL", "loud"),
        ("NR_LOG_LEVEL", "loud"),
        ("NODE_URL", "s3cret"),
    ];
    let function = Function::start(&node, &others);
    let result = function.invoke(&event_of_calls(3), TIME);
    assert_eq!(result.unwrap()["forwarded"], 3);
    assert_eq!(function.lines().len(), 1, "{:?}", function.lines());

    let overlooked = [("NODE_CONNECTIONS", "s3cret"), ("X_TIMEOUT_MS", "s3cret")];
    let function = Function::start(&node, &[&others[..], &overlooked].concat());
    assert!(function.api.wait_first_next(PATIENCE).is_some());
    let invocation = function.begin(&event_of_calls(3), TIME);
    assert!(matches!(
        invocation.wait(PATIENCE),
        Some(Outcome::Response(_))
    ));
    function.wait_for_line(1);
    let lines = function.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("[WARN] - Runtime.ConfigInvalid: "));
    for (name, value) in overlooked {
        let told = format!("{name} is not one of this function's, did you mean X_");
        assert!(lines[0].contains(&told), "{lines:?}");
        assert!(!lines[0].contains(value), "{lines:?}");
    }
}

#[test]
fn log_format_and_level_are_lambdas() {
    let node = node();
    let json = ("AWS_LAMBDA_LOG_FORMAT", "JSON");
    let function = Function::start(&node, &[json, ("AWS_LAMBDA_LOG_LEVEL", "WARN")]);
    // A successful event is not logged if the minimum level is WARN.
    let quiet = function.begin(&event_of_calls(1), TIME);
    assert!(matches!(quiet.wait(PATIENCE), Some(Outcome::Response(_))));
    function.invoke(&wrap(b"corrupt"), TIME).unwrap_err();
    let lines = function.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));

    let mut broken = Function::start_with(&[json]);
    let (_, lines) = broken.wait_for_end();
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["level"], "FATAL");
    assert_eq!(line["errorType"], "Runtime.ConfigInvalid");
}

/// The connection breaks while a result is posted, once or twice, and the platform has it or not.
#[test]
fn a_result_whose_post_broke_is_posted_again_and_nothing_is_forwarded_twice() {
    use PostFault::{DropTaken, DropUntaken};
    for (faults, polls) in [
        (&[DropUntaken][..], 1),
        (&[DropTaken], 1),
        // The platform asks for the event once more.
        (&[DropUntaken, DropUntaken], 2),
        (&[DropUntaken, DropUntaken, DropUntaken], 2),
        (&[DropUntaken; 4], 3),
        (&[DropUntaken, DropTaken], 1),
        (&[DropTaken, DropUntaken], 1),
        (&[DropTaken, DropTaken], 1),
    ] {
        let node = node();
        let function = Function::start(&node, &[]);
        assert!(function.api.wait_first_next(PATIENCE).is_some());
        for &fault in faults {
            function.api.inject_post_fault(fault);
        }
        let before = function.api.polls();
        let result = function.invoke(&event_of_calls(5), TIME);
        assert_eq!(result.unwrap()["forwarded"], 5, "{faults:?}");
        assert!(function.api.wait_idle(PATIENCE));
        assert_eq!(function.api.polls() - before, polls, "{faults:?}");
        // It was handled once, and the next event is another one.
        assert_eq!(assert_got_all(&node, 5), 0, "{faults:?}");
        let result = function.invoke(&event_of_calls(5), TIME);
        assert_eq!(result.unwrap()["forwarded"], 5, "{faults:?}");
        assert_eq!(function.lines().len(), 2, "{faults:?}");
    }
}

/// A failure is not kept: the event is handled again, and what has arrived is not sent again.
#[test]
fn an_event_whose_failure_could_not_be_posted_is_handled_again() {
    let node = faulty_node(|message, _| match message.http.target.as_str() {
        "/prod/pets/2" => Fault::status(503),
        _ => Fault::none(),
    });
    let vars = [
        ("X_NODE_TIMEOUT_MS", "300"),
        ("X_NODE_DOWN_AFTER_MS", "300"),
    ];
    let function = Function::start(&node, &vars);
    function.api.inject_post_fault(PostFault::DropUntaken);
    function.api.inject_post_fault(PostFault::DropUntaken);
    let failed = function.begin(&event_of_calls(5), TIME).wait(PATIENCE);
    let Some(Outcome::Error { error_type, .. }) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(error_type.as_deref(), Some("Function.RecordsUndelivered"));
    let report: Value = serde_json::from_str(&function.wait_for_line(1)).unwrap();
    assert_eq!(function.lines().len(), 2);
    assert_eq!(report["recordsForwardedEarlier"], 4);
    assert_eq!(node.snapshot().distinct, 4);
}
