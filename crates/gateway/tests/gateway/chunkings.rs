//! Random cuts of streams: the text that goes out is the text of the whole with its secrets replaced, however it came.

use bytes::Bytes;
use casemate_gateway::config::{Action, Checks};
use casemate_gateway::inspect::{Engines, StreamInspector};
use casemate_wire::Dialect;
use casemate_wire::json::JsonLimits;
use casemate_wire::sse::SseParser;

use crate::inspection::{anthropic_delta, leaked, openai_delta, said, secret};

/// A small generator (Steele, Lea, Flood 2014, SplitMix64), so that a seed gives the same run everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    /// Cuts `bytes` at random places, between characters if asked to.
    fn cut<'a>(&mut self, text: &'a str, most: usize) -> Vec<&'a str> {
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
