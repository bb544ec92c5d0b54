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

#[test]
fn the_readme_begins_with_two_commands() {
    let readme = read("README.md");
    let commands: Vec<&str> = readme
        .lines()
        .filter(|line| line.starts_with("cargo "))
        .take(2)
        .collect();
    assert_eq!(commands, ["cargo run --release -- demo", "cargo test"]);
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

/// A defence without a test that shows it is a claim.
#[test]
fn the_security_policy_names_tests_that_are_there() {
    fn sources(directory: &Path, text: &mut String) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for directory in ["src", "tests"] {
        sources(&root.join(directory), &mut text);
    }
    let policy = read("SECURITY.md");
    let named: BTreeSet<&str> = policy
        .split('`')
        .filter(|word| word.contains("::"))
        .filter_map(|word| word.rsplit("::").next())
        .collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(text.contains(&format!("fn {name}()")), "no test {name}");
    }
}
