"""The report of lots: what a job found as a page, a table, JSON and COCO JSON, in the job's own folder.

    JOB/ report.html  pins.csv  lots.json  coco.json

Everything is made from the kept answers and the small pictures beside them, so that a job of thousands of pictures
takes little memory and its report can be made again at any time.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, cast

import numpy as np

from recognizer.catalogue.store import Catalogue
from recognizer.catalogue.table_cells import safe_row
from recognizer.collecting.jobs import Job, Task
from recognizer.collecting.lot_edits import told
from recognizer.collecting.lot_marks import Marker, ranked, seen, to_own
from recognizer.collecting.lot_totals import Tally, totals_json
from recognizer.collecting.picture_answers import PictureAnswer, number_pins, outline_of
from recognizer.files import write_whole
from recognizer.reports import lot_page
from recognizer.reports.answers import Answer, answer_json
from recognizer.reports.lot_page import entry_name, outlined_name
from recognizer.reports.pictures import catalogue_picture, draw_outlines, thumbnail
from recognizer.types import NAMED, Float32, Photo, Recognition, UInt8Image, Verdict
from recognizer.vision.photos import encode_jpeg, open_photo

CSV_COLUMNS: Final = (
    *("lot", "title", "price", "currency", "picture", "pin", "left", "top", "right", "bottom"),
    *("verdict", "entry_id", "number", "entry_title", "entry_title_en", "probability", "mark", "own"),
)
CROP: Final = 150
"""Long side in pixels of the small pictures of pins and entries."""

VIEW: Final = 2000
"""Long side in pixels of a lot's picture as the page shows it, to be zoomed into."""

COLOURS: Final = {
    Verdict.MATCH: (80, 210, 120),
    Verdict.FAMILY: (255, 196, 0),
    Verdict.NEW_VARIANT: (255, 150, 60),
    Verdict.UNKNOWN: (255, 110, 160),
    Verdict.NOT_A_PIN: (170, 178, 190),
}
"""Colour of an outline by verdict; the row below says the same in words."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a lot holds.

    `pins` counts outlines on all its pictures, `known`, `unsure` and `unknown` those with the verdicts match, family
    or new variant, and unknown; `new_variants` are the unsure ones with the verdict new variant. `entries` is how often
    each known entry was found: the most on any one picture, for pictures of one listing show the same pins again.
    `duplicates` are the copies past the first of each.
    """

    pins: int
    known: int
    unsure: int
    new_variants: int
    unknown: int
    not_pins: int
    entries: Mapping[str, int]

    @property
    def duplicates(self) -> int:
        """How many known pins are there a second time or more."""
        return sum(count - 1 for count in self.entries.values())


def keep(job: Job, task: Task, answer: Answer, catalogue: Catalogue, systems: Sequence[str] = ()) -> None:
    """Keep the answer to a picture with its small pictures; the answer is written last, and then the task is done."""
    image = answer.photo.image
    _save(job, task.key, thumbnail(image, VIEW), quality=90)
    _save(job, outlined_name(task.key), draw_found(answer.photo, answer.recognitions))
    keep_pins(job, task, answer, range(1, len(answer.recognitions) + 1), catalogue)
    height, width = image.shape[:2]
    kept = answer_json(answer, systems) | {"width": width, "height": height}
    job.keep(task, number_pins(cast(PictureAnswer, kept)))


def keep_pins(job: Job, task: Task, answer: Answer, numbers: Sequence[int], catalogue: Catalogue) -> None:
    """Keep the small pictures of pins, each under its number, and those of the entries that they were taken for."""
    for number, found in zip(numbers, answer.recognitions, strict=True):
        box = found.box
        crop = answer.photo.image[box.top : box.bottom, box.left : box.right]
        _save(job, f"{task.key}-{number}", thumbnail(crop, CROP))
        if found.matches and not job.picture(entry_name(found.matches[0].image_id)).exists():
            image = catalogue_picture(catalogue, found.matches[0].image_id)
            if image is not None:
                _save(job, entry_name(found.matches[0].image_id), thumbnail(image, CROP))


