//! The cold start: from before the program is executed until its first `/next` arrives.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Usage, UsageWho, getrusage};

use crate::contender::Contender;
use crate::process::{Faults, Memory, Process};
use crate::{Error, Result};

const PATIENCE: Duration = Duration::from_secs(60);
const NEXT: &[u8] = b"GET /2018-06-01/runtime/invocation/next ";

/// A start, at the moment when the first `/next` arrived.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Start {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) faults: Faults,
    pub(crate) memory: Memory,
}

/// Starts a contender and waits for its first `/next`, which never gets a response.
///
/// The thread that starts it also accepts its connection, so the measurement contains no switch between
/// threads of the driver.
pub(crate) fn start(contender: &Contender) -> Result<Start> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let variables = variables(&listener)?;
    let mut command = contender.command(&[], &variables)?;
    let began = Instant::now();
    let child = command.spawn()?;
    // A contender that has died never connects.
    let mut listening = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    let patience = PollTimeout::try_from(PATIENCE).map_err(|error| error.to_string())?;
    if poll(&mut listening, patience)? == 0 {
        return Err(format!("no first /next came within {PATIENCE:?}").into());
    }
    let (mut socket, _) = listener.accept()?;
    read_next(&mut socket)?;
    let seconds = began.elapsed().as_secs_f64();
    let process = Process::new(child)?;
    Ok(Start {
        seconds,
        cpu_seconds: process.settled_cpu()? as f64 / 1e9,
        faults: process.faults()?,
        memory: process.memory()?,
    })
}

/// Drops what the system has of a program in memory, so that the next start reads it from the disk. Only of the
/// program: the libraries are every program's, and remain.
pub(crate) fn drop_pages(program: &Path) -> Result<()> {
    let file = File::open(program)?;
    // Pages that were not written yet are kept.
    file.sync_all()?;
    posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    Ok(())
}

/// A program that does nothing, from its start to its end.
pub(crate) fn empty_program(program: &Path) -> Result<Start> {
    let mut command = Command::new(program);
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let before = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let began = Instant::now();
    let status = command.spawn()?.wait()?;
    let seconds = began.elapsed().as_secs_f64();
    let after = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    if !status.success() {
        return Err(format!("the empty program ended with {status}").into());
    }
    let difference = |after: i64, before: i64| u64::try_from(after - before).unwrap_or(0);
    let cpu = |usage: &Usage| {
        let times = [usage.user_time(), usage.system_time()];
        let seconds = times.map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6);
        seconds.iter().sum::<f64>()
    };
    Ok(Start {
        seconds,
        cpu_seconds: cpu(&after) - cpu(&before),
        faults: Faults {
            minor: difference(after.minor_page_faults(), before.minor_page_faults()),
            major: difference(after.major_page_faults(), before.major_page_faults()),
        },
        ..Start::default()
    })
}

/// How many system calls a contender makes until its first `/next` is sent, as strace sees them.
pub(crate) fn system_calls(contender: &Contender, trace: &Path) -> Result<u64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let variables = variables(&listener)?;
    let tool = [
        "strace",
        "-f",
        "-qq",
        "-s",
        "64",
        "-o",
        &trace.display().to_string(),
    ]
    .map(String::from);
    let mut process = Process::new(contender.command(&tool, &variables)?.spawn()?)?;
    listener.set_nonblocking(true)?;
    let until = Instant::now() + PATIENCE;
    let mut socket = loop {
        match listener.accept() {
            Ok((socket, _)) => break socket,
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < until => {
                if let Some(how) = process.ended() {
                    return Err(format!("strace ended with {how}: {}", contender.output()).into());
                }
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error.into()),
        }
    };
    socket.set_nonblocking(false)?;
    read_next(&mut socket)?;
    // When the contender is killed, strace writes its buffer and ends.
    process.kill_children()?;
    process.wait()?;
    let text = std::fs::read_to_string(trace)?;
    let mut calls = 0;
    for line in text.lines() {
        // A call that was interrupted by a call of another thread has a second line.
        if !line.contains(" resumed>") && line.contains('(') {
            calls += 1;
        }
        if line.contains("/runtime/invocation/next") {
            return Ok(calls);
        }
    }
    Err(Error::from("strace did not see the first /next"))
}

fn variables(listener: &TcpListener) -> Result<[(&'static str, String); 3]> {
    Ok([
        ("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string()),
        // Nothing connects to it before there is an event. But a contender that loads certificates at its
        // start needs time for that, as in production.
        ("X_NODE_URL", "localhost:9".into()),
        ("X_NODE_SCHEME", "https".into()),
    ])
}

fn read_next(socket: &mut TcpStream) -> Result<()> {
    let mut head = Vec::new();
    let mut piece = [0; 2048];
    while !head.ends_with(b"\r\n\r\n") {
        let count = socket.read(&mut piece)?;
        if count == 0 {
            return Err("the connection for the first /next was closed".into());
        }
        head.extend_from_slice(&piece[..count]);
    }
    if head.starts_with(NEXT) {
        Ok(())
    } else {
        Err(format!("expected the first /next, found {}", head.escape_ascii()).into())
    }
}
