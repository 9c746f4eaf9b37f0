//! From the configuration to running posts: secrets are fetched, settings checked, listeners started.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use casemate_console::{
    Console, ConsoleSettings, Extras, IssuedKey, KeyIssuer, KeyRequest, RunningConsole, TierLimits,
};
use casemate_finding::{Secret, SecretReader, SecretSource, UnixMs};
use casemate_gateway::config::{RELEASE_KEY_PATH, TierConfig};
use casemate_gateway::key::RANDOM_BYTES;
use casemate_gateway::{Gateway, NewKey, ResolvedSecrets, RunningGateway, issue_key};
use casemate_ner::CachedModel;
use casemate_respond::{Respond, RunningRespond};
use casemate_store::Store;
use casemate_store::clock::Clock;

use crate::config::{Config, SecretFiles, place_in, random};
use crate::failure::Failure;
use crate::models;
use crate::playbooks;
use crate::refit::{Daily, Nightly, Refit};

/// Where the key digests' pepper is among the secrets.
const PEPPER: &str = "gateway.pepper";

/// A configuration with its file's folder, against which relative paths in it are read.
pub(crate) struct Wiring<'a> {
    config: &'a Config,
    file: Option<PathBuf>,
    base: PathBuf,
}

impl<'a> Wiring<'a> {
    /// `file` is where the configuration was read from, if it was.
    pub(crate) fn new(config: &'a Config, file: Option<&Path>) -> Self {
        let base = file.and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
        Self { config, file: file.map(Path::to_owned), base }
    }

