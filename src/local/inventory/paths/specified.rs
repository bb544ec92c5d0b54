//! The templates of a specification, and which of them were called.

use std::collections::BTreeMap;

use super::{
    Found,
    known::{Known, Match},
    names::{self, Segments},
    stats::{Stats, is_refusal},
};
use crate::{
    local::{
        calls::Call,
        inventory::{
            model::{Endpoint, Source},
            spec::{Operation, Specification},
        },
    },
    record,
};

/// How well a template matches, the least best: it is greedy, lacks the method, is of no host, begins behind the first
/// segment, and had its stage taken off.
type Rank = (bool, bool, bool, bool, bool);

#[derive(Debug)]
pub(super) struct Specified {
    templates: Vec<Template>,
    known: Known,
    /// Without the stage that those of an API's own domain begin with: a custom domain's paths have none.
    without_stage: Known,
    /// What stands in the paths that were called before the templates that are of no host, such as the stage.
    before: Before,
}

#[derive(Debug, Default)]
enum Before {
    #[default]
    Unknown,
    Always(Box<[u8]>),
    Several,
}

#[derive(Debug)]
struct Template {
    host: Option<String>,
    is_own_domain: bool,
    path: String,
    /// Whether not all of its segments are places.
    has_word: bool,
    /// With whether they were called. `None`: any.
    methods: Vec<(Option<String>, bool)>,
}

/// What a call matches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Specific<'a> {
    pub(super) template: &'a str,
    pub(super) is_greedy: bool,
    pub(super) has_method: bool,
    /// Bytes of the path before the template.
    before: usize,
    /// Of a greedy one: its segments before those that it takes.
    greedy_from: usize,
}

impl Specific<'_> {
    /// Writes the template after what stands before it, and a greedy one with the rest of the path.
    pub(super) fn path(&self, path: &[u8], out: &mut Vec<u8>) {
        out.clear();
        let encode = |out: &mut Vec<u8>, text: &[u8]| {
            for &byte in text {
                match byte {
                    b'{' => out.extend_from_slice(b"%7B"),
                    b'}' => out.extend_from_slice(b"%7D"),
                    _ => out.push(byte),
                }
            }
        };
        let (before, rest) = path.split_at(self.before.min(path.len()));
        encode(out, before);
        if !self.is_greedy {
            out.extend_from_slice(self.template.as_bytes());
            return;
        }
        let fixed = self.template.rfind('/').unwrap_or(0);
        out.extend_from_slice(&self.template.as_bytes()[..fixed]);
        let slashes = (0..rest.len()).filter(|at| rest[*at] == b'/');
        if let Some(at) = slashes.into_iter().nth(self.greedy_from) {
            encode(out, &rest[at..]);
        }
    }
}

/// A path without its first segment.
fn without_first(path: &str) -> &str {
    path[1..].find('/').map_or("/", |at| &path[1 + at..])
}

impl Specified {
    pub(super) fn new(specification: Specification) -> Self {
        let mut by_path: BTreeMap<_, Vec<(Option<String>, bool)>> = BTreeMap::new();
        for Operation { host, method, path } in specification.operations {
            let methods = by_path.entry((host, path)).or_default();
            if !methods.iter().any(|(own, _)| *own == method) {
                methods.push((method, false));
            }
        }
        let mut own = Self {
            templates: Vec::new(),
            known: Known::default(),
            without_stage: Known::default(),
            before: Before::default(),
        };
        for ((host, path), methods) in by_path {
            let number = own.templates.len();
            let is_own_domain = host.as_deref().is_some_and(record::is_own_domain);
            own.known.insert(path.as_bytes(), number);
            if is_own_domain {
                let path = without_first(&path).as_bytes();
                own.without_stage.insert(path, number);
            }
            let has_word = path
                .split('/')
                .any(|part| !part.is_empty() && !part.starts_with('{'));
            own.templates.push(Template {
                host,
                is_own_domain,
                path,
                has_word,
                methods,
            });
        }
        own
    }

