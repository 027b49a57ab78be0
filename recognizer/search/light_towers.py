"""The towers of a model folder without PyTorch: pictures by ONNX Runtime, and what follows them in numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import ModelError
from recognizer.networks import onnx_graphs, onnx_sessions
from recognizer.networks.processor import CURE, TORCH
from recognizer.search import model_folder
from recognizer.search.model_folder import LAST, ROOTED, TEXT, Stored, Towers, taken
from recognizer.search.word_pieces import pieces
from recognizer.search.word_weights import STEEP, signs, unpacked
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
        held = taken(tensors, TEXT) or stored.words
        text = _Texts(held, stored.card["text"]) if "text" in stored.card else None
        last = taken(tensors, LAST)["map.weight"].astype(np.float32) if "last_map" in stored.card else None
        model, dim = onnx_graphs.lite0(tensors, stored.form)
        run = onnx_sessions.session(model)
    except model_folder.UNFIT as error:
        raise model_folder.unfit(stored.folder, error) from error
    pictures = run if last is None else lambda batch: mapped(run(batch), last)
    meanings = text.meanings if text is not None and text.one_spelling else None
    return Towers(pictures, text, dim, stored.form, stored.digest, meanings)


def mapped(rows: Float32, last: Float32) -> Float32:
    """Return rows (n, dim) through a last map (dim, dim), as `trunks.LastMap` does."""
    even = _unit(rows)
    return np.asarray(_unit(np.sign(even) * np.sqrt(np.abs(even) + ROOTED)) @ last.T, np.float32)


def _unit(rows: Float32) -> Float32:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


class _Texts:
    """Turns texts into rows (n, dim), as `text_tower.TextTower` does with these weights and this form."""

    def __init__(self, held: Mapping[str, NDArray[Any]], form: Mapping[str, Any]) -> None:
        tensors = unpacked(held)
        self.one_spelling, wide = bool(form.get("one_spelling", False)), int(form.get("wide", 0))
        self._table = tensors["pieces.weight"]
        self._hidden, self._out = (_linear(tensors, name) for name in ("hidden", "out"))
        self._inmost = _linear(tensors, "inmost") if wide else None
        self._spread = signs(len(self._hidden[1]) + 1, wide)
        if self._inmost is not None and self._inmost[0].shape[1] != wide:
            raise ValueError(f"{self._inmost[0].shape[1]} features of words where {wide} were expected")

    def __call__(self, texts: Sequence[str]) -> Float32:
        inner = self.meanings(texts)
        if self._inmost is not None:
            across = STEEP * _unit(inner) @ self._spread[:-1] + self._spread[-1]
            inner = _through(self._inmost, np.maximum(across, 0) / np.float32(math.sqrt(across.shape[1])))
        return _through(self._out, inner)

    def meanings(self, texts: Sequence[str]) -> Float32:
        """Return the rows (n, 2 * width) of the layer after the pieces, not normalised."""
        means = np.zeros((len(texts), self._table.shape[1]), np.float32)
        for row, text in enumerate(texts):
            if found := pieces(text, len(self._table), self.one_spelling):
                means[row] = self._table[found].mean(axis=0)
        inner = _through(self._hidden, means)
        return np.asarray(inner * 0.5 * (1 + _erf(inner / math.sqrt(2))), np.float32)


def _linear(tensors: Mapping[str, Float32], name: str) -> tuple[Float32, Float32]:
    return tensors[f"{name}.weight"], tensors[f"{name}.bias"]


def _through(layer: tuple[Float32, Float32], rows: Float32) -> Float32:
    return np.asarray(rows @ layer[0].T + layer[1], np.float32)
