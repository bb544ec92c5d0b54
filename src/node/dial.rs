//! How a connection to the Node is made: DNS, TCP, TLS, and the roots that are trusted.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ureq::config::Config as UreqConfig;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Instant as UreqInstant;
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout, RustlsConnector};

use super::connection::{Connection, Stream, next_timeout};
use super::failure::Failure;
use super::queue::lock;
use super::tcp::{OUTPUT_BUFFER, TLS_INPUT_BUFFER, Tcp};
use crate::config::NodeConfig;
use crate::error::{Category, Error};

/// How long resolved addresses are used again. The connections of one delivery open within
/// milliseconds of each other; a load balancer's addresses change within minutes.
const ADDRESSES_LAST: Duration = Duration::from_secs(5);

/// Makes connections to the Node.
#[derive(Debug)]
pub(super) struct Dialer {
    uri: Uri,
    /// The host without brackets, and the port.
    host: String,
    port: u16,
    /// How long a response may take.
    pub(super) response_timeout: Duration,
    connect_timeout: Duration,
    /// More than one where there are certificates of the user's own: ureq replaces the built-in
    /// roots by them, and both have to be trusted.
    roots: Vec<Roots>,
    /// Which of `roots` made the last connection.
    preferred: AtomicUsize,
    addresses: Mutex<Option<(Instant, Vec<SocketAddr>)>>,
    /// How many connections were tried, which also numbers them.
    connects: AtomicUsize,
}

#[derive(Debug)]
struct Roots {
    config: UreqConfig,
    connector: RustlsConnector,
}

impl Dialer {
    /// # Errors
    ///
    /// Where the address is no URI; the configuration has checked it before.
    pub(super) fn new(config: &NodeConfig) -> Result<Self, Error> {
        let uri = format!("{}/", config.url()).parse().map_err(
            |error: ureq::http::uri::InvalidUri| {
                Error::new(Category::Config, "read the Node's address", error)
            },
        )?;
        let mut roots = Vec::new();
        if !config.ca_certificates.is_empty() {
            roots.push(Roots::new(RootCerts::new_with_certs(
                &config.ca_certificates,
            )));
        }
        roots.push(Roots::new(RootCerts::WebPki));
        let (host, port) = config.host_and_port();
        Ok(Self {
            uri,
            host: host.to_string(),
            port,
            response_timeout: config.response_timeout,
            connect_timeout: config.connect_timeout,
            roots,
            preferred: AtomicUsize::new(0),
            addresses: Mutex::new(None),
            connects: AtomicUsize::new(0),
        })
    }

    /// Where the Node is, as scheme, host and port: what went wrong there is told with it.
    pub(super) fn place(&self) -> String {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let host = self.uri.host().unwrap_or_default();
        format!("{scheme}://{host}:{}", self.port)
    }

    /// Host and port, as a `Host` header has them.
    pub(super) fn authority(&self) -> &str {
        self.uri
            .authority()
            .map_or(&*self.host, |host| host.as_str())
    }

    /// Makes a connection within `left`, and within the configured timeout.
    pub(super) fn dial(&self, left: Duration) -> Result<Connection, Failure> {
        let until = Instant::now() + self.connect_timeout.min(left);
        let preferred = self.preferred.load(Ordering::Relaxed);
        let result = self.dial_with(preferred, until);
        let Err(Failure::Tls(_)) = &result else {
            return result;
        };
        // The certificate is not from these roots; it may be from the others.
        for other in (0..self.roots.len()).filter(|&other| other != preferred) {
            if let Ok(connection) = self.dial_with(other, until) {
                self.preferred.store(other, Ordering::Relaxed);
                return Ok(connection);
            }
        }
        result
    }

    fn dial_with(&self, roots: usize, until: Instant) -> Result<Connection, Failure> {
        let number = self.connects.fetch_add(1, Ordering::Relaxed);
        let addresses = rotated(self.resolve(until)?, number);
        let connected = Tcp::connect(&addresses, until);
        let connected = connected.map_err(Failure::of_connect);
        let connected = connected.and_then(|tcp| self.wrap(roots, tcp, until));
        match connected {
            Ok(stream) => Ok(Connection::new(stream, number)),
            Err(failure) => {
                // The next one asks for the addresses anew.
                *lock(&self.addresses) = None;
                Err(failure)
            }
        }
    }

