"""What many tests need once: a small drawn catalogue, imported and indexed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recognizer import sample

if TYPE_CHECKING:
    from recognizer.identify import Recognizer

ENTRIES = 40
KNOWN = 10
LACKING = 3


@pytest.fixture(scope="session")
def sample_files(tmp_path_factory: pytest.TempPathFactory) -> sample.SampleFiles:
    """A drawn catalogue of ENTRIES pins, photos of KNOWN of them and of LACKING others; read it, do not write to it."""
    return sample.write(tmp_path_factory.mktemp("sample"), ENTRIES, 0, KNOWN, LACKING)


@pytest.fixture(scope="session")
def data(sample_files: sample.SampleFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the drawn catalogue imported and indexed; read it, and take `own_data` to write to one."""
    from index.build import build
    from recognizer.catalogue import Catalogue
    from recognizer.imports import import_csv

    folder = tmp_path_factory.mktemp("znachki") / "data"
    with Catalogue.open(folder, create=True) as catalogue:
        import_csv(catalogue, sample_files.catalogue)
    build(folder)
    return folder


@pytest.fixture
def own_data(data: Path, tmp_path: Path) -> Path:
    """A copy of `data` for a test that changes it."""
    return Path(shutil.copytree(data, tmp_path / "data"))


@pytest.fixture(scope="session")
def recognizer(data: Path) -> Iterator[Recognizer]:
    """A recognizer on `data`, opened once."""
    from recognizer.identify import Recognizer

    with Recognizer.open(data) as opened:
        yield opened


@pytest.fixture(scope="session")
def query(sample_files: sample.SampleFiles) -> Callable[[int], tuple[Path, str | None]]:
    """Gives photo `n` of the drawn queries and the entry_id that it shows, None where the catalogue lacks the pin."""
    from recognizer.imports import read_queries

    return read_queries(sample_files.queries).__getitem__
