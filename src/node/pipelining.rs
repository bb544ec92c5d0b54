//! How many messages may be in flight on a connection, and how many records one worker should have at a time, as far as
//! this process has learned.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::job::MAX_WINDOW;

/// After so many messages without a loss the limit doubles again; after each further loss, four times as many.
const FIRST_PRICE: u64 = 1024;

/// The most that the price grows, in powers of four.
const MAX_COSTS: u32 = 6;

/// How many messages the smallest chunk of `resend` has.
const SMALLEST: u64 = 32;

/// A chunk may be that many times as large,
const MAX_SCALE: u64 = 8;

/// as long as it takes the Node no longer than that, in nanoseconds. Larger chunks cost less for each record, and
/// smaller ones share the work among more connections.
const CHUNK_TAKES: u64 = 12_000_000;

/// Rounds of fewer messages say more of the way to the Node than of the Node.
const LEAST_ROUND: usize = 16;

/// What pipelining may cost, and has cost.
///
/// A server that drops what follows the message it responds to costs a timeout each time, and one that resets costs a
/// connection. Each new connection would find that out again, so that it is remembered here, for the process.
#[derive(Debug)]
pub(super) struct Pipelining {
    limit: AtomicUsize,
    /// Messages since the limit has changed.
    clean: AtomicU64,
    costs: AtomicU32,
    /// How many nanoseconds a message takes, smoothed; zero where nothing is known.
    each: AtomicU64,
}

impl Pipelining {
    pub(super) fn new() -> Self {
        Self {
            limit: AtomicUsize::new(MAX_WINDOW),
            clean: AtomicU64::new(0),
            costs: AtomicU32::new(0),
            each: AtomicU64::new(0),
        }
    }

    /// How many messages a round may have.
    pub(super) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// A round of so many messages has lost some of them. `is_dropped`: the first one was responded to, and then nothing
    /// more came.
    pub(super) fn note_loss(&self, messages: usize, is_dropped: bool) {
        let lower = if is_dropped { 1 } else { (messages / 2).max(1) };
        let before = self.limit.fetch_min(lower, Ordering::Relaxed);
        // The others of the same time were composed before anybody knew.
        if messages <= before && lower < before {
            self.clean.store(0, Ordering::Relaxed);
            self.costs.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many times as large as the smallest ones chunks should be.
    pub(super) fn scale(&self) -> usize {
        let scale = match self.each.load(Ordering::Relaxed) {
            0 => 1,
            each => (CHUNK_TAKES / SMALLEST / each).clamp(1, MAX_SCALE),
        };
        if self.limit() < MAX_WINDOW {
            return 1;
        }
        usize::try_from(scale).unwrap_or(1)
    }

    /// A round of so many messages has lost none, and took so long.
    pub(super) fn note_clean(&self, messages: usize, took: Duration) {
        if messages >= LEAST_ROUND {
            let this = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX) / messages as u64;
            let each = match self.each.load(Ordering::Relaxed) {
                0 => this,
                each => each - each / 4 + this / 4,
            };
            // Of several workers one counts.
            self.each.store(each.max(1), Ordering::Relaxed);
        }
        let limit = self.limit();
        if limit == MAX_WINDOW {
            return;
        }
        let costs = self.costs.load(Ordering::Relaxed).clamp(1, MAX_COSTS);
        let price = FIRST_PRICE << (2 * (costs - 1));
        let messages = messages as u64;
        if self.clean.fetch_add(messages, Ordering::Relaxed) + messages >= price {
            self.clean.store(0, Ordering::Relaxed);
            self.limit
                .store((2 * limit).min(MAX_WINDOW), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pipelining_has_cost_is_remembered_and_tried_again_ever_more_rarely() {
        let pipelining = Pipelining::new();
        assert_eq!(pipelining.limit(), MAX_WINDOW);
        for (price, expected) in [(1024, 2), (4096, 2), (16_384, 2)] {
            pipelining.note_loss(2, false);
            // Another worker's round of the same time.
            pipelining.note_loss(2, true);
            assert_eq!(pipelining.limit(), 1);
            for _ in 1..price {
                pipelining.note_clean(1, Duration::ZERO);
                assert_eq!(pipelining.limit(), 1);
            }
            pipelining.note_clean(1, Duration::ZERO);
            assert_eq!(pipelining.limit(), expected);
        }
    }

    #[test]
    fn one_loss_halves_the_window() {
        let pipelining = Pipelining::new();
        pipelining.note_loss(32, false);
        pipelining.note_loss(32, false);
        pipelining.note_loss(20, false);
        assert_eq!(pipelining.limit(), 10);
        for _ in 0..4096 {
            pipelining.note_clean(10, Duration::ZERO);
        }
        assert_eq!(pipelining.limit(), MAX_WINDOW);
        // A server that responds to one message and drops the others.
        pipelining.note_loss(MAX_WINDOW, true);
        assert_eq!(pipelining.limit(), 1);
    }

    #[test]
    fn chunks_are_larger_where_the_node_is_quick() {
        let pipelining = Pipelining::new();
        assert_eq!(pipelining.scale(), 1);
        for (micros, expected) in [(1000, 1), (250, 1), (100, 3), (1, 8), (1000, 1)] {
            for _ in 0..40 {
                // A round of few messages says nothing.
                pipelining.note_clean(8, Duration::from_secs(1));
                pipelining.note_clean(32, Duration::from_micros(32 * micros));
            }
            assert_eq!(pipelining.scale(), expected, "{micros}");
        }
        pipelining.note_clean(32, Duration::ZERO);
        pipelining.note_loss(32, false);
        assert_eq!(pipelining.scale(), 1);
    }
}
