//! `X_SAMPLE`: which calls are forwarded, where not all of them are.

use serde::Deserialize;

use super::vars::{VariableError, Vars};
use crate::sampler::Rule;

/// What the variable holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    calls: u32,
    seconds: u32,
    #[serde(default)]
    keep: Option<String>,
}

pub(super) fn sample(vars: &Vars<'_>) -> Result<Option<Rule>, VariableError> {
    const NAME: &str = "X_SAMPLE";
    let error = |what| VariableError::new(NAME, what, r#"{"calls":5,"seconds":3600}"#);
    let Some(text) = vars.get(NAME) else {
        return Ok(None);
    };
    let sample: Sample = serde_json::from_str(&text).map_err(|_| {
        error(
            "must be a JSON object with calls and seconds, which are whole numbers, and with keep or without, which \
             is a text",
        )
    })?;
    // The window has to have room for a call more than 300 seconds after its first.
    if !(600..=604_800).contains(&sample.seconds) {
        return Err(error("must have seconds from 600 to 604800, a week"));
    }
    let calls = u16::try_from(sample.calls)
        .ok()
        .filter(|calls| (2..=1000).contains(calls));
    let calls = calls.ok_or_else(|| error("must have calls from 2 to 1000"))?;
    if sample.keep.as_ref().is_some_and(|keep| keep != "errors") {
        return Err(error("must have no keep, or errors as keep"));
    }
    Ok(Some(Rule {
        calls,
        seconds: sample.seconds,
        keeps_errors: sample.keep.is_some(),
    }))
}
