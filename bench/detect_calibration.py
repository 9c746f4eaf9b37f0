#!/usr/bin/env python3
"""Says what scores are worth: detect_calibration.py GOLD.jsonl PREDICTIONS.jsonl [--split dev]

PREDICTIONS is what the example `eval_detect pii` writes. For each tenth of the scores: how many findings, what part of them was
right (same label, overlap of at least one half), and what the scores promised. Ends with 1 if a tenth with 30 findings or more
holds less than it promises by over 0.05: then 0.9 does not mean 0.9.
"""
import collections, json, sys

split = sys.argv[sys.argv.index("--split") + 1] if "--split" in sys.argv else "dev"
gold = {g["id"]: g for g in map(json.loads, open(sys.argv[1])) if g["split"] == split}
tenths = collections.defaultdict(lambda: [0, 0, 0.0])

def iou(a, b):
    inter = min(a["end"], b["end"]) - max(a["start"], b["start"])
    return inter / (max(a["end"], b["end"]) - min(a["start"], b["start"])) if inter > 0 else 0.0

for p in map(json.loads, open(sys.argv[2])):
    for s in p["spans"] if p["id"] in gold else []:
        right = any(t["label"] == s["label"] and iou(s, t) >= 0.5 for t in gold[p["id"]]["spans"])
        tenth = tenths[min(9, int(s["score"] * 10))]
        tenth[0] += 1; tenth[1] += right; tenth[2] += s["score"]
short = False
for t in sorted(tenths):
    n, right, promised = tenths[t]
    print(f"{t / 10:.1f} to {t / 10 + 0.1:.1f}: {n:5} findings, right {right / n:.3f}, promised {promised / n:.3f}")
    short |= n >= 30 and right / n < promised / n - 0.05
sys.exit(short)
