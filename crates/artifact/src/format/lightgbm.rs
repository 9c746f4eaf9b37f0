//! LightGBM's text models (`tree`, versions 2 to 4): the arrays of each tree as long as its leaves ask for, children and
//! features that exist, and trees where `tree_sizes` says. Prediction follows these numbers without looking.

use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan, printable};
use crate::source::Window;

/// Longest line read.
const LINE_BYTES_MAX: u64 = 8 << 20;
/// Most leaves of one tree that LightGBM itself allows (`num_leaves`).
const LEAVES_MAX: usize = 131_072;

/// True for a text model.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    head.starts_with(b"tree\nversion=v") || head.starts_with(b"tree\r\nversion=v")
}

/// The numbers of one tree that lead to others.
#[derive(Default)]
struct Tree {
    at: u64,
    leaves: Option<usize>,
    categories: usize,
    features: Vec<i64>,
    left: Vec<i64>,
    right: Vec<i64>,
    boundaries: Vec<i64>,
    /// Lengths of the arrays that have an element for each split, and for each leaf.
    splits: Vec<(&'static str, usize)>,
    values: Option<usize>,
    thresholds: Option<usize>,
}

#[derive(Default)]
struct Model {
    features_max: Option<i64>,
    sizes: Vec<u64>,
    /// Where the first tree begins.
    base: Option<u64>,
    trees: u64,
}

/// Checks the model line by line.
pub(crate) fn scan_lightgbm(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("lightgbm");
    let mut window = Window::new(&job.source);
    let mut model = Model::default();
    let mut tree: Option<Tree> = None;
    let mut at = 0u64;
    while at < job.source.len() {
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in a LightGBM model");
            return;
        }
        let end = window.find(b'\n', at, LINE_BYTES_MAX + 1).unwrap_or(job.source.len());
        if end - at > LINE_BYTES_MAX {
            scan.incomplete(format!("a line of a LightGBM model of more than {LINE_BYTES_MAX} bytes"));
            return;
        }
        let raw = job.source.bytes(at, usize::try_from(end - at).unwrap_or(0));
        let line = String::from_utf8_lossy(&raw);
        let line = line.trim_end_matches('\r');
        if line.starts_with("Tree=") || line == "end of trees" {
            if let Some(tree) = tree.take() {
                finish(scan, &model, &tree);
            }
            begins(scan, &mut model, at, line != "end of trees", job.source.len());
            if line == "end of trees" {
                return;
            }
            tree = Some(Tree { at, ..Tree::default() });
        } else if let Some((key, value)) = line.split_once('=') {
            match &mut tree {
                Some(tree) => field(scan, tree, key, value, at),
                None => head(&mut model, key, value),
            }
        }
        at = end + 1;
    }
    if let Some(tree) = tree {
        finish(scan, &model, &tree);
    }
    scan.find(&rules::LAYOUT, Review, at, "the model is cut: its trees have no end", String::new(), &[]);
}

fn head(model: &mut Model, key: &str, value: &str) {
    match key {
        "max_feature_idx" => model.features_max = value.trim().parse().ok(),
        "tree_sizes" => model.sizes = value.split_whitespace().map_while(|n| n.parse().ok()).collect(),
        _ => {}
    }
}

/// A tree begins at `at`, or the trees end there: as `tree_sizes` says?
fn begins(scan: &mut Scan<'_, '_>, model: &mut Model, at: u64, tree: bool, len: u64) {
    let index = model.trees;
    let base = *model.base.get_or_insert(at);
    model.trees += u64::from(tree);
    if model.sizes.is_empty() {
        // Versions before 3 have none.
        return;
    }
    let before = usize::try_from(index).ok().and_then(|i| model.sizes.get(..i));
    let wanted = before.and_then(|s| s.iter().try_fold(base, |sum, n| sum.checked_add(*n)));
    let counted = tree || index == model.sizes.len() as u64;
    let outside = model.sizes.iter().try_fold(base, |sum, n| sum.checked_add(*n)).is_none_or(|end| end > len);
    if counted && wanted == Some(at) && !outside {
        return;
    }
    // One finding is enough: what follows is moved by the same amount.
    let (severity, message) = if outside {
        (Suspicious, "the sizes of the trees lead behind the end of the file")
    } else {
        (Review, "the trees do not stand where their sizes say")
    };
    scan.find(&rules::TENSOR_LAYOUT, severity, base, message, format!("tree {index}"), &[]);
    model.sizes.clear();
}

