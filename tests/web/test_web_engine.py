"""The engine of the service: pins asked together, nobody held up by a lot, nobody waiting without end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recognizer.types import Box, Crop, Photo, Recognition, Role, Verdict
from recognizer.web.answering.engine import BATCH, BEHIND, Engine, Loaded
from recognizer.web.counters import Counters
from recognizer.web.problems import Busy, TooManyPins


class Asked:
    """Stands for a recognizer: notes which pins come together, waits to be let go on, and fails on command."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.name = "old"

    def find(self, one: Photo, *, further: Sequence[tuple[Photo, Role]]) -> list[Crop]:
        if one.source == "broken":
            raise ValueError("cannot be looked at")
        crop: Any = [f"{one.source} {at}" for at in range(int(one.sha256))]
        return [Crop(name, Box(0, 0, 1, 1)) for name in crop]

    def answer(self, crops: Sequence[Crop], *, k: int | Sequence[int]) -> list[Recognition]:
        self.batches.append([str(crop.image) for crop in crops])
        assert self.gate.wait(20)
        if any("bad" in str(crop.image) for crop in crops):
            raise RuntimeError("a pin that breaks everything")
        return [Recognition(crop.box, (), Verdict.UNKNOWN, (self.name,)) for crop in crops]


def photo(name: str, pins: int = 1) -> Photo:
    """A photo that `Asked.find` finds so many pins on."""
    return Photo(np.zeros((1, 1, 3), np.uint8), str(pins), name)


