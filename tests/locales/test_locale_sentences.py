"""What is wrong with rows is told in the language of the page: every sentence of the importers has its Russian."""

from __future__ import annotations

from pathlib import Path

import pytest

from recognizer.catalogue.imports import import_csv
from recognizer.catalogue.store import Catalogue
from recognizer.errors import RowsWrong
from recognizer.locales.sentences import happened
from recognizer.locales.sentences import told as row_error
from recognizer.types import CatalogueEntry
from training.promote import against

HEADER = "entry_id;title;image;role;years;status;merged_into;identifiers;country"
ROWS = [
    ";Без номера;;;;;;;",
    "2;Нет снимка;нет; ;;;;;",
    "3;Адрес;https:// ;;;;;;",
    "4;Управление\x07;;;;;;;",
    "5;лишняя;;;;;;;;ячейка",
    "6;роль;a.jpg;лицо;;;;;",
    "7;годы;;;1965-1961;;;;",
    "8;номер;;;;;;без двоеточия;",
    "9;слит;;;;merged;нет такой;;",
    "10;слит;;;;active;9;;",
    "11;слит;;;;merged;;;",
    "12;круг;;;;merged;13;;",
    "13;круг;;;;merged;12;;",
    "14;раз;;;;;;;СССР",
    "14;раз;;;;;;;Польша",
    "15;пустой;empty.jpg;;;;;;",
    "16;текст;text.jpg;;;;;;",
    "17;два сразу;;;1970-1960;нет;;;",
]


@pytest.fixture
def errors(tmp_path: Path) -> list[tuple[str, str]]:
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "a.jpg").write_text("no picture")
    (tmp_path / "t.csv").write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    with Catalogue.open(tmp_path / "data", create=True) as catalogue, pytest.raises(RowsWrong) as wrong:
        import_csv(catalogue, tmp_path / "t.csv")
    return list(wrong.value.rows)


def test_every_fault_of_a_table_is_told_in_russian(errors: list[tuple[str, str]]) -> None:
    assert len(errors) >= len(ROWS) - 1
    told = {place: (what, row_error(what, "ru")) for place, what in errors}
    assert [pair for pair in told.values() if pair[0] == pair[1]] == []
    assert told["line 2"][1] == "нет номера записи; укажите его"
    assert "годы '1965-1961' идут назад" in told["line 8"][1]
    assert "идут назад" in told["line 19"][1]
    assert "можно только active" in told["line 19"][1]
    assert {what: row_error(what, "en") for _, what in errors} == {what: what for _, what in errors}


def test_what_has_no_sentence_is_told_as_it_came() -> None:
    assert row_error("something else; and more", "ru") == "something else; and more"


@pytest.mark.parametrize(
    ("english", "russian"),
    [
        ("no entry 'Z-9' in the catalogue; look it up with `znachki show --search WORDS`", "нет записи 'Z-9'"),
        (
            "no entry 'Z-9' in the catalogue; written alike: Z-8, Z-7; look it up with `znachki show --search WORDS`",
            "Z-7",
        ),
        ("title is 'Ель' by now, changed by somebody else; load the page anew", "изменил на 'Ель'"),
        ("31 pins on one photo; send it as a lot", "значков: 31; отправьте"),
        ("a.txt: not a picture that can be read, or cut short; give a JPEG file", "a.txt"),
    ],
)
def test_what_pages_could_not_do_is_told_in_russian(english: str, russian: str) -> None:
    assert russian in row_error(english, "ru")
    assert row_error(english, "ru") != english
    assert row_error(english, "en") == english


def test_what_an_import_notes_is_told_in_russian(tmp_path: Path) -> None:
    text = "номер,название,лишний\n1,Ракета,x\n2,?ехия,y\n"
    (tmp_path / "t.csv").write_bytes(text.encode("cp1251"))
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        notes = import_csv(catalogue, tmp_path / "t.csv").notes
    assert len(notes) >= 3
    assert [note for note in notes if row_error(note, "ru") == note] == []
    assert [row_error(note, "en") for note in notes] == list(notes)


def test_what_changed_an_entry_is_told_in_russian_with_who_and_what_was_taken_back(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("entry_id,title\n1,Rocket\n", encoding="utf-8")
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        import_csv(catalogue, tmp_path / "t.csv")
        with catalogue.transaction("Robert: update 1"):
            catalogue.upsert([CatalogueEntry("1", title="Space rocket")])
        catalogue.undo(catalogue.history("1", 5)[0].change_id)
        whats = [change.what for change in catalogue.history("1", 5)]
    told = [happened(what, "ru") for what in whats]
    assert told[-1] == "загружено: t.csv"
    assert told[-2] == "Robert: изменена запись 1"
    assert told[-3].startswith("отмена изменения ")
    assert told[-3].endswith(": Robert: изменена запись 1")
    assert [happened(what, "en") for what in whats] == whats
    assert happened("Robert: something new", "ru") == "Robert: something new"


def test_what_speaks_against_a_model_is_told_in_russian() -> None:
    now, then = {"recall_at_1": 0.8, "mrr": 0.9, "queries": 99}, {"recall_at_1": 0.9, "mrr": 0.9, "queries": 99}
    level = then | {"mrr": 0.99}
    reasons = [
        *against({"all": now, "Космос": now}, {"all": then, "Космос": then}, "current"),
        *against({"all": now}, {"all": then}, "base"),
        *against({"all": then}, {"all": level}, "current"),
        *against({"all": then}, {"all": level}, "base"),
    ]
    assert len(reasons) == 5
    assert [reason for reason in reasons if row_error(reason, "ru") == reason] == []


def test_what_a_model_was_made_from_and_asked_about_is_told_in_russian() -> None:
    assert row_error("35 entries of a catalogue, 5 held out", "ru") == "записей каталога: 35, отложено: 5"
    assert row_error("theme Космос", "ru") == "тема «Космос»"
    assert row_error("theme Космос: recall at 1 is 0.900, the current's 0.950", "ru").startswith("тема «Космос»: ")
    assert "0,95" in row_error("recall at 1 is 0.900, the current's 0.950", "ru")
    assert row_error("drawn photo", "en") == "drawn photo"
