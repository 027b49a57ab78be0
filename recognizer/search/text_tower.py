"""The small text tower: words in any language to vectors, from the pieces of the words.

A catalogue has thousands of short titles and inscriptions in Russian and English, inflected, misspelt, abbreviated,
full of names. Pieces of three to five letters meet "ракета", "ракеты" and "ракетой" in one place, need no tokenizer,
and a table of them learns on a CPU in the minutes that a catalogue gives it (Bojanowski et al. 2017). A transformer
from scratch would not, and the towers of open_clip read English only or weigh a hundred times the image tower.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from recognizer.search.word_pieces import BUCKETS, pieces

WIDTH: Final = 96


class TextTower(nn.Module):
    """Texts to (n, dim) rows: the mean of their pieces' vectors, through one layer of `width`."""

    def __init__(self, dim: int, buckets: int = BUCKETS, width: int = WIDTH) -> None:
        super().__init__()
        self.buckets, self.width, self.dim = buckets, width, dim
        self.pieces = nn.EmbeddingBag(buckets, width, mode="mean")
        self.hidden = nn.Linear(width, 2 * width)
        self.out = nn.Linear(2 * width, dim)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Return the rows of texts, not normalised; an empty text has the row of no pieces."""
        found = [pieces(text, self.buckets) for text in texts]
        starts = torch.tensor([0, *(len(one) for one in found)][:-1]).cumsum(0)
        flat = torch.tensor([piece for one in found for piece in one], dtype=torch.long)
        device = self.out.weight.device
        mean = self.pieces(flat.to(device), starts.to(device))
        rows: Tensor = self.out(nn.functional.gelu(self.hidden(mean)))
        return rows
