//! Whole scans over trees, archives, documents and histories made here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "../../dataset/tests/support/parquet_writer.rs"]
mod parquet_writer;

use std::{
    fmt::Write as _,
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::Ordering,
};

use casemate_dataset::TableLimits;
use casemate_detect::{Engine, Key, Kind, Match};
use casemate_finding::{Finding, Outcome, Span};
use casemate_sweep::{
    Baseline, Kinds, NameTier, Named, ScanPlan, ScanReport, SweepError, SweepLimits, Target, run, scan_reader,
};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use tempfile::TempDir;
use zip::{ZipWriter, write::SimpleFileOptions};

const MAIL: &str = "ann.lee@firma.de";

/// A secret that nobody uses, put together here so that none is in the repository.
fn secret() -> String {
    ["q7Zt", "K9mX", "w2Rb", "V5nD", "h8Ls"].concat()
}

fn plan(root: &Path) -> ScanPlan {
    ScanPlan::new(vec![Target::Path(root.to_owned())], Kinds::ALL, Key::new([3; 32]))
}

fn scan(plan: &ScanPlan) -> ScanReport {
    run(plan, &mut |_| {}).unwrap()
}

struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The place of a finding with the folder taken out, as `a.txt:3`.
    fn place(&self, f: &Finding) -> String {
        let path = f.location.path.clone().unwrap_or_default();
        let path = path.strip_prefix(&format!("{}/", self.path().display())).unwrap_or(&path).to_owned();
        f.location.line.map_or(path.clone(), |line| format!("{path}:{line}"))
    }

    fn places(&self, report: &ScanReport) -> Vec<String> {
        report.findings.iter().map(|f| self.place(f)).collect()
    }
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append_data(&mut header, name, content).unwrap();
    builder.into_inner().unwrap()
}

fn text() -> String {
    format!("first line\nwrite to {MAIL} today\n")
}

#[test]
fn text_tables_and_hidden_files_with_line_and_column() {
    let tree = Tree::new()
        .with("notes.txt", text())
        .with("people.csv", format!("id,contact\n1,{MAIL}\n2,\n"))
        .with("log.jsonl", format!("{{\"a\":1}}\n{{\"user\":{{\"mail\":\"{MAIL}\"}}}}\n"))
        .with(".env", format!("DB_PASSWORD=\"{}\"\n", secret()))
        .with("skipped/.gitignore", "*.tmp\n")
        .with("skipped/x.tmp", text());
    let report = scan(&plan(tree.path()));
    let mut places = tree.places(&report);
    places.sort();
    assert_eq!(places, [".env:1", "log.jsonl:2", "notes.txt:2", "people.csv:2"], "{:?}", report.findings);
    let note = report.findings.iter().find(|f| tree.place(f) == "notes.txt:2").unwrap();
    assert_eq!(note.location.column, Some(10));
    let cell = report.findings.iter().find(|f| tree.place(f) == "people.csv:2").unwrap();
    assert_eq!(cell.location.field.as_deref(), Some("contact"));
    let counted = report.columns.iter().find(|(path, _)| path.ends_with("people.csv")).unwrap();
    assert_eq!((counted.1.cells, counted.1.of_cells), (1, 1));
    // One value has one fingerprint, wherever it stands; it is never whole.
    assert_eq!(note.fingerprint, cell.fingerprint);
    let json = casemate_report::to_json(&report.document(&plan(tree.path()), "t"));
    assert!(!json.contains(MAIL) && !json.contains(&secret()));

    let all = ScanPlan { respect_ignore: false, ..plan(tree.path()) };
    assert!(tree.places(&scan(&all)).contains(&"skipped/x.tmp:2".to_owned()));
}

