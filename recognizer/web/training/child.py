"""The process of an errand: a command of `znachki` that ends when whoever started it does, however that ends.

Its standard input is a pipe that the service holds open and never writes to. A kill of the service closes it, and a
process that went on alone would stand in the way of the one that the next start begins.
"""

from __future__ import annotations

import os
import runpy
import threading

LEFT = 3
"""Exit code of a process whose service has gone."""


def _follow() -> None:
    """Wait for the end of the pipe; not by `sys.stdin`, whose lock a thread must not hold when the process ends."""
    while os.read(0, 1):
        pass
    os._exit(LEFT)


if __name__ == "__main__":
    threading.Thread(target=_follow, daemon=True).start()
    runpy.run_module("recognizer.cli", run_name="__main__", alter_sys=True)
