//! The steps of a playbook as a graph: one column for each of the five phases, arrows between the steps.

use std::fmt::Write as _;

use casemate_playbook::Phase;

use crate::data::{RunView, StepView};
use crate::words::{self, Markup, escape};

/// Size of a node and of the grid it stands on.
const NODE_W: usize = 184;
const NODE_H: usize = 58;
const COLUMN: usize = 232;
const ROW: usize = 84;
const TOP: usize = 44;
const LEFT: usize = 24;
/// Characters of a name that fit on a line of a node.
const LINE_CHARS: usize = 24;

/// Draws it; empty if there are no steps.
pub fn step_graph(view: &RunView) -> Markup {
    if view.steps.is_empty() {
        return Markup::default();
    }
    let mut rows = [0_usize; Phase::ALL.len()];
    let spots: Vec<(usize, usize)> = view
        .steps
        .iter()
        .map(|s| {
            let column = Phase::ALL.iter().position(|p| *p == s.phase).unwrap_or(0);
            let row = rows[column];
            rows[column] += 1;
            (LEFT + column * COLUMN, TOP + row * ROW)
        })
        .collect();
    let width = LEFT * 2 + (Phase::ALL.len() - 1) * COLUMN + NODE_W;
    let height = TOP + rows.iter().max().copied().unwrap_or(1) * ROW;
    let mut out = format!(
        r#"<svg class="graph" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group" aria-label="Steps by phase; the list below says the same"><defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="arrow" d="M0 0L8 4L0 8z"/></marker></defs>"#
    );
    for (i, phase) in Phase::ALL.iter().enumerate() {
        let x = LEFT + i * COLUMN;
        let lane = x - 12;
        let lane_w = NODE_W + 24;
        let lane_h = height - 8;
        let _ = write!(
            out,
            r#"<rect class="lane" x="{lane}" y="4" width="{lane_w}" height="{lane_h}" rx="10"/><text class="lane-name" x="{x}" y="27">{}</text>"#,
            phase.as_str()
        );
    }
    for e in &view.edges {
        edge(&mut out, view, e, &spots);
    }
    for (i, (step, spot)) in view.steps.iter().zip(&spots).enumerate() {
        node(&mut out, step, i, *spot);
    }
    out.push_str("</svg>");
    Markup::from_escaped(out)
}

