"""The small text tower: words in any language to vectors, from the pieces of the words.

A catalogue has thousands of short titles and inscriptions in Russian and English, inflected, misspelt, abbreviated,
full of names. Pieces of three to five letters meet "ракета", "ракеты" and "ракетой" in one place, need no tokenizer,
and a table of them learns on a CPU in the minutes that a catalogue gives it (Bojanowski et al. 2017). A transformer
from scratch would not, and the towers of open_clip read English only or weigh a hundred times the image tower.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

BUCKETS = 1 << 14
WIDTH = 96
_SHORTEST, _LONGEST = 3, 5


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


def pieces(text: str, buckets: int = BUCKETS) -> list[int]:
    """Return the numbers, below `buckets`, of a text's words and of their pieces; case and ё do not count."""
    found: list[int] = []
    cleaned = "".join(letter if letter.isalnum() else " " for letter in text.casefold().replace("ё", "е"))
    for word in cleaned.split():
        framed = f"<{word}>"
        parts = {framed}
        for size in range(_SHORTEST, _LONGEST + 1):
            parts.update(framed[at : at + size] for at in range(len(framed) - size + 1))
        found.extend(sorted(zlib.crc32(part.encode()) % buckets for part in parts))
    return found
