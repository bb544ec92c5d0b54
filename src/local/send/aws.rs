//! The installed AWS CLI, which has the credentials that this tool does without.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::Value;

use crate::local::{
    error::CommandError, escape::terminal, interrupt::Interrupt, temporary::Folder,
};

/// The most bytes of a synchronous invocation's payload.
pub(crate) const MAX_PAYLOAD: usize = 6 * 1024 * 1024;
/// So many invocations in a row may take nothing until no more is sent.
pub(super) const MAX_FAILED: u32 = 3;
/// How often a call is made that AWS has no room for. The pause before the next doubles each time.
const ATTEMPTS: u32 = 5;
/// How much is shown of what the AWS CLI, or the function, says of an error, in characters.
const MAX_SHOWN: usize = 400;

/// A function to send to in place of a Node, by the AWS CLI.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct FunctionArgs {
    /// The function to invoke, by name or ARN, where the Node can only be reached from its VPC. The installed AWS CLI
    /// does it, with its credentials.
    #[arg(long, value_name = "NAME", value_parser = function_name)]
    pub(crate) function: Option<String>,
    /// The function's version or alias.
    #[arg(long, value_name = "VERSION", value_parser = plain, requires = "function")]
    pub(crate) qualifier: Option<String>,
    /// The AWS CLI's profile.
    #[arg(long, value_name = "NAME", value_parser = plain, requires = "function")]
    pub(crate) profile: Option<String>,
    /// The function's region.
    #[arg(long, value_name = "REGION", value_parser = plain, requires = "function")]
    pub(crate) region: Option<String>,
}

/// A value that the AWS CLI takes for nothing but a value.
pub(crate) fn plain(text: &str) -> Result<String, String> {
    match text {
        "" => Err("it is empty".into()),
        text if text.starts_with('-') => Err("it begins with a hyphen, as an option does".into()),
        // The AWS CLI would read the file, or the address.
        text if text.contains("://") => Err("it is an address".into()),
        text if text.chars().any(char::is_control) => Err("it has a control character".into()),
        text => Ok(text.to_string()),
    }
}

fn function_name(text: &str) -> Result<String, String> {
    let text = plain(text)?;
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-_:$.".contains(c);
    match text.chars().all(is_of_name) {
        true => Ok(text),
        false => Err("it is no name or ARN of a function".into()),
    }
}

/// The address of a queue.
pub(crate) fn queue_url(text: &str) -> Result<String, String> {
    let is_url = text.starts_with("https://") || text.starts_with("http://");
    match is_url && text.chars().all(|c| c.is_ascii_graphic()) {
        true => Ok(text.to_string()),
        false => Err(
            "it is no queue's URL, such as https://sqs.us-east-1.amazonaws.com/123456789012/failed"
                .into(),
        ),
    }
}

/// What a function has answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// What its handler has returned.
    Result(Value),
    /// It has failed: the type of its error, and the text. Both are printable.
    Failed(String, String),
}

/// The AWS CLI, and a folder of our own for what it reads and writes.
#[derive(Debug)]
pub(crate) struct Aws {
    options: FunctionArgs,
    folder: Folder,
}

impl Aws {
    /// # Errors
    ///
    /// Returns an error when there is no place for temporary files.
    pub(crate) fn new(options: &FunctionArgs) -> Result<Self, CommandError> {
        Ok(Self {
            options: options.clone(),
            folder: Folder::new()?,
        })
    }

    /// The function, as messages name it.
    pub(crate) fn function(&self) -> &str {
        self.options.function.as_deref().unwrap_or_default()
    }

