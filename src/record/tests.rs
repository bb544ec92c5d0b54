use super::names::find;
use super::*;

/// A line as an escaped JSON string's content, as it stands in its document.
fn escaped(line: &str) -> Vec<u8> {
    let quoted = serde_json::to_string(line).unwrap();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

#[track_caller]
fn check(line: &str, assert: impl Fn(Result<AccessRecord<'_>, Skip>)) {
    // The second reading finds the buffers as the first one has left them.
    let mut reader = LineReader::new();
    for _ in 0..2 {
        assert(reader.read(&escaped(line)));
        // The oracle of the fast path.
        assert(reader.read_any(&escaped(line)));
    }
}

#[test]
fn the_documented_format_takes_the_fast_path() {
    let mut reader = LineReader::new();
    for line in [DOCUMENTED.to_string(), format!("{DOCUMENTED}\n")] {
        assert!(reader.read_flat(&escaped(&line)).is_some());
    }
    for name in [
        "requestId",
        "httpMethod",
        "requestTime",
        "userAgent",
        "domainName",
        "status",
    ] {
        let documented = find_documented(name.as_bytes()).unwrap();
        assert_eq!(
            documented,
            find(name.to_ascii_lowercase().as_bytes()),
            "{name}"
        );
    }
}

#[track_caller]
fn skipped(line: &str, reason: Skip) {
    check(line, |record| assert_eq!(record, Err(reason), "{line}"));
}

/// A record with no more than what every record has.
fn least<'a>(method: &'a str, host: &'a str, path: &'a str) -> AccessRecord<'a> {
    AccessRecord {
        method,
        path: path.as_bytes(),
        host,
        request_id: None,
        protocol: None,
        stage: None,
        error_message: None,
        user_agent: None,
        source_ip: None,
        status: None,
        response_length: None,
        response_latency: None,
        integration_latency: None,
        integration_status: None,
        request_time_epoch: None,
    }
}

#[track_caller]
fn yields(line: &str, expected: &AccessRecord<'_>) {
    check(line, |record| {
        assert_eq!(record.as_ref(), Ok(expected), "{line}")
    });
}

const DOCUMENTED: &str = r#"{ "requestId": "7f3c1a4e-0e0b-4a35-9b7e-2f1f6f0f5a11", "httpMethod": "GET", "path": "/prod/pets/42", "protocol": "HTTP/1.1", "status": "200", "responseLength": "345", "requestTime": "22/Nov/2026:10:00:00 +0000", "requestTimeEpoch": "1795341600000", "responseLatency": "12", "integrationLatency": "9", "integrationStatus": "200", "errorMessage": "-", "stage": "prod", "domainName": "abc123.execute-api.us-east-1.amazonaws.com", "sourceIp": "203.0.113.7", "userAgent": "curl/8.5.0" }"#;

fn documented() -> AccessRecord<'static> {
    AccessRecord {
        request_id: Some(b"7f3c1a4e-0e0b-4a35-9b7e-2f1f6f0f5a11"),
        protocol: Some(b"HTTP/1.1"),
        stage: Some(b"prod"),
        user_agent: Some(b"curl/8.5.0"),
        source_ip: Some("203.0.113.7"),
        status: Some(200),
        response_length: Some(345),
        response_latency: Some(12),
        integration_latency: Some(9),
        integration_status: Some(200),
        request_time_epoch: Some(1_795_341_600_000),
        ..least(
            "GET",
            "abc123.execute-api.us-east-1.amazonaws.com",
            "/prod/pets/42",
        )
    }
}

#[test]
fn the_documented_format() {
    yields(DOCUMENTED, &documented());
    yields(&format!("{DOCUMENTED}\n"), &documented());
    // Any order of the keys, and numbers as numbers.
    let mut pairs: Vec<&str> = DOCUMENTED[2..DOCUMENTED.len() - 2].split(", ").collect();
    pairs.reverse();
    yields(&format!("{{{}}}", pairs.join(",")), &documented());
    let numbers = DOCUMENTED
        .replace("\"200\"", "200")
        .replace("\"345\"", "345")
        .replace("\"12\"", "12.0")
        .replace("\"9\"", "9")
        .replace("\"1795341600000\"", "1795341600");
    yields(&numbers, &documented());
}

