//! Loads what a tier demands beyond the checks that ship. What cannot be loaded is a problem of the configuration: a tier
//! never runs without a check that it asks for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use casemate_classify::external::{Desk, DeskSettings, GreyBand, Service, ServiceError, ServiceKind, ServiceSettings};
#[cfg(any(feature = "onnx", feature = "onnx-ort"))]
use casemate_classify::external::{OnnxError, OnnxModel, OnnxSettings};
use casemate_classify::model::{ModelError, builtin_embedding};
use casemate_classify::session::{ArgumentKind, ConversationSettings, ToolPolicy};
use casemate_classify::{Classifier, CustomCheck, Thresholds};
use casemate_finding::Secret;
use casemate_store::model::Role;

use super::compile::Compiler;
use super::defences::{Adviser, AdviserBy, ConversationDefence, Defences, OwnCheck, SecondOpinion, ToolDefence};
use super::settings::{Action, Inspection};
use super::written::{TierConfig, adviser_key_path};
use super::written_defences::{
    About, AdviserConfig, ConversationConfig, ConversationsConfig, Direction, ModelsConfig, OwnCheckConfig,
    SecondOpinionConfig, ToolsConfig,
};

/// Longest file of a check.
const MODEL_BYTES_MAX: u64 = 64 << 20;
#[cfg(any(feature = "onnx", feature = "onnx-ort"))]
const ONNX_BYTES_MAX: u64 = 2 << 30;
/// Most checks of one's own in one tier: each reads every text.
const OWN_CHECKS_MAX: usize = 16;
/// Most conversations at once: 5 GiB of them.
const CONVERSATIONS_MAX: usize = 1 << 20;
/// Longest time that a question about a tool call stands: a week.
const APPROVAL_MS_MAX: i64 = 7 * 86_400_000;
/// Longest name of a tool that the wire formats allow.
const TOOL_NAME_BYTES_MAX: usize = 128;

/// What tiers may name, and what was loaded for them.
#[derive(Default)]
pub(super) struct Named {
    /// Advisers by name, with their places; those that are wrong are there too, without one.
    pub advisers: HashMap<String, Option<usize>>,
    /// Checks by their file.
    checks: HashMap<PathBuf, Option<Arc<CustomCheck>>>,
}

