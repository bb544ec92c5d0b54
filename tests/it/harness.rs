//! A running `bootstrap`, and the events that it is given.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cw_resend_lambda::standin::cloudwatch::{Line, event_id, events};
use cw_resend_lambda::standin::node::{Fault, Message, Options, StandInNode};
use cw_resend_lambda::standin::runtime_api::{FakeRuntimeApi, Invocation, InvokeOptions, Outcome};
use serde_json::Value;

use crate::port::Port;

/// Longer than anything takes here, on a machine that is busy with something else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A `bootstrap` process. It is killed when the test ends, however it ends.
pub(crate) struct Function {
    pub(crate) api: FakeRuntimeApi,
    child: Child,
    output: Arc<Output>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Output {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Function {
    /// Starts it against a Node, with more variables than its address.
    pub(crate) fn start(node: &StandInNode, vars: &[(&str, &str)]) -> Self {
        let address = node.address().to_string();
        let mut all = vec![("X_NODE_URL", address.as_str()), ("X_NODE_SCHEME", "http")];
        all.extend(vars);
        Self::start_with(&all)
    }

    /// Starts it with these variables and the Runtime API's address.
    pub(crate) fn start_with(vars: &[(&str, &str)]) -> Self {
        Self::start_as(Command::new(program()), vars)
    }

    /// Starts it after this command of the shell, which limits what a process may have.
    pub(crate) fn start_limited(limit: &str, vars: &[(&str, &str)]) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{limit}; exec \"$0\"")]);
        command.arg(program());
        Self::start_as(command, vars)
    }

    fn start_as(command: Command, vars: &[(&str, &str)]) -> Self {
        let mut function = Self::start_command(command, vars, Stdio::piped());
        let stdout = BufReader::new(function.child.stdout.take().unwrap());
        let output = Arc::clone(&function.output);
        function.reader = Some(std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                output.lines.lock().unwrap().push(line);
                output.more.notify_all();
            }
        }));
        function
    }

    /// As [`Self::start_with`], with a standard output that only the test knows.
    pub(crate) fn start_into(vars: &[(&str, &str)], stdout: Stdio) -> Self {
        Self::start_command(Command::new(program()), vars, stdout)
    }

    fn start_command(mut command: Command, vars: &[(&str, &str)], stdout: Stdio) -> Self {
        let api = FakeRuntimeApi::start().unwrap();
        let child = command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", "cw-resend-test")
            .env("RUST_BACKTRACE", "0")
            .envs(vars.iter().copied())
            .stdin(Stdio::null())
            .stdout(stdout)
            .spawn()
            .unwrap();
        Self {
            api,
            child,
            output: Arc::default(),
            reader: None,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Queues an event for it.
    pub(crate) fn begin(&self, event: &[u8], deadline: Duration) -> Invocation {
        self.api.invoke(event, deadline)
    }

    /// Gives it an event and waits for the result and for the line that it prints.
    pub(crate) fn invoke(&self, event: &[u8], deadline: Duration) -> Result<Value, Failed> {
        self.outcome_of(|| self.begin(event, deadline)).0
    }

    /// As [`Self::invoke`], with a request id that is given, as in Lambda's second attempt.
    pub(crate) fn invoke_as(&self, id: &str, event: &[u8]) -> (Result<Value, Failed>, Value) {
        let options = InvokeOptions {
            request_id: Some(id.to_string()),
            ..InvokeOptions::default()
        };
        self.outcome_of(|| {
            self.api
                .invoke_with(event, Duration::from_secs(30), options)
        })
    }

    /// The result of an invocation, and the line that was printed for it.
    pub(crate) fn outcome_of(
        &self,
        begin: impl FnOnce() -> Invocation,
    ) -> (Result<Value, Failed>, Value) {
        let before = self.output.lines.lock().unwrap().len();
        let invocation = begin();
        let outcome = invocation.wait(PATIENCE).expect("a result in time");
        let report = self.wait_for_line(before);
        let report = serde_json::from_str(&report).expect("a report that is JSON");
        let result = match outcome {
            Outcome::Response(body) => Ok(serde_json::from_slice(&body).unwrap()),
            Outcome::Error { error_type, body } => {
                let body: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(body["errorType"].as_str(), error_type.as_deref());
                Err(Failed {
                    error_type: error_type.unwrap(),
                    message: body["errorMessage"].as_str().unwrap().to_string(),
                })
            }
            Outcome::Gone => panic!("the invocation has timed out"),
        };
        (result, report)
    }

    /// All lines that it has printed.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.output.lines.lock().unwrap().clone()
    }

    /// The line after so many others.
    pub(crate) fn wait_for_line(&self, before: usize) -> String {
        let lines = self.output.lines.lock().unwrap();
        let (lines, wait) = self
            .output
            .more
            .wait_timeout_while(lines, PATIENCE, |lines| lines.len() <= before)
            .unwrap();
        assert!(!wait.timed_out(), "no line {before} in {lines:?}");
        lines[before].clone()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait_for_end(&mut self) -> (ExitStatus, Vec<String>) {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        (status, self.lines())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program: bootstrap/test has these tests run the one that it has built for arm64.
fn program() -> std::ffi::OsString {
    std::env::var_os("CW_RESEND_BOOTSTRAP")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_bootstrap").into())
}

/// The error of an invocation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) error_type: String,
    pub(crate) message: String,
}

/// A stand-in Node without faults.
pub(crate) fn node() -> StandInNode {
    StandInNode::start("127.0.0.1:0", Options::default()).unwrap()
}

/// A stand-in Node without faults, at a port that stays its own while it is away.
pub(crate) fn node_at(port: &Port) -> StandInNode {
    StandInNode::start(port.address, Options::default()).unwrap()
}

/// A stand-in Node that responds to its nth message, counted from one, as the hook says.
pub(crate) fn faulty_node(
    hook: impl Fn(&Message, u64) -> Fault + Send + Sync + 'static,
) -> StandInNode {
    StandInNode::start("127.0.0.1:0", Options::with_fault(hook)).unwrap()
}

/// Runs a command with this on its standard input. One that refuses its arguments does not read it.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> process::Output {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = process.stdin.take().unwrap().write_all(input);
    process.wait_with_output().unwrap()
}

/// A line in the documented format.
pub(crate) fn line(method: &str, path: &str) -> String {
    format!(
        r#"{{ "requestId": "7f3c1a4e-0e0b-4a35-9b7e-2f1f6f0f5a11", "httpMethod": "{method}", "path": "{path}", "protocol": "HTTP/1.1", "status": "200", "responseLength": "345", "requestTime": "22/Nov/2026:10:00:00 +0000", "requestTimeEpoch": "1795341600000", "responseLatency": "12", "integrationLatency": "9", "integrationStatus": "200", "errorMessage": "-", "stage": "prod", "domainName": "abc123.execute-api.us-east-1.amazonaws.com", "sourceIp": "203.0.113.7", "userAgent": "curl/8.5.0" }}"#
    )
}

/// An event of these lines.
pub(crate) fn event_of(lines: impl IntoIterator<Item = impl Into<String>>) -> Vec<u8> {
    let lines = (0..)
        .zip(lines)
        .map(|(n, line)| Line::new(n, 1_795_341_600_000, line));
    let mut events = events("/aws/apigateway/pets", "a5d703eb", lines).unwrap();
    assert_eq!(events.len(), 1, "too many lines for one event");
    events.remove(0).payload
}

/// An event of so many calls, each with a path of its own.
pub(crate) fn event_of_calls(count: usize) -> Vec<u8> {
    event_of((0..count).map(|n| line("GET", &format!("/prod/pets/{n}"))))
}

/// Asserts that a Node has received each of so many calls whole, and returns how many were repeated.
#[track_caller]
pub(crate) fn assert_got_all(node: &StandInNode, count: u64) -> u64 {
    let expected: BTreeMap<String, u64> = (0..count).map(|n| (event_id(n), 1)).collect();
    let got: BTreeMap<String, u64> = node
        .deliveries()
        .into_iter()
        .map(|(id, times)| (id, times.min(1)))
        .collect();
    let missing = expected
        .keys()
        .filter(|id| got.get(*id) != Some(&1))
        .count();
    let snapshot = node.snapshot();
    assert_eq!(missing, 0, "missing of {count}: {snapshot:?}");
    assert_eq!(got.len(), expected.len());
    assert_eq!(snapshot.violations, Vec::<String>::new());
    assert_eq!((snapshot.distinct, snapshot.unpaired), (count, 0));
    snapshot.repeated
}

/// A count of a report. Only a compact line leaves it out, where it is zero.
#[track_caller]
pub(crate) fn count_in(report: &Value, name: &str) -> u64 {
    match report.get(name) {
        None if report.get("_aws").is_none() => 0,
        count => count.and_then(Value::as_u64).unwrap(),
    }
}

/// Asserts that each record of a report is accounted for.
#[track_caller]
pub(crate) fn assert_adds_up(report: &Value) {
    let count = |name: &str| count_in(report, name);
    let sum = count("recordsForwarded")
        + count("recordsForwardedEarlier")
        + count("recordsRefused")
        + count("recordsSkipped")
        + count("recordsUndelivered")
        + sampled(report);
    assert_eq!(count("recordsReceived"), sum, "{report}");
}

/// How many records were left out. Without any, the report does not have the count.
pub(crate) fn sampled(report: &Value) -> u64 {
    let count = report.get("recordsSampled");
    let count = count.map(|count| count.as_u64().filter(|count| *count > 0).unwrap());
    count.unwrap_or_default()
}
