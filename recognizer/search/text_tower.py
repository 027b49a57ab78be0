"""The small text tower: words in any language to vectors, from the pieces of the words.

A catalogue has thousands of short titles and inscriptions in Russian and English, inflected, misspelt, abbreviated,
full of names. Pieces of three to five letters meet "ракета", "ракеты" and "ракетой" in one place, need no tokenizer,
and a table of them learns on a CPU in the minutes that a catalogue gives it (Bojanowski et al. 2017). A transformer
from scratch would not, and the towers of open_clip read English only or weigh a hundred times the image tower.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recognizer.search import word_weights
from recognizer.search.word_pieces import BUCKETS, pieces
from recognizer.search.word_weights import STEEP

WIDTH: Final = 96


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
        self.register_buffer("spread", torch.from_numpy(word_weights.signs(2 * width + 1, wide)), persistent=False)

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
        across = STEEP * meanings @ self.spread[:-1] + self.spread[-1]
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


def packed(tower: TextTower) -> dict[str, NDArray[Any]]:
    """Return a tower's weights small, see `word_weights.packed`."""
    return word_weights.packed({name: value.cpu().numpy() for name, value in tower.state_dict().items()})


def fill(tower: TextTower, held: Mapping[str, NDArray[Any]]) -> TextTower:
    """Fill a tower with weights, plain or as `packed` made them, and return it; RuntimeError for another tower's."""
    tower.load_state_dict({name: torch.from_numpy(value) for name, value in word_weights.unpacked(held).items()})
    return tower
