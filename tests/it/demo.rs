//! `cw-resend demo`, as the README has it.

use std::process::{Command, Output};

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cw-resend"))
        .arg("demo")
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_demo_of_ten_thousand_lines_accounts_for_every_line() {
    for format in ["resend", "batch"] {
        let output = demo(&["--format", format]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        assert!(text.contains("10000 received = "), "{text}");
        assert!(text.contains("0 undelivered"), "{text}");
        assert!(
            text.contains("0 repeated, 0 unpaired, 0 violations"),
            "{text}"
        );
    }
}

#[test]
fn a_log_of_ones_own_can_be_shown() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/src/standin/sample.log");
    let output = demo(&["--log", sample, "--strip-stage"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains(" /pets/{integer} "), "{text}");
    let output = demo(&["--log", "/no/such/file"]);
    assert!(!output.status.success());
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("failed to read")
    );
}
