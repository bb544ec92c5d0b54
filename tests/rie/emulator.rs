//! AWS's Runtime Interface Emulator with the function in it.

use std::{
    env, fs,
    io::{self, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use ureq::Agent;

use crate::port::Port;

/// How long the emulator may take to listen, and both processes to end once they are killed.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the emulator gives the function for an event, in seconds.
const FUNCTION_TIMEOUT: u64 = 30;
/// How long a response may take: longer than the function may, so that the emulator's timeout ends first.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(FUNCTION_TIMEOUT + 15);
const POLL: Duration = Duration::from_millis(20);

/// A running emulator. It starts the function at the first event. Dropping it kills both.
#[derive(Debug)]
pub(crate) struct Emulator {
    process: Child,
    /// What it listens at, for the function and for events.
    ports: [Port; 2],
    agent: Agent,
    output: Receiver<Vec<u8>>,
}

/// The response to an event.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Response {
    /// The error's message, if the response is an error of this type.
    #[track_caller]
    pub(crate) fn error(&self, error_type: &str) -> &str {
        assert_eq!(self.body["errorType"], error_type, "{self:?}");
        let message = self.body["errorMessage"].as_str();
        message.expect("an error has a message")
    }
}

impl Emulator {
    /// Starts the emulator for a function with these variables and no others.
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        let program = env::var_os("CW_RESEND_RIE").expect(
            "CW_RESEND_RIE is not set: run tests/slow, which installs the Runtime Interface \
             Emulator and runs these tests with it",
        );
        let function = env::var_os("CW_RESEND_BOOTSTRAP")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_bootstrap").into());
        let ports = [Port::new(), Port::new()];
        // Both processes write into one pipe, so that it ends when both are gone.
        let (mut reader, writer) = io::pipe().expect("the system has pipes");
        let errors = writer.try_clone().expect("a pipe's end can be shared");
        let process = Command::new(&program)
            .arg("--runtime-api-address")
            .arg(ports[0].address.to_string())
            .arg("--runtime-interface-emulator-address")
            .arg(ports[1].address.to_string())
            .args(["--log-level", "error"])
            .arg(&function)
            // The emulator passes its whole environment on. The function must get none of ours.
            .env_clear()
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", FUNCTION_TIMEOUT.to_string())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {}: {error}", program.display()));
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            // If reading fails, the output up to there is all that can be shown.
            let _ = reader.read_to_end(&mut text);
            // The test may be over.
            let _ = sender.send(text);
        });
        let mut emulator = Self {
            process,
            ports,
            agent: agent(),
            output,
        };
        emulator.wait_until_listening();
        emulator
    }

    fn wait_until_listening(&mut self) {
        let until = Instant::now() + PROCESS_TIMEOUT;
        loop {
            let ended = self.process.try_wait();
            assert!(
                matches!(ended, Ok(None)),
                "the emulator ends before it listens: {ended:?}"
            );
            if TcpStream::connect_timeout(&self.ports[1].address, POLL).is_ok() {
                return;
            }
            assert!(
                Instant::now() < until,
                "the emulator does not listen within {PROCESS_TIMEOUT:?}"
            );
            thread::sleep(POLL);
        }
    }

    /// Invokes the function with an event, and waits for the response.
    #[track_caller]
    pub(crate) fn invoke(&self, event: &[u8]) -> Response {
        let url = format!(
            "http://{}/2015-03-31/functions/function/invocations",
            self.ports[1].address
        );
        let mut response = match self.agent.post(url).send(event) {
            Ok(response) => response,
            Err(error) => panic!("the emulator does not respond: {error}"),
        };
        let body = response.body_mut().read_to_vec();
        let body = body.expect("the emulator's response is complete");
        Response {
            status: response.status().as_u16(),
            body: serde_json::from_slice(&body).unwrap_or_else(|error| {
                let text = String::from_utf8_lossy(&body);
                panic!("the emulator's response is not JSON: {error}: {text}")
            }),
        }
    }

    /// Kills both processes and returns everything that they printed.
    #[track_caller]
    pub(crate) fn stop(mut self) -> String {
        self.kill();
        match self.output.recv_timeout(PROCESS_TIMEOUT) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            Err(RecvTimeoutError::Timeout) => {
                panic!("the function still runs {PROCESS_TIMEOUT:?} after its emulator was killed")
            }
            Err(RecvTimeoutError::Disconnected) => panic!("the thread that reads the output died"),
        }
    }

    fn kill(&mut self) {
        if matches!(self.process.try_wait(), Ok(Some(_))) {
            return;
        }
        // The function is in a process group of its own. So it must be found while the emulator is still
        // its parent.
        let children = children(self.process.id());
        // Both fail only where the emulator has ended in between.
        let _ = self.process.kill();
        let _ = self.process.wait();
        for child in children {
            // The standard library only signals its own children, and a shell is everywhere. It
            // fails if the child has ended, which is just as well.
            let _ = Command::new("/bin/sh")
                .args(["-c", "kill -KILL \"$0\" 2>/dev/null", &child.to_string()])
                .status();
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking()
            && let Ok(text) = self.output.recv_timeout(PROCESS_TIMEOUT)
        {
            // The output of both is the best explanation of a failure. If it can't be written, that can't be
            // reported either.
            let _ = io::stderr().write_all(&text);
        }
    }
}

/// A client that returns a response with an error status like any other, and uses no proxy.
fn agent() -> Agent {
    Agent::config_builder()
        .timeout_global(Some(RESPONSE_TIMEOUT))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into()
}

/// The processes whose parent is this one.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id: &u32| parent_of(*id) == Some(parent))
        .collect()
}

fn parent_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name of the program is in parentheses and may hold spaces: count after it.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
}
