"""What to look at by eye: what the catalogue says differently, else where variants differ."""

from __future__ import annotations

from recognizer.decision.checks import WORDS, checks, in_words
from recognizer.types import CatalogueEntry

GOLD = CatalogueEntry("1", "101", material="brass, gilt", year_from=1975, size_mm="25 x 18")
CHROME = CatalogueEntry("2", "102", material="brass, chrome", year_from=1975, size_mm="25 x 18")


def test_what_the_catalogue_says_differently_comes_with_its_values() -> None:
    assert checks([GOLD, CHROME]) == ("plating: № 101 brass, gilt; № 102 brass, chrome",)


def test_an_entry_of_which_nothing_is_said_is_told_apart_too() -> None:
    (check,) = checks([GOLD, CatalogueEntry("3", material="brass, gilt", size_mm="25 x 18")])
    assert check == "year: № 101 1975; № 3 –"


def test_where_the_catalogue_says_the_same_the_usual_places_are_named() -> None:
    for entries in ([GOLD], [GOLD, GOLD]):
        found = checks(entries)
        assert {"plating", "hallmark", "clasp"} <= set(found)
        assert all(check in WORDS for check in found)


def test_checks_are_said_in_english_and_russian() -> None:
    ((english, russian),) = in_words(checks([GOLD, CHROME]))
    assert english.startswith("plating and material: № 101")
    assert russian.startswith("покрытие и материал: № 101")


def test_places_that_are_only_named_stand_on_one_line() -> None:
    assert in_words(["clasp", "size"]) == [("clasp, size, mm", "крепление, размер, мм")]
    assert len(in_words(["year: № 1 1975; № 2 1980", "clasp", "size"])) == 2
    assert in_words([]) == []
