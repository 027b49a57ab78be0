"""Files that are whole or not there, whatever comes between."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from recognizer.errors import CatalogueError, ZnachkiError
from recognizer.files import DRAFT, beside, make_folder, write_whole
from recognizer.web.access.tokens import write_private


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    for content in (b"old", "новый".encode()):
        write_whole(path, content)
        assert path.read_bytes() == content
        assert names(tmp_path) == ["list.csv"]


def test_a_draft_lies_hidden_in_the_same_folder_and_no_backup_takes_it(tmp_path: Path) -> None:
    with beside(tmp_path / "list.csv") as draft:
        draft.write_bytes(b"half")
        assert draft.parent == tmp_path
        assert draft.name.startswith(".list.csv.")
        assert draft.suffix == DRAFT == ".part"
        assert not (tmp_path / "list.csv").exists()


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), ValueError("no text"), KeyboardInterrupt()])
def test_whatever_stops_the_writing_leaves_the_old_file_and_no_draft(tmp_path: Path, stop: BaseException) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"old")

    def write() -> None:
        with beside(path) as draft:
            draft.write_bytes(b"half")
            raise stop

    with pytest.raises((ZnachkiError, ValueError, KeyboardInterrupt)):
        write()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["list.csv"]


def test_a_full_disk_is_told_with_the_path_the_reason_and_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    with pytest.raises(CatalogueError) as told, beside(path, CatalogueError, cure="buy another disk"):
        raise OSError(28, "No space left on device")
    assert str(told.value) == f"{path}: cannot be written (No space left on device); buy another disk"
    with pytest.raises(OSError, match="No space left"), beside(path, None):
        raise OSError(28, "No space left on device")


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(ZnachkiError, match=rf"{folder.name}/list\.csv: cannot be written .*; name a file"):
            write_whole(folder / "list.csv", b"")
    with pytest.raises(CatalogueError, match=r"file: cannot be made .*; name one where you may write"):
        make_folder(tmp_path / "file", CatalogueError)
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_name_as_long_as_the_disk_allows_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("Ж" * 125 + ".html")  # 255 bytes
    write_whole(path, b"whole")
    assert path.read_bytes() == b"whole"


def test_threads_that_write_one_file_leave_that_of_one_of_them(tmp_path: Path) -> None:
    path, size = tmp_path / "list.csv", 200_000
    failed: list[Exception] = []

    def write(letter: bytes) -> None:
        try:
            for _ in range(20):
                write_whole(path, letter * size)
        except Exception as error:  # a thread's error would be lost; the test fails by this list
            failed.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    content = path.read_bytes()
    assert len(content) == size
    assert len(set(content)) == 1
    assert names(tmp_path) == ["list.csv"]


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such rights")
def test_a_private_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "service" / "key"
    write_private(path, "secret")
    assert path.read_text() == "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(path.parent) == ["key"]
