//! A real handshake, with a certificate from a private authority.

use std::sync::Arc;
use std::time::Duration;

use cw_resend_lambda::standin::node::{Options, ReadWrite, StandInNode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::harness::{Function, assert_got_all, event_of_calls};

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
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    Arc::new(config)
}

/// A Node behind TLS, with a certificate for `name`.
fn node(authority: &CertifiedIssuer<'static, KeyPair>, name: &str, expired: bool) -> StandInNode {
    let config = server_config(authority, name, expired);
    let options = Options {
        fault: None,
        wrap: Some(Arc::new(move |socket| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Ok(Box::new(StreamOwned::new(connection, socket)) as Box<dyn ReadWrite>)
        })),
    };
    StandInNode::start("127.0.0.1:0", options).unwrap()
}

fn start(node: &StandInNode, ca: &str) -> Function {
    let url = format!("https://localhost:{}", node.address().port());
    Function::start_with(&[
        ("X_NODE_URL", &url),
        ("X_NODE_CA_CERT", ca),
        ("X_NODE_DOWN_AFTER_MS", "300"),
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
        ("elsewhere.example", false, ours.pem(), "NotValidForName"),
        ("localhost", true, ours.pem(), "xpired"),
    ] {
        let node = node(&ours, name, expired);
        let function = start(&node, &ca);
        let failed = function.invoke(&event_of_calls(3), TIME).unwrap_err();
        assert_eq!(failed.error_type, "Function.RecordsUndelivered");
        let message = failed.message.replace(' ', "").to_lowercase();
        assert!(message.contains(&why.to_lowercase()), "{why}: {failed:?}");
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
        let post = function
            .api
            .wait_init_error(crate::harness::PATIENCE)
            .unwrap();
        let text = String::from_utf8_lossy(&post.body).into_owned();
        assert!(
            text.contains("X_NODE_CA_CERT") && text.contains(what),
            "{text}"
        );
    }
}
