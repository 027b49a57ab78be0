"""How much faster several processes index and take lots apart than one, and what Ray costs over plain processes.

    python benchmarks/together.py [--photos 500] [--pictures 20] [--jobs 2] [--rounds 1]

Draws a catalogue of so many photos and so many pictures of lots, and runs `znachki index` and `znachki lot` on them
with one process, with --jobs processes, and with --cluster local of as many, one after the other. Prints JSON: for each
the seconds on the clock and those of the processor, a sum of what came out, which is to be one and the same, and the
load average before and after: on a machine that others use too, more processes also get a larger share of it, so that
only the clock of a quiet one tells anything.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from recognizer.drawn import sample
from recognizer.running.room import cores


def run(*arguments: object) -> dict[str, float]:
    """Run a command; its seconds by the clock and by the processor."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "recognizer.cli", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(time.perf_counter() - start, 1), "processor_seconds": round(used, 1)}


def sums(folder: Path, *masks: str) -> str:
    """One sum of all files of a folder that the masks name."""
    whole = hashlib.sha256()
    for path in sorted(path for mask in masks for path in folder.glob(mask)):
        whole.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return whole.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=cores())
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    teams = {
        "one": ["--jobs", 1],
        "processes": ["--jobs", given.jobs],
        "ray": ["--cluster", "local", "--jobs", given.jobs],
    }
    found: dict[str, Any] = {"cores": cores(), "jobs": given.jobs, "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = sample.write(folder / "sample", given.photos, 0, 1, 0)
        run("import", files.catalogue, "--data", folder / "data")
        pictures = folder / "pictures"
        pictures.mkdir()
        for number in range(given.pictures):
            truth = sample.write_lot(folder / f"lot{number}", given.photos, 0, 5 + number // 2, 1 + number % 2)
            (picture,) = truth.parent.glob("photos/*.jpg")
            shutil.copy(picture, pictures / f"{number:03d}.jpg")
        for at in range(given.rounds):
            for name, options in teams.items():
                data = folder / f"data-{name}"
                shutil.rmtree(data, ignore_errors=True)
                shutil.copytree(folder / "data", data)
                took = run("index", *options, "--data", data)
                same = sums(data / "index", "features/*.pack", "embeddings/*.pack", "*.faiss", "kin.json")
                found.setdefault("index", {}).setdefault(name, []).append(took | {"sum": same[:12]})
            for name, options in teams.items():
                out = folder / f"out-{name}-{at}"
                took = run("lot", pictures, "--out", out, *options, "--data", folder / "data-one")
                found.setdefault("lot", {}).setdefault(name, []).append(took | {"sum": sums(out, "answers/*")[:12]})
    found["load_after"] = os.getloadavg()[0]
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
