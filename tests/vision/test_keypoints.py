"""Keypoints lie where the drawing is, inside the outline, in pixels of the picture that was given."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from recognizer.drawn import sample
from recognizer.types import Keypoints, UInt8Image
from recognizer.vision import keypoints


@pytest.fixture(scope="module")
def pin() -> UInt8Image:
    return sample.catalogue_view(0)


@pytest.fixture(scope="module")
def points(pin: UInt8Image) -> Keypoints:
    return keypoints.extract(pin)


def shared(places: np.ndarray, others: np.ndarray, reach: float) -> float:
    """Which part of `places` has one of `others` within `reach` pixels."""
    apart = np.linalg.norm(places[:, None] - others[None], axis=2)
    return float((apart.min(axis=1) <= reach).mean())


def test_a_drawn_pin_has_hundreds_and_never_more_than_the_most(points: Keypoints) -> None:
    assert 100 < len(points) <= keypoints.MOST
    noise = np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    assert len(keypoints.extract(noise)) == keypoints.MOST


def test_arrays_belong_together_and_descriptors_are_unit_rows(points: Keypoints) -> None:
    n = len(points)
    assert points.places.shape == (n, 2)
    assert points.scales.shape == points.angles.shape == (n,)
    assert points.descriptors.shape == (n, 128)
    assert {array.dtype for array in (points.places, points.scales, points.angles, points.descriptors)} == {
        np.dtype(np.float32)
    }
    assert np.linalg.norm(points.descriptors, axis=1) == pytest.approx(np.ones(n), abs=1e-5)
    assert (points.descriptors >= 0).all()
    assert (points.scales > 0).all()
    assert ((points.angles >= 0) & (points.angles <= 360)).all()


def test_the_same_picture_gives_the_same_keypoints(pin: UInt8Image, points: Keypoints) -> None:
    again = keypoints.extract(pin.copy())
    assert np.array_equal(again.places, points.places)
    assert np.array_equal(again.descriptors, points.descriptors)


@pytest.mark.parametrize("shape", [(200, 300, 3), (1, 1, 3), (3, 900, 3)])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_flat_picture_has_none(shape: tuple[int, int, int], grey: int) -> None:
    found = keypoints.extract(np.full(shape, grey, np.uint8))
    assert len(found) == 0
    assert found.places.shape == (0, 2)
    assert found.descriptors.shape == (0, 128)


def test_an_outline_around_nothing_has_none(pin: UInt8Image) -> None:
    flat = pin.copy()
    flat[:100, :100] = 200
    corner = np.array([[10, 10], [40, 10], [40, 40], [10, 40]], np.float32)
    assert len(keypoints.extract(flat, corner)) == 0


def test_places_lie_inside_the_picture(pin: UInt8Image, points: Keypoints) -> None:
    height, width = pin.shape[:2]
    assert (points.places >= 0).all()
    assert (points.places < (width, height)).all()


def test_only_keypoints_inside_the_outline_are_kept(pin: UInt8Image) -> None:
    height, width = pin.shape[:2]
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    middle, radius = np.array([width / 2, height / 2]), 0.25 * min(height, width)
    outline = (middle + radius * np.column_stack([np.cos(turn), np.sin(turn)])).astype(np.float32)
    found = keypoints.extract(pin, outline)
    assert len(found) > 20
    margin = 0.03 * max(height, width)  # the rim belongs to the drawing, so a little past the outline counts as inside
    assert (np.linalg.norm(found.places - middle, axis=1) <= radius + margin).all()


def test_the_ground_around_a_pin_takes_no_keypoints_from_it(pin: UInt8Image) -> None:
    height, width = pin.shape[:2]
    cloth = np.random.default_rng(1).integers(0, 255, (2 * height, 2 * width, 3), np.uint8)
    cloth[height // 2 : height // 2 + height, width // 2 : width // 2 + width] = pin
    box = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    corner = np.array([width // 2, height // 2])
    found = keypoints.extract(cloth, (box + corner).astype(np.float32))
    assert len(found) > 50
    margin = 0.03 * 2 * max(height, width)
    assert (found.places >= (width // 2 - margin, height // 2 - margin)).all()
    assert (found.places <= (width * 1.5 + margin, height * 1.5 + margin)).all()


def test_a_small_crop_is_enlarged_and_its_places_stay_its_own(pin: UInt8Image, points: Keypoints) -> None:
    height, width = pin.shape[:2]
    factor = 112 / max(height, width)
    small = cv2.resize(pin, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    found = keypoints.extract(np.asarray(small, np.uint8))
    sift = cv2.SIFT_create(contrastThreshold=keypoints.CONTRAST)  # type: ignore[attr-defined]
    unenlarged = sift.detect(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
    assert len(found) > 1.5 * len(unenlarged)
    assert (found.places <= (small.shape[1], small.shape[0])).all()
    assert found.places.max() > 56
    assert shared(found.places, points.places * factor, 2.0) > 0.6
    assert np.median(found.scales) < np.median(points.scales)


def test_places_are_in_pixels_of_a_large_picture_too(pin: UInt8Image, points: Keypoints) -> None:
    large = np.asarray(cv2.resize(pin, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC), np.uint8)
    found = keypoints.extract(large)
    assert found.places.max() > max(pin.shape)
    assert shared(found.places / 3, points.places, 2.0) > 0.8
    assert np.median(found.scales) == pytest.approx(3 * np.median(points.scales), rel=0.2)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_keypoints_turn_with_the_picture(pin: UInt8Image, points: Keypoints, quarters: int) -> None:
    height, width = pin.shape[:2]
    found = keypoints.extract(np.ascontiguousarray(np.rot90(pin, quarters)))  # counter-clockwise
    x, y = points.places.T
    where = {1: (y, width - 1 - x), 2: (width - 1 - x, height - 1 - y), 3: (height - 1 - y, x)}[quarters]
    expected = np.column_stack(where)
    assert shared(found.places, expected, 2.0) > 0.85
    # The nearest by place has the same descriptor, and an angle turned by as much.
    nearest = np.linalg.norm(found.places[:, None] - expected[None], axis=2).argmin(axis=1)
    alike = (found.descriptors * points.descriptors[nearest]).sum(axis=1)
    turned = (points.angles[nearest] - found.angles) % 360
    assert np.median(alike) > 0.9
    assert np.median(np.abs((turned - 90 * quarters + 180) % 360 - 180)) < 5


def test_none_is_what_an_empty_picture_gives() -> None:
    found = keypoints.none()
    assert len(found) == 0
    assert (found.places.shape, found.scales.shape, found.angles.shape) == ((0, 2), (0,), (0,))
