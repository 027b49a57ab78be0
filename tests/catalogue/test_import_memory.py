"""A finished import is not done again while nothing changed, is whenever anything did, and survives being killed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from drawing import draw
from killing import TURNS, kills

from recognizer.catalogue.imports import FORMATS, ImportReport, import_source, memory
from recognizer.catalogue.store import Catalogue
from recognizer.types import CatalogueEntry, Role

HEADER = "entry_id,title,image\n"


@pytest.fixture
def catalogue(tmp_path: Path, url: str | None) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "data", url=url, create=True) as opened:
        yield opened


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of two entries with a picture each, made well before now."""
    given = tmp_path / "given"
    given.mkdir()
    for n in (1, 2):
        draw(given / f"{n}.png", n)
    path = given / "catalogue.csv"
    path.write_text(HEADER + "1,Ёлка,1.png\n2,Ель,2.png\n")
    return path


@pytest.fixture(autouse=True)
def no_race(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pictures that were made this moment count as made long ago; one test is about those."""
    monkeypatch.setattr(memory, "RACY_SECONDS", -3600.0)


def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Count how often a table is read from now on."""
    seen: list[Path] = []
    read = FORMATS["table"].read

    def counted(path: Path, notes: list[str], *more: object) -> object:
        seen.append(path)
        return read(path, notes, *more)

    monkeypatch.setattr(FORMATS["table"], "read", counted)
    return seen


def test_an_import_that_is_finished_is_not_done_again(
    catalogue: Catalogue, url: str | None, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = reads(monkeypatch)
    assert import_source(catalogue, table) == ImportReport(2, 2, 0, 0, 2, 0, 0)
    for _ in range(3):
        assert import_source(catalogue, table) == ImportReport(2, 0, 0, 2, 0, 0, 2)
    assert import_source(catalogue, table.parent) == ImportReport(2, 0, 0, 2, 0, 0, 2)
    assert len(seen) == 1
    with Catalogue.open(catalogue.folder, url=url) as again:
        assert import_source(again, table) == ImportReport(2, 0, 0, 2, 0, 0, 2)
    assert len(seen) == 1


def rewrite_title(catalogue: Catalogue, table: Path) -> None:
    table.write_text(table.read_text().replace("Ель", "Ёль"))


def rewrite_picture(catalogue: Catalogue, table: Path) -> None:
    draw(table.parent / "2.png", 9)


def swap_picture_keeping_its_times(catalogue: Catalogue, table: Path) -> None:
    picture = table.parent / "2.png"
    stat = picture.stat()
    data = bytearray(picture.read_bytes())
    draw(picture, 9)
    changed = picture.read_bytes()
    picture.write_bytes(changed + bytes(max(0, len(data) - len(changed))))
    os.utime(picture, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def change_entry(catalogue: Catalogue, table: Path) -> None:
    catalogue.upsert([CatalogueEntry("1", title="other")])


def remove_photo(catalogue: Catalogue, table: Path) -> None:
    catalogue.remove_image(catalogue.images()[0].image_id)


def change_photo(catalogue: Catalogue, table: Path) -> None:
    import_role = table.parent / "role.csv"
    import_role.write_text("entry_id,image,role\n1,1.png,mark\n")
    import_source(catalogue, import_role)


def lose_file(catalogue: Catalogue, table: Path) -> None:
    catalogue.picture_path(catalogue.images()[1]).unlink()


def undo_import(catalogue: Catalogue, table: Path) -> None:
    catalogue.undo(catalogue.history()[0].change_id)


@pytest.mark.parametrize(
    "change",
    [
        *(rewrite_title, rewrite_picture, swap_picture_keeping_its_times, change_entry, remove_photo, change_photo),
        *(lose_file, undo_import),
    ],
)
def test_whatever_changed_meanwhile_makes_an_import_read_again(
    catalogue: Catalogue,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Catalogue, Path], None],
) -> None:
    import_source(catalogue, table)
    assert import_source(catalogue, table).entries_same == 2
    change(catalogue, table)
    seen = reads(monkeypatch)
    import_source(catalogue, table)
    assert len(seen) == 1
    titles = dict(line.split(",")[:2] for line in table.read_text().split()[1:])
    assert {entry.entry_id: entry.title for entry in catalogue.entries()} == titles
    shown = {image.sha256 for image in catalogue.images()}
    assert all(catalogue.picture_path(image).is_file() for image in catalogue.images())
    assert {sha256_of(table.parent / f"{n}.png") for n in (1, 2)} <= shown
    assert import_source(catalogue, table).entries_same == 2
    assert len(seen) == 1


def sha256_of(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_two_tables_imported_in_turn_settle(catalogue: Catalogue, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = table.with_name("other.csv")
    other.write_text(HEADER + "3,Новый,\n")
    for _ in range(2):
        import_source(catalogue, table)
        import_source(catalogue, other)
    seen = reads(monkeypatch)
    import_source(catalogue, table)
    import_source(catalogue, other)
    assert seen == []


def test_another_way_of_reading_reads_again(catalogue: Catalogue, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_source(catalogue, table)
    seen = reads(monkeypatch)
    monkeypatch.setattr(memory, "RULES", "another")
    import_source(catalogue, table)
    assert len(seen) == 1


def test_pictures_younger_than_the_clock_tells_apart_are_not_relied_upon(
    catalogue: Catalogue, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "RACY_SECONDS", 3600.0)
    import_source(catalogue, table)
    seen = reads(monkeypatch)
    import_source(catalogue, table)
    assert len(seen) == 1


def test_a_change_by_someone_else_during_an_import_is_not_forgotten(
    catalogue: Catalogue, url: str | None, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Catalogue.open(catalogue.folder, url=url) as other:
        import_source(
            catalogue, table, progress=lambda done, _: done == 1 and other.upsert([CatalogueEntry("9")]) and None
        )
        seen = reads(monkeypatch)
        import_source(catalogue, table)
        assert len(seen) == 1


def test_an_import_killed_at_any_moment_leaves_all_or_nothing_and_is_gone_on_with(tmp_path: Path) -> None:
    given, count = tmp_path / "given", 120
    given.mkdir()
    for n in range(count):
        draw(given / f"{n}.png", n)
    path = given / "catalogue.csv"
    path.write_text(HEADER + "".join(f"{n},t,{n}.png\n" for n in range(count)))
    code = """
from pathlib import Path
from recognizer.catalogue.store import Catalogue
from recognizer.catalogue.imports import import_source
def work(data, table):
    with Catalogue.open(data) as catalogue:
        import_source(catalogue, Path(table))
"""
    folders = [tmp_path / f"data-{turn}" for turn in range(TURNS)]
    for data in folders:  # a finished import would leave the next nothing to be killed in
        Catalogue.open(data, create=True).close()
    killed = 0
    for data, was in zip(folders, kills(code, [[data, path] for data in folders], 0.5, seed=3), strict=True):
        killed += was
        with Catalogue.open(data) as catalogue:
            found = catalogue.count(), len(catalogue.images()), len(catalogue.history())
            assert found in ((0, 0, 0), (count, count, 1))
    assert killed >= 2
    with Catalogue.open(data) as catalogue:
        report = import_source(catalogue, path)
        assert report.entries_new + report.entries_same == count
        assert [image.role for image in catalogue.images()] == [Role.FACE] * count
        assert len(list(catalogue.picture_folder.glob("[!.]*"))) == count
        assert len(catalogue.history()) == 1
