//! What every command has in common: statuses, closed pipes, silence, widths, and names that nobody expects.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output, Stdio};

use crate::harness::run_with_input;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/standin/sample.log");
const STAGES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/tool/check/rest-stages.json"
);
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tool/node/document.json");

fn tool() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cw-resend"));
    command.stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    tool().args(arguments).output().unwrap()
}

/// The names of all commands, as the help has them.
fn commands() -> Vec<String> {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let lines = list
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<String> = lines
        .map(|line| line.split_whitespace().next().unwrap().to_string())
        .filter(|name| name != "help")
        .collect();
    assert!(names.len() >= 11, "{names:?}");
    names
}

#[test]
fn help_fits_80_columns() {
    for name in commands() {
        for arguments in [&["--help"][..], &[&name, "--help"], &[&name, "-h"]] {
            let output = run(arguments);
            assert_eq!(output.status.code(), Some(0));
            let text = String::from_utf8(output.stdout).unwrap();
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
            assert!(!text.contains('\x1b'), "{name}");
        }
    }
}

#[test]
fn an_unknown_option_is_an_error_of_usage() {
    for name in commands() {
        let output = run(&[&name, "--no-such-option"]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(output.stdout.is_empty(), "{name}");
    }
    assert_eq!(run(&[]).status.code(), Some(2));
    assert_eq!(run(&["nonsense"]).status.code(), Some(2));
}

/// As `head` does it.
#[test]
fn a_closed_pipe_is_a_quiet_end() {
    for arguments in [
        &["--help"][..],
        &["check", STAGES],
        &["check", "--json", STAGES],
        &["completions", "bash"],
        &["man"],
        &["cost", "--calls", "1M"],
        &["node", "--listen", "127.0.0.1:0", "--for", "60"],
        &[
            "node",
            "--listen",
            "127.0.0.1:0",
            "--for",
            "60",
            "--compare",
            SAMPLE,
        ],
        &["invoke", DOCUMENT],
        &["demo", "--lines", "100"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = tool()
            .args(arguments)
            .arg("--quiet")
            .stdout(writer)
            .stderr(Stdio::piped())
            .output();
        let output = output.unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {error}");
        assert_eq!(error, "", "{arguments:?}");
    }
}

#[test]
fn quiet_has_no_warnings() {
    for (quiet, is_quiet) in [("--quiet", true), ("-q", true), ("--json", false)] {
        let output = run_with_input(tool().args(["check", "-", quiet]), br#"{"item":[]}"#);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(error.is_empty(), is_quiet, "{quiet}: {error}");
        assert_eq!(output.status.code(), Some(0));
    }
}

/// A name is told in one line, and can not act on a terminal.
#[test]
fn names_of_files_may_be_any_bytes() {
    let name = OsStr::from_bytes(b"/no/such\n\x1b[2J\xff\xe2\x80\xae");
    for arguments in [
        &["check"][..],
        &["invoke"],
        &["node", "--listen", "127.0.0.1:0", "--compare"],
    ] {
        let output = tool().args(arguments).arg(name).output().unwrap();
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.starts_with("error: failed to "), "{error}");
        assert!(!error.contains(['\x1b', '\u{202e}']), "{error:?}");
    }
}

/// The scripts have all commands, and the shells that are installed take them.
#[test]
fn completions_are_scripts() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = String::from_utf8(output.stdout).unwrap();
        for name in commands() {
            assert!(script.contains(&name), "{shell}: {name}");
        }
        let check = ["bash", "zsh", "fish"].contains(&shell);
        let process = Command::new(shell)
            .arg("-n")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Some(mut process) = process.ok().filter(|_| check) else {
            continue;
        };
        let mut stdin = process.stdin.take().unwrap();
        stdin.write_all(script.as_bytes()).unwrap();
        drop(stdin);
        let output = process.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && error.is_empty(),
            "{shell}: {error}"
        );
    }
    assert_eq!(run(&["completions", "tcsh"]).status.code(), Some(2));
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let page = String::from_utf8(run(&["man"]).stdout).unwrap();
    assert!(page.contains(".TH CW-RESEND 1"), "{page}");
    let folder = std::env::temp_dir().join(format!("cw-resend-man-{}", std::process::id()));
    let output = tool().arg("man").arg(&folder).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    for name in commands() {
        let page = std::fs::read_to_string(folder.join(format!("cw-resend-{name}.1"))).unwrap();
        assert!(page.contains(&format!("cw\\-resend\\-{name}")), "{page}");
        // What the formatter warns of is wrong in the page.
        let groff = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-z"])
            .arg(folder.join(format!("cw-resend-{name}.1")))
            .output();
        if let Ok(output) = groff {
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success() && error.is_empty(),
                "{name}: {error}"
            );
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
    let output = run(&["man", "/dev/null/a\nfolder\x1b[2J"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(!error.contains('\x1b'), "{error:?}");
}
