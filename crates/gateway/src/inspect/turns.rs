//! The turns of a request's own history, with the assessments that were made of them, for whoever follows the conversation.

use std::ops::Range;

use casemate_classify::Assessment;
use casemate_wire::json::{Doc, Value};

/// Turns kept of one request, the newest.
const TURNS_MAX: usize = 64;

/// Who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The user.
    User,
    /// The model.
    Assistant,
}

/// One message of the history.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Who spoke.
    pub speaker: Speaker,
    /// All of its text.
    pub text: String,
    /// The worst of its parts; none if there was nothing to assess.
    pub assessment: Option<Assessment>,
    message: usize,
}

#[cfg(test)]
impl Turn {
    pub(crate) fn new(speaker: Speaker, text: &str) -> Self {
        Self { speaker, text: text.to_owned(), assessment: None, message: 0 }
    }
}

/// Gathers the turns of one walk.
#[derive(Debug)]
pub(super) struct Turns {
    messages: Vec<Range<usize>>,
    pub turns: Vec<Turn>,
}

impl Turns {
    pub fn new(doc: &Doc<'_>) -> Self {
        let messages = doc.root().get("messages").into_iter().flat_map(Value::items).map(Value::outer_span).collect();
        Self { messages, turns: Vec::new() }
    }

    /// Takes a text of a user or the model, in document order.
    pub fn take(&mut self, value: Value<'_>, speaker: Speaker, text: &str, assessment: Option<Assessment>) {
        let start = value.span().start;
        let Some(message) = self.messages.iter().position(|m| m.contains(&start)) else { return };
        match self.turns.last_mut().filter(|t| t.message == message && t.speaker == speaker) {
            Some(turn) => {
                turn.text.push('\n');
                turn.text.push_str(text);
                let score = |a: &Option<Assessment>| a.as_ref().map_or(-1.0, |a| a.injection);
                if score(&assessment) > score(&turn.assessment) {
                    turn.assessment = assessment;
                }
            }
            None => {
                if self.turns.len() >= TURNS_MAX {
                    // The first stays: it may be what names the conversation.
                    self.turns.remove(1);
                }
                self.turns.push(Turn { speaker, text: text.to_owned(), assessment, message });
            }
        }
    }
}
