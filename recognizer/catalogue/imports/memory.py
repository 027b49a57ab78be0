"""The memory of finished imports: a source that did not change since has nothing to say to a catalogue that did not."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from recognizer import program_version
from recognizer.catalogue.imports import finished
from recognizer.catalogue.imports.carrying import ImportReport
from recognizer.catalogue.store import Catalogue
from recognizer.errors import PhotoError
from recognizer.vision.photos import list_photos

RULES: Final = "2"
"""Raised with every change in how sources are read, so that what was read by other rules is read again.

Another version of the program counts as other rules as well.
"""

RACY_SECONDS: Final = 2.0
"""A picture younger than this when its import began may change once more and look the same by size and time."""

Stamp = tuple[int, int, int]
"""Size, time of the last change and time of the last change of the file's record, in nanoseconds."""


class Memory:
    """What the catalogue remembers of the last import of one source.

    The source's bytes, the rules that it was read by, size and times of the pictures that it names, their files in the
    catalogue and the catalogue's last change must all be the same for it to count. (Times alone would not show a file
    put in another's place with its times kept; the time of its record does.)
    """

    def __init__(self, catalogue: Catalogue, source: Path, rules: str) -> None:
        self._catalogue = catalogue
        self._source = hashlib.sha256(str(source.absolute()).encode()).hexdigest()
        self._began = time.time()
        self._path = source
        self._stamp = _stamp(source)
        self._content = _content(source, f"{RULES} {program_version()} {rules}")
        self._stamps: dict[str, Stamp | None] = {}
        self._before = finished.last_change(catalogue)

    def recall(self) -> ImportReport | None:
        """The report of an import now, where there is nothing to do; None where the source must be read."""
        if not self._content:
            return None
        there = finished.recall(self._catalogue, self._source)
        if there is None or (there.content, there.change_id) != (self._content, self._before):
            return None
        seen = json.loads(there.seen)
        if any(_listed(_stamp(Path(path))) != stamp for path, stamp in seen["pictures"].items()):
            return None
        try:
            lying = {entry.name for entry in os.scandir(self._catalogue.picture_folder)}
        except OSError:
            return None
        if not lying.issuperset(seen["files"]):
            return None
        report = ImportReport(**seen["report"])
        return replace(report, notes=tuple(report.notes), differences=())

    def watch(self, pictures: Iterable[Path]) -> None:
        """Look at the pictures before they are read."""
        self._stamps = {str(path): _stamp(path) for path in pictures}

    def keep(self, report: ImportReport, files: Iterable[str]) -> None:
        """Remember an import that is finished, with its files in `images/`, unless something moved meanwhile."""
        limit = (self._began - RACY_SECONDS) * 1e9
        moved = any(stamp is None or max(stamp[1:]) > limit for stamp in self._stamps.values())
        if not self._content or moved or _stamp(self._path) != self._stamp:
            return
        wrote = report.entries_new + report.entries_changed + report.images_new + report.images_changed > 0
        after = replace(
            report,
            entries_new=0,
            entries_changed=0,
            entries_same=report.entries_new + report.entries_changed + report.entries_same,
            images_new=0,
            images_changed=0,
            images_same=report.images_new + report.images_changed + report.images_same,
            wanted_new=0,
        )
        seen = {
            "report": asdict(after),
            "pictures": {path: _listed(stamp) for path, stamp in self._stamps.items()},
            "files": list(files),
        }
        text = json.dumps(seen, separators=(",", ":"))
        finished.remember(self._catalogue, self._source, self._content, text, self._before, int(wrote))


def _stamp(path: Path) -> Stamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _listed(stamp: Stamp | None) -> list[int] | None:
    return None if stamp is None else list(stamp)


def _content(source: Path, rules: str) -> str:
    """The sha256 of a source, or of a folder's list of pictures, and of the rules; "" where it cannot be read."""
    digest = hashlib.sha256(rules.encode())
    try:
        if source.is_dir():
            for path in list_photos(source):
                digest.update(f"{path.relative_to(source).as_posix()}\n".encode())
        else:
            with source.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    except (OSError, PhotoError, UnicodeError):
        return ""
    return digest.hexdigest()
