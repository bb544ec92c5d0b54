//! The sessions of the documents, run as they stand there.
//!
//! A session is a fenced block with the info string `console`. A line that begins with `$ ` is a command for `sh -c`, in the
//! repository's root and with `cw-resend` on its path. The lines below it are what it prints: standard output, and then
//! standard error. There, `…` stands for any text within the line, and, alone, for any lines. A command ends with status 0,
//! unless `# exits with N` follows it.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

/// A command of a document, and what it prints.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    line: usize,
    command: String,
    status: i32,
    expected: Vec<String>,
}

fn steps(document: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_session = false;
    for (i, line) in document.lines().enumerate() {
        if line.starts_with("```") {
            is_session = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| is_session) {
            let (command, status) = match command.split_once("# exits with ") {
                Some((command, status)) => (command.trim_end(), status.parse().unwrap()),
                None => (command, 0),
            };
            steps.push(Step {
                line: i + 1,
                command: command.into(),
                status,
                expected: Vec::new(),
            });
        } else if is_session {
            let step = steps.last_mut().expect("a session begins with a command");
            step.expected.push(line.into());
        }
    }
    steps
}

/// Whether a line is as the document has it.
fn line_matches(expected: &str, found: &str) -> bool {
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = found.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn matches(expected: &[String], found: &[&str]) -> bool {
    match (expected, found) {
        ([], []) => true,
        ([any], _) if any == "…" => true,
        ([any, rest @ ..], _) if any == "…" => {
            (0..=found.len()).any(|skipped| matches(rest, &found[skipped..]))
        }
        ([line, expected @ ..], [other, found @ ..]) => {
            line_matches(line, other) && matches(expected, found)
        }
        _ => false,
    }
}

fn check(step: &Step, document: &str) {
    let program = Path::new(env!("CARGO_BIN_EXE_cw-resend"));
    let folder = program.parent().unwrap().to_str().unwrap();
    let path = format!("{folder}:{}", env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &step.command])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PATH", path)
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .env_remove("CI")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    let found: Vec<&str> = text.lines().map(str::trim_end).collect();
    let place = format!("{document}, line {}: {}", step.line, step.command);
    assert_eq!(output.status.code(), Some(step.status), "{place}\n{text}");
    assert!(matches(&step.expected, &found), "{place}\nprints\n{text}");
}

#[test]
fn sessions_of_the_readme() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let steps = steps(&std::fs::read_to_string(path).unwrap());
    // Each command of the tool has one.
    for command in [
        "inventory",
        "diff",
        "check",
        "send",
        "probe",
        "node",
        "invoke",
        "demo",
        "cost",
    ] {
        let name = format!("cw-resend {command} ");
        let has_one = steps.iter().any(|step| step.command.contains(&name));
        assert!(has_one, "there is no session of {command}");
    }
    for step in &steps {
        check(step, "README.md");
    }
}

#[test]
fn sessions_are_read_and_compared() {
    let document = "```sh\n$ no\n```\n```console\n$ a b  # exits with 2\nx\n\n$ c\n```\n$ no\n";
    let step = |line, command: &str, status, expected: &[&str]| Step {
        line,
        command: command.into(),
        status,
        expected: expected.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(
        steps(document),
        [step(5, "a b", 2, &["x", ""]), step(8, "c", 0, &[])]
    );
    for (expected, found, is_right) in [
        ("a b", "a b", true),
        ("a b", "a  b", false),
        ("a…b", "a - b", true),
        ("a…b", "ab", true),
        ("a…b", "a c", false),
        ("…b…d…", "abcde", true),
        ("…b…d…", "adcbe", false),
        ("a…a", "a", false),
    ] {
        assert_eq!(
            line_matches(expected, found),
            is_right,
            "{expected} {found}"
        );
    }
    let lines = |text: &str| text.lines().map(String::from).collect::<Vec<_>>();
    for (expected, found, is_right) in [
        ("a\n…\nd", "a\nb\nc\nd", true),
        ("a\n…\nd", "a\nd", true),
        ("a\n…", "a\nb", true),
        ("a", "a\nb", false),
        ("a\nb", "a", false),
    ] {
        let found: Vec<&str> = found.lines().collect();
        assert_eq!(matches(&lines(expected), &found), is_right, "{expected}");
    }
}
