//! The event that waits for the Node. Terraform sends it, so that `apply` ends when there is a healthy one, and fails with
//! the reason when there is none.
//!
//! It is `{"waitForNode":{"path":"/wallarm-external-health","seconds":840}}`, and these values are those of members that
//! are absent. `revision` may be any text: another one makes another event. What stands in a log line, in a message or in
//! a record is never such an event, since only the event itself is looked at.

use std::borrow::Cow;
use std::time::Duration;

use super::{Text, items};

/// The most seconds that Lambda gives to an invocation.
const MAX_SECONDS: u64 = 900;

/// What to wait for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wait<'a> {
    /// The request target of the health check.
    pub(crate) path: Cow<'a, str>,
    pub(crate) time: Duration,
}

/// Reads the member `waitForNode`.
///
/// # Errors
///
/// Where it says something else, in words for whoever wrote it.
pub(super) fn read(text: &str) -> Result<Wait<'_>, &'static str> {
    let mut wait = Wait {
        path: Cow::Borrowed("/wallarm-external-health"),
        time: Duration::from_secs(840),
    };
    let mut result = Ok(());
    let is_object = items::members(text, &mut |name, value| {
        if result.is_ok() {
            result = wait.set(name, value);
        }
    });
    is_object.ok_or(
        "waitForNode must be an object, such as {\"path\":\"/wallarm-external-health\",\"seconds\":840}",
    )?;
    result.map(|()| wait)
}

impl<'a> Wait<'a> {
    /// `name` is as it stands, in its quotes.
    fn set(&mut self, name: &str, value: &'a str) -> Result<(), &'static str> {
        let text = || serde_json::from_str(value).ok().map(|Text(text)| text);
        match name {
            "\"path\"" => {
                self.path = text().filter(|path| is_target(path)).ok_or(
                    "waitForNode.path must begin with / and have only what the path and query of a URL may have, such as \
                     /wallarm-external-health; other characters are percent-encoded",
                )?;
            }
            "\"seconds\"" => {
                let seconds = value.parse().ok().filter(|seconds| *seconds <= MAX_SECONDS);
                let seconds = seconds.ok_or(
                    "waitForNode.seconds must be a whole number from 0 to 900, such as 840",
                )?;
                self.time = Duration::from_secs(seconds);
            }
            "\"revision\"" => {
                text().ok_or("waitForNode.revision must be a text: another one makes Terraform wait once more")?;
            }
            _ => return Err("waitForNode has a member that is none of path, seconds and revision"),
        }
        Ok(())
    }
}

/// Whether it can stand in a request line as it is (RFC 9112 §3.2.1, RFC 3986 §3.3 and §3.4).
fn is_target(path: &str) -> bool {
    let may_stand =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte);
    path.starts_with('/') && path.bytes().all(may_stand)
}

/// The response where the Node is healthy.
pub(crate) fn healthy(attempts: u64, seconds: u64) -> Vec<u8> {
    format!(r#"{{"node":"healthy","attempts":{attempts},"seconds":{seconds}}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_has_a_default() {
        for (text, path, seconds) in [
            ("{}", "/wallarm-external-health", 840),
            (r#"{"revision":"7 é"}"#, "/wallarm-external-health", 840),
            (r#"{"seconds":0}"#, "/wallarm-external-health", 0),
            (
                r#"{ "seconds" : 900 , "path" : "\/live?a=%20:@" }"#,
                "/live?a=%20:@",
                900,
            ),
        ] {
            let expected = Wait {
                path: path.into(),
                time: Duration::from_secs(seconds),
            };
            assert_eq!(read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_and_not_quoted() {
        for (text, member) in [
            ("null", "waitForNode must"),
            ("7", "waitForNode must"),
            (r#""secret""#, "waitForNode must"),
            ("[]", "waitForNode must"),
            (r#"{"secret":1}"#, "none of path, seconds and revision"),
            (r#"{"Seconds":1}"#, "none of path, seconds and revision"),
            (r#"{"seconds":901}"#, "waitForNode.seconds"),
            (r#"{"seconds":-1}"#, "waitForNode.seconds"),
            (r#"{"seconds":1.5}"#, "waitForNode.seconds"),
            (r#"{"seconds":"840"}"#, "waitForNode.seconds"),
            (r#"{"seconds":null}"#, "waitForNode.seconds"),
            (r#"{"path":7}"#, "waitForNode.path"),
            (r#"{"path":""}"#, "waitForNode.path"),
            (r#"{"path":"secret"}"#, "waitForNode.path"),
            (r#"{"path":"/a b"}"#, "waitForNode.path"),
            (r#"{"path":"/a\r\nX: secret"}"#, "waitForNode.path"),
            (r#"{"path":"/a#b"}"#, "waitForNode.path"),
            (r#"{"path":"/é"}"#, "waitForNode.path"),
            (r#"{"revision":7}"#, "waitForNode.revision"),
            (r#"{"seconds":901,"path":"/"}"#, "waitForNode.seconds"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(member), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_response_is_json() {
        assert_eq!(
            healthy(3, 10),
            br#"{"node":"healthy","attempts":3,"seconds":10}"#
        );
    }
}
