"""What the pins of a lot are to a collector, which lot gives most for its price, and owning a lot that was bought."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from recognizer.catalogue.store import Catalogue
from recognizer.cli import main
from recognizer.collecting.holdings import Collection
from recognizer.collecting.jobs import Job
from recognizer.collecting.listings import Listing
from recognizer.collecting.lot_marks import Mark, Marker, Seen, Value, ranked, to_own
from recognizer.errors import CatalogueError
from recognizer.reports import lot_report
from recognizer.types import CatalogueEntry, Status, Verdict


@pytest.fixture
def collection(tmp_path: Path, url: str | None) -> Iterator[Collection]:
    """A collection that owns 1 and 2, wishes for 4, and lacks 3 to 5; 0 was merged into 1."""
    with Catalogue.open(tmp_path / "data", url=url, create=True) as catalogue:
        catalogue.upsert(CatalogueEntry(str(number)) for number in range(1, 6))
        catalogue.upsert([CatalogueEntry("0", status=Status.MERGED, merged_into="1")])
        made = Collection(catalogue)
        made.own("1", 2, "Космос")
        made.own("2")
        made.wish("4")
        yield made


def pin(entry_id: str | None, verdict: Verdict = Verdict.MATCH, *variants: str) -> Seen:
    return Seen(entry_id, 0.9, verdict, variants)


def marks(collection: Collection, *pins: Seen) -> list[str]:
    return [str(mark) for mark in Marker(collection).marks(pins)]


# Marks


def test_pins_are_owned_or_missing_and_copies_of_a_missing_one_are_told(collection: Collection) -> None:
    pins = [pin("1"), pin("3"), pin("1"), pin("3"), pin("4"), pin("0"), pin("3")]
    assert marks(collection, *pins) == ["owned", "missing", "owned", "again", "missing", "owned", "again"]


def test_only_what_is_sure_is_marked(collection: Collection) -> None:
    unsure = [pin("1", Verdict.FAMILY, "2"), pin("1", Verdict.FAMILY, "3"), pin("3", Verdict.FAMILY, "5")]
    assert marks(collection, *unsure) == ["owned", "unsure", "missing"]
    none = [pin("3", Verdict.UNKNOWN), pin("1", Verdict.UNKNOWN), pin(None, Verdict.UNKNOWN)]
    assert marks(collection, *none, pin(None, Verdict.NOT_A_PIN)) == ["unknown", "unknown", "unknown", ""]


def test_a_pin_is_better_only_where_all_copies_and_the_lot_are_graded(collection: Collection) -> None:
    collection.own("1", 2, "Космос", condition="worn")
    pins = [pin("1"), pin("2"), pin("3"), pin("1", Verdict.FAMILY, "2"), pin("0")]
    assert Marker(collection).marks(pins, "good") == ["better", "owned", "missing", "owned", "better"]
    for grade in ("", "damaged", "worn"):
        assert Marker(collection).marks([pin("1")], grade) == ["owned"]
    value = Marker(collection).value([pins], condition="good")
    assert (value.owned, value.missing, value.better) == (("1", "2"), ("3",), ("1",))
    collection.own("1", 1, "Дубли", condition="mint")
    assert Marker(collection).marks([pin("1")], "good") == ["owned"]
    collection.own("1", 1, "Дубли", condition="good")
    assert Marker(collection).marks([pin("1")], "fine") == ["better"]
    collection.own("1", 1, "Прочее")
    assert Marker(collection).marks([pin("1")], "mint") == ["owned"]


def test_another_collector_lacks_what_this_one_owns(collection: Collection) -> None:
    other = Marker(Collection(collection.catalogue, "Вера"))
    assert other.marks([pin("1")]) == [Mark.MISSING]
    assert (other.is_of_use, Marker(collection).is_of_use) == (False, True)


def test_a_lot_is_summed_up_with_each_entry_once(collection: Collection) -> None:
    pictures = [[pin("1"), pin("3"), pin("3"), pin("4")], [pin("3"), pin("5", Verdict.FAMILY, "1"), pin("2")]]
    value = Marker(collection).value(pictures, Decimal(9), "EUR")
    assert value == Value(("1", "2"), ("3", "4"), ("4",), 1, Decimal(9), "EUR")
    assert value.price_each == Decimal("4.5")


def test_lots_are_ranked_by_missing_pins_for_their_price() -> None:
    def lot(missing: int, price: float | None = None, currency: str = "EUR") -> Value:
        lacking = tuple(map(str, range(missing)))
        return Value((), lacking, (), 0, None if price is None else Decimal(str(price)), currency)

    lots = [lot(1, 5), lot(4, 10), lot(0, 1), lot(2), lot(3), lot(9, 9, "USD"), lot(4, 10), lot(1, 0), lot(0)]
    assert ranked(lots) == [7, 1, 6, 0, 5, 4, 3, 2, 8]


def test_a_lot_on_several_pictures_is_owned_once() -> None:
    pictures = [
        [pin("1"), pin("2"), pin("3", Verdict.FAMILY)],
        [pin("1"), pin("1"), pin("4", Verdict.UNKNOWN), pin("2")],
    ]
    assert to_own(pictures) == [[False, True, False], [True, True, False, False]]


# Owning a lot


COLUMNS = "entry_id,number,own\n"


def test_a_reviewed_table_is_counted_to_what_is_owned_once(collection: Collection, tmp_path: Path) -> None:
    table = tmp_path / "pins.csv"
    table.write_text(COLUMNS + "1,1,1\n3,3,1\n3,3,1\n4,4,\n,,\n5,5,0\n2,2,2\n", encoding="utf-8")
    assert collection.take_lot(table) == 5
    assert collection.owned() == {"1": 3, "2": 3, "3": 2}
    with pytest.raises(CatalogueError, match=r"pins\.csv: counted before; `znachki undo (\d+)` takes that back"):
        collection.take_lot(table)
    collection.catalogue.undo(collection.catalogue.history()[0].change_id)
    assert collection.owned() == {"1": 2, "2": 1}
    assert collection.take_lot(table) == 5
    table.write_text(COLUMNS + "4,4,1\n", encoding="utf-8")
    assert collection.take_lot(table, "Флот") == 1
    assert [held.jar for held in collection.holdings()["4"]] == ["Флот"]


def test_what_is_wrong_with_a_reviewed_table_is_told_by_line_and_nothing_counted(
    collection: Collection, tmp_path: Path
) -> None:
    collection.own("1", 1, "Флот")
    table = tmp_path / "pins.csv"
    table.write_text(COLUMNS + "3,3,1\n,,1\n4,4,x\n77,77,1\n1,1,1\n", encoding="utf-8")
    before = collection.holdings()
    with pytest.raises(CatalogueError) as told:
        collection.take_lot(table)
    first, *lines = str(told.value).splitlines()
    assert first == "pins.csv: 4 rows wrong, nothing changed"
    said = ["no entry_id", "own 'x' is no number", "no entry '77'", "'1' is in several jars"]
    assert [f"  line {line}: {what}" in one for line, what, one in zip((3, 4, 5, 6), said, lines, strict=True)]
    assert all(what in line for what, line in zip(said, lines, strict=True))
    assert collection.holdings() == before


# The report


def answered(folder: Path, *lots: tuple[str, str, list[list[str]]]) -> Job:
    """A job of lots: key, price, and for each picture the entry_ids that were found on it."""
    listings = []
    for key, price, pictures in lots:
        paths = [folder.parent / f"{key}-{number}.jpg" for number in range(len(pictures))]
        grade = "fine" if key == "graded" else ""
        listings.append(Listing(key, tuple(paths), f"Лот {key}", Decimal(price), "EUR", condition=grade))
    job = Job.open(folder, listings, "test")
    for task in job.tasks:
        pictures = next(pictures for key, _, pictures in lots if key == task.listing.key)
        found = [recognized(entry_id) for entry_id in pictures[task.listing.pictures.index(task.picture)]]
        job.keep(task, {"photo": task.picture.name, "recognitions": found, "width": 100, "height": 100})
    return job


def recognized(entry_id: str) -> dict[str, Any]:
    about = {
        "entry_id": entry_id,
        "number": f"К-{entry_id}",
        "title": "Значок",
        "title_en": "",
        "image_id": 1,
        "numbers": {},
    }
    pin = {"box": [0, 0, 9, 9], "outline": None, "score": 1.0, "checks": [], "members": [], "verdict": "match"}
    return pin | {"matches": [about | {"probability": 0.9, "numbers": {}}]}


def test_every_owned_and_missing_pin_of_a_report_is_marked_and_lots_are_ranked(
    collection: Collection, tmp_path: Path
) -> None:
    job = answered(tmp_path / "job", ("dear", "9", [["1", "3"]]), ("good", "4", [["4", "5", "5"], ["4", "2"]]))
    found = lot_report.write(job, Marker(collection))
    assert [lot["lot"] for lot in found["lots"]] == ["good", "dear"]
    assert found["lots"][0]["value"] == {
        "owned": ["2"],
        "missing": ["4", "5"],
        "wished": ["4"],
        "better": [],
        "unsure": 0,
        "price_each": 2.0,
    }
    with (job.folder / "pins.csv").open(encoding="utf-8-sig", newline="") as lines:
        told = [(row["entry_id"], row["mark"], row["own"]) for row in csv.DictReader(lines)]
    assert told == [
        *[("4", "missing", "1"), ("5", "missing", "1"), ("5", "again", "1"), ("4", "missing", ""), ("2", "owned", "1")],
        *[("1", "owned", "1"), ("3", "missing", "1")],
    ]
    page = (job.folder / "report.html").read_text(encoding="utf-8")
    assert page.count('<span class="said" lang="en">again</span>') == 1
    assert "не хватает" in page
    assert collection.take_lot(job.folder / "pins.csv") == 6
    assert collection.owned() == {"1": 3, "2": 2, "4": 1, "5": 2, "3": 1}


def test_a_report_tells_what_is_better_than_owned(collection: Collection, tmp_path: Path) -> None:
    collection.own("1", 2, condition="worn")
    job = answered(tmp_path / "job", ("graded", "9", [["1", "2"]]), ("dear", "9", [["1"]]))
    found = lot_report.write(Job.resume(job.folder), Marker(collection))
    marks = {lot["lot"]: [pin["mark"] for pin in lot["pictures"][0]["recognitions"]] for lot in found["lots"]}
    assert marks == {"graded": ["better", "owned"], "dear": ["owned"]}
    page = (job.folder / "report.html").read_text(encoding="utf-8")
    assert "лучше моего" in page
    assert [f'lang="ru">{words}</span>' in page for words in ("2 лота", "2 значка", "1 значок")] == [True, True, True]


def test_without_a_collection_a_report_marks_nothing(collection: Collection, tmp_path: Path) -> None:
    job = answered(tmp_path / "job", ("dear", "9", [["1"]]), ("good", "4", [["3"]]))
    found = lot_report.write(job)
    assert [lot["lot"] for lot in found["lots"]] == ["dear", "good"]
    assert "value" not in json.dumps(found)
    assert "не хватает" not in (job.folder / "report.html").read_text(encoding="utf-8")


def test_the_command_owns_a_table_that_was_looked_through(tmp_path: Path) -> None:
    data, table = tmp_path / "data", tmp_path / "pins.csv"
    with Catalogue.open(data, create=True) as catalogue:
        catalogue.upsert([replace(CatalogueEntry("1"), number="К-1")])
    table.write_text(COLUMNS + "1,К-1,1\n", encoding="utf-8")
    own = ["lot", "--own", str(table), "--data", str(data)]
    done = CliRunner().invoke(main, [*own, "--jar", "Космос"])
    assert (done.exit_code, done.output) == (0, "1 pin owned\n")
    assert "counted before" in CliRunner().invoke(main, own).output
    assert "leave sources and --yes out" in CliRunner().invoke(main, [*own, "--yes"]).output
