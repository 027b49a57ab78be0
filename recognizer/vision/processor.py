"""The processor: what it computes fast in."""

from __future__ import annotations

import torch


def computes_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 itself; where it does not, it is emulated and slower."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
