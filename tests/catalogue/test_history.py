"""Every change is kept, says who, when and what, and can be undone; numbers outlive merging and withdrawal."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from click.testing import CliRunner

from recognizer.catalogue import history, migrations
from recognizer.catalogue.history import ChangedRow
from recognizer.catalogue.store import DATABASE, REMOVED, Catalogue
from recognizer.cli import main
from recognizer.collecting.holdings import Collection
from recognizer.errors import CatalogueError, EntryNotFound
from recognizer.types import CatalogueEntry, Role, Status

SHIP = CatalogueEntry("ship", number="1", title="Крейсер", identifiers=(("avers", "8-12"), ("own", "7")))
COPY = CatalogueEntry("copy", number="2", title="Крейсер, копия", identifiers=(("konros", "5/1"),))
STAR = CatalogueEntry("star", number="3", title="Звезда")


@pytest.fixture
def catalogue(tmp_path: Path, url: str | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalogue]:
    monkeypatch.setenv("ZNACHKI_USER", "вера")
    if url is not None:
        monkeypatch.setenv("ZNACHKI_DATABASE", url)
    with Catalogue.open(tmp_path / "data", url=url, create=True) as opened:
        opened.upsert([SHIP, COPY, STAR])
        yield opened


def photo(name: str) -> bytes:
    return name.encode() * 20


def snapshot(catalogue: Catalogue) -> object:
    files = sorted(path.name for path in catalogue.picture_folder.iterdir())
    relations = {entry.entry_id: catalogue.relations(entry.entry_id) for entry in catalogue.entries()}
    return catalogue.entries(), catalogue.images(), relations, Collection(catalogue).holdings(), files


def last(catalogue: Catalogue) -> int:
    return catalogue.history(limit=1)[0].change_id


def test_a_change_says_who_when_and_what_before_and_after(catalogue: Catalogue) -> None:
    catalogue.upsert([replace(SHIP, title="Аврора"), replace(STAR)])
    change = catalogue.history()[0]
    assert (change.who, change.what, change.rows) == ("вера", "entries stored", 1)
    assert datetime.now(UTC) - datetime.fromisoformat(change.at) < timedelta(minutes=1)
    assert catalogue.changed_rows(change.change_id) == [
        ChangedRow("entry", "ship", {"title": "Крейсер"}, {"title": "Аврора"})
    ]


@pytest.fixture(params=[history.BATCH, 1], ids=["held", "written at once"])
def noted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold what a transaction notes to its end, or write each row down as soon as it is noted."""
    monkeypatch.setattr(history, "BATCH", request.param)


@pytest.mark.usefixtures("noted")
def test_one_transaction_is_one_change_and_nothing_changed_is_none(catalogue: Catalogue) -> None:
    before = len(catalogue.history())
    with catalogue.transaction("import pins.csv"):
        catalogue.upsert([replace(SHIP, title="x")])
        catalogue.upsert([replace(SHIP, title="Аврора"), CatalogueEntry("new")])
        catalogue.add_image("new", photo("a"), ".jpg")
    change, *others = catalogue.history()
    assert (change.what, change.rows, len(others)) == ("import pins.csv", 3, before)
    assert catalogue.changed_rows(change.change_id, "ship")[0].after == {"title": "Аврора"}
    with catalogue.transaction():
        catalogue.upsert([replace(SHIP, title="y")])
        catalogue.upsert([replace(SHIP, title="Аврора")])
    assert last(catalogue) == change.change_id


def test_what_was_dropped_is_not_in_the_history(catalogue: Catalogue) -> None:
    def work() -> None:
        with catalogue.transaction():
            catalogue.upsert([replace(SHIP, title="x")])
            catalogue.upsert([CatalogueEntry("")])

    before = last(catalogue)
    with pytest.raises(CatalogueError):
        work()
    assert last(catalogue) == before


