//! Templates of paths: from a specification, from the route that the gateway logged, or learned from the paths.

mod known;
mod learn;
mod names;
mod shape;
mod specified;
mod stats;
mod trie;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use super::{
    model::{Endpoint, OTHER_HOSTS, Source},
    spec::Specification,
};
use crate::{local::calls::Call, record};
use known::Known;
use learn::Place;
use names::{Methods, Segments};
pub(super) use shape::decode;
use specified::Specified;
use stats::Stats;
use trie::{Hash, Node, Size, Visit, is_shape};

/// Hosts that are told apart.
const MAX_HOSTS: usize = 1_000;
/// Longer names of hosts and methods are cut.
const MAX_NAME: usize = 255;
/// So few paths that were only ever refused stand by themselves. Of more, as scanners make them, those with the most
/// calls do.
const FEW_REFUSED: usize = 4;
/// The least calls that they have then.
const MANY_REFUSED: u64 = 20;
/// The path of calls whose place is not known.
const ANY_PATH: &str = "/{path+}";

/// Counts calls by endpoint, in bounded memory.
#[derive(Debug, Default)]
pub struct Paths {
    specified: Option<Specified>,
    methods: Methods,
    hosts: HashMap<Box<str>, Box<Host>, Hash>,
    /// The greatest hash of a host that is kept, once they are too many.
    host_limit: Option<u64>,
    other_hosts: BTreeMap<u8, Stats>,
    size: Size,
    filled: Vec<u8>,
}

#[derive(Debug, Default)]
struct Host {
    is_own_domain: bool,
    learned: Node,
    /// What was called below a greedy template, by that template.
    under: BTreeMap<(Source, Box<str>), Node>,
    known: HashMap<Box<[u8]>, Template, Hash>,
}

/// A template that was not learned.
#[derive(Debug)]
struct Template {
    source: Source,
    under: Option<Box<str>>,
    /// By method, with whether the specification has it.
    stats: Vec<(u8, Option<bool>, Stats)>,
}

impl Paths {
    /// Without calls. `specification` has templates that come first.
    #[must_use]
    pub fn new(specification: Option<Specification>) -> Self {
        Self {
            specified: specification.map(Specified::new),
            ..Self::default()
        }
    }

    /// Counts a call.
    pub fn add(&mut self, call: &Call<'_>) {
        let method = self.methods.number(cut(call.method));
        let name = cut(call.host);
        let host = match self.hosts.get_mut(name) {
            Some(host) => host,
            None => {
                self.admit(name);
                let Some(host) = self.hosts.get_mut(name) else {
                    self.other_hosts.entry(method).or_default().count(call);
                    return;
                };
                host
            }
        };
        let is_own_domain = host.is_own_domain;
        let visit = Visit {
            call,
            method,
            path: without_query(call.path),
            has_places: false,
            versions_until: 1 + usize::from(is_own_domain),
        };
        let undeclared = self.specified.is_some().then_some(false);
        let specified = self.specified.as_mut();
        let found = specified.and_then(|own| own.find(call, visit.path, is_own_domain));
        let (declared, greedy) = match found {
            Some(found) if found.is_greedy => (None, Some(found)),
            found => (found, None),
        };
        let route = call.template.filter(|route| route.starts_with(b"/"));
        let known = match (&declared, route) {
            (Some(found), _) => {
                found.path(visit.path, &mut self.filled);
                Some((Source::Specification, Some(found.has_method)))
            }
            (None, Some(route)) => fill_route(&mut self.filled, route, visit.path, is_own_domain)
                .then_some((Source::Route, undeclared)),
            (None, None) => None,
        };
        if let Some((source, documented)) = known {
            let under = greedy.map(|found| found.template);
            let size = &mut self.size;
            if !host.count(&self.filled, source, documented, under, &visit, size) {
                host.learned.add(&visit, size);
            }
        } else {
            let under = match (greedy, route) {
                (Some(found), _) => {
                    // The route may have been written there, which knows less of it.
                    found.path(visit.path, &mut self.filled);
                    Some((Source::Specification, found.template.into()))
                }
                (None, Some(route)) => Some((Source::Route, String::from_utf8_lossy(route).into())),
                (None, None) => None,
            };
            match under {
                Some(under) => {
                    let visit = Visit {
                        path: &self.filled,
                        has_places: true,
                        ..visit
                    };
                    let node = host.under.entry(under).or_default();
                    node.add(&visit, &mut self.size);
                }
                None => host.learned.add(&visit, &mut self.size),
            }
        }
        self.shrink();
    }

