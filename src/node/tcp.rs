//! The socket under a connection.
//!
//! ureq has one of its own, which can't keep a deadline: its timeout is one for each system call, so that a peer
//! that reads a few bytes at a time holds up a write for as long as it likes. This one looks at the clock before
//! each call. It can also say what has come without waiting for more, whether or not TLS lies above it.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};

use super::connection::{INPUT_BUFFER, OUTPUT_BUFFER};

/// A socket, and its buffers.
pub(super) struct Tcp {
    stream: TcpStream,
    buffers: LazyBuffers,
    /// What the socket was told last: each change is a system call.
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl Tcp {
    /// Connects to one of the addresses, in their order. Each gets half of the time that is left, and the last one
    /// all of it.
    ///
    /// # Errors
    ///
    /// That of the last address.
    pub(super) fn connect(addresses: &[SocketAddr], until: Instant) -> io::Result<Self> {
        let mut error = io::Error::from(ErrorKind::TimedOut);
        for (at, address) in addresses.iter().enumerate() {
            let left = until.saturating_duration_since(Instant::now());
            let is_last = at + 1 == addresses.len();
            let share = if is_last { left } else { left / 2 };
            if share.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(address, share) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self {
                        stream,
                        buffers: LazyBuffers::new(INPUT_BUFFER, OUTPUT_BUFFER),
                        read_timeout: None,
                        write_timeout: None,
                    });
                }
                Err(this) => error = this,
            }
        }
        Err(error)
    }

    /// Writes all of the output. A write takes what the peer makes room for and returns then, or when its timeout
    /// is over; so the clock is looked at before each.
    fn write(&mut self, amount: usize, until: Instant) -> io::Result<()> {
        let mut written = 0;
        while written < amount {
            let timeout = coarse(until.saturating_duration_since(Instant::now()))?;
            if self.write_timeout != Some(timeout) {
                self.stream.set_write_timeout(Some(timeout))?;
                self.write_timeout = Some(timeout);
            }
            match self.stream.write(&self.buffers.output()[written..amount]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => written += length,
                // Its time may be up, or not quite: the next turn looks.
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&mut self, until: Instant) -> io::Result<usize> {
        loop {
            let timeout = coarse(until.saturating_duration_since(Instant::now()))?;
            if self.read_timeout != Some(timeout) {
                self.stream.set_read_timeout(Some(timeout))?;
                self.read_timeout = Some(timeout);
            }
            match self.stream.read(self.buffers.input_append_buf()) {
                Err(error) if is_pause(&error) => {}
                result => return result,
            }
        }
    }

    /// What has come by now. [`ErrorKind::WouldBlock`]: nothing.
    fn poll(&mut self) -> io::Result<usize> {
        self.stream.set_nonblocking(true)?;
        let result = loop {
            match self.stream.read(self.buffers.input_append_buf()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.stream.set_nonblocking(false)?;
        result
    }
}

/// Whether a call ended before its work was done, and may be made again.
fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut
    )
}

/// A timeout that the socket is told: what is left, in whole twentieths of a second where it is long. Else it would
/// be another one for nearly every read and write, and each change of it is a system call.
fn coarse(left: Duration) -> io::Result<Duration> {
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    Ok(match left.as_secs() {
        0 => left,
        _ => left - Duration::from_nanos(u64::from(left.subsec_nanos() % 50_000_000)),
    })
}

/// When a timeout is over. One that never is does not come here, and would be a day.
fn end_of(timeout: NextTimeout) -> Instant {
    Instant::now() + (*timeout.after).min(Duration::from_secs(86_400))
}

impl fmt::Debug for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tcp")
    }
}

impl Transport for Tcp {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        Ok(self.write(amount, end_of(timeout))?)
    }

    /// A timeout of zero asks for what has come by now.
    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let length = if timeout.after.is_zero() {
            self.poll()?
        } else {
            self.read(end_of(timeout))?
        };
        self.buffers.input_appended(length);
        Ok(length > 0)
    }

    /// Only ureq's own pool would ask for it.
    fn is_open(&mut self) -> bool {
        true
    }
}
