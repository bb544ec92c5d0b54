//! `X_SAMPLE`: of each endpoint the first calls of a window of time are forwarded, and the others are counted.
//!
//! An inventory needs few calls of an endpoint: two, one of them more than 300 seconds after the other (DESIGN.md,
//! "Sampling"). So a window has a place for each call that is forwarded, and keeps the last one for a call more than 300
//! seconds after the first. Whatever is not known for certain is forwarded: an endpoint that has no entry, one that finds
//! none because its set is full, and all of them in a new process.
//!
//! **A place is used only by a record that the Node has accepted.** Until its delivery ends, it is taken for the time
//! being; then it is used, or free again. So no record is left out on account of one that was undelivered, refused, or
//! sent in a process that is no more, once the event has ended: what comes again is decided anew.
//!
//! **Time** is that of arrival at the Node, not the log's. A window opens when the delivery ends that brought its first
//! record, and a call is as early as the begin of its own delivery, so that what is more than 300 seconds apart here is
//! so at the Node. There are two clocks, since an execution environment may be frozen: the monotonic one may miss that,
//! and the other one may be set. Where they disagree about whether a call is late, both get their late call.
//!
//! **The table** has one size, whoever calls. An entry goes only if its window is over, or if it is the one of its set
//! that was called least: each call that finds a full set takes one off that one's count, and the entry goes when
//! nothing is left. So whatever has more than a ninth of a set's calls keeps its entry. Successes and errors have
//! sets of their own, so that someone who asks for endless paths that do not exist meets no endpoint.

mod endpoint;

use std::hash::RandomState;

pub(crate) use endpoint::Endpoint;

/// What to forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    /// How many calls of an endpoint in a window: at least two.
    pub(crate) calls: u16,
    /// How long a window is.
    pub(crate) seconds: u32,
    /// Whether every call is forwarded whose status is 400 or more.
    pub(crate) keeps_errors: bool,
}

/// A moment by two clocks, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moment {
    /// Since the process has started, by a clock that only goes ahead and is never fast.
    pub(crate) monotonic: u32,
    /// Of Unix time.
    pub(crate) wall: u32,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Forward,
    /// It is forwarded only to see whether the Node takes records, and has no place.
    Probe,
    Sample,
}

/// How long after the first call of a window another one is late enough, in seconds.
const LATE: u32 = 300;

/// By how much the two clocks may differ without a reason: less does not count as two opinions.
const SLACK: u32 = 10;

/// How many entries there are of those that may have a call's place.
const WAYS: usize = 8;

/// How many entries there are, of 24 bytes each.
const ENTRIES: usize = 16 * 1024;

/// How many records of a delivery can have a place, of 16 bytes each. Others are forwarded.
const MAX_TAKEN: usize = 8 * 1024;

/// Where the sets of each class of status begin, and how many there are.
const fn sets(class: u16) -> (usize, usize) {
    const ALL: usize = ENTRIES / WAYS;
    match class {
        2 => (0, ALL / 2),
        4 => (ALL / 2, ALL / 4),
        5 => (ALL / 4 * 3, ALL / 8),
        _ => (ALL / 8 * 7, ALL / 8),
    }
}

/// Decides on one record after the other.
#[derive(Debug)]
pub(crate) struct Sampler {
    rule: Rule,
    keys: RandomState,
    entries: Vec<Entry>,
    /// The places that records of this delivery have taken.
    taken: Vec<Taken>,
    /// When the delivery has begun.
    begin: Moment,
    /// Whether a record is to be forwarded to see whether the Node takes any.
    wants_probe: bool,
}

/// An endpoint. Without calls, nobody's.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    fingerprint: u64,
    /// When the window was opened, or else when the endpoint came.
    since: Moment,
    /// How many places of the window are taken or used.
    places: u16,
    /// How often it was called, in this window and half as much of each one before.
    calls: u16,
    marks: u8,
}

/// The Node has accepted a record of this window.
const OPEN: u8 = 1;
/// The window has had its late call for certain, or by the clock that may be wrong.
const LATE_FOR_CERTAIN: u8 = 2;
const LATE_PERHAPS: u8 = 4;
const ANY_LATE: u8 = LATE_FOR_CERTAIN | LATE_PERHAPS;

/// A place that a record has taken.
#[derive(Debug, Clone, Copy)]
struct Taken {
    fingerprint: u64,
    ordinal: u32,
    entry: u16,
    /// The marks that the record has made.
    marks: u8,
}

impl Moment {
    /// How many seconds ago another moment was: for certain, and perhaps.
    fn since(self, then: Self) -> (u32, u32) {
        let certain = self.monotonic.saturating_sub(then.monotonic);
        let back = then.wall.saturating_sub(self.wall);
        // The clock was set back, so that nobody knows.
        if back > LATE {
            return (certain, u32::MAX);
        }
        (certain, certain.max(self.wall.saturating_sub(then.wall)))
    }
}

