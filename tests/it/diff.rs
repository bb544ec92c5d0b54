//! `cw-resend diff` as a process.

use std::{fs, process::Output};

use serde_json::Value;

use crate::tool::{self, Folder};

const JUNE: &str = "tests/tool/inventory/june.json";
const JULY: &str = "tests/tool/inventory/july.json";

fn diff(arguments: &[&str]) -> Output {
    tool::run(&[&["diff"], arguments].concat(), "")
}

#[test]
fn what_is_new_and_gone_since_has_status_1() {
    let output = diff(&[JUNE, JULY]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let expected = "\
New: 1
  api.example.com
    DELETE  /v1/pets/{integer}  (2 calls)

Gone: 1
  api.example.com
    GET  /v1/legacy/report  (1 call)

2 endpoints that are not known had only 4xx responses, as scanners get them: --only refused shows what.
";
    assert_eq!(text, expected);
    let json: Value =
        serde_json::from_slice(&diff(&["--format", "json", JUNE, JULY]).stdout).unwrap();
    assert_eq!(json["findings"].as_array().unwrap().len(), 2);
    assert_eq!(json["findings"][0]["kind"], "new");
    assert_eq!(json["refused"], 2);
}

#[test]
fn where_nothing_is_found_the_status_is_0() {
    for arguments in [&[JUNE, JUNE][..], &["--only", "unused", JUNE, JULY]] {
        let output = diff(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stdout.starts_with(b"No difference.\n"));
    }
    assert_eq!(
        diff(&["--only", "refused", JUNE, JULY]).status.code(),
        Some(1)
    );
}

#[test]
fn what_can_not_be_compared_is_refused_with_the_way_out() {
    let folder = Folder::new("diff-version");
    let other = folder.write("2.json", r#"{"version": 2, "endpoints": "other"}"#);
    for (arguments, expected) in [
        (&[JUNE][..], "expected two inventories, found one file"),
        (
            &[JUNE, JULY, JUNE],
            "expected two inventories, found 3 files",
        ),
        (&[JUNE, "src/standin/sample.log"], "found something else"),
        (&[JUNE, "/no/such/file"], "failed to read /no/such/file: "),
        (
            &[JUNE, &other],
            "found version 2 of it, and this program reads 1",
        ),
        (
            &["--spec", "x.json", JUNE],
            "expected a log, found an inventory",
        ),
        (&[], "required arguments"),
    ] {
        let output = diff(arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(expected), "{expected:?} is not in {error}");
    }
}

/// An inventory may have come from anybody: its names need not be what a log could have.
#[test]
fn an_attack_in_an_inventory_is_text() {
    let june = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/tool/inventory/june.json"
    ));
    let mut inventory: Value = serde_json::from_str(&june.unwrap()).unwrap();
    let endpoint = &mut inventory["endpoints"][0];
    endpoint["host"] = "\u{1b}]0;x\u{7}\u{202e}moc".into();
    endpoint["path"] = "/x | <img src=x>\n# [a](b) `c`".into();
    endpoint["statuses"]["2xx"] = 1.into();
    endpoint["statuses"]["4xx"] = 0.into();
    let folder = Folder::new("diff-attack");
    let path = folder.write("attack.json", &inventory.to_string());
    for format in ["text", "markdown"] {
        let output = diff(&["--format", format, JUNE, &path]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
        assert!(
            text.contains("u{1b}") || text.contains("&#123;1b"),
            "{text}"
        );
        if format == "markdown" {
            assert!(!text.contains("<img") && !text.contains("\n# "), "{text}");
        }
    }
}
