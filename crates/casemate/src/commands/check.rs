//! `casemate check`: is the configuration one that the posts would start with?

use serde_json::json;

use crate::cli::Global;
use crate::config::{self, Config};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};
use crate::wiring::Wiring;

pub(super) fn run(global: &Global) -> Done {
    let config: Config = config::or_default(global.config.as_deref())?;
    let wiring = Wiring::new(&config, global.config.as_deref());
    let mut problems: Vec<Failure> = Vec::new();
    problems.extend(wiring.gateway().err().into_iter().flatten());
    problems.extend(wiring.refit().err().into_iter().flatten());
    problems.extend(wiring.respond().err().into_iter().flatten());
    problems.extend(wiring.console().err().into_iter().flatten());
    if global.format == Format::Json {
        output::json(&json!({"ok": problems.is_empty(), "problems": problems}));
    } else if problems.is_empty() {
        let file = global.config.as_ref().map_or_else(|| "the defaults".into(), |p| p.display().to_string());
        output::line(format!("{file}: nothing wrong. `casemate doctor` tests what it names."));
    } else {
        for p in &problems {
            p.print(Format::Human);
        }
        let s = if problems.len() == 1 { "" } else { "s" };
        output::line(format!("{} problem{s}", problems.len()));
    }
    Ok(if problems.is_empty() { Exit::Ok } else { Exit::Usage })
}
