//! One connection to the Node: bytes out, responses in.

use std::fmt;
use std::io::ErrorKind;
use std::time::{Duration, Instant, SystemTime};

use ureq::unversioned::transport::time::Duration as UreqDuration;
use ureq::unversioned::transport::{NextTimeout, Transport};

use super::failure::Failure;
use super::retry_after;
use crate::http1::{HttpError, ResponseReader, Step};

// A connection has both buffers to itself, and ureq touches all of them, twice with TLS. So they are as
// small as they can be: with 8 and 32 KiB eight connections took 152 KiB more, 304 with TLS.

/// How much is read at a time. Responses are small, and several of them come together.
pub(super) const INPUT_BUFFER: usize = 4 * 1024;

/// How much is written at a time. A chunk of `resend` mostly fits, so that it goes in one system call, and a
/// record of TLS always does, which has up to 16,406 bytes.
pub(super) const OUTPUT_BUFFER: usize = 17 * 1024;

/// How long a connection may lie idle and still be used. Load balancers close after 60 s by
/// default; an execution environment that was frozen for longer has missed that they did.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// The longest wait for what may still come on a connection that is left.
const LAST_LOOK: Duration = Duration::from_millis(50);

/// The longest body that is read so that its connection can be used again. Responses have short ones, or none.
const MAX_BODY: usize = 64 * 1024;

pub(super) struct Connection {
    transport: Box<dyn Transport>,
    reader: ResponseReader,
    /// Tells this connection from the earlier ones.
    pub(super) number: usize,
    /// How many responses came on it.
    pub(super) responses: u64,
    /// The longest that a response took to come.
    pub(super) slowest: Duration,
    /// It has accepted a message of this delivery, so that what fails on it is probably not its own fault.
    pub(super) is_proven: bool,
    /// How many messages may be written before the first response comes. It begins with one and doubles with each
    /// clean round, so that a server that responds to only one at a time is never sent what it would not read.
    pub(super) window: usize,
    /// By both clocks: an execution environment's monotonic clock may stand still while it is
    /// frozen (DESIGN.md, "Freeze and thaw").
    last_used: (Instant, SystemTime),
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
    pub(super) fn new(transport: Box<dyn Transport>, number: usize) -> Self {
        Self {
            transport,
            reader: ResponseReader::new(false),
            number,
            responses: 0,
            slowest: Duration::ZERO,
            is_proven: false,
            window: 1,
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
        !self.transport.buffers().input().is_empty()
    }

    /// Looks at what has come: in the buffer, in the TLS session and at the socket. It waits for nothing.
    ///
    /// It is asked before each round, since a response says only by its place which message it belongs to.
    pub(super) fn quiet(&mut self) -> Quiet {
        if self.has_input() {
            return Quiet::No;
        }
        let now = NextTimeout {
            after: UreqDuration::from(Duration::ZERO),
            ..NextTimeout::default()
        };
        match self.transport.await_input(now) {
            Ok(true) => Quiet::No,
            // A session ticket, say, is for TLS alone and brings nothing.
            Err(ureq::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Quiet::Yes,
            Ok(false) | Err(_) => Quiet::Closed,
        }
    }

    /// Waits for the end of the connection, or for bytes that no message has asked for, about as long as a response
    /// takes here.
    pub(super) fn await_end(&mut self) {
        if !self.has_input()
            && let Ok(timeout) = next_timeout(Instant::now() + self.slowest.min(LAST_LOOK))
        {
            // What came of it is in the buffer, or shows at the next look.
            let _ = self.transport.await_input(timeout);
        }
    }

    /// Writes the pieces, one after the other, in as few system calls as the buffer allows.
    pub(super) fn write<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]>,
        until: Instant,
    ) -> Result<(), Failure> {
        let mut filled = 0;
        for mut piece in pieces {
            while !piece.is_empty() {
                let output = &mut self.transport.buffers().output()[filled..];
                let length = piece.len().min(output.len());
                output[..length].copy_from_slice(&piece[..length]);
                filled += length;
                piece = &piece[length..];
                if filled == OUTPUT_BUFFER {
                    self.transport
                        .transmit_output(filled, next_timeout(until)?)?;
                    filled = 0;
                }
            }
        }
        if filled > 0 {
            self.transport
                .transmit_output(filled, next_timeout(until)?)?;
        }
        Ok(())
    }

    /// Reads the next response. What follows it stays for the next call. `until`, when it
    /// has to be there, is only asked for where it isn't there yet: responses mostly come together,
    /// and looking at the clock for each was 6 % of what `resend` costs.
    ///
    /// A whole head is a response: the body says nothing that we would act on. Where the body does not come to its
    /// end, the connection does.
    pub(super) fn read(
        &mut self,
        is_head: bool,
        until: impl Fn() -> Instant,
    ) -> Result<Response, Failure> {
        self.reader.reset(is_head);
        let mut retry_after = None;
        let mut waits_until = None;
        let mut body = 0;
        // The first bytes of a connection tell another protocol.
        let mut first = [0; 2];
        let cut = loop {
            let mut rest = self.transport.buffers().input();
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
                    self.transport.buffers().input_consume(consumed);
                    self.responses += 1;
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
            self.transport.buffers().input_consume(consumed);
            if self.reader.is_until_close() || body > MAX_BODY {
                break Failure::Closed;
            }
            match step {
                None => {}
                Some(Err(failure)) => break failure,
                Some(Ok(())) => {
                    let until = *waits_until.get_or_insert_with(&until);
                    let came = next_timeout(until).and_then(|timeout| {
                        self.transport.await_input(timeout).map_err(Failure::from)
                    });
                    match came {
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
