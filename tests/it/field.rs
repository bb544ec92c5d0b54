//! The access-log formats that people have, and lines that gateways write: what of each reaches the Node, under each
//! setting, and what the function advises where nothing does.
//!
//! `tests/field/formats.txt` has the formats. The test is the gateway: it writes five calls with each of them.
//! `tests/field/lines.txt` has single lines. How both files are written stands in their first lines.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cw_resend_lambda::standin::cloudwatch::{Line, event_id, events};
use cw_resend_lambda::standin::http;
use cw_resend_lambda::standin::node::{Fault, StandInNode};
use serde_json::Value;

use crate::harness::{Function, assert_adds_up, faulty_node, line};

const FORMATS: &str = include_str!("../field/formats.txt");
const LINES: &str = include_str!("../field/lines.txt");

const TIME: Duration = Duration::from_secs(30);

/// When CloudWatch has received the lines: the time of those that log none.
const RECEIVED: i64 = 1_795_500_000_000;

const LOG_STREAM: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// What a call is to the Node. The first five stand in the request's head, the others in the second message.
const FIELDS: [&str; 15] = [
    "method",
    "host",
    "path",
    "clientAddress",
    "userAgent",
    "requestId",
    "status",
    "responseLength",
    "responseLatency",
    "integrationLatency",
    "integrationStatus",
    "requestTimeEpoch",
    "protocol",
    "stage",
    "errorMessage",
];

/// The host of lines that log none, where one is set.
const DEFAULT_HOST: &str = "orders.example.net";

/// The settings that a case has expectations for. One that is not named in a case is as the one before it.
const SETTINGS: [Setting; 4] = [
    Setting {
        name: "alone",
        vars: &[],
    },
    Setting {
        name: "host",
        vars: &[("X_DEFAULT_HOST", DEFAULT_HOST)],
    },
    Setting {
        name: "template",
        vars: &[("X_DEFAULT_HOST", DEFAULT_HOST), ("X_PATH", "template")],
    },
    Setting {
        name: "strip",
        vars: &[("X_STRIP_STAGE", "true")],
    },
];

struct Setting {
    name: &'static str,
    vars: &'static [(&'static str, &'static str)],
}

/// A format or a line, with what is expected.
struct Case {
    name: String,
    lines: Vec<String>,
    /// What each line is to the gateway: the values that its variables have.
    calls: Vec<Call>,
    /// By the setting: any of these will do.
    expected: BTreeMap<String, Vec<Expected>>,
}

#[derive(Clone)]
enum Expected {
    /// The line reaches the Node with these fields and no others.
    Sent(Vec<(String, Wanted)>),
    /// The line is counted with any of these reasons; without one, with whatever reason.
    Skipped {
        reasons: Vec<String>,
        advice: Advice,
    },
}

/// What a field has to be at the Node.
#[derive(Clone)]
enum Wanted {
    /// What the gateway has, which is nothing for `-`.
    Gateways,
    GatewaysOrNothing,
    Anything,
    /// Any of these; `-` is nothing.
    OneOf(Vec<String>),
}

/// What the report's hint has to say.
#[derive(Clone, Default)]
enum Advice {
    #[default]
    Free,
    None,
    Some,
    /// The whole format, since the line is no JSON.
    Format,
    /// Names and values need double quotes.
    Quotes,
    /// Each of the first is named, any of the second may be, and no other.
    Names(Vec<String>, Vec<String>),
}

/// A gateway's variables, without `$context.`.
type Call = HashMap<String, String>;

#[test]
fn formats_and_lines_without_settings() {
    check(&SETTINGS[0]);
}

#[test]
fn formats_and_lines_with_a_default_host() {
    check(&SETTINGS[1]);
}

#[test]
fn formats_and_lines_with_templates_as_paths() {
    check(&SETTINGS[2]);
}

#[test]
fn lines_whose_stage_is_stripped() {
    check(&SETTINGS[3]);
}

