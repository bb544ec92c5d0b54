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

/// How long the pipeline may take to ask for its first event; Lambda gives it as much.
pub(super) const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// What Lambda says of an execution environment.
pub(super) const ENVIRONMENT: [(&str, &str); 3] = [
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "2023/11/14/[$LATEST]0"),
];

/// What Lambda says of the function, as long as nobody has said something else.
pub(super) const FUNCTION: [(&str, &str); 4] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "cw-resend"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/cw-resend"),
    ("AWS_REGION", "us-east-1"),
];

/// A running pipeline, and what is made of its output. Dropping it kills it.
#[derive(Debug)]
pub struct Child<T = Reports> {
    process: process::Child,
    started: Instant,
    output: Option<JoinHandle<T>>,
}

impl Child {
    /// Starts `program bootstrap` with these variables, and without inherited ones which could configure it.
    ///
    /// # Errors
    ///
    /// Returns an error when the program can not be started.
    pub fn start(program: &Path, variables: &[(&str, String)]) -> io::Result<Self> {
        let mut command = Command::new(program);
        for (name, _) in env::vars_os() {
            if is_setting(name.as_encoded_bytes()) {
                command.env_remove(name);
            }
        }
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Self::spawn(command, |lines| {
            let mut reports = Reports::default();
            for line in lines {
                reports.add_line(&String::from_utf8_lossy(&line));
            }
            reports
        })
    }
}

impl<T: Default + Send + 'static> Child<T> {
    /// Starts a program with the argument `bootstrap`, and has `read` make something of the lines that it prints.
    pub(super) fn spawn(
        mut command: Command,
        read: impl FnOnce(&mut dyn Iterator<Item = Vec<u8>>) -> T + Send + 'static,
    ) -> io::Result<Self> {
        command
            .arg("bootstrap")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let started = Instant::now();
        let mut process = command.spawn()?;
        let stdout = process.stdout.take();
        let mut child = Self {
            process,
            started,
            output: None,
        };
        let reader = thread::Builder::new().name("output".into());
        child.output = Some(reader.spawn(move || {
            let lines = stdout
                .into_iter()
                .flat_map(|out| BufReader::new(out).split(b'\n'));
            // A pipe fails at most once, when the process has ended.
            read(&mut lines.map_while(Result::ok))
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

    /// Kills the process without a warning, as Lambda does without extensions, and returns what was made of its output.
    #[must_use]
    pub fn stop(mut self) -> T {
        self.kill();
        let output = self.output.take().and_then(|reader| reader.join().ok());
        output.unwrap_or_default()
    }
}

impl<T> Child<T> {
    fn kill(&mut self) {
        // Both fail only when the process has ended and was waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl<T> Drop for Child<T> {
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
