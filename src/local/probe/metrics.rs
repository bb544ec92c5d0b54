//! The Node's published metrics, in Prometheus' text format, and what they say of two messages.
//!
//! Wallarm documents their names in "Metrics of the Native Node" (docs/latest/admin-en/native-node-metrics-gonode.md of
//! wallarm/product-documentation), for `/metrics` at port 9000. What stands before `_http_connector_server_` is the
//! setting `metrics.namespace`.

use std::{collections::BTreeMap, time::Duration};

use ureq::Agent;

use super::steps::{Step, Verdict};
use crate::local::escape::terminal;

/// The longest page that is read, in bytes.
const MAX_PAGE: u64 = 16 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);

const SEEN: &str = "messages_seen_total";
const PROCESSED: &str = "messages_processed_total";
const REJECTED: &str = "messages_rejected_total";
const ERRORS: &str = "errors_total";
/// Each with the label that tells its parts.
const FAMILIES: [(&str, &str); 4] = [
    (SEEN, "type"),
    (PROCESSED, "type"),
    (REJECTED, "reason"),
    (ERRORS, "type"),
];
const CONNECTOR: &str = "_http_connector_server_";

/// The connector server's counters: by family, and by the value of its label.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counters(BTreeMap<(&'static str, String), f64>);

/// Where the page is: with its scheme and path, which may be left out.
///
/// # Errors
///
/// Returns an error when it is no address of a page.
pub(super) fn address(text: &str) -> Result<String, String> {
    let text = match text.contains("://") {
        true => text.to_string(),
        false => format!("http://{text}"),
    };
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))
        .ok_or("its scheme is neither http nor https")?;
    let is_plain = rest.chars().all(|c| c.is_ascii_graphic()) && !rest.contains('@');
    match rest.split_once('/') {
        _ if !is_plain || rest.starts_with('/') || rest.is_empty() => {
            Err("it is no address, such as http://node.example.com:9000/metrics".into())
        }
        Some((_, path)) if !path.is_empty() => Ok(text),
        _ => Ok(format!("{}/metrics", text.trim_end_matches('/'))),
    }
}

/// Reads the page.
///
/// # Errors
///
/// Returns the words for why there are no counters.
pub(super) fn read(url: &str) -> Result<Counters, String> {
    let config = Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        .build();
    let failed = |cause: ureq::Error| terminal(&cause.to_string()).into_owned();
    let mut response = Agent::new_with_config(config)
        .get(url)
        .call()
        .map_err(failed)?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(format!("the answer has status {status}"));
    }
    let body = response.body_mut().with_config().limit(MAX_PAGE);
    let counters = Counters::parse(&body.read_to_string().map_err(failed)?);
    match counters.0.is_empty() {
        true => Err("the page has no metrics of a Native Node in the mode connector-server".into()),
        false => Ok(counters),
    }
}

impl Counters {
    /// Reads what is known of a page. Other lines are passed over, and what is no number too.
    fn parse(page: &str) -> Self {
        let mut counters = BTreeMap::new();
        for line in page.lines() {
            let Some((name, labels, value)) = sample(line.trim()) else {
                continue;
            };
            let Some((_, name)) = name.split_once(CONNECTOR) else {
                continue;
            };
            let Some((family, label)) = FAMILIES.into_iter().find(|(family, _)| *family == name)
            else {
                continue;
            };
            if let Some((_, part)) = labels.into_iter().find(|(name, _)| name == label)
                && value.is_finite()
            {
                *counters.entry((family, part)).or_default() += value;
            }
        }
        Self(counters)
    }

    fn get(&self, family: &'static str, part: &str) -> f64 {
        self.0
            .get(&(family, part.to_string()))
            .copied()
            .unwrap_or(0.0)
    }

    /// What has grown since, by family and part. A counter that has become smaller was begun anew.
    fn since(&self, before: &Self) -> Self {
        let grown = self.0.iter().map(|(key, &value)| {
            let before = before.0.get(key).copied().unwrap_or(0.0);
            (key.clone(), value - before)
        });
        Self(grown.filter(|(_, by)| *by != 0.0).collect())
    }

    /// Whether two messages have come since.
    pub(super) fn has_two_more_than(&self, before: &Self) -> bool {
        self.get(SEEN, "total") - before.get(SEEN, "total") >= 2.0
    }

    fn parts(&self, family: &'static str) -> Vec<String> {
        let of_family = self.0.iter().filter(|((known, _), _)| *known == family);
        of_family
            .map(|((_, part), by)| format!("{} {by:+}", terminal(part)))
            .collect()
    }
}

/// Names and values.
type Labels = Vec<(String, String)>;

