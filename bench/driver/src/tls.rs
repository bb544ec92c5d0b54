//! A certificate authority only for the run, and the Node's certificate from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::Result;

pub(crate) struct Authority {
    file: PathBuf,
    server: Arc<ServerConfig>,
}

impl Authority {
    /// Creates an authority and writes its certificate into a directory, where contenders find it.
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // For OpenSSL, a certificate with equal subject and issuer names is self-signed.
        let name = "authority of a benchmark";
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(["localhost".to_string()])?;
        // OpenSSL's strict mode, which Python sets, requires it in newer versions.
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &authority)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        let file = directory.join("authority.pem");
        fs::write(&file, authority.pem())?;
        Ok(Self {
            file,
            server: Arc::new(server),
        })
    }

    /// The authority's certificate.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The Node's side of TLS.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }
}
