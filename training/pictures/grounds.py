"""Drawn grounds that a pin may lie on: cloth, knit, wood, cork, paper, print, foam, leather, skin, stone, clutter.

All are made from noise and simple shapes, so that no photograph is needed. Pictures are (height, width, 3) uint8 RGB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import UInt8Image

Field = NDArray[Any]  # float32 throughout; the stubs of cv2 cannot say so
Ground = Callable[[np.random.Generator, int, int], Field]


def noise(rng: np.random.Generator, height: int, width: int, cell: float, stretch: float = 1.0) -> Field:
    """Return smooth noise of about -1 to 1, (height, width); `cell` is its grain in pixels, `stretch` its length."""
    rows = max(2, int(height / cell) + 2)
    columns = max(2, int(width / (cell * stretch)) + 2)
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    out: Field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(0.6)
    return out


def colour(rng: np.random.Generator) -> Field:
    """Return a ground's colour, (3,) float32 of 0 to 255: a third near grey, white or black, the rest of any hue."""
    kind = rng.random()
    if kind < 0.15:
        return np.full(3, rng.uniform(200, 250), np.float32) + rng.normal(0, 5, 3).astype(np.float32)
    if kind < 0.3:
        return np.full(3, rng.uniform(10, 50), np.float32) + rng.normal(0, 4, 3).astype(np.float32)
    if kind < 0.45:
        return np.full(3, rng.uniform(60, 190), np.float32) + rng.normal(0, 10, 3).astype(np.float32)
    hsv = np.array([[[rng.integers(0, 180), rng.uniform(40, 230), rng.uniform(40, 245)]]], np.uint8)
    out: Field = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)
    return out


def ground(
    rng: np.random.Generator, height: int, width: int, prints: Sequence[UInt8Image] = (), plain: float = 0.3
) -> UInt8Image:
    """Draw a ground, (height, width, 3) uint8.

    `prints` are RGBA drawings that a patterned cloth, a card or a poster may show flat; `plain` is the share of grounds
    without pattern.
    """
    chance = rng.random()
    if chance < plain:
        base = PLAIN[int(rng.integers(len(PLAIN)))](rng, height, width)
    elif chance < plain + (1 - plain) * 0.55 or not prints:
        base = PATTERNED[int(rng.integers(len(PATTERNED)))](rng, height, width)
    else:
        base = printed(rng, height, width, prints)
    if rng.random() < 0.3:
        base = base * (1 + 0.25 * folds(rng, height, width))[:, :, None]
    return np.clip(base, 0, 255).astype(np.uint8)


def folds(rng: np.random.Generator, height: int, width: int) -> Field:
    """Return the light and dark of soft folds, -1 to 1."""
    angle, wave = rng.uniform(0, np.pi), max(height, width) / rng.uniform(1.5, 5)
    y, x = np.ogrid[0:height, 0:width]
    y, x = y.astype(np.float32), x.astype(np.float32)
    phase = (x * np.cos(angle) + y * np.sin(angle)) / wave * 2 * np.pi
    out: Field = np.sin(phase + 2.5 * noise(rng, height, width, wave)).astype(np.float32)
    return out


def _cloth(rng: np.random.Generator, height: int, width: int) -> Field:
    step = rng.uniform(2.2, 8)
    y, x = np.ogrid[0:height, 0:width]
    y, x = y.astype(np.float32), x.astype(np.float32)
    wobble = noise(rng, height, width, 30) * 1.5
    kind = rng.integers(3)
    if kind == 0:
        weave = np.sin((x + wobble) * 2 * np.pi / step) * np.sin((y + wobble) * 2 * np.pi / step)
    elif kind == 1:  # twill, denim
        weave = np.sin((x + y * rng.uniform(0.5, 1.5) + wobble) * 2 * np.pi / step)
    else:  # knit, waffle
        weave = (
            np.abs(np.sin((x + wobble) * np.pi / (step * 2))) + np.abs(np.sin((y + wobble) * np.pi / (step * 2))) - 1
        )
    weave = weave + noise(rng, height, width, 1.5) * rng.uniform(0.3, 1.2) + noise(rng, height, width, 25) * 0.3
    out: Field = colour(rng) * (1 + rng.uniform(0.04, 0.22) * weave)[:, :, None]
    return out


