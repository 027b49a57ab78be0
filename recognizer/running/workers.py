"""Workers: processes that share work, each with what it needs loaded once.

They are told what to load and what to do by functions of a module, so that a system without fork has them too. They end
with the process that began them, however that ends: no work goes on that nobody waits for.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from recognizer.errors import ZnachkiError

Task = TypeVar("Task")
Done = TypeVar("Done")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def together(
    jobs: int, work: Callable[[Task], Done], tasks: Iterable[Task], begin: Callable[..., None], *told: Any
) -> Iterator[Done]:
    """Yield what `work` returns for each task, in the order in which they end, from `jobs` processes.

    Each process calls `begin` with what it is `told`, once, before its first task. Raises what `work` or `begin` raise,
    and ZnachkiError where one of the processes is killed.
    """
    context = multiprocessing.get_context("spawn")  # a fork of threads that hold locks would hang
    reader, writer = context.Pipe(duplex=False)
    threads = max(1, cores() // jobs)
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(reader, threads, begin, told))
    with closing(reader), pool:
        try:
            for done in as_completed([pool.submit(work, task) for task in tasks]):
                yield done.result()
        except BrokenProcessPool:
            raise ZnachkiError(
                f"one of {jobs} processes was killed, for want of memory perhaps; run it again with fewer --jobs, and "
                "it goes on where it stopped"
            ) from None
        finally:
            writer.close()  # whoever still works ends at once
            pool.shutdown(wait=False, cancel_futures=True)


def _begin(reader: Connection, threads: int, begin: Callable[..., None], told: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that was asked says when to end
    threading.Thread(target=_end_with, args=(reader,), daemon=True).start()
    for name in ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):  # read when the libraries are loaded, by `begin`
        os.environ.setdefault(name, str(threads))
    begin(*told)


def _end_with(reader: Connection) -> None:
    """End this process once the other end of the pipe is closed, as it is where its process has gone."""
    try:
        reader.recv()
    except (EOFError, OSError):
        os._exit(1)
