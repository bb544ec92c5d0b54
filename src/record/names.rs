//! The names of fields: the documented ones, the usual others, and the containers around them.
//!
//! To know another name, add a line to the table at the end, one to the table in `record/tests.rs`, and let
//! `tests/it/rules.rs` tell what README has to say.

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
    /// The last name ends with `integration` and `status` with a separator between them.
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
    /// They are the call's headers, of which a format has the user agent and the address.
    is_headers: bool,
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
        const STATUS: usize = "integration_status".len();
        self.path.truncate(self.leaf);
        let letters = name.iter().filter(|byte| !b"_.-$ ".contains(byte));
        // A longer one is not known, whatever follows.
        self.path
            .extend(letters.take(MAX_NAME + 1).map(u8::to_ascii_lowercase));
        let separator = name.len().checked_sub(STATUS).map(|from| name[from + 11]);
        self.is_separated = matches!(separator, Some(b'_' | b'.' | b'-'));
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
            is_headers: !is_ignored && name == b"headers",
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
        self.find_exact().or_else(|| self.find_derived())
    }

    fn find_exact(&self) -> Option<Found> {
        let mut ignored = None;
        let innermost = self.open.last();
        for from in self.beginnings() {
            let Some(name) = find_exact(&self.path[from..]) else {
                continue;
            };
            let mut name = Name(name.0, name.1 + u8::from(from > 0));
            // "http": {"path": …} is a path as "path" is one, and "request": {"uri": …} a template as "uri" is one.
            if name.0 == Field::Path
                && from < self.leaf
                && let Some(Name(Field::Path, rank)) = find_exact(&self.path[self.leaf..])
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
            if !self.is_ignored(name.0) && !is_foreign {
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

    /// Looks at all names together: what is uncertain is so the more in a container that is not known. Of what does
    /// not say what was called, or by whom, the last name alone may do.
    #[cold]
    fn find_derived(&self) -> Option<Found> {
        let is_short = self.path.len() <= MAX_NAME;
        let all = is_short
            .then(|| find_derived(&self.path, MAX_OWNERS))
            .flatten();
        let own = || {
            let own = find_derived(&self.path[self.leaf..], MAX_OWNERS);
            own.filter(|name| !is_identity(name.0))
        };
        let mut name = all.or_else(own)?;
        if self.is_backends_status(name, 0) {
            name.1 = u8::MAX;
        }
        let is_ignored = self.is_ignored(name.0);
        (!is_ignored || is_identity(name.0)).then_some(Found { name, is_ignored })
    }

    /// Whether the last name lies where such names mean something else.
    fn is_ignored(&self, field: Field) -> bool {
        self.open.last().is_some_and(|container| {
            let is_header = matches!(field, Field::UserAgent | Field::OtherSourceIp);
            container.is_ignored && !(container.is_headers && is_header)
        })
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
        let is_full = name.1 / 2 == FLAT_STATUS || name.1 >= 2 * DERIVED;
        name.0 == Field::IntegrationStatus && (is_nested || self.is_separated && is_full)
    }

    /// The field that the innermost name alone stands for, or all of them together. Of the uncertain ones only those
    /// that say what was called, or by whom.
    pub(super) fn find_any(&self) -> Option<Field> {
        let own = &self.path[self.leaf..];
        let exact = find_exact(own).or_else(|| self.find_exact().map(|found| found.name));
        let derived = || {
            let own = find_derived(own, MAX_OWNERS);
            let name = own.or_else(|| self.find_derived().map(|found| found.name));
            name.filter(|name| name.0.is_extra())
        };
        exact.or_else(derived).map(|name| name.0)
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
            | b"caller"
            | b"dataprocessed"
            | b"domainprefix"
            | b"groups"
            | b"identityaccountid"
            | b"identitycaller"
            | b"identityuser"
            | b"identityuserarn"
            | b"resourceid"
            | b"roles"
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
    /// The template of the path that was matched, as a REST API logs it: `/pets/{petId}`.
    ResourcePath,
    /// The same with its method, as an HTTP API logs it: `GET /pets/{petId}`.
    RouteKey,
    /// It tells the host of the API's own domain.
    ApiId,
    /// What is most likely a method, a path or a URL, a host, an address, or a template. Other values are common under
    /// these names, so that they count only where the line has no name that is certain.
    OtherMethod,
    OtherPath,
    OtherHost,
    OtherSourceIp,
    OtherTemplate,
    /// What may be Unix time. Others are dates.
    OtherEpoch,
    /// `eventType`, `connectionId`, `messageId`: only a WebSocket API has them.
    WebSocket,
}

pub(super) const FIELDS: usize = Field::WebSocket as usize + 1;

impl Field {
    /// Whether a record of the documented format is made without it.
    pub(super) fn is_extra(self) -> bool {
        IDENTITY[ESSENTIAL..].contains(&self)
    }
}

/// A field, and which of its names was used: twice the rank in the table, and one more where the name lies in an
/// object that does not belong to it. The lowest outranks the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(pub(super) Field, pub(super) u8);

/// The rank of `integrationStatus`, and that of `integration.status`, after all others of its field.
const FLAT_STATUS: u8 = 3;
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
            Field::UserAgent
            | Field::OtherMethod
            | Field::OtherPath
            | Field::OtherHost
            | Field::OtherSourceIp
            | Field::OtherTemplate => Place::AfterCaller,
            _ if self.1 >= 2 * DERIVED => Place::AfterCaller,
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

/// The rank of a name that is known only in part.
const DERIVED: u8 = 100;

/// The fields that say what was called, or by whom. All lines have the first ones, or should.
pub(super) const IDENTITY: [Field; 12] = [
    Field::Method,
    Field::Path,
    Field::Host,
    Field::SourceIp,
    Field::ResourcePath,
    Field::RouteKey,
    Field::ApiId,
    Field::OtherMethod,
    Field::OtherPath,
    Field::OtherHost,
    Field::OtherSourceIp,
    Field::OtherTemplate,
];

/// How many of them come first.
pub(super) const ESSENTIAL: usize = 4;

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
        b"requestTime" => F::OtherEpoch,
        b"requestTimeEpoch" => F::RequestTimeEpoch,
        b"responseLatency" => F::ResponseLatency,
        b"integrationLatency" => F::IntegrationLatency,
        // Many formats log the backend's status under this name, and this one's under another that outranks it.
        b"integrationStatus" => return Some(Some(Name(F::IntegrationStatus, 2 * FLAT_STATUS))),
        b"errorMessage" => F::ErrorMessage,
        b"stage" => F::Stage,
        b"domainName" => F::Host,
        b"sourceIp" => F::SourceIp,
        b"userAgent" => F::UserAgent,
        _ => return None,
    };
    Some(Some(Name(field, 2)))
}

/// Names of one table, those of the same length one after the other: as a `match` they would be ten times the bytes of
/// the program.
struct Table<const NAMES: usize, const BYTES: usize> {
    text: [u8; BYTES],
    fields: [Name; NAMES],
    /// For each length, where its names begin in `text` and in `fields`.
    starts: [(usize, usize); LONGEST + 2],
}

/// The longest name of a table.
const LONGEST: usize = 29;

impl<const NAMES: usize, const BYTES: usize> Table<NAMES, BYTES> {
    const fn new(names: &[(&str, Name); NAMES]) -> Self {
        let mut table = Self {
            text: [0; BYTES],
            fields: [Name(Field::WebSocket, 0); NAMES],
            starts: [(0, 0); LONGEST + 2],
        };
        let (mut at, mut count, mut length) = (0, 0, 0);
        while length <= LONGEST {
            let mut index = 0;
            while index < NAMES {
                let (name, field) = names[index];
                if name.len() == length {
                    let mut byte = 0;
                    while byte < length {
                        table.text[at] = name.as_bytes()[byte];
                        byte += 1;
                        at += 1;
                    }
                    table.fields[count] = field;
                    count += 1;
                }
                index += 1;
            }
            length += 1;
            table.starts[length] = (at, count);
        }
        assert!(at == BYTES && count == NAMES, "a name is too long");
        table
    }

    fn find(&self, name: &[u8]) -> Option<Name> {
        let length = name.len();
        if !(1..=LONGEST).contains(&length) {
            return None;
        }
        let ((from, first), (to, _)) = (self.starts[length], self.starts[length + 1]);
        let text = &self.text[from..to];
        let at = text
            .chunks_exact(length)
            .position(|known| known[0] == name[0] && known == name)?;
        Some(self.fields[first + at])
    }
}

/// Makes a function of the names of fields, each with its rank.
macro_rules! names {
    ($(#[$doc:meta])+ $find:ident; $($field:ident: $($name:literal $rank:expr),+;)+) => {
        $(#[$doc])+
        fn $find(name: &[u8]) -> Option<Name> {
            const NAMES: usize = [$($($name),+),+].len();
            const BYTES: usize = 0 $($(+ $name.len())+)+;
            static TABLE: Table<NAMES, BYTES> =
                Table::new(&[$($(($name, Name(Field::$field, 2 * $rank))),+),+]);
            TABLE.find(name)
        }
    };
}

names! {
    /// The documented names (DESIGN.md, "Access-log formats") and the usual others, without case and separators.
    find_exact;
    RequestId: "requestid" 1, "extendedrequestid" 2, "requestidapigateway" 3;
    Method: "httpmethod" 1, "method" 2, "requestmethod" 3, "verb" 4;
    Path: "path" PATH, "requestpath" 2, "rawpath" 3, "httppath" 4, "uri" URI, "requesturi" 6;
    Protocol: "protocol" 1, "httpprotocol" 2, "httpversion" 3;
    Status: "status" 1, "httpstatus" 2, "httpstatuscode" 3, "statuscode" 4, "responsestatus" 5, "responsestatuscode" 6, "responsecode" 7, "methodstatus" 8;
    ResponseLength: "responselength" 1, "responsesize" 2, "responsebytes" 3, "bytessent" 4, "bytes" 5, "contentlength" 6;
    RequestTimeEpoch: "requesttimeepoch" 1;
    ResponseLatency: "responselatency" 1, "latency" 2, "responsetime" 3, "totallatency" 4, "duration" 5;
    IntegrationLatency: "integrationlatency" 1, "integrationintegrationlatency" 2;
    IntegrationStatus: "integrationservicestatus" 1, "integrationintegrationstatus" 2, "integrationstatus" 3;
    ErrorMessage: "errormessage" 1, "error" 2, "errorerrormessage" 3, "errorgatewayerror" 4, "errormessagestring" 5, "errormsg" 6, "errmsg" 7;
    Stage: "stage" 1, "apistage" 2;
    Host: "domainname" 1, "domain" 2, "host" 3, "hostname" 4, "requesthost" 5, "httphost" 6;
    SourceIp: "sourceip" 1, "identitysourceip" 2, "ip" IP, "clientip" CLIENT_IP, "remoteip" 5, "remoteaddr" 6, "remoteaddress" 7;
    UserAgent: "useragent" 1, "identityuseragent" 2, "httpuseragent" 3, "agent" 4, "headersuseragent" 5;
    ResourcePath: "resourcepath" 1;
    RouteKey: "routekey" 1;
    ApiId: "apiid" 1, "restapiid" 2, "httpapiid" 3;
    WebSocket: "eventtype" 1, "connectionid" 2, "messageid" 3, "messagedirection" 4;
}

names! {
    /// Names under which other values are common, too.
    find_other;
    OtherPath: "url" 1, "fullpath" 2, "fullurl" 3, "proxyurl" 4, "pathname" 5, "urlpath" 6, "uripath" 7, "httptarget" 8;
    OtherHost: "customdomain" 1, "customdomainname" 2, "fqdn" 3, "servername" 4, "vhost" 5, "virtualhost" 6, "urldomain" 7, "serveraddress" 8;
    OtherSourceIp: "ipaddress" 1, "sourceipaddress" 2, "clientaddress" 3, "clientaddr" 4, "client" 5, "realip" 6, "callerip" 7, "remotehost" 8, "xforwardedfor" 9, "headersxforwardedfor" 10;
    OtherTemplate: "resource" 1, "route" 2, "routepath" 3, "httproute" 4, "matchedroute" 5, "routetemplate" 6, "pathtemplate" 7;
    OtherEpoch: "requesttime" 1, "requesttimestamp" 2, "timestamp" 3, "time" 4, "ts" 5, "epoch" 6;
}

/// The field that a name alone stands for.
#[cfg(test)]
pub(super) fn find(name: &[u8]) -> Option<Name> {
    find_exact(name).or_else(|| find_derived(name, MAX_OWNERS))
}

/// The most owners that a name has: `requestContext.identity.sourceIp`.
const MAX_OWNERS: u32 = 2;

/// What formats put before a name to say whose it is, and for which fields.
const OWNERS: [(&[u8], Scope); 19] = [
    (b"requestcontext", Scope::All),
    (b"context", Scope::All),
    (b"ctx", Scope::All),
    (b"apigateway", Scope::All),
    (b"apigw", Scope::All),
    (b"gateway", Scope::All),
    (b"gw", Scope::All),
    (b"api", Scope::All),
    (b"aws", Scope::Vendor),
    (b"request", Scope::Request),
    (b"req", Scope::Request),
    (b"http", Scope::All),
    (b"identity", Scope::Caller),
    (b"call", Scope::Request),
    (b"client", Scope::Caller),
    (b"caller", Scope::Caller),
    (b"response", Scope::Response),
    (b"resp", Scope::Response),
    (b"res", Scope::Response),
];

/// Which fields a name can have after its owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    /// `awsRequestId` is that of a function.
    Vendor,
    Request,
    /// Who has called has a host, too.
    Caller,
    Response,
}

impl Scope {
    fn has(self, field: Field) -> bool {
        let is_of_response = matches!(
            field,
            Field::Status | Field::ResponseLength | Field::ResponseLatency | Field::ErrorMessage
        );
        match self {
            Self::All => true,
            Self::Vendor => field != Field::RequestId,
            Self::Request => {
                is_identity(field)
                    || matches!(
                        field,
                        Field::RequestId | Field::Protocol | Field::Stage | Field::UserAgent
                    )
            }
            Self::Caller => matches!(
                field,
                Field::SourceIp | Field::OtherSourceIp | Field::UserAgent
            ),
            Self::Response => is_of_response,
        }
    }
}

/// A name that other values have as well, one with its owner's before it, or with a unit after it: `$context.httpMethod`, `ctxpath`, `latencyMs`.
#[cold]
fn find_derived(name: &[u8], owners: u32) -> Option<Name> {
    if let Some(name) = find_other(name) {
        return Some(name);
    }
    let stem = name.strip_suffix(b"ms");
    let stem = stem.map(|stem| stem.strip_suffix(b"in").unwrap_or(stem));
    if let Some(Name(
        field @ (Field::ResponseLatency | Field::IntegrationLatency | Field::OtherEpoch),
        _,
    )) = stem.and_then(|stem| find_exact(stem).or_else(|| find_other(stem)))
    {
        return Some(Name(field, 2 * DERIVED));
    }
    let owners = owners.checked_sub(1)?;
    OWNERS.iter().find_map(|(owner, scope)| {
        let rest = name.strip_prefix(*owner)?;
        let Name(field, _) = find_exact(rest).or_else(|| find_derived(rest, owners))?;
        let field = match field {
            Field::Method => Field::OtherMethod,
            Field::Path => Field::OtherPath,
            Field::Host => Field::OtherHost,
            Field::SourceIp => Field::OtherSourceIp,
            Field::ResourcePath | Field::RouteKey => Field::OtherTemplate,
            field => field,
        };
        scope.has(field).then_some(Name(field, 2 * DERIVED))
    })
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
