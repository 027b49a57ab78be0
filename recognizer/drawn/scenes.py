"""Drawn photographs of drawn pins: the grounds they lie on, the light, and a camera for one pin or a whole lot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.drawn.drawing import PinDesign, draw_pin
from recognizer.drawn.lettering import letters
from recognizer.types import Box, Float32, Mask, UInt8Image

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Lot:
    """A drawn photo of several pins and where they lie.

    `image` is (height, width, 3) uint8 RGB; `masks` is (n, height, width), True on the pixels of pin i, pins never
    cover one another; `boxes` are the masks' bounds, in the order of the designs.
    """

    image: UInt8Image
    boxes: tuple[Box, ...]
    masks: Mask


def _cloud(rng: Rng, height: int, width: int, cells: int) -> Float32:
    """Return soft noise with `cells` blobs across, about -2 to 2."""
    rows = max(2, round(cells * height / width))
    seed = rng.standard_normal((rows, cells), dtype=np.float32)
    return cv2.resize(seed, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _coloured(colour: Sequence[float], tone: Float32) -> Float32:
    """Multiply a colour by a tone around 1."""
    return np.asarray(cv2.merge([tone * np.float32(part) for part in colour]), dtype=np.float32)


def _spread(layer: Float32) -> Float32:
    """Repeat a layer for red, green and blue; far faster than broadcasting over a last axis of three."""
    return np.asarray(cv2.merge([layer] * 3), dtype=np.float32)


def _places(height: int, width: int, rng: Rng) -> tuple[Float32, Float32]:
    """Return x and y of every pixel, turned a little."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    turn = np.float32(rng.uniform(-0.5, 0.5))
    return x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)


def weave(height: int, width: int, rng: Rng) -> Float32:
    """Coarse cloth of crossing threads, sometimes with stripes."""
    x, y = _places(height, width, rng)
    pitch = np.float32(rng.uniform(5, 11))
    over = np.sin(x * np.pi / pitch) * np.sin(y * np.pi / pitch)
    tone = 0.88 + 0.1 * np.where(over > 0, np.sin(x * 2 * np.pi / pitch), np.sin(y * 2 * np.pi / pitch))
    tone += 0.05 * rng.standard_normal((height, width), dtype=np.float32) + 0.03 * _cloud(rng, height, width, 6)
    colour = rng.choice([(196, 184, 158), (150, 52, 50), (74, 92, 72), (60, 60, 70), (206, 206, 200), (88, 112, 150)])
    cloth = _coloured(colour, tone.astype(np.float32))
    if rng.random() < 0.4:
        stripe = (np.sin(x * 2 * np.pi / (pitch * rng.integers(8, 16))) > 0.8)[..., None]
        cloth = np.where(stripe, cloth * 0.6 + 60, cloth).astype(np.float32)
    return cloth


def denim(height: int, width: int, rng: Rng) -> Float32:
    """Blue twill with worn places."""
    x, y = _places(height, width, rng)
    pitch = np.float32(rng.uniform(3.5, 6))
    twill = np.sin((x + y) * np.pi / pitch) + 0.5 * np.sin(y * 2 * np.pi / pitch)
    noise = rng.standard_normal((height, width), dtype=np.float32)
    tone = 0.95 + 0.16 * twill + 0.12 * noise + 0.08 * _cloud(rng, height, width, 5)
    return _coloured((62, 82, 122), tone.astype(np.float32)) + np.float32(8)


