//! `cw-resend check`: formats, stages and logs, and the commands that it prints.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn path(name: &str) -> String {
    format!("{}/tests/tool/check/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn check(arguments: &[&str], input: &[u8]) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_cw-resend"))
        .arg("check")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that refuses its arguments does not read.
    let _ = process.stdin.take().unwrap().write_all(input);
    process.wait_with_output().unwrap()
}

fn json(arguments: &[&str], input: &[u8]) -> (i32, Value) {
    let output = check(&[&["--json"], arguments].concat(), input);
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let document = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{error}"));
    (output.status.code().unwrap(), document)
}

/// What a shell makes of a command: its words, one a line.
fn words(command: &str) -> Vec<String> {
    let script = command.replacen("aws ", "printf '%s\\0' ", 1);
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_string).collect()
}

#[test]
fn stages_of_a_rest_api() {
    let (status, found) = json(&[&path("rest-stages.json")], b"");
    assert_eq!(status, 1);
    let [prod, stream, dev] = &found["stages"].as_array().unwrap()[..] else {
        panic!("{found}");
    };
    assert_eq!(prod["status"], "insufficient");
    assert_eq!(prod["lacks"], serde_json::json!(["domainName"]));
    assert_eq!(prod["logsTo"]["name"], "/aws/apigateway/pets");
    let words_of = words(prod["command"].as_str().unwrap());
    assert_eq!(
        words_of[..8],
        [
            "apigateway",
            "update-stage",
            "--region",
            "eu-central-1",
            "--rest-api-id",
            "REST_API_ID",
            "--stage-name",
            "prod"
        ]
    );
    let patches: Value = serde_json::from_str(&words_of[9]).unwrap();
    assert_eq!(
        patches,
        serde_json::json!([{
            "op": "replace", "path": "/accessLogSettings/format",
            "value": r#"{"requestId":"$context.requestId","httpMethod":"$context.httpMethod","path":"$context.path","status":"$context.status", "domainName": "$context.domainName"}"#,
        }])
    );
    assert_eq!(stream["status"], "sufficient");
    assert_eq!(stream["logsTo"]["kind"], "Firehose stream");
    assert_eq!(stream["command"], Value::Null);
    assert_eq!(dev["status"], "notLogging");
    let words_of = words(dev["command"].as_str().unwrap());
    let patches: Value = serde_json::from_str(words_of.last().unwrap()).unwrap();
    assert_eq!(patches[0]["path"], "/accessLogSettings/destinationArn");
}

#[test]
fn stages_of_an_http_api() {
    let (status, found) = json(&[&path("http-stages.json"), "--api-id", "a1b2c3d4e5"], b"");
    assert_eq!(status, 1);
    let [default, chat, managed] = &found["stages"].as_array().unwrap()[..] else {
        panic!("{found}");
    };
    assert_eq!(default["lacks"], serde_json::json!(["domainName", "path"]));
    let words_of = words(default["command"].as_str().unwrap());
    assert!(words_of.contains(&"$default".to_string()), "{words_of:?}");
    assert!(words_of.contains(&"a1b2c3d4e5".to_string()), "{words_of:?}");
    let settings: Value = serde_json::from_str(words_of.last().unwrap()).unwrap();
    // A quote and a dollar sign stay what they are.
    let format = settings["Format"].as_str().unwrap();
    assert!(
        format.ends_with(
            r#""note":"it's $5", "domainName": "$context.domainName", "path": "$context.path"}"#
        ),
        "{format}"
    );
    assert_eq!(chat["status"], "webSocket");
    assert_eq!(managed["command"], Value::Null);
    assert!(managed["notes"][0].as_str().unwrap().contains("manages"));
}

