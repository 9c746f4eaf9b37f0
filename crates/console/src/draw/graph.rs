//! The steps of a playbook as a graph: one column for each of the five phases, arrows between the steps.

use std::fmt::Write as _;

use askama::filters::Safe;

use casemate_playbook::Phase;

use crate::data::{Edge, RunView, StepView};
use crate::words::{self, Markup, escape};

/// Width and height of a node.
const NODE_W: usize = 162;
const NODE_H: usize = 74;
/// Width of a phase's column and height of a row.
const COLUMN: usize = 198;
const ROW: usize = 100;
/// Where the first node stands.
const TOP: usize = 46;
const LEFT: usize = 16;
/// Space between a lane's edge and its nodes.
const LANE_PAD: usize = 10;
/// Characters of a name that fit on a line of a node, and lines.
const LINE_CHARS: usize = 21;
const LINES: usize = 3;

/// Draws it; empty if there are no steps.
pub fn step_graph(view: &RunView) -> Markup {
    if view.steps.is_empty() {
        return Safe(String::new());
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
        let (lane, lane_w, lane_h) = (x - LANE_PAD, NODE_W + 2 * LANE_PAD, height - 8);
        let name = phase.as_str();
        let _ = write!(
            out,
            r#"<rect class="lane" x="{lane}" y="4" width="{lane_w}" height="{lane_h}" rx="10"/><text class="lane-name" x="{x}" y="25">{name}</text>"#,
        );
    }
    for e in &view.edges {
        edge(&mut out, view, e, &spots);
    }
    for (i, (step, spot)) in view.steps.iter().zip(&spots).enumerate() {
        node(&mut out, step, i, *spot);
    }
    out.push_str("</svg>");
    Safe(out)
}

fn edge(out: &mut String, view: &RunView, e: &Edge, spots: &[(usize, usize)]) {
    let (Some(&(x1, y1)), Some(&(x2, y2))) = (spots.get(e.from), spots.get(e.to)) else { return };
    let reached = |i: usize| view.steps.get(i).is_some_and(|s| s.walk.reached());
    let class = match (reached(e.from) && reached(e.to), e.upset) {
        (true, _) => "edge walked",
        (false, true) => "edge upset",
        (false, false) => "edge",
    };
    let (from_y, to_y) = (y1 + NODE_H / 2, y2 + NODE_H / 2);
    let path = if x1 == x2 && y2 == y1 + ROW {
        let x = x1 + NODE_W / 2;
        format!("M{x} {}V{}", y1 + NODE_H, y2 - 2)
    } else if x1 == x2 {
        // Past other steps of the same column: round them on the left.
        let side = x1 - LANE_PAD + 2;
        format!("M{x1} {from_y}C{side} {from_y} {side} {to_y} {} {to_y}", x2 - 2)
    } else {
        let (from, to) = if x2 > x1 { (x1 + NODE_W, x2 - 2) } else { (x1, x2 + NODE_W + 2) };
        let bend = usize::midpoint(from, to);
        format!("M{from} {from_y}C{bend} {from_y} {bend} {to_y} {to} {to_y}")
    };
    let _ = write!(out, r#"<path class="{class}" d="{path}" marker-end="url(#arrow)"/>"#);
    if !e.label.is_empty() {
        let label = words::cut(&e.label, 22);
        let _ = write!(out, r#"<text class="edge-name" x="{}" y="{}">{}</text>"#, x2 + 4, y2 - 6, escape(&label));
    }
}

fn node(out: &mut String, step: &StepView, i: usize, (x, y): (usize, usize)) {
    let walk = step.walk;
    let state = match (step.took(), step.attempts) {
        (Some(took), a) if a > 1 => format!("{} · {took} · {a} tries", walk.as_str()),
        (Some(took), _) => format!("{} · {took}", walk.as_str()),
        (None, _) => walk.as_str().to_owned(),
    };
    let (name, class, sign) = (escape(&step.name), walk.as_str(), walk.sign());
    let (foot, text_x) = (y + NODE_H - 10, x + 10);
    let _ = write!(
        out,
        r##"<a href="#step-{i}" aria-label="{name}, {state}"><title>{name}</title><rect class="node node-{class}" x="{x}" y="{y}" width="{NODE_W}" height="{NODE_H}" rx="8"/><text class="sign sign-{class}" x="{text_x}" y="{foot}">{sign}</text>"##,
    );
    for (line, text) in wrap(&step.name).iter().enumerate() {
        let line_y = y + 17 + line * 14;
        let _ = write!(out, r#"<text class="node-name" x="{text_x}" y="{line_y}">{}</text>"#, escape(text));
    }
    let _ = write!(out, r#"<text class="node-state" x="{}" y="{foot}">{}</text></a>"#, x + 25, escape(&state));
}

/// A name on at most [`LINES`] lines, broken between words where that is possible.
fn wrap(name: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line: Vec<char> = Vec::new();
    for word in name.split_whitespace() {
        let word: Vec<char> = word.chars().collect();
        if !line.is_empty() && line.len() + 1 + word.len() > LINE_CHARS {
            lines.push(line.drain(..).collect());
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
        while line.len() > LINE_CHARS {
            lines.push(line.drain(..LINE_CHARS).collect());
        }
        if lines.len() > LINES {
            break;
        }
    }
    if !line.is_empty() {
        lines.push(line.into_iter().collect());
    }
    if lines.len() > LINES {
        lines.truncate(LINES);
        let last: String = lines[LINES - 1].chars().take(LINE_CHARS - 1).collect();
        lines[LINES - 1] = format!("{last}…");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Walk;

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
            edges: vec![
                Edge { from: 0, to: 1, label: "<i>".into(), upset: false },
                Edge { from: 7, to: 0, label: String::new(), upset: true },
            ],
            ..RunView::default()
        };
        let svg = step_graph(&view).0;
        assert!(!svg.contains("<script") && !svg.contains("<b>") && !svg.contains("<i>"), "{svg}");
        assert!(svg.contains("done · 40 ms · 2 tries"));
        assert_eq!(svg.matches("class=\"edge walked\"").count(), 1);
        assert_eq!(step_graph(&RunView::default()).0, "");
    }

    #[test]
    fn names_are_wrapped_between_words() {
        assert_eq!(wrap("Limit the range"), ["Limit the range"]);
        assert_eq!(wrap("Preserve a sample of the traffic"), ["Preserve a sample of", "the traffic"]);
        assert_eq!(wrap(&"ä".repeat(30)), ["ä".repeat(21), "ä".repeat(9)]);
        assert_eq!(wrap(&"word ".repeat(40))[2], "word word word word…");
        assert!(wrap("").is_empty());
    }
}