    /// Has the function handle an event, and waits for its result.
    ///
    /// # Errors
    ///
    /// Returns an error when the AWS CLI can not invoke it, which says nothing of the event.
    pub(crate) fn invoke(
        &self,
        event: &[u8],
        interrupt: &Interrupt,
    ) -> Result<Answer, CommandError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Metadata {
            status_code: Option<u16>,
            function_error: Option<String>,
        }
        let doing = format!("invoke the function {}", self.function());
        let failed = |why: String| CommandError::new(format!("failed to {doing}: {why}"));
        if event.len() > MAX_PAYLOAD {
            return Err(failed(format!(
                "the event has {} bytes, and AWS takes {MAX_PAYLOAD}",
                event.len()
            )));
        }
        let result = self.folder.path().join("result.json");
        // What an earlier invocation has left is not this one's.
        let _ = fs::remove_file(&result);
        let payload = self.file("fileb://", "event.json", event)?;
        let mut arguments: Vec<OsString> = ["lambda", "invoke", "--function-name"]
            .map(Into::into)
            .into();
        arguments.push(self.function().into());
        if let Some(qualifier) = &self.options.qualifier {
            arguments.extend(["--qualifier".into(), qualifier.into()]);
        }
        // With `fileb://` both versions of the AWS CLI send it as it is. Without a limit on how long the result may
        // take, they would repeat an invocation that is under way.
        arguments.extend([
            "--cli-read-timeout".into(),
            "0".into(),
            "--payload".into(),
            payload,
        ]);
        arguments.push(result.clone().into());
        let metadata = self.run_patiently(&doing, &arguments, interrupt)?;
        let metadata: Metadata = serde_json::from_slice(&metadata)
            .map_err(|_| failed("the AWS CLI has printed something that is not its JSON".into()))?;
        if metadata.status_code != Some(200) {
            return Err(failed("AWS has not answered with status 200".into()));
        }
        let payload = fs::read(&result).map_err(|cause| {
            CommandError::with_cause(
                format!("failed to {doing}: the AWS CLI has left no result"),
                cause,
            )
        })?;
        let payload: Value = serde_json::from_slice(&payload)
            .map_err(|_| failed("the function's result is not JSON".into()))?;
        Ok(match metadata.function_error {
            None => Answer::Result(payload),
            Some(_) => {
                let text = |name: &str| excerpt(payload[name].as_str().unwrap_or("-"));
                Answer::Failed(text("errorType"), text("errorMessage"))
            }
        })
    }

    /// Runs `aws` and returns what it has printed; again after a pause, where AWS has had no room for it.
    ///
    /// # Errors
    ///
    /// Returns an error that says what to do where that is known, and has the AWS CLI's own words.
    pub(crate) fn run_patiently(
        &self,
        doing: &str,
        arguments: &[OsString],
        interrupt: &Interrupt,
    ) -> Result<Vec<u8>, CommandError> {
        let mut pause = Duration::from_millis(500);
        for _ in 1..ATTEMPTS {
            match self.run(arguments) {
                Err(Failure::Busy(_)) if !interrupt.is_set() => {
                    interrupt.sleep_until(Instant::now() + pause);
                    pause *= 2;
                }
                result => return result.map_err(|failure| failure.of(doing)),
            }
        }
        self.run(arguments).map_err(|failure| failure.of(doing))
    }

    /// A file for the AWS CLI to read, as its argument names it: behind `file://` as text, behind `fileb://` as it is.
    ///
    /// # Errors
    ///
    /// Returns an error when it can not be written.
    pub(crate) fn file(
        &self,
        scheme: &str,
        name: &str,
        bytes: &[u8],
    ) -> Result<OsString, CommandError> {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes)
            .map_err(|cause| CommandError::with_cause("failed to write a temporary file", cause))?;
        let mut argument = OsString::from(scheme);
        argument.push(path);
        Ok(argument)
    }

    fn run(&self, arguments: &[OsString]) -> Result<Vec<u8>, Failure> {
        let mut command = Command::new("aws");
        command.args(arguments).args(["--output", "json"]);
        for (option, value) in [
            ("--profile", &self.options.profile),
            ("--region", &self.options.region),
        ] {
            if let Some(value) = value {
                command.args([option, value]);
            }
        }
        // In a group of its own, Ctrl-C does not end it while nobody knows what it has done.
        let output = command
            .env("AWS_PAGER", "")
            .stdin(Stdio::null())
            .process_group(0)
            .output()
            .map_err(Failure::NotRun)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let mut lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
        // Some versions print their usage before.
        let words = lines.next_back().unwrap_or("it has said nothing");
        let is_busy = [
            "TooManyRequests",
            "Throttl",
            "RequestLimitExceeded",
            "ServiceUnavailable",
        ];
        let is_busy = is_busy.iter().any(|name| words.contains(name));
        let words = excerpt(words);
        Err(if is_busy {
            Failure::Busy(words)
        } else {
            Failure::Other(words)
        })
    }
}

/// Why the AWS CLI has not done it.
#[derive(Debug)]
enum Failure {
    NotRun(io::Error),
    Busy(String),
    Other(String),
}

