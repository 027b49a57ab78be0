"""Measures of lot pictures: were the pins found, and were the found ones named right.

Truth comes in two forms. `coco.json`: every pin of a picture with its box and maybe its mask, to count pins missed and
pins invented. `lots.csv` (image, entry_id, left, top, right, bottom): the places of some pins and what they are; a box
may lie inside its pin, so a place is found when a pin's box holds its centre.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import CatalogueError
from recognizer.types import Box, Float32, Mask, Photo, Recognition, Verdict
from recognizer.vision import geometry
from recognizer.vision.photos import open_photo

Floats = NDArray[np.float64]
Look = Callable[[Photo], Sequence[Recognition]]
"""Finds the pins of a photo; for `lots.csv` it names them too."""
Watch = Callable[[Photo, Sequence[Recognition]], None]

LEAST_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Truth:
    """What one picture shows: boxes (n, 4) of left, top, right, bottom, and a mask outline or an entry a pin.

    `outlines` are polygons, None for a pin that has only a box; `entry_ids` are None for pins that the catalogue lacks.
    """

    picture: Path
    boxes: Floats
    outlines: tuple[tuple[Float32, ...] | None, ...]
    entry_ids: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class LotMeasures:
    """Figures of lot pictures, None where the truth does not tell.

    `precision`, `recall`, `f1` at IoU 0.5 and `mean_iou` of the matched pins, by masks where given, else by boxes;
    `count_error` is the mean of |found - true| / true a picture. `places_found` is the share of places with a pin of
    their own; `recall_at_1` and `recall_at_5` are of the found known pins, `end_to_end_at_1` of all known places;
    `wrong_confident` is the share of unknown places that were called a match.
    """

    pictures: int
    pins: int
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    mean_iou: float | None = None
    count_error: float | None = None
    places_found: float | None = None
    recall_at_1: float | None = None
    recall_at_5: float | None = None
    end_to_end_at_1: float | None = None
    wrong_confident: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the figures rounded to four places."""
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}


def read_coco(path: Path) -> list[Truth]:
    """Read a COCO file of boxes and, where given, polygons, pictures relative to it; CatalogueError names faults."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        rows: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in held["images"]}
        for row in held["annotations"]:
            rows[row["image_id"]].append(row)
        return [_of_coco(path.parent / image["file_name"], rows[image["id"]]) for image in held["images"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CatalogueError(f"{path}: no COCO file of boxes ({error!r}); give images and annotations") from error


def _of_coco(picture: Path, rows: Sequence[dict[str, Any]]) -> Truth:
    boxes = [[x, y, x + width, y + height] for x, y, width, height in (row["bbox"] for row in rows)]
    outlines = [
        tuple(np.array(part, np.float32).reshape(-1, 2) for part in row["segmentation"])
        if isinstance(row.get("segmentation"), list) and row["segmentation"]
        else None
        for row in rows
    ]
    return Truth(picture, np.array(boxes, float).reshape(-1, 4), tuple(outlines), (None,) * len(rows))


def read_places(path: Path) -> list[Truth]:
    """Read `lots.csv`, pictures relative to it; CatalogueError names the row at fault."""
    groups: dict[str, list[tuple[str | None, list[float]]]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            for row, cells in enumerate(csv.DictReader(lines), 1):
                try:
                    box = [float(cells[side]) for side in ("left", "top", "right", "bottom")]
                    groups.setdefault(cells["image"], []).append((cells["entry_id"] or None, box))
                except (KeyError, TypeError, ValueError) as error:
                    raise CatalogueError(
                        f"{path}: row {row}: {error}; the columns are image, entry_id, left, top, right, bottom"
                    ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: cannot be read ({error})") from error
    return [
        Truth(
            path.parent / name,
            np.array([box for _, box in places], float),
            (None,) * len(places),
            tuple(entry for entry, _ in places),
        )
        for name, places in groups.items()
    ]


def measure_boxes(truths: Sequence[Truth], look: Look, watch: Watch = lambda photo, found: None) -> LotMeasures:
    """Measure the finding of pins where every pin is known; `watch` sees every photo with what was found."""
    right = found = wanted = 0
    overlap: list[float] = []
    errors: list[float] = []
    for truth in truths:
        photo = open_photo(truth.picture, str(truth.picture))
        pins = look(photo)
        watch(photo, pins)
        likeness = _likeness(pins, truth, photo.image.shape[:2])
        pairs = matched(likeness, LEAST_IOU)
        right, found, wanted = right + len(pairs), found + len(pins), wanted + len(truth.boxes)
        overlap += [float(likeness[pair]) for pair in pairs]
        errors.append(abs(len(pins) - len(truth.boxes)) / max(1, len(truth.boxes)))
    return LotMeasures(
        pictures=len(truths),
        pins=wanted,
        precision=right / max(1, found),
        recall=right / max(1, wanted),
        f1=2 * right / max(1, found + wanted),
        mean_iou=float(np.mean(overlap)) if overlap else None,
        count_error=float(np.mean(errors)) if errors else None,
    )


def measure_places(truths: Sequence[Truth], look: Look, watch: Watch = lambda photo, found: None) -> LotMeasures:
    """Measure finding and naming of pins where the places of some are known."""
    places = known = unknown = found = found_known = first = five = confident = 0
    for truth in truths:
        photo = open_photo(truth.picture, str(truth.picture))
        pins = look(photo)
        watch(photo, pins)
        for at, entry_id in zip(pins_at(pins, truth.boxes), truth.entry_ids, strict=True):
            pin = None if at is None else pins[at]
            places, found = places + 1, found + (pin is not None)
            known, unknown = known + (entry_id is not None), unknown + (entry_id is None)
            if pin is None:
                continue
            offered = [match.entry.entry_id for match in pin.matches]
            if entry_id is None:
                confident += pin.verdict is Verdict.MATCH
            else:
                found_known += 1
                first, five = first + (entry_id in offered[:1]), five + (entry_id in offered[:5])
    return LotMeasures(
        pictures=len(truths),
        pins=places,
        places_found=found / max(1, places),
        recall_at_1=first / max(1, found_known),
        recall_at_5=five / max(1, found_known),
        end_to_end_at_1=first / max(1, known),
        wrong_confident=confident / max(1, unknown) if unknown else None,
    )


def overlaps(first: Floats, second: Floats) -> Floats:
    """Return the intersection over union of boxes (n, 4) with boxes (m, 4) of left, top, right, bottom: (n, m)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second)]
    return np.asarray(common / np.maximum(areas[0][:, None] + areas[1][None] - common, 1e-9))


