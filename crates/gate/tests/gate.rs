//! Whole runs: verdicts, exit codes, and that everything that goes wrong holds the pipeline.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "../../dataset/tests/support/parquet_writer.rs"]
#[expect(dead_code, reason = "these tests need no dictionaries and no levels")]
mod parquet_writer;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use casemate_detect::Key;
use casemate_finding::{Entity, EntityKind, Outcome, UnixMs};
use casemate_gate::{
    CHECKS, Check, CheckContext, CheckReport, Exemptions, GateConfig, GateConfigFile, GateVerdict, RunInput, Stage,
    Subject, SubjectKind, run, run_checks,
};
use casemate_report::{SarifLimits, Style, to_junit, to_markdown, to_sarif, to_table};
use tempfile::TempDir;

/// 2026-11-21T12:00:00Z.
const NOW: UnixMs = UnixMs(1_795_262_400_000);

/// A protocol 0 pickle that calls os.system, as hex, so that no loadable file is in the repository.
const HOSTILE_PICKLE: &str = "636f730a73797374656d0a285327 6964270a74522e";
/// A protocol 2 pickle of a list of two numbers.
const PLAIN_PICKLE: &str = "80025d7100284b014b02652e";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}

/// A secret that nobody uses, put together here so that none is in the repository.
fn live_looking_key() -> String {
    ["q7Zt", "K9mX", "w2Rb", "V5nD", "h8Ls"].concat()
}

struct Bench {
    dir: TempDir,
    input: RunInput,
}

