//! What differs between two sides' messages, each difference once, with how many messages have it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::pairs::{Ours, Side, pair};
use crate::{
    standin::http::Message,
    wire::resend::{NAMED_HEADERS, named},
};

/// What a difference is about, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Method,
    Target,
    Renamed,
    Absent,
    Added,
    Value,
    Case,
    Order,
    BodyAbsent,
    BodyAdded,
    BodyType,
    FieldAbsent,
    FieldAdded,
    FieldType,
    FieldValue,
}

/// A difference that messages of one side have in common.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) side: Side,
    pub(super) what: What,
    /// The header or the field that it is about.
    pub(super) name: String,
    pub(super) count: usize,
    /// What this function sends in the first of the messages,
    pub(super) ours: Option<String>,
    /// and what the other forwarder sent.
    pub(super) theirs: Option<String>,
    /// The other forwarder sent the same in each of them.
    pub(super) is_constant: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// How many messages of each side were compared: requests and responses.
    pub(super) compared: [usize; 2],
    /// Messages that never came, and some that were not expected.
    pub(super) missing: Vec<String>,
    pub(super) surplus: Vec<String>,
    /// How many responses came before their requests.
    pub(super) early: usize,
    /// What was no HTTP.
    pub(super) violations: Vec<String>,
    /// Headers that the other forwarder sends under another name.
    pub(super) renamed: Vec<(&'static str, String)>,
    pub(super) findings: Vec<Finding>,
}

/// Compares what the function would send with what has come. `names` are the names in place of the function's own.
pub(super) fn compare(
    ours: Vec<Ours>,
    theirs: Vec<Message>,
    violations: Vec<String>,
    names: &[(String, String)],
) -> Comparison {
    let partners = pair(&ours, &theirs);
    let pairs: Vec<Pair<'_>> = ours
        .iter()
        .zip(&partners)
        .filter_map(|(ours, at)| {
            Some(Pair {
                side: ours.side,
                ours: &ours.message,
                theirs: &theirs[(*at)?],
            })
        })
        .collect();
    let of = |side| pairs.iter().filter(|pair| pair.side == side).count();
    let taken: BTreeSet<usize> = partners.iter().flatten().copied().collect();
    let surplus = theirs.iter().enumerate();
    let surplus = surplus.filter(|(at, _)| !taken.contains(at));
    let missing = ours.iter().zip(&partners).filter(|(_, at)| at.is_none());
    let calls = partners.chunks(2);
    let mut comparison = Comparison {
        compared: [of(Side::Request), of(Side::Response)],
        missing: missing
            .map(|(ours, _)| format!("the {} of {}", ours.side.name(), describe(&ours.message)))
            .collect(),
        surplus: surplus.map(|(_, message)| describe(message)).collect(),
        early: calls
            .filter(|call| matches!(call, [Some(request), Some(response)] if response < request))
            .count(),
        violations,
        renamed: renamed(&pairs, names),
        findings: Vec::new(),
    };
    let mut findings = Findings::default();
    let id = named(names, "X-Request-Id");
    for pair in &pairs {
        findings.add_pair(pair, &comparison.renamed, names, id);
    }
    comparison.findings = findings.0.into_values().collect();
    comparison
}

struct Pair<'a> {
    side: Side,
    ours: &'a Message,
    theirs: &'a Message,
}

