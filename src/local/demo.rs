//! The demonstration: the real pipeline between a stand-in for AWS and one for the Node.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    calls::Call,
    child::{self, Child, INIT_TIMEOUT},
    error::{CommandError, printing},
    input::{self, Input, Sink},
    inventory::{gather::Tally, model::Inventory, output::table::Look},
    summary::Summary,
    ui::{Progress, Ui, Unit},
};
use crate::standin::{
    cloudwatch::{Batcher, Event, Line},
    http::printable,
    node::{self, StandInNode},
    runtime_api::{FakeRuntimeApi, Outcome},
    sample::{FIRST_TIMESTAMP, sample_lines},
};

/// How long an invocation may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often to check whether the pipeline still runs.
const POLL: Duration = Duration::from_millis(100);
/// How much of an error's document is shown, in bytes.
const MAX_ERROR_BYTES: usize = 300;

/// How the pipeline is to talk to the Node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Two messages for each record.
    Resend,
    /// One document for many records.
    Batch,
}

/// Where the lines come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// So many lines made from the bundled sample.
    Sample(usize),
    /// All lines of a file.
    File(PathBuf),
}

/// What to demonstrate.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the lines come from.
    pub source: Source,
    /// How the pipeline talks to the Node.
    pub format: Format,
    /// Whether the stage is taken off the path.
    pub strip_stage: bool,
}

/// Runs the demonstration with `program bootstrap` as the pipeline, and writes its summary to `out`.
/// Returns whether everything adds up.
///
/// # Errors
///
/// Returns an error when a part of it can not be started, the lines can not be read or the pipeline
/// does not survive.
pub fn run(
    options: &Options,
    program: &Path,
    ui: &Ui,
    out: &mut dyn Write,
) -> Result<bool, CommandError> {
    let mut demo = Demo::start(options, program, ui)?;
    let sent = demo
        .await_init()
        .and_then(|()| demo.send_all(&options.source, ui));
    demo.progress = None;
    let failed = sent.err();
    let summary = demo.finish();
    if let Some(error) = failed {
        // The last output of the pipeline is the best explanation there is.
        for line in &summary.reports.others {
            writeln!(out, "{line}").map_err(printing)?;
        }
        return Err(error);
    }
    let look = Look {
        columns: ui.columns,
        has_color: ui.has_color,
        ..Look::default()
    };
    summary.write(look, out).map_err(printing)?;
    out.flush().map_err(printing)?;
    Ok(summary.problems().is_empty())
}

struct Demo {
    api: FakeRuntimeApi,
    node: StandInNode,
    child: Child,
    batcher: Batcher,
    /// How many lines of the sample were sent. Reading a file shows its own progress.
    progress: Option<Progress>,
    lines: u64,
    summary: Summary,
}

impl Demo {
    fn start(options: &Options, program: &Path, ui: &Ui) -> Result<Self, CommandError> {
        let api = FakeRuntimeApi::start().map_err(|e| {
            CommandError::with_cause("failed to start the stand-in for the Runtime API", e)
        })?;
        let node = StandInNode::start("127.0.0.1:0", node::Options::default()).map_err(|e| {
            CommandError::with_cause("failed to start the stand-in for the Node", e)
        })?;
        let child = Child::start(program, &variables(options, &api, &node)).map_err(|e| {
            CommandError::with_cause(format!("failed to start {}", program.display()), e)
        })?;
        Ok(Self {
            api,
            node,
            child,
            batcher: Batcher::new(
                "/aws/apigateway/example",
                "a5d703ebc3a9f1d2b4c6e8f0a1b2c3d4",
            ),
            progress: match &options.source {
                Source::Sample(count) => {
                    let total = u64::try_from(*count).ok();
                    Some(ui.progress(total, Unit::Things("lines")))
                }
                Source::File(_) => None,
            },
            lines: 0,
            summary: Summary::default(),
        })
    }

    fn await_init(&mut self) -> Result<(), CommandError> {
        let until = Instant::now() + INIT_TIMEOUT;
        loop {
            if let Some(first) = self.api.wait_first_next(POLL) {
                self.summary.init = first.checked_duration_since(self.child.started());
                return Ok(());
            }
            if let Some(post) = self.api.wait_init_error(Duration::ZERO) {
                return Err(CommandError::new(format!(
                    "failed to start the pipeline: {}",
                    excerpt(&post.body)
                )));
            }
            self.check_alive()?;
            if Instant::now() > until {
                return Err(CommandError::new(format!(
                    "failed to start the pipeline: expected its first /next within {} s, found none",
                    INIT_TIMEOUT.as_secs()
                )));
            }
        }
    }

    fn check_alive(&mut self) -> Result<(), CommandError> {
        match self.child.ended() {
            None => Ok(()),
            Some(status) => Err(CommandError::new(format!(
                "failed to run the pipeline: it ended with {status}"
            ))),
        }
    }