@pytest.mark.usefixtures("noted")
def test_a_transaction_that_comes_and_goes_is_undone_whole(catalogue: Catalogue) -> None:
    image = catalogue.add_image("ship", photo("a"), ".jpg")
    before = snapshot(catalogue)
    with catalogue.transaction("much"):
        catalogue.upsert([replace(SHIP, title="x", series="y"), replace(STAR, number="9")])
        catalogue.upsert([replace(SHIP, title="x", theme=("Флот",), identifiers=()), STAR, CatalogueEntry("new")])
        catalogue.add_images([replace(image, role=Role.MARK)])
        catalogue.remove_image(image.image_id)
        catalogue.add_image("new", photo("b"), ".jpg")
        catalogue.upsert([replace(CatalogueEntry("new"), title="late")])
        catalogue.merge("copy", "ship")
    change = catalogue.history()[0]
    told = {(row.kind, row.entry_id): (row.before, row.after) for row in catalogue.changed_rows(change.change_id)}
    assert told.keys() == {("entry", "ship"), ("entry", "new"), ("entry", "copy"), ("image", "ship"), ("image", "new")}
    assert told["entry", "ship"] == (
        {"title": "Крейсер", "theme": [], "identifiers": [["avers", "8-12"], ["own", "7"]]},
        {"title": "x", "theme": ["Флот"], "identifiers": []},
    )
    assert told["entry", "new"] == (None, {"entry_id": "new", "number": "new", "title": "late", "status": "active"})
    assert told["image", "ship"][1] is None
    catalogue.undo(change.change_id)
    assert snapshot(catalogue) == before


@pytest.mark.usefixtures("noted")
def test_every_kind_of_change_is_undone_and_done_again(catalogue: Catalogue) -> None:
    collection = Collection(catalogue)
    catalogue.add_image("ship", photo("a"), ".jpg", licence="CC0")
    kept = catalogue.add_image("copy", photo("b"), ".jpg")
    collection.own("ship", 2, "Флот")
    changes = [
        lambda: catalogue.upsert(
            [replace(SHIP, title="Аврора", identifiers=()), CatalogueEntry("new", theme=("Флот",))]
        ),
        lambda: catalogue.add_image("star", photo("c"), ".jpg"),
        lambda: catalogue.add_images([replace(kept, role=Role.REVERSE)]),
        lambda: catalogue.remove_image(kept.image_id),
        lambda: catalogue.relate("ship", "variant", "copy"),
        lambda: collection.own("ship", 5, "Флот"),
        lambda: collection.own("star"),
        lambda: collection.sell("ship", 2),
        lambda: catalogue.merge("ship", "star"),
        lambda: catalogue.withdraw("star"),
    ]
    for change in changes:
        before = snapshot(catalogue)
        change()
        number, after = last(catalogue), snapshot(catalogue)
        undone = catalogue.undo(number)
        assert snapshot(catalogue) == before
        assert undone.undoes == number
        assert catalogue.history()[1].undone_by == undone.change_id
        again = catalogue.undo(undone.change_id)
        assert snapshot(catalogue) == after
        catalogue.undo(again.change_id)
        assert snapshot(catalogue) == before


def test_a_photo_that_comes_back_keeps_its_id_and_its_picture(catalogue: Catalogue) -> None:
    image = catalogue.add_image("ship", photo("a"), ".jpg")
    catalogue.remove_image(image.image_id)
    assert [path.name for path in (catalogue.folder / REMOVED).iterdir()] == [image.file]
    catalogue.undo(last(catalogue))
    assert catalogue.image(image.image_id) == image
    assert catalogue.picture_path(image).read_bytes() == photo("a")
    catalogue.remove_image(image.image_id)
    (catalogue.folder / REMOVED / image.file).unlink()
    with pytest.raises(CatalogueError, match="no such picture, and the photo cannot come back without"):
        catalogue.undo(last(catalogue))
    assert catalogue.images() == []


def test_what_was_changed_again_is_not_undone_and_the_later_change_is_named(catalogue: Catalogue) -> None:
    catalogue.upsert([replace(SHIP, title="x"), replace(STAR, title="y")])
    first = last(catalogue)
    catalogue.upsert([replace(STAR, title="z")])
    second = last(catalogue)
    with pytest.raises(
        CatalogueError,
        match=f"change {first} cannot be undone: entry 'star' was changed again since by change {second};",
    ):
        catalogue.undo(first)
    assert catalogue.entry("ship").title == "x"
    catalogue.undo(second)
    catalogue.undo(first)
    assert catalogue.entries() == [SHIP, COPY, STAR]


def test_an_entry_with_later_photos_or_holdings_does_not_go(catalogue: Catalogue) -> None:
    Collection(catalogue).own("star")
    with pytest.raises(CatalogueError, match="entry 'star' has since got a row in holding; `znachki history star`"):
        catalogue.undo(1)
    assert catalogue.count() == 3


