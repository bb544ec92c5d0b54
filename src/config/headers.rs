//! `X_NODE_HEADERS`: headers that are added to each message; `X_NODE_HEADER_NAMES`: other names for those of our own.

use super::members::Members;
use super::vars::{VariableError, Vars};
use crate::http1::is_token;
use crate::wire::resend::{NAMED_HEADERS, OWN_HEADERS, named};

/// What would change where a message ends, or what the connection is used for. `Host` and `Content-Length` are
/// among the function's own headers.
const FRAMING_HEADERS: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "trailer",
    "te",
    "upgrade",
    "expect",
];

fn is_framing(name: &str) -> bool {
    let mut framing = FRAMING_HEADERS.iter();
    framing.any(|framing| name.eq_ignore_ascii_case(framing))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_token)
}

/// Name and value of each.
pub(super) fn headers(vars: &Vars<'_>) -> Result<Vec<(String, String)>, VariableError> {
    const NAME: &str = "X_NODE_HEADERS";
    const EXAMPLE: &str = r#"{"X-Team":"payments"}"#;
    let error = |what: String| VariableError::new(NAME, what, EXAMPLE);
    let Some(text) = vars.get(NAME) else {
        return Ok(Vec::new());
    };
    let Members(headers) = serde_json::from_str(&text)
        .map_err(|_| error("must be a JSON object with text values".to_string()))?;
    for (index, (name, value)) in headers.iter().enumerate() {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if !is_name(name) {
            return Err(error("has a name that no header can have".to_string()));
        }
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(error(format!(
                "has a control character in the value of {name}"
            )));
        }
        if OWN_HEADERS.iter().any(|own| is(own)) {
            return Err(error(format!(
                "sets {name}, which this function sets itself"
            )));
        }
        if is_framing(name) {
            return Err(error(format!(
                "sets {name}, which would change how messages are framed"
            )));
        }
        if let Some((earlier, _)) = headers[..index].iter().find(|(earlier, _)| is(earlier)) {
            return Err(error(if earlier == name {
                format!("sets {name} twice")
            } else {
                format!("sets {earlier} and {name}, which are one header")
            }));
        }
    }
    // By name: there are few, and std's sort would be 7 KB of the program.
    let mut sorted: Vec<(String, String)> = Vec::with_capacity(headers.len());
    for header in headers {
        let at = sorted.partition_point(|other| *other < header);
        sorted.insert(at, header);
    }
    Ok(sorted)
}

/// Our name and the other one of each header that goes under another name. `headers` are those that are added.
pub(super) fn header_names(
    vars: &Vars<'_>,
    headers: &[(String, String)],
) -> Result<Vec<(String, String)>, VariableError> {
    const NAME: &str = "X_NODE_HEADER_NAMES";
    const EXAMPLE: &str = r#"{"X-Real-IP":"X-Client-IP"}"#;
    let error = |what: String| VariableError::new(NAME, what, EXAMPLE);
    let Some(text) = vars.get(NAME) else {
        return Ok(Vec::new());
    };
    let Members(members) = serde_json::from_str(&text).map_err(|_| {
        error("must be a JSON object from this function's names of headers to others".to_string())
    })?;
    let mut names: Vec<(String, String)> = Vec::with_capacity(members.len());
    for (own, other) in members {
        if !is_name(&other) {
            return Err(error("has a name that no header can have".to_string()));
        }
        let found = NAMED_HEADERS
            .iter()
            .find(|named| own.eq_ignore_ascii_case(named));
        let Some(own) = found else {
            return Err(error(format!("can name {} only", NAMED_HEADERS.join(", "))));
        };
        if names.iter().any(|(known, _)| known == own) {
            return Err(error(format!("names {own} twice")));
        }
        names.push(((*own).to_string(), other));
    }
    for (own, other) in &names {
        let is = |name: &str| other.eq_ignore_ascii_case(name);
        if is_framing(other) {
            return Err(error(format!(
                "names {own} {other}, which would change how messages are framed"
            )));
        }
        let ours = OWN_HEADERS.iter().filter(|known| *known != own);
        let mut ours = ours.map(|known| named(&names, known));
        if ours.any(is) || headers.iter().any(|(name, _)| is(name)) {
            return Err(error(format!(
                "names {own} {other}, which is the name of another header"
            )));
        }
    }
    Ok(names)
}
