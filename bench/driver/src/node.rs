//! A Node that does as little as possible: it accepts every message, counts it, and responds with 200.
//!
//! It is the same for every contender, and it must not dominate the measurement. So it finds only the end of a
//! message, its id, and which half of a record it is. It allocates nothing for a message and locks nothing. A
//! separate run keeps the messages and compares them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use memchr::memmem;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const HTTP_OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const BUFFER: usize = 256 * 1024;
/// The counts in a cell of the tally: one request message, and one response message.
const REQUEST: u32 = 1;
const RESPONSE: u32 = 1 << 16;
/// The maximum number of faults that are kept with their text.
const MAX_FAULTS: usize = 10;

#[derive(Clone, Default)]
pub(crate) struct Options {
    /// How long each message takes. The messages of one connection are handled one after the other.
    pub(crate) delay: Duration,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Whether the messages are kept.
    pub(crate) keeps: bool,
}

/// A running Node. Dropping it stops it.
pub(crate) struct Node {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    options: Options,
    stop: AtomicBool,
    connections: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    messages: AtomicU64,
    /// For each record, how often its request and its response came.
    tally: Vec<AtomicU32>,
    faults: Mutex<Vec<String>>,
    kept: Mutex<Vec<Vec<u8>>>,
}

/// The traffic since the Node was started.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    pub(crate) connections: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) messages: u64,
}

impl Traffic {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            connections: self.connections - before.connections,
            bytes_in: self.bytes_in - before.bytes_in,
            bytes_out: self.bytes_out - before.bytes_out,
            messages: self.messages - before.messages,
        }
    }
}

impl Node {
    /// Starts a Node for events of at most `records` records.
    pub(crate) fn start(records: usize, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            options,
            stop: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            tally: (0..records).map(|_| AtomicU32::new(0)).collect(),
            faults: Mutex::default(),
            kept: Mutex::default(),
        });
        let acceptor = thread::Builder::new().spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        })?;
        Ok(Self {
            address,
            shared,
            acceptor: Some(acceptor),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            connections: self.shared.connections.load(SeqCst),
            bytes_in: self.shared.bytes_in.load(SeqCst),
            bytes_out: self.shared.bytes_out.load(SeqCst),
            messages: self.shared.messages.load(SeqCst),
        }
    }

    /// Checks that each of the first `records` records has come exactly once and no other has, and resets the
    /// counts.
    pub(crate) fn settle(&self, records: usize) -> Result<(), String> {
        if let Some(fault) = lock(&self.shared.faults).first() {
            return Err(format!("the Node received an unexpected message: {fault}"));
        }
        let mut wrong = 0;
        let mut first = String::new();
        for (n, cell) in self.shared.tally.iter().enumerate() {
            let found = cell.swap(0, SeqCst);
            let expected = if n < records { REQUEST + RESPONSE } else { 0 };
            if found != expected {
                wrong += 1;
                if first.is_empty() {
                    let (requests, responses) = (found % RESPONSE, found / RESPONSE);
                    first =
                        format!("record {n} came as {requests} requests and {responses} responses");
                }
            }
        }
        if wrong == 0 {
            return Ok(());
        }
        Err(format!(
            "expected each of {records} records once; {wrong} are wrong: {first}"
        ))
    }

    /// Takes the messages that were kept.
    pub(crate) fn take_kept(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *lock(&self.shared.kept))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        // The acceptor checks the flag after each connection, so this opens one.
        if TcpStream::connect(self.address).is_ok()
            && let Some(acceptor) = self.acceptor.take()
        {
            let _ = acceptor.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((socket, _)) = listener.accept() {
        if shared.stop.load(SeqCst) {
            return;
        }
        shared.connections.fetch_add(1, SeqCst);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // The contender has closed the connection; the tally shows whether that was right.
            let _ = shared.serve(socket);
        });
    }
}

