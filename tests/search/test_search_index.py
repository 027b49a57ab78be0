"""FAISS answers as plain NumPy does, adding and removing equal making anew, a write that stops loses nothing."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from recognizer.drawn import sample
from recognizer.errors import IndexError_, IndexMismatch
from recognizer.search import index as vectors
from recognizer.search.index import Index, Manifest, making
from recognizer.search.similarity import REFERENCE, Scale
from recognizer.types import Float32, Keypoints, Reference
from recognizer.vision import keypoints

DIM = 24
ZOOMS = 3
BIG = 2**53 - 1
"""The largest image_id whose keys fit 64 bits."""

Photos = dict[int, tuple[Float32, Keypoints]]


def unit(rows: np.ndarray) -> Float32:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


def points(descriptors: np.ndarray) -> Keypoints:
    """Keypoints with these descriptors; where they lie does not matter here."""
    n = len(descriptors)
    places = np.random.default_rng(n).uniform(0, 300, (n, 2)).astype(np.float32)
    return Keypoints(places, np.ones(n, np.float32), np.zeros(n, np.float32), np.asarray(descriptors, np.float32))


def photo(seed: int, most: int = 40) -> tuple[Float32, Keypoints]:
    """Embeddings and keypoints of a made-up photo; every seventh has no keypoints."""
    rng = np.random.default_rng(seed)
    n = 0 if seed % 7 == 3 else int(rng.integers(1, most))
    return unit(rng.normal(size=(ZOOMS, DIM))), points(unit(rng.gamma(0.5, size=(n, 128))))


def photos(image_ids: list[int]) -> Photos:
    return {image_id: photo(image_id % 10_007) for image_id in image_ids}


def queries(held: Photos, count: int) -> list[tuple[Float32, Float32]]:
    """Embeddings and descriptors like those of some photos, and not quite."""
    rng = np.random.default_rng(1)
    asked = []
    for image_id in list(held)[:count]:
        zooms, own = held[image_id]
        rows = np.concatenate([own.descriptors, unit(rng.gamma(0.5, size=(20, 128)))])
        asked.append(
            (unit(zooms + rng.normal(0, 0.3, zooms.shape)), unit(np.abs(rows + rng.normal(0, 0.05, rows.shape))))
        )
    return asked


def opened(
    held: Photos, folder: Path, added_first: Callable[[Any, Any], None] = lambda vectors, descriptors: None
) -> Index:
    """An index that holds these photos; `added_first` may do something to both FAISS indexes before."""
    embeddings, descriptors = vectors.new_vectors(DIM), vectors.new_descriptors(np.zeros((0, 128), np.float32), 0)
    added_first(embeddings, descriptors)
    for image_id, (zooms, own) in held.items():
        vectors.add_image(embeddings, descriptors, image_id, zooms, own)
    return Index(folder, manifest(held), embeddings, descriptors)


def manifest(held: Photos, generation: int = 1, trained_on: int = 0) -> Manifest:
    return Manifest(
        model="made-up",
        fingerprint="0123456789abcdef",
        settings="whole/rootsift",
        generation=generation,
        dim=DIM,
        images=tuple((image_id, f"{image_id:064x}") for image_id in sorted(held)),
        vectors=f"vectors-{generation}.faiss",
        descriptors=f"descriptors-{generation}.faiss",
        trained_on=trained_on,
    )


# By brute force


def similarities(held: Photos, zooms: Float32) -> list[tuple[int, float]]:
    """Every photo's similarity by the words of `similar`, best first."""
    found = []
    for image_id, (stored, _) in held.items():
        cosines = zooms.astype(np.float64) @ stored.T.astype(np.float64)
        found.append((image_id, float((cosines.max() + cosines[0, 0] / 2) / 1.5)))
    return sorted(found, key=lambda pair: -pair[1])


