"""Families are proposed from what photos show, accepted by name, and never against a name that a curator gave."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from recognizer.catalogue.store import Catalogue
from recognizer.curating import families
from recognizer.errors import CatalogueError, EntryNotFound
from recognizer.search.index import Index
from recognizer.types import CatalogueEntry


def twins(entries: list[CatalogueEntry]) -> dict[str, set[str]]:
    """The drawn near twins: family to entry_ids."""
    found: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        if entry.family:
            found[entry.family].add(entry.entry_id)
    return {name: ids for name, ids in found.items() if len(ids) > 1}


@pytest.mark.slow
def test_drawn_twins_are_proposed_and_little_else(own_data: Path) -> None:
    with Catalogue.open(own_data) as catalogue:
        drawn = twins(catalogue.entries())
        catalogue.upsert([replace(entry, family="") for entry in catalogue.entries()])
        found = families.propose(catalogue, Index.open(own_data / "index"))
    pairs = {frozenset((a, b)) for ids in drawn.values() for a in ids for b in ids if a != b}
    proposed = {frozenset((a, b)) for one in found for a in one.entry_ids for b in one.entry_ids if a != b}
    assert len(drawn) >= 3
    assert len(pairs & proposed) >= 0.6 * len(pairs)
    assert len(pairs & proposed) >= 0.8 * len(proposed)
    assert [one.alike for one in found] == sorted((one.alike for one in found), reverse=True)


@pytest.mark.slow
def test_what_has_one_name_already_is_not_proposed_again(own_data: Path) -> None:
    with Catalogue.open(own_data) as catalogue:
        index = Index.open(own_data / "index")
        for family in families.propose(catalogue, index):
            families.accept(catalogue, family.entry_ids)
        assert families.propose(catalogue, index) == []


def test_a_family_gets_the_name_that_is_there_or_the_first_number(own_data: Path) -> None:
    with Catalogue.open(own_data) as catalogue:
        first, second, third = [entry for entry in catalogue.entries() if not entry.family][:3]
        made = families.accept(catalogue, [first.entry_id, second.entry_id])
        assert {entry.family for entry in made} == {first.number}
        made = families.accept(catalogue, [third.entry_id, second.entry_id])
        assert {entry.family for entry in made} == {first.number}
        change = catalogue.history(limit=1)[0]
        catalogue.undo(change.change_id)
        assert catalogue.entry(third.entry_id).family == ""


def test_families_of_two_names_need_a_third(own_data: Path) -> None:
    with Catalogue.open(own_data) as catalogue:
        one, other = catalogue.entries()[:2]
        catalogue.upsert([replace(one, family="star"), replace(other, family="moon")])
        with pytest.raises(CatalogueError, match="moon, star: give the name"):
            families.accept(catalogue, [one.entry_id, other.entry_id])
        made = families.accept(catalogue, [one.entry_id, other.entry_id], "sky")
        assert {entry.family for entry in made} == {"sky"}


def test_what_makes_no_family_is_refused(own_data: Path) -> None:
    with Catalogue.open(own_data) as catalogue:
        one = catalogue.entries()[0]
        with pytest.raises(EntryNotFound, match="'nothing'"):
            families.accept(catalogue, [one.entry_id, "nothing"])
        with pytest.raises(CatalogueError, match="two members"):
            families.accept(catalogue, [one.entry_id, one.entry_id])
