"""The small text tower: words in any language to vectors, from the pieces of the words.

A catalogue has thousands of short titles and inscriptions in Russian and English, inflected, misspelt, abbreviated,
full of names. Pieces of three to five letters meet "ракета", "ракеты" and "ракетой" in one place, need no tokenizer,
and a table of them learns on a CPU in the minutes that a catalogue gives it (Bojanowski et al. 2017). A transformer
from scratch would not, and the towers of open_clip read English only or weigh a hundred times the image tower.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from recognizer.search.latin import latin

BUCKETS = 1 << 14
WIDTH = 96
_SHORTEST, _LONGEST = 3, 5
_TABLES, _SCALES = ("pieces.weight", "inmost.weight", "out.weight"), ".scales"
_STEEP = 4.0  # how far apart meanings are spread before the features are cut at 0


class TextTower(nn.Module):
    """Texts to (n, dim) rows: the mean of their pieces' vectors, through a layer of twice the `width`, to the rows.

    With `one_spelling` words are brought to Latin letters first, see `latin`. With `wide` the layer's numbers are
    spread over that many fixed random features (Rahimi and Recht 2007) and brought back through `rank` numbers: room
    for what tens of thousands of names look like, found in closed form, see `training.words.learning`.
    """

    def __init__(
        self,
        dim: int,
        buckets: int = BUCKETS,
        width: int = WIDTH,
        one_spelling: bool = False,
        wide: int = 0,
        rank: int = 0,
    ) -> None:
        super().__init__()
        self.buckets, self.width, self.dim = buckets, width, dim
        self.one_spelling, self.wide, self.rank = one_spelling, wide, rank
        self.pieces = nn.EmbeddingBag(buckets, width, mode="mean")
        self.hidden = nn.Linear(width, 2 * width)
        self.inmost = nn.Linear(wide, rank) if wide else nn.Identity()
        self.out = nn.Linear(rank if wide else 2 * width, dim)
        self.spread: Tensor
        self.register_buffer("spread", _signs(2 * width + 1, wide), persistent=False)

    @property
    def form(self) -> dict[str, int | bool]:
        """What the constructor takes to make such a tower."""
        form: dict[str, int | bool] = {"dim": self.dim, "buckets": self.buckets, "width": self.width}
        further = {"one_spelling": self.one_spelling, "wide": self.wide, "rank": self.rank}
        return form | {name: value for name, value in further.items() if value}

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Return the rows of texts, not normalised; an empty text has the row of no pieces."""
        inner = self.inner(self.pieces_of(texts))
        if self.wide:
            inner = self.inmost(self.features(nn.functional.normalize(inner, dim=1)))
        rows: Tensor = self.out(inner)
        return rows

    def features(self, meanings: Tensor) -> Tensor:
        """Return the fixed random features (n, wide) of meanings (n, 2 * width)."""
        across = _STEEP * meanings @ self.spread[:-1] + self.spread[-1]
        return nn.functional.relu(across) / math.sqrt(self.wide)

    def meanings(self, texts: Sequence[str]) -> Tensor:
        """Return unit rows (n, 2 * width) of texts to compare with each other: near where they say the same.

        In a tower that was trained for it, in whatever languages they say it.
        """
        return nn.functional.normalize(self.inner(self.pieces_of(texts)), dim=1)

    def pieces_of(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the numbers of the pieces of each text."""
        return [pieces(text, self.buckets, self.one_spelling) for text in texts]

    def inner(self, found: Sequence[Sequence[int]]) -> Tensor:
        """Return the rows (n, 2 * width) of the layer after the pieces, from the numbers of the texts' pieces."""
        starts = torch.tensor([0, *(len(one) for one in found)][:-1]).cumsum(0)
        flat = torch.tensor([piece for one in found for piece in one], dtype=torch.long)
        device = self.out.weight.device
        inner: Tensor = nn.functional.gelu(self.hidden(self.pieces(flat.to(device), starts.to(device))))
        return inner


def _signs(rows: int, columns: int) -> Tensor:
    """Return (rows, columns) of 1 and -1 that are the same on every machine: bits of SplitMix64 of their numbers."""
    with np.errstate(over="ignore"):
        mixed = (np.arange(1, rows * columns + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    bits = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(63)).astype(np.float32)
    return torch.from_numpy(2 * bits - 1).view(rows, columns)


def pieces(text: str, buckets: int = BUCKETS, one_spelling: bool = False) -> list[int]:
    """Return the numbers, below `buckets`, of a text's words and of their pieces; case and ё do not count.

    With `one_spelling` the words are brought to Latin letters first, see `latin`.
    """
    plain = latin(text) if one_spelling else text.casefold().replace("ё", "е")
    cleaned = "".join(letter if letter.isalnum() else " " for letter in plain)
    return [piece for word in cleaned.split() for piece in _of_word(word, buckets)]


@lru_cache(maxsize=1 << 16)
def _of_word(word: str, buckets: int) -> tuple[int, ...]:
    framed = f"<{word}>"
    parts = {framed}
    for size in range(_SHORTEST, _LONGEST + 1):
        parts.update(framed[at : at + size] for at in range(len(framed) - size + 1))
    return tuple(sorted(zlib.crc32(part.encode()) % buckets for part in parts))


def packed(tower: TextTower) -> dict[str, Tensor]:
    """Return a tower's weights small: the large tables as int8 with a scale for each row, the rest as float16."""
    found: dict[str, Tensor] = {}
    for name, value in tower.state_dict().items():
        if name in _TABLES:
            scales = (value.abs().amax(dim=1, keepdim=True) / 127).clamp_min(1e-6)
            found |= {name: (value / scales).round().to(torch.int8), name + _SCALES: scales.half()}
        else:
            found[name] = value.half().contiguous()
    return found


def unpacked(held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a tower, float32, from what `packed` made of them, or from plain ones."""
    found = {name: value.float() for name, value in held.items() if not name.endswith(_SCALES)}
    return {name: value * held[name + _SCALES] if name + _SCALES in held else value for name, value in found.items()}
