"""Packs shapes row by row, each snugly against its neighbours' outlines: the way a full board of pins is filled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Solid = NDArray[np.bool_]


class Shelves:
    """What is taken on a board of `height` x `width` pixels, filled from the top left; shapes may reach over its rim.

    `extent` is about how long a shape is, and `start` the row at which the first row may begin. A row's last taken
    columns are its wall; the lowest taken rows, with and without the present row, are its floor.
    """

    def __init__(self, height: int, width: int, extent: float, start: float) -> None:
        self.width = width
        self._above, self._aside = 4 * int(extent), 3 * int(extent)
        self._floor = np.full(width + 2 * self._aside, float(start))
        self._before = self._floor.copy()
        self._wall = np.full(height + 2 * self._above, 0.0)
        self.top = float(start)

    def row(self, left: float) -> float:
        """Begin a row that may start at column `left`; returns the row of pixels at which it hangs."""
        self._before = self._floor.copy()
        self._wall[:] = left
        self.top = float(np.quantile(self._before[self._aside : self._aside + self.width], 0.3))
        return self.top

    def lay(self, solid: Solid, gap: float, before: int | None = None) -> tuple[int, int] | None:
        """Take the place for a shape (h, w), `gap` pixels from those to its left and above; returns the column and row
        of its corner, None where the row has none left or the board ends. The corner lies left of column `before`, by
        default so that the shape begins on the board."""
        rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
        if not len(rows):
            return None
        first = solid.argmax(axis=1)[rows]
        upper = solid.argmax(axis=0)[columns]
        x, y = 0, round(self.top - rows[0])
        for _ in range(3):  # to the left, then up, until it rests; at last only away from both
            at = y + rows + self._above
            if at[0] < 0 or at[-1] >= len(self._wall):
                return None
            x = int(np.ceil((self._wall[at] - first).max() + 1 + gap))
            across = x + columns + self._aside
            if (
                (x + columns[0] >= self.width if before is None else x >= before)
                or across[0] < 0
                or across[-1] >= len(self._floor)
            ):
                return None
            y = int(np.ceil((self._before[across] - upper).max() + 1 + gap))
        at = y + rows + self._above
        if at[0] < 0 or at[-1] >= len(self._wall):
            return None
        x = max(x, int(np.ceil((self._wall[at] - first).max() + 1 + gap)))
        across = x + columns + self._aside
        if across[-1] >= len(self._floor) or (before is not None and x >= before):
            return None
        y = max(y, int(np.ceil((self._before[across] - upper).max() + 1 + gap)))
        at = y + rows + self._above
        if at[-1] >= len(self._wall):
            return None
        last = solid.shape[1] - 1 - solid[:, ::-1].argmax(axis=1)[rows]
        lower = solid.shape[0] - 1 - solid[::-1].argmax(axis=0)[columns]
        self._wall[at] = np.maximum(self._wall[at], x + last)
        self._floor[across] = np.maximum(self._floor[across], y + lower)
        return x, y
