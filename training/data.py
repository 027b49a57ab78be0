"""What the embedder is trained on: pairs of views of one thing, from designs or from the catalogue's own photos.

A source gives, for a number and a generator, the RGBA cut-outs of one thing and a text about it. `Views` makes batches
of it that depend on seed, step and place alone, so that a run that was killed goes on with the same pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from recognizer.catalogue.corrections import corrected_queries
from recognizer.catalogue.store import Catalogue
from recognizer.files import HERE, make_folder, write_whole
from recognizer.types import CatalogueEntry, Role, UInt8Image
from recognizer.vision import crops
from recognizer.vision.photos import encode_png, open_photo
from training.designs import Design
from training.pictures import augment, render

SPRITE: Final = 192  # side of a struck pin in pixels, a little over what the embedder is shown of it
KEPT: Final = 256  # long side of a catalogue photo's cut-out in pixels
HELD_OUT: Final = 32  # of 256: the share of families that validates
_ALIKE: Final = 6  # designs of one batch that lie side by side in their package
_BACKDROPS: Final = 200
_BACKDROP: Final = 256


class Source(Protocol):
    """Things to learn to tell apart, by row."""

    def __len__(self) -> int:
        """Return how many rows one round has."""
        ...

    def round(self, rng: np.random.Generator) -> list[int]:
        """Return one round of rows in a new order; things that are alike lie together, for one batch to part."""
        ...

    def cutouts(self, row: int, rng: np.random.Generator) -> Sequence[UInt8Image]:
        """Return one or two RGBA cut-outs (h, w, 4) of a thing."""
        ...

    def text(self, row: int, rng: np.random.Generator) -> str:
        """Return words about a thing, empty where there are none."""
        ...


class DesignSource:
    """Rendered pins: each design is struck anew, in other enamels and plating, every time that it is asked for."""

    def __init__(self, designs: Sequence[Design]) -> None:
        self.designs = designs
        # Drawings that lie side by side in one package are alike: flags, arrows, faces of one hand.
        order = sorted(range(len(designs)), key=lambda row: (designs[row].package, designs[row].name))
        self._groups = [order[at : at + _ALIKE] for at in range(0, len(order), _ALIKE)]

    def __len__(self) -> int:
        return len(self.designs)

    def parted(self, every: int) -> tuple[DesignSource, DesignSource]:
        """Return all designs but every `every`th group, and those groups, to validate on."""
        held = {row for group in self._groups[::every] for row in group}
        return (
            DesignSource([design for row, design in enumerate(self.designs) if row not in held]),
            DesignSource([design for row, design in enumerate(self.designs) if row in held]),
        )

    def round(self, rng: np.random.Generator) -> list[int]:
        """Return all rows, groups of like designs together."""
        return _flat(self._groups, rng)

    def cutouts(self, row: int, rng: np.random.Generator) -> Sequence[UInt8Image]:
        """Return two photographs' worth of one struck pin: the same metal and enamel under other light and wear."""
        pin = render.strike(self.designs[row].read(), rng, SPRITE)
        return [render.lit(pin, rng), render.lit(pin, rng)]

    def text(self, row: int, rng: np.random.Generator) -> str:
        """Return no words: a drawing's file name says too little."""
        return ""


class CatalogueSource:
    """A catalogue's entries: their face photos, each lifted from its ground where the outline network finds the pin.

    Cut-outs are kept as PNG in `folder`, named by the photo's content. With `fresh`, the entries that a model has not
    seen yet, a round holds those and as many of the others, drawn anew: a replay, so that the old are not forgotten.
    """

    def __init__(
        self,
        entries: Sequence[CatalogueEntry],
        photos: Mapping[str, Sequence[Path]],
        folder: Path,
        fresh: Set[str] = frozenset(),
    ) -> None:
        self.entries = [entry for entry in entries if photos.get(entry.entry_id)]
        self.photos, self.folder = photos, folder
        groups: dict[str, list[int]] = {}
        for row, entry in enumerate(self.entries):
            groups.setdefault(family_of(entry), []).append(row)
        self._groups = list(groups.values())
        self._fresh = [row for row, entry in enumerate(self.entries) if entry.entry_id in fresh]

    def __len__(self) -> int:
        return min(2 * len(self._fresh), len(self.entries)) if self._fresh else len(self.entries)

    def round(self, rng: np.random.Generator) -> list[int]:
        """Return the rows of a round, families together; new and replayed ones in turn where there are new ones."""
        rows = _flat(self._groups, rng)
        if not self._fresh or len(self) == len(rows):
            return rows
        new = set(self._fresh)
        old = [row for row in rows if row not in new]
        fresh = [row for row in rows if row in new]
        return [row for both in zip(fresh, old, strict=False) for row in both]

    def cutouts(self, row: int, rng: np.random.Generator) -> Sequence[UInt8Image]:
        """Return cut-outs of two of the entry's photos, of one where it has no more."""
        photos = self.photos[self.entries[row].entry_id]
        chosen = rng.choice(len(photos), min(2, len(photos)), replace=False)
        return [cutout(photos[int(at)], self.folder) for at in chosen]

    def text(self, row: int, rng: np.random.Generator) -> str:
        """Return some of the entry's words, as a person might search for them."""
        return words_of(self.entries[row], rng)


def family_of(entry: CatalogueEntry) -> str:
    """Return what an entry is held out with: its family, or itself."""
    return f"family {entry.family}" if entry.family else entry.entry_id


