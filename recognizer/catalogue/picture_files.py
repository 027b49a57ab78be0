"""Picture files: the bytes of catalogue photos in a data folder, named by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from recognizer.errors import CatalogueError
from recognizer.files import HERE, make_folder, write_whole

PICTURES: Final = "images"
REMOVED: Final = "removed"
"""Where the pictures of removed photos wait, in case the removal is undone."""

ANOTHER: Final = "choose another --data folder"
"""The cure where a folder in the data folder cannot be made."""


class PictureFiles:
    """The pictures of a data folder: those that are shown, and those that were put aside."""

    def __init__(self, folder: Path) -> None:
        self.shown = folder / PICTURES
        self._aside = folder / REMOVED

    def add(self, data: bytes, ending: str) -> str:
        """Keep a picture's bytes and return the name of its file, its sha256 and `ending` (".jpg").

        A picture that is there already is not written again. Killed half way, no half a file stands under that name.
        Raises CatalogueError where it cannot be written.
        """
        return keep(self.shown, data, ending)

    def delete(self, file: str) -> None:
        """Delete a picture that is shown."""
        (self.shown / file).unlink(missing_ok=True)

    def put_aside(self, file: str) -> None:
        """Move a picture to where an undoing finds it."""
        make_folder(self._aside, CatalogueError, cure=ANOTHER)
        if (self.shown / file).is_file():
            (self.shown / file).replace(self._aside / file)

    def bring_back(self, file: str) -> None:
        """See that a picture is shown, fetching it from those put aside; raises CatalogueError."""
        aside = self._aside / file
        if not (self.shown / file).is_file():
            if not aside.is_file():
                raise CatalogueError(
                    f"{aside}: no such picture, and the photo cannot come back without; import it anew"
                )
            self.add(aside.read_bytes(), aside.suffix)


def keep(folder: Path, data: bytes, ending: str) -> str:
    """Keep a picture's bytes in a folder that is there, named by their content; see `PictureFiles.add`."""
    path = folder / f"{hashlib.sha256(data).hexdigest()}{ending}"
    if not (path.is_file() and path.stat().st_size == len(data)):
        write_whole(path, data, CatalogueError, cure=HERE)
    return path.name
