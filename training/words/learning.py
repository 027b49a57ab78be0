"""Makes a text tower: words of many languages first brought together, then to pictures that stay as they are.

What things are called in two languages is a pair, and the tower's inner rows learn by contrast to have such pairs near
each other and all others apart; texts are inflected, misspelt and put among other words, as people do it. What a name
looks like is then the mean of the pins that bear it, along the directions in which pins differ, evened out: linear
discriminants, which did as well on held-out drawings as networks learnt by gradient. The last layers are the ridge
regression from names to these means.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from recognizer.search.text_tower import TextTower
from recognizer.search.word_pieces import pieces
from training.words.names import Said

Concept = Mapping[str, Sequence[str]]

_SHRUNK: Final = 0.1
"""How much of the mean variance is added to every direction's before they are evened out."""

_ENDINGS: Final = ("а", "ы", "и", "у", "ом", "ой", "е", "ами", "ов", "ем", "ю", "я")
_AMONG: Final = 0.3  # how often a text stands among words that say nothing of it
_LOST: Final = 0.1  # pieces of a text that are left out
_KEYWORD: Final = 0.3  # weight of a keyword beside that of a name
_CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does: `steps` batches of `texts` pairs; the tower's sizes; `ridge` of the closed form."""

    steps: int = 1500
    texts: int = 512
    rate: float = 4e-3
    decay: float = 1e-4
    buckets: int = 24576
    width: int = 96
    wide: int = 4096
    rank: int = 192
    ridge: float = 1e-2
    seed: int = 0


def learnt(
    concepts: Sequence[Concept],
    shares: Mapping[str, float],
    among: Sequence[str],
    dim: int,
    plan: Plan,
    look: Callable[[int, float], None] | None = None,
) -> TextTower:
    """Return a tower whose `meanings` say the same of the same in many languages; its rows say nothing yet.

    `shares` says how often each language is spoken, `among` are words to stand among; `look` is called every hundred
    steps with the steps done and the mean loss since.
    """
    torch.manual_seed(plan.seed)
    lot = random.Random(plan.seed)
    tower = TextTower(dim, plan.buckets, plan.width, one_spelling=True, wide=plan.wide, rank=plan.rank)
    nn.init.normal_(tower.pieces.weight, std=0.02)
    scale = nn.Parameter(torch.tensor(2.5))
    layers: list[Tensor] = [*tower.hidden.parameters(), scale]
    optimiser = torch.optim.AdamW([{"params": [tower.pieces.weight]}, {"params": layers}], weight_decay=plan.decay)
    losses: list[float] = []
    for step in range(plan.steps):
        for group, share in zip(optimiser.param_groups, (1.0, 0.25), strict=True):
            low = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
            group["lr"] = share * plan.rate * min(1.0, (step + 1) / 50) * low
        loss = _apart(concepts, tower, scale, plan, shares, lot, among)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
        if look and ((step + 1) % 100 == 0 or step + 1 == plan.steps):
            look(step + 1, float(np.mean(losses[-100:])))
    return tower.eval().requires_grad_(False)


def _apart(
    concepts: Sequence[Concept],
    tower: TextTower,
    scale: Tensor,
    plan: Plan,
    shares: Mapping[str, float],
    lot: random.Random,
    among: Sequence[str],
) -> Tensor:
    """Return the symmetric InfoNCE of what things are called in two languages, or twice in one where there is one."""
    sides: tuple[list[list[int]], list[list[int]]] = ([], [])
    for concept in lot.sample(concepts, min(plan.texts, len(concepts))):
        first = lot.choices(list(concept), [shares[language] for language in concept])[0]
        others = [language for language in concept if language != first] or [first]
        second = lot.choices(others, [shares[language] for language in others])[0]
        for side, language in zip(sides, (first, second), strict=True):
            found = pieces(spoken(lot.choice(concept[language]), lot, among), tower.buckets, tower.one_spelling)
            side.append([piece for piece in found if lot.random() > _LOST] or found)
    rows = functional.normalize(tower.inner([*sides[0], *sides[1]]), dim=1)
    logits = scale.exp() * rows[: len(sides[0])] @ rows[len(sides[0]) :].T
    own = torch.arange(len(logits))
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2


