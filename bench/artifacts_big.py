#!/usr/bin/env python3
"""Writes the large files of the table in bench/artifacts.md (about 2.5 GB) into a folder outside the repository.

    python3 bench/artifacts_big.py DIR
    cargo run --release -p casemate-artifact --example scan_speed -- DIR/*

No library but Python's own is needed: the files are laid out as torch, safetensors, numpy, joblib and llama.cpp do.
Tensor bytes are random, one block repeated with a counter, so that nothing in them compresses or looks like a file.
"""
import io, json, os, pickle, random, struct, sys, zipfile

BLOCK = 1 << 20


def random_bytes(out, count):
    block = bytearray(random.Random(7).randbytes(BLOCK))
    for i in range(count // BLOCK):
        block[:8] = struct.pack("<Q", i)
        out.write(block)


def short(text):
    return b"\x8c" + bytes([len(text)]) + text.encode()


def torch_zip(path, count):
    """One float storage, and the pickle that rebuilds a tensor of it."""
    def name(module, attribute):
        return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"
    elements = count // 4
    data = (b"\x80\x02}" + b"X\x06\0\0\0weight" + name("torch._utils", "_rebuild_tensor_v2") + b"((X\x07\0\0\0storage"
            + name("torch", "FloatStorage") + b"X\x01\0\0\x000X\x03\0\0\0cpuJ" + struct.pack("<i", elements) + b"tQK\0J"
            + struct.pack("<i", elements) + b"\x85K\x01\x85\x89" + name("collections", "OrderedDict") + b")RtRs.")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as z:
        z.writestr("archive/data.pkl", data)
        z.writestr("archive/byteorder", "little")
        with z.open(zipfile.ZipInfo("archive/data/0"), "w", force_zip64=True) as f:
            random_bytes(f, count)
        z.writestr("archive/version", "3\n")


def safetensors(path, tensors, count):
    each = count // tensors
    head = {f"layer.{i}.weight": {"dtype": "F32", "shape": [each // 4], "data_offsets": [i * each, (i + 1) * each]} for i in range(tensors)}
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        random_bytes(f, each * tensors)


def gguf(path, tensors, count):
    def string(s):
        return struct.pack("<Q", len(s)) + s.encode()
    each = count // tensors
    b = io.BytesIO()
    b.write(b"GGUF" + struct.pack("<IQQ", 3, tensors, 2))
    b.write(string("general.architecture") + struct.pack("<I", 8) + string("llama"))
    b.write(string("general.alignment") + struct.pack("<II", 4, 32))
    for i in range(tensors):
        b.write(string(f"blk.{i}.w") + struct.pack("<IQIQ", 1, each // 4, 0, i * each))
    with open(path, "wb") as f:
        f.write(b.getvalue() + b"\0" * (-len(b.getvalue()) % 32))
        random_bytes(f, count)


def dtype_f8():
    return (short("numpy") + short("dtype") + b"\x93" + short("f8") + b"\x89\x88\x87R(K\x03" + short("<") + b"NNN"
            + b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb")


def numpy_pickle(path, count):
    """`pickle.dump(array, protocol=4)`: the state holds all bytes as one operand."""
    with open(path, "wb") as f:
        f.write(b"\x80\x04" + short("numpy._core.multiarray") + short("_reconstruct") + b"\x93" + short("numpy") + short("ndarray")
                + b"\x93K\0\x85C\x01b\x87R(K\x01J" + struct.pack("<i", count // 8) + b"\x85" + dtype_f8() + b"\x89\x8e" + struct.pack("<Q", count))
        random_bytes(f, count)
        f.write(b"tb.")


def joblib_file(path, arrays, count):
    """A list of arrays, each written raw behind its wrapper, as joblib's uncompressed files are."""
    each = count // arrays
    with open(path, "wb") as f:
        f.write(b"\x80\x04](")
        for _ in range(arrays):
            f.write(short("joblib.numpy_pickle") + short("NumpyArrayWrapper") + b"\x93)\x81}(" + short("subclass") + short("numpy")
                    + short("ndarray") + b"\x93" + short("shape") + b"J" + struct.pack("<i", each // 8) + b"\x85" + short("order") + short("C")
                    + short("dtype") + dtype_f8() + short("allow_mmap") + b"\x88" + short("numpy_array_alignment_bytes") + b"K\x10ub")
            pad = 16 - (f.tell() + 1) % 16
            f.write(bytes([pad]) + b"\xff" * pad)
            random_bytes(f, each)
        f.write(b"e.")


def opcodes(path, rows, row):
    """One list of many rows, pickled by Python itself."""
    with open(path, "wb") as f:
        pickle.dump([row(i) for i in range(rows)], f, 4)


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    mb = 1 << 20
    torch_zip(os.path.join(out, "torch-512.pt"), 512 * mb)
    safetensors(os.path.join(out, "tensors-1024.safetensors"), 256, 1024 * mb)
    gguf(os.path.join(out, "model-512.gguf"), 64, 512 * mb)
    numpy_pickle(os.path.join(out, "array-268.pkl"), 268 * mb)
    joblib_file(os.path.join(out, "arrays-256.joblib"), 16, 256 * mb)
    mixed = lambda i: {"id": i, "pair": (i % 251, f"row-{i % 1000}"), "values": [i % 7, 0.5, None, True], "tag": f"t{i % 97}"}
    opcodes(os.path.join(out, "dense-mixed.pkl"), 955_000, mixed)
    opcodes(os.path.join(out, "dense-lists.pkl"), 3_200_000, lambda i: [i % 256, i % 3, [], [i % 5]])
    with open(os.path.join(out, "dense-memo.pkl"), "wb") as f:
        f.write(b"\x80\x04" + b"K\x07\x940" * 10_200_000 + b"N.")


if __name__ == "__main__":
    main()