impl Sampler {
    pub(crate) fn new(rule: Rule) -> Self {
        Self {
            rule,
            keys: RandomState::new(),
            entries: vec![Entry::default(); ENTRIES],
            taken: Vec::with_capacity(MAX_TAKEN),
            begin: Moment::default(),
            wants_probe: false,
        }
    }

    /// Begins a delivery. `wants_probe`: of the records that are left out, one is forwarded all the same.
    pub(crate) fn begin(&mut self, now: Moment, wants_probe: bool) {
        self.taken.clear();
        self.begin = now;
        self.wants_probe = wants_probe;
    }

    /// Decides on a record, by its place in the delivery. `is_over`: nothing more is sent in this delivery, so that
    /// records which were taken on for the time being will not arrive. It is rarely asked.
    pub(crate) fn decide(
        &mut self,
        endpoint: &Endpoint<'_>,
        ordinal: usize,
        is_over: &dyn Fn() -> bool,
    ) -> Decision {
        if self.rule.keeps_errors && endpoint.status.is_some_and(|status| status >= 400) {
            return Decision::Forward;
        }
        let fingerprint = endpoint.fingerprint(&self.keys);
        let Some(at) = self.entry(fingerprint, endpoint.class()) else {
            return Decision::Forward;
        };
        let entry = &mut self.entries[at];
        entry.calls = entry.calls.saturating_add(1);
        let (mut certain, mut perhaps) = self.begin.since(entry.since);
        if entry.marks & OPEN == 0 {
            (certain, perhaps) = (0, 0);
        } else if perhaps >= self.rule.seconds {
            *entry = Entry {
                fingerprint,
                since: self.begin,
                places: 0,
                calls: entry.calls.div_ceil(2),
                marks: 0,
            };
            (certain, perhaps) = (0, 0);
        }
        let mut marks = 0;
        if certain > LATE {
            marks |= ANY_LATE;
        } else if perhaps > LATE + SLACK {
            marks |= LATE_PERHAPS;
        }
        marks &= !entry.marks;
        // The last place is kept for a late call, until there was one.
        let kept = u16::from(entry.marks & ANY_LATE == 0);
        if entry.places + kept >= self.rule.calls && marks == 0 {
            let is_open = entry.marks & OPEN != 0;
            if !is_open && is_over() {
                return Decision::Forward;
            }
            if is_open && self.wants_probe && !is_over() {
                self.wants_probe = false;
                return Decision::Probe;
            }
            return Decision::Sample;
        }
        let (Ok(ordinal), Ok(place)) = (u32::try_from(ordinal), u16::try_from(at)) else {
            return Decision::Forward;
        };
        if self.taken.len() < MAX_TAKEN {
            entry.places += 1;
            entry.marks |= marks;
            self.taken.push(Taken {
                fingerprint,
                ordinal,
                entry: place,
                marks,
            });
        }
        Decision::Forward
    }

    /// Ends a delivery: what was not forwarded gives its place back.
    pub(crate) fn end(&mut self, now: Moment, is_forwarded: &dyn Fn(usize) -> bool) {
        for taken in self.taken.drain(..) {
            let entry = &mut self.entries[usize::from(taken.entry)];
            if entry.fingerprint != taken.fingerprint {
                continue;
            }
            let ordinal = usize::try_from(taken.ordinal).unwrap_or(usize::MAX);
            if !is_forwarded(ordinal) {
                entry.places = entry.places.saturating_sub(1);
                entry.marks &= !taken.marks;
            } else if entry.marks & OPEN == 0 {
                entry.marks |= OPEN;
                entry.since = now;
            }
        }
    }

    /// The entry of an endpoint, which it may have got just now. `None`: there is none for it.
    fn entry(&mut self, fingerprint: u64, class: u16) -> Option<usize> {
        let (first, count) = sets(class);
        let high = usize::try_from(fingerprint >> 32).unwrap_or_default();
        let from = (first + high % count) * WAYS;
        let set = &mut self.entries[from..from + WAYS];
        let is_it = |entry: &Entry| entry.fingerprint == fingerprint && entry.calls > 0;
        if let Some(way) = set.iter().position(is_it) {
            return Some(from + way);
        }
        // From any of them on, so that of several that were called once not always the same one goes.
        let start = usize::try_from(fingerprint % WAYS as u64).unwrap_or_default();
        let (mut way, mut least) = (0, u16::MAX);
        for candidate in (0..WAYS).map(|n| (start + n) % WAYS) {
            let entry = &set[candidate];
            let (_, ago) = self.begin.since(entry.since);
            // One that is called often has a while to come again.
            let calls = match ago >= self.rule.seconds.saturating_add(LATE) {
                true => 0,
                false => entry.calls,
            };
            if calls < least {
                (way, least) = (candidate, calls);
            }
        }
        let entry = &mut set[way];
        if least > 1 {
            entry.calls -= 1;
            return None;
        }
        *entry = Entry {
            fingerprint,
            since: self.begin,
            ..Entry::default()
        };
        Some(from + way)
    }
}

#[cfg(test)]
mod tests;
