//! Progress on standard error: moving when a terminal watches, plain lines when not.

use std::time::Duration;

use casemate_demo::{Progress, SceneReport};
use casemate_report::printable;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// Shows how the demonstration's play goes on.
pub(crate) struct PlayProgress {
    bar: ProgressBar,
    interactive: bool,
}

impl PlayProgress {
    pub(crate) fn new() -> Self {
        let interactive = output::is_interactive();
        let bar = if interactive { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        if interactive {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar, interactive }
    }

    fn say(&self, line: &str) {
        if self.interactive {
            self.bar.println(line);
        } else {
            say(line);
        }
    }
}

impl Progress for PlayProgress {
    fn scene(&self, number: usize, of: usize, title: &str) {
        self.bar.set_prefix(format!("[{number}/{of}]"));
        self.bar.set_message(title.to_owned());
        self.say(&format!("[{number}/{of}] {title}"));
    }

    fn step(&self, text: &str) {
        self.bar.set_message(text.to_owned());
        if !self.interactive {
            say(&format!("      {text}"));
        }
    }

    fn done(&self, report: &SceneReport) {
        let mark = if report.ok { "ok    " } else { "DIFFERS" };
        self.say(&format!("      {mark} {}", printable(&report.observed)));
    }
}

impl Drop for PlayProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar over a known amount of work, with an estimate of the time left; hidden when nobody watches.
pub(crate) fn bar(total: u64, what: &str) -> ProgressBar {
    let bar = if output::is_interactive() { ProgressBar::new(total) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} ETA {eta}")
    {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}

/// One line to the person at the terminal, beside the output.
#[expect(clippy::print_stderr, reason = "progress goes to standard error")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// A bar over a known number of things; hidden when nobody watches.
pub(crate) fn counter(what: &str) -> ProgressBar {
    let bar = if output::is_interactive() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{wide_msg} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}
