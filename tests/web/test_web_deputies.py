"""Several processes answer photos: shared between them, by one index, and none is lost with a process."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from web_service import serving_copy

from recognizer.drawn import sample
from recognizer.errors import ZnachkiError
from recognizer.types import Box, Crop, Photo, Recognition, Role, Verdict
from recognizer.vision.photos import encode_jpeg
from recognizer.web.answering import engine as engines
from recognizer.web.answering.deputies import Answered, Asked, By
from recognizer.web.answering.engine import Engine, Loaded
from recognizer.web.counters import Counters
from recognizer.web.problems import TooManyPins


def pin(who: str) -> Recognition:
    return Recognition(Box(0, 0, 1, 1), (), Verdict.UNKNOWN, (who,))


class Here:
    """Stands for the service's own recognizer: it answers once it is let."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    def find(self, one: Photo, *, further: object) -> list[Crop]:
        assert self.gate.wait(20)
        name: Any = one.source
        return [Crop(name, Box(0, 0, 1, 1))]

    def answer(self, crops: Sequence[Crop], *, k: object) -> list[Recognition]:
        return [pin("service") for _ in crops]


class Deputy:
    """Stands for a process beside it: it notes what it is asked, and is lost on command."""

    made: list[Deputy] = []  # noqa: RUF012 -- of one test
    lost = False

    def __init__(self, *_: object) -> None:
        self.asked: list[tuple[By, list[str]]] = []
        self.made.append(self)

    def answer(self, by: By, asked: Sequence[Asked]) -> list[Answered]:
        self.asked.append((by, [one.photo.source for one in asked]))
        if self.lost and asked:
            raise ZnachkiError("one of 1 processes was killed")
        return [self._answered(one) for one in asked]

    def _answered(self, asked: Asked) -> Answered:
        pins = int(asked.photo.sha256)
        if asked.most_pins is not None and pins > asked.most_pins:
            return Answered(pins)
        if asked.photo.source == "broken":
            return Answered(error="ValueError('broken')")
        return Answered(pins, (pin("deputy"),) * pins)

    def end(self) -> None:
        self.asked.append((By("ended", "ended"), []))


@pytest.fixture
def here() -> Here:
    return Here()


@pytest.fixture
def engine(data: Path, here: Here, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(engines, "Deputy", Deputy)
    monkeypatch.setattr(Deputy, "made", [])
    monkeypatch.setattr(Deputy, "lost", False)
    made = Engine(data, Counters(), queue=20, wait=20, workers=2)
    monkeypatch.setattr(made, "refresh", lambda: made.loaded)
    recognizer: Any = here
    made._loaded = Loaded(made.loaded.shelf, recognizer)
    made.start()
    yield made
    here.gate.set()
    made.stop()
    assert Deputy.made[0].asked[-1][0] == By("ended", "ended")


def ask(engine: Engine, *names: str, pins: int = 1, most: int | None = None) -> list[list[Recognition]]:
    photos = [(Photo(np.zeros((1, 1, 3), np.uint8), str(pins), name), Role.FACE) for name in names]
    return asyncio.run(engine.identify(photos, 5, most))


def who(found: list[list[Recognition]]) -> list[str]:
    return [one.checks[0] for photo in found for one in photo]


def test_a_photo_that_nobody_has_begun_is_answered_while_the_service_is_at_another(engine: Engine, here: Here) -> None:
    with ThreadPoolExecutor() as threads:
        asked = [threads.submit(ask, engine, f"{number}") for number in range(8)]
        ends = time.monotonic() + 20
        while sum(one.done() for one in asked) < 7:  # one is held up by the service at most
            assert time.monotonic() < ends
            time.sleep(0.01)
        here.gate.set()
        answered = [name for one in asked for name in who(one.result())]
    assert answered.count("deputy") >= 7
    assert len(answered) == 8
    assert engine.waiting == 0


def test_a_deputy_is_told_what_the_service_answers_by(engine: Engine, here: Here) -> None:
    here.gate.set()
    engine._stamp = "the second index"
    while not any(asked for _, asked in Deputy.made[0].asked):
        ask(engine, "a", "b", "c")
    assert [by.index for by, asked in Deputy.made[0].asked if asked][-1] == "the second index"


def test_photos_of_a_lost_process_are_answered_by_the_service(
    engine: Engine, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deputy, "lost", True)
    here.gate.set()
    for _ in range(20):
        assert who(ask(engine, "a", "b", "c")) == ["service"] * 3
        if any(asked for _, asked in Deputy.made[0].asked):
            break
    assert engine.waiting == 0


def test_too_many_pins_and_a_broken_photo_fail_alone(engine: Engine, here: Here) -> None:
    with ThreadPoolExecutor() as threads:
        asked = []
        while not any(one.begun for one in engine._single):  # the service is held up by one
            asked.append(threads.submit(ask, engine, "first"))
            time.sleep(0.05)
        with pytest.raises(TooManyPins, match="4 pins on one photo"):
            ask(engine, "many", pins=4, most=3)
        with pytest.raises(RuntimeError, match="broken"):
            ask(engine, "broken")
        assert who(ask(engine, "well")) == ["deputy"]
        here.gate.set()
        assert [who(one.result()) for one in asked][-1] == ["service"]


@pytest.mark.slow
def test_a_new_entry_is_known_to_all_processes_and_a_killed_one_costs_no_photo(
    data: Path, tmp_path: Path, query: Callable[[int], tuple[Path, str | None]]
) -> None:
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    with serving_copy(data, tmp_path, workers=2) as served:
        new = encode_jpeg(sample.catalogue_view(41))
        assert served.post("/api/v1/entries", json={"entry_id": "new"}, headers=served.writes).status_code == 201
        view = {"photo": ("new.jpg", new)}
        added = served.post("/api/v1/entries/new/photos", files=view, headers=served.writes)
        assert added.status_code == 201

        def shared() -> bool:
            """Whether the other process has answered pins too: the service's own thread counts its batches."""
            told = dict(line.rsplit(" ", 1) for line in served.get("/metrics").text.splitlines() if line[:1] != "#")
            pins = sum(float(value) for name, value in told.items() if name.startswith("znachki_pins_total"))
            return float(told["znachki_batch_pins_sum"]) < pins

        def first(photo: bytes) -> str:
            (pin,) = served.identify(photo).json()["photos"][0]["recognitions"]
            return str(pin["matches"][0]["entry_id"])

        known, entry = query(0)
        with ThreadPoolExecutor(6) as threads:
            ends = time.monotonic() + 60
            while not shared():
                assert set(threads.map(first, [new] * 6)) == {"new"}
                assert time.monotonic() < ends
            (deputy,) = [one for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())]
            os.kill(deputy.pid, signal.SIGKILL)
            assert set(threads.map(first, [known.read_bytes()] * 8)) == {entry}
