#!/usr/bin/env python3
"""Collects harmless documentation for training from crates and Debian packages under MIT, Apache-2.0 or BSD licences, as JSON lines.

    # DIR holds the crates' .crate files and `apt-get download`'s .deb files of the list
    python3 tools/collect_documents.py tools/document_packages.txt DIR OUT.jsonl INJECTION/development.jsonl.gz

Read-me files, change logs, manuals, comments, code and pages (half of them without their tags) are cut into pieces of one passage or a few.
The last file is what is kept aside: a piece that stands in it by half of its runs of five words is dropped. Archives are read, never installed.
The same files give the same rows. The text is used to train and is never committed."""
import gzip
import html
import io
import json
import random
import re
import subprocess
import sys
import tarfile
import tomllib

from collect_attacks import Apart
from collect_benign import chunks

SEED, GROUPS, DOCS_OF = 20261122, {"crate": 5, "deb": 3}, {"crate": 120, "deb": 420}
CODE_OF = {"crate": 50, "deb": 120}
LICENCES = ("mit", "apache", "bsd")
PROSE = (".md", ".txt", ".rst", ".adoc", ".org", ".html", ".htm", ".1", ".3", ".5", ".7", ".8", ".3ssl", ".1ssl", ".5ssl", ".7ssl", "readme", "news", "changelog", "copyright", "todo", "faq")
COMMENTED = (".rs", ".ex", ".erl", ".c", ".h", ".py")
CODE = COMMENTED + (".toml", ".json", ".yml", ".yaml", ".js", ".css", ".sh", ".sql", ".html", ".in", ".cmake", ".makefile", ".conf", ".cfg")
# Words that attacks are known by, in sentences that are none.
TRIGGER = re.compile(r"(?i)\b(ignor|bypass|overrid|jailbreak|forget|disregard|disabl|unrestrict|hidden|secret|reveal|system prompt|instruction|admin|pretend|simulat|privilege|unlock|hack|exploit|inject|previous|prior|above|rules|leak|expose|confidential|password|unsafe|restrict|filter|prompt|role|mode|sudo|root)")
TRIGGERS_OF = {"crate": 14, "deb": 60}
FILE_MAX, PIECE_MAX, FILES_MAX = 2_000_000, 2000, 400


def members(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for m in tar:
            if m.isfile() and 60 < m.size < FILE_MAX:
                name, raw = m.name.lower(), tar.extractfile(m).read()
                if name.endswith(".gz"):
                    name, raw = name[:-3], gzip.decompress(raw)
                yield name, raw


def opened(path, kind):
    """The files of a package, and its licence where it states one."""
    if kind == "crate":
        files = dict(members(gzip.decompress(open(path, "rb").read())))
        manifest = next((r for n, r in files.items() if n.count("/") == 1 and n.endswith("/cargo.toml")), b"")
        return files, tomllib.loads(manifest.decode("utf-8", "replace")).get("package", {}).get("license", "")
    packed = subprocess.run(["ar", "p", path, "data.tar.xz"], capture_output=True, check=True).stdout
    return dict(members(packed)), ""


def comments(text):
    """Runs of comment lines that say something."""
    run = []
    for line in text.splitlines() + [""]:
        m = re.match(r"\s*(?:///?!?|\*|#|%+|/\*+)\s?(.*)", line)
        if m:
            run.append(m[1])
        elif run:
            if sum(map(len, run)) > 120:
                yield "\n".join(run)
            run = []


def untagged(page):
    page = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", " ", page)
    return re.sub(r"\n\s*\n\s*", "\n\n", html.unescape(re.sub(r"<[^>]+>", "", page))).strip()


def pieces(files, rng):
    """Prose and code of a package."""
    names = sorted(n for n in files if "license" not in n and "/target/" not in n)
    rng.shuffle(names)
    prose, code = [], []
    for name in names[:FILES_MAX]:
        text = files[name].decode("utf-8", "replace")
        if "\0" in text or not text.isprintable() and text.count("\ufffd") > 20:
            continue
        base = name.rsplit("/", 1)[-1]
        if base.endswith(PROSE) or base.startswith(("readme", "changelog", "news")):
            page = untagged(text) if base.endswith(("html", "htm")) and rng.random() < 0.5 else text
            prose.extend(chunks(page))
        elif base.endswith(COMMENTED):
            for run in comments(text):
                prose.extend(chunks(run))
        if base.endswith(CODE):
            start = rng.randrange(max(1, len(text) - 400))
            piece = text[start : start + rng.randrange(100, 1600)]
            code.append(piece.split("\n", 1)[-1] if piece.count("\n") > 2 else piece)
    return prose, code


def main(listed, folder, out, apart_path):
    apart, rows, dropped = Apart(apart_path), [], 0
    for line in open(listed, encoding="utf-8"):
        kind, _, rest = line.strip().partition(" ")
        if kind not in DOCS_OF:
            continue
        (name, _, version), said = rest.split()[0].partition("@"), " ".join(rest.split()[1:])
        path = f"{folder}/{name}-{version}.crate" if kind == "crate" else f"{folder}/{name}_{version}.deb"
        files, licence = opened(path, kind)
        licence = licence or said
        if not any(l in licence.lower() for l in LICENCES):
            print(f"{name}: licence {licence!r} is not one of ours, left out")
            continue
        rng = random.Random(f"{SEED} {name}")
        prose, code = pieces(files, rng)
        kept, group = 0, f"{kind}s-{sum(name.encode()) % GROUPS[kind]}"
        sentences = [t for piece in prose for t in re.split(r"(?<=[.!?])\s+", piece) if len(t) < 260 and TRIGGER.search(t)]
        parts = (("docs", prose, DOCS_OF[kind], 80), ("code", code, CODE_OF[kind], 80), ("triggers", sentences, TRIGGERS_OF[kind], 25))
        for label, found, most, least in parts:
            found = sorted({f[:PIECE_MAX].strip() for f in found if len(f.strip()) >= least})
            rng.shuffle(found)
            for text in found[:most]:
                if apart.holds(text):
                    dropped += 1
                    continue
                kept += 1
                rows.append({"text": text, "label": 0, "source": "docs-triggers" if label == "triggers" else group, "licence": licence, "kind": label})
        print(f"{name}: {licence}: {kept} pieces")
    with open(out, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{out}: {len(rows)} rows, {dropped} dropped")


if __name__ == "__main__":
    main(*sys.argv[1:])
