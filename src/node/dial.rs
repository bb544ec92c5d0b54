//! How a connection to the Node is made: DNS, TCP, TLS, and the roots that are trusted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ureq::config::Config as UreqConfig;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Instant as UreqInstant;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector};

use super::connection::{Connection, Failure, INPUT_BUFFER, OUTPUT_BUFFER, next_timeout};
use crate::config::NodeConfig;
use crate::error::{Category, Error};

/// How long resolved addresses are used again. The connections of one delivery open within
/// milliseconds of each other; a load balancer's addresses change within minutes.
const ADDRESSES_LAST: Duration = Duration::from_secs(5);

/// Makes connections to the Node.
#[derive(Debug)]
pub(super) struct Dialer {
    uri: Uri,
    /// How long a response may take.
    pub(super) response_timeout: Duration,
    connect_timeout: Duration,
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

impl Dialer {
    /// # Errors
    ///
    /// Where the address is no URI; the configuration has checked it before.
    pub(super) fn new(config: &NodeConfig) -> Result<Self, Error> {
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
            uri,
            response_timeout: config.response_timeout,
            connect_timeout: config.connect_timeout,
            roots,
            preferred: AtomicUsize::new(0),
            resolver: DefaultResolver::default(),
            addresses: Mutex::new(None),
            connects: AtomicUsize::new(0),
        })
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
        // Whoever else wants to connect waits for the same addresses, instead of asking too.
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

    fn addresses(&self) -> MutexGuard<'_, Option<(Instant, ResolvedSocketAddrs)>> {
        // What it guards is replaced whole, so that a panic can't have left it half-way.
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
                .input_buffer_size(INPUT_BUFFER)
                .output_buffer_size(OUTPUT_BUFFER)
                .build(),
            connector: DefaultConnector::new(),
        }
    }
}

fn copy(resolver: &DefaultResolver, addresses: &ResolvedSocketAddrs) -> ResolvedSocketAddrs {
    let mut copy = resolver.empty();
    for address in addresses {
        copy.push(*address);
    }
    copy
}
