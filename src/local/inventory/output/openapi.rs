//! The inventory as OpenAPI 3.1, one document a host.
//!
//! A document has what a log tells, and no more: paths with their places, methods, classes of status, and counts as
//! extensions (`x-calls`, `x-latency`, `x-first`, `x-last`, `x-source`). Bodies, queries and authentication are for a
//! person to add. The types are our own: what is written is a small part of OpenAPI, and a crate with all of it would
//! take longer to build than this whole tool.
//!
//! OpenAPI can't have everything that a log has:
//!
//! - Templates that differ only by the names of their places are one path. They are merged, with both shapes in the
//!   schema, and `x-templates` has them as they were.
//! - Only eight methods are operations. Others, such as PROPFIND, stand in the path's `x-methods`. Where a specification
//!   takes any method and nobody called it, it stands as API Gateway has it, in `x-amazon-apigateway-any-method`.
//! - Nothing stands for several segments. `{proxy+}` becomes `{proxy}`, with `x-greedy`, and says so in its description.
//! - Calls to hosts that were too many to be told apart have no server.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    io::Write,
};

use serde::Serialize;

use super::{
    json,
    text::{grouped, moment},
};
use crate::local::{
    error::{CommandError, printing},
    escape::terminal as visible,
    inventory::model::{Endpoint, Inventory, Latency, OTHER_HOSTS, Source},
};

mod template;

use template::{Place, Template};

/// An operation's identifier is cut here. Behind it, a number tells those apart that have the same.
const LONGEST_ID: usize = 100;

#[derive(Serialize)]
struct Document {
    openapi: &'static str,
    info: Info,
    #[serde(skip_serializing_if = "Option::is_none")]
    servers: Option<[Server; 1]>,
    paths: BTreeMap<String, PathItem>,
}

#[derive(Serialize)]
struct Info {
    title: String,
    description: String,
    version: &'static str,
}

#[derive(Serialize)]
struct Server {
    url: String,
}

#[derive(Default, Serialize)]
struct PathItem {
    #[serde(flatten)]
    operations: BTreeMap<&'static str, Operation>,
    #[serde(
        rename = "x-amazon-apigateway-any-method",
        skip_serializing_if = "Option::is_none"
    )]
    any: Option<Operation>,
    #[serde(rename = "x-methods", skip_serializing_if = "BTreeMap::is_empty")]
    methods: BTreeMap<String, Operation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    operation_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<Parameter>,
    responses: BTreeMap<&'static str, Response>,
    #[serde(rename = "x-calls")]
    calls: u64,
    #[serde(rename = "x-latency", skip_serializing_if = "Option::is_none")]
    latency: Option<Latency>,
    #[serde(rename = "x-first", skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(rename = "x-last", skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    #[serde(rename = "x-source")]
    source: Source,
    /// Whether the specification has it, where there is one.
    #[serde(rename = "x-documented", skip_serializing_if = "Option::is_none")]
    documented: Option<bool>,
    /// The greedy template that was all that matched.
    #[serde(rename = "x-under", skip_serializing_if = "Option::is_none")]
    under: Option<String>,
    #[serde(rename = "x-templates", skip_serializing_if = "BTreeSet::is_empty")]
    templates: BTreeSet<String>,
}

#[derive(Serialize)]
struct Parameter {
    name: String,
    #[serde(rename = "in")]
    location: &'static str,
    required: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    schema: Schema,
    #[serde(rename = "x-greedy", skip_serializing_if = "std::ops::Not::not")]
    is_greedy: bool,
}

#[derive(Serialize, PartialEq, Eq)]
#[serde(untagged)]
enum Schema {
    One {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        format: Option<&'static str>,
    },
    Any {
        #[serde(rename = "anyOf")]
        schemas: Vec<Self>,
    },
}

#[derive(Serialize)]
struct Response {
    description: String,
}

/// Writes the document of `host`, which has endpoints in `inventory`.
///
/// # Errors
///
/// Returns the error of `out`.
pub fn write(inventory: &Inventory, host: &str, out: &mut dyn Write) -> Result<(), CommandError> {
    json::pretty(&document(inventory, host), out).map_err(printing)
}

/// The methods of a host that OpenAPI 3.1 has no operation for, which stand in `x-methods`.
#[must_use]
pub fn unusual_methods<'a>(inventory: &'a Inventory, host: &str) -> BTreeSet<&'a str> {
    let endpoints = inventory.endpoints.iter();
    endpoints
        .filter(|endpoint| endpoint.host == host && !is_any(endpoint))
        .map(|endpoint| endpoint.method.as_str())
        .filter(|method| operation_name(method).is_none())
        .collect()
}

/// Whether it is of a specification that takes any method for it. A call whose method was ANY is none such.
fn is_any(endpoint: &Endpoint) -> bool {
    endpoint.method == "ANY" && endpoint.calls == 0
}

