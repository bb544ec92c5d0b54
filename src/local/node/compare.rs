//! What another forwarder sends for the lines of a log that this function would not.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    Args, End, POLL,
    differences::compare,
    listening,
    pairs::{Ours, Side},
    settings, stop,
};
use crate::{
    config::Config,
    local::{
        Status,
        error::{CommandError, printing},
        escape,
        input::{self, Input, Line, Sink},
        ui::{Ui, counted},
    },
    record::{Origin, RawLineReader, Reading},
    standin::{
        cloudwatch,
        http::{Message, Parser, Step},
        node::{Options, Seen, StandInNode},
        sample::FIRST_TIMESTAMP,
    },
    wire::{self, Call, Chunk, Format, resend},
};

/// How many calls are compared. More would tell nothing else.
const MAX_CALLS: usize = 5_000;
/// How many bytes of messages are kept of each side.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How many messages may wait. The other forwarder then gets its responses no sooner.
const MAX_WAITING: usize = 256;
/// When all messages have come, how long to wait for one more than these.
const QUIET: Duration = Duration::from_millis(500);

/// Compares until as many messages have come as the function would send, or the end has come.
pub(super) fn run(
    args: &Args,
    file: &Path,
    ui: &Ui,
    out: &mut dyn Write,
) -> Result<Status, CommandError> {
    let vars = settings::environment();
    let config = Config::from_vars(&vars)
        .map_err(|cause| CommandError::with_cause("failed to compare", cause))?;
    if config.wire.format != Format::Resend {
        return Err(CommandError::new(
            "failed to compare: X_NODE_FORMAT must be resend, which is what a Node is sent",
        ));
    }
    let (ours, lines) = expected(&config, file, ui)?;
    if let Some(event) = &args.event {
        write_event(event, lines)?;
    }
    let end = End::new(args)?;
    let (sender, arrived) = mpsc::sync_channel(MAX_WAITING);
    let options = Options {
        watch: Some(Arc::new(move |seen| {
            // It fails only when the command ends.
            let _ = sender.send(seen);
        })),
        takes_any: true,
        ..Options::default()
    };
    let mut node = StandInNode::start(&*args.listen, options)
        .map_err(|cause| listening(&args.listen, cause))?;
    begin(args, &node, ours.len(), file, out).map_err(printing)?;
    let mut theirs = Arrived::default();
    loop {
        match arrived.recv_timeout(POLL) {
            Ok(seen) => theirs.add(seen),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let is_quiet = theirs.last.is_some_and(|last| last.elapsed() >= QUIET);
        let is_all = theirs.messages.len() >= ours.len() && is_quiet;
        if theirs.is_full() || is_all || end.has_come() {
            break;
        }
    }
    stop(&mut node, &arrived, |seen| theirs.add(seen));
    if theirs.is_full() {
        ui.warn("more than 64 MiB have come: the rest was not compared");
    }
    let comparison = compare(
        ours,
        theirs.messages,
        theirs.violations,
        &config.wire.header_names,
    );
    let settings = settings::find(&comparison, &config, &vars);
    if args.json {
        comparison.write_json(&settings, out).map_err(printing)?;
    } else {
        comparison.write(&settings, out).map_err(printing)?;
    }
    Ok(match comparison.is_same() {
        true => Status::Clean,
        false => Status::Found,
    })
}

/// What the other forwarder has sent.
#[derive(Default)]
struct Arrived {
    messages: Vec<Message>,
    violations: Vec<String>,
    /// How large all messages are, with one that was too much.
    bytes: usize,
    /// When the last message came.
    last: Option<Instant>,
}

impl Arrived {
    fn is_full(&self) -> bool {
        self.bytes > MAX_BYTES
    }

    fn add(&mut self, seen: Seen) {
        match seen {
            _ if self.is_full() => {}
            Seen::Message(message) => {
                self.last = Some(Instant::now());
                self.bytes += size(&message);
                if !self.is_full() {
                    self.messages.push(message);
                }
            }
            Seen::Violation(text) if self.violations.len() < MAX_CALLS => {
                self.violations.push(text);
            }
            Seen::Violation(_) | Seen::Record(_) => {}
        }
    }
}

fn begin(
    args: &Args,
    node: &StandInNode,
    messages: usize,
    file: &Path,
    out: &mut dyn Write,
) -> io::Result<()> {
    let address = node.address();
    if args.json {
        let line = json!({"type": "listening", "address": address.to_string()});
        writeln!(out, "{line}")?;
    } else {
        writeln!(
            out,
            "listening on {address}\nexpecting {} of {}: have the other forwarder send\nthe lines of {}\n",
            counted(messages, "message"),
            counted(messages / 2, "call"),
            escape::path(file),
        )?;
    }
    out.flush()
}

fn size(message: &Message) -> usize {
    let headers = message.headers.iter();
    let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
    message.target.len() + message.body.len() + headers
}

/// The messages that the function would send for the lines of a file.
fn expected(
    config: &Config,
    file: &Path,
    ui: &Ui,
) -> Result<(Vec<Ours>, Vec<cloudwatch::Line>), CommandError> {
    let mut builder = Builder {
        config,
        lines: RawLineReader::new(Reading {
            sends_template_paths: config.wire.sends_template_paths,
            reads_templates: config.wire.sends_template_paths,
        }),
        writer: resend::Writer::new(
            config.wire.application_id,
            &config.wire.headers,
            &config.wire.header_names,
        ),
        ours: Vec::new(),
        events: Vec::new(),
        bytes: 0,
        skipped: 0,
        left_out: 0,
    };
    let input = Input::from(file.as_os_str().to_os_string());
    input::read(&[input], ui, &mut builder)?;
    if builder.left_out > 0 {
        ui.warn(&format!(
            "{} have more calls than are compared: give the other forwarder the first {} only",
            escape::path(file),
            builder.ours.len() / 2
        ));
    }
    if builder.skipped > 0 {
        ui.warn(&format!(
            "{} of the file are no calls, and this function would send nothing for them: \
             `cw-resend check` says why",
            counted(builder.skipped, "line")
        ));
    }
    if builder.ours.is_empty() {
        return Err(CommandError::new(format!(
            "failed to compare: {} has no line that this function would forward",
            escape::path(file)
        )));
    }
    Ok((builder.ours, builder.events))
}

/// Writes the event of a subscription with these lines.
fn write_event(path: &Path, lines: Vec<cloudwatch::Line>) -> Result<(), CommandError> {
    let failed = |cause| {
        let path = escape::path(path);
        CommandError::with_cause(format!("failed to write an event to {path}"), cause)
    };
    let events = cloudwatch::events("/aws/apigateway/compared", "compared", lines);
    match &events.map_err(failed)?[..] {
        [event] => fs::write(path, &event.payload).map_err(failed),
        _ => Err(failed(io::Error::other(
            "the lines are too many for one event: take fewer",
        ))),
    }
}

struct Builder<'a> {
    config: &'a Config,
    lines: RawLineReader,
    writer: resend::Writer,
    ours: Vec<Ours>,
    /// The lines of which these are.
    events: Vec<cloudwatch::Line>,
    bytes: usize,
    skipped: u64,
    left_out: u64,
}

