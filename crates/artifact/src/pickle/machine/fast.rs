//! The opcodes that make up nearly all of a large pickle, in one loop over the bytes that are at hand: numbers, short
//! texts, containers, the memo. Whatever is not plain (a name, a call, an empty stack, the end of a frame or of the
//! window, a limit) is left to [`Machine::step`], which alone decides; both must do the same.

use super::{CHILDREN_MAX, Kind, Machine, NESTING_MAX, StrForm, Tag, Value, WEIGHT_MAX};

/// Longest operand that the loop looks at without asking whether it is there.
const OPERAND_BYTES: usize = 9;
/// Texts up to here are not screened for other files.
const TEXT_BYTES: usize = 12;

impl Machine<'_, '_> {
    /// Executes plain opcodes from the current place on, at most `opcodes_max`.
    pub(super) fn plain_run(&mut self, opcodes_max: u64) {
        if self.places.is_some() || self.lenient || self.pos >= self.frame_end && self.frame_end != u64::MAX {
            return;
        }
        let start = self.pos;
        let bytes = self.window.at_hand(start);
        // Nothing may reach over the end of the frame.
        let frame = usize::try_from(self.frame_end - start).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(frame)];
        let (arena, stack, memo, marks) = (&mut self.arena, &mut self.stack, &mut self.memo, &mut self.marks);
        let stack_max = self.config.stack_max;
        let mut floor = marks.last().map_or(0, |m| *m as usize);
        let (mut i, mut done) = (0usize, 0u64);
        // An opcode adds no more than one value, so the stack stays within its limit as well.
        let opcodes_max = opcodes_max.min(stack_max.saturating_sub(stack.len()) as u64);
        while done < opcodes_max {
            let Some([op, operand @ ..]) = bytes.get(i..).and_then(<[u8]>::first_chunk::<{ 1 + OPERAND_BYTES }>) else {
                break;
            };
            let at = start + i as u64;
            let size = match *op {
                b'K' => {
                    stack.push(Value::of(Tag::Int, u64::from(operand[0])));
                    // Small numbers come in rows.
                    if operand[1] == b'K' && done + 1 < opcodes_max {
                        stack.push(Value::of(Tag::Int, u64::from(operand[2])));
                        done += 1;
                        4
                    } else {
                        2
                    }
                }
                b'M' => {
                    stack.push(Value::of(Tag::Int, u64::from(u16::from_le_bytes([operand[0], operand[1]]))));
                    3
                }
                b'J' => {
                    let n = i32::from_le_bytes([operand[0], operand[1], operand[2], operand[3]]);
                    stack.push(Value::int(i64::from(n), at));
                    5
                }
                b'G' => {
                    stack.push(Value::of(Tag::Float, 0));
                    9
                }
                b'N' => {
                    stack.push(Value::NONE);
                    1
                }
                0x88 => {
                    stack.push(Value::of(Tag::True, 0));
                    1
                }
                0x89 => {
                    stack.push(Value::of(Tag::False, 0));
                    1
                }
                0x8c => {
                    let n = usize::from(operand[0]);
                    if n >= TEXT_BYTES || i + 2 + n > bytes.len() {
                        break;
                    }
                    let Some(v) = Value::inline(Tag::Str, at + 2, n as u64, StrForm::Utf8) else { break };
                    stack.push(v);
                    2 + n
                }
                b'X' => {
                    let n = u32::from_le_bytes([operand[0], operand[1], operand[2], operand[3]]) as usize;
                    if n >= TEXT_BYTES || i + 5 + n > bytes.len() {
                        break;
                    }
                    let Some(v) = Value::inline(Tag::Str, at + 5, n as u64, StrForm::Utf8) else { break };
                    stack.push(v);
                    5 + n
                }
                0x94 => {
                    let Some(v) = stack.last().filter(|_| stack.len() > floor) else { break };
                    memo.append(*v);
                    1
                }
                b'q' => {
                    let Some(v) = stack.last().filter(|_| stack.len() > floor) else { break };
                    memo.set(u64::from(operand[0]), *v);
                    2
                }
                b'r' => {
                    let Some(v) = stack.last().filter(|_| stack.len() > floor) else { break };
                    memo.set(u64::from(u32::from_le_bytes([operand[0], operand[1], operand[2], operand[3]])), *v);
                    5
                }
                b'h' => {
                    let Some(v) = memo.get(u64::from(operand[0])) else { break };
                    stack.push(v);
                    2
                }
                b'j' => {
                    let index = u32::from_le_bytes([operand[0], operand[1], operand[2], operand[3]]);
                    let Some(v) = memo.get(u64::from(index)) else { break };
                    stack.push(v);
                    5
                }
                kind @ (b']' | b'}' | b')' | 0x8f) => {
                    let kind = match kind {
                        b']' => Kind::List,
                        b'}' => Kind::Dict,
                        b')' => Kind::Tuple,
                        _ => Kind::Set,
                    };
                    stack.push(arena.make(kind, at, &[], 1, 1));
                    1
                }
                b'(' => {
                    if marks.len() >= stack_max {
                        break;
                    }
                    floor = stack.len();
                    marks.push(u32::try_from(floor).unwrap_or(u32::MAX));
                    1
                }
                b'0' => {
                    if stack.len() <= floor {
                        break;
                    }
                    stack.pop();
                    1
                }
                op @ (0x85..=0x87 | b't') => {
                    let from = if op == b't' { floor } else { stack.len().wrapping_sub(usize::from(op - 0x84)) };
                    if from < floor || from > stack.len() || op == b't' && marks.is_empty() {
                        break;
                    }
                    let (weight, depth) = arena.weight_of(&stack[from..]);
                    let (weight, depth) = (weight.saturating_add(1), depth.saturating_add(1).max(1));
                    if weight > WEIGHT_MAX || depth > NESTING_MAX {
                        break;
                    }
                    let v = arena.make(Kind::Tuple, at, &stack[from..], weight, depth);
                    stack.truncate(from);
                    stack.push(v);
                    if op == b't' {
                        marks.pop();
                        floor = marks.last().map_or(0, |m| *m as usize);
                    }
                    1
                }
                b'a' => {
                    let [.., list, item] = stack[floor.min(stack.len())..] else { break };
                    let (weight, depth) = arena.weight_of_one(item);
                    let Some(n) = arena.get_mut(list) else { break };
                    let (weight, depth) = (n.weight.saturating_add(weight), n.depth.max(depth.saturating_add(1)));
                    if !matches!(n.kind, Kind::List | Kind::Dict | Kind::Set)
                        || weight > WEIGHT_MAX
                        || depth > NESTING_MAX
                    {
                        break;
                    }
                    if n.head.len() < CHILDREN_MAX {
                        n.head.push(item);
                    }
                    n.count += 1;
                    n.weight = weight;
                    n.depth = depth;
                    stack.pop();
                    1
                }
                op @ (b's' | b'e' | b'u') => {
                    let marked = op != b's';
                    let from = if marked { floor } else { stack.len().wrapping_sub(2) };
                    // What is added to stands below the items, above the mark before.
                    let below = if marked {
                        let Some((_, before)) = marks.split_last() else { break };
                        before.last().map_or(0, |m| *m as usize)
                    } else {
                        floor
                    };
                    if from <= below || from > stack.len() {
                        break;
                    }
                    if op != b'e' && !stack[from..].chunks(2).all(|pair| is_plain_key(pair[0], start, bytes)) {
                        break;
                    }
                    let (weight, depth) = arena.weight_of(&stack[from..]);
                    let count = stack.len() - from;
                    let Some(n) = arena.get_mut(stack[from - 1]) else { break };
                    let (weight, depth) = (n.weight.saturating_add(weight), n.depth.max(depth.saturating_add(1)));
                    if !matches!(n.kind, Kind::List | Kind::Dict | Kind::Set)
                        || weight > WEIGHT_MAX
                        || depth > NESTING_MAX
                    {
                        break;
                    }
                    let room = CHILDREN_MAX.saturating_sub(n.head.len());
                    // Single items are kept whole or not at all, as the slow path does.
                    if marked || count <= room {
                        n.head.extend_from_slice(&stack[from..from + room.min(count)]);
                    }
                    n.count += count as u64;
                    n.weight = weight;
                    n.depth = depth;
                    stack.truncate(from);
                    if marked {
                        marks.pop();
                        floor = marks.last().map_or(0, |m| *m as usize);
                    }
                    1
                }
                _ => break,
            };
            i += size;
            done += 1;
            // Protocol 4 writes MEMOIZE behind nearly every value: taking it here saves a third of the dispatches.
            if bytes.get(i) == Some(&0x94)
                && let Some(v) = stack.last().filter(|_| stack.len() > floor)
            {
                memo.append(*v);
                i += 1;
                done += 1;
            }
        }
        self.pos = start + i as u64;
        self.opcodes += done;
    }
}

