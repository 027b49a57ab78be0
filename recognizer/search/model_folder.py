"""A model folder, `weights.safetensors` beside `model.json`: where it lies, what its card says and what it holds.

Where its words were trained after its pictures, they lie beside them in `words.safetensors`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from recognizer.errors import ModelError
from recognizer.networks import weights
from recognizer.networks.form import Preprocessing
from recognizer.types import Float32

IMAGENET: Final = "imagenet"
BASE: Final = "base"
OPEN_CLIP: Final = "open_clip:"
WORDS: Final = "words.safetensors"  # the text tower of a model whose pictures were trained before it
TEXT: Final = "text_tower."  # what the names of the text tower's tensors begin with
LAST: Final = "last_map."  # and those of the last map's
ROOTED: Final = 1e-6  # squares below are no steeper for a gradient than this, see `trunks.rooted`

UNFIT: Final = (LookupError, TypeError, ValueError, AttributeError, RuntimeError, OSError, SafetensorError)
"""What is raised where a card and weights are not of one model."""


def folder_of(model: str, models: Path | None) -> tuple[Path, str] | None:
    """Return the folder that a model's name or path stands for and the name that an index keeps; None for none.

    A plain name is looked for in the folder `models` first.
    """
    if model == BASE:
        return weights.SHIPPED / BASE, BASE
    if models is not None and len(Path(model).parts) == 1 and (models / model).is_dir():
        return models / model, model
    if Path(model).is_dir():
        # The index keeps the name, and is asked from other working folders too.
        return Path(model), str(Path(model).resolve())
    return None


@dataclass(frozen=True, slots=True)
class Stored:
    """What a model folder holds: its card, the architecture and the form of the input in it, and tensors by name.

    `words` are those of the text tower where they lie in a file of their own, packed; no picture depends on them.
    """

    folder: Path
    card: dict[str, Any]
    architecture: dict[str, Any]
    form: Preprocessing
    tensors: dict[str, NDArray[Any]]
    words: dict[str, NDArray[Any]]

    @property
    def digest(self) -> str:
        """What changes with the weights; and the same weights compute something else in another architecture."""
        return json.dumps(self.architecture, sort_keys=True) + weights.tensor_digest(self.tensors)


def read(folder: Path) -> Stored:
    """Read a model folder; raises ModelError where it is none, or where its files do not hold."""
    card = read_card(folder)
    try:
        architecture, form = card["architecture"], preprocessing(card["preprocessing"])
        kind = architecture["kind"]
        tensors = load_file(folder / weights.FILE)
        beside = "text" in card and not any(name.startswith(TEXT) for name in tensors)
        words = load_file(folder / WORDS) if beside else {}
    except UNFIT as error:
        raise unfit(folder, error) from error
    if kind not in ("timm", "open_clip"):
        raise ModelError(f"{folder / weights.CARD}: architecture kind {kind!r} is not one of timm, open_clip")
    return Stored(folder, card, architecture, form, tensors, words)


@dataclass(frozen=True, slots=True)
class Towers:
    """A model that is ready to be asked.

    `pictures` turns (n, size, size, 3) uint8 into rows (n, dim) float32; `texts` turns texts into rows beside them, and
    is None without a text tower; `meanings` turns texts into rows (n, k) to compare with each other, and is None
    without a tower of many languages. None are normalised. `digest` changes with what `pictures` computes.
    """

    pictures: Callable[[NDArray[Any]], Float32]
    texts: Callable[[Sequence[str]], Float32] | None
    dim: int
    form: Preprocessing
    digest: str
    meanings: Callable[[Sequence[str]], Float32] | None = None


def unfit(folder: Path, error: Exception) -> ModelError:
    """Return the error that a card and weights which are not of one model are told with."""
    said = f"{weights.CARD} and {weights.FILE} do not fit together ({error})"
    return ModelError(f"{folder}: {said}; train or copy it again")


def taken(tensors: dict[str, Any], start: str) -> dict[str, Any]:
    """Take the tensors of one part, whose names begin with `start`, out of all of them."""
    return {key.removeprefix(start): tensors.pop(key) for key in list(tensors) if key.startswith(start)}


def preprocessing(held: Any) -> Preprocessing:
    """Return the form of the input as a card holds it; LookupError, TypeError or ValueError where it does not."""
    size, mean, std = int(held["size"]), *(tuple(float(value) for value in held[name]) for name in ("mean", "std"))
    if size < 1 or len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ValueError(f"preprocessing {held} is not a size, three means and three positive deviations")
    return Preprocessing(size, mean, std)


def check_name(name: str) -> None:
    """Hold a model's name to what can be a folder's name; ModelError otherwise."""
    if (
        not name.strip()
        or name in (".", "..", "imagenet", "current", "base")
        or set(name) & set("/\\:")
        or name[0] in ".-"
        or not name.isprintable()
    ):
        raise ModelError(f"{name!r} cannot be a model's name; take letters, digits and hyphens")


def read_card(folder: Path) -> dict[str, Any]:
    """Return the model card of a model folder; ModelError when it is missing or no JSON object."""
    path = folder / weights.CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{folder}: no {weights.CARD} in it, so it is no model folder") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not readable as JSON ({error}); train or copy the model again") from error
    if not isinstance(card, dict):
        raise ModelError(f"{path}: a JSON object was expected; train or copy the model again")
    return card
