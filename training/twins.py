"""Trains the network that parts a pin from its variants, on struck designs and drawn variants of them.

A design is struck as a pin (`render.strike`); `varied` makes another pin of it: other plating, other enamel, another
word or year, another detail. Photographs of one pin are pairs that are the same, a photograph of it and one of a
variant are not, and where the two differ is known. Pairs lie over one another as `alignment` lays a catalogue photo
over a crop, a little off, in other light, resolution and wear.

Run as `python -m training.twins DESIGNS OUT`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from recognizer.measuring.metrics import auroc
from recognizer.networks.twin_net import STRIDE, TwinNet
from recognizer.networks.weights import fill, write
from recognizer.types import Mask, UInt8Image
from recognizer.vision.comparing.variants import SIDE, paired
from training import descent, designs
from training.pictures import render
from training.pictures.grounds import Field, colour, noise
from training.pictures.render import ENAMELS, METALS, Pin

SPRITE: Final = 176  # side of a struck pin in pixels, a little over what the network is shown of it
_CHROMES: Final = ((0.25, 0.35, 0.85), (0.75, 0.3, 0.75), (0.2, 0.65, 0.6), (0.9, 0.5, 0.55), (0.95, 0.95, 0.95))
_APART: Final = 0.22  # between two colours (RGB 0 to 1) that a collector would call different
_LOOKS: Final = 3  # photographs' worth of light that a pin is kept in
_KINDS: Final = {"plating": 0.34, "enamel": 0.32, "all enamel": 0.06, "word": 0.16, "detail": 0.12}
_HELD_OUT: Final = 50  # every so many-th design
_LETTERED: Final = ("digit", "word")
_LEAST: Final = 0.004  # of the picture that a variant differs in
_LEAST_OF_DIGITS: Final = 0.0015


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does; the same plan gives the same curve on the same machine."""

    steps: int = 1800
    batch: int = 64
    rate: float = 2e-3
    pins: int = 2500
    digits: float = 0.0
    seed: int = 0
    workers: int = 1
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Struck:
    """A pin in a few lights and a variant in a few more, (looks, s, s, 4) uint8 each, and where they differ (s, s)."""

    pin: UInt8Image
    variant: UInt8Image
    differs: Mask


def struck(design: UInt8Image, rng: np.random.Generator, kind: str = "", digits: float = 0.0) -> Struck | None:
    """Strike a design and a variant of it, of this `kind` or one by chance, of which a share of `digits` differ in one
    digit alone; None where the variant could not be told from it, or where the pin has nothing that could vary so."""
    pin = render.strike(design, rng, SPRITE)
    shares = [share * (1 - digits) for share in _KINDS.values()]
    wanted = kind or str(rng.choice([*_KINDS, "digit"], p=[*shares, digits]))
    if wanted in _LETTERED:
        pin, variant = _lettered(pin, rng, digit=wanted == "digit")
    elif kind and not _can_vary(pin, kind):
        return None
    else:
        variant = varied(pin, rng, wanted)
    apart = np.abs(pin.albedo - variant.albedo).max(axis=2) + np.abs(pin.metal - variant.metal)
    differs = (apart > 0.15) & (pin.mask > 0.5)
    if differs.mean() < (_LEAST_OF_DIGITS if wanted == "digit" else _LEAST):
        return None
    return Struck(
        np.stack([_tinted(pin, rng) for _ in range(_LOOKS)]),
        np.stack([_tinted(variant, rng) for _ in range(_LOOKS - 1)]),
        differs,
    )


def _can_vary(pin: Pin, kind: str) -> bool:
    """Whether `varied` would make this kind, and no other in its place."""
    plated, enamelled = (pin.metal > 0.7).mean() > 0.01, ((pin.metal < 0.3) & (pin.mask > 0.5)).mean() > 0.02
    return bool({"plating": plated, "enamel": enamelled, "all enamel": enamelled}.get(kind, True))


