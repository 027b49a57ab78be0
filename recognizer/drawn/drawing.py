"""The design of a drawn pin (`PinDesign`) and its thirteen kinds, from a town's shield to a wreath (`draw_pin`)."""
# ruff: noqa: RUF005 -- "+ (x, y)" moves an array of places, it joins nothing

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from recognizer.drawn.emblems import EMBLEMS, Part, arc, ellipse, gear_ring, points, rectangle, star, turned, wheat_ear
from recognizer.drawn.lettering import Points, letters, smooth
from recognizer.drawn.metal import EXTENT, Plate
from recognizer.types import UInt8Image

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class PinDesign:
    """What a pin shows; near twins share `seed`, `kind` and `emblem` and differ in one of the others.

    `kind` is a key of `KINDS`; `emblem` and `second` are keys of `emblems.EMBLEMS`; `finish` is a key of `METALS`;
    `colours` are four keys of `ENAMELS`: ground, second ground, emblem, its details; `words` are the inscriptions,
    `year` a short one for itself; `relief` means bare metal without enamel. `seed` settles every shape.
    """

    seed: int
    kind: str
    emblem: str
    second: str
    finish: str
    colours: tuple[str, str, str, str]
    words: tuple[str, ...]
    year: str = ""
    relief: bool = False


def _shield(rng: Rng) -> Points:
    """Return one of five shields."""
    kind = int(rng.integers(0, 5))
    if kind == 0:  # French
        half = points("0,-98 78,-98 78,60 60,78 20,82 0,100")
        return np.concatenate([half, (half * (-1, 1))[::-1]])
    if kind == 1:  # pointed
        half = np.concatenate([points("0,-98 80,-98"), smooth(points("80,-98 80,0 70,50 0,102"), False)])
    elif kind == 2:  # with ears
        half = np.concatenate(
            [points("0,-88 40,-84 76,-100 86,-60 78,-40"), smooth(points("78,-40 84,40 40,84 0,100"), False)]
        )
    elif kind == 3:  # round foot
        half = np.concatenate([points("0,-96 76,-96"), smooth(points("76,-96 76,98 30,98 0,98"), False)])
    else:  # Swiss
        half = np.concatenate(
            [smooth(points("0,-84 30,-100 72,-96"), False), smooth(points("78,-80 86,30 40,70 0,104"), False)]
        )
    return np.concatenate([half, (half * (-1, 1))[::-1]])


def _frame(rng: Rng, wide: float, tall: float) -> Points:
    """Return a rectangle with sharp, cut, rounded or bowed sides."""
    kind = int(rng.integers(0, 4))
    c = 0.18
    cut = np.array(
        [
            [-wide + c, -tall],
            [wide - c, -tall],
            [wide, -tall + c],
            [wide, tall - c],
            [wide - c, tall],
            [-wide + c, tall],
            [-wide, tall - c],
            [-wide, -tall + c],
        ]
    )
    if kind == 0:
        return rectangle(-wide, -tall, wide, tall)
    if kind == 1:
        return cut
    if kind == 2:
        return smooth(cut)
    return np.concatenate(
        [
            rectangle(-wide, -tall, wide, tall)[1:2],
            np.array([[wide, tall * 0.7]]),
            smooth(np.array([[wide, tall * 0.7], [0.0, tall * 1.2], [-wide, tall * 0.7]]), False),
            rectangle(-wide, -tall, wide, tall)[:1],
        ]
    )


def _wave(y: float, swing: float, count: float, wide: float = 1.1) -> Points:
    """Return a waving line from left to right."""
    x = np.linspace(-wide, wide, 61)
    return np.stack([x, y + swing * np.sin(x * np.pi * count)], axis=1)


def _below(line: Points, foot: float = 1.1) -> Points:
    """Close a line from left to right into the field below it."""
    return np.concatenate([line, [[line[-1, 0], foot], [line[0, 0], foot]]])


