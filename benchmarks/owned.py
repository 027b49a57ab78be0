"""Owns every second known pin of pictures of lots, and counts how many marks of the lot report are right.

    python benchmarks/owned.py LOTS.csv --data DATA

LOTS.csv has the columns image, entry_id, left, top, right and bottom: the places of pins that are known. Works on a
copy of DATA. A mark is judged where the pin's best entry is the right one: it must be `owned` for what is owned;
`missing`, or `again` for a further copy, for what is not; and `unsure` only where the pin may be one of several entries
of which some are owned and some not. Prints the counts and each wrong mark.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import click
from tqdm import tqdm

from recognizer.catalogue.store import Catalogue
from recognizer.collecting.holdings import Collection
from recognizer.collecting.lot_marks import Mark, Marker, seen
from recognizer.identify import Recognizer
from recognizer.reports.answers import Answer, answer_json
from recognizer.types import Verdict
from recognizer.vision.photos import open_photo


@click.command(help=(__doc__ or "").split("\n")[0])
@click.argument("truth", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="LOTS.csv")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
def main(truth: Path, data: Path) -> None:
    """Own half, ask all pictures, judge the marks."""
    places: dict[str, list[tuple[str, float, float]]] = {}
    with truth.open(encoding="utf-8-sig", newline="") as table:
        for row in csv.DictReader(table):
            left, top, right, bottom = (float(row[name]) for name in ("left", "top", "right", "bottom"))
            places.setdefault(row["image"], []).append((row["entry_id"], (left + right) / 2, (top + bottom) / 2))
    known = sorted({entry_id for held in places.values() for entry_id, _, _ in held if entry_id})
    owned = set(known[::2])
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(data, Path(folder) / "data"))
        with Catalogue.open(copy) as catalogue:
            collection = Collection(catalogue, "")
            for entry_id in sorted(owned):
                collection.own(entry_id)
        with Recognizer.open(copy) as recognizer:
            marker = Marker(Collection(recognizer.catalogue, ""))
            for image, held in tqdm(places.items(), disable=None):
                photo = open_photo(truth.parent / image)
                answer = Answer(photo, tuple(recognizer.identify([photo])[0]))
                pins = [seen(pin) for pin in answer_json(answer)["recognitions"]]
                marks = marker.marks(pins)
                for right_one, x, y in held:
                    for found, pin, mark in zip(answer.recognitions, pins, marks, strict=True):
                        box = found.box
                        inside = box.left <= x < box.right and box.top <= y < box.bottom
                        if not inside or not right_one or pin.entry_id != right_one or pin.verdict is Verdict.UNKNOWN:
                            continue
                        may_be = {pin.entry_id, *pin.variants}
                        mixed = pin.verdict is Verdict.FAMILY and may_be & owned and may_be - owned
                        asked = (
                            {Mark.UNSURE}
                            if mixed
                            else {Mark.OWNED}
                            if right_one in owned
                            else {Mark.MISSING, Mark.AGAIN}
                        )
                        counts["right" if mark in asked else "wrong"] += 1
                        counts[f"marked {mark.value}"] += 1
                        if mark not in asked:
                            click.echo(f"{image}: {right_one} marked {mark.value}")
    click.echo(f"{len(known)} entries on {len(places)} pictures, {len(owned)} of them owned")
    click.echo(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
