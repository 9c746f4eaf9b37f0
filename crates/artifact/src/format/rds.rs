//! R serialization (RDS, RDA; R Internals, section 1.8), in each of its forms: XDR, native binary and text. Promises and
//! code that run when a value is read or used.

mod input;

use input::{Form, Input};

use crate::report::ArtifactSeverity::{Dangerous, Review};
use crate::rules;
use crate::scan::{Job, Scan};
use crate::source::Window;

/// Items waiting to be read; what is deeper is not followed.
const OPEN_MAX: usize = 1 << 20;
/// Constants of one compiled function, and entries of its table of shared expressions.
const CODE_ITEMS_MAX: u64 = 1 << 20;

/// The form, and where the form's letter stands.
fn form(head: &[u8]) -> Option<(Form, u64)> {
    let at = if head.starts_with(b"RDX2\n")
        || head.starts_with(b"RDX3\n")
        || head.starts_with(b"RDA2\n")
        || head.starts_with(b"RDA3\n")
        || head.starts_with(b"RDB2\n")
        || head.starts_with(b"RDB3\n")
    {
        5
    } else {
        0
    };
    let form = match head.get(at..)? {
        [b'X', b'\n', 0, 0, 0, 2 | 3, ..] => Form::Xdr,
        [b'B', b'\n', 2 | 3, 0, 0, 0, ..] => Form::Native,
        [b'A', b'\n', b'2' | b'3', b'\n', digit, ..] if digit.is_ascii_digit() => Form::Text,
        _ => return None,
    };
    Some((form, at as u64))
}

/// True when the part is a serialized R value.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    form(head).is_some()
}

/// What is still to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// So many items.
    Items(u64),
    /// A compiled function: its code, then its constants.
    Code,
    /// The constants of a compiled function: first their number.
    Constants,
    /// So many constants.
    Constant(u64),
    /// So many parts of an expression of a compiled function, each with its own type number.
    Expression(u64),
}

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The value is cut, or no value at all.
    Damaged,
    /// It needs more than the limits allow.
    Spent(&'static str),
}

type Step<T> = Result<T, Stop>;

/// Walks the values with a stack; reports promises, functions and native pointers.
pub(crate) fn scan_rds(scan: &mut Scan<'_, '_>, job: &Job<'_>, head: &[u8]) {
    scan.format("r-rds");
    let Some((form, at)) = form(head) else { return };
    let mut window = Window::new(&job.source);
    let mut input = Input::new(&mut window, form, at + 2);
    match walk(scan, &mut input) {
        Ok(()) => {}
        Err(Stop::Damaged) => {
            scan.find(&rules::LAYOUT, Review, input.at, "the R value is cut or damaged", String::new(), &[]);
        }
        Err(Stop::Spent(why)) => scan.incomplete(why),
    }
}

fn walk(scan: &mut Scan<'_, '_>, input: &mut Input<'_, '_, '_>) -> Step<()> {
    let version = input.int()?;
    input.int()?;
    input.int()?;
    if version == 3 {
        let n = input.int()?;
        input.text(u64::from(n.min(64)))?;
    }
    let mut open = vec![Open::Items(1)];
    while let Some(next) = open.pop() {
        if open.len() > OPEN_MAX {
            return Err(Stop::Spent("an R value nests deeper than the limit"));
        }
        if !scan.budget.work(1) {
            return Err(Stop::Spent("the work budget is spent in an R value"));
        }
        match next {
            Open::Items(0) | Open::Constant(0) | Open::Expression(0) => {}
            Open::Items(n) => {
                open.push(Open::Items(n - 1));
                let here = input.at;
                let flags = input.int()?;
                item(scan, input, here, flags, &mut open)?;
            }
            Open::Code => {
                open.push(Open::Constants);
                open.push(Open::Items(1));
            }
            Open::Constants => {
                let n = u64::from(input.int()?);
                if n > CODE_ITEMS_MAX {
                    return Err(Stop::Damaged);
                }
                open.push(Open::Constant(n));
            }
            Open::Constant(n) => {
                open.push(Open::Constant(n - 1));
                match input.int()? {
                    21 => open.push(Open::Code),
                    kind @ (2 | 6 | 239 | 240 | 243 | 244) => expression(input, kind, &mut open)?,
                    _ => open.push(Open::Items(1)),
                }
            }
            Open::Expression(n) => {
                open.push(Open::Expression(n - 1));
                let kind = input.int()?;
                expression(input, kind, &mut open)?;
            }
        }
    }
    Ok(())
}

/// One part of an expression of a compiled function (`ReadBCLang` of R's serialize.c).
fn expression(input: &mut Input<'_, '_, '_>, kind: u32, open: &mut Vec<Open>) -> Step<()> {
    match kind {
        // A part that was shared: its place in the table.
        243 => input.int().map(|_| ()),
        // A part to be shared later, with its place; the type follows.
        244 => {
            input.int()?;
            let kind = input.int()?;
            pair(kind, open)
        }
        2 | 6 | 239 | 240 => pair(kind, open),
        _ => {
            open.push(Open::Items(1));
            Ok(())
        }
    }
}

/// A pair of an expression: attributes if the type says so, the tag, then two parts.
fn pair(kind: u32, open: &mut Vec<Open>) -> Step<()> {
    open.push(Open::Expression(2));
    open.push(Open::Items(match kind {
        239 | 240 => 2,
        2 | 6 => 1,
        _ => return Err(Stop::Damaged),
    }));
    Ok(())
}

