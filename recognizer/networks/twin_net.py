"""The network that `vision.comparing.variants` asks, for PyTorch; `onnx_graphs.twins` is the same for ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn

from recognizer.networks.processor import computes_bfloat16
from recognizer.types import Float32

STRIDE: Final = 8
"""Pixels of the pair to one of the map of differences."""


class TwinNet(nn.Module):
    """The network: (n, 10, SIDE, SIDE) as `variants.paired` makes them to logits of "another pin", (n,), and of
    "differs here", (n, SIDE / STRIDE, SIDE / STRIDE)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _block(10, 32, 2), _block(32, 32), _block(32, 64, 2), _block(64, 64), _block(64, 112, 2), _block(112, 112)
        )
        self.here = nn.Conv2d(112, 1, 1)
        self.wide = _block(112, 112, 2)
        self.whole = nn.Sequential(nn.Linear(112 + 3, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of the whole and of the map."""
        features = self.body(pairs)
        here = self.here(features)[:, 0]
        covered = nn.functional.avg_pool2d(pairs[:, 9:], STRIDE)[:, 0]
        bounded = here.float().masked_fill(covered < 0.5, -8.0).flatten(1)
        most = bounded.topk(12, dim=1).values
        seen = torch.stack([most[:, 0], most[:, :4].mean(dim=1), most.mean(dim=1)], 1)
        middle = self.wide(features).mean(dim=(2, 3))
        return self.whole(torch.cat([middle, seen.to(middle.dtype)], 1))[:, 0], here


def _block(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


def compares(network: TwinNet) -> Callable[[Float32], Float32]:
    """Return what turns pairs (n, 10, SIDE, SIDE) into logits of "another pin", (n,) float32."""
    network.eval().to(memory_format=torch.channels_last)

    def compare(pairs: Float32) -> Float32:
        inputs = torch.from_numpy(pairs).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=computes_bfloat16()):
            whole, _ = network(inputs)
        logits: Float32 = whole.float().numpy()
        return logits

    return compare