    /// Makes room for a host, or not: of too many those stay whose hash is the least, whatever their order.
    fn admit(&mut self, name: &str) {
        let hash = trie::hash(name.as_bytes());
        if self.host_limit.is_some_and(|limit| hash >= limit) {
            return;
        }
        let host = Host {
            is_own_domain: record::is_own_domain(name),
            ..Host::default()
        };
        self.hosts.insert(name.into(), Box::new(host));
        if self.hosts.len() <= MAX_HOSTS {
            return;
        }
        let greatest = self
            .hosts
            .keys()
            .map(|name| (trie::hash(name.as_bytes()), name.clone()))
            .max();
        let Some((hash, greatest)) = greatest else {
            return;
        };
        self.host_limit = Some(hash);
        if let Some(host) = self.hosts.remove(&greatest) {
            let mut count = 0;
            host.each(
                &mut |method, stats| self.other_hosts.entry(method).or_default().add(stats),
                &mut count,
            );
            self.size.nodes = self.size.nodes.saturating_sub(count);
        }
    }

    fn shrink(&mut self) {
        while self.size.is_over() {
            self.size.was_merged = true;
            self.size.shrink();
            for host in self.hosts.values_mut() {
                host.learned.shrink(&mut self.size);
                for node in host.under.values_mut() {
                    node.shrink(&mut self.size);
                }
            }
        }
    }

    /// The endpoints, sorted by host, path and method, and what limits did to them, in sentences. The same calls give
    /// the same, in whatever order they came.
    ///
    /// Operations of the specification that had no call are among them, with no calls.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Endpoint>, Vec<String>) {
        let mut limits = Vec::new();
        if self.size.was_merged {
            limits.push(
                "There were more different paths than are told apart: words in places that have too many were merged."
                    .to_string(),
            );
        }
        if self.methods.are_many() {
            limits.push(format!(
                "There were more than {} methods that HTTP does not define: they stand as one, *.",
                names::MAX_METHODS
            ));
        }
        let has_specification = self.specified.is_some();
        let mut found = Found::default();
        for (name, host) in std::mem::take(&mut self.hosts) {
            host.finish(
                &name,
                has_specification,
                &self.methods,
                &mut self.size,
                &mut found,
            );
        }
        if !self.other_hosts.is_empty() {
            limits.push(format!(
                "There were more than {MAX_HOSTS} hosts: calls to the others stand under the host {OTHER_HOSTS}."
            ));
        }
        for (method, stats) in &self.other_hosts {
            let endpoint = Endpoint {
                documented: has_specification.then_some(false),
                ..names::endpoint(OTHER_HOSTS, &Segments::known(ANY_PATH.as_bytes()))
            };
            found.add(endpoint, self.methods.name(*method), stats);
        }
        if let Some(specified) = &self.specified {
            specified.unused(&mut found);
        }
        (found.into_endpoints(), limits)
    }
}

/// At most so many bytes, whole characters.
fn cut(name: &str) -> &str {
    if name.len() <= MAX_NAME {
        return name;
    }
    let end = (0..=MAX_NAME).rev().find(|end| name.is_char_boundary(*end));
    &name[..end.unwrap_or(0).min(name.len())]
}

/// What of a path comes before its query.
fn without_query(path: &[u8]) -> &[u8] {
    let end = path.iter().position(|byte| matches!(byte, b'?' | b'#'));
    &path[..end.unwrap_or(path.len())]
}

/// Writes a path with the route's template in place of what that stands for. `false`: what a greedy one took in stands
/// there as it was called.
fn fill_route(out: &mut Vec<u8>, route: &[u8], path: &[u8], is_own_domain: bool) -> bool {
    if route == path {
        out.clear();
        out.extend_from_slice(route);
        return true;
    }
    record::fill_template(out, route, path, is_own_domain);
    !route.ends_with(b"+}") || out.ends_with(b"+}")
}

impl Host {
    /// Counts a call at a template that was not learned. `false`: there is no room for another one.
    fn count(
        &mut self,
        path: &[u8],
        source: Source,
        documented: Option<bool>,
        under: Option<&str>,
        visit: &Visit<'_>,
        size: &mut Size,
    ) -> bool {
        let template = match self.known.get_mut(path) {
            Some(template) => template,
            None if size.is_full() => return false,
            None => {
                size.nodes += 1;
                self.known.entry(path.into()).or_insert_with(|| Template {
                    source,
                    under: under.map(Into::into),
                    stats: Vec::new(),
                })
            }
        };
        let stats = template.stats_of(visit.method, documented);
        stats.count(visit.call);
        true
    }

