//! A model of one's own as the adviser: in this process, in doubt only, refused at the start if it does not fit.

use std::path::Path;

use crate::house::{ANSWER, House, plain_yaml};
use crate::stub::{Reply, Stub};
use casemate_finding::Secret;
use casemate_gateway::{GatewayConfig, ResolvedSecrets, compile};

/// Protocol buffers by hand: a varint field, and a field of bytes.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

fn varint(mut v: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
    out
}

fn value_info(name: &str, kind: u64, dims: &[Option<u64>]) -> Vec<u8> {
    let dims: Vec<u8> =
        dims.iter().flat_map(|d| bytes(1, &d.map_or_else(|| bytes(2, b"n"), |fixed| number(1, fixed)))).collect();
    let tensor = [number(1, kind), bytes(2, &dims)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
}

/// A classifier that looks up two logits for each token and takes their mean: ONNX, operators of version 13.
fn model() -> Vec<u8> {
    let table: Vec<u8> =
        (0..6).flat_map(|t| [0.0_f32, if t == 5 { 8.0 } else { -2.0 }]).flat_map(f32::to_le_bytes).collect();
    let weights = [number(1, 6), number(1, 2), number(2, 1), bytes(8, b"table"), bytes(9, &table)].concat();
    let gather = [bytes(1, b"table"), bytes(1, b"input_ids"), bytes(2, b"each"), bytes(4, b"Gather")].concat();
    let axes = [bytes(1, b"axes"), number(8, 1), number(20, 7)].concat();
    let keep = [bytes(1, b"keepdims"), number(3, 0), number(20, 2)].concat();
    let mean = [bytes(1, b"each"), bytes(2, b"logits"), bytes(4, b"ReduceMean"), bytes(5, &axes), bytes(5, &keep)];
    let graph = [
        bytes(1, &gather),
        bytes(1, &mean.concat()),
        bytes(2, b"g"),
        bytes(5, &weights),
        bytes(11, &value_info("input_ids", 7, &[None, None])),
        bytes(12, &value_info("logits", 1, &[None, Some(2)])),
    ]
    .concat();
    let opset = [bytes(1, b""), number(2, 13)].concat();
    [number(1, 8), bytes(7, &graph), bytes(8, &opset)].concat()
}

const TOKENIZER: &str = r###"{"version":"1.0","added_tokens":[],"normalizer":{"type":"Lowercase"},
    "pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":null,"decoder":null,
    "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":
    {"[UNK]":0,"[CLS]":1,"[SEP]":2,"good":3,"the":4,"evil":5}}}"###;

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
    std::fs::write(folder.path().join("model.onnx"), model()).unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), TOKENIZER).unwrap();
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let house = House::open(&yaml(folder.path()), stub.addr).await;
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
    std::fs::write(folder.path().join("model.onnx"), model()).unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), TOKENIZER).unwrap();
    assert_eq!(problems(&good), "");
    let label = problems(&good.replace("positive: injection", "positive: evil"));
    assert!(label.contains("gateway.advisers[0].positive: is none of `labels`"), "{label}");
    let three = problems(&good.replace("[harmless, injection]", "[harmless, injection, odd]"));
    assert!(three.contains("not shaped as a text classifier"), "{three}");
    std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
    assert!(problems(&good).contains("tokenizer does not load"), "{}", problems(&good));
}