/// The host that an API's id and the region make, in each partition.
#[test]
fn the_host_of_an_api_without_domain_name() {
    let line = r#"{"apiId":"k3m9p2x7w1","requestId":"r","httpMethod":"GET","path":"/live/x","status":"200"}"#;
    for (region, host) in [
        (
            "eu-central-1",
            "k3m9p2x7w1.execute-api.eu-central-1.amazonaws.com",
        ),
        (
            "us-gov-west-1",
            "k3m9p2x7w1.execute-api.us-gov-west-1.amazonaws.com",
        ),
        (
            "cn-north-1",
            "k3m9p2x7w1.execute-api.cn-north-1.amazonaws.com.cn",
        ),
        (
            "eusc-de-east-1",
            "k3m9p2x7w1.execute-api.eusc-de-east-1.amazonaws.eu",
        ),
    ] {
        let gateway = Gateway::start(&[("AWS_REGION", region), ("X_DEFAULT_HOST", DEFAULT_HOST)]);
        let (got, _) = gateway.log("/aws/apigateway/orders", &[line.to_string()]);
        assert_eq!(got[0].as_ref().unwrap()["host"], host, "{region}");
    }
}

/// A default host for each log group, for each log stream, and for the rest.
#[test]
fn a_default_host_for_each_log_group() {
    let hosts = format!(
        r#"{{"/aws/apigateway/shop":"shop.example.org","{LOG_STREAM}":"stream.example.org","*":"rest.example.org"}}"#
    );
    let line = r#"{"requestId":"r","httpMethod":"GET","path":"/live/x","status":"200"}"#;
    let of = |hosts: &str, group: &str| {
        let gateway = Gateway::start(&[("X_DEFAULT_HOST", hosts)]);
        let (got, _) = gateway.log(group, &[line.to_string()]);
        got[0].as_ref().map(|got| got["host"].clone())
    };
    let shop = of(&hosts, "/aws/apigateway/shop").unwrap();
    assert!(["shop.example.org", "stream.example.org"].contains(&shop.as_str()));
    let hosts = hosts.replace(LOG_STREAM, "another");
    for (group, host) in [
        ("/aws/apigateway/shop", Some("shop.example.org")),
        ("/aws/apigateway/x", Some("rest.example.org")),
    ] {
        assert_eq!(of(&hosts, group).as_deref(), host);
    }
    let one = r#"{"/aws/apigateway/shop":"shop.example.org"}"#;
    assert_eq!(of(one, "/aws/apigateway/x"), None);
}

/// Each file is read whole: a case that is written wrong would not be seen to pass.
#[test]
fn the_files_have_all_cases() {
    let (formats, lines) = (formats(), lines());
    let ids = |cases: &[Case], letter: char| {
        let of_letter = cases.iter().filter(|case| case.name.starts_with(letter));
        of_letter.count()
    };
    assert_eq!(ids(&formats, 'F'), 37);
    assert!(ids(&formats, 'G') >= 40);
    assert_eq!(ids(&lines, 'L'), 57);
    assert!(ids(&lines, 'S') >= 2);
    for case in formats.iter().chain(&lines) {
        assert!(!case.lines.is_empty(), "{}", case.name);
        assert!(!case.expected.is_empty(), "{}", case.name);
        for name in case.expected.keys() {
            let is_known = SETTINGS.iter().any(|setting| setting.name == name);
            assert!(is_known, "{}: {name}", case.name);
        }
    }
}

/// Has the gateway write all cases, and compares what the function makes of them.
#[track_caller]
fn check(setting: &Setting) {
    let vars = [&[("AWS_REGION", REGION)], setting.vars].concat();
    let gateway = Gateway::start(&vars);
    let (mut count, mut wrong) = (0, String::new());
    for case in formats().into_iter().chain(lines()) {
        let Some(expected) = case.expected_with(setting.name) else {
            continue;
        };
        count += 1;
        let group = format!("/aws/apigateway/{}", case.name.replace([' ', ','], "-"));
        let (got, report) = if expected.iter().any(Expected::has_advice) {
            gateway.log_anew(&group, &case.lines)
        } else {
            gateway.log(&group, &case.lines)
        };
        for difference in differences(&case, expected, &got, &report, &group) {
            writeln!(wrong, "{}: {difference}", case.name).unwrap();
        }
    }
    assert!(count > 0, "no case has the setting {}", setting.name);
    assert!(wrong.is_empty(), "of {count} cases:\n{wrong}");
}

impl Case {
    /// What is expected with a setting, or else with the last one before it that the case names.
    fn expected_with(&self, setting: &str) -> Option<&[Expected]> {
        let at = SETTINGS.iter().position(|other| other.name == setting)?;
        if setting == "strip" {
            return self.expected.get(setting).map(Vec::as_slice);
        }
        let mut names = SETTINGS[..=at].iter().rev().map(|setting| setting.name);
        names
            .find_map(|name| self.expected.get(name))
            .map(Vec::as_slice)
    }
}

