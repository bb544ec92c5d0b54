//! One event's records on their way to the Node.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use super::connection::{Connection, Failure, MAX_WINDOW, Reply};
use super::{Node, Shared, Slot};
use crate::wire::{Parcel, batch};

/// How often a parcel is tried while the Node takes others: what is left of it then is not the
/// Node's fault in general.
const MAX_ATTEMPTS: u32 = 5;

/// The first pause after a transient failure; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How often a pause looks whether it still makes sense.
const NAP: Duration = Duration::from_millis(50);

/// Enough for a TLS handshake; only pages that are touched cost memory.
const STACK: usize = 512 * 1024;

/// How the parts of a parcel become messages.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wire<'a> {
    /// A part is a request message and a response message.
    Resend,
    /// Parts are JSON, and this makes the message around them.
    Batch(&'a batch::Frame),
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The Node has taken all of it.
    Forwarded,
    /// The Node has refused it, with this status.
    Refused(u16),
    /// Time was up before the Node took it.
    Undelivered,
}

/// What a delivery came to, beside the verdicts.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) stats: Stats,
    /// The last thing that went wrong, if anything did.
    pub(crate) last_failure: Option<String>,
}

/// Counts of one delivery.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Stats {
    /// Answers that came.
    pub(crate) exchanges: u64,
    /// Times that something failed and was sent again, or was to be.
    pub(crate) retries: u64,
    /// Bytes written.
    pub(crate) bytes: u64,
    pub(crate) latency_sum: Duration,
    pub(crate) latency_max: Duration,
}

impl Stats {
    fn add(&mut self, other: &Self) {
        self.exchanges += other.exchanges;
        self.retries += other.retries;
        self.bytes += other.bytes;
        self.latency_sum += other.latency_sum;
        self.latency_max = self.latency_max.max(other.latency_max);
    }
}

impl Node {
    /// Runs `feed`, which hands parcels to the [`Delivery`], and returns when every record of them
    /// is settled. `settle` is called with each record's ordinal.
    pub(crate) fn deliver<R>(
        &mut self,
        wire: Wire<'_>,
        deadline: Instant,
        settle: &mut dyn FnMut(usize, Verdict),
        feed: impl FnOnce(&mut Delivery<'_, '_>) -> R,
    ) -> (R, Outcome) {
        let context = Context {
            node: &self.shared,
            wire,
            deadline,
            progress: Progress::new(self.shared.down_after),
            queue: Queue::new(self.slots.len()),
        };
        let mut slots = self.slots.iter_mut();
        let result = thread::scope(|scope| {
            let mut delivery = Delivery {
                scope,
                context: &context,
                slots: &mut slots,
                settle,
                workers: 0,
                waiting: None,
                spare: Vec::new(),
            };
            // However it ends, the workers must not wait for more.
            let _close = CloseOnDrop(&context.queue);
            let result = feed(&mut delivery);
            delivery.finish();
            result
        });
        let progress = context.progress;
        let outcome = Outcome {
            stats: into_inner(progress.stats),
            last_failure: into_inner(progress.last_failure),
        };
        (result, outcome)
    }
}

/// Takes parcels while they are made, and gives empty ones back.
pub(crate) struct Delivery<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    context: &'env Context<'env>,
    slots: &'env mut std::slice::IterMut<'env, Slot>,
    settle: &'env mut dyn FnMut(usize, Verdict),
    workers: usize,
    /// The first parcel. As long as no other follows, no thread is worth its while.
    waiting: Option<Parcel>,
    spare: Vec<Parcel>,
}

impl Delivery<'_, '_> {
    /// An empty parcel to fill.
    pub(crate) fn parcel(&mut self) -> Parcel {
        self.take_done();
        self.spare.pop().unwrap_or_default()
    }

    /// Hands a parcel over. Waits while as many are waiting as there are connections, so that
    /// memory is bounded however slow the Node is.
    pub(crate) fn send(&mut self, parcel: Parcel) {
        if self.workers == 0 && self.waiting.is_none() {
            self.waiting = Some(parcel);
            return;
        }
        if let Some(first) = self.waiting.take() {
            self.enqueue(first);
        }
        self.enqueue(parcel);
    }

