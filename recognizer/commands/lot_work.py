"""The work of `znachki lot`: pictures answered one after the other, or several at once by processes of their own.

Each picture is asked alone whoever asks it, and its answer is written whole or not at all, so that a job is the same
however many work at it, and a kill of any of them leaves one that goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recognizer.commands import Source
from recognizer.errors import PhotoError
from recognizer.running import teams

if TYPE_CHECKING:
    from recognizer.collecting.jobs import Job, Task
    from recognizer.identify import Recognizer
    from recognizer.running.teams import Team


@dataclass(frozen=True, slots=True)
class Question:
    """What pictures are asked: how many entries a pin, and numbers of which systems."""

    k: int
    systems: tuple[str, ...]


def alone(job: Job, tasks: Sequence[Task], recognizer: Recognizer, question: Question) -> Iterator[Task]:
    """Answer pictures one by one, each kept before the next is begun; yields each task that is done."""
    asked = _Asked(job, recognizer, question)
    for task in tasks:
        _answer(asked, (task, task.picture))
        yield task


def together(job: Job, tasks: Sequence[Task], source: Source, question: Question, team: Team) -> Iterator[Task]:
    """Have a team answer pictures, each member with a recognizer of its own; yields each task that is done, in the
    order in which they end."""
    found = [(task, task.picture.absolute()) for task in tasks]
    for number, _ in teams.together(team, _answer, found, _begin, job.folder.absolute(), source, question):
        yield tasks[number]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a member of a team holds from its first picture to its last."""

    job: Job
    recognizer: Recognizer
    question: Question


def _begin(folder: Path, source: Source, question: Question) -> _Asked:
    from recognizer.collecting.jobs import Job

    return _Asked(Job.resume(folder), source.open(), question)


def _answer(asked: _Asked, asking: tuple[Task, Path]) -> None:
    """Answer one picture, which lies at the path beside it, or keep why it cannot be."""
    from recognizer.reports import lot_report
    from recognizer.reports.answers import Answer
    from recognizer.vision.photos import open_photo

    task, path = asking
    try:
        photo = open_photo(path, str(task.picture))
    except PhotoError as error:
        lot_report.refuse(asked.job, task, str(error))
        return
    found = asked.recognizer.identify([photo], k=asked.question.k)[0]
    lot_report.keep(asked.job, task, Answer(photo, tuple(found)), asked.recognizer.catalogue, asked.question.systems)