/// What of a case is not as expected, each thing once.
fn differences(
    case: &Case,
    expected: &[Expected],
    got: &[Option<Call>],
    report: &Value,
    group: &str,
) -> Vec<String> {
    let mut differences: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for ((line, call), got) in case.lines.iter().zip(&case.calls).zip(got) {
        let texts: Option<Vec<String>> = expected
            .iter()
            .map(|expected| expected.difference(call, got.as_ref(), report))
            .collect();
        // An expectation that is met has no text.
        if let Some(texts) = texts {
            let of_text = differences.entry(texts.join(", or ")).or_default();
            of_text.push(line);
        }
    }
    let mut texts: Vec<String> = differences
        .iter()
        .map(|(text, lines)| {
            let first: String = lines[0].chars().take(400).collect();
            format!("{text}\n    in {} lines, as {first}", lines.len())
        })
        .collect();
    if texts.is_empty() && got.iter().any(Option::is_none) {
        texts.extend(differing_advice(expected, report));
        let is_named = report["logGroup"] == group && report["logStream"] == LOG_STREAM;
        if !report["hint"].is_null() && !is_named {
            texts.push("the hint does not say where the lines are from".to_string());
        }
    }
    texts
}

fn differing_fields(fields: &[(String, Wanted)], call: &Call, got: &Call) -> Vec<String> {
    let nothing = "-".to_string();
    let mut differences = Vec::new();
    for field in FIELDS {
        let gateways = call.get(field).unwrap_or(&nothing);
        let found = got.get(field).unwrap_or(&nothing);
        let received = RECEIVED.to_string();
        let wanted = fields.iter().rev().find(|(name, _)| name == field);
        let wanted: Vec<&String> = match wanted.map(|(_, wanted)| wanted) {
            Some(Wanted::Anything) => continue,
            Some(Wanted::Gateways) => vec![gateways],
            Some(Wanted::GatewaysOrNothing) => vec![gateways, &nothing],
            Some(Wanted::OneOf(values)) => values.iter().collect(),
            // A line that logs no time gets the log event's own.
            None if field == "requestTimeEpoch" => vec![&received],
            None => vec![&nothing],
        };
        let wanted: Vec<String> = wanted
            .into_iter()
            .map(|value| fill_in(value, call))
            .collect();
        if !wanted.contains(found) {
            differences.push(format!("{field} is {found}, not {}", wanted.join(" or ")));
        }
    }
    differences
}

/// A value of an expectation: those with an `@` are the call's own.
fn fill_in(value: &str, call: &Call) -> String {
    match value {
        "@default" => DEFAULT_HOST.to_string(),
        "@longPath" => format!("/live/{}", "a".repeat(9_000)),
        _ => match value.strip_prefix('@') {
            Some(name) => call[name].clone(),
            None => value.to_string(),
        },
    }
}

fn differing_advice(expected: &[Expected], report: &Value) -> Option<String> {
    let skipped = report["skipped"].as_object().unwrap();
    let hint = report["hint"].as_str();
    let mut wanted = Vec::new();
    for expected in expected {
        let Expected::Skipped { reasons, advice } = expected else {
            continue;
        };
        let is_reason = |name: &String| reasons.is_empty() || reasons.contains(name);
        if !skipped.keys().all(is_reason) {
            wanted.push(format!("reason {}", reasons.join("|")));
        } else if let Err(text) = advice.check(hint) {
            wanted.push(text);
        } else {
            return None;
        }
    }
    Some(format!(
        "expected {}, found {} and the hint {hint:?}",
        wanted.join(" or "),
        report["skipped"]
    ))
}

impl Expected {
    /// How a line's fate differs from this one, if it does.
    fn difference(&self, call: &Call, got: Option<&Call>, report: &Value) -> Option<String> {
        match (self, got) {
            (Self::Sent(fields), Some(got)) => {
                let differing = differing_fields(fields, call, got);
                (!differing.is_empty()).then(|| differing.join("; "))
            }
            (Self::Skipped { .. }, None) => None,
            (Self::Sent(_), None) => Some(format!("not sent, but {}", report["skipped"])),
            (Self::Skipped { reasons, .. }, Some(_)) => {
                Some(format!("sent, not skipped as {}", reasons.join("|")))
            }
        }
    }

