//! How much the model is asked to do for one text.

/// Limits of one scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Most bytes of a text that are looked at, cut at a character; the rest is *not looked at*.
    pub text_bytes_max: usize,
    /// Most windows of a text that the model runs on: at some 15 ms each this bounds the time.
    pub windows_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { text_bytes_max: 1 << 20, windows_max: 512 }
    }
}

/// Pieces in one window, the two marks at its ends not counted. The model takes 510; it was made with far shorter ones,
/// and attention costs the square.
pub(crate) const WINDOW_PIECES: usize = 126;
/// Pieces that two windows share where one had to be cut inside a sentence.
pub(crate) const OVERLAP_PIECES: usize = 24;
/// Longest word that is split into pieces, in characters; a longer one is one unknown piece.
pub(crate) const WORD_CHARS_MAX: usize = 100;
/// Texts whose names a [`crate::Cache`] keeps by default.
pub(crate) const CACHE_TEXTS: usize = 4_096;
