//! What one access-log line says, as far as it is known.

use super::domain::is_own_domain;

/// What one line says, as far as it is known. Text is as it was logged, without its escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccessRecord<'a> {
    /// A token of RFC 9110 §5.6.2.
    pub(crate) method: &'a str,
    /// Begins with a slash; any other byte may follow.
    pub(crate) path: &'a [u8],
    /// The braces of `path` are those of its template, which stands in it.
    pub(crate) has_template: bool,
    /// The template of the path that was matched, where it is read. Begins with a slash.
    pub(crate) template: Option<&'a [u8]>,
    /// Labels of lower-case letters, digits, `-` and `_`, and possibly a port other than 443.
    pub(crate) host: &'a str,
    pub(crate) host_source: HostSource,
    /// The gateway's own id. A caller of a REST API can set it.
    pub(crate) request_id: Option<&'a [u8]>,
    pub(crate) protocol: Option<&'a [u8]>,
    pub(crate) stage: Option<&'a [u8]>,
    pub(crate) error_message: Option<&'a [u8]>,
    pub(crate) user_agent: Option<&'a [u8]>,
    /// Parses as an IP address.
    pub(crate) source_ip: Option<&'a str>,
    pub(crate) status: Option<u16>,
    /// In bytes.
    pub(crate) response_length: Option<u64>,
    /// In milliseconds.
    pub(crate) response_latency: Option<u64>,
    /// In milliseconds.
    pub(crate) integration_latency: Option<u64>,
    pub(crate) integration_status: Option<u16>,
    /// Unix time in milliseconds.
    pub(crate) request_time_epoch: Option<u64>,
}

/// Where a host is from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum HostSource {
    /// The line has it.
    #[default]
    Line,
    /// The line has the API's id, which tells it.
    ApiId,
    /// The operator has set it for lines that have none.
    Default,
}

impl<'a> AccessRecord<'a> {
    /// The path without its stage.
    ///
    /// `$context.path` begins with the stage only on the gateway's own domain, and never where the
    /// stage is `$default` (DESIGN.md, "Path and stage").
    pub(crate) fn path_without_stage(&self) -> &'a [u8] {
        // A template alone has no stage before it.
        if self.template == Some(self.path) {
            return self.path;
        }
        let stripped = self
            .stage
            .filter(|_| is_own_domain(self.host))
            .and_then(|stage| {
                let rest = self.path[1..].strip_prefix(stage)?;
                match rest.first() {
                    None => Some(&b"/"[..]),
                    Some(b'/') => Some(rest),
                    Some(_) => None,
                }
            });
        stripped.unwrap_or(self.path)
    }
}
