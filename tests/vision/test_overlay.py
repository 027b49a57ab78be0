"""Outline laid over outline finds a pin where keypoints say nothing: turned, blurred, small, on another ground."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import pytest

from recognizer.drawn import sample
from recognizer.search import features
from recognizer.types import Crop, Hit, Photo, Reference, UInt8Image
from recognizer.vision import crops, keypoints
from recognizer.vision.comparing.overlay import SIDE, compared, silhouette

PINS = (0, 3, 7, 12, 18, 25)
"""Drawn pins of different drawings."""


@lru_cache(maxsize=64)
def crop(image: bytes, height: int) -> Crop:
    return crops.single(Photo(np.frombuffer(image, np.uint8).reshape(height, -1, 3).copy(), "", ""))


def crop_of(image: UInt8Image) -> Crop:
    return crop(image.tobytes(), image.shape[0])


@pytest.fixture(scope="module")
def references() -> list[Reference]:
    return [features.reference_of(crop_of(sample.catalogue_view(pin))) for pin in PINS]


def likeness(image: UInt8Image, references: list[Reference]) -> list[float]:
    asked = crop_of(image)
    hits = [Hit(at + 1) for at in range(len(references))]
    return [hit.silhouette for hit in compared(asked.image, asked.outline, hits, references)]


def blurred(image: UInt8Image) -> UInt8Image:
    """A view that has lost what keypoints live on."""
    return np.asarray(
        cv2.GaussianBlur(cv2.resize(image, (192, 192), interpolation=cv2.INTER_AREA), (0, 0), 2), np.uint8
    )


@pytest.mark.parametrize("shot", range(2))
def test_most_blurred_pins_look_most_like_their_own_photo(references: list[Reference], shot: int) -> None:
    found = [int(np.argmax(likeness(blurred(sample.phone_view(pin, shot=shot)), references))) for pin in PINS]
    assert sum(at == own for own, at in enumerate(found)) >= len(PINS) - 1, found


@pytest.mark.parametrize("degrees", [0, 37, 90, 180, 275])
def test_a_turned_photo_is_as_alike_as_an_upright_one(references: list[Reference], degrees: int) -> None:
    view = sample.catalogue_view(PINS[1])
    height, width = view.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 0.7)
    corner = tuple(int(value) for value in view[2, 2])
    turned = np.asarray(cv2.warpAffine(view, turn, (width, height), borderValue=corner), np.uint8)
    found = likeness(turned, references)
    assert int(np.argmax(found)) == 1
    assert found[1] > 0.85


def test_a_pin_of_another_shape_is_less_alike() -> None:
    picture = np.full((100, 100, 3), 128, np.uint8)
    disc = np.asarray(cv2.ellipse2Poly((50, 50), (30, 30), 0, 0, 360, 5), np.float32)
    bar = np.array([(5, 40), (95, 40), (95, 60), (5, 60)], np.float32)
    kept = [Reference(keypoints.none(), picture, 1.0, outline=outline) for outline in (disc, bar)]
    round_one, long_one = compared(picture, disc, [Hit(1), Hit(2)], kept)
    assert round_one.silhouette == pytest.approx(2 / 7, abs=0.02)  # grey on grey: the outline alone
    assert long_one.silhouette < 0.3


def test_an_outline_lies_in_the_photo_and_its_picture_is_smaller() -> None:
    """The catalogue photo of a pin off the corner, at half the size, is where its outline says."""
    picture = np.zeros((120, 120, 3), np.uint8)
    cv2.circle(picture, (60, 60), 40, (200, 40, 40), -1)
    cv2.circle(picture, (75, 60), 12, (250, 250, 90), -1)
    outline = np.asarray(cv2.ellipse2Poly((60, 60), (40, 40), 0, 0, 360, 5), np.float32)
    half = np.asarray(cv2.resize(picture, (60, 60), interpolation=cv2.INTER_AREA), np.uint8)
    moved = Reference(keypoints.none(), half, 0.5, (300.0, 200.0), outline + np.array((300, 200), np.float32))
    (hit,) = compared(picture, outline, [Hit(1)], [moved])
    assert hit.silhouette > 0.9


def test_an_outline_that_holds_nothing_is_no_evidence(references: list[Reference]) -> None:
    line = np.array([(1, 1), (9, 9), (5, 5)], np.float32)
    assert silhouette(np.zeros((20, 20, 3), np.uint8), line) is None
    hits = [Hit(1, 0.5), Hit(2, 0.4)]
    assert compared(np.zeros((20, 20, 3), np.uint8), line, hits, references[:2]) == hits
    broken = Reference(keypoints.none(), np.zeros((20, 20, 3), np.uint8), 1.0, outline=line)
    asked = crop_of(sample.catalogue_view(PINS[0]))
    one, other = compared(asked.image, asked.outline, hits, [broken, references[0]])
    assert one.silhouette == 0.0
    assert other.silhouette > 0.8


def test_without_outline_the_whole_picture_is_the_pin() -> None:
    pin = silhouette(np.full((30, 60, 3), 90, np.uint8), None)
    assert pin is not None
    assert pin.cover.sum() == pytest.approx((0.55 * SIDE) ** 2, rel=0.1)


def test_no_candidates_are_no_answer() -> None:
    assert compared(np.zeros((20, 20, 3), np.uint8), None, [], []) == []
