//! `/people`: who may come in. For admins.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse};
use casemate_finding::Secret;
use casemate_store::model::{Person, Role, TenantId};
use serde::Deserialize;
use serde_json::json;

use super::case::text_of;
use super::{Done, Page, page, see};
use crate::app::App;
use crate::frame::{Frame, Place};
use crate::guard::{OwnForm, Visitor, checked_forms};
use crate::limits::NAME_CHARS_MAX;
use crate::people::{Standing, one_time_password};
use crate::problem::Problem;

/// A one-time password that was just made, shown on the answer to the form and never again.
struct Fresh {
    name: String,
    password: Secret<String>,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    f: Frame,
    people: Vec<Person>,
    fresh: Option<Fresh>,
    all_tenants: bool,
}

async fn read(app: &App, by: &Standing, fresh: Option<Fresh>, done: Option<&str>) -> Result<PeoplePage, Problem> {
    by.needs(Role::Admin)?;
    let mut people = app.store.list_people().await?;
    people.retain(|p| by.scope().sees(&p.tenant));
    let f = Frame::of(app, by, Place::People, "People", done).await?;
    Ok(PeoplePage { f, people, fresh, all_tenants: by.scope().is_all() })
}

/// `GET /people`
pub async fn show(State(app): State<App>, Query(done): Query<Done>, Visitor(by): Visitor) -> Page {
    page(&read(&app, &by, None, done.done.as_deref()).await?)
}

/// A new person.
#[derive(Deserialize)]
pub struct NewPerson {
    csrf: String,
    name: String,
    role: String,
    #[serde(default)]
    tenant: String,
}

/// `POST /people`: with a one-time password that is on this answer, and nowhere else.
pub async fn create(State(app): State<App>, OwnForm(by, sent): OwnForm<NewPerson>) -> Page {
    by.needs(Role::Admin)?;
    let name = text_of(&sent.name, "name", NAME_CHARS_MAX)?.to_owned();
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b)) {
        let remedy = "Use letters, digits, and the signs . _ - @";
        return Err(Problem::invalid("The name has other signs than a log-in name may have.", remedy).into());
    }
    let role = role_of(&sent.role)?;
    let tenant = match (by.scope().one(), sent.tenant.trim()) {
        (Some(own), _) => own.clone(),
        (None, "") => TenantId("*".into()),
        (None, t) => TenantId(text_of(t, "tenant", NAME_CHARS_MAX)?.to_owned()),
    };
    if app.store.person(&name).await?.is_some() {
        return Err(Problem::invalid("There is somebody of that name.", "Choose another name.").into());
    }
    let password = one_time_password(&app.extras.entropy)?;
    let person = Person {
        name: name.clone(),
        password_hash: app.passwords.hash(password.clone(), &app.extras.entropy).await?,
        role,
        tenant,
        must_change_password: true,
        created_at: app.now(),
        disabled_at: None,
    };
    app.store.put_person(&person).await?;
    let data = json!({"role": role, "tenant": person.tenant});
    app.audit(&by, &person.tenant, "person.create", &name, data).await?;
    Ok(Html(read(&app, &by, Some(Fresh { name, password }), None).await?.render()?).into_response())
}

fn role_of(name: &str) -> Result<Role, Problem> {
    Role::parse(name).ok_or_else(|| Problem::invalid("There is no such role.", "Choose one of the list."))
}

/// What to change about a person.
#[derive(Deserialize)]
pub struct ChangePerson {
    csrf: String,
    change: String,
    #[serde(default)]
    role: String,
}

/// `POST /people/{name}`: another role, out, back in, or a fresh one-time password. Nobody changes themselves here, so
/// that the last admin cannot shut themselves out.
pub async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    OwnForm(by, sent): OwnForm<ChangePerson>,
) -> Page {
    by.needs(Role::Admin)?;
    let person = app.store.person(&name).await?.filter(|p| by.scope().sees(&p.tenant));
    let mut person = person.ok_or_else(|| Problem::not_found("person"))?;
    if person.name == by.person.name {
        return Err(Problem::invalid("Nobody changes themselves here.", "Ask another admin.").into());
    }
    let (action, fresh) = match sent.change.as_str() {
        "role" => {
            person.role = role_of(&sent.role)?;
            ("person.role", None)
        }
        "disable" => {
            person.disabled_at = Some(app.now());
            ("person.disable", None)
        }
        "enable" => {
            person.disabled_at = None;
            ("person.enable", None)
        }
        "reset" => {
            let password = one_time_password(&app.extras.entropy)?;
            person.password_hash = app.passwords.hash(password.clone(), &app.extras.entropy).await?;
            person.must_change_password = true;
            ("person.reset", Some(Fresh { name: name.clone(), password }))
        }
        _ => return Err(Problem::invalid("There is no such change.", "Use one of the buttons.").into()),
    };
    app.store.put_person(&person).await?;
    app.audit(&by, &person.tenant, action, &name, json!({"role": person.role})).await?;
    match fresh {
        None => see("/people?done=person"),
        Some(fresh) => Ok(Html(read(&app, &by, Some(fresh), None).await?.render()?).into_response()),
    }
}

checked_forms!(NewPerson, ChangePerson);