impl Bench {
    fn new() -> Self {
        let input = RunInput {
            subjects: vec![],
            stage: Stage::Deploy,
            config: GateConfig::default(),
            exemptions: Exemptions::default(),
            held: vec![],
            key: Key::new([7; 32]),
            now: NOW,
        };
        Self { dir: tempfile::tempdir().unwrap(), input }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn with(mut self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), content).unwrap();
        self.input.subjects.push(Subject::new(self.path(name)));
        self
    }

    fn kind(mut self, kind: SubjectKind, name: &str) -> Self {
        let subject = self.input.subjects.last_mut().unwrap();
        subject.kind = kind;
        subject.name = Some(name.to_owned());
        self
    }

    fn config(mut self, yaml: &str) -> Self {
        self.input.config = GateConfig::try_from(&GateConfigFile::parse(yaml).unwrap()).unwrap();
        self
    }

    fn run(&self) -> GateVerdict {
        run(&self.input, &mut |_| {})
    }

    /// The text with the folder of this run taken out.
    fn stable(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

fn outcome(verdict: &GateVerdict, check: &str) -> Outcome {
    verdict.checks.iter().find(|c| c.result.check == check).unwrap().result.outcome
}

fn clean_csv() -> String {
    (0..50).fold("id,age,score\n".to_owned(), |text, i| text + &format!("{i},{},0.{i}\n", 20 + i % 40))
}

fn personal_csv() -> String {
    "id,name,contact\n1,Ann,ann.lee@firma.de\n2,Ben,ben.ott@firma.de\n3,Cid,\n".to_owned()
}

#[test]
fn a_clean_model_and_a_clean_table_pass() {
    let bench = Bench::new().with("weights.pkl", bytes(PLAIN_PICKLE)).with("train.csv", clean_csv());
    let verdict = bench.run();
    assert_eq!(verdict.outcome, Outcome::Pass, "{}", to_table(&verdict.document("t"), &Style::plain()));
    assert_eq!(verdict.exit_code(&bench.input.config), 0);
    assert!(verdict.subjects.iter().all(|s| s.sha256.as_ref().is_some_and(|d| d.len() == 64)));
    assert!(verdict.signals(&bench.input.subjects).is_empty());
}

#[test]
fn a_hostile_pickle_is_blocked_and_told_to_response() {
    let bench = Bench::new().with("churn.pkl", bytes(HOSTILE_PICKLE)).kind(SubjectKind::Model, "churn@8");
    let verdict = bench.run();
    assert_eq!((verdict.outcome, verdict.exit_code(&bench.input.config)), (Outcome::Block, 20));
    assert_eq!(outcome(&verdict, "model-artifact"), Outcome::Block);
    let signals = verdict.signals(&bench.input.subjects);
    assert_eq!(signals[0].rule, "gate/model-artifact");
    assert!(signals[0].entities.contains(&Entity::new(EntityKind::ModelVersion, "churn@8")));
    assert!(signals[0].entities.iter().any(|e| e.kind == EntityKind::Digest && e.value.starts_with("sha256:")));
}

#[test]
fn golden_verdict_of_situation_one() {
    let mut bench = Bench::new()
        .with("churn.pkl", bytes(HOSTILE_PICKLE))
        .kind(SubjectKind::Model, "churn@8")
        .with("train.csv", personal_csv())
        .kind(SubjectKind::Data, "churn-train");
    // One thread after the other or side by side, the verdict is the same.
    let verdict = bench.run();
    bench.input.config.workers = 8;
    assert_eq!(bench.run(), verdict);
    let document = verdict.document("0.1.0");
    // Wide, so that lines do not break where the folder of this run ends.
    let wide = Style { width: 1_000, ..Style::plain() };
    // The gate's own lines; what detectors say below them is golden in their crates.
    let table = bench.stable(&to_table(&document, &wide));
    let own: Vec<&str> = table.lines().filter(|line| !line.starts_with(' ')).collect();
    insta::assert_snapshot!("table", own.join("\n"));
    let json = bench.stable(&verdict.to_json());
    assert!(!json.contains("ann.lee@firma.de") && !json.contains("ben.ott"), "no value is in the verdict");
    let back: GateVerdict = serde_json::from_str(&verdict.to_json()).unwrap();
    assert_eq!(back, verdict);
    for text in [to_sarif(&document, &SarifLimits::default()), to_junit(&document), to_markdown(&document)] {
        assert!(text.contains("artifact/") && text.contains("pii/email") && !text.contains("ann.lee@firma.de"));
    }
}

#[test]
fn personal_data_and_secrets_are_found_by_column() {
    let bench = Bench::new().with("train.csv", personal_csv());
    let verdict = bench.run();
    let pii = verdict.checks.iter().find(|c| c.result.check == "pii").unwrap();
    assert_eq!(pii.result.outcome, Outcome::Block);
    assert!(pii.result.reason.contains("contact EMAIL_ADDRESS (2 of 2)"), "{}", pii.result.reason);
    let cell = pii.result.findings.iter().find(|f| f.location.line == Some(3) && f.message.contains("row 2")).unwrap();
    assert_eq!(cell.location.field.as_deref(), Some("contact"));
    assert_eq!(outcome(&verdict, "secrets"), Outcome::Pass);

    let leak = Bench::new().with("notes.txt", format!("password: \"{}\"\n", live_looking_key()));
    let verdict = leak.run();
    assert_eq!(outcome(&verdict, "secrets"), Outcome::Block, "{}", to_table(&verdict.document("t"), &Style::plain()));
    assert!(!verdict.to_json().contains(&live_looking_key()));
}

#[test]
fn thresholds_modes_and_dates_decide() {
    for (checks, expected, code) in [
        ("{pii: {mode: enforce}}", Outcome::Block, 20),
        ("{pii: {mode: warn}}", Outcome::Warn, 0),
        ("{pii: {mode: warn, warn_until: 2026-11-21}}", Outcome::Warn, 0),
        ("{pii: {mode: warn, warn_until: 2026-11-20}}", Outcome::Block, 20),
        ("{pii: {mode: audit}}", Outcome::Pass, 0),
        ("{pii: {cells_max: 2}}", Outcome::Warn, 0),
        ("{pii: {cells_max: 1}}", Outcome::Block, 20),
        ("{pii: {ignore: [pii/email]}}", Outcome::Warn, 0),
        ("{pii: {stages: [ingest]}}", Outcome::Pass, 0),
    ] {
        let bench = Bench::new().with("t.csv", personal_csv()).config(&format!("version: 1\nchecks: {checks}"));
        let verdict = bench.run();
        assert_eq!((verdict.outcome, verdict.exit_code(&bench.input.config)), (expected, code), "{checks}");
    }
    let asked =
        Bench::new().with("t.csv", personal_csv()).config("version: 1\nwarn_exit: true\nchecks: {pii: {mode: warn}}");
    assert_eq!(asked.run().exit_code(&asked.input.config), 10);
}

#[test]
fn bad_inputs_never_pass() {
    let wide_line = "x".repeat(10 << 20);
    let utf16: Vec<u8> = personal_csv().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let nul = personal_csv().replace("Ben", "B\0n");
    for (name, content, expected) in [
        ("empty.csv", Vec::new(), (Outcome::Block, 20)),
        ("empty.pkl", Vec::new(), (Outcome::Block, 20)),
        ("header.csv", b"a,b,c\n".to_vec(), (Outcome::Block, 20)),
        ("binary.csv", (0..=255).cycle().take(4_096).collect(), (Outcome::Block, 20)),
        ("pickle.csv", bytes(PLAIN_PICKLE), (Outcome::Block, 20)),
        ("ragged.csv", b"a,b\n1\n2,3,4\n".to_vec(), (Outcome::Warn, 0)),
        ("line.txt", wide_line.into_bytes(), (Outcome::Pass, 0)),
        ("wide.csv", utf16, (Outcome::Block, 20)),
        ("nul.csv", nul.into_bytes(), (Outcome::Block, 20)),
        ("cut.zip", b"PK\x03\x04\x14\0\0\0\x08\0half of an archive".to_vec(), (Outcome::Block, 20)),
        ("cut.pkl", bytes(PLAIN_PICKLE)[..6].to_vec(), (Outcome::Insufficient, 30)),
        ("broken.jsonl", b"{\"a\":1}\n{\"a\":\n".to_vec(), (Outcome::Block, 20)),
        ("book.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 encrypted".to_vec(), (Outcome::Block, 20)),
    ] {
        let bench = Bench::new().with(name, content);
        let verdict = bench.run();
        let table = to_table(&verdict.document("t"), &Style::plain());
        assert_eq!((verdict.outcome, verdict.exit_code(&bench.input.config)), expected, "{name}\n{table}");
    }
}

#[test]
fn a_parquet_file_is_a_table() {
    use parquet_writer::{Column, data_page, file, plain};
    let table = |values: &[&str], rows: usize| {
        let page = data_page(values.len(), 0, &plain(values));
        file(vec![Column::new("city", 0, page, values.len())], rows)
    };
    let whole = table(&["Ulm", "Bonn"], 2);
    let at = whole.windows(3).position(|w| w == b"Ulm").unwrap();
    let mut broken = whole.clone();
    // The first value is longer than its page.
    broken[at - 4] = 200;
    for (name, content, input, form) in [
        ("two-rows.parquet", whole, Outcome::Pass, Outcome::Pass),
        ("no-rows.parquet", table(&[], 0), Outcome::Block, Outcome::Pass),
        ("broken.parquet", broken, Outcome::Pass, Outcome::Block),
        ("cut.parquet", b"PAR1 and no more".to_vec(), Outcome::Pass, Outcome::NotScanned),
    ] {
        let bench = Bench::new().with(name, content);
        let verdict = bench.run();
        let shown = to_table(&verdict.document("t"), &Style::plain());
        assert_eq!((outcome(&verdict, "input"), outcome(&verdict, "table-form")), (input, form), "{name}\n{shown}");
    }
}

#[test]
fn nothing_to_look_at_and_what_cannot_be_opened_hold() {
    let nothing = Bench::new();
    assert_eq!((nothing.run().outcome, nothing.run().exit_code(&nothing.input.config)), (Outcome::Block, 20));

    let mut missing = Bench::new();
    missing.input.subjects.push(Subject::new(missing.path("nowhere.pkl")));
    missing.input.subjects.push(Subject::new(missing.dir.path()));
    let verdict = missing.run();
    assert_eq!(verdict.outcome, Outcome::Block);
    assert_eq!(verdict.subjects[0].sha256, None);
    assert!(verdict.checks.iter().all(|c| c.result.outcome == Outcome::Error));
    assert!(verdict.checks.iter().any(|c| c.result.reason.contains("not a regular file")));

    let bench = Bench::new().with("t.csv", clean_csv());
    assert_eq!(run_checks(&[], &bench.input, &mut |_| {}).outcome, Outcome::Block, "no check is not a pass");
}

/// A check that does what it is told.
struct Misbehaves(&'static str);

impl Check for Misbehaves {
    fn id(&self) -> &'static str {
        self.0
    }
    fn about(&self) -> &'static str {
        "a check of this test"
    }
    fn applies(&self, _: &CheckContext) -> bool {
        true
    }
    fn run(&self, _: &CheckContext) -> Result<CheckReport, String> {
        match self.0 {
            "crashes" => panic!("index out of range"),
            "fails" => Err("the disk is gone".into()),
            "hangs" => {
                // Ends when the test's process does.
                let (_keep, never) = mpsc::channel::<()>();
                _ = never.recv_timeout(Duration::from_secs(3_600));
                Ok(CheckReport::clean("too late"))
            }
            _ => Ok(CheckReport::clean("fine")),
        }
    }
}

