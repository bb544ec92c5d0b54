//! The names of all variables, and names that are nearly one of them.

use super::vars::VariableError;

/// Every variable that is ours, with what it is for in a few words. The README's table has the
/// same names in the same order.
pub const VARIABLES: [(&str, &str); 13] = [
    ("X_NODE_URL", "the Node's address"),
    ("X_NODE_SCHEME", "http or https"),
    (
        "X_WALLARM_APPLICATION_ID",
        "the application in the Node's view",
    ),
    ("X_NODE_FORMAT", "resend or batch"),
    ("X_NODE_CONNECTIONS", "connections at a time"),
    ("X_NODE_CONNECT_TIMEOUT_MS", "for a connection, with TLS"),
    ("X_NODE_TIMEOUT_MS", "for a response"),
    (
        "X_NODE_DOWN_AFTER_MS",
        "without a response, until a Node counts as down",
    ),
    ("X_NODE_HEADERS", "headers to add, as a JSON object"),
    (
        "X_NODE_CA_CERT",
        "certificates to trust, as PEM or a file's path",
    ),
    (
        "X_MAX_INFLATED_BYTES",
        "the most that an event may inflate to",
    ),
    ("X_STRIP_STAGE", "whether to take the stage off the path"),
    ("X_LOG_LEVEL", "the minimum level of what is printed"),
];

/// Refuses a name that is nearly one of ours: a typo would silently leave the default in force.
///
/// Only names that begin with `X_` are looked at, in any case. Whatever else is in the environment was put there
/// for somebody else.
pub(super) fn check_names(vars: &[(String, String)]) -> Result<(), VariableError> {
    /// How many letters of a name may be wrong that does not begin as only ours do.
    const FARTHEST: usize = 4;
    for (name, _) in vars {
        let upper = name.to_ascii_uppercase();
        if !upper.starts_with("X_") || VARIABLES.iter().any(|(known, _)| known == name) {
            continue;
        }
        let families = ["X_NODE_", "X_WALLARM_"];
        let is_ours = families.iter().any(|family| upper.starts_with(family));
        let known = VARIABLES.iter().map(|&(known, _)| known);
        let nearest = known.map(|known| (distance(&upper, known), known)).min();
        if let Some((distance, known)) = nearest
            && (is_ours || distance <= FARTHEST)
        {
            let what = format!("is not a variable of this function; did you mean {known}?");
            return Err(VariableError::new(name, what, ""));
        }
    }
    Ok(())
}

/// How many letters have to be put in, taken out or changed to make one name of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
