//! A stand-in for the Lambda Runtime API, version 2018-06-01, as AWS's own emulator speaks it.
//!
//! `/next` waits until an event is queued. It returns the same event again for as long as that has no
//! result. Bodies of up to 2048 bytes have a length and longer ones are chunked, like those of the Go
//! server below the real service.

mod state;

use std::{
    io::{self, Write},
    net::TcpStream,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use self::state::{Delivery, Response, State};
pub use self::state::{Framing, InvokeOptions, NextFault, Outcome, Post, PostFault};
use crate::standin::{
    http::{self, Message, Reader, write_chunks},
    server::{Server, Stop, close_gracefully, lock},
};

/// The largest body which is sent with a length, in bytes: the sniff buffer of Go's `net/http`.
const MAX_SIZED_BYTES: usize = 2048;
/// The largest chunk, in bytes.
const MAX_CHUNK_BYTES: usize = 32 * 1024;
/// How often a waiting `/next` checks whether the server stops or its client has gone.
const POLL: Duration = Duration::from_millis(50);

/// A running stand-in. Dropping it stops it.
#[derive(Debug)]
pub struct FakeRuntimeApi {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl FakeRuntimeApi {
    /// Starts a Runtime API on a free port of loopback.
    ///
    /// # Errors
    ///
    /// Returns an error when no port can be bound or no thread can be started.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let server = Server::start("127.0.0.1:0", {
            let shared = Arc::clone(&shared);
            Arc::new(move |socket, stop: &Stop| shared.serve(socket, stop))
        })?;
        Ok(Self { server, shared })
    }

    /// The value for `AWS_LAMBDA_RUNTIME_API`: host and port.
    #[must_use]
    pub fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// Queues an event which times out `deadline` after it is delivered first.
    pub fn invoke(&self, event: &[u8], deadline: Duration) -> Invocation {
        self.invoke_with(event, deadline, InvokeOptions::default())
    }

    /// As [`FakeRuntimeApi::invoke`], with a choice of ids and framing.
    pub fn invoke_with(
        &self,
        event: &[u8],
        deadline: Duration,
        options: InvokeOptions,
    ) -> Invocation {
        let (sequence, request_id) = lock(&self.shared.state).enqueue(event, deadline, options);
        self.shared.changed.notify_all();
        Invocation {
            sequence,
            request_id,
            shared: Arc::clone(&self.shared),
        }
    }

    /// Injects a fault into the response to the next `/next`. Several faults apply one after another.
    pub fn inject_next_fault(&self, fault: NextFault) {
        lock(&self.shared.state).next_faults.push_back(fault);
    }

    /// Injects a fault into the response to the next post of a result. Several faults apply one after another.
    pub fn inject_post_fault(&self, fault: PostFault) {
        lock(&self.shared.state).post_faults.push_back(fault);
    }

    /// Waits for a post to `init/error`.
    #[must_use]
    pub fn wait_init_error(&self, timeout: Duration) -> Option<Post> {
        self.shared.wait(timeout, |state| state.init_error.clone())
    }

    /// Waits for the first `/next`, and returns when it arrived.
    #[must_use]
    pub fn wait_first_next(&self, timeout: Duration) -> Option<Instant> {
        self.shared.wait(timeout, |state| state.first_next)
    }

    /// Waits until every event has a result and the runtime asks for another.
    #[must_use]
    pub fn wait_idle(&self, timeout: Duration) -> bool {
        self.shared
            .wait(timeout, |state| state.is_idle().then_some(()))
            .is_some()
    }

    /// All posts which arrived, also the refused ones, in order.
    #[must_use]
    pub fn posts(&self) -> Vec<Post> {
        lock(&self.shared.state).posts.clone()
    }

    /// How often `/next` was requested.
    #[must_use]
    pub fn polls(&self) -> u64 {
        lock(&self.shared.state).polls
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.server.accepted()
    }

    /// Stops, cutting open connections.
    pub fn stop(&mut self) {
        self.server.stop();
    }
}

/// A queued event, whose outcome can be waited for.
#[derive(Debug)]
pub struct Invocation {
    sequence: u64,
    request_id: String,
    shared: Arc<Shared>,
}

impl Invocation {
    /// The `Lambda-Runtime-Aws-Request-Id` of this event.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Waits for the outcome that the runtime posts; `None` when there is none within `timeout`.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<Outcome> {
        self.shared
            .wait(timeout, |state| state.outcomes.get(&self.sequence).cloned())
    }
}

