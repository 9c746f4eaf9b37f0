//! Gadgets: what runs code, opens files or connections, or leads to what does.
//!
//! Families are listed by what they can do, mostly whole modules at a time: a finite list of single functions is
//! by-passed by the next function of the same module.

mod families;
mod names;

use families::{FAMILIES, Family};
use names::NAMES;

use super::Entry;
use crate::report::ArtifactSeverity::{Dangerous, Suspicious};

fn pattern_matches(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        _ if pattern == "*" => true,
        (Some(tail), None) => text.ends_with(tail),
        (Some(_), Some(_)) => text.contains(&pattern[1..pattern.len() - 1]),
        (None, Some(head)) => text.starts_with(head),
        (None, None) => pattern == text,
    }
}

fn in_family(family: &Family, module: &str) -> bool {
    family.modules.iter().any(|m| match m.strip_suffix(".*") {
        Some(package) => in_package(module, package),
        None => *m == module,
    })
}

fn in_package(module: &str, package: &str) -> bool {
    module.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Methods that act on files, processes or code, whatever object they are of (`Path.write_text`, `ndarray.tofile`,
/// `DataFrame.query`).
static ACTING_METHODS: &[&str] = &[
    "apply",
    "call",
    "chmod",
    "chown",
    "communicate",
    "connect",
    "copyfile",
    "delete",
    "download",
    "dump",
    "dumps",
    "eval",
    "exec",
    "exec_module",
    "execute",
    "extract",
    "extractall",
    "format",
    "format_map",
    "from_file",
    "fromfile",
    "hardlink_to",
    "kill",
    "lchmod",
    "link_to",
    "load",
    "load_module",
    "loads",
    "makedirs",
    "map",
    "mkdir",
    "move",
    "open",
    "pipe",
    "popen",
    "pull",
    "push",
    "push_to_hub",
    "put",
    "query",
    "read_bytes",
    "read_text",
    "remove",
    "rename",
    "replace",
    "rmdir",
    "rmtree",
    "run",
    "run_path",
    "runcode",
    "runsource",
    "save",
    "send",
    "set_data",
    "spawn",
    "start",
    "symlink_to",
    "system",
    "terminate",
    "to_csv",
    "to_excel",
    "to_feather",
    "to_file",
    "to_hdf",
    "to_html",
    "to_json",
    "to_parquet",
    "to_pickle",
    "to_sql",
    "tofile",
    "touch",
    "unlink",
    "upload",
    "urlopen",
    "walk",
    "write",
    "writelines",
];

/// True for the name of a method that acts beyond its object.
pub(super) fn is_acting_method(name: &str) -> bool {
    ACTING_METHODS.contains(&name) || ["read_", "load_", "save_", "write_"].iter().any(|p| name.starts_with(p))
}

/// True when the module as a whole is of a dangerous family.
pub(super) fn is_dangerous_module(module: &str) -> bool {
    FAMILIES.iter().any(|f| in_family(f, module))
}

/// Libraries of data and configurations: their functions may run text or read files, their classes are values that
/// nobody has looked at yet.
static WITH_VALUES: &[&str] =
    &["dask", "fastai", "h5py", "matplotlib", "omegaconf", "pyarrow", "pyparsing", "sympy", "tables", "zarr"];

/// True for a class of such a library, which is for review and no gadget.
fn is_value(module: &str, name: &str) -> bool {
    WITH_VALUES.iter().any(|package| in_package(module, package))
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && !name.contains('.')
}

/// The entry of a gadget, if `module.name` is one.
pub(super) fn lookup(module: &str, name: &str) -> Option<Entry> {
    if is_value(module, name) {
        return None;
    }
    // scikit-learn carried a copy of joblib.
    let module = module.strip_prefix("sklearn.externals.").filter(|m| in_package(m, "joblib")).unwrap_or(module);
    // Python 2's name for the module is judged as the module itself, whatever the protocol says.
    let module = if module == "__builtin__" || module == "__builtins__" { "builtins" } else { module };
    if module == "builtins" {
        // Dotted names through a builtin: `getattr`-like walks end in the escape check of the caller.
        let first = name.split('.').next().unwrap_or(name);
        if first != name
            && let Some(e) = lookup(module, first)
        {
            return Some(e);
        }
    }
    for (m, names, why) in NAMES {
        if pattern_matches(m, module) && names.split(' ').any(|n| pattern_matches(n, name)) {
            return Some(Entry::of(Dangerous, why, &["CWE-502"]));
        }
    }
    for family in FAMILIES {
        if in_family(family, module) {
            return Some(Entry::of(Dangerous, family.why, family.references));
        }
    }
    if module.starts_with("__main__.") || name == "os" || name == "sys" || name == "subprocess" {
        return Some(Entry::of(Suspicious, "names a module through another module", &["CWE-915"]));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::lookup;

    #[test]
    fn families_and_their_counterexamples() {
        for (m, n) in [
            ("os", "system"),
            ("subprocess", "Popen"),
            ("pip._internal.cli.main", "main"),
            ("torch.hub", "load"),
            ("numpy.testing._private.utils", "runstring"),
            ("_pyrepl.pager", "pipe_pager"),
            ("imaplib", "IMAP4_stream"),
            ("uuid", "_get_command_stdout"),
            ("functools", "reduce"),
            ("__builtin__", "eval"),
            ("builtins", "eval.__call__"),
        ] {
            assert!(lookup(m, n).is_some(), "{m}.{n}");
        }
        for (m, n) in [
            ("collections", "OrderedDict"),
            ("torch._utils", "_rebuild_tensor_v2"),
            ("uuid", "UUID"),
            ("builtins", "set"),
            ("torch", "FloatStorage"),
            ("numpy", "dtype"),
            ("functools", "partial"),
            ("joblib.numpy_pickle", "NumpyArrayWrapper"),
            ("numpy.core.multiarray", "_reconstruct"),
            ("logging", "Logger"),
            ("sympy.core.add", "Add"),
        ] {
            assert!(lookup(m, n).is_none(), "{m}.{n}");
        }
    }
}
