"""A large index takes what is new into a small part beside it, and answers as one that was made anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from index import assembling
from index.assembling import assemble
from index.packing import pack
from recognizer.errors import IndexError_
from recognizer.search import index as vectors
from recognizer.search.features import SETTINGS, embedding_settings
from recognizer.search.index import Index, making
from recognizer.search.similarity import REFERENCE
from recognizer.types import Float32, Keypoints, Reference

DIM, ZOOMS = 16, 3
LARGE = 60


class Model:
    """As much of an Embedder as assembling needs."""

    name, fingerprint, dim = "base", "0123456789abcdef", DIM


@pytest.fixture(autouse=True)
def _large_from_few_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembling, "LARGE", LARGE - 1)
    monkeypatch.setattr(making, "FLAT_UP_TO", 1500)


def sha256(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def photo(number: int) -> tuple[Float32, Keypoints]:
    rng = np.random.default_rng(number)
    zooms = rng.normal(size=(ZOOMS, DIM))
    rows = rng.gamma(0.5, size=(40, 128))
    zooms, rows = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (zooms, rows))
    places = rng.uniform(0, 300, (40, 2)).astype(np.float32)
    ones = np.ones(40, np.float32)
    return zooms.astype(np.float32), Keypoints(places, ones, ones, rows.astype(np.float32))


def keep(folder: Path, numbers: Mapping[int, int]) -> dict[int, str]:
    """Keep what is known of photos, image_id to number; returns image_id to sha256."""
    for number in numbers.values():
        zooms, points = photo(number)
        vectors.write_features(folder, SETTINGS, sha256(number), Reference(points, np.zeros((9, 7, 3), np.uint8), 1.0))
        vectors.write_embeddings(folder, embedding_settings(Model.fingerprint), sha256(number), zooms)
    return {image_id: sha256(number) for image_id, number in numbers.items()}


def brought(folder: Path, photos: Mapping[int, int]) -> Index:
    """Bring the index of a folder to these photos, image_id to number, as `build` does."""
    old = vectors.read_manifest(folder)
    wanted = keep(folder, photos)
    held = dict(old.images) if old else {}
    fresh = {image_id: name for image_id, name in wanted.items() if held.get(image_id) != name}
    gone = {image_id for image_id, name in held.items() if wanted.get(image_id) != name}
    assemble(folder, old, Model, wanted, fresh, gone)  # type: ignore[arg-type]
    return Index.open(folder)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.faiss")}


def assert_knows(index: Index, photos: Mapping[int, int]) -> None:
    """Every photo is found as itself, by either evidence, and none that the index should not have is named."""
    assert [image_id for image_id, _ in index.manifest.images] == sorted(photos)
    for image_id, number in photos.items():
        zooms, points = photo(number)
        np.testing.assert_allclose(index.zooms([image_id])[0], zooms, atol=5e-4)  # in half precision
        similar = index.similar(zooms, 1000)
        assert similar[0][0] == image_id
        assert {one for one, _ in similar} == set(photos)
        voted = index.vote(points.descriptors)
        assert voted[0][0] == image_id
        assert {one for one, _ in voted} <= set(photos)
        assert index.shows(zooms[1], 1)[0][0] == image_id
        assert len(index.reference(image_id).keypoints) == 40


@pytest.fixture(params=["exact", "coded"])
def large(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a large index, whose embeddings are compared one by one, or found by their codes."""
    if request.param == "coded":
        monkeypatch.setattr(making, "EXACT_PHOTOS", LARGE - 10)
        monkeypatch.setattr(making, "PHOTOS_A_LIST", 20)
    index = brought(tmp_path, {image_id: image_id for image_id in range(1, LARGE + 1)})
    assert making.are_coded(index.parts[0]) == (request.param == "coded")
    return tmp_path


@pytest.mark.parametrize("large", ["exact"], indirect=True)
def test_a_large_index_keeps_embeddings_in_half_precision(large: Path, tmp_path: Path) -> None:
    small = brought(tmp_path / "small", {image_id: image_id for image_id in range(1, LARGE - 1)})
    halved = Index.open(large)
    for index in (small, halved):
        itself = float(index.manifest.scale.onto(REFERENCE, np.ones(1))[0])
        assert dict(index.similar(photo(5)[0], 1)) == {5: pytest.approx(itself, abs=2e-3)}
    per_photo = [(part / "vectors-1.faiss").stat().st_size / count for part, count in
                 ((tmp_path / "small", LARGE - 2), (large, LARGE))]  # fmt: skip
    assert per_photo[0] - per_photo[1] > 0.9 * ZOOMS * DIM * 2