def wood(height: int, width: int, rng: Rng) -> Float32:
    """A planed board, its grain along the picture or across."""
    upright = rng.random() < 0.5
    h, w = (width, height) if upright else (height, width)
    stretched = cv2.resize(rng.standard_normal((h, 12), dtype=np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
    rings = np.arange(h, dtype=np.float32)[:, None] * np.float32(rng.uniform(0.1, 0.25)) + 2.5 * _cloud(rng, h, w, 3)
    tone = 0.9 + 0.08 * np.sin(rings) + 0.045 * cv2.GaussianBlur(stretched, (0, 0), 0.8)
    tone = tone + 0.02 * rng.standard_normal((h, w), dtype=np.float32)
    colour = rng.choice([(178, 126, 78), (122, 76, 46), (206, 172, 126), (92, 60, 44)])
    board = _coloured(colour, tone.astype(np.float32))
    return np.ascontiguousarray(board.transpose(1, 0, 2)) if upright else board


def paper(height: int, width: int, rng: Rng) -> Float32:
    """A sheet of paper: blank, squared or ruled."""
    tone = 1 + 0.012 * rng.standard_normal((height, width), dtype=np.float32) + 0.012 * _cloud(rng, height, width, 30)
    colour = rng.choice([(240, 238, 230), (228, 218, 196), (214, 222, 228), (198, 174, 140)])
    sheet = _coloured(colour, tone.astype(np.float32))
    kind = rng.integers(0, 3)
    if kind:
        x, y = _places(height, width, rng)
        pitch = np.float32(rng.uniform(24, 44))
        ruled = (y % pitch) < 1.6
        if kind == 1:
            ruled |= (x % pitch) < 1.6
        sheet[ruled] = sheet[ruled] * 0.7 + np.array((40, 52, 76), dtype=np.float32)
    return sheet


def skin(height: int, width: int, rng: Rng) -> Float32:
    """The palm of a hand, near enough: skin tones, folds and pores."""
    tone = 0.94 + 0.05 * _cloud(rng, height, width, 4) + 0.02 * _cloud(rng, height, width, 40)
    tone = (tone + 0.012 * rng.standard_normal((height, width), dtype=np.float32)).astype(np.float32)
    folds = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(3, 7))):
        start, bend = rng.uniform(0, 1, 2) * (width, height), rng.uniform(-0.4, 0.4)
        at = np.linspace(-1, 1, 40)
        angle = rng.uniform(0, np.pi)
        way = np.stack([at * width * 0.7, bend * at**2 * height], 1)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        cv2.polylines(folds, [np.round(way @ turn + start).astype(np.int32)], False, 255, int(rng.integers(4, 10)))
    tone -= 0.2 * cv2.GaussianBlur(folds, (0, 0), 4).astype(np.float32) / 255
    return _coloured(rng.choice([(222, 172, 146), (198, 142, 112), (142, 94, 70), (236, 194, 172)]), tone)


def felt(height: int, width: int, rng: Rng) -> Float32:
    """Felt or velvet, as collectors' boards have it."""
    noise = rng.standard_normal((height, width), dtype=np.float32)
    tone = 0.95 + 0.16 * cv2.GaussianBlur(noise, (0, 0), 1.3) + 0.08 * _cloud(rng, height, width, 25)
    colour = rng.choice([(120, 24, 34), (28, 78, 54), (30, 44, 96), (58, 56, 60), (172, 36, 40)])
    return _coloured(colour, tone.astype(np.float32))


GROUNDS: dict[str, Callable[[int, int, Rng], Float32]] = {
    "weave": weave,
    "denim": denim,
    "wood": wood,
    "paper": paper,
    "skin": skin,
    "felt": felt,
}