#[test]
fn archives_are_opened_to_their_depth() {
    let inner = zip(&[("deep.txt", text().as_bytes())]);
    let tree = Tree::new()
        .with("a.zip", zip(&[("in/b.txt", text().as_bytes()), ("c.zip", &inner)]))
        .with("b.tar.gz", gzip(&tar("t.txt", text().as_bytes())))
        .with("c.txt.gz", gzip(text().as_bytes()));
    let report = scan(&plan(tree.path()));
    let expected = ["a.zip!/in/b.txt:2", "a.zip!/c.zip!/deep.txt:2", "b.tar.gz!/b.tar!/t.txt:2", "c.txt.gz!/c.txt:2"];
    let places = tree.places(&report);
    assert!(expected.iter().all(|e| places.contains(&(*e).to_owned())), "{places:?} {:?}", report.not_scanned);
    assert!(report.not_scanned.is_empty(), "{:?}", report.not_scanned);

    let limits = SweepLimits { depth_max: 1, ..SweepLimits::default() };
    let shallow = scan(&ScanPlan { limits, ..plan(tree.path()) });
    assert!(!tree.places(&shallow).iter().any(|p| p.contains("deep.txt")));
    assert!(shallow.not_scanned.iter().any(|n| n.path.ends_with("c.zip") && n.reason.contains("levels deep")));
}

#[test]
fn budgets_hold_at_the_limit_and_past_it() {
    let kinds = Kinds { models: false, ..Kinds::ALL };
    let content = text();
    let archive = zip(&[("a.txt", content.as_bytes()), ("b.txt", content.as_bytes())]);
    let total = content.len() as u64 * 2;
    for (limits, whole) in [
        (SweepLimits { inflated_bytes_max: total, ..SweepLimits::default() }, true),
        (SweepLimits { inflated_bytes_max: total - 1, ..SweepLimits::default() }, false),
        (SweepLimits { members_max: 2, ..SweepLimits::default() }, true),
        (SweepLimits { members_max: 1, ..SweepLimits::default() }, false),
        (SweepLimits { member_bytes_max: archive.len() as u64, ..SweepLimits::default() }, true),
        (SweepLimits { member_bytes_max: archive.len() as u64 - 1, ..SweepLimits::default() }, false),
    ] {
        let plan = ScanPlan { kinds, limits, ..plan(Path::new(".")) };
        let scan = scan_reader(&plan, "x.zip", archive.as_slice()).unwrap();
        assert_eq!(scan.not_scanned.is_empty(), whole, "{:?}", scan.not_scanned);
    }
}

#[test]
fn documents_are_read_as_people_read_them() {
    let word = b"<w:p><w:r><w:t>ann.lee@</w:t></w:r><w:r><w:t>firma.de</w:t></w:r></w:p>";
    let docx = zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", word)]);
    let sheet = format!(
        "<sheetData><row><c r=\"A1\" t=\"inlineStr\"><is><t>name</t></is></c>\
         <c r=\"B1\" t=\"inlineStr\"><is><t>contact</t></is></c></row>\
         <row><c r=\"A2\" t=\"inlineStr\"><is><t>Ann</t></is></c>\
         <c r=\"B2\" t=\"inlineStr\"><is><t>{MAIL}</t></is></c></row></sheetData>"
    );
    let xlsx = zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/workbook.xml", b"<workbook/>"),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ]);
    let slide = format!("<a:p><a:r><a:t>{MAIL}</a:t></a:r></a:p>");
    let pptx = zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("ppt/presentation.xml", b"<p/>"),
        ("ppt/slides/slide1.xml", slide.as_bytes()),
    ]);
    let pdf = "%PDF-1.4\n1 0 obj\n<< /Length 60 >>\nstream\nBT /F1 12 Tf (write to) Tj T* [(ann.lee) -20 (@firma.de)] TJ ET\n\
               endstream\nendobj\n%%EOF";
    let tree = Tree::new().with("a.docx", docx).with("b.xlsx", xlsx).with("c.pptx", pptx).with("d.pdf", pdf);
    let kinds = Kinds { models: false, ..Kinds::ALL };
    let report = scan(&ScanPlan { kinds, ..plan(tree.path()) });
    let expected = [
        "a.docx!/word/document.xml:1",
        "b.xlsx!/xl/worksheets/sheet1.xml:2",
        "c.pptx!/ppt/slides/slide1.xml:1",
        "d.pdf!/object 1:2",
    ];
    assert_eq!(tree.places(&report), expected, "{:?}", report.not_scanned);
    assert_eq!(report.findings[1].location.field.as_deref(), Some("contact"));
}