    /// Hands out all that was counted.
    fn each(&self, take: &mut dyn FnMut(u8, &Stats), nodes: &mut usize) {
        for template in self.known.values() {
            *nodes += 1;
            for (method, _, stats) in &template.stats {
                take(*method, stats);
            }
        }
        self.learned.each(take, nodes);
        for node in self.under.values() {
            node.each(take, nodes);
        }
    }

    fn finish(
        self,
        name: &str,
        has_specification: bool,
        methods: &Methods,
        size: &mut Size,
        found: &mut Found,
    ) {
        let place = Place {
            is_stage: self.is_own_domain,
            is_start: true,
        };
        let mut templates: Vec<(Box<[u8]>, Template)> = self.known.into_iter().collect();
        templates.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut known = Known::default();
        for (number, (path, _)) in templates.iter().enumerate() {
            known.insert(path, number);
        }
        let documented = has_specification.then_some(false);
        let under = self.under.into_iter();
        let under = under.map(|(key, node)| (Some(key), node));
        let trees = std::iter::once((None, self.learned)).chain(under);
        for (under, mut tree) in trees {
            let mut refused = Vec::new();
            if tree.real_calls > 0 {
                tree.take_refused(&mut Vec::new(), &mut refused);
            }
            learn::learn(&mut tree, place, size);
            let mut rest = Vec::new();
            for (path, method, stats) in refused {
                let mut at = None;
                known.find(&path.join(&b'/'), &mut |found| {
                    let mut own = templates[found.template].1.stats.iter();
                    let has_method = own.any(|(own, ..)| *own == method);
                    at = at.filter(|_| !has_method).or(Some(found.template));
                    has_method
                });
                if let Some(at) = at {
                    let stats_there = templates[at].1.stats_of(method, documented);
                    stats_there.add(&stats);
                } else if !tree.add_refused(&path, 0, method, &stats) {
                    rest.push((path, method, stats));
                }
            }
            let base = |segments: &Segments| Endpoint {
                documented,
                under: under.as_ref().map(|(_, template)| template.to_string()),
                ..names::endpoint(name, segments)
            };
            tree.emit(&mut Segments::default(), &mut |segments, method, stats| {
                found.add(base(segments), methods.name(method), stats);
            });
            let is_few = rest.len() <= FEW_REFUSED;
            rest.sort_by(|(path, method, stats), (other_path, other, others)| {
                let name = |method: &u8| methods.name(*method);
                others
                    .calls()
                    .cmp(&stats.calls())
                    .then_with(|| (path, name(method)).cmp(&(other_path, name(other))))
            });
            for (at, (path, method, stats)) in rest.into_iter().enumerate() {
                let is_frequent = at < FEW_REFUSED && stats.calls() >= MANY_REFUSED;
                let segments = if is_few || is_frequent {
                    Segments::learned(&path)
                } else {
                    Segments::known(ANY_PATH.as_bytes())
                };
                found.add(base(&segments), methods.name(method), &stats);
            }
        }
        for (path, template) in &templates {
            for (method, documented, stats) in &template.stats {
                let endpoint = Endpoint {
                    source: template.source,
                    documented: *documented,
                    under: template.under.as_deref().map(str::to_string),
                    ..names::endpoint(name, &Segments::known(path))
                };
                found.add(endpoint, methods.name(*method), stats);
            }
        }
    }
}

impl Template {
    fn stats_of(&mut self, method: u8, documented: Option<bool>) -> &mut Stats {
        let at = match self.stats.iter().position(|(own, ..)| *own == method) {
            Some(at) => at,
            None => {
                self.stats.push((method, documented, Stats::default()));
                self.stats.len() - 1
            }
        };
        &mut self.stats[at].2
    }
}

/// A path that was only ever refused, by its segments.
type Refused = (Vec<Vec<u8>>, u8, Box<Stats>);

impl Node {
    fn each(&self, take: &mut dyn FnMut(u8, &Stats), nodes: &mut usize) {
        *nodes += 1;
        for (method, stats) in &self.stats {
            take(*method, stats);
        }
        let merged = [&self.wild, &self.refused].into_iter().flatten();
        for child in self.children.values().chain(merged) {
            child.each(take, nodes);
        }
    }

