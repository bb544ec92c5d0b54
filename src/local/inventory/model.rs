//! The inventory itself: what `inventory` writes, and `diff` reads again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The version of the JSON document. Another one is refused.
pub const VERSION: u32 = 1;

/// The host of calls to hosts that are too many to be told apart.
pub const OTHER_HOSTS: &str = "*";

/// The endpoints that a log tells of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// [`VERSION`].
    pub version: u32,
    /// Lines that were read.
    pub lines: u64,
    /// Of them, those that are calls. Each is counted at one endpoint.
    pub calls: u64,
    /// Of the lines, those that are none, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// The time of the first call, in Unix milliseconds.
    pub first: Option<i64>,
    /// The time of the last call, in Unix milliseconds.
    pub last: Option<i64>,
    /// The endpoints, sorted by host, path and method.
    pub endpoints: Vec<Endpoint>,
    /// What limits did to the result, in sentences for a person; empty for nearly every log.
    pub limits: Vec<String>,
}

impl Inventory {
    /// Whether it was made with a specification.
    #[must_use]
    pub fn has_specification(&self) -> bool {
        self.endpoints.iter().any(|one| one.documented.is_some())
    }

    /// The hosts, each once and sorted. Of an operation that nobody called, nothing may tell the host.
    pub(crate) fn named_hosts(&self) -> BTreeSet<&str> {
        let hosts = self.endpoints.iter().map(|one| one.host.as_str());
        hosts.filter(|host| !host.is_empty()).collect()
    }
}

/// A host, a path template and a method.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// The host, in lower case.
    pub host: String,
    /// The path's template, such as `/pets/{id}`. Literal segments are percent-encoded as in a URL.
    pub path: String,
    /// The method.
    pub method: String,
    /// Where the template is from.
    pub source: Source,
    /// Whether the specification has it; absent where there is no specification. An operation that the specification
    /// has and nobody called stands here too, with no [`Self::calls`]; its host is empty where nothing tells it, its
    /// method is `ANY` where it takes any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documented: Option<bool>,
    /// The greedy template, such as `/files/{proxy+}`, that was all of the specification or of the gateway's routes
    /// that matched. [`Self::path`] was learned below it, and `documented` is `false` where it is the specification's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// The template's places, in their order.
    pub parameters: Vec<Parameter>,
    /// Calls altogether.
    pub calls: u64,
    /// Calls by status.
    pub statuses: Statuses,
    /// The response's latencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// The time of the first call, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    /// The time of the last call, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
    /// The time of the first call that was answered 2xx, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_success: Option<i64>,
    /// The time of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<i64>,
    /// Why Wallarm would not show it, by its published rules; absent where it would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<String>,
}

/// Where a path's template is from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A specification has it.
    Specification,
    /// The gateway logged the resource or the route that it matched.
    Route,
    /// It was learned from the paths that were called.
    #[default]
    Learned,
}

/// A place of a template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Its name in the template, without the braces.
    pub name: String,
    /// What its values look like, such as `integer` or `uuid`; `text` where they have no shape in common.
    pub shape: String,
    /// How many different values it had, where it was learned; absent where they are more than the learner counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<u64>,
}

/// Calls by class of status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statuses {
    /// 200 to 299.
    #[serde(rename = "2xx")]
    pub success: u64,
    /// 300 to 399.
    #[serde(rename = "3xx")]
    pub redirection: u64,
    /// 400 to 499.
    #[serde(rename = "4xx")]
    pub client_error: u64,
    /// 500 to 599.
    #[serde(rename = "5xx")]
    pub server_error: u64,
    /// Another status, or none.
    pub other: u64,
}

/// What is known of latencies, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// How many there are.
    pub count: u64,
    /// The mean, rounded.
    pub mean: u64,
    /// The median, to 1 %.
    pub p50: u64,
    /// The 95th percentile, to 1 %.
    pub p95: u64,
    /// The 99th percentile, to 1 %.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

/// What is before the first place of a template, the name of that, and what is behind it. A place does not reach over a
/// slash.
pub(crate) fn split_place(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find('{')?;
        let inner = &text[start + 1..];
        let end = inner.find(['{', '}', '/'])?;
        if inner[end..].starts_with('}') {
            return Some((&text[..start], &inner[..end], &inner[end + 1..]));
        }
        from = start + 1;
    }
}
