"""The emblems of the drawn sample: rockets, ships, gears, beasts and heads as outlines in a box from -1 to 1, y down.

Every emblem is invented here and drawn from a random generator, so that two pins with a rocket have two rockets.
"""
# ruff: noqa: RUF005 -- "+ (x, y)" moves an array of places, it joins nothing

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recognizer.drawn.lettering import Points, smooth

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of an emblem.

    `rings` are closed outlines, even-odd, or open lines when `width` is above 0. `tone` is "first", "second" or "third"
    for enamel cells, "metal" for raised bare metal and "dark" for a sunk line or field.
    """

    rings: tuple[Points, ...]
    tone: str = "first"
    width: float = 0.0


Emblem = Callable[[Rng], list[Part]]


def points(text: str) -> Points:
    """Read "x,y x,y" in hundredths as (n, 2) places."""
    return np.array([[float(n) / 100 for n in pair.split(",")] for pair in text.split()])


def ellipse(x: float, y: float, across: float, down: float | None = None, count: int = 64) -> Points:
    """Return an ellipse with the given half axes; `count` corners make it a polygon."""
    angle = np.arange(count) * 2 * np.pi / count - np.pi / 2
    return np.stack([x + across * np.cos(angle), y + (across if down is None else down) * np.sin(angle)], axis=1)


def rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    """Return the four corners of an upright rectangle."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)


