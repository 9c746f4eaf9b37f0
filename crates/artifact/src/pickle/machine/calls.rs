//! Judging calls: which callee with which arguments, by the contract of its name.

use super::{Inner, Machine, StorageRef};
use crate::pickle::value::{Kind, Node, Tag, Value};
use crate::policy::{self, Contract};
use crate::report::ArtifactSeverity::{self, Allowed, Dangerous, Review, Suspicious};
use crate::rules;

/// The opcode family by which a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// `REDUCE`, `INST`, `OBJ`: `callee(*args)`.
    Call,
    /// `NEWOBJ`, `NEWOBJ_EX`: `callee.__new__(callee, *args)`.
    New,
}

/// Bytes that `bytes(n)` may be asked for.
const BYTES_MADE_MAX: i64 = 1 << 30;

/// Text codecs that `encode` may be asked for.
fn is_text_codec(name: &str) -> bool {
    matches!(
        name.to_ascii_lowercase().replace('_', "-").as_str(),
        "latin1"
            | "latin-1"
            | "iso-8859-1"
            | "iso8859-1"
            | "ascii"
            | "us-ascii"
            | "utf8"
            | "utf-8"
            | "raw-unicode-escape"
    )
}

impl Machine<'_, '_> {
    /// The children of a tuple or list of arguments.
    fn arguments(&self, args: Value) -> Vec<Value> {
        self.arena
            .get(args)
            .filter(|n| matches!(n.kind, Kind::Tuple | Kind::List))
            .map(|n| n.head.clone())
            .unwrap_or_default()
    }

    /// True for arguments that were there once and are no longer remembered.
    fn forgotten(&self, args: Value) -> bool {
        args.tag() == Tag::Opaque || args.is_node() && self.arena.get(args).is_none()
    }

    /// Module and name of an imported name, or of what an instance is one of.
    fn named(&self, v: Value) -> Option<(&str, &str)> {
        let g = self.globals.get(v.index()).filter(|_| matches!(v.tag(), Tag::Global | Tag::Instance))?;
        Some((g.module.as_str(), g.name.as_str()))
    }

