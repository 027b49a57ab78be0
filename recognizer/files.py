"""Files, written beside their place and renamed: a kill leaves the old file or the new one, never half a file."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from recognizer.errors import ZnachkiError

ELSEWHERE: Final = "name a file in a folder that you may write, or make room"
"""The cure where a person said which file to write."""

HERE: Final = "make room or allow it"
"""The cure where the file is one of a data folder's own."""

DRAFT: Final = ".part"
"""How the name of a file that is being written ends; no copy and no backup takes one up."""


@contextmanager
def beside(path: Path, error: type[ZnachkiError] | None = ZnachkiError, *, cure: str = ELSEWHERE) -> Iterator[Path]:
    """Lend a draft in the folder of `path`, a file to be written, and rename it to `path` at the end.

    The draft's name is no one else's, so that two who write one file leave the file of the later, whole. Where anything
    is raised the draft is removed, and what stood at `path` stays. An OSError becomes an `error` that names the path,
    the reason and the `cure`; with None it stays an OSError, for those who answer it themselves.
    """
    # The beginning of the name tells people what a draft that a kill left was to be; a whole long name leaves no room.
    draft = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}{DRAFT}")
    try:
        yield draft
        draft.replace(path)
    except BaseException as why:
        with suppress(OSError):  # never made, in a folder that is none
            draft.unlink(missing_ok=True)
        if error is None or not isinstance(why, OSError):
            raise
        raise error(f"{path}: cannot be written ({why.strerror or why}); {cure}") from why


def write_whole(
    path: Path, content: bytes, error: type[ZnachkiError] | None = ZnachkiError, *, cure: str = ELSEWHERE
) -> None:
    """Write a file beside its place and rename it; raises `error` as `beside` does."""
    with beside(path, error, cure=cure) as draft:
        draft.write_bytes(content)


def make_folder(
    folder: Path, error: type[ZnachkiError] = ZnachkiError, *, cure: str = "name one where you may write"
) -> None:
    """Make a folder and those above it, where it is not there; raises `error` with path, reason and `cure`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise error(f"{folder}: cannot be made ({why.strerror or why}); {cure}") from why
