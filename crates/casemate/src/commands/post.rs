//! `casemate gateway | respond | console`: one post in this process, meeting the others in the store.

use std::sync::Arc;

use casemate_finding::Secret;
use casemate_store::Store;
use serde_json::json;

use crate::cli::Global;
use crate::config::{self, Config};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::logs;
use crate::output::{self, Format};
use crate::progress::say;
use crate::state;
use crate::wiring::{Posts, Wiring};

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Post {
    Gateway,
    Respond,
    Console,
}

pub(super) fn run(global: &Global, post: Post) -> Done {
    let config: Config = config::or_default(global.config.as_deref())?;
    logs::start(&config.log)?;
    state::workers()?.block_on(async {
        let store = state::open(&config).await?;
        let wiring = Wiring::new(&config, global.config.as_deref());
        let mut posts = Posts::default();
        let mut password = None;
        match post {
            Post::Gateway => posts.start_gateway(&wiring, &store).await?,
            Post::Respond => posts.start_respond(&wiring, &store).await?,
            Post::Console => {
                posts.start_console(&wiring, &store).await?;
                password = first_admin(&store).await?;
            }
        }
        say_ready(global.format, &posts, password.as_ref());
        until_asked_to_stop().await?;
        posts.stop().await;
        Ok(Exit::Ok)
    })
}

/// Makes the first person when there is nobody: their one-time password.
pub(super) async fn first_admin(store: &Arc<dyn Store>) -> Result<Option<Secret<String>>, Failure> {
    let clock = casemate_store::clock::Clock::system();
    let made = casemate_console::bootstrap_admin(&**store, &clock, &casemate_console::Entropy::system()).await;
    made.map_err(|e| Failure::internal("cannot make the first admin", e))
}

/// Says that the posts run, and where: lines for people, or one JSON document when they are ready.
pub(super) fn say_ready(format: Format, posts: &Posts, password: Option<&Secret<String>>) {
    if format == Format::Json {
        let addresses: serde_json::Map<_, _> =
            posts.addresses().into_iter().map(|(post, url)| (post.to_owned(), url.into())).collect();
        let mut ready = json!({ "ready": addresses });
        if let Some(password) = password {
            ready["first_admin"] = json!({"name": "admin", "one_time_password": password.expose()});
        }
        output::json(&ready);
        return;
    }
    for (post, url) in posts.addresses() {
        say(&format!("{post:<8} {url}"));
    }
    if let Some(password) = password {
        say(&format!("log in as admin, one-time password {} (shown this once)", password.expose()));
    }
}

/// Waits for Ctrl-C or a request to end.
pub(super) async fn until_asked_to_stop() -> Result<(), Failure> {
    let cannot = |e: std::io::Error| Failure::internal("cannot wait for signals", e);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        tokio::select! {
            done = tokio::signal::ctrl_c() => done.map_err(cannot)?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map_err(cannot)?;
    say("stopping: open requests may end, runs go on at the next start");
    Ok(())
}
