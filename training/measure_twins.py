"""Measures how well the network of twins tells drawn pins from their variants, by what they differ in.

Run as `python -m training.measure_twins DESIGNS [NETWORK]`, with the folder of `training.designs` and of a network,
the shipped one where none is named. The pins are struck from designs that `training.twins` holds out, each pair in two
drawn lights and by two drawn cameras; half of the pairs of a kind show one pin twice. The figure is the area under the
ROC curve.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from recognizer.measuring.metrics import auroc
from recognizer.vision.comparing.variants import SHIPPED, Twins, load
from training import designs, twins

KINDS: Final = ("plating", "enamel", "digit", "word", "detail")
_SEED: Final = 11


def measure(network: Twins, drawn: Sequence[designs.Design], kind: str, pairs: int) -> float:
    """Return the area under the ROC curve over so many pairs, of pins that differ in this kind and of single pins."""
    said: list[NDArray[np.float32]] = []
    at = 0
    while len(said) < pairs // 2:
        rng = np.random.default_rng((_SEED, KINDS.index(kind), at))
        made = twins.struck(drawn[at % len(drawn)].read(), rng, kind)
        at += 1
        if made is not None:
            both = [twins.pair(made, rng, same)[0] for same in (True, False)]
            said.append(network.same(np.stack(both)))
    same, other = np.stack(said).T
    return round(float(auroc(same, other)), 4)


@click.command(help=__doc__.split("\n")[0] if __doc__ else "")
@click.argument("folder_of_designs", type=click.Path(path_type=Path))
@click.argument("network", type=click.Path(path_type=Path), default=SHIPPED)
@click.option("--pairs", default=400, show_default=True, help="Pairs of each kind.")
def main(folder_of_designs: Path, network: Path, pairs: int) -> None:
    """Strike, ask, print a line a kind."""
    held, asked = twins.held_out(designs.build(folder_of_designs)), load(network)
    for kind in KINDS:
        click.echo(json.dumps({"kind": kind, "pairs": pairs, "auroc": measure(asked, held, kind, pairs)}))


if __name__ == "__main__":
    main()
