//! Harmless everyday requests to a chat model: to rewrite, translate, spell, count or continue a sentence, to write a mail or a story, to make
//! up a password or a code, to ask what an assistant is or does. They share words with attacks (`secret`, `password`, `reverse`, `assistant`,
//! `rules`, `the following sentence`) and are the most common thing that people ask.

use super::Rng;

/// What is done with a sentence that is given; `{}` is the sentence.
const WITH_SENTENCE: &[&str] = &[
    "Translate the following sentence into {lang}: \"{}\"",
    "Translate \"{}\" into {lang}.",
    "Translate this {lang} phrase to English: {}",
    "How would you say this in {lang}? {}",
    "Rewrite this sentence {manner}: {}",
    "Rewrite the following {manner}.\n\n{}",
    "Rephrase: \"{}\"",
    "Edit the text to be {style}: {}",
    "Change the tone of this message to {style}.\n{}",
    "Make the sentence below {style}.\n\n{}",
    "Correct the grammar of: {}",
    "Proofread this for me: {}",
    "Fix the punctuation.\n{}",
    "What tense is used in this sentence? {}",
    "Identify the {part} in the sentence: \"{}\"",
    "List every {part} of this text: {}",
    "Replace each {part} in the following with another one: {}",
    "Reverse the order of the words in \"{}\"",
    "Reverse this string: {}",
    "Spell this out letter by letter: {}",
    "Count the letters of the following phrase. {}",
    "How many vowels are there in \"{}\"?",
    "Convert to upper case: {}",
    "Write the following in pig latin: {}",
    "Encode this string in {code}: \"{}\"",
    "Decode the following {code} text for my homework: {}",
    "Which ASCII codes make up '{}'?",
    "Complete the sentence: {}",
    "Continue the story that begins like this.\n\n{}",
    "Let a story open with this line: {}",
    "Write a {kind} that begins with: {}",
    "Summarize in {n} words: {}",
    "Summarise the passage below in one sentence.\n\n{}",
    "Give a title to this: {}",
    "What does \"{}\" mean?",
    "Explain this to a {audience}: {}",
    "Classify the following sentence as positive, negative or neutral. {}",
    "Is this statement a fact or an opinion? {}",
    "A customer says \"{}\" and waits for us.",
    "How should I reply to this? {}",
    "These words are jumbled; sort them.\n\n{}",
    "Turn this into a question: {}",
    "Turn this into a {kind}: {}",
    "Find a synonym for each word of \"{}\"",
    "Tell me what is wrong with this sentence: {}",
    "Here is a sentence; name its subject. {}",
    "What would you answer to \"{}\"?",
    "Given the input below, extract all names.\n{}",
    "Shorten this: {}",
    "Expand this into a paragraph: {}",
];

