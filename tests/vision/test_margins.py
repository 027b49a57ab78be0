"""A plain margin around a picture is told from plain ground that pins lie on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from recognizer.drawn import sample
from recognizer.types import Box, UInt8Image
from recognizer.vision import photos
from recognizer.vision.margins import picture_within


@pytest.fixture(scope="module")
def picture() -> UInt8Image:
    """A photo of a pin on a ground that is not plain."""
    return sample.phone_view(3)


def padded(
    picture: UInt8Image, top: int, bottom: int, left: int, right: int, colour: tuple[int, int, int]
) -> UInt8Image:
    framed = cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_CONSTANT, value=colour)
    return np.asarray(framed, np.uint8)


@pytest.mark.parametrize("rims", [(150, 150, 150, 150), (200, 0, 0, 0), (0, 0, 90, 240), (60, 120, 0, 0)])
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (235, 235, 235)])
def test_a_picture_within_a_margin_is_found_to_a_few_pixels_also_after_jpeg(
    picture: UInt8Image, rims: tuple[int, int, int, int], colour: tuple[int, int, int]
) -> None:
    framed = padded(picture, *rims, colour)
    sent = photos.open_photo(photos.encode_jpeg(framed, 75), "sent").image
    for shown in (framed, sent):
        found = picture_within(shown)
        height, width = picture.shape[:2]
        true = (rims[2], rims[0], rims[2] + width, rims[0] + height)
        np.testing.assert_allclose((found.left, found.top, found.right, found.bottom), true, atol=4)


def test_a_picture_without_a_margin_is_whole_and_so_are_a_pin_on_white_and_a_plain_page(picture: UInt8Image) -> None:
    white = np.full((400, 600, 3), 255, np.uint8)
    on_white = white.copy()
    cv2.circle(on_white, (300, 200), 120, (178, 22, 30), -1)
    row = white.copy()
    for at in range(5):
        cv2.rectangle(row, (40 + 110 * at, 150), (120 + 110 * at, 250), (22, 58, 150), -1)
    for image in (picture, white, on_white, row):
        height, width = image.shape[:2]
        assert picture_within(image) == Box(0, 0, width, height)