def _wood(rng: np.random.Generator, height: int, width: int) -> Field:
    rings = noise(rng, height, width, rng.uniform(6, 30), stretch=rng.uniform(6, 20)) * rng.uniform(2, 7)
    grain = 0.5 * np.sin(rings * 3) + 0.6 * noise(rng, height, width, 1.3, stretch=14)
    tone = np.array([rng.uniform(90, 215), rng.uniform(55, 160), rng.uniform(20, 110)], np.float32)
    if rng.random() < 0.4:  # walnut, stained oak, an old desk
        tone *= rng.uniform(0.3, 0.7)
    out = tone * (1 + rng.uniform(0.06, 0.2) * grain)[:, :, None]
    if rng.random() < 0.4:
        for place in rng.integers(0, height, rng.integers(1, 4)):
            out[max(0, place - 1) : place + 1] *= 0.5
    return out if rng.random() < 0.5 else _turned(out, height, width)


def _cork(rng: np.random.Generator, height: int, width: int) -> Field:
    cell = rng.uniform(2, 7)
    grains = noise(rng, height, width, cell) + 0.7 * noise(rng, height, width, cell / 2 + 0.6)
    dark = (noise(rng, height, width, cell * 1.5) > 0.7).astype(np.float32)
    tone = np.array([190, 145, 95], np.float32) + rng.normal(0, 20, 3).astype(np.float32)
    return tone * (1 + 0.15 * grains - 0.4 * cv2.GaussianBlur(dark, (3, 3), 0))[:, :, None]


def _speckled(rng: np.random.Generator, height: int, width: int) -> Field:
    """Stone, felt, foam, carpet, sand."""
    grains = noise(rng, height, width, rng.uniform(1, 5)) + 0.5 * noise(rng, height, width, rng.uniform(5, 40))
    out = colour(rng) * (1 + rng.uniform(0.04, 0.35) * grains)[:, :, None]
    if rng.random() < 0.4:
        flecks = noise(rng, height, width, rng.uniform(1, 3)) > rng.uniform(0.6, 1.1)
        out[flecks] = colour(rng)
    return out


def _smooth(rng: np.random.Generator, height: int, width: int) -> Field:
    """Paper, plastic, leather and skin, out-of-focus rooms: soft changes of one or two colours."""
    mix = np.clip(noise(rng, height, width, max(height, width) / rng.uniform(0.8, 4)) + 0.5, 0, 1)[:, :, None]
    first = colour(rng)
    second = first + rng.normal(0, 15, 3).astype(np.float32) if rng.random() < 0.7 else colour(rng)
    fine = rng.uniform(0, 0.05) * noise(rng, height, width, rng.uniform(1, 4))
    out: Field = (first * (1 - mix) + second * mix) * (1 + fine)[:, :, None]
    return out


def _stripes(rng: np.random.Generator, height: int, width: int) -> Field:
    y, x = np.ogrid[0:height, 0:width]
    y, x = y.astype(np.float32), x.astype(np.float32)
    angle, step = rng.uniform(0, np.pi), rng.uniform(8, 90)
    phase = (x * np.cos(angle) + y * np.sin(angle) + 3 * noise(rng, height, width, 60)) / step
    colours = np.stack([colour(rng) for _ in range(rng.integers(2, 5))])
    out: Field = colours[(np.floor(phase).astype(int)) % len(colours)]
    if rng.random() < 0.5:  # checks
        across = (-x * np.sin(angle) + y * np.cos(angle)) / step
        other = colours[(np.floor(across).astype(int) + 1) % len(colours)]
        out = (out + other) / 2
    return out * (1 + 0.08 * noise(rng, height, width, 1.5))[:, :, None]


def _blotches(rng: np.random.Generator, height: int, width: int) -> Field:
    """Flowered, camouflage and batik cloth: level sets of warped noise in a few colours."""
    out = _cloth(rng, height, width) if rng.random() < 0.5 else _smooth(rng, height, width)
    for _ in range(rng.integers(2, 6)):
        field = noise(rng, height, width, rng.uniform(8, 80))
        field = field + 0.5 * noise(rng, height, width, rng.uniform(4, 15))
        level = rng.uniform(0.1, 0.8)
        tone = colour(rng)
        out[field > level] = tone
        if rng.random() < 0.4:
            out[np.abs(field - level) < rng.uniform(0.03, 0.1)] = colour(rng)
    return out * (1 + 0.06 * noise(rng, height, width, 1.5))[:, :, None]


