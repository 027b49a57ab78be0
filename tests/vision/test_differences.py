"""The place where catalogue photos differ most is found under another light and pose, and none where they are alike."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from recognizer.drawn import sample
from recognizer.types import Box, Float32, UInt8Image
from recognizer.vision import differences, geometry

POSE = np.array([[0.9, -0.2, 60.0], [0.25, 0.95, 10.0], [1e-4, -5e-5, 1.0]])


@pytest.fixture(scope="module")
def view() -> UInt8Image:
    return sample.catalogue_view(4)


@pytest.fixture(scope="module")
def changed(view: UInt8Image) -> UInt8Image:
    """The same pin with a patch of its middle in other colours."""
    other = view.copy()
    other[spot(view)] = 255 - other[spot(view)]
    return other


def spot(view: UInt8Image) -> tuple[slice, slice]:
    height, width = view.shape[:2]
    return slice(height // 2 - 40, height // 2 + 40), slice(width // 2 - 40, width // 2 + 40)


def asked(view: UInt8Image) -> UInt8Image:
    """A photo of a pin, aslant and in a dimmer, warmer light."""
    photo = cv2.warpPerspective(view, POSE, (700, 700), borderValue=(120, 110, 100))
    return np.asarray(np.clip(photo * [0.9, 0.8, 0.65], 0, 255), np.uint8)


def middle(view: UInt8Image) -> Float32:
    """Where the middle of a catalogue photo lies on the photo."""
    height, width = view.shape[:2]
    return geometry.carried(np.array([[width / 2, height / 2]], np.float32), POSE)[0]


def holds(box: Box, place: Float32) -> bool:
    return bool(box.left < place[0] < box.right and box.top < place[1] < box.bottom)


def test_the_place_where_two_members_differ_is_found_whichever_the_photo_shows(
    view: UInt8Image, changed: UInt8Image
) -> None:
    for shown in (view, changed):
        box = differences.most_apart(asked(shown), [(view, POSE), (changed, POSE)])
        assert box is not None
        assert holds(box, middle(view))
        assert box.width == box.height == round(differences.PLACE * 700)


def test_one_catalogue_photo_is_compared_with_the_photo_itself(view: UInt8Image, changed: UInt8Image) -> None:
    box = differences.most_apart(asked(changed), [(view, POSE)])
    assert box is not None
    assert holds(box, middle(view))


def test_photos_of_one_pin_differ_nowhere(view: UInt8Image) -> None:
    softer = cv2.GaussianBlur(view, (0, 0), 1.0)
    assert differences.most_apart(asked(view), [(view, POSE), (np.asarray(softer, np.uint8), POSE)]) is None
    assert differences.most_apart(asked(view), [(view, POSE)]) is None
    assert differences.most_apart(asked(view), []) is None


def test_what_lies_outside_of_the_outline_does_not_count(view: UInt8Image, changed: UInt8Image) -> None:
    corner = np.array([[80, 80], [200, 80], [200, 200], [80, 200]], np.float32)
    assert differences.most_apart(asked(view), [(view, POSE), (changed, POSE)], corner) is None


def test_a_place_is_shown_from_near_on_every_picture(view: UInt8Image, changed: UInt8Image) -> None:
    photo = asked(changed)
    x, y = middle(view)
    place = Box(int(x) - 25, int(y) - 25, int(x) + 25, int(y) + 25)  # within the patch
    near = differences.closer(photo, [(view, POSE), (changed, POSE)], place)
    assert [one.shape for one in near] == [(differences.CLOSE, differences.CLOSE, 3)] * 3
    here, other, same = (one.astype(float) for one in near)
    assert np.abs(here / [0.9, 0.8, 0.65] - same).mean() < 20
    assert np.abs(other - same).mean() > 60
