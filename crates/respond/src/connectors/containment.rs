//! Putting a containment into the store, where the gateway and the gate find it; and its trace in the audit log.

use casemate_finding::{Entity, EntityKind, UnixMs};
use casemate_store::canonical::sha256_hex;
use casemate_store::model::{AuditEntry, Containment, ContainmentId, Effect, Target};
use ipnet::IpNet;
use serde_json::{Value, json};

use super::{Call, Failure, Surroundings};

/// The traffic that an entity stands for.
pub(super) fn target_of(entity: &Entity) -> Result<Target, Failure> {
    let value = entity.value.clone();
    Ok(match entity.kind {
        EntityKind::Address | EntityKind::Range => Target::Range(range(&value)?),
        EntityKind::Key => Target::Key(value),
        EntityKind::Model | EntityKind::Endpoint => Target::Model(value),
        EntityKind::Tenant => Target::Tenant(value),
        EntityKind::ModelVersion => Target::ModelVersion(value),
        EntityKind::Dataset => Target::Dataset(value),
        EntityKind::Run => Target::Pipeline(value),
        kind => return Err(Failure::Refused(format!("the gateway cannot act on a {}", kind.as_str()))),
    })
}

/// The range in the form that containments have: with the network address.
fn range(text: &str) -> Result<String, Failure> {
    let address = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    let net = text.parse::<IpNet>().ok().or_else(address);
    let net = net.ok_or_else(|| Failure::Refused(format!("`{text}` is no address or range")))?;
    if net.prefix_len() == 0 {
        return Err(Failure::Refused(format!("`{text}` is everybody")));
    }
    Ok(net.trunc().to_string())
}

/// Applies a containment once by its key, from now for `lasts_ms`.
pub(super) async fn apply(
    around: &Surroundings,
    call: &Call<'_>,
    key: &str,
    target: Target,
    effect: Effect,
    lasts_ms: u64,
) -> Result<Containment, Failure> {
    let now = around.clock.now();
    let containment = Containment {
        id: ContainmentId(format!("ct-{}", &sha256_hex(&[key.as_bytes()])[..16])),
        idempotency_key: key.to_owned(),
        tenant: call.run.tenant.clone(),
        target,
        scope: call.optional("scope")?,
        effect,
        reason: call.reason()?,
        created_by: call.actor(),
        case: Some(call.run.case.clone()),
        created_at: now,
        expires_at: now.plus_ms(i64::try_from(lasts_ms).unwrap_or(i64::MAX)),
        lifted_at: None,
    };
    let applied = around.store.apply_containment(&containment).await?;
    if applied.is_new() {
        let data = json!({
            "target": containment.target, "effect": containment.effect, "expires_at": containment.expires_at,
            "case": call.run.case, "run": call.run.id,
        });
        audit(around, call, "containment.apply", containment.id.as_str(), data, now).await?;
    }
    Ok(applied.into_inner())
}

/// Writes what was done into the audit log.
pub(super) async fn audit(
    around: &Surroundings,
    call: &Call<'_>,
    action: &str,
    subject: &str,
    data: Value,
    at: UnixMs,
) -> Result<(), Failure> {
    let entry = AuditEntry {
        seq: 0,
        at,
        tenant: call.run.tenant.clone(),
        actor: call.actor(),
        action: action.into(),
        subject: subject.into(),
        data,
        hash: String::new(),
    };
    around.store.audit(&entry).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_ranges() {
        let of = |kind, value: &str| target_of(&Entity::new(kind, value)).ok();
        assert_eq!(of(EntityKind::Address, "203.0.113.9"), Some(Target::Range("203.0.113.9/32".into())));
        assert_eq!(of(EntityKind::Range, "203.0.113.9/24"), Some(Target::Range("203.0.113.0/24".into())));
        assert_eq!(of(EntityKind::Range, "2001:db8::1/64"), Some(Target::Range("2001:db8::/64".into())));
        assert_eq!(of(EntityKind::Endpoint, "churn"), Some(Target::Model("churn".into())));
        for bad in [(EntityKind::Range, "0.0.0.0/0"), (EntityKind::Range, "nonsense"), (EntityKind::Tool, "shell")] {
            assert_eq!(of(bad.0, bad.1), None, "{bad:?}");
        }
    }
}
