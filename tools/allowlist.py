#!/usr/bin/env python3
"""Makes crates/artifact/data/allow.tsv from published wheels, without importing any of them.

    python3 tools/allowlist.py WHEEL_DIR OUT_DIR

Reads every *.whl in WHEEL_DIR with zipfile and ast (nothing is executed) and writes OUT_DIR/allow.tsv (one line for each
module: module, classes, constructors, functions; tab between columns, space between names; sorted) and
OUT_DIR/allow.sources.tsv (package, version, SHA-256, wheel). `cargo xtask allowlist` fetches the wheels, checks and makes
the table. For each module-level name it decides:

* c  class: may be made by __new__ and given state. Left out when the class, or a base in the same package, has a
     __setstate__, __new__, __del__ or __reduce__-target that reaches a sink.
* i  constructor: a class whose __init__ and __new__ reach no sink, or a function that some __reduce__ returns.
* f  function without a sink in its body or in the functions of the same module that it calls.
Functions that reach a sink are left out: exec, eval, compile, import by name, processes, files, sockets, unpickling, native
libraries; they are judged like any function that nobody vouched for.

Extension modules have no source: class names are read off the type names that the binary holds as text.
"""
import ast, hashlib, os, re, sys, zipfile
from collections import defaultdict

SINK_NAMES = {"eval", "exec", "execfile", "compile", "__import__", "open", "input", "breakpoint", "setattr", "delattr",
              "globals", "locals", "vars"}
SINK_ATTRS = {"system", "popen", "Popen", "call", "check_call", "check_output", "run", "spawn", "spawnv", "execv", "execvp",
              "fork", "import_module", "load_module", "exec_module", "spec_from_file_location", "urlopen", "urlretrieve",
              "loads", "load", "unsafe_load", "CDLL", "LoadLibrary", "load_library", "dlopen", "open", "remove", "unlink",
              "rmtree", "rename", "replace_file", "makedirs", "mkdir", "write_text", "write_bytes", "read_text", "read_bytes",
              "extractall", "connect", "create_connection", "get_file", "memmap", "fromfile", "tofile", "savez", "save",
              "NamedTemporaryFile", "mkstemp", "mkdtemp", "Pool", "Process", "Thread", "start_new_thread", "resolve_name",
              "literal_eval_unsafe", "from_file", "download", "download_url", "hf_hub_download", "snapshot_download",
              "cached_file", "cached_download", "environ", "putenv", "settrace", "setprofile", "kill"}
# Attribute calls that are sinks only on these roots; elsewhere `self.load` or `x.run` is too common to mean anything.
AMBIGUOUS = {"call": {"subprocess", "sp"}, "run": {"subprocess", "sp", "runpy"}, "loads": None, "load": {"pickle", "torch", "joblib", "np", "numpy", "marshal", "dill", "cloudpickle", "yaml"},
             "open": {"io", "os", "gzip", "bz2", "lzma", "codecs", "tarfile", "zipfile", "fsspec", "webbrowser", "shelve", "urllib"},
             "save": {"torch", "np", "numpy"}, "replace_file": None, "connect": {"socket", "sqlite3"}, "remove": {"os"}, "rename": {"os"},
             "kill": {"os"}, "spawn": {"os", "mp", "multiprocessing"}, "system": {"os"}, "memmap": {"np", "numpy"}, "download": None,
             "from_file": {"torch"}, "environ": {"os"}, "Pool": None, "Process": None, "Thread": None, "mkdir": {"os"}, "start": set()}
AMBIGUOUS["loads"] = {"pickle", "cloudpickle", "dill", "marshal", "_pickle"}
SKIP_PARTS = {"tests", "test", "testing", "_testing", "conftest", "setup", "examples", "benchmarks", "docs", "__main__", "cli", "commands"}
# Folders that some wheels carry beside their package by mistake: other packages of these names exist.
STRAY_TOPS = {"benchmarks", "devtools", "scripts", "tools", "utils"}
# Functions are kept for the packages whose objects hold references to them; elsewhere an unknown function is for review.
FUNCTIONS_OF = ("sklearn", "numpy", "scipy", "pandas", "xgboost", "lightgbm", "catboost", "imblearn", "joblib", "torch.nn", "torch.functional",
                "torch.special", "torch.distributions", "torch.optim", "transformers.activations", "timm.layers", "torchvision.transforms",
                "torchmetrics", "chemprop", "skorch", "hmmlearn", "umap", "category_encoders", "gpytorch", "mlxtend", "ngboost", "lifelines", "gensim")
