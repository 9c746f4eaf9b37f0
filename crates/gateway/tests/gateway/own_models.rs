//! Models in place of those that ship: calibrated ones count, and one that does not load fails the start with its place.

use std::path::{Path, PathBuf};

use crate::house::{ANSWER, House, plain_yaml};
use crate::stub::{Reply, Stub};
use casemate_classify::model::{InjectionModel, builtin_embedding};
use casemate_classify::{Channel, Thresholds};
use casemate_finding::Secret;
use casemate_gateway::{GatewayConfig, ResolvedSecrets, compile_in};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name)
}

/// The injection model that ships, which blocks whatever it is asked about in chat.
fn strict(folder: &Path) -> PathBuf {
    let raw = std::fs::read(shipped("injection.bin")).unwrap();
    let mut model = InjectionModel::parse(&raw, builtin_embedding()).unwrap();
    model.metadata.calibration.thresholds[Channel::Chat as usize] = Thresholds { flag: 0.0, block: 0.0 };
    let path = folder.join("strict.bin");
    std::fs::write(&path, model.bytes()).unwrap();
    path
}

fn yaml(models: &str) -> String {
    format!("models: {models}\n{}", plain_yaml("tokens_per_min: null")).replace("injection: off", "injection: block")
}

#[tokio::test]
async fn a_model_of_ones_own_judges_with_its_thresholds() {
    let folder = tempfile::tempdir().unwrap();
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let text = "what is the capital of France, please?";
    let as_shipped = House::open(&yaml("{}"), stub.addr).await;
    assert_eq!(as_shipped.chat(text).await.status, 200);
    let named = format!(
        "{{injection: '{}', toxicity: '{}'}}",
        strict(folder.path()).display(),
        shipped("toxicity.bin").display()
    );
    let own = House::open(&yaml(&named), stub.addr).await;
    let refused = own.chat(text).await;
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (400, Some("blocked_injection")));
}

#[test]
fn a_model_that_does_not_load_fails_the_start_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = shipped("toxicity.bin").display().to_string();
    let written = yaml(&format!("{{injection: '{wrong}', toxicity: nowhere.bin}}"));
    let config: GatewayConfig = serde_saphyr::from_str(&written.replace("{upstream}", "http://127.0.0.1:9")).unwrap();
    let mut secrets: ResolvedSecrets =
        [("gateway.pepper".to_owned(), Secret::new("0123456789abcdef".to_owned()))].into();
    secrets.extend(config.secret_sources().into_iter().map(|(path, _)| (path, Secret::new("k".to_owned()))));
    let problems = compile_in(&config, &secrets, folder.path()).unwrap_err();
    let told: Vec<(&str, &str)> = problems.iter().map(|p| (p.path.as_str(), p.why.as_str())).collect();
    assert!(
        matches!(
            told.as_slice(),
            [("gateway.models.injection", a), ("gateway.models.toxicity", b)]
                if a.contains("does not load") && b.contains("cannot be read")
        ),
        "{told:?}"
    );
    assert!(serde_saphyr::from_str::<GatewayConfig>(&yaml("{pii: x}")).is_err());
}
