//! The pipeline as a process of its own, started and ended as Lambda does it.

use std::{
    env, fs,
    io::{self, BufRead, BufReader},
    path::Path,
    process::{self, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::summary::{Reports, Usage};

/// A running pipeline. Dropping it kills it.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    started: Instant,
    reports: Option<JoinHandle<Reports>>,
}

impl Child {
    /// Starts `program bootstrap` with these variables, and without inherited ones which could configure it.
    ///
    /// # Errors
    ///
    /// Returns an error when the program can not be started.
    pub fn start(program: &Path, variables: &[(&str, String)]) -> io::Result<Self> {
        let mut command = Command::new(program);
        command
            .arg("bootstrap")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        for (name, _) in env::vars_os() {
            if is_setting(name.as_encoded_bytes()) {
                command.env_remove(name);
            }
        }
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let started = Instant::now();
        let mut process = command.spawn()?;
        let stdout = process.stdout.take();
        let mut child = Self {
            process,
            started,
            reports: None,
        };
        let reader = thread::Builder::new().name("reports".into());
        child.reports = Some(reader.spawn(move || {
            let mut reports = Reports::default();
            let lines = stdout
                .into_iter()
                .flat_map(|out| BufReader::new(out).split(b'\n'));
            // A pipe fails at most once, when the process has ended.
            for line in lines.map_while(Result::ok) {
                reports.add_line(&String::from_utf8_lossy(&line));
            }
            reports
        })?);
        Ok(child)
    }

    /// When the process was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// How the process ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// What the process has used so far; `None` if the system does not report it.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        let read = |file| fs::read_to_string(format!("/proc/{}/{file}", self.process.id())).ok();
        Some(Usage {
            cpu: cpu_time(&read("stat")?)?,
            peak_kib: peak_kib(&read("status")?)?,
        })
    }

    /// Kills the process without a warning, as Lambda does without extensions, and returns its reports.
    #[must_use]
    pub fn stop(mut self) -> Reports {
        self.kill();
        let reports = self.reports.take().and_then(|reader| reader.join().ok());
        reports.unwrap_or_default()
    }

    fn kill(&mut self) {
        // Both fail only when the process has ended and was waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a variable would configure the pipeline, or describe a Lambda function which does not exist.
fn is_setting(name: &[u8]) -> bool {
    [b"X_".as_slice(), b"AWS_LAMBDA_"].iter().any(|prefix| {
        let start = name.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    })
}

/// Reads user and system time from `/proc/<pid>/stat`.
fn cpu_time(stat: &str) -> Option<Duration> {
    /// The kernel reports to user space in this unit on every architecture Lambda has.
    const TICKS_PER_SECOND: u64 = 100;
    // The name of the program is in parentheses and may hold spaces: count after it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis(
        (user + system) * 1000 / TICKS_PER_SECOND,
    ))
}

/// Reads the high-water mark of resident memory from `/proc/<pid>/status`.
fn peak_kib(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_from_proc() {
        let stat = "42 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0";
        assert_eq!(cpu_time(stat), Some(Duration::from_millis(1750)));
        assert_eq!(cpu_time("42 (a"), None);
        let status = "Name:\ta\nVmPeak:\t  9000 kB\nVmHWM:\t    5120 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(peak_kib(status), Some(5120));
        assert_eq!(peak_kib("Name:\ta\n"), None);
    }

    #[test]
    fn settings_are_not_inherited() {
        for (name, expected) in [
            ("X_NODE_URL", true),
            ("x_node_url", true),
            ("AWS_LAMBDA_LOG_LEVEL", true),
            ("X", false),
            ("PATH", false),
            ("AWS_REGION", false),
        ] {
            assert_eq!(is_setting(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn program_which_is_not_there_is_an_error() {
        assert!(Child::start(Path::new("/nonexistent/program"), &[]).is_err());
    }
}
