"""Jobs: pictures worked through one by one in a folder, so that a killed run goes on where it stopped.

    JOB/
      job.json             the listings, their pictures in order, and what answers them
      answers/<key>.json   the answer to one picture, or why there is none; written whole or not at all
      pictures/            small pictures for the report

A picture whose answer lies there is done: it is never asked again. A picture that changed since is another picture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

from recognizer.collecting.listings import Listing
from recognizer.collecting.picture_answers import PictureAnswer
from recognizer.errors import ZnachkiError
from recognizer.files import write_whole

FORMAT: Final = 1

_OWN: Final = ("answers", "pictures", "uploads")  # may lie in a folder before its job.json does


@dataclass(frozen=True, slots=True)
class Task:
    """One picture of one listing; `key` names its files in the job's folder."""

    key: str
    listing: Listing
    picture: Path


class Job:
    """A job folder; make one with `open`."""

    def __init__(self, folder: Path, tasks: Sequence[Task]) -> None:
        self.folder = folder
        self.tasks = tuple(tasks)

    @classmethod
    def open(cls, folder: Path, listings: Sequence[Listing], made_with: str, *, again: bool = False) -> Job:
        """Begin a job in `folder`, or go on with the one that it holds.

        Listings given are added to those that the folder knows; pictures that were answered stay so. `made_with` names
        model and index: a folder with answers of others is refused unless `again`, which asks all its pictures anew.
        Raises ZnachkiError where the folder is of something else or cannot be written.
        """
        held = _held(folder)
        if held is not None and held["made_with"] != made_with and not again:
            raise ZnachkiError(
                f"{folder}: its answers are of another index or model; give --again to ask anew, or another --out"
            )
        known = {} if held is None else {one["key"]: _listing(one) for one in held["listings"]}
        listings = list((known | {listing.key: listing for listing in listings}).values())
        job = cls(folder, [Task(_key(one, path), one, path) for one in listings for path in one.pictures])
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if again:
                for path in (folder / "answers").glob("*.json"):
                    path.unlink()
            about = {"format": FORMAT, "made_with": made_with, "listings": [_as_json(one) for one in listings]}
            _write(folder / "job.json", about)
            for name in ("answers", "pictures"):
                (folder / name).mkdir(exist_ok=True)
        except OSError as error:
            raise ZnachkiError(f"{folder}: cannot be written ({error.strerror}); name another folder") from None
        return job

    @classmethod
    def resume(cls, folder: Path) -> Job:
        """Open a job that is there, with nothing added; ZnachkiError where there is none."""
        held = _held(folder)
        if held is None:
            raise ZnachkiError(f"{folder}: no job in it; begin one with `znachki lot PICTURES --out {folder}`")
        listings = [_listing(one) for one in held["listings"]]
        return cls(folder, [Task(_key(one, path), one, path) for one in listings for path in one.pictures])

    def pending(self) -> list[Task]:
        """Return the tasks without an answer, in order."""
        return [task for task in self.tasks if not self._path(task).exists()]

    def keep(self, task: Task, answer: PictureAnswer) -> None:
        """Keep the answer to a task; from then on it is done. Raises ZnachkiError where it cannot be written."""
        _write(self._path(task), answer)

    def answer(self, task: Task) -> PictureAnswer | None:
        """Return the answer to a task, None while it has none; one that is damaged counts as none and is removed."""
        path = self._path(task)
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            path.unlink(missing_ok=True)
            return None
        return cast(PictureAnswer, held) if isinstance(held, dict) else None

    def picture(self, name: str) -> Path:
        """Return where a small picture of this name lies."""
        return self.folder / "pictures" / f"{name}.jpg"

    def _path(self, task: Task) -> Path:
        return self.folder / "answers" / f"{task.key}.json"


def _key(listing: Listing, picture: Path) -> str:
    """A name for the picture as it is now: another file under the same name is another task."""
    try:
        state = picture.stat()
        stamp = f"{state.st_size} {state.st_mtime_ns}"
    except OSError:
        stamp = "missing"
    text = f"{listing.key}\n{picture.resolve()}\n{stamp}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _held(folder: Path) -> dict[str, Any] | None:
    path = folder / "job.json"
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if folder.is_dir() and any(
            not path.name.startswith(".") and path.name not in _OWN for path in folder.iterdir()
        ):
            raise ZnachkiError(f"{folder}: a folder with other things in it; name a new one") from None
        return None
    except (OSError, ValueError) as error:
        raise ZnachkiError(f"{path}: not readable ({error}); name another folder") from error
    if not isinstance(held, dict) or held.get("format") != FORMAT:
        raise ZnachkiError(f"{path}: not a job of format {FORMAT}; name another folder")
    return held


def _as_json(listing: Listing) -> dict[str, Any]:
    return {
        "key": listing.key,
        "pictures": [str(path.resolve()) for path in listing.pictures],
        "title": listing.title,
        "price": None if listing.price is None else str(listing.price),
        "currency": listing.currency,
        "url": listing.url,
        "condition": listing.condition,
    }


def _listing(held: Mapping[str, Any]) -> Listing:
    price = None if held["price"] is None else Decimal(held["price"])
    pictures = tuple(Path(path) for path in held["pictures"])
    condition = held.get("condition", "")  # jobs of before there were grades lack it
    return Listing(held["key"], pictures, held["title"], price, held["currency"], held["url"], condition)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False) + "\n"
    write_whole(path, text.encode(), cure="make room, or name another folder")
