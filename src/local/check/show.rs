//! What was found, as text and as JSON.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{
    log::Group,
    stages::{Api, Destination, Stage},
    verdict::{self, Verdict},
};
use crate::local::escape::{ascii_json, shell, terminal};

/// The width of the text, but for what is to be copied.
const WIDTH: usize = 80;

/// Everything that was checked.
#[derive(Debug, Default)]
pub(super) struct Document {
    checked: Vec<Checked>,
    logs: Vec<(String, Option<String>, Group)>,
}

/// A stage, or a format alone.
#[derive(Debug)]
pub(super) struct Checked {
    heading: String,
    source: Option<String>,
    stage: Option<Stage>,
    api: Api,
    destination: Option<Destination>,
    format: Option<String>,
    /// `None`: it does not log.
    verdict: Option<Verdict>,
    is_fragile: bool,
}

impl Checked {
    pub(super) fn format(heading: &str, format: &str) -> Self {
        Self {
            heading: heading.to_string(),
            source: None,
            stage: None,
            api: Api::Unknown,
            destination: None,
            format: Some(format.to_string()),
            verdict: Some(verdict::of(format, Api::Unknown)),
            is_fragile: verdict::is_fragile(format, Api::Unknown),
        }
    }

    pub(super) fn stage(source: &str, stage: Stage) -> Self {
        let name = stage
            .name
            .as_deref()
            .map_or_else(|| "without a name".into(), terminal);
        let api = stage.api;
        // Without a destination nothing is logged, whatever the format.
        let format = stage
            .format
            .clone()
            .filter(|_| stage.destination.is_some() || stage.name.is_none());
        Self {
            heading: format!("stage {name} ({} API)", api.name()),
            source: Some(source.to_string()),
            destination: stage.destination.as_deref().map(Destination::of),
            verdict: format.as_deref().map(|format| verdict::of(format, api)),
            is_fragile: format
                .as_deref()
                .is_some_and(|format| verdict::is_fragile(format, api)),
            format,
            api,
            stage: Some(stage),
        }
    }

    fn is_sufficient(&self) -> bool {
        matches!(
            self.verdict,
            Some(Verdict::Sufficient { .. } | Verdict::WebSocket)
        )
    }

    fn better(&self) -> Option<&str> {
        match &self.verdict {
            Some(Verdict::Insufficient { better, .. }) => better.as_deref(),
            Some(Verdict::Sufficient { .. } | Verdict::WebSocket) => None,
            None => Some(super::gateway::DOCUMENTED),
        }
    }

    /// The command that sets the format, and the destination where there is none.
    fn command(&self, api_id: Option<&str>) -> Option<String> {
        let stage = self.stage.as_ref().filter(|stage| !stage.is_managed)?;
        let name = stage.name.as_deref()?;
        // API Gateway has no other names, and the CLI reads a file where a value looks like one.
        let is_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_$".contains(&byte);
        if name.starts_with('-') || !name.bytes().all(is_byte) {
            return None;
        }
        let format = self.better()?;
        let region = self
            .destination
            .as_ref()
            .and_then(|destination| destination.region.as_deref());
        let region = region.map_or(String::new(), |region| format!(" --region {region}"));
        let stage_name = shell(name);
        let known = stage.destination.as_deref();
        Some(match self.api {
            Api::Rest => {
                let patch = |path: &str, value: &str| json!({"op": "replace", "path": path, "value": value});
                let mut patches = vec![];
                if known.is_none() {
                    patches.push(patch("/accessLogSettings/destinationArn", "LOG_GROUP_ARN"));
                }
                patches.push(patch("/accessLogSettings/format", format));
                format!(
                    "aws apigateway update-stage{region} --rest-api-id {} --stage-name {stage_name} \\\n  --patch-operations {}",
                    api_id.unwrap_or("REST_API_ID"),
                    quoted(&Value::from(patches))
                )
            }
            _ => format!(
                "aws apigatewayv2 update-stage{region} --api-id {} --stage-name {stage_name} \\\n  --access-log-settings {}",
                api_id.unwrap_or("API_ID"),
                quoted(
                    &json!({"DestinationArn": known.unwrap_or("LOG_GROUP_ARN"), "Format": format})
                )
            ),
        })
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(Verdict::Sufficient { without }) = &self.verdict
            && !without.is_empty()
        {
            notes.push(format!(
                "It says more with {}, which it can do without.",
                without.join(", ")
            ));
        }
        if self.is_fragile && self.is_sufficient() && self.verdict != Some(Verdict::WebSocket) {
            notes.push(
                "If a gateway does not escape quotes, a caller's user agent with a quote can cost its own line."
                    .to_string(),
            );
        }
        if let Some(stage) = &self.stage {
            if stage.is_managed {
                notes.push(
                    "API Gateway manages this stage: it can't be changed, so make another stage."
                        .to_string(),
                );
            }
            if stage.logs_bodies {
                notes.push(
                    "Its execution log has requests and responses (dataTraceEnabled). That is another log, which is \
                     never forwarded."
                        .to_string(),
                );
            }
        }
        notes
    }
}

