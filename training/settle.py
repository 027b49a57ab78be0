"""A last map for an embedder, found from the catalogue in closed form: what views of one pin differ in counts less.

Two views of one pin differ in light, ground, turn and detail, and those differences lie along some directions of the
embedding more than along others. The map evens them out: it is the inverse root of their scatter (within-class
whitening: Hatch and Stolcke 2006; for retrieval Mikolajczyk and Matas 2007), the scatter shrunk towards an even one,
so that few pins do not decide about directions that they say nothing of. It has no centre: taking the catalogue's mean
away helps its own pins and harms others. Which pin is which is not learnt, and the network stays as it is: what it
knows of other pins is kept, which training by gradient on a small catalogue loses.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, distributed
from torch.utils.data import DataLoader

from recognizer.files import HERE, beside
from recognizer.search.text_tower import TextTower
from recognizer.search.trunks import LastMap, rooted
from training.data import Views

SHRUNK: Final = 3.0
"""How much of an even scatter is added, as a multiple of the mean over all directions. On drawn photographs of 38
entries of `pins/` that were held out recall at 1 was .74 for roots alone, and with a map .75 for 3, .72 for 1 and .67
for .3."""

_RIDGE: Final = 0.1  # of the mean square of a row


def evening(scatter: Tensor, shrunk: float = SHRUNK) -> Tensor:
    """Return the symmetric map (dim, dim) that evens out a scatter (dim, dim); all alike stays as it is."""
    values, directions = torch.linalg.eigh(scatter.double())
    values = values.clamp_min(0)
    mean = values.mean().clamp_min(torch.finfo(torch.float64).tiny)
    scales = ((values / mean + shrunk) / (1 + shrunk)).rsqrt()
    found: Tensor = directions * scales @ directions.T
    return found.float()


def scatter_of(
    views: Views, rows: Callable[[Tensor], Tensor], workers: int = 0, progress: Callable[[int], None] | None = None
) -> Tensor:
    """Return the scatter (dim, dim) float32 of the differences between the two views of each pair, over all processes.

    `rows` gives what the image tower makes of pictures, one row each; `progress` is called with the batches done.
    """
    total = torch.zeros(0)
    for done, (pictures, _) in enumerate(DataLoader(views, None, num_workers=workers), 1):
        with torch.no_grad():
            first, second = rooted(rows(pictures.flatten(0, 1))).view(len(pictures), 2, -1).unbind(1)
        apart = first - second
        total = apart.T @ apart + (total if len(total) else 0)
        if progress:
            progress(done)
    if distributed.is_initialized() and distributed.get_world_size() > 1:
        distributed.all_reduce(total)
    return total


def realigned(text: TextTower, before: Tensor, after: Tensor) -> TextTower:
    """Return a text tower that says of pictures after a change of their rows what `text` said of them before.

    `before` and `after` (n, dim) are unit rows of the same pictures. The last layer is brought along by ridge
    regression: its products with the rows before are what those with the rows after are to be.
    """
    same = after @ after.T
    ridge = _RIDGE * same.diagonal().mean() * torch.eye(len(same))
    brought = after.T @ torch.linalg.solve(same + ridge, before)  # (dim after, dim before)
    found = TextTower(**{**text.form, "dim": after.shape[1]})  # type: ignore[arg-type]
    weights = text.state_dict()
    found.load_state_dict(weights | {name: brought @ weights[name] for name in ("out.weight", "out.bias")})
    return found


def last_map(
    views: Views,
    rows: Callable[[Tensor], Tensor],
    file: Path,
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
) -> LastMap:
    """Find the last map from pairs of views, or read the one that a killed run had found and kept in `file`."""
    if file.exists():
        weight = load_file(file)["weight"]
    else:
        weight = evening(scatter_of(views, rows, workers, progress).cpu())
        if views.rank == 0:
            with beside(file, cure=HERE) as draft:
                save_file({"weight": weight.contiguous()}, draft)
    last = LastMap(len(weight))
    last.load_state_dict({"map.weight": weight})
    return last
