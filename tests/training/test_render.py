from __future__ import annotations

import cv2
import numpy as np
import pytest

from recognizer.types import UInt8Image
from training.pictures import grounds, render


def test_views_are_pictures_with_masks_of_the_asked_size(design: UInt8Image) -> None:
    for image, mask in render.views(design, np.random.default_rng(1), 4, 160):
        assert image.shape == (160, 160, 3)
        assert image.dtype == np.uint8
        assert mask.shape == (160, 160)
        assert mask.dtype == np.bool_
        assert 0.02 < mask.mean() < 0.95


def test_the_same_seed_gives_the_same_views_and_another_seed_others(design: UInt8Image) -> None:
    first, second, other = (render.views(design, np.random.default_rng(seed), 2, 96) for seed in (7, 7, 8))
    for (a, mask_a), (b, mask_b) in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(mask_a, mask_b)
    assert not np.array_equal(first[0][0], other[0][0])


def test_two_views_of_one_pin_differ(design: UInt8Image) -> None:
    (a, mask_a), (b, mask_b) = render.views(design, np.random.default_rng(3), 2, 96)
    assert not np.array_equal(a, b)
    assert not np.array_equal(mask_a, mask_b)


@pytest.mark.parametrize("seed", range(12))
def test_a_struck_pin_is_whole_and_inside_its_frame(design: UInt8Image, seed: int) -> None:
    pin = render.strike(design, np.random.default_rng(seed))
    solid = (pin.mask > 0.5).astype(np.uint8)
    assert cv2.connectedComponents(solid)[0] == 2
    assert solid[1:-1, 1:-1].sum() == solid.sum()
    assert np.isfinite(pin.height).all()
    assert pin.albedo.min() >= -0.01
    assert pin.albedo.max() <= 1.2


def test_light_changes_the_picture_and_not_the_coverage(design: UInt8Image) -> None:
    pin = render.strike(design, np.random.default_rng(5))
    a, b = render.lit(pin, np.random.default_rng(1)), render.lit(pin, np.random.default_rng(2))
    np.testing.assert_array_equal(a[:, :, 3], b[:, :, 3])
    assert np.abs(a[:, :, :3].astype(int) - b[:, :, :3]).mean() > 2


def test_a_pose_spans_the_asked_extent(design: UInt8Image) -> None:
    sprite = render.lit(render.strike(design, np.random.default_rng(5)), np.random.default_rng(1))
    laid = render.posed(sprite, np.random.default_rng(0), 120, 0, (200, 200), 0.0, place=(100, 100))
    columns = np.flatnonzero((laid[:, :, 3] > 0.5).any(axis=0))
    rows = np.flatnonzero((laid[:, :, 3] > 0.5).any(axis=1))
    assert max(np.ptp(columns), np.ptp(rows)) == pytest.approx(120, abs=4)


@pytest.mark.parametrize("draw", [*dict.fromkeys(grounds.PLAIN), *dict.fromkeys(grounds.PATTERNED)])
def test_every_ground_fills_a_frame_that_is_not_square(draw: grounds.Ground) -> None:
    field = draw(np.random.default_rng(2), 70, 110)
    assert field.shape == (70, 110, 3)
    assert np.isfinite(field).all()


def test_a_printed_ground_shows_the_drawing(design: UInt8Image) -> None:
    out = np.zeros((120, 120, 3), np.float32)
    grounds.stamp(out, design, 60, 60, 100, 0, 1.0)
    assert out[60 - 35, 60].tolist() == [200, 30, 40]
    grounds.stamp(out, design, -500, -500, 100, 0, 1.0)  # off the page: nothing happens
