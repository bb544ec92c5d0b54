//! A real handshake, with a certificate from a private authority.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cw_resend_lambda::standin::node::{Options, ReadWrite, StandInNode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::harness::{Function, PATIENCE, assert_got_all, event_of_calls};

const TIME: Duration = Duration::from_secs(30);

pub(crate) fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// The settings of a TLS server with a certificate for `name`.
pub(crate) fn server_config(
    authority: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    expired: bool,
) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_string()]).unwrap();
    if expired {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let certificate = params.signed_by(&key, authority).unwrap();
    server_config_of(
        certificate.der().clone(),
        PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    )
}

fn server_config_of(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}

/// A Node behind TLS, with a certificate for `name`.
fn node(authority: &CertifiedIssuer<'static, KeyPair>, name: &str, expired: bool) -> StandInNode {
    behind(server_config(authority, name, expired))
}

fn node_with(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> StandInNode {
    behind(server_config_of(certificate, key))
}

pub(crate) fn behind(config: Arc<ServerConfig>) -> StandInNode {
    let options = Options {
        wrap: Some(Arc::new(move |socket| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Ok(Box::new(StreamOwned::new(connection, socket)) as Box<dyn ReadWrite>)
        })),
        ..Options::default()
    };
    StandInNode::start("127.0.0.1:0", options).unwrap()
}

fn start(node: &StandInNode, ca: &str) -> Function {
    start_at("localhost", node, ca)
}

fn start_at(host: &str, node: &StandInNode, ca: &str) -> Function {
    let url = format!("https://{host}:{}", node.address().port());
    Function::start_with(&[
        ("X_NODE_URL", &url),
        ("X_NODE_CA_CERT", ca),
        ("X_NODE_TIMEOUT_MS", "1000"),
        ("X_NODE_DOWN_AFTER_MS", "1000"),
    ])
}

#[test]
fn a_private_authority_is_trusted_where_it_is_configured() {
    let ours = authority();
    let other = authority();
    let node = node(&ours, "localhost", false);
    let pem = ours.pem();
    let path = std::env::temp_dir().join(format!("cw-resend-ca-{}.pem", std::process::id()));
    std::fs::write(&path, [other.pem(), ours.pem()].concat()).unwrap();
    for ca in [
        pem.clone(),
        pem.replace('\n', "\\n"),
        path.to_str().unwrap().to_string(),
    ] {
        let function = start(&node, &ca);
        for _ in 0..2 {
            let result = function.invoke(&event_of_calls(100), TIME);
            assert_eq!(result.unwrap()["forwarded"], 100);
        }
    }
    std::fs::remove_file(path).unwrap();
    assert_got_all(&node, 100);
}

#[test]
fn a_certificate_that_can_not_be_verified_is_refused() {
    let ours = authority();
    let other = authority();
    for (name, expired, ca, why) in [
        ("localhost", false, String::new(), "UnknownIssuer"),
        // Both authorities have the same name, so only the signature is wrong.
        ("localhost", false, other.pem(), "BadSignature"),
        (
            "elsewhere.example",
            false,
            ours.pem(),
            "the Node's certificate is for another name",
        ),
        (
            "localhost",
            true,
            ours.pem(),
            "the Node's certificate has expired",
        ),
    ] {
        let node = node(&ours, name, expired);
        let function = start(&node, &ca);
        let failed = function.invoke(&event_of_calls(3), TIME).unwrap_err();
        assert_eq!(failed.error_type, "Function.RecordsUndelivered");
        let message = failed.message.replace(' ', "").to_lowercase();
        assert!(
            message.contains(&why.replace(' ', "").to_lowercase()),
            "{why}: {failed:?}"
        );
        assert_eq!(node.snapshot().requests, 0);
    }
}

#[test]
fn invalid_certificates_are_an_init_error() {
    let ours = authority();
    let key = KeyPair::generate().unwrap().serialize_pem();
    let broken = ours.pem().replacen("MII", "MIJ", 1);
    for (ca, what) in [
        (
            [ours.pem(), key].concat(),
            "holds something other than a certificate, such as a private key",
        ),
        ([ours.pem(), broken].concat(), "broken"),
        (
            "/no/such/file".to_string(),
            "must be PEM text, or a file that can be read",
        ),
    ] {
        let function = Function::start_with(&[("X_NODE_URL", "node"), ("X_NODE_CA_CERT", &ca)]);
        let post = function.api.wait_init_error(PATIENCE).unwrap();
        let text = String::from_utf8_lossy(&post.body).into_owned();
        assert!(
            text.contains("X_NODE_CA_CERT") && text.contains(what),
            "{text}"
        );
    }
}

