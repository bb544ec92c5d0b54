//! The socket under a connection.
//!
//! ureq has one of its own, which can't keep a deadline: its timeout is one for each system call, so that a peer
//! that reads a few bytes at a time holds up a write for as long as it likes. This one looks at the clock before
//! each call. It can also say what has come without waiting for more, whether or not TLS lies above it.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use ureq::Timeout;
use ureq::unversioned::transport::time::Duration as UreqDuration;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

/// How much is read at a time. Responses are small, and many of them come together. Of what is not needed no page is
/// touched.
const INPUT_BUFFER: usize = 16 * 1024;

// ureq's TLS has both buffers for each connection, and touches all of them. So they are as small as they can be.

/// How much TLS reads at a time: what rustls takes at once.
pub(super) const TLS_INPUT_BUFFER: usize = 4 * 1024;

/// How much TLS writes at a time. A record of it always fits, which has up to 16,406 bytes.
pub(super) const OUTPUT_BUFFER: usize = 17 * 1024;

/// How much is taken of what comes while the peer takes nothing. A peer goes on when a third of what its system holds
/// for it is gone, and that is up to 4 MiB.
const MAX_EARLY: usize = 2 * 1024 * 1024;

/// For how long a write waits for room before it is looked at what has come.
const STALL: Duration = Duration::from_millis(20);

/// Asks for what has come by now, without waiting for more. TLS asks again until it has something to hand over, so that
/// a look needs an end, too: a peer can send for ever what is for TLS alone. No processor is taken away for that long.
pub(super) const LOOK: NextTimeout = NextTimeout {
    after: UreqDuration::Exact(Duration::from_millis(250)),
    reason: Timeout::PerRead,
    per_read: None,
    per_write: None,
};

/// A socket, and its buffers.
pub(super) struct Tcp {
    stream: TcpStream,
    buffers: OwnBuffers,
    /// What the socket was told last: each change is a system call.
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    is_nonblocking: bool,
}

