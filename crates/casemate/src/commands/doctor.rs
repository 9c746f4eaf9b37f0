//! `casemate doctor`: tests what the configuration names, and says what to do.

use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::json;

use crate::cli::Global;
use crate::config::{self, Config};
use crate::exit::Exit;
use crate::failure::Done;
use crate::output::{self, Format};
use crate::state;
use crate::wiring::Wiring;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// One thing that was tested.
struct Test {
    what: String,
    /// What was found, or why it failed.
    result: Result<String, String>,
    remedy: String,
}

pub(super) fn run(global: &Global) -> Done {
    let config: Config = config::or_default(global.config.as_deref())?;
    let wiring = Wiring::new(&config, global.config.as_deref());
    let mut tests = vec![store(global, &config)];
    tests.extend(listeners(&config));
    match wiring.gateway() {
        Ok(_) => tests.extend(upstreams(&config)),
        Err(problems) => {
            tests.extend(problems.into_iter().map(|p| Test { what: p.place, result: Err(p.why), remedy: p.remedy }))
        }
    }
    for problem in wiring.respond().err().into_iter().chain(wiring.console().err()).flatten() {
        tests.push(Test { what: problem.place, result: Err(problem.why), remedy: problem.remedy });
    }
    let failed = tests.iter().filter(|t| t.result.is_err()).count();
    if global.format == Format::Json {
        let rows: Vec<_> = tests
            .iter()
            .map(|t| match &t.result {
                Ok(found) => json!({"what": t.what, "ok": true, "found": found}),
                Err(why) => json!({"what": t.what, "ok": false, "why": why, "remedy": t.remedy}),
            })
            .collect();
        output::json(&json!({"ok": failed == 0, "tests": rows}));
    } else {
        for t in &tests {
            match &t.result {
                Ok(found) => output::line(format!("ok      {}: {found}", t.what)),
                Err(why) if t.remedy.is_empty() => output::line(format!("FAILED  {}: {why}", t.what)),
                Err(why) => output::line(format!("FAILED  {}: {why}\n        do: {}", t.what, t.remedy)),
            }
        }
        output::line(format!("{} tested, {failed} failed", tests.len()));
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Usage })
}

fn store(global: &Global, config: &Config) -> Test {
    let asked =
        state::with_store(global, |s| async move { Ok((s.list_keys(None).await?.len(), s.verify_audit().await?)) });
    let result = match asked {
        Ok((keys, None)) => Ok(format!("opens, {keys} keys, audit log whole")),
        Ok((_, Some(seq))) => Err(format!("the audit log was changed: entry {seq} does not follow")),
        Err(failure) => Err(failure.why),
    };
    let remedy = "make the folder writable for this user, free space, or set `store.path`".into();
    Test { what: format!("store {}", config.store_path().display()), result, remedy }
}

fn listeners(config: &Config) -> Vec<Test> {
    let console = config.console.listen.clone().unwrap_or_else(|| "127.0.0.1:8082".into());
    [("gateway", config.gateway.listen.clone()), ("respond", config.respond.listen.clone()), ("console", console)]
        .into_iter()
        .map(|(post, listen)| Test {
            what: format!("{post} listener {listen}"),
            result: free(&listen),
            remedy: format!("stop what listens there (a running casemate?), or set `{post}.listen` to another port"),
        })
        .collect()
}

fn free(listen: &str) -> Result<String, String> {
    let address: SocketAddr = listen.parse().map_err(|_| "is not an address and port".to_owned())?;
    TcpListener::bind(address).map(|_| "free".to_owned()).map_err(|e| e.to_string())
}

/// A connection to each upstream; nothing is sent, so that no key is spent and no log is filled.
fn upstreams(config: &Config) -> Vec<Test> {
    let llm = config.gateway.upstreams.iter().map(|u| (format!("upstream {}", u.name), &u.base_url));
    let plain = config.gateway.endpoints.iter().map(|e| (format!("end-point {}", e.name), &e.url));
    let named = config.gateway.advisers.iter();
    let advisers = named.filter_map(|a| Some((format!("adviser {}", a.name), a.endpoint.as_ref()?)));
    llm.chain(plain)
        .chain(advisers)
        .map(|(what, url)| Test {
            what,
            result: reachable(url),
            remedy: "start it, or correct its address in the configuration".into(),
        })
        .collect()
}

fn reachable(url: &str) -> Result<String, String> {
    let (scheme, rest) = url.split_once("://").ok_or("is not a URL")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = if authority.rsplit(']').next().is_some_and(|tail| tail.contains(':')) {
        authority.to_owned()
    } else {
        format!("{authority}:{}", if scheme == "https" { 443 } else { 80 })
    };
    let mut addresses = host.to_socket_addrs().map_err(|e| format!("{host}: {e}"))?;
    let address = addresses.next().ok_or_else(|| format!("{host} has no address"))?;
    TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).map_err(|e| format!("{address}: {e}"))?;
    Ok(format!("answers at {address}"))
}
