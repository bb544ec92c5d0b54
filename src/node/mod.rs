//! The client of the Node: connections, exchanges, and what to do when one fails.
//!
//! [`Node::deliver`] takes chunks of records and settles each record: forwarded, refused, or
//! undelivered when time is up. Several connections work at a time, each on a thread of its own
//! that lives as long as the delivery. A connection is kept for the next event.
//!
//! ```text
//!  chunks ──> delivery ──> queue ──> worker ──────> connection ──> the Node
//!                 ^                   │  ^  └─ dial ────┘ made by
//!                 │                   v  │ what next
//!  verdicts <─────┴───── done ─────── job          progress: what all workers know of the Node
//! ```
//!
//! `job` decides, and draws the states of a record; `worker` does what it says. `progress` knows whether the
//! Node is down. Only `dial` and `connection` touch a socket.
//!
//! What fails, and how:
//!
//! * A connection that breaks on a Node that responds: the record whose response was due goes last, and
//!   the rest goes on over a fresh connection at once. If it breaks again on the same record, that
//!   one is left for the next pass.
//! * A connection that can't be made, or a Node that has responded to nothing yet, a timeout, 408, 425,
//!   429 and 5xx but 501: the record, or the rest, goes again after a pause with jitter, or the
//!   pause that `Retry-After` names. While the Node accepts others, five times; else as long as it
//!   takes.
//! * Nothing succeeds on any connection for `X_NODE_DOWN_AFTER_MS`: the Node is down, and the
//!   delivery ends instead of paying for every record.
//! * The deadline: what is left is undelivered.

mod connection;
mod delivery;
mod dial;
mod host;
mod job;
mod progress;
mod queue;
mod retry_after;
mod worker;

use std::time::{Duration, Instant};

use crate::account::{Outcome, Verdict};
use crate::config::NodeConfig;
use crate::error::Error;
use crate::wire::Writer;
pub(crate) use delivery::Delivery;
use dial::Dialer;
pub(crate) use host::NodeHost;
use progress::Progress;
use worker::{Context, Slot};

/// The Node, and the connections to it.
#[derive(Debug)]
pub(crate) struct Node {
    dialer: Dialer,
    down_after: Duration,
    /// One for each connection that may be open.
    slots: Vec<Slot>,
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
            down_after: config.down_after,
            slots: (0..config.connections).map(|_| Slot::default()).collect(),
        })
    }

    /// Runs `feed`, which hands chunks to the [`Delivery`], and returns when every record of them
    /// is settled. `settle` is called with each record's ordinal. `has_accepted`: the Node has accepted
    /// records of earlier events.
    pub(crate) fn deliver<R>(
        &mut self,
        writer: &Writer,
        deadline: Instant,
        has_accepted: bool,
        settle: &mut dyn FnMut(usize, Verdict),
        feed: impl FnOnce(&mut Delivery<'_, '_>) -> R,
    ) -> (R, Outcome) {
        let context = Context {
            dialer: &self.dialer,
            writer,
            progress: Progress::new(deadline, self.down_after, has_accepted),
        };
        let result = delivery::run(&context, &mut self.slots, settle, feed);
        (result, context.progress.into_outcome())
    }
}
