"""Pictures as collectors bring them, drawn: how often the pins are found, and nothing else, and named right.

    python benchmarks/brought.py             a data folder of its own, made anew from the drawn sample
    python benchmarks/brought.py --data DIR  a folder that has the sample of 150 pins already
    python benchmarks/brought.py --count 40 --json

An album's pages with printed captions, a phone's screen around a photo, a watermark across it, and face and back glued
into one picture. `found` is the share of pins with a crop that has an IoU of half or more with their box; `more` are
crops a picture that have it with none; `first` is the share of pins whose first entry is right, of pictures of one pin
on the whole picture's best answer; `plain` is that of the same photos before anything was put around them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recognizer.catalogue.imports import import_csv
from recognizer.catalogue.store import Catalogue
from recognizer.drawn import brought, sample
from recognizer.identify import Recognizer
from recognizer.types import Box, Recognition, UInt8Image
from recognizer.vision.photos import encode_jpeg, open_photo

PINS = 150


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a data folder with the drawn sample of 150 pins, indexed")
    parser.add_argument("--count", type=int, default=40, help="pictures of each kind; a page for four of them")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    if asked.data:
        found = measured(asked.data, asked.count)
    else:
        with tempfile.TemporaryDirectory() as held:
            found = measured(made(Path(held)), asked.count)
    said = [f"{kind}: " + ", ".join(f"{name} {value}" for name, value in one.items()) for kind, one in found.items()]
    print(json.dumps(found, indent=2) if asked.json else "\n".join(said))


def made(folder: Path) -> Path:
    from index.build import build

    files = sample.write(folder / "sample", PINS, 0, 0, 0)
    with Catalogue.open(folder / "data", create=True) as catalogue:
        import_csv(catalogue, files.catalogue)
    build(folder / "data")
    return folder / "data"


def measured(data: Path, count: int) -> dict[str, dict[str, Any]]:
    entries = [entry.entry_id for entry in sample.entries(PINS)]
    chosen = [at * PINS // count for at in range(count)]
    with Recognizer.open(data) as recognizer:

        def answers(picture: UInt8Image) -> Sequence[Recognition]:
            return recognizer.identify([open_photo(encode_jpeg(picture, 90), "drawn")])[0]

        def first(answer: Recognition) -> str:
            return answer.matches[0].entry.entry_id if answer.matches else ""

        plain = {at: any(first(one) == entries[at] for one in answers(sample.phone_view(at))) for at in chosen}
        done: dict[str, dict[str, Any]] = {"plain": {"first": share(plain.values())}}
        pages = [[(7 * page + 13 * at) % PINS for at in range(12)] for page in range(max(1, count // 4))]
        rows = []
        for page in pages:
            picture, boxes = brought.album_page(page)
            found = answers(picture)
            for index, box in zip(page, boxes, strict=True):
                near = max(found, key=lambda one: iou(one.box, box))
                here = iou(near.box, box) >= 0.5
                rows.append((here, here and first(near) == entries[index]))
            rows.append((sum(all(iou(one.box, box) < 0.5 for box in boxes) for one in found), len(found)))
        pins = [row for row in rows if isinstance(row[0], bool)]
        more = [row[0] for row in rows if not isinstance(row[0], bool)]
        done["album"] = {
            "pages": len(pages),
            "found": share(row[0] for row in pins),
            "more": round(sum(more) / len(more), 2),
            "first": share(row[1] for row in pins),
        }
        for kind in ("screen", "dark screen", "watermark", "side by side", "one below another"):
            one_pin = [alone(answers(drawn(kind, at)[0]), drawn(kind, at)[1], entries[at], first) for at in chosen]
            names = one_pin[0].keys()
            done[kind] = {name: share(row[name] for row in one_pin) for name in names}
    return done


def drawn(kind: str, at: int) -> tuple[UInt8Image, Box]:
    """A picture of the kind, and where on it the photo of the face is."""
    photo = sample.phone_view(at)
    whole = Box(0, 0, photo.shape[1], photo.shape[0])
    if kind.endswith("screen"):
        return brought.screenshot(photo, kind.startswith("dark"))
    if kind == "watermark":
        return brought.watermarked(photo), whole
    return brought.glued(at, down=kind != "side by side"), whole


def alone(found: Sequence[Recognition], photo: Box, entry_id: str, first: Any) -> dict[str, bool]:
    """What is told of a picture of one pin: whether one crop lies on the photo, and what is said of it."""
    inside = [one for one in found if shared(one.box, photo) >= 0.8 * area(one.box)]
    best = max(inside, key=lambda one: one.matches[0].probability if one.matches else 0.0, default=None)
    return {
        "crops: one": len(found) == 1,
        "crops: two": len(found) == 2,
        "crops: more": len(found) > 2,
        "on the photo": best is not None,
        "first": any(first(one) == entry_id for one in found),
        "match": best is not None and first(best) == entry_id and best.verdict in ("match", "family"),
    }


def shared(one: Box, other: Box) -> int:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0, across) * max(0, down)


def area(box: Box) -> int:
    return box.width * box.height


def iou(one: Box, other: Box) -> float:
    both = shared(one, other)
    return both / (area(one) + area(other) - both)


def share(values: Any) -> float:
    held = list(values)
    return round(sum(held) / len(held), 3)


if __name__ == "__main__":
    main()
