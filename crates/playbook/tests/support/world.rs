//! A world that counts effects.

use std::collections::{BTreeMap, BTreeSet};

use casemate_playbook::{ActionOutcome, Mode, sha256};
use serde_json::{Value, json};

/// A number that depends on a text and nothing else.
pub fn hash(text: &str) -> u64 {
    u64::from_str_radix(&sha256(text.as_bytes())[7..19], 16).expect("hex")
}

/// Where effects happen, and are counted. What it answers depends on the key alone, so that it is the same however the run
/// got there.
#[derive(Default)]
pub struct World {
    /// How often each key took effect.
    pub effects: BTreeMap<String, u32>,
    /// What took effect: action and arguments.
    pub done: BTreeSet<String>,
    calls: BTreeMap<String, u32>,
    seen: BTreeMap<String, String>,
}

impl World {
    fn output(key: &str) -> Value {
        json!({"n": hash(key) % 10, "id": &key[7..15]})
    }

    /// Carries an action out, as a target of this mode does.
    pub fn perform(&mut self, key: &str, action: &str, args: &Value, mode: Mode) -> ActionOutcome {
        let command = format!("{action} {args}");
        let before = self.seen.entry(key.to_owned()).or_insert_with(|| command.clone());
        assert_eq!(*before, command, "one key, two commands");
        let call = self.calls.entry(key.to_owned()).or_insert(0);
        *call += 1;
        match hash(&format!("fate {key}")) % 20 {
            0 => return ActionOutcome::Failed { message: "refused".into(), retryable: false },
            1..=3 if *call == 1 => return ActionOutcome::Failed { message: "busy".into(), retryable: true },
            _ => {}
        }
        let count = self.effects.entry(key.to_owned()).or_insert(0);
        // A target that is idempotent knows the key again; the others do it again, and that would be seen.
        if !(mode == Mode::Idempotent && *count > 0) {
            *count += 1;
        }
        self.done.insert(command);
        if hash(&format!("broken {key}")).is_multiple_of(10) && *call <= 2 {
            return ActionOutcome::Unknown { message: "connection reset".into() };
        }
        ActionOutcome::Done { output: Self::output(key) }
    }

    /// Says whether a key took effect: a target that can be asked, or a person who looks.
    pub fn ask(&self, key: &str) -> ActionOutcome {
        if self.effects.get(key).copied().unwrap_or(0) > 0 {
            ActionOutcome::Done { output: Self::output(key) }
        } else {
            ActionOutcome::NotDone
        }
    }

    /// What a person answers to a manual command.
    pub fn by_hand(key: &str) -> ActionOutcome {
        if hash(&format!("hand {key}")).is_multiple_of(8) {
            ActionOutcome::NotDone
        } else {
            ActionOutcome::Done { output: Self::output(key) }
        }
    }
}