#[test]
fn what_cannot_be_read_is_said_and_never_a_panic() {
    let whole = zip(&[("a.txt", text().as_bytes())]);
    let mut encrypted = whole.clone();
    // Bit 0 of the flags, in the local header and in the directory.
    encrypted[6] |= 1;
    let directory = encrypted.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    encrypted[directory + 8] |= 1;
    let utf16: Vec<u8> = text().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let tight = TableLimits { record_bytes_max: 64, ..TableLimits::default() };
    let tree = Tree::new()
        .with("cut.zip", &whole[..whole.len() - 30])
        .with("encrypted.zip", encrypted)
        .with("cut.gz", &gzip(text().repeat(200).as_bytes())[..60])
        .with("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....")
        .with("locked.pdf", b"%PDF-1.4\ntrailer << /Encrypt 2 0 R >>\n%%EOF")
        .with("data.parquet", b"PAR1....PAR1")
        .with("long.csv", format!("a,b\n1,{} {MAIL}\n", "x".repeat(100)))
        .with("utf16.txt", utf16)
        .with("nul.txt", format!("a\0b {MAIL}\n"))
        .with("empty.txt", "")
        .with("pic.png", b"\x89PNG\r\n\x1a\nabc");
    let limits = SweepLimits { table: tight, ..SweepLimits::default() };
    let kinds = Kinds { models: false, ..Kinds::ALL };
    let plan = ScanPlan { limits, kinds, ..plan(tree.path()) };
    let report = scan(&plan);
    for (name, why) in [
        ("cut.zip", "a broken zip archive"),
        ("encrypted.zip", "encrypted"),
        ("cut.gz", "cannot be"),
        ("old.doc", "pre-2007 office document"),
        ("locked.pdf", "an encrypted PDF"),
        ("data.parquet", "is no Parquet file"),
    ] {
        let said = report.not_scanned.iter().any(|n| n.path.contains(name) && n.reason.contains(why));
        assert!(said, "{name}: {:?}", report.not_scanned);
    }
    let places = tree.places(&report);
    assert!(places.contains(&"nul.txt:1".into()) && places.contains(&"utf16.txt:2".into()), "{places:?}");
    // A record beyond the limit of tables is read as text.
    assert!(places.contains(&"long.csv:2".into()), "{places:?}");
    assert!(report.form.iter().any(|f| f.rule == "dataset/record-too-long"));
    assert!(report.notes.iter().any(|n| n.contains("png 1")), "{:?}", report.notes);
    assert_eq!(report.document(&plan, "t").checks[1].outcome, Outcome::NotScanned, "nothing found is not clean");
}

#[test]
fn one_line_of_ten_megabytes_is_read_in_pieces() {
    let line = format!("{}{MAIL} {}", "x ".repeat(5 << 20), "y ".repeat(1_000));
    let tree = Tree::new().with("line.txt", line);
    let report = scan(&plan(tree.path()));
    assert_eq!(tree.places(&report), ["line.txt:1"]);
    assert_eq!(report.findings[0].location.column, Some((10 << 20) + 1));
}

#[test]
fn pieces_do_not_change_what_is_found() {
    let row = |i: usize| format!("row {i}: mail{i}@firma.de, password: \"{}{i}\"\n", secret());
    let content: String = (0..200).map(row).collect();
    let tree = Tree::new().with("t.txt", content);
    let whole = scan(&plan(tree.path()));
    for piece_bytes in [7, 64, 1_000] {
        let limits = SweepLimits { piece_bytes, ..SweepLimits::default() };
        let pieces = scan(&ScanPlan { limits, ..plan(tree.path()) });
        assert_eq!(pieces.findings, whole.findings, "{piece_bytes}");
    }
    assert!(whole.findings.len() >= 200);
}

