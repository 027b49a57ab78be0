"""Doubts: answers to pins of kept photos and lots that nobody has judged yet, the doubtful ones first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from recognizer.catalogue import corrections
from recognizer.collecting.picture_answers import PictureAnswer, PinAnswer, pin_of
from recognizer.errors import EntryNotFound
from recognizer.reports.pictures import thumbnail
from recognizer.types import Verdict
from recognizer.vision.photos import encode_jpeg, open_photo
from recognizer.web.service import Service
from recognizer.web.uploads import Store

OFFERED: Final = 5
"""Entries to choose from, a key each."""

_SIDE: Final = 240

_Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Doubt:
    """One pin of a kept photo or lot, and the entries that were offered for it.

    `at` is where all of it is shown and `picture` where the pin alone is, as paths; `photo` is the name that it was
    sent under, "" where that was not kept; `upload_id` is that of a kept photo, "" for a pin of a lot.
    """

    at: str
    picture: str
    pin: int
    photo: str
    sha256: str
    box: _Box
    verdict: Verdict
    offered: tuple[Mapping[str, Any], ...]
    upload_id: str = ""

    @property
    def doubt(self) -> float:
        """From 0, surely right or surely wrong, to .5, as likely the one as the other."""
        best = float(self.offered[0]["probability"]) if self.offered else 0.0
        return 0.5 - abs(best - 0.5)


def doubts(service: Service) -> list[Doubt]:
    """List the pins of kept photos and lots without a judgement, the most doubtful first.

    Those that nobody asked to keep are left out: they are whose address it is.
    """
    judged = {(one.sha256, one.box) for one in corrections.listed(service.engine.catalogue)}
    found = [
        one
        for of in (_of_lots(service), _of_photos(service.store, judged))
        for one in of
        if (one.sha256, one.box) not in judged and one.verdict is not Verdict.NOT_A_PIN
    ]
    return sorted(found, key=lambda one: -one.doubt)


def _of_lots(service: Service) -> Iterator[Doubt]:
    for state in service.lots.kept():
        lot = f"/lots/{state.job_id}"
        for task, answer in service.lots.answers(state.job_id):
            for pin in answer.get("recognitions", ()):
                picture = f"{lot}/pictures/{task.key}-{pin['pin']}.jpg"
                yield _doubt(answer, pin, f"{lot}/pins/{task.key}/{pin['pin']}", picture)


def _of_photos(store: Store, judged: set[tuple[str, _Box | None]]) -> Iterator[Doubt]:
    for kept in store.all():
        # Of a photo of one pin, and of one whose answer an earlier version did not keep, the whole is judged.
        if (kept.sha256, None) in judged:
            continue
        answer = store.answer(kept)
        for pin in answer["recognitions"]:
            path = f"/uploads/{kept.upload_id}"
            yield _doubt(answer, pin, f"{path}.jpg", f"{path}/{pin['pin']}.jpg", kept.upload_id)


def _doubt(answer: PictureAnswer, pin: PinAnswer, at: str, picture: str, upload_id: str = "") -> Doubt:
    left, top, right, bottom = (int(side) for side in pin["box"])
    return Doubt(
        at,
        picture,
        pin["pin"],
        answer.get("photo", ""),
        answer["sha256"],
        (left, top, right, bottom),
        Verdict(pin["verdict"]),
        tuple(pin["matches"][:OFFERED]),
        upload_id,
    )


def pin_picture(store: Store, upload_id: str, number: int) -> bytes:
    """The part of a kept photo that shows one pin of it, small, as JPEG; raises EntryNotFound."""
    kept = store.find(upload_id)
    pin = pin_of(store.answer(kept), number)
    if pin is None:
        raise EntryNotFound(f"no pin {number} on this photo")
    left, top, right, bottom = (max(0, int(side)) for side in pin["box"])
    photo = open_photo(store.picture(upload_id), "the kept photo")
    return encode_jpeg(thumbnail(photo.image[top:bottom, left:right], _SIDE), 85)
