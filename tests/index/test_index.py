"""`znachki index` does only what is missing, and the old index answers until the new one is whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from index import spread
from index.build import BATCH, build
from index.check import check
from recognizer import identify
from recognizer.catalogue.store import Catalogue
from recognizer.drawn import sample
from recognizer.errors import CatalogueError, IndexError_, ModelError
from recognizer.search import embedder, features
from recognizer.search import index as vectors
from recognizer.search.embedder import ZOOMS, Embedder
from recognizer.search.index import Index, Manifest, making
from recognizer.search.similarity import REFERENCE
from recognizer.types import Evidence, Float32, Photo, Role
from recognizer.vision import crops, keypoints
from recognizer.vision.photos import encode_jpeg

pytestmark = pytest.mark.usefixtures("_looked_at_once")

ENTRIES = sample.entries(8)
VIEWS = [sample.catalogue_view(at) for at in range(8)]


@pytest.fixture(scope="module")
def _looked_at_once() -> Iterator[None]:
    """Each picture is cut out and its keypoints are taken once: these tests are about what an index does with them."""
    found: dict[tuple[str, bytes], Any] = {}

    def once(look: Callable[[Any], Any], picture: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def remembered(given: Any) -> Any:
            key = look.__name__, hashlib.sha256(picture(given).tobytes()).digest()
            if key not in found:
                found[key] = look(given)
            return found[key]

        return remembered

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recognizer.vision.crops.single", once(crops.single, lambda photo: photo.image))
        patch.setattr("index.build.reference_of", once(features.reference_of, lambda crop: crop.whole))
        yield


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, _looked_at_once: None) -> Path:
    """A data folder with six pins and an index by the tiny model; read it, and take `own` to write to one."""
    folder = tmp_path_factory.mktemp("small") / "data"
    with Catalogue.open(folder, create=True) as catalogue:
        catalogue.upsert(ENTRIES)
        for at in range(6):
            add(catalogue, at)
        catalogue.add_image(ENTRIES[0].entry_id, encode_jpeg(VIEWS[7]), ".jpg", role=Role.REVERSE)
    report = build(folder, model=str(tiny_model))
    assert (report.added, report.removed, report.kept, report.failed) == (6, 0, 0, ())
    return folder


@pytest.fixture
def own(small: Path, tmp_path: Path) -> Path:
    """A copy of `small` for a test that changes it."""
    return Path(shutil.copytree(small, tmp_path / "data"))


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures each call of the embedder was given, from here on."""
    counts: list[int] = []
    really = Embedder.embed_zooms

    def counting(self: Embedder, images: Any, pins: Any = None) -> Any:
        counts.append(len(images))
        return really(self, images, pins)

    monkeypatch.setattr(Embedder, "embed_zooms", counting)
    return counts


def add(catalogue: Catalogue, at: int) -> int:
    return catalogue.add_image(ENTRIES[at].entry_id, encode_jpeg(VIEWS[at]), ".jpg").image_id


def change(data: Path) -> tuple[int, int]:
    """Take the first photo out of the catalogue and put a new one in; returns both image_ids."""
    with Catalogue.open(data) as catalogue:
        gone = catalogue.images(role=Role.FACE)[0].image_id
        catalogue.remove_image(gone)
        return gone, add(catalogue, 6)


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """When each file was written, and what is in it."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def embeddings(folder: Path, manifest: Manifest) -> dict[str, list[float]]:
    """The embeddings that are kept of photos, packed or not, by the photos' content."""
    kind = features.embedding_settings(manifest.fingerprint)
    names = vectors.held(folder, vectors.EMBEDDINGS, kind)
    return {name: vectors.read_embeddings(folder, kind, name).ravel().tolist() for name in names}


@cache
def asked(model: str) -> list[tuple[Float32, Float32]]:
    """Embeddings by a model and descriptors of three pins, the last of which is not in `small`."""
    views = [VIEWS[at] for at in (0, 3, 6)]
    return [
        (zooms, keypoints.extract(view).descriptors)
        for zooms, view in zip(embedder.load(model).embed_zooms(views), views, strict=True)
    ]


def answers(data: Path) -> list[Any]:
    """What the index of a data folder says to the photos of `asked`, by each evidence."""
    index = Index.open(data / "index")
    return [(index.similar(zooms, 9), index.vote(descriptors)) for zooms, descriptors in asked(index.manifest.model)]


