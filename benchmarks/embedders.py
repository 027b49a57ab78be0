"""Recall of embedders alone on sets of real photos, of several models side by side.

    python benchmarks/embedders.py base imagenet MODELS/mine     the sets of ZNACHKI_REAL_DATA, or of ../shared/data
    python benchmarks/embedders.py base --px 0,112 --json        queries as they are and at 112 px; every rank as JSON

A MODEL is what `znachki index --model` takes. Pins are found and lifted as the program does, and embedded with its
zooms; an entry counts by its best photo. Crops are taken once for all models, which makes this a matter of seconds a
model where benchmarks/measure.py takes minutes. Recall is of the known queries, AUROC of the best similarity, of right
answers against queries of pins that the catalogue lacks; milliseconds are the median of one photo, all zooms.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from recognizer.catalogue.imports import read_queries
from recognizer.measuring.metrics import auroc, mean_reciprocal_rank, recall_at
from recognizer.search import embedder
from recognizer.search.embedder import Embedder
from recognizer.search.similarity import similarities
from recognizer.types import UInt8Image
from recognizer.vision import crops as cropping
from recognizer.vision.photos import open_photo

SETS = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
AS_THEY_ARE = 1600  # pixels of the long side that `open_photo` keeps
TIMED = 24  # photos that the milliseconds are the median of

Looks = tuple[UInt8Image, UInt8Image]


@dataclass(frozen=True, slots=True)
class Set:
    """The crops of one set: (whole, lifted) of each catalogue photo with its entry, and of all pins on each query."""

    name: str
    pictures: tuple[Looks, ...]
    owners: tuple[str, ...]
    queries: tuple[tuple[Looks, ...], ...]
    truths: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """What one model answered on one set, a row a query: rank of the true entry, 0 without one; the best similarity."""

    ranks: list[int]
    best: list[float]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--px", default="0,112", help="long side that queries are shrunk to, by commas; 0 as they are")
    parser.add_argument("--sets", type=Path, default=Path(os.environ.get("ZNACHKI_REAL_DATA") or SETS))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true", help="print JSON, the rank of every query with it")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    folders = sorted(
        path.parent for path in asked.sets.glob("*/queries.csv") if (path.parent / "catalogue.csv").exists()
    )
    if not folders:
        raise SystemExit(f"{asked.sets}: no folder with catalogue.csv and queries.csv; name one in ZNACHKI_REAL_DATA")
    sets = [read(folder, px) for folder in folders for px in numbers(asked.px)]
    rows = []
    for name in asked.models:
        model = embedder.load(name)
        for one in sets:
            found = answered(model, one)
            rows.append({"model": model.name, "set": one.name})
            rows[-1] |= figures(found, one) | {"milliseconds": milliseconds(model, one)}
            rows[-1] |= asdict(found) if asked.json else {}
    print(json.dumps(rows, indent=1) if asked.json else table(rows))


def numbers(text: str) -> list[int]:
    """Return the numbers of a list by commas."""
    return [int(one) for one in text.split(",") if one]


def read(folder: Path, px: int) -> Set:
    """Take the crops of a set, queries shrunk to `px` pixels first unless it is 0."""
    print(f"{folder.name}: taking crops", file=sys.stderr, flush=True)
    with (folder / "catalogue.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["role"] in ("", "face")]
    singles = [cropping.single(open_photo(folder / row["image"])) for row in rows]
    asked = read_queries(folder / "queries.csv")
    found = [cropping.split(open_photo(path, max_side=px or AS_THEY_ARE)) for path, _ in asked]
    return Set(
        f"{folder.name}, {px} px" if px else folder.name,
        tuple((crop.whole, cropping.lifted(crop)) for crop in singles),
        tuple(row["entry_id"] for row in rows),
        tuple(tuple((crop.whole, cropping.lifted(crop)) for crop in crops) for crops in found),
        tuple(entry_id for _, entry_id in asked),
    )


def answered(model: Embedder, held: Set) -> Answers:
    """Ask a model all queries of a set, and rank the entries by their best photo and the query's best crop."""
    catalogue = model.embed_zooms([whole for whole, _ in held.pictures], [pin for _, pin in held.pictures])
    entries, at = np.unique(np.array(held.owners), return_inverse=True)
    found = Answers([], [])
    for looks, truth in zip(held.queries, held.truths, strict=True):
        zooms = model.embed_zooms([whole for whole, _ in looks], [pin for _, pin in looks])
        scores = np.full(len(entries), -np.inf)
        for crop in zooms:
            np.maximum.at(scores, at, similarities(crop, catalogue))
        own = scores[np.searchsorted(entries, truth)] if truth is not None else np.inf
        found.ranks.append(int((scores >= own).sum()))
        found.best.append(round(float(scores.max()), 4))
    return found


def figures(found: Answers, held: Set) -> dict[str, float]:
    """Return the figures of a model on a set."""
    ranks, best = np.array(found.ranks), np.array(found.best)
    known = np.array([truth is not None for truth in held.truths])
    right = known & (ranks == 1)
    return {
        "queries": int(known.sum()),
        "recall_at_1": round(recall_at(ranks[known], 1), 4),
        "recall_at_5": round(recall_at(ranks[known], 5), 4),
        "recall_at_50": round(recall_at(ranks[known], 50), 4),
        "mrr": round(mean_reciprocal_rank(ranks[known]), 4),
        "auroc": round(auroc(best[right], best[~known]), 4),
    }


def milliseconds(model: Embedder, held: Set) -> float:
    """Return the median time of embedding one photo."""
    taken = []
    for whole, pin in held.pictures[:TIMED]:
        start = time.perf_counter()
        model.embed_zooms([whole], [pin])
        taken.append(1000 * (time.perf_counter() - start))
    return round(float(np.median(taken)), 1)


def table(rows: Sequence[dict[str, object]]) -> str:
    """Return the figures as a table in Markdown."""
    cells = [[str(name) for name in rows[0]], ["-" for _ in rows[0]]]
    cells += [[f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    cells[1] = ["-" * width for width in widths]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells)


if __name__ == "__main__":
    main()
