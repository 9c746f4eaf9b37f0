//! `casemate scan PATH…`: model files here, personal data and secrets through the sweep.

mod models;
mod text;

use crate::cli::{Global, Kind, ScanArgs};
use crate::failure::{Done, Failure};

pub(super) fn run(global: &Global, args: &ScanArgs) -> Done {
    let models = args.kinds.contains(&Kind::Models);
    let text = args.kinds.iter().any(|k| matches!(k, Kind::Pii | Kind::Secrets));
    if args.kinds.iter().any(|k| matches!(k, Kind::Injection | Kind::Toxicity)) {
        return Err(Failure::usage(
            "cannot scan files for that",
            "injection and toxicity are kinds of `casemate detect`",
        ));
    }
    if models && !text { models::run(global, args) } else { text::run(global, args) }
}
