"""ONNX Runtime: a graph to a function from arrays to an array."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from recognizer.errors import ModelError
from recognizer.networks.processor import threads
from recognizer.types import Float32

PROVIDERS: Final = ("CPUExecutionProvider",)

Run = Callable[[NDArray[Any]], Float32]


def opened(folder: Path, write: Callable[[Any], bytes], tensors: Any) -> Run:
    """Return what runs the graph that `write` makes of the tensors of a folder.

    Raises ModelError where they are of another network.
    """
    try:
        return session(write(tensors))
    except (LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise ModelError(f"{folder}: weights of another network ({error}); train it again") from error


def session(model: bytes) -> Run:
    """Return what runs a serialised model with one input and one output; it may be called from many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.log_severity_level = 3
    # Threads that wait in a loop for the next layer take the cores from everything that is not a network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    held = onnxruntime.InferenceSession(model, options, providers=list(PROVIDERS))
    name = held.get_inputs()[0].name

    def run(inputs: NDArray[Any]) -> Float32:
        (found,) = held.run(None, {name: inputs})
        return np.asarray(found, np.float32)

    return run
