//! Jobs on their way to the workers and back.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many jobs wait for their first turn at most. Making one takes less time than delivering one over any network,
/// so that two keep the workers busy. Each one more would cost up to 96 KiB.
const ROOM: usize = 2;

/// How often whoever waits for a time checks whether the delivery has ended.
const NAP: Duration = Duration::from_millis(50);

/// A bounded queue of jobs, and a heap of those that are done.
///
/// A job that was not done comes back, at once or for later, and the next worker takes it: one that has a connection
/// can do what another one could not.
pub(super) struct Queue<T> {
    state: Mutex<QueueState<T>>,
    /// A job waits, or none will any more.
    work: Condvar,
    /// A job was taken; or, when no more come, one is done.
    change: Condvar,
    /// All jobs are done.
    end: Condvar,
    /// How many workers there may be.
    workers: usize,
}

struct QueueState<T> {
    waiting: VecDeque<T>,
    /// Jobs that have come back.
    back: Vec<Back<T>>,
    done: Vec<T>,
    /// How many were taken and are not done.
    taken: usize,
    /// How many workers wait for a job. Each call that wakes somebody is a system call, whether or not anybody waits.
    idle: usize,
    /// Whoever feeds the queue waits for a change of it.
    is_watched: bool,
    is_closed: bool,
    /// A worker has panicked: the scope will pass that on as soon as everybody else has ended.
    is_aborted: bool,
}

/// A job that has come back.
struct Back<T> {
    job: T,
    /// When its next turn is.
    at: Instant,
    /// Whoever had it had no connection: it is for somebody who has one, as long as there is such a worker.
    is_for_connected: bool,
}

impl<T> QueueState<T> {
    /// How many jobs are not done.
    fn len(&self) -> usize {
        self.waiting.len() + self.back.len() + self.taken
    }

    fn is_finished(&self) -> bool {
        let is_empty = self.waiting.is_empty() && self.back.is_empty() && self.taken == 0;
        self.is_aborted || self.is_closed && is_empty
    }

    /// The next job whose turn it is. One that has come back goes first.
    fn take(&mut self, is_over: bool, is_connected: bool) -> Option<T> {
        let now = Instant::now();
        let ready = self
            .back
            .iter()
            .position(|back| is_over || back.at <= now && (is_connected || !back.is_for_connected));
        let job = match ready {
            Some(at) => self.back.swap_remove(at).job,
            None => self.waiting.pop_front()?,
        };
        self.taken += 1;
        Some(job)
    }
}

impl<T> Queue<T> {
    /// A queue for at most so many workers.
    pub(super) fn new(workers: usize) -> Self {
        Self {
            state: Mutex::new(QueueState {
                waiting: VecDeque::new(),
                back: Vec::new(),
                done: Vec::new(),
                taken: 0,
                idle: 0,
                is_watched: false,
                is_closed: false,
                is_aborted: false,
            }),
            work: Condvar::new(),
            change: Condvar::new(),
            end: Condvar::new(),
            workers,
        }
    }

    /// Gives the job back where nobody would take it.
    pub(super) fn push(&self, job: T) -> Result<(), T> {
        let mut state = self.watch(|state| {
            let is_full = state.waiting.len() >= ROOM || state.len() >= ROOM + self.workers;
            is_full && !state.is_aborted
        });
        if state.is_aborted {
            return Err(job);
        }
        state.waiting.push_back(job);
        let is_waited_for = state.idle > 0;
        drop(state);
        if is_waited_for {
            self.work.notify_one();
        }
        Ok(())
    }

    /// Waits for a change. Only whoever feeds the queue does so.
    fn watch(
        &self,
        mut is_early: impl FnMut(&mut QueueState<T>) -> bool,
    ) -> MutexGuard<'_, QueueState<T>> {
        let state = self.change.wait_while(lock(&self.state), |state| {
            state.is_watched = is_early(state);
            state.is_watched
        });
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// How many jobs there are that are not done.
    pub(super) fn len(&self) -> usize {
        lock(&self.state).len()
    }

