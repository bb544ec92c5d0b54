//! The life of a record on its way to the Node: a state machine without clock, socket or thread.
//!
//! A [`Job`] is a chunk of records and how far each of them is. The worker asks it what to send next, and tells
//! it what came of that: responses with their statuses, or a connection that broke. What a response or a broken
//! connection means for a record is decided only here. When to stop for lack of time is decided in `worker` and
//! `progress`.
//!
//! ```text
//!             ┌────────┐        request accepted, `resend`         ┌───────────┐
//!  ─ new ───> │ Unsent │ ────────────────────────────────────────> │ Requested │
//!             └────────┘ <──────────────────────────────────────── └───────────┘
//!              │  │  ^     repeat, at most four times: the connection   │  │
//!              │  │  │     broke before the response to the second      │  │
//!              │  │  │     message, or that message was refused on      │  │
//!              │  │  │     another connection than the first one        │  │
//!              │  │  ├─ halve: a batch of several was refused, or the   │  │
//!              │  │  │     collector failed on it                       │  │
//!              │  │  └─ recall: a response came that nobody had asked   │  │
//!              │  │     for, so that the earlier ones say nothing       │  │
//!              │  │                                                     │  │
//!              │  └─ refused ───────> Settled(Refused) <────── refused ─┘  │
//!              ├─ given up ─────────> Settled(Undelivered) <─── given up ──┤
//!              └─ accepted, `batch` ─> Settled(Forwarded) <─ response accepted
//! ```
//!
//! A record that is not settled can also be
//!
//! * *later*: left alone until the next pass. The Node responded with a transient status or took too long, or
//!   connections keep breaking on the record.
//! * *suspect*: a connection broke while its response was awaited. It then goes last, and its messages go alone,
//!   so that what happens next tells something of this record; a batch of several is halved.
//!
//! A pass goes once over the records that are open: not settled, and not later.
//!
//! Bad luck must not lose a record, and a record that breaks the Node must not be tried for ever. So each failed
//! try leaves *evidence* against its record, by what the connection is: nothing where nobody has had a response
//! since the last pass, since the Node is to blame then, as long as the record has not failed where others were
//! accepted; one where the connection has accepted nothing yet, since it may lead to a bad backend, or be one more
//! than the Node takes; two where it has. A broken connection counts, as two, only if the message has broken one as
//! its first, and another one later, since a server may close after each response. At [`TOO_MUCH`] the record is given
//! up, which fails the event.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use crate::account::Verdict;
use crate::wire::{Chunk, Part};

/// With this much evidence against it, a record is given up: twelve failures on connections that accepted others, or
/// twenty-four on new ones. A Node that fails one message in eleven fails two records in eleven. With six tries that
/// lost one in 30,000, and a test of 500 now and then; with twelve, it is one in 800 million.
const TOO_MUCH: u8 = 24;

/// What speaks against a record that failed on a connection that has accepted others.
const PROVEN: u8 = 2;

/// What speaks against a record that has broken connections in both places, each further time.
const BROKEN: u8 = 2;

/// How many connections may break on one message alone before it waits for the next pass.
const BREAKS_AT_ONCE: u8 = 2;

/// What speaks against a record of `batch` that halving has told from others, which that connection has accepted.
const TOLD_APART: u8 = 16;

/// What speaks against a record whose responses could not be believed: four times are enough.
const UNTRUSTED: u8 = 6;

/// How often a pair is sent again from its start, since the Node may have forgotten the request. Without a limit, a
/// server that closes after each response would get it for ever. Then the second message alone is sent again.
const MAX_REPEATS: u8 = 4;

/// How many messages may be in flight on one connection, at most: all those of a chunk.
pub(super) const MAX_WINDOW: usize = 256;