def test_what_is_new_lies_beside_and_the_large_files_stay(large: Path) -> None:
    before = {name: (large / name).stat().st_ino for name in files(large)}
    photos = {image_id: image_id for image_id in range(3, LARGE + 1)} | {100: 100, 101: 101}
    index = brought(large, photos)
    manifest = index.manifest
    assert (manifest.fresh, manifest.gone) == ((100, 101), (1, 2))
    assert all((large / name).stat().st_ino == inode for name, inode in before.items())
    assert set(manifest.sums) == files(large) == {*before, "vectors-2.faiss", "descriptors-2.faiss"}
    assert_knows(index, photos)


def test_a_photo_that_became_another_counts_as_it_is_now(large: Path) -> None:
    photos = {image_id: image_id for image_id in range(1, LARGE + 1)} | {7: 700}
    index = brought(large, photos)
    assert (index.manifest.fresh, index.manifest.gone) == ((7,), (7,))
    assert_knows(index, photos)
    photos |= {7: 701}
    index = brought(large, photos)
    assert (index.manifest.fresh, index.manifest.gone) == ((7,), (7,))
    assert_knows(index, photos)
    assert_knows(brought(large, photos | {7: 7}), photos | {7: 7})


def test_removing_alone_writes_no_faiss_file(large: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in large.glob("*.faiss")}
    photos = {image_id: image_id for image_id in range(4, LARGE + 1)}
    index = brought(large, photos)
    assert {path.name: path.stat().st_mtime_ns for path in large.glob("*.faiss")} == before
    assert_knows(index, photos)


def test_the_small_part_grows_and_is_taken_in(large: Path) -> None:
    photos = {image_id: image_id for image_id in range(1, LARGE + 1)}
    parts = []
    for new in range(100, 124, 3):
        photos |= {new + at: new + at for at in range(3)}
        del photos[new - 99]
        index = brought(large, photos)
        assert_knows(index, photos)
        parts.append(len(index.manifest.fresh))
        assert len(files(large)) == (4 if parts[-1] else 2)
    assert parts == [3, 6, 0, 3, 6, 0, 3, 6]  # an eighth of the photos, with those that are gone, is 7 to 9


def test_a_part_of_few_photos_is_exact_and_votes_weigh_the_same(large: Path) -> None:
    photos = {image_id: image_id for image_id in range(1, LARGE + 1)} | {100: 100}
    index = brought(large, photos)
    zooms, points = photo(100)
    assert dict(index.similar(zooms, 5))[100] == pytest.approx(dict(index.similar(zooms, 61))[100])
    neighbours = index.neighbours(points.descriptors)
    assert neighbours.image_ids.shape == (40, vectors.NEIGHBOURS)
    assert (neighbours.image_ids[:, 0] == 100).all()
    assert (neighbours.numbers[:, 0] == np.arange(40)).all()
    assert (np.diff(neighbours.weights[:, :1] - neighbours.weights, axis=1) >= 0).any()


def test_embeddings_are_coded_once_there_are_many_and_more_lists_are_made_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "EXACT_PHOTOS", LARGE + 20)
    monkeypatch.setattr(making, "PHOTOS_A_LIST", 10)
    monkeypatch.setattr(making, "_ROWS_A_LIST", 10)
    lists = []
    for count in (LARGE, LARGE + 21, 2 * LARGE, 6 * LARGE):
        photos = {image_id: image_id for image_id in range(1, count + 1)}
        index = brought(tmp_path, photos)
        assert_knows(index, photos)
        assert bool(index.manifest.embeddings) == making.are_coded(index.parts[0]) == (count > LARGE)
        lists.append(faiss.extract_index_ivf(index.parts[0]).nlist if count > LARGE else 0)
    assert lists == [0, 8, 8, 36]


