//! Counts that need a tool: instructions by callgrind, and allocations by a library that is loaded before the
//! program.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::contender::{Contender, Who};
use crate::data::Event;
use crate::invoke::{Scheme, Session, Setting};
use crate::tls::Authority;
use crate::{Error, Result};

const CALLGRIND: [&str; 3] = [
    "valgrind",
    "--tool=callgrind",
    "--callgrind-out-file=/dev/null",
];

/// The number of instructions that a contender runs from its start until the end of this number of invocations
/// of an event.
pub(crate) fn instructions(
    contender: &Contender,
    event: &Event,
    invocations: u32,
    authority: &Authority,
) -> Result<u64> {
    let setting = Setting {
        tool: CALLGRIND.map(String::from).to_vec(),
        ..Setting::default()
    };
    let mut session = Session::start(contender, Scheme::Http, event.records, &setting, authority)?;
    for _ in 0..invocations {
        session.invoke(event)?;
    }
    session.process.settled_cpu()?;
    // Callgrind writes its sum when the program ends, also by a signal.
    kill(session.process.pid()?, Signal::SIGTERM)?;
    session.process.wait()?;
    collected(&contender.output())
}

/// The number of instructions that a decoder runs for an event, when it reads the event for the second time.
pub(crate) fn decode_instructions(program: &Path, event: &Path, which: &str) -> Result<u64> {
    let total = |rounds: &str| -> Result<u64> {
        let output = Command::new(CALLGRIND[0])
            .args(&CALLGRIND[1..])
            .arg(program)
            .arg(event)
            .args([rounds, which])
            .output()?;
        if !output.status.success() {
            return Err(format!("callgrind can't run it: {}", output.status).into());
        }
        collected(&String::from_utf8_lossy(&output.stderr))
    };
    Ok(total("2")? - total("1")?)
}

/// The sum that callgrind prints: `==7== Collected : 1234`.
fn collected(text: &str) -> Result<u64> {
    text.lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
        .ok_or_else(|| format!("callgrind printed no sum: {text}").into())
}

/// The number of allocations, and the allocated bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allocations {
    pub(crate) calls: u64,
    pub(crate) bytes: u64,
}

/// The allocations of a contender for an event, in the second invocation with it.
///
/// `library` counts the calls of glibc's allocator, which all contenders except Go use. For Go, a separate
/// build writes its own count when it gets a signal.
pub(crate) fn allocations(
    contender: &Contender,
    event: &Event,
    library: &Path,
    work: &Path,
    authority: &Authority,
) -> Result<Allocations> {
    let file = work.join("allocations");
    fs::write(&file, [0; size_of::<[u64; 2]>()])?;
    let mut setting = Setting::default();
    setting
        .variables
        .push(("BENCH_ALLOCATIONS", file.display().to_string()));
    match contender.who {
        Who::Go => {}
        who => {
            setting
                .variables
                .push(("LD_PRELOAD", library.display().to_string()));
            if who == Who::Python {
                // Its own allocator would request memory for hundreds of objects at a time.
                setting.variables.push(("PYTHONMALLOC", "malloc".into()));
            }
        }
    }
    let mut session = Session::start(contender, Scheme::Http, event.records, &setting, authority)?;
    session.invoke(event)?;
    let before = counted(&session, contender.who, &file)?;
    session.invoke(event)?;
    let after = counted(&session, contender.who, &file)?;
    Ok(Allocations {
        calls: after.calls - before.calls,
        bytes: after.bytes - before.bytes,
    })
}

fn counted(session: &Session, who: Who, file: &Path) -> Result<Allocations> {
    session.process.settled_cpu()?;
    let found = if who == Who::Go {
        reported(session, file)?
    } else {
        let bytes = fs::read(file)?;
        let number = |at: usize| -> Result<u64> {
            let bytes = bytes.get(at..at + 8).ok_or("the counters are truncated")?;
            Ok(u64::from_ne_bytes(bytes.try_into()?))
        };
        Allocations {
            calls: number(0)?,
            bytes: number(8)?,
        }
    };
    if found.calls == 0 {
        return Err(Error::from(
            "the counting library was not loaded: the program is linked statically",
        ));
    }
    Ok(found)
}

/// Requests the count, and waits for it.
fn reported(session: &Session, file: &Path) -> Result<Allocations> {
    const PATIENCE: Duration = Duration::from_secs(10);
    fs::remove_file(file)?;
    kill(session.process.pid()?, Signal::SIGUSR1)?;
    let until = Instant::now() + PATIENCE;
    while !file.exists() {
        if Instant::now() > until {
            return Err(Error::from("it did not report its allocations"));
        }
        thread::sleep(Duration::from_millis(1));
    }
    let text = fs::read_to_string(file)?;
    let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(calls), Some(bytes)) => Ok(Allocations {
            calls: calls?,
            bytes: bytes?,
        }),
        _ => Err(Error::from("expected two numbers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_callgrind() {
        let text = "==7== Events    : Ir\n==7== Collected : 183612\n==7==\n";
        assert_eq!(collected(text).unwrap(), 183_612);
        assert!(collected("valgrind: no such file").is_err());
    }
}
