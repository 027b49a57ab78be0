"""Sources that somebody sends: laid out below one folder, their columns proposed, their wrong rows left out."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from recognizer.catalogue.imports import format_of, import_source
from recognizer.catalogue.imports.bringing import lay_out
from recognizer.catalogue.imports.proposal import chosen_map, propose
from recognizer.catalogue.store import Catalogue
from recognizer.errors import CatalogueError, RowsWrong
from recognizer.vision.photos import encode_jpeg


def zipped(**files: bytes) -> io.BytesIO:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    data.seek(0)
    return data


def test_an_archive_is_laid_out_and_its_table_found(tmp_path: Path) -> None:
    sent = zipped(**{"a/list.csv": b"entry_id\n1\n", "a/1.jpg": b"x", "__MACOSX/a/._1.jpg": b"x", "a/.DS_Store": b""})
    found = lay_out(tmp_path / "in", [("all.zip", sent)], 1000)
    assert found.relative_to(tmp_path).as_posix() == "in/a/list.csv"
    assert sorted(path.name for path in (tmp_path / "in").rglob("*.*")) == ["1.jpg", "list.csv"]


def as_windows_writes(names: list[str], code_page: str) -> io.BytesIO:
    """An archive whose names are in a code page, and do not say in which."""
    data = zipped(**{f"{at}".rjust(len(name.encode(code_page)), "0"): b"x" for at, name in enumerate(names)})
    content = data.getvalue()
    for at, name in enumerate(names):
        written = name.encode(code_page)
        content = content.replace(f"{at}".rjust(len(written), "0").encode(), written)
    return io.BytesIO(content)


@pytest.mark.parametrize("code_page", ["cp866", "utf-8"])
def test_russian_names_of_an_archive_are_read_as_they_were_given(tmp_path: Path, code_page: str) -> None:
    sent = as_windows_writes(["фото/Ёж № 1.jpg", "фото/Маяк.jpg"], code_page)
    lay_out(tmp_path / "laid", [("значки.zip", sent)], 10_000)
    laid = [path.relative_to(tmp_path / "laid").as_posix() for path in (tmp_path / "laid").rglob("*.jpg")]
    assert sorted(laid) == ["фото/Ёж № 1.jpg", "фото/Маяк.jpg"]


def test_pictures_that_a_browser_sends_without_their_folder_are_those_that_the_table_names(tmp_path: Path) -> None:
    table = "Номер;Название;Фото\n1;Маяк;фото/1.jpg\n2;Ёж;фото\\2.jpg\n".encode("cp1251")
    picture = encode_jpeg(np.full((60, 60, 3), 90, np.uint8))
    other = encode_jpeg(np.full((60, 60, 3), 160, np.uint8))
    sent = [("Значки.csv", io.BytesIO(table)), ("1.jpg", io.BytesIO(picture)), ("2.jpg", io.BytesIO(other))]
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        report = import_source(catalogue, lay_out(tmp_path / "laid", sent, 1_000_000))
    assert (report.rows, report.images_new) == (2, 2)
    with pytest.raises(CatalogueError, match=r"two files named '1\.jpg'"):
        lay_out(tmp_path / "twice", [(name, io.BytesIO(b"x")) for name in ("1.jpg", "1.jpg")], 1000)


def test_pictures_alone_are_a_folder_and_other_archives_stay_packed(tmp_path: Path) -> None:
    assert lay_out(tmp_path / "one", [("p.zip", zipped(**{"pins/1.jpg": b"x"}))], 99) == tmp_path / "one" / "pins"
    assert lay_out(tmp_path / "two", [("1.jpg", io.BytesIO(b"x")), ("2.jpg", io.BytesIO(b"x"))], 99) == tmp_path / "two"
    dump = zipped(**{"dump.json": b'{"regNumber":1,"gikNumber":2}'})
    packed = lay_out(tmp_path / "three", [("dump.json.zip", dump)], 999)
    assert packed.name == "dump.json.zip"
    assert format_of(packed) == "goskatalog"


@pytest.mark.parametrize(
    "name", ["../out.csv", "/etc/out.csv", "a/../../out.csv", "..\\out.csv", "x" * 300 + ".csv", ""]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogueError, match="which"):
        lay_out(tmp_path / "in", [(name, io.BytesIO(b"entry_id\n"))], 1000)
    with pytest.raises(CatalogueError, match="which"):
        lay_out(tmp_path / "in", [("a.zip", zipped(**{name or "..": b"x", "b.csv": b"x"}))], 1000)
    assert list(tmp_path.iterdir()) == []


def test_what_unpacks_to_more_than_allowed_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.csv", b"0" * 5_000_000)
    assert len(data.getvalue()) < 10_000
    with pytest.raises(CatalogueError, match="more than 1 MB unpacked"):
        lay_out(tmp_path / "in", [("a.zip", data)], 1_000_000)
    assert list(tmp_path.iterdir()) == []


def test_several_tables_are_refused(tmp_path: Path) -> None:
    files = [(f"{name}.csv", io.BytesIO(b"entry_id\n")) for name in "ab"]
    with pytest.raises(CatalogueError, match=r"several tables \(a.csv, b.csv\)"):
        lay_out(tmp_path / "in", files, 1000)


def test_columns_are_proposed_with_examples_and_chosen_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Номер;Имя;Аверс\n7;Маяк;1-2\n;Якорь;3-4\n7;Маяк;\n", encoding="utf-8")
    proposal = propose(path)
    assert [(column.header, column.choice) for column in proposal.columns] == [
        *[("Номер", "entry_id"), ("Имя", "title")],
        ("Аверс", "number:avers"),
    ]
    assert proposal.columns[1].examples == ("Маяк", "Якорь")
    mapping = chosen_map(proposal, {"Номер": "entry_id", "Имя": "series"})
    assert (mapping.columns, mapping.identifiers) == ({"entry_id": ("Номер",), "series": ("Имя",)}, {})
    assert [column.choice for column in propose(path, mapping=mapping).columns] == ["entry_id", "series", ""]
    for wrong in ({"Имя": "title"}, {"Номер": "entry_id", "Имя": "entry_id"}, {"Номер": "nonsense"}):
        with pytest.raises(CatalogueError):
            chosen_map(proposal, wrong)


def test_a_table_in_which_nothing_is_a_number_is_shown_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("A;B\nx;y\nx;y\n", encoding="utf-8")
    proposal = propose(path)
    assert not proposal.sure
    assert [column.header for column in proposal.columns] == ["A", "B"]


def test_wrong_rows_are_named_and_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("entry_id,title,image\n1,a,\n,b,\n3,c,none.jpg\n4,d,\n", encoding="utf-8")
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        with pytest.raises(RowsWrong) as refused:
            import_source(catalogue, path)
        assert [place for place, _ in refused.value.rows] == ["line 3", "line 4"]
        report = import_source(catalogue, path, leave_out=("line 4", "line 3"))
        assert (report.entries_new, report.notes) == (2, ("rows left out: line 3, line 4",))
        with pytest.raises(RowsWrong):  # what was left out once is not forgotten
            import_source(catalogue, path)
        assert catalogue.count() == 2


def test_a_table_of_somebody_else_names_no_pictures_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "own.jpg").write_bytes(encode_jpeg(np.full((40, 40, 3), 90, np.uint8)))
    (tmp_path / "in" / "t.csv").write_text(f"entry_id,image\n1,../own.jpg\n2,{tmp_path}/own.jpg\n", encoding="utf-8")
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        with pytest.raises(RowsWrong, match="does not lie beside the table") as refused:
            import_source(catalogue, tmp_path / "in" / "t.csv", within=tmp_path / "in")
        assert len(refused.value.rows) == 2
        assert import_source(catalogue, tmp_path / "in" / "t.csv").images_new == 2  # one's own tables may
