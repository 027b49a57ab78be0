"""A backup is made while others work, comes back whole or is refused, and damage is named while the rest works."""

import json
import random
import shutil
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from killing import TURNS, kills

from recognizer.catalogue import database
from recognizer.catalogue.store import DATABASE, PICTURES, Catalogue
from recognizer.cli import main
from recognizer.collecting.holdings import Collection
from recognizer.errors import CatalogueError
from recognizer.exchange import backup
from recognizer.exchange.archive import MANIFEST
from recognizer.exchange.backup import FORMAT, WAITING, back_up, check_folder, restore
from recognizer.exchange.copying import transfer
from recognizer.types import CatalogueEntry


@pytest.fixture
def catalogue(tmp_path: Path, url: str | None) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "data", url=url, create=True) as opened:
        opened.upsert(CatalogueEntry(f"e{number}", title="Значок") for number in range(5))
        for number in range(5):
            last = opened.add_image(f"e{number}", f"picture {number}".encode() * 100, ".jpg")
        opened.remove_image(last.image_id)
        Collection(opened).own("e1", 2)
        for file in ("models/mine/model.json", "models/mine/weights.safetensors", "index/index.json", "index/vectors"):
            (opened.folder / file).parent.mkdir(parents=True, exist_ok=True)
            (opened.folder / file).write_bytes(file.encode() * 9)
        (opened.folder / "index/.vectors.part").write_bytes(b"half")
        yield opened


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A backup of a small catalogue in a file."""
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        catalogue.upsert([CatalogueEntry("1", title="Маяк")])
        for name in "abc":
            catalogue.add_image("1", name.encode() * 1000, ".jpg")
        back_up(catalogue, tmp_path / "saved.zip")
    return tmp_path / "saved.zip"


def rewrite(path: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Write a backup anew, each file as `change` makes it, None for none of it."""
    with zipfile.ZipFile(path) as old:
        content = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, data in content.items():
            if (changed := change(name, data)) is not None:
                new.writestr(name, changed)


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def state(catalogue: Catalogue) -> list[object]:
    return [catalogue.entries(), catalogue.images(), catalogue.history()]


# There and back


def test_a_data_folder_comes_back_whole(catalogue: Catalogue, tmp_path: Path) -> None:
    report = back_up(catalogue, tmp_path / "saved.zip")
    assert (report.files, report.damaged) == (1 + 4 + 1 + 4, [])
    with zipfile.ZipFile(tmp_path / "saved.zip") as file:
        manifest = json.loads(file.read(MANIFEST))
        assert sorted([*manifest["files"], MANIFEST]) == sorted(file.namelist())
    folders = (catalogue.folder, tmp_path / "back")
    assert restore(tmp_path / "saved.zip", tmp_path / "back").files == report.files
    with Catalogue.open(tmp_path / "back") as back:
        assert back.entries() == catalogue.entries()
        assert back.images() == catalogue.images()
        assert Collection(back).owned() == {"e1": 2}
    kept, now = ({name: data for name, data in files(folder).items() if DATABASE not in name} for folder in folders)
    assert now == {name: data for name, data in kept.items() if not name.endswith(".part")}
    with Catalogue.open(tmp_path / "back") as back:
        back.undo(next(change.change_id for change in back.history() if change.what == "photo removed"))
        assert len(back.images()) == 5
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_backup_is_one_moment_while_others_write(tmp_path: Path, url: str | None) -> None:
    stop = threading.Event()

    def work() -> None:
        with Catalogue.open(tmp_path / "data", url=url) as catalogue:
            number = 0
            while not stop.is_set():
                with catalogue.transaction():
                    catalogue.upsert([CatalogueEntry(f"left{number}")])
                    catalogue.upsert([CatalogueEntry(f"right{number}")])
                    catalogue.add_image(f"left{number}", f"{number}".encode() * 50, ".jpg")
                number += 1

    with Catalogue.open(tmp_path / "data", url=url, create=True) as catalogue:
        catalogue.upsert([CatalogueEntry("first")])
        writer = threading.Thread(target=work)
        writer.start()
        try:
            for number in range(3):
                assert back_up(catalogue, tmp_path / f"{number}.zip").damaged == []
        finally:
            stop.set()
            writer.join()
    for number in range(3):
        restore(tmp_path / f"{number}.zip", tmp_path / str(number))
        assert check_folder(tmp_path / str(number)) == []
        with Catalogue.open(tmp_path / str(number)) as back:
            ids = [entry.entry_id for entry in back.entries()]
            assert ids.count("first") == 1
            assert {one.removeprefix("left") for one in ids if "left" in one} == {
                one.removeprefix("right") for one in ids if "right" in one
            }


