//! Why a log event is not forwarded: the names under which the report counts it.

/// Why a log event is not forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Skip {
    /// A line of a WebSocket API: it has no method and no path.
    WebSocket,
    /// A line of an execution log: it may hold headers and bodies.
    ExecutionLog,
    /// CLF, XML or CSV: they carry no host, and no real path.
    UnsupportedFormat,
    /// JSON that is no access-log line.
    Unrelated,
    NoHost,
    NoPath,
    /// It has a template, and no path. `X_PATH=template` would send it.
    TemplateOnly,
    NoMethod,
    InvalidHost,
    /// It is none that a request to an API can have, as in `OPTIONS *`.
    InvalidPath,
    InvalidMethod,
    /// Longer than a request may be.
    Oversized,
    /// Nothing that an access-log line could be.
    Malformed,
    /// The line gives this field two values, or has names that other lines lack: a caller may have written one.
    ContradictoryMethod,
    ContradictoryPath,
    ContradictoryHost,
    ContradictorySourceIp,
    ContradictoryTemplate,
    ContradictoryApiId,
    /// The call went to the Node itself: sending it there would be a call again.
    OwnNode,
    /// The log group is the one that this function writes to.
    OwnLogGroup,
}

impl Skip {
    /// All reasons, in the order of their discriminants.
    pub(crate) const ALL: [Self; 21] = [
        Self::WebSocket,
        Self::ExecutionLog,
        Self::UnsupportedFormat,
        Self::Unrelated,
        Self::NoHost,
        Self::NoPath,
        Self::TemplateOnly,
        Self::NoMethod,
        Self::InvalidHost,
        Self::InvalidPath,
        Self::InvalidMethod,
        Self::Oversized,
        Self::Malformed,
        Self::ContradictoryMethod,
        Self::ContradictoryPath,
        Self::ContradictoryHost,
        Self::ContradictorySourceIp,
        Self::ContradictoryTemplate,
        Self::ContradictoryApiId,
        Self::OwnNode,
        Self::OwnLogGroup,
    ];

    /// The name under which the report counts it. All contradictions have the same.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::ExecutionLog => "executionLog",
            Self::UnsupportedFormat => "unsupportedFormat",
            Self::Unrelated => "unrelated",
            Self::NoHost => "noHost",
            Self::NoPath => "noPath",
            Self::TemplateOnly => "templateOnly",
            Self::NoMethod => "noMethod",
            Self::InvalidHost => "invalidHost",
            Self::InvalidPath => "invalidPath",
            Self::InvalidMethod => "invalidMethod",
            Self::Oversized => "oversized",
            Self::Malformed => "malformed",
            Self::ContradictoryMethod
            | Self::ContradictoryPath
            | Self::ContradictoryHost
            | Self::ContradictorySourceIp
            | Self::ContradictoryTemplate
            | Self::ContradictoryApiId => "contradiction",
            Self::OwnNode => "ownNode",
            Self::OwnLogGroup => "ownLogGroup",
        }
    }

    /// Our name for the field that has two values.
    pub(crate) fn contradictory_field(self) -> Option<&'static str> {
        match self {
            Self::ContradictoryMethod => Some("method"),
            Self::ContradictoryPath => Some("path"),
            Self::ContradictoryHost => Some("host"),
            Self::ContradictorySourceIp => Some("sourceIp"),
            Self::ContradictoryTemplate => Some("template"),
            Self::ContradictoryApiId => Some("apiId"),
            _ => None,
        }
    }

    /// Whether what is wrong may be the stage's log format.
    pub(crate) fn has_to_do_with_format(self) -> bool {
        matches!(
            self,
            Self::UnsupportedFormat
                | Self::NoHost
                | Self::NoPath
                | Self::TemplateOnly
                | Self::NoMethod
        )
    }

    /// Whether it belongs to normal operation, so that nobody has to look at it.
    pub(crate) fn is_expected(self) -> bool {
        matches!(self, Self::WebSocket | Self::ExecutionLog)
    }
}
