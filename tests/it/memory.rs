//! Memory does not grow with what an event inflates to.

#![cfg(target_os = "linux")]

use std::time::Duration;

use cw_resend_lambda::standin::cloudwatch::wrap;

use crate::harness::{Function, event_of_calls, line, node};

/// The most resident memory that the process has had, in KiB.
pub(crate) fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// An event that inflates to a little more than so many bytes. Only one line of it is forwarded, since the
/// test measures the reading.
fn event(inflated: usize) -> Vec<u8> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let valid = serde_json::to_string(&line("GET", "/x")).unwrap();
    let other = valid.replace("abc123", "a b");
    gzip.write_all(br#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":["#)
        .unwrap();
    for n in 0..inflated / (other.len() + 40) {
        write!(
            gzip,
            r#"{{"id":"{n:020}","timestamp":1,"message":{other}}},"#
        )
        .unwrap();
    }
    write!(gzip, r#"{{"id":"1","timestamp":1,"message":{valid}}}]}}"#).unwrap();
    wrap(&gzip.finish().unwrap())
}

#[test]
fn memory_does_not_grow_with_what_an_event_inflates_to() {
    let peak_for = |inflated: usize| {
        let node = node();
        let function = Function::start(&node, &[]);
        let (result, report) =
            function.outcome_of(|| function.begin(&event(inflated), Duration::from_secs(60)));
        assert_eq!(result.unwrap()["forwarded"], 1);
        let seen = report["bytesInflated"].as_u64().unwrap();
        assert!(seen >= inflated as u64, "{seen}");
        peak(function.pid())
    };
    let (small, large) = (peak_for(64 * 1024), peak_for(64 * 1024 * 1024));
    assert!(
        large < small + 4 * 1024,
        "{small} KiB for 64 KiB, {large} KiB for 64 MiB"
    );
}

/// 1 GiB of zeros is stopped by the limit, in bounded memory and time.
#[test]
fn a_bomb_is_stopped_by_the_limit() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..1024 {
        gzip.write_all(&[b' '; 1024 * 1024]).unwrap();
    }
    let event = wrap(&gzip.finish().unwrap());
    let node = node();
    let function = Function::start(&node, &[]);
    let failed = function
        .invoke(&event, Duration::from_secs(60))
        .unwrap_err();
    assert_eq!(failed.error_type, "Function.EventInvalid");
    assert!(failed.message.contains("134217728"), "{failed:?}");
    assert!(
        peak(function.pid()) < 16 * 1024,
        "{} KiB",
        peak(function.pid())
    );
}

/// Chunks are larger where the Node is quick, and there are only so many of them.
#[test]
fn memory_does_not_grow_with_the_number_of_records() {
    let peak_for = |calls: usize| {
        let node = node();
        let function = Function::start(&node, &[]);
        let event = event_of_calls(calls);
        for _ in 0..3 {
            let result = function.invoke(&event, Duration::from_secs(60)).unwrap();
            assert_eq!(result["forwarded"], calls);
        }
        peak(function.pid()) - event.len() as u64 / 1024
    };
    let (few, many) = (peak_for(100), peak_for(5_000));
    assert!(
        many < few + 4 * 1024,
        "{few} KiB for 100, {many} KiB for 5,000"
    );
}