def star(count: int, outer: float, inner: float, x: float = 0.0, y: float = 0.0) -> Points:
    """Return a star with one ray straight up."""
    angle = np.arange(2 * count) * np.pi / count - np.pi / 2
    radius = np.where(np.arange(2 * count) % 2 == 0, outer, inner)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def arc(x: float, y: float, radius: float, start: float, end: float) -> Points:
    """Return an open arc between two angles in degrees, clockwise from the right."""
    angle = np.radians(np.linspace(start, end, 33))
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def turned(shape: Points, degrees: float, x: float = 0.0, y: float = 0.0) -> Points:
    """Return the shape turned clockwise about (x, y)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn: Points = (shape - (x, y)) @ np.array([[c, s], [-s, c]]) + (x, y)
    return turn


def mirrored(shape: Points) -> Points:
    """Return the shape with left and right exchanged."""
    return shape * (-1.0, 1.0)


def both(half: Points) -> Points:
    """Close the right half of a symmetrical outline, given from top to foot, with its mirror image."""
    return np.concatenate([half, mirrored(half)[::-1]])


def fill(tone: str, *rings: Points) -> Part:
    """Return a filled part."""
    return Part(rings, tone)


def line(way: Points, width: float = 0.06, tone: str = "metal") -> Part:
    """Return an open line."""
    return Part((way,), tone, width)


def gear_ring(teeth: int, outer: float, inner: float) -> Points:
    """Return the outline of a gear wheel with square teeth."""
    step = 2 * np.pi / teeth
    angle = (
        np.arange(teeth)[:, None] * step + np.array([-0.27, -0.17, 0.17, 0.27])[None, :] * step
    ).ravel() - np.pi / 2
    radius = np.tile([inner, outer, outer, inner], teeth)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def wheat_ear(way: Points, grains: int, size: float) -> list[Part]:
    """Return an ear of wheat (or a laurel branch, with few long grains) along a way from foot to tip."""
    parts = [line(way, size * 0.28)]
    at = np.linspace(0.22, 0.97, grains) * (len(way) - 1)
    for i, place in enumerate(at):
        low = int(place)
        high = min(low + 1, len(way) - 1)
        x, y = way[low] + (way[high] - way[low]) * (place - low)
        ahead = np.degrees(np.arctan2(*(way[high] - way[max(high - 1, 0)])[::-1])) + 90
        grain = smooth(np.array([[0, 0], [0.5, -0.5], [0.35, -1.5], [0, -1.9], [-0.2, -1.2]])) * size
        for side in (38, -38) if i < grains - 1 else (0,):
            leaf = mirrored(grain) if side < 0 else grain
            parts.append(fill("first", turned(leaf, ahead + side) + (x, y)))
    return parts


def rocket(rng: Rng) -> list[Part]:
    """A rocket that flies upwards."""
    w = rng.uniform(0.2, 0.34)
    body = smooth(both(np.array([[0.02, -1.05], [w * 0.75, -0.65], [w * 1.1, -0.2], [w, 0.3], [w * 0.8, 0.6]])))
    fin = np.array([[w * 0.9, 0.05], [w + 0.36, 0.55 + rng.uniform(0, 0.2)], [w + 0.3, 0.8], [w * 0.7, 0.55]])
    flame = np.array([[-0.16, 0.56], [-0.26, 0.8], [-0.1, 0.78], [0, 1.1], [0.1, 0.78], [0.26, 0.8], [0.16, 0.56]])
    parts = [fill("third", flame), fill("second", fin), fill("second", mirrored(fin)), fill("first", body)]
    for i in range(int(rng.integers(1, 3))):
        parts.append(fill("third", ellipse(0, -0.35 + 0.36 * i, w * 0.45)))
    if rng.random() < 0.5:
        parts.append(fill("second", rectangle(-w, 0.28, w, 0.42)))
    return parts


def sputnik(rng: Rng) -> list[Part]:
    """A satellite, a ball with four aerials or a drum with two panels."""
    if rng.random() < 0.5:
        r = rng.uniform(0.32, 0.42)
        rods = [line(np.array([[-0.1, y], [1.0, y * 2.6 + 0.35]]), 0.06) for y in (-0.3, -0.12, 0.12, 0.3)]
        return [*rods, fill("first", ellipse(-0.25, 0, r)), line(arc(-0.25, 0, r * 0.62, 160, 290), 0.05)]
    parts = [line(np.array([[-1, 0], [1, 0]]), 0.08)]
    for x in (-0.98, 0.4):
        parts.append(fill("second", rectangle(x, -0.3, x + 0.58, 0.3)))
        parts += [line(np.array([[x + 0.19 * i, -0.3], [x + 0.19 * i, 0.3]]), 0.035) for i in (1, 2)]
    dish = smooth(points("-22,-60 22,-60 12,-40 -12,-40"))
    return [*parts, fill("first", both(points("10,-45 26,-25 26,30 14,46"))), fill("third", dish)]


def planet(rng: Rng) -> list[Part]:
    """A planet with a ring and a few stars."""
    tilt, r = rng.uniform(-35, 35), rng.uniform(0.45, 0.6)
    outer, inner = turned(ellipse(0, 0, 1.0, 0.27), tilt), turned(ellipse(0, 0, 0.8, 0.15), tilt)
    parts = [fill("first", ellipse(0, 0, r)), fill("second", outer, inner)]
    for _ in range(int(rng.integers(2, 5))):
        a, d = rng.uniform(0, 2 * np.pi), rng.uniform(0.75, 0.95)
        parts.append(fill("metal", star(4, 0.14, 0.05, d * np.cos(a), d * np.sin(a))))
    return parts


def helmet(rng: Rng) -> list[Part]:
    """The head of a cosmonaut in a helmet."""
    visor = smooth(points("-40,-40 40,-40 52,0 36,42 -36,42 -52,0"))
    face = smooth(both(points("0,-26 18,-24 24,0 16,22 0,32")))
    collar = points("-70,60 70,60 95,100 -95,100")
    parts = [fill("second", collar), fill("first", smooth(both(points("0,-92 60,-84 84,-20 76,46 50,78 0,82"))))]
    parts += [fill("third", visor), fill("metal", face), fill("dark", ellipse(-0.09, -0.02, 0.03))]
    parts += [fill("dark", ellipse(0.09, -0.02, 0.03)), line(points("-7,14 0,17 7,14"), 0.03, "dark")]
    return [
        *parts,
        fill("metal", star(5, 0.13, 0.05, 0, -0.62)) if rng.random() < 0.6 else line(points("-30,-60 30,-60")),
    ]


def five_star(rng: Rng) -> list[Part]:
    """A faceted five-pointed star."""
    outline = star(5, 1.0, rng.uniform(0.38, 0.5))
    halves = [fill("second", np.stack([np.zeros(2), outline[2 * i], outline[(2 * i + 1) % 10]])) for i in range(5)]
    return [fill("first", outline), *halves]


def gear(rng: Rng) -> list[Part]:
    """A gear wheel with spokes."""
    hub, spokes = rng.uniform(0.18, 0.26), int(rng.integers(3, 7))
    parts = [fill("first", gear_ring(int(rng.integers(9, 17)), 1.0, 0.8), ellipse(0, 0, 0.58))]
    for i in range(spokes):
        parts.append(fill("first", turned(rectangle(-0.08, -0.62, 0.08, 0), 360 / spokes * i)))
    return [*parts, fill("second", ellipse(0, 0, hub)), fill("metal", ellipse(0, 0, hub * 0.4))]


def wheat(rng: Rng) -> list[Part]:
    """A sheaf of three ears tied with a band."""
    parts: list[Part] = []
    grains, bend = int(rng.integers(5, 8)), rng.uniform(0.3, 0.6)
    for side in (-1, 1, 0):
        way = smooth(
            np.array([[-side * 0.25, 1.0], [0, 0.45], [side * bend, -0.1], [side * (bend + 0.22), -0.75]]), False
        )
        parts += wheat_ear(way, grains, 0.13)
    return [*parts, fill("second", smooth(points("-24,36 24,36 24,58 -24,58")))]


def steamer(rng: Rng) -> list[Part]:
    """A ship from the side with funnels."""
    funnels = int(rng.integers(1, 4))
    parts = [line(points("-62,-15 -62,-95"), 0.05), line(points("62,-10 62,-80"), 0.05)]
    for i in range(funnels):
        x = -0.3 + 0.36 * i
        parts += [
            fill("second", rectangle(x, -0.62, x + 0.2, -0.1)),
            fill("third", rectangle(x, -0.62, x + 0.2, -0.46)),
        ]
    deck = points("-55,-20 52,-20 58,0 62,12 -66,12")
    hull = smooth(points("-100,2 -96,0 -70,12 92,12 100,10 78,62 66,66 -70,66 -80,60"))
    parts += [fill("first", deck), fill("second", hull), line(points("-84,44 78,44"), 0.05)]
    parts += [fill("metal", ellipse(x, -0.05, 0.05)) for x in np.arange(-0.45, 0.5, 0.2)]
    wave = np.stack([np.linspace(-1, 1, 60), 0.82 + 0.07 * np.sin(np.linspace(0, 6 * np.pi, 60))], axis=1)
    return [*parts, line(wave, 0.06)]


def sailboat(rng: Rng) -> list[Part]:
    """A sailing boat with two or three sails."""
    belly = rng.uniform(0.5, 0.8)
    main = smooth(np.array([[0.06, -1.0], [0.06, -0.98], [belly, -0.1], [0.8, 0.34], [0.75, 0.38], [0.06, 0.38]]))
    jib = smooth(np.array([[-0.08, -0.75], [-0.3, -0.2], [-0.75, 0.36], [-0.7, 0.38], [-0.08, 0.38]]))
    parts = [line(points("0,-100 0,55"), 0.07), fill("first", main), fill("second", jib)]
    parts.append(line(np.array([[0.08, -0.3], [belly * 0.72, -0.2]]), 0.035))
    return [*parts, fill("third", smooth(points("-95,52 -60,54 60,54 95,50 70,88 60,92 -55,92 -68,86")))]


def anchor(rng: Rng) -> list[Part]:
    """An anchor, with or without a cable."""
    hook = smooth(points("0,100 -50,90 -84,45 -100,48 -78,10 -52,48 -66,48 -40,70 -9,74 -9,-45 9,-45 9,74 40,70 66,48"
                         " 52,48 78,10 100,48 84,45 50,90"))  # fmt: skip
    parts = [fill("first", ellipse(0, -0.72, 0.24), ellipse(0, -0.72, 0.11)), fill("first", hook)]
    parts.append(fill("second", smooth(points("-52,-42 52,-42 52,-24 -52,-24"))))
    if rng.random() < 0.5:
        rope = np.stack([0.34 * np.sin(np.linspace(0, 9, 60)), np.linspace(-0.7, 0.95, 60)], axis=1)
        parts.append(line(rope, 0.07))
    return parts


def lighthouse(rng: Rng) -> list[Part]:
    """A lighthouse with its beams."""
    parts = []
    for y in (-0.95, -0.62):
        parts += [fill("third", np.array([[s * 0.2, -0.72], [s * 1.0, y], [s * 1.0, y + 0.22]])) for s in (-1, 1)]
    parts.append(fill("first", points("-22,-50 22,-50 36,70 -36,70")))
    for i in range(int(rng.integers(2, 4))):
        y, w = -0.36 + 0.4 * i, 0.235 + 0.047 * i
        parts.append(fill("second", np.array([[-w, y], [w, y], [w + 0.022, y + 0.19], [-w - 0.022, y + 0.19]])))
    parts += [fill("third", rectangle(-0.16, -0.82, 0.16, -0.52)), fill("second", points("-24,-80 0,-102 24,-80"))]
    return [*parts, fill("metal", smooth(points("-90,98 -70,72 -20,66 40,70 80,74 95,98")))]


def plane(rng: Rng) -> list[Part]:
    """An aeroplane from above."""
    sweep = rng.uniform(0.1, 0.5)
    wing = np.array([[0.1, -0.22], [1.0, sweep], [1.0, sweep + 0.14], [0.1, 0.2]])
    tail = np.array([[0.06, 0.62], [0.4, 0.62 + sweep * 0.5], [0.4, 0.75 + sweep * 0.5], [0.06, 0.85]])
    parts = [fill("second", wing), fill("second", mirrored(wing)), fill("second", tail), fill("second", mirrored(tail))]
    for x in (0.42, -0.42):
        parts.append(fill("metal", smooth(both(points("2,-14 6,-10 6,22 2,26"))) + (x, sweep * 0.35)))
    body = smooth(both(points("1,-104 10,-92 13,-60 12,50 4,98")))
    return [*parts, fill("first", body), fill("third", smooth(points("-7,-84 7,-84 8,-70 -8,-70")))]


def helicopter(rng: Rng) -> list[Part]:
    """A helicopter from the side."""
    body = smooth(points("-95,5 -80,-28 -30,-42 20,-34 34,-20 95,-22 96,-10 40,8 20,36 -50,40 -86,30"))
    window = smooth(points("-86,4 -74,-20 -46,-26 -44,6"))
    parts = [line(points("-95,-66 75,-58"), 0.07), line(points("-10,-62 -10,-38"), 0.1), fill("first", body)]
    parts += [fill("third", window), fill("second", points("84,-52 98,-52 98,2 90,4"))]
    parts += [fill("third", ellipse(x, -0.12, 0.08)) for x in (-0.24, 0.0)[: int(rng.integers(1, 3))]]
    return [
        *parts,
        line(points("-62,62 38,62"), 0.06),
        line(points("-40,40 -44,62"), 0.05),
        line(points("10,38 14,62"), 0.05),
    ]


def hammers(rng: Rng) -> list[Part]:
    """Two crossed tools: hammer and hammer, hammer and spanner, or two picks."""
    kind = int(rng.integers(0, 3))
    shaft = rectangle(-0.08, -0.75, 0.08, 1.0)
    head = rectangle(-0.34, -0.98, 0.34, -0.62)
    jaw = star(6, 0.3, 0.26, 0, -0.75)
    gap = rectangle(-0.11, -1.08, 0.11, -0.72)
    pick = smooth(points("-62,-58 -58,-66 -20,-92 20,-92 58,-66 62,-58 20,-70 -20,-70"))
    parts = []
    for side, top in ((40, head if kind < 2 else pick), (-40, (head, jaw, pick)[kind])):
        parts += [fill("second", turned(shaft, side)), fill("first", turned(top, side))]
        if top is jaw:
            parts.append(fill("dark", turned(gap, side)))
    return parts


def factory(rng: Rng) -> list[Part]:
    """A works with chimneys and a saw-tooth roof."""
    parts = []
    for i in range(int(rng.integers(2, 4))):
        x = -0.85 + 0.34 * i
        top = -0.9 + 0.18 * i
        parts.append(fill("second", np.array([[x, top], [x + 0.14, top], [x + 0.2, 0.3], [x - 0.06, 0.3]])))
        parts.append(
            line(smooth(np.array([[x + 0.1, top - 0.08], [x + 0.3, top - 0.2], [x + 0.55, top - 0.05]]), False), 0.06)
        )
    roof = points("-95,20 -20,20 -20,-10 15,20 15,-10 50,20 50,-10 92,20 92,88 -95,88")
    parts.append(fill("first", roof))
    return [*parts, *(fill("third", rectangle(x, 0.4, x + 0.2, 0.62)) for x in np.arange(-0.8, 0.7, 0.34))]


def derrick(rng: Rng) -> list[Part]:
    """An oil derrick with a drop."""
    parts = [fill("second", points("-10,-80 10,-80 56,92 -56,92"))]
    for i in range(4):
        y, w = -0.42 + 0.42 * i, 0.2 + 0.115 * i
        parts.append(line(np.array([[-w, y], [w, y]]), 0.05))
        parts.append(line(np.array([[-w, y], [w * 0.75, y - 0.4]]) * ((1, 1) if i % 2 else (-1, 1)), 0.045))
    drop = smooth(both(points("0,-40 3,-36 24,2 18,26 0,30"))) + (rng.choice([-0.62, 0.62]), 0.3)
    return [
        *parts,
        fill("metal", rectangle(-0.2, -0.96, 0.2, -0.78)),
        fill("first", drop),
        line(points("-90,95 90,95"), 0.08),
    ]


def dam(rng: Rng) -> list[Part]:
    """A water-power dam with spillways and a lightning."""
    parts = [fill("first", points("-95,-20 95,-20 80,60 -80,60"))]
    for i in range(int(rng.integers(4, 7))):
        x = -0.78 + 0.28 * i
        if x < 0.7:
            parts.append(fill("second", np.array([[x, 0.0], [x + 0.15, 0.0], [x + 0.17, 0.58], [x - 0.02, 0.58]])))
    parts.append(fill("third", points("14,-104 -26,-58 -4,-58 -18,-24 28,-72 6,-72")))
    return [*parts, *(line(points(f"-92,{y} -45,{y - 7} 0,{y} 45,{y - 7} 92,{y}"), 0.05) for y in (74, 90))]


def atom(rng: Rng) -> list[Part]:
    """An atom with its paths."""
    tilt = rng.uniform(0, 60)
    parts = []
    for i in range(3):
        ring, inner = ellipse(0, 0, 1.0, 0.36), ellipse(0, 0, 0.9, 0.27)
        parts.append(fill("metal", turned(ring, 60 * i + tilt), turned(inner, 60 * i + tilt)))
        x, y = turned(np.array([[0.66, 0.26]]), 60 * i + tilt)[0]
        parts.append(fill("second", ellipse(x, y, 0.11)))
    return [*parts, fill("first", ellipse(0, 0, 0.24))]


def flask(rng: Rng) -> list[Part]:
    """A chemist's flask."""
    level = rng.uniform(0.0, 0.4)
    w = 0.16 + 0.5 * (level + 0.35) / 1.05
    glass = points("-16,-95 16,-95 16,-35 66,70 60,90 -60,90 -66,70 -16,-35")
    parts = [
        fill("second", glass),
        fill("first", np.array([[-w, level], [w, level], [0.62, 0.7], [0.56, 0.84], [-0.56, 0.84], [-0.62, 0.7]])),
    ]
    parts.append(fill("metal", smooth(points("-26,-104 26,-104 26,-90 -26,-90"))))
    return [*parts, *(fill("third", ellipse(x, y, 0.07)) for x, y in ((-0.15, 0.62), (0.2, 0.5), (0.05, 0.72)))]


