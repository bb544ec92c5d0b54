//! Whether the function forwards the lines of a format, and what it has to have beside what it has.

use std::collections::BTreeSet;

use super::{
    gateway::{self, DOCUMENTED},
    stages::Api,
};
use crate::{
    record::{AccessRecord, Lacks, Origin, RawLineReader, Reading, Skip},
    report::advice,
};

/// What is made of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every line is forwarded. It may lack what an inventory can do without.
    Sufficient { without: Vec<&'static str> },
    /// Lines of a WebSocket API have neither a method nor a path.
    WebSocket,
    /// Lines are skipped.
    Insufficient {
        lacks: Vec<&'static str>,
        reasons: Vec<&'static str>,
        advice: String,
        /// A format with which every line is forwarded.
        better: Option<String>,
    },
}

/// Judges a format.
pub(super) fn of(format: &str, api: Api) -> Verdict {
    let api = match is_web_socket(format) {
        true => Api::WebSocket,
        false => api.guessed(format),
    };
    let read = Read::all(format, api, true);
    if api == Api::WebSocket && read.reasons.iter().all(|reason| *reason == "websocket") {
        return Verdict::WebSocket;
    }
    if read.reasons.is_empty() {
        return Verdict::Sufficient {
            without: read.without(),
        };
    }
    let better = [
        with_members(format, read.lacks),
        Some(DOCUMENTED.to_string()),
    ];
    let better = better.into_iter().flatten();
    let mut better = better.filter(|better| Read::all(better, api, true).reasons.is_empty());
    Verdict::Insufficient {
        lacks: names(read.lacks),
        reasons: read.reasons.iter().copied().collect(),
        advice: match read.lacks.is_nothing() {
            true => "set the stage's access-log format to the one that README has".to_string(),
            false => advice(read.lacks),
        },
        better: better.next(),
    }
}

/// Whether a quote in a value that a caller has chosen, unescaped, costs a line of a format that is sufficient.
pub(super) fn is_fragile(format: &str, api: Api) -> bool {
    !Read::all(format, api.guessed(format), false)
        .reasons
        .is_empty()
}

/// Some formats have the variables of all kinds of APIs.
fn is_web_socket(format: &str) -> bool {
    let has = |name: &&str| format.contains(&format!("$context.{name}"));
    ["eventType", "connectionId", "messageId", "messageDirection"]
        .iter()
        .any(has)
        && !["httpMethod", "path"].iter().any(has)
}

/// What a format lacks, in words.
pub(super) fn names(lacks: Lacks) -> Vec<&'static str> {
    [
        (Lacks::JSON, "JSON"),
        (Lacks::DOUBLE_QUOTES, "double quotes"),
        (Lacks::QUOTES, "quotes"),
        (Lacks::HOST, "domainName"),
        (Lacks::PATH, "path"),
        (Lacks::METHOD, "httpMethod"),
    ]
    .into_iter()
    .filter_map(|(what, name)| lacks.has(what).then_some(name))
    .collect()
}

/// The format with what it lacks before the end of its object. Whatever it has stays, since other tools may read it.
fn with_members(format: &str, lacks: Lacks) -> Option<String> {
    let (before, after) = format.rsplit_once('}')?;
    let mut text = before.trim_end().to_string();
    for (what, name) in [
        (Lacks::HOST, "domainName"),
        (Lacks::PATH, "path"),
        (Lacks::METHOD, "httpMethod"),
    ] {
        if lacks.has(what) {
            let separator = match text.ends_with('{') || text.ends_with(',') {
                true => "",
                false => ", ",
            };
            text += &format!("{separator}\"{name}\": \"$context.{name}\"");
        }
    }
    let blank = if before.ends_with(' ') { " " } else { "" };
    Some(format!("{text}{blank}}}{after}"))
}

/// How the lines of a format were read.
#[derive(Debug, Default)]
struct Read {
    reasons: BTreeSet<&'static str>,
    lacks: Lacks,
    has: [bool; OPTIONAL.len()],
}

/// What an inventory can do without, and says less then.
const OPTIONAL: [&str; 5] = [
    "status",
    "responseLatency",
    "requestTimeEpoch",
    "sourceIp",
    "userAgent",
];

impl Read {
    /// Reads the lines of a format as the function does: one that others may settle waits for them.
    fn all(format: &str, api: Api, escapes: bool) -> Self {
        let mut read = Self::default();
        let mut reader = RawLineReader::new(Reading::default());
        let origin = Origin {
            region: Some("us-east-1"),
            default_host: None,
        };
        let mut waiting = Vec::new();
        for line in gateway::lines(format, api, escapes) {
            match reader.read_early(line.as_bytes(), origin) {
                Ok(Some(record)) => read.add(&record),
                Ok(None) => waiting.push(line),
                Err(reason) => read.skip(reason, reader.lacks()),
            }
        }
        for line in waiting {
            match reader.read_again(line.as_bytes(), origin) {
                Ok(record) => read.add(&record),
                Err(reason) => read.skip(reason, reader.lacks()),
            }
        }
        read
    }