    fn enqueue(&mut self, parcel: Parcel) {
        if let Some(slot) = self.slots.next() {
            let context = self.context;
            let worker = move || {
                let _abort = AbortOnPanic(&context.queue);
                let mut worker = Worker::new(context, slot);
                while let Some(mut job) = context.queue.next() {
                    worker.deliver(&mut job);
                    context.queue.done(job);
                }
            };
            let spawned = thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(self.scope, worker);
            self.workers += usize::from(spawned.is_ok());
        }
        let job = Job::new(parcel);
        if self.workers == 0 {
            // No thread can be had at all: the records are undelivered, and said to be.
            self.context.progress.failed("no thread can be started");
            self.settle(job);
        } else if let Err(job) = self.context.queue.push(job) {
            self.settle(job);
        }
        self.take_done();
    }

    fn take_done(&mut self) {
        while let Some(job) = self.context.queue.take_done() {
            self.settle(job);
        }
    }

    fn settle(&mut self, job: Job) {
        for (part, state) in job.parcel.parts.iter().zip(&job.states) {
            let verdict = match state.stage {
                Stage::Settled(verdict) => verdict,
                _ => Verdict::Undelivered,
            };
            (self.settle)(part.ordinal, verdict);
        }
        let mut parcel = job.parcel;
        parcel.clear();
        self.spare.push(parcel);
    }

    /// Waits until all parcels are settled.
    fn finish(&mut self) {
        if let Some(parcel) = self.waiting.take() {
            let mut job = Job::new(parcel);
            if let Some(slot) = self.slots.next() {
                Worker::new(self.context, slot).deliver(&mut job);
            }
            self.settle(job);
        }
        self.context.queue.close();
        while let Some(job) = self.context.queue.wait_done() {
            self.settle(job);
        }
    }
}

impl fmt::Debug for Delivery<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// What all workers share.
struct Context<'a> {
    node: &'a Shared,
    wire: Wire<'a>,
    deadline: Instant,
    progress: Progress,
    queue: Queue,
}

/// How the delivery as a whole goes.
struct Progress {
    started: Instant,
    down_after: Duration,
    /// Since when nothing has succeeded, in milliseconds since the start; [`Self::FINE`] if
    /// something has.
    failing_since: AtomicU64,
    /// How many messages the Node has answered with anything but "try again".
    answered: AtomicU64,
    /// Until when the Node wants to be left alone, in milliseconds since the start.
    not_before: AtomicU64,
    stopped: AtomicBool,
    last_failure: Mutex<Option<String>>,
    stats: Mutex<Stats>,
}

impl Progress {
    const FINE: u64 = u64::MAX;

    fn new(down_after: Duration) -> Self {
        Self {
            started: Instant::now(),
            down_after,
            failing_since: AtomicU64::new(Self::FINE),
            answered: AtomicU64::new(0),
            not_before: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            last_failure: Mutex::new(None),
            stats: Mutex::new(Stats::default()),
        }
    }

    fn now(&self) -> u64 {
        milliseconds(self.started.elapsed())
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        if self.failing_since.load(Ordering::Relaxed) != Self::FINE {
            self.failing_since.store(Self::FINE, Ordering::Relaxed);
        }
    }

