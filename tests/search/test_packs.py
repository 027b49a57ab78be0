"""Packs give back what was put in, byte by byte, and say what is damaged; what is kept of many photos takes less."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.packing import pack, pack_fresh
from recognizer.drawn import sample
from recognizer.errors import IndexError_
from recognizer.search.index import kept, packs, records
from recognizer.search.index.coding import trained
from recognizer.types import Float32, Hit, Keypoints, Reference
from recognizer.vision import keypoints
from recognizer.vision.comparing.alignment import verify

SETTINGS, MODEL = "settings", "0123456789abcdef"
NAMES = [f"{at + 1:062x}{ending}" for at, ending in enumerate(["00", "ff", "0a", "00", "10"])]  # one may end in zeros


@pytest.fixture(scope="module")
def references() -> list[Reference]:
    """What is kept of five drawn pins, the last of which has no keypoints and no outline."""
    made = []
    for at in range(4):
        image = sample.catalogue_view(at)
        outline = np.array([(3, 4), (90, 5), (40, 80.5)], np.float32)
        made.append(Reference(keypoints.extract(image), image[::2, ::2], 0.5, (3.0, 4.0), outline))
    return [*made, Reference(keypoints.none(), np.zeros((9, 7, 3), np.uint8), 1.0)]


def keep(folder: Path, references: list[Reference], names: list[str] = NAMES) -> None:
    for name, reference in zip(names, references, strict=True):
        kept.write_features(folder, SETTINGS, name, reference)
        kept.write_embeddings(folder, MODEL, name, vectors(name))


def vectors(name: str) -> Float32:
    rows = np.random.default_rng(int(name[:62], 16)).normal(size=(3, 8))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def assert_equal(one: Reference, other: Reference) -> None:
    for name in ("places", "scales", "angles", "descriptors"):
        assert np.array_equal(getattr(one.keypoints, name), getattr(other.keypoints, name)), name
    assert (one.factor, one.corner) == (other.factor, other.corner)
    assert np.array_equal(one.thumbnail, other.thumbnail)
    assert (one.outline is None) == (other.outline is None)
    assert one.outline is None or np.array_equal(one.outline, other.outline)  # type: ignore[arg-type]


# The file


def test_records_come_back_by_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    held = {rng.bytes(32).hex(): rng.bytes(int(rng.integers(0, 900))) for _ in range(300)}
    held |= {"0" * 64: b"nothing but zeros", "f" * 62 + "00": b"zeros at its end", "f" * 64: b""}
    packs.write(tmp_path / "kind-1.pack", {"of": "tests"}, held.items())
    opened = packs.opened(tmp_path / "kind-1.pack")
    assert (opened.about, opened.names) == ({"of": "tests"}, sorted(held))
    assert {name: opened.record(name) for name in opened.names} == held
    assert opened.record("1" * 64) is None
    assert "1" * 64 not in opened
    assert packs.record(tmp_path, "other", "0" * 64) is None


def test_the_newest_of_two_records_counts(tmp_path: Path) -> None:
    for number in (9, 10, 2):
        packs.write(tmp_path / f"kind-{number}.pack", {}, [("a" * 64, str(number).encode())])
    found = packs.record(tmp_path, "kind", "a" * 64)
    assert found is not None
    assert found[0] == b"10"


@pytest.mark.parametrize("place", [0, 40, -1, -30, -60])
def test_a_flipped_byte_is_told_with_file_and_cure(place: int, tmp_path: Path) -> None:
    path = tmp_path / "kind-1.pack"
    packs.write(path, {}, [("a" * 64, b"x" * 50), ("b" * 64, b"y")])
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(IndexError_, match=rf"{path}: .*run `znachki index --rebuild`"):
        [packs.record(tmp_path, "kind", name) for name in ("a" * 64, "b" * 64)]


@pytest.mark.parametrize("keep", [0, 3, 40, 150])
def test_a_pack_cut_short_is_told(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "kind-1.pack"
    packs.write(path, {}, [("a" * 64, b"x" * 200)])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(IndexError_, match="damaged"):
        packs.record(tmp_path, "kind", "a" * 64)


@pytest.mark.parametrize(
    ("sizes", "unused", "joined"),
    [
        ([1], [], 0),
        ([1, 1], [0], 1),
        ([1, 8], [0], 0),  # eight times as many: it stays
        ([1, 7], [0], 1),
        ([1, 7, 60], [0, 0], 2),
        ([1, 7, 64], [0, 0], 1),
        ([0, 9, 80], [0, 0], 0),
        ([0, 9, 80], [0, 1], 2),  # one is wanted no more
        ([0, 9, 80_000], [0, 1], 0),  # of so many it does not matter
        ([0, 9, 80_000], [0, 10_001], 2),
    ],
)
def test_small_packs_are_joined_and_large_ones_stay(sizes: list[int], unused: list[int], joined: int) -> None:
    assert packs.to_join(sizes, unused) == joined


# Photos


def test_packed_photos_are_what_they_were_in_files_of_their_own(references: list[Reference], tmp_path: Path) -> None:
    keep(tmp_path, references)
    before = [kept.read_features(tmp_path, SETTINGS, name) for name in NAMES]
    pack(tmp_path, SETTINGS, MODEL, NAMES, large=False)
    assert files(tmp_path) == [f"embeddings/{MODEL}-1.pack", f"features/{kept.short(SETTINGS)}-1.pack"]
    for name, one in zip(NAMES, before, strict=True):
        assert_equal(kept.read_features(tmp_path, SETTINGS, name), one)
        assert kept.count_features(tmp_path, SETTINGS, name) == len(one.keypoints)
        assert np.array_equal(kept.read_embeddings(tmp_path, MODEL, name), vectors(name))
    assert kept.held(tmp_path, kept.FEATURES, kept.short(SETTINGS)) == set(NAMES)


def test_photos_that_come_and_go(references: list[Reference], tmp_path: Path) -> None:
    kind = kept.short(SETTINGS)
    keep(tmp_path, references[:2], NAMES[:2])
    pack(tmp_path, SETTINGS, MODEL, NAMES[:2], large=False)
    keep(tmp_path, references[2:4], NAMES[2:4])
    kept.write_features(tmp_path, SETTINGS, NAMES[0], references[4])  # taken anew: what is new counts
    pack(tmp_path, SETTINGS, MODEL, [NAMES[0], *NAMES[2:4]], large=False)
    assert kept.held(tmp_path, kept.FEATURES, kind) == {NAMES[0], *NAMES[2:4]}
    assert len(kept.read_features(tmp_path, SETTINGS, NAMES[0]).keypoints) == 0
    with pytest.raises(IndexError_, match=r"missing, also in the packs; run `znachki index --rebuild`"):
        kept.read_features(tmp_path, SETTINGS, NAMES[1])
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    pack(tmp_path, SETTINGS, MODEL, [NAMES[0], *NAMES[2:4]], large=False)
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before  # nothing is left to do
    pack(tmp_path, SETTINGS, MODEL, [], large=False)
    assert files(tmp_path) == []


def test_equal_photos_make_equal_packs_in_whatever_order_they_came(references: list[Reference], tmp_path: Path) -> None:
    for folder, order in (("one", [0, 1, 2, 3, 4]), ("other", [3, 1, 4, 0, 2])):
        keep(tmp_path / folder, [references[at] for at in order], [NAMES[at] for at in order])
        pack(tmp_path / folder, SETTINGS, MODEL, NAMES, large=False)
    assert files(tmp_path / "one") == files(tmp_path / "other")
    for name in files(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_many_photos_take_less_and_still_verify(references: list[Reference], tmp_path: Path) -> None:
    keep(tmp_path, references)
    pack_fresh(tmp_path, SETTINGS, MODEL, NAMES[:2], large=True)
    assert kept.loose(tmp_path, kept.FEATURES, kept.short(SETTINGS)) == set()  # of the others nothing is wanted
    keep(tmp_path, references[2:], NAMES[2:])
    pack(tmp_path, SETTINGS, MODEL, NAMES, large=True)
    assert len(files(tmp_path)) == 2
    for at, (name, one) in enumerate(zip(NAMES, references, strict=True)):
        found = kept.read_features(tmp_path, SETTINGS, name)
        expected = records.largest(one.keypoints, records.KEPT)
        reach = np.ptp(expected.places, axis=0).max() if len(expected) else 0
        assert len(found.keypoints) == len(expected)
        np.testing.assert_allclose(found.keypoints.places, expected.places, atol=reach / 60_000)
        np.testing.assert_allclose(np.log2(found.keypoints.scales / expected.scales), 0, atol=1 / 31)
        turned = np.abs((found.keypoints.angles - expected.angles + 180) % 360 - 180)
        assert turned.max(initial=0) < 0.71
        if len(expected):
            assert (found.keypoints.descriptors * expected.descriptors).sum(axis=1).mean() > 0.95
        assert (found.factor, found.corner) == (one.factor, one.corner)
        rows = kept.read_embeddings(tmp_path, MODEL, name)
        np.testing.assert_allclose(rows @ rows.T, vectors(name) @ vectors(name).T, atol=1e-3)
        if at < 4:
            image = sample.catalogue_view(at)
            (hit,) = verify(image, one.keypoints, [Hit(1)], [found])
            assert hit.inliers > 100
            assert hit.appearance > 0.85


def test_a_codebook_is_the_same_for_the_same_photos(references: list[Reference]) -> None:
    one, other = (trained([reference.keypoints for reference in references]) for _ in range(2))
    assert one.to_bytes() == other.to_bytes()
    rows = references[0].keypoints.descriptors[:9]
    codes = one.coded(rows)
    for row, code in zip(rows, codes, strict=True):  # each part goes to its nearest centroid
        away = ((one.centroids - row.reshape(records.CODE_BYTES, 1, -1)) ** 2).sum(axis=2)
        assert np.array_equal(away.argmin(axis=1), code)


def test_the_largest_keypoints_are_kept_in_their_order() -> None:
    scales = np.array([5, 1, 7, 5, 2, 9], np.float32)
    points = Keypoints(np.zeros((6, 2), np.float32), scales, scales, np.eye(6, 128, dtype=np.float32))
    assert records.largest(points, 3).scales.tolist() == [5, 7, 9]
    assert records.largest(points, 4).descriptors.argmax(axis=1).tolist() == [0, 2, 3, 5]
    assert records.largest(points, 6) is points
