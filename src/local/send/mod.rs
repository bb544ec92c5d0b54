//! `cw-resend send`: a log, or events that have failed, to a Node by the function's own client, or to a function by the
//! AWS CLI.
//!
//! ```text
//! input ─ lines ─> batch ─ event ─> target ─> Node (the function's own forwarder), or aws lambda invoke
//!                    │                 │
//!                  pace             journal: what is done, on the disk before the next batch
//! queue: aws sqs receive-message ─> aws lambda invoke ─> aws sqs delete-message-batch
//! ```

pub(crate) mod account;
pub(crate) mod aws;
mod batch;
mod journal;
mod pace;
mod queue;
mod sender;
pub(crate) mod settings;
mod target;

use std::{
    ffi::OsString,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use self::{
    aws::{Aws, FunctionArgs},
    batch::Place,
    journal::{Journal, Purpose},
    settings::NodeArgs,
    target::Target,
};
use super::{
    Format, Status, error::CommandError, escape, input::Input, interrupt::Interrupt, ui::Ui,
};

/// Send a log to a Node through the function's own client, and go on after an interruption.
///
/// FILE is whatever the command `inventory` reads; failed events as a queue, a bucket or Firehose keep them are among
/// it. Delivery is at least once: after a crash, the batch that was under way is sent again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files and folders, or - for standard input.
    #[arg(value_name = "FILE", required_unless_present = "queue")]
    pub files: Vec<OsString>,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    function: FunctionArgs,
    /// Have --function handle each message of this queue of failed events, and delete those that it took.
    #[arg(
        long,
        value_name = "URL",
        value_parser = aws::queue_url,
        requires = "function",
        conflicts_with_all = ["files", "node", "rate", "dry_run", "journal"]
    )]
    queue: Option<String>,
    /// How the Node is spoken to.
    #[arg(long, value_enum, default_value_t = Format::Resend, conflicts_with = "function")]
    node_format: Format,
    /// Take the stage off the paths.
    #[arg(long, conflicts_with = "function")]
    strip_stage: bool,
    /// Send the templates of paths in their place.
    #[arg(long, conflicts_with = "function")]
    template_paths: bool,
    /// The host of lines that have none.
    #[arg(long, value_name = "HOST", conflicts_with = "function")]
    default_host: Option<String>,
    /// The log group of lines that do not say theirs. The function's default hosts may be for it.
    #[arg(long, value_name = "NAME", conflicts_with = "queue")]
    log_group: Option<String>,
    /// The most records a second, such as 50 or 0.5.
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,
    /// Where to note what is done. By default beside the first FILE, as FILE.cw-resend-journal.
    #[arg(long, value_name = "PATH")]
    journal: Option<PathBuf>,
    /// Count what would be sent and what would be skipped, and connect to nothing.
    #[arg(long)]
    dry_run: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate| (0.001..=1e6).contains(rate));
    rate.ok_or_else(|| "it is no number from 0.001 to 1000000".into())
}

/// Runs the command.
///
/// # Errors
///
/// Returns an error when an option is wrong, nothing can be read, or the journal or the AWS CLI fails.
pub fn run(args: &Args, ui: &Ui, out: &mut dyn Write) -> Result<Status, CommandError> {
    if args.node.node.is_none() && args.function.function.is_none() {
        return Err(CommandError::new(
            "failed to read the options: there is neither a --node nor a --function to send to",
        ));
    }
    if args.node.node.is_some() && args.function.function.is_some() {
        return Err(CommandError::new(
            "failed to read the options: --node and --function are two ways to the same place; give one of them",
        ));
    }
    let mut target = match args.function.function {
        Some(_) if args.dry_run => Target::node(&args.dry_config()?, true)?,
        Some(_) => Target::Function(Aws::new(&args.function)?),
        None => Target::node(&args.config()?, args.dry_run)?,
    };
    let interrupt = Interrupt::watch()?;
    if let (Some(url), Target::Function(aws)) = (&args.queue, &target) {
        return queue::run(url, aws, &interrupt, ui, out);
    }
    let inputs: Vec<Input> = args.files.iter().cloned().map(Input::from).collect();
    let journal = if args.dry_run {
        None
    } else {
        args.open_journal(&inputs)?
    };
    if let Some(journal) = journal.as_ref().filter(|journal| journal.lines_done() > 0) {
        ui.note(&format!(
            "an earlier run has settled {} lines, which are not sent again ({})",
            journal.lines_done(),
            journal.path()
        ));
    }
    sender::run(
        sender::Job {
            inputs: &inputs,
            log_group: args.log_group.as_deref(),
            target: &mut target,
            rate: args.rate,
            is_dry: args.dry_run,
            journal,
        },
        &interrupt,
        ui,
        out,
    )
}