    /// The next job for a worker; `None` when there will be none. Where the delivery is over, a job does not wait
    /// for its time. `is_connected`: whether the worker has a connection, or nobody else has.
    pub(super) fn next(
        &self,
        is_over: impl Fn() -> bool,
        is_connected: impl Fn() -> bool,
    ) -> Option<T> {
        let mut state = lock(&self.state);
        loop {
            if state.is_finished() {
                return None;
            }
            let has_back = !state.back.is_empty();
            let (is_over, is_connected) = (has_back && is_over(), has_back && is_connected());
            if let Some(job) = state.take(is_over, is_connected) {
                let is_watched = state.is_watched;
                drop(state);
                if is_watched {
                    self.change.notify_one();
                }
                return Some(job);
            }
            state.idle += 1;
            state = if state.back.is_empty() {
                let woken = self.work.wait(state);
                woken.unwrap_or_else(PoisonError::into_inner)
            } else {
                let now = Instant::now();
                // One whose turn has come waits for another worker.
                let first = state.back.iter().map(|back| back.at).min();
                let left = first.map_or(NAP, |at| at.saturating_duration_since(now));
                let left = if left.is_zero() { NAP } else { left.min(NAP) };
                let woken = self.work.wait_timeout(state, left);
                woken.unwrap_or_else(PoisonError::into_inner).0
            };
            state.idle -= 1;
        }
    }

    /// Whether a job waits, or has come back.
    pub(super) fn has_work(&self) -> bool {
        let state = lock(&self.state);
        !state.waiting.is_empty() || !state.back.is_empty()
    }

    /// Brings back a job that is not done, for its turn at that time.
    pub(super) fn bring_back(&self, job: T, at: Instant, is_for_connected: bool) {
        let mut state = lock(&self.state);
        state.taken -= 1;
        state.back.push(Back {
            job,
            at,
            is_for_connected,
        });
        drop(state);
        // Not everybody who waits may take it.
        self.work.notify_all();
    }

    pub(super) fn done(&self, job: T) {
        let mut state = lock(&self.state);
        state.taken -= 1;
        state.done.push(job);
        let is_finished = state.is_finished();
        // Where the room is full, only a job that is taken makes some; where it is not, whoever waits does so because
        // of all jobs together.
        let is_waited_for = state.is_watched && (state.is_closed || state.waiting.len() < ROOM);
        drop(state);
        if is_finished {
            self.work.notify_all();
            self.end.notify_all();
        }
        if is_waited_for {
            self.change.notify_one();
        }
    }

    pub(super) fn take_done(&self) -> Option<T> {
        lock(&self.state).done.pop()
    }

    /// Waits for the next job that is done; `None` when all are. The queue is closed by then.
    pub(super) fn wait_done(&self) -> Option<T> {
        let mut state = self.watch(|state| state.done.is_empty() && !state.is_finished());
        state.done.pop()
    }

    /// Waits for that long, or until all jobs are done, or the delivery is over.
    pub(super) fn rest(&self, wait: Duration, is_over: impl Fn() -> bool) {
        let until = Instant::now() + wait;
        let mut state = lock(&self.state);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || state.is_finished() || is_over() {
                return;
            }
            let woken = self.end.wait_timeout(state, left.min(NAP));
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn close(&self) {
        lock(&self.state).is_closed = true;
        self.work.notify_all();
        self.end.notify_all();
    }
}

/// Lets the workers end when whoever feeds them is gone, by a panic too.
pub(super) struct CloseOnDrop<'a, T>(pub(super) &'a Queue<T>);

impl<T> Drop for CloseOnDrop<'_, T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Tells whoever waits for a worker that it will not come back.
pub(super) struct AbortOnPanic<'a, T>(pub(super) &'a Queue<T>);

impl<T> Drop for AbortOnPanic<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&self.0.state).is_aborted = true;
            self.0.change.notify_all();
            self.0.work.notify_all();
            self.0.end.notify_all();
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic is passed on by the scope; what the mutex guards is never half-written.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}