    /// Puts TLS around a socket, if the Node is to be spoken to by TLS.
    fn wrap(&self, roots: usize, tcp: Tcp, until: Instant) -> Result<Stream, Failure> {
        if self.uri.scheme_str() != Some("https") {
            return Ok(Stream::Plain(tcp));
        }
        let Roots { config, connector } = &self.roots[roots];
        let details = ConnectionDetails {
            uri: &self.uri,
            addrs: NoResolver.empty(),
            config,
            request_level: false,
            resolver: &NoResolver,
            now: UreqInstant::now(),
            timeout: next_timeout(until).map_err(|_| Failure::HandshakeTimeout)?,
            current_time: Arc::new(UreqInstant::now),
            // Only a proxy would run the chain again.
            run_connector: Arc::new(|_| Err(ureq::Error::ConnectionFailed)),
            register_shutdown: Arc::new(|_| Ok(())),
        };
        match connector.connect(&details, Some(tcp)) {
            Ok(Some(transport)) => Ok(Stream::Tls(Box::new(transport))),
            Ok(None) => Err(Failure::Io("no connection was made".to_string())),
            Err(error) => Err(Failure::of_handshake(error)),
        }
    }

    fn resolve(&self, until: Instant) -> Result<Vec<SocketAddr>, Failure> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        // Whoever else wants to connect waits for the same addresses, instead of asking too.
        let mut known = lock(&self.addresses);
        if let Some((since, addresses)) = known.as_ref()
            && since.elapsed() < ADDRESSES_LAST
        {
            return Ok(addresses.clone());
        }
        // It may have taken all of the time to wait for the others.
        next_timeout(until).map_err(|_| Failure::ConnectTimeout)?;
        let addresses = look_up(&self.host, self.port, until)?;
        *known = Some((Instant::now(), addresses.clone()));
        Ok(addresses)
    }
}

impl Roots {
    fn new(roots: RootCerts) -> Self {
        let tls = TlsConfig::builder().root_certs(roots).build();
        Self {
            config: UreqConfig::builder()
                // The default would take a proxy from the environment.
                .proxy(None)
                .tls_config(tls)
                .input_buffer_size(TLS_INPUT_BUFFER)
                .output_buffer_size(OUTPUT_BUFFER)
                .build(),
            connector: RustlsConnector::default(),
        }
    }
}

/// What ureq is given in place of its own resolver, which only a proxy would ask, and which would be 10 KB of the
/// program.
#[derive(Debug)]
struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(
        &self,
        _: &Uri,
        _: &UreqConfig,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Err(ureq::Error::HostNotFound)
    }
}

/// Asks the system's resolver, on a thread of its own, since nothing else ends a look-up in time.
fn look_up(host: &str, port: u16, until: Instant) -> Result<Vec<SocketAddr>, Failure> {
    type Found = Option<io::Result<Vec<SocketAddr>>>;
    // A channel would be 10 KB of the program.
    let shared: Arc<(Mutex<Found>, Condvar)> = Arc::default();
    let name = (host.to_string(), port);
    let look_up = {
        let shared = Arc::clone(&shared);
        move || {
            let addresses = name.to_socket_addrs().map(Iterator::collect);
            // Nobody waits for it any more where the time was over.
            let (found, done) = &*shared;
            *lock(found) = Some(addresses);
            done.notify_one();
        }
    };
    thread::Builder::new()
        .spawn(look_up)
        .map_err(|error| Failure::LookUp(format!("no thread can be started for it: {error}")))?;
    let (found, done) = &*shared;
    let left = until.saturating_duration_since(Instant::now());
    let (mut found, _) = done
        .wait_timeout_while(lock(found), left, |found| found.is_none())
        .unwrap_or_else(PoisonError::into_inner);
    match found.take() {
        Some(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Some(Ok(_)) => Err(Failure::LookUp("it has no address".to_string())),
        Some(Err(error)) => Err(Failure::LookUp(error.to_string())),
        None => Err(Failure::LookUp("no response in time".to_string())),
    }
}

/// The addresses of the first one's family first, beginning with another one for each connection: a second try
/// reaches another backend, where a name has several. The other family comes last, since there may be no way to it.
fn rotated(addresses: Vec<SocketAddr>, number: usize) -> Vec<SocketAddr> {
    let is_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (mut first, rest): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == is_ipv4);
    let turns = number.checked_rem(first.len()).unwrap_or(0);
    first.rotate_left(turns);
    first.extend(rest);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_begins_with_another_address() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let addresses = ["10.0.0.1:1", "10.0.0.2:1", "[::1]:1", "10.0.0.3:1"].map(parse);
        for (number, expected) in [
            (0, ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "[::1]:1"]),
            (1, ["10.0.0.2:1", "10.0.0.3:1", "10.0.0.1:1", "[::1]:1"]),
            (5, ["10.0.0.3:1", "10.0.0.1:1", "10.0.0.2:1", "[::1]:1"]),
        ] {
            assert_eq!(rotated(addresses.to_vec(), number), expected.map(parse));
        }
        assert_eq!(rotated(Vec::new(), 7), []);
    }
}