    fn send_all(&mut self, source: &Source, ui: &Ui) -> Result<(), CommandError> {
        match source {
            Source::Sample(count) => {
                for (timestamp, message) in (FIRST_TIMESTAMP..).zip(sample_lines(*count)) {
                    self.send(timestamp, message)?;
                }
            }
            Source::File(path) => {
                let inputs = [Input::from(path.clone().into_os_string())];
                let mut sink = Send {
                    demo: self,
                    next_timestamp: FIRST_TIMESTAMP,
                };
                input::read(&inputs, ui, &mut sink)?;
            }
        }
        let events = self.batcher.finish().map_err(building)?;
        self.invoke_all(events)
    }

    fn send(&mut self, timestamp: i64, message: String) -> Result<(), CommandError> {
        self.lines += 1;
        let line = Line::new(self.lines, timestamp, message);
        let events = self.batcher.push(line).map_err(building)?;
        self.invoke_all(events)
    }

    /// Invokes the function once for each event, one after another, as one execution environment is invoked.
    fn invoke_all(&mut self, events: Vec<Event>) -> Result<(), CommandError> {
        for event in events {
            let start = Instant::now();
            let invocation = self.api.invoke(&event.payload, TIMEOUT);
            let outcome = loop {
                if let Some(outcome) = invocation.wait(POLL) {
                    break outcome;
                }
                self.check_alive()?;
                if start.elapsed() > TIMEOUT {
                    return Err(CommandError::new(format!(
                        "failed to run the pipeline: expected a result within {} s, found none",
                        TIMEOUT.as_secs()
                    )));
                }
            };
            self.summary.wall += start.elapsed();
            self.summary.invocations += 1;
            let lines = u64::try_from(event.lines).unwrap_or(u64::MAX);
            self.summary.sent += lines;
            if let Some(progress) = &self.progress {
                progress.inc(lines);
            }
            match outcome {
                Outcome::Response(_) => {}
                Outcome::Error { error_type, body } => self.summary.failures.push(format!(
                    "invocation {} failed: {} {}",
                    invocation.request_id(),
                    printable(error_type.as_deref().unwrap_or("-")),
                    excerpt(&body)
                )),
                Outcome::Gone => self
                    .summary
                    .failures
                    .push(format!("invocation {} is gone", invocation.request_id())),
            }
        }
        Ok(())
    }

    /// Stops everything and returns the summary.
    fn finish(mut self) -> Summary {
        // The pipeline may print its report after its response: the next poll comes after both.
        let _ = self.api.wait_idle(POLL * 10);
        self.summary.usage = self.child.usage();
        self.summary.reports = self.child.stop();
        self.api.stop();
        self.node.stop();
        self.summary.node = self.node.snapshot();
        self.summary.inventory = inventory(&self.node);
        self.summary
    }
}

/// The inventory of what the Node has received.
fn inventory(node: &StandInNode) -> Inventory {
    let mut tally = Tally::default();
    node.each_call(&mut |call, time| {
        tally.count(&Call {
            host: call.host,
            method: call.method,
            path: call.path.as_bytes(),
            template: None,
            status: call.status,
            latency_ms: call.latency_ms,
            time: time.and_then(|time| i64::try_from(time).ok()),
        });
    });
    tally.finish().0
}

/// The environment of the pipeline: the variables that Lambda sets and those that the operator sets.
fn variables(
    options: &Options,
    api: &FakeRuntimeApi,
    node: &StandInNode,
) -> Vec<(&'static str, String)> {
    let format = match options.format {
        Format::Resend => "resend",
        Format::Batch => "batch",
    };
    let lambda = child::ENVIRONMENT.into_iter().chain(child::FUNCTION);
    let mut variables: Vec<_> = lambda.map(|(name, value)| (name, value.into())).collect();
    variables.extend([
        ("AWS_LAMBDA_RUNTIME_API", api.address()),
        ("X_NODE_URL", node.address().to_string()),
        ("X_NODE_SCHEME", "http".into()),
        ("X_NODE_FORMAT", format.into()),
        ("X_STRIP_STAGE", options.strip_stage.to_string()),
    ]);
    variables
}

/// Sends the lines of a file. Those without a time have made-up ones.
struct Send<'a> {
    demo: &'a mut Demo,
    next_timestamp: i64,
}

impl Sink for Send<'_> {
    fn begin(&mut self) {}

    fn line(&mut self, line: &input::Line<'_>) -> Result<(), CommandError> {
        let timestamp = line.timestamp.unwrap_or_else(|| {
            self.next_timestamp += 1;
            self.next_timestamp - 1
        });
        let text = String::from_utf8_lossy(line.text).into_owned();
        self.demo.send(timestamp, text)
    }
}

/// The start of an error's document, printable.
fn excerpt(body: &[u8]) -> String {
    let cut = &body[..body.len().min(MAX_ERROR_BYTES)];
    printable(&String::from_utf8_lossy(cut))
}

fn building(cause: std::io::Error) -> CommandError {
    CommandError::with_cause("failed to build an event", cause)
}
