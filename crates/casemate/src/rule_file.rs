//! Rule files of an operator's own, beside the rules that ship.

use std::path::Path;
use std::sync::Arc;

use casemate_detect::{Engine, RuleSet};

use crate::failure::Failure;

/// A rule file larger than this is refused.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// An engine with the rules that ship and those of a file.
///
/// # Errors
/// If the file cannot be read, is too large, or holds a rule that is refused; the reason names the rule.
pub(crate) fn engine_with(path: &Path) -> Result<Arc<Engine>, Failure> {
    let shown = path.display().to_string();
    let refuse = |why: String| {
        Failure::usage("cannot use the rule file", why)
            .at(&shown)
            .remedy("`casemate rules explain RULE` shows a rule's parts")
    };
    let size = std::fs::metadata(path).map_err(|e| refuse(e.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(refuse(format!("{size} bytes, the limit is {FILE_BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
    let mut set = RuleSet::builtin().map_err(|e| refuse(e.to_string()))?;
    set.add_toml(&text).map_err(|e| refuse(e.to_string()))?;
    Engine::new(&set).map(Arc::new).map_err(|e| refuse(e.to_string()))
}
