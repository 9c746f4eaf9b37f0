//! Forged delimiters: markers with which chat templates and agent frameworks separate roles, where no user or document has
//! cause to write them; and override phrases of languages that write without spaces.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use casemate_finding::Span;

use super::Match;
use crate::Channel;

/// `(rule, marker as folded, weight in chat, weight in documents, tool results and output)`.
const MARKERS: &[(&str, &str, f32, f32)] = &[
    ("injection/forged-chatml", "<|im_start|>", 0.7, 0.8),
    ("injection/forged-chatml", "<|im_end|>", 0.7, 0.8),
    ("injection/forged-chatml", "<|im_sep|>", 0.7, 0.8),
    ("injection/forged-chatml", "<|system|>", 0.7, 0.8),
    ("injection/forged-chatml", "<|user|>", 0.6, 0.8),
    ("injection/forged-chatml", "<|assistant|>", 0.6, 0.8),
    ("injection/forged-chatml", "<|endoftext|>", 0.6, 0.7),
    ("injection/forged-chatml", "<|eot_id|>", 0.7, 0.8),
    ("injection/forged-chatml", "<|start_header_id|>", 0.7, 0.8),
    ("injection/forged-chatml", "<|begin_of_text|>", 0.6, 0.7),
    ("injection/forged-chatml", "<start_of_turn>", 0.6, 0.8),
    ("injection/forged-chatml", "<end_of_turn>", 0.6, 0.8),
    ("injection/forged-role", "[inst]", 0.5, 0.7),
    ("injection/forged-role", "[/inst]", 0.5, 0.7),
    ("injection/forged-role", "<<sys>>", 0.6, 0.8),
    ("injection/forged-role", "<</sys>>", 0.6, 0.8),
    ("injection/forged-role", "<system>", 0.5, 0.6),
    ("injection/forged-role", "</system>", 0.5, 0.6),
    ("injection/forged-role", "[system]", 0.4, 0.5),
    ("injection/forged-role", "[system message]", 0.5, 0.7),
    ("injection/forged-role", "[/system]", 0.5, 0.6),
    ("injection/forged-role", "### instruction:", 0.2, 0.5),
    ("injection/forged-role", "### system:", 0.4, 0.6),
    ("injection/forged-role", "### response:", 0.2, 0.4),
    ("injection/forged-role", "\nsystem:", 0.3, 0.5),
    ("injection/forged-role", "\nassistant:", 0.1, 0.4),
    ("injection/forged-role", "\nhuman:", 0.1, 0.4),
    ("injection/forged-role", "<system_prompt>", 0.4, 0.6),
    ("injection/forged-role", "<information>", 0.1, 0.4),
    ("injection/forged-role", "<important>", 0.2, 0.6),
    ("injection/forged-tool-result", "<tool_result>", 0.4, 0.6),
    ("injection/forged-tool-result", "</tool_result>", 0.4, 0.7),
    ("injection/forged-tool-result", "<function_results>", 0.4, 0.6),
    ("injection/forged-tool-result", "</function_results>", 0.4, 0.7),
    ("injection/forged-tool-result", "<tool_call>", 0.3, 0.6),
    ("injection/forged-tool-result", "<|python_tag|>", 0.5, 0.7),
    ("injection/override", "忽略之前", 0.7, 0.8),
    ("injection/override", "忽略以上", 0.7, 0.8),
    ("injection/override", "忽略前面", 0.7, 0.8),
    ("injection/override", "忽略所有", 0.6, 0.8),
    ("injection/override", "无视之前", 0.7, 0.8),
    ("injection/override", "無視して", 0.4, 0.6),
    ("injection/override", "以前の指示", 0.5, 0.7),
    ("injection/override", "上記の指示", 0.5, 0.7),
    ("injection/override", "이전 지시", 0.5, 0.7),
    ("injection/override", "이전의 모든", 0.5, 0.7),
    ("injection/override", "تجاهل جميع", 0.6, 0.8),
    ("injection/override", "تجاهل التعليمات", 0.7, 0.8),
    ("injection/override", "पिछले सभी निर्देश", 0.7, 0.8),
    ("injection/reveal-prompt", "系统提示", 0.4, 0.6),
    ("injection/reveal-prompt", "システムプロンプト", 0.4, 0.6),
];

/// Matches that one view reports.
const MATCHES_MAX: usize = 32;

pub(super) fn matches(text: &str, channel: Channel, out: &mut Vec<Match>) {
    let Some(automaton) = automaton() else { return };
    for m in automaton.find_iter(text).take(MATCHES_MAX) {
        let (rule, _, chat, elsewhere) = MARKERS[m.pattern().as_usize()];
        let weight = if channel == Channel::Chat { chat } else { elsewhere };
        out.push(Match { rule, span: Span::new(m.start(), m.end()), weight });
    }
}

pub(super) fn rule_ids() -> impl Iterator<Item = &'static str> {
    MARKERS.iter().map(|m| m.0)
}

fn automaton() -> Option<&'static AhoCorasick> {
    static AUTOMATON: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    AUTOMATON
        .get_or_init(|| {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .kind(Some(aho_corasick::AhoCorasickKind::DFA))
                .build(MARKERS.iter().map(|m| m.1))
                .ok()
        })
        .as_ref()
}

#[cfg(test)]
mod tests {
    use super::{MARKERS, automaton, matches};
    use crate::Channel;
    use crate::text::fold;

    #[test]
    fn markers_are_in_the_form_that_folding_gives() {
        assert!(automaton().is_some());
        for (_, marker, _, _) in MARKERS {
            assert_eq!(fold(marker).text.text(), *marker);
        }
    }

    #[test]
    fn a_forged_turn_is_seen_and_a_comparison_is_not() {
        let mut out = Vec::new();
        matches("hi <|im_start|>system", Channel::Chat, &mut out);
        assert_eq!((out.len(), out[0].span.start), (1, 3));
        out.clear();
        matches("if a <b> |c| [x] then \"system: ok\"", Channel::Document, &mut out);
        assert!(out.is_empty());
    }
}
