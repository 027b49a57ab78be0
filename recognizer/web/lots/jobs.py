"""Lots on the page: pictures of many pins, worked through in job folders that a reload, a restart and a kill outlive.

    web/lots/<job_id>/uploads/   the pictures as they were sent, until the job has ended, and about.json
    web/lots/<job_id>/           a job of `recognizer.collecting.jobs`, its answers and small pictures, and in the end
    report.html

A job_id cannot be guessed: whoever has it may see the job and delete it.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from recognizer.catalogue.store import Catalogue
from recognizer.collecting.jobs import Job, Task
from recognizer.collecting.listings import Listing
from recognizer.collecting.lot_groups import number_pins
from recognizer.errors import EntryNotFound, PhotoError, ZnachkiError
from recognizer.files import beside
from recognizer.reports import lot_report
from recognizer.reports.answers import MEASURED, Answer
from recognizer.reports.photo_report import write_report
from recognizer.types import Box, CatalogueEntry, Hit, Match, Photo, Recognition, Verdict
from recognizer.vision.photos import open_photo
from recognizer.web.engine import Ask, Engine
from recognizer.web.problems import Busy
from recognizer.web.settings import Settings
from recognizer.web.uploads import decode, folder_size, is_id

_LOG: Final = logging.getLogger("znachki.web")
_IDLE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class About:
    """What a job was asked: when, whether it is to be kept for good, and entries a pin."""

    job_id: str
    made: str
    kept: bool
    k: int


@dataclass(frozen=True, slots=True)
class State:
    """How far a job is: pictures answered and failed, and pins answered of those on the picture at work."""

    job_id: str
    state: str
    pictures: int
    answered: int
    failed: int
    pins_answered: int
    pins: int
    made: str
    kept: bool


class LotJobs:
    """All jobs of a service folder, and the thread that works through them, a picture of each in turn."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._folder = settings.folder / "lots"
        self._settings = settings
        self._engine = engine
        self._jobs: dict[str, tuple[Job, About]] = {}
        self._at_work: dict[str, Ask] = {}
        self._lock = threading.Lock()
        self._more = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="znachki-lots", daemon=True)

    def start(self) -> None:
        """Take up what an earlier run left, and begin to work."""
        for folder in self._folder.glob("*"):
            if not is_id(folder.name) or not (folder / "job.json").exists():
                shutil.rmtree(folder, ignore_errors=True)  # deleted half way, or never sent to its end
                continue
            try:
                self._jobs[folder.name] = (Job.resume(folder), _about(folder))
            except ZnachkiError as error:
                _LOG.warning("a lot is left out: %s", error)
                continue
            if (folder / "report.html").exists():
                _forget_uploads(self._jobs[folder.name][0])
        self._thread.start()

    def end(self) -> None:
        """Take no further picture; the next start goes on."""
        self._ended = True
        self._more.set()

    def join(self) -> None:
        """Wait until nothing is at work, which the engine's end brings about."""
        self._thread.join()

    def create(self, photos: Sequence[tuple[str, bytes]], *, k: int, kept: bool) -> State:
        """Begin a job on pictures, each with its name.

        Raises Busy, and leaves nothing of them, where there is no room for it or no index yet.
        """
        made_with = self._engine.recognizer().made_with
        size = sum(len(data) for _, data in photos)
        if folder_size(self._folder) + size > self._settings.store:
            raise Busy("the place for lots is full; delete some, or try again later", 3600)
        made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        about = About(secrets.token_urlsafe(16), made, kept, k)
        folder = self._folder / about.job_id
        try:
            job = self._begun(folder, about, photos, made_with)
        except BaseException:  # a full disk: what was sent must not stay where nobody can delete it
            shutil.rmtree(folder, ignore_errors=True)
            raise
        with self._lock:
            self._jobs[about.job_id] = (job, about)
        self._more.set()
        return self.state(about.job_id)

    def _begun(self, folder: Path, about: About, photos: Sequence[tuple[str, bytes]], made_with: str) -> Job:
        uploads = folder / "uploads"
        uploads.mkdir(parents=True)
        listings = []
        for number, (name, data) in enumerate(photos, 1):
            path = uploads / f"{number:04d}.upload"
            path.write_bytes(data)
            listings.append(Listing(f"{number}. {name}", (path,), name))
        (uploads / "about.json").write_text(json.dumps(asdict(about)), encoding="utf-8")
        return Job.open(folder, listings, made_with)

    def state(self, job_id: str) -> State:
        """Say how far a job is; raises EntryNotFound."""
        job, about = self._held(job_id)
        waiting = len(job.pending())
        failed = sum("error" in (job.answer(task) or {}) for task in job.tasks) if waiting < len(job.tasks) else 0
        ask = self._at_work.get(job_id)
        done, pins = ask.pins if ask else (0, 0)
        ended = waiting == 0 and (job.folder / "report.html").exists()
        state = "done" if ended else "working" if ask or waiting < len(job.tasks) else "waiting"
        return State(
            job_id, state, len(job.tasks), len(job.tasks) - waiting, failed, done, pins, about.made, about.kept
        )

    def kept(self) -> list[State]:
        """The jobs that were asked to be kept for good, the newest first."""
        found = []
        for job_id, (_, about) in self._listed():
            if about.kept:
                with suppress(EntryNotFound):  # deleted meanwhile
                    found.append(self.state(job_id))
        return sorted(found, key=lambda state: state.made, reverse=True)

    def result(self, job_id: str) -> dict[str, Any]:
        """What a job found so far, as `znachki lot --json` says it, pictures by the names that they were sent under."""
        job, _ = self._held(job_id)
        found = lot_report.as_json(job)
        names = {str(task.picture): task.listing.title for task in job.tasks}
        for lot in found["lots"]:
            for picture in lot["pictures"]:
                picture["photo"] = picture["picture"] = names[picture["picture"]]
        for error in found["errors"]:
            error["picture"] = names[error["picture"]]
        return found

    def answers(self, job_id: str) -> Iterator[tuple[Task, dict[str, Any]]]:
        """Read the answers of a job one at a time, in the order of its pictures; raises EntryNotFound."""
        job, _ = self._held(job_id)
        return ((task, number_pins(answer)) for task in job.tasks if (answer := job.answer(task)) is not None)

    def answer(self, job_id: str, key: str) -> tuple[Task, dict[str, Any]]:
        """Read the answer to one picture; raises EntryNotFound where there is no such picture, or no answer."""
        job, _ = self._held(job_id)
        for task in job.tasks:
            answer = job.answer(task) if task.key == key else None
            if answer is not None and "error" not in answer:
                return task, number_pins(answer)
        raise EntryNotFound("no such picture in this lot")

    def file(self, job_id: str, name: str) -> Path:
        """Where a file of a job lies that may be shown: a small picture, or the report; raises EntryNotFound."""
        job, _ = self._held(job_id)
        path = job.folder / "report.html" if name == "report.html" else job.picture(name)
        if not path.is_file() or path.resolve().parent not in (
            job.folder.resolve(),
            (job.folder / "pictures").resolve(),
        ):
            raise EntryNotFound(f"no file {name[:60]!r} in this lot")
        return path

    def delete(self, job_id: str) -> None:
        """Delete a job with all that it holds; raises EntryNotFound."""
        self._held(job_id)
        with self._lock:
            self._jobs.pop(job_id, None)
        ask = self._at_work.get(job_id)
        if ask is not None:
            ask.done.cancel()
        gone = self._folder / f"gone-{job_id}"
        (self._folder / job_id).replace(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def _held(self, job_id: str) -> tuple[Job, About]:
        with self._lock:
            held = self._jobs.get(job_id)
        if held is None:
            raise EntryNotFound("no such lot; it was deleted, or has run out")
        return held

    # Working

    def _work(self) -> None:
        while not self._ended:
            self._more.clear()
            worked = False
            for job_id, (job, about) in self._listed():
                if self._ended:
                    return
                try:
                    worked |= self._step(job, about)
                except Busy:
                    self._more.wait(1)  # no index yet, or stopping
                except Exception as error:  # the thread works for all lots: a full disk must not stop the others
                    if self._is_held(job_id):
                        _LOG.error("a lot could not go on", exc_info=error)
                        self._more.wait(1)
            self._drop_old()
            if not worked:
                self._more.wait(_IDLE_SECONDS if not self._unfinished() else 1)

    def _step(self, job: Job, about: About) -> bool:
        """Answer one picture of a job, or end a job that has none left; False where it has ended already."""
        waiting = job.pending()
        if not waiting:
            if (job.folder / "report.html").exists():
                return False
            self._finish(job)
            return True
        task = waiting[0]
        try:
            photo = decode(task.picture.read_bytes(), task.listing.title, self._settings.max_pixels)
        except PhotoError as error:
            lot_report.refuse(job, task, str(error))
            return True
        ask = self._engine.ask_lot(photo, about.k)
        self._at_work[about.job_id] = ask
        try:
            found = ask.done.result()
        except CancelledError:
            return True
        except Exception:  # whatever it was, this picture must not stop the others
            lot_report.refuse(job, task, f"{task.listing.title}: could not be answered; the service's log says why")
            return True
        finally:
            self._at_work.pop(about.job_id, None)
        if self._is_held(about.job_id):
            lot_report.keep(job, task, Answer(photo, tuple(found)), self._engine.catalogue)
        return True

    def _finish(self, job: Job) -> None:
        """Write the report, and delete the pictures that were sent."""
        catalogue = self._engine.catalogue
        answered = ((task, answer) for task in job.tasks if (answer := job.answer(task)) is not None)
        pages = ((_photo(task), _recognitions(answer, catalogue)) for task, answer in answered if "error" not in answer)
        refused = [PhotoError(held["error"]) for task in job.tasks if (held := job.answer(task)) and "error" in held]
        write_report(job.folder / "report.html", pages, catalogue, refused=refused)
        _forget_uploads(job)

    def _drop_old(self) -> None:
        oldest = time.time() - self._settings.lot_hours * 3600
        for job_id, (job, about) in self._listed():
            report = job.folder / "report.html"
            if not about.kept and report.exists() and report.stat().st_mtime < oldest:
                self.delete(job_id)

    def _listed(self) -> list[tuple[str, tuple[Job, About]]]:
        with self._lock:
            return list(self._jobs.items())

    def _is_held(self, job_id: str) -> bool:
        with self._lock:
            return job_id in self._jobs

    def _unfinished(self) -> bool:
        return any(not (job.folder / "report.html").exists() for _, (job, _) in self._listed())


def _forget_uploads(job: Job) -> None:
    """Put nothing in the place of the pictures that were sent: files of their size and time, for a job knows its
    pictures by these, that hold no byte of them."""
    for task in job.tasks:
        try:
            state = task.picture.stat()
            if state.st_blocks == 0:
                continue
            with beside(task.picture, None) as draft:
                with draft.open("wb") as file:
                    file.truncate(state.st_size)
                os.utime(draft, ns=(state.st_atime_ns, state.st_mtime_ns))
        except FileNotFoundError:
            continue


def _about(folder: Path) -> About:
    try:
        return About(**json.loads((folder / "uploads" / "about.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ZnachkiError(f"{folder}: {error}; delete this folder") from error


def _photo(task: Task) -> Photo:
    return open_photo(task.picture, task.listing.title)


def _recognitions(answer: Mapping[str, Any], catalogue: Catalogue) -> list[Recognition]:
    """The recognitions that an answer tells of, entries that are gone left out."""
    ids = [match["entry_id"] for pin in answer["recognitions"] for match in pin["matches"]]
    entries = catalogue.known(dict.fromkeys(ids))
    return [
        Recognition(
            Box(*pin["box"]),
            tuple(_match(match, entries) for match in pin["matches"] if match["entry_id"] in entries),
            Verdict(pin["verdict"]),
            tuple(pin["checks"]),
            members=tuple(pin["members"]),
        )
        for pin in answer["recognitions"]
    ]


def _match(held: Mapping[str, Any], entries: Mapping[str, CatalogueEntry]) -> Match:
    evidence = {name: held.get(name, 0.0) for name in MEASURED}
    return Match(entries[held["entry_id"]], held["image_id"], held["probability"], Hit(held["image_id"], **evidence))
