"""Killing a piece of work at random moments: a process that has loaded everything forks one for each turn."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

TURNS: Final = 10

_SERVE: Final = """
import os, sys
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        work(*line.rstrip("\\n").split("\\t"))
        os._exit(0)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


def kills(code: str, arguments: list[list[object]], longest: float, seed: int) -> Iterator[bool]:
    """Run `work(*arguments)`, as `code` defines it, once for each of `arguments`, and kill it within `longest` seconds.

    Yields after each turn whether it was killed before it was done. `code` is loaded once, so that a turn takes little
    more than the work.
    """
    moments = random.Random(seed)
    with subprocess.Popen(
        [sys.executable, "-c", code + _SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for given in arguments:
            print(*given, sep="\t", file=server.stdin, flush=True)
            pid = int(server.stdout.readline())
            time.sleep(moments.uniform(0, longest))
            with suppress(ProcessLookupError):  # it is done
                os.kill(pid, signal.SIGKILL)
            yield os.WIFSIGNALED(int(server.stdout.readline()))
        server.stdin.close()
