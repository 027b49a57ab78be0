"""Imports bring in a whole file or nothing, say what is wrong by line, and change nothing the second time."""

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from drawing import draw

from recognizer.catalogue import history, imports
from recognizer.catalogue.imports import (
    ImportReport,
    carrying,
    import_csv,
    import_folder,
    parse_years,
    read_queries,
    spool,
)
from recognizer.catalogue.imports.plan import refuse
from recognizer.catalogue.store import Catalogue
from recognizer.errors import CatalogueError, RowsWrong
from recognizer.types import CatalogueEntry, Role, Status

HEADER = "entry_id,title,maker,image,role\n"
RICH = (
    "entry_id,number,title,title_en,theme,series,years,country,place,maker,hallmark,material,technique,size_mm,"
    "inscriptions,languages,price_mark,rarity,status,merged_into,family,identifiers,image,role,licence,source\n"
)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "data", create=True) as opened:
        yield opened


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with three different pictures: a.jpg, b.png, and photos/в.jpg."""
    folder = tmp_path / "given"
    draw(folder / "a.jpg", 1)
    draw(folder / "b.png", 2)
    draw(folder / "photos" / "в.jpg", 3)
    return folder


def table(base: Path, text: str | bytes, name: str = "catalogue.csv") -> Path:
    path = base / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(catalogue: Catalogue, path: Path) -> str:
    """The message with which a table is refused; nothing of it may be left in the catalogue."""
    before = catalogue.entries(), catalogue.images(), sorted(catalogue.picture_folder.iterdir())
    with pytest.raises(CatalogueError) as caught:
        import_csv(catalogue, path)
    assert (catalogue.entries(), catalogue.images(), sorted(catalogue.picture_folder.iterdir())) == before
    return str(caught.value)


# What is read


def test_the_five_columns_bring_entries_and_photos(catalogue: Catalogue, base: Path) -> None:
    text = HEADER + "12,Ёлка,ММД,a.jpg,face\n12,,,b.png,reverse\n7,«Аврора»,,photos/в.jpg,\n8,no photo,,,\n"
    report = import_csv(catalogue, table(base, text))
    assert report == ImportReport(4, 3, 0, 0, 3, 0, 0)
    assert catalogue.entries() == [
        CatalogueEntry("12", number="12", title="Ёлка", maker="ММД"),
        CatalogueEntry("7", number="7", title="«Аврора»"),
        CatalogueEntry("8", number="8", title="no photo"),
    ]
    assert [(image.entry_id, image.role) for image in catalogue.images()] == [
        ("12", Role.FACE),
        ("12", Role.REVERSE),
        ("7", Role.FACE),
    ]
    first, second, _ = catalogue.images()
    assert catalogue.picture_path(first).read_bytes() == (base / "a.jpg").read_bytes()
    assert (first.file, second.file) == (f"{first.sha256}.jpg", f"{second.sha256}.png")


def test_every_column_reaches_its_field(catalogue: Catalogue, base: Path) -> None:
    cells = (
        "12,12а,Гагарин,Gagarin,Космос / Портреты,Покорители,1961–65,СССР,Москва,ММД,ромб,томпак,эмаль,25 x 18,"
        '12 апреля | СССР,"ru, et",15 к.,R2,active,,vostok,Avers: 12-345; ilyinskii:99,a.jpg,mark,CC0,own'
    )
    import_csv(catalogue, table(base, RICH + cells + "\n"))
    assert catalogue.entry("12") == CatalogueEntry(
        entry_id="12",
        number="12а",
        title="Гагарин",
        title_en="Gagarin",
        theme=("Космос", "Портреты"),
        series="Покорители",
        year_from=1961,
        year_to=1965,
        years_text="1961–65",
        country="СССР",
        place="Москва",
        maker="ММД",
        hallmark="ромб",
        material="томпак",
        technique="эмаль",
        size_mm="25 x 18",
        inscriptions=("12 апреля", "СССР"),
        languages=("ru", "et"),
        price_mark="15 к.",
        rarity="R2",
        family="vostok",
        identifiers=(("avers", "12-345"), ("ilyinskii", "99")),
    )
    image = catalogue.images()[0]
    assert (image.role, image.licence, image.source) == (Role.MARK, "CC0", "own")
    assert {"entry_id", *RICH.strip().split(",")} == set(imports.COLUMNS)


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("1961", (1961, 1961)),
        ("1961-1965", (1961, 1965)),
        ("1961–65", (1961, 1965)),
        ("1961 — 1965 гг.", (1961, 1965)),
        ("1961/62", (1961, 1962)),
        ("1970-е", (1970, 1979)),
        ("1970-х", (1970, 1979)),
        ("1970s", (1970, 1979)),
        ("1950-60-е", (1950, 1969)),
        ("1950-е – 1970-е", (1950, 1979)),
        ("ок. 1975 г.", (1975, 1975)),
        ("12.04.1961", (1961, 1961)),
        ("12.04.1961-15.04.1961", (1961, 1961)),
        ("1961-04-12", (1961, 1961)),
        ("1965, 1961", (1961, 1965)),
        ("XX век", (1901, 2000)),
        ("2002 -", (2002, None)),
        ("2002–н.в.", (2002, None)),
        ("с 1975 г.", (1975, None)),
        ("до 1960", (None, 1960)),
        ("70-е", (1970, 1979)),
        ("нач. 80-х", (1980, 1983)),
        ("середина 1960-х", (1964, 1966)),
        ("кон. 80-х", (1987, 1989)),
        ("XX век, 2-я половина", (1951, 2000)),
        ("к 50-летию (1967)", (1967, 1967)),
        ("1961 г.", (1961, 1961)),
        ("1957/58", (1957, 1958)),
        ("б/г", (None, None)),
        ("12.04.1970", (1970, 1970)),
        ("19611", (None, None)),
    ],
)
def test_years_are_understood_as_collectors_write_them(text: str, years: tuple[int | None, int | None]) -> None:
    assert parse_years(text) == years


def test_the_text_of_years_is_kept_even_where_no_year_is_read(catalogue: Catalogue, base: Path) -> None:
    import_csv(catalogue, table(base, "entry_id,years\n1,б/г\n2,1970-е\n3,2002 -\n"))
    assert [(e.year_from, e.year_to, e.years_text) for e in catalogue.entries()] == [
        (None, None, "б/г"),
        (1970, 1979, "1970-е"),
        (2002, None, "2002 -"),
    ]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_separators_line_ends_and_byte_order_marks_do_not_matter(
    catalogue: Catalogue, base: Path, mark: str, end: str, start: str
) -> None:
    rows = [["entry_id", "title", "image"], ["12", '"Ёлка, зима; 1961"' if mark != "\t" else "Ёлка", "a.jpg"], []]
    import_csv(catalogue, table(base, start + end.join(mark.join(row) for row in rows)))
    assert catalogue.entry("12").title.startswith("Ёлка")
    assert len(catalogue.images()) == 1


def test_cells_of_several_lines_and_quotes_are_kept(catalogue: Catalogue, base: Path) -> None:
    import_csv(catalogue, table(base, 'entry_id,title\n1,"Знак ""ГТО""\nII ступени"\n\n2,x\n'))
    assert [entry.title for entry in catalogue.entries()] == ['Знак "ГТО"\nII ступени', "x"]


def test_decomposed_letters_are_composed_and_such_file_names_found(catalogue: Catalogue, base: Path) -> None:
    draw(base / "и\u0306.jpg", 9)
    import_csv(catalogue, table(base, "entry_id,title,image\n1,Юрии\u0306,и\u0306.jpg\n"))
    assert catalogue.entry("1").title == "Юрий"
    assert len(catalogue.images()) == 1


def test_pictures_may_lie_outside_and_be_named_the_windows_way(
    catalogue: Catalogue, base: Path, tmp_path: Path
) -> None:
    far = draw(tmp_path / "far" / "x.jpg", 5)
    near = draw(tmp_path / "near.jpg", 6)
    assert near.is_file()
    text = f"entry_id,image\n1,{far}\n2,../near.jpg\n3,photos\\в.jpg\n"
    assert import_csv(catalogue, table(base, text)).images_new == 3


def test_unknown_columns_are_noted_not_refused(catalogue: Catalogue, base: Path) -> None:
    report = import_csv(catalogue, table(base, "Entry_ID, Title ,weight,box\n1,x,9 g,3\n"))
    assert report.notes == ("columns passed over: weight, box",)
    assert catalogue.entry("1").title == "x"


def test_one_picture_named_twice_for_an_entry_is_entered_once(catalogue: Catalogue, base: Path) -> None:
    (base / "copy.jpg").write_bytes((base / "a.jpg").read_bytes())
    report = import_csv(
        catalogue, table(base, HEADER + "1,x,,a.jpg,face\n1,x,,a.jpg,face\n1,x,,copy.jpg,\n2,y,,a.jpg,\n")
    )
    assert (report.images_new, len(catalogue.images(entry_id="1")), len(catalogue.images(entry_id="2"))) == (2, 1, 1)
    assert report.notes == ("line 4: copy.jpg is the same photo as one above, entered once",)


def test_progress_counts_pictures(catalogue: Catalogue, base: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = table(base, HEADER + "1,x,,a.jpg,face\n1,,,b.png,reverse\n")
    import_csv(catalogue, path, progress=lambda done, whole: seen.append((done, whole)))
    assert seen == [(1, 2), (2, 2)]


# Again


def test_a_second_import_changes_nothing_and_decodes_nothing(
    catalogue: Catalogue, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(base, HEADER + "12,Ёлка,ММД,a.jpg,face\n12,,,b.png,reverse\n")
    import_csv(catalogue, path)
    before = catalogue.entries(), catalogue.images(), catalogue.fingerprint()
    monkeypatch.setattr(carrying, "check_photo", lambda *_: pytest.fail("decoded again"))
    assert import_csv(catalogue, path) == ImportReport(2, 0, 0, 1, 0, 0, 2)
    assert (catalogue.entries(), catalogue.images(), catalogue.fingerprint()) == before


def test_memory_is_level_however_long_the_table(
    catalogue: Catalogue, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (history, spool):
        monkeypatch.setattr(module, "BATCH", 100)

    def peak(rows: int) -> int:
        path = base / f"{rows}.csv"
        path.write_text("entry_id,title\n" + "".join(f"{rows}-{n},Значок\n" for n in range(rows)))
        tracemalloc.start()
        try:
            assert import_csv(catalogue, path).entries_new == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(300)  # what is loaded and cached once
    assert peak(2000) < 1.2 * peak(500)


def test_changed_fields_are_updated_and_empty_or_absent_ones_left(catalogue: Catalogue, base: Path) -> None:
    full = "entry_id,title,maker,years,identifiers,image,role,licence\n"
    import_csv(catalogue, table(base, full + "1,Ёлка,ММД,1961,avers:5,a.jpg,reverse,CC0\n2,x,,,,,,\n"))
    first = catalogue.entry("1")
    report = import_csv(catalogue, table(base, "entry_id,title,maker,image\n1,Ель,,a.jpg\n2,x,,\n"))
    assert report == ImportReport(2, 0, 1, 1, 0, 0, 1)
    assert catalogue.entry("1") == replace(first, title="Ель")
    assert (catalogue.images()[0].role, catalogue.images()[0].licence) == (Role.REVERSE, "CC0")
    report = import_csv(catalogue, table(base, HEADER + "1,,,a.jpg,mark\n"))
    assert report == ImportReport(1, 0, 0, 1, 0, 1, 0)
    assert catalogue.images()[0].role is Role.MARK


def test_a_lost_picture_file_comes_back_with_the_next_import(catalogue: Catalogue, base: Path) -> None:
    path = table(base, HEADER + "1,x,,a.jpg,face\n")
    import_csv(catalogue, path)
    kept = catalogue.picture_path(catalogue.images()[0])
    kept.unlink()
    import_csv(catalogue, path)
    assert kept.read_bytes() == (base / "a.jpg").read_bytes()


def test_merged_entries_name_the_one_that_stays_in_the_file_or_the_catalogue(catalogue: Catalogue, base: Path) -> None:
    import_csv(catalogue, table(base, "entry_id,status,merged_into\n1,,\n2,merged,1\n"))
    import_csv(catalogue, table(base, "entry_id,status,merged_into\n3,Merged,2\n4,withdrawn,\n"))
    assert [entry.status for entry in catalogue.entries()] == [
        *(Status.ACTIVE, Status.MERGED, Status.MERGED, Status.WITHDRAWN)
    ]


# What is wrong


def test_errors_are_told_together_by_line_and_nothing_is_imported(catalogue: Catalogue, base: Path) -> None:
    (base / "cut.jpg").write_bytes((base / "a.jpg").read_bytes()[:300])
    (base / "text.jpg").write_text("not a picture")
    (base / "empty.jpg").touch()
    rows = [
        "1,good,,a.jpg,face",
        ",no id,,a.jpg,face",
        '2,"two\nlines",,gone.jpg,face',
        "3,x,,a.jpg,front",
        "4,x,,cut.jpg,face",
        "5,x,,text.jpg,",
        "6,x,,empty.jpg,",
        "7,x,a.jpg",
        "8,x,,a.jpg,face,more",
        "1,other,,,",
        "9,x,,photos,face",
        "10,a\x01b,,,",
        f"11,x,,{'y' * 400}.jpg,",
        "1,good,,a.jpg,reverse",
    ]
    message = refused(catalogue, table(base, HEADER + "\n".join(rows) + "\n"))
    lines = message.split("\n")
    assert lines[0] == "catalogue.csv: 13 errors, nothing imported"
    expected = [
        "  line 3: no entry_id; give the entry its number",
        f"  line 4: no picture 'gone.jpg' in {base}; paths are relative to the table",
        "  line 6: role 'front' is none of face, reverse, clasp, mark",
        "  line 7: cut.jpg: damaged or cut short",
        "  line 8: text.jpg: not a picture",
        "  line 9: empty.jpg: empty file",
        "  line 10: 3 cells, but the header has 5; quote cells that hold ','",
        "  line 11: 6 cells, but the header has 5",
        "  line 12: title of '1' is 'other' here, 'good' above; make them one",
        f"  line 13: no picture 'photos' in {base}",
        "  line 14: control characters in 'a\\x01b'; take them out",
        "  line 15: no picture 'yyyy",
        "  line 16: photo 'a.jpg' has another role, licence or source on line 2; make them one",
    ]
    for line, start in zip(lines[1:], expected, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize(
    ("header", "row", "what"),
    [
        ("entry_id,years", "1,1965-1961", "years '1965-1961' run backwards; write the earlier year first"),
        ("entry_id,years", "1,1965-61", "years '1965-61' run backwards"),
        ("entry_id,identifiers", "1,12-345", "identifier '12-345' is not like system:number"),
        ("entry_id,identifiers", "1,avers:", "identifier 'avers:' is not like system:number"),
        ("entry_id,status", "1,lost", "status 'lost' is none of active, merged, withdrawn"),
        ("entry_id,status", "1,merged", "status merged, but no merged_into; name the entry that took it over"),
        ("entry_id,status,merged_into", "1,merged,9", "merged_into '9' is no entry, here or in the catalogue"),
        ("entry_id,merged_into", "1,0", "merged_into '0', but status active; make it merged"),
        ("entry_id,status,merged_into", "1,merged,1", "merged_into '1' leads back to '1'; name the entry that stays"),
    ],
)
def test_cells_that_make_no_sense_are_told_with_the_cure(
    catalogue: Catalogue, base: Path, header: str, row: str, what: str
) -> None:
    import_csv(catalogue, table(base, "entry_id\n0\n"))
    message = refused(catalogue, table(base, f"{header}\n{row}\n"))
    assert message.startswith(f"catalogue.csv: 1 error, nothing imported\n  line 2: {what}")


def test_merges_in_a_circle_are_refused(catalogue: Catalogue, base: Path) -> None:
    message = refused(
        catalogue, table(base, "entry_id,status,merged_into\n1,merged,2\n2,merged,3\n3,merged,1\n4,merged,1\n")
    )
    assert "4 errors" in message
    assert "line 2: merged_into '2' leads back to '1'" in message


def test_two_errors_of_a_row_are_both_told(catalogue: Catalogue, base: Path) -> None:
    message = refused(catalogue, table(base, "entry_id,years,image\n1,1965-1961,gone.jpg\n"))
    assert "backwards" in message
    assert "no picture 'gone.jpg'" in message


def test_many_errors_of_one_kind_are_told_three_times_and_then_by_their_places(
    catalogue: Catalogue, base: Path
) -> None:
    rows = [f"{n},x,,gone{n}.jpg,\n" for n in range(33)]
    rows[20] = "20,x,1965-1961,,\n"
    message = refused(catalogue, table(base, "entry_id,title,years,image,role\n" + "".join(rows))).split("\n")
    assert message[0] == "catalogue.csv: 33 errors, nothing imported"
    assert [line.split(":")[0] for line in message[1:4]] == ["  line 2", "  line 3", "  line 4"]
    assert message[4].startswith("    and 29 more like it: line 5, line 6, ")
    assert message[4].endswith(", ...")
    assert message[5].startswith("  line 22: years '1965-1961' run backwards")
    assert len(message) == 6


def test_of_many_kinds_of_errors_twenty_are_listed_and_the_others_counted() -> None:
    errors = [(f"line {n}", f"{chr(ord('a') + n % 26) * (n // 26 + 1)} is wrong; mend it") for n in range(33)]
    with pytest.raises(RowsWrong) as caught:
        refuse("catalogue.csv", errors, "nothing imported")
    message = str(caught.value).split("\n")
    assert len(message) == 22
    assert message[-1] == "  and 13 more"


def test_an_open_quote_is_told_at_the_row_where_it_opens(catalogue: Catalogue, base: Path) -> None:
    message = refused(catalogue, table(base, HEADER + '1,x,,,\n2,"never closed,,,\n3,x,,,\n'))
    assert "line 3: unexpected end of data; close the quotes" in message


def test_an_encoding_that_does_not_fit_is_told_by_line_and_byte(catalogue: Catalogue, base: Path) -> None:
    path = table(base, (HEADER + "1,x,,,\n2,Крейсер «Аврора»,,,\n").encode("cp1251"))
    with pytest.raises(CatalogueError, match=r"catalogue\.csv: line 3, byte 41: 0xCA is not utf-8; give the right"):
        imports.import_source(catalogue, path, encoding="utf-8")
    with pytest.raises(CatalogueError, match="no encoding is called 'cp12510'"):
        imports.import_source(catalogue, path, encoding="cp12510")


def test_headers_that_do_not_serve_are_told(catalogue: Catalogue, base: Path) -> None:
    assert refused(catalogue, table(base, "")).startswith("catalogue.csv: empty; its first line must name the columns")
    assert "line 1: no column entry_id; the header reads: key, title" in refused(
        catalogue, table(base, "key,title\n1,x\n")
    )
    assert "line 1: column title twice" in refused(catalogue, table(base, "entry_id,title,Title\n1,x,y\n"))
    assert "cannot be read (No such file" in refused(catalogue, base / "gone.csv")
    assert "cannot be read" in refused(catalogue, base)


# Cut off


def test_an_import_cut_off_before_the_end_leaves_nothing(
    catalogue: Catalogue, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(base, HEADER + "1,x,,a.jpg,face\n2,y,,b.png,face\n")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_csv(catalogue, path, progress=interrupt)
    assert list(catalogue.picture_folder.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr(Catalogue, "add_images", interrupt)
        with pytest.raises(KeyboardInterrupt):
            import_csv(catalogue, path)
    assert (catalogue.entries(), catalogue.images(), list(catalogue.picture_folder.iterdir())) == ([], [], [])
    assert import_csv(catalogue, path) == ImportReport(2, 2, 0, 0, 2, 0, 0)


def test_a_refused_table_keeps_the_pictures_that_the_catalogue_has(catalogue: Catalogue, base: Path) -> None:
    import_csv(catalogue, table(base, HEADER + "1,x,,a.jpg,face\n"))
    refused(catalogue, table(base, HEADER + "1,x,,a.jpg,face\n2,y,,b.png,face\n3,z,,gone.jpg,face\n"))
    assert len(list(catalogue.picture_folder.iterdir())) == 1


def test_a_killed_import_is_done_again(tmp_path: Path, base: Path) -> None:
    path = table(base, HEADER + "1,x,,a.jpg,face\n2,y,,b.png,face\n")
    code = """if True:
        import os, sys
        from pathlib import Path
        from recognizer.catalogue.store import Catalogue
        from recognizer.catalogue.imports import import_csv
        stored = Catalogue.add_images
        Catalogue.add_images = lambda *given: (stored(*given), os._exit(9))
        import_csv(Catalogue.open(sys.argv[1], create=True), Path(sys.argv[2]))
    """
    data = tmp_path / "data"
    root = Path(imports.__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code, data, path], check=False, cwd=root)
    assert done.returncode == 9
    with Catalogue.open(data, create=True) as catalogue:
        assert (catalogue.count(), catalogue.images()) == (0, [])
        assert len(list(catalogue.picture_folder.iterdir())) == 2  # left over, found again below
        assert import_csv(catalogue, path) == ImportReport(2, 2, 0, 0, 2, 0, 0)
        assert len(list(catalogue.picture_folder.iterdir())) == 2


# Folders


def test_a_folder_of_numbered_pictures_is_a_catalogue(catalogue: Catalogue, tmp_path: Path) -> None:
    folder = tmp_path / "pins"
    names = [
        *("12.jpg", "12_reverse.jpg", "12_mark_2.png", "space_1961.jpg", "А-5_Clasp.jpg"),
        *("77/face_1.jpg", "77/reverse-2.jpg", "77/mark.jpg", "77/IMG_0001.jpg", ".hidden/face.jpg"),
    ]
    for seed, name in enumerate(names):
        draw(folder / name, seed)
    (folder / "notes.txt").write_text("passed over")
    report = import_folder(catalogue, folder)
    assert report == ImportReport(9, 4, 0, 0, 9, 0, 0)
    assert sorted((image.entry_id, str(image.role)) for image in catalogue.images()) == [
        ("12", "face"),
        ("12", "mark"),
        ("12", "reverse"),
        ("77", "face"),
        ("77", "face"),
        ("77", "mark"),
        ("77", "reverse"),
        ("space_1961", "face"),
        ("А-5", "clasp"),
    ]
    assert import_folder(catalogue, folder) == ImportReport(9, 0, 0, 4, 0, 0, 9)


def test_a_folder_adds_photos_without_touching_what_entries_say(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.upsert([CatalogueEntry("12", title="Ёлка")])
    draw(tmp_path / "pins" / "12.jpg", 1)
    assert import_folder(catalogue, tmp_path / "pins") == ImportReport(1, 0, 0, 1, 1, 0, 0)
    assert catalogue.entry("12").title == "Ёлка"


def test_a_folder_with_a_table_is_imported_by_it(catalogue: Catalogue, base: Path) -> None:
    table(base, HEADER + "5,x,,a.jpg,face\n")
    assert import_folder(catalogue, base) == ImportReport(1, 1, 0, 0, 1, 0, 0)


def test_folders_that_do_not_serve_are_told(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"gone: no such folder"):
        import_folder(catalogue, tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogueError, match=r"empty: no catalogue\.csv and no pictures"):
        import_folder(catalogue, tmp_path / "empty")
    draw(tmp_path / "deep" / "theme" / "12" / "face.jpg", 1)
    (tmp_path / "deep" / "5.jpg").write_bytes(b"no picture")
    draw(tmp_path / "deep" / "6.jpg", 2)
    with pytest.raises(CatalogueError) as caught:
        import_folder(catalogue, tmp_path / "deep")
    assert str(caught.value).startswith("deep: 2 errors, nothing imported\n  5.jpg: 5.jpg: not a picture")
    assert "theme/12/face.jpg: lies more than one folder deep" in str(caught.value)
    assert (catalogue.count(), list(catalogue.picture_folder.iterdir())) == (0, [])


# Queries


def test_queries_are_read_with_their_answers_in_order(base: Path) -> None:
    path = table(base, "image,entry_id\nphotos/в.jpg,12\na.jpg,\nb.png,А-5\n", "queries.csv")
    assert read_queries(path) == [(base / "photos/в.jpg", "12"), (base / "a.jpg", None), (base / "b.png", "А-5")]


def test_wrong_queries_are_told_by_line(base: Path) -> None:
    path = table(base, "image,entry_id\ngone.jpg,12\na.jpg,1\n,5\n", "queries.csv")
    with pytest.raises(CatalogueError) as caught:
        read_queries(path)
    assert str(caught.value).split("\n") == [
        "queries.csv: 2 errors, nothing read",
        f"  line 2: no picture 'gone.jpg' in {base}; paths are relative to the table",
        "  line 4: no image; give the photo's path",
    ]
    with pytest.raises(CatalogueError, match="no column entry_id"):
        read_queries(table(base, "image\na.jpg\n", "queries.csv"))
