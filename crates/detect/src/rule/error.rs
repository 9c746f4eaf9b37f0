//! Why a rule file is refused.

/// Why a rule or a rule file is refused. Shown to the person who wrote it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// Not the TOML that a rule file is made of.
    #[error("rule file: {0}")]
    Toml(#[from] toml::de::Error),
    /// A built-in rule file is not what the build script wrote.
    #[error("built-in rules: {reason}")]
    Builtin {
        /// What is wrong.
        reason: String,
    },
    /// The file is larger than a rule file may be.
    #[error("rule file has {bytes} bytes, limit {max}")]
    FileTooLarge {
        /// Size of the file.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// More rules than one engine takes.
    #[error("{rules} rules, limit {max}")]
    TooManyRules {
        /// Rules asked for.
        rules: usize,
        /// The limit.
        max: usize,
    },
    /// Two rules have one id.
    #[error("rule {id}: this id is used twice")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// The rule has no way to match anything, or ways that exclude each other.
    #[error("rule {id}: {reason}")]
    Shape {
        /// The rule.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// A mask, token or value pattern cannot be read.
    #[error("rule {id}: pattern `{pattern}`: {reason}")]
    Pattern {
        /// The rule.
        id: String,
        /// The pattern.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// No validator has this name.
    #[error("rule {id}: no validator is named `{name}`")]
    Validator {
        /// The rule.
        id: String,
        /// The name.
        name: String,
    },
    /// The regular expression does not parse, or compiles to more than a rule may cost.
    #[error("rule {id}: regex refused: {reason}")]
    Regex {
        /// The rule.
        id: String,
        /// What the regex compiler says; names the size limit when that is the reason.
        reason: String,
    },
    /// An anchor or context word is empty or too long.
    #[error("rule {id}: word `{word}` must have {min} to {max} bytes")]
    Word {
        /// The rule.
        id: String,
        /// The word.
        word: String,
        /// Fewest bytes.
        min: usize,
        /// Most bytes.
        max: usize,
    },
    /// The automaton over all words could not be built.
    #[error("words of all rules: {reason}")]
    Automaton {
        /// What the builder says.
        reason: String,
    },
}
