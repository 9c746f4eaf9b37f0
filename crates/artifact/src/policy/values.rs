//! Data classes inside modules that are dangerous as a whole: named tuples, enumerations, exceptions, records that their
//! pickles restore by state alone. They are asked before the danger list.

use super::Contract::{self, Any, Class};

static TABLE: &[(&str, Contract, &str)] = &[
    ("asyncio.exceptions", Any, "CancelledError"),
    (
        "configparser",
        Class,
        "ConfigParser RawConfigParser SectionProxy ConverterMapping BasicInterpolation Interpolation",
    ),
    ("difflib", Any, "Match"),
    ("dis", Any, "Instruction Positions _Instruction"),
    ("http", Any, "HTTPStatus HTTPMethod"),
    ("http.cookiejar", Class, "Cookie"),
    ("http.cookies", Class, "SimpleCookie BaseCookie Morsel"),
    (
        "inspect",
        Any,
        "_ParameterKind Parameter Signature FullArgSpec ArgSpec ArgInfo Attribute BlockFinder BoundArguments",
    ),
    ("json.decoder", Any, "JSONDecodeError"),
    ("omegaconf.base", Class, "ContainerMetadata Metadata"),
    ("omegaconf.dictconfig", Class, "DictConfig"),
    ("omegaconf.listconfig", Class, "ListConfig"),
    ("omegaconf.nodes", Class, "AnyNode IntegerNode StringNode FloatNode BooleanNode"),
    ("os", Any, "stat_result PathLike terminal_size times_result uname_result statvfs_result"),
    ("posix", Any, "stat_result times_result uname_result statvfs_result"),
    ("platform", Any, "uname_result"),
    ("plistlib", Any, "UID Data"),
    ("grp", Any, "struct_group"),
    ("pwd", Any, "struct_passwd"),
    ("resource", Any, "struct_rusage"),
    ("sched", Any, "Event"),
    ("selectors", Any, "SelectorKey"),
    ("signal", Any, "Signals Handlers Sigmasks"),
    ("socket", Any, "AddressFamily AddressInfo MsgFlag SocketKind gaierror herror timeout"),
    ("ssl", Any, "TLSVersion VerifyMode AlertDescription Options"),
    ("subprocess", Any, "CompletedProcess TimeoutExpired"),
    ("tarfile", Class, "TarInfo"),
    ("tokenize", Any, "TokenInfo"),
    ("torch.fx.immutable_collections", Any, "immutable_list immutable_dict"),
    ("traceback", Class, "FrameSummary StackSummary"),
    ("tracemalloc", Class, "Snapshot Trace Traceback Frame Statistic StatisticDiff Filter DomainFilter _Traces"),
    ("urllib.parse", Any, "ParseResult SplitResult DefragResult ParseResultBytes SplitResultBytes DefragResultBytes"),
    ("xml.etree.ElementTree", Class, "Element"),
    ("zipfile", Class, "ZipInfo"),
];

/// The contract of `module.name`, if it is such a class.
pub(super) fn lookup(module: &str, name: &str) -> Option<Contract> {
    if let Some((_, contract, _)) =
        TABLE.iter().find(|(m, _, names)| *m == module && names.split(' ').any(|n| n == name))
    {
        return Some(*contract);
    }
    let class = name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric());
    // The nodes of a syntax tree are records; running one takes `compile`, which is a gadget.
    if class && matches!(module, "ast" | "_ast") && !name.starts_with("Node") {
        return Some(Class);
    }
    // An exception that is made does nothing; ctypes has functions of such names.
    let exception = class && ["Error", "Exception", "Warning"].iter().any(|e| name.ends_with(e));
    (exception && super::stdlib::is_stdlib(module) && !module.starts_with("ctypes")).then_some(Any)
}

#[cfg(test)]
mod tests {
    use super::super::{Contract, judge};
    use crate::report::ArtifactSeverity::{Allowed, Dangerous};

    #[test]
    fn records_are_data_and_their_neighbours_are_not() {
        for (module, name) in [
            ("zipfile", "ZipInfo"),
            ("subprocess", "CalledProcessError"),
            ("ast", "BinOp"),
            ("socket", "timeout"),
            ("signal", "Signals"),
        ] {
            assert_eq!(judge(module, name).severity, Allowed, "{module}.{name}");
        }
        for (module, name) in [
            ("zipfile", "ZipFile"),
            ("subprocess", "Popen"),
            ("ast", "literal_eval"),
            ("ast", "NodeVisitor"),
            ("socket", "socket"),
            ("ctypes", "WinError"),
            ("subprocess", "CalledProcessError.__init__"),
        ] {
            assert_eq!(judge(module, name).severity, Dangerous, "{module}.{name}");
        }
        assert_eq!(judge("zipfile", "ZipInfo").contract, Contract::Class);
    }
}
