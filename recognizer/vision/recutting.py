"""Outlines that a person changes: one pin parted into several, several joined into one, a new one drawn by hand.

Places are (n, 2) float32 of x, y in pixels of the photo, as in `types.Crop.on_photo`. What a person asks for is done
as far as it can be; what cannot be is refused by a ZnachkiError that says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.errors import ZnachkiError
from recognizer.types import Box, Crop, Float32, Photo, UInt8Image
from recognizer.vision import crops, geometry, outlines

MOST_PARTS: Final = 30
"""Parts that one outline may be asked to fall into."""

_DEPTHS: Final = (0.5, 0.4, 0.3, 0.2, 0.14, 0.1, 0.07, 0.05, 0.03, 0.02)
"""Depths of the valleys between parts that are tried, see `outlines.labelled`; the first that gives enough is taken."""

_LONG: Final = 600.0  # pixels of the long side at which outlines are laid over each other
_SCRAP: Final = 0.02  # of the outline: pieces that small are left out
_BRIDGED: Final = 0.06  # of the long side: gaps between joined outlines that are closed along their rims
_FAINT: Final = 0.5  # of a drawn box: what the network finds in it must fill so much to be taken for the pin
_SMALLEST: Final = 6  # pixels that an outline must measure both ways


def recut(photo: Photo, places: Sequence[Float32]) -> list[Crop]:
    """Cut pins out of a photo of several along these outlines, from as large a picture as they ask for.

    A person says that they are pins: each has a score of 1.
    """
    sheet = crops.Sheet(photo)
    crops.fit(sheet, [max(1.0, float(np.ptp(one, axis=0).max())) for one in places])
    return [sheet.cut(one, 1.0) for one in places]


def parted(photo: Photo, outline: Float32, count: int, outliner: outlines.Outliner | None = None) -> list[Float32]:
    """Part one outline into `count` where the network sees the deepest valleys, in reading order.

    Where it sees too few, the outline is parted into regions about as large as each other. Raises ZnachkiError where
    `count` is out of range or the outline too small.
    """
    if not 2 <= count <= MOST_PARTS:
        raise ZnachkiError(f"{count} parts: give a number from 2 to {MOST_PARTS}")
    corner, size = _frame(outline, photo)
    large = crops.Sheet(photo).larger(outlines.PIN_SIDE / max(1.0, max(size) / np.sqrt(count)))
    scale = large.shape[1] / photo.image.shape[1]
    start, end = np.floor(corner * scale).astype(int), np.ceil((corner + size) * scale).astype(int)
    view = np.ascontiguousarray(large[start[1] : end[1], start[0] : end[0]])
    own = (outline * np.float32(scale) - start).astype(np.float32)
    area = float(cv2.contourArea(own))
    if area < count * _SMALLEST**2:
        raise ZnachkiError("this outline is too small to be parted so often")
    network = outliner or crops.shipped()
    maps = network.maps(view, outlines.PIN_SIDE / float(np.sqrt(area / count)), network.closer)
    cells = np.array([maps.shape[2] / view.shape[1], maps.shape[1] / view.shape[0]], np.float32)
    mask = geometry.filled(own * cells, maps.shape[1:])
    # three times as large, because a contour runs through the centres of the outermost cells
    labels = cv2.resize(_labels(maps, mask, count).astype(np.uint8), None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    found = _contours(np.asarray(labels, np.int32), 0)
    return _ordered([((one + 0.5) / 3 / cells + start) / np.float32(scale) for one in found])


def _labels(maps: Float32, mask: UInt8Image, count: int) -> NDArray[np.int32]:
    """Number `count` parts of the mask (h, w) by what the maps (3, h, w) show of it."""
    inside = maps.copy()
    inside[0] = mask
    inside[1:] *= mask
    for depth in _DEPTHS:
        labels = _merged(outlines.labelled(inside, depth=depth), count)
        if int(labels.max()) == count:
            return labels
    return _spread(mask, count)


def _merged(labels: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Give the smallest part to the neighbour that it has most rim with, until `count` are left; numbers 1 to n."""
    while len(parts := [int(one) for one in np.unique(labels) if one]) > count:
        smallest = min(parts, key=lambda one: int((labels == one).sum()))
        piece = labels == smallest
        rim = (cv2.dilate(piece.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~piece & (labels > 0)
        beside = np.bincount(labels[rim]) if rim.any() else np.zeros(1, np.int64)
        labels = np.where(piece, int(beside.argmax()) if beside.any() else 0, labels).astype(np.int32)
    return np.searchsorted([0, *parts], labels).astype(np.int32)


def _spread(mask: UInt8Image, count: int) -> NDArray[np.int32]:
    """Number `count` regions of a mask (h, w), each nearest to its own middle, from a start along the long axis."""
    rows, columns = np.nonzero(mask)
    places = np.stack([columns, rows], axis=1).astype(np.float32)
    along = places @ np.linalg.eigh(np.cov((places - places.mean(axis=0)).T))[1][:, 1].astype(np.float32)
    begun = np.empty((len(places), 1), np.int32)
    begun[np.argsort(along, kind="stable"), 0] = np.arange(len(places)) * count // len(places)
    ends = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 60, 0.1)
    _, found, _ = cv2.kmeans(places, count, begun, ends, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    labels = np.zeros(mask.shape, np.int32)
    labels[rows, columns] = found[:, 0] + 1
    return labels


def cut(outline: Float32, start: tuple[float, float], end: tuple[float, float]) -> list[Float32]:
    """Cut an outline along the straight line through two places, in reading order.

    Raises ZnachkiError where the line leaves all of it on one side.
    """
    (x, y), across, down = start, end[0] - start[0], end[1] - start[1]
    if abs(across) + abs(down) < 1:
        raise ZnachkiError("the line is too short to say which way it runs; draw it across the pin")
    corner, factor, mask = _raster([outline])
    rows, columns = np.indices(mask.shape)
    side = (columns / factor + corner[0] - x) * down - (rows / factor + corner[1] - y) * across
    labels = np.zeros(mask.shape, np.int32)
    for half in (side < 0, side >= 0):
        _, pieces = cv2.connectedComponents(mask * half.astype(np.uint8))
        labels += np.where(pieces > 0, pieces + labels.max(), 0).astype(np.int32)
    found = _contours(labels, _SCRAP * float(mask.sum()))
    if len(found) < 2:
        raise ZnachkiError("the line does not cross this pin; draw it from one side to the other")
    return _ordered([one / np.float32(factor) + corner for one in found])


def joined(several: Sequence[Float32]) -> Float32:
    """Join outlines into one: their union where they touch or nearly do, else what a thread around them holds."""
    corner, factor, mask = _raster(several)
    reach = round(_BRIDGED * _LONG) | 1
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    wide = cv2.copyMakeBorder(mask, reach, reach, reach, reach, cv2.BORDER_CONSTANT)
    closed = np.asarray(cv2.morphologyEx(wide, cv2.MORPH_CLOSE, brush), np.int32)[reach:-reach, reach:-reach]
    count, _ = cv2.connectedComponents(closed.astype(np.uint8))
    if count > 2:
        return geometry.hull(np.concatenate(several).astype(np.float32))
    return np.asarray(_contours(closed, 0)[0] / np.float32(factor) + corner, np.float32)


def drawn(photo: Photo, corners: Sequence[tuple[float, float]], *, box: bool = False) -> Float32:
    """Return the outline of a pin that was drawn by hand: the polygon itself, or of a box the pin that is seen in it.

    Raises ZnachkiError where it is too small, or lies outside the photo.
    """
    height, width = photo.image.shape[:2]
    places = np.clip(np.array(corners, np.float32).reshape(-1, 2), 0, np.array([width, height], np.float32))
    if box and len(places) == 2:
        (left, top), (right, bottom) = places.min(axis=0), places.max(axis=0)
        places = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
    if len(places) < 3 or np.ptp(places, axis=0).min() < _SMALLEST or cv2.contourArea(places) < _SMALLEST**2:
        raise ZnachkiError("what was drawn is too small, or outside the picture; draw around the pin")
    return _seen_in(photo, places) if box else places


def _seen_in(photo: Photo, places: Float32) -> Float32:
    """The pin that the network sees in a box (4, 2), the box itself where it sees none or only a part."""
    (left, top), (right, bottom) = np.floor(places.min(axis=0)).astype(int), np.ceil(places.max(axis=0)).astype(int)
    view = replace(photo, image=np.ascontiguousarray(photo.image[top:bottom, left:right]), encoded=b"", full=1.0)
    pin = crops.single(view)
    if pin.outline is None or cv2.contourArea(pin.outline) < _FAINT * view.image.shape[0] * view.image.shape[1]:
        return places
    return pin.on_photo(pin.outline) + np.array([left, top], np.float32)


def _frame(outline: Float32, photo: Photo) -> tuple[Float32, Float32]:
    """Top left and size of the upright box around an outline, within the photo."""
    limit = np.array(photo.image.shape[1::-1], np.float32)
    low, high = np.clip(outline.min(axis=0), 0, limit), np.clip(outline.max(axis=0), 0, limit)
    return np.floor(low), np.ceil(high) - np.floor(low)


def _raster(several: Sequence[Float32]) -> tuple[Float32, float, UInt8Image]:
    """Fill outlines on one small picture: its top left on the photo, its pixels for one of the photo, and the mask."""
    both = np.concatenate(several)
    corner = np.floor(both.min(axis=0)).astype(np.float32)
    long = float((both.max(axis=0) - corner).max())
    factor = _LONG / max(long, 1.0)
    size = np.ceil((both.max(axis=0) - corner) * factor).astype(int) + 1
    mask: UInt8Image = np.zeros((int(size[1]), int(size[0])), np.uint8)
    for one in several:  # each alone: filled together, what two outlines share would be a hole
        mask |= geometry.filled((one - corner) * np.float32(factor), mask.shape)
    return corner, factor, mask


def _contours(labels: NDArray[np.int32], least: float) -> list[Float32]:
    """The outer contour of every number in labels (h, w) that has more than `least` pixels, without needless points."""
    found = []
    for number in range(1, int(labels.max()) + 1):
        contours, _ = cv2.findContours((labels == number).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        if contours and int((labels == number).sum()) > least:
            contour = max(contours, key=cv2.contourArea)
            fewer = cv2.approxPolyDP(contour, 0.7, True)
            found.append(np.asarray((fewer if len(fewer) > 2 else contour)[:, 0], np.float32))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """An outline with its box, as reading order asks for."""

    places: Float32
    box: Box


def _ordered(places: Sequence[Float32]) -> list[Float32]:
    """Outlines in reading order."""
    held = []
    for one in places:
        (left, top), (right, bottom) = np.floor(one.min(axis=0)).astype(int), np.ceil(one.max(axis=0)).astype(int)
        held.append(_Placed(one.astype(np.float32), Box(int(left), int(top), int(right), int(bottom))))
    return [one.places for one in outlines.reading_order(held)]
