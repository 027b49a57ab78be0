"""Training is the same however it is cut up: in parts, among processes, by a kill; and it learns."""

from __future__ import annotations

import csv
import multiprocessing
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from recognizer.catalogue.imports import import_csv
from recognizer.catalogue.store import Catalogue
from recognizer.drawn import sample
from recognizer.errors import ModelError
from recognizer.networks.form import Preprocessing
from recognizer.search import trunks
from recognizer.search.embedder import load, padded
from recognizer.search.model_folder import read_card
from recognizer.search.text_tower import TextTower
from recognizer.search.trunks import Trunk
from recognizer.search.trunks import trunk as trunk_of
from recognizer.search.word_pieces import pieces
from recognizer.types import CatalogueEntry, UInt8Image
from training import data, loss, settle, train
from training.designs import Design
from training.pictures import augment
from training.train import Plan

FORM = Preprocessing(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
PLAN = Plan(steps=6, head_steps=2, pairs=6, part=100, size=32, every=2, rate=2e-3, workers=0)


class Discs:
    """Pins that are coloured discs, each with its words."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def round(self, rng: np.random.Generator) -> list[int]:
        return [int(row) for row in rng.permutation(self.count)]

    def cutouts(self, row: int, rng: np.random.Generator) -> Sequence[UInt8Image]:
        y, x = np.mgrid[0:40, 0:40] - 20
        picture = np.zeros((40, 40, 4), np.uint8)
        picture[:, :, :3] = np.random.default_rng(row).integers(0, 255, (2, 1, 1, 3))[(x > 0).astype(int)[0, 0]]
        picture[:, 20:, :3] = np.random.default_rng(row + 99).integers(0, 255, 3)
        picture[:, :, 3] = 255 * (x * x + y * y < 330)
        return [picture]

    def text(self, row: int, rng: np.random.Generator) -> str:
        return f"диск {row}" if row % 3 else ""


def trunk(text: bool = True) -> Trunk:
    torch.manual_seed(0)
    network: Any = timm.create_model("test_efficientnet", num_classes=0)
    tower = TextTower(network.num_features, buckets=256, width=8) if text else None
    return Trunk(network, {"kind": "timm", "name": "test_efficientnet"}, FORM, tower)


@pytest.fixture(autouse=True)
def _in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "computes_bfloat16", lambda: False)
    monkeypatch.setattr(data, "_BACKDROPS", 4)


def weights_of(one: Trunk) -> dict[str, torch.Tensor]:
    parts: list[torch.nn.Module] = [one.network] + ([one.text] if one.text is not None else [])
    return {f"{at}.{name}": weight for at, part in enumerate(parts) for name, weight in part.named_parameters()}


def gradient(part: int, rank: int = 0, ranks: int = 1) -> dict[str, torch.Tensor]:
    one = trunk()
    one.network.eval()
    pictures, texts = data.Views(Discs(12), 8, 32, 3, 1, rank=rank, ranks=ranks).batch(0)
    train.gradients(one, pictures, texts, replace(PLAN, part=part))
    weights = weights_of(one)
    train.summed(list(weights.values()))
    return {name: weight.grad for name, weight in weights.items() if weight.grad is not None}


def assert_same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(
            value, second[name], rtol=1e-3, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_parts_of_a_batch_give_the_gradient_of_the_whole() -> None:
    assert_same(gradient(part=100), gradient(part=3))


def _share(rank: int, folder: Path, out: Any) -> None:
    torch.set_num_threads(1)
    store = torch.distributed.FileStore(str(folder / "store"), 2)  # type: ignore[attr-defined]
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    found = gradient(part=5, rank=rank, ranks=2)
    if rank == 0:
        np.savez(folder / "gradient.npz", **{name: value.numpy() for name, value in found.items()})
    torch.distributed.destroy_process_group()


def test_two_processes_give_the_gradient_of_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_share, args=(rank, tmp_path, None)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    with np.load(tmp_path / "gradient.npz") as held:
        assert_same({name: torch.from_numpy(held[name]) for name in held.files}, gradient(part=100))


def curve(folder: Path) -> list[dict[str, float]]:
    with (folder / "curve.csv").open() as file:
        return [
            {name: float(value) for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)
        ]


class Killed(Exception):
    pass


def test_a_killed_run_goes_on_with_the_same_curve(tmp_path: Path) -> None:
    def kill(done: int, total: int) -> None:
        if done == 5:
            raise Killed

    train.train(trunk(), Discs(12), Discs(6), PLAN, tmp_path / "whole")
    with pytest.raises(Killed):
        train.train(trunk(), Discs(12), Discs(6), PLAN, tmp_path / "cut", progress=kill)
    assert len(curve(tmp_path / "cut")) == 2
    train.train(trunk(), Discs(12), Discs(6), PLAN, tmp_path / "cut")
    whole, cut = curve(tmp_path / "whole"), curve(tmp_path / "cut")
    assert [row["step"] for row in cut] == [2, 4, 6]
    for first, second in zip(whole, cut, strict=True):
        assert second == pytest.approx(first, abs=1e-3)
    assert (tmp_path / "whole" / "views.jpg").exists()


def test_only_the_head_learns_at_first(tmp_path: Path) -> None:
    one = trunk()
    before = {name: weight.detach().clone() for name, weight in weights_of(one).items()}
    train.train(one, Discs(12), Discs(6), replace(PLAN, steps=2, head_steps=2, keep=0.0), tmp_path)
    moved = {name for name, value in train_weights(tmp_path).items() if not torch.equal(value, before[name])}
    assert moved == {name for name in before if name.startswith(("0.conv_head", "0.bn2", "1."))}


@pytest.mark.parametrize("all_layers", [False, True])
def test_first_layers_and_depthwise_filters_learn_only_where_all_layers_do(tmp_path: Path, all_layers: bool) -> None:
    one = trunk()
    before = {name: weight.detach().clone() for name, weight in weights_of(one).items()}
    train.train(one, Discs(12), Discs(6), replace(PLAN, keep=0.0, all_layers=all_layers), tmp_path)
    moved = {name for name, value in train_weights(tmp_path).items() if not torch.equal(value, before[name])}
    assert ("0.conv_stem.weight" in moved) == all_layers
    assert any("conv_dw" in name for name in moved) == all_layers


def train_weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    held = load_file(folder / "checkpoint.safetensors")
    names = {"model.network.": "0.", "model.text.": "1."}
    parameters = weights_of(trunk())
    found = {
        new + name.removeprefix(old): v
        for name, v in held.items()
        for old, new in names.items()
        if name.startswith(old)
    }
    return {name: value for name, value in found.items() if name in parameters}


def test_it_stops_where_nothing_is_gained(tmp_path: Path) -> None:
    plan = replace(PLAN, steps=40, every=1, patience=2, rate=0.0)
    assert train.train(trunk(), Discs(6), Discs(6), plan, tmp_path)["steps"] == 3


def test_the_last_map_evens_out_how_views_differ() -> None:
    torch.manual_seed(0)
    turned, _ = torch.linalg.qr(torch.randn(6, 6))
    scatter = turned @ torch.diag(torch.tensor([50.0, 4.0, 1.0, 1.0, 0.1, 0.0])) @ turned.T
    found = settle.evening(scatter)
    before, after = (torch.linalg.eigvalsh(one) for one in (scatter, found @ scatter @ found.T))
    assert float(after[-1] / after.mean()) < float(before[-1] / before.mean())
    assert float(torch.linalg.eigvalsh(found)[0]) > 0  # nothing is lost
    torch.testing.assert_close(settle.evening(3 * torch.eye(4)), torch.eye(4))
    torch.testing.assert_close(settle.evening(torch.zeros(4, 4)), torch.eye(4) * (4 / 3) ** 0.5)


def pairs_of_discs(rank: int = 0, ranks: int = 1) -> data.Views:
    return data.Views(Discs(12), 6, 32, 2, 2, rank=rank, ranks=ranks)


def mean_colours(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.float().mean(dim=(1, 2))


def _map_of_a_share(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    store = torch.distributed.FileStore(str(folder / "store"), 2)  # type: ignore[attr-defined]
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    settle.last_map(pairs_of_discs(rank, 2), mean_colours, folder / "settled.safetensors")
    torch.distributed.destroy_process_group()


def test_two_processes_find_the_last_map_of_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_map_of_a_share, args=(rank, tmp_path)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    whole = settle.evening(settle.scatter_of(pairs_of_discs(), mean_colours))
    with safe_open(tmp_path / "settled.safetensors", "pt") as held:
        torch.testing.assert_close(held.get_tensor("weight"), whole, rtol=1e-3, atol=1e-5)


def test_a_killed_run_goes_on_with_the_last_map_that_it_had_found(tmp_path: Path) -> None:
    def gone(pictures: torch.Tensor) -> torch.Tensor:
        raise Killed

    first = settle.last_map(pairs_of_discs(), mean_colours, tmp_path / "settled.safetensors")
    again = settle.last_map(pairs_of_discs(), gone, tmp_path / "settled.safetensors")
    assert torch.equal(first.map.weight, again.map.weight)


def test_a_model_with_a_last_map_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    plain = trunk()
    one = train.settled(plain, Discs(12), replace(PLAN, settle=24), tmp_path / "run")
    found = {"steps": 0, "alpha": 0.0, "recall": {}}
    folders = [
        train.ship(which, tmp_path / name, PLAN, found, {}) for which, name in ((plain, "plain"), (one, "mapped"))
    ]
    pictures = [Discs(3).cutouts(row, np.random.default_rng(0))[0][:, :, :3] for row in range(3)]
    models = [load(folder) for folder in folders]
    with torch.no_grad():
        inputs = train.prepared(torch.from_numpy(np.stack([padded(picture, 32) for picture in pictures])), FORM)
        expected = torch.nn.functional.normalize(one.pictures(inputs), dim=1).numpy()
    plain_rows, rows = (model.embed(pictures) for model in models)
    assert (rows * expected).sum(axis=1).min() > 0.998  # weights are kept as float16
    assert (plain_rows * expected).sum(axis=1).max() < 0.9
    assert models[0].fingerprint != models[1].fingerprint


def test_where_words_alone_are_learnt_pictures_are_seen_as_before(tmp_path: Path) -> None:
    one = train.settled(trunk(), Discs(12), replace(PLAN, settle=24), tmp_path)
    assert one.last is not None
    before = {name: weight.clone() for name, weight in weights_of(one).items()}
    mapped = one.last.map.weight.clone()
    train.train(one, Discs(12), Discs(6), replace(PLAN, deep=False, part=5), tmp_path)
    moved = {name for name, weight in weights_of(one).items() if not torch.equal(weight, before[name])}
    assert moved
    assert all(name.startswith("1.") for name in moved)
    assert torch.equal(one.last.map.weight, mapped)


def test_the_last_map_is_learnt_with_the_pictures(tmp_path: Path) -> None:
    one = train.settled(trunk(), Discs(12), replace(PLAN, settle=24), tmp_path)
    assert one.last is not None
    mapped = one.last.map.weight.clone()
    train.train(one, Discs(12), Discs(6), replace(PLAN, deep=True, keep=0.0), tmp_path)
    with safe_open(tmp_path / "checkpoint.safetensors", "pt") as held:
        assert not torch.equal(held.get_tensor("model.last.map.weight"), mapped)


@pytest.fixture
def six(tmp_path: Path) -> Path:
    """A data folder with six drawn pins."""
    files = sample.write(tmp_path / "sample", 6, 0, 1, 0)
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        import_csv(catalogue, files.catalogue)
    return tmp_path / "data"


BRIEF = replace(PLAN, steps=1, head_steps=0, every=1, settle=6)


def test_a_catalogue_moves_a_model_of_pins_by_a_share_and_brings_it_a_last_map_and_words(six: Path) -> None:
    folder = train.on_catalogue(six, "mine", BRIEF)
    base, mine = trunk_of("base"), trunk_of(folder)
    learnt = load_file(six / "runs" / "mine" / "pictures" / "checkpoint.safetensors")
    moved = 0
    for name, value in base.network.state_dict().items():
        if value.is_floating_point():
            whole = learnt[f"kept.network.{name}"]
            moved += not torch.equal(whole, value)
            kept = value.lerp(whole, train.GENTLE)
            torch.testing.assert_close(mine.network.state_dict()[name], kept, atol=2e-3, rtol=2e-3)
    assert moved
    assert mine.last is not None
    assert mine.text is not None
    card = read_card(folder)
    assert (card["plan"]["deep"], card["plan"]["share"], card["alpha"]) == (True, train.GENTLE, train.GENTLE)
    assert card["steps"] == 1


def test_a_run_killed_between_its_stages_goes_on_to_the_same_model(six: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train.on_catalogue(six, "whole", BRIEF)
    settled, calls = train.settled, []

    def killed(*arguments: Any, **named: Any) -> Trunk:
        calls.append(arguments)
        if len(calls) == 1:
            raise Killed
        return settled(*arguments, **named)

    monkeypatch.setattr(train, "settled", killed)
    with pytest.raises(Killed):
        train.on_catalogue(six, "cut", BRIEF)
    cut = train.on_catalogue(six, "cut", BRIEF)
    assert (whole / "weights.safetensors").read_bytes() == (cut / "weights.safetensors").read_bytes()


def test_a_network_that_is_to_stay_gets_a_last_map_alone(six: Path) -> None:
    folder = train.on_catalogue(six, "mine", replace(BRIEF, deep=False))
    base, mine = trunk_of("base"), trunk_of(folder)
    assert base.last is None
    assert mine.last is not None
    for name, value in base.network.state_dict().items():
        assert torch.equal(value, mine.network.state_dict()[name]), name
    assert read_card(folder)["plan"]["deep"] is False


def designs_of(folder: Path, count: int) -> list[Design]:
    found = []
    for row in range(count):
        file = folder / f"{row}.png"
        disc = np.zeros((256, 256, 4), np.uint8)
        disc[20:236, 20:236] = cv2.resize(Discs(count).cutouts(row, np.random.default_rng(0))[0], (216, 216))
        cv2.imwrite(str(file), disc)
        found.append(Design(f"{row}", "drawn", file, f"disc {row}"))
    return found


def test_designs_teach_a_network_and_then_its_last_map_or_the_map_alone(tmp_path: Path) -> None:
    one = trunk(text=False)
    trunks.save(tmp_path / "small", one.network, one.architecture, FORM, {})
    small = str(tmp_path / "small")
    designs = designs_of(tmp_path, 14)
    plan = replace(PLAN, steps=1, head_steps=0, every=1, settle=6, share=1.0)
    both = train.on_designs(designs, tmp_path / "both", plan, base=small, size=48)
    still = train.on_designs(designs, tmp_path / "still", replace(plan, deep=False), base=small)
    plain = train.on_designs(designs, tmp_path / "plain", replace(plan, settle=0), base=small)
    before = trunk_of(small).network.state_dict()
    for folder, learns, mapped in ((both, True, True), (still, False, True), (plain, True, False)):
        found, card = trunk_of(folder), read_card(folder)
        same = [torch.equal(value, before[name]) for name, value in found.network.state_dict().items()]
        assert (all(same), found.last is not None) == (not learns, mapped)
        assert card["steps"] == int(learns)
    assert read_card(both)["preprocessing"]["size"] == 48


@pytest.mark.parametrize(
    ("kind", "spec", "deep", "learns", "mapped"),
    [
        ("timm", "base", None, True, True),
        ("timm", "base", False, False, True),
        ("timm", "/models/mine", None, True, True),
        ("timm", "imagenet", None, True, False),
        ("timm", "imagenet", False, False, True),
        ("open_clip", "open_clip:ViT-B-32/openai", None, True, False),
        ("open_clip", "/models/clip", None, True, False),
    ],
)
def test_a_model_of_pins_learns_gently_and_gets_a_map_and_one_of_general_pictures_learns_all(
    kind: str, spec: str, deep: bool | None, learns: bool, mapped: bool
) -> None:
    plan = train._complete(replace(PLAN, deep=deep), replace(trunk(), architecture={"kind": kind}), spec)
    assert (plan.deep, plan.settle > 0) == (learns, mapped)
    gentle = learns and not spec.startswith(("imagenet", "open_clip:"))
    assert plan.share == (train.GENTLE if gentle else None)
    asked = train._complete(replace(PLAN, share=0.6), replace(trunk(), architecture={"kind": kind}), spec)
    assert asked.share == 0.6


def test_views_of_a_pin_are_learnt(tmp_path: Path) -> None:
    one = trunk()
    plan = replace(PLAN, steps=30, head_steps=2, every=30)
    found = train.train(one, Discs(12), Discs(6), plan, tmp_path)
    assert (
        curve(tmp_path)[-1]["loss"]
        < train.gradients(trunk(), *data.Views(Discs(12), 6, 32, 0, 1).batch(0), plan)["loss"]
    )
    model = train.ship(one, tmp_path / "model", plan, found, {"name": "discs"})
    assert load(model).embed_texts(["диск 4"]).shape == (1, one.dim)


def test_a_batch_is_drawn_the_same_every_time_and_has_each_thing_once() -> None:
    views = data.Views(Discs(7), 5, 32, 1, 10)
    assert torch.equal(views.batch(3)[0], data.Views(Discs(7), 5, 32, 1, 10, start=3).batch(3)[0])
    assert all(len(set(views.rows(step))) == 5 for step in range(10))


def test_families_are_held_out_together() -> None:
    entries = [CatalogueEntry(f"e{row}", family=f"f{row // 3}") for row in range(90)]
    training, held = data.parted(entries)
    assert not {entry.family for entry in training} & {entry.family for entry in held}
    assert 0 < len(held) < len(training)
    more = [*entries, *(CatalogueEntry(f"n{row}") for row in range(50))]
    assert {entry.entry_id for entry in held} <= {entry.entry_id for entry in data.parted(more)[1]}


def test_new_entries_are_mixed_with_as_many_old_ones(tmp_path: Path) -> None:
    entries = [CatalogueEntry(f"e{row}") for row in range(30)]
    photos = {entry.entry_id: [tmp_path / f"{entry.entry_id}.jpg"] for entry in entries}
    source = data.CatalogueSource(entries, photos, tmp_path, {"e3", "e4", "e5"})
    rows = source.round(np.random.default_rng(0))
    assert len(rows) == len(source) == 6
    assert {3, 4, 5} <= set(rows)


def test_alpha_goes_from_the_base_to_the_trained_weights() -> None:
    base, trained = (
        {"network.a": torch.zeros(2), "text.b": torch.zeros(1)},
        {"network.a": torch.ones(2), "text.b": torch.ones(1)},
    )
    assert float(train.mixed(base, trained, 0.25)["network.a"][0]) == 0.25
    assert float(train.mixed(base, trained, 0.0)["text.b"][0]) == 1.0


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_share_that_was_asked_for_is_kept_whatever_the_held_out_things_say(tmp_path: Path, share: float) -> None:
    one = trunk()
    base = {name: weight.clone() for name, weight in one.network.state_dict().items()}
    train.train(one, Discs(12), Discs(6), replace(PLAN, share=1.0), tmp_path)
    trained = {name: weight.clone() for name, weight in one.network.state_dict().items()}
    again = trunk()
    found = train.train(again, Discs(12), Discs(6), replace(PLAN, share=share), tmp_path / "again")
    assert found["alpha"] == share
    assert f"{share}" in found["recall"]
    assert trained.keys() == base.keys()
    for name, weight in again.network.state_dict().items():
        if weight.is_floating_point():
            torch.testing.assert_close(weight, base[name].lerp(trained[name], share))


def test_crowded_rows_cost_more() -> None:
    apart = torch.eye(4)
    near = torch.nn.functional.normalize(torch.eye(4) + 3, dim=1)
    assert loss.crowding(near, near) > loss.crowding(apart, apart)
    assert loss.contrast(apart, apart, 0.1) < loss.contrast(apart, apart.roll(1, 0), 0.1)


@pytest.mark.parametrize("look", ["whole", "lifted", "middle"])
def test_a_view_has_the_size_asked_for_and_depends_on_its_seed_alone(look: str) -> None:
    sprite = Discs(1).cutouts(0, np.random.default_rng(0))[0]
    first, second = (augment.view(sprite, np.random.default_rng(4), 48, look, []) for _ in range(2))
    assert first.shape == (48, 48, 3)
    np.testing.assert_array_equal(first, second)


def test_inflected_words_share_their_pieces() -> None:
    one, other, far = (set(pieces(word)) for word in ("Ракета", "РАКЕТЫ", "слон"))
    assert len(one & other) > len(one) / 3
    assert not one & far
    assert pieces("ёлка") == pieces("елка")


def test_a_model_that_exists_is_not_trained_over(own_data: Path) -> None:
    (own_data / "models" / "mine").mkdir(parents=True)
    with pytest.raises(ModelError, match="exists"):
        train.on_catalogue(own_data, "mine", PLAN)
