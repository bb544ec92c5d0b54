//! One access-log line: what API Gateway says of one call.
//!
//! The line is the stage's log format with each `$context` variable replaced as plain text
//! (`aws-wire.md` §3.3), so that it is JSON only as long as no value breaks it. It is read as JSON
//! first. Where that fails, a tolerant scan looks for `"name":value` pairs and takes a quote as the
//! end of a value only where the next pair, or the end of the line, follows.
//!
//! Every value was written by a stranger, and one that came unescaped can bring names and values of
//! its own. A line is therefore malformed, since nobody can tell which value is the gateway's, where
//! a name stands twice with different values; where the method, the path, the host or the address
//! has different values under several names; and where, in a line that is not JSON, a value holds
//! what could be another field. Of the other fields a documented name outranks an alias.

use std::net::IpAddr;

use crate::http1::is_token;
use crate::json::{self, Grammar, Lexer, Role, Text, Token};
use layout::{Layout, Value};

mod layout;

/// What one line says, as far as it is known. Text is as it was logged, without its escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccessRecord<'a> {
    /// A token of RFC 9110 §5.6.2.
    pub(crate) method: &'a str,
    /// Begins with a slash; any other byte may follow.
    pub(crate) path: &'a [u8],
    /// Labels of letters, digits, `-` and `_`, and possibly a port.
    pub(crate) host: &'a str,
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
    /// Nothing that an access-log line could be, or not to be told from a forgery.
    Malformed,
    /// The call went to the Node itself: sending it there would be a call again.
    OwnNode,
    /// The log group is the one that this function writes to.
    OwnLogGroup,
}

impl Skip {
    /// All reasons, in the order of their discriminants.
    pub(crate) const ALL: [Self; 12] = [
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
        Self::OwnNode,
        Self::OwnLogGroup,
    ];

    /// The name under which the report counts it.
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
            Self::OwnNode => "ownNode",
            Self::OwnLogGroup => "ownLogGroup",
        }
    }

    /// Whether another log format in the stage's settings would mend it.
    pub(crate) fn is_mended_by_format(self) -> bool {
        matches!(
            self,
            Self::UnsupportedFormat | Self::NoHost | Self::NoPath | Self::NoMethod
        )
    }
}

/// The longest user agent that is sent; API Gateway takes 10,240 bytes for the whole head.
const MAX_USER_AGENT: usize = 8 * 1024;

/// The longest name of a field; the longest that is known has 22 bytes.
const MAX_NAME: usize = 64;

/// Reads lines, one after the other, in buffers that it keeps.
#[derive(Debug)]
pub(crate) struct LineReader {
    /// The line without the escapes of the document that it came in.
    line: Vec<u8>,
    scratch: Vec<u8>,
    lexer: Lexer,
    grammar: Grammar,
    names: Names,
    fields: Fields,
    layout: Layout,
    values: Vec<Value>,
}

impl LineReader {
    pub(crate) fn new() -> Self {
        Self {
            line: Vec::new(),
            scratch: Vec::new(),
            lexer: Lexer::new(usize::MAX),
            grammar: Grammar::new(),
            names: Names::default(),
            fields: Fields::default(),
            layout: Layout::default(),
            values: Vec::new(),
        }
    }

    /// Reads a line as it stands in its document, still escaped.
    pub(crate) fn read<'a>(&'a mut self, escaped: &'a [u8]) -> Result<AccessRecord<'a>, Skip> {
        self.fields.clear();
        if self.layout.read(escaped, &mut self.fields).is_some() {
            return self.fields.record(escaped);
        }
        if self.read_flat(escaped).is_some() {
            self.layout.learn(escaped, &self.values);
            return self.fields.record(escaped);
        }
        self.read_any(escaped)
    }

