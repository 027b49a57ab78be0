"""Loading: a network's folder to what runs it, in PyTorch or ONNX Runtime, whichever `processor.runtime` names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recognizer.networks import weights
from recognizer.networks.processor import uses_torch
from recognizer.types import Float32, UInt8Image

Looks = Callable[[UInt8Image], Float32]
"""A picture (h, w, 3), sides divisible by 32, to its maps of pin, outline and middle: (3, h/2, w/2) of 0 to 1."""

Compares = Callable[[Float32], Float32]
"""Pairs (n, 10, SIDE, SIDE) as `variants.paired` makes them to logits of "another pin", (n,)."""


def outlines(folder: Path) -> Looks:
    """Load an outline network; raises ModelError where there is none, or one of another kind."""
    if uses_torch():
        from recognizer.networks.outline_net import OutlineNet, looks

        return looks(weights.fill(OutlineNet(), folder))
    from recognizer.networks import onnx_graphs, onnx_sessions

    run = onnx_sessions.opened(folder, onnx_graphs.outlines, weights.read(folder))
    return lambda picture: run(picture[None])[0]


def twins(folder: Path) -> Compares:
    """Load a network of twins; raises ModelError where there is none, or one of another kind."""
    if uses_torch():
        from recognizer.networks.twin_net import TwinNet, compares

        return compares(weights.fill(TwinNet(), folder))
    from recognizer.networks import onnx_graphs, onnx_sessions

    run = onnx_sessions.opened(folder, onnx_graphs.twins, weights.read(folder))
    return lambda pairs: run(pairs)[:, 0]
