//! The pass over digits and `@`: numbers, codes, addresses of all sorts are found from there, never by a search.

use super::{Candidate, Pass, masks::ends_here};
use crate::{
    bytes::{ALNUM, ALPHA, WORD, is_joiner},
    find,
    limits::RUN_MAX,
    rule::Finder,
};

/// Bytes looked at together when looking for the next digit or `@`.
const CHUNK: usize = 32;

impl Pass<'_> {
    /// Finds what is written with digits, and e-mail addresses.
    pub(crate) fn numbers(&self, out: &mut Vec<Candidate>) {
        let bytes = self.bytes;
        let email = self.finder(Finder::Email);
        let mut floor = 0;
        let mut i = 0;
        while let Some(at) = next_seed(bytes, i) {
            if bytes[at] == b'@' {
                if let Some(rule) = email
                    && bytes.get(at + 1).is_some_and(|b| ALNUM.has(*b))
                    && let Some(span) = find::email(self.text, at)
                {
                    self.consider(rule, span.start, span.end, false, 0.0, out);
                }
                i = at + 1;
                continue;
            }
            let start = WORD.run_start(bytes, at, (at - floor).min(RUN_MAX));
            let end = WORD.run_end(bytes, at, usize::MAX);
            if end - start <= RUN_MAX {
                self.token(start, end, out);
            }
            floor = end;
            i = end;
        }
        self.phrases(out);
    }

    /// Looks at one run of letters and digits that has a digit, and at what it starts.
    fn token(&self, start: usize, end: usize, out: &mut Vec<Candidate>) {
        let bytes = self.bytes;
        let before = start.checked_sub(1).map(|i| bytes[i]);
        // A group inside `12-34-56` was looked at from its first group.
        let inside = before.is_some_and(is_joiner)
            && start >= 2
            && ALNUM.has(bytes[start - 2])
            && !self.follows_label(start - 1);
        if !inside {
            self.masks_at(start, before, out);
            self.finders_at(start, end, before, out);
        }
        // `CE 93 75 09 C`, `DE 123…`: a short group of letters before.
        if before == Some(b' ') && start >= 3 {
            let letters = ALPHA.run_start(bytes, start - 1, 4);
            let len = start - 1 - letters;
            if (1..=3).contains(&len) && letters.checked_sub(1).is_none_or(|i| !WORD.has(bytes[i]) && bytes[i] < 0x80) {
                self.masks_at(letters, letters.checked_sub(1).map(|i| bytes[i]), out);
            }
        }
        let len = end - start;
        if !inside && let Some(rules) = self.engine.runs.get(len) {
            let tight = ends_here(bytes, end);
            for &rule in rules {
                let extra = if tight { 0.0 } else { -2.0 };
                self.consider(rule, start, end, true, extra, out);
            }
        }
    }

    /// True if the joiner at `joiner` ends a word, as in `tel:030…` or `ssn-123…`.
    fn follows_label(&self, joiner: usize) -> bool {
        let letters = ALPHA.run_start(self.bytes, joiner, RUN_MAX);
        joiner - letters >= 2 && letters.checked_sub(1).is_none_or(|i| !ALNUM.has(self.bytes[i]))
    }

    fn masks_at(&self, start: usize, before: Option<u8>, out: &mut Vec<Candidate>) {
        let bytes = self.bytes;
        // Money, decimals and the middles of spaced numbers are not the start of one.
        let money = matches!(before, Some(b'$' | b'%')) || (start >= 2 && bytes[..start].ends_with("€".as_bytes()));
        let spaced = before == Some(b' ') && start >= 2 && bytes[start - 2].is_ascii_digit();
        self.engine.masks.walk(bytes, start, |end, accept| {
            let mut extra = 0.0;
            if money {
                extra -= 3.0;
            }
            let followed = bytes.get(end) == Some(&b' ') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
            if (spaced || followed) && bytes[start..end].contains(&b' ') {
                extra -= 2.5;
            }
            self.consider(accept.rule, start, end, accept.bare, extra, out);
        });
    }

    fn finders_at(&self, start: usize, end: usize, before: Option<u8>, out: &mut Vec<Candidate>) {
        let bytes = self.bytes;
        let first = bytes[start];
        if first.is_ascii_digit() {
            if bytes.get(end) == Some(&b'.')
                && end - start <= 3
                && let Some(rule) = self.finder(Finder::Ipv4)
                && let Some((span, extra)) = find::ipv4(bytes, start)
            {
                self.consider(rule, span.start, span.end, false, extra, out);
            }
            if let Some(rule) = self.finder(Finder::Phone)
                && let Some(found) = find::phone(bytes, start)
            {
                self.consider(rule, found.span.start, found.span.end, found.bare, found.extra, out);
            }
        } else if end - start >= 4
            && let Some(rule) = self.finder(Finder::Iban)
            && let Some(span) = find::iban(bytes, start)
        {
            self.consider(rule, span.start, span.end, false, 0.0, out);
        }
        let colon = |b: Option<u8>| matches!(b, Some(b':' | b'-'));
        if (colon(bytes.get(end).copied()) || colon(before))
            && let Some((span, finder)) = find::hex_groups(bytes, start, end)
            && let Some(rule) = self.finder(finder)
        {
            self.consider(rule, span.start, span.end, false, 0.0, out);
        }
    }
}

/// The next digit or `@` at or after `from`.
fn next_seed(bytes: &[u8], from: usize) -> Option<usize> {
    let is_seed = |b: u8| b.wrapping_sub(b'0') < 10 || b == b'@';
    let near = bytes.len().min(from + 8);
    if let Some(at) = bytes[from.min(near)..near].iter().position(|b| is_seed(*b)) {
        return Some(from + at);
    }
    let mut i = near;
    while let Some(chunk) = bytes.get(i..i + CHUNK) {
        let any = chunk.iter().fold(false, |any, b| any | is_seed(*b));
        if any {
            return chunk.iter().position(|b| is_seed(*b)).map(|p| i + p);
        }
        i += CHUNK;
    }
    bytes[i.min(bytes.len())..].iter().position(|b| is_seed(*b)).map(|p| i + p)
}