#[test]
fn crashes_failures_and_time_outs_hold_and_the_others_go_on() {
    for (check, time_out_ms, why) in [
        (&Misbehaves("crashes"), 60_000, "the check crashed: index out of range"),
        (&Misbehaves("fails"), 60_000, "the disk is gone"),
        (&Misbehaves("hangs"), 200, "ran out of its time of 200 ms"),
    ] {
        let mut bench = Bench::new().with("t.csv", clean_csv());
        bench.input.config.time_out_ms = time_out_ms;
        let fine: &dyn Check = &Misbehaves("fine");
        // More that hang than there are threads: none of them may keep the last one from its turn.
        let checks: Vec<&'static dyn Check> = vec![check, check, check, fine];
        let mut seen = Vec::new();
        let verdict = run_checks(&checks, &bench.input, &mut |p| seen.push((p.check, p.done, p.total, p.ended)));
        assert_eq!((verdict.outcome, verdict.exit_code(&bench.input.config)), (Outcome::Block, 20), "{why}");
        let reasons: Vec<&str> = verdict.checks.iter().map(|c| c.result.reason.as_str()).collect();
        assert_eq!(reasons, [why, why, why, "fine"]);
        assert!(
            verdict.checks[0].result.outcome == Outcome::Error && verdict.checks[3].result.outcome == Outcome::Pass
        );
        assert_eq!(seen.len(), 4);
        assert!(seen.iter().all(|(check, _, total, ended)| (*check == "fine") == *ended && *total == 4));
        assert_eq!(verdict.signals(&bench.input.subjects).len(), 3);
    }
}

