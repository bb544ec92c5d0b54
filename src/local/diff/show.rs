//! What `diff` writes.

use std::io::{self, Write};

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
        Format::Text => write_text(report, out),
        Format::Markdown => write_markdown(report, out),
        Format::Json => json::pretty(report, out),
    };
    written.map_err(printing)
}

impl Report {
    fn of(&self, kind: Kind) -> Vec<&Finding> {
        let findings = self.findings.iter();
        findings.filter(|finding| finding.kind == kind).collect()
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

fn write_text(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut is_first = true;
    for kind in Kind::ALL {
        let findings = report.of(kind);
        if findings.is_empty() {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            writeln!(out)?;
        }
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
    }
    if is_first {
        writeln!(out, "No difference.")?;
    }
    match report.rest() {
        Some(rest) => writeln!(out, "\n{rest}"),
        None => Ok(()),
    }
}

fn write_markdown(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.findings.is_empty() {
        writeln!(out, "No difference.")?;
    }
    let mut is_first = true;
    for kind in Kind::ALL {
        let findings = report.of(kind);
        if findings.is_empty() {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            writeln!(out)?;
        }
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
    }
    match report.rest() {
        Some(rest) => writeln!(out, "\n{rest}"),
        None => Ok(()),
    }
}