#[test]
fn absent_values() {
    for absent in ["\"-\"", "\"\"", "null", "\"null\"", "\"(none)\"", "-"] {
        let line = format!(
            r#"{{"httpMethod":"GET","path":"/","domainName":"h","status":{absent},"sourceIp":{absent},"userAgent":{absent},"integrationLatency":{absent}}}"#
        );
        yields(&line, &least("GET", "h", "/"));
    }
}

#[test]
fn values_that_are_no_number_or_address_are_absent() {
    let line = r#"{"httpMethod":"GET","path":"/","domainName":"h","status":"abc","sourceIp":"not an address","responseLatency":"-5","responseLength":"1e3","integrationLatency":"99999999999999999999","integrationStatus":"70000"}"#;
    yields(line, &least("GET", "h", "/"));
    let line = r#"{"httpMethod":"GET","path":"/","domainName":"h","sourceIp":"2001:db8::7"}"#;
    yields(
        line,
        &AccessRecord {
            source_ip: Some("2001:db8::7"),
            ..least("GET", "h", "/")
        },
    );
}

#[test]
fn aliases_and_nesting() {
    let full = AccessRecord {
        status: Some(404),
        source_ip: Some("192.0.2.1"),
        user_agent: Some(b"ua"),
        request_id: Some(b"r"),
        ..least("PUT", "api.example.com", "/x")
    };
    for line in [
        r#"{"request_id":"r","method":"PUT","host":"api.example.com","path":"/x","httpStatusCode":404,"ip":"192.0.2.1","user_agent":"ua"}"#,
        r#"{"request":{"id":"r","method":"PUT","path":"/x","host":"api.example.com"},"response":{"status":404},"identity":{"sourceIp":"192.0.2.1","userAgent":"ua"}}"#,
        r#"{"http":{"request":{"method":"PUT","path":"/x"},"status_code":"404"},"requestId":"r","domain":"api.example.com","client":{"ip":"192.0.2.1","agent":"ua"}}"#,
        r#"{"identity_sourceIp":"192.0.2.1","identity_userAgent":"ua","status":"404","requestId":"r","httpMethod":"PUT","path":"/x","domainName":"api.example.com","authorizer":{"status":"500","requestId":"a"},"waf":{"status":200},"tags":[{"path":"/y"}],"headers":{"host":"evil.example"}}"#,
    ] {
        yields(line, &full);
    }
    let line = r#"{"httpMethod":"PUT","path":"/x","domainName":"h","integration":{"status":"502","latency":"7","requestId":"i","integrationStatus":"500"},"error":{"message":"Internal server error","responseType":"DEFAULT_5XX"}}"#;
    yields(
        line,
        &AccessRecord {
            integration_status: Some(502),
            integration_latency: Some(7),
            error_message: Some(b"Internal server error"),
            ..least("PUT", "h", "/x")
        },
    );
}

#[test]
fn a_documented_name_outranks_an_alias() {
    let expected = AccessRecord {
        response_latency: Some(7),
        ..least("GET", "b", "/x")
    };
    for line in [
        r#"{"latency":"9","responseLatency":"7","domainName":"b","path":"/x","httpMethod":"GET"}"#,
        r#"{"responseLatency":"7","latency":"9","domainName":"b","path":"/x","httpMethod":"GET"}"#,
        r#"{"responseLatency":"-","latency":"7","domainName":"-","host":"b","path":"/x","httpMethod":"GET"}"#,
        r#"{"latency":"7","domainName":"b","domainName":"b","host":"b","path":"/x","httpMethod":"GET"}"#,
    ] {
        yields(line, &expected);
    }
}

