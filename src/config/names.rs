//! The names of all variables, and names that are nearly one of them.

use std::borrow::Cow;

/// Every variable that is ours, with what it is for in a few words. The README's table has the
/// same names in the same order.
pub const VARIABLES: [(&str, &str); 19] = [
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
        "X_NODE_HEADER_NAMES",
        "other names for the function's own headers, as a JSON object",
    ),
    (
        "X_NODE_CA_CERT",
        "certificates to trust, as PEM or a file's path",
    ),
    (
        "X_MAX_INFLATED_BYTES",
        "the most that an event may inflate to",
    ),
    ("X_STRIP_STAGE", "whether to take the stage off the path"),
    ("X_PATH", "whether to send paths or their templates"),
    ("X_DEFAULT_HOST", "the host of lines that log none"),
    (
        "X_FIREHOSE_RESULT",
        "what Firehose gets of a record that was forwarded: ok or dropped",
    ),
    ("X_SAMPLE", "how many calls of each endpoint to forward"),
    ("X_LOG_LEVEL", "the minimum level of what is printed"),
    (
        "X_REPORT_LINE",
        "the form of the line for an invocation: metrics or compact",
    ),
];

/// A name that is nearly one of ours.
pub(super) struct Mistyped<'a> {
    pub(super) name: &'a str,
    pub(super) meant: &'static str,
    /// Whether it is so near that its value was meant for that variable, and for no other.
    pub(super) is_near: bool,
}

/// The names that are nearly ours: a typo would silently leave the default in force, and might send more than
/// the operator wants.
///
/// These are unknown names that begin with `X_NODE_` or `X_WALLARM_`, and others with `X_` that only a typo tells
/// from one of ours. One of ours in another case, or with other separators, is a typo too. Whatever else is in the
/// environment was put there for somebody else.
pub(super) fn mistyped_names(vars: &[(String, String)]) -> Vec<Mistyped<'_>> {
    /// A name of ours may have one typo for so many letters. More would claim names that are somebody else's.
    const LETTERS_FOR_A_TYPO: usize = 6;
    /// In a name that can be nobody else's, for so many: `X_NODE_TIMEOUT` is near, `X_NODE_FOO` is not.
    const LETTERS_FOR_A_TYPO_IN_OURS: usize = 4;
    let mistyped = vars.iter().filter_map(|(name, _)| {
        // Nearly every name ends here, at each start.
        if !name.starts_with(['X', 'x']) || VARIABLES.iter().any(|(known, _)| known == name) {
            return None;
        }
        let plain = plain(name);
        if !plain.starts_with("X_") {
            return None;
        }
        let families = ["X_NODE_", "X_WALLARM_"];
        let is_ours = families.iter().any(|family| plain.starts_with(family));
        let known = VARIABLES.iter().map(|&(known, _)| known);
        let (distance, meant) = known.map(|known| (distance(&plain, known), known)).min()?;
        let is_typo = distance <= meant.len() / LETTERS_FOR_A_TYPO;
        let is_near = distance <= meant.len() / LETTERS_FOR_A_TYPO_IN_OURS;
        (is_ours || is_typo).then_some(Mistyped {
            name,
            meant,
            is_near,
        })
    });
    mistyped.collect()
}

/// A warning of names that are not ours, and may be meant for us: ours without `X_`, or without what follows it.
///
/// The value may have been meant for somebody else, so that it is neither read nor an error. Where the right name is
/// set, nothing is wrong; `LOG_LEVEL` is the name of many a tool, and `PATH` is everybody's.
pub(super) fn overlooked_names(vars: &[(String, String)]) -> Option<String> {
    let is_set = |name: &str| super::lookup(vars, name).is_some();
    let meant = |plain: &str| {
        let after_wallarm = plain.strip_prefix("WALLARM_");
        let after_x = plain.strip_prefix("X_");
        VARIABLES.iter().map(|&(known, _)| known).find(|known| {
            let bare = &known["X_".len()..];
            let family = || {
                let families = ["NODE_", "WALLARM_"];
                families.iter().find_map(|family| bare.strip_prefix(family))
            };
            (plain == bare && !["LOG_LEVEL", "PATH"].contains(&bare))
                || after_wallarm.is_some_and(|rest| rest == bare || rest == *known)
                || after_x.is_some_and(|rest| family() == Some(rest))
        })
    };
    let overlooked = vars.iter().filter_map(|(name, value)| {
        // Lambda's own are most of them.
        if value.is_empty() || name.starts_with("AWS_") {
            return None;
        }
        let meant = meant(&plain(name))?;
        (!is_set(meant))
            .then(|| format!("{name} is not one of this function's, did you mean {meant}?"))
    });
    let overlooked: Vec<String> = overlooked.collect();
    (!overlooked.is_empty()).then(|| overlooked.join("; "))
}

/// A name as ours are written.
fn plain(name: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let upper = name.to_ascii_uppercase();
    Cow::Owned(upper.replace(['-', ' ', '.'], "_"))
}

/// How many letters have to be put in, taken out or changed, or neighbours swapped, to make one name of the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    // Three rows: a swap of neighbours looks two rows back.
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let substituted = above[j] + usize::from(a[i] != b[j]);
            row[j + 1] = substituted.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}
