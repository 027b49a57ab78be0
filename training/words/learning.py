"""Brings a text tower to pictures that stay as they are: what is said of a drawing beside the pins struck from it.

The objective is the symmetric cross-entropy of texts and pictures in a batch, where all pictures whose drawing owns a
text share its one (supervised contrast: Khosla et al. 2020). Pictures are taken along the directions in which pins
differ, evened out by `_SHRUNK`; that is linear, so the tower that ships has it in its last layer and speaks to plain
embeddings. Texts are inflected, misspelt and put among other words as people do it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from recognizer.search.text_tower import TextTower, pieces
from training.words.names import Said

_SHRUNK: Final = 0.1
"""How much of the mean variance is added to every direction's before they are evened out."""

_ENDINGS: Final = ("а", "ы", "и", "у", "ом", "ой", "е", "ами", "ов", "ем", "ю", "я")
_NAME: Final = 0.6  # how often a text is the name, not a keyword
_TWO: Final = 0.25
_AMONG: Final = 0.3  # and how often it stands among words that say nothing of the drawing
_LOST: Final = 0.1  # pieces of a text that are left out


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does: `steps` batches of `texts` texts beside `pictures` pictures, the texts' own among them.

    `same` weighs the second objective, that texts of two languages that say the same are near each other.
    """

    steps: int = 2000
    texts: int = 512
    pictures: int = 2048
    rate: float = 4e-3
    decay: float = 1e-4
    width: int = 96
    buckets: int = 1 << 15
    same: float = 1.0
    dims: int = 320
    seed: int = 0


class Corpus:
    """Drawings with what is said of them, ready for batches: which of the distinct texts each of them owns."""

    def __init__(self, said: Sequence[Said], shares: Mapping[str, float]) -> None:
        self.texts: list[str] = []
        numbers: dict[str, int] = {}
        owners: list[set[int]] = []
        self.by_language: list[dict[str, list[int]]] = []
        for row, one in enumerate(said):
            held: dict[str, list[int]] = {}
            for language, texts in one.texts.items():
                held[language] = []
                for text in texts:
                    number = numbers.setdefault(text.casefold(), len(numbers))
                    if number == len(self.texts):
                        self.texts.append(text)
                        owners.append(set())
                    held[language].append(number)
                    owners[number].add(row)
            self.by_language.append(held)
        self._owners = [np.array(sorted(rows)) for rows in owners]
        self.shares = shares
        first = np.array([next(iter(one.get("en") or next(iter(one.values())))) for one in self.by_language])
        _, kind, counts = np.unique(first, return_inverse=True, return_counts=True)
        weights = 1 / np.sqrt(counts[kind])
        self.weights = weights / weights.sum()

    def drawn(self, row: int, lot: random.Random) -> list[int]:
        """Return one or two texts of a drawing, in one language, by number."""
        held = self.by_language[row]
        (language,) = lot.choices(list(held), [self.shares[language] for language in held])
        texts = held[language]
        one = texts[0] if lot.random() < _NAME or len(texts) == 1 else lot.choice(texts[1:])
        if lot.random() < _TWO and len(texts) > 1:
            return list(dict.fromkeys((one, lot.choice(texts))))
        return [one]

    def true(self, chosen: Sequence[Sequence[int]], shown: NDArray[np.int64]) -> Tensor:
        """Say which of the drawings `shown` own all of each text's numbers: (texts, shown) float32, 1 or 0."""
        places = np.full(len(self.by_language), -1)
        places[shown] = np.arange(len(shown))
        found = np.zeros((len(chosen), len(shown)), np.float32)
        for at, numbers in enumerate(chosen):
            owners = self._owners[numbers[0]]
            for number in numbers[1:]:
                owners = np.intersect1d(owners, self._owners[number], assume_unique=True)
            seen = places[owners]
            found[at, seen[seen >= 0]] = 1
        return torch.from_numpy(found)


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
    """The linear map (dims, dim) to the directions that pictures are compared along, and their mean (dim,)."""

    map: Tensor
    mean: Tensor

    def of(self, rows: Tensor) -> Tensor:
        """Return rows (n, dim) along the directions, (n, dims)."""
        return (rows - self.mean) @ self.map.T


def directions(rows: Tensor, dims: int) -> Directions:
    """Find the `dims` directions of most variance of rows (n, dim), evened out."""
    mean = rows.mean(dim=0)
    centred = rows - mean
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
    values, vectors = values.flip(0)[:dims], vectors.flip(1)[:, :dims]
    scales = (values + _SHRUNK * values.mean()).rsqrt() / math.sqrt(dims)
    return Directions((vectors * scales).T.contiguous(), mean)


