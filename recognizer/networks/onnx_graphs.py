"""The networks as ONNX graphs, written from their weights: what runs them where PyTorch is not installed.

A graph is made when a network is loaded, in a tenth of a second, from the same file that PyTorch reads. Batch norms are
folded into the convolution before them. The padding of EfficientNet-Lite0 is TensorFlow's, "SAME": ONNX's SAME_UPPER.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from recognizer.networks.form import OUTLINES, Preprocessing

Tensors = Mapping[str, NDArray[Any]]

OPSET: Final = 17
IR_VERSION: Final = 8
_STRIDES: Final = (1, 2, 2, 2, 1, 2, 1)
"""Of the first block of each stage of EfficientNet-B0 and Lite0 (Tan and Le 2019, table 1); the stem's is 2."""
_FEATURES: Final = (1, 2, 4, 6)  # stages whose ends are the encoder's features at strides 4, 8, 16 and 32
_LITE_EPSILON: Final = 1e-3  # of TensorFlow's batch norms
_EPSILON: Final = 1e-5  # of PyTorch's
_STRIDE: Final = 8  # of the twins' map of differences
_COUNTED: Final = 12  # places of that map


class Graph:
    """A graph in the making: nodes and constants are added, and each call returns the name of what it gives."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        self.used: set[str] = set()
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node and return the name of its first output; the n-th is that name and ".n"."""
        name = f"v{len(self._nodes)}"
        names = [name, *(f"{name}.{at}" for at in range(1, outputs))]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return name

    def constant(self, values: Any, kind: Any = np.float32) -> str:
        """Add a constant and return its name."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def weight(self, name: str) -> NDArray[np.float64]:
        """Return a tensor of the weights; KeyError where there is none of that name."""
        self.used.add(name)
        return np.asarray(self.tensors[name], np.float64)

    def convolved(
        self, at: str, name: str, norm: str = "", *, stride: int = 1, epsilon: float = _EPSILON, same: bool = True
    ) -> str:
        """Convolve `at` with the weights of `name`, and the batch norm `norm` folded in.

        `same` pads as TensorFlow does, else half a kernel on every side; both are one for a stride of 1.
        """
        kernel = self.weight(f"{name}.weight")
        bias = self.weight(f"{name}.bias") if f"{name}.bias" in self.tensors else np.zeros(len(kernel))
        if norm:
            parts = ("weight", "bias", "running_mean", "running_var")
            gain, offset, mean, variance = (self.weight(f"{norm}.{part}") for part in parts)
            gain = gain / np.sqrt(variance + epsilon)
            kernel, bias = kernel * gain[:, None, None, None], offset + (bias - mean) * gain
        size = kernel.shape[2]
        pads: dict[str, Any] = {"auto_pad": "SAME_UPPER"} if same else {"pads": [size // 2] * 4}
        # A depthwise kernel has one channel, and a group for every channel of its input; all others of ours have one.
        groups = len(kernel) if kernel.shape[1] == 1 and size > 1 else 1
        inputs = (at, self.constant(kernel), self.constant(bias))
        return self.add("Conv", *inputs, kernel_shape=[size, size], strides=[stride, stride], group=groups, **pads)

    def relu(self, at: str) -> str:
        """Add a rectifier."""
        return self.add("Relu", at)

    def relu6(self, at: str) -> str:
        """Add a rectifier that is bounded by 6."""
        return self.add("Clip", at, self.constant(0.0), self.constant(6.0))

    def linear(self, at: str, name: str) -> str:
        """Add a linear layer."""
        kernel, bias = self.constant(self.weight(f"{name}.weight")), self.constant(self.weight(f"{name}.bias"))
        return self.add("Gemm", at, kernel, bias, transB=1)

    def model(self, kind: int, shape: Sequence[int | str], out: str, shape_out: Sequence[int | str]) -> bytes:
        """Return the graph from "pictures" to `out`, as a serialised model, shapes named where they may vary."""
        inputs = [helper.make_tensor_value_info("pictures", kind, shape)]
        outputs = [helper.make_tensor_value_info(out, TensorProto.FLOAT, shape_out)]
        graph = helper.make_graph(self._nodes, "znachki", inputs, outputs, self._constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        return bytes(made.SerializeToString())


def normalised(graph: Graph, form: Preprocessing) -> str:
    """Turn "pictures" (n, h, w, 3) uint8 into (n, 3, h, w) float32 as `form` says."""
    values = graph.add("Cast", "pictures", to=TensorProto.FLOAT)
    gain = graph.constant(1 / (255 * np.array(form.std)))
    offset = graph.constant(-np.array(form.mean) / np.array(form.std))
    return graph.add("Transpose", graph.add("Add", graph.add("Mul", values, gain), offset), perm=[0, 3, 1, 2])


def encoded(graph: Graph, at: str, start: str = "") -> list[str]:
    """Add EfficientNet-Lite0 up to its last stage and return the ends of its seven stages (Liu and Tan 2020).

    `start` is what the names of its tensors begin with.
    """

    def convolved(at: str, name: str, norm: str, stride: int = 1) -> str:
        return graph.convolved(at, start + name, start + norm, stride=stride, epsilon=_LITE_EPSILON)

    at = graph.relu6(convolved(at, "conv_stem", "bn1", 2))
    ends = []
    for stage, stride in enumerate(_STRIDES):
        for block in count():
            name = f"blocks.{stage}.{block}"
            if f"{start}{name}.conv_dw.weight" not in graph.tensors:
                break
            before, step = at, 1 if block else stride
            if f"{start}{name}.conv_pwl.weight" in graph.tensors:
                at = graph.relu6(convolved(at, f"{name}.conv_pw", f"{name}.bn1"))
                at = graph.relu6(convolved(at, f"{name}.conv_dw", f"{name}.bn2", step))
                at = convolved(at, f"{name}.conv_pwl", f"{name}.bn3")
            else:  # the first stage widens nothing
                at = graph.relu6(convolved(at, f"{name}.conv_dw", f"{name}.bn1", step))
                at = convolved(at, f"{name}.conv_pw", f"{name}.bn2")
            if block:
                at = graph.add("Add", at, before)
        ends.append(at)
    return ends


def lite0(tensors: Tensors, form: Preprocessing) -> tuple[bytes, int]:
    """Return the graph of an image tower, "pictures" (n, size, size, 3) uint8 to rows (n, dim), and dim.

    The tensors are those of timm's tf_efficientnet_lite0 without its classifier. Raises KeyError or ValueError where
    they are not.
    """
    graph = Graph(tensors)
    at = encoded(graph, normalised(graph, form))[-1]
    at = graph.relu6(graph.convolved(at, "conv_head", "bn2", epsilon=_LITE_EPSILON))
    rows = graph.add("Flatten", graph.add("GlobalAveragePool", at))
    _check(graph)
    dim = len(tensors["conv_head.weight"])
    return graph.model(TensorProto.UINT8, ["n", form.size, form.size, 3], rows, ["n", dim]), dim


def outlines(tensors: Tensors) -> bytes:
    """Return the graph of `outline_net.OutlineNet`: "pictures" (1, h, w, 3) uint8, sides divisible by 32, to maps
    (1, 3, h/2, w/2) of 0 to 1. Raises KeyError or ValueError where the tensors are of another network."""
    graph = Graph(tensors)
    ends = encoded(graph, normalised(graph, OUTLINES), "encoder.")
    features = [ends[stage] for stage in _FEATURES]
    top = graph.convolved(features[3], "sides.3")
    top = graph.add("Add", top, graph.convolved(graph.add("GlobalAveragePool", top), "wide"))
    out = graph.relu(graph.convolved(top, "blends.3.0", "blends.3.1"))
    double = graph.constant([1, 1, 2, 2])
    for level in (2, 1, 0):
        grown = graph.add(
            "Resize", out, "", double, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
        side = graph.add("Add", graph.convolved(features[level], f"sides.{level}"), grown)
        out = graph.relu(graph.convolved(side, f"blends.{level}.0", f"blends.{level}.1"))
    logits = graph.convolved(out, "head")
    grown = graph.add("Resize", logits, "", double, mode="linear", coordinate_transformation_mode="half_pixel")
    maps = graph.add("Sigmoid", grown)
    _check(graph)
    return graph.model(TensorProto.UINT8, [1, "h", "w", 3], maps, [1, 3, "h2", "w2"])


def twins(tensors: Tensors) -> bytes:
    """Return the graph of `twin_net.TwinNet`: "pictures" (n, 10, SIDE, SIDE) float32 to logits of "another pin",
    (n, 1). Raises KeyError or ValueError where the tensors are of another network."""
    graph = Graph(tensors)

    def block(at: str, name: str, stride: int = 1) -> str:
        return graph.relu(graph.convolved(at, f"{name}.0", f"{name}.1", stride=stride, same=False))

    features = "pictures"
    for at in range(6):
        features = block(features, f"body.{at}", 2 if at % 2 == 0 else 1)
    here = graph.convolved(features, "here")
    first, last, axis = graph.constant([9], np.int64), graph.constant([10], np.int64), graph.constant([1], np.int64)
    cover = graph.add("Slice", "pictures", first, last, axis)
    side = [_STRIDE, _STRIDE]
    covered = graph.add("AveragePool", cover, kernel_shape=side, strides=side)
    unseen = graph.add("Less", covered, graph.constant(0.5))
    bounded = graph.add("Flatten", graph.add("Where", unseen, graph.constant(-8.0), here))
    most = graph.add("TopK", bounded, graph.constant([_COUNTED], np.int64), outputs=2)
    zero = graph.constant([0], np.int64)
    ends = [graph.constant([end], np.int64) for end in (1, 4)]
    parts = [graph.add("Slice", most, zero, end, axis) for end in ends]
    means = [graph.add("ReduceMean", part, axes=[1], keepdims=1) for part in (*parts, most)]
    middle = graph.add("Flatten", graph.add("GlobalAveragePool", block(features, "wide", 2)))
    joined = graph.add("Concat", middle, *means, axis=1)
    whole = graph.linear(graph.relu(graph.linear(joined, "whole.0")), "whole.2")
    _check(graph)
    return graph.model(TensorProto.FLOAT, ["n", 10, "side", "side"], whole, ["n", 1])


def _check(graph: Graph) -> None:
    """Refuse weights that have more than the network: they are of another one."""
    left = {name for name in graph.tensors if not name.endswith("num_batches_tracked")} - graph.used
    if left:
        raise ValueError(f"{len(left)} tensors too many, such as {min(left)}")