impl Shared {
    /// Waits until `find` finds something.
    fn wait<T>(&self, timeout: Duration, find: impl Fn(&State) -> Option<T>) -> Option<T> {
        let until = Instant::now() + timeout;
        let mut state = lock(&self.state);
        loop {
            if let Some(found) = find(&state) {
                return Some(found);
            }
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return None;
            }
            let waited = self.changed.wait_timeout(state, rest);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    fn serve(&self, mut socket: TcpStream, stop: &Stop) {
        let Ok(stream) = socket.try_clone() else {
            return;
        };
        let mut reader = Reader::new(stream);
        let mut out = Vec::new();
        loop {
            out.clear();
            let keep_alive = match reader.message() {
                Ok(Some(message)) => match self.respond(&message, &socket, stop, &mut out) {
                    Some(()) => true,
                    None => return,
                },
                Ok(None) | Err(http::ReadError::CutShort(_) | http::ReadError::Io(_)) => return,
                Err(http::ReadError::Violation(violation)) => {
                    let text = format!("400 Bad Request: {violation}");
                    let response = Response::text(400, text);
                    response.write(&mut out, "Connection: close\r\n");
                    false
                }
            };
            if reader.stream().write_all(&out).is_err() {
                return;
            }
            if !keep_alive {
                close_gracefully(&mut socket);
                return;
            }
        }
    }

    /// Appends the response to a message; `None` drops the connection instead.
    fn respond(
        &self,
        message: &Message,
        socket: &TcpStream,
        stop: &Stop,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        const VERSION: &str = "/2018-06-01/";
        let path = message.target.strip_prefix(VERSION).unwrap_or_default();
        let segments: Vec<&str> = path.split('/').collect();
        let allowed = match segments.as_slice() {
            ["ping"] | ["runtime", "invocation", "next"] => "GET",
            ["runtime", "init", "error"] | ["runtime", "invocation", _, "response" | "error"] => {
                "POST"
            }
            _ => {
                Response::text(404, "404 page not found\n").write(out, "");
                return Some(());
            }
        };
        if message.method != allowed {
            Response::text(405, "").write(out, &format!("Allow: {allowed}\r\n"));
            return Some(());
        }
        let response = match segments.as_slice() {
            ["runtime", "invocation", "next"] => return self.next(socket, stop, out),
            ["ping"] => Response::text(200, "pong"),
            ["runtime", "invocation", id, _] => {
                let fault = lock(&self.state).begin_post();
                if fault == Some(PostFault::DropUntaken) {
                    return None;
                }
                let response = lock(&self.state).post_result(id, message);
                if fault == Some(PostFault::DropTaken) {
                    self.changed.notify_all();
                    return None;
                }
                response
            }
            _ => lock(&self.state).post_init_error(message),
        };
        self.changed.notify_all();
        response.write(out, "");
        Some(())
    }

    /// Waits for an event and appends it.
    fn next(&self, socket: &TcpStream, stop: &Stop, out: &mut Vec<u8>) -> Option<()> {
        let fault = lock(&self.state).begin_poll();
        self.changed.notify_all();
        if fault == Some(NextFault::DropAtOnce) {
            lock(&self.state).end_poll();
            return None;
        }
        let mut delivery = None;
        while delivery.is_none() && !stop.is_set() && !has_gone(socket) {
            let mut state = lock(&self.state);
            delivery = state.deliver();
            if delivery.is_none() {
                let waited = self.changed.wait_timeout(state, POLL);
                drop(waited.unwrap_or_else(std::sync::PoisonError::into_inner));
            }
        }
        lock(&self.state).end_poll();
        let delivery = delivery.filter(|_| fault != Some(NextFault::DropWithEvent))?;
        write_event(out, &delivery);
        if fault == Some(NextFault::Half) {
            out.truncate(out.len() / 2);
            // The stream and this are one socket, so that the half is sent before the connection ends.
            let mut writer = socket;
            let _ = writer.write_all(out);
            return None;
        }
        Some(())
    }
}

/// Whether the client has closed a connection on which it waits.
fn has_gone(socket: &TcpStream) -> bool {
    if socket.set_nonblocking(true).is_err() {
        return true;
    }
    let seen = socket.peek(&mut [0]);
    let is_restored = socket.set_nonblocking(false).is_ok();
    let is_open = match seen {
        Ok(count) => count > 0,
        Err(cause) => cause.kind() == io::ErrorKind::WouldBlock,
    };
    !(is_open && is_restored)
}

/// Appends the response which carries an event.
fn write_event(out: &mut Vec<u8>, delivery: &Delivery) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
    for (name, value) in &delivery.headers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    let body = &delivery.body;
    let is_chunked = match delivery.framing {
        Framing::AsLambda => body.len() > MAX_SIZED_BYTES,
        Framing::Sized => false,
        Framing::Chunked => true,
    };
    if is_chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        // At least two chunks: one alone would not reveal a client which stops after the first.
        let size = body.len().div_ceil(2).clamp(1, MAX_CHUNK_BYTES);
        write_chunks(out, body, size);
    } else {
        out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        out.extend_from_slice(body);
    }
}

#[cfg(test)]
mod tests;