impl Failure {
    fn of(self, doing: &str) -> CommandError {
        let failed = |advice: &str, words: &str| {
            CommandError::new(format!(
                "failed to {doing}: {advice}the AWS CLI says: {words}"
            ))
        };
        match self {
            Self::NotRun(cause) if cause.kind() == io::ErrorKind::NotFound => {
                CommandError::new(format!(
                    "failed to {doing}: there is no program `aws`. Install the AWS CLI: \
                     https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
                ))
            }
            Self::NotRun(cause) => {
                CommandError::with_cause(format!("failed to {doing}: `aws` can not be run"), cause)
            }
            Self::Busy(words) => failed("AWS had no room for it, five times; ", &words),
            Self::Other(words) => failed(
                &advice(&words).map_or_else(String::new, |text| format!("{text}; ")),
                &words,
            ),
        }
    }
}

/// What to do about an error of the AWS CLI.
fn advice(words: &str) -> Option<&'static str> {
    const ADVICE: [(&[&str], &str); 9] = [
        (
            &[
                "ExpiredToken",
                "has expired",
                "Error loading SSO Token",
                "session associated with this profile",
            ],
            "the credentials have expired: sign in again (aws sso login)",
        ),
        (
            &[
                "Unable to locate credentials",
                "NoCredentials",
                "InvalidClientTokenId",
                "UnrecognizedClient",
                "security token",
            ],
            "there are no valid credentials: sign in (aws configure, or aws sso login), or name a --profile",
        ),
        (
            &["config profile"],
            "there is no such --profile: aws configure list-profiles has them",
        ),
        (
            &["must specify a region", "NoRegion"],
            "there is no region: name it with --region",
        ),
        (
            &["NonExistentQueue", "QueueDoesNotExist"],
            "there is no such queue for these credentials and this region",
        ),
        (
            &["ResourceNotFound", "Function not found"],
            "there is no function of this name for these credentials and this region: check --function, --profile and \
             --region",
        ),
        (&["AccessDenied"], "these credentials may not do that"),
        (
            &["Could not connect", "EndpointConnectionError"],
            "AWS can not be reached from here",
        ),
        (
            &["RequestEntityTooLarge"],
            "the event is larger than AWS takes",
        ),
    ];
    let mut all = ADVICE.iter();
    let known = all.find(|(names, _)| names.iter().any(|name| words.contains(name)));
    known.map(|&(_, advice)| advice)
}

/// The beginning of a text that came from elsewhere, as a terminal may show it.
fn excerpt(text: &str) -> String {
    let begin: String = text.chars().take(MAX_SHOWN).collect();
    terminal(&begin).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_can_be_no_option_and_no_file() {
        for name in [
            "cw-resend",
            "arn:aws:lambda:eu-central-1:123456789012:function:a_b:$LATEST",
        ] {
            assert_eq!(function_name(name), Ok(name.to_string()));
        }
        for name in [
            "",
            "-x",
            "--profile",
            "a b",
            "file:///etc/passwd",
            "a\nb",
            "a;b",
            "a/b",
        ] {
            assert!(function_name(name).is_err(), "{name}");
        }
        for value in ["", "-x", "--debug", "fileb://x", "a\u{7}b"] {
            assert!(plain(value).is_err(), "{value}");
        }
        assert!(queue_url("https://sqs.us-east-1.amazonaws.com/123456789012/failed").is_ok());
        for url in ["", "-x", "failed", "file:///etc/passwd", "https://a b"] {
            assert!(queue_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn errors_of_the_aws_cli_are_told_in_words() {
        for (words, expected) in [
            (
                "An error occurred (ExpiredTokenException) when calling the Invoke operation: The security token included in the request is expired",
                "expired: sign in again",
            ),
            (
                "Error loading SSO Token: Token for x does not exist",
                "expired",
            ),
            (
                "Unable to locate credentials. You can configure credentials by running \"aws configure\".",
                "no valid credentials",
            ),
            ("The config profile (x) could not be found", "list-profiles"),
            (
                "You must specify a region. You can also configure your region by running \"aws configure\".",
                "--region",
            ),
            (
                "An error occurred (ResourceNotFoundException) when calling the Invoke operation: Function not found: arn",
                "--function",
            ),
            (
                "An error occurred (AWS.SimpleQueueService.NonExistentQueue) when calling the ReceiveMessage operation",
                "no such queue",
            ),
            (
                "An error occurred (AccessDeniedException) when calling the Invoke operation",
                "may not",
            ),
            (
                "Could not connect to the endpoint URL: \"https://lambda.x.amazonaws.com/\"",
                "reached",
            ),
        ] {
            assert!(advice(words).unwrap().contains(expected), "{words}");
        }
        assert_eq!(advice("something else"), None);
    }
}
