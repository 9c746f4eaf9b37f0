//! Running the program.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

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

/// What it printed as JSON; it must have ended well.
pub(crate) fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(output), stderr(output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// It refused as a fault of the one who called it, and said why.
pub(crate) fn refused(output: &Output, why: &str) {
    assert_eq!(output.status.code(), Some(2), "{}{}", stdout(output), stderr(output));
    assert!(stderr(output).contains(why), "{why} is not in:\n{}", stderr(output));
}

/// A program that runs on; killed with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Waits for its end and takes what it wrote.
    pub(crate) fn finish(mut self) -> Output {
        let (out, err) = (collect(self.0.stdout.take()), collect(self.0.stderr.take()));
        let status = self.0.wait().expect("ends");
        Output { status, stdout: out.finish(), stderr: err.finish() }
    }

    /// Ends it as a power cut would, that time after it said `cue` (an empty one: after its start); what it wrote, if it
    /// came to its end before.
    #[expect(clippy::disallowed_methods, reason = "the program is killed by the clock")]
    pub(crate) fn kill_after(mut self, cue: &str, alive: Duration) -> Option<Output> {
        let (out, err) = (collect(self.0.stdout.take()), collect(self.0.stderr.take()));
        let mut begun = cue.is_empty().then(Instant::now);
        while begun.is_none_or(|b| b.elapsed() < alive) {
            if let Some(status) = self.0.try_wait().expect("is there") {
                return Some(Output { status, stdout: out.finish(), stderr: err.finish() });
            }
            if begun.is_none() && err.has(cue) {
                begun = Some(Instant::now());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        None
    }
}

/// What a program writes, taken as it comes, so that a full pipe never holds it up.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

fn collect(stream: Option<impl Read + Send + 'static>) -> Collected {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&bytes);
    let reader = std::thread::spawn(move || {
        let Some(mut stream) = stream else { return };
        let mut piece = [0; 4096];
        while let Ok(n @ 1..) = stream.read(&mut piece) {
            shared.lock().expect("whole").extend_from_slice(&piece[..n]);
        }
    });
    Collected { bytes, reader }
}

impl Collected {
    fn has(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.bytes.lock().expect("whole")).contains(text)
    }

    fn finish(self) -> Vec<u8> {
        self.reader.join().expect("reads");
        std::mem::take(&mut *self.bytes.lock().expect("whole"))
    }
}

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