/// The first pause after a transient failure; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A chunk that is being delivered.
pub(super) struct Job {
    pub(super) chunk: Chunk,
    records: Vec<Record>,
    /// How many passes in a row have settled nothing.
    idle_passes: u32,
    /// This pass has settled a record, or halved a batch.
    has_moved: bool,
    /// How many final responses the Node had given in this delivery when the last pass ended.
    responses_before: u64,
    /// A response has asked for a longer wait than there was time.
    was_told_to_wait: bool,
}

/// How far one record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    stage: Stage,
    is_later: bool,
    is_suspect: bool,
    /// `batch`: it was in a batch that the collector had failed on as a whole.
    was_transient: bool,
    /// `batch`: with how many records it may share a message.
    group: usize,
    /// How often the pair was sent again.
    repeats: u8,
    /// What speaks against the record, but for broken connections.
    evidence: u8,
    /// What broken connections speak against its next message.
    breaks: Breaks,
}

/// How often connections broke, or timed out, on one message of a record that was alone in its round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Breaks {
    /// Of the second message, and not the first.
    of_response: bool,
    /// As the first message of the connection.
    as_first: bool,
    /// After the connection had brought other responses.
    as_later: bool,
    count: u8,
    evidence: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Unsent,
    /// `resend`: the Node has accepted the request message, on the connection of this number.
    Requested(usize),
    Settled(Verdict),
}

/// A message of a round of `resend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message {
    /// Whose it is: the record's place in the chunk.
    pub(super) record: usize,
    /// The second message of the record, and not the first.
    pub(super) is_response: bool,
}

/// The connection that something came, or failed to come, on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct On {
    pub(super) connection: usize,
    /// It has accepted a message of this delivery.
    pub(super) is_proven: bool,
    /// No response had come on it before.
    pub(super) is_first: bool,
    /// How many final responses the Node has given in this delivery, on any connection.
    pub(super) responses: u64,
}

/// What a status says of the Node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    Accepted,
    Refused,
    /// The Node wants the message again, later.
    Transient,
}

/// A record that was settled by a response, by its ordinal.
pub(super) type Claim = (u32, Verdict);

/// Groups of neighbours in the chunk that are sent as one batch each, in this order.
pub(super) type Groups = VecDeque<Range<usize>>;

impl Breaks {
    const NONE: Self = Self {
        of_response: false,
        as_first: false,
        as_later: false,
        count: 0,
        evidence: 0,
    };
}

impl Record {
    const NEW: Self = Self {
        stage: Stage::Unsent,
        is_later: false,
        is_suspect: false,
        was_transient: false,
        group: usize::MAX,
        repeats: 0,
        evidence: 0,
        breaks: Breaks::NONE,
    };

    fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Settled(_))
    }

    /// Whether it can be sent now.
    fn is_open(&self) -> bool {
        !self.is_later && !self.is_settled()
    }

    /// Sends the pair again from its start, unless that was done often enough.
    fn repeat(&mut self) -> bool {
        let may = self.repeats < MAX_REPEATS;
        if may {
            self.repeats += 1;
            self.stage = Stage::Unsent;
        }
        may
    }

    /// Begins it anew in the next pass, since a response to it can't be believed.
    #[cold]
    fn void(&mut self) {
        if self.stage != Stage::Settled(Verdict::Undelivered) {
            self.stage = Stage::Unsent;
        }
        self.is_later = true;
        self.blame(UNTRUSTED);
    }

    /// Notes that a connection broke on it alone. A server may close after each response, and another one may take no
    /// further connection: only what breaks a connection in both places is to blame. The first tries come at once,
    /// and the others in passes of their own, since what is wrong may pass.
    #[cold]
    fn blame_for_break(&mut self, of_response: bool, on: On, weight: u8) {
        if self.breaks.of_response != of_response {
            self.breaks = Breaks {
                of_response,
                ..Breaks::NONE
            };
        }
        let breaks = &mut self.breaks;
        breaks.as_first |= on.is_first;
        breaks.as_later |= !on.is_first;
        breaks.count = breaks.count.saturating_add(1);
        breaks.evidence =
            breaks
                .evidence
                .saturating_add(match (breaks.as_first, breaks.as_later) {
                    (true, true) if weight > 0 => BROKEN,
                    _ if on.is_first => weight.min(1),
                    _ => 0,
                });
        self.is_later |= breaks.count > BREAKS_AT_ONCE;
        self.blame(0);
    }

    /// Whether it has failed where others were accepted, or was told from them by halving.
    fn is_known_bad(&self) -> bool {
        self.evidence >= PROVEN || self.group == 1
    }

    /// Notes a try that failed, and gives the record up if there were too many.
    #[cold]
    fn blame(&mut self, weight: u8) {
        // That nobody else gets a response now does not speak for a record that failed while others did.
        let weight = weight.max(u8::from(self.is_known_bad()));
        self.evidence = self.evidence.saturating_add(weight);
        let evidence = self.evidence.saturating_add(self.breaks.evidence);
        if evidence >= TOO_MUCH && !self.is_settled() {
            self.stage = Stage::Settled(Verdict::Undelivered);
        }
    }
}