def varied(pin: Pin, rng: np.random.Generator, kind: str) -> Pin:
    """Return a pin that a collector counts as another one: `kind` is "plating", "enamel", "all enamel" or "detail"."""
    if kind == "plating" and (pin.metal > 0.7).mean() > 0.01:
        return _replated(pin, rng)
    if kind == "detail":
        return _detailed(pin, rng)
    return _recoloured(pin, rng, whole=kind == "all enamel")


def _replated(pin: Pin, rng: np.random.Generator) -> Pin:
    old = pin.albedo[pin.metal > 0.7].mean(axis=0)
    platings = [np.array(metal, np.float32) for metal in (*METALS.values(), *_CHROMES)]
    far = [metal for metal in platings if np.abs(metal - old).max() > _APART]
    shift = far[int(rng.integers(len(far)))] - old
    if rng.random() < 0.12:  # an anodised rainbow
        side = pin.metal.shape[0]
        waves = np.stack([noise(rng, side, side, side / 2) for _ in range(3)], axis=2)
        shift = shift + 0.5 * waves
    return replace(pin, albedo=np.clip(pin.albedo + shift * pin.metal[:, :, None], 0, 1).astype(np.float32))


def _recoloured(pin: Pin, rng: np.random.Generator, whole: bool) -> Pin:
    enamel = (pin.metal < 0.3) & (pin.mask > 0.5)
    if enamel.mean() < 0.01:
        return _replated(pin, rng)
    albedo = pin.albedo.copy()
    if whole:
        hsv = cv2.cvtColor(np.ascontiguousarray(albedo), cv2.COLOR_RGB2HSV)
        hsv[:, :, 0] = (hsv[:, :, 0] + rng.uniform(50, 310)) % 360
        turned = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        return replace(pin, albedo=_laid(albedo, turned, 1 - pin.metal))
    levels = np.round(albedo[enamel] * 12).astype(np.int64) @ np.array([1, 16, 256])
    found, counts = np.unique(levels, return_counts=True)
    large = found[counts > 0.006 * enamel.size]
    if not len(large):
        return _replated(pin, rng)
    flat = np.full(enamel.shape, -1, np.int64)
    flat[enamel] = levels
    for level in rng.choice(large, min(len(large), int(rng.integers(1, 3))), replace=False):
        cells = (flat == level).astype(np.uint8)
        if rng.random() < 0.35:  # one cell of that colour only, a large one
            count, labels, stats, _ = cv2.connectedComponentsWithStats(cells)
            big = [at for at in range(1, count) if stats[at, cv2.CC_STAT_AREA] > 0.006 * cells.size]
            if big:
                cells = (labels == big[int(rng.integers(len(big)))]).astype(np.uint8)
        old = albedo[cells > 0].mean(axis=0)
        new = _other(old, rng)
        weight = cv2.GaussianBlur(cv2.dilate(cells, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), 0.6)
        albedo = _laid(albedo, np.clip(albedo + new - old, 0, 1), weight * (1 - pin.metal))
    return replace(pin, albedo=albedo)


