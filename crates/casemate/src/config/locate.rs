//! Where in the configuration file a value stands, by its path (`gateway.tiers.strict.checks[0].path`): what is found wrong
//! only after the file was read is told with line and column as well.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// A YAML document in which every value knows its place.
enum Node {
    /// Keys, where each stands, and what is under it.
    Map(Vec<(Spanned<String>, Node)>),
    Seq(Vec<Spanned<Node>>),
    Scalar(String),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Node::Map(all))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = seq.next_element()? {
                    all.push(item);
                }
                Ok(Node::Seq(all))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Scalar(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Scalar(value.to_string()))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Scalar(value.to_string()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
                Ok(Node::Scalar(value.to_string()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
                Ok(Node::Scalar(value.to_string()))
            }

            fn visit_unit<E: Error>(self) -> Result<Node, E> {
                Ok(Node::Scalar(String::new()))
            }

            fn visit_none<E: Error>(self) -> Result<Node, E> {
                Ok(Node::Scalar(String::new()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The place of `path` in the file, or of what stands nearest above it: `casemate.yaml, line 7, column 5: `the line``.
pub(crate) fn place_in(file: &Path, path: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let found = locate(&text, path)?;
    let line = usize::try_from(found.line()).ok().and_then(|n| text.lines().nth(n.checked_sub(1)?));
    let shown = line.map(|l| format!(": `{}`", l.trim())).unwrap_or_default();
    Some(format!("{}, line {}, column {}{shown}", file.display(), found.line(), found.column()))
}

fn locate(text: &str, path: &str) -> Option<Location> {
    let root: Node = serde_saphyr::from_str(text).ok()?;
    let (mut at, mut rest, mut found) = (&root, path, None);
    while !rest.is_empty() {
        let Some((node, place, more)) = step(at, rest) else { break };
        (at, found) = (node, Some(place));
        rest = more.strip_prefix('.').unwrap_or(more);
    }
    found
}

/// One step down: the value, its place, and what is left of the path. A name may hold dots, so the longest that fits counts; an
/// item of a list is meant by its number or by its `name`.
fn step<'n, 'p>(at: &'n Node, path: &'p str) -> Option<(&'n Node, Location, &'p str)> {
    let rest_after =
        |name: &str| path.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    match at {
        Node::Map(all) => all
            .iter()
            .filter_map(|(key, node)| Some((node, key.referenced, rest_after(&key.value)?)))
            .min_by_key(|(_, _, rest)| rest.len()),
        Node::Seq(all) => {
            if let Some((number, rest)) = path.strip_prefix('[').and_then(|p| p.split_once(']')) {
                let item = all.get(number.parse::<usize>().ok()?)?;
                return Some((&item.value, item.referenced, rest));
            }
            all.iter().find_map(|item| Some((&item.value, item.referenced, rest_after(name_of(&item.value)?)?)))
        }
        Node::Scalar(_) => None,
    }
}

fn name_of(node: &Node) -> Option<&str> {
    let Node::Map(all) = node else { return None };
    all.iter().find_map(|(key, value)| match value {
        Node::Scalar(name) if key.value == "name" => Some(name.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::locate;

    #[test]
    fn paths_lead_to_lines() {
        let text = "gateway:\n  tiers:\n    a.b:\n      checks:\n        - {path: x.bin, channel: input}\n        \
                    - path: y.bin\n          channel: output\n  upstreams:\n    - name: local\n      api_key: {env: K}\n";
        let line = |path: &str| locate(text, path).map(|l| l.line());
        assert_eq!(line("gateway.tiers.a.b.checks[1].path"), Some(6));
        assert_eq!(line("gateway.tiers.a.b.checks[0].path"), Some(5));
        assert_eq!(line("gateway.upstreams.local.api_key"), Some(10));
        assert_eq!(line("gateway.upstreams[0].base_url"), Some(9), "what is missing is looked for there");
        assert_eq!(line("respond.listen"), None);
        assert_eq!(locate("a: [1,", "a"), None);
    }
}