/// Reads one item that begins with `flags`.
fn item(
    scan: &mut Scan<'_, '_>,
    input: &mut Input<'_, '_, '_>,
    here: u64,
    flags: u32,
    open: &mut Vec<Open>,
) -> Step<()> {
    let kind = flags & 0xff;
    let attributes = u64::from(flags & 0x200 != 0);
    let tagged = u64::from(flags & 0x400 != 0);
    let mut find = |severity, message: &'static str, evidence| {
        scan.find(&rules::R_PROMISE, severity, here, message, evidence, &[]);
    };
    match kind {
        // Singletons and references that carry nothing.
        0 | 241 | 242 | 250..=254 => {}
        // A reference to an earlier value: its index follows when it does not fit in the flags.
        255 => {
            if flags >> 8 == 0 {
                input.int()?;
            }
        }
        // A string of bytes; -1 stands for a missing one.
        9 => {
            let n = input.int()?;
            if n != u32::MAX {
                input.text(u64::from(n))?;
            }
        }
        1 => open.push(Open::Items(1)),
        10 | 13 | 14 | 15 | 24 => {
            let n = input.length()?;
            input.numbers(n, kind)?;
            open.push(Open::Items(attributes));
        }
        16 | 19 | 20 => {
            let n = input.length()?;
            // Each item takes a byte at least.
            if n > input.left() {
                return Err(Stop::Damaged);
            }
            open.push(Open::Items(attributes));
            open.push(Open::Items(n));
        }
        5 => {
            find(
                Dangerous,
                "holds a promise: an expression that runs as soon as the value is touched",
                input.words(here),
            );
            open.push(Open::Items(attributes + tagged + 2));
        }
        2 | 3 | 6 | 17 | 239 | 240 => {
            if kind == 3 {
                find(Review, "holds an R function, which runs when the model is used", input.words(here));
            }
            let attributes = if matches!(kind, 239 | 240) { 1 } else { attributes };
            open.push(Open::Items(attributes + tagged + 2));
        }
        // An environment: whether it is locked, then its parent, frame, table and attributes.
        4 => {
            input.int()?;
            open.push(Open::Items(4));
        }
        // A compiled function: size of the table of shared parts, then code and constants.
        21 => {
            let n = u64::from(input.int()?);
            if n > CODE_ITEMS_MAX {
                return Err(Stop::Damaged);
            }
            find(Review, "holds a compiled R function, which runs when the model is used", input.words(here));
            open.push(Open::Items(attributes));
            open.push(Open::Code);
        }
        22 => {
            find(Review, "holds a native pointer", String::new());
            open.push(Open::Items(attributes + 2));
        }
        23 => open.push(Open::Items(attributes)),
        // Names of built-in functions.
        7 | 8 => {
            let n = input.int()?;
            input.text(u64::from(n))?;
        }
        25 => open.push(Open::Items(attributes)),
        // A compact form that a class of R's own expands: which one, its state, its attributes.
        238 => open.push(Open::Items(3)),
        // A package or namespace by name: a number that is zero, how many texts, the texts.
        247..=249 => {
            input.int()?;
            let n = u64::from(input.int()?);
            if n > 64 {
                return Err(Stop::Damaged);
            }
            open.push(Open::Items(n));
        }
        _ => return Err(Stop::Damaged),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::ArtifactSeverity::{Dangerous, Data, Review};
    use crate::{ScanConfig, scan_bytes};

    /// The text form: header of version 2, then these words one a line.
    fn text(words: &str) -> Vec<u8> {
        format!("A\n2\n263168\n131840\n{}\n", words.replace(' ', "\n")).into_bytes()
    }

    /// The same values as XDR: every word is a number of four bytes.
    fn xdr(words: &[u32]) -> Vec<u8> {
        [2u32, 263_168, 131_840].iter().chain(words).fold(b"X\n".to_vec(), |mut v, w| {
            v.extend(w.to_be_bytes());
            v
        })
    }

    #[test]
    fn forms_and_values() {
        for (name, bytes, want) in [
            ("integers", text("13 3 1 2 NA"), Data),
            ("numbers", text("14 2 1.5 Inf"), Data),
            ("a string", text("16 1 262153 2 hi"), Data),
            ("an escape", text(r"16 1 262153 3 a\040b"), Data),
            ("a promise", text("5 242 254"), Dangerous),
            ("a function", text("3 242 254 254"), Review),
            ("integers", xdr(&[13, 2, 1, 2]), Data),
            ("a promise", xdr(&[5, 242, 254]), Dangerous),
            ("a compiled function", xdr(&[21, 1, 13, 1, 7, 1, 13, 13, 1, 5]), Review),
        ] {
            let r = scan_bytes("a.rds", &bytes, &ScanConfig::default());
            assert_eq!(r.format, "r-rds", "{name}");
            assert_eq!(r.severity, want, "{name}: {r:?}");
            assert!(r.complete, "{name}: {r:?}");
        }
    }

    #[test]
    fn lengths_at_the_end_and_past_it() {
        assert_eq!(scan_bytes("a.rds", &xdr(&[13, 2, 1, 2]), &ScanConfig::default()).severity, Data);
        assert_eq!(scan_bytes("a.rds", &xdr(&[13, 3, 1, 2]), &ScanConfig::default()).severity, Review);
        assert_eq!(scan_bytes("a.rds", &text("13 3 1 2"), &ScanConfig::default()).severity, Review);
        assert_eq!(scan_bytes("a.rds", &xdr(&[19, 1_000_000]), &ScanConfig::default()).severity, Review);
    }
}
