//! `cw-resend inventory`: the endpoints that a log tells of.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
};

use super::{
    Status,
    calls::Options,
    error::CommandError,
    input::{self, Input},
    ui::Ui,
};
use crate::record::normal_host;
use gather::Gather;
use model::Inventory;
use skipped::Skipped;

pub(crate) mod gather;
pub mod model;
pub mod output;
pub mod paths;
pub mod published;
pub(crate) mod skipped;
pub mod spec;

/// List the endpoints that a log tells of.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Logs in any form: files, folders, or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<OsString>,
    /// How logs are read.
    #[command(flatten)]
    pub reading: Reading,
    /// How the inventory is written.
    #[command(flatten)]
    pub output: output::Options,
}

/// How logs are read.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Reading {
    /// A specification that has the paths' templates: OpenAPI, or what `aws apigateway get-resources` or `aws
    /// apigatewayv2 get-routes` printed. May be given again.
    #[arg(long, value_name = "FILE")]
    pub spec: Vec<PathBuf>,
    /// The host of lines that have none, as the function's X_DEFAULT_HOST.
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub default_host: Option<String>,
    /// Take the stage off the paths of API Gateway's own domains, as the function's X_STRIP_STAGE does.
    #[arg(long)]
    pub strip_stage: bool,
    /// Tell on standard error which lines are no calls, why, and what to append to the log format.
    #[arg(long)]
    pub explain: bool,
}

/// Runs the command.
///
/// # Errors
///
/// Returns an error when nothing can be read, no line is a call, or `out` or a file fails.
pub fn run(args: &Args, ui: &Ui, out: &mut dyn Write) -> Result<Status, CommandError> {
    let inventory = read(&args.files, &args.reading, ui)?;
    output::write(&inventory, &args.output, ui, out)?;
    Ok(Status::Clean)
}

/// Makes the inventory of logs, and tells of lines that are no calls.
///
/// # Errors
///
/// Returns an error when nothing can be read, or no line is a call.
pub(crate) fn read(
    files: &[OsString],
    reading: &Reading,
    ui: &Ui,
) -> Result<Inventory, CommandError> {
    let specification = match reading.spec.as_slice() {
        [] => None,
        files => Some(spec::read(files)?),
    };
    let options = Options {
        default_host: reading.default_host.clone(),
        strip_stage: reading.strip_stage,
    };
    let mut gather = Gather::new(options, specification);
    let inputs: Vec<Input> = files.iter().cloned().map(Input::from).collect();
    input::read(&inputs, ui, &mut gather)?;
    let (inventory, skipped) = gather.finish();
    if reading.explain {
        // A failure of this can not be reported anywhere.
        let _ = skipped.explain(&mut io::stderr().lock());
    }
    if inventory.calls == 0 {
        return Err(none(inventory.lines, &skipped));
    }
    if skipped.lines() > 0 && !reading.explain {
        ui.warn(&format!(
            "{} of {} lines are no calls ({}): --explain tells more",
            skipped.lines(),
            inventory.lines,
            skipped.summary()
        ));
    }
    Ok(inventory)
}

/// The error where no line is a call.
fn none(lines: u64, skipped: &Skipped) -> CommandError {
    if lines == 0 {
        return CommandError::new(
            "failed to make an inventory: expected access-log lines, found no line",
        );
    }
    let advice = match skipped.advice() {
        Some(advice) => format!(": {advice}"),
        None => String::new(),
    };
    CommandError::new(format!(
        "failed to make an inventory: expected access-log lines with host, method and path, found none in {lines} \
         lines ({}){advice}",
        skipped.summary()
    ))
}

/// Reads a host of the command line.
fn host(text: &str) -> Result<String, String> {
    normal_host(text).ok_or_else(|| "expected a host such as api.example.com".to_string())
}
