//! The client of the Node: connections, exchanges, and what to do when one fails.
//!
//! [`Node::deliver`] takes chunks of records and settles each record: forwarded, refused, or
//! undelivered when the delivery ends. Several connections work at a time, each on a thread of its own
//! that lives as long as the delivery; an event of one chunk uses the caller's thread. A connection is kept for
//! the next event.
//!
//! ```text
//!  chunks ───> delivery ──── jobs ────> queue ──> worker ───> connection ──> tcp ──> the Node
//!                 │  ^                  ^ │        │   ^ └─ dial ──┘ made by
//!  verdicts <─────┘  └──── jobs, done ──│─┘        v   │ what next
//!         ^                jobs, again ─┘         job       progress: what all workers know of the Node
//!         └── claims, when the delivery ends ──────┘        pipelining: what the process knows of it
//! ```
//!
//! `job` decides, and draws the states of a record; `worker` does what it says. `progress` knows whether the
//! Node is down, and `pipelining` how many messages may be in flight, and how large chunks should be. `pace` says for how
//! long a connection is left alone while the Node works. Only `dial`, `connection` and `tcp` touch a
//! socket. `failure` has the words for what went wrong, `retry_after` reads that header, and `host` compares hosts
//! with the Node's own. `health` waits for the Node, with connections of its own.
//!
//! A response says only by its place on the connection which message it belongs to. So what it settles is a *claim*
//! of its connection until the delivery ends. Before each round, however large it is, and a last time at the end,
//! nothing may have come that no message has asked for; if something has, all claims of that connection are void, and
//! their records are sent again, or undelivered where their bytes are gone.
//!
//! What fails, and how:
//!
//! * A connection breaks, or brings something that is not HTTP, after it had brought responses: the record whose
//!   response was awaited goes last and alone, and the rest goes on over a fresh connection at once.
//! * No connection can be made, or new ones break before a response has come: the job goes back to the queue, where a
//!   worker with a connection takes it, and this worker pauses before it asks for a connection again.
//! * A timeout, 408, 425, 429, or 5xx except 501: only that record, or that batch, waits for the next pass. After
//!   such a response, the next pass goes over a new connection, and to the next address.
//! * A pass comes after a pause with jitter, or after the pause that `Retry-After` names. In between, the worker takes
//!   other jobs. `job` says when a record is given up.
//! * For `X_NODE_DOWN_AFTER_MS` after a failure, no connection got a final response, which is one that accepts or
//!   refuses: the Node is down, and the delivery ends instead of paying for every record. Waits that `Retry-After`
//!   asked for do not count, and neither do records that fail while others are accepted.
//! * The deadline: what is left is undelivered.

mod connection;
mod delivery;
mod dial;
mod failure;
mod health;
mod host;
mod job;
mod pace;
mod pipelining;
mod progress;
mod queue;
mod retry_after;
mod tcp;
mod worker;

use std::time::{Duration, Instant};

use crate::account::{Outcome, Verdict, Waited};
use crate::config::NodeConfig;
use crate::error::Error;
use crate::wire::Writer;
pub(crate) use delivery::Delivery;
use dial::Dialer;
#[cfg(feature = "cli")]
pub(crate) use failure::fix_of_tls;
pub(crate) use host::NodeHost;
use pipelining::Pipelining;
use progress::Progress;
use worker::{Context, Slot};

/// The Node, and the connections to it.
#[derive(Debug)]
pub(crate) struct Node {
    dialer: Dialer,
    pipelining: Pipelining,
    down_after: Duration,
    /// One for each connection that may be open.
    slots: Vec<Slot>,
    /// Nothing is sent, and every record counts as accepted.
    #[cfg(feature = "cli")]
    is_dry: bool,
}

impl Node {
    /// A Node that is not connected to yet.
    ///
    /// # Errors
    ///
    /// Where the address is no URI; the configuration has checked it before.
    pub(crate) fn new(config: &NodeConfig) -> Result<Self, Error> {
        Ok(Self {
            dialer: Dialer::new(config)?,
            pipelining: Pipelining::new(),
            down_after: config.down_after,
            slots: (0..config.connections).map(|_| Slot::default()).collect(),
            #[cfg(feature = "cli")]
            is_dry: false,
        })
    }

    /// From now on, nothing is sent, and every record counts as accepted: `cw-resend send --dry-run`.
    #[cfg(feature = "cli")]
    pub(crate) fn send_nothing(&mut self) {
        self.is_dry = true;
    }

    /// Runs `feed`, which hands chunks to the [`Delivery`], and returns when every record of them
    /// is settled. `settle` is called with each record's ordinal.
    pub(crate) fn deliver<R>(
        &mut self,
        writer: &Writer,
        deadline: Instant,
        settle: &mut dyn FnMut(usize, Verdict),
        feed: impl FnOnce(&mut Delivery<'_, '_>) -> R,
    ) -> (R, Outcome) {
        let context = Context {
            dialer: &self.dialer,
            pipelining: &self.pipelining,
            writer,
            progress: Progress::new(deadline, self.down_after),
            #[cfg(feature = "cli")]
            is_dry: self.is_dry,
        };
        let result = delivery::run(&context, &mut self.slots, settle, feed);
        (result, context.progress.into_outcome(self.dialer.place()))
    }

    /// Waits until the Node's health check at `path` has the response 200, for `time` at most.
    ///
    /// # Errors
    ///
    /// Where it has not.
    pub(crate) fn wait(
        &self,
        path: &str,
        time: Duration,
        deadline: Instant,
        waited: &mut Waited,
    ) -> Result<(), Error> {
        health::wait(&self.dialer, path, time, deadline, waited)
    }
}
