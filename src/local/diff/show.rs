//! What `diff` writes.

use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::{Format, Kind};
use crate::local::{
    error::{CommandError, printing},
    escape,
    inventory::{
        model::Endpoint,
        output::{json, shown_host},
    },
    ui::counted,
};

/// A difference. They are sorted by kind, host, path and method.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    pub(super) kind: Kind,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) method: String,
    pub(super) calls: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) under: Option<String>,
}

impl Finding {
    pub(super) fn new(kind: Kind, endpoint: &Endpoint) -> Self {
        Self {
            kind,
            host: endpoint.host.clone(),
            path: endpoint.path.clone(),
            method: endpoint.method.clone(),
            calls: endpoint.calls,
            under: endpoint.under.clone(),
        }
    }
}

/// All differences.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Sorted.
    pub(super) findings: Vec<Finding>,
    /// How many were left out of which each response was 4xx.
    pub(super) refused: usize,
}

/// Writes them.
pub(super) fn write(
    report: &Report,
    format: Format,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let written = match format {
        Format::Text => write_parts(report, text_part, out),
        Format::Markdown => write_parts(report, markdown_part, out),
        Format::Json => json::pretty(report, out),
    };
    written.map_err(printing)
}

impl Report {
    /// The differences by kind, of which there are some.
    fn parts(&self) -> Vec<(Kind, Vec<&Finding>)> {
        let kinds = Kind::value_variants().iter();
        let parts = kinds.map(|&kind| {
            let findings = self.findings.iter();
            (kind, findings.filter(|one| one.kind == kind).collect())
        });
        parts
            .filter(|(_, findings): &(_, Vec<_>)| !findings.is_empty())
            .collect()
    }

    /// What was left out, in a sentence.
    fn rest(&self) -> Option<String> {
        let text = match self.refused {
            0 => return None,
            1 => "1 endpoint that is not known had only 4xx responses, as scanners get them: "
                .to_string(),
            n => format!(
                "{n} endpoints that are not known had only 4xx responses, as scanners get them: "
            ),
        };
        Some(text + "--only refused shows what.")
    }
}

/// Writes what differs, by `write` for each kind, and what was left out.
fn write_parts(
    report: &Report,
    write: fn(Kind, &[&Finding], &mut dyn Write) -> io::Result<()>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let parts = report.parts();
    if parts.is_empty() {
        writeln!(out, "No difference.")?;
    }
    for (at, (kind, findings)) in parts.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        write(*kind, findings, out)?;
    }
    match report.rest() {
        Some(rest) => writeln!(out, "\n{rest}"),
        None => Ok(()),
    }
}

fn text_part(kind: Kind, findings: &[&Finding], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: {}", kind.title(), findings.len())?;
    let mut host = None;
    let width = findings
        .iter()
        .map(|f| escape::width(&escape::terminal(&f.method)));
    let width = width.max().unwrap_or(0);
    for finding in findings {
        if host.replace(&finding.host) != Some(&finding.host) {
            writeln!(out, "  {}", escape::terminal(shown_host(&finding.host)))?;
        }
        let method = escape::terminal(&finding.method);
        let space = " ".repeat(width.saturating_sub(escape::width(&method)));
        write!(
            out,
            "    {method}{space}  {}",
            escape::terminal(&finding.path)
        )?;
        if finding.calls > 0 {
            write!(out, "  ({}", counted(finding.calls, "call"))?;
            match &finding.under {
                Some(under) => write!(out, ", under {})", escape::terminal(under))?,
                None => write!(out, ")")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn markdown_part(kind: Kind, findings: &[&Finding], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "### {}: {}\n", kind.title(), findings.len())?;
    writeln!(out, "| Host | Method | Path | Calls | Under |")?;
    writeln!(out, "| --- | --- | --- | ---: | --- |")?;
    for finding in findings {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            escape::markdown(shown_host(&finding.host)),
            escape::markdown(&finding.method),
            escape::markdown(&finding.path),
            finding.calls,
            escape::markdown(finding.under.as_deref().unwrap_or_default()),
        )?;
    }
    Ok(())
}
