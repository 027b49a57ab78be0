"""The plate: a pin's metal, wires and enamel as they are struck, laid and lit.

A pin is drawn twice as fine as asked for into three layers: the colour of the enamel, where enamel lies, and the
height of the metal. Raised wires part the cells. After shrinking, the height gives normals; the metal mirrors a simple
sky with one light, the enamel is nearly flat and glossy. So bare relief and cloisonne come from one way of drawing.
"""
# ruff: noqa: RUF005 -- "+ (x, y)" moves an array of places, it joins nothing

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.drawn.emblems import Part, turned
from recognizer.drawn.lettering import Points, letters
from recognizer.types import Float32, UInt8Image

Colour = tuple[int, int, int]
Rng = np.random.Generator

METALS: dict[str, tuple[Colour, Colour, Colour]] = {  # in shadow, in even light, where it mirrors the light
    "gold": ((74, 44, 10), (196, 148, 62), (255, 240, 188)),
    "silver": ((52, 54, 60), (160, 164, 168), (252, 253, 255)),
    "copper": ((66, 26, 14), (176, 98, 62), (255, 214, 184)),
    "bronze": ((36, 26, 14), (124, 94, 56), (226, 196, 140)),
    "aluminium": ((96, 100, 106), (190, 194, 198), (246, 248, 250)),
}
ENAMELS: dict[str, Colour] = {
    "red": (178, 22, 30), "ruby": (122, 12, 28), "blue": (22, 58, 150), "navy": (16, 26, 78), "sky": (96, 168, 214),
    "green": (18, 104, 58), "lime": (122, 168, 52), "white": (236, 234, 224), "black": (24, 24, 28),
    "yellow": (236, 190, 40), "orange": (222, 104, 26), "turquoise": (24, 142, 146), "brown": (98, 54, 30),
    "violet": (88, 40, 116), "pink": (222, 130, 142), "grey": (128, 136, 142), "cream": (232, 214, 170),
}  # fmt: skip
EXTENT = 1.06  # half the canvas in units of half the pin's longer side: room for the outline's soft edge