#[test]
fn a_hold_of_response_blocks_whatever_the_content() {
    let bench = Bench::new().with("churn.pkl", bytes(PLAIN_PICKLE)).kind(SubjectKind::Model, "churn@8");
    let digest = bench.run().subjects[0].sha256.clone().unwrap();
    for (held, blocks) in [
        (Entity::new(EntityKind::ModelVersion, "churn@8"), true),
        (Entity::new(EntityKind::Model, "churn"), true),
        (Entity::new(EntityKind::Digest, format!("sha256:{digest}")), true),
        (Entity::new(EntityKind::ModelVersion, "churn@7"), false),
        (Entity::new(EntityKind::Dataset, "churn@8"), false),
    ] {
        let mut bench = Bench::new().with("churn.pkl", bytes(PLAIN_PICKLE)).kind(SubjectKind::Model, "churn@8");
        bench.input.held = vec![held.clone()];
        assert_eq!(outcome(&bench.run(), "held") == Outcome::Block, blocks, "{held:?}");
    }
}

fn exemptions(expires: &str) -> Exemptions {
    let text = format!(
        "version: 1\nexemptions:\n  - {{id: EX-1, scope: {{rule: pii/email, column: contact}}, owner: ann, approvers: [bob], \
         ticket: T-1, reason: test rows, granted: 2026-11-01, expires: {expires}}}\n  - {{id: EX-2, fingerprint: nothing, \
         owner: ann, approvers: [bob], ticket: T-2, reason: gone, granted: 2026-11-01, expires: {expires}}}\n"
    );
    Exemptions::parse(&text).unwrap()
}

#[test]
fn exemptions_are_written_into_the_verdict_and_end() {
    let mut bench = Bench::new().with("t.csv", personal_csv());
    bench.input.exemptions = exemptions("2026-11-30");
    let verdict = bench.run();
    assert_eq!(outcome(&verdict, "pii"), Outcome::Exempted);
    assert_eq!(verdict.exit_code(&bench.input.config), 0);
    assert!(verdict.exemptions_used.iter().all(|u| u.exemption == "EX-1" && u.expires == "2026-11-30"));
    assert_eq!(verdict.exemptions_unused, ["EX-2"]);
    assert!(to_table(&verdict.document("t"), &Style::plain()).contains("exemption EX-2 was not used"));

    bench.input.exemptions = exemptions("2026-11-20");
    let verdict = bench.run();
    assert_eq!((outcome(&verdict, "pii"), verdict.exit_code(&bench.input.config)), (Outcome::Block, 20));
    assert!(verdict.notes.iter().any(|n| n.contains("EX-1 of ann does not count: it expired on 2026-11-20")));
}

#[test]
fn an_allow_comment_in_data_counts_only_when_asked_for() {
    let text = "# casemate:allow pii/email sample\nmail = ann.lee@firma.de\n";
    let bench = Bench::new().with("t.txt", text);
    assert_eq!(outcome(&bench.run(), "pii"), Outcome::Block);
    let bench = bench.config("version: 1\nchecks: {pii: {honour_comments: true}}");
    assert_eq!(outcome(&bench.run(), "pii"), Outcome::Pass);
}

#[test]
fn every_check_has_its_own_id_and_says_what_it_does() {
    let mut ids: Vec<&str> = CHECKS.iter().map(|c| c.id()).collect();
    assert!(CHECKS.iter().all(|c| !c.about().is_empty() && !c.stages().is_empty()));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), CHECKS.len());
}

#[test]
fn limits_of_size_hold_at_the_limit_and_past_it() {
    let size = clean_csv().len();
    for (max, expected) in [(size, Outcome::Pass), (size - 1, Outcome::Block)] {
        let config = format!("version: 1\nchecks: {{input: {{bytes_max: {max}}}}}");
        let bench = Bench::new().with("t.csv", clean_csv()).config(&config);
        assert_eq!(outcome(&bench.run(), "input"), expected);
    }
}

#[test]
fn the_examples_of_paths_stay_relative_in_reports() {
    // Reports name subjects as they were given: nothing of the machine is added.
    let bench = Bench::new().with("t.csv", clean_csv());
    let verdict = bench.run();
    assert!(verdict.subjects.iter().all(|s| Path::new(&s.path) == bench.path("t.csv")));
}