def _field(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """Lay the ground of a pin: one colour, or two parted in one of ten ways."""
    first, other = design.colours[:2]
    whole = rectangle(-1.1, -1.1, 1.1, 1.1)
    if plate.relief:
        plate.ground(rng, str(rng.choice(["stipple", "lines", "rays", "smooth"])))
        return
    plate.cell(first, whole, wired=False)
    kind, at = int(rng.integers(0, 10)), rng.uniform(-0.15, 0.35)
    if kind == 0:
        plate.cell(other, rectangle(-1.1, at, 1.1, 1.1))
    elif kind == 1:
        plate.cell(other, rectangle(0, -1.1, 1.1, 1.1))
    elif kind == 2:
        plate.cell(other, np.array([[-1.1, 1.1], [1.1, -1.1], [1.1, 1.1]]) * (rng.choice([-1, 1]), 1))
    elif kind == 3:
        for i in range(int(rng.integers(1, 4))):
            plate.cell(other if i % 2 == 0 else first, _below(_wave(at + 0.1 + 0.16 * i, 0.04, rng.uniform(2, 4))))
    elif kind == 4:
        plate.cell(other, np.array([[-1.1, 1.1], [0, at - 0.1], [1.1, 1.1]]))
    elif kind == 5:
        rays = int(rng.integers(7, 15))
        for i in range(rays):
            a, b = np.radians(180 + 180 * (i + 0.25) / rays), np.radians(180 + 180 * (i + 0.75) / rays)
            plate.cell(
                other,
                np.array([[0, 0.75], [2 * np.cos(a), 0.75 + 2 * np.sin(a)], [2 * np.cos(b), 0.75 + 2 * np.sin(b)]]),
            )
        plate.cell(first, ellipse(0, 0.75, 0.3))
    elif kind == 6:
        band = turned(rectangle(-1.6, -0.24, 1.6, 0.24), rng.choice([-45, 45, -30, 30]))
        plate.cell(other, band)
    elif kind == 7:
        plate.cell(other, np.array([[-1.1, -1.1], [1.1, -1.1], [1.1, at - 0.3], [0, at], [-1.1, at - 0.3]]))
    elif kind == 8:
        hills = np.stack(
            [
                np.linspace(-1.1, 1.1, 61),
                at + 0.25 - 0.14 * np.sin(np.linspace(rng.uniform(0, 3), rng.uniform(5, 9), 61)),
            ],
            axis=1,
        )
        plate.cell(other, _below(hills))


def _tones(design: PinDesign) -> tuple[str, str, str]:
    """Return the colours of the emblem's three tones."""
    spare = next(c for c in ("yellow", "white", "red", "sky", "black") if c not in design.colours)
    return design.colours[2], design.colours[3], spare


def _put(plate: Plate, rng: Rng, design: PinDesign, x: float, y: float, size: float, angle: float = 0) -> None:
    """Place the design's emblem; a third of them look to the other side."""
    parts = EMBLEMS[design.emblem](rng)
    if rng.random() < 0.35:
        parts = [Part(tuple(ring * (-1, 1) for ring in part.rings), part.tone, part.width) for part in parts]
    plate.emblem(parts, x, y, size, _tones(design), angle)


def _word(design: PinDesign, at: int = 0) -> str:
    return design.words[at] if at < len(design.words) else ""


def _arms(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """A town's arms: a shield with the name in the chief."""
    plate.cut([_shield(rng)], rng.uniform(0.05, 0.08))
    _field(plate, rng, design)
    chief = -0.98 + rng.uniform(0.44, 0.5)
    _put(
        plate,
        rng,
        design,
        0,
        0.18 - (0.06 if design.year else 0),
        rng.uniform(0.44, 0.52) - (0.06 if design.year else 0),
    )
    if rng.random() < 0.5:
        small = EMBLEMS[design.second](rng)
        plate.emblem(small, -0.5, -0.26, 0.17, _tones(design))
    plate.cell(design.colours[1] if rng.random() < 0.5 else "white", rectangle(-1.1, -1.1, 1.1, chief))
    light = plate.ink[plate.side // 2 - round(0.9 * plate.scale), plate.side // 2].sum() > 420
    plate.write(
        _word(design),
        0,
        (chief - 0.86) / 2,
        0.19,
        1.24,
        design.colours[0] if light and design.colours[0] != "white" else "",
    )
    if design.year:
        plate.write(design.year, 0, 0.72, 0.14, 0.5)


def _roundel(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """A disc with words on a ring round the emblem."""
    inner = rng.uniform(0.6, 0.68)
    plate.cut([ellipse(0, 0, 1, count=96)], rng.uniform(0.035, 0.06))
    _field(plate, rng, design)
    _put(plate, rng, design, 0, 0, inner * 0.76)
    if plate.relief:
        plate.swell(ellipse(0, 0, 1), ellipse(0, 0, inner), rise=0.4, reach=0.05)
        plate.ridge(np.concatenate([ellipse(0, 0, inner), ellipse(0, 0, inner)[:1]]), 0.03)
    else:
        plate.cell(design.colours[1], ellipse(0, 0, 1.05), ellipse(0, 0, inner))
    middle = (inner + 0.95) / 2
    plate.write_arc(_word(design), middle, (0.95 - inner) * 0.6, -90, room=210)
    lower = design.year or _word(design, 1)
    plate.write_arc(lower, middle, (0.95 - inner) * 0.56, 90, room=100)
    if not lower:
        plate.swell(star(5, 0.11, 0.045, 0, middle))
    elif rng.random() < 0.6:
        for side in (-1, 1):
            plate.swell(star(5, 0.07, 0.03, side * middle * 0.86, middle * 0.5))


def _pennant(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """A hanging pennant, pointed or with a swallow's tail."""
    wide = rng.uniform(0.58, 0.72)
    tips = (((0, 1.0),), ((wide * 0.5, 1.0), (0, 0.72), (-wide * 0.5, 1.0)), ((0, 0.66),))[int(rng.integers(0, 3))]
    low = 0.56 if len(tips) == 1 and tips[0][1] == 1.0 else 0.98
    plate.cut(
        [
            np.array([[-wide, -0.9], [wide, -0.9], [wide, low], *tips, [-wide, low]]),
            smooth(rectangle(-wide - 0.08, -1.0, wide + 0.08, -0.86)),
        ],
        0.045,
    )
    _field(plate, rng, design)
    plate.cell(design.colours[1], rectangle(-1, -1.1, 1, -0.5))
    plate.write(_word(design), 0, -0.68, 0.2, wide * 1.66)
    _put(plate, rng, design, 0, -0.06, wide * 0.62)
    if design.year:
        plate.write(design.year, 0, 0.52, 0.2, wide * 1.2)
    elif _word(design, 1):
        plate.write(_word(design, 1), 0, 0.5, 0.15, wide * 1.4)


def _star(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """A star of five or more rays with a medallion."""
    rays = int(rng.choice([5, 5, 6, 8]))
    inner = {5: 0.46, 6: 0.62, 8: 0.76}[rays]
    outline = star(rays, 1.05, inner, 0, 0.05 if rays == 5 else 0)
    plate.cut([outline], 0.05)
    plate.cell(design.colours[0], outline)
    if rng.random() < 0.6:
        for i in range(rays):
            plate.ridge(np.array([[0, 0.05], outline[2 * i]]), 0.024)
    radius = 0.47 if rays == 5 else 0.56
    y = 0.05 if rays == 5 else 0
    if plate.relief:
        plate.swell(ellipse(0, y, radius), rise=0.3, reach=0.04)
        plate.ridge(np.concatenate([ellipse(0, y, radius), ellipse(0, y, radius)[:1]]), 0.03)
    else:
        plate.cell(design.colours[1], ellipse(0, y, radius))
    _put(plate, rng, design, 0, y - (0.06 if _word(design) else 0), radius * 0.66)
    plate.cell(
        design.colours[0] if design.colours[0] != design.colours[2] else "white",
        smooth(rectangle(-0.62, y + 0.27, 0.62, y + 0.57)),
    )
    plate.write(_word(design) if len(_word(design)) < 10 or not design.year else design.year, 0, y + 0.42, 0.13, 0.84)


def _flag(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """A waving flag on its staff."""
    swing = rng.uniform(0.05, 0.12)
    x = np.linspace(-0.82, 1.0, 50)
    pace = rng.uniform(3.2, 4.2)

    def sway(at: float) -> float:
        return float(swing * np.sin((at + 0.8) * pace))

    wave = np.array([sway(at) for at in x])
    top, foot = np.stack([x, -0.68 + wave], 1), np.stack([x, 0.42 + wave], 1)
    cloth = np.concatenate([top, foot[::-1]])
    pole = rectangle(-0.94, -0.94, -0.82, 0.98)
    plate.cut([cloth, pole, ellipse(-0.88, -0.94, 0.1)], 0.045)
    _field(plate, rng, design)
    plate.cell(design.colours[1], np.concatenate([foot - (0, 0.36), foot[::-1] + (0, 0.1)]))
    x0 = float(rng.choice([-0.38, 0.08]))
    _put(plate, rng, design, x0, -0.28 + sway(x0), 0.32)
    plate.write(_word(design), 0.09, 0.22, 0.18, 1.5, sway=sway)
    if design.year:
        plate.write(design.year, 0.6, -0.4, 0.16, 0.46, sway=sway)
    plate.swell(pole, rise=1.2, reach=0.06)
    plate.swell(ellipse(-0.88, -0.94, 0.1), rise=1.2)


def _plaque(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """An upright or lying plaque with a band of words."""
    upright = rng.random() < 0.5
    wide, tall = (0.72, 1.0) if upright else (1.0, rng.uniform(0.66, 0.78))
    plate.cut([_frame(rng, wide, tall)], rng.uniform(0.04, 0.07))
    _field(plate, rng, design)
    band = tall * (0.42 if upright else 0.46)
    above = rng.random() < 0.35
    y = -1 if above else 1
    _put(
        plate,
        rng,
        design,
        0 if upright or not design.year else -0.3,
        -y * 0.2 * tall,
        min(wide, tall) * (0.68 if upright else 0.62),
    )
    if design.year and not upright:
        plate.write(design.year, 0.58, -y * 0.2, 0.24, 0.56)
    ribbon = np.array([[-1.1, y * 1.1], [1.1, y * 1.1], [1.1, y * (tall - band)], [-1.1, y * (tall - band)]])
    plate.cell(design.colours[1], ribbon)
    second = _word(design, 1) or (design.year if upright else "")
    place = y * (tall - band * 0.5 - 0.035)
    if second:
        plate.write(_word(design), 0, place - band * 0.19, band * 0.32, wide * 1.6)
        plate.write(second, 0, place + band * 0.22, band * 0.25, wide * 1.4)
    else:
        plate.write(_word(design), 0, place, min(0.2, band * 0.5), wide * 1.6)


def _cutout(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """A figure that is itself the outline of the pin, on a named foot."""
    size = 0.8 if design.words else 0.96
    parts = EMBLEMS[design.emblem](rng)
    lift = 0.64 - size * max(float(ring[:, 1].max()) for part in parts for ring in part.rings) if design.words else 0.0
    canvas = np.zeros((360, 360), np.uint8)
    for part in parts:
        rings = [np.round(((ring * size + (0, lift)) * 120 + 180) * 16).astype(np.int32) for ring in part.rings]
        if part.width:
            cv2.polylines(canvas, rings, False, 255, max(2, round(part.width * size * 120)), cv2.LINE_8, 4)
        else:
            cv2.fillPoly(canvas, rings[:1], 255, cv2.LINE_8, 4)
    grown = cv2.dilate(canvas, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15)))
    found = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    figure = [smooth((outline[:, 0].astype(np.float64) - 179.5) / 120) for outline in found if len(outline) > 3]
    base = smooth(rectangle(-0.86, 0.56, 0.86, 0.98)) if rng.random() < 0.5 else rectangle(-0.8, 0.58, 0.8, 0.96)
    plate.cut([*figure, base] if design.words else figure, 0.03)
    plate.ground(rng, "stipple")
    plate.emblem(parts, 0, lift, size, _tones(design))
    if design.words:
        plate.cell(design.colours[0], base)
        plate.write(_word(design), 0, 0.77, 0.19, 1.3)


def _profile(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """A portrait in profile: bare relief on an oval, a disc, a plaque or a shield, or on enamel."""
    shape = int(rng.integers(0, 4))
    outline = (ellipse(0, 0, 0.8, 1.0), ellipse(0, 0, 1.0, count=96), _frame(rng, 0.76, 1.0), _shield(rng))[shape]
    plate.cut([outline], rng.uniform(0.05, 0.08))
    was = plate.relief
    _field(plate, rng, design)
    plate.relief = True
    parts = EMBLEMS["head"](rng)
    if rng.random() < 0.4:
        parts = [Part(tuple(ring * (-1, 1) for ring in part.rings), part.tone, part.width) for part in parts]
    plate.emblem(parts, 0, -0.16, 0.64, ("white",) * 3)
    plate.relief = was
    band = _below(np.array([[-1.1, 0.5], [1.1, 0.5]]))
    plate.cell(design.colours[1], band)
    plate.write(_word(design), 0, 0.65, 0.16, (0.9, 1.2, 1.2, 0.72)[shape])
    if design.year:
        plate.write(design.year, 0, 0.83, 0.1, 0.44)


def _jubilee(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """Large figures of an anniversary with an emblem and a wreath."""
    shape = int(rng.integers(0, 4))
    outline = (ellipse(0, 0, 1.0, count=96), _shield(rng), _frame(rng, 0.86, 1.0), star(12, 1.0, 0.9))[shape]
    plate.cut([outline], 0.05)
    _field(plate, rng, design)
    figures = design.words[-1]
    placed, long = letters(figures.split()[0])
    height = min(0.54, 1.2 / long)
    for width, colour in ((0.3, ""), (0.16, design.colours[2])):
        for start, strokes in placed:
            for stroke in strokes:
                way = (stroke + (start - long / 2, 0)) * height - (0, 0.06)
                if colour and not plate.relief:
                    plate.paint(colour, way, width * height)
                else:
                    plate.ridge(way, width * height, 1.6)
    plate.emblem(EMBLEMS[design.emblem](rng), 0, -0.6, 0.24, _tones(design))
    if rng.random() < 0.6:
        for side in (-1, 1):
            way = arc(0, 0, 0.76, 78, -30)
            plate.emblem(
                wheat_ear(way * (side, 1), int(rng.integers(6, 10)), 0.075),
                0,
                0,
                1.0,
                ("green" if rng.random() < 0.4 else "yellow",) * 3,
            )
    plate.write(" ".join(figures.split()[1:]), 0, 0.4, 0.14, 0.66)
    plate.cell(design.colours[1], smooth(rectangle(-0.76, 0.52, 0.76, 0.82)))
    plate.write(_word(design), 0, 0.67, 0.14, 0.84 if shape == 1 else 1.1)


def _medal(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """A small medal that hangs from a bar."""
    body = (
        ellipse(0, 0.36, 0.62),
        star(6, 0.66, 0.5, 0, 0.36),
        gear_ring(14, 0.64, 0.56) + (0, 0.36),
        smooth(_shield(rng)) * 0.62 + (0, 0.38),
    )[int(rng.integers(0, 4))]
    bar = smooth(rectangle(-0.72, -1.0, 0.72, -0.5)) if rng.random() < 0.5 else rectangle(-0.66, -1.0, 0.66, -0.52)
    link = ellipse(0, -0.38, 0.16)
    plate.cut([body, bar, link], 0.04)
    plate.cell(design.colours[0], rectangle(-1, -0.25, 1, 1.1), wired=False)
    plate.cell(design.colours[1], rectangle(-1, -1.1, 1, -0.5), wired=False)
    plate.swell(ellipse(0, -0.38, 0.17), rise=0.6)
    for ring in (body, bar):
        plate.ridge(np.concatenate([ring, ring[:1]]), 0.05)
    _put(plate, rng, design, 0, 0.34, 0.36)
    plate.write(_word(design), 0, -0.75, 0.2, 1.16)
    if design.year:
        plate.write(design.year, 0, 0.82, 0.1, 0.4)


def _lozenge(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """A sporting society's or school's lozenge."""
    wide = rng.uniform(0.62, 0.98)
    outline = np.array([[0, -1.0], [wide, 0], [0, 1.0], [-wide, 0]])
    plate.cut([outline], 0.05)
    plate.cell(design.colours[0], outline)
    plate.cell(design.colours[1], outline * 0.82)
    if rng.random() < 0.5:
        plate.cell(design.colours[0], _below(_wave(0.12, 0.03, 3, 0.82)) * (0.82, 0.5) + (0, 0.06), wired=True)
        plate.cell(design.colours[0], outline, outline * 0.8)
    _put(plate, rng, design, 0, -0.26, 0.36 * min(1, wide + 0.14))
    plate.cell(design.colours[0], smooth(rectangle(-wide * 0.86, 0.1, wide * 0.86, 0.4)))
    plate.write(_word(design), 0, 0.25, 0.17, wide * 1.12)
    plate.write(design.year, 0, 0.53, 0.13, 0.34)


def _wreath(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """An emblem in an open wreath, tied with a lettered ribbon."""
    core = int(rng.integers(0, 3))
    middle = (ellipse(0, -0.06, 0.6), star(5, 0.74, 0.34, 0, -0.08), smooth(_shield(rng)) * 0.62 + (0, -0.1))[core]
    ring = np.concatenate([arc(0, 0, 1.0, 88, -66), arc(0, 0, 0.68, 88, -66)[::-1]])
    ribbon = smooth(np.array([[-0.8, 0.6], [0.8, 0.6], [0.92, 0.98], [0.6, 0.92], [-0.6, 0.92], [-0.92, 0.98]]))
    plate.cut([middle, ring, ring * (-1, 1), ribbon], 0.03)
    plate.ground(rng, "stipple")
    leaves, size = (int(rng.integers(6, 9)), 0.1) if rng.random() < 0.5 else (int(rng.integers(9, 12)), 0.08)
    for side in (-1, 1):
        tone = "green" if size > 0.09 else "yellow"
        plate.emblem(wheat_ear(arc(0, 0, 0.84, 80, -52) * (side, 1), leaves, size), 0, 0, 1.0, (tone,) * 3)
    plate.cell(design.colours[0], middle)
    _put(plate, rng, design, 0, -0.1, 0.34 if core != 1 else 0.28)
    plate.cell(design.colours[1], ribbon)
    plate.write(_word(design), 0, 0.77, 0.17, 1.3)


def _cogwheel(plate: Plate, rng: Rng, design: PinDesign) -> None:
    """A gear wheel as outline, with the emblem breaking over it."""
    teeth = int(rng.integers(10, 19))
    plate.cut([gear_ring(teeth, 1.0, 0.86)], 0.045)
    plate.ground(rng, "smooth")
    plate.cell(design.colours[0], ellipse(0, 0, 0.74))
    if rng.random() < 0.5 and not plate.relief:
        plate.cell(design.colours[1], np.concatenate([arc(0, 0, 0.74, 0, 180)]))
    _put(plate, rng, design, 0, -0.12, 0.5)
    plate.cell(
        design.colours[1] if design.colours[1] != design.colours[2] else "white",
        smooth(rectangle(-0.96, 0.36, 0.96, 0.7)),
    )
    plate.write(_word(design), 0, 0.53, 0.18, 1.14)


KINDS: dict[str, Callable[[Plate, Rng, PinDesign], None]] = {
    "arms": _arms, "roundel": _roundel, "pennant": _pennant, "star": _star, "flag": _flag, "plaque": _plaque,
    "cutout": _cutout, "profile": _profile, "jubilee": _jubilee, "medal": _medal, "lozenge": _lozenge,
    "wreath": _wreath, "cogwheel": _cogwheel,
}  # fmt: skip


def draw_pin(design: PinDesign, size: int = 480, light: float = -125.0, gloss: float = 0.12) -> UInt8Image:
    """Draw a pin, cut out.

    Returns (height, width, 4) uint8 RGBA, straight alpha, the longer side about `size` pixels. `light` is where the
    light comes from in degrees, clockwise from the right (-90 is from above); `gloss` is how much the enamel mirrors,
    0 to 1. The same arguments give the same bytes.
    """
    plate = Plate(round(size * EXTENT), design.finish, design.relief)
    rng = np.random.default_rng([design.seed, 1])
    KINDS[design.kind](plate, rng, design)
    return plate.shade(light, gloss, np.random.default_rng([design.seed, 2]))
