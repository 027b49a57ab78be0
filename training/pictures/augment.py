"""Synthetic photographs of one pin, in the looks that the embedder is asked with.

A query is embedded as a whole photo, as its pin lifted from the ground on grey, and as the pin's middle
(`embedder.ZOOMS`), and so is a catalogue photo; any of these may meet any. So a view is composed first: the cut-out pin
turned, tilted and laid on a drawn ground with its shadow, photographed by `render.camera` (colour cast, glare, blur,
low resolution, noise, JPEG), and then looked at as `crops` does: whole, lifted, or its middle. Casts stay small enough
that gold stays gold and silver silver.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from recognizer.search.embedder import ZOOMS, padded, zoomed
from recognizer.types import Mask, UInt8Image
from training.pictures.grounds import ground, noise
from training.pictures.render import camera, drop_shadow, posed

PAIRS: Final = {
    ("lifted", "lifted"): 0.36,
    ("whole", "lifted"): 0.26,
    ("whole", "whole"): 0.18,
    ("middle", "middle"): 0.14,
    ("middle", "lifted"): 0.06,
}
"""The looks of the two views of one pin and how often: the comparisons that `index.Index.similar` makes, most often
those that decide on real photos."""

GREY: Final = 127
MARGIN: Final = 0.04  # around the pin, as in lots
LOWEST: Final = 48  # pixels of a pin in a blurred, small photo or a lot


def grounds(rng: np.random.Generator, count: int, side: int, prints: Sequence[UInt8Image] = ()) -> list[UInt8Image]:
    """Draw grounds (side, side, 3) once, for `view` to take its backdrops from: drawing one takes as long as a view."""
    return [ground(rng, side, side, prints) for _ in range(count)]


def pair(
    sprites: Sequence[UInt8Image], rng: np.random.Generator, size: int, backdrops: Sequence[UInt8Image]
) -> tuple[UInt8Image, UInt8Image]:
    """Return two views (size, size, 3) of one pin, from RGBA cut-outs of it: two photos of it, or one twice.

    Cut-outs that are opaque all over are photos whose pin could not be lifted; they are seen whole.
    """
    looks = list(PAIRS)
    first, second = looks[int(rng.choice(len(looks), p=list(PAIRS.values())))]
    if rng.random() < 0.5:
        first, second = second, first
    return (
        view(sprites[0], rng, size, first, backdrops),
        view(sprites[-1], rng, size, second, backdrops),
    )


def view(
    sprite: UInt8Image, rng: np.random.Generator, size: int, look: str, backdrops: Sequence[UInt8Image]
) -> UInt8Image:
    """Photograph an RGBA cut-out (h, w, 4) and return what the embedder is shown of it, (size, size, 3) RGB.

    `look` is `whole`, `lifted` or `middle`.
    """
    image, mask = photograph(sprite, rng, size, backdrops, look)
    if mask is None:
        return padded(image, size)
    if look != "whole":
        image = _lifted(image, mask, rng)
    if look == "middle":
        image = zoomed(image, ZOOMS[2] * float(rng.uniform(0.85, 1.25)))
    if rng.random() < 0.25:
        image = _shrunk(image, float(rng.uniform(min(LOWEST, size), size)))
    return padded(image, size)


def photo_and_pin(
    sprite: UInt8Image, rng: np.random.Generator, size: int, backdrops: Sequence[UInt8Image]
) -> tuple[UInt8Image, UInt8Image]:
    """Return one photograph of an RGBA cut-out, whole and with its pin lifted: what a query is embedded from."""
    image, mask = photograph(sprite, rng, size, backdrops)
    return image, image if mask is None else _lifted(image, mask, rng)


def photograph(
    sprite: UInt8Image,
    rng: np.random.Generator,
    size: int,
    backdrops: Sequence[UInt8Image],
    look: str = "whole",
) -> tuple[UInt8Image, Mask | None]:
    """Photograph an RGBA cut-out on a backdrop: the picture, about `size` pixels, and the pin's mask.

    A cut-out that is opaque all over is photographed as the picture that it is, without a mask.
    """
    if sprite[:, :, 3].min() > 0:
        return camera(_reframed(sprite[:, :, :3], rng, size).astype(np.float32), rng), None
    across, down = (int(size * value) for value in _frame(rng, look))
    fill = rng.uniform(0.85, 0.97) if look != "whole" else rng.uniform(0.55, 0.97)
    if look == "whole" and rng.random() < 0.25:
        fill = rng.uniform(0.3, 0.6)
    degrees = rng.normal(0, 10) if rng.random() < 0.7 else rng.uniform(-180, 180)
    pose = posed(sprite, rng, min(across, down) * fill, float(degrees), (down, across), float(rng.uniform(0, 0.1)))
    field = _backdrop(rng, down, across, backdrops).astype(np.float32)
    drop_shadow(field, pose[:, :, 3], rng, min(across, down) * fill)
    field = field * (1 - pose[:, :, 3:]) + pose[:, :, :3]
    if rng.random() < 0.5:  # a warmer or a colder light than the other photo's, short of turning gold to silver
        field = field * (1 + rng.normal(0, 0.07, 3).clip(-0.15, 0.15)).astype(np.float32)
    if rng.random() < 0.3:  # something's shadow over a part of it
        edge = np.clip(noise(rng, down, across, size / rng.uniform(0.5, 2)) * 3, 0, 1)
        field = field * (1 - rng.uniform(0.1, 0.5) * edge)[:, :, None]
    return camera(field, rng), pose[:, :, 3] > 0.5


def _frame(rng: np.random.Generator, look: str) -> tuple[float, float]:
    """Sides of the frame as shares of the input: larger where only the middle of it will be seen."""
    if look == "middle":
        return 1.5, 1.5
    longer = float(np.exp(abs(rng.normal(0, 0.2)))) if look == "whole" else 1.0
    return (1.1, 1.1 / longer) if rng.random() < 0.5 else (1.1 / longer, 1.1)


def _backdrop(rng: np.random.Generator, height: int, width: int, backdrops: Sequence[UInt8Image]) -> UInt8Image:
    if not backdrops or rng.random() < 0.15:  # a plain sheet, as most catalogue photos have
        tone = rng.uniform(170, 255) if rng.random() < 0.6 else rng.uniform(0, 170)
        return np.full((height, width, 3), tone, np.uint8)
    whole = backdrops[int(rng.integers(len(backdrops)))]
    side = whole.shape[0]
    share = rng.uniform(0.5, 1.0)
    high, wide = int(side * share), int(side * share)
    top, left = int(rng.integers(side - high + 1)), int(rng.integers(side - wide + 1))
    part = cv2.resize(whole[top : top + high, left : left + wide], (width, height), interpolation=cv2.INTER_LINEAR)
    turned = part[::-1] if rng.random() < 0.5 else part
    return np.ascontiguousarray(turned[:, ::-1] if rng.random() < 0.5 else turned)


def _lifted(image: UInt8Image, mask: Mask, rng: np.random.Generator) -> UInt8Image:
    """Lift the pin as `crops.lifted` does, the outline a little too wide or too tight, as a network finds it."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return image
    hull = cv2.convexHull(np.concatenate(contours))[:, 0].astype(np.float32)
    centre = hull.mean(axis=0)
    hull = centre + (hull - centre) * rng.normal(1.0, 0.03, (1, 2)).clip(0.9, 1.1).astype(np.float32)
    if rng.random() < 0.1:  # a part of the pin was not found
        along = hull @ rng.normal(0, 1, 2)
        hull = hull[along <= np.quantile(along, 0.85)]
    (left, top), (right, bottom) = hull.min(axis=0), hull.max(axis=0)
    margin = MARGIN * max(right - left, bottom - top)
    rows = slice(max(0, int(top - margin)), max(1, int(bottom + margin) + 1))
    columns = slice(max(0, int(left - margin)), max(1, int(right + margin) + 1))
    shape = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(shape, [np.round(hull).astype(np.int32)], 1)
    reach = max(1, round(margin))
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    cut = np.where(cv2.dilate(shape, brush)[:, :, None] > 0, image, np.uint8(GREY))[rows, columns]
    return np.ascontiguousarray(cut) if min(cut.shape[:2]) > 4 else image


def _reframed(image: UInt8Image, rng: np.random.Generator, size: int) -> UInt8Image:
    """Turn, tilt and crop a photo as a whole."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    scale = size / max(height, width)
    turn = np.radians(rng.normal(0, 8) if rng.random() < 0.8 else 90 * rng.integers(4))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.array([width, height]) / 2
    reach = rng.uniform(0.9, 1.25) * scale
    to = (corners - middle + rng.uniform(-0.06, 0.06, (4, 2)) * (width, height)) @ rotation.T * reach + size / 2
    move = cv2.getPerspectiveTransform(corners, to.astype(np.float32))
    out = cv2.warpPerspective(image, move, (size, size), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(out, np.uint8)


def _shrunk(image: UInt8Image, side: float) -> UInt8Image:
    """Lose detail as a small photo does."""
    factor = side / max(image.shape[:2])
    if factor >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
