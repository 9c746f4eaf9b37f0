//! `casemate case list|show`: cases from the terminal.

use casemate_report::printable;
use casemate_store::model::{CaseId, TenantId};
use serde_json::json;

use crate::cli::{CaseCommand, Global};
use crate::exit::Exit;
use crate::failure::Done;
use crate::output::{self, Format};
use crate::state;

/// Rows of one listing; older ones are in the console.
const ROWS_MAX: u32 = 200;

pub(super) fn run(global: &Global, command: CaseCommand) -> Done {
    match command {
        CaseCommand::List => list(global),
        CaseCommand::Show { id } => show(global, &CaseId(id)),
    }
}

fn list(global: &Global) -> Done {
    let all = TenantId("*".into());
    let cases = state::with_store(global, |s| async move { s.list_cases(&all, None, 0, ROWS_MAX).await })?;
    if global.format == Format::Json {
        output::json(&json!({ "cases": cases }));
    } else if cases.is_empty() {
        output::line("No case yet. `casemate up --demo` plays attacks that open some.");
    } else {
        output::table(
            &["case", "severity", "state", "alerts", "risk", "opened", "title"],
            cases.iter().map(|c| {
                vec![
                    c.id.to_string(),
                    c.severity.to_string(),
                    c.state.as_str().into(),
                    c.alerts.to_string(),
                    format!("{:.2}", c.risk),
                    c.opened_at.to_string(),
                    printable(&c.title).into_owned(),
                ]
            }),
        );
    }
    Ok(Exit::Ok)
}

fn show(global: &Global, id: &CaseId) -> Done {
    let wanted = id.clone();
    let (case, timeline) =
        state::with_store(
            global,
            |s| async move { Ok((s.case(&wanted).await?, s.timeline(&wanted, 0, ROWS_MAX).await?)) },
        )?;
    if global.format == Format::Json {
        output::json(&json!({ "case": case, "timeline": timeline }));
        return Ok(Exit::Ok);
    }
    output::line(format!("{}  {}  {}", case.id, case.severity, printable(&case.title)));
    let about: Vec<_> = case.entities.iter().map(|e| format!("{} {}", e.kind.as_str(), printable(&e.value))).collect();
    output::line(format!(
        "state {}, risk {:.2}, {} alerts, about {}",
        case.state.as_str(),
        case.risk,
        case.alerts,
        about.join(", ")
    ));
    output::table(
        &["at", "who", "kind", "what"],
        timeline
            .iter()
            .map(|e| vec![e.at.to_string(), e.actor.clone(), e.kind.clone(), printable(&e.text).into_owned()]),
    );
    Ok(Exit::Ok)
}
