"""Local features of a picture: RootSIFT keypoints inside the pin's outline.

SIFT after Lowe, "Distinctive image features from scale-invariant keypoints" (2004), from OpenCV; descriptors made
comparable as in Arandjelović and Zisserman, "Three things everyone should know to improve object retrieval" (2012).
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import Float32, Keypoints, UInt8Image
from recognizer.vision import geometry

SIDE: Final = 512
"""Long side in pixels that every picture is brought to first; small crops are enlarged, for a lot's pin of 112 px has
no octaves of its own. On `pins/` 512 found as much as 640 in two thirds of the time."""

MOST: Final = 600
"""Keypoints kept, those of strongest contrast. On `pins/` the votes of 500 to 600 were right as often as those of
1000 or more often (recall at 1: .905 and .886 against .855): weak keypoints come from cloth and grain."""

CONTRAST: Final = 0.02
"""SIFT's contrast threshold, half of OpenCV's: worn and bare metal has little contrast."""

SETTINGS: Final = f"rootsift-{SIDE}-{MOST}-{CONTRAST}"
"""What the features depend on; an index made with other settings is of no use."""

SURVEYED: Final = 176
"""Pixels that a middling pin of a lot is brought to. On `boards/`, 176 and 256 named the same share of known pins right
(.990) in 59 and 70 s of all work."""

ROOM: Final = 1_500_000
"""Pixels of a picture up to which its pins are brought to more than that, at most to `SIDE`. On 7 drawn lots of 6 large
pins it named 40 of 42 right, as looking at each crop did; without it 39."""

LARGEST: Final = 4096  # pixels of the long side of what is surveyed
MAGNIFIED: Final = 2.0  # more enlarging gives no detail: SIFT itself enlarges by two again
_TILE, _LAP = 768, 64  # pixels; a keypoint's descriptor reaches about 20 pixels around it, those of the largest more
_MARGIN: Final = 0.02  # of the long side that the outline is widened by: the rim of a pin is part of its drawing


def extract(image: UInt8Image, outline: Float32 | None = None) -> Keypoints:
    """Return the RootSIFT keypoints of an RGB image (h, w, 3), strongest first, at most `MOST`.

    Places and scales are in pixels of `image`. With an `outline` (n, 2) of x, y only keypoints inside it are kept. A
    picture without texture gives none.
    """
    height, width = image.shape[:2]
    factor = SIDE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    grey = cv2.cvtColor(cv2.resize(image, size, interpolation=interpolation), cv2.COLOR_RGB2GRAY)
    mask = None if outline is None else _inside(outline * factor, grey.shape)
    sift = cv2.SIFT_create(nfeatures=MOST, contrastThreshold=CONTRAST)  # type: ignore[attr-defined]  # not in its stubs
    found, descriptors = sift.detectAndCompute(grey, mask)
    if descriptors is None or not found:
        return none()
    # OpenCV keeps all keypoints that tie with the last one.
    found, descriptors = found[:MOST], np.asarray(descriptors[:MOST], np.float32)
    geometry = np.array([(*point.pt, point.size, point.angle) for point in found], np.float32)
    return Keypoints(
        places=geometry[:, :2] / np.float32(factor),
        scales=geometry[:, 2] / np.float32(factor),
        angles=geometry[:, 3],
        descriptors=_root(descriptors),
    )


def survey(image: UInt8Image, pin: float, most: int) -> Keypoints:
    """Return the RootSIFT keypoints of a whole picture of many pins (h, w, 3), strongest first, at most `most`, in its
    pixels.

    `pin` is how long a middling pin is in pixels; it sets the size that the picture is brought to. The picture is gone
    over in tiles, because the pyramid of a large one takes a gigabyte.
    """
    height, width = image.shape[:2]
    roomy = min(SIDE / pin, (ROOM / (height * width)) ** 0.5)
    factor = min(max(SURVEYED / pin, roomy), LARGEST / max(height, width), MAGNIFIED)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    grey = cv2.cvtColor(cv2.resize(image, size, interpolation=interpolation), cv2.COLOR_RGB2GRAY)
    # A tile may hold more than its share of the strongest, and describing keypoints takes as long as finding them.
    share = max(100, round(2 * most * (_TILE + 2 * _LAP) ** 2 / (size[0] * size[1])))
    sift = cv2.SIFT_create(nfeatures=share, contrastThreshold=CONTRAST)  # type: ignore[attr-defined]
    tiles: list[tuple[Float32, Float32]] = []
    for top in range(0, size[1], _TILE):
        for left in range(0, size[0], _TILE):
            x0, y0 = max(0, left - _LAP), max(0, top - _LAP)
            found, descriptors = sift.detectAndCompute(grey[y0 : top + _TILE + _LAP, x0 : left + _TILE + _LAP], None)
            if descriptors is None or not found:
                continue
            held = np.array([(p.pt[0] + x0, p.pt[1] + y0, p.size, p.angle, p.response) for p in found], np.float32)
            own = ((held[:, :2] >= (left, top)) & (held[:, :2] < (left + _TILE, top + _TILE))).all(axis=1)
            tiles.append((held[own], _root(np.asarray(descriptors, np.float32)[own])))
    if not tiles:
        return none()
    values = np.concatenate([held for held, _ in tiles])
    rows = np.concatenate([descriptors for _, descriptors in tiles])
    order = np.argsort(-values[:, 4], kind="stable")[:most]
    values = values[order]
    exact = np.array([size[0] / width, size[1] / height], np.float32)
    return Keypoints(
        places=np.asarray(values[:, :2] / exact, np.float32),
        scales=np.asarray(values[:, 2] / factor, np.float32),
        angles=values[:, 3],
        descriptors=rows[order],
    )


def inside(points: Keypoints, outline: Float32, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return which keypoints of a picture of this shape lie inside an outline (n, 2), the strongest `MOST` of them."""
    (left, top), (right, bottom) = np.floor(outline.min(axis=0)).astype(int), np.ceil(outline.max(axis=0)).astype(int)
    reach = 2 + round(_MARGIN * max(right - left, bottom - top))
    corner = np.array([left - reach, top - reach])
    size = (int(bottom - top) + 2 * reach, int(right - left) + 2 * reach)
    mask = _inside(np.asarray(outline - corner, np.float32), size)
    cells = np.round(points.places - corner).astype(np.intp)
    near = ((cells >= 0) & (cells < size[::-1])).all(axis=1) & (points.places < shape[1::-1]).all(axis=1)
    rows = np.flatnonzero(near)
    chosen: NDArray[np.intp] = rows[mask[cells[rows, 1], cells[rows, 0]] > 0][:MOST]
    return chosen


def none() -> Keypoints:
    """Return the keypoints of a picture that has none."""
    empty = np.zeros(0, np.float32)
    return Keypoints(np.zeros((0, 2), np.float32), empty, empty, np.zeros((0, 128), np.float32))


def _root(descriptors: Float32) -> Float32:
    """Square root of the L1-normalised rows: unit rows whose dot product is the Hellinger kernel of the histograms."""
    total: Float32 = np.maximum(descriptors.sum(axis=1, keepdims=True), np.float32(1e-9))
    rows: Float32 = np.sqrt(descriptors / total)
    return rows


def _inside(outline: Float32, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    mask = geometry.filled(outline, shape) * np.uint8(255)
    reach = round(_MARGIN * max(shape[:2]))
    return np.asarray(cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)), np.uint8)