SKIP_MODULES = ("torch._inductor", "torch._dynamo", "torch.testing", "torch._refs", "torch._decomp", "torch.onnx", "torch.export", "torch._export",
                "torch.fx", "torch.utils", "torch._functorch", "torch._subclasses", "torch._prims", "torch.distributed", "torch._higher_order_ops",
                "torch.package", "torch.hub", "torchgen", "functorch", "numpy.f2py", "numpy.distutils", "numpy.testing", "joblib.externals",
                "joblib.parallel", "joblib.memory", "joblib.pool", "joblib._memmapping_reducer", "nltk.app", "nltk.downloader", "pandas.io", "pandas.core.computation",
                "transformers.agents", "transformers.commands", "transformers.testing_utils", "diffusers.commands", "accelerate.commands")
DUNDERS = {"__setstate__", "__new__", "__del__", "__getattr__", "__setattr__", "__setitem__", "append", "extend", "add", "__hash__", "__eq__"}


def root_of(node):
    while isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        node = node.value if not isinstance(node, ast.Call) else node.func
    return node.id if isinstance(node, ast.Name) else None


def sinks_and_calls(node):
    """True when the body itself has a sink; with the plain names and self-methods that it calls."""
    sink, calls = False, set()
    for n in ast.walk(node):
        if isinstance(n, ast.Call):
            f = n.func
            if isinstance(f, ast.Name):
                if f.id in SINK_NAMES:
                    own = len(n.args) == 3 and isinstance(n.args[0], ast.Name) and n.args[0].id == "self"
                    # Setting an attribute of the object itself, and looking at those of any, reach nothing.
                    sink |= not (f.id == "setattr" and own or f.id == "vars" and len(n.args) == 1)
                calls.add(f.id)
            elif isinstance(f, ast.Attribute):
                r = root_of(f.value)
                if f.attr in SINK_ATTRS:
                    roots = AMBIGUOUS.get(f.attr, False)
                    if roots is False or roots is None or r in roots:
                        sink = True
                if r in ("subprocess", "os") and f.attr not in ("path", "fspath", "getpid", "cpu_count", "get", "join", "sep", "linesep") and not isinstance(f.value, ast.Attribute):
                    sink = True
                if r == "self":
                    calls.add("self." + f.attr)
    return sink, calls


class Module:
    def __init__(self):
        self.classes, self.functions, self.reduced = {}, {}, set()
        # Name → module that a decorator (`@set_module("numpy")`) puts it in.
        self.moved = {}


def read_module(source, is_pyi):
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None
    m = Module()

    def visit(body, prefix):
        for n in body:
            for d in getattr(n, "decorator_list", []):
                if not prefix and isinstance(d, ast.Call) and d.args and isinstance(d.args[0], ast.Constant) and isinstance(d.args[0].value, str) \
                        and (getattr(d.func, "id", "") == "set_module" or getattr(d.func, "attr", "") == "set_module"):
                    m.moved[n.name] = d.args[0].value
            if isinstance(n, ast.ClassDef):
                q = prefix + n.name
                methods = {}
                for k in n.body:
                    if isinstance(k, (ast.FunctionDef, ast.AsyncFunctionDef)):
                        methods[k.name] = sinks_and_calls(k)
                        if k.name in ("__reduce__", "__reduce_ex__"):
                            for r in ast.walk(k):
                                if isinstance(r, ast.Return) and isinstance(r.value, ast.Tuple) and r.value.elts:
                                    e = r.value.elts[0]
                                    if isinstance(e, ast.Name):
                                        m.reduced.add(e.id)
                                    elif isinstance(e, ast.Attribute) and e.attr == "__class__" or isinstance(e, ast.Call):
                                        m.reduced.add(q)
                bases = [b.id if isinstance(b, ast.Name) else b.attr if isinstance(b, ast.Attribute) else "" for b in n.bases]
                m.classes[q] = (methods, bases)
                visit(n.body, q + ".")
            elif isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) and not prefix:
                m.functions[n.name] = sinks_and_calls(n)
            elif isinstance(n, ast.Assign) and not prefix and isinstance(n.value, ast.Name):
                # An older name for a class or function of the same module.
                for t in n.targets:
                    if isinstance(t, ast.Name) and n.value.id in m.classes:
                        m.classes[t.id] = m.classes[n.value.id]
                    elif isinstance(t, ast.Name) and n.value.id in m.functions:
                        m.functions[t.id] = m.functions[n.value.id]
            elif isinstance(n, (ast.If, ast.Try)) and not prefix:
                visit(n.body, prefix)
                for h in getattr(n, "handlers", []):
                    visit(h.body, prefix)
                visit(n.orelse, prefix)
            elif isinstance(n, ast.Expr) and isinstance(n.value, ast.Call):
                # copyreg.pickle(Type, reducer): what the reducer returns is a constructor of this module.
                pass

    visit(tree.body, "")
    for n in ast.walk(tree):
        if isinstance(n, ast.FunctionDef) and n.name.startswith(("_reduce", "_pickle", "reduce_", "__reduce")):
            for r in ast.walk(n):
                if isinstance(r, ast.Return) and isinstance(r.value, ast.Tuple) and r.value.elts and isinstance(r.value.elts[0], ast.Name):
                    m.reduced.add(r.value.elts[0].id)
    return m


