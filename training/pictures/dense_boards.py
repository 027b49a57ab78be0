"""Lays cut-out pins out on a photographed ground as a full board, packed by their shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.types import UInt8Image
from training.pictures.packing import Shelves

Ids = NDArray[np.int32]
_RIM = 0.5  # of a pin: the free ground around the board
_TRIAL = 60  # pixels of a pin where the board is only tried for its size


def dense_board(
    pins: Sequence[UInt8Image], paper: UInt8Image, rng: np.random.Generator, count: int, gap: float
) -> tuple[UInt8Image, Ids]:
    """Pack `count` of the cut-outs (h, w, 4), nearly upright, on a square ground (s, s, 3), `gap` of a pin apart.

    Returns (s, s, 3) uint8 RGB and (s, s) int32 ids, 1... for the pins; all are laid down.
    """
    side = paper.shape[0]
    chosen = [
        (pins[int(rng.integers(len(pins)))], float(rng.uniform(0.85, 1.15)), float(rng.normal(0, 8)))
        for _ in range(count)
    ]
    extent = _extent(chosen, gap, side)
    rim = _RIM * extent
    field, ids = paper.astype(np.float32), np.zeros((side, side), np.int32)
    patches = (turned(pin, size * extent, degrees) for pin, size, degrees in chosen)
    for number, (patch, (x, y)) in enumerate(_packed(patches, gap * extent, int(side - 2 * rim), extent), 1):
        _lay(field, ids, patch, x + int(rim), y + int(rim), number)
    return np.clip(field, 0, 255).astype(np.uint8), ids


def _extent(chosen: Sequence[tuple[UInt8Image, float, float]], gap: float, side: int) -> float:
    """The pixels of a pin at which the board just fills a square of `side`, by halving on small trials."""
    patches = [turned(pin, size * _TRIAL, degrees) for pin, size, degrees in chosen]
    low, high = 1.0, 3.0 * float(np.sqrt(len(chosen))) + 3  # pins along the side
    for _ in range(9):
        middle = (low + high) / 2
        across = int(_TRIAL * (middle - 2 * _RIM))
        laid = _packed(patches, gap * _TRIAL, max(across, _TRIAL), _TRIAL) if across >= _TRIAL else []
        bottoms = [y + patch.shape[0] for patch, (_, y) in laid]
        low, high = (low, middle) if bottoms and max(bottoms) <= across else (middle, high)
    return side / high * 0.99


def _packed(
    patches: Iterable[NDArray[np.float32]], gap: float, across: int, extent: float
) -> list[tuple[NDArray[np.float32], tuple[int, int]]]:
    shelves = Shelves(40 * across, across, max(extent, 8.0), -1.0)
    shelves.row(-1.0)
    laid = []
    for patch in patches:
        solid = patch[:, :, 3] > 0.5
        fits = across - int(np.flatnonzero(solid.any(axis=0))[-1])
        place = shelves.lay(solid, gap, fits)
        if place is None:
            shelves.row(-1.0)
            place = shelves.lay(solid, gap)
        assert place is not None
        laid.append((patch, place))
    return laid


def turned(pin: UInt8Image, long: float, degrees: float) -> NDArray[np.float32]:
    """Return a cut-out `long` pixels long and turned: premultiplied (h, w, 4) float32, coverage 0 to 1, trimmed."""
    whole = pin.astype(np.float32)
    whole[:, :, 3] /= 255
    whole[:, :, :3] *= whole[:, :, 3:]
    scale = long / max(pin.shape[:2])
    if scale < 0.7:
        size = (max(4, round(pin.shape[1] * scale)), max(4, round(pin.shape[0] * scale)))
        whole, scale = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.float32), 1.0
    height, width = whole.shape[:2]
    reach = int(np.ceil(np.hypot(height, width) * scale)) + 4
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale)
    turn[:, 2] += (reach / 2 - width / 2, reach / 2 - height / 2)
    laid = np.asarray(cv2.warpAffine(whole, turn, (reach, reach), flags=cv2.INTER_LINEAR), np.float32)
    rows, columns = (np.flatnonzero((laid[:, :, 3] > 0.02).any(axis=axis)) for axis in (1, 0))
    return laid[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _lay(field: NDArray[np.float32], ids: Ids, patch: NDArray[np.float32], x: int, y: int, number: int) -> None:
    """Paste a pin with the shade that it throws on what lies below."""
    cut = patch[max(0, -y) : field.shape[0] - y, max(0, -x) : field.shape[1] - x]
    x, y = max(0, x), max(0, y)
    place = np.s_[y : y + cut.shape[0], x : x + cut.shape[1]]
    soft = max(1.0, 0.03 * max(patch.shape[:2]))
    pad = int(2 * soft)
    around = np.s_[max(0, y - pad) : y + cut.shape[0] + pad, max(0, x - pad) : x + cut.shape[1] + pad]
    shade = np.zeros(field[around].shape[:2], np.float32)
    top, left = y - max(0, y - pad), x - max(0, x - pad)
    shade[top : top + cut.shape[0], left : left + cut.shape[1]] = cut[:, :, 3]
    shade = np.asarray(cv2.GaussianBlur(shade, (0, 0), soft), np.float32)
    field[around] *= 1 - 0.4 * (shade * (ids[around] == 0))[:, :, None]
    field[place] = field[place] * (1 - cut[:, :, 3:]) + cut[:, :, :3]
    ids[place][cut[:, :, 3] > 0.5] = number
