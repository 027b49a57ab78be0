"""Tables as collectors have them: saved by Excel in Russian, with other headers, titles above, pictures in cells."""

import io
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from drawing import draw
from openpyxl.drawing.image import Image as SheetImage

from recognizer.catalogue.imports import import_csv, import_source
from recognizer.catalogue.imports.encodings import encoding_of
from recognizer.catalogue.store import Catalogue
from recognizer.errors import CatalogueError

RUSSIAN = "entry_id;title;maker\n1;Ёлка и звезда;ММД\n2;Крейсер «Аврора»;Ленэмальер\n3;№ 5, ЛЕНИНГРАД;Победа\n"


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "data", create=True) as opened:
        yield opened


def written(folder: Path, data: bytes, name: str = "t.csv") -> Path:
    (folder / name).write_bytes(data)
    return folder / name


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "cp866", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_russian_table_is_read_in_the_encoding_that_it_has(
    catalogue: Catalogue, tmp_path: Path, encoding: str
) -> None:
    path = written(tmp_path, RUSSIAN.replace("«", '""').replace("»", '""').replace("№ ", "").encode(encoding))
    report = import_csv(catalogue, path)
    assert [entry.title for entry in catalogue.entries()][::2] == ["Ёлка и звезда", "5, ЛЕНИНГРАД"]
    assert any(f"read as {encoding}" in note for note in report.notes)


def test_excels_unicode_text_of_tabs_is_read(catalogue: Catalogue, tmp_path: Path) -> None:
    import_csv(catalogue, written(tmp_path, RUSSIAN.replace(";", "\t").encode("utf-16"), "t.txt"))
    assert catalogue.entry("2").title == "Крейсер «Аврора»"


def test_a_western_table_is_not_taken_for_a_russian_one(tmp_path: Path) -> None:
    text = "entry_id,title\n1,Größe und Länge\n2,Tõrva\n3,Fußball\n"
    assert encoding_of(written(tmp_path, text.encode("cp1252"))) == "cp1252"


def test_a_table_that_fits_two_encodings_shows_lines_of_each(catalogue: Catalogue, tmp_path: Path) -> None:
    path = written(tmp_path, b"entry_id,title\n1,\xe0\n2,\xe1\n3,\xe2\n4,\xe3\n")
    with pytest.raises(CatalogueError, match="two encodings fit; say which") as caught:
        import_csv(catalogue, path)
    shown = str(caught.value).splitlines()[1:]
    assert len(shown) == 6
    names = {line.split()[1].rstrip(":") for line in shown}
    assert len(names) == 2
    import_source(catalogue, path, encoding="cp1251")
    assert [entry.title for entry in catalogue.entries()] == ["а", "б", "в", "г"]


def test_the_first_line_by_which_excel_is_told_the_separator_is_no_header(catalogue: Catalogue, tmp_path: Path) -> None:
    import_csv(catalogue, written(tmp_path, b"sep=;\r\nentry_id;title;years\r\n1;x, y;1961\r\n"))
    assert catalogue.entry("1").title == "x, y"
    with pytest.raises(CatalogueError, match=r"line 3: years"):
        import_csv(catalogue, written(tmp_path, b"sep=;\r\nentry_id;title;years\r\n1;x, y;1965-1961\r\n"))


@pytest.mark.parametrize(
    "header",
    [
        "Номер;Название;Год;Тема;Серия;Завод;Материал;Размер",
        "Number;Name;Year;Topic;Series;Maker;Material;Size",
        "Номер;Назва;Рік;Тема;Серія;Виробник;Матеріал;Розмір",
        "Nummer;Bezeichnung;Jahr;Thema;Serie;Hersteller;Material;Größe",
    ],
)
def test_a_header_of_other_names_is_taken_where_they_leave_no_doubt(
    catalogue: Catalogue, tmp_path: Path, header: str
) -> None:
    rows = "7;Ракета;1961;Космос;Корабли;ММД;латунь;25 x 18 мм"
    report = import_csv(catalogue, written(tmp_path, f"{header}\n{rows}\n".encode()))
    entry = catalogue.entry("7")
    assert (entry.title, entry.year_from, entry.theme) == ("Ракета", 1961, ("Космос",))
    assert (entry.series, entry.maker, entry.material, entry.size_mm[:2]) == ("Корабли", "ММД", "латунь", "25")
    assert f"'{header.split(';')[0]}' as entry_id" in " ".join(report.notes)


def test_a_header_that_leaves_a_doubt_is_answered_with_the_whole_command(catalogue: Catalogue, tmp_path: Path) -> None:
    path = written(tmp_path, b"a,b\n1,x\n2,y\n")
    with pytest.raises(CatalogueError, match=r"no column entry_id; the header reads: a, b;") as caught:
        import_csv(catalogue, path)
    assert f"`znachki import {path} --guess > map.toml`" in str(caught.value)
    assert f"`znachki import {path} --map map.toml`" in str(caught.value)


def workbook(folder: Path) -> Path:
    """A sheet with a title row, merged cells, a date, pictures in cells, and a second sheet."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Значки"
    sheet.append(["Мои значки, 2024"])
    sheet.merge_cells("A1:D1")
    sheet.append(["Номер", "Название", "Тема", "Год"])
    sheet.append([1, "Ракета", "Космос", 1961])
    sheet.append([2, "Спутник", None, 1957.0])
    sheet.merge_cells("C3:C4")
    draw(folder / "drawn.jpg", 5)
    for cell in ("E3", "E4"):
        picture = SheetImage(io.BytesIO((folder / "drawn.jpg").read_bytes()))
        sheet.add_image(picture, cell)
    book.create_sheet("Цены").append(["что", "почём"])
    book.save(folder / "book.xlsx")
    return folder / "book.xlsx"


def test_a_sheet_with_a_title_merged_cells_and_pictures_is_read(catalogue: Catalogue, tmp_path: Path) -> None:
    report = import_source(catalogue, workbook(tmp_path))
    entries = catalogue.entries()
    assert [(e.entry_id, e.title, e.theme, e.year_from) for e in entries] == [
        ("1", "Ракета", ("Космос",), 1961),
        ("2", "Спутник", ("Космос",), 1957),
    ]
    assert [image.entry_id for image in catalogue.images()] == ["1", "2"]
    assert any("sheet 'Значки' was read; not 'Цены'" in note for note in report.notes)
    assert import_source(catalogue, workbook(tmp_path)).entries_same == 2
