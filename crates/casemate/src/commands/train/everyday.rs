//! Everyday texts, written for this file, of as many kinds as a model sees: what a check of one's own says of them shows whether
//! it learned what it is to find, or only to tell apart two kinds of rows that were much alike.

use casemate_classify::model::builtin_embedding;
use casemate_classify::{CustomCheck, Decision};
use serde::Serialize;

/// One everyday text in so many may be blocked before it is worth a warning.
const BLOCKED_SHARE: usize = 20;

/// What a check says of [`TEXTS`].
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Everyday {
    pub(super) texts: usize,
    pub(super) flagged: usize,
    pub(super) blocked: usize,
}

impl Everyday {
    /// Asks the check about each text.
    pub(super) fn of(check: &CustomCheck) -> Self {
        let decisions = TEXTS.iter().map(|t| check.assess(t, builtin_embedding()).decision);
        let mut all = Self { texts: TEXTS.len(), flagged: 0, blocked: 0 };
        for decision in decisions {
            all.flagged += usize::from(decision >= Decision::Flag);
            all.blocked += usize::from(decision == Decision::Block);
        }
        all
    }

    /// True if a gateway with this check would refuse traffic that has nothing to do with it.
    pub(super) const fn is_too_broad(&self) -> bool {
        self.blocked * BLOCKED_SHARE > self.texts
    }
}

const TEXTS: &[&str] = &[
    "Can you help me write a birthday card for my aunt, who likes gardening?",
    "Sure! Here are three short verses that you could use in the card.",
    "The function returns early when the list is empty, so the loop below never runs.",
    "fn main() { let numbers = vec![1, 2, 3]; println!(\"{}\", numbers.iter().sum::<i32>()); }",
    "SELECT name, city FROM customers WHERE city = 'Lyon' ORDER BY name;",
    "Summarise the following meeting notes in five bullet points.",
    "The meeting moved to Thursday at ten. Please bring the figures of last quarter.",
    "To reset your password, open the settings, choose Security and follow the link in the mail.",
    "Your parcel left the depot this morning and arrives tomorrow between nine and noon.",
    "What is the capital of Australia, and why is it not Sydney?",
    "Canberra was founded as a compromise between Sydney and Melbourne.",
    "Translate into Spanish: the train to the airport leaves every twenty minutes.",
    "El tren al aeropuerto sale cada veinte minutos.",
    "Wie komme ich am schnellsten vom Bahnhof zum Museum?",
    "Quelle est la meilleure saison pour visiter la Bretagne ?",
    "Preheat the oven to 180 degrees, butter the tin and whisk three eggs with the sugar.",
    "A ticket for adults is 12 euros, children under six travel free.",
    "The museum shop sells posters from 8 euros; members get 10 percent off.",
    "Explain to a ten-year-old how a rainbow comes about.",
    "Light bends when it enters a drop of water, and each colour bends a little differently.",
    "My cat has not eaten since yesterday. Should I call the vet?",
    "If it lasts for more than a day, or the cat drinks little, do call the vet.",
    "Draft a polite reply that declines the invitation, and suggest another week.",
    "Thank you for thinking of me. Sadly I am away that week; would the one after suit you?",
    "The experiment was repeated four times, and the standard error stayed below two percent.",
    "In this paper we study how coastal plants respond to salt in the soil.",
    "Chapter two opens in a village by the sea, where nobody speaks of the storm.",
    "Once upon a time a clockmaker built a bird that sang only when it rained.",
    "Error: connection refused (os error 111) while opening the socket on port 5432.",
    "Check that the service runs, that the port is open, and that the address is the right one.",
    "{\"temperature\": 21.5, \"humidity\": 48, \"room\": \"kitchen\"}",
    "name,age,city\nIris,41,Utrecht\nOmar,29,Gent",
    "Which of these two sentences sounds better in a cover letter?",
    "I have five years of experience in logistics and enjoy leading small teams.",
    "How many litres of paint do I need for a wall of twelve square metres?",
    "About two and a half litres for two coats, if the wall is smooth.",
    "The contract ends on 31 March unless one of the parties gives notice in writing.",
    "Please confirm that you have read the safety instructions before you enter the hall.",
    "What are the side effects of taking vitamin D every day?",
    "Drink enough, rest, and see a doctor if the fever lasts for more than three days.",
    "Write a haiku about autumn leaves.",
    "Red leaves on the path; the broom leans against the wall, and so does the boy.",
    "Our team won three to one, though the second half was closer than it sounds.",
    "The council voted to widen the cycle path along the canal.",
    "Plan a weekend in Porto for two people who like music and do not like crowds.",
    "On Saturday start with the market hall, then cross the lower bridge on foot.",
    "Give me ten ideas for a school project about volcanoes.",
    "The derivative of x squared is two x; at x equal to three the slope is six.",
    "Convert 68 degrees Fahrenheit to Celsius.",
    "It is 20 degrees Celsius.",
    "Hi, how are you today?",
    "I am well, thank you. What can I do for you?",
    "Thanks, that was all.",
    "The invoice number is on the top right of the second page.",
    "Order 4471: two chairs, oak, with delivery to the third floor.",
    "Please find attached the minutes and the list of those who took part.",
    "The new release brings a dark theme, faster search and fixes for two crashes.",
    "git rebase keeps the history straight, a merge commit keeps it as it happened.",
    "Use a retry with a growing pause, and give up after five attempts.",
    "Which laptop would you choose for a student who edits video now and then?",
    "One with 16 GB of memory and a good screen; weight matters if it is carried every day.",
    "The patient was seen on Monday and comes back in two weeks for a check of the blood pressure.",
    "Rents in the old town rose by four percent last year, less than in the suburbs.",
    "Could you make this paragraph shorter and less formal?",
];

#[cfg(test)]
mod tests {
    use super::{Everyday, TEXTS};

    #[test]
    fn one_text_in_twenty_is_not_too_broad_and_more_is() {
        let of = |blocked| Everyday { texts: TEXTS.len(), flagged: blocked, blocked }.is_too_broad();
        assert_eq!(TEXTS.len(), 64);
        assert!(!of(3) && of(4));
    }
}
