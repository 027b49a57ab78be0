"""A worse model is refused, a promotion changes model and index together, and words find pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from click.testing import CliRunner, Result

from index.build import build
from recognizer.catalogue.imports import import_csv
from recognizer.catalogue.store import Catalogue
from recognizer.cli import main
from recognizer.drawn import sample
from recognizer.identify import Recognizer
from recognizer.networks.form import Preprocessing
from recognizer.search import embedder
from recognizer.search.index import read_manifest
from recognizer.search.similarity import similarities
from recognizer.search.text_tower import TextTower
from recognizer.search.trunks import Trunk
from recognizer.types import Photo, UInt8Image
from training import promote, train
from training.evaluate import Exam, Marks, exam_of, marked

FORM = Preprocessing(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


class Noise:
    """Pictures and words without sense."""

    def __len__(self) -> int:
        return 8

    def round(self, rng: np.random.Generator) -> list[int]:
        return [int(row) for row in rng.permutation(8)]

    def cutouts(self, row: int, rng: np.random.Generator) -> Sequence[UInt8Image]:
        return [rng.integers(0, 255, (40, 40, 4), np.uint8)]

    def text(self, row: int, rng: np.random.Generator) -> str:
        return f"{rng.integers(99)}"


@pytest.fixture(scope="module")
def prepared(data: Path, sample_files: sample.SampleFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 20 pins of `data` with a model that was trained on noise, and its pins cut out."""
    folder = tmp_path_factory.mktemp("promote") / "data"
    rows = sample_files.catalogue.read_text(encoding="utf-8").splitlines()[:21]
    table = sample_files.folder / "promote.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with Catalogue.open(folder, create=True) as catalogue:
        import_csv(catalogue, table)
    for kept in ("features", "embeddings"):  # what was taken of these pictures need not be taken again
        shutil.copytree(data / "index" / kept, folder / "index" / kept)
    assert build(folder).added == 20
    torch.manual_seed(1)
    network: Any = timm.create_model("test_efficientnet", num_classes=0)
    trunk = Trunk(network, {"kind": "timm", "name": "test_efficientnet"}, FORM, TextTower(network.num_features, 256, 8))
    plan = train.Plan(steps=3, head_steps=1, pairs=4, size=32, every=3, workers=0)
    found = train.train(trunk, Noise(), Noise(), plan, folder / "runs" / "noise")
    train.ship(trunk, folder / "models" / "noise", plan, found, {"base": "chance", "data": "noise"})
    exam_of(folder)
    for model in ("noise", "base"):  # what the noise makes of the pictures is kept beside what the base does
        build(folder, model=model)
    return folder


@pytest.fixture(scope="module", autouse=True)
def _asked_once() -> Iterator[None]:
    """A model is asked the frozen queries once: they are the same in every copy of the folder, as a test below says."""
    told: dict[str, Marks] = {}

    def once(model: embedder.Embedder, exam: Exam) -> Marks:
        if model.fingerprint not in told:
            told[model.fingerprint] = marked(model, exam)
        return told[model.fingerprint]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(promote, "marked", once)
        yield


@pytest.fixture
def own(prepared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(prepared, tmp_path / "data"))


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--data", str(data)])


def model_of(data: Path) -> str:
    manifest = read_manifest(data / "index")
    assert manifest is not None
    return manifest.model


def test_a_model_trained_on_noise_is_refused_and_forced_with_a_record(own: Path, tmp_path: Path) -> None:
    refused = run(own, "promote", "noise", "--changed", str(tmp_path / "changed"))
    assert refused.exit_code == 1
    assert "not promoted" in refused.stderr
    assert "recall at 1" in refused.stderr
    assert model_of(own) == "base"
    assert promote.history(own) == []
    assert list((tmp_path / "changed").glob("*.jpg"))

    forced = run(own, "promote", "noise", "--force")
    assert forced.exit_code == 0, forced.output
    assert model_of(own) == "noise"
    (line,) = promote.history(own)
    assert line["forced"] is True
    assert line["worse"]
    listed = json.loads(run(own, "models", "--json").stdout)
    assert listed["current"] == "noise"

    by_words = run(own, "search", "герб")
    assert "picture" in by_words.stdout
    assert by_words.stderr == ""
    assert run(own, "promote", "--rollback").exit_code == 0
    assert model_of(own) == "base"
    by_meaning = run(own, "search", "gerb")
    assert "Герб" in by_meaning.stdout.splitlines()[0]
    assert by_meaning.stderr == ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedder.Embedder, "reads_text", False)
        without = run(own, "search", "герб")
    assert "no text tower" in without.stderr
    assert "by text)" in without.stdout


@pytest.mark.parametrize("after", [False, True])
def test_a_kill_at_the_swap_leaves_a_working_pair(own: Path, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    class Killed(Exception):
        pass

    real = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if Path(target).name == "index.json":
            if after:
                real(self, target)
            raise Killed
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        assert isinstance(run(own, "promote", "noise", "--force").exception, Killed)
    assert model_of(own) == ("noise" if after else "base")
    with Recognizer.open(own) as recognizer:
        photo = Photo(sample.phone_view(0), "0", "a drawn photo")
        assert recognizer.identify([photo])[0]
    if after:
        assert promote.previous(own) == "base"
    assert run(own, "promote", "noise", "--force").exit_code == 0
    assert model_of(own) == "noise"


def test_the_queries_stay_the_same(prepared: Path) -> None:
    first, second = exam_of(prepared), exam_of(prepared)
    assert [query.name for query in first.queries] == [query.name for query in second.queries]
    for one, other in zip(first.queries, second.queries, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_similarity_is_that_of_the_index(recognizer: Recognizer) -> None:
    manifest = recognizer.index.manifest
    photos = [image_id for image_id, _ in manifest.images[:5]]
    zooms = np.stack([recognizer.index._zooms_of(np.array([one]), 3)[0] for one in photos])
    found = similarities(zooms[0], zooms, manifest.scale)
    np.testing.assert_allclose(found, recognizer.index.similarity(zooms[0], photos), atol=1e-5)


def figures(recall: float, group: float) -> dict[str, dict[str, float]]:
    return {
        "all": {"queries": 100, "recall_at_1": recall, "mrr": recall},
        "theme Космос": {"queries": 20, "recall_at_1": group, "mrr": group},
    }


@pytest.mark.parametrize(
    ("candidate", "reasons"),
    [((0.8, 0.8), 0), ((0.79, 0.8), 1), ((0.9, 0.7), 1), ((0.9, 0.76), 0), ((0.7, 0.7), 2)],
)
def test_what_speaks_against_a_model(candidate: tuple[float, float], reasons: int) -> None:
    assert len(promote.against(figures(*candidate), figures(0.8, 0.8), "current")) == reasons
