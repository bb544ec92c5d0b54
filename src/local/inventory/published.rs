//! Whether Wallarm would show an endpoint, by the rules that it publishes.
//!
//! They are on the pages "API Discovery Overview" (`api-discovery/overview.md`, "Noise detection") and "Track Changes in
//! API" (`api-discovery/track-changes.md`). What they leave open is taken as follows: a pattern for paths is one for
//! segments, since it has no slash; `\w` takes letters of any script; a call that lacks a time says nothing of the time
//! frame. The numbers are the defaults, which Wallarm's support can change.

use std::net::IpAddr;

use super::{model::Endpoint, paths::decode};

/// How many calls an endpoint needs.
const MIN_CALLS: u64 = 2;
/// One of them has to come so long after the first, in milliseconds.
const TIME_FRAME_MS: i64 = 300_000;
/// An endpoint without a call goes after so long, in milliseconds.
const MAX_AGE_MS: i64 = 30 * 86_400_000;

/// Why an endpoint is not shown: the reason as it stands in the model, and what it means.
const REASONS: [(&str, &str); 9] = [
    ("unused", "it was not called"),
    (
        "host",
        "calls of localhost and of loopback addresses do not count",
    ),
    ("method", "OPTIONS and HEAD do not count"),
    (
        "path",
        "a segment of its path is none that Wallarm's pattern takes",
    ),
    (
        "file",
        "its path ends as a file does, for which Wallarm wants the content type: access logs have none",
    ),
    ("status", "no response was 2xx"),
    ("once", "one response was 2xx, and two are needed"),
    ("burst", "all 2xx responses came within 300 seconds"),
    ("stale", "no response of the log's last 30 days was 2xx"),
];

/// What a reason in [`Endpoint::hidden`] means, for a person; `None` for one that this version does not know.
#[must_use]
pub fn sentence(reason: &str) -> Option<&'static str> {
    let known = REASONS.iter().find(|(known, _)| *known == reason);
    known.map(|(_, sentence)| *sentence)
}

/// The times of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Period {
    /// The first call, in Unix milliseconds.
    pub first: Option<i64>,
    /// The last one.
    pub last: Option<i64>,
}

impl Period {
    /// Whether it is longer than Wallarm's time frame. In a shorter log no endpoint can have two calls that are that far
    /// apart, so that the rule would say nothing of the endpoints.
    #[must_use]
    pub fn exceeds_time_frame(&self) -> bool {
        matches!((self.first, self.last), (Some(first), Some(last)) if is_apart(first, last, TIME_FRAME_MS))
    }
}

/// Why Wallarm would not show an endpoint of a log of that period; `None` where it would.
#[must_use]
pub fn hidden(endpoint: &Endpoint, period: Period) -> Option<&'static str> {
    if endpoint.calls == 0 {
        return Some("unused");
    }
    if is_loopback(&endpoint.host) {
        return Some("host");
    }
    if ["OPTIONS", "HEAD"].contains(&endpoint.method.as_str()) {
        return Some("method");
    }
    let mut segments = endpoint.path.split('/').filter(|part| !part.is_empty());
    if !segments.clone().all(is_taken) {
        return Some("path");
    }
    if segments.next_back().is_some_and(has_extension) {
        return Some("file");
    }
    match endpoint.statuses.success {
        0 => return Some("status"),
        calls if calls < MIN_CALLS => return Some("once"),
        _ => {}
    }
    let (first, last) = (endpoint.first_success, endpoint.last_success);
    if let (Some(first), Some(last)) = (first, last)
        && period.exceeds_time_frame()
        && !is_apart(first, last, TIME_FRAME_MS)
    {
        return Some("burst");
    }
    match (last, period.last) {
        (Some(last), Some(end)) if is_apart(last, end, MAX_AGE_MS) => Some("stale"),
        _ => None,
    }
}

fn is_apart(first: i64, last: i64, by: i64) -> bool {
    last.saturating_sub(first) > by
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        // The last colon is a port's, unless the whole is an address of IPv6.
        Some((name, _)) if host.parse::<IpAddr>().is_err() => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| match address {
            IpAddr::V4(address) => address.is_loopback(),
            IpAddr::V6(address) => {
                address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
            }
        })
}

/// Whether a segment matches `^[\w{}\s\-]+(?:[.@][\w{}\s\-]+)*$` once it is decoded, and has no punctuation of Chinese,
/// Japanese or Korean. The plus of a greedy place is the template's, and in no call.
fn is_taken(segment: &str) -> bool {
    let segment = segment.replace("+}", "}");
    let decoded = decode(segment.as_bytes());
    let Ok(decoded) = str::from_utf8(&decoded) else {
        return false;
    };
    let is_plain = |c: char| {
        (c.is_alphanumeric() || c.is_whitespace() || "_{}-".contains(c))
            && !('\u{3000}'..='\u{303f}').contains(&c)
    };
    decoded
        .split(['.', '@'])
        .all(|part| !part.is_empty() && part.chars().all(is_plain))
}

