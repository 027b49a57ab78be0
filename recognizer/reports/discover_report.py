"""The report of a discovery: the proposed entries with their crops, as a page in the folder that holds them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from recognizer.curating.discover import SEEN, Cluster
from recognizer.files import write_whole
from recognizer.reports.page_templates import template

MOST_SHOWN: Final = 24
"""Crops that a proposal shows."""


def write_discovered(folder: Path, clusters: Sequence[Cluster]) -> list[Cluster]:
    """Write report.html and return what it proposes: pins seen often enough that are no entry yet."""
    proposed = [one for one in clusters if one.seen >= SEEN and not one.entry_id]
    html = template("discover.html").render(
        clusters=proposed,
        crops=sum(len(one.crops) for one in clusters),
        single=sum(one.seen < SEEN and not one.entry_id for one in clusters),
        known=sum(bool(one.entry_id) for one in clusters),
        most=MOST_SHOWN,
        folder=shlex.quote(str(folder)),
    )
    write_whole(folder / "report.html", html.encode())
    return proposed
