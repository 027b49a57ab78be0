"""The engine: one loaded recognizer, a bounded queue before it, and the change to a new index while it works.

One thread asks the recognizer, for two at a time would only share the same processor. It takes pins, not photos: up to
BATCH of them from all that wait, so that a single pin goes along with others and a lot of a hundred lets others pass.
Another thread watches for a new index or a changed catalogue, opens it beside the old one and changes over between two
batches; what runs is finished with the old one.

Deputies, where there are any, take single photos that the thread has not begun; lots and pins that were cut out are its
own. A photo that a deputy gives back, because its process was lost, is the thread's again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from recognizer.catalogue.store import Catalogue
from recognizer.decision import calibration
from recognizer.errors import ZnachkiError
from recognizer.identify import Recognizer
from recognizer.reports.near import Near
from recognizer.running.room import cores
from recognizer.types import Crop, Photo, Recognition, Role
from recognizer.web.answering.deputies import Asked, By, Deputy, renewed
from recognizer.web.answering.shelf import Shelf, newest_change
from recognizer.web.counters import Counters
from recognizer.web.problems import Busy, TooManyPins

BATCH: Final = 8
"""Pins asked together. On two cores a batch of 8 took .6 of the time of 8 single pins, one of 16 no less a pin."""

BEHIND: Final = 2
"""Pins of a batch that lots may have while single photos wait: they never stand still, and never hold up much."""

WATCH_SECONDS: Final = 0.5
_LOG: Final = logging.getLogger("znachki.web")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What answers at one moment: the catalogue to browse, and the recognizer, None while there is no index to use.

    `between` keeps what was found between photos of variants, by their image_ids.
    """

    shelf: Shelf
    recognizer: Recognizer | None
    why_not: str = ""
    between: dict[tuple[int, ...], list[Near]] = field(default_factory=dict, compare=False)

    @property
    def unindexed(self) -> int:
        """How many photos of the catalogue the index has not: their pins cannot be found."""
        if self.recognizer is not None:
            return self.recognizer.unindexed
        photos = (photo for entry_id in self.shelf.active for photo in self.shelf.photos.get(entry_id, ()))
        return sum(photo.role is Role.FACE for photo in photos)


@dataclass(slots=True, eq=False)
class Ask:
    """One photo on its way: its crops once it is split, the answers so far, and in the end `done`."""

    photo: Photo
    k: int
    role: Role = Role.FACE
    others: tuple[tuple[Photo, Role], ...] = ()
    lot: bool = False
    most_pins: int | None = None
    done: Future[list[Recognition]] = field(default_factory=Future)
    since: float = field(default_factory=time.perf_counter)
    crops: list[Crop] | None = None
    answers: list[Recognition] = field(default_factory=list)
    taken: int = 0
    begun: bool = False

    @property
    def pins(self) -> tuple[int, int]:
        """How many pins are answered, and how many the photo has as far as is known."""
        return len(self.answers), len(self.crops or ())