/// A socket that counts its bytes, under TLS too.
struct Counted {
    socket: TcpStream,
    shared: Arc<Shared>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.read(buffer)?;
        self.shared.bytes_in.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.socket.write(bytes)?;
        self.shared.bytes_out.fetch_add(count as u64, Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl Shared {
    fn serve(self: Arc<Self>, socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let counted = Counted {
            socket,
            shared: Arc::clone(&self),
        };
        match &self.options.tls {
            None => self.serve_stream(counted),
            Some(config) => {
                let connection =
                    ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                let mut stream = StreamOwned::new(connection, counted);
                let result = self.serve_stream(&mut stream);
                let _ = stream.sock.socket.shutdown(Shutdown::Both);
                result
            }
        }
    }

    fn serve_stream(&self, mut stream: impl Read + Write) -> io::Result<()> {
        if !self.options.delay.is_zero() {
            // Without this, a sleep may last 50 µs longer than requested, a noticeable part of a millisecond.
            nix::sys::prctl::set_timerslack(1)?;
        }
        let mut buffer = vec![0; BUFFER];
        let mut filled = 0;
        let mut responses = Vec::new();
        loop {
            let count = stream.read(&mut buffer[filled..])?;
            if count == 0 {
                return Ok(());
            }
            filled += count;
            let mut at = 0;
            while let Some(length) = self.take(&buffer[at..filled]) {
                at += length;
                if self.options.delay.is_zero() {
                    responses.extend_from_slice(HTTP_OK);
                } else {
                    thread::sleep(self.options.delay);
                    stream.write_all(HTTP_OK)?;
                    stream.flush()?;
                }
            }
            buffer.copy_within(at..filled, 0);
            filled -= at;
            if filled == BUFFER {
                self.fault("a message that does not end");
                return Ok(());
            }
            if !responses.is_empty() {
                stream.write_all(&responses)?;
                stream.flush()?;
                responses.clear();
            }
        }
    }

    /// Takes the message at the front, and returns its length once it is complete.
    fn take(&self, bytes: &[u8]) -> Option<usize> {
        let head_end = memmem::find(bytes, b"\r\n\r\n")? + 4;
        let head = Head::read(&bytes[..head_end]);
        let length = head_end + head.body_length;
        let body = bytes.get(head_end..length)?;
        self.messages.fetch_add(1, Relaxed);
        if self.options.keeps {
            lock(&self.kept).push(bytes[..length].to_vec());
        }
        match (head.kind, head.id) {
            (Some(b"request"), Some(id)) => self.count(id, REQUEST),
            (Some(b"response"), Some(id)) => self.count(id, RESPONSE),
            (Some(b"batch"), None) => {
                const KEY: &[u8] = b"{\"id\":\"";
                for found in memmem::find_iter(body, KEY) {
                    let rest = &body[found + KEY.len()..];
                    let end = memchr::memchr(b'"', rest).unwrap_or(rest.len());
                    self.count(&rest[..end], REQUEST + RESPONSE);
                }
            }
            _ => self.fault(&String::from_utf8_lossy(&bytes[..head_end])),
        }
        Some(length)
    }

    fn count(&self, id: &[u8], what: u32) {
        // The driver's ids are 56 digits whose last twelve are the record's number.
        let ordinal = id
            .last_chunk::<12>()
            .filter(|_| id.len() == 56)
            .and_then(|digits| str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse::<usize>().ok());
        match ordinal.and_then(|n| self.tally.get(n)) {
            Some(cell) => {
                cell.fetch_add(what, Relaxed);
            }
            None => self.fault(&format!("the id {}", id.escape_ascii())),
        }
    }

    fn fault(&self, text: &str) {
        let mut faults = lock(&self.faults);
        if faults.len() < MAX_FAULTS {
            faults.push(text.to_string());
        }
    }
}

#[derive(Default)]
struct Head<'a> {
    body_length: usize,
    id: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
}

impl<'a> Head<'a> {
    fn read(head: &'a [u8]) -> Self {
        let mut found = Self::default();
        let mut rest = head;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            // The relevant names begin with one of these two letters, in either case.
            if !matches!(line.first(), Some(b'c' | b'C' | b'x' | b'X')) {
                continue;
            }
            let Some(colon) = memchr::memchr(b':', line) else {
                continue;
            };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                found.body_length = str::from_utf8(value)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0);
            } else if name.eq_ignore_ascii_case(b"x-request-id") {
                found.id = Some(value);
            } else if name.eq_ignore_ascii_case(b"x-wallarm-message") {
                found.kind = Some(value);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cw_resend_lambda::standin::cloudwatch::event_id;

    fn exchange(socket: &mut TcpStream, messages: &str, responses: usize) {
        socket.write_all(messages.as_bytes()).unwrap();
        let mut found = vec![0; HTTP_OK.len() * responses];
        socket.read_exact(&mut found).unwrap();
    }

    fn message(kind: &str, n: u64, body: &str) -> String {
        format!(
            "POST / HTTP/1.1\r\nx-request-id: {}\r\nX-Wallarm-Message: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            event_id(n),
            body.len()
        )
    }

    #[test]
    fn lost_and_repeated_messages_are_found() {
        let node = Node::start(2, Options::default()).unwrap();
        let mut socket = TcpStream::connect(node.address).unwrap();
        let whole = [message("request", 0, ""), message("response", 0, "{}")].concat();
        exchange(&mut socket, &whole, 2);
        assert_eq!(node.settle(1), Ok(()));
        exchange(&mut socket, &whole, 2);
        assert!(
            node.settle(2)
                .unwrap_err()
                .contains("record 1 came as 0 requests")
        );
        exchange(&mut socket, &[&whole[..], &whole].concat(), 4);
        assert!(
            node.settle(1)
                .unwrap_err()
                .contains("2 requests and 2 responses")
        );
        exchange(&mut socket, &message("request", 2, ""), 1);
        assert!(node.settle(0).unwrap_err().contains("the id"));
        assert_eq!(node.traffic().messages, 9);
    }

    #[test]
    fn a_batch_counts_for_each_of_its_records() {
        let node = Node::start(2, Options::default()).unwrap();
        let mut socket = TcpStream::connect(node.address).unwrap();
        let body = format!(
            r#"{{"records":[{{"id":"{}"}},{{"id":"{}"}}]}}"#,
            event_id(0),
            event_id(1)
        );
        let batch = format!(
            "POST / HTTP/1.1\r\nX-Wallarm-Message: batch\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        exchange(&mut socket, &batch, 1);
        assert_eq!(node.settle(2), Ok(()));
    }
}
