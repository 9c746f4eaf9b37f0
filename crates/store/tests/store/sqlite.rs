//! What is SQLite's own: the file, its locks, its limits, its versions.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use casemate_store::clock::Clock;
use casemate_store::model::{AlertState, DeadLetter, Ingested, NewAlert};
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use casemate_store::traits::{Alerts as _, Approvals as _, Audit as _};
use casemate_store::{Store, StoreError};

use crate::conformance::{self, samples};

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary folder"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("casemate.db")
    }

    async fn open(&self, options: SqliteOptions) -> Result<Arc<SqliteStore>, StoreError> {
        SqliteStore::open(self.file(), Clock::system(), options).await
    }
}

#[tokio::test]
async fn conforms() {
    let homes: std::sync::Mutex<Vec<Home>> = std::sync::Mutex::default();
    conformance::all(|| {
        let home = Home::new();
        let file = home.file();
        homes.lock().expect("lock").push(home);
        async move {
            let store = SqliteStore::open(file, Clock::system(), SqliteOptions::default()).await.expect("open");
            store as Arc<dyn Store>
        }
    })
    .await;
}

fn child(file: &std::path::Path, prefix: &str, count: u32) -> std::process::Child {
    let here = std::env::current_exe().expect("this test's file");
    let examples = here.ancestors().nth(2).expect("target folder").join("examples");
    std::process::Command::new(examples.join("store_child"))
        .arg(file)
        .args([prefix, &count.to_string()])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("`cargo test` builds the example")
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let home = Home::new();
    let mut acknowledged = Vec::new();
    for (round, lines) in [(0, 1), (1, 17), (2, 50)] {
        let mut writer = child(&home.file(), &format!("r{round}-"), 0);
        let out = BufReader::new(writer.stdout.take().expect("piped"));
        acknowledged.extend(out.lines().take(lines).map(|l| l.expect("line")));
        writer.kill().expect("SIGKILL");
        writer.wait().expect("gone");
    }
    let store = home.open(SqliteOptions::default()).await.expect("open after a kill");
    let stored: Vec<_> =
        store.untriaged(100_000).await.expect("read").into_iter().filter_map(|a| a.intake.delivery_id).collect();
    assert_eq!(acknowledged.len(), 68);
    for id in acknowledged {
        assert!(stored.contains(&id), "{id} was acknowledged and is lost");
    }
}

#[tokio::test]
async fn two_processes_share_a_file() {
    let home = Home::new();
    let store = home.open(SqliteOptions::default()).await.expect("open");
    let mut other = child(&home.file(), "theirs", 100);
    for n in 0..100 {
        store.ingest(&[samples::alert(n)], 0).await.expect("ingest beside another writer");
    }
    assert!(other.wait().expect("ends").success());
    assert_eq!(store.count_alerts(AlertState::Received).await.expect("count"), 200);
}

#[tokio::test]
async fn two_writers_of_a_file_spend_an_approval_once() {
    let home = Home::new();
    let one = home.open(SqliteOptions::default()).await.expect("open");
    let other = home.open(SqliteOptions::default()).await.expect("open");
    conformance::approvals::one_of_many_claims_wins(vec![one, other]).await;
}

async fn raw(home: &Home) -> sqlx::SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(home.file());
    <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.expect("connect")
}

#[tokio::test]
async fn a_locked_file_says_so_and_recovers() {
    let home = Home::new();
    let options = SqliteOptions { busy_timeout_ms: 50, ..SqliteOptions::default() };
    let store = home.open(options).await.expect("open");
    let mut other = raw(&home).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("take the lock");
    let refused = store.ingest(&[samples::alert(1)], 0).await;
    assert_eq!(refused, Err(StoreError::Locked { path: home.file().display().to_string(), waited_ms: 50 }));
    assert!(store.untriaged(1).await.expect("reading goes on").is_empty());
    sqlx::query("COMMIT").execute(&mut other).await.expect("let go");
    assert!(matches!(store.ingest(&[samples::alert(1)], 0).await.expect("again")[0], Ingested::New(_)));
}

