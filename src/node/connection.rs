//! One connection to the Node: bytes out, responses in.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use ureq::unversioned::transport::time::Duration as UreqDuration;
use ureq::unversioned::transport::{NextTimeout, Transport};

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

pub(super) struct Connection {
    transport: Box<dyn Transport>,
    reader: ResponseReader,
    /// Tells this connection from the earlier ones.
    pub(super) number: usize,
    /// How many responses came on it.
    pub(super) responses: u64,
    /// How many messages may be written before the first response comes. It begins with one and doubles with each
    /// clean round, so that a server that responds to only one at a time is never sent what it would not read.
    pub(super) window: usize,
    /// By both clocks: an execution environment's monotonic clock may stand still while it is
    /// frozen (DESIGN.md, "Freeze and thaw").
    last_used: (Instant, SystemTime),
}

/// A response that was read to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Whether the connection can take another message.
    pub(super) keep_alive: bool,
    /// For how long the server wants to be left alone.
    pub(super) retry_after: Option<Duration>,
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    Timeout,
    Closed,
    /// The certificate, or another part of the handshake.
    Tls(String),
    Io(String),
    Http(HttpError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("timed out"),
            Self::Closed => f.write_str("the connection was closed"),
            Self::Tls(error) | Self::Io(error) => f.write_str(error),
            Self::Http(error) => error.fmt(f),
        }
    }
}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        use std::io::ErrorKind;
        match &error {
            ureq::Error::Timeout(_) => Self::Timeout,
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => Self::Tls(error.to_string()),
            // The handshake wraps rustls' errors so.
            ureq::Error::Io(io) if io.kind() == ErrorKind::InvalidData => {
                Self::Tls(error.to_string())
            }
            ureq::Error::Io(io) if io.kind() == ErrorKind::TimedOut => Self::Timeout,
            // Its own words would be "connection refused", and a refusal is the Node's response to a record.
            ureq::Error::Io(io) if io.kind() == ErrorKind::ConnectionRefused => {
                Self::Io("nothing listens at the Node's address and port".to_string())
            }
            ureq::Error::Io(io)
                if matches!(
                    io.kind(),
                    ErrorKind::ConnectionReset
                        | ErrorKind::ConnectionAborted
                        | ErrorKind::BrokenPipe
                        | ErrorKind::UnexpectedEof
                ) =>
            {
                Self::Closed
            }
            _ => Self::Io(error.to_string()),
        }
    }
}

impl Connection {
    pub(super) fn new(transport: Box<dyn Transport>, number: usize) -> Self {
        Self {
            transport,
            reader: ResponseReader::new(false),
            number,
            responses: 0,
            window: 1,
            last_used: (Instant::now(), SystemTime::now()),
        }
    }

    /// Whether it was used lately, and the peer has not closed it as far as is known here.
    pub(super) fn is_usable(&mut self) -> bool {
        let (monotonic, wall) = self.last_used;
        // A wall clock that went backwards says nothing about idleness.
        let idle = monotonic.elapsed().max(wall.elapsed().unwrap_or_default());
        idle < MAX_IDLE && !self.has_input() && self.transport.is_open()
    }

    /// Notes that it was used now.
    pub(super) fn mark_used(&mut self) {
        self.last_used = (Instant::now(), SystemTime::now());
    }

    /// Whether bytes have come that no message asked for.
    pub(super) fn has_input(&mut self) -> bool {
        !self.transport.buffers().input().is_empty()
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

    /// Reads the next response to its end. What follows it stays for the next call. `until`, when it
    /// has to be there, is only asked for where it isn't there yet: responses mostly come together,
    /// and looking at the clock for each was 6 % of what `resend` costs.
    pub(super) fn read(
        &mut self,
        is_head: bool,
        until: impl Fn() -> Instant,
    ) -> Result<Response, Failure> {
        self.reader.reset(is_head);
        let mut retry_after = None;
        let mut waits_until = None;
        loop {
            let mut rest = self.transport.buffers().input();
            let before = rest.len();
            let step = self.reader.step(&mut rest, |name, value| {
                if name.eq_ignore_ascii_case("retry-after") {
                    retry_after = retry_after::parse(value, SystemTime::now());
                }
            });
            let consumed = before - rest.len();
            let step = step.map(|step| match step {
                Step::NeedInput => None,
                // The body says nothing that we would act on.
                Step::Body(_) => Some(None),
                Step::Done(response) => Some(Some(response)),
            });
            self.transport.buffers().input_consume(consumed);
            let response = match step.map_err(Failure::Http)? {
                Some(None) => continue,
                Some(Some(response)) => response,
                None if {
                    let until = *waits_until.get_or_insert_with(&until);
                    self.transport.await_input(next_timeout(until)?)?
                } =>
                {
                    continue;
                }
                None if self.reader.is_untouched() => return Err(Failure::Closed),
                None => self.reader.finish().map_err(Failure::Http)?,
            };
            self.responses += 1;
            return Ok(Response {
                status: response.status,
                keep_alive: response.keep_alive,
                retry_after,
            });
        }
    }
}

/// What is left until then, as ureq's chain takes it.
///
/// ureq tells the socket of each timeout that differs from the one before, which is a system call for nearly
/// every read and write. So a long one is cut to whole twentieths of a second.
pub(super) fn next_timeout(until: Instant) -> Result<NextTimeout, Failure> {
    let mut left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Failure::Timeout);
    }
    if left > Duration::from_secs(1) {
        left -= Duration::from_nanos(u64::from(left.subsec_nanos() % 50_000_000));
    }
    Ok(NextTimeout {
        after: UreqDuration::from(left),
        reason: ureq::Timeout::Global,
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
