//! Values that count: `1234567890abcdef`, `a1b2c3d4e5`, `abc123def456`, as people type them where a key belongs.

/// True if most characters follow one shortly before them: the next letter or digit, or the same case apart.
pub(crate) fn is_sequence(value: &[u8]) -> bool {
    if value.len() < 10 {
        return false;
    }
    let fold = |b: u8| b.to_ascii_lowercase();
    let follows = |a: u8, b: u8| match (fold(a), fold(b)) {
        (b'9', b'0') | (b'0' | b'9', b'a') | (b'f' | b'z', b'0' | b'1' | b'a') => true,
        (a, b) => b == a.wrapping_add(1) && a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric(),
    };
    let ordered = (1..value.len())
        .filter(|&i| follows(value[i - 1], value[i]) || (i >= 2 && follows(value[i - 2], value[i])))
        .count();
    ordered * 20 >= (value.len() - 1) * 11
}

#[cfg(test)]
mod tests {
    use super::is_sequence;
    use crate::rule::render_example;

    #[test]
    fn typed_and_random() {
        for typed in
            ["1234567890abcdef1234", "a1b2c3d4e5f6a7b8", "abc123def456ghi789", "ABCDEFGHIJKLMNOPQRST", "A1b2C3d4E5"]
        {
            assert!(is_sequence(typed.as_bytes()), "{typed}");
        }
        for seed in 0..2_000 {
            let random = render_example("{alnum:16}", seed * 7 + 1);
            assert!(!is_sequence(random.as_bytes()), "{random}");
            let random = render_example("{lhex:32}", seed * 7 + 1);
            assert!(!is_sequence(random.as_bytes()), "{random}");
        }
        assert!(!is_sequence(b"abcdefghi"));
    }
}
