//! The way to the Node, step by step: DNS, TCP, TLS.

use std::{
    error::Error,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    StreamOwned,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::{steps::Step, x509};
use crate::{
    config::NodeConfig,
    local::{error::CommandError, escape::terminal, send::settings::in_options},
    node::fix_of_tls,
};

/// A connection to the Node.
pub(super) trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// A connection, or why there is none. What was seen on the way is among the steps.
pub(super) type Connected = Result<Box<dyn Stream>, String>;

/// Notes the certificates that a server shows, and has them verified as the function does.
#[derive(Debug)]
struct Recorder {
    inner: Arc<WebPkiServerVerifier>,
    chain: Mutex<Vec<Vec<u8>>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let all = std::iter::once(end_entity).chain(intermediates);
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) =
            all.map(|certificate| certificate.to_vec()).collect();
        self.inner
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Connects, and notes each step.
///
/// # Errors
///
/// Returns an error when this program can not even try.
pub(super) fn connect(node: &NodeConfig, steps: &mut Vec<Step>) -> Result<Connected, CommandError> {
    let (host, port) = node.host_and_port();
    // The system's resolver ends by itself, after some seconds.
    let began = Instant::now();
    let addresses: Vec<SocketAddr> = match (host, port).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(cause) => {
            let why = format!(
                "{}; check the name in --node, and this machine's DNS",
                terminal(&cause.to_string())
            );
            return Ok(Err(fail(steps, "DNS", &why)));
        }
    };
    if addresses.is_empty() {
        return Ok(Err(fail(steps, "DNS", "the name has no address")));
    }
    let shown: Vec<String> = addresses
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    steps.push(Step::fine("DNS", shown.join(", ")).took(began.elapsed()));
    let (tcp, address) = match tcp(&addresses, node.connect_timeout, steps) {
        Ok(connected) => connected,
        Err(why) => return Ok(Err(why)),
    };
    tcp.set_read_timeout(Some(node.response_timeout))
        .and_then(|()| tcp.set_write_timeout(Some(node.response_timeout)))
        .map_err(|cause| CommandError::with_cause("failed to set a socket's timeout", cause))?;
    if !node.https {
        let text =
            format!("none, as --node says: what is sent to {address} can be read on the way");
        steps.push(Step::fine("TLS", text));
        return Ok(Ok(Box::new(tcp)));
    }
    tls(node, host, tcp, steps)
}

fn fail(steps: &mut Vec<Step>, name: &'static str, why: &str) -> String {
    steps.push(Step::wrong(name, why.to_string()));
    format!("{name}: {why}")
}

fn tcp(
    addresses: &[SocketAddr],
    timeout: Duration,
    steps: &mut Vec<Step>,
) -> Result<(TcpStream, SocketAddr), String> {
    let mut why = String::new();
    for address in addresses {
        let began = Instant::now();
        match TcpStream::connect_timeout(address, timeout) {
            Ok(tcp) => {
                let text = format!("connected to {address}");
                steps.push(Step::fine("TCP", text).took(began.elapsed()));
                return Ok((tcp, *address));
            }
            Err(cause) => {
                let words = match cause.kind() {
                    ErrorKind::ConnectionRefused => {
                        "nothing listens there; check the port in --node, and whether the Node runs"
                            .into()
                    }
                    ErrorKind::TimedOut | ErrorKind::WouldBlock => format!(
                        "no connection within {} s; check the port in --node, routes, firewalls and security groups. A \
                         Node that Terraform has deployed can only be reached from its VPC: --function probes it from \
                         there",
                        timeout.as_secs()
                    ),
                    _ => cause.to_string(),
                };
                why = fail(steps, "TCP", &format!("{address}: {words}"));
            }
        }
    }
    Err(why)
}

fn tls(
    node: &NodeConfig,
    host: &str,
    mut tcp: TcpStream,
    steps: &mut Vec<Step>,
) -> Result<Connected, CommandError> {
    // What the function trusts.
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in &node.ca_certificates {
        roots
            .add(CertificateDer::from(certificate.der().to_vec()))
            .map_err(unprepared)?;
    }
    let provider: Arc<CryptoProvider> = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let inner = verifier.build().map_err(unprepared)?;
    let recorder = Arc::new(Recorder {
        inner,
        chain: Mutex::default(),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unprepared)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_string()).map_err(|cause| {
        CommandError::with_cause("failed to read --node: no certificate has this name", cause)
    })?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(unprepared)?;
    let began = Instant::now();
    let mut result = Ok(());
    while result.is_ok() && connection.is_handshaking() {
        result = connection.complete_io(&mut tcp).map(|_| ());
    }
    let step = match &result {
        Ok(()) => {
            let version = connection.protocol_version();
            let version = version.and_then(|version| version.as_str().map(String::from));
            let version = version.unwrap_or_else(|| "TLS".into()).replace('_', ".");
            Step::fine("TLS", format!("{version}; the certificate is trusted"))
                .took(began.elapsed())
        }
        Err(cause) => Step::wrong("TLS", why_no_tls(cause)),
    };
    let chain = recorder
        .chain
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let details = chain.iter().map(|der| match x509::read(der) {
        Some(certificate) => {
            let (from, to) = &certificate.valid;
            let names = match certificate.names.is_empty() {
                true => String::new(),
                false => format!(" for {}", certificate.names.join(", ")),
            };
            format!(
                "{}{names}; from {}; valid {from} to {to}",
                certificate.subject, certificate.issuer
            )
        }
        None => "a certificate that can't be read".into(),
    });
    let step = step.with_details(details.collect());
    let why = step.text.clone();
    steps.push(step);
    Ok(match result {
        Ok(()) => Ok(Box::new(StreamOwned::new(connection, tcp))),
        Err(_) => Err(format!("TLS: {why}")),
    })
}

fn unprepared(cause: impl Error + Send + Sync + 'static) -> CommandError {
    CommandError::with_cause("failed to prepare TLS", cause)
}

/// Why there is no TLS, and what to do.
fn why_no_tls(cause: &io::Error) -> String {
    let words = cause.to_string();
    let words = terminal(&words);
    if words.contains("InvalidContentType") || words.contains("corrupt message") {
        return "expected TLS, got plain HTTP: does --node begin with http://?".into();
    }
    match cause.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            "the server says nothing; if it speaks plain HTTP: does --node begin with http://?".into()
        }
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            "the server has closed the connection; if it speaks plain HTTP: does --node begin with http://?".into()
        }
        _ => match fix_of_tls(&words) {
            Some(fix) => format!("{} ({words})", in_options(fix)),
            None => words.into_owned(),
        },
    }
}
