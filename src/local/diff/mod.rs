//! `cw-resend diff`: what a log has that a specification lacks, what a specification has that nobody calls, and what has
//! changed between two inventories. Its exit status is 1 where it finds something, as a pipeline wants it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::{Read, Write},
};

use clap::ValueEnum;
use serde::Deserialize;

use super::{
    Status,
    error::CommandError,
    escape,
    inventory::{
        self, Reading,
        model::{Endpoint, Inventory, VERSION, split_place},
    },
    ui::Ui,
};
use show::{Finding, Report};

mod show;

/// The largest inventory that is read, in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// Show what a log has that a specification lacks, what nobody calls, or what has changed between two inventories. Exits
/// with 1 where it finds something.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// With --spec: logs, or - for standard input. Without: two inventories that `cw-resend inventory --format json` has
    /// written, the earlier one first.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<OsString>,
    /// How logs are read.
    #[command(flatten)]
    pub reading: Reading,
    /// What to look for, where it is not everything but `refused`. May be given again.
    #[arg(long, value_enum, value_name = "KIND")]
    pub only: Vec<Kind>,
    /// What to write.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What a difference can be written as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For a wiki or a pull request.
    Markdown,
}

/// A kind of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// The specification has it, and nobody called it.
    Unused,
    /// It was called, and the specification lacks it.
    Undeclared,
    /// It was called, and of the specification only a greedy path such as /{proxy+} takes it.
    Proxy,
    /// The later inventory has it, and the earlier one lacks it.
    New,
    /// The earlier inventory has it, and the later one lacks it.
    Gone,
    /// It is undeclared or new, and each response was 4xx: most likely there is no such endpoint. Looked for only
    /// where it is named.
    Refused,
}

impl Kind {
    fn title(self) -> &'static str {
        match self {
            Self::Unused => "Declared, but not called",
            Self::Undeclared => "Called, but not declared",
            Self::Proxy => "Called only under a greedy path",
            Self::New => "New",
            Self::Gone => "Gone",
            Self::Refused => "Only 4xx responses",
        }
    }
}

/// Runs the command.
///
/// # Errors
///
/// Returns an error when a file can not be read, when logs and inventories are mixed, or when `out` fails.
pub fn run(args: &Args, ui: &Ui, out: &mut dyn Write) -> Result<Status, CommandError> {
    let mut findings = if args.reading.spec.is_empty() {
        let [before, after] = args.files.as_slice() else {
            return Err(CommandError::new(format!(
                "failed to compare: expected two inventories, found {}: give an earlier and a later one, or a \
                 specification by --spec to compare a log with it",
                match args.files.len() {
                    1 => "one file".to_string(),
                    count => format!("{count} files"),
                }
            )));
        };
        between(&read_inventory(before)?, &read_inventory(after)?)
    } else {
        for file in &args.files {
            if is_inventory(file) {
                return Err(CommandError::new(format!(
                    "failed to compare {} with a specification: expected a log, found an inventory: give the log that \
                     it was made from, or two inventories without --spec",
                    escape::path(file)
                )));
            }
        }
        let inventory = inventory::read(&args.files, &args.reading, ui)?;
        inventory.endpoints.iter().filter_map(undeclared).collect()
    };
    let wanted = |kind: Kind| match args.only.as_slice() {
        [] => kind != Kind::Refused,
        only => only.contains(&kind),
    };
    let refused = count(&findings, Kind::Refused);
    findings.retain(|finding| wanted(finding.kind));
    findings.sort();
    let report = Report {
        findings,
        refused: if wanted(Kind::Refused) { 0 } else { refused },
    };
    show::write(&report, args.format, out)?;
    Ok(if report.findings.is_empty() {
        Status::Clean
    } else {
        Status::Found
    })
}

fn count(findings: &[Finding], kind: Kind) -> usize {
    findings
        .iter()
        .filter(|finding| finding.kind == kind)
        .count()
}

/// What an endpoint says of the specification that it was held against.
fn undeclared(endpoint: &Endpoint) -> Option<Finding> {
    let kind = match endpoint.documented? {
        true if endpoint.calls == 0 => Kind::Unused,
        true => return None,
        false if is_refused(endpoint) => Kind::Refused,
        false if endpoint.under.is_some() => Kind::Proxy,
        false => Kind::Undeclared,
    };
    Some(Finding::new(kind, endpoint))
}

/// What is in one inventory, and not in the other. What had only 4xx responses counts as not there.
fn between(before: &Inventory, after: &Inventory) -> Vec<Finding> {
    let (old, new) = (by_name(before), by_name(after));
    let is_there = |endpoint: Option<&&Endpoint>| {
        endpoint.is_some_and(|endpoint| endpoint.calls > 0 && !is_refused(endpoint))
    };
    let mut findings = Vec::new();
    for (name, endpoint) in &new {
        if endpoint.calls == 0 || is_there(old.get(name)) {
            continue;
        }
        if !is_refused(endpoint) {
            findings.push(Finding::new(Kind::New, endpoint));
        } else if !old.contains_key(name) {
            findings.push(Finding::new(Kind::Refused, endpoint));
        }
    }
    for (name, endpoint) in &old {
        if is_there(Some(endpoint)) && !is_there(new.get(name)) {
            findings.push(Finding::new(Kind::Gone, endpoint));
        }
    }
    findings
}

/// Endpoints by host, path and method. The names of places do not tell endpoints apart: what was `{id}` while few values
/// were known may be `{uuid}` in a longer log.
fn by_name(inventory: &Inventory) -> BTreeMap<(&str, String, &str), &Endpoint> {
    let answered =
        |endpoint: &Endpoint| endpoint.calls - endpoint.statuses.client_error.min(endpoint.calls);
    let mut by_name = BTreeMap::new();
    for endpoint in &inventory.endpoints {
        let name = (
            endpoint.host.as_str(),
            without_names(&endpoint.path),
            endpoint.method.as_str(),
        );
        let known = by_name.entry(name).or_insert(endpoint);
        if answered(endpoint) > answered(known) {
            *known = endpoint;
        }
    }
    by_name
}