/// A line of the text format: a name, labels in braces, a value, and perhaps a time.
fn sample(line: &str) -> Option<(&str, Labels, f64)> {
    if line.starts_with('#') {
        return None;
    }
    let end = line.find(['{', ' ', '\t'])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside.trim_start();
        while !rest.starts_with('}') {
            let (label, value) = rest.split_once('=')?;
            let value = value.trim_start().strip_prefix('"')?;
            let (mut text, mut chars) = (String::new(), value.char_indices());
            let after = loop {
                match chars.next()? {
                    (at, '"') => break at + 1,
                    (_, '\\') => match chars.next()?.1 {
                        'n' => text.push('\n'),
                        other => text.push(other),
                    },
                    (_, other) => text.push(other),
                }
            };
            labels.push((label.trim().to_string(), text));
            rest = value[after..].trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        rest = &rest[1..];
    }
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some((name, labels, value))
}

/// What the counters say of a call whose two messages came between them. `None`: they confirm that it was processed.
pub(super) fn judge(before: &Counters, after: &Counters) -> (Step, Option<(Verdict, String)>) {
    let grown = after.since(before);
    let text = |name: &str, family| match grown.parts(family) {
        parts if parts.is_empty() => format!("{name}: nothing"),
        parts => format!("{name}: {}", parts.join(", ")),
    };
    let mut details = vec![
        text("seen", SEEN),
        text("processed", PROCESSED),
        text("rejected", REJECTED),
        text("errors", ERRORS),
    ];
    let seen = grown.get(SEEN, "total");
    let (request, response) = (
        grown.get(PROCESSED, "request"),
        grown.get(PROCESSED, "response"),
    );
    let rejected = grown.parts(REJECTED);
    let errors = grown.parts(ERRORS);
    let judgement = if grown.0.values().any(|by| *by < 0.0) {
        let why = "the Node has been started again meanwhile: its counters are smaller than before";
        Some((Verdict::Unknown, why.to_string()))
    } else if seen == 0.0 && request == 0.0 && rejected.is_empty() {
        let why = "the Node of these metrics has seen no message: another Node of the same load balancer got them, or \
                   --node is no Node";
        Some((Verdict::Unknown, why.to_string()))
    } else if seen > 2.0 {
        details.push(
            "more came than the two messages of this probe, so that these counts are not of this probe alone".into(),
        );
        match request >= 1.0 && response >= 1.0 && rejected.is_empty() && errors.is_empty() {
            // All that came was processed, and this was among it.
            true => None,
            false => Some((
                Verdict::Unknown,
                "other messages came at the same time, and some of all were not processed: probe again when it is quiet"
                    .to_string(),
            )),
        }
    } else if !rejected.is_empty() {
        Some((
            Verdict::NotTaken,
            format!("the Node has rejected messages ({})", reasons(&grown)),
        ))
    } else if !errors.is_empty() {
        let why = format!("the Node has counted errors ({})", errors.join(", "));
        Some((Verdict::NotTaken, why))
    } else if request >= 1.0 && response >= 1.0 {
        None
    } else {
        let missing = if request >= 1.0 {
            "response"
        } else {
            "request"
        };
        let why = format!(
            "the Node has seen {seen} of the two messages, and has not processed the {missing}: it takes it for something \
             else, or another Node of the same load balancer got it"
        );
        Some((Verdict::NotTaken, why))
    };
    let summary = match &judgement {
        None => "the Node has processed both messages".to_string(),
        Some((_, why)) => why.clone(),
    };
    let step = match judgement {
        None => Step::fine("Metrics", summary),
        Some(_) => Step::wrong("Metrics", summary),
    };
    (step.with_details(details), judgement)
}

