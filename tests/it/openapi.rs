//! `cw-resend inventory --format openapi`. tests/browser has the validators and a viewer.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;

use crate::tool::{self, Folder};

const SAMPLE: &str = "src/standin/sample.log";

fn inventory(arguments: &[&str], log: &str) -> Output {
    tool::run(&[&["inventory"], arguments].concat(), log)
}

fn line(method: &str, path: &str) -> String {
    format!(
        "{{\"httpMethod\":\"{method}\",\"path\":\"{path}\",\"status\":\"200\",\"domainName\":\"api.example.com\"}}\n"
    )
}

#[test]
fn each_host_has_a_document_with_all_of_its_calls() {
    let folder = Folder::new("openapi");
    // It is not there yet.
    let out = folder.path("out");
    let output = inventory(&["--format", "openapi", "--output", &out, SAMPLE], "");
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
        let text = std::fs::read_to_string(format!("{out}/{host}.json")).unwrap();
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
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), hosts.len());
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

/// Writes the documents of a log and of a specification into a folder, and reads them.
fn documents(name: &str, declared: &str, log: &str) -> (Vec<(String, Value)>, String) {
    let folder = Folder::new(name);
    let out = folder.path("out");
    std::fs::create_dir_all(&out).unwrap();
    let spec = folder.write("spec.json", declared);
    let output = inventory(
        &[
            "--format", "openapi", "--output", &out, "--spec", &spec, "-",
        ],
        log,
    );
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    let mut documents: Vec<(String, Value)> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let text = std::fs::read(entry.path()).unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, serde_json::from_slice(&text).unwrap())
        })
        .collect();
    documents.sort_by(|one, other| one.0.cmp(&other.0));
    (documents, error)
}

#[test]
fn what_a_specification_declares_and_nobody_called_is_there() {
    let declared = r#"{"openapi":"3.0.3","paths":{"/files/{proxy+}":{"get":{}},"/never/{id}":{"x-amazon-apigateway-any-method":{}}}}"#;
    let (documents, error) = documents("openapi-declared", declared, &line("GET", "/pets"));
    assert_eq!(error, "");
    let paths = &documents[0].1["paths"];
    assert_eq!(paths["/pets"]["get"]["x-documented"], false);
    let files = &paths["/files/{proxy}"]["get"];
    assert_eq!(files["x-calls"], 0);
    assert_eq!(files["parameters"][0]["x-greedy"], true);
    assert!(paths["/never/{id}"]["x-amazon-apigateway-any-method"].is_object());
}

/// With several hosts, nothing tells which of them an operation is of that nobody called.
#[test]
fn operations_of_no_host_are_told() {
    let declared = r#"{"openapi":"3.0.3","paths":{"/never":{"get":{}}}}"#;
    let log = line("GET", "/pets") + &line("GET", "/pets").replace("api.", "other.");
    let (documents, error) = documents("openapi-no-host", declared, &log);
    assert_eq!(documents.len(), 2);
    assert!(
        error.contains("nobody called 1 operation of the specification"),
        "{error}"
    );
}

#[test]
fn hostile_text_of_a_specification_is_a_path() {
    let declared = serde_json::json!({
        "openapi": "3.0.3",
        "paths": {"/<img src=x>\u{202e}/{a\"b}/{": {"get": {}}},
    });
    let (documents, _) = documents(
        "openapi-hostile",
        &declared.to_string(),
        &line("GET", "/pets"),
    );
    let paths = documents[0].1["paths"].as_object().unwrap();
    let paths: Vec<&str> = paths.keys().map(String::as_str).collect();
    assert_eq!(paths, ["/%3Cimg%20src=x%3E%E2%80%AE/{a_b}/%7B", "/pets"]);
}