@pytest.mark.parametrize("large", ["coded"], indirect=True)
def test_coded_embeddings_are_compared_by_what_is_kept_of_photos(large: Path) -> None:
    index = Index.open(large)
    rng = np.random.default_rng(3)
    for image_id in range(1, LARGE + 1, 7):
        asked = photo(image_id)[0] + rng.normal(0, 0.2, (ZOOMS, DIM)).astype(np.float32)
        ids = [one for one, _ in index.manifest.images]
        exact = sorted(zip(ids, index.similarity(asked, ids), strict=True), key=lambda pair: -pair[1])
        assert index.similar(asked, 5) == exact[:5]
        shown = [float(photo(one)[0][1] @ asked[0]) for one in ids]
        found = index.shows(asked[0], 5)
        assert [value for _, value in found] == pytest.approx(sorted(shown, reverse=True)[:5], abs=1e-5)


@pytest.mark.parametrize("large", ["coded"], indirect=True)
def test_an_open_index_of_coded_embeddings_outlives_photos_that_leave(large: Path) -> None:
    kind = embedding_settings(Model.fingerprint)
    pack(large, SETTINGS, kind, {sha256(number) for number in range(1, LARGE + 1)}, large=True)
    before = Index.open(large)
    expected = before.similar(photo(7)[0], 5)
    photos = {image_id: image_id for image_id in range(1, LARGE + 1) if image_id != 7}
    after = brought(large, photos)
    pack(large, SETTINGS, kind, {sha256(number) for number in photos.values()}, large=True)
    assert before.similar(photo(7)[0], 5) == expected
    assert 7 not in dict(after.similar(photo(7)[0], LARGE))


@pytest.mark.parametrize("large", ["coded"], indirect=True)
def test_embeddings_that_are_lost_are_named_with_the_cure(large: Path) -> None:
    index = Index.open(large)
    vectors.embeddings_path(large, embedding_settings(Model.fingerprint), sha256(7)).unlink()
    with pytest.raises(IndexError_, match=f"{sha256(7)}.*run `znachki index"):
        index.similarity(photo(1)[0], [7])


def test_an_index_opened_before_its_catalogue_became_large_reads_keypoints_as_they_were(tmp_path: Path) -> None:
    few = {image_id: image_id for image_id in range(1, LARGE - 1)}
    brought(tmp_path, few)
    kind = embedding_settings(Model.fingerprint)
    pack(tmp_path, SETTINGS, kind, {sha256(number) for number in few.values()}, large=False)
    before, whole = Index.open(tmp_path), Index.open(tmp_path).reference(5)
    many = {image_id: image_id for image_id in range(1, LARGE + 1)}
    brought(tmp_path, many)
    pack(tmp_path, SETTINGS, kind, {sha256(number) for number in many.values()}, large=True)
    assert np.array_equal(before.reference(5).keypoints.descriptors, whole.keypoints.descriptors)
    after = Index.open(tmp_path).reference(5).keypoints.descriptors
    assert not np.array_equal(after, whole.keypoints.descriptors)  # by their codes


@pytest.mark.parametrize("large", ["exact"], indirect=True)  # coded ones lie in the same files
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_run_that_stops_leaves_the_old_index_or_the_new(
    large: Path, stop_at: Callable[..., Any], after: bool
) -> None:
    old = {image_id: image_id for image_id in range(1, LARGE + 1)}
    new = {image_id: image_id for image_id in range(2, LARGE + 1)} | {100: 100}
    keep(large, new)
    stopped, before = [], (large / "index.json").read_text()
    for step in range(20):
        try:
            with stop_at(step, after):
                assembled(large, new)
        except LookupError:
            break
        index = Index.open(large)
        stopped.append(bool(index.manifest.fresh))
        if stopped[-1]:
            assert_knows(index, new)
            (large / "index.json").write_text(before)
        else:
            assert_knows(index, old)
    assert stopped == sorted(stopped)
    assert len(stopped) >= 5  # two FAISS files, each written beside and renamed, and index.json


def assembled(folder: Path, photos: Mapping[int, int]) -> None:
    old = vectors.read_manifest(folder)
    assert old is not None
    wanted = {image_id: sha256(number) for image_id, number in photos.items()}
    held = dict(old.images)
    fresh = {image_id: name for image_id, name in wanted.items() if held.get(image_id) != name}
    gone = {image_id for image_id, name in held.items() if wanted.get(image_id) != name}
    assemble(folder, old, Model, wanted, fresh, gone)  # type: ignore[arg-type]
