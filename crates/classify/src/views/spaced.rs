//! Letters set apart by spaces, dots, dashes and the like: `i g n o r e`.

use casemate_finding::Span;

use super::View;
use crate::text::{Mapped, Patches, lexicon};

/// Fewest single letters in a row that count as a word set apart.
const LETTERS_MIN: usize = 5;
/// Longest word that segmentation looks for, in bytes.
const SEGMENT_BYTES_MAX: usize = 16;

/// The letters of the view put together, and so much around them.
pub(super) fn read(view: &View, reach: usize) -> Option<Mapped> {
    // A character of one byte is ASCII.
    let single = |i: usize| view.words.get(i).is_some_and(|w| w.end - w.start == 1);
    let mut patches = Patches::default();
    let mut i = 0;
    while i < view.words.len() {
        let mut last = i;
        if single(i) {
            while single(last + 1) && gap(view, last) <= 3 {
                last += 1;
            }
            if last - i + 1 >= LETTERS_MIN
                && let Some(usual) = usual_separator(view, i, last)
            {
                join(view, i, last, usual, &mut patches);
                patches.close(Span::new(view.words[i].start as usize, view.words[last].end as usize));
            }
        }
        i = last + 1;
    }
    (patches.count() > 0).then(|| patches.near(view.text.text(), reach))
}

/// Bytes between word `i` and the next.
fn gap(view: &View, i: usize) -> usize {
    match (view.words.get(i), view.words.get(i + 1)) {
        (Some(a), Some(b)) => (b.start - a.end) as usize,
        _ => usize::MAX,
    }
}

/// What stands between word `i` and the next.
fn separator(view: &View, i: usize) -> &str {
    view.text.text().get(view.words[i].end as usize..view.words[i + 1].start as usize).unwrap_or_default()
}

/// The separator that stands in at least half of the gaps, if one does: the parts of a URL or a formula have none.
fn usual_separator(view: &View, first: usize, last: usize) -> Option<&str> {
    let candidates = (first..last.min(first + 4)).map(|i| separator(view, i));
    let count = |s: &str| (first..last).filter(|&i| separator(view, i) == s).count();
    candidates.map(|s| (count(s), s)).max().filter(|&(n, _)| n * 2 >= last - first).map(|(_, s)| s)
}

/// Joins letters `first..=last`. A separator unlike the usual one ends a word; where there is none, known words are
/// found by dynamic programming over the letters.
fn join(view: &View, first: usize, last: usize, usual: &str, out: &mut Patches) {
    let text = view.text.text();
    let mut run: Vec<(u8, Span)> = Vec::new();
    for i in first..=last {
        let w = view.words[i];
        run.push((text.as_bytes()[w.start as usize], Span::new(w.start as usize, w.end as usize)));
        if i == last || separator(view, i) != usual {
            segment(&run, out);
            if i != last {
                out.push(' ', Span::new(w.end as usize, view.words[i + 1].start as usize));
            }
            run.clear();
        }
    }
}

/// Splits joined letters into the fewest pieces of known words, unknown letters costing more than any known word.
fn segment(run: &[(u8, Span)], out: &mut Patches) {
    let letters: String = run.iter().map(|r| char::from(r.0)).collect();
    if lexicon::look_up(&letters).is_common() || run.len() > 4096 {
        run.iter().for_each(|&(b, origin)| out.push(char::from(b), origin));
        return;
    }
    // best[i]: least cost of the first i letters, and where the last piece begins.
    let mut best: Vec<(u32, usize)> = vec![(u32::MAX, 0); run.len() + 1];
    best[0] = (0, 0);
    for end in 1..=run.len() {
        for start in end.saturating_sub(SEGMENT_BYTES_MAX)..end {
            let known = letters.get(start..end).is_some_and(|w| w.len() > 1 && lexicon::look_up(w).is_common());
            let cost = if known { 6 } else { 5 * (end - start) as u32 + 8 };
            let total = best[start].0.saturating_add(cost);
            if total < best[end].0 {
                best[end] = (total, start);
            }
        }
    }
    let mut cuts = vec![];
    let mut at = run.len();
    while at > 0 {
        at = best[at].1;
        cuts.push(at);
    }
    for (i, &(b, origin)) in run.iter().enumerate() {
        if cuts.last() == Some(&i) {
            cuts.pop();
            if i > 0 {
                out.push(' ', Span::new(origin.start, origin.start));
            }
        }
        out.push(char::from(b), origin);
    }
}
