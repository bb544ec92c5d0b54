//! A Node that takes a millisecond for each message: the benefit of several connections, compared with one
//! connection with one message in flight.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::contender::Contender;
use crate::data::Event;
use crate::invoke::{Scheme, Session, Setting};
use crate::node::{Node, Options};
use crate::tls::Authority;
use crate::{Error, Result};

pub(crate) const DELAY: Duration = Duration::from_millis(1);

/// How long a contender takes for an event, in seconds.
pub(crate) fn wall(contender: &Contender, event: &Event, authority: &Authority) -> Result<f64> {
    let setting = Setting {
        delay: DELAY,
        ..Setting::default()
    };
    let mut session = Session::start(contender, Scheme::Http, event.records, &setting, authority)?;
    Ok(session.invoke(event)?.as_secs_f64())
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
