//! All samples of a run. They become rows of a CSV file, and ratios.

use std::collections::BTreeMap;

use crate::stats::Summary;

/// The subject of a series of samples.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) figure: &'static str,
    pub(crate) contender: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) records: usize,
}

impl Key {
    /// A figure that belongs to no event.
    pub(crate) fn of(figure: &'static str, contender: &'static str) -> Self {
        Self::with(figure, contender, "", 0)
    }

    pub(crate) fn with(
        figure: &'static str,
        contender: &'static str,
        scheme: &'static str,
        records: usize,
    ) -> Self {
        Self {
            figure,
            contender,
            scheme,
            records,
        }
    }
}

#[derive(Debug, Default)]
struct Series {
    unit: &'static str,
    /// Each sample with its round.
    samples: Vec<(usize, f64)>,
}

#[derive(Debug, Default)]
pub(crate) struct Results {
    series: BTreeMap<Key, Series>,
    /// Figures that could not be measured, and the reasons.
    pub(crate) absent: Vec<(String, String)>,
}

impl Results {
    pub(crate) fn add(&mut self, key: Key, unit: &'static str, round: usize, value: f64) {
        let series = self.series.entry(key).or_default();
        series.unit = unit;
        series.samples.push((round, value));
    }

    pub(crate) fn absent(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.absent.push((what.into(), why.into()));
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Summary> {
        let series = self.series.get(key)?;
        let values: Vec<f64> = series.samples.iter().map(|(_, value)| *value).collect();
        Summary::of(&values)
    }

    /// Empty if a figure is a plain number.
    pub(crate) fn unit(&self, key: &Key) -> &'static str {
        self.series.get(key).map_or("", |series| series.unit)
    }

    pub(crate) fn median(&self, key: &Key) -> Option<f64> {
        self.get(key).map(|summary| summary.median)
    }

    /// One figure as a multiple of another. Each pair of samples is from one round, so both were taken under
    /// the same conditions.
    pub(crate) fn ratio(&self, of: &Key, to: &Key) -> Option<Summary> {
        let (of, to) = (self.series.get(of)?, self.series.get(to)?);
        let to: BTreeMap<usize, f64> = to.samples.iter().copied().collect();
        let ratios: Vec<f64> = of
            .samples
            .iter()
            .filter_map(|(round, value)| Some(value / to.get(round)?))
            .collect();
        Summary::of(&ratios)
    }

    /// All rows, in a fixed order.
    pub(crate) fn csv(&self) -> String {
        let mut out = String::from(HEAD);
        for (key, series) in &self.series {
            let values: Vec<f64> = series.samples.iter().map(|(_, value)| *value).collect();
            let Some(s) = Summary::of(&values) else {
                continue;
            };
            let records = key.records.to_string();
            let names = [key.figure, key.contender, key.scheme, &records];
            out.push_str(&row(names, series.unit, &s));
        }
        out
    }
}

/// A line of a file of results: figure, contender, scheme and records, and the summary.
pub(crate) fn row(names: [&str; 4], unit: &str, s: &Summary) -> String {
    let [figure, contender, scheme, records] = names;
    format!(
        "{figure},\"{contender}\",{scheme},{records},{unit},{},{},{},{},{},{}\n",
        short(s.median),
        short(s.min),
        short(s.low),
        short(s.high),
        short(s.max),
        s.count
    )
}

/// The first line of a file of results.
pub(crate) const HEAD: &str =
    "figure,contender,scheme,records,unit,median,min,lower_quartile,upper_quartile,max,samples\n";

/// A number with four significant digits.
pub(crate) fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    let text = format!("{value:.*}", usize::try_from(digits.max(0)).unwrap_or(0));
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_one_round() {
        let mut results = Results::default();
        let (a, b) = (Key::of("x", "a"), Key::of("x", "b"));
        for (round, value) in [(0, 1.0), (1, 20.0), (2, 300.0)] {
            results.add(a.clone(), "s", round, value);
        }
        results.add(b.clone(), "s", 1, 10.0);
        assert_eq!(results.ratio(&a, &b).unwrap().median, 2.0);
        assert_eq!(results.ratio(&b, &a).unwrap().count, 1);
        assert_eq!(results.ratio(&a, &Key::of("x", "c")), None);
    }

    #[test]
    fn numbers() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (1234.56, "1235"),
            (123_456.0, "123456"),
            (0.012_345_6, "0.01235"),
            (12.300_01, "12.3"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
