//! Alert text is hostile input: in no page does any of it become markup.

use crate::data::HOSTILE;
use crate::door::Door;

#[tokio::test]
async fn hostile_text_stays_text_on_every_page() {
    let door = Door::open().await;
    let mut admin = door.log_in("admin").await;
    let csrf = admin.csrf().await;
    admin.post("/cases/case-6/note", &[("csrf", &csrf), ("text", HOSTILE)]).await;
    let contain = [
        ("csrf", csrf.as_str()),
        ("kind", "model"),
        ("value", HOSTILE),
        ("effect", "block"),
        ("minutes", "9"),
        ("reason", HOSTILE),
    ];
    assert_eq!(admin.post("/gateway/containments", &contain).await.status, 303);
    let name = &HOSTILE[..60];
    let key = [("csrf", csrf.as_str()), ("name", name), ("tier", "free"), ("tenant", name)];
    assert_eq!(admin.post("/gateway/keys", &key).await.status, 200);
    let mut seen = 0;
    for path in [
        "/",
        "/cases?state=all",
        "/cases/case-6",
        "/approvals",
        "/approvals/appr-hostile-call",
        "/runs/run-2",
        "/gateway",
        "/audit",
        "/people",
    ] {
        let body = admin.get(path).await.body;
        for live in ["<script>", "<img src=x", "<svg/onload", "onerror=\"alert"] {
            assert!(!body.contains(live), "{path}: {live}");
        }
        assert!(!body.contains('\u{202e}'), "{path}: a direction override");
        seen += body.matches("&lt;script&gt;alert(1)").count();
    }
    assert!(seen > 20, "the text is shown, as text: {seen}");
    assert!(admin.get("/cases/case-6").await.body.contains("⟨U+202E⟩gnp.exe"));
    // A reflected one: query, path, log-in name.
    let q = "%3Cscript%3Ealert(9)%3C%2Fscript%3E%22%3E";
    for path in [
        format!("/cases?state={q}&severity={q}&sort={q}&page={q}"),
        format!("/cases/{q}"),
        format!("/audit?actor={q}"),
        format!("/runs?page={q}"),
        format!("/?done={q}"),
        format!("/login?next={q}"),
        format!("/{q}"),
    ] {
        assert!(!admin.get(&path).await.body.contains("<script>alert(9)"), "{path}");
    }
    let answer = door.client().log_in("<script>alert(9)</script>", "x").await;
    assert!(!answer.body.contains("<script>alert(9)"));
}

#[tokio::test]
async fn json_answers_are_json_and_never_sniffed() {
    let door = Door::open().await;
    let mut admin = door.log_in("admin").await;
    let answer = admin.get("/api/v1/cases/case-6").await;
    assert_eq!(answer.json()["case"]["title"], HOSTILE);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn a_slow_or_broken_request_is_dropped_and_others_are_served() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let door = Door::open().await;
    for bytes in [&b"GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n"[..], b"\x16\x03\x01\x02\x00", b"GET"] {
        let mut s = tokio::net::TcpStream::connect(door.console.addr).await.expect("connects");
        s.write_all(bytes).await.expect("sent");
        s.shutdown().await.expect("half closed");
        let mut out = Vec::new();
        let _ = s.read_to_end(&mut out).await;
        assert!(out.is_empty() || out.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&out));
    }
    assert_eq!(door.client().get("/healthz").await.status, 204);
    door.console.stop().await;
}
