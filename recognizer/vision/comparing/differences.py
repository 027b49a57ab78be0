"""Differences: where a pin and catalogue photos that were laid onto it do not look the same, and that place from near.

Catalogue photos are warped onto the crop, brought to its light by one robust linear map of the colours, and compared
place by place; a place may be found a little beside where it was expected, for no homography is exact on a bent or
thick pin.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import Box, Float32, UInt8Image
from recognizer.vision import geometry
from recognizer.vision.comparing import colour_names

SIDE: Final = 280
"""Long side in pixels at which pictures are compared."""

PLACE: Final = 0.3
"""Side of the place that is shown from near, of the crop's long side."""

CLOSE: Final = 240
"""Pixels of the side of what is shown from near."""

_SPREAD: Final = 16.0  # levels of CIELAB, median, up to which a patch has one colour
_NAMED: Final = 24.0  # levels of CIELAB between two patches from which on their colours are named
_STROKE: Final = 7  # pixels: what is no wider is a line or a letter, or an edge that is not laid exactly
_PATCH: Final = 30  # pixels that are left of a patch of one colour at least
_CAST: Final = 0.25  # of the logarithm of a channel's gain: how far places in one light are apart
_FEW: Final = 50  # pixels of the pin below which nothing can be said
_SPOT: Final = 0.15  # side of the place whose mean counts, of the crop's long side: a year, a cell of enamel
_APART: Final = 0.05  # mean of the map over such a place from which on something differs; one pin twice gave .01 to .06
_SHIFTS: Final = (-3, 0, 3)  # pixels that a place may be found beside itself
_SAME: Final = 10.0  # levels of CIELAB up to which two places look the same: grain, glare, compression
_OTHER: Final = 45.0  # and from which on they are surely different: gold for silver, red for blue


def most_apart(
    image: UInt8Image, others: Sequence[tuple[UInt8Image, NDArray[np.float64]]], outline: Float32 | None = None
) -> Box | None:
    """Return the square place of a crop where the catalogue photos laid onto it differ most from one another, None
    where they differ nowhere.

    `others` are catalogue photos (h, w, 3) with the homography (3, 3) that carries each onto the crop `image`; a single
    one is compared with the crop itself. All are brought to the crop's light first.
    """
    here, inside = _small(image, outline)
    laid = []
    for photo, homography in others:
        there, covered = _laid(image, photo, homography)
        inside = inside & covered
        laid.append(there)
    if not laid or inside.sum() < _FEW:
        return None
    lit = [_lit(there, here, inside) for there in laid]
    pairs = combinations(lit if len(lit) > 1 else [here, *lit], 2)
    warmth = np.max([_away(one, other, inside) for one, other in pairs], axis=0)
    spot = (round(_SPOT * SIDE), round(_SPOT * SIDE))
    mean = cv2.boxFilter(warmth, -1, spot, borderType=cv2.BORDER_CONSTANT)
    row, column = np.unravel_index(int(mean.argmax()), mean.shape)
    if mean[row, column] < _APART:
        return None
    factor = max(image.shape[:2]) / SIDE
    wide = min(max(2, round(PLACE * SIDE * factor)), *image.shape[:2])
    left = int(np.clip(round(column * factor - wide / 2), 0, image.shape[1] - wide))
    top = int(np.clip(round(row * factor - wide / 2), 0, image.shape[0] - wide))
    return Box(left, top, left + wide, top + wide)


def closer(image: UInt8Image, others: Sequence[tuple[UInt8Image, NDArray[np.float64]]], place: Box) -> list[UInt8Image]:
    """Return a place of a crop, and the same place of each of `others`, see `most_apart`: (CLOSE, CLOSE, 3) uint8."""
    factor = CLOSE / place.width
    onto = np.array([[factor, 0, -factor * place.left], [0, factor, -factor * place.top], [0, 0, 1]])
    pictures = [(image, np.eye(3)), *others]
    return [geometry.warped(picture, onto @ homography, (CLOSE, CLOSE)) for picture, homography in pictures]


def colours(
    image: UInt8Image,
    others: Sequence[tuple[UInt8Image, NDArray[np.float64]]],
    place: Box,
    outline: Float32 | None = None,
) -> list[str]:
    """Return what colour the crop has where it and `others` differ in a place, then that of each of the others, as
    `colour_names` names them; nothing where that is no patch of one colour on each, all have one name, or no catalogue
    photo has a colour there that only enamel has: metal mirrors any.

    Catalogue photos count in their own light. The crop, whose light may be a lamp's, is brought to that of the first by
    one gain a channel (von Kries), found from the places that agree on one; against a single catalogue photo colours
    that a lamp may confuse are not named.
    """
    here, inside = _small(image, outline)
    factor = SIDE / max(image.shape[:2])
    near = np.zeros_like(inside)
    left, top, right, bottom = (round(side * factor) for side in (place.left, place.top, place.right, place.bottom))
    near[top:bottom, left:right] = True
    laid = []
    for photo, homography in others:
        there, covered = _laid(image, photo, homography)
        inside = inside & covered
        laid.append(there)
    if not laid or (near & inside).sum() < _FEW:
        return []
    shown = [_in_light(here, laid[0], inside), *laid]
    pairs = combinations(shown[1:] if len(laid) > 1 else shown, 2)
    apart = np.max([np.linalg.norm(one - other, axis=2) for one, other in pairs], axis=0)
    patch = near & inside & (apart > max(_NAMED, 0.6 * float(np.percentile(apart[near & inside], 95))))
    patch = cv2.erode(patch.astype(np.uint8), np.ones((_STROKE, _STROKE), np.uint8)) > 0
    if patch.sum() < _PATCH:
        return []
    patches = np.stack([one[patch] for one in shown])
    middles = np.median(patches, axis=1)
    spread = np.median(np.linalg.norm(patches - middles[:, None], axis=2), axis=1)
    if spread.max() > _SPREAD:
        return []
    names = [colour_names.named(middle) for middle in _cie(middles)]
    apart_by = frozenset(names[1:] if len(laid) > 1 else names)
    sure = len(apart_by) > 1 and (len(laid) > 1 or apart_by not in colour_names.NEIGHBOURS)
    return names if sure and colour_names.ENAMEL & set(names[1:]) else []


