//! How fast the engine is, in CPU time of one thread: `speed FILE…` scans each file whole, then measures start-up, a
//! 1 KB prompt, a stream, and hostile texts of 1 MB. Run it from a release build with nothing else on the core.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use std::{error::Error, fmt::Write as _, time::Duration};

use casemate_detect::{Engine, ScanOptions, StreamRedactor};

/// CPU time of this process so far, from the kernel's accounting in ticks of 10 ms; wall time is noise on a busy machine.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = stat.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanos)
}

fn rate(name: &str, text: &str) {
    let options = ScanOptions::default();
    let rounds = (12_000_000 / text.len().max(1)).clamp(1, 3);
    let found = Engine::builtin().scan(text, &options).len();
    let start = cpu();
    for _ in 0..rounds {
        std::hint::black_box(Engine::builtin().scan(std::hint::black_box(text), &options));
    }
    let spent = (cpu() - start).as_secs_f64();
    let rate = (text.len() * rounds) as f64 / 1e6 / spent;
    println!("{name:32} {rate:8.1} MB/s  {:8} bytes  {found} found", text.len());
}

fn main() -> Result<(), Box<dyn Error>> {
    let start = cpu();
    let engine = Engine::builtin();
    println!("start-up {:?}, {} rules", cpu() - start, engine.rules().len());
    let once = std::env::args().nth(1).is_some_and(|a| a == "--once");
    for path in std::env::args().skip(1 + usize::from(once)) {
        if once {
            // One scan and no more: for instruction counts.
            let text = std::fs::read(&path)?;
            println!("{}", engine.scan(&String::from_utf8_lossy(&text), &ScanOptions::default()).len());
            continue;
        }
        rate(&path, &String::from_utf8_lossy(&std::fs::read(&path)?));
    }
    if once {
        return Ok(());
    }
    prompt();
    let million = 1 << 20;
    let again = |unit: &str| unit.repeat(million / unit.len());
    let mut digits = String::new();
    for i in 0..million / 8 {
        write!(digits, "{} ", 1_000_000 + i * 7_919 % 8_999_999)?;
    }
    let lone = [
        ("all digits", again("7")),
        ("all @", again("@")),
        ("all A", again("A")),
        ("a@ repeated", again("a@")),
        ("numbers of seven digits", digits),
        ("cards with spaces", again("4111 1111 1111 1112 ")),
        ("base 64", again("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9w")),
        ("password repeated", again("password")),
        ("key key", again("key ")),
        ("token= repeated", again("token=")),
        ("secret: \" repeated", again("secret: \"")),
        ("://", again("://")),
        ("-----BEGIN", again("-----BEGIN ")),
        ("eyJ", again("eyJ")),
        ("github gitlab", again("github gitlab ")),
        ("curl -u", again("curl -u ")),
        ("1.1.", again("1.1.")),
        ("00:", again("00:")),
        ("+1 (", again("+1 (")),
        ("ssn 1", again("ssn 1 ")),
    ];
    for (name, text) in &lone {
        rate(name, text);
    }
    Ok(())
}

/// A prompt of 1 KB with an address and a number in it, ten thousand times.
fn prompt() {
    let mut text = String::from("Please write to anna.schmidt@firma.de or call +49 151 20103151 about the contract. ");
    let filler = "The committee met on Tuesday and agreed that the plan was sound, if late, and that nothing should be said of it. ";
    while text.len() < 1024 {
        text.push_str(filler);
    }
    text.truncate(1024);
    let options = ScanOptions::default();
    let mut times: Vec<Duration> = (0..20_000)
        .map(|_| {
            let start = cpu_fine();
            std::hint::black_box(Engine::builtin().scan(std::hint::black_box(&text), &options));
            cpu_fine() - start
        })
        .collect();
    times.sort_unstable();
    println!("prompt of 1 KB: p50 {:?}, p99 {:?} (wall)", times[times.len() / 2], times[times.len() * 99 / 100]);
    let start = cpu();
    for _ in 0..200 {
        let mut redactor = StreamRedactor::new(Engine::builtin(), options.clone());
        for piece in text.as_bytes().chunks(4) {
            std::hint::black_box(redactor.push(&String::from_utf8_lossy(piece)));
        }
        redactor.finish();
    }
    println!("stream of 1 KB in pieces of 4 bytes: {:?} a piece", (cpu() - start) / (200 * 256));
}

/// Wall time, for spans too short for the kernel's accounting.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn cpu_fine() -> Duration {
    use std::{sync::LazyLock, time::Instant};
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}
