#!/usr/bin/env python3
"""Records what ONNX Runtime answers for our own sentences: ner_logits.py MODEL_FOLDER SENTENCES.txt OUT.json

MODEL_FOLDER holds model_q4.onnx and, for the tokenizer, tokenizer.json of the wheel. Needs onnxruntime and tokenizers.
The recorded numbers are compared in crates/ner/tests (1e-3): the token numbers, and for each token the logits of O,
B-GIVEN_NAME, B-SURNAME, B-STREET_NAME and B-CITY with the sum of all 35.
"""
import json, pathlib, sys
import numpy as np, onnxruntime
from tokenizers import Tokenizer

folder, sentences, out = map(pathlib.Path, sys.argv[1:4])
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.no_truncation()
tokenizer.no_padding()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(str(folder / "model_q4.onnx"), options, providers=["CPUExecutionProvider"])
rows = []
for text in sentences.read_text(encoding="utf8").splitlines():
    encoded = tokenizer.encode(text)
    ids = np.array([encoded.ids], dtype=np.int64)
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    logits = session.run(None, feed)[0][0]
    shown = [[round(float(x), 5) for x in (r[0], r[1], r[3], r[25], r[29], r.sum())] for r in logits]
    rows.append({"text": text, "ids": encoded.ids[1:-1], "logits": shown})
body = ",\n".join(json.dumps(r, ensure_ascii=False, separators=(",", ":")) for r in rows)
out.write_text(f"[\n{body}\n]\n", encoding="utf8")
print(f"{len(rows)} sentences, {sum(len(r['ids']) for r in rows)} tokens")