def _other(old: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """An enamel that is not this one."""
    for _ in range(20):
        new = ENAMELS[int(rng.integers(len(ENAMELS)))] / 255 if rng.random() < 0.6 else colour(rng) / 255
        if np.abs(new - old).max() > _APART:
            return np.asarray(new, np.float32)
    return np.asarray(1 - old, np.float32)


def _laid(under: Field, over: Field, weight: Field) -> Field:
    mixed: Field = under + (over - under) * weight[:, :, None]
    return mixed.astype(np.float32)


def _detailed(pin: Pin, rng: np.random.Generator) -> Pin:
    """A part of the drawing replaced by another part of it, or left away."""
    side = pin.mask.shape[0]
    rows, columns = np.nonzero(pin.mask > 0.5)
    at = int(rng.integers(len(rows)))
    reach = rng.uniform(0.08, 0.2, 2) * side
    patch: Field = np.zeros((side, side), np.float32)
    centre, degrees = (int(columns[at]), int(rows[at])), float(rng.uniform(0, 180))
    cv2.ellipse(patch, centre, reach.astype(int).tolist(), degrees, 0, 360, 1.0, -1)
    patch = cv2.GaussianBlur(patch, (0, 0), 1.0) * pin.mask
    if rng.random() < 0.4:
        there = patch > 0.5
        flat: Field = np.median(pin.albedo[there], axis=0) if there.any() else pin.albedo.mean(axis=(0, 1))
        return replace(
            pin,
            albedo=_laid(pin.albedo, np.broadcast_to(flat, pin.albedo.shape), patch),
            metal=(pin.metal * (1 - patch)).astype(np.float32),
            height=(pin.height + (float(np.median(pin.height)) - pin.height) * patch).astype(np.float32),
        )
    turn = int(rng.integers(1, 4))
    albedo, metal, height = (np.rot90(layer, turn) for layer in (pin.albedo, pin.metal, pin.height))
    return replace(
        pin,
        albedo=_laid(pin.albedo, albedo, patch),
        metal=(pin.metal + (metal - pin.metal) * patch).astype(np.float32),
        height=(pin.height + (height - pin.height) * patch).astype(np.float32),
    )


def _lettered(pin: Pin, rng: np.random.Generator, *, digit: bool) -> tuple[Pin, Pin]:
    """The pin twice, with another word or year on the same field, or one `digit` of a year another one."""
    side = pin.mask.shape[0]
    height = int(side * rng.uniform(0.1, 0.2))
    if digit:
        text = str(int(rng.integers(1917, 1991)))
        at = int(rng.choice([1, 2, 3], p=[0.1, 0.4, 0.5]))
        words = [text, text[:at] + str(rng.choice([one for one in "0123456789" if one != text[at]])) + text[at + 1 :]]
    elif rng.random() < 0.5:
        year = int(rng.integers(1917, 1991))
        other = year + int(rng.choice([-50, -20, -10, -2, -1, 1, 2, 5, 10, 30]))
        words = [str(year), str(other)]
    else:
        words = [str(word) for word in rng.choice(render.WORDS, 2, replace=False)]
    field, ink = rng.uniform(0.05, 0.95, 3), rng.uniform(0.05, 0.95, 3)
    if np.abs(field - ink).max() < 0.3:
        ink = 1 - field
    metal = float(rng.random() < 0.5)
    place = (side * rng.uniform(0.3, 0.7), side * rng.uniform(0.25, 0.75))
    made = []
    for word in words:
        page = Image.new("L", (side, side))
        ImageDraw.Draw(page).text(place, word, fill=255, font=render.font(height), anchor="mm")
        letters = np.asarray(page, np.float32) / 255
        plate = np.zeros((side, side), np.float32)
        reach = height * 0.32 * max(map(len, words)) + 2, height * 0.62 + 1
        corners = [(int(place[0] + s * reach[0]), int(place[1] + s * reach[1])) for s in (-1, 1)]
        cv2.rectangle(plate, corners[0], corners[1], 1.0, -1)
        albedo = _laid(pin.albedo, np.broadcast_to(field, pin.albedo.shape).astype(np.float32), plate)
        made.append(
            replace(
                pin,
                albedo=_laid(albedo, np.broadcast_to(ink, pin.albedo.shape).astype(np.float32), letters),
                metal=np.maximum(pin.metal * (1 - plate), metal * letters).astype(np.float32),
                height=(pin.height * (1 - plate) + 1.5 * cv2.GaussianBlur(letters, (0, 0), 0.7)).astype(np.float32),
            )
        )
    return made[0], made[1]


def _tinted(pin: Pin, rng: np.random.Generator) -> UInt8Image:
    """The pin in one light, its metal mirroring a room that has colours."""
    sprite = render.lit(pin, rng)
    side = pin.mask.shape[0]
    if rng.random() < 0.6:
        waves = np.stack([noise(rng, side, side, side / rng.uniform(0.8, 4)) for _ in range(3)], axis=2)
        grey = waves.mean(axis=2, keepdims=True)
        tint = 1 + rng.uniform(0, 0.35) * grey + rng.uniform(0, 0.15) * (waves - grey)
        weight = pin.metal[:, :, None]
        rgb = sprite[:, :, :3].astype(np.float32)
        sprite[:, :, :3] = np.clip(rgb * (1 + (tint - 1) * weight), 0, 255)
    return sprite


def pair(made: Struck, rng: np.random.Generator, same: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a pair as the network sees it, (10, SIDE, SIDE), and where the pins differ, (SIDE / STRIDE,) * 2."""
    looks = rng.permutation(len(made.pin))
    first = made.pin[looks[0]]
    second = made.pin[looks[1]] if same else made.variant[int(rng.integers(len(made.variant)))]
    place = _place(first[:, :, 3], rng)
    shapes = [place, _off(rng) @ place]
    if rng.random() < 0.5:
        first, second = second, first
    pictures = []
    for sprite, move in zip((first, second), shapes, strict=True):
        pictures.append(_photo(sprite, move, rng))
    inside = cv2.warpPerspective((first[:, :, 3] > 127).astype(np.uint8), place, (SIDE, SIDE), flags=cv2.INTER_NEAREST)
    differs = cv2.warpPerspective(made.differs.astype(np.float32), place, (SIDE, SIDE))
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    chance = rng.random()
    if chance < 0.5 and contours:  # as the hull of keypoints is, a little off
        hull = cv2.convexHull(np.concatenate(contours))[:, 0].astype(np.float32)
        hull = hull.mean(axis=0) + (hull - hull.mean(axis=0)) * rng.uniform(0.9, 1.02)
        inside = cv2.fillPoly(np.zeros_like(inside), [np.round(hull).astype(np.int32)], 1)
    elif chance < 0.8:
        inside = cv2.erode(inside, np.ones((3, 3), np.uint8), iterations=int(rng.integers(1, 4)))
    if rng.random() < 0.1:  # a part lies outside of the picture, or under a finger
        normal, reach = rng.normal(0, 1, 2), SIDE * rng.uniform(0.15, 0.45)
        y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
        inside = inside * ((x * normal[0] + y * normal[1]) / np.linalg.norm(normal) < reach).astype(np.uint8)
    seen = inside > 0
    target = np.zeros((SIDE // STRIDE,) * 2, np.float32)
    if not same:
        cells = (differs * seen).reshape(SIDE // STRIDE, STRIDE, SIDE // STRIDE, STRIDE)
        target = (cells.mean(axis=(1, 3)) > 0.12).astype(np.float32)
    return paired(pictures[0], pictures[1], seen), target


def _place(alpha: UInt8Image, rng: np.random.Generator) -> NDArray[np.float64]:
    """Where the pin lies in the pair: turned, tilted, filling it."""
    side = alpha.shape[0]
    rows, columns = np.flatnonzero(alpha.max(axis=1) > 127), np.flatnonzero(alpha.max(axis=0) > 127)
    box = np.array(
        [[columns[0], rows[0]], [columns[-1], rows[0]], [columns[-1], rows[-1]], [columns[0], rows[-1]]], np.float32
    )
    turn = np.radians(rng.normal(0, 12) if rng.random() < 0.7 else rng.uniform(-180, 180))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    to = (box - side / 2 + rng.uniform(-0.05, 0.05, (4, 2)) * side) @ rotation.T
    low, high = to.min(axis=0), to.max(axis=0)
    to = (to - (low + high) / 2) * (SIDE * rng.uniform(0.75, 0.98) / (high - low).max()) + SIDE / 2
    return np.asarray(cv2.getPerspectiveTransform(box, to.astype(np.float32)), np.float64)


def _off(rng: np.random.Generator) -> NDArray[np.float64]:
    """How far the alignment is off: up to a few pixels at the corners."""
    corners = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], np.float32)
    spread = rng.choice([0.5, 1.2, 2.4], p=[0.4, 0.4, 0.2])
    moved = corners + rng.normal(0, spread, (4, 2)) + rng.normal(0, spread / 3, 2)
    return np.asarray(cv2.getPerspectiveTransform(corners, moved.astype(np.float32)), np.float64)


def _photo(sprite: UInt8Image, place: NDArray[np.float64], rng: np.random.Generator) -> UInt8Image:
    """Photograph a sprite in its place on a plain ground: light, colour cast, resolution, camera."""
    source = sprite.astype(np.float32)
    source[:, :, 3] /= 255
    source[:, :, :3] *= source[:, :, 3:]
    laid = cv2.warpPerspective(source, place, (SIDE, SIDE), flags=cv2.INTER_AREA)
    field: Field = np.full((SIDE, SIDE, 3), 0, np.float32) + colour(rng)
    field = field * (1 + 0.2 * noise(rng, SIDE, SIDE, rng.uniform(3, 40)))[:, :, None]
    field = field * (1 - laid[:, :, 3:]) + laid[:, :, :3]
    field = field * np.exp(rng.normal(0, 0.08, 3)).astype(np.float32)  # the light's colour
    field = 255 * np.clip(field / 255, 0, 2) ** np.float32(np.exp(rng.normal(0, 0.18)))
    grey = field.mean(axis=2, keepdims=True)
    field = grey + (field - grey) * np.float32(rng.uniform(0.65, 1.4))
    if rng.random() < 0.35:  # a lamp's reflection or a shadow over a part
        veil = np.clip(noise(rng, SIDE, SIDE, SIDE / rng.uniform(1, 5)) - 0.25, 0, 1)[:, :, None]
        field = field + (rng.uniform(40, 200) * veil if rng.random() < 0.6 else -field * rng.uniform(0.2, 0.7) * veil)
    image = render.camera(field, rng, 0.8)
    if rng.random() < 0.3:
        factor = rng.uniform(0.35, 0.9)
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.uint8)
    return image


class Pairs(IterableDataset[tuple[Tensor, Tensor, Tensor]]):
    """Batches of pairs: (batch, 10, SIDE, SIDE) float16, whether they differ (batch,), and where."""

    def __init__(self, bank: Sequence[Struck], plan: Plan, stream: int = 0) -> None:
        self.bank, self.plan, self.stream = bank, plan, stream

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        for step in range(worker, self.plan.steps, workers):
            yield self.batch(step)

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the batch of a step, half of it pairs of the same pin."""
        inputs, differ, where = [], [], []
        for place in range(self.plan.batch):
            rng = np.random.default_rng((self.plan.seed, self.stream, step, place))
            same = place % 2 == 0
            both, target = pair(self.bank[int(rng.integers(len(self.bank)))], rng, same)
            inputs.append(both.astype(np.float16))
            differ.append(0.0 if same else 1.0)
            where.append(target)
        return torch.from_numpy(np.stack(inputs)), torch.tensor(differ), torch.from_numpy(np.stack(where))


def bank(drawn: Sequence[designs.Design], plan: Plan, stream: int = 0) -> list[Struck]:
    """Strike `plan.pins` pins and a variant of each, from designs chosen by chance."""
    made: list[Struck] = []
    at = 0
    while len(made) < plan.pins:
        rng = np.random.default_rng((plan.seed, stream, at, 1))
        one = struck(drawn[int(rng.integers(len(drawn)))].read(), rng, digits=plan.digits)
        if one is not None:
            made.append(one)
        at += 1
    return made


def held_out(drawn: Sequence[designs.Design]) -> Sequence[designs.Design]:
    """Return the designs that no network of twins is trained on."""
    return drawn[::_HELD_OUT]


def train(
    pins: Sequence[Struck], held_out: Sequence[Struck], plan: Plan, folder: Path, start: Path | None = None
) -> Path:
    """Train, from the network of a folder where `start` names one, and write weights.safetensors (float16), model.json
    and curve.csv to `folder`; returns it."""
    descent.prepare(plan.seed, plan.threads, folder)
    network = TwinNet()
    if start is not None:
        fill(network, start)
    network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=1e-2)
    average = descent.averaged(network, 0.99)
    batches = DataLoader(Pairs(pins, plan), None, num_workers=plan.workers, prefetch_factor=3 if plan.workers else None)
    began, recent = time.monotonic(), 0.0
    network.train()
    for step, (inputs, differ, where) in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * min(1, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * step / plan.steps))
        loss = loss_of(network, inputs, differ, where)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        average.update_parameters(network)
        recent += float(loss.detach())
        if (step + 1) % 100 == 0 or step + 1 == plan.steps:
            weights = average.module.state_dict()
            figures = measure(weights, held_out, plan)
            _ship(weights, plan, figures | {"step": step + 1}, folder)
            seconds = time.monotonic() - began
            line = f"{step + 1},{recent / (step % 100 + 1):.4f},{figures['held_out_auroc']:.4f},{seconds:.0f}"
            with (folder / "curve.csv").open("a") as curve:
                curve.write(line + "\n")
            print(line, flush=True)
            recent = 0.0
    return folder