    /// The gateway's settings.
    pub(crate) fn gateway(&self) -> Result<casemate_gateway::Settings, Vec<Failure>> {
        let written = &self.config.gateway;
        let (mut secrets, mut problems) = (ResolvedSecrets::new(), Vec::new());
        for (place, source) in written.secret_sources() {
            match self.secret(source) {
                Ok(secret) => drop(secrets.insert(place, secret)),
                Err(why) => problems.push(self.problem(&place, why).remedy(where_to_put(source))),
            }
        }
        if !secrets.contains_key(PEPPER) {
            match self.pepper() {
                Ok(pepper) => drop(secrets.insert(PEPPER.into(), pepper)),
                Err(failure) => problems.push(failure),
            }
        }
        match self.release_key() {
            Ok(key) => drop(secrets.insert(RELEASE_KEY_PATH.into(), key)),
            Err(failure) => problems.push(failure),
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        casemate_gateway::compile_in(written, &secrets, &self.base)
            .map_err(|all| all.into_iter().map(|p| self.problem(&p.path, p.why).remedy(p.remedy)).collect())
    }

    /// The pepper under which key digests are made: the configured one, or one made at the first start.
    pub(crate) fn pepper(&self) -> Result<Secret<String>, Failure> {
        if let Some(source) = &self.config.gateway.pepper {
            return self.secret(source).map_err(|why| self.problem(PEPPER, why).remedy(where_to_put(source)));
        }
        let bytes = SecretFiles::under(&self.config.data_dir).bytes32("key-pepper")?;
        Ok(Secret::new(bytes.expose().iter().map(|b| format!("{b:02x}")).collect()))
    }

    /// What releases of a refit are signed with; made at the first asking.
    pub(crate) fn release_key(&self) -> Result<Secret<String>, Failure> {
        let bytes = SecretFiles::under(&self.config.data_dir).bytes32("release-key")?;
        Ok(Secret::new(bytes.expose().iter().map(|b| format!("{b:02x}")).collect()))
    }

    /// The nightly refit, if one is asked for.
    pub(crate) fn refit(&self) -> Result<Option<Refit>, Vec<Failure>> {
        let Some(written) = &self.config.feedback.refit else { return Ok(None) };
        let mut problems = Vec::new();
        let mut wrong = |key: &str, why: String, remedy: &str| {
            problems.push(self.problem(&format!("feedback.refit.{key}"), why).remedy(remedy));
        };
        let daily = Daily::parse(&written.at, &written.zone);
        if let Err((key, why)) = &daily {
            wrong(key, why.clone(), "write `at` as 02:30, `zone` as UTC or +02:00");
        }
        if !(1..=366).contains(&written.days) {
            wrong("days", format!("is {}", written.days), "choose 1 to 366");
        }
        for (key, paths) in [("anchors", &written.anchors), ("data", &written.data)] {
            if paths.is_empty() {
                wrong(key, "names no file".into(), "name JSON lines with labels: {\"text\": …, \"label\": 0 or 1}");
            }
            for path in paths.iter().filter(|p| !self.base.join(p).exists()) {
                wrong(key, format!("{} is not there", path.display()), "name a file or folder that is there");
            }
        }
        let key = self.release_key().map_err(|f| problems.push(f));
        let under = |paths: &[PathBuf]| paths.iter().map(|p| self.base.join(p)).collect();
        match (daily, key) {
            (Ok(daily), Ok(key)) if problems.is_empty() => Ok(Some(Refit {
                daily,
                minimum: written.minimum as usize,
                anchors: under(&written.anchors),
                data: under(&written.data),
                days: written.days,
                key: Secret::new(key.expose().as_bytes().to_vec()),
            })),
            _ => Err(problems),
        }
    }

    /// The response engine's settings.
    pub(crate) fn respond(&self) -> Result<casemate_respond::config::Settings, Vec<Failure>> {
        let reader = SecretReader { env: &environment, file: &read_file, base: &self.base };
        let mut written = self.config.respond.clone();
        written.data_dir = self.config.data_dir.clone();
        written
            .validate(&reader)
            .map_err(|all| all.into_iter().map(|p| self.problem(&format!("respond.{}", p.place), p.why)).collect())
    }

    /// The console's settings.
    pub(crate) fn console(&self) -> Result<ConsoleSettings, Vec<Failure>> {
        self.config.console.settings().map_err(|e| vec![self.problem("console", e.to_string())])
    }

    /// One thing that is wrong with the configuration, with its line where it has one.
    fn problem(&self, path: &str, why: String) -> Failure {
        let place = self.file.as_deref().and_then(|file| place_in(file, path));
        let place = place.map_or_else(|| path.to_owned(), |place| format!("{path} in {place}"));
        Failure::usage("cannot use the configuration", why).at(place)
    }

    fn secret(&self, source: &SecretSource) -> Result<Secret<String>, String> {
        SecretReader { env: &environment, file: &read_file, base: &self.base }.read(source)
    }

    /// What the console needs beside the store.
    pub(crate) fn console_extras(&self) -> Result<Extras, Failure> {
        let pepper = self.pepper()?;
        let tiers = self.config.gateway.tiers.iter().map(|(name, t)| TierLimits {
            name: name.clone(),
            requests_per_min: t.requests_per_min,
            tokens_per_min: t.tokens_per_min,
            concurrent: t.concurrency,
        });
        let mut tiers: Vec<_> = tiers.collect();
        if tiers.is_empty() {
            let t = TierConfig::default();
            tiers.push(TierLimits {
                name: "default".into(),
                requests_per_min: t.requests_per_min,
                tokens_per_min: t.tokens_per_min,
                concurrent: t.concurrency,
            });
        }
        Ok(Extras {
            key_issuer: Some(Arc::new(Issuer { pepper })),
            tiers: tiers.into(),
            playbooks: playbooks::sources(&playbooks::library(self.config.respond.playbooks.as_deref())?).into(),
            names: self.names()?,
            version: env!("CARGO_PKG_VERSION"),
            ..Extras::default()
        })
    }
}

impl Wiring<'_> {
    /// The model of names, if it was pulled.
    fn names(&self) -> Result<Option<Arc<CachedModel>>, Failure> {
        let folder = models::folder_in(self.config);
        if folder.is_dir() { models::load(&folder).map(|model| Some(Arc::new(model))) } else { Ok(None) }
    }
}

/// Makes API keys in the gateway's scheme.
pub(crate) struct Issuer {
    pub(crate) pepper: Secret<String>,
}

impl Issuer {
    /// A new key, not stored.
    pub(crate) fn make(&self, new: NewKey, now: UnixMs) -> Result<IssuedKey, String> {
        let mut bytes = [0_u8; RANDOM_BYTES];
        random(&mut bytes)?;
        let (key, row) = issue_key(&bytes, self.pepper.expose().as_bytes(), new, now);
        Ok(IssuedKey { row, key })
    }
}

impl KeyIssuer for Issuer {
    fn issue(&self, request: &KeyRequest, now: UnixMs) -> Result<IssuedKey, String> {
        let mut new = NewKey::new(request.tenant.clone(), &request.tier, &request.name);
        new.expires_at = request.expires_at;
        self.make(new, now)
    }
}

