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
    open: Vec<Container>,
    /// Where in `path` the innermost name begins.
    leaf: usize,
    /// The last name is `integration` and `status` with a separator between them.
    is_separated: bool,
}

/// An object or an array that is open.
#[derive(Debug, Clone, Copy)]
struct Container {
    /// How long the path is without its name. A line has at most 64 KiB.
    from: u32,
    /// The next container outwards that has a shorter path. A line of brackets has thousands without a name, and
    /// going through all of them for each value would take quadratic time.
    shorter: Option<u32>,
    is_array: bool,
    /// Its members have the names of ours and mean something else.
    is_ignored: bool,
    /// How long the path is at the beginning of what lies in the outermost `integration` or `error`: names that begin
    /// there, or later, are not the call's.
    foreign: Option<u32>,
    writer: Writer,
}

/// Who has written the members of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// Their own names tell.
    ByName,
    Gateway,
    Caller,
}

/// A field that a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: Name,
    /// It lies where such a name means something else, so that its value is never sent.
    pub(super) is_ignored: bool,
}

impl Found {
    /// A name that means what it says.
    pub(super) fn own(name: Name) -> Self {
        Self {
            name,
            is_ignored: false,
        }
    }
}

/// Where a value stands among those that a caller controls. Without escapes a caller's value can bring any
/// names and values, and they stand after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Before all of them.
    #[default]
    First,
    /// After a path alone.
    AfterPath,
    AfterCaller,
}

impl Names {
    pub(super) fn clear(&mut self) {
        self.path.clear();
        self.open.clear();
        self.leaf = 0;
        self.is_separated = false;
    }

    /// Names the next value.
    pub(super) fn name(&mut self, name: &[u8]) {
        const STATUS: &[u8] = b"integration_status";
        self.path.truncate(self.leaf);
        let letters = name.iter().filter(|byte| !b"_.-$".contains(byte));
        // A longer one is not known, whatever follows.
        self.path
            .extend(letters.take(MAX_NAME + 1).map(u8::to_ascii_lowercase));
        self.is_separated = name.len() == STATUS.len() && b"_.-".contains(&name[11]);
        if self.path.len() == self.leaf {
            // No name at all: it must not pass for its container's.
            self.path.push(b'?');
        }
    }

    /// The next values lie in an object, or in an array, of the last name. An array has several of
    /// what a call has one of.
    pub(super) fn open(&mut self, is_array: bool) {
        let name = &self.path[self.leaf..];
        let outer = self.open.last();
        let (is_ignored, writer) = outer.map_or((false, Writer::ByName), |outer| {
            (outer.is_ignored, outer.writer)
        });
        let length = u32::try_from(self.path.len()).unwrap_or(u32::MAX);
        let foreign = outer.and_then(|outer| outer.foreign);
        let foreign = foreign.or_else(|| is_foreign(name).then_some(length));
        let writer = match writer {
            Writer::Caller => Writer::Caller,
            _ if is_callers(name) => Writer::Caller,
            Writer::ByName if is_gateways(name) => Writer::Gateway,
            writer => writer,
        };
        let from = u32::try_from(self.leaf).unwrap_or(u32::MAX);
        let shorter = self.open.last().and_then(|outer| {
            if outer.from == from {
                outer.shorter
            } else {
                u32::try_from(self.open.len() - 1).ok()
            }
        });
        self.open.push(Container {
            from,
            shorter,
            is_array,
            is_ignored: is_ignored || is_array || is_unrelated(name),
            foreign,
            writer,
        });
        self.leaf = self.path.len();
    }

    /// The next values lie in a container without a name.
    pub(super) fn open_unnamed(&mut self, is_array: bool) {
        self.path.truncate(self.leaf);
        self.open(is_array);
    }

    pub(super) fn close(&mut self) {
        let from = self.open.pop().map_or(0, |container| container.from);
        self.leaf = from as usize;
        self.path.truncate(self.leaf);
    }

    /// How many containers are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether the innermost open container is an array.
    pub(super) fn in_array(&self) -> bool {
        self.open.last().is_some_and(|container| container.is_array)
    }

