//! A Node that takes a millisecond for each message: the benefit of several connections, compared with one
//! connection with one message in flight.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::contender::Contender;
use crate::data::Event;
use crate::invoke::{Scheme, Session, Setting};
use crate::node::{Node, Options};
use crate::tls::Authority;
use crate::{Error, Result};

const DELAY: Duration = Duration::from_millis(1);

/// What Lambda's smallest function meets: its share of a core, of which 14 make one, and a Node that is near.
const SHORT_DELAY: Duration = Duration::from_micros(250);
const SHARE: u32 = 14;

/// What a contender takes for an event, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
}

/// What a contender takes for its first event.
pub(crate) fn taken(contender: &Contender, event: &Event, authority: &Authority) -> Result<Taken> {
    let mut session = session(contender, event, DELAY, authority)?;
    let before = session.process.settled_cpu()?;
    let wall = session.invoke(event)?.as_secs_f64();
    let cpu = (session.process.settled_cpu()? - before) as f64 / 1e9;
    Ok(Taken { wall, cpu })
}

/// The wall time of a contender's first event with a share of a core, as Lambda gives it to 128 MB.
pub(crate) fn throttled(
    contender: &Contender,
    event: &Event,
    quota: &Quota,
    authority: &Authority,
) -> Result<f64> {
    let mut session = session(contender, event, SHORT_DELAY, authority)?;
    session.process.settled_cpu()?;
    fs::write(
        quota.0.join("cgroup.procs"),
        session.process.pid()?.to_string(),
    )?;
    Ok(session.invoke(event)?.as_secs_f64())
}

fn session(
    contender: &Contender,
    event: &Event,
    delay: Duration,
    authority: &Authority,
) -> Result<Session> {
    let setting = Setting {
        delay,
        ..Setting::default()
    };
    Session::start(contender, Scheme::Http, event.records, &setting, authority)
}

/// A group of processes that have the fourteenth of a core between them. Dropping it removes it.
pub(crate) struct Quota(PathBuf);

impl Quota {
    /// Fails where this process may make no group.
    pub(crate) fn new() -> Result<Self> {
        const PERIOD: u32 = 20_000;
        let name = format!("cw-resend-bench-{}", std::process::id());
        let old = Path::new("/sys/fs/cgroup/cpu");
        let is_old = old.join("cgroup.procs").exists();
        let above = if is_old {
            old
        } else {
            Path::new("/sys/fs/cgroup")
        };
        let group = Self(above.join(name));
        fs::create_dir(&group.0)?;
        // Where there is no such file, this is no group.
        let set = |file: &str, text: String| {
            let mut file = OpenOptions::new().write(true).open(group.0.join(file))?;
            file.write_all(text.as_bytes())
        };
        let quota = PERIOD / SHARE;
        if is_old {
            set("cpu.cfs_period_us", PERIOD.to_string())?;
            set("cpu.cfs_quota_us", quota.to_string())?;
        } else {
            set("cpu.max", format!("{quota} {PERIOD}"))?;
        }
        Ok(group)
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // Its processes may take a moment to be gone. What is left is an empty group.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// How long it takes to send messages one at a time, in seconds: each is written after the response to the
/// message before it, and nothing else is done.
pub(crate) fn one_in_flight(messages: &[Vec<u8>], records: usize) -> Result<f64> {
    let options = Options {
        delay: DELAY,
        ..Options::default()
    };
    let node = Node::start(records, options)?;
    let mut socket = TcpStream::connect(("127.0.0.1", node.port()))?;
    socket.set_nodelay(true)?;
    let mut response = [0; 1024];
    let began = Instant::now();
    for message in messages {
        socket.write_all(message)?;
        let mut filled = 0;
        // The Node's responses have no body.
        while !response[..filled].ends_with(b"\r\n\r\n") {
            let count = socket.read(&mut response[filled..])?;
            if count == 0 {
                return Err(Error::from("the Node has closed the connection"));
            }
            filled += count;
        }
    }
    let wall = began.elapsed().as_secs_f64();
    node.settle(records)?;
    Ok(wall)
}

/// Messages in an order in which one connection may send them: for each record the request first.
pub(crate) fn in_order(messages: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut pairs: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for message in messages {
        const NAME: &[u8] = b"X-Request-Id: ";
        let from = memchr::memmem::find(&message, NAME).map_or(0, |at| at + NAME.len());
        let id = message[from..]
            .iter()
            .copied()
            .take_while(|&byte| byte != b'\r');
        // The request comes before its response on any connection.
        pairs.entry(id.collect()).or_default().push(message);
    }
    pairs.into_values().flatten().collect()
}
