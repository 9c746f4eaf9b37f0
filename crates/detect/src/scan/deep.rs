//! Scanning what is written, what is meant by look-alikes, and what is encoded.

use super::Engine;
use crate::{
    Match, ScanOptions,
    decode::{DecodeLimits, MappedText, decode_layers, fold},
};

impl Engine {
    /// [`Engine::scan`], and the same over the text's folded form and everything encoded in it. Spans are those of the
    /// original text: of an encoded match, of the encoded bytes. What is found in the clear comes first; a decoded match
    /// that overlaps one found before is left out. Not for streams.
    pub fn scan_deep(&self, text: &str, options: &ScanOptions, limits: &DecodeLimits) -> Vec<Match> {
        let mut found = self.scan(text, options);
        let folded = fold(text);
        let layers = decode_layers(text, limits);
        if folded.is_none() && layers.is_empty() {
            return found;
        }
        for layer in folded.iter().chain(layers.iter().map(|l| &l.text)) {
            self.add_layer(layer, options, &mut found);
        }
        found.sort_by_key(|m| m.span);
        found
    }

    fn add_layer(&self, layer: &MappedText, options: &ScanOptions, found: &mut Vec<Match>) {
        for mut inner in self.scan(layer.text(), options) {
            inner.span = layer.source(inner.span);
            if !inner.span.is_empty() && !found.iter().any(|m| m.span.overlaps(inner.span)) {
                found.push(inner);
            }
        }
    }
}
