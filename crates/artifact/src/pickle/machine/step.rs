//! One opcode at a time (CPython, `Lib/pickle.py` and `Lib/pickletools.py`).

use super::calls::How;
use super::{
    CHILDREN_MAX, INT_DIGITS_MAX, Kind, LONG_BYTES_MAX, Machine, Memo, SUSPENDED_MAX, Step, StrForm, StreamEnd,
    Suspended, Tag, Value,
};
use crate::report::ArtifactSeverity;
use crate::rules;

impl Machine<'_, '_> {
    /// Executes one opcode.
    #[inline]
    pub(super) fn step(&mut self) -> Step<()> {
        let at = self.pos;
        let Some(op) = self.window.byte(at) else { return self.over(StreamEnd::Cut(at)) };
        self.pos = at + 1;
        if at >= self.frame_end {
            self.frame_end = u64::MAX;
        }
        match op {
            // Numbers and singletons.
            b'K' => {
                let [b] = self.fixed::<1>()?;
                self.push(Value::int(i64::from(b), at));
            }
            b'M' => {
                let b = self.fixed::<2>()?;
                self.push(Value::int(i64::from(u16::from_le_bytes(b)), at));
            }
            b'J' => {
                let b = self.fixed::<4>()?;
                self.push(Value::int(i64::from(i32::from_le_bytes(b)), at));
            }
            b'G' => {
                self.skip(8)?;
                self.push(Value::of(Tag::Float, 0));
            }
            b'N' => self.push(Value::NONE),
            0x88 => self.push(Value::of(Tag::True, 0)),
            0x89 => self.push(Value::of(Tag::False, 0)),
            b'I' => self.decimal(at, true)?,
            b'L' => self.decimal(at, false)?,
            b'F' => {
                let (from, len) = self.line()?;
                let raw = self.window.source().bytes(from, usize::try_from(len.min(64)).unwrap_or(64));
                let plain = raw.iter().all(|b| b.is_ascii_digit() || b"+-._eEinfatyINFATY ".contains(b));
                if !plain || raw.is_empty() {
                    return self.over(StreamEnd::Broken(at, "a float that is no number"));
                }
                self.push(Value::of(Tag::Float, 0));
            }
            0x8a => {
                let [n] = self.fixed::<1>()?;
                self.long(at, u64::from(n))?;
            }
            0x8b => {
                let n = i32::from_le_bytes(self.fixed::<4>()?);
                let Ok(n) = u64::try_from(n) else { return self.over(StreamEnd::Broken(at, "a negative length")) };
                self.long(at, n)?;
            }
            // Text and bytes.
            0x8c => {
                let [n] = self.fixed::<1>()?;
                self.counted(true, u64::from(n), StrForm::Utf8)?;
            }
            b'X' => {
                let n = u32::from_le_bytes(self.fixed::<4>()?);
                self.counted(true, u64::from(n), StrForm::Utf8)?;
            }
            0x8d => {
                let n = u64::from_le_bytes(self.fixed::<8>()?);
                self.counted(true, n, StrForm::Utf8)?;
            }
            b'U' => {
                let [n] = self.fixed::<1>()?;
                self.counted(true, u64::from(n), StrForm::Binary)?;
            }
            b'T' => {
                let n = i32::from_le_bytes(self.fixed::<4>()?);
                let Ok(n) = u64::try_from(n) else { return self.over(StreamEnd::Broken(at, "a negative length")) };
                self.counted(true, n, StrForm::Binary)?;
            }
            b'C' => {
                let [n] = self.fixed::<1>()?;
                self.counted(false, u64::from(n), StrForm::Utf8)?;
            }
            b'B' => {
                let n = u32::from_le_bytes(self.fixed::<4>()?);
                self.counted(false, u64::from(n), StrForm::Utf8)?;
            }
            0x8e | 0x96 => {
                let n = u64::from_le_bytes(self.fixed::<8>()?);
                self.counted(false, n, StrForm::Utf8)?;
            }
            b'S' => {
                let (mut from, mut len) = self.line()?;
                // Both unpicklers strip white space around the literal before they look at its quotes.
                while len > 0 && self.window.byte(from).is_some_and(|b| b.is_ascii_whitespace()) {
                    from += 1;
                    len -= 1;
                }
                while len > 0 && self.window.byte(from + len - 1).is_some_and(|b| b.is_ascii_whitespace()) {
                    len -= 1;
                }
                let quotes = (self.window.byte(from), self.window.byte(from + len.max(1) - 1));
                match quotes {
                    (Some(a @ (b'\'' | b'"')), Some(b)) if a == b && len >= 2 => {}
                    _ => return self.over(StreamEnd::Broken(at, "a string without quotes")),
                }
                let v = self.place(true, from, len, StrForm::Quoted);
                self.push(v);
            }
            b'V' => {
                let (from, len) = self.line()?;
                let v = self.place(true, from, len, StrForm::RawEscape);
                self.push(v);
            }
            0x97 => self.push(Value::of(Tag::Buffer, 0)),
            0x98 => {
                self.top()?;
            }
            // Containers.
            b']' => {
                let v = self.arena.make(Kind::List, at, &[], 1, 1);
                self.push(v);
            }
            b'}' => {
                let v = self.arena.make(Kind::Dict, at, &[], 1, 1);
                self.push(v);
            }
            b')' => {
                let v = self.arena.make(Kind::Tuple, at, &[], 1, 1);
                self.push(v);
            }
            0x8f => {
                let v = self.arena.make(Kind::Set, at, &[], 1, 1);
                self.push(v);
            }
            b'(' => {
                if self.marks.len() >= self.config.stack_max {
                    return self.over(StreamEnd::Spent(at, "a pickle needs more marks than the limit"));
                }
                self.marks.push(u32::try_from(self.stack.len()).unwrap_or(u32::MAX));
            }
            0x85 => self.small_tuple(1, at)?,
            0x86 => self.small_tuple(2, at)?,
            0x87 => self.small_tuple(3, at)?,
            b't' => self.take_mark(Kind::Tuple, at)?,
            b'l' => self.take_mark(Kind::List, at)?,
            b'd' => {
                let from = self.mark()?;
                let special = self.special_in(from);
                let v = self.composite(Kind::Dict, from, at);
                if let Some(n) = self.arena.get_mut(v) {
                    n.special_key = special;
                }
                self.push(v);
            }
            0x91 => self.take_mark(Kind::FrozenSet, at)?,
            b'a' => {
                let item = self.pop()?;
                let target = self.top()?;
                self.add_items(target, "append", at);
                self.grow(target, &[item], at);
            }
            b'e' => self.append_marked("extend", at)?,
            0x90 => self.append_marked("add", at)?,
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                let target = self.top()?;
                self.add_items(target, "__setitem__", at);
                if self.is_special(key)
                    && let Some(n) = self.arena.get_mut(target)
                {
                    n.special_key = true;
                }
                self.grow(target, &[key, value], at);
            }
            b'u' => {
                let from = self.mark()?;
                let target = self.below(from)?;
                self.add_items(target, "__setitem__", at);
                if self.special_in(from)
                    && let Some(n) = self.arena.get_mut(target)
                {
                    n.special_key = true;
                }
                self.absorb(target, from, at);
            }
            // Stack and memo.
            b'0' => {
                // POP on a fresh mark takes the mark away.
                if self.stack.len() > self.floor() {
                    self.stack.pop();
                } else if self.marks.pop().is_none() && !self.lenient {
                    return self.over(StreamEnd::Broken(at, "the stack is empty"));
                }
            }
            b'1' => {
                let from = self.mark()?;
                self.stack.truncate(from);
            }
            b'2' => {
                let v = self.top()?;
                self.push(v);
            }
            0x94 => {
                let v = self.top()?;
                self.memo.append(v);
            }
            b'q' => {
                let [i] = self.fixed::<1>()?;
                let v = self.top()?;
                self.memo.set(u64::from(i), v);
            }
            b'r' => {
                let i = u32::from_le_bytes(self.fixed::<4>()?);
                let v = self.top()?;
                self.memo.set(u64::from(i), v);
            }
            b'p' => {
                let i = self.memo_line(at)?;
                let v = self.top()?;
                self.memo.set(i, v);
            }
            b'h' => {
                let [i] = self.fixed::<1>()?;
                self.fetch(u64::from(i), at)?;
            }
            b'j' => {
                let i = u32::from_le_bytes(self.fixed::<4>()?);
                self.fetch(u64::from(i), at)?;
            }
            b'g' => {
                let i = self.memo_line(at)?;
                self.fetch(i, at)?;
            }
            // Names and calls.
            b'c' => {
                let module = self.line_text()?;
                let name = self.line_text()?;
                let v = self.global(module, name, at);
                self.note(at, v);
                self.push(v);
            }
            0x93 => {
                let v = self.stack_global(at)?;
                self.note(at, v);
                self.push(v);
            }
            b'R' => {
                let args = self.pop()?;
                let callee = self.pop()?;
                let v = self.call(How::Call, callee, args, at);
                self.note_call(at, "", callee, args);
                self.push(v);
            }
            0x81 => {
                let args = self.pop()?;
                let class = self.pop()?;
                let v = self.call(How::New, class, args, at);
                self.note_call(at, "new ", class, args);
                self.push(v);
            }
            0x92 => {
                let _kwargs = self.pop()?;
                let args = self.pop()?;
                let class = self.pop()?;
                let v = self.call(How::New, class, args, at);
                self.note_call(at, "new ", class, args);
                self.push(v);
            }
            b'i' => {
                let module = self.line_text()?;
                let name = self.line_text()?;
                let from = self.mark()?;
                let class = self.global(module, name, at);
                let args = self.composite(Kind::Tuple, from, at);
                let v = self.call(How::Call, class, args, at);
                self.note_call(at, "", class, args);
                self.push(v);
            }
            b'o' => {
                let from = self.mark()?;
                if from >= self.stack.len() {
                    return self.over(StreamEnd::Broken(at, "OBJ needs a class"));
                }
                let class = self.stack.remove(from);
                let args = self.composite(Kind::Tuple, from, at);
                let v = self.call(How::Call, class, args, at);
                self.note_call(at, "", class, args);
                self.push(v);
            }
            b'b' => return self.build_op(at),
            0x82 => {
                let [n] = self.fixed::<1>()?;
                self.extension(u64::from(n), at);
            }
            0x83 => {
                let n = u16::from_le_bytes(self.fixed::<2>()?);
                self.extension(u64::from(n), at);
            }
            0x84 => {
                let n = u32::from_le_bytes(self.fixed::<4>()?);
                self.extension(u64::from(n), at);
            }
            b'P' => {
                let (from, len) = self.line()?;
                let id = self.place(true, from, len, StrForm::Line);
                let v = self.persistent(id, at);
                self.push(v);
            }
            b'Q' => {
                let id = self.pop()?;
                let v = self.persistent(id, at);
                self.push(v);
            }
            // Framing.
            0x80 => {
                let [p] = self.fixed::<1>()?;
                if p > 5 {
                    return self.over(StreamEnd::Broken(at, "an unknown protocol"));
                }
                self.protocol = p;
            }
            0x95 => {
                let n = u64::from_le_bytes(self.fixed::<8>()?);
                self.frame(n);
            }
            b'.' => {
                let v = self.pop()?;
                if let Some(s) = self.suspended.pop() {
                    // An array's own pickle is over; the stream around it goes on.
                    self.stack = s.stack;
                    self.marks = s.marks;
                    self.memo = s.memo;
                    return Ok(());
                }
                self.result = v;
                if self.frame_end != u64::MAX && self.frame_end > self.pos {
                    self.frame_past_stop = Some(self.frame_end);
                }
                let end = StreamEnd::Stop(self.pos);
                return self.over(end);
            }
            _ => return self.over(StreamEnd::Broken(at, "an unknown opcode")),
        }
        Ok(())
    }

    fn frame(&mut self, n: u64) {
        let end = self.pos.saturating_add(n);
        if end > self.window.source().len() {
            self.diverged.get_or_insert(self.pos);
        }
        if self.frame_end != u64::MAX && self.pos < self.frame_end {
            // A frame inside a frame: the Python unpickler raises; the C one goes on, and over a file drops the rest.
            self.diverged.get_or_insert(self.pos);
            if end <= self.frame_end {
                return;
            }
            if self.rule == super::FrameRule::DropRest {
                self.pos = self.frame_end;
                self.frame_end = self.pos.saturating_add(n);
                return;
            }
        }
        self.frame_end = end;
    }

    fn counted(&mut self, text: bool, n: u64, form: StrForm) -> Step<()> {
        let at = self.skip(n)?;
        let v = self.place(text, at, n, form);
        self.push(v);
        Ok(())
    }

    fn long(&mut self, at: u64, n: u64) -> Step<()> {
        let from = self.skip(n)?;
        if n > LONG_BYTES_MAX {
            self.huge_int(at, n);
        }
        let v = if n <= 7 {
            let mut b = [0u8; 8];
            let got = self.window.source().read_at(from, &mut b[..usize::try_from(n).unwrap_or(0)]);
            let negative = got > 0 && b[got - 1] & 0x80 != 0;
            if negative {
                b[got..].fill(0xff);
            }
            Value::int(i64::from_le_bytes(b), at)
        } else {
            Value::of(Tag::BigInt, at)
        };
        self.push(v);
        Ok(())
    }

    #[cold]
    fn huge_int(&mut self, at: u64, n: u64) {
        self.hit(
            &rules::PICKLE_BOMB,
            ArtifactSeverity::Suspicious,
            at,
            "an integer so long that reading it takes minutes",
            format!("an integer of {n} digits or bytes"),
            &[],
        );
    }

    fn decimal(&mut self, at: u64, bools: bool) -> Step<()> {
        let (from, len) = self.line()?;
        if len > INT_DIGITS_MAX {
            self.huge_int(at, len);
            self.push(Value::of(Tag::BigInt, at));
            return Ok(());
        }
        let raw = self.window.source().bytes(from, usize::try_from(len).unwrap_or(0));
        let text = String::from_utf8_lossy(&raw);
        let text = text.trim();
        if bools && raw == b"00" {
            self.push(Value::of(Tag::False, 0));
            return Ok(());
        }
        if bools && raw == b"01" {
            self.push(Value::of(Tag::True, 0));
            return Ok(());
        }
        let digits = text.strip_suffix('L').unwrap_or(text).replace('_', "");
        let body = digits.trim_start_matches(['+', '-']);
        let hexadecimal = body.len() > 2 && body.starts_with('0') && body.as_bytes()[1].is_ascii_alphabetic();
        if body.is_empty() || !(body.bytes().all(|b| b.is_ascii_digit()) || hexadecimal) {
            return self.over(StreamEnd::Broken(at, "an integer that is no number"));
        }
        self.push(digits.parse::<i64>().map_or(Value::of(Tag::BigInt, at), |v| Value::int(v, at)));
        Ok(())
    }

    fn small_tuple(&mut self, n: usize, at: u64) -> Step<()> {
        if self.stack.len() < self.floor() + n {
            if !self.lenient {
                return self.over(StreamEnd::Broken(at, "the stack is empty"));
            }
            for _ in 0..n {
                let at = self.floor().min(self.stack.len());
                self.stack.insert(at, Value::OPAQUE);
            }
        }
        let v = self.composite(Kind::Tuple, self.stack.len() - n, at);
        self.push(v);
        Ok(())
    }

    fn take_mark(&mut self, kind: Kind, at: u64) -> Step<()> {
        let from = self.mark()?;
        let v = self.composite(kind, from, at);
        self.push(v);
        Ok(())
    }

    /// The value just below `from`, which the items above go into.
    fn below(&mut self, from: usize) -> Step<Value> {
        if from > self.floor()
            && let Some(v) = self.stack.get(from - 1)
        {
            return Ok(*v);
        }
        if self.lenient {
            Ok(Value::OPAQUE)
        } else {
            self.over(StreamEnd::Broken(self.pos, "there is nothing to add to"))
        }
    }

    #[inline]
    fn append_marked(&mut self, what: &str, at: u64) -> Step<()> {
        let from = self.mark()?;
        let target = self.below(from)?;
        self.add_items(target, what, at);
        self.absorb(target, from, at);
        Ok(())
    }

    /// Moves all values from `from` on into `target`.
    fn absorb(&mut self, target: Value, from: usize, at: u64) {
        let (mut weight, mut depth) = (0u64, 0u32);
        for v in self.stack.get(from..).unwrap_or_default() {
            let (w, d) = if v.is_node() { self.weigh(*v) } else { (1, 0) };
            weight = weight.saturating_add(w);
            depth = depth.max(d);
        }
        let count = self.stack.len().saturating_sub(from);
        if let Some(n) = self.arena.get_mut(target)
            && matches!(n.kind, Kind::List | Kind::Dict | Kind::Set)
        {
            let room = CHILDREN_MAX.saturating_sub(n.head.len());
            n.head.extend_from_slice(&self.stack[from..from + room.min(count)]);
            n.count += count as u64;
            n.weight = n.weight.saturating_add(weight);
            n.depth = n.depth.max(depth.saturating_add(1));
            let (w, d) = (n.weight, n.depth);
            self.check_size(w, d, at);
        }
        self.stack.truncate(from);
    }

    fn grow(&mut self, target: Value, items: &[Value], at: u64) {
        let (mut weight, mut depth) = (0u64, 0u32);
        for v in items {
            let (w, d) = self.weigh(*v);
            weight = weight.saturating_add(w);
            depth = depth.max(d);
        }
        if let Some(n) = self.arena.get_mut(target)
            && matches!(n.kind, Kind::List | Kind::Dict | Kind::Set)
        {
            if n.head.len() + items.len() <= CHILDREN_MAX {
                n.head.extend_from_slice(items);
            }
            n.count += items.len() as u64;
            n.weight = n.weight.saturating_add(weight);
            n.depth = n.depth.max(depth.saturating_add(1));
            let (w, d) = (n.weight, n.depth);
            self.check_size(w, d, at);
        }
    }

    /// A key by which an object's behaviour is changed: `__setstate__` and its like.
    #[inline]
    fn is_special(&mut self, key: Value) -> bool {
        if key.tag() != Tag::Str {
            return false;
        }
        let (at, len, form) = key.inline_parts();
        if !(7..=40).contains(&len) {
            return false;
        }
        // Escapes can spell an underscore in the forms that have them; the others begin with two.
        let plain = matches!(form, StrForm::Utf8 | StrForm::Binary);
        let begins = |b: &[u8]| if plain { b.starts_with(b"__") } else { b.contains(&b'_') || b.contains(&b'\\') };
        if !self.window.exact(at, 3).is_some_and(begins) {
            return false;
        }
        self.text_of(key, 64).is_some_and(|t| {
            matches!(
                t.as_str(),
                "__setstate__"
                    | "__class__"
                    | "__dict__"
                    | "__getattr__"
                    | "__getattribute__"
                    | "__reduce__"
                    | "__reduce_ex__"
                    | "__del__"
                    | "__call__"
                    | "__code__"
                    | "__globals__"
                    | "__builtins__"
                    | "__init__"
                    | "__new__"
                    | "__setattr__"
                    | "__bases__"
                    | "__subclasshook__"
                    | "__instancecheck__"
                    | "__import__"
                    | "__loader__"
                    | "__path__"
            )
        })
    }

    fn special_in(&mut self, from: usize) -> bool {
        let mut i = from;
        let mut special = false;
        while i < self.stack.len() {
            special |= self.is_special(self.stack[i]);
            i += 2;
        }
        special
    }

    fn memo_line(&mut self, at: u64) -> Step<u64> {
        let text = self.line_text()?;
        match text.trim().parse::<u64>() {
            Ok(i) => Ok(i),
            Err(_) => self.over(StreamEnd::Broken(at, "a memo index that is no number")),
        }
    }

    fn fetch(&mut self, i: u64, at: u64) -> Step<()> {
        match self.memo.get(i) {
            Some(v) => {
                self.push(v);
                Ok(())
            }
            None => self.over(StreamEnd::Broken(at, "a memo entry that was never set")),
        }
    }

    fn extension(&mut self, code: u64, at: u64) {
        self.hit(
            &rules::PICKLE_EXTENSION,
            ArtifactSeverity::Suspicious,
            at,
            "uses an extension code: what it stands for is decided by the process that loads it",
            format!("copyreg extension {code}"),
            &[],
        );
        self.push(Value::of(Tag::Extension, code));
    }

    fn build_op(&mut self, at: u64) -> Step<()> {
        let state = self.pop()?;
        let object = self.top()?;
        self.build(object, state, at);
        if let Some(t) = self.trace.as_ref()
            && t.len() < super::super::stream::TRACE_LINES_MAX
        {
            let line = format!("{}.__setstate__({})", self.show(object), self.show(state));
            if let Some(t) = self.trace.as_mut() {
                t.push((at, line));
            }
        }
        self.file_of_array(object, state, at);
        let Some(array) = self.joblib_array(object, state) else { return Ok(()) };
        self.first_array.get_or_insert(self.pos);
        if !self.skips_arrays {
            return Ok(());
        }
        if array.object {
            // The array's values are a pickle of their own, right here.
            if self.suspended.len() >= SUSPENDED_MAX {
                return self.over(StreamEnd::Spent(at, "arrays of objects nest deeper than the limit"));
            }
            let memo = std::mem::replace(&mut self.memo, Memo::new(self.config.memo_max));
            self.suspended.push(Suspended {
                stack: std::mem::take(&mut self.stack),
                marks: std::mem::take(&mut self.marks),
                memo,
            });
            self.frame_end = u64::MAX;
            return Ok(());
        }
        let Some(item) = array.item_bytes else {
            return self.over(StreamEnd::Spent(at, "an array of a type whose size is not known follows in the stream"));
        };
        let mut skip = array.elements.saturating_mul(item);
        if array.aligned {
            let Some(pad) = self.window.byte(self.pos) else { return self.over(StreamEnd::Cut(self.pos)) };
            skip = skip.saturating_add(1 + u64::from(pad));
        }
        self.frame_end = u64::MAX;
        self.skip(skip)?;
        Ok(())
    }

    fn note(&mut self, at: u64, v: Value) {
        if self.trace.as_ref().is_some_and(|t| t.len() < super::super::stream::TRACE_LINES_MAX) {
            let line = format!("import {}", self.show(v));
            if let Some(t) = self.trace.as_mut() {
                t.push((at, line));
            }
        }
    }

    fn note_call(&mut self, at: u64, prefix: &str, callee: Value, args: Value) {
        if self.trace.as_ref().is_some_and(|t| t.len() < super::super::stream::TRACE_LINES_MAX) {
            let line = format!("{prefix}{}", self.show_call(callee, args));
            if let Some(t) = self.trace.as_mut() {
                t.push((at, line));
            }
        }
    }
}
