#!/usr/bin/env python3
"""Peers whose models install whole from PyPI, over the development files, at their own default and, where they give a score, at 1 %
of the same harmless pool.

    pip install --no-deps forcefield==0.8.0 aicordon==1.4.0 ai-injection-guard==0.3.0 alt-profanity-check==1.9.1
    pip install onnxruntime scikit-learn
    CASEMATE_EVAL=… python3 bench/classify_peers.py"""
import gzip
import json
import os
import time

from sklearn.metrics import average_precision_score


def read(name):
    with gzip.open(os.path.join(os.environ["CASEMATE_EVAL"], name), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def injection(rows):
    from aicordon import picket
    from forcefield import Guard
    from prompt_shield.core.scanner import PromptScanner

    guard, cordon, scanner = Guard(), picket.load(mode="dpi"), PromptScanner()

    def forcefield(text):
        result = guard.scan(text)
        return result.risk_score, bool(result.blocked)

    def picket_dpi(text):
        return None, bool(cordon.check(text).flagged)

    def guard75(text):
        result = scanner.scan(text)
        return float(result.risk_score), not result.is_safe

    # A fifth of the harmless pool: the peers are slow, and one per cent of 3,177 is still 31 rows.
    pool = [r for r in rows if r["source"] in ("alpaca-harmless", "local-docs-doc")][::5]
    groups = {
        "cyberseceval-direct": [r for r in rows if r["source"] == "cyberseceval-pi" and r["kind"].startswith("direct")],
        "cyberseceval-indirect": [r for r in rows if r["source"] == "cyberseceval-pi" and r["kind"].startswith("indirect")],
        "jbb-GCG": [r for r in rows if r["source"] == "jbb-GCG"],
        "jbb-RS": [r for r in rows if r["source"] == "jbb-RS"],
        "notinject (wrongly)": [r for r in rows if r["source"] == "notinject"],
    }
    for name, judge in (("forcefield 0.8.0", forcefield), ("aicordon picket 1.4.0", picket_dpi), ("ai-injection-guard 0.3.0", guard75)):
        started, seen = time.process_time(), 0
        harmless = [judge(r["text"]) for r in pool]
        seen += len(pool)
        scores = sorted((s for s, _ in harmless if s is not None), reverse=True)
        at = scores[len(pool) // 100] if scores else None
        print(f"\n{name}: wrongly flagged by default {sum(f for _, f in harmless)} of {len(pool)}; score at 1 %: {at}")
        own, fair = [], []
        for group, of in groups.items():
            judged = [judge(r["text"]) for r in of]
            seen += len(of)
            share = sum(f for _, f in judged) / len(of)
            above = "–" if at is None else f"{sum(s > at for s, _ in judged) / len(of):.3f}"
            print(f"| {group} | {len(of)} | {share:.3f} | {above} |")
            if not group.startswith("notinject"):
                own.append(share)
                fair.append(0.0 if at is None else sum(s > at for s, _ in judged) / len(of))
        print(f"| macro | | {sum(own) / 4:.3f} | {'–' if at is None else f'{sum(fair) / 4:.3f}'} |")
        print(f"{(time.process_time() - started) / seen * 1e6:.0f} µs of CPU a text")


def toxicity(rows):
    from profanity_check import predict_prob

    truth = [bool(r["label"]) for r in rows]
    started = time.process_time()
    scores = predict_prob([r["text"] for r in rows])
    took = (time.process_time() - started) / len(rows) * 1e6
    print(f"\nalt-profanity-check 1.9.1: AUPRC {average_precision_score(truth, scores):.3f} over {len(rows)} rows, {took:.0f} µs a text")


toxicity(read("toxicity/development.jsonl.gz"))
injection(read("injection/development.jsonl.gz"))
