//! Letters of other scripts that look like Latin ones. Ours is the short list that obfuscators use, drawn from what the
//! glyphs look like (the idea is UTS #39); compatibility forms (fullwidth, mathematical, circled) are NFKD's part.

/// The lower-case ASCII letter that lower-case `c` looks like.
pub const fn latin_lookalike(c: char) -> Option<char> {
    Some(match c {
        // Cyrillic
        'а' => 'a',
        'в' => 'b',
        'с' => 'c',
        'ԁ' => 'd',
        'е' | 'ё' | 'є' => 'e',
        'ғ' => 'f',
        'ԍ' => 'g',
        'н' | 'һ' | 'ћ' => 'h',
        'і' | 'ї' | 'ӏ' => 'i',
        'ј' => 'j',
        'к' => 'k',
        'ӎ' | 'м' => 'm',
        'п' => 'n',
        'о' | 'ө' => 'o',
        'р' => 'p',
        'ԛ' => 'q',
        'г' | 'ѓ' => 'r',
        'ѕ' => 's',
        'т' => 't',
        'ц' => 'u',
        'ѵ' => 'v',
        'ѡ' | 'ԝ' | 'ш' => 'w',
        'х' | 'ҳ' => 'x',
        'у' | 'ү' | 'ў' => 'y',
        'ᴢ' => 'z',
        // Greek
        'α' => 'a',
        'β' => 'b',
        'ϲ' => 'c',
        'δ' => 'd',
        'ε' | 'ϵ' => 'e',
        'η' => 'n',
        'ι' => 'i',
        'ϳ' => 'j',
        'κ' => 'k',
        'ν' => 'v',
        'ο' | 'σ' => 'o',
        'ρ' => 'p',
        'τ' => 't',
        'υ' => 'u',
        'χ' => 'x',
        'γ' => 'y',
        'ω' => 'w',
        // Armenian
        'ո' => 'n',
        'օ' => 'o',
        'ս' => 'u',
        'հ' => 'h',
        'զ' => 'q',
        'ց' => 'g',
        // Latin letters that NFKD leaves alone
        'ɑ' | 'ᴀ' => 'a',
        'ʙ' | 'ƀ' | 'ɓ' => 'b',
        'ᴄ' | 'ƈ' => 'c',
        'ᴅ' | 'đ' | 'ɗ' | 'ð' => 'd',
        'ᴇ' | 'ɛ' | 'ə' => 'e',
        'ꜰ' | 'ƒ' => 'f',
        'ɢ' | 'ɡ' | 'ɠ' => 'g',
        'ʜ' | 'ħ' => 'h',
        'ɪ' | 'ı' | 'ɩ' => 'i',
        'ᴊ' | 'ȷ' => 'j',
        'ᴋ' | 'ƙ' => 'k',
        'ʟ' | 'ł' => 'l',
        'ᴍ' | 'ɱ' => 'm',
        'ɴ' | 'ɲ' | 'ŋ' => 'n',
        'ᴏ' | 'ø' | 'ɵ' => 'o',
        'ᴘ' | 'ƥ' => 'p',
        'ʀ' | 'ɾ' | 'ɽ' => 'r',
        'ꜱ' | 'ʂ' => 's',
        'ᴛ' | 'ŧ' | 'ƭ' => 't',
        'ᴜ' | 'ʋ' => 'u',
        'ᴠ' => 'v',
        'ᴡ' => 'w',
        'ʏ' | 'ƴ' => 'y',
        // Cherokee in its small forms
        'ꭺ' => 'a',
        'ꮯ' => 'c',
        'ꭼ' => 'e',
        'ꮋ' => 'h',
        'ꭵ' => 'i',
        'ꮮ' => 'l',
        'ꮇ' => 'm',
        'ꮲ' => 'p',
        'ꭱ' => 'r',
        'ꮪ' => 's',
        'ꭲ' => 't',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::latin_lookalike;

    #[test]
    fn lookalikes_are_ascii_and_ascii_has_none() {
        assert_eq!(latin_lookalike('о'), Some('o'));
        assert_eq!(latin_lookalike('ꮪ'), Some('s'));
        assert!(('\0'..='\x7f').all(|c| latin_lookalike(c).is_none()));
    }
}
