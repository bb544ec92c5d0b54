//! Reads HTTP/1.1 responses (RFC 9112) from bytes that come in pieces.
//!
//! Both of our peers are read by it: the Runtime API, which frames an event by its length up to
//! 2,048 bytes and in chunks above (DESIGN.md, "Framing of the event"), and the Node. It does no IO: bytes go in,
//! and what stands after the response is left for the next one, so that responses to pipelined
//! requests can follow each other in one piece.

use std::fmt;

/// The longest head that is read.
const MAX_HEAD: usize = 64 * 1024;

/// The longest line of a chunk's size with its extensions, and the longest trailer section.
const MAX_CHUNK_LINE: usize = 8 * 1024;

/// Reads one response. Make a new one for the next, or [`ResponseReader::reset`] it.
#[derive(Debug)]
pub(crate) struct ResponseReader {
    state: State,
    /// The request was a HEAD: its response has no body, whatever its head says.
    is_head: bool,
    /// A head, or a chunk's line, that began in an earlier piece.
    partial: Vec<u8>,
    status: u16,
    keep_alive: bool,
    /// Its head says that it has a body.
    announces_body: bool,
    /// How many bytes of interim responses have come before this one.
    interim: usize,
}

/// What has to happen next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'i> {
    /// All input was consumed: give more, or, where the peer has closed, call
    /// [`ResponseReader::finish`].
    NeedInput,
    /// A piece of the body.
    Body(&'i [u8]),
    /// The response is whole.
    Done(Response),
}

/// A response that was read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Whether the connection can take another request.
    pub(crate) keep_alive: bool,
}

/// Why bytes are not a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpError {
    StatusLine,
    HeaderLine,
    LongHead,
    SwitchingProtocols,
    ContentLength,
    TransferEncoding,
    Chunk,
    Truncated,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StatusLine => "the response does not begin with an HTTP/1.x status line",
            Self::HeaderLine => "a header line of the response is malformed",
            Self::LongHead => "the head of the response is longer than 65536 bytes",
            Self::SwitchingProtocols => "the response asks for another protocol",
            Self::ContentLength => {
                "the Content-Length of the response is malformed or contradictory"
            }
            Self::TransferEncoding => "the Transfer-Encoding of the response is not supported",
            Self::Chunk => "a chunk of the response is malformed",
            Self::Truncated => "the connection closed inside the response",
        })
    }
}

impl std::error::Error for HttpError {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    /// So many bytes of the body are left.
    Length(u64),
    /// The body ends with the connection.
    UntilClose,
    ChunkSize,
    Chunk(u64),
    /// The line end after a chunk: how many of its two bytes came.
    ChunkEnd(u8),
    /// Lines after the last chunk, up to an empty one; and how many bytes they had.
    Trailers(usize),
    Done,
}

/// How the body is framed.
#[derive(Debug, Default)]
struct Framing {
    length: Option<u64>,
    chunked: bool,
}

impl ResponseReader {
    pub(crate) fn new(is_head: bool) -> Self {
        Self {
            state: State::Head,
            is_head,
            partial: Vec::new(),
            status: 0,
            keep_alive: true,
            announces_body: false,
            interim: 0,
        }
    }

    /// Whether the head of the response says that it has a body, which that of a HEAD may say and not have.
    pub(crate) fn announces_body(&self) -> bool {
        self.announces_body
    }

    /// Begins the next response.
    pub(crate) fn reset(&mut self, is_head: bool) {
        self.state = State::Head;
        self.is_head = is_head;
        self.partial.clear();
        self.interim = 0;
    }

