#!/usr/bin/env python3
"""Runs casemate and the published pickle and model scanners over a folder of labelled samples, in one run, and makes the
tables of bench/artifacts.md: in all, and by class.

    cargo build --release -p casemate-artifact --example eval_artifacts
    python3 bench/artifacts_peers.py LABELS.csv SAMPLES_DIR VENV_DIR [--timeout 20] [--only NAME,NAME] [--log FILE]

VENV_DIR is a virtual environment outside the repository with picklescan, modelscan, fickling and modelaudit. Each scanner
runs in a worker process of that environment, which imports it once and takes one path after the other, with a limit of
processor seconds for each, so that a busy machine does not count against it; a worker that hangs (ten minutes in all) or
dies counts as an error for that file and is started again. --log writes one JSON line for each file as it is answered. Only scanning functions are
called: nothing is loaded or unpickled. CPU time is user + system of the workers, start of the interpreter included.
"""
import argparse, csv, json, os, resource, select, subprocess, sys, time

WORKER = r"""
import os, sys, json, logging
logging.disable(logging.CRITICAL)
out = os.fdopen(os.dup(1), "w", buffering=1)
null = os.open(os.devnull, os.O_WRONLY)
os.dup2(null, 1), os.dup2(null, 2)
name = sys.argv[1]
if name.startswith("picklescan"):
    from picklescan.scanner import scan_file_path
    strict = "--strict" in name
    def scan(path):
        # As its command line does: an issue is a dangerous global; --strict promotes the suspicious ones.
        r = scan_file_path(path, strict=strict)
        if r.issues_count > 0:
            return "flagged"
        return "error" if r.scan_err else "clean" if r.scanned_files else "skipped"
elif name == "modelscan":
    from modelscan.modelscan import ModelScan
    def scan(path):
        m = ModelScan()
        m.scan(path)
        if m.issues.all_issues:
            return "flagged"
        return "error" if m.errors else "clean" if m.scanned else "skipped"
elif name == "fickling":
    import fickling
    def scan(path):
        return "clean" if fickling.is_likely_safe(path) else "flagged"
else:
    from modelaudit.core import scan_model_directory_or_file
    def scan(path):
        r = scan_model_directory_or_file(path)
        level = lambda i: str(getattr(i.severity, "value", i.severity)).lower()
        levels = {level(i) for i in r.issues}
        if "critical" in levels:
            return "flagged critical"
        if "warning" in levels:
            return "flagged warning"
        return "error" if getattr(r, "has_errors", False) else "clean"
for line in sys.stdin:
    try:
        answer = scan(line.rstrip("\\n"))
    except BaseException as e:
        answer = "error"
    out.write(answer + "\\n")
""".replace("\\\\n", "\\n")

SCANNERS = ["picklescan", "picklescan --strict", "modelscan", "fickling", "modelaudit"]