    /// The template that comes first, which is noted as called.
    pub(super) fn find(
        &mut self,
        call: &Call<'_>,
        path: &[u8],
        is_own_domain: bool,
    ) -> Option<Specific<'_>> {
        let stage = path
            .iter()
            .skip(1)
            .position(|byte| *byte == b'/')
            .map_or(path.len(), |at| at + 1);
        // Nothing tells a base path but calls that reached something.
        let is_doubtful = is_refusal(call.status);
        let mut best: Option<(Rank, Match, usize)> = None;
        for before in [0, stage] {
            let rest: &[u8] = if before == path.len() {
                b"/"
            } else {
                &path[before..]
            };
            if before > 0 && is_doubtful && !is_own_domain {
                continue;
            }
            for (known, is_without) in [(&self.known, false), (&self.without_stage, true)] {
                if is_without && is_own_domain {
                    continue;
                }
                known.find(rest, &mut |found| {
                    let template = &self.templates[found.template];
                    let is_same = template.host.as_deref() == Some(call.host);
                    let is_here = match &template.host {
                        None => true,
                        Some(_) if is_same => before == 0,
                        // The stage of an API has its domain, and others that are mapped to it.
                        Some(_) => template.is_own_domain && !is_own_domain && is_without,
                    };
                    // Behind any first segment, a template of parameters alone would take what is another's.
                    if !is_here
                        || before > 0
                            && !is_own_domain
                            && (!template.has_word || found.greedy_from.is_some())
                    {
                        return false;
                    }
                    let has_method = template.methods.iter().any(|(method, _)| {
                        method.as_deref().is_none_or(|method| method == call.method)
                    });
                    let rank = (
                        found.greedy_from.is_some(),
                        !has_method,
                        !is_same,
                        before > 0,
                        is_without,
                    );
                    if best.as_ref().is_none_or(|(other, ..)| rank < *other) {
                        best = Some((rank, found, before));
                    }
                    found.greedy_from.is_none() && has_method && is_same
                });
            }
        }
        let ((is_greedy, lacks_method, _, _, is_without), found, before) = best?;
        let template = &mut self.templates[found.template];
        if template.host.is_none() && !is_doubtful {
            match &self.before {
                Before::Unknown => self.before = Before::Always(path[..before].into()),
                Before::Always(own) if **own != path[..before] => self.before = Before::Several,
                _ => {}
            }
        }
        for (method, is_called) in &mut template.methods {
            *is_called |= method.as_deref().is_none_or(|method| method == call.method);
        }
        let template = if is_without {
            without_first(&template.path)
        } else {
            &template.path
        };
        Some(Specific {
            template,
            is_greedy,
            has_method: !lacks_method,
            before,
            greedy_from: found.greedy_from.unwrap_or(0),
        })
    }

    /// Adds the operations that nobody called.
    pub(super) fn unused(&self, found: &mut Found) {
        let only = found.only_host().map(str::to_string);
        for template in &self.templates {
            let host = template
                .host
                .clone()
                .or_else(|| only.clone())
                .unwrap_or_default();
            for (method, is_called) in &template.methods {
                if *is_called {
                    continue;
                }
                // It would be called where the others are.
                let mut path = match &self.before {
                    Before::Always(before) if template.host.is_none() && only.is_some() => {
                        before.to_vec()
                    }
                    _ => Vec::new(),
                };
                if path.is_empty() || template.path != "/" {
                    path.extend_from_slice(template.path.as_bytes());
                }
                let endpoint = Endpoint {
                    source: Source::Specification,
                    documented: Some(true),
                    ..names::endpoint(&host, &Segments::known(&path))
                };
                found.add(
                    endpoint,
                    method.as_deref().unwrap_or("ANY"),
                    &Stats::default(),
                );
            }
        }
    }
}
