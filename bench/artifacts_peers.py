#!/usr/bin/env python3
"""Runs the published pickle and model scanners over a folder of labelled samples and makes the table of bench/artifacts.md.

    python3 bench/artifacts_peers.py LABELS.csv SAMPLES_DIR VENV_DIR [--timeout 30] [--only NAME,NAME]

VENV_DIR is a virtual environment outside the repository with picklescan, modelscan, fickling and modelaudit. Every scanner
runs as a process of its own for each file, with a time limit; nothing is loaded or unpickled by this script. CPU time is
user + system of the child processes.
"""
import argparse, csv, json, os, resource, subprocess, sys
from concurrent.futures import ThreadPoolExecutor


def run(cmd, timeout):
    try:
        p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, env={**os.environ, "NO_COLOR": "1", "PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1"})
        return p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        return "timeout", "", ""


def picklescan(bin, path, timeout, strict=False):
    code, out, err = run([f"{bin}/picklescan", "-p", path] + (["--strict"] if strict else []), timeout)
    if code == "timeout":
        return "error"
    return {0: "clean", 1: "flagged"}.get(code, "error")


def modelscan(bin, path, timeout):
    code, out, err = run([f"{bin}/modelscan", "-p", path, "-r", "json"], timeout)
    if code == "timeout":
        return "error"
    # 0 no issue, 1 issues, 2 errors, 3 no supported file.
    return {0: "clean", 1: "flagged", 3: "skipped"}.get(code, "error")


def fickling(bin, path, timeout):
    code, out, err = run([f"{bin}/fickling", "--check-safety", path], timeout)
    if code == "timeout":
        return "error"
    return {0: "clean", 1: "flagged"}.get(code, "error")


def modelaudit(bin, path, timeout):
    code, out, err = run([f"{bin}/modelaudit", "scan", "--format", "json", path], timeout)
    if code == "timeout":
        return "error"
    # 0 clean, 1 issues, 2 errors.
    return {0: "clean", 1: "flagged"}.get(code, "error")


SCANNERS = {
    "picklescan": picklescan,
    "picklescan --strict": lambda b, p, t: picklescan(b, p, t, True),
    "modelscan": modelscan,
    "fickling": fickling,
    "modelaudit": modelaudit,
}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("labels"), a.add_argument("samples"), a.add_argument("venv")
    a.add_argument("--timeout", type=float, default=30)
    a.add_argument("--only", default="")
    a = a.parse_args()
    rows = list(csv.DictReader(open(a.labels)))
    pickled = {"pickle", "pkl", "joblib", "pt", "pth", "npy", "npz", "container", "gz", "gzip", "bz2", "lzma", "xz", "lz4", "torch-zip", "bin", "jit"}
    print("| scanner | malicious flagged | passed as clean | error or skipped | benign flagged, pickle-bearing formats | benign flagged, other formats | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for name, f in SCANNERS.items():
        if a.only and name not in a.only.split(","):
            continue
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda r: f(os.path.join(a.venv, "bin"), os.path.join(a.samples, r["path"]), a.timeout), rows))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        def share(pick, want):
            s = [x for r, x in zip(rows, results) if pick(r)]
            n = sum(x in want for x in s)
            return f"{n}/{len(s)} ({100 * n / max(1, len(s)):.1f} %)"
        bad = lambda r: r["label"] == "malicious"
        print("| " + " | ".join([name, share(bad, {"flagged"}), share(bad, {"clean"}), share(bad, {"error", "skipped"}),
              share(lambda r: not bad(r) and r["format"] in pickled, {"flagged"}), share(lambda r: not bad(r) and r["format"] not in pickled, {"flagged"}), f"{cpu:.0f}"]) + " |", flush=True)
        with open(os.path.join(a.venv, f"results-{name.replace(' ', '')}.json"), "w") as out:
            json.dump({r["path"]: x for r, x in zip(rows, results)}, out, indent=0)


main()