class Worker:
    def __init__(self, python, name):
        self.python, self.name, self.process = python, name, None

    def ask(self, path, timeout):
        fresh = self.process is None
        if fresh:
            env = {**os.environ, "PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1", "DO_NOT_TRACK": "1"}
            self.process = subprocess.Popen([self.python, "-c", WORKER, self.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
        try:
            self.process.stdin.write(path.encode() + b"\n")
            self.process.stdin.flush()
            before, began = (0 if fresh else self.cpu()), time.monotonic()
            ready = []
            while not ready and time.monotonic() - began < 600 and self.cpu() - before < timeout + (60 if fresh else 0):
                ready, _, _ = select.select([self.process.stdout], [], [], 1)
                if self.process.poll() is not None:
                    break
            line = self.process.stdout.readline() if ready else b""
            late = not ready and self.process.poll() is None
        except OSError:
            line, late = b"", False
        if not line:
            self.stop()
            return "error: time" if late else "error"
        return line.decode().strip()

    def cpu(self):
        try:
            fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError):
            return 0.0

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


PICKLED = {"pickle", "pkl", "joblib", "pt", "pth", "npy", "npz", "container", "gz", "gzip", "bz2", "lzma", "xz", "lz4",
           "torch-zip", "bin", "jit"}


def casemate(binary, labels, samples):
    """Answers of this project's scanner: flagged is blocked or for review, as it is for the peers."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run([binary, labels, samples, "--lines"], stdout=subprocess.PIPE, check=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = {"blocked": "flagged critical", "review": "flagged warning"}
    answers = {path: words.get(answer, answer) for path, answer in (line.split("\t") for line in out.splitlines())}
    return answers, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def share(found, rows, want):
    told = [found[r["path"]] for r in rows if r["path"] in found]
    n = sum(t.startswith(want) for t in told)
    return f"{n}/{len(told)} ({100 * n / max(1, len(told)):.1f} %)"


def tables(rows, answers, cpu):
    bad = [r for r in rows if r["label"] == "malicious"]
    pickled = [r for r in rows if r["label"] != "malicious" and r["format"] in PICKLED]
    other = [r for r in rows if r["label"] != "malicious" and r["format"] not in PICKLED]
    print("| scanner | malicious flagged | passed as clean | error or not supported | benign flagged, pickle-bearing formats | benign flagged, other formats | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for name, found in answers.items():
        levels = [(name, ("flagged",))]
        if name == "casemate":
            levels.append((name + ", blocked only", ("flagged critical",)))
        if name == "modelaudit":
            levels.append((name + ", critical only", ("flagged critical",)))
        for label, want in levels:
            cells = [share(found, bad, want), share(found, bad, ("clean",)), share(found, bad, ("error", "skipped")),
                     share(found, pickled, want), share(found, other, want), f"{cpu.get(name, 0):.1f}"]
            print("| " + " | ".join([label, *cells]) + " |")
    print()
    # Sources in the labels are `project:part`; the project is the class here, as in eval_artifacts.
    classes = sorted({(r["label"], r["class"].replace(" ", ":").split(":")[0]) for r in rows}, reverse=True)
    print("| label | class | " + " | ".join(answers) + " |\n|---|---" + "|---" * len(answers) + "|")
    for label, kind in classes:
        these = [r for r in rows if r["label"] == label and r["class"].replace(" ", ":").split(":")[0] == kind]
        print(f"| {label} | {kind} ({len(these)}) | " + " | ".join(share(f, these, ("flagged",)).split(" ")[0] for f in answers.values()) + " |")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("labels"), a.add_argument("samples"), a.add_argument("venv")
    a.add_argument("--casemate", default="target/release/examples/eval_artifacts", help="the built example eval_artifacts")
    a.add_argument("--timeout", type=float, default=20)
    a.add_argument("--only", default="")
    a.add_argument("--log", default="")
    a = a.parse_args()
    rows = list(csv.DictReader(open(a.labels)))
    only = [n for n in a.only.split(",") if n]
    answers, cpu = {}, {}
    for name in ["casemate", *SCANNERS]:
        if only and name not in only:
            continue
        if name == "casemate":
            answers[name], cpu[name] = casemate(a.casemate, a.labels, a.samples)
            continue
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        w, found = Worker(os.path.join(a.venv, "bin", "python"), name), {}
        for r in rows:
            found[r["path"]] = w.ask(os.path.join(os.path.abspath(a.samples), r["path"]), a.timeout)
            if a.log:
                with open(a.log, "a") as log:
                    log.write(json.dumps({"scanner": name, "path": r["path"], "label": r["label"], "answer": found[r["path"]]}) + "\n")
        w.stop()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        answers[name], cpu[name] = found, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        late = sum(x == "error: time" for x in found.values())
        print(f"{name}: {len(found)} files, {cpu[name]:.0f} CPU s, {late} not answered in {a.timeout:.0f} processor seconds", file=sys.stderr, flush=True)
    tables(rows, answers, cpu)


main()
