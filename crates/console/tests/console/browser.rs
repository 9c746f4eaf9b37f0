//! The console in a real Chromium, driven over WebDriver (W3C) by hand: at a desk's and a phone's width a person logs in,
//! changes the one-time password, opens a case, presses Approve and sees the state change, with nothing in the browser's
//! console and no violation of the content security policy.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use casemate_store::clock::Clock;
use casemate_store::model::{ApprovalState, CaseState};
use casemate_store::traits::{Approvals as _, Cases as _};
use serde_json::{Value, json};

use crate::door::{Client, Door, settings};

const CHROMIUM: &str = "/usr/bin/chromium";
const DRIVER: &str = "/usr/bin/chromedriver";

#[expect(clippy::disallowed_methods, reason = "the test runner's own switch")]
fn required() -> bool {
    std::env::var("CASEMATE_REQUIRE_SERVICES").is_ok_and(|v| v == "1")
}

struct Driver {
    child: Child,
    http: Client,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Driver {
    #[expect(clippy::print_stderr, reason = "the summary of `cargo xtask test` is made from this line")]
    fn start() -> Option<Self> {
        if !Path::new(CHROMIUM).exists() || !Path::new(DRIVER).exists() {
            assert!(!required(), "Chromium and chromedriver are required and not installed");
            eprintln!("NOT RUN: console in Chromium ({CHROMIUM} or {DRIVER} is not installed)");
            return None;
        }
        let mut command = Command::new(DRIVER);
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("chromedriver starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            line.strip_prefix("ChromeDriver was started successfully on port ")?
                .trim_end_matches('.')
                .parse::<u16>()
                .ok()
        });
        let addr = SocketAddr::from(([127, 0, 0, 1], port.expect("chromedriver says its port")));
        Some(Self { child, http: Client { addr, cookies: Default::default(), bearer: None } })
    }

    async fn call(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let text = if method == "POST" { body.to_string() } else { String::new() };
        let answer = self.http.send(method, path, &[("content-type", "application/json")], &text).await;
        let value = answer.json()["value"].clone();
        assert_eq!(answer.status, 200, "{method} {path}: {value}");
        value
    }
}

/// A browser of its own, with a fresh profile.
struct Browser<'d> {
    driver: &'d mut Driver,
    session: String,
    base: String,
    shots: PathBuf,
    name: String,
    _profile: tempfile::TempDir,
}