    /// Consumes bytes off the front of `input`. `header` is called with the name, in the case that
    /// it came in, and the value of each header as soon as the head of the response is whole.
    pub(crate) fn step<'i>(
        &mut self,
        input: &mut &'i [u8],
        mut header: impl FnMut(&str, &[u8]),
    ) -> Result<Step<'i>, HttpError> {
        loop {
            if input.is_empty() && self.state != State::Done {
                return Ok(Step::NeedInput);
            }
            match self.state {
                State::Head => {
                    if let Some(head) = take_through(
                        &mut self.partial,
                        input,
                        b"\r\n\r\n",
                        MAX_HEAD,
                        HttpError::LongHead,
                    )? {
                        self.state = self.head(&head, &mut header)?;
                        self.give_back(head);
                    }
                }
                State::Length(left) => {
                    let piece = take(input, left);
                    let left = left - piece.len() as u64;
                    self.state = match left {
                        0 => State::Done,
                        _ => State::Length(left),
                    };
                    return Ok(Step::Body(piece));
                }
                State::UntilClose => return Ok(Step::Body(take(input, u64::MAX))),
                State::ChunkSize => {
                    if let Some(line) = take_through(
                        &mut self.partial,
                        input,
                        b"\r\n",
                        MAX_CHUNK_LINE,
                        HttpError::Chunk,
                    )? {
                        self.state = match chunk_size(&line)? {
                            0 => State::Trailers(0),
                            size => State::Chunk(size),
                        };
                        self.give_back(line);
                    }
                }
                State::Chunk(left) => {
                    let piece = take(input, left);
                    let left = left - piece.len() as u64;
                    self.state = match left {
                        0 => State::ChunkEnd(0),
                        _ => State::Chunk(left),
                    };
                    return Ok(Step::Body(piece));
                }
                State::ChunkEnd(came) => {
                    if take(input, 1) != [b"\r\n"[usize::from(came)]] {
                        return Err(HttpError::Chunk);
                    }
                    self.state = match came {
                        0 => State::ChunkEnd(1),
                        _ => State::ChunkSize,
                    };
                }
                State::Trailers(length) => {
                    if let Some(line) = take_through(
                        &mut self.partial,
                        input,
                        b"\r\n",
                        MAX_CHUNK_LINE,
                        HttpError::Chunk,
                    )? {
                        let length = length + line.len();
                        if length > MAX_HEAD {
                            return Err(HttpError::LongHead);
                        }
                        self.state = if line.as_ref() == b"\r\n" {
                            State::Done
                        } else {
                            State::Trailers(length)
                        };
                        self.give_back(line);
                    }
                }
                State::Done => {
                    return Ok(Step::Done(Response {
                        status: self.status,
                        keep_alive: self.keep_alive,
                    }));
                }
            }
        }
    }

    /// Says that the peer has closed the connection.
    pub(crate) fn finish(&self) -> Result<Response, HttpError> {
        match self.state {
            State::UntilClose => Ok(Response {
                status: self.status,
                keep_alive: false,
            }),
            _ => Err(HttpError::Truncated),
        }
    }

    /// The status, once the head of the response is whole.
    pub(crate) fn status(&self) -> Option<u16> {
        (self.state != State::Head).then_some(self.status)
    }

    /// Whether the head is whole, and only the end of the connection will end the body.
    pub(crate) fn is_until_close(&self) -> bool {
        self.state == State::UntilClose
    }

    /// Whether nothing of the response has come yet.
    pub(crate) fn is_untouched(&self) -> bool {
        self.state == State::Head && self.partial.is_empty()
    }

    fn give_back(&mut self, line: std::borrow::Cow<'_, [u8]>) {
        if let std::borrow::Cow::Owned(mut buffer) = line {
            buffer.clear();
            self.partial = buffer;
        }
    }

    /// Reads a head that is whole, and says how its body begins.
    fn head(
        &mut self,
        head: &[u8],
        header: &mut impl FnMut(&str, &[u8]),
    ) -> Result<State, HttpError> {
        // The last line end stays, so that every line has one.
        let mut lines = head[..head.len() - 3]
            .split(|&byte| byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").ok_or(HttpError::HeaderLine));
        let (status, is_1_1) = status_line(lines.next().unwrap_or(Err(HttpError::StatusLine))?)?;
        match status {
            101 => return Err(HttpError::SwitchingProtocols),
            // Interim responses have a head only, and the real one follows.
            100..200 => {
                self.interim += head.len();
                if self.interim > MAX_HEAD {
                    return Err(HttpError::LongHead);
                }
                return Ok(State::Head);
            }
            _ => self.status = status,
        }
        self.keep_alive = is_1_1;
        let mut framing = Framing::default();
        for line in lines {
            let (name, value) = header_line(line?)?;
            if name.eq_ignore_ascii_case("content-length") {
                let length = content_length(value)?;
                if framing.length.is_some_and(|known| known != length) {
                    return Err(HttpError::ContentLength);
                }
                framing.length = Some(length);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                if framing.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(HttpError::TransferEncoding);
                }
                framing.chunked = true;
            } else if name.eq_ignore_ascii_case("connection") {
                for option in value.split(|&byte| byte == b',') {
                    if option.trim_ascii().eq_ignore_ascii_case(b"close") {
                        self.keep_alive = false;
                    }
                }
            }
            header(name, value);
        }
        if framing.chunked && framing.length.is_some() {
            // RFC 9112 §6.1: it may be an attempt to smuggle a response.
            return Err(HttpError::ContentLength);
        }
        self.announces_body = framing.chunked || framing.length.is_some_and(|length| length > 0);
        Ok(if self.is_head || matches!(status, 204 | 304) {
            State::Done
        } else if framing.chunked {
            State::ChunkSize
        } else {
            match framing.length {
                Some(0) => State::Done,
                Some(length) => State::Length(length),
                None => {
                    self.keep_alive = false;
                    State::UntilClose
                }
            }
        })
    }
}