/// ureq's own buffers can't grow, which they have to where responses come before their round is written.
#[derive(Default)]
struct OwnBuffers {
    input: Vec<u8>,
    /// Where in it the bytes are that were read and not used.
    from: usize,
    to: usize,
    /// For TLS alone: what is not encrypted goes from where it is.
    output: Vec<u8>,
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
                        buffers: OwnBuffers::default(),
                        read_timeout: None,
                        write_timeout: None,
                        is_nonblocking: false,
                    });
                }
                Err(this) => error = this,
            }
        }
        Err(error)
    }

    /// Writes all of the pieces. After a look at what has come, the socket does not block, and mostly takes all of it
    /// at once. Where it does not, the peer may be waiting until somebody reads what it has written: so that is
    /// taken in between. The clock is looked at before each write, since a peer may take a few bytes at a time.
    pub(super) fn write(&mut self, pieces: &mut [IoSlice<'_>], until: Instant) -> io::Result<()> {
        let mut pieces = pieces;
        IoSlice::advance_slices(&mut pieces, 0);
        while !pieces.is_empty() {
            let left = left(until)?;
            if !self.is_nonblocking {
                let timeout = left.min(STALL);
                if self.write_timeout != Some(timeout) {
                    self.stream.set_write_timeout(Some(timeout))?;
                    self.write_timeout = Some(timeout);
                }
            }
            match self.stream.write_vectored(pieces) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => IoSlice::advance_slices(&mut pieces, length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_pause(&error) => self.make_room()?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what has come while the peer takes nothing, and lets the next write wait.
    #[cold]
    fn make_room(&mut self) -> io::Result<()> {
        while self.buffers.input().len() < MAX_EARLY {
            match self.poll() {
                Ok(0) => break,
                Ok(length) => self.buffers.input_appended(length),
                Err(error) if is_pause(&error) => break,
                Err(error) => return Err(error),
            }
        }
        self.set_nonblocking(false)
    }

    fn read(&mut self, until: Instant) -> io::Result<usize> {
        loop {
            let left = left(until)?;
            self.set_nonblocking(false)?;
            // A shorter timeout than what is left is fine, since the next turn goes on waiting. So it is changed only
            // now and then, while a deadline comes nearer with each read.
            let known = self.read_timeout.unwrap_or_default();
            if known.is_zero() || known > left || known < left / 4 {
                let timeout = match left.as_millis() {
                    ..100 => left,
                    _ => left - left / 4,
                };
                self.stream.set_read_timeout(Some(timeout))?;
                self.read_timeout = Some(timeout);
            }
            match self.stream.read(self.buffers.input_append_buf()) {
                Err(error) if is_pause(&error) => {}
                result => return result,
            }
        }
    }

    /// What has come by now. [`ErrorKind::WouldBlock`]: nothing. What is written next does not wait either, unless it
    /// has to: so the socket is told twice for a round and not four times.
    fn poll(&mut self) -> io::Result<usize> {
        self.set_nonblocking(true)?;
        loop {
            match self.stream.read(self.buffers.input_append_buf()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Whether more may be there than was read last.
    pub(super) fn is_full(&self) -> bool {
        self.buffers.to == self.buffers.input.len()
    }

    fn set_nonblocking(&mut self, is_nonblocking: bool) -> io::Result<()> {
        if self.is_nonblocking != is_nonblocking {
            self.stream.set_nonblocking(is_nonblocking)?;
            self.is_nonblocking = is_nonblocking;
        }
        Ok(())
    }
}

impl Buffers for OwnBuffers {
    fn output(&mut self) -> &mut [u8] {
        if self.output.is_empty() {
            self.output = vec![0; OUTPUT_BUFFER];
        }
        &mut self.output
    }

    fn input(&self) -> &[u8] {
        &self.input[self.from..self.to]
    }

    /// There is always room in it.
    fn input_append_buf(&mut self) -> &mut [u8] {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
            if self.input.len() != INPUT_BUFFER {
                // The first time, or since more than usual had come.
                self.input = vec![0; INPUT_BUFFER];
            }
        } else if self.to == self.input.len() {
            self.input.copy_within(self.from.., 0);
            (self.from, self.to) = (0, self.to - self.from);
            self.input.resize(self.to + INPUT_BUFFER, 0);
        }
        &mut self.input[self.to..]
    }

    fn input_appended(&mut self, amount: usize) {
        self.to += amount;
    }

    fn input_consume(&mut self, amount: usize) {
        self.from += amount;
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        (&mut self.input[self.to..], &mut self.output)
    }

    fn can_use_input(&self) -> bool {
        self.from < self.to
    }
}

/// Whether a call ended before its work was done, and may be made again.
fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut
    )
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    Ok(left)
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
        // Out of the way while `write` may read.
        let output = std::mem::take(&mut self.buffers.output);
        let result = self.write(&mut [IoSlice::new(&output[..amount])], end_of(timeout));
        self.buffers.output = output;
        Ok(result?)
    }

    /// A timeout of zero is over, however much lies there: TLS passes on what its reads before have left.
    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let length = if timeout.reason == LOOK.reason && !timeout.after.is_zero() {
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A connection, and its other end.
    fn pair() -> (Tcp, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let tcp = Tcp::connect(&[address], Instant::now() + MINUTE).unwrap();
        let (server, _) = listener.accept().unwrap();
        (tcp, server)
    }

    /// Both would wait for each other until the timeout, since neither reads while it writes.
    #[test]
    fn what_comes_is_taken_while_the_peer_takes_nothing() {
        // More than both sockets hold.
        const AMOUNT: usize = 32 * 1024 * 1024;
        for is_looked_before in [false, true] {
            let (mut tcp, mut server) = pair();
            let server = thread::spawn(move || {
                let mut piece = vec![b'r'; 64 * 1024];
                server.set_nonblocking(true).unwrap();
                // What is on its way only seems to fill the sockets.
                let mut blocked = 0;
                while blocked < 5 {
                    let is_blocked = server.write(&piece).is_err();
                    blocked = if is_blocked { blocked + 1 } else { 0 };
                    thread::sleep(Duration::from_millis(10));
                }
                // Nothing is read before there is room for more.
                while server.write(&piece).is_err() {
                    thread::sleep(Duration::from_millis(1));
                }
                server.set_nonblocking(false).unwrap();
                let mut came = 0;
                while came < AMOUNT {
                    let length = server.read(&mut piece).unwrap();
                    assert!(length > 0 && piece[..length].iter().all(|&byte| byte == b'q'));
                    came += length;
                }
                came
            });
            if is_looked_before {
                let came = std::iter::repeat_with(|| tcp.poll()).find_map(Result::ok);
                tcp.buffers.input_appended(came.unwrap());
            }
            let bytes = vec![b'q'; AMOUNT];
            let (one, other) = bytes.split_at(1000);
            let mut pieces = [one, &[], other].map(IoSlice::new);
            tcp.write(&mut pieces, Instant::now() + MINUTE).unwrap();
            assert_eq!(server.join().unwrap(), AMOUNT);
            let early = tcp.buffers.input();
            assert!(!early.is_empty() && early.len() < MAX_EARLY + INPUT_BUFFER);
            assert!(early.iter().all(|&byte| byte == b'r'));
        }
    }

    /// TLS reads again and again for what is of use to it alone, and once went on for as long as such came.
    #[test]
    fn a_timeout_that_is_over_reads_nothing() {
        let (mut tcp, mut server) = pair();
        let nothing = tcp.await_input(LOOK).unwrap_err().into_io().kind();
        assert_eq!(nothing, ErrorKind::WouldBlock);
        server.write_all(b"rr").unwrap();
        for reason in [Timeout::Global, LOOK.reason] {
            let over = NextTimeout {
                after: UreqDuration::from(Duration::ZERO),
                reason,
                ..LOOK
            };
            let error = tcp.await_input(over).unwrap_err().into_io().kind();
            assert_eq!(error, ErrorKind::TimedOut);
        }
        let look = || tcp.await_input(LOOK).ok();
        assert_eq!(
            std::iter::repeat_with(look).find_map(|came| came),
            Some(true)
        );
    }

    /// However much a peer sends that takes nothing itself.
    #[test]
    fn what_comes_too_early_is_bounded() {
        let (mut tcp, mut server) = pair();
        let server = thread::spawn(move || while server.write(&[b'r'; 64 * 1024]).is_ok() {});
        let bytes = vec![b'q'; 32 * 1024 * 1024];
        let until = Instant::now() + Duration::from_millis(500);
        let error = tcp.write(&mut [IoSlice::new(&bytes)], until).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let early = tcp.buffers.input().len();
        assert!(
            (MAX_EARLY..MAX_EARLY + INPUT_BUFFER).contains(&early),
            "{early}"
        );
        drop(tcp);
        server.join().unwrap();
    }
}
