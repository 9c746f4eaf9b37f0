//! With a certificate the console speaks TLS, and its cookies are `Secure`.

use std::sync::Arc;

use casemate_console::{Console, ConsoleConfig, Extras, TlsConfig};
use casemate_finding::UnixMs;
use casemate_store::Store;
use casemate_store::clock::Clock;
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::door::parse;

#[tokio::test]
async fn tls_and_secure_cookies() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let clock = Clock::manual(UnixMs(1_795_300_000_000));
    let store =
        SqliteStore::open(folder.path().join("t.db"), clock.clone(), SqliteOptions::default()).await.expect("store");
    let store = store as Arc<dyn Store>;
    let config = |certificate: &std::path::Path| ConsoleConfig {
        listen: Some("127.0.0.1:0".into()),
        tls: Some(TlsConfig { certificate: certificate.to_owned(), key: key.clone() }),
        ..ConsoleConfig::default()
    };
    let broken = config(&folder.path().join("none.pem")).settings().expect("settings");
    let refused = Console::start(broken, Arc::clone(&store), clock.clone(), Extras::default()).await;
    assert!(refused.is_err_and(|e| e.to_string().starts_with("console.tls.certificate: ")));
    let settings = config(&certificate).settings().expect("settings");
    let console = Console::start(settings, store, clock, Extras::default()).await.expect("starts");
    assert_eq!(console.scheme, "https");

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec())).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = tokio::net::TcpStream::connect(console.addr).await.expect("connects");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut tls = tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, tcp).await.expect("a handshake");
    tls.write_all(b"GET /login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut raw = Vec::new();
    let _ = tls.read_to_end(&mut raw).await;
    let answer = parse(&raw);
    assert_eq!(answer.status, 200);
    let cookie = answer.header("set-cookie").expect("a cookie");
    for part in ["; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(answer.header("strict-transport-security").is_some());
    console.stop().await;
}
