//! The life of a record on its way to the Node: a state machine without clock, socket or thread.
//!
//! A [`Job`] is a chunk of records and how far each of them is. The worker asks it what to send next, and tells
//! it what came of that: a response with its status, or a connection that broke. What a response or a broken
//! connection means for a record is decided only here. When to stop for lack of time is decided in `worker` and
//! `progress`.
//!
//! ```text
//!             ┌────────┐        request accepted, `resend`         ┌───────────┐
//!  ─ new ───> │ Unsent │ ────────────────────────────────────────> │ Requested │
//!             └────────┘ <──────────────────────────────────────── └───────────┘
//!              │  │  ^     repeat, at most twice: the connection         │  │
//!              │  │  │     broke before the response to its second       │  │
//!              │  │  │     message, or that message was refused on       │  │
//!              │  │  │     another connection than the first one         │  │
//!              │  │  └─ halve: a batch of several was refused            │  │
//!              │  │                                                      │  │
//!              │  └─ refused ───────> Settled(Refused) <─────── refused ─┘  │
//!              │                                                            │
//!              └─ accepted, `batch` ─> Settled(Forwarded) <─ response accepted
//! ```
//!
//! When the delivery of its chunk ends, a settled record keeps its verdict. Every other one is
//! [`Verdict::Undelivered`]. A record that is not settled can also be
//!
//! * *later*: left alone until the next pass. The Node responded with a transient status or took too long, or
//!   connections keep breaking on the record.
//! * *suspect*: a connection broke while its response was awaited. It then goes last. If a connection breaks on
//!   it again, it waits for the next pass; a batch of several is halved instead.
//!
//! A pass goes once over the records that are open: not settled, and not later. A pass ends because each connection
//! either brings a response or makes progress: the first break moves a record, or a group, to the end; the second
//! postpones it, or halves the group. A server that closes in good order after a response changes nothing: the
//! messages of the round behind it are sent again over the next connection.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use crate::account::Verdict;
use crate::wire::{Chunk, Part};

/// How many passes after the first may leave records over while the Node gives final responses to this delivery.
/// What is left then is probably the records' own fault.
const MAX_ATTEMPTS: u32 = 5;

/// How often a pair is sent again from its start. Without a limit, a server that closes after each response would
/// get it for ever.
const MAX_REPEATS: u8 = 2;

/// How many messages may be in flight on one connection, at most.
const MAX_WINDOW: usize = 32;

/// How many records may be refused that were alone in their message, before a Node that has accepted none counts
/// as one that refuses everything.
const MAX_REFUSED_ALONE: u64 = 8;

/// The first pause after a transient failure; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A chunk that is being delivered.
pub(super) struct Job {
    pub(super) chunk: Chunk,
    records: Vec<Record>,
}

/// How far one record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    stage: Stage,
    is_later: bool,
    is_suspect: bool,
    /// `batch`: with how many records it may share a message.
    group: usize,
    /// How often the pair was sent again.
    repeats: u8,
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

/// What a response says of the Node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    Accepted,
    Refused,
    /// The Node refused a record that was alone in its batch.
    RefusedAlone,
    /// The Node wants the message again, later.
    Transient,
    /// The response was to a message whose record was settled, or postponed, by an earlier one.
    Nothing,
}

/// Groups of neighbours in the chunk that are sent as one batch each, in this order.
pub(super) type Groups = VecDeque<Range<usize>>;

impl Record {
    const NEW: Self = Self {
        stage: Stage::Unsent,
        is_later: false,
        is_suspect: false,
        group: usize::MAX,
        repeats: 0,
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
}

impl Job {
    pub(super) fn new(chunk: Chunk) -> Self {
        let records = vec![Record::NEW; chunk.parts.len()];
        Self { chunk, records }
    }

    /// What became of each record, with its ordinal in the document.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = (usize, Verdict)> {
        let records = self.chunk.parts.iter().zip(&self.records);
        records.map(|(part, record)| match record.stage {
            Stage::Settled(verdict) => (part.ordinal, verdict),
            _ => (part.ordinal, Verdict::Undelivered),
        })
    }

    pub(super) fn is_settled(&self) -> bool {
        self.records.iter().all(Record::is_settled)
    }

