//! `cw-resend check`: whether log formats, stages or a log have what an inventory needs, what exactly they lack, and the
//! command that adds it.
//!
//! The verdict is the function's: `gateway` writes lines with a format as a gateway does, and the function's own reader
//! takes them or not.

mod formats;
mod gateway;
mod log;
mod show;
mod stages;
mod verdict;

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use self::{
    show::{Checked, Document},
    stages::Stage,
};
use super::{
    Status,
    error::{CommandError, printing},
    escape,
    ui::Ui,
};

/// The largest document of stages that is read, in bytes. What is larger is a log.
const MAX_DOCUMENT: u64 = 16 * 1024 * 1024;

/// Tell whether log formats, stages or a log have what an inventory needs.
///
/// A file has the output of `aws apigateway get-stages` or `aws apigatewayv2 get-stages`, a stage's access-log format, or
/// a log: its content tells. The exit status is 1 where something is missing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files, or - for standard input.
    #[arg(value_name = "FILE", required_unless_present = "format_string")]
    pub files: Vec<OsString>,
    /// A stage's access-log format.
    #[arg(long, value_name = "FORMAT", conflicts_with = "files")]
    pub format_string: Option<String>,
    /// The API's id, for the commands that are printed: get-stages does not tell it.
    #[arg(long, value_name = "ID", value_parser = api_id)]
    pub api_id: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

fn api_id(text: &str) -> Result<String, String> {
    let is_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match is_id {
        true => Ok(text.to_string()),
        false => Err("an API's id has letters and digits only".to_string()),
    }
}

/// Runs the command.
///
/// # Errors
///
/// Returns an error when a file can not be read or is none of these, or `out` fails.
pub fn run(args: &Args, ui: &Ui, out: &mut dyn Write) -> Result<Status, CommandError> {
    let mut document = Document::default();
    if let Some(format) = &args.format_string {
        document.add(Checked::format("the format", format));
    }
    for file in &args.files {
        check_file(file, ui, &mut document)?;
    }
    let api_id = args.api_id.as_deref();
    match args.json {
        true => document.write_json(api_id, out),
        false => document.write(api_id, out),
    }
    .map_err(printing)?;
    Ok(match document.is_sufficient() {
        true => Status::Clean,
        false => Status::Found,
    })
}

fn check_file(file: &OsStr, ui: &Ui, document: &mut Document) -> Result<(), CommandError> {
    let is_stdin = file == "-";
    let name = match is_stdin {
        true => "standard input".to_string(),
        false => escape::path(file),
    };
    let failed = |cause| CommandError::with_cause(format!("failed to read {name}"), cause);
    if Path::new(file).is_dir() {
        return log::check(file, &name, ui, document);
    }
    let mut text = Vec::new();
    let mut reader: Box<dyn Read> = match is_stdin {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(file).map_err(failed)?),
    };
    reader
        .by_ref()
        .take(MAX_DOCUMENT)
        .read_to_end(&mut text)
        .map_err(failed)?;
    match Content::of(&text) {
        Content::Stages(stages) => {
            if stages.is_empty() {
                ui.warn(&format!("{name} has no stages"));
            }
            for stage in stages {
                document.add(Checked::stage(&name, stage));
            }
            Ok(())
        }
        Content::Formats(formats) => {
            let is_one = formats.len() == 1;
            for (format, line) in formats {
                let heading = match is_one {
                    true => format!("the format in {name}"),
                    false => format!("the format in line {line} of {name}"),
                };
                document.add(Checked::format(&heading, &format));
            }
            Ok(())
        }
        Content::Log if is_stdin => {
            let spool = log::Spool::new(&text, &mut reader).map_err(failed)?;
            let path = spool.path().as_os_str();
            log::check(path, &name, ui, document).map_err(|error| {
                // What was copied is not what the operator knows.
                let error = error.to_string();
                CommandError::new(error.replace(&*path.to_string_lossy(), &name))
            })
        }
        Content::Log => log::check(file, &name, ui, document),
    }
}

/// What a file has.
enum Content {
    Stages(Vec<Stage>),
    /// Each with the line that it begins in.
    Formats(Vec<(String, usize)>),
    Log,
}

impl Content {
    fn of(text: &[u8]) -> Self {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let Ok(text) = str::from_utf8(text) else {
            return Self::Log;
        };
        // Everything but a log has a variable of the gateway, or the name of a stage.
        let is_near = [
            "$context.",
            "tageName",
            "\"item\"",
            "\"Items\"",
            "item:",
            "Items:",
        ];
        if !is_near.iter().any(|word| text.contains(word)) {
            return Self::Log;
        }
        match stages::read(text) {
            Some(stages) => Self::Stages(stages),
            None => match formats::read(text) {
                formats if formats.is_empty() => Self::Log,
                formats => Self::Formats(formats),
            },
        }
    }
}
