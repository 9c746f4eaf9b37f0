//! Columns: the leaves of the schema's tree, each with its path and the depth of its levels.

use super::Broken;

/// Nesting of a schema.
const DEPTH_MAX: usize = 64;
/// Bytes of a column's name that are kept.
const NAME_BYTES_MAX: usize = 512;

/// A node of the schema as the footer lists it, depth first.
#[derive(Clone, Debug, Default)]
pub(super) struct Element {
    pub(super) physical: Option<i32>,
    pub(super) length: u64,
    /// 0 required, 1 optional, 2 repeated.
    pub(super) repetition: i32,
    pub(super) name: String,
    pub(super) children: u64,
    /// What older writers say instead of a logical type.
    pub(super) converted: Option<i32>,
    pub(super) scale: i32,
    pub(super) logical: Logical,
}

/// What a value means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Logical {
    #[default]
    None,
    Text,
    Decimal {
        scale: i32,
    },
    Date,
    /// Unit: 1 milliseconds, 2 microseconds, 3 nanoseconds.
    Time {
        unit: i16,
    },
    Timestamp {
        unit: i16,
    },
    Integer {
        signed: bool,
    },
    Uuid,
    Float16,
}

/// How a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    Bytes,
    Fixed(usize),
}

impl Physical {
    /// Bytes of a value; `None` when each has its own length.
    pub(super) const fn width(self) -> Option<usize> {
        match self {
            Self::Boolean => Some(1),
            Self::Int32 | Self::Float => Some(4),
            Self::Int64 | Self::Double => Some(8),
            Self::Int96 => Some(12),
            Self::Fixed(width) => Some(width),
            Self::Bytes => None,
        }
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Path of the field, as `user.emails[]`.
    pub(super) name: String,
    pub(super) physical: Physical,
    pub(super) logical: Logical,
    /// Level at which a value is there.
    pub(super) definition_max: u32,
    pub(super) repetition_max: u32,
}

/// The columns of a schema, in the order of the chunks of a row group.
pub(super) fn leaves(elements: &[Element]) -> Result<Vec<Leaf>, Broken> {
    let (root, rest) = elements.split_first().ok_or(Broken("the footer has no schema"))?;
    let mut out = Vec::new();
    // Of each open group: children that are still to come, length of the path before it, levels.
    let mut open = vec![(root.children, 0_usize, 0_u32, 0_u32)];
    let mut path = String::new();
    for element in rest {
        while open.last().is_some_and(|group| group.0 == 0) {
            open.pop();
        }
        let depth = open.len();
        let Some((left, length, definition, repetition)) = open.last_mut() else {
            return Err(Broken("the schema has more elements than its tree holds"));
        };
        *left -= 1;
        path.truncate(*length);
        let repeated = element.repetition == 2;
        let levels = (*definition + u32::from(element.repetition > 0), *repetition + u32::from(repeated));
        // The two levels that lists and maps are wrapped in say nothing to people.
        let wrapper = depth > 1 && repeated && element.children > 0 || is_element(element, depth, *repetition);
        if !wrapper {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&element.name);
        }
        if repeated {
            path.push_str("[]");
        }
        path.truncate(path.floor_char_boundary(NAME_BYTES_MAX));
        if element.children > 0 {
            if depth >= DEPTH_MAX {
                return Err(Broken("the schema is nested too deep"));
            }
            open.push((element.children, path.len(), levels.0, levels.1));
            continue;
        }
        let physical = physical(element)?;
        out.push(Leaf {
            name: path.clone(),
            physical,
            logical: meaning(element),
            definition_max: levels.0,
            repetition_max: levels.1,
        });
    }
    Ok(out)
}

/// The one field of a list's repeated group, under the names that writers give it.
fn is_element(element: &Element, depth: usize, repetition: u32) -> bool {
    depth > 2 && repetition > 0 && matches!(element.name.as_str(), "element" | "item" | "array_element")
}

fn physical(element: &Element) -> Result<Physical, Broken> {
    Ok(match element.physical {
        Some(0) => Physical::Boolean,
        Some(1) => Physical::Int32,
        Some(2) => Physical::Int64,
        Some(3) => Physical::Int96,
        Some(4) => Physical::Float,
        Some(5) => Physical::Double,
        Some(6) => Physical::Bytes,
        Some(7) => match usize::try_from(element.length) {
            Ok(width @ 1..=0x10_0000) => Physical::Fixed(width),
            _ => return Err(Broken("a column has values of an impossible width")),
        },
        _ => return Err(Broken("a column has no known type")),
    })
}

fn meaning(element: &Element) -> Logical {
    if element.logical != Logical::None {
        return element.logical;
    }
    match element.converted {
        // UTF8, ENUM, JSON
        Some(0 | 4 | 19) => Logical::Text,
        Some(5) => Logical::Decimal { scale: element.scale },
        Some(6) => Logical::Date,
        Some(7) => Logical::Time { unit: 1 },
        Some(8) => Logical::Time { unit: 2 },
        Some(9) => Logical::Timestamp { unit: 1 },
        Some(10) => Logical::Timestamp { unit: 2 },
        Some(11..=14) => Logical::Integer { signed: false },
        _ => Logical::None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Element, Logical, Physical, leaves};

    fn element(name: &str, repetition: i32, children: u64) -> Element {
        Element {
            name: name.into(),
            repetition,
            children,
            physical: (children == 0).then_some(6),
            converted: (children == 0).then_some(0),
            ..Element::default()
        }
    }

    #[test]
    fn leaves_have_paths_and_levels() {
        let elements = [
            element("schema", 0, 3),
            element("id", 0, 0),
            element("user", 1, 2),
            element("name", 1, 0),
            element("mails", 1, 1),
            element("list", 2, 1),
            element("element", 1, 0),
            element("tags", 2, 0),
        ];
        let found = leaves(&elements).unwrap();
        let told: Vec<_> = found.iter().map(|l| (l.name.as_str(), l.definition_max, l.repetition_max)).collect();
        assert_eq!(told, [("id", 0, 0), ("user.name", 2, 0), ("user.mails[]", 4, 1), ("tags[]", 1, 1)]);
        assert!(found.iter().all(|l| l.physical == Physical::Bytes && l.logical == Logical::Text));
    }

    #[test]
    fn schemas_that_are_no_tree_are_refused() {
        assert!(leaves(&[]).is_err());
        assert!(leaves(&[element("s", 0, 1), element("a", 0, 0), element("b", 0, 0)]).is_err());
        let deep: Vec<Element> = (0..100).map(|_| element("g", 0, 1)).collect();
        assert!(leaves(&deep).is_err());
        let untyped = Element { physical: None, ..element("a", 0, 0) };
        assert!(leaves(&[element("s", 0, 1), untyped]).is_err());
    }
}
