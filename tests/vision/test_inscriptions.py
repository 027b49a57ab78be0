"""What is read on a pin speaks for the entry that has such words and years, and is bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from recognizer.types import Box, CatalogueEntry, Crop
from recognizer.vision.comparing import inscriptions

EARLY = CatalogueEntry("1", inscriptions=("МОСКВА", "1975"))
LATE = CatalogueEntry("2", inscriptions=("МОСКВА", "1980"))
OTHER = CatalogueEntry("3", inscriptions=("ЛЕНИНГРАД",), year_from=1980)


def test_a_year_that_was_read_speaks_for_its_entry_and_against_the_other() -> None:
    found = inscriptions.log_odds(["МОСКВА", "1980"], [EARLY, LATE])
    assert found["2"] > 0 > found["1"]
    assert found["2"] == pytest.approx(-found["1"])


def test_a_word_that_was_misread_in_a_letter_still_counts() -> None:
    found = inscriptions.log_odds(["ЛЕНИНГPAД"[:4] + "НГРАД"], [EARLY, OTHER])
    assert found["3"] > found["1"]


def test_what_no_entry_has_says_nothing() -> None:
    assert inscriptions.log_odds(["ABCD", "1917"], [EARLY, LATE]) == {"1": 0.0, "2": 0.0}
    assert inscriptions.log_odds([], [EARLY, LATE]) == {"1": 0.0, "2": 0.0}


def test_what_is_read_is_bounded() -> None:
    wordy = CatalogueEntry("4", inscriptions=("один два три четыре пять шесть семь восемь",))
    found = inscriptions.log_odds(["один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь"], [wordy, OTHER])
    assert found["4"] == inscriptions.STRONGEST


def test_reading_is_of_use_only_where_inscriptions_differ() -> None:
    assert inscriptions.tells([EARLY, LATE])
    assert not inscriptions.tells([EARLY, CatalogueEntry("5", inscriptions=("Москва 1975",))])


def test_nothing_is_read_where_the_reader_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inscriptions, "installed", lambda: ())
    crop = Crop(np.zeros((50, 50, 3), np.uint8), Box(0, 0, 50, 50))
    assert inscriptions.read(crop) == ()


@pytest.mark.skipif(not inscriptions.installed(), reason="Tesseract is not installed")
def test_a_year_is_read_on_a_plain_pin() -> None:
    page = Image.new("RGB", (300, 300), (170, 30, 30))
    draw = ImageDraw.Draw(page)
    draw.ellipse((10, 10, 290, 290), fill=(190, 40, 40), outline=(220, 190, 90), width=8)
    draw.text((150, 150), "1980", fill=(235, 205, 110), font=ImageFont.load_default(80), anchor="mm")
    crop = Crop(np.asarray(page), Box(0, 0, 300, 300))
    assert "1980" in " ".join(inscriptions.read(crop))
    turned = Crop(np.ascontiguousarray(np.rot90(page)), Box(0, 0, 300, 300))  # to the left, so that y points back
    pose = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 300.0], [0.0, 0.0, 1.0]])
    assert "1980" in " ".join(inscriptions.read(turned, pose))


def test_a_reader_that_fails_reads_nothing_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(inscriptions, "installed", lambda: ("rus",))
    monkeypatch.setattr(inscriptions, "_PROGRAM", "false")
    assert inscriptions.read(Crop(np.zeros((50, 50, 3), np.uint8), Box(0, 0, 50, 50))) == ()
    assert "nothing is read" in caplog.text


def test_words_of_a_readers_table_count_where_it_is_sure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reader = tmp_path / "reader"
    reader.write_text(
        "#!/bin/sh\ncat > /dev/null\nprintf 'conf\\ttext\\n-1\\t\\n96.1\\tМОСКВА\\n12\\tшум\\n90\\t\"1980\\n'\n",
        "utf-8",
    )
    reader.chmod(0o755)
    monkeypatch.setattr(inscriptions, "installed", lambda: ("rus",))
    monkeypatch.setattr(inscriptions, "_PROGRAM", str(reader))
    assert inscriptions.read(Crop(np.zeros((50, 50, 3), np.uint8), Box(0, 0, 50, 50))) == ("МОСКВА", '"1980')
