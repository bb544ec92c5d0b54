//! Counts that need a tool: instructions by callgrind or an emulator, system calls by strace, and allocations by
//! a library that is loaded before the program.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

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

/// A contender under a tool, after this number of invocations of an event.
fn invoked(
    contender: &Contender,
    event: &Event,
    invocations: u32,
    tool: Vec<String>,
    authority: &Authority,
) -> Result<Session> {
    let setting = Setting {
        tool,
        ..Setting::default()
    };
    let mut session = Session::start(contender, Scheme::Http, event.records, &setting, authority)?;
    for _ in 0..invocations {
        session.invoke(event)?;
    }
    Ok(session)
}

/// A decoder under a tool, which errors call `name`: what it and the tool print while it reads an event so often.
fn decoded(
    name: &str,
    tool: &[impl AsRef<OsStr>],
    program: &Path,
    event: &Path,
    rounds: &str,
    which: &str,
) -> Result<Output> {
    let output = Command::new(&tool[0])
        .args(&tool[1..])
        .arg(program)
        .arg(event)
        .args([rounds, which])
        .output()?;
    if !output.status.success() {
        return Err(format!("{name} can't run it: {}", output.status).into());
    }
    Ok(output)
}

/// The number of instructions that a contender runs from its start until the end of this number of invocations
/// of an event.
pub(crate) fn instructions(
    contender: &Contender,
    event: &Event,
    invocations: u32,
    authority: &Authority,
) -> Result<u64> {
    let tool = CALLGRIND.map(String::from).to_vec();
    let mut session = invoked(contender, event, invocations, tool, authority)?;
    session.process.settled_cpu()?;
    // Callgrind writes its sum when the program ends, also by a signal.
    kill(session.process.pid()?, Signal::SIGTERM)?;
    session.process.wait()?;
    collected(&contender.output())
}

/// The number of instructions that a decoder runs for an event, when it reads the event for the second time.
pub(crate) fn decode_instructions(program: &Path, event: &Path, which: &str) -> Result<u64> {
    let total = |rounds: &str| -> Result<u64> {
        let output = decoded("callgrind", &CALLGRIND, program, event, rounds, which)?;
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

/// The instructions of a program: those of inflate, and all others.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Executed {
    pub(crate) inflate: u64,
    pub(crate) other: u64,
}

impl Executed {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            inflate: self.inflate - before.inflate,
            other: self.other - before.other,
        }
    }
}

/// QEMU's user mode for a processor, which writes a line for each instruction that it executes.
#[derive(Debug)]
pub(crate) struct Emulator {
    command: Vec<String>,
    pipe: PathBuf,
    /// The addresses of inflate's functions, from which on and up to which.
    inflate: Vec<(u64, u64)>,
}

impl Emulator {
    /// `map` is what the linker has written of where each function is, `root` where the processor's
    /// libraries are.
    pub(crate) fn new(program: &str, root: &str, map: &Path, work: &Path) -> Result<Self> {
        let text = fs::read_to_string(map)
            .map_err(|error| format!("failed to read {}: {error}", map.display()))?;
        let inflate = ranges(&text);
        if inflate.is_empty() {
            return Err("the linker's map has no function of inflate".into());
        }
        let pipe = work.join("executed");
        // One instruction in a block, which older versions call by another name.
        let help = Command::new(program).arg("-h").output()?;
        let one = if String::from_utf8_lossy(&help.stdout).contains("-one-insn-per-tb") {
            "-one-insn-per-tb"
        } else {
            "-singlestep"
        };
        let words = [program, "-L", root, one, "-d", "exec,nochain", "-D"];
        let mut command = words.map(String::from).to_vec();
        command.push(pipe.display().to_string());
        Ok(Self {
            command,
            pipe,
            inflate,
        })
    }

    /// The instructions of a contender from its start until the end of this number of invocations.
    pub(crate) fn invocations(
        &self,
        contender: &Contender,
        event: &Event,
        invocations: u32,
        authority: &Authority,
    ) -> Result<Executed> {
        self.count(|| {
            let tool = self.command.clone();
            let session = invoked(contender, event, invocations, tool, authority)?;
            session.process.settled_cpu()?;
            Ok(())
        })
    }

    /// The instructions of our decoder for an event that it reads for the second time.
    pub(crate) fn decode(&self, program: &Path, event: &Path) -> Result<Executed> {
        let total = |rounds: &str| {
            self.count(|| {
                decoded(
                    "the emulator",
                    &self.command,
                    program,
                    event,
                    rounds,
                    "ours",
                )?;
                Ok(())
            })
        };
        Ok(total("2")?.since(total("1")?))
    }

