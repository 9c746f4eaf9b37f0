#!/usr/bin/env python3
"""Train the character-trigram model of crates/detect: train_rarity.py OUT DIR [DIR …]

Counts trigrams of words (runs of letters, digits, `_`, `-`, `.`, `/`, `+`, `=`) in source and prose under the folders,
folded to 40 symbols, smooths them with bigrams and unigrams, and writes 40³ bytes: sixteenths of a bit of
−log2 P(third | first two), capped at 255. Runs of 20 and more characters are left out: they are what is to be told apart.
"""
import collections, math, pathlib, re, sys

SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789_-./"
INDEX = {c: i for i, c in enumerate(SYMBOLS)}
OTHER = INDEX["/"]
out, roots = sys.argv[1], sys.argv[2:]
tri, bi, uni = collections.Counter(), collections.Counter(), collections.Counter()
total = 0
for root in roots:
    for path in sorted(pathlib.Path(root).rglob("*")):
        if path.suffix not in {".rs", ".md", ".toml", ".py", ".txt", ".c", ".h", ".js", ".json"} or not path.is_file() or path.stat().st_size > 200_000:
            continue
        text = path.read_text(errors="ignore")
        for word in re.findall(r"[A-Za-z0-9_\-./+=]{3,}", text):
            if len(word) >= 20 and not re.search(r"[_\-./]", word):
                continue
            s = [INDEX.get(c, OTHER) for c in word.lower()]
            for a, b, c in zip(s, s[1:], s[2:]):
                tri[a, b, c] += 1; bi[b, c] += 1; uni[c] += 1
        total += len(text)
        if total > 60_000_000: break
n = len(SYMBOLS)
pair = collections.Counter(); first = collections.Counter()
for (a, b, c), k in tri.items(): pair[a, b] += k
for (b, c), k in bi.items(): first[b] += k
everything = sum(uni.values())
table = bytearray()
for a in range(n):
    for b in range(n):
        for c in range(n):
            p1 = (uni[c] + 1) / (everything + n)
            p2 = (bi[b, c] + 40 * p1) / (first[b] + 40)
            p3 = (tri[a, b, c] + 40 * p2) / (pair[a, b] + 40)
            table.append(min(255, round(-16 * math.log2(p3))))
pathlib.Path(out).write_bytes(table)
print(len(table), "bytes from", total, "characters")
