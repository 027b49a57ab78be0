"""The two runtimes against one another, PyTorch and ONNX Runtime, on a set of real photos: answers, embeddings, speed.

    python benchmarks/runtimes.py                pins/ of ZNACHKI_REAL_DATA, or of ../shared/data
    python benchmarks/runtimes.py --set DIR      another folder with catalogue.csv and queries.csv
    python benchmarks/runtimes.py --json

The set is imported and indexed once, by the runtime that is the default. Each runtime then answers all queries in a
process of its own, photo by photo, as `znachki identify` does. Printed are how often both name the same first entry and
the same verdict, the least and the mean cosine of the two embeddings of a zoom, the middling milliseconds a photo with
every network in it, and the seconds from the start of the process until photos can be asked and until the first is
answered.
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
    found = compared(asked.set)
    print(json.dumps(found, indent=2) if asked.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


def compared(folder: Path) -> dict[str, Any]:
    """Index the set, let both answer, and compare."""
    with tempfile.TemporaryDirectory() as held:
        data = Path(held) / "data"
        for arguments in (["import", folder / "catalogue.csv"], ["index"]):
            command = [sys.executable, "-m", "recognizer.cli", *arguments, "--data", data]
            subprocess.run([str(one) for one in command], check=True, stdout=subprocess.DEVNULL)
        said = {}
        for runtime in RUNTIMES:
            out = Path(held) / f"{runtime}.npz"
            command = [sys.executable, __file__, "--ask", data, folder / "queries.csv", out]
            environment = os.environ | {"ZNACHKI_RUNTIME": runtime, "BEGUN": str(time.time())}
            subprocess.run([str(one) for one in command], check=True, env=environment)
            said[runtime] = np.load(out)
        torch, onnx = (said[runtime] for runtime in RUNTIMES)
        cosines = (torch["embeddings"] * onnx["embeddings"]).sum(axis=-1)
        return {
            "queries": len(torch["first"]),
            "same first entry": round(float((torch["first"] == onnx["first"]).mean()), 4),
            "same verdict": round(float((torch["verdicts"] == onnx["verdicts"]).mean()), 4),
            "least cosine": round(float(cosines.min()), 4),
            "mean cosine": round(float(cosines.mean()), 5),
            **{
                f"{runtime}, {name}": round(float(said[runtime][key]), 3)
                for runtime in RUNTIMES
                for name, key in (("ms a photo", "ms"), ("s until open", "opened"), ("s until answered", "answered"))
            },
        }


def ask(data: Path, queries: Path, out: Path) -> None:
    """One runtime's part: answer every query and write what is compared to a file."""
    from recognizer.catalogue.imports import read_queries
    from recognizer.identify import Recognizer
    from recognizer.vision.crops import lifted
    from recognizer.vision.photos import open_photo

    first, verdicts, embeddings, seconds = [], [], [], []
    with Recognizer.open(data) as recognizer:
        opened = answered = time.time() - float(os.environ["BEGUN"])
        for at, (path, _) in enumerate(read_queries(queries)):
            photo = open_photo(path)
            start = time.perf_counter()
            ((answer, *_),) = recognizer.identify([photo])
            seconds.append(time.perf_counter() - start)
            if not at:
                answered = time.time() - float(os.environ["BEGUN"])
            first.append(answer.matches[0].entry.entry_id if answer.matches else "")
            verdicts.append(str(answer.verdict))
            crop = recognizer.split(photo)[0]
            embeddings.append(recognizer.model.embed_zooms([crop.whole], [lifted(crop)])[0])
    ms = 1000 * float(np.median(seconds))
    np.savez(
        out, first=first, verdicts=verdicts, embeddings=np.stack(embeddings), ms=ms, opened=opened, answered=answered
    )


if __name__ == "__main__":
    main()
