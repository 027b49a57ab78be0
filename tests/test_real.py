"""What the whole way reaches on real photos, by `znachki evaluate`.

Left out of the default run for it takes minutes: `pytest -m real` asks for it, `make measure` prints the figures. The
sets are folders with catalogue.csv and queries.csv in ZNACHKI_REAL_DATA, or in ../shared/data beside the repository.
The least figures are what the issue "photo to number" promised, not what was reached on a day.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from recognizer.cli import main

SETS = Path(os.environ.get("ZNACHKI_REAL_DATA") or Path(__file__).resolve().parent.parent.parent / "shared" / "data")

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not (SETS / "pins" / "queries.csv").is_file(),
        reason="no real photos: name a folder with pins/ and emblems/ in ZNACHKI_REAL_DATA",
    ),
]

Measured = Callable[..., dict[str, Any]]


def run(*arguments: object) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Gives what `evaluate --json` says of a set with some options; imports and indexes each set once."""
    folder = tmp_path_factory.mktemp("real")

    @cache
    def of(name: str, *options: str) -> dict[str, Any]:
        data = folder / name
        if not data.exists():
            run("import", SETS / name / "catalogue.csv", "--data", data)
            run("index", "--data", data)
        found: dict[str, Any] = json.loads(
            run("evaluate", SETS / name / "queries.csv", *options, "--data", data, "--json")
        )
        return found

    return of


def test_enamel_pins_are_found(measured: Measured) -> None:
    found = measured("pins")
    assert found["recall_at_1"] >= 0.94
    assert found["recall_at_5"] >= 0.975


def test_enamel_pins_as_small_as_in_a_lot_are_found(measured: Measured) -> None:
    assert measured("pins", "--px", "112")["recall_at_1"] >= 0.90


def test_relief_emblems_are_found(measured: Measured) -> None:
    assert measured("emblems")["recall_at_1"] >= 0.97


@pytest.mark.parametrize("name", ["pins", "emblems"])
def test_both_evidences_are_no_worse_than_the_better_one_alone(measured: Measured, name: str) -> None:
    alone = {only: measured(name, "--only", only)["recall_at_1"] for only in ("keypoints", "embedder")}
    assert measured(name)["recall_at_1"] >= max(alone.values()), alone


def test_pins_that_the_catalogue_lacks_are_told_from_those_it_has(measured: Measured) -> None:
    found = measured("pins")
    assert found["unknown_queries"] == 63
    assert found["auroc"] >= 0.83  # of the votes alone