#[expect(clippy::disallowed_methods, reason = "the binary is the one that reads the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What to do about a secret that is not where the configuration says.
fn where_to_put(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("set {name} in the environment of this program"),
        SecretSource::File(path) => format!("write it to {}, readable by this user alone", path.display()),
    }
}

fn read_file(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

/// The posts that run in this process.
#[derive(Default)]
pub(crate) struct Posts {
    pub(crate) gateway: Option<RunningGateway>,
    pub(crate) respond: Option<RunningRespond>,
    pub(crate) console: Option<RunningConsole>,
    pub(crate) nightly: Option<Nightly>,
}

impl Posts {
    /// Starts the gateway, and beside it what is done each night.
    pub(crate) async fn start_gateway(&mut self, wiring: &Wiring<'_>, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let settings = wiring.gateway().map_err(first)?;
        let refit = wiring.refit().map_err(first)?;
        let control = tokio::runtime::Handle::current();
        let running = Gateway::start(settings, Arc::clone(store), Clock::system(), &control).await;
        self.gateway = Some(running.map_err(|e| cannot_start("gateway", &e))?);
        self.nightly = refit.map(|refit| Nightly::start(refit, Arc::clone(store), Clock::system()));
        Ok(())
    }

    /// Starts the response engine.
    pub(crate) async fn start_respond(&mut self, wiring: &Wiring<'_>, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let settings = wiring.respond().map_err(first)?;
        let library = playbooks::library(settings.playbooks.as_deref())?;
        let running = Respond::start_with(settings, library, Arc::clone(store), Clock::system()).await;
        self.respond = Some(running.map_err(|e| cannot_start("response engine", &e))?);
        Ok(())
    }

    /// Starts the console.
    pub(crate) async fn start_console(&mut self, wiring: &Wiring<'_>, store: &Arc<dyn Store>) -> Result<(), Failure> {
        let settings = wiring.console().map_err(first)?;
        let extras = wiring.console_extras()?;
        let running = Console::start(settings, Arc::clone(store), Clock::system(), extras).await;
        self.console = Some(running.map_err(|e| cannot_start("console", &e))?);
        Ok(())
    }

    /// Each post that runs, and where.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, String)> {
        let gateway = self.gateway.as_ref().map(|g| ("gateway", format!("http://{}/v1", g.addr())));
        let respond = self.respond.as_ref().map(|r| ("respond", format!("http://{}/api/v1/alerts/SOURCE", r.addr)));
        let console = self.console.as_ref().map(|c| ("console", c.url()));
        [gateway, respond, console].into_iter().flatten().collect()
    }

    /// Starts all three. The console comes last, so that what it shows is there.
    pub(crate) async fn start_all(&mut self, wiring: &Wiring<'_>, store: &Arc<dyn Store>) -> Result<(), Failure> {
        self.start_gateway(wiring, store).await?;
        self.start_respond(wiring, store).await?;
        self.start_console(wiring, store).await
    }

    /// Where gateway, response and console listen.
    pub(crate) fn listeners(&self) -> Result<(SocketAddr, SocketAddr, SocketAddr), Failure> {
        match (&self.gateway, &self.respond, &self.console) {
            (Some(g), Some(r), Some(c)) => Ok((g.addr(), r.addr, c.addr)),
            _ => Err(Failure::internal("cannot set the stage", "a post does not run")),
        }
    }

    /// Ends all of them: no new work, what is under way may end.
    pub(crate) async fn stop(self) {
        if let Some(nightly) = self.nightly {
            nightly.stop().await;
        }
        if let Some(gateway) = self.gateway {
            gateway.shutdown().await;
        }
        if let Some(respond) = self.respond {
            respond.shutdown().await;
        }
        if let Some(console) = self.console {
            console.stop().await;
        }
    }
}

fn cannot_start(post: &str, why: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("cannot start the {post}"), why.to_string())
}

/// The first of several problems; `casemate check` shows them all.
fn first(mut all: Vec<Failure>) -> Failure {
    let more = all.len() - 1;
    let failure = all.swap_remove(0);
    if more == 0 { failure } else { failure.remedy(format!("`casemate check` shows this and {more} more")) }
}