def votes(held: Photos, asked: Float32) -> list[tuple[int, float]]:
    """Every voted photo by the words of `vote`, most first."""
    owner = [image_id for image_id, (_, own) in held.items() for _ in range(len(own))]
    rows = np.concatenate([own.descriptors for _, own in held.values()]).astype(np.float64)
    total: dict[int, float] = defaultdict(float)
    for descriptor in asked.astype(np.float64):
        distance = ((rows - descriptor) ** 2).sum(axis=1)
        nearest = np.argsort(distance)[: vectors.NEIGHBOURS + 1]
        background = distance[nearest[-1]]
        best: dict[int, float] = {}
        for at in nearest[:-1]:
            best.setdefault(owner[at], background - distance[at])
        for image_id, weight in best.items():
            total[image_id] += weight / len(asked)
    return sorted(((image_id, vote) for image_id, vote in total.items() if vote > 0), key=lambda pair: -pair[1])


def assert_same(found: list[tuple[int, float]], expected: list[tuple[int, float]], tolerance: float = 1e-5) -> None:
    """The same photos in the same order with the same scores; the order within the tolerance is free."""
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=tolerance)
    by_id = dict(expected)
    assert {image_id for image_id, _ in found} <= set(by_id)
    for image_id, score in found:
        assert score == pytest.approx(by_id[image_id], abs=tolerance)


@pytest.fixture(scope="module")
def held() -> Photos:
    return photos([*range(1, 60), BIG, BIG - 1, 2**40])


@pytest.fixture(scope="module")
def index(held: Photos, tmp_path_factory: pytest.TempPathFactory) -> Index:
    return opened(held, tmp_path_factory.mktemp("index"))


# Searching


def test_similar_is_brute_force_in_order_and_score(index: Index, held: Photos) -> None:
    for zooms, _ in queries(held, 20):
        everything = similarities(held, zooms)
        assert_same(index.similar(zooms, len(held)), everything)
        assert [image_id for image_id, _ in index.similar(zooms, 5)][:3] == [image_id for image_id, _ in everything[:3]]
        assert len(index.similar(zooms, 5)) == 5


def test_similarity_of_named_photos_is_that_of_similar_in_their_order(index: Index, held: Photos) -> None:
    zooms, _ = queries(held, 1)[0]
    expected = dict(similarities(held, zooms))
    asked = [BIG, 3, 17, 3]
    assert index.similarity(zooms, asked) == pytest.approx([expected[image_id] for image_id in asked], abs=1e-5)
    assert index.similarity(zooms, []) == []


def test_similarities_of_a_model_are_brought_to_the_scale_of_the_base(
    held: Photos, index: Index, tmp_path: Path
) -> None:
    own = Scale(0.5, REFERENCE.spread / 2)
    other = Index(tmp_path, replace(index.manifest, scale=own), *index.parts)
    zooms, _ = held[7]
    plain, moved = dict(index.similar(zooms, 10)), dict(other.similar(zooms, 10))
    assert list(moved) == list(plain)
    assert moved == pytest.approx({one: REFERENCE.mean + 2 * (value - 0.5) for one, value in plain.items()}, abs=1e-4)
    assert other.similarity(zooms, list(moved)) == pytest.approx(list(moved.values()), abs=1e-4)


def test_a_photo_is_most_similar_to_itself(index: Index, held: Photos) -> None:
    for image_id in (1, 30, BIG):
        first, score = index.similar(held[image_id][0], 3)[0]
        assert (first, score) == (image_id, pytest.approx(1.0, abs=1e-5))


def test_votes_are_brute_force_in_order_and_score(index: Index, held: Photos) -> None:
    for _, descriptors in queries(held, 12):
        assert_same(index.vote(descriptors), votes(held, descriptors))


def test_votes_worked_by_hand(tmp_path: Path) -> None:
    axes = np.eye(128, dtype=np.float32)
    made: Photos = {
        # two descriptors of one photo are near the query, only the nearer counts
        5: (photo(0)[0], points(np.stack([axes[0], unit(axes[0] + 0.1 * axes[1])]))),
        9: (photo(0)[0], points(unit(axes[0] + 0.5 * axes[1])[None])),
        4: (photo(0)[0], points(axes[10:20])),
    }
    found = opened(made, tmp_path).vote(np.stack([axes[0], axes[0]]))
    apart = 2 - 2 / np.sqrt(1.25)  # squared distance of photo 9; the sixth nearest is one of photo 4, at 2
    assert [image_id for image_id, _ in found] == [5, 9]
    assert [vote for _, vote in found] == pytest.approx([2.0, 2 - apart], abs=1e-5)


