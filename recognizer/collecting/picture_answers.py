"""The answer to one picture as a job keeps it: what its keys are, and what every reader of it needs.

It is plain data, written and read as JSON, so that an answer of a later version keeps what this one does not know.
The types below are what a type checker holds every reader to; `recognizer.reports.answers.answer_json` makes it.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

import numpy as np

from recognizer.types import Float32


class EntryOffered(TypedDict):
    """An entry offered for a pin, with what of `types.Hit` was measured of it; `numbers` where they were asked for."""

    entry_id: str
    number: str
    title: str
    title_en: str
    probability: float
    image_id: str
    similarity: float
    votes: float
    inliers: int
    appearance: float
    colour: float
    overlap: float
    same: float
    silhouette: float
    numbers: NotRequired[dict[str, str]]


class PinAnswer(TypedDict):
    """One pin of a picture: where it lies, in pixels of it, and what it was taken for, best entry first.

    `pin` is its number on the picture, `edit` the change that made it. `mark` and `own` are what it is to a collector
    (`lot_marks`), added where that is asked.
    """

    box: list[int]
    score: float
    verdict: str
    matches: list[EntryOffered]
    pin: int
    outline: NotRequired[list[list[int]] | None]
    rectangle: NotRequired[list[list[int]] | None]
    reverse: NotRequired[list[int]]
    about: NotRequired[int]
    drawing: NotRequired[float]
    lacking: NotRequired[float]
    checks: NotRequired[list[str]]
    members: NotRequired[list[str]]
    edit: NotRequired[int]
    mark: NotRequired[str]
    own: NotRequired[bool]


class PinGone(TypedDict):
    """A pin that a change took away, and its place among the pins of before."""

    place: int
    pin: PinAnswer


class EditNote(TypedDict):
    """A change of a picture's pins by a person, see `lot_edits`."""

    edit: int
    what: str
    at: str
    who: str
    gone: list[PinGone]
    made: list[int]


class PictureAnswer(TypedDict, total=False):
    """The answer to one picture; one that could not be read has `photo` and `error` alone.

    `width` and `height` are those of the photo in pixels, after it was turned upright.
    """

    photo: str
    error: str
    sha256: str
    width: int
    height: int
    recognitions: list[PinAnswer]
    last_pin: int
    last_edit: int
    edits: list[EditNote]
    whole: str


def number_pins(answer: PictureAnswer) -> PictureAnswer:
    """Give every pin of an answer its number on the picture under `pin`, where it has none; returns the answer.

    A number stays with its pin: one that is deleted leaves a gap, so that nobody looks at another pin than he was told
    of. Answers of before there were numbers are counted in their order.
    """
    for place, pin in enumerate(answer.get("recognitions", ()), 1):
        pin.setdefault("pin", place)
    return answer


def pin_of(answer: PictureAnswer, number: int) -> PinAnswer | None:
    """The pin of a number, None where the picture has none of it."""
    return next((pin for pin in answer["recognitions"] if pin["pin"] == number), None)


def outline_of(pin: PinAnswer) -> Float32:
    """The outline (n, 2) of a pin, x, y in pixels of the photo; the corners of its box where no more is known."""
    left, top, right, bottom = pin["box"]
    return np.array(pin.get("outline") or [[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