    /// Whether there is anything that can be sent in this pass.
    pub(super) fn has_open(&self) -> bool {
        self.records.iter().any(Record::is_open)
    }

    /// Begins the next pass: what was left for later is open again.
    pub(super) fn begin_pass(&mut self) {
        for record in &mut self.records {
            record.is_later = false;
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
    /// is room for two, so that a pair goes over one connection where that can be.
    pub(super) fn compose_round(&self, window: usize, round: &mut Vec<Message>) {
        round.clear();
        let open = |is_suspect| {
            let records = self.records.iter().enumerate();
            records.filter(move |(_, record)| record.is_open() && record.is_suspect == is_suspect)
        };
        for (at, record) in open(false).chain(open(true)) {
            let is_requested = matches!(record.stage, Stage::Requested(_));
            let needed = if is_requested || window == 1 { 1 } else { 2 };
            if window - round.len() < needed {
                break;
            }
            let message = |is_response| Message {
                record: at,
                is_response,
            };
            if !is_requested {
                round.push(message(false));
            }
            if is_requested || window > 1 {
                round.push(message(true));
            }
        }
    }

    /// `resend`: takes the status of a message's response, which came on the connection of this number.
    pub(super) fn take_response(
        &mut self,
        message: Message,
        status: u16,
        connection: usize,
    ) -> Note {
        let record = &mut self.records[message.record];
        if !record.is_open() {
            // An earlier message of this record has settled or postponed it; this one was already in flight.
            return Note::Nothing;
        }
        match Class::of(status) {
            Class::Transient => {
                record.is_later = true;
                Note::Transient
            }
            Class::Accepted => {
                record.stage = if message.is_response {
                    Stage::Settled(Verdict::Forwarded)
                } else {
                    Stage::Requested(connection)
                };
                Note::Accepted
            }
            Class::Refused => {
                // The request went over another connection: the Node that knew it may have restarted since.
                let on_another = matches!(record.stage, Stage::Requested(on) if on != connection);
                if !(on_another && record.repeat()) {
                    record.stage = Stage::Settled(Verdict::Refused(status));
                }
                Note::Refused
            }
        }
    }

    /// `resend`: notes that the connection broke, and which messages of the round have no response.
    pub(super) fn take_broken_round(&mut self, unanswered: &[Message], is_timeout: bool) {
        // What the Node knew of a request may be gone with the connection.
        for message in unanswered {
            let record = &mut self.records[message.record];
            if matches!(record.stage, Stage::Requested(_)) {
                record.repeat();
            }
        }
        // Responses come in order, so the connection broke while the first of these was awaited.
        if let Some(first) = unanswered.first() {
            let record = &mut self.records[first.record];
            record.is_later |= record.is_suspect || is_timeout;
            record.is_suspect = true;
        }
    }

    /// `batch`: the records that are open, in groups of neighbours, those that broke a connection last.
    pub(super) fn open_groups(&self) -> Groups {
        let mut groups = Groups::new();
        for (at, record) in self.records.iter().enumerate() {
            if !record.is_open() {
                continue;
            }
            match groups.back_mut() {
                Some(group)
                    if group.end == at
                        && group.len() < record.group
                        && self.records[group.start].group == record.group
                        && self.records[group.start].is_suspect == record.is_suspect =>
                {
                    group.end = at + 1;
                }
                _ => groups.push_back(at..at + 1),
            }
        }
        let records = &self.records;
        groups.make_contiguous().sort_by_key(|group| {
            (
                records[group.start].is_suspect,
                usize::MAX - records[group.start].group,
            )
        });
        groups
    }

    /// `batch`: takes the status of a group's response. A group that is to be halved goes to the front of
    /// `groups`. `refuses_everything`: the Node has accepted nothing, and refused many that were alone.
    pub(super) fn take_batch_response(
        &mut self,
        group: Range<usize>,
        status: u16,
        refuses_everything: bool,
        groups: &mut Groups,
    ) -> Note {
        let class = Class::of(status);
        let is_alone = group.len() == 1;
        let records = &mut self.records[group.clone()];
        let (verdict, note) = match class {
            Class::Transient => {
                records.iter_mut().for_each(|record| record.is_later = true);
                return Note::Transient;
            }
            Class::Accepted => (Verdict::Forwarded, Note::Accepted),
            Class::Refused if is_alone => (Verdict::Refused(status), Note::RefusedAlone),
            Class::Refused => {
                // Either the batch is too large or one record is to blame: halve it. Halving can't help where the
                // status is about the address or the sender.
                let is_general = matches!(status, 300..=399 | 401 | 404 | 405 | 415);
                if status == 413 || !is_general && !refuses_everything {
                    for half in halves(group).into_iter().rev() {
                        groups.push_front(half);
                    }
                    return Note::Refused;
                }
                (Verdict::Refused(status), Note::Refused)
            }
        };
        for record in records {
            record.stage = Stage::Settled(verdict);
        }
        note
    }

    /// `batch`: notes that the connection broke on a group. The first time, the whole group goes to the end of
    /// `groups`; the second time, its halves do. A group that timed out, or one record alone the second time, waits
    /// for the next pass.
    pub(super) fn take_broken_batch(
        &mut self,
        group: Range<usize>,
        is_timeout: bool,
        groups: &mut Groups,
    ) {
        let records = &mut self.records[group.clone()];
        let was_suspect = records.iter().all(|record| record.is_suspect);
        let is_later = is_timeout || was_suspect && group.len() == 1;
        for record in records {
            record.is_suspect = true;
            record.is_later = is_later;
            if was_suspect {
                record.group = group.len().div_ceil(2);
            }
        }
        match (is_later, was_suspect) {
            (true, _) => {}
            (false, true) => groups.extend(halves(group)),
            (false, false) => groups.push_back(group),
        }
    }
}

fn halves(range: Range<usize>) -> [Range<usize>; 2] {
    let middle = range.start + range.len().div_ceil(2);
    [range.start..middle, middle..range.end]
}

/// Counts the passes over a job.
#[derive(Debug, Default)]
pub(super) struct Passes {
    made: u32,
    /// How many of them were made while the Node responded to somebody.
    attempts: u32,
    responses_before: Option<u64>,
}

impl Passes {
    /// Notes that a pass has ended with records left, when the Node had given so many final responses in this
    /// delivery. Says whether another pass may be made. The first pass never counts.
    pub(super) fn may_go_on(&mut self, responses: u64) -> bool {
        self.made += 1;
        // While the Node responds to nobody, the reason is the Node, and not a record.
        if self
            .responses_before
            .is_some_and(|before| responses > before)
        {
            self.attempts += 1;
        }
        self.responses_before = Some(responses);
        self.attempts < MAX_ATTEMPTS
    }

    /// The pause before the next pass, with jitter over its upper half, so that the connections do not all come
    /// back at once. `share` is a random number from 0 to 1.
    pub(super) fn pause(&self, share: f64) -> Duration {
        let longest = FIRST_PAUSE
            .saturating_mul(1 << self.made.saturating_sub(1).min(10))
            .min(LONGEST_PAUSE);
        longest.mul_f64(0.5 + share / 2.0)
    }
}

/// Whether to connect again at once after a connection failed: yes if the Node has responded on it, or on any in
/// this delivery. Otherwise the pass ends, and a pause follows.
pub(super) fn may_reconnect(responses_on_connection: u64, responses: u64) -> bool {
    responses_on_connection > 0 || responses > 0
}

/// The next window, after every message of a round got its response.
pub(super) fn wider(window: usize) -> usize {
    (window * 2).min(MAX_WINDOW)
}

/// Whether the Node refuses everything, as far as can be told: it makes no sense then to look for the one record
/// that it does not like. `accepted` counts messages, `refused_alone` records.
pub(super) fn refuses_everything(accepted: u64, refused_alone: u64) -> bool {
    accepted == 0 && refused_alone >= MAX_REFUSED_ALONE
}

/// What a status means for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Accepted,
    /// Another attempt may help.
    Transient,
    /// The Node's last word. Redirects are among it: the address is wrong then, and following one would send
    /// customers' calls wherever it points to. So is 501, which speaks of the method (RFC 9110 §15.6.2), and a
    /// stranger can choose that.
    Refused,
}

impl Class {
    fn of(status: u16) -> Self {
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