impl<'d> Browser<'d> {
    async fn open(driver: &'d mut Driver, base: &str, width: u32, dark: bool) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let height = if width < 800 { 844 } else { 900 };
        let mut options = json!({
            "binary": CHROMIUM,
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                format!("--user-data-dir={}", profile.path().display()), format!("--window-size={width},{height}"),
            ],
        });
        if width < 800 {
            options["mobileEmulation"] =
                json!({"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1.0}});
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let made = driver.call("POST", "/session", &wanted).await;
        let session = format!("/session/{}", made["sessionId"].as_str().expect("a session"));
        let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&shots).expect("a folder");
        let name = format!("{width}-{}", if dark { "dark" } else { "light" });
        let mut out = Self { driver, session, base: base.to_owned(), shots, name, _profile: profile };
        let scheme = if dark { "dark" } else { "light" };
        let feature = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        out.post("/goog/cdp/execute", json!({"cmd": "Emulation.setEmulatedMedia", "params": feature})).await;
        out
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        let path = format!("{}{path}", self.session);
        self.driver.call("POST", &path, &body).await
    }

    async fn go(&mut self, path: &str) {
        let url = format!("{}{path}", self.base);
        self.post("/url", json!({"url": url})).await;
    }

    async fn script(&mut self, code: &str) -> Value {
        self.post("/execute/sync", json!({"script": code, "args": []})).await
    }

    async fn element(&mut self, css: &str) -> String {
        let found = self.post("/element", json!({"using": "css selector", "value": css})).await;
        let id = found.as_object().and_then(|o| o.values().next()).and_then(Value::as_str);
        format!("/element/{}", id.unwrap_or_else(|| panic!("no {css}")))
    }

    async fn fill(&mut self, css: &str, text: &str) {
        let element = self.element(css).await;
        self.post(&format!("{element}/value"), json!({"text": text})).await;
    }

    /// Presses a button as a person does; WebDriver waits for the page that it leads to.
    async fn press(&mut self, css: &str) {
        let element = self.element(css).await;
        self.post(&format!("{element}/click"), json!({})).await;
    }

    /// Waits until an expression holds, for at most ten seconds.
    async fn wait_for(&mut self, expression: &str) {
        for _ in 0..100 {
            if self.script(&format!("return Boolean({expression})")).await == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.shoot("failed").await;
        let said = self.complaints().await;
        let text = self.script("return location.href + ' ' + document.body.innerText").await;
        panic!("{expression} did not come true in ten seconds; console: {said:?}; the page says: {text}");
    }

    async fn shoot(&mut self, name: &str) {
        let path = format!("{}/screenshot", self.session);
        let png = self.driver.call("GET", &path, &Value::Null).await;
        let bytes = base64::engine::general_purpose::STANDARD.decode(png.as_str().unwrap_or_default()).expect("base64");
        std::fs::write(self.shots.join(format!("{}-{name}.png", self.name)), bytes).expect("written");
    }

    /// What the browser complained of: errors, and violations of the policy (which it logs as errors).
    async fn complaints(&mut self) -> Vec<String> {
        let log = self.post("/se/log", json!({"type": "browser"})).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        let bad = entries.iter().filter(|e| e["level"] == "SEVERE" || e["level"] == "WARNING");
        bad.map(|e| e["message"].to_string()).collect()
    }

    async fn close(self) {
        self.driver.call("DELETE", &self.session, &Value::Null).await;
    }
}

const PAGES: [(&str, &str); 14] = [
    ("overview", "/"),
    ("cases", "/cases"),
    ("case", "/cases/case-1"),
    ("hostile", "/cases/case-6"),
    ("approvals", "/approvals"),
    ("approval", "/approvals/appr-call"),
    ("runs", "/runs"),
    ("run", "/runs/run-3"),
    ("gateway", "/gateway"),
    ("playbooks", "/playbooks"),
    ("playbook", "/playbooks/poisoned-dataset"),
    ("audit", "/audit?verify=1"),
    ("people", "/people"),
    ("password", "/password"),
];

/// The contrast of text against what is behind it, by WCAG 2.2; gives what is below 4.5 (3 for large text).
const CONTRAST: &str = r#"
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const rgb = (c) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
const lum = ([r, g, b]) => { const f = (v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
const behind = (el) => { const layers = []; for (let e = el; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3]) layers.push(c); if (c[3] === 255) break; }
  return layers.reverse().reduce((under, c) => under.map((u, i) => u * (1 - c[3] / 255) + c[i] * c[3] / 255), [255, 255, 255]); };
const poor = [];
for (const el of document.querySelectorAll("body *")) {
  if (el.closest("svg") || !el.checkVisibility()) continue;
  if (![...el.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
  const style = getComputedStyle(el), size = parseFloat(style.fontSize);
  if (size < 1 || style.clipPath !== "none") continue;
  const [a, b] = [lum(rgb(style.color)), lum(behind(el))];
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  if (ratio < (large ? 3 : 4.5)) poor.push(`${ratio.toFixed(2)} ${el.tagName}.${el.className}: ${el.textContent.trim().slice(0, 30)}`);
}
return poor;
"#;

#[tokio::test]
async fn a_person_changes_the_password_opens_a_case_and_approves() {
    let Some(mut driver) = Driver::start() else { return };
    for width in [1280, 390] {
        let door = Door::with(settings(), Clock::system()).await;
        let base = format!("http://{}", door.console.addr);
        let mut b = Browser::open(&mut driver, &base, width, false).await;
        b.go("/cases/case-4").await;
        b.wait_for("location.pathname === '/login'").await;
        b.shoot("log-in").await;
        b.fill("[name=name]", "fresh").await;
        b.fill("[name=password]", &door.password).await;
        b.press("button.primary").await;
        b.wait_for("location.pathname === '/password'").await;
        let new = "a sentence that only fresh's test knows";
        let new = new.replace("fresh", "this");
        for (field, text) in [("old", door.password.as_str()), ("new", &new), ("again", &new)] {
            b.fill(&format!("[name={field}]"), text).await;
        }
        b.press("button.primary").await;
        b.wait_for("location.pathname === '/' && document.querySelector('.notice')").await;
        b.go("/cases").await;
        b.press("a[href='/cases/case-4']").await;
        b.wait_for("document.querySelector('#approvals button[value=approve]')").await;
        b.shoot("case-waiting").await;
        b.fill("#approvals [name=reason]", "seen and understood").await;
        b.press("#approvals button[value=approve]").await;
        b.wait_for("location.search === '?done=approved'").await;
        b.wait_for("!document.querySelector('#approvals button[value=approve]')").await;
        b.wait_for("document.querySelector('#answered .state-approved')").await;
        b.shoot("case-approved").await;
        let asked = door.store.approval(&"appr-4".into()).await.expect("asked");
        assert_eq!((asked.state, asked.votes[0].by.as_str()), (ApprovalState::Approved, "fresh"));
        // Live: a change by somebody else is seen without a reload.
        b.script("window.notReloaded = true").await;
        b.wait_for("document.getElementById('live-state').textContent === 'live'").await;
        let entry = casemate_store::model::TimelineEntry {
            seq: 0,
            at: door.clock.now(),
            actor: "run run-4".into(),
            kind: "state".into(),
            text: "the run went on".into(),
            data: json!({}),
        };
        let id = "case-4".into();
        door.store.set_case_state(&id, CaseState::HandedOff, &entry).await.expect("moved");
        b.wait_for("document.querySelector('#head .state-handed_off')").await;
        b.wait_for("document.getElementById('timeline').innerText.includes('the run went on')").await;
        assert_eq!(b.script("return window.notReloaded").await, true);
        assert_eq!(b.complaints().await, Vec::<String>::new(), "at {width}");
        b.close().await;
    }
}

#[tokio::test]
async fn every_page_fits_reads_and_keeps_the_policy_at_every_width_dark_and_light() {
    let Some(mut driver) = Driver::start() else { return };
    let door = Door::with(settings(), Clock::system()).await;
    let base = format!("http://{}", door.console.addr);
    for (width, dark) in [(1280, false), (1280, true), (390, true), (360, false)] {
        let mut b = Browser::open(&mut driver, &base, width, dark).await;
        b.go("/login").await;
        b.fill("[name=name]", "admin").await;
        b.fill("[name=password]", &door.password).await;
        b.press("button.primary").await;
        b.wait_for("location.pathname === '/'").await;
        for (name, path) in PAGES {
            b.go(path).await;
            b.shoot(name).await;
            let wide = "const room = document.documentElement.clientWidth; \
                return [...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll, .side nav, .tabs, .stack thead, pre') \
                && e.getBoundingClientRect().right > room + 1).map((e) => e.outerHTML.slice(0, 120))";
            assert_eq!(b.script(wide).await, json!([]), "{path} is wider than {width}");
            let sideways = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
            assert_eq!(b.script(sideways).await, false, "{path} scrolls sideways at {width}");
            let poor = b.script(CONTRAST).await;
            assert_eq!(poor, json!([]), "contrast on {path}, dark: {dark}");
            let unnamed = "return [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a')]\
                .filter((e) => !(e.labels?.length || e.innerText?.trim() || e.getAttribute('aria-label') || \
                e.querySelector('title'))).map((e) => e.outerHTML)";
            assert_eq!(b.script(unnamed).await, json!([]), "controls without a name on {path}");
        }
        assert_eq!(b.complaints().await, Vec::<String>::new(), "at {width}, dark: {dark}");
        b.close().await;
    }
}