fn field(scan: &mut Scan<'_, '_>, tree: &mut Tree, key: &str, value: &str, at: u64) {
    let count = |value: &str| value.split_whitespace().count();
    let numbers = |value: &str| -> Option<Vec<i64>> { value.split_whitespace().map(|n| n.parse().ok()).collect() };
    let mut whole = |value: &str| {
        numbers(value).unwrap_or_else(|| {
            let message = format!("`{}` of a tree holds what is no whole number", printable(key));
            scan.find(&rules::TENSOR_LAYOUT, Suspicious, at, message, String::new(), &[]);
            Vec::new()
        })
    };
    match key {
        "num_leaves" => tree.leaves = value.trim().parse().ok().filter(|n| (1..=LEAVES_MAX).contains(n)),
        "num_cat" => tree.categories = value.trim().parse().unwrap_or(usize::MAX),
        "split_feature" => {
            tree.features = whole(value);
            tree.splits.push(("split_feature", tree.features.len()));
        }
        "left_child" => {
            tree.left = whole(value);
            tree.splits.push(("left_child", tree.left.len()));
        }
        "right_child" => {
            tree.right = whole(value);
            tree.splits.push(("right_child", tree.right.len()));
        }
        "threshold" => tree.splits.push(("threshold", count(value))),
        "decision_type" => tree.splits.push(("decision_type", count(value))),
        "leaf_value" => tree.values = Some(count(value)),
        "cat_boundaries" => tree.boundaries = whole(value),
        "cat_threshold" => tree.thresholds = Some(count(value)),
        _ => {}
    }
}

/// Checks a tree once all of it was seen.
fn finish(scan: &mut Scan<'_, '_>, model: &Model, tree: &Tree) {
    if let Some(why) = wrong(model, tree) {
        let message = "the numbers of a tree lead outside of it";
        scan.find(&rules::TENSOR_LAYOUT, Suspicious, tree.at, message, why, &[]);
    }
}