def tractor(rng: Rng) -> list[Part]:
    """A wheeled tractor from the side."""
    big = rng.uniform(0.36, 0.44)
    parts = [
        fill("second", points("-80,-70 10,-70 10,10 -70,10")),
        fill("third", points("-66,-56 -2,-56 -2,-18 -60,-18")),
    ]
    parts += [fill("first", smooth(points("-20,-16 84,-14 90,0 90,38 -30,40"))), line(points("58,-14 58,-62"), 0.09)]
    for x, y, r in ((-0.45, 0.48, big), (0.62, 0.6, 0.27)):
        parts += [
            fill("dark", ellipse(x, y, r)),
            fill("second", ellipse(x, y, r * 0.62)),
            fill("metal", ellipse(x, y, r * 0.22)),
        ]
    return parts


def cotton(rng: Rng) -> list[Part]:
    """An open boll of cotton."""
    parts = [line(points("0,40 0,100"), 0.09)]
    leaf = smooth(points("0,50 40,20 96,30 80,60 40,66"))
    parts += [fill("second", leaf), fill("second", mirrored(leaf))]
    for i in range(int(rng.integers(4, 6))):
        a = np.radians(-170 + 40 * i)
        parts.append(fill("first", ellipse(0.42 * np.cos(a), -0.05 + 0.5 * np.sin(a), 0.34)))
    parts.append(fill("first", ellipse(0, -0.1, 0.36)))
    return [*parts, fill("second", both(points("0,20 20,36 44,8 34,56 0,68")))]


