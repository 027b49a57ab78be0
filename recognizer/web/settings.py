"""Settings: all that `znachki serve` can be told, with what holds unless it is told otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = "web"
"""Where in the data folder the service keeps what is its own: tokens, kept uploads, lots."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the service behaves.

    `open_here` lets whoever sits at this machine write on the page without a token, where no proxy passes requests on;
    `private` asks for a token to read too; `open_corrections` takes corrections without one. `hosts` are the names
    under which it may be asked, () for any; `origins` the sites that may ask the API from a browser; `frames` those
    that may show the page in a frame. `workers` processes answer photos, the service's own among them. `max_bytes`
    bounds the body of a request, and `slow` the seconds that it may take; `max_source` and `slow_source` are the same
    for a catalogue that is sent to be imported. `max_pixels` bounds a photo before it is decoded, `max_photos` how many
    may be sent at once. `queue` photos may wait, and no longer than `wait` seconds. `rate` is how many requests a
    client may make a minute beside reading, 0 for any number. Lots are deleted `lot_hours` after they end, unless they
    are to be kept; `store` bounds the bytes of lots and of kept photos, and of catalogues that wait to be imported.
    `false_match_rate` sets the operating point, None leaves it as it was calibrated.
    """

    data: Path
    model: str | None = None
    false_match_rate: float | None = None
    open_here: bool = False
    private: bool = False
    open_corrections: bool = False
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    max_bytes: int = 64_000_000
    max_pixels: int = 110_000_000
    max_photos: int = 100
    workers: int = 1
    queue: int = 64
    wait: float = 60.0
    slow: float = 60.0
    max_source: int = 2_000_000_000
    slow_source: float = 3600.0
    rate: int = 600
    lot_hours: float = 24.0
    store: int = 4_000_000_000

    @property
    def folder(self) -> Path:
        """The service's own folder."""
        return self.data / FOLDER
