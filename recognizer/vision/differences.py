"""Differences: where a pin and a catalogue photo that was laid onto it do not look the same.

The catalogue photo is warped onto the crop, brought to its light by one robust linear map of the colours, and compared
place by place; a place may be found a little beside where it was expected, for no homography is exact on a bent or
thick pin.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import Float32, UInt8Image
from recognizer.vision import geometry

SIDE: Final = 280
"""Long side in pixels of the map."""

_SHIFTS: Final = (-3, 0, 3)  # pixels that a place may be found beside itself
_SAME: Final = 10.0  # levels of CIELAB up to which two places look the same: grain, glare, compression
_OTHER: Final = 45.0  # and from which on they are surely different: gold for silver, red for blue
_GREY: Final = 0.55  # how light the pin under the map is drawn


def heat(
    image: UInt8Image, photo: UInt8Image, homography: NDArray[np.float64], outline: Float32 | None = None
) -> Float32:
    """Return how different each place is, (h, w) float32 of 0 to 1 with the long side SIDE; 0 outside of the pin.

    `image` is the crop (h, w, 3), `photo` the catalogue photo (h, w, 3) that `homography` (3, 3) carries onto it,
    `outline` (n, 2) the pin's contour in the crop.
    """
    factor = SIDE / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    transform = np.diag([factor, factor, 1.0]) @ homography
    here = geometry.lab(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    there = geometry.lab(geometry.warped(photo, transform, size))
    inside = cv2.warpPerspective(np.ones(photo.shape[:2], np.uint8), transform, size) > 0
    if outline is not None:
        pin = geometry.filled(outline * np.float32(factor), size[::-1])
        inside &= cv2.erode(pin, np.ones((5, 5), np.uint8)) > 0
    if inside.sum() < 50:
        return np.zeros(size[::-1], np.float32)
    lit = _lit(there, here, inside)
    away = np.full(size[::-1], np.inf, np.float32)
    for down in _SHIFTS:
        for across in _SHIFTS:
            moved = np.roll(lit, (down, across), (0, 1))
            away = np.minimum(away, np.linalg.norm(here - moved, axis=2))
    shown = np.clip((away - _SAME) / (_OTHER - _SAME), 0, 1) * inside
    return np.asarray(cv2.GaussianBlur(shown.astype(np.float32), (0, 0), 2), np.float32)


def draw(image: UInt8Image, warmth: Float32) -> UInt8Image:
    """Draw a map of `heat` over its crop in grey: the warmer, the more different; (h, w, 3) uint8 of the map's size."""
    small = cv2.resize(image, (warmth.shape[1], warmth.shape[0]), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[:, :, None].astype(np.float32) * _GREY + 255 * (1 - _GREY)
    red = np.array([214, 40, 20], np.float32)
    share = np.minimum(1.0, 1.4 * warmth)[:, :, None]
    return np.asarray(np.clip(grey * (1 - share) + red * share, 0, 255), np.uint8)


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