    /// Runs something, and counts what the emulator writes meanwhile.
    fn count(&self, run: impl FnOnce() -> Result<()>) -> Result<Executed> {
        let _ = fs::remove_file(&self.pipe);
        mkfifo(&self.pipe, Mode::S_IRUSR | Mode::S_IWUSR)?;
        thread::scope(|scope| {
            let counted = scope.spawn(|| -> std::io::Result<Executed> {
                // Returns once the emulator has opened it too, and ends when that has ended.
                let mut lines = BufReader::with_capacity(1 << 20, File::open(&self.pipe)?);
                let mut found = Executed::default();
                let mut line = Vec::with_capacity(256);
                while lines.read_until(b'\n', &mut line)? > 0 {
                    if let Some(at) = executed(&line) {
                        let is_inflate = |&(from, to): &(u64, u64)| (from..to).contains(&at);
                        if self.inflate.iter().any(is_inflate) {
                            found.inflate += 1;
                        } else {
                            found.other += 1;
                        }
                    }
                    line.clear();
                }
                Ok(found)
            });
            let result = run();
            // The reader waits for a writer, of which there is none where nothing was started.
            drop(File::options().read(true).write(true).open(&self.pipe)?);
            let found = counted.join().map_err(|_| "the count failed")??;
            result?;
            if found.other == 0 {
                return Err("the emulator wrote nothing".into());
            }
            Ok(found)
        })
    }
}

/// The address in a line of the emulator: `Trace 0: 0x7efee8000100 [0000000001009331/000000550081bc40/…]`.
fn executed(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"Trace ")?;
    let at = memchr::memchr(b'/', rest)? + 1;
    let rest = &rest[at..];
    let digits = &rest[..memchr::memchr(b'/', rest)?];
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// Where a linker's map has functions of our inflate. The standard library has another, whose names have no
/// hash.
fn ranges(map: &str) -> Vec<(u64, u64)> {
    let line = |text: &str| {
        let mut words = text.split_ascii_whitespace();
        let mut number = || u64::from_str_radix(words.next()?, 16).ok();
        let (from, _, length) = (number()?, number()?, number()?);
        let name = words.nth(1)?;
        (name.starts_with("miniz_oxide::inflate") && name.contains("::h") && length > 0)
            .then_some((from, from + length))
    };
    map.lines().filter_map(line).collect()
}

/// How many system calls a contender makes from its start to the end of this number of invocations.
pub(crate) fn system_calls(
    contender: &Contender,
    event: &Event,
    invocations: u32,
    trace: &Path,
    authority: &Authority,
) -> Result<u64> {
    let words = ["strace", "-f", "-c", "-qq", "-o"];
    let mut tool = words.map(String::from).to_vec();
    tool.push(trace.display().to_string());
    let mut session = invoked(contender, event, invocations, tool, authority)?;
    session.process.kill_children()?;
    // Strace ends when the contender has, and writes its table before.
    session.process.wait()?;
    calls(&fs::read_to_string(trace)?)
}

/// The sum in strace's table: `100.00    0.000742           9        80         4 total`.
fn calls(text: &str) -> Result<u64> {
    let line = text.lines().find(|line| line.ends_with(" total"));
    line.and_then(|line| line.split_ascii_whitespace().nth(3)?.parse().ok())
        .ok_or_else(|| format!("strace wrote no sum: {text}").into())
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

    #[test]
    fn the_sum_of_strace() {
        let text = "------ ----\n100.00    0.000742           9        80         4 total\n";
        assert_eq!(calls(text).unwrap(), 80);
        assert_eq!(
            calls("100.00    0.000742           9        81 total\n").unwrap(),
            81
        );
        assert!(calls("").is_err());
    }

    #[test]
    fn the_addresses_of_inflate() {
        let map = "             VMA              LMA     Size Align Out     In      Symbol\n\
                   28c380           28c380     21dc     4         a.o:(.text._ZN11miniz_oxide7inflate)\n\
                   28c380           28c380     21dc     1                 miniz_oxide::inflate::core::decompress::h602e\n\
                   28e55c           28e55c     1b2c     1                 miniz_oxide::inflate::core::decompress\n";
        assert_eq!(ranges(map), [(0x28_c380, 0x28_e55c)]);
        let line =
            b"Trace 0: 0x7efee8000100 [0000000001009331/000000000028c384/00000001/00000201] \n";
        assert_eq!(executed(line), Some(0x28_c384));
        assert_eq!(executed(b"cpu_io_recompile"), None);
    }
}
