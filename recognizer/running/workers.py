"""Workers: a team of processes on this machine, each with what it needs loaded once.

They are told what to load and what to do by functions of a module, so that a system without fork has them too. They end
with the process that began them, however that ends: no work goes on that nobody waits for.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any, Final

from recognizer.errors import ZnachkiError
from recognizer.running.room import cores
from recognizer.running.teams import Alone, Done, Task, Team

AHEAD: Final = 2
"""Tasks a process that are handed out: one that it does, and one that it need not wait for."""


@dataclass(frozen=True, slots=True)
class Workers:
    """A team of `size` processes of this machine; `before` is called when so many are about to begin, not fewer.

    `threads` is how many each may use, None for the cores shared among them.
    """

    size: int
    before: Callable[[], None] | None = None
    threads: int | None = None

    def at_most(self, most: int) -> Team:
        """Return a team of no more than `most`, which is no team where one process would be all of it."""
        if most >= self.size > 1:
            return self
        return replace(self, size=most, before=None) if min(most, self.size) > 1 else Alone()

    @contextmanager
    def begun(self, begin: Callable[..., Any], *told: Any) -> Iterator[Pool]:
        """Start the processes; they end with the context, in the middle of their tasks if need be."""
        if self.before is not None:
            self.before()
        context = multiprocessing.get_context("spawn")  # a fork of threads that hold locks would hang
        reader, writer = context.Pipe(duplex=False)
        started = (reader, self.threads or max(1, cores() // self.size), begin, told)
        pool = ProcessPoolExecutor(self.size, mp_context=context, initializer=_start, initargs=started)
        with closing(reader), pool:
            try:
                yield Pool(pool, self.size)
            finally:
                writer.close()  # whoever still works ends at once
                pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Pool:
    """Processes that have been started."""

    pool: ProcessPoolExecutor
    size: int

    def do(self, work: Callable[[Any, Task], Done], tasks: Iterable[Task]) -> Iterator[tuple[int, Done]]:
        """Have tasks done, see `teams.Members`; ZnachkiError where one of the processes is killed."""
        numbered = enumerate(tasks)
        handed: dict[Future[Done], int] = {}

        def hand_out(count: int) -> None:
            for number, task in islice(numbered, count):
                handed[self.pool.submit(_do, work, task)] = number

        try:
            hand_out(AHEAD * self.size)
            while handed:
                for future in wait(handed, return_when=FIRST_COMPLETED).done:
                    number = handed.pop(future)
                    hand_out(1)
                    yield number, future.result()
        except BrokenProcessPool:
            raise self._lost() from None

    def one(self, work: Callable[[Any, Task], Done], task: Task) -> Done:
        """Have one task done and wait for it; raises as `do` does."""
        try:
            return self.pool.submit(_do, work, task).result()
        except BrokenProcessPool:
            raise self._lost() from None

    def _lost(self) -> ZnachkiError:
        return ZnachkiError(
            f"one of {self.size} processes was killed, for want of memory perhaps; run it again with fewer --jobs, and "
            "it goes on where it stopped"
        )


_told: Final[list[tuple[Callable[..., Any], tuple[Any, ...]]]] = []
_begun: Final[list[Any]] = []
"""How this process is to begin, and what it has begun."""


def _start(reader: Connection, threads: int, begin: Callable[..., Any], told: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that was asked says when to end
    threading.Thread(target=_end_with, args=(reader,), daemon=True).start()
    for name in ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):  # read when the libraries are loaded, by `begin`
        os.environ.setdefault(name, str(threads))
    _told.append((begin, told))


def _do(work: Callable[[Any, Task], Done], task: Task) -> Done:
    if not _begun:  # not by _start: what is raised there is not told, the pool is just said to be broken
        begin, told = _told[0]
        _begun.append(begin(*told))
    return work(_begun[0], task)


def _end_with(reader: Connection) -> None:
    """End this process once the other end of the pipe is closed, as it is where its process has gone."""
    try:
        reader.recv()
    except (EOFError, OSError):
        os._exit(1)
