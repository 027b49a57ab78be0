"""The map of differences is warm where two variants differ, and cold where they are the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from recognizer.drawn import sample
from recognizer.types import UInt8Image
from recognizer.vision import differences

POSE = np.array([[0.9, -0.2, 60.0], [0.25, 0.95, 10.0], [1e-4, -5e-5, 1.0]])


@pytest.fixture(scope="module")
def view() -> UInt8Image:
    return sample.catalogue_view(4)


def asked(view: UInt8Image) -> UInt8Image:
    return np.asarray(cv2.warpPerspective(view, POSE, (700, 700), borderValue=(120, 110, 100)), np.uint8)


def test_the_same_pin_in_another_light_is_cold(view: UInt8Image) -> None:
    darker = np.clip(asked(view) * 0.8 - 5, 0, 255).astype(np.uint8)
    warmth = differences.heat(darker, view, POSE)
    assert max(warmth.shape) == differences.SIDE
    assert warmth.max() < 0.5
    assert warmth.mean() < 0.02


def test_what_differs_is_warm_and_nothing_else(view: UInt8Image) -> None:
    changed = view.copy()
    height, width = view.shape[:2]
    spot = (slice(height // 2 - 40, height // 2 + 40), slice(width // 2 - 40, width // 2 + 40))
    changed[spot] = 255 - changed[spot]
    warmth = differences.heat(asked(changed), view, POSE)
    mask = np.zeros(view.shape[:2], np.uint8)
    mask[spot] = 1
    scaled = cv2.warpPerspective(mask, np.diag([0.4, 0.4, 1.0]) @ POSE, (280, 280))
    assert warmth[scaled > 0].mean() > 5 * warmth[scaled == 0].mean()


def test_outside_of_the_outline_nothing_is_warm(view: UInt8Image) -> None:
    corner = np.array([[100, 100], [300, 100], [300, 300], [100, 300]], np.float32)
    warmth = differences.heat(255 - asked(view), view, POSE, corner)
    assert warmth[140:].max() < 0.01
    assert warmth[:, 140:].max() < 0.01


def test_the_map_is_drawn_red_over_grey(view: UInt8Image) -> None:
    warmth = np.zeros((280, 280), np.float32)
    warmth[:140] = 1.0
    drawn = differences.draw(asked(view), warmth)
    assert drawn.shape == (280, 280, 3)
    assert (drawn[:140, :, 0] > drawn[:140, :, 2] + 100).all()
    assert (np.ptp(drawn[140:].astype(int), axis=2) == 0).all()
