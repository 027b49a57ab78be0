"""What to look at by eye: what the catalogue says differently, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from recognizer.decision.checks import checks, in_words
from recognizer.locales.words import said
from recognizer.types import CatalogueEntry

GOLD = CatalogueEntry("1", "101", material="brass, gilt", year_from=1975, size_mm="25 x 18")
CHROME = CatalogueEntry("2", "102", material="brass, chrome", year_from=1975, size_mm="25 x 18")


def test_what_the_catalogue_says_differently_comes_with_its_values() -> None:
    assert checks([GOLD, CHROME]) == ("plating: № 101 brass, gilt; № 102 brass, chrome",)


def test_an_entry_of_which_nothing_is_said_is_told_apart_too() -> None:
    (check,) = checks([GOLD, CatalogueEntry("3", material="brass, gilt", size_mm="25 x 18")])
    assert check == "year: № 101 1975; № 3 –"


def test_titles_are_compared_where_nothing_else_differs() -> None:
    early, late = (CatalogueEntry(number, title=f"Маяк ({year} г.)") for number, year in (("1", 1987), ("2", 1988)))
    assert checks([early, late]) == ("title: № 1 Маяк (1987 г.); № 2 Маяк (1988 г.)",)
    assert checks([early, replace(late, maker="ЛМД")]) == ("maker: № 1 –; № 2 ЛМД",)


def test_nothing_is_to_be_looked_at_where_the_catalogue_says_the_same() -> None:
    for entries in ([], [GOLD], [GOLD, GOLD]):
        assert checks(entries) == ()
    assert in_words([]) == []


def test_checks_are_said_in_english_and_russian() -> None:
    ((name, values),) = in_words(checks([GOLD, CHROME]))
    assert values.startswith("№ 101")
    assert said(name, "en") == "plating and material"
    assert said(name, "ru") == "покрытие и материал"