def face(name: str, pins: int = 1) -> tuple[Photo, Role]:
    return photo(name, pins), Role.FACE


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def engine(data: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine that answers with `asked`, a photo's sha256 being how many pins are on it."""
    made = Engine(data, Counters(), queue=4, wait=10)
    monkeypatch.setattr(made, "refresh", lambda: made.loaded)
    recognizer: Any = asked
    made._loaded = Loaded(made.loaded.shelf, recognizer)
    made.start()
    yield made
    asked.gate.set()
    made.stop()


def held(engine: Engine, asked: Asked, first: str = "first") -> threading.Thread:
    """Let the engine begin on one photo and not end, so that what comes next waits together."""
    asked.gate.clear()
    thread = threading.Thread(target=lambda: asyncio.run(engine.identify([face(first)], 5)))
    thread.start()
    while not asked.batches:
        time.sleep(0.01)
    return thread


async def later(asked: Asked, engine: Engine, waiting: int) -> None:
    while engine.waiting < waiting:
        await asyncio.sleep(0.01)
    asked.gate.set()


def test_photos_that_wait_together_are_asked_together(engine: Engine, asked: Asked) -> None:
    thread = held(engine, asked)

    async def ask() -> None:
        await asyncio.gather(*(engine.identify([face(name)], 5) for name in "abc"), later(asked, engine, 4))

    asyncio.run(ask())
    thread.join()
    assert [sorted(batch) for batch in asked.batches] == [["first 0"], ["a 0", "b 0", "c 0"]]


def test_a_full_queue_refuses_at_once_and_says_when_to_come_again(engine: Engine, asked: Asked) -> None:
    thread = held(engine, asked)

    async def ask() -> None:
        waiting = [asyncio.create_task(engine.identify([face(name)], 5)) for name in "abc"]
        await asyncio.sleep(0.1)
        start = time.perf_counter()
        with pytest.raises(Busy) as caught:
            await engine.identify([face("d")], 5)
        assert time.perf_counter() - start < 1
        assert caught.value.retry_after >= 1
        asked.gate.set()
        assert len(await asyncio.gather(*waiting)) == 3

    asyncio.run(ask())
    thread.join()


def test_nobody_waits_without_end(engine: Engine, asked: Asked) -> None:
    thread = held(engine, asked)
    engine._wait = 0.2

    async def ask() -> None:
        with pytest.raises(Busy, match="too long"):
            await engine.identify([face("late")], 5)

    asyncio.run(ask())
    engine._wait = 10
    asked.gate.set()
    thread.join()
    asyncio.run(engine.identify([face("next")], 5))
    assert ["late 0"] not in asked.batches  # who went away is not answered


def test_a_lot_lets_single_photos_pass_and_does_not_stand_still(engine: Engine, asked: Asked) -> None:
    thread = held(engine, asked)
    lot = engine.ask_lot(photo("lot", 40), 5)

    async def ask() -> None:
        await asyncio.gather(*(engine.identify([face(name)], 5) for name in "abc"), later(asked, engine, 4))

    asyncio.run(ask())
    thread.join()
    assert len(lot.done.result(10)) == 40
    assert lot.pins == (40, 40)
    second = asked.batches[1]
    assert {"a 0", "b 0", "c 0"} <= set(second)
    assert BEHIND <= sum("lot" in name for name in second) <= BATCH - 3
    assert max(map(len, asked.batches)) <= BATCH


def test_a_pin_that_fails_does_not_fail_the_others(engine: Engine, asked: Asked) -> None:
    thread = held(engine, asked)

    async def ask() -> list[Any]:
        found, _ = await asyncio.gather(
            asyncio.gather(*(engine.identify([face(name)], 5) for name in ("a", "bad", "c")), return_exceptions=True),
            later(asked, engine, 4),
        )
        return list(found)

    good, bad, other = asyncio.run(ask())
    thread.join()
    assert isinstance(bad, RuntimeError)
    assert good[0][0].verdict is other[0][0].verdict is Verdict.UNKNOWN


def test_a_photo_that_cannot_be_looked_at_fails_alone(engine: Engine) -> None:
    with pytest.raises(ValueError, match="cannot be looked at"):
        asyncio.run(engine.identify([face("broken")], 5))
    assert len(asyncio.run(engine.identify([face("next")], 5))[0]) == 1


def test_more_pins_than_asked_for_are_told_before_they_are_answered(engine: Engine, asked: Asked) -> None:
    with pytest.raises(TooManyPins):
        asyncio.run(engine.identify([face("lot", 7)], 5, most_pins=1))
    assert asked.batches == []
    assert asyncio.run(engine.identify([face("none", 0)], 5)) == [[]]


def test_photos_of_another_role_go_along_and_are_not_asked_of_the_index(engine: Engine, asked: Asked) -> None:
    both = asyncio.run(engine.identify([(photo("back", 3), Role.REVERSE), face("front", 2)], 5))
    assert [len(found) for found in both] == [0, 2]
    assert asked.batches == [["front 0", "front 1"]]


def test_what_waits_is_answered_before_the_end(engine: Engine, asked: Asked) -> None:
    thread = held(engine, asked)
    answers: list[Any] = []
    second = threading.Thread(target=lambda: answers.append(asyncio.run(engine.identify([face("a")], 5))))
    second.start()
    while engine.waiting < 2:
        time.sleep(0.01)
    ending = threading.Thread(target=engine.stop)
    ending.start()
    time.sleep(0.05)
    with pytest.raises(Busy, match="stopping"):
        asyncio.run(engine.identify([face("late")], 5))
    asked.gate.set()
    for one in (thread, second, ending):
        one.join(20)
    assert len(answers) == 1


def test_a_batch_that_runs_is_finished_with_the_index_that_it_began_with(engine: Engine, asked: Asked) -> None:
    thread = held(engine, asked)
    new = Asked()
    new.name = "new"
    recognizer: Any = new
    engine._loaded = Loaded(engine.loaded.shelf, recognizer)
    asked.gate.set()
    thread.join()
    ((answer,),) = asyncio.run(engine.identify([face("next")], 5))
    assert answer.checks == ("new",)


def test_a_new_index_and_a_changed_entry_come_into_use(own_data: Path) -> None:
    from index.build import build
    from recognizer.catalogue.store import Catalogue
    from recognizer.drawn import sample
    from recognizer.vision.photos import encode_jpeg

    engine = Engine(own_data, Counters())
    try:
        first = engine.refresh()
        assert first.recognizer is not None
        assert engine.refresh() is first
        with Catalogue.open(own_data) as catalogue:
            new = sample.entries(41)[40]
            catalogue.upsert([new])
        second = engine.refresh()
        assert new.entry_id in second.shelf.entries
        assert second.recognizer is not None
        assert second.recognizer.index is first.recognizer.index
        with Catalogue.open(own_data) as catalogue:
            catalogue.add_image(new.entry_id, encode_jpeg(sample.catalogue_view(40)), ".jpg")
        build(own_data)
        third = engine.refresh()
        assert third.recognizer is not None
        assert len(third.recognizer.index) == len(first.recognizer.index) + 1
        assert third.recognizer.model is first.recognizer.model  # loaded once
    finally:
        engine.stop()


def test_without_an_index_the_engine_says_so_and_takes_one_when_it_comes(own_data: Path, tmp_path: Path) -> None:
    (own_data / "index").rename(tmp_path / "away")
    engine = Engine(own_data, Counters())
    try:
        assert engine.refresh().recognizer is None
        with pytest.raises(Busy, match="znachki index"):
            engine.recognizer()
        (tmp_path / "away").rename(own_data / "index")
        assert engine.refresh().recognizer is not None
    finally:
        engine.stop()
