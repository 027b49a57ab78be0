"""Uploads: photos from outside, bounded before they are decoded, and kept only where that was asked for.

Names come from users and are only ever shown; files are named here.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import threading
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from recognizer.collecting.picture_answers import PictureAnswer, PinAnswer, number_pins
from recognizer.errors import EntryNotFound, PhotoTooBig
from recognizer.files import write_whole
from recognizer.types import Photo
from recognizer.vision.photos import encode_jpeg, open_photo, photo_size
from recognizer.web.problems import Busy
from recognizer.web.settings import Settings

_DECODING: Final = 2
"""Photos that are decoded at once: one of 100 megapixels may take 400 MB until it is shrunk."""

_ANSWER: Final = ".answer"


class Decoder:
    """Turns bytes into photos in threads, a few at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = asyncio.Semaphore(_DECODING)

    async def photo(self, data: bytes, name: str) -> Photo:
        """Decode an upload; raises PhotoTooBig, and PhotoError where it is no picture."""
        async with self._turn:
            return await asyncio.to_thread(decode, data, name, self._settings.max_pixels)


def decode(data: bytes, name: str, max_pixels: int) -> Photo:
    """Decode bytes that somebody sent, once their header says that they are no more pixels than allowed."""
    width, height = photo_size(data, name)
    if width * height > max_pixels:
        raise PhotoTooBig(
            f"{name}: {width * height / 1e6:.1f} megapixels, more than {max_pixels / 1e6:.0f}; save it smaller"
        )
    return open_photo(data, name)


def shown_name(name: str | None) -> str:
    """A file's name as it may be shown: the last part of it, without control characters, not too long."""
    last = re.split(r"[/\\]", name or "")[-1]
    kept = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C").strip(" .")
    return kept[:100] or "photo"


@dataclass(frozen=True, slots=True)
class Kept:
    """An upload that is kept: its id, which nobody can guess, the sha256 of what was sent, and who asked for it.

    `pins` is how many pins the answer had, 0 where an earlier version kept the photo and did not note it.
    """

    upload_id: str
    sha256: str
    role: str
    at: str
    who: str
    pins: int = 0


class Store:
    """The photos that are kept, decoded and encoded anew, nothing but a picture in them, and their answers."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder / "uploads"
        self._most = most
        self._lock = threading.Lock()

    def keep(self, photo: Photo, role: str, who: str, answer: Sequence[PinAnswer]) -> Kept:
        """Keep a photo with the pins that it was answered with; raises Busy where the place for them is full."""
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kept = Kept(secrets.token_urlsafe(16), photo.sha256, role, at, who, len(answer))
        data = encode_jpeg(photo.image, 92)
        with self._lock:
            if folder_size(self._folder) + len(data) > self._most:
                raise Busy("the place for kept photos is full; delete some of them", 3600)
            self._folder.mkdir(parents=True, exist_ok=True)
            # What names the photo first: cut off between the two, nothing is there that could not be deleted.
            files = {".json": json.dumps(asdict(kept)).encode(), ".jpg": data, _ANSWER: json.dumps(answer).encode()}
            for ending, content in files.items():
                write_whole(self._folder / f"{kept.upload_id}{ending}", content, None)
        return kept

    def find(self, upload_id: str) -> Kept:
        """What is known of a kept photo; raises EntryNotFound."""
        try:
            return Kept(**json.loads(self._path(upload_id, ".json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise EntryNotFound(f"no kept photo {upload_id[:60]!r}") from None

    def picture(self, upload_id: str) -> bytes:
        """The bytes of a kept photo, a JPEG; raises EntryNotFound."""
        self.find(upload_id)
        try:
            return self._path(upload_id, ".jpg").read_bytes()
        except FileNotFoundError:
            raise EntryNotFound(f"no kept photo {upload_id[:60]!r}") from None

    def answer(self, kept: Kept) -> PictureAnswer:
        """What a kept photo was answered, without pins where an earlier version kept it; raises EntryNotFound."""
        try:
            pins = json.loads(self._path(kept.upload_id, _ANSWER).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            pins = []
        return number_pins({"sha256": kept.sha256, "recognitions": pins})

    def all(self) -> list[Kept]:
        """The photos kept, the oldest first."""
        found = []
        for path in self._folder.glob("*.json"):
            if is_id(path.stem):
                with suppress(EntryNotFound):  # deleted meanwhile
                    found.append(self.find(path.stem))
        return sorted(found, key=lambda kept: (kept.at, kept.upload_id))

    def delete(self, upload_id: str) -> None:
        """Delete a kept photo; raises EntryNotFound."""
        self.find(upload_id)
        for ending in (_ANSWER, ".jpg", ".json"):
            self._path(upload_id, ending).unlink(missing_ok=True)

    def _path(self, upload_id: str, ending: str) -> Path:
        if not is_id(upload_id):
            raise EntryNotFound(f"no kept photo {upload_id[:60]!r}")
        return self._folder / f"{upload_id}{ending}"


def is_id(text: str) -> bool:
    """Say whether a text is of the form of the ids that are given here, and so may name a file."""
    return re.fullmatch(r"[A-Za-z0-9_-]{22}", text) is not None


def folder_size(folder: Path) -> int:
    """Bytes on the disk of all files under a folder."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_blocks * 512
            except OSError:
                continue  # deleted meanwhile
    return total
