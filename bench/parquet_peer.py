"""Compares casemate's Parquet reader with pyarrow's, cell by cell: every value in its row, every dictionary value counted.

    cargo build -p casemate-dataset --example parquet_cells
    python bench/parquet_peer.py target/debug/examples/parquet_cells FILE...
"""
import collections, datetime, decimal, json, subprocess, sys, uuid
import pyarrow as pa
import pyarrow.parquet as pq


def text(v, kind):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, float):
        return f"{v:.0f}" if v == int(v) else None
    if isinstance(v, datetime.datetime):
        return str(v.replace(microsecond=0)) if v.time().replace(microsecond=0) != datetime.time() else str(v.date())
    if isinstance(v, datetime.time):
        return str(v.replace(microsecond=0))
    if isinstance(v, bytes):
        try:
            return v.decode()
        except UnicodeDecodeError:
            return None
    return str(v)


def walk(name, kind, v, row, out):
    if v is None:
        return
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        for e in v:
            walk(name + "[]", kind.value_type, e, row, out)
    elif pa.types.is_map(kind):
        for k, e in v:
            walk(name + "[].key", kind.key_type, k, row, out)
            walk(name + "[].value", kind.item_type, e, row, out)
    elif pa.types.is_struct(kind):
        for i in range(kind.num_fields):
            f = kind.field(i)
            walk(f"{name}.{f.name}", f.type, v.get(f.name), row, out)
    else:
        out[name].append((row, text(v, kind)))


wrong = 0
for path in sys.argv[2:]:
    table = pq.read_table(path)
    expected = collections.defaultdict(list)
    for name in table.column_names:
        kind = table.schema.field(name).type
        for row, v in enumerate(table.column(name).to_pylist(), 1):
            walk(name, kind, v, row, expected)
    got, report = collections.defaultdict(list), None
    for line in subprocess.run([sys.argv[1], path], capture_output=True, text=True).stdout.splitlines():
        line = json.loads(line)
        if isinstance(line, dict):
            report = line
        elif line[0] != "(metadata)":
            got[line[0]].append(line[1:])
    problems = report.get("error") or report["report"]["problems"]
    bad = []
    if not problems and report["report"]["rows"] != table.num_rows:
        bad.append(f"rows {report['report']['rows']}")
    for name, cells in expected.items():
        values = collections.Counter(t for _, t in cells if t != "")
        ours = collections.Counter()
        places = set()
        for row, times, t in got[name]:
            ours[t] += times
            places.add((row, t))
        if None in values:  # fractions are written differently; their number must agree
            if sum(values.values()) != sum(ours.values()):
                bad.append(f"{name}: {sum(ours.values())} values of {sum(values.values())}")
            continue
        if values != ours:
            bad.append(f"{name}: {list((values - ours).items())[:3]} missing, {list((ours - values).items())[:3]} extra")
        elif not {p for p in places if p[0]} <= set(cells):
            bad.append(f"{name}: wrong rows")
    wrong += bool(bad or problems)
    cells = sum(map(len, expected.values()))
    print(path.rsplit("/", 1)[-1], f"{cells} cells", "differs" if bad or problems else "equal", bad, problems or "")
sys.exit(wrong > 0)
