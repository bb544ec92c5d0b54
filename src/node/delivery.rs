//! One event's records on their way to the Node: parcels in, verdicts out.

use std::fmt;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use super::progress::Progress;
use super::queue::{AbortOnPanic, CloseOnDrop, Queue};
use super::worker::{Job, Worker};
use super::{Node, Shared, Slot};
use crate::wire::{Parcel, Writer};

/// Enough for a TLS handshake; only pages that are touched cost memory.
const STACK: usize = 512 * 1024;

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
    pub(crate) fn add(&mut self, other: &Self) {
        self.exchanges += other.exchanges;
        self.retries += other.retries;
        self.bytes += other.bytes;
        self.latency_sum += other.latency_sum;
        self.latency_max = self.latency_max.max(other.latency_max);
    }
}

impl Node {
    /// Runs `feed`, which hands parcels to the [`Delivery`], and returns when every record of them
    /// is settled. `settle` is called with each record's ordinal. `has_accepted`: the Node has accepted
    /// records of earlier events.
    pub(crate) fn deliver<R>(
        &mut self,
        writer: &Writer,
        deadline: Instant,
        has_accepted: bool,
        settle: &mut dyn FnMut(usize, Verdict),
        feed: impl FnOnce(&mut Delivery<'_, '_>) -> R,
    ) -> (R, Outcome) {
        let context = Context {
            node: &self.shared,
            writer,
            progress: Progress::new(deadline, self.shared.down_after, has_accepted),
            queue: Queue::new(),
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
        (result, context.progress.into_outcome())
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

    /// Whether nothing more will be sent, so that making more parcels is in vain.
    pub(crate) fn is_over(&self) -> bool {
        self.context.progress.is_over()
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_out_of_time(&self) -> bool {
        Instant::now() >= self.context.progress.deadline
    }

    /// Hands a parcel over. Waits while others are waiting, so that memory is bounded however slow the
    /// Node is.
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
            self.context
                .progress
                .note_failure("no thread can be started");
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
        for (ordinal, verdict) in job.verdicts() {
            (self.settle)(ordinal, verdict);
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
pub(super) struct Context<'a> {
    pub(super) node: &'a Shared,
    pub(super) writer: &'a Writer,
    pub(super) progress: Progress,
    queue: Queue,
}