    fn has_advice(&self) -> bool {
        matches!(self, Self::Skipped { advice, .. } if !matches!(advice, Advice::Free))
    }
}

impl Advice {
    fn check(&self, hint: Option<&str>) -> Result<(), String> {
        let text = hint.unwrap_or_default();
        let names_path = text.contains("$context.path") || text.contains("X_PATH");
        let named = |name: &str| match name {
            "path" => names_path,
            name => text.contains(&format!("$context.{name}")),
        };
        let all = ["domainName", "path", "httpMethod"];
        let is_met = match self {
            Self::Free => true,
            Self::None => hint.is_none(),
            Self::Some => hint.is_some(),
            Self::Format => all.iter().all(|name| named(name)) && text.contains('{'),
            Self::Quotes => text.contains("quote"),
            Self::Names(must, may) => all.iter().all(|name| {
                let is_in = |names: &[String]| names.iter().any(|other| other == name);
                named(name) && (is_in(must) || is_in(may)) || !named(name) && !is_in(must)
            }),
        };
        if is_met {
            return Ok(());
        }
        Err(match self {
            Self::Free | Self::Some => "a hint".to_string(),
            Self::None => "no hint".to_string(),
            Self::Format => "a hint with the whole format".to_string(),
            Self::Quotes => "a hint about quotes".to_string(),
            Self::Names(must, _) => format!("a hint that names just {}", must.join(", ")),
        })
    }
}

/// A function that is given what a gateway logs, and a Node that keeps what it receives.
struct Gateway {
    function: Function,
    vars: Vec<(String, String)>,
    node: StandInNode,
    received: Arc<Mutex<Vec<http::Message>>>,
    /// How many lines it has written.
    written: AtomicU64,
}

impl Gateway {
    fn start(vars: &[(&str, &str)]) -> Self {
        let received: Arc<Mutex<Vec<http::Message>>> = Arc::default();
        let inbox = Arc::clone(&received);
        let node = faulty_node(move |message, _| {
            let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
            inbox.push(message.http.clone());
            Fault::none()
        });
        let owned = |(name, value): &(&str, &str)| ((*name).to_string(), (*value).to_string());
        Self {
            function: Function::start(&node, vars),
            vars: vars.iter().map(owned).collect(),
            node,
            received,
            written: AtomicU64::new(0),
        }
    }

    /// Logs lines. Returns what the Node has of each, and the function's report.
    fn log(&self, group: &str, lines: &[String]) -> (Vec<Option<Call>>, Value) {
        self.log_to(&self.function, group, lines)
    }

    /// As [`Self::log`], to a function that has given no advice yet: it does so once.
    fn log_anew(&self, group: &str, lines: &[String]) -> (Vec<Option<Call>>, Value) {
        let vars = self.vars.iter();
        let vars: Vec<(&str, &str)> = vars.map(|(name, value)| (&**name, &**value)).collect();
        self.log_to(&Function::start(&self.node, &vars), group, lines)
    }

    fn log_to(
        &self,
        function: &Function,
        group: &str,
        lines: &[String],
    ) -> (Vec<Option<Call>>, Value) {
        let count = u64::try_from(lines.len()).unwrap();
        let first = self.written.fetch_add(count, Ordering::Relaxed);
        let events = events(
            group,
            LOG_STREAM,
            (first..)
                .zip(lines)
                .map(|(n, line)| Line::new(n, RECEIVED, line)),
        );
        let event = events.unwrap().remove(0).payload;
        let (result, report) = function.outcome_of(|| function.begin(&event, TIME));
        result.unwrap();
        assert_adds_up(&report);
        let messages = std::mem::take(&mut *self.received.lock().unwrap());
        let got = (first..).zip(lines).map(|(n, _)| {
            let id = event_id(n);
            let is_its =
                |message: &&http::Message| message.text_header("X-Request-Id") == Some(&id);
            let its: Vec<&http::Message> = messages.iter().filter(is_its).collect();
            match its.as_slice() {
                [] => None,
                [request, response] => Some(read(request, response)),
                _ => panic!("{} messages of one line", its.len()),
            }
        });
        (got.collect(), report)
    }
}