impl Compiler<'_> {
    /// What the tier at `path` demands.
    pub(super) fn defences(
        &mut self,
        written: &TierConfig,
        inspection: &Inspection,
        path: &str,
        named: &mut Named,
    ) -> Defences {
        let mut defences = Defences::default();
        if written.checks.len() > OWN_CHECKS_MAX {
            let why = format!("names {} checks", written.checks.len());
            self.problem(format!("{path}.checks"), why, format!("name at most {OWN_CHECKS_MAX}"));
        }
        for (i, c) in written.checks.iter().enumerate() {
            let Some(model) = self.own_check(c, &format!("{path}.checks[{i}].path"), named) else { continue };
            let side = match c.channel {
                Direction::Input => &mut defences.input_checks,
                Direction::Output => &mut defences.output_checks,
            };
            side.push(OwnCheck { model, action: c.action.into() });
        }
        defences.tools = written.tools.as_ref().map(|t| self.tools(t, &format!("{path}.tools")));
        for (i, o) in written.second_opinions.iter().enumerate() {
            let path = format!("{path}.second_opinions[{i}]");
            defences.opinions.extend(self.second_opinion(o, inspection, &path, named).map(Arc::new));
        }
        let conversation = written.conversation.as_ref();
        defences.conversation = conversation.map(|c| self.conversation(c, &format!("{path}.conversation")));
        defences
    }

    fn conversation(&mut self, c: &ConversationConfig, path: &str) -> ConversationDefence {
        let share = |v: f32| (0.0..=1.0).contains(&v);
        for (name, fits, remedy) in [
            ("memory", share(c.memory), "choose 0 to 1"),
            ("baseline", (0.0..1.0).contains(&c.baseline), "choose 0 to less than 1"),
            ("retry_cosine_min", share(c.retry_cosine_min), "choose 0 to 1"),
            (
                "accumulated_flag",
                0.0 < c.accumulated_flag && c.accumulated_flag <= c.accumulated_block,
                "choose more than 0, and no more than `accumulated_block`",
            ),
            ("accumulated_block", c.accumulated_block.is_finite(), "choose a number"),
            (
                "retries_flag",
                0 < c.retries_flag && c.retries_flag <= c.retries_block,
                "choose at least 1, and no more than `retries_block`",
            ),
        ] {
            if !fits {
                self.problem(format!("{path}.{name}"), "is out of range", remedy);
            }
        }
        ConversationDefence {
            settings: ConversationSettings {
                memory: c.memory,
                baseline: c.baseline,
                accumulated: Thresholds { flag: c.accumulated_flag, block: c.accumulated_block },
                retry_cosine_min: c.retry_cosine_min,
                retries: (c.retries_flag, c.retries_block),
                ..ConversationSettings::default()
            },
            action: c.action.into(),
        }
    }

    /// Bounds of the conversations that are followed.
    pub(super) fn conversations(&mut self, written: &ConversationsConfig) -> ConversationsConfig {
        if !(1..=CONVERSATIONS_MAX).contains(&written.entries_max) {
            let remedy = format!("choose 1 to {CONVERSATIONS_MAX}");
            self.problem("gateway.conversations.entries_max", format!("is {}", written.entries_max), remedy);
        }
        if written.idle_ms < 1 {
            self.problem("gateway.conversations.idle_ms", format!("is {}", written.idle_ms), "choose at least 1");
        }
        written.clone()
    }

    fn own_check(&mut self, written: &OwnCheckConfig, path: &str, named: &mut Named) -> Option<Arc<CustomCheck>> {
        let file = self.base.join(&written.path);
        if let Some(known) = named.checks.get(&file) {
            return known.clone();
        }
        let read = read_file(&file, MODEL_BYTES_MAX).and_then(|raw| {
            CustomCheck::load(&raw, builtin_embedding()).map_err(|e| format!("{} does not load: {e}", file.display()))
        });
        let model = match read {
            Ok(check) => Some(Arc::new(check)),
            Err(why) => {
                self.problem(path, why, "train it with `casemate train classifier`, or take the check out");
                None
            }
        };
        named.checks.insert(file, model.clone());
        model
    }

    /// The classifier with the models that are named; none if it is the one that ships.
    pub(super) fn models(&mut self, written: &ModelsConfig) -> Option<Arc<Classifier>> {
        let injection = written.injection.as_deref();
        let injection = self.model(injection, "injection", |raw| Classifier::with_models(Some(raw), None));
        let toxicity = written.toxicity.as_deref();
        let toxicity = self.model(toxicity, "toxicity", |raw| Classifier::with_models(None, Some(raw)));
        let named = injection.is_some() || toxicity.is_some();
        named.then(|| Classifier::with_models(injection.as_deref(), toxicity.as_deref()).ok().map(Arc::new)).flatten()
    }

    /// The bytes of a model that loads.
    fn model(
        &mut self,
        file: Option<&Path>,
        name: &str,
        load: impl Fn(&[u8]) -> Result<Classifier, ModelError>,
    ) -> Option<Vec<u8>> {
        let file = self.base.join(file?);
        let read = read_file(&file, MODEL_BYTES_MAX).and_then(|raw| match load(&raw) {
            Ok(_) => Ok(raw),
            Err(e) => Err(format!("{} does not load: {e}", file.display())),
        });
        read.map_err(|why| {
            let remedy = "name a whole file that `casemate train` wrote, or leave it out for the model that ships";
            self.problem(format!("gateway.models.{name}"), why, remedy);
        })
        .ok()
    }

    /// Everyone who may be asked. Those that are wrong are known by name, so that one mistake is told once.
    pub(super) fn advisers(&mut self, written: &[AdviserConfig], named: &mut Named) -> Vec<Adviser> {
        let mut seen = std::collections::HashSet::new();
        let mut out = Vec::new();
        for (i, a) in written.iter().enumerate() {
            let path = format!("gateway.advisers[{i}]");
            self.name(&a.name, &mut seen, &path);
            let by = match a.kind.service() {
                Some(kind) => self.service(a, kind, &path).map(AdviserBy::Service),
                None => self.onnx(a, &path),
            };
            let place = by.map(|by| {
                out.push(Adviser { name: a.name.clone(), by, timeout: Duration::from_millis(a.timeout_ms) });
                out.len() - 1
            });
            named.advisers.insert(a.name.clone(), place);
        }
        out
    }

    fn service(&mut self, a: &AdviserConfig, kind: ServiceKind, path: &str) -> Option<Service> {
        if a.tokenizer.is_some() || !a.labels.is_empty() || a.positive.is_some() || a.library.is_some() {
            let why = "names a tokenizer, labels or a library, which only `kind: onnx` has";
            self.problem(path, why, "take `tokenizer`, `labels`, `positive` and `library` out");
        }
        let endpoint = a.endpoint.clone();
        let remedy = "write it as `https://guard.example.com`";
        let endpoint = self.need(endpoint, format!("{path}.endpoint"), "is missing", remedy)?;
        let key_path = adviser_key_path(&a.name);
        let key = match &a.api_key {
            Some(source) => self.secret(Some(source), key_path.clone())?,
            None => Secret::new(String::new()),
        };
        if http::HeaderValue::from_str(key.expose()).is_err() {
            self.problem(&key_path, "holds a character that no header can carry", "check the key's source");
            return None;
        }
        let model = a.model.clone().unwrap_or_default();
        let settings = ServiceSettings { id: a.name.clone(), kind, endpoint, key, model, timeout_ms: a.timeout_ms };
        match Service::new(settings) {
            Ok(service) => Some(service),
            Err(error) => {
                let remedy = match &error {
                    ServiceError::Timeout { .. } => "leave `timeout_ms` out for 1000",
                    ServiceError::Key => "name the secret that signs: `api_key: {env: NAME}`",
                    _ => "correct it; services are asked over https, or on this machine",
                };
                self.problem(path, error.to_string(), remedy);
                None
            }
        }
    }

    #[cfg(not(any(feature = "onnx", feature = "onnx-ort")))]
    fn onnx(&mut self, _: &AdviserConfig, path: &str) -> Option<AdviserBy> {
        let why = "asks for a model in ONNX, which this program was built without";
        self.problem(
            format!("{path}.kind"),
            why,
            "build it with `--features onnx` (or `onnx-ort`, and name `library`)",
        );
        None
    }

    #[cfg(any(feature = "onnx", feature = "onnx-ort"))]
    fn onnx(&mut self, a: &AdviserConfig, path: &str) -> Option<AdviserBy> {
        if a.endpoint.is_some() || a.api_key.is_some() {
            self.problem(path, "names an endpoint or a key, which only services have", "take them out");
        }
        let remedy = "name the model's file";
        let model = self.need(a.model.as_ref(), format!("{path}.model"), "is missing", remedy);
        let remedy = "name the `tokenizer.json` that came with the model";
        let tokenizer = self.need(a.tokenizer.as_ref(), format!("{path}.tokenizer"), "is missing", remedy);
        let positive = a.positive.as_ref().and_then(|p| a.labels.iter().position(|l| l == p));
        let remedy = "write the label that means an attack";
        let positive = self.need(positive, format!("{path}.positive"), "is none of `labels`", remedy);
        let (model, tokenizer, positive) = (model?, tokenizer?, positive?);
        let read = |c: &mut Self, file: &str, name: &str| match read_file(&c.base.join(file), ONNX_BYTES_MAX) {
            Ok(raw) => Some(raw),
            Err(why) => {
                c.problem(format!("{path}.{name}"), why, "name a file that is there");
                None
            }
        };
        let raw = read(self, model, "model");
        let tokens = read(self, &tokenizer.to_string_lossy(), "tokenizer");
        let tokens = tokens.map(|t| String::from_utf8_lossy(&t).into_owned());
        let settings = OnnxSettings {
            id: a.name.clone(),
            labels: a.labels.clone(),
            positive,
            tokens_max: a.tokens_max,
            pieces_max: a.pieces_max,
        };
        match onnx_model(settings, self.base, a.library.as_deref(), raw?, &tokens?) {
            Ok(model) => Some(AdviserBy::Model(Arc::new(model))),
            Err(error) => {
                let remedy = match &error {
                    OnnxError::Settings(_) => {
                        "choose `tokens_max` from 16 to 8192, `pieces_max` from 1, and two labels or more"
                    }
                    OnnxError::Runtime(_) => {
                        "name with `library` one that is there, or take it out; see `--features onnx-ort`"
                    }
                    _ => "use a text classifier with the tokenizer that it was trained with",
                };
                self.problem(path, error.to_string(), remedy);
                None
            }
        }
    }

    fn second_opinion(
        &mut self,
        o: &SecondOpinionConfig,
        inspection: &Inspection,
        path: &str,
        named: &Named,
    ) -> Option<SecondOpinion> {
        let remedy = "name one of `gateway.advisers`";
        let known = named.advisers.get(&o.adviser).copied();
        // One that is wrong was told of where it stands.
        let place = self.need(known, format!("{path}.adviser"), format!("`{}` is not known", o.adviser), remedy)??;
        let checks = match o.channel {
            Direction::Input => &inspection.input,
            Direction::Output => &inspection.output,
        };
        let action = match o.about {
            About::Injection => checks.injection,
            About::Toxicity => checks.toxicity,
        };
        if action == Action::Off {
            let why = "is about a check that is `off` in this tier, and would never be asked";
            self.problem(format!("{path}.about"), why, "set the check to `flag` or `block`, or take the opinion out");
        }
        for (name, fits) in [("cache_ttl_ms", o.cache_ttl_ms >= 0), ("rest_ms", o.rest_ms >= 0)] {
            if !fits {
                self.problem(format!("{path}.{name}"), "is below 0", "leave it out for the default");
            }
        }
        let band = GreyBand { low: o.low, high: o.high };
        let settings = DeskSettings {
            band,
            thresholds: Thresholds { flag: o.flag, block: o.block },
            may_clear: o.may_clear,
            fail: o.fail,
            cache_entries_max: o.cache_entries_max,
            cache_ttl_ms: o.cache_ttl_ms,
            failures_max: o.failures_max,
            rest_ms: o.rest_ms,
        };
        match Desk::new(&o.adviser, settings) {
            Ok(desk) => Some(SecondOpinion::new((place, &o.adviser), o.about, o.channel, band, desk)),
            Err(error) => {
                self.problem(path, error.to_string(), "leave `low`, `high`, `flag` and `block` out for the defaults");
                None
            }
        }
    }

    fn tools(&mut self, written: &ToolsConfig, path: &str) -> ToolDefence {
        for (name, rule) in &written.allow {
            let at = format!("{path}.allow.{name}");
            if name.is_empty() || name.len() > TOOL_NAME_BYTES_MAX {
                self.problem(&at, "is no name of a tool", format!("use 1 to {TOOL_NAME_BYTES_MAX} bytes"));
            }
            for (argument, shape) in &rule.arguments {
                let at = format!("{at}.arguments.{argument}");
                if shape.bytes_max == 0 {
                    self.problem(format!("{at}.bytes_max"), "is 0", "choose at least 1, or leave it out for 4096");
                }
                if !shape.one_of.is_empty() && shape.kind != ArgumentKind::String {
                    self.problem(format!("{at}.one_of"), "is for strings", "set `kind: string`, or leave `one_of` out");
                }
            }
        }
        let a = &written.approvals;
        for (name, fits, remedy) in [
            ("people", (1..=8).contains(&a.people), "choose 1 to 8"),
            ("role", a.role >= Role::Analyst, "choose analyst, approver, engineer or admin"),
            ("expires_ms", (1..=APPROVAL_MS_MAX).contains(&a.expires_ms), "choose 1 to 604800000: a week"),
            ("pending_max", (1..=1_024).contains(&a.pending_max), "choose 1 to 1024"),
        ] {
            if !fits {
                self.problem(format!("{path}.approvals.{name}"), "is out of range", remedy);
            }
        }
        ToolDefence {
            policy: Arc::new(ToolPolicy { tools: written.allow.clone() }),
            refused: written.refused.into(),
            approval: written.approval.into(),
            approvals: written.approvals.clone(),
        }
    }
}

