"""What the embedder learns from: contrast of pairs, and an entropy term that keeps different pins apart."""

from __future__ import annotations

from typing import Final

import torch
from open_clip.loss import ClipLoss
from torch import Tensor
from torch.nn import functional

_NEAREST: Final = 1e-4  # distances below count as this, so that the logarithm stays finite


def contrast(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return the symmetric InfoNCE of unit rows (n, dim), row i of one belonging to row i of the other.

    It is open_clip's `ClipLoss`, for two views of a pin as for a picture and its text (van den Oord et al. 2018,
    Radford et al. 2021).
    """
    loss: Tensor = ClipLoss()(first, second, 1 / temperature)
    return loss


def crowding(first: Tensor, second: Tensor) -> Tensor:
    """Return the negative differential entropy of unit rows (n, dim) by Kozachenko and Leonenko, as SSCD uses it.

    It is the mean negative logarithm of the distance to the nearest row of another pin: high where pins crowd
    together (Sablayrolles et al. 2019, Pizzi et al. 2022).
    """
    rows = functional.normalize(torch.cat([first, second]), dim=1)
    cosines = rows @ rows.T
    count = len(first)
    own = torch.arange(count, device=rows.device).repeat(2)
    cosines = cosines.masked_fill(own[:, None] == own[None, :], -1.0)
    distance = (2 - 2 * cosines.amax(dim=1)).clamp_min(_NEAREST**2).sqrt()
    return -distance.log().mean()
