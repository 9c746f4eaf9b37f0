//! Who is calling, and whether a form is theirs: extractors that every handler behind the log-in takes.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use casemate_store::model::Role;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::people::{Standing, standing_of_cookie, standing_of_token};
use crate::problem::{ApiProblem, PageProblem, Problem};

/// Name of the session cookie: with TLS the `__Host-` prefix keeps sibling hosts from setting it.
pub const fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-casemate_session" } else { "casemate_session" }
}

/// The value of a cookie.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(k, v)| (k == name).then_some(v))
}

/// A `Set-Cookie` value for our own cookies.
pub fn set_cookie(name: &str, value: &str, max_age_s: i64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age_s}{secure}")
}

impl Standing {
    /// Refuses a person whose role does not include `role`.
    ///
    /// # Errors
    /// 403 that names both roles.
    pub fn needs(&self, role: Role) -> Result<(), Problem> {
        if self.may(role) { Ok(()) } else { Err(Problem::forbidden(role.as_str(), self.person.role.as_str())) }
    }
}

async fn by_cookie(app: &App, headers: &HeaderMap) -> Result<Option<Standing>, Problem> {
    let Some(token) = cookie(headers, cookie_name(app.settings.secure_cookies)) else { return Ok(None) };
    Ok(standing_of_cookie(app.store.as_ref(), token, app.now()).await?)
}

async fn by_bearer(app: &App, headers: &HeaderMap) -> Result<Option<Standing>, Problem> {
    let Some(value) = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()) else { return Ok(None) };
    let Some((scheme, token)) = value.split_once(' ') else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    Ok(standing_of_token(app.store.as_ref(), token.trim(), app.now()).await?)
}

/// The person behind a page: the session's cookie. Others are sent to the log-in, and those with a one-time password
/// to the form that changes it.
#[derive(Debug)]
pub struct Visitor(pub Standing);

/// Like [`Visitor`], for the pages that a person with a one-time password may use.
#[derive(Debug)]
pub struct Newcomer(pub Standing);

impl FromRequestParts<App> for Newcomer {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match by_cookie(app, &parts.headers).await {
            Ok(Some(standing)) => Ok(Self(standing)),
            Ok(None) => Err(to_log_in(parts).into_response()),
            Err(problem) => Err(PageProblem(problem).into_response()),
        }
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let Newcomer(standing) = Newcomer::from_request_parts(parts, app).await?;
        if standing.person.must_change_password {
            return Err(Redirect::to("/password").into_response());
        }
        Ok(Self(standing))
    }
}

fn to_log_in(parts: &Parts) -> Redirect {
    match parts.uri.path_and_query() {
        Some(p) if parts.method == Method::GET && p.as_str() != "/" => {
            Redirect::to(&format!("/login?next={}", utf8_percent_encode(p.as_str(), NON_ALPHANUMERIC)))
        }
        _ => Redirect::to("/login"),
    }
}

/// True for a path on this console that a log-in may lead back to: never another host.
pub fn is_own_path(next: &str) -> bool {
    next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.len() <= 512
        && next.bytes().all(|b| b.is_ascii_graphic())
}

/// A form with the token of the session that sends it.
pub trait Checked: DeserializeOwned {
    /// The token in the form.
    fn csrf(&self) -> &str;
}

/// Writes a form struct whose `csrf` field is the session's token.
macro_rules! checked_forms {
    ($($name:ty),+ $(,)?) => {$(
        impl $crate::guard::Checked for $name {
            fn csrf(&self) -> &str {
                &self.csrf
            }
        }
    )+};
}
pub(crate) use checked_forms;

/// A form of a logged-in person, with its token checked before anything else is done with it.
#[derive(Debug)]
pub struct OwnForm<T>(pub Standing, pub T);

impl<T: Checked> FromRequest<App> for OwnForm<T> {
    type Rejection = Response;
    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let newcomer_may = parts.uri.path() == "/password" || parts.uri.path() == "/logout";
        let standing = if newcomer_may {
            Newcomer::from_request_parts(&mut parts, app).await?.0
        } else {
            Visitor::from_request_parts(&mut parts, app).await?.0
        };
        if is_cross_site(&parts.headers) {
            return Err(PageProblem(Problem::csrf()).into_response());
        }
        let form = Form::<T>::from_request(Request::from_parts(parts, body), app).await;
        let Form(form) = form.map_err(|e| {
            let problem = if e.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(e.status(), "too_large", "The form is too large.", "Shorten the text and send it again.")
            } else {
                Problem::invalid("The form is not complete.", "Go back, fill in every field and send it again.")
            };
            PageProblem(problem).into_response()
        })?;
        if !standing.csrf_holds(form.csrf()) {
            return Err(PageProblem(Problem::csrf()).into_response());
        }
        Ok(Self(standing, form))
    }
}

/// What browsers say of where a request comes from (Fetch Metadata); other clients say nothing.
pub fn is_cross_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|v| !matches!(v.as_bytes(), b"same-origin" | b"none"))
}

/// The caller of the JSON API: a bearer token, or a session whose writes carry `X-CSRF-Token`.
#[derive(Debug)]
pub struct ApiCaller(pub Standing);

impl FromRequestParts<App> for ApiCaller {
    type Rejection = ApiProblem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiProblem> {
        let standing = match by_bearer(app, &parts.headers).await? {
            Some(standing) => standing,
            None if parts.headers.contains_key(header::AUTHORIZATION) => return Err(Problem::unauthenticated().into()),
            None => by_cookie(app, &parts.headers).await?.ok_or_else(Problem::unauthenticated)?,
        };
        if standing.csrf.is_some() {
            if standing.person.must_change_password {
                return Err(Problem::new(
                    StatusCode::FORBIDDEN,
                    "password_change_required",
                    "The one-time password has to be changed first.",
                    "Open /password in a browser and choose your own.",
                )
                .into());
            }
            let given = parts.headers.get("x-csrf-token").and_then(|v| v.to_str().ok()).unwrap_or_default();
            if parts.method != Method::GET && (is_cross_site(&parts.headers) || !standing.csrf_holds(given)) {
                return Err(Problem::csrf().into());
            }
        }
        Ok(Self(standing))
    }
}

/// A JSON body, with refusals in the API's shape.
#[derive(Debug)]
pub struct ApiJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for ApiJson<T> {
    type Rejection = ApiProblem;
    async fn from_request(request: Request, app: &App) -> Result<Self, ApiProblem> {
        match Json::<T>::from_request(request, app).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(e) => Err(Problem::new(
                e.status(),
                "bad_body",
                format!("The body cannot be used: {}.", e.body_text()),
                "Send JSON as /api/v1/openapi.json describes it, with `Content-Type: application/json`.",
            )
            .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_in_leads_only_to_own_pages() {
        for (next, ok) in [
            ("/cases/case-1?x=1", true),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example", false),
            ("", false),
            ("/a\r\nSet-Cookie: x", false),
        ] {
            assert_eq!(is_own_path(next), ok, "{next}");
        }
    }

    #[test]
    fn cookies_are_found_by_whole_name() {
        let mut h = HeaderMap::new();
        h.insert(header::COOKIE, "xcasemate_session=bad; casemate_session=good".parse().expect("value"));
        assert_eq!(cookie(&h, "casemate_session"), Some("good"));
        assert_eq!(cookie(&h, "other"), None);
    }
}
