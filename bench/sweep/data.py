"""Makes the data that bench/sweep.md measures with: the same people as CSV, JSON Lines, Parquet and xlsx, and a repository.

    python bench/sweep/data.py FOLDER [MEGABYTES]      (needs pyarrow; the workbook and the repository need nothing)
"""
import csv, json, os, random, subprocess, sys, zipfile

import pyarrow.csv as pc
import pyarrow.parquet as pq

out, megabytes = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
os.makedirs(out, exist_ok=True)
rng = random.Random(7)
FIRST = "Ann Ben Cleo Dora Emil Finn Gina Hugo Ida Jan".split()
LAST = "Abel Berg Curie Dorn Eder Falk Gross Hahn Ivanov Jung".split()
CITY = "Ulm Bonn Graz Basel Lyon Turin Gent Oslo Riga Porto".split()
WORDS = "the order was late and the box arrived open but the staff helped at once so all is well again today".split()


def people():
    i = 0
    while True:
        i += 1
        first, last = rng.choice(FIRST), rng.choice(LAST)
        mail = f"{first}.{last}{i}@firma.de".lower() if i % 3 == 0 else ""
        note = " ".join(rng.choices(WORDS, k=24))
        yield [i, first, last, mail, rng.choice(CITY), round(rng.uniform(1, 999), 2), f"2026-0{i % 9 + 1}-1{i % 9}", note]


NAMES = "id first last contact city amount day note".split()
path = f"{out}/people.csv"
with open(path, "w", newline="") as f, open(f"{out}/people.jsonl", "w") as g:
    writer = csv.writer(f)
    writer.writerow(NAMES)
    for n, row in enumerate(people()):
        writer.writerow(row)
        g.write(json.dumps(dict(zip(NAMES, row))) + "\n")
        if n % 1000 == 0 and f.tell() > megabytes << 20:
            break
pq.write_table(pc.read_csv(path), f"{out}/people.parquet", row_group_size=200_000)

rng.seed(7)
with zipfile.ZipFile(f"{out}/people.xlsx", "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("[Content_Types].xml", "<Types/>")
    z.writestr("xl/workbook.xml", '<workbook><sheets><sheet name="People" id="r1"/></sheets></workbook>')
    z.writestr("xl/_rels/workbook.xml.rels", '<Relationships><Relationship Id="r1" Target="worksheets/sheet1.xml"/></Relationships>')
    strings, index = [], {}
    with z.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as f:
        f.write(b"<worksheet><sheetData>")
        for r, row in enumerate([NAMES] + [p for p, _ in zip(people(), range(300_000))], 1):
            cells = []
            for c, v in enumerate(row):
                at = f"{chr(65 + c)}{r}"
                if isinstance(v, str):
                    s = index.setdefault(v, len(index))
                    if s == len(strings):
                        strings.append(v)
                    cells.append(f'<c r="{at}" t="s"><v>{s}</v></c>')
                else:
                    cells.append(f'<c r="{at}"><v>{v}</v></c>')
            f.write(f'<row r="{r}">{"".join(cells)}</row>'.encode())
        f.write(b"</sheetData></worksheet>")
    z.writestr("xl/sharedStrings.xml", "<sst>" + "".join(f"<si><t>{s}</t></si>" for s in strings) + "</sst>")

repo = f"{out}/repo"
os.makedirs(repo, exist_ok=True)
subprocess.run(["git", "init", "-q", "-b", "trunk", repo], check=True)
lines = [" ".join(rng.choices(WORDS, k=12)) for _ in range(400)]
with subprocess.Popen(["git", "-C", repo, "fast-import", "--quiet"], stdin=subprocess.PIPE) as p:
    for i in range(1, 5001):
        lines[rng.randrange(400)] = f"version {i} by user{i}@firma.de"
        body = "\n".join(lines).encode()
        text = f"commit refs/heads/trunk\ncommitter t <t@t> {1700000000 + i} +0000\ndata 1\nx\n"
        p.stdin.write(text.encode() + f"M 100644 inline f{i % 20}.txt\ndata {len(body)}\n".encode() + body + b"\n")
