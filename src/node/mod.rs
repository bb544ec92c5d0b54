//! The client of the Node: connections, exchanges, and what to do when one fails.
//!
//! [`Node::deliver`] takes parcels of records and settles each record: forwarded, refused, or
//! undelivered when time is up. Several connections work at a time, each on a thread of its own
//! that lives as long as the delivery. A connection is kept for the next event.
//!
//! What fails, and how:
//!
//! * A connection that breaks on a Node that answers: the record whose answer was due goes last, and
//!   the rest goes on over a fresh connection at once. If it breaks again on the same record, that
//!   one is left for the next pass.
//! * A connection that can't be made, or a Node that has answered nothing yet, a timeout, 408, 425,
//!   429 and 5xx but 501: the record, or the rest, goes again after a pause with jitter, or the
//!   pause that `Retry-After` names. While the Node takes others, five times; else as long as it
//!   takes.
//! * Nothing succeeds on any connection for `X_NODE_DOWN_AFTER_MS`: the Node is down, and the
//!   delivery ends instead of paying for every record.
//! * The deadline: what is left is undelivered.

mod connection;
mod delivery;
mod progress;
mod queue;
mod retry_after;
mod worker;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::config::Config as UreqConfig;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::{Duration as UreqDuration, Instant as UreqInstant};
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};

use crate::config::NodeConfig;
use crate::error::{Category, Error};
pub(crate) use connection::OUTPUT_BUFFER;
use connection::{Connection, Failure};
pub(crate) use delivery::{Delivery, Outcome, Verdict};

/// How long resolved addresses are used again. The connections of one delivery open within
/// milliseconds of each other; a load balancer's addresses change within minutes.
const ADDRESSES_LAST: Duration = Duration::from_secs(5);

/// The Node, and the connections to it.
#[derive(Debug)]
pub(crate) struct Node {
    shared: Shared,
    /// One for each connection that may be open. A worker has one of them to itself.
    slots: Vec<Slot>,
}

/// What all connections need to know.
#[derive(Debug)]
struct Shared {
    uri: Uri,
    answer_timeout: Duration,
    connect_timeout: Duration,
    down_after: Duration,
    /// More than one where there are certificates of the user's own: ureq replaces the built-in
    /// roots by them, and both have to be trusted.
    roots: Vec<Roots>,
    /// Which of `roots` made the last connection.
    preferred: AtomicUsize,
    resolver: DefaultResolver,
    addresses: Mutex<Option<(Instant, ResolvedSocketAddrs)>>,
    /// How many connections were made, which also numbers them.
    connects: AtomicUsize,
}

#[derive(Debug)]
struct Roots {
    config: UreqConfig,
    connector: DefaultConnector,
}

#[derive(Debug, Default)]
struct Slot {
    connection: Option<Connection>,
}

impl Node {
    /// A Node that is not connected to yet.
    ///
    /// # Errors
    ///
    /// Where the address is no URI; the configuration has checked it before.
    pub(crate) fn new(config: &NodeConfig) -> Result<Self, Error> {
        let scheme = if config.https { "https" } else { "http" };
        let uri = format!("{scheme}://{}/", config.authority())
            .parse()
            .map_err(|error: ureq::http::uri::InvalidUri| {
                Error::new(Category::Config, "read the Node's address", error)
            })?;
        let mut roots = Vec::new();
        if !config.ca_certificates.is_empty() {
            roots.push(Roots::new(RootCerts::new_with_certs(
                &config.ca_certificates,
            )));
        }
        roots.push(Roots::new(RootCerts::WebPki));
        Ok(Self {
            shared: Shared {
                uri,
                answer_timeout: config.answer_timeout,
                connect_timeout: config.connect_timeout,
                down_after: config.down_after,
                roots,
                preferred: AtomicUsize::new(0),
                resolver: DefaultResolver::default(),
                addresses: Mutex::new(None),
                connects: AtomicUsize::new(0),
            },
            slots: (0..config.connections).map(|_| Slot::default()).collect(),
        })
    }
}

/// The Node's own host: a call to it must not be made again.
#[derive(Debug)]
pub(crate) struct NodeHost(String);

impl NodeHost {
    pub(crate) fn new(host: &str) -> Self {
        Self(comparable(host).to_ascii_lowercase())
    }

