//! Rules over a view: signatures of trigger words, forged delimiters, and what folding brought to light.

mod delimiters;
mod exfil;
mod signatures;
mod table;

pub use table::{SIGNATURES, Scope, Signature};

use casemate_finding::Span;

use crate::Channel;
use crate::views::View;

/// One rule that matched in a view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// Id of the rule, as `injection/override`.
    pub rule: &'static str,
    /// Bytes in the view's folded text.
    pub span: Span,
    /// How far the rule alone would be believed, 0 to 1.
    pub weight: f32,
}

/// All rules over one view.
pub fn matches(view: &View, channel: Channel, out: &mut Vec<Match>) {
    signatures::matches(view, channel, out);
    delimiters::matches(view.text.text(), channel, out);
    exfil::matches(view.text.text(), channel, out);
}

/// Ids of every rule, for lists and documents.
pub fn rule_ids() -> Vec<&'static str> {
    let mut ids: Vec<_> = SIGNATURES.iter().map(|s| s.id).chain(delimiters::rule_ids()).collect();
    ids.extend(exfil::RULES.map(|r| r.0));
    ids.extend(crate::classifier::SIGN_RULES.iter().chain(&crate::classifier::MODEL_RULES));
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Noisy-or of the weights: how far matches are believed together, each rule counted once.
pub fn believed(matches: &[Match]) -> f32 {
    let mut clean = 1.0;
    for (i, m) in matches.iter().enumerate() {
        if !matches[..i].iter().any(|earlier| earlier.rule == m.rule) {
            clean *= 1.0 - m.weight;
        }
    }
    1.0 - clean
}