/// Each public format, with what it is to lack. `tests/it/field.rs` has the same of the function.
#[test]
fn public_formats() {
    let formats = include_str!("../field/formats.txt");
    let (mut count, mut wrong) = (0, String::new());
    for section in formats.split("\n[").skip(1) {
        let (name, rest) = section.split_once('\n').unwrap();
        let mut lines = rest.lines();
        let Some(format) = lines.next().and_then(|line| line.strip_prefix("| ")) else {
            continue;
        };
        // Any of several expectations will do. A format of several lines has none right below.
        let expected: Vec<&str> = lines
            .map_while(|line| line.strip_prefix("alone: "))
            .collect();
        if expected.is_empty() {
            continue;
        }
        if format.contains("\\T") || name.contains("websocket") {
            continue;
        }
        count += 1;
        let (_, found) = json(&["--format-string", format], b"");
        let status = found["stages"][0]["status"].as_str().unwrap();
        let is_right = expected
            .iter()
            .any(|expected| match expected.starts_with("sent") {
                true => status == "sufficient",
                false => status == "insufficient" && found["stages"][0]["betterFormat"].is_string(),
            });
        if !is_right {
            wrong += &format!("{name}: {status}, expected {expected:?}\n");
        }
    }
    assert!(count > 50, "{count}");
    assert!(wrong.is_empty(), "{wrong}");
}

/// Hostile documents: what they have is never part of a command, nor acts on a terminal.
#[test]
fn what_a_document_has_is_quoted() {
    for name in [
        "a'$(touch x)`b`",
        "--help",
        "file:///etc/passwd",
        "a\u{1b}[2J\nb",
    ] {
        let stages = serde_json::json!({"item": [{
            "stageName": name,
            "accessLogSettings": {"format": "$context.path", "destinationArn": "arn:aws:logs:--x:1:log-group:\u{202e}\u{1b}"},
        }]});
        let text = stages.to_string();
        let (_, found) = json(&["-"], text.as_bytes());
        assert_eq!(found["stages"][0]["command"], Value::Null, "{name}");
        let output = check(&["-"], text.as_bytes());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            !text.contains(['\u{1b}', '\u{202e}']) && text.lines().count() < 20,
            "{text}"
        );
    }
    let format = r#"{"a":"'; touch x; echo '","b":"$context.path"}"#;
    let stages = serde_json::json!({"Items": [{
        "StageName": "prod", "AccessLogSettings": {"Format": format, "DestinationArn": "arn:aws:logs:us-east-1:1:log-group:'$(id)'"},
    }]});
    let (_, found) = json(&["-"], stages.to_string().as_bytes());
    let words = words(found["stages"][0]["command"].as_str().unwrap());
    let settings: Value = serde_json::from_str(words.last().unwrap()).unwrap();
    assert_eq!(
        settings["DestinationArn"],
        "arn:aws:logs:us-east-1:1:log-group:'$(id)'"
    );
}

#[test]
fn a_log_is_judged_by_its_lines() {
    let good = r#"{"requestId":"a","httpMethod":"GET","path":"/a","status":"200","domainName":"api.example.com"}"#;
    let bad = r#"{"requestId":"a","httpMethod":"GET","path":"/a","status":"200"}"#;
    for (lines, status, lacks) in [
        (vec![good, good], 0, serde_json::json!([])),
        (vec![good, bad], 1, serde_json::json!(["domainName"])),
    ] {
        let (found, document) = json(&["-"], lines.join("\n").as_bytes());
        assert_eq!(found, status, "{document}");
        assert_eq!(document["logs"][0]["lines"], lines.len());
        assert_eq!(document["logs"][0]["lacks"], lacks);
    }
}

#[test]
fn a_path_that_is_too_long_to_be_sent_is_not_forwarded() {
    let line = |path: &str| {
        format!(
            r#"{{"requestId":"a","httpMethod":"GET","path":"/{path}","status":"200","domainName":"api.example.com"}}"#
        )
    };
    let lines = [line("a"), line(&"a".repeat(20_000))].join("\n");
    let (_, document) = json(&["-"], lines.as_bytes());
    assert_eq!(document["logs"][0]["lines"], 2);
    assert_eq!(document["logs"][0]["forwarded"], 1);
    assert_eq!(document["logs"][0]["skipped"]["oversized"], 1);
}

#[test]
fn a_file_of_formats_and_a_format_over_several_lines() {
    let (status, found) = json(&["-"], b"{\n \"a\": \"$context.path\"\n}\n");
    assert_eq!((status, found["stages"].as_array().unwrap().len()), (1, 1));
    let format = include_str!("../../README.md")
        .lines()
        .find(|line| line.starts_with("{ \"requestId\""))
        .unwrap();
    let (status, found) = json(&["-"], format!("{format}\n{format}\n").as_bytes());
    assert_eq!((status, found["stages"].as_array().unwrap().len()), (0, 2));
}