def grapes(rng: Rng) -> list[Part]:
    """A bunch of grapes with a leaf."""
    parts = [line(smooth(points("0,-40 6,-70 -10,-100"), False), 0.08)]
    leaf = smooth(points("0,-50 30,-98 50,-80 84,-86 78,-56 98,-36 60,-30 40,-10"))
    parts.append(fill("second", leaf if rng.random() < 0.5 else mirrored(leaf)))
    for row, count in enumerate((4, 4, 3, 2, 1)):
        for i in range(count):
            x = (i - (count - 1) / 2) * 0.36 + (0.08 if row == 1 else 0)
            parts.append(fill("first", ellipse(x, -0.28 + 0.29 * row, 0.19)))
    return parts


def bear(rng: Rng) -> list[Part]:
    """A bear that walks."""
    body = smooth(points("-98,8 -92,-14 -66,-34 -50,-52 -36,-36 10,-58 60,-50 92,-20 98,20 88,70 60,70 62,36 30,22"
                         " -10,30 -18,72 -48,72 -44,30 -58,20 -84,28"))  # fmt: skip
    legs = smooth(points("-8,20 20,20 12,72 -12,72")) + (0.3, 0)
    parts = [fill("second", legs), fill("first", body), fill("dark", ellipse(-0.72, -0.1, 0.045))]
    parts.append(line(smooth(points("-40,-10 -20,10 -24,40"), False), 0.04, "dark"))
    return [
        *parts,
        line(points("-95,80 95,80"), 0.08)
        if rng.random() < 0.5
        else fill("second", points("-95,78 95,78 60,98 -60,98")),
    ]


def deer(rng: Rng) -> list[Part]:
    """The head of a deer with antlers."""
    parts = []
    reach, tines = rng.uniform(0.7, 0.95), int(rng.integers(2, 4))
    for side in (-1, 1):
        beam = smooth(np.array([[0.1, -0.1], [0.3, -0.35], [reach, -0.5], [reach * 0.8, -0.92]]), False) * (side, 1)
        parts.append(line(beam, 0.1))
        for place in (7, 13, 18)[:tines]:
            x, y = beam[min(place, len(beam) - 1)]
            parts.append(line(np.array([[x, y], [x - side * 0.1, max(y - 0.36, -1.02)]]), 0.075))
    ear = smooth(points("18,-6 60,-22 52,2 22,14"))
    head = smooth(both(points("0,-16 22,-12 30,12 16,60 18,84 0,98")))
    parts += [fill("second", ear), fill("second", mirrored(ear)), fill("first", head)]
    parts += [fill("dark", ellipse(s * 0.14, 0.2, 0.05)) for s in (-1, 1)]
    return [*parts, fill("dark", smooth(points("-12,80 12,80 6,94 -6,94")))]


def fish(rng: Rng) -> list[Part]:
    """A fish with scales."""
    deep = rng.uniform(0.3, 0.48)
    body = smooth(
        np.array([[-1, 0.02], [-0.6, -deep], [0.2, -deep], [0.62, -0.08], [0.62, 0.1], [0.2, deep], [-0.6, deep]])
    )
    tail = smooth(points("50,0 98,-44 90,0 98,44"))
    fin = smooth(np.array([[-0.4, -deep * 0.7], [-0.1, -deep - 0.3], [0.3, -deep * 0.6]]))
    parts = [fill("second", tail), fill("second", fin), fill("second", fin * (1, -0.8)), fill("first", body)]
    parts.append(line(arc(-1.0, 0, 0.5, -48, 48), 0.045))
    parts += [line(arc(x, 0, 0.3, -50, 50), 0.035) for x in (-0.45, -0.22, 0.01)]
    return [*parts, fill("dark", ellipse(-0.72, -0.1, 0.05))]


def gull(rng: Rng) -> list[Part]:
    """A gull with spread wings."""
    lift = rng.uniform(0.5, 0.85)
    wing = smooth(
        np.array([[0.0, 0.0], [0.3, -0.3], [0.6, -lift], [1.0, -lift - 0.1], [0.75, -0.35], [0.4, 0.12], [0.1, 0.2]])
    )
    far = smooth(
        np.array([[0.0, 0.0], [-0.25, -0.4], [-0.4, -lift - 0.1], [-0.75, -lift - 0.2], [-0.5, -0.4], [-0.2, 0.15]])
    )
    body = smooth(points("-62,22 -40,-2 0,2 40,24 78,40 74,52 20,44 -30,40"))
    parts = [
        fill("second", far),
        fill("first", wing),
        fill("first", body),
        fill("third", points("-58,16 -82,26 -56,30")),
    ]
    return [*parts, fill("dark", ellipse(-0.44, 0.13, 0.035)), line(np.array([[0.25, -0.1], [0.85, -lift]]), 0.035)]


def owl(rng: Rng) -> list[Part]:
    """An owl on a branch."""
    body = smooth(both(points("0,-68 30,-70 54,-100 56,-50 62,10 40,70 0,80")))
    parts = [fill("first", body), fill("second", smooth(both(points("0,-8 30,0 34,36 0,66"))))]
    for side in (-1, 1):
        parts += [fill("metal", ellipse(side * 0.25, -0.4, 0.23)), fill("third", ellipse(side * 0.25, -0.4, 0.16))]
        parts.append(fill("dark", ellipse(side * 0.25, -0.4, 0.07)))
    parts += [line(points(f"-18,{y} 0,{y + 8} 18,{y}"), 0.035) for y in (14, 30, 44)[: int(rng.integers(1, 4))]]
    return [
        *parts,
        fill("metal", points("-8,-28 8,-28 0,-8")),
        fill("second", smooth(points("-95,78 95,70 95,86 -95,96"))),
    ]


def firs(rng: Rng) -> list[Part]:
    """Two or three fir trees."""
    parts = []
    for x, tall in ((-0.55, 0.75), (0.58, 0.62), (0.0, 1.0))[int(rng.integers(0, 2)) :]:
        parts.append(fill("second", rectangle(x - 0.06, 0.7, x + 0.06, 0.95)))
        for i in (2, 1, 0):
            top, w = 0.95 - tall * 1.85 + i * tall * 0.45, tall * (0.24 + 0.12 * i)
            parts.append(fill("first", np.array([[x, top], [x + w, top + tall * 0.75], [x - w, top + tall * 0.75]])))
    return parts


def mushroom(rng: Rng) -> list[Part]:
    """A mushroom in the grass."""
    cap = smooth(points("-92,2 -84,-50 -30,-92 30,-92 84,-50 92,2 40,10 -40,10"))
    parts = [fill("second", smooth(points("-22,0 22,0 32,84 -32,84"))), fill("first", cap)]
    for _ in range(int(rng.integers(4, 7))):
        parts.append(fill("third", ellipse(rng.uniform(-0.6, 0.6), rng.uniform(-0.6, -0.15), rng.uniform(0.06, 0.12))))
    return [
        *parts,
        *(fill("third", np.array([[x, 0.95], [x + 0.1, 0.55], [x + 0.16, 0.95]])) for x in (-0.7, -0.5, 0.3, 0.5)),
    ]


