//! `X_DEFAULT_HOST`: the host of lines that log none.

use super::address::Address;
use super::members::Members;
use super::vars::{VariableError, Vars};
use crate::record::normal_host;

/// The hosts of lines that log none, by where they are from.
#[derive(Debug, Default, Clone)]
pub(crate) struct DefaultHosts {
    /// By log group, or by the stream that lines without one came by.
    named: Vec<(String, String)>,
    /// Of all others.
    others: Option<String>,
}

impl DefaultHosts {
    /// The host for lines of a log group, which may have come by a stream.
    pub(crate) fn find(&self, log_group: Option<&str>, stream: Option<&str>) -> Option<&str> {
        let named = |name: &str| self.named.iter().find(|(known, _)| known == name);
        let host = log_group
            .and_then(named)
            .or_else(|| stream.and_then(named))
            .map(|(_, host)| host);
        host.or(self.others.as_ref()).map(String::as_str)
    }
}

/// Reads the hosts. None may be the Node's own, which would get its own calls.
pub(super) fn default_hosts(
    vars: &Vars<'_>,
    node: Option<&Address>,
) -> Result<DefaultHosts, VariableError> {
    const NAME: &str = "X_DEFAULT_HOST";
    const ONE: &str = "api.example.com";
    const SEVERAL: &str = r#"{"/aws/apigateway/pets":"pets.example.com","*":"api.example.com"}"#;
    let Some(text) = vars.get(NAME) else {
        return Ok(DefaultHosts::default());
    };
    let text = text.trim();
    let (members, example) = if text.starts_with('{') {
        let members = serde_json::from_str(text).map_err(|_| {
            let what = "must be a host, or a JSON object from log groups or streams to hosts";
            VariableError::new(NAME, what, SEVERAL)
        })?;
        (members, SEVERAL)
    } else {
        (Members(vec![("*".to_string(), text.to_string())]), ONE)
    };
    let mut hosts = DefaultHosts::default();
    for (name, host) in members.0 {
        let error = |what: String| VariableError::new(NAME, what, example);
        let of = if example == ONE {
            String::new()
        } else {
            format!(" for {}", name.escape_default())
        };
        let is_name = |host: &String| host.bytes().any(|byte| byte.is_ascii_alphanumeric());
        let host = normal_host(&host).filter(is_name).ok_or_else(|| {
            error(format!(
                "has no host name{of}: letters, digits, hyphens and dots, and at most a port behind a colon"
            ))
        })?;
        if node.is_some_and(|node| is_same(&node.host, &host)) {
            return Err(error(format!(
                "has the Node's own host{of}: it has to be the API's"
            )));
        }
        if name == "*" && hosts.others.is_none() {
            hosts.others = Some(host);
        } else if name.is_empty()
            || hosts.named.iter().any(|(known, _)| *known == name)
            || name == "*"
        {
            return Err(error(format!("has an empty name, or one twice{of}")));
        } else {
            hosts.named.push((name, host));
        }
    }
    Ok(hosts)
}

/// Whether two hosts are the same but for their ports. An address in brackets is none that a line could have.
fn is_same(node: &str, host: &str) -> bool {
    let name = host.split(':').next().unwrap_or(host);
    let node = node.strip_suffix('.').unwrap_or(node);
    node.eq_ignore_ascii_case(name)
}
