//! `casemate key create|list|revoke`.

use casemate_gateway::NewKey;
use casemate_store::clock::Clock;
use casemate_store::model::{AuditEntry, KeyId, TenantId};
use serde_json::{Value, json};

use crate::cli::{Global, KeyCommand, KeyCreateArgs};
use crate::config::{self, Config};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};
use crate::state;
use crate::wiring::{Issuer, Wiring};

const DAY_MS: i64 = 86_400_000;

pub(super) fn run(global: &Global, command: KeyCommand) -> Done {
    match command {
        KeyCommand::Create(args) => create(global, args),
        KeyCommand::List => list(global),
        KeyCommand::Revoke { id } => revoke(global, KeyId(id)),
    }
}

fn create(global: &Global, args: KeyCreateArgs) -> Done {
    let config: Config = config::or_default(global.config.as_deref())?;
    if args.tier != "default" && !config.gateway.tiers.contains_key(&args.tier) {
        let known: Vec<_> = config.gateway.tiers.keys().map(String::as_str).collect();
        return Err(Failure::usage("cannot make the key", format!("there is no tier `{}`", args.tier))
            .remedy(format!("known tiers: default {}", known.join(" "))));
    }
    state::make_private_dir(&config.data_dir)?;
    let issuer = Issuer { pepper: Wiring::new(&config, global.config.as_deref()).pepper()? };
    let now = Clock::system().now();
    let mut new = NewKey::new(TenantId(args.tenant), args.tier, args.name);
    new.models = args.models;
    new.decoy = args.decoy;
    new.expires_at = args.expires_days.map(|days| now.plus_ms(i64::from(days) * DAY_MS));
    let made = issuer.make(new, now).map_err(|e| Failure::internal("cannot make the key", e))?;
    let row = made.row.clone();
    state::with_store(global, |s| async move {
        s.insert_key(&row).await?;
        let data = json!({"tier": row.tier, "name": row.name, "decoy": row.decoy});
        s.audit(&entry(now, row.tenant.clone(), "key.create", &row.id, data)).await.map(drop)
    })?;
    if global.format == Format::Json {
        output::json(
            &json!({"id": made.row.id, "key": made.key.expose(), "tenant": made.row.tenant, "tier": made.row.tier}),
        );
    } else {
        output::line(made.key.expose());
        output::line(format!(
            "Key {} of tenant {}, tier {}. It is shown this once.",
            made.row.id, made.row.tenant, made.row.tier
        ));
    }
    Ok(Exit::Ok)
}

fn entry(at: casemate_finding::UnixMs, tenant: TenantId, action: &str, id: &KeyId, data: Value) -> AuditEntry {
    AuditEntry {
        seq: 0,
        at,
        tenant,
        actor: "terminal".into(),
        action: action.into(),
        subject: id.to_string(),
        data,
        hash: String::new(),
    }
}

fn list(global: &Global) -> Done {
    let keys = state::with_store(global, |s| async move { s.list_keys(None).await })?;
    let now = Clock::system().now();
    if global.format == Format::Json {
        let rows: Vec<_> = keys
            .iter()
            .map(|k| {
                let mut row = json!(k);
                if let Value::Object(row) = &mut row {
                    row.remove("digest");
                    row.insert("live".into(), k.is_live(now).into());
                }
                row
            })
            .collect();
        output::json(&json!({ "keys": rows }));
    } else if keys.is_empty() {
        output::line("No key yet. `casemate key create --name my-service` makes one.");
    } else {
        output::table(
            &["id", "name", "tenant", "tier", "state", "created", "ends"],
            keys.iter().map(|k| {
                let state = match (k.revoked_at, k.is_live(now), k.decoy) {
                    (Some(_), ..) => "revoked",
                    (None, false, _) => "expired",
                    (None, true, true) => "decoy",
                    (None, true, false) => "live",
                };
                let ends = k.expires_at.map_or_else(|| "never".into(), |t| t.to_string());
                vec![
                    k.id.to_string(),
                    k.name.clone(),
                    k.tenant.to_string(),
                    k.tier.clone(),
                    state.into(),
                    k.created_at.to_string(),
                    ends,
                ]
            }),
        );
    }
    Ok(Exit::Ok)
}

fn revoke(global: &Global, id: KeyId) -> Done {
    let now = Clock::system().now();
    let wanted = id.clone();
    let was_live = state::with_store(global, |s| async move {
        let done = s.revoke_key(&wanted, now).await?;
        s.audit(&entry(now, TenantId::default_tenant(), "key.revoke", &wanted, json!({"was_live": done}))).await?;
        Ok(done)
    })?;
    if global.format == Format::Json {
        output::json(&json!({"id": id, "revoked": true, "was_live": was_live}));
    } else if was_live {
        output::line(format!("Key {id} is revoked; running gateways refuse it within a second."));
    } else {
        output::line(format!("Key {id} was revoked before."));
    }
    Ok(Exit::Ok)
}
