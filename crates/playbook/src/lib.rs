//! Playbooks: the CACAO 2.0 language in JSON and in YAML, its validation, expressions, and an event-sourced interpreter.
//!
//! Invariants: pure and synchronous. No I/O, no clock, no randomness: time comes in as [`casemate_finding::UnixMs`], the
//! log of events is the truth, and the same events give the same state.

mod actions;
mod atlas;
mod cacao;
mod cacao_wire;
mod canonical;
mod convert;
mod duration;
mod expression;
mod extension;
mod foreign;
mod ids;
mod input;
mod limits;
mod lint;
mod problem;
mod program;
mod run;
mod simulate;
mod source;
mod stix;
mod template;

pub use actions::{ACTIONS, ActionSpec, Arg, ArgKind, action, actions_markdown};
pub use atlas::{IDS as ATLAS_IDS, is_known as is_atlas_id, nearest as nearest_atlas_id};
pub use cacao::{
    AgentTarget, Command as CacaoCommand, ExtensionDefinition, Playbook, SPEC_VERSION, Step, StepKind, Undo, Variable,
};
pub use canonical::{canonical, digest_of, json_bytes, sha256};
pub use convert::{export, import};
pub use duration::{Span, SpanError};
pub use expression::{Expression, ExpressionError, ROOTS, Reads, Roots};
pub use extension::{
    Approval, Mode, OnExpiry, OnRunFailure, Phase, PlaybookExtension, Retry, StepExtension, Trigger, TriggerFacts,
    VERSION as EXTENSION_VERSION, author_id, definition as extension_definition, extension_id,
};
pub use ids::{is_identifier, is_slug, slugify, stable_id};
pub use input::{CaseFacts, run_input};
pub use limits::Limits;
pub use lint::{lint, lint_text, lint_with, load};
pub use problem::{Level, Problem};
pub use program::{Program, playbook_extension, step_extension, variable_name, variable_value};
pub use run::{
    ActionOutcome, Answer, ApprovalNeed, ApprovalState, Branch, Command, CommandState, CommandStatus, Decision, Event,
    Refused, ResolvedCommand, ResolvedUndo, RunOutcome, RunState, RunStatus, ScopeState, StepRef, StepState,
    StepStatus, advance, commands_digest, pending, wake_at,
};
pub use simulate::{
    Approvals, CaseResult, Expect, Mock, Mocks, Performed, Simulation, TestCase, TestFile, differences, parse_tests,
    run_tests, simulate,
};
pub use source::{
    Foreign, SourceAction, SourceApproval, SourceError, SourcePlaybook, SourceRetry, SourceStep, SourceVariable,
    StepForeign, compile, decompile, line_of_step, parse_json, parse_yaml, render_json, render_yaml,
};
pub use template::Template;