def _place(pin: UInt8Image, way: NDArray[np.float64], height: int, width: int) -> tuple[Float32, Float32]:
    """Warp a cut-out pin into the picture; returns its colours times alpha, and alpha from 0 to 1."""
    alpha = np.ascontiguousarray(pin[..., 3])
    colours = cv2.multiply(np.ascontiguousarray(pin[..., :3]), cv2.merge([alpha] * 3), scale=1 / 255)
    seen = cv2.warpPerspective(colours, way, (width, height), flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(alpha, way, (width, height), flags=cv2.INTER_LINEAR)
    return seen.astype(np.float32), (cover / 255).astype(np.float32)


def _shadow(alpha: Float32, light: float, far: float, soft: float) -> Float32:
    """Return the shadow that a pin throws away from the light, 0 to 1."""
    full = alpha.shape[1::-1]
    small = cv2.resize(alpha, (full[0] // 3, full[1] // 3), interpolation=cv2.INTER_AREA)  # it is soft: a third will do
    shift = np.array([[1, 0, -far / 3 * np.cos(np.radians(light))], [0, 1, -far / 3 * np.sin(np.radians(light))]])
    moved = cv2.warpAffine(small, shift, small.shape[1::-1])
    return cv2.resize(cv2.GaussianBlur(moved, (0, 0), soft / 3), full).astype(np.float32)


def _stand(
    pin: UInt8Image, turn: float, pitch: float, yaw: float, x: float, y: float, scale: float
) -> NDArray[np.float64]:
    """Return the homography from pixels of the pin to the picture: turned in its plane, tilted, seen from near."""
    height, width = pin.shape[:2]
    a, b, c = np.radians([turn, pitch, yaw])
    roll = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    lean = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    side = np.array([[np.cos(c), 0, np.sin(c)], [0, 1, 0], [-np.sin(c), 0, np.cos(c)]])
    far = 2.6 * max(height, width)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    space = np.column_stack([corners - (width / 2, height / 2), np.zeros(4)]) @ (side @ lean @ roll).T
    seen = space[:, :2] * (far / (far + space[:, 2:])) * scale + (x, y)
    return np.asarray(
        cv2.getPerspectiveTransform(corners.astype(np.float32), seen.astype(np.float32)), dtype=np.float64
    )


def developed(picture: Float32, rng: Rng, blur: float, noise: float, quality: int) -> UInt8Image:
    """Give a picture the faults of a phone: uneven light, a cast, blur, noise and JPEG."""
    height, width = picture.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32) * np.float32(np.cos(angle))
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32) * np.float32(np.sin(angle))
    light = rng.uniform(0.8, 1.1) + rng.uniform(0.05, 0.4) * (x[None, :] + y[:, None])
    cast = 1 + rng.uniform(-0.11, 0.11) * np.array([1.0, 0.1, -1.0])
    picture = picture * np.asarray(cv2.merge([(light * part).astype(np.float32) for part in cast]), dtype=np.float32)
    if rng.random() < 0.25:
        length = int(rng.integers(3, 7))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        spin = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), rng.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, spin, (length, length)).astype(np.float32)
        picture = cv2.filter2D(picture, -1, kernel / max(float(kernel.sum()), 1e-6)).astype(np.float32)
    picture = cv2.GaussianBlur(picture, (0, 0), blur) + np.float32(noise) * rng.standard_normal(
        picture.shape, dtype=np.float32
    )
    done = np.clip(picture, 0, 255).astype(np.uint8)
    stored = cv2.imencode(".jpg", done[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1])


def catalogue_photo(design: PinDesign, rng: Rng, side: int = 640) -> UInt8Image:
    """Draw a catalogue's photo of a pin: flat, upright, on a plain light ground.

    Returns (height, width, 3) uint8 RGB, the longer side `side` pixels.
    """
    pin = draw_pin(design, round(side * 0.78), light=rng.uniform(-140, -100), gloss=0.1)
    margin = round(side * 0.11)
    height, width = (min(side, edge + 2 * margin) for edge in pin.shape[:2])
    colour = rng.choice([(250, 250, 248), (244, 240, 230), (232, 234, 236), (224, 230, 236), (238, 226, 210)])
    tone = 1 + 0.006 * _cloud(rng, height, width, 5) + 0.006 * rng.standard_normal((height, width), dtype=np.float32)
    sheet = _coloured(colour, tone.astype(np.float32))
    colours, alpha = _place(pin, _stand(pin, rng.uniform(-2, 2), 0, 0, width / 2, height / 2, 1.0), height, width)
    sheet *= _spread((1 - 0.4 * _shadow(alpha, rng.uniform(-140, -100), side / 90, side / 90)) * (1 - alpha))
    picture = sheet + colours
    return np.clip(picture, 0, 255, out=picture).astype(np.uint8)


