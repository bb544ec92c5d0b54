//! A strict reader of HTTP/1.1 requests: what a lenient server would forgive is an error here.
//!
//! [`Parser`] is the core without IO: bytes are pushed in, whole messages come out, and bytes of the
//! next pipelined message stay. [`Reader`] joins it to a stream. Each line is checked as soon as it is
//! complete, and no byte is looked at twice. So the cost is linear, however the bytes arrive.
//!
//! The reader exists to find request smuggling in our own writer: everything two parsers may read
//! differently (bare line feeds, folded headers, doubled lengths) is refused rather than repaired.

mod reader;

use std::{error, fmt, mem};

pub use self::reader::{ReadError, Reader};

/// The most a request line and its headers may take together, in bytes.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The most a body may take, in bytes. It is more than the Runtime API accepts, so that the stand-in can
/// respond with 413.
pub const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// One whole request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The method, a token.
    pub method: String,
    /// The request target; it starts with `/` and is visible ASCII.
    pub target: String,
    /// The headers in their order, values without the whitespace around them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, as long as `Content-Length` says.
    pub body: Vec<u8>,
}

impl Message {
    /// The value of the first header of this name, in whatever case it was written.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// As [`Message::header`], for a value which must be text.
    #[must_use]
    pub fn text_header(&self, name: &str) -> Option<&str> {
        str::from_utf8(self.header(name)?).ok()
    }

    fn count(&self, name: &str) -> usize {
        self.headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .count()
    }
}

/// How a peer violated HTTP/1.1, as the strict reader understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(String);

impl Violation {
    #[cold]
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Violation {}

/// What must happen next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Push more bytes.
    NeedInput,
    /// A whole message; further ones may already be there.
    Message(Message),
}

#[derive(Debug, Default)]
enum State {
    #[default]
    RequestLine,
    Headers,
    Body(usize),
    /// A violation was found, so the start of the next message is unknown.
    Broken,
}

/// The push parser; see the module's documentation.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: Vec<u8>,
    /// Start of the bytes that are not yet consumed. Those before it are dropped at the next push.
    start: usize,
    /// How many bytes after `start` are known to have no line feed.
    scanned: usize,
    head_bytes: usize,
    state: State,
    message: Message,
}

impl Parser {
    /// Adds bytes as they arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..mem::take(&mut self.start));
        self.buffer.extend_from_slice(bytes);
    }

    /// Parses as far as the pushed bytes go.
    ///
    /// # Errors
    ///
    /// Returns the violation when the bytes are not strict HTTP/1.1. No message can follow it.
    pub fn step(&mut self) -> Result<Step, Violation> {
        let step = self.advance();
        if step.is_err() {
            self.state = State::Broken;
        }
        step
    }

    /// Says whether the stream may end here.
    ///
    /// # Errors
    ///
    /// Returns a violation when bytes of an unfinished message were pushed.
    pub fn finish(&self) -> Result<(), Violation> {
        let wanted = match self.state {
            State::RequestLine if self.start == self.buffer.len() => return Ok(()),
            State::Broken => return Ok(()),
            State::RequestLine => "the end of the request line",
            State::Headers => "the end of the headers",
            State::Body(_) => "the rest of the body",
        };
        Err(Violation::new(format!(
            "expected {wanted}, found the end of the connection"
        )))
    }

    fn advance(&mut self) -> Result<Step, Violation> {
        loop {
            match self.state {
                State::RequestLine => {
                    let Some((start, end)) = self.line()? else {
                        return Ok(Step::NeedInput);
                    };
                    let (method, target) = request_line(&self.buffer[start..end])?;
                    self.message.method = method;
                    self.message.target = target;
                    self.state = State::Headers;
                }
                State::Headers => {
                    let Some((start, end)) = self.line()? else {
                        return Ok(Step::NeedInput);
                    };
                    if start == end {
                        self.state = State::Body(body_length(&self.message)?);
                        self.head_bytes = 0;
                    } else {
                        let header = header_line(&self.buffer[start..end])?;
                        self.message.headers.push(header);
                    }
                }
                State::Body(length) => {
                    let Some(body) = self.buffer[self.start..].get(..length) else {
                        return Ok(Step::NeedInput);
                    };
                    self.message.body = body.to_vec();
                    self.start += length;
                    self.state = State::RequestLine;
                    return Ok(Step::Message(mem::take(&mut self.message)));
                }
                State::Broken => {
                    return Err(Violation::new("no message can follow a malformed one"));
                }
            }
        }
    }

    /// Consumes one line and returns its range in the buffer, without its CR LF.
    fn line(&mut self) -> Result<Option<(usize, usize)>, Violation> {
        let rest = &self.buffer[self.start..];
        let found = rest[self.scanned..].iter().position(|&byte| byte == b'\n');
        let length = found.map_or(rest.len(), |at| self.scanned + at + 1);
        if self.head_bytes + length > MAX_HEAD_BYTES {
            return Err(Violation::new(format!(
                "expected a head of at most {MAX_HEAD_BYTES} bytes, found more"
            )));
        }
        if found.is_none() {
            // What is not HTTP at all may never have a line feed, and its client waits for an answer.
            if matches!(self.state, State::RequestLine) {
                is_http(rest)?;
            }
            self.scanned = length;
            return Ok(None);
        }
        let Some(line) = rest[..length].strip_suffix(b"\r\n") else {
            return Err(Violation::new("expected CR LF, found a bare line feed"));
        };
        if line.contains(&b'\r') {
            return Err(Violation::new(
                "expected CR LF, found a bare carriage return",
            ));
        }
        let range = (self.start, self.start + line.len());
        self.head_bytes += length;
        self.start += length;
        self.scanned = 0;
        Ok(Some(range))
    }
}

