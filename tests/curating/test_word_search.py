"""Words find entries by their texts, by what their titles mean in other languages, and by their pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from recognizer.catalogue.store import Catalogue
from recognizer.curating.word_search import Found, search
from recognizer.search import embedder
from recognizer.search.index import Index


def found(data: Path, words: str, limit: int = 20) -> list[Found]:
    with Catalogue.open(data) as catalogue:
        return search(catalogue, words, index=Index.open(data / "index"), model=embedder.load(), limit=limit)


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("grib", "Гриб"),
        ("сонце", "Солнце"),
        ("päike", "Солнце"),
        ("მზე", "Солнце"),
        ("күн", "Солнце"),
        ("star", "Звезда"),
        ("ვარსკვლავი", "Звезда"),
        ("zvezda", "Звезда"),
        ("raamat", "Книга"),
        ("звёздами", "Звезда"),
        ("coat of arms", "Герб"),
    ],
)
def test_a_word_of_another_language_finds_the_title_that_says_the_same(data: Path, words: str, title: str) -> None:
    first = found(data, words)[0]
    assert first.entry.title.startswith(title)
    assert first.by_meaning


def test_the_entry_of_exactly_the_title_is_first(data: Path) -> None:
    with Catalogue.open(data) as catalogue:
        titles = {entry.title for entry in catalogue.entries()}
    for title in sorted(titles):
        assert found(data, title)[0].entry.title == title


def test_entries_that_have_the_words_come_before_those_that_only_look_like_them(data: Path) -> None:
    ranked = found(data, "звезда")
    by_text = [bool(one.by_text) for one in ranked]
    assert by_text == sorted(by_text, reverse=True)
    assert any(by_text)
    assert any(one.by_picture and not one.by_text for one in ranked)


def test_no_title_says_what_is_no_word(data: Path) -> None:
    assert not any(one.by_meaning or one.by_text for one in found(data, "xyzzy qwfpgj"))


def test_without_an_index_the_texts_alone_are_searched(data: Path) -> None:
    with Catalogue.open(data) as catalogue:
        assert all(one.by_text and not one.by_picture for one in search(catalogue, "звезда"))
        assert search(catalogue, "rakett") == []
