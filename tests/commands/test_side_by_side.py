"""Commands that work side by side print the same to the byte as one process does, in the same order."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from recognizer.cli import main
from recognizer.commands import evaluating, identifying
from recognizer.curating import audit as audits
from recognizer.drawn.sample import SampleFiles

pytestmark = pytest.mark.slow


def znachki(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments])


@pytest.fixture(autouse=True)
def _few_are_worth_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identifying, "BATCH", 2)
    for module in (identifying, evaluating, audits):
        monkeypatch.setattr(module, "WORTH", 1)


def test_a_folder_is_identified_in_its_order(
    data: Path, query: Callable[[int], tuple[Path, str | None]], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(4):
        shutil.copy(query(number)[0], photos / f"{number}.jpg")
    (photos / "2a.jpg").write_bytes(b"no picture")
    told = []
    for jobs in (1, 2):
        page = tmp_path / f"{jobs}.html"
        done = znachki("identify", photos, "--json", "--report", page, "--jobs", jobs, "--data", data)
        told.append((done.exit_code, done.stdout, done.stderr.replace(f"{jobs}.html", ""), page.read_bytes()))
    assert told[0] == told[1]
    assert told[0][0] == 1
    found = json.loads(told[0][1])
    assert [Path(one["photo"]).name for one in found["photos"]] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert [Path(one["photo"]).name for one in found["errors"]] == ["2a.jpg"]


def test_queries_are_answered_as_one_by_one(data: Path, sample_files: SampleFiles, tmp_path: Path) -> None:
    head, *rows = sample_files.queries.read_text(encoding="utf-8").splitlines()
    queries = sample_files.folder / "some.csv"
    queries.write_text("\n".join([head, *rows[:3], *rows[-2:]]) + "\n", encoding="utf-8")
    told = []
    for jobs in (1, 2):
        done = znachki("evaluate", queries, "--json", "--jobs", jobs, "--data", data)
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        assert found.pop("jobs") == jobs
        del found["milliseconds"]
        told.append(found)
    # The last digits of a chance hang on what was asked before; answers round them, these figures do not.
    assert _rounded(told[0]) == _rounded(told[1])
    assert told[0]["queries"] == 5
    assert "milliseconds, 2 at once" in znachki("evaluate", queries, "--jobs", 2, "--data", data).stdout


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in figures.items()}


def test_an_audit_finds_the_same(own_data: Path, data: Path) -> None:
    (picture, *_) = sorted((own_data / "images").iterdir())
    picture.write_bytes(picture.read_bytes()[:300])
    told = [znachki("audit", "--json", "--jobs", jobs, "--data", own_data) for jobs in (1, 2)]
    assert told[0].stdout == told[1].stdout
    assert json.loads(told[0].stdout)["counts"]["unreadable"] == 1
