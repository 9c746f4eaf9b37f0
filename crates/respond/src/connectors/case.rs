//! Notes on the case.

use async_trait::async_trait;
use casemate_store::model::TimelineEntry;
use serde_json::{Value, json};

use super::{Call, Connector, Failure, Surroundings};

/// Adds a note.
pub(super) struct Note;

#[async_trait]
impl Connector for Note {
    fn action(&self) -> &'static str {
        "case.note"
    }

    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure> {
        let entry = TimelineEntry {
            seq: 0,
            at: around.clock.now(),
            actor: call.actor(),
            kind: "note".into(),
            text: call.required("text")?,
            data: Value::Null,
        };
        around.store.append_timeline(&call.run.case, &entry, Some(call.key)).await?;
        Ok(json!({"note": call.key}))
    }
}
