"""The network that `vision.outlines` asks where pins are, for PyTorch; `onnx_graphs.outlines` is the same for ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from recognizer.networks.form import OUTLINES
from recognizer.networks.processor import computes_bfloat16
from recognizer.types import Float32, UInt8Image

WIDTHS: Final = (24, 40, 112, 320)  # channels of the encoder's features at strides 4, 8, 16 and 32


class OutlineNet(nn.Module):
    """The network: (n, 3, h, w) normalised pictures, sides divisible by 32, to (n, 3, h/4, w/4) logits.

    The three maps are pin, outline and middle.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = timm.create_model("tf_efficientnet_lite0", pretrained=False, features_only=True)
        self.sides = nn.ModuleList(nn.Conv2d(width, 64, 1) for width in WIDTHS)
        self.blends = nn.ModuleList(_block(64) for _ in WIDTHS)
        self.wide = nn.Conv2d(64, 64, 1)
        self.head = nn.Conv2d(64, 3, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits of the three maps."""
        features = self.encoder(pictures)[1:]
        top = self.sides[3](features[3])
        top = top + self.wide(top.mean(dim=(2, 3), keepdim=True))  # what kind of picture it is
        out = self.blends[3](top)
        for level in (2, 1, 0):
            side = self.sides[level](features[level])
            out = self.blends[level](side + functional.interpolate(out, size=side.shape[2:], mode="nearest"))
        logits: Tensor = self.head(out)
        return logits


def _block(width: int) -> nn.Sequential:
    # one plain convolution: on a CPU the way back through a depthwise one takes ten times longer
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
    )


def prepared(pictures: Tensor) -> Tensor:
    """Turn (n, h, w, 3) uint8 RGB into the network's (n, 3, h, w) float input."""
    values = pictures.permute(0, 3, 1, 2).float() / 255
    return (values - torch.tensor(OUTLINES.mean).view(1, 3, 1, 1)) / torch.tensor(OUTLINES.std).view(1, 3, 1, 1)


def looks(network: OutlineNet) -> Callable[[UInt8Image], Float32]:
    """Return what turns a picture (h, w, 3), sides divisible by 32, into maps (3, h/2, w/2) of 0 to 1."""
    network.eval().to(memory_format=torch.channels_last)

    def look(picture: UInt8Image) -> Float32:
        with torch.inference_mode():
            batch = prepared(torch.from_numpy(picture)[None])
            with torch.autocast("cpu", torch.bfloat16, enabled=computes_bfloat16()):
                logits = network(batch.to(memory_format=torch.channels_last))
            grown = functional.interpolate(logits.float(), scale_factor=2, mode="bilinear", align_corners=False)
            maps: Float32 = torch.sigmoid(grown)[0].numpy()
        return maps

    return look
