//! The listener's TLS, with certificates that each test makes for itself.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::house::{ANSWER, CHAT, CHAT_STREAM, House, plain_yaml};
use crate::stub::{Reply, Stub};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate for `localhost` in files.
pub struct Certificate {
    folder: tempfile::TempDir,
    der: CertificateDer<'static>,
}

impl Certificate {
    pub fn make() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Self { folder, der: made.cert.der().clone() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub fn yaml(&self) -> String {
        format!("tls: {{cert: '{}', key: '{}'}}\n", self.path("cert.pem"), self.path("key.pem"))
    }
}

async fn connect(
    certificate: &Certificate,
    addr: SocketAddr,
    versions: &[&'static rustls::SupportedProtocolVersion],
    offers: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = offers.iter().map(|o| o.to_vec()).collect();
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

pub async fn secure_client(certificate: &Certificate, addr: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    connect(certificate, addr, rustls::ALL_VERSIONS, &[]).await
}

async fn ask(mut stream: TlsStream<TcpStream>, house: &House, body: &str) -> String {
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
        house.key,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut out = Vec::new();
    stream.read_to_end(&mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn tls_1_2_and_1_3_carry_whole_answers_and_streams() {
    let certificate = Certificate::make();
    let stub = Stub::start(|seen| {
        if seen.body.windows(8).any(|w| w == b"\"stream\"") {
            Reply::chunks(["data: {\"choices\":[]}\n\n", "data: [DONE]\n\n"])
        } else {
            Reply::json(ANSWER)
        }
    })
    .await;
    let house = House::open(&format!("{}{}", certificate.yaml(), plain_yaml("")), stub.addr).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for offers in [&[][..], &[b"h2" as &[u8], b"http/1.1"]] {
            let stream = connect(&certificate, house.addr, &[version], offers).await.unwrap();
            let chosen = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            assert_eq!(chosen, (!offers.is_empty()).then(|| b"http/1.1".to_vec()));
            let text = ask(stream, &house, CHAT).await;
            assert!(text.starts_with("HTTP/1.1 200") && text.ends_with(ANSWER), "{text}");
        }
        let stream = connect(&certificate, house.addr, &[version], &[]).await.unwrap();
        let text = ask(stream, &house, CHAT_STREAM).await;
        assert!(text.starts_with("HTTP/1.1 200") && text.contains("data: [DONE]"), "{text}");
    }
    house.close().await;
}

#[tokio::test]
async fn plain_http_and_unknown_protocols_get_nothing_from_a_tls_listener() {
    let certificate = Certificate::make();
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let house = House::open(&format!("{}{}", certificate.yaml(), plain_yaml("")), stub.addr).await;
    assert!(!house.raw(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await.contains("200 OK"));
    let refused = connect(&certificate, house.addr, &[&rustls::version::TLS13], &[b"h2"]).await;
    assert!(refused.is_err(), "a client that speaks HTTP/2 only");
    let stranger = Certificate::make();
    assert!(secure_client(&stranger, house.addr).await.is_err(), "the client checks who it is");
    assert!(secure_client(&certificate, house.addr).await.is_ok(), "and the listener goes on");
}

/// A handshake that does not come to its end gives its place back.
#[tokio::test]
async fn a_handshake_has_as_long_as_a_head() {
    let certificate = Certificate::make();
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let yaml = plain_yaml("").replace("limits: {per_address: {}}", "limits: {per_address: {}, head_ms: 200}");
    let house = House::open(&format!("{}{yaml}", certificate.yaml()), stub.addr).await;
    let mut silent = TcpStream::connect(house.addr).await.unwrap();
    let read = tokio::time::timeout(std::time::Duration::from_secs(20), silent.read(&mut [0; 16])).await;
    assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
}

#[tokio::test]
async fn files_that_do_not_fit_are_told_by_name() {
    let certificate = Certificate::make();
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let listen = "127.0.0.1:0".parse().unwrap();
    let (cert, key) = (certificate.path("cert.pem"), certificate.path("key.pem"));
    let other = Certificate::make().path("key.pem");
    let strange = Certificate::make();
    for (cert, key, says) in [
        ("/nowhere/cert.pem", key.as_str(), "/nowhere/cert.pem"),
        (cert.as_str(), other.as_str(), other.as_str()),
        (key.as_str(), key.as_str(), "holds no certificate"),
        (cert.as_str(), cert.as_str(), "gateway.tls.key"),
        (cert.as_str(), &strange.path("key.pem"), "do not work together"),
    ] {
        let yaml = format!("tls: {{cert: '{cert}', key: '{key}'}}\n{}", plain_yaml(""));
        let text = House::start_error(&yaml, stub.addr, listen).await;
        assert!(text.contains(says), "{cert} {key}: {text}");
    }
}
