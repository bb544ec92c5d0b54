//! One event's records on their way to the Node: chunks in, verdicts out.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread::{self, Scope};
use std::time::Instant;

use super::failure::Failure;
use super::job::Job;
use super::queue::{AbortOnPanic, CloseOnDrop, Queue, lock};
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
    // Those with a connection first: the Node may not take another one. A sort would be 15 KB of the program.
    let mut connected = 0;
    for at in 0..slots.len() {
        if slots[at].has_connection() {
            slots.swap(connected, at);
            connected += 1;
        }
    }
    slots.iter_mut().for_each(Slot::begin);
    let queue = Queue::new(slots.len());
    let mut free = slots.iter_mut();
    let result = thread::scope(|scope| {
        let mut delivery = Delivery {
            scope,
            context,
            queue: &queue,
            slots: &mut free,
            settle,
            workers: 0,
            without_thread: None,
            waiting: None,
            spare: Vec::new(),
        };
        // However it ends, the workers must not wait for more.
        let _close = CloseOnDrop(&queue);
        let result = feed(&mut delivery);
        delivery.finish();
        result
    });
    for slot in slots {
        if slot.conclude(settle) {
            context.note_failure(&Failure::Surplus);
        }
    }
    result
}

/// Takes chunks while they are made, and gives empty ones back.
pub(crate) struct Delivery<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    context: &'env Context<'env>,
    queue: &'env Queue<Job>,
    slots: &'env mut std::slice::IterMut<'env, Slot>,
    settle: &'env mut dyn FnMut(usize, Verdict),
    workers: usize,
    /// The slot of a worker whose thread could not be started.
    without_thread: Option<&'env mut Slot>,
    /// The first chunk. As long as no other follows, no thread is worth its while.
    waiting: Option<Chunk>,
    spare: Vec<Chunk>,
}

impl<'env> Delivery<'_, 'env> {
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
        if self.without_thread.is_none()
            && let Some(slot) = self.slots.next()
        {
            self.start_worker(slot);
        }
        if let Err(job) = self.queue.push(Job::new(chunk)) {
            self.settle(job);
        }
        if self.workers == 0
            && let Some(slot) = &mut self.without_thread
        {
            Worker::new(self.context, self.queue, slot).work_off();
        }
        self.take_done();
    }

    fn start_worker(&mut self, slot: &'env mut Slot) {
        let (context, queue) = (self.context, self.queue);
        // Where no thread can be had, the slot comes back.
        let slot = Arc::new(Mutex::new(Some(slot)));
        let worker = {
            let slot = Arc::clone(&slot);
            move || {
                let _abort = AbortOnPanic(queue);
                let slot = lock(&slot).take();
                if let Some(slot) = slot {
                    Worker::new(context, queue, slot).work();
                }
            }
        };
        let spawned = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(self.scope, worker);
        match spawned {
            Ok(_) => self.workers += 1,
            Err(_) => self.without_thread = lock(&slot).take(),
        }
    }

    fn take_done(&mut self) {
        while let Some(job) = self.queue.take_done() {
            self.settle(job);
        }
    }

    /// Settles what no response has settled; the rest is what the connections claim, until the delivery ends.
    fn settle(&mut self, job: Job) {
        for ordinal in job.undelivered() {
            (self.settle)(ordinal, Verdict::Undelivered);
        }
        let mut chunk = job.chunk;
        chunk.clear();
        self.spare.push(chunk);
    }

    /// Waits until all chunks are settled.
    fn finish(&mut self) {
        let mut slot = self.without_thread.take();
        if let Some(chunk) = self.waiting.take() {
            slot = self.slots.next();
            // Nobody has closed the queue, and it has room.
            if let Err(job) = self.queue.push(Job::new(chunk)) {
                self.settle(job);
            }
        }
        self.queue.close();
        if self.workers == 0
            && let Some(slot) = slot
        {
            Worker::new(self.context, self.queue, slot).work();
        }
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