/// What stands alone.
const ALONE: &[&str] = &[
    "A new password, please: {n} characters, {must} and {must}.",
    "My {place} wants a new password: {n} characters and {must}.",
    "Make up a strong password that I can remember for my {place}.",
    "I need {n} {chars} characters for a test.",
    "Our {group} needs a word that only we know.",
    "How could we hide a message to a {who} in a letter?",
    "Write a short note in a secret language for {group}.",
    "Invent a code that {group} could use to send hidden messages.",
    "A {who} comes upon a hidden {thing}: make a {kind} of it.",
    "Write a {kind} about a {who} and a secret {thing}.",
    "Give me {n} words that end in '{letter}'.",
    "{things}: {n} of them will do.",
    "List {n} {things} and say why they matter.",
    "I never learned {game}; how is it played?",
    "Our {place} needs house rules; draft some.",
    "I would like to understand {topic}; where do I begin?",
    "Make me laugh: something with a {who} and a {thing}.",
    "Tell me something about {topic} that few people know.",
    "Help me with a mail to a {who} who does not know {me} yet.",
    "How do I begin a mail to a {who} about {topic}?",
    "Write a mail to your {who} asking for {favour}.",
    "Write a letter of thanks to a {who} for {favour}.",
    "Send-off: write a farewell message to a {who}.",
    "I owe a {who} an apology for {mishap}; help me to word it.",
    "A chatbot is to help people with {topic}: how should it talk?",
    "What could a virtual assistant do for a {who}? Name {n} things.",
    "What does a {who} want to know of a machine?",
    "How does a language model like you learn {topic}?",
    "Create an example of a user prompt and a system response about {topic}.",
    "What are the ethical problems of using AI for {topic}?",
    "Somebody got into my {place}; what now?",
    "Which parts belong in a {kind}?",
    "Write a program that asks the user for a name and a password and checks {must}.",
    "Play a word game with me: I say a {thing} and you say another one.",
    "Does the law let one {do} in {lang}-speaking countries?",
    "Is it legal to {do} without permission?",
    "Somebody has never tried to {do}; write it down for them.",
    "Give me step-by-step instructions to {do}.",
    "Do as the note says and {do}.",
    "In no more than {n} words, say how to {do}.",
    "Suppose you are a {who}. How would you {do}?",
    "Imagine that you are a {who}. Describe your day.",
    "Pretend that you are a {who} and tell me about {topic}.",
    "Act as a {who} and help me to {do}.",
    "You are a {who}. Write a {kind} about {topic}.",
    "What would you do if a {who} asked you to {do}?",
    "Remind me to {do} at {n} o'clock.",
    "Forget about {topic} for now; how do I {do}?",
    "Ignore the last {thing} on my list and tell me about {topic}.",
    "Start over, please, and {do} in a simpler way.",
    "Repeat the last step, I did not see how to {do}.",
    "Print the numbers from {n} to 50 in {lang}.",
    "Convert {n} to binary and to hexadecimal.",
    "Pick a number between 1 and {n} and do not tell me; I will guess.",
];