def test_a_change_is_undone_once(catalogue: Catalogue) -> None:
    catalogue.upsert([replace(SHIP, title="x")])
    number = last(catalogue)
    undone = catalogue.undo(number)
    with pytest.raises(CatalogueError, match=f"undone already; undo change {undone.change_id} to bring it back"):
        catalogue.undo(number)
    with pytest.raises(CatalogueError, match="no change 99 in the history"):
        catalogue.undo(99)


def test_the_history_of_one_entry_is_found_by_any_number_and_after_it_is_gone(catalogue: Catalogue) -> None:
    catalogue.upsert([replace(STAR, title="x")])
    assert [change.change_id for change in catalogue.history("Аверс 8-12")] == [1]
    catalogue.upsert([CatalogueEntry("short")])
    catalogue.undo(last(catalogue))
    assert len(catalogue.history("short")) == 2
    with pytest.raises(EntryNotFound):
        catalogue.history("never")


# Numbers


def test_a_number_is_found_in_any_writing(catalogue: Catalogue) -> None:
    for asked in ("avers:8-12", "Аверс т. 8 № 012", "8/12", "АВЕРС: 8/12", "свой 7", "№ 1"):
        assert catalogue.entry(asked) == SHIP
    for asked in ("konros:8-12", "8-13", "№", "", "avers:"):
        with pytest.raises(EntryNotFound):
            catalogue.entry(asked)


def test_a_merged_entrys_numbers_lead_to_the_one_that_took_it_over(catalogue: Catalogue) -> None:
    answer = catalogue.merge("8-12", "konros 5/1")
    assert (answer.entry, answer.note) == (COPY, "1 was merged into copy")
    for asked in ("ship", "1", "avers:8-12", "own:7"):
        assert catalogue.lookup(asked).entry == COPY
    catalogue.merge("copy", "star")
    assert catalogue.lookup("1").note == "1 was merged into copy, 2 was merged into star"
    assert catalogue.lookup("1").entry == STAR
    assert catalogue.taken_over() == {"ship": "star", "copy": "star"}
    assert catalogue.entry("1").status is Status.MERGED


def test_photos_and_holdings_go_to_the_entry_that_took_over(catalogue: Catalogue) -> None:
    both = [catalogue.add_image(entry_id, photo("same"), ".jpg") for entry_id in ("ship", "copy")]
    only = catalogue.add_image("ship", photo("only"), ".jpg", Role.REVERSE, licence="CC0")
    for collector in ("", "Лена"):
        collection = Collection(catalogue, collector)
        collection.own("ship", 2)
        collection.own("copy", 3)
        collection.wish("ship")
    catalogue.merge("ship", "copy")
    assert catalogue.images() == [both[1], replace(only, entry_id="copy")]
    assert Collection(catalogue, "Лена").owned() == Collection(catalogue).owned() == {"copy": 5}
    assert catalogue.add_image("ship", photo("only"), ".jpg", Role.REVERSE, licence="CC0").image_id == only.image_id
    catalogue.undo(last(catalogue))
    assert catalogue.images() == [*both, only]
    assert Collection(catalogue).owned() == {"ship": 2, "copy": 3}


def test_a_withdrawn_entry_answers_and_says_so(catalogue: Catalogue) -> None:
    catalogue.withdraw("avers:8-12")
    assert catalogue.lookup("8-12").note == "ship was withdrawn"
    with pytest.raises(CatalogueError, match="'ship' was withdrawn already"):
        catalogue.withdraw("ship")
    with pytest.raises(CatalogueError, match="'ship' was withdrawn; name one that is in use"):
        catalogue.merge("copy", "ship")


def test_merging_in_a_circle_or_with_itself_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match="'8-12' and 'ship' are both entry 'ship'"):
        catalogue.merge("8-12", "ship")
    catalogue.merge("ship", "copy")
    with pytest.raises(CatalogueError, match="both entry 'copy'"):
        catalogue.merge("copy", "ship")
    with pytest.raises(CatalogueError, match="'ship' was merged already"):
        catalogue.merge("ship", "star")


