//! Settings of the function that make up for a difference: other names of headers, added headers, the application.

use serde_json::{Map, Value};

use super::differences::{Comparison, What};
use crate::{
    config::{self, Config},
    wire::resend::named,
};

/// A variable and its value.
pub(super) type Setting = (&'static str, String);

/// The variables of this process, with an address that is never connected to where there is none.
pub(super) fn environment() -> Vec<(String, String)> {
    let mut vars = config::environment();
    vars.retain(|(name, _)| name != "AWS_LAMBDA_RUNTIME_API");
    vars.push(("AWS_LAMBDA_RUNTIME_API".into(), "127.0.0.1:9001".into()));
    if config::lookup(&vars, "X_NODE_URL").is_none() {
        vars.retain(|(name, _)| name != "X_NODE_URL");
        vars.push(("X_NODE_URL".into(), "node.example.com".into()));
    }
    vars
}

/// The settings that make up for differences, each of which the function accepts. One that is set already is given
/// with what it has, but for added headers, whose values may be secrets.
pub(super) fn find(
    comparison: &Comparison,
    config: &Config,
    vars: &[(String, String)],
) -> Vec<Setting> {
    const NAMES: &str = "X_NODE_HEADER_NAMES";
    const HEADERS: &str = "X_NODE_HEADERS";
    const APPLICATION: &str = "X_WALLARM_APPLICATION_ID";
    let mut settings: Vec<Setting> = Vec::new();
    // Sets a variable in place of what it had, unless the function would refuse it.
    let mut set = |name: &'static str, value: String| {
        let mut with = settings.clone();
        with.retain(|(known, _)| *known != name);
        with.push((name, value));
        let is_accepted = accepts(&with, vars);
        if is_accepted {
            settings = with;
        }
        is_accepted
    };
    let mut names = Map::new();
    for (own, other) in &config.wire.header_names {
        names.insert(own.clone(), Value::from(other.as_str()));
    }
    for (own, other) in &comparison.renamed {
        let mut more = names.clone();
        more.insert((*own).to_string(), Value::from(other.as_str()));
        if set(NAMES, Value::from(more.clone()).to_string()) {
            names = more;
        }
    }
    let mut headers = Map::new();
    for (name, value) in comparison.added_everywhere() {
        let mut more = headers.clone();
        more.insert(name.to_string(), Value::from(value));
        if set(HEADERS, Value::from(more.clone()).to_string()) {
            headers = more;
        }
    }
    let application = named(&config.wire.header_names, "X-Wallarm-Application-Id");
    let mut values = comparison.findings.iter().filter(|finding| {
        finding.what == What::Value && finding.name == application && finding.is_constant
    });
    if let Some(value) = values.next().and_then(|finding| finding.theirs.as_ref()) {
        set(APPLICATION, value.clone());
    }
    settings
}

/// Whether the function accepts these settings in place of those that it has.
fn accepts(settings: &[Setting], vars: &[(String, String)]) -> bool {
    let mut vars = vars.to_vec();
    for (name, value) in settings {
        vars.retain(|(known, _)| known != name);
        vars.push(((*name).to_string(), value.clone()));
    }
    Config::from_vars(&vars).is_ok()
}