def loss_of(network: TwinNet, inputs: Tensor, differ: Tensor, where: Tensor) -> Tensor:
    """Sum cross entropy of the whole pair and, where it is looked at, of the map of differences."""
    pairs = inputs.float().contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        whole, here = network(pairs)
    seen = (functional.avg_pool2d(pairs[:, 9:], STRIDE)[:, 0] > 0.3).float()
    each = functional.binary_cross_entropy_with_logits(here.float(), where, reduction="none")
    local = (each * seen * (1 + 2 * where)).sum() / seen.sum()
    return functional.binary_cross_entropy_with_logits(whole.float(), differ) + 0.7 * local


def measure(weights: dict[str, Tensor], held_out: Sequence[Struck], plan: Plan) -> dict[str, float]:
    """Return how well held-out pins and their variants are parted."""
    network = TwinNet()
    network.load_state_dict(weights)
    network.eval()
    said, truth = [], []
    views = Pairs(held_out, replace(plan, seed=plan.seed + 1), 2)
    with torch.inference_mode():
        for step in range(5):
            inputs, differ, _ = views.batch(step)
            said.append(network(inputs.float())[0].numpy())
            truth.append(differ.numpy() > 0)
    value, wrong = np.concatenate(said), np.concatenate(truth)
    return {"held_out_auroc": round(float(auroc(value[wrong], value[~wrong])), 4)}


