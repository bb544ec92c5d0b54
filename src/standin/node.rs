//! A stand-in for the Wallarm Native Node. It checks that a client keeps the rules of the wire, records what
//! it receives, and fails in whatever way a test asks for.
//!
//! Requests and responses are paired by `X-Request-Id`; the request must come first, and its
//! response may come on another connection. A message which is repeated unchanged is a repetition, since
//! delivery is at least once. One which contradicts an earlier one is a violation.

mod fault;
mod ledger;
mod metrics;
mod wire;

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Read, Write},
    mem,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use self::{
    fault::{After, write_response},
    ledger::Ledger,
};
pub use self::{
    fault::{Fault, FaultHook, Kind, Message, Shape},
    ledger::Snapshot,
    metrics::MetricsPage,
};
use crate::standin::{
    http::{self, Reader},
    inventory::Call,
    server::{Server, Stop, close_gracefully, lock, reset},
};

/// The path of the health check, which is no message.
const HEALTH_PATH: &str = "/wallarm-external-health";

/// A stream in both directions.
pub trait ReadWrite: Read + Write {}

impl<S: Read + Write> ReadWrite for S {}

/// Puts something around an accepted socket, such as TLS. It runs on the connection's own thread.
pub type WrapHook = Arc<dyn Fn(TcpStream) -> io::Result<Box<dyn ReadWrite>> + Send + Sync>;

/// How a stand-in Node differs from a well-behaved one on plain TCP.
#[derive(Clone, Default)]
pub struct Options {
    /// Decides the response to each message.
    pub fault: Option<FaultHook>,
    /// Puts something around each accepted socket.
    pub wrap: Option<WrapHook>,
    /// Is told of what arrives.
    pub watch: Option<WatchHook>,
    /// Takes every message of HTTP, whatever its headers and its body are, and records none.
    pub takes_any: bool,
    /// How many records it remembers, to know them again when they are repeated. All of them by default.
    pub remembers: Option<usize>,
}

/// What arrives at a stand-in Node.
#[derive(Debug)]
pub enum Seen {
    /// A well-formed message of HTTP, before its response, where every message is taken.
    Message(http::Message),
    /// A record that is whole, after the response to its last message.
    Record(Whole),
    /// What was wrong. Control characters are escaped.
    Violation(String),
}

/// A record of which everything has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The path as it was called.
    pub path: String,
    /// The response's status, when it is known.
    pub status: Option<u16>,
    /// The response's latency in milliseconds, when it is known.
    pub latency_ms: Option<u64>,
    /// It was whole before.
    pub is_repeated: bool,
}

/// Is told of what arrives. Messages of one connection come in their order.
pub type WatchHook = Arc<dyn Fn(Seen) + Send + Sync>;

impl Options {
    /// Options with a hook which decides the response to each message.
    pub fn with_fault(hook: impl Fn(&Message, u64) -> Fault + Send + Sync + 'static) -> Self {
        Self {
            fault: Some(Arc::new(hook)),
            ..Self::default()
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("fault", &self.fault.is_some())
            .field("wrap", &self.wrap.is_some())
            .field("watch", &self.watch.is_some())
            .field("takes_any", &self.takes_any)
            .field("remembers", &self.remembers)
            .finish()
    }
}

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct StandInNode {
    server: Server,
    state: Arc<State>,
    /// Connections which were accepted before the last restart.
    earlier_connections: u64,
}

impl StandInNode {
    /// Starts a Node at `address`; port 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// Returns an error when the address can not be bound or no thread can be started.
    pub fn start(address: impl ToSocketAddrs, options: Options) -> io::Result<Self> {
        let ledger = Ledger::new(options.watch.is_some(), options.remembers);
        let state = Arc::new(State {
            options,
            messages: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            ledger: Mutex::new(ledger),
        });
        let server = serve_at(address, &state)?;
        Ok(Self {
            server,
            state,
            earlier_connections: 0,
        })
    }

    /// Where the Node listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The current counters. A stopped Node has them too.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        lock(&self.state.ledger).snapshot(self.earlier_connections + self.server.accepted())
    }

    /// Every record id which was received, with the number of times it arrived whole.
    #[must_use]
    pub fn deliveries(&self) -> BTreeMap<String, u64> {
        lock(&self.state.ledger).deliveries()
    }

    /// Hands over each record once, with the time of its call in Unix milliseconds where that is known, in any order.
    pub fn each_call(&self, take: &mut dyn FnMut(&Call<'_>, Option<u64>)) {
        lock(&self.state.ledger).each_call(take);
    }

    /// Stops as abruptly as a killed process: open connections are cut.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Stops, and starts again at the same address with everything that was recorded before, as a Node
    /// whose process was replaced behind a load balancer.
    ///
    /// # Errors
    ///
    /// Returns an error when the address can not be bound again; the Node then stays stopped.
    pub fn restart(&mut self) -> io::Result<()> {
        self.server.stop();
        let server = serve_at(self.server.address(), &self.state)?;
        self.earlier_connections += self.server.accepted();
        self.server = server;
        Ok(())
    }
}

fn serve_at(address: impl ToSocketAddrs, state: &Arc<State>) -> io::Result<Server> {
    let state = Arc::clone(state);
    Server::start(
        address,
        Arc::new(move |socket, stop: &Stop| state.serve(socket, stop)),
    )
}

struct State {
    options: Options,
    messages: AtomicU64,
    /// How many connections were served so far.
    connections: AtomicU64,
    ledger: Mutex<Ledger>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("messages", &self.messages)
            .finish_non_exhaustive()
    }
}

