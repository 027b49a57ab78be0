"""A model's picture side as a folder that open_clip loads: `open_clip.create_model_and_transforms("local-dir:FOLDER")`.

open_clip's models have two sides. Ours read pictures and, by a tower that open_clip has no form for, words; so the side
of words in the folder is empty, and asking it for one fails. `encode_image` gives what `Embedder.embed` does, up to how
the two libraries scale a picture.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor

from recognizer.errors import ModelError
from recognizer.search import model_folder, trunks
from recognizer.search.trunks import Trunk

WEIGHTS: Final = "open_clip_model.safetensors"
CONFIG: Final = "open_clip_config.json"
README: Final = "README.md"
CARD: Final = "model.json"

_NO_WORDS: Final = {"context_length": 1, "vocab_size": 1, "width": 8, "heads": 1, "layers": 1}
_GREY: Final = 127  # of what a picture is padded with to a square, as `embedder.padded` does


def write(model: str, folder: Path, models: Path | None = None) -> None:
    """Write the picture side of a model, named as for `embedder.load`, as a new folder.

    Raises ModelError where there is no such model, where `folder` exists, and of a model with a last map, which no
    network of open_clip has.
    """
    if folder.exists():
        raise ModelError(f"{folder}: exists already; choose another name")
    trunk = trunks.trunk(model, models)
    if trunk.last is not None:
        raise ModelError(
            f"{model}: has a last map, which open_clip cannot hold; export the model that it was trained from, or one "
            "trained with --settle 0"
        )
    config = _config(trunk)
    tensors = _tensors(trunk, config)
    draft = folder.with_name(f".{folder.name}.part")
    draft.mkdir(parents=True, exist_ok=True)
    save_file(tensors, draft / WEIGHTS)
    (draft / WEIGHTS).chmod(0o644)  # safetensors keeps it to its owner
    form = trunk.form
    preprocess = {
        "size": form.size, "mode": "RGB", "mean": form.mean, "std": form.std, "interpolation": "bicubic",
        "resize_mode": "longest", "fill_color": _GREY,
    }  # fmt: skip
    about = json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}, indent=2)
    (draft / CONFIG).write_text(about + "\n", encoding="utf-8")
    (draft / README).write_text(_readme(model, trunk), encoding="utf-8")
    found = model_folder.folder_of(model, models)
    if found is not None:  # what it was made from, and the licences
        card = json.dumps(model_folder.read_card(found[0]), ensure_ascii=False, indent=2)
        (draft / CARD).write_text(card + "\n", encoding="utf-8")
    draft.rename(folder)


def _config(trunk: Trunk) -> dict[str, Any]:
    if trunk.architecture["kind"] == "open_clip":
        return dict(trunk.architecture["config"])
    vision = {
        "timm_model_name": trunk.architecture["name"], "timm_model_pretrained": False, "timm_pool": "avg",
        "timm_proj": "none", "image_size": trunk.form.size,
    }  # fmt: skip
    return {"embed_dim": trunk.dim, "vision_cfg": vision, "text_cfg": _NO_WORDS}


def _tensors(trunk: Trunk, config: dict[str, Any]) -> dict[str, Tensor]:
    """The weights under the names of open_clip; of the empty side of words zeros."""
    own = trunk.network.state_dict()
    if trunk.architecture["kind"] == "open_clip":
        return {name: value.contiguous() for name, value in own.items()}
    held = {f"visual.trunk.{name}": value for name, value in own.items()}
    wanted = open_clip.CLIP(**config).state_dict()
    if {name for name in wanted if name.startswith("visual.")} != set(held):
        raise ModelError(f"open_clip {open_clip.__version__} has another form of {trunk.architecture['name']}")
    return {name: held.get(name, torch.zeros_like(value)).contiguous() for name, value in wanted.items()}


def _readme(model: str, trunk: Trunk) -> str:
    """What stands beside the weights."""
    words = "" if trunk.architecture["kind"] == "open_clip" else (
        "\nIt reads pictures alone: `encode_image`. Its side of words is empty, so `encode_text` is not to be used.\n"
    )  # fmt: skip
    return (
        f"# {model}, a model of znachki\n\n"
        f"    model, _, preprocess = open_clip.create_model_and_transforms('local-dir:FOLDER')\n{words}\n"
        "Embed a pin three times, as znachki does: the whole photo, the pin lifted from its ground, and its middle.\n"
    )
