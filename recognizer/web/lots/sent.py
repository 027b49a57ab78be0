"""What was sent of a lot: its pictures until they are answered, listings beside them, and what was said of it since."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from recognizer.collecting import listings
from recognizer.collecting.jobs import Task
from recognizer.collecting.listings import Listing
from recognizer.errors import ZnachkiError
from recognizer.files import beside, write_whole


@dataclass(frozen=True, slots=True)
class About:
    """What a job was asked: when, whether it is to be kept for good, and entries a pin.

    `price` is what all of it costs, as a number with `currency`, "" where that was not said; `names` are those that the
    pictures were sent under, by their files; `owned` are the pins that were counted to a collection, as "key-number",
    with the collector's name where he has one.
    """

    job_id: str
    made: str
    kept: bool
    k: int
    price: str = ""
    currency: str = ""
    names: dict[str, str] = field(default_factory=dict)
    owned: list[str] = field(default_factory=list)


def take(folder: Path, about: About, sent: Sequence[tuple[str, bytes]]) -> tuple[list[Listing], About]:
    """Write what was sent into the folder of a lot, and return the lots for sale that it is, and their names.

    Files of ItemSummaries tell title and price of the pictures that are named by their itemId; each other picture is a
    lot of its own. Raises ZnachkiError where no file of ItemSummaries has a picture.
    """
    uploads = folder / "uploads"
    uploads.mkdir(parents=True)
    names: dict[Path, str] = {}
    lists = []
    for name, data in sent:
        if listings.holds_listings(name):
            lists.append((name, data.decode("utf-8-sig", "replace")))
            continue
        path = uploads / f"{len(names) + 1:04d}.upload"
        path.write_bytes(data)
        names[path] = name
    about = replace(about, names={path.name: name for path, name in names.items()})
    keep(folder, about)
    return _listings(names, lists), about


def keep(folder: Path, about: About) -> None:
    """Note what is said of a lot; raises OSError where it cannot be written."""
    write_whole(folder / "uploads" / "about.json", json.dumps(asdict(about)).encode(), None)


def read(folder: Path) -> About:
    """What is said of a lot; raises ZnachkiError where that is damaged."""
    try:
        return About(**json.loads((folder / "uploads" / "about.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ZnachkiError(f"{folder}: {error}; delete this folder") from error


def kept_lots(folder: Path) -> list[Path]:
    """The folders of the lots of a service's folder that somebody asked to keep, those that can be read."""
    found = []
    for job in sorted((folder / "lots").glob("*/job.json")):
        with suppress(ZnachkiError):
            if read(job.parent).kept:
                found.append(job.parent)
    return found


def name_of(task: Task, about: About) -> str:
    """The name that a picture was sent under."""
    return about.names.get(task.picture.name) or task.listing.title


def forget(task: Task) -> None:
    """Put nothing in the place of a picture that was sent: a file of its size and time, for a job knows its pictures by
    these, that holds no byte of it."""
    with suppress(FileNotFoundError):
        state = task.picture.stat()
        if state.st_blocks == 0:
            return
        with beside(task.picture, None) as draft:
            with draft.open("wb") as file:
                file.truncate(state.st_size)
            os.utime(draft, ns=(state.st_atime_ns, state.st_mtime_ns))


def _listings(names: Mapping[Path, str], lists: Sequence[tuple[str, str]]) -> list[Listing]:
    """The lots that were sent: those of files of ItemSummaries, and each other picture alone."""
    found: list[Listing] = []
    unread = []
    for name, text in lists:
        told, without = listings.of_sent(name, text, {name: path for path, name in names.items()})
        found += told
        unread += without
    if lists and not found:
        raise ZnachkiError("; ".join(f"{one.source}: {one.reason}" for one in unread[:5]) or "no listing was sent")
    taken = {path for one in found for path in one.pictures}
    bare = [(number, path, name) for number, (path, name) in enumerate(names.items(), 1) if path not in taken]
    return found + [Listing(f"{number}. {name}", (path,), name) for number, path, name in bare]
