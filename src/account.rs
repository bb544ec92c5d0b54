//! What became of the records of an event: the counts, and the verdict on the event as a whole.
//!
//! This is the vocabulary of the pipeline. `node` settles each record with a [`Verdict`], `forwarder` adds
//! them up in an [`Account`], and `report` prints it. Nothing here prints.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{Category, Error};
use crate::record::{HostSource, Lacks, Skip};

/// What a 415 of Wallarm's hosted Edge Node means (DESIGN.md, "The Node"). `host` is the host that was sent, or words for
/// it: one that a line has is never printed.
pub(crate) fn host_not_taken(host: &str) -> String {
    format!(
        "Wallarm's Edge Node responds with 415 where a host is not among its allowed hosts, does not exist or can't be \
         reached: allow {host} there"
    )
}

/// What became of a record that was handed to the Node's client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The Node has accepted all of it.
    Forwarded,
    /// The Node has refused it, with this status.
    Refused(u16),
    /// The delivery ended before the Node accepted it.
    Undelivered,
}

/// How many of an event's records took which way.
///
/// `received` is always the sum of the others.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Log events of the document.
    pub(crate) received: u64,
    /// Accepted by the Node.
    pub(crate) forwarded: u64,
    /// Accepted by the Node in an earlier attempt with the same event.
    pub(crate) forwarded_earlier: u64,
    /// Refused by the Node, by status.
    pub(crate) refused: BTreeMap<u16, u64>,
    /// Not forwarded, by reason.
    pub(crate) skipped: [u64; Skip::ALL.len()],
    /// Not accepted before the delivery ended.
    pub(crate) undelivered: u64,
    /// Not forwarded, since the Node has had enough calls of the endpoint.
    pub(crate) sampled: u64,
    /// Of those that were to be forwarded, how many have a host that their lines do not: one that the API's id tells,
    pub(crate) hosts_by_api_id: u64,
    /// or the one that the operator has set;
    pub(crate) hosts_by_default: u64,
    /// and how many have a template in place of their path.
    pub(crate) template_paths: u64,
}

impl Counts {
    pub(crate) fn skip(&mut self, reason: Skip) {
        self.skipped[reason as usize] += 1;
    }

    /// Counts a record that is settled.
    pub(crate) fn settle(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Forwarded => self.forwarded += 1,
            Verdict::Refused(status) => *self.refused.entry(status).or_default() += 1,
            Verdict::Undelivered => self.undelivered += 1,
        }
    }

    /// Adds those of another document.
    pub(crate) fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.forwarded += other.forwarded;
        self.forwarded_earlier += other.forwarded_earlier;
        for (&status, count) in &other.refused {
            *self.refused.entry(status).or_default() += count;
        }
        for (count, other) in self.skipped.iter_mut().zip(other.skipped) {
            *count += other;
        }
        self.undelivered += other.undelivered;
        self.sampled += other.sampled;
        self.hosts_by_api_id += other.hosts_by_api_id;
        self.hosts_by_default += other.hosts_by_default;
        self.template_paths += other.template_paths;
    }

    /// Counts what a record has that its line has not.
    pub(crate) fn count_made_up(&mut self, host: HostSource, has_template: bool) {
        match host {
            HostSource::Line => {}
            HostSource::ApiId => self.hosts_by_api_id += 1,
            HostSource::Default => self.hosts_by_default += 1,
        }
        self.template_paths += u64::from(has_template);
    }

    /// Whether records were refused, and all of them with the status that a Node in blocking mode gives to an
    /// attack.
    pub(crate) fn is_blocked(&self) -> bool {
        self.refused.keys().eq([&403])
    }

    /// What to do about a status that says it, if records were refused with one.
    pub(crate) fn refused_advice(&self) -> Option<String> {
        let has_415 = self.refused.contains_key(&415);
        has_415.then(|| host_not_taken("the API's host"))
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.values().sum()
    }

    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.iter().sum()
    }

    /// How many access-log lines were skipped that should not be, and how many access-log lines there are.
    pub(crate) fn unexpected(&self) -> (u64, u64) {
        let is_other = |reason: Skip| reason.is_expected() || reason == Skip::Unrelated;
        let reasons = self.skipped_by().filter(|(reason, _)| is_other(*reason));
        let expected: u64 = reasons.map(|(_, count)| count).sum();
        (self.skipped() - expected, self.received - expected)
    }

    /// Whether records were refused, or skipped for a reason that does not belong to normal operation.
    pub(crate) fn needs_attention(&self) -> bool {
        self.refused() > 0 || self.skipped_by().any(|(reason, _)| !reason.is_expected())
    }

    /// What records have that their lines have not, and how often.
    pub(crate) fn made_up(&self) -> BTreeMap<&'static str, u64> {
        let all = [
            ("hostByApiId", self.hosts_by_api_id),
            ("hostByDefault", self.hosts_by_default),
            ("templatePath", self.template_paths),
        ];
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// Each field that had two values in lines that were skipped for it, by our name, and how often.
    pub(crate) fn contradictions(&self) -> BTreeMap<&'static str, u64> {
        self.skipped_by()
            .filter_map(|(reason, count)| Some((reason.contradictory_field()?, count)))
            .collect()
    }

    /// Each reason that occurred, and how often.
    pub(crate) fn skipped_by(&self) -> impl Iterator<Item = (Skip, u64)> {
        let counts = Skip::ALL.into_iter().zip(self.skipped);
        counts.filter(|(_, count)| *count > 0)
    }
}

