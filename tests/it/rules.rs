//! The rules that the project holds itself to.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use cw_resend_lambda::VARIABLES;
use serde_json::Value;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Lambda build depends on five crates, whatever else the tools use. `cargo tree` could show that too,
/// but it needs the crates of each platform, which a build for one of them has not downloaded.
#[test]
fn the_lambda_build_has_five_direct_dependencies() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let dependencies = metadata["packages"][0]["dependencies"].as_array().unwrap();
    // What a feature brings is optional, and the Lambda build has no feature.
    let direct: BTreeSet<&str> = dependencies
        .iter()
        .filter(|dependency| dependency["kind"] != "dev" && dependency["optional"] == false)
        .filter_map(|dependency| dependency["name"].as_str())
        .collect();
    let allowed = BTreeSet::from(["base64", "miniz_oxide", "serde", "serde_json", "ureq"]);
    assert_eq!(direct, allowed);
}

#[test]
fn the_readme_has_every_variable_in_order() {
    let readme = read("README.md");
    let rows: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `X_")?.split('`').next())
        .collect();
    let expected: Vec<&str> = VARIABLES.iter().map(|(name, _)| &name[2..]).collect();
    assert_eq!(rows, expected);
}

/// The list of known names is made from the table that the code reads them by.
#[test]
fn the_readme_has_every_known_name() {
    let source = read("src/record/names.rs");
    let mut table = String::from("| field | names |\n| --- | --- |\n");
    for block in source.split("\nnames! {").skip(1) {
        let block = block.split("\n}").next().unwrap();
        for entry in block.split(';').skip(1).filter(|entry| entry.contains(':')) {
            let (field, names) = entry.split_once(':').unwrap();
            let names: Vec<String> = names
                .split('"')
                .skip(1)
                .step_by(2)
                .map(|name| format!("`{name}`"))
                .collect();
            table += &format!("| {} | {} |\n", described(field.trim()), names.join(", "));
        }
    }
    let readme = read("README.md");
    let (before, rest) = readme.split_once("<!-- names: ").unwrap();
    let (mark, rest) = rest.split_once("-->\n").unwrap();
    let (found, after) = rest.split_once("<!-- names end -->").unwrap();
    let expected = format!("\n{table}\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let text = format!("{before}<!-- names: {mark}-->\n{expected}<!-- names end -->{after}");
        std::fs::write(path, text).unwrap();
        return;
    }
    assert!(table.matches('`').count() > 150, "{table}");
    assert_eq!(found, expected, "UPDATE_GOLDEN=1 cargo test makes it anew");
}

/// A field as a reader of the README knows it.
fn described(field: &str) -> &str {
    match field {
        "RequestId" => "request id",
        "Method" => "method",
        "Path" => "path",
        "Protocol" => "protocol",
        "Status" => "status",
        "ResponseLength" => "length of the response, in bytes",
        "RequestTimeEpoch" => "Unix time, in seconds or milliseconds",
        "ResponseLatency" => "latency of the response, in milliseconds",
        "IntegrationLatency" => "latency of the integration, in milliseconds",
        "IntegrationStatus" => "status of the integration",
        "ErrorMessage" => "error message",
        "Stage" => "stage",
        "Host" => "host",
        "SourceIp" => "client address",
        "UserAgent" => "user agent",
        "ResourcePath" => "template of a REST API",
        "RouteKey" => "route of an HTTP API",
        "ApiId" => "the API's id",
        "WebSocket" => "only in lines of a WebSocket API",
        "OtherPath" => "path or URL",
        "OtherHost" => "host, if it has a dot",
        "OtherSourceIp" => "client address, if it is one",
        "OtherTemplate" => "template or route, if it is one",
        "OtherEpoch" => "Unix time, if it is a number",
        other => panic!("{other} has no words"),
    }
}

#[test]
fn the_readme_begins_with_two_commands() {
    let readme = read("README.md");
    let commands: Vec<&str> = readme
        .lines()
        .filter(|line| line.starts_with("cargo "))
        .take(2)
        .collect();
    assert_eq!(
        commands,
        [
            "cargo run -- inventory src/standin/sample.log",
            "cargo test"
        ]
    );
}

#[test]
fn the_changelog_has_this_version_once() {
    let changelog = read("CHANGELOG.md");
    let heading = format!("## {}", env!("CARGO_PKG_VERSION"));
    let count = changelog
        .lines()
        .filter(|line| line.starts_with(&heading))
        .count();
    assert_eq!(count, 1);
}

/// The text of every file below these places whose name has one of these endings.
fn texts(places: &[&str], endings: &[&str]) -> Vec<(String, String)> {
    fn walk(path: &Path, endings: &[&str], texts: &mut Vec<(String, String)>) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                walk(&entry.unwrap().path(), endings, texts);
            }
        } else if endings
            .iter()
            .any(|ending| path.to_string_lossy().ends_with(ending))
        {
            let name = path.to_string_lossy().into_owned();
            texts.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    let mut texts = Vec::new();
    for place in places {
        walk(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(place),
            endings,
            &mut texts,
        );
    }
    texts
}