    /// The field that the last name stands for: by all names, by the innermost alone, or by some of the innermost.
    /// Where names like ours mean something else, only those count that say what was called, or by whom: a
    /// caller can put the gateway's own fields into such a container.
    pub(super) fn find(&self) -> Option<Found> {
        let mut ignored = None;
        let innermost = self.open.last();
        let is_ignored = innermost.is_some_and(|container| container.is_ignored);
        for from in self.beginnings() {
            let Some(name) = find(&self.path[from..]) else {
                continue;
            };
            let mut name = Name(name.0, name.1 + u8::from(from > 0));
            // "http": {"path": …} is a path as "path" is one, and "request": {"uri": …} a template as "uri" is one.
            if name.0 == Field::Path
                && from < self.leaf
                && let Some(Name(Field::Path, rank)) = find(&self.path[self.leaf..])
            {
                name.1 = rank + 1;
            }
            if self.is_backends_status(name, from) {
                name.1 = BACKENDS_STATUS;
            }
            // "integration": {"requestId": …} is not the request's id, and "integration": {"request": {"path": …}} not
            // the request's path.
            let is_foreign = innermost.is_some_and(|container| {
                let name_of = &self.path[container.from as usize..self.leaf];
                let foreign = container.foreign.map(|foreign| foreign as usize);
                let is_within = foreign.is_some_and(|foreign| from >= foreign);
                is_within && (is_identity(name.0) || from == self.leaf && is_foreign(name_of))
            });
            if !is_ignored && !is_foreign {
                return Some(Found::own(name));
            }
            if is_identity(name.0) {
                ignored = ignored.or(Some(Found {
                    name,
                    is_ignored: true,
                }));
            }
        }
        ignored
    }

    /// Whether the last name says of an address that it is one only together with its container's.
    pub(super) fn is_part_of_address(&self) -> bool {
        matches!(&self.path[self.leaf..], b"addr" | b"address")
    }

    /// Where the names begin that may be one together: with the outermost, with the innermost, and with those between.
    /// They are at most [`MAX_NAME`] and two, however many containers are open.
    fn beginnings(&self) -> impl Iterator<Item = usize> {
        // Without containers there is one name, however long.
        let all = (self.leaf == 0 || self.path.len() <= MAX_NAME).then_some(0);
        let shorter = |container: &&Container| self.open.get(container.shorter? as usize);
        let between = std::iter::successors(self.open.last(), shorter);
        let between = between.map(|container| container.from as usize);
        let between = between.take_while(|from| self.path.len() - from <= MAX_NAME);
        let between = between.filter(|from| *from > 0 && *from < self.leaf);
        let own = (self.leaf > 0).then_some(self.leaf);
        all.into_iter().chain(own).chain(between)
    }

    /// Whether `integrationstatus` was `integration.status`: what the backend responded with, where the documented field
    /// is what the integration did.
    fn is_backends_status(&self, name: Name, from: usize) -> bool {
        let is_nested = self.leaf > from && self.path[self.leaf..] == *b"status";
        name.0 == Field::IntegrationStatus && (is_nested || self.is_separated && name.1 <= 3)
    }

    /// Whether the innermost name alone is one of ours.
    pub(super) fn is_known(&self) -> bool {
        find(&self.path[self.leaf..]).is_some()
    }

    /// The place of what follows the value of the last name, which stands for `name`.
    pub(super) fn place_after(&self, name: Option<Name>) -> Place {
        let writer = self.open.last().map(|container| container.writer);
        match (writer, name) {
            (Some(Writer::Caller), _) => Place::AfterCaller,
            (Some(Writer::Gateway), _) => Place::First,
            (_, Some(name)) => name.place_after(),
            (_, None) if is_gateways(&self.path[self.leaf..]) => Place::First,
            (_, None) => Place::AfterCaller,
        }
    }
}

/// Objects whose members are not the call's.
fn is_foreign(container: &[u8]) -> bool {
    matches!(container, b"integration" | b"error")
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
    ) || is_callers(container)
}

/// Objects whose members a caller chooses.
fn is_callers(container: &[u8]) -> bool {
    matches!(
        container,
        b"headers"
            | b"body"
            | b"querystring"
            | b"querystringparameters"
            | b"pathparameters"
            | b"stagevariables"
            | b"requestoverride"
            | b"responseoverride"
    )
}

