"""Measures the finding of pins on real photos that never train anything.

Run as `python -m training.measure_outlines FOLDER`, where the folder holds `coins/coco.json` (COCO boxes),
`boards/lots.csv` (places), `pins/queries.csv` (one pin a photo) and `cutouts/*.png` (pins with alpha, laid out here on
photographed grounds: the free parts of the coin photos). The same cut-outs are packed into dense boards (`dense`), and
`sweep` tells how the figures move with the size of the picture and with a white margin around it. The parts are chosen
by options, so that one of them takes a minute or two.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
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
from training.pictures.dense_boards import dense_board

Find = Callable[[UInt8Image], list[Outline]]
Figures = dict[str, float]
COUNTS, GAPS, SIDES = (20, 60, 130, 250), (0.0, 0.03, 0.1), (1200, 1600, 3400)
"""Dense boards: pins on one, free ground between them as a share of a pin, and pixels of the picture's side."""
FACTORS = (0.5, 0.75, 1.0, 1.5, 2.0)
SWEPT = ("coins", "boards", "dense")
MARGIN = 0.5  # of the picture, white, added on all sides together


@dataclass(frozen=True, slots=True)
class View:
    """Another size of a picture, `factor` times its own, and a white margin, a share of its sides, around it."""

    factor: float = 1.0
    margin: float = 0.0

    def of(self, image: UInt8Image) -> UInt8Image:
        """Return the picture (h, w, 3) so."""
        way = cv2.INTER_AREA if self.factor < 1 else cv2.INTER_CUBIC
        if self.factor != 1:
            image = np.asarray(cv2.resize(image, None, fx=self.factor, fy=self.factor, interpolation=way), np.uint8)
        if not self.margin:
            return image
        y, x = self._rim(image.shape)
        padded = cv2.copyMakeBorder(image, y, y, x, x, cv2.BORDER_CONSTANT, value=(255, 255, 255))
        return np.asarray(padded, np.uint8)

    def places(self, places: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return places (n, 2 or 4) of x, y on a picture of `shape` as they lie on this view of it."""
        y, x = self._rim(tuple(round(side * self.factor) for side in shape[:2]))
        return places * self.factor + np.tile((x, y), places.shape[1] // 2) if self.margin else places * self.factor

    def _rim(self, shape: tuple[int, ...]) -> tuple[int, int]:
        return round(shape[0] * self.margin / 2), round(shape[1] * self.margin / 2)


AS_IT_IS = View()


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


def on_coins(folder: Path, find: Find, draw: Path | None = None, view: View = AS_IT_IS) -> Figures:
    """Measure boxes against `coco.json` at IoU 0.5.

    The boxes of one picture are all of one size there, so that a small coin, outlined exactly, overlaps its own by
    less than a half: `f1_at_their_size` takes every find at that size and thus tells where coins were found alone.
    """
    coco = json.loads((folder / "coco.json").read_text(encoding="utf-8"))
    right = placed = found = wanted = 0
    errors = []
    for entry in coco["images"]:
        rows = [row["bbox"] for row in coco["annotations"] if row["image_id"] == entry["id"]]
        truth = np.array([[x, y, x + w, y + h] for x, y, w, h in rows], float).reshape(-1, 4)
        image = read(folder / entry["file_name"])
        truth, image = view.places(truth, image.shape), view.of(image)
        outlines = find(image)
        _draw(draw, "coins-" + Path(entry["file_name"]).stem, image, outlines)
        boxes = boxes_of(outlines)
        right += len(matched(overlaps(boxes, truth), 0.5))
        placed += len(matched(overlaps(_resized(boxes, np.median(truth[:, 2:] - truth[:, :2], axis=0)), truth), 0.5))
        found, wanted = found + len(outlines), wanted + len(truth)
        errors.append(abs(len(outlines) - len(truth)) / max(1, len(truth)))
    at_their_size = f1(placed, found, wanted)["f1"]
    return {**f1(right, found, wanted), "f1_at_their_size": at_their_size, "count_error": float(np.mean(errors))}


def on_boards(folder: Path, find: Find, draw: Path | None = None, view: View = AS_IT_IS) -> Figures:
    """Measure how many places of `lots.csv` lie with their centre in a box of their own."""
    hits = total = 0
    for name, rows in grouped(folder / "lots.csv"):
        original = read(folder / name)
        image = view.of(original)
        outlines = find(image)
        _draw(draw, "boards-" + Path(name).stem, image, outlines)
        taken: set[int] = set()
        for row in rows:
            middle = [(float(row["left"]) + float(row["right"])) / 2, (float(row["top"]) + float(row["bottom"])) / 2]
            x, y = view.places(np.array([middle]), original.shape)[0].tolist()
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


def on_dense(
    pins: Sequence[UInt8Image],
    papers: Sequence[UInt8Image],
    find: Find,
    board: tuple[int, float, int],
    draw: Path | None = None,
    view: View = AS_IT_IS,
    boards: int = 2,
) -> Figures:
    """Pack cut-outs into full boards of (pins, gap, side); masks at IoU 0.7, and the pins found against the true."""
    count, gap, side = board
    right = found = wanted = 0
    errors, seconds = [], 0.0
    for number in range(boards):
        paper = free_ground(papers[(7 * number + count) % len(papers)], side)
        image, ids = dense_board(pins, paper, np.random.default_rng((number, count)), count, gap)
        if view != AS_IT_IS:
            image = view.of(image)
            places = view.places(np.array([[0.0, 0.0]]), ids.shape)[0]
            turn = np.array([[view.factor, 0, places[0]], [0, view.factor, places[1]]])
            size = (image.shape[1], image.shape[0])
            ids = np.asarray(cv2.warpAffine(ids.astype(np.int16), turn, size, flags=cv2.INTER_NEAREST), np.int32)
        began = time.perf_counter()
        outlines = find(image)
        seconds += time.perf_counter() - began
        _draw(draw, f"dense-{count}-{gap:g}-{side}-{view.factor:g}-{view.margin:g}-{number}", image, outlines)
        right += len(matched(likeness(outlines, ids), 0.7))
        found, wanted = found + len(outlines), wanted + count
        errors.append(abs(len(outlines) - count) / count)
    return {**f1(right, found, wanted), "count_error": float(np.mean(errors)), "seconds_a_board": seconds / boards}


def likeness(outlines: Sequence[Outline], ids: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the intersection over union of outlines with the pins 1... of an id map (h, w): (n, pins)."""
    areas = np.bincount(ids.ravel())
    out = np.zeros((len(outlines), len(areas) - 1))
    for row, one in enumerate(outlines):
        left, top = np.floor(one.contour.min(axis=0)).astype(int).clip(0)
        right, bottom = np.ceil(one.contour.max(axis=0)).astype(int) + 1
        part = ids[top:bottom, left:right]
        mask: UInt8Image = np.zeros(part.shape, np.uint8)
        cv2.fillPoly(mask, [np.round(one.contour - (left, top)).astype(np.int32)], 1)
        both = np.bincount(part[mask > 0], minlength=len(areas))[1:]
        out[row] = both / np.maximum(1, areas[1:] + int(mask.sum()) - both)
    return out


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
    contour = crop.on_photo(crop.outline)
    (left, top), (right, bottom) = np.floor(contour.min(axis=0)), np.ceil(contour.max(axis=0))
    box = Box(int(left), int(top), int(right), int(bottom))
    return Outline(contour, box, crop.on_photo(crop.rectangle), crop.score)


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option("--model", type=click.Path(path_type=Path), help="Folder of the network; the shipped one by default.")
@click.option("--closer", type=click.Path(path_type=Path), help="Folder of the network of the closer looks.")
@click.option("--draw", type=click.Path(path_type=Path), help="Folder for the pictures with their outlines.")
@click.option("--only", multiple=True, type=click.Choice(["coins", "boards", "pins", "cutouts", "dense", "sweep"]))
@click.option("--count", "counts", multiple=True, type=int, default=COUNTS, help="Pins on a dense board.")
@click.option("--gap", "gaps", multiple=True, type=float, default=GAPS, help="Between them, as a share of a pin.")
@click.option("--side", "sides", multiple=True, type=int, default=SIDES, help="Pixels of its picture.")
@click.option("--boards", default=2, show_default=True, help="Dense boards of each kind.")
@click.option("--sweep", "swept", multiple=True, type=click.Choice(SWEPT), default=SWEPT, help="Sets to sweep.")
def main(
    data: Path,
    model: Path | None,
    closer: Path | None,
    draw: Path | None,
    only: tuple[str, ...],
    counts: tuple[int, ...],
    gaps: tuple[float, ...],
    sides: tuple[int, ...],
    boards: int,
    swept: tuple[str, ...],
) -> None:
    """Print precision, recall and counts on the real photos in DATA, as JSON lines."""
    torch.set_num_threads(1)
    find = finder(Outliner.load(model, closer))
    photos = sorted((data / "coins" / "photos").glob("*"))
    pins = [np.array(Image.open(file).convert("RGBA")) for file in sorted((data / "cutouts").glob("*.png"))]
    papers = [read(file) for file in photos]

    def dense(board: tuple[int, float, int], view: View = AS_IT_IS) -> Figures:
        return on_dense(pins, papers, find, board, draw, view, boards)

    ways: dict[str, Callable[[View], Figures]] = {
        "coins": lambda view: on_coins(data / "coins", find, draw, view),
        "boards": lambda view: on_boards(data / "boards", find, draw, view),
        "cutouts": lambda view: on_cutouts(data / "cutouts", photos, find, draw=draw),
        "pins": lambda view: on_pins(data / "pins", find, draw),
        "dense": lambda view: dense((130, 0.03, 1600), view),
    }
    parts = only or (*ways, "sweep")
    for name in parts:
        if name == "dense":
            for board in product(counts, gaps, sides):
                about = {"pins": board[0], "gap": board[1], "side": board[2]}
                _print({"set": "dense", **about}, partial(dense, board))
        elif name == "sweep":
            for one, view in product(swept, (*(View(factor) for factor in FACTORS), View(1.0, MARGIN))):
                about = {"factor": view.factor, "margin": view.margin}
                _print({"set": one, **about}, partial(ways[one], view))
        else:
            _print({"set": name}, partial(ways[name], AS_IT_IS))


def _print(about: dict[str, str | float], measure: Callable[[], Figures]) -> None:
    began = time.perf_counter()
    rounded = {key: round(value, 4) for key, value in measure().items()}
    print(json.dumps({**about, **rounded, "seconds": round(time.perf_counter() - began, 1)}), flush=True)


if __name__ == "__main__":
    main()