def test_a_missing_or_damaged_picture_is_named_and_the_rest_saved(catalogue: Catalogue, tmp_path: Path) -> None:
    one, other, *_ = catalogue.images()
    catalogue.picture_path(one).unlink()
    catalogue.picture_path(other).write_bytes(b"other")
    told = [(f"{PICTURES}/{one.file}", "missing"), (f"{PICTURES}/{other.file}", "damaged: not what its name says")]
    assert sorted(back_up(catalogue, tmp_path / "saved.zip").damaged) == sorted(told)
    report = restore(tmp_path / "saved.zip", tmp_path / "back")
    assert sorted(name for name, _ in report.damaged) == sorted(name for name, _ in told)
    with Catalogue.open(tmp_path / "back") as back:
        assert back.images() == catalogue.images()


def test_a_catalogue_that_is_there_is_only_moved_aside_when_forced(saved: Path, tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "data") as catalogue:
        catalogue.upsert([CatalogueEntry("2")])
    before = files(tmp_path / "data")
    with pytest.raises(CatalogueError, match="there is a catalogue already; --force moves it aside"):
        restore(saved, tmp_path / "data")
    assert files(tmp_path / "data") == before
    for name in ("data.before-restore", "data.before-restore2"):
        assert restore(saved, tmp_path / "data", force=True).moved == tmp_path / name
    assert files(tmp_path / "data.before-restore") == before
    with Catalogue.open(tmp_path / "data") as catalogue:
        assert [entry.title for entry in catalogue.entries()] == ["Маяк"]


# Damage


