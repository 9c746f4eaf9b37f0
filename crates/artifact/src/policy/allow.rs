//! The generated allow-list: classes, constructors, functions and sinks read off published wheels.

/// What the wheels say of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generated {
    /// A class: may be made without calling it.
    Class,
    /// A class whose constructor reaches no sink, or a function that a reducer names.
    Constructor,
    /// A function without a sink: may be named.
    Function,
    /// A function that reaches a sink.
    Sink,
}

/// Sorted lines: `module<TAB>c names<TAB>i names<TAB>f names<TAB>x names`, names joined by spaces.
static DATA: &str = include_str!("../../data/allow.tsv");

/// Frameworks whose wheels were read, and the others that are known to write models.
static FRAMEWORKS: &[&str] = &[
    "accelerate",
    "catboost",
    "diffusers",
    "imblearn",
    "joblib",
    "keras",
    "lightgbm",
    "nltk",
    "numpy",
    "pandas",
    "peft",
    "safetensors",
    "scipy",
    "sentence_transformers",
    "sklearn",
    "statsmodels",
    "tensorflow",
    "timm",
    "tokenizers",
    "torch",
    "torchvision",
    "transformers",
    "xgboost",
];

/// The framework that `module` belongs to.
pub(crate) fn framework_of(module: &str) -> Option<&'static str> {
    let top = module.split('.').next().unwrap_or(module);
    FRAMEWORKS.binary_search(&top).ok().map(|i| FRAMEWORKS[i])
}

/// The line of `module`, by binary search over the text.
fn line_of(module: &str) -> Option<&'static str> {
    let data = DATA.as_bytes();
    let (mut low, mut high) = (0, data.len());
    while low < high {
        let mid = low + (high - low) / 2;
        let start = memchr::memrchr(b'\n', &data[low..mid]).map_or(low, |i| low + i + 1);
        let end = memchr::memchr(b'\n', &data[start..]).map_or(data.len(), |i| start + i);
        let line = DATA.get(start..end)?;
        let key = line.split('\t').next().unwrap_or(line);
        match key.cmp(module) {
            std::cmp::Ordering::Equal => return Some(line),
            std::cmp::Ordering::Less => low = (end + 1).min(high),
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

/// What the wheels say of `module.name`.
pub(crate) fn lookup(module: &str, name: &str) -> Option<Generated> {
    let mut columns = line_of(module)?.split('\t').skip(1);
    for kind in [Generated::Class, Generated::Constructor, Generated::Function, Generated::Sink] {
        if columns.next()?.split(' ').any(|n| n == name) {
            return Some(kind);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{DATA, FRAMEWORKS, line_of};

    #[test]
    fn data_is_sorted_and_every_line_is_found() {
        assert!(FRAMEWORKS.windows(2).all(|w| w[0] < w[1]));
        let keys: Vec<&str> = DATA.lines().filter_map(|l| l.split('\t').next()).collect();
        assert!(keys.windows(2).all(|w| w[0] < w[1]), "sorted by module");
        for k in &keys {
            assert!(line_of(k).is_some(), "{k}");
        }
        assert!(line_of("zzz.none").is_none() && line_of("").is_none());
    }
}
