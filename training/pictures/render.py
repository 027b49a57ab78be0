"""Turns a drawing into a pin, and a pin into photographs of it.

`strike` makes the pin: an outline, enamel cells of flat colour, metal lines and rims, a height map. `lit` shades it
under one light (Blinn's highlight for enamel, a mirrored drawn room for metal). `views` photographs it on grounds.
Everything is driven by the generator that is handed in, so the same seed gives the same pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from recognizer.types import Mask, UInt8Image
from training.pictures.grounds import Field, colour, ground, noise

SIDE = 256
METALS = {  # reflectance of the plating, RGB 0 to 1
    "gold": (0.95, 0.74, 0.36),
    "brass": (0.80, 0.65, 0.36),
    "silver": (0.86, 0.86, 0.88),
    "aluminium": (0.78, 0.79, 0.80),
    "copper": (0.86, 0.52, 0.38),
    "bronze": (0.55, 0.42, 0.26),
    "black nickel": (0.22, 0.22, 0.25),
}
ENAMELS = np.array(  # the paint box of Soviet pins, most used first
    [[178, 22, 30], [205, 35, 40], [245, 243, 235], [24, 60, 140], [20, 110, 70], [235, 190, 40], [30, 30, 34],
     [90, 150, 205], [120, 20, 35], [225, 120, 30], [110, 70, 45], [140, 200, 190], [120, 60, 130], [235, 180, 170]],
    np.float32,
)  # fmt: skip
TECHNIQUES = {"cloisonne": 0.42, "relief": 0.16, "bare": 0.14, "printed": 0.12, "mixed": 0.16}  # and how often
BASES = {
    "round": 0.28,
    "oval": 0.1,
    "slab": 0.27,
    "shield": 0.1,
    "star": 0.06,
    "polygon": 0.08,
    "pennant": 0.05,
    "flag": 0.06,
    "bar": 0.0,  # the upper part of a pin that hangs, see `compose.hanging`
}
WORDS = ("СССР", "МОСКВА", "ЛЕНИНГРАД", "1980", "50 ЛЕТ", "КИЕВ", "ГТО", "СЛАВА", "СПОРТ", "МИР", "РИГА", "1917", "XXV",
         "ТУРИСТ", "ВДНХ", "КОСМОС", "ДОСААФ", "I", "2", "USSR", "TALLINN", "VILNIUS")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pin:
    """A struck pin before any light falls on it.

    `albedo` (s, s, 3) float32 0 to 1; `metal` (s, s) float32, 1 where bare metal shows; `height` (s, s) float32 in
    pixels; `mask` (s, s) float32 coverage; `gloss` 0 to 1 of the enamel.
    """

    albedo: Field
    metal: Field
    height: Field
    mask: Field
    gloss: float


def views(
    design: UInt8Image, rng: np.random.Generator, count: int, size: int, prints: Sequence[UInt8Image] = ()
) -> list[tuple[UInt8Image, Mask]]:
    """Strike one pin from an RGBA drawing and photograph it `count` times.

    Returns (image, mask) pairs: (size, size, 3) uint8 RGB and (size, size) bool of the pin. The views share drawing and
    plating and differ in light, ground, pose, wear and camera. `prints` are drawings for patterned grounds.
    """
    pin = strike(design, rng)
    return [photographed(pin, rng, size, prints) for _ in range(count)]


def strike(
    design: UInt8Image,
    rng: np.random.Generator,
    side: int = SIDE,
    technique: str = "",
    base: str = "",
    field: UInt8Image | None = None,
) -> Pin:
    """Make a pin of `side` pixels from an RGBA drawing of any size.

    `technique` is one of `TECHNIQUES`, `base` one of `BASES` or "cut out"; empty ones, colours and plating are chosen
    by chance. `field`, RGB of any size, is what a base shows behind the drawing, instead of plain enamel.
    """
    base = base or ("cut out" if rng.random() < 0.5 else str(rng.choice(list(BASES), p=list(BASES.values()))))
    technique = technique or str(rng.choice(list(TECHNIQUES), p=list(TECHNIQUES.values())))
    lay_out = _cut_out(design, rng, side) if base == "cut out" else _on_base(design, rng, side, base, field)
    picture, mask, rim = lay_out
    metal_colour = np.array(
        METALS[str(rng.choice(list(METALS), p=[0.3, 0.14, 0.2, 0.14, 0.08, 0.07, 0.07]))], np.float32
    )
    cells, palette = _cells(picture, rng)
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    edge = _edges(cells, 1 if rng.random() < 0.6 else 2) * (mask > 0.5)
    width = rng.uniform(1.2, 4.5) if technique != "printed" or rng.random() < 0.5 else 0.0
    frame = np.maximum((inside < width).astype(np.float32), rim)
    albedo: Field = palette[cells]
    metal: Field
    height: Field
    levels = rng.uniform(0, 1, len(palette)).astype(np.float32)[cells]
    if technique == "printed":
        smooth = rng.random() < 0.5
        albedo = picture[:, :, :3].astype(np.float32) / 255 if smooth else albedo
        metal, height = frame, 1.5 * frame
    elif technique in ("bare", "relief"):
        tone = cv2.cvtColor(picture[:, :, :3], cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
        height = rng.uniform(2, 6) * cv2.GaussianBlur(0.5 * levels + 0.5 * tone, (0, 0), rng.uniform(0.8, 2))
        height = height + 1.2 * cv2.GaussianBlur(edge, (0, 0), 0.8) + 2.5 * frame
        painted = np.zeros_like(mask)
        if technique == "relief":  # only some cells are painted, sunk below the metal
            painted = (rng.random(len(palette)) < 0.5).astype(np.float32)[cells] * (1 - edge) * (1 - frame)
            height = height - 1.5 * painted
        metal = 1 - painted
    else:
        lines = np.maximum(edge, frame)
        if technique == "mixed":
            lines = np.maximum(lines, (rng.random(len(palette)) < 0.35).astype(np.float32)[cells])
        metal, height = lines, rng.uniform(0.8, 2.2) * cv2.GaussianBlur(lines, (0, 0), 0.8) + 0.5 * levels
    if rng.random() < 0.35:  # domed as a whole, or under epoxy
        height = height + rng.uniform(4, 14) * np.sqrt(np.minimum(inside / max(1.0, float(inside.max())), 1))
    bevel = rng.uniform(1.5, 5)
    height = height + np.minimum(inside, bevel) * rng.uniform(0.4, 1.2)
    metal = cv2.GaussianBlur(metal.astype(np.float32), (0, 0), 0.6)
    albedo = albedo + (metal_colour - albedo) * metal[:, :, None]
    if metal.mean() > 0.6 and rng.random() < 0.6:  # patina gathers in the recesses
        deep = np.clip(cv2.GaussianBlur(height, (0, 0), 5) - height, 0, 2)
        albedo = albedo * (1 - np.minimum(rng.uniform(0.1, 0.5) * deep, 0.8))[:, :, None]
    soft = cv2.GaussianBlur(height.astype(np.float32), (0, 0), 0.7)
    return Pin(albedo.astype(np.float32), metal, soft, mask, float(rng.uniform(0.1, 1)))


def lit(pin: Pin, rng: np.random.Generator, wear: float = 0.3) -> UInt8Image:
    """Shade a pin under one light, RGBA uint8 of the pin's size; the way is Blinn's (1977) with a mirrored room."""
    side = pin.mask.shape[0]
    slope = rng.uniform(0.5, 1.1)
    dx = cv2.Sobel(pin.height, cv2.CV_32F, 1, 0, scale=0.25 * slope)
    dy = cv2.Sobel(pin.height, cv2.CV_32F, 0, 1, scale=0.25 * slope)
    tilt_x, tilt_y = rng.normal(0, 0.12, 2)
    x = np.linspace(-1, 1, side, dtype=np.float32)[None]
    y = x.T
    bend = np.float32(rng.uniform(0, 0.15))
    nx, ny = -dx + np.float32(tilt_x) + bend * x, -dy + np.float32(tilt_y) + bend * y
    nz = 1 / np.sqrt(nx * nx + ny * ny + 1)
    turn, rise = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.3)
    light = np.array([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)], np.float32)
    diffuse = np.maximum((nx * light[0] + ny * light[1] + light[2]) * nz, 0)
    ambient = rng.uniform(0.35, 0.7)
    matt = ambient + (1.15 - ambient) * diffuse
    half = light + np.array([0, 0, 1], np.float32)
    half = half / np.linalg.norm(half)
    shine = cv2.pow(np.maximum((nx * half[0] + ny * half[1] + half[2]) * nz, 0), rng.uniform(20, 120))
    room = _room(rng)
    seen = cv2.remap(
        room,
        np.clip((nx * nz * 0.5 + 0.5) * 63, 0, 63),
        np.clip((ny * nz * 0.5 + 0.5) * 63, 0, 63),
        cv2.INTER_LINEAR,
    )
    dull = rng.uniform(0, 0.7)
    mirror = dull * matt + (1 - dull) * seen + rng.uniform(0.1, 0.7) * shine
    enamel = pin.albedo * matt[:, :, None] + (pin.gloss * rng.uniform(0.1, 0.8) * shine)[:, :, None]
    if rng.random() < 0.4 * pin.gloss:  # a window reflected in the gloss
        enamel = enamel + (rng.uniform(0.05, 0.3) * np.clip(seen - 0.7, 0, 1))[:, :, None]
    shaded = enamel + (pin.albedo * mirror[:, :, None] - enamel) * pin.metal[:, :, None]
    if rng.random() < wear:
        shaded = _worn(shaded, rng)
    out = np.empty((side, side, 4), np.uint8)
    out[:, :, :3] = np.clip(shaded * 255, 0, 255)
    out[:, :, 3] = np.clip(pin.mask * 255, 0, 255)
    return out


def photographed(
    pin: Pin, rng: np.random.Generator, size: int, prints: Sequence[UInt8Image] = ()
) -> tuple[UInt8Image, Mask]:
    """Photograph a pin alone on a drawn ground: (size, size, 3) uint8 and the (size, size) bool mask of the pin."""
    sprite = lit(pin, rng)
    fill = rng.uniform(0.5, 0.97) if rng.random() < 0.85 else rng.uniform(0.3, 0.5)
    degrees = rng.normal(0, 14) if rng.random() < 0.6 else rng.uniform(-180, 180)
    pose = posed(sprite, rng, size * fill, float(degrees), (size, size), rng.uniform(0, 0.12))
    field = ground(rng, size, size, prints).astype(np.float32)
    drop_shadow(field, pose[:, :, 3], rng, size * fill)
    weight = pose[:, :, 3:]
    field = field * (1 - weight) + pose[:, :, :3]
    return camera(field, rng), weight[:, :, 0] > 0.5


def posed(
    sprite: UInt8Image,
    rng: np.random.Generator,
    extent: float,
    degrees: float,
    shape: tuple[int, int],
    tilt: float,
    place: tuple[float, float] | None = None,
) -> Field:
    """Lay an RGBA sprite into a frame of `shape` (height, width), turned and tilted, spanning `extent` pixels.

    `tilt` moves the corners by that share of the side. Centred on `place`, by default near the middle. Returns
    premultiplied (height, width, 4) float32, colour 0 to 255 and coverage 0 to 1.
    """
    side = sprite.shape[0]
    rows, columns = np.flatnonzero(sprite[:, :, 3].max(1)), np.flatnonzero(sprite[:, :, 3].max(0))
    box = np.array([[columns[0], rows[0]], [columns[-1], rows[0]], [columns[-1], rows[-1]], [columns[0], rows[-1]]])
    corners = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    turn = np.radians(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    spread = (corners - side / 2 + rng.uniform(-tilt, tilt, (4, 2)) * side) @ rotation.T
    bent = cv2.getPerspectiveTransform(corners, spread.astype(np.float32))
    ends = cv2.perspectiveTransform(box[None].astype(np.float32), bent)[0]
    low, high = ends.min(axis=0), ends.max(axis=0)
    scale = extent / float((high - low).max())
    free = np.maximum((np.array(shape[::-1]) - (high - low) * scale) / 2, 0)
    centre = np.array(shape[::-1]) / 2 + rng.uniform(-0.9, 0.9, 2) * free if place is None else np.array(place)
    shift = centre - (low + high) / 2 * scale
    move = np.array([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1]])
    source: Field = sprite.astype(np.float32)
    source[:, :, 3] /= 255
    source[:, :, :3] *= source[:, :, 3:]
    if scale < 0.6:  # a plain warp would alias
        source = cv2.GaussianBlur(source, (0, 0), 0.4 / scale)
    out: Field = cv2.warpPerspective(source, move @ bent, (shape[1], shape[0]), flags=cv2.INTER_LINEAR)
    return out


def drop_shadow(field: Field, coverage: Field, rng: np.random.Generator, extent: float) -> None:
    """Darken `field` in place where a thing of this coverage keeps the light off: close contact and a cast shadow."""
    reach = extent * rng.uniform(0.005, 0.06)
    turn = rng.uniform(0, 2 * np.pi)
    move = np.array([[1, 0, reach * np.cos(turn)], [0, 1, reach * np.sin(turn)]], np.float32)
    cast = cv2.warpAffine(coverage, move, (coverage.shape[1], coverage.shape[0]))
    cast = cv2.GaussianBlur(cast, (0, 0), max(0.6, reach * rng.uniform(0.2, 1.0)))
    field *= (1 - rng.uniform(0.0, 0.75) * cast)[:, :, None]


def camera(field: Field, rng: np.random.Generator, strength: float = 1.0) -> UInt8Image:
    """Photograph a scene (height, width, 3) of 0 to 255: cast, glare, blur, low resolution, noise, JPEG."""
    height, width = field.shape[:2]
    gain = rng.uniform(0.7, 1.2) * (1 + rng.normal(0, 0.05, 3) * strength)
    slope = 1 + 0.25 * noise(rng, height, width, max(height, width) / rng.uniform(0.7, 2)) * rng.random()
    field = field * (slope[:, :, None] * gain.astype(np.float32))
    if rng.random() < 0.15 * strength:  # glare over everything
        veil = np.clip(noise(rng, height, width, max(height, width) / rng.uniform(1, 4)), 0, 1)
        field = field + (rng.uniform(20, 110) * veil)[:, :, None]
    if rng.random() < 0.35:
        pale = field.mean(axis=2, keepdims=True)
        field = pale + (field - pale) * rng.uniform(0.5, 1.35)
        field = (field - 110) * rng.uniform(0.75, 1.25) + 110
    if rng.random() < 0.4 * strength:
        field = cv2.GaussianBlur(field, (0, 0), rng.uniform(0.4, 1.6))
    if rng.random() < 0.3 * strength:
        shrink = rng.uniform(0.35, 0.85)
        small = cv2.resize(field, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        field = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.6:
        field = field + rng.standard_normal((height, width, 1), np.float32) * np.float32(rng.uniform(1, 9) * strength)
    image: UInt8Image = np.clip(field, 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = int(rng.integers(35, 95))
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return image


def _cut_out(design: UInt8Image, rng: np.random.Generator, side: int) -> tuple[UInt8Image, Field, Field]:
    margin = side // 14
    picture = np.zeros((side, side, 4), np.uint8)
    picture[margin:-margin, margin:-margin] = cv2.resize(
        design, (side - 2 * margin, side - 2 * margin), interpolation=cv2.INTER_AREA
    )
    solid = (picture[:, :, 3] > 100).astype(np.uint8)
    reach = int(rng.integers(2, 8))
    for _ in range(4):  # until the parts hang together
        grown = cv2.dilate(solid, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(grown)
        if count <= 2:
            break
        reach += 3
    if count > 2:
        grown = (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    contours, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = cv2.drawContours(np.zeros_like(solid), contours, -1, 1, -1)
    if rng.random() < 0.15:  # large openings stay open
        holes = cv2.morphologyEx(whole - grown, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
        whole = whole - holes
    mask = cv2.GaussianBlur(whole.astype(np.float32), (0, 0), 1.2)
    mask = np.clip((mask - 0.5) * 2.5 + 0.5, 0, 1)
    filler = _filler(design, rng)
    weight = picture[:, :, 3:].astype(np.float32) / 255
    picture[:, :, :3] = picture[:, :, :3] * weight + filler * (1 - weight)
    picture[:, :, 3] = 255
    bare = rng.random() < 0.5
    rim = ((weight[:, :, 0] < 0.5) & (mask > 0.5)).astype(np.float32) if bare else np.zeros_like(mask)
    return picture, mask, rim


def _on_base(
    design: UInt8Image, rng: np.random.Generator, side: int, base: str, field: UInt8Image | None = None
) -> tuple[UInt8Image, Field, Field]:
    big = 2 * side
    shape = np.zeros((big, big), np.uint8)
    cv2.fillPoly(shape, [(_base(base, rng) * (big * 0.47) + big / 2).astype(np.int32)], 255, cv2.LINE_AA)
    mask = cv2.resize(shape, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    reach = int(inside.max() * rng.uniform(1.3, 1.75))
    y, x = (int(v) for v in np.unravel_index(int(np.argmax(cv2.GaussianBlur(inside, (0, 0), 3))), inside.shape))
    filler = _filler(design, rng)
    picture = np.empty((side, side, 4), np.uint8)
    picture[:, :, :3], picture[:, :, 3] = filler, 255
    if field is not None:
        picture[:, :, :3] = cv2.resize(field, (side, side), interpolation=cv2.INTER_AREA)
    elif rng.random() < 0.4:  # a second field: band, lower half, or ring
        second = ENAMELS[rng.integers(len(ENAMELS))]
        kind = rng.integers(3)
        if kind == 0:
            picture[int(side * rng.uniform(0.55, 0.8)) :, :, :3] = second
        elif kind == 1:
            picture[:, : int(side * rng.uniform(0.2, 0.5)), :3] = second
        else:
            picture[inside < rng.uniform(0.2, 0.4) * inside.max(), :3] = second
    if rng.random() < 0.25:  # the drawing fills the whole base, as on a flag pin
        reach = int(side * 0.9)
        y = x = side // 2
    side_of = max(16, min(reach, side))
    small = cv2.resize(design, (side_of, side_of), interpolation=cv2.INTER_AREA)
    top, left = int(np.clip(y - side_of // 2, 0, side - side_of)), int(np.clip(x - side_of // 2, 0, side - side_of))
    weight = small[:, :, 3:].astype(np.float32) / 255
    part = picture[top : top + side_of, left : left + side_of, :3]
    part[:] = part * (1 - weight) + small[:, :, :3] * weight
    if rng.random() < 0.5:
        _letter(picture, rng, y, reach)
    rings = np.zeros_like(mask)
    if rng.random() < 0.3:
        at = rng.uniform(5, 20)
        rings = (np.abs(inside - at) < 1.1).astype(np.float32)
    return picture, mask, rings


def _base(kind: str, rng: np.random.Generator) -> Field:
    """Return a base outline as (n, 2) points within -1 to 1."""
    turn = np.linspace(0, 2 * np.pi, 121)[:-1]
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    if kind == "round":
        points = circle
    elif kind == "oval":
        points = circle * ((1, rng.uniform(0.55, 0.9)) if rng.random() < 0.5 else (rng.uniform(0.55, 0.9), 1))
    elif kind == "slab":  # superellipse: rectangle with round corners
        power = 2 / rng.uniform(5, 20)
        points = np.sign(circle) * np.abs(circle) ** power
        points = points * ((1, rng.uniform(0.35, 1)) if rng.random() < 0.5 else (rng.uniform(0.35, 1), 1))
    elif kind == "shield":
        points = np.array(
            [[-0.8, -0.95], [0, -0.82], [0.8, -0.95], [0.82, 0.1], [0.55, 0.6], [0, 1], [-0.55, 0.6], [-0.82, 0.1]]
        )
    elif kind == "star":
        arms = int(rng.integers(5, 9))
        turn = np.arange(2 * arms) * np.pi / arms - np.pi / 2
        points = np.where(np.arange(2 * arms) % 2, rng.uniform(0.4, 0.75), 1.0)[:, None] * np.stack(
            [np.cos(turn), np.sin(turn)], 1
        )
    elif kind == "polygon":
        turn = np.arange(n := int(rng.integers(3, 9))) * 2 * np.pi / n - np.pi / 2
        points = np.stack([np.cos(turn), np.sin(turn)], 1)
    elif kind == "pennant":
        points = np.array([[-0.55, -1], [0.55, -1], [0.55, 0.6], [0, 1], [-0.55, 0.6]])
    elif kind == "bar":
        power = 2 / rng.uniform(4, 20)
        points = np.sign(circle) * np.abs(circle) ** power * (1, rng.uniform(0.2, 0.55))
    else:
        x = np.linspace(-1, 1, 30)
        wave = 0.1 * np.sin(x * np.pi)
        points = np.concatenate([np.stack([x, wave - 0.6], 1), np.stack([x[::-1], wave[::-1] + 0.6], 1)])
    return points.astype(np.float32)


def _filler(design: UInt8Image, rng: np.random.Generator) -> Field:
    """Choose the enamel behind the drawing: far from the drawing's mean colour, so that it can be seen."""
    solid = design[design[:, :, 3] > 128][:, :3]
    mean = solid.mean(axis=0) if len(solid) else np.full(3, 128.0)
    order = np.argsort(-np.linalg.norm(ENAMELS - mean, axis=1))
    chosen: Field = ENAMELS[order[rng.integers(7)]]
    return chosen