#[test]
fn comments_and_baselines_let_known_findings_through() {
    let tree = Tree::new()
        .with("a.txt", format!("{MAIL} # casemate:allow pii/email documented sample\n"))
        .with("b.txt", "ben.ott@firma.de # casemate:allow pii/email\n");
    let base = plan(tree.path());
    let report = scan(&base);
    let open: Vec<String> = report.open().map(|f| tree.place(f)).collect();
    assert_eq!(open, ["b.txt:1"], "a comment without a reason does nothing");
    assert!(report.notes.iter().any(|n| n.contains("without a reason")));
    assert_eq!(report.document(&base, "t").checks[0].outcome, Outcome::Block);

    let baseline = Baseline::new("k1", &report.findings);
    let read = Baseline::parse(&baseline.render(), "k1").unwrap();
    assert_eq!(read, baseline);
    assert!(!baseline.render().contains("firma"));
    assert!(Baseline::parse(&baseline.render(), "k2").unwrap_err().to_string().contains("another fingerprint key"));
    let known = ScanPlan { baseline: Some(read), ..base };
    assert_eq!(scan(&known).open().count(), 0);
    assert_eq!(scan(&known).document(&known, "t").checks[0].outcome, Outcome::Exempted);
    fs::write(tree.path().join("c.txt"), "new.one@firma.de\n").unwrap();
    fs::remove_file(tree.path().join("b.txt")).unwrap();
    let report = scan(&known);
    assert_eq!(report.open().map(|f| tree.place(f)).collect::<Vec<_>>(), ["c.txt:1"]);
    assert!(report.notes.iter().any(|n| n.contains("1 of 2 findings of the baseline are gone")), "{:?}", report.notes);
}

#[test]
fn models_are_scanned_and_named_by_member() {
    let pickle: Vec<u8> = [b"cos\nsys".as_slice(), b"tem\n(S'id'\ntR."].concat();
    let tree = Tree::new().with("m.pkl", &pickle).with("bundle.zip", zip(&[("inner.pkl", &pickle)]));
    let report = scan(&plan(tree.path()));
    let mut hostile: Vec<String> =
        report.findings.iter().filter(|f| f.rule.contains("dangerous")).map(|f| tree.place(f)).collect();
    hostile.sort();
    assert_eq!(hostile, ["bundle.zip!/inner.pkl", "m.pkl"]);
}

