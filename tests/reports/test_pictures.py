"""The part of a catalogue photo that shows the pin: cut out where that gains something, and never short of the pin."""

from __future__ import annotations

import numpy as np

from recognizer.drawn import sample
from recognizer.reports.pictures import pin_part
from recognizer.types import Float32, UInt8Image

PIN = sample.catalogue_view(1)[55:590, 55:590]  # a round one


def laid(ground: UInt8Image, left: int, top: int) -> tuple[UInt8Image, Float32]:
    """A pin on a ground, and the outline around it."""
    photo, side = ground.copy(), len(PIN)
    photo[top : top + side, left : left + side] = PIN
    corners = [(left, top), (left + side, top), (left + side, top + side), (left, top + side)]
    return photo, np.array(corners, np.float32)


def cloth(height: int, width: int) -> UInt8Image:
    return np.random.default_rng(5).integers(0, 255, (height, width, 3), np.uint8)


def test_a_pin_is_cut_out_with_a_little_of_its_ground() -> None:
    photo, outline = laid(cloth(1000, 1400), 600, 200)
    part = pin_part(photo, outline)
    assert len(PIN) < min(part.shape[:2]) <= max(part.shape[:2]) < 1.2 * len(PIN)
    assert any(np.array_equal(part[at : at + 535, at : at + 535], PIN) for at in range(20, 50))


def test_what_an_outline_missed_is_shown_where_the_ground_is_plain() -> None:
    photo, outline = laid(np.full((1000, 1400, 3), 240, np.uint8), 600, 200)
    half = np.minimum(outline, [600 + 535, 200 + 270]).astype(np.float32)
    part = pin_part(photo, half)
    assert any(np.array_equal(part[at : at + 535, at : at + 535], PIN) for at in range(20, 50))


def test_a_photo_that_its_pin_fills_is_shown_whole() -> None:
    photo, outline = laid(cloth(600, 600), 30, 30)
    assert pin_part(photo, outline) is photo