def forget_drawing(job: Job, task: Task) -> None:
    """Let the picture with outlines go, for the pins of its answer are about to change."""
    job.picture(outlined_name(task.key)).unlink(missing_ok=True)


def draw_again(job: Job, task: Task, answer: PictureAnswer) -> None:
    """See that there is a picture with the outlines and numbers of an answer."""
    if job.picture(outlined_name(task.key)).exists():
        return
    pins = number_pins(answer)["recognitions"]
    view = open_photo(job.picture(task.key)).image
    scale = np.float32(view.shape[1] / answer["width"])
    outlines = [outline_of(pin) * scale for pin in pins]
    colours = [COLOURS[Verdict(pin["verdict"])] for pin in pins]
    numbers = [pin["pin"] for pin in pins]
    _save(job, outlined_name(task.key), draw_outlines(view, outlines, colours, numbers=numbers))


def draw_found(photo: Photo, found: Sequence[Recognition]) -> UInt8Image:
    """Draw the outlines of what was found on a photo, numbered, in the colour of the verdict."""
    return draw_outlines(photo.image, [_outline(one) for one in found], [COLOURS[one.verdict] for one in found])


def refuse(job: Job, task: Task, reason: str) -> None:
    """Keep why a picture could not be answered; the task is done, and the report names it."""
    job.keep(task, {"photo": str(task.picture), "error": reason})


def summary(answers: Sequence[PictureAnswer]) -> Summary:
    """Sum up the answers to the pictures of one lot."""
    verdicts: Counter[str] = Counter()
    entries: dict[str, int] = {}
    for answer in answers:
        found = answer.get("recognitions", ())
        verdicts.update(pin["verdict"] for pin in found)
        known = Counter(pin["matches"][0]["entry_id"] for pin in found if pin["verdict"] == Verdict.MATCH)
        for entry_id, count in known.items():
            entries[entry_id] = max(count, entries.get(entry_id, 0))
    return Summary(
        pins=verdicts.total(),
        known=verdicts[Verdict.MATCH],
        unsure=verdicts[Verdict.FAMILY] + verdicts[Verdict.NEW_VARIANT],
        new_variants=verdicts[Verdict.NEW_VARIANT],
        unknown=verdicts[Verdict.UNKNOWN],
        not_pins=verdicts[Verdict.NOT_A_PIN],
        entries=entries,
    )


def as_json(job: Job) -> dict[str, Any]:
    """Return everything that was found: a lot a listing with summary and pictures, and the pictures that failed."""
    lots: dict[str, dict[str, Any]] = {}
    errors = []
    for task in job.tasks:
        answer = job.answer(task)
        if answer is None:
            continue
        if "error" in answer:
            errors.append({"picture": str(task.picture), "lot": task.listing.key, "error": answer["error"]})
        listing = task.listing
        lot = lots.setdefault(
            listing.key,
            {
                "lot": listing.key,
                "title": listing.title,
                "price": None if listing.price is None else float(listing.price),
                "currency": listing.currency,
                "url": listing.url,
                "condition": listing.condition,
                "pictures": [],
            },
        )
        lot["pictures"].append({"picture": str(task.picture), "key": task.key} | told(number_pins(answer)))
    for lot in lots.values():
        found = summary(lot["pictures"])
        lot["summary"] = {
            "pins": found.pins,
            "known": found.known,
            "named": found.known + found.unsure,
            "unsure": found.unsure,
            "new_variants": found.new_variants,
            "unknown": found.unknown,
            "not_pins": found.not_pins,
            "duplicates": found.duplicates,
            "entries": dict(found.entries),
        }
    return {"lots": list(lots.values()), "errors": errors}