/// True for a key that surely changes no behaviour: no text, a short one, or one at hand that does not begin with two
/// underscores.
fn is_plain_key(key: Value, start: u64, bytes: &[u8]) -> bool {
    if key.tag() != Tag::Str {
        return true;
    }
    let (at, len, form) = key.inline_parts();
    if !(7..=40).contains(&len) {
        return true;
    }
    let Some(from) = at.checked_sub(start).and_then(|n| usize::try_from(n).ok()) else { return false };
    matches!(form, StrForm::Utf8 | StrForm::Binary) && bytes.get(from..from + 2).is_some_and(|b| b != b"__")
}

#[cfg(test)]
mod tests {
    use super::super::{FrameRule, Machine, StreamEnd};
    use crate::ScanConfig;
    use crate::budget::Budget;
    use crate::source::Source;

    /// What a run leaves behind, as text.
    fn run(bytes: &[u8], config: &ScanConfig, rule: FrameRule, slow: bool) -> (StreamEnd, String) {
        let (source, budget) = (Source::borrowed(bytes), Budget::new(config));
        let mut m = Machine::new(&source, config, &budget, rule);
        // Asking for the places turns the loop off.
        m.places = slow.then(Vec::new);
        let end = m.run(0);
        let hits: Vec<String> =
            m.hits.iter().map(|h| format!("{} {} {} {}", h.rule.id, h.at, h.message, h.evidence)).collect();
        let nodes: Vec<String> = m.stack.iter().map(|v| format!("{:?}", m.arena.get(*v))).collect();
        let state = format!(
            "{:?} {:?} {nodes:?} {:?} {} {} {:?} {:?} {:?} {hits:?}",
            m.stack, m.marks, m.result, m.opcodes, m.memo.count, m.reasons, m.diverged, m.frame_past_stop
        );
        (end, state)
    }

