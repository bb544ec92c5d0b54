//! How long an event keeps the function busy, by what the benchmark has measured.

use crate::local::error::CommandError;

/// The results of the benchmark.
const RESULTS: &str = include_str!("../../../bench/results/results.csv");
/// How many connections the function keeps to the Node unless `X_NODE_CONNECTIONS` says something else.
const CONNECTIONS: f64 = 8.0;
/// Messages that go to the Node for a call: its request and its response.
pub const MESSAGES: f64 = 2.0;
/// The most that sampling may take for a line, in microseconds.
const SAMPLING_MICROS: f64 = 1.0;

/// CPU time by the number of lines in an event, in microseconds for the whole event.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Everything.
    whole: Vec<(f64, f64)>,
    /// Only reading the event and its lines.
    reading: Vec<(f64, f64)>,
}

impl Work {
    /// What `bench/results` has.
    ///
    /// # Errors
    ///
    /// Returns an error if the results lack the figures.
    pub fn measured() -> Result<Self, CommandError> {
        Self::of(RESULTS).ok_or_else(|| {
            CommandError::new("bench/results/results.csv has no CPU time of the function by events")
        })
    }

    fn of(results: &str) -> Option<Self> {
        let whole = points(results, "cpu_per_record,\"ours, resend\",http,", "µs", 1.0);
        let reading = points(results, "decode_cpu_per_record,\"ours\",,", "ns", 1e-3);
        (whole.len() > 1 && reading.len() > 1).then_some(Self { whole, reading })
    }

    /// A function that takes the same for each line of an event, for tests by hand.
    #[must_use]
    pub fn even(reading: f64, whole: f64) -> Self {
        let line = |micros: f64| vec![(1.0, micros), (2.0, 2.0 * micros)];
        Self {
            whole: line(whole),
            reading: line(reading),
        }
    }

    /// CPU time for an event of `lines` lines, of which `share` is forwarded, in microseconds.
    #[must_use]
    pub fn micros(&self, lines: f64, share: f64) -> f64 {
        if share >= 1.0 {
            return at(&self.whole, lines);
        }
        let delivery = |lines: f64| at(&self.whole, lines) - at(&self.reading, lines);
        let forwarded = lines * share;
        // An event of which nothing is forwarded opens no connection: fewer than one is one of several events.
        let delivery = delivery(forwarded.max(1.0)) * forwarded.min(1.0);
        at(&self.reading, lines) + lines * SAMPLING_MICROS + delivery.max(0.0)
    }

    /// How long the function waits for a Node that takes `node_ms` for each message, in milliseconds.
    #[must_use]
    pub fn waiting_ms(lines: f64, share: f64, node_ms: f64) -> f64 {
        let forwarded = lines * share;
        let rounds = (forwarded / CONNECTIONS).ceil() * forwarded.min(1.0);
        rounds * MESSAGES * node_ms
    }
}

/// The medians of one figure by the number of lines: for the whole event, in microseconds.
fn points(results: &str, start: &str, unit: &str, factor: f64) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = results
        .lines()
        .filter_map(|line| {
            let mut columns = line.strip_prefix(start)?.split(',');
            let lines: f64 = columns.next()?.parse().ok()?;
            (columns.next()? == unit).then_some(())?;
            let each: f64 = columns.next()?.parse().ok()?;
            Some((lines, lines * each * factor))
        })
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// The value at `x` on the straight lines between points, and on the last of them beyond.
fn at(points: &[(f64, f64)], x: f64) -> f64 {
    let x = x.max(1.0);
    let end = points.iter().position(|point| point.0 >= x);
    let end = end.unwrap_or(points.len() - 1).max(1);
    let ((x0, y0), (x1, y1)) = (points[end - 1], points[end]);
    y0 + (y1 - y0) / (x1 - x0) * (x - x0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_between_its_points() {
        let work = Work::of(
            "cpu_per_record,\"ours, resend\",http,1,µs,60,0,0\n\
             cpu_per_record,\"ours, resend\",http,101,µs,10,0,0\n\
             cpu_per_record,\"ours, resend\",https,1,µs,99,0,0\n\
             cpu_per_record,\"ours, batch\",http,1,µs,99,0,0\n\
             decode_cpu_per_record,\"ours\",,1,ns,8000,0,0\n\
             decode_cpu_per_record,\"ours\",,101,ns,2000,0,0\n\
             decode_cpu_per_record,\"ours, for this processor\",,1,ns,99,0,0\n",
        )
        .unwrap();
        // 60, 1010 and in between 9.5 a line; for reading 8, 202 and 1.94.
        for (lines, share, expected) in [
            (1.0, 1.0, 60.0),
            (11.0, 1.0, 155.0),
            (101.0, 1.0, 1010.0),
            (201.0, 1.0, 1960.0),
            // Reading, sampling, and the delivery of one line in half of the events.
            (101.0, 0.5 / 101.0, 202.0 + 101.0 + 26.0),
            // ... and of eleven in each: 155 less 27.4.
            (101.0, 11.0 / 101.0, 202.0 + 101.0 + 127.6),
        ] {
            let found = work.micros(lines, share);
            assert!((found - expected).abs() < 1e-9, "{lines} {share}: {found}");
        }
        assert_eq!(
            Work::of("cpu_per_record,\"ours, resend\",http,1,µs,60,0"),
            None
        );
        Work::measured().unwrap();
    }

    #[test]
    fn a_slow_node_is_waited_for_in_rounds_of_eight() {
        for (lines, share, expected) in [
            (1.0, 1.0, 6.0),
            (8.0, 1.0, 6.0),
            (9.0, 1.0, 12.0),
            (107.0, 1.0, 84.0),
            (100.0, 0.01, 6.0),
            (100.0, 0.005, 3.0),
        ] {
            let found = Work::waiting_ms(lines, share, 3.0);
            assert!((found - expected).abs() < 1e-9, "{lines} {share}: {found}");
        }
    }
}