/// A method's name in a path of OpenAPI.
fn operation_name(method: &str) -> Option<&'static str> {
    Some(match method {
        "DELETE" => "delete",
        "GET" => "get",
        "HEAD" => "head",
        "OPTIONS" => "options",
        "PATCH" => "patch",
        "POST" => "post",
        "PUT" => "put",
        "TRACE" => "trace",
        _ => return None,
    })
}

fn document(inventory: &Inventory, host: &str) -> Document {
    let endpoints: Vec<&Endpoint> = inventory
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.host == host)
        .collect();
    let stage = common_stage(host, &endpoints);
    // By what OpenAPI takes for one path, and by method.
    let mut groups: BTreeMap<String, BTreeMap<&str, Vec<Merged<'_>>>> = BTreeMap::new();
    for endpoint in &endpoints {
        let path = endpoint.path.strip_prefix(stage).unwrap_or(&endpoint.path);
        let template = Template::new(path);
        let methods = groups.entry(template.key.clone()).or_default();
        let same = methods.entry(&endpoint.method).or_default();
        same.push(Merged { endpoint, template });
    }
    let mut ids = Ids::default();
    let mut paths = BTreeMap::new();
    for methods in groups.into_values() {
        // The names of the first template, in the inventory's order, are those of the path.
        let Some(first) = methods
            .values()
            .flatten()
            .map(|merged| &merged.template)
            .min_by_key(|template| &template.path)
            .cloned()
        else {
            continue;
        };
        let mut item = PathItem::default();
        for (method, same) in &methods {
            let operation = operation(&first, &same[..], ids.unique(method, &first.path));
            match operation_name(method) {
                None if same.iter().all(|merged| is_any(merged.endpoint)) => {
                    item.any = Some(operation);
                }
                Some(name) => _ = item.operations.insert(name, operation),
                None => _ = item.methods.insert((*method).into(), operation),
            }
        }
        paths.insert(first.path, item);
    }
    // A host is a stranger's text too, and braces in a server's address would be its variables.
    let authority = Template::new(&host.replace(['{', '}'], "_")).path;
    let authority = authority.trim_start_matches('/');
    let has_server = host != OTHER_HOSTS;
    let calls = endpoints
        .iter()
        .map(|endpoint| endpoint.calls)
        .fold(0, u64::saturating_add);
    Document {
        openapi: "3.1.0",
        info: Info {
            title: match has_server {
                true => authority.into(),
                false => "Other hosts".into(),
            },
            description: format!(
                "What an access log tells of this host: {}. Made by cw-resend {}. Bodies, queries and authentication \
                 are not in such a log.",
                counted(calls, "call"),
                env!("CARGO_PKG_VERSION")
            ),
            // It says nothing: a log does not tell the API's version.
            version: "0",
        },
        servers: has_server.then(|| {
            [Server {
                url: format!("https://{authority}{}", Template::new(stage).path)
                    .trim_end_matches('/')
                    .into(),
            }]
        }),
        paths,
    }
}

/// An endpoint, and its template in the document.
struct Merged<'a> {
    endpoint: &'a Endpoint,
    template: Template,
}

/// On API Gateway's own domains, the stage that all paths begin with, such as `/prod`; else nothing. It belongs to the
/// server's address.
fn common_stage<'a>(host: &str, endpoints: &[&'a Endpoint]) -> &'a str {
    let stage = |endpoint: &&'a Endpoint| {
        let path = endpoint.path.strip_prefix('/')?;
        let (stage, _) = path.split_once('/')?;
        let is_literal = !stage.is_empty() && !stage.contains('{');
        is_literal.then(|| &endpoint.path[..=stage.len()])
    };
    let first = match endpoints {
        [first, ..] if host.contains(".execute-api.") => stage(first),
        _ => None,
    };
    first
        .filter(|_| endpoints.iter().all(|endpoint| stage(endpoint) == first))
        .unwrap_or("")
}