/// What the delivery of records took, beside their verdicts.
#[derive(Debug, Default, Clone)]
pub(crate) struct Outcome {
    /// The Node's scheme, host and port.
    pub(crate) node: String,
    pub(crate) stats: Stats,
    /// The last thing that went wrong, if anything did.
    pub(crate) last_failure: Option<String>,
}

/// Counts of one delivery.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Stats {
    /// Messages that the Node has responded to.
    pub(crate) exchanges: u64,
    /// How often something failed and was sent again, or was to be.
    pub(crate) retries: u64,
    /// Bytes written to the Node.
    pub(crate) bytes: u64,
    /// How long the responses took, in all and at most. Those that were read together after a pause share its time.
    pub(crate) latency_sum: Duration,
    pub(crate) latency_max: Duration,
}

impl Stats {
    pub(crate) fn add(&mut self, other: &Self) {
        self.exchanges += other.exchanges;
        self.retries += other.retries;
        self.bytes += other.bytes;
        self.latency_sum += other.latency_sum;
        self.latency_max = self.latency_max.max(other.latency_max);
    }

    /// Notes so many responses that took so long together, and one of them at most so long.
    pub(crate) fn count_responses(&mut self, count: u32, took: Duration, at_most: Duration) {
        self.exchanges += u64::from(count);
        self.latency_sum += took;
        self.latency_max = self.latency_max.max(at_most);
    }
}

/// What came of the lines of one log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// The log group's name, or the stream's by which lines without one came.
    pub(crate) name: String,
    /// The log stream.
    pub(crate) stream: String,
    /// But for those that are skipped in normal operation.
    pub(crate) lines: u64,
    pub(crate) skipped: u64,
    /// What the format of those lacks.
    pub(crate) lacks: Lacks,
}

/// How many log groups of one event are told apart.
const MAX_GROUPS: usize = 64;

impl Group {
    /// Joins others, or those of the same name.
    pub(crate) fn join(self, groups: &mut Vec<Self>) {
        let mut names = groups.iter().map(|known| &known.name);
        match names.position(|name| *name == self.name) {
            Some(at) => {
                let known = &mut groups[at];
                known.lines += self.lines;
                known.skipped += self.skipped;
                known.lacks.add(self.lacks);
            }
            None if groups.len() < MAX_GROUPS => groups.push(self),
            None => {}
        }
    }
}

/// What waiting for the Node took.
#[derive(Debug, Default)]
pub(crate) struct Waited {
    pub(crate) attempts: u64,
    pub(crate) seconds: u64,
}

/// What came of an event.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) counts: Counts,
    pub(crate) outcome: Outcome,
    pub(crate) bytes_inflated: u64,
    /// Why items of a batch have failed.
    pub(crate) failures: Vec<Error>,
    pub(crate) groups: Vec<Group>,
    /// The event was to wait for the Node, and had no lines.
    pub(crate) waited: Option<Waited>,
}

impl Account {
    /// Whether there was nothing but lines of the function's own log. To print a line for such an event would be to make
    /// the next one, for ever, where a subscription policy of the whole account takes that log group too. Items that
    /// failed are something else.
    pub(crate) fn is_of_own_log_group(&self) -> bool {
        let counts = &self.counts;
        let own = counts.skipped[Skip::OwnLogGroup as usize];
        own > 0 && own == counts.received && self.failures.is_empty()
    }

    /// Adds that of another document.
    pub(crate) fn add(&mut self, other: Self) {
        self.counts.add(&other.counts);
        self.outcome.stats.add(&other.outcome.stats);
        self.outcome.node = other.outcome.node;
        self.outcome.last_failure = other
            .outcome
            .last_failure
            .or_else(|| self.outcome.last_failure.take());
        self.bytes_inflated += other.bytes_inflated;
        self.failures.extend(other.failures);
        for group in other.groups {
            group.join(&mut self.groups);
        }
    }

