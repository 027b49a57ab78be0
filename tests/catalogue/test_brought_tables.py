"""Tables as collectors have them: saved by Excel in Russian, with other headers, titles above, pictures in cells."""

import datetime
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from drawing import draw
from openpyxl.drawing.image import Image as SheetImage

from recognizer.catalogue.imports import import_csv, import_source
from recognizer.catalogue.imports.cell_pictures import pictures_in_cells
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


def test_letters_that_a_code_page_lost_are_told(catalogue: Catalogue, tmp_path: Path) -> None:
    text = RUSSIAN + "4;?LEN?MME;\n5;Кто там?;\n6;??????;\n"
    report = import_csv(catalogue, written(tmp_path, text.replace("«", "").replace("»", "").encode("cp1251")))
    assert any("2 lines have ? in the place of letters that cp1251 lacks" in note for note in report.notes)
    whole = import_csv(catalogue, written(tmp_path, RUSSIAN.encode("cp1251")))
    assert not any("in the place of letters" in note for note in whole.notes)


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


def with_pictures_in_cells(path: Path, pictures: dict[str, bytes]) -> Path:
    """Put pictures into cells as Excel 365 does by "Place in cell", which openpyxl cannot write."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rich = "http://schemas.microsoft.com/office/spreadsheetml/2017/richdata"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    count = len(pictures)
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    for vm, cell in enumerate(pictures, 1):
        empty = re.compile(rf'<c r="{cell}"[^>]*?(/>|>.*?</c>)')
        assert empty.search(sheet), cell
        sheet = empty.sub(f'<c r="{cell}" t="e" vm="{vm}"><v>#VALUE!</v></c>', sheet)
    numbers = range(count)
    parts |= {
        "xl/worksheets/sheet1.xml": sheet.encode(),
        "xl/metadata.xml": (
            f'<metadata xmlns="{main}" xmlns:xlrd="{rich}"><metadataTypes count="2"><metadataType name="XLDAPR"/>'
            '<metadataType name="XLRICHVALUE" minSupportedVersion="120000"/></metadataTypes>'
            '<futureMetadata name="XLDAPR" count="1"><bk><extLst/></bk></futureMetadata>'
            f'<futureMetadata name="XLRICHVALUE" count="{count}">'
            + "".join(f'<bk><extLst><ext uri="x"><xlrd:rvb i="{at}"/></ext></extLst></bk>' for at in numbers)
            + f'</futureMetadata><valueMetadata count="{count}">'
            + "".join(f'<bk><rc t="2" v="{at}"/></bk>' for at in numbers)
            + "</valueMetadata></metadata>"
        ).encode(),
        "xl/richData/rdrichvaluestructure.xml": (
            f'<rvStructures xmlns="{rich}" count="1"><s t="_localImage"><k n="_rvRel:LocalImageIdentifier" t="i"/>'
            '<k n="CalcOrigin" t="i"/></s></rvStructures>'
        ).encode(),
        "xl/richData/rdrichvalue.xml": (
            f'<rvData xmlns="{rich}" count="{count}">'
            + "".join(f'<rv s="0"><v>{at}</v><v>5</v></rv>' for at in numbers)
            + "</rvData>"
        ).encode(),
        "xl/richData/richValueRel.xml": (
            f'<richValueRels xmlns="{rich}" xmlns:r="{office}">'
            + "".join(f'<rel r:id="rId{at}"/>' for at in numbers)
            + "</richValueRels>"
        ).encode(),
        "xl/richData/_rels/richValueRel.xml.rels": (
            f'<Relationships xmlns="{package}">'
            + "".join(f'<Relationship Id="rId{at}" Type="x" Target="../media/cell{at}.jpg"/>' for at in numbers)
            + "</Relationships>"
        ).encode(),
        **{f"xl/media/cell{at}.jpg": picture for at, picture in enumerate(pictures.values())},
    }
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)
    return path


def in_cells(folder: Path) -> Path:
    """A sheet with two pins whose photos are placed in cells, two of the first and one of the second."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Номер", "Название", "Фото", "Оборот"], [1, "Ракета", "x", "x"], [2, "Спутник", "x", None]):
        sheet.append(row)
    book.save(folder / "cells.xlsx")
    pictures = {}
    for at, cell in enumerate(("C2", "D2", "C3")):
        draw(folder / "drawn.jpg", at)
        pictures[cell] = (folder / "drawn.jpg").read_bytes()
    return with_pictures_in_cells(folder / "cells.xlsx", pictures)


