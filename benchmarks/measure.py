"""Recall of each evidence and of both on sets of real photos, with the commands that a user has.

    python benchmarks/measure.py                 the sets of ZNACHKI_REAL_DATA, or of ../shared/data (make measure)
    python benchmarks/measure.py --sets DIR      the sets of a folder
    python benchmarks/measure.py --json          the same as JSON, everything that `znachki evaluate --json` says

A set is a folder with catalogue.csv and queries.csv. Each is imported and indexed from cold into a data folder of its
own, then evaluated. Nothing is kept but what is printed.
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

SETS = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
RUNS: dict[str, list[str]] = {
    "both": [],
    "both, 112 px": ["--px", "112"],
    "keypoints alone": ["--only", "keypoints"],
    "embedder alone": ["--only", "embedder"],
}
FIGURES = {
    "R@1": "recall_at_1",
    "R@5": "recall_at_5",
    "R@50": "recall_at_50",
    "MRR": "mrr",
    "GAP": "gap",
    "AUROC": "auroc",
    "FPIR@95": "fpir_at_95",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, default=Path(os.environ.get("ZNACHKI_REAL_DATA") or SETS))
    parser.add_argument("--model", help="the model to index with; the shipped one without it")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    found = sorted(
        path.parent for path in asked.sets.glob("*/queries.csv") if (path.parent / "catalogue.csv").is_file()
    )
    if not found:
        raise SystemExit(
            f"{asked.sets}: no folder with catalogue.csv and queries.csv in it; name one in ZNACHKI_REAL_DATA"
        )
    measured = {folder.name: measure(folder, asked.model) for folder in found}
    print(json.dumps(measured, indent=2) if asked.json else table(measured))


def measure(folder: Path, model: str | None) -> dict[str, Any]:
    """Import, index and evaluate one set; returns seconds and, a run, what `evaluate --json` says."""
    with tempfile.TemporaryDirectory() as held:
        data = Path(held) / "data"
        seconds = {}
        for step, arguments in {
            "import": [folder / "catalogue.csv"],
            "index": ["--model", model] if model else [],
        }.items():
            start = time.perf_counter()
            znachki(step, *arguments, "--data", data)
            seconds[step] = round(time.perf_counter() - start, 1)
        queries = folder / "queries.csv"
        runs = {
            name: json.loads(znachki("evaluate", queries, *extra, "--jobs", "1", "--data", data, "--json"))
            for name, extra in RUNS.items()
        }
    return {"seconds": seconds, "runs": runs}


def znachki(*arguments: object) -> str:
    """Run a command, show it on stderr, and return what it prints."""
    words = [str(argument) for argument in arguments]
    print("$ znachki", *words, file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, "-m", "recognizer.cli", *words], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"znachki {words[0]} failed; see above\n{done.stdout}")
    return done.stdout


def table(measured: dict[str, Any]) -> str:
    """Return the figures as a table in Markdown, and the times below it."""
    head = ["photos", "evidence", *FIGURES, "ms a photo"]
    rows = [head, ["-" * len(name) for name in head]]
    below = []
    for name, one in measured.items():
        for evidence, run in one["runs"].items():
            figures = ["-" if run[key] is None else f"{run[key]:.3f}" for key in FIGURES.values()]
            rows.append([name, evidence, *figures, f"{run['milliseconds']['total']:.0f}"])
        both = one["runs"]["both"]
        asked = f"{both['queries']} queries ({both['unknown_queries']} of pins it lacks), {both['entries']} entries"
        below.append(f"{name}: {asked}; import {one['seconds']['import']} s, index {one['seconds']['index']} s")
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([*lines, "", *below])


if __name__ == "__main__":
    main()