fn wrong(model: &Model, tree: &Tree) -> Option<String> {
    let Some(leaves) = tree.leaves else { return Some(format!("num_leaves is not 1 to {LEAVES_MAX}")) };
    if tree.values.is_some_and(|n| n != leaves) {
        return Some(format!("leaf_value has {} values for {leaves} leaves", tree.values.unwrap_or(0)));
    }
    // A tree of one leaf has no splits; some versions write a value for one all the same.
    let splits = leaves - 1;
    if leaves > 1 {
        for (name, n) in &tree.splits {
            if *n != splits {
                return Some(format!("{name} has {n} values for {splits} splits"));
            }
        }
        for name in ["split_feature", "left_child", "right_child"] {
            if !tree.splits.iter().any(|(n, _)| *n == name) {
                return Some(format!("{name} is missing"));
            }
        }
        // A child is a split, or a leaf by its complement.
        let child = |c: &i64| if *c >= 0 { (*c as u64) < splits as u64 } else { (!*c as u64) < leaves as u64 };
        if let Some(c) = tree.left.iter().chain(&tree.right).find(|c| !child(c)) {
            return Some(format!("child {c} of {splits} splits and {leaves} leaves"));
        }
        if let Some(f) = tree.features.iter().find(|f| **f < 0 || model.features_max.is_some_and(|m| **f > m)) {
            return Some(format!("feature {f} of {}", model.features_max.unwrap_or(0)));
        }
    }
    if tree.categories == 0 {
        return None;
    }
    let rising = tree.boundaries.windows(2).all(|w| w[0] <= w[1]) && tree.boundaries.first() == Some(&0);
    let end = tree.boundaries.last().and_then(|n| usize::try_from(*n).ok());
    let sound = tree.boundaries.len().checked_sub(1) == Some(tree.categories) && rising && end == tree.thresholds;
    (!sound).then(|| "cat_boundaries are not those of num_cat and cat_threshold".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{LEAVES_MAX, LINE_BYTES_MAX};
    use crate::ArtifactSeverity::{Data, Review, Suspicious};
    use crate::{FileReport, ScanConfig, scan_bytes};

    fn scan(text: &str) -> FileReport {
        scan_bytes("model.txt", text.as_bytes(), &ScanConfig::default())
    }

    /// A model of the same tree twice.
    fn model(tree: &str) -> String {
        let trees: Vec<String> = (0..2).map(|i| format!("Tree={i}\n{tree}\n\n\n")).collect();
        let sizes: Vec<String> = trees.iter().map(|t| t.len().to_string()).collect();
        let head = format!("tree\nversion=v4\nnum_class=1\nmax_feature_idx=3\ntree_sizes={}\n\n", sizes.join(" "));
        format!("{head}{}end of trees\n\nparameters:\n[boosting: gbdt]\nend of parameters\n", trees.concat())
    }

    const TREE: &str = "num_leaves=3\nnum_cat=0\nsplit_feature=0 3\nthreshold=0.5 1e-3\ndecision_type=2 2\n\
        left_child=1 -1\nright_child=-2 -3\nleaf_value=0.1 -0.2 0.3";

    #[test]
    fn trees_lead_where_they_may() {
        let r = scan(&model(TREE));
        assert!(r.is_clean() && r.format.contains("lightgbm"), "{r:?}");
        for (from, to, want) in [
            ("left_child=1 -1", "left_child=2 -1", Suspicious),
            ("left_child=1 -1", "left_child=1 -4", Suspicious),
            ("left_child=1 -1", "left_child=1", Suspicious),
            ("left_child=1 -1", "left_child=1 x", Suspicious),
            ("left_child=1 -1\n", "", Suspicious),
            ("split_feature=0 3", "split_feature=0 4", Suspicious),
            ("split_feature=0 3", "split_feature=0 -1", Suspicious),
            ("leaf_value=0.1 -0.2 0.3", "leaf_value=0.1", Suspicious),
            ("num_cat=0", "num_cat=1\ncat_boundaries=0 2\ncat_threshold=7 9", Data),
            ("num_cat=0", "num_cat=1\ncat_boundaries=0 3\ncat_threshold=7 9", Suspicious),
            ("num_leaves=3", "num_leaves=0", Suspicious),
        ] {
            let r = scan(&model(&TREE.replace(from, to)));
            assert_eq!(r.severity, want, "{to}: {r:?}");
        }
        assert!(scan(&model("num_leaves=1\nnum_cat=0\nsplit_feature=\nleaf_value=0.5")).is_clean());
    }

    #[test]
    fn sizes_are_those_of_the_trees() {
        let good = model(TREE);
        let moved = good.replacen("num_leaves=3", "num_leaves=3 ", 1);
        assert_eq!(scan(&moved).severity, Review);
        let size = good.split("tree_sizes=").nth(1).and_then(|s| s.split(' ').next()).expect("there");
        assert_eq!(scan(&good.replacen(size, "9999999", 1)).severity, Suspicious);
        assert_eq!(scan(&good[..good.len() / 2]).severity, Suspicious, "cut in the middle");
    }

    #[test]
    fn limits() {
        let line = |n: u64| {
            model(TREE).replacen("num_class=1", &format!("a={}", "x".repeat(usize::try_from(n).expect("small") - 2)), 1)
        };
        assert!(scan(&line(LINE_BYTES_MAX)).complete && !scan(&line(LINE_BYTES_MAX + 1)).complete);
        let leaves = |n: usize| scan(&model(&format!("num_leaves={n}"))).findings[0].evidence.clone();
        assert_eq!(leaves(LEAVES_MAX), "split_feature is missing");
        assert!(leaves(LEAVES_MAX + 1).starts_with("num_leaves"));
    }
}