/// Tells what begins as no request can.
fn is_http(bytes: &[u8]) -> Result<(), Violation> {
    let found = match bytes {
        [0x16, ..] => {
            "the first bytes of TLS: this server speaks plain HTTP, so the client needs an address with http \
             (X_NODE_SCHEME=http)"
        }
        [b'P', b'R', b'I', b' ', b'*', b' ', ..] => {
            "the first bytes of HTTP/2: this server speaks HTTP/1.1 only"
        }
        [b'P', b'R', b'O', b'X', b'Y', b' ', ..] => {
            "the PROXY protocol of a load balancer, which has to be switched off"
        }
        [first, ..] if !(first.is_ascii_graphic() || first.is_ascii_whitespace()) => {
            return Err(unexpected("a request of HTTP", bytes));
        }
        _ => return Ok(()),
    };
    Err(Violation::new(format!(
        "expected a request of HTTP/1.1, found {found}"
    )))
}

fn request_line(line: &[u8]) -> Result<(String, String), Violation> {
    is_http(line)?;
    let mut parts = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Violation::new(format!(
            "expected a method, a target and a version, found `{}`",
            excerpt(line)
        )));
    };
    if !is_token(method) {
        return Err(unexpected("a method", method));
    }
    if target.starts_with(b"http://") || target.starts_with(b"https://") {
        return Err(unexpected(
            "a target which starts with `/`, not a whole address as for a proxy",
            target,
        ));
    }
    if target.first() != Some(&b'/') || !target.iter().all(u8::is_ascii_graphic) {
        return Err(unexpected(
            "a target of visible ASCII which starts with `/`",
            target,
        ));
    }
    if version != b"HTTP/1.1" {
        return Err(unexpected("`HTTP/1.1`", version));
    }
    Ok((ascii(method), ascii(target)))
}

fn header_line(line: &[u8]) -> Result<(String, Vec<u8>), Violation> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(unexpected("a header, not a folded line", line));
    }
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
        return Err(unexpected("a header with a colon", line));
    };
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if !is_token(name) {
        return Err(unexpected("a header name right before the colon", name));
    }
    // RFC 9110 section 5.5 allows a tab in a value, and no other control character.
    if value
        .iter()
        .any(|&byte| byte.is_ascii_control() && byte != b'\t')
    {
        return Err(unexpected("a value without control characters", value));
    }
    Ok((ascii(name), value.to_vec()))
}

/// Checks the headers as a whole, and returns the length of the body.
fn body_length(message: &Message) -> Result<usize, Violation> {
    for name in ["Content-Length", "X-Request-Id", "X-Wallarm-Message"] {
        if message.count(name) > 1 {
            return Err(Violation::new(format!("expected one {name}, found more")));
        }
    }
    match message.count("Host") {
        1 => {}
        count => {
            return Err(Violation::new(format!("expected one Host, found {count}")));
        }
    }
    let host = message.header("Host").unwrap_or_default();
    let is_host_byte =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
    if host.is_empty() || !host.iter().all(is_host_byte) {
        return Err(unexpected("a host name", host));
    }
    if message.count("Transfer-Encoding") > 0 {
        return Err(Violation::new(
            "expected Content-Length, found Transfer-Encoding",
        ));
    }
    let Some(length) = message.header("Content-Length") else {
        return Ok(0);
    };
    if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
        return Err(unexpected("digits in Content-Length", length));
    }
    match ascii(length).parse() {
        Ok(length) if length <= MAX_BODY_BYTES => Ok(length),
        _ => Err(unexpected(
            "a body within the limit of this stand-in",
            length,
        )),
    }
}

/// Whether these bytes are a token of RFC 9110 section 5.6.2.
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    let is_token_byte =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(is_token_byte)
}

/// Appends `body` with chunked framing, in chunks of `size` bytes.
pub(crate) fn write_chunks(out: &mut Vec<u8>, body: &[u8], size: usize) {
    for chunk in body.chunks(size) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
}

fn unexpected(expected: &str, found: &[u8]) -> Violation {
    Violation::new(format!("expected {expected}, found `{}`", excerpt(found)))
}

/// The start of some bytes. Everything but visible ASCII is escaped.
#[must_use]
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const MAX_EXCERPT_BYTES: usize = 80;
    let cut = &bytes[..bytes.len().min(MAX_EXCERPT_BYTES)];
    let dots = if cut.len() < bytes.len() { "…" } else { "" };
    format!("{}{dots}", cut.escape_ascii())
}

/// The text of bytes which were checked to be ASCII. Anything else becomes a replacement character.
fn ascii(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Untrusted text with its control characters escaped, so that it can not act on a terminal.
#[must_use]
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests;
