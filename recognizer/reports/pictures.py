"""Pictures of answers: a collector's photo beside catalogue photos, matched points drawn and joined by lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw
from PIL.Image import Resampling

from recognizer.catalogue.store import Catalogue
from recognizer.drawn.lettering import has_letters, letters
from recognizer.errors import CatalogueError, PhotoError
from recognizer.types import Box, Float32, UInt8Image
from recognizer.vision.photos import open_photo

MOST_LINES: Final = 36
"""Matched points that are joined by a line; more than that hides the pins. The other points are still dotted."""

_AROUND: Final = 0.06  # of a pin's longer side is left around it where it is cut out
_FILLED: Final = 0.75  # of a photo: a pin that takes more is not cut out, nothing would be gained
_PLAIN: Final = 40  # levels that a plain ground may be off its colour: its shadows
_ALL: Final = 0.95  # of the edge of a photo is that plain

_GROUND: Final = (27, 30, 36)  # dark enough for white letters, and at home on a light and on a dark page
_FRAME: Final = (255, 255, 255)
_EMPTY: Final = (52, 57, 66)
_BOX: Final = (255, 196, 0)
# Okabe and Ito's colours (2008), which colour-blind eyes part, without the two that vanish on dark ground.
_COLOURS: Final = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167))
_FINE: Final = 2  # everything is drawn this much larger and then shrunk: Pillow's lines have no soft edges


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A catalogue photo to stand beside the query, None where its file is gone.

    `matched` is (m, 4) float32 of x, y in the query's picture and x, y in this one, in pixels; `caption` is one line.
    """

    image: UInt8Image | None
    matched: Float32 | None = None
    caption: str = ""


