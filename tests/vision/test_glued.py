"""A pin's face and back in one picture are told apart, and the back is asked; other pictures are left as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from recognizer.drawn import brought, sample
from recognizer.identify import Recognizer
from recognizer.reports.answers import Answer, answer_json, answer_lines
from recognizer.types import Photo, Recognition, Role, UInt8Image
from recognizer.vision import glued
from recognizer.vision.photos import encode_jpeg


def of(image: UInt8Image) -> Photo:
    return Photo(image, "", "pair")


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("index", [0, 3, 18])
def test_where_two_photos_meet_is_found_to_the_pixel(index: int, down: bool) -> None:
    face = sample.phone_view(index)
    assert glued.seam(brought.glued(index, down=down)) == glued.Seam(face.shape[0] if down else face.shape[1], down)


def test_photos_that_are_not_glued_have_no_seam() -> None:
    shown = [sample.phone_view(at) for at in range(6)] + [sample.catalogue_view(at) for at in range(6)]
    shown += [sample.lot_view((0, 3, 7), touching=False).image, brought.album_page((0, 3, 7, 12))[0]]
    assert [glued.seam(image) for image in shown] == [None] * len(shown)


def test_a_face_with_its_back_is_one_pin_of_which_both_are_told(recognizer: Recognizer) -> None:
    image = brought.glued(3)
    ((answer, *more),) = recognizer.identify([of(image)])
    assert more == []
    assert answer.matches[0].entry.entry_id == sample.entries(40)[3].entry_id
    assert answer.reverse is not None
    seam = sample.phone_view(3).shape[1]
    assert answer.box.right <= seam <= answer.reverse.left
    told = Answer(of(image), (answer,))
    assert answer_json(told)["recognitions"][0]["reverse"] == [
        answer.reverse.left,
        answer.reverse.top,
        answer.reverse.right,
        answer.reverse.bottom,
    ]
    assert "the picture shows its face and its back" in answer_lines(told)
    ((plain,),) = recognizer.identify([of(sample.phone_view(3))])
    assert plain.reverse is None
    assert "reverse" not in answer_json(Answer(of(image), (plain,)))["recognitions"][0]


def test_the_face_is_found_on_either_side(recognizer: Recognizer) -> None:
    image = np.ascontiguousarray(brought.glued(12)[:, ::-1])  # the back is on the left; the face is mirrored
    crop = recognizer.find(of(image))[0]
    assert crop.back is not None
    assert crop.back.box.right <= crop.box.left


def test_two_faces_in_one_picture_are_no_face_and_back(recognizer: Recognizer) -> None:
    first, second = (cv2.resize(sample.phone_view(at), (480, 480)) for at in (0, 7))
    crops = recognizer.find(of(np.concatenate([first, second], axis=1).astype(np.uint8)))
    assert all(crop.back is None for crop in crops)


def test_the_back_chooses_between_twins(own_recognizer: Recognizer) -> None:
    """Two entries that a face leaves nearly open, with unlike backs: what the picture shows of the back moves them."""
    catalogue, entries = own_recognizer.catalogue, sample.entries(40)
    for index, back in ((3, 7), (2, 3)):
        picture = encode_jpeg(sample.reverse_view(back), 90)
        catalogue.add_image(entries[index].entry_id, picture, ".jpg", Role.REVERSE)
    crop = own_recognizer.find(of(brought.glued(3)))[0]
    assert crop.back is not None
    with_back = own_recognizer.answer([crop])[0]
    without = own_recognizer.answer([replace(crop, back=None)])[0]
    assert chance(with_back, entries[2].entry_id) > chance(without, entries[2].entry_id)


def chance(answer: Recognition, entry_id: str) -> float:
    return next((one.probability for one in answer.matches if one.entry.entry_id == entry_id), 0.0)


@pytest.fixture
def own_recognizer(own_data: Path) -> Iterator[Recognizer]:
    with Recognizer.open(own_data) as opened:
        yield opened
