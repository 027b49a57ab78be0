"""Two photos glued into one picture, side by side or one below another: a pin's face and its back, as sellers do it.

Where two photos meet, the picture changes all along a straight line from edge to edge. Whether they show one pin from
both sides is told by its silhouette, which the back has mirrored, and by the colours, which it has not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import Box, Crop, Float32, Photo, UInt8Image
from recognizer.vision import crops, geometry

SIDE: Final = 320
"""Pixels of the picture's long side at which a seam is looked for."""

STEP: Final = 10.0
"""How far the values beside a seam must differ, of 255; SHARE of the places along it must differ so. All of 60 drawn
pairs have a seam, and one of 150 drawn photos of one pin, on striped cloth."""

SHARE: Final = 0.8
LASTING: Final = 0.6
"""Share of the places along it whose surroundings must differ, by half as much."""

MIDDLE: Final = (0.25, 0.75)
"""Where on the picture photos of about one size meet, as shares of its side."""

MIRRORED: Final = 0.78
"""Least intersection over union of one silhouette with the other one mirrored, turned and brought to its size. Of 55
drawn pairs all but one have more, and so have most pins of another: this only keeps out what is no pin."""

BARE: Final = 0.33
"""How colourful the back may be, as a share of the face. Of 55 drawn pairs 51 have less, of 30 of two faces two."""

_BESIDE: Final = 4  # columns of the small picture on either side of a seam that are compared
_SMOOTH: Final = 9  # places along a seam that are taken together, so that cloth has none
_TURNS: Final = 72
_GRID: Final = 64  # pixels of the square in which silhouettes are compared


@dataclass(frozen=True, slots=True)
class Seam:
    """Where two photos meet: at `place` pixels from the left, or where it is `level` from the top."""

    place: int
    level: bool


def seam(image: UInt8Image) -> Seam | None:
    """Return where an RGB picture (h, w, 3) is glued of two, None where it is one photo."""
    factor = min(1.0, SIDE / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA).astype(np.float32)
    best: tuple[float, Seam] | None = None
    for level in (False, True):
        values = np.asarray(small.transpose(1, 0, 2) if level else small, np.float32)
        found = _step(values)
        if found is not None and (best is None or found[1] > best[0]):
            best = found[1], Seam(round(found[0] / factor), level)
    return _exactly(image, best[1], factor) if best else None


def _exactly(image: UInt8Image, at: Seam, factor: float) -> Seam:
    """The seam to the pixel: where the most places along it change, around where the small picture shows it."""
    values = image.transpose(1, 0, 2) if at.level else image
    reach = round(2 / factor) + 2
    start = max(0, at.place - reach)
    along = cv2.blur(values[:, start : at.place + reach].astype(np.float32), (1, _SMOOTH))
    steps = np.abs(np.diff(along, axis=1)).max(axis=2).mean(axis=0)
    return replace(at, place=start + int(np.argmax(steps)) + 1)