    fn add(&mut self, record: &AccessRecord<'_>) {
        let has = [
            record.status.is_some(),
            record.response_latency.is_some(),
            record.request_time_epoch.is_some(),
            record.source_ip.is_some(),
            record.user_agent.is_some(),
        ];
        for (known, now) in self.has.iter_mut().zip(has) {
            *known |= now;
        }
    }

    fn skip(&mut self, reason: Skip, lacks: Lacks) {
        self.reasons.insert(reason.name());
        if reason.has_to_do_with_format() {
            self.lacks.add(lacks);
        }
    }

    fn without(&self) -> Vec<&'static str> {
        let lacking = OPTIONAL.iter().zip(self.has).filter(|(_, has)| !has);
        lacking.map(|(name, _)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insufficient(format: &str) -> (Vec<&'static str>, String) {
        match of(format, Api::Unknown) {
            Verdict::Insufficient {
                lacks,
                better: Some(better),
                ..
            } => {
                let verdict = of(&better, Api::Unknown);
                assert!(matches!(verdict, Verdict::Sufficient { .. }), "{better}");
                (lacks, better)
            }
            other => panic!("{format}: {other:?}"),
        }
    }

    #[test]
    fn the_documented_format_is_sufficient() {
        for api in [Api::Rest, Api::Http, Api::Unknown] {
            assert_eq!(of(DOCUMENTED, api), Verdict::Sufficient { without: vec![] });
            assert!(!is_fragile(DOCUMENTED, api));
        }
    }

    #[test]
    fn just_what_is_missing_is_appended() {
        for (format, lacks, better) in [
            (
                r#"{"requestId":"$context.requestId","httpMethod":"$context.httpMethod","path":"$context.path","status":$context.status}"#,
                vec!["domainName"],
                r#"{"requestId":"$context.requestId","httpMethod":"$context.httpMethod","path":"$context.path","status":$context.status, "domainName": "$context.domainName"}"#,
            ),
            (
                r#"{ "requestId": "$context.requestId", "httpMethod": "$context.httpMethod", "resourcePath": "$context.resourcePath", "status": "$context.status" }"#,
                vec!["domainName", "path"],
                r#"{ "requestId": "$context.requestId", "httpMethod": "$context.httpMethod", "resourcePath": "$context.resourcePath", "status": "$context.status", "domainName": "$context.domainName", "path": "$context.path" }"#,
            ),
            // Below one more object.
            (
                r#"{"ctx":{"requestId":"$context.requestId","httpMethod":"$context.httpMethod","path":"$context.path","status":"$context.status"}}"#,
                vec!["domainName"],
                r#"{"ctx":{"requestId":"$context.requestId","httpMethod":"$context.httpMethod","path":"$context.path","status":"$context.status"}, "domainName": "$context.domainName"}"#,
            ),
            (
                r#"$context.identity.sourceIp [$context.requestTime] "$context.httpMethod $context.resourcePath $context.protocol" $context.status $context.requestId"#,
                vec!["JSON"],
                DOCUMENTED,
            ),
            (
                r"{'requestId':'$context.requestId','httpMethod':'$context.httpMethod','path':'$context.path'}",
                vec!["double quotes"],
                DOCUMENTED,
            ),
        ] {
            assert_eq!(
                insufficient(format),
                (lacks, better.to_string()),
                "{format}"
            );
        }
    }

    #[test]
    fn what_can_be_missing_is_told_and_is_no_fault() {
        let format = r#"{"requestId":"$context.requestId","httpMethod":"$context.httpMethod","path":"$context.path","domainName":"$context.domainName"}"#;
        let Verdict::Sufficient { without } = of(format, Api::Rest) else {
            panic!("{:?}", of(format, Api::Rest));
        };
        assert_eq!(without, OPTIONAL);
    }

    #[test]
    fn a_format_of_a_web_socket_is_told() {
        let format = r#"{"requestId":"$context.requestId","eventType":"$context.eventType","routeKey":"$context.routeKey","status":"$context.status","connectionId":"$context.connectionId"}"#;
        assert_eq!(of(format, Api::Unknown), Verdict::WebSocket);
    }

    /// Whatever a format is, its verdict is one, and a better one is better.
    #[test]
    fn every_format_has_a_verdict() {
        for format in [
            "",
            "{",
            "}",
            "{}",
            "{ }",
            "$context.",
            "$context.$context.path",
            "$context.requestId",
            "null",
            "[{\"path\":\"$context.path\"}]",
            "{\"path\":\"$context.resourcePath\",\"requestId\":\"$context.requestId\",\"httpMethod\":\"$context.httpMethod\"}",
            "{\"a\":\u{202e}\u{0}'`$(x)\"",
        ] {
            let (_, better) = insufficient(format);
            assert!(better.contains("$context.path"), "{format}");
        }
    }
}
