//! Rows made ready: folded, split, hashed, embedded.

use super::Row;
use crate::Channel;
use crate::model::{DIMENSIONS, Embedding, Features};
use crate::rules;
use crate::text::fold;
use crate::views::{View, ViewLimits, views};

/// A row with what the models see of it.
#[derive(Debug)]
pub struct Prepared {
    pub source: String,
    pub positive: bool,
    pub view: View,
    pub features: Features,
    pub unit: Box<[f32; DIMENSIONS]>,
    /// Noisy-or of the rules in chat, and in content.
    pub rules: [f32; 2],
    /// The text as written.
    pub text: String,
    /// Fold in which it is held out.
    pub fold: usize,
}

/// Makes one row ready; only its plain view is learned from.
pub fn prepare(row: &Row, fold_of: usize, embedding: &Embedding) -> Prepared {
    let mut folded = fold(&row.text);
    let limits = ViewLimits { depth_max: 0, ..ViewLimits::default() };
    let mut all = views(&row.text, &mut folded, &limits).views;
    let view = all.swap_remove(0);
    let features = Features::of(&view);
    let unit = Box::new(embedding.embed(view.text.text(), &view.words));
    let rules = [Channel::Chat, Channel::Document].map(|channel| {
        let mut found = Vec::new();
        rules::matches(&view, channel, &mut found);
        rules::believed(&found)
    });
    Prepared {
        source: row.source.clone(),
        positive: row.positive,
        view,
        features,
        unit,
        rules,
        text: row.text.clone(),
        fold: fold_of,
    }
}