impl Job {
    pub(super) fn new(chunk: Chunk) -> Self {
        let records = vec![Record::NEW; chunk.parts.len()];
        Self {
            chunk,
            records,
            idle_passes: 0,
            has_moved: false,
            responses_before: 0,
            was_told_to_wait: false,
        }
    }

    /// The ordinals of the records that no response has settled. The others are claimed by their connections.
    pub(super) fn undelivered(&self) -> impl Iterator<Item = usize> {
        let records = self.chunk.parts.iter().zip(&self.records);
        records.filter_map(|(part, record)| match record.stage {
            Stage::Settled(Verdict::Forwarded | Verdict::Refused(_)) => None,
            _ => Some(part.ordinal),
        })
    }

    pub(super) fn is_settled(&self) -> bool {
        self.records.iter().all(Record::is_settled)
    }

    /// Whether there is anything that can be sent in this pass.
    pub(super) fn has_open(&self) -> bool {
        self.records.iter().any(Record::is_open)
    }

    /// Ends a pass: what was left for later is open again.
    #[cold]
    pub(super) fn end_pass(&mut self, responses: u64) {
        for record in &mut self.records {
            record.is_later = false;
        }
        self.idle_passes = match self.has_moved {
            true => 0,
            false => self.idle_passes.saturating_add(1),
        };
        self.has_moved = false;
        self.responses_before = responses;
    }

    /// Notes that a response has asked for a longer wait than there is time. Says whether another one had before: the
    /// first may come from the one backend that is ill, and the next pass goes to another.
    pub(super) fn note_long_wait(&mut self) -> bool {
        std::mem::replace(&mut self.was_told_to_wait, true)
    }

    /// The pause before the next pass. `share` is a random number from 0 to 1. Where the Node accepts others, nothing is
    /// won by waiting for long, and little if it has too much to do.
    pub(super) fn pause(&self, is_accepting: bool, is_busy: bool, share: f64) -> Duration {
        let most = match (is_accepting, is_busy) {
            (true, false) => 2,
            (true, true) => 4,
            (false, _) => u32::MAX,
        };
        pause(self.idle_passes.min(most), share)
    }

    /// Whether a failure of this record says something of the record, and nothing of the Node.
    pub(super) fn is_known_bad(&self, record: usize) -> bool {
        self.records[record].is_known_bad()
    }

    /// Leaves everything for the next pass.
    #[cold]
    pub(super) fn postpone(&mut self) {
        for record in &mut self.records {
            record.is_later = true;
        }
    }

    /// What a failure on this connection weighs.
    fn weight(&self, on: On) -> u8 {
        match on {
            _ if on.is_proven => PROVEN,
            _ if on.responses > self.responses_before => 1,
            _ => 0,
        }
    }

    /// `resend`: where the bytes of a message are in the chunk.
    pub(super) fn span(&self, message: Message) -> Range<usize> {
        let part = self.part(message);
        if message.is_response {
            part.middle..part.to
        } else {
            part.from..part.middle
        }
    }

