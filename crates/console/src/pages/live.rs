//! `GET /live`: a stream of "something changed" (server-sent events). It carries no data: the page fetches itself again,
//! with the same checks as at first.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::app::App;
use crate::guard::{Visitor, cookie, cookie_name};
use crate::people::standing_of_cookie;

/// Time between two messages at least.
const PAUSE: Duration = Duration::from_millis(1_000);
/// Other processes write as well: look again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The stream; it ends when the log-in does, or the console.
pub async fn stream(State(app): State<App>, headers: HeaderMap, Visitor(_): Visitor) -> Response {
    let Ok(permit) = Arc::clone(&app.streams).try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let name = cookie_name(app.settings.secure_cookies);
    let token = cookie(&headers, name).unwrap_or_default().to_owned();
    let changes = app.store.changes();
    let stopping = app.stopping.clone();
    let state = (app, token, changes, stopping, permit, 0_u64);
    let events = stream::unfold(state, |(app, token, mut changes, mut stopping, permit, n)| async move {
        if n > 0 {
            tokio::select! {
                _ = stopping.changed() => return None,
                _ = async {
                    tokio::time::sleep(PAUSE).await;
                    let _ = tokio::time::timeout(LOOK_AGAIN, changes.changed()).await;
                } => {}
            }
            let standing = standing_of_cookie(app.store.as_ref(), &token, app.now()).await;
            if !matches!(standing, Ok(Some(_))) {
                return None;
            }
        }
        let event = Event::default().event(if n == 0 { "ready" } else { "change" }).data(n.to_string());
        Some((Ok::<_, Infallible>(event), (app, token, changes, stopping, permit, n + 1)))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}
