//! Names of people and places, asked of whoever has a model for them: the sweep itself knows none.

use std::sync::Arc;

use casemate_detect::Match;

use crate::{ScanPlan, content::FileScan};

/// Bytes of text that are asked about at once, up to the end of a line.
pub(crate) const BLOCK_BYTES: usize = 16 << 10;

/// What names come to in one text.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// The rules' matches and the names beside them, in order, no two overlapping.
    pub matches: Vec<Match>,
    /// Bytes from the start of the text that were looked at.
    pub looked_at: usize,
}

type Ask = dyn Fn(&str, Vec<Match>, f32) -> Named + Send + Sync;

/// Whoever knows names: given a text, the rules' matches in it and the lowest score wanted, it adds its own.
#[derive(Clone)]
pub struct NameTier(Arc<Ask>);

impl NameTier {
    /// A tier that asks `ask`, from several threads.
    pub fn new(ask: impl Fn(&str, Vec<Match>, f32) -> Named + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }
}

impl std::fmt::Debug for NameTier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NameTier")
    }
}

/// How much of one text or table was asked about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NamesAsked {
    looked_at: usize,
    missed: usize,
}

impl NamesAsked {
    /// The matches of `text` with the names in it, as far as the limit goes.
    pub(crate) fn add(&mut self, plan: &ScanPlan, text: &str, matches: Vec<Match>) -> Vec<Match> {
        let Some(tier) = plan.names.as_ref().filter(|_| plan.kinds.pii) else { return matches };
        // What has no letter names nobody, and is not counted.
        if !text.chars().any(char::is_alphabetic) {
            return matches;
        }
        let room = plan.limits.names_bytes_max.saturating_sub(self.looked_at);
        let mut end = text.floor_char_boundary(room.min(text.len()));
        if let Some(cut) = matches.iter().find(|m| m.span.start < end && m.span.end > end) {
            end = cut.span.start;
        }
        let (inside, beyond): (Vec<Match>, Vec<Match>) = matches.into_iter().partition(|m| m.span.end <= end);
        let mut named = Named { matches: inside, looked_at: 0 };
        if end > 0 {
            named = (tier.0)(&text[..end], named.matches, plan.score_min);
        }
        let looked_at = named.looked_at.min(end);
        self.looked_at += looked_at;
        self.missed += text.len() - looked_at;
        named.matches.extend(beyond);
        named.matches
    }

    /// Says what was not asked about.
    pub(crate) fn finish(self, plan: &ScanPlan, path: &str, out: &mut FileScan) {
        if self.missed > 0 {
            let limit = plan.limits.names_bytes_max;
            let reason = format!(
                "names of people and places were looked for in its first {} bytes; {} more lie beyond the limit of {limit}",
                self.looked_at, self.missed
            );
            out.not_scanned(path, reason);
        }
    }
}
