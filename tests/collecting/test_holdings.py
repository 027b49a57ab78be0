"""What a collector owns, wishes for, would swap and has sold; what is missing; the lists to take along."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import segno
from click.testing import CliRunner
from killing import TURNS, kills

from recognizer.catalogue.store import Catalogue
from recognizer.cli import main
from recognizer.collecting.holdings import LIST_COLUMNS, Collection, Holding, Kind, write_list
from recognizer.errors import CatalogueError, EntryNotFound
from recognizer.reports.want_sheet import qr_svg, write_sheet
from recognizer.types import CatalogueEntry
from recognizer.vision.photos import encode_jpeg

PINS = [
    CatalogueEntry("1", number="К-1", title="Спутник", theme=("Космос", "Спутники"), series="Восток"),
    CatalogueEntry("2", number="К-2", title="Гагарин", theme=("Космос",), series="Восток"),
    CatalogueEntry("3", number="К-3", title="Титов", theme=("Космос",), series="восток"),
    CatalogueEntry("4", number="Ф-1", title="Аврора <i>", theme=("Флот",), identifiers=(("avers", "8-12"),)),
]


@pytest.fixture
def catalogue(tmp_path: Path, url: str | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalogue]:
    if url is not None:
        monkeypatch.setenv("ZNACHKI_DATABASE", url)
    with Catalogue.open(tmp_path / "data", url=url, create=True) as opened:
        opened.upsert(PINS)
        yield opened


@pytest.fixture
def collection(catalogue: Catalogue) -> Collection:
    return Collection(catalogue)


def znachki(catalogue: Catalogue, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, [*arguments, "--data", str(catalogue.folder)])
    assert done.exit_code == code, done.output
    return done.output


# Owning


def test_owning_is_said_by_any_number_and_saying_it_again_changes_nothing(collection: Collection) -> None:
    for _ in range(2):
        held = collection.own("avers:8-12", 2, "Флот", price="5 р.")
    assert held == Holding("4", Kind.OWN, 2, "Флот", "5 р.")
    assert collection.owned() == {"4": 2}
    assert len(collection.catalogue.history()) == 2
    collection.own("4", 3, note="скол")
    assert collection.holdings(Kind.OWN) == {"4": [Holding("4", Kind.OWN, 3, "Флот", "5 р.", "скол")]}
    collection.own("4", 0)
    assert collection.holdings() == {}


def test_owned_pins_are_graded_and_merging_keeps_only_a_grade_of_all(collection: Collection, tmp_path: Path) -> None:
    assert collection.own("4", 2, condition="Fine").condition == "fine"
    assert collection.own("4", 3).condition == "fine"
    with pytest.raises(CatalogueError, match="condition 'tidy' is none of damaged, worn, good, fine, mint"):
        collection.own("4", condition="tidy")
    (tmp_path / "own.csv").write_text("number,condition\n1,worn\n2,\n", encoding="utf-8")
    collection.take_table(tmp_path / "own.csv", Kind.OWN)
    assert [held.condition for (held,) in collection.holdings(Kind.OWN).values()] == ["fine", "worn", ""]
    collection.own("3", condition="worn")
    collection.catalogue.merge("3", "1")
    collection.catalogue.merge("4", "1")
    assert collection.holdings(Kind.OWN)["1"] == [Holding("1", Kind.OWN, 5)]
    collection.catalogue.undo(collection.catalogue.history(limit=1)[0].change_id)
    assert [held.condition for held in collection.holdings(Kind.OWN)["1"]] == ["worn"]


def test_pins_lie_in_jars_and_are_not_counted_in_two(collection: Collection) -> None:
    collection.own("1")
    collection.own("1", 2, "Космос")
    assert collection.holdings() == {"1": [Holding("1", Kind.OWN, 2, "Космос")]}
    collection.own("1", 1, "Дубли")
    assert collection.owned() == {"1": 3}
    with pytest.raises(CatalogueError, match=r"'1' is in several jars \('Космос', 'Дубли'\); say which with --jar"):
        collection.own("1", 5)
    with pytest.raises(CatalogueError, match="several jars"):
        collection.sell("1")
    collection.sell("1", 1, "Дубли")
    assert collection.owned() == {"1": 2}


def test_pins_move_to_another_jar_and_join_those_that_lie_there(collection: Collection) -> None:
    collection.own("1", 2, "Box", condition="good")
    collection.own("1", 3, "Space")
    assert collection.move("К-1", "Box", " Space ") == Holding("1", Kind.OWN, 5, "Space")
    assert collection.holdings(Kind.OWN) == {"1": [Holding("1", Kind.OWN, 5, "Space")]}
    assert collection.move("1", "Space", "Space").count == 5
    assert collection.move("1", "Space", "") == Holding("1", Kind.OWN, 5)
    with pytest.raises(CatalogueError, match="none in jar 'Space'"):
        collection.move("1", "Space", "Box")
    collection.catalogue.undo(collection.catalogue.history()[0].change_id)
    assert collection.holdings(Kind.OWN)["1"][0].jar == "Space"


def test_a_wish_is_fulfilled_by_owning(collection: Collection) -> None:
    collection.wish("3", note="без скола")
    assert collection.wanted() == [(PINS[2], Holding("3", Kind.WISH, 1, note="без скола"))]
    collection.own("3")
    assert collection.wanted() == []
    collection.wish("2")
    collection.wish("2", 0)
    assert collection.wanted() == []


def test_only_owned_pins_are_swapped_and_sold(collection: Collection) -> None:
    with pytest.raises(CatalogueError, match="entry '1': 1 to swap, but 0 owned"):
        collection.swap("1")
    collection.own("1", 3)
    collection.swap("1", 2)
    assert collection.offered() == [(PINS[0], Holding("1", Kind.SWAP, 2))]
    with pytest.raises(CatalogueError, match="2 to swap, but 1 owned"):
        collection.own("1", 1)
    assert collection.owned() == {"1": 3}
    assert collection.sell("1", 2, price="100") == Holding("1", Kind.SOLD, 2, price="100")
    assert collection.offered()[0][1].count == 1
    with pytest.raises(CatalogueError, match="'1': 1 owned there, 2 cannot be sold"):
        collection.sell("1", 2)
    assert collection.sell("1").count == 3
    assert collection.holdings() == {"1": [Holding("1", Kind.SOLD, 3, price="100")]}


def test_collectors_who_share_a_catalogue_have_their_own_collections(collection: Collection) -> None:
    other = Collection(collection.catalogue, "Лена")
    collection.own("1")
    other.own("1", 5)
    assert (collection.owned(), other.owned()) == ({"1": 1}, {"1": 5})


@pytest.mark.parametrize("count", [-1, 10**7])
def test_counts_out_of_reason_are_refused(collection: Collection, count: int) -> None:
    with pytest.raises(CatalogueError, match=f"count {count}: give a number"):
        collection.own("1", count)
    with pytest.raises(EntryNotFound):
        collection.own("gone")
    collection.catalogue.withdraw("1")
    with pytest.raises(CatalogueError, match="'1' was withdrawn"):
        collection.own("1")


def test_a_table_is_taken_whole_or_not_at_all(collection: Collection, tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("Number;count;jar\nК-1;2;Космос\navers:8-12;;\n\n", encoding="utf-8-sig")
    for _ in range(2):
        assert collection.take_table(table, Kind.OWN, "Разное") == 2
    assert collection.holdings() == {
        "1": [Holding("1", Kind.OWN, 2, "Космос")],
        "4": [Holding("4", Kind.OWN, 1, "Разное")],
    }
    assert len(collection.catalogue.history()) == 2
    table.write_text("number,count\nК-2,1\nК-9,1\nК-3,many\n")
    with pytest.raises(CatalogueError) as told:
        collection.take_table(table, Kind.OWN)
    assert "mine.csv: 2 rows wrong, nothing changed\n  line 3: no entry 'К-9'" in str(told.value)
    assert "line 4: count 'many' is no number" in str(told.value)
    assert "2" not in collection.owned()
    for content, why in (("title\nx\n", "no column number"), ("\xff", "cannot be read as UTF-8")):
        table.write_bytes(content.encode("latin-1"))
        with pytest.raises(CatalogueError, match=why):
            collection.take_table(table, Kind.WISH)


# Missing


def test_what_is_missing_is_told_by_series_and_by_theme(collection: Collection) -> None:
    collection.own("1")
    found = collection.missing(series="ВОСТОК")
    assert ([entry.entry_id for entry in found.missing], round(found.percent)) == (["2", "3"], 33)
    assert [entry.entry_id for entry in collection.missing(theme="космос").missing] == ["2", "3"]
    assert collection.missing(theme="Космос / Спутники").percent == 100
    assert collection.missing(theme="спутники").owned == (PINS[0],)
    assert [entry.entry_id for entry in collection.missing().missing] == ["2", "3", "4"]
    with pytest.raises(CatalogueError, match="no entry of 'Спорт'"):
        collection.missing(theme="Спорт")
    assert [(group.name, round(group.percent)) for group in collection.progress("theme")] == [
        ("Космос", 33),
        ("Флот", 0),
    ]


def test_merged_and_withdrawn_pins_are_not_missing(collection: Collection) -> None:
    collection.own("1")
    collection.catalogue.merge("1", "2")
    collection.catalogue.withdraw("4")
    found = collection.missing()
    assert ([entry.entry_id for entry in found.owned], [entry.entry_id for entry in found.missing]) == (["2"], ["3"])


def test_commands_say_what_is_owned_and_what_is_missing(catalogue: Catalogue) -> None:
    assert znachki(catalogue, "own", "К-1", "avers:8-12", "--count", "2", "--jar", "Космос").splitlines() == [
        "own: 2 in Космос  К-1  Спутник",
        "own: 2 in Космос  Ф-1  Аврора <i>",
    ]
    assert (
        znachki(catalogue, "missing", "--series", "восток")
        == "К-2  Гагарин\nК-3  Титов\nвосток: 1 of 3, 33% complete\n"
    )
    assert "Космос: 1 of 3, 33% complete" in znachki(catalogue, "missing", "--by", "theme")
    assert '"percent": 33.33' in znachki(catalogue, "missing", "--theme", "Космос", "--json")
    assert znachki(catalogue, "swap", "1") == "swap: 1  К-1  Спутник\n"
    assert znachki(catalogue, "sold", "1", "--count", "2", "--price", "9") == "sold: 2  К-1  Спутник\n"
    assert "name pins by NUMBER" in znachki(catalogue, "wish", code=2)
    assert "no entry 'К-9'" in znachki(catalogue, "own", "К-2", "К-9", code=1)
    assert Collection(catalogue).owned() == {"4": 2}


# Lists


def test_the_want_list_is_a_table_that_can_be_taken_again(collection: Collection, tmp_path: Path) -> None:
    collection.own("1")
    collection.wish("2", note="в люкс")
    rows = collection.wanted(series="Восток")
    assert write_list(tmp_path / "wants.csv", rows) == 2
    table = list(csv.DictReader(io.StringIO((tmp_path / "wants.csv").read_text(encoding="utf-8"))))
    assert tuple(table[0]) == LIST_COLUMNS
    assert [(row["number"], row["note"]) for row in table] == [("К-2", "в люкс"), ("К-3", "")]
    other = Collection(collection.catalogue, "Лена")
    assert other.take_table(tmp_path / "wants.csv", Kind.WISH) == 2
    assert [entry.entry_id for entry, _ in other.wanted()] == ["2", "3"]


def test_the_sheet_has_pictures_and_codes_and_needs_nothing_else(collection: Collection, tmp_path: Path) -> None:
    catalogue = collection.catalogue
    catalogue.add_image("4", encode_jpeg(np.full((300, 300, 3), 90, np.uint8)), ".jpg")
    damaged = catalogue.add_image("1", b"no picture", ".jpg")
    rows = [(replace(entry), Holding(entry.entry_id, Kind.WISH, 2, price="10 р.")) for entry in PINS]
    assert write_sheet(tmp_path / "wants.html", catalogue, "Want-list", rows) == 4
    html = (tmp_path / "wants.html").read_text(encoding="utf-8")
    assert damaged.file not in html
    assert html.count("data:image/jpeg;base64,") == 1
    assert html.count("<svg") == 4
    assert html.count("no picture") == 3
    assert "Аврора &lt;i&gt;" in html
    assert "avers 8-12" in html
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", html)
    with pytest.raises(CatalogueError, match="cannot be written"):
        write_sheet(tmp_path / "nowhere" / "x.html", catalogue, "", [])


def test_a_code_holds_the_number_in_any_letters() -> None:
    svg = qr_svg("Ф-1")
    dark = sum(sum(row) for row in segno.make("Ф-1", error="m", micro=False).matrix)
    path = re.search(r' d="([^"]+)"', svg)
    assert path is not None
    assert sum(int(run) for run in re.findall(r"h(\d+)", path[1])) == dark


def test_commands_write_both_lists(catalogue: Catalogue, tmp_path: Path) -> None:
    znachki(catalogue, "own", "1", "--count", "2")
    znachki(catalogue, "swap", "1")
    assert "1 pin written to" in znachki(catalogue, "swaps", str(tmp_path / "s.csv"))
    assert (tmp_path / "s.csv").read_text(encoding="utf-8").splitlines()[1] == "К-1,Спутник,1,1,,,,"
    assert "1 pin written to" in znachki(catalogue, "wants", str(tmp_path / "w.html"), "--theme", "Флот")
    assert "Want-list · Флот · 1" in (tmp_path / "w.html").read_text(encoding="utf-8")


# Cut off


def test_owning_killed_at_any_moment_counts_nothing_twice_and_goes_on(tmp_path: Path) -> None:
    data, table = tmp_path / "data", tmp_path / "mine.csv"
    with Catalogue.open(data, create=True) as catalogue:
        catalogue.upsert(CatalogueEntry(f"e{number}") for number in range(60))
    table.write_text("number,count\n" + "".join(f"e{number},2\n" for number in range(60)))
    code = """
from pathlib import Path
from recognizer.catalogue.store import Catalogue
from recognizer.collecting.holdings import Collection, Kind
def work(data, table):
    while True:
        with Catalogue.open(data) as catalogue:
            collection = Collection(catalogue)
            for number in range(0, 60, 7):
                collection.own(f"e{number}", 3)
            collection.take_table(Path(table), Kind.OWN)
"""
    for _ in kills(code, [[data, table]] * TURNS, 0.25, seed=7):
        with Catalogue.open(data) as catalogue:
            held = Collection(catalogue).holdings()
            assert all(len(holdings) == 1 and holdings[0].count in (2, 3) for holdings in held.values())
            assert all(change.rows for change in catalogue.history())
    with Catalogue.open(data) as catalogue:
        assert Collection(catalogue).take_table(table, Kind.OWN) == 60
        assert Collection(catalogue).owned() == {f"e{number}": 2 for number in range(60)}
