//! Random cuts of streams: the text that goes out is the text of the whole with its secrets replaced, however it came.

use bytes::Bytes;
use casemate_gateway::config::{Action, Checks};
use casemate_gateway::inspect::{Engines, StreamInspector, inspect_answer};
use casemate_wire::Dialect;
use casemate_wire::json::JsonLimits;
use casemate_wire::sse::SseParser;

use crate::inspection::{anthropic_delta, leaked, openai_delta, said, secret};
use serde_json::{Value, json};

/// A small generator (Steele, Lea, Flood 2014, SplitMix64), so that a seed gives the same run everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    /// Cuts `bytes` at random places, between characters if asked to.
    pub fn cut<'a>(&mut self, text: &'a str, most: usize) -> Vec<&'a str> {
        let mut cuts: Vec<usize> = (0..self.below(most + 1)).map(|_| self.below(text.len() + 1)).collect();
        cuts.iter_mut().for_each(|c| *c = text.floor_char_boundary(*c));
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        cuts.windows(2).map(|w| &text[w[0]..w[1]]).collect()
    }
}

fn pass(stream: &[u8], dialect: Dialect, random: &mut Random) -> String {
    let checks = Checks { pii: Action::Redact, secrets: Action::Redact, ..Checks::default() };
    let mut inspector = StreamInspector::new(dialect, checks, Engines::builtin(None), JsonLimits::default(), false);
    let mut parser = SseParser::new(1 << 20);
    let mut out = Vec::new();
    let mut at = 0;
    while at < stream.len() {
        let end = (at + 1 + random.below(400)).min(stream.len());
        parser.push(Bytes::copy_from_slice(&stream[at..end]));
        at = end;
        while let Some(event) = parser.next_event().unwrap() {
            let step = inspector.push(event);
            assert_eq!(step.cut, None);
            step.out.iter().for_each(|b| out.extend_from_slice(b));
        }
    }
    inspector.finish().out.iter().for_each(|b| out.extend_from_slice(b));
    String::from_utf8(out).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a longer run is asked for through the environment")]
fn rounds() -> u64 {
    std::env::var("CASEMATE_CHUNKINGS").ok().and_then(|n| n.parse().ok()).unwrap_or(400)
}

#[test]
fn no_chunking_leaks_a_byte_of_a_secret() {
    let secret = secret();
    let texts = [
        format!("The key is {secret} and nothing else matters here."),
        secret.clone(),
        format!("Grüße 😀 an alle: {secret}, und noch einmal {secret}\nund Schluss."),
        format!("token={secret}&next=1 then a line without anything in it. {}", "word ".repeat(30)),
    ];
    let mut wholes = Vec::new();
    for text in &texts {
        let whole =
            said(&pass(format!("{}data: [DONE]\n\n", openai_delta(text)).as_bytes(), Dialect::OpenAi, &mut Random(0)));
        assert_eq!(leaked(&whole, &secret), None, "{whole}");
        wholes.push(whole);
    }
    for seed in 0..rounds() {
        let mut random = Random(seed);
        let which = random.below(texts.len());
        let pieces = random.cut(&texts[which], 24);
        for (dialect, delta) in
            [(Dialect::OpenAi, openai_delta as fn(&str) -> String), (Dialect::Anthropic, anthropic_delta)]
        {
            let stream: String = pieces.iter().map(|p| delta(p)).collect();
            let got = said(&pass(stream.as_bytes(), dialect, &mut random));
            assert_eq!(got, wholes[which], "seed {seed} {dialect}: {pieces:?}");
        }
    }
}

fn openai_arguments(piece: &str) -> String {
    let call = json!({"index": 0, "function": {"arguments": piece}});
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}))
}

fn anthropic_arguments(piece: &str) -> String {
    let delta = json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": piece}});
    format!("event: content_block_delta\ndata: {delta}\n\n")
}

