//! The servers and programs outside the workspace that some tests need: where they are looked for, and what does not
//! run without them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

/// Something outside the workspace that tests use when it is there.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    probe: Probe,
    /// What does not run without it.
    pub(crate) tests: &'static str,
    /// How to have it.
    pub(crate) install: &'static str,
}

enum Probe {
    /// One of these files is there.
    Files(&'static [&'static str]),
    /// `python3` (or `CASEMATE_PYTHON`) can import these.
    PythonModules(&'static [&'static str]),
    /// This program runs.
    Program(&'static str, &'static str),
}

pub(crate) const SERVERS: &[Server] = &[
    Server {
        name: "chromium",
        probe: Probe::Files(&["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]),
        tests: "console in a real browser",
        install: "apt-get install chromium chromium-driver",
    },
    Server {
        name: "chromedriver",
        probe: Probe::Files(&["/usr/bin/chromedriver", "/usr/local/bin/chromedriver"]),
        tests: "console in a real browser",
        install: "apt-get install chromium-driver",
    },
    Server {
        name: "python SDKs",
        probe: Probe::PythonModules(&["openai", "anthropic"]),
        tests: "unmodified OpenAI and Anthropic clients through the gateway",
        install: "python3 -m pip install openai anthropic (set CASEMATE_PYTHON to use a virtual environment)",
    },
    Server {
        name: "python3",
        probe: Probe::Program("python3", "--version"),
        tests: "differential tests against pickletools and zipfile",
        install: "apt-get install python3",
    },
    Server {
        name: "git",
        probe: Probe::Program("git", "--version"),
        tests: "scan of git history",
        install: "apt-get install git",
    },
];

impl Server {
    pub(crate) fn is_there(&self) -> bool {
        match self.probe {
            Probe::Files(paths) => paths.iter().any(|p| Path::new(p).exists()),
            Probe::Program(program, arg) => succeeds(Command::new(program).arg(arg)),
            Probe::PythonModules(modules) => {
                succeeds(Command::new(python()).arg("-c").arg(format!("import {}", modules.join(", "))))
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "xtask is a program and reads its environment")]
fn python() -> String {
    std::env::var("CASEMATE_PYTHON").unwrap_or_else(|_| "python3".into())
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// True if a missing server is a failure, as it is in CI.
#[expect(clippy::disallowed_methods, reason = "xtask is a program and reads its environment")]
pub(crate) fn required() -> bool {
    std::env::var("CASEMATE_REQUIRE_SERVICES").is_ok_and(|v| v == "1")
}

pub(crate) fn missing() -> Vec<&'static Server> {
    SERVERS.iter().filter(|s| !s.is_there()).collect()
}

pub(crate) fn print_all() -> Result<()> {
    for server in SERVERS {
        let state = if server.is_there() { "there  " } else { "missing" };
        crate::say(&format!("{state}  {:<12} {}; {}", server.name, server.tests, server.install));
    }
    Ok(())
}
