//! What to look for, and how sure to be.

use std::{collections::BTreeSet, sync::Arc};

use crate::Kinds;

/// How sure a match must be before it is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OperatingPoint {
    /// Stopping a request: few false alarms.
    Block,
    /// Replacing text: the balance that the evaluation is reported at.
    #[default]
    Redact,
    /// Showing to a person: few misses.
    Report,
}

impl OperatingPoint {
    /// The lowest score that passes.
    pub const fn min_score(self) -> f32 {
        match self {
            Self::Block => 0.85,
            Self::Redact => 0.5,
            Self::Report => 0.25,
        }
    }
}

/// What to look for in one text.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// Which families to look for.
    pub kinds: Kinds,
    /// Lowest score reported, 0 to 1; see [`OperatingPoint::min_score`].
    pub min_score: f32,
    /// Name of the JSON field, CSV column or variable that held the text: counts as context.
    pub field: Option<Arc<str>>,
    /// Path of the file that held the text: tests, fixtures and examples count as evidence against secrets.
    pub path: Option<Arc<str>>,
    /// Values that are never reported, compared exactly.
    pub allow_values: Arc<BTreeSet<String>>,
    /// Rule ids or labels that are not applied.
    pub disabled: Arc<BTreeSet<String>>,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            kinds: Kinds::ALL,
            min_score: OperatingPoint::Redact.min_score(),
            field: None,
            path: None,
            allow_values: Arc::default(),
            disabled: Arc::default(),
        }
    }
}

impl ScanOptions {
    /// The default options for these kinds at this operating point.
    pub fn new(kinds: Kinds, point: OperatingPoint) -> Self {
        Self { kinds, min_score: point.min_score(), ..Self::default() }
    }

    /// The same, for text that came from a field of this name.
    #[must_use]
    pub fn in_field(mut self, field: &str) -> Self {
        self.field = Some(field.into());
        self
    }
}
