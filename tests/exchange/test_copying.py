"""One catalogue on SQLite and on PostgreSQL: copied there and back without loss, exported, written by two at once."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from entries import GAGARIN

from recognizer.catalogue import database, tables
from recognizer.catalogue.exports import export_csv
from recognizer.catalogue.imports import import_csv
from recognizer.catalogue.store import DATABASE, Catalogue
from recognizer.cli import main
from recognizer.collecting.holdings import Collection
from recognizer.errors import CatalogueError
from recognizer.exchange.copying import transfer
from recognizer.types import CatalogueEntry, Role
from recognizer.vision.photos import encode_jpeg

SHIP = CatalogueEntry("2", number="2", title="Крейсер «Аврора»", year_from=1917, year_to=1917)

Server = Callable[[], str]


def fill(catalogue: Catalogue) -> None:
    """A catalogue with a row of every kind, and with ids that are gone."""
    catalogue.upsert([GAGARIN, SHIP, CatalogueEntry("old"), CatalogueEntry("gone")])
    catalogue.undo(catalogue.history()[0].change_id)
    catalogue.upsert([GAGARIN, SHIP, CatalogueEntry("old")])
    catalogue.relate("2", "variant", GAGARIN.entry_id)
    for name, role in (("a", Role.FACE), ("b", Role.REVERSE), ("c", Role.FACE)):
        last = catalogue.add_image("2", name.encode() * 50, ".jpg", role, licence="CC0", source=f"box {name}")
    catalogue.remove_image(last.image_id)
    collection = Collection(catalogue)
    collection.own("2", 3, "Флот")
    collection.swap("2")
    collection.sell("2")
    catalogue.merge("old", "2")


def everything(catalogue: Catalogue) -> dict[str, list[tuple[Any, ...]]]:
    found = sa.MetaData()
    with catalogue.database.reading() as connection:
        names = [name for name in sa.inspect(connection).get_table_names() if not name.startswith("entry_words")]
        found.reflect(connection, only=names)
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(
                    sa.select(*(table.c[name] for name in sorted(table.c.keys()))).order_by(*table.primary_key.columns)
                )
            ]
            for table in found.sorted_tables
        }


def test_a_copy_to_the_server_and_back_is_without_loss(tmp_path: Path, server: Server) -> None:
    url = server()
    with (
        Catalogue.open(tmp_path / "one", create=True) as one,
        Catalogue.open(tmp_path / "one", url=url) as there,
        Catalogue.open(tmp_path / "back", create=True) as back,
    ):
        fill(one)
        report = transfer(one, there)
        assert (report.rows["entry"], report.rows["image"], report.pictures) == (3, 2, 0)
        assert transfer(there, back).pictures == 2
        assert everything(one) == everything(there) == everything(back)
        exported = [
            export_csv(catalogue, catalogue.folder / name)
            for catalogue, name in ((one, "1.csv"), (there, "2.csv"), (back, "3.csv"))
        ]
        written = [
            path.read_bytes() for path in (tmp_path / "one/1.csv", tmp_path / "one/2.csv", tmp_path / "back/3.csv")
        ]
        assert written[0] == written[1] == written[2]
        assert exported[0].notes == ()
        gone = [max(catalogue.image_keys())[0] for catalogue in (one, there, back)]
        new = [catalogue.add_image("2", b"new" * 50, ".jpg").image_id for catalogue in (one, there, back)]
        assert new == [gone[0] + 2] * 3, "the id of a removed photo is not given again"
        assert back.search("аврора") == there.search("аврора") == [SHIP]
        for catalogue in (one, there, back):
            catalogue.undo(next(change.change_id for change in catalogue.history() if change.what.startswith("merge")))
        assert one.entries() == there.entries() == back.entries()


def test_a_copy_into_what_is_not_empty_is_refused_and_changes_nothing(tmp_path: Path, url: str | None) -> None:
    with (
        Catalogue.open(tmp_path / "one", create=True) as one,
        Catalogue.open(tmp_path / "two", url=url, create=True) as two,
    ):
        one.upsert([GAGARIN])
        two.upsert([SHIP])
        with pytest.raises(CatalogueError, match=r"not empty \(.*entry.*\); nothing was copied, name a new database"):
            transfer(one, two)
        assert two.entries() == [SHIP]


def test_a_picture_that_the_source_lacks_is_named_and_the_rest_copied(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "one", create=True) as one, Catalogue.open(tmp_path / "two", create=True) as two:
        fill(one)
        lost = one.images()[0]
        one.picture_path(lost).unlink()
        assert transfer(one, two).missing == [lost.file]
        assert two.images() == one.images()


def test_an_export_is_read_back_as_the_same_catalogue(tmp_path: Path, url: str | None) -> None:
    with Catalogue.open(tmp_path / "one", url=url, create=True) as one:
        one.upsert([GAGARIN, SHIP])
        for shade, role in ((10, Role.FACE), (200, Role.CLASP)):
            one.add_image("2", encode_jpeg(np.full((30, 30, 3), shade, np.uint8)), ".jpg", role, licence="CC0")
        report = export_csv(one, tmp_path / "out.csv")
        assert (report.entries, report.images, report.notes) == (2, 2, ())
        entries, images = one.entries(), one.images()
    with Catalogue.open(tmp_path / "two", create=True) as two:
        import_csv(two, tmp_path / "out.csv")
        assert two.entries() == [entries[0], replace(SHIP, years_text="1917")]
        without = [replace(image, image_id=0, source="") for image in two.images()]
        assert without == [replace(image, image_id=0) for image in images]
        assert export_csv(two, tmp_path / "again.csv").entries == 2


def test_what_a_table_cannot_hold_is_told(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path, create=True) as catalogue:
        catalogue.upsert(
            [CatalogueEntry("1", theme=("a / b",), inscriptions=("x | y",), year_from=1950, years_text="давно")]
        )
        report = export_csv(catalogue, tmp_path / "out.csv")
        assert [note.split(" ")[1] for note in report.notes] == ["theme", "inscriptions", "years"]
        with pytest.raises(CatalogueError, match="cannot be written"):
            export_csv(catalogue, tmp_path / "nowhere" / "out.csv")


def test_two_curators_write_at_once_and_nothing_is_lost(tmp_path: Path, url: str | None) -> None:
    names = [f"{hand}{number}" for hand in "ab" for number in range(20)]

    def work(hand: str, errors: list[BaseException]) -> None:
        try:
            with Catalogue.open(tmp_path, url=url) as catalogue:
                collection = Collection(catalogue, hand)
                for number in range(20):
                    with catalogue.transaction():
                        shared = catalogue.known(["shared"])["shared"]
                        said = (*shared.inscriptions, f"{hand}{number}")
                        catalogue.upsert([replace(shared, inscriptions=said), CatalogueEntry(f"{hand}{number}")])
                    collection.own("shared", number + 1)
                    catalogue.add_image("shared", b"same" * 9, ".jpg")
        except BaseException as error:
            errors.append(error)

    errors: list[BaseException] = []
    with Catalogue.open(tmp_path, url=url, create=True) as catalogue:
        catalogue.upsert([CatalogueEntry("shared")])
        threads = [threading.Thread(target=work, args=(hand, errors)) for hand in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert sorted(catalogue.entry("shared").inscriptions) == sorted(names)
        assert catalogue.count() == 41
        assert [Collection(catalogue, hand).owned() for hand in "ab"] == [{"shared": 20}] * 2
        assert len(catalogue.images()) == 1
        assert len(catalogue.history()) == 1 + 2 * 40 + 1


def test_a_reader_sees_one_moment_while_another_writes(tmp_path: Path, url: str | None) -> None:
    with Catalogue.open(tmp_path, url=url, create=True) as reader, Catalogue.open(tmp_path, url=url) as writer:
        writer.upsert([GAGARIN])
        with reader.database.reading() as connection:
            count = sa.text("SELECT count(*) FROM entry")
            assert connection.execute(count).scalar() == 1
            writer.upsert([SHIP])
            assert connection.execute(count).scalar() == 1
        assert reader.count() == 2


def test_a_server_that_waits_in_vain_or_is_not_there_is_told_with_the_cure(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recognizer.catalogue.database.WAIT_SECONDS", 0)
    url = server()
    with (
        Catalogue.open(tmp_path, url=url) as one,
        Catalogue.open(tmp_path, url=url) as other,
        one.transaction(),
        pytest.raises(CatalogueError, match="lock timeout; another znachki is writing to it; wait"),
    ):
        other.upsert([SHIP])
    with pytest.raises(CatalogueError, match="see that the server runs") as told:
        Catalogue.open(tmp_path, url="postgresql://vera:secret@/x?host=/nowhere")
    assert "secret" not in str(told.value)
    for bad, why in (("postgresql:/x", "write it as postgresql://"), ("mysql+pymysql://x/y", "driver|kind")):
        with pytest.raises(CatalogueError, match=why):
            Catalogue.open(tmp_path, url=bad)


def test_another_programs_database_on_the_server_is_left_alone(tmp_path: Path, server: Server) -> None:
    url = server()
    with Catalogue.open(tmp_path, url=url) as catalogue, catalogue.database.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    with pytest.raises(CatalogueError, match="no catalogue of znachki; choose another one"):
        Catalogue.open(tmp_path, url=url, create=True)


def test_the_tables_on_the_server_are_those_of_the_file(tmp_path: Path, server: Server) -> None:
    def columns(catalogue: Catalogue) -> dict[str, set[str]]:
        look = sa.inspect(catalogue.database.engine)
        names = [name for name in look.get_table_names() if not name.startswith("entry_words")]
        return {name: {column["name"] for column in look.get_columns(name)} for name in names}

    with Catalogue.open(tmp_path, create=True) as one, Catalogue.open(tmp_path, url=server()) as there:
        assert columns(one) == columns(there)
        for table in tables.metadata.tables.values():
            assert columns(one)[table.name] == set(table.columns.keys())


def test_a_folder_is_assigned_a_server_for_as_long_as_a_command_runs(tmp_path: Path, server: Server) -> None:
    url, data = server(), tmp_path / "data"
    table = tmp_path / "t.csv"
    table.write_text("entry_id,title\n7,Маяк\n", encoding="utf-8")

    def znachki(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, list(arguments))
        assert done.exit_code == code, done.output
        return done.output

    znachki("import", str(table), "--data", str(data), "--database", url)
    assert database.assigned(data) is None
    assert not (data / DATABASE).exists()
    assert "Маяк" in znachki("show", "7", "--data", str(data), "--database", url)
    assert "no catalogue in" in znachki("show", "7", "--data", str(data), code=1)
    assert " rows and 0 pictures copied" in znachki("copy", url, str(tmp_path / "home"), "--data", str(data))
    assert "Маяк" in znachki("show", "7", "--data", str(tmp_path / "home"))
    assert "not empty" in znachki("copy", str(tmp_path / "home"), url, "--data", str(data), code=1)
    said = znachki("export", str(tmp_path / "out.csv"), "--data", str(tmp_path / "home"))
    assert said == f"1 entry, 0 photos written to {tmp_path / 'out.csv'}\n"
