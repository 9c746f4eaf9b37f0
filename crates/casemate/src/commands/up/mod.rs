//! `casemate up`: gateway, response and console in one process; with `--demo`, a model server and a play beside them.

mod demo;
mod demo_config;
mod demo_stage;

use crate::cli::{Global, UpArgs};
use crate::commands::post::{first_admin, say_ready, until_asked_to_stop};
use crate::config::{self, Config};
use crate::exit::Exit;
use crate::failure::Done;
use crate::logs;
use crate::state;
use crate::wiring::{Posts, Wiring};

pub(super) fn run(global: &Global, args: &UpArgs) -> Done {
    if args.demo {
        return demo::run(global, args);
    }
    let config: Config = config::or_default(global.config.as_deref())?;
    logs::start(&config.log)?;
    state::workers()?.block_on(async {
        let store = state::open(&config).await?;
        let wiring = Wiring::new(&config, global.config.as_deref());
        let mut posts = Posts::default();
        posts.start_all(&wiring, &store).await?;
        let password = first_admin(&store).await?;
        say_ready(global.format, &posts, password.as_ref());
        until_asked_to_stop().await?;
        posts.stop().await;
        Ok(Exit::Ok)
    })
}
