"""Models load from every documented place, embed the same picture alike, and say what is wrong with their files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from recognizer.drawn import sample
from recognizer.errors import ModelError
from recognizer.networks.form import Preprocessing
from recognizer.search import embedder, model_folder, trunks
from recognizer.search.embedder import Embedder
from recognizer.search.model_folder import Towers
from recognizer.types import UInt8Image

FORM = Preprocessing(32, (0.5, 0.4, 0.3), (0.2, 0.2, 0.25))
TIMM = "test_vit"
"""A network that timm has for tests: 0.4 million weights."""

TINY: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 50, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def imagenet() -> Embedder:
    return embedder.load("imagenet")


@pytest.fixture(scope="module")
def pictures() -> list[UInt8Image]:
    """Drawn pins of different shapes, one of them tiny."""
    return [
        sample.catalogue_view(0),
        sample.phone_view(0),
        sample.catalogue_view(3)[:200],
        sample.catalogue_view(5)[::9, ::9],
    ]


@pytest.fixture(scope="module")
def clip_network() -> torch.nn.Module:
    torch.manual_seed(0)
    network: torch.nn.Module = open_clip.CLIP(**TINY)
    return network.eval()


@pytest.fixture(scope="module")
def clip_folder(clip_network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of the open_clip kind; read it."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    trunks.save(folder, clip_network, {"kind": "open_clip", "config": TINY}, FORM, {"licence": "Apache-2.0"})
    return folder


@pytest.fixture
def own_folder(clip_folder: Path, tmp_path: Path) -> Path:
    """A copy of `clip_folder` for a test that breaks it."""
    return Path(shutil.copytree(clip_folder, tmp_path / "tiny"))


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.asarray((first * second).sum(axis=-1))


def with_card(folder: Path, **changes: Any) -> Path:
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps(card | changes), encoding="utf-8")
    return folder


# The base that ships


def test_the_base_gives_unit_rows_of_its_dimension(imagenet: Embedder, pictures: list[UInt8Image]) -> None:
    rows = imagenet.embed(pictures)
    assert (rows.shape, rows.dtype, imagenet.dim, imagenet.name) == ((4, 1280), np.float32, 1280, "imagenet")
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_the_same_picture_has_the_same_embedding_again_and_from_a_model_loaded_anew(
    imagenet: Embedder, pictures: list[UInt8Image]
) -> None:
    assert np.array_equal(imagenet.embed(pictures), imagenet.embed(pictures))
    again = embedder.load("imagenet")
    assert again.fingerprint == imagenet.fingerprint
    assert np.array_equal(again.embed(pictures[:2]), imagenet.embed(pictures[:2]))


def test_a_batch_is_embedded_as_its_pictures_one_by_one(imagenet: Embedder, pictures: list[UInt8Image]) -> None:
    together = imagenet.embed(pictures)
    alone = np.concatenate([imagenet.embed([picture]) for picture in pictures])
    assert cosines(together, alone) == pytest.approx(np.ones(4), abs=1e-3)  # bfloat16 where the processor has it


def test_more_pictures_than_a_batch_keep_their_order(clip_folder: Path, pictures: list[UInt8Image]) -> None:
    model = embedder.load(clip_folder)
    many = [pictures[at % 3] for at in range(2 * embedder.BATCH + 3)]
    rows = model.embed(many)
    assert cosines(rows, model.embed(pictures[:3])[np.arange(len(many)) % 3]).min() > 0.999


def test_no_pictures_give_no_rows(imagenet: Embedder) -> None:
    assert imagenet.embed([]).shape == (0, 1280)
    assert imagenet.embed_zooms([]).shape == (0, len(embedder.ZOOMS), 1280)


def test_the_base_tells_two_photos_of_one_pin_from_another_pin(imagenet: Embedder) -> None:
    pin, again, other = imagenet.embed(
        [sample.catalogue_view(0), sample.catalogue_view(0)[4:-4, 4:-4], sample.catalogue_view(7)]
    )
    assert cosines(pin, again) > 0.9
    assert cosines(pin, again) > cosines(pin, other) + 0.1


# Zooms


def test_zooms_are_the_whole_picture_and_central_squares(imagenet: Embedder, pictures: list[UInt8Image]) -> None:
    rows = imagenet.embed_zooms(pictures[:2])
    assert rows.shape == (2, len(embedder.ZOOMS), 1280)
    parts = [embedder.zoomed(picture, zoom) for picture in pictures[:2] for zoom in embedder.ZOOMS]
    assert cosines(rows.reshape(-1, 1280), imagenet.embed(parts)).min() > 0.999
    assert cosines(rows[:, 0], imagenet.embed(pictures[:2])).min() > 0.999


def test_a_zoom_is_the_middle_and_never_larger_than_the_picture() -> None:
    image = np.arange(100 * 400 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 400, 3)
    assert embedder.zoomed(image, 1.0) is image
    half = embedder.zoomed(image, 0.4)  # .4 of the root of 40,000 is 80
    assert np.array_equal(half, image[10:90, 160:240])
    assert embedder.zoomed(image, 0.9).shape == (100, 180, 3)
    assert embedder.zoomed(image[:1, :1], 0.4).shape == (1, 1, 3)


def test_a_picture_is_padded_in_the_middle_of_grey_with_its_shape_kept() -> None:
    image = np.full((50, 100, 3), 200, np.uint8)
    square = embedder.padded(image, 64)
    assert square.shape == (64, 64, 3)
    assert (square[16:48] == 200).all()
    assert (square[:16] == 127).all()
    assert (square[48:] == 127).all()
    assert embedder.padded(np.zeros((1, 999, 3), np.uint8), 32).shape == (32, 32, 3)


# Model folders


def test_a_timm_folder_comes_back_as_it_was_saved(pictures: list[UInt8Image], tmp_path: Path) -> None:
    about = {"base": "made for a test", "licence": "Apache-2.0", "numbers": {"recall_at_1": 0.5}, "название": "значок"}
    folder = tmp_path / "models" / "mine"
    form = Preprocessing(160, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    torch.manual_seed(0)
    network = timm.create_model(TIMM, pretrained=False, num_classes=0)
    trunks.save(folder, network, {"kind": "timm", "name": TIMM}, form, about)
    assert sorted(path.name for path in folder.parent.iterdir()) == ["mine"]
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "weights.safetensors"]
    card = model_folder.read_card(folder)
    assert about.items() <= card.items()
    loaded = embedder.load(folder)
    assert (loaded.name, loaded.dim, loaded.preprocessing) == (str(folder), network.num_features, form)
    direct = Embedder(Towers(trunks.pictured(network, form), None, loaded.dim, form, ""), "direct")
    assert cosines(loaded.embed(pictures), direct.embed(pictures)).min() > 0.999  # weights are kept as float16


def test_an_open_clip_folder_comes_back_as_it_was_saved(
    clip_folder: Path, clip_network: Any, pictures: list[UInt8Image]
) -> None:
    loaded = embedder.load(clip_folder)
    assert (loaded.name, loaded.dim, loaded.preprocessing) == (str(clip_folder), 16, FORM)
    pixels = np.stack([embedder.padded(picture, 32) for picture in pictures]) / 255
    with torch.inference_mode():
        inputs = torch.tensor((pixels - FORM.mean) / FORM.std, dtype=torch.float32).permute(0, 3, 1, 2)
        expected = torch.nn.functional.normalize(clip_network.visual(inputs), dim=1).numpy()
    assert cosines(loaded.embed(pictures), expected).min() > 0.999
    weights = load_file(clip_folder / "weights.safetensors")
    assert {str(value.dtype) for value in weights.values()} == {"torch.float16"}


def test_saving_over_a_model_is_refused(clip_folder: Path, clip_network: torch.nn.Module) -> None:
    before = (clip_folder / "model.json").read_bytes()
    with pytest.raises(ModelError, match=r"tiny: exists already; choose another name"):
        trunks.save(clip_folder, clip_network, {"kind": "open_clip", "config": TINY}, FORM, {})
    assert (clip_folder / "model.json").read_bytes() == before


def test_a_save_that_stopped_half_way_leaves_no_model_and_is_no_hindrance(
    clip_network: torch.nn.Module, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    with pytest.raises(TypeError):
        trunks.save(folder, clip_network, {"kind": "open_clip", "config": TINY}, FORM, {"made": object()})
    assert not folder.exists()
    trunks.save(folder, clip_network, {"kind": "open_clip", "config": TINY}, FORM, {})
    assert embedder.load(folder).dim == 16


# open_clip:NAME/TAG


@pytest.fixture(scope="module")
def zoo(clip_network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes an architecture known to open_clip under the name tiny-znachki; the folder has a checkpoint of it."""
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "tiny-znachki.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "tiny-znachki.json")
    save_file(clip_network.state_dict(), folder / "epoch_1.safetensors")
    torch.save({"state_dict": clip_network.state_dict(), "epoch": 1}, folder / "epoch_1.pt")
    return folder


