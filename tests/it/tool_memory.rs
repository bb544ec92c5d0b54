//! The operator's tool reads a log of any length in bounded memory, however many different paths it has.

#![cfg(target_os = "linux")]

use std::{
    io::{BufWriter, Write},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::memory::peak;

/// What the tool may take, whatever the log.
const LIMIT_KIB: u64 = 64 * 1024;

/// About 500 bytes, as the documented format has them.
fn line(number: u64) -> String {
    let path = match number % 4 {
        0 => format!("/v1/orders/{number}"),
        1 => format!("/v1/customers/cus_{:016x}/cards", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        // What no shape gives away.
        2 => format!("/v1/profiles/{}-{number}", ["ada", "bob", "carl"][(number % 3) as usize]),
        _ => format!("/{:x}/{}/settings", number.wrapping_mul(0x9e37_79b9), number % 977),
    };
    format!(
        r#"{{ "requestId": "8f5486b7-c7b5-42bc-aa8a-{number:012x}", "httpMethod": "GET", "path": "{path}", "protocol": "HTTP/1.1", "status": "200", "responseLength": "2417", "requestTime": "14/Nov/2023:22:13:20 +0000", "requestTimeEpoch": "{}", "responseLatency": "{}", "integrationLatency": "140", "integrationStatus": "200", "errorMessage": "-", "stage": "prod", "domainName": "api.example.com", "sourceIp": "192.0.2.44", "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0" }}"#,
        1_700_000_000_000 + number,
        number % 400,
    )
}

#[test]
fn an_inventory_of_many_paths_takes_bounded_memory() {
    const LINES: u64 = 200_000;
    let mut tool = Command::new(env!("CARGO_BIN_EXE_cw-resend"))
        .args(["inventory", "--quiet", "--format", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = tool.id();
    let mut input = BufWriter::with_capacity(1 << 16, tool.stdin.take().unwrap());
    for number in 0..LINES {
        writeln!(input, "{}", line(number)).unwrap();
    }
    input.flush().unwrap();
    // The pipe holds no more than this, so that the rest was read: its paths are known by now.
    let before_end = peak(pid);
    drop(input);
    let mut output = tool.stdout.take().unwrap();
    let mut text = String::new();
    let first = std::io::Read::read(&mut output, &mut [0; 1]).unwrap();
    // It waits for its output to be taken, so that it can still be looked at.
    let at_end = peak(pid);
    _ = (first, &mut text);
    assert!(before_end < LIMIT_KIB && at_end < LIMIT_KIB, "{before_end} KiB, {at_end} KiB");
}
