"""The small text tower: words in any language to vectors, from the pieces of the words.

A catalogue has thousands of short titles and inscriptions in Russian and English, inflected, misspelt, abbreviated,
full of names. Pieces of three to five letters meet "ракета", "ракеты" and "ракетой" in one place, need no tokenizer,
and a table of them learns on a CPU in the minutes that a catalogue gives it (Bojanowski et al. 2017). A transformer
from scratch would not, and the towers of open_clip read English only or weigh a hundred times the image tower.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

from recognizer.search.latin import latin

BUCKETS = 1 << 14
WIDTH = 96
_SHORTEST, _LONGEST = 3, 5
_PIECES, _SCALES = "pieces.weight", "pieces.scales"


class TextTower(nn.Module):
    """Texts to (n, dim) rows: the mean of their pieces' vectors, through one layer of `width`."""

    def __init__(self, dim: int, buckets: int = BUCKETS, width: int = WIDTH, one_spelling: bool = False) -> None:
        super().__init__()
        self.buckets, self.width, self.dim, self.one_spelling = buckets, width, dim, one_spelling
        self.pieces = nn.EmbeddingBag(buckets, width, mode="mean")
        self.hidden = nn.Linear(width, 2 * width)
        self.out = nn.Linear(2 * width, dim)

    @property
    def form(self) -> dict[str, int | bool]:
        """What the constructor takes to make such a tower."""
        spelling = {"one_spelling": True} if self.one_spelling else {}
        return {"dim": self.dim, "buckets": self.buckets, "width": self.width, **spelling}

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Return the rows of texts, not normalised; an empty text has the row of no pieces."""
        rows: Tensor = self.out(self.inner(self.pieces_of(texts)))
        return rows

    def meanings(self, texts: Sequence[str]) -> Tensor:
        """Return unit rows (n, 2 * width) of texts to compare with each other: near where they say the same.

        In a tower that was trained for it, in whatever languages they say it.
        """
        return nn.functional.normalize(self.inner(self.pieces_of(texts)), dim=1)

    def pieces_of(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the numbers of the pieces of each text."""
        return [pieces(text, self.buckets, self.one_spelling) for text in texts]

    def inner(self, found: Sequence[Sequence[int]]) -> Tensor:
        """Return the rows (n, 2 * width) of the last but one layer, from the numbers of the texts' pieces."""
        starts = torch.tensor([0, *(len(one) for one in found)][:-1]).cumsum(0)
        flat = torch.tensor([piece for one in found for piece in one], dtype=torch.long)
        device = self.out.weight.device
        inner: Tensor = nn.functional.gelu(self.hidden(self.pieces(flat.to(device), starts.to(device))))
        return inner


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
    """Return a tower's weights small: its pieces as int8 with a scale each, the layers as float16."""
    held = {name: value.detach().half().contiguous() for name, value in tower.state_dict().items()}
    rows = tower.pieces.weight.detach()
    scales = (rows.abs().amax(dim=1, keepdim=True) / 127).clamp_min(1e-6)
    return held | {_PIECES: (rows / scales).round().to(torch.int8), _SCALES: scales.half()}


def unpacked(held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a tower, float32, from what `packed` made of them, or from plain ones."""
    found = {name: value.float() for name, value in held.items()}
    scales = found.pop(_SCALES, None)
    if scales is not None:
        found[_PIECES] = found[_PIECES] * scales
    return found
