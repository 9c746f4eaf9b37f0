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
        while done < opcodes_max && stack.len() < stack_max {
            let Some(operand) = bytes.get(i + 1..i + 1 + OPERAND_BYTES) else { break };
            let at = start + i as u64;
            let size = match bytes[i] {
                b'K' => {
                    stack.push(Value::of(Tag::Int, u64::from(operand[0])));
                    2
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
                op @ (b'a' | b's' | b'e' | b'u') => {
                    let marked = matches!(op, b'e' | b'u');
                    let from = match op {
                        b'a' => stack.len().wrapping_sub(1),
                        b's' => stack.len().wrapping_sub(2),
                        _ => floor,
                    };
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
                    let pairs = matches!(op, b's' | b'u');
                    if pairs && stack[from..].iter().step_by(2).any(|k| !is_plain_key(*k, start, bytes)) {
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
