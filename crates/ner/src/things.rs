//! Things that are called after people, or as people are: `Huffman coding`, `the Travis build`, `Jenkins` beside `pipeline`.
//! The model knows small letters and no trade, so that it takes them for people and places.
//!
//! Lists of words that anybody in the trade would write down; none is copied. Two uses of a name are not told apart from
//! words alone: `Grace is a virtue` stays a person.

use std::sync::LazyLock;

use crate::spell::Word;

const WORDS: &str = include_str!("../words/things.txt");

/// The lists of `words/things.txt`, each sorted.
struct Lists {
    heads: Vec<&'static str>,
    uses: Vec<&'static str>,
    eponyms: Vec<&'static str>,
    paired: Vec<&'static str>,
    products: Vec<&'static str>,
    shared: Vec<&'static str>,
    trade: Vec<&'static str>,
    peoples: Vec<&'static str>,
    of_people: Vec<&'static str>,
    articles: Vec<&'static str>,
    humps: Vec<&'static str>,
    go_on: Vec<&'static str>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let of = |name: &str| list(name).unwrap_or_default();
    Lists {
        heads: of("heads"),
        uses: of("uses"),
        eponyms: of("eponyms"),
        paired: of("paired"),
        products: of("products"),
        shared: of("shared"),
        trade: of("trade"),
        peoples: of("peoples"),
        of_people: of("of_people"),
        articles: of("articles"),
        humps: of("humps"),
        go_on: of("go_on"),
    }
});

/// The words under a heading of the file, sorted.
fn list(name: &str) -> Option<Vec<&'static str>> {
    let (_, after) = WORDS.split_once(&format!("\n[{name}]\n"))?;
    let lines = after.lines().take_while(|line| !line.starts_with(['[', '#']));
    let mut words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    words.sort_unstable();
    Some(words)
}

/// Words on either side among which words of the trade are looked for.
const AROUND: usize = 8;

