//! What every page behind the log-in has around its content.

use casemate_finding::UnixMs;
use casemate_store::model::{Role, Verdict};
use serde_json::Value;

use crate::app::App;
use crate::assets;
use crate::people::Standing;
use crate::problem::Problem;
use crate::words::{self, Markup};

/// The places of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `/`
    Overview,
    /// `/cases`
    Cases,
    /// `/approvals`
    Approvals,
    /// `/runs`
    Runs,
    /// `/gateway`
    Gateway,
    /// `/playbooks`
    Playbooks,
    /// `/audit`
    Audit,
    /// `/people`
    People,
    /// `/password`
    Account,
}

/// One entry of the navigation.
#[derive(Clone, Copy, Debug)]
pub struct NavItem {
    /// Which place.
    pub place: Place,
    /// Where it is.
    pub href: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// Path data of its icon in a 24 × 24 box, stroked.
    pub icon: &'static str,
    /// Least role that sees it.
    pub role: Role,
}

const fn item(place: Place, href: &'static str, label: &'static str, icon: &'static str, role: Role) -> NavItem {
    NavItem { place, href, label, icon, role }
}

/// The navigation, in order.
pub static NAV: [NavItem; 8] = [
    item(Place::Overview, "/", "Overview", "M4 13h7V4H4zM13 20h7V11h-7zM4 20h7v-4H4zM13 8h7V4h-7z", Role::Viewer),
    item(Place::Cases, "/cases", "Cases", "M4 7h16v12H4zM9 7V5h6v2M4 12h16", Role::Viewer),
    item(Place::Approvals, "/approvals", "Approvals", "M5 12l4 4L19 6M5 20h14", Role::Viewer),
    item(Place::Runs, "/runs", "Runs", "M5 5h4v4H5zM15 15h4v4h-4zM15 5h4v4h-4zM9 7h6M17 9v6", Role::Viewer),
    item(Place::Gateway, "/gateway", "Gateway", "M4 20V9l8-5 8 5v11M9 20v-6h6v6", Role::Viewer),
    item(Place::Playbooks, "/playbooks", "Playbooks", "M6 4h12v16H6zM9 8h6M9 12h6M9 16h3", Role::Viewer),
    item(Place::Audit, "/audit", "Audit", "M12 3l7 3v6c0 4-3 7-7 9-4-2-7-5-7-9V6zM9 12l2 2 4-4", Role::Viewer),
    item(
        Place::People,
        "/people",
        "People",
        "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3 19c0-3 3-5 6-5s6 2 6 5M16 6a3 3 0 0 1 0 5M17 14c2 0 4 2 4 5",
        Role::Admin,
    ),
];

/// The frame around a page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Title of the page.
    pub title: String,
    /// Which entry of the navigation is lit.
    pub place: Place,
    /// Who looks.
    pub person: String,
    /// In which role.
    pub role: Role,
    /// Tenant, `*` for all.
    pub tenant: String,
    /// What forms carry.
    pub csrf: String,
    /// Approvals that wait.
    pub pending: usize,
    /// When the page was made.
    pub now: UnixMs,
    /// What was just done.
    pub notice: Option<&'static str>,
    /// Version of the program.
    pub version: &'static str,
}

/// What a redirect after a form says, by the code in its `done` parameter; only these fixed texts are shown.
fn notice(code: &str) -> Option<&'static str> {
    Some(match code {
        "approved" => "Approved. The run goes on as soon as enough people have said yes.",
        "denied" => "Denied. The run goes on without this step's command.",
        "allowed" => "Allowed. Once enough people have said so, the same call passes once.",
        "refused" => "Denied. The call stays stopped.",
        "note" => "Note added.",
        "assigned" => "Assignment changed.",
        "state" => "State changed.",
        "closed" => "Case closed. Its verdict trains the next decision.",
        "revoked" => "Key revoked. Gateways refuse it from now on.",
        "contained" => "In force. It ends by itself at the time shown.",
        "lifted" => "Lifted. Traffic flows again.",
        "password" => "Password changed. Your other log-ins have ended.",
        "person" => "Person changed.",
        _ => return None,
    })
}

impl Frame {
    /// The frame for `standing`; `done` is the request's `done` parameter.
    ///
    /// # Errors
    /// What the store says when asked for the number of waiting approvals.
    pub async fn of(
        app: &App,
        standing: &Standing,
        place: Place,
        title: impl Into<String>,
        done: Option<&str>,
    ) -> Result<Self, Problem> {
        let pending = app.store.pending_approvals(&standing.scope().0).await?.len();
        Ok(Self {
            title: title.into(),
            place,
            person: standing.person.name.clone(),
            role: standing.person.role,
            tenant: standing.person.tenant.to_string(),
            csrf: standing.csrf.clone().unwrap_or_default(),
            pending,
            now: app.now(),
            notice: done.and_then(notice),
            version: app.extras.version,
        })
    }

    /// Entries that this person sees.
    pub fn nav(&self) -> impl Iterator<Item = &'static NavItem> {
        let role = self.role;
        NAV.iter().filter(move |i| role >= i.role)
    }

    /// A time, relative with the absolute one in its title.
    pub fn when(&self, at: &UnixMs) -> Markup {
        words::when(*at, self.now)
    }

    /// Where an asset is served.
    pub fn asset(&self, name: &str) -> &'static str {
        assets::url(name)
    }

    /// True if this person's role includes analyst.
    pub fn analyst(&self) -> bool {
        self.role >= Role::Analyst
    }

    /// True if this person's role includes engineer.
    pub fn engineer(&self) -> bool {
        self.role >= Role::Engineer
    }

    /// A count with its thousands set apart.
    pub fn count(&self, n: impl std::borrow::Borrow<u64>) -> String {
        words::count(*n.borrow())
    }

    /// A limit, or that there is none.
    pub fn maybe_count<N: Copy + Into<u64>>(&self, n: &Option<N>) -> String {
        n.map_or_else(|| "no limit".to_owned(), |n| words::count(n.into()))
    }

    /// A number of bytes.
    pub fn size(&self, bytes: &u64) -> String {
        words::size(*bytes)
    }

    /// A wire name with a capital: `handed_off` gives `Handed off`.
    pub fn title_case(&self, name: &str) -> String {
        let plain = words::plain(name);
        let mut chars = plain.chars();
        chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
    }

    /// People's verdict on a case, in words.
    pub fn verdict(&self, v: &Verdict) -> &'static str {
        match v {
            Verdict::TruePositive => "true positive",
            Verdict::FalsePositive => "false positive",
            Verdict::Benign => "benign",
        }
    }

    /// A timeline kind as a class, for the kinds that the stylesheet knows.
    pub fn kind_class(&self, kind: &str) -> &'static str {
        const KNOWN: [&str; 9] =
            ["alert", "decision", "run", "step", "action", "approval", "note", "evidence", "handoff"];
        KNOWN.into_iter().find(|k| *k == kind).unwrap_or("other")
    }

    /// True if a timeline entry has details to unfold.
    pub fn has_data(&self, data: &Value) -> bool {
        match data {
            Value::Null => false,
            Value::Object(map) => !map.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        }
    }
}
