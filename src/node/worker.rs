//! One worker: it takes jobs to the Node over one connection at a time. What becomes of a record is decided in
//! [`job`](super::job); here are the exchanges and the pauses.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::connection::{Connection, Heads, Quiet, Response};
use super::dial::Dialer;
use super::failure::Failure;
use super::job::{self, Claim, Job, Message, Note, On};
use super::pipelining::Pipelining;
use super::progress::Progress;
use super::queue::Queue;
use crate::account::{Stats, Verdict};
use crate::wire::{Writer, batch};

/// So many connections in a row may settle nothing before a worker pauses. One that brings a single response settles a
/// record with every second one.
const MAX_FRUITLESS: u32 = 8;

/// What all workers of a delivery share.
pub(super) struct Context<'a> {
    pub(super) dialer: &'a Dialer,
    pub(super) pipelining: &'a Pipelining,
    pub(super) writer: &'a Writer,
    pub(super) progress: Progress,
    /// Nothing is sent, and every record counts as accepted.
    #[cfg(feature = "cli")]
    pub(super) is_dry: bool,
}

impl Context<'_> {
    /// Notes what went wrong, with the Node's place, and that the Node fails.
    #[cold]
    pub(super) fn note_failure(&self, why: &dyn fmt::Display) {
        self.note_reason(why);
        self.progress.note_failing();
    }

    /// Notes what went wrong.
    #[cold]
    fn note_reason(&self, why: &dyn fmt::Display) {
        let place = self.dialer.place();
        self.progress.note_reason(format!("{place}: {why}"));
    }
}

/// A connection that is kept from one event to the next, and what it has settled. A worker has one of them to
/// itself.
#[derive(Debug, Default)]
pub(super) struct Slot {
    connection: Option<Connection>,
    /// What responses on this connection have settled in this delivery. They are told apart by their order alone, so
    /// that this holds only as long as none comes that nobody has asked for.
    claims: Vec<Claim>,
    /// What nothing that comes later can change.
    settled: Vec<Claim>,
}

impl Slot {
    pub(super) fn has_connection(&self) -> bool {
        self.connection.is_some()
    }

    /// Begins a delivery.
    pub(super) fn begin(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.is_proven = false;
        }
    }

    /// Ends a delivery: looks a last time whether the connection has brought something that nobody has asked for,
    /// and hands out what was settled. Says whether it has.
    pub(super) fn conclude(&mut self, settle: &mut dyn FnMut(usize, Verdict)) -> bool {
        let mut is_void = false;
        if let Some(connection) = &mut self.connection
            && !self.claims.is_empty()
        {
            let quiet = connection.quiet();
            is_void = quiet == Quiet::No;
            if quiet != Quiet::Yes {
                self.connection = None;
            }
        }
        for (ordinal, verdict) in self.settled.drain(..) {
            settle(ordinal as usize, verdict);
        }
        for (ordinal, verdict) in self.claims.drain(..) {
            let verdict = if is_void {
                Verdict::Undelivered
            } else {
                verdict
            };
            settle(ordinal as usize, verdict);
        }
        is_void
    }

    /// Notes that the connection has ended, and in good order as far as its responses go.
    fn keep_claims(&mut self) {
        self.settled.append(&mut self.claims);
    }
}

/// How a pass has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Whatever was open has been tried.
    Whole,
    /// There is no connection, or none that the Node has responded on.
    NoConnection,
}

pub(super) struct Worker<'a> {
    context: &'a Context<'a>,
    queue: &'a Queue<Job>,
    slot: &'a mut Slot,
    round: Vec<Message>,
    responses: Vec<Response>,
    /// `batch`: the head of the message that is being sent.
    head: Vec<u8>,
    stats: Stats,
    /// What was accepted and refused since all workers were told.
    untold: (u32, u32),
    /// The longest wait that a response has asked for in this pass.
    retry_after: Option<Duration>,
    /// The Node has responded in this pass that it wants a message again.
    was_transient: bool,
    /// One of these responses said that the Node has too much to do.
    was_busy: bool,
    /// How often in a row no connection was to be had.
    misses: u32,
    /// How often in a row a new one broke before a response came on it.
    breaks: u32,
    /// How many connections in a row have settled nothing.
    fruitless: u32,
    /// It has a connection that has accepted a message of this delivery, as [`Progress`] counts it.
    is_connected: bool,
    /// The last connection was lost because no response came in time.
    was_silent: bool,
    random: u64,
}

