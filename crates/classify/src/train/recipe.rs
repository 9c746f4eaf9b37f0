//! From files to what ships: one recipe for each asset, the same from the command line and from the examples.

use sha2::{Digest, Sha256};

use super::{
    DataError, InjectionData, Row, TextData, TrainError, injection, injection_results, parse_rows, text_model,
};
use crate::model::{Embedding, TextModel};

/// The seed of the models that ship.
pub const SEED: u64 = 20_261_121;
/// Most harmless rows of one source of injection data that a toxicity model learns from, and of all packages together.
const HARMLESS_OF_SOURCE_MAX: usize = 1200;
const HARMLESS_OF_PACKAGES_MAX: usize = 3500;
/// Longest name of a check.
pub const NAME_BYTES_MAX: usize = 40;

/// Rows from files, with the name and digest of each.
#[derive(Debug, Default)]
pub struct TrainingFiles {
    /// Rows, in the order of the files.
    pub rows: Vec<Row>,
    /// Name and SHA-256 of each file as it was stored.
    pub digests: Vec<(String, String)>,
}

/// A file that will not do.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{name}: {error}")]
pub struct FileError {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub error: DataError,
}

impl TrainingFiles {
    /// Adds the rows of one file; `raw` is what was stored (compressed, perhaps), `text` its JSON lines.
    ///
    /// # Errors
    /// [`FileError`] at the first line that is not a row.
    pub fn add(&mut self, name: &str, raw: &[u8], text: &str) -> Result<(), FileError> {
        let rows = parse_rows(text).map_err(|error| FileError { name: name.into(), error })?;
        self.rows.extend(rows);
        self.digests.push((name.into(), sha256(raw)));
        Ok(())
    }
}

/// SHA-256, hexadecimal.
pub fn sha256(raw: &[u8]) -> String {
    Sha256::digest(raw).iter().map(|b| format!("{b:02x}")).collect()
}

/// A trained model as a file, with what a card says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trained {
    /// The model file.
    pub bytes: Vec<u8>,
    /// Results on held-out rows, as a Markdown table.
    pub results: String,
    /// Thresholds, seed, digests of the data and of the model, as Markdown.
    pub summary: String,
}

/// Trains the injection model that ships.
///
/// # Errors
/// [`TrainError`] if the data will not do.
pub fn ship_injection(
    files: TrainingFiles,
    embedding: &Embedding,
    seed: u64,
    tell: &mut dyn FnMut(&str),
) -> Result<Trained, TrainError> {
    let data = InjectionData { rows: files.rows, digests: files.digests };
    let model = injection(data, embedding, seed, tell)?;
    Ok(trained(model.bytes(), &model.metadata))
}

/// Trains the toxicity model that ships: every row of toxicity data, and harmless rows drawn from injection data (rows whose
/// source has a row of both kinds of files would be counted once).
///
/// # Errors
/// [`TrainError`] if the data will not do.
pub fn ship_toxicity(
    toxicity: TrainingFiles,
    harmless: TrainingFiles,
    embedding: &Embedding,
    seed: u64,
) -> Result<Trained, TrainError> {
    let mut rows: Vec<Row> = toxicity.rows.into_iter().filter(Row::may_ship).collect();
    // Before rows of both classes are made: what is made is not what was asked for.
    super::check_classes(&rows)?;
    rows.extend(draw_harmless(harmless.rows, seed));
    rows.extend(super::made::harm(seed));
    let digests = toxicity.digests.into_iter().chain(harmless.digests).collect();
    let model = text_model(TextData::toxicity(rows, digests), embedding, seed)?;
    Ok(trained(model.bytes(), &model.metadata))
}

/// Trains a check of a user's own, from the user's rows and made ones that have nothing to do with them. How the parts are weighed, and the
/// thresholds, come from the user's rows alone.
///
/// # Errors
/// [`TrainError`] if the name is none, or the data will not do.
pub fn custom(name: &str, files: TrainingFiles, embedding: &Embedding, seed: u64) -> Result<Trained, TrainError> {
    check_name(name)?;
    let mut rows = files.rows;
    // Before rows of one class are made: what is made is not what was asked for.
    super::check_classes(&rows)?;
    rows.extend(super::made::everyday(embedding, seed));
    let data = TextData::custom(name, rows, files.digests);
    let model: TextModel = text_model(data, embedding, seed)?;
    Ok(trained(model.bytes(), &model.metadata))
}

/// Names of checks are ids: small letters, digits and dashes.
///
/// # Errors
/// [`DataError::Name`].
pub fn check_name(name: &str) -> Result<(), DataError> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits { Ok(()) } else { Err(DataError::Name { name: name.chars().take(NAME_BYTES_MAX).collect() }) }
}

fn trained(bytes: Vec<u8>, metadata: &crate::model::Metadata) -> Trained {
    let summary = super::card::summary(metadata, &sha256(&bytes), bytes.len());
    Trained { results: injection_results(metadata), summary, bytes }
}

