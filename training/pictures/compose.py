"""Composes pictures of one or many pins with the exact outline of each, to train and test the finding of pins.

A picture is a drawn ground, things that are not pins (cards, paper, price tags, boxes, hands, prints), and pins pasted
from a bank of lit sprites, apart, touching or slightly overlapping, each with its shadow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from recognizer.types import UInt8Image
from training.designs import Design
from training.pictures import render
from training.pictures.grounds import Field, colour, folds, ground, noise, stamp
from training.pictures.packing import Shelves
from training.pictures.render import camera, drop_shadow, posed

Ids = NDArray[np.int32]
Strike = Callable[[Sequence[UInt8Image], np.random.Generator], UInt8Image]
NECK = 0.1  # coverage of what joins the parts of a pin that hangs and is yet no metal: the gap around its ring
SKIN = np.array([[236, 188, 164], [214, 158, 128], [180, 120, 90], [140, 90, 66], [95, 62, 48]], np.float32)


NONE = np.zeros((0, render.SIDE, render.SIDE, 4), np.uint8)


@dataclass(frozen=True, slots=True)
class Bank:
    """What scenes are composed of: lit pins, (n, s, s, 4) uint8 each kind, and `prints`, RGBA drawings to print flat.

    `sprites` are pins of all kinds but two: `painted` ones show a scene to their rim, `hanging` ones are a bar with a
    pendant, whose gap is faintly covered. `coins` are what lots of coins are made of.
    """

    sprites: NDArray[np.uint8]
    prints: tuple[UInt8Image, ...]
    coins: NDArray[np.uint8] = field(default_factory=NONE.copy)
    painted: NDArray[np.uint8] = field(default_factory=NONE.copy)
    hanging: NDArray[np.uint8] = field(default_factory=NONE.copy)


def bank(designs: Sequence[Design], folder: Path, count: int, seed: int = 0, prints: int = 300) -> Bank:
    """Strike and light `count` pins, or read what an earlier call left in `folder` as `sprites-<count>-<seed>.npy`.

    One in eight is a coin or a button: bare or plain metal and round, to be found like a pin. Beside them, in files of
    their own, a fortieth as many coins, a sixteenth painted to the rim, and a twenty-fifth that hang from a bar.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(designs), min(prints, len(designs)), replace=False)

    def struck(kind: str, number: int, strike: Strike, rng: np.random.Generator) -> NDArray[np.uint8]:
        file = folder / f"{kind}-{number}-{seed}.npy"
        if not file.exists():
            part = file.with_suffix(".part")
            shape = (number, render.SIDE, render.SIDE, 4)
            sprites = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
            for row in range(number):
                # an illustration of many parts is one pin too: half of the pins show up to six drawings
                drawn = 1 if rng.random() < 0.5 else int(rng.integers(2, 7))
                drawings = [designs[int(i)].read() for i in rng.integers(len(designs), size=drawn)]
                sprites[row] = strike(drawings, rng)
            sprites.flush()
            del sprites  # Windows renames no file that is mapped
            part.replace(file)
        held: NDArray[np.uint8] = np.load(file, mmap_mode="r")
        return held

    shares: tuple[tuple[str, int, Strike], ...] = (
        ("coins", 40, coin),
        ("painted", 16, painted),
        ("hanging", 25, hanging),
    )
    return Bank(
        struck("sprites", count, sprite, rng),
        tuple(designs[int(index)].read() for index in chosen),
        *(
            struck(kind, max(1, count // share), strike, np.random.default_rng((seed, share)))
            for kind, share, strike in shares
        ),
    )


def sprite(drawings: Sequence[UInt8Image], rng: np.random.Generator) -> UInt8Image:
    """Strike and light one pin or, one time in eight, a coin."""
    design = collage(drawings, rng)
    if rng.random() < 0.125:
        return render.lit(render.strike(design, rng, technique="bare", base="round"), rng)
    return render.lit(render.strike(design, rng), rng)


def coin(drawings: Sequence[UInt8Image], rng: np.random.Generator) -> UInt8Image:
    """Strike and light one coin or button."""
    return render.lit(render.strike(collage(drawings, rng), rng, technique="bare", base="round"), rng)


def painted(drawings: Sequence[UInt8Image], rng: np.random.Generator) -> UInt8Image:
    """Strike and light one pin with a painted scene to its rim, or nearly black all over, behind its drawing."""
    field = ground(rng, render.SIDE, render.SIDE, plain=0.2)
    if rng.random() < 0.25:
        dark = rng.uniform(8, 45) + rng.normal(0, 4, 3)
        field[:] = np.clip(dark, 0, 255).astype(np.uint8)
    kinds = ("round", "oval", "slab", "slab", "slab", "slab", "shield", "polygon")
    base = kinds[int(rng.integers(len(kinds)))]
    technique = ("printed", "cloisonne", "mixed")[int(rng.integers(3))]
    return render.lit(render.strike(collage(drawings, rng), rng, technique=technique, base=base, field=field), rng)


def hanging(drawings: Sequence[UInt8Image], rng: np.random.Generator) -> UInt8Image:
    """Strike a bar, or a ribbon in a frame, and a pendant that hangs from it by rings, lit alike: RGBA of one pin.

    What can be seen through between the two is covered by `NECK` alone, so that the whole can be told to be one pin.
    """
    side = render.SIDE
    top = ("bar", "bar", "bar", "slab", "round", "flag", "pennant")[int(rng.integers(7))]
    ribbon = top in ("bar", "slab") and rng.random() < 0.4
    bar = render.strike(
        np.zeros_like(drawings[0]) if ribbon else drawings[0],
        rng,
        technique="printed" if ribbon else "",
        base=top,
        field=_ribbon(rng) if ribbon else None,
    )
    pendant = render.strike(collage(drawings[-2:], rng), rng, base="" if rng.random() < 0.5 else "round")
    light = int(rng.integers(2**31))
    upper, lower = (_trimmed(render.lit(pin, np.random.default_rng(light))) for pin in (bar, pendant))
    wide = side * (1.0 if top == "bar" else rng.uniform(0.5, 1.0)) * rng.uniform(0.6, 1.15)
    upper = _resized(upper, wide / upper.shape[1] if top == "bar" else wide / max(upper.shape[:2]))
    lower = _resized(lower, side / max(lower.shape[:2]))
    ring = side * rng.uniform(0.035, 0.09)  # its radius
    links = 1 if rng.random() < 0.75 else int(rng.integers(2, 4))
    gap = ring * (rng.uniform(0.6, 1.7) + 1.5 * (links - 1))
    hang = rng.normal(0, 0.03) * side
    canvas: Field = np.zeros((int(upper.shape[0] + gap + lower.shape[0]) + 2, 3 * side, 4), np.float32)
    middle = canvas.shape[1] / 2
    lay = ((upper, 0.0, middle), (lower, upper.shape[0] + gap, middle + hang))
    reach = float(rng.uniform(1.0, 2.2)) * ring
    edge = upper.shape[0]
    neck = np.s_[max(0, int(edge - 2 * ring)) : int(edge + gap + 2 * ring), int(middle - reach) : int(middle + reach)]
    canvas[neck][:, :, 3] = 255 * NECK
    for part, y, x in lay:
        place = np.s_[int(y) : int(y) + part.shape[0], int(x - part.shape[1] / 2) :]
        spot = canvas[place][: part.shape[0], : part.shape[1]]
        weight = part[:, :, 3:] / 255
        spot[:, :, :3] += (part[:, :, :3] - spot[:, :, :3]) * weight
        np.maximum(spot[:, :, 3], part[:, :, 3], out=spot[:, :, 3])
    metal = np.array(list(render.METALS.values())[int(rng.integers(len(render.METALS)))]) * rng.uniform(120, 255)
    thick = max(2, int(ring * rng.uniform(0.2, 0.5)))
    pairs = 1 if top != "bar" or rng.random() < 0.8 else 2
    for link in range(links):
        for pair in range(pairs):
            at = (
                int(middle + hang * (link + 0.5) / links + (pair - (pairs - 1) / 2) * 1.6 * reach),
                int(edge + gap * (link + 0.5) / links),
            )
            axes = (max(2, int(ring * rng.uniform(0.5, 1))), max(2, int(max(ring, 0.6 * gap / links))))
            cv2.ellipse(canvas, at, axes, 0, 0, 360, (*metal.tolist(), 255.0), thick, cv2.LINE_AA)
    whole = _trimmed(np.clip(canvas, 0, 255).astype(np.uint8))
    whole = _resized(whole, side * 0.94 / max(whole.shape[:2]))
    out: UInt8Image = np.zeros((side, side, 4), np.uint8)
    y, x = (side - whole.shape[0]) // 2, (side - whole.shape[1]) // 2
    out[y : y + whole.shape[0], x : x + whole.shape[1]] = whole
    return out


def _ribbon(rng: np.random.Generator) -> UInt8Image:
    """Draw the stripes of a medal's ribbon."""
    side = render.SIDE
    tones = [render.ENAMELS[int(rng.integers(len(render.ENAMELS)))] for _ in range(3)]
    cuts = np.sort(rng.uniform(0, 0.5, int(rng.integers(1, 5))))
    across = np.abs(np.linspace(-0.5, 0.5, side))
    out = np.stack(tones)[np.searchsorted(cuts, across) % 3][None].repeat(side, axis=0)
    return np.clip(out * (1 + 0.08 * noise(rng, side, side, 2, 0.5))[:, :, None], 0, 255).astype(np.uint8)


def _trimmed(picture: UInt8Image) -> UInt8Image:
    rows, columns = (np.flatnonzero(picture[:, :, 3].max(axis=axis) > 9) for axis in (1, 0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _resized(picture: UInt8Image, factor: float) -> UInt8Image:
    height, width = (max(4, round(length * factor)) for length in picture.shape[:2])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def collage(drawings: Sequence[UInt8Image], rng: np.random.Generator) -> UInt8Image:
    """Lay RGBA drawings of one size over each other into one, the first as it is and the others small and astray."""
    side = drawings[0].shape[0]
    whole: Field = drawings[0].astype(np.float32)
    whole[:, :, :3] *= whole[:, :, 3:] / 255
    for drawing in drawings[1:]:
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), float(rng.normal(0, 25)), float(rng.uniform(0.3, 0.7)))
        turn[:, 2] += rng.uniform(-0.28, 0.28, 2) * side
        over: Field = cv2.warpAffine(drawing.astype(np.float32), turn, (side, side))
        weight = over[:, :, 3:] / 255
        whole = whole * (1 - weight) + np.dstack([over[:, :, :3] * weight, over[:, :, 3:]])
    whole[:, :, :3] /= np.maximum(whole[:, :, 3:] / 255, 1 / 255)
    return np.clip(whole, 0, 255).astype(np.uint8)


def scene(
    bank: Bank, rng: np.random.Generator, size: int, singles: float = 0.3, boards: float = 0.3
) -> tuple[UInt8Image, Ids]:
    """Compose a picture as they occur: a share of `singles` show one pin, one of `boards` a full board, the rest lots
    of 2 to 60.

    Returns (size, size, 3) uint8 RGB and (size, size) int32, 0 for ground and 1... for the pins.
    """
    chance = rng.random()
    if chance < singles:
        return single(bank, rng, size)
    if chance < singles + boards:
        return packed(bank, rng, size, size)
    return lot(bank, rng, size, size, round(float(np.exp(rng.uniform(np.log(2), np.log(60))))))


def single(bank: Bank, rng: np.random.Generator, size: int) -> tuple[UInt8Image, Ids]:
    """Compose a photo of one pin, a quarter of the frame or nearly all of it: on its card, in a hand, on busy cloth."""
    field = ground(rng, size, size, bank.prints, plain=0.25).astype(np.float32)
    ids = np.zeros((size, size), np.int32)
    extent = size * rng.uniform(0.25, 0.95)
    place = size / 2 + rng.uniform(-1, 1, 2) * max(0.0, size - extent) / 2 * 0.8
    _clutter(field, rng, bank.prints, int(rng.integers(0, 4)))
    holder = rng.random()
    if holder < 0.4:
        reach = extent * rng.uniform(0.55, 0.95, 2)
        card(field, rng, place + rng.normal(0, 0.03 * extent, 2), reach, float(rng.normal(0, 6)), bank.prints)
    elif holder < 0.6:
        hand(field, rng, place, extent)
    chosen = _picked(bank, rng)
    _put(field, ids, rng, chosen, extent, (float(place[0]), float(place[1])), float(_tilted(rng)))
    if rng.random() < 0.1 and extent < 0.7 * size:  # a charm that dangles from the pin belongs to it
        _dangle(field, ids, bank, rng, extent)
    if holder >= 0.4 and rng.random() < 0.2:
        hand(field, rng, place, extent, ids)
    _lamp(field, rng)
    return camera(field, rng), ids


def lot(bank: Bank, rng: np.random.Generator, height: int, width: int, count: int) -> tuple[UInt8Image, Ids]:
    """Compose a picture of up to `count` pins; fewer where no more fit. A third of the lots touch or overlap.

    Returns (height, width, 3) uint8 RGB and (height, width) int32 ids, 1... in order of laying down.
    """
    field = ground(rng, height, width, bank.prints, plain=0.5).astype(np.float32)
    ids = np.zeros((height, width), np.int32)
    _clutter(field, rng, bank.prints, int(rng.integers(0, 5)))
    carried = rng.random()
    if carried < 0.5:  # a board, banner, pennant or case that carries the pins
        centre, reach = np.array([width, height]) / 2, np.array([width, height]) * rng.uniform(0.35, 0.55, 2)
        if carried < 0.25:
            card(field, rng, centre, reach, float(rng.normal(0, 4)), bank.prints if rng.random() < 0.2 else ())
        else:
            board(field, rng, centre, reach)
    alike, shared = _alike(bank, rng)
    if rng.random() < 0.2:
        _hide(field, (alike[0] if alike else _picked(bank, rng)).picture, rng)
    extent = np.sqrt(height * width / count) * rng.uniform(0.35, 1.0)
    spread = (0.08, 0.08, 0.35, 0.5)[int(rng.integers(4))]
    touching = rng.random() < (0.4 if shared is None else 0.7)
    in_rows = rng.random() < (0.35 if shared is None else 0.8)
    carded = rng.random() < 0.12
    places = _places(rng, height, width, count, in_rows)
    clear = int(rng.integers(1, 8))
    for place in places:
        span = float(np.clip(extent * np.exp(rng.normal(0, spread)), 16, min(height, width) * 0.95))
        if carded and not touching:
            card(
                field, rng, np.array(place), span * rng.uniform(0.55, 0.8, 2), float(rng.normal(0, 5)), bank.prints, ids
            )
        overlap = float(rng.uniform(0, 0.12)) if touching and rng.random() < 0.3 else 0.0
        pull = touching and ids.any() and rng.random() < 0.8
        chosen = alike[int(rng.integers(len(alike)))] if alike else _picked(bank, rng)
        degrees = float(_tilted(rng)) if shared is None else shared + rng.normal(0, 2)
        _put(field, ids, rng, chosen, span, place, degrees, overlap, 0 if touching else clear, bool(pull))
    for _ in range(int(rng.integers(0, 3)) if rng.random() < 0.3 else 0):
        _tag(field, rng, ids)
    if rng.random() < 0.08:
        hand(field, rng, rng.uniform(0, 1, 2) * (width, height), extent, ids)
    _lamp(field, rng)
    return camera(field, rng), _kept(ids)


def packed(bank: Bank, rng: np.random.Generator, height: int, width: int) -> tuple[UInt8Image, Ids]:
    """Compose a window on a board that is full of pins, rows packed by their shapes: gaps of 0 to a pin's width.

    The window is as the program sees a dense lot once it looks at the scale of its pins; those at its rim are cut. Half
    of the boards have the colour of their pins: pale enamel on white canvas, dark on dark.
    Returns (height, width, 3) uint8 RGB and (height, width) int32 ids, 1... in order of laying down.
    """
    pale = (None, None, True, False)[int(rng.integers(4))]
    field = ground(rng, height, width, bank.prints, plain=0.7).astype(np.float32)
    if pale is not None:
        tone = rng.uniform(195, 250) if pale else rng.uniform(10, 60)
        field = tone + rng.normal(0, 5, 3).astype(np.float32) + (field - field.mean(axis=(0, 1))) * rng.uniform(0, 0.5)
        field = np.asarray(field, np.float32)
    ids = np.zeros((height, width), np.int32)
    extent = float(np.exp(rng.uniform(np.log(48), np.log(150))))
    gap = 0.0 if rng.random() < 0.35 else extent * float(np.exp(rng.uniform(np.log(0.01), np.log(0.7))))
    uneven, spread = rng.random() < 0.5, (0.05, 0.12, 0.3)[int(rng.integers(3))]
    upright = rng.random() < 0.7
    alike, shared = _alike(bank, rng)
    if pale is None and rng.random() < 0.3:
        _hide(field, (alike[0] if alike else _picked(bank, rng)).picture, rng)
    shelves = Shelves(height, width, extent, -rng.uniform(0, 1) * extent)
    laid = True
    while laid and shelves.row(-rng.uniform(0.2, 1.2) * extent) < height:
        laid = False
        while True:
            span = float(np.clip(extent * np.exp(rng.normal(0, spread)), 24, 0.9 * min(height, width)))
            chosen = alike[int(rng.integers(len(alike)))] if alike else _toned(bank, rng, pale)
            degrees = float(rng.normal(0, 8) if upright else _tilted(rng)) if shared is None else shared
            side = int(span * 1.3) + 4
            tilt = float(rng.uniform(0, 0.05))
            patch = posed(chosen.picture, rng, span, degrees, (side, side), tilt, (side / 2, side / 2))
            solid = patch[:, :, 3] > (0.5 * NECK if chosen.hangs else 0.5)
            place = shelves.lay(solid, gap * float(rng.uniform(0, 2)) if uneven else gap)
            if place is None:
                break
            laid = True
            _lay(field, ids, patch, solid, np.array(place), rng, span)
    if rng.random() < 0.1:
        _tag(field, rng, ids)
    _lamp(field, rng)
    return camera(field, rng), _kept(ids)


def _toned(bank: Bank, rng: np.random.Generator, pale: bool | None) -> Picked:
    """Choose a pin: the palest of four, the darkest of four, or any where `pale` is None."""
    if pale is None or rng.random() < 0.3:
        return _picked(bank, rng)
    some = [_picked(bank, rng) for _ in range(4)]
    tones = [float(one.picture[::8, ::8, :3][one.picture[::8, ::8, 3] > 128].mean()) for one in some]
    return some[int(np.nanargmax(tones) if pale else np.nanargmin(tones))]


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """A sprite to lay into a scene; `hangs` where its faint parts belong to it."""

    picture: UInt8Image
    hangs: bool = False


def _picked(bank: Bank, rng: np.random.Generator) -> Picked:
    """Choose a pin: four in five of `sprites`, one in eight painted to the rim, one in twelve hanging from a bar."""
    chance = rng.random()
    if len(bank.hanging) and (chance < 0.08 or not len(bank.sprites)):
        return Picked(bank.hanging[int(rng.integers(len(bank.hanging)))], hangs=True)
    some = bank.painted if chance < 0.2 and len(bank.painted) else bank.sprites
    return Picked(some[int(rng.integers(len(some)))])


def _alike(bank: Bank, rng: np.random.Generator) -> tuple[list[Picked], float | None]:
    """Choose the few pins that a lot of like things is made of and, for a set in rows, the turn they share.

    Coins, painted pins side by side like tiles, hanging pins, or copies of a few; no pins and None for a mixed lot.
    """
    chance = rng.random()
    if chance < 0.1 and len(bank.coins):
        return [Picked(bank.coins[row]) for row in rng.integers(len(bank.coins), size=int(rng.integers(2, 20)))], None
    if chance < 0.22 and len(bank.painted):
        turn = (0.0, 0.0, 45.0, float(rng.uniform(-180, 180)))[int(rng.integers(4))]
        rows = rng.integers(len(bank.painted), size=int(rng.integers(4, 40)))
        return [Picked(bank.painted[row]) for row in rows], turn
    if chance < 0.28 and len(bank.hanging):
        rows = rng.integers(len(bank.hanging), size=int(rng.integers(2, 20)))
        return [Picked(bank.hanging[row], hangs=True) for row in rows], None
    return [_picked(bank, rng) for _ in range(int(rng.integers(1, 7)) if chance < 0.4 else 0)], None


def _hide(field: Field, pin: UInt8Image, rng: np.random.Generator) -> None:
    """Give the ground, in place, the mean colour of a pin that will lie on it, so that there is little contrast."""
    solid = pin[pin[:, :, 3] > 200][:, :3]
    if len(solid):
        tone = solid.mean(axis=0) * rng.uniform(0.7, 1.2)
        field += (tone.astype(np.float32) - field.mean(axis=(0, 1))) * np.float32(rng.uniform(0.6, 1))


def _lamp(field: Field, rng: np.random.Generator) -> None:
    """Light a scene, in place, as a lamp in a room does, one time in five: warm or cold, dim, mirrored by the table."""
    if rng.random() >= 0.2:
        return
    height, width = field.shape[:2]
    warm = rng.normal(0, 0.12)
    field *= np.array([1 + warm, 1, 1 - 1.5 * warm], np.float32) * np.float32(rng.uniform(0.45, 1.05))
    y, x = np.ogrid[0:height, 0:width]
    for _ in range(int(rng.integers(0, 4))):
        at, reach = rng.uniform(0, 1, 2) * (height, width), rng.uniform(0.02, 0.25) * max(height, width)
        spot = np.exp(-(((y - at[0]) ** 2 + ((x - at[1]) * rng.uniform(0.5, 2)) ** 2) / (2 * reach**2)))
        field += (rng.uniform(20, 200) * spot.astype(np.float32))[:, :, None] * (0.5 + field / 255)


def card(
    field: Field,
    rng: np.random.Generator,
    centre: NDArray[np.float64],
    reach: NDArray[np.float64],
    degrees: float,
    prints: Sequence[UInt8Image] = (),
    ids: Ids | None = None,
) -> None:
    """Lay a card of half-size `reach` (x, y) into `field`, in place: plain or printed, framed, lettered, with a shadow.

    With `ids`, pins that lie there already stay on top.
    """
    height, width = field.shape[:2]
    wide, high = (max(8, int(2 * v)) for v in reach)
    page: Field = ground(rng, high, wide, prints, plain=0.6).astype(np.float32)
    if rng.random() < 0.6:
        page = (
            np.full((high, wide, 3), 0, np.float32) + colour(rng) * (1 + 0.03 * noise(rng, high, wide, 3))[:, :, None]
        )
        if prints and rng.random() < 0.5:
            drawing = prints[int(rng.integers(len(prints)))]
            stamp(page, drawing, wide * rng.random(), high * rng.random(), int(wide * rng.uniform(0.2, 0.9)), 0, 0.9)
    if rng.random() < 0.5:
        inset = int(min(wide, high) * rng.uniform(0.03, 0.1))
        line = max(1, int(min(wide, high) * 0.01))
        cv2.rectangle(page, (inset, inset), (wide - inset, high - inset), colour(rng).tolist(), line)
    if rng.random() < 0.6:
        page = lettered(page, rng)
    turn: Field = cv2.getRotationMatrix2D((wide / 2, high / 2), degrees, 1)
    turn[:, 2] += np.asarray(centre) - (wide / 2, high / 2)
    shape: Field = np.zeros((high, wide), np.float32)
    rounding = int(min(wide, high) * rng.uniform(0, 0.15))
    cv2.rectangle(shape, (rounding, rounding), (wide - rounding - 1, high - rounding - 1), 1.0, -1)
    if rounding:
        shape = cv2.dilate(shape, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rounding + 1, 2 * rounding + 1)))
    cover: Field = cv2.warpAffine(shape, turn, (width, height), flags=cv2.INTER_LINEAR)
    laid = cv2.warpAffine(page, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if ids is not None:
        cover = cover * (ids == 0)
    if rng.random() < 0.8:
        drop_shadow(field, cover, rng, float(min(reach)) * 0.6)
    field += (laid - field) * cover[:, :, None]


def board(field: Field, rng: np.random.Generator, centre: NDArray[np.float64], reach: NDArray[np.float64]) -> None:
    """Lay a board of foam, felt or wood into `field`, in place: of three to eight corners or oval, thick, often rimmed.

    It looks like one huge pin until one sees what it carries, and must not be found.
    """
    height, width = field.shape[:2]
    sides = int(rng.choice([3, 4, 5, 6, 6, 6, 8, 60]))
    turn = rng.uniform(0, 2 * np.pi) + np.arange(sides) * 2 * np.pi / sides
    corners = np.stack([np.cos(turn), np.sin(turn)], 1) * reach * rng.uniform(0.85, 1.15) + centre
    shape: Field = np.zeros((height, width), np.float32)
    cv2.fillPoly(shape, [np.round(corners).astype(np.int32)], 1.0, cv2.LINE_AA)
    if rng.random() < 0.5:
        page = np.full((height, width, 3), 0, np.float32) + colour(rng)
        if rng.random() < 0.5:
            page[:] = rng.uniform(215, 252) + rng.normal(0, 4, 3)  # white foam
        page *= (1 + 0.03 * noise(rng, height, width, 3) + 0.04 * folds(rng, height, width))[:, :, None]
    else:
        page = ground(rng, height, width, (), plain=0.7).astype(np.float32)
    if rng.random() < 0.5:  # a rim in another tone, or the lit edge of thick foam
        thick = max(1, int(min(reach) * rng.uniform(0.01, 0.06)))
        tone = (colour(rng) if rng.random() < 0.5 else page.mean(axis=(0, 1)) * rng.uniform(0.6, 1.25)).tolist()
        cv2.polylines(page, [np.round(corners).astype(np.int32)], True, tone, thick, cv2.LINE_AA)
    drop_shadow(field, shape, rng, float(min(reach)) * rng.uniform(0.2, 0.8))
    field += (page - field) * shape[:, :, None]


def lettered(page: Field, rng: np.random.Generator) -> Field:
    """Return the page with a few printed words."""
    high, wide = page.shape[:2]
    canvas = Image.fromarray(np.clip(page, 0, 255).astype(np.uint8))
    pen, ink = ImageDraw.Draw(canvas), tuple(colour(rng).astype(int).clip(0, 255).tolist())
    for _ in range(int(rng.integers(1, 7))):
        text = " ".join(str(rng.choice(render.WORDS)) for _ in range(int(rng.integers(1, 4))))
        size = max(6, int(min(wide, high) * rng.uniform(0.05, 0.16)))
        pen.text((wide * rng.uniform(0, 0.7), high * rng.uniform(0, 0.95)), text, fill=ink, font=render.font(size))
    return np.asarray(canvas).astype(np.float32)


def hand(
    field: Field, rng: np.random.Generator, place: NDArray[np.float64], extent: float, ids: Ids | None = None
) -> None:
    """Draw a hand in place: a palm under the pin, or with `ids` finger tips over its edge, hiding that part."""
    height, width = field.shape[:2]
    skin = np.zeros((height, width), np.float32)
    away = rng.uniform(0, 2 * np.pi)
    if ids is None:
        centre = place + extent * 0.3 * np.array([np.cos(away), np.sin(away)])
        axes = (int(extent * rng.uniform(0.6, 1.1)), int(extent * rng.uniform(0.45, 0.8)))
        cv2.ellipse(skin, centre.astype(int).tolist(), axes, float(np.degrees(away)), 0, 360, 1.0, -1)
    for finger in range(int(rng.integers(1, 5 if ids is None else 3))):
        turn = away + finger * rng.uniform(0.25, 0.5)
        ray = np.array([np.cos(turn), np.sin(turn)])
        start = place + ray * extent * (rng.uniform(0.0, 0.4) if ids is None else rng.uniform(0.4, 0.55))
        thick = int(extent * rng.uniform(0.15, 0.3)) + 2
        cv2.line(skin, start.astype(int).tolist(), (start + ray * 2 * extent).astype(int).tolist(), 1.0, thick)
    soft = cv2.GaussianBlur(skin, (0, 0), 1.2)
    depth = cv2.GaussianBlur(skin, (0, 0), max(2.0, extent * 0.06))
    tone = SKIN[int(rng.integers(len(SKIN)))] + rng.normal(0, 8, 3).astype(np.float32)
    relief = (0.55 + 0.5 * depth) * (1 + 0.05 * noise(rng, height, width, 3) + 0.06 * folds(rng, height, width))
    drop_shadow(field, soft, rng, extent * 0.5)
    field += (tone * relief[:, :, None] - field) * soft[:, :, None]
    if ids is not None:
        ids[soft > 0.5] = 0


def _places(rng: np.random.Generator, height: int, width: int, count: int, in_rows: bool) -> list[tuple[float, float]]:
    if not in_rows:
        return [(float(x), float(y)) for x, y in rng.uniform(0.04, 0.96, (count, 2)) * (width, height)]
    columns = max(1, round(np.sqrt(count * width / height)))
    rows = -(-count // columns)
    jitter = rng.uniform(0, 0.12)
    shift = 0.5 if rng.random() < 0.3 else 0.0  # every other row, as in a honeycomb
    places = []
    for index in range(count):
        x = (index % columns + 0.5 + shift * (index // columns % 2) + rng.normal(0, jitter)) * width / columns
        places.append((float(x), float((index // columns + 0.5 + rng.normal(0, jitter)) * height / rows)))
    return places


def _tilted(rng: np.random.Generator) -> float:
    return rng.normal(0, 12) if rng.random() < 0.65 else rng.uniform(-180, 180)


def _put(
    field: Field,
    ids: Ids,
    rng: np.random.Generator,
    chosen: Picked,
    span: float,
    place: tuple[float, float],
    degrees: float,
    overlap: float = 0.0,
    clear: int = 0,
    pull: bool = False,
) -> bool:
    """Paste one pin where it hides at most `overlap` of another pin's or its own area; False where it does not fit.

    With `pull` it is moved towards the nearest pin until they touch.
    """
    side = int(span * 1.3) + 4
    tilt = float(rng.uniform(0, 0.07))
    patch = posed(chosen.picture, rng, span, degrees, (side, side), tilt, place=(side / 2, side / 2))
    solid = patch[:, :, 3] > (0.5 * NECK if chosen.hangs else 0.5)
    corner = np.array([int(place[0]) - side // 2, int(place[1]) - side // 2])
    taken = ids > 0
    if clear:
        taken = cv2.dilate(taken.astype(np.uint8), np.ones((2 * clear + 1, 2 * clear + 1), np.uint8)) > 0
    allowed = max(3.0, overlap * float(solid.sum()))
    if pull and taken.any():
        rows, columns = np.nonzero(taken[::4, ::4])
        nearest = np.argmin((columns * 4 - place[0]) ** 2 + (rows * 4 - place[1]) ** 2)
        toward = np.array([columns[nearest] * 4 - place[0], rows[nearest] * 4 - place[1]])
        for share in np.linspace(1.2, -1.6, 24):
            tried = corner + (toward * share).astype(int) if np.abs(toward).max() > 6 else corner
            if _hidden(taken, solid, tried) <= allowed:
                corner = tried
                break
        else:
            return False
    elif _hidden(taken, solid, corner) > allowed:
        return False
    return _lay(field, ids, patch, solid, corner, rng, span)


def _hidden(taken: NDArray[np.bool_], solid: NDArray[np.bool_], corner: NDArray[np.int64]) -> float:
    there, here = _window(taken.shape[:2], solid.shape[0], corner)
    return float((taken[there] & solid[here]).sum())


def _window(
    shape: tuple[int, ...], side: int, corner: NDArray[np.int64]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    left, top = int(corner[0]), int(corner[1])
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = max(x0, min(shape[1], left + side)), max(y0, min(shape[0], top + side))
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))


def _lay(
    field: Field,
    ids: Ids,
    patch: Field,
    solid: NDArray[np.bool_],
    corner: NDArray[np.int64],
    rng: np.random.Generator,
    span: float,
) -> bool:
    there, here = _window(ids.shape, patch.shape[0], corner)
    if solid[here].sum() < 0.35 * solid.sum():  # more than half outside of the picture
        return False
    part = field[there]
    drop_shadow(part, patch[here][:, :, 3], rng, span)
    part *= 1 - patch[here][:, :, 3:]
    part += patch[here][:, :, :3]
    ids[there][solid[here]] = ids.max() + 1
    return True


def _dangle(field: Field, ids: Ids, bank: Bank, rng: np.random.Generator, extent: float) -> None:
    rows, columns = np.nonzero(ids)
    if not len(rows):
        return
    bottom = (int(columns[np.argmax(rows)]), int(rows.max()))
    length, tone = int(extent * rng.uniform(0.08, 0.25)), colour(rng).tolist()
    end = (bottom[0] + int(rng.normal(0, 3)), bottom[1] + length)
    cv2.line(field, bottom, end, tone, max(2, int(extent * 0.02)), cv2.LINE_AA)
    line = cv2.line(np.zeros(ids.shape, np.uint8), bottom, end, 1, max(2, int(extent * 0.02)))
    span = extent * float(rng.uniform(0.2, 0.4))
    _put(field, ids, rng, _picked(bank, rng), span, (end[0], end[1] + span / 2), 0.0)
    ids[(line > 0) | (ids > 0)] = 1


def _tag(field: Field, rng: np.random.Generator, ids: Ids) -> None:
    """Lay a price tag over everything; what it hides is not found."""
    height, width = field.shape[:2]
    reach = np.array([1.0, rng.uniform(0.4, 0.8)]) * max(height, width) * rng.uniform(0.03, 0.09)
    before = field.copy()
    card(field, rng, rng.uniform(0, 1, 2) * (width, height), reach, float(rng.normal(0, 20)))
    ids[np.abs(field - before).max(axis=2) > 25] = 0


def _clutter(field: Field, rng: np.random.Generator, prints: Sequence[UInt8Image], count: int) -> None:
    """Lay things that are no pins in place: cards, boxes, tape, rods and cables."""
    height, width = field.shape[:2]
    for _ in range(count):
        place = rng.uniform(-0.1, 1.1, 2) * (width, height)
        kind = rng.integers(4)
        if kind <= 1:
            reach = rng.uniform(0.06, 0.5, 2) * max(height, width)
            card(field, rng, place, reach, float(rng.uniform(-90, 90)), prints)
        elif kind == 2:
            ends = (rng.uniform(-0.2, 1.2, (2, 2)) * (width, height)).astype(int)
            thick = int(rng.uniform(0.005, 0.08) * max(height, width)) + 1
            cv2.line(field, ends[0].tolist(), ends[1].tolist(), colour(rng).tolist(), thick, cv2.LINE_AA)
        else:  # a frame or the edge of a box
            reach = (rng.uniform(0.2, 0.6, 2) * (width, height)).astype(int)
            corner, other = (place - reach).astype(int).tolist(), (place + reach).astype(int).tolist()
            cv2.rectangle(
                field, corner, other, colour(rng).tolist(), int(rng.uniform(2, 0.06 * max(height, width) + 3))
            )


def _kept(ids: Ids) -> Ids:
    """Drop pins of which hardly anything is left to see."""
    sizes = np.bincount(ids.ravel())
    numbers = np.zeros(len(sizes), np.int32)
    good = np.flatnonzero(sizes > 60)
    good = good[good > 0]
    numbers[good] = np.arange(1, len(good) + 1)
    return numbers[ids]
