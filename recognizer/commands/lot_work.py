"""The work of `znachki lot`: pictures answered one after the other, or several at once by processes of their own.

Each picture is asked alone whoever asks it, and its answer is written whole or not at all, so that a job is the same
however many work at it, and a kill of any of them leaves one that goes on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recognizer.errors import PhotoError, ZnachkiError

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


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def alone(job: Job, tasks: Sequence[Task], recognizer: Recognizer, question: Question) -> Iterator[Task]:
    """Answer pictures one by one, each kept before the next is begun; yields each task that is done."""
    for task in tasks:
        _answer(job, task, recognizer, question)
        yield task


def together(job: Job, tasks: Sequence[Task], question: Question, jobs: int) -> Iterator[Task]:
    """Answer pictures by `jobs` processes, each with a recognizer of its own; yields each task that is done, in the
    order in which they end.

    Where this process ends, however it does, they end too. Raises ZnachkiError where one of them is killed.
    """
    from recognizer.catalogue.database import assigned

    context = multiprocessing.get_context("spawn")  # a fork of threads that hold locks would hang
    reader, writer = context.Pipe(duplex=False)
    threads = max(1, cores() // jobs)
    begun = (reader, job.folder, question, assigned(question.data), threads)
    by_key = {task.key: task for task in tasks}
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=begun)
    with closing(reader), pool:
        try:
            for done in as_completed([pool.submit(_answer_key, key) for key in by_key]):
                yield by_key[done.result()]
        except BrokenProcessPool:
            raise ZnachkiError(
                f"one of {jobs} processes was killed, for want of memory perhaps; run it again with fewer --jobs, and "
                "it goes on where it stopped"
            ) from None
        finally:
            writer.close()  # whoever still works ends at once
            pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Worker:
    """What a process holds from its first picture to its last."""

    job: Job
    tasks: dict[str, Task]
    recognizer: Recognizer
    question: Question


_worker: Final[list[_Worker]] = []
"""The one of this process, once it has begun."""


def _begin(reader: Connection, folder: Path, question: Question, database: str | None, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that was asked says when to end
    threading.Thread(target=_end_with, args=(reader,), daemon=True).start()
    for name in ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):  # read when the libraries are loaded, below
        os.environ.setdefault(name, str(threads))
    from recognizer.catalogue.database import assign
    from recognizer.collecting.jobs import Job
    from recognizer.identify import Recognizer

    assign(question.data, database)
    recognizer = Recognizer.open(question.data, model=question.model, false_match_rate=question.false_match_rate)
    job = Job.resume(folder)
    _worker.append(_Worker(job, {task.key: task for task in job.tasks}, recognizer, question))


def _end_with(reader: Connection) -> None:
    """End this process once the other end of the pipe is closed, as it is where its process has gone."""
    try:
        reader.recv()
    except (EOFError, OSError):
        os._exit(1)


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