def is_held_out(entry: CatalogueEntry) -> bool:
    """Say whether an entry is for validation: one family in eight, by its name, so that it stays so for ever."""
    return hashlib.sha256(family_of(entry).encode()).digest()[0] < HELD_OUT


def parted(entries: Sequence[CatalogueEntry]) -> tuple[list[CatalogueEntry], list[CatalogueEntry]]:
    """Return entries to train on and to validate on, families whole; at least one family on each side of two."""
    held = {family_of(entry) for entry in entries if is_held_out(entry)}
    families = sorted({family_of(entry) for entry in entries})
    if len(families) > 1 and not held:
        held = {families[0]}
    elif len(families) > 1 and len(held) == len(families):
        held.discard(families[0])
    return (
        [entry for entry in entries if family_of(entry) not in held],
        [entry for entry in entries if family_of(entry) in held],
    )


def words_of(entry: CatalogueEntry, rng: np.random.Generator | None = None) -> str:
    """Return the words of an entry in both languages; with a generator, some of its fields in any order."""
    fields = [entry.title, entry.title_en, " ".join(entry.theme), entry.series, " ".join(entry.inscriptions)]
    fields = [field for field in fields if field]
    if rng is not None and fields:
        fields = [fields[int(at)] for at in rng.permutation(len(fields))[: int(rng.integers(1, len(fields) + 1))]]
    return " ".join(fields)


def cutout(photo: Path, folder: Path) -> UInt8Image:
    """Return a photo's pin as RGBA of at most `KEPT` pixels, opaque all over where no outline is found.

    Raises PhotoError for a picture that cannot be read.
    """
    kept = folder / f"{photo.stem}.png"
    if kept.exists():
        held = cv2.imread(str(kept), cv2.IMREAD_UNCHANGED)
        if held is not None and held.ndim == 3 and held.shape[2] == 4:
            return np.ascontiguousarray(held[:, :, [2, 1, 0, 3]])
    crop = crops.single(open_photo(photo))
    mask: UInt8Image = np.full(crop.image.shape[:2], 255, np.uint8)
    if crop.outline is not None:
        mask[:] = 0
        cv2.fillPoly(mask, [np.round(crop.outline).astype(np.int32)], 255)
        mask[0, 0] = 0  # see-through somewhere, also where the pin fills the picture
    picture: UInt8Image = np.dstack([crop.image, mask])
    factor = min(1.0, KEPT / max(mask.shape))
    shape = (max(8, round(mask.shape[1] * factor)), max(8, round(mask.shape[0] * factor)))
    small: UInt8Image = np.asarray(cv2.resize(picture, shape, interpolation=cv2.INTER_AREA), np.uint8)
    make_folder(folder, cure=HERE)
    write_whole(kept, encode_png(small), cure=HERE)
    return small


def photos_of(catalogue: Catalogue) -> dict[str, list[Path]]:
    """Return the readable face photos of every entry, and after them the photos that people said show it."""
    found: dict[str, list[Path]] = {}
    for image in catalogue.images(role=Role.FACE):
        path = catalogue.picture_path(image)
        if path.is_file():
            found.setdefault(image.entry_id, []).append(path)
    for path, entry_id in corrected_queries(catalogue):
        if entry_id is not None:
            found.setdefault(entry_id, []).append(path)
    return found


def _flat(groups: Sequence[Sequence[int]], rng: np.random.Generator) -> list[int]:
    return [row for group in rng.permutation(len(groups)) for row in groups[int(group)]]


class Views(IterableDataset[tuple[Tensor, list[str]]]):
    """Batches of a source from step `start` on: (pairs, 2, size, size, 3) uint8 and a text each.

    Of several processes each makes its own share of every batch, places `rank`, `rank + ranks`, and so on.
    """

    def __init__(
        self,
        source: Source,
        pairs: int,
        size: int,
        seed: int,
        steps: int,
        start: int = 0,
        prints: Sequence[UInt8Image] = (),
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.source, self.pairs, self.size, self.seed = source, pairs, size, seed
        self.steps, self.start, self.rank, self.ranks = steps, start, rank, ranks
        rng = np.random.default_rng((seed, 0, 0, 2))
        self.backdrops = augment.grounds(rng, _BACKDROPS, _BACKDROP, prints)

    def __iter__(self) -> Iterator[tuple[Tensor, list[str]]]:
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        for step in range(self.start + worker, self.steps, workers):
            yield self.batch(step)

    def rows(self, step: int) -> list[int]:
        """Return the things of a step, each once: whole groups, in an order that is drawn anew every time round."""
        count = len(self.source)
        wanted = min(self.pairs, count) // self.ranks * self.ranks
        turn, place = divmod(step * wanted, count)
        rows = dict.fromkeys(self._order(turn)[place : place + wanted])
        for row in self._order(turn + 1) if len(rows) < wanted else ():
            if len(rows) < wanted:
                rows.setdefault(row)
        return list(rows)

    def _order(self, turn: int) -> list[int]:
        return self.source.round(np.random.default_rng((self.seed, turn, 0, 1)))

    def batch(self, step: int) -> tuple[Tensor, list[str]]:
        """Return the batch of a step, this process's share of it."""
        pictures, texts = [], []
        for place, row in enumerate(self.rows(step)):
            if place % self.ranks != self.rank:
                continue
            rng = np.random.default_rng((self.seed, step, place, 0))
            cutouts = self.source.cutouts(row, rng)
            pictures.append(np.stack(augment.pair(cutouts, rng, self.size, self.backdrops)))
            texts.append(self.source.text(row, rng))
        return torch.from_numpy(np.stack(pictures)), texts
