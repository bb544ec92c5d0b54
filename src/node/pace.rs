//! How fast responses come on a connection, and for how long it can be left alone: one read then takes many of them.
//!
//! A worker that waits for each response is woken for each, and at a millisecond a message that was nine tenths of
//! what a record cost. So it pauses for most of the time that the rest of its round will take, then for most of what
//! is left then, and waits for the last ones as they come. What is expected is the least of what earlier rounds and
//! this one have shown, so that a Node that has become faster, or responds in bursts, is not waited for in vain.

use std::time::Duration;

/// A shorter pause saves little: it is itself a wake-up, and Linux ends it some 50 µs late, or later where there is
/// other work.
const SHORTEST: Duration = Duration::from_micros(400);

/// Longer ones would save no more, and whatever happens meanwhile is noticed that much later.
const LONGEST: Duration = Duration::from_millis(250);

/// How late a pause may end.
const SLACK: Duration = Duration::from_micros(60);

/// So many responses, and one in eight, are not waited for by a pause: the Node may be faster than it was.
const RESERVE: u32 = 2;

/// Rounds of fewer messages say little.
const LEAST_ROUND: u32 = 4;

#[derive(Debug, Default)]
pub(super) struct Pace {
    /// From one response to the next, as earlier rounds have shown it.
    each: Option<Duration>,
    /// From when the round was written to its first response.
    first: Duration,
    /// What was read last came after a pause.
    has_paused: bool,
    /// So was the last response of the round before.
    was_late: bool,
}

impl Pace {
    /// Notes that the first response of a round has come, so long after the round was written.
    pub(super) fn begin(&mut self, first: Duration) {
        self.first = first;
        self.has_paused = false;
    }

    /// For how long to leave the connection alone where so many responses of the round have come, it was written so
    /// long ago, and so many are left.
    pub(super) fn pause(&mut self, came: u32, since_written: Duration, left: u32) -> Duration {
        self.has_paused = false;
        let Some(each) = self.each else {
            return Duration::ZERO;
        };
        let of_round = match came {
            // The first response says what the Node is like now, but includes the way there and back.
            0 => return Duration::ZERO,
            1 | 2 => self.first,
            _ => since_written.saturating_sub(self.first) / (came - 1),
        };
        let rest = left.saturating_sub(RESERVE + left / 8);
        let pause = (each.min(of_round) * rest).saturating_sub(SLACK);
        if rest < 2 || pause < SHORTEST {
            return Duration::ZERO;
        }
        pause.min(LONGEST)
    }

    /// Notes that the connection was left alone.
    pub(super) fn note_paused(&mut self) {
        self.has_paused = true;
    }

    /// Whether it was, since the last wait for a response began.
    pub(super) fn has_paused(&self) -> bool {
        self.has_paused
    }

    /// Notes that the last response of a round of so many messages has come, so long after it was written.
    pub(super) fn end(&mut self, messages: u32, took: Duration) {
        if messages < LEAST_ROUND {
            return;
        }
        let this = took.saturating_sub(self.first) / (messages - 1);
        let was_late = std::mem::replace(&mut self.was_late, self.has_paused);
        self.each = Some(match self.each {
            // All had come when the pause was over, and nobody knows how long before. Once may be chance.
            Some(each) if self.has_paused && was_late => each.min(this) / 2,
            Some(each) if self.has_paused => each.min(this) * 3 / 4,
            // It may have been the processor that was slow, or taken away. Too low costs a few more wake-ups, and too
            // high costs time.
            Some(each) if this > each => each + (this - each).min(each) / 4,
            _ => this,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Reads a round of so many messages, each of which takes the Node so long, but for the first one which takes as
    /// long as `first`. Returns how often it was looked, and when all had been read.
    fn read(pace: &mut Pace, messages: u32, first: Duration, each: Duration) -> (u32, Duration) {
        let at = |n: u32| first + each * (n - 1);
        let (mut now, mut came, mut looks) = (first, 1, 1);
        pace.begin(first);
        while came < messages {
            let pause = pace.pause(came, now, messages - came);
            if !pause.is_zero() {
                now += pause;
                pace.note_paused();
            }
            // At least the next one is waited for.
            now = now.max(at(came + 1));
            while came < messages && at(came + 1) <= now {
                came += 1;
            }
            looks += 1;
        }
        pace.end(messages, now);
        (looks, now)
    }

    #[test]
    fn most_of_a_round_is_taken_at_once() {
        for each in [MS / 4, MS, 20 * MS] {
            let mut pace = Pace::default();
            read(&mut pace, 32, each, each);
            let (looks, took) = read(&mut pace, 32, each, each);
            assert_eq!(took, each * 32);
            assert!(looks <= 8, "{looks} at {each:?}");
        }
    }

    #[test]
    fn nothing_is_left_alone_that_is_quick_or_unknown() {
        for (first, each) in [
            (MS / 100, MS / 100),
            // A burst after a long way.
            (5 * MS, Duration::ZERO),
            (MS, MS / 1000),
        ] {
            let mut pace = Pace::default();
            for _ in 0..4 {
                let (_, took) = read(&mut pace, 32, first, each);
                assert_eq!(took, first + each * 31);
            }
        }
        let mut pace = Pace::default();
        assert_eq!(read(&mut pace, 32, MS, MS), (32, 32 * MS));
        for messages in 1..4 {
            let (looks, took) = read(&mut pace, messages, MS, MS);
            assert_eq!((looks, took), (messages, MS * messages));
        }
    }

    #[test]
    fn a_node_that_has_become_faster_is_soon_known() {
        let mut pace = Pace::default();
        for _ in 0..4 {
            read(&mut pace, 32, MS, MS);
        }
        // The first response tells at once.
        let quick = MS / 50;
        let (_, took) = read(&mut pace, 32, quick, quick);
        assert!(took < quick * 32 + 2 * MS, "{took:?}");
        // Where it does not, since it has come from far, about two former rounds are lost in all.
        let mut pace = Pace::default();
        for _ in 0..4 {
            read(&mut pace, 32, 5 * MS, MS);
        }
        let rounds = (0..20).map(|_| read(&mut pace, 32, 5 * MS, quick).1 - (5 * MS + quick * 31));
        let lost: Duration = rounds.sum();
        assert!(lost < 72 * MS, "{lost:?}");
    }

    #[test]
    fn one_slow_round_does_not_make_the_next_ones_late() {
        let mut pace = Pace::default();
        read(&mut pace, 32, MS / 4, MS / 4);
        read(&mut pace, 32, 100 * MS, 10 * MS);
        for _ in 0..4 {
            let (_, took) = read(&mut pace, 32, MS / 4, MS / 4);
            assert!(took <= 9 * MS, "{took:?}");
        }
    }
}
