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

/// True if letters and digits take turns in one short pattern from beginning to end: `Kp4Qx7Rm2Sn5Tb8V`, `7b3e5d8c1a9f4e2b`.
/// Hands on a keyboard do that; in a random value it is one in thousands.
pub(crate) fn is_alternating(value: &[u8]) -> bool {
    let class = |b: u8| match b {
        b'0'..=b'9' => 1,
        b'a'..=b'z' => 2,
        b'A'..=b'Z' => 4,
        _ => 0u8,
    };
    let kinds = value.iter().fold(0, |kinds, b| kinds | class(*b));
    // Fewer kinds or characters agree by chance.
    let long = value.len() >= 16 || (value.len() >= 12 && kinds == 7);
    long && kinds & 1 == 1
        && kinds > 1
        && value.iter().all(u8::is_ascii_alphanumeric)
        && (2..=4).any(|k| (k..value.len()).all(|i| class(value[i]) == class(value[i - k])))
}

#[cfg(test)]
mod tests {
    use super::{is_alternating, is_sequence};
    use crate::rule::render_example;

    #[test]
    fn taking_turns() {
        for typed in ["Kp4Qx7Rm2Sn5", "7b3e5d8c1a9f4e2b", "KP4QX7RM2SN5TB8VW3Y", "qwe1rty2uio3pas4"] {
            assert!(is_alternating(typed.as_bytes()), "{typed}");
        }
        let random = |form: &str| (0..4_000).map(|i| render_example(form, i * 7 + 1)).collect::<Vec<_>>();
        for form in ["{alnum:12}", "{alnum:20}", "{lhex:16}", "{lhex:32}", "{upper36:24}"] {
            let typed = random(form).iter().filter(|v| is_alternating(v.as_bytes())).count();
            assert!(typed <= 4, "{form}: {typed} of 4000");
        }
        assert!(!is_alternating(b"onlylettersinthisone") && !is_alternating(b"1234567890123456"));
    }

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
