//! The system's data about a running contender.

use std::fs;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::{Error, Result};

/// A contender counts as idle when its CPU clock has not advanced for this time.
const STILL: Duration = Duration::from_millis(2);
/// After this time, a contender that is never idle is measured anyway.
const PATIENCE: Duration = Duration::from_millis(500);

/// A contender's process. Dropping it kills it, as Lambda does.
pub(crate) struct Process {
    child: Child,
    clock: ClockId,
}

/// A process at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) resident_kib: u64,
    pub(crate) peak_kib: u64,
    pub(crate) threads: u64,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) minor: u64,
    pub(crate) major: u64,
}

impl Process {
    pub(crate) fn new(child: Child) -> Result<Self> {
        let clock = clock_getcpuclockid(pid_of(&child)?)?;
        Ok(Self { child, clock })
    }

    pub(crate) fn pid(&self) -> Result<Pid> {
        pid_of(&self.child)
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(status.to_string())
    }

    /// The CPU time of the process, finished threads included, in nanoseconds.
    pub(crate) fn cpu(&self) -> Result<u64> {
        let time = clock_gettime(self.clock)?;
        Ok(u64::try_from(
            time.tv_sec() * 1_000_000_000 + time.tv_nsec(),
        )?)
    }

    /// Like [`Self::cpu`], once the process is idle.
    pub(crate) fn settled_cpu(&self) -> Result<u64> {
        let until = Instant::now() + PATIENCE;
        let mut before = self.cpu()?;
        loop {
            thread::sleep(STILL);
            let now = self.cpu()?;
            if now == before || Instant::now() > until {
                return Ok(now);
            }
            before = now;
        }
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        let text = self.read("status")?;
        let field = |name: &str| -> Result<u64> {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next())
                .and_then(|value| value.parse().ok())
                .ok_or_else(|| Error::from(format!("no {name} in the status of a process")))
        };
        Ok(Memory {
            resident_kib: field("VmRSS:")?,
            peak_kib: field("VmHWM:")?,
            threads: field("Threads:")?,
        })
    }

    pub(crate) fn faults(&self) -> Result<Faults> {
        let text = self.read("stat")?;
        // The name of the program is in parentheses and may hold spaces.
        let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let field = |at: usize| -> Result<u64> {
            let value = fields.get(at).and_then(|value| value.parse().ok());
            value.ok_or_else(|| Error::from("no page faults in the stat of a process"))
        };
        // The tenth and the twelfth field; the first two are the id and the name.
        Ok(Faults {
            minor: field(7)?,
            major: field(9)?,
        })
    }

    fn read(&self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(format!(
            "/proc/{}/{file}",
            self.child.id()
        ))?)
    }

    /// Kills its child processes.
    pub(crate) fn kill_children(&self) -> Result<()> {
        let children = self.read(&format!("task/{}/children", self.child.id()))?;
        for child in children.split_ascii_whitespace() {
            kill(Pid::from_raw(child.parse()?), Signal::SIGKILL)?;
        }
        Ok(())
    }

    /// Waits until it has ended by itself or by a signal.
    pub(crate) fn wait(&mut self) -> Result<()> {
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process has ended and its status was read.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid_of(child: &Child) -> Result<Pid> {
    Ok(Pid::from_raw(i32::try_from(child.id())?))
}