/// True if the words of `run`, which the model takes for a name, are that of a thing.
pub(crate) fn is_thing(text: &str, words: &[Word<'_>], run: std::ops::Range<usize>) -> bool {
    let named: Vec<&Word<'_>> = words[run.clone()].iter().filter(|w| w.has_letter()).collect();
    let [first, ..] = named[..] else { return false };
    let hyphened = named.len() > 1 && words[run.clone()].iter().any(|w| w.text == "-");
    if is_listed(&words[run.clone()]) || named.iter().any(|w| has_odd_humps(w.text)) {
        return true;
    }
    let (owned, next) = after(text, words, run.end);
    let follows = |list: &[&str]| next.is_some_and(|w| w.is_one_of(list));
    let one = named.len() == 1 || hyphened;
    if (one || !owned) && follows(&LISTS.heads) || one && !owned && follows(&LISTS.uses) {
        return true;
    }
    let before = run.start.checked_sub(1).and_then(|at| words.get(at));
    let attribute =
        next.is_some_and(|w| !w.is_capital() && w.has_letter() && !w.is_one_of(&LISTS.of_people) && is_noun(w.text));
    if one && !owned && attribute && before.is_some_and(|w| w.is_one_of(&LISTS.articles)) {
        return true;
    }
    let around = &words[run.start.saturating_sub(AROUND)..words.len().min(run.end + AROUND)];
    one && first.is_one_of(&LISTS.shared)
        && around.iter().any(|w| w.is_one_of(&LISTS.trade) || w.is_one_of(&LISTS.products))
}

/// True if the name alone says that it is a thing's, or a people's.
pub(crate) fn is_listed(name: &[Word<'_>]) -> bool {
    let hyphened = name.iter().any(|w| w.text == "-");
    let named = || name.iter().filter(|w| w.has_letter());
    let all = |list: &[&str]| named().all(|w| w.is_one_of(list));
    named().next().is_some_and(|_| {
        [&LISTS.products, &LISTS.peoples, &LISTS.eponyms, &LISTS.heads].into_iter().any(|list| all(list))
    }) || (hyphened
        && named().count() > 1
        && named().all(|w| w.is_one_of(&LISTS.paired) || w.is_one_of(&LISTS.eponyms)))
}

/// The word after the name, over `'s`; and whether there was one.
fn after<'w, 't>(text: &str, words: &'w [Word<'t>], end: usize) -> (bool, Option<&'w Word<'t>>) {
    let at = |n: usize| words.get(end + n);
    let apostrophe = at(0).is_some_and(|w| matches!(w.text, "'" | "’"));
    let owned = usize::from(apostrophe) + usize::from(apostrophe && at(1).is_some_and(|w| w.text == "s"));
    let next =
        at(owned).filter(|w| !text.get(words[end + owned - 1].end..w.start).is_none_or(|gap| gap.contains('\n')));
    (apostrophe, next)
}

/// True for a word that may follow as a noun: not one of those that join or go on a sentence.
fn is_noun(word: &str) -> bool {
    LISTS.go_on.binary_search(&word).is_err() && word.len() > 2
}

/// True for a capital inside a word where no name of a person has one: `MongoDB`, `ReLU`, `GitLab`, not `McKay`.
fn has_odd_humps(word: &str) -> bool {
    let hump = word
        .char_indices()
        .skip(1)
        .find(|(i, c)| c.is_uppercase() && word[..*i].chars().next_back().is_some_and(char::is_lowercase));
    let Some((at, _)) = hump else { return false };
    let rest = &word[at..];
    let goes_on = rest.chars().count() > 2 && rest.chars().skip(1).all(char::is_lowercase);
    !(goes_on && LISTS.humps.binary_search(&word[..at].to_lowercase().as_str()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::{has_odd_humps, is_thing, list};
    use crate::spell::{Word, word};

    /// `words` are the text's words in order; those in brackets are the name.
    fn check(text: &str, words: &[&'static str], name: std::ops::Range<usize>, thing: bool) {
        let mut at = 0;
        let words: Vec<Word<'_>> = words
            .iter()
            .map(|part| {
                let mut w = word(&text[at..], part, 0.0, 0.0);
                (w.start, w.end) = (w.start + at, w.end + at);
                at = w.end;
                w
            })
            .collect();
        assert_eq!(is_thing(text, &words, name), thing, "{text}");
    }

    #[test]
    fn every_list_is_there_and_holds_each_word_once() {
        for name in [
            "heads",
            "uses",
            "eponyms",
            "paired",
            "products",
            "shared",
            "trade",
            "peoples",
            "of_people",
            "articles",
            "humps",
            "go_on",
        ] {
            let words = list(name).unwrap_or_else(|| panic!("no list [{name}]"));
            let twice: Vec<_> = words.windows(2).filter(|w| w[0] == w[1]).collect();
            assert!(words.len() > 5 && twice.is_empty(), "{name}: {twice:?}");
            assert!(words.iter().all(|w| *w == w.to_lowercase()), "{name}");
        }
    }

    #[test]
    fn what_is_called_after_people_is_a_thing() {
        check("Huber coding", &["Huber", "coding"], 0..1, true);
        check("Huber's algorithm", &["Huber", "'", "s", "algorithm"], 0..1, true);
        check("Huber's account", &["Huber", "'", "s", "account"], 0..1, false);
        check("Noor Huber's proof", &["Noor", "Huber", "'", "s", "proof"], 0..2, false);
        check("the Huber gadget broke", &["the", "Huber", "gadget", "broke"], 1..2, true);
        check("the Huber family left", &["the", "Huber", "family", "left"], 1..2, false);
        check("the Huber and", &["the", "Huber", "and"], 1..2, false);
        check("Fisher-Yates", &["Fisher", "-", "Yates"], 0..3, true);
        check("Fisher", &["Fisher"], 0..1, false);
    }

    #[test]
    fn programs_are_things_where_the_trade_is_spoken_of() {
        check("Restart Jenkins on the server", &["Restart", "Jenkins", "on", "the", "server"], 1..2, true);
        check("Jenkins called", &["Jenkins", "called"], 0..1, false);
        check("in Grafana", &["in", "Grafana"], 1..2, true);
        check("I am Kenyan", &["I", "am", "Kenyan"], 2..3, true);
        for (of, odd) in [("MongoDB", true), ("ReLU", true), ("McKay", false), ("DeVries", false), ("Noor", false)] {
            assert_eq!(has_odd_humps(of), odd, "{of}");
        }
    }
}