def test_collisions_are_those_of_active_entries(catalogue: Catalogue) -> None:
    assert catalogue.collisions() == []
    catalogue.upsert([replace(STAR, number="2", identifiers=(("avers", "т. 8 № 12"), ("konros", "9/9")))])
    assert [(c.system, c.number, c.entry_ids) for c in catalogue.collisions()] == [
        ("avers", "8-12", ("ship", "star")),
        ("number", "2", ("copy", "star")),
    ]
    catalogue.merge("star", "ship")
    assert catalogue.collisions() == []


def test_a_catalogue_of_the_first_form_is_brought_forward(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / DATABASE}")
    with engine.begin() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO entry (entry_id, number, words) VALUES ('a', '№ 012', ' 012')")
        connection.exec_driver_sql("INSERT INTO identifier (entry_id, system, number) VALUES ('a', 'avers', '8/1')")
    engine.dispose()
    with Catalogue.open(tmp_path) as catalogue:
        assert catalogue.entry("12").entry_id == catalogue.entry("т. 8 № 1").entry_id == "a"
        catalogue.withdraw("a")


def test_the_catalogues_of_these_tests_have_the_tables_that_the_steps_make(tmp_path: Path) -> None:
    """All but the first are made by the statements that the steps ran for that one, see conftest.py."""
    (tmp_path / "steps").mkdir()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'steps' / DATABASE}")
    with engine.begin() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()
    names = ["steps", "first", "second"]
    made = []
    for name in names:
        Catalogue.open(tmp_path / name, create=True).close()
        with closing(sqlite3.connect(tmp_path / name / DATABASE)) as database:
            made.append("\n".join(database.iterdump()))
    assert "CREATE TABLE" in made[0]
    assert made == [made[0]] * len(names)


# The command line


def znachki(catalogue: Catalogue, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, [*arguments, "--data", str(catalogue.folder)])
    assert done.exit_code == code, done.output
    return done.output


def test_commands_merge_tell_and_undo(catalogue: Catalogue) -> None:
    assert znachki(catalogue, "merge", "ship", "copy") == "1 was merged into copy; change 2\n"
    said = znachki(catalogue, "numbers", "avers:8-12")
    assert said.splitlines() == [
        "note: 1 was merged into copy",
        "copy  Крейсер, копия",
        "  number  2",
        "  konros  5/1",
        "  avers 8-12, of ship",
        "  own 7, of ship",
    ]
    assert "status: 'active' -> 'merged'" in znachki(catalogue, "history", "ship")
    assert "undo of 2: merge ship into copy" in znachki(catalogue, "undo", "2")
    assert "ship was withdrawn; change 4" in znachki(catalogue, "withdraw", "ship")
    assert "(undone by 3)" in znachki(catalogue, "history")
    assert '"undoes": 2' in znachki(catalogue, "history", "ship", "--json")
    assert "no change 99" in znachki(catalogue, "undo", "99", code=1)


def test_numbers_are_added_taken_away_and_looked_through(catalogue: Catalogue) -> None:
    said = znachki(catalogue, "numbers", "star", "--add", "Аверс:8-12", "--add", "goskatalog:КП 5", "--add", "own:1")
    assert "goskatalog numbers are not usually like 'КП 5'" in said
    assert "avers 8-12: ship, star\n1 number of several entries" in znachki(
        catalogue, "numbers", "--collisions", code=1
    )
    assert "star: goskatalog number 'КП 5'" in znachki(catalogue, "numbers", "--malformed", code=1)
    znachki(catalogue, "numbers", "star", "--remove", "avers:8/12", "--remove", "goskatalog:КП5")
    assert znachki(catalogue, "numbers", "--collisions", "--malformed").splitlines() == [
        "0 numbers of several entries",
        "0 malformed numbers",
    ]
    assert catalogue.entry("star").identifiers == (("own", "1"),)
    assert "has no number konros:1" in znachki(catalogue, "numbers", "star", "--remove", "konros:1", code=2)
    assert "give a NUMBER" in znachki(catalogue, "numbers", code=2)


def test_show_leads_on_from_a_merged_entry_and_says_so(catalogue: Catalogue) -> None:
    catalogue.merge("ship", "copy")
    assert znachki(catalogue, "show", "avers:8-12").startswith("note: 1 was merged into copy\n")
    catalogue.withdraw("star")
    assert "note: star was withdrawn" in znachki(catalogue, "show", "star")