    /// Why a constructor would fill the memory: it takes from an iterator that does not end, or is asked for a length.
    fn fills_memory(&self, callee: Value, items: &[Value]) -> Option<&'static str> {
        let (module, name) = self.named(callee)?;
        let takes_all = match module {
            "builtins" | "__builtin__" => {
                matches!(name, "list" | "tuple" | "set" | "frozenset" | "dict" | "bytes" | "bytearray")
            }
            "collections" => matches!(name, "deque" | "Counter" | "OrderedDict" | "UserList"),
            "array" => name == "array",
            _ => false,
        };
        if !takes_all {
            return None;
        }
        if matches!(name, "bytes" | "bytearray")
            && let Some(v) = items.first()
            && (v.tag() == Tag::BigInt || v.as_int().is_some_and(|n| n > BYTES_MADE_MAX))
        {
            return Some("asks for more bytes than any model has");
        }
        let lazy = items.iter().filter(|v| v.tag() == Tag::Instance).any(|v| match self.named(*v) {
            Some(("itertools", _)) => true,
            Some(("builtins" | "__builtin__", n)) => {
                matches!(n, "range" | "xrange" | "zip" | "enumerate" | "reversed" | "iter")
            }
            _ => false,
        });
        lazy.then_some("takes all values of an iterator, which need not end")
    }

    fn call_node(&mut self, callee: Value, args: Value, at: u64) -> Value {
        let mut node = Node::new(Kind::Call, at);
        node.head = vec![callee, args];
        let (w, d) = self.weigh(args);
        node.weight = w.saturating_add(1);
        node.depth = d.saturating_add(1);
        self.check_size(node.weight, node.depth, at);
        self.arena.push(node)
    }

    /// Records and judges one call; the result stands for what it would return.
    pub(super) fn call(&mut self, how: How, callee: Value, args: Value, at: u64) -> Value {
        self.active = true;
        match callee.tag() {
            Tag::Global => self.call_global(how, callee, args, at),
            Tag::Opaque => {
                self.incomplete("a call was made on a value that is no longer remembered");
                let evidence = self.show_call(callee, args);
                self.hit(
                    &rules::PICKLE_OPAQUE_CALL,
                    Review,
                    at,
                    "calls a value that is no longer remembered",
                    evidence,
                    &[],
                );
                Value::OPAQUE
            }
            Tag::Node => {
                let kind = self.arena.get(callee).map(|n| n.kind);
                let Some(kind) = kind else {
                    return self.call(how, Value::OPAQUE, args, at);
                };
                let severity = self.reach(callee).max(Suspicious);
                let evidence = self.show_call(callee, args);
                let (rule, message) = match kind {
                    Kind::Call => (&rules::PICKLE_SUSPICIOUS_CALL, "calls what another call returned"),
                    Kind::Attr => (&rules::PICKLE_SUSPICIOUS_CALL, "calls a method that it looked up by name"),
                    Kind::Persistent => (&rules::PICKLE_SUSPICIOUS_CALL, "calls what a persistent id stands for"),
                    _ => (&rules::PICKLE_BROKEN, "calls a value that cannot be called"),
                };
                self.hit(rule, severity, at, message, evidence, &[]);
                self.call_node(callee, args, at)
            }
            Tag::Instance => {
                let evidence = self.show_call(callee, args);
                self.hit(&rules::PICKLE_SUSPICIOUS_CALL, Suspicious, at, "calls an object that it made", evidence, &[]);
                self.call_node(callee, args, at)
            }
            Tag::Extension | Tag::Persistent | Tag::Buffer => {
                let evidence = self.show_call(callee, args);
                self.hit(
                    &rules::PICKLE_SUSPICIOUS_CALL,
                    Suspicious,
                    at,
                    "calls something from outside the stream",
                    evidence,
                    &[],
                );
                self.call_node(callee, args, at)
            }
            _ => {
                let evidence = self.show_call(callee, args);
                self.hit(&rules::PICKLE_BROKEN, Review, at, "calls a value that cannot be called", evidence, &[]);
                self.call_node(callee, args, at)
            }
        }
    }

    /// The worst name at the root of a chain of calls and attributes.
    fn reach(&self, mut v: Value) -> ArtifactSeverity {
        let mut worst = Allowed;
        for _ in 0..16 {
            match v.tag() {
                Tag::Global => {
                    return worst.max(self.globals.get(v.index()).map_or(Review, |g| g.entry.severity));
                }
                Tag::Node => match self.arena.get(v) {
                    Some(n) if matches!(n.kind, Kind::Call | Kind::Attr) => match n.head.first() {
                        Some(f) => v = *f,
                        None => return worst,
                    },
                    _ => return worst,
                },
                _ => return worst,
            }
            worst = worst.max(Allowed);
        }
        worst.max(Suspicious)
    }

    fn call_global(&mut self, how: How, callee: Value, args: Value, at: u64) -> Value {
        let Some(g) = self.globals.get(callee.index()) else { return Value::OPAQUE };
        let (severity, contract, why, references) =
            (g.entry.severity, g.entry.contract, g.entry.why, g.entry.references);
        let (module, name) = (g.module.clone(), g.name.clone());
        if severity > Allowed {
            let last = name.rsplit('.').next().unwrap_or(&name);
            let function = !last.trim_start_matches('_').starts_with(|c: char| c.is_ascii_uppercase());
            let severity = if severity == Review && function && how == How::Call && policy::is_known_module(&module) {
                Suspicious
            } else {
                severity
            };
            let rule = match severity {
                Dangerous => &rules::PICKLE_DANGEROUS_CALL,
                Suspicious => &rules::PICKLE_SUSPICIOUS_CALL,
                _ => &rules::PICKLE_UNKNOWN_CALL,
            };
            let evidence = self.show_call(callee, args);
            let full = crate::scan::printable(&format!("{module}.{name}"));
            if let Some(g) = self.globals.get_mut(callee.index()) {
                g.reported = true;
            }
            self.hit(rule, severity, at, format!("calls `{full}`, which {why}"), evidence, references);
            return self.call_node(callee, args, at);
        }
        let items = self.arguments(args);
        let instance = Value::of(Tag::Instance, callee.payload());
        let refused: (ArtifactSeverity, &str) = match contract {
            Contract::Any => {
                if name == "dtype" && module == "numpy" {
                    return self.call_node(callee, args, at);
                }
                if let Some(why) = self.fills_memory(callee, &items) {
                    let evidence = self.show_call(callee, args);
                    self.hit(&rules::PICKLE_BOMB, Suspicious, at, why, evidence, &[]);
                }
                return instance;
            }
            Contract::Getitem => match items.first().copied() {
                Some(generic) if generic.tag() == Tag::Global && items.len() == 2 => return instance,
                _ => (Suspicious, "takes an item out of a value"),
            },
            Contract::Iter if items.len() == 1 && !self.forgotten(args) => return instance,
            Contract::Iter => (Suspicious, "makes an iterator that calls its first argument at each step"),
            Contract::Class => {
                if how == How::New || items.is_empty() && !self.forgotten(args) {
                    return instance;
                }
                (Review, "calls the constructor of a class that is only known to be restored by its state")
            }
            Contract::Ref => (Suspicious, "calls a function that may only be named"),
            Contract::ClassFirst | Contract::PyxUnpickle => match items.first().copied() {
                Some(class) if class.tag() == Tag::Global && self.makeable(class) => {
                    return Value::of(Tag::Instance, class.payload());
                }
                Some(v) if v.tag() == Tag::Opaque => {
                    self.incomplete("a class is no longer remembered");
                    return Value::OPAQUE;
                }
                _ => (Suspicious, "rebuilds something that is not a known class"),
            },
            Contract::Getattr => return self.getattr(callee, &items, args, at),
            Contract::Partial => match items.first().copied() {
                Some(f) if f.tag() == Tag::Global => return self.call_node(callee, args, at),
                Some(f) if f.tag() == Tag::Node && self.reach(f) <= Allowed => return self.call_node(callee, args, at),
                _ => (Suspicious, "binds arguments to something that is not a named function"),
            },
            Contract::Codec => {
                let codec = items.get(1).copied();
                let name = codec.and_then(|c| self.text_of(c, 64));
                match (codec, name) {
                    (None, _) => return instance,
                    (Some(_), Some(n)) if is_text_codec(&n) => return instance,
                    _ => (Suspicious, "asks for a codec that is not a text codec"),
                }
            }
            Contract::Nested => {
                let place = items.first().and_then(|v| self.place_of(*v));
                match place {
                    Some((from, len)) => {
                        self.inner.retain(|i| !matches!(i, Inner::Plain { at, .. } if *at == from));
                        self.inner.push(Inner::Plain { at: from, len, unpickled: true });
                        return instance;
                    }
                    None => (Suspicious, "unpickles bytes that are not in the stream"),
                }
            }
            Contract::TypeOf => {
                if items.len() == 1 {
                    return instance;
                }
                (Dangerous, "makes a class")
            }
            Contract::UfuncName => {
                let from = items.first().copied().and_then(|v| self.text_of(v, 256)).unwrap_or_default();
                if from == "numpy"
                    || from.starts_with("numpy.core")
                    || from.starts_with("numpy._core")
                    || from.starts_with("scipy.special")
                {
                    return instance;
                }
                (Dangerous, "imports a module by name")
            }
            Contract::RebuildFromType => {
                let callable = items.first().copied().is_some_and(|f| {
                    f.tag() == Tag::Global
                        && self.globals.get(f.index()).is_some_and(|g| {
                            g.entry.severity > Allowed
                                || g.entry.contract == Contract::Any
                                || g.entry.contract == Contract::ClassFirst
                        })
                });
                match items.get(1).copied() {
                    Some(class) if callable && class.tag() == Tag::Global && self.makeable(class) => {
                        // What it calls is judged like a call of the stream's own.
                        if let (Some(function), Some(inner)) = (items.first(), items.get(2)) {
                            self.call(How::Call, *function, *inner, at);
                        }
                        return Value::of(Tag::Instance, class.payload());
                    }
                    _ => (Suspicious, "rebuilds a tensor through something that is not a known function"),
                }
            }
        };
        let evidence = self.show_call(callee, args);
        let rule = match refused.0 {
            Dangerous => &rules::PICKLE_DANGEROUS_CALL,
            Suspicious => &rules::PICKLE_SUSPICIOUS_CALL,
            _ => &rules::PICKLE_UNKNOWN_CALL,
        };
        self.hit(rule, refused.0, at, refused.1, evidence, &[]);
        self.call_node(callee, args, at)
    }

    /// True when `class` may be made, or was reported for what it is already.
    fn makeable(&self, class: Value) -> bool {
        self.globals.get(class.index()).is_some_and(|g| g.entry.severity > Allowed || policy::may_make(&g.entry))
    }

    fn getattr(&mut self, callee: Value, items: &[Value], args: Value, at: u64) -> Value {
        let name = items.get(1).copied().and_then(|n| self.text_of(n, 1024));
        let (Some(&target), Some(name)) = (items.first(), name) else {
            let evidence = self.show_call(callee, args);
            self.hit(
                &rules::PICKLE_SUSPICIOUS_CALL,
                Suspicious,
                at,
                "looks up an attribute by a computed name",
                evidence,
                &[],
            );
            return self.call_node(callee, args, at);
        };
        let mut node = Node::new(Kind::Attr, at);
        node.head = vec![target, items[1]];
        let attr = self.arena.push(node);
        if policy::is_escape_attribute(&name) || (name.starts_with("__") && name.ends_with("__")) || name.contains('.')
        {
            let evidence = self.show_call(callee, args);
            self.hit(
                &rules::PICKLE_DANGEROUS_CALL,
                Dangerous,
                at,
                "looks up an attribute that leads into the interpreter",
                evidence,
                &["CWE-915"],
            );
            return attr;
        }
        match target.tag() {
            Tag::Global => {
                let Some(g) = self.globals.get(target.index()) else { return attr };
                let (module, joined) = (g.module.clone(), format!("{}.{name}", g.name));
                if policy::may_make(&g.entry) {
                    self.method(callee, args, &name, at);
                    return attr;
                }
                self.global(module, joined, at)
            }
            Tag::Instance | Tag::Node => {
                self.method(callee, args, &name, at);
                attr
            }
            _ => {
                let evidence = self.show_call(callee, args);
                self.hit(
                    &rules::PICKLE_SUSPICIOUS_CALL,
                    Suspicious,
                    at,
                    "looks up an attribute of a plain value",
                    evidence,
                    &[],
                );
                attr
            }
        }
    }

    /// A member or method of a known class or of an object: calling it is judged at the call, but others may call it too
    /// (`__setstate__` of an instance, a default factory).
    fn method(&mut self, callee: Value, args: Value, name: &str, at: u64) {
        let (severity, why) = policy::judge_attribute(name);
        if severity > Allowed {
            let rule =
                if severity == Suspicious { &rules::PICKLE_SUSPICIOUS_CALL } else { &rules::PICKLE_UNKNOWN_CALL };
            let evidence = self.show_call(callee, args);
            self.hit(rule, severity, at, why, evidence, &[]);
        }
    }

    /// `BUILD`: sets the state of what is below it on the stack.
    pub(super) fn build(&mut self, object: Value, state: Value, at: u64) {
        self.active = true;
        let special = self.special_state(state);
        let refused: Option<(ArtifactSeverity, &str)> = match object.tag() {
            Tag::Global => Some((Dangerous, "sets attributes of an imported module, class or function")),
            Tag::Instance => special.then_some((Dangerous, "sets attributes that change how the object behaves")),
            Tag::Node => match self.arena.get(object).map(|n| n.kind) {
                Some(Kind::Call) => {
                    special.then_some((Dangerous, "sets attributes that change how the object behaves"))
                }
                Some(Kind::Attr) => Some((Dangerous, "sets attributes of something it looked up by name")),
                Some(Kind::Persistent) => {
                    special.then_some((Suspicious, "sets state on what a persistent id stands for"))
                }
                Some(_) => Some((Review, "sets state on a plain value")),
                None => None,
            },
            Tag::Extension | Tag::Persistent => Some((Suspicious, "sets state on something from outside the stream")),
            Tag::Opaque => {
                self.incomplete("state was set on a value that is no longer remembered");
                None
            }
            _ => Some((Review, "sets state on a plain value")),
        };
        if let Some((severity, message)) = refused {
            let mut evidence = self.show(object);
            evidence.push_str(".__setstate__(");
            let shown = self.show(state);
            evidence.push_str(&shown);
            evidence.push(')');
            self.hit(&rules::PICKLE_BUILD, severity, at, message, evidence, &[]);
        }
    }

    /// True when the state (a dictionary, or the pair of dictionary and slots) sets special names.
    fn special_state(&self, state: Value) -> bool {
        let Some(n) = self.arena.get(state) else { return false };
        n.special_key
            || (n.kind == Kind::Tuple && n.head.iter().any(|c| self.arena.get(*c).is_some_and(|d| d.special_key)))
    }

    /// Items added to something: `append`, `extend`, `__setitem__` or `add` of an arbitrary object is a call.
    pub(super) fn add_items(&mut self, target: Value, opcode: &str, at: u64) {
        let known = match target.tag() {
            Tag::Instance | Tag::Opaque => return,
            Tag::Node => match self.arena.get(target).map(|n| n.kind) {
                None | Some(Kind::List | Kind::Dict | Kind::Set) => return,
                Some(Kind::Call) => {
                    // What an unknown call returned was reported with the call.
                    self.reach(target) > Allowed
                }
                Some(_) => false,
            },
            _ => false,
        };
        if known {
            return;
        }
        let severity = if target.tag() == Tag::Global { Dangerous } else { Suspicious };
        let evidence = format!("{opcode} on {}", self.show(target));
        self.hit(
            &rules::PICKLE_SUSPICIOUS_CALL,
            severity,
            at,
            "adds items to something that is no container",
            evidence,
            &[],
        );
    }

    /// A persistent id: PyTorch's storages are kept, everything else is noted.
    pub(super) fn persistent(&mut self, id: Value, at: u64) -> Value {
        self.active = true;
        let items = self.arguments(id);
        let kind = items.first().copied().and_then(|v| self.text_of(v, 32));
        match (kind.as_deref(), items.as_slice()) {
            (Some("storage"), [_, class, key, _, rest @ ..]) => {
                let class = match class.tag() {
                    Tag::Global => self.globals.get(class.index()).map(|g| format!("{}.{}", g.module, g.name)),
                    _ => None,
                };
                let key = self.text_of(*key, 256);
                let elements = rest.first().and_then(|v| v.as_int());
                match (class, key, elements) {
                    (Some(class), Some(key), Some(elements)) => {
                        if self.storages.len() < self.config.globals_max {
                            self.storages.push(StorageRef { key, class, elements, at });
                        } else {
                            self.incomplete("a pickle names more storages than the limit");
                        }
                    }
                    _ => self.foreign_id(id, at),
                }
            }
            (Some("module"), _) => {}
            // torch.package calls the function with the importer and these arguments.
            (Some("reduce_package"), [_, _, callee, args, ..]) => return self.call(How::Call, *callee, *args, at),
            _ => self.foreign_id(id, at),
        }
        let mut node = Node::new(Kind::Persistent, at);
        node.head = items;
        self.arena.push(node)
    }

    fn foreign_id(&mut self, id: Value, at: u64) {
        if self.foreign_ids.len() < 32 {
            let shown = self.show(id);
            self.foreign_ids.push((at, shown));
        }
    }

    /// joblib before 0.10 kept arrays in files beside the pickle: a name that leads elsewhere opens whatever is there, and
    /// unpickles it.
    pub(super) fn file_of_array(&mut self, object: Value, state: Value, at: u64) {
        let Some((module, name)) = self.named(object).filter(|_| object.tag() == Tag::Instance) else { return };
        if !matches!(name, "NDArrayWrapper" | "ZNDArrayWrapper") || !module.contains("numpy_pickle") {
            return;
        }
        let Some(pairs) = self.arena.get(state).filter(|n| n.kind == Kind::Dict).map(|n| n.head.clone()) else {
            return;
        };
        for pair in pairs.chunks_exact(2) {
            if self.text_of(pair[0], 16).as_deref() != Some("filename") {
                continue;
            }
            let file = self.text_of(pair[1], 1024).unwrap_or_default();
            if file.is_empty() || file.contains(['/', '\\', '\0']) || file.starts_with("..") {
                let message = "takes an array from a file that is not beside the pickle, and unpickles it";
                self.hit(&rules::PICKLE_BUILD, Suspicious, at, message, crate::scan::printable(&file), &["CWE-22"]);
            }
        }
    }

    /// The element size and shape of the array that joblib wrote right after its place-holder, if `state` is one's.
    pub(super) fn joblib_array(&mut self, object: Value, state: Value) -> Option<JoblibArray> {
        let g = self.globals.get(object.index()).filter(|_| object.tag() == Tag::Instance)?;
        if g.name != "NumpyArrayWrapper" || !g.module.ends_with("numpy_pickle") {
            return None;
        }
        let pairs = self.arena.get(state).filter(|n| n.kind == Kind::Dict)?.head.clone();
        let mut array = JoblibArray { elements: 1, item_bytes: None, object: false, aligned: false };
        let mut shape_seen = false;
        for pair in pairs.chunks_exact(2) {
            match self.text_of(pair[0], 64).as_deref() {
                Some("shape") => {
                    shape_seen = true;
                    for d in self.arguments(pair[1]) {
                        array.elements = array.elements.saturating_mul(u64::try_from(d.as_int()?).ok()?);
                    }
                }
                Some("dtype") => {
                    let call = self.arena.get(pair[1]).filter(|n| n.kind == Kind::Call)?.head.clone();
                    let spec = self.arguments(*call.get(1)?);
                    let text = self.text_of(*spec.first()?, 64)?;
                    array.object = text.trim_start_matches(['<', '>', '|', '=']).starts_with('O');
                    array.item_bytes = item_bytes(&text);
                }
                Some("numpy_array_alignment_bytes") => array.aligned = pair[1].as_int().is_some(),
                _ => {}
            }
        }
        shape_seen.then_some(array)
    }
}