impl Sink for Builder<'_> {
    fn begin(&mut self) {
        self.lines.begin_document();
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), CommandError> {
        if self.ours.len() / 2 >= MAX_CALLS || self.bytes > MAX_BYTES {
            self.left_out += 1;
            return Ok(());
        }
        let origin = Origin {
            region: self.config.region.as_deref(),
            default_host: self
                .config
                .default_hosts
                .find(line.log_group, line.log_stream),
        };
        let Ok(record) = self.lines.read(line.text, origin) else {
            self.skipped += 1;
            return Ok(());
        };
        let Ok(path) = wire::sent_path(&record, self.config.wire.strip_stage) else {
            self.skipped += 1;
            return Ok(());
        };
        let call = Call {
            // Any id will do: ids are not compared.
            id: line.id.unwrap_or("0"),
            timestamp: line.timestamp,
            record: &record,
            path,
        };
        let mut chunk = Chunk::default();
        self.writer.push(&mut chunk, 0, &call);
        self.bytes += line.text.len();
        self.events.push(cloudwatch::Line::new(
            u64::try_from(self.events.len()).unwrap_or(u64::MAX),
            line.timestamp.unwrap_or(FIRST_TIMESTAMP),
            String::from_utf8_lossy(line.text),
        ));
        let mut parser = Parser::default();
        parser.push(&chunk.bytes);
        for side in [Side::Request, Side::Response] {
            // The writer's messages are well-formed: `properties::wire` holds it to that.
            if let Ok(Step::Message(message)) = parser.step() {
                self.bytes += size(&message);
                self.ours.push(Ours { side, message });
            }
        }
        Ok(())
    }
}