def flower(rng: Rng) -> list[Part]:
    """A flower with many petals."""
    petals = int(rng.integers(5, 12))
    long = smooth(
        np.array(
            [[0, -0.2], [2.0 / petals, -0.55], [1.2 / petals, -1.0], [-1.2 / petals, -1.0], [-2.0 / petals, -0.55]]
        )
    )
    return [
        *(fill("first", turned(long, 360 / petals * i)) for i in range(petals)),
        fill("second", ellipse(0, 0, 0.28)),
    ]


def locomotive(rng: Rng) -> list[Part]:
    """A steam locomotive from the side."""
    parts = [
        fill("second", points("30,-70 98,-70 92,-58 92,30 36,30 36,-58")),
        fill("third", rectangle(0.5, -0.46, 0.78, -0.14)),
    ]
    parts += [
        fill("first", smooth(points("-88,-30 40,-30 40,30 -88,30"))),
        fill("second", points("-80,-76 -50,-76 -56,-28 -74,-28")),
    ]
    parts += [
        fill("metal", smooth(points("-30,-48 -6,-48 -4,-26 -32,-26"))),
        fill("second", points("-95,30 92,30 92,44 -80,44 -100,68")),
    ]
    wheels = int(rng.integers(3, 5))
    for i in range(wheels):
        x = -0.6 + 1.35 * i / (wheels - 1)
        parts += [fill("first", ellipse(x, 0.58, 0.22)), fill("metal", ellipse(x, 0.58, 0.08))]
    return [*parts, line(points("-60,58 75,58"), 0.05), line(points("-98,88 98,88"), 0.07)]


def bus(rng: Rng) -> list[Part]:
    """A tram or trolleybus from the side."""
    parts = [
        line(points("0,-60 -45,-98 45,-98 0,-60"), 0.05),
        fill("first", smooth(points("-96,-60 96,-60 98,46 -98,46"))),
    ]
    count = int(rng.integers(4, 7))
    for i in range(count):
        x = -0.84 + 1.7 * i / count
        parts.append(fill("third", rectangle(x, -0.4, x + 1.34 / count, 0.0)))
    parts.append(fill("second", points("-93,14 93,14 93,28 -93,28")))
    for x in (-0.55, 0.55):
        parts += [fill("dark", ellipse(x, 0.5, 0.2)), fill("metal", ellipse(x, 0.5, 0.1))]
    return parts


def car(rng: Rng) -> list[Part]:
    """An old motor car from the side."""
    tall = -rng.uniform(45, 62)
    body = smooth(points(f"-98,30 -96,2 -60,-8 -38,{tall:.0f} 30,{tall:.0f} 52,-8 92,0 98,30 90,40 -92,40"))
    parts = [fill("first", body), fill("third", points(f"-36,-8 -26,{tall + 16:.0f} -6,{tall + 16:.0f} -6,-8"))]
    parts += [
        fill("third", points(f"4,-8 4,{tall + 16:.0f} 22,{tall + 16:.0f} 38,-8")),
        line(points("-90,14 90,14"), 0.05),
    ]
    for x in (-0.56, 0.56):
        parts += [
            fill("dark", ellipse(x, 0.4, 0.22)),
            fill("second", ellipse(x, 0.4, 0.13)),
            fill("metal", ellipse(x, 0.4, 0.05)),
        ]
    return parts


def mountain(rng: Rng) -> list[Part]:
    """Snowy mountains before the sun."""
    x = rng.uniform(-0.2, 0.3)
    sun = rng.choice([-0.6, 0.62])
    parts = [fill("third", ellipse(sun, -0.55, 0.3))]
    parts += [
        fill("second", np.array([[-1, 0.8], [-0.55, -0.15], [0.1, 0.8]])),
        fill("second", np.array([[0.0, 0.8], [0.6, -0.3], [1, 0.8]])),
    ]
    parts.append(fill("first", np.array([[-0.75, 0.8], [x, -0.9], [0.8, 0.8]])))
    left, right = x - (x + 0.75) * 0.36, x + (0.8 - x) * 0.36
    snow = np.array([[x, -0.9], [right, -0.29], [x + 0.12, -0.42], [x, -0.18], [x - 0.14, -0.42], [left, -0.29]])
    return [*parts, fill("metal", snow)]


def camp(rng: Rng) -> list[Part]:
    """A tent with a fire."""
    side = rng.choice([-1.0, 1.0])
    tent, door = points("-95,60 -30,-60 35,60") * (side, 1), points("-52,60 -30,-10 -8,60") * (side, 1)
    flame = smooth(points("48,60 40,30 56,10 60,-20 76,14 92,36 84,60")) * (side, 1)
    parts = [
        line(points("-30,-60 -22,-78") * (side, 1), 0.06),
        fill("first", tent),
        fill("dark", door),
        fill("second", flame),
    ]
    parts += [
        fill("third", smooth(points("58,60 64,30 76,44 74,60")) * (side, 1)),
        line(points("40,72 95,58") * (side, 1), 0.08),
    ]
    return [*parts, line(points("40,58 95,74") * (side, 1), 0.08), line(points("-98,80 98,80"), 0.06)]


def compass(rng: Rng) -> list[Part]:
    """A compass rose."""
    thin = rng.uniform(0.14, 0.22)
    parts = [fill("metal", ellipse(0, 0, 0.72), ellipse(0, 0, 0.62)), fill("second", turned(star(4, 0.74, thin), 45))]
    parts.append(fill("first", star(4, 1.0, thin)))
    rose = star(4, 1.0, thin)
    return [*parts, *(fill("third", np.stack([np.zeros(2), rose[2 * i], rose[2 * i + 1]])) for i in range(4))]


def lyre(rng: Rng) -> list[Part]:
    """A lyre."""
    arm = smooth(points("0,80 30,78 58,40 36,-10 50,-60 78,-86 62,-98 34,-74 18,-10 34,40 20,58 0,60"), False)
    parts = [line(np.array([[x, -0.5], [x, 0.6]]), 0.045) for x in np.linspace(-0.15, 0.15, int(rng.integers(3, 6)))]
    parts += [
        fill("first", np.concatenate([arm, mirrored(arm)[::-1]])),
        fill("second", smooth(points("-46,-62 46,-62 46,-46 -46,-46"))),
    ]
    return [*parts, fill("second", smooth(points("-42,78 42,78 42,96 -42,96")))]


def book(rng: Rng) -> list[Part]:
    """An open book, with a torch or a feather."""
    page = smooth(points("2,30 40,8 96,16 96,78 40,72 2,90"))
    parts = [
        fill("second", both(points("0,24 100,22 100,92 0,98"))),
        fill("first", page),
        fill("first", mirrored(page)),
    ]
    parts += [line(points(f"{s * 22},{y + 4} {s * 80},{y}"), 0.035, "dark") for y in (34, 50) for s in (-1, 1)]
    if rng.random() < 0.5:
        flame = smooth(points("0,-100 26,-66 22,-40 0,-30 -22,-40 -22,-64"))
        return [*parts, fill("metal", points("-16,-34 16,-34 8,24 -8,24")), fill("third", flame)]
    feather = smooth(points("8,30 6,0 20,-50 60,-95 64,-50 40,-6 14,10"))
    return [*parts, fill("third", feather), line(points("4,50 50,-75"), 0.04)]


