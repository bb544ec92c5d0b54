//! What `X_SAMPLE` leaves out: the sampler with its clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::history::Ordinals;
use crate::record::AccessRecord;
use crate::sampler::{Decision, Endpoint, Moment, Rule, Sampler};

#[derive(Debug)]
pub(super) struct Sampling {
    sampler: Sampler,
    started: Instant,
}

impl Sampling {
    pub(super) fn new(rule: Rule) -> Self {
        Self {
            sampler: Sampler::new(rule),
            started: Instant::now(),
        }
    }

    fn now(&self) -> Moment {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = |seconds: u64| u32::try_from(seconds).unwrap_or(u32::MAX);
        Moment {
            monotonic: seconds(self.started.elapsed().as_secs()),
            wall: seconds(wall.map_or(0, |wall| wall.as_secs())),
        }
    }

    /// Begins a delivery. `wants_probe`: of the records that are left out, one is forwarded all the same.
    pub(super) fn begin(&mut self, wants_probe: bool) {
        let now = self.now();
        self.sampler.begin(now, wants_probe);
    }

    /// Decides on a record whose path is sent like this, by its place in the delivery.
    pub(super) fn decide(
        &mut self,
        record: &AccessRecord<'_>,
        path: &[u8],
        ordinal: usize,
        is_over: &dyn Fn() -> bool,
    ) -> Decision {
        let endpoint = Endpoint {
            method: record.method,
            host: record.host,
            path,
            template: record.template,
            status: record.status,
        };
        self.sampler.decide(&endpoint, ordinal, is_over)
    }

    /// Ends a delivery, of which the Node has got these.
    pub(super) fn end(&mut self, forwarded: &Ordinals) {
        let now = self.now();
        self.sampler
            .end(now, &|ordinal| forwarded.contains(ordinal));
    }
}
