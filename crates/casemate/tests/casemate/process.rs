//! Running the program.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// The program under test.
pub(crate) fn casemate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casemate"));
    command.env_remove("CASEMATE_CONFIG").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs it in `dir` to its end.
pub(crate) fn run(dir: &Path, args: &[&str]) -> Output {
    casemate().current_dir(dir).args(args).output().expect("starts")
}

/// What it wrote to standard output.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What it wrote to standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A program that runs on; killed with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("kills");
        self.0.wait().expect("is gone");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("binds");
    listener.local_addr().expect("has an address").port()
}