def test_a_damaged_picture_in_a_backup_is_named_and_only_the_rest_restored(saved: Path, tmp_path: Path) -> None:
    rewrite(saved, lambda name, data: b"z" * len(data) if name.startswith(PICTURES) and data[:1] == b"b" else data)
    with pytest.raises(
        CatalogueError, match=r"saved\.zip: 1 damaged, nothing restored; --partial .*\n  images/.*sha256"
    ):
        restore(saved, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    report = restore(saved, tmp_path / "back", partial=True)
    assert len(report.damaged) == 1
    with Catalogue.open(tmp_path / "back") as back:
        assert back.count() == 1
        assert [name for name, _ in check_folder(tmp_path / "back")] == [report.damaged[0][0]]


def test_a_bit_that_fell_over_is_found_wherever_it_is(saved: Path, tmp_path: Path) -> None:
    whole = saved.read_bytes()
    moments = random.Random(3)
    for _ in range(20):
        data = bytearray(whole)
        data[moments.randrange(len(data))] ^= 1 << moments.randrange(8)
        saved.write_bytes(data)
        shutil.rmtree(tmp_path / "back", ignore_errors=True)
        told = ""
        try:
            restore(saved, tmp_path / "back")
        except CatalogueError as error:
            told = str(error)
        if (tmp_path / "back").exists():  # a bit of the archive that means nothing, such as a file's date
            assert told == ""
            assert check_folder(tmp_path / "back") == []
        else:
            assert saved.name in told


@pytest.mark.parametrize(
    ("name", "why"),
    [(DATABASE, "the database in it is damaged"), (MANIFEST, "no backup of znachki, or its manifest is damaged")],
)
def test_without_database_or_manifest_nothing_is_restored(saved: Path, tmp_path: Path, name: str, why: str) -> None:
    rewrite(saved, lambda there, data: data[: len(data) // 2] if there == name else data)
    with pytest.raises(CatalogueError, match=rf"saved\.zip: {why}"):
        restore(saved, tmp_path / "back", partial=True)
    assert not (tmp_path / "back").exists()


def test_what_is_no_backup_is_refused(saved: Path, tmp_path: Path) -> None:
    def manifest(**changes: object) -> None:
        rewrite(saved, lambda name, data: json.dumps(json.loads(data) | changes).encode() if name == MANIFEST else data)

    (tmp_path / "cut.zip").write_bytes(saved.read_bytes()[:500])
    with pytest.raises(CatalogueError, match=r"cut\.zip: no backup, or cut short"):
        restore(tmp_path / "cut.zip", tmp_path / "back")
    with pytest.raises(CatalogueError, match="cannot be read"):
        restore(tmp_path / "none.zip", tmp_path / "back")
    manifest(files={"images/../../evil": {"sha256": "", "size": 0}, DATABASE: {}})
    with pytest.raises(CatalogueError, match=r"names 'images/../../evil', which is no place in a data folder"):
        restore(saved, tmp_path / "back")
    manifest(files={})
    with pytest.raises(CatalogueError, match=r"no catalogue\.db in it"):
        restore(saved, tmp_path / "back")
    manifest(format=FORMAT + 1)
    with pytest.raises(CatalogueError, match="made by a newer znachki"):
        restore(saved, tmp_path / "back")


def test_damage_in_a_folder_is_named_and_the_rest_works(catalogue: Catalogue) -> None:
    data = catalogue.folder
    kept = catalogue.images()[:2]
    catalogue.picture_path(kept[0]).write_bytes(b"other")
    catalogue.picture_path(kept[1]).unlink()
    if catalogue.database.dialect == "sqlite":
        assert check_folder(data) == [
            (f"{PICTURES}/{kept[1].file}", "missing; import it again"),
            (f"{PICTURES}/{kept[0].file}", "damaged: not what its name says; import it again"),
        ]
    assert catalogue.search("значок")
    catalogue.add_image("e0", b"picture 0" * 100, ".jpg")
    assert catalogue.picture_path(kept[0]).read_bytes() == b"picture 0" * 100


def test_pictures_are_checked_where_the_database_cannot_be_read(saved: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    picture = next((data / PICTURES).iterdir())
    picture.write_bytes(b"other")
    for file in data.glob(f"{DATABASE}-*"):
        file.unlink()
    (data / DATABASE).write_bytes(b"no database" * 1000)
    (first, said), (second, _) = check_folder(data)
    assert (first, second) == (DATABASE, f"{PICTURES}/{picture.name}")
    assert "restore a backup" in said
    with pytest.raises(CatalogueError, match="restore a backup"):
        Catalogue.open(data)
    restore(saved, data, force=True)
    assert check_folder(data) == []


def test_a_damaged_database_is_not_saved_over_a_good_backup(saved: Path, tmp_path: Path) -> None:
    good = saved.read_bytes()
    with Catalogue.open(tmp_path / "data") as catalogue:
        catalogue.upsert(CatalogueEntry(f"x{number}", title="x" * 500) for number in range(300))
    file = tmp_path / "data" / DATABASE
    with sqlite3.connect(file) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    content = bytearray(file.read_bytes())
    content[200_000:260_000] = b"\xa5" * 60_000
    file.write_bytes(content)
    with Catalogue.open(tmp_path / "data") as catalogue, pytest.raises(CatalogueError, match="damaged"):
        back_up(catalogue, saved)
    assert saved.read_bytes() == good
    assert check_folder(tmp_path / "data")[0][0] == DATABASE


# The command line, and being cut off


def test_commands_save_bring_back_and_check(catalogue: Catalogue, tmp_path: Path) -> None:
    def znachki(*arguments: str, data: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, [*arguments, "--data", str(tmp_path / data)])
        assert done.exit_code == code, done.output
        return done.output

    saved, address = str(tmp_path / "saved.zip"), []
    if catalogue.database.dialect == "postgresql":
        address = ["--database", catalogue.database.engine.url.render_as_string(hide_password=False)]
    assert "10 files, 0." in znachki("backup", saved, *address, data="data")
    assert "10 files restored" in znachki("restore", saved, data="back")
    said = znachki("check", data="back", code=1)
    assert sorted(line.partition(": ")[0] for line in said.splitlines()) == ["index/index.json", "models/mine"]
    assert "there is a catalogue already" in znachki("restore", saved, data="back", code=1)
    assert f"what was there is now in {tmp_path}/back.before-restore" in znachki(
        "restore", saved, "--force", data="back"
    )
    next((tmp_path / "back" / PICTURES).iterdir()).unlink()
    assert "missing; import it again" in znachki("check", data="back", code=1)
    assert '"damaged": [' in znachki("check", "--json", data="back", code=1)
    assert "missing" in znachki("backup", saved, data="back", code=1)


def test_a_backup_is_brought_back_to_a_server(saved: Path, tmp_path: Path, server: Callable[[], str]) -> None:
    url = server()
    done = CliRunner().invoke(main, ["restore", str(saved), "--data", str(tmp_path / "back"), "--database", url])
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "back" / DATABASE).exists()
    with Catalogue.open(tmp_path / "back", url=url) as back:
        assert back.entries() == [replace(CatalogueEntry("1", title="Маяк"), number="1")]
        assert all(back.picture_path(image).is_file() for image in back.images())


@pytest.mark.slow
def test_restoring_to_a_server_killed_at_any_moment_leaves_nothing_half_and_goes_on(
    tmp_path: Path, server: Callable[[], str], empty: Callable[[str], bool]
) -> None:
    with Catalogue.open(tmp_path / "data", create=True) as catalogue:
        catalogue.upsert(CatalogueEntry(f"e{number}", title="Маяк " * 20) for number in range(1500))
        for number in range(30):
            catalogue.add_image("e1", number.to_bytes(2, "big") * 10_000, ".jpg")
        back_up(catalogue, tmp_path / "saved.zip")
        whole = state(catalogue)
    url, back = server(), tmp_path / "back"
    code = """
from pathlib import Path
from recognizer.exchange.backup import restore
def work(file, folder, url):
    restore(Path(file), Path(folder), url=url)
"""
    given: list[list[object]] = [[tmp_path / "saved.zip", back, url]] * TURNS
    ends: list[tuple[bool, bool]] = []
    for killed in kills(code, given, 1.2, seed=7):
        with Catalogue.open(tmp_path / "look", url=url, create=True) as held:
            there = held.count()
        assert there in (0, 1500)
        assert killed or there
        ends.append((back.exists(), bool(there)))
        waits = bool(list(back.glob(f"{WAITING}*")))
        if waits or not there:  # else it was killed after its last step, and there is nothing to go on with
            restore(tmp_path / "saved.zip", back, url=url, force=back.exists() and not waits)
        with Catalogue.open(back, url=url) as held:
            assert state(held) == whole
            assert all(held.picture_path(image).is_file() for image in held.images())
        assert damage(back, url) == []
        assert not list(tmp_path.glob(".*"))
        assert not list(back.glob(".*"))
        shutil.rmtree(back)
        empty(url)
    assert len(ends) == TURNS


@pytest.mark.parametrize("rows_are_there", [False, True])
def test_a_restore_to_a_server_goes_on_from_between_its_steps(
    saved: Path, tmp_path: Path, server: Callable[[], str], monkeypatch: pytest.MonkeyPatch, rows_are_there: bool
) -> None:
    url, back = server(), tmp_path / "back"

    def cut_off(*given: Catalogue) -> None:
        if rows_are_there:
            transfer(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(backup, "transfer", cut_off)
        with pytest.raises(KeyboardInterrupt):
            restore(saved, back, url=url)
    with Catalogue.open(back, url=url) as held:
        assert held.count() == rows_are_there
    [(name, told)] = damage(back, url)
    assert name.startswith(WAITING)
    assert told.endswith("cut off; call `znachki restore` again")
    done = CliRunner().invoke(main, ["restore", str(saved), "--data", str(back), "--database", url])
    assert done.exit_code == 0, done.output
    with Catalogue.open(back, url=url) as held:
        assert [entry.entry_id for entry in held.entries()] == ["1"]
    assert damage(back, url) == []


def damage(folder: Path, url: str) -> list[tuple[str, str]]:
    """What is damaged in a folder whose catalogue is on a server."""
    database.assign(folder, url)
    try:
        return check_folder(folder)
    finally:
        database.assign(folder, None)


def test_a_server_that_is_not_empty_is_left_alone_and_the_cure_told(
    saved: Path, tmp_path: Path, server: Callable[[], str]
) -> None:
    url = server()
    with Catalogue.open(tmp_path / "there", url=url) as there:
        there.upsert([CatalogueEntry("2")])
    for command in (["restore", str(saved), "--database", url], ["copy", str(tmp_path / "data"), url]):
        done = CliRunner().invoke(main, [*command, "--data", str(tmp_path / "back")])
        assert done.exit_code == 1
        assert "not empty (change, entry, change_row); nothing was copied, name a new database" in done.output
        assert not (tmp_path / "back" / DATABASE).exists()
    with Catalogue.open(tmp_path / "there", url=url) as there:
        assert [entry.entry_id for entry in there.entries()] == ["2"]


def test_restoring_killed_at_any_moment_leaves_nothing_half_and_goes_on(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Catalogue.open(data, create=True) as catalogue:
        catalogue.upsert([CatalogueEntry("1")])
        for number in range(150):
            catalogue.add_image("1", number.to_bytes(2, "big") * 20_000, ".jpg")
        back_up(catalogue, tmp_path / "saved.zip")
        kept = files(catalogue.picture_folder)
    code = """
from pathlib import Path
from recognizer.exchange.backup import restore
def work(file, folder):
    restore(Path(file), Path(folder))
"""
    for number, _ in enumerate(kills(code, [[tmp_path / "saved.zip", tmp_path / "back"]] * TURNS, 0.1, seed=5)):
        if (tmp_path / "back").exists():
            assert check_folder(tmp_path / "back") == []
            assert files(tmp_path / "back" / PICTURES) == kept
            (tmp_path / "back").rename(tmp_path / f"whole{number}")
    restore(tmp_path / "saved.zip", tmp_path / "back")
    assert check_folder(tmp_path / "back") == []
    assert files(tmp_path / "back" / PICTURES) == kept
    assert not list(tmp_path.glob(".*"))