/// The arguments of a stream, joined as a client would.
fn argued(stream: &str) -> String {
    let events =
        stream.lines().filter_map(|l| l.strip_prefix("data: ")).filter_map(|d| serde_json::from_str::<Value>(d).ok());
    let call = |e: &Value| {
        let openai = &e["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"];
        openai.as_str().or(e["delta"]["partial_json"].as_str()).map(str::to_owned)
    };
    events.filter_map(|e| call(&e)).collect()
}

/// A text between the quotes of JSON, with some of its letters as escapes: about one in `rare`.
fn escaped(text: &str, rare: usize, random: &mut Random) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match random.below(rare) {
            0 if random.below(2) == 0 => out.push_str(&format!("\\u{:04x}", c as u32)),
            0 => out.push_str(&format!("\\u{:04X}", c as u32)),
            _ if c == '"' || c == '\\' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// Unescaped as often as anybody might: no six bytes of the secret stand in any of it.
fn leaked_at_any_depth(text: &str, secret: &str) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..4 {
        if let Some(piece) = leaked(&text, secret) {
            return Some(piece);
        }
        let (mut unescaper, mut read) = (casemate_wire::json::Unescaper::default(), String::new());
        unescaper.push(&text, &mut read);
        unescaper.finish(&mut read);
        text = read;
    }
    None
}

/// Arguments of a tool call are JSON inside JSON: whoever reads them undoes escapes that stand in them. `deep` writes the
/// secret into JSON that is itself a string of the arguments.
fn arguments(secret: &str, deep: bool, rare: usize, random: &mut Random) -> String {
    if deep {
        let inner = format!("{{\"key\":\"{}\"}}", escaped(secret, rare, random));
        return format!("{{\"path\":\"a\\/b\",\"body\":\"{}\",\"n\":1}}", escaped(&inner, 9, random));
    }
    format!(
        "{{\"path\":\"a\\nb\",\"key\":\"{}\",\"note\":\"gr\\u00fc\\u00dfe \\ud83d\\ude00\"}}",
        escaped(secret, rare, random)
    )
}

#[test]
fn no_chunking_leaks_a_byte_of_a_secret_that_is_escaped_in_arguments() {
    let secret = secret();
    for seed in 0..rounds() {
        let mut random = Random(seed ^ 0x5eed);
        let (deep, rare) = (random.below(2) == 0, [1, 2, 6, 40][random.below(4)]);
        let text = arguments(&secret, deep, rare, &mut random);
        let parsed: Value = serde_json::from_str(&text).unwrap();
        let mut seen = Vec::new();
        for (dialect, delta) in
            [(Dialect::OpenAi, openai_arguments as fn(&str) -> String), (Dialect::Anthropic, anthropic_arguments)]
        {
            let pieces = random.cut(&text, 24);
            let stream: String = pieces.iter().map(|p| delta(p)).collect();
            let got = argued(&pass(stream.as_bytes(), dialect, &mut random));
            assert_eq!(leaked_at_any_depth(&got, &secret), None, "seed {seed} {dialect}: {pieces:?} {got}");
            // Still JSON, and all but the secret is what it was.
            let read: Value = serde_json::from_str(&got).unwrap_or_else(|e| panic!("seed {seed}: {e}: {got}"));
            assert!(got.contains("[REDACTED:"), "seed {seed}: {got}");
            for kept in ["path", "note", "n"] {
                assert_eq!(read[kept], parsed[kept], "seed {seed}: {got}");
            }
            seen.push(got);
        }
        // A whole answer reads the same as a stream of it.
        let checks = Checks { pii: Action::Redact, secrets: Action::Redact, ..Checks::default() };
        let answer = json!({"choices": [{"index": 0, "message": {"tool_calls": [{"function": {"arguments": text}}]}}]});
        let (engines, limits) = (Engines::builtin(None), JsonLimits::default());
        let whole = inspect_answer(answer.to_string().as_bytes(), Dialect::OpenAi, &checks, &engines, &limits).unwrap();
        let body: Value = serde_json::from_slice(&whole.body.expect("changed")).unwrap();
        let whole = body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
        assert_eq!([whole, whole], [seen[0].as_str(), seen[1].as_str()], "seed {seed}");
    }
}