/// A server's own certificate, signed with its own key, and whether it is an authority's as well.
fn own_certificate(is_ca: bool) -> (String, StandInNode) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_string()]).unwrap();
    params.is_ca = if is_ca {
        IsCa::Ca(BasicConstraints::Unconstrained)
    } else {
        IsCa::ExplicitNoCa
    };
    let certificate = params.self_signed(&key).unwrap();
    let node = node_with(
        certificate.der().clone(),
        PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    );
    (certificate.pem(), node)
}

/// rustls takes a certificate that is CA:TRUE from no server, so that no handshake would ever succeed.
#[test]
fn a_servers_own_certificate_is_trusted_unless_it_is_an_authoritys() {
    let (pem, node) = own_certificate(false);
    let function = start(&node, &pem);
    let result = function.invoke(&event_of_calls(100), TIME);
    assert_eq!(result.unwrap()["forwarded"], 100);
    assert_got_all(&node, 100);

    let (pem, node) = own_certificate(true);
    let other = authority().pem();
    for (ca, number) in [
        (pem.clone(), "number 1."),
        ([other, pem.clone()].concat(), "number 2."),
    ] {
        let started = Instant::now();
        let mut function = start(&node, &ca);
        let text = init_error(&function);
        for words in [
            "X_NODE_CA_CERT holds a certificate that is the Node's own",
            "(CA:TRUE)",
            number,
            "-addext subjectAltName=DNS:localhost",
        ] {
            assert!(text.contains(words), "{text}");
        }
        let (status, _) = function.wait_for_end();
        assert_eq!(status.code(), Some(1));
        // Without the check, it would end with the first event, after ten seconds.
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    // Without TLS the certificate is not used.
    let vars = [
        ("X_NODE_URL", "http://localhost:1"),
        ("X_NODE_CA_CERT", &pem),
    ];
    let function = Function::start_with(&vars);
    assert!(function.api.wait_first_next(PATIENCE).is_some());
}

fn init_error(function: &Function) -> String {
    let post = function.api.wait_init_error(PATIENCE).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&post.body).unwrap();
    body["errorMessage"].as_str().unwrap().to_string()
}

/// The way of an operator: what `openssl req -x509` makes by default, the error, and the command in it.
#[test]
fn the_command_in_the_error_makes_a_certificate_that_works() {
    let run = |command: &str, directory: &Path| {
        let mut shell = Command::new("sh");
        let output = shell.args(["-c", command]).current_dir(directory).output();
        let output = output.unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {error}");
    };
    if Command::new("openssl").arg("version").output().is_err() {
        println!("NOT RUN: there is no openssl");
        return;
    }
    for (host, name) in [
        ("localhost", "DNS:localhost"),
        ("127.0.0.1", "IP:127.0.0.1"),
    ] {
        let directory = format!("cw-resend-{host}-{}", std::process::id());
        let directory = std::env::temp_dir().join(directory);
        std::fs::create_dir_all(&directory).unwrap();
        let certificate = directory.join("cert.pem");
        let start_both = || {
            let key = PrivateKeyDer::from_pem_file(directory.join("key.pem")).unwrap();
            let node = node_with(CertificateDer::from_pem_file(&certificate).unwrap(), key);
            let function = start_at(host, &node, certificate.to_str().unwrap());
            (node, function)
        };
        let usual = format!(
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 \
             -subj /CN={host} -addext subjectAltName={name}"
        );
        run(&usual, &directory);
        let (_node, function) = start_both();
        let text = init_error(&function);
        let command = text.find("openssl req").expect("a command");
        run(&text[command..], &directory);
        let (node, function) = start_both();
        let result = function.invoke(&event_of_calls(100), TIME);
        assert_eq!(result.unwrap()["forwarded"], 100);
        assert_got_all(&node, 100);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
