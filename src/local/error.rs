//! The one error of the local tool: a sentence for the operator and its cause.

use std::{error, fmt, io};

/// Why a command failed: "failed to verb `object`", and the cause behind it.
#[derive(Debug)]
pub struct CommandError {
    text: String,
    cause: Option<Box<dyn error::Error + Send + Sync>>,
}

impl CommandError {
    /// An error without a deeper cause.
    #[cold]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            cause: None,
        }
    }

    /// An error with a cause, which [`error::Error::source`] returns.
    #[cold]
    pub fn with_cause(
        text: impl Into<String>,
        cause: impl Into<Box<dyn error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            text: text.into(),
            cause: Some(cause.into()),
        }
    }

    /// Whether the reader of our output has closed it, which is not a failure of the tool.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        self.cause
            .as_ref()
            .and_then(|cause| cause.downcast_ref::<io::Error>())
            .is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.cause {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl error::Error for CommandError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        let cause = self.cause.as_deref()?;
        Some(cause)
    }
}

/// A failure to print, which [`CommandError::is_broken_pipe`] understands.
#[cold]
#[must_use]
pub fn printing(cause: io::Error) -> CommandError {
    CommandError::with_cause("failed to print", cause)
}