    /// `resend`: whether the message is a HEAD, whose response has no body.
    pub(super) fn is_head(&self, message: Message) -> bool {
        !message.is_response && self.part(message).is_head
    }

    fn part(&self, message: Message) -> &Part {
        &self.chunk.parts[message.record]
    }

    /// `resend`: chooses the messages of the next round, as many as may be in flight. Both of a record if there
    /// is room for two, so that a pair goes over one connection where that can be. A HEAD ends the round, unless one
    /// has shown that nothing follows its response: if that had a body after all, it would be taken for the next
    /// response. A suspect's message goes alone.
    pub(super) fn compose_round(
        &self,
        window: usize,
        heads_are_bare: bool,
        round: &mut Vec<Message>,
    ) {
        round.clear();
        let records = self.records.iter().enumerate();
        for (at, record) in records.filter(|(_, record)| record.is_open() && !record.is_suspect) {
            let is_requested = matches!(record.stage, Stage::Requested(_));
            let needed = if is_requested || window == 1 { 1 } else { 2 };
            if window - round.len() < needed {
                return;
            }
            let message = |is_response| Message {
                record: at,
                is_response,
            };
            if !is_requested {
                round.push(message(false));
                if window == 1 || !heads_are_bare && self.is_head(message(false)) {
                    return;
                }
            }
            round.push(message(true));
        }
        if round.is_empty()
            && let Some(record) = self.records.iter().position(Record::is_open)
        {
            round.push(Message {
                record,
                is_response: matches!(self.records[record].stage, Stage::Requested(_)),
            });
        }
    }

    /// `resend`: whether the round is to be the first one of its connection: a suspect's, which has broken only
    /// connections that had brought other responses.
    pub(super) fn needs_new_connection(&self, round: &[Message]) -> bool {
        let [message] = round else {
            return false;
        };
        let record = &self.records[message.record];
        record.is_suspect && record.breaks.as_later && !record.breaks.as_first
    }

    /// `resend`: takes the status of a message's response. Where it settles the record, that goes to `claims`.
    pub(super) fn take_response(
        &mut self,
        message: Message,
        status: u16,
        on: On,
        claims: &mut Vec<Claim>,
    ) {
        let weight = self.weight(on);
        let record = &mut self.records[message.record];
        if !record.is_open() {
            // An earlier message of this record has settled or postponed it; this one was already in flight.
            return;
        }
        let verdict = match Note::of(status) {
            Note::Transient => {
                record.is_later = true;
                record.blame(weight);
                return;
            }
            Note::Accepted if !message.is_response => {
                record.is_suspect = false;
                record.breaks = Breaks::NONE;
                record.stage = Stage::Requested(on.connection);
                return;
            }
            Note::Accepted => Verdict::Forwarded,
            Note::Refused => {
                // The request went over another connection: the Node that knew it may have restarted since.
                let on_another =
                    matches!(record.stage, Stage::Requested(other) if other != on.connection);
                if on_another && record.repeat() {
                    return;
                }
                Verdict::Refused(status)
            }
        };
        self.settle(message.record, verdict, claims);
    }

    fn settle(&mut self, record: usize, verdict: Verdict, claims: &mut Vec<Claim>) {
        self.records[record].stage = Stage::Settled(verdict);
        self.has_moved = true;
        // A document of more log events than that would be longer than any limit on its size allows.
        let ordinal = u32::try_from(self.chunk.parts[record].ordinal).unwrap_or(u32::MAX);
        claims.push((ordinal, verdict));
    }