def test_a_photo_without_keypoints_gets_no_votes_and_is_still_similar(index: Index, held: Photos) -> None:
    (bare,) = [image_id for image_id, (_, own) in held.items() if len(own) == 0][:1]
    zooms, _ = held[bare]
    assert index.similar(zooms, 1)[0][0] == bare
    assert bare not in dict(index.vote(held[1][1].descriptors))


def test_an_empty_index_and_an_empty_query_have_no_answers(index: Index, tmp_path: Path) -> None:
    empty = opened({}, tmp_path)
    zooms, own = photo(1)
    assert (empty.similar(zooms, 5), empty.vote(own.descriptors), empty.candidates(zooms, own.descriptors, 5, 5)) == (
        [],
        [],
        [],
    )
    nothing = np.zeros((0, 128), np.float32)
    assert index.vote(nothing) == []
    assert index.candidates(np.zeros((0, DIM), np.float32), nothing, 5, 5) == []


@pytest.mark.parametrize("rows", [1, 2, 5, 6, 7])
def test_fewer_descriptors_than_neighbours_are_no_fault(rows: int, tmp_path: Path) -> None:
    made = {image_id: (photo(1)[0], points(unit(np.eye(128)[image_id][None]))) for image_id in range(1, rows + 1)}
    found = opened(made, tmp_path).vote(made[1][1].descriptors)
    assert all(vote > 0 for _, vote in found)
    if rows > 1:
        assert found[0][0] == 1


def test_candidates_are_the_union_with_both_evidences_for_all(index: Index, held: Photos) -> None:
    zooms, descriptors = queries(held, 30)[-1][0], queries(held, 1)[0][1]  # the evidences speak for different photos
    hits = index.candidates(zooms, descriptors, by_votes=4, by_similarity=6)
    by_votes, by_similarity = votes(held, descriptors), similarities(held, zooms)
    assert {hit.image_id for hit in hits} == {image_id for image_id, _ in by_votes[:4] + by_similarity[:6]}
    assert len(hits) == len({hit.image_id for hit in hits})
    for hit in hits:
        assert hit.votes == pytest.approx(dict(by_votes).get(hit.image_id, 0.0), abs=1e-5)
        assert hit.similarity == pytest.approx(dict(by_similarity)[hit.image_id], abs=1e-5)
        assert (hit.inliers, hit.appearance, hit.homography) == (0, 0.0, None)


def test_candidates_by_one_evidence_alone(index: Index, held: Photos) -> None:
    zooms, descriptors = queries(held, 1)[0]
    nearest = index.candidates(zooms, np.zeros((0, 128), np.float32), 4, 6)
    assert [hit.image_id for hit in nearest] == [image_id for image_id, _ in similarities(held, zooms)[:6]]
    voted = index.candidates(np.zeros((0, DIM), np.float32), descriptors, 4, 6)
    assert [hit.image_id for hit in voted] == [image_id for image_id, _ in votes(held, descriptors)[:4]]
    assert {hit.similarity for hit in voted} == {0.0}


# IVF-PQ


@pytest.fixture(scope="module")
def drawn() -> Photos:
    """Keypoints of drawn pins: IVF-PQ lives off the way that real descriptors lie."""
    return {at + 1: (photo(1)[0], keypoints.extract(sample.catalogue_view(at))) for at in range(16)}


