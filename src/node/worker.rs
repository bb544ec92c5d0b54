//! One worker: it takes jobs to the Node over one connection at a time.
//!
//! A pass goes once over the records of a job that are not settled. Those that the Node wants later,
//! or on which connections keep breaking, are left for the next pass, which comes after a pause, so
//! that one record can't keep the others from getting through. A pass therefore ends: each
//! connection in it either has an answer to show, or moves one record first to the end and then out
//! of the way.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use super::Slot;
use super::connection::{Connection, Failure, MAX_WINDOW, Reply};
use super::delivery::{Context, Stats, Verdict};
use crate::wire::{Parcel, Writer, batch};

/// How often a job is tried again while the Node takes others: what is left of it then is not the Node's
/// fault in general.
const MAX_ATTEMPTS: u32 = 5;

/// How often a pair is sent again because its connection failed between its messages. A server that
/// closes after every answer would otherwise be sent the pair for ever.
const MAX_REPEATS: u8 = 2;

/// The first pause after a transient failure; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How often a pause looks whether it still makes sense.
const NAP: Duration = Duration::from_millis(50);

/// A parcel that is being delivered.
pub(super) struct Job {
    pub(super) parcel: Parcel,
    states: Vec<State>,
}

/// How far one record is.
#[derive(Debug, Clone, Copy)]
struct State {
    stage: Stage,
    /// It is left alone until the next pause: the Node said so, or connections break on it.
    is_later: bool,
    /// A connection broke when its answer was due. It goes last from now on; the next time it is
    /// left for later or, in a batch, sent with fewer others.
    is_suspect: bool,
    /// `batch`: with how many records it may share a message.
    group: usize,
    /// How often the pair was sent again.
    repeats: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Unsent,
    /// `resend`: the Node has taken the request message, on the connection of this number.
    Requested(usize),
    Settled(Verdict),
}

impl Job {
    pub(super) fn new(parcel: Parcel) -> Self {
        let state = State {
            stage: Stage::Unsent,
            is_later: false,
            is_suspect: false,
            group: usize::MAX,
            repeats: 0,
        };
        let states = vec![state; parcel.parts.len()];
        Self { parcel, states }
    }

    /// What became of each record, with its place in the document.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = (usize, Verdict)> {
        let states = self.parcel.parts.iter().zip(&self.states);
        states.map(|(part, state)| match state.stage {
            Stage::Settled(verdict) => (part.ordinal, verdict),
            _ => (part.ordinal, Verdict::Undelivered),
        })
    }

    fn is_settled(&self) -> bool {
        self.states.iter().all(State::is_settled)
    }

    fn has_open(&self) -> bool {
        self.states.iter().any(State::is_open)
    }
}

impl State {
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

/// A message of a round, as it was written.
#[derive(Debug, Clone, Copy)]
struct Message {
    part: usize,
    is_response: bool,
}

pub(super) struct Worker<'a> {
    context: &'a Context<'a>,
    slot: &'a mut Slot,
    round: Vec<Message>,
    /// `batch`: the head of the message that is being sent.
    head: Vec<u8>,
    stats: Stats,
    /// The longest wait that an answer has asked for since the last pause.
    retry_after: Option<Duration>,
    random: u64,
}

impl<'a> Worker<'a> {
    pub(super) fn new(context: &'a Context<'a>, slot: &'a mut Slot) -> Self {
        let seed = std::hash::BuildHasher::hash_one(
            &std::collections::hash_map::RandomState::new(),
            Instant::now(),
        );
        Self {
            context,
            slot,
            round: Vec::new(),
            head: Vec::new(),
            stats: Stats::default(),
            retry_after: None,
            random: seed | 1,
        }
    }

    /// Tries until every record is settled, or it makes no sense any more.
    pub(super) fn deliver(&mut self, job: &mut Job) {
        let progress = &self.context.progress;
        let mut passes = 0;
        let mut attempts = 0;
        let mut answered_before = None;
        self.retry_after = None;
        while !job.is_settled() && !progress.is_over() {
            match self.context.writer {
                Writer::Resend(_) => self.pass_of_pairs(job),
                Writer::Batch(frame) => self.pass_of_batches(job, frame),
            }
            if job.is_settled() {
                return;
            }
            passes += 1;
            self.stats.retries += 1;
            // As long as the Node answers nobody, it is the Node that is waited for.
            let answered = progress.answered();
            if answered_before.is_some_and(|before| answered > before) {
                attempts += 1;
            }
            answered_before = Some(answered);
            if attempts >= MAX_ATTEMPTS || !self.pause(passes) {
                return;
            }
            for state in &mut job.states {
                state.is_later = false;
            }
            self.retry_after = None;
        }
    }

