"""A photo of the back chooses between the entries that the face left open, and brings none in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from recognizer.catalogue.store import Catalogue
from recognizer.decision import further_photos
from recognizer.drawn import sample
from recognizer.identify import Recognizer
from recognizer.types import Box, Hit, Match, Photo, Recognition, Role, Verdict
from recognizer.vision.photos import check_photo, encode_jpeg


@pytest.fixture
def asked(own_data: Path) -> tuple[Path, list[str]]:
    """A data folder in which two entries have photos of their backs, and the entry_ids of these."""
    with Catalogue.open(own_data) as catalogue:
        ids = [entry.entry_id for entry in catalogue.entries()][:3]
        for at, entry_id in enumerate(ids[:2]):
            data = encode_jpeg(sample.reverse_view(at))
            catalogue.add_image(entry_id, data, check_photo(data, "back"), Role.REVERSE, licence="", source="")
    return own_data, ids


def left_open(catalogue: Catalogue, ids: list[str], probabilities: tuple[float, ...]) -> Recognition:
    entries = [catalogue.entry(entry_id) for entry_id in ids]
    matches = tuple(Match(entry, 1, p, Hit(1, inliers=40)) for entry, p in zip(entries, probabilities, strict=True))
    return Recognition(Box(0, 0, 9, 9), matches, Verdict.FAMILY, members=tuple(ids[:2]))


def back(at: int) -> tuple[Photo, Role]:
    return Photo(sample.reverse_view(at), "", "back"), Role.REVERSE


def fused(recognizer: Recognizer, answer: Recognition, others: list[tuple[Photo, Role]]) -> Recognition:
    return further_photos.fused(answer, others, recognizer.catalogue, recognizer.model, recognizer.ranking)


@pytest.mark.parametrize("at", [0, 1])
def test_the_back_decides_between_variants_of_one_face(asked: tuple[Path, list[str]], at: int) -> None:
    folder, ids = asked
    with Recognizer.open(folder) as recognizer:
        before = left_open(recognizer.catalogue, ids, (0.45, 0.44, 0.02))
        found = fused(recognizer, before, [back(at)])
    assert found.matches[0].entry.entry_id == ids[at]
    assert found.matches[0].probability > 0.45 + 0.1
    assert {match.entry.entry_id for match in found.matches} == set(ids)
    assert sum(match.probability for match in found.matches) <= 1 + 1e-9


def test_entries_without_a_back_and_other_roles_change_nothing(asked: tuple[Path, list[str]]) -> None:
    folder, ids = asked
    with Recognizer.open(folder) as recognizer:
        before = left_open(recognizer.catalogue, ids[1:], (0.5, 0.4))
        assert fused(recognizer, before, [back(1)]).matches == before.matches  # one entry alone has a back
        three = left_open(recognizer.catalogue, ids, (0.45, 0.44, 0.02))
        face = (replace(back(0)[0]), Role.FACE)
        clasp = (back(0)[0], Role.CLASP)
        assert fused(recognizer, three, [face, clasp]).matches == three.matches


def test_a_back_does_not_outvote_a_clear_face(asked: tuple[Path, list[str]]) -> None:
    folder, ids = asked
    with Recognizer.open(folder) as recognizer:
        before = replace(left_open(recognizer.catalogue, ids, (0.999, 0.0005, 0.0001)), verdict=Verdict.MATCH)
        found = fused(recognizer, before, [back(1)])
    assert found.matches[0].entry.entry_id == ids[0]
