"""Margins: the plain ground that a shop, a screen or a scanner leaves around a picture, and the picture within it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recognizer.types import Box, UInt8Image

_SIDE: Final = 512  # places along the long side at which margins are looked for, at most
_PLAIN: Final = 12  # levels that a pixel of a margin may be off its colour: the traces of JPEG
_ALL: Final = 0.99  # of a row of a margin is that plain
_LEAST: Final = 0.03  # of the side that a margin takes, so as to be worth anything
_EDGE: Final = 0.8  # of the picture's first row is not plain: pins on a white ground have no such edge
_SOFT: Final = 2  # rows further in, past an edge that was made soft


def picture_within(image: UInt8Image) -> Box:
    """Return the part of an image (h, w, 3) that is the picture: all of it, or what a plain margin surrounds.

    A margin ends all along a straight edge. Where it does not, the plain ground is the picture's own and the pins lie
    on it.
    """
    height, width = image.shape[:2]
    across = image.transpose(1, 0, 2)
    top, bottom, left, right = (_plain(rows) for rows in (image, image[::-1], across, across[::-1]))
    if not (top or bottom or left or right) or top + bottom >= height or left + right >= width:
        return Box(0, 0, width, height)
    inner = image[top : height - bottom, left : width - right]
    turned = inner.transpose(1, 0, 2)
    sides = (
        *((top, image, inner), (bottom, image[::-1], inner[::-1])),
        *((left, across, turned), (right, across[::-1], turned[::-1])),
    )
    if not all(_ends(margin[0], rows[min(_SOFT, len(rows) - 1)]) for depth, margin, rows in sides if depth):
        return Box(0, 0, width, height)
    return Box(left, top, width - right, height - bottom)


def _plain(rows: NDArray[np.uint8]) -> int:
    """How many rows from the first on are plain in the colour of that; 0 where they are too few to be a margin."""
    colour = np.median(rows[0], axis=0)
    step = -(-max(rows.shape[:2]) // _SIDE)
    if not _is_plain(rows[:1, ::step], colour)[0]:
        return 0
    coarse = _is_plain(rows[::step, ::step], colour)
    depth = len(coarse) if coarse.all() else int(coarse.argmin())
    if depth < _LEAST * len(coarse):
        return 0
    if depth == len(coarse):
        return len(rows)
    last = (depth - 1) * step
    fine = _is_plain(rows[last : last + step + 1], colour)  # the edge lies between the two
    return int(last + (len(fine) if fine.all() else fine.argmin()))


def _is_plain(rows: NDArray[np.uint8], colour: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of the rows is of the colour, (n,)."""
    plain = np.abs(rows.astype(np.int16) - colour).max(axis=2) <= _PLAIN
    return np.asarray(plain.mean(axis=1) >= _ALL)


def _ends(margin: NDArray[np.uint8], row: NDArray[np.uint8]) -> bool:
    """Whether a row just within differs from the margin's colour all along."""
    colour = np.median(margin.astype(np.int16), axis=0)
    return bool((np.abs(row.astype(np.int16) - colour).max(axis=1) > _PLAIN).mean() >= _EDGE)