def palette(rng: Rng) -> list[Part]:
    """A painter's palette with brushes."""
    board = smooth(points("-90,10 -70,-50 0,-70 70,-50 92,0 70,30 40,24 34,50 50,70 10,86 -50,70"))
    parts = [
        line(points("20,60 88,-98"), 0.07),
        line(points("6,40 40,-104"), 0.06),
        fill("first", board, ellipse(-0.42, 0.36, 0.13)),
    ]
    spots = rng.permutation(6)[:4]
    places = ((-0.58, -0.05), (-0.35, -0.38), (0.02, -0.48), (0.4, -0.35), (0.6, -0.05), (0.0, 0.0))
    return [*parts, *(fill("second" if i % 2 else "third", ellipse(*places[i], 0.12)) for i in spots)]


def torch(rng: Rng) -> list[Part]:
    """A burning torch."""
    lean = rng.uniform(-0.15, 0.15)
    outer = smooth(
        np.array(
            [
                [0.0, -1.0],
                [0.3 + lean, -0.6],
                [0.34, -0.2],
                [0.14, -0.06],
                [-0.14, -0.06],
                [-0.34, -0.25],
                [-0.16 + lean, -0.6],
            ]
        )
    )
    inner = smooth(points("0,-60 16,-36 12,-12 -12,-12 -16,-34"))
    cup = both(points("0,-8 38,-8 30,12 0,16"))
    return [
        fill("first", outer),
        fill("third", inner),
        fill("second", both(points("0,14 12,14 7,98 0,100"))),
        fill("metal", cup),
    ]


def tower(rng: Rng) -> list[Part]:
    """A gate tower with a spire."""
    tall = rng.uniform(0.45, 0.7)
    parts = [
        fill("second", np.array([[0, -1.0], [0.1, -0.3], [-0.1, -0.3]])),
        fill("second", rectangle(-0.2, -0.36, 0.2, -0.3 + tall * 0.4)),
    ]
    parts += [
        fill("first", rectangle(-0.34, -0.36 + tall * 0.5, 0.34, 0.9)),
        fill("first", rectangle(-0.62, 0.3, 0.62, 0.9)),
    ]
    gate = np.concatenate([rectangle(-0.15, 0.6, 0.15, 0.9)[2:], arc(0, 0.6, 0.15, 180, 360)])
    parts += [
        fill("dark", gate),
        fill("third", ellipse(0, -0.2 + tall * 0.5 + 0.1, 0.13)),
        fill("metal", star(5, 0.12, 0.05, 0, -1.0)),
    ]
    return [*parts, *(fill("second", rectangle(x, 0.2, x + 0.14, 0.36)) for x in (-0.62, -0.42, 0.28, 0.48))]


def fortress(rng: Rng) -> list[Part]:
    """A fortress wall with towers."""
    parts = [fill("second", points("-60,0 60,0 60,80 -60,80"))]
    parts += [fill("second", rectangle(x, -0.14, x + 0.14, 0.04)) for x in (-0.42, -0.18, 0.06, 0.3)]
    roof = rng.random() < 0.5
    for side in (-1, 1):
        parts.append(fill("first", np.array([[0.5, -0.4], [0.95, -0.4], [1.0, 0.8], [0.45, 0.8]]) * (side, 1)))
        top = (
            np.array([[0.42, -0.4], [0.725, -0.95], [1.03, -0.4]])
            if roof
            else points("42,-40 42,-70 58,-70 58,-56 66,-56 66,-70 80,-70 80,-56 87,-56 87,-70 103,-70 103,-40")
        )
        parts += [fill("third", top * (side, 1)), fill("dark", rectangle(0.67, -0.15, 0.78, 0.15) * (side, 1))]
    return [*parts, fill("dark", np.concatenate([points("20,80 -20,80"), arc(0, 0.4, 0.2, 180, 360)]))]


def bridge(rng: Rng) -> list[Part]:
    """A suspension or arched bridge over water."""
    parts = []
    if rng.random() < 0.5:
        for x in (-0.5, 0.5):
            parts.append(fill("first", rectangle(x - 0.07, -0.75, x + 0.07, 0.6)))
        sag = np.stack([np.linspace(-0.5, 0.5, 30), -0.7 + 0.75 * (1 - (np.linspace(-1, 1, 30)) ** 2)], axis=1)
        parts += [line(sag, 0.06), line(points("-50,-70 -100,10"), 0.06), line(points("50,-70 100,10"), 0.06)]
        parts += [
            line(np.array([[x, -0.7 + 0.75 * (1 - 4 * x * x)], [x, 0.12]]), 0.035)
            for x in (-0.33, -0.16, 0, 0.16, 0.33)
        ]
    else:
        span = np.concatenate([arc(0, 0.45, 0.95, 180, 360), arc(0, 0.45, 0.78, 360, 180)])
        parts.append(fill("first", span))
        parts += [
            line(np.array([[x, 0.45 - np.sqrt(0.7 - x * x)], [x, 0.14]]), 0.04) for x in (-0.6, -0.3, 0, 0.3, 0.6)
        ]
    parts.append(fill("second", rectangle(-1, 0.1, 1, 0.24)))
    return [*parts, *(line(points(f"-95,{y} -48,{y - 9} 0,{y} 48,{y - 9} 95,{y}"), 0.05) for y in (70, 88))]


def key(rng: Rng) -> list[Part]:
    """A key."""
    parts = [
        fill("first", ellipse(0, -0.6, 0.38), ellipse(0, -0.6, 0.2)),
        fill("first", rectangle(-0.1, -0.25, 0.1, 1.0)),
    ]
    return [*parts, *(fill("first", rectangle(0.08, y, 0.2 + 0.3 * rng.random(), y + 0.16)) for y in (0.4, 0.62, 0.84))]


def football(rng: Rng) -> list[Part]:
    """A ball: of patches, or with seams."""
    if rng.random() < 0.5:
        parts = [fill("first", ellipse(0, 0, 0.95)), fill("second", ellipse(0, 0, 0.34, count=5))]
        for i in range(5):
            parts.append(fill("second", turned(points("-22,-92 22,-92 14,-72 -14,-72"), 36 + 72 * i)))
            parts.append(line(turned(points("0,-34 0,-66"), 72 * i), 0.045))
        return parts
    curve = arc(-0.95, 0, 0.9, -55, 55)
    return [
        fill("first", ellipse(0, 0, 0.95)),
        *(line(way, 0.06) for way in (curve, mirrored(curve), points("0,-95 0,95"), points("-95,0 95,0"))),
    ]


def snowflake(rng: Rng) -> list[Part]:
    """A snowflake of six arms."""
    branch, far = rng.uniform(0.2, 0.4), rng.uniform(0.45, 0.7)
    parts = []
    for i in range(6):
        arm = [np.array([[0, 0], [0, -1.0]])]
        arm += [np.array([[s * branch, -y - branch], [0, -y]]) for s in (-1, 1) for y in (far, far * 0.5)]
        parts += [line(turned(way, 60 * i), 0.085) for way in arm]
    return [*parts, fill("first", turned(ellipse(0, 0, 0.24, count=6), 0))]


