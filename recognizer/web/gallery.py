"""The gallery: catalogue photos as they are shown, decoded and encoded anew, the most asked ones held in memory."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from typing import Final

from recognizer.catalogue.store import Catalogue
from recognizer.errors import EntryNotFound, PhotoError
from recognizer.reports.pictures import thumbnail
from recognizer.types import CatalogueImage
from recognizer.vision.photos import encode_jpeg, open_photo

SIDES: Final = (96, 240, 480, 960)
"""Long sides in pixels that pictures are shown in; any other is brought to the next one."""

_HELD_BYTES: Final = 64_000_000
_AT_ONCE: Final = 2


class Gallery:
    """Shows catalogue photos."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._sizes: dict[str, tuple[int, int]] = {}

    async def picture(self, catalogue: Catalogue, image: CatalogueImage, side: int) -> bytes:
        """A catalogue photo as JPEG, neither side longer than `side`; raises EntryNotFound where its file has gone."""
        key = (image.sha256, side)
        with self._lock:
            if (found := self._held.get(key)) is not None:
                self._held.move_to_end(key)
                return found
        async with self._turn:
            made = await asyncio.to_thread(self._made, catalogue, image, side)
        with self._lock:
            if key not in self._held:
                self._held[key] = made
                self._bytes += len(made)
            while self._bytes > _HELD_BYTES:
                self._bytes -= len(self._held.popitem(last=False)[1])
        return made

    def size(self, catalogue: Catalogue, image: CatalogueImage) -> tuple[int, int] | None:
        """Width and height in pixels of a catalogue photo as matched points mean it, None where its file has gone."""
        found = self._sizes.get(image.sha256)
        if found is None:
            try:
                height, width = open_photo(catalogue.picture_path(image)).image.shape[:2]
            except PhotoError:
                return None
            if len(self._sizes) > 50_000:
                self._sizes.clear()
            found = self._sizes[image.sha256] = (width, height)
        return found

    def _made(self, catalogue: Catalogue, image: CatalogueImage, side: int) -> bytes:
        try:
            photo = open_photo(catalogue.picture_path(image), image.file)
        except PhotoError as error:
            raise EntryNotFound(f"the picture of photo {image.image_id} has gone") from error
        height, width = photo.image.shape[:2]
        self._sizes[image.sha256] = (width, height)
        return encode_jpeg(thumbnail(photo.image, side), 85)


def side_of(asked: int) -> int:
    """The side that a picture is shown in where another one is asked for."""
    return next((side for side in SIDES if side >= asked), SIDES[-1])
