//! What has become of the lines.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use crate::account::Counts;

/// How many lines took which way. `received` is the sum of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) received: u64,
    pub(crate) forwarded: u64,
    /// By an earlier run.
    pub(crate) earlier: u64,
    pub(crate) refused: u64,
    pub(crate) skipped: u64,
    pub(crate) undelivered: u64,
    /// Refused ones by status, where it is known.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Skipped ones by reason, where it is known.
    pub(crate) reasons: BTreeMap<&'static str, u64>,
}

impl From<&Counts> for Totals {
    fn from(counts: &Counts) -> Self {
        let mut reasons = BTreeMap::new();
        for (reason, count) in counts.skipped_by() {
            *reasons.entry(reason.name()).or_default() += count;
        }
        Self {
            received: counts.received,
            // An earlier attempt with the same batch was this run's.
            forwarded: counts.forwarded + counts.forwarded_earlier,
            earlier: 0,
            refused: counts.refused(),
            skipped: counts.skipped(),
            undelivered: counts.undelivered,
            statuses: counts.refused.clone(),
            reasons,
        }
    }
}

impl Totals {
    /// What the function says of a single event with so many lines. `None`: that is no account of them.
    pub(crate) fn of_summary(result: &Value, lines: u64) -> Option<Self> {
        let count = |name: &str| result.get(name).and_then(Value::as_u64);
        let sampled = count("sampled").unwrap_or(0);
        let mut totals = Self {
            received: count("received")?,
            forwarded: count("forwarded")?,
            refused: count("refused")?,
            skipped: count("skipped")?.checked_add(sampled)?,
            ..Self::default()
        };
        if sampled > 0 {
            totals.reasons.insert("sampled", sampled);
        }
        let answered = totals.forwarded.checked_add(totals.refused)?;
        let sum = answered.checked_add(totals.skipped)?;
        (totals.received == lines && sum == lines).then_some(totals)
    }

    /// Adds those of a batch.
    pub(crate) fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.forwarded += other.forwarded;
        self.earlier += other.earlier;
        self.refused += other.refused;
        self.skipped += other.skipped;
        self.undelivered += other.undelivered;
        for (&status, count) in &other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (&reason, count) in &other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    /// All of so many lines are undelivered.
    pub(crate) fn undelivered(lines: u64) -> Self {
        Self {
            received: lines,
            undelivered: lines,
            ..Self::default()
        }
    }

    /// Whether every line is at the Node, or is none that belongs there.
    pub(crate) fn is_clean(&self) -> bool {
        self.refused == 0 && self.undelivered == 0
    }
}

/// The accounting line of the function's report, and the reasons.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} received = {} forwarded",
            self.received, self.forwarded
        )?;
        if self.earlier > 0 {
            write!(f, " + {} forwarded earlier", self.earlier)?;
        }
        writeln!(
            f,
            " + {} refused + {} skipped + {} undelivered",
            self.refused, self.skipped, self.undelivered
        )?;
        if !self.reasons.is_empty() {
            writeln!(f, "  skipped: {}", counted(&self.reasons))?;
        }
        if !self.statuses.is_empty() {
            writeln!(f, "  refused by status: {}", counted(&self.statuses))?;
        }
        Ok(())
    }
}

/// Each count behind its name.
pub(super) fn counted<K: fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    let counts = counts.iter().map(|(name, count)| format!("{name} {count}"));
    counts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_told_with_its_reasons() {
        let mut totals = Totals::undelivered(2);
        totals.add(&Totals {
            received: 9,
            forwarded: 3,
            earlier: 1,
            refused: 3,
            skipped: 2,
            undelivered: 0,
            statuses: [(403, 1), (404, 2)].into(),
            reasons: [("malformed", 2)].into(),
        });
        assert_eq!(
            totals.to_string(),
            "11 received = 3 forwarded + 1 forwarded earlier + 3 refused + 2 skipped + 2 undelivered\n  \
             skipped: malformed 2\n  refused by status: 403 1, 404 2\n"
        );
        assert_eq!(
            Totals::default().to_string(),
            "0 received = 0 forwarded + 0 refused + 0 skipped + 0 undelivered\n"
        );
    }

    #[test]
    fn a_result_without_the_counts_of_these_lines_is_none() {
        for (result, is_summary) in [
            (
                r#"{"received":3,"forwarded":2,"refused":0,"skipped":1}"#,
                true,
            ),
            (
                r#"{"received":3,"forwarded":1,"refused":0,"skipped":1,"sampled":1}"#,
                true,
            ),
            (
                r#"{"received":2,"forwarded":2,"refused":0,"skipped":0}"#,
                false,
            ),
            (
                r#"{"received":3,"forwarded":2,"refused":0,"skipped":0}"#,
                false,
            ),
            // Counts whose sum is more than the largest number.
            (
                r#"{"received":3,"forwarded":18446744073709551615,"refused":4,"skipped":0}"#,
                false,
            ),
            (
                r#"{"received":3,"forwarded":3,"refused":0,"skipped":18446744073709551615,"sampled":1}"#,
                false,
            ),
            (r#"{"statusCode":200}"#, false),
            ("null", false),
            ("[]", false),
        ] {
            let result = serde_json::from_str(result).unwrap();
            assert_eq!(
                Totals::of_summary(&result, 3).is_some(),
                is_summary,
                "{result}"
            );
        }
    }
}
