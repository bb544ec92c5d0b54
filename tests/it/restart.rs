//! A Node whose process is really killed in the middle of an event: `cw-resend node`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cw_resend_lambda::standin::node::{Fault, Options, StandInNode};

use crate::delivery::restart_after;
use crate::harness::{Function, PATIENCE, assert_adds_up, assert_got_all, event_of_calls, node_at};
use crate::port::Port;

/// `cw-resend node`, which is killed when the test ends.
struct NodeProcess(Child);

impl NodeProcess {
    fn start(port: &Port) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cw-resend"))
            .args(["node", "--listen", &port.address.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        assert_eq!(first, format!("listening on {}", port.address));
        std::thread::spawn(move || lines.count());
        Self(child)
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The Node is killed half-way and started again within the deadline. Nothing is lost, and at most the
/// messages in flight are repeated.
#[test]
fn a_node_that_comes_back_gets_everything() {
    for pause in [0, 700, 4000].map(Duration::from_millis) {
        // Slow enough that it can be stopped half-way.
        let port = Port::new();
        let options = Options::with_fault(|_, _| Fault::delay(Duration::from_micros(300)));
        let mut node = StandInNode::start(port.address, options).unwrap();
        let function = Function::start(&node, &[]);
        let invocation = function.begin(&event_of_calls(3000), Duration::from_secs(60));
        restart_after(&mut node, 1500, pause);
        let (result, report) = function.outcome_of(|| invocation);
        assert_eq!(result.unwrap()["forwarded"], 3000);
        assert_adds_up(&report);
        assert_got_all(&node, 3000);
        let snapshot = node.snapshot();
        // Eight connections with at most 32 messages each.
        let in_flight = 8 * 32;
        let repeated = snapshot.repeated_requests + snapshot.repeated_responses;
        assert!(repeated <= in_flight, "{snapshot:?}");
    }
}

/// The Node is killed and does not come back. The invocation fails in time, and accounts for every record.
#[test]
fn a_node_that_does_not_come_back_fails_the_event_with_counts() {
    let port = Port::new();
    let mut node = NodeProcess::start(&port);
    let function = Function::start_with(&[
        ("X_NODE_URL", &port.url()),
        ("X_NODE_TIMEOUT_MS", "500"),
        ("X_NODE_DOWN_AFTER_MS", "500"),
    ]);
    let event = event_of_calls(7000);
    let invocation = function.begin(&event, Duration::from_secs(60));
    std::thread::sleep(Duration::from_millis(15));
    node.kill();
    let started = Instant::now();
    let (result, report) = function.outcome_of(|| invocation);
    assert!(started.elapsed() < PATIENCE);
    // On a fast machine it may have received everything already; then there is nothing to check.
    let failed = match result {
        Err(failed) => failed,
        Ok(result) => {
            assert_eq!(result["forwarded"], 7000);
            return;
        }
    };
    assert_eq!(failed.error_type, "Function.RecordsUndelivered");
    let undelivered = report["recordsUndelivered"].as_u64().unwrap();
    assert!(
        failed
            .message
            .contains(&format!("{undelivered} of 7000 records")),
        "{failed:?}"
    );
    assert_adds_up(&report);
}

/// Lambda freezes the execution environment between two events. Open connections may be closed when it thaws.
#[cfg(target_os = "linux")]
#[test]
fn a_frozen_function_goes_on_where_it_was() {
    let port = Port::new();
    let mut node = node_at(&port);
    let function = Function::start(&node, &[]);
    function
        .invoke(&event_of_calls(50), Duration::from_secs(60))
        .unwrap();
    assert!(function.api.wait_idle(PATIENCE));
    signal(function.pid(), "STOP");
    node.restart().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    signal(function.pid(), "CONT");
    let result = function.invoke(&event_of_calls(50), Duration::from_secs(60));
    assert_eq!(result.unwrap()["forwarded"], 50);
    assert_eq!(node.snapshot().violations, Vec::<String>::new());
}

#[cfg(target_os = "linux")]
fn signal(pid: u32, name: &str) {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status();
    assert!(status.unwrap().success());
}