    /// `resend`: notes that the connection broke, and which messages of the round, of so many, have no response.
    #[cold]
    pub(super) fn take_broken_round(
        &mut self,
        unanswered: &[Message],
        of: usize,
        is_timeout: bool,
        on: On,
    ) {
        // What the Node knew of a request may be gone with the connection.
        for message in unanswered {
            let record = &mut self.records[message.record];
            if matches!(record.stage, Stage::Requested(_)) {
                record.repeat();
            }
        }
        // Responses come in order, so the connection broke while the first of these was awaited. Only where it was
        // alone in its round does that speak against it.
        let weight = self.weight(on);
        if let Some(first) = unanswered.first() {
            let record = &mut self.records[first.record];
            if of == 1 {
                record.is_later |= is_timeout && (on.is_proven || record.is_suspect);
                record.blame_for_break(first.is_response, on, weight);
            }
            record.is_suspect = true;
        }
    }

    /// `resend`: notes that nothing of a round can be believed. It waits for the next pass.
    #[cold]
    pub(super) fn take_void_round(&mut self, round: &[Message]) {
        for message in round {
            self.records[message.record].void();
        }
    }

    /// `resend`: notes that no response of this connection can be believed: each pair whose request it had accepted
    /// waits for the next pass, and begins anew.
    #[cold]
    pub(super) fn void_requests(&mut self, connection: usize) {
        self.requested_on(connection).for_each(Record::void);
    }

    /// `resend`: sends each pair from its start whose request this connection had accepted.
    #[cold]
    pub(super) fn forget_requests(&mut self, connection: usize) {
        let requested = self.requested_on(connection);
        requested.for_each(|record| record.stage = Stage::Unsent);
    }

    /// The records whose request this connection has accepted, and whose response message it has not.
    fn requested_on(&mut self, connection: usize) -> impl Iterator<Item = &mut Record> {
        let records = self.records.iter_mut();
        records.filter(move |record| record.stage == Stage::Requested(connection))
    }

    /// Unsettles a record of this job, since the response that settled it can't be trusted. Says whether the record
    /// is of this job.
    #[cold]
    pub(super) fn recall(&mut self, ordinal: u32) -> bool {
        let ordinal = ordinal as usize;
        let parts = &self.chunk.parts;
        let Ok(at) = parts.binary_search_by_key(&ordinal, |part| part.ordinal) else {
            return false;
        };
        self.records[at].void();
        true
    }

    /// `batch`: the records that are open, in groups of neighbours, those that broke a connection last.
    pub(super) fn open_groups(&self) -> Groups {
        let mut groups: Vec<Range<usize>> = Vec::new();
        for (at, record) in self.records.iter().enumerate() {
            if !record.is_open() {
                continue;
            }
            match groups.last_mut() {
                Some(group)
                    if group.end == at
                        && group.len() < record.group
                        && self.records[group.start].group == record.group
                        && self.records[group.start].is_suspect == record.is_suspect =>
                {
                    group.end = at + 1;
                }
                _ => groups.push(at..at + 1),
            }
        }
        let key = |group: &Range<usize>| {
            let first = &self.records[group.start];
            (first.is_suspect, usize::MAX - first.group)
        };
        // There are few, and std's sort would be 7 KB of the program.
        let mut sorted = Groups::new();
        for group in groups {
            let before = sorted.iter().rposition(|other| key(other) <= key(&group));
            sorted.insert(before.map_or(0, |before| before + 1), group);
        }
        sorted
    }

    /// `batch`: takes the status of a group's response. A group that is to be halved goes to the front of
    /// `groups`. `accepts_others`: the collector has accepted another batch just now.
    pub(super) fn take_batch_response(
        &mut self,
        group: Range<usize>,
        status: u16,
        accepts_others: bool,
        on: On,
        groups: &mut Groups,
        claims: &mut Vec<Claim>,
    ) {
        let weight = self.weight(on);
        let is_alone = group.len() == 1;
        let is_first = self.records[..group.start].iter().all(Record::is_settled);
        let records = &mut self.records[group.clone()];
        let verdict = match Note::of(status) {
            Note::Transient => {
                // One record of the batch may be what the collector fails on: that is so if others are accepted
                // meanwhile. If nothing is, and it happens again, only the first batch is halved to find out.
                let is_failure = !matches!(status, 408 | 425 | 429);
                let is_again = records[0].was_transient && is_first;
                if !is_alone && is_failure && (accepts_others || is_again) {
                    self.halve(group, groups);
                    return;
                }
                for record in records {
                    record.was_transient |= is_failure;
                    record.is_later = true;
                    let is_told_apart = record.group == 1 && on.is_proven && is_failure;
                    record.blame(if is_told_apart { TOLD_APART } else { weight });
                }
                return;
            }
            Note::Accepted => Verdict::Forwarded,
            // The status speaks of the address or the sender, and not of a record: halving can't help.
            Note::Refused if is_alone || matches!(status, 300..=399 | 401 | 404 | 405 | 415) => {
                Verdict::Refused(status)
            }
            // Either the batch is too large or one record is to blame.
            Note::Refused => {
                self.halve(group, groups);
                return;
            }
        };
        for record in group {
            self.settle(record, verdict, claims);
        }
    }