/// An array that follows in the stream.
pub(super) struct JoblibArray {
    pub(super) elements: u64,
    pub(super) item_bytes: Option<u64>,
    pub(super) object: bool,
    pub(super) aligned: bool,
}

/// Bytes of one element of a simple dtype: `<f8`, `i4`, `b1`, `U10`, `S5`, `M8[ns]`.
pub(crate) fn item_bytes(dtype: &str) -> Option<u64> {
    let bare = dtype.trim_start_matches(['<', '>', '|', '=']);
    let mut chars = bare.chars();
    let kind = chars.next()?;
    let digits: String = chars.as_str().chars().take_while(char::is_ascii_digit).collect();
    let n: u64 = match (bare, digits.is_empty()) {
        ("bool" | "int8" | "uint8", _) => return Some(1),
        ("int16" | "uint16" | "float16", _) => return Some(2),
        ("int32" | "uint32" | "float32", _) => return Some(4),
        ("int64" | "uint64" | "float64" | "complex64", _) => return Some(8),
        ("complex128" | "float128", _) => return Some(16),
        (_, false) => digits.parse().ok()?,
        ("?", _) => 1,
        _ => return None,
    };
    match kind {
        'b' | 'i' | 'u' | 'f' | 'c' | 'M' | 'm' | 'S' | 'V' | 'a' | '?' | 'O' => Some(n),
        'U' => n.checked_mul(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::item_bytes;

    #[test]
    fn element_sizes() {
        for (d, n) in [
            ("<f8", Some(8)),
            ("i4", Some(4)),
            ("U10", Some(40)),
            ("|S5", Some(5)),
            ("b1", Some(1)),
            ("M8[ns]", Some(8)),
            ("float32", Some(4)),
            ("q", None),
            ("", None),
        ] {
            assert_eq!(item_bytes(d), n, "{d}");
        }
    }
}
