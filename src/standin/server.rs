//! The listener below both stand-ins: one thread accepts, one thread serves each connection.
//!
//! Stopping is abrupt on purpose: open connections are shut down in the middle of whatever they
//! carry, which is what a killed Node looks like to its clients.

use std::{
    collections::HashMap,
    fmt,
    io::{self, Read},
    net::{
        IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs,
    },
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long a connection closed by us waits for the peer to close too.
const LINGER: Duration = Duration::from_secs(2);
/// How long a connection that is to be reset waits for bytes that it leaves unread.
const PEEK: Duration = Duration::from_millis(100);
/// How long the accept thread pauses when accepting fails, as it does without free descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What serves a connection: it is given the socket, and closes it by returning.
pub type Serve = dyn Fn(TcpStream, &Stop) + Send + Sync;

/// Says whether the server must stop. It ends every wait.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Whether the server has been told to stop.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Sleeps for `duration`, or until the server is told to stop.
    pub fn sleep(&self, duration: Duration) {
        const SLICE: Duration = Duration::from_millis(10);
        let until = Instant::now() + duration;
        while !self.is_set() {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return;
            }
            thread::sleep(rest.min(SLICE));
        }
    }
}

/// A connection as [`Server::stop`] needs it.
struct Connection {
    socket: TcpStream,
    /// `None` for the moment between the thread's start and its registration.
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stop: Stop,
    accepted: AtomicU64,
    open: Mutex<HashMap<u64, Connection>>,
}

/// A running listener. Dropping it stops it.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds `address` (port 0 lets the system choose) and serves each connection on its own thread.
    ///
    /// # Errors
    ///
    /// Returns an error when the address can not be bound or no thread can be started.
    pub fn start(address: impl ToSocketAddrs, serve: Arc<Serve>) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            stop: Stop::default(),
            accepted: AtomicU64::new(0),
            open: Mutex::default(),
        });
        let acceptor = thread::Builder::new().name("accept".into()).spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared, &serve)
        })?;
        Ok(Self {
            address,
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Stops listening, cuts the open connections and waits for their threads. A second call does nothing.
    pub fn stop(&mut self) {
        self.shared.stop.0.store(true, Ordering::SeqCst);
        let Some(acceptor) = self.acceptor.take() else {
            return;
        };
        // The accept thread looks at the flag after each connection, so it is given one.
        if TcpStream::connect_timeout(&reachable(self.address), LINGER).is_ok() {
            join(acceptor);
        }
        let open: Vec<Connection> = lock(&self.shared.open)
            .drain()
            .map(|(_, connection)| connection)
            .collect();
        for connection in &open {
            // It fails only for a connection which has ended already.
            let _ = connection.socket.shutdown(Shutdown::Both);
        }
        for thread in open.into_iter().filter_map(|connection| connection.thread) {
            join(thread);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("accepted", &self.accepted())
            .finish_non_exhaustive()
    }
}

/// Closes a connection so that the peer can read everything that was written to it.
///
/// A socket that is closed with unread bytes sends a reset, and the reset discards what the peer has not
/// read yet. So only our side is closed, and what still arrives is read and dropped for a while.
pub fn close_gracefully(socket: &mut TcpStream) {
    let until = Instant::now() + LINGER;
    let mut waste = [0; 4096];
    if socket.shutdown(Shutdown::Write).is_err() || socket.set_read_timeout(Some(LINGER)).is_err() {
        return;
    }
    while Instant::now() < until && matches!(socket.read(&mut waste), Ok(1..)) {}
}

/// Waits for the peer's next bytes and leaves them unread. So closing the socket resets the connection.
pub fn reset(socket: &TcpStream) {
    if socket.set_read_timeout(Some(PEEK)).is_ok() {
        let _ = socket.peek(&mut [0]);
    }
}

/// Locks a mutex whose data every holder leaves consistent, so that a panic elsewhere does not matter.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, serve: &Arc<Serve>) {
    for id in 0.. {
        let accepted = listener.accept();
        if shared.stop.is_set() {
            return;
        }
        let started = accepted.and_then(|(socket, _)| {
            shared.accepted.fetch_add(1, Ordering::SeqCst);
            start_connection(id, socket, shared, serve)
        });
        if started.is_err() {
            shared.stop.sleep(ACCEPT_PAUSE);
        }
    }
}

fn start_connection(
    id: u64,
    socket: TcpStream,
    shared: &Arc<Shared>,
    serve: &Arc<Serve>,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let registered = Connection {
        socket: socket.try_clone()?,
        thread: None,
    };
    lock(&shared.open).insert(id, registered);
    let run = {
        let (shared, serve) = (Arc::clone(shared), Arc::clone(serve));
        move || {
            // The clone which the registry holds would keep the connection open.
            let end = OnEnd { id, shared };
            serve(socket, &end.shared.stop);
        }
    };
    match thread::Builder::new().name("connection".into()).spawn(run) {
        Ok(thread) => {
            if let Some(connection) = lock(&shared.open).get_mut(&id) {
                connection.thread = Some(thread);
            }
            Ok(())
        }
        Err(cause) => {
            lock(&shared.open).remove(&id);
            Err(cause)
        }
    }
}

/// Forgets a connection when its thread ends, by a panic too.
struct OnEnd {
    id: u64,
    shared: Arc<Shared>,
}

impl Drop for OnEnd {
    fn drop(&mut self) {
        if let Some(connection) = lock(&self.shared.open).remove(&self.id) {
            let _ = connection.socket.shutdown(Shutdown::Both);
        }
    }
}

/// Joins a thread unless it is the current one, as when a hook stops its own server.
fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != thread::current().id() {
        // A panic of the thread was printed already, and the test which caused it will fail.
        let _ = thread.join();
    }
}

/// An address at which a listener on "all addresses" can be reached from here.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::standin::port::Port;

    #[test]
    fn stop_cuts_open_connections_and_frees_the_port() {
        let echo = |mut socket: TcpStream, _: &Stop| {
            let mut byte = [0];
            while let Ok(1..) = socket.read(&mut byte) {
                socket.write_all(&byte).unwrap();
            }
        };
        let port = Port::new();
        let mut server = Server::start(port.address, Arc::new(echo)).unwrap();
        let mut client = TcpStream::connect(server.address()).unwrap();
        client.write_all(b"x").unwrap();
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        assert_eq!((byte[0], server.accepted()), (b'x', 1));

        server.stop();
        assert!(!matches!(client.read(&mut byte), Ok(1..)));
        assert!(TcpStream::connect(server.address()).is_err());
        Server::start(server.address(), Arc::new(echo)).expect("the port is free again");
    }

    #[test]
    fn stop_cuts_a_sleep_short() {
        let sleeper = |_: TcpStream, stop: &Stop| stop.sleep(Duration::from_secs(60));
        let mut server = Server::start("127.0.0.1:0", Arc::new(sleeper)).unwrap();
        let _client = TcpStream::connect(server.address()).unwrap();
        while server.accepted() == 0 {
            thread::yield_now();
        }
        let start = Instant::now();
        server.stop();
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