class Plate:
    """A pin while it is drawn; places are in units of half its longer side, (0, 0) in the middle, y down."""

    def __init__(self, size: int, finish: str, relief: bool) -> None:
        self.side = 2 * size
        self.finish = finish
        self.relief = relief
        self.scale = self.side / (2 * EXTENT)
        self.wire = 0.024
        self.ink = np.zeros((self.side, self.side, 3), np.uint8)
        self.enamel = np.zeros((self.side, self.side), np.uint8)
        self.height = np.zeros((self.side, self.side), np.float32)
        self.outline = np.zeros((self.side, self.side), np.uint8)
        self.rim = 0.0

    def _pixels(self, shapes: Sequence[Points]) -> list[NDArray[np.int32]]:
        """Return shapes in sixteenths of a pixel, as cv2 draws them with shift 4."""
        return [np.round((shape * self.scale + self.side / 2) * 16).astype(np.int32) for shape in shapes]

    def _fill(self, layer: NDArray[Any], shapes: Sequence[Points], value: float | Colour) -> None:
        cv2.fillPoly(layer, self._pixels(shapes), value, cv2.LINE_8, 4)

    def _stroke(self, layer: NDArray[Any], way: Points, width: float, value: float | Colour) -> None:
        cv2.polylines(layer, self._pixels([way]), False, value, max(3, round(width * self.scale)), cv2.LINE_8, 4)

    def _window(self, shapes: Sequence[Points], width: float = 0.0) -> tuple[tuple[slice, slice], NDArray[np.uint8]]:
        """Draw filled shapes (or a line, where width > 0) into the smallest window that holds them."""
        every = np.concatenate(shapes) * self.scale + self.side / 2
        spare = 3 + width * self.scale
        left, top = np.clip((every.min(axis=0) - spare).astype(int), 0, self.side - 1)
        right, bottom = np.clip((every.max(axis=0) + spare).astype(int), 1, self.side)
        mask = np.zeros((max(bottom - top, 1), max(right - left, 1)), np.uint8)
        rings = [ring - np.array([left * 16, top * 16], np.int32) for ring in self._pixels(shapes)]
        if width:
            cv2.polylines(mask, rings, False, 255, max(3, round(width * self.scale)), cv2.LINE_8, 4)
        else:
            cv2.fillPoly(mask, rings, 255, cv2.LINE_8, 4)
        return (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])), mask

    def cut(self, outlines: Sequence[Points], rim: float = 0.06) -> None:
        """Set the outline of the pin, several closed shapes together, and the width of its raised rim."""
        for outline in outlines:
            self._fill(self.outline, [outline], 255)
        self.rim = rim

    def cell(self, colour: str, *rings: Points, wired: bool = True) -> None:
        """Lay enamel inside the rings (even-odd) and a raised wire round it; on a relief pin, a raised field."""
        if self.relief:
            self.swell(*rings, rise=0.9)
            return
        self._fill(self.ink, rings, ENAMELS[colour])
        self._fill(self.enamel, rings, 255)
        self._fill(self.height, rings, 0.0)
        if wired:
            for ring in rings:
                self.ridge(np.concatenate([ring, ring[:1]]), self.wire)

    def swell(self, *rings: Points, rise: float = 1.0, reach: float = 0.14) -> None:
        """Raise bare metal inside the rings, rounded towards the edge over `reach`."""
        window, mask = self._window(rings)
        inside = mask > 0
        if not inside.any():
            return
        slope = np.clip(_depth(mask)[inside] / (reach * self.scale), 0, 1)
        floor = float(self.height[window][inside].mean())
        self.height[window][inside] = 0.35 * floor + rise * (0.45 + 2.2 * np.sqrt(slope * (2 - slope)))
        self._fill(self.enamel, rings, 0)

    def ridge(self, way: Points, width: float, rise: float = 1.0) -> None:
        """Raise a metal line along a way (a groove where rise < 0)."""
        if self.relief or rise < 0:
            window, mask = self._window([way], width)
            self.height[window] += (rise / 255) * mask.astype(np.float32)
        else:
            self._stroke(self.height, way, width, rise)
        self._stroke(self.enamel, way, width, 0)

    def paint(self, colour: str, way: Points, width: float) -> None:
        """Fill a line with enamel, flush with the metal."""
        self._stroke(self.ink, way, width, ENAMELS[colour])
        self._stroke(self.enamel, way, width, 255)
        self._stroke(self.height, way, width, 0.0)

    def ground(self, rng: Rng, kind: str) -> None:
        """Texture the bare ground: "stipple", "lines", "rays" or "smooth"."""
        if kind == "stipple":
            noise = rng.standard_normal((self.side, self.side), dtype=np.float32)
            self.height += 0.9 * cv2.GaussianBlur(noise, (0, 0), self.side / 420)
        elif kind != "smooth":
            y, x = np.mgrid[0 : self.side, 0 : self.side].astype(np.float32)
            wave = (
                y * (60.0 / self.side) if kind == "lines" else np.arctan2(y - self.side * 0.62, x - self.side / 2) * 24
            )
            self.height += (0.35 * np.sin(wave * (2 * np.pi if kind == "lines" else 1))).astype(np.float32)

    def emblem(
        self, parts: Sequence[Part], x: float, y: float, size: float, colours: Sequence[str], angle: float = 0
    ) -> None:
        """Place an emblem with half height `size`; `colours` are those of its first, second and third tone."""
        tones = dict(zip(("first", "second", "third"), colours, strict=False))
        rises = {"first": 1.0, "second": 0.75, "third": 1.15, "metal": 1.2}
        usual, self.wire = self.wire, min(self.wire, 0.05 * size + 0.004)
        for part in parts:
            rings = [turned(ring * size, angle) + (x, y) for ring in part.rings]
            if part.width:
                sunk = part.tone == "dark"
                self.ridge(rings[0], max(part.width * size, 0.014), -0.9 if sunk else 1.1)
            elif part.tone in tones:
                if self.relief:
                    self.swell(*rings, rise=rises[part.tone], reach=0.2 * size)
                else:
                    self.cell(tones[part.tone], *rings)
            elif part.tone == "metal":
                self.swell(*rings, rise=0.8, reach=0.1 * size)
            elif self.relief:
                self.swell(*rings, rise=0.15)
            else:
                self.cell("black", *rings)
        self.wire = usual

    def write(
        self,
        text: str,
        x: float,
        y: float,
        height: float,
        width: float,
        colour: str = "",
        sway: Callable[[float], float] | None = None,
    ) -> None:
        """Write a line of text round (x, y), made smaller until it is not wider than `width`.

        Raised metal letters without `colour`, enamel-filled ones with it; `sway` gives how far down a letter at x is.
        """
        placed, long = letters(text)
        if not placed:
            return
        height = min(height, width / max(long, 0.1) / 0.8)
        narrow = min(1.0, width / (long * height))
        for start, strokes in placed:
            down = sway(x + (start + 0.3 - long / 2) * height * narrow) if sway else 0.0
            for stroke in strokes:
                way = (stroke + (start - long / 2, 0)) * (height * narrow, height)
                self._pen(way + (x, y + down), height, colour)

    def write_arc(
        self, text: str, radius: float, height: float, middle: float, colour: str = "", room: float = 300
    ) -> None:
        """Write along a circle round (0, 0); `middle` is the angle of the text's middle in degrees, -90 at the top.

        Text in the lower half stands upright too. `room` is the most degrees that it may take.
        """
        placed, long = letters(text)
        if not placed:
            return
        below = np.sin(np.radians(middle)) > 0
        height = min(height, np.radians(room) * radius / max(long, 0.1))
        for start, strokes in placed:
            centre = start + 0.3
            offset = np.degrees((centre - long / 2) * height / radius)
            at = np.radians(middle + (-offset if below else offset))
            place = radius * np.array([np.cos(at), np.sin(at)])
            lean = np.degrees(at) + (-90 if below else 90)
            for stroke in strokes:
                self._pen(turned((stroke - (0.3, 0)) * height, lean) + place, height, colour)

    def _pen(self, way: Points, height: float, colour: str) -> None:
        width = max(0.15 * height, 0.018)
        if colour and not self.relief:
            self.paint(colour, way, width)
        else:
            self.ridge(way, width, 1.3)

    def _raise_rim(self, window: tuple[slice, slice]) -> None:
        outline, height, enamel = self.outline[window], self.height[window], self.enamel[window]
        deep = _depth(outline)
        near = np.nonzero((deep < self.rim * self.scale) & (outline > 0))
        across = deep[near] / (self.rim * self.scale)
        height[near] = 1.5 * np.sqrt(np.clip(1 - (2 * across - 1) ** 2, 0, 1)) + 0.3
        enamel[near] = 0

    def shade(self, light: float, gloss: float, rng: Rng) -> UInt8Image:
        """Light the plate from `light` degrees (0 = from the right, 90 = from the foot) and return it as RGBA."""
        rows, columns = np.flatnonzero(self.outline.any(axis=1)), np.flatnonzero(self.outline.any(axis=0))
        window = slice(rows[0] & ~1, rows[-1] + 3 & ~1), slice(columns[0] & ~1, columns[-1] + 3 & ~1)
        if self.rim:
            self._raise_rim(window)
        unit = self.side / 420  # one step of height in pixels, at this size
        small = ((window[1].stop - window[1].start) // 2, (window[0].stop - window[0].start) // 2)
        ink, enamel, raw, alpha = (
            cv2.resize(layer[window], small, interpolation=cv2.INTER_AREA)
            for layer in (self.ink, self.enamel, self.height, self.outline)
        )
        height = cv2.GaussianBlur(raw, (0, 0), 0.9 * unit) * np.float32(unit)
        angle = np.radians(light)
        steep = 1.7
        dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=steep / 8)
        dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=steep / 8)
        towards = -(dx * np.float32(np.cos(angle)) + dy * np.float32(np.sin(angle))) / np.sqrt(1 + dx * dx + dy * dy)
        hollow = np.clip(_soft(height, 4.5 * unit) - height, 0, 2 * unit) * np.float32(0.16 / unit)
        cloud = cv2.resize(rng.standard_normal((7, 7), dtype=np.float32), small, interpolation=cv2.INTER_CUBIC)
        grain = rng.standard_normal(small[::-1], dtype=np.float32)
        mirrored = np.maximum(towards, 0)
        tone = 0.5 + 0.62 * towards + 0.7 * mirrored * mirrored - hollow + 0.05 * cloud + 0.018 * grain
        shine = np.clip(tone * 255, 0, 255).astype(np.uint8)
        covered = (enamel / 255).astype(np.float32)
        x = np.linspace(-0.5, 0.5, small[0], dtype=np.float32) * np.float32(np.cos(angle))
        y = np.linspace(-0.5, 0.5, small[1], dtype=np.float32) * np.float32(np.sin(angle))
        sheen = np.float32(gloss) * np.clip(x[None, :] + y[:, None] + np.float32(0.1), 0, 1)
        lit = (0.66 + 0.34 * _soft(covered, 2.2 * unit) + 0.035 * cloud + 0.012 * grain) * (1 - sheen)
        white = 255 * sheen
        channels = []  # one by one: numpy is slow where the last axis has three places
        for colour, ramp in zip(cv2.split(ink), _ramp(METALS[self.finish]), strict=True):
            metal = ramp[shine]
            channels.append(np.clip(metal + (colour * lit + white - metal) * covered, 0, 255).astype(np.uint8))
        return np.asarray(cv2.merge([*channels, alpha]), dtype=np.uint8)


def _depth(mask: NDArray[np.uint8]) -> Float32:
    """Return how far inside a mask each pixel is, the window's border counting as outside."""
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1].astype(np.float32)


def _soft(layer: Float32, sigma: float) -> Float32:
    """Blur widely, at a third of the size for speed."""
    third = (max(1, layer.shape[1] // 3), max(1, layer.shape[0] // 3))
    low = cv2.GaussianBlur(cv2.resize(layer, third, interpolation=cv2.INTER_AREA), (0, 0), sigma / 3)
    return cv2.resize(low, layer.shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)


def _ramp(metal: tuple[Colour, Colour, Colour]) -> Float32:
    """Return the colours of a metal from shadow to mirrored light, (3, 256)."""
    at = np.arange(256)
    return np.stack([np.interp(at, (20, 132, 238), [stop[i] for stop in metal]) for i in range(3)]).astype(np.float32)
