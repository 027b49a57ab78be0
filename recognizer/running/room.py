"""Room: how many processes this machine's cores and memory leave room for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import psutil

NEED: Final = 1_300_000_000
"""Bytes of memory of one process. At its highest it had 1.24 GB while it took the features of `pins/`, 16 photos at a
time, and 1.37 GB over pictures of `boards/`; a third of that are libraries, which all processes share."""

_GROUP: Final = Path("/sys/fs/cgroup")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> int:
    """Return the bytes of memory that are left to this process: what the system can give, or its container's bound."""
    return min([int(psutil.virtual_memory().available), *_left_in_container(_GROUP)])


def held_memory() -> int:
    """Return the bytes of memory that this process holds now."""
    return int(psutil.Process().memory_info().rss)


def _left_in_container(group: Path) -> list[int]:
    """What a bound on memory (cgroup, version 2) leaves, nothing where there is none; its file caches can be let go."""
    try:
        most, used = int((group / "memory.max").read_text()), int((group / "memory.current").read_text())
        held = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # no such system, or "max"
        return []
    return [max(0, most - used + int(held.get("inactive_file", 0)) + int(held.get("active_file", 0)))]


def processes(need: int = NEED) -> int:
    """Return how many processes of so many bytes to have at work: one a core, as far as memory goes, and one always.

    The process that asks may load a model itself before they end, and keeps what that takes.
    """
    still = max(0, need - held_memory())
    return max(1, min(cores(), (free_memory() - still) // need))
