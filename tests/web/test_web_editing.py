"""A change that waits for an index run elsewhere says so by the kind of the error, whatever its words are."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

import index.build
from recognizer import errors
from recognizer.errors import IndexError_
from recognizer.web import editing
from recognizer.web.editing import Editor
from recognizer.web.problems import Busy, problem_of


def refusing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Editor:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(index.build, "build", refuse)
    monkeypatch.setattr(editing, "_LOCKED_SECONDS", 0.0)
    return Editor(Path("data"), None)  # type: ignore[arg-type]


def test_an_index_in_use_is_busy_in_any_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Busy, match="not indexed yet: taken"):
        refusing(monkeypatch, errors.IndexBusy("taken"))._index()


def test_a_damaged_index_is_not_busy_though_its_name_says_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IndexError_, match="damaged"):
        refusing(monkeypatch, IndexError_("at work/index.json: damaged"))._index()


def test_a_second_index_run_is_refused_as_busy_and_answered_with_503_and_a_cure(data: Path) -> None:
    with FileLock(data / "index" / "lock"), pytest.raises(errors.IndexBusy) as refused:
        index.build.build(data)
    told = problem_of(refused.value)
    assert (told.status_code, (told.headers or {})["Retry-After"]) == (503, "60")
    assert "wait for it to end" in told.detail
