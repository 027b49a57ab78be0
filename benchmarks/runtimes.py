"""The two runtimes against one another, PyTorch and ONNX Runtime, on a set of real photos: answers, embeddings, speed.

    python benchmarks/runtimes.py                pins/ of ZNACHKI_REAL_DATA, or of ../shared/data
    python benchmarks/runtimes.py --set DIR      another folder with catalogue.csv and queries.csv
    python benchmarks/runtimes.py --keep DIR     keep data folder and answers, and go on where a run was cut off
    python benchmarks/runtimes.py --json

The set is imported and indexed once, by the runtime that is the default. Each runtime then answers all queries in a
process of its own, photo by photo, as `znachki identify` does. Printed are how often both name the same first entry, of
the photos whose pin the catalogue has and of all, and the same verdict; the least and the mean cosine of the two
embeddings of one picture, the whole photo; the middling milliseconds of processor time a photo (on one thread the time
it takes, where the machine has nothing else to do), and the same of the networks alone: embedder, outlines and twins;
and the seconds from the start of the process until photos can be asked and until the first is answered.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SETS = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
RUNTIMES = ("torch", "onnx")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path, default=Path(os.environ.get("ZNACHKI_REAL_DATA") or SETS) / "pins")
    parser.add_argument("--keep", type=Path, help="folder to keep what was made in, and to find it in again")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--ask", nargs=3, help=argparse.SUPPRESS
    )  # data, queries and where to write: one runtime's part
    asked = parser.parse_args()
    if asked.ask:
        ask(*(Path(one) for one in asked.ask))
        return
    if not (asked.set / "queries.csv").is_file():
        raise SystemExit(f"{asked.set}: no queries.csv in it; name a set with --set")
    if asked.keep:
        found = compared(asked.set, asked.keep)
    else:
        with tempfile.TemporaryDirectory() as held:
            found = compared(asked.set, Path(held))
    print(json.dumps(found, indent=2) if asked.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


def compared(folder: Path, held: Path) -> dict[str, Any]:
    """Index the set, let both answer, and compare."""
    data = held / "data"
    if not (data / "index" / "index.json").is_file():
        for arguments in (["import", folder / "catalogue.csv"], ["index"]):
            command = [sys.executable, "-m", "recognizer.cli", *arguments, "--data", data]
            subprocess.run([str(one) for one in command], check=True, stdout=subprocess.DEVNULL)
    from recognizer.catalogue.imports import read_queries

    asked = read_queries(folder / "queries.csv")
    said = {}
    for runtime in RUNTIMES:
        out = held / f"{runtime}.npz"
        if not out.is_file():
            command = [sys.executable, __file__, "--ask", data, folder / "queries.csv", out]
            environment = os.environ | {"ZNACHKI_RUNTIME": runtime, "BEGUN": str(time.time())}
            subprocess.run([str(one) for one in command], check=True, env=environment)
        said[runtime] = np.load(out)
    torch, onnx = (said[runtime] for runtime in RUNTIMES)
    same, known = torch["first"] == onnx["first"], np.array([right is not None for _, right in asked])
    cosines = (torch["embeddings"] * onnx["embeddings"]).sum(axis=-1)
    return {
        "queries": len(torch["first"]),
        "same first entry, of known pins": round(float(same[known].mean()), 4),
        "same first entry": round(float(same.mean()), 4),
        "same verdict": round(float((torch["verdicts"] == onnx["verdicts"]).mean()), 4),
        "least cosine": round(float(cosines.min()), 4),
        "mean cosine": round(float(cosines.mean()), 5),
        **{
            f"{runtime}, {name}": round(float(said[runtime][key]), 3)
            for runtime in RUNTIMES
            for name, key in (
                ("ms a photo", "ms"),
                ("ms of networks a photo", "networks"),
                ("s until open", "opened"),
                ("s until answered", "answered"),
            )
        },
    }


def ask(data: Path, queries: Path, out: Path) -> None:
    """One runtime's part: answer every query and write what is compared to a file."""
    from recognizer.catalogue.imports import read_queries
    from recognizer.identify import Recognizer
    from recognizer.vision.photos import open_photo

    first, verdicts, embeddings, seconds, networks = [], [], [], [], []
    spent = timed_networks()
    with Recognizer.open(data) as recognizer:
        opened = answered = time.time() - float(os.environ["BEGUN"])
        for at, (path, _) in enumerate(read_queries(queries)):
            photo = open_photo(path)
            start, before = time.process_time(), spent[0]
            ((answer, *_),) = recognizer.identify([photo])
            seconds.append(time.process_time() - start)
            networks.append(spent[0] - before)
            if not at:
                answered = time.time() - float(os.environ["BEGUN"])
            first.append(answer.matches[0].entry.entry_id if answer.matches else "")
            verdicts.append(str(answer.verdict))
            embeddings.append(recognizer.model.embed_zooms([photo.image], [photo.image])[0])
    np.savez(
        out,
        first=first,
        verdicts=verdicts,
        embeddings=np.stack(embeddings),
        ms=1000 * float(np.median(seconds)),
        networks=1000 * float(np.median(networks)),
        opened=opened,
        answered=answered,
    )


def timed_networks() -> list[float]:
    """Count the processor time of every network from now on, in the first of what is returned."""
    from recognizer.search.embedder import Embedder
    from recognizer.vision.comparing.variants import Twins
    from recognizer.vision.outlines import Outliner

    spent = [0.0]

    def counted(kind: Any, name: str) -> None:
        plain = getattr(kind, name)

        def call(*arguments: Any, **named: Any) -> Any:
            start = time.process_time()
            try:
                return plain(*arguments, **named)
            finally:
                spent[0] += time.process_time() - start

        setattr(kind, name, call)

    counted(Embedder, "_forward")
    counted(Outliner, "maps")
    counted(Twins, "same")
    return spent


if __name__ == "__main__":
    main()
