//! `casemate init`: writes a commented configuration file.

use std::io::Write;

use serde_json::json;

use crate::cli::{Global, InitArgs};
use crate::config::template::TEMPLATE;
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};

pub(super) fn run(global: &Global, args: &InitArgs) -> Done {
    let shown = args.path.display().to_string();
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options.open(&args.path).and_then(|mut file| file.write_all(TEMPLATE.as_bytes()));
    written.map_err(|e| {
        let remedy = if e.kind() == std::io::ErrorKind::AlreadyExists {
            "name another file, or replace it with --force"
        } else {
            "name a file in a folder that is there and may be written"
        };
        Failure::usage("cannot write the configuration", e.to_string()).at(&shown).remedy(remedy)
    })?;
    if global.format == Format::Json {
        output::json(&json!({ "written": shown }));
    } else {
        let more = if shown == "casemate.yaml" { String::new() } else { format!(" with `--config {shown}`") };
        output::line(format!("Wrote {shown}. Name your upstream in it, then `casemate check`{more}."));
    }
    Ok(Exit::Ok)
}
