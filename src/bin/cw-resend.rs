//! The operator's tool: the command line of `local`.

#![forbid(unsafe_code)]

use std::{
    env,
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use cw_resend_lambda::local::{
    Status, check,
    cost::{
        self,
        plan::{self, Plan},
    },
    demo::{self, Source},
    diff,
    error::{CommandError, printing},
    inventory, invoke, node, probe, send, shell,
    ui::Ui,
};

/// Makes an API inventory of any log of Amazon API Gateway, and shows and checks the function that forwards it.
///
/// The exit status is 0 where nothing is wrong, 1 where a command has found what it looks for, and 2 where it could
/// not do its work.
#[derive(Debug, Parser)]
#[command(name = "cw-resend", version, max_term_width = 80)]
struct Cli {
    /// Print neither progress nor warnings.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Inventory(inventory::Args),
    Diff(diff::Args),
    Check(check::Args),
    Send(send::Args),
    Probe(probe::Args),
    Invoke(invoke::Args),
    /// Run the function on a log between stand-ins for AWS and for the Node, and show what arrives.
    Demo(Demo),
    Node(node::Args),
    /// Calculate what a month of it costs on AWS, for your own figures.
    Cost(Cost),
    Completions(shell::Completions),
    Man(shell::Man),
    /// Run the function itself, as Lambda does.
    #[command(hide = true)]
    Bootstrap,
}

#[derive(Debug, clap::Args)]
struct Demo {
    /// A log in any form that `inventory` reads, or a folder of them. A bundled sample by default.
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

/// Numbers may have k, M or G behind them, for a thousand, a million and a billion.
#[derive(Debug, clap::Args)]
struct Cost {
    /// Calls of the API in a month.
    #[arg(long, value_name = "N", value_parser = plan::quantity)]
    calls: f64,
    /// The stage's log format: lines of 513 bytes, or of 203.
    #[arg(long, value_enum, default_value_t = LogFormat::Documented)]
    format: LogFormat,
    /// Bytes of a log line, in place of a format.
    #[arg(long, value_name = "N", value_parser = plan::quantity, conflicts_with = "format")]
    line_bytes: Option<f64>,
    /// Bytes that CloudWatch Logs bills for a line beside it. Its API counts 26, and its pages do not say
    /// whether the bill does.
    #[arg(long, value_name = "N", value_parser = plan::quantity, default_value = "0")]
    event_overhead: f64,
    /// Lines in an event. The function's report has them as `recordsReceived`.
    #[arg(long, value_name = "N", value_parser = plan::quantity, default_value_t = plan::LINES_PER_EVENT)]
    lines_per_event: f64,
    /// The share of the calls that sampling forwards, such as 0.01, 1% or 1/100.
    #[arg(long, value_name = "SHARE", value_parser = plan::share, default_value = "1")]
    sample: f64,
    /// The way of the lines to the function.
    #[arg(long, value_enum, default_value_t = Via::Cloudwatch)]
    via: Via,
    /// The function's own log: a compact line, which is what Terraform deploys, or one with its metrics and
    /// the platform's lines, which is what the function writes elsewhere.
    #[arg(long, value_enum)]
    report: Option<Report>,
    /// Everything that Terraform deploys, or the function alone.
    #[arg(long, value_enum, default_value_t = Layout::Terraform)]
    layout: Layout,
    /// Days for which CloudWatch Logs keeps lines.
    #[arg(long, value_name = "N", value_parser = plan::quantity, default_value = "30")]
    retention_days: f64,
    /// Milliseconds that the Node takes for a message.
    #[arg(long, value_name = "N", value_parser = plan::quantity, default_value = "1")]
    node_ms: f64,
    /// Calls a second that one Node carries.
    #[arg(long, value_name = "N", value_parser = plan::quantity, default_value_t = plan::NODE_RATE)]
    node_rate: f64,
    /// The busiest second as a multiple of the mean, for the shards of a Kinesis stream.
    #[arg(long, value_name = "N", value_parser = plan::quantity, default_value = "3")]
    peak: f64,
    /// GB a month through the NAT gateway.
    #[arg(long, value_name = "N", value_parser = plan::quantity, default_value = "0")]
    nat_gb: f64,
    /// Prices in place of those of us-east-1, in a file like bench/prices.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// The format of the README.
    Documented,
    /// The format with six fields.
    Lean,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Via {
    /// A subscription of the log group.
    Cloudwatch,
    /// API Gateway writes to Firehose: REST APIs only.
    Firehose,
    /// The subscription writes to a Kinesis stream.
    Kinesis,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Report {
    /// Metric filters count.
    Compact,
    /// The line has its metrics.
    Metrics,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Layout {
    /// Network, load balancer, Nodes and function.
    Terraform,
    /// The function, with a Node that is paid for already.
    ExistingNode,
}

fn main() -> ExitCode {
    let Cli { quiet, command } = Cli::parse();
    let ui = Ui::new(quiet);
    // What is written stays in order with what a child writes: each command flushes it before.
    let mut out = BufWriter::new(io::stdout().lock());
    let result = match command {
        Command::Bootstrap => return cw_resend_lambda::bootstrap(),
        Command::Inventory(args) => inventory::run(&args, &ui, &mut out),
        Command::Diff(args) => diff::run(&args, &ui, &mut out),
        Command::Check(args) => check::run(&args, &ui, &mut out),
        Command::Send(args) => send::run(&args, &ui, &mut out),
        Command::Probe(args) => probe::run(&args, &ui, &mut out),
        Command::Invoke(args) => invoke::run(&args, &ui, &mut out),
        Command::Demo(options) => run_demo(options, &ui, &mut out),
        Command::Cost(options) => run_cost(&options, &mut out).map(|()| Status::Clean),
        Command::Node(args) => node::run(&args, &ui, &mut out),
        Command::Completions(args) => shell::completions(&args, Cli::command(), &mut out),
        Command::Man(args) => shell::man(&args, Cli::command(), &mut out),
    };
    let result = result.and_then(|status| {
        out.flush().map_err(printing)?;
        Ok(status)
    });
    match result {
        Ok(Status::Clean) => ExitCode::SUCCESS,
        Ok(Status::Found) => ExitCode::FAILURE,
        Ok(Status::Interrupted) => ExitCode::from(130),
        // The reader of our output has closed the pipe, as `head` does.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // A failure of this can not be reported anywhere.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run_demo(options: Demo, ui: &Ui, out: &mut dyn Write) -> Result<Status, CommandError> {
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
    demo::run(&options, &program, ui, out).map(|adds_up| match adds_up {
        true => Status::Clean,
        false => Status::Found,
    })
}

fn run_cost(options: &Cost, out: &mut dyn Write) -> Result<(), CommandError> {
    let format = match options.format {
        LogFormat::Documented => plan::DOCUMENTED_BYTES,
        LogFormat::Lean => plan::LEAN_BYTES,
    };
    let plan = Plan {
        calls: options.calls,
        line_bytes: options.line_bytes.unwrap_or(format),
        event_overhead: options.event_overhead,
        lines_per_event: options.lines_per_event,
        share: options.sample,
        via: match options.via {
            Via::Cloudwatch => plan::Via::CloudWatch,
            Via::Firehose => plan::Via::Firehose,
            Via::Kinesis => plan::Via::Kinesis,
        },
        report: match (options.report, options.layout) {
            (Some(Report::Compact), _) | (None, Layout::Terraform) => plan::Report::Compact,
            (Some(Report::Metrics), _) | (None, Layout::ExistingNode) => plan::Report::Metrics,
        },
        layout: match options.layout {
            Layout::Terraform => plan::Layout::Terraform,
            Layout::ExistingNode => plan::Layout::ExistingNode,
        },
        retention_days: options.retention_days,
        node_ms: options.node_ms,
        node_rate: options.node_rate,
        peak: options.peak,
        nat_gb: options.nat_gb,
    };
    cost::run(&plan, options.prices.as_deref(), options.json, out)
}
