#!/usr/bin/env python3
"""Telephone numbers of every country in every usual form: how many are found (needs `pip install phonenumbers`).

    python3 bench/detect_phones.py EVAL_DETECT [--show FORM]

EVAL_DETECT is the release build of the example of that name. For each region of the metadata, valid numbers are made at
random and written as E.164, international, national, RFC 3966, with dots and without separators, in sentences of this file:
with a word such as `call`, and with a preposition only. Numbers that are no telephone numbers (random digits of the same
lengths after `order`, `id`, `total` and alone) are the other side. Development data: nothing here is in the evaluation sets.
"""
import argparse, collections, json, random, subprocess, tempfile
import phonenumbers as pn

args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
args.add_argument("eval_detect"); args.add_argument("--show")
args = args.parse_args()
random.seed(7)
CALLED = ["Please call {} before noon.", "phone: {}", "my mobile is {}, thanks", '{{"phone": "{}"}}', "Tel. {}", "WhatsApp {}",
          "text me at {}", "Contact number {}"]
LED = ["You find Ida on {} most days.", "She is at {}.", "Anna Berg\n14 Harbour Road\n{}\nUlm", "Best to try {}?", "M: {}"]
OTHER = ["order {} was shipped", "id={}", "total: {}", "the value {} was stored", "row {}", "{}", "account {} is closed", "[{}]"]
MAIN = "US GB DE FR ES IT NL BE CH AT SE NO DK FI PL CZ PT IE AU NZ CA IN BR MX JP ZA".split()


def number(region):
    kind = random.choice([pn.PhoneNumberType.MOBILE, pn.PhoneNumberType.FIXED_LINE])
    base = pn.example_number_for_type(region, kind) or pn.example_number(region)
    if not base: return None
    digits = pn.national_significant_number(base)
    for _ in range(50):
        tail = "".join(random.choice("0123456789") for _ in range(min(6, len(digits) - 3)))
        try: made = pn.parse(f"+{base.country_code}{digits[:-len(tail)]}{tail}")
        except pn.NumberParseException: continue
        if pn.is_valid_number(made): return made
    return base


def forms(n):
    national = pn.format_number(n, pn.PhoneNumberFormat.NATIONAL)
    international = pn.format_number(n, pn.PhoneNumberFormat.INTERNATIONAL)
    yield "e164", pn.format_number(n, pn.PhoneNumberFormat.E164)
    yield "international", international
    yield "00", "00" + international[1:]
    yield "dashes", international.replace(" ", "-")
    yield "rfc3966", pn.format_number(n, pn.PhoneNumberFormat.RFC3966)[4:]
    yield "national", national
    yield "national dots", national.replace(" ", ".").replace("-", ".").replace("(", "").replace(").", ".").replace(")", ".")
    yield "national bare", "".join(c for c in national if c.isdigit())


rows = []
for region in sorted(pn.SUPPORTED_REGIONS):
    for _ in range(12 if region in MAIN else 2):
        n = number(region)
        if n is None: continue
        group = region if region in MAIN else "others"
        for form, written in forms(n):
            for lead, texts in (("called", CALLED), ("led", LED)):
                before, after = random.choice(texts).replace("{{", "{").replace("}}", "}").split("{}")
                rows.append((f"{form} / {lead}", group, before + written + after, len(before), len(before) + len(written)))
for i in range(4000):
    written = "".join(random.choice("0123456789") for _ in range(random.choice([7, 8, 9, 10, 10, 10, 11, 12])))
    rows.append(("no number", "", random.choice(OTHER).replace("{}", written), 0, 0))

with tempfile.TemporaryDirectory() as folder:
    with open(f"{folder}/gold", "w") as f:
        f.writelines(json.dumps({"id": str(i), "text": r[2]}) + "\n" for i, r in enumerate(rows))
    subprocess.run([args.eval_detect, "pii", f"{folder}/gold", f"{folder}/out"], check=True)
    found = [json.loads(line)["spans"] for line in open(f"{folder}/out")]
hit, all_, region_hit, region_all, shown = (collections.Counter() for _ in range(5))
for (form, region, text, start, end), spans in zip(rows, found):
    phones = [s for s in spans if s["label"] == "PHONE_NUMBER"]
    if form == "no number": right = bool(phones)
    else:
        overlap = lambda s: max(0, min(s["end"], end) - max(s["start"], start)) / (max(s["end"], end) - min(s["start"], start))
        right = any(overlap(s) >= .5 for s in phones)
    all_[form] += 1; hit[form] += right
    if region: region_all[region, form] += 1; region_hit[region, form] += right
    if args.show and args.show in form and right == (form == "no number") and shown[region] < 4:
        shown[region] += 1; print("   ", region, repr(text), [(s["label"], round(s["score"], 2)) for s in spans])
for form in all_: print(f"{form:24} {hit[form]}/{all_[form]} {hit[form] / all_[form]:.3f}")
worst = sorted((region_hit[k] / region_all[k], k) for k in region_all if k[0] in MAIN)
print("worst of the larger countries:", ", ".join(f"{r} {f} {v:.2f}" for v, (r, f) in worst[:24]))
