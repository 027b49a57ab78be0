"""Passed: things that a curator looked at and left as they are, so that they are not shown again.

web/curating/passed.json   their names, "audit ...", "correction 7", "cluster ..."
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Final

from recognizer.errors import ZnachkiError
from recognizer.files import make_folder, write_whole

FOLDER: Final = "curating"
"""Where in the service's folder queues are kept."""

_LOCK: Final = threading.Lock()


class Passed:
    """The names of what was passed, of a service's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FOLDER / "passed.json"

    def all(self) -> set[str]:
        """Name all that was passed; raises ZnachkiError where the file is damaged."""
        try:
            return set(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return set()
        except (OSError, ValueError, TypeError) as error:
            raise ZnachkiError(
                f"{self._path}: damaged ({error}); move it away, and look through what it held"
            ) from error

    def add(self, name: str) -> None:
        """Note that something was looked at and stays as it is."""
        with _LOCK:
            held = self.all()
            make_folder(self._path.parent)
            write_whole(self._path, json.dumps(sorted(held | {name}), ensure_ascii=False).encode())
