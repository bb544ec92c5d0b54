//! One connection to the Node: bytes out, responses in.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ureq::unversioned::transport::time::Duration as UreqDuration;
use ureq::unversioned::transport::{NextTimeout, Transport};

use super::failure::Failure;
use super::pace::Pace;
use super::retry_after;
use super::tcp::{LOOK, OUTPUT_BUFFER, Tcp};
use crate::http1::{HttpError, ResponseReader, Step};

/// How many pieces go to the socket in one system call. A round mostly is one piece, and a batch a few.
const PIECES: usize = 8;

/// How long a connection may lie idle and still be used. Load balancers close after 60 s by
/// default; an execution environment that was frozen for longer has missed that they did.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// The shortest wait for what may still come on a connection that is left: a server's thread that had to give way to
/// others is held up for milliseconds, however fast it was before.
const SHORTEST_LOOK: Duration = Duration::from_millis(10);

/// The longest of these waits.
const LONGEST_LOOK: Duration = Duration::from_millis(50);

/// The longest body that is read so that its connection can be used again. Responses have short ones, or none.
const MAX_BODY: usize = 64 * 1024;

/// What the bytes go through.
pub(super) enum Stream {
    /// They go from where they are to the socket.
    Plain(Tcp),
    /// They are copied into buffers, and encrypted.
    Tls(Box<dyn Transport>),
}

impl Stream {
    fn transport(&mut self) -> &mut dyn Transport {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(transport) => &mut **transport,
        }
    }
}

pub(super) struct Connection {
    stream: Stream,
    reader: ResponseReader,
    /// Tells this connection from the earlier ones.
    pub(super) number: usize,
    /// How many responses came on it.
    pub(super) responses: u64,
    /// The longest that a response took to come.
    pub(super) slowest: Duration,
    /// It has accepted a message of this delivery, so that what fails on it is probably not its own fault.
    pub(super) is_proven: bool,
    /// How many messages may be written before the first response comes. It begins with one and grows to twice what a
    /// clean round had, so that a server that responds to only one at a time is never sent what it would not read.
    pub(super) window: usize,
    /// What is known of its responses to HEAD.
    pub(super) heads: Heads,
    /// A response to HEAD has announced a body within a round, where it had not been expected: the next response may be
    /// that body.
    pub(super) is_doubtful: bool,
    /// How fast responses come.
    pub(super) pace: Pace,
    /// By both clocks: an execution environment's monotonic clock may stand still while it is
    /// frozen (DESIGN.md, "Freeze and thaw").
    last_used: (Instant, SystemTime),
}

/// What is known of a connection's responses to HEAD, which must have no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heads {
    Unknown,
    /// One came that announced no body, and nothing has followed it.
    Bare,
    /// One has announced a body, as the response to GET would have it. Some servers send it too.
    Announced,
}

/// What has come on a connection on which no response is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quiet {
    /// Nothing: the next response will be the next message's.
    Yes,
    /// The end of the connection.
    Closed,
    /// Bytes that no message has asked for. An earlier response may have been counted for the wrong message.
    No,
}