fn git(dir: &Path, args: &[&str]) {
    let done = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"])
        .args(args)
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn history_has_each_blob_once_with_its_first_commit() {
    let tree = Tree::new().with("repo/old.txt", text());
    let repo: PathBuf = tree.path().join("repo");
    git(&repo, &["init", "-q", "-b", "trunk"]);
    git(&repo, &["add", "."]);
    git(&repo, &["commit", "-qm", "one"]);
    fs::rename(repo.join("old.txt"), repo.join("new name.txt")).unwrap();
    fs::write(repo.join("other.txt"), "nothing here\n").unwrap();
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-qm", "two"]);
    git(&repo, &["rm", "-q", "new name.txt"]);
    git(&repo, &["commit", "-qm", "three"]);
    let plan = ScanPlan { targets: vec![Target::GitHistory(repo.clone())], ..plan(&repo) };
    let mut seen = Vec::new();
    let report = run(&plan, &mut |p| seen.push(p.clone())).unwrap();
    assert_eq!(report.findings.len(), 1, "deleted in the tree, alive in the history: {:?}", report.findings);
    let path = report.findings[0].location.path.clone().unwrap();
    assert!(path.starts_with("old.txt@") && path.len() == "old.txt@".len() + 12, "{path}");
    assert_eq!((report.totals.files, seen.last().unwrap().files_done), (2, 2));

    let none = ScanPlan { targets: vec![Target::GitHistory(tree.path().to_owned())], ..plan };
    assert!(matches!(run(&none, &mut |_| {}), Err(SweepError::Git { .. })));
}

/// A history of 1,000 commits, each of which changes one of ten files. Commit 300 brings a secret that commit 301 takes
/// away, and commit 700 brings it back in another file.
#[test]
fn a_history_of_a_thousand_commits_has_each_blob_once() {
    let tree = Tree::new();
    git(tree.path(), &["init", "-q", "-b", "trunk"]);
    let secret = format!("api_key = \"{}\"\n", secret());
    let mut input = String::new();
    for i in 1..=1_000 {
        let (file, content) = match i {
            300 => ("config.py".to_owned(), secret.clone()),
            301 => ("config.py".to_owned(), "api_key = None\n".to_owned()),
            700 => ("copy.py".to_owned(), secret.clone()),
            _ => (format!("f{}.txt", i % 10), format!("version {i} by user{i}@firma.de\n")),
        };
        let message = format!("change {i}");
        write!(
            input,
            "commit refs/heads/trunk\ncommitter t <t@t> {} +0000\ndata {}\n{message}\nM 100644 inline {file}\n\
             data {}\n{content}\n",
            1_700_000_000 + i,
            message.len(),
            content.len(),
        )
        .unwrap();
    }
    let mut import = Command::new("git");
    import.arg("-C").arg(tree.path()).args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    let mut child = import.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let commit = |i: usize| {
        let back = format!("trunk~{}", 1_000 - i);
        let out = Command::new("git").arg("-C").arg(tree.path()).args(["rev-parse", &back]).output().unwrap();
        String::from_utf8(out.stdout).unwrap()[..12].to_owned()
    };
    let base = ScanPlan { targets: vec![Target::GitHistory(tree.path().to_owned())], ..plan(tree.path()) };
    let mut last = Default::default();
    let report = run(&base, &mut |p| last = p.clone()).unwrap();
    // 997 versions, the secret once, and what replaced it.
    assert_eq!((report.totals.files, last.files_done, last.bytes_done), (999, last.files_total, last.bytes_total));
    let secrets: Vec<String> =
        report.findings.iter().filter(|f| f.rule.starts_with("secret/")).map(|f| tree.place(f)).collect();
    assert_eq!(secrets, [format!("config.py@{}:1", commit(300))], "once, by its first commit, though it was removed");
    let mails: Vec<String> = report.findings.iter().filter(|f| f.rule == "pii/email").map(|f| tree.place(f)).collect();
    assert_eq!(mails.len(), 997);
    assert!(mails.contains(&format!("f7.txt@{}:1", commit(517))));
    let one = scan(&ScanPlan { workers: 1, ..base.clone() });
    assert_eq!(one.findings, report.findings, "threads do not change the order");
    let longest = "version 1000 by user1000@firma.de\n".len() as u64;
    let limits = SweepLimits { blob_bytes_max: longest, ..SweepLimits::default() };
    assert!(scan(&ScanPlan { limits, ..base.clone() }).not_scanned.is_empty(), "at the limit");
    let limits = SweepLimits { blob_bytes_max: longest - 1, ..SweepLimits::default() };
    assert_eq!(scan(&ScanPlan { limits, ..base }).not_scanned.len(), 1, "one past it");
}

#[test]
fn parquet_files_are_read_by_column_and_each_value_of_a_dictionary_once() {
    use parquet_writer::{Column, data_page, dictionary_page, file, levels};
    // Forty rows of one value, then one of another.
    let indices = [&[1], &levels(&[(0, 40), (1, 1)])[4..]].concat();
    let pages = [dictionary_page(&[MAIL, "nothing"]), data_page(41, 8, &indices)].concat();
    let bytes = file(vec![Column::new("contact", 0, pages, 41)], 41);
    let tree = Tree::new().with("a.parquet", &bytes).with("b.zip", zip(&[("in.parquet", &bytes)]));
    let report = scan(&plan(tree.path()));
    let found = |path: &str| {
        let of_file =
            report.findings.iter().filter(|f| tree.place(f) == path && f.location.field.as_deref() == Some("contact"));
        of_file.map(|f| f.message.clone()).collect::<Vec<_>>()
    };
    for path in ["a.parquet", "b.zip!/in.parquet"] {
        let messages = found(path);
        assert_eq!(messages.len(), 2, "{messages:?} {:?}", report.not_scanned);
        assert!(messages[0].contains("40 of 41 values in column \"contact\""), "{messages:?}");
        assert!(messages[1].ends_with("in row 1 and 39 more with this value"), "{messages:?}");
    }
    assert!(report.not_scanned.is_empty(), "{:?}", report.not_scanned);
}

#[test]
fn workbooks_are_read_with_sheet_cell_and_date() {
    let parts: [(&str, &str); 6] = [
        ("[Content_Types].xml", "<Types/>"),
        (
            "xl/workbook.xml",
            "<workbook><workbookPr/><sheets><sheet name=\"People\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationships><Relationship Id=\"rId1\" Target=\"worksheets/sheet1.xml\"/></Relationships>",
        ),
        ("xl/styles.xml", "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"),
        (
            "xl/sharedStrings.xml",
            "<sst><si><t>name</t></si><si><t>e-mail</t></si><si><t>date of birth</t></si><si><t>Ann</t></si>\
             <si><r><t>ann.lee@</t></r><r><t>firma.de</t></r></si></sst>",
        ),
        (
            "xl/worksheets/sheet1.xml",
            "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c>\
             <c r=\"C1\" t=\"s\"><v>2</v></c></row><row r=\"7\"><c r=\"A7\" t=\"s\"><v>3</v></c>\
             <c r=\"B7\" t=\"s\"><v>4</v></c><c r=\"C7\" s=\"1\"><v>30000</v></c></row></sheetData></worksheet>",
        ),
    ];
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let tree = Tree::new().with("a.xlsx", zip(&parts));
    let report = scan(&ScanPlan { kinds: Kinds { models: false, ..Kinds::ALL }, ..plan(tree.path()) });
    let mail = report.findings.iter().find(|f| f.rule == "pii/email").unwrap();
    assert_eq!((tree.place(mail), mail.location.field.as_deref()), ("a.xlsx!/People:7".into(), Some("e-mail")));
    assert!(mail.message.ends_with("in cell People!B7"), "{}", mail.message);
    let birth = report.findings.iter().find(|f| f.location.field.as_deref() == Some("date of birth"));
    assert!(birth.is_some_and(|f| f.message.ends_with("in cell People!C7")), "{:?}", report.findings);
    assert!(report.not_scanned.is_empty(), "{:?}", report.not_scanned);
}

fn seven_zip(name: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = sevenz_rust2::ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    writer.push_archive_entry(sevenz_rust2::ArchiveEntry::new_file(name), Some(content)).unwrap();
    writer.finish().unwrap().into_inner()
}

fn xz(content: &[u8]) -> Vec<u8> {
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn packed_files_of_every_sort_are_read() {
    let (text, tape) = (text(), tar("t.txt", text().as_bytes()));
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(text.as_bytes()).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(text.as_bytes()).unwrap();
    // Two frames with one between them that is to be skipped.
    let skipped = [&0x184d_2a50_u32.to_le_bytes()[..], &3_u32.to_le_bytes(), b"abc"].concat();
    let frames = [zstd(b"nothing here\n"), skipped, zstd(text.as_bytes())].concat();
    let tree = Tree::new()
        .with("a.7z", seven_zip("in/a.txt", text.as_bytes()))
        .with("b.txt.xz", xz(text.as_bytes()))
        .with("c.txt.bz2", bzip2.finish().unwrap())
        .with("d.txt.zst", frames)
        .with("e.txt.lz4", lz4.finish().unwrap())
        .with("f.txz", xz(&tape));
    let kinds = Kinds { models: false, ..Kinds::ALL };
    let report = scan(&ScanPlan { kinds, ..plan(tree.path()) });
    let expected = [
        "a.7z!/in/a.txt:2",
        "b.txt.xz!/b.txt:2",
        "c.txt.bz2!/c.txt:2",
        "d.txt.zst!/d.txt:3",
        "e.txt.lz4!/e.txt:2",
        "f.txz!/f.tar!/t.txt:2",
    ];
    assert_eq!(tree.places(&report), expected, "{:?}", report.not_scanned);
    assert!(report.not_scanned.is_empty(), "{:?}", report.not_scanned);
    // One byte less than what comes out, and a header cut off.
    let limits = SweepLimits { inflated_bytes_max: text.len() as u64 - 1, ..SweepLimits::default() };
    let tight = scan(&ScanPlan { kinds, limits, ..plan(tree.path()) });
    assert_eq!(tight.not_scanned.len(), 6, "{:?}", tight.not_scanned);
    let cut = Tree::new().with("a.7z", &seven_zip("a", b"x")[..40]).with("b.xz", &xz(text.as_bytes())[..30]);
    assert_eq!(scan(&ScanPlan { kinds, ..plan(cut.path()) }).not_scanned.len(), 2);
}

#[test]
fn bad_text_is_read_all_the_same_or_said() {
    let deep = format!("{}\"{MAIL}\"{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!("{}\"{MAIL}\"{}\n{{\"a\":\"{MAIL}\"}}\n", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    // Past the head, by which the encoding is told.
    let mut invalid = format!("start \u{e9}\n{MAIL}\n{}", "words\n".repeat(2_000)).into_bytes();
    invalid.extend(b"\xff\xfe\xc3\x28 more\n");
    let words = format!("{MAIL}\0\0");
    let utf32: Vec<u8> =
        [0xfeff_u32].into_iter().chain(MAIL.chars().map(u32::from)).flat_map(u32::to_le_bytes).collect();
    let tree = Tree::new()
        .with("deep.json", deep)
        .with("deep.jsonl", nested)
        .with("invalid.txt", invalid)
        .with("nul.csv", format!("a,b\n{words},2\nx,y\n"))
        .with("utf32.txt", utf32)
        .with("quote.csv", format!("a,b\n1,\"{MAIL}\n2,3\n"));
    let report = scan(&plan(tree.path()));
    let places = tree.places(&report);
    for file in ["deep.json:1", "deep.jsonl:1", "deep.jsonl:2", "invalid.txt:2", "nul.csv:2", "quote.csv:2"] {
        assert!(places.iter().any(|p| p == file), "{file}: {places:?} {:?}", report.not_scanned);
    }
    let said: Vec<&str> = report.form.iter().map(|f| f.rule.as_str()).collect();
    for rule in ["dataset/json-too-deep", "dataset/nul-byte", "dataset/unclosed-quote"] {
        assert!(said.contains(&rule), "{rule}: {said:?}");
    }
    let utf32 = report.not_scanned.iter().any(|n| n.path.contains("utf32") && n.reason.contains("UTF-32"));
    assert!(utf32, "{:?} {:?}", report.not_scanned, report.notes);
    assert!(report.notes.iter().any(|n| n.contains("invalid.txt") && n.contains("no UTF-8")), "{:?}", report.notes);
}

#[test]
fn empty_plans_missing_targets_and_a_stop_are_said() {
    let tree = Tree::new().with("a.txt", text()).with("b.txt", text());
    let base = plan(tree.path());
    assert!(matches!(run(&ScanPlan { targets: vec![], ..base.clone() }, &mut |_| {}), Err(SweepError::NoTarget)));
    let missing = ScanPlan { targets: vec![Target::Path(tree.path().join("nowhere"))], ..base.clone() };
    assert!(matches!(run(&missing, &mut |_| {}), Err(SweepError::Missing { .. })));
    base.cancel.store(true, Ordering::Relaxed);
    let report = scan(&base);
    assert_eq!(report.not_scanned.len(), 2);
    assert!(report.not_scanned.iter().all(|n| n.reason.contains("stopped")));
}

#[test]
fn threads_do_not_change_the_report_and_progress_counts_up() {
    let mut tree = Tree::new();
    for i in 0..40 {
        tree = tree.with(&format!("d{}/f{i}.txt", i % 5), format!("mail{i}@firma.de\n").repeat(i));
    }
    let one = scan(&ScanPlan { workers: 1, ..plan(tree.path()) });
    let mut bytes = Vec::new();
    let eight = ScanPlan { workers: 8, ..plan(tree.path()) };
    let many = run(&eight, &mut |p| bytes.push((p.files_done, p.bytes_done))).unwrap();
    assert_eq!(one.findings, many.findings);
    assert!(bytes.is_sorted() && bytes.len() == 40 && bytes[39].1 == one.totals.bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Archives and documents with some bytes changed and their end cut off: said or read, never a panic.
    #[test]
    fn damaged_files_are_read_or_said(
        which in 0..9_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let (name, mut bytes) = [
            ("a.zip", zip(&[("b.txt", text().as_bytes()), ("c.csv", b"a,b\n1,2\n")])),
            ("a.docx", zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w:p><w:t>x</w:t></w:p>")])),
            ("a.tar", tar("t.txt", text().as_bytes())),
            ("a.gz", gzip(text().as_bytes())),
            ("a.pdf", b"%PDF-1.4\n1 0 obj <<>>\nstream\nBT [(a) -1 <62>] TJ ET\nendstream\n%%EOF".to_vec()),
            ("a.7z", seven_zip("a.txt", text().as_bytes())),
            ("a.xz", xz(text().as_bytes())),
            ("a.zst", zstd(text().as_bytes())),
            ("a.xlsx", zip(&[
                ("[Content_Types].xml", b"<Types/>"),
                ("xl/workbook.xml", b"<sheets><sheet name=\"S\" id=\"a\"/></sheets>"),
                ("xl/worksheets/s.xml", b"<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>"),
            ])),
        ][which].clone();
        for (at, to) in changes {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        let kinds = Kinds { models: false, ..Kinds::ALL };
        let limits = SweepLimits { inflated_bytes_max: 1 << 20, ..SweepLimits::default() };
        let plan = ScanPlan { kinds, limits, ..plan(Path::new(".")) };
        let scan = scan_reader(&plan, name, bytes.as_slice()).unwrap();
        prop_assert!(scan.findings.iter().all(|f| !f.evidence.contains('@')));
    }
}

/// A tier of names that knows one person, and looks no further than it is told.
fn one_name() -> NameTier {
    NameTier::new(|text, mut matches, _| {
        let rule = Engine::builtin().rule("pii/age").unwrap();
        for (at, name) in text.match_indices("Noor Lindqvist") {
            let span = Span::new(at, at + name.len());
            matches.push(Match { rule: rule.clone(), kind: Kind::Pii, span, score: 0.9 });
        }
        matches.sort_by_key(|m| m.span);
        Named { matches, looked_at: text.len() }
    })
}

#[test]
fn names_are_asked_for_in_texts_and_columns() {
    let filler = "The committee met on Tuesday and agreed that the plan was sound.\n".repeat(600);
    let tree = Tree::new()
        .with("long.txt", format!("Ask Noor Lindqvist, {MAIL}\n{filler}so said Noor Lindqvist.\n"))
        .with("people.csv", format!("who,age\nNoor Lindqvist,38\nBen Ek,40\nIda Vik,{MAIL}\n"));
    let without = scan(&plan(tree.path()));
    let mut plan = plan(tree.path());
    plan.names = Some(one_name());
    let with = scan(&plan);
    let places = |report: &ScanReport| -> Vec<String> {
        report
            .open()
            .filter(|f| f.rule == "pii/age")
            .map(|f| format!("{} {:?}", tree.place(f), f.location.column))
            .collect()
    };
    assert!(places(&without).is_empty());
    assert_eq!(places(&with), ["long.txt:1 Some(5)", "long.txt:602 Some(9)", "people.csv:2 None"]);
    assert!(with.not_scanned.is_empty(), "{:?}", with.not_scanned);
    let mails = |report: &ScanReport| report.open().filter(|f| f.rule == "pii/email").count();
    assert_eq!((mails(&without), mails(&with)), (2, 2));
}

#[test]
fn names_beyond_the_limit_are_not_scanned_and_said() {
    let line = "The committee met on Tuesday and agreed that the plan was sound.\n";
    for (bytes, missed) in [(line.len() * 10, false), (line.len() * 10 - 1, true)] {
        let tree = Tree::new().with("a.txt", line.repeat(10));
        let mut plan = plan(tree.path());
        (plan.names, plan.limits.names_bytes_max) = (Some(one_name()), bytes);
        let report = scan(&plan);
        let said = report.not_scanned.iter().any(|n| n.reason.contains("names of people"));
        assert_eq!(said, missed, "{:?}", report.not_scanned);
    }
}
