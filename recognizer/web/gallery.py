"""The gallery: catalogue photos as they are shown, decoded and encoded anew, the most asked ones held in memory.

A photo may be cut to its pin: where that lies on it the index knows, which keeps its outline.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from typing import Final

from recognizer.catalogue.store import Catalogue
from recognizer.errors import EntryNotFound, IndexError_, PhotoError
from recognizer.reports.pictures import pin_part, thumbnail
from recognizer.search.index import Index, read_features
from recognizer.types import CatalogueImage, Float32
from recognizer.vision.photos import encode_jpeg, open_photo

SIDES: Final = (96, 240, 480, 960)
"""Long sides in pixels that pictures are shown in; any other is brought to the next one."""

_MOST_OUTLINES: Final = 50_000

_HELD_BYTES: Final = 64_000_000
_AT_ONCE: Final = 2


class Gallery:
    """Shows catalogue photos."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, int, bool], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._sizes: dict[str, tuple[int, int]] = {}
        self._outlines: dict[str, Float32] = {}

    async def picture(
        self, catalogue: Catalogue, image: CatalogueImage, side: int, outline: Float32 | None = None
    ) -> bytes:
        """A catalogue photo as JPEG, neither side longer than `side`, cut to the pin where its outline is given; raises
        EntryNotFound where its file has gone."""
        key = (image.sha256, side, outline is not None)
        with self._lock:
            if (found := self._held.get(key)) is not None:
                self._held.move_to_end(key)
                return found
        async with self._turn:
            made = await asyncio.to_thread(self._made, catalogue, image, side, outline)
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

    def outline(self, index: Index, image: CatalogueImage) -> Float32 | None:
        """The outline of the pin on a catalogue photo, in pixels of that; None where the index has none."""
        found = self._outlines.get(image.sha256)
        if found is None:
            try:
                found = read_features(index.folder, index.manifest.settings, image.sha256).outline
            except IndexError_:  # not indexed yet, or damaged: it is shown whole
                return None
            if found is not None:
                if len(self._outlines) > _MOST_OUTLINES:
                    self._outlines.clear()
                self._outlines[image.sha256] = found
        return found

    def _made(self, catalogue: Catalogue, image: CatalogueImage, side: int, outline: Float32 | None) -> bytes:
        try:
            photo = open_photo(catalogue.picture_path(image), image.file)
        except PhotoError as error:
            raise EntryNotFound(f"the picture of photo {image.image_id} has gone") from error
        height, width = photo.image.shape[:2]
        self._sizes[image.sha256] = (width, height)
        shown = photo.image if outline is None else pin_part(photo.image, outline)
        return encode_jpeg(thumbnail(shown, side), 85)


def side_of(asked: int) -> int:
    """The side that a picture is shown in where another one is asked for."""
    return next((side for side in SIDES if side >= asked), SIDES[-1])
