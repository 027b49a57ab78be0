"""Pictures of listings, fetched when somebody asks for it: they lie beside their file then, and enter no catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recognizer.catalogue.fetching import FetchReport, Manners, Progress, fetch_for
from recognizer.catalogue.wanted import WantedPicture
from recognizer.collecting.listings import addresses
from recognizer.files import make_folder, write_whole


@dataclass(frozen=True, slots=True)
class _Beside:
    """Wants that are kept as files: the entry_id of each is the whole path of the file, without its ending."""

    pictures: Sequence[WantedPicture]

    def due(self) -> list[WantedPicture]:
        return list(self.pictures)

    def hold(self, one: WantedPicture, data: bytes, ending: str) -> bool:
        write_whole(Path(one.entry_id + ending), data)
        return True

    def refuse(self, one: WantedPicture, reason: str) -> None:
        """Nothing is noted: it is asked for again when the command is."""

    def put_off(self, one: WantedPicture, reason: str, not_before: float, tries: int) -> None:
        """Nothing is noted, as above."""


def fetch_listings(
    files: Sequence[Path], manners: Manners, pictures: Path | None = None, progress: Progress | None = None
) -> FetchReport:
    """Fetch the pictures of the listings of files into the folder `pictures`, or beside each file.

    Only those that do not lie there; a run that was cut off is gone on with. A seller's picture has no open licence and
    is fetched all the same: it is looked at here, and not passed on. Raises CatalogueError for a file without listings.
    """
    asked: list[WantedPicture] = []
    for file in files:
        folder = pictures or file.parent
        make_folder(folder)
        for name, address in addresses(file, pictures):
            asked.append(WantedPicture(len(asked), str(folder / name), address))
    return fetch_for(_Beside(asked), replace(manners, any_licence=True), progress)