/// An operation of endpoints that are one for OpenAPI. `path` has the names of its places.
fn operation(path: &Template, same: &[Merged<'_>], operation_id: String) -> Operation {
    let endpoints = || same.iter().map(|merged| merged.endpoint);
    let sum = |count: fn(&Endpoint) -> u64| endpoints().map(count).fold(0, u64::saturating_add);
    let calls = sum(|endpoint| endpoint.calls);
    let counts = [
        ("2XX", sum(|endpoint| endpoint.statuses.success)),
        ("3XX", sum(|endpoint| endpoint.statuses.redirection)),
        ("4XX", sum(|endpoint| endpoint.statuses.client_error)),
        ("5XX", sum(|endpoint| endpoint.statuses.server_error)),
        ("default", sum(|endpoint| endpoint.statuses.other)),
    ];
    let mut responses: BTreeMap<&str, Response> = BTreeMap::new();
    for (class, n) in counts.into_iter().filter(|&(_, n)| n > 0) {
        let description = format!("{} of {}", grouped(n), counted(calls, "call"));
        responses.insert(class, Response { description });
    }
    if responses.is_empty() {
        let description = "Not known from the log".into();
        responses.insert("default", Response { description });
    }
    let latency = match same {
        // Percentiles can't be added up.
        [merged] => merged.endpoint.latency,
        _ => None,
    };
    let renamed = same.iter().any(|merged| merged.template.path != path.path);
    Operation {
        operation_id,
        description: described(latency),
        parameters: path
            .places
            .iter()
            .enumerate()
            .map(|(at, place)| parameter(place, at, same))
            .collect(),
        responses,
        calls,
        latency,
        first: endpoints()
            .filter_map(|endpoint| endpoint.first)
            .min()
            .and_then(moment)
            .map(|first| first.iso),
        last: endpoints()
            .filter_map(|endpoint| endpoint.last)
            .max()
            .and_then(moment)
            .map(|last| last.iso),
        // The least sure one.
        source: endpoints()
            .map(|endpoint| endpoint.source)
            .max()
            .unwrap_or_default(),
        // One that is declared is, whatever else is one with it for OpenAPI.
        documented: endpoints().filter_map(|endpoint| endpoint.documented).max(),
        under: endpoints().find_map(|endpoint| {
            let template = endpoint.under.as_deref()?;
            Some(visible(template).into_owned())
        }),
        templates: match renamed {
            true => endpoints().map(|endpoint| endpoint.path.clone()).collect(),
            false => BTreeSet::new(),
        },
    }
}

/// Latencies in words, since viewers show no extensions.
fn described(latency: Option<Latency>) -> String {
    match latency {
        Some(Latency {
            p50, p95, p99, max, ..
        }) => format!(
            "Latency: p50 {} ms, p95 {} ms, p99 {} ms, at most {} ms",
            grouped(p50),
            grouped(p95),
            grouped(p99),
            grouped(max)
        ),
        None => String::new(),
    }
}

/// The parameter for a place. `at` is its place in the templates of all endpoints that are merged.
fn parameter(place: &Place, at: usize, same: &[Merged<'_>]) -> Parameter {
    let mut shapes = BTreeSet::new();
    let mut values = None;
    let mut is_greedy = false;
    for merged in same {
        let own = &merged.template.places[at];
        is_greedy |= own.is_greedy;
        let parameters = &merged.endpoint.parameters;
        let known = parameters
            .get(at)
            .filter(|known| known.name == own.name)
            .or_else(|| parameters.iter().find(|known| known.name == own.name));
        shapes.insert(known.map_or("text", |known| known.shape.as_str()));
        values = values.max(known.and_then(|known| known.values));
    }
    let mut schemas = Vec::new();
    for shape in &shapes {
        let schema = schema(shape);
        if !schemas.contains(&schema) {
            schemas.push(schema);
        }
    }
    let mut description: Vec<String> = shapes
        .iter()
        .filter(|&&shape| shape != "text" && shape != "path")
        .map(|shape| visible(shape).into_owned())
        .collect();
    if let Some(values) = values {
        description.push(counted(values, "value"));
    }
    if is_greedy {
        description.push("one or more segments, which OpenAPI has no place for".into());
    }
    Parameter {
        name: place.unique.clone(),
        location: "path",
        required: true,
        description: description.join(", "),
        schema: match schemas.len() {
            1 => schemas.remove(0),
            _ => Schema::Any { schemas },
        },
        is_greedy,
    }
}

/// The schema of a shape. A format of JSON Schema is named only where each value of the shape has it: a date may be
/// `2024-01` or `31.01.2024`, a time `12:30`, and an address may have a port.
fn schema(shape: &str) -> Schema {
    let (kind, format) = match shape {
        "integer" => ("integer", None),
        "number" => ("number", None),
        "uuid" => ("string", Some("uuid")),
        "email" => ("string", Some("email")),
        _ => ("string", None),
    };
    Schema::One { kind, format }
}

/// `1 call`, `2,000 calls`
fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// Identifiers of operations, each of which is given once.
#[derive(Default)]
struct Ids {
    given: HashSet<String>,
    /// How often a beginning was asked for, so that a thousand of the same are not a million comparisons.
    asked: HashMap<String, usize>,
}

impl Ids {
    /// `getPetsById` for `GET /pets/{id}`.
    fn unique(&mut self, method: &str, path: &str) -> String {
        let mut id: String = method
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let mut is_next = true;
        for c in path.chars() {
            match c {
                '{' => {
                    id.push_str("By");
                    is_next = true;
                }
                _ if !c.is_ascii_alphanumeric() => is_next = true,
                _ if is_next => {
                    id.push(c.to_ascii_uppercase());
                    is_next = false;
                }
                _ => id.push(c),
            }
        }
        // All of it is ASCII.
        id.truncate(LONGEST_ID);
        let asked = self.asked.entry(id.clone()).or_default();
        loop {
            *asked += 1;
            let unique = match *asked {
                1 => id.clone(),
                n => format!("{id}_{n}"),
            };
            if self.given.insert(unique.clone()) {
                return unique;
            }
        }
    }
}

#[cfg(test)]
mod tests;
