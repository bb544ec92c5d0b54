//! The names of fields: the documented ones, the usual others, and the containers around them.
//!
//! To know another name, add a line to [`find`], and one to the table in `record/tests.rs`.

/// The longest name of a field; the longest that is known has 29 bytes.
pub(super) const MAX_NAME: usize = 64;

/// The names around the value that is being read, outermost first, run together and without case
/// and separators: `"error": {"message": …}`, `error_message` and `errorMessage` are all
/// `errormessage`.
#[derive(Debug, Default)]
pub(super) struct Names {
    path: Vec<u8>,
    /// How long `path` is without the name of each open container.
    open: Vec<usize>,
    /// Where in `path` the innermost name begins.
    leaf: usize,
    /// How many of the innermost open containers lie in one whose fields mean something else.
    unrelated: usize,
}

impl Names {
    pub(super) fn clear(&mut self) {
        self.path.clear();
        self.open.clear();
        self.leaf = 0;
        self.unrelated = 0;
    }

    /// Names the next value.
    pub(super) fn name(&mut self, name: &[u8]) {
        self.path.truncate(self.leaf);
        if name.len() <= MAX_NAME {
            self.path.extend(
                name.iter()
                    .filter(|byte| !b"_.-$".contains(byte))
                    .map(u8::to_ascii_lowercase),
            );
        }
    }

    /// The next values lie in an object, or in an array, of the last name. An array has several of
    /// what a call has one of.
    pub(super) fn open(&mut self, is_array: bool) {
        let is_unrelated =
            is_array || is_unrelated(&self.path[self.leaf..]) || self.path.len() > 4 * MAX_NAME;
        if is_unrelated || self.unrelated > 0 {
            self.unrelated += 1;
        }
        self.open.push(self.leaf);
        self.leaf = self.path.len();
    }

    pub(super) fn close(&mut self) {
        self.unrelated = self.unrelated.saturating_sub(1);
        self.leaf = self.open.pop().unwrap_or(0);
        self.path.truncate(self.leaf);
    }

    /// The field that the last name stands for: by all names, or by the innermost alone.
    pub(super) fn find(&self) -> Option<Name> {
        if self.unrelated > 0 {
            return None;
        }
        find(&self.path).or_else(|| {
            // "integration": {"requestId": …} is not the request's id.
            let innermost = *self.open.last()?;
            let container = &self.path[innermost..self.leaf];
            if container == b"integration" || container == b"error" {
                return None;
            }
            find(&self.path[self.leaf..])
        })
    }
}

