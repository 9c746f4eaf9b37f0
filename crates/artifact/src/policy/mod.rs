//! What an imported name may do: the lattice of allow, review, suspicious and dangerous.
//!
//! The order of questions is: is it a known gadget; is it a known constructor, and under which contract; is it of the
//! standard library or of a known framework without being either; is it unknown. Nothing is clean by default.

mod allow;
mod core_table;
mod danger;
mod stdlib;
mod values;

use crate::report::ArtifactSeverity;

pub(crate) use allow::{Generated, framework_of};

/// Under which conditions a known name may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contract {
    /// A constructor or pure function: may be called with any values.
    Any,
    /// A class: `cls.__new__(cls)` with state, not `cls(…)` with arguments.
    Class,
    /// May be named, not called.
    Ref,
    /// The first argument must be a class that may be made.
    ClassFirst,
    /// `getattr(object, name)`: no dunder, and the object must itself be allowed.
    Getattr,
    /// `partial(function, …)`: the function must be allowed.
    Partial,
    /// `encode(text, codec)`: the codec must be a text codec.
    Codec,
    /// The bytes are unpickled in turn: allowed as far as they are.
    Nested,
    /// `__pyx_unpickle_…(class, checksum, state)` of a known framework.
    PyxUnpickle,
    /// `type(x)` with one argument.
    TypeOf,
    /// `f(module, name)` that imports: the module must be numpy's or scipy's own.
    UfuncName,
    /// `rebuild(function, type, args, state)`: the function must be allowed and is called.
    RebuildFromType,
    /// `getitem(generic, parameters)`: what types with parameters are pickled as; the first must be a class or a name of
    /// `typing`.
    Getitem,
    /// `iter(values)`: with a second argument the first is called at each step.
    Iter,
}

/// What the policy says of one name.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// When it is merely named.
    pub(crate) severity: ArtifactSeverity,
    /// How it may be used when it is allowed.
    pub(crate) contract: Contract,
    /// Why, as the end of a sentence: “`os.system` …”.
    pub(crate) why: &'static str,
    /// Public ids.
    pub(crate) references: &'static [&'static str],
}

impl Entry {
    const fn allowed(contract: Contract) -> Self {
        Self { severity: ArtifactSeverity::Allowed, contract, why: "is a known constructor", references: &[] }
    }

    const fn of(severity: ArtifactSeverity, why: &'static str, references: &'static [&'static str]) -> Self {
        Self { severity, contract: Contract::Ref, why, references }
    }
}

/// Attributes through which any object leads to the interpreter.
pub(crate) fn is_escape_attribute(name: &str) -> bool {
    matches!(
        name,
        "__globals__"
            | "__builtins__"
            | "__subclasses__"
            | "__bases__"
            | "__base__"
            | "__mro__"
            | "__class__"
            | "__code__"
            | "__closure__"
            | "__dict__"
            | "__getattribute__"
            | "__getattr__"
            | "__setattr__"
            | "__init__"
            | "__new__"
            | "__call__"
            | "__import__"
            | "__loader__"
            | "__spec__"
            | "__self__"
            | "__func__"
            | "__wrapped__"
            | "__reduce__"
            | "__reduce_ex__"
            | "__setstate__"
            | "__del__"
            | "__defaults__"
            | "__kwdefaults__"
            | "__init_subclass__"
            | "__set_name__"
            | "f_globals"
            | "gi_frame"
            | "tb_frame"
            | "func_globals"
            | "im_func"
    )
}

/// What an attribute looked up by name on an object leads to, where it is no gadget by its name alone: members of
/// enumerations and the like begin with a capital letter, methods do not.
pub(crate) fn judge_attribute(name: &str) -> (ArtifactSeverity, &'static str) {
    if !name.trim_start_matches('_').starts_with(|c: char| c.is_ascii_lowercase()) {
        return (ArtifactSeverity::Allowed, "");
    }
    if danger::is_acting_method(name) {
        return (ArtifactSeverity::Suspicious, "looks up a method that touches files, processes or other code");
    }
    (ArtifactSeverity::Review, "looks up a method of an object by its name, which may be called later")
}

/// Judges `module.name` as `find_class` would resolve it.
pub(crate) fn judge(module: &str, name: &str) -> Entry {
    use ArtifactSeverity::{Dangerous, Review, Suspicious};
    if let Some(contract) = values::lookup(module, name) {
        return Entry::allowed(contract);
    }
    if let Some(e) = danger::lookup(module, name) {
        return e;
    }
    if let Some(contract) = core_table::lookup(module, name) {
        return Entry::allowed(contract);
    }
    if let Some(kind) = allow::lookup(module, name) {
        return match kind {
            Generated::Class => Entry::allowed(Contract::Class),
            Generated::Constructor => Entry::allowed(Contract::Any),
            Generated::Function => Entry::allowed(Contract::Ref),
        };
    }
    if name.contains('.')
        && let Some(e) = through_attributes(module, name)
    {
        return e;
    }
    if let Some(pyx) = name.strip_prefix("__pyx_unpickle_")
        && framework_of(module).is_some()
        && pyx.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        return Entry::allowed(Contract::PyxUnpickle);
    }
    if stdlib::is_stdlib(module) {
        let class_like = name.rsplit('.').next().is_some_and(|n| n.starts_with(|c: char| c.is_ascii_uppercase()));
        return if class_like {
            Entry::of(Review, "is a standard library class that no model format needs", &[])
        } else {
            Entry::of(Suspicious, "is a standard library function, not a constructor that pickles use", &[])
        };
    }
    if module.is_empty() || module.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Entry::of(Suspicious, "has a module name that no writer makes", &[]);
    }
    if name.is_empty() {
        return Entry::of(Dangerous, "has an empty name", &[]);
    }
    match framework_of(module) {
        Some(_) => Entry::of(Review, "is not among the constructors that this framework pickles", &[]),
        None => Entry::of(Review, "is unknown: importing it runs whatever module of that name is installed", &[]),
    }
}