class Engine:
    """Answers photos in turn; `start` it once, `stop` it in the end."""

    def __init__(
        self,
        data: Path,
        counters: Counters,
        *,
        model: str | None = None,
        queue: int = 64,
        wait: float = 60.0,
        false_match_rate: float | None = None,
        workers: int = 1,
    ) -> None:
        self._data = data
        self._model = model
        self._rate = false_match_rate
        self._capacity = queue
        self._wait = wait
        self._counters = counters
        self._catalogue = Catalogue.open(data)
        self._loaded = Loaded(Shelf.of(self._catalogue), None, "the model is being loaded")
        self._stamp: object = self  # of no index yet, not even of none
        self._single: deque[Ask] = deque()
        self._lots: deque[Ask] = deque()
        self._away: list[Ask] = []  # single photos that deputies have
        self._workers = workers
        self._more = threading.Condition()
        self._reloading = threading.Lock()
        self._ended = False
        self._stop_watching = threading.Event()
        self._seconds = 0.5  # a pin; learned from those answered
        self._threads: list[threading.Thread] = []

    # What others see

    @property
    def loaded(self) -> Loaded:
        """What answers now; hold it for the length of one request."""
        return self._loaded

    @property
    def catalogue(self) -> Catalogue:
        """The open catalogue, which any thread may use."""
        return self._catalogue

    @property
    def waiting(self) -> int:
        """How many photos wait or are worked on, those of lots left out."""
        with self._more:  # who was answered waits no more, though his place is cleared a moment later
            return sum(not ask.done.done() for ask in (*self._single, *self._away))

    def recognizer(self) -> Recognizer:
        """The recognizer in use; raises Busy where there is none."""
        now = self._loaded
        if now.recognizer is None:
            raise Busy(f"not ready: {now.why_not}", 5)
        return now.recognizer

    # Asking

    async def identify(
        self, photos: Sequence[tuple[Photo, Role]], k: int, most_pins: int | None = None
    ) -> list[list[Recognition]]:
        """Return the recognitions of each photo, none of one that shows no face: the index knows pins by their faces.

        With one face among the photos the others are of the same pin, and help to choose between its variants.
        Raises Busy where the queue is full or the wait gets too long, TooManyPins where a photo has more than
        `most_pins`.
        """
        others = tuple((photo, role) for photo, role in photos if role is not Role.FACE)
        if len(photos) - len(others) != 1:
            others = ()
        asks = self._put([Ask(photo, k, role, others, most_pins=most_pins) for photo, role in photos])
        try:
            async with asyncio.timeout(self._wait + self._seconds * len(asks)):
                return list(await asyncio.gather(*(asyncio.wrap_future(ask.done) for ask in asks)))
        except TimeoutError:
            raise Busy("the photo waited too long", self._retry_after()) from None
        finally:
            for ask in asks:  # of somebody who went away, or of a photo beside one that failed
                ask.done.cancel()

    def ask_lot(self, photo: Photo, k: int) -> Ask:
        """Put a photo of a lot behind the single photos; the caller waits for its `done` as long as it takes."""
        (ask,) = self._put([Ask(photo, k, lot=True)])
        return ask

    def identify_crops(self, photo: Photo, crops: Sequence[Crop], k: int) -> list[Recognition]:
        """Return the answers for crops that somebody cut out of a photo, in their order; waits, so call it in a thread.

        Raises Busy where the queue is full or the wait gets too long.
        """
        (ask,) = self._put([Ask(photo, k, crops=list(crops))])
        try:
            return ask.done.result(self._wait + self._seconds * len(crops))
        except (TimeoutError, CancelledError):
            raise Busy("the pins waited too long", self._retry_after()) from None
        finally:
            ask.done.cancel()

    def _put(self, asks: list[Ask]) -> list[Ask]:
        self.recognizer()
        with self._more:
            if self._ended:
                raise Busy("the service is stopping", 5)
            singles = [ask for ask in asks if not ask.lot]
            if singles and self.waiting + len(singles) > max(self._capacity, len(singles)):
                self._counters.count("znachki_refused_total", reason="queue_full")
                raise Busy(f"{self.waiting} photos wait already", self._retry_after())
            for ask in asks:
                (self._lots if ask.lot else self._single).append(ask)
            self._more.notify_all()
        return asks

    def _retry_after(self) -> float:
        return 1 + self._seconds * self.waiting / self._workers

    # Answering

    def start(self) -> None:
        """Begin to load and to answer, in threads of their own."""
        deputies = [(f"deputy-{number}", self._depute) for number in range(1, self._workers)]
        for name, work in (("answer", self._answer_all), ("watch", self._watch), *deputies):
            thread = threading.Thread(target=work, name=f"znachki-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, last: Callable[[], None] | None = None) -> None:
        """Answer what waits, then end; photos of lots are left to the next start.

        `last` is called before the catalogue is closed.
        """
        self._stop_watching.set()
        with self._more:
            self._ended = True
            for ask in self._lots:
                ask.done.cancel()
            self._more.notify_all()
        for thread in self._threads:
            thread.join()
        if last is not None:
            last()
        self._catalogue.close()

    def _answer_all(self) -> None:
        while True:
            with self._more:
                while not (self._single or self._lots or self._ended):
                    self._more.wait()
                if self._ended and not self._single and not self._away:
                    return
                if not self._single and not self._lots:  # deputies may give theirs back
                    self._more.wait(0.1)
                    continue
            batch = self._gather()
            if batch:
                self._answer(batch)

    def _gather(self) -> list[tuple[Ask, Crop]]:
        """Take the next pins, splitting photos as they come to the head; lots get what is left over, or BEHIND."""
        batch: list[tuple[Ask, Crop]] = []
        behind = min(BEHIND, BATCH) if self._lots else 0
        self._take(self._single, batch, BATCH - behind)
        self._take(self._lots, batch, BATCH)
        if behind and len(batch) < BATCH:
            self._take(self._single, batch, BATCH)
        return batch

    def _take(self, queue: deque[Ask], batch: list[tuple[Ask, Crop]], most: int) -> None:
        share = self._share()
        for _ in range(len(queue)):
            if len(batch) >= most:
                return
            with self._more:
                if not queue:
                    return
                ask = queue[0]
                if _is_open(ask):
                    if share < 1:
                        queue.rotate(-1)
                        continue
                    share -= 1
                ask.begun = True
            if ask.done.cancelled() or not self._split(ask) or ask.taken >= len(ask.crops or ()):
                queue.rotate(-1)
                self._drop_ended(queue)
                continue
            assert ask.crops is not None
            crops = ask.crops[ask.taken : ask.taken + most - len(batch)]
            ask.taken += len(crops)
            batch += [(ask, crop) for crop in crops]
            queue.rotate(-1)  # the next one first, next time

    def _share(self) -> int:
        """How many of the photos that nobody has begun one of those who answer takes at once."""
        with self._more:
            return -(-sum(_is_open(ask) for ask in self._single) // self._workers)

    def _depute(self) -> None:
        """Have a process of its own answer photos that wait, until the service ends."""
        deputy = Deputy(self._data, self._model, self._rate, max(1, cores() // self._workers))
        try:
            while self._loaded.recognizer is None:
                if self._stop_watching.wait(WATCH_SECONDS):
                    return
            self._answer_by(deputy, [])  # it opens what it needs before anybody waits for it
            while asks := self._claimed():
                self._answer_by(deputy, asks)
        finally:
            deputy.end()

    def _claimed(self) -> list[Ask]:
        """Take photos that nobody has begun, once there are any; none where the service ends."""
        with self._more:
            while not (waiting := [ask for ask in self._single if _is_open(ask)]):
                if self._ended:
                    return []
                self._more.wait()
            asks = waiting[: min(BATCH, self._share())]
            for ask in asks:
                self._single.remove(ask)
            self._away += asks
            return asks

    def _answer_by(self, deputy: Deputy, asks: list[Ask]) -> None:
        asked = [Asked(ask.photo, ask.k, ask.others, ask.most_pins) for ask in asks]
        start = time.perf_counter()
        try:
            answers = deputy.answer(By(self._stamp, self._loaded.shelf.change_id), asked)
        except Exception as error:  # the process was killed, or the index is just being replaced: answered here
            _LOG.warning("a process that answers beside this one gave %d photos back: %s", len(asks), error)
            with self._more:
                self._away = [ask for ask in self._away if ask not in asks]
                for ask in asks:
                    ask.begun = True  # by whoever answers here
                self._single.extendleft(reversed(asks))
                self._more.notify_all()
            return
        pins = sum(answer.pins for answer in answers)
        for ask, answer in zip(asks, answers, strict=True):
            if answer.error:
                self._fail(ask, RuntimeError(answer.error))
            elif ask.most_pins is not None and answer.pins > ask.most_pins:
                self._fail(ask, TooManyPins(f"{answer.pins} pins on one photo; send it as a lot"))
            else:
                ask.answers = list(answer.recognitions)
                for one in answer.recognitions:
                    self._counters.count("znachki_pins_total", verdict=one.verdict.value)
                self._end(ask)
        self._seconds += 0.1 * ((time.perf_counter() - start) / max(1, pins) - self._seconds)
        with self._more:
            self._away = [ask for ask in self._away if ask not in asks]

    def _drop_ended(self, queue: deque[Ask]) -> None:
        with self._more:
            for ask in [ask for ask in queue if ask.done.done()]:
                queue.remove(ask)

    def _split(self, ask: Ask) -> bool:
        """See that a photo is split; False where that fails, which its future then says."""
        if ask.crops is None:
            try:
                recognizer = self.recognizer()
                ask.crops = recognizer.find(ask.photo, further=ask.others) if ask.role is Role.FACE else []
            except Exception as error:  # the thread serves everybody: whatever it was, only this photo fails
                self._fail(ask, error)
                return False
            if ask.most_pins is not None and len(ask.crops) > ask.most_pins:
                self._fail(ask, TooManyPins(f"{len(ask.crops)} pins on one photo; send it as a lot"))
            elif not ask.crops:
                self._end(ask)
        return not ask.done.done()

    def _answer(self, batch: list[tuple[Ask, Crop]]) -> None:
        recognizer = self._loaded.recognizer
        assert recognizer is not None  # nothing is put into the queue before there is one, and one is never taken away
        start = time.perf_counter()
        crops, most = [crop for _, crop in batch], [ask.k for ask, _ in batch]
        try:
            answers: list[Recognition | Exception] = list(recognizer.answer(crops, k=most))
        except Exception:  # one pin must not fail the others: ask each alone
            answers = [_alone(recognizer, crop, k) for crop, k in zip(crops, most, strict=True)]
        self._counters.observe("znachki_batch_pins", len(batch))
        for (ask, _), answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                self._fail(ask, answer)
                continue
            self._counters.count("znachki_pins_total", verdict=answer.verdict.value)
            ask.answers.append(answer)
            if ask.crops is not None and len(ask.answers) == len(ask.crops):
                self._end(ask)
        self._seconds += 0.1 * ((time.perf_counter() - start) / len(batch) - self._seconds)
        self._drop_ended(self._single)
        self._drop_ended(self._lots)

    def _end(self, ask: Ask) -> None:
        self._counters.observe("znachki_identify_seconds", time.perf_counter() - ask.since)
        if ask.done.set_running_or_notify_cancel():
            ask.done.set_result(ask.answers)

    def _fail(self, ask: Ask, error: Exception) -> None:
        if not isinstance(error, TooManyPins):
            _LOG.error("a photo could not be answered", exc_info=error)
        if not ask.done.done() and ask.done.set_running_or_notify_cancel():
            ask.done.set_exception(error)

    # Loading

    def refresh(self) -> Loaded:
        """Take the newest catalogue and index into use, now; return what answers from here on."""
        with self._reloading:
            stamp = self._disk()
            if stamp != self._stamp or self._loaded.shelf.change_id != newest_change(self._catalogue):
                self._load(stamp)
            return self._loaded

    def _watch(self) -> None:
        while True:
            try:
                self.refresh()
            except Exception as error:  # the old index goes on answering, and the next look may find a whole one
                _LOG.warning("no new index taken into use: %s", error)
            if self._stop_watching.wait(WATCH_SECONDS):
                return

    def _disk(self) -> object:
        """What tells one index and its calibration on the disk from the next; None where there is no index."""
        found: list[tuple[int, int, int] | None] = []
        for name in ("index.json", calibration.FILE):
            try:
                state = (self._data / "index" / name).stat()
            except OSError:
                found.append(None)
            else:
                found.append((state.st_mtime_ns, state.st_ino, state.st_size))
        return tuple(found) if found[0] else None

    def _load(self, stamp: object) -> None:
        shelf = Shelf.of(self._catalogue)
        old = self._loaded.recognizer
        try:
            told = (self._catalogue, self._data, self._model, self._rate, old)
            recognizer, why = renewed(*told, same_index=stamp == self._stamp)
            if why:
                _LOG.warning("the calibration is not used, %s; run `znachki calibrate`", why)
        except ZnachkiError as error:
            # Without an index the catalogue can still be browsed, and entries added; with an old one it goes on.
            self._loaded = Loaded(shelf, old, "" if old is not None else str(error))
            if self._disk() == stamp:  # else another index came while this one was opened, and is looked at next
                self._stamp = stamp
            if old is not None:
                raise
            return
        if old is None or recognizer.index is not old.index:
            self._counters.count("znachki_index_loads_total")
        self._loaded = Loaded(shelf, recognizer)
        self._stamp = stamp


def _is_open(ask: Ask) -> bool:
    """Whether nobody has begun a photo, and a deputy may."""
    return not (ask.begun or ask.lot) and ask.crops is None and ask.role is Role.FACE and not ask.done.done()


def _alone(recognizer: Recognizer, crop: Crop, k: int) -> Recognition | Exception:
    try:
        return recognizer.answer([crop], k=k)[0]
    except Exception as error:  # told to the one who asked, through the future; the others go on
        return error