const DOCUMENTS: [&str; 11] = [
    "README.md",
    "SECURITY.md",
    "DESIGN.md",
    "CONTRIBUTING.md",
    "tests/README.md",
    "bench/README.md",
    "bench/COSTS.md",
    "bootstrap/README.md",
    "terraform/README.md",
    "terraform/examples/README.md",
    "terraform/modules/connector/README.md",
];

/// A defence without a test that shows it is a claim, and so is a fact that was measured.
#[test]
fn the_documents_name_tests_that_are_there() {
    let sources = texts(&["src", "tests"], &[".rs"]);
    let is_test = |name: &str| {
        let function = format!("fn {name}()");
        sources.iter().any(|(_, text)| text.contains(&function))
    };
    for (document, least) in [
        ("SECURITY.md", 20),
        ("DESIGN.md", 10),
        ("CONTRIBUTING.md", 0),
    ] {
        let text = read(document);
        // Code blocks apart, what stands between two backticks is every second piece.
        let named: BTreeSet<&str> = text
            .split('`')
            .filter(|word| word.contains("::") && !word.contains([' ', '(']))
            .filter_map(|word| word.rsplit("::").next())
            .filter(|name| name.contains('_') && !name.contains(|c: char| c.is_ascii_uppercase()))
            .collect();
        assert!(named.len() >= least, "{document}: {named:?}");
        for name in named {
            assert!(is_test(name), "{document}: no test {name}");
        }
    }
}

/// The code cites a fact by its heading: `DESIGN.md, "Polling again"`, and further ones after an `and`.
#[test]
fn each_citation_has_its_heading() {
    let design = read("DESIGN.md");
    let headings: BTreeSet<&str> = design
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim())
        .collect();
    let mut citations = 0;
    for (file, text) in texts(
        &["src", "tests", "bench/driver", "bench/contenders"],
        &[".rs"],
    ) {
        // A citation may go over the end of a comment's line.
        let lines = text
            .lines()
            .map(|line| line.trim().trim_start_matches(['/', '!']).trim());
        let text = lines.collect::<Vec<_>>().join(" ");
        let mark = ["DESIGN", ".md, \""].concat();
        for citation in text.split(&mark).skip(1) {
            let mut rest = citation;
            loop {
                let (heading, after) = rest.split_once('"').unwrap();
                assert!(headings.contains(heading), "{file}: no heading {heading:?}");
                citations += 1;
                match after.strip_prefix(" and \"") {
                    Some(next) => rest = next,
                    None => break,
                }
            }
        }
    }
    assert!(citations > 15, "{citations}");
}

/// Each path that a document or a comment names leads somewhere.
#[test]
fn each_path_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = [
        "src/",
        "tests/",
        "bench/",
        "bootstrap/",
        "terraform/",
        ".ci/",
        ".github/",
    ];
    // What a build makes is not there before it.
    let made = ["bootstrap/dist", "terraform/terraform.tfvars"];
    let mut files = texts(&DOCUMENTS, &[""]);
    files.extend(texts(&["src", "tests", "bench"], &[".rs", "/run"]));
    let mut paths = 0;
    let mut dead = Vec::new();
    for (file, text) in files {
        for word in text.split(['`', '(', ')', ' ', '\n', '"']) {
            let path = word
                .split(['#', ':'])
                .next()
                .unwrap()
                .trim_end_matches(['.', ',', ';']);
            let is_path = places.iter().any(|place| path.starts_with(place));
            if !is_path
                || made.iter().any(|made| path.starts_with(made))
                || path.contains(['*', '<', '{', '$', '…'])
            {
                continue;
            }
            paths += 1;
            // A link is relative to its document.
            let beside = Path::new(&file).parent().unwrap();
            if !root.join(path).exists() && !beside.join(path).exists() {
                dead.push(format!("{file}: no {path}"));
            }
        }
    }
    assert!(paths > 50, "{paths}");
    assert!(dead.is_empty(), "{dead:#?}");
}

/// What an operator reads has the standard terms of HTTP and AWS.
#[test]
fn the_documents_have_standard_terms() {
    let private = [
        "answer",
        "answers",
        "answered",
        "parcel",
        "parcels",
        "sandbox",
        "sandboxes",
        "mend",
        "mended",
        "spoil",
        "spoils",
        "unsound",
    ];
    for document in DOCUMENTS {
        for (number, line) in read(document).lines().enumerate() {
            // CONTRIBUTING.md lists them, in a table of what to write in their place.
            if document == "CONTRIBUTING.md" && line.starts_with("| ") {
                continue;
            }
            let mut words = line.split(|c: char| !c.is_ascii_alphabetic());
            let found = words.find(|word| private.contains(&word.to_ascii_lowercase().as_str()));
            assert!(found.is_none(), "{document}:{}: {found:?}", number + 1);
        }
    }
}
