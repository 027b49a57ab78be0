"""What the trainings share: averaged weights, a checkpoint that a kill leaves whole, layers that stay as they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from recognizer.files import HERE, beside

COSTLY: Final = ("conv_stem.", "bn1.", "blocks.0.", "blocks.1.")
"""Layers of EfficientNets that stay as they are, with all depthwise filters: a twentieth of the weights, three quarters
of the time of a step on a CPU."""

Parts = dict[str, dict[str, Tensor]]


def prepare(seed: int, threads: int, folder: Path) -> None:
    """Make a run repeatable, its threads as many as asked for, and the folder that it writes to."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    cv2.setNumThreads(0)  # a forked worker would wait for ever for the threads of its parent
    folder.mkdir(parents=True, exist_ok=True)


def averaged(model: nn.Module, most: float) -> AveragedModel:
    """Return the moving average of a model's weights and statistics; `update_parameters` after a step moves it on.

    It keeps `most` of itself, early on (1 + step) / (10 + step), so that it soon forgets the weights it began with.
    """

    @torch.no_grad()
    def move(averages: Sequence[Tensor], weights: Sequence[Tensor], count: Tensor | int) -> None:
        if not averages[0].is_floating_point():
            return  # counts of batches
        keep = min(most, int(count) / (9 + int(count)))
        for average, weight in zip(averages, weights, strict=True):
            average.lerp_(weight, 1 - keep)

    average = AveragedModel(model, multi_avg_fn=move, use_buffers=True)
    average.n_averaged.fill_(1)  # the weights that it begins with count; at 0 the first step's would replace them
    return average


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The file that says where a run is: the weights, their average, the optimiser's moments, and what the run adds."""

    file: Path
    model: nn.Module
    average: AveragedModel
    optimiser: torch.optim.Optimizer

    def write(self, step: int, **more: dict[str, Tensor]) -> None:
        """Write it whole or not at all; `more` adds parts of the run's own."""
        parts: Parts = {"run": {"step": torch.tensor(step)}, "model": self.model.state_dict(), **more}
        parts["average"] = self.average.state_dict()
        moments = self.optimiser.state_dict()["state"]
        parts["moments"] = {f"{at}.{kind}": value for at, kinds in moments.items() for kind, value in kinds.items()}
        held = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
        with beside(self.file, cure=HERE) as draft:
            save_file({name: value.clone().contiguous() for name, value in held.items()}, draft)

    def resume(self) -> tuple[int, Parts]:
        """Bring everything back to where a killed run was; returns its steps, 0 where none was, and what it added."""
        parts: Parts = defaultdict(dict)
        if not self.file.exists():
            return 0, parts
        for name, value in load_file(self.file).items():
            part, _, rest = name.partition(".")
            parts[part][rest] = value
        self.model.load_state_dict(parts["model"])
        self.average.load_state_dict(parts["average"])
        moments: defaultdict[int, dict[str, Tensor]] = defaultdict(dict)
        for name, value in parts["moments"].items():
            at, _, kind = name.partition(".")
            moments[int(at)][kind] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": dict(moments), "param_groups": groups})
        return int(parts["run"]["step"]), parts


def part_frozen(network: nn.Module, quick: bool = True) -> None:
    """Leave the costly layers of an EfficientNet as they are; for a CPU, make the rest quick to go back through."""
    for name, weight in network.named_parameters():
        if "conv_dw" in name or name.startswith(COSTLY):
            weight.requires_grad_(False)
    for name, module in network.named_modules():
        if quick and name.endswith("conv_dw") and module.stride == (2, 2):
            module.forward = partial(_thinned, module)


def _thinned(module: torch.nn.Conv2d, values: Tensor) -> Tensor:
    """Convolve depthwise with stride 2, padded as TensorFlow does, by a way that is quick to go back on CPUs."""
    reach = [max(0, (-(-side // 2) - 1) * 2 + module.kernel_size[0] - side) for side in values.shape[2:]]
    padding = (reach[1] // 2, reach[1] - reach[1] // 2, reach[0] // 2, reach[0] - reach[0] // 2)
    padded = functional.pad(values, padding)  # as TensorFlow pads, which these weights were trained with
    weight = module.weight.to(torch.bfloat16) if torch.is_autocast_enabled("cpu") else module.weight
    out: Tensor = _Thinned.apply(padded.to(weight.dtype), weight)
    return out


class _Thinned(torch.autograd.Function):
    """A depthwise convolution of stride 2 whose way back is a forward convolution too, quicker on CPUs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.shape = values.shape
        return functional.conv2d(values, weight, stride=2, groups=weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (weight,), (gradient,) = ctx.saved_tensors, gradients
        side = weight.shape[2]
        spread = gradient.new_zeros((*ctx.shape[:2], ctx.shape[2] + side - 1, ctx.shape[3] + side - 1))
        spread = spread.contiguous(memory_format=torch.channels_last)
        height, width = gradient.shape[2:]
        spread[:, :, side - 1 : side - 1 + 2 * height : 2, side - 1 : side - 1 + 2 * width : 2] = gradient
        return functional.conv2d(spread, weight.to(gradient.dtype).flip(2, 3), groups=weight.shape[0]), None