def skis(rng: Rng) -> list[Part]:
    """Two crossed skis with poles."""
    ski = smooth(points("-7,95 7,95 8,-70 0,-104 -8,-70"))
    parts = [line(turned(points("0,-80 0,90"), s), 0.05) for s in (52, -52)]
    parts += [fill("metal", turned(ellipse(0, 0.72, 0.12), s), turned(ellipse(0, 0.72, 0.06), s)) for s in (52, -52)]
    parts += [fill("first", turned(ski, 24)), fill("second", turned(ski, -24))]
    return [
        *parts,
        *(fill("third", turned(rectangle(-0.09, 0.05 * rng.integers(1, 4), 0.09, 0.34), s)) for s in (24, -24)),
    ]


def chess(rng: Rng) -> list[Part]:
    """A chess rook or pawn on a board."""
    if rng.random() < 0.5:
        man = both(points("0,-60 10,-60 10,-82 26,-82 26,-60 34,-60 34,-82 50,-82 46,-40 32,-28 32,30 46,52 0,52"))
    else:
        man = np.concatenate([ellipse(0, -0.5, 0.3)[8:-7], both(points("0,-20 20,-22 14,0 34,52 0,52"))[::-1]])
        man = smooth(both(points("0,-86 26,-78 28,-46 10,-28 30,-20 14,-12 18,20 44,52 0,52")))
    parts = [fill("first", man), fill("second", both(points("0,52 56,52 62,72 0,72")))]
    return [
        *parts,
        *(fill("third" if i % 2 else "dark", rectangle(-0.9 + 0.3 * i, 0.76, -0.6 + 0.3 * i, 0.96)) for i in range(6)),
    ]


def bicycle(rng: Rng) -> list[Part]:
    """A bicycle."""
    r = rng.uniform(0.38, 0.44)
    parts = []
    for x in (-0.54, 0.54):
        parts.append(fill("first", ellipse(x, 0.3, r), ellipse(x, 0.3, r - 0.09)))
        parts += [
            line(np.array([[x, 0.3], [x + (r - 0.06) * np.cos(a), 0.3 + (r - 0.06) * np.sin(a)]]), 0.02)
            for a in np.arange(8) * np.pi / 4
        ]
    for way in ("-54,30 -20,-30 32,-30 -4,30 -54,30", "-4,30 -28,-48", "54,30 28,-48 44,-60 20,-66"):
        parts.append(line(points(way), 0.075))
    return [
        *parts,
        fill("second", smooth(points("-46,-58 -10,-56 -14,-46 -40,-46"))),
        fill("third", ellipse(-0.04, 0.3, 0.11)),
    ]


def weight(rng: Rng) -> list[Part]:
    """A kettlebell or a barbell."""
    if rng.random() < 0.5:
        ring = smooth(both(points("0,-96 42,-92 40,-40 0,-36")))
        hole = smooth(both(points("0,-78 24,-74 22,-50 0,-48")))
        return [
            fill("second", ring, hole),
            fill("first", smooth(both(points("0,-46 50,-44 84,10 70,80 0,86")))),
            fill("third", ellipse(0, 0.2, 0.28)),
        ]
    parts = [line(points("-100,0 100,0"), 0.1)]
    for side in (-1, 1):
        parts += [
            fill("first", rectangle(0.5, -0.6, 0.66, 0.6) * (side, 1)),
            fill("second", rectangle(0.72, -0.4, 0.86, 0.4) * (side, 1)),
        ]
    return parts


def cup(rng: Rng) -> list[Part]:
    """A winner's cup."""
    handle = arc(0.44, -0.45, 0.32, -90, 120)
    parts = [
        line(handle, 0.1),
        line(mirrored(handle), 0.1),
        fill("first", smooth(both(points("0,-88 54,-88 50,-20 20,20 0,24")))),
    ]
    parts += [
        fill("second", both(points("0,18 9,18 12,60 0,60"))),
        fill("second", both(points("0,60 36,60 44,94 0,94"))),
    ]
    return [*parts, fill("third", star(int(rng.integers(4, 7)), 0.26, 0.11, 0, -0.42))]


def crane(rng: Rng) -> list[Part]:
    """A harbour crane."""
    load = rng.uniform(0.1, 0.45)
    parts = [
        line(points("-30,0 96,-88"), 0.1),
        line(points("-30,-40 96,-88"), 0.05),
        line(np.array([[0.9, -0.86], [0.9, load]]), 0.035),
    ]
    parts += [
        fill("third", rectangle(0.7, load, 1.02, load + 0.26)),
        fill("second", points("-60,30 20,30 34,90 14,90 4,52 -42,52 -52,90 -74,90")),
    ]
    return [
        *parts,
        fill("first", rectangle(-0.62, -0.2, 0.1, 0.3)),
        fill("third", rectangle(-0.12, -0.1, 0.04, 0.12)),
        line(points("-95,94 95,94"), 0.07),
    ]


def dish(rng: Rng) -> list[Part]:
    """A radio telescope."""
    tilt = rng.uniform(-40, -10)
    bowl = turned(np.concatenate([arc(0, -0.9, 0.9, 20, 160), points("-84,-58 84,-58")[::1]]), tilt)
    parts = [
        fill("second", points("-10,0 12,0 40,92 -40,92")),
        fill("first", bowl),
        line(turned(points("0,0 0,-90"), tilt), 0.06),
    ]
    parts.append(fill("third", turned(ellipse(0, -0.9, 0.1), tilt)))
    return [*parts, *(line(arc(0.42, -0.6, r, -70, 10), 0.05) for r in (0.3, 0.48)), line(points("-80,94 80,94"), 0.07)]


def miner_lamp(rng: Rng) -> list[Part]:
    """A miner's safety lamp."""
    parts = [line(arc(0, -0.55, 0.34, 180, 360), 0.07), fill("first", both(points("0,-60 30,-60 34,-44 34,-16 0,-16")))]
    parts += [
        fill("third", both(points("0,-16 28,-16 28,34 0,34"))),
        fill("second", smooth(points("0,-8 12,14 6,30 -6,30 -12,14"))),
    ]
    parts += [line(np.array([[x, -0.16], [x, 0.34]]), 0.05) for x in (-0.27, 0.27)]
    rays = (
        [line(turned(points("46,8 78,8"), a, 0, 0.08), 0.05) for a in (-25, 0, 25, 155, 180, 205)]
        if rng.random() < 0.6
        else []
    )
    return [*parts, fill("first", both(points("0,34 40,34 44,84 0,84"))), *rays]


def submarine(rng: Rng) -> list[Part]:
    """A submarine over waves."""
    x = rng.uniform(-0.3, 0.1)
    parts = [
        line(np.array([[x + 0.2, -0.3], [x + 0.2, -0.8], [x + 0.05, -0.8]]), 0.06),
        fill("second", np.array([[x, -0.5], [x + 0.42, -0.5], [x + 0.5, -0.05], [x - 0.06, -0.05]])),
    ]
    hull = smooth(points("-100,10 -90,-10 -60,-14 60,-14 98,4 98,18 60,36 -60,36 -92,28"))
    parts += [fill("first", hull), *(fill("third", ellipse(p, 0.08, 0.06)) for p in (-0.5, -0.2, 0.1, 0.4))]
    return [*parts, *(line(points(f"-95,{y} -48,{y - 9} 0,{y} 48,{y - 9} 95,{y}"), 0.055) for y in (60, 80))]


