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

    /// How many times as large as the smallest ones chunks should be.
    pub(crate) fn scale(&self) -> usize {
        self.context.pipelining.scale()
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
        #[cfg(feature = "cli")]
        if self.context.is_dry {
            let mut chunk = chunk;
            for part in &chunk.parts {
                (self.settle)(part.ordinal, Verdict::Forwarded);
            }
            chunk.clear();
            self.spare.push(chunk);
            return;
        }
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
        // One that has nothing to do takes it, so that a quick Node is not given more connections than it needs.
        if self.without_thread.is_none()
            && self.queue.len() >= self.workers
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
        // Nobody has closed the queue, and it has room.
        if let Some(chunk) = self.waiting.take()
            && let Err(job) = self.queue.push(Job::new(chunk))
        {
            self.settle(job);
        }
        self.queue.close();
        if self.workers == 0
            && let Some(slot) = self.without_thread.take().or_else(|| self.slots.next())
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::config::NodeConfig;
    use crate::node::dial::Dialer;
    use crate::node::pipelining::Pipelining;
    use crate::node::progress::Progress;
    use crate::wire::{Part, Writer, resend};

    /// A chunk of one record. Nothing listens, so that its bytes are of no interest.
    fn chunk(ordinal: usize) -> Chunk {
        let mut chunk = Chunk::default();
        chunk.parts.push(Part {
            ordinal,
            from: 0,
            middle: 0,
            to: 0,
            is_head: false,
        });
        chunk
    }

    /// What is settled of so many chunks where the only worker there may be has got no thread.
    fn settled_without_threads(chunks: usize) -> Vec<usize> {
        let config = NodeConfig {
            https: false,
            host: "127.0.0.1".to_string(),
            port: Some(1),
            path: "/".to_string(),
            connections: 1,
            connect_timeout: Duration::from_millis(10),
            response_timeout: Duration::from_millis(10),
            down_after: Duration::from_millis(10),
            ca_certificates: Vec::new(),
        };
        let context = Context {
            dialer: &Dialer::new(&config).unwrap(),
            pipelining: &Pipelining::new(),
            writer: &Writer::Resend(resend::Writer::new(-1, &[], &[])),
            progress: Progress::new(Instant::now() + Duration::from_secs(5), config.down_after),
            #[cfg(feature = "cli")]
            is_dry: false,
        };
        let mut slot = Slot::default();
        let queue = Queue::new(1);
        let mut others = [].iter_mut();
        let mut settled = Vec::new();
        let mut settle = |ordinal, _| settled.push(ordinal);
        thread::scope(|scope| {
            let mut delivery = Delivery {
                scope,
                context: &context,
                queue: &queue,
                slots: &mut others,
                settle: &mut settle,
                workers: 0,
                without_thread: Some(&mut slot),
                waiting: None,
                spare: Vec::new(),
            };
            for ordinal in 0..chunks {
                delivery.send(chunk(ordinal));
            }
            delivery.finish();
        });
        settled.sort_unstable();
        settled
    }

    /// Every other number of them once left the last one to a worker that did not exist, and waited for it for ever.
    #[test]
    fn without_a_thread_every_chunk_is_settled() {
        for chunks in 0..6 {
            let (done, result) = mpsc::channel();
            thread::spawn(move || done.send(settled_without_threads(chunks)));
            let settled = result.recv_timeout(Duration::from_secs(60));
            assert_eq!(settled, Ok((0..chunks).collect()), "{chunks}");
        }
    }
}
