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
    NoHost,
    NoPath,
    NoMethod,
    InvalidHost,
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
    /// The call went to the Node itself: sending it there would be a call again.
    OwnNode,
    /// The log group is the one that this function writes to.
    OwnLogGroup,
}

impl Skip {
    /// All reasons, in the order of their discriminants.
    pub(crate) const ALL: [Self; 16] = [
        Self::WebSocket,
        Self::ExecutionLog,
        Self::UnsupportedFormat,
        Self::NoHost,
        Self::NoPath,
        Self::NoMethod,
        Self::InvalidHost,
        Self::InvalidMethod,
        Self::Oversized,
        Self::Malformed,
        Self::ContradictoryMethod,
        Self::ContradictoryPath,
        Self::ContradictoryHost,
        Self::ContradictorySourceIp,
        Self::OwnNode,
        Self::OwnLogGroup,
    ];

    /// The name under which the report counts it. All contradictions have the same.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::ExecutionLog => "executionLog",
            Self::UnsupportedFormat => "unsupportedFormat",
            Self::NoHost => "noHost",
            Self::NoPath => "noPath",
            Self::NoMethod => "noMethod",
            Self::InvalidHost => "invalidHost",
            Self::InvalidMethod => "invalidMethod",
            Self::Oversized => "oversized",
            Self::Malformed => "malformed",
            Self::ContradictoryMethod
            | Self::ContradictoryPath
            | Self::ContradictoryHost
            | Self::ContradictorySourceIp => "contradiction",
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
            _ => None,
        }
    }

    /// Whether another log format in the stage's settings would fix it.
    pub(crate) fn is_fixed_by_format(self) -> bool {
        matches!(
            self,
            Self::UnsupportedFormat | Self::NoHost | Self::NoPath | Self::NoMethod
        )
    }

    /// Whether it belongs to normal operation, so that nobody has to look at it.
    pub(crate) fn is_expected(self) -> bool {
        matches!(self, Self::WebSocket | Self::ExecutionLog)
    }
}