def learnt(
    corpus: Corpus,
    rows: NDArray[np.float16],
    plan: Plan,
    among: Sequence[str],
    concepts: Sequence[Mapping[str, Sequence[str]]],
    *,
    every: int = 0,
    look: Callable[[int, float, TextTower], None] | None = None,
) -> TextTower:
    """Train a tower on a corpus and its pictures' rows (drawings, views, dim); it gives rows of `dim` numbers.

    `look` is called every so many steps with the step, the mean loss since, and the tower as it would be returned.
    """
    torch.manual_seed(plan.seed)
    rng, lot = np.random.default_rng((plan.seed, 5)), random.Random(plan.seed)
    dim = rows.shape[2]
    found = directions(torch.from_numpy(rows[:, 0].astype(np.float32)), plan.dims)
    seen = torch.stack([found.of(torch.from_numpy(rows[:, at].astype(np.float32))) for at in range(rows.shape[1])], 1)
    tower = TextTower(plan.dims, plan.buckets, plan.width, one_spelling=True)
    nn.init.normal_(tower.pieces.weight, std=0.02)
    scale, sharp = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.tensor(2.5))
    optimiser = torch.optim.AdamW(
        [{"params": [tower.pieces.weight], "weight_decay": plan.decay}, {"params": [*tower.hidden.parameters(),
         *tower.out.parameters(), scale, sharp], "weight_decay": plan.decay}], lr=plan.rate
    )  # fmt: skip
    losses: list[float] = []
    for step in range(plan.steps):
        for group, share in zip(optimiser.param_groups, (1.0, 0.25), strict=True):
            up = min(1.0, (step + 1) / 50)
            group["lr"] = share * plan.rate * up * 0.5 * (1 + math.cos(math.pi * step / plan.steps))
        loss = _loss(corpus, seen, tower, scale, plan, rng, lot, among)
        loss = loss + plan.same * _same(concepts, tower, sharp, plan, corpus.shares, lot, among)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
        if look and every and ((step + 1) % every == 0 or step + 1 == plan.steps):
            look(step + 1, float(np.mean(losses[-every:])), joined(tower, found, dim))
    return joined(tower, found, dim)


def _loss(
    corpus: Corpus,
    seen: Tensor,
    tower: TextTower,
    scale: Tensor,
    plan: Plan,
    rng: np.random.Generator,
    lot: random.Random,
    among: Sequence[str],
) -> Tensor:
    count = min(plan.texts, len(corpus.by_language))
    own = rng.choice(len(corpus.weights), count, replace=False, p=corpus.weights)
    others = rng.choice(len(corpus.weights), min(plan.pictures - count, len(corpus.weights)), replace=False)
    shown = np.unique(np.concatenate([own, others]))
    chosen = [corpus.drawn(int(row), lot) for row in own]
    kept = []
    for numbers in chosen:
        said = spoken(" ".join(corpus.texts[number] for number in numbers), lot, among)
        kept.append(_pieces(said, tower, lot))
    texts = tower.out(tower.inner(kept))
    views = torch.from_numpy(rng.integers(seen.shape[1], size=len(shown)))
    pictures = seen[torch.from_numpy(shown), views]
    true = corpus.true(chosen, shown)
    logits = scale.exp() * texts @ pictures.T
    to_pictures = functional.cross_entropy(logits, true / true.sum(dim=1, keepdim=True))
    told = true.sum(dim=0) > 0
    to_texts = functional.cross_entropy(
        logits.T[told], (true / true.sum(dim=0, keepdim=True).clamp_min(1)).T[told]
    )
    return (to_pictures + 0.5 * to_texts) / 1.5


def _same(
    concepts: Sequence[Mapping[str, Sequence[str]]],
    tower: TextTower,
    scale: Tensor,
    plan: Plan,
    shares: Mapping[str, float],
    lot: random.Random,
    among: Sequence[str],
) -> Tensor:
    """Return the symmetric InfoNCE of what things are called in two languages, on the tower's inner rows."""
    sides: tuple[list[list[int]], list[list[int]]] = ([], [])
    for concept in lot.sample(concepts, min(plan.texts, len(concepts))):
        first, second = list(concept), list(concept)
        one = lot.choices(first, [shares[language] for language in first])[0]
        second.remove(one)
        other = lot.choices(second, [shares[language] for language in second])[0]
        for side, language in zip(sides, (one, other), strict=True):
            side.append(_pieces(spoken(lot.choice(concept[language]), lot, among), tower, lot))
    rows = functional.normalize(tower.inner([*sides[0], *sides[1]]), dim=1)
    logits = scale.exp() * rows[: len(sides[0])] @ rows[len(sides[0]) :].T
    own = torch.arange(len(logits))
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2


def _pieces(text: str, tower: TextTower, lot: random.Random) -> list[int]:
    found = pieces(text, tower.buckets, tower.one_spelling)
    return [piece for piece in found if lot.random() > _LOST] or found


def joined(tower: TextTower, found: Directions, dim: int) -> TextTower:
    """Return a tower whose rows (n, dim) have with plain pictures the products that `tower`'s have along directions."""
    whole = TextTower(dim, tower.buckets, tower.width, one_spelling=tower.one_spelling)
    with torch.no_grad():
        whole.pieces.weight.copy_(tower.pieces.weight)
        whole.hidden.load_state_dict(tower.hidden.state_dict())
        whole.out.weight.copy_(found.map.T @ tower.out.weight)
        whole.out.bias.copy_(found.map.T @ tower.out.bias)
    return whole.eval()