impl<'a> Worker<'a> {
    pub(super) fn new(context: &'a Context<'a>, queue: &'a Queue<Job>, slot: &'a mut Slot) -> Self {
        let seed = std::hash::BuildHasher::hash_one(
            &std::collections::hash_map::RandomState::new(),
            Instant::now(),
        );
        Self {
            context,
            queue,
            slot,
            round: Vec::new(),
            responses: Vec::new(),
            head: Vec::new(),
            stats: Stats::default(),
            untold: (0, 0),
            retry_after: None,
            was_transient: false,
            was_busy: false,
            misses: 0,
            breaks: 0,
            fruitless: 0,
            is_connected: false,
            was_silent: false,
            random: seed | 1,
        }
    }

    /// Takes jobs until all are done, and no more come.
    pub(super) fn work(&mut self) {
        let (queue, progress) = (self.queue, &self.context.progress);
        while let Some(job) = queue.next(|| progress.is_over(), || self.may_take_any()) {
            self.deliver(job);
        }
    }

    /// Whether it may take a job that another worker had no connection for.
    fn may_take_any(&self) -> bool {
        self.is_connected || !self.context.progress.is_connected()
    }

    /// Takes jobs until none is left at the moment.
    pub(super) fn work_off(&mut self) {
        let (queue, progress) = (self.queue, &self.context.progress);
        while queue.has_work()
            && let Some(job) = queue.next(|| progress.is_over(), || self.may_take_any())
        {
            self.deliver(job);
        }
    }

    /// Makes a pass over a job. What is left comes back to the queue.
    fn deliver(&mut self, mut job: Job) {
        let progress = &self.context.progress;
        self.retry_after = None;
        self.was_transient = false;
        self.was_busy = false;
        self.was_silent = false;
        let mut pass = Pass::Whole;
        if !progress.is_over() {
            pass = match self.context.writer {
                Writer::Resend(_) => self.pass_of_pairs(&mut job),
                Writer::Batch(frame) => self.pass_of_batches(&mut job, frame),
            };
        }
        let has_proven = |connection: &Connection| connection.is_proven;
        self.set_connected(self.slot.connection.as_ref().is_some_and(has_proven));
        if self.was_transient {
            // The next try goes over a new connection: the backend at the end of this one may be the faulty one.
            self.leave_connection(&mut job);
        }
        if job.is_settled() || progress.is_over() {
            self.queue.done(job);
            return;
        }
        self.stats.retries += 1;
        match pass {
            Pass::Whole => self.wait_for_next_pass(job),
            Pass::NoConnection => {
                // Whoever has a connection takes it; this worker asks for one again after a while.
                self.misses += 1;
                (self.breaks, self.fruitless) = (0, 0);
                let wait = job::pause(self.misses, self.random_share());
                let wait = wait.max(self.retry_after.unwrap_or_default());
                let progress = &self.context.progress;
                self.queue.bring_back(job, Instant::now(), true);
                self.queue.rest(wait, || progress.is_over());
                if self.was_silent {
                    // Another try would cost a timeout, and hold up a job, while others have connections.
                    let wait = self.context.dialer.response_timeout;
                    let is_alone = || progress.is_over() || !progress.is_connected();
                    self.queue.rest(wait, is_alone);
                }
            }
        }
    }

