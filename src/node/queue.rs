//! Jobs on their way to the workers and back.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How many jobs wait at most. Making one takes less time than delivering one over any network, so that two
/// keep the workers busy. Each one more would cost 16 KiB, or 64 in `batch`.
const ROOM: usize = 2;

/// A bounded queue of jobs, and a heap of those that are done.
pub(super) struct Queue<T> {
    state: Mutex<QueueState<T>>,
    /// A job waits, or none will any more.
    work: Condvar,
    /// A job was taken; or, when no more come, one is done.
    change: Condvar,
}

struct QueueState<T> {
    waiting: VecDeque<T>,
    done: Vec<T>,
    /// How many were taken and are not done.
    taken: usize,
    is_closed: bool,
    /// A worker has panicked: the scope will pass that on as soon as everybody else has ended.
    is_aborted: bool,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(QueueState {
                waiting: VecDeque::new(),
                done: Vec::new(),
                taken: 0,
                is_closed: false,
                is_aborted: false,
            }),
            work: Condvar::new(),
            change: Condvar::new(),
        }
    }

    /// Gives the job back where nobody would take it.
    pub(super) fn push(&self, job: T) -> Result<(), T> {
        let state = lock(&self.state);
        let mut state = self
            .change
            .wait_while(state, |state| {
                state.waiting.len() >= ROOM && !state.is_aborted
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
    pub(super) fn next(&self) -> Option<T> {
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

    pub(super) fn done(&self, job: T) {
        let mut state = lock(&self.state);
        state.taken -= 1;
        state.done.push(job);
        // Until no more come, whoever waits does so for room, which this makes none of.
        let is_waited_for = state.is_closed;
        drop(state);
        if is_waited_for {
            self.change.notify_one();
        }
    }

    pub(super) fn take_done(&self) -> Option<T> {
        lock(&self.state).done.pop()
    }

    /// Waits for the next job that is done; `None` when all are. The queue is closed by then.
    pub(super) fn wait_done(&self) -> Option<T> {
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

    pub(super) fn close(&self) {
        lock(&self.state).is_closed = true;
        self.work.notify_all();
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
