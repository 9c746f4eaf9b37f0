//! Many-shot jailbreaking (Anil et al. 2024): a message that holds dozens of made-up turns in which the model complies.

/// Names at the start of a line that begin a turn.
const SPEAKERS: &[&str] = &[
    "user",
    "human",
    "assistant",
    "ai",
    "system",
    "bot",
    "chatgpt",
    "gpt",
    "model",
    "q",
    "a",
    "question",
    "answer",
    "prompt",
    "response",
    "me",
    "you",
    "usuario",
    "asistente",
    "utilisateur",
    "nutzer",
    "benutzer",
    "assistent",
];
/// Turns from which a message is many-shot beyond doubt; few-shot examples of honest users seldom pass eight.
const TURNS_SURE: f32 = 32.0;
const TURNS_MIN: usize = 8;

/// Turns inside one message: lines that begin with a speaker's name and a colon, markup around the name aside.
pub fn embedded_turns(text: &str) -> usize {
    text.lines().filter(|line| begins_turn(line)).count()
}

fn begins_turn(line: &str) -> bool {
    let line =
        line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '#' | '<' | '[' | '|' | '>' | '-'));
    let Some(end) = line.bytes().take(16).position(|b| matches!(b, b':' | b']' | b'>')) else { return false };
    let name = line[..end].trim_matches(|c: char| !c.is_alphabetic()).to_ascii_lowercase();
    SPEAKERS.contains(&name.as_str())
}

/// 0 below eight turns, rising to 1 at thirty-two.
pub fn many_shot_score(turns: usize) -> f32 {
    if turns < TURNS_MIN { 0.0 } else { (turns as f32 / TURNS_SURE).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::{embedded_turns, many_shot_score};

    #[test]
    fn turns_are_counted_by_their_speakers() {
        let text =
            "User: how?\nAssistant: Sure, like this.\n**Human**: and?\n[AI]: yes\nNote: none\nhttp://a: no\nqa: no";
        assert_eq!(embedded_turns(text), 4);
        assert_eq!(embedded_turns(&"Q: x\nA: y\n".repeat(16)), 32);
        assert_eq!([7, 8, 32, 99].map(many_shot_score), [0.0, 0.25, 1.0, 1.0]);
    }
}
