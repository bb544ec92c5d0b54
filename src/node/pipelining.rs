//! How many messages may be in flight on a connection, as far as this process has learned.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::job::MAX_WINDOW;

/// After so many messages without a loss the limit doubles again; after each further loss, four times as many.
const FIRST_PRICE: u64 = 1024;

/// The most that the price grows, in powers of four.
const MAX_COSTS: u32 = 6;

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
}

impl Pipelining {
    pub(super) fn new() -> Self {
        Self {
            limit: AtomicUsize::new(MAX_WINDOW),
            clean: AtomicU64::new(0),
            costs: AtomicU32::new(0),
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

    /// A round of so many messages has lost none.
    pub(super) fn note_clean(&self, messages: usize) {
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
                pipelining.note_clean(1);
                assert_eq!(pipelining.limit(), 1);
            }
            pipelining.note_clean(1);
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
        for _ in 0..1024 {
            pipelining.note_clean(10);
        }
        assert_eq!(pipelining.limit(), 32);
        // A server that responds to one message and drops the others.
        pipelining.note_loss(32, true);
        assert_eq!(pipelining.limit(), 1);
    }
}