/// Whether a segment ends as the name of a file does: `report.pdf`, but neither `v1.2` nor an address.
fn has_extension(segment: &str) -> bool {
    const MAX_EXTENSION: usize = 5;
    let Some((stem, extension)) = segment.rsplit_once('.') else {
        return false;
    };
    !stem.is_empty()
        && !stem.contains('@')
        && (1..=MAX_EXTENSION).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && extension.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::inventory::model::Statuses;

    const HOUR: i64 = 3_600_000;

    fn endpoint() -> Endpoint {
        Endpoint {
            host: "api.example.com".into(),
            path: "/v1/pets/{id}".into(),
            method: "GET".into(),
            calls: 9,
            statuses: Statuses {
                success: 2,
                client_error: 7,
                ..Statuses::default()
            },
            first_success: Some(0),
            last_success: Some(TIME_FRAME_MS + 1),
            ..Endpoint::default()
        }
    }

    fn of(change: impl FnOnce(&mut Endpoint)) -> Option<&'static str> {
        let mut endpoint = endpoint();
        change(&mut endpoint);
        let period = Period {
            first: Some(0),
            last: Some(24 * HOUR),
        };
        hidden(&endpoint, period)
    }

    #[test]
    fn each_rule_has_its_reason() {
        assert_eq!(of(|_| {}), None);
        assert_eq!(of(|e| e.calls = 0), Some("unused"));
        assert_eq!(of(|e| e.method = "OPTIONS".into()), Some("method"));
        assert_eq!(of(|e| e.method = "HEAD".into()), Some("method"));
        assert_eq!(of(|e| e.statuses.success = 0), Some("status"));
        assert_eq!(of(|e| e.statuses.success = 1), Some("once"));
        assert_eq!(of(|e| e.last_success = Some(TIME_FRAME_MS)), Some("burst"));
        assert_eq!(of(|e| e.first_success = None), None);
        let hidden_at = |last| {
            let period = Period {
                first: Some(0),
                last: Some(last),
            };
            hidden(&endpoint(), period)
        };
        assert_eq!(hidden_at(TIME_FRAME_MS + 1 + MAX_AGE_MS), None);
        assert_eq!(hidden_at(TIME_FRAME_MS + 2 + MAX_AGE_MS), Some("stale"));
        for (reason, _) in REASONS {
            assert!(sentence(reason).is_some());
        }
        assert_eq!(sentence("other"), None);
    }

    #[test]
    fn a_log_that_is_shorter_than_the_time_frame_says_nothing_of_it() {
        let mut endpoint = endpoint();
        endpoint.last_success = Some(1);
        let mut period = Period {
            first: Some(0),
            last: Some(TIME_FRAME_MS),
        };
        assert_eq!(hidden(&endpoint, period), None);
        period.last = Some(TIME_FRAME_MS + 1);
        assert_eq!(hidden(&endpoint, period), Some("burst"));
        assert_eq!(hidden(&endpoint, Period::default()), None);
    }

    #[test]
    fn hosts_paths_and_files() {
        for (host, is_hidden) in [
            ("localhost", true),
            ("localhost:8080", true),
            ("127.0.0.1", true),
            ("127.1.2.3:80", true),
            ("::1", true),
            ("[::1]:80", true),
            ("0:0:0:0:0:0:0:1", true),
            ("192.0.2.1", false),
            ("localhost.example.com", false),
        ] {
            let found = of(|e| e.host = host.into());
            assert_eq!(found, is_hidden.then_some("host"), "{host}");
        }
        for (path, expected) in [
            ("/", None),
            ("/a-b_c/{id}/", None),
            ("/a%20b", None),
            ("/%C3%A9t%C3%A9", None),
            ("/me@example.com", None),
            ("/v1.2", None),
            ("/{proxy+}", None),
            ("/a+b", Some("path")),
            ("/.env", Some("path")),
            ("/a..b", Some("path")),
            ("/Products(1)", Some("path")),
            ("/a:b", Some("path")),
            ("/%3Cscript%3E", Some("path")),
            ("/%E3%80%81", Some("path")),
            ("/%FF", Some("path")),
            ("/50%", Some("path")),
            ("/wp-login.php", Some("file")),
            ("/{uuid}.pdf", Some("file")),
            ("/swagger.json/x", None),
        ] {
            let found = of(|e| e.path = path.into());
            assert_eq!(found, expected, "{path}");
        }
    }
}
