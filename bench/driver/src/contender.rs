//! Who is measured, and how each of them is started.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The name under which the empty program stands.
pub(crate) const FLOOR_START: &str = "floor: an empty static binary";

/// The same one, linked as the function is: what lies between the two is the dynamic loader's.
pub(crate) const FLOOR_START_DYNAMIC: &str = "floor: an empty dynamic binary";

/// One in Rust, with its standard library's own start.
pub(crate) const FLOOR_START_RUST: &str = "floor: an empty Rust program";

/// The programs that do nothing, and how they are called.
pub(crate) const FLOORS_START: [(&str, &str); 3] = [
    ("floor-start", FLOOR_START),
    ("floor-start-dynamic", FLOOR_START_DYNAMIC),
    ("floor-start-rust", FLOOR_START_RUST),
];

/// The name under which the slow Node's baseline stands.
pub(crate) const ONE_IN_FLIGHT: &str = "floor: one connection, one in flight";

/// The programs that compare decoders, and how the two that each holds are called.
pub(crate) const DECODERS: [(&str, [&str; 2]); 2] = [
    ("floor-decode", ["ours", "floor: libdeflate + sonic-rs"]),
    (
        "floor-decode-native",
        [
            "ours, for this processor",
            "floor: libdeflate + sonic-rs, for this processor",
        ],
    ),
];

/// Whoever forwards the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Who {
    Resend,
    Batch,
    Python,
    Rust,
    Go,
}

impl Who {
    pub(crate) const ALL: [Self; 5] = [
        Self::Resend,
        Self::Batch,
        Self::Python,
        Self::Rust,
        Self::Go,
    ];

    /// As the tables and the results have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Resend => "ours, resend",
            Self::Batch => "ours, batch",
            Self::Python => "Python",
            Self::Rust => "Rust, reqwest",
            Self::Go => "Go",
        }
    }

    /// As the command line has it. Both of ours are one program.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Resend | Self::Batch => "ours",
            Self::Python => "python",
            Self::Rust => "rust",
            Self::Go => "go",
        }
    }

    pub(crate) fn format(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            _ => "resend",
        }
    }

    /// What it is called where both of ours, which are one program, do the same.
    pub(crate) fn program(self) -> &'static str {
        if self.is_ours() { "ours" } else { self.name() }
    }

    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Resend | Self::Batch)
    }
}

/// A contender that can run.
#[derive(Debug, Clone)]
pub(crate) struct Contender {
    pub(crate) who: Who,
    /// The program and its arguments.
    command: Vec<PathBuf>,
    /// What is set beside what Lambda and the operator set.
    variables: Vec<(&'static str, String)>,
    /// Where it writes what it has to say.
    log: PathBuf,
}

impl Contender {
    /// `path` is the program or, of Python, the directory of its environment, beside which the
    /// function's code is given.
    pub(crate) fn new(who: Who, path: &Path, code: &Path, log: &Path) -> Self {
        let (command, variables) = match who {
            Who::Python => (
                vec![
                    path.join("bin/python3"),
                    "-m".into(),
                    "awslambdaric".into(),
                    "lambda_function.handler".into(),
                ],
                vec![("PYTHONPATH", code.display().to_string())],
            ),
            _ => (vec![path.to_path_buf()], vec![]),
        };
        Self {
            who,
            command,
            variables,
            log: log.join(format!("{}.log", who.key())),
        }
    }

    /// The command to start it, behind a tool if one is given, with the environment that Lambda gives.
    pub(crate) fn command(
        &self,
        tool: &[String],
        variables: &[(&str, String)],
    ) -> io::Result<Command> {
        let words: Vec<&std::ffi::OsStr> = tool
            .iter()
            .map(|word| word.as_ref())
            .chain(self.command.iter().map(|word| word.as_os_str()))
            .collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "en_US.UTF-8")
            .env("TZ", ":UTC")
            .env("_HANDLER", "lambda_function.handler")
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_DEFAULT_REGION", "eu-central-1")
            .env("AWS_LAMBDA_FUNCTION_NAME", "cw-resend")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/cw-resend")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/22/[$LATEST]0")
            .env("X_NODE_FORMAT", self.who.format())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&self.log)?);
        Ok(command)
    }

    /// What it had to say.
    pub(crate) fn words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text).trim().to_string()
    }
}
