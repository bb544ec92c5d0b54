//! The lines that are no calls: why, where, and what to do about it. What a line says is never shown.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use crate::{
    local::{escape, ui::counted},
    record::{Lacks, Skip},
    report,
};

/// How many files of a reason are named.
const MAX_FILES: usize = 20;
/// How many lines of a file are named.
const MAX_NUMBERS: usize = 5;

/// The lines that are no calls.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    /// In the order in which they were first met.
    groups: Vec<Group>,
}

/// The lines that are none for the same reason, and lack the same.
#[derive(Debug)]
struct Group {
    reason: Skip,
    lacks: Lacks,
    lines: u64,
    files: Vec<File>,
    /// Of files beyond the limit.
    other_lines: u64,
}

/// Of one file.
#[derive(Debug)]
struct File {
    name: String,
    lines: u64,
    /// The first ones.
    numbers: Vec<u64>,
}

impl Skipped {
    /// Counts a line. `lacks`: what its format lacks.
    pub(crate) fn add(&mut self, reason: Skip, lacks: Lacks, file: &str, number: u64) {
        let lacks = if reason.has_to_do_with_format() {
            lacks
        } else {
            Lacks::NOTHING
        };
        let is_same = |group: &&mut Group| group.reason == reason && group.lacks == lacks;
        let group = match self.groups.iter_mut().find(is_same) {
            Some(group) => group,
            None => {
                self.groups.push(Group {
                    reason,
                    lacks,
                    lines: 0,
                    files: Vec::new(),
                    other_lines: 0,
                });
                // One was just pushed.
                let last = self.groups.len() - 1;
                &mut self.groups[last]
            }
        };
        group.add(file, number);
    }

    /// How many lines.
    pub(crate) fn lines(&self) -> u64 {
        self.groups.iter().map(|group| group.lines).sum()
    }

    /// How many, by the name of the reason.
    pub(crate) fn by_name(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for group in &self.groups {
            *counts.entry(group.reason.name().to_string()).or_default() += group.lines;
        }
        counts
    }

    /// One line for all: how many for which reason, the most frequent first.
    pub(crate) fn summary(&self) -> String {
        let mut counts: Vec<(String, u64)> = self.by_name().into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let counts: Vec<String> = counts
            .into_iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        counts.join(", ")
    }

    /// What to do about the format of the most lines that are no calls because of it.
    pub(crate) fn advice(&self) -> Option<String> {
        let with_advice = self.groups.iter().filter(|group| !group.lacks.is_nothing());
        // Of several with the same count the first.
        let group = with_advice.rev().max_by_key(|group| group.lines)?;
        Some(group.advice())
    }

    /// Writes each reason with its lines, the most frequent first.
    pub(crate) fn explain(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut groups: Vec<&Group> = self.groups.iter().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.lines));
        for group in groups {
            write!(
                out,
                "{}, {}: {}",
                counted(group.lines, "line"),
                group.reason.name(),
                meaning(group.reason)
            )?;
            if let Some(field) = group.reason.contradictory_field() {
                write!(out, " ({field})")?;
            }
            writeln!(out)?;
            for file in &group.files {
                write!(out, "  {}:", escape::terminal(&file.name))?;
                let numbers: Vec<String> = file.numbers.iter().map(u64::to_string).collect();
                write!(out, " {}", numbers.join(", "))?;
                let shown = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
                match file.lines.saturating_sub(shown) {
                    0 => writeln!(out)?,
                    more => writeln!(out, ", and {more} more")?,
                }
            }
            if group.other_lines > 0 {
                writeln!(out, "  other files: {}", counted(group.other_lines, "line"))?;
            }
            if !group.lacks.is_nothing() {
                writeln!(out, "  -> {}", group.advice())?;
            }
        }
        Ok(())
    }
}

impl Group {
    fn add(&mut self, name: &str, number: u64) {
        self.lines += 1;
        // Lines come file by file.
        let file = match self.files.iter().rposition(|file| file.name == name) {
            Some(at) => &mut self.files[at],
            None if self.files.len() == MAX_FILES => {
                self.other_lines += 1;
                return;
            }
            None => {
                self.files.push(File {
                    name: name.to_string(),
                    lines: 0,
                    numbers: Vec::new(),
                });
                let last = self.files.len() - 1;
                &mut self.files[last]
            }
        };
        file.lines += 1;
        if file.numbers.len() < MAX_NUMBERS {
            file.numbers.push(number);
        }
    }

