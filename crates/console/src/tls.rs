//! Certificate and key from PEM files (TLS 1.2 and 1.3, ring).

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsConfig;

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds no PEM of that kind.
    #[error("console.tls.{field}: {path} cannot be used: {why}", path = path.display())]
    File {
        /// `certificate` or `key`.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Certificate and key do not go together, or are of a kind that is not supported.
    #[error("console.tls: certificate and key cannot be used together: {why}")]
    Pair {
        /// What rustls says.
        why: String,
    },
}

/// An acceptor for the configured certificate.
///
/// # Errors
/// [`TlsError`] names the field and file.
pub fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let file = |field, path: &PathBuf, why: String| TlsError::File { field, path: path.clone(), why };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&config.certificate)
        .and_then(Iterator::collect)
        .map_err(|e| file("certificate", &config.certificate, e.to_string()))?;
    if chain.is_empty() {
        return Err(file("certificate", &config.certificate, "it holds no certificate".into()));
    }
    let key = PrivateKeyDer::from_pem_file(&config.key).map_err(|e| file("key", &config.key, e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pair = |e: rustls::Error| TlsError::Pair { why: e.to_string() };
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(pair)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}
