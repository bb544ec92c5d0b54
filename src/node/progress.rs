//! How a delivery as a whole goes, as all of its workers know it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::queue::{into_inner, lock};
use crate::account::{Outcome, Stats};

/// Within so many milliseconds after it has last given a final response, the Node counts as one that accepts others.
const JUST_NOW: u64 = 1000;

/// So many jobs have to be told to wait for too long before nothing more is sent: one of them may have met a backend
/// that is ill while the others are well.
const LONG_WAITS: u64 = 4;

pub(super) struct Progress {
    started: Instant,
    /// When every worker has to end.
    pub(super) deadline: Instant,
    down_after: Duration,
    /// When the first failure was noted since something has succeeded, in milliseconds since the start;
    /// [`Self::FINE`] where none was.
    failing_since: AtomicU64,
    /// How many messages the Node has responded to with anything but "try again".
    responses: AtomicU64,
    /// It has accepted one of them.
    has_accepted: AtomicBool,
    /// How many workers have a connection that has accepted a message of this delivery.
    connected: AtomicUsize,
    /// How many jobs were told to wait for longer than there is time.
    long_waits: AtomicU64,
    has_given_up: AtomicBool,
    last_failure: Mutex<Option<String>>,
    stats: Mutex<Stats>,
}

impl Progress {
    const FINE: u64 = u64::MAX;

    pub(super) fn new(deadline: Instant, down_after: Duration) -> Self {
        Self {
            started: Instant::now(),
            deadline,
            down_after,
            failing_since: AtomicU64::new(Self::FINE),
            responses: AtomicU64::new(0),
            has_accepted: AtomicBool::new(false),
            connected: AtomicUsize::new(0),
            long_waits: AtomicU64::new(0),
            has_given_up: AtomicBool::new(false),
            last_failure: Mutex::new(None),
            stats: Mutex::new(Stats::default()),
        }
    }

    /// Whether nothing more is to be sent: time is up, the Node is down, or it wants to be left
    /// alone for longer than there is time.
    pub(super) fn is_over(&self) -> bool {
        self.has_given_up.load(Ordering::Relaxed)
            || Instant::now() >= self.deadline
            || self.is_down()
    }

    /// Whether nothing has succeeded since the last failure.
    fn is_failing(&self) -> bool {
        self.failing_since.load(Ordering::Relaxed) != Self::FINE
    }

    fn is_down(&self) -> bool {
        let since = self.failing_since.load(Ordering::Relaxed);
        since != Self::FINE && self.now().saturating_sub(since) >= milliseconds(self.down_after)
    }

    /// The Node has asked for a longer wait than there is time. Where it has asked several jobs for that, and accepted
    /// or refused nothing, the delivery ends.
    pub(super) fn note_long_wait(&self) {
        let waits = self.long_waits.fetch_add(1, Ordering::Relaxed) + 1;
        if waits >= LONG_WAITS && self.responses() == 0 {
            self.has_given_up.store(true, Ordering::Relaxed);
        }
    }

    /// Notes that a worker has a connection now that has accepted a message, or has it no more.
    pub(super) fn note_connected(&self, is_connected: bool) {
        if is_connected {
            self.connected.fetch_add(1, Ordering::Relaxed);
        } else {
            self.connected.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether a worker has such a connection.
    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed) > 0
    }

    /// The Node has accepted so many messages, and refused so many.
    pub(super) fn note_responses(&self, accepted: u32, refused: u32) {
        let final_ones = u64::from(accepted) + u64::from(refused);
        if final_ones == 0 {
            return;
        }
        self.responses.fetch_add(final_ones, Ordering::Relaxed);
        if accepted > 0 {
            self.has_accepted.store(true, Ordering::Relaxed);
        }
        if self.is_failing() {
            self.failing_since.store(Self::FINE, Ordering::Relaxed);
        }
    }

    /// Something went wrong, and this is what the report says of it.
    pub(super) fn note_reason(&self, why: String) {
        *lock(&self.last_failure) = Some(why);
    }

    /// Something went wrong that may mean that the Node is down.
    pub(super) fn note_failing(&self) {
        // Only the first failure in a row sets the time.
        let _ = self.failing_since.compare_exchange(
            Self::FINE,
            self.now(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// The Node has asked for this time: it does not count as failing.
    pub(super) fn note_waited(&self, wait: Duration) {
        // Several workers wait at the same time, so that the sum of their waits may be too much.
        let now = self.now();
        let _ = self
            .failing_since
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |since| {
                (since != Self::FINE).then(|| since.saturating_add(milliseconds(wait)).min(now))
            });
    }

    pub(super) fn responses(&self) -> u64 {
        self.responses.load(Ordering::Relaxed)
    }

    /// Whether the Node has accepted messages of this delivery, and has not failed for long since.
    pub(super) fn is_accepting(&self) -> bool {
        let since = self.failing_since.load(Ordering::Relaxed);
        let fails_for = match since {
            Self::FINE => 0,
            since => self.now().saturating_sub(since),
        };
        self.has_accepted.load(Ordering::Relaxed) && fails_for < JUST_NOW
    }

    pub(super) fn add(&self, stats: &Stats) {
        lock(&self.stats).add(stats);
    }

    pub(super) fn into_outcome(self, node: String) -> Outcome {
        Outcome {
            node,
            stats: into_inner(self.stats),
            last_failure: into_inner(self.last_failure),
        }
    }

    fn now(&self) -> u64 {
        milliseconds(self.started.elapsed())
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