/// A response, of which the head has come whole, and mostly the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Whether the connection can take another message.
    pub(super) keep_alive: bool,
    /// Its body is not read to the end, so that what follows on the connection says nothing.
    pub(super) is_cut: bool,
    /// For how long the server wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Connection {
    pub(super) fn new(stream: Stream, number: usize) -> Self {
        Self {
            stream,
            reader: ResponseReader::new(false),
            number,
            responses: 0,
            slowest: Duration::ZERO,
            is_proven: false,
            window: 1,
            heads: Heads::Unknown,
            is_doubtful: false,
            pace: Pace::default(),
            last_used: (Instant::now(), SystemTime::now()),
        }
    }

    /// Whether it was used lately enough that the peer, or what lies on the way, still knows it.
    pub(super) fn is_fresh(&self) -> bool {
        let (monotonic, wall) = self.last_used;
        // A wall clock that went backwards says nothing about idleness.
        let idle = monotonic.elapsed().max(wall.elapsed().unwrap_or_default());
        idle < MAX_IDLE
    }

    /// Notes that it was used now.
    pub(super) fn mark_used(&mut self) {
        self.last_used = (Instant::now(), SystemTime::now());
    }

    /// Whether bytes lie in the buffer that no message has asked for.
    pub(super) fn has_input(&mut self) -> bool {
        !self.stream.transport().buffers().input().is_empty()
    }

    /// Reads what has come by now.
    fn poll(&mut self) -> Result<bool, ureq::Error> {
        self.stream.transport().await_input(LOOK)
    }

    /// Looks at what has come: in the buffer, in the TLS session and at the socket. It waits for nothing.
    ///
    /// It is asked before each round, since a response says only by its place which message it belongs to.
    pub(super) fn quiet(&mut self) -> Quiet {
        if self.has_input() {
            return Quiet::No;
        }
        match self.poll() {
            Ok(true) => Quiet::No,
            // A session ticket, say, is for TLS alone and brings nothing.
            Err(ureq::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Quiet::Yes,
            // More came for TLS alone than could be looked through, and nobody knows what follows it.
            Err(ureq::Error::Io(error)) if is_over(&error) => Quiet::No,
            Ok(false) | Err(_) => Quiet::Closed,
        }
    }

    /// Waits for the end of the connection, or for bytes that no message has asked for, about as long as a response
    /// takes here.
    pub(super) fn await_end(&mut self) {
        self.await_more(self.slowest.clamp(SHORTEST_LOOK, LONGEST_LOOK));
    }

    /// Waits longer, since something probably comes. This happens once in the life of a connection.
    pub(super) fn await_body(&mut self) {
        self.await_more(2 * LONGEST_LOOK);
    }

    fn await_more(&mut self, wait: Duration) {
        if !self.has_input()
            && let Ok(timeout) = next_timeout(Instant::now() + wait)
        {
            // What came of it is in the buffer, or shows at the next look.
            let _ = self.stream.transport().await_input(timeout);
        }
    }

    /// Writes the pieces, one after the other, in as few system calls as can be.
    pub(super) fn write<'a>(
        &mut self,
        mut pieces: impl Iterator<Item = &'a [u8]>,
        until: Instant,
    ) -> Result<(), Failure> {
        let transport = match &mut self.stream {
            Stream::Plain(tcp) => loop {
                let mut some = [IoSlice::new(&[]); PIECES];
                let mut count = 0;
                for (slice, piece) in some.iter_mut().zip(&mut pieces) {
                    *slice = IoSlice::new(piece);
                    count += 1;
                }
                tcp.write(&mut some[..count], until)
                    .map_err(ureq::Error::Io)?;
                if count < PIECES {
                    return Ok(());
                }
            },
            Stream::Tls(transport) => transport,
        };
        let mut filled = 0;
        for mut piece in pieces {
            while !piece.is_empty() {
                let output = &mut transport.buffers().output()[filled..];
                let length = piece.len().min(output.len());
                output[..length].copy_from_slice(&piece[..length]);
                filled += length;
                piece = &piece[length..];
                if filled == OUTPUT_BUFFER {
                    transport.transmit_output(filled, next_timeout(until)?)?;
                    filled = 0;
                }
            }
        }
        if filled > 0 {
            transport.transmit_output(filled, next_timeout(until)?)?;
        }
        // rustls says nothing of a write that has timed out in the middle of a record, and would begin it again.
        next_timeout(until).map(drop)
    }

    /// Whether more may be there than was read last. TLS may always have more.
    fn may_have_more(&self) -> bool {
        match &self.stream {
            Stream::Plain(tcp) => tcp.is_full(),
            Stream::Tls(_) => true,
        }
    }

    /// Waits for bytes, after a pause if one is of use.
    fn await_input(&mut self, until: Instant, pause: Duration) -> Result<bool, Failure> {
        // Neither past the end of the time, nor where more is there than was read.
        let left = until.saturating_duration_since(Instant::now());
        let pause = pause.min(left / 2);
        if !pause.is_zero() && self.reader.is_untouched() {
            if self.may_have_more() {
                match self.poll() {
                    Err(ureq::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
                    came => return Ok(came?),
                }
            }
            thread::sleep(pause);
            self.pace.note_paused();
            // A process that was stopped meanwhile, and for longer than the time that was left, takes what has come.
            if Instant::now() >= until && matches!(self.poll(), Ok(true)) {
                return Ok(true);
            }
        }
        let timeout = next_timeout(until)?;
        Ok(self.stream.transport().await_input(timeout)?)
    }

    /// Reads the next response. What follows it stays for the next call. `wait` says when it has to be there, and for
    /// how long the connection may be left alone before that. It is asked once, and only where the response isn't there
    /// yet: responses mostly come together, and looking at the clock for each was 6 % of what `resend` costs.
    ///
    /// A whole head is a response: the body says nothing that we would act on. Where the body does not come to its
    /// end, the connection does.
    pub(super) fn read(
        &mut self,
        is_head: bool,
        wait: &mut dyn FnMut(&mut Pace) -> (Instant, Duration),
    ) -> Result<Response, Failure> {
        self.reader.reset(is_head);
        let mut retry_after = None;
        let mut waits_until = None;
        let mut body = 0;
        // The first bytes of a connection tell another protocol.
        let mut first = [0; 2];
        let cut = loop {
            let mut rest = self.stream.transport().buffers().input();
            let before = rest.len();
            if self.responses == 0 && self.reader.is_untouched() && before > 1 {
                first.copy_from_slice(&rest[..2]);
            }
            let step = self.reader.step(&mut rest, |name, value| {
                if name.eq_ignore_ascii_case("retry-after") {
                    retry_after = retry_after::parse(value, SystemTime::now());
                }
            });
            let consumed = before - rest.len();
            let step = match step {
                Ok(Step::Done(response)) => {
                    self.stream.transport().buffers().input_consume(consumed);
                    self.responses += 1;
                    if is_head && self.reader.announces_body() {
                        self.is_doubtful |= self.heads == Heads::Bare;
                        self.heads = Heads::Announced;
                    }
                    return Ok(Response {
                        status: response.status,
                        keep_alive: response.keep_alive,
                        is_cut: false,
                        retry_after,
                    });
                }
                Ok(Step::Body(piece)) => {
                    body += piece.len();
                    None
                }
                Ok(Step::NeedInput) => Some(Ok(())),
                Err(error) => Some(Err(Failure::of_bytes(error, first))),
            };
            self.stream.transport().buffers().input_consume(consumed);
            if self.reader.is_until_close() || body > MAX_BODY {
                break Failure::Closed;
            }
            match step {
                None => {}
                Some(Err(failure)) => break failure,
                Some(Ok(())) => {
                    let (until, pause) = match waits_until {
                        Some(until) => (until, Duration::ZERO),
                        None => wait(&mut self.pace),
                    };
                    waits_until = Some(until);
                    match self.await_input(until, pause) {
                        Ok(true) => {}
                        Ok(false) if self.reader.is_untouched() => break Failure::Closed,
                        Ok(false) => break Failure::of_bytes(HttpError::Truncated, first),
                        Err(failure) => break failure,
                    }
                }
            }
        };
        let status = self.reader.status().ok_or(cut)?;
        self.responses += 1;
        Ok(Response {
            status,
            keep_alive: false,
            is_cut: true,
            retry_after,
        })
    }
}

/// Whether it was the look that took too long, and not the system that has given the connection up.
fn is_over(error: &io::Error) -> bool {
    error.kind() == ErrorKind::TimedOut && error.raw_os_error().is_none()
}

/// What is left until then, as ureq's chain takes it.
pub(super) fn next_timeout(until: Instant) -> Result<NextTimeout, Failure> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Failure::Timeout);
    }
    Ok(NextTimeout {
        after: UreqDuration::from(left),
        ..NextTimeout::default()
    })
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("number", &self.number)
            .field("responses", &self.responses)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}
