"""Photos to crops: where on a photo its pins are, and their ground taken away.

The most common wrong answer without this is another pin on the same cloth: the ground matches, not the pin. With
outlines on both sides the ground has no say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from recognizer.networks import weights
from recognizer.types import Box, Crop, Float32, Photo, UInt8Image
from recognizer.vision import geometry, outlines, photos

SETTINGS: Final = f"hull-7-{weights.digest(outlines.SHIPPED)}"
"""What the crops depend on, the outline network among it; an index made with other settings is of no use. The number is
raised with every change of this module that moves a crop."""

_PIN: Final = 0.5  # what the network must say of a place to count as pin
_GAP: Final = 0.03  # of the long side: cells of one pin that the network left apart are joined over such a gap
_SECOND: Final = 0.25  # parts of this share of the heaviest belong to the pin: a chain, a pendant, a set on a card
_CENTRAL: Final = 0.6  # of half the photo: how fast a part loses weight away from the middle
_LEAST: Final = 0.015  # of the photo: with less pin than this the whole photo is the crop
_MARGIN: Final = 0.04  # of the pin's long side, around it
_DEEP: Final = 0.3  # of the valley between two pins, to tell one pin of many cells from many pins
_BOARD: Final = 5  # pins at least on what looked like one pin from afar: a board; one pin in pieces has fewer
_DOMINANT: Final = 0.6  # of all that is pin: with one pin as large as this the photo is of that pin
_SURE: Final = 0.8  # score of the surest part of a lot: real lots have one over .84, a pin that is seen in pieces none
_SOLID: Final = 0.8  # of its hull: a pin that fills less may be a heap of pins, which takes a closer look
_HEAP: Final = 0.2  # of all that is pin: a heap falls into parts that are all smaller, a pin of odd shape does not
_RUN: Final = 0.6  # of the largest part: with so much outline within it is many pins run into one; single pins .2 to .5
_COMPARED: Final = 4  # pins of a lot from which there is a middling one
_LARGE: Final = 1.8  # times the middling pin
_RAGGED: Final = 0.9  # of its hull
_LINED: Final = 0.3
"""Mean of the map of outlines. Of 1,296 outlines of one cut-out pin those over 2.2 times the middling one filled .97 of
their hull, with .17 to .25 of outlines; heaps that large .70 to .88, with .35 to .64."""
_JOINED: Final = 800  # pixels of the long side at which crops and hulls of known pins are compared
_AGREE: Final = 0.5  # intersection over union from which a crop and the hull of a known pin are one
_DETAIL: Final = 400
"""Pixels that a middling pin of a lot is long on the picture that its crops are cut from, where its file has so many:
keypoints are taken at 176, inscriptions are read at what there is."""
_LARGEST: Final = 50_000_000  # pixels of that picture
_WORTH: Final = 1.15  # times larger must it be to be read anew
_WITHIN: Final = 0.75  # of a crop: with so much of it in a known pin it is a part of that pin
_PARTED: Final = 0.6  # of a known pin: with so much of it in a crop the crop holds that pin, and maybe others
_GREY: Final = 127  # the ground in a lifted picture: the value that the embedder pads with


class Sheet:
    """A photo of many pins, read as large as they ask for: its file may hold more pixels than the photo has."""

    def __init__(self, photo: Photo) -> None:
        self.photo = photo
        self.image = photo.image
        self._most = float(np.sqrt(max(1.0, _LARGEST / (photo.image.shape[0] * photo.image.shape[1]))))

    @property
    def scale(self) -> float:
        """Pixels of `image` for one of the photo."""
        return float(self.image.shape[1] / self.photo.image.shape[1])

    def larger(self, factor: float) -> UInt8Image:
        """Read `image` at least `factor` times as large as the photo, as far as its file goes, and return it."""
        wanted = min(factor, self._most, self.photo.full)
        if wanted > _WORTH * self.scale:
            self.image = photos.enlarged(self.photo, wanted)
        return self.image

    def cut(self, outline: Float32, score: float, about: int = 1) -> Crop:
        """Return the crop of a pin, or of a heap of `about` so many, by its outline (n, 2) in pixels of the photo."""
        crop = _crop(self.photo.image, outline, alone=False, score=score, large=self.image)
        return replace(crop, about=about)


def split(photo: Photo, outliner: outlines.Outliner | None = None, *, pin: float | None = None) -> list[Crop]:
    """Return the crops of a photo in reading order: one a pin, or the whole photo where none is found.

    Where one pin takes most of what was found, the photo is of that pin: its one crop has the convex hull of the pin
    and its pendants as outline, which never cuts off what the network missed inside. On a lot every crop has the
    outline of its own pin; parts none of which is surely a pin are one that is seen badly, as bare metal on asphalt.
    `outliner` stands in for the shipped network, to measure another. A photo that is known to
    show many pins is given with `pin`, the pixels that a middling one is long.
    """
    return parted(Sheet(photo), outliner, pin=pin)


def parted(sheet: Sheet, outliner: outlines.Outliner | None = None, *, pin: float | None = None) -> list[Crop]:
    """Return the crops of a photo as `split` does, and leave its sheet as large as its pins asked for."""
    outliner, image = outliner or shipped(), sheet.photo.image
    if pin is not None:
        return _cut(sheet, outliner.find(image, pin=pin, larger=sheet.larger, full=sheet.photo.full))
    first = outliner.first_look(image)
    near = outliner.nearer_look(image, first)
    alone = _dominated(image, first.maps, outliner)
    if not alone or (near is not first and not _dominated(near.of(image), near.maps, outliner)):
        found = outliner.find(image, first=near, larger=sheet.larger, full=sheet.photo.full)
        if len(found) >= (_BOARD if alone else 2) and max(one.score for one in found) >= _SURE:
            return _cut(sheet, found)
    return [_single(image, first.maps)]


def _cut(sheet: Sheet, found: Sequence[outlines.Outline]) -> list[Crop]:
    """The crops of what was found on a lot, from a picture on which a middling pin is `_DETAIL` long, if it has one."""
    fit(sheet, [max(one.box.width, one.box.height) for one in found])
    return [sheet.cut(one.contour, one.score, about) for one, about in zip(found, heaped(found), strict=True)]


def fit(sheet: Sheet, sides: Sequence[float]) -> None:
    """Read a sheet so large that a middling one of pins with these long sides, in pixels of the photo, is `_DETAIL`
    long."""
    if sides:
        sheet.larger(_DETAIL / float(np.median(sides)))


def heaped(found: Sequence[outlines.Outline]) -> list[int]:
    """Return how many pins each outline of a lot seems to hold: 1, or more for a heap that could not be parted.

    A heap is larger than the other pins, ragged, and full of outlines; a large pin is smooth and whole.
    """
    if len(found) < _COMPARED:
        return [1] * len(found)
    areas = np.array([max(1.0, cv2.contourArea(one.contour)) for one in found])
    solid = areas / [max(1.0, cv2.contourArea(cv2.convexHull(one.contour))) for one in found]
    times = areas / np.median(areas)
    heap = (times >= _LARGE) & (solid < _RAGGED) & (np.array([one.lined for one in found]) >= _LINED)
    return [round(float(ratio)) if one else 1 for ratio, one in zip(times, heap, strict=True)]


def single(photo: Photo) -> Crop:
    """Return the crop of a photo that is known to show one pin, or one set that is one entry: a catalogue photo."""
    return _single(photo.image, shipped().first_look(photo.image).maps)


def holds_pin(crop: Crop) -> bool:
    """Whether a pin was found in a crop of `split`: a photo on which none was is one crop without outline."""
    return crop.outline is not None or crop.score > 0


def shows_several(crop: Crop, known: Sequence[Float32]) -> bool:
    """Whether the hulls (n, 2) of known pins, in pixels of the crop, show that it holds several pins side by side.

    None of them may be the pin as a whole: one pin may hold the drawings of others.
    """
    if len(known) < 2:
        return False
    shape = crop.image.shape[:2]
    whole = np.ones(shape, np.bool_) if crop.outline is None else geometry.filled(crop.outline, shape) > 0
    sizes = [int((whole & (geometry.filled(hull, shape) > 0)).sum()) for hull in known]
    return max(sizes) < _AGREE * int(whole.sum())


def joined(sheet: Sheet, crops: Sequence[Crop], known: Sequence[Float32]) -> list[Crop]:
    """Return the crops of a lot, in reading order, once the hulls (n, 2) of known pins on it, in pixels of the photo,
    are laid over them.

    Where hull and crop agree the crop stays, for the network's outline is the closer one. A hull that agrees with none
    is a pin: crops that lie in it were parts of that pin, and of a crop that it lies in there stays what is left, if
    that is large enough to be pins too.
    """
    height, width = sheet.photo.image.shape[:2]
    factor = min(1.0, _JOINED / max(height, width))
    shape = (round(height * factor) + 1, round(width * factor) + 1)
    pins = [geometry.Region.of(hull * factor, shape) for hull in known]
    laid: list[tuple[Float32, float, int]] = []
    agreeing: set[int] = set()
    for crop in crops:
        contour = _contour(crop)
        region = geometry.Region.of(contour * factor, shape)
        area = max(1, region.area)
        shared = [region.shared(pin) for pin in pins]
        alike = [both / max(1, area + pin.area - both) for both, pin in zip(shared, pins, strict=True)]
        best = int(np.argmax(alike)) if alike else -1
        if best >= 0 and alike[best] >= _AGREE and best not in agreeing:
            agreeing.add(best)
            laid.append((contour, crop.score, 1))
            continue
        if any(both >= _WITHIN * area for both in shared):
            continue
        over = [pin for pin, both in zip(pins, shared, strict=True) if both >= _PARTED * pin.area]
        if not over:
            laid.append((contour, crop.score, crop.about))
            continue
        least = 0.3 * float(np.median([pin.area for pin in over]))
        laid += [(part / np.float32(factor), crop.score, 1) for part in _parts(region.without(over), least)]
    laid += [(hull, 1.0, 1) for at, hull in enumerate(known) if at not in agreeing]
    limit = np.array([width, height], np.float32)
    found = [sheet.cut(np.clip(contour, 0, limit), score, about) for contour, score, about in laid]
    return outlines.reading_order(found)


def _contour(crop: Crop) -> Float32:
    """The outline of a crop in pixels of its photo; its box where there is no outline."""
    box = crop.box
    if crop.outline is None:
        corners = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
        return np.array(corners, np.float32)
    return crop.on_photo(crop.outline)


def _parts(region: geometry.Region, least: float) -> list[Float32]:
    """The contours of what is left of a region, ragged edges taken off; those of less than `least` pixels left out."""
    reach = max(1, round(0.15 * np.sqrt(least)))
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    solid = cv2.morphologyEx(np.pad(region.mask, reach).astype(np.uint8), cv2.MORPH_OPEN, brush)
    contours, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    corner = np.array(region.corner, np.float32) - np.float32(reach)
    return [one[:, 0].astype(np.float32) + corner for one in contours if cv2.contourArea(one) >= least]


def _single(image: UInt8Image, first: Float32) -> Crop:
    hull = _hull(image, first[0])
    if hull is None:
        height, width = image.shape[:2]
        return Crop(image, Box(0, 0, width, height), score=0.0)
    return _crop(image, hull, alone=True, score=1.0)


def _crop(image: UInt8Image, outline: Float32, *, alone: bool, score: float, large: UInt8Image | None = None) -> Crop:
    height, width = image.shape[:2]
    (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
    margin = _MARGIN * max(right - left, bottom - top)
    box = Box(
        max(0, int(left - margin)),
        max(0, int(top - margin)),
        min(width, int(right + margin) + 1),
        min(height, int(bottom + margin) + 1),
    )
    shown = image if large is None else large
    scale = shown.shape[1] / width
    x, y = int(np.floor(box.left * scale)), int(np.floor(box.top * scale))
    cut = np.ascontiguousarray(shown[y : int(np.ceil(box.bottom * scale)), x : int(np.ceil(box.right * scale))])
    moved = np.asarray(outline * np.float32(scale) - np.array([x, y], np.float32), np.float32)
    rectangle = np.asarray(cv2.boxPoints(cv2.minAreaRect(moved)), np.float32)
    return Crop(cut, box, moved, image if alone else None, rectangle, score, scale=scale)


def _dominated(image: UInt8Image, first: Float32, outliner: outlines.Outliner) -> bool:
    """Whether one pin takes most of what is pin in the maps (3, h, w) of the first look.

    Many small pins that touch run into one there, and outlines are all over it; a looser heap is not as solid as a pin,
    and twice as large it falls into many.
    """
    if outlines.crowded(first):
        return False
    found = outlines.regions(first, depth=_DEEP)
    areas = [region.area for region in found]
    if not areas:
        return not outlines.crowded(first, outlines.EMPTY)
    if max(areas) < _DOMINANT * sum(areas):
        return False
    largest = found[int(np.argmax(areas))]
    places = (largest.contour * first.shape[:0:-1]).astype(np.float32)
    if float(first[1][geometry.filled(places, first.shape[1:]) > 0].mean()) >= _RUN:
        return False
    if largest.area >= _SOLID * cv2.contourArea(cv2.convexHull(places)):
        return True
    closer = outliner.maps(image, 2 * outlines.FIRST_SIDE / max(image.shape[:2]))
    parts = [region.area for region in outlines.regions(closer, depth=_DEEP)]
    return not parts or max(parts) >= _HEAP * sum(parts)


def cut_out(crop: Crop) -> UInt8Image:
    """Return the crop's picture as (h, w, 4) RGBA, clear outside its outline; all of it solid without outline."""
    mask = np.full(crop.image.shape[:2], 255, np.uint8)
    if crop.outline is not None:
        mask = geometry.filled(crop.outline, mask.shape) * np.uint8(255)
    return np.dstack([crop.image, mask])


