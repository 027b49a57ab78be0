"""How near training and embedding come to bare loops over the network, on the same batches and in one run.

    python benchmarks/throughput.py              drawn pins, the base that ships
    python benchmarks/throughput.py --json

Training is `training.train.train` as `znachki train` calls it, its views drawn by a process of its own; its bare loop
has all views ready and does forward, loss, backward and the optimiser's step alone. Embedding is `Embedder.embed_zooms`
from pictures on; its bare loop has the network's input ready. Both loops compute in the same numbers with the same
layers learning. Rounds of the two go in turn, the medians are compared: a share of 1 would be no loss at all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from recognizer.catalogue.imports import import_csv
from recognizer.catalogue.store import Catalogue
from recognizer.drawn import sample
from recognizer.measuring.machine import machine
from recognizer.networks.processor import computes_bfloat16
from recognizer.search import embedder, trunks
from recognizer.search.embedder import padded, zoomed
from training import descent, loss
from training.data import CatalogueSource, Views, photos_of
from training.train import Plan, prepared, train

ENTRIES = 60
PHOTOS = 32
ROUNDS = 5
STEPS = 12  # of a round of training, after some that are not counted
WARM = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the network")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    found: dict[str, Any] = {"machine": machine(), "threads": asked.threads, "embedding": embedding()}
    with tempfile.TemporaryDirectory() as folder:
        found["training"] = training(Path(folder), asked.threads)
    print(json.dumps(found, indent=2) if asked.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


def compared(ours: Callable[[], float], bare: Callable[[], float]) -> dict[str, float]:
    """Seconds of both, medians of rounds that go in turn, and the share of the bare loop's speed."""
    rounds = [(ours(), bare()) for _ in range(ROUNDS)]
    one, other = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {"ours_s": round(one, 3), "bare_s": round(other, 3), "share": round(other / one, 3)}


def embedding() -> dict[str, float]:
    """Embed some photos, of which each has its zooms."""
    model, network = embedder.load(), trunks.trunk(embedder.BASE)
    pictures = [sample.catalogue_view(at) for at in range(PHOTOS)]
    parts = [zoomed(picture, zoom) for picture in pictures for zoom in embedder.ZOOMS]
    stacked = np.stack([padded(part, model.preprocessing.size) for part in parts])
    inputs = [
        prepared(torch.from_numpy(rows), network.form) for rows in np.split(stacked, len(stacked) // embedder.BATCH)
    ]
    tower = network.pictures.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def ours() -> float:
        start = time.perf_counter()
        model.embed_zooms(pictures)
        return time.perf_counter() - start

    def bare() -> float:
        start = time.perf_counter()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=computes_bfloat16()):
            for batch in inputs:
                tower(batch)
        return time.perf_counter() - start

    ours(), bare()
    return compared(ours, bare)


def training(folder: Path, threads: int) -> dict[str, float]:
    """Train on drawn pins, some steps a round."""
    files = sample.write(folder / "sample", ENTRIES, known=1, lacking=0)
    with Catalogue.open(folder / "data", create=True) as catalogue:
        import_csv(catalogue, files.catalogue)
        source = CatalogueSource(list(catalogue.entries()), photos_of(catalogue), folder / "cutouts")
    steps = WARM + STEPS
    plan = Plan(steps=steps, head_steps=0, every=steps, threads=threads)
    views = Views(source, plan.pairs, plan.size, plan.seed, steps)
    ready = [views.batch(step)[0] for step in range(steps)]
    at = 0

    def ours() -> float:
        nonlocal at
        at += 1
        times: list[float] = []
        told = lambda _done, _end: times.append(time.perf_counter())  # noqa: E731
        train(trunks.trunk(embedder.BASE), source, source, plan, folder / f"run-{at}", progress=told)
        return times[-1] - times[WARM - 1]

    def bare() -> float:
        network = trunks.trunk(embedder.BASE)
        network.network.requires_grad_(True).eval().to(memory_format=torch.channels_last)
        descent.part_frozen(network.visual, quick=True)
        learnt = [weight for weight in network.network.parameters() if weight.requires_grad]
        optimiser = torch.optim.AdamW(learnt, lr=1e-5)
        start = 0.0
        for step, pictures in enumerate(ready):
            if step == WARM:
                start = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=computes_bfloat16()):
                rows = network.visual(prepared(pictures.flatten(0, 1), network.form))
            pairs = torch.nn.functional.normalize(rows.float(), dim=1).view(len(pictures), 2, -1)
            loss.contrast(pairs[:, 0], pairs[:, 1], plan.temperature).backward()
            optimiser.step()
            optimiser.zero_grad()
        return time.perf_counter() - start

    views_alone = drawing(views, plan)
    return compared(ours, bare) | {"views_alone_s": views_alone}


def drawing(views: Views, plan: Plan) -> float:
    """Seconds of drawing the views of a round by one process, with nothing else to do."""
    start = 0.0
    for step, _ in enumerate(DataLoader(views, None, num_workers=plan.workers)):
        if step == WARM - 1:
            start = time.perf_counter()
    return round(time.perf_counter() - start, 3)


if __name__ == "__main__":
    main()
