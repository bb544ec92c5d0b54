//! `cw-resend inventory --format html`. tests/browser looks at the page in a browser.

use std::process::Output;

use crate::tool::{self, Folder};

const SAMPLE: &str = "src/standin/sample.log";

fn inventory(arguments: &[&str], log: &str) -> Output {
    tool::run(&[&["inventory"], arguments].concat(), log)
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
    // What no word of an API looks like is a place, so that the page does not have it at all.
    let path = "/</script><img src=x onerror=alert(1)>{{7*7}}";
    let line = format!(
        r#"{{"httpMethod":"GET","path":"{path}","resourcePath":"{path}","status":"200","domainName":"api.example.com"}}"#
    );
    let output = inventory(&["--format", "html", "-"], &format!("{line}\n"));
    let page = stdout(&output);
    assert_eq!(page.matches("</script").count(), 1);
    assert!(!page.contains("<img"));
    assert!(page.contains("<var>{text}</var>") && !page.contains("7*7"));
}

#[test]
fn the_page_goes_to_a_file() {
    let folder = Folder::new("html-file");
    let path = folder.path("page.html");
    let output = inventory(&["--format", "html", "--output", &path, SAMPLE], "");
    assert_eq!(stdout(&output), "");
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
}

#[test]
fn hostile_text_of_a_specification_and_of_file_names_stays_text() {
    let folder = Folder::new("html-hostile");
    let attack = "<img src=x onerror=alert(1)>\u{202e}";
    let declared = serde_json::json!({
        "openapi": "3.0.3",
        "servers": [{"url": "https://api.example.com"}],
        "paths": {
            format!("/</script><script>alert(1)</script>{attack}"): {"get": {}},
            "/\"onfocus=\"alert(1)/{x\" y}/{z<b>+}": {"x-amazon-apigateway-any-method": {}},
        },
    });
    // A file's name has no slash.
    let spec = folder.write(&format!("{attack}.json"), &declared.to_string());
    let line =
        r#"{"httpMethod":"GET","path":"/pets","status":"200","domainName":"api.example.com"}"#;
    let log = folder.write(&format!("{attack}.log"), &format!("{line}\nno call\n"));
    let output = inventory(&["--format", "html", "--spec", &spec, &log], "");
    let page = stdout(&output);
    assert_eq!(page.matches("<tr data-").count(), 3);
    assert!(page.contains("alert(1)"));
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</script").count(), 1);
    for wrong in ["<img", "<b>", "\"onfocus", "\u{202e}"] {
        assert!(!page.contains(wrong), "{wrong}");
    }
    assert!(
        !output
            .stderr
            .windows(3)
            .any(|bytes| bytes == "\u{202e}".as_bytes())
    );
}

#[test]
fn the_page_tells_what_the_specification_says() {
    let folder = Folder::new("html-spec");
    let declared = r#"{"openapi":"3.0.3","paths":{"/pets":{"get":{}},"/files/{proxy+}":{"get":{}},"/never":{"x-amazon-apigateway-any-method":{}}}}"#;
    let spec = folder.write("spec.json", declared);
    let line = |path: &str| {
        format!(
            "{{\"httpMethod\":\"GET\",\"path\":\"{path}\",\"status\":\"200\",\"domainName\":\"api.example.com\"}}\n"
        )
    };
    let log = line("/pets") + &line("/files/report/7.pdf") + &line("/carts");
    let output = inventory(&["--format", "html", "--spec", &spec, "-"], &log);
    let page = stdout(&output);
    let row = |text: &str| {
        let rows = page.split("<tr data-").skip(1);
        let found: Vec<&str> = rows.filter(|row| row.contains(text)).collect();
        assert_eq!(found.len(), 1, "{text} in {page}");
        found[0]
    };
    assert!(row("pets</code>").contains("data-declared=yes"));
    assert!(row("carts</code>").contains("Not declared"));
    let below = row("report");
    assert!(below.contains("<var>{integer}</var>.pdf"));
    assert!(below.contains("below <code dir=ltr>&#x2f;files&#x2f;{proxy+}</code>"));
    let never = row("never");
    assert!(never.contains("ANY") && never.contains("Declared, not called"));
}