def assert_same(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        for pairs, others in zip(one, other, strict=True):
            assert dict(pairs) == pytest.approx(dict(others), abs=1e-5)
            assert [score for _, score in pairs] == pytest.approx([score for _, score in others], abs=1e-5)


# Making it


def test_an_index_holds_the_faces_of_the_catalogue(small: Path, tiny_model: Path) -> None:
    index = Index.open(small / "index")
    with Catalogue.open(small) as catalogue:
        faces = [(image.image_id, image.sha256) for image in catalogue.images(role=Role.FACE)]
        assert len(catalogue.images()) == 7
    assert list(index.manifest.images) == faces
    assert (index.manifest.model, index.manifest.dim) == (str(tiny_model), 16)
    assert index.manifest.settings == features.SETTINGS
    embeddings, descriptors = index.parts
    assert embeddings.ntotal == 6 * len(ZOOMS)
    assert descriptors.ntotal == sum(len(index.reference(image_id).keypoints) for image_id, _ in faces)
    for image_id, _ in faces:
        assert max(index.reference(image_id).thumbnail.shape) == vectors.THUMBNAIL


def test_a_photo_of_the_catalogue_is_found_as_itself(small: Path) -> None:
    ids = [image_id for image_id, _ in Index.open(small / "index").manifest.images]
    found = answers(small)
    for at, (similar, voted) in zip((0, 3), found[:2], strict=True):
        assert voted[0][0] == ids[at]
        # as much as a copy can be, on the index's scale; the tiny network has no sense: others are alike too
        scale = Index.open(small / "index").manifest.scale
        assert dict(similar)[ids[at]] == pytest.approx(float(scale.onto(REFERENCE, np.ones(1))[0]), abs=0.02)


def test_a_second_run_adds_nothing_writes_nothing_and_is_quick(own: Path, embedded: list[int]) -> None:
    before = state(own)
    start = time.perf_counter()
    report = build(own)
    assert time.perf_counter() - start < 5
    assert (report.added, report.removed, report.kept, report.failed) == (0, 0, 6, ())
    assert embedded == []
    assert state(own) == before


def test_only_a_new_photo_is_worked_on(own: Path, embedded: list[int]) -> None:
    gone, new = change(own)
    before = state(own / "index" / "features") | state(own / "index" / "embeddings")
    told: list[tuple[int, int]] = []
    compared: list[tuple[int, int]] = []
    report = build(own, progress=lambda *at: told.append(at), comparing=lambda *at: compared.append(at))
    assert (report.added, report.removed, report.kept) == (1, 1, 5)
    assert (embedded, told, compared) == ([1], [(1, 1)], [(1, 1)])  # its features, and its kin
    ids = [image_id for image_id, _ in Index.open(own / "index").manifest.images]
    assert gone not in ids
    assert new in ids
    after = state(own / "index" / "features") | state(own / "index" / "embeddings")
    assert len(after) == len(before) == 2  # a pack of features and one of embeddings
    held = vectors.held(own / "index", vectors.FEATURES, vectors.short(features.SETTINGS))
    assert held == {sha256 for _, sha256 in Index.open(own / "index").manifest.images}


def test_adding_and_removing_answers_as_an_index_made_anew(own: Path, tmp_path: Path) -> None:
    change(own)
    build(own)
    anew = Path(shutil.copytree(own, tmp_path / "anew"))
    shutil.rmtree(anew / "index")
    build(anew, model=Index.open(own / "index").manifest.model)
    assert_same(answers(own), answers(anew))
    before = answers(own)
    report = build(own, rebuild=True)
    assert (report.added, report.removed, report.kept) in ((6, 0, 0), (0, 0, 6))
    assert_same(answers(own), before)


def test_rebuild_takes_everything_anew(own: Path, embedded: list[int]) -> None:
    before = Index.open(own / "index").manifest
    build(own, rebuild=True)
    assert embedded == [6, spread.PINS]
    after = Index.open(own / "index").manifest
    assert after.generation > before.generation
    assert after.images == before.images


def test_one_picture_in_two_entries_is_embedded_once_and_indexed_twice(own: Path, embedded: list[int]) -> None:
    with Catalogue.open(own) as catalogue:
        for at in (4, 5):
            catalogue.add_image(ENTRIES[at].entry_id, encode_jpeg(VIEWS[6]), ".jpg")
    assert build(own).added == 2
    assert embedded == [1]
    first, second = (image_id for image_id, _ in Index.open(own / "index").manifest.images[-2:])
    similar, voted = answers(own)[2]
    assert dict(similar)[first] == dict(similar)[second]
    assert {image_id for image_id, _ in voted[:2]} == {first, second}


def test_a_picture_that_cannot_be_read_is_named_and_the_others_indexed(own: Path, embedded: list[int]) -> None:
    with Catalogue.open(own) as catalogue:
        image = catalogue.add_image(ENTRIES[7].entry_id, encode_jpeg(VIEWS[7][::2]), ".jpg")
        add(catalogue, 6)
        path = catalogue.picture_path(image)
    whole = path.read_bytes()
    path.write_bytes(b"not a picture")
    report = build(own)
    ((file, reason),) = report.failed
    assert file == path.name
    assert path.name in reason
    assert (report.added, embedded) == (1, [1])
    assert image.image_id not in dict(Index.open(own / "index").manifest.images)
    assert check(own).missing == (image.image_id,)
    path.write_bytes(whole)
    assert (build(own).added, embedded) == (1, [1, 1])
    assert not check(own).stale


def test_another_model_takes_the_place_and_the_first_comes_back_without_work(
    own: Path, tiny_model: Path, tmp_path: Path, embedded: list[int]
) -> None:
    other = Path(shutil.copytree(tiny_model, tmp_path / "other"))
    card = json.loads((other / "model.json").read_text())
    card["preprocessing"]["mean"] = [0.4, 0.4, 0.4]
    (other / "model.json").write_text(json.dumps(card))
    features = state(own / "index" / "features")
    before = answers(own)
    embedded.clear()
    report = build(own, model=str(other))
    assert (report.added, report.model, embedded) == (6, str(other), [6, spread.PINS])
    assert state(own / "index" / "features") == features  # keypoints do not depend on the model
    assert build(own).model == str(other)  # the index keeps its model
    build(own, model=str(tiny_model))
    assert embedded == [6, spread.PINS, spread.PINS]
    assert_same(answers(own), before)


def test_a_model_that_cannot_be_loaded_leaves_the_index(own: Path) -> None:
    before = state(own / "index")
    with pytest.raises(ModelError):
        build(own, model="no such model")
    assert state(own / "index") == before


def test_an_empty_catalogue_has_an_index_that_knows_nothing(tmp_path: Path, tiny_model: Path) -> None:
    Catalogue.open(tmp_path / "data", create=True).close()
    assert build(tmp_path / "data", model=str(tiny_model)).added == 0
    with identify.Recognizer.open(tmp_path / "data") as recognizer:
        for evidence in Evidence:
            ((answer,),) = recognizer.identify([Photo(VIEWS[0], "0" * 64, "photo")], evidence=evidence)
            assert (answer.matches, answer.verdict) == ((), "unknown")
    with Catalogue.open(tmp_path / "data") as catalogue:
        catalogue.upsert(ENTRIES)
        add(catalogue, 0)
    assert build(tmp_path / "data").added == 1


def test_without_a_catalogue_there_is_nothing_to_index(tmp_path: Path) -> None:
    for step in (build, check):
        with pytest.raises(CatalogueError):
            step(tmp_path / "nowhere")


def test_a_second_run_at_the_same_time_is_refused(own: Path) -> None:
    with (
        FileLock(own / "index" / "lock"),
        pytest.raises(IndexError_, match="another `znachki index` is at work; wait for it to end"),
    ):
        build(own)
    assert build(own).kept == 6


# Growing past what is searched exactly


def test_an_index_that_grows_is_compressed_trained_anew_and_found_in(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = Index.open(own / "index").parts[1].ntotal
    monkeypatch.setattr(making, "FLAT_UP_TO", total)  # the next photo is too much
    monkeypatch.setattr(making, "REGROWN", 1.5)
    change(own)
    with Catalogue.open(own) as catalogue:
        add(catalogue, 0)
    build(own)
    index = Index.open(own / "index")
    grown = index.parts[1].ntotal
    assert grown > total
    assert index.manifest.trained_on == grown
    ids = [image_id for image_id, _ in index.manifest.images]
    _, voted = answers(own)[1]
    assert voted[0][0] == ids[2]
    with Catalogue.open(own) as catalogue:  # a little more is added to it as it is
        new = add(catalogue, 7)
    build(own)
    index = Index.open(own / "index")
    assert index.manifest.trained_on == grown
    assert index.parts[1].ntotal > grown
    assert index.vote(index.reference(new).keypoints.descriptors)[0][0] == new


# Stopping it


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_run_that_stops_at_any_step_leaves_the_old_index_or_the_new(
    own: Path, tmp_path: Path, stop_at: Callable[..., Any], after: bool
) -> None:
    old = answers(own)
    change(own)
    done = Path(shutil.copytree(own, tmp_path / "done"))
    build(done)
    new = answers(done)
    named = json.loads((done / "index" / "index.json").read_text())
    steps, news = 0, 0
    while True:
        data = Path(shutil.copytree(own, tmp_path / f"step{steps}"))
        try:
            with stop_at(steps, after):
                build(data)
        except LookupError:
            break
        left = answers(data)
        index = Index.open(data / "index")
        switched = index.manifest.generation > 1
        assert all(len(index.reference(image_id).keypoints) for image_id, _ in index.manifest.images)
        assert_same(left, new if switched else old)
        news += switched
        build(data)  # the next run finishes
        assert_same(answers(data), new)
        assert not check(data).stale
        assert json.loads((data / "index" / "index.json").read_text())["images"] == named["images"]
        assert not [path for path in (data / "index").rglob("*") if ".part" in path.name]
        steps += 1
    # 2 x 2 for the new photo, 3 x 2 for the index of which 2 old files go, 2 for the kin, then twice: a pack is put in
    # its place, the old one and the photo's own file go.
    assert steps == 20
    assert news == (11 if after else 10)


def test_what_a_stopped_run_finished_is_not_done_again(
    own: Path, embedded: list[int], stop_at: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.build.BATCH", 2)
    with Catalogue.open(own) as catalogue:
        for at in range(5):
            catalogue.add_image(ENTRIES[0].entry_id, encode_jpeg(np.roll(VIEWS[at], 40, axis=1)), ".jpg")
    folder = own / "index"
    old, before = Index.open(folder).manifest, answers(own)
    embedded.clear()
    with stop_at(10, True):  # of 4 changes a photo: while the third is written
        build(own)
    assert embedded == [2, 2]
    finished = embeddings(folder, old)
    assert len(finished) == 6 + 2
    assert Index.open(folder).manifest == old
    assert answers(own) == before
    assert len(check(own).missing) == 5
    embedded.clear()
    report = build(own)
    assert (report.added, report.kept, embedded) == (5, 6, [2, 1])
    after = embeddings(folder, old)
    assert all(after[name] == rows for name, rows in finished.items())
    assert not [path for path in folder.rglob("*") if ".part" in path.name]
    assert not check(own).stale


@pytest.mark.slow
def test_a_killed_run_leaves_the_old_index_and_the_next_finishes_what_is_left(own: Path, embedded: list[int]) -> None:
    new = BATCH + 4  # more than are embedded together, so that the kill comes before the end
    with Catalogue.open(own) as catalogue:
        for at in range(new):
            turned = np.roll(VIEWS[at % 8], 7 * at + 3, axis=1)
            catalogue.add_image(ENTRIES[0].entry_id, encode_jpeg(turned), ".jpg")
    folder = own / "index"
    old, before = Index.open(folder).manifest, answers(own)
    embedded.clear()

    command = [sys.executable, "-m", "recognizer.cli", "index", "--data", str(own)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while len(list(folder.glob("embeddings/*/*.npy"))) < 2:
            assert process.poll() is None, "the run ended before it was killed"
            assert time.monotonic() < until
            time.sleep(0.005)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    finished = embeddings(folder, old)
    assert 8 <= len(finished) < 6 + new
    assert Index.open(folder).manifest == old
    assert answers(own) == before
    assert len(check(own).missing) == new

    report = build(own)
    assert (report.added, report.kept) == (new, 6)
    assert sum(embedded) == 6 + new - len(finished)
    after = embeddings(folder, old)
    assert all(after[name] == rows for name, rows in finished.items())
    assert not [path for path in folder.rglob("*") if ".part" in path.name]
    assert len(Index.open(folder)) == 6 + new
    assert not check(own).stale


# Checking it


def test_check_says_that_an_index_is_up_to_date(small: Path) -> None:
    found = check(small)
    assert (found.stale, found.missing, found.orphaned, found.message) == (False, (), (), "up to date: 6 photos")


def test_check_names_what_is_missing_and_what_is_orphaned(own: Path) -> None:
    gone, new = change(own)
    before = state(own)
    found = check(own)
    assert (found.stale, found.missing, found.orphaned) == (True, (new,), (gone,))
    assert "1 photos of the catalogue are missing" in found.message
    assert "1 photos are no longer in the catalogue" in found.message
    assert found.message.endswith("run `znachki index`")
    assert state(own) == before
    build(own)
    assert not check(own).stale


def test_check_says_that_there_is_no_index(own: Path) -> None:
    shutil.rmtree(own / "index")
    found = check(own)
    assert (found.stale, len(found.missing), found.message) == (True, 6, "no index; run `znachki index`")


def test_features_that_are_gone_are_missing_and_the_next_run_takes_them_again(own: Path) -> None:
    (pack,) = (own / "index" / "features").glob("*.pack")
    pack.unlink()
    ids = [image_id for image_id, _ in Index.open(own / "index").manifest.images]
    assert check(own).missing == tuple(ids)
    build(own)
    assert not check(own).stale
    assert len(Index.open(own / "index").reference(ids[2]).keypoints) > 0


def test_files_of_single_photos_are_packed_without_looking_at_a_photo(own: Path, embedded: list[int]) -> None:
    folder = own / "index"
    manifest, before = Index.open(folder).manifest, answers(own)
    kind = features.embedding_settings(manifest.fingerprint)
    held = embeddings(folder, manifest)
    kept = {name: vectors.read_features(folder, features.SETTINGS, name) for name in held}
    for pack in [*folder.glob("*/*.pack")]:
        pack.unlink()
    for name, rows in held.items():  # as a version before packs left them
        vectors.write_features(folder, features.SETTINGS, name, kept[name])
        vectors.write_embeddings(folder, kind, name, np.array(rows, np.float32).reshape(len(ZOOMS), -1))
    assert not check(own).stale
    embedded.clear()
    report = build(own)
    assert (report.added, report.kept, embedded) == (0, 6, [])
    assert len([*folder.glob("*/*.pack")]) == 2
    assert not [*folder.glob("*/*/*.np*")]
    assert embeddings(folder, manifest) == held
    assert_same(answers(own), before)


def test_features_taken_in_another_way_are_stale_and_taken_anew(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("index.build", "index.assembling", "index.check", "recognizer.identify"):
        monkeypatch.setattr(f"{module}.SETTINGS", "another way")
    found = check(own)
    assert found.stale
    assert "this version takes another way" in found.message
    assert found.message.endswith("run `znachki index`")
    assert build(own).added == 6
    assert Index.open(own / "index").manifest.settings == "another way"
    assert not check(own).stale


@pytest.mark.parametrize("name", ["index.json", "vectors-1.faiss", "descriptors-1.faiss"])
def test_a_damaged_index_is_named_and_rebuild_makes_it_whole(own: Path, tiny_model: Path, name: str) -> None:
    before = answers(own)
    path = own / "index" / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(IndexError_, match="run `znachki index --rebuild`"):
        check(own)
    build(own, model=str(tiny_model), rebuild=True)
    assert not check(own).stale
    assert_same(answers(own), before)


def test_an_index_of_another_format_is_made_anew(own: Path, tiny_model: Path) -> None:
    before = answers(own)
    (own / "index" / "index.json").write_text('{"format": 0}')
    assert build(own, model=str(tiny_model)).added == 6
    assert_same(answers(own), before)


def test_a_model_in_the_data_folder_is_found_by_its_name(own: Path, tiny_model: Path) -> None:
    shutil.copytree(tiny_model, own / "models" / "tiny")
    assert build(own, model="tiny").model == "tiny"
    with identify.Recognizer.open(own) as recognizer:
        assert recognizer.model.name == "tiny"


def test_a_model_folder_is_remembered_whole_for_other_working_folders(
    own: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tiny_model.parent)
    assert build(own, model=tiny_model.name).model == str(tiny_model.resolve())
    monkeypatch.chdir(tmp_path)
    with identify.Recognizer.open(own) as recognizer:
        assert recognizer.model.dim == 16
