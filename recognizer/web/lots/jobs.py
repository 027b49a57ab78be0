"""Lots on the page: pictures of many pins, worked through in job folders that a reload, a restart and a kill outlive.

    web/lots/<job_id>/uploads/   the pictures as they were sent, until each is answered, and about.json
    web/lots/<job_id>/           a job of `recognizer.collecting.jobs`, its answers and pictures, and once it has ended
                                 a file `ended`

Of a picture that is larger than its answer's places the job keeps a whole one, encoded anew so that nothing but the
picture is in it: pins that a person draws or parts are cut from that. A job_id cannot be guessed: whoever has it may
see the job, change its pins and delete it.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from recognizer.collecting.holdings import Collection
from recognizer.collecting.jobs import Job, Task
from recognizer.collecting.lot_edits import Change, Edited
from recognizer.collecting.lot_marks import Mark, Marker
from recognizer.collecting.lot_totals import Tally, Totals, totals_json
from recognizer.collecting.picture_answers import PictureAnswer, number_pins
from recognizer.errors import EntryNotFound, PhotoError, ZnachkiError
from recognizer.files import write_whole
from recognizer.reports import lot_page, lot_report
from recognizer.reports.answers import Answer
from recognizer.web.answering.engine import Ask, Engine
from recognizer.web.lots import recutting, sent
from recognizer.web.lots.sent import About
from recognizer.web.problems import Busy
from recognizer.web.settings import Settings
from recognizer.web.uploads import decode, folder_size, is_id

_LOG: Final = logging.getLogger("znachki.web")
_IDLE_SECONDS: Final = 30.0
_ENDED: Final = "ended"


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
        self._changing = threading.Lock()
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
                self._jobs[folder.name] = (Job.resume(folder), sent.read(folder))
            except ZnachkiError as error:
                _LOG.warning("a lot is left out: %s", error)
                continue
            job = self._jobs[folder.name][0]
            for task in job.tasks:  # answered, and then killed before its upload was forgotten
                if job.answer(task) is not None:
                    sent.forget(task)
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

        Files of ItemSummaries among them tell title and price of those that are named by their itemId. Raises Busy, and
        leaves nothing of them, where there is no room for it or no index yet, and ZnachkiError where no file of
        ItemSummaries has a picture.
        """
        made_with = self._engine.recognizer().made_with
        size = sum(len(data) for _, data in photos)
        if folder_size(self._folder) + size > self._settings.store:
            raise Busy("the place for lots is full; delete some, or try again later", 3600)
        made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        about = About(secrets.token_urlsafe(16), made, kept, k)
        folder = self._folder / about.job_id
        try:
            lots, about = sent.take(folder, about, photos)
            job = Job.open(folder, lots, made_with)
        except BaseException:  # a full disk: what was sent must not stay where nobody can delete it
            shutil.rmtree(folder, ignore_errors=True)
            raise
        with self._lock:
            self._jobs[about.job_id] = (job, about)
        self._more.set()
        return self.state(about.job_id)

    def state(self, job_id: str) -> State:
        """Say how far a job is; raises EntryNotFound."""
        job, about = self._held(job_id)
        waiting = len(job.pending())
        failed = sum("error" in (job.answer(task) or {}) for task in job.tasks) if waiting < len(job.tasks) else 0
        ask = self._at_work.get(job_id)
        done, pins = ask.pins if ask else (0, 0)
        ended = waiting == 0 and _has_ended(job)
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

    def result(self, job_id: str, marker: Marker | None = None) -> dict[str, Any]:
        """What a job found so far, as `znachki lot --json` says it, pictures by the names that they were sent under."""
        job, about = self._held(job_id)
        found = lot_report.as_json(job)
        lot_report.mark(found, marker)
        names = {str(task.picture): sent.name_of(task, about) for task in job.tasks}
        for lot in found["lots"]:
            for picture in lot["pictures"]:
                picture["photo"] = picture["picture"] = names[picture["picture"]]
        for error in found["errors"]:
            error["picture"] = names[error["picture"]]
        found["totals"] = totals_json(self.totals(job_id, marker))
        return found

    def totals(self, job_id: str, marker: Marker | None) -> Totals:
        """What a job comes to so far; raises EntryNotFound."""
        job, about = self._held(job_id)
        tally = Tally(marker)
        for task, answer in self.answers(job_id):
            if about.price:
                tally.add(job.folder.name, answer.get("recognitions", ()), Decimal(about.price), about.currency)
            else:
                listing = task.listing
                tally.add(listing.key, answer.get("recognitions", ()), listing.price, listing.currency)
        return tally.totals

    def about(self, job_id: str) -> About:
        """What a job was asked; raises EntryNotFound."""
        return self._held(job_id)[1]

    def say_price(self, job_id: str, price: Decimal | None, currency: str) -> None:
        """Note what a lot costs, None for nothing said; raises EntryNotFound."""
        with self._changing:
            job, about = self._held(job_id)
            self._say(job, replace(about, price="" if price is None else str(price), currency=currency))

    def own(
        self,
        job_id: str,
        collection: Collection,
        jar: str | None,
        *,
        missing: bool = False,
        pins: Sequence[str] | None = None,
    ) -> dict[str, str]:
        """Count the pins with the verdict match to those that a collector owns, with `missing` those alone that he
        lacks, or `pins`, named as in `counted`, whose first entry he says is right; returns their entry_ids by name.

        A pin of a lot is counted once for a collector, however often this is asked for. Raises EntryNotFound where
        there is no such lot, and CatalogueError where a pin cannot be owned.
        """
        with self._changing:
            job, about = self._held(job_id)
            marker = Marker(collection)
            before = self.counted(job_id, collection)
            found: dict[str, str] = {}
            for lot in self.result(job_id, marker)["lots"]:
                for picture in lot["pictures"]:
                    for pin in picture.get("recognitions", ()):
                        lacking = pin["mark"] in (Mark.MISSING, Mark.AGAIN)
                        name = f"{picture['key']}-{pin['pin']}"
                        asked = pin["own"] and (lacking or not missing) if pins is None else name in pins
                        if asked and pin["matches"] and name not in before:
                            found[name] = pin["matches"][0]["entry_id"]
            if found:
                mark = _mark_of(collection)
                content = hashlib.sha256(" ".join(found).encode()).hexdigest()[:12] + mark
                rows = [{"entry_id": entry_id, "own": "1"} for entry_id in found.values()]
                collection.take_rows(enumerate(rows, 1), job_id, content, jar)
                self._say(job, replace(about, owned=[*about.owned, *(name + mark for name in found)]))
            return found

    def counted(self, job_id: str, collection: Collection) -> set[str]:
        """The pins, "KEY-NUMBER" each, that were counted to those that a collector owns; raises EntryNotFound."""
        mark = _mark_of(collection)
        owned = self._held(job_id)[1].owned
        return {name.removesuffix(mark) for name in owned if name.partition(" ")[1:] == mark.partition(" ")[1:]}

    def _say(self, job: Job, about: About) -> None:
        sent.keep(job.folder, about)
        with self._lock:
            self._jobs[about.job_id] = (job, about)

    def report(self, job_id: str, marker: Marker | None) -> str:
        """The report of a lot as it is now, a page that needs nothing else; raises EntryNotFound."""
        job, _ = self._held(job_id)
        with self._changing:
            for task, answer in self.answers(job_id):
                if "error" not in answer:
                    lot_report.draw_again(job, task, answer)
            return lot_page.page_of(job, self.result(job_id, marker), whole=True)

    # Changing

    def change(self, job_id: str, key: str, change: Change, who: str) -> Edited:
        """Split, join, delete or draw pins of a picture, and identify what comes of it; returns what went and came.

        Raises EntryNotFound where there is no such picture, LotChanged where somebody else changed these pins
        meanwhile, ZnachkiError where it cannot be done, and Busy.
        """
        job, about = self._held(job_id)
        task, answer = self.answer(job_id, key)
        found = recutting.recognized(self._engine, job, task, answer, change, about.k)
        with self._changing:
            self._held(job_id)
            return recutting.keep(job, task, change, found, self._engine.catalogue, who)

    def undo(self, job_id: str, key: str, edit: int) -> Edited:
        """Take a change of a picture's pins back; raises EntryNotFound, and LotChanged where it cannot be."""
        job, _ = self._held(job_id)
        task, _ = self.answer(job_id, key)
        with self._changing:
            return recutting.undo(job, task, edit)

    def answers(self, job_id: str) -> Iterator[tuple[Task, PictureAnswer]]:
        """Read the answers of a job one at a time, in the order of its pictures; raises EntryNotFound."""
        job, about = self._held(job_id)
        return (
            (task, number_pins(answer) | {"photo": sent.name_of(task, about), "whole": recutting.whole_of(job, task)})
            for task in job.tasks
            if (answer := job.answer(task)) is not None
        )

    def answer(self, job_id: str, key: str) -> tuple[Task, PictureAnswer]:
        """Read the answer to one picture; raises EntryNotFound where there is no such picture, or no answer."""
        job, about = self._held(job_id)
        for task in job.tasks:
            answer = job.answer(task) if task.key == key else None
            if answer is not None and "error" not in answer:
                return task, number_pins(answer) | {"photo": sent.name_of(task, about)}
        raise EntryNotFound("no such picture in this lot")

    def file(self, job_id: str, name: str) -> Path:
        """Where a small picture of a job lies; raises EntryNotFound."""
        job, _ = self._held(job_id)
        path = job.picture(name)
        if not path.is_file() or path.resolve().parent != (job.folder / "pictures").resolve():
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
            if _has_ended(job):
                return False
            write_whole(job.folder / _ENDED, b"")
            return True
        task = waiting[0]
        name = sent.name_of(task, about)
        try:
            photo = decode(task.picture.read_bytes(), name, self._settings.max_pixels)
        except PhotoError as error:
            lot_report.refuse(job, task, str(error))
            sent.forget(task)
            return True
        ask = self._engine.ask_lot(photo, about.k)
        self._at_work[about.job_id] = ask
        try:
            found = ask.done.result()
        except CancelledError:
            return True
        except Exception:  # whatever it was, this picture must not stop the others
            lot_report.refuse(job, task, f"{name}: could not be answered; the service's log says why")
            return True
        finally:
            self._at_work.pop(about.job_id, None)
        if self._is_held(about.job_id):
            recutting.keep_whole(job, task, photo)
            lot_report.keep(job, task, Answer(photo, tuple(found)), self._engine.catalogue)
            sent.forget(task)
        return True

    def _drop_old(self) -> None:
        oldest = time.time() - self._settings.lot_hours * 3600
        for job_id, (job, about) in self._listed():
            if not about.kept and _has_ended(job) and _last_changed(job) < oldest:
                self.delete(job_id)

    def _listed(self) -> list[tuple[str, tuple[Job, About]]]:
        with self._lock:
            return list(self._jobs.items())

    def _is_held(self, job_id: str) -> bool:
        with self._lock:
            return job_id in self._jobs

    def _unfinished(self) -> bool:
        return any(not _has_ended(job) for _, (job, _) in self._listed())


def _mark_of(collection: Collection) -> str:
    """What the name of a pin ends with once it is counted to a collection, "" for that of the machine's owner."""
    return f" {collection.collector}" if collection.collector else ""


def _has_ended(job: Job) -> bool:
    return any((job.folder / name).exists() for name in (_ENDED, "report.html"))  # of before: its report


def _last_changed(job: Job) -> float:
    """When a job that has ended did, or had its pins changed, in seconds."""
    paths = [job.folder / _ENDED, job.folder / "report.html", job.folder / "answers"]
    return max(path.stat().st_mtime for path in paths if path.exists())