    /// Whether a record's host is it, whatever its case, port and final dot.
    pub(crate) fn is(&self, host: &str) -> bool {
        comparable(host).eq_ignore_ascii_case(&self.0)
    }
}

impl NodeConfig {
    /// Host and port, as a `Host` header has them.
    pub(crate) fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

/// A host without port and final dot.
fn comparable(host: &str) -> &str {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

impl Roots {
    fn new(roots: RootCerts) -> Self {
        let tls = TlsConfig::builder().root_certs(roots).build();
        Self {
            config: UreqConfig::builder()
                // The default would take a proxy from the environment.
                .proxy(None)
                .tls_config(tls)
                .input_buffer_size(connection::INPUT_BUFFER)
                .output_buffer_size(OUTPUT_BUFFER)
                .build(),
            connector: DefaultConnector::new(),
        }
    }
}

impl Shared {
    /// Makes a connection within `time`.
    fn connect(&self, time: Duration) -> Result<Connection, Failure> {
        let until = Instant::now() + time;
        let preferred = self.preferred.load(Ordering::Relaxed);
        let result = self.connect_with(preferred, until);
        let Err(Failure::Tls(_)) = &result else {
            return result;
        };
        // The certificate is not from these roots; it may be from the others.
        for other in (0..self.roots.len()).filter(|&other| other != preferred) {
            if let Ok(connection) = self.connect_with(other, until) {
                self.preferred.store(other, Ordering::Relaxed);
                return Ok(connection);
            }
        }
        result
    }

    fn connect_with(&self, roots: usize, until: Instant) -> Result<Connection, Failure> {
        let Roots { config, connector } = &self.roots[roots];
        let number = self.connects.fetch_add(1, Ordering::Relaxed);
        let addrs = self.resolve(config, until)?;
        // After the look-up: what is left of the time is counted from now on.
        let now = UreqInstant::now();
        let details = ConnectionDetails {
            uri: &self.uri,
            addrs,
            config,
            request_level: false,
            resolver: &self.resolver,
            now,
            timeout: next_timeout(until)?,
            current_time: Arc::new(UreqInstant::now),
            // Only a proxy would run the chain again.
            run_connector: Arc::new(|_| Err(ureq::Error::ConnectionFailed)),
            register_shutdown: Arc::new(|_| Ok(())),
        };
        match connector.connect(&details, None) {
            Ok(Some(transport)) => Ok(Connection::new(transport, number)),
            Ok(None) => Err(Failure::Io("no connection was made".to_string())),
            Err(error) => {
                // The next one asks for the addresses anew.
                *self.addresses() = None;
                Err(Failure::from(error))
            }
        }
    }

    fn resolve(&self, config: &UreqConfig, until: Instant) -> Result<ResolvedSocketAddrs, Failure> {
        // Whoever else wants to connect waits for the same answer, instead of asking too.
        let mut known = self.addresses();
        if let Some((since, addresses)) = known.as_ref()
            && since.elapsed() < ADDRESSES_LAST
        {
            return Ok(copy(&self.resolver, addresses));
        }
        // With a timeout, ureq resolves on a thread of its own.
        let addresses = self
            .resolver
            .resolve(&self.uri, config, next_timeout(until)?)?;
        *known = Some((Instant::now(), copy(&self.resolver, &addresses)));
        Ok(addresses)
    }

    fn addresses(&self) -> std::sync::MutexGuard<'_, Option<(Instant, ResolvedSocketAddrs)>> {
        // What it guards is replaced whole, so that a panic can't have left it half-way.
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn copy(resolver: &DefaultResolver, addresses: &ResolvedSocketAddrs) -> ResolvedSocketAddrs {
    let mut copy = resolver.empty();
    for address in addresses {
        copy.push(*address);
    }
    copy
}

/// What is left until then, as ureq's chain takes it.
///
/// ureq tells the socket of each timeout that differs from the one before, which is a system call for nearly
/// every read and write. So a long one is cut to whole twentieths of a second.
fn next_timeout(until: Instant) -> Result<NextTimeout, Failure> {
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

/// A transport is a plain socket, or TLS around one.
type BoxedTransport = Box<dyn Transport>;
