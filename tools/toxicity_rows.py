#!/usr/bin/env python3
"""Takes out of the toxicity training rows what should not be learned from, as JSON lines.

    pip install pyyaml==6.0.3
    pip download --no-deps -d DIR pyrit==1.1.0
    python3 tools/toxicity_rows.py TOXICITY/train.jsonl.gz DIR TOXICITY/development.jsonl.gz OUT.jsonl

Two kinds of rows go: answers that PyRIT (MIT) keeps under exploits, privacy and misinformation, which are harm of another sort (their
labels make technical prose toxic); and rows that share half of their runs of five words (of two where they are shorter than eight
words) with a text of the development set. The wheel is read, never installed or run."""
import csv
import gzip
import io
import json
import re
import sys
import zipfile

from collect_attacks import Apart

OTHER_HARM = r"scorer_evals/(harm|objective)/(exploits|info_integrity|privacy|phishing|cyber|misinformation|chemical_biological|illegal_activity)\.csv$"


def key(text):
    return re.sub(r"\W+", " ", text.lower()).strip()[:200]


def answers(wheel, pattern):
    for name in sorted(wheel.namelist()):
        if re.search(pattern, name):
            lines = wheel.read(name).decode("utf-8", "replace").splitlines(keepends=True)
            table = csv.DictReader(io.StringIO("".join(lines[lines[0].startswith("#") :])))
            yield from (key(row["assistant_response"]) for row in table if row.get("assistant_response"))


def main(source, folder, apart, out):
    other = set(answers(zipfile.ZipFile(f"{folder}/pyrit-1.1.0-py3-none-any.whl"), OTHER_HARM))
    apart, dropped, kept = Apart(apart), {"other harm": 0, "near": 0}, 0
    with open(out, "w", encoding="utf-8") as file:
        for line in gzip.open(source, "rt", encoding="utf-8"):
            row = json.loads(line)
            why = "other harm" if key(row["text"]) in other else "near" if apart.holds(row["text"]) else None
            if why:
                dropped[why] += 1
            else:
                kept += 1
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{out}: {kept} rows, dropped {dropped}")


if __name__ == "__main__":
    main(*sys.argv[1:])
