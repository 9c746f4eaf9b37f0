//! The stylesheet, scripts and icon, built into the program and served under names that hold their digest, so that a
//! browser may keep them for ever and a new version is always fetched.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

struct Asset {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
    url: String,
    etag: String,
}

const FILES: [(&str, &str, &str); 4] = [
    ("console.css", "text/css; charset=utf-8", include_str!("../assets/console.css")),
    ("live.js", "text/javascript; charset=utf-8", include_str!("../assets/live.js")),
    ("page.js", "text/javascript; charset=utf-8", include_str!("../assets/page.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|&(name, content_type, text)| {
            let digest: String = hex::encode(Sha256::digest(text)).chars().take(12).collect();
            let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
            let url = format!("/assets/{stem}.{digest}.{extension}");
            Asset { name, content_type, text, url, etag: format!("\"{digest}\"") }
        })
        .collect()
});

/// Where the asset of this name is served; empty for a name that there is not (a test looks for that).
pub fn url(name: &str) -> &'static str {
    ASSETS.iter().find(|a| a.name == name).map_or("", |a| a.url.as_str())
}

/// Serves an asset under its full name.
pub async fn serve(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|a| a.url.strip_prefix("/assets/").is_some_and(|u| u == file)) else {
        return (StatusCode::NOT_FOUND, "no such asset: reload the page").into_response();
    };
    let fixed = [(header::ETAG, asset.etag.as_str()), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == asset.etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, fixed).into_response();
    }
    (fixed, [(header::CONTENT_TYPE, asset.content_type)], asset.text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_digests() {
        for (name, _, text) in FILES {
            let url = url(name);
            assert!(url.starts_with("/assets/") && url.len() > name.len() + 12, "{url}");
            assert!(!text.is_empty());
        }
        assert_eq!(url("other.css"), "");
    }
}
