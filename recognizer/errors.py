"""The errors of znachki.

    ZnachkiError
    ├── PhotoError            a file that is no usable picture
    │   └── PhotoTooBig       one with more bytes or pixels than are read
    ├── CatalogueError        a catalogue, or a row for it, that does not hold
    │   ├── EntryNotFound     an entry_id or number that no entry has
    │   └── RowsWrong         a source of which some rows do not hold; `rows` says which, and why
    ├── LotChanged            a change of a lot's pins that somebody else's came before
    ├── ModelError            a model folder or name that cannot be loaded
    └── IndexError_           an index that is missing or damaged
        ├── IndexMismatch     an index that another model, or another catalogue, made
        └── IndexBusy         an index that another run is making; wait for it to end

A message holds the value that was refused and what to do about it. "Not in the catalogue" is an answer, not an error.
"""

from __future__ import annotations


class ZnachkiError(Exception):
    """Anything that znachki refuses; the command line prints it and exits with 1."""


class PhotoError(ZnachkiError):
    """A file that is no usable picture; the message begins with the file's name."""


class PhotoTooBig(PhotoError):
    """A file with more bytes or pixels than are read; it was not decoded."""


class CatalogueError(ZnachkiError):
    """A catalogue, or a row that was to enter it, that does not hold."""


class EntryNotFound(CatalogueError):
    """An entry_id or number that no entry has."""


class LotChanged(ZnachkiError):
    """A change of pins of a lot that are not as they were: somebody changed them meanwhile; look, and say it anew."""


class RowsWrong(CatalogueError):
    """A source with wrong rows: `rows` has (place, what is wrong) of each in order, the message lists the first."""

    def __init__(self, message: str, rows: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.rows = rows


class ModelError(ZnachkiError):
    """A model folder or model name that cannot be loaded."""


class IndexError_(ZnachkiError):  # noqa: N801 -- IndexError is a builtin
    """An index that is missing or damaged."""


class IndexMismatch(IndexError_):
    """An index made by another model, or of another format, than the one at hand."""


class IndexBusy(IndexError_):
    """An index that another run is making; whoever waits for it to end may try again."""
