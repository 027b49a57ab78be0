"""Counts, numbers, dates and times in the forms that each language has."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from recognizer.locales.words import counted, day, day_and_time, number, price, said, time_left


def test_counts_take_the_form_that_their_number_asks_for() -> None:
    assert [counted(n, "pin", "en") for n in (0, 1, 2, 1200)] == ["0 pins", "1 pin", "2 pins", "1,200 pins"]
    said = {n: counted(n, "pin", "ru").split()[-1] for n in (0, 1, 2, 4, 5, 11, 12, 14, 21, 22, 25, 101, 111, 112)}
    assert {n for n, form in said.items() if form == "значок"} == {1, 21, 101}
    assert {n for n, form in said.items() if form == "значка"} == {2, 4, 22}
    assert counted(1200, "pin", "ru") == "1\u00a0200 значков"


def test_times_numbers_and_days_are_written_as_the_language_does(here_is_utc: None) -> None:
    assert [time_left(s, "ru") for s in (None, 3, 61, 7200)] == ["", "5 секунд", "1 минута", "2 часа"]
    assert [time_left(s, "en") for s in (3, 61, 7200)] == ["5 seconds", "1 minute", "2 hours"]
    assert [number(1234567.5, language) for language in ("en", "ru")] == ["1,234,567.5", "1\u00a0234\u00a0567,5"]
    assert price(1234.5, "EUR", "ru") == "1\u00a0234,50 EUR"
    assert [price(7, "", "en"), price(None, "EUR", "en")] == ["7.00", ""]
    assert day("2026-12-01T10:30:00Z", "ru") == "1 дек. 2026\u202fг."
    assert day("2026-12-01T10:30:00Z", "en") == "Dec 1, 2026"
    assert day_and_time("2026-12-01T10:30:00Z", "ru").endswith("10:30")
    assert day("some day", "ru") == "some day"


def test_values_stand_where_the_text_wants_them() -> None:
    text = "about %(pins)s pins in a heap: lay them apart and take the picture again"
    assert said(text, "ru", pins=7).startswith("примерно 7 значков")
    assert said("100 % wool", "ru") == "100 % wool"  # no text of ours, and nothing to put in
    assert said("", "ru") == ""


def test_to_identify_loads_no_babel() -> None:
    code = "import sys, recognizer.identify, recognizer.reports.answers; print('babel' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


@pytest.fixture
def here_is_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