    fn failed(&self, why: impl fmt::Display) {
        *lock(&self.last_failure) = Some(why.to_string());
        // Only the first failure in a row sets the time.
        let _ = self.failing_since.compare_exchange(
            Self::FINE,
            self.now(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    fn is_down(&self) -> bool {
        let since = self.failing_since.load(Ordering::Relaxed);
        since != Self::FINE && self.now().saturating_sub(since) >= milliseconds(self.down_after)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A parcel that is being delivered.
struct Job {
    parcel: Parcel,
    states: Vec<State>,
}

/// How far one record is.
#[derive(Debug, Clone, Copy)]
struct State {
    stage: Stage,
    /// The Node has said that it wants the record later: it is left alone until the next pause.
    is_later: bool,
    /// The pair was sent again because a connection failed between its messages. Once is enough:
    /// a server that closes after every answer would otherwise be sent the pair for ever.
    is_repeated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Unsent,
    /// `resend`: the Node has taken the request message, on the connection of this number.
    Requested(usize),
    Settled(Verdict),
}

impl Job {
    fn new(parcel: Parcel) -> Self {
        let state = State {
            stage: Stage::Unsent,
            is_later: false,
            is_repeated: false,
        };
        let states = vec![state; parcel.parts.len()];
        Self { parcel, states }
    }

    fn is_settled(&self) -> bool {
        self.states.iter().all(State::is_settled)
    }

    /// Whether a record is left that can be sent now.
    fn has_open(&self) -> bool {
        self.states.iter().any(State::is_open)
    }
}

impl State {
    fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Settled(_))
    }

    fn is_open(&self) -> bool {
        !self.is_later && !self.is_settled()
    }
}

/// A message of a round, as it was written.
#[derive(Debug, Clone, Copy)]
struct Message {
    part: usize,
    is_response: bool,
}

/// How a pass over a job's unsettled records ended.
enum Pass {
    /// Each was answered, if only with "later".
    Over,
    /// The connection has to be another one; the pass goes on at once.
    Reconnect,
    /// Nothing more can be done now.
    Failed(Failure),
}

/// Delivers jobs over one connection at a time.
struct Worker<'a> {
    context: &'a Context<'a>,
    slot: &'a mut Slot,
    round: Vec<Message>,
    /// `batch`: the message that is being sent.
    message: Vec<u8>,
    stats: Stats,
    /// The longest wait that an answer of this pass has asked for.
    retry_after: Option<Duration>,
    random: u64,
}

impl<'a> Worker<'a> {
    fn new(context: &'a Context<'a>, slot: &'a mut Slot) -> Self {
        let random = std::hash::BuildHasher::hash_one(
            &std::collections::hash_map::RandomState::new(),
            context.progress.now(),
        );
        Self {
            context,
            slot,
            round: Vec::new(),
            message: Vec::new(),
            stats: Stats::default(),
            retry_after: None,
            random: random | 1,
        }
    }

    /// Tries until every record is settled, or it makes no sense any more.
    fn deliver(&mut self, job: &mut Job) {
        let progress = &self.context.progress;
        let mut attempts = 0;
        let mut answered_at_first_failure = None;
        while !job.is_settled() && self.wait_for_not_before() {
            let pass = match self.context.wire {
                Wire::Resend => self.pass_of_pairs(job),
                Wire::Batch(frame) => self.pass_of_batches(job, frame),
            };
            match pass {
                Pass::Reconnect => continue,
                Pass::Over if job.is_settled() => break,
                Pass::Over => {}
                Pass::Failed(failure) => progress.failed(failure),
            }
            attempts += 1;
            self.stats.retries += 1;
            let answered = progress.answered.load(Ordering::Relaxed);
            let before = *answered_at_first_failure.get_or_insert(answered);
            if attempts >= MAX_ATTEMPTS && answered > before || !self.pause(attempts) {
                break;
            }
            for state in &mut job.states {
                state.is_later = false;
            }
            self.retry_after = None;
        }
    }

    /// Waits as long as the Node has asked for. Says whether to go on.
    fn wait_for_not_before(&self) -> bool {
        let progress = &self.context.progress;
        loop {
            let not_before = progress.not_before.load(Ordering::Relaxed);
            let left = not_before.saturating_sub(progress.now());
            if self.is_over() {
                return false;
            }
            if left == 0 {
                return true;
            }
            thread::sleep(NAP.min(Duration::from_millis(left)));
        }
    }

    /// Waits after a failure. Says whether to go on.
    fn pause(&mut self, attempts: u32) -> bool {
        let progress = &self.context.progress;
        if let Some(wait) = self.retry_after {
            if Instant::now() + wait >= self.context.deadline {
                // The Node asks for more time than there is, for whichever record.
                progress.stop();
                return false;
            }
            progress
                .not_before
                .fetch_max(progress.now() + milliseconds(wait), Ordering::Relaxed);
            let go_on = self.wait_for_not_before();
            // It was told to wait: that time does not count as failing.
            progress
                .failing_since
                .store(Progress::FINE, Ordering::Relaxed);
            return go_on;
        }
        if progress.is_down() {
            progress.stop();
            return false;
        }
        let longest = FIRST_PAUSE
            .saturating_mul(1 << attempts.saturating_sub(1).min(10))
            .min(LONGEST_PAUSE);
        // Full jitter over the upper half, so that the connections do not all come back at once.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let share = f64::from(u32::try_from(self.random >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        let until = Instant::now() + longest.mul_f64(0.5 + share / 2.0);
        while Instant::now() < until {
            if self.is_over() {
                return false;
            }
            thread::sleep(NAP.min(until.saturating_duration_since(Instant::now())));
        }
        true
    }

    fn is_over(&self) -> bool {
        let progress = &self.context.progress;
        if Instant::now() >= self.context.deadline {
            progress.stop();
        }
        progress.is_stopped()
    }

    /// Until when the next answer has to be there.
    fn answer_until(&self) -> Instant {
        (Instant::now() + self.context.node.answer_timeout).min(self.context.deadline)
    }

    /// A connection that can be used: the one there is, or a new one.
    fn connection(&mut self) -> Result<Connection, Failure> {
        if let Some(mut connection) = self.slot.connection.take()
            && connection.is_usable()
        {
            return Ok(connection);
        }
        let left = self
            .context
            .deadline
            .saturating_duration_since(Instant::now());
        self.context
            .node
            .connect(self.context.node.connect_timeout.min(left))
    }

    /// `resend`: writes the messages of unsettled records in rounds, as many as the connection's
    /// window allows, and reads the answers of each round in order.
    fn pass_of_pairs(&mut self, job: &mut Job) -> Pass {
        if !job.has_open() {
            return Pass::Over;
        }
        let mut connection = match self.connection() {
            Ok(connection) => connection,
            Err(failure) => return Pass::Failed(failure),
        };
        loop {
            self.compose_round(job, connection.window);
            if self.round.is_empty() {
                self.slot.connection = Some(connection);
                return Pass::Over;
            }
            if connection.window == 1 && connection.answers > 0 && !connection.is_usable() {
                // It closes after each answer, and has told so by now.
                return Pass::Reconnect;
            }
            let answers_before = connection.answers;
            match self.exchange_round(job, &mut connection) {
                Ok(true) if !self.context.progress.is_stopped() => {
                    connection.window = (connection.window * 2).min(MAX_WINDOW);
                }
                // What the round did not get to has to go over another connection.
                Ok(_) => return Pass::Reconnect,
                Err(failure) => {
                    let answered =
                        usize::try_from(connection.answers - answers_before).unwrap_or(usize::MAX);
                    self.repeat_pairs(job, answered);
                    return self.after_failure(&connection, failure);
                }
            }
        }
    }

    /// Chooses the messages of the next round: both of a record if the window has room for two,
    /// so that a pair goes over one connection where that can be.
    fn compose_round(&mut self, job: &Job, window: usize) {
        self.round.clear();
        let open = job
            .states
            .iter()
            .enumerate()
            .filter(|(_, state)| !state.is_later && !matches!(state.stage, Stage::Settled(_)));
        for (part, state) in open {
            let left = window - self.round.len();
            let is_requested = matches!(state.stage, Stage::Requested(_));
            let needed = if is_requested || window == 1 { 1 } else { 2 };
            if left < needed {
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
        connection.write(
            Adjacent::new(spans).map(|span| &bytes[span]),
            self.answer_until(),
        )?;
        for message in &self.round {
            let part = &parts[message.part];
            self.stats.bytes += (if message.is_response {
                part.to - part.middle
            } else {
                part.middle - part.from
            }) as u64;
        }
        let mut sent = Instant::now();
        for at in 0..self.round.len() {
            let message = self.round[at];
            let is_head = !message.is_response && job.parcel.parts[message.part].is_head;
            let reply = connection.read(is_head, self.answer_until())?;
            self.count_answer(&mut sent);
            self.take_reply(
                &mut job.states[message.part],
                message,
                reply,
                connection.number,
            );
            if !reply.answer.keep_alive {
                return Ok(false);
            }
        }
        Ok(true)
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
        match Class::of(status) {
            Class::Accepted if message.is_response => {
                state.stage = Stage::Settled(Verdict::Forwarded);
            }
            Class::Accepted => state.stage = Stage::Requested(connection),
            Class::Transient => {
                state.is_later = true;
                self.retry_after = self.retry_after.max(reply.retry_after);
                self.context.progress.failed(Answered(status));
                return;
            }
            Class::Refused => {
                let on_another = matches!(state.stage, Stage::Requested(on) if on != connection);
                if on_another && !state.is_repeated {
                    // Whoever got the request is gone: the Node was started again in between.
                    state.is_repeated = true;
                    state.stage = Stage::Unsent;
                } else {
                    state.stage = Stage::Settled(Verdict::Refused(status));
                }
            }
        }
        self.context.progress.answered();
    }

    /// A connection has failed after `answered` messages of the round. A record whose request was
    /// taken and whose response was not goes again as a pair: what the Node knew of the request
    /// may be gone with the connection.
    fn repeat_pairs(&self, job: &mut Job, answered: usize) {
        for message in self.round.iter().skip(answered) {
            let state = &mut job.states[message.part];
            if matches!(state.stage, Stage::Requested(_)) && !state.is_repeated {
                state.is_repeated = true;
                state.stage = Stage::Unsent;
            }
        }
    }

    /// What to do after a connection has failed: one that has answered before may only have been
    /// stale, but one that hangs, or never answered, counts.
    fn after_failure(&mut self, connection: &Connection, failure: Failure) -> Pass {
        if connection.answers > 0 && failure != Failure::Timeout {
            self.stats.retries += 1;
            Pass::Reconnect
        } else {
            Pass::Failed(failure)
        }
    }

    /// `batch`: posts the unsettled records of a job, in halves where the Node refuses them
    /// together.
    fn pass_of_batches(&mut self, job: &mut Job, frame: &batch::Frame) -> Pass {
        let mut ranges = open_ranges(job);
        let mut connection: Option<Connection> = None;
        while let Some(range) = ranges.pop() {
            let mut current = match connection.take().map_or_else(|| self.connection(), Ok) {
                Ok(current) => current,
                Err(failure) => return Pass::Failed(failure),
            };
            let reply = match self.exchange_batch(job, frame, range.clone(), &mut current) {
                Ok(reply) => reply,
                Err(failure) => return self.after_failure(&current, failure),
            };
            let status = reply.answer.status;
            let class = Class::of(status);
            connection = Some(current).filter(|_| reply.answer.keep_alive);
            if class == Class::Transient {
                self.retry_after = self.retry_after.max(reply.retry_after);
                self.context.progress.failed(Answered(status));
                for state in &mut job.states[range] {
                    state.is_later = true;
                }
                continue;
            }
            self.context.progress.answered();
            // One record may have spoiled it for all, or they are too much together.
            if matches!(status, 400 | 413 | 422) && range.len() > 1 {
                let middle = range.start + range.len() / 2;
                ranges.push(middle..range.end);
                ranges.push(range.start..middle);
                continue;
            }
            let verdict = match class {
                Class::Accepted => Verdict::Forwarded,
                _ => Verdict::Refused(status),
            };
            for state in &mut job.states[range] {
                state.stage = Stage::Settled(verdict);
            }
        }
        self.slot.connection = connection;
        Pass::Over
    }

    fn exchange_batch(
        &mut self,
        job: &Job,
        frame: &batch::Frame,
        range: Range<usize>,
        connection: &mut Connection,
    ) -> Result<Reply, Failure> {
        self.message.clear();
        frame.push_message(&mut self.message, &job.parcel, range);
        let until = self.answer_until();
        connection.write(std::iter::once(&self.message[..]), until)?;
        self.stats.bytes += self.message.len() as u64;
        let mut sent = Instant::now();
        let reply = connection.read(false, until)?;
        self.count_answer(&mut sent);
        Ok(reply)
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        lock(&self.context.progress.stats).add(&self.stats);
    }
}

/// The records that can be sent now as ranges of neighbours, the first one last.
fn open_ranges(job: &Job) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (at, state) in job.states.iter().enumerate().rev() {
        if !state.is_open() {
            continue;
        }
        match ranges.last_mut() {
            Some(range) if range.start == at + 1 => range.start = at,
            _ => ranges.push(at..at + 1),
        }
    }
    ranges
}

/// What a status means for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Accepted,
    /// Another try may help.
    Transient,
    /// The Node's last word. Redirects are among it: the address is wrong then, and following one
    /// would send customers' calls wherever it points to.
    Refused,
}

impl Class {
    fn of(status: u16) -> Self {
        match status {
            200..300 => Self::Accepted,
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

/// Jobs on their way to the workers and back.
struct Queue {
    state: Mutex<QueueState>,
    /// A job waits, or none will any more.
    work: Condvar,
    /// A job was taken, or is done.
    change: Condvar,
    room: usize,
}

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<Job>,
    done: Vec<Job>,
    /// How many were taken and are not done.
    taken: usize,
    is_closed: bool,
    /// A worker has panicked: the scope will pass that on as soon as everybody else has ended.
    is_aborted: bool,
}

impl Queue {
    fn new(room: usize) -> Self {
        Self {
            state: Mutex::new(QueueState::default()),
            work: Condvar::new(),
            change: Condvar::new(),
            room,
        }
    }

    /// Gives the job back where nobody would take it.
    fn push(&self, job: Job) -> Result<(), Job> {
        let state = lock(&self.state);
        let mut state = self
            .change
            .wait_while(state, |state| {
                state.waiting.len() >= self.room && !state.is_aborted
            })
            .unwrap_or_else(PoisonError::into_inner);
        if state.is_aborted {
            return Err(job);
        }
        state.waiting.push_back(job);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// The next job for a worker; `None` when there will be none.
    fn next(&self) -> Option<Job> {
        let state = lock(&self.state);
        let mut state = self
            .work
            .wait_while(state, |state| state.waiting.is_empty() && !state.is_closed)
            .unwrap_or_else(PoisonError::into_inner);
        let job = state.waiting.pop_front()?;
        state.taken += 1;
        drop(state);
        self.change.notify_one();
        Some(job)
    }

    fn done(&self, job: Job) {
        let mut state = lock(&self.state);
        state.taken -= 1;
        state.done.push(job);
        drop(state);
        self.change.notify_one();
    }

    fn take_done(&self) -> Option<Job> {
        lock(&self.state).done.pop()
    }

    /// Waits for the next job that is done; `None` when all are.
    fn wait_done(&self) -> Option<Job> {
        let state = lock(&self.state);
        self.change
            .wait_while(state, |state| {
                let is_busy = state.taken > 0 || !state.waiting.is_empty();
                state.done.is_empty() && is_busy && !state.is_aborted
            })
            .unwrap_or_else(PoisonError::into_inner)
            .done
            .pop()
    }

    fn close(&self) {
        lock(&self.state).is_closed = true;
        self.work.notify_all();
    }
}

/// Lets the workers end when whoever feeds them is gone, by a panic too.
struct CloseOnDrop<'a>(&'a Queue);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Tells whoever waits for a worker that it will not come back.
struct AbortOnPanic<'a>(&'a Queue);

impl Drop for AbortOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&self.0.state).is_aborted = true;
            self.0.change.notify_all();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic is passed on by the scope; what the mutex guards is never half-written.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}
