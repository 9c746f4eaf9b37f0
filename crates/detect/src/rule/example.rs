//! Example templates: so that no live-looking key stands in a rule file, examples say what to make up.

use crate::rule::pattern::{Part, Pattern};

/// Fills a template in: every `{class:count}` becomes that many characters of the class, drawn from a generator seeded
/// with `seed`; `¦` (used to split tell-tale literals) disappears. What cannot be read as a pattern stays as it is.
pub fn render_example(template: &str, seed: u64) -> String {
    let mut out = String::new();
    let mut state = seed | 1;
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let Some(close) = rest.find('}') else { break };
        match Pattern::parse(&rest[..=close]) {
            Ok(pattern) => pattern.parts.iter().for_each(|part| fill(part, &mut state, &mut out)),
            Err(_) => out.push_str(&rest[..=close]),
        }
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    out.replace('¦', "")
}

fn fill(part: &Part, state: &mut u64, out: &mut String) {
    match part {
        Part::Literal(l) => out.push_str(&String::from_utf8_lossy(l)),
        Part::Class { set, min, .. } => {
            let members: Vec<char> = (33..127u8).filter(|b| set.has(*b)).map(char::from).collect();
            for _ in 0..*min {
                out.push(members[next(state) as usize % members.len()]);
            }
        }
    }
}

/// SplitMix64: enough for examples, not for keys.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) >> 8
}

#[cfg(test)]
mod tests {
    use super::render_example;

    #[test]
    fn fills_classes_and_joins_splits() {
        let text = render_example("k=AK¦IA{upper36:16} {x} ", 7);
        assert_eq!(text.len(), "k=AKIA".len() + 16 + " {x} ".len());
        assert!(text.starts_with("k=AKIA") && text.ends_with(" {x} "));
        assert_eq!(text, render_example("k=AK¦IA{upper36:16} {x} ", 7));
    }
}
