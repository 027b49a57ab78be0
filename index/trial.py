"""The drawn sample as a catalogue to try with: drawn into a data folder, known again, and taken out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from recognizer.catalogue.history import Change
from recognizer.catalogue.store import DATABASE, Catalogue
from recognizer.drawn.sample import SERIES, SampleFiles, write
from recognizer.errors import CatalogueError

FOLDER: Final = "sample"
"""Where in a data folder the drawn pins and the photos of them lie."""


def draw(
    data: Path, count: int = 150, photos: int = 6, progress: Callable[[int, int], None] | None = None
) -> SampleFiles:
    """Draw a sample catalogue, phone photos of some of its pins and one of a pin that it lacks, into a data folder."""
    return write(data / FOLDER, count, 0, photos, 1, progress)


def refuse_a_collectors_catalogue(data: Path, cure: str) -> None:
    """Raise CatalogueError, with the cure, where a data folder has entries that were not drawn."""
    if not (data / DATABASE).is_file():
        return
    with Catalogue.open(data) as catalogue:
        if catalogue.count() and not is_trial(catalogue):
            raise CatalogueError(f"{data}: a catalogue of your own; {cure}")


def is_trial(catalogue: Catalogue) -> bool:
    """Say whether a catalogue has drawn entries and no others."""
    entries = catalogue.entries()
    return bool(entries) and all(entry.series == SERIES for entry in entries)


def take_out(catalogue: Catalogue) -> None:
    """Take the drawn entries out of a catalogue that has no others, with all that was said of them.

    Every change is undone, the latest first; the history keeps them. Cut off, the next call goes on. Raises
    CatalogueError, and changes nothing, where there are other entries.
    """
    if not is_trial(catalogue):
        raise CatalogueError("the catalogue has entries that were not drawn; withdraw the drawn ones one by one")
    for change in _standing(catalogue.history()):
        catalogue.undo(change.change_id)


def _standing(changes: Sequence[Change]) -> list[Change]:
    """Those of all changes that still hold: that were not undone, or whose undoing was."""
    undone_by = {change.undoes: change.change_id for change in changes if change.undoes is not None}
    found = []
    for change in changes:
        at, undone = change.change_id, False
        while (after := undone_by.get(at)) is not None:
            at, undone = after, not undone
        if change.undoes is None and change.rows and not undone:
            found.append(change)
    return found
