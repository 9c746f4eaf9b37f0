//! Tool calls of an answer, put together from its events and judged by the tier's policy before the caller has one whole.
//!
//! What two clients could put together in two ways (a name in pieces, one argument twice) is refused: the call that was
//! judged must be the call that is made.

use std::borrow::Cow;
use std::collections::BTreeMap;

use casemate_classify::session::{Taint, ToolDecision, ToolRefusal};
use casemate_wire::Dialect;
use casemate_wire::json::{Doc, JsonLimits, Kind, Value};

use super::notice::{Check, Notice};
use super::provenance::Provenance;
use super::stopped_call::digest_of;
use crate::config::{Action, ToolDefence};

/// Most calls of one answer.
const CALLS_MAX: usize = 256;
/// Longest name of a tool that is told.
const NAME_TOLD_BYTES_MAX: usize = 64;

/// Which call of an answer, in the order in which they began.
pub(super) type CallId = usize;

/// What one event brought.
#[derive(Debug, Default)]
pub(super) struct CallStep {
    /// Calls that it carries a piece of.
    pub pieces: Vec<CallId>,
    /// What came of calls that are whole now.
    pub notices: Vec<Notice>,
    /// Calls that are whole now and wait for a person.
    pub stopped: Vec<Stopped>,
    /// More calls than one answer may have.
    pub too_many: bool,
}

/// A call that waits for a person.
#[derive(Debug)]
pub(super) struct Stopped {
    pub tool: String,
    /// See [`digest_of`].
    pub digest: String,
    pub arguments: serde_json::Value,
    /// Arguments whose values stand in untrusted text, with where.
    pub tainted: Vec<(String, Vec<String>)>,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// More of it may come.
    #[default]
    Open,
    /// It is whole, and waits for a person: nothing of it goes out.
    Waits,
    /// It is whole, and whatever the policy says of it was told.
    Judged,
}

#[derive(Debug, Default)]
struct Call {
    id: String,
    name: String,
    /// It came in more than one piece, and they differ.
    name_in_pieces: bool,
    /// Arguments as JSON text, as far as they came.
    arguments: String,
    /// They came with the call's beginning, whole.
    arguments_whole: bool,
    /// They came both whole and in pieces.
    arguments_twice: bool,
    /// Free text, not JSON: a custom tool's input.
    is_text: bool,
    stage: Stage,
}

/// Where in an answer a call stands: its choice, and its number there.
type Place = (u64, u64);
/// The number of OpenAI's older single `function_call`.
const SINGLE: u64 = u64::MAX;

/// The tool calls of one answer.
#[derive(Debug)]
pub(super) struct ToolCalls {
    defence: ToolDefence,
    provenance: Option<Provenance>,
    limits: JsonLimits,
    calls: Vec<Call>,
    at: BTreeMap<Place, CallId>,
}

impl ToolCalls {
    pub fn new(defence: ToolDefence, provenance: Provenance, limits: JsonLimits) -> Self {
        let provenance = defence.asks_for_provenance().then_some(provenance);
        Self { defence, provenance, limits, calls: Vec::new(), at: BTreeMap::new() }
    }

    /// True if it was judged.
    pub fn is_judged(&self, id: CallId) -> bool {
        self.calls.get(id).is_some_and(|call| call.stage == Stage::Judged)
    }

    /// A person allowed those that wait.
    pub fn allow_stopped(&mut self) {
        self.calls.iter_mut().filter(|call| call.stage == Stage::Waits).for_each(|call| call.stage = Stage::Judged);
    }

    /// Takes a whole answer or an event of one.
    pub fn read(&mut self, root: Value<'_>, dialect: Dialect) -> CallStep {
        let mut step = CallStep::default();
        match dialect {
            Dialect::OpenAi => self.openai(root, &mut step),
            Dialect::Anthropic => self.anthropic(root, &mut step),
        }
        step
    }

    /// Nothing more comes: every call is whole.
    pub fn finish(&mut self) -> CallStep {
        let mut step = CallStep::default();
        for id in 0..self.calls.len() {
            self.judge(id, &mut step);
        }
        step
    }

