//! The summary of several samples: their median and their spread.

/// Samples in order of size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    /// The quartiles: half of the samples lie between them.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) max: f64,
    pub(crate) count: usize,
}

impl Summary {
    /// `None` without samples.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        Some(Self {
            median: quantile(&sorted, 0.5),
            min,
            low: quantile(&sorted, 0.25),
            high: quantile(&sorted, 0.75),
            max,
            count: sorted.len(),
        })
    }

    /// The same in another unit.
    pub(crate) fn scaled(self, by: f64) -> Self {
        Self {
            median: self.median * by,
            min: self.min * by,
            low: self.low * by,
            high: self.high * by,
            max: self.max * by,
            count: self.count,
        }
    }
}

/// Interpolates linearly between two samples.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries() {
        assert_eq!(Summary::of(&[]), None);
        let one = Summary::of(&[3.0]).unwrap();
        assert_eq!((one.min, one.median, one.max), (3.0, 3.0, 3.0));
        let five = Summary::of(&[5.0, 1.0, 4.0, 2.0, 3.0]).unwrap();
        assert_eq!((five.low, five.median, five.high), (2.0, 3.0, 4.0));
        assert_eq!(Summary::of(&[1.0, 2.0]).unwrap().median, 1.5);
    }
}