def _in_light(colours: Float32, like: Float32, inside: NDArray[np.bool_]) -> Float32:
    """Colours (h, w, 3) of CIELAB as they would look in another picture's light, by one gain a channel of light."""
    one, other = (np.maximum(_linear(lab), 0.004) for lab in (colours, like))
    ratios = np.log(other[inside] / one[inside])
    casts = ratios - ratios.mean(axis=1, keepdims=True)
    cast, weight = np.zeros(3), np.ones(len(casts))
    for _ in range(8):
        weight = np.exp(-((casts - cast) ** 2).sum(axis=1) / (2 * _CAST**2))
        cast = (weight[:, None] * casts).sum(axis=0) / max(float(weight.sum()), 1e-6)
    order = np.argsort(ratios.mean(axis=1))
    middle = int(np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2))
    strength = float(ratios.mean(axis=1)[order[min(middle, len(order) - 1)]])
    return _levels(np.clip(one * np.exp(cast + strength), 0, 1))


def _small(image: UInt8Image, outline: Float32 | None) -> tuple[Float32, NDArray[np.bool_]]:
    """A crop in CIELAB with the long side SIDE, and which of its pixels are of the pin."""
    factor = SIDE / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    inside = np.ones(size[::-1], np.bool_)
    if outline is not None:
        pin = geometry.filled(outline * np.float32(factor), size[::-1])
        inside = cv2.erode(pin, np.ones((5, 5), np.uint8)) > 0
    return geometry.lab(cv2.resize(image, size, interpolation=cv2.INTER_AREA)), inside


def _laid(image: UInt8Image, photo: UInt8Image, homography: NDArray[np.float64]) -> tuple[Float32, NDArray[np.bool_]]:
    """A catalogue photo laid onto a crop, in CIELAB with the long side SIDE, and which pixels it covers."""
    factor = SIDE / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    transform = np.diag([factor, factor, 1.0]) @ homography
    covered = cv2.warpPerspective(np.ones(photo.shape[:2], np.uint8), transform, size) > 0
    return geometry.lab(geometry.warped(photo, transform, size)), covered


def _away(here: Float32, lit: Float32, inside: NDArray[np.bool_]) -> Float32:
    """How different two pictures in one light are, place by place, 0 to 1."""
    away = np.full(inside.shape, np.inf, np.float32)
    for down in _SHIFTS:
        for across in _SHIFTS:
            moved = np.roll(lit, (down, across), (0, 1))
            away = np.minimum(away, np.linalg.norm(here - moved, axis=2))
    shown = np.clip((away - _SAME) / (_OTHER - _SAME), 0, 1) * inside
    return np.asarray(cv2.GaussianBlur(shown.astype(np.float32), (0, 0), 2), np.float32)


def _lit(colours: Float32, like: Float32, inside: NDArray[np.bool_]) -> Float32:
    """Colours (h, w, 3) as they would look under the other picture's light: gain and offset a channel."""
    out = colours.copy()
    for channel in range(3):
        one, other = colours[..., channel][inside], like[..., channel][inside]
        weight = np.ones(len(one), np.float32)
        gain, offset = 1.0, 0.0
        for _ in range(3):
            centre, target = np.average(one, weights=weight), np.average(other, weights=weight)
            spread = np.average((one - centre) ** 2, weights=weight) + 25.0
            shared = np.average((one - centre) * (other - target), weights=weight) + 25.0
            gain = float(np.clip(shared / spread, 0.5, 2.0))
            offset = float(target - gain * centre)
            weight = (1 / (1 + ((other - gain * one - offset) / 12) ** 2)).astype(np.float32)
        out[..., channel] = gain * colours[..., channel] + offset
    return out


def _linear(lab: Float32) -> Float32:
    """Light (h, w, 3) in red, green and blue, 0 to 1, of CIELAB in OpenCV's levels of 0 to 255."""
    return np.asarray(cv2.cvtColor(_cie(lab), cv2.COLOR_LAB2LRGB), np.float32)


def _levels(light: Float32) -> Float32:
    """CIELAB in OpenCV's levels of 0 to 255, of light (h, w, 3)."""
    lab = cv2.cvtColor(light.astype(np.float32), cv2.COLOR_LRGB2LAB)
    return np.asarray(lab * np.array([255 / 100, 1, 1]) + np.array([0, 128, 128]), np.float32)


def _cie(levels: NDArray[Any]) -> Float32:
    """CIELAB with lightness 0 to 100, of OpenCV's levels of 0 to 255, (..., 3)."""
    return np.asarray((levels - np.array([0, 128, 128])) * np.array([100 / 255, 1, 1]), np.float32)
