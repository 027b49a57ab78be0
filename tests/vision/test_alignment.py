"""Verification finds the pose of the same drawing, parts platings and colours, and refuses what is something else."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import cv2
import numpy as np
import pytest

from recognizer.drawn import sample
from recognizer.search import index
from recognizer.types import Hit, Reference, UInt8Image
from recognizer.vision import keypoints
from recognizer.vision.comparing import variants
from recognizer.vision.comparing.alignment import verify

PIN = 4
"""A drawn pin with enough texture to be sure of."""


def reference(image: UInt8Image) -> Reference:
    """What an index keeps of a catalogue photo."""
    factor = min(1.0, index.THUMBNAIL / max(image.shape[:2]))
    thumbnail = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return Reference(keypoints.extract(image), np.asarray(thumbnail, np.uint8), factor)


def checked(image: UInt8Image, references: list[Reference]) -> list[Hit]:
    hits = [Hit(at + 1, 0.5, 0.25) for at in range(len(references))]
    return verify(image, keypoints.extract(image), hits, references)


def warped(image: UInt8Image, transform: np.ndarray, size: tuple[int, int]) -> UInt8Image:
    return np.asarray(cv2.warpPerspective(image, transform, size, borderValue=(120, 110, 100)), np.uint8)


def pose(image: UInt8Image) -> tuple[np.ndarray, tuple[int, int]]:
    """A homography that turns, tilts and shifts a picture inside a canvas of 700 x 640, and the canvas."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turned = np.array([[150, 90], [560, 130], [600, 540], [90, 500]], np.float32)
    return cv2.getPerspectiveTransform(corners, turned), (700, 640)


def families() -> dict[str, list[int]]:
    """Which drawn pins are of one drawing, in one plating or colour each; twins of another year left out."""
    found: dict[str, list[int]] = defaultdict(list)
    for at, pin in enumerate(sample.pins(60)):
        if pin.entry.family:
            found[pin.entry.family].append(at)
    pins = sample.pins(60)
    return {
        name: members
        for name, members in found.items()
        if len(members) > 1 and len({pins[at].design.year for at in members}) == 1
    }


@pytest.fixture(scope="module")
def view() -> UInt8Image:
    return sample.catalogue_view(PIN)


@pytest.fixture(scope="module")
def own(view: UInt8Image) -> Reference:
    return reference(view)


def test_a_picture_agrees_with_its_own_warp(view: UInt8Image, own: Reference) -> None:
    transform, canvas = pose(view)
    (hit,) = checked(warped(view, transform, canvas), [own])
    assert hit.inliers > 60
    assert hit.appearance > 0.9
    assert hit.homography is not None
    height, width = view.shape[:2]
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float32)
    apart = cv2.perspectiveTransform(corners, hit.homography) - cv2.perspectiveTransform(corners, transform)
    assert np.linalg.norm(apart[0], axis=1).max() < 2.0  # pixels of the crop


def test_matched_points_lie_on_one_another(view: UInt8Image, own: Reference) -> None:
    transform, canvas = pose(view)
    (hit,) = checked(warped(view, transform, canvas), [own])
    assert hit.matched is not None
    assert hit.matched.shape[1] == 4
    assert len(hit.matched) > 40
    carried = cv2.perspectiveTransform(hit.matched[None, :, 2:].astype(np.float32), transform)[0]
    assert np.median(np.linalg.norm(carried - hit.matched[:, :2], axis=1)) < 2.0


@pytest.mark.parametrize("side", [112, 200, 1400])
def test_the_pose_is_in_pixels_of_the_crop_whatever_its_size(view: UInt8Image, own: Reference, side: int) -> None:
    factor = side / max(view.shape[:2])
    (hit,) = checked(np.asarray(cv2.resize(view, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)), [own])
    assert hit.inliers > 20
    assert hit.appearance > 0.8
    assert hit.homography is not None
    expected = np.array([[factor, 0, 0], [0, factor, 0], [0, 0, 1]])
    corner = np.array([[[view.shape[1], view.shape[0]]]], np.float32)
    apart = cv2.perspectiveTransform(corner, hit.homography) - cv2.perspectiveTransform(corner, expected)
    assert np.linalg.norm(apart) < 0.02 * side


def test_a_turned_picture_agrees_whichever_way_up(view: UInt8Image, own: Reference) -> None:
    for quarters in (1, 2, 3):
        (hit,) = checked(np.ascontiguousarray(np.rot90(view, quarters)), [own])
        assert hit.inliers > 60
        assert hit.appearance > 0.9