def _shapes(rng: np.random.Generator, height: int, width: int) -> Field:
    """A repeat of dots, petals, lozenges or squares, flat as print is."""
    out = np.ascontiguousarray(_smooth(rng, height, width))
    step = rng.uniform(10, 70)
    size = step * rng.uniform(0.15, 0.55)
    petals, tones = int(rng.integers(1, 8)), [colour(rng) for _ in range(3)]
    for row in range(int(height / step) + 2):
        for column in range(int(width / step) + 2):
            x, y = (column + 0.5 * (row % 2)) * step, row * step
            tone = tones[(row * 7 + column * 3) % 3].tolist()
            for petal in range(petals):
                turn = petal / petals * 2 * np.pi
                reach = size * 0.6 if petals > 1 else 0.0
                middle = (int(x + reach * np.cos(turn)), int(y + reach * np.sin(turn)))
                axes = (max(1, int(size * 0.5)), max(1, int(size * 0.28)))
                cv2.ellipse(out, middle, axes, np.degrees(turn), 0, 360, tone, -1, cv2.LINE_AA)
    return out * (1 + 0.08 * noise(rng, height, width, 1.5))[:, :, None]


def _rubble(rng: np.random.Generator, height: int, width: int) -> Field:
    """Anything else: overlapping soft-edged polygons and lines, as a cluttered room out of focus is."""
    out = np.ascontiguousarray(_smooth(rng, height, width))
    for _ in range(rng.integers(4, 22)):
        centre = rng.uniform(0, 1, 2) * (width, height)
        reach = rng.uniform(0.05, 0.5) * max(height, width)
        turns = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
        points = centre + reach * rng.uniform(0.3, 1, len(turns))[:, None] * np.stack([np.cos(turns), np.sin(turns)], 1)
        cv2.fillPoly(out, [points.astype(np.int32)], colour(rng).tolist(), cv2.LINE_AA)
    for _ in range(rng.integers(0, 12)):
        ends = (rng.uniform(-0.1, 1.1, (2, 2)) * (width, height)).astype(int)
        cv2.line(out, ends[0].tolist(), ends[1].tolist(), colour(rng).tolist(), int(rng.integers(1, 6)), cv2.LINE_AA)
    if rng.random() < 0.6:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.7, 8))
    return out * (1 + 0.05 * noise(rng, height, width, 2))[:, :, None]


def printed(rng: np.random.Generator, height: int, width: int, prints: Sequence[UInt8Image]) -> Field:
    """Cloth, wrapping paper or a poster with drawings printed flat on it: like pins in drawing, unlike in light."""
    out = PLAIN[int(rng.integers(len(PLAIN)))](rng, height, width)
    many = rng.random() < 0.5
    scale = rng.uniform(0.12, 0.35) if many else rng.uniform(0.4, 1.3)
    faded = rng.uniform(0.5, 1)
    for _ in range(rng.integers(6, 24) if many else rng.integers(1, 4)):
        drawing = prints[int(rng.integers(len(prints)))]
        side = max(8, int(max(height, width) * scale * rng.uniform(0.7, 1.3)))
        stamp(out, drawing, rng.uniform(0, 1) * width, rng.uniform(0, 1) * height, side, rng.uniform(-40, 40), faded)
    return out * (1 + 0.05 * noise(rng, height, width, 1.5))[:, :, None]


def stamp(out: Field, drawing: UInt8Image, x: float, y: float, side: int, degrees: float, strength: float) -> None:
    """Print an RGBA drawing flat into `out`, centred on (x, y), `side` pixels wide, turned by `degrees`."""
    turn = cv2.getRotationMatrix2D((drawing.shape[1] / 2, drawing.shape[0] / 2), degrees, side / drawing.shape[1])
    reach = int(side * 0.75)
    turn[:, 2] += (reach - drawing.shape[1] / 2, reach - drawing.shape[0] / 2)
    small = cv2.warpAffine(drawing, turn, (2 * reach, 2 * reach), flags=cv2.INTER_AREA)
    left, top = int(x) - reach, int(y) - reach
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(out.shape[1], left + 2 * reach), min(out.shape[0], top + 2 * reach)
    if x0 >= x1 or y0 >= y1:
        return
    part = small[y0 - top : y1 - top, x0 - left : x1 - left].astype(np.float32)
    weight = part[:, :, 3:] / 255 * strength
    out[y0:y1, x0:x1] += (part[:, :, :3] - out[y0:y1, x0:x1]) * weight


def _turned(out: Field, height: int, width: int) -> Field:
    turned: Field = cv2.resize(np.ascontiguousarray(np.rot90(out)), (width, height))
    return turned


PLAIN: tuple[Ground, ...] = (_cloth, _cloth, _wood, _cork, _speckled, _smooth, _smooth)
PATTERNED: tuple[Ground, ...] = (_stripes, _blotches, _blotches, _shapes, _rubble, _rubble)
