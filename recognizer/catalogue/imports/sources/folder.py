"""Folders of pictures whose names tell what they show: `<number>_<role>.jpg`, `<number>/<role>_n.jpg`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from recognizer.catalogue.imports.rows import Picture, Row
from recognizer.errors import CatalogueError, PhotoError
from recognizer.types import Role
from recognizer.vision.photos import list_photos


def takes(path: Path, head: bytes) -> bool:
    """Whether `path` is a folder."""
    return path.is_dir()


def read(path: Path, notes: list[str]) -> Iterator[Row]:
    """Yield a row for each picture of the folder, by path.

    `<number>.jpg`, `<number>_<role>.jpg`, `<number>_<role>_2.jpg`, `<number>/<role>.jpg`, `<number>/<role>_2.jpg`; what
    names no role (face, reverse, clasp, mark) is a face. Raises CatalogueError where there is no folder or no picture.
    """
    try:
        found = list_photos(path)
    except PhotoError as error:
        raise CatalogueError(str(error)) from error
    if not found:
        raise CatalogueError(f"{path}: no catalogue.csv and no pictures; name a folder that has either")
    for picture in found:
        inside = picture.relative_to(path)
        place, parts = inside.as_posix(), inside.parts
        if len(parts) > 2:
            yield Row(place, wrong="lies more than one folder deep; call it <number>/<role>_n" + picture.suffix)
            continue
        number, role = _named(picture.stem, parts[0] if len(parts) == 2 else None)
        yield Row(place, {"entry_id": unicodedata.normalize("NFC", number)}, (Picture(picture, role),))


def _named(stem: str, folder: str | None) -> tuple[str, Role]:
    """The number and role that a picture's name gives."""
    if folder is not None:
        match = re.fullmatch(rf"({'|'.join(Role)})(?:[_-]?\d+)?", stem.lower())
        return folder, Role(match[1]) if match else Role.FACE
    match = re.fullmatch(rf"(.+)_({'|'.join(Role)})(?:[_-]?\d+)?", stem, re.IGNORECASE)
    return (match[1], Role(match[2].lower())) if match else (stem, Role.FACE)
