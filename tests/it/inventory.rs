//! `cw-resend inventory` as a process: what it writes, where, and with which status; and what strangers have written.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::tool::{self, Folder};

const SAMPLE: &str = "src/standin/sample.log";
/// Methods and paths that attack a terminal, a spreadsheet and a page.
const HOSTILE: &str = "tests/tool/inventory/hostile.log";

fn command(arguments: &[&str]) -> Command {
    tool::command(&[&["inventory"], arguments].concat())
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

#[track_caller]
fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_table_fits_eighty_columns_and_is_the_same_each_time() {
    let text = stdout(&[SAMPLE]);
    assert!(text.contains("59 calls of "), "{text}");
    assert!(text.contains("\napi.example.com\n"), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert_eq!(text, stdout(&[SAMPLE]));
}

#[test]
fn json_has_each_line_and_each_call() {
    let inventory: Value = serde_json::from_str(&stdout(&["--format", "json", SAMPLE])).unwrap();
    let skipped = inventory["skipped"].as_object().unwrap().values();
    let skipped: u64 = skipped.map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(inventory["version"], 1);
    assert_eq!((&inventory["lines"], skipped), (&Value::from(65), 6));
    let endpoints = inventory["endpoints"].as_array().unwrap().iter();
    let calls: u64 = endpoints.map(|one| one["calls"].as_u64().unwrap()).sum();
    assert_eq!(calls, 59);
    assert_eq!(inventory["calls"], 59);
}

/// Twelve of the sample's endpoints break a rule however often they are called.
#[test]
fn what_wallarm_would_not_show_has_its_reason() {
    let text = stdout(&["--format", "csv", SAMPLE]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let reason_of = |method: &str, path: &str| {
        let row = rows.iter().find(|row| &row[1] == method && &row[2] == path);
        row.unwrap_or_else(|| panic!("{method} {path} is not in {text}"))[19].to_string()
    };
    assert_eq!(reason_of("OPTIONS", "/prod/pets"), "method");
    assert_eq!(reason_of("HEAD", "/prod/health"), "method");
    assert_eq!(reason_of("POST", "/v1/payments"), "status");
    assert_eq!(reason_of("GET", "/v1/search"), "once");
    assert_eq!(reason_of("GET", "/prod/pets"), "");
}

#[test]
fn skipped_lines_are_told_and_explained_without_what_they_say() {
    let told = |arguments: &[&str]| String::from_utf8(run(arguments).stderr).unwrap();
    assert!(told(&[SAMPLE]).starts_with("warning: 6 of 65 lines are no calls ("));
    assert_eq!(told(&["--quiet", SAMPLE]), "");
    let explained = told(&["--explain", SAMPLE]);
    for expected in [
        "2 lines, websocket: a WebSocket API's call has neither method nor path\n",
        "  src/standin/sample.log: 34, 39\n",
        "  -> lines are no JSON",
    ] {
        assert!(explained.contains(expected), "{explained}");
    }
    assert!(!explained.contains("203.0.113."), "{explained}");
}

/// The same as of the function: its reader, its settings.
#[test]
fn a_default_host_and_the_stage() {
    let text = stdout(&["--strip-stage", SAMPLE]);
    assert!(
        text.contains(" /pets ") && !text.contains(" /prod/pets "),
        "{text}"
    );

    let line = r#"{"requestId":"1","httpMethod":"GET","path":"/a","status":"200"}"#;
    let none = with_input(&["-"], line);
    assert_eq!(none.status.code(), Some(2));
    let error = String::from_utf8(none.stderr).unwrap();
    assert!(
        error.contains("$context.domainName") && error.contains("--default-host"),
        "{error}"
    );
    let some = with_input(&["--default-host", "api.example.com", "-"], line);
    let text = String::from_utf8(some.stdout).unwrap();
    assert!(text.contains("\napi.example.com\n"), "{text}");
    let wrong = run(&["--default-host", "a b", SAMPLE]);
    assert_eq!(wrong.status.code(), Some(2));
}

/// Lines whose `path` is a template, as only the document's other lines show, wait for those as in Lambda.
#[test]
fn templates_that_are_logged_as_paths_are_told_by_other_lines() {
    let line = |path: &str| {
        format!(
            "{{\"requestId\":\"1\",\"httpMethod\":\"GET\",\"path\":\"{path}\",\"status\":\"200\",\"domainName\":\
             \"api.example.com\"}}\n"
        )
    };
    let templates = line("/pets/{petId}").repeat(20);
    let output = with_input(&["--format", "json", "-"], &templates);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.contains("none in 20 lines (20 templateOnly): append \"path\": \"$context.path\""),
        "{error}"
    );
    // A path in the same member shows that the others are paths, too, whoever has called them.
    let output = with_input(&["--format", "json", "-"], &(templates + &line("/pets/7")));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(
        (&document["calls"], &document["lines"]),
        (&21.into(), &21.into())
    );
}

fn with_input(arguments: &[&str], input: &str) -> Output {
    tool::run(&[&["inventory"], arguments].concat(), input)
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let mut child = command(&["--quiet", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Before there is any output.
    drop(child.stdout.take());
    let sample = fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(SAMPLE)).unwrap();
    child.stdin.take().unwrap().write_all(&sample).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_file_in_place_of_standard_output() {
    let folder = Folder::new("inventory-file");
    let path = folder.path("inventory.json");
    assert_eq!(stdout(&["--format", "json", "--output", &path, SAMPLE]), "");
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written, stdout(&["--format", "json", SAMPLE]));
    let failed = run(&["--output", "/no/such/folder/x", SAMPLE]);
    assert_eq!(failed.status.code(), Some(2));
    let error = String::from_utf8(failed.stderr).unwrap();
    assert!(
        error.contains("failed to write /no/such/folder/x: "),
        "{error}"
    );
    let failed = run(&["--output", "/no/such/\u{1b}[31m\u{202e}/x", SAMPLE]);
    let error = String::from_utf8(failed.stderr).unwrap();
    assert!(
        error.contains("failed to write /no/such/\\u{1b}[31m\\u{202e}/x: "),
        "{error}"
    );
}

#[test]
fn a_log_without_calls_is_an_error_that_says_what_to_append() {
    let output = with_input(
        &["-"],
        "{\"requestId\":\"1\",\"httpMethod\":\"GET\",\"status\":\"200\",\"domainName\":\"api.example.com\"}\n",
    );
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.contains("1 noPath") && error.contains("\"path\": \"$context.path\""),
        "{error}"
    );
}

/// Nothing that acts on a terminal, or hides in a name.
#[track_caller]
fn assert_harmless(text: &str) {
    let acts = |c: char| {
        (c.is_control() && !['\n', '\r'].contains(&c))
            || ('\u{200b}'..='\u{200f}').contains(&c)
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    assert!(!text.contains(acts), "{text:?}");
}

#[test]
fn an_attack_on_each_format_is_text() {
    for format in ["table", "json", "csv", "markdown"] {
        for color in [[("NO_COLOR", "1")], [("CLICOLOR_FORCE", "0")]] {
            let output = command(&["--format", format, HOSTILE])
                .envs(color)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(0), "{format}");
            assert_harmless(&String::from_utf8(output.stdout).unwrap());
        }
    }
    let csv = stdout(&["--format", "csv", HOSTILE]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    for row in reader.records() {
        for cell in &row.unwrap() {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{cell}"
            );
        }
    }
    let markdown = stdout(&["--format", "markdown", HOSTILE]);
    let rows = markdown.lines().filter(|line| line.starts_with('|'));
    for row in rows {
        assert_eq!(row.matches('|').count(), 11, "{row}");
        let outside: String = row.split('`').step_by(2).collect();
        assert!(!outside.contains(['<', '[', '\\']), "{row}");
    }
}
