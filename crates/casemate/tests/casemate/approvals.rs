//! `casemate approvals`: a tool call that a gateway stopped, seen and answered from the terminal.

use std::path::Path;

use casemate_finding::UnixMs;
use casemate_store::clock::Clock;
use casemate_store::model::{Approval, ApprovalState, Claim, Person, Role, StoppedCall, TenantId};
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use casemate_store::traits::{Approvals, Audit, People};
use serde_json::json;

use crate::process::{json, refused, run, stdout};

fn in_store<T>(dir: &Path, ask: impl AsyncFnOnce(&SqliteStore) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let folder = dir.join("casemate-data");
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("casemate.db");
        let store = SqliteStore::open(path, Clock::system(), SqliteOptions::default()).await.expect("opens");
        ask(&store).await
    })
}

/// What a gateway asks.
fn question(id: &str) -> Approval {
    let now = Clock::system().now();
    Approval {
        id: id.into(),
        idempotency_key: id.into(),
        tenant: TenantId::default_tenant(),
        case: None,
        run: None,
        step: "mail".into(),
        question: "May m call mail?".into(),
        command: json!({"tool": "mail", "arguments": {"to": "eve@example.net\u{1b}[2J"}}),
        command_digest: casemate_store::canonical::sha256_hex(&[id.as_bytes()]),
        needed: 1,
        roles: vec![Role::Approver, Role::Engineer, Role::Admin],
        requested_by: "key k1".into(),
        votes: vec![],
        state: ApprovalState::Pending,
        created_at: now,
        expires_at: now.plus_ms(600_000),
        call: Some(StoppedCall { key: "k1".into(), spent_at: None }),
    }
}

#[test]
fn a_tool_call_is_listed_shown_allowed_and_denied() {
    let dir = tempfile::tempdir().expect("a folder");
    let here = |args: &[&str]| run(dir.path(), &[&["approvals"], args].concat());
    in_store(dir.path(), async |store| {
        for (name, role, tenant) in
            [("ann", Role::Approver, "*"), ("vic", Role::Viewer, "*"), ("eva", Role::Admin, "other")]
        {
            let person = Person {
                name: name.into(),
                password_hash: String::new(),
                role,
                tenant: tenant.into(),
                must_change_password: true,
                created_at: UnixMs(0),
                disabled_at: None,
            };
            store.put_person(&person).await.expect("made");
        }
    });
    assert!(stdout(&here(&["list"])).contains("No question waits"));
    in_store(dir.path(), async |store| {
        for id in ["ap-1", "ap-2"] {
            store.claim_calls(&[question(id)], 8, Clock::system().now()).await.expect("asks");
        }
    });
    for args in [&["show", "ap-0"][..], &["allow", "ap-0", "--by", "ann", "--reason", "ok"]] {
        refused(&here(args), "no approval ap-0");
        refused(&here(args), "do      `casemate approvals list --all`");
    }
    let listed = json(&here(&["list", "--format", "json"]));
    assert_eq!(listed["approvals"].as_array().map(Vec::len), Some(2));
    assert!(stdout(&here(&["list"])).contains("May m call mail?"));
    let shown = stdout(&here(&["show", "ap-1"]));
    assert!(shown.contains("eve@example.net") && !shown.contains('\u{1b}'), "{shown:?}");
    let digest = question("ap-1").command_digest;
    assert!(shown.contains(&digest), "{shown}");

    let allow = |by: &str, reason: &str, digest: &str| {
        here(&["allow", "ap-1", "--by", by, "--reason", reason, "--digest", digest])
    };
    refused(&allow("nobody", "ok", &digest), "`nobody` is nobody here");
    refused(&allow("vic", "ok", &digest), "role viewer may not answer this");
    refused(&allow("eva", "ok", &digest), "of another tenant");
    refused(&allow("ann", " ", &digest), "takes a reason");
    refused(&allow("ann", "ok", "0123456789"), "look again");
    refused(&allow("ann", "ok", &digest[..7]), "look again");
    assert!(stdout(&allow("ann", "our invoice", &digest[..8])).contains("passes once"));
    let denied = here(&["deny", "ap-2", "--by", "ann", "--reason", "not ours", "--format", "json"]);
    assert_eq!(json(&denied)["state"], "denied");
    assert!(stdout(&here(&["list", "--all"])).contains("approved"));
    in_store(dir.path(), async |store| {
        let now = Clock::system().now();
        let claim = store.claim_calls(&[question("ap-1")], 8, now).await.expect("claims");
        assert!(matches!(claim, Claim::Granted(_)), "{claim:?}");
        let audit = store.recent_audit(9).await.expect("audit");
        let actions: Vec<&str> = audit.iter().map(|e| e.action.as_str()).collect();
        assert_eq!(actions, ["approval.spend", "approval.deny", "approval.approve"]);
        assert_eq!(audit[2].data["reason"], "our invoice");
    });
}