/// What the Node has of one call.
fn read(request: &http::Message, response: &http::Message) -> Call {
    let mut call = Call::new();
    let mut set = |name: &str, value: String| call.insert(name.to_string(), value);
    // A template's brackets may be encoded or not.
    let path = request.target.replace("%7B", "{").replace("%7D", "}");
    set("method", request.method.clone());
    set("path", path);
    for (name, header) in [
        ("host", "Host"),
        ("clientAddress", "X-Forwarded-For"),
        ("userAgent", "User-Agent"),
    ] {
        if let Some(value) = request.header(header) {
            set(name, String::from_utf8_lossy(value).into_owned());
        }
    }
    let document: Value = serde_json::from_slice(&response.body).unwrap();
    for (name, value) in document.as_object().unwrap() {
        let text = value.as_str().map(str::to_string);
        set(name, text.unwrap_or_else(|| value.to_string()));
    }
    call
}

const REGION: &str = "eu-central-1";
const API_HOST: &str = "k3m9p2x7w1.execute-api.eu-central-1.amazonaws.com";

/// Five calls of a gateway: answered 200, the backend's 404, the gateway's own 403, a POST that a strange client made,
/// and one by a custom domain from an IPv6 address.
fn calls(api: &str) -> Vec<Call> {
    let rest = [
        ("GET", "/orders/{orderId}", "/live/orders/1001", "200"),
        ("GET", "/orders/{orderId}", "/live/orders/77", "404"),
        ("DELETE", "/orders/{orderId}", "/live/orders/5", "403"),
        ("POST", "/orders", "/live/orders", "201"),
        ("GET", "/orders/{orderId}", "/v2/orders/8", "200"),
    ];
    let mut calls = Vec::new();
    for (n, (method, template, path, status)) in rest.into_iter().enumerate() {
        let is_own = status == "403";
        let is_custom = path.starts_with("/v2");
        let is_http = api == "http";
        let unless_own = |value: &str| if is_own { "-" } else { value }.to_string();
        let address = if is_custom {
            "2001:db8:9::3"
        } else {
            "192.0.2.44"
        };
        let host = if is_custom {
            "shop.example.org"
        } else {
            API_HOST
        };
        let agent = match n {
            2 => "-",
            3 => r#"shop "beta, 2" (ü)"#,
            _ => "okhttp/4.12.0",
        };
        let id = if is_http {
            "Kz81jgQ-FiAEMtg="
        } else {
            "0b7c9f52-6f1e-4c53-8d0a-5e3a7d1f2b66"
        };
        let route = format!("{method} {template}");
        let latency = if is_own { "4" } else { "31" };
        let epoch = format!("179543210{n}000");
        let prefix = if is_custom { "/v2" } else { "/live" };
        let mut call = Call::new();
        let mut set = |names: &[&str], value: &str| {
            for name in names {
                call.insert((*name).to_string(), value.to_string());
            }
        };
        set(&["accountId"], "123456789012");
        set(&["apiId"], "k3m9p2x7w1");
        set(&["domainName", "host"], host);
        set(&["domainPrefix"], host.split('.').next().unwrap());
        set(&["extendedRequestId"], "aXt0qG1PFiAEY2Q=");
        set(&["httpMethod", "method"], method);
        set(&["path"], path);
        set(&["resourcePath"], if is_http { "-" } else { template });
        set(&["routeKey"], if is_http { &route } else { "-" });
        set(&["requestId"], id);
        set(&["status"], status);
        set(&["protocol"], "HTTP/1.1");
        set(&["responseLength"], "512");
        set(&["responseLatency"], latency);
        set(&["requestTime"], "23/Nov/2026:11:15:00 +0000");
        set(&["requestTimeEpoch"], &epoch);
        set(&["stage"], "live");
        set(&["identity.sourceIp", "clientAddress"], address);
        set(&["identity.userAgent", "userAgent"], agent);
        set(&["dataProcessed"], &unless_own("512"));
        set(&["resourceId"], "9x8y7z");
        let integrations = ["integrationLatency", "integration.latency"];
        set(&integrations, &unless_own("27"));
        let integrations = ["integrationStatus", "integration.integrationStatus"];
        set(&integrations, &unless_own("200"));
        set(&["integration.status"], &unless_own(status));
        set(&["integration.requestId"], &unless_own("c6af9ac6-7b61"));
        if is_own {
            set(&["error.message", "errorMessage"], "Forbidden");
            set(&["error.messageString"], r#""Forbidden""#);
            set(&["error.responseType"], "ACCESS_DENIED");
        }
        if is_custom {
            set(&["customDomain.basePathMatched"], "v2");
        }
        if api == "websocket" {
            set(&["eventType"], "MESSAGE");
            set(&["connectionId"], "P4mHdfB3liACEtg=");
            set(&["routeKey"], "sendOrder");
            set(&["httpMethod", "path", "resourcePath"], "-");
        }
        // What expectations refer to.
        set(&["api"], API_HOST);
        set(&["template"], template);
        set(&["prefixedTemplate"], &format!("{prefix}{template}"));
        let staged = if is_custom { "" } else { "/live" };
        set(&["stagedTemplate"], &format!("{staged}{template}"));
        calls.push(call);
    }
    calls
}

/// Writes a line with a format, as a gateway does: what a variable has not is `-`, and values are escaped for JSON.
fn write_line(format: &str, call: &Call) -> String {
    const BEGINNING: &str = "$context.";
    let mut line = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once(BEGINNING) {
        line += before;
        let length = after
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_')
            .unwrap_or(after.len());
        let name = after[..length].trim_end_matches('.');
        let value = call.get(name).map_or("-", String::as_str);
        // The one variable that brings its own quotes is written without more around it.
        let is_bare = name == "error.messageString" && line.trim_end().ends_with(':');
        if is_bare {
            line += value;
        } else {
            let escaped = Value::from(value).to_string();
            line += &escaped[1..escaped.len() - 1];
        }
        rest = &after[name.len()..];
    }
    line + rest
}

/// The documented line, with raw text in place of some of its values. A name that it lacks is added at its end.
fn documented_with(changes: &[(String, String)]) -> String {
    let mut text = line("GET", "/live/orders/7");
    for (name, value) in [
        ("requestId", "7d2c4b10-90ab-4cde-8f01-23456789abcd"),
        ("responseLength", "64"),
        ("requestTimeEpoch", "1795432100456"),
        ("stage", "live"),
        ("domainName", API_HOST),
        ("sourceIp", "192.0.2.44"),
        ("userAgent", "okhttp/4.12.0"),
    ] {
        text = with_value(&text, name, &format!("\"{value}\""));
    }
    for (name, value) in changes {
        text = with_value(&text, name, value);
    }
    text
}

fn with_value(line: &str, name: &str, value: &str) -> String {
    let before = format!("\"{name}\": ");
    let Some((head, rest)) = line.split_once(&before) else {
        return line.trim_end_matches(" }").to_string() + &format!(", {before}{value} }}");
    };
    let end = rest.find("\", \"").map(|at| at + 1);
    let end = end.unwrap_or_else(|| rest.rfind(" }").unwrap());
    format!("{head}{before}{value}{}", &rest[end..])
}

/// What the documented line is to the Node.
fn documented() -> Call {
    [
        ("method", "GET"),
        ("host", API_HOST),
        ("path", "/live/orders/7"),
        ("clientAddress", "192.0.2.44"),
        ("userAgent", "okhttp/4.12.0"),
        ("requestId", "7d2c4b10-90ab-4cde-8f01-23456789abcd"),
        ("status", "200"),
        ("responseLength", "64"),
        ("responseLatency", "12"),
        ("integrationLatency", "9"),
        ("integrationStatus", "200"),
        ("requestTimeEpoch", "1795432100456"),
        ("protocol", "HTTP/1.1"),
        ("stage", "live"),
        ("api", API_HOST),
    ]
    .map(|(name, value)| (name.to_string(), value.to_string()))
    .into()
}

fn formats() -> Vec<Case> {
    let case = |section: Section| {
        let (api, name) = section.title.split_once(' ').unwrap();
        let calls = calls(api);
        let lines = calls.iter().map(|call| write_line(&section.text[0], call));
        Case {
            name: format!("{} {name}", section.id),
            lines: lines.collect(),
            calls,
            expected: section.expected,
        }
    };
    sections(FORMATS).into_iter().map(case).collect()
}

fn lines() -> Vec<Case> {
    let case = |section: Section| {
        let mut lines = section.text;
        if lines.is_empty() {
            let hosts = section
                .changes
                .iter()
                .filter(|(name, _)| name == "domainName");
            let hosts: Vec<_> = hosts.cloned().collect();
            lines = match hosts.as_slice() {
                [] | [_] => vec![documented_with(&section.changes)],
                hosts => hosts
                    .iter()
                    .map(|host| documented_with(std::slice::from_ref(host)))
                    .collect(),
            };
        }
        Case {
            name: format!("{} {}", section.id, section.title),
            calls: lines.iter().map(|_| documented()).collect(),
            lines,
            expected: section.expected,
        }
    };
    sections(LINES).into_iter().map(case).collect()
}

/// A part of a file, between two lines with `[…]`.
#[derive(Default)]
struct Section {
    id: String,
    title: String,
    text: Vec<String>,
    changes: Vec<(String, String)>,
    expected: BTreeMap<String, Vec<Expected>>,
}

fn sections(file: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in file.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some((id, title)) = line
            .strip_prefix('[')
            .and_then(|line| line.split_once("] "))
        {
            sections.push(Section {
                id: id.to_string(),
                title: title.to_string(),
                ..Section::default()
            });
            continue;
        }
        let section = sections.last_mut().unwrap();
        if let Some(text) = line.strip_prefix("| ") {
            let text = text
                .replace("@longPath", &fill_in("@longPath", &Call::new()))
                .replace("\\T", "\t");
            section.text.push(text);
        } else if let Some(text) = line.strip_prefix("\\ ") {
            // The line before goes on after a line feed.
            let before = section.text.last_mut().unwrap();
            *before += &format!("\n{}", text.replace("\\T", "\t"));
        } else if let Some((name, value)) = line
            .strip_prefix("set ")
            .and_then(|line| line.split_once(' '))
        {
            let value = value
                .replace("@longPath", &fill_in("@longPath", &Call::new()))
                .replace("\\N", "\n");
            section.changes.push((name.to_string(), value));
        } else {
            let (setting, text) = line.split_once(": ").unwrap();
            let expected = section.expected.entry(setting.to_string()).or_default();
            expected.push(read_expected(text));
        }
    }
    sections
}