    /// Waits before the next pass. Says whether to go on.
    fn pause(&mut self, passes: u32) -> bool {
        let progress = &self.context.progress;
        let pause = self.back_off(passes);
        let wait = pause.max(self.retry_after.unwrap_or_default());
        if wait >= progress.deadline.saturating_duration_since(Instant::now()) {
            if self.retry_after.is_some() && progress.is_failing() {
                // The Node asks for more time than there is, and nobody has got through since.
                progress.give_up();
            }
            return false;
        }
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // A wait that the Node has asked for does not mean that it is down.
            if self.retry_after.is_none() && progress.is_over() {
                return false;
            }
            thread::sleep(NAP.min(left));
        }
        if let Some(wait) = self.retry_after {
            progress.note_waited(wait);
        }
        true
    }

    /// The pause after so many passes, with jitter over its upper half, so that the connections do
    /// not all come back at once.
    fn back_off(&mut self, passes: u32) -> Duration {
        let longest = FIRST_PAUSE
            .saturating_mul(1 << passes.saturating_sub(1).min(10))
            .min(LONGEST_PAUSE);
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let share = f64::from(u32::try_from(self.random >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        longest.mul_f64(0.5 + share / 2.0)
    }

    /// Until when the next answer has to be there.
    fn answer_until(&self) -> Instant {
        (Instant::now() + self.context.node.answer_timeout).min(self.context.progress.deadline)
    }

    /// A connection that can be used: the one there is, or a new one.
    fn connection(&mut self) -> Result<Connection, Failure> {
        if let Some(mut connection) = self.slot.connection.take()
            && connection.is_usable()
        {
            return Ok(connection);
        }
        let node = self.context.node;
        let deadline = self.context.progress.deadline;
        let left = deadline.saturating_duration_since(Instant::now());
        node.connect(node.connect_timeout.min(left))
            .inspect_err(|failure| self.context.progress.note_failure(failure))
    }

    /// Whether a pass may go on after a connection has failed: at once where the Node is known to
    /// answer, and else not before a pause.
    fn may_reconnect(&mut self, failed: &Connection) -> bool {
        let may = failed.answers > 0 || self.context.progress.answered() > 0;
        self.stats.retries += u64::from(may);
        may
    }

    /// `resend`: a pass in rounds. A round writes as many messages as the connection's window
    /// allows, and reads their answers in order.
    fn pass_of_pairs(&mut self, job: &mut Job) {
        while job.has_open() && !self.context.progress.is_over() {
            let Ok(mut connection) = self.connection() else {
                return;
            };
            loop {
                self.compose_round(job, connection.window);
                if self.round.is_empty() || self.context.progress.is_over() {
                    self.slot.connection = Some(connection);
                    return;
                }
                if connection.answers == 1 && !connection.is_usable() {
                    // It closes after each answer, and has done so by now.
                    break;
                }
                let answers_before = connection.answers;
                match self.exchange_round(job, &mut connection) {
                    Ok(true) => connection.window = (connection.window * 2).min(MAX_WINDOW),
                    // What the round did not get to goes over another connection.
                    Ok(false) => break,
                    Err(failure) => {
                        let answered = connection.answers - answers_before;
                        self.blame(job, usize::try_from(answered).unwrap_or(0), &failure);
                        if !self.may_reconnect(&connection) {
                            return;
                        }
                        break;
                    }
                }
            }
        }
    }

    /// Chooses the messages of the next round: both of a record if the window has room for two, so
    /// that a pair goes over one connection where that can be.
    fn compose_round(&mut self, job: &Job, window: usize) {
        self.round.clear();
        let open = |is_suspect| {
            let states = job.states.iter().enumerate();
            states.filter(move |(_, state)| state.is_open() && state.is_suspect == is_suspect)
        };
        for (part, state) in open(false).chain(open(true)) {
            let is_requested = matches!(state.stage, Stage::Requested(_));
            let needed = if is_requested || window == 1 { 1 } else { 2 };
            if window - self.round.len() < needed {
                break;
            }
            if !is_requested {
                self.round.push(Message {
                    part,
                    is_response: false,
                });
            }
            if is_requested || window > 1 {
                self.round.push(Message {
                    part,
                    is_response: true,
                });
            }
        }
    }

    /// Writes the round and reads its answers. Says whether the connection can take another one.
    fn exchange_round(
        &mut self,
        job: &mut Job,
        connection: &mut Connection,
    ) -> Result<bool, Failure> {
        let parts = &job.parcel.parts;
        let bytes = &job.parcel.bytes;
        let spans = self.round.iter().map(|message| {
            let part = &parts[message.part];
            if message.is_response {
                part.middle..part.to
            } else {
                part.from..part.middle
            }
        });
        self.stats.bytes += spans.clone().map(|span| span.len() as u64).sum::<u64>();
        let pieces = Adjacent::new(spans).map(|span| &bytes[span]);
        connection.write(pieces, self.answer_until())?;
        let mut sent = Instant::now();
        for at in 0..self.round.len() {
            let message = self.round[at];
            let is_head = !message.is_response && job.parcel.parts[message.part].is_head;
            let reply = connection.read(is_head, || self.answer_until())?;
            self.count_answer(&mut sent);
            let state = &mut job.states[message.part];
            self.take_reply(state, message, reply, connection.number);
            if !reply.answer.keep_alive {
                return Ok(false);
            }
        }
        connection.mark_used();
        // Bytes that nobody asked for: the next answer would not be the next message's.
        Ok(!connection.has_input())
    }

    /// The time of an answer runs from the one before it, or from when its round was written.
    fn count_answer(&mut self, since: &mut Instant) {
        let now = Instant::now();
        let latency = now.duration_since(*since);
        *since = now;
        self.stats.exchanges += 1;
        self.stats.latency_sum += latency;
        self.stats.latency_max = self.stats.latency_max.max(latency);
    }

    fn take_reply(&mut self, state: &mut State, message: Message, reply: Reply, connection: usize) {
        if !state.is_open() {
            // The response message was already under way when its request was refused.
            return;
        }
        let status = reply.answer.status;
        let class = Class::of(status);
        match class {
            Class::Transient => {
                state.is_later = true;
                self.take_transient(status, reply.retry_after);
                return;
            }
            Class::Accepted if message.is_response => {
                state.stage = Stage::Settled(Verdict::Forwarded);
            }
            Class::Accepted => state.stage = Stage::Requested(connection),
            Class::Refused => {
                // Where the request went over another connection, whoever got it may be gone: the
                // Node was started again in between.
                let on_another = matches!(state.stage, Stage::Requested(on) if on != connection);
                if !(on_another && state.repeat()) {
                    state.stage = Stage::Settled(Verdict::Refused(status));
                }
            }
        }
        self.context.progress.note_answer(class == Class::Accepted);
    }

    fn take_transient(&mut self, status: u16, retry_after: Option<Duration>) {
        self.retry_after = self.retry_after.max(retry_after);
        self.context.progress.note_failure(Answered(status));
    }

    /// A connection has failed after so many answers of the round.
    fn blame(&self, job: &mut Job, answered: usize, failure: &Failure) {
        self.context.progress.note_failure(failure);
        let unanswered = self.round.get(answered..).unwrap_or_default();
        // What the Node knew of a request may be gone with the connection.
        for message in unanswered {
            let state = &mut job.states[message.part];
            if matches!(state.stage, Stage::Requested(_)) {
                state.repeat();
            }
        }
        // The first one is the one that was being answered.
        if let Some(first) = unanswered.first() {
            let state = &mut job.states[first.part];
            state.is_later |= state.is_suspect || *failure == Failure::Timeout;
            state.is_suspect = true;
        }
    }

    /// `batch`: a pass in groups, which are halved where the Node refuses them together.
    fn pass_of_batches(&mut self, job: &mut Job, frame: &batch::Frame) {
        let mut groups = open_groups(job);
        let mut kept: Option<Connection> = None;
        while let Some(range) = groups.pop_front() {
            if self.context.progress.is_over() {
                return;
            }
            let is_kept_usable = |kept: &mut Connection| kept.answers != 1 || kept.is_usable();
            let kept_usable = kept.take_if(is_kept_usable);
            kept = None;
            let Ok(mut connection) = kept_usable.map_or_else(|| self.connection(), Ok) else {
                return;
            };
            match self.exchange_batch(job, frame, range.clone(), &mut connection) {
                Ok(reply) => {
                    // A server that finds a message too large may not have read the rest of it.
                    let can_go_on = reply.answer.keep_alive && reply.answer.status != 413;
                    if can_go_on && !connection.has_input() {
                        kept = Some(connection);
                    }
                    self.take_batch_reply(job, range, reply, &mut groups);
                }
                Err(failure) => {
                    self.context.progress.note_failure(&failure);
                    let is_hanging = failure == Failure::Timeout;
                    groups.extend(break_up(&mut job.states, range, is_hanging));
                    if !self.may_reconnect(&connection) {
                        return;
                    }
                }
            }
        }
        self.slot.connection = kept;
    }

    fn take_batch_reply(
        &mut self,
        job: &mut Job,
        range: Range<usize>,
        reply: Reply,
        groups: &mut VecDeque<Range<usize>>,
    ) {
        let progress = &self.context.progress;
        let status = reply.answer.status;
        let class = Class::of(status);
        if class == Class::Transient {
            job.states[range]
                .iter_mut()
                .for_each(|state| state.is_later = true);
            self.take_transient(status, reply.retry_after);
            return;
        }
        progress.note_answer(class == Class::Accepted);
        if class == Class::Refused && range.len() > 1 {
            // Too much together; or one record has spoiled it for the others, unless the status
            // speaks of the address or of who is asking.
            let is_general = matches!(status, 300..=399 | 401 | 404 | 405 | 415);
            if status == 413 || !is_general && !progress.refuses_everything() {
                for half in halves(range).into_iter().rev() {
                    groups.push_front(half);
                }
                return;
            }
        }
        let verdict = match class {
            Class::Accepted => Verdict::Forwarded,
            _ => Verdict::Refused(status),
        };
        if verdict != Verdict::Forwarded && range.len() == 1 {
            progress.note_refused_alone();
        }
        for state in &mut job.states[range] {
            state.stage = Stage::Settled(verdict);
        }
    }

    fn exchange_batch(
        &mut self,
        job: &Job,
        frame: &batch::Frame,
        range: Range<usize>,
        connection: &mut Connection,
    ) -> Result<Reply, Failure> {
        let until = self.answer_until();
        let pieces = frame.message(&mut self.head, &job.parcel, range);
        self.stats.bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        connection.write(pieces.into_iter(), until)?;
        let mut sent = Instant::now();
        let reply = connection.read(false, || until)?;
        connection.mark_used();
        self.count_answer(&mut sent);
        Ok(reply)
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        self.context.progress.add(&self.stats);
    }
}

/// The records that can be sent now, in groups of neighbours, those that broke a connection last.
fn open_groups(job: &Job) -> VecDeque<Range<usize>> {
    let mut groups: VecDeque<Range<usize>> = VecDeque::new();
    for (at, state) in job.states.iter().enumerate() {
        if !state.is_open() {
            continue;
        }
        match groups.back_mut() {
            Some(group)
                if group.end == at
                    && group.len() < state.group
                    && job.states[group.start].group == state.group =>
            {
                group.end = at + 1;
            }
            _ => groups.push_back(at..at + 1),
        }
    }
    let states = &job.states;
    groups.make_contiguous().sort_by_key(|group| {
        (
            states[group.start].is_suspect,
            usize::MAX - states[group.start].group,
        )
    });
    groups
}

/// A connection has broken on a group. Returns what of it is to be sent in this pass all the same:
/// all of it the first time, and then its halves. One that hangs, or that can't be halved, is left
/// for the next pass.
fn break_up(states: &mut [State], range: Range<usize>, is_hanging: bool) -> Vec<Range<usize>> {
    let group = &mut states[range.clone()];
    let was_suspect = group.iter().all(|state| state.is_suspect);
    let is_later = is_hanging || was_suspect && range.len() == 1;
    for state in group {
        state.is_suspect = true;
        state.is_later = is_later;
        if was_suspect {
            state.group = range.len().div_ceil(2);
        }
    }
    match (is_later, was_suspect) {
        (true, _) => vec![],
        (false, true) => halves(range).to_vec(),
        (false, false) => vec![range],
    }
}

fn halves(range: Range<usize>) -> [Range<usize>; 2] {
    let middle = range.start + range.len().div_ceil(2);
    [range.start..middle, middle..range.end]
}

/// What a status means for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Accepted,
    /// Another try may help.
    Transient,
    /// The Node's last word. Redirects are among it: the address is wrong then, and following one
    /// would send customers' calls wherever it points to. So is 501, which speaks of the method
    /// (RFC 9110 §15.6.2), and a stranger can choose that.
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

struct Answered(u16);

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Node answered with status {}", self.0)
    }
}

/// Joins spans that touch, so that they are copied at once.
struct Adjacent<I: Iterator> {
    spans: std::iter::Peekable<I>,
}

impl<I: Iterator<Item = Range<usize>>> Adjacent<I> {
    fn new(spans: I) -> Self {
        Self {
            spans: spans.peekable(),
        }
    }
}

impl<I: Iterator<Item = Range<usize>>> Iterator for Adjacent<I> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let mut span = self.spans.next()?;
        while let Some(next) = self.spans.next_if(|next| next.start == span.end) {
            span.end = next.end;
        }
        Some(span)
    }
}
