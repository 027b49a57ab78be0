"""A data folder that an earlier program made opens, and answers as it did.

`data_of_before/0.1.0.tar.xz` was written by the program before its modules moved into packages: three drawn entries
with photos and index, two owned, one wished for, one correction, and a photo of each pin.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from recognizer.catalogue import corrections
from recognizer.catalogue.store import Catalogue
from recognizer.cli import main
from recognizer.collecting.holdings import Collection, Kind

ARCHIVE = Path(__file__).parent / "data_of_before" / "0.1.0.tar.xz"


@pytest.fixture
def before(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path


def run(*arguments: object) -> str:
    done = CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_catalogue_collection_history_and_corrections_of_before_are_there(before: Path) -> None:
    with Catalogue.open(before / "data") as catalogue:
        assert [entry.entry_id for entry in catalogue.entries()] == ["drawn-0001", "drawn-0002", "drawn-0003"]
        assert {"own", "wish", "import"} <= {change.what.split()[0] for change in catalogue.history()}
        collection = Collection(catalogue)
        assert [(one, sum(each.count for each in held)) for one, held in collection.holdings(Kind.OWN).items()] == [
            ("drawn-0001", 2)
        ]
        assert list(collection.holdings(Kind.WISH)) == ["drawn-0002"]
        assert [one.entry_id for one in corrections.listed(catalogue)] == ["drawn-0002"]


def test_photos_of_before_are_answered_as_before_once_they_are_indexed(before: Path) -> None:
    run("index", "--data", before / "data")
    for number in (1, 2, 3):
        answer = run("identify", before / "queries" / f"query-00{number}.jpg", "--data", before / "data")
        assert f"З-000{number}" in answer.splitlines()[1], answer


def test_an_index_of_before_answers_or_names_the_command_that_makes_it_anew(before: Path) -> None:
    done = CliRunner().invoke(main, ["identify", str(before / "queries/query-001.jpg"), "--data", str(before / "data")])
    assert "З-0001" in done.output or (done.exit_code and "znachki index" in done.output), done.output
