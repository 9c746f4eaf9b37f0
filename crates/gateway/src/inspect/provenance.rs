//! Where the values of a conversation came from: read from the request only when an answer calls a tool.

use bytes::Bytes;
use casemate_classify::session::Taint;
use casemate_wire::carrier::{Channel, walk_request};
use casemate_wire::json::{Doc, JsonLimits};

/// Most places that are named for one value.
const PLACES_MAX: usize = 4;

/// What the request of an answer says about values.
#[derive(Debug)]
pub struct Provenance {
    request: Bytes,
    limits: JsonLimits,
    /// None until it was read: most answers call no tool.
    taint: Option<Box<Taint>>,
}

impl Provenance {
    /// Of the request as it went upstream; it is read when it is asked for.
    pub fn of(request: Bytes, limits: JsonLimits) -> Self {
        // What was put in its place may have made it longer than a request may be.
        let limits = JsonLimits { bytes_max: request.len(), ..limits };
        Self { request, limits, taint: None }
    }

    /// Of a request that is read here and now; `doc` is of `request`.
    pub fn read(doc: &Doc<'_>, request: Bytes, limits: JsonLimits) -> Self {
        Self { taint: Some(Box::new(taint_of(doc))), ..Self::of(request, limits) }
    }

    /// The values by side; none if the request cannot be read, and nothing can be said.
    pub(super) fn taint(&mut self) -> Option<&Taint> {
        if self.taint.is_none() {
            let doc = Doc::parse(&self.request, &self.limits).ok()?;
            self.taint = Some(Box::new(taint_of(&doc)));
        }
        self.taint.as_deref()
    }

    /// Where in the untrusted texts of the request a tainted argument's values stand: `messages[3].content`, the first four.
    /// Reads the request once more: for the few calls that a person is asked about.
    pub(super) fn places(&mut self, argument: &str) -> Vec<String> {
        let values = self.taint().map(|taint| taint.tainted(argument)).unwrap_or_default();
        let mut places = Vec::new();
        let Ok(doc) = Doc::parse(&self.request, &self.limits) else { return places };
        walk_request(&doc, |carrier| {
            if carrier.channel != Channel::ToolResult || places.len() >= PLACES_MAX {
                return;
            }
            let mut source = Taint::default();
            source.distrust(&carrier.value.text());
            if values.iter().any(|value| !source.tainted(value).is_empty()) {
                places.push(doc.path_of(carrier.value));
            }
        });
        places
    }
}

/// The user and the operator are trusted, results of tools and documents are not. What the model said before and how tools
/// are described is neither: a value that stands there as well stays as tainted as it was.
fn taint_of(doc: &Doc<'_>) -> Taint {
    let mut taint = Taint::default();
    walk_request(doc, |carrier| match carrier.channel {
        Channel::System | Channel::User => taint.trust(&carrier.value.text()),
        Channel::ToolResult => taint.distrust(&carrier.value.text()),
        _ => {}
    });
    taint
}
