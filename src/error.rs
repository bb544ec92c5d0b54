//! The one error type of the crate.

use std::error::Error as StdError;
use std::fmt;

/// What went wrong, told as `failed to <do something>: <cause>`.
///
/// # Design
///
/// The cause stays private: a caller acts on the [`Category`], a person reads the text. Each core
/// module has a private enum of its own faults. No text ever holds a byte of the event, because it
/// ends in the function's log and in the response to whoever invoked it: a fault names the stage and
/// the offset instead.
#[expect(clippy::error_impl_error, reason = "a crate's one error is called so")]
pub(crate) struct Error(Box<Inner>);

struct Inner {
    category: Category,
    doing: &'static str,
    cause: Box<dyn StdError + Send + Sync>,
}

/// What a caller, or an alarm, can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    /// An environment variable is wrong: an operator has to change it.
    Config,
    /// The event can't be decoded: it stays wrong however often it is tried again.
    InvalidEvent,
    /// The event is valid, but of a kind that this function does not handle.
    UnsupportedEvent,
    /// Records are left that the Node did not take in time: another attempt helps.
    Undelivered,
    /// The Node responded, and refused every record: its address or its settings are wrong.
    Refused,
    /// The event asks to wait for the Node in a way that can't be read.
    InvalidWait,
    /// The Node's health check had no healthy response in the time of the wait.
    Unhealthy,
    /// The Runtime API did not do what it documents: the process has to be started again.
    RuntimeApi,
    /// The code itself is wrong: a panic was caught.
    Panic,
    /// Lines of the function's own log were lost, because nobody read them.
    Log,
}

impl Error {
    #[cold]
    pub(crate) fn new(
        category: Category,
        doing: &'static str,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self(Box::new(Inner {
            category,
            doing,
            cause: cause.into(),
        }))
    }

    /// What kind of failure this is.
    pub(crate) fn category(&self) -> Category {
        self.0.category
    }

    /// The type under which Lambda keeps the failure.
    ///
    /// The platform keeps the value of `Lambda-Runtime-Function-Error-Type` only where it has the form
    /// `(Runtime|Function)\.[A-Z][a-zA-Z]+` in it (DESIGN.md, "Error reports").
    pub(crate) fn error_type(&self) -> &'static str {
        match self.0.category {
            Category::Config => "Runtime.ConfigInvalid",
            Category::InvalidEvent => "Function.EventInvalid",
            Category::UnsupportedEvent => "Function.EventUnsupported",
            Category::Undelivered => "Function.RecordsUndelivered",
            Category::Refused => "Function.RecordsRefused",
            Category::InvalidWait => "Function.WaitInvalid",
            Category::Unhealthy => "Function.NodeNotHealthy",
            Category::RuntimeApi => "Runtime.ApiFailed",
            Category::Panic => "Function.Panic",
            Category::Log => "Runtime.LinesDropped",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to {}: {}", self.0.doing, self.0.cause)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {self}", self.0.category)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.0.cause.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_type_has_the_form_that_the_platform_keeps() {
        for category in [
            Category::Config,
            Category::InvalidEvent,
            Category::UnsupportedEvent,
            Category::Undelivered,
            Category::Refused,
            Category::InvalidWait,
            Category::Unhealthy,
            Category::RuntimeApi,
            Category::Panic,
            Category::Log,
        ] {
            let error = Error::new(category, "do it", "no");
            let (family, reason) = error.error_type().split_once('.').unwrap();
            assert!(["Runtime", "Function"].contains(&family));
            assert!(reason.starts_with(|c: char| c.is_ascii_uppercase()));
            assert!(reason.len() > 1 && reason.bytes().all(|b| b.is_ascii_alphabetic()));
        }
    }

    #[test]
    fn text_and_source_name_the_cause() {
        let error = Error::new(Category::InvalidEvent, "read the event", "unexpected end");
        assert_eq!(
            error.to_string(),
            "failed to read the event: unexpected end"
        );
        assert_eq!(error.source().unwrap().to_string(), "unexpected end");
    }
}