def _cells(picture: UInt8Image, rng: np.random.Generator) -> tuple[UInt8Image, Field]:
    """Part a picture into few flat colours: (s, s) labels and their colours, (k, 3) float32 0 to 1."""
    smooth = cv2.medianBlur(np.ascontiguousarray(picture[:, :, :3]), 5)
    flat = Image.fromarray(smooth).quantize(
        int(rng.integers(4, 11)), Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    labels = np.asarray(cv2.medianBlur(np.asarray(flat, np.uint8), 5), np.uint8)
    palette: Field = np.array(flat.getpalette() or [0, 0, 0], np.float32).reshape(-1, 3)[: int(labels.max()) + 1]
    if rng.random() < 0.4:  # the enameller's colours instead of the draughtsman's
        near = np.argmin(np.linalg.norm(palette[:, None] - ENAMELS[None], axis=2), axis=1)
        palette = ENAMELS[near] + (palette - ENAMELS[near]) * np.float32(0.3)
    if rng.random() < 0.25:
        hsv = cv2.cvtColor(np.clip(palette, 0, 255).astype(np.uint8)[None], cv2.COLOR_RGB2HSV)
        hsv[:, :, 0] = (hsv[:, :, 0].astype(int) + int(rng.integers(180))) % 180
        palette = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0].astype(np.float32)
    return labels, palette / 255


