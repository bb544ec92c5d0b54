//! The life of a record on its way to the Node: a state machine without clock, socket or thread.
//!
//! A [`Job`] is a chunk of records and how far each of them is. The worker asks it what to send next, and tells
//! it what came of that: a response with its status, or a connection that broke. Everything else that decides
//! about a record is in this file.
//!
//! ```text
//!                 ┌──────────────────────── repeat, at most twice ────────────────────────┐
//!                 │      its connection broke, or the response message was refused on     │
//!                 v      another connection than the request had                          │
//!             ┌────────┐              request accepted                            ┌───────────┐
//!  ─ new ───> │ Unsent │ ───────────────────── `resend` ────────────────────────> │ Requested │
//!             └────────┘                                                          └───────────┘
//!                 │ │                                                                  │ │
//!                 │ └──── message refused ───> Settled(Refused(status)) <── refused ───┘ │
//!                 │                                                                      │
//!                 └─ accepted, `batch` ──────> Settled(Forwarded) <── response accepted ─┘
//! ```
//!
//! A record that is settled when time is up keeps its verdict, and every other one is
//! [`Verdict::Undelivered`]. In each state that is not settled a record can also be
//!
//! * *later*: left alone until the next pass. The Node responded with a transient status, or took too long, or
//!   connections keep breaking on it.
//! * *suspect*: a connection broke when its response was due. From then on it goes last, so that it can't keep
//!   the others from getting through. The next time it is left for later or, in a batch of several, sent with
//!   half of them.
//!
//! A pass goes once over the records that are open: not settled, and not later. It ends, since each connection in
//! it either brings a response, or moves one record first to the end and then out of the way.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use crate::account::Verdict;
use crate::wire::{Chunk, Part};

/// How many passes with records left over are made while the Node accepts others. What is left after that is
/// not the Node's fault in general.
const MAX_ATTEMPTS: u32 = 5;

/// How often a pair is sent again because its connection failed between its messages. A server that closes after
/// every response would otherwise be sent the pair for ever.
const MAX_REPEATS: u8 = 2;

/// How many messages may be in flight on one connection, at most.
const MAX_WINDOW: usize = 32;

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
            // The response message was already in flight when its request was refused.
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
                // Where the request went over another connection, whoever got it may be gone: the Node was
                // started again in between.
                let on_another = matches!(record.stage, Stage::Requested(on) if on != connection);
                if !(on_another && record.repeat()) {
                    record.stage = Stage::Settled(Verdict::Refused(status));
                }
                Note::Refused
            }
        }
    }

    /// `resend`: takes that the connection broke, and which messages of the round have no response.
    pub(super) fn take_broken_round(&mut self, unanswered: &[Message], is_timeout: bool) {
        // What the Node knew of a request may be gone with the connection.
        for message in unanswered {
            let record = &mut self.records[message.record];
            if matches!(record.stage, Stage::Requested(_)) {
                record.repeat();
            }
        }
        // The first one is the one whose response was due.
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
                        && self.records[group.start].group == record.group =>
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
                // Too much together; or one record is the reason for all, unless the status speaks of the address
                // or of who is asking.
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

    /// `batch`: takes that the connection broke on a group. What of it is to be sent in this pass all the same
    /// goes to the end of `groups`: all of it the first time, and then its halves. A group that timed out, or
    /// that can't be halved, is left for the next pass.
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
    /// Takes that a pass has ended with records left, when the Node had given so many responses in this delivery.
    /// Says whether another pass may be made.
    pub(super) fn may_go_on(&mut self, responses: u64) -> bool {
        self.made += 1;
        // As long as the Node responds to nobody, it is the Node that is waited for.
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

/// Whether a pass may go on over a fresh connection after one has failed: at once where the Node is known to
/// respond, on that connection or on any, and else not before a pause.
pub(super) fn may_reconnect(responses_on_connection: u64, responses: u64) -> bool {
    responses_on_connection > 0 || responses > 0
}

/// How many messages may be in flight after a round to whose messages all responses came.
pub(super) fn wider(window: usize) -> usize {
    (window * 2).min(MAX_WINDOW)
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
