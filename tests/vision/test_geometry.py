"""Regions of a picture count what masks of the whole picture would."""

from __future__ import annotations

import numpy as np
import pytest

from recognizer.types import Float32
from recognizer.vision.geometry import Region, filled

SHAPE = (60, 80)


def polygon(seed: int) -> Float32:
    """A polygon about the picture, part of it beside."""
    rng = np.random.default_rng(seed)
    middle, turns = rng.uniform((-10, -10), (90, 70)), np.sort(rng.uniform(0, 2 * np.pi, 9))
    reach = rng.uniform(3, 40, 9)
    return np.asarray(middle + np.column_stack([np.cos(turns), np.sin(turns)]) * reach[:, None], np.float32)


@pytest.mark.parametrize("seed", range(12))
def test_regions_share_and_lose_the_pixels_that_whole_masks_do(seed: int) -> None:
    first, *others = (polygon(7 * seed + at) for at in range(4))
    whole, *masks = (filled(one, SHAPE) > 0 for one in (first, *others))
    region, *known = (Region.of(one, SHAPE) for one in (first, *others))
    assert region.area == whole.sum()
    assert [region.shared(one) for one in known] == [(whole & mask).sum() for mask in masks]
    left = region.without(known)
    assert left.area == (whole & ~np.logical_or.reduce(masks)).sum()
    assert left.corner == region.corner


def test_a_contour_beside_the_picture_is_an_empty_region() -> None:
    region = Region.of(np.array([(200, 5), (220, 5), (210, 20)], np.float32), SHAPE)
    assert region.area == 0
    assert region.shared(Region.of(np.array([(0, 0), (79, 0), (79, 59)], np.float32), SHAPE)) == 0
