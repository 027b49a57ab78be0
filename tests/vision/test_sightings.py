"""Known pins seen on a whole picture: copies, touching pins, and what is seen where nothing known lies."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from recognizer.drawn import brought, sample
from recognizer.errors import IndexError_
from recognizer.identify import Recognizer
from recognizer.search.index import Index
from recognizer.types import Box, Crop, Keypoints, Photo, Reference, UInt8Image
from recognizer.vision import keypoints, sightings
from recognizer.vision.crops import Sheet, joined, shows_several

SHOWN = (0, 3, 3, 12, 18, 25)
"""Pins of the drawn catalogue that lie on the lot; one lies there twice."""


@pytest.fixture(scope="module")
def lot() -> tuple[UInt8Image, np.ndarray]:
    """A drawn lot of touching pins and the mask of each."""
    held = sample.lot_view(SHOWN)
    return held.image, held.masks


@pytest.fixture(scope="module")
def points(lot: tuple[UInt8Image, np.ndarray]) -> Keypoints:
    return keypoints.survey(lot[0], 250.0, 8000)


def on(one: sightings.Sighting, mask: np.ndarray) -> float:
    """Intersection over union of a sighting's hull with a pin's mask."""
    drawn = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(drawn, [np.round(one.outline).astype(np.int32)], 1)
    return float((drawn & mask).sum() / (drawn | mask).sum())


def families(recognizer: Recognizer) -> dict[int, str]:
    """What each photo's pin is, near twins counting as one."""
    entries = {entry.entry_id: entry.family or entry.entry_id for entry in recognizer.catalogue.entries()}
    return {image.image_id: entries[image.entry_id] for image in recognizer.catalogue.images()}


def test_known_pins_are_seen_where_they_lie_copies_too(
    recognizer: Recognizer, lot: tuple[UInt8Image, np.ndarray], points: Keypoints
) -> None:
    seen = sightings.sight(points, recognizer.index.neighbours(points.descriptors), recognizer.index.reference)
    names, entries = families(recognizer), sample.entries(40)
    right = 0
    for index, mask in zip(SHOWN, lot[1], strict=True):
        wanted = entries[index].family or entries[index].entry_id
        right += any(on(one, mask) > 0.5 and names[one.image_id] == wanted for one in seen)
    assert right >= len(SHOWN) - 1
    assert len(seen) <= len(SHOWN) + 1
    assert [one.inliers for one in seen] == sorted((one.inliers for one in seen), reverse=True)


def test_nothing_is_seen_on_noise(recognizer: Recognizer) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (500, 600, 3)).astype(np.uint8)
    points = keypoints.survey(cv2.GaussianBlur(noise, (0, 0), 2).astype(np.uint8), 200.0, 4000)
    assert len(points) > 500
    seen = sightings.sight(points, recognizer.index.neighbours(points.descriptors), recognizer.index.reference)
    assert seen == []


def test_a_photo_that_left_the_catalogue_is_not_seen(recognizer: Recognizer, points: Keypoints) -> None:
    neighbours = recognizer.index.neighbours(points.descriptors)
    seen = sightings.sight(points, neighbours, recognizer.index.reference)
    gone = seen[0].image_id

    def reference(image_id: int) -> Reference | None:
        return None if image_id == gone else recognizer.index.reference(image_id)

    assert gone not in {one.image_id for one in sightings.sight(points, neighbours, reference)}