def matched(likeness: Floats, least: float) -> list[tuple[int, int]]:
    """Return pairs (row, column) of at least this likeness, each used once, the most alike first."""
    likeness, pairs = likeness.copy(), []
    while likeness.size and likeness.max() >= least:
        row, column = (int(at) for at in np.unravel_index(int(np.argmax(likeness)), likeness.shape))
        likeness[row], likeness[:, column] = -1, -1
        pairs.append((row, column))
    return pairs


def bounds(pin: Recognition) -> list[float]:
    """Left, top, right, bottom of a pin's outline, or of its box where there is no outline."""
    if pin.outline is None:
        return [pin.box.left, pin.box.top, pin.box.right, pin.box.bottom]
    return [*pin.outline.min(axis=0).tolist(), *pin.outline.max(axis=0).tolist()]


def filled(polygons: Sequence[Float32], shape: tuple[int, ...]) -> Mask:
    """Fill polygons: (h, w) bool."""
    return geometry.filled(polygons, shape) > 0


def _likeness(pins: Sequence[Recognition], truth: Truth, shape: tuple[int, ...]) -> Floats:
    likeness = overlaps(np.array([bounds(pin) for pin in pins], float).reshape(-1, 4), truth.boxes)
    for column, polygons in enumerate(truth.outlines):
        if polygons is None:
            continue
        wanted = filled(polygons, shape)
        for row in np.flatnonzero(likeness[:, column] > 0).tolist():
            pin = pins[row]
            shown = filled([pin.outline if pin.outline is not None else _corners(pin.box)], shape)
            likeness[row, column] = (shown & wanted).sum() / max(1, int((shown | wanted).sum()))
    return likeness


def _corners(box: Box) -> Float32:
    places = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
    return np.array(places, np.float32)


def pins_at(pins: Sequence[Recognition], boxes: Floats) -> list[int | None]:
    """Return the number of the pin at each place, (n, 4) of left, top, right, bottom; None where none was found.

    It is the smallest whose box holds the place's centre, each pin used once.
    """
    held = [bounds(pin) for pin in pins]
    taken: set[int] = set()
    found: list[int | None] = []
    for left, top, right, bottom in boxes.tolist():
        x, y = (left + right) / 2, (top + bottom) / 2
        inside = [
            at for at, box in enumerate(held) if at not in taken and box[0] <= x < box[2] and box[1] <= y < box[3]
        ]
        best = min(inside, key=lambda at: (held[at][2] - held[at][0]) * (held[at][3] - held[at][1]), default=None)
        if best is not None:
            taken.add(best)
        found.append(best)
    return found