    /// Whether a document whose every record is settled has succeeded.
    ///
    /// A Node that refuses all of them is usually the wrong one. But one in blocking mode responds to an attack
    /// with 403, and a quiet API's events have one record each: from a Node that accepts others, that status is
    /// a response like any other. `is_accepting`: the Node has accepted records just now. Such a Node would have
    /// accepted what was left out by sampling as well, so that not all records were refused.
    ///
    /// # Errors
    ///
    /// Where records are undelivered, and where all were refused.
    pub(crate) fn verdict(&self, is_accepting: bool) -> Result<(), Error> {
        let counts = &self.counts;
        let forwarded = counts.forwarded + counts.forwarded_earlier;
        let mut of_all = format!(
            "of {} records; {forwarded} were forwarded, {} refused, {} skipped",
            counts.received,
            counts.refused(),
            counts.skipped(),
        );
        if counts.sampled > 0 {
            of_all += &format!(", {} left out by X_SAMPLE", counts.sampled);
        }
        if counts.undelivered > 0 {
            let why = self.outcome.last_failure.as_deref();
            let why = why.unwrap_or("the time of the invocation was over");
            let text = format!("{} {of_all}; the last failure: {why}", counts.undelivered);
            return Err(Error::new(
                Category::Undelivered,
                "deliver every record",
                text,
            ));
        }
        let may_be_refused = is_accepting && (counts.is_blocked() || counts.sampled > 0);
        if forwarded == 0 && counts.refused() > 0 && !may_be_refused {
            let statuses: Vec<_> = counts.refused.keys().map(u16::to_string).collect();
            let mut text = format!(
                "the Node at {} refused {} {of_all}; it responded with status {}: check X_NODE_URL, \
                 X_NODE_SCHEME and the Node's allowed hosts",
                self.outcome.node,
                counts.refused(),
                statuses.join(", "),
            );
            if let Some(advice) = counts.refused_advice() {
                text += &format!("; {advice}");
            }
            return Err(Error::new(Category::Refused, "deliver any record", text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some of a document's records were refused with these statuses, and so many were forwarded.
    fn outcome(
        statuses: &[u16],
        forwarded: u64,
        sampled: u64,
        is_accepting: bool,
    ) -> Option<Category> {
        let mut account = Account::default();
        account.counts.sampled = sampled;
        for &status in statuses {
            account.counts.settle(Verdict::Refused(status));
        }
        account.counts.forwarded = forwarded;
        account
            .verdict(is_accepting)
            .err()
            .map(|error| error.category())
    }

    #[test]
    fn what_is_refused_as_a_whole_fails_unless_it_was_blocked_by_a_node_that_takes_others() {
        let refused = Some(Category::Refused);
        for (statuses, forwarded, sampled, is_accepting, expected) in [
            (&[][..], 0, 0, false, None),
            (&[403], 1, 0, false, None),
            (&[403], 0, 0, false, refused),
            (&[403; 100], 0, 0, true, None),
            (&[404], 0, 0, true, refused),
            (&[403, 404], 0, 0, true, refused),
            (&[404], 1, 0, false, None),
            // What was left out would have been accepted, if anything is.
            (&[], 0, 9, false, None),
            (&[404], 0, 9, true, None),
            (&[403], 0, 9, false, refused),
            (&[404], 0, 9, false, refused),
        ] {
            assert_eq!(
                outcome(statuses, forwarded, sampled, is_accepting),
                expected,
                "{statuses:?}, {forwarded}, {sampled}, {is_accepting}"
            );
        }
    }

    #[test]
    fn a_415_is_told_in_words_without_a_host_of_a_line() {
        let mut account = Account::default();
        for (status, expected) in [(404, false), (415, true)] {
            account.counts.settle(Verdict::Refused(status));
            let error = account.verdict(false).unwrap_err().to_string();
            let has_words = error.ends_with(
                "; Wallarm's Edge Node responds with 415 where a host is not among its allowed hosts, does not exist \
                 or can't be reached: allow the API's host there",
            );
            assert_eq!(has_words, expected, "{error}");
        }
    }

    #[test]
    fn only_an_event_of_nothing_but_the_own_log_is_one() {
        let account = |own: u64, others: u64, failures: u64| {
            let mut account = Account::default();
            account.counts.received = own + others;
            for _ in 0..own {
                account.counts.skip(Skip::OwnLogGroup);
            }
            let failure = |_| Error::new(Category::InvalidEvent, "read it", "no");
            account.failures.extend((0..failures).map(failure));
            account.is_of_own_log_group()
        };
        assert!(account(2, 0, 0));
        assert!(!account(0, 0, 0) && !account(2, 1, 0) && !account(2, 0, 1));
    }

    #[test]
    fn every_reason_has_its_own_count() {
        for (index, reason) in Skip::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            let mut counts = Counts::default();
            counts.skip(reason);
            assert_eq!(counts.skipped_by().collect::<Vec<_>>(), [(reason, 1)]);
        }
    }
}