@pytest.mark.parametrize("checkpoint", ["epoch_1.pt", "epoch_1.safetensors"])
def test_an_open_clip_name_loads_with_a_checkpoint_on_the_disk(
    zoo: Path, clip_folder: Path, pictures: list[UInt8Image], checkpoint: str
) -> None:
    name = f"open_clip:tiny-znachki/{zoo / checkpoint}"
    loaded = embedder.load(name)
    assert (loaded.name, loaded.dim, loaded.preprocessing.size) == (name, 16, 32)
    assert loaded.preprocessing.mean == open_clip.OPENAI_DATASET_MEAN
    rows = loaded.embed(pictures)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert not np.allclose(rows[0], rows[1])


@pytest.mark.parametrize("name", ["open_clip:", "open_clip:ViT-B-32", "open_clip:/laion2b", "open_clip:ViT-B-32/"])
def test_an_open_clip_name_without_a_part_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(ModelError, match="write open_clip:NAME/TAG, such as") as caught:
        embedder.load(name)
    assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize("name", ["open_clip:no-such-network/laion2b", "open_clip:ViT-B-32/no-such-tag"])
def test_an_open_clip_name_that_does_not_exist_is_refused_with_the_cure(name: str) -> None:
    with pytest.raises(ModelError, match=r"list_pretrained\(\)") as caught:
        embedder.load(name)
    assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 half a zip"])
