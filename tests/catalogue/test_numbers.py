"""A number is found however it is written, and what several pins have under one number is told."""

import numpy as np
import pytest

from recognizer.catalogue.numbers import (
    Collision,
    collisions_of,
    is_well_formed,
    number_key,
    numbers_under,
    parse_number,
    system_of,
)
from recognizer.reports.answers import CSV_COLUMNS, Answer, answer_json, answer_lines, answer_rows
from recognizer.types import Box, CatalogueEntry, Hit, Match, Photo, Recognition, Verdict


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(
            ("8-12", "8/12"),
            ("8-12", "т. 8 № 12"),
            ("8-12", "Том 8, №012"),
            ("8-12", "vol. 8 No. 12"),
            ("8-12", "8  12"),
        ),
        *(("12а", "12 a"), ("12А", "12a"), ("008", "8"), ("КП-1234/5", "kп 1234-5"), ("№ 7", "7"), ("#7", "no7")),
        *(("５-１", "5-1"), ("0", "000")),
    ],
)
def test_writings_of_one_number_have_one_key(one: str, other: str) -> None:
    assert number_key(one) == number_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("8-12", "81-2"), ("12а", "12б"), ("8-12", "12-8"), ("1", "10"), ("Т-12", "12"), ("—", "-")]
)
def test_other_numbers_have_other_keys(one: str, other: str) -> None:
    assert number_key(one) != number_key(other)


def test_systems_are_known_by_their_names_in_both_languages() -> None:
    assert [system_of(name) for name in ("Аверс", "AVERS ", "Ильинский", "Конрос", "Госкаталог", "faberge")] == [
        *("avers", "avers", "ilyinskii", "konros", "goskatalog", "faberge"),
    ]


def test_a_number_is_parted_into_system_and_number() -> None:
    assert parse_number("avers:8-12") == ("avers", "8-12")
    assert parse_number("Аверс т. 8 № 12") == ("avers", "т. 8 № 12")
    assert parse_number("Конрос: 5/1") == ("konros", "5/1")
    assert parse_number("8-12") == ("", "8-12")
    assert parse_number("крейсер Аврора") == ("", "крейсер Аврора")
    assert parse_number("avers:") == ("", "avers:")


def test_numbers_are_held_against_the_form_of_their_system() -> None:
    good = [
        ("avers", "8-12"),
        ("avers", "т. 8 № 12а"),
        ("konros", "5/1"),
        ("ilyinskii", "99а"),
        ("goskatalog", "1234567"),
    ]
    bad = [("avers", "12"), ("konros", "5"), ("goskatalog", "КП-1"), ("colnect", "x"), ("ilyinskii", "а")]
    assert all(is_well_formed(*one) for one in [*good, ("own", "jar 3"), ("anything", "?")])
    assert not any(is_well_formed(*one) for one in bad)


def test_the_numbers_of_an_entry_are_given_by_system() -> None:
    entry = CatalogueEntry("1", identifiers=(("avers", "8-12"), ("konros", "5/1"), ("avers", "9-1")))
    assert numbers_under(entry, ["Аверс", "ilyinskii", ""]) == {"avers": "8-12; 9-1", "ilyinskii": ""}


def test_collisions_are_numbers_of_several_entries() -> None:
    numbers = [("avers", "8-1", "8-1", "a"), ("avers", "8-1", "8/1", "b"), ("avers", "8-1", "8-1", "a")]
    others = [("konros", "8-1", "8-1", "c"), ("own", "1", "1", "a")]
    assert collisions_of([*numbers, *others]) == [Collision("avers", "8-1", ("a", "b"))]


def test_answers_tell_the_numbers_that_are_asked_for() -> None:
    entry = CatalogueEntry("7", number="7", title="Маяк", identifiers=(("avers", "8-12"), ("avers", "9-1")))
    box = Box(0, 0, 9, 9)
    found = (Recognition(box, (Match(entry, 1, 0.5, Hit(1)),), Verdict.MATCH), Recognition(box, (), Verdict.UNKNOWN))
    answer = Answer(Photo(np.zeros((9, 9, 3), np.uint8), "0" * 64, "a.jpg"), found)
    systems = ("avers", "ilyinskii")
    assert answer_lines(answer, systems).splitlines()[1] == "   50%  7  avers 8-12; 9-1  ilyinskii -  Маяк"
    assert answer_json(answer, systems)["recognitions"][0]["matches"][0]["numbers"] == {
        "avers": "8-12; 9-1",
        "ilyinskii": "",
    }
    first, last = answer_rows(answer, systems)
    assert (first["avers"], first["ilyinskii"]) == ("8-12; 9-1", "")
    assert first.keys() <= {*CSV_COLUMNS, *systems}
    assert "avers" not in last
    assert "numbers" not in answer_json(answer)["recognitions"][0]["matches"][0]
    assert answer_rows(answer)[0].keys() <= set(CSV_COLUMNS)