/// Takes everything through `end` off the input, together with what came of it earlier.
fn take_through<'i>(
    partial: &mut Vec<u8>,
    input: &mut &'i [u8],
    end: &[u8],
    max: usize,
    too_long: HttpError,
) -> Result<Option<std::borrow::Cow<'i, [u8]>>, HttpError> {
    use std::borrow::Cow;
    let find = |bytes: &[u8]| bytes.windows(end.len()).position(|window| window == end);
    if partial.is_empty() {
        if let Some(at) = find(input) {
            if at + end.len() > max {
                return Err(too_long);
            }
            let (taken, rest) = input.split_at(at + end.len());
            *input = rest;
            return Ok(Some(Cow::Borrowed(taken)));
        }
        partial.extend_from_slice(take(input, u64::MAX));
    } else {
        // The end may lie across the border between the pieces.
        let before = partial.len();
        let start = before.saturating_sub(end.len() - 1);
        partial.extend_from_slice(input);
        if let Some(at) = find(&partial[start..]) {
            let length = start + at + end.len();
            partial.truncate(length);
            *input = &input[length - before..];
            if length > max {
                return Err(too_long);
            }
            return Ok(Some(Cow::Owned(std::mem::take(partial))));
        }
        *input = &[];
    }
    if partial.len() > max {
        return Err(too_long);
    }
    Ok(None)
}

fn take<'i>(input: &mut &'i [u8], at_most: u64) -> &'i [u8] {
    let length = usize::try_from(at_most).map_or(input.len(), |most| most.min(input.len()));
    let (taken, rest) = input.split_at(length);
    *input = rest;
    taken
}

/// The status, and whether the version is 1.1.
fn status_line(line: &[u8]) -> Result<(u16, bool), HttpError> {
    let (version, rest) = line.split_at_checked(9).ok_or(HttpError::StatusLine)?;
    let is_1_1 = match version {
        b"HTTP/1.1 " => true,
        b"HTTP/1.0 " => false,
        _ => return Err(HttpError::StatusLine),
    };
    let (code, reason) = rest.split_at_checked(3).ok_or(HttpError::StatusLine)?;
    if !code.iter().all(u8::is_ascii_digit) || reason.first().is_some_and(|&byte| byte != b' ') {
        return Err(HttpError::StatusLine);
    }
    let status = code
        .iter()
        .fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    if (100..=999).contains(&status) {
        Ok((status, is_1_1))
    } else {
        Err(HttpError::StatusLine)
    }
}

