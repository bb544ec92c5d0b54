//! `--rate`: how many records a second are sent.

use std::time::{Duration, Instant};

/// Says when the next batch may go.
#[derive(Debug)]
pub(super) struct Pace {
    /// Records a second, if there is a limit.
    rate: Option<f64>,
    next: Option<Instant>,
}

impl Pace {
    pub(super) fn new(rate: Option<f64>) -> Self {
        Self { rate, next: None }
    }

    /// When the next batch may go, if it has to wait.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Notes that a batch was begun then which has brought so many records to the Node. Time in which fewer were sent
    /// than may be is not made up for: the Node gets no burst.
    pub(super) fn note(&mut self, begun: Instant, records: u64) {
        let Some(rate) = self.rate else {
            return;
        };
        // A batch has at most some thousands, which a float holds.
        #[allow(clippy::cast_precision_loss)]
        let takes = Duration::try_from_secs_f64(records as f64 / rate).unwrap_or(Duration::MAX);
        let from = self.next.map_or(begun, |next| next.max(begun));
        self.next = from.checked_add(takes).or(self.next);
    }

    /// How many lines a batch may have, so that it brings what the rate allows in so many seconds.
    pub(super) fn batch(&self, seconds: f64, most: usize) -> usize {
        match self.rate {
            // It is between the two limits.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            // A batch of so many is far below what a float miscounts.
            #[allow(clippy::cast_precision_loss)]
            Some(rate) => (rate * seconds).clamp(1.0, most as f64) as usize,
            None => most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_waits_for_what_was_sent_before_and_nothing_is_made_up_for() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut pace = Pace::new(Some(10.0));
        assert_eq!(pace.next(), None);
        pace.note(at(0), 20);
        assert_eq!(pace.next(), Some(at(2)));
        pace.note(at(2), 10);
        assert_eq!(pace.next(), Some(at(3)));
        // The Node was slow, and is not paid back for it.
        pace.note(at(60), 10);
        assert_eq!(pace.next(), Some(at(61)));
        // What was skipped takes no time.
        pace.note(at(61), 0);
        assert_eq!(pace.next(), Some(at(61)));
        let mut unlimited = Pace::new(None);
        unlimited.note(at(0), 1_000_000);
        assert_eq!(unlimited.next(), None);
    }

    #[test]
    fn batches_are_small_where_the_rate_is() {
        for (rate, expected) in [
            (Some(0.1), 1),
            (Some(2.0), 1),
            (Some(400.0), 100),
            (Some(1e9), 500),
            (None, 500),
        ] {
            assert_eq!(Pace::new(rate).batch(0.25, 500), expected, "{rate:?}");
        }
    }
}