def draw_beside(
    query: UInt8Image,
    right: Neighbour | None,
    left: Neighbour | None = None,
    *,
    box: Box | None = None,
    caption: str = "",
    side: int = 440,
) -> UInt8Image:
    """Draw a query with a catalogue photo on its right and maybe another on its left, matched points joined.

    Each picture is brought into a square of `side` pixels; `box` is drawn on the query. A line of captions stands below
    where any is given; letters outside the stroke alphabet become dots. Returns (height, width, 3) uint8 RGB.
    """
    sides = [neighbour for neighbour in (left, right) if neighbour is not None]
    panels = [
        *([_Panel.fit(left.image, side * _FINE)] if left else []),
        _Panel.fit(query, side * _FINE),
        *([_Panel.fit(right.image, side * _FINE)] if right else []),
    ]
    words = [*([left.caption] if left else []), caption, *([right.caption] if right else [])]
    gap, tall = side * _FINE // 24, max(panel.image.height for panel in panels)
    foot = side * _FINE // 11 if any(words) else 0
    wide = sum(panel.image.width for panel in panels) + gap * (len(panels) + 1)
    canvas = Image.new("RGB", (wide, tall + 2 * gap + foot), _GROUND)
    x = gap
    for panel in panels:
        panel.x, panel.y = x, gap + (tall - panel.image.height) // 2
        canvas.paste(panel.image, (panel.x, panel.y))
        x += panel.image.width + gap
    asked = panels[1 if left else 0]
    if box is not None:
        _draw_boxes(canvas, asked, [box])
    for neighbour, panel in zip(sides, [panel for panel in panels if panel is not asked], strict=True):
        if neighbour.matched is not None and neighbour.image is not None:
            _draw_lines(canvas, asked, panel, neighbour.matched)
    for panel, text in zip(panels, words, strict=True):
        if text:
            _write(canvas, text, (panel.x, tall + 2 * gap), panel.image.width + gap // 2, foot)
    return _shrunk(canvas)


def draw_boxes(photo: UInt8Image, boxes: Sequence[Box], *, side: int = 900) -> UInt8Image:
    """Draw numbered boxes, 1 the first, on a photo brought into a square of `side` pixels; (height, width, 3) uint8."""
    panel = _Panel.fit(photo, side * _FINE)
    canvas = panel.image.copy()
    _draw_boxes(canvas, panel, boxes)
    for number, box in enumerate(boxes, 1) if len(boxes) > 1 else ():
        size = max(26, side // 30) * _FINE
        at = panel.place(box.left, box.top)
        label = ImageDraw.Draw(canvas)
        label.rectangle((at[0], at[1], at[0] + size * (0.7 + 0.5 * len(str(number))), at[1] + size), fill=_BOX)
        _write(canvas, str(number), at, round(size * (0.7 + 0.5 * len(str(number)))), size, ink=(0, 0, 0))
    return _shrunk(canvas)


def draw_outlines(
    photo: UInt8Image,
    outlines: Sequence[Float32],
    colours: Sequence[tuple[int, int, int]],
    *,
    numbers: Sequence[int] | None = None,
    side: int = 1400,
) -> UInt8Image:
    """Draw numbered outlines, 1 the first unless they have `numbers` of their own, each (n, 2) of x, y in pixels of the
    photo and in its colour.

    The photo is brought into a square of `side` pixels, never enlarged; returns (height, width, 3) uint8 RGB.
    """
    panel = _Panel.fit(photo, min(side, max(photo.shape[:2])) * _FINE)
    canvas = panel.image.copy()
    draw = ImageDraw.Draw(canvas)
    size = max(16, side // 70) * _FINE
    placed = [[panel.place(x, y) for x, y in outline.tolist()] for outline in outlines]
    for corners, colour in zip(placed, colours, strict=True):
        draw.line([*corners, corners[0]], fill=(0, 0, 0), width=4 * _FINE, joint="curve")
        draw.line([*corners, corners[0]], fill=colour, width=2 * _FINE, joint="curve")
    named = numbers or range(1, len(placed) + 1)
    for number, corners, colour in zip(named, placed, colours, strict=True):  # over every line
        x, y = min(corners, key=lambda place: place[0] + place[1])
        wide = round(size * (0.7 + 0.5 * len(str(number))))
        x, y = min(x, canvas.width - wide), min(y, canvas.height - size)
        draw.rectangle((x, y, x + wide, y + size), fill=colour)
        _write(canvas, str(number), (x, y), wide, size, ink=(0, 0, 0))
    return _shrunk(canvas)


def thumbnail(image: UInt8Image, side: int = 96) -> UInt8Image:
    """Shrink a picture into a square of `side` pixels, keeping its shape; a small one stays as it is."""
    picture = Image.fromarray(image)
    picture.thumbnail((side, side), Resampling.LANCZOS)
    return np.array(picture)


def pin_part(image: UInt8Image, outline: Float32) -> UInt8Image:
    """The part of a photo that shows the pin with a little of its ground; all of it where the pin fills most of it.

    An outline (n, 2) may miss a part of its pin that has the colour of the ground; where that is plain, whatever stands
    out from it is taken in.
    """
    (left, top), (right, bottom) = outline.min(axis=0).tolist(), outline.max(axis=0).tolist()
    if (standing := _standing_out(image)) is not None:
        left, top = min(left, standing.left), min(top, standing.top)
        right, bottom = max(right, standing.right), max(bottom, standing.bottom)
    more = _AROUND * max(right - left, bottom - top)
    height, width = image.shape[:2]
    left, top = max(0, int(left - more)), max(0, int(top - more))
    right, bottom = min(width, int(right + more) + 1), min(height, int(bottom + more) + 1)
    return image if (right - left) * (bottom - top) > _FILLED * height * width else image[top:bottom, left:right]


def _standing_out(image: UInt8Image) -> Box | None:
    """Where anything stands out from the ground of a photo, None where the ground is not plain, or nothing does."""
    step = max(1, max(image.shape[:2]) // 256)
    small = image[::step, ::step].astype(np.int16)
    edge = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    ground = np.median(edge, axis=0)
    if (np.abs(edge - ground).max(axis=1) <= _PLAIN).mean() < _ALL:
        return None
    off = np.abs(small - ground).max(axis=2) > _PLAIN
    columns, rows = (np.flatnonzero(off.sum(axis=axis) > 1) for axis in (0, 1))  # one place alone is a speck
    if not len(columns) or not len(rows):
        return None
    left, top, right, bottom = (int(at) * step for at in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return Box(left, top, right, bottom)


@dataclass(slots=True)
class _Panel:
    """A picture brought to size, where it stands on the canvas, and the factor that brought it to size."""

    image: Image.Image
    factor: float
    x: int = 0
    y: int = 0

    @classmethod
    def fit(cls, image: UInt8Image | None, side: int) -> _Panel:
        if image is None:
            return cls(Image.new("RGB", (side * 2 // 3, side * 2 // 3), _EMPTY), 1.0)
        picture = Image.fromarray(image)
        factor = side / max(picture.size)
        size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
        return cls(picture.resize(size, Resampling.LANCZOS if factor < 1 else Resampling.BICUBIC), factor)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Turn a place in the picture into one on the canvas, kept inside the panel."""
        return (
            self.x + min(max(x * self.factor, 0), self.image.width - 1),
            self.y + min(max(y * self.factor, 0), self.image.height - 1),
        )


def _draw_boxes(canvas: Image.Image, panel: _Panel, boxes: Sequence[Box]) -> None:
    draw = ImageDraw.Draw(canvas)
    for box in boxes:
        corners = (*panel.place(box.left, box.top), *panel.place(box.right - 1, box.bottom - 1))
        draw.rectangle(corners, outline=(0, 0, 0), width=5 * _FINE)
        inner = (corners[0] + _FINE, corners[1] + _FINE, corners[2] - _FINE, corners[3] - _FINE)
        if inner[0] < inner[2] and inner[1] < inner[3]:
            draw.rectangle(inner, outline=_BOX, width=3 * _FINE)


def _draw_lines(canvas: Image.Image, query: _Panel, other: _Panel, matched: Float32) -> None:
    """Dot every matched point and join some of them, spread over the height of the query."""
    places = matched[np.argsort(matched[:, 1], kind="stable")]
    joined = set(np.linspace(0, len(places) - 1, min(len(places), MOST_LINES)).round().astype(int).tolist())
    ends = [(query.place(row[0], row[1]), other.place(row[2], row[3])) for row in places.astype(float).tolist()]
    lines = canvas.copy()
    draw = ImageDraw.Draw(lines)
    for number, (start, end) in enumerate(ends):
        if number in joined:
            draw.line((start, end), fill=_COLOURS[number % len(_COLOURS)], width=_FINE + 1)
    canvas.paste(Image.blend(canvas, lines, 0.8))
    draw = ImageDraw.Draw(canvas)
    for number, pair in enumerate(ends):
        for x, y in pair:
            radius = 2.5 * _FINE
            draw.ellipse((x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1), fill=(0, 0, 0))
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_COLOURS[number % len(_COLOURS)])


def _write(
    canvas: Image.Image,
    text: str,
    at: tuple[float, float],
    width: float,
    height: float,
    ink: tuple[int, int, int] = _FRAME,
) -> None:
    """Write one line of strokes into a rectangle of the canvas, its top left at `at`, smaller where it is too long."""
    placed, long = letters("".join(_writable(text)))
    size = min(height * 0.46, width * 0.94 / max(long, 0.1))
    left, middle = at[0] + max(width - long * size, 0) / 2, at[1] + height / 2
    draw, pen = ImageDraw.Draw(canvas), max(2, round(size / 7))
    for x, strokes in placed:
        for stroke in strokes:
            line = [(left + (x + px) * size, middle + py * size) for px, py in stroke.tolist()]
            draw.line(line, fill=ink, width=pen, joint="curve")
            for px, py in (line[0], line[-1]):  # round ends; a dot is nothing but its ends
                draw.ellipse((px - pen / 2, py - pen / 2, px + pen / 2, py + pen / 2), fill=ink)


def _writable(text: str) -> Iterator[str]:
    for letter in text:
        yield letter if has_letters(letter) else "·"


def _shrunk(canvas: Image.Image) -> UInt8Image:
    size = (max(1, canvas.width // _FINE), max(1, canvas.height // _FINE))
    return np.array(canvas.resize(size, Resampling.BOX))


def catalogue_picture(catalogue: Catalogue, image_id: int) -> UInt8Image | None:
    """Open a catalogue photo as the index saw it; None where it has gone or no longer opens."""
    try:
        return open_photo(catalogue.picture_path(catalogue.image(image_id))).image
    except (CatalogueError, PhotoError):
        return None