/// Every n-th harmless row of each source, so that no source has more than its share: the same rows for the same seed.
fn draw_harmless(rows: Vec<Row>, seed: u64) -> Vec<Row> {
    let packaged = |r: &Row| r.source.starts_with("pypi-") || r.source.starts_with("npm-");
    let group = |r: &Row| if packaged(r) { "packages".to_owned() } else { r.source.clone() };
    let mut rng = super::Rng::new(seed ^ 0x7071);
    let mut by_group: std::collections::BTreeMap<String, Vec<Row>> = std::collections::BTreeMap::new();
    for row in rows.into_iter().filter(|r| !r.positive && r.may_ship()) {
        by_group.entry(group(&row)).or_default().push(row);
    }
    let mut out = Vec::new();
    for (name, mut of) in by_group {
        rng.shuffle(&mut of);
        of.truncate(if name == "packages" { HARMLESS_OF_PACKAGES_MAX } else { HARMLESS_OF_SOURCE_MAX });
        out.extend(of);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{TrainingFiles, custom, draw_harmless};
    use crate::model::{TextModel, builtin_embedding};
    use crate::train::{DataError, Row, TrainError};

    fn labelled(rows: usize) -> String {
        (0..rows)
            .map(|i| {
                let text = if i % 2 == 0 { "our internal price list for crate" } else { "how do I store ripe plums" };
                format!("{{\"text\":\"{text} {i}\",\"label\":{}}}\n", u8::from(i % 2 == 0))
            })
            .collect()
    }

    #[test]
    fn the_same_file_and_seed_give_the_same_model() {
        let train = |seed| {
            let (mut files, text) = (TrainingFiles::default(), labelled(40));
            files.add("a.jsonl", text.as_bytes(), &text).expect("rows");
            custom("price-list", files, builtin_embedding(), seed).expect("a model")
        };
        let model = train(1);
        assert_eq!(model, train(1));
        assert_ne!(model.bytes, train(2).bytes);
        assert!(model.summary.contains("a.jsonl") && model.results.contains("| positive | 20 |"), "{}", model.results);
        let back = TextModel::parse(&model.bytes, builtin_embedding()).expect("what was written");
        assert_eq!(back.metadata.id, "price-list");
    }

    #[test]
    fn a_check_of_few_rows_leaves_alone_what_has_nothing_to_do_with_it() {
        let (mut files, text) = (TrainingFiles::default(), labelled(40));
        files.add("a.jsonl", text.as_bytes(), &text).expect("rows");
        let model = custom("price-list", files, builtin_embedding(), 1).expect("a model");
        let model = TextModel::parse(&model.bytes, builtin_embedding()).expect("what was written");
        let flag = model.metadata.calibration.thresholds[0].flag;
        let score = |text: &str| crate::model::sigmoid(model.logit_of(text, builtin_embedding()));
        assert!(score("the internal price list for the crates") >= flag);
        for text in [
            "The harbour was quiet, and the fishermen mended their nets in the shade.",
            "What is the boiling point of water on Mount Everest?",
            "error[E0382]: borrow of moved value: `config` in src/main.rs line 12",
            "Dear Ms Tanaka, the minutes of Monday are attached. Kind regards, Lena",
            "[package]\nname = \"demo\"\nedition = \"2024\"\n\n[dependencies]\nserde = \"1\"",
        ] {
            assert!(score(text) < flag, "{text}: {}", score(text));
        }
    }

    #[test]
    fn broken_rows_one_class_and_odd_names_are_refused() {
        let mut files = TrainingFiles::default();
        let refused = files.add("b.jsonl", b"", "{\"text\":\"a\",\"label\":1}\n{\"text\":1}").expect_err("line 2");
        assert!(refused.to_string().starts_with("b.jsonl: line 2: "), "{refused}");
        let mut one = TrainingFiles::default();
        one.add("c.jsonl", b"", &"{\"text\":\"a\",\"label\":1}\n".repeat(20)).expect("rows");
        let refused = custom("x", one, builtin_embedding(), 1).expect_err("one class");
        assert_eq!(refused, TrainError::Data(DataError::OneClass { class: "negative", rows: 0, min: 8 }));
        for (name, fits) in [("a", true), ("price-list-2", true), (&"a".repeat(40), true), (&"a".repeat(41), false)]
            .into_iter()
            .chain(["", "A", "a b", "../a", "1a"].map(|n| (n, false)))
        {
            assert_eq!(super::check_name(name).is_ok(), fits, "{name}");
        }
    }

    #[test]
    fn harmless_rows_are_drawn_alike_each_time() {
        let rows = |n: usize| -> Vec<Row> {
            (0..n)
                .map(|i| Row {
                    text: format!("t{i}"),
                    positive: i % 3 == 0,
                    source: if i % 2 == 0 { "pypi-a".into() } else { "clinc150".into() },
                    kind: String::new(),
                    licence: if i % 5 == 0 { "MIT".into() } else { "x; not redistributed".into() },
                })
                .collect()
        };
        let drawn = draw_harmless(rows(30), 1);
        assert_eq!(drawn.len(), 4);
        assert_eq!(drawn, draw_harmless(rows(30), 1));
        assert!(draw_harmless(rows(60_000), 1).iter().filter(|r| r.source == "clinc150").count() == 1200);
    }
}