/// Names that are none of our fields, and whose values the gateway, its integration or who vouches for the
/// caller has written. All other names count as the caller's.
fn is_gateways(name: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 12] = [
        b"authenticate",
        b"authorize",
        b"awsendpointrequest",
        b"claims",
        b"cognito",
        b"customdomain",
        b"error",
        b"identitycognito",
        b"integration",
        b"principal",
        b"tls",
        b"waf",
    ];
    matches!(
        name,
        b"accountid"
            | b"apiid"
            | b"caller"
            | b"dataprocessed"
            | b"domainprefix"
            | b"extendedrequestid"
            | b"groups"
            | b"identityaccountid"
            | b"identitycaller"
            | b"identityuser"
            | b"identityuserarn"
            | b"requesttime"
            | b"resourceid"
            | b"resourcepath"
            | b"roles"
            | b"routekey"
            | b"scope"
            | b"scopes"
            | b"sub"
            | b"user"
            | b"userarn"
    ) || BEGINNINGS
        .iter()
        .any(|beginning| name.starts_with(beginning))
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

/// A field, and which of its names was used: twice the rank in the table, and one more where the name lies in an
/// object that does not belong to it. The lowest outranks the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(pub(super) Field, pub(super) u8);

/// The rank of `integration.status`, after all others of its field.
const BACKENDS_STATUS: u8 = 9;

/// A name that is an address's only in part.
pub(super) const PART_OF_ADDRESS: Found = Found {
    name: Name(Field::SourceIp, u8::MAX),
    is_ignored: true,
};

impl Name {
    /// The place of what follows its value.
    pub(super) fn place_after(self) -> Place {
        match self.0 {
            Field::Path => Place::AfterPath,
            Field::UserAgent => Place::AfterCaller,
            _ => Place::First,
        }
    }

    /// Whether the value under this name may differ from the one under `other`: an address that a CDN saw beside
    /// the gateway's, and a template beside the path.
    pub(super) fn gives_way_to(self, other: Self) -> bool {
        let is = |name: Self, field, rank| name.0 == field && name.1 / 2 == rank;
        (is(self, Field::Path, URI) && is(other, Field::Path, PATH))
            || (is(self, Field::SourceIp, CLIENT_IP) && is(other, Field::SourceIp, IP))
    }

    /// Whether the value under another name may differ from the one under this name.
    pub(super) fn has_precedence(self) -> bool {
        matches!(
            (self.0, self.1 / 2),
            (Field::Path, PATH) | (Field::SourceIp, IP)
        )
    }
}

/// The ranks of the names whose values may differ.
const PATH: u8 = 1;
const URI: u8 = 5;
const IP: u8 = 3;
const CLIENT_IP: u8 = 4;

/// The fields that say what was called, or by whom.
pub(super) const IDENTITY: [Field; 4] = [Field::Method, Field::Path, Field::Host, Field::SourceIp];

pub(super) fn is_identity(field: Field) -> bool {
    IDENTITY.contains(&field)
}

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
    Some(Some(Name(field, 2)))
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
        b"path" => (F::Path, PATH),
        b"requestpath" => (F::Path, 2),
        b"rawpath" => (F::Path, 3),
        b"httppath" => (F::Path, 4),
        b"uri" => (F::Path, URI),
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
        // $context.integration.integrationStatus. That of $context.integration.status: BACKENDS_STATUS.
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
        b"ip" => (F::SourceIp, IP),
        b"clientip" => (F::SourceIp, CLIENT_IP),
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
    Some(Name(field, 2 * rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a value costs does not grow with the containers around it.
    #[test]
    fn brackets_without_names_cost_nothing() {
        let mut names = Names::default();
        names.name(b"a");
        for at in 0..30_000 {
            names.open(at % 2 == 0);
            assert!(names.beginnings().count() <= 2);
        }
        // With names only those count that can be part of a known one.
        for _ in 0..30_000 {
            names.name(b"b");
            names.open(false);
            assert!(names.beginnings().count() <= MAX_NAME + 2);
        }
        for _ in 0..30_000 {
            names.close();
        }
        names.name(b"remote");
        names.open(false);
        names.open_unnamed(true);
        names.name(b"addr");
        let found = names.find().map(|found| found.name.0);
        assert_eq!(found, Some(Field::SourceIp));
        while names.depth() > 0 {
            names.close();
        }
        assert_eq!(names.beginnings().count(), 1);
    }
}
