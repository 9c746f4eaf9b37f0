//! `casemate detect`: JSON lines in (`id`, `text`), one line out for each.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use casemate_classify::{Channel, Classifier};
use casemate_detect::{Engine, Kinds, OperatingPoint, ScanOptions};
use casemate_finding::Span;
use casemate_ner::{CachedModel, Gate, Limits, merge};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cli::{ChannelArg, DetectArgs, Global, Kind};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::{models, rule_file};

/// A longer line is *not scanned*, and said to be.
const LINE_BYTES_MAX: u64 = 16 << 20;

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    id: Value,
    text: String,
}

pub(super) fn run(global: &Global, args: &DetectArgs) -> Done {
    let input: Box<dyn Read> = if args.file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let shown = args.file.display().to_string();
        Box::new(
            std::fs::File::open(&args.file)
                .map_err(|e| Failure::usage("cannot read the input", e.to_string()).at(shown))?,
        )
    };
    let detector = Detector::new(global, args)?;
    let mut input = BufReader::with_capacity(1 << 18, input);
    let mut out = BufWriter::with_capacity(1 << 18, std::io::stdout().lock());
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        let read = (&mut input).take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line);
        let read = read.map_err(|e| Failure::internal("cannot read the input", e))?;
        if read == 0 {
            break;
        }
        number += 1;
        let answer = if line.len() as u64 > LINE_BYTES_MAX {
            skip_line(&mut input).map_err(|e| Failure::internal("cannot read the input", e))?;
            not_scanned(number, &format!("line over {LINE_BYTES_MAX} bytes"))
        } else if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        } else {
            match serde_json::from_slice::<Row>(&line) {
                Ok(row) => detector.answer(&row),
                Err(error) => not_scanned(number, &format!("not a JSON object with `id` and `text`: {error}")),
            }
        };
        if writeln!(out, "{answer}").is_err() {
            return Ok(Exit::Ok);
        }
    }
    let _gone = out.flush();
    Ok(Exit::Ok)
}

