"""Weights: the folder of a network of our own, weights.safetensors as float16 and its model card, model.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from recognizer.errors import ModelError
from recognizer.files import HERE, beside, make_folder, write_whole

if TYPE_CHECKING:
    from torch import Tensor, nn

SHIPPED: Final = Path(__file__).resolve().parents[1] / "models"
"""The folder of the networks that ship, a folder each."""
FILE: Final = "weights.safetensors"
CARD: Final = "model.json"
_COUNTED: Final = "num_batches_tracked"  # of batch norms; nothing depends on it

Network = TypeVar("Network", bound="nn.Module")


def fill(network: Network, folder: Path) -> Network:
    """Fill a network with the weights of a folder, and return it.

    Raises ModelError where there are none, or those of another network.
    """
    from safetensors.torch import load_file

    try:
        held = load_file(folder / FILE)
        network.load_state_dict({name: value.float() for name, value in held.items()}, strict=False)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{folder}: no usable weights ({error}); train the network or reinstall znachki") from error
    missing = {name for name in network.state_dict() if not name.endswith(_COUNTED)} - set(held)
    if missing:
        raise ModelError(f"{folder}: weights of another network, {len(missing)} missing; train it again")
    return network


def read(folder: Path) -> dict[str, NDArray[Any]]:
    """Return the weights of a folder by name, as they are stored; raises ModelError where there are none."""
    from safetensors.numpy import load_file

    try:
        return load_file(folder / FILE)
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(f"{folder}: no usable weights ({error}); train the network or reinstall znachki") from error


def card(folder: Path) -> dict[str, Any]:
    """Return the model card of a folder; raises ModelError where there is none."""
    try:
        held: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / CARD}: no model card ({error}); train the network or reinstall znachki") from error
    return held


def write(folder: Path, weights: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write weights as float16 and the card `about` them to a folder, each whole; raises ModelError."""
    from safetensors.torch import save_file

    half = {name: value.half().contiguous() for name, value in weights.items() if not name.endswith(_COUNTED)}
    make_folder(folder, ModelError)
    with beside(folder / FILE, ModelError, cure=HERE) as draft:
        save_file(half, draft)
        draft.chmod(0o644)  # safetensors keeps it to its owner
    text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / CARD, text.encode(), ModelError, cure=HERE)


def digest(folder: Path) -> str:
    """Return a short fingerprint of a folder's weights, "none" where there are none."""
    path = folder / FILE
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8] if path.exists() else "none"


def tensor_digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of tensors by name, as hexadecimal: of their names and bytes, in the order of the names."""
    total = hashlib.sha256()
    for key in sorted(tensors):
        total.update(key.encode())
        total.update(np.ascontiguousarray(tensors[key]).tobytes())
    return total.hexdigest()