fn header_line(line: &[u8]) -> Result<(&str, &[u8]), HttpError> {
    let name = line.iter().take_while(|&&byte| is_token(byte)).count();
    let (name, rest) = line.split_at(name);
    let value = rest.strip_prefix(b":").ok_or(HttpError::HeaderLine)?;
    if name.is_empty() {
        return Err(HttpError::HeaderLine);
    }
    if value.iter().any(|&byte| byte == b'\r' || byte == 0) {
        return Err(HttpError::HeaderLine);
    }
    let name = str::from_utf8(name).map_err(|_| HttpError::HeaderLine)?;
    Ok((name, value.trim_ascii()))
}

/// A character of a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// Which bytes they are: names of headers are most of what a response takes to read.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

/// A length, or the same one several times (RFC 9110 §8.6).
fn content_length(value: &[u8]) -> Result<u64, HttpError> {
    let mut lengths = value.split(|&byte| byte == b',').map(|text| {
        let text = text.trim_ascii();
        let valid = (1..=19).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
        valid
            .then(|| str::from_utf8(text).ok()?.parse::<u64>().ok())
            .flatten()
            .ok_or(HttpError::ContentLength)
    });
    let first = lengths.next().ok_or(HttpError::ContentLength)??;
    for other in lengths {
        if other? != first {
            return Err(HttpError::ContentLength);
        }
    }
    Ok(first)
}

