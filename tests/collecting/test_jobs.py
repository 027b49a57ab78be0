"""Jobs: a killed run goes on where it stopped, and no picture is asked twice or lost."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from recognizer.collecting.jobs import Job
from recognizer.collecting.listings import Listing
from recognizer.errors import ZnachkiError


@pytest.fixture
def lots(tmp_path: Path) -> list[Listing]:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.jpg").write_bytes(name.encode())
    first = Listing("1", (tmp_path / "a.jpg", tmp_path / "b.jpg"), "Лот", Decimal("7.10"), "EUR", "https://example.org")
    return [first, Listing("2", (tmp_path / "c.jpg",))]


def test_a_job_goes_on_with_the_pictures_that_have_no_answer(tmp_path: Path, lots: list[Listing]) -> None:
    job = Job.open(tmp_path / "job", lots, "index 1")
    first = job.pending()[0]
    job.keep(first, {"recognitions": []})
    again = Job.open(tmp_path / "job", lots, "index 1")
    assert [task.picture.name for task in again.pending()] == ["b.jpg", "c.jpg"]
    assert again.answer(first) == {"recognitions": []}
    assert [task.listing for task in Job.resume(tmp_path / "job").tasks] == [lots[0], lots[0], lots[1]]


def test_pictures_given_later_are_added(tmp_path: Path, lots: list[Listing]) -> None:
    job = Job.open(tmp_path / "job", lots[:1], "index 1")
    for task in job.pending():
        job.keep(task, {})
    assert [task.picture.name for task in Job.open(tmp_path / "job", lots[1:], "index 1").pending()] == ["c.jpg"]
    assert len(Job.resume(tmp_path / "job").tasks) == 3


def test_a_picture_that_changed_is_asked_anew(tmp_path: Path, lots: list[Listing]) -> None:
    job = Job.open(tmp_path / "job", lots, "index 1")
    for task in job.pending():
        job.keep(task, {})
    (tmp_path / "c.jpg").write_bytes(b"another picture")
    assert [task.picture.name for task in Job.open(tmp_path / "job", lots, "index 1").pending()] == ["c.jpg"]


def test_answers_of_another_index_are_refused_with_the_cure(tmp_path: Path, lots: list[Listing]) -> None:
    job = Job.open(tmp_path / "job", lots, "index 1")
    job.keep(job.pending()[0], {})
    with pytest.raises(ZnachkiError, match=r"another index or model; give --again"):
        Job.open(tmp_path / "job", lots, "index 2")
    assert len(Job.open(tmp_path / "job", lots, "index 2", again=True).pending()) == 3


def test_a_kill_at_any_write_leaves_a_job_that_goes_on(
    tmp_path: Path, lots: list[Listing], monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, writes = Path.replace, 0

    def killed(self: Path, target: Path) -> Path:
        nonlocal writes
        writes += 1
        if writes in (1, 3, 6):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    answered = []
    for _ in range(20):
        try:
            job = Job.open(tmp_path / "job", lots, "index 1")
            for task in job.pending():
                answered.append(task.key)
                job.keep(task, {"key": task.key})
            break
        except KeyboardInterrupt:
            continue
    held = {path.stem for path in (tmp_path / "job" / "answers").glob("*.json")}
    assert held == set(answered)
    assert len(held) == 3
    assert not job.pending()


def test_a_damaged_answer_is_asked_anew(tmp_path: Path, lots: list[Listing]) -> None:
    job = Job.open(tmp_path / "job", lots, "index 1")
    task = job.pending()[0]
    job.keep(task, {"a": 1})
    path = next((tmp_path / "job" / "answers").glob("*.json"))
    path.write_text('{"a":', encoding="utf-8")
    assert job.answer(task) is None
    assert task in job.pending()


def test_a_folder_of_something_else_is_not_written_into(tmp_path: Path, lots: list[Listing]) -> None:
    with pytest.raises(ZnachkiError, match="other things in it"):
        Job.open(tmp_path, lots, "index 1")
    (tmp_path / "j").mkdir()
    (tmp_path / "j" / "job.json").write_text(json.dumps({"format": 99}), encoding="utf-8")
    with pytest.raises(ZnachkiError, match="not a job"):
        Job.open(tmp_path / "j", lots, "index 1")
    with pytest.raises(ZnachkiError, match="no job in it"):
        Job.resume(tmp_path / "nowhere")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, lots: list[Listing]) -> None:
    (tmp_path / "shut").mkdir(mode=0o500)
    with pytest.raises(ZnachkiError, match="cannot be written"):
        Job.open(tmp_path / "shut" / "job", lots, "index 1")