def lifted(crop: Crop) -> UInt8Image:
    """Return the crop's picture (h, w, 3) with the ground outside its outline in grey; as it is without outline."""
    if crop.outline is None:
        return crop.image
    mask = geometry.filled(crop.outline, crop.image.shape)
    reach = max(1, round(_MARGIN * max(mask.shape)))
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.where(cv2.dilate(mask, brush)[:, :, None] > 0, crop.image, np.uint8(_GREY))


@lru_cache(maxsize=1)
def shipped() -> outlines.Outliner:
    """The networks of outlines that ship, loaded once."""
    return outlines.Outliner.load()


def _hull(image: UInt8Image, pin: Float32) -> Float32 | None:
    """Convex hull (n, 2) of the pin in pixels of the image, None where `pin` (h, w), the network's map, shows none."""
    height, width = pin.shape
    reach = max(3, round(_GAP * max(height, width)) | 1)
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    solid = cv2.copyMakeBorder((pin > _PIN).astype(np.uint8), *(reach,) * 4, cv2.BORDER_CONSTANT)
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, brush)[reach:-reach, reach:-reach]
    count, labels, boxes, middles = cv2.connectedComponentsWithStats(np.ascontiguousarray(solid))
    if count < 2:
        return None
    away = np.hypot(middles[1:, 0] / (width / 2) - 1, middles[1:, 1] / (height / 2) - 1)
    weight = boxes[1:, cv2.CC_STAT_AREA] * np.exp(-((away / _CENTRAL) ** 2))
    mask = np.isin(labels, np.flatnonzero(weight >= _SECOND * weight.max()) + 1).astype(np.uint8)
    if mask.sum() < _LEAST * mask.size:
        return None
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.convexHull(np.concatenate(contours))[:, 0].astype(np.float32)
    scale = np.array([image.shape[1] / width, image.shape[0] / height], np.float32)
    return np.asarray((hull + np.float32(0.5)) * scale, np.float32)
