#!/usr/bin/env python3
"""Labels made texts for the toxicity model with a published one: what a word says is learned from far more comments than the
training rows hold.

    pip install alt-profanity-check==1.9.1
    python3 tools/toxicity_teacher.py INJECTION/train.jsonl.gz OUT.jsonl

Harmless sentences (rows under MIT, Apache-2.0 or CC-BY) get one to three words put in anywhere; the teacher (MIT; words
weighed over the Jigsaw comments, CC0, and Davidson's tweets, MIT) says which are offensive then. Rows that it is unsure of are
dropped. The same seed gives the same rows. They are used to train and are never committed."""
import gzip
import json
import random
import re
import sys

from profanity_check import predict_prob
from profanity_check.profanity_check import vectorizer

SEED, ROWS = 20261122, 80_000
POSITIVE_FROM, NEGATIVE_TO, STRONG_FROM = 0.6, 0.15, 0.3
LICENCES = ("mit", "apache", "cc-by", "cc by")


def sentences(path):
    for line in gzip.open(path, "rt", encoding="utf-8"):
        row = json.loads(line)
        if int(row["label"]) == 0 and any(name in row["licence"].lower() for name in LICENCES):
            for sentence in re.split(r"(?<=[.!?])\s+", row["text"]):
                if 20 < len(sentence) < 200:
                    yield sentence


def main(source, out):
    rng = random.Random(SEED)
    harmless = list(sentences(source))
    words = sorted(word for word in vectorizer.get_feature_names_out() if word.isalpha())
    strong = [word for word, p in zip(words, predict_prob(words)) if p > STRONG_FROM]
    texts = []
    for _ in range(ROWS):
        text = rng.choice(harmless).split()
        pool = strong if rng.random() < 0.5 else words
        for _ in range(rng.randint(1, 3)):
            text.insert(rng.randint(0, len(text)), rng.choice(pool))
        texts.append(" ".join(text))
    kept = [0, 0]
    with open(out, "w", encoding="utf-8") as file:
        for text, p in zip(texts, predict_prob(texts)):
            if p > POSITIVE_FROM or p < NEGATIVE_TO:
                label = int(p > POSITIVE_FROM)
                kept[label] += 1
                row = {"text": text, "label": label, "source": "taught", "licence": "MIT", "kind": "toxicity"}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{kept[1]} offensive, {kept[0]} harmless, from {len(harmless)} sentences and {len(words)} words")


if __name__ == "__main__":
    main(*sys.argv[1:])