/// Why messages were rejected, as far as Wallarm's names for it tell.
fn reasons(grown: &Counters) -> String {
    let all = grown.0.keys().filter(|(family, _)| *family == REJECTED);
    let words = all.map(|(_, reason)| match reason.as_str() {
        "host" => "host: the host is not among connector.allowed_hosts; see --host".to_string(),
        "remote_address" => {
            "remote_address: this machine is not among connector.allowed_networks".to_string()
        }
        "connector_info" => {
            "connector_info: the Node misses what it wants to know of the connector, and Wallarm does not publish what \
             that is; ask Wallarm"
                .to_string()
        }
        other => terminal(other).into_owned(),
    });
    words.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page as Wallarm's documentation has it.
    fn page(seen: [u64; 3], processed: [u64; 2], host: u64, overload: u64) -> String {
        let [total, request, response] = seen;
        format!(
            "# HELP wallarm_gonode_http_connector_server_messages_seen_total Total\n\
             # TYPE wallarm_gonode_http_connector_server_messages_seen_total counter\n\
             wallarm_gonode_http_connector_server_messages_seen_total{{type=\"health\"}} 0\n\
             wallarm_gonode_http_connector_server_messages_seen_total{{type=\"request\"}} {request}\n\
             wallarm_gonode_http_connector_server_messages_seen_total{{type=\"response\"}} {response}\n\
             wallarm_gonode_http_connector_server_messages_seen_total{{type=\"total\"}} {total}\n\
             wallarm_gonode_http_connector_server_messages_processed_total{{type=\"request\"}} {}\n\
             wallarm_gonode_http_connector_server_messages_processed_total{{type=\"response\"}} {}\n\
             wallarm_gonode_http_connector_server_messages_rejected_total{{reason=\"host\"}} {host}\n\
             wallarm_gonode_http_connector_server_errors_total{{type=\"DroppedOnOverload\"}} {overload}\n\
             wallarm_gonode_http_connector_server_avg_latency_ms 0.819581\n",
            processed[0], processed[1]
        )
    }

    #[test]
    fn samples_of_the_text_format() {
        let labels = |pairs: &[(&str, &str)]| -> Labels {
            let pairs = pairs.iter();
            pairs
                .map(|&(name, value)| (name.into(), value.into()))
                .collect()
        };
        for (line, expected) in [
            ("a 1", Some(("a", labels(&[]), 1.0))),
            ("a{} 1 1795341600000", Some(("a", labels(&[]), 1.0))),
            ("a{b=\"c\"} 1e3", Some(("a", labels(&[("b", "c")]), 1000.0))),
            (
                "a{ b = \"c\\\"}\\n\\\\\", d=\"é\", }\t2",
                Some(("a", labels(&[("b", "c\"}\n\\"), ("d", "é")]), 2.0)),
            ),
            ("# TYPE a counter", None),
            ("", None),
            ("a", None),
            ("a{b=\"c\" 1", None),
            ("a{b=c} 1", None),
            ("a{b=\"c\"} x", None),
            ("a{b=\"c\\", None),
        ] {
            assert_eq!(sample(line), expected, "{line}");
        }
    }

    #[test]
    fn what_the_counters_say() {
        let before = Counters::parse(&page([6, 3, 0], [3, 0], 1, 0));
        assert_eq!(before.get(SEEN, "total"), 6.0);
        for (seen, processed, host, overload, expected) in [
            ([8, 4, 1], [4, 1], 1, 0, None),
            (
                [6, 3, 0],
                [3, 0],
                1,
                0,
                Some((Verdict::Unknown, "no message")),
            ),
            ([8, 4, 1], [3, 0], 3, 0, Some((Verdict::NotTaken, "--host"))),
            (
                [8, 4, 1],
                [3, 0],
                1,
                2,
                Some((Verdict::NotTaken, "DroppedOnOverload +2")),
            ),
            (
                [8, 4, 1],
                [4, 0],
                1,
                0,
                Some((Verdict::NotTaken, "not processed the response")),
            ),
            (
                [8, 5, 0],
                [3, 0],
                1,
                0,
                Some((Verdict::NotTaken, "not processed the request")),
            ),
            ([90, 45, 42], [45, 42], 1, 0, None),
            (
                [90, 45, 42],
                [45, 42],
                2,
                0,
                Some((Verdict::Unknown, "when it is quiet")),
            ),
            (
                [2, 1, 1],
                [1, 1],
                0,
                0,
                Some((Verdict::Unknown, "started again")),
            ),
        ] {
            let after = Counters::parse(&page(seen, processed, host, overload));
            let (step, judgement) = judge(&before, &after);
            match expected {
                None => assert!(step.ok && judgement.is_none(), "{judgement:?}"),
                Some((verdict, words)) => {
                    let (found, why) = judgement.unwrap();
                    assert_eq!(found, verdict, "{why}");
                    assert!(why.contains(words), "{why}");
                }
            }
        }
        // The namespace is a setting, and what is no counter of ours is passed over.
        let renamed = page([6, 3, 0], [3, 0], 1, 0).replace("wallarm_gonode", "edge");
        assert_eq!(Counters::parse(&renamed), before);
        assert_eq!(
            Counters::parse("<html>not { metrics\n"),
            Counters::default()
        );
    }

    #[test]
    fn the_address_of_a_page_may_be_short() {
        for (text, expected) in [
            ("node:9000", "http://node:9000/metrics"),
            ("http://node:9000/", "http://node:9000/metrics"),
            ("https://node/x?y", "https://node/x?y"),
        ] {
            assert_eq!(address(text).as_deref(), Ok(expected));
        }
        for text in [
            "",
            "ftp://node",
            "http://",
            "http:///x",
            "http://a b",
            "http://u:p@node",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
