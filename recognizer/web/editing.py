"""Editing: changes of the catalogue through the service, indexed and in use before they are answered.

One change at a time: each may need the index's folder for itself, and whoever waits is told so.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from recognizer.catalogue.store import Catalogue
from recognizer.errors import IndexBusy
from recognizer.web.answering.engine import Engine
from recognizer.web.problems import Busy

_Made = TypeVar("_Made")

_TURN_SECONDS: Final = 60.0
_LOCKED_SECONDS: Final = 30.0


class Editor:
    """Makes changes in turn."""

    def __init__(self, data: Path, engine: Engine, model: str | None = None) -> None:
        self._data = data
        self._engine = engine
        self._model = model
        self._turn = threading.Lock()

    async def change(self, what: str, make: Callable[[Catalogue], _Made], *, photos: bool) -> _Made:
        """Make a change as one transaction and return what it made, once it is in use.

        `photos` says whether the index must be made anew. Raises what `make` raises, and nothing is changed then, and
        Busy where others have been at it for too long.
        """
        return await asyncio.to_thread(self._change, what, make, photos)

    def _change(self, what: str, make: Callable[[Catalogue], _Made], photos: bool) -> _Made:
        if not self._turn.acquire(timeout=_TURN_SECONDS):
            raise Busy("other changes are being made", 30)
        try:
            catalogue = self._engine.catalogue
            with catalogue.transaction(what):
                made = make(catalogue)
            if photos:
                self._index()
            self._engine.refresh()
            return made
        finally:
            self._turn.release()

    def _index(self) -> None:
        """Index what is new, after a `znachki index` that may be at work has ended."""
        from index.build import build

        ends = time.monotonic() + _LOCKED_SECONDS
        while True:
            try:
                build(self._data, model=self._model)
                return
            except IndexBusy as error:
                if time.monotonic() > ends:
                    raise Busy(f"the change is made, but not indexed yet: {error}", 60) from error
                time.sleep(0.2)
