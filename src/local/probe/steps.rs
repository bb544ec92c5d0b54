//! What came of each step, for a person and as JSON.

use std::{fmt::Write as _, time::Duration};

use serde::Serialize;

/// One step of the probe. Every text is escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Step {
    pub(super) step: &'static str,
    /// It went as it has to.
    pub(super) ok: bool,
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// Milliseconds, rounded down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) took_ms: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) details: Vec<String>,
}

impl Step {
    pub(super) fn fine(step: &'static str, text: String) -> Self {
        Self {
            step,
            ok: true,
            text,
            status: None,
            took_ms: None,
            details: Vec::new(),
        }
    }

    pub(super) fn wrong(step: &'static str, text: String) -> Self {
        Self {
            ok: false,
            ..Self::fine(step, text)
        }
    }

    pub(super) fn took(mut self, took: Duration) -> Self {
        self.took_ms = u64::try_from(took.as_millis()).ok();
        self
    }

    pub(super) fn with_details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }
}

/// Whether the Node takes the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Verdict {
    Taken,
    NotTaken,
    Unknown,
}

/// All of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Findings {
    /// The Node, or the function.
    pub(super) to: String,
    /// The host that the call is of.
    pub(super) host: String,
    /// The id of the call.
    pub(super) id: String,
    pub(super) steps: Vec<Step>,
    pub(super) verdict: Verdict,
    /// Why.
    pub(super) why: String,
    /// What it leaves in the inventory.
    pub(super) leaves: String,
}

impl Findings {
    /// For a person.
    pub(super) fn text(&self) -> String {
        let mut text = format!("Probe of {} with one call of {}\n", self.to, self.host);
        for step in &self.steps {
            let mark = if step.ok { " " } else { "!" };
            let took = step
                .took_ms
                .map_or_else(String::new, |ms| format!(" ({ms} ms)"));
            let _ = writeln!(text, "{mark} {:<9}{}{took}", step.step, step.text);
            for detail in &step.details {
                let _ = writeln!(text, "             {detail}");
            }
        }
        let verdict = match self.verdict {
            Verdict::Taken => "Taken",
            Verdict::NotTaken => "Not taken",
            Verdict::Unknown => "Unknown",
        };
        let _ = writeln!(text, "{verdict}: {}", self.why);
        if !self.leaves.is_empty() {
            let _ = writeln!(text, "Left behind: {}", self.leaves);
        }
        text
    }
}