fn edge(out: &mut String, view: &RunView, e: &crate::data::Edge, spots: &[(usize, usize)]) {
    let (Some(&(x1, y1)), Some(&(x2, y2))) = (spots.get(e.from), spots.get(e.to)) else { return };
    let reached = |i: usize| view.steps.get(i).is_some_and(|s| s.walk.reached());
    let class = if reached(e.from) && reached(e.to) { "edge walked" } else { "edge" };
    let mid = NODE_H / 2;
    let (path, label_x, label_y) = if x1 == x2 && y2 == y1 + ROW {
        let x = x1 + NODE_W / 2;
        (format!("M{x} {}V{}", y1 + NODE_H, y2 - 2), x + 6, y1 + NODE_H + 17)
    } else if x1 == x2 {
        // Past other steps of the same column: round them on the left.
        let side = x1 - 10;
        (format!("M{x1} {}C{side} {} {side} {} {} {}", y1 + mid, y1 + mid, y2 + mid, x2 - 2, y2 + mid), x1 - 8, y1 - 4)
    } else if x2 > x1 {
        let (from, to) = (x1 + NODE_W, x2 - 2);
        let bend = (from + to) / 2;
        (
            format!("M{from} {}C{bend} {} {bend} {} {to} {}", y1 + mid, y1 + mid, y2 + mid, y2 + mid),
            from + 3,
            y1 + mid - 5,
        )
    } else {
        let (from, to) = (x1, x2 + NODE_W + 2);
        let bend = (from + to) / 2;
        (
            format!("M{from} {}C{bend} {} {bend} {} {to} {}", y1 + mid, y1 + mid, y2 + mid, y2 + mid),
            to + 3,
            y1 + mid - 5,
        )
    };
    let _ = write!(out, r#"<path class="{class}" d="{path}" marker-end="url(#arrow)"/>"#);
    if !e.label.is_empty() {
        let label = words::cut(&e.label, 12);
        let _ = write!(out, r#"<text class="edge-name" x="{label_x}" y="{label_y}">{}</text>"#, escape(&label));
    }
}

fn node(out: &mut String, step: &StepView, i: usize, (x, y): (usize, usize)) {
    let walk = step.walk;
    let lines = wrap(&step.name);
    let state = match (step.took(), step.attempts) {
        (Some(took), a) if a > 1 => format!("{} · {took} · {a} attempts", walk.as_str()),
        (Some(took), _) => format!("{} · {took}", walk.as_str()),
        (None, _) => walk.as_str().to_owned(),
    };
    let _ = write!(
        out,
        r##"<a href="#step-{i}" aria-label="{name}, {state}"><title>{name}</title><rect class="node node-{class}" x="{x}" y="{y}" width="{NODE_W}" height="{NODE_H}" rx="8"/><text class="sign sign-{class}" x="{sx}" y="{sy}">{sign}</text>"##,
        name = escape(&step.name),
        class = walk.as_str(),
        sx = x + 10,
        sy = y + NODE_H - 12,
        sign = walk.sign(),
    );
    let (first, second) = lines;
    let top = if second.is_empty() { y + 24 } else { y + 18 };
    let _ = write!(out, r#"<text class="node-name" x="{}" y="{top}">{}</text>"#, x + 10, escape(&first));
    if !second.is_empty() {
        let _ = write!(out, r#"<text class="node-name" x="{}" y="{}">{}</text>"#, x + 10, top + 14, escape(&second));
    }
    let _ =
        write!(out, r#"<text class="node-state" x="{}" y="{}">{}</text></a>"#, x + 26, y + NODE_H - 12, escape(&state));
}

/// A name on at most two lines, broken between words where that is possible.
fn wrap(name: &str) -> (String, String) {
    if name.chars().count() <= LINE_CHARS {
        return (name.to_owned(), String::new());
    }
    let mut first = String::new();
    let mut rest = name;
    for word in name.split_inclusive(' ') {
        if first.chars().count() + word.trim_end().chars().count() > LINE_CHARS {
            break;
        }
        first.push_str(word);
        rest = &rest[word.len()..];
    }
    if first.is_empty() {
        first = name.chars().take(LINE_CHARS).collect();
        rest = &name[first.len()..];
    }
    (first.trim_end().to_owned(), words::cut(rest.trim_start(), LINE_CHARS - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Edge, Walk};

    fn step(name: &str, phase: Phase) -> StepView {
        StepView {
            id: name.into(),
            name: name.into(),
            kind: "action".into(),
            phase,
            walk: Walk::Done,
            times: 1,
            attempts: 2,
            started_at: Some(casemate_finding::UnixMs(0)),
            ended_at: Some(casemate_finding::UnixMs(40)),
            summary: String::new(),
            commands: vec![],
        }
    }

    #[test]
    fn hostile_names_stay_text() {
        let view = RunView {
            steps: vec![step("<script>alert(1)</script>", Phase::Trigger), step("\"'><b>", Phase::Handoff)],
            edges: vec![Edge { from: 0, to: 1, label: "<i>".into() }, Edge { from: 7, to: 0, label: String::new() }],
            ..RunView::default()
        };
        let svg = step_graph(&view).to_string();
        assert!(!svg.contains("<script") && !svg.contains("<b>") && !svg.contains("<i>"), "{svg}");
        assert!(svg.contains("done · 40 ms · 2 attempts"));
        assert_eq!(svg.matches("class=\"edge walked\"").count(), 1);
        assert_eq!(step_graph(&RunView::default()), Markup::default());
    }

    #[test]
    fn names_are_wrapped_between_words() {
        let two = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(wrap("Limit the range"), two("Limit the range", ""));
        assert_eq!(wrap("Preserve a sample of the traffic"), two("Preserve a sample of the", "traffic"));
        assert_eq!(wrap(&"ä".repeat(60)), two(&"ä".repeat(24), &format!("{}…", "ä".repeat(23))));
    }
}
