//! A comparison, as text and as JSON.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde_json::json;

use super::{
    differences::{Comparison, Finding, What},
    settings::Setting,
};
use crate::local::{
    escape::{shell, terminal},
    ui::counted,
};

/// How much of a value is shown, in characters.
const MAX_VALUE: usize = 60;
/// How many messages are named that are missing, or more than expected.
const MAX_NAMED: usize = 5;

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Target => "target",
            Self::Renamed => "headerRenamed",
            Self::Absent => "headerAbsent",
            Self::Added => "headerAdded",
            Self::Value => "headerValue",
            Self::Case => "headerCase",
            Self::Order => "headerOrder",
            Self::BodyAbsent => "bodyAbsent",
            Self::BodyAdded => "bodyAdded",
            Self::BodyType => "bodyType",
            Self::FieldAbsent => "fieldAbsent",
            Self::FieldAdded => "fieldAdded",
            Self::FieldType => "fieldType",
            Self::FieldValue => "fieldValue",
        }
    }
}

impl Comparison {
    pub(super) fn write(&self, settings: &[Setting], out: &mut dyn Write) -> io::Result<()> {
        let [requests, responses] = self.compared;
        writeln!(
            out,
            "compared {requests} request and {responses} response messages; ids and times are left out"
        )?;
        for (what, messages) in [
            ("did not come", &self.missing),
            ("came that this function would not send", &self.surplus),
            ("could not be read", &self.violations),
        ] {
            if messages.is_empty() {
                continue;
            }
            writeln!(out, "\n{} {what}:", counted(messages.len(), "message"))?;
            for message in messages.iter().take(MAX_NAMED) {
                writeln!(out, "  {}", terminal(message))?;
            }
            if messages.len() > MAX_NAMED {
                writeln!(out, "  …")?;
            }
        }
        if self.early > 0 {
            writeln!(
                out,
                "\nin {} of the calls, the response came before its request",
                self.early
            )?;
        }
        let mut heading = None;
        for finding in &self.findings {
            let now = (finding.side, finding.count);
            if heading != Some(now) {
                let (name, of) = (finding.side.name(), self.of(finding.side));
                match finding.count == of {
                    true => writeln!(out, "\nin all {of} {name} messages:")?,
                    false => writeln!(out, "\nin {} of {of} {name} messages:", finding.count)?,
                }
                heading = Some(now);
            }
            writeln!(out, "  {}", finding.text())?;
        }
        if self.is_same() {
            return writeln!(out, "nothing differs");
        }
        if settings.is_empty() {
            return writeln!(out, "\nno setting of this function makes up for any of it");
        }
        writeln!(
            out,
            "\nsettings of this function that make up for names and added headers:"
        )?;
        for (name, value) in settings {
            writeln!(out, "  {name}={}", shell(&terminal(value)))?;
        }
        Ok(())
    }

    pub(super) fn write_json(&self, settings: &[Setting], out: &mut dyn Write) -> io::Result<()> {
        let findings = self.findings.iter().map(|finding| {
            json!({
                "message": finding.side.name(), "difference": finding.what.name(), "name": finding.name,
                "count": finding.count, "of": self.of(finding.side), "ours": finding.ours,
                "theirs": finding.theirs, "isConstant": finding.is_constant, "text": finding.text(),
            })
        });
        let settings = settings.iter().map(|(name, value)| (*name, value));
        let document = json!({
            "type": "comparison", "isSame": self.is_same(),
            "requests": self.compared[0], "responses": self.compared[1], "missing": self.missing,
            "surplus": self.surplus, "unreadable": self.violations, "responsesBeforeRequests": self.early,
            "differences": findings.collect::<Vec<_>>(),
            "settings": settings.collect::<BTreeMap<_, _>>(),
        });
        writeln!(out, "{document}")
    }
}

impl Finding {
    fn text(&self) -> String {
        let name = value(Some(&self.name));
        let (ours, theirs) = (value(self.ours.as_ref()), value(self.theirs.as_ref()));
        let such_as = if self.is_constant { "" } else { "such as " };
        match self.what {
            What::Method => format!("the method is {such_as}{theirs}, not {ours}"),
            What::Target => format!("the target is {such_as}{theirs}, not {ours}"),
            What::Renamed => format!("{name} is called {theirs}"),
            What::Absent => format!("{name} is absent, {ours} here"),
            What::Added => format!("{name} is added, {such_as}{theirs}"),
            What::Value => format!("{name} is {such_as}{theirs}, not {ours}"),
            What::Case => format!("{name} is written {theirs}, which is the same in HTTP"),
            What::Order => {
                let (name, ours) = (
                    terminal(&self.name),
                    self.ours.as_deref().unwrap_or_default(),
                );
                format!(
                    "the order of headers is\n    {name}\n  and not\n    {}",
                    terminal(ours)
                )
            }
            What::BodyAbsent => "the body is absent".to_string(),
            What::BodyAdded => format!("there is a body, {such_as}{theirs}"),
            What::BodyType => format!("the body is no JSON object, but {such_as}{theirs}"),
            What::FieldAbsent => format!("in the body, {name} is absent, {ours} here"),
            What::FieldAdded => format!("in the body, {name} is added, {such_as}{theirs}"),
            What::FieldType => {
                format!("in the body, {name} has another type: {such_as}{theirs}, not {ours}")
            }
            What::FieldValue => format!("in the body, {name} is {such_as}{theirs}, not {ours}"),
        }
    }
}

fn value(text: Option<&String>) -> String {
    let text = terminal(text.map_or("", String::as_str));
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
