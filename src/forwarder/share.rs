//! What each item has of a delivery that it shares with others.
//!
//! API Gateway puts one line into each record of Firehose, and a delivery of its own has one connection and
//! one round for it: 300 of them would take 300 round trips. So records of Firehose, of which none comes again, are
//! delivered together:
//!
//! * The ordinals of a delivery go on across its items, so that a verdict belongs to the last item that begins at its
//!   ordinal or before. Ids and history have the place in the item, as ever.
//! * Each item has a `Feed` and an account of its own, and its end follows from these alone. What is common is the
//!   delivery's outcome: what the Node did last, and whether it accepts anything.
//! * Only the chunk that is being filled goes from one item to the next, and only with lines that came without a
//!   document, which all have the same source. If what such lines are from turns out not to be valid, they leave it, and
//!   those of others stay.
//! * A delivery ends when there is [enough](are_enough) in it, or when nothing more would be sent. What is left begins
//!   another one, so that a Node that comes back gets it.

use super::document::DocumentError;
use crate::account::Account;

/// How many items share a delivery: an account takes half a kilobyte.
const MAX_ITEMS: usize = 500;

/// How many log events of a delivery come before its last item: until it ends, it remembers the verdict on each.
const MAX_EVENTS: usize = 10_000;

/// An item's share of a delivery.
pub(super) struct Share {
    /// The ordinal of its first log event.
    first: usize,
    pub(super) account: Account,
    /// How many of the undelivered lines nobody has tried to deliver, since what they are from is not valid.
    pub(super) withheld: u64,
    /// Whether it was read to its end.
    pub(super) read: Result<(), DocumentError>,
}

impl Share {
    pub(super) fn new(first: usize) -> Self {
        Self {
            first,
            account: Account::default(),
            withheld: 0,
            read: Ok(()),
        }
    }

    /// Whether the Node has accepted some of it.
    pub(super) fn is_accepted(&self) -> bool {
        self.account.counts.forwarded > 0
    }
}

/// The share that a log event belongs to.
pub(super) fn of(shares: &mut [Share], ordinal: usize) -> Option<&mut Share> {
    // Those without log events begin where the next one does, and stand before it.
    let after = shares.partition_point(|share| share.first <= ordinal);
    shares[..after].last_mut()
}

/// Whether a delivery of so many items and log events gets no other one.
pub(super) fn are_enough(items: usize, events: usize) -> bool {
    items >= MAX_ITEMS || events >= MAX_EVENTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_event_belongs_to_the_item_that_has_it() {
        // The second and the fourth item have none.
        let mut shares: Vec<Share> = [0, 2, 2, 3, 3].map(Share::new).into();
        for (ordinal, item) in [(0, 0), (1, 0), (2, 2), (3, 4), (9, 4)] {
            let first = of(&mut shares, ordinal).map(|share| {
                share.withheld += 1;
                share.first
            });
            assert!(first <= Some(ordinal));
            assert_eq!(shares[item].withheld, 1, "{ordinal}");
            shares[item].withheld = 0;
        }
    }
}
