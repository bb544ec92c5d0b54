//! `cw-resend invoke`: the function on one event, on this machine.

use std::{
    env,
    ffi::OsString,
    fs::File,
    io::{self, Read, Write},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Status,
    child::{self, Child, INIT_TIMEOUT},
    error::{CommandError, printing},
    escape::{self, terminal},
    ui::Ui,
};
use crate::standin::{
    cloudwatch::{gzip, wrap},
    node::{self, StandInNode},
    runtime_api::{FakeRuntimeApi, Outcome},
};

/// Lambda takes no larger event, in bytes.
const MAX_EVENT: u64 = 6 * 1024 * 1024;
/// How often to check whether the function still runs.
const POLL: Duration = Duration::from_millis(50);
/// How long the function's last lines may take.
const END: Duration = Duration::from_secs(1);

/// Run the function on one event, on this machine.
///
/// Variables with X_ are its settings. Its response, or its error, goes to standard output, and its own log to standard
/// error. The exit status is 1 where the invocation failed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The event as Lambda hands it out, or a decoded document of a subscription; - for standard input.
    #[arg(value_name = "EVENT")]
    pub event: OsString,
    /// The Node. A stand-in by default, which takes everything.
    #[arg(long, value_name = "URL")]
    pub node: Option<String>,
    /// The function's timeout.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=900))]
    pub timeout: u64,
}

/// Runs the command.
///
/// # Errors
///
/// Returns an error when the event can not be read, the function can not be started, or `out` fails.
pub fn run(args: &Args, ui: &Ui, out: &mut dyn Write) -> Result<Status, CommandError> {
    let event = event(&args.event)?;
    let api =
        FakeRuntimeApi::start().map_err(|e| failed("start the stand-in for the Runtime API", e))?;
    let node = match &args.node {
        Some(_) => None,
        None => Some(
            StandInNode::start("127.0.0.1:0", node::Options::default())
                .map_err(|e| failed("start the stand-in for the Node", e))?,
        ),
    };
    let timeout = Duration::from_secs(args.timeout);
    let mut function = start(args, &api, node.as_ref())?;
    let end = await_end(&mut function, &api, &event, timeout);
    print(&function.stop(), ui);
    let (status, document) = match end? {
        End::Response(body) => {
            warn_of_failed_items(&body, ui);
            (Status::Clean, body)
        }
        End::Error(body) => (Status::Found, body),
        End::Timeout => {
            // As Lambda words it.
            let text = format!("Task timed out after {}.00 seconds", args.timeout);
            let body = serde_json::json!({"errorType": "Sandbox.Timedout", "errorMessage": text});
            (Status::Found, body.to_string().into_bytes())
        }
        End::Exit(text) => {
            let body = serde_json::json!({"errorType": "Runtime.ExitError", "errorMessage": text});
            (Status::Found, body.to_string().into_bytes())
        }
    };
    let document = String::from_utf8_lossy(&document);
    writeln!(out, "{}", terminal(&document)).map_err(printing)?;
    if let Some(node) = node {
        let now = node.snapshot();
        if now.violation_count > 0 {
            let first = now.violations.first().map_or("", String::as_str);
            ui.warn(&format!(
                "the stand-in for the Node found {} messages wrong, the first: {first}",
                now.violation_count
            ));
        }
    }
    Ok(status)
}

/// How an invocation ends.
enum End {
    Response(Vec<u8>),
    Error(Vec<u8>),
    Timeout,
    Exit(String),
}

/// Reads the event. A decoded document is wrapped as a subscription does it.
fn event(argument: &OsString) -> Result<Vec<u8>, CommandError> {
    let name = match argument == "-" {
        true => "standard input".to_string(),
        false => escape::path(argument),
    };
    let failed = |cause: io::Error| {
        CommandError::with_cause(format!("failed to read an event from {name}"), cause)
    };
    let mut event = Vec::new();
    let reader: Box<dyn Read> = match argument == "-" {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(argument).map_err(failed)?),
    };
    let length = reader
        .take(MAX_EVENT + 1)
        .read_to_end(&mut event)
        .map_err(failed)?;
    let wrong =
        |what: &str| CommandError::new(format!("failed to read an event from {name}: {what}"));
    if u64::try_from(length).unwrap_or(u64::MAX) > MAX_EVENT {
        return Err(wrong(
            "it has more than 6 MiB, which is the most that Lambda takes",
        ));
    }
    let document: Value = serde_json::from_slice(&event)
        .map_err(|_| wrong("it is no JSON; `cw-resend demo --log` takes lines of a log"))?;
    if document.get("messageType").is_some() && document.get("logEvents").is_some() {
        return Ok(wrap(&gzip(&event).map_err(failed)?));
    }
    Ok(event)
}

