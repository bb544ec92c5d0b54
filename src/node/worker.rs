//! One worker: it takes jobs to the Node over one connection at a time. What becomes of a record is decided in
//! [`job`](super::job); here are the exchanges and the pauses.

use std::fmt;
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use super::connection::{Connection, Failure, Response};
use super::dial::Dialer;
use super::job::{self, Groups, Job, Message, Note, Passes};
use super::progress::Progress;
use crate::account::Stats;
use crate::wire::{Writer, batch};

/// How often a pause checks whether the delivery has ended.
const NAP: Duration = Duration::from_millis(50);

/// What all workers of a delivery share.
pub(super) struct Context<'a> {
    pub(super) dialer: &'a Dialer,
    pub(super) writer: &'a Writer,
    pub(super) progress: Progress,
}

/// A connection that is kept from one event to the next. A worker has one of them to itself.
#[derive(Debug, Default)]
pub(super) struct Slot {
    connection: Option<Connection>,
}

pub(super) struct Worker<'a> {
    context: &'a Context<'a>,
    slot: &'a mut Slot,
    round: Vec<Message>,
    /// `batch`: the head of the message that is being sent.
    head: Vec<u8>,
    stats: Stats,
    /// The longest wait that a response has asked for since the last pause.
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

    /// Makes passes over a job until every record is settled, or it makes no sense any more.
    pub(super) fn deliver(&mut self, job: &mut Job) {
        let progress = &self.context.progress;
        let mut passes = Passes::default();
        self.retry_after = None;
        while !job.is_settled() && !progress.is_over() {
            match self.context.writer {
                Writer::Resend(_) => self.pass_of_pairs(job),
                Writer::Batch(frame) => self.pass_of_batches(job, frame),
            }
            if job.is_settled() {
                return;
            }
            self.stats.retries += 1;
            if !passes.may_go_on(progress.responses()) || !self.pause(&passes) {
                return;
            }
            job.begin_pass();
            self.retry_after = None;
        }
    }

    /// Waits before the next pass. Says whether to go on.
    fn pause(&mut self, passes: &Passes) -> bool {
        let progress = &self.context.progress;
        let pause = passes.pause(self.random_share());
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

    /// A random number from 0 to 1 (xorshift64).
    fn random_share(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        f64::from(u32::try_from(self.random >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }

    /// Until when the next response has to be there.
    fn response_until(&self) -> Instant {
        let context = self.context;
        (Instant::now() + context.dialer.response_timeout).min(context.progress.deadline)
    }

    /// A connection that can be used: the one there is, or a new one.
    fn connection(&mut self) -> Result<Connection, Failure> {
        if let Some(mut connection) = self.slot.connection.take()
            && connection.is_usable()
        {
            return Ok(connection);
        }
        let deadline = self.context.progress.deadline;
        let left = deadline.saturating_duration_since(Instant::now());
        let dialed = self.context.dialer.dial(left);
        dialed.inspect_err(|failure| self.context.progress.note_failure(failure))
    }

    /// Whether a pass may go on after a connection has failed.
    fn may_reconnect(&mut self, failed: &Connection) -> bool {
        let may = job::may_reconnect(failed.responses, self.context.progress.responses());
        self.stats.retries += u64::from(may);
        may
    }

    /// `resend`: a pass in rounds. A round writes as many messages as the connection's window
    /// allows, and reads their responses in order.
    fn pass_of_pairs(&mut self, job: &mut Job) {
        while job.has_open() && !self.context.progress.is_over() {
            let Ok(mut connection) = self.connection() else {
                return;
            };
            loop {
                job.compose_round(connection.window, &mut self.round);
                if self.round.is_empty() || self.context.progress.is_over() {
                    self.slot.connection = Some(connection);
                    return;
                }
                if connection.responses == 1 && !connection.is_usable() {
                    // It closes after each response, and has done so by now.
                    break;
                }
                let before = connection.responses;
                match self.exchange_round(job, &mut connection) {
                    Ok(true) => connection.window = job::wider(connection.window),
                    // What the round did not get to goes over another connection.
                    Ok(false) => break,
                    Err(failure) => {
                        self.context.progress.note_failure(&failure);
                        let came = usize::try_from(connection.responses - before).unwrap_or(0);
                        let unanswered = self.round.get(came..).unwrap_or_default();
                        job.take_broken_round(unanswered, failure == Failure::Timeout);
                        if !self.may_reconnect(&connection) {
                            return;
                        }
                        break;
                    }
                }
            }
        }
    }

    /// Writes the round and reads its responses. Says whether the connection can take another one.
    fn exchange_round(
        &mut self,
        job: &mut Job,
        connection: &mut Connection,
    ) -> Result<bool, Failure> {
        let spans = self.round.iter().map(|&message| job.span(message));
        self.stats.bytes += spans.clone().map(|span| span.len() as u64).sum::<u64>();
        let pieces = Adjacent::new(spans).map(|span| &job.chunk.bytes[span]);
        connection.write(pieces, self.response_until())?;
        let mut sent = Instant::now();
        for at in 0..self.round.len() {
            let message = self.round[at];
            let response = connection.read(job.is_head(message), || self.response_until())?;
            self.count_response(&mut sent);
            let note = job.take_response(message, response.status, connection.number);
            self.take_note(note, response);
            if !response.keep_alive {
                return Ok(false);
            }
        }
        connection.mark_used();
        // Bytes that nobody asked for: the next response would not be the next message's.
        Ok(!connection.has_input())
    }

    /// `batch`: a pass in groups, which are halved where the Node refuses them together.
    fn pass_of_batches(&mut self, job: &mut Job, frame: &batch::Frame) {
        let mut groups = job.open_groups();
        let mut kept: Option<Connection> = None;
        while let Some(group) = groups.pop_front() {
            if self.context.progress.is_over() {
                return;
            }
            let is_kept_usable = |kept: &mut Connection| kept.responses != 1 || kept.is_usable();
            let kept_usable = kept.take_if(is_kept_usable);
            kept = None;
            let Ok(mut connection) = kept_usable.map_or_else(|| self.connection(), Ok) else {
                return;
            };
            match self.exchange_batch(job, frame, group.clone(), &mut connection) {
                Ok(response) => {
                    // A server that finds a message too large may not have read the rest of it.
                    let can_go_on = response.keep_alive && response.status != 413;
                    if can_go_on && !connection.has_input() {
                        kept = Some(connection);
                    }
                    self.take_batch_response(job, group, response, &mut groups);
                }
                Err(failure) => {
                    self.context.progress.note_failure(&failure);
                    job.take_broken_batch(group, failure == Failure::Timeout, &mut groups);
                    if !self.may_reconnect(&connection) {
                        return;
                    }
                }
            }
        }
        self.slot.connection = kept;
    }

    fn take_batch_response(
        &mut self,
        job: &mut Job,
        group: Range<usize>,
        response: Response,
        groups: &mut Groups,
    ) {
        let refuses_everything = self.context.progress.refuses_everything();
        let note = job.take_batch_response(group, response.status, refuses_everything, groups);
        self.take_note(note, response);
    }

    fn exchange_batch(
        &mut self,
        job: &Job,
        frame: &batch::Frame,
        group: Range<usize>,
        connection: &mut Connection,
    ) -> Result<Response, Failure> {
        let until = self.response_until();
        let pieces = frame.message(&mut self.head, &job.chunk, group);
        self.stats.bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        connection.write(pieces.into_iter(), until)?;
        let mut sent = Instant::now();
        let response = connection.read(false, || until)?;
        connection.mark_used();
        self.count_response(&mut sent);
        Ok(response)
    }

    /// The time of a response runs from the one before it, or from when its round was written.
    fn count_response(&mut self, since: &mut Instant) {
        let now = Instant::now();
        self.stats.count_response(now.duration_since(*since));
        *since = now;
    }

    /// Tells all workers what a response says of the Node.
    fn take_note(&mut self, note: Note, response: Response) {
        let progress = &self.context.progress;
        match note {
            Note::Accepted => progress.note_response(true),
            Note::Refused => progress.note_response(false),
            Note::RefusedAlone => {
                progress.note_response(false);
                progress.note_refused_alone();
            }
            Note::Transient => {
                self.retry_after = self.retry_after.max(response.retry_after);
                progress.note_failure(Transient(response.status));
            }
            Note::Nothing => {}
        }
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        self.context.progress.add(&self.stats);
    }
}

struct Transient(u16);

impl fmt::Display for Transient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Node responded with status {}", self.0)
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
