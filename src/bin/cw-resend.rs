//! The operator's local tool: shows what the function does with a log, without AWS and without a Node.

#![forbid(unsafe_code)]

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand, ValueEnum};
use cw_resend_lambda::local::{
    demo::{self, Source},
    error::CommandError,
    watch,
};

/// Demonstrates the forwarding of API Gateway access logs to a Wallarm Native Node on this machine.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the function on a log between stand-ins for AWS and for the Node, and show what arrives.
    Demo(Demo),
    /// Run the stand-in for the Node alone.
    Node {
        /// Where to listen.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5050")]
        listen: String,
    },
    /// Run the function itself, as Lambda does.
    #[command(hide = true)]
    Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Demo {
    /// Access-log lines, plain or gzip, or what `aws logs filter-log-events` printed. A bundled
    /// sample by default.
    #[arg(long, value_name = "FILE", conflicts_with = "lines")]
    log: Option<PathBuf>,
    /// How many lines to make from the bundled sample.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    lines: usize,
    /// How the function talks to the Node.
    #[arg(long, value_enum, default_value_t = Format::Resend)]
    format: Format,
    /// Take the stage off the paths.
    #[arg(long)]
    strip_stage: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Two HTTP messages for each record.
    Resend,
    /// One JSON document for many records.
    Batch,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Bootstrap => return cw_resend_lambda::bootstrap(),
        Command::Demo(options) => run_demo(options),
        Command::Node { listen } => watch::run(&listen, &mut io::stdout()).map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // The reader of our output has closed the pipe, as `head` does.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // A failure of this can not be reported anywhere.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_demo(options: Demo) -> Result<bool, CommandError> {
    let program = env::current_exe()
        .map_err(|cause| CommandError::with_cause("failed to find this program", cause))?;
    let source = match options.log {
        Some(path) => Source::File(path),
        None => Source::Sample(options.lines),
    };
    let options = demo::Options {
        source,
        format: match options.format {
            Format::Resend => demo::Format::Resend,
            Format::Batch => demo::Format::Batch,
        },
        strip_stage: options.strip_stage,
    };
    demo::run(&options, &program, &mut io::stdout().lock())
}
