"""What was answered is what is corrected: whether a kept photo showed several pins is not asked a second time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from web_service import board_of, serving

from recognizer.catalogue.corrections import Query
from recognizer.collecting.picture_answers import PinAnswer
from recognizer.drawn import sample
from recognizer.types import Photo
from recognizer.vision import crops
from recognizer.vision.photos import encode_jpeg, open_photo
from recognizer.web.corrections import _query
from recognizer.web.schemas import CorrectionFields
from recognizer.web.uploads import Store

BOX = (20, 30, 340, 330)
PIN: PinAnswer = {"box": list(BOX), "score": 1.0, "verdict": "unknown", "matches": [], "pin": 1}


class Held:
    """A service that keeps photos, which is all that is asked of it here."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder, 10**9)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, int], Query]:
    """Keep a photo that was answered with so many pins, and ask what a correction of the one in BOX is about."""

    def again(*_: object, **__: object) -> object:
        raise AssertionError("the photo is split a second time")

    monkeypatch.setattr(crops, "split", again)

    def about(data: bytes, pins: int) -> Query:
        photo: Photo = open_photo(data, "photo")
        service = Held(tmp_path)
        held = service.store.keep(photo, "face", "somebody", [PIN] * pins)
        given = CorrectionFields(said="unknown", sha256=photo.sha256, box=BOX, upload_id=held.upload_id)
        return _query(service, given)  # type: ignore[arg-type]

    return about


def test_a_pin_of_two_is_kept_as_its_part_of_the_photo(kept: Callable[[bytes, int], Query]) -> None:
    query = kept(board_of((2, 5)), 2)
    assert query.box == BOX
    assert query.data is not None
    assert open_photo(query.data, "part").image.shape[:2] == (BOX[3] - BOX[1], BOX[2] - BOX[0])


def test_a_photo_of_one_pin_is_kept_whole(kept: Callable[[bytes, int], Query]) -> None:
    data = encode_jpeg(sample.phone_view(3))
    query = kept(data, 1)
    assert query.box is None
    assert query.data is not None
    assert open_photo(query.data, "whole").image.shape == open_photo(data, "photo").image.shape


def test_what_an_earlier_version_kept_is_taken_at_the_word_of_the_answer(tmp_path: Path) -> None:
    service = Held(tmp_path)
    photo = open_photo(board_of((2, 5)), "photo")
    held = service.store.keep(photo, "face", "somebody", [PIN] * 2)
    file = tmp_path / "uploads" / f"{held.upload_id}.json"
    about = json.loads(file.read_text(encoding="utf-8"))
    del about["pins"]
    file.write_text(json.dumps(about), encoding="utf-8")
    given = CorrectionFields(said="unknown", sha256=photo.sha256, box=BOX, upload_id=held.upload_id)
    assert _query(service, given).box == BOX  # type: ignore[arg-type]


def test_the_service_notes_how_many_pins_it_answered(own_data: Path) -> None:
    with serving(own_data) as served:
        for photo, pins in ((board_of((2, 5)), 2), (encode_jpeg(sample.phone_view(3)), 1)):
            sent = {"photo": ("photo.jpg", photo)}
            answer = served.post("/api/v1/identify", files=sent, data={"keep": "true"}, headers=served.writes).json()
            (told,) = answer["photos"]
            file = own_data / "web" / "uploads" / f"{told['upload_id']}.json"
            assert json.loads(file.read_text(encoding="utf-8"))["pins"] == len(told["recognitions"]) == pins
