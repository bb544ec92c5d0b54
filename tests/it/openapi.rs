//! `cw-resend inventory --format openapi`. tests/browser has the validators and a viewer.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/standin/sample.log");

fn inventory(arguments: &[&str], log: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cw-resend"))
        .arg("inventory")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(log.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn line(method: &str, path: &str) -> String {
    format!(
        "{{\"httpMethod\":\"{method}\",\"path\":\"{path}\",\"status\":\"200\",\"domainName\":\"api.example.com\"}}\n"
    )
}

#[test]
fn each_host_has_a_document_with_all_of_its_calls() {
    let folder = std::env::temp_dir().join(format!("cw-resend-openapi-{}", std::process::id()));
    let output = inventory(
        &[
            "--format",
            "openapi",
            "--output",
            folder.to_str().unwrap(),
            SAMPLE,
        ],
        "",
    );
    assert!(output.status.success());
    let json = inventory(&["--format", "json", SAMPLE], "");
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    let hosts: BTreeSet<&str> = json["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|endpoint| endpoint["host"].as_str().unwrap())
        .collect();
    let mut calls = 0;
    for host in &hosts {
        let text = std::fs::read_to_string(folder.join(format!("{host}.json"))).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["info"]["title"], *host);
        for item in document["paths"].as_object().unwrap().values() {
            for (method, operation) in item.as_object().unwrap() {
                let operations = match method.as_str() {
                    "x-methods" => operation.as_object().unwrap().values().collect(),
                    _ => vec![operation],
                };
                calls += operations
                    .iter()
                    .map(|operation| operation["x-calls"].as_u64().unwrap())
                    .sum::<u64>();
            }
        }
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), hosts.len());
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(calls, json["calls"].as_u64().unwrap());
}

#[test]
fn one_host_can_go_to_standard_output() {
    let output = inventory(&["--format", "openapi", "-"], &line("GET", "/pets"));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["paths"]["/pets"]["get"].is_object());
    let output = inventory(&["--format", "openapi", SAMPLE], "");
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("name a folder with --output"), "{error}");
}

#[test]
fn a_method_without_an_operation_is_told() {
    let log = line("PROPFIND", "/dav");
    let output = inventory(&["--format", "openapi", "-"], &log);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("no operation for the method PROPFIND of api.example.com"),
        "{error}"
    );
    let output = inventory(&["--quiet", "--format", "openapi", "-"], &log);
    assert!(output.status.success() && output.stderr.is_empty());
}
