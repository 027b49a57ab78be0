"""Each importer: a sample of the true format in, the expected entries out; a broken one in, exact errors out."""

import bz2
import gzip
import json
import random
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result
from drawing import draw
from entries import GAGARIN

from recognizer.catalogue.imports import (
    FORMATS,
    ColumnMap,
    Difference,
    format_of,
    guess_map,
    import_source,
    read_map,
    write_map,
)
from recognizer.catalogue.imports.sizes import parse_millimetres
from recognizer.catalogue.imports.sources.write_opennumismat import write_opennumismat
from recognizer.catalogue.imports.years import parse_years
from recognizer.catalogue.store import Catalogue
from recognizer.catalogue.wanted import WantedPicture, wanted
from recognizer.cli import main
from recognizer.commands import entries
from recognizer.errors import CatalogueError
from recognizer.types import CatalogueEntry, CatalogueImage, Role, Status

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "data", create=True) as opened:
        yield opened


def refused(catalogue: Catalogue, path: Path, kind: str | None = None) -> list[str]:
    """The message with which a source is refused, by line; nothing of it may be left in the catalogue."""
    before = catalogue.entries(), catalogue.images(), wanted(catalogue), sorted(catalogue.picture_folder.iterdir())
    with pytest.raises(CatalogueError) as caught:
        import_source(catalogue, path, kind)
    after = catalogue.entries(), catalogue.images(), wanted(catalogue), sorted(catalogue.picture_folder.iterdir())
    assert after == before
    return str(caught.value).split("\n")


def addresses(catalogue: Catalogue) -> list[tuple[str, str, Role, str, str]]:
    return [(one.entry_id, one.address, one.role, one.licence, one.source) for one in wanted(catalogue)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("goskatalog_dump.json", "goskatalog"),
        ("goskatalog_exhibit.json", "goskatalog"),
        ("smithsonian.jsonl", "smithsonian"),
        ("commons_entities.json", "commons"),
        ("commons_dump.json", "commons"),
        ("colnect_english.csv", "colnect"),
        ("colnect_russian.csv", "colnect"),
        ("table_russian.csv", "table"),
    ],
)
def test_a_source_tells_what_it_is(name: str, kind: str) -> None:
    assert format_of(SAMPLES / name) == kind