    #[test]
    fn the_loop_does_what_the_steps_do() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |n: usize| {
            seed ^= seed >> 12;
            seed ^= seed << 25;
            seed ^= seed >> 27;
            (seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
        };
        const PARTS: &[&[u8]] = &[
            b"K\x07",
            b"M\x01\x02",
            b"J\xff\xff\xff\xff",
            b"G\x3f\xf0\0\0\0\0\0\0",
            b"N",
            b"\x88",
            b"\x89",
            b"\x8c\x03abc",
            b"\x8c\x0cabcdefghijkl",
            b"\x8c\x0c__setstate__",
            b"X\x04\0\0\0abcd",
            b"\x94",
            b"\x94",
            b"\x94",
            b"q\x00",
            b"q\x07",
            b"r\x01\0\0\0",
            b"h\x00",
            b"h\x07",
            b"j\x01\0\0\0",
            b"]",
            b"}",
            b")",
            b"\x8f",
            b"(",
            b"(",
            b"0",
            b"1",
            b"2",
            b"\x85",
            b"\x86",
            b"\x87",
            b"t",
            b"a",
            b"s",
            b"e",
            b"u",
            b"\x90",
            b"\x91",
            b"l",
            b"d",
            b"]\x94(K\x01K\x02e",
            b"}\x94(\x8c\x01aK\x01u",
            b"}\x8c\x09__class__K\x01s",
            b"ccollections\ndeque\n)R",
            b"cos\nsystem\n\x8c\x02id\x85R",
            b"\x95\x05\0\0\0\0\0\0\0",
            b"\x95\x40\0\0\0\0\0\0\0",
            b"\x80\x04",
        ];
        let small = ScanConfig { stack_max: 24, nodes_max: 8, memo_max: 16, ..ScanConfig::default() };
        let usual = ScanConfig::default();
        let mut stops = 0;
        for round in 0..20_000 {
            let mut bytes = b"\x80\x04]\x94".to_vec();
            for _ in 0..below(60) {
                bytes.extend(PARTS[below(PARTS.len())]);
            }
            bytes.extend(b"N.");
            if round % 5 == 0 {
                bytes.truncate(below(bytes.len()));
            }
            // What is not plain needs ten bytes ahead: without them the loop would hardly run.
            bytes.extend([0; 12]);
            let config = if round % 3 == 0 { &small } else { &usual };
            let rule = if round % 2 == 0 { FrameRule::Linear } else { FrameRule::DropRest };
            let (fast, slow) = (run(&bytes, config, rule, false), run(&bytes, config, rule, true));
            assert_eq!(fast, slow, "round {round}: {bytes:02x?}");
            stops += u32::from(matches!(fast.0, StreamEnd::Stop(_)));
        }
        assert!(stops > 1000, "{stops} streams came to their end");
    }
}
