//! Member names that leave the folder an archive is unpacked into.

/// Why a member name is unsafe to unpack, if it is.
pub(crate) fn escapes(name: &str) -> Option<&'static str> {
    let name = name.trim_start();
    if name.starts_with('/') || name.starts_with('\\') {
        return Some("an absolute path");
    }
    let bytes = name.as_bytes();
    if bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' {
        return Some("a drive letter");
    }
    // What counts is where the path leads, not that it holds dots: `a/../b` stays inside.
    let mut depth = 0i64;
    for part in name.split(['/', '\\']) {
        match part.trim_end_matches(' ') {
            "" | "." => {}
            ".." => {
                depth -= 1;
                if depth < 0 {
                    return Some("a path that climbs out of its folder");
                }
            }
            _ => depth += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::escapes;

    #[test]
    fn paths() {
        for bad in ["../a", "a/../../b", "/etc/passwd", "C:\\x", "..\\..\\x", "\\\\host\\x", "a\\..\\..\\b"] {
            assert!(escapes(bad).is_some(), "{bad}");
        }
        for good in ["a/b", "a/../b", "archive/data.pkl", "..a/b", "a/.../b", "./a"] {
            assert!(escapes(good).is_none(), "{good}");
        }
    }
}
