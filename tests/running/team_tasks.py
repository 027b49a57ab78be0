"""Tasks that a team is given in tests: functions of a module, as other processes need them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from recognizer.errors import PhotoError


@dataclass(frozen=True)
class Started:
    """What a member begins: a number that is added to each task, and the file that notes who began."""

    plus: int
    process: int


def begin(plus: int, notes: Path) -> Started:
    with notes.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return Started(plus, os.getpid())


def begin_in_vain() -> Started:
    raise PhotoError("no model here; bring one")


def add(started: Started, task: int) -> tuple[int, int]:
    time.sleep(0.05 if task == 0 else 0.01)  # the first one ends after others
    return task + started.plus, started.process


def refuse_three(started: Started, task: int) -> int:
    if task == 3:
        raise PhotoError("three: no picture")
    return task


def die_of_three(started: Started, task: int) -> int:
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def threads(started: Started, _: int) -> str:
    return os.environ.get("OMP_NUM_THREADS", "")
