#!/usr/bin/env python3
"""Labels texts for the toxicity model with two published ones: what words say, alone and in a sentence, is learned from far
more comments than the training rows hold.

    pip install alt-profanity-check==1.9.1 h5py==3.16.0 pyyaml==6.0.3
    pip download --no-deps -d DIR tox-block==0.1.2
    pip download --no-deps --no-binary :all: -d DIR vaderSentiment==3.3.2
    python3 tools/toxicity_teacher.py INJECTION/train.jsonl.gz DIR TOXICITY/development.jsonl.gz OUT.jsonl

Harmless sentences (rows under MIT, Apache-2.0 or CC-BY) and sentences of reviews, editorials and tweets (vaderSentiment, MIT) get one to
three words put in anywhere; the latter stand as they are too, alone and together. The teachers are alt-profanity-check (MIT; words
weighed over the Jigsaw comments, CC0, and Davidson's tweets, MIT) and tox-block (MIT; a recurrent network over the
Jigsaw comments, worst of its six classes); the mean of their logits decides, and rows in between are dropped. Of tox-block only
the arrays and the word list are read: no class of its pickle is made but stand-ins and built-in ones.
The third file is what is kept aside: a text that shares half of its runs of five words with one of its texts is dropped.
The same seed gives the same rows. They are used to train and are never committed."""
import collections
import gzip
import io
import json
import pickle
import random
import re
import sys
import tarfile
import zipfile

import h5py
import numpy as np
from profanity_check import predict_prob
from profanity_check.profanity_check import vectorizer

from collect_attacks import Apart

SEED, ROWS, TOGETHER_ROWS = 20261122, 80_000, 10_000
POSITIVE_FROM, NEGATIVE_TO, STRONG_FROM = 0.0, -2.2, 0.3
LICENCES = ("mit", "apache", "cc-by", "cc by")
REVIEWS = ("tweets", "movieReviewSnippets", "nytEditorialSnippets", "amazonReviewSnippets")
UNITS, WORDS, LENGTH = 50, 20_000, 100


class WordList(pickle.Unpickler):
    def find_class(self, module, name):
        if name in ("TokenSequencer", "Tokenizer"):
            return type(name, (), {})
        return {"OrderedDict": collections.OrderedDict, "defaultdict": collections.defaultdict, "int": int}[name]


class ToxBlock:
    """The network of tox-block: embedding, bidirectional LSTM, greatest value over time, two layers."""

    def __init__(self, path):
        wheel = zipfile.ZipFile(path)
        read = lambda name: io.BytesIO(wheel.read(f"tox_block/trained_models/{name}"))
        index = WordList(read("encoder_0.1.2.pkl")).load().tokenizer.word_index
        self.index = {word: i for word, i in index.items() if i < WORDS}
        weights = h5py.File(read("lstm_model_0.1.2.h5"))["model_weights"]
        get = lambda name: np.array(weights[name], dtype=np.float32)
        self.embedding = get("embedding/embedding/embeddings:0")
        self.cells = [[get(f"bidirectional/bidirectional/{way}_lstm/{part}:0") for part in ("kernel", "recurrent_kernel", "bias")] for way in ("forward", "backward")]
        self.layers = [[get(f"{name}/{name}/{part}:0") for part in ("kernel", "bias")] for name in ("dense", "dense_1")]

    def numbers(self, text):
        words = re.sub(r"[!-&(-/:-@\[-`{-~\t\n]", " ", text.lower()).split(" ")
        known = [self.index[word] for word in words if word in self.index][-LENGTH:]
        return [0] * (LENGTH - len(known)) + known

    def greatest(self, x, cell, steps):
        kernel, recurrent, bias = cell
        hidden = state = np.zeros((len(x), UNITS), np.float32)
        best = np.full((len(x), UNITS), -np.inf, np.float32)
        gate = lambda z: np.clip(0.2 * z + 0.5, 0, 1)
        given = x @ kernel + bias
        for step in steps:
            z = np.split(given[:, step] + hidden @ recurrent, 4, axis=1)
            state = gate(z[1]) * state + gate(z[0]) * np.tanh(z[2])
            hidden = gate(z[3]) * np.tanh(state)
            best = np.maximum(best, hidden)
        return best

    def predict(self, texts):
        out = []
        for at in range(0, len(texts), 512):
            x = self.embedding[[self.numbers(text) for text in texts[at : at + 512]]]
            h = np.hstack([self.greatest(x, self.cells[0], range(LENGTH)), self.greatest(x, self.cells[1], reversed(range(LENGTH)))])
            h = np.maximum(h @ self.layers[0][0] + self.layers[0][1], 0)
            worst = (h @ self.layers[1][0] + self.layers[1][1]).max(axis=1)
            out.append(1 / (1 + np.exp(-worst)))
        return np.concatenate(out)


def logit(p):
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))


def sentences(path):
    for line in gzip.open(path, "rt", encoding="utf-8"):
        row = json.loads(line)
        if int(row["label"]) == 0 and any(name in row["licence"].lower() for name in LICENCES):
            for sentence in re.split(r"(?<=[.!?])\s+", row["text"]):
                if 20 < len(sentence) < 200:
                    yield sentence


def reviews(path):
    outer = tarfile.open(path)
    inner = tarfile.open(fileobj=outer.extractfile("vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"))
    for name in REVIEWS:
        for line in inner.extractfile(f"hutto_ICWSM_2014/{name}_GroundTruth.txt").read().decode("utf-8", "replace").split("\n"):
            text = line.split("\t")[-1].strip()
            if len(text) > 20:
                yield text


def main(source, folder, apart, out):
    rng, apart = random.Random(SEED), Apart(apart)
    network = ToxBlock(f"{folder}/tox_block-0.1.2-py3-none-any.whl")
    harmless, prose = list(sentences(source)), list(reviews(f"{folder}/vaderSentiment-3.3.2.tar.gz"))
    pools = []
    for words, judge in (
        (sorted(word for word in vectorizer.get_feature_names_out() if word.isalpha()), predict_prob),
        (sorted(word for word in network.index if word.isascii() and word.isalpha() and len(word) > 2), network.predict),
    ):
        pools += [words, [word for word, p in zip(words, judge(words)) if p > STRONG_FROM]]
    texts = []
    for _ in range(ROWS):
        text = rng.choice(rng.choice((harmless, prose))).split()
        pool = rng.choice(pools)
        for _ in range(rng.randint(1, 3)):
            text.insert(rng.randint(0, len(text)), rng.choice(pool))
        texts.append(" ".join(text))
    texts += prose
    texts += [" ".join(rng.choice(prose) for _ in range(rng.randint(2, 4))) for _ in range(TOGETHER_ROWS)]
    texts = [text for text in texts if not apart.holds(text)]
    kept = [0, 0]
    with open(out, "w", encoding="utf-8") as file:
        for text, score in zip(texts, (logit(predict_prob(texts)) + logit(network.predict(texts))) / 2):
            if score > POSITIVE_FROM or score < NEGATIVE_TO:
                label = int(score > POSITIVE_FROM)
                kept[label] += 1
                row = {"text": text, "label": label, "source": "taught", "licence": "MIT", "kind": "toxicity"}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{kept[1]} offensive, {kept[0]} harmless of {len(texts)}, from {len(harmless)} and {len(prose)} sentences and {[len(p) for p in pools]} words")


if __name__ == "__main__":
    main(*sys.argv[1:])