def test_pictures_that_excel_placed_in_cells_are_the_photos_of_their_rows(catalogue: Catalogue, tmp_path: Path) -> None:
    import_source(catalogue, in_cells(tmp_path))
    assert [(entry.entry_id, entry.title) for entry in catalogue.entries()] == [("1", "Ракета"), ("2", "Спутник")]
    assert [image.entry_id for image in catalogue.images()] == ["1", "1", "2"]
    for at, image in enumerate(catalogue.images()):
        draw(tmp_path / "again.jpg", at)
        assert catalogue.picture_path(image).read_bytes() == (tmp_path / "again.jpg").read_bytes()
    assert import_source(catalogue, in_cells(tmp_path)).entries_same == 2


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        ("xl/richData/rdrichvalue.xml", "<v>0</v>", "<v>77</v>"),
        ("xl/richData/rdrichvalue.xml", 's="0"', 's="9"'),
        ("xl/metadata.xml", 'i="0"', 'i="8"'),
        ("xl/metadata.xml", 't="2" v="0"', 't="1" v="0"'),
        ("xl/richData/_rels/richValueRel.xml.rels", "cell0.jpg", "gone.jpg"),
    ],
)
def test_a_cell_that_leads_to_no_picture_has_none(
    catalogue: Catalogue, tmp_path: Path, part: str, old: str, new: str
) -> None:
    path = in_cells(tmp_path)
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    assert old in parts[part].decode()
    with zipfile.ZipFile(path, "w") as changed:
        for name, content in parts.items():
            changed.writestr(name, content.decode().replace(old, new, 1).encode() if name == part else content)
    with zipfile.ZipFile(path) as book:
        found = pictures_in_cells(book, "xl/worksheets/sheet1.xml")
    assert {place: found.get(place) for place in [(2, 4), (3, 3)]} == {
        (2, 4): "xl/media/cell1.jpg",
        (3, 3): "xl/media/cell2.jpg",
    } or 's="9"' in new
    assert (2, 3) not in found


def test_a_damaged_list_of_pictures_in_cells_is_told_with_the_file(catalogue: Catalogue, tmp_path: Path) -> None:
    path = in_cells(tmp_path)
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    with zipfile.ZipFile(path, "w") as changed:
        for name, content in parts.items():
            changed.writestr(name, content[:60] if name == "xl/metadata.xml" else content)
    with pytest.raises(CatalogueError, match=r"^cells\.xlsx: damaged"):
        import_source(catalogue, path)


def test_formulas_are_read_by_their_stored_values_and_dates_as_years(catalogue: Catalogue, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Номер", "Название", "Год"])
    sheet.append(["=1+1", "Ракета", datetime.date(1961, 4, 12)])
    sheet.append([3, '="Спут"&"ник"', datetime.datetime(1957, 10, 4)])
    path = tmp_path / "book.xlsx"
    book.save(path)
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    # openpyxl writes formulas without the values that Excel keeps beside them
    text = parts["xl/worksheets/sheet1.xml"].decode()
    text = re.sub(r'<c r="A2"[^>]*>.*?</c>', '<c r="A2"><f>1+1</f><v>2</v></c>', text)
    text = re.sub(r'<c r="B3"[^>]*>.*?</c>', '<c r="B3" t="str"><f>x</f><v>Спутник</v></c>', text)
    parts["xl/worksheets/sheet1.xml"] = text.encode()
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)
    import_source(catalogue, path)
    found = [(entry.entry_id, entry.title, entry.year_from, entry.year_to) for entry in catalogue.entries()]
    assert found == [("2", "Ракета", 1961, 1961), ("3", "Спутник", 1957, 1957)]