/// Reads on to the end of a line that is too long.
fn skip_line(input: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|b| *b == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

fn not_scanned(line: u64, why: &str) -> Value {
    json!({"id": null, "line": line, "not_scanned": why, "findings": [], "scores": {}})
}

struct Detector {
    options: Option<ScanOptions>,
    /// The rules that ship, unless a file adds some.
    engine: Option<Arc<Engine>>,
    names: Option<CachedModel>,
    /// True if personal data is looked for, so that every line says whether names were.
    says_ner: bool,
    injection: bool,
    toxicity: bool,
    channel: Channel,
    min_score: f32,
}

impl Detector {
    fn new(global: &Global, args: &DetectArgs) -> Result<Self, Failure> {
        let wants = |kind| args.kinds.contains(&kind);
        if wants(Kind::Models) {
            return Err(Failure::usage("cannot detect models in text", "`models` is a kind of `casemate scan`"));
        }
        let mut kinds = Kinds::NONE;
        if wants(Kind::Pii) {
            kinds = kinds.union(Kinds::PII);
        }
        if wants(Kind::Secrets) {
            kinds = kinds.union(Kinds::SECRETS);
        }
        let mut options = ScanOptions::new(kinds, OperatingPoint::Redact);
        if let Some(least) = args.min_score {
            if !(0.0..=1.0).contains(&least) {
                return Err(Failure::usage("cannot use --min-score", format!("{least} is not in 0 to 1")));
            }
            options.min_score = least;
        }
        let pii = wants(Kind::Pii);
        Ok(Self {
            engine: args.rules.as_deref().map(rule_file::engine_with).transpose()?,
            names: if pii { models::wanted(global, args.ner)? } else { None },
            says_ner: pii,
            min_score: args.min_score.unwrap_or(0.0),
            options: (kinds != Kinds::NONE).then_some(options),
            injection: wants(Kind::Injection),
            toxicity: wants(Kind::Toxicity),
            channel: match args.channel {
                ChannelArg::Chat => Channel::Chat,
                ChannelArg::Document => Channel::Document,
                ChannelArg::Tool => Channel::Tool,
                ChannelArg::Output => Channel::Output,
            },
        })
    }

    fn answer(&self, row: &Row) -> Value {
        let (mut found, mut scores, mut decisions) = (Vec::new(), Map::new(), Map::new());
        let mut not_scanned = None;
        if let Some(options) = &self.options {
            let engine = self.engine.as_deref().unwrap_or_else(|| Engine::builtin());
            let mut matches = engine.scan(&row.text, options);
            if let Some(model) = &self.names {
                let names = model.scan(&row.text, Gate::Signs, &Limits::default());
                if !names.is_complete(&row.text) {
                    not_scanned = Some("names: part of the text lies beyond the model's limits");
                }
                matches = merge(&row.text, matches, &names.entities, options.min_score);
            }
            for m in matches {
                found.push((m.span, m.kind.as_str(), m.label().to_owned(), m.rule_id().to_owned(), m.score));
            }
        }
        if self.injection || self.toxicity {
            let seen = Classifier::builtin().assess(&row.text, self.channel);
            if self.injection {
                scores.insert("injection".into(), score(seen.injection));
                decisions.insert("injection".into(), seen.injection_decision.as_str().into());
                for f in seen.findings.iter().filter(|f| f.score >= self.min_score) {
                    found.push((f.span, "injection", f.view.to_owned(), f.rule.to_owned(), f.score));
                }
            }
            if self.toxicity {
                scores.insert("toxicity".into(), score(seen.toxicity));
                decisions.insert("toxicity".into(), seen.toxicity_decision.as_str().into());
            }
            if !seen.complete {
                not_scanned = Some("part of the text lies beyond the classifier's limits");
            }
        }
        found.sort_by_key(|(span, ..)| *span);
        let spans: Vec<Span> = found.iter().map(|(span, ..)| *span).collect();
        let findings: Vec<Value> = found
            .iter()
            .zip(in_characters(&row.text, &spans))
            .map(|((_, kind, label, rule, s), (start, end))| {
                json!({"kind": kind, "label": label, "rule": rule, "start": start, "end": end, "score": score(*s)})
            })
            .collect();
        let mut answer = json!({"id": row.id, "findings": findings, "scores": scores});
        if !decisions.is_empty() {
            answer["decisions"] = decisions.into();
        }
        if self.says_ner {
            answer["ner"] = if self.names.is_some() { "on" } else { "off" }.into();
        }
        if let Some(why) = not_scanned {
            answer["not_scanned"] = why.into();
        }
        answer
    }
}

/// A score as it is printed: four digits are all that it means.
fn score(value: f32) -> Value {
    json!((f64::from(value) * 10_000.0).round() / 10_000.0)
}

/// Byte spans as character offsets; spans need not be sorted.
fn in_characters(text: &str, spans: &[Span]) -> Vec<(usize, usize)> {
    if text.is_ascii() {
        return spans.iter().map(|s| (s.start, s.end)).collect();
    }
    let mut ends: Vec<usize> = spans.iter().flat_map(|s| [s.start, s.end]).collect();
    ends.sort_unstable();
    ends.dedup();
    let (mut counted, mut at, mut characters) = (Vec::with_capacity(ends.len()), 0, 0);
    for end in ends {
        let end = end.min(text.len());
        characters += text.as_bytes()[at..end].iter().filter(|b| (**b & 0xc0) != 0x80).count();
        at = end;
        counted.push((end, characters));
    }
    let lookup = |byte: usize| counted.iter().find(|(end, _)| *end == byte.min(text.len())).map_or(0, |(_, n)| *n);
    spans.iter().map(|s| (lookup(s.start), lookup(s.end))).collect()
}

#[cfg(test)]
mod tests {
    use casemate_finding::Span;

    #[test]
    fn offsets_are_characters() {
        let text = "Grüße an añna@x.de";
        let at = text.find("añna").expect("there");
        assert_eq!(super::in_characters(text, &[Span::new(at, text.len())]), [(9, 18)]);
        assert_eq!(super::in_characters("plain", &[Span::new(1, 3)]), [(1, 3)]);
    }
}
