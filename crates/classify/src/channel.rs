//! Where a text comes from, and what to do about its score.

use serde::{Deserialize, Serialize};

/// Where a text stands in a conversation; each has its own model and thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// What a person wrote to the model.
    Chat,
    /// Retrieved or uploaded text: instructions have no business in it.
    Document,
    /// Tool results, and names and descriptions of tools.
    Tool,
    /// What the model answered.
    Output,
}

impl Channel {
    /// Every channel, in the order of model files.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Document, Self::Tool, Self::Output];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Document => "document",
            Self::Tool => "tool",
            Self::Output => "output",
        }
    }

    /// The channel with this wire name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.as_str() == name)
    }

    /// True where the text was not written by whom the model serves, so that an instruction in it is a sign.
    pub const fn is_untrusted_content(self) -> bool {
        matches!(self, Self::Document | Self::Tool)
    }
}

/// What a score calls for. Thresholds are chosen on data for each channel: `Flag` near 1 % false positives, `Block` near
/// 0.1 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Below both thresholds.
    #[default]
    Pass,
    /// At or over the flag threshold.
    Flag,
    /// At or over the block threshold.
    Block,
}

impl Decision {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Flag => "flag",
            Self::Block => "block",
        }
    }
}

/// Scores from which a decision is made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Probability from which to flag.
    pub flag: f32,
    /// Probability from which to block; not below `flag`.
    pub block: f32,
}

impl Thresholds {
    /// The decision for `score`.
    pub fn decide(self, score: f32) -> Decision {
        if score >= self.block {
            Decision::Block
        } else if score >= self.flag {
            Decision::Flag
        } else {
            Decision::Pass
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, Decision, Thresholds};

    #[test]
    fn thresholds_include_their_own_value() {
        let t = Thresholds { flag: 0.5, block: 0.9 };
        assert_eq!(
            [0.49, 0.5, 0.89, 0.9].map(|s| t.decide(s)),
            [Decision::Pass, Decision::Flag, Decision::Flag, Decision::Block]
        );
        for c in Channel::ALL {
            assert_eq!(Channel::parse(c.as_str()), Some(c));
        }
    }
}
