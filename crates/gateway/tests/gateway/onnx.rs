//! A model of one's own as the adviser: in this process, in doubt only, refused at the start if it does not fit.

use std::path::Path;

use crate::house::{ANSWER, House, plain_yaml};
use crate::stub::{Reply, Stub};
use casemate_finding::Secret;
use casemate_gateway::{GatewayConfig, ResolvedSecrets, compile};

#[path = "../../../classify/src/external/onnx/fixture.rs"]
mod fixture;

/// Writes the fixture's model and tokenizer where the configuration looks for them.
fn put(folder: &Path) {
    std::fs::write(folder.join("model.onnx"), fixture::model("input_ids", 2)).unwrap();
    std::fs::write(folder.join("tokenizer.json"), fixture::tokenizer(5)).unwrap();
}

fn yaml(folder: &Path) -> String {
    let tier = "tokens_per_min: null, second_opinions: [{adviser: own, about: injection, channel: input, low: 0.0, high: 1.0}]";
    let plain = plain_yaml(tier).replacen("injection: off", "injection: block", 1);
    let (model, tokenizer) = (folder.join("model.onnx"), folder.join("tokenizer.json"));
    format!(
        "{plain}
advisers:
  - {{name: own, kind: onnx, model: '{}', tokenizer: '{}', labels: [harmless, injection], positive: injection, tokens_max: 16, pieces_max: 3}}
",
        model.display(),
        tokenizer.display()
    )
}

#[tokio::test]
async fn a_model_of_ones_own_is_asked_and_a_text_too_long_for_it_is_not_clean() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path());
    for yaml in runtimes(&yaml(folder.path())) {
        let stub = Stub::start(|_| Reply::json(ANSWER)).await;
        judge(&House::open(&yaml, stub.addr).await).await;
    }
}

/// The configuration for every runtime that is built in and at hand. ONNX Runtime is where `CASEMATE_ONNXRUNTIME` says.
#[cfg_attr(
    feature = "onnx-ort",
    expect(clippy::disallowed_methods, clippy::print_stderr, reason = "a test that takes what the machine has")
)]
fn runtimes(yaml: &str) -> Vec<String> {
    let own = cfg!(feature = "onnx").then(|| yaml.to_owned());
    #[cfg_attr(not(feature = "onnx-ort"), expect(unused_mut, reason = "one runtime"))]
    let mut all = Vec::from_iter(own);
    #[cfg(feature = "onnx-ort")]
    match std::env::var("CASEMATE_ONNXRUNTIME") {
        Ok(library) => all.push(yaml.replace("kind: onnx", &format!("kind: onnx, library: '{library}'"))),
        Err(_) => eprintln!("not run with ONNX Runtime: CASEMATE_ONNXRUNTIME does not name its library"),
    }
    all
}

async fn judge(house: &House) {
    assert_eq!(house.chat("the good good good").await.status, 200);
    let evil = house.chat("evil evil evil evil").await;
    assert_eq!(evil.json()["error"]["code"], "blocked_injection", "{}", evil.text());
    let event = house.event("gateway/injection").await.event;
    assert_eq!(event.payload["details"]["labels"], serde_json::json!(["own: injection"]));
    let long = house.chat(&"good ".repeat(400)).await;
    assert_eq!(long.json()["error"]["code"], "blocked_unchecked", "{}", long.text());
}

#[test]
fn a_model_that_does_not_fit_fails_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let problems = |yaml: &str| {
        let config: GatewayConfig = serde_saphyr::from_str(&yaml.replace("{upstream}", "http://127.0.0.1:9")).unwrap();
        let mut secrets: ResolvedSecrets =
            [("gateway.pepper".to_owned(), Secret::new("0123456789abcdef".to_owned()))].into();
        secrets.extend(config.secret_sources().into_iter().map(|(path, _)| (path, Secret::new("k".to_owned()))));
        let told = compile(&config, &secrets).err().unwrap_or_default();
        told.into_iter().map(|p| format!("{}: {}", p.path, p.why)).collect::<Vec<_>>().join("\n")
    };
    let good = yaml(folder.path());
    let missing = problems(&good);
    assert!(
        missing.contains("gateway.advisers[0].model: ") && missing.contains("gateway.advisers[0].tokenizer: "),
        "{missing}"
    );
    put(folder.path());
    assert_eq!(problems(&good), "");
    let label = problems(&good.replace("positive: injection", "positive: evil"));
    assert!(label.contains("gateway.advisers[0].positive: is none of `labels`"), "{label}");
    let three = problems(&good.replace("[harmless, injection]", "[harmless, injection, odd]"));
    assert!(three.contains("not shaped as a text classifier"), "{three}");
    std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
    assert!(problems(&good).contains("tokenizer does not load"), "{}", problems(&good));
}
