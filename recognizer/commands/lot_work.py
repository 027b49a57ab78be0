"""The work of `znachki lot`: pictures answered one after the other, or several at once by processes of their own.

Each picture is asked alone whoever asks it, and its answer is written whole or not at all, so that a job is the same
however many work at it, and a kill of any of them leaves one that goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recognizer.errors import PhotoError
from recognizer.running import workers

if TYPE_CHECKING:
    from recognizer.collecting.jobs import Job, Task
    from recognizer.identify import Recognizer


@dataclass(frozen=True, slots=True)
class Question:
    """What pictures are asked: of which data folder and model, how many entries a pin, and numbers of which systems."""

    data: Path
    model: str | None
    false_match_rate: float | None
    k: int
    systems: tuple[str, ...]


def alone(job: Job, tasks: Sequence[Task], recognizer: Recognizer, question: Question) -> Iterator[Task]:
    """Answer pictures one by one, each kept before the next is begun; yields each task that is done."""
    for task in tasks:
        _answer(job, task, recognizer, question)
        yield task


def together(job: Job, tasks: Sequence[Task], question: Question, jobs: int) -> Iterator[Task]:
    """Answer pictures by `jobs` processes, each with a recognizer of its own; yields each task that is done, in the
    order in which they end.

    Raises ZnachkiError where one of them is killed.
    """
    from recognizer.catalogue.database import assigned

    by_key = {task.key: task for task in tasks}
    begun = (job.folder, question, assigned(question.data))
    return (by_key[key] for key in workers.together(jobs, _answer_key, by_key, _begin, *begun))


@dataclass(frozen=True, slots=True)
class _Worker:
    """What a process holds from its first picture to its last."""

    job: Job
    tasks: dict[str, Task]
    recognizer: Recognizer
    question: Question


_worker: Final[list[_Worker]] = []
"""The one of this process, once it has begun."""


def _begin(folder: Path, question: Question, database: str | None) -> None:
    from recognizer.catalogue.database import assign
    from recognizer.collecting.jobs import Job
    from recognizer.identify import Recognizer

    assign(question.data, database)
    recognizer = Recognizer.open(question.data, model=question.model, false_match_rate=question.false_match_rate)
    job = Job.resume(folder)
    _worker.append(_Worker(job, {task.key: task for task in job.tasks}, recognizer, question))


def _answer_key(key: str) -> str:
    worker = _worker[0]
    _answer(worker.job, worker.tasks[key], worker.recognizer, worker.question)
    return key


def _answer(job: Job, task: Task, recognizer: Recognizer, question: Question) -> None:
    """Answer one picture, or keep why it cannot be."""
    from recognizer.reports import lot_report
    from recognizer.reports.answers import Answer
    from recognizer.vision.photos import open_photo

    try:
        photo = open_photo(task.picture, str(task.picture))
    except PhotoError as error:
        lot_report.refuse(job, task, str(error))
        return
    answer = Answer(photo, tuple(recognizer.identify([photo], k=question.k)[0]))
    lot_report.keep(job, task, answer, recognizer.catalogue, question.systems)