#[test]
fn a_field_with_two_values_can_not_be_trusted() {
    for line in [
        r#"{"domainName":"a","domainName":"b","path":"/x","httpMethod":"GET"}"#,
        r#"{"domainName":"a","path":"-","path":"/x","httpMethod":"GET"}"#,
        r#"{"domainName":"a","host":"b","path":"/x","httpMethod":"GET"}"#,
        r#"{"domainName":"a","path":"/x","request":{"path":"/y"},"httpMethod":"GET"}"#,
        // Values that came unescaped and bring fields of their own: with the same name,
        &DOCUMENTED.replace("curl/8.5.0", r#"x", "domainName": "evil.example"#),
        // with one that would outrank the format's,
        r#"{"host":"api.example.com","path":"/x","httpMethod":"GET","ip":"203.0.113.7","agent":"x","sourceIp":"6.6.6.6","y":""}"#,
        // with a backslash that hides the end of the value, and with it the next field.
        r#"{"domainName":"h","path":"/x","httpMethod":"GET","userAgent":"x","sourceIp":"6.6.6.6","z":"\","sourceIp":"203.0.113.7","status":"200"}"#.replace("\\\\", "\\").as_str(),
        r#"{"domainName":"h","httpMethod":"GET","userAgent":"x","path":"/forged","a":"\","path":"/x","status":"200"}"#.replace("\\\\", "\\").as_str(),
    ] {
        skipped(line, Skip::Malformed);
    }
}

#[test]
fn escapes_in_values() {
    let line = r#"{"httpMethod":"GET","path":"\/a\u002fb\\c","domainName":"h","userAgent":"\"\"This is\" \ud83d\ude00\r\nX: y"}"#;
    yields(
        line,
        &AccessRecord {
            user_agent: Some("\"\"This is\" 😀\r\nX: y".as_bytes()),
            ..least("GET", "h", "/a/b\\c")
        },
    );
}

#[test]
fn lines_that_are_not_json_still_give_up_their_fields() {
    let expected = AccessRecord {
        user_agent: Some(br#"say "hi", ok"#),
        status: Some(200),
        ..least("GET", "h", "/x")
    };
    for line in [
        // An unescaped quote.
        r#"{"httpMethod":"GET","path":"/x","userAgent":"say "hi", ok","domainName":"h","status":200}"#,
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","status":200,"userAgent":"say "hi", ok"}"#,
        // A lone minus for a number.
        r#"{"httpMethod":"GET","path":"/x","integrationStatus":-,"domainName":"h","status":200 , "userAgent" : "say \"hi\", ok"}"#,
        // No braces.
        r#""httpMethod":"GET","path":"/x","domainName":"h","status":200,"userAgent":"say "hi", ok""#,
        // Nested.
        r#"{"request":{"method":"GET","path":"/x"},"authorizer":{"status":-,"host":"no"},"host":"h","status":200,"agent":"say "hi", ok"}"#,
        // Cut off: what was whole counts, the rest does not.
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","status":200,"userAgent":"say "hi", ok","stage":"pro"#,
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","status":200,"userAgent":"say "hi", ok","responseLatency":12"#,
    ] {
        yields(line, &expected);
    }
    skipped(
        r#"{"httpMethod":"GET","path":"/x","domainName":"h"#,
        Skip::NoHost,
    );
    skipped(r#"{"path":"/x"#, Skip::Malformed);
    skipped("{", Skip::Malformed);
    skipped("\"", Skip::Malformed);
}

#[test]
fn web_sockets() {
    for line in [
        r#"{"requestId":"r","ip":"192.0.2.1","caller":"-","user":"-","requestTime":"22/Nov/2026:10:00:00 +0000","eventType":"CONNECT","routeKey":"$connect","status":"200","connectionId":"L0SM9cOFvHcCIhw="}"#,
        r#"{"requestId":"r","eventType":"-","status":"403","connectionId":"-","domainName":"h"}"#,
        r#"{"requestId":"r","eventType":-,"status":403,"httpMethod":"-","path":"-","domainName":"h"}"#,
    ] {
        skipped(line, Skip::WebSocket);
    }
    // A template for both kinds of API.
    yields(
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","connectionId":"-","eventType":"-"}"#,
        &least("GET", "h", "/x"),
    );
}

#[test]
fn other_lines() {
    let id = "7f3c1a4e-0e0b-4a35-9b7e-2f1f6f0f5a11";
    for line in [
        format!("({id}) Verifying Usage Plan for request: {id}"),
        format!(
            r#"({id}) Method request body before transformations: {{"httpMethod":"GET","path":"/x","domainName":"h"}}"#
        ),
    ] {
        skipped(&line, Skip::ExecutionLog);
    }
    for line in [
        // The console's CLF, of 2023 and of today, and that of an HTTP API.
        r#"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET /pets/{id} HTTP/1.1" 200 345 r-1 x-1"#,
        r#"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000]"GET /pets/{id} HTTP/1.1" 200 345 r-1 x-1"#,
        r#"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "GET GET /pets/{id} HTTP/1.1" 200 345 r-1"#,
        r#"203.0.113.7 - - [22/Nov/2026:10:00:00 +0000] "$connect L0SM9cOFvHcCIhw=" 200 r-1"#,
        r#""203.0.113.7","-","-","22/Nov/2026:10:00:00 +0000","GET","/pets/{id}","HTTP/1.1","200""#,
        "203.0.113.7,-,-,22/Nov/2026:10:00:00 +0000,GET,/pets/{id},HTTP/1.1,200,345,r-1,x-1",
        r#"<request id="r-1"> <ip>203.0.113.7</ip> <httpMethod>GET</httpMethod> </request>"#,
    ] {
        skipped(line, Skip::UnsupportedFormat);
    }
    for line in [
        "",
        "  \n",
        "START RequestId: 1 Version: $LATEST",
        "{}",
        "[1,2]",
        r#"{"level":"INFO"}"#,
        "null",
    ] {
        skipped(line, Skip::Malformed);
    }
}

#[test]
fn what_a_call_can_not_do_without() {
    // The console's JSON presets name neither host nor path.
    skipped(
        r#"{"requestId":"r","ip":"192.0.2.1","httpMethod":"GET","resourcePath":"/pets/{id}","status":"200"}"#,
        Skip::NoHost,
    );
    let line = |method: &str, host: &str, path: &str| {
        format!(r#"{{"httpMethod":"{method}","domainName":"{host}","path":"{path}"}}"#)
    };
    skipped(&line("GET", "-", "/x"), Skip::NoHost);
    skipped(&line("GET", "h", "-"), Skip::NoPath);
    skipped(&line("GET", "h", "x"), Skip::NoPath);
    skipped(&line("GET", "h", "https://evil.example/"), Skip::NoPath);
    skipped(&line("-", "h", "/x"), Skip::NoMethod);
    for method in [
        "GET /y",
        "G\\r\\nET",
        "CONNECT",
        "connect",
        "G\u{e9}T",
        &"G".repeat(33),
    ] {
        skipped(&line(method, "h", "/x"), Skip::InvalidMethod);
    }
    for host in [
        "a b",
        "a\\r\\nX: y",
        "a/b",
        "a@b",
        "a,b",
        ".a",
        "a..b",
        ".",
        "[::1]",
        "a:",
        "a:x",
        "a:123456",
        "a:1:2",
        "\u{e9}",
        "a%20b",
        &"a".repeat(64),
        &"a.".repeat(128),
    ] {
        skipped(&line("GET", host, "/x"), Skip::InvalidHost);
    }
    for host in [
        "h",
        "a-b_c.example.com",
        "a.example.com.",
        "a.example.com:8443",
        "192.0.2.1",
    ] {
        yields(&line("GET", host, "/x"), &least("GET", host, "/x"));
    }
}

#[test]
fn the_stage_is_stripped_only_where_it_is_in_the_path() {
    let default = "abc.execute-api.us-east-1.amazonaws.com";
    for (host, stage, path, expected) in [
        (default, "prod", "/prod/pets", "/pets"),
        (default, "prod", "/prod", "/"),
        (default, "prod", "/prod/", "/"),
        (default, "prod", "/production", "/production"),
        (default, "prod", "/pets", "/pets"),
        (default, "$default", "/pets", "/pets"),
        (default, "-", "/-/pets", "/-/pets"),
        (
            "ABC.Execute-API.cn-north-1.amazonaws.com.cn",
            "p",
            "/p/x",
            "/x",
        ),
        ("api.example.com", "prod", "/prod/pets", "/prod/pets"),
        ("abc.execute-api.evil.example", "prod", "/prod/x", "/prod/x"),
    ] {
        let line = format!(
            r#"{{"httpMethod":"GET","domainName":"{host}","stage":"{stage}","path":"{path}"}}"#
        );
        check(&line, |record| {
            let stripped = record.unwrap().path_without_stage();
            assert_eq!(stripped, expected.as_bytes(), "{line}");
        });
    }
}