def _step(values: Float32) -> tuple[int, float] | None:
    """The column of (h, w, 3) at which the picture changes all along, and at what share of its height."""
    along = cv2.blur(values, (1, _SMOOTH))
    width = along.shape[1]
    # a seam is as sharp as the picture can be: it is over within two columns, and smaller on either side
    steps = np.abs(along[:, 2:] - along[:, :-2]).max(axis=2)
    # and a line, after which the picture is what it was before, is no seam
    wide = np.pad(np.cumsum(along, axis=1), ((0, 0), (1, 0), (0, 0)))
    means = (wide[:, _BESIDE:] - wide[:, :-_BESIDE]) / _BESIDE
    apart = np.zeros_like(steps)
    beyond = np.abs(means[:, _BESIDE + 1 :] - means[:, : -_BESIDE - 1]).max(axis=2)
    apart[:, _BESIDE - 1 : _BESIDE - 1 + beyond.shape[1]] = beyond
    shares = np.minimum((steps > STEP).mean(axis=0), (apart > STEP / 2).mean(axis=0) * SHARE / LASTING)
    first, last = (round(share * width) for share in MIDDLE)
    if last - first < 3:
        return None
    at = first + int(np.argmax(shares[first:last]))
    beside = np.concatenate([shares[max(0, at - 12) : max(0, at - 3)], shares[at + 4 : at + 13]])
    if shares[at] < SHARE or (len(beside) and float(np.median(beside)) > SHARE / 2):
        return None
    # rows of pins and words end before the picture does
    edge = max(1, len(steps) // 10)
    if min((part > STEP).mean() for part in (steps[:edge, at], steps[-edge:, at])) < SHARE / 2:
        return None
    return at + 1, float(shares[at])


def parted(photo: Photo, at: Seam) -> tuple[Crop, Crop] | None:
    """Return the pins of the two photos that meet at a seam, boxes on the whole picture; None where one has none."""
    height, width = photo.image.shape[:2]
    if at.level:
        boxes = (Box(0, 0, width, at.place), Box(0, at.place, width, height))
    else:
        boxes = (Box(0, 0, at.place, height), Box(at.place, 0, width, height))
    found = []
    for box in boxes:
        image = np.ascontiguousarray(photo.image[box.top : box.bottom, box.left : box.right])
        crop = crops.single(Photo(image, photo.sha256, photo.source))
        if crop.outline is None:
            return None
        own = crop.box
        moved = Box(own.left + box.left, own.top + box.top, own.right + box.left, own.bottom + box.top)
        found.append(replace(crop, box=moved))
    return found[0], found[1]


def face_with_back(first: Crop, second: Crop) -> Crop | None:
    """Return the crop of the face with that of its back, where two crops show one pin from both sides; else None."""
    if first.outline is None or second.outline is None:
        return None
    if mirrored(first.outline, second.outline) < MIRRORED:
        return None
    face, back = sorted((first, second), key=_colourful, reverse=True)
    return replace(face, back=back) if _colourful(back) < BARE * _colourful(face) else None


def mirrored(first: Float32, second: Float32) -> float:
    """Return how well one outline (n, 2) fits the mirror image of another, whatever way either is turned: 0 to 1."""
    one, other = _standing(first), _standing(second * np.array([-1, 1], np.float32))
    still = _filled(one)
    turns = np.linspace(0, 2 * np.pi, _TURNS, endpoint=False)
    best = 0.0
    for turn in turns.tolist():
        cos, sin = np.cos(turn), np.sin(turn)
        turned = _filled(other @ np.array([[cos, sin], [-sin, cos]]))
        best = max(best, float((still & turned).sum() / max(1, (still | turned).sum())))
    return best


def _standing(outline: Float32) -> NDArray[np.float64]:
    """An outline around its own middle, brought to an area of one."""
    moments = cv2.moments(outline.astype(np.float32))
    area = max(abs(moments["m00"]), 1e-6)
    middle = np.array([moments["m10"], moments["m01"]]) / moments["m00"] if moments["m00"] else outline.mean(axis=0)
    return np.asarray((outline - middle) / np.sqrt(area), np.float64)


def _filled(outline: NDArray[np.float64]) -> NDArray[np.bool_]:
    """An outline of about unit size as a mask."""
    places = (outline * (_GRID / 3.2) + _GRID / 2).astype(np.float32)
    return geometry.filled(places, (_GRID, _GRID)) > 0


def _colourful(crop: Crop) -> float:
    """How far the colours of a pin are apart: the back of one is bare metal."""
    assert crop.outline is not None
    inside = geometry.filled(crop.outline, crop.image.shape[:2]) > 0
    lab = cv2.cvtColor(crop.image, cv2.COLOR_RGB2LAB)[inside].astype(np.float32)
    return float(lab[:, 1:].std(axis=0).sum() + 0.2 * lab[:, 0].std()) if len(lab) else 0.0
