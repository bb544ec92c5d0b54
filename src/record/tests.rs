use super::names::{find, find_documented};
use super::*;

/// A line as an escaped JSON string's content, as it stands in its document.
fn escaped(line: &str) -> Vec<u8> {
    let quoted = serde_json::to_string(line).unwrap();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

#[track_caller]
fn check(line: &str, assert: impl Fn(Result<AccessRecord<'_>, Skip>)) {
    // The second reading finds the buffers as the first one has left them.
    let mut reader = LineReader::new(Reading::default());
    let mut raw = RawLineReader::new(Reading::default());
    for _ in 0..2 {
        reader.begin_document();
        assert(reader.read(&escaped(line), Origin::default()));
        raw.begin_document();
        assert(raw.read(line.as_bytes(), Origin::default()));
        // The oracle of the fast path.
        reader.begin_document();
        assert(reader.read_any(&escaped(line), Origin::default()));
        if reader.read_plain(&escaped(line)).is_some() {
            let shape = reader.walk.shape.clone();
            _ = reader.read_any(&escaped(line), Origin::default());
            assert_eq!(shape, reader.walk.shape, "{line}");
        }
    }
}

/// What comes of the lines of one document, all of which are early: method, host, path and address of each.
fn document(lines: &[String]) -> Vec<Result<String, Skip>> {
    let mut reader = LineReader::new(Reading::default());
    // The layout that was learned last is that of an earlier document.
    _ = reader.read(&escaped(&lines[lines.len() - 1]), Origin::default());
    reader.begin_document();
    let text = |record: &AccessRecord<'_>| {
        let (path, ip) = (String::from_utf8_lossy(record.path), record.source_ip);
        let ip = ip.unwrap_or("-");
        format!("{} {}{path} {ip}", record.method, record.host)
    };
    let read = |line: &String| {
        let line = escaped(line);
        let record = reader.read_early(&line, Origin::default());
        record.map(|record| record.as_ref().map(text)).transpose()
    };
    let early: Vec<_> = lines.iter().map(read).collect();
    let settled = lines.iter().zip(early).map(|(line, early)| {
        early.unwrap_or_else(|| {
            reader
                .read_again(&escaped(line), Origin::default())
                .map(|record| text(&record))
        })
    });
    settled.collect()
}

/// Every line twice, so that the second one has a layout that is known.
#[test]
fn a_line_says_the_same_with_its_escapes_and_as_it_was_logged() {
    let formats = include_str!("../../tests/field/formats.txt");
    let lines = include_str!("../../tests/field/lines.txt");
    let sample = include_str!("../standin/sample.log");
    let (mut records, mut skipped) = (0, 0);
    for reading in [Reading::default(), TEMPLATES] {
        let mut reader = LineReader::new(reading);
        let mut raw = RawLineReader::new(reading);
        let lines = [formats, lines, sample].into_iter().flat_map(str::lines);
        for line in lines.flat_map(|line| [line, line]) {
            let escaped = escaped(line);
            let expected = reader.read(&escaped, Origin::default());
            assert_eq!(raw.read(line.as_bytes(), Origin::default()), expected);
            records += u32::from(expected.is_ok());
            skipped += u32::from(expected.is_err());
        }
    }
    assert!(records > 200 && skipped > 1_000, "{records} {skipped}");
}

#[test]
fn the_documented_format_takes_the_fast_path() {
    let mut reader = LineReader::new(Reading::default());
    let mut raw = RawLineReader::new(Reading::default());
    for line in [DOCUMENTED.to_string(), format!("{DOCUMENTED}\n")] {
        assert!(reader.read_plain(&escaped(&line)).is_some());
        assert!(raw.read_plain(line.as_bytes()).is_some());
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

#[test]
fn values_with_escapes_take_the_fast_path() {
    for (value, text) in [
        (r#"a \"b\" c"#, r#"a "b" c"#),
        (r#"\""#, r#"""#),
        (r"a\\b", r"a\b"),
        (r#"\\\""#, r#"\""#),
        (r"\\\\", r"\\"),
        (r"\u00e9 \ud83d\ude00", "é 😀"),
        (r"a\/b\n", "a/b\n"),
    ] {
        let line = format!(
            r#"{{ "httpMethod":"GET","path":"\/x","host":"b.example","userAgent":"{value}","other":"{value}" }}"#
        );
        let mut reader = LineReader::new(Reading::default());
        assert_eq!(reader.read_plain(&escaped(&line)), Some(true), "{line}");
        check(&line, |record| {
            let record = record.unwrap();
            assert_eq!(record.path, b"/x");
            assert_eq!(record.user_agent, Some(text.as_bytes()));
        });
        // Where no field has one, the line is read where it is.
        let line =
            format!(r#"{{"httpMethod":"GET","path":"/x","host":"b.example","other":"{value}"}}"#);
        assert_eq!(reader.read_plain(&escaped(&line)), Some(false), "{line}");
        check(&line, |record| assert_eq!(record.unwrap().path, b"/x"));
        // The next line of the same layout has none, and the other way round.
        for (value, text) in [("plain", "plain"), (value, text)] {
            let line = format!(
                r#"{{"httpMethod":"GET","path":"/x","host":"b.example","userAgent":"{value}"}}"#
            );
            let line = escaped(&line);
            let record = reader.read(&line, Origin::default()).unwrap();
            assert_eq!(record.user_agent, Some(text.as_bytes()));
        }
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
        has_template: false,
        template: None,
        host,
        host_source: HostSource::Line,
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

/// A number is too long for the fast paths where it is too long for the general one.
#[test]
fn a_number_has_the_same_longest_form_on_all_paths() {
    for length in [1024, 1025] {
        let number = "1".repeat(length);
        let line = format!(r#"{{"n":{number},"httpMethod":"GET","path":"/x","domainName":"h"}}"#);
        let mut reader = LineReader::new(Reading::default());
        assert_eq!(reader.read_plain(&escaped(&line)).is_some(), length == 1024);
        let same = escaped(&line.replace(&number, "1"));
        _ = reader.read(&same, Origin::default());
        let mut fields = Fields::new();
        let is_read = reader.layouts[0].read::<false>(&escaped(&line), &mut fields);
        assert_eq!(is_read.is_some(), length == 1024);
        yields(&line, &least("GET", "h", "/x"));
    }
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
        r#"{"identity_sourceIp":"192.0.2.1","identity_userAgent":"ua","status":"404","requestId":"r","httpMethod":"PUT","path":"/x","domainName":"api.example.com","authorizer":{"status":"500","requestId":"a"},"waf":{"status":200}}"#,
        r#"{"request_id":"r","verb":"PUT","raw_path":"/x","http_host":"api.example.com","response":{"statusCode":404},"remote":{"addr":"192.0.2.1"},"http":{"userAgent":"ua"}}"#,
    ] {
        yields(line, &full);
    }
    let line = r#"{"httpMethod":"PUT","path":"/x","domainName":"h","integration":{"status":"502","latency":"7","requestId":"i","integrationStatus":"500"},"error":{"message":"Internal server error","responseType":"DEFAULT_5XX"}}"#;
    yields(
        line,
        &AccessRecord {
            integration_status: Some(500),
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

/// Skipped because of two values of this field.
#[track_caller]
fn contradicts(line: &str, field: &str) {
    check(line, |record| {
        let reason = record.unwrap_err();
        assert_eq!(reason.contradictory_field(), Some(field), "{line}");
        assert_eq!(reason.name(), "contradiction");
    });
}

#[test]
fn a_field_with_two_values_can_not_be_trusted() {
    for (line, field) in [
        (
            r#"{"domainName":"a","domainName":"b","path":"/x","httpMethod":"GET"}"#,
            "host",
        ),
        (
            r#"{"domainName":"a","host":"b","path":"/x","httpMethod":"GET"}"#,
            "host",
        ),
        (
            r#"{"domainName":"a","path":"/x","request":{"path":"/y"},"httpMethod":"GET"}"#,
            "path",
        ),
        (
            r#"{"domainName":"a","path":"/x","request_path":"/x/","httpMethod":"GET"}"#,
            "path",
        ),
        (
            r#"{"domainName":"a","path":"/x","httpMethod":"GET","method":"get"}"#,
            "method",
        ),
        (
            r#"{"domainName":"a","path":"/x","httpMethod":"GET","ip":"::1","sourceIp":"::2"}"#,
            "sourceIp",
        ),
        (
            r#"{"domainName":"a","path":"/x","httpMethod":"GET","ip":"x","sourceIp":"y"}"#,
            "sourceIp",
        ),
        // Values that came unescaped and bring fields of their own: with the same name,
        (
            &DOCUMENTED.replace("curl/8.5.0", r#"x", "domainName": "evil.example"#),
            "host",
        ),
        // with one that would outrank the format's.
        (
            r#"{"host":"api.example.com","path":"/x","httpMethod":"GET","ip":"203.0.113.7","agent":"x","sourceIp":"6.6.6.6","y":""}"#,
            "sourceIp",
        ),
    ] {
        contradicts(line, field);
    }
    // A backslash hides the end of the value, and with it the next field.
    for line in [
        r#"{"domainName":"h","path":"/x","httpMethod":"GET","userAgent":"x","sourceIp":"6.6.6.6","z":"\","sourceIp":"203.0.113.7","status":"200"}"#,
        r#"{"domainName":"h","httpMethod":"GET","userAgent":"x","path":"/forged","a":"\","path":"/x","status":"200"}"#,
        r#"{"httpMethod":"GET","path":"/x","userAgent":"x","host":"evil.example","a":"\","domain":{"name":"h"},"status":"200"}"#,
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","remote":{"by":"x","a":"\","addr":"203.0.113.7"},"status":"200"}"#,
    ] {
        skipped(line, Skip::Malformed);
    }
    // The same value, in another spelling.
    let line = r#"{"httpMethod":"GET","domainName":"API.example.com.","host":"api.EXAMPLE.com:443","path":"/a\u002fb","requestPath":"\/a/b","sourceIp":"2001:DB8::7","ip":"2001:db8:0::7"}"#;
    yields(
        line,
        &AccessRecord {
            source_ip: Some("2001:db8:0::7"),
            ..least("GET", "api.example.com", "/a/b")
        },
    );
}

/// A value that came unescaped opens a container around the gateway's own fields, and brings others.
#[test]
fn no_container_hides_a_contradiction() {
    let opened = |container: &str, closed: &str| {
        format!(
            r#"{{"path":"/x","httpMethod":"GET","sourceIp":"6.6.6.6","domainName":"evil.example",{container}"a":"b","httpMethod":"GET","sourceIp":"203.0.113.7","domainName":"h","userAgent":"y"{closed},"w":"z"}}"#
        )
    };
    for name in [
        "headers",
        "authorizer",
        "claims",
        "error",
        "integration",
        "body",
        "x",
        "a_b",
    ] {
        let in_one = opened(&format!(r#""{name}":{{"#), "}");
        contradicts(&in_one, "host");
        contradicts(&in_one.replace(r#""w":"z""#, r#""w":-"#), "host");
        let deep = opened(&format!(r#""{name}":{{"k":[[{{"n":{{"#), "}}]]}");
        contradicts(&deep, "host");
        contradicts(&deep.replace(r#""w":"z""#, r#""w":-"#), "host");
        // Left open, it is cut off.
        skipped(&opened(&format!(r#""{name}":{{"#), ""), Skip::Malformed);
        // Names that are padded, before and after the container's.
        let padding = format!(r#""{}":{{"{name}":{{"#, "p".repeat(300));
        contradicts(&opened(&padding, "}}"), "host");
        contradicts(&opened(&padding.repeat(8), &"}}".repeat(8)), "host");
    }
    // The address alone.
    let line = opened(r#""headers":{"#, "}").replace("evil.example", "h");
    contradicts(&line, "sourceIp");
    // Names that belong together, in a container.
    contradicts(
        r#"{"path":"/x","httpMethod":"GET","host":"evil.example","headers":{"domain":{"name":"h"}}}"#,
        "host",
    );
    contradicts(
        r#"{"path":"/x","httpMethod":"GET","host":"h","ip":"6.6.6.6","x":{"remote":{"addr":"203.0.113.7"}}}"#,
        "sourceIp",
    );
    // An array of values.
    for array in [
        r#"["evil.example"]"#,
        r#"[["a"],["evil.example"]]"#,
        r#"[{"x":"evil.example"}]"#,
    ] {
        let line = format!(
            r#"{{"httpMethod":"GET","path":"/x","domainName":"h","domain_name":{array},"status":200}}"#
        );
        if array.contains('x') && array.contains('{') {
            yields(
                &line,
                &AccessRecord {
                    status: Some(200),
                    ..least("GET", "h", "/x")
                },
            );
        } else {
            contradicts(&line, "host");
            contradicts(&line.replace("200", "-"), "host");
        }
    }
    // Escaped quotes are text, in JSON and beside a value that is none.
    for status in ["200", "-"] {
        let line = format!(
            r#"{{"httpMethod":"GET","path":"/x","domainName":"h","userAgent":"\"host\":\"evil.example\",\"headers\":{{","status":{status}}}"#
        );
        check(&line, |record| assert_eq!(record.unwrap().host, "h"));
    }
}

#[test]
fn names_in_any_spelling() {
    for name in [
        r"domain\u004eame",
        r"\u0064omainName",
        "DOMAIN.NAME",
        "$domain-name",
        &format!("domain{}Name", "_".repeat(200)),
    ] {
        let line = format!(
            r#"{{"domainName":"h","path":"/x","httpMethod":"GET","{name}":"evil.example","status":200}}"#
        );
        contradicts(&line, "host");
        // In a line that is not JSON too.
        check(&line.replace("200", "-"), |record| assert!(record.is_err()));
    }
    // A longer name, and none at all, are not their container's.
    let line = format!(
        r#"{{"domainName":"h","path":"/x","httpMethod":"GET","host":{{"{}":"a","":"b"}}}}"#,
        "n".repeat(65)
    );
    yields(&line, &least("GET", "h", "/x"));
}

#[test]
fn what_may_differ() {
    let expected = AccessRecord {
        source_ip: Some("198.51.100.1"),
        ..least("GET", "h", "/x/7")
    };
    for line in [
        r#"{"httpMethod":"GET","path":"/x/7","uri":"/x/{id}","ip":"198.51.100.1","clientIp":"203.0.113.9","domainName":"h"}"#,
        r#"{"clientIp":"203.0.113.9","ip":"198.51.100.1","uri":"/x/{id}","path":"/x/7","httpMethod":"GET","domainName":"h"}"#,
        r#"{"http":{"path":"/x/7","uri":"/x/{id}","method":"GET"},"ip":"198.51.100.1","domainName":"h"}"#,
        r#"{"request":{"uri":"/x/{id}","path":"/x/7","method":"GET"},"ip":"198.51.100.1","domainName":"h"}"#,
        r#"{"context":{"http":{"path":"/x/7","uri":"/x/{id}","method":"GET"}},"ip":"198.51.100.1","domainName":"h"}"#,
        // What the integration was called with.
        r#"{"httpMethod":"GET","path":"/x/7","integration":{"request":{"path":"/b","method":"POST"}},"ip":"198.51.100.1","domainName":"h"}"#,
        r#"{"httpMethod":"GET","path":"/x/7","integration":{"http":{"request":{"path":"/b"}}},"ip":"198.51.100.1","domainName":"h"}"#,
        r#"{"httpMethod":"GET","path":"/x/7","claims":{"sub":"u","path":"/no","method":"x"},"waf":{"path":"/y"},"ip":"198.51.100.1","domainName":"h"}"#,
        r#"{"httpMethod":"GET","path":"/x/7","groups":["a"],"error":{"path":"/y"},"ip":"198.51.100.1","domainName":"h"}"#,
    ] {
        yields(line, &expected);
    }
    for (line, field) in [
        // After a value that a caller controls,
        (
            r#"{"httpMethod":"GET","ip":"198.51.100.1","domainName":"h","path":"/x","userAgent":"u","uri":"/y"}"#,
            "path",
        ),
        (
            r#"{"httpMethod":"GET","path":"/x","clientIp":"198.51.100.1","domainName":"h","userAgent":"u","ip":"6.6.6.6"}"#,
            "sourceIp",
        ),
        (
            r#"{"httpMethod":"GET","path":"/x","domainName":"h","x":"u","claims":{"path":"/y"}}"#,
            "path",
        ),
        (
            r#"{"path":"/x","domainName":"h","userAgent":"u","httpMethod":"PUT","headers":{"httpMethod":"GET"}}"#,
            "method",
        ),
        // other names,
        (
            r#"{"httpMethod":"GET","requestPath":"/x","uri":"/y","domainName":"h"}"#,
            "path",
        ),
        (
            r#"{"httpMethod":"GET","path":"/x","uri":"/y","uri":"/z","domainName":"h"}"#,
            "path",
        ),
        (
            r#"{"httpMethod":"GET","path":"/x","sourceIp":"::1","clientIp":"::2","domainName":"h"}"#,
            "sourceIp",
        ),
        // and host and address in a container.
        (
            r#"{"httpMethod":"GET","path":"/x","domainName":"h","claims":{"host":"i"}}"#,
            "host",
        ),
        (
            r#"{"httpMethod":"GET","path":"/x","domainName":"h","ip":"::1","waf":{"clientIp":"::2"}}"#,
            "sourceIp",
        ),
        (
            r#"{"httpMethod":"GET","path":"/x","domainName":"h","integration":{"request":{"host":"i"}}}"#,
            "host",
        ),
    ] {
        contradicts(line, field);
    }
}

fn lines<const N: usize>(lines: [&str; N]) -> Vec<String> {
    lines.map(String::from).to_vec()
}

/// What may differ after a value that a caller controls, if other lines have the same names.
#[test]
fn other_lines_tell_what_may_differ() {
    for (clean, forged) in [
        (
            r#"{"requestId":"r","httpMethod":"GET","userAgent":"u","path":"/x","uri":"/{id}","domainName":"h"}"#,
            r#"{"requestId":"r","httpMethod":"GET","userAgent":"u","path":"/f","a":"","path":"/x","uri":"/{id}","domainName":"h"}"#,
        ),
        (
            r#"{"httpMethod":"GET","domainName":"h","userAgent":"u","ip":"192.0.2.1","clientIp":"192.0.2.2","path":"/x"}"#,
            r#"{"httpMethod":"GET","domainName":"h","userAgent":"u","ip":"6.6.6.6","z":"","ip":"192.0.2.1","clientIp":"192.0.2.2","path":"/x"}"#,
        ),
        (
            r#"{"domainName":"h","userAgent":"u","httpMethod":"GET","path":"/x"}"#,
            r#"{"domainName":"h","userAgent":"u","httpMethod":"PUT","headers":{"a":"b","httpMethod":"GET","path":"/x"},"w":"z"}"#,
        ),
        (
            r#"{"httpMethod":"GET","domainName":"h","path":"/x","userAgent":"u","clientIp":"192.0.2.2","tags":{"a":["b"]}}"#,
            r#"{"httpMethod":"GET","domainName":"h","path":"/x","userAgent":"u","ip":"6.6.6.6","z":"","clientIp":"192.0.2.2","tags":{"a":["b"]}}"#,
        ),
        (
            r#"{"domainName":"h","httpMethod":"GET","path":"/x","userAgent":"u","status":"200"}"#,
            r#"{"domainName":"-","httpMethod":"GET","path":"/x","userAgent":"u","host":"evil.example","status":"200"}"#,
        ),
        // The gateway's own is absent, and comes after the caller's.
        (
            r#"{"httpMethod":"GET","domainName":"h","path":"/x","userAgent":"u","sourceIp":"-"}"#,
            r#"{"httpMethod":"GET","domainName":"h","path":"/x","userAgent":"u","sourceIp":"6.6.6.6","z":"","sourceIp":"-"}"#,
        ),
    ] {
        for of_document in [
            lines([forged, clean, clean]),
            lines([clean, forged, clean]),
            lines([clean, clean, forged]),
            lines([forged, forged, clean, forged, clean, forged]),
        ] {
            for (line, result) in of_document.iter().zip(document(&of_document)) {
                assert_eq!(result.is_ok(), line == clean, "{line}: {result:?}");
            }
        }
    }
    // The last clean line by itself has nothing that differs.
    let clean = r#"{"httpMethod":"GET","domainName":"h","userAgent":"u","ip":"192.0.2.1","clientIp":"192.0.2.2","path":"/x"}"#;
    assert_eq!(
        document(&lines([clean])),
        [Err(Skip::ContradictorySourceIp)]
    );
}

/// Where the stage's template lacks a field, a caller can bring it. The document's other lines tell.
#[test]
fn a_field_that_the_template_lacks_is_not_taken_from_a_caller() {
    for (clean, added) in [
        (
            r#"{"requestId":"r","httpMethod":"GET","path":"/x","sourceIp":"::1","userAgent":"@","status":"200"}"#,
            r#""host":"evil.example""#,
        ),
        (
            r#"{"requestId":"r","httpMethod":"GET","path":"/x","domainName":"h","userAgent":"@","status":"200"}"#,
            r#""ip":"6.6.6.6""#,
        ),
        (
            r#"{"requestId":"r","httpMethod":"GET","routeKey":"$default","domainName":"h","userAgent":"@","x":"y"}"#,
            r#""path":"/f""#,
        ),
        (
            r#"{"requestId":"r","path":"/x","domainName":"h","userAgent":"@","x":{"y":["z"]}}"#,
            r#""verb":"PUT""#,
        ),
        // Through the path, after the first line.
        (
            r#"{"requestId":"r","httpMethod":"GET","sourceIp":"::1","path":"/@","status":-,"x":"y"}"#,
            r#""host":"evil.example""#,
        ),
        (
            r#"{"requestId":"r","httpMethod":"GET","sourceIp":"::1","path":"/@","status":"200"}"#,
            r#""host":"evil.example""#,
        ),
    ] {
        let is_path = clean.contains("/@");
        for injected in [
            format!(r#"u",{added},"z":""#),
            format!(r#"u",{added},"headers":{{"z":"y"}},"z":"u"#),
            format!(r#"u","k":[{{"a":"b"}}],{added},"z":"u"#),
            // The next name is lost, if it is none of ours.
            format!(r#"u",{added},"z":"\"#),
        ] {
            let forged = clean.replace('@', &injected);
            let clean = clean.replace('@', "u");
            let before = document(std::slice::from_ref(&clean)).remove(0);
            let mut documents = vec![
                vec![clean.clone(), forged.clone(), clean.clone(), forged.clone()],
                vec![clean.clone(), clean.clone(), forged.clone()],
            ];
            if !is_path {
                documents.push(vec![forged.clone(), clean.clone()]);
                documents.push([vec![forged.clone(); 20], vec![clean.clone()]].concat());
            }
            for of_document in documents {
                for (line, result) in of_document.iter().zip(document(&of_document)) {
                    if *line == clean {
                        assert_eq!(result, before, "{line}");
                    } else {
                        assert!(result.is_err(), "{line}: {result:?}");
                    }
                }
            }
        }
    }
}

/// A name that means something only together with its container's: a caller closes that one, brings a value, and opens
/// another around the gateway's.
#[test]
fn a_container_that_a_caller_closes_hides_no_field() {
    for (clean, forged, field) in [
        (
            r#"{"httpMethod":"GET","path":"/x","domainName":"h","remote":{"agent":"u","addr":"203.0.113.7"}}"#,
            r#"{"httpMethod":"GET","path":"/x","domainName":"h","remote":{"agent":"u","addr":"6.6.6.6"},"k":{"a":"b","addr":"203.0.113.7"}}"#,
            Skip::ContradictorySourceIp,
        ),
        (
            r#"{"httpMethod":"GET","path":"/x","domainName":"h","remote":{"agent":"u","address":"203.0.113.7"}}"#,
            r#"{"httpMethod":"GET","path":"/x","domainName":"h","remote":{"agent":"u","address":"6.6.6.6"},"k":[{"a":"b","address":"203.0.113.7"}]}"#,
            Skip::ContradictorySourceIp,
        ),
        (
            r#"{"httpMethod":"GET","path":"/x","domain":{"agent":"u","name":"h"}}"#,
            r#"{"httpMethod":"GET","path":"/x","domain":{"agent":"u","name":"evil.example"},"k":{"a":"b","name":"h"}}"#,
            Skip::ContradictoryHost,
        ),
        (
            r#"{"httpMethod":"GET","path":"/x","host":{"agent":"u","name":"h"},"x":-}"#,
            r#"{"httpMethod":"GET","path":"/x","host":{"agent":"u","name":"evil.example"},"k":{"a":"b","name":"h"},"x":-}"#,
            Skip::ContradictoryHost,
        ),
    ] {
        assert!(document(&lines([clean]))[0].is_ok(), "{clean}");
        for of_document in [
            lines([forged, clean]),
            lines([clean, forged]),
            lines([clean, forged, forged, clean]),
        ] {
            for (line, result) in of_document.iter().zip(document(&of_document)) {
                if line == clean {
                    assert!(result.is_ok(), "{line}: {result:?}");
                } else {
                    assert_eq!(result, Err(field), "{line}");
                }
            }
        }
        // The address tells by itself.
        if field == Skip::ContradictorySourceIp {
            skipped(forged, field);
        }
    }
    // So it does where the caller opens no other container.
    let line = r#"{"httpMethod":"GET","path":"/x","domainName":"h","remote":{"agent":"u","addr":"6.6.6.6"},"z":"","addr":"203.0.113.7"}}"#;
    skipped(line, Skip::ContradictorySourceIp);
    // Without a container around them such names are none of ours.
    let line = r#"{"httpMethod":"GET","path":"/x","domainName":"h","remoteAddr":"203.0.113.7","addr":"192.0.2.1"}"#;
    check(line, |record| assert!(record.is_ok()));
    // What only has the name of an address is none.
    let claims = r#"{"httpMethod":"GET","path":"/x","domainName":"h","remote":{"agent":"u","addr":"203.0.113.7"},"claims":{"address":"1 Main St"}}"#;
    check(claims, |record| {
        assert_eq!(record.unwrap().source_ip, Some("203.0.113.7"))
    });
    // A template with a name more than another's, which is none of ours.
    let one =
        r#"{"httpMethod":"GET","path":"/x","userAgent":"u","domainName":"h","ip":"203.0.113.7"}"#;
    let other = one.replace(r#""u","#, r#""u","referer":"r","#);
    let results = document(&lines([one, &other, one, &other]));
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

/// What is refused by itself tells of its template all the same.
#[test]
fn lines_that_are_refused_tell_of_their_template() {
    for (clean, forged) in [
        // None of our names.
        (
            r#"{"apiId":"a","routeKey":"k","agentName":"u","x":"y"}"#,
            r#"{"apiId":"a","routeKey":"k","agentName":"u","httpMethod":"GET","path":"/f","host":"evil.example","z":"","x":"y"}"#,
        ),
        (
            r#"{"apiId":"a","routeKey":-,"agentName":"u","x":"y"}"#,
            r#"{"apiId":"a","routeKey":-,"agentName":"u","httpMethod":"GET","path":"/f","host":"evil.example","z":"","x":"y"}"#,
        ),
        // Two values of one field.
        (
            r#"{"httpMethod":"GET","path":"/x","requestPath":"/y","userAgent":"u","status":"200"}"#,
            r#"{"httpMethod":"GET","path":"/x","requestPath":"/x","userAgent":"u","host":"evil.example","status":"200"}"#,
        ),
    ] {
        assert!(document(&lines([forged]))[0].is_ok(), "{forged}");
        for of_document in [lines([clean, forged]), lines([forged, clean, clean])] {
            let results = document(&of_document);
            assert!(results.iter().all(Result::is_err), "{results:?}");
        }
    }
}

/// Where the gateway's own value is absent, and comes after one that a caller may have written.
#[test]
fn an_absent_value_is_not_filled_in_by_a_caller() {
    let mut reader = LineReader::new(Reading::default());
    for line in [
        r#"{"httpMethod":"GET","domainName":"h","path":"/x","userAgent":"u","sourceIp":"6.6.6.6","z":"","sourceIp":"-"}"#,
        r#"{"httpMethod":"GET","domainName":"h","path":"/x","userAgent":"u","sourceIp":"-","z":"","ip":"6.6.6.6"}"#,
    ] {
        for read in [LineReader::read, LineReader::read_any] {
            assert!(read(&mut reader, &escaped(line), Origin::default()).is_ok());
            assert_eq!(reader.fields.filled_in(), Some(Field::SourceIp), "{line}");
        }
    }
}

/// A name that only JSON has, with a space or a slash, counts where a value swallows it.
#[test]
fn odd_names_are_names() {
    for name in ["Response/Time", "a/b", "é", r"a\\b", "(x)"] {
        for (last, status) in [
            ("status", r#""200""#),
            ("of us", r#""200""#),
            ("status", "-"),
        ] {
            let clean = format!(
                r#"{{"requestId":"r","httpMethod":"GET","path":"/x","userAgent":"u","{name}":"5","{last}":{status}}}"#
            );
            let forged = clean.replace(r#""u""#, r#""u","host":"evil.example","z":"\""#);
            for of_document in [[&forged, &clean], [&clean, &forged]] {
                let results = document(&of_document.map(String::clone));
                assert!(results.iter().all(Result::is_err), "{forged}: {results:?}");
            }
        }
    }
    // A value ends before such a name, as before any other.
    let line = r#"{"httpMethod":"GET","path":"/x","domainName":"h","userAgent":"say "hi"","Response/Time":"5"}"#;
    let expected = AccessRecord {
        user_agent: Some(br#"say "hi""#),
        ..least("GET", "h", "/x")
    };
    yields(line, &expected);
}

/// A user agent that swallows the name after it does not make the others' lines look forged.
#[test]
fn a_swallowed_name_speaks_against_no_other_line() {
    let clean = r#"{"httpMethod":"GET","path":"/x","userAgent":"u","x":"5","domainName":"h","ip":"192.0.2.1"}"#.to_string();
    let swallowing = clean.replace(r#""u""#, r#""u\""#);
    for of_document in [
        [&clean, &swallowing, &clean],
        [&swallowing, &clean, &swallowing],
        [&swallowing, &swallowing, &clean],
    ] {
        let of_document = of_document.map(String::clone);
        for (line, result) in of_document.iter().zip(document(&of_document)) {
            assert!(result.is_ok() || *line != clean, "{line}: {result:?}");
        }
    }
}

/// No caller can use up what is kept of a document.
#[test]
fn many_forged_lines_do_not_hide_the_template() {
    let clean =
        r#"{"requestId":"r","httpMethod":"GET","path":"/x","userAgent":"u","status":"200"}"#;
    let forged = |n: usize| {
        let names: String = (0..=n % 7).map(|m| format!(r#""n{n}{m}":"","#)).collect();
        clean.replace(r#""u""#, &format!(r#""u",{names}"host":"evil.example""#))
    };
    let mut of_document: Vec<_> = (0..63).map(forged).collect();
    of_document.push(clean.to_string());
    let results = document(&of_document);
    assert_eq!(results[63], Err(Skip::NoHost));
    assert!(results.iter().all(Result::is_err), "{results:?}");
    // More names than are compared.
    let long: String = (0..1000).map(|n| format!(r#""n{n}":"","#)).collect();
    let long = clean.replace(r#""u""#, &format!(r#""u",{long}"host":"evil.example""#));
    let results = document(&[long, clean.to_string()]);
    assert_eq!(results, [Err(Skip::ContradictoryHost), Err(Skip::NoHost)]);
}

/// Lines of another stage, which a caller makes differ, leave room for the template that lacks a field.
#[test]
fn lines_of_another_stage_do_not_hide_the_template() {
    let whole = r#"{"userAgent":"u","httpMethod":"GET","path":"/x","domainName":"h","ip":"::1"}"#;
    let other = |n: usize| whole.replace(r#""u""#, &format!(r#""u","n{n}":"""#));
    let clean =
        r#"{"requestId":"r","httpMethod":"GET","path":"/x","userAgent":"u","status":"200"}"#;
    let forged = clean.replace(r#""u""#, r#""u","host":"evil.example","z":"""#);
    let mut of_document: Vec<_> = (0..40).map(other).collect();
    of_document.extend([clean.to_string(), forged.clone()]);
    let results = document(&of_document);
    assert!(results[..40].iter().all(Result::is_ok), "{results:?}");
    assert_eq!(results[40], Err(Skip::NoHost));
    assert_eq!(results[41], Err(Skip::ContradictoryHost));
    of_document.insert(0, forged);
    assert_eq!(document(&of_document)[0], Err(Skip::ContradictoryHost));
}

/// Two stages with different templates can share a log group and a stream.
#[test]
fn stages_with_different_templates_share_a_document() {
    let lacking = [
        r#"{"requestId":"r","ip":"::1","requestTime":"t","httpMethod":"GET","routeKey":"k","status":"200"}"#,
        r#"{"requestId":"r","httpMethod":"GET","path":"/x","userAgent":"u","status":"200"}"#,
        r#"{"userAgent":"u","path":"/x","domainName":"h"}"#,
    ];
    for whole in [
        DOCUMENTED,
        r#"{"requestId":"r","userAgent":"u","httpMethod":"GET","path":"/x","status":"200","domainName":"h"}"#,
        r#"{"userAgent":"u","requestId":"r","ip":"::1","requestTime":"t","httpMethod":"GET","path":"/x","host":"h"}"#,
        r#"{"ua":"u","request":{"httpMethod":"GET","path":"/x"},"domainName":"h","identity":{"sourceIp":"::1"}}"#,
    ] {
        let of_document = [&lacking[..], &[whole], &lacking[..], &[whole]].concat();
        let of_document: Vec<_> = of_document.into_iter().map(String::from).collect();
        for (line, result) in of_document.iter().zip(document(&of_document)) {
            assert_eq!(result.is_ok(), line == whole, "{line}: {result:?}");
        }
        // By itself too.
        assert!(document(&lines([whole]))[0].is_ok());
    }
}

/// A document tells nothing of the next one.
#[test]
fn documents_are_settled_by_themselves() {
    let mut reader = LineReader::new(Reading::default());
    let lacking = r#"{"requestId":"r","httpMethod":"GET","path":"/x","userAgent":"u"}"#;
    let whole = lacking.replace('}', r#","domainName":"h"}"#);
    for (lines, expected) in [
        (&[lacking, &whole][..], Err(Skip::ContradictoryHost)),
        (&[&whole], Ok("h")),
    ] {
        reader.begin_document();
        let mut last = Ok("h");
        for line in lines {
            last = reader
                .read(&escaped(line), Origin::default())
                .map(|record| if record.host == "h" { "h" } else { "" });
        }
        assert_eq!(last, expected);
    }
}

/// The backend's status is another one than the integration's. Formats that log everything have both.
#[test]
fn the_backends_status_is_no_contradiction() {
    for status in [
        200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 404, 500, 502,
    ] {
        for line in [
            format!(r#"{{"integration_status":"{status}","integrationStatus":"200"}}"#),
            format!(r#"{{"integration.status":{status},"integrationStatus":200}}"#),
            format!(r#"{{"integrationStatus":"200","integration":{{"status":"{status}"}}}}"#),
            format!(
                r#"{{"integration_integrationStatus":"200","integration_status":"{status}","integrationStatus":"200"}}"#
            ),
            format!(r#"{{"integration":{{"integrationStatus":"200","status":"{status}"}}}}"#),
            format!(
                r#"{{"integration":{{"status":"{status}"}},"context":{{"integration":{{"integrationStatus":"200"}}}}}}"#
            ),
        ] {
            let line = line.replacen(
                '{',
                r#"{"httpMethod":"GET","path":"/x","domainName":"h","#,
                1,
            );
            yields(
                &line,
                &AccessRecord {
                    integration_status: Some(200),
                    ..least("GET", "h", "/x")
                },
            );
        }
    }
    // By itself it is what is known.
    yields(
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","integration":{"status":"404"},"integrationStatus":"-"}"#,
        &AccessRecord {
            integration_status: Some(404),
            ..least("GET", "h", "/x")
        },
    );
}

#[test]
fn fields_that_do_not_identify_the_call_never_contradict() {
    let expected = AccessRecord {
        status: Some(200),
        ..least("GET", "h", "/x")
    };
    for line in [
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","statusCode":"404","status":"200","stage":"a","stage":"b"}"#,
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","x":{"status":"404"},"status":"200"}"#,
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","status":"-","status":"200","latency":"1","latency":"2","latency":"-"}"#,
    ] {
        yields(line, &expected);
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
        r#"{"request":{"method":"GET","path":"/x"},"authorizer":{"status":-,"path":"/no"},"host":"h","status":200,"agent":"say "hi", ok"}"#,
        // Strings in arrays, names with spaces, and a template without quotes.
        r#"{"httpMethod":"GET","path":"/x","groups":["a{b","c]"],"of us":"a } b","domainName":"h","resourcePath":/x/{id},"status":200,"agent":"say "hi", ok"}"#,
        // A comma after the last field.
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","status":200,"agent":"say "hi", ok", } "#,
        // Text after the object.
        "{\"httpMethod\":\"GET\",\"path\":\"/x\",\"domainName\":\"h\",\"userAgent\":\"say \"hi\", ok\",\"status\":\"200\"}\nx: [a \"b\" c",
    ] {
        yields(line, &expected);
    }
    // A backslash at the end, before the quote that ends the value.
    for line in [
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","x":{"userAgent": "agent\" } } "#,
        r#""httpMethod":"GET","path":"/x","domainName":"h","userAgent": "agent\""#,
    ] {
        let line = line.replace(r"\\", r"\");
        yields(
            &line,
            &AccessRecord {
                user_agent: Some(br"agent\"),
                ..least("GET", "h", "/x")
            },
        );
    }
    // Cut off.
    for line in [
        r#"{"httpMethod":"GET","path":"/x","domainName":"h"#,
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","status":200,"userAgent":"say "hi", ok","stage":"pro"#,
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","status":200,"userAgent":"say "hi", ok","responseLatency":12"#,
        r#"{"httpMethod":"GET","path":"/x","domainName":"h","x":{"status":200}"#,
    ] {
        skipped(line, Skip::Malformed);
    }
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
    // Clients send URLs, and formats leave the slash away.
    yields(&line("GET", "h", "x/y"), &least("GET", "h", "/x/y"));
    yields(
        &line("GET", "h", "https://evil.example/x"),
        &least("GET", "h", "/x"),
    );
    yields(
        &line("GET", "h", "http://evil.example"),
        &least("GET", "h", "/"),
    );
    skipped(&line("OPTIONS", "h", "*"), Skip::InvalidPath);
    skipped(&line("GET", "h", "ftp://evil.example/x"), Skip::InvalidPath);
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
        "a:65536",
        "a:99999",
        "a:4.3",
        "a:1:2",
        "\u{e9}",
        "a%20b",
        &"a".repeat(64),
        &"a.".repeat(128),
    ] {
        skipped(&line("GET", host, "/x"), Skip::InvalidHost);
    }
    for (host, normal) in [
        ("h", "h"),
        ("a-b_c.example.com", "a-b_c.example.com"),
        ("a.example.com.", "a.example.com"),
        ("A.Example.COM", "a.example.com"),
        ("a.example.com:443", "a.example.com"),
        ("A.example.com.:443", "a.example.com"),
        ("a.example.com:8443", "a.example.com:8443"),
        ("a.example.com.:65535", "a.example.com:65535"),
        ("a.example.com:80", "a.example.com:80"),
        ("192.0.2.1", "192.0.2.1"),
    ] {
        yields(&line("GET", host, "/x"), &least("GET", normal, "/x"));
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

/// Reads a line with what an operator has set.
fn read_with(line: &str, reading: Reading, origin: Origin<'_>) -> Result<String, Skip> {
    let text = |record: AccessRecord<'_>| {
        let path = String::from_utf8_lossy(record.path);
        let template = String::from_utf8_lossy(record.template.unwrap_or(b"-"));
        let (method, host, source) = (record.method, record.host, record.host_source);
        format!("{method} {host} {source:?} {path} {template}")
    };
    let escaped = escaped(line);
    let mut reader = LineReader::new(reading);
    let any = reader.read_any(&escaped, origin).map(text);
    reader.begin_document();
    assert_eq!(reader.read(&escaped, origin).map(text), any, "{line}");
    let raw = RawLineReader::new(reading)
        .read(line.as_bytes(), origin)
        .map(text);
    assert_eq!(raw, any, "{line}");
    any
}

const TEMPLATES: Reading = Reading {
    sends_template_paths: true,
    reads_templates: true,
};

#[test]
fn a_host_is_made_up_only_for_an_access_log_line_that_has_no_name_for_it() {
    let both = Origin {
        region: Some("eu-west-1"),
        default_host: Some("default.example"),
    };
    let own = Ok("GET h Line /x -");
    let by_id = Ok("GET abc123.execute-api.eu-west-1.amazonaws.com ApiId /x -");
    let by_default = Ok("GET default.example Default /x -");
    for (members, expected) in [
        (
            r#""status":"200","requestId":"r","apiId":"abc123","domainName":"h""#,
            own,
        ),
        (
            r#""status":"200","requestId":"r","apiId":"abc123","host":"h""#,
            own,
        ),
        (r#""status":"200","requestId":"r","apiId":"abc123""#, by_id),
        (
            r#""status":200,"requestId":"r","context":{"apiId":"abc123"}"#,
            by_id,
        ),
        (
            r#""status":"-","extendedRequestId":"r","api_id":"abc123""#,
            by_id,
        ),
        (r#""status":"200","requestId":"r","apiId":"-""#, by_default),
        (r#""status":"200","requestId":"r""#, by_default),
        (r#""status":"200","resourcePath":"/x""#, by_default),
        (r#""status":"200","routeKey":"GET /x""#, by_default),
        // A host that is logged, and absent.
        (
            r#""status":"200","requestId":"r","domainName":"-""#,
            Err(Skip::NoHost),
        ),
        (
            r#""status":"200","requestId":"r","apiId":"abc123","host":"""#,
            Err(Skip::NoHost),
        ),
        // An application's own line.
        (r#""requestId":"r","level":"INFO""#, Err(Skip::NoHost)),
        (
            r#""status":"done","requestId":"r","apiId":"abc123""#,
            Err(Skip::NoHost),
        ),
        (r#""status":"200","level":"INFO""#, Err(Skip::NoHost)),
        // A caller can have opened a container around the gateway's own.
        (
            r#""status":"200","requestId":"r","claims":{"host":"h"}"#,
            Err(Skip::ContradictoryHost),
        ),
        (
            r#""status":"200","requestId":"r","apiId":"abc123","api_id":"evil12""#,
            Err(Skip::ContradictoryApiId),
        ),
    ] {
        let line = format!(r#"{{"httpMethod":"GET","path":"/x",{members}}}"#);
        let read = read_with(&line, Reading::default(), both);
        assert_eq!(
            read.as_deref().map_err(|reason| *reason),
            expected,
            "{line}"
        );
    }
    let line =
        r#"{"httpMethod":"GET","path":"/x","status":"200","requestId":"r","apiId":"abc123"}"#;
    let nothing = read_with(line, Reading::default(), Origin::default());
    assert_eq!(nothing, Err(Skip::NoHost));
}

#[test]
fn templates_are_read_as_what_they_are() {
    let only_template = Err(Skip::TemplateOnly);
    let beside = Reading {
        reads_templates: true,
        ..Reading::default()
    };
    for (members, by_default, in_batches, as_path) in [
        (
            r#""httpMethod":"GET","path":"/prod/pets/7","resourcePath":"/pets/{id}","stage":"prod""#,
            Ok("GET h Line /prod/pets/7 -"),
            Ok("GET h Line /prod/pets/7 /pets/{id}"),
            Ok("GET h Line /prod/pets/{id} /pets/{id}"),
        ),
        (
            r#""httpMethod":"GET","resourcePath":"/pets/{id}""#,
            only_template,
            only_template,
            Ok("GET h Line /pets/{id} /pets/{id}"),
        ),
        (
            r#""routeKey":"GET /pets/{id}""#,
            only_template,
            only_template,
            Ok("GET h Line /pets/{id} /pets/{id}"),
        ),
        // The route's method counts where the line has none.
        (
            r#""path":"/pets/7","routeKey":"GET /pets/{id}""#,
            Ok("GET h Line /pets/7 -"),
            Ok("GET h Line /pets/7 /pets/{id}"),
            Ok("GET h Line /pets/{id} /pets/{id}"),
        ),
        (
            r#""httpMethod":"PUT","path":"/pets/7","routeKey":"ANY /pets/{id}""#,
            Ok("PUT h Line /pets/7 -"),
            Ok("PUT h Line /pets/7 /pets/{id}"),
            Ok("PUT h Line /pets/{id} /pets/{id}"),
        ),
        (
            r#""path":"/pets/7","routeKey":"ANY /pets/{id}""#,
            Err(Skip::NoMethod),
            Err(Skip::NoMethod),
            Err(Skip::NoMethod),
        ),
        // A route that was not matched, or that takes any path, names no endpoint.
        (
            r#""httpMethod":"GET","path":"/x","routeKey":"$default""#,
            Ok("GET h Line /x -"),
            Ok("GET h Line /x -"),
            Ok("GET h Line /x -"),
        ),
        (
            r#""httpMethod":"GET","path":"/x","resourcePath":"-""#,
            Ok("GET h Line /x -"),
            Ok("GET h Line /x -"),
            Ok("GET h Line /x -"),
        ),
        (
            r#""httpMethod":"GET","routeKey":"$default""#,
            only_template,
            only_template,
            only_template,
        ),
        (
            r#""httpMethod":"GET","resourcePath":"/{proxy+}""#,
            only_template,
            only_template,
            only_template,
        ),
        (
            r#""httpMethod":"GET","path":"/prod/a/{b}","resourcePath":"/{proxy+}","stage":"prod""#,
            Ok("GET h Line /prod/a/{b} -"),
            Ok("GET h Line /prod/a/{b} /{proxy+}"),
            Ok("GET h Line /prod/a/%7Bb%7D /{proxy+}"),
        ),
        (
            r#""httpMethod":"GET","path":"/prod/pets/7","resourcePath":"GET /pets/{id}""#,
            Ok("GET h Line /prod/pets/7 -"),
            Ok("GET h Line /prod/pets/7 /pets/{id}"),
            Ok("GET h Line /prod/pets/{id} /pets/{id}"),
        ),
        // What stands in a template's place and is none: the path may hold what is not to be sent.
        (
            r#""httpMethod":"GET","path":"/pets/7","resourcePath":"pets""#,
            Ok("GET h Line /pets/7 -"),
            Ok("GET h Line /pets/7 -"),
            only_template,
        ),
        // Where a path should be.
        (
            r#""path":"GET /pets/{id}""#,
            only_template,
            only_template,
            Ok("GET h Line /pets/{id} /pets/{id}"),
        ),
        (
            r#""httpMethod":"GET","path":"$default""#,
            only_template,
            only_template,
            only_template,
        ),
        // An id, which is no template, beside one.
        (
            r#""httpMethod":"GET","path":"/pets/7","resource":"abc12","route":"GET /pets/{id}""#,
            Ok("GET h Line /pets/7 -"),
            // Behind a name that may hold anything.
            Ok("GET h Line /pets/7 -"),
            Ok("GET h Line /pets/{id} /pets/{id}"),
        ),
    ] {
        let line = format!(r#"{{"domainName":"h",{members}}}"#);
        for (reading, expected) in [
            (Reading::default(), by_default),
            (beside, in_batches),
            (TEMPLATES, as_path),
        ] {
            let read = read_with(&line, reading, Origin::default());
            assert_eq!(
                read.as_deref().map_err(|reason| *reason),
                expected,
                "{line} {reading:?}"
            );
        }
    }
}

/// A template that is sent has one value, as a path has.
#[test]
fn a_template_with_two_values_can_not_be_trusted() {
    for (members, field) in [
        (r#""resourcePath":"/a","resource_path":"/b""#, "template"),
        (
            r#""routeKey":"GET /a","http":{"routeKey":"GET /b"}"#,
            "template",
        ),
        (
            r#""resourcePath":"/a","claims":{"resourcePath":"/b"}"#,
            "template",
        ),
    ] {
        let line = format!(r#"{{"domainName":"h","httpMethod":"GET","path":"/a",{members}}}"#);
        let reason = read_with(&line, TEMPLATES, Origin::default()).unwrap_err();
        assert_eq!(reason.contradictory_field(), Some(field), "{line}");
        // Where none is needed, it does not matter.
        yields(&line, &least("GET", "h", "/a"));
        let beside = Reading {
            reads_templates: true,
            ..Reading::default()
        };
        let read = read_with(&line, beside, Origin::default());
        assert!(
            read.as_ref()
                .is_ok_and(|read| read.starts_with("GET h Line /a ")),
            "{read:?}"
        );
    }
}

/// Only the document's other lines tell that a format logs templates as paths.
#[test]
fn paths_with_braces_are_templates_where_other_lines_show_it() {
    let line = |path: &str| format!(r#"{{"domainName":"h","httpMethod":"GET","path":"{path}"}}"#);
    let read = |paths: &[&str]| -> Vec<Result<String, Skip>> {
        document(&paths.iter().map(|path| line(path)).collect::<Vec<_>>())
    };
    let path = |path: &str| Ok(format!("GET h{path} -"));
    assert_eq!(read(&["/pets/{id}"]), [path("/pets/{id}")]);
    assert_eq!(
        read(&["/pets/{id}", "/pets", "/pets/{id}"]),
        [
            Err(Skip::TemplateOnly),
            path("/pets"),
            Err(Skip::TemplateOnly)
        ]
    );
    // A caller has asked for such paths.
    assert_eq!(
        read(&["/pets/{id}", "/pets/7", "/pets/{id}"]),
        [path("/pets/{id}"), path("/pets/7"), path("/pets/{id}")]
    );
}

/// What the operator is told is what the format lacks, and nothing else.
#[test]
fn what_a_format_lacks() {
    let all = |lacks: &[Lacks]| {
        let mut all = Lacks::NOTHING;
        lacks.iter().for_each(|lack| all.add(*lack));
        all
    };
    for (line, reason, lacks) in [
        (
            r#"{"requestId":"r","httpMethod":"GET","path":"/x","status":"200"}"#,
            Skip::NoHost,
            all(&[Lacks::HOST, Lacks::HOST_BUT_DEFAULT]),
        ),
        (
            r#"{"requestId":"r","httpMethod":"GET","resourcePath":"/x","status":"200"}"#,
            Skip::NoHost,
            all(&[
                Lacks::HOST,
                Lacks::HOST_BUT_DEFAULT,
                Lacks::PATH,
                Lacks::PATH_BUT_TEMPLATE,
            ]),
        ),
        (
            r#"{"requestId":"r","routeKey":"GET /x","status":"200","domainName":"h"}"#,
            Skip::TemplateOnly,
            all(&[Lacks::PATH, Lacks::PATH_BUT_TEMPLATE]),
        ),
        (
            r#"{"requestId":"r","routeKey":"$default","status":"200","domainName":"h.example"}"#,
            Skip::TemplateOnly,
            all(&[Lacks::PATH, Lacks::METHOD]),
        ),
        (
            r#"{"requestId":"r","status":"200","responseLength":"9"}"#,
            Skip::NoHost,
            all(&[
                Lacks::HOST,
                Lacks::HOST_BUT_DEFAULT,
                Lacks::PATH,
                Lacks::METHOD,
            ]),
        ),
        // A default host would not do: nothing shows a call.
        (
            r#"{"httpMethod":"GET","path":"/x","status":"ok"}"#,
            Skip::NoHost,
            Lacks::HOST,
        ),
        // What a container hides is there.
        (
            r#"{"requestId":"r","status":"200","headers":{"host":"h","httpMethod":"GET"},"path":"/x"}"#,
            Skip::NoHost,
            Lacks::NOTHING,
        ),
        (
            r#"{"requestId":"r","httpMethod":"GET","routeKey":"ANY /{proxy+}","domainName":"h"}"#,
            Skip::TemplateOnly,
            Lacks::PATH,
        ),
        (
            r#"{"requestId":"r","status":"200","message":"done"}"#,
            Skip::Unrelated,
            Lacks::NOTHING,
        ),
        (
            r#"{"method":"handleRequest","path":"/var/task"}"#,
            Skip::Unrelated,
            Lacks::NOTHING,
        ),
        // The names are there, and the values are not.
        (
            r#"{"requestId":"r","httpMethod":"-","path":"-","status":"403","domainName":""}"#,
            Skip::NoHost,
            Lacks::NOTHING,
        ),
        // A route that was not matched has none, whatever the format.
        (
            r#"{"eventVersion":"1.08","eventSource":"apigateway.amazonaws.com","eventName":"GetRestApis","sourceIPAddress":"198.51.100.1","userAgent":"x","requestID":"r"}"#,
            Skip::Unrelated,
            Lacks::NOTHING,
        ),
        (
            r#"{"level":"INFO","message":"done","hostname":"169.254.1.2","status":"ok"}"#,
            Skip::Unrelated,
            Lacks::NOTHING,
        ),
        (
            "{'requestId':'r','httpMethod':'GET','path':'/x'}",
            Skip::UnsupportedFormat,
            Lacks::DOUBLE_QUOTES,
        ),
        (
            "{requestId:r,httpMethod:GET,path:/x}",
            Skip::UnsupportedFormat,
            Lacks::QUOTES,
        ),
        (
            r#"192.0.2.1 - - [22/Nov/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 345 r"#,
            Skip::UnsupportedFormat,
            Lacks::JSON,
        ),
        ("r | GET | /x | 200", Skip::UnsupportedFormat, Lacks::JSON),
        (
            "REPORT RequestId: r Duration: 1 ms",
            Skip::Malformed,
            Lacks::NOTHING,
        ),
    ] {
        let mut reader = LineReader::new(Reading::default());
        let escaped = escaped(line);
        let read = reader.read(&escaped, Origin::default());
        assert_eq!(read.err(), Some(reason), "{line}");
        assert_eq!(reader.lacks(), lacks, "{line}");
    }
    // With templates as paths, a route that was not matched is nothing that the format lacks.
    let mut reader = LineReader::new(TEMPLATES);
    let line = r#"{"requestId":"r","httpMethod":"GET","resourcePath":"-","status":"403","domainName":"h"}"#;
    let line = escaped(line);
    let read = reader.read(&line, Origin::default());
    assert_eq!(read.err(), Some(Skip::TemplateOnly));
    assert_eq!(reader.lacks(), Lacks::NOTHING);
}

/// Names that count only where the line has none that is certain.
#[test]
fn other_names() {
    let line = |members: &str| format!(r#"{{"status":"200","requestId":"r",{members}}}"#);
    for members in [
        r#""ctx_method":"GET","ctxpath":"/x","context.domainName":"h.example""#,
        r#""$context.httpMethod":"GET","$context.path":"/x","$context.domainName":"h.example""#,
        r#""HTTP Method":"GET","Request":{"Url":"/x"},"Domain Name":"h.example""#,
        r#""method":"GET","url":"https://h.example/x""#,
        r#""gateway":{"httpMethod":"GET"},"full_path":"/x","customDomain":"h.example""#,
        r#""http.request.method":"GET","url.path":"/x","url.domain":"h.example""#,
        r#""http.method":"GET","http.target":"/x","http.host":"h.example""#,
    ] {
        let read = read_with(&line(members), Reading::default(), Origin::default());
        assert_eq!(read.as_deref(), Ok("GET h.example Line /x -"), "{members}");
    }
    // What has no such name is no host, and no path, whatever it has.
    for (members, reason) in [
        (
            r#""httpMethod":"GET","path":"/x","ClientHost":"203.0.113.7""#,
            Skip::NoHost,
        ),
        (
            r#""httpMethod":"GET","path":"/x","client_hostname":"h.example""#,
            Skip::NoHost,
        ),
        (
            r#""httpMethod":"GET","path":"/x","serverName":"10.0.0.3""#,
            Skip::NoHost,
        ),
        (
            r#""httpMethod":"GET","path":"/x","customDomain":"v1.2""#,
            Skip::NoHost,
        ),
        (
            r#""httpMethod":"GET","path":"/x","url":"https://h.example/y""#,
            Skip::NoHost,
        ),
        (
            r#""httpMethod":"GET","path":"/x","target":{"url":"https://h.example/y"}"#,
            Skip::NoHost,
        ),
        (
            r#""httpMethod":"GET","domainName":"h.example","user":{"url":"/y"}"#,
            Skip::NoPath,
        ),
        (
            r#""httpMethod":"GET","domainName":"h.example","client_path":"/y""#,
            Skip::NoPath,
        ),
    ] {
        let read = read_with(&line(members), Reading::default(), Origin::default());
        assert_eq!(read, Err(reason), "{members}");
    }
    // They are nothing beside one that is certain, and are no contradiction.
    for members in [
        r#""httpMethod":"GET","path":"/x","domainName":"h.example","contextPath":"/app","url":"/y""#,
        r#""httpMethod":"GET","path":"/x","domainName":"h.example","customDomain":"-","api":{"host":"h.example"}"#,
        r#""httpMethod":"GET","path":"/x","domainName":"h.example","resource":"/a","route":"/b""#,
    ] {
        let read = read_with(&line(members), Reading::default(), Origin::default());
        assert_eq!(read.as_deref(), Ok("GET h.example Line /x -"), "{members}");
    }
    let record = |line: &str| {
        let mut reader = LineReader::new(Reading::default());
        let line = escaped(line);
        let record = reader.read(&line, Origin::default()).unwrap();
        (
            record.source_ip.map(String::from),
            record.user_agent.map(<[u8]>::to_vec),
            record.response_latency,
            record.request_time_epoch,
            record.error_message.map(<[u8]>::to_vec),
        )
    };
    let nothing = (None, None, None, None, None);
    for (members, expected) in [
        (
            r#""request":{"headers":{"x-forwarded-for":"192.0.2.1","user-agent":"ua"}},"latencyMs":"7","requestTime":1795341600,"error":{"messageString":"\"no\""}"#,
            (
                Some("192.0.2.1".into()),
                Some(b"ua".to_vec()),
                Some(7),
                Some(1_795_341_600_000),
                Some(b"no".to_vec()),
            ),
        ),
        // Two addresses of which neither is certain are none, and neither is a list, or a header of an authorizer.
        (
            r#""callerIp":"192.0.2.1","client":"192.0.2.2""#,
            nothing.clone(),
        ),
        (
            r#""x-forwarded-for":"192.0.2.1, 192.0.2.2","requestTime":"22/Nov/2026:10:00:00 +0000""#,
            nothing.clone(),
        ),
        (
            r#""authorizer":{"headers":{"x-forwarded-for":"192.0.2.1"}},"ts":"17""#,
            nothing,
        ),
    ] {
        let line = format!(r#"{{"httpMethod":"GET","path":"/x","domainName":"h",{members}}}"#);
        assert_eq!(record(&line), expected, "{line}");
    }
}

/// A value that runs on over a name, as one that ends with a backslash does, costs the line only where that name may
/// say what was called, or by whom.
#[test]
fn a_swallowed_name_that_is_not_needed_costs_no_line() {
    let documented = |swallowed: &str| {
        format!(
            r#"{{"httpMethod":"GET","path":"/x","domainName":"h","userAgent":"x\","{swallowed}":"v","more":"y"}}"#
        )
    };
    for name in [
        "context.stage",
        "latencyMs",
        "requestTime",
        "url",
        "resourcePath",
        "apiId",
    ] {
        let line = documented(name);
        let read = read_with(&line, Reading::default(), Origin::default());
        assert_eq!(read.as_deref(), Ok("GET h Line /x -"), "{line}");
    }
    for name in ["status", "sourceIp", "domainName"] {
        let line = documented(name);
        let read = read_with(&line, Reading::default(), Origin::default());
        assert_eq!(read, Err(Skip::Malformed), "{line}");
    }
    // Where it is needed, it costs the line.
    let line = documented("resourcePath").replace("\"more\"", "\"resourcePath\"");
    let read = read_with(&line, TEMPLATES, Origin::default());
    assert_eq!(read, Err(Skip::Malformed), "{line}");
}

/// What some formats have around their object.
#[test]
fn an_object_in_quotes_or_brackets() {
    let object = DOCUMENTED;
    yields(&format!("\"{object}\""), &documented());
    yields(&format!("[{object}]"), &documented());
    yields(&serde_json::to_string(object).unwrap(), &documented());
    skipped(&format!("\"{object}"), Skip::UnsupportedFormat);
}
