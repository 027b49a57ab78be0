"""Photos to crops: where on a photo its pin is, and its ground taken away.

The most common wrong answer without this is another pin on the same cloth: the ground matches, not the pin. With
outlines on both sides the ground has no say.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from recognizer import outlines
from recognizer.types import Box, Crop, Float32, Photo, UInt8Image

SETTINGS: Final = f"hull-1-{outlines.digest()}"
"""What the crops depend on, the outline network among it; an index made with other settings is of no use. The number is
raised with every change of this module that moves a crop."""

_PIN: Final = 0.5  # what the network must say of a place to count as pin
_GAP: Final = 0.03  # of the long side: cells of one pin that the network left apart are joined over such a gap
_SECOND: Final = 0.25  # parts of this share of the heaviest belong to the pin: a chain, a pendant, a set on a card
_CENTRAL: Final = 0.6  # of half the photo: how fast a part loses weight away from the middle
_LEAST: Final = 0.015  # of the photo: with less pin than this the whole photo is the crop
_MARGIN: Final = 0.04  # of the pin's long side, around it
_GREY: Final = 127  # the ground in a lifted picture: the value that the embedder pads with


def split(photo: Photo) -> list[Crop]:
    """Return the crops of a photo: its one pin, or the whole photo where none is found.

    The outline is the convex hull of the pin: it never cuts off what the network missed inside, and leaves but
    corners of the ground.
    """
    height, width = photo.image.shape[:2]
    hull = _hull(photo.image)
    if hull is None:
        return [Crop(photo.image, Box(0, 0, width, height))]
    (left, top), (right, bottom) = hull.min(axis=0), hull.max(axis=0)
    margin = _MARGIN * max(right - left, bottom - top)
    box = Box(
        max(0, int(left - margin)),
        max(0, int(top - margin)),
        min(width, int(right + margin) + 1),
        min(height, int(bottom + margin) + 1),
    )
    image = np.ascontiguousarray(photo.image[box.top : box.bottom, box.left : box.right])
    return [Crop(image, box, hull - np.array([box.left, box.top], np.float32), photo.image)]


def lifted(crop: Crop) -> UInt8Image:
    """Return the crop's picture (h, w, 3) with the ground outside its outline in grey; as it is without outline."""
    if crop.outline is None:
        return crop.image
    mask = np.zeros(crop.image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(crop.outline).astype(np.int32)], 1)
    reach = max(1, round(_MARGIN * max(mask.shape)))
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.where(cv2.dilate(mask, brush)[:, :, None] > 0, crop.image, np.uint8(_GREY))


@lru_cache(maxsize=1)
def _outliner() -> outlines.Outliner:
    return outlines.Outliner.load()


def _hull(image: UInt8Image) -> Float32 | None:
    """Convex hull (n, 2) of the pin in pixels of the image, None where none is found."""
    pin = _outliner().maps(image, outlines.FIRST_SIDE / max(image.shape[:2]))[0]
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