/// JSON as one word of a shell, in which nothing is expanded.
fn quoted(value: &Value) -> String {
    shell(&ascii_json(value))
}

impl Document {
    pub(super) fn add(&mut self, checked: Checked) {
        self.checked.push(checked);
    }

    pub(super) fn add_log(&mut self, name: &str, group: Option<String>, found: Group) {
        self.logs.push((name.to_string(), group, found));
    }

    pub(super) fn is_sufficient(&self) -> bool {
        self.each_is_sufficient().all(|is_sufficient| is_sufficient)
    }

    fn each_is_sufficient(&self) -> impl Iterator<Item = bool> {
        let logs = self.logs.iter().map(|(_, _, group)| group.is_sufficient());
        self.checked.iter().map(Checked::is_sufficient).chain(logs)
    }

    pub(super) fn write(&self, api_id: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
        for (at, checked) in self.checked.iter().enumerate() {
            if at > 0 {
                writeln!(out)?;
            }
            write_checked(checked, api_id, out)?;
        }
        for (at, (name, group, found)) in self.logs.iter().enumerate() {
            if at > 0 || !self.checked.is_empty() {
                writeln!(out)?;
            }
            write_log(name, group.as_deref(), found, out)?;
        }
        let all = self.checked.len() + self.logs.len();
        if all > 1 {
            let each = self.each_is_sufficient();
            let right = each.filter(|is_sufficient| *is_sufficient).count();
            writeln!(out, "\n{right} of {all} have what an inventory needs")?;
        }
        Ok(())
    }

    pub(super) fn write_json(&self, api_id: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
        let checked = self.checked.iter().map(|checked| {
            let (status, lacks, reasons, advice) = match &checked.verdict {
                None => ("notLogging", None, None, None),
                Some(Verdict::WebSocket) => ("webSocket", None, None, None),
                Some(Verdict::Sufficient { .. }) => ("sufficient", None, None, None),
                Some(Verdict::Insufficient { lacks, reasons, advice, .. }) => {
                    ("insufficient", Some(lacks), Some(reasons), Some(advice))
                }
            };
            let stage = checked.stage.as_ref();
            let destination = checked.destination.as_ref().map(|destination| {
                json!({
                    "kind": destination.kind, "name": destination.name, "region": destination.region,
                    "arn": stage.and_then(|stage| stage.destination.as_deref()),
                })
            });
            json!({
                "source": checked.source, "stage": stage.and_then(|stage| stage.name.as_deref()),
                "api": checked.api.name(), "status": status, "logsTo": destination, "format": checked.format,
                "lacks": lacks, "skippedAs": reasons, "advice": advice, "betterFormat": checked.better(),
                "command": checked.command(api_id), "notes": checked.notes(),
            })
        });
        let logs = self.logs.iter().map(|(name, group, found)| {
            json!({
                "source": name, "logGroup": group, "lines": found.lines, "forwarded": found.forwarded,
                "skipped": found.reasons, "lacks": found.lacks(), "advice": found.advice(),
                "status": if found.is_sufficient() { "sufficient" } else { "insufficient" },
            })
        });
        let document = json!({
            "isSufficient": self.is_sufficient(),
            "stages": checked.collect::<Vec<_>>(),
            "logs": logs.collect::<Vec<_>>(),
        });
        writeln!(out, "{document}")
    }
}

