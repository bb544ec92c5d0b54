//! One event's records on their way to the Node: chunks in, verdicts out.

use std::fmt;
use std::thread::{self, Scope};
use std::time::Instant;

use super::job::Job;
use super::queue::{AbortOnPanic, CloseOnDrop, Queue};
use super::worker::{Context, Slot, Worker};
use crate::account::Verdict;
use crate::wire::Chunk;

/// Enough for a TLS handshake; only pages that are touched cost memory.
const STACK: usize = 512 * 1024;

/// Runs `feed` beside the workers, one for each slot at most. Returns when every record is settled.
pub(super) fn run<R>(
    context: &Context<'_>,
    slots: &mut [Slot],
    settle: &mut dyn FnMut(usize, Verdict),
    feed: impl FnOnce(&mut Delivery<'_, '_>) -> R,
) -> R {
    let queue = Queue::new();
    let mut slots = slots.iter_mut();
    thread::scope(|scope| {
        let mut delivery = Delivery {
            scope,
            context,
            queue: &queue,
            slots: &mut slots,
            settle,
            workers: 0,
            waiting: None,
            spare: Vec::new(),
        };
        // However it ends, the workers must not wait for more.
        let _close = CloseOnDrop(&queue);
        let result = feed(&mut delivery);
        delivery.finish();
        result
    })
}

/// Takes chunks while they are made, and gives empty ones back.
pub(crate) struct Delivery<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    context: &'env Context<'env>,
    queue: &'env Queue<Job>,
    slots: &'env mut std::slice::IterMut<'env, Slot>,
    settle: &'env mut dyn FnMut(usize, Verdict),
    workers: usize,
    /// The first chunk. As long as no other follows, no thread is worth its while.
    waiting: Option<Chunk>,
    spare: Vec<Chunk>,
}

impl Delivery<'_, '_> {
    /// An empty chunk to fill.
    pub(crate) fn chunk(&mut self) -> Chunk {
        self.take_done();
        self.spare.pop().unwrap_or_default()
    }

    /// Whether nothing more will be sent, so that making more chunks is in vain.
    pub(crate) fn is_over(&self) -> bool {
        self.context.progress.is_over()
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_out_of_time(&self) -> bool {
        Instant::now() >= self.context.progress.deadline
    }

    /// Hands a chunk over. Waits while others are waiting, so that memory is bounded however slow the
    /// Node is.
    pub(crate) fn send(&mut self, chunk: Chunk) {
        if self.workers == 0 && self.waiting.is_none() {
            self.waiting = Some(chunk);
            return;
        }
        if let Some(first) = self.waiting.take() {
            self.enqueue(first);
        }
        self.enqueue(chunk);
    }

    fn enqueue(&mut self, chunk: Chunk) {
        if let Some(slot) = self.slots.next() {
            let (context, queue) = (self.context, self.queue);
            let worker = move || {
                let _abort = AbortOnPanic(queue);
                let mut worker = Worker::new(context, slot);
                while let Some(mut job) = queue.next() {
                    worker.deliver(&mut job);
                    queue.done(job);
                }
            };
            let spawned = thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(self.scope, worker);
            self.workers += usize::from(spawned.is_ok());
        }
        let job = Job::new(chunk);
        if self.workers == 0 {
            // No thread can be had at all: the records are undelivered, and said to be.
            self.context
                .progress
                .note_failure("no thread can be started");
            self.settle(job);
        } else if let Err(job) = self.queue.push(job) {
            self.settle(job);
        }
        self.take_done();
    }

    fn take_done(&mut self) {
        while let Some(job) = self.queue.take_done() {
            self.settle(job);
        }
    }

    fn settle(&mut self, job: Job) {
        for (ordinal, verdict) in job.verdicts() {
            (self.settle)(ordinal, verdict);
        }
        let mut chunk = job.chunk;
        chunk.clear();
        self.spare.push(chunk);
    }

    /// Waits until all chunks are settled.
    fn finish(&mut self) {
        if let Some(chunk) = self.waiting.take() {
            let mut job = Job::new(chunk);
            if let Some(slot) = self.slots.next() {
                Worker::new(self.context, slot).deliver(&mut job);
            }
            self.settle(job);
        }
        self.queue.close();
        while let Some(job) = self.queue.wait_done() {
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
