//! TLS of the listener.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsConfig;

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("cannot read the certificates in {path}: {why}; `gateway.tls.cert` names a PEM file with the chain")]
    Cert { path: String, why: String },
    #[error("cannot read the private key in {path}: {why}; `gateway.tls.key` names a PEM file")]
    Key { path: String, why: String },
    #[error("the certificate and the key do not work together: {0}")]
    Pair(rustls::Error),
}

/// Reads the files and makes an acceptor for TLS 1.2 and 1.3 and HTTP/1.1.
pub(crate) fn acceptor(files: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let cert = |why: String| TlsError::Cert { path: files.cert.clone(), why };
    let chain: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_file_iter(Path::new(&files.cert)).map_err(|e| cert(e.to_string()))?.collect();
    let chain = chain.map_err(|e| cert(e.to_string()))?;
    if chain.is_empty() {
        return Err(cert("it holds no certificate".into()));
    }
    let key = PrivateKeyDer::from_pem_file(Path::new(&files.key))
        .map_err(|e| TlsError::Key { path: files.key.clone(), why: e.to_string() })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
