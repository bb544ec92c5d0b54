//! What is counted of an endpoint. All of it are sums, least and greatest values, so that the order of the calls does
//! not matter.

use std::sync::LazyLock;

use sketches_ddsketch::Config;

use crate::local::{
    calls::Call,
    inventory::model::{Latency, Statuses},
};

/// Latencies below it, in milliseconds, are counted each by itself: rounded, they would be off by more than 1 %.
const EXACT: u64 = 128;
/// Over a year. Longer ones are counted as this.
const MAX_MS: u64 = 1 << 35;

/// The sketch's buckets. The rounding to whole milliseconds takes the rest of the 1 %.
static BUCKETS: LazyLock<Config> = LazyLock::new(|| Config::new(0.005, 4096, 1.0));

/// Counts of calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stats {
    pub(super) statuses: Statuses,
    /// Calls that were refused in a way in which any path may be.
    refused: u64,
    /// Buckets and how many latencies they have, sorted.
    latencies: Vec<(u16, u32)>,
    sum_ms: u128,
    max_ms: u64,
    span: Span,
    success: Span,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Span(Option<(i64, i64)>);

impl Span {
    fn add(&mut self, other: Self) {
        self.0 = match (self.0, other.0) {
            (Some((first, last)), Some((from, to))) => Some((first.min(from), last.max(to))),
            (one, other) => one.or(other),
        };
    }
}

/// Whether a status tells nothing of an endpoint: a scanner's calls are answered with it wherever they go.
pub(super) fn is_refusal(status: Option<u16>) -> bool {
    matches!(status, Some(400 | 401 | 403 | 404 | 405 | 414 | 429))
}

impl Stats {
    pub(super) fn count(&mut self, call: &Call<'_>) {
        let statuses = &mut self.statuses;
        let class = match call.status {
            Some(200..300) => &mut statuses.success,
            Some(300..400) => &mut statuses.redirection,
            Some(400..500) => &mut statuses.client_error,
            Some(500..600) => &mut statuses.server_error,
            _ => &mut statuses.other,
        };
        *class += 1;
        self.refused += u64::from(is_refusal(call.status));
        let span = Span(call.time.map(|time| (time, time)));
        self.span.add(span);
        if matches!(call.status, Some(200..300)) {
            self.success.add(span);
        }
        if let Some(ms) = call.latency_ms {
            self.max_ms = self.max_ms.max(ms);
            self.sum_ms += u128::from(ms);
            self.put(bucket(ms), 1);
        }
    }

    fn put(&mut self, bucket: u16, count: u32) {
        match self
            .latencies
            .binary_search_by_key(&bucket, |(bucket, _)| *bucket)
        {
            Ok(at) => self.latencies[at].1 = self.latencies[at].1.saturating_add(count),
            Err(at) => self.latencies.insert(at, (bucket, count)),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let (mine, others) = (&mut self.statuses, &other.statuses);
        mine.success += others.success;
        mine.redirection += others.redirection;
        mine.client_error += others.client_error;
        mine.server_error += others.server_error;
        mine.other += others.other;
        self.refused += other.refused;
        self.sum_ms += other.sum_ms;
        self.max_ms = self.max_ms.max(other.max_ms);
        self.span.add(other.span);
        self.success.add(other.success);
        for &(bucket, count) in &other.latencies {
            self.put(bucket, count);
        }
    }

    pub(super) fn calls(&self) -> u64 {
        let all = &self.statuses;
        all.success + all.redirection + all.client_error + all.server_error + all.other
    }

    /// Calls that tell of an endpoint.
    pub(super) fn real_calls(&self) -> u64 {
        self.calls() - self.refused
    }

    /// The times of the first and the last call, and of those that were answered 2xx.
    pub(super) fn times(&self) -> [Option<(i64, i64)>; 2] {
        [self.span.0, self.success.0]
    }

    pub(super) fn latency(&self) -> Option<Latency> {
        let count: u64 = self
            .latencies
            .iter()
            .map(|(_, count)| u64::from(*count))
            .sum();
        let at = |percent: u64| {
            // The least value that so many are not above.
            let rank = (count * percent).div_ceil(100).max(1);
            let mut seen = 0;
            let found = self.latencies.iter().find(|(_, count)| {
                seen += u64::from(*count);
                seen >= rank
            });
            found
                .map_or(0, |(bucket, _)| middle(*bucket))
                .min(self.max_ms)
        };
        let mean = (self.sum_ms + u128::from(count / 2)).checked_div(u128::from(count))?;
        Some(Latency {
            count,
            mean: u64::try_from(mean).unwrap_or(u64::MAX),
            p50: at(50),
            p95: at(95),
            p99: at(99),
            max: self.max_ms,
        })
    }
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "up to a year's milliseconds, which a float holds, and buckets of which there are some thousands"
)]
fn bucket(ms: u64) -> u16 {
    if ms < EXACT {
        return ms as u16;
    }
    let key = BUCKETS.key(ms.min(MAX_MS) as f64);
    (EXACT as i32 + key).clamp(EXACT as i32, i32::from(u16::MAX)) as u16
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the middle of a bucket is positive, and at most a little above the longest latency"
)]
fn middle(bucket: u16) -> u64 {
    let key = i32::from(bucket) - EXACT as i32;
    if key < 0 {
        return u64::from(bucket);
    }
    BUCKETS.value(key).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_one_percent() {
        let latencies: Vec<u64> = (0..10_000_u64).map(|n| (n * n) % 60_007 + n % 7).collect();
        let mut stats = Stats::default();
        for &ms in &latencies {
            stats.count(&Call {
                host: "api.example.com",
                method: "GET",
                path: b"/",
                template: None,
                status: Some(200),
                latency_ms: Some(ms),
                time: None,
            });
        }
        let mut sorted = latencies;
        sorted.sort_unstable();
        let found = stats.latency().unwrap();
        for (percent, value) in [(50, found.p50), (95, found.p95), (99, found.p99)] {
            let exact = sorted[sorted.len() * percent / 100 - 1];
            assert!(
                value.abs_diff(exact) * 100 <= exact,
                "p{percent}: {value}, not {exact}"
            );
        }
        for ms in (0..MAX_MS).step_by(999_999_937).chain(0..20_000) {
            let value = middle(bucket(ms));
            assert!(value.abs_diff(ms) * 100 <= ms, "{ms} {value}");
        }
        assert_eq!(Stats::default().latency(), None);
    }
}