def reverse_photo(design: PinDesign, rng: Rng, side: int = 640, mark: str = "") -> UInt8Image:
    """Draw a catalogue's photo of a pin's back: bare metal of its mirrored shape, a needle on it, and a `mark`.

    Returns (height, width, 3) uint8 RGB, the longer side `side` pixels.
    """
    shape = draw_pin(design, round(side * 0.78))[:, ::-1, 3]
    height, width = shape.shape
    tall, wide = (edge + 2 * round(side * 0.11) for edge in (height, width))
    base = np.array([(196, 190, 176), (188, 190, 194), (182, 160, 122)][int(rng.integers(0, 3))], np.float32)
    tone = 1 + 0.05 * _cloud(rng, tall, wide, 7) + 0.03 * rng.standard_normal((tall, wide), dtype=np.float32)
    metal = _coloured(base.tolist(), tone.astype(np.float32))
    middle, reach = (wide // 2, tall // 2), round(0.34 * min(height, width))
    angle = rng.uniform(-0.2, 0.2)
    step = np.array([np.cos(angle), np.sin(angle)]) * reach
    ends = [tuple(int(v) for v in np.array(middle) + way * step) for way in (-1, 1)]
    for colour, thick in (((92, 90, 86), 13), ((222, 222, 220), 7)):
        cv2.line(metal, ends[0], ends[1], colour, thick, cv2.LINE_AA)
    for at, size in ((ends[0], 22), (ends[1], 16)):
        cv2.circle(metal, at, size, (116, 112, 104), -1, cv2.LINE_AA)
        cv2.circle(metal, at, size - 6, (206, 204, 198), -1, cv2.LINE_AA)
    if mark:
        placed, long = letters(mark)
        size = 0.5 * min(height, width) / max(long, 4.0)
        corner = np.array([middle[0] - long * size / 2, middle[1] + 0.16 * min(height, width)])
        for x, strokes in placed:
            for stroke in strokes:
                line = np.round((stroke + np.array([x, 0.0])) * size + corner).astype(np.int32)
                cv2.polylines(metal, [line], False, (120, 116, 108), 3, cv2.LINE_AA)
    alpha = np.zeros((tall, wide), np.float32)
    top, left = (tall - height) // 2, (wide - width) // 2
    alpha[top : top + height, left : left + width] = shape / np.float32(255)
    colour = rng.choice([(250, 250, 248), (244, 240, 230), (232, 234, 236), (224, 230, 236), (238, 226, 210)])
    sheet = _coloured(colour, (1 + 0.006 * _cloud(rng, tall, wide, 5)).astype(np.float32))
    sheet *= _spread((1 - 0.4 * _shadow(alpha, rng.uniform(-140, -100), side / 90, side / 90)) * (1 - alpha))
    picture = sheet + metal * _spread(alpha)
    return np.clip(picture, 0, 255, out=picture).astype(np.uint8)


def phone_photo(design: PinDesign, rng: Rng, side: int = 640, most_turned: float = 40.0) -> UInt8Image:
    """Draw a collector's photo of a pin: tilted, turned, in uneven light on some ground.

    Returns (height, width, 3) uint8 RGB, the longer side `side` pixels; `most_turned` is the most degrees that the pin
    may be turned either way (180 for any).
    """
    height, width = ((side, side * 3 // 4), (side * 3 // 4, side), (side, side))[int(rng.integers(0, 3))]
    turn, light = rng.uniform(-most_turned, most_turned), rng.uniform(-180, 180)
    size = rng.uniform(0.56, 0.82) * min(height, width)
    pin = draw_pin(design, round(size), light=light - turn, gloss=rng.uniform(0.05, 0.4))
    x, y = (edge * (0.5 + rng.uniform(-0.03, 0.03)) for edge in (width, height))
    way = _stand(pin, turn, rng.uniform(-24, 24), rng.uniform(-24, 24), x, y, 1.0)
    colours, alpha = _place(pin, way, height, width)
    picture = GROUNDS[str(rng.choice(list(GROUNDS)))](height, width, rng)
    shadow = _shadow(alpha, light, rng.uniform(0.01, 0.05) * side, rng.uniform(0.004, 0.025) * side)
    picture = picture * _spread((1 - np.float32(rng.uniform(0.35, 0.7)) * shadow) * (1 - alpha)) + colours
    if rng.random() < 0.7:
        picture += _spread(_glare(rng, height, width, x, y, size) * alpha)
    return developed(picture, rng, rng.uniform(0.4, 1.3), rng.uniform(1, 6), int(rng.integers(50, 90)))


def _glare(rng: Rng, height: int, width: int, x: float, y: float, size: float) -> Float32:
    """Return one bright reflection, a spot or a band, as light to add."""
    across, down = _places(height, width, rng)
    middle = round(min(max(y, 0), height - 1)), round(min(max(x, 0), width - 1))
    u = (across - across[middle]) / np.float32(size) + np.float32(rng.uniform(-0.3, 0.3))
    v = (down - down[middle]) / np.float32(size) + np.float32(rng.uniform(-0.3, 0.3))
    wide, tall = (
        (rng.uniform(0.05, 0.15), rng.uniform(0.06, 0.2)) if rng.random() < 0.6 else (rng.uniform(0.04, 0.08), 2.0)
    )
    spot: Float32 = np.exp(-((u / np.float32(wide)) ** 2) - (v / np.float32(tall)) ** 2)
    return np.float32(rng.uniform(50, 170)) * spot


def lot_photo(
    designs: Sequence[PinDesign],
    rng: Rng,
    width: int = 1280,
    height: int = 960,
    touching: bool = True,
    most_turned: float = 40.0,
) -> Lot:
    """Draw one photo of a lot: the pins side by side on a ground, turned, shadowed, touching or apart.

    Pins are as large as the picture allows, at most 0.4 of its shorter side. The masks are exact: they are the pixels
    where a pin's cover is half or more.
    """
    size = min(0.4 * min(width, height), 0.86 * float(np.sqrt(width * height / max(len(designs), 1))))
    light = rng.uniform(-180, 180)
    while True:
        turns = rng.uniform(-most_turned, most_turned, len(designs))
        sizes = size * rng.uniform(0.82, 1.0, len(designs))
        pins = [draw_pin(d, round(s), light=light - t) for d, s, t in zip(designs, sizes, turns, strict=True)]
        spots = _pack(pins, turns, rng, width, height, 0 if touching else 10)
        if spots is not None:
            break
        size *= 0.88
    picture = GROUNDS[str(rng.choice(list(GROUNDS)))](height, width, rng)
    masks = np.zeros((len(designs), height, width), np.bool_)
    cover = np.zeros((height, width), np.float32)
    boxes, layers = [], []
    for i, (pin, turn, (x, y)) in enumerate(zip(pins, turns, spots, strict=True)):
        reach = int(np.hypot(*pin.shape[:2]) / 2) + 2
        left, top = max(0, int(x) - reach), max(0, int(y) - reach)
        window = slice(top, min(height, int(y) + reach)), slice(left, min(width, int(x) + reach))
        way = _stand(pin, turn, 0, 0, x - left, y - top, 1.0)
        colours, alpha = _place(pin, way, window[0].stop - top, window[1].stop - left)
        masks[i][window] = (alpha >= 0.5) & (cover[window] < 0.5)
        cover[window] = np.maximum(cover[window], alpha)
        layers.append((window, colours, alpha))
        rows, columns = np.flatnonzero(masks[i].any(axis=1)), np.flatnonzero(masks[i].any(axis=0))
        boxes.append(Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))
    picture *= _spread(1 - np.float32(rng.uniform(0.4, 0.65)) * _shadow(cover, light, 0.035 * size, 0.02 * size))
    for window, colours, alpha in layers:
        picture[window] = picture[window] * _spread(1 - alpha) + colours
    return Lot(
        developed(picture, rng, rng.uniform(0.4, 0.9), rng.uniform(1, 4), int(rng.integers(70, 92))),
        tuple(boxes),
        masks,
    )


def _pack(
    pins: Sequence[UInt8Image], turns: NDArray[np.float64], rng: Rng, width: int, height: int, gap: int
) -> list[tuple[float, float]] | None:
    """Find a free place for each pin near the middle, on a quarter-size plan; None when one does not fit."""
    quarter = 4
    taken = np.zeros((height // quarter, width // quarter), np.uint8)
    spots: list[tuple[float, float]] = []
    for pin, turn in zip(pins, turns, strict=True):
        reach = int(np.ceil(np.hypot(*pin.shape[:2]) / 2 / quarter)) + 2
        way = _stand(pin, float(turn), 0, 0, reach * quarter, reach * quarter, 1.0)
        small = np.diag([1 / quarter, 1 / quarter, 1.0]) @ way
        stamp = (cv2.warpPerspective(pin[..., 3], small, (2 * reach, 2 * reach), flags=cv2.INTER_AREA) > 8).astype(
            np.uint8
        )
        grown = cv2.dilate(stamp, np.ones((1 + 2 * (gap // quarter), 1 + 2 * (gap // quarter)), np.uint8))
        rows, columns = np.flatnonzero(grown.any(axis=1)), np.flatnonzero(grown.any(axis=0))
        grown = np.ascontiguousarray(grown[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        if grown.shape[0] >= taken.shape[0] or grown.shape[1] >= taken.shape[1]:
            return None
        clash = cv2.matchTemplate(taken.astype(np.float32), grown.astype(np.float32), cv2.TM_CCORR)
        free_y, free_x = np.nonzero(clash < 0.5)
        if not len(free_y):
            return None
        middle = (np.array(taken.shape) - grown.shape) / 2
        cost = np.hypot((free_y - middle[0]) * width / height, free_x - middle[1]) + rng.uniform(0, 6, len(free_y))
        best = int(np.argmin(cost))
        top, left = int(free_y[best]), int(free_x[best])
        taken[top : top + grown.shape[0], left : left + grown.shape[1]] |= grown.astype(np.uint8)
        spots.append(((left - columns[0] + reach) * quarter, (top - rows[0] + reach) * quarter))
    return spots
