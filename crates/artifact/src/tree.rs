//! What was inside what, as an indented list for `casemate scan --tree`.

use crate::report::FileReport;

/// One line for each part: indentation by depth, its name, format, size in bytes and worst severity.
pub fn render_tree(report: &FileReport) -> String {
    let mut out = String::new();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); report.tree.len()];
    for (i, n) in report.tree.iter().enumerate() {
        if let Some(of) = n.parent.and_then(|p| children.get_mut(p)) {
            of.push(i);
        }
    }
    // Children are listed behind their parent, in the order in which they were found.
    let mut open: Vec<(usize, usize)> = vec![(0, 0)];
    while let Some((i, depth)) = open.pop() {
        let Some(n) = report.tree.get(i) else { continue };
        let name = if n.member.is_empty() { &report.path } else { &n.member };
        let short = n
            .parent
            .and_then(|p| report.tree.get(p))
            .and_then(|p| name.strip_prefix(&format!("{}!/", p.member)))
            .unwrap_or(name);
        out.push_str(&format!("{}{short}  [{}, {} B, {}]\n", "  ".repeat(depth), n.format, n.size_bytes, n.severity));
        open.extend(children[i].iter().rev().map(|c| (*c, depth + 1)));
    }
    out
}
