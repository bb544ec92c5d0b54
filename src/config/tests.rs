use super::*;

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
    let node = config(&[
        ("X_NODE_URL", "https://node/v1/calls"),
        ("X_NODE_FORMAT", "batch"),
    ])
    .unwrap()
    .node;
    assert_eq!(node.path, "/v1/calls");
}

#[test]
fn wrong_node_urls() {
    for url in [
        "a b",
        "node:",
        "node:0",
        "node:99999",
        "user@node",
        "no:x/..",
        "node?x",
        "-:",
        "http://",
        "a..b",
        "[::x]",
    ] {
        refused(
            &[("X_NODE_URL", url), ("X_NODE_FORMAT", "batch")],
            &["X_NODE_URL must be a host name", "for example"],
        );
    }
    refused(&[("X_NODE_URL", "ftp://node")], &["neither http nor https"]);
    refused(
        &[("X_NODE_URL", "http://node"), ("X_NODE_SCHEME", "https")],
        &["another scheme than X_NODE_SCHEME"],
    );
    refused(&[("X_NODE_URL", "node/path")], &["has a path"]);
    refused(
        &[("X_NODE_URL", "node/a b"), ("X_NODE_FORMAT", "batch")],
        &["character"],
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
        ("X_LOG_LEVEL", "loud", "must be one of TRACE"),
        ("X_NODE_HEADERS", "X-Team: a", "must be a JSON object"),
        ("X_NODE_HEADERS", r#"{"X-Team":1}"#, "must be a JSON object"),
        ("X_NODE_HEADERS", r#"{"X Team":"a"}"#, "name that no header"),
        (
            "X_NODE_HEADERS",
            r#"{"X-Team":"a\r\nX: y"}"#,
            "control character in the value of X-Team",
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
            "sets x-request-id",
        ),
        (
            "X_NODE_CA_CERT",
            "/no/such/file.pem",
            "or a file that can be read",
        ),
        (
            "X_NODE_CA_CERT",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "broken",
        ),
    ] {
        refused(
            &[(name, value)],
            &[&format!("{name} "), what, &format!("for example {name}=")],
        );
        // The example is a value that is accepted, but for a file, which is not on this machine.
        let error = config(&[(name, value)]).unwrap_err();
        let (_, example) = error.rsplit_once(&format!("{name}=")).unwrap();
        assert_eq!(
            config(&[(name, example)]).is_ok(),
            name != "X_NODE_CA_CERT",
            "{error}"
        );
    }
}

#[test]
fn values() {
    let config = config(&[
        ("X_WALLARM_APPLICATION_ID", "42"),
        ("X_NODE_HEADERS", r#"{"X-Team":"payments","X-Env":"a b"}"#),
        ("X_STRIP_STAGE", "TRUE"),
        ("X_NODE_CONNECTIONS", "3"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "WARN"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
    ])
    .unwrap();
    assert_eq!(config.wire.application_id, 42);
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
fn typos_are_told_with_the_nearest_name() {
    for (typo, meant) in [
        ("X_NODE_CONECTIONS", "X_NODE_CONNECTIONS"),
        ("X_NDOE_URL", "X_NODE_URL"),
        ("X_NODE_TIMEOUT", "X_NODE_TIMEOUT_MS"),
        ("X_WALLARM_APP_ID", "X_WALLARM_APPLICATION_ID"),
        ("X_STRIPSTAGE", "X_STRIP_STAGE"),
        ("x_node_scheme", "X_NODE_SCHEME"),
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
    for other in [
        "X_MY_OWN_THING",
        "PATH",
        "_X_AMZN_TRACE_ID",
        "NODE_ENV",
        // Of other tools, or of nobody that is known here.
        "NODE_URL",
        "LOG_LEVEL",
        "DD_LOG_LEVEL",
        "NR_LOG_LEVEL",
        "AWS_REGION",
    ] {
        assert!(config(&[(other, "1")]).is_ok(), "{other}");
    }
}