/// The bytes of a file of at most `max`, or what is wrong with it.
pub(super) fn read_file(file: &Path, max: u64) -> Result<Vec<u8>, String> {
    let fail = |e: std::io::Error| format!("{} cannot be read: {e}", file.display());
    let about = std::fs::metadata(file).map_err(fail)?;
    // A pipe would hold up the start, a device never ends.
    if !about.is_file() {
        return Err(format!("{} is no file", file.display()));
    }
    let size = about.len();
    if size > max {
        return Err(format!("{} has {size} bytes, at most {max} are read", file.display()));
    }
    std::fs::read(file).map_err(fail)
}

/// Loads a model for the runtime that is asked for: a user's ONNX Runtime library, or the one that is built in.
#[cfg(any(feature = "onnx", feature = "onnx-ort"))]
fn onnx_model(
    settings: OnnxSettings,
    base: &Path,
    library: Option<&Path>,
    model: Vec<u8>,
    tokenizer: &str,
) -> Result<OnnxModel, OnnxError> {
    match library {
        #[cfg(feature = "onnx-ort")]
        Some(library) => OnnxModel::load_with_ort(settings, &base.join(library), &model, tokenizer),
        #[cfg(not(feature = "onnx-ort"))]
        Some(library) => Err(OnnxError::Runtime(format!(
            "{}: this program was built without the feature `onnx-ort`",
            base.join(library).display()
        ))),
        #[cfg(feature = "onnx")]
        None => OnnxModel::load(settings, model, tokenizer),
        #[cfg(not(feature = "onnx"))]
        None => Err(OnnxError::Runtime(format!(
            "`library` does not name one ({} bytes of model), and this program was built without the feature `onnx`",
            model.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::read_file;

    #[test]
    fn what_is_no_file_or_too_long_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("model.bin");
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read_file(&file, 5).as_deref(), Ok(&b"12345"[..]));
        assert!(read_file(&file, 4).unwrap_err().contains("at most 4"));
        assert!(read_file(dir.path(), 5).unwrap_err().ends_with("is no file"));
        #[cfg(unix)]
        assert!(read_file(std::path::Path::new("/dev/zero"), 5).unwrap_err().ends_with("is no file"), "it never ends");
    }
}