def reaches(name, functions, depth=3, seen=()):
    if name not in functions or name in seen or depth == 0:
        return False
    sink, calls = functions[name]
    return sink or any(reaches(c, functions, depth - 1, seen + (name,)) for c in calls if not c.startswith("self."))


def method_reaches(method, cls, module, classes_by_name, depth=3, seen=()):
    """Follows a method through self-calls, module functions and bases of the same package."""
    if depth == 0 or (id(cls), method) in seen:
        return False
    seen = seen + ((id(cls), method),)
    methods, bases = cls
    if method in methods:
        sink, calls = methods[method]
        if sink:
            return True
        for c in calls:
            if c.startswith("self."):
                if method_reaches(c[5:], cls, module, classes_by_name, depth - 1, seen):
                    return True
            elif reaches(c, module.functions, depth - 1):
                return True
        return False
    for b in bases:
        for other, om in classes_by_name.get(b, [])[:4]:
            if method_reaches(method, other, om, classes_by_name, depth - 1, seen):
                return True
    return False


def main():
    wheels, out = sys.argv[1], sys.argv[2]
    table = defaultdict(lambda: [set(), set(), set(), set()])
    sources = []
    for name in sorted(os.listdir(wheels)):
        if not name.endswith(".whl"):
            continue
        path = os.path.join(wheels, name)
        digest = hashlib.sha256()
        with open(path, "rb") as f:
            while chunk := f.read(1 << 20):
                digest.update(chunk)
        dist, version = name.split("-")[:2]
        sources.append(f"{dist}\t{version}\t{digest.hexdigest()}\t{name}")
        modules = {}
        with zipfile.ZipFile(path) as z:
            for info in z.infolist():
                parts = info.filename.split("/")
                if any(p in SKIP_PARTS or p.startswith("test_") for p in (q.rsplit(".", 1)[0] for q in parts)) or parts[0] in STRAY_TOPS or parts[0].endswith((".dist-info", ".data", ".libs")):
                    continue
                if info.filename.endswith((".py", ".pyi")) and info.file_size < 2_000_000:
                    mod = re.sub(r"(\.__init__)?\.pyi?$", "", info.filename.replace("/", "."))
                    m = read_module(z.read(info), info.filename.endswith(".pyi"))
                    if m and (mod not in modules or info.filename.endswith(".py")):
                        modules[mod] = m
                elif info.filename.endswith((".so", ".pyd")) and info.file_size < 80_000_000:
                    mod = ".".join(parts[:-1] + [parts[-1].split(".")[0]])
                    row = table[mod]
                    for hit in re.findall(re.escape(mod.encode()) + rb"\.([A-Za-z_][A-Za-z0-9_]{0,80})\0", z.read(info)):
                        n = hit.decode()
                        if n[0].isupper() or n.startswith("_") and n[1:2].isupper():
                            row[1].add(n)
        by_name = defaultdict(list)
        for m in modules.values():
            for q, c in m.classes.items():
                by_name[q.rsplit(".", 1)[-1]].append((c, m))
        for mod, m in modules.items():
            row = table[mod]
            for q, c in m.classes.items():
                if any(method_reaches(d, c, m, by_name) for d in DUNDERS):
                    continue
                row[0].add(q)
                if q in m.moved:
                    table[m.moved[q]][0].add(q)
                direct = q in m.reduced or any(b in ("Exception", "ValueError", "Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "str", "tuple", "dict", "list", "NamedTuple", "OrderedDict", "ExplicitEnum", "UserDict") or b.endswith(("Error", "Warning", "Enum")) for b in c[1])
                if direct and not any(method_reaches(d, c, m, by_name) for d in ("__init__", "__post_init__", "__missing__", "_missing_", "__call__")):
                    row[1].add(q)
                    if q in m.moved:
                        table[m.moved[q]][1].add(q)
            for f in m.functions:
                if reaches(f, m.functions):
                    row[3].add(f)
                elif f in m.reduced:
                    row[1].add(f)
                else:
                    row[2].add(f)
                    if f in m.moved:
                        table[m.moved[f]][2].add(f)
        print(f"{dist} {version}: {len(modules)} modules", file=sys.stderr)
    lines = []
    for mod in sorted(table):
        c, i, f, x = table[mod]
        f = f - x - i if mod.startswith(FUNCTIONS_OF) else set()
        i -= x
        c -= i
        # scikit-learn carried a copy of joblib, which is left out like joblib itself.
        own = mod.removeprefix("sklearn.externals.")
        if (c or i or f) and not any(own == p or own.startswith(p + ".") for p in SKIP_MODULES):
            lines.append("\t".join([mod] + [" ".join(sorted(s)) for s in (c, i, f)]))
    with open(os.path.join(out, "allow.tsv"), "w") as f:
        f.write("\n".join(lines) + "\n")
    with open(os.path.join(out, "allow.sources.tsv"), "w") as f:
        f.write("\n".join(sources) + "\n")


def keras_names(wheels, out):
    """OUT_DIR/keras.txt: every public class and function name of the Keras wheels, which Keras resolves by itself."""
    names = set()
    for name in sorted(os.listdir(wheels)):
        if not (name.startswith("keras-") and name.endswith(".whl")):
            continue
        with zipfile.ZipFile(os.path.join(wheels, name)) as z:
            for info in z.infolist():
                if info.filename.endswith(".py") and "/legacy/" not in info.filename.replace("keras/src/legacy/", "/") and not info.filename.endswith("_test.py"):
                    m = read_module(z.read(info), False)
                    if m and ("/layers/" in info.filename or "/models/" in info.filename or "/optimizers/" in info.filename or "/losses/" in info.filename or "/metrics/" in info.filename
                              or "/initializers/" in info.filename or "/regularizers/" in info.filename or "/constraints/" in info.filename or "/activations/" in info.filename
                              or "/dtype_policies/" in info.filename or "/random/" in info.filename or "/quantizers/" in info.filename):
                        names |= {n for n in list(m.classes) + list(m.functions) if not n.startswith("_") and "." not in n}
    if names:
        with open(os.path.join(out, "keras.txt"), "w") as f:
            f.write("\n".join(sorted(names)) + "\n")


def tensorflow_operators(wheels, out):
    """OUT_DIR/tf_ops.txt: every operator that the wrappers of the TensorFlow wheels name, after a line for each wheel."""
    names, sources = set(), []
    for name in sorted(os.listdir(wheels)):
        if not (name.startswith("tensorflow") and name.endswith(".whl")):
            continue
        path = os.path.join(wheels, name)
        with open(path, "rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest()
        sources.append("# " + "\t".join(name.split("-")[:2] + [digest]))
        with zipfile.ZipFile(path) as z:
            for info in z.infolist():
                if re.search(r"/gen_\w+\.py$", info.filename):
                    text = z.read(info).decode("utf-8", "replace")
                    names |= set(re.findall(r"_apply_op_helper\(\s*\"(\w+)\"", text)) | set(re.findall(r"_execute\.execute\(b\"(\w+)\"", text))
                    names |= set(re.findall(r"TFE_Py_FastPathExecute\(\s*_ctx, \"(\w+)\"", text))
    if names:
        with open(os.path.join(out, "tf_ops.txt"), "w") as f:
            f.write("\n".join(sources + sorted(names)) + "\n")


if __name__ == "__main__":
    main()
    keras_names(sys.argv[1], sys.argv[2])
    tensorflow_operators(sys.argv[1], sys.argv[2])
