//! Where the values of a conversation came from: read from the request only when an answer calls a tool.

use bytes::Bytes;
use casemate_classify::session::Taint;
use casemate_wire::carrier::{Channel, walk_request};
use casemate_wire::json::{Doc, JsonLimits};

/// What the request of an answer says about values.
#[derive(Debug)]
pub struct Provenance(State);

#[derive(Debug)]
enum State {
    /// Not read yet: most answers call no tool.
    Request(Bytes, JsonLimits),
    Read(Box<Taint>),
}

impl Provenance {
    /// Of the request as it went upstream; it is read when it is asked for.
    pub fn of(request: Bytes, limits: JsonLimits) -> Self {
        // What was put in its place may have made it longer than a request may be.
        let limits = JsonLimits { bytes_max: request.len(), ..limits };
        Self(State::Request(request, limits))
    }

    /// Of a request that is read here and now.
    pub fn read(doc: &Doc<'_>) -> Self {
        Self(State::Read(Box::new(taint_of(doc))))
    }

    /// The values by side; none if the request cannot be read, and nothing can be said.
    pub(super) fn taint(&mut self) -> Option<&Taint> {
        if let State::Request(request, limits) = &self.0 {
            let doc = Doc::parse(request, limits).ok()?;
            let taint = taint_of(&doc);
            self.0 = State::Read(Box::new(taint));
        }
        match &self.0 {
            State::Read(taint) => Some(taint),
            State::Request(..) => None,
        }
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
