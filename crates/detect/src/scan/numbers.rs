//! The pass over digits and `@`: numbers, codes, addresses of all sorts are found from there, never by a search.

use super::{Candidate, Pass, masks::ends_here};
use crate::{
    bytes::{ALNUM, ALPHA, WORD, is_joiner},
    find,
    limits::RUN_MAX,
    rule::Finder,
};

/// Bytes looked at together when looking for the next digit or `@`.
const CHUNK: usize = 8;
/// The same once eight bytes had none.
const WIDE: usize = 32;
/// What right check bits add to the log odds of a seed phrase, which needs no word beside it then.
const CHECK_BITS_RIGHT: f32 = 4.0;

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
            let mut start = WORD.run_start(bytes, at, (at - floor).min(RUN_MAX));
            // `\n212…` in JSON: what is before the number is an escape, no letter.
            if start < at && find::is_escape(bytes, start + 1) {
                start += 1;
            }
            let end = WORD.run_end(bytes, at, usize::MAX);
            if end - start <= RUN_MAX {
                self.token(start, end, out);
            }
            floor = end;
            i = end;
        }
        self.phrases(out);
        if let Some(rule) = self.finder(Finder::SeedPhrase) {
            find::mnemonics(bytes, |span| self.consider(rule, span.start, span.end, false, CHECK_BITS_RIGHT, out));
        }
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
        self.engine.masks.walk(bytes, start, |end, accept, compact| {
            let mut extra = 0.0;
            if money {
                extra -= 3.0;
            }
            let followed = bytes.get(end) == Some(&b' ') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
            if (spaced || followed) && bytes[start..end].contains(&b' ') {
                extra -= 2.5;
            }
            self.consider_compact(accept.rule, start, end, accept.bare, extra, compact, out);
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
            // Short numbers with nothing after them, most of those in source and logs, are no telephone numbers.
            let joined = matches!(bytes.get(end), Some(b' ' | b'-' | b'.' | b'/' | b')'));
            if (joined || end - start >= 7)
                && let Some(rule) = self.finder(Finder::Phone)
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
    let is_seed = |b: &u8| (b.wrapping_sub(b'0') < 10) | (*b == b'@');
    let mut i = from;
    while let Some(chunk) = bytes.get(i..).and_then(|rest| rest.first_chunk()) {
        let seeds = seeds(u64::from_le_bytes(*chunk));
        if seeds != 0 {
            return Some(i + seeds.trailing_zeros() as usize / 8);
        }
        i += CHUNK;
        // Where there is none for a while, faster: the compiler makes vector instructions of this.
        while let Some(wide) = bytes.get(i..).and_then(|rest| rest.first_chunk::<WIDE>())
            && !wide.iter().fold(false, |any, b| any | is_seed(b))
        {
            i += WIDE;
        }
    }
    bytes.get(i..)?.iter().position(is_seed).map(|p| i + p)
}

/// The high bit of every byte that is a digit or `@`.
const fn seeds(word: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = word & LOW;
    let from_0 = low + (0x80 - b'0' as u64) * EACH;
    let past_9 = low + (0x7f - b'9' as u64) * EACH;
    let at = (low ^ (b'@' as u64 * EACH)) + LOW;
    ((from_0 & !past_9) | !at) & !word & !LOW
}

#[cfg(test)]
mod tests {
    use super::next_seed;

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=255u8 {
            for at in 0..100 {
                let mut text = [b'x'; 100];
                text[at] = byte;
                let expected = (byte.is_ascii_digit() || byte == b'@').then_some(at);
                assert_eq!(next_seed(&text, 0), expected, "{byte} at {at}");
            }
        }
    }
}