def test_a_recognizer_leaves_out_references_of_a_replaced_index(
    recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(self: Index, image_id: int) -> Reference:
        raise IndexError_("its features are gone")

    monkeypatch.setattr(Index, "reference", missing)
    monkeypatch.setattr(Index, "replaced", lambda self: True)
    photo = Photo(sample.lot_view(SHOWN, touching=False).image, "0" * 64, "lot")
    assert len(recognizer.find(photo)) >= 1
    assert not caplog.records
    monkeypatch.setattr(Index, "replaced", lambda self: False)
    assert len(recognizer.find(photo)) >= 1
    assert {record.getMessage() for record in caplog.records} == {"its features are gone"}


def test_a_lot_is_answered_pin_by_pin_from_one_search(
    recognizer: Recognizer, lot: tuple[UInt8Image, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    searches = []
    plain = Index.neighbours

    def counted(self: Index, descriptors: np.ndarray) -> object:
        searches.append(len(descriptors))
        return plain(self, descriptors)

    monkeypatch.setattr(Index, "neighbours", counted)
    (found,) = recognizer.identify([Photo(lot[0], "0" * 64, "lot")])
    assert len(searches) == 1
    assert len(found) == len(SHOWN)
    offered = {one.matches[0].entry.family or one.matches[0].entry.entry_id for one in found}
    entries = sample.entries(40)
    assert len({entries[index].family or entries[index].entry_id for index in SHOWN} & offered) >= 4


def test_what_another_index_said_is_asked_again(recognizer: Recognizer) -> None:
    photo = Photo(sample.phone_view(7), "0" * 64, "pin")
    (crop,) = recognizer.find(photo)
    assert crop.neighbours is not None
    stale = replace(
        crop, neighbours=replace(crop.neighbours, generation=-1, image_ids=crop.neighbours.image_ids * 0 + 9)
    )
    assert recognizer.hits([stale])[0][0].votes == pytest.approx(recognizer.hits([crop])[0][0].votes)


# Keypoints of a whole picture


def test_a_survey_in_tiles_finds_what_one_look_finds(lot: tuple[UInt8Image, np.ndarray]) -> None:
    image = lot[0]
    tiled = keypoints.survey(image, keypoints.SIDE, 100_000)
    whole = cv2.SIFT_create(contrastThreshold=keypoints.CONTRAST)  # type: ignore[attr-defined]
    factor = np.sqrt(keypoints.ROOM / (image.shape[0] * image.shape[1]))
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor)) if factor < 1 else image.shape[1::-1]
    grey = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    expected = np.array([point.pt for point in whole.detect(grey)]) * image.shape[1] / size[0]
    cells = {tuple(cell) for cell in np.round(tiled.places / 2).astype(int).tolist()}
    hits = sum(tuple(cell) in cells for cell in np.round(expected / 2).astype(int).tolist())
    assert hits > 0.95 * len(expected)


def test_a_survey_keeps_the_strongest_and_no_more_than_asked(lot: tuple[UInt8Image, np.ndarray]) -> None:
    image = lot[0]
    assert len(keypoints.survey(image, 200.0, 500)) == 500
    assert len(keypoints.survey(np.full((300, 400, 3), 90, np.uint8), 100.0, 500)) == 0


def test_keypoints_are_shared_out_by_outline(lot: tuple[UInt8Image, np.ndarray], points: Keypoints) -> None:
    image = lot[0]
    outline = np.array([[300, 200], [700, 200], [700, 600], [300, 600]], np.float32)
    rows = keypoints.inside(points, outline, image.shape)
    assert 20 < len(rows) <= keypoints.MOST
    places = points.places[rows]
    margin = 0.04 * 400
    assert (places >= (300 - margin, 200 - margin)).all()
    assert (places <= (700 + margin, 600 + margin)).all()
    assert rows.tolist() == sorted(rows.tolist())  # the strongest first, as they came


# Known pins and crops, joined


def square(left: int, top: int, side: int) -> np.ndarray:
    return np.array([[left, top], [left + side, top], [left + side, top + side], [left, top + side]], np.float32)


@pytest.fixture
def photo() -> Photo:
    return Photo(np.zeros((600, 800, 3), np.uint8), "0" * 64, "photo")


def crop(photo: Photo, left: int, top: int, wide: int, high: int) -> Crop:
    image = photo.image[top : top + high, left : left + wide]
    outline = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    return Crop(image, Box(left, top, left + wide, top + high), outline, score=0.7)


def boxes(crops: list[Crop]) -> list[tuple[int, int, int, int]]:
    """Bounds of the outlines, to ten pixels."""
    out = []
    for one in crops:
        assert one.outline is not None
        low, high = one.outline.min(axis=0), one.outline.max(axis=0)
        left, top = one.box.left, one.box.top
        out.append(tuple(int(round(v, -1)) for v in (low[0] + left, low[1] + top, high[0] + left, high[1] + top)))
    return out


def test_where_both_agree_the_outline_of_the_network_stays(photo: Photo) -> None:
    (found,) = joined(Sheet(photo), [crop(photo, 100, 100, 200, 200)], [square(80, 90, 220)])
    assert boxes([found]) == [(100, 100, 300, 300)]
    assert found.score == 0.7


def test_a_pin_that_the_network_missed_is_added(photo: Photo) -> None:
    found = joined(Sheet(photo), [crop(photo, 100, 100, 200, 200)], [square(400, 110, 150)])
    assert boxes(found) == [(100, 100, 300, 300), (400, 110, 550, 260)]


def test_touching_pins_are_parted_and_the_third_one_stays(photo: Photo) -> None:
    row = [crop(photo, 100, 100, 600, 200)]
    assert boxes(joined(Sheet(photo), row, [square(100, 100, 200), square(300, 100, 200)])) == [
        (100, 100, 300, 300),
        (300, 100, 500, 300),
        (500, 100, 700, 300),
    ]


def test_parts_of_one_known_pin_are_one_crop(photo: Photo) -> None:
    halves = [crop(photo, 200, 100, 100, 80), crop(photo, 180, 200, 140, 140)]
    assert boxes(joined(Sheet(photo), halves, [square(150, 100, 240)])) == [(150, 100, 390, 340)]


def test_nothing_known_changes_nothing(photo: Photo) -> None:
    crops = [crop(photo, 100, 100, 200, 200), crop(photo, 400, 100, 200, 200)]
    assert boxes(joined(Sheet(photo), crops, [])) == boxes(crops)


def test_one_pin_that_holds_the_drawings_of_two_stays_one(photo: Photo) -> None:
    pin = crop(photo, 100, 100, 400, 400)
    assert shows_several(pin, [square(0, 0, 150), square(200, 200, 150)])
    assert not shows_several(pin, [square(10, 10, 380), square(200, 200, 150)])
    assert not shows_several(pin, [square(0, 0, 150)])


def test_words_printed_under_pins_are_no_pins(recognizer: Recognizer) -> None:
    shown = (0, 3, 7, 12, 18, 25, 30, 33, 36)
    page, boxes = brought.album_page(shown)
    (found,) = recognizer.identify([Photo(page, "", "")])
    assert len(found) == len(shown)
    for box in boxes:
        near = [one for one in found if abs(one.box.left - box.left) < 40 and abs(one.box.bottom - box.bottom) < 40]
        assert len(near) == 1
    named = {one.matches[0].entry.entry_id for one in found}
    assert len(named & {sample.entries(40)[index].entry_id for index in shown}) >= len(shown) - 1
