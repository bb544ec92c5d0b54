//! The contenders, and how each of them is started.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The name of the empty program.
pub(crate) const EMPTY_STATIC: &str = "lower bound: an empty static binary";

/// The same program, linked as the function is: the difference between the two is the dynamic loader's.
pub(crate) const EMPTY_DYNAMIC: &str = "lower bound: an empty dynamic binary";

/// An empty program in Rust, with the start of its standard library.
pub(crate) const EMPTY_RUST: &str = "lower bound: an empty Rust program";

/// A static program in C that does what is a start's work: it connects to the Runtime API, and asks.
pub(crate) const ASKS: &str = "lower bound: a static program that asks";

/// The function, linked statically.
pub(crate) const OURS_STATIC: &str = "ours, static";

/// The function for the processor that it is deployed on by default.
pub(crate) const OURS_ARM64: &str = "ours, arm64";

/// Our programs for the two processors: their names in the results, the parts that they are, and the processors as
/// compilers and QEMU call them.
pub(crate) const PROCESSORS: [(&str, &str, &str); 2] = [
    ("ours, x86_64", "ours-x86_64", "x86_64"),
    (OURS_ARM64, "ours-arm64", "aarch64"),
];

/// The programs that do nothing, and their names in the results.
pub(crate) const EMPTY_PROGRAMS: [(&str, &str); 3] = [
    ("empty-static", EMPTY_STATIC),
    ("empty-dynamic", EMPTY_DYNAMIC),
    ("empty-rust", EMPTY_RUST),
];

/// The name of the slow Node's baseline.
pub(crate) const ONE_IN_FLIGHT: &str = "baseline: one connection, one in flight";

/// The programs that compare decoders, and the names of the two decoders in each.
pub(crate) const DECODERS: [(&str, [&str; 2]); 2] = [
    ("decode", ["ours", "baseline: libdeflate + sonic-rs"]),
    (
        "decode-native",
        [
            "ours, for this processor",
            "baseline: libdeflate + sonic-rs, for this processor",
        ],
    ),
];

/// A contender's present name, for one that a file of results may have from before: bounds and baselines
/// were called floors.
pub(crate) fn renamed(name: &str) -> String {
    name.replace(
        "floor: one connection, one in flight",
        "baseline: one connection, one in flight",
    )
    .replace("floor: libdeflate", "baseline: libdeflate")
    .replace("floor: an empty", "lower bound: an empty")
}

/// A program that forwards the records, with its format.
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

    /// The name in the tables and the results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Resend => "ours, resend",
            Self::Batch => "ours, batch",
            Self::Python => "Python",
            Self::Rust => "Rust, reqwest",
            Self::Go => "Go",
        }
    }

    /// The name on the command line. Both of ours are one program.
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

    /// The name where both of ours, which are one program, do the same.
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
    /// Variables in addition to those that Lambda and the operator set.
    variables: Vec<(&'static str, String)>,
    /// The file for its standard error.
    log: PathBuf,
}

impl Contender {
    /// `path` is the program or, for Python, the directory of its environment; then `code` is the directory
    /// of the function's code.
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

    /// The command that starts it, under a tool if there is one, with the environment that Lambda sets.
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

    /// The file that is executed.
    pub(crate) fn program(&self) -> &Path {
        &self.command[0]
    }

    /// Its output on standard error.
    pub(crate) fn output(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text).trim().to_string()
    }
}
