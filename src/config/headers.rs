//! `X_NODE_HEADERS`: headers that are added to each message.

use std::collections::BTreeMap;

use super::vars::{VariableError, Vars};
use crate::http1::is_token;
use crate::wire::resend::OWN_HEADERS;

/// What would change where a message ends, or what the connection is used for.
const FRAMING_HEADERS: [&str; 6] = [
    "connection",
    "transfer-encoding",
    "trailer",
    "te",
    "upgrade",
    "expect",
];

/// Name and value of each.
pub(super) fn headers(vars: &Vars<'_>) -> Result<Vec<(String, String)>, VariableError> {
    const NAME: &str = "X_NODE_HEADERS";
    const EXAMPLE: &str = r#"{"X-Team":"payments"}"#;
    let Some(text) = vars.get(NAME) else {
        return Ok(Vec::new());
    };
    let headers: BTreeMap<String, String> = serde_json::from_str(&text)
        .map_err(|_| VariableError::new(NAME, "must be a JSON object with text values", EXAMPLE))?;
    for (name, value) in &headers {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(VariableError::new(
                NAME,
                "has a name that no header can have",
                EXAMPLE,
            ));
        }
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            let what = format!("has a control character in the value of {name}");
            return Err(VariableError::new(NAME, what, EXAMPLE));
        }
        if OWN_HEADERS.iter().any(|own| is(own)) {
            let what = format!("sets {name}, which this function sets itself");
            return Err(VariableError::new(NAME, what, EXAMPLE));
        }
        if FRAMING_HEADERS.iter().any(|framing| is(framing)) {
            let what = format!("sets {name}, which would change how messages are framed");
            return Err(VariableError::new(NAME, what, EXAMPLE));
        }
    }
    Ok(headers.into_iter().collect())
}
