//! `cw-resend inventory --format html`. tests/browser looks at the page in a browser.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

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

fn stdout(output: &Output) -> &str {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn the_page_has_a_row_for_each_endpoint_and_connects_to_nothing() {
    let output = inventory(&["--format", "html", SAMPLE], "");
    let page = stdout(&output);
    let json = inventory(&["--format", "json", SAMPLE], "");
    let json: serde_json::Value = serde_json::from_str(stdout(&json)).unwrap();
    let endpoints = json["endpoints"].as_array().unwrap().len();
    assert!(endpoints > 0);
    let (_, body) = page.split_once("<tbody").unwrap();
    assert_eq!(body.matches("<tr ").count(), endpoints);
    assert!(page.contains("content=\"default-src 'none'; style-src 'sha256-"));
    for address in ["http:", "https:", "src=", "url(", "@import"] {
        assert!(!page.contains(address), "{address}");
    }
    // There is no clock in it.
    let again = inventory(&["--format", "html", SAMPLE], "");
    assert!(output.stdout == again.stdout);
}

#[test]
fn a_hostile_path_stays_text() {
    let line = r#"{"httpMethod":"GET","path":"/</script><img src=x onerror=alert(1)>{{7*7}}","status":"200","domainName":"api.example.com"}"#;
    let output = inventory(&["--format", "html", "-"], &format!("{line}\n"));
    let page = stdout(&output);
    assert_eq!(page.matches("</script").count(), 1);
    assert!(!page.contains("<img"));
    assert!(page.contains("7*7"));
}

#[test]
fn the_page_goes_to_a_file() {
    let path = std::env::temp_dir().join(format!("cw-resend-html-{}.html", std::process::id()));
    let output = inventory(
        &[
            "--format",
            "html",
            "--output",
            path.to_str().unwrap(),
            SAMPLE,
        ],
        "",
    );
    assert_eq!(stdout(&output), "");
    let page = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
}
