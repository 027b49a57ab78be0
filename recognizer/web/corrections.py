"""Corrections: what people say of answers, a line each in a file that training and the catalogue's keeper can read."""

from __future__ import annotations

import json
import os
import secrets
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from recognizer.errors import EntryNotFound

Said = Literal["confirmed", "corrected", "unknown"]
"""The answer was right; it is another entry; the catalogue has no such pin."""

_MOST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Correction:
    """One correction: of which pin on which photo, what was offered, what is right.

    `box` is left, top, right, bottom in pixels of the upright photo; `offered` and `entry_id` are entry_ids, "" for
    none; `upload_id` names the photo where it was kept.
    """

    correction_id: str
    at: str
    who: str
    said: Said
    sha256: str
    box: tuple[int, int, int, int] | None
    offered: str
    entry_id: str
    upload_id: str = ""
    note: str = ""


class Corrections:
    """The corrections of a service folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "corrections.jsonl"
        self._lock = threading.Lock()

    def add(
        self,
        said: Said,
        sha256: str,
        box: tuple[int, int, int, int] | None,
        offered: str,
        entry_id: str,
        *,
        who: str,
        upload_id: str = "",
        note: str = "",
    ) -> Correction:
        """Keep a correction; it is on the disk when this returns."""
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        one = Correction(
            secrets.token_urlsafe(16), at, who, said, sha256, box, offered, entry_id, upload_id, note[:1000]
        )
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(one), ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        return one

    def all(self) -> list[Correction]:
        """List the corrections, the oldest first; a line that a kill cut off does not count."""
        found = []
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        for line in lines[-_MOST:]:
            try:
                row = json.loads(line)
                box = row.pop("box")
                found.append(Correction(**row, box=None if box is None else (box[0], box[1], box[2], box[3])))
            except (ValueError, TypeError, KeyError, IndexError):
                continue
        return found

    def delete(self, correction_id: str) -> None:
        """Take a correction back; raises EntryNotFound."""
        with self._lock:
            held = self.all()
            left = [one for one in held if one.correction_id != correction_id]
            if len(left) == len(held):
                raise EntryNotFound(f"no correction {correction_id[:60]!r}")
            beside = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
            beside.write_text(
                "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in left), encoding="utf-8"
            )
            beside.replace(self._path)