def _edges(cells: UInt8Image, width: int) -> Field:
    out = cv2.morphologyEx(cells, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    edge = (out > 0).astype(np.float32)
    return cv2.dilate(edge, np.ones((3, 3), np.uint8)) if width > 1 else edge


def _letter(picture: UInt8Image, rng: np.random.Generator, y: int, reach: int) -> None:
    side = picture.shape[0]
    text = WORDS[rng.integers(len(WORDS))]
    height = int(rng.uniform(0.08, 0.16) * side)
    line = min(side - height - 8, y + reach // 2 - height // 2) if rng.random() < 0.7 else max(8, y - reach // 2)
    page = Image.fromarray(picture[:, :, :3])
    ink = ENAMELS[rng.integers(len(ENAMELS))].astype(int)
    ImageDraw.Draw(page).text((side // 2, line), text, fill=tuple(ink.tolist()), font=font(height), anchor="mt")
    picture[:, :, :3] = np.asarray(page)


@cache
def font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return a lettering of this height in pixels."""
    try:  # Cyrillic where the machine has this font, Pillow's own font elsewhere
        return ImageFont.truetype("DejaVuSans-Bold.ttf", height)
    except OSError:
        return ImageFont.load_default(height)


def _room(rng: np.random.Generator) -> Field:
    """Draw what polished metal mirrors, (64, 64): soft light and dark with a window or lamp."""
    room = 0.55 + 0.45 * noise(rng, 64, 64, rng.uniform(12, 40))
    for _ in range(rng.integers(1, 4)):
        x, y = rng.uniform(10, 54, 2)
        size = rng.uniform(3, 14, 2)
        patch = np.zeros((64, 64), np.float32)
        cv2.rectangle(patch, (int(x - size[0]), int(y - size[1])), (int(x + size[0]), int(y + size[1])), 1.0, -1)
        room = room + rng.uniform(0.3, 1.0) * cv2.GaussianBlur(patch, (0, 0), rng.uniform(0.8, 4))
    return np.clip(room, 0.05, 1.8).astype(np.float32)


def _worn(shaded: Field, rng: np.random.Generator) -> Field:
    side = shaded.shape[0]
    field = noise(rng, side, side, rng.uniform(1.5, 10)) + 0.4 * noise(rng, side, side, 40)
    spots = np.clip((field - rng.uniform(0.8, 1.4)) * 3, 0, 1)[:, :, None]
    shaded = shaded * (1 - spots) + (colour(rng) / 255 * 0.6) * spots
    scratches = np.zeros((side, side), np.float32)
    for _ in range(rng.integers(0, 9)):
        a = rng.uniform(0, side, 2)
        b = a + rng.normal(0, side * 0.15, 2)
        cv2.line(
            scratches, a.astype(int).tolist(), b.astype(int).tolist(), float(rng.uniform(0.1, 0.5)), 1, cv2.LINE_AA
        )
    return shaded + scratches[:, :, None] * float(rng.choice([-0.5, 0.6]))