/// A template without the names of its places; a greedy one keeps its plus.
fn without_names(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, name, after)) = split_place(rest) {
        text.push_str(before);
        text.push_str(if name.ends_with('+') { "{+}" } else { "{}" });
        rest = after;
    }
    text + rest
}

/// Whether each response was 4xx, as those of scanners are.
fn is_refused(endpoint: &Endpoint) -> bool {
    endpoint.calls > 0 && endpoint.statuses.client_error == endpoint.calls
}

/// Whether a file begins as an inventory does.
fn is_inventory(file: &OsString) -> bool {
    if file == "-" {
        return false;
    }
    let mut start = Vec::new();
    let read = File::open(file).and_then(|file| file.take(256).read_to_end(&mut start));
    let text = start.trim_ascii_start();
    read.is_ok()
        && text.strip_prefix(b"{").is_some_and(|inside| {
            inside.trim_ascii_start().starts_with(b"\"version\"")
                && start.windows(7).any(|word| word == b"\"lines\"")
        })
}

/// Reads an inventory.
fn read_inventory(file: &OsString) -> Result<Inventory, CommandError> {
    #[derive(Deserialize)]
    struct Version {
        version: Option<serde_json::Value>,
    }

    let name = escape::path(file);
    let failed =
        |cause: std::io::Error| CommandError::with_cause(format!("failed to read {name}"), cause);
    let none = |what: String| {
        CommandError::new(format!(
            "failed to read {name}: expected an inventory that `cw-resend inventory --format json` has written, found \
             {what}; to compare a log with a specification, give that by --spec"
        ))
    };
    let mut text = Vec::new();
    let opened = if file == "-" {
        std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text))
    };
    opened.map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(none("more than 1 GiB".to_string()));
    }
    let version = serde_json::from_slice::<Version>(&text)
        .ok()
        .and_then(|version| version.version)
        .ok_or_else(|| none("something else".to_string()))?;
    if version != VERSION {
        return Err(none(format!(
            "version {} of it, and this program reads {VERSION}: make both by the same version",
            escape::terminal(&version.to_string())
        )));
    }
    serde_json::from_slice(&text)
        .map_err(|cause| CommandError::with_cause(format!("failed to read {name}"), cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::inventory::model::Statuses;

    fn endpoint(path: &str, calls: u64, refused: u64) -> Endpoint {
        Endpoint {
            host: "api.example.com".into(),
            path: path.into(),
            method: "GET".into(),
            calls,
            statuses: Statuses {
                success: calls - refused,
                client_error: refused,
                ..Statuses::default()
            },
            ..Endpoint::default()
        }
    }

    #[test]
    fn what_an_endpoint_says_of_a_specification() {
        for (documented, calls, refused, under, expected) in [
            (None, 1, 0, None, None),
            (Some(true), 1, 0, None, None),
            (Some(true), 1, 1, None, None),
            (Some(true), 0, 0, None, Some(Kind::Unused)),
            (Some(false), 2, 1, None, Some(Kind::Undeclared)),
            (Some(false), 2, 2, None, Some(Kind::Refused)),
            (Some(false), 2, 1, Some("/{proxy+}"), Some(Kind::Proxy)),
            (Some(false), 2, 2, Some("/{proxy+}"), Some(Kind::Refused)),
        ] {
            let endpoint = Endpoint {
                documented,
                under: under.map(str::to_string),
                ..endpoint("/a", calls, refused)
            };
            let found = undeclared(&endpoint).map(|finding| finding.kind);
            assert_eq!(found, expected, "{endpoint:?}");
        }
    }

    #[test]
    fn what_is_new_and_what_is_gone() {
        let inventory = |endpoints: Vec<Endpoint>| Inventory {
            endpoints,
            ..Inventory::default()
        };
        let before = inventory(vec![
            endpoint("/same/{id}", 1, 0),
            endpoint("/gone", 3, 0),
            endpoint("/now-refused", 3, 0),
            endpoint("/scanned", 3, 3),
            endpoint("/now-there", 3, 3),
            endpoint("/declared", 0, 0),
        ]);
        let after = inventory(vec![
            endpoint("/same/{uuid}", 9, 9),
            endpoint("/now-refused", 3, 3),
            endpoint("/now-there", 3, 0),
            endpoint("/new", 1, 0),
            endpoint("/scanned-too", 1, 1),
            endpoint("/declared", 0, 0),
        ]);
        let mut findings = between(&before, &after);
        findings.sort();
        let found: Vec<(Kind, &str)> = findings
            .iter()
            .map(|finding| (finding.kind, finding.path.as_str()))
            .collect();
        let expected = [
            (Kind::New, "/new"),
            (Kind::New, "/now-there"),
            (Kind::Gone, "/gone"),
            (Kind::Gone, "/now-refused"),
            (Kind::Gone, "/same/{id}"),
            (Kind::Refused, "/scanned-too"),
        ];
        assert_eq!(found, expected);
        assert!(between(&before, &before).is_empty());
    }

    #[test]
    fn names_of_places_do_not_matter() {
        for (path, expected) in [
            ("/a/{id}/b/{x}.pdf", "/a/{}/b/{}.pdf"),
            ("/{proxy+}", "/{+}"),
            ("/a{b", "/a{b"),
            ("/", "/"),
        ] {
            assert_eq!(without_names(path), expected);
        }
    }
}
