"""Two runtimes, one answer: the graphs for ONNX Runtime compute what PyTorch computes from the same weights."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import timm
import torch

from recognizer.drawn import sample
from recognizer.errors import ModelError
from recognizer.networks import loading, onnx_graphs, outline_net, processor, twin_net, weights
from recognizer.networks.form import Preprocessing
from recognizer.search import light_towers, model_folder, trunks
from recognizer.search.text_tower import TextTower
from recognizer.types import UInt8Image
from recognizer.vision import outlines
from recognizer.vision.comparing import variants

FORM = Preprocessing(96, (0.5, 0.4, 0.3), (0.2, 0.2, 0.25))


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch computes in float32, as ONNX Runtime does."""
    for module in (outline_net, twin_net, trunks):
        monkeypatch.setattr(module, "computes_bfloat16", lambda: False)


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is loaded runs on ONNX Runtime."""
    with chosen(monkeypatch, processor.ONNX):
        yield


class chosen:  # noqa: N801 -- reads as a word
    """Asks for a runtime by the environment, within its block."""

    def __init__(self, patch: pytest.MonkeyPatch, name: str) -> None:
        self.patch, self.name = patch, name

    def __enter__(self) -> None:
        self.patch.setenv(processor.ASKED, self.name)
        processor.runtime.cache_clear()

    def __exit__(self, *_: object) -> None:
        self.patch.delenv(processor.ASKED)
        processor.runtime.cache_clear()


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray((first * second).sum(axis=1) / norms)


@pytest.mark.parametrize("folder", [outlines.SHIPPED, outlines.SHIPPED_CLOSER], ids=lambda folder: str(folder.name))
@pytest.mark.parametrize("size", [(384, 352), (32, 96)])
def test_both_runtimes_see_the_same_outlines(
    folder: Path, size: tuple[int, int], exact: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = np.asarray(cv2.resize(sample.phone_view(0), size, interpolation=cv2.INTER_AREA), np.uint8)
    expected = loading.outlines(folder)(photo)
    with chosen(monkeypatch, processor.ONNX):
        found = loading.outlines(folder)(photo)
    assert found.shape == expected.shape == (3, size[1] // 2, size[0] // 2)
    assert np.abs(found - expected).max() < 1e-3
    assert np.ptp(expected[0]) > 0.5


def test_both_runtimes_say_the_same_of_twins(exact: None, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [np.asarray(cv2.resize(sample.phone_view(at), (128, 128)), np.uint8) for at in (0, 1)]
    inside = np.zeros((128, 128), bool)
    inside[10:100, 20:120] = True
    pairs = np.stack([variants.paired(shown[0], shown[at], inside) for at in (0, 1)])
    expected = loading.twins(variants.SHIPPED)(pairs)
    with chosen(monkeypatch, processor.ONNX):
        found = loading.twins(variants.SHIPPED)(pairs)
    assert found == pytest.approx(expected, abs=1e-3)
    assert np.ptp(expected) > 1


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as `znachki train` writes it, with a text tower and a last map, its weights by chance."""
    torch.manual_seed(0)
    network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):  # as they are after training: no two alike
            torch.nn.init.uniform_(part.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(part.running_var, 0.5, 1.5)
    dim = int(network.num_features)
    folder = tmp_path_factory.mktemp("models") / "mine"
    text, last = TextTower(dim, buckets=512, width=8), trunks.LastMap(dim)
    trunks.save(folder, network, dict(light_towers.ARCHITECTURE), FORM, {}, text, last)
    return folder


def test_both_runtimes_embed_pictures_and_words_alike_under_one_fingerprint(trained: Path, exact: None) -> None:
    stored = model_folder.read(trained)
    full, light = trunks.stored_towers(stored), light_towers.stored_towers(stored)
    pictures = np.stack([sample.phone_view(at)[:96, :96] for at in range(3)])
    expected, found = full.pictures(pictures), light.pictures(pictures)
    assert expected.shape == found.shape == (3, full.dim)
    assert cosines(expected, found).min() > 0.9999
    assert cosines(expected[:1], found[1:2]).max() < 0.999
    assert (light.digest, light.dim, light.form) == (full.digest, full.dim, full.form)
    assert full.texts is not None
    assert light.texts is not None
    words = ["Гриб, Пыхьясадам", "mushroom", ""]
    assert light.texts(words) == pytest.approx(full.texts(words), abs=1e-4)


def test_the_base_embeds_within_a_hundredth_of_what_pytorch_gives_in_its_own_numbers() -> None:
    found = model_folder.folder_of("base", None)
    assert found is not None
    stored = model_folder.read(found[0])
    side = stored.form.size
    pictures = np.stack([cv2.resize(sample.phone_view(at), (side, side)) for at in range(4)]).astype(np.uint8)
    full, light = trunks.stored_towers(stored), light_towers.stored_towers(stored)
    assert cosines(full.pictures(pictures), light.pictures(pictures)).min() > 0.99


def test_the_base_says_the_same_of_words_of_many_languages_on_both_runtimes() -> None:
    found = model_folder.folder_of("base", None)
    assert found is not None
    stored = model_folder.read(found[0])
    full, light = trunks.stored_towers(stored), light_towers.stored_towers(stored)
    words = ["Ракета", "raketa", "რაკეტა", "Coat of arms, 1980", ""]
    assert full.texts is not None
    assert light.texts is not None
    assert light.texts(words) == pytest.approx(full.texts(words), abs=1e-4)
    assert full.meanings is not None
    assert light.meanings is not None
    told, expected = light.meanings(words[:-1]), full.meanings(words[:-1])
    assert cosines(told, expected).min() > 0.99999
    assert cosines(told[:1], told[3:]).max() < 0.5 < cosines(told[:1], told[1:2]).min()
    assert light.digest == full.digest


def test_other_weights_and_other_architectures_are_refused_by_name(trained: Path, tmp_path: Path, light: None) -> None:
    with pytest.raises(ModelError, match="another network"):
        loading.outlines(variants.SHIPPED)
    with pytest.raises(ModelError, match="another network"):
        loading.twins(outlines.SHIPPED)
    with pytest.raises(ModelError, match="no usable weights"):
        loading.twins(tmp_path)
    other = Path(shutil.copytree(trained, tmp_path / "other"))
    card = json.loads((other / "model.json").read_text(encoding="utf-8"))
    (other / "model.json").write_text(json.dumps(card | {"architecture": {"kind": "timm", "name": "vit"}}))
    with pytest.raises(ModelError, match=r"other: only PyTorch runs vit; pip install torch "):
        light_towers.stored_towers(model_folder.read(other))
    (other / "model.json").write_text(json.dumps({name: card[name] for name in card if name != "last_map"}))
    with pytest.raises(ModelError, match="do not fit together"):
        light_towers.stored_towers(model_folder.read(other))


def test_tensors_that_a_graph_does_not_use_are_refused() -> None:
    tensors = weights.read(variants.SHIPPED)
    assert onnx_graphs.twins(tensors)
    with pytest.raises(ValueError, match="1 tensors too many, such as more"):
        onnx_graphs.twins(tensors | {"more": np.ones(1, np.float32)})


def test_the_runtime_is_pytorch_unless_it_is_missing_or_another_one_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> str:
        processor.runtime.cache_clear()
        return processor.runtime()

    held = importlib.util.find_spec
    missing: set[str] = set()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else held(name))
    try:
        assert found() == processor.TORCH
        missing.add("torch")
        assert found() == processor.ONNX
        assert not processor.computes_bfloat16()
        missing.add("onnxruntime")
        with pytest.raises(ModelError, match=r"pip install torch .*, or pip install onnx onnxruntime, "):
            found()
        missing.clear()
        monkeypatch.setenv(processor.ASKED, processor.ONNX)
        assert found() == processor.ONNX
        missing.add("onnx")
        with pytest.raises(ModelError, match=r"ZNACHKI_RUNTIME=onnx: not installed; pip install onnx onnxruntime"):
            found()
        monkeypatch.setenv(processor.ASKED, "tensorrt")
        with pytest.raises(ModelError, match="no such runtime; write torch or onnx"):
            found()
    finally:
        monkeypatch.undo()
        processor.runtime.cache_clear()


def test_the_number_of_threads_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert processor.threads() == 3
    for said in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert processor.threads() >= 1


def test_pictures_are_only_read(light: None) -> None:
    photo: UInt8Image = np.full((64, 64, 3), 200, np.uint8)
    photo.flags.writeable = False
    assert loading.outlines(outlines.SHIPPED)(photo).shape == (3, 32, 32)