    fn openai(&mut self, root: Value<'_>, step: &mut CallStep) {
        for (n, choice) in root.get("choices").into_iter().flat_map(Value::items).enumerate() {
            let number = choice.get("index").and_then(Value::as_u64).unwrap_or(n as u64);
            for holder in ["delta", "message"].iter().filter_map(|name| choice.get(name)) {
                for (n, item) in holder.get("tool_calls").into_iter().flat_map(Value::items).enumerate() {
                    let index = item.get("index").and_then(Value::as_u64).unwrap_or(n as u64);
                    let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
                    let call = self.call((number, index), &id, step);
                    if let Some(function) = item.get("function") {
                        call.take_name(function.get("name"));
                        call.take_arguments(function.get("arguments"));
                    }
                    if let Some(custom) = item.get("custom") {
                        call.is_text = true;
                        call.take_name(custom.get("name"));
                        call.take_arguments(custom.get("input"));
                    }
                }
                if let Some(function) = holder.get("function_call").filter(|f| !f.is_null()) {
                    let call = self.call((number, SINGLE), "", step);
                    call.take_name(function.get("name"));
                    call.take_arguments(function.get("arguments"));
                }
            }
            if choice.get("finish_reason").is_some_and(|reason| !reason.is_null()) {
                self.end(|place| place.0 == number, step);
            }
        }
    }

    fn anthropic(&mut self, root: Value<'_>, step: &mut CallStep) {
        for (n, block) in root.get("content").into_iter().flat_map(Value::items).enumerate() {
            self.block(n as u64, block, step);
        }
        let index = root.get("index").and_then(Value::as_u64).unwrap_or_default();
        if let Some(block) = root.get("content_block") {
            self.block(index, block, step);
        }
        let piece = root.get("delta").and_then(|d| d.get("partial_json"));
        // Pieces of a server's own tool have no call here: that one has been made already.
        if let (Some(piece), true) = (piece, self.at.contains_key(&(0, index))) {
            let call = self.call((0, index), "", step);
            call.arguments_twice |= call.arguments_whole;
            call.take_arguments(Some(piece));
        }
        if root.get("type").is_some_and(|t| t.is_text("content_block_stop")) {
            self.end(|place| place.1 == index, step);
        }
    }

    fn block(&mut self, index: u64, block: Value<'_>, step: &mut CallStep) {
        if !block.get("type").is_some_and(|t| t.is_text("tool_use")) {
            return;
        }
        let call = self.call((0, index), "", step);
        call.take_name(block.get("name"));
        let input = block.get("input").filter(|i| i.kind() != Kind::Object || i.members().next().is_some());
        if let Some(input) = input {
            call.arguments_twice |= !call.arguments.is_empty();
            call.arguments_whole = true;
            call.arguments.push_str(if input.kind() == Kind::String { "null" } else { input.raw() });
        }
    }

    /// The call at this place; another id there begins another call.
    fn call(&mut self, place: Place, id: &str, step: &mut CallStep) -> &mut Call {
        let known = self.at.get(&place).copied().filter(|known| {
            let call = &self.calls[*known];
            id.is_empty() || call.id.is_empty() || call.id == id
        });
        let at = match known {
            Some(at) => at,
            None if self.calls.len() >= CALLS_MAX => {
                step.too_many = true;
                self.calls.len() - 1
            }
            None => {
                if let Some(before) = self.at.get(&place).copied() {
                    self.judge(before, step);
                }
                self.calls.push(Call::default());
                self.calls.len() - 1
            }
        };
        self.at.insert(place, at);
        if !step.pieces.contains(&at) {
            step.pieces.push(at);
        }
        let call = &mut self.calls[at];
        // A piece after the end: what was judged was not all of it.
        call.stage = Stage::Open;
        if !id.is_empty() {
            id.clone_into(&mut call.id);
        }
        call
    }

    fn end(&mut self, ends: impl Fn(&Place) -> bool, step: &mut CallStep) {
        let ended: Vec<CallId> = self.at.iter().filter(|(place, _)| ends(place)).map(|(_, id)| *id).collect();
        for id in ended {
            self.judge(id, step);
        }
    }

