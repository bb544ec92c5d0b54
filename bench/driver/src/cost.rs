//! The cost of a million log lines on Lambda, as far as it can be calculated from these measurements.

use cw_resend_lambda::local::cost::prices::Prices;

/// The resources of an invocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Invocation {
    pub(crate) records: f64,
    pub(crate) cpu_seconds: f64,
    /// With a slow Node.
    pub(crate) wall_seconds: f64,
    pub(crate) peak_kib: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    pub(crate) memory_mb: f64,
    pub(crate) billed_ms: f64,
    pub(crate) dollars_per_million: f64,
}

/// A function gets a share of a virtual CPU in proportion to its memory: the smaller the share, the longer the
/// same CPU time is billed. The time that it waits for the Node is billed too. Both may overlap, so the longer
/// of the two is the minimum that can be billed.
pub(crate) fn cost(prices: &Prices, invocation: Invocation) -> Cost {
    let memory_mb = (invocation.peak_kib / 1024.0).ceil().max(prices.minimum_mb);
    let share = memory_mb / prices.mb_per_vcpu;
    let seconds = (invocation.cpu_seconds / share).max(invocation.wall_seconds);
    let billed_ms = (seconds * 1e3).ceil();
    let each =
        billed_ms / 1e3 * memory_mb / 1024.0 * prices.gb_second + prices.million_requests / 1e6;
    Cost {
        memory_mb,
        billed_ms,
        dollars_per_million: each * 1e6 / invocation.records,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_of_cpu_and_waiting_is_billed() {
        let prices = Prices {
            gb_second: 0.01,
            million_requests: 1.0,
            minimum_mb: 128.0,
            mb_per_vcpu: 1280.0,
            ..Prices::embedded().unwrap()
        };
        let invocation = Invocation {
            records: 1000.0,
            cpu_seconds: 0.2,
            wall_seconds: 1.0,
            peak_kib: 1024.0,
        };
        let found = cost(&prices, invocation);
        assert_eq!((found.memory_mb, found.billed_ms), (128.0, 2000.0));
        assert!((found.dollars_per_million - 2.501).abs() < 1e-9);
        let waiting = Invocation {
            wall_seconds: 3.0,
            peak_kib: 256.0 * 1024.0,
            ..invocation
        };
        let found = cost(&prices, waiting);
        assert_eq!((found.memory_mb, found.billed_ms), (256.0, 3000.0));
    }
}
