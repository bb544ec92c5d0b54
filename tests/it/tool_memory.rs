//! The operator's tool reads a log of any length in bounded memory, however many different paths it has.

#![cfg(target_os = "linux")]

use std::{
    io::{BufWriter, Read, Write},
    process::{Command, Stdio},
};

use crate::memory::peak;

/// What may be resident, in KiB.
const RESIDENT: u64 = 64 * 1024;
/// What the tool may ask the system for, in KiB: the rest of [`RESIDENT`] is for the program itself.
const DATA: u64 = 48 * 1024;

/// A line with a path of its own.
fn line(number: u64) -> String {
    let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let path = match number % 5 {
        0 => format!("/v1/orders/{number}"),
        1 => format!("/v1/customers/cus_{random:016x}/cards"),
        // Nothing but their number tells that these are values.
        2 => format!("/v1/profiles/{}", word(random)),
        3 => format!("/{}/{}/settings", word(random), number % 977),
        _ => format!(
            "/v1/{}/{}/{}",
            word(random >> 40),
            word(random >> 20),
            word(random)
        ),
    };
    let status = if number.is_multiple_of(7) { 404 } else { 200 };
    format!(
        r#"{{"requestId":"{number}","httpMethod":"GET","path":"{path}","status":"{status}","requestTimeEpoch":"{}","responseLatency":"{}","domainName":"api.example.com","sourceIp":"192.0.2.44"}}"#,
        1_700_000_000_000 + number,
        random % 4_000,
    )
}

/// Letters that no shape fits.
fn word(random: u64) -> String {
    (0..7)
        .map(|at| char::from(b'a' + u8::try_from(random >> (at * 5) & 15).unwrap()))
        .collect()
}

#[test]
fn an_inventory_of_many_paths_takes_bounded_memory() {
    const LINES: u64 = 200_000;
    let mut tool = Command::new("sh")
        .args(["-c", r#"ulimit -d "$0" && exec "$@""#, &DATA.to_string()])
        .arg(env!("CARGO_BIN_EXE_cw-resend"))
        .args(["inventory", "--quiet", "--format", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = BufWriter::with_capacity(1 << 16, tool.stdin.take().unwrap());
    for number in 0..LINES {
        writeln!(input, "{}", line(number)).unwrap();
    }
    input.flush().unwrap();
    // The pipe holds little, so that nearly all was read by now.
    let peak = peak(tool.id());
    drop(input);
    let mut output = Vec::new();
    let mut stdout = tool.stdout.take().unwrap();
    stdout.read_to_end(&mut output).unwrap();
    assert!(tool.wait().unwrap().success());
    assert!(peak < RESIDENT, "{peak} KiB");
    let inventory: serde_json::Value = serde_json::from_slice(&output).unwrap();
    assert_eq!(inventory["calls"], LINES);
}
