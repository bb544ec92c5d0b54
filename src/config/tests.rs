use super::*;
use crate::wire::resend::OWN_HEADERS;

fn config(vars: &[(&str, &str)]) -> Result<Config, String> {
    let mut all = vec![(
        "AWS_LAMBDA_RUNTIME_API".to_string(),
        "127.0.0.1:9001".to_string(),
    )];
    if !vars.iter().any(|(name, _)| *name == "X_NODE_URL") {
        all.push(("X_NODE_URL".to_string(), "node.example.com".to_string()));
    }
    all.extend(
        vars.iter()
            .map(|(name, value)| ((*name).to_string(), (*value).to_string())),
    );
    Config::from_vars(&all).map_err(|error| {
        assert_eq!(error.error_type(), "Runtime.ConfigInvalid");
        error.to_string()
    })
}

#[track_caller]
fn refused(vars: &[(&str, &str)], words: &[&str]) {
    let error = config(vars).expect_err("a refusal");
    for word in words {
        assert!(error.contains(word), "{error:?} lacks {word:?}");
    }
}

/// They may be a token's.
#[test]
fn the_value_of_a_header_is_in_no_error() {
    for headers in [
        r#"{"X-Team": "s3cret\n"}"#,
        r#"{"Host": "s3cret"}"#,
        r#"{"X Team": "s3cret"}"#,
        r#"{"X-Team": ["s3cret"]}"#,
        r#"{"X-Team": "s3cret", "x-team": "s3cret"}"#,
        r#"{"X-Team": "s3cret", "X-Team": "s3cret"}"#,
        r#"{"X-Team": "s3cret""#,
        "X-Team: s3cret",
    ] {
        let error = config(&[("X_NODE_HEADERS", headers)]).expect_err("a refusal");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn defaults() {
    let config = config(&[]).unwrap();
    assert_eq!(config.runtime_api, "127.0.0.1:9001");
    assert_eq!(
        (
            config.node.https,
            config.node.host.as_str(),
            config.node.port
        ),
        (true, "node.example.com", None)
    );
    assert_eq!(config.node.connections, 8);
    assert!(!config.drops_firehose_records);
    assert_eq!(config.node.connect_timeout, Duration::from_secs(3));
    assert_eq!(config.node.response_timeout, Duration::from_secs(10));
    assert_eq!(config.node.down_after, Duration::from_secs(10));
    assert_eq!(config.wire.format, Format::Resend);
    assert_eq!(config.wire.application_id, -1);
    assert!(!config.wire.strip_stage);
    assert_eq!(config.max_inflated_bytes, 134_217_728);
    assert_eq!(config.log.level, Level::Info);
    assert!(!config.log.json);
}

#[test]
fn an_empty_value_is_no_value() {
    let names = VARIABLES.iter().filter(|(name, _)| *name != "X_NODE_URL");
    let vars: Vec<_> = names.map(|(name, _)| (*name, "")).collect();
    assert_eq!(config(&vars).unwrap().wire.application_id, -1);
    refused(
        &[("X_NODE_URL", "")],
        &["X_NODE_URL is not set", "node.example.com:5050"],
    );
}

#[test]
fn node_urls() {
    for (url, scheme, expected) in [
        ("node:5050", "http", (false, "node", Some(5050), "/")),
        ("node", "https", (true, "node", None, "/")),
        ("http://node:5050", "", (false, "node", Some(5050), "/")),
        ("HTTPS://node/", "HTTPS", (true, "node", None, "/")),
        ("10.0.0.7:80", "http", (false, "10.0.0.7", Some(80), "/")),
        ("[fd00::7]:80", "http", (false, "[fd00::7]", Some(80), "/")),
        ("[fd00::7]", "http", (false, "[fd00::7]", None, "/")),
    ] {
        let node = config(&[("X_NODE_URL", url), ("X_NODE_SCHEME", scheme)])
            .unwrap()
            .node;
        assert_eq!(
            (
                node.https,
                node.host.as_str(),
                node.port,
                node.path.as_str()
            ),
            expected,
            "{url}"
        );
    }
    for (url, path) in [
        ("https://node/v1/calls", "/v1/calls"),
        ("node/v1/calls?key=a@b", "/v1/calls?key=a@b"),
        ("node/v1?of=http://c/", "/v1?of=http://c/"),
    ] {
        let node = config(&[("X_NODE_URL", url), ("X_NODE_FORMAT", "batch")])
            .unwrap()
            .node;
        assert_eq!((node.host.as_str(), node.path.as_str()), ("node", path));
    }
}

/// Each example in an error, as the variable and the value that it sets.
fn examples(error: &str) -> Vec<(&str, &str)> {
    let assignments = error.split("; for example ").skip(1);
    assignments
        .map(|text| text.split("; also ").next().unwrap_or(text))
        .map(|text| text.split("; and ").next().unwrap_or(text))
        .map(|assignment| assignment.split_once('=').expect("an assignment"))
        .collect()
}

/// Asserts that variables are refused with this text, and accepted with each example in place of its value. A
/// file is not on this machine.
#[track_caller]
fn refused_with_example(vars: &[(&str, &str)], text: &str) {
    let error = config(vars).expect_err("a refusal");
    assert!(error.contains(text), "{error:?} lacks {text:?}");
    let examples = examples(&error);
    assert!(!examples.is_empty(), "{error:?}");
    let mut fixed: Vec<_> = vars
        .iter()
        .filter(|(name, _)| examples.iter().all(|(fixed, _)| fixed != name))
        .copied()
        .collect();
    let is_file = |example: &&(&str, &str)| example.0 == "X_NODE_CA_CERT";
    fixed.extend(examples.iter().filter(|example| !is_file(example)));
    if let Err(still) = config(&fixed) {
        panic!("{error:?} leads to {still:?}");
    }
}

#[test]
fn wrong_node_urls() {
    for (url, what) in [
        ("a b", "must be an address without whitespace"),
        (" node", "must be an address without whitespace"),
        ("node/a\tb", "must be an address without whitespace"),
        ("ftp://node", "has a scheme that is neither http nor https"),
        ("://node", "has a scheme that is neither http nor https"),
        ("node:", "has a colon without a port"),
        ("[fd00::7]:", "has a colon without a port"),
        ("node:0", "has port 0"),
        ("[::1]:0", "has port 0"),
        ("node:65536", "has a port above 65535"),
        ("node:99999999999999999999", "has a port above 65535"),
        ("node:http", "has a port that is not a number"),
        ("node:+80", "has a port that is not a number"),
        ("node:-1", "has a port that is not a number"),
        ("::1", "must have brackets around an IPv6 address"),
        ("fe80::1", "must have brackets around an IPv6 address"),
        (
            "http://::1:5050",
            "must have brackets around an IPv6 address",
        ),
        (
            "1:2:3:4:5:6:7:8:80",
            "must have brackets around an IPv6 address",
        ),
        ("fe80::1%eth0", "has an IPv6 address with a zone"),
        ("[fe80::1%25eth0]:80", "has an IPv6 address with a zone"),
        ("[::x]", "must have an IPv6 address in its brackets"),
        ("[node]", "must have an IPv6 address in its brackets"),
        ("[10.0.0.7]", "must have an IPv6 address in its brackets"),
        ("[::1", "must have an IPv6 address in its brackets"),
        ("[::1]80", "must have an IPv6 address in its brackets"),
        ("node?x=1", "must have a path before its query"),
        ("node#top", "has a fragment"),
        ("node/path#top", "has a fragment"),
        ("user@node", "has a name or a password before an @"),
        (
            "https://user:s3cret@node:5050/x",
            "has a name or a password before an @",
        ),
        ("user:s3cret@[::1]", "has a name or a password before an @"),
        ("http://", "has no host"),
        (":5050", "has no host"),
        ("/calls", "has no host"),
        ("a..b", "must be a host name or an address"),
        ("n\u{f6}de", "must be a host name or an address"),
        ("a:b:c", "must be a host name or an address"),
        (
            "node/caf\u{e9}",
            "has a path with a character that no URL has",
        ),
    ] {
        let vars = [("X_NODE_URL", url), ("X_NODE_FORMAT", "batch")];
        refused_with_example(&vars, &format!("X_NODE_URL {what}"));
        let error = config(&vars[..1]).expect_err("a refusal");
        assert!(!error.contains("s3cret"), "{error}");
    }
    for (url, what) in [
        ("node/path", "has a path, which the format resend can't use"),
        ("node?x=1", "has a query, which the format resend can't use"),
        (
            "node/?x=1",
            "has a query, which the format resend can't use",
        ),
        (
            "node/p?x=1",
            "has a query, which the format resend can't use",
        ),
    ] {
        refused_with_example(&[("X_NODE_URL", url)], &format!("X_NODE_URL {what}"));
    }
    refused_with_example(
        &[("X_NODE_URL", "http://node"), ("X_NODE_SCHEME", "https")],
        "another scheme than X_NODE_SCHEME",
    );
}

#[test]
fn an_api_is_no_node() {
    for host in [
        "abc123.execute-api.us-east-1.amazonaws.com",
        "ABC123.Execute-API.cn-north-1.amazonaws.com.cn:443",
        "abc123.execute-api-fips.us-gov-west-1.amazonaws.com",
        "vpce-1-2.execute-api.us-east-1.vpce.amazonaws.com",
    ] {
        for format in ["resend", "batch"] {
            refused(
                &[("X_NODE_URL", host), ("X_NODE_FORMAT", format)],
                &["is an endpoint of API Gateway", "made there once more"],
            );
        }
    }
}

#[test]
fn wrong_values_name_the_variable_and_an_example() {
    for (name, value, what) in [
        ("X_NODE_SCHEME", "ftp", "must be one of https, http"),
        ("X_WALLARM_APPLICATION_ID", "one", "must be a whole number"),
        ("X_WALLARM_APPLICATION_ID", "1.5", "must be a whole number"),
        ("X_NODE_FORMAT", "json", "must be one of resend, batch"),
        (
            "X_NODE_CONNECTIONS",
            "0",
            "must be a whole number from 1 to 64",
        ),
        (
            "X_NODE_CONNECTIONS",
            "65",
            "must be a whole number from 1 to 64",
        ),
        ("X_NODE_TIMEOUT_MS", "-1", "must be a whole number"),
        ("X_NODE_CONNECT_TIMEOUT_MS", "10s", "must be a whole number"),
        ("X_NODE_DOWN_AFTER_MS", "1e3", "must be a whole number"),
        (
            "X_MAX_INFLATED_BYTES",
            "12",
            "must be a whole number from 1024",
        ),
        ("X_STRIP_STAGE", "yes", "must be one of true, 1, false, 0"),
        ("X_PATH", "templates", "must be one of template, path"),
        ("X_FIREHOSE_RESULT", "drop", "must be one of ok, dropped"),
        (
            "X_SAMPLE",
            "5",
            "must be a JSON object with calls and seconds",
        ),
        ("X_SAMPLE", r#"{"calls":5}"#, "must be a JSON object"),
        (
            "X_SAMPLE",
            r#"{"calls":"5","seconds":3600}"#,
            "must be a JSON object",
        ),
        (
            "X_SAMPLE",
            r#"{"calls":5,"calls":6,"seconds":3600}"#,
            "must be a JSON object",
        ),
        (
            "X_SAMPLE",
            r#"{"calls":5,"seconds":3600,"keeps":"errors"}"#,
            "must be a JSON object",
        ),
        (
            "X_SAMPLE",
            r#"{"calls":1,"seconds":3600}"#,
            "must have calls from 2 to 1000",
        ),
        (
            "X_SAMPLE",
            r#"{"calls":70000,"seconds":3600}"#,
            "must have calls from 2 to 1000",
        ),
        (
            "X_SAMPLE",
            r#"{"calls":5,"seconds":599}"#,
            "must have seconds from 600 to 604800",
        ),
        (
            "X_SAMPLE",
            r#"{"calls":5,"seconds":604801}"#,
            "must have seconds from 600 to 604800",
        ),
        (
            "X_SAMPLE",
            r#"{"calls":5,"seconds":3600,"keep":"all"}"#,
            "must have no keep, or errors as keep",
        ),
        ("X_LOG_LEVEL", "loud", "must be one of TRACE"),
        ("X_REPORT_LINE", "json", "must be one of metrics, compact"),
        ("X_NODE_HEADERS", "X-Team: a", "must be a JSON object"),
        ("X_NODE_HEADERS", r#"{"X-Team":1}"#, "must be a JSON object"),
        (
            "X_NODE_HEADERS",
            r#"{"X Team":"a"}"#,
            "has a name that no header",
        ),
        (
            "X_NODE_HEADERS",
            r#"{"X-Team":"a\r\nX: y"}"#,
            "has a control character in the value of X-Team",
        ),
        (
            "X_NODE_HEADERS",
            r#"{"host":"a"}"#,
            "sets host, which this function sets itself",
        ),
        (
            "X_NODE_HEADERS",
            r#"{"Transfer-Encoding":"chunked"}"#,
            "sets Transfer-Encoding, which would change how messages are framed",
        ),
        (
            "X_NODE_HEADERS",
            r#"{"x-request-id":"a"}"#,
            "sets x-request-id, which this function sets itself",
        ),
        ("X_NODE_HEADERS", r#"{"":"a"}"#, "has a name that no header"),
        (
            "X_NODE_HEADERS",
            r#"{"X-Team":"a","x-team":"b"}"#,
            "sets X-Team and x-team, which are one header",
        ),
        (
            "X_NODE_HEADERS",
            r#"{"X-Team":"a","X-Te\u0061m":"a"}"#,
            "sets X-Team twice",
        ),
        (
            "X_NODE_HEADER_NAMES",
            "X-Real-IP=a",
            "must be a JSON object",
        ),
        (
            "X_NODE_HEADER_NAMES",
            r#"{"X-Real-IP":"X Client"}"#,
            "has a name that no header can have",
        ),
        (
            "X_NODE_HEADER_NAMES",
            r#"{"X-Real-IP":""}"#,
            "has a name that no header can have",
        ),
        (
            "X_NODE_HEADER_NAMES",
            r#"{"Host":"X-Host"}"#,
            "can name User-Agent, X-Forwarded-For, X-Real-IP, X-Forwarded-Host, X-Forwarded-Proto, X-Request-Id, \
             X-Wallarm-Application-Id, X-Wallarm-Message only",
        ),
        (
            "X_NODE_HEADER_NAMES",
            r#"{"X-Real-IP":"A","x-real-ip":"B"}"#,
            "names X-Real-IP twice",
        ),
        (
            "X_NODE_HEADER_NAMES",
            r#"{"X-Real-IP":"te"}"#,
            "names X-Real-IP te, which would change how messages are framed",
        ),
        (
            "X_NODE_HEADER_NAMES",
            r#"{"X-Real-IP":"content-length"}"#,
            "names X-Real-IP content-length, which is the name of another header",
        ),
        (
            "X_NODE_HEADER_NAMES",
            r#"{"X-Real-IP":"X-A","X-Forwarded-For":"x-a"}"#,
            "names X-Real-IP X-A, which is the name of another header",
        ),
        (
            "X_NODE_CA_CERT",
            "/no/such/file.pem",
            "must be PEM text, or a file that can be read",
        ),
        (
            "X_NODE_CA_CERT",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "holds a certificate that is broken: number 1",
        ),
    ] {
        refused_with_example(&[(name, value)], &format!("{name} {what}"));
    }
    for own in OWN_HEADERS {
        let headers = format!(r#"{{"{own}":"a"}}"#);
        let what = format!("sets {own}, which this function sets itself");
        refused_with_example(&[("X_NODE_HEADERS", &headers)], &what);
    }
    for framing in [
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "Expect",
    ] {
        let headers = format!(r#"{{"{framing}":"a"}}"#);
        let what = format!("sets {framing}, which would change how messages are framed");
        refused_with_example(&[("X_NODE_HEADERS", &headers)], &what);
    }
}

/// Names may be exchanged, but no two headers have one name, those that are added among them.
#[test]
fn own_headers_have_other_names() {
    let names = r#"{"x-real-ip":"X-Forwarded-For","X-Forwarded-For":"X-Real-IP"}"#;
    let config = config(&[("X_NODE_HEADER_NAMES", names)]).unwrap();
    let expected = [
        ("X-Real-IP", "X-Forwarded-For"),
        ("X-Forwarded-For", "X-Real-IP"),
    ];
    let expected = expected.map(|(own, other)| (own.to_string(), other.to_string()));
    assert_eq!(config.wire.header_names, expected);
    refused_with_example(
        &[
            ("X_NODE_HEADERS", r#"{"X-Team":"payments"}"#),
            ("X_NODE_HEADER_NAMES", r#"{"X-Real-IP":"x-team"}"#),
        ],
        "names X-Real-IP x-team, which is the name of another header",
    );
}

/// A slow response alone must not have the Node count as down.
#[test]
fn the_node_is_not_down_before_a_response_is_late() {
    const TIMEOUT: &str = "X_NODE_TIMEOUT_MS";
    const DOWN_AFTER: &str = "X_NODE_DOWN_AFTER_MS";
    for (vars, text) in [
        (
            vec![(TIMEOUT, "5000"), (DOWN_AFTER, "4999")],
            "must be at least X_NODE_TIMEOUT_MS, which is 5000 here; for example X_NODE_DOWN_AFTER_MS=5000",
        ),
        (
            vec![(DOWN_AFTER, "300")],
            "must be at least X_NODE_TIMEOUT_MS, which is 10000 here, its default; for example \
             X_NODE_DOWN_AFTER_MS=10000",
        ),
        (
            vec![(TIMEOUT, "20000")],
            "is 10000 by default, and must be at least X_NODE_TIMEOUT_MS, which is 20000 here; for example \
             X_NODE_DOWN_AFTER_MS=20000",
        ),
        // An example agrees with the other value.
        (
            vec![(TIMEOUT, "0"), (DOWN_AFTER, "500")],
            "for example X_NODE_TIMEOUT_MS=500",
        ),
        (
            vec![(TIMEOUT, "20000"), (DOWN_AFTER, "x")],
            "for example X_NODE_DOWN_AFTER_MS=20000",
        ),
        (
            vec![(TIMEOUT, "x"), (DOWN_AFTER, "y")],
            "for example X_NODE_TIMEOUT_MS=10000; also X_NODE_DOWN_AFTER_MS must be",
        ),
    ] {
        refused_with_example(&vars, text);
    }
    for vars in [
        [(TIMEOUT, "300"), (DOWN_AFTER, "300")],
        [(TIMEOUT, "300"), (DOWN_AFTER, "")],
        [(TIMEOUT, ""), (DOWN_AFTER, "10001")],
    ] {
        config(&vars).unwrap();
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    assert_eq!(
        config(&[
            ("X_NODE_CONNECTIONS", "0"),
            ("X_NODE_FROMAT", "batch"),
            ("X_NODE_URL", "node:0"),
        ])
        .unwrap_err(),
        "failed to read the configuration: X_NODE_FROMAT is not a variable of this function; did you mean \
         X_NODE_FORMAT?; also X_NODE_URL has port 0, where no server can be; for example \
         X_NODE_URL=node.example.com:5050; also X_NODE_CONNECTIONS must be a whole number from 1 to 64; for \
         example X_NODE_CONNECTIONS=8"
    );
    let wrong: Vec<_> = VARIABLES.iter().map(|(name, _)| (*name, "\u{1}")).collect();
    let error = config(&wrong).unwrap_err();
    assert_eq!(error.matches("; also ").count(), 7, "{error}");
    let more = format!("; and {} more", VARIABLES.len() - 8);
    assert!(error.ends_with(&more), "{error}");
}

/// What follows from a mistake is not a second one.
#[test]
fn a_consequence_is_not_told() {
    for (vars, text) in [
        // The address is set, under another name.
        (
            vec![("X_NODE_URL", ""), ("X_NODE_ULR", "node")],
            "X_NODE_ULR is not a variable of this function; did you mean X_NODE_URL?",
        ),
        (
            vec![("X_NODE_URL", "node/x"), ("X_NODE_FROMAT", "batch")],
            "X_NODE_FROMAT is not a variable of this function; did you mean X_NODE_FORMAT?",
        ),
        (
            vec![("X_NODE_TIMEOUT", "300"), ("X_NODE_DOWN_AFTER_MS", "300")],
            "X_NODE_TIMEOUT is not a variable of this function; did you mean X_NODE_TIMEOUT_MS?",
        ),
        (
            vec![("X_NODE_TIMEOUT_MS", "x"), ("X_NODE_DOWN_AFTER_MS", "300")],
            "X_NODE_TIMEOUT_MS must be a whole number from 1 to 900000; for example X_NODE_TIMEOUT_MS=300",
        ),
        (
            vec![("X_NODE_URL", "http://node"), ("X_NODE_SCHEME", "x")],
            "X_NODE_SCHEME must be one of https, http; for example X_NODE_SCHEME=https",
        ),
        (
            vec![("X_NODE_URL", "node/x"), ("X_NODE_FORMAT", "x")],
            "X_NODE_FORMAT must be one of resend, batch; for example X_NODE_FORMAT=resend",
        ),
    ] {
        let error = config(&vars).unwrap_err();
        assert_eq!(error, format!("failed to read the configuration: {text}"));
    }
    // A name that is near to none says nothing of the others.
    refused(
        &[("X_NODE_URL", ""), ("X_NODE_FOO", "node")],
        &[
            "X_NODE_FOO is not a variable",
            "; also X_NODE_URL is not set",
        ],
    );
}

#[test]
fn values() {
    let config = config(&[
        ("X_WALLARM_APPLICATION_ID", "42"),
        ("X_NODE_HEADERS", r#"{"X-Team":"payments","X-Env":"a b"}"#),
        ("X_STRIP_STAGE", "TRUE"),
        ("X_FIREHOSE_RESULT", "Dropped"),
        ("X_NODE_CONNECTIONS", "3"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "WARN"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
    ])
    .unwrap();
    assert_eq!(config.wire.application_id, 42);
    assert!(config.drops_firehose_records);
    assert_eq!(
        config.wire.headers,
        [
            ("X-Env".into(), "a b".into()),
            ("X-Team".into(), "payments".into())
        ]
    );
    assert!(config.wire.strip_stage && config.log.json);
    assert_eq!(config.node.connections, 3);
    assert_eq!(config.log.level, Level::Warn);
    assert_eq!(config.log.function_name, "f");
}

#[test]
fn our_log_level_goes_before_lambdas() {
    let config = config(&[("AWS_LAMBDA_LOG_LEVEL", "ERROR"), ("X_LOG_LEVEL", "debug")]).unwrap();
    assert_eq!(config.log.level, Level::Debug);
}

#[test]
fn the_form_of_the_report_line_is_the_one_with_metrics_unless_it_is_set() {
    for (vars, is_compact) in [
        (&[] as &[_], false),
        (&[("X_REPORT_LINE", "metrics")], false),
        (&[("X_REPORT_LINE", "Compact")], true),
    ] {
        assert_eq!(config(vars).unwrap().log.is_compact, is_compact, "{vars:?}");
    }
}

#[test]
fn typos_are_told_with_the_nearest_name() {
    for (typo, meant) in [
        ("X_NODE_CONECTIONS", "X_NODE_CONNECTIONS"),
        ("X_NDOE_URL", "X_NODE_URL"),
        ("X_NODE_TIMEOUT", "X_NODE_TIMEOUT_MS"),
        ("X_WALLARM_APP_ID", "X_WALLARM_APPLICATION_ID"),
        ("X_WALARM_APPLICATON_ID", "X_WALLARM_APPLICATION_ID"),
        ("X_STRIPSTAGE", "X_STRIP_STAGE"),
        ("X_SRTIP_STAEG", "X_STRIP_STAGE"),
        ("X_MAX_INFLATED_BYTE", "X_MAX_INFLATED_BYTES"),
        ("X_LOG_LEVLE", "X_LOG_LEVEL"),
        ("X_REPORT_LINES", "X_REPORT_LINE"),
        ("x_node_scheme", "X_NODE_SCHEME"),
        ("x_log_level", "X_LOG_LEVEL"),
        ("X-NODE-URL", "X_NODE_URL"),
        ("X_NODE_SOMETHING_ELSE_ALTOGETHER", "X_NODE_"),
    ] {
        refused(
            &[(typo, "1")],
            &[
                &format!("{typo} is not a variable"),
                &format!("did you mean {meant}"),
            ],
        );
    }
}

/// The warning of these variables, beside the address.
fn warning(vars: &[(&str, &str)]) -> Option<String> {
    let own = |(name, value): &(&str, &str)| ((*name).to_string(), (*value).to_string());
    let vars: Vec<_> = vars.iter().map(own).collect();
    Config::warning(&vars).map(|warning| warning.to_string())
}

#[test]
fn names_of_others_are_neither_errors_nor_warnings() {
    for name in [
        "PATH",
        "LOG_LEVEL",
        "DD_LOG_LEVEL",
        "NR_LOG_LEVEL",
        "NEW_RELIC_LOG_LEVEL",
        "NEW_RELIC_APP_NAME",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "POWERTOOLS_LOG_LEVEL",
        "AWS_REGION",
        "AWS_LAMBDA_LOG_LEVEL",
        "AWS_XRAY_LOG_LEVEL",
        "_X_AMZN_TRACE_ID",
        "X_AMZN_TRACE_ID",
        "X_MY_OWN_THING",
        "X_LOG_LABELS",
        "X_APP_LEVEL",
        "X_MODE",
        "XDG_CONFIG_HOME",
        "NODE_ENV",
        "NODE_OPTIONS",
        "NODE_EXTRA_CA_CERTS",
        "WALLARM_API_TOKEN",
        "WALLARM_MODE",
        "TIMEOUT_MS",
        "URL",
    ] {
        if name != "AWS_LAMBDA_LOG_LEVEL" {
            config(&[(name, "1")]).unwrap();
        }
        assert_eq!(warning(&[(name, "1")]), None, "{name}");
    }
}

#[test]
fn names_that_may_be_meant_for_us_are_one_warning() {
    for (name, meant) in [
        ("NODE_URL", "X_NODE_URL"),
        ("WALLARM_NODE_URL", "X_NODE_URL"),
        ("WALLARM_X_NODE_URL", "X_NODE_URL"),
        ("X_URL", "X_NODE_URL"),
        ("node_scheme", "X_NODE_SCHEME"),
        ("WALLARM_APPLICATION_ID", "X_WALLARM_APPLICATION_ID"),
        ("X_APPLICATION_ID", "X_WALLARM_APPLICATION_ID"),
        ("X_CONNECTIONS", "X_NODE_CONNECTIONS"),
        ("NODE_CA_CERT", "X_NODE_CA_CERT"),
        ("MAX_INFLATED_BYTES", "X_MAX_INFLATED_BYTES"),
        ("STRIP_STAGE", "X_STRIP_STAGE"),
    ] {
        config(&[(name, "s3cret")]).unwrap();
        assert_eq!(
            warning(&[(name, "s3cret")]).unwrap(),
            format!(
                "failed to read every variable: {name} is not one of this function's, did you mean {meant}?"
            )
        );
        // Where the right name is set, or nothing is, nothing is missing.
        assert_eq!(warning(&[(name, "s3cret"), (meant, "a")]), None);
        assert_eq!(warning(&[(name, "")]), None);
    }
    let text = warning(&[("NODE_URL", "a"), ("LOG_LEVEL", "b"), ("NODE_SCHEME", "c")]).unwrap();
    assert!(
        text.ends_with(
            "NODE_URL is not one of this function's, did you mean X_NODE_URL?; NODE_SCHEME is not one of this \
             function's, did you mean X_NODE_SCHEME?"
        ),
        "{text}"
    );
}

#[test]
fn sample() {
    assert_eq!(config(&[]).unwrap().sample, None);
    for (value, keeps_errors) in [
        (r#"{"calls":5,"seconds":3600}"#, false),
        (
            r#" { "keep" : "errors", "seconds" : 3600, "calls" : 5 } "#,
            true,
        ),
    ] {
        let rule = config(&[("X_SAMPLE", value)]).unwrap().sample.unwrap();
        assert_eq!((rule.calls, rule.seconds), (5, 3600));
        assert_eq!(rule.keeps_errors, keeps_errors);
    }
}

#[test]
fn default_hosts() {
    let hosts = |value: &str| config(&[("X_DEFAULT_HOST", value)]);
    let one = hosts("API.example.com.").unwrap().default_hosts;
    assert_eq!(one.find(Some("/a"), None), Some("api.example.com"));
    assert_eq!(one.find(None, Some("s")), Some("api.example.com"));
    let several = r#"{"/a":"a.example:8443","s":"s.example","*":"rest.example"}"#;
    let several = hosts(several).unwrap().default_hosts;
    for (log_group, stream, expected) in [
        (Some("/a"), None, "a.example:8443"),
        (Some("/a"), Some("s"), "a.example:8443"),
        (Some("/b"), Some("s"), "s.example"),
        (Some("/b"), Some("t"), "rest.example"),
        (None, None, "rest.example"),
    ] {
        assert_eq!(several.find(log_group, stream), Some(expected));
    }
    let some = hosts(r#"{"/a":"a.example"}"#).unwrap().default_hosts;
    assert_eq!(some.find(Some("/b"), None), None);
    assert_eq!(
        config(&[]).unwrap().default_hosts.find(Some("/a"), None),
        None
    );
    for (value, text) in [
        ("a b", "has no host name: letters, digits"),
        (
            "https://api.example.com",
            "has no host name: letters, digits",
        ),
        ("-", "has no host name"),
        ("{\"/a\":1}", "must be a host, or a JSON object"),
        ("{\"/a\"", "must be a host, or a JSON object"),
        (r#"{"/a":"a b"}"#, "has no host name for /a: letters"),
        (
            r#"{"/a":"a.example","/a":"b.example"}"#,
            "has an empty name, or one twice for /a",
        ),
        (r#"{"":"a.example"}"#, "has an empty name, or one twice"),
        (
            r#"{"*":"a.example","*":"b.example"}"#,
            "has an empty name, or one twice for *",
        ),
        (
            "node.example.com",
            "has the Node's own host: it has to be the API's",
        ),
        (
            r#"{"/a":"Node.Example.com.:8443"}"#,
            "has the Node's own host for /a",
        ),
    ] {
        let error = hosts(value).unwrap_err();
        assert!(
            error.contains(&format!("X_DEFAULT_HOST {text}")),
            "{value}: {error}"
        );
        assert!(
            error.contains("; for example X_DEFAULT_HOST="),
            "{value}: {error}"
        );
    }
}
