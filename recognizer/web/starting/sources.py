"""Sources: catalogues that were sent to be imported, each in a folder until it is imported or too old.

web/imports/<source_id>/files/       what was sent, archives unpacked
web/imports/<source_id>/about.json   which of it is the source, and when it came
web/imports/<source_id>/map.toml     its columns, once somebody has looked them over
web/imports/<source_id>/look.json    what an import would change, once that was asked
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from recognizer.catalogue.imports import ColumnMap, format_of, read_map, write_map
from recognizer.catalogue.imports.bringing import lay_out
from recognizer.errors import EntryNotFound
from recognizer.files import write_whole
from recognizer.web.problems import Busy
from recognizer.web.settings import Settings
from recognizer.web.uploads import folder_size, is_id

_OLD_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Source:
    """A catalogue that was sent: where it lies, what was sent by name, and of which of the import's kinds it is."""

    source_id: str
    path: Path
    files: Path
    names: tuple[str, ...]
    kind: str

    @property
    def folder(self) -> Path:
        """The folder of all that is kept of it."""
        return self.files.parent

    @property
    def mapping(self) -> ColumnMap | None:
        """The columns as somebody has looked them over, None where nobody has."""
        path = self.folder / "map.toml"
        return read_map(path) if path.is_file() else None

    def keep_map(self, mapping: ColumnMap) -> None:
        """Keep the columns; what was foreseen by others counts no more."""
        write_whole(self.folder / "map.toml", write_map(mapping).encode())
        (self.folder / "look.json").unlink(missing_ok=True)

    @property
    def look(self) -> dict[str, Any] | None:
        """What an import would change, None while that is not known."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "look.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found

    def keep_look(self, look: dict[str, Any]) -> None:
        """Keep what an import would change."""
        write_whole(self.folder / "look.json", json.dumps(look, ensure_ascii=False).encode())


class Sources:
    """All sources of a service folder."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.folder / "imports"
        self._settings = settings

    def bring(self, files: Sequence[tuple[str, BinaryIO]]) -> Source:
        """Keep what was sent; raises CatalogueError where it is no source, Busy where there is no room for it."""
        self.drop_old()
        room = self._settings.store - folder_size(self._folder)
        if room <= 0:
            raise Busy("the place for catalogues to import is full; import or delete those that wait", 3600)
        source_id = secrets.token_urlsafe(16)
        folder = self._folder / source_id
        try:
            path = lay_out(folder / "files", files, min(room, self._settings.max_source * 2))
            about = {"path": str(path.relative_to(folder / "files")), "names": [name for name, _ in files]}
            about["kind"] = format_of(path)
            write_whole(folder / "about.json", json.dumps(about, ensure_ascii=False).encode())
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return self.find(source_id)

    def find(self, source_id: str) -> Source:
        """The source of an id; raises EntryNotFound where there is none, or no more."""
        folder = self._folder / source_id
        try:
            if not is_id(source_id):
                raise ValueError
            about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise EntryNotFound("no such upload; it was imported or deleted, send it again") from None
        files = folder / "files"
        return Source(source_id, files / about["path"], files, tuple(about["names"]), about["kind"])

    def delete(self, source_id: str) -> None:
        """Delete a source; one that is gone is no error."""
        if is_id(source_id):
            shutil.rmtree(self._folder / source_id, ignore_errors=True)

    def drop_old(self) -> None:
        """Delete what waits for longer than a day, and what a kill left unfinished."""
        for folder in self._folder.glob("*"):
            about = folder / "about.json"
            try:
                came = (about if about.exists() else folder).stat().st_mtime
            except OSError:
                continue  # deleted meanwhile
            if came < time.time() - _OLD_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def report_json(report: Any, most: int = 200) -> dict[str, Any]:
    """A report of an import as JSON, with no more than so many of its differences."""
    body = asdict(report)
    return body | {"differences": body["differences"][:most], "all_differences": len(body["differences"])}
