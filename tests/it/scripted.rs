//! A server at the Node's address that responds as a script says, byte for byte, and knows which message it has
//! acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::harness::Function;

/// A message, as far as a script wants to know.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Which message of its connection it is, from one on.
    pub(crate) nth: u64,
    /// Which connection, from one on.
    pub(crate) connection: u64,
    pub(crate) method: String,
    /// The ids of its records, and whether it is the second message of its record.
    pub(crate) ids: Vec<String>,
    pub(crate) is_response: bool,
}

/// What is done about a message, in this order.
#[derive(Debug, Clone)]
pub(crate) enum Do {
    /// Sends these bytes, together with those of the messages before and behind it.
    Send(Vec<u8>),
    /// Sends what is there so far, and waits.
    Wait(Duration),
    /// Counts the message as acknowledged.
    Acknowledge,
    /// Sends what is there, and closes without another word. What came behind the message is dropped.
    Close,
    /// As [`Do::Close`], by a reset where something was dropped.
    DropTheRest,
}

/// A response without a body.
pub(crate) fn response(status: u16) -> Vec<u8> {
    format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

/// Responds with this status, and means it.
pub(crate) fn mean(status: u16) -> Vec<Do> {
    let mut all = vec![Do::Send(response(status))];
    if (200..300).contains(&status) {
        all.push(Do::Acknowledge);
    }
    all
}

/// The same after a while.
pub(crate) fn mean_after(delay: Duration, status: u16) -> Vec<Do> {
    let mut all = vec![Do::Wait(delay)];
    all.extend(mean(status));
    all
}

type Script = dyn Fn(&Seen) -> Vec<Do> + Send + Sync;

/// Which messages of a record came: the first, the second.
type Halves = BTreeMap<String, [bool; 2]>;

struct State {
    script: Box<Script>,
    /// Everything is acknowledged, whatever the script says.
    is_healed: AtomicBool,
    acknowledged: Mutex<Halves>,
    seen: Mutex<Halves>,
    connections: AtomicU64,
    open: AtomicUsize,
    /// How many connections are served at a time, and what happens to the others.
    limit: Option<(usize, Excess)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    Closed,
    Silent,
}

pub(crate) struct Scripted {
    pub(crate) url: String,
    state: Arc<State>,
}

impl Scripted {
    pub(crate) fn start(script: impl Fn(&Seen) -> Vec<Do> + Send + Sync + 'static) -> Self {
        Self::start_with(None, None, script)
    }

    /// A server that serves so many connections at a time, and takes so long for each read.
    pub(crate) fn with_limit(limit: usize, excess: Excess, delay: Duration) -> Self {
        Self::start_with(None, Some((limit, excess)), move |_| {
            if delay.is_zero() {
                mean(200)
            } else {
                mean_after(delay, 200)
            }
        })
    }

    pub(crate) fn start_with(
        tls: Option<Arc<ServerConfig>>,
        limit: Option<(usize, Excess)>,
        script: impl Fn(&Seen) -> Vec<Do> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = Arc::new(State {
            script: Box::new(script),
            is_healed: AtomicBool::new(false),
            acknowledged: Mutex::default(),
            seen: Mutex::default(),
            connections: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            limit,
        });
        std::thread::spawn({
            let state = Arc::clone(&state);
            move || {
                for socket in listener.incoming().map_while(Result::ok) {
                    let (state, tls) = (Arc::clone(&state), tls.clone());
                    std::thread::spawn(move || state.accept(socket, tls));
                }
            }
        });
        Self {
            url: format!("{scheme}://localhost:{port}"),
            state,
        }
    }

    pub(crate) fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// From now on, everything is acknowledged. What was seen so far is forgotten.
    pub(crate) fn heal(&self) {
        self.state.is_healed.store(true, Ordering::SeqCst);
        self.state.seen.lock().unwrap().clear();
    }

    pub(crate) fn fall_ill(&self) {
        self.state.is_healed.store(false, Ordering::SeqCst);
    }

    /// The ids of the records that came, whole or in part.
    pub(crate) fn seen(&self) -> BTreeSet<String> {
        self.state.seen.lock().unwrap().keys().cloned().collect()
    }

    /// The ids of the records that were acknowledged whole.
    pub(crate) fn acknowledged(&self) -> BTreeSet<String> {
        let acknowledged = self.state.acknowledged.lock().unwrap();
        let whole = acknowledged
            .iter()
            .filter(|(_, halves)| **halves == [true; 2]);
        whole.map(|(id, _)| id.clone()).collect()
    }
}

impl State {
    fn accept(&self, socket: TcpStream, tls: Option<Arc<ServerConfig>>) {
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        let connection = self.connections.fetch_add(1, Ordering::SeqCst) + 1;
        match self.limit {
            Some((limit, Excess::Silent)) if open > limit => {
                std::thread::sleep(Duration::from_secs(60));
            }
            Some((limit, Excess::Closed)) if open > limit => {}
            _ => match tls {
                Some(config) => {
                    let session = ServerConnection::new(config).unwrap();
                    self.serve(StreamOwned::new(session, socket), connection);
                }
                None => self.serve(socket, connection),
            },
        }
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    fn serve(&self, mut stream: impl Read + Write, connection: u64) {
        let mut input = Vec::new();
        let mut output = Vec::new();
        let mut nth = 0;
        loop {
            let mut piece = [0; 64 * 1024];
            match stream.read(&mut piece) {
                Ok(length @ 1..) => input.extend_from_slice(&piece[..length]),
                _ => return,
            }
            if !input.first().is_some_and(u8::is_ascii_uppercase) {
                // As an HTTP server responds to TLS.
                let _ = stream.write_all(&response(400));
                return;
            }
            while let Some((mut seen, length)) = parse(&input) {
                nth += 1;
                (seen.nth, seen.connection) = (nth, connection);
                input.drain(..length);
                note(&self.seen, &seen);
                let steps = if self.is_healed.load(Ordering::SeqCst) {
                    mean(200)
                } else {
                    (self.script)(&seen)
                };
                for step in steps {
                    match step {
                        Do::Send(bytes) => output.extend(bytes),
                        Do::Acknowledge => note(&self.acknowledged, &seen),
                        Do::Wait(time) => {
                            let _ = stream.write_all(&output).and_then(|()| stream.flush());
                            output.clear();
                            std::thread::sleep(time);
                        }
                        Do::DropTheRest => input.clear(),
                        Do::Close => {
                            let _ = stream.write_all(&output).and_then(|()| stream.flush());
                            return;
                        }
                    }
                }
            }
            if stream.write_all(&output).is_err() || stream.flush().is_err() {
                return;
            }
            output.clear();
        }
    }
}

fn note(halves: &Mutex<Halves>, seen: &Seen) {
    let mut halves = halves.lock().unwrap();
    for id in &seen.ids {
        let entry = halves.entry(id.clone()).or_default();
        if seen.method == "BATCH" {
            *entry = [true; 2];
        } else {
            entry[usize::from(seen.is_response)] = true;
        }
    }
}

/// The first message of `input`, if it is whole, and its length.
fn parse(input: &[u8]) -> Option<(Seen, usize)> {
    let head = input.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8(input[..head].to_vec()).unwrap();
    let header = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.map(|line| line[name.len()..].trim().to_string())
    };
    let length: usize = header("Content-Length:").map_or(0, |length| length.parse().unwrap());
    let body = input.get(head..head + length)?;
    let kind = header("X-Wallarm-Message:").unwrap();
    let ids = if kind == "batch" {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        let records = body["records"].as_array().unwrap();
        let ids = records.iter().map(|record| record["id"].as_str().unwrap());
        ids.map(str::to_string).collect()
    } else {
        vec![header("X-Request-Id:").unwrap()]
    };
    let method = text.split(' ').next().unwrap();
    let seen = Seen {
        nth: 0,
        connection: 0,
        method: if kind == "batch" { "BATCH" } else { method }.to_string(),
        ids,
        is_response: kind == "response",
    };
    Some((seen, head + length))
}

/// The accounting oracle: each record that the function claims to have forwarded was acknowledged by the server, by
/// its id. What it claims shows in Lambda's next attempt, which leaves those records out.
///
/// Returns how many were claimed.
#[track_caller]
pub(crate) fn assert_claims_are_true(
    name: &str,
    node: &Scripted,
    function: &Function,
    request_id: &str,
    event: &[u8],
    all: &BTreeSet<String>,
) -> usize {
    let (result, report) = function.invoke_as(request_id, event);
    crate::harness::assert_adds_up(&report);
    let acknowledged = node.acknowledged();
    let claimed: BTreeSet<String> = if result.is_ok() {
        all.clone()
    } else {
        node.heal();
        let (result, second) = function.invoke_as(request_id, event);
        assert!(result.is_ok(), "{name}: {result:?}");
        let sent = node.seen();
        node.fall_ill();
        let earlier = second["recordsForwardedEarlier"].as_u64().unwrap();
        let claimed: BTreeSet<_> = all.difference(&sent).cloned().collect();
        assert_eq!(claimed.len() as u64, earlier, "{name}: {second}");
        claimed
    };
    assert_eq!(
        report["recordsForwarded"].as_u64().unwrap(),
        claimed.len() as u64,
        "{name}: {report}"
    );
    let untrue: Vec<_> = claimed.difference(&acknowledged).collect();
    assert!(
        untrue.is_empty(),
        "{name}: {} of {} claims are untrue: {report}",
        untrue.len(),
        claimed.len()
    );
    claimed.len()
}
