//! A text classifier in ONNX and its tokenizer, written by hand: for the tests here and, by its path, for those of the gateway.

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

/// A classifier that looks up two logits for each token and takes their mean: ONNX, operators of version 13. Token 5 speaks for
/// the second class, all others against it. `input` is the name of its input, `classes` how many its output claims to have.
pub fn model(input: &str, classes: u64) -> Vec<u8> {
    let table: Vec<u8> =
        (0..6).flat_map(|t| [0.0_f32, if t == 5 { 8.0 } else { -2.0 }]).flat_map(f32::to_le_bytes).collect();
    let weights = [number(1, 6), number(1, 2), number(2, 1), bytes(8, b"table"), bytes(9, &table)].concat();
    let gather = [bytes(1, b"table"), bytes(1, input.as_bytes()), bytes(2, b"each"), bytes(4, b"Gather")].concat();
    let axes = [bytes(1, b"axes"), number(8, 1), number(20, 7)].concat();
    let keep = [bytes(1, b"keepdims"), number(3, 0), number(20, 2)].concat();
    let mean = [bytes(1, b"each"), bytes(2, b"logits"), bytes(4, b"ReduceMean"), bytes(5, &axes), bytes(5, &keep)];
    let graph = [
        bytes(1, &gather),
        bytes(1, &mean.concat()),
        bytes(2, b"g"),
        bytes(5, &weights),
        bytes(11, &value_info(input, 7, &[None, None])),
        bytes(12, &value_info("logits", 1, &[None, Some(classes)])),
    ]
    .concat();
    let opset = [bytes(1, b""), number(2, 13)].concat();
    [number(1, 8), bytes(7, &graph), bytes(8, &opset)].concat()
}

/// A tokenizer of six words, `evil` the one with this id.
pub fn tokenizer(evil: u32) -> String {
    format!(
        r###"{{"version":"1.0","added_tokens":[],"normalizer":{{"type":"Lowercase"}},
        "pre_tokenizer":{{"type":"BertPreTokenizer"}},"post_processor":null,"decoder":null,
        "model":{{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":
        {{"[UNK]":0,"[CLS]":1,"[SEP]":2,"good":3,"the":4,"evil":{evil}}}}}}}"###
    )
}
