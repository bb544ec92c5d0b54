//! Whatever listens where the Node should.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use cw_resend_lambda::standin::node::{Fault, Message, Options, ReadWrite, StandInNode, WrapHook};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A listener that speaks no HTTP worth the name.
pub(crate) struct RawPeer {
    address: SocketAddr,
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl RawPeer {
    pub(crate) fn start(serve: fn(&mut TcpStream)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let is_stopped = Arc::clone(&is_stopped);
            move || {
                for socket in listener.incoming() {
                    if is_stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    if let Ok(mut socket) = socket {
                        thread::spawn(move || serve(&mut socket));
                    }
                }
            }
        });
        Self {
            address,
            is_stopped,
            thread: Some(thread),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for RawPeer {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Closes with bytes unread, so that the peer is sent a reset.
pub(crate) fn resets_before_the_answer(socket: &mut TcpStream) {
    let _ = socket.read(&mut [0; 1]);
}

pub(crate) fn resets_within_the_answer(socket: &mut TcpStream) {
    let _ = socket.read(&mut [0; 1]);
    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Le");
}

/// Answers a byte at a time, and slower than anybody waits.
pub(crate) fn drips(socket: &mut TcpStream) {
    let _ = socket.read(&mut [0; 4096]);
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        .iter()
        .cycle()
        .take(400)
    {
        if socket.write_all(&[*byte]).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Takes everything, and never answers.
pub(crate) fn is_silent(socket: &mut TcpStream) {
    let _ = std::io::copy(socket, &mut std::io::sink());
}

/// A head without an end.
pub(crate) fn floods(socket: &mut TcpStream) {
    let _ = socket.read(&mut [0; 4096]);
    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n");
    while socket.write_all(&[b'x'; 4096]).is_ok() {}
}

/// A Node that is faulty as long as the switch is on.
pub(crate) fn switched_node(
    hook: impl Fn(&Message, u64) -> Fault + Send + Sync + 'static,
    wrap: Option<WrapHook>,
) -> (StandInNode, Arc<AtomicBool>) {
    let is_faulty = Arc::new(AtomicBool::new(true));
    let options = Options {
        wrap,
        ..Options::with_fault({
            let is_faulty = Arc::clone(&is_faulty);
            move |message, nth| match is_faulty.load(Ordering::SeqCst) {
                true => hook(message, nth),
                false => Fault::none(),
            }
        })
    };
    let node = StandInNode::start("127.0.0.1:0", options).unwrap();
    (node, is_faulty)
}

/// TLS with a certificate for this name, from an authority of its own. Also gives that authority.
pub(crate) fn tls(name: &str, is_expired: bool) -> (WrapHook, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_string()]).unwrap();
    if is_expired {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let wrap: WrapHook = Arc::new(move |socket| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        Ok(Box::new(StreamOwned::new(connection, socket)) as Box<dyn ReadWrite>)
    });
    (wrap, authority.pem())
}
