//! The generated allow-list: classes, constructors and functions read off published wheels.

/// What the wheels say of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generated {
    /// A class: may be made without calling it.
    Class,
    /// A class whose constructor reaches no sink, or a function that a reducer names.
    Constructor,
    /// A function without a sink: may be named.
    Function,
}

/// Sorted lines: `module<TAB>classes<TAB>constructors<TAB>functions`, names joined by spaces.
static DATA: &str = include_str!("../../data/allow.tsv");

/// Frameworks that write models and whose wheels are not in the data.
static MORE_FRAMEWORKS: &[&str] = &["catboost", "keras", "tensorflow", "tf_keras"];

/// The framework that `module` belongs to.
pub(crate) fn framework_of(module: &str) -> Option<&str> {
    let top = module.split('.').next().unwrap_or(module);
    if MORE_FRAMEWORKS.contains(&top) {
        return Some(top);
    }
    // The first line that is not before the package's name is of the package, if any is.
    let at = search(top).unwrap_or_else(|at| at);
    let line = DATA.get(at..)?;
    let rest = line.strip_prefix(top)?;
    rest.starts_with(['.', '\t']).then_some(top)
}

/// Where the line of `module` begins, or where it would.
fn search(module: &str) -> Result<usize, usize> {
    let data = DATA.as_bytes();
    let (mut low, mut high) = (0, data.len());
    while low < high {
        let mid = low + (high - low) / 2;
        let start = memchr::memrchr(b'\n', &data[low..mid]).map_or(low, |i| low + i + 1);
        let end = memchr::memchr(b'\n', &data[start..]).map_or(data.len(), |i| start + i);
        let line = DATA.get(start..end).unwrap_or_default();
        let key = line.split('\t').next().unwrap_or(line);
        match key.cmp(module) {
            std::cmp::Ordering::Equal => return Ok(start),
            std::cmp::Ordering::Less => low = (end + 1).min(high),
            std::cmp::Ordering::Greater => high = start,
        }
    }
    Err(low)
}

/// The line of `module`.
fn line_of(module: &str) -> Option<&'static str> {
    DATA.get(search(module).ok()?..)?.lines().next()
}

/// What the wheels say of `module.name`.
pub(crate) fn lookup(module: &str, name: &str) -> Option<Generated> {
    let mut columns = line_of(module)?.split('\t').skip(1);
    for kind in [Generated::Class, Generated::Constructor, Generated::Function] {
        if columns.next()?.split(' ').any(|n| n == name) {
            return Some(kind);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{DATA, framework_of, line_of};

    #[test]
    fn data_is_sorted_and_every_line_is_found() {
        for (module, known) in [
            ("sklearn.anything", true),
            ("torch", true),
            ("keras.x", true),
            ("sk", false),
            ("torchx.y", false),
            ("", false),
            ("zzzz", false),
        ] {
            assert_eq!(framework_of(module).is_some(), known, "{module}");
        }
        let keys: Vec<&str> = DATA.lines().filter_map(|l| l.split('\t').next()).collect();
        assert!(keys.windows(2).all(|w| w[0] < w[1]), "sorted by module");
        for k in &keys {
            assert!(line_of(k).is_some(), "{k}");
        }
        assert!(line_of("zzz.none").is_none() && line_of("").is_none());
    }
}
