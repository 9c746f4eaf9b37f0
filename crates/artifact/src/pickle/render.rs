//! Values and calls as text, for evidence: `os.system('id')`.

use super::machine::Machine;
use super::value::{Kind, Tag, Value};

/// Characters of one rendered value.
const CHARS_MAX: usize = 240;
/// Characters of one string inside it.
const STRING_CHARS_MAX: usize = 80;
/// Children shown of one composite.
const CHILDREN_SHOWN: usize = 6;
/// How deep composites are shown; the walk is bounded by this constant, not by the input.
const DEPTH_SHOWN: u32 = 4;

impl Machine<'_, '_> {
    /// The value as Python would write it, cut to a few hundred characters.
    pub(super) fn show(&mut self, v: Value) -> String {
        let mut out = String::new();
        self.show_into(v, DEPTH_SHOWN, &mut out);
        out
    }

    /// A call as text; `args` is a tuple or a single value.
    pub(super) fn show_call(&mut self, callee: Value, args: Value) -> String {
        let mut out = self.show(callee);
        self.show_args(args, DEPTH_SHOWN, &mut out);
        out
    }

    fn show_args(&mut self, args: Value, depth: u32, out: &mut String) {
        let tuple = self.arena.get(args).filter(|n| n.kind == Kind::Tuple).map(|n| n.head.clone());
        out.push('(');
        match tuple {
            Some(items) => self.show_list(&items, depth, out),
            None if args == Value::NONE => {}
            None => {
                out.push('*');
                self.show_into(args, depth.saturating_sub(1), out);
            }
        }
        out.push(')');
    }

    fn show_list(&mut self, items: &[Value], depth: u32, out: &mut String) {
        for (i, item) in items.iter().take(CHILDREN_SHOWN).enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            self.show_into(*item, depth.saturating_sub(1), out);
        }
        if items.len() > CHILDREN_SHOWN {
            out.push_str(", …");
        }
    }

    fn show_into(&mut self, v: Value, depth: u32, out: &mut String) {
        if out.len() > CHARS_MAX || depth == 0 {
            out.push('…');
            return;
        }
        match v.tag() {
            Tag::None => out.push_str("None"),
            Tag::True => out.push_str("True"),
            Tag::False => out.push_str("False"),
            Tag::Int => out.push_str(&v.as_int().unwrap_or_default().to_string()),
            Tag::BigInt => out.push_str("<int>"),
            Tag::Float => out.push_str("<float>"),
            Tag::Str | Tag::LongStr => {
                let text = self.text_of(v, STRING_CHARS_MAX * 4).unwrap_or_default();
                out.push_str(&quoted(&text));
            }
            Tag::Bytes | Tag::LongBytes => {
                let (at, len) = self.place_of(v).unwrap_or((0, 0));
                let head = self.window.source().bytes(at, usize::try_from(len.min(40)).unwrap_or(0));
                out.push('b');
                out.push_str(&quoted(&head.iter().map(|&b| char::from(b)).collect::<String>()));
                if len > 40 {
                    out.push('…');
                }
            }
            Tag::Global | Tag::Instance => {
                let name = self.globals.get(v.index()).map(|g| format!("{}.{}", g.module, g.name)).unwrap_or_default();
                out.push_str(&crate::scan::printable(&name));
                if v.tag() == Tag::Instance {
                    out.push_str("<…>");
                }
            }
            Tag::Extension => out.push_str(&format!("extension_{}", v.payload())),
            Tag::Buffer => out.push_str("<buffer>"),
            Tag::Persistent => out.push_str("persistent_load(…)"),
            Tag::Opaque => out.push_str("<forgotten>"),
            Tag::Node => self.show_node(v, depth, out),
        }
    }

    fn show_node(&mut self, v: Value, depth: u32, out: &mut String) {
        let Some(node) = self.arena.get(v).cloned() else {
            out.push_str("<forgotten>");
            return;
        };
        match node.kind {
            Kind::Tuple => {
                out.push('(');
                self.show_list(&node.head, depth, out);
                out.push_str(if node.head.len() == 1 { ",)" } else { ")" });
            }
            Kind::List => {
                out.push('[');
                self.show_list(&node.head, depth, out);
                out.push(']');
            }
            Kind::Set | Kind::FrozenSet | Kind::Dict => {
                out.push('{');
                self.show_list(&node.head, depth, out);
                out.push('}');
            }
            Kind::Call => {
                if let [callee, args, ..] = node.head[..] {
                    self.show_into(callee, depth - 1, out);
                    self.show_args(args, depth - 1, out);
                }
            }
            Kind::Attr => {
                if let [target, name, ..] = node.head[..] {
                    self.show_into(target, depth - 1, out);
                    out.push('.');
                    let text = self.text_of(name, 200).unwrap_or_default();
                    out.push_str(&crate::scan::printable(&text));
                }
            }
            Kind::Persistent => {
                out.push_str("persistent_load(");
                self.show_list(&node.head, depth, out);
                out.push(')');
            }
        }
    }
}

/// A string in quotes, with control characters escaped, cut to 80 characters.
fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for (i, c) in text.chars().enumerate() {
        if i == STRING_CHARS_MAX {
            out.push('…');
            break;
        }
        match c {
            '\'' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() || (0x80..0xa0).contains(&(c as u32)) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}
