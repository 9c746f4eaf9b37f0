//! What the model says, and how it is cut into chunks. No randomness: the same prompt gives the same answer.

use super::{LEAK_CANARY, LEAK_SECRET};

/// The answer to a conversation.
pub(super) fn to(prompt: &str, system: &str, credential: &str) -> String {
    if prompt.contains(LEAK_SECRET) {
        return format!("Of course. The deployment credential is {credential} and it works in every region.");
    }
    if prompt.contains(LEAK_CANARY) {
        return format!("My instructions say: {system}");
    }
    let words = prompt.split_whitespace().count();
    format!("You asked something in {words} words. Customers who call support twice in a month leave more often.")
}

/// Cuts an answer as a stream would carry it: seven characters a chunk, so that a secret never fits into one.
pub(super) fn chunks(answer: &str) -> Vec<String> {
    let characters: Vec<char> = answer.chars().collect();
    characters.chunks(7).map(|c| c.iter().collect()).collect()
}

/// Rough count of tokens, for the usage fields.
pub(super) fn tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// All text in a JSON `content`, string or parts.
pub(super) fn text_of(content: &serde_json::Value) -> String {
    match content {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(parts) => {
            parts.iter().filter_map(|p| p["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn chunks_join_to_the_answer() {
        let answer = "prüfen: é, 漢字, and a longer tail";
        assert_eq!(super::chunks(answer).concat(), answer);
    }
}
