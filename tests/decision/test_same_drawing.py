"""Photos that show one drawing are found when they are indexed, once, and an answer knows of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from index.build import build
from recognizer.catalogue.store import Catalogue
from recognizer.decision import same_drawing, verdict
from recognizer.decision.same_drawing import Kin
from recognizer.identify import Recognizer
from recognizer.search.features import SETTINGS
from recognizer.search.index import Index
from recognizer.types import Box, CatalogueEntry, Hit, Role, Verdict


def unnamed(data: Path) -> list[set[str]]:
    """Take the families' names away, and return which entries they were."""
    found: dict[str, set[str]] = defaultdict(set)
    with Catalogue.open(data) as catalogue:
        for entry in catalogue.entries():
            if entry.family:
                found[entry.family].add(entry.entry_id)
        catalogue.upsert([replace(entry, family="") for entry in catalogue.entries()])
    return [ids for ids in found.values() if len(ids) > 1]


def families(data: Path) -> list[set[str]]:
    """The families that answers go by."""
    found: dict[str, set[str]] = defaultdict(set)
    with Recognizer.open(data) as recognizer:
        for entry_id, name in recognizer.families.items():
            if name:
                found[name].add(entry_id)
    return list(found.values())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Notes how many keypoints every search by votes was asked with."""
    noted: list[int] = []
    vote = Index.vote

    def watched(index: Index, descriptors: object) -> object:
        noted.append(len(descriptors))  # type: ignore[arg-type]
        return vote(index, descriptors)  # type: ignore[arg-type]

    monkeypatch.setattr(Index, "vote", watched)
    return noted


def test_drawn_twins_are_a_family_without_a_curator(own_data: Path) -> None:
    twins = unnamed(own_data)
    found = families(own_data)
    drawn, joined = (
        {frozenset(pair) for one in families for pair in combinations(one, 2)} for families in (twins, found)
    )
    assert len(twins) >= 3
    assert len(drawn & joined) >= 0.6 * len(drawn)
    assert len(drawn & joined) >= 0.8 * len(joined)


def test_only_new_photos_are_asked(own_data: Path, asked: list[int]) -> None:
    build(own_data)
    assert asked == []
    with Catalogue.open(own_data) as catalogue:
        image = catalogue.images(Role.FACE)[0]
        catalogue.upsert([CatalogueEntry("new", "", "New", "")])
        content = catalogue.picture_path(image).read_bytes() + b"\0"  # another file of the same picture
        catalogue.add_image("new", content, Path(image.file).suffix, Role.FACE)
    build(own_data)
    assert len(asked) == 1
    assert any({"new", image.entry_id} <= one for one in families(own_data))


def test_what_was_found_before_a_kill_is_not_looked_for_again(
    own_data: Path, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = same_drawing.read(own_data / "index", SETTINGS)
    same_drawing.path_of(own_data / "index").unlink()
    monkeypatch.setattr(same_drawing, "_SAVED", 4)

    def killed(done: int, total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(own_data, comparing=killed)
    assert len(same_drawing.read(own_data / "index", SETTINGS).asked) == 8
    asked.clear()
    build(own_data)
    assert len(asked) == len(whole.asked) - 8
    assert same_drawing.read(own_data / "index", SETTINGS) == whole


def test_photos_that_are_gone_are_no_kin(own_data: Path, asked: list[int]) -> None:
    (one, _), *_ = same_drawing.read(own_data / "index", SETTINGS).pairs
    with Catalogue.open(own_data) as catalogue:
        for image in catalogue.images(Role.FACE):
            if image.sha256 == one:
                catalogue.remove_image(image.image_id)
    build(own_data)
    left = same_drawing.read(own_data / "index", SETTINGS)
    assert one not in left.asked
    assert all(one not in pair for pair in left.pairs)
    assert asked == []


def test_a_damaged_list_of_kin_is_told_and_made_anew(own_data: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = same_drawing.path_of(own_data / "index")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with Recognizer.open(own_data) as recognizer:
        named = {entry.entry_id: entry.family for entry in recognizer.catalogue.entries()}
        assert recognizer.families == named
    assert "run `znachki index`" in caplog.text
    build(own_data)
    assert path.read_bytes() == whole


def test_photos_of_other_features_are_no_kin(own_data: Path) -> None:
    assert same_drawing.read(own_data / "index", "another way") == Kin()


def entry(entry_id: str, family: str = "") -> tuple[str, CatalogueEntry]:
    return f"photo of {entry_id}", CatalogueEntry(entry_id, "", entry_id, "", family=family)


def pairs(*names: str) -> Kin:
    return Kin(pairs={(f"photo of {name[0]}", f"photo of {name[1]}"): 0.5 for name in names})


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({}, [{"a", "b", "c"}]),
        ({"b": "star"}, [{"a", "b", "c"}]),
        ({"b": "star", "d": "star"}, [{"a", "b", "c", "d"}]),
        ({"a": "star", "c": "moon"}, [{"a"}, {"c"}]),  # the photos have no say
    ],
)
def test_kin_of_kin_are_one_family_unless_the_curator_parts_them(
    named: dict[str, str], expected: list[set[str]]
) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for entry_id, name in same_drawing.families(
        pairs("ab", "bc"), [entry(one, named.get(one, "")) for one in "abcd"]
    ).items():
        if name:
            found[name].add(entry_id)
    assert sorted(found.values(), key=min) == expected


def test_entries_that_share_a_photo_are_kin() -> None:
    assert same_drawing.groups(Kin(), [("one", "a"), ("one", "b"), ("two", "c")]) == [(["a", "b"], 1.0)]


def test_a_group_is_as_alike_as_its_weakest_tie() -> None:
    known = Kin(pairs={("1", "2"): 0.9, ("2", "3"): 0.5, ("1", "3"): 0.4})
    assert same_drawing.groups(known, [("1", "a"), ("2", "b"), ("3", "c")]) == [(["a", "b", "c"], 0.5)]


def test_a_pin_is_told_with_kin_that_its_photo_does_not_show() -> None:
    twin, other = entry("twin")[1], entry("other")[1]
    hits = [Hit(1, inliers=40, appearance=0.45, overlap=0.9), Hit(2, inliers=40, appearance=0.35, overlap=0.9)]
    model = replace(verdict.ranking(), match=(2.0, 2.0), family=0.0)
    alone = verdict.decide(Box(0, 0, 9, 9), hits, {1: twin, 2: other}, model, 5)
    told = verdict.decide(Box(0, 0, 9, 9), hits, {1: twin, 2: other}, model, 5, {"twin": "kin", "other": "kin"})
    assert alone.members == ()  # one entry alone is no family
    assert (told.verdict, set(told.members)) == (Verdict.FAMILY, {"twin", "other"})