    /// Takes out what was only ever refused.
    fn take_refused(&mut self, path: &mut Vec<Vec<u8>>, out: &mut Vec<Refused>) {
        if self.real_calls == 0 {
            let all = std::mem::take(&mut self.stats);
            out.extend(
                all.into_iter()
                    .map(|(method, stats)| (path.clone(), method, stats)),
            );
        }
        let mut keys: Vec<_> = self.children.keys().cloned().collect();
        keys.sort();
        for key in keys {
            let Some(child) = self.children.get_mut(&key) else {
                continue;
            };
            path.push(key.to_vec());
            child.take_refused(path, out);
            path.pop();
            if child.real_calls == 0 {
                self.children.remove(&key);
            }
        }
        path.push(b"{text}".to_vec());
        if let Some(wild) = &mut self.wild {
            wild.take_refused(path, out);
            if wild.real_calls == 0 {
                self.wild = None;
            }
        }
        if let Some(mut refused) = self.refused.take() {
            refused.take_refused(path, out);
        }
        path.pop();
    }

    /// Adds the calls of a refused path at the place that it has among those that were learned. `false`: it has none.
    fn add_refused(&mut self, path: &[Vec<u8>], depth: usize, method: u8, stats: &Stats) -> bool {
        let Some((key, rest)) = path.split_first() else {
            let is_called = !self.stats.is_empty();
            if is_called {
                self.stats_of(method).add(stats);
            }
            return is_called;
        };
        let own = self.children.get_mut(&key[..]);
        let mut likely = own.into_iter().chain(&mut self.wild);
        if likely.any(|child| child.add_refused(rest, depth + 1, method, stats)) {
            return true;
        }
        if depth == 0 && !is_shape(key) || key.is_empty() {
            return false;
        }
        let shapes = self.children.iter_mut().filter(|(key, _)| is_shape(key));
        let most = shapes.min_by(|(key, child), (other_key, other)| {
            (other.real_calls, key).cmp(&(child.real_calls, other_key))
        });
        most.is_some_and(|(_, child)| child.add_refused(rest, depth + 1, method, stats))
    }

    /// Hands out each place that was called.
    fn emit(&self, segments: &mut Segments, take: &mut dyn FnMut(&Segments, u8, &Stats)) {
        for (method, stats) in &self.stats {
            take(segments, *method, stats);
        }
        for (key, child) in &self.children {
            segments.push(key, child.values.count());
            child.emit(segments, take);
            segments.pop();
        }
        if let Some(wild) = &self.wild {
            let name = if self.wild_name.is_empty() {
                "text"
            } else {
                self.wild_name
            };
            segments.push(format!("{{{name}}}").as_bytes(), wild.values.count());
            wild.emit(segments, take);
            segments.pop();
        }
        if let Some(refused) = &self.refused {
            segments.push(b"{text}", None);
            refused.emit(segments, take);
            segments.pop();
        }
    }
}

/// Endpoints, each once.
#[derive(Debug, Default)]
struct Found {
    /// By host, path and method.
    endpoints: BTreeMap<(String, String, String), (Endpoint, Stats)>,
}

impl Found {
    fn add(&mut self, mut endpoint: Endpoint, method: &str, stats: &Stats) {
        endpoint.method = method.to_string();
        let key = (
            endpoint.host.clone(),
            endpoint.path.clone(),
            endpoint.method.clone(),
        );
        let (one, all) = self
            .endpoints
            .entry(key)
            .or_insert_with(|| (endpoint.clone(), Stats::default()));
        // What is told by more stands, in whatever order they come.
        let rank = |endpoint: &Endpoint| {
            (
                endpoint.source,
                endpoint.documented != Some(true),
                endpoint.under.clone(),
            )
        };
        if rank(&endpoint) < rank(one) {
            *one = endpoint;
        }
        all.add(stats);
    }

    /// The host, where all are of one.
    fn only_host(&self) -> Option<&str> {
        let ((first, ..), _) = self.endpoints.first_key_value()?;
        let ((last, ..), _) = self.endpoints.last_key_value()?;
        (first == last).then_some(first)
    }

    fn into_endpoints(self) -> Vec<Endpoint> {
        let filled = self.endpoints.into_values().map(|(mut endpoint, stats)| {
            let [span, success] = stats.times();
            endpoint.calls = stats.calls();
            endpoint.statuses = stats.statuses;
            endpoint.latency = stats.latency();
            (endpoint.first, endpoint.last) = span.unzip();
            (endpoint.first_success, endpoint.last_success) = success.unzip();
            endpoint
        });
        filled.collect()
    }
}