    /// `batch`: puts the halves of a group to the front of `groups`.
    #[cold]
    fn halve(&mut self, group: Range<usize>, groups: &mut Groups) {
        self.has_moved = true;
        for record in &mut self.records[group.clone()] {
            record.group = group.len().div_ceil(2);
        }
        for half in halves(group).into_iter().rev() {
            groups.push_front(half);
        }
    }

    /// `batch`: notes that the connection broke on a group. The first time, the whole group goes to the end of
    /// `groups`; the second time, its halves do. A group that timed out for the second time, or on a connection
    /// that had accepted others, waits for the next pass.
    #[cold]
    pub(super) fn take_broken_batch(
        &mut self,
        group: Range<usize>,
        is_timeout: bool,
        on: On,
        groups: &mut Groups,
    ) {
        let weight = self.weight(on);
        let is_alone = group.len() == 1;
        let records = &mut self.records[group.clone()];
        let was_suspect = records.iter().all(|record| record.is_suspect);
        let is_later = is_timeout && (on.is_proven || was_suspect);
        for record in &mut *records {
            record.is_suspect = true;
            record.is_later |= is_later;
            if was_suspect && !is_alone {
                record.group = group.len().div_ceil(2);
            }
            if is_alone {
                record.blame_for_break(false, on, weight);
            }
        }
        let is_open = records.iter().any(Record::is_open);
        match (is_open, was_suspect && !is_alone) {
            (false, _) => {}
            (true, true) => {
                self.has_moved = true;
                groups.extend(halves(group));
            }
            (true, false) => groups.push_back(group),
        }
    }

    /// `batch`: notes that a group's response can't be believed. It waits for the next pass.
    #[cold]
    pub(super) fn take_void_batch(&mut self, group: Range<usize>) {
        self.records[group].iter_mut().for_each(Record::void);
    }
}

fn halves(range: Range<usize>) -> [Range<usize>; 2] {
    let middle = range.start + range.len().div_ceil(2);
    [range.start..middle, middle..range.end]
}

/// The pause after so many failures in a row, with jitter over its upper half, so that the connections do not all
/// come back at once. `share` is a random number from 0 to 1.
pub(super) fn pause(failures: u32, share: f64) -> Duration {
    let longest = FIRST_PAUSE
        .saturating_mul(1 << failures.saturating_sub(1).min(10))
        .min(LONGEST_PAUSE);
    longest.mul_f64(0.5 + share / 2.0)
}

/// The next window, after each of so many messages of a round got its response.
pub(super) fn wider(window: usize, messages: usize) -> usize {
    window.max(2 * messages).min(MAX_WINDOW)
}

impl Note {
    /// What a status means for a message.
    ///
    /// Redirects are refusals: the address is wrong then, and following one would send customers' calls wherever
    /// it points to. So is 501, which speaks of the method (RFC 9110 §15.6.2), and a stranger can choose that.
    pub(super) fn of(status: u16) -> Self {
        match status {
            200..300 => Self::Accepted,
            501 => Self::Refused,
            408 | 425 | 429 | 500..600 => Self::Transient,
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests;