/// Objects whose members have the names of ours and mean something else.
fn is_unrelated(container: &[u8]) -> bool {
    matches!(
        container,
        b"authorizer"
            | b"authorize"
            | b"authenticate"
            | b"waf"
            | b"claims"
            | b"clientcert"
            | b"cognito"
            | b"headers"
            | b"body"
            | b"querystring"
            | b"querystringparameters"
            | b"pathparameters"
            | b"stagevariables"
            | b"requestoverride"
            | b"responseoverride"
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    RequestId,
    Method,
    Path,
    Protocol,
    Status,
    ResponseLength,
    RequestTimeEpoch,
    ResponseLatency,
    IntegrationLatency,
    IntegrationStatus,
    ErrorMessage,
    Stage,
    Host,
    SourceIp,
    UserAgent,
    /// `eventType`, `connectionId`, `messageId`: only a WebSocket API has them.
    WebSocket,
}

pub(super) const FIELDS: usize = Field::WebSocket as usize + 1;

/// A field, and which of its names was used: 1 is the documented one and outranks the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(pub(super) Field, pub(super) u8);

/// The names of the documented format, as they stand there: the outer `None` is another name, the
/// inner one a name that is documented and not used.
pub(super) fn find_documented(name: &[u8]) -> Option<Option<Name>> {
    use Field as F;
    let field = match name {
        b"requestId" => F::RequestId,
        b"httpMethod" => F::Method,
        b"path" => F::Path,
        b"protocol" => F::Protocol,
        b"status" => F::Status,
        b"responseLength" => F::ResponseLength,
        b"requestTime" => return Some(None),
        b"requestTimeEpoch" => F::RequestTimeEpoch,
        b"responseLatency" => F::ResponseLatency,
        b"integrationLatency" => F::IntegrationLatency,
        b"integrationStatus" => F::IntegrationStatus,
        b"errorMessage" => F::ErrorMessage,
        b"stage" => F::Stage,
        b"domainName" => F::Host,
        b"sourceIp" => F::SourceIp,
        b"userAgent" => F::UserAgent,
        _ => return None,
    };
    Some(Some(Name(field, 1)))
}

/// The documented names (DESIGN.md, "Access-log formats") and the usual others.
pub(super) fn find(name: &[u8]) -> Option<Name> {
    use Field as F;
    let (field, rank) = match name {
        b"requestid" => (F::RequestId, 1),
        b"httpmethod" => (F::Method, 1),
        b"method" => (F::Method, 2),
        b"requestmethod" => (F::Method, 3),
        b"verb" => (F::Method, 4),
        b"path" => (F::Path, 1),
        b"requestpath" => (F::Path, 2),
        b"rawpath" => (F::Path, 3),
        b"httppath" => (F::Path, 4),
        b"uri" => (F::Path, 5),
        b"requesturi" => (F::Path, 6),
        b"protocol" => (F::Protocol, 1),
        b"httpprotocol" => (F::Protocol, 2),
        b"httpversion" => (F::Protocol, 3),
        b"status" => (F::Status, 1),
        b"httpstatus" => (F::Status, 2),
        b"httpstatuscode" => (F::Status, 3),
        b"statuscode" => (F::Status, 4),
        b"responsestatus" => (F::Status, 5),
        b"responsestatuscode" => (F::Status, 6),
        b"responsecode" => (F::Status, 7),
        b"responselength" => (F::ResponseLength, 1),
        b"responsesize" => (F::ResponseLength, 2),
        b"responsebytes" => (F::ResponseLength, 3),
        b"bytessent" => (F::ResponseLength, 4),
        b"bytes" => (F::ResponseLength, 5),
        b"contentlength" => (F::ResponseLength, 6),
        b"requesttimeepoch" => (F::RequestTimeEpoch, 1),
        b"responselatency" => (F::ResponseLatency, 1),
        b"latency" => (F::ResponseLatency, 2),
        b"responsetime" => (F::ResponseLatency, 3),
        b"integrationlatency" => (F::IntegrationLatency, 1),
        b"integrationstatus" => (F::IntegrationStatus, 1),
        // $context.integration.integrationStatus, nested.
        b"integrationintegrationstatus" => (F::IntegrationStatus, 2),
        b"errormessage" => (F::ErrorMessage, 1),
        b"error" => (F::ErrorMessage, 2),
        b"stage" => (F::Stage, 1),
        b"apistage" => (F::Stage, 2),
        b"domainname" => (F::Host, 1),
        b"domain" => (F::Host, 2),
        b"host" => (F::Host, 3),
        b"hostname" => (F::Host, 4),
        b"requesthost" => (F::Host, 5),
        b"httphost" => (F::Host, 6),
        b"sourceip" => (F::SourceIp, 1),
        b"identitysourceip" => (F::SourceIp, 2),
        b"ip" => (F::SourceIp, 3),
        b"clientip" => (F::SourceIp, 4),
        b"remoteip" => (F::SourceIp, 5),
        b"remoteaddr" => (F::SourceIp, 6),
        b"remoteaddress" => (F::SourceIp, 7),
        b"useragent" => (F::UserAgent, 1),
        b"identityuseragent" => (F::UserAgent, 2),
        b"httpuseragent" => (F::UserAgent, 3),
        b"agent" => (F::UserAgent, 4),
        b"eventtype" => (F::WebSocket, 1),
        b"connectionid" => (F::WebSocket, 2),
        b"messageid" => (F::WebSocket, 3),
        b"messagedirection" => (F::WebSocket, 4),
        _ => return None,
    };
    Some(Name(field, rank))
}
