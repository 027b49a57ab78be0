"""Outlines changed by hand: parted by number or by a line, joined, drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from recognizer.drawn import sample
from recognizer.errors import ZnachkiError
from recognizer.types import Float32, Photo
from recognizer.vision import geometry, recutting

PINS = (0, 3, 7, 12)


@pytest.fixture(scope="module")
def lot() -> tuple[Photo, list[Float32]]:
    """A drawn lot of touching pins, and the true outline of each."""
    held = sample.lot_view(PINS, touching=True)
    true = []
    for mask in held.masks:
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        true.append(max(contours, key=cv2.contourArea)[:, 0].astype(np.float32))
    return Photo(held.image, "0" * 64, "lot"), true


def overlap(one: Float32, other: Float32, photo: Photo) -> float:
    masks = [geometry.filled(places, photo.image.shape) > 0 for places in (one, other)]
    return float((masks[0] & masks[1]).sum() / max(1, (masks[0] | masks[1]).sum()))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_heap_parts_into_as_many_pins_as_are_asked_for(lot: tuple[Photo, list[Float32]], count: int) -> None:
    photo, true = lot
    heap = recutting.joined(true[:count])
    parts = recutting.parted(photo, heap, count)
    assert len(parts) == count
    for pin in true[:count]:
        assert max(overlap(pin, part, photo) for part in parts) > 0.7


def test_a_plain_ground_parts_into_regions_of_like_size() -> None:
    photo = Photo(np.full((300, 600, 3), 128, np.uint8), "0" * 64, "plain")
    parts = recutting.parted(photo, np.array([(50, 50), (550, 50), (550, 250), (50, 250)], np.float32), 5)
    areas = [cv2.contourArea(part) for part in parts]
    assert len(parts) == 5
    assert max(areas) < 2 * min(areas)


@pytest.mark.parametrize("count", [0, 1, 31])
def test_a_number_of_parts_out_of_range_is_refused(lot: tuple[Photo, list[Float32]], count: int) -> None:
    with pytest.raises(ZnachkiError, match="give a number"):
        recutting.parted(lot[0], lot[1][0], count)


def test_a_line_parts_a_pin_along_itself() -> None:
    square = np.array([(100, 100), (300, 100), (300, 200), (100, 200)], np.float32)
    left, right = recutting.cut(square, (160, 50), (160, 260))
    assert left[:, 0].max() == pytest.approx(160, abs=1.5)
    assert right[:, 0].min() == pytest.approx(160, abs=1.5)
    assert cv2.contourArea(left) + cv2.contourArea(right) == pytest.approx(200 * 100, rel=0.03)
    with pytest.raises(ZnachkiError, match="does not cross"):
        recutting.cut(square, (10, 50), (10, 260))
    with pytest.raises(ZnachkiError, match="too short"):
        recutting.cut(square, (150, 150), (150, 150))


def test_outlines_that_touch_are_joined_as_they_are_and_others_by_a_thread_around_them() -> None:
    left = np.array([(0, 0), (100, 0), (100, 100), (0, 100)], np.float32)
    near, far = left + np.array([103, 40], np.float32), left + np.array([300, 40], np.float32)
    assert cv2.contourArea(recutting.joined([left, near])) == pytest.approx(2 * 100 * 100, rel=0.06)
    assert cv2.contourArea(recutting.joined([left, far])) == pytest.approx(
        cv2.contourArea(geometry.hull(np.concatenate([left, far])))
    )
    assert cv2.contourArea(recutting.joined([left, left])) == pytest.approx(100 * 100, rel=0.02)


def test_a_box_around_a_pin_gives_the_outline_of_the_pin(lot: tuple[Photo, list[Float32]]) -> None:
    photo, true = lot
    low, high = true[0].min(axis=0) - 6, true[0].max(axis=0) + 6
    found = recutting.drawn(photo, [tuple(low.tolist()), tuple(high.tolist())], box=True)
    assert len(found) > 4
    assert overlap(found, true[0], photo) > 0.75


def test_a_polygon_is_taken_as_it_was_drawn_and_nothing_is_refused(lot: tuple[Photo, list[Float32]]) -> None:
    photo, true = lot
    places = [tuple(place) for place in true[0].tolist()]
    assert np.array_equal(recutting.drawn(photo, places), true[0])
    for bad in ([(5.0, 5.0), (6.0, 6.0)], [(-50.0, -50.0), (-20.0, -50.0), (-20.0, -10.0)], []):
        with pytest.raises(ZnachkiError, match="too small, or outside"):
            recutting.drawn(photo, bad)


def test_hand_made_outlines_are_cut_as_sure_pins(lot: tuple[Photo, list[Float32]]) -> None:
    photo, true = lot
    crops = recutting.recut(photo, true[:2])
    assert [crop.score for crop in crops] == [1.0, 1.0]
    for crop, outline in zip(crops, true, strict=False):
        assert crop.outline is not None
        assert np.abs(crop.on_photo(crop.outline) - outline).max() < 0.01
