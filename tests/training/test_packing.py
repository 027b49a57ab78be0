"""Full boards: pins packed by their shapes, none over another, as many as were asked for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.measure_outlines import View, likeness
from training.pictures.dense_boards import dense_board
from training.pictures.packing import Shelves


def cutouts() -> list[np.ndarray]:
    """A round, a long and a cornered pin, with alpha."""
    pins = [np.zeros((90, 90, 4), np.uint8), np.zeros((40, 120, 4), np.uint8), np.zeros((80, 80, 4), np.uint8)]
    cv2.circle(pins[0], (45, 45), 42, (200, 30, 40, 255), -1)
    cv2.ellipse(pins[1], (60, 20), (58, 18), 0, 0, 360, (30, 60, 200, 255), -1)
    cv2.fillPoly(pins[2], [np.array([(40, 2), (78, 78), (2, 78)])], (30, 160, 60, 255))
    return pins


def test_shapes_are_packed_by_their_outlines_and_never_overlap() -> None:
    disc = cv2.circle(np.zeros((41, 41), np.uint8), (20, 20), 20, 1, -1) > 0
    shelves = Shelves(400, 200, 41, 0)
    taken = np.zeros((400, 260), np.int32)
    for _ in range(6):
        shelves.row(0)
        while (place := shelves.lay(disc, 0)) is not None:
            x, y = place
            if x < 0 or y < 0 or y + 41 > 400:
                break
            part = taken[y : y + 41, x : x + 41]
            assert not part[disc].any()
            part[disc] += 1
    assert taken.sum() >= 20 * disc.sum()


@pytest.mark.parametrize(("count", "gap"), [(12, 0.0), (40, 0.1)])
def test_a_dense_board_holds_all_its_pins_at_the_gap_asked_for(count: int, gap: float) -> None:
    paper = np.full((500, 500, 3), 220, np.uint8)
    picture, ids = dense_board(cutouts(), paper, np.random.default_rng(3), count, gap)
    assert picture.shape == (500, 500, 3)
    sizes = np.bincount(ids.ravel(), minlength=count + 1)[1:]
    assert len(sizes) == count
    assert sizes.min() > 0.2 * np.median(sizes)
    near = 0
    for number in range(1, count + 1):
        around = cv2.dilate((ids == number).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        near += bool((ids[around] != number).any() and (ids[around & (ids != number)] > 0).any())
    assert near >= count // 2 if gap == 0 else near == 0


def test_another_size_and_a_margin_carry_the_places_along() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[40:60, 100:140] = 255
    view = View(2.0, 0.5)
    shown = view.of(picture)
    assert shown.shape == (300, 600, 3)
    ((left, top, right, bottom),) = view.places(np.array([[100.0, 40, 140, 60]]), picture.shape).round().astype(int)
    inside = shown[top + 2 : bottom - 2, left + 2 : right - 2]
    assert inside.min() > 250
    assert shown[top - 6, left : right - 1].max() < 5
    assert likeness([], np.zeros((4, 4), np.int32)).shape == (0, 0)
