"""`znachki check` names whatever is damaged in a data folder with its cure, and the rest of it goes on working."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from index.build import build
from index.damage import damaged
from recognizer.catalogue.store import Catalogue
from recognizer.cli import main
from recognizer.identify import Recognizer
from recognizer.search import index
from recognizer.search.index import Index
from recognizer.vision.photos import open_photo


def flip(path: Path, place: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 0xFF
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def first(folder: Path, pattern: str) -> Path:
    return sorted(folder.glob(pattern))[0]


def checked(data: Path) -> list[list[str]]:
    done = CliRunner().invoke(main, ["check", "--json", "--data", str(data)])
    found: list[list[str]] = json.loads(done.stdout)["damaged"]
    assert done.exit_code == bool(found)
    return found


def test_a_whole_folder_has_nothing_to_tell(data: Path) -> None:
    assert damaged(data) == []


def test_a_folder_without_models_and_index_has_nothing_to_tell(tmp_path: Path) -> None:
    assert damaged(tmp_path) == []


@pytest.mark.parametrize(
    ("pattern", "damage", "cure"),
    [
        ("index/features/*.pack", flip, "run `znachki index --rebuild`"),
        ("index/embeddings/*.pack", flip, "run `znachki index --rebuild`"),
        ("index/embeddings/*.pack", cut, "run `znachki index --rebuild`"),
        ("images/*", flip, "import it again"),
    ],
)
def test_a_damaged_file_is_named_and_photos_are_identified_all_the_same(
    own_data: Path,
    query: Callable[[int], tuple[Path, str | None]],
    pattern: str,
    damage: Callable[[Path], None],
    cure: str,
) -> None:
    path = first(own_data, pattern)
    damage(path)
    [(name, said)] = checked(own_data)
    assert name == path.relative_to(own_data).as_posix()
    assert said.endswith(cure)
    with Recognizer.open(own_data) as recognizer:
        assert recognizer.identify([open_photo(query(0)[0])])[0][0].matches


def test_a_lost_pack_is_told_and_the_next_run_takes_what_it_held(own_data: Path) -> None:
    first(own_data, "index/features/*.pack").unlink()
    assert checked(own_data) == [["index/features", "lacks the features of 40 photos; run `znachki index`"]]


@pytest.mark.parametrize("part", ["features", "embeddings"])
def test_the_next_run_takes_anew_what_a_cut_pack_held(part: str, own_data: Path) -> None:
    before = Index.open(own_data / "index")
    cut(first(own_data, f"index/{part}/*.pack"))
    build(own_data)
    assert damaged(own_data) == []
    after = Index.open(own_data / "index")
    for image_id, _ in before.manifest.images[:3]:
        assert np.array_equal(after.zooms([image_id]), before.zooms([image_id]))
        assert len(after.reference(image_id).keypoints) > 0


def test_photos_whose_features_are_damaged_are_told_once_and_left_out(
    own_data: Path, query: Callable[[int], tuple[Path, str | None]], caplog: pytest.LogCaptureFixture
) -> None:
    path = first(own_data, "index/features/*.pack")
    for place in np.linspace(0.01, 0.9, 60):
        flip(path, place)
    photo = open_photo(query(0)[0])
    with Recognizer.open(own_data) as recognizer:
        answers = [recognizer.identify([photo])[0][0] for _ in range(2)]
    assert all(answer.matches for answer in answers)
    told = [record.getMessage() for record in caplog.records if record.name == "znachki.identify"]
    assert told
    assert len(set(told)) == len(told)
    assert all("run `znachki index --rebuild`" in text for text in told)


@pytest.mark.parametrize("name", ["index.json", "vectors-*.faiss", "descriptors-*.faiss"])
def test_a_damaged_index_is_named_and_the_catalogue_answers(own_data: Path, name: str) -> None:
    path = first(own_data / "index", name)
    cut(path)
    [(told, said)] = checked(own_data)
    assert told == path.relative_to(own_data).as_posix()
    assert said.endswith("run `znachki index --rebuild`")
    with Catalogue.open(own_data) as catalogue:
        assert catalogue.images()


@pytest.mark.parametrize("name", ["vectors-*.faiss", "descriptors-*.faiss"])
@pytest.mark.parametrize("place", [0.5, 0.9])
def test_a_flipped_byte_of_an_index_file_is_told(own_data: Path, name: str, place: float) -> None:
    path = first(own_data / "index", name)
    flip(path, place)
    [(told, said)] = checked(own_data)
    assert told == path.relative_to(own_data).as_posix()
    assert said == "damaged: its sha256 is another one; run `znachki index --rebuild`"


def test_vectors_that_became_others_are_told_of_an_index_without_sums(own_data: Path) -> None:
    manifest = own_data / "index" / "index.json"
    held = json.loads(manifest.read_text(encoding="utf-8"))
    del held["sums"]  # as it was written before there were any
    manifest.write_text(json.dumps(held), encoding="utf-8")
    path = first(own_data / "index", "vectors-*.faiss")
    flip(path)
    [(told, said)] = damaged(own_data)
    assert told == path.relative_to(own_data).as_posix()
    assert "other vectors of photo" in said
    assert said.endswith("run `znachki index --rebuild`")


def test_a_damaged_model_is_named_and_so_is_one_that_the_index_was_not_made_with(
    own_data: Path, tiny_model: Path
) -> None:
    model = own_data / "models" / "tiny"
    model.mkdir(parents=True)
    for file in tiny_model.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    assert damaged(own_data) == []
    manifest = own_data / "index" / "index.json"
    said = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(said | {"model": "tiny"}), encoding="utf-8")
    assert index.read_manifest(own_data / "index") is not None
    [(name, what)] = damaged(own_data)
    assert (name, "not the model that the index was made with" in what) == ("models/tiny", True)
    cut(model / "weights.safetensors")
    [(name, what)] = damaged(own_data)
    assert (name, what.endswith("train or copy it again")) == ("models/tiny", True)