@pytest.fixture(scope="module")
def compressed(drawn: Photos, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """The drawn pins in an index that is no longer exact."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "FLAT_UP_TO", 1000)
        rows = np.concatenate([own.descriptors for _, own in drawn.values()])
        descriptors = vectors.new_descriptors(rows, len(rows))
    embeddings = vectors.new_vectors(DIM)
    for image_id, (zooms, own) in drawn.items():
        vectors.add_image(embeddings, descriptors, image_id, zooms, own)
    return Index(tmp_path_factory.mktemp("ivf"), manifest(drawn, trained_on=len(rows)), embeddings, descriptors)


def test_compressed_votes_find_what_exact_votes_find(
    compressed: Index, drawn: Photos, tmp_path_factory: pytest.TempPathFactory
) -> None:
    exact = opened(drawn, tmp_path_factory.mktemp("exact"))
    _, ivf = compressed.parts
    assert type(ivf).__name__ == "IndexIVFPQ"
    assert faiss.extract_index_ivf(ivf).nprobe == vectors.PROBED
    first, shared = 0, 0
    for at in range(0, 16, 2):
        asked = keypoints.extract(sample.phone_view(at)).descriptors
        best = [image_id for image_id, _ in exact.vote(asked)[:5]]
        found = [image_id for image_id, _ in compressed.vote(asked)[:5]]
        first += best[0] == found[0]
        shared += len(set(best) & set(found))
    assert first >= 7  # of 8; measured: all, and 38 of 40
    assert shared >= 34


def test_exact_descriptors_held_in_lists_give_the_first_photos_by_votes(
    compressed: Index, index: Index, drawn: Photos, tmp_path: Path
) -> None:
    exact = opened(drawn, tmp_path)
    lists = exact.by_lists()
    assert type(lists.parts[1]).__name__ == "IndexIVFFlat"
    assert len(lists) == len(exact)
    for at in range(0, 16, 2):
        asked = keypoints.extract(sample.phone_view(at)).descriptors
        best, found = exact.vote(asked)[:3], lists.vote(asked)[:3]
        assert [image_id for image_id, _ in found] == [image_id for image_id, _ in best]
        np.testing.assert_allclose([votes for _, votes in found], [votes for _, votes in best], atol=0.1 * best[0][1])
    assert compressed.by_lists() is compressed
    assert index.by_lists() is index  # too few for lists


def test_compressed_photos_are_added_and_removed(compressed: Index, drawn: Photos, tmp_path: Path) -> None:
    write(tmp_path, compressed)
    copy = Index.open(tmp_path, to_change=True)
    embeddings, descriptors = copy.parts
    total = descriptors.ntotal
    vectors.remove_images(embeddings, descriptors, [5])
    assert descriptors.ntotal == total - len(drawn[5][1])
    assert 5 not in dict(copy.vote(drawn[5][1].descriptors))
    vectors.add_image(embeddings, descriptors, BIG, *drawn[5])
    assert copy.vote(drawn[5][1].descriptors)[0][0] == BIG
    assert compressed.vote(drawn[5][1].descriptors)[0][0] == 5


# Adding and removing


def test_adding_and_removing_is_as_good_as_making_anew(tmp_path: Path) -> None:
    wanted = photos([*range(20, 60), BIG, BIG - 5])
    gone = photos([*range(1, 20), BIG - 1])

    def detour(embeddings: Any, descriptors: Any) -> None:
        for image_id, (zooms, own) in gone.items():
            vectors.add_image(embeddings, descriptors, image_id, zooms, own)
        vectors.add_image(embeddings, descriptors, 70, *photo(70))
        vectors.remove_images(embeddings, descriptors, [*gone, 70])
        assert (embeddings.ntotal, descriptors.ntotal) == (0, 0)

    changed, anew = opened(wanted, tmp_path, detour), opened(wanted, tmp_path)
    vectors.remove_images(*changed.parts, [30, BIG - 5, 999])  # 999 is in neither
    kept = {image_id: held for image_id, held in wanted.items() if image_id not in (30, BIG - 5)}
    anew = opened(kept, tmp_path)
    for zooms, descriptors in queries(wanted, 15):
        assert_same(changed.similar(zooms, 50), anew.similar(zooms, 50))
        assert_same(changed.vote(descriptors), anew.vote(descriptors))
        assert_same(changed.vote(descriptors), votes(kept, descriptors))


def test_removing_nothing_changes_nothing(held: Photos, tmp_path: Path) -> None:
    index = opened(held, tmp_path)
    before = [part.ntotal for part in index.parts]
    vectors.remove_images(*index.parts, [])
    assert [part.ntotal for part in index.parts] == before


def test_keys_of_neighbouring_ids_do_not_run_into_each_other(tmp_path: Path) -> None:
    full = points(unit(np.random.default_rng(2).gamma(0.5, size=(keypoints.MOST, 128))))
    made: Photos = {image_id: (photo(image_id % 97)[0], full) for image_id in (BIG - 1, BIG)}
    index = opened(made, tmp_path)
    vectors.remove_images(*index.parts, [BIG - 1])
    assert [part.ntotal for part in index.parts] == [ZOOMS, keypoints.MOST]
    assert [image_id for image_id, _ in index.similar(made[BIG][0], 9)] == [BIG]
    assert {image_id for image_id, _ in index.vote(full.descriptors)} == {BIG}


# The folder


def write(folder: Path, index: Index, generation: int = 1) -> Manifest:
    about = replace(
        index.manifest,
        generation=generation,
        vectors=f"vectors-{generation}.faiss",
        descriptors=f"descriptors-{generation}.faiss",
    )
    vectors.write(folder, about, *index.parts)
    return about


def test_a_written_index_answers_as_before(index: Index, held: Photos, tmp_path: Path) -> None:
    about = write(tmp_path, index)
    again = Index.open(tmp_path)
    assert again.manifest == replace(about, sums=again.manifest.sums)
    files = [tmp_path / name for name in (about.vectors, about.descriptors)]
    assert again.manifest.sums == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert len(again) == len(held)
    for zooms, descriptors in queries(held, 5):
        assert again.similar(zooms, 10) == index.similar(zooms, 10)
        assert again.vote(descriptors) == index.vote(descriptors)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "descriptors-1.faiss",
        "index.json",
        "vectors-1.faiss",
    ]


def test_a_new_generation_takes_the_place_of_the_old_and_an_open_index_stays(
    index: Index, held: Photos, tmp_path: Path
) -> None:
    write(tmp_path, index)
    before = Index.open(tmp_path)
    fewer = {image_id: held[image_id] for image_id in list(held)[:10]}
    write(tmp_path, opened(fewer, tmp_path), generation=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["descriptors-2.faiss", "index.json", "vectors-2.faiss"]
    assert len(Index.open(tmp_path)) == 10
    zooms, descriptors = queries(held, 1)[0]
    assert before.similar(zooms, 50) == index.similar(zooms, 50)
    assert before.vote(descriptors) == index.vote(descriptors)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_write_that_stops_at_any_step_leaves_a_whole_index(
    index: Index, held: Photos, tmp_path: Path, stop_at: Callable[..., Any], after: bool
) -> None:
    fewer = {image_id: held[image_id] for image_id in list(held)[:10]}
    shorter = opened(fewer, tmp_path)
    zooms, descriptors = queries(held, 3)[-1]
    answered = []
    for step in range(8):
        folder = tmp_path / str(step)
        folder.mkdir()
        write(folder, index)
        with stop_at(step, after):
            write(folder, shorter, generation=2)
        left = Index.open(folder)
        answered.append(len(left))
        expected = index if len(left) == len(held) else shorter
        assert left.similar(zooms, 10) == expected.similar(zooms, 10)
        assert left.vote(descriptors) == expected.vote(descriptors)
        # The next run goes through and leaves nothing of the one that stopped.
        write(folder, shorter, generation=3)
        names = sorted(path.name for path in folder.iterdir())
        assert names == ["descriptors-3.faiss", "index.json", "vectors-3.faiss"]
    # Two files and index.json, each written beside and renamed; then the two old files go.
    before = 5 if after else 6
    assert answered == [len(held)] * before + [10] * (8 - before)
    folder = tmp_path / "last"
    folder.mkdir()
    write(folder, index)
    with pytest.raises(LookupError), stop_at(8, after):
        write(folder, shorter, generation=2)


def test_a_folder_without_index_says_how_to_make_one(tmp_path: Path) -> None:
    assert vectors.read_manifest(tmp_path) is None
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(IndexError_, match="no index in it; run `znachki index`") as caught:
            Index.open(folder)
        assert str(caught.value).startswith(str(folder))


@pytest.mark.parametrize("name", ["vectors-1.faiss", "descriptors-1.faiss"])
@pytest.mark.parametrize("keep", [None, 0, 3, 100])
def test_missing_and_damaged_files_are_named_with_the_cure(
    index: Index, tmp_path: Path, name: str, keep: int | None
) -> None:
    write(tmp_path, index)
    if keep is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:keep])
    with pytest.raises(IndexError_, match="missing or damaged; run `znachki index --rebuild`") as caught:
        Index.open(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / name))


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"format": 1}', '{"format": 1, "images": 5}', '{"format": 1, "images": [[1]]}', "\xff"],
)
def test_a_damaged_index_json_is_named_with_the_cure(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(IndexError_, match="run `znachki index --rebuild`") as caught:
        Index.open(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "index.json"))


@pytest.mark.parametrize("content", [{"format": 0}, {"format": 2}, {}, []])
def test_an_index_of_another_format_is_a_mismatch(tmp_path: Path, content: Any) -> None:
    (tmp_path / "index.json").write_text(json.dumps(content))
    with pytest.raises(IndexMismatch, match=r"not of format 1; run `znachki index --rebuild`"):
        Index.open(tmp_path)


def test_another_model_is_a_mismatch_with_both_names_and_the_cure(index: Index) -> None:
    index.check_model("0123456789abcdef", "whatever its name")
    with pytest.raises(IndexMismatch) as caught:
        index.check_model("fedcba9876543210", "data/models/mine")
    with pytest.raises(IndexMismatch, match=r"another version of model .*; run `znachki index`$"):
        index.check_model("fedcba9876543210", index.manifest.model)
    for part in ("made-up", "0123456789abcdef", "fedcba9876543210", "`znachki index --model data/models/mine`"):
        assert part in str(caught.value)


# Features of one photo


@pytest.fixture
def reference() -> Reference:
    image = sample.catalogue_view(0)
    outline = np.array([(3, 4), (90, 5), (40, 80.5)], np.float32)
    return Reference(keypoints.extract(image), image[::2, ::2], 0.5, (3.0, 4.0), outline)


def test_features_come_back_as_they_were_kept(reference: Reference, tmp_path: Path) -> None:
    vectors.write_features(tmp_path, "settings", "ab", reference)
    found = vectors.read_features(tmp_path, "settings", "ab")
    assert np.array_equal(found.keypoints.places, reference.keypoints.places)
    assert np.array_equal(found.keypoints.scales, reference.keypoints.scales)
    assert np.array_equal(found.keypoints.angles, reference.keypoints.angles)
    assert (found.factor, found.corner) == (0.5, (3.0, 4.0))
    assert found.outline is not None
    assert np.array_equal(found.outline, reference.outline)
    assert found.thumbnail.shape == reference.thumbnail.shape
    assert np.abs(found.thumbnail.astype(int) - reference.thumbnail).mean() < 4  # it is a JPEG
    cosines = (found.keypoints.descriptors * reference.keypoints.descriptors).sum(axis=1)
    assert cosines.min() > 0.999  # descriptors are kept as bytes
    assert np.linalg.norm(found.keypoints.descriptors, axis=1) == pytest.approx(np.ones(len(found.keypoints)), abs=1e-5)


@pytest.mark.parametrize("count", [0, 1, 700])
def test_keypoints_of_a_photo_are_counted_without_reading_them(tmp_path: Path, count: int) -> None:
    held = points(unit(np.random.default_rng(0).gamma(0.5, size=(count, 128)))) if count else keypoints.none()
    vectors.write_features(tmp_path, "settings", "ab", Reference(held, np.zeros((9, 7, 3), np.uint8), 1.0))
    assert vectors.count_features(tmp_path, "settings", "ab") == count
    path = vectors.features_path(tmp_path, "settings", "ab")
    path.write_bytes(path.read_bytes()[:-40])  # the directory of the archive is at its end
    with pytest.raises(IndexError_, match="rebuild"):
        vectors.count_features(tmp_path, "settings", "ab")


def test_lists_and_the_rows_that_they_are_trained_on_grow_with_the_index() -> None:
    assert vectors.lists_of(vectors.FLAT_UP_TO) == vectors.training_rows(vectors.FLAT_UP_TO) == 0
    few, many, most = (vectors.lists_of(total) for total in (10**6, 10**7, 10**12))
    assert 2 * few < many < most == vectors.MOST_LISTS
    assert vectors.training_rows(10**7) < 10**7


def test_features_of_a_picture_without_keypoints_come_back(tmp_path: Path) -> None:
    vectors.write_features(tmp_path, "settings", "ab", Reference(keypoints.none(), np.zeros((9, 7, 3), np.uint8), 1.0))
    found = vectors.read_features(tmp_path, "settings", "ab")
    assert len(found.keypoints) == 0
    assert found.keypoints.descriptors.shape == (0, 128)
    assert found.outline is None
    assert found.thumbnail.shape == (9, 7, 3)


def test_features_taken_in_another_way_lie_elsewhere(reference: Reference, tmp_path: Path) -> None:
    vectors.write_features(tmp_path, "one way", "ab", reference)
    with pytest.raises(IndexError_):
        vectors.read_features(tmp_path, "another way", "ab")


def assert_damage_is_named(path: Path, keep: int | None, read: Callable[[], object]) -> None:
    """Cut a file down to `keep` bytes, None for none at all, and see that reading it says so."""
    if keep is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(IndexError_, match="run `znachki index --rebuild`") as caught:
        read()
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("keep", [None, 0, 10, 2000])
def test_damaged_features_are_named_with_the_cure(reference: Reference, tmp_path: Path, keep: int | None) -> None:
    vectors.write_features(tmp_path, "settings", "ab", reference)
    path = vectors.features_path(tmp_path, "settings", "ab")
    assert_damage_is_named(path, keep, lambda: vectors.read_features(tmp_path, "settings", "ab"))


@pytest.mark.parametrize("keep", [None, 0, 10, 200])
def test_damaged_embeddings_are_named_with_the_cure(tmp_path: Path, keep: int | None) -> None:
    zooms = photo(1)[0]
    vectors.write_embeddings(tmp_path, "model", "ab", zooms)
    assert np.array_equal(vectors.read_embeddings(tmp_path, "model", "ab"), zooms)
    path = vectors.embeddings_path(tmp_path, "model", "ab")
    assert_damage_is_named(path, keep, lambda: vectors.read_embeddings(tmp_path, "model", "ab"))


def test_references_are_read_once(index: Index, reference: Reference, tmp_path: Path) -> None:
    write(tmp_path, index)
    again = Index.open(tmp_path)
    vectors.write_features(tmp_path, again.manifest.settings, f"{7:064x}", reference)
    first = again.reference(7)
    vectors.features_path(tmp_path, again.manifest.settings, f"{7:064x}").unlink()
    assert again.reference(7) is first
    with pytest.raises(IndexError_, match="run `znachki index --rebuild`"):
        again.reference(8)


def test_many_lists_lie_in_a_graph_and_are_searched_written_and_changed_as_few_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(making, "FLAT_UP_TO", 1000)
    monkeypatch.setattr(making, "FLAT_LISTS", 8)
    monkeypatch.setattr(making, "LISTED", 100)
    rows = np.abs(np.random.default_rng(0).normal(size=(12_000, 128))).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    made = making.new_descriptors(rows, len(rows))
    keys = np.arange(len(rows), dtype=np.int64) * 7
    made.add_with_ids(rows, keys)
    assert "HNSW" in type(faiss.downcast_index(made.quantizer)).__name__
    assert made.nlist == making.lists_of(len(rows)) > 8
    faiss.write_index(made, str(tmp_path / "made.faiss"))
    opened = faiss.read_index(str(tmp_path / "made.faiss"), faiss.IO_FLAG_MMAP_IFC)
    opened.nprobe = making.PROBED
    found = opened.search(rows[:300], 1)[1][:, 0]
    assert (found == keys[:300]).mean() > 0.95
    made.remove_ids(keys[:100])
    made.nprobe = making.PROBED
    assert not set(made.search(rows[:100], 5)[1].ravel().tolist()) & set(keys[:100].tolist())
    assert "WARNING" not in capfd.readouterr().err
