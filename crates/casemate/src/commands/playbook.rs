//! `casemate playbook lint|import|export`.

use std::path::{Path, PathBuf};

use casemate_playbook::{Limits, Playbook, Problem, decompile, digest_of, lint_text, load, render_json, render_yaml};
use casemate_report::printable;
use serde_json::json;

use crate::cli::{Global, PlaybookCommand};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};

/// A playbook file larger than this is refused.
const FILE_BYTES_MAX: u64 = 4 << 20;

pub(super) fn run(global: &Global, command: PlaybookCommand) -> Done {
    match command {
        PlaybookCommand::Lint { files } => lint(global, &files),
        PlaybookCommand::Import { file } => {
            let playbook = loaded(global, &file)?;
            let yaml = render_yaml(&decompile(&playbook)).map_err(|e| cannot(&file, e.to_string()))?;
            if global.format == Format::Json {
                let digest = digest_of(&playbook);
                output::json(&json!({"file": file.display().to_string(), "digest": digest, "yaml": yaml}));
            } else {
                output::line(yaml.trim_end());
            }
            Ok(Exit::Ok)
        }
        PlaybookCommand::Export { file } => {
            let playbook = loaded(global, &file)?;
            output::line(render_json(&playbook).map_err(|e| cannot(&file, e.to_string()))?.trim_end());
            Ok(Exit::Ok)
        }
    }
}

fn cannot(file: &Path, why: String) -> Failure {
    Failure::usage("cannot use the playbook", why).at(file.display().to_string())
}

fn read(file: &Path) -> Result<String, Failure> {
    let size = std::fs::metadata(file).map_err(|e| cannot(file, e.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(cannot(file, format!("{size} bytes, the limit is {FILE_BYTES_MAX}")));
    }
    std::fs::read_to_string(file).map_err(|e| cannot(file, e.to_string()))
}

fn loaded(global: &Global, file: &Path) -> Result<Playbook, Failure> {
    let text = read(file)?;
    load(&text, &Limits::DEFAULT).map_err(|problems| {
        if global.format != Format::Json {
            print(file, &problems);
        }
        cannot(file, problems.first().map(ToString::to_string).unwrap_or_default())
            .remedy("`casemate playbook lint` lists every problem")
    })
}

fn lint(global: &Global, files: &[PathBuf]) -> Done {
    let (mut rows, mut errors) = (Vec::new(), 0);
    for file in files {
        let text = read(file)?;
        let problems = lint_text(&text, &[], &Limits::DEFAULT);
        errors += problems.iter().filter(|p| p.is_error()).count();
        let digest = load(&text, &Limits::DEFAULT).ok().map(|p| digest_of(&p));
        if global.format == Format::Json {
            rows.push(json!({"file": file.display().to_string(), "digest": digest, "problems": problems}));
        } else if problems.is_empty() {
            let digest = digest.unwrap_or_default();
            output::line(format!("{}: nothing wrong (sha256:{})", file.display(), digest.get(..12).unwrap_or(&digest)));
        } else {
            print(file, &problems);
        }
    }
    if global.format == Format::Json {
        output::json(&json!({"ok": errors == 0, "files": rows}));
    }
    Ok(if errors == 0 { Exit::Ok } else { Exit::Usage })
}

fn print(file: &Path, problems: &[Problem]) {
    for p in problems {
        let line = p.line.map(|n| format!(":{n}")).unwrap_or_default();
        output::line(format!("{}{line}: {}", file.display(), printable(&p.to_string())));
    }
}