/// A dotted name walks attributes: through a module's own imports it reaches any other module.
fn through_attributes(module: &str, name: &str) -> Option<Entry> {
    use ArtifactSeverity::{Dangerous, Suspicious};
    let parts: Vec<&str> = name.split('.').collect();
    if parts.iter().any(|p| is_escape_attribute(p)) {
        return Some(Entry::of(Dangerous, "walks through interpreter attributes to other code", &["CWE-915"]));
    }
    for (i, part) in parts.iter().enumerate() {
        let rest = parts[i + 1..].join(".");
        let bare = part.trim_start_matches('_');
        for candidate in [*part, bare] {
            if rest.is_empty() || !(stdlib::is_stdlib(candidate) || danger::is_dangerous_module(candidate)) {
                continue;
            }
            if danger::lookup(candidate, &rest).is_some_and(|e| e.severity == Dangerous) {
                return Some(Entry::of(
                    Dangerous,
                    "reaches a code-running function through another module's imports",
                    &[],
                ));
            }
            return Some(Entry::of(Suspicious, "reaches another module through a module's imports", &[]));
        }
        // The path so far may itself be a gadget: `code.InteractiveInterpreter.runcode`.
        let prefix = parts[..=i].join(".");
        if let Some(e) = danger::lookup(module, &prefix) {
            return Some(e);
        }
        let deeper = format!("{module}.{prefix}");
        if !rest.is_empty()
            && let Some(e) = danger::lookup(&deeper, &rest)
        {
            return Some(e);
        }
    }
    // A method of a known class, or a path through a framework's submodules: lower case leads to a function.
    let lower = parts.iter().any(|p| p.starts_with(|c: char| c.is_ascii_lowercase() || c == '_'));
    (lower && parts.len() > 1 && framework_of(module).is_some()).then(|| {
        Entry::of(Suspicious, "walks attributes inside a framework, which no pickler writes for its classes", &[])
    })
}

/// True for modules of the standard library or of a framework whose wheels were read.
pub(crate) fn is_known_module(module: &str) -> bool {
    stdlib::is_stdlib(module) || framework_of(module).is_some()
}

/// True when a class-like value of this name may be made without running its own code.
pub(crate) fn may_make(entry: &Entry) -> bool {
    entry.severity <= ArtifactSeverity::Allowed && matches!(entry.contract, Contract::Any | Contract::Class)
}

#[cfg(test)]
mod tests {
    use super::{Contract, judge};
    use crate::report::ArtifactSeverity::{Allowed, Dangerous, Review, Suspicious};

    #[test]
    fn the_lattice() {
        for (module, name, severity) in [
            ("os", "system", Dangerous),
            ("posix", "system", Dangerous),
            ("builtins", "eval", Dangerous),
            ("random", "_os.system", Dangerous),
            ("numpy", "f2py.crackfortran.os.system", Dangerous),
            ("collections", "OrderedDict.__init__.__globals__", Dangerous),
            ("textwrap", "dedent", Suspicious),
            ("acme_models", "Net", Review),
            ("collections", "OrderedDict", Allowed),
            ("numpy", "dtype", Allowed),
            ("torch._utils", "_rebuild_tensor_v2", Allowed),
        ] {
            assert_eq!(judge(module, name).severity, severity, "{module}.{name}");
        }
        assert_eq!(judge("builtins", "getattr").contract, Contract::Getattr);
    }
}