def test_a_pin_that_fills_the_crop_overlaps_and_one_that_reaches_into_it_does_not(
    view: UInt8Image, own: Reference
) -> None:
    width = view.shape[1]
    (whole,) = checked(view, [own])
    assert whole.overlap > 0.9
    beside = np.full_like(view, 120)  # its right half at the left edge of a crop of something else
    beside[:, : width // 2] = view[:, width // 2 :]
    (part,) = checked(beside, [own])
    assert part.inliers > 10
    assert part.overlap < 0.6


def test_what_tells_variants_apart_counts_as_far_as_both_pins_are_seen(
    view: UInt8Image, own: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    height, width = view.shape[:2]
    monkeypatch.setattr(variants.Twins, "same", lambda self, pairs: np.full(len(pairs), 3.0, np.float32))
    points = keypoints.extract(view)
    (whole,) = verify(view, points, [Hit(1)], [own])
    corner = np.array([[0, 0], [width / 2, 0], [width / 2, height / 2], [0, height / 2]], np.float32)
    (part,) = verify(view, points, [Hit(1)], [own], corner)
    assert part.inliers == whole.inliers
    assert 0 < part.overlap < 0.5
    assert 0 < part.same < whole.same < 3.0


def test_with_an_outline_what_lies_outside_of_it_is_no_pin(view: UInt8Image, own: Reference) -> None:
    height, width = view.shape[:2]
    corner = np.array([[0, 0], [width / 4, 0], [width / 4, height / 4], [0, height / 4]], np.float32)
    points = keypoints.extract(view)
    (without,) = verify(view, points, [Hit(1)], [own])
    (within,) = verify(view, points, [Hit(1)], [own], corner)
    assert within.overlap < 0.5 * without.overlap


def test_colours_all_over_the_pin_tell_another_enamel_where_no_points_match(view: UInt8Image, own: Reference) -> None:
    other = view.copy()
    height = view.shape[0]
    half = slice(height // 2, height)
    other[half] = view[half][:, :, ::-1]  # red enamel blue and blue red, in the lower half
    same, changed = (checked(picture, [own])[0] for picture in (view, other))
    assert same.colour > 0.9
    assert changed.colour < same.colour - 0.2


def test_another_plating_or_colour_of_the_drawing_looks_less_alike() -> None:
    asked, told, margins = 0, 0, []
    for members in list(families().values())[:4]:
        views = [sample.catalogue_view(at) for at in members]
        references = [reference(view) for view in views]
        for at, view in enumerate(views):
            transform, canvas = pose(view)
            hits = checked(warped(view, transform, canvas), references)
            others = [hit.appearance for hit in hits if hit is not hits[at]]
            margins.append(hits[at].appearance - max(others))
            told += hits[at].appearance > max(others)
            asked += 1
            assert min(hit.inliers for hit in hits) > 14  # the others too: points alone cannot tell
    assert asked >= 8
    assert told == asked
    assert np.median(margins) > 0.05


def test_a_recoloured_picture_looks_less_alike_than_the_picture(view: UInt8Image, own: Reference) -> None:
    swapped = reference(np.ascontiguousarray(view[:, :, ::-1]))
    right, wrong = checked(view, [own, swapped])
    assert wrong.inliers > 60
    assert wrong.appearance < right.appearance - 0.2


def test_unrelated_pictures_hardly_agree(own: Reference) -> None:
    found = [checked(sample.catalogue_view(at), [own])[0] for at in (0, 12, 20, 30, 40)]
    assert max(hit.inliers for hit in found) < 12
    assert max(hit.appearance for hit in found) < 0.5


def test_noise_is_not_aligned(own: Reference) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (500, 500, 3), np.uint8)
    (hit,) = checked(noise, [own])
    assert hit.inliers < 5
    assert (hit.appearance, hit.homography, hit.matched) == (0.0, None, None)


@pytest.mark.parametrize("pin", [0, 12, 24])
def test_a_mirrored_picture_is_not_aligned(pin: int) -> None:
    """Of drawings that are no mirror pictures of themselves: a star turned over is that star."""
    view = sample.catalogue_view(pin)
    (hit,) = checked(np.ascontiguousarray(view[:, ::-1]), [reference(view)])
    assert hit.inliers < 12
    assert (hit.appearance, hit.homography, hit.matched) == (0.0, None, None)


def test_pictures_without_keypoints_are_no_fault(view: UInt8Image, own: Reference) -> None:
    flat = np.full((300, 200, 3), 90, np.uint8)
    hits = [Hit(1, 0.5, 0.25), Hit(2, 0.4, 0.0)]
    assert verify(flat, keypoints.none(), hits, [own, reference(flat)]) == hits
    full, bare = checked(view, [own, reference(flat)])
    assert full.inliers > 60
    assert (bare.inliers, bare.appearance, bare.homography) == (0, 0.0, None)


def test_one_keypoint_is_no_fault(view: UInt8Image, own: Reference) -> None:
    points = own.keypoints
    single = type(points)(points.places[:1], points.scales[:1], points.angles[:1], points.descriptors[:1])
    (hit,) = verify(view, points, [Hit(1)], [replace(own, keypoints=single)])
    assert (hit.inliers, hit.homography) == (0, None)
    (hit,) = verify(view, single, [Hit(1)], [own])
    assert hit.inliers <= 1
    assert hit.homography is None


def test_no_candidates_give_none(view: UInt8Image) -> None:
    assert verify(view, keypoints.extract(view), [], []) == []


def test_hits_keep_their_order_and_what_they_brought(view: UInt8Image, own: Reference) -> None:
    references = [reference(sample.catalogue_view(12)), own, reference(sample.catalogue_view(20))]
    hits = [Hit(7, 0.1, 0.3), Hit(8, 0.2, 0.2), Hit(9, 0.3, 0.1)]
    found = verify(view, keypoints.extract(view), hits, references)
    assert [(hit.image_id, hit.similarity, hit.votes) for hit in found] == [
        (7, 0.1, 0.3),
        (8, 0.2, 0.2),
        (9, 0.3, 0.1),
    ]
    assert max(found, key=lambda hit: hit.inliers).image_id == 8


def test_the_same_question_has_the_same_answer(view: UInt8Image, own: Reference) -> None:
    transform, canvas = pose(view)
    first, second = (checked(warped(view, transform, canvas), [own])[0] for _ in range(2))
    assert (first.inliers, first.appearance) == (second.inliers, second.appearance)
    assert np.array_equal(first.homography, second.homography)