    /// Judges a call that is whole now, if it was not.
    fn judge(&mut self, id: CallId, step: &mut CallStep) {
        let Some(call) = self.calls.get_mut(id).filter(|call| call.stage == Stage::Open) else { return };
        call.stage = Stage::Judged;
        let nothing = Taint::default();
        let taint = match &mut self.provenance {
            Some(provenance) => provenance.taint(),
            None => Some(&nothing),
        };
        let value = call.value(&self.limits);
        let decision = match (&value, taint) {
            (Some(value), Some(taint)) => self.defence.policy.judge(&call.name, value, taint),
            _ => ToolDecision::Refuse(ToolRefusal::NotAnObject),
        };
        let name = told(&call.name);
        let (check, action, label) = match decision {
            ToolDecision::Allow => return,
            ToolDecision::Refuse(why) => (Check::ToolCall, self.defence.refused, format!("{name}: {}", reason(&why))),
            ToolDecision::Approve(tainted) => {
                let digest = digest_of(&call.name, &call.source(), &self.limits);
                if let (Action::Block, Some(digest), Some(arguments)) = (self.defence.approval, digest, value) {
                    call.stage = Stage::Waits;
                    let places = |argument: String| {
                        let value = &arguments[&argument];
                        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                        let places = self.provenance.as_mut().map(|p| p.places(&text)).unwrap_or_default();
                        (argument, places)
                    };
                    let tainted = tainted.into_iter().map(places).collect();
                    step.stopped.push(Stopped { tool: name.to_owned(), digest, arguments, tainted });
                    return;
                }
                let why = match tainted.is_empty() {
                    true => "takes approval".to_owned(),
                    false => format!("{} from untrusted text", tainted.join(", ")),
                };
                (Check::ToolApproval, self.defence.approval, format!("{name}: {why}"))
            }
        };
        if action != Action::Off {
            step.notices.push(Notice { check, action, label, path: String::new(), score: 1.0 });
        }
    }
}

impl Call {
    fn take_name(&mut self, name: Option<Value<'_>>) {
        let Some(name) = name.and_then(Value::as_str).filter(|n| !n.is_empty()) else { return };
        if self.name.is_empty() {
            self.name = name.into_owned();
        } else if self.name != *name {
            self.name_in_pieces = true;
        }
    }

    fn take_arguments(&mut self, piece: Option<Value<'_>>) {
        let Some(piece) = piece.filter(|p| !p.is_null()) else { return };
        match piece.as_str() {
            Some(text) => self.arguments.push_str(&text),
            // Some servers give an object where the dialect has a string.
            None => {
                self.arguments_twice |= !self.arguments.is_empty();
                self.arguments.push_str(piece.raw());
            }
        }
    }

    /// The arguments, read as strictly as a request is; none if they can be read in two ways, or not at all.
    fn value(&self, limits: &JsonLimits) -> Option<serde_json::Value> {
        if self.name_in_pieces || self.arguments_twice {
            return None;
        }
        let text = self.source();
        Doc::parse(text.as_bytes(), limits).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The arguments as one JSON text.
    fn source(&self) -> Cow<'_, str> {
        if self.is_text {
            return serde_json::json!({"input": self.arguments}).to_string().into();
        }
        if self.arguments.trim().is_empty() { "{}".into() } else { self.arguments.as_str().into() }
    }
}

/// A name that a model made, as it may be told: nothing but an identifier.
fn told(name: &str) -> &str {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let fits = !name.is_empty() && name.len() <= NAME_TOLD_BYTES_MAX && name.bytes().all(plain);
    if fits { name } else { "a tool without a plain name" }
}

/// Why, without a word that the model chose.
fn reason(why: &ToolRefusal) -> String {
    match why {
        ToolRefusal::Tool(_) => "is not on the list".into(),
        ToolRefusal::NotAnObject => "its arguments cannot be read".into(),
        ToolRefusal::Unexpected(_) => "has an argument that its rule does not know".into(),
        // Both name what stands in the rule.
        ToolRefusal::Missing(name) => format!("argument {name} is missing"),
        ToolRefusal::Shape { name, what } => format!("argument {name} {what}"),
    }
}