/// Headers of ours that the other side never sends, while it sends another with just these values.
fn renamed(pairs: &[Pair<'_>], names: &[(String, String)]) -> Vec<(&'static str, String)> {
    let mut renamed: Vec<(&'static str, String)> = Vec::new();
    for own in NAMED_HEADERS {
        let name = named(names, own);
        let with: Vec<&Pair<'_>> = pairs
            .iter()
            .filter(|pair| pair.ours.header(name).is_some())
            .collect();
        let Some(first) = with.first() else { continue };
        if with.iter().any(|pair| pair.theirs.header(name).is_some()) {
            continue;
        }
        let is_other = |other: &str| {
            first.ours.header(other).is_none()
                && !renamed
                    .iter()
                    .any(|(_, taken)| taken.eq_ignore_ascii_case(other))
                && match own {
                    "X-Request-Id" => is_id(&with, other),
                    _ => with
                        .iter()
                        .all(|pair| pair.theirs.header(other) == pair.ours.header(name)),
                }
        };
        // Of several that have the values, the one whose name has most words in common.
        let others = first.theirs.headers.iter().map(|(other, _)| other.as_str());
        let others = others.filter(|other| is_other(other)).rev();
        if let Some(other) = others.max_by_key(|other| common_words(name, other)) {
            renamed.push((own, other.to_string()));
        }
    }
    renamed
}

/// Whether a header tells which request and which response belong together: each value stands in one of each.
fn is_id(pairs: &[&Pair<'_>], name: &str) -> bool {
    let values = |side: Side| -> Option<BTreeSet<&[u8]>> {
        let of_side = pairs.iter().filter(|pair| pair.side == side);
        let mut values = BTreeSet::new();
        for pair in of_side {
            if !values.insert(pair.theirs.header(name)?) {
                return None;
            }
        }
        Some(values)
    };
    let requests = values(Side::Request);
    requests.is_some() && requests == values(Side::Response)
}

fn common_words(a: &str, b: &str) -> usize {
    let words = |name: &str| -> BTreeSet<String> {
        name.to_ascii_lowercase()
            .split('-')
            .map(str::to_string)
            .collect()
    };
    words(a).intersection(&words(b)).count()
}

#[derive(Default)]
struct Findings(BTreeMap<(Side, What, String), Finding>);

impl Findings {
    fn add(
        &mut self,
        side: Side,
        what: What,
        name: &str,
        ours: Option<&str>,
        theirs: Option<&str>,
    ) {
        let theirs = theirs.map(str::to_string);
        let key = (side, what, name.to_string());
        let finding = self.0.entry(key).or_insert_with(|| Finding {
            side,
            what,
            name: name.to_string(),
            count: 0,
            ours: ours.map(str::to_string),
            theirs: theirs.clone(),
            is_constant: true,
        });
        finding.count += 1;
        finding.is_constant &= finding.theirs == theirs;
    }

    fn add_pair(
        &mut self,
        pair: &Pair<'_>,
        renamed: &[(&'static str, String)],
        names: &[(String, String)],
        id: &str,
    ) {
        let Pair { side, ours, theirs } = *pair;
        if ours.method != theirs.method {
            self.add(
                side,
                What::Method,
                "",
                Some(&ours.method),
                Some(&theirs.method),
            );
        }
        if ours.target != theirs.target {
            self.add(
                side,
                What::Target,
                "",
                Some(&ours.target),
                Some(&theirs.target),
            );
        }
        // What the other side's names are among ours.
        let our_name = |other: &str| {
            let own = renamed
                .iter()
                .find(|(_, known)| known.eq_ignore_ascii_case(other));
            own.map_or_else(
                || other.to_string(),
                |(own, _)| named(names, own).to_string(),
            )
        };
        let mut rest: Vec<(String, &str, &[u8])> = theirs
            .headers
            .iter()
            .map(|(name, value)| (our_name(name), name.as_str(), &value[..]))
            .collect();
        let all: Vec<String> = rest
            .iter()
            .map(|(name, ..)| name.to_ascii_lowercase())
            .collect();
        let is_same_body = ours.body == theirs.body;
        let mut common = Vec::new();
        for (name, value) in &ours.headers {
            let value = String::from_utf8_lossy(value);
            let at = rest
                .iter()
                .position(|(other, ..)| other.eq_ignore_ascii_case(name));
            let Some(at) = at else {
                self.add(side, What::Absent, name, Some(&value), None);
                continue;
            };
            let (mapped, raw, other) = rest.remove(at);
            common.push(name.to_ascii_lowercase());
            let other = String::from_utf8_lossy(other);
            if mapped != raw {
                self.add(side, What::Renamed, name, None, Some(raw));
            } else if raw != name {
                self.add(side, What::Case, name, None, Some(raw));
            }
            // An id is another one for each forwarder, and a length follows from its body.
            let is_compared = name != id && (is_same_body || name != "Content-Length");
            if is_compared && other != value {
                self.add(side, What::Value, name, Some(&value), Some(&other));
            }
        }
        for (_, raw, value) in rest {
            let value = String::from_utf8_lossy(value);
            self.add(side, What::Added, raw, None, Some(&value));
        }
        let mut seen = BTreeSet::new();
        let order: Vec<&String> = all
            .iter()
            .filter(|name| common.contains(name) && seen.insert(*name))
            .collect();
        if order.iter().copied().ne(common.iter()) {
            let join = |names: &[String]| names.join(", ");
            let order: Vec<String> = order.into_iter().cloned().collect();
            self.add(side, What::Order, &join(&order), Some(&join(&common)), None);
        }
        self.add_body(pair);
    }

    fn add_body(&mut self, pair: &Pair<'_>) {
        let Pair { side, ours, theirs } = *pair;
        let text = String::from_utf8_lossy(&theirs.body);
        match (ours.body.is_empty(), theirs.body.is_empty()) {
            (true, true) => return,
            (true, false) => return self.add(side, What::BodyAdded, "", None, Some(&text)),
            (false, true) => return self.add(side, What::BodyAbsent, "", None, None),
            (false, false) => {}
        }
        let Ok(Value::Object(wanted)) = serde_json::from_slice(&ours.body) else {
            return;
        };
        let Ok(Value::Object(found)) = serde_json::from_slice(&theirs.body) else {
            return self.add(side, What::BodyType, "", None, Some(&text));
        };
        for (name, wanted) in &wanted {
            let ours = wanted.to_string();
            let Some(found) = found.get(name) else {
                self.add(side, What::FieldAbsent, name, Some(&ours), None);
                continue;
            };
            let theirs = found.to_string();
            if kind(wanted) != kind(found) {
                self.add(side, What::FieldType, name, Some(&ours), Some(&theirs));
            } else if wanted != found && !is_id_or_time(name) {
                self.add(side, What::FieldValue, name, Some(&ours), Some(&theirs));
            }
        }
        for (name, found) in found.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
            self.add(side, What::FieldAdded, name, None, Some(&found.to_string()));
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Values that each forwarder may make for itself.
fn is_id_or_time(name: &str) -> bool {
    name == "requestId" || name == "requestTimeEpoch"
}

fn describe(message: &Message) -> String {
    let host = message.text_header("Host").unwrap_or_default();
    format!("{} {host} {}", message.method, message.target)
}

impl Comparison {
    /// Whether nothing differs.
    pub(super) fn is_same(&self) -> bool {
        let lists = [&self.missing, &self.surplus, &self.violations];
        self.findings.is_empty() && self.early == 0 && lists.iter().all(|list| list.is_empty())
    }

    pub(super) fn of(&self, side: Side) -> usize {
        self.compared[usize::from(side == Side::Response)]
    }

    /// Headers that all messages of both sides have beside ours, with one value.
    pub(super) fn added_everywhere(&self) -> impl Iterator<Item = (&str, &str)> {
        let added = move |side: Side| {
            self.findings.iter().filter(move |finding| {
                finding.side == side
                    && finding.what == What::Added
                    && finding.is_constant
                    && finding.count == self.of(side)
            })
        };
        added(Side::Request).filter_map(move |request| {
            let mut responses = added(Side::Response);
            let is_same = |other: &&Finding| {
                other.name.eq_ignore_ascii_case(&request.name) && other.theirs == request.theirs
            };
            responses.find(is_same)?;
            Some((request.name.as_str(), request.theirs.as_deref()?))
        })
    }
}