    /// The fast path, for what nearly every line is: one flat object whose strings have no escapes,
    /// so that in its document the only escapes are those of the quotes. It reads the line where it
    /// is, without unescaping it first. `None`: the line is another one, whatever it is.
    ///
    /// It takes and refuses exactly what [`Self::read_any`] does; the tests hold it to that.
    fn read_flat(&mut self, escaped: &[u8]) -> Option<()> {
        self.fields.clear();
        self.values.clear();
        let mut at = skip_byte(escaped, blanks(escaped), b'{')?;
        loop {
            let (name, after) = flat_string(escaped, at + blanks(&escaped[at..]))?;
            at = skip_byte(escaped, after + blanks(&escaped[after..]), b':')?;
            at += blanks(&escaped[at..]);
            let is_scalar = escaped.get(at) != Some(&b'\\');
            let (value, after) = if !is_scalar {
                flat_string(escaped, at)?
            } else {
                let value = Span::new(at, at + json::scalar_length(&escaped[at..]));
                json::check_scalar(value.of(escaped)).ok()?;
                (value, value.to)
            };
            let name = name.of(escaped);
            let name = find_documented(name).unwrap_or_else(|| {
                self.names.clear();
                self.names.name(name);
                self.names.find()
            });
            if let Some(name) = name {
                self.fields.set(name, value, escaped);
            }
            self.values.push(Value {
                span: value,
                is_scalar,
                name,
            });
            at = after + blanks(&escaped[after..]);
            match escaped.get(at)? {
                b',' => at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        // A format may end with a line end.
        let end = &escaped[at + 1..];
        let end = end.strip_suffix(b"\\n").unwrap_or(end);
        (blanks(end) == end.len()).then_some(())
    }

    /// Reads a line of any form, without the fast paths.
    pub(crate) fn read_any(&mut self, escaped: &[u8]) -> Result<AccessRecord<'_>, Skip> {
        self.line.clear();
        json::unescape(escaped, &mut self.line);
        let text = self.line.trim_ascii();
        match text.first() {
            None => return Err(Skip::Malformed),
            // CSV may have its values in quotes, as may JSON without its braces.
            Some(b'"') if name_at(text).is_none() => return Err(no_json(text)),
            Some(b'(') => return Err(Skip::ExecutionLog),
            Some(b'{' | b'"') => {}
            Some(_) => return Err(no_json(text)),
        }
        if self.read_json().is_err() {
            self.read_tolerantly();
        }
        self.fields.unescape(&mut self.line, &mut self.scratch);
        self.fields.record(&self.line)
    }

    fn read_json(&mut self) -> Result<(), json::Fault> {
        self.lexer.reset();
        self.grammar.reset();
        self.names.clear();
        self.fields.clear();
        let mut rest = &self.line[..];
        while let Some(token) = self.lexer.next(&mut rest)? {
            let end = self.line.len() - rest.len();
            let role = self.grammar.accept(&token)?;
            let value = match (role, token) {
                (Role::Key, Token::String(Text::Borrowed(name))) => {
                    self.names.name(name);
                    continue;
                }
                (Role::Open, token) => {
                    self.names.open(token == Token::ArrayStart);
                    continue;
                }
                (Role::Close, _) => {
                    self.names.close();
                    continue;
                }
                (Role::Value, Token::String(Text::Borrowed(text))) => {
                    Span::new(end - 1 - text.len(), end - 1)
                }
                (Role::Value, Token::Scalar(Text::Borrowed(text))) => {
                    Span::new(end - text.len(), end)
                }
                _ => continue,
            };
            if let Some(name) = self.names.find() {
                self.fields.set(name, value, &self.line);
            }
        }
        match self.lexer.finish()? {
            None if self.grammar.is_complete() => Ok(()),
            _ => Err(json::Fault::Truncated),
        }
    }

    /// Looks for `"name":value` pairs in a line that is not JSON.
    fn read_tolerantly(&mut self) {
        self.names.clear();
        self.fields.clear();
        let line = &self.line[..];
        let mut at = 0;
        while let Some(&byte) = line.get(at) {
            match byte {
                b'}' | b']' => self.names.close(),
                b'"' => {
                    let Some((name, after)) = name_at(&line[at..]) else {
                        at += 1;
                        continue;
                    };
                    self.names.name(name);
                    at += after;
                    let (value, next) = match line.get(at) {
                        Some(bracket @ (b'{' | b'[')) => {
                            self.names.open(*bracket == b'[');
                            (None, at + 1)
                        }
                        Some(b'"') => {
                            let (value, next) = quoted_value(line, at + 1);
                            let end = value.map_or(next, |value| value.to);
                            self.fields.contradictory |= holds_field(&line[at + 1..end]);
                            (value, next)
                        }
                        _ => bare_value(line, at),
                    };
                    if let (Some(value), Some(name)) = (value, self.names.find()) {
                        self.fields.set(name, value, line);
                    }
                    at = next;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }
}

/// The place after `byte`, where it stands at `at`.
fn skip_byte(text: &[u8], at: usize, byte: u8) -> Option<usize> {
    (text.get(at) == Some(&byte)).then_some(at + 1)
}

/// The content of the string at `at`, whose quotes are escaped and nothing else is, and the place
/// after it.
fn flat_string(escaped: &[u8], at: usize) -> Option<(Span, usize)> {
    let from = at + 2;
    if escaped.get(at..from)? != b"\\\"" {
        return None;
    }
    let to = from + json::find_backslash(&escaped[from..])?;
    (escaped.get(to + 1) == Some(&b'"')).then_some((Span::new(from, to), to + 2))
}

/// What a line is that does not begin as JSON does.
fn no_json(text: &[u8]) -> Skip {
    let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    // CLF and CSV have the protocol or, for WebSocket APIs, at least the date `[dd/Mon/yyyy:`.
    let has_date = text.windows(13).any(|w| {
        w[2] == b'/' && w[6] == b'/' && w[11] == b':' && w[7..11].iter().all(u8::is_ascii_digit)
    });
    if text[0] == b'<' || has(b"HTTP/") || has_date {
        Skip::UnsupportedFormat
    } else {
        Skip::Malformed
    }
}

/// A name at the front of `text`, which begins with a quote, and where its value begins.
fn name_at(text: &[u8]) -> Option<(&[u8], usize)> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-$".contains(byte);
    let length = text[1..]
        .iter()
        .take(MAX_NAME)
        .take_while(|byte| is_name(byte))
        .count();
    let name = &text[1..=length];
    if name.is_empty() || text.get(length + 1) != Some(&b'"') {
        return None;
    }
    let colon = length + 2 + blanks(&text[length + 2..]);
    if text.get(colon) != Some(&b':') {
        return None;
    }
    Some((name, colon + 1 + blanks(&text[colon + 1..])))
}

fn blanks(text: &[u8]) -> usize {
    text.iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        .count()
}

/// The value whose opening quote stands before `from`, and where to go on. A value that the line
/// cuts off is no value.
fn quoted_value(line: &[u8], from: usize) -> (Option<Span>, usize) {
    let mut at = from;
    while let Some(&byte) = line.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' if ends_value(&line[at + 1..]) => return (Some(Span::new(from, at)), at + 1),
            _ => {}
        }
        at += 1;
    }
    (None, line.len())
}

/// Whether a value that runs on to a later quote than it may seem to holds what could be a field of
/// ours: `\` before a quote that was meant to end it hides the end, and all up to the next one.
fn holds_field(value: &[u8]) -> bool {
    let mut names = Names::default();
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => {
                if let Some((name, _)) = name_at(&value[at..]) {
                    names.name(name);
                    if names.find().is_some() {
                        return true;
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    false
}

/// Whether `rest` is what can follow a value: nothing, closing brackets, or a comma and a name.
fn ends_value(rest: &[u8]) -> bool {
    /// More than any format nests; without a limit a line of brackets would take quadratic time.
    const MAX_CLOSING: usize = 16;
    let mut rest = rest;
    for _ in 0..MAX_CLOSING {
        rest = &rest[blanks(rest)..];
        match rest.first() {
            None => return true,
            Some(b'}' | b']') => rest = &rest[1..],
            Some(b',') => {
                let name = &rest[1 + blanks(&rest[1..])..];
                return name.first() == Some(&b'"') && name_at(name).is_some();
            }
            Some(_) => return false,
        }
    }
    false
}

/// The number, word or lone `-` at `from`, and where to go on.
fn bare_value(line: &[u8], from: usize) -> (Option<Span>, usize) {
    match line[from..]
        .iter()
        .position(|byte| matches!(byte, b',' | b'}' | b']'))
    {
        Some(length) => {
            let text = line[from..from + length].trim_ascii_end();
            (Some(Span::new(from, from + text.len())), from + length)
        }
        None => (None, line.len()),
    }
}

/// The names around the value that is being read, outermost first, run together and without case
/// and separators: `"error": {"message": …}`, `error_message` and `errorMessage` are all
/// `errormessage`.
#[derive(Debug, Default)]
struct Names {
    path: Vec<u8>,
    /// How long `path` is without the name of each open container.
    open: Vec<usize>,
    /// Where in `path` the innermost name begins.
    leaf: usize,
    /// How many of the innermost open containers lie in one whose fields mean something else.
    foreign: usize,
}

impl Names {
    fn clear(&mut self) {
        self.path.clear();
        self.open.clear();
        self.leaf = 0;
        self.foreign = 0;
    }

    /// Names the next value.
    fn name(&mut self, name: &[u8]) {
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
    fn open(&mut self, is_array: bool) {
        let is_foreign =
            is_array || is_foreign(&self.path[self.leaf..]) || self.path.len() > 4 * MAX_NAME;
        if is_foreign || self.foreign > 0 {
            self.foreign += 1;
        }
        self.open.push(self.leaf);
        self.leaf = self.path.len();
    }

    fn close(&mut self) {
        self.foreign = self.foreign.saturating_sub(1);
        self.leaf = self.open.pop().unwrap_or(0);
        self.path.truncate(self.leaf);
    }

    /// The field that the last name stands for: by all names, or by the innermost alone.
    fn find(&self) -> Option<Name> {
        if self.foreign > 0 {
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
fn is_foreign(container: &[u8]) -> bool {
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
enum Field {
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

const FIELDS: usize = Field::WebSocket as usize + 1;

/// A field, and which of its names was used: 1 is the documented one and outranks the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name(Field, u8);

/// The names of the documented format, as they stand there: the outer `None` is another name, the
/// inner one a name that is documented and not used.
fn find_documented(name: &[u8]) -> Option<Option<Name>> {
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

/// The documented names (`aws-wire.md` §3.1) and the usual others.
fn find(name: &[u8]) -> Option<Name> {
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

/// A part of the line, from and to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Span {
    from: usize,
    to: usize,
}

impl Span {
    fn new(from: usize, to: usize) -> Self {
        Self { from, to }
    }

    fn of(self, line: &[u8]) -> &[u8] {
        &line[self.from..self.to]
    }
}

/// The fields of one line.
#[derive(Debug, Default)]
struct Fields {
    slots: [Slot; FIELDS],
    /// A name stood twice, with different values.
    contradictory: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Which of the field's names it is from; 0: none yet.
    rank: u8,
    value: Span,
}

impl Fields {
    fn clear(&mut self) {
        *self = Self::default();
    }

    fn set(&mut self, Name(field, rank): Name, value: Span, line: &[u8]) {
        let slot = &mut self.slots[field as usize];
        if slot.rank == 0 {
            *slot = Slot { rank, value };
            return;
        }
        let (known, other) = (slot.value.of(line), value.of(line));
        let is_same_name = slot.rank == rank && field != Field::WebSocket;
        let are_present = !is_absent(known) && !is_absent(other);
        if is_same_name || are_present && is_identity(field) {
            self.contradictory |= known != other;
        } else if is_absent(known) || (rank < slot.rank && are_present) {
            *slot = Slot { rank, value };
        }
    }

    /// Resolves the escapes of the values, each in its place: they only ever get shorter.
    fn unescape(&mut self, line: &mut [u8], scratch: &mut Vec<u8>) {
        for slot in &mut self.slots {
            let text = slot.value.of(line);
            if text.contains(&b'\\') {
                scratch.clear();
                json::unescape(text, scratch);
                let to = slot.value.from + scratch.len();
                line[slot.value.from..to].copy_from_slice(scratch);
                slot.value.to = to;
            }
        }
    }

    fn record<'a>(&self, line: &'a [u8]) -> Result<AccessRecord<'a>, Skip> {
        let get = |field: Field| {
            let value = self.slots[field as usize].value.of(line);
            Some(value).filter(|value| !is_absent(value))
        };
        let number = |field| get(field).and_then(number);
        let status = |field| number(field).and_then(|n| u16::try_from(n).ok());
        if self.slots.iter().all(|slot| slot.rank == 0) || self.contradictory {
            return Err(Skip::Malformed);
        }
        let (method, path, host) = (get(Field::Method), get(Field::Path), get(Field::Host));
        if self.slots[Field::WebSocket as usize].rank > 0 && (method.is_none() || path.is_none()) {
            return Err(Skip::WebSocket);
        }
        let host = valid_host(host.ok_or(Skip::NoHost)?).ok_or(Skip::InvalidHost)?;
        let path = path.filter(|path| path[0] == b'/').ok_or(Skip::NoPath)?;
        let method = valid_method(method.ok_or(Skip::NoMethod)?).ok_or(Skip::InvalidMethod)?;
        Ok(AccessRecord {
            method,
            path,
            host,
            request_id: get(Field::RequestId),
            protocol: get(Field::Protocol),
            stage: get(Field::Stage),
            error_message: get(Field::ErrorMessage),
            user_agent: get(Field::UserAgent).map(|text| &text[..text.len().min(MAX_USER_AGENT)]),
            source_ip: get(Field::SourceIp)
                .and_then(|text| str::from_utf8(text).ok())
                .filter(|text| text.parse::<IpAddr>().is_ok()),
            status: status(Field::Status),
            response_length: number(Field::ResponseLength),
            response_latency: number(Field::ResponseLatency),
            integration_latency: number(Field::IntegrationLatency),
            integration_status: status(Field::IntegrationStatus),
            request_time_epoch: number(Field::RequestTimeEpoch).map(milliseconds),
        })
    }
}

/// Whether a field says what was called, or by whom.
fn is_identity(field: Field) -> bool {
    matches!(
        field,
        Field::Method | Field::Path | Field::Host | Field::SourceIp
    )
}

/// API Gateway writes `-` for what is not there; the others are what templates make of it.
fn is_absent(value: &[u8]) -> bool {
    matches!(value, b"" | b"-" | b"null" | b"(none)")
}

/// A number as text, possibly with a fraction, which is dropped.
fn number(text: &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    let mut digits = text.iter();
    while let Some(&byte) = digits.next() {
        match byte {
            b'0'..=b'9' => value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
            b'.' if text[0] != b'.' && digits.all(u8::is_ascii_digit) => return Some(value),
            _ => return None,
        }
    }
    (!text.is_empty()).then_some(value)
}

/// HTTP APIs do not say whether the epoch is in seconds or in milliseconds. As seconds, 10¹¹ is the
/// year 5138; as milliseconds it is 1973.
fn milliseconds(epoch: u64) -> u64 {
    if epoch < 100_000_000_000 {
        epoch * 1000
    } else {
        epoch
    }
}

/// A method that can stand in a request line. CONNECT can't: it would ask for a tunnel.
fn valid_method(method: &[u8]) -> Option<&str> {
    const MAX: usize = 32;
    let sound = method.len() <= MAX
        && method.iter().all(|&byte| is_token(byte))
        && !method.eq_ignore_ascii_case(b"CONNECT");
    sound.then(|| str::from_utf8(method).ok())?
}

/// A host name that can stand in a `Host` header: labels of letters, digits, `-` and `_`, and
/// possibly a port.
fn valid_host(host: &[u8]) -> Option<&str> {
    let mut label = 0;
    let mut end = host.len();
    for (at, &byte) in host.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' if label < 63 => label += 1,
            b'.' if label > 0 => label = 0,
            b':' => {
                end = at;
                break;
            }
            _ => return None,
        }
    }
    // A final dot may stand there, and does not count.
    let is_rooted = label == 0;
    let length = end - usize::from(is_rooted && end > 0);
    let is_port =
        |port: &[u8]| (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
    let is_sound = (1..=253).contains(&length) && host.get(end + 1..).is_none_or(is_port);
    str::from_utf8(host).ok().filter(|_| is_sound)
}

impl<'a> AccessRecord<'a> {
    /// The path without its stage.
    ///
    /// `$context.path` begins with the stage only on the gateway's own domain, and never where the
    /// stage is `$default` (`aws-wire.md` §3.3).
    pub(crate) fn path_without_stage(&self) -> &'a [u8] {
        let is_default_domain = self
            .host
            .to_ascii_lowercase()
            .split_once(".execute-api.")
            .is_some_and(|(_, region)| {
                region.ends_with(".amazonaws.com") || region.ends_with(".amazonaws.com.cn")
            });
        let stripped = self.stage.filter(|_| is_default_domain).and_then(|stage| {
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

#[cfg(test)]
mod tests;