@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_a_damaged_checkpoint_is_refused_with_its_name(zoo: Path, tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"epoch.{ending}"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        embedder.load(f"open_clip:tiny-znachki/{path}")
    assert str(path) in str(caught.value)


def test_a_checkpoint_of_another_network_is_refused(zoo: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(ModelError) as caught:
        embedder.load(f"open_clip:tiny-znachki/{path}")
    assert str(path) in str(caught.value)


def test_a_hub_that_cannot_be_reached_is_a_model_error(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("the hub cannot be reached")

    monkeypatch.setattr(open_clip.pretrained, "hf_hub_download", unreachable)
    with pytest.raises(ModelError, match="the model hub can be reached"):
        embedder.load("open_clip:ViT-B-32/laion2b_s34b_b79k")


# What is refused


@pytest.mark.parametrize("name", ["no/such/folder", "imagnet"])
def test_an_unknown_model_is_refused_with_what_there_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="open_clip:NAME/TAG, base or imagenet"):
        embedder.load(name)


def test_a_folder_without_card_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model\.json in it") as caught:
        embedder.load(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '"text"', "\x00"])
def test_a_card_that_is_no_json_object_is_refused_by_its_path(own_folder: Path, text: str) -> None:
    (own_folder / "model.json").write_text(text)
    with pytest.raises(ModelError, match="copy the model again") as caught:
        embedder.load(own_folder)
    assert str(own_folder / "model.json") in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": {}},
        {"architecture": "tiny"},
        {"architecture": {"kind": "timm"}},
        {"architecture": {"kind": "timm", "name": "no_such_network"}},
        {"architecture": {"kind": "timm", "name": TIMM}},
        {"architecture": {"kind": "open_clip", "config": TINY | {"embed_dim": 8}}},
        {"architecture": {"kind": "open_clip", "config": {"embed_dim": 8}}},
        {"architecture": {"kind": "open_clip", "config": TINY | {"no_such_setting": 8}}},
        {"preprocessing": {}},
        {"preprocessing": {"size": "large", "mean": [0.5] * 3, "std": [0.5] * 3}},
        {"preprocessing": {"size": 32, "mean": [0.5], "std": [0.5]}},
        {"preprocessing": {"size": 32, "mean": ["a"] * 3, "std": [0.5] * 3}},
        {"preprocessing": {"size": 48, "mean": [0.5] * 3, "std": [0.5] * 3}},
    ],
    ids=lambda changes: json.dumps(changes)[:60],
)
def test_a_card_that_does_not_fit_its_weights_is_refused(own_folder: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="train or copy it again") as caught:
        embedder.load(with_card(own_folder, **changes))
    assert str(own_folder) in str(caught.value)