    /// Brings a job back that needs another pass, after a pause.
    #[cold]
    fn wait_for_next_pass(&mut self, mut job: Job) {
        let progress = &self.context.progress;
        job.end_pass(progress.responses());
        let is_accepting = progress.is_accepting();
        let is_well = is_accepting && !self.was_busy;
        let pause = job.pause(is_accepting, self.was_busy, self.random_share());
        let now = Instant::now();
        let left = progress.deadline.saturating_duration_since(now);
        if self.retry_after.is_some_and(|wait| wait >= left) {
            progress.note_long_wait();
            // It may be one backend that asks for this, and the next try goes to another one.
            if !is_well && job.note_long_wait() {
                self.queue.done(job);
                return;
            }
            self.retry_after = None;
        }
        let wait = pause.max(self.retry_after.unwrap_or_default());
        if wait >= left {
            self.queue.done(job);
            return;
        }
        self.queue.bring_back(job, now + wait, false);
        if let Some(asked_for) = self.retry_after {
            // The Node has asked to be left alone: that does not mean that it is down.
            self.queue.rest(asked_for, || false);
            progress.note_waited(asked_for);
        }
    }

    /// A random number from 0 to 1 (xorshift64).
    fn random_share(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        f64::from(u32::try_from(self.random >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }

    /// Until when the next response has to be there.
    fn response_until(&self, now: Instant) -> Instant {
        let context = self.context;
        (now + context.dialer.response_timeout).min(context.progress.deadline)
    }

    /// The connection that there is, or a new one.
    fn connection(&mut self, job: &mut Job) -> Option<Connection> {
        if let Some(connection) = self.slot.connection.take() {
            if connection.is_fresh() {
                return Some(connection);
            }
            if self.quiet(connection, job).is_some() {
                self.slot.keep_claims();
            }
        }
        let deadline = self.context.progress.deadline;
        let left = deadline.saturating_duration_since(Instant::now());
        match self.context.dialer.dial(left) {
            Ok(connection) => Some(connection),
            Err(failure) => {
                self.context.note_failure(&failure);
                None
            }
        }
    }

    /// Gives the connection back if nothing waits on it to be read, which has to be so before each round. If something
    /// does, a response may have been counted for the wrong message, and all that this connection has settled is open
    /// again.
    fn quiet(&mut self, mut connection: Connection, job: &mut Job) -> Option<Connection> {
        match connection.quiet() {
            Quiet::Yes => Some(connection),
            Quiet::Closed => {
                if connection.responses == 0 {
                    self.context.note_failure(&Failure::Closed);
                }
                self.slot.keep_claims();
                None
            }
            Quiet::No => {
                self.recall(job, connection.number);
                None
            }
        }
    }

    /// Takes back what the connection has settled in this delivery.
    #[cold]
    fn recall(&mut self, job: &mut Job, connection: usize) {
        self.context.note_failure(&Failure::Surplus);
        job.void_requests(connection);
        for (ordinal, _) in self.slot.claims.drain(..) {
            if !job.recall(ordinal) {
                // Its job is done, and its bytes are gone: the event fails, and its next attempt sends the record.
                self.slot.settled.push((ordinal, Verdict::Undelivered));
            }
        }
    }

    /// Closes the connection that is kept, if there is one.
    #[cold]
    fn leave_connection(&mut self, job: &mut Job) {
        if let Some(connection) = self.slot.connection.take() {
            let number = connection.number;
            self.end_connection(connection, false, job);
            job.forget_requests(number);
            self.set_connected(false);
        }
    }

    /// Ends a connection that no failure has ended, after a last look. It waits for about as long as a response takes
    /// here: if one has come too many, the last one is still on its way. `is_cut`: what follows is a body's rest.
    #[cold]
    fn end_connection(&mut self, mut connection: Connection, is_cut: bool, job: &mut Job) {
        if !is_cut {
            connection.await_end();
        }
        if is_cut || self.quiet(connection, job).is_some() {
            self.slot.keep_claims();
        }
    }

    /// Tells the others whether this worker has a connection that has accepted a message.
    fn set_connected(&mut self, is_connected: bool) {
        if self.is_connected != is_connected {
            self.is_connected = is_connected;
            self.context.progress.note_connected(is_connected);
        }
    }

    /// Whether the Node has asked for a pause that there is time for, and accepts nobody's messages.
    fn wants_to_be_left_alone(&self) -> bool {
        let progress = &self.context.progress;
        self.retry_after.is_some_and(|wait| {
            let left = progress.deadline.saturating_duration_since(Instant::now());
            !wait.is_zero() && wait < left && !progress.is_accepting()
        })
    }

    fn on(&self, connection: &Connection) -> On {
        On {
            connection: connection.number,
            is_proven: connection.is_proven,
            is_first: connection.responses == 0,
            responses: self.context.progress.responses(),
        }
    }

    /// Notes that a connection has failed, and says whether the pass may go on at once: if the Node had responded on it,
    /// unless several in a row have settled nothing. It may go on once if the Node has responded on another one, since
    /// what is sent then is something else: so one record that breaks connections is told from connections that can't
    /// be had.
    #[cold]
    fn lose_connection(&mut self, failed: &Connection) -> bool {
        let is_new = failed.responses == 0;
        let is_fruitless = self.slot.claims.is_empty();
        self.slot.keep_claims();
        self.breaks += u32::from(is_new);
        self.fruitless = if is_fruitless { self.fruitless + 1 } else { 0 };
        let may = if is_new {
            self.breaks == 1 && self.context.progress.responses() > 0
        } else {
            self.fruitless < MAX_FRUITLESS
        };
        self.stats.retries += u64::from(may);
        may
    }

    /// Notes why a connection was lost. Says whether it was for lack of a response in time.
    #[cold]
    fn note_break(&mut self, failure: &Failure) -> bool {
        self.context.note_failure(failure);
        self.was_silent = *failure == Failure::Timeout;
        self.was_silent
    }

    /// `resend`: a pass in rounds. A round writes as many messages as the connection's window
    /// allows, and reads their responses in order.
    fn pass_of_pairs(&mut self, job: &mut Job) -> Pass {
        while job.has_open() && !self.context.progress.is_over() {
            let Some(mut connection) = self.connection(job) else {
                return Pass::NoConnection;
            };
            let mut ends_with_head = false;
            loop {
                let window = connection.window.min(self.context.pipelining.limit());
                let heads_are_bare = connection.heads == Heads::Bare;
                job.compose_round(window, heads_are_bare, &mut self.round);
                if self.round.is_empty() || self.context.progress.is_over() {
                    self.slot.connection = Some(connection);
                    return Pass::Whole;
                }
                let is_new = connection.responses == 0;
                connection = match self.quiet(connection, job) {
                    Some(_) if !is_new && job.needs_new_connection(&self.round) => {
                        self.slot.keep_claims();
                        break;
                    }
                    Some(quiet) => quiet,
                    None if is_new => return Pass::NoConnection,
                    None => break,
                };
                if ends_with_head && connection.heads == Heads::Unknown {
                    connection.heads = Heads::Bare;
                }
                ends_with_head = self.round.last().is_some_and(|&last| job.is_head(last));
                let exchanged = self.exchange_round(job, &mut connection);
                if self.wants_to_be_left_alone() {
                    job.postpone();
                }
                match exchanged {
                    Ok(true) => {
                        connection.window = job::wider(connection.window, self.round.len());
                    }
                    // What the round did not get to goes over another connection.
                    Ok(false) => {
                        let is_cut = self.responses.last().is_some_and(|last| last.is_cut);
                        self.end_connection(connection, is_cut, job);
                        break;
                    }
                    Err(failure) => {
                        let is_timeout = self.note_break(&failure);
                        let (of, came) = (self.round.len(), self.responses.len());
                        if of > 1 {
                            let is_dropped = is_timeout && came == 1;
                            self.context.pipelining.note_loss(of, is_dropped);
                        }
                        let unanswered = &self.round[came..];
                        job.take_broken_round(unanswered, of, is_timeout, self.on(&connection));
                        if !self.lose_connection(&connection) {
                            return Pass::NoConnection;
                        }
                        break;
                    }
                }
            }
        }
        Pass::Whole
    }

    /// Writes the round, reads its responses, and tells the job. Says whether the connection can take another one.
    ///
    /// Where it fails, `responses` has those that came.
    fn exchange_round(
        &mut self,
        job: &mut Job,
        connection: &mut Connection,
    ) -> Result<bool, Failure> {
        self.responses.clear();
        let result = self.read_round(job, connection);
        self.tell();
        let is_doubtful = std::mem::take(&mut connection.is_doubtful);
        // What is no response shows that those before it may not be what they seem.
        if matches!(result, Err(Failure::Http(_))) || is_doubtful && result.is_err() {
            self.responses.clear();
        } else if is_doubtful {
            // If one response was a body, the last one is still on its way.
            connection.await_body();
        }
        let is_cut = self.responses.last().is_some_and(|last| last.is_cut);
        if result.is_ok() && !is_cut && connection.has_input() {
            job.take_void_round(&self.round);
            self.recall(job, connection.number);
            return Ok(false);
        }
        let on = self.on(connection);
        for (&message, response) in self.round.iter().zip(&self.responses) {
            job.take_response(message, response.status, on, &mut self.slot.claims);
        }
        if result == Ok(true) {
            connection.mark_used();
        }
        result
    }

    fn read_round(&mut self, job: &Job, connection: &mut Connection) -> Result<bool, Failure> {
        let spans = self.round.iter().map(|&message| job.span(message));
        self.stats.bytes += spans.clone().map(|span| span.len() as u64).sum::<u64>();
        let pieces = Adjacent::new(spans).map(|span| &job.chunk.bytes[span]);
        connection.write(pieces, self.response_until(Instant::now()))?;
        let mut reading = Reading::new();
        let result = self.read_responses(job, connection, &mut reading);
        reading.count(&mut self.stats, connection);
        if result == Ok(true) {
            let messages = self.round.len();
            let took = reading.since.duration_since(reading.written);
            connection.pace.end(count(messages), took);
            self.context.pipelining.note_clean(messages, took);
        }
        result
    }

    fn read_responses(
        &mut self,
        job: &Job,
        connection: &mut Connection,
        reading: &mut Reading,
    ) -> Result<bool, Failure> {
        let of = self.round.len();
        for at in 0..of {
            let message = self.round[at];
            let response = connection.read(job.is_head(message), &mut |pace| {
                reading.has_waited = true;
                // Who waits has told the others what came before.
                self.tell();
                let now = Instant::now();
                let since_written = now.duration_since(reading.written);
                let pause = pace.pause(count(at), since_written, count(of - at));
                (self.response_until(now), pause)
            })?;
            reading.take(&mut self.stats, connection);
            // Where the record's first message was not accepted, the second one's response says nothing.
            let before = self.responses.last().filter(|_| message.is_response);
            let follows = at > 0 && self.round[at - 1].record == message.record;
            let says_nothing =
                before.is_some_and(|before| follows && Note::of(before.status) != Note::Accepted);
            self.responses.push(response);
            if !says_nothing {
                self.take_note(response, connection, job.is_known_bad(message.record));
            }
            if !response.keep_alive {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `batch`: a pass in groups, which are halved where the Node refuses them together.
    fn pass_of_batches(&mut self, job: &mut Job, frame: &batch::Frame) -> Pass {
        let mut groups = job.open_groups();
        while let Some(group) = groups.pop_front() {
            if self.context.progress.is_over() {
                return Pass::Whole;
            }
            let Some(connection) = self.connection(job) else {
                return Pass::NoConnection;
            };
            let is_new = connection.responses == 0;
            let mut connection = match self.quiet(connection, job) {
                Some(quiet) => quiet,
                None if is_new => return Pass::NoConnection,
                None => {
                    groups.push_front(group);
                    continue;
                }
            };
            match self.exchange_batch(job, frame, group.clone(), &mut connection) {
                Ok(response) if !response.is_cut && connection.has_input() => {
                    job.take_void_batch(group);
                    self.recall(job, connection.number);
                }
                Ok(response) => {
                    let accepts_others = self.context.progress.is_accepting();
                    let is_known_bad = group.len() == 1 && job.is_known_bad(group.start);
                    self.take_note(response, &mut connection, is_known_bad);
                    self.tell();
                    let (on, claims) = (self.on(&connection), &mut self.slot.claims);
                    let status = response.status;
                    job.take_batch_response(group, status, accepts_others, on, &mut groups, claims);
                    // A server that finds a message too large may not have read the rest of it.
                    if response.keep_alive && status != 413 {
                        self.slot.connection = Some(connection);
                    } else {
                        self.end_connection(connection, response.is_cut, job);
                    }
                    if self.wants_to_be_left_alone() {
                        job.postpone();
                        return Pass::Whole;
                    }
                }
                Err(failure) => {
                    let is_timeout = self.note_break(&failure);
                    job.take_broken_batch(group, is_timeout, self.on(&connection), &mut groups);
                    if !self.lose_connection(&connection) {
                        return Pass::NoConnection;
                    }
                }
            }
        }
        Pass::Whole
    }

    fn exchange_batch(
        &mut self,
        job: &Job,
        frame: &batch::Frame,
        group: Range<usize>,
        connection: &mut Connection,
    ) -> Result<Response, Failure> {
        let until = self.response_until(Instant::now());
        let pieces = frame.message(&mut self.head, &job.chunk, group);
        self.stats.bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        connection.write(pieces.into_iter(), until)?;
        let mut reading = Reading::new();
        let response = connection.read(false, &mut |_| (until, Duration::ZERO))?;
        connection.mark_used();
        reading.take(&mut self.stats, connection);
        reading.count(&mut self.stats, connection);
        Ok(response)
    }

    /// Tells all workers what was accepted and refused.
    fn tell(&mut self) {
        let (accepted, refused) = std::mem::take(&mut self.untold);
        self.context.progress.note_responses(accepted, refused);
    }

    /// Notes what a response says of the Node, and tells all workers if it fails. `is_known_bad`: its record fails where
    /// others do not.
    fn take_note(&mut self, response: Response, connection: &mut Connection, is_known_bad: bool) {
        self.misses = 0;
        self.breaks = 0;
        match Note::of(response.status) {
            Note::Accepted => {
                connection.is_proven = true;
                self.set_connected(true);
                self.untold.0 += 1;
            }
            Note::Refused => self.untold.1 += 1,
            Note::Transient => {
                // What was accepted before it says nothing of what comes now.
                self.tell();
                self.was_transient = true;
                self.was_busy |= matches!(response.status, 408 | 425 | 429 | 503);
                self.retry_after = self.retry_after.max(response.retry_after);
                if is_known_bad {
                    self.context.note_reason(&Transient(response.status));
                } else {
                    self.context.note_failure(&Transient(response.status));
                }
            }
        }
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        self.set_connected(false);
        self.context.progress.add(&self.stats);
    }
}

/// How the responses of a round come.
struct Reading {
    /// When the round was written.
    written: Instant,
    /// When the last responses were read, or the round was written.
    since: Instant,
    /// How many responses came by the last read, and how long that was after the read before it.
    came: u32,
    took: Duration,
    was_paused: bool,
    /// The next response was not there, and had to be waited for.
    has_waited: bool,
}

impl Reading {
    /// Begins when the round was written.
    fn new() -> Self {
        let written = Instant::now();
        Self {
            written,
            since: written,
            came: 0,
            took: Duration::ZERO,
            was_paused: false,
            has_waited: false,
        }
    }

    /// Takes a response. The time of those that had to be waited for runs from the read before, or from when the round
    /// was written.
    fn take(&mut self, stats: &mut Stats, connection: &mut Connection) {
        let is_first = self.since == self.written;
        let has_waited = std::mem::take(&mut self.has_waited);
        if is_first || has_waited {
            self.count(stats, connection);
            let now = Instant::now();
            self.took = now.duration_since(self.since);
            self.since = now;
            self.was_paused = !is_first && connection.pace.has_paused();
            if is_first {
                connection.pace.begin(self.took);
            }
        }
        self.came += 1;
    }

    /// Counts what the last read has brought. After a pause nobody knows when each response came, so that they share
    /// the time; else the first one took all of it.
    fn count(&mut self, stats: &mut Stats, connection: &mut Connection) {
        if self.came == 0 {
            return;
        }
        let share = if self.was_paused { self.came } else { 1 };
        let at_most = self.took / share;
        stats.count_responses(self.came, self.took, at_most);
        connection.slowest = connection.slowest.max(at_most);
        self.came = 0;
    }
}

/// A number of messages, of which there are few.
fn count(messages: usize) -> u32 {
    u32::try_from(messages).unwrap_or(u32::MAX)
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
