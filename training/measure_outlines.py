"""Measures the finding of pins on real photos that never train anything.

Run as `python -m training.measure_outlines FOLDER`, where the folder holds `coins/coco.json` (COCO boxes),
`boards/lots.csv` (places), `pins/queries.csv` (one pin a photo) and `cutouts/*.png` (pins with alpha, laid out here on
photographed grounds: the free parts of the coin photos).
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from recognizer.measuring.lot_measures import matched, overlaps
from recognizer.types import Box, Crop, Mask, Photo, UInt8Image
from recognizer.vision.crops import split
from recognizer.vision.outlines import Outline, Outliner

Find = Callable[[UInt8Image], list[Outline]]
Figures = dict[str, float]


def finder(outliner: Outliner) -> Find:
    """Return what finds the pins on a photo (h, w, 3) by their outlines alone."""

    def find(image: UInt8Image) -> list[Outline]:
        return [found for crop in split(Photo(image, "", ""), outliner) if (found := _outline(crop)) is not None]

    return find


def f1(right: int, found: int, wanted: int) -> Figures:
    """Return precision, recall and F1 of so many right ones among the found and the wanted."""
    return {
        "precision": right / max(1, found),
        "recall": right / max(1, wanted),
        "f1": 2 * right / max(1, found + wanted),
    }


def on_coins(folder: Path, find: Find, draw: Path | None = None) -> Figures:
    """Measure boxes against `coco.json` at IoU 0.5.

    The boxes of one picture are all of one size there, so that a small coin, outlined exactly, overlaps its own by
    less than a half: `f1_at_their_size` takes every find at that size and thus tells where coins were found alone.
    """
    coco = json.loads((folder / "coco.json").read_text(encoding="utf-8"))
    right = placed = found = wanted = 0
    for entry in coco["images"]:
        rows = [row["bbox"] for row in coco["annotations"] if row["image_id"] == entry["id"]]
        truth = np.array([[x, y, x + w, y + h] for x, y, w, h in rows], float).reshape(-1, 4)
        image = read(folder / entry["file_name"])
        outlines = find(image)
        _draw(draw, "coins-" + Path(entry["file_name"]).stem, image, outlines)
        boxes = boxes_of(outlines)
        right += len(matched(overlaps(boxes, truth), 0.5))
        placed += len(matched(overlaps(_resized(boxes, np.median(truth[:, 2:] - truth[:, :2], axis=0)), truth), 0.5))
        found, wanted = found + len(outlines), wanted + len(truth)
    return {**f1(right, found, wanted), "f1_at_their_size": f1(placed, found, wanted)["f1"]}


def on_boards(folder: Path, find: Find, draw: Path | None = None) -> Figures:
    """Measure how many places of `lots.csv` lie with their centre in a box of their own."""
    hits = total = 0
    for name, rows in grouped(folder / "lots.csv"):
        image = read(folder / name)
        outlines = find(image)
        _draw(draw, "boards-" + Path(name).stem, image, outlines)
        taken: set[int] = set()
        for row in rows:
            x = (float(row["left"]) + float(row["right"])) / 2
            y = (float(row["top"]) + float(row["bottom"])) / 2
            inside = [
                index
                for index, one in enumerate(outlines)
                if index not in taken and one.box.left <= x < one.box.right and one.box.top <= y < one.box.bottom
            ]
            if inside:
                taken.add(min(inside, key=lambda index: outlines[index].box.width * outlines[index].box.height))
            hits, total = hits + bool(inside), total + 1
    return {"places_found": hits / max(1, total)}


def on_pins(folder: Path, find: Find, draw: Path | None = None) -> Figures:
    """Measure on how many photos of `queries.csv` there is exactly one pin, none, or several."""
    counts = []
    for name, _ in grouped(folder / "queries.csv"):
        image = read(folder / name)
        outlines = find(image)
        counts.append(len(outlines))
        if len(outlines) != 1:
            _draw(draw, f"pins-{len(outlines)}-{Path(name).stem}", image, outlines)
    numbers = np.array(counts)
    return {
        "one": float((numbers == 1).mean()),
        "none": float((numbers == 0).mean()),
        "more": float((numbers > 1).mean()),
    }


def on_cutouts(folder: Path, grounds: Iterable[Path], find: Find, lots: int = 12, draw: Path | None = None) -> Figures:
    """Lay out the cut-out pins on the given photographs, 10 to 60 a lot and a third touching; masks at IoU 0.7."""
    pins = [np.array(Image.open(file).convert("RGBA")) for file in sorted(folder.glob("*.png"))]
    rng, right, found, wanted = np.random.default_rng(0), 0, 0, 0
    papers = [free_ground(read(file)) for file in sorted(grounds)]
    for lot in range(lots):
        image, masks = laid_out(pins, papers[lot % len(papers)], rng, int(rng.integers(10, 61)), lot % 3 == 0)
        outlines = find(image)
        _draw(draw, f"cutouts-{lot}", image, outlines)
        shown = [mask_of(outline, image.shape[:2]) for outline in outlines]
        likeness = np.zeros((len(shown), len(masks)))
        for row, one in enumerate(shown):
            for column, other in enumerate(masks):
                likeness[row, column] = (one & other).sum() / max(1, (one | other).sum())
        right += len(matched(likeness, 0.7))
        found, wanted = found + len(shown), wanted + len(masks)
    return f1(right, found, wanted)


def free_ground(photo: UInt8Image, side: int = 1200) -> UInt8Image:
    """Return a square of a photo's margin, mirrored to `side`: the corner that differs least within itself."""
    reach = min(photo.shape[:2]) // 6
    corners = [photo[:reach, :reach], photo[:reach, -reach:], photo[-reach:, :reach], photo[-reach:, -reach:]]
    calm = min(corners, key=lambda corner: float(corner.std()))
    times = -(-side // reach)
    row = np.hstack([calm if index % 2 == 0 else calm[:, ::-1] for index in range(times)])
    whole = np.vstack([row if index % 2 == 0 else row[::-1] for index in range(times)])
    return np.ascontiguousarray(whole[:side, :side])


def laid_out(
    pins: list[UInt8Image], paper: UInt8Image, rng: np.random.Generator, count: int, touching: bool
) -> tuple[UInt8Image, list[Mask]]:
    """Lay `count` cut-outs on a ground, turned at will, close together when `touching`; returns the exact masks too."""
    field, taken = paper.astype(np.float32), np.zeros(paper.shape[:2], bool)
    masks: list[Mask] = []
    extent = np.sqrt(paper.shape[0] * paper.shape[1] / count) * 0.62
    for _ in range(count):
        pin = pins[int(rng.integers(len(pins)))]
        scale = extent * rng.uniform(0.8, 1.15) / max(pin.shape[:2])
        reach = int(max(pin.shape[:2]) * scale * 0.75) + 2
        turn = cv2.getRotationMatrix2D((pin.shape[1] / 2, pin.shape[0] / 2), rng.uniform(-180, 180), scale)
        turn[:, 2] += (reach - pin.shape[1] / 2, reach - pin.shape[0] / 2)
        small = cv2.GaussianBlur(pin, (0, 0), max(0.01, 0.35 / scale)) if scale < 0.7 else pin
        patch = cv2.warpAffine(small, turn, (2 * reach, 2 * reach)).astype(np.float32)
        solid = patch[:, :, 3] > 127
        tries = [rng.integers(0, np.array(paper.shape[1::-1]) - 2 * reach) for _ in range(60)]
        if touching and masks:  # the free place that is nearest to the others
            centre = np.argwhere(taken).mean(axis=0)[::-1] - reach
            tries.sort(key=lambda place: float(np.linalg.norm(place - centre)))
        for x, y in tries:
            part = np.s_[y : y + 2 * reach, x : x + 2 * reach]
            near = solid if touching else cv2.dilate(solid.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
            if not (taken[part] & near).any():
                shade = cv2.GaussianBlur(patch[:, :, 3:] / 255, (0, 0), 3)[:, :, None]
                weight = patch[:, :, 3:] / 255
                field[part] = (field[part] * (1 - 0.4 * shade)) * (1 - weight) + patch[:, :, :3] * weight
                mask = np.zeros_like(taken)
                mask[part] = solid
                taken |= mask
                masks.append(mask)
                break
    return np.clip(field, 0, 255).astype(np.uint8), masks


def mask_of(outline: Outline, shape: tuple[int, ...]) -> Mask:
    """Fill an outline: (h, w) bool."""
    filled = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(filled, [np.round(outline.contour).astype(np.int32)], 1)
    return filled > 0


def boxes_of(outlines: list[Outline]) -> NDArray[np.float64]:
    """Return the boxes as (n, 4) left, top, right, bottom."""
    rows = [[one.box.left, one.box.top, one.box.right, one.box.bottom] for one in outlines]
    return np.array(rows, float).reshape(-1, 4)


def _resized(boxes: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.hstack([middles - size / 2, middles + size / 2])


def grouped(table: Path) -> list[tuple[str, list[dict[str, str]]]]:
    """Read a CSV and group its rows by `image`, in file order."""
    groups: dict[str, list[dict[str, str]]] = {}
    with table.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            groups.setdefault(row["image"], []).append(row)
    return list(groups.items())


def read(file: Path) -> UInt8Image:
    """Read a photo as RGB uint8, upright."""
    return np.ascontiguousarray(np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1])


def _draw(folder: Path | None, name: str, image: UInt8Image, outlines: list[Outline]) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    shown = np.ascontiguousarray(image[:, :, ::-1])
    for number, outline in enumerate(outlines, 1):
        thick = max(2, max(image.shape) // 300)
        cv2.polylines(shown, [np.round(outline.contour).astype(np.int32)], True, (0, 255, 0), thick)
        place = (outline.box.left, outline.box.top + 12)
        cv2.putText(shown, f"{number} {outline.score:.2f}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 255), 1)
    scale = min(1.0, 900 / max(image.shape))
    cv2.imwrite(str(folder / f"{name}.jpg"), cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _outline(crop: Crop) -> Outline | None:
    """The crop as an outline in pixels of its photo, None for a whole photo in which nothing was found."""
    if crop.outline is None or crop.rectangle is None:
        return None
    corner = np.array([crop.box.left, crop.box.top], np.float32)
    contour = crop.outline + corner
    (left, top), (right, bottom) = np.floor(contour.min(axis=0)), np.ceil(contour.max(axis=0))
    box = Box(int(left), int(top), int(right), int(bottom))
    return Outline(contour, box, crop.rectangle + corner, crop.score)


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option("--model", type=click.Path(path_type=Path), help="Folder of the network; the shipped one by default.")
@click.option("--draw", type=click.Path(path_type=Path), help="Folder for the pictures with their outlines.")
@click.option("--only", multiple=True, type=click.Choice(["coins", "boards", "pins", "cutouts"]))
def main(data: Path, model: Path | None, draw: Path | None, only: tuple[str, ...]) -> None:
    """Print precision, recall and counts on the real photos in DATA, as JSON lines."""
    torch.set_num_threads(1)
    find = finder(Outliner.load(model))
    ways: dict[str, Callable[[], Figures]] = {
        "coins": lambda: on_coins(data / "coins", find, draw),
        "boards": lambda: on_boards(data / "boards", find, draw),
        "cutouts": lambda: on_cutouts(data / "cutouts", (data / "coins" / "photos").glob("*"), find, draw=draw),
        "pins": lambda: on_pins(data / "pins", find, draw),
    }
    for name in only or tuple(ways):
        began = time.perf_counter()
        figures = ways[name]()
        rounded = {key: round(value, 4) for key, value in figures.items()}
        print(json.dumps({"set": name, **rounded, "seconds": round(time.perf_counter() - began, 1)}), flush=True)


if __name__ == "__main__":
    main()
