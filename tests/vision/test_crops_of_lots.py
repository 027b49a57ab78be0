"""Crops of lots: cut from the full picture, each where it lies."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from recognizer.types import Box, Photo, UInt8Image
from recognizer.vision import crops, outlines, photos

ENAMELS = ((180, 30, 40), (30, 60, 150), (20, 120, 70), (230, 190, 60), (40, 40, 45))


def board(side: int, radius: int, step: int) -> tuple[UInt8Image, list[tuple[int, int]]]:
    """Round pins in rows on pale cloth, `step` pixels from middle to middle, and their middles in reading order."""
    rng = np.random.default_rng(0)
    photo = np.clip(rng.normal(205, 4, (side, side, 3)), 0, 255).astype(np.uint8)
    rows = range(step, side - step // 2, step)
    middles = [(x, y) for y in rows for x in rows]
    for at, (x, y) in enumerate(middles):
        shade = round(radius * 0.06)
        cv2.circle(photo, (x + shade, y + shade), radius, (120, 120, 120), -1, cv2.LINE_AA)
        cv2.circle(photo, (x, y), radius, (200, 170, 90), -1, cv2.LINE_AA)
        cv2.circle(photo, (x, y), round(radius * 0.88), ENAMELS[at % len(ENAMELS)], -1, cv2.LINE_AA)
        half = radius // 3
        cv2.rectangle(photo, (x - half, y - half), (x + half, y + half), (240, 235, 220), -1)
    return photo, middles


def as_jpeg(picture: UInt8Image) -> bytes:
    held = io.BytesIO()
    Image.fromarray(picture).save(held, "JPEG", quality=90)
    return held.getvalue()


def test_small_pins_of_a_large_picture_are_cut_from_the_full_picture() -> None:
    picture, middles = board(2400, 90, 240)
    photo = photos.open_photo(as_jpeg(picture), max_side=600)
    found = crops.split(photo)
    assert len(found) == len(middles)
    for crop, (x, y) in zip(found, middles, strict=True):
        assert crop.scale == pytest.approx(4)
        assert crop.image.shape[0] == pytest.approx(200, abs=20)
        box = np.array([crop.box.left, crop.box.top, crop.box.right, crop.box.bottom]) * 4
        np.testing.assert_allclose(box, (x - 97, y - 97, x + 97, y + 97), atol=16)
        assert crop.outline is not None
        places = crop.on_photo(crop.outline) * 4
        np.testing.assert_allclose((places.min(axis=0) + places.max(axis=0)) / 2, (x, y), atol=12)
        cut = picture[int(box[1]) : int(box[3]), int(box[0]) : int(box[2])]
        assert np.abs(crop.image[80:110, 80:110].mean(axis=(0, 1)) - cut[80:110, 80:110].mean(axis=(0, 1))).max() < 6


def test_the_full_picture_is_read_no_larger_than_its_pins_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    plain = photos.enlarged

    def counted(photo: Photo, factor: float) -> UInt8Image:
        asked.append(factor)
        return plain(photo, factor)

    monkeypatch.setattr(photos, "enlarged", counted)
    few, _ = board(2400, 330, 800)  # pins of 660 pixels, 400 of which are enough
    (factor,) = asked if len(crops.split(photos.open_photo(as_jpeg(few), max_side=600))) == 4 and asked else (0,)
    assert 2 < factor < 3
    asked.clear()
    one = np.full((2400, 2400, 3), 205, np.uint8)
    cv2.circle(one, (1200, 1200), 700, (180, 30, 40), -1, cv2.LINE_AA)
    (crop,) = crops.split(photos.open_photo(as_jpeg(one), max_side=600))
    assert asked == []  # a photo of one pin is what it always was
    assert (crop.scale, max(crop.whole.shape)) == (1.0, 600)


def test_a_large_pin_beside_small_ones_is_found_as_one_and_each_small_one_too() -> None:
    picture, middles = board(1200, 33, 92)  # 15 mm pins; a medal of 80 mm takes the place of those in the middle
    large = 180
    apart = [(x, y) for x, y in middles if np.hypot(x - 600, y - 600) > large + 50]
    for x, y in set(middles) - set(apart):
        corner = np.s_[y - 44 : y + 44, x - 44 : x + 44]
        picture[corner] = picture[2:90, 2:90] if picture[2:90, 2:90].std() < 9 else 205
    cv2.circle(picture, (600, 600), large, (200, 170, 90), -1, cv2.LINE_AA)
    cv2.circle(picture, (600, 600), round(large * 0.9), (150, 30, 40), -1, cv2.LINE_AA)
    cv2.circle(picture, (600, 600), round(large * 0.5), (220, 200, 160), -1, cv2.LINE_AA)
    found = crops.split(Photo(picture, "", ""))
    sides = sorted(crop.box.width for crop in found)
    assert len(found) == pytest.approx(len(apart) + 1, abs=2)
    assert sides[-1] == pytest.approx(2 * large, rel=0.2)
    assert sides[-2] < 100
    assert {crop.about for crop in found} == {1}


@pytest.mark.parametrize(("factor", "margin"), [(0.5, 0), (0.75, 0), (1.5, 0), (2.0, 0), (1.0, 300)])
def test_as_many_pins_are_found_at_every_size_of_the_picture(factor: float, margin: int) -> None:
    picture, middles = board(1200, 40, 110)
    shown = np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    shown = np.asarray(cv2.copyMakeBorder(shown, *(margin,) * 4, cv2.BORDER_CONSTANT, value=(255, 255, 255)), np.uint8)
    found = crops.split(Photo(shown, "", ""))
    assert len(found) == len(middles)
    for crop, (x, y) in zip(found, middles, strict=True):
        box = crop.box
        middle = np.array([box.left + box.right, box.top + box.bottom]) / 2
        np.testing.assert_allclose((middle - margin) / factor, (x, y), atol=10)


@pytest.mark.parametrize("rim", [0, 150, 300])
def test_a_framed_board_on_a_wall_is_looked_into(rim: int) -> None:
    """From afar board and frame are one thing with an outline, like a pin."""
    picture, middles = board(600, 40, 110)
    pins = np.zeros(picture.shape[:2], np.uint8)
    for place in middles:
        cv2.circle(pins, place, 42, 1, -1)
    picture[pins == 0] = (40, 60, 110)
    framed = cv2.copyMakeBorder(picture, 24, 24, 24, 24, cv2.BORDER_CONSTANT, value=(120, 80, 40))
    around = cv2.copyMakeBorder(framed, rim, rim, rim, rim, cv2.BORDER_CONSTANT, value=(250, 250, 250))
    found = crops.split(Photo(np.asarray(around, np.uint8), "", ""))
    assert len(found) == len(middles)
    for x, y in np.array(middles) + 24 + rim:
        assert sum(one.box.left < x < one.box.right and one.box.top < y < one.box.bottom for one in found) == 1


def outline(x: float, size: float, lined: float, ragged: bool = False) -> outlines.Outline:
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    reach = size / 2 * (1 - 0.5 * (np.arange(24) % 4 == 0) * ragged)[:, None]
    contour = (np.stack([np.cos(turns), np.sin(turns)], 1) * reach + (x, 100)).astype(np.float32)
    box = Box(int(x - size / 2), int(100 - size / 2), int(x + size / 2), int(100 + size / 2))
    return outlines.Outline(contour, box, np.zeros((4, 2), np.float32), 0.9, lined)


def test_a_heap_is_said_to_be_several_pins_and_a_large_medal_to_be_one() -> None:
    pins = [outline(60 * at, 40, 0.35) for at in range(8)]
    assert crops.heaped([*pins, outline(900, 130, 0.5, ragged=True)])[-1] in (7, 8, 9)
    assert crops.heaped([*pins, outline(900, 130, 0.2)])[-1] == 1  # smooth and whole
    assert crops.heaped([*pins, outline(900, 130, 0.2, ragged=True)])[-1] == 1  # a medal on a bar
    assert crops.heaped([outline(0, 40, 0.4), outline(200, 130, 0.5, ragged=True)]) == [1, 1]  # nothing to compare
