//! `casemate token create|revoke`: bearer tokens of people for the console's JSON API.

use std::io::Read;
use std::sync::Arc;

use casemate_console::{AccessError, Entropy, issue_api_token, revoke_api_token};
use casemate_store::Store;
use casemate_store::clock::Clock;
use serde_json::json;

use crate::cli::{Global, TokenCommand};
use crate::config::{self, Config};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};
use crate::state;

const DAY_MS: i64 = 86_400_000;
/// A longer input is no token.
const INPUT_BYTES_MAX: u64 = 4096;

pub(super) fn run(global: &Global, command: &TokenCommand) -> Done {
    let config: Config = config::or_default(global.config.as_deref())?;
    state::runtime()?.block_on(async {
        let store = state::open(&config).await?;
        match command {
            TokenCommand::Create { person, days } => create(global, &store, person, *days).await,
            TokenCommand::Revoke => revoke(global, &store).await,
        }
    })
}

async fn create(global: &Global, store: &Arc<dyn Store>, person: &str, days: u16) -> Done {
    let made = issue_api_token(&**store, &Clock::system(), &Entropy::system(), person, i64::from(days) * DAY_MS).await;
    let token = made.map_err(|e| match e {
        AccessError::NoPerson { .. } => Failure::usage("cannot make the token", e.to_string())
            .remedy("people are made in the console; `casemate console` makes the first, `admin`"),
        other => Failure::internal("cannot make the token", other),
    })?;
    if global.format == Format::Json {
        output::json(&json!({"token": token.expose(), "person": person, "days": days}));
    } else {
        output::line(token.expose());
        output::line(format!(
            "Speaks for {person} for {days} days, as `Authorization: Bearer …`. It is shown this once."
        ));
    }
    Ok(Exit::Ok)
}

async fn revoke(global: &Global, store: &Arc<dyn Store>) -> Done {
    let mut token = String::new();
    std::io::stdin()
        .lock()
        .take(INPUT_BYTES_MAX)
        .read_to_string(&mut token)
        .map_err(|e| Failure::usage("cannot read the token", e.to_string()))?;
    let ended = revoke_api_token(&**store, &Clock::system(), &token).await;
    let ended = ended.map_err(|e| Failure::internal("cannot end the token", e))?;
    if global.format == Format::Json {
        output::json(&json!({ "revoked": ended }));
    } else if ended {
        output::line("The token is ended.");
    } else {
        return Err(Failure::usage("cannot end the token", "there is no such token, or it had ended")
            .remedy("give the token itself on standard input, as it was shown"));
    }
    Ok(Exit::Ok)
}
