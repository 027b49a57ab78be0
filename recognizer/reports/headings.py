"""Headings: what photos and lots are called in reports."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def short_names(sources: Sequence[str]) -> list[str]:
    """What photos are called in headings: the names of their files, with folders where two would be called alike."""
    names = [Path(source).name or source for source in sources]
    if len(set(names)) == len(names) or len(set(sources)) < len(sources):
        return names
    try:
        shared = os.path.commonpath([Path(source).parent for source in sources])
    except ValueError:  # on several drives
        return list(sources)
    return [os.path.relpath(source, shared) if shared else source for source in sources]
