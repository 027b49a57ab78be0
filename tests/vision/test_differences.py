"""The place where catalogue photos differ most is found under another light and pose, and none where they are alike."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from recognizer.drawn import sample
from recognizer.drawn.metal import ENAMELS
from recognizer.types import Box, Float32, UInt8Image
from recognizer.vision import geometry
from recognizer.vision.comparing import colour_names, differences

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


def painted(view: UInt8Image, enamel: str) -> UInt8Image:
    """The same pin with the patch of its middle in an enamel."""
    other = view.copy()
    other[spot(view)] = ENAMELS[enamel]
    return other


@pytest.mark.parametrize(
    ("one", "another"), [("red", "blue"), ("yellow", "green"), ("white", "sky"), ("black", "violet")]
)
def test_colours_that_members_have_where_they_differ_are_named_and_the_photos_in_a_warm_dim_light(
    view: UInt8Image, one: str, another: str
) -> None:
    first, second = painted(view, one), painted(view, another)
    names = [colour_names.named(of(ENAMELS[enamel])) for enamel in (one, another)]
    for shown, name in ((first, names[0]), (second, names[1])):
        photo, members = asked(shown), [(first, POSE), (second, POSE)]
        place = differences.most_apart(photo, members)
        assert place is not None
        assert differences.colours(photo, members, place) == [name, *names]
    photo, nearest = asked(first), [(second, POSE)]
    place = differences.most_apart(photo, nearest)
    assert place is not None
    assert differences.colours(photo, nearest, place) == names


def test_no_colour_is_named_where_what_differs_is_a_word_or_one_shade_of_a_colour(view: UInt8Image) -> None:
    written = view.copy()
    rows, columns = spot(view)
    cv2.putText(written, "1961", (columns.start, rows.stop), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (20, 20, 20), 3)
    shades = painted(view, "red"), painted(view, "ruby")
    x, y = middle(view)
    place = Box(int(x) - 60, int(y) - 60, int(x) + 60, int(y) + 60)
    for one, other in ((view, written), shades):
        assert differences.colours(asked(one), [(one, POSE), (other, POSE)], place) == []


def of(colour: tuple[int, int, int]) -> Float32:
    """A colour in CIELAB, lightness 0 to 100."""
    lab = cv2.cvtColor(np.array([[colour]], np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.asarray(lab[0, 0], np.float32)


def test_enamels_have_the_names_that_people_give_them() -> None:
    names = {enamel: colour_names.named(of(colour)) for enamel, colour in ENAMELS.items()}
    alike = ("red", "blue", "green", "white", "black", "orange", "brown", "violet", "pink")
    assert {enamel: names[enamel] for enamel in alike} == {enamel: enamel for enamel in alike}
    assert (names["yellow"], names["grey"], names["sky"]) == ("yellow or gold", "grey or silver", "light blue")
    assert set(names.values()) <= set(colour_names.NAMES)