fn chunk_size(line: &[u8]) -> Result<u64, HttpError> {
    let line = line.strip_suffix(b"\r\n").unwrap_or(line);
    let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
    let size = size.trim_ascii_end();
    if !(1..=15).contains(&size.len()) || !size.iter().all(u8::is_ascii_hexdigit) {
        return Err(HttpError::Chunk);
    }
    let size = str::from_utf8(size).map_err(|_| HttpError::Chunk)?;
    u64::from_str_radix(size, 16).map_err(|_| HttpError::Chunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The response, its body, and its headers as one line each.
    type Read = (Response, Vec<u8>, Vec<String>);

    fn read(pieces: &[&[u8]], is_head: bool) -> Result<Read, HttpError> {
        let mut reader = ResponseReader::new(is_head);
        let mut body = Vec::new();
        let mut headers = Vec::new();
        let mut left = Vec::new();
        for piece in pieces {
            let mut input = *piece;
            loop {
                match reader.step(&mut input, |name, value| {
                    headers.push(format!("{name}={}", String::from_utf8_lossy(value)));
                })? {
                    Step::NeedInput => break,
                    Step::Body(piece) => body.extend_from_slice(piece),
                    Step::Done(response) => {
                        left.extend_from_slice(input);
                        if left == b"NEXT"
                            || left.is_empty()
                                && piece.as_ptr_range().end
                                    == pieces.last().unwrap().as_ptr_range().end
                        {
                            return Ok((response, body, headers));
                        }
                        break;
                    }
                }
            }
        }
        let response = reader.finish()?;
        Ok((response, body, headers))
    }

    /// Every case runs whole, byte by byte, and cut in two at every place.
    #[track_caller]
    fn check(text: &str, is_head: bool, expected: Result<(u16, bool, &str), HttpError>) {
        let bytes = text.as_bytes();
        let run = |pieces: &[&[u8]]| {
            read(pieces, is_head).map(|(response, body, _)| {
                (
                    response.status,
                    response.keep_alive,
                    String::from_utf8(body).unwrap(),
                )
            })
        };
        let expected = expected.map(|(status, keep, body)| (status, keep, body.to_string()));
        assert_eq!(run(&[bytes]), expected, "{text:?} whole");
        assert_eq!(
            run(&bytes.chunks(1).collect::<Vec<_>>()),
            expected,
            "{text:?} byte by byte"
        );
        for at in 1..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(run(&[head, tail]), expected, "{text:?} cut at {at}");
        }
    }

    #[test]
    fn framings() {
        check(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloNEXT",
            false,
            Ok((200, true, "hello")),
        );
        check(
            "HTTP/1.1 202 \r\ncontent-length:0\r\n\r\nNEXT",
            false,
            Ok((202, true, "")),
        );
        check(
            "HTTP/1.1 200\r\nContent-Length: 5, 5\r\nContent-Length: 5\r\n\r\nhello",
            false,
            Ok((200, true, "hello")),
        );
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n06 ;x=y\r\n world\r\n0\r\n\r\nNEXT",
            false,
            Ok((200, true, "hello world")),
        );
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\nTrailer: y\r\n\r\nNEXT",
            false,
            Ok((200, true, "x")),
        );
        check(
            "HTTP/1.1 200 OK\r\n\r\nuntil close",
            false,
            Ok((200, false, "until close")),
        );
        check(
            "HTTP/1.1 204 No Content\r\n\r\nNEXT",
            false,
            Ok((204, true, "")),
        );
        check(
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nNEXT",
            false,
            Ok((304, true, "")),
        );
        check(
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nNEXT",
            true,
            Ok((200, true, "")),
        );
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxNEXT",
            false,
            Ok((200, true, "x")),
        );
    }

    #[test]
    fn keep_alive() {
        check(
            "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n",
            false,
            Ok((200, false, "")),
        );
        check(
            "HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 0\r\n\r\n",
            false,
            Ok((200, false, "")),
        );
        check(
            "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
            false,
            Ok((200, true, "")),
        );
        check(
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            false,
            Ok((200, false, "")),
        );
    }

    #[test]
    fn faults() {
        let head = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n");
        for text in [
            "garbage\r\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000\r\n\r\n",
            "HTTP/1.1 099 x\r\n\r\n",
            "\r\n\r\n",
        ] {
            check(text, false, Err(HttpError::StatusLine));
        }
        for line in [
            "no colon",
            ": x",
            "a b: c",
            " folded: x",
            "x: a\rb",
            "x: a\ny: b",
        ] {
            check(&head(line), false, Err(HttpError::HeaderLine));
        }
        for line in [
            "Content-Length: x",
            "Content-Length: ",
            "Content-Length: -1",
            "Content-Length: 1, 2",
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: 99999999999999999999",
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
        ] {
            check(&head(line), false, Err(HttpError::ContentLength));
        }
        for line in [
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        ] {
            check(&head(line), false, Err(HttpError::TransferEncoding));
        }
        let chunked = head("Transfer-Encoding: chunked");
        for body in [
            "x\r\n",
            "\r\n",
            "5\r\nhelloXX",
            "fffffffffffffffff\r\n",
            "-1\r\n",
        ] {
            check(&format!("{chunked}{body}"), false, Err(HttpError::Chunk));
        }
        check(
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            false,
            Err(HttpError::SwitchingProtocols),
        );
        for text in [
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            "HTTP/1.1 100 Continue\r\n\r\n",
        ] {
            check(text, false, Err(HttpError::Truncated));
        }
        check(
            &format!("{chunked}5\r\nhello\r\n"),
            false,
            Err(HttpError::Truncated),
        );
        let long = head(&format!("x: {}", "y".repeat(MAX_HEAD)));
        assert_eq!(read(&[long.as_bytes()], false), Err(HttpError::LongHead));
        let half = &long.as_bytes()[..MAX_HEAD + 1];
        assert_eq!(read(&[half], false), Err(HttpError::LongHead));
    }

    #[test]
    fn headers_are_handed_out() {
        let (_, _, headers) = read(
            &[b"HTTP/1.1 503 x\r\nRetry-After:  7 \r\nX-Y: a:b\r\nContent-Length: 0\r\n\r\n"],
            false,
        )
        .unwrap();
        assert_eq!(headers, ["Retry-After=7", "X-Y=a:b", "Content-Length=0"]);
    }
}
