"""Rows: what every importer yields, whatever its source looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from recognizer.types import Role


@dataclass(frozen=True, slots=True)
class Held:
    """A picture that lies inside the source: its name for messages, and how to get its bytes, in any thread."""

    name: str
    read: Callable[[], bytes] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo that a row brings: a file, the address that it can be fetched from, or one held by the source."""

    where: Path | str | Held
    role: Role | None = None
    licence: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a source.

    `place` says where it stands, for messages: "line 7". `cells` are texts by the names of COLUMNS, trimmed, without
    the columns of pictures; an empty one says nothing. `fields` are fields of CatalogueEntry that no cell can say.
    `wrong` is what is wrong with the row, as far as its importer can tell; such a row keeps the whole source out.
    """

    place: str
    cells: Mapping[str, str] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    wrong: str = ""


class Importer(Protocol):
    """A module that reads one kind of source."""

    def takes(self, path: Path, head: bytes) -> bool:
        """Whether a file that begins with `head`, or a folder (`head` is empty), is of this kind."""

    def read(self, path: Path, notes: list[str]) -> Iterator[Row]:
        """Yield the rows of a source in its order; what it passes over goes to `notes`.

        Raises CatalogueError where the source as a whole cannot be read.
        """
