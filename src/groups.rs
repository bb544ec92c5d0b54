//! What this process knows of the log groups whose lines it reads: how many of them were skipped, and what the
//! operator was told of their formats.
//!
//! An event has the lines of one stream, often a single one, so that no event alone tells whether a format is wrong.

use std::time::{Duration, Instant};

use crate::account::Group;
use crate::record::Lacks;

/// How many log groups are known. The one that was seen longest ago makes room.
const MAX_GROUPS: usize = 64;

/// After so many lines those before count half, so that a format that was changed soon shows.
const RECENT_LINES: u64 = 1_000;

/// After such a time the operator is told again: that a format has changed, or was right in between.
const CHANGED: Duration = Duration::from_secs(600);

/// The log groups that were seen, the latest at the end.
#[derive(Debug, Default)]
pub(crate) struct Groups(Vec<Known>);

#[derive(Debug)]
struct Known {
    name: String,
    lines: u64,
    skipped: u64,
    /// What its format lacks as it was told last, and at any time.
    told: Lacks,
    told_ever: Lacks,
    told_at: Option<Instant>,
}

/// What an event says of its log groups.
#[derive(Debug, Default)]
pub(crate) struct Findings<'a> {
    /// Those whose format is to be told of.
    pub(crate) to_tell: Vec<&'a Group>,
    /// Those of whose recent lines most were skipped.
    pub(crate) mostly_skipped: Vec<&'a str>,
}

impl Groups {
    /// Takes in the log groups of an event.
    pub(crate) fn observe<'a>(&mut self, groups: &'a [Group]) -> Findings<'a> {
        let mut findings = Findings::default();
        for group in groups {
            let known = self.known(&group.name);
            known.count(group);
            if group.lines > 0 && known.skipped * 2 > known.lines {
                findings.mostly_skipped.push(&group.name);
            }
            if known.has_to_be_told(group) {
                findings.to_tell.push(group);
            }
        }
        findings
    }

    fn known(&mut self, name: &str) -> &mut Known {
        let at = self.0.iter().position(|known| known.name == name);
        let known = match at {
            Some(at) => self.0.remove(at),
            None => {
                if self.0.len() == MAX_GROUPS {
                    self.0.remove(0);
                }
                Known {
                    name: name.to_string(),
                    lines: 0,
                    skipped: 0,
                    told: Lacks::NOTHING,
                    told_ever: Lacks::NOTHING,
                    told_at: None,
                }
            }
        };
        self.0.push(known);
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

impl Known {
    fn count(&mut self, group: &Group) {
        self.lines += group.lines;
        self.skipped += group.skipped;
        while self.lines > RECENT_LINES {
            self.lines /= 2;
            self.skipped /= 2;
        }
    }

    fn has_to_be_told(&mut self, group: &Group) -> bool {
        let is_old = self.told_at.is_none_or(|at| at.elapsed() >= CHANGED);
        if group.lacks.is_nothing() {
            if is_old && group.skipped == 0 && group.lines > 0 {
                (self.told, self.told_ever) = (Lacks::NOTHING, Lacks::NOTHING);
            }
            return false;
        }
        let has_changed = group.lacks != self.told;
        let is_new = group.lacks.exceeds(self.told_ever);
        if !(is_new || has_changed && is_old) {
            return false;
        }
        self.told = group.lacks;
        self.told_ever.add(group.lacks);
        self.told_at = Some(Instant::now());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, lines: u64, skipped: u64, lacks: Lacks) -> Group {
        Group {
            name: name.to_string(),
            stream: String::new(),
            lines,
            skipped,
            lacks,
        }
    }

    /// Whether the group is told of, and whether it is mostly skipped.
    fn observe(groups: &mut Groups, group: Group) -> (bool, bool) {
        let group = [group];
        let findings = groups.observe(&group);
        (
            !findings.to_tell.is_empty(),
            !findings.mostly_skipped.is_empty(),
        )
    }

    #[test]
    fn each_group_is_told_of_and_again_when_it_changes() {
        let mut groups = Groups::default();
        let both = {
            let mut both = Lacks::HOST;
            both.add(Lacks::PATH);
            both
        };
        for (name, lacks, expected) in [
            ("a", Lacks::HOST, true),
            ("a", Lacks::HOST, false),
            ("b", Lacks::HOST, true),
            ("a", both, true),
            // Two stages in one group take turns, and are not told of each time.
            ("a", Lacks::HOST, false),
            ("a", both, false),
            ("a", Lacks::NOTHING, false),
            ("a", Lacks::HOST, false),
            ("a", Lacks::METHOD, true),
        ] {
            let (told, _) = observe(&mut groups, group(name, 1, 1, lacks));
            assert_eq!(told, expected, "{name} {lacks:?}");
        }
        // Later, what has changed is told again, and so is what was right in between.
        let earlier = |groups: &mut Groups| {
            groups.known("a").told_at = Instant::now().checked_sub(CHANGED);
        };
        earlier(&mut groups);
        assert!(observe(&mut groups, group("a", 1, 1, Lacks::HOST)).0);
        earlier(&mut groups);
        assert!(!observe(&mut groups, group("a", 1, 1, Lacks::HOST)).0);
        assert!(!observe(&mut groups, group("a", 9, 0, Lacks::NOTHING)).0);
        assert!(observe(&mut groups, group("a", 1, 1, Lacks::HOST)).0);
    }

    #[test]
    fn one_odd_line_is_not_most_of_them() {
        let mut groups = Groups::default();
        let mut mostly =
            |lines, skipped| observe(&mut groups, group("a", lines, skipped, Lacks::NOTHING)).1;
        assert!(mostly(1, 1));
        assert!(!mostly(2, 0));
        assert!(!mostly(1, 1));
        assert!(mostly(1, 1));
        // The recent ones count most.
        assert!(!mostly(100_000, 0));
        assert!(mostly(2_000, 2_000));
    }

    #[test]
    fn only_so_many_groups_are_known() {
        let mut groups = Groups::default();
        for at in 0..1_000 {
            let name = format!("group-{at}");
            assert!(observe(&mut groups, group(&name, 1, 1, Lacks::HOST)).0);
            // One that comes again and again is kept.
            observe(&mut groups, group("often", 1, 1, Lacks::HOST));
        }
        assert_eq!(groups.0.len(), MAX_GROUPS);
        assert!(!observe(&mut groups, group("often", 1, 1, Lacks::HOST)).0);
        assert!(observe(&mut groups, group("group-0", 1, 1, Lacks::HOST)).0);
    }
}
