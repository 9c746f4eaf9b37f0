//! Log-in, log-out, and the change of a password.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use casemate_finding::Secret;
use casemate_store::model::{AuditEntry, Person, TenantId};
use hmac::{Hmac, Mac as _};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;

use super::{Page, page};
use crate::app::App;
use crate::assets;
use crate::frame::{Frame, Place};
use crate::guard::{Newcomer, OwnForm, checked_forms, cookie, cookie_name, is_cross_site, is_own_path, set_cookie};
use crate::limits::NAME_CHARS_MAX;
use crate::people::{Passwords, open_session};
use crate::problem::{PageProblem, Problem};
use crate::server::Peer;
use crate::words;

/// Cookie that ties the log-in form to the browser that fetched it.
const FORM_COOKIE: &str = "casemate_form";

/// Where to go after the log-in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Next {
    next: String,
}

#[derive(Template)]
#[template(path = "log_in.html")]
struct LogInPage<'a> {
    css: &'a str,
    csrf: String,
    next: &'a str,
    name: &'a str,
    error: Option<String>,
}

fn form_token(app: &App, cookie: &str) -> String {
    // A key of 32 bytes is good for HMAC-SHA-256; `new_from_slice` refuses no length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&app.form_key) else { return String::new() };
    mac.update(cookie.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn form(app: &App, next: &str, name: &str, error: Option<(StatusCode, String)>) -> Result<Response, PageProblem> {
    let value = app.extras.entropy.token()?;
    let status = error.as_ref().map_or(StatusCode::OK, |e| e.0);
    let html = LogInPage {
        css: assets::url("console.css"),
        csrf: form_token(app, &value),
        next: if is_own_path(next) { next } else { "/" },
        name,
        error: error.map(|e| e.1),
    }
    .render()?;
    let cookie = set_cookie(FORM_COOKIE, &value, 3_600, app.settings.secure_cookies);
    Ok((status, AppendHeaders([(header::SET_COOKIE, cookie)]), Html(html)).into_response())
}

/// `GET /login`
pub async fn show(State(app): State<App>, Query(next): Query<Next>) -> Page {
    form(&app, &next.next, "", None)
}

/// The log-in form.
#[derive(Deserialize)]
pub struct LogIn {
    csrf: String,
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// `POST /login`: the same answer, after the same work, for a wrong name and for a wrong password.
pub async fn submit(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    Form(sent): Form<LogIn>,
) -> Page {
    let LogIn { csrf, name, password, next } = sent;
    let name = name.trim();
    let bound = cookie(&headers, FORM_COOKIE).map(|c| form_token(&app, c));
    let ours = bound.is_some_and(|want| subtle::ConstantTimeEq::ct_eq(want.as_bytes(), csrf.as_bytes()).into());
    if !ours || is_cross_site(&headers) {
        let text = "The form was too old. Please try again.".to_owned();
        return form(&app, &next, "", Some((StatusCode::FORBIDDEN, text)));
    }
    let now = app.now();
    let wait = app.throttle.wait_ms(name, peer.ip(), now);
    if wait > 0 {
        let text = format!("Too many tries. Wait {} and try again.", words::duration_ms(wait.max(1_000)));
        let mut answer = form(&app, &next, "", Some((StatusCode::TOO_MANY_REQUESTS, text)))?;
        answer.headers_mut().insert(header::RETRY_AFTER, ((wait + 999) / 1_000).into());
        return Ok(answer);
    }
    let person = if name.chars().count() <= NAME_CHARS_MAX { app.store.person(name).await? } else { None };
    let person = person.filter(|p| p.disabled_at.is_none());
    let stored = person.as_ref().map(|p| p.password_hash.as_str());
    let right = app.passwords.verify(stored, Secret::new(password)).await;
    let Some(person) = person.filter(|_| right) else {
        app.throttle.failed(name, peer.ip(), now);
        tracing::warn!(address = %peer.ip(), "console: failed log-in");
        let text = "Name or password is wrong.".to_owned();
        return form(&app, &next, "", Some((StatusCode::UNAUTHORIZED, text)));
    };
    app.throttle.succeeded(name);
    let cookie = start_session(&app, &person).await?;
    log(&app, &person, "session.start", json!({"address": peer.ip().to_string()})).await?;
    let to = if person.must_change_password {
        "/password"
    } else if is_own_path(&next) {
        &next
    } else {
        "/"
    };
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Redirect::to(to)).into_response())
}

async fn start_session(app: &App, person: &Person) -> Result<String, Problem> {
    let lasts = app.settings.session_ms;
    let (token, session) = open_session(person, app.now(), lasts, &app.extras.entropy)?;
    app.store.insert_session(&session).await?;
    let secure = app.settings.secure_cookies;
    Ok(set_cookie(cookie_name(secure), &token, lasts / 1_000, secure))
}

async fn log(app: &App, person: &Person, action: &str, data: serde_json::Value) -> Result<(), Problem> {
    let entry = AuditEntry {
        seq: 0,
        at: app.now(),
        tenant: TenantId(person.tenant.to_string()),
        actor: person.name.clone(),
        action: action.into(),
        subject: person.name.clone(),
        data,
        hash: String::new(),
    };
    app.store.audit(&entry).await?;
    Ok(())
}

/// A form with nothing but its token.
#[derive(Deserialize)]
pub struct Bare {
    csrf: String,
}

/// `POST /logout`
pub async fn log_out(State(app): State<App>, OwnForm(standing, _): OwnForm<Bare>) -> Page {
    app.store.delete_session(&standing.token_digest).await?;
    log(&app, &standing.person, "session.end", json!({})).await?;
    let secure = app.settings.secure_cookies;
    let gone = set_cookie(cookie_name(secure), "", 0, secure);
    Ok((AppendHeaders([(header::SET_COOKIE, gone)]), Redirect::to("/login")).into_response())
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    f: Frame,
    forced: bool,
    error: Option<String>,
}

/// `GET /password`
pub async fn show_password(State(app): State<App>, Newcomer(standing): Newcomer) -> Page {
    let f = Frame::of(&app, &standing, Place::Account, "Your password", None).await?;
    page(&PasswordPage { f, forced: standing.person.must_change_password, error: None })
}

/// The form that changes a password.
#[derive(Deserialize)]
pub struct ChangePassword {
    csrf: String,
    old: String,
    new: String,
    again: String,
}

/// `POST /password`: ends all other sessions of this person, and starts a new one.
pub async fn change_password(
    State(app): State<App>,
    Extension(Peer(peer)): Extension<Peer>,
    OwnForm(standing, sent): OwnForm<ChangePassword>,
) -> Page {
    let ChangePassword { csrf: _, old, new, again } = sent;
    let name = standing.person.name.clone();
    let wait = app.throttle.wait_ms(&name, peer.ip(), app.now());
    let error = if wait > 0 {
        Some(format!("Too many tries. Wait {} and try again.", words::duration_ms(wait.max(1_000))))
    } else if !app.passwords.verify(Some(&standing.person.password_hash), Secret::new(old.clone())).await {
        app.throttle.failed(&name, peer.ip(), app.now());
        Some("The present password is wrong.".to_owned())
    } else if new != again {
        Some("The two new passwords differ.".to_owned())
    } else {
        Passwords::check_new(&name, &old, &new).err().map(|e| format!("The new password is refused: {e}."))
    };
    if let Some(error) = error {
        let f = Frame::of(&app, &standing, Place::Account, "Your password", None).await?;
        let forced = standing.person.must_change_password;
        let html = PasswordPage { f, forced, error: Some(error) }.render()?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(html)).into_response());
    }
    let password_hash = app.passwords.hash(Secret::new(new), &app.extras.entropy).await?;
    let person = Person { password_hash, must_change_password: false, ..standing.person.clone() };
    app.store.put_person(&person).await?;
    app.store.delete_session(&standing.token_digest).await?;
    let cookie = start_session(&app, &person).await?;
    log(&app, &person, "person.password", json!({})).await?;
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Redirect::to("/?done=password")).into_response())
}

checked_forms!(Bare, ChangePassword);