impl Args {
    fn config(&self) -> Result<crate::config::Config, CommandError> {
        self.node.config(&self.variables())
    }

    /// The configuration that a function of Terraform has, for what it would skip.
    fn dry_config(&self) -> Result<crate::config::Config, CommandError> {
        let node = NodeArgs {
            node: Some("node.invalid".into()),
            application_id: -1,
            ..NodeArgs::default()
        };
        node.config(&self.variables())
    }

    fn variables(&self) -> [(&'static str, String); 5] {
        let path = if self.template_paths {
            "template"
        } else {
            "path"
        };
        [
            ("X_NODE_FORMAT", self.node_format.name().into()),
            ("X_STRIP_STAGE", self.strip_stage.to_string()),
            ("X_PATH", path.into()),
            (
                "X_DEFAULT_HOST",
                self.default_host.clone().unwrap_or_default(),
            ),
            (
                "AWS_REGION",
                self.function.region.clone().unwrap_or_default(),
            ),
        ]
    }

    /// All that changes what arrives.
    fn purpose(&self) -> Purpose {
        let to = match &self.function.function {
            Some(function) => {
                let of = |name: &str, value: &Option<String>| {
                    let value = value.as_ref().map(|value| format!(" {name} {value}"));
                    value.unwrap_or_default()
                };
                format!(
                    "--function {function}{}{}{}",
                    of("--qualifier", &self.function.qualifier),
                    of("--profile", &self.function.profile),
                    of("--region", &self.function.region),
                )
            }
            None => format!("--node {}", self.node.node.as_deref().unwrap_or_default()),
        };
        let mut settings: Vec<String> = self
            .variables()
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        settings.push(format!(
            "X_WALLARM_APPLICATION_ID={}",
            self.node.application_id
        ));
        let mut headers = Place::new();
        headers.pass(self.node.headers_json().as_bytes());
        for (ours, other) in &self.node.header_names {
            settings.push(format!("--header-name {ours}={other}"));
        }
        if let Some(log_group) = &self.log_group {
            settings.push(format!("--log-group {log_group}"));
        }
        settings.push(format!("digest of the headers: {:016x}", headers.digest()));
        Purpose {
            journal: 1,
            to,
            inputs: self
                .files
                .iter()
                .map(|file| file.to_string_lossy().into_owned())
                .collect(),
            settings: settings::in_options(&settings.join(" ")),
        }
    }

    /// The journal, unless the only input is standard input, which no other run gets again.
    fn open_journal(&self, inputs: &[Input]) -> Result<Option<Journal>, CommandError> {
        let first = inputs.iter().find_map(|input| match input {
            Input::Path(path) => Some(path),
            Input::Stdin => None,
        });
        let path = match (&self.journal, first) {
            (Some(path), _) => path.clone(),
            (None, Some(first)) => beside(first)?,
            (None, None) => return Ok(None),
        };
        for input in inputs {
            if let Input::Path(input) = input
                && is_inside(&path, input)
            {
                return Err(CommandError::new(format!(
                    "failed to open the journal {}: it is inside of {}, and would be read as a log. Name another place \
                     with --journal",
                    escape::path(&path),
                    escape::path(input),
                )));
            }
        }
        Journal::open(&path, &self.purpose()).map(Some)
    }
}

/// The journal's place beside a file or a folder.
fn beside(input: &Path) -> Result<PathBuf, CommandError> {
    let failed = |cause| {
        let text = format!("failed to open {}", escape::path(input));
        CommandError::with_cause(text, cause)
    };
    let absolute = fs::canonicalize(input).map_err(failed)?;
    let mut name = absolute
        .file_name()
        .ok_or_else(|| {
            CommandError::new("failed to open a journal: name its place with --journal")
        })?
        .to_os_string();
    name.push(".cw-resend-journal");
    Ok(absolute.with_file_name(name))
}

/// Whether a file is, or would be, in a folder, or is that file.
fn is_inside(path: &Path, input: &Path) -> bool {
    let Ok(input) = fs::canonicalize(input) else {
        return false;
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Ok(parent) = fs::canonicalize(parent) else {
        return false;
    };
    match path.file_name() {
        Some(name) => parent.join(name).starts_with(input),
        None => false,
    }
}
