//! Standard output that nobody reads: no result waits for it, and what is lost is told.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Function, PATIENCE, assert_got_all, event_of_calls, node};

/// Both ends of a pipe and of a pair of sockets: what reads, and what the function writes to.
fn ends() -> [(&'static str, OwnedFd, OwnedFd); 2] {
    let (reader, writer) = std::io::pipe().unwrap();
    let (other, socket) = UnixStream::pair().unwrap();
    [
        ("pipe", reader.into(), writer.into()),
        ("socket", other.into(), socket.into()),
    ]
}

/// Fills it with line ends until nothing more goes in.
fn fill(writer: &OwnedFd) {
    // The switch is the same for sockets and pipes.
    let switch = UnixDatagram::from(writer.try_clone().unwrap());
    let mut file = File::from(writer.try_clone().unwrap());
    switch.set_nonblocking(true).unwrap();
    for size in [4096, 1] {
        while let Ok(written) = file.write(&vec![b'\n'; size]) {
            assert!(written > 0);
        }
    }
    let full = file.write(b"\n").unwrap_err();
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    switch.set_nonblocking(false).unwrap();
}

fn is_nonblocking(fd: &OwnedFd) -> bool {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    u32::from_str_radix(flags.unwrap().trim(), 8).unwrap() & 0o4000 != 0
}

fn start(node: &cw_resend_lambda::standin::node::StandInNode, writer: &OwnedFd) -> Function {
    let address = node.address().to_string();
    let vars = [("X_NODE_URL", address.as_str()), ("X_NODE_SCHEME", "http")];
    Function::start_into(&vars, Stdio::from(writer.try_clone().unwrap()))
}

/// How many lines are reports, and how many are said to be dropped. Every line is whole.
fn count(lines: &[String]) -> (u64, u64) {
    let (mut reports, mut dropped) = (0, 0);
    for line in lines.iter().filter(|line| !line.is_empty()) {
        if line.starts_with("[WARN] - Runtime.LinesDropped") {
            let number = line.rsplit(' ').next().unwrap();
            dropped += number.parse::<u64>().unwrap_or_else(|_| panic!("{line}"));
        } else {
            let report: Value = serde_json::from_str(line).expect(line);
            assert_eq!(report["recordsForwarded"], 1);
            reports += 1;
        }
    }
    (reports, dropped)
}

#[test]
fn output_that_nobody_reads_holds_up_no_result_and_what_is_lost_is_told() {
    for (name, reader, writer) in ends() {
        let node = node();
        let function = start(&node, &writer);
        let event = event_of_calls(1);
        let invoke = |deadline| {
            let outcome = function.begin(&event, deadline).wait(PATIENCE);
            let response = format!("{outcome:?}");
            assert!(response.contains("Response"), "{name}: {response}");
        };
        invoke(Duration::from_secs(3));
        fill(&writer);
        let started = Instant::now();
        let events = 200;
        for _ in 0..events {
            invoke(Duration::from_secs(1));
        }
        let took = started.elapsed();
        assert!(took < Duration::from_secs(20), "{name}: {took:?}");
        assert!(!is_nonblocking(&writer), "{name}");
        // Somebody reads a little, the first report among it. Some lines go out, and one of them in part.
        let mut reader = File::from(reader);
        reader.read_exact(&mut [0; 10_000]).unwrap();
        for _ in 0..20 {
            invoke(Duration::from_secs(1));
        }
        // And now all of it.
        let lines = std::thread::spawn(|| {
            let lines = BufReader::new(reader).lines();
            lines.map(Result::unwrap).collect::<Vec<String>>()
        });
        std::thread::sleep(Duration::from_millis(100));
        for _ in 0..3 {
            invoke(Duration::from_secs(3));
        }
        drop((function, writer));
        let lines = lines.join().unwrap();
        let (reports, dropped) = count(&lines);
        assert_eq!(reports + dropped, events + 20 + 3, "{name}");
        assert!(dropped > 100, "{name}: {dropped}");
        let (last, _) = count(&lines[lines.len() - 2..]);
        assert_eq!(last, 2, "{name}");
        assert_got_all(&node, 1);
    }
}

/// The error that ends the start is posted, and the process ends with it.
#[test]
fn output_that_nobody_reads_does_not_keep_a_process_from_ending() {
    for (name, _reader, writer) in ends() {
        fill(&writer);
        let mut function = Function::start_into(&[], Stdio::from(writer));
        assert!(function.api.wait_init_error(PATIENCE).is_some(), "{name}");
        assert_eq!(function.wait_for_end().0.code(), Some(1), "{name}");
    }
}

#[test]
fn output_may_be_a_file_or_nothing() {
    let path = std::env::temp_dir().join(format!("cw-resend-output-{}", std::process::id()));
    let mut file = File::create(&path).unwrap();
    file.write_all(b"\n").unwrap();
    let node = node();
    let function = start(&node, &file.try_clone().unwrap().into());
    let reader = std::io::pipe().unwrap().1;
    let closed = start(&node, &reader.into());
    for function in [&function, &closed] {
        for _ in 0..3 {
            let outcome = function.begin(&event_of_calls(1), PATIENCE).wait(PATIENCE);
            assert!(format!("{outcome:?}").contains("Response"));
        }
    }
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let lines: Vec<String> = text.lines().map(String::from).collect();
    assert_eq!(count(&lines), (3, 0));
}