fn write_checked(checked: &Checked, api_id: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", checked.heading)?;
    if let Some(Destination { kind, name, region }) = &checked.destination {
        let region = region
            .as_ref()
            .map_or(String::new(), |region| format!(" in {region}"));
        write_wrapped(
            &format!("logs to the {kind} {}{region}", terminal(name)),
            out,
        )?;
    }
    match &checked.verdict {
        None => write_wrapped("DOES NOT LOG: no line of it can be in an inventory", out)?,
        Some(Verdict::WebSocket) => write_wrapped(
            "logs a WebSocket API: its lines have neither a method nor a path, and are never forwarded",
            out,
        )?,
        Some(Verdict::Sufficient { .. }) => write_wrapped("ok: has what an inventory needs", out)?,
        Some(Verdict::Insufficient {
            lacks,
            reasons,
            advice,
            ..
        }) => {
            let what = match lacks.is_empty() {
                true => format!("its lines are skipped as {}", reasons.join(", ")),
                false => format!("the format lacks {}", lacks.join(", ")),
            };
            write_wrapped(&format!("NOT ENOUGH: {what}"), out)?;
            write_wrapped(advice, out)?;
        }
    }
    for note in checked.notes() {
        write_wrapped(&note, out)?;
    }
    if let Some(command) = checked.command(api_id) {
        write_wrapped("this command does it:", out)?;
        writeln!(out, "{command}")
    } else if let Some(better) = checked.better() {
        write_wrapped("the whole format then is:", out)?;
        writeln!(out, "{}", terminal(better))
    } else {
        Ok(())
    }
}

fn write_log(
    name: &str,
    group: Option<&str>,
    found: &Group,
    out: &mut dyn Write,
) -> io::Result<()> {
    let group = group.map_or(String::new(), |group| format!(", log group {group}"));
    writeln!(out, "the log {name}{group}")?;
    let skipped = found.lines - found.forwarded;
    let reasons = found
        .reasons
        .iter()
        .map(|(name, count)| format!("{count} {name}"));
    let reasons: Vec<String> = reasons.collect();
    let reasons = match reasons.is_empty() {
        true => String::new(),
        false => format!(": {}", reasons.join(", ")),
    };
    let counts = format!(
        "of {} lines, {} are forwarded and {skipped} skipped{reasons}",
        found.lines, found.forwarded
    );
    write_wrapped(&counts, out)?;
    match (found.is_sufficient(), found.advice()) {
        (_, Some(advice)) => {
            write_wrapped(
                &format!(
                    "NOT ENOUGH: the format of some lines lacks {}",
                    found.lacks().join(", ")
                ),
                out,
            )?;
            write_wrapped(&advice, out)
        }
        (true, None) => write_wrapped("ok: has what an inventory needs", out),
        (false, None) => write_wrapped(
            "NOT ENOUGH: no line is one of an access log that could be forwarded",
            out,
        ),
    }
}

/// Writes text with a margin of two, broken between words.
fn write_wrapped(text: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut line = String::from(" ");
    for word in text.split(' ') {
        let length = line.chars().count() + 1 + word.chars().count();
        if length > WIDTH && line.trim() != "" {
            writeln!(out, "{line}")?;
            line = String::from("   ");
        }
        line.push(' ');
        line += word;
    }
    writeln!(out, "{line}")
}