def test_an_architecture_of_another_kind_is_refused_with_the_kinds_there_are(own_folder: Path) -> None:
    with pytest.raises(ModelError, match="kind 'keras' is not one of timm, open_clip"):
        embedder.load(with_card(own_folder, architecture={"kind": "keras"}))


@pytest.mark.parametrize("keep", [0, 7, 300, -1])
def test_truncated_weights_are_refused(own_folder: Path, keep: int) -> None:
    path = own_folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="train or copy it again") as caught:
        embedder.load(own_folder)
    assert str(own_folder) in str(caught.value)


def test_missing_weights_are_refused(own_folder: Path) -> None:
    (own_folder / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match=r"weights\.safetensors"):
        embedder.load(own_folder)


# Fingerprints


def test_the_fingerprint_stays_with_the_files_under_another_name(clip_folder: Path, own_folder: Path) -> None:
    moved = own_folder.rename(own_folder.with_name("другое имя"))
    assert embedder.load(moved).fingerprint == embedder.load(clip_folder).fingerprint


def test_the_fingerprint_does_not_change_with_what_the_card_tells(clip_folder: Path, own_folder: Path) -> None:
    with_card(own_folder, licence="MIT", numbers={"recall_at_1": 0.9})
    assert embedder.load(own_folder).fingerprint == embedder.load(clip_folder).fingerprint


def test_the_fingerprint_changes_with_one_weight(clip_folder: Path, own_folder: Path) -> None:
    weights = load_file(own_folder / "weights.safetensors")
    weights["visual.proj"][0, 0] += 1
    save_file(weights, own_folder / "weights.safetensors")
    assert embedder.load(own_folder).fingerprint != embedder.load(clip_folder).fingerprint


@pytest.mark.parametrize("change", [{"mean": [0.5, 0.4, 0.31]}, {"std": [0.2, 0.2, 0.2]}], ids=str)
def test_the_fingerprint_changes_with_the_preprocessing(
    clip_folder: Path, own_folder: Path, change: dict[str, Any]
) -> None:
    form = model_folder.read_card(own_folder)["preprocessing"] | change
    with_card(own_folder, preprocessing=form)
    assert embedder.load(own_folder).fingerprint != embedder.load(clip_folder).fingerprint


def test_the_fingerprint_changes_where_the_same_weights_compute_otherwise(
    clip_folder: Path, own_folder: Path, pictures: list[UInt8Image]
) -> None:
    before = embedder.load(clip_folder)
    with_card(own_folder, architecture={"kind": "open_clip", "config": TINY | {"quick_gelu": True}})
    after = embedder.load(own_folder)
    assert not np.array_equal(after.embed(pictures), before.embed(pictures))
    assert after.fingerprint != before.fingerprint


def test_the_base_that_ships_tells_drawn_pins_apart_and_says_what_it_is() -> None:
    folder = Path(embedder.__file__).parents[1] / "models" / "base"
    card = model_folder.read_card(folder)
    assert {"base", "data", "designs", "licence", "rebuild", "measured"} <= card.keys()
    assert (folder / "weights.safetensors").stat().st_size < 20_000_000
    model = embedder.load("base")
    pictures = [sample.catalogue_view(row) for row in range(6)] + [sample.phone_view(row) for row in range(6)]
    rows = model.embed(pictures)
    assert ((rows[6:] @ rows[:6].T).argmax(axis=1) == np.arange(6)).sum() >= 5