def mark(found: dict[str, Any], marker: Marker | None = None) -> None:
    """Add to what `as_json` says which pins are to be owned once their lot is bought and, by `marker`, what they are.

    A pin gets `own` and `mark`, a lot its `value`, all of them their `totals`; the lots are then ordered by missing
    pins for their price.
    """
    values = []
    tally = Tally(marker)
    for lot in found["lots"]:
        answers = [picture.get("recognitions", ()) for picture in lot["pictures"]]
        pictures = [[seen(pin) for pin in answer] for answer in answers]
        price = None if lot["price"] is None else Decimal(str(lot["price"]))
        for answer in answers:
            tally.add(lot["lot"], answer, price, lot["currency"])
        marks = [[""] * len(pins) if marker is None else marker.marks(pins, lot["condition"]) for pins in pictures]
        for answer, of_picture, owns in zip(answers, marks, to_own(pictures), strict=True):
            for pin, one, own in zip(answer, of_picture, owns, strict=True):
                pin.update(mark=str(one), own=own)
        if marker is not None:
            value = marker.value(pictures, price, lot["currency"], lot["condition"])
            values.append(value)
            each = None if value.price_each is None else round(float(value.price_each), 2)
            lot["value"] = {"owned": list(value.owned), "missing": list(value.missing), "wished": list(value.wished)}
            lot["value"] |= {"better": list(value.better), "unsure": value.unsure, "price_each": each}
    found["totals"] = totals_json(tally.totals)
    if marker is not None:
        found["lots"] = [found["lots"][place] for place in ranked(values)]


def coco(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `as_json` says as COCO JSON: an image a picture, an annotation a pin with what it was taken for."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    pictures = [one for lot in found["lots"] for one in lot["pictures"] if "error" not in one]
    for image_id, picture in enumerate(pictures, 1):
        images.append(
            {
                "id": image_id,
                "file_name": picture["picture"],
                "width": picture["width"],
                "height": picture["height"],
            }
        )
        for pin in picture["recognitions"]:
            left, top, right, bottom = pin["box"]
            outline = outline_of(pin).astype(int).tolist()
            best = pin["matches"][0] if pin["matches"] else None
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    "bbox": [left, top, right - left, bottom - top],
                    "segmentation": [[value for place in outline for value in place]],
                    "area": _area(outline),
                    "iscrowd": 0,
                    "score": pin["score"],
                    "verdict": pin["verdict"],
                    "entry_id": best["entry_id"] if best else None,
                    "probability": best["probability"] if best else None,
                }
            )
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "pin"}]}


def rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row a pin under CSV_COLUMNS, with the best entry where the verdict is match, family or new_variant."""
    table = []
    for lot in found["lots"]:
        for picture in lot["pictures"]:
            about = {"lot": lot["lot"], "title": lot["title"], "price": lot["price"], "currency": lot["currency"]}
            for pin in picture.get("recognitions", ()):
                place = dict(zip(("left", "top", "right", "bottom"), pin["box"], strict=True))
                row = about | {"picture": picture["picture"], "pin": pin["pin"]} | place | {"verdict": pin["verdict"]}
                if pin["matches"] and pin["verdict"] in NAMED:
                    best = pin["matches"][0]
                    row |= {name: best[name] for name in ("entry_id", "number", "probability")}
                    row |= {"entry_title": best["title"], "entry_title_en": best["title_en"]}
                row |= {"mark": pin.get("mark", ""), "own": 1 if pin.get("own") else ""}
                table.append(row)
    return table


def write(job: Job, marker: Marker | None = None) -> dict[str, Any]:
    """Write report.html, pins.csv, lots.json and coco.json into the job's folder; returns what lots.json says.

    With a `marker` they tell what each pin is to its collector, and the lots are ranked by missing pins for their
    price.
    """
    found = as_json(job)
    mark(found, marker)
    write_whole(job.folder / "lots.json", _text(found))
    write_whole(job.folder / "coco.json", _text(coco(found)))
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(safe_row, rows(found)))
    write_whole(job.folder / "pins.csv", ("\ufeff" + table.getvalue()).encode())
    write_whole(job.folder / "report.html", lot_page.page_of(job, found).encode())
    return found


def _outline(found: Recognition) -> Float32:
    if found.outline is not None:
        return found.outline
    box = found.box
    corners = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
    return np.array(corners, np.float32)


def _save(job: Job, name: str, image: UInt8Image, quality: int = 82) -> None:
    write_whole(job.picture(name), encode_jpeg(image, quality=quality))


def _area(outline: Sequence[Sequence[float]]) -> float:
    """The area of a polygon by its corners."""
    doubled = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]], strict=True))
    return round(abs(doubled) / 2, 1)


def _text(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
