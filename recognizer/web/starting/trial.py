"""The drawn sample on the page: whether the catalogue is one, and the photos to try it with."""

from __future__ import annotations

from pathlib import Path

from recognizer.drawn.sample import SERIES
from recognizer.errors import EntryNotFound
from recognizer.web.service import Service


def is_trial(service: Service) -> bool:
    """Say whether the catalogue holds drawn entries and no others."""
    shelf = service.engine.loaded.shelf
    return bool(shelf.active) and len(shelf.series.get(SERIES, ())) == len(shelf.active)


def trial_photos(service: Service) -> list[str]:
    """The names of the drawn photos to ask the drawn catalogue about, none where it is another one."""
    if not is_trial(service):
        return []
    return sorted(path.stem for path in _folder(service).glob("query-*.jpg"))


def trial_photo(service: Service, name: str) -> Path:
    """Where one of these photos lies; raises EntryNotFound."""
    if name not in trial_photos(service):
        raise EntryNotFound("no such drawn photo")
    return _folder(service) / f"{name}.jpg"


def _folder(service: Service) -> Path:
    from index import trial

    return service.settings.data / trial.FOLDER / "photos"