/// One connection while it is served.
struct Session<'a, S> {
    state: &'a State,
    stop: &'a Stop,
    connection: u64,
    reader: Reader<S>,
    /// Responses which are not written yet. Messages which arrived together get their responses together.
    out: Vec<u8>,
    /// What is told when they are written.
    seen: Vec<Seen>,
    /// Set by the first fault: from then on the client may give up at any byte.
    had_fault: bool,
    /// The connection is reset after the responses to everything that has arrived.
    resets: bool,
}

impl State {
    fn serve(&self, mut socket: TcpStream, stop: &Stop) {
        // Without a second handle there can be no graceful close, and nothing else fails.
        let Ok(inner) = socket.try_clone() else {
            return;
        };
        let after = match &self.options.wrap {
            None => self.serve_stream(inner, stop),
            Some(wrap) => match wrap(inner) {
                Ok(stream) => self.serve_stream(stream, stop),
                // A failed handshake is checked by the test which caused it.
                Err(_) => return,
            },
        };
        match after {
            After::Close => close_gracefully(&mut socket),
            After::Reset => reset(&socket),
            After::KeepAlive | After::Drop => {}
        }
    }

    /// Serves any stream until its end, and returns how to close it.
    fn serve_stream<S: Read + Write>(&self, stream: S, stop: &Stop) -> After {
        let mut session = Session {
            state: self,
            stop,
            connection: self.connections.fetch_add(1, Ordering::SeqCst) + 1,
            reader: Reader::new(stream),
            out: Vec::new(),
            seen: Vec::new(),
            had_fault: false,
            resets: false,
        };
        // An error of the stream means that no peer is left to respond to.
        session.run().unwrap_or(After::Drop)
    }

    fn add_violation(&self, text: &str) {
        let seen = {
            let mut ledger = lock(&self.ledger);
            ledger.add_violation(text);
            ledger.take_seen()
        };
        self.tell(seen);
    }

    fn tell(&self, seen: Vec<Seen>) {
        if let Some(watch) = &self.options.watch {
            seen.into_iter().for_each(|seen| watch(seen));
        }
    }
}

impl<S: Read + Write> Session<'_, S> {
    fn run(&mut self) -> io::Result<After> {
        loop {
            match self.next() {
                Ok(Some(message)) => match self.respond(message)? {
                    After::KeepAlive => {}
                    after => {
                        self.flush()?;
                        return Ok(after);
                    }
                },
                Ok(None) if self.resets => return Ok(After::Reset),
                Ok(None) => return Ok(After::Close),
                Err(http::ReadError::Violation(violation)) => {
                    self.add_violation(&violation.to_string());
                    let refusal = Fault::shape(Shape::Close);
                    let after = write_response(&mut self.out, &refusal, 400, false);
                    self.flush()?;
                    return Ok(after);
                }
                Err(http::ReadError::CutShort(violation)) => {
                    if !self.had_fault && !self.stop.is_set() {
                        self.state.add_violation(&violation.to_string());
                    }
                    return Ok(After::Drop);
                }
                Err(http::ReadError::Io(cause)) => return Err(cause),
            }
        }
    }

    /// The next message. Pending responses are written before it waits for more.
    fn next(&mut self) -> Result<Option<http::Message>, http::ReadError> {
        if let Some(message) = self.reader.buffered()? {
            return Ok(Some(message));
        }
        self.flush().map_err(http::ReadError::Io)?;
        if self.resets {
            return Ok(None);
        }
        self.reader.message()
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let stream = self.reader.stream();
        stream.write_all(&self.out)?;
        self.out.clear();
        stream.flush()?;
        self.state.tell(mem::take(&mut self.seen));
        Ok(())
    }

    /// Records one that is told after the response to it.
    fn add_violation(&mut self, text: &str) {
        let mut ledger = lock(&self.state.ledger);
        ledger.add_violation(text);
        self.seen.append(&mut ledger.take_seen());
    }

    fn respond(&mut self, message: http::Message) -> io::Result<After> {
        let is_head = message.method == "HEAD";
        let is_last = message.text_header("Connection") == Some("close");
        let options = &self.state.options;
        let is_health_check = message.method == "GET"
            && message.target == HEALTH_PATH
            && message.text_header("X-Wallarm-Message").is_none();
        if options.takes_any || is_health_check {
            if options.takes_any
                && let Some(watch) = &options.watch
            {
                watch(Seen::Message(message));
            }
            let shape = if is_last { Shape::Close } else { Shape::Plain };
            let response = Fault::shape(shape);
            return Ok(write_response(&mut self.out, &response, 200, is_head));
        }
        let nth = self.state.messages.fetch_add(1, Ordering::SeqCst) + 1;
        let (kind, content) = match wire::read(&message) {
            Ok(read) => read,
            Err(text) => {
                self.add_violation(&text);
                return Ok(write_response(&mut self.out, &Fault::none(), 400, is_head));
            }
        };
        let mut fault = match &self.state.options.fault {
            None => Fault::none(),
            Some(hook) => hook(
                &Message {
                    kind,
                    connection: self.connection,
                    http: message,
                },
                nth,
            ),
        };
        self.had_fault |= fault != Fault::none();
        self.resets |= fault.shape == Shape::Reset;
        if !fault.delay.is_zero() {
            self.flush()?;
            self.stop.sleep(fault.delay);
        }
        if fault.shape == Shape::Drop || self.stop.is_set() {
            return Ok(After::Drop);
        }
        if is_last && fault.shape == Shape::Plain {
            fault.shape = Shape::Close;
        }
        let status = {
            let mut ledger = lock(&self.state.ledger);
            let status = ledger.accept(content, fault.status);
            self.seen.append(&mut ledger.take_seen());
            status
        };
        Ok(write_response(&mut self.out, &fault, status, is_head))
    }
}

#[cfg(test)]
mod tests;
