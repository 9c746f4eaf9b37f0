//! `casemate scan PATH…`: model files here (once, watched, or one place explained), personal data and secrets through
//! the sweep.

mod explain;
mod models;
mod text;
mod watch;

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
    if let Some(place) = &args.explain {
        return explain::run(global, place);
    }
    if (args.watch || args.ml_bom.is_some()) && (text || !models) {
        return Err(Failure::usage("cannot scan like that", "--watch and --ml-bom are for --kinds models"));
    }
    if args.watch {
        return watch::run(global, args);
    }
    if models && !text { models::run(global, args) } else { text::run(global, args) }
}