/// The process, and the lines that it prints.
type Function = Child<Vec<Vec<u8>>>;

fn start(
    args: &Args,
    api: &FakeRuntimeApi,
    node: Option<&StandInNode>,
) -> Result<Function, CommandError> {
    let program = env::current_exe().map_err(|e| failed("find this program", e))?;
    let mut command = Command::new(program);
    command
        .env("AWS_LAMBDA_RUNTIME_API", api.address())
        .envs(child::ENVIRONMENT);
    for (name, value) in child::FUNCTION {
        if env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    if let Some(node) = node {
        command
            .env("X_NODE_URL", node.address().to_string())
            .env("X_NODE_SCHEME", "http");
    } else if let Some(url) = &args.node {
        command.env("X_NODE_URL", url);
    }
    Function::spawn(command, keep_lines).map_err(|e| failed("start the function", e))
}

/// Hands out the event, and waits for what comes of it.
fn await_end(
    function: &mut Function,
    api: &FakeRuntimeApi,
    event: &[u8],
    timeout: Duration,
) -> Result<End, CommandError> {
    let started = Instant::now();
    while api.wait_first_next(POLL).is_none() {
        if let Some(post) = api.wait_init_error(Duration::ZERO) {
            return Ok(End::Error(post.body));
        }
        if let Some(text) = exit(function) {
            return Ok(End::Exit(text));
        }
        if started.elapsed() > INIT_TIMEOUT {
            return Err(CommandError::new(format!(
                "failed to start the function: it has not asked for an event within {} s",
                INIT_TIMEOUT.as_secs()
            )));
        }
    }
    let started = Instant::now();
    let invocation = api.invoke(event, timeout);
    loop {
        match invocation.wait(POLL) {
            Some(Outcome::Response(body)) => {
                // Its line may come after its response; the next poll comes after both.
                let _ = api.wait_idle(END);
                return Ok(End::Response(body));
            }
            Some(Outcome::Error { body, .. }) => {
                let _ = api.wait_idle(END);
                return Ok(End::Error(body));
            }
            Some(Outcome::Gone) => {
                return Ok(End::Exit("the invocation is gone".to_string()));
            }
            None => {}
        }
        if let Some(text) = exit(function) {
            return Ok(End::Exit(text));
        }
        if started.elapsed() > timeout {
            return Ok(End::Timeout);
        }
    }
}

fn exit(function: &mut Function) -> Option<String> {
    let status = function.ended()?;
    Some(format!("the function ended with {status}"))
}

/// Prints the function's log.
fn print(lines: &[Vec<u8>], ui: &Ui) {
    if ui.quiet {
        return;
    }
    let mut stderr = io::stderr().lock();
    for line in lines {
        // A failure of this can not be reported anywhere.
        let _ = writeln!(stderr, "{}", terminal(&String::from_utf8_lossy(line)));
    }
}

/// Keeps what the function prints: a line or two for an invocation.
fn keep_lines(lines: &mut dyn Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    const MAX_LINES: usize = 1_000;
    let mut kept = Vec::new();
    // All are read, so that the function can go on.
    for line in lines {
        if kept.len() < MAX_LINES && !line.is_empty() {
            kept.push(line);
        }
    }
    kept
}

/// A response may name items that failed, of which Lambda sees a success.
fn warn_of_failed_items(body: &[u8], ui: &Ui) {
    let response: Value = serde_json::from_slice(body).unwrap_or_default();
    let failures = response
        .get("batchItemFailures")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if failures > 0 {
        ui.warn(&format!(
            "{failures} items of the event failed, which Lambda hands out again"
        ));
    }
}

fn failed(what: &str, cause: io::Error) -> CommandError {
    CommandError::with_cause(format!("failed to {what}"), cause)
}