    fn advice(&self) -> String {
        let mut text = report::format_advice(self.lacks);
        if self.lacks.has(Lacks::HOST_BUT_DEFAULT) {
            text +=
                ", or tell the host by --default-host; the function's setting is X_DEFAULT_HOST";
        }
        if self.lacks.has(Lacks::PATH_BUT_TEMPLATE) {
            text += "; the function's X_PATH=template would forward the route's template in place of a path";
        }
        text
    }
}

/// What a reason means, for a person.
fn meaning(reason: Skip) -> &'static str {
    match reason {
        Skip::WebSocket => "a WebSocket API's call has neither method nor path",
        Skip::ExecutionLog => "an execution log, which may hold headers and bodies",
        Skip::UnsupportedFormat => "an access log in a format that names no endpoint",
        Skip::Unrelated => "JSON that is no access-log line",
        Skip::NoHost => "the line has no host",
        Skip::NoPath => "the line has no path",
        Skip::TemplateOnly => "the line has its route's template, and no path",
        Skip::NoMethod => "the line has no method",
        Skip::InvalidHost => "its host is none that a request can have",
        Skip::InvalidPath => "its path is none that a request can have",
        Skip::InvalidMethod => "its method is none that a request can have",
        Skip::Oversized => "it is longer than the function reads or forwards",
        Skip::Malformed => "it is nothing that an access-log line can be",
        Skip::ContradictoryMethod
        | Skip::ContradictoryPath
        | Skip::ContradictoryHost
        | Skip::ContradictorySourceIp
        | Skip::ContradictoryTemplate
        | Skip::ContradictoryApiId => {
            "it has two values for a field, or names that other lines lack: a caller may have forged one"
        }
        Skip::OwnNode => "a call of the Node itself",
        Skip::OwnLogGroup => "a line of the function's own log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_by_reason_file_and_number() {
        let mut skipped = Skipped::default();
        for number in 1..=7 {
            skipped.add(Skip::NoHost, Lacks::HOST, "a\u{1b}.log", number);
        }
        skipped.add(Skip::Malformed, Lacks::HOST, "b.log", 3);
        assert_eq!(skipped.lines(), 8);
        assert_eq!(skipped.summary(), "7 noHost, 1 malformed");
        let mut out = Vec::new();
        skipped.explain(&mut out).unwrap();
        let expected = "\
7 lines, noHost: the line has no host
  a\\u{1b}.log: 1, 2, 3, 4, 5, and 2 more
  -> append \"domainName\": \"$context.domainName\" to the stage's access-log format
1 line, malformed: it is nothing that an access-log line can be
  b.log: 3
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn only_so_many_files_are_named() {
        let mut skipped = Skipped::default();
        let mut add = |number: u64| {
            skipped.add(Skip::Malformed, Lacks::NOTHING, &format!("{number}.log"), 1);
            let mut out = Vec::new();
            skipped.explain(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let texts: Vec<String> = (0..1_000).map(&mut add).collect();
        assert!(
            texts[20].ends_with("\n  other files: 1 line\n"),
            "{}",
            texts[20]
        );
        assert!(texts[999].ends_with("\n  other files: 980 lines\n"));
        assert_eq!(skipped.groups[0].files.len(), MAX_FILES);
        assert_eq!(skipped.groups[0].other_lines, 980);
        assert_eq!(skipped.lines(), 1_000);
    }

    #[test]
    fn the_advice_is_that_of_the_most_lines() {
        let mut skipped = Skipped::default();
        assert_eq!(skipped.advice(), None);
        skipped.add(Skip::NoHost, Lacks::HOST, "a", 1);
        skipped.add(Skip::NoPath, Lacks::PATH, "a", 2);
        skipped.add(Skip::NoPath, Lacks::PATH, "a", 3);
        skipped.add(Skip::Malformed, Lacks::NOTHING, "a", 4);
        let advice = skipped.advice().unwrap();
        assert!(advice.contains("$context.path"), "{advice}");
    }
}
