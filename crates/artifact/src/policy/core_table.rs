//! Constructors that picklers write, with the contract under which each may be called. The source of each line is the
//! `__reduce__` of the class or the reducer that its library registers.

use super::Contract::{
    self, Any, Class, ClassFirst, Codec, Getattr, Getitem, Iter, Nested, Partial, RebuildFromType, Ref, TypeOf,
    UfuncName,
};

static TABLE: &[(&str, Contract, &str)] = &[
    (
        "builtins",
        Any,
        "set frozenset list dict tuple bytes bytearray int long float str unicode bool complex object range xrange slice enumerate zip reversed Ellipsis NotImplemented buffer",
    ),
    (
        "builtins",
        Any,
        "BaseException Exception ArithmeticError AssertionError AttributeError EOFError ImportError IndexError KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError NotImplementedError OSError OverflowError RecursionError RuntimeError StopIteration SyntaxError SystemError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError ValueError ZeroDivisionError Warning DeprecationWarning FutureWarning RuntimeWarning UserWarning FileNotFoundError PermissionError TimeoutError ConnectionError GeneratorExit FloatingPointError BufferError FileExistsError InterruptedError IsADirectoryError NotADirectoryError ProcessLookupError BlockingIOError ChildProcessError BrokenPipeError ConnectionAbortedError ConnectionRefusedError ConnectionResetError StopAsyncIteration IndentationError TabError ExceptionGroup BaseExceptionGroup BytesWarning EncodingWarning ImportWarning PendingDeprecationWarning ResourceWarning SyntaxWarning UnicodeWarning EnvironmentError IOError SystemExit StandardError",
    ),
    (
        "builtins",
        Ref,
        "len abs min max sum any all sorted round pow divmod hash ord chr repr ascii bin hex oct id isinstance issubclass print format next memoryview",
    ),
    ("builtins", Getattr, "getattr"),
    ("builtins", TypeOf, "type"),
    ("builtins", Iter, "iter"),
    (
        "exceptions",
        Any,
        "Exception ValueError KeyError TypeError RuntimeError IndexError AttributeError IOError OSError",
    ),
    ("collections", Any, "OrderedDict defaultdict deque Counter UserDict UserList UserString ChainMap"),
    ("collections.abc", Ref, "Mapping Sequence Callable Iterable Iterator Hashable Sized MutableMapping"),
    ("copyreg", ClassFirst, "_reconstructor __newobj__ __newobj_ex__"),
    ("copy_reg", ClassFirst, "_reconstructor __newobj__"),
    ("datetime", Any, "date time datetime timedelta timezone tzinfo"),
    ("_datetime", Any, "date time datetime timedelta timezone"),
    ("decimal", Any, "Decimal Context DecimalTuple"),
    ("_decimal", Any, "Decimal Context"),
    ("fractions", Any, "Fraction"),
    ("numbers", Ref, "Number Real Integral Rational Complex"),
    ("uuid", Any, "UUID SafeUUID"),
    ("ipaddress", Any, "IPv4Address IPv6Address IPv4Network IPv6Network IPv4Interface IPv6Interface"),
    ("pathlib", Any, "Path PurePath PosixPath WindowsPath PurePosixPath PureWindowsPath"),
    ("pathlib._local", Any, "Path PurePath PosixPath WindowsPath PurePosixPath PureWindowsPath"),
    ("re", Any, "_compile RegexFlag"),
    ("sre_compile", Any, "compile"),
    ("array", Any, "array _array_reconstructor"),
    ("types", Any, "SimpleNamespace MappingProxyType NoneType EllipsisType NotImplementedType GenericAlias UnionType"),
    ("functools", Partial, "partial"),
    ("operator", Any, "itemgetter"),
    ("_operator", Any, "itemgetter"),
    ("operator", Getitem, "getitem"),
    ("_operator", Getitem, "getitem"),
    (
        "operator",
        Ref,
        "add sub mul truediv floordiv mod pow neg pos abs eq ne lt le gt ge and_ or_ xor not_ invert lshift rshift matmul contains concat index is_ is_not truth indexOf countOf",
    ),
    (
        "_operator",
        Ref,
        "add sub mul truediv floordiv mod pow neg pos abs eq ne lt le gt ge and_ or_ xor not_ invert lshift rshift matmul contains concat index is_ is_not truth indexOf countOf",
    ),
    (
        "math",
        Ref,
        "sqrt exp log log2 log10 sin cos tan floor ceil fabs tanh sinh cosh atan asin acos atan2 pow gcd isnan isinf isfinite erf gamma lgamma log1p expm1 hypot prod",
    ),
    (
        "itertools",
        Any,
        "count repeat cycle chain islice product permutations combinations combinations_with_replacement compress zip_longest pairwise batched tee _tee _tee_dataobject",
    ),
    ("random", Any, "Random"),
    ("_random", Any, "Random"),
    ("string", Any, "Template"),
    ("time", Any, "struct_time"),
    ("argparse", Any, "Namespace"),
    ("statistics", Any, "NormalDist"),
    ("calendar", Any, "Calendar"),
    ("zoneinfo", Any, "ZoneInfo ZoneInfo._unpickle"),
    ("logging", Any, "getLogger"),
    ("logging", Class, "Logger RootLogger LogRecord"),
    ("io", Any, "BytesIO StringIO"),
    ("_io", Any, "BytesIO StringIO"),
    ("_codecs", Codec, "encode"),
    ("codecs", Codec, "encode"),
    ("enum", Any, "Enum IntEnum Flag IntFlag StrEnum auto"),
    ("abc", Ref, "ABC ABCMeta"),
    ("typing", Ref, "Any List Dict Optional Union Tuple Callable Set Sequence Iterable Mapping Generic"),
    ("weakref", Any, "WeakValueDictionary WeakKeyDictionary WeakSet"),
    ("_weakrefset", Any, "WeakSet"),
    ("_collections_abc", Any, "dict_keys dict_values dict_items"),
    ("collections", Ref, "abc.Mapping"),
    ("struct", Any, "Struct"),
    ("_struct", Any, "Struct"),
    ("pytz", Any, "_UTC _p utc"),
    ("dateutil.tz.tz", Any, "tzutc tzlocal tzoffset"),
    // numpy: methods.c array_reduce, _internal, random/_pickle.py.
    (
        "numpy",
        Any,
        "dtype matrix bool bool_ bool8 int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 float128 longdouble complex64 complex128 str_ bytes_ void object_ datetime64 timedelta64 intc intp uint uintp int_ float_ complex_ unicode_ string_ generic number integer floating poly1d recarray record longlong ulonglong short ushort byte ubyte single double half long ulong clongdouble",
    ),
    ("numpy", Class, "ndarray random.mtrand.RandomState ma.core.MaskedArray"),
    (
        "numpy",
        Ref,
        "ufunc float int inf nan newaxis pi e inexact signedinteger unsignedinteger character flexible complexfloating",
    ),
    (
        "numpy",
        Ref,
        "mean median std var sum prod min max amin amax argmin argmax exp log log1p log2 log10 expm1 sqrt square abs absolute fabs sign sin cos tan tanh sinh cosh arctan arcsin arccos add subtract multiply divide true_divide power maximum minimum floor ceil round rint clip concatenate stack vstack hstack zeros ones empty full array asarray arange linspace nanmean nanmedian nanstd nansum nanmin nanmax logaddexp isnan isfinite isinf dot matmul where identity eye ravel reshape transpose",
    ),
    ("numpy.core.multiarray", ClassFirst, "_reconstruct"),
    ("numpy._core.multiarray", ClassFirst, "_reconstruct"),
    ("numpy.core.multiarray", Any, "scalar"),
    ("numpy._core.multiarray", Any, "scalar"),
    ("numpy.core.numeric", Any, "_frombuffer"),
    ("numpy._core.numeric", Any, "_frombuffer"),
    ("numpy.core", UfuncName, "_ufunc_reconstruct"),
    ("numpy._core", UfuncName, "_ufunc_reconstruct"),
    ("numpy.ma.core", ClassFirst, "_mareconstruct"),
    ("numpy.ma.core", Class, "MaskedArray"),
    ("numpy.ma", Class, "MaskedArray masked_array"),
    ("numpy.ma", ClassFirst, "_mareconstruct"),
    ("numpy.core._internal", ClassFirst, "_reconstruct"),
    ("numpy.random", Any, "__RandomState_ctor"),
    ("numpy.random._pickle", Any, "__randomstate_ctor __generator_ctor __bit_generator_ctor"),
    ("numpy.random.bit_generator", Any, "__pyx_unpickle_SeedSequence SeedSequence"),
    ("numpy.random._mt19937", Any, "MT19937"),
    ("numpy.random._pcg64", Any, "PCG64 PCG64DXSM"),
    ("numpy.random._philox", Any, "Philox"),
    ("numpy.random._sfc64", Any, "SFC64"),
    ("numpy.random._generator", Class, "Generator"),
    ("numpy.random.mtrand", Class, "RandomState"),
    ("numpy.dtypes", Any, "Float64DType Float32DType Int64DType StringDType ObjectDType BoolDType"),
    ("numpy.matrixlib.defmatrix", Class, "matrix"),
    ("numpy.core.records", Class, "recarray record"),
    ("numpy.rec", Class, "recarray record"),
    ("numpy.core.numerictypes", Ref, "generic number"),
    // torch: _utils.py, _tensor.py, storage.py, serialization.py, jit/_pickle.py.
    (
        "torch._utils",
        Any,
        "_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_v2 _rebuild_parameter_with_state _rebuild_sparse_tensor _rebuild_sparse_csr_tensor _rebuild_qtensor _rebuild_meta_tensor_no_storage _rebuild_nested_tensor _rebuild_device_tensor_from_numpy _rebuild_device_tensor_from_cpu_tensor _rebuild_xla_tensor _rebuild_mlc_tensor",
    ),
    ("torch._utils", ClassFirst, "_rebuild_wrapper_subclass"),
    ("torch._tensor", RebuildFromType, "_rebuild_from_type _rebuild_from_type_v2"),
    ("torch.tensor", RebuildFromType, "_rebuild_from_type"),
    ("torch", Any, "Size device Generator finfo iinfo"),
    (
        "torch",
        Class,
        "Tensor FloatTensor LongTensor IntTensor DoubleTensor HalfTensor ByteTensor BoolTensor CharTensor ShortTensor FloatStorage LongStorage IntStorage DoubleStorage HalfStorage ByteStorage BoolStorage CharStorage ShortStorage BFloat16Storage ComplexFloatStorage ComplexDoubleStorage QInt8Storage QUInt8Storage QInt32Storage UntypedStorage QUInt4x2Storage QUInt2x4Storage storage.UntypedStorage",
    ),
    (
        "torch.cuda",
        Class,
        "FloatTensor FloatStorage HalfStorage LongStorage ByteStorage DoubleStorage IntStorage BoolStorage",
    ),
    (
        "torch",
        Ref,
        "float32 float64 float16 bfloat16 float half double int8 int16 int32 int64 int long short uint8 uint16 uint32 uint64 bool complex64 complex128 qint8 quint8 qint32 float8_e4m3fn float8_e5m2 strided sparse_coo sparse_csr contiguous_format channels_last preserve_format per_tensor_affine per_channel_affine per_tensor_symmetric per_channel_symmetric per_channel_affine_float_qparams",
    ),
    (
        "torch",
        Ref,
        "tanh sigmoid relu softmax exp log sqrt sum mean max min abs add mul matmul cat stack nn.functional.relu",
    ),
    ("torch._C._nn", Ref, "gelu silu hardswish relu6 leaky_relu elu_ hardtanh softplus log_sigmoid mish"),
    ("torch.storage", Class, "TypedStorage UntypedStorage _TypedStorage _UntypedStorage"),
    ("torch.storage", Nested, "_load_from_bytes"),
    ("torch.serialization", Any, "_get_layout"),
    ("torch.nn.parameter", Class, "Parameter Buffer UninitializedParameter"),
    (
        "torch.jit._pickle",
        Any,
        "build_intlist build_tensorlist build_doublelist build_boollist build_tensor_from_id restore_type_tag",
    ),
    ("torch._C", Ref, "_disabled_torch_function_impl"),
    ("torch._C", Any, "Generator"),
    ("torch.torch_version", Any, "TorchVersion"),
    // joblib's own place-holders for arrays that follow in the stream.
    ("joblib.numpy_pickle", Class, "NumpyArrayWrapper NDArrayWrapper ZNDArrayWrapper"),
    ("joblib.numpy_pickle_compat", Class, "NDArrayWrapper ZNDArrayWrapper"),
    ("sklearn.externals.joblib.numpy_pickle", Class, "NumpyArrayWrapper NDArrayWrapper ZNDArrayWrapper"),
    // Cython classes with their own reducers.
    ("sklearn.tree._tree", Any, "Tree"),
    ("sklearn.tree.tree", Any, "Tree"),
    ("sklearn.neighbors._kd_tree", ClassFirst, "newObj"),
    ("sklearn.neighbors.kd_tree", ClassFirst, "newObj"),
    ("sklearn.neighbors._ball_tree", ClassFirst, "newObj"),
    ("sklearn.neighbors.ball_tree", ClassFirst, "newObj"),
    ("sklearn.neighbors._dist_metrics", ClassFirst, "newObj"),
    ("sklearn.neighbors.dist_metrics", ClassFirst, "newObj"),
    ("sklearn.metrics._dist_metrics", ClassFirst, "newObj"),
    ("sklearn.utils._bunch", Any, "Bunch"),
    ("sklearn.utils", Any, "Bunch"),
    ("sklearn.datasets.base", Any, "Bunch"),
    // pandas: the reducers of blocks, indexes and time stamps.
    ("pandas._libs.internals", Any, "_unpickle_block BlockManager"),
    ("pandas.core.internals.blocks", Any, "new_block"),
    ("pandas.core.internals", Class, "BlockManager SingleBlockManager"),
    ("pandas.core.indexes.frozen", Class, "FrozenNDArray FrozenList"),
    ("pandas.core.indexes.base", ClassFirst, "_new_Index"),
    ("pandas.indexes.base", ClassFirst, "_new_Index"),
    ("pandas.core.index", ClassFirst, "_new_Index"),
    ("pandas.core.indexes.datetimes", ClassFirst, "_new_DatetimeIndex"),
    ("pandas.core.indexes.period", ClassFirst, "_new_PeriodIndex"),
    ("pandas._libs.tslibs.timestamps", Any, "_unpickle_timestamp Timestamp"),
    ("pandas._libs.tslibs.timedeltas", Any, "_timedelta_unpickle Timedelta"),
    ("pandas._libs.tslibs.period", Any, "_unpickle_period Period"),
    ("pandas._libs.tslibs.nattype", Any, "_nat_unpickle __nat_unpickle"),
    ("pandas._libs.missing", Any, "NAType NA"),
    ("pandas._libs.interval", Any, "Interval"),
    ("pandas", Any, "Timestamp Timedelta"),
];

/// The contract of `module.name`, if it is in the table.
pub(super) fn lookup(module: &str, name: &str) -> Option<Contract> {
    let module = if module == "__builtin__" { "builtins" } else { module };
    if module == "__torch__" || module.starts_with("__torch__.") {
        // Names of TorchScript classes: they resolve inside the archive, there is no such Python module.
        return Some(Class);
    }
    TABLE.iter().find(|(m, _, names)| *m == module && names.split(' ').any(|n| n == name)).map(|(_, c, _)| *c)
}

#[cfg(test)]
mod tests {
    use super::{Contract, lookup};

    #[test]
    fn exact_names_only() {
        assert_eq!(lookup("collections", "OrderedDict"), Some(Contract::Any));
        assert_eq!(lookup("collections", "OrderedDict.fromkeys"), None);
        assert_eq!(lookup("__builtin__", "set"), Some(Contract::Any));
        assert_eq!(lookup("torch.storage", "_load_from_bytes"), Some(Contract::Nested));
        assert_eq!(lookup("builtins", "eval"), None);
    }
}