def _ship(weights: dict[str, Tensor], plan: Plan, figures: dict[str, float], folder: Path) -> None:
    card = {
        "name": "twins",
        "network": "eight plain convolutions at strides 2 to 16 over two aligned pictures",
        "base": "none, trained from scratch",
        "licence": "Apache-2.0",
        "data": "rendered pins and drawn variants of them; no photographs",
        "designs": [{"package": source.package, "licence": source.licence} for source in designs.SOURCES],
        "rebuild": "python -m training.designs DESIGNS; python -m training.twins DESIGNS OUT",
        "plan": asdict(plan),
        "figures": figures,
    }
    write(folder, weights, card)


@click.command(help=__doc__.split("\n")[0] if __doc__ else "")
@click.argument("folder_of_designs", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--steps", default=Plan().steps, show_default=True)
@click.option("--pins", default=Plan().pins, show_default=True, help="Pins to strike.")
@click.option("--digits", default=Plan().digits, show_default=True, help="Share of variants that differ in one digit.")
@click.option("--seed", default=Plan().seed, show_default=True)
@click.option("--threads", default=Plan().threads, show_default=True)
@click.option("--start", type=click.Path(path_type=Path), help="Folder of a network to go on from.")
def main(
    folder_of_designs: Path,
    out: Path,
    steps: int,
    pins: int,
    digits: float,
    seed: int,
    threads: int,
    start: Path | None,
) -> None:
    """Strike, train, write."""
    plan = Plan(steps=steps, pins=pins, digits=digits, seed=seed, threads=threads)
    drawn = designs.build(folder_of_designs)
    rest = [design for at, design in enumerate(drawn) if at % _HELD_OUT]
    validation = bank(held_out(drawn), replace(plan, pins=min(150, pins)), 1)
    train(bank(rest, plan), validation, plan, out, start)


if __name__ == "__main__":
    main()