#[tokio::test]
async fn a_full_file_says_so_and_recovers() {
    let home = Home::new();
    let store = home.open(SqliteOptions { pages_max: Some(150), ..SqliteOptions::default() }).await.expect("open");
    let big = |n| NewAlert { raw: serde_json::json!("x".repeat(100_000)), ..samples::alert(n) };
    let mut stored = 0;
    let error = loop {
        match store.ingest(&[big(stored)], 0).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100, "the limit holds");
    };
    assert_eq!(error, StoreError::Full { path: home.file().display().to_string() });
    assert_eq!(store.count_alerts(AlertState::Received).await.expect("reading goes on"), u64::from(stored));
    assert!(store.ingest(&[big(stored)], 0).await.is_err(), "still full");
    drop(store);
    let roomy = home.open(SqliteOptions::default()).await.expect("open with room");
    assert!(matches!(roomy.ingest(&[big(stored)], 0).await.expect("room")[0], Ingested::New(_)));
    assert_eq!(roomy.verify_audit().await.expect("sound"), None);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let home = Home::new();
    drop(home.open(SqliteOptions::default()).await.expect("open"));
    sqlx::query("PRAGMA user_version = 99").execute(&mut raw(&home).await).await.expect("pretend");
    let error = home.open(SqliteOptions::default()).await.expect_err("too new");
    assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("upgrade casemate"));
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let home = Home::new();
    std::fs::write(home.file(), "not a database, but long enough to look like one".repeat(40)).expect("write");
    let error = home.open(SqliteOptions::default()).await.expect_err("no database");
    assert!(matches!(&error, StoreError::Unavailable { why } if why.contains("not a database")), "{error}");
    let nowhere = SqliteStore::open(home.0.path().join("no/such/folder.db"), Clock::system(), SqliteOptions::default());
    assert!(matches!(nowhere.await, Err(StoreError::Unavailable { .. })));
}

#[tokio::test]
async fn reopening_keeps_everything_and_migrates_once() {
    let home = Home::new();
    for n in 0..3 {
        let store = home.open(SqliteOptions::default()).await.expect("open");
        store.ingest(&[samples::alert(n)], 0).await.expect("ingest");
    }
    let store = home.open(SqliteOptions::default()).await.expect("open");
    assert_eq!(store.count_alerts(AlertState::Received).await.expect("count"), 3);
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(home.file()).expect("file").permissions());
        assert_eq!(mode & 0o777, 0o600, "only its owner reads it");
    }
}

#[tokio::test]
async fn a_changed_audit_entry_is_found() {
    let home = Home::new();
    let store = home.open(SqliteOptions::default()).await.expect("open");
    for _ in 0..3 {
        store.request_approval(&samples::approval("a", i64::MAX / 2)).await.expect("ask");
    }
    for (n, who) in ["bob", "eve"].iter().enumerate() {
        store.vote(&"a".into(), samples::vote(who, n as i64), "d1").await.expect("vote");
    }
    assert_eq!(store.verify_audit().await.expect("walk"), None);
    let mut other = raw(&home).await;
    sqlx::query("UPDATE audit SET doc = replace(doc, 'bob', 'joe') WHERE seq = 1")
        .execute(&mut other)
        .await
        .expect("forge");
    assert_eq!(store.verify_audit().await.expect("walk"), Some(1));
    sqlx::query("DELETE FROM audit WHERE seq = 1").execute(&mut other).await.expect("remove");
    assert_eq!(store.verify_audit().await.expect("walk"), Some(1));
}

#[tokio::test]
async fn dead_letters_are_bounded() {
    let home = Home::new();
    let store = home.open(SqliteOptions { dead_letters_max: 3, ..SqliteOptions::default() }).await.expect("open");
    for n in 0..5 {
        let letter = DeadLetter {
            seq: 0,
            source: "dlp".into(),
            received_at: samples::T0,
            reason: format!("r{n}"),
            excerpt: String::new(),
        };
        store.dead_letter(&letter).await.expect("keep");
    }
    let reasons: Vec<_> = store.dead_letters(10).await.expect("letters").into_iter().map(|l| l.reason).collect();
    assert_eq!(reasons, ["r4", "r3", "r2"]);
}
