//! Breaks sentences into lines.

/// Lines of at most `width` characters, broken at spaces where there are any; a word that is longer than a line is cut.
/// At least one line is returned; `width` below 8 is taken as 8.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        let mut word = word;
        loop {
            let length = word.chars().count();
            let gap = usize::from(used > 0);
            if used + gap + length <= width {
                if gap == 1 {
                    line.push(' ');
                }
                line.push_str(word);
                used += gap + length;
                break;
            }
            if used > 0 {
                lines.push(std::mem::take(&mut line));
                used = 0;
            } else {
                let cut = word.char_indices().nth(width).map_or(word.len(), |(at, _)| at);
                lines.push(word[..cut].to_owned());
                word = &word[cut..];
            }
        }
    }
    if used > 0 || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn breaks_at_spaces_and_cuts_what_has_none() {
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("12345678", 8), ["12345678"]);
        assert_eq!(wrap("123456789", 8), ["12345678", "9"]);
        assert_eq!(wrap("ab ééééééééé x", 8), ["ab", "éééééééé", "é x"]);
    }
}
