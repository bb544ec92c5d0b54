//! `cw-resend node`: the stand-in for the Node, live, and what another forwarder sends that this function would not.

mod compare;
mod differences;
mod live;
mod pairs;
mod settings;
mod show;

use std::{
    path::PathBuf,
    sync::mpsc::Receiver,
    thread,
    time::{Duration, Instant},
};

use super::{Status, error::CommandError, interrupt::Interrupt, ui::Ui};
use crate::standin::node::{Seen, StandInNode};

/// Run the stand-in for the Node, and show what arrives.
///
/// Ctrl-C ends it, with a summary. With --compare it tells what another forwarder, such as the Python function, sends
/// for the lines of a log that this function would not: point that forwarder at the address, and give it the same
/// lines. Variables with X_ are this function's settings then. The exit status is 1 where something is wrong or differs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5050")]
    pub listen: String,
    /// Print JSON: an object for each call, or one with all differences.
    #[arg(long)]
    pub json: bool,
    /// End after this many calls.
    #[arg(long, value_name = "N", conflicts_with = "compare")]
    pub calls: Option<u64>,
    /// End after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub r#for: Option<u64>,
    /// The log whose lines the other forwarder is given, or - for standard input.
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Write the same lines as the event of a subscription, for a function that is run by hand.
    #[arg(long, value_name = "FILE", requires = "compare")]
    pub event: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
///
/// Returns an error when the address can not be bound, the log can not be read, or `out` fails.
pub fn run(args: &Args, ui: &Ui, out: &mut dyn std::io::Write) -> Result<Status, CommandError> {
    match &args.compare {
        Some(file) => compare::run(args, file, ui, out),
        None => live::run(args, ui, out),
    }
}

/// When to end.
#[derive(Debug)]
struct End {
    interrupt: Interrupt,
    at: Option<Instant>,
}

impl End {
    /// Begins to wait for Ctrl-C, and for the time that the operator has given.
    fn new(args: &Args) -> Result<Self, CommandError> {
        let duration = args.r#for.map(Duration::from_secs);
        Ok(Self {
            interrupt: Interrupt::watch()?,
            // A time that the clock can not have never comes.
            at: duration.and_then(|duration| Instant::now().checked_add(duration)),
        })
    }

    fn has_come(&self) -> bool {
        self.interrupt.is_set() || self.at.is_some_and(|at| Instant::now() >= at)
    }
}

/// How often to look whether the end has come.
const POLL: Duration = Duration::from_millis(50);

/// Stops the stand-in. Whatever it still tells is taken: what it has responded to is never left out.
fn stop(node: &mut StandInNode, events: &Receiver<Seen>, mut take: impl FnMut(Seen)) {
    thread::scope(|scope| {
        // A thread that waits to tell something has to end before its connection can.
        let stopping = scope.spawn(|| node.stop());
        while !stopping.is_finished() {
            if let Ok(seen) = events.recv_timeout(POLL) {
                take(seen);
            }
        }
    });
    events.try_iter().for_each(take);
}

fn listening(address: &str, cause: std::io::Error) -> CommandError {
    CommandError::with_cause(format!("failed to listen on {address}"), cause)
}
