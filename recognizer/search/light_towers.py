"""The towers of a model folder without PyTorch: pictures by ONNX Runtime, and what follows them in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import ModelError
from recognizer.networks import onnx_graphs, onnx_sessions
from recognizer.networks.processor import CURE, TORCH
from recognizer.search import model_folder
from recognizer.search.model_folder import LAST, ROOTED, TEXT, Stored, Towers, taken
from recognizer.search.word_pieces import pieces
from recognizer.types import Float32

ARCHITECTURE: Final = {"kind": "timm", "name": "tf_efficientnet_lite0"}
"""What can be run here; the card of any other model is refused with the cure."""

_erf = np.vectorize(math.erf, otypes=[np.float64])


def stored_towers(stored: Stored) -> Towers:
    """Return the towers of a model folder; raises ModelError where its weights are of another network, or where it has
    another architecture than ARCHITECTURE."""
    if stored.architecture != ARCHITECTURE:
        name = stored.architecture.get("name", stored.architecture["kind"])
        raise ModelError(f"{stored.folder}: only PyTorch runs {name}; {CURE[TORCH]}")
    tensors = dict(stored.tensors)
    try:
        text = _texts(taken(tensors, TEXT)) if "text" in stored.card else None
        last = taken(tensors, LAST)["map.weight"].astype(np.float32) if "last_map" in stored.card else None
        model, dim = onnx_graphs.lite0(tensors, stored.form)
        run = onnx_sessions.session(model)
    except model_folder.UNFIT as error:
        raise model_folder.unfit(stored.folder, error) from error
    pictures = run if last is None else lambda batch: mapped(run(batch), last)
    return Towers(pictures, text, dim, stored.form, stored.digest)


def mapped(rows: Float32, last: Float32) -> Float32:
    """Return rows (n, dim) through a last map (dim, dim), as `trunks.LastMap` does."""
    even = _unit(rows)
    return np.asarray(_unit(np.sign(even) * np.sqrt(np.abs(even) + ROOTED)) @ last.T, np.float32)


def _unit(rows: Float32) -> Float32:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def _texts(tensors: dict[str, NDArray[Any]]) -> Callable[[Sequence[str]], Float32]:
    """Return what turns texts into rows (n, dim), as `text_tower.TextTower` does."""
    names = ("pieces.weight", "hidden.weight", "hidden.bias", "out.weight", "out.bias")
    table, hidden, hidden_bias, out, out_bias = (tensors[name].astype(np.float32) for name in names)

    def read(texts: Sequence[str]) -> Float32:
        means = np.zeros((len(texts), table.shape[1]), np.float32)
        for row, text in enumerate(texts):
            if found := pieces(text, len(table)):
                means[row] = table[found].mean(axis=0)
        inner = means @ hidden.T + hidden_bias
        return np.asarray((inner * 0.5 * (1 + _erf(inner / math.sqrt(2)))) @ out.T + out_bias, np.float32)

    return read
