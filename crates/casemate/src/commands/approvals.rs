//! `casemate approvals list|show|allow|deny`: questions to people from the terminal. The store's rules decide, as for the
//! console: role, own request, second vote, lapsed, other command.

use casemate_report::printable;
use casemate_store::clock::Clock;
use casemate_store::model::{Approval, ApprovalId, ApprovalState, Decision, TenantId, Vote};
use serde_json::json;

use crate::cli::{AnswerArgs, ApprovalsCommand, Global};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};
use crate::state;

/// Rows of one listing; older ones are in the console.
const ROWS_MAX: u32 = 200;
/// Least digits of a digest that are compared.
const DIGEST_DIGITS_MIN: usize = 8;

pub(super) fn run(global: &Global, command: ApprovalsCommand) -> Done {
    match command {
        ApprovalsCommand::List { all } => list(global, all),
        ApprovalsCommand::Show { id } => show(global, &id),
        ApprovalsCommand::Allow(args) => answer(global, &args, Decision::Approve),
        ApprovalsCommand::Deny(args) => answer(global, &args, Decision::Deny),
    }
}

fn list(global: &Global, all: bool) -> Done {
    let everybody = TenantId("*".into());
    let found = state::with_store(global, |s| async move {
        if all { s.recent_approvals(&everybody, ROWS_MAX).await } else { s.pending_approvals(&everybody).await }
    })?;
    let now = Clock::system().now();
    let found: Vec<Approval> = found.into_iter().filter(|a| all || now < a.expires_at).collect();
    if global.format == Format::Json {
        output::json(&json!({ "approvals": found }));
    } else if found.is_empty() {
        output::line("No question waits. `casemate approvals list --all` shows the answered ones.");
    } else {
        output::table(
            &["approval", "state", "yes", "asked by", "asked", "lapses", "question"],
            found.iter().map(|a| {
                let yes = a.votes.iter().filter(|v| v.decision == Decision::Approve).count();
                vec![
                    a.id.to_string(),
                    a.state.as_str().into(),
                    format!("{yes} of {}", a.needed),
                    printable(&a.requested_by).into_owned(),
                    a.created_at.to_string(),
                    a.expires_at.to_string(),
                    printable(&a.question).into_owned(),
                ]
            }),
        );
    }
    Ok(Exit::Ok)
}

fn show(global: &Global, id: &str) -> Done {
    let wanted = ApprovalId(id.to_owned());
    let approval = state::with_store(global, |s| async move { s.approval(&wanted).await })?;
    tell(global, &approval);
    Ok(Exit::Ok)
}

fn answer(global: &Global, args: &AnswerArgs, decision: Decision) -> Done {
    let id = ApprovalId(args.id.clone());
    let (person, asked) = {
        let (id, by) = (id.clone(), args.by.clone());
        state::with_store(global, |s| async move { Ok((s.person(&by).await?, s.approval(&id).await?)) })?
    };
    let person = person.filter(|p| p.disabled_at.is_none()).ok_or_else(|| {
        Failure::usage("cannot answer", format!("`{}` is nobody here", args.by))
            .remedy("people are made in the console; `casemate console` makes the first, `admin`")
    })?;
    if person.tenant.as_str() != "*" && person.tenant != asked.tenant {
        return Err(Failure::usage("cannot answer", format!("`{}` is of another tenant", args.by)));
    }
    if let Some(seen) = &args.digest {
        let seen = seen.trim().to_ascii_lowercase();
        if seen.len() < DIGEST_DIGITS_MIN || !asked.command_digest.starts_with(&seen) {
            let why = format!("its command's SHA-256 is {}, not {seen}", asked.command_digest);
            return Err(
                Failure::usage("cannot answer", why).remedy(format!("look again: `casemate approvals show {id}`"))
            );
        }
    }
    // The highest of the question's roles that the person's includes; if there is none, their own, which the store refuses.
    let role = asked.roles.iter().copied().filter(|r| *r <= person.role).max().unwrap_or(person.role);
    let at = Clock::system().now();
    let vote = Vote { by: person.name, role, decision, reason: args.reason.trim().to_owned(), at };
    let digest = asked.command_digest;
    let stands = state::with_store(global, |s| async move { s.vote(&id, vote, &digest).await })?;
    tell(global, &stands);
    if global.format != Format::Json {
        output::line(match (stands.state, stands.call.is_some()) {
            (ApprovalState::Approved, true) => "Allowed: the same call passes once before this lapses.",
            (ApprovalState::Approved, false) => "Approved: the run goes on.",
            (ApprovalState::Denied, true) => "Denied: the call stays stopped.",
            (ApprovalState::Denied, false) => "Denied: the run goes on without this step's command.",
            _ => "Noted. It takes more people.",
        });
    }
    Ok(Exit::Ok)
}

fn tell(global: &Global, a: &Approval) {
    if global.format == Format::Json {
        output::json(a);
        return;
    }
    output::line(format!("{}  {}  {}", a.id, a.state.as_str(), printable(&a.question)));
    let roles: Vec<&str> = a.roles.iter().map(|r| r.as_str()).collect();
    output::line(format!(
        "tenant {}, asked by {} at {}, lapses {}; takes {} of {}",
        printable(a.tenant.as_str()),
        printable(&a.requested_by),
        a.created_at,
        a.expires_at,
        a.needed,
        roles.join(", ")
    ));
    for line in serde_json::to_string_pretty(&a.command).unwrap_or_default().lines() {
        output::line(printable(line));
    }
    output::line(format!("SHA-256 {}", a.command_digest));
    let said = |d: Decision| if d == Decision::Approve { "yes" } else { "no" };
    output::table(
        &["who", "role", "said", "at", "why"],
        a.votes.iter().map(|v| {
            vec![
                printable(&v.by).into_owned(),
                v.role.as_str().into(),
                said(v.decision).into(),
                v.at.to_string(),
                printable(&v.reason).into_owned(),
            ]
        }),
    );
}