def sun(rng: Rng) -> list[Part]:
    """A sun with straight or waving rays."""
    rays = int(rng.integers(8, 17))
    return [
        fill("second", star(rays, 1.0, rng.uniform(0.5, 0.62))),
        fill("first", ellipse(0, 0, 0.42)),
        line(arc(0, 0, 0.28, 20, 160), 0.04),
    ]


def leaf(rng: Rng) -> list[Part]:
    """An oak or maple leaf."""
    if rng.random() < 0.5:
        half = smooth(
            points("0,-98 22,-84 26,-64 14,-56 44,-52 48,-28 22,-20 58,-12 60,14 26,20 50,34 42,58 10,58 4,74 0,74"),
            False,
        )
    else:
        half = points("0,-98 16,-60 36,-70 32,-30 70,-46 66,-26 96,-10 60,18 66,34 10,36 5,50 0,50")
    veins = [line(np.array([[0, y], [s * 0.3, y - 0.24]]), 0.035) for y in (-0.3, 0.0, 0.25) for s in (-1, 1)]
    return [fill("first", both(half)), line(points("0,-75 0,100"), 0.06), *veins]


def bell(rng: Rng) -> list[Part]:
    """A bell."""
    w = rng.uniform(0.5, 0.66)
    body = smooth(both(np.array([[0, -0.78], [0.26, -0.72], [0.38, -0.2], [w, 0.4], [w + 0.1, 0.58], [0, 0.6]])))
    parts = [
        fill("metal", ellipse(0, -0.86, 0.15), ellipse(0, -0.86, 0.07)),
        fill("third", ellipse(0, 0.64, 0.17)),
        fill("first", body),
    ]
    return [*parts, fill("second", np.array([[-w + 0.1, 0.2], [w - 0.1, 0.2], [w - 0.03, 0.36], [-w + 0.03, 0.36]]))]


def head(rng: Rng) -> list[Part]:
    """A head in profile that looks to the left: invented, from brow to collar."""
    nose, chin, brow = rng.uniform(0.06, 0.2), rng.uniform(-0.06, 0.08), rng.uniform(-0.04, 0.06)
    face = np.array(
        [[-0.4, -0.62], [-0.52 - brow, -0.42], [-0.5 - brow, -0.3], [-0.47, -0.24], [-0.56 - nose, -0.02],
         [-0.6 - nose, 0.04], [-0.5, 0.08], [-0.56, 0.16], [-0.53, 0.2], [-0.55, 0.27], [-0.47, 0.31],
         [-0.5 - chin, 0.42], [-0.36, 0.54], [-0.1, 0.46]]
    )  # fmt: skip
    neck = points("-4,52 -8,80 10,90 44,86 40,20 46,-20 36,-60 0,-84")
    skin = smooth(np.concatenate([face, neck]))
    bust = smooth(points("-62,100 -50,84 -12,72 10,92 40,70 78,86 92,100"))
    parts = [fill("second", bust), fill("first", skin), *_hair(int(rng.integers(0, 5)))]
    if rng.random() < 0.45:
        long = rng.uniform(0.6, 0.95)
        sides = points("-52,24 -60,42"), points("-2,50 10,12 0,10 -18,30 -40,22")
        parts.append(fill("third", smooth(np.concatenate([sides[0], [[-0.5, long], [-0.28, long]], sides[1]]))))
    elif rng.random() < 0.4:
        parts.append(fill("third", smooth(points("-60,8 -40,8 -26,20 -42,16 -56,18"))))
    if rng.random() < 0.3:
        parts += [
            fill("metal", ellipse(-0.4, -0.2, 0.11), ellipse(-0.4, -0.2, 0.08)),
            line(points("-29,-20 8,-24"), 0.03),
        ]
    parts += [
        fill("dark", smooth(points("-48,-20 -36,-25 -28,-20 -38,-16"))),
        line(points("-52,-32 -40,-36 -28,-30"), 0.035, "dark"),
    ]
    parts += [line(arc(0.16, -0.08, 0.1, -150, 120), 0.04, "dark"), line(points("-52,21 -40,22"), 0.03, "dark")]
    return [*parts, line(points("-10,74 10,92 42,72"), 0.045, "dark")]


def _hair(kind: int) -> list[Part]:
    """One of four ways to wear it, with its strands, or for 4 a peaked cap over what shows of it."""
    if kind == 4:
        return [
            fill("third", smooth(points("28,-40 60,-44 58,0 42,26 34,0"))),
            fill("third", smooth(points("-52,-58 -66,-88 -20,-108 60,-100 72,-72 58,-46 -30,-46"))),
            fill("metal", points("-54,-54 -84,-36 -52,-38 -28,-44")),
        ]
    hairs = (
        "-40,-58 -44,-78 -10,-102 40,-96 64,-60 58,0 44,26 36,-4 26,-36 0,-50",
        "-36,-56 -30,-86 10,-98 46,-86 62,-46 84,-40 92,-16 76,6 56,-2 40,22 28,-20 10,-40",
        "20,-60 44,-72 62,-36 58,4 44,30 34,6 30,-30",
        "-42,-60 -60,-84 -20,-110 44,-104 72,-50 78,30 60,66 40,60 34,0 20,-38 -8,-44",
    )
    strands = [
        points(f"{-20 + 14 * i},{-92 + 4 * i} {10 + 12 * i},{-74 + 8 * i} {26 + 8 * i},{-48 + 12 * i}")
        for i in range(4)
    ]
    return [fill("third", smooth(points(hairs[kind]))), *(line(smooth(way, False), 0.025, "dark") for way in strands)]


EMBLEMS: dict[str, Emblem] = {
    "rocket": rocket, "sputnik": sputnik, "planet": planet, "helmet": helmet, "star": five_star, "gear": gear,
    "wheat": wheat, "steamer": steamer, "sailboat": sailboat, "anchor": anchor, "lighthouse": lighthouse,
    "plane": plane, "helicopter": helicopter, "hammers": hammers, "factory": factory, "derrick": derrick,
    "dam": dam, "atom": atom, "flask": flask, "tractor": tractor, "cotton": cotton, "grapes": grapes, "bear": bear,
    "deer": deer, "fish": fish, "gull": gull, "owl": owl, "firs": firs, "mushroom": mushroom, "flower": flower,
    "locomotive": locomotive, "bus": bus, "car": car, "mountain": mountain, "camp": camp, "compass": compass,
    "lyre": lyre, "book": book, "palette": palette, "torch": torch, "tower": tower, "fortress": fortress,
    "bridge": bridge, "key": key, "football": football, "snowflake": snowflake, "skis": skis, "chess": chess,
    "bicycle": bicycle, "weight": weight, "cup": cup, "crane": crane, "dish": dish, "lamp": miner_lamp,
    "submarine": submarine, "sun": sun, "leaf": leaf, "bell": bell, "head": head,
}  # fmt: skip