def spoken(text: str, lot: random.Random, among: Sequence[str]) -> str:
    """Return a text as a person might put it: inflected, with a slip, among other words."""
    words = text.split()
    for at, word in enumerate(words):
        chance = lot.random()
        if len(word) > 4 and chance < 0.2 and "а" <= word[-1] <= "я":
            words[at] = (word[:-1] if word[-1] in "аеийоуыьюя" else word) + lot.choice(_ENDINGS)
        elif len(word) > 4 and chance < 0.25:
            slip = lot.randrange(1, len(word))
            words[at] = word[:slip] + word[slip + 1 :]
    if lot.random() < _AMONG:
        for _ in range(lot.randint(1, 3)):
            words.insert(lot.randint(0, len(words)), lot.choice(among))
    return " ".join(words)


@dataclass(frozen=True, slots=True)
class Directions:
    """The linear map (rank, dim) to the directions that pictures are compared along, and their mean (dim,)."""

    map: Tensor
    mean: Tensor

    def of(self, rows: Tensor) -> Tensor:
        """Return rows (n, dim) along the directions, unit rows (n, rank)."""
        return functional.normalize((rows - self.mean) @ self.map.T, dim=1)


def directions(rows: Tensor, rank: int) -> Directions:
    """Find the `rank` directions of most variance of rows (n, dim), evened out."""
    mean = rows.mean(dim=0)
    centred = rows - mean
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
    values, vectors = values.flip(0)[:rank], vectors.flip(1)[:, :rank]
    scales = (values + _SHRUNK * values.mean()).rsqrt()
    return Directions((vectors * scales).T.contiguous(), mean)


def shown(tower: TextTower, said: Sequence[Said], rows: NDArray[np.float16], plan: Plan) -> TextTower:
    """Give a tower's rows their sense, in place: what pins look like of whose drawings the texts are said.

    `rows` (drawings, views, dim) are of the pins, in the order of `said`. Returns the tower.
    """
    found = directions(torch.from_numpy(rows.astype(np.float32)).flatten(0, 1), plan.rank)
    pins = torch.stack([found.of(torch.from_numpy(rows[:, view].astype(np.float32))) for view in range(rows.shape[1])])
    drawings = pins.mean(dim=0)
    owners: dict[str, list[int]] = {}
    weights: dict[str, float] = {}
    for row, one in enumerate(said):
        for said_there in one.texts.values():
            for at, text in enumerate(said_there):
                owners.setdefault(text.casefold(), []).append(row)
                weights[text.casefold()] = max(weights.get(text.casefold(), 0.0), _KEYWORD if at else 1.0)
    texts = sorted(owners)
    size = plan.wide + 1
    square, cross = torch.zeros(size, size), torch.zeros(size, plan.rank)
    for at in range(0, len(texts), _CHUNK):
        part = texts[at : at + _CHUNK]
        features = functional.pad(tower.features(tower.meanings(part)), (0, 1), value=1.0)
        means = torch.stack([drawings[owners[text]].mean(dim=0) for text in part])
        weighed = features.T * torch.tensor([weights[text] * len(owners[text]) ** 0.5 for text in part])
        square += weighed @ features
        cross += weighed @ means
    square += plan.ridge * square.diagonal().mean() * torch.eye(size)
    solved = torch.linalg.solve(square, cross)
    last = {"inmost.weight": solved[:-1].T, "inmost.bias": solved[-1]}
    last |= {"out.weight": found.map.T, "out.bias": torch.zeros(tower.dim)}
    tower.load_state_dict(tower.state_dict() | last)
    return tower