def test_a_source_of_no_known_kind_is_told_with_the_kinds_that_there_are(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(CatalogueError, match=r"x\.pdf: of no known kind; name it with --format: folder, opennumismat"):
        import_source(catalogue, tmp_path / "x.pdf")
    with pytest.raises(CatalogueError, match=r"no format 'word'"):
        import_source(catalogue, tmp_path / "x.pdf", "word")
    with pytest.raises(CatalogueError, match=r"gone: cannot be read \(No such file"):
        import_source(catalogue, tmp_path / "gone")
    with pytest.raises(CatalogueError, match=r"a column map is for tables, not for goskatalog"):
        import_source(catalogue, SAMPLES / "goskatalog_dump.json", "goskatalog", ColumnMap())


@pytest.mark.parametrize("name", ["goskatalog_dump.json", "smithsonian.jsonl", "commons_entities.json"])
def test_a_second_import_of_any_kind_changes_nothing_and_asks_for_nothing(catalogue: Catalogue, name: str) -> None:
    first = import_source(catalogue, SAMPLES / name)
    assert first.entries_new > 0
    before = catalogue.entries(), wanted(catalogue)
    again = import_source(catalogue, SAMPLES / name)
    assert (again.entries_new, again.entries_changed, again.wanted_new) == (0, 0, 0)
    assert again.entries_same == first.entries_new
    assert (catalogue.entries(), wanted(catalogue)) == before


# Goskatalog


def test_a_dump_of_goskatalog_becomes_entries_and_addresses_of_their_pictures(catalogue: Catalogue) -> None:
    report = import_source(catalogue, SAMPLES / "goskatalog_dump.json")
    assert (report.rows, report.entries_new, report.wanted_new) == (3, 3, 2)
    assert report.notes == ("sizes not understood and left out: 1, the first of record 3: 'мелкий'",)
    assert catalogue.entries() == [
        CatalogueEntry(
            entry_id="goskatalog-70000017",
            number="70000017",
            title="Значок. Нарисованная ракета над Выдуманском",
            year_from=1961,
            year_to=1965,
            years_text="1961-1965 гг.",
            place="Выдуманск",
            material="латунь",
            technique="латунь, горячая эмаль, штамповка",
            size_mm="25 x 18",
            identifiers=(("goskatalog", "70000017"), ("gik", "ВКМ-1234/56"), ("inventory", "ЗН-78")),
        ),
        CatalogueEntry(
            entry_id="goskatalog-70000018",
            number="70000018",
            title="Значок «Небывалая стройка»",
            year_from=1951,
            year_to=2000,
            years_text="XX в., 2-я половина",
            material="алюминий",
            technique="алюминий, краска",
            size_mm="30",
            identifiers=(("goskatalog", "70000018"), ("gik", "ВКМ-1235, ВКМ-1236")),
        ),
        CatalogueEntry(
            entry_id="goskatalog-70000019",
            number="70000019",
            title="Значок без даты",
            identifiers=(("goskatalog", "70000019"),),
        ),
    ]


def test_a_picture_of_goskatalog_is_never_asked_for_by_the_number_of_the_exhibit(catalogue: Catalogue) -> None:
    import_source(catalogue, SAMPLES / "goskatalog_dump.json")
    import_source(catalogue, SAMPLES / "goskatalog_exhibit.json")
    base, holder = "https://goskatalog.ru/muzfo-imaginator/rest/images/original/", ", Выдуманский краеведческий музей"
    assert addresses(catalogue) == [
        ("goskatalog-70000017", f"{base}55500001", Role.FACE, "", f"Goskatalog 70000017{holder}"),
        ("goskatalog-70000017", f"{base}55500002", Role.REVERSE, "", f"Goskatalog 70000017{holder}"),
        ("goskatalog-70000020", f"{base}55500003", Role.FACE, "", "Goskatalog 70000020"),
    ]
    assert not any("9000000" in address for _, address, *_ in addresses(catalogue))


def test_the_json_of_one_exhibit_is_read(catalogue: Catalogue) -> None:
    import_source(catalogue, SAMPLES / "goskatalog_exhibit.json")
    entry = catalogue.entry("goskatalog:70000020")
    assert (entry.title, entry.size_mm) == ("Значок юбилейный. Выдуманску 100 лет", "30 x 20")
    assert (entry.year_from, entry.year_to) == (1970, 1979)


def test_an_archive_of_dumps_is_read_file_by_file(catalogue: Catalogue, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "dump.json.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(SAMPLES / "goskatalog_dump.json", "part-1.json")
        archive.write(SAMPLES / "goskatalog_exhibit.json", "part-2.json")
    assert import_source(catalogue, tmp_path / "dump.json.zip").entries_new == 4
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.write(SAMPLES / "goskatalog_dump.json", "part-1.json")
        archive.write(SAMPLES / "goskatalog_broken.json", "part-2.json")
    assert "  part-2.json record 1: no regNumber" in refused(catalogue, tmp_path / "bad.zip")[1]
    data = bytearray((tmp_path / "dump.json.zip").read_bytes())
    data[60:90] = bytes(30)
    (tmp_path / "spoilt.zip").write_bytes(data)
    assert "spoilt.zip: damaged or cut short" in refused(catalogue, tmp_path / "spoilt.zip")[0]


def test_a_page_of_the_open_data_interface_is_read(catalogue: Catalogue, tmp_path: Path) -> None:
    page = {"data": json.loads((SAMPLES / "goskatalog_dump.json").read_text()), "nextPage": "-"}
    (tmp_path / "page.json").write_text(json.dumps(page, ensure_ascii=False))
    assert import_source(catalogue, tmp_path / "page.json").entries_new == 3


def test_what_is_wrong_with_exhibits_is_told_by_record(catalogue: Catalogue) -> None:
    assert refused(catalogue, SAMPLES / "goskatalog_broken.json") == [
        "goskatalog_broken.json: 4 errors, nothing imported",
        "  record 1: no regNumber; an exhibit without one cannot be told from others",
        "  record 2: exhibit 70000021 has no name",
        "  record 3: a picture of exhibit 70000022 has no id; the number of the exhibit is none",
        "  record 4: no JSON: Invalid control character at; is the file cut short?",
    ]


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
def test_records_are_the_same_however_the_file_is_read(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("recognizer.catalogue.imports.sources.json_records.CHUNK", size)
    assert import_source(catalogue, SAMPLES / "goskatalog_dump.json", "goskatalog").entries_new == 3


@pytest.mark.parametrize(
    ("period", "years"),
    [
        ("1980 г.", (1980, 1980)),
        ("1960-е - 1970-е гг.", (1960, 1979)),
        ("XX век", (1901, 2000)),
        ("ХХ в. (первая половина)", (1901, 1950)),
        ("конец XIX - начало XX вв.", (1801, 2000)),
        ("3-я четверть XX в.", (1951, 1975)),
        ("XX в., последняя треть", (1968, 2000)),
        ("начало XX в.", (1901, 1920)),
        ("конец ХХ века", (1981, 2000)),
        ("не установлено", (None, None)),
    ],
)
def test_periods_of_goskatalog_become_years(period: str, years: tuple[int | None, int | None]) -> None:
    assert parse_years(period) == years


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2,5х1,8 см", "25 x 18"),
        ("2.5 x 1.8 x 0.3 cm", "25 x 18 x 3"),
        ("25 × 18 мм", "25 x 18"),
        ("25х18", "25 x 18"),
        ("2,5х1,8", "25 x 18"),
        ("Диаметр: 30 мм", "30"),
        ("D - 3,0 см.", "30"),
        ("высота 2,5 см, ширина 1,8 см", "25 x 18"),
        ("2,5 см х 1,8 см", "25 x 18"),
        ("overall: 1 in x 3/4 in", "25.4 x 19"),
        ("overall: 1 1/4 in; 3.2 cm", "32"),
        ("3-D: 2.5 x 1.8 x 0.4cm (1 x 11/16 x 3/16 in.)", "25 x 18 x 4"),
    ],
)
def test_sizes_become_millimetres(text: str, size: str) -> None:
    assert parse_millimetres(text) == size


@pytest.mark.parametrize("text", ["", "мелкий", "9000 mm", "0 см"])
def test_what_is_no_size_of_a_pin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_millimetres(text)


# Smithsonian


def test_only_what_the_smithsonian_gives_away_is_taken(catalogue: Catalogue) -> None:
    report = import_source(catalogue, SAMPLES / "smithsonian.jsonl")
    assert report.notes == ("pictures passed over, not CC0: 1", "records passed over, not CC0: 1")
    assert catalogue.entries() == [
        CatalogueEntry(
            entry_id="si-nmxx_9000001",
            number="nmxx_9000001",
            title_en="Pin, Invented Rocket",
            theme=("Invented Pins Collection",),
            year_from=1961,
            year_to=1963,
            years_text="1961-1963",
            country="Union of Soviet Socialist Republics",
            maker="Invented Mint",
            material="Brass, enamel",
            size_mm="25 x 18 x 4",
            identifiers=(("smithsonian", "nmxx_9000001"), ("inventory", "A19990001000")),
        ),
        CatalogueEntry(
            entry_id="si-nmxx_9000003",
            number="nmxx_9000003",
            title_en="Badge, Invented Fair",
            year_from=1970,
            year_to=1979,
            years_text="ca 1970s",
            size_mm="25.4",
            identifiers=(("smithsonian", "nmxx_9000003"), ("inventory", "1999.0001")),
        ),
    ]
    source = "Museum of Invented Things, https://example.org/object/nmxx_9000001"
    assert addresses(catalogue) == [
        ("si-nmxx_9000001", "https://example.org/download/NMXX-1.jpg", Role.FACE, "CC0", source),
        ("si-nmxx_9000001", "https://example.org/deliveryService?id=NMXX-2", Role.FACE, "CC0", source),
    ]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_packed_lines_are_read_and_those_cut_short_refused(catalogue: Catalogue, tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    data = pack((SAMPLES / "smithsonian.jsonl").read_bytes())
    (tmp_path / "cut.jsonl.gz").write_bytes(data[: len(data) // 2])
    message = refused(catalogue, tmp_path / "cut.jsonl.gz")[0]
    assert message.startswith("cut.jsonl.gz: damaged or cut short")
    (tmp_path / "nmxx.jsonl.gz").write_bytes(data)
    assert import_source(catalogue, tmp_path / "nmxx.jsonl.gz").entries_new == 2


def test_what_is_wrong_with_lines_is_told_by_line(catalogue: Catalogue) -> None:
    message = refused(catalogue, SAMPLES / "smithsonian_broken.jsonl")
    assert message[0] == "smithsonian_broken.jsonl: 4 errors, nothing imported"
    assert message[1] == "  line 2: no record_ID; a record without one cannot be told from others"
    assert message[2].startswith("  line 3: no JSON: Unterminated string")
    assert message[3] == "  line 4: no content.descriptiveNonRepeating; give the lines as they were downloaded"
    assert message[4] == "  line 5: years '1965-1961' run backwards; write the earlier year first"


# Commons


def test_files_of_one_object_on_commons_become_one_entry(catalogue: Catalogue) -> None:
    report = import_source(catalogue, SAMPLES / "commons_entities.json")
    assert report.notes == ("M90000004: the file is gone, passed over",)
    assert catalogue.entries() == [
        CatalogueEntry(
            entry_id="commons-Q900000005-ЗН-78",
            number="ЗН-78",
            title="Значок с ракетой",
            title_en="Pin with a rocket",
            year_from=1961,
            year_to=1961,
            years_text="1961",
            identifiers=(
                ("commons", "M90000001"),
                ("inventory", "ЗН-78"),
                ("wikidata", "Q900000002"),
                ("wikidata", "Q900000001"),
            ),
        ),
        CatalogueEntry(
            entry_id="commons-M90000003",
            number="M90000003",
            year_from=1970,
            year_to=1979,
            years_text="1970s",
            identifiers=(("commons", "M90000003"),),
        ),
    ]
    wiki = "https://commons.wikimedia.org/wiki/File:"
    assert [(one[0], one[1].rpartition("/")[2], *one[2:]) for one in addresses(catalogue)] == [
        (
            "commons-Q900000005-ЗН-78",
            "Invented_rocket_pin_avers.jpg",
            Role.FACE,
            "CC BY-SA 4.0",
            f"{wiki}Invented_rocket_pin_avers.jpg (Выдуманный Фотограф)",
        ),
        (
            "commons-Q900000005-ЗН-78",
            "Invented_rocket_pin_reverse.jpg",
            Role.REVERSE,
            "public domain",
            f"{wiki}Invented_rocket_pin_reverse.jpg",
        ),
        ("commons-M90000003", "Invented_pennant.png", Role.FACE, "", f"{wiki}invented_pennant.png"),
    ]


def test_the_dump_of_commons_gives_entries_without_pictures_and_says_so(catalogue: Catalogue) -> None:
    report = import_source(catalogue, SAMPLES / "commons_dump.json")
    assert report.notes == ("files without a name, and so without a picture: 1; ask wbgetentities for them",)
    entry = catalogue.entry("commons-M90000005")
    assert (entry.title_en, entry.year_from, entry.year_to) == ("Pin of the dump", 1901, 2000)


def test_what_is_wrong_with_entities_is_told(catalogue: Catalogue) -> None:
    assert refused(catalogue, SAMPLES / "commons_broken.json", "commons") == [
        "commons_broken.json: 2 errors, nothing imported",
        "  M90000006: P571 is no date of Wikibase",
        "  Q7: no MediaInfo entity; give the answer of wbgetentities or the dump",
    ]


def test_a_file_of_commons_lies_where_the_md5_of_its_name_says() -> None:
    from recognizer.catalogue.imports.sources.commons import address_of

    # the address that the MediaWiki manual gives as its example of hashed upload directories
    assert address_of("Tour Eiffel Wikimedia Commons.jpg").endswith("/a/a8/Tour_Eiffel_Wikimedia_Commons.jpg")


# Colnect


def test_columns_of_colnect_are_found_wherever_they_are(catalogue: Catalogue) -> None:
    report = import_source(catalogue, SAMPLES / "colnect_english.csv")
    assert report.notes == (
        "columns passed over: Condition, Quantity, Comment",
        "line 11: colnect-9000001 again, as on line 9; a second copy, passed over",
    )
    assert catalogue.entries() == [
        CatalogueEntry(
            entry_id="colnect-9000001",
            number="9000001",
            title="Invented Rocket",
            series="Invented cities",
            year_from=1961,
            year_to=1961,
            years_text="1961-04-12",
            country="Union of Soviet Socialist Republics",
            material="Brass",
            size_mm="25 x 18",
            identifiers=(("colnect", "9000001"), ("mi", "SU 12"), ("own", "R-7")),
        ),
        CatalogueEntry(
            entry_id="colnect-9000002",
            number="9000002",
            title="Выдуманский вымпел",
            year_from=1970,
            year_to=1970,
            years_text="1970",
            country="Union of Soviet Socialist Republics",
            material="Aluminium",
            identifiers=(("colnect", "9000002"),),
        ),
    ]


def test_columns_of_colnect_are_found_under_headers_that_nobody_knows(catalogue: Catalogue) -> None:
    import_source(catalogue, SAMPLES / "colnect_russian.csv")
    assert [(e.entry_id, e.title, e.years_text, e.size_mm, e.identifiers[1]) for e in catalogue.entries()] == [
        ("colnect-9000003", "Sputnik", "1957", "30", ("mi", "SU 1")),
        ("colnect-9000004", "Lunnik", "1959", "20 x 10", ("mi", "SU 2")),
    ]


def test_what_is_wrong_with_a_list_of_colnect_is_told_by_line(catalogue: Catalogue, tmp_path: Path) -> None:
    message = refused(catalogue, SAMPLES / "colnect_broken.csv")
    assert message[0] == "colnect_broken.csv: 3 errors, nothing imported"
    assert message[1] == "  line 5: no address of an item of Colnect in this row; export the list anew"
    assert message[2] == "  line 6: size '9000 mm' is not that of a pin"
    assert message[3].startswith("  line 7: ',' expected after '\"'; close the quotes")
    (tmp_path / "list.csv").write_text("a,b\n1,2\n")
    assert "no address of an item of Colnect" in refused(catalogue, tmp_path / "list.csv", "colnect")[0]


# OpenNumismat


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A collection of OpenNumismat with two photos."""
    path = tmp_path / "collection.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript((SAMPLES / "opennumismat.sql").read_text())
        for number in (1, 2):
            photo = draw(tmp_path / f"{number}.jpg", number).read_bytes()
            row = (number, None, photo, "Фотограф", "CC BY 4.0", "https://example.org/x")
            connection.execute("INSERT INTO photos VALUES (?, ?, ?, ?, ?, ?)", row)
    return path


def test_a_collection_of_opennumismat_becomes_entries_and_photos(catalogue: Catalogue, collection: Path) -> None:
    report = import_source(catalogue, collection)
    assert (report.entries_new, report.images_new) == (2, 2)
    assert catalogue.entries() == [
        CatalogueEntry(
            entry_id="opennumismat-3",
            number="12-345",
            title="Выдуманная ракета",
            theme=("Космос", "Ракеты"),
            series="Города",
            year_from=1961,
            year_to=1961,
            years_text="1961",
            country="СССР",
            maker="Выдуманный двор",
            hallmark="ромб",
            material="латунь",
            technique="эмаль",
            size_mm="25.5 x 18",
            price_mark="15 к.",
            rarity="R2",
            identifiers=(("avers", "12-345"), ("ilyinskii", "7")),
        ),
        CatalogueEntry(
            entry_id="opennumismat-7",
            number="7",
            title="Вымпел",
            theme=("Вымпел",),
            year_from=1970,
            year_to=1972,
            years_text="1970-1972",
            size_mm="30",
        ),
    ]
    assert [(image.role, image.licence, image.source) for image in catalogue.images()] == [
        (Role.FACE, "CC BY 4.0", "https://example.org/x, Фотограф"),
        (Role.REVERSE, "CC BY 4.0", "https://example.org/x, Фотограф"),
    ]
    assert catalogue.picture_path(catalogue.images()[0]).read_bytes() == (collection.parent / "1.jpg").read_bytes()


def test_a_catalogue_written_for_opennumismat_comes_back_as_it_was(catalogue: Catalogue, tmp_path: Path) -> None:
    entry = replace(
        GAGARIN,
        entry_id="А-5; x",
        title_en="Invented\nrocket",
        identifiers=(("avers", "12-345"), ("own", "7:8")),
    )
    gone = CatalogueEntry("9", number="9", title_en="gone", status=Status.MERGED, merged_into="А-5; x")
    catalogue.upsert([entry, gone])
    for seed, role in enumerate([Role.FACE, Role.FACE, Role.REVERSE, Role.CLASP, Role.MARK, Role.MARK]):
        data = draw(tmp_path / f"{seed}.png", seed).read_bytes()
        catalogue.add_image("А-5; x", data, ".png", role, licence="CC BY 4.0", source="own; by hand: 3")
    assert write_opennumismat(catalogue, tmp_path / "out.db") == 2
    with Catalogue.open(tmp_path / "other", create=True) as other:
        import_source(other, tmp_path / "out.db")
        assert other.entries() == catalogue.entries()

        def about(images: list[CatalogueImage]) -> list[tuple[str, ...]]:
            return sorted((image.entry_id, image.role, image.file, image.licence, image.source) for image in images)

        assert about(other.images()) == about(catalogue.images())
    with pytest.raises(CatalogueError, match="there already"):
        write_opennumismat(catalogue, tmp_path / "out.db")


def test_what_opennumismat_looks_for_in_a_collection_is_written(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.upsert([CatalogueEntry("1", title="Ракета", size_mm="30", year_from=1961, years_text="1961")])
    write_opennumismat(catalogue, tmp_path / "out.db")
    with closing(sqlite3.connect(tmp_path / "out.db")) as connection:
        settings = dict(connection.execute("SELECT title, value FROM settings"))
        columns = [row[1] for row in connection.execute("PRAGMA table_info(coins)")]
        fields = connection.execute("SELECT id, enabled FROM fields ORDER BY id").fetchall()
        coin = connection.execute("SELECT title, status, year, diameter, catalognum1 FROM coins").fetchone()
    assert (settings["Type"], settings["Version"]) == ("OpenNumismat", "5")
    assert (len(columns), columns[0], columns[26], columns[-1]) == (84, "id", "dateemis", "condition")
    assert [at for at, _ in fields] == list(range(84))
    assert coin == ("Ракета", "demo", 1961, 30, "1")


def test_files_that_are_no_collection_are_told(catalogue: Catalogue, collection: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection, connection:
        connection.execute("CREATE TABLE x (y)")
    assert "no collection of OpenNumismat" in refused(catalogue, tmp_path / "other.db")[0]
    with closing(sqlite3.connect(collection)) as connection, connection:
        connection.execute("UPDATE photos SET image = x'00' WHERE id = 2")
        connection.execute("UPDATE coins SET photo1 = 99 WHERE id = 7")
    message = refused(catalogue, collection)
    assert message[0] == "collection.db: 2 errors, nothing imported"
    assert message[1].startswith("  coin 3: photo 2 of collection.db: not a picture")
    assert message[2].startswith("  coin 7: photo1 names photo 99, which the file has not")
    data = collection.read_bytes()
    collection.write_bytes(data[:100] + bytes(len(data) - 100))
    assert "cannot be read as SQLite" in refused(catalogue, collection)[0]


# Tables with a header of their own


def test_a_map_makes_a_catalogue_of_any_table(catalogue: Catalogue, tmp_path: Path) -> None:
    report = import_source(catalogue, SAMPLES / "table_russian.csv", mapping=read_map(SAMPLES / "table_russian.toml"))
    assert report.notes == ("columns passed over: Фото, Полка",)
    assert catalogue.entries()[0] == CatalogueEntry(
        entry_id="А-1",
        number="А-1",
        title="Ракета",
        theme=("Космос", "Корабли"),
        year_from=1961,
        year_to=1961,
        years_text="1961",
        country="СССР",
        size_mm="25х18",
        identifiers=(("avers", "12-1"),),
    )
    assert [entry.theme for entry in catalogue.entries()[1:]] == [("Космос",), ("Спорт",)]


def test_the_guess_at_a_map_is_what_one_would_write(catalogue: Catalogue, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    shutil.copy(SAMPLES / "table_russian.csv", table)
    guess = guess_map(table)
    assert guess == ColumnMap(
        columns={
            "entry_id": ("№",),
            "title": ("Название",),
            "theme": ("Тема", "Подтема"),
            "years": ("Год выпуска",),
            "size_mm": ("Размер, мм",),
            "image": ("Фото",),
        },
        identifiers={"avers": "Аверс №"},
        header=3,
    )
    (tmp_path / "map.toml").write_text(write_map(guess))
    assert read_map(tmp_path / "map.toml") == guess
    draw(tmp_path / "а.jpg", 1)
    report = import_source(catalogue, table, mapping=guess)
    assert (report.entries_new, report.images_new, report.wanted_new) == (3, 1, 1)


def test_columns_are_guessed_by_what_stands_in_them(tmp_path: Path) -> None:
    rows = [
        "a,b,c,d,e",
        *(f"{n % 3},n{n},Значок номер {n} с длинным именем,19{60 + n % 30},{n}.jpg" for n in range(40)),
    ]
    (tmp_path / "x.csv").write_text("\n".join(rows))
    assert guess_map(tmp_path / "x.csv").columns == {
        "entry_id": ("b",),
        "title": ("c",),
        "years": ("d",),
        "image": ("e",),
    }


def test_a_table_in_cp1251_is_guessed_with_its_encoding(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("№;Название\n1;Ёлка и звезда\n2;Крейсер\n".encode("cp1251"))
    guess = guess_map(tmp_path / "x.csv")
    assert guess.encoding == "cp1251"
    import_source(catalogue, tmp_path / "x.csv", mapping=guess)
    assert catalogue.entry("1").title == "Ёлка и звезда"


def test_a_workbook_is_read_with_and_without_a_map(catalogue: Catalogue, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["entry_id", "title", "years", "image", "shelf"],
        [1, "Ёлка", 1961, "a.jpg"],
        [],
        ["2а", "x", "1970-е"],
    ):
        sheet.append(row)
    other = book.create_sheet("Второй")
    for row in (["Мой каталог"], ["Номер", "Имя", "Дата"], [7.0, "Ракета", 1961.5]):
        other.append(row)
    book.save(tmp_path / "book.xlsx")
    draw(tmp_path / "a.jpg", 1)
    report = import_source(catalogue, tmp_path / "book.xlsx")
    assert (report.rows, report.entries_new, report.images_new) == (2, 2, 1)
    assert [(e.entry_id, e.years_text) for e in catalogue.entries()] == [("1", "1961"), ("2а", "1970-е")]
    mapping = ColumnMap({"entry_id": ("Номер",), "title": ("Имя",)}, sheet="Второй")
    import_source(catalogue, tmp_path / "book.xlsx", mapping=mapping)
    assert catalogue.entry("7").title == "Ракета"
    with pytest.raises(CatalogueError, match="no sheet 'Третий'; it has: Sheet, Второй"):
        import_source(catalogue, tmp_path / "book.xlsx", mapping=ColumnMap({"entry_id": ("x",)}, sheet="Третий"))


def test_errors_in_a_workbook_are_told_by_row(catalogue: Catalogue, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (["entry_id", "title", "years"], [1, "x", "1965-1961"], [None, "y"], [3, "z", None, "more"]):
        book.active.append(row)
    book.save(tmp_path / "book.xlsx")
    assert refused(catalogue, tmp_path / "book.xlsx") == [
        "book.xlsx: 3 errors, nothing imported",
        "  row 2: years '1965-1961' run backwards; write the earlier year first",
        "  row 3: no entry_id; give the entry its number",
        "  row 4: 4 cells, but the header has 3",
    ]
    (tmp_path / "no.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    assert refused(catalogue, tmp_path / "no.xlsx")[0].startswith("no.xlsx: no XLSX workbook")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[columns", "no TOML in UTF-8"),
        ("[columns]\ntitle = 'x'", r"\[columns\] has no entry_id"),
        ("[columns]\nentry_id = 5", r"\[columns\] entry_id = 5; give a text"),
        ("[columns]\nname = 'x'", r"\[columns\] 'name' is none of entry_id, number"),
        ("[colums]\nentry_id = 'x'", r"'colums' is none of the tables \[columns\]"),
        ("[columns]\nentry_id = 'x'\n[table]\nheader = 'x'", r"\[table\] header = 'x'; give a row's number"),
    ],
)
def test_what_is_wrong_with_a_map_is_told(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(CatalogueError, match=what):
        read_map(tmp_path / "map.toml")


def test_a_map_whose_columns_the_table_lacks_is_told(catalogue: Catalogue) -> None:
    table = SAMPLES / "table_russian.csv"
    with pytest.raises(CatalogueError, match=r"no header with the columns of the map \(номер\)"):
        import_source(catalogue, table, mapping=ColumnMap({"entry_id": ("Номер",)}))
    with pytest.raises(CatalogueError, match=r"line 3: no column 'номер'; the header reads: №, Название"):
        import_source(catalogue, table, mapping=ColumnMap({"entry_id": ("Номер",)}, header=3))
    assert catalogue.count() == 0


def test_addresses_in_a_table_are_wanted_and_must_be_of_the_web(catalogue: Catalogue, tmp_path: Path) -> None:
    table = tmp_path / "catalogue.csv"
    table.write_text("entry_id,image,role,licence,source\n1,https://example.org/a.jpg,reverse,CC0,me\n")
    assert import_source(catalogue, table).wanted_new == 1
    assert wanted(catalogue) == [
        WantedPicture(1, "1", "https://example.org/a.jpg", Role.REVERSE, "CC0", "me"),
    ]
    table.write_text("entry_id,image\n1,ftp://example.org/a.jpg\n2,file:///etc/passwd\n3,https:///a.jpg\n")
    message = refused(catalogue, table)
    assert [line.partition(":")[0] for line in message] == ["catalogue.csv", *(f"  line {n}" for n in (2, 3, 4))]
    assert "'ftp://example.org/a.jpg' is not of the web; give one that begins with http:// or https://" in message[1]


# Damaged in ways that nobody thought of


def spoilt(value: object, moments: random.Random) -> object:
    """A copy of a JSON value in which some values became others and some are gone."""
    if moments.random() < 0.04:
        return moments.choice([None, True, -1, 1.5, "", "x", [], {}, [[]], "\ud800", "\x00", "9" * 30, {"id": None}])
    if isinstance(value, dict):
        return {key: spoilt(one, moments) for key, one in value.items() if moments.random() > 0.02}
    if isinstance(value, list):
        return [spoilt(one, moments) for one in value if moments.random() > 0.02]
    return value


@pytest.mark.parametrize(
    "name",
    [
        *("goskatalog_dump.json", "goskatalog_exhibit.json", "smithsonian.jsonl", "commons_entities.json"),
        *("colnect_english.csv", "table_russian.csv"),
    ],
)
def test_whatever_stands_in_a_file_it_is_imported_or_refused(catalogue: Catalogue, tmp_path: Path, name: str) -> None:
    moments, good = random.Random(name), (SAMPLES / name).read_bytes()
    path = tmp_path / name
    kind = name.partition("_")[0].partition(".")[0]
    refusals = 0
    for turn in range(100):
        lines = good.splitlines() if name.endswith("l") else [good]
        if name.endswith(("json", "jsonl")) and turn % 2:
            path.write_text("\n".join(json.dumps(spoilt(json.loads(line), moments)) for line in lines if line))
        else:
            data = bytearray(good)
            for _ in range(moments.randint(1, 5)):
                at = moments.randrange(len(data))
                data[at : at + moments.choice([0, 1, 30])] = moments.choice(
                    [b"\x00", b"\xff", b'"', b",", b"\n", b"]", b""]
                )
            path.write_bytes(data)
        before = catalogue.count(), len(wanted(catalogue)), len(catalogue.history())
        try:
            mapping = read_map(SAMPLES / "table_russian.toml") if kind == "table" else None
            import_source(catalogue, path, kind, mapping)
        except CatalogueError:
            refusals += 1
            assert (catalogue.count(), len(wanted(catalogue)), len(catalogue.history())) == before
    assert refusals > 0


# Foreseen


def test_a_dry_run_tells_every_difference_and_changes_nothing(catalogue: Catalogue, tmp_path: Path) -> None:
    table = tmp_path / "catalogue.csv"
    draw(tmp_path / "a.jpg", 1)
    draw(tmp_path / "b.jpg", 2)
    head = "entry_id,title,years,identifiers,image,role\n"
    table.write_text(head + "1,Ёлка,1961,avers:5,a.jpg,face\n2,Ель,,,,\n")
    import_source(catalogue, table)
    file = catalogue.images()[0].file
    before = catalogue.entries(), catalogue.images(), sorted(catalogue.picture_folder.iterdir()), wanted(catalogue)
    rows = "1,Ёлка,1961-65,avers:5;own:7,a.jpg,mark\n2,Ель,,,https://example.org/x.jpg,\n3,Новый,,,b.jpg,\n"
    table.write_text(head + rows)
    report = import_source(catalogue, table, dry_run=True)
    after = catalogue.entries(), catalogue.images(), sorted(catalogue.picture_folder.iterdir()), wanted(catalogue)
    assert after == before
    assert report.differences[:-2] == (
        Difference("1", "year_to", "1961", "1965"),
        Difference("1", "years_text", "1961", "1961-65"),
        Difference("1", "identifiers", "avers:5", "avers:5; own:7"),
        Difference("3", "entry", "", "Новый"),
        Difference("1", "photo", f"face, {file}", f"mark, {file}"),
    )
    assert [(one.entry_id, one.what, one.before) for one in report.differences[-2:]] == [
        ("3", "photo", ""),
        ("2", "address", ""),
    ]
    done = import_source(catalogue, table)
    counts = ("rows", "entries_new", "entries_changed", "entries_same", "images_new", "images_changed", "wanted_new")
    assert [getattr(report, name) for name in counts] == [getattr(done, name) for name in counts]
    assert import_source(catalogue, table, dry_run=True).differences == ()


def test_a_dry_run_refuses_what_an_import_would(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match="4 errors, nothing would be imported"):
        import_source(catalogue, SAMPLES / "goskatalog_broken.json", dry_run=True)


# The command


def run(*arguments: object) -> Result:
    return CliRunner(env={"ZNACHKI_DATA": None}).invoke(main, [str(one) for one in arguments])


def test_the_command_guesses_a_map_foresees_and_imports_by_it(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("№;Название;Год\n1;Ёлка;1961\n2;Ель;\n")
    guessed = run("import", "--guess", table)
    assert guessed.exit_code == 0
    (tmp_path / "map.toml").write_text(guessed.output)
    data = ("--data", tmp_path / "data")
    foreseen = run("import", table, "--map", tmp_path / "map.toml", "--dry-run", *data)
    assert foreseen.output.splitlines() == [
        "2 rows read",
        "entries: 2 new, 0 changed, 0 the same",
        "photos:  0 new, 0 changed, 0 the same",
        "+ 1  entry: Ёлка",
        "+ 2  entry: Ель",
        "nothing was changed",
    ]
    assert not (tmp_path / "data").exists()
    assert run("import", table, "--map", tmp_path / "map.toml", *data).exit_code == 0
    table.write_text("№;Название;Год\n1;Ёлка;1962\n2;Ель;\n")
    foreseen = run("import", table, "--map", tmp_path / "map.toml", "--dry-run", *data)
    assert "~ 1  years_text: 1961 -> 1962" in foreseen.output
    assert run("import", "--guess", table, "--dry-run").exit_code == 2


def test_the_command_imports_by_a_named_format_and_tells_what_is_wanted(tmp_path: Path) -> None:
    data = ("--data", tmp_path / "data")
    done = run("import", SAMPLES / "goskatalog_dump.json", "--format", "goskatalog", *data)
    assert "wanted:  2 addresses more; `znachki fetch` brings the pictures" in done.output
    done = run("import", SAMPLES / "goskatalog_broken.json", *data)
    assert done.exit_code == 1
    assert "record 1: no regNumber" in done.output
    assert set(entries.FORMATS) == set(FORMATS)


def test_the_command_writes_for_opennumismat_and_takes_back_what_was_changed_there(tmp_path: Path) -> None:
    data = ("--data", tmp_path / "data")
    (tmp_path / "c.csv").write_text("entry_id,title,technique\n1,Ёлка,эмаль\n")
    run("import", tmp_path / "c.csv", *data)
    assert (
        run("export-opennumismat", tmp_path / "out.db", *data).output == f"1 entry written to {tmp_path / 'out.db'}\n"
    )
    with closing(sqlite3.connect(tmp_path / "out.db")) as connection, connection:
        connection.execute("UPDATE coins SET title = 'Ель', rarity = 'R3'")
    assert "0 new, 1 changed" in run("import", tmp_path / "out.db", *data).output
    with Catalogue.open(tmp_path / "data") as catalogue:
        [entry] = catalogue.entries()
    assert (entry.title, entry.technique, entry.rarity) == ("Ель", "эмаль", "R3")


def test_every_format_is_a_module_with_samples() -> None:
    names = {path.name.partition("_")[0].partition(".")[0] for path in SAMPLES.iterdir()}
    assert set(FORMATS) - {"folder"} <= names
