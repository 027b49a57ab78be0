"""open_clip loads what was exported, and gives a picture the embedding that we give it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from recognizer.drawn import sample
from recognizer.errors import ModelError
from recognizer.exchange import open_clip_folder
from recognizer.search import embedder, trunks
from recognizer.search.model_folder import BASE, IMAGENET


def rows_of(folder: Path, pictures: list[np.ndarray]) -> np.ndarray:
    """Embeddings of pictures by open_clip, in its own way."""
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    batch = torch.stack([preprocess(Image.fromarray(picture)) for picture in pictures])
    with torch.inference_mode():
        return np.asarray(model.eval().encode_image(batch, normalize=True).numpy(), np.float32)


@pytest.mark.parametrize("model", [BASE, IMAGENET])
def test_open_clip_embeds_as_we_do(model: str, tmp_path: Path) -> None:
    pictures = [sample.catalogue_view(at) for at in range(4)]
    pictures = [picture[: picture.shape[0] - 40 * at] for at, picture in enumerate(pictures)]  # of other proportions
    open_clip_folder.write(model, tmp_path / "clip")
    ours = embedder.load(model).embed(pictures)
    assert (tmp_path / "clip" / "model.json").exists() == (model == BASE)
    cosines = rows_of(tmp_path / "clip", pictures) @ ours.T
    assert np.diag(cosines).min() > 0.97
    assert (cosines.argmax(axis=1) == np.arange(len(pictures))).all()


def test_a_model_of_open_clip_comes_back_whole(tmp_path: Path) -> None:
    vision = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
    config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": {"layers": 1, "width": 64, "heads": 1}}
    network = open_clip.CLIP(**config)
    form = trunks.Preprocessing(32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    architecture = {"kind": "open_clip", "config": config}
    trunks.save(tmp_path / "mine", network, architecture, form, {"name": "mine"})
    open_clip_folder.write("mine", tmp_path / "clip", tmp_path)
    loaded, _, _ = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'clip'}")
    for name, value in network.state_dict().items():
        assert torch.allclose(value.float(), loaded.state_dict()[name].float(), atol=2e-3), name
    about = json.loads((tmp_path / "clip" / "open_clip_config.json").read_text())["preprocess_cfg"]
    assert (about["size"], about["mean"]) == (32, [0.5, 0.4, 0.3])


def test_what_cannot_be_exported_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    trunk = trunks.trunk(BASE)
    trunks.save(
        tmp_path / "mapped", trunk.network, trunk.architecture, trunk.form, {"name": "mapped"},
        last=trunks.LastMap(trunk.dim),
    )  # fmt: skip
    with pytest.raises(ModelError, match="last map"):
        open_clip_folder.write("mapped", tmp_path / "clip", tmp_path)
    with pytest.raises(ModelError, match=r"^nowhere: no "):
        open_clip_folder.write("nowhere", tmp_path / "clip", tmp_path)
    assert not (tmp_path / "clip").exists()
    (tmp_path / "clip").mkdir()
    with pytest.raises(ModelError, match="exists already"):
        open_clip_folder.write(BASE, tmp_path / "clip")
