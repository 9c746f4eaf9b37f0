//! `casemate playbook import` and `export`: between CACAO JSON and the YAML form, text to text.

use crate::limits::Limits;
use crate::lint::load;
use crate::problem::Problem;
use crate::source::{decompile, render_json, render_yaml};

/// CACAO JSON (or YAML, which is then put into its plain form) to YAML.
///
/// # Errors
/// Why the text is no playbook.
pub fn import(text: &str, limits: &Limits) -> Result<String, Vec<Problem>> {
    let playbook = load(text, limits)?;
    render_yaml(&decompile(&playbook)).map_err(|e| vec![unwritable(&e.to_string())])
}

/// YAML (or CACAO JSON, which is then indented) to CACAO JSON.
///
/// # Errors
/// Why the text is no playbook.
pub fn export(text: &str, limits: &Limits) -> Result<String, Vec<Problem>> {
    let playbook = load(text, limits)?;
    render_json(&playbook).map_err(|e| vec![unwritable(&e.to_string())])
}

fn unwritable(why: &str) -> Problem {
    Problem::error("unwritable", "playbook", why.to_owned(), "report it: every playbook should be writable")
}

#[cfg(test)]
mod tests {
    use super::{export, import};
    use crate::limits::Limits;

    #[test]
    fn text_to_text_and_back() {
        let yaml = include_str!("../../../playbooks/poisoned-dataset.yaml");
        let json = export(yaml, &Limits::DEFAULT).expect("exports");
        assert!(json.contains("\"spec_version\": \"cacao-2.0\""));
        let back = import(&json, &Limits::DEFAULT).expect("imports");
        assert_eq!(export(&back, &Limits::DEFAULT), Ok(json));
        assert_eq!(export("{}", &Limits::DEFAULT).expect_err("refused")[0].code, "unreadable");
    }
}
