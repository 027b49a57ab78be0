"""Recutting: pins of a lot that a person splits, joins, deletes or draws, identified as all others were.

What is new is identified before anything is written; then small pictures, and last the answer, so that a kill leaves
the lot as it was or as it is to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from recognizer.catalogue.store import Catalogue
from recognizer.collecting import lot_edits
from recognizer.collecting.jobs import Job, Task
from recognizer.collecting.lot_edits import Change, Edited
from recognizer.collecting.picture_answers import PictureAnswer
from recognizer.errors import EntryNotFound
from recognizer.files import write_whole
from recognizer.reports import lot_report
from recognizer.reports.answers import Answer, answer_json
from recognizer.types import Photo, Recognition
from recognizer.vision import recutting
from recognizer.vision.photos import encode_jpeg, enlarged, open_photo
from recognizer.web.answering.engine import Engine

WHOLE: Final = "whole"
"""What the name of a lot's picture ends in that is as large as what was sent."""

_LARGEST: Final = 50_000_000  # pixels that are kept of it: no more are looked at, see `vision.crops`


def keep_whole(job: Job, task: Task, photo: Photo) -> None:
    """Keep a picture as large as it was sent, where that is larger than the small picture of the page."""
    if photo.full > 1:
        height, width = photo.image.shape[:2]
        image = enlarged(photo, min(photo.full, (_LARGEST / (height * width)) ** 0.5))
        write_whole(job.picture(f"{task.key}-{WHOLE}"), encode_jpeg(image, 92))


def whole_of(job: Job, task: Task) -> str:
    """The name of the picture as large as it was sent, "" where that is no larger than the small one."""
    name = f"{task.key}-{WHOLE}"
    return name if job.picture(name).exists() else ""


def photo_of(job: Job, task: Task, answer: PictureAnswer) -> Photo:
    """Open a picture of a lot as it was when it was answered, places of the answer fitting it."""
    path = job.picture(whole_of(job, task) or task.key)
    photo = open_photo(path, "", max_side=max(answer["width"], answer["height"]))
    return replace(photo, sha256=answer["sha256"], source=answer["photo"])


def recognized(
    engine: Engine, job: Job, task: Task, answer: PictureAnswer, change: Change, k: int
) -> tuple[Photo, Sequence[Recognition]]:
    """Say what the pins are that a change makes, none where it makes none; raises what `lot_edits` does, and Busy."""
    photo = photo_of(job, task, answer)
    outlines = lot_edits.new_outlines(change, photo, answer)
    return photo, engine.identify_crops(photo, recutting.recut(photo, outlines), k) if outlines else []


def keep(
    job: Job, task: Task, change: Change, found: tuple[Photo, Sequence[Recognition]], catalogue: Catalogue, who: str
) -> Edited:
    """Make a change of the answer as it is now, and keep it with what was found. One at a time."""
    answer = _now(job, task)
    made = Answer(found[0], tuple(found[1]))
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    changed, edited = lot_edits.changed(answer, change, answer_json(made)["recognitions"], who=who, at=at)
    lot_report.keep_pins(job, task, made, edited.made, catalogue)
    lot_report.forget_drawing(job, task)  # a report draws it again
    job.keep(task, changed)
    return edited


def undo(job: Job, task: Task, edit: int) -> Edited:
    """Take a change back. One at a time."""
    changed, edited = lot_edits.undone(_now(job, task), edit)
    lot_report.forget_drawing(job, task)  # a report draws it again
    job.keep(task, changed)
    return edited


def _now(job: Job, task: Task) -> PictureAnswer:
    answer = job.answer(task)
    if answer is None:
        raise EntryNotFound("no such lot; it was deleted, or has run out")
    return answer
