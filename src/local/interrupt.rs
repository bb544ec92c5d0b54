//! Ctrl-C, after which what is under way is finished.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::error::CommandError;

/// How long the operator may wait for a pause to end.
const SLICE: Duration = Duration::from_millis(20);

/// Whether the operator has asked for the end, by Ctrl-C, SIGTERM or SIGHUP.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Watches for it from now on. The second time ends the process at once.
    ///
    /// # Errors
    ///
    /// Returns an error when the system does not let it.
    pub(crate) fn watch() -> Result<Self, CommandError> {
        let is_set = Arc::new(AtomicBool::new(false));
        let of_handler = Arc::clone(&is_set);
        let handler = move || {
            if of_handler.swap(true, Ordering::SeqCst) {
                process::exit(130);
            }
        };
        ctrlc::set_handler(handler)
            .map_err(|cause| CommandError::with_cause("failed to watch for Ctrl-C", cause))?;
        Ok(Self(is_set))
    }

    /// Whether it has come.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until then, or until it comes.
    pub(crate) fn sleep_until(&self, until: Instant) {
        while !self.is_set() {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return;
            }
            thread::sleep(rest.min(SLICE));
        }
    }
}
