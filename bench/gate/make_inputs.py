"""Writes the inputs of bench/gate.md: a training table of 100 MB and two pickles of 200 MB. Same bytes every time.

    python3 bench/gate/make_inputs.py FOLDER
"""

import pickle
import random
import sys
from pathlib import Path


def table(path: Path, size: int, personal: bool) -> None:
    rng = random.Random(7)
    words = ["alpha", "river", "stone", "cloud", "maple", "copper", "violet", "harbor", "ember", "meadow"]
    with path.open("w") as out:
        out.write("id,age,tenure,balance,score,ratio,plan,region,joined,note,contact\n")
        row = written = 0
        while written < size:
            note = " ".join(rng.choices(words, k=8))
            contact = f"user{row}@firma.de" if personal else ""
            line = (
                f"{row},{rng.randint(18, 90)},{rng.randint(0, 120)},{rng.uniform(0, 1e5):.2f},{rng.random():.6f},"
                f"{rng.gauss(0, 1):.6f},{rng.choice('ABC')},{rng.choice(words)},2026-{rng.randint(1, 12):02}-"
                f"{rng.randint(1, 28):02},{note},{contact}\n"
            )
            out.write(line)
            written += len(line)
            row += 1


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    table(folder / "train.csv", 100_000_000, personal=False)
    table(folder / "personal.csv", 100_000_000, personal=True)
    rng = random.Random(7)
    layers = {f"layer{i}.weight": rng.randbytes(2_000_000) for i in range(100)}
    (folder / "weights.pkl").write_bytes(pickle.dumps(layers, protocol=4))
    # Nine bytes for each number: every one of them is an opcode.
    dense = [rng.random() for _ in range(22_000_000)]
    (folder / "dense.pkl").write_bytes(pickle.dumps(dense, protocol=4))


main()