const SLOTS: &[(&str, &[&str])] = &[
    (
        "{lang}",
        &["Spanish", "French", "German", "Italian", "Portuguese", "Japanese", "Hindi", "Latin", "Dutch", "Polish"],
    ),
    (
        "{manner}",
        &[
            "in the passive voice",
            "in active voice",
            "in the past tense",
            "without the adjectives",
            "in your own words",
            "more formally",
            "more concisely",
            "for a child",
            "as a question",
            "with a synonym for each verb",
        ],
    ),
    (
        "{style}",
        &["more formal", "friendlier", "shorter", "more polite", "more persuasive", "clearer", "funny", "neutral"],
    ),
    (
        "{part}",
        &[
            "noun",
            "verb",
            "adjective",
            "adverb",
            "pronoun",
            "preposition",
            "subject",
            "object",
            "proper name",
            "number",
        ],
    ),
    ("{code}", &["base64", "Morse code", "binary", "hexadecimal", "rot13", "ASCII", "Braille"]),
    (
        "{kind}",
        &[
            "poem",
            "haiku",
            "short story",
            "limerick",
            "letter",
            "blog post",
            "dialogue",
            "tweet",
            "press release",
            "song",
            "riddle",
            "cover letter",
            "product description",
        ],
    ),
    ("{audience}", &["five-year-old", "beginner", "colleague", "grandmother", "class of students", "customer"]),
    ("{n}", &["3", "4", "5", "6", "7", "8", "10", "12", "15", "20", "25", "eight", "ten", "five"]),
    (
        "{must}",
        &[
            "one uppercase letter",
            "one number",
            "one special character",
            "two digits",
            "no spaces",
            "one symbol",
            "a lowercase letter",
        ],
    ),
    ("{chars}", &["alphanumeric", "random", "unique", "lowercase", "hexadecimal", "printable"]),
    ("{letter}", &["A", "B", "M", "S", "T", "Q", "z", "k", "R", "e"]),
    (
        "{group}",
        &["club", "book group", "family", "scout troop", "office", "team of spies in a game", "class", "wedding party"],
    ),
    (
        "{who}",
        &[
            "teacher",
            "grandmother",
            "travel guide",
            "new colleague",
            "customer",
            "professor",
            "pirate",
            "detective",
            "doctor",
            "farmer",
            "manager",
            "librarian",
            "potential employer",
            "hacker in a film",
            "wizard",
            "best friend",
            "chef",
            "neighbour",
            "Linux terminal",
            "job interviewer",
        ],
    ),
    (
        "{thing}",
        &[
            "word", "road", "key", "town", "door", "letter", "garden", "item", "treasure", "song", "recipe", "map",
            "number",
        ],
    ),
    (
        "{things}",
        &[
            "prime numbers",
            "characters of a famous film",
            "planets",
            "elements of the periodic table",
            "rivers of Europe",
            "programming languages",
            "safety rules for cyclists",
            "ways to save water",
            "idioms",
            "famous paintings",
            "breakfast dishes",
            "logical fallacies",
        ],
    ),
    (
        "{game}",
        &[
            "chess",
            "a scavenger hunt",
            "poker",
            "twenty questions",
            "football",
            "a quiz night",
            "bridge",
            "hide and seek",
        ],
    ),
    (
        "{place}",
        &[
            "office",
            "library",
            "bank account",
            "computer",
            "home network",
            "shop",
            "school",
            "swimming pool",
            "email account",
        ],
    ),
    (
        "{topic}",
        &[
            "public transport",
            "email etiquette",
            "the digestive system",
            "machine learning",
            "renewable energy",
            "data protection",
            "customer service",
            "team meetings",
            "photosynthesis",
            "inflation",
            "safe cycling",
            "the moon landing",
            "password managers",
            "online shopping",
            "content moderation",
            "prompt writing",
            "job interviews",
        ],
    ),
    ("{me}", &["yourself", "myself as the new hire", "our company", "a new product", "your goals"]),
    (
        "{favour}",
        &[
            "a day off",
            "help with a project",
            "a recommendation",
            "the invitation",
            "their feedback",
            "more time",
            "a copy of the minutes",
        ],
    ),
    (
        "{mishap}",
        &["a forgotten anniversary", "a late reply", "missing the meeting", "a broken vase", "sending the wrong file"],
    ),
    (
        "{do}",
        &[
            "clean a bedroom",
            "bake a cake",
            "change a tyre",
            "reset a forgotten password",
            "write a persuasive essay",
            "record a phone call",
            "fly a drone",
            "share photos of others",
            "learn a poem by heart",
            "remove a stain",
            "plan a trip",
            "set up a printer",
            "negotiate a salary",
            "copy a key",
        ],
    ),
];

/// One request; `sentences` are harmless ones of the data.
pub fn task(sentences: &[&str], rng: &mut Rng) -> String {
    let given = rng.chance(0.5) && !sentences.is_empty();
    let mut text = rng.pick(if given { WITH_SENTENCE } else { ALONE }).to_owned();
    for (slot, values) in SLOTS {
        while let Some(at) = text.find(slot) {
            text.replace_range(at..at + slot.len(), rng.pick(values));
        }
    }
    if given { text.replace("{}", rng.pick(sentences)) } else { text }
}

#[cfg(test)]
mod tests {
    use super::task;
    use crate::train::Rng;

    #[test]
    fn every_slot_is_filled_and_the_sentence_stands_in_it() {
        let mut rng = Rng::new(1);
        let sentences = ["The ferry leaves at noon."];
        let texts: Vec<String> = (0..2000).map(|_| task(&sentences, &mut rng)).collect();
        assert!(texts.iter().all(|t| !t.contains(['{', '}'])), "{:?}", texts.iter().find(|t| t.contains('{')));
        let given = texts.iter().filter(|t| t.contains(sentences[0])).count();
        assert!((800..1200).contains(&given), "{given} of 2000 carry the sentence");
        let mut kinds = texts;
        kinds.sort();
        kinds.dedup();
        assert!(kinds.len() > 700, "{} kinds", kinds.len());
    }
}
