#!/usr/bin/env python3
"""Fuzzes the artifact scanner's targets in turns and keeps account of processor time, inputs and failures.

    python3 bench/artifacts_fuzz.py --build                       builds fuzz_stable and the libFuzzer targets, stable toolchain
    python3 bench/artifacts_fuzz.py --until 05:00 --jobs 2        runs all targets in turns until then (UTC), lowest priority
    python3 bench/artifacts_fuzz.py --table                       the table of what was run so far

libFuzzer needs coverage counters in the crates under test: `-Cpasses=sancov-module` with inline counters, which rustc
passes to LLVM on the stable toolchain as well; without an address sanitizer, which safe Rust does not need. A C++ compiler
must be there for libFuzzer itself. The log (--log, tab-separated) has one line for each slice: when it ended, target,
seed, wall seconds, processor seconds (user + system, of the process, by wait4), inputs, exit status. Exit status other than
0 is a failure: the input is in fuzz/artifacts/TARGET or fuzz-crash-*.hex.
"""
import argparse, collections, datetime, os, re, subprocess, sys, threading, time

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FUZZ = os.path.join(HOME, "fuzz")
LIBFUZZER = ["artifact_pickle", "artifact_zip", "artifact_container", "artifact_format", "artifact_any"]
STABLE = "fuzz_stable"
HOST = "x86_64-unknown-linux-gnu"
FLAGS = ("--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 "
         "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table "
         "-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks")


def build():
    subprocess.run(["cargo", "build", "--release", "-p", "casemate-artifact", "--example", STABLE], cwd=HOME, check=True)
    env = dict(os.environ, RUSTFLAGS=FLAGS)
    command = ["cargo", "build", "--release", "--no-default-features", "--features", "artifact", "--target", HOST]
    subprocess.run(command, cwd=FUZZ, env=env, check=True)
    subprocess.run([stable(), "--write-seeds", os.path.join(FUZZ, "corpus", "seeds")], check=True)


def target_folder(at):
    return os.environ.get("CARGO_TARGET_DIR", os.path.join(at, "target"))


def stable():
    return os.path.join(target_folder(HOME), "release/examples", STABLE)


def command_of(target, seed, seconds):
    if target == STABLE:
        return [stable(), str(seed), str(seconds)]
    found, seeds, crashes = (os.path.join(FUZZ, *p) for p in (("corpus", target), ("corpus", "seeds", target), ("artifacts", target)))
    for folder in (found, seeds, crashes):
        os.makedirs(folder, exist_ok=True)
    return [os.path.join(target_folder(FUZZ), HOST, "release", target), f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=60",
            "-rss_limit_mb=1024", "-max_len=16384", "-print_final_stats=1", "-verbosity=1", f"-artifact_prefix={crashes}/", found, seeds]


def inputs_of(target, text):
    pattern = r"(\d+) inputs from" if target == STABLE else r"stat::number_of_executed_units:\s*(\d+)"
    found = re.findall(pattern, text) or re.findall(r"min, (\d+) inputs" if target == STABLE else r"^#(\d+)\s", text, re.M)
    return int(found[-1]) if found else 0


def slice_of(target, seed, seconds, log, lock):
    began = time.time()
    process = subprocess.Popen(["nice", "-n", "19", *command_of(target, seed, seconds)], cwd=HOME, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = process.stdout.read().decode("utf-8", "replace")
    _, status, usage = os.wait4(process.pid, 0)
    code = process.returncode = os.waitstatus_to_exitcode(status)
    row = [datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), target, seed, f"{time.time() - began:.0f}",
           f"{usage.ru_utime + usage.ru_stime:.1f}", inputs_of(target, text), code]
    with lock, open(log, "a", encoding="utf-8") as file:
        file.write("\t".join(map(str, row)) + "\n")
        if code:
            print(f"{target} failed with {code}:\n{text[-3000:]}", file=sys.stderr, flush=True)
    return code


def worker(turns, until, seconds, log, lock):
    while True:
        with lock:
            target, seed = turns.popleft()
            turns.append((target, seed + 1))
        left = until - time.time()
        if left < 20:
            return
        if not os.path.exists(command_of(target, seed, 1)[0]):
            # Not built (yet): the others go on.
            time.sleep(0.1)
            continue
        slice_of(target, seed, int(min(seconds, left - 5)), log, lock)


def rows(log):
    if os.path.exists(log):
        with open(log, encoding="utf-8") as file:
            for line in file:
                yield line.rstrip("\n").split("\t")


def table(log):
    total = collections.defaultdict(lambda: [0, 0.0, 0, 0])
    for _, target, _, wall, cpu, inputs, code in rows(log):
        for key in (target, "all"):
            t = total[key]
            t[0] += 1
            t[1] += float(cpu)
            t[2] += int(inputs)
            t[3] += code != "0"
    print("| target | slices | CPU s | inputs | failures |\n|---|---|---|---|---|")
    for key in [*sorted(k for k in total if k != "all"), "all"]:
        n, cpu, inputs, failed = total[key]
        print(f"| {key} | {n} | {cpu:.0f} | {inputs:,} | {failed} |")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--build", action="store_true")
    p.add_argument("--table", action="store_true")
    p.add_argument("--until", help="HH:MM, UTC")
    p.add_argument("--slice", type=int, default=180, help="seconds a turn")
    p.add_argument("--jobs", type=int, default=1)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--log", default=os.path.join(FUZZ, "artifacts", "log.tsv"))
    a = p.parse_args()
    if a.build:
        build()
    if a.until:
        os.makedirs(os.path.dirname(a.log), exist_ok=True)
        now = datetime.datetime.now(datetime.timezone.utc)
        hour, minute = map(int, a.until.split(":"))
        until = now.replace(hour=hour, minute=minute, second=0)
        until += datetime.timedelta(days=until < now)
        lock, turns = threading.Lock(), collections.deque((t, a.seed) for t in [STABLE, *LIBFUZZER])
        threads = [threading.Thread(target=worker, args=(turns, until.timestamp(), a.slice, a.log, lock)) for _ in range(a.jobs)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    if a.table or a.until:
        table(a.log)


if __name__ == "__main__":
    main()