fn read_expected(text: &str) -> Expected {
    let (outcome, rest) = text.split_once(' ').unwrap_or((text, ""));
    if outcome == "sent" {
        return Expected::Sent(read_fields(rest));
    }
    let (reasons, advice) = text.split_once(", ").unwrap_or((text, ""));
    let reasons = match reasons {
        "skipped" => Vec::new(),
        reasons => reasons.split('|').map(str::to_string).collect(),
    };
    let advice = match advice {
        "" => Advice::Free,
        "no advice" => Advice::None,
        "advice" => Advice::Some,
        "the format" => Advice::Format,
        "quotes" => Advice::Quotes,
        names => {
            let names = names.split(' ').map(str::to_string);
            let (may, must): (Vec<_>, Vec<_>) = names.partition(|name| name.ends_with('?'));
            let may = may
                .iter()
                .map(|name| name.trim_end_matches('?').to_string());
            Advice::Names(must, may.collect())
        }
    };
    Expected::Skipped { reasons, advice }
}

/// Reads `name`, `name?`, `name=value|value` and `name="value"`.
fn read_fields(mut text: &str) -> Vec<(String, Wanted)> {
    let mut fields: Vec<(String, Wanted)> = Vec::new();
    while !text.is_empty() {
        let end = text.find([' ', '=']).unwrap_or(text.len());
        let name = &text[..end];
        text = &text[end..];
        if let Some(value) = text.strip_prefix('=') {
            let wanted;
            if value.starts_with('"') {
                let mut values = serde_json::Deserializer::from_str(value).into_iter::<String>();
                wanted = vec![values.next().unwrap().unwrap()];
                text = &value[values.byte_offset()..];
            } else {
                let end = value.find(' ').unwrap_or(value.len());
                wanted = value[..end].split('|').map(str::to_string).collect();
                text = &value[end..];
            }
            let wanted = match wanted.as_slice() {
                [any] if any == "*" => Wanted::Anything,
                _ => Wanted::OneOf(wanted),
            };
            fields.push((name.to_string(), wanted));
        } else if name == "all" {
            fields.extend(FIELDS.map(|name| (name.to_string(), Wanted::Gateways)));
        } else if let Some(name) = name.strip_suffix('?') {
            fields.push((name.to_string(), Wanted::GatewaysOrNothing));
        } else {
            fields.push((name.to_string(), Wanted::Gateways));
        }
        text = text.trim_start();
    }
    for (name, _) in &fields {
        assert!(FIELDS.contains(&name.as_str()), "{name}");
    }
    fields
}
