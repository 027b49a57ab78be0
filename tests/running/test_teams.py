"""Who shares work makes no difference to what comes of it; what goes wrong is told as it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from team_tasks import add, begin, begin_in_vain, die_of_three, refuse_three, threads

from recognizer.errors import PhotoError, ZnachkiError
from recognizer.running import room, workers
from recognizer.running.teams import Alone, Team, in_order, together
from recognizer.running.workers import AHEAD, Workers

TEAMS = [Alone(), Workers(2)]


@pytest.mark.parametrize("team", TEAMS, ids=["alone", "workers"])
def test_every_task_is_done_once_and_given_back_in_order(team: Team, tmp_path: Path) -> None:
    done = list(in_order(together(team, add, range(9), begin, 100, tmp_path / "notes")))
    assert [value for value, _ in done] == list(range(100, 109))
    begun = (tmp_path / "notes").read_text().split()
    assert len(begun) == len(set(begun)) == team.size
    assert {str(process) for _, process in done} <= set(begun)


@pytest.mark.parametrize("team", TEAMS, ids=["alone", "workers"])
def test_what_a_task_or_the_beginning_raises_is_raised(team: Team, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="three: no picture"):
        list(together(team, refuse_three, range(9), begin, 0, tmp_path / "notes"))
    with pytest.raises(PhotoError, match="no model here; bring one"):
        list(together(team, refuse_three, range(9), begin_in_vain))


@pytest.mark.parametrize("team", TEAMS, ids=["alone", "workers"])
def test_members_that_have_begun_do_one_list_of_tasks_after_the_other(team: Team, tmp_path: Path) -> None:
    with team.begun(begin, 1, tmp_path / "notes") as members:
        first = sum(value for _, (value, _) in members.do(add, range(4)))
        second = sum(value for _, (value, _) in members.do(add, [first]))
    assert second == 4 + sum(range(4)) + 1
    assert len((tmp_path / "notes").read_text().split()) <= team.size


def test_a_killed_process_is_told_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(ZnachkiError, match=r"one of 2 processes was killed.*fewer --jobs"):
        list(together(Workers(2), die_of_three, range(9), begin, 0, tmp_path / "notes"))


def test_tasks_are_taken_only_a_few_ahead(tmp_path: Path) -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for task in range(50):
            taken.append(task)
            yield task

    done = together(Workers(2), add, tasks(), begin, 0, tmp_path / "notes")
    next(done)
    assert len(taken) <= 2 * AHEAD + 1
    done.close()  # type: ignore[attr-defined]


def test_the_processes_share_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(workers, "cores", lambda: 8)
    told = [one for _, one in together(Workers(2), threads, range(3), begin, 0, tmp_path / "notes")]
    assert told == ["4"] * 3


def test_a_team_with_one_at_work_is_none() -> None:
    assert isinstance(Workers(4).at_most(1), Alone)
    assert isinstance(Workers(4).at_most(0), Alone)
    assert isinstance(Workers(1).at_most(9), Alone)
    assert Workers(4).at_most(3).size == 3
    assert Workers(4).at_most(9).size == 4


def test_memory_bounds_the_processes_as_cores_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "cores", lambda: 8)
    held = room.NEED
    monkeypatch.setattr(room, "held_memory", lambda: held)
    for memory, fitting in ((100 * room.NEED, 8), (3 * room.NEED + 1, 3), (room.NEED // 2, 1)):
        monkeypatch.setattr(room, "free_memory", lambda memory=memory: memory)
        assert room.processes() == fitting
    held = room.NEED // 4  # and may come to need the rest itself
    monkeypatch.setattr(room, "free_memory", lambda: 3 * room.NEED + 1)
    assert room.processes() == 2


def test_a_containers_bound_is_memory_that_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = room.free_memory()
    monkeypatch.setattr(room, "_GROUP", tmp_path)
    assert abs(room.free_memory() - whole) < whole / 2  # no such file: the system's own
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("2000000\n")
    (tmp_path / "memory.stat").write_text("anon 1000000\ninactive_file 500000\nactive_file 100000\n")
    assert room.free_memory() == 1_600_000
    (tmp_path / "memory.max").write_text("max\n")
    assert room.free_memory() > 3_000_000


def test_the_note_of_memory_is_told_only_where_memory_is_what_bounds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from recognizer.commands import team_of

    monkeypatch.setattr(room, "cores", lambda: 8)
    monkeypatch.setattr(room, "held_memory", lambda: room.NEED)
    monkeypatch.setattr(room, "free_memory", lambda: 2 * room.NEED)
    list(together(team_of(None).at_most(5), add, range(2), begin, 0, tmp_path / "notes"))
    assert "memory is free for 2 of 8 processes" in capsys.readouterr().err
    list(together(team_of(None).at_most(1), add, range(2), begin, 0, tmp_path / "notes"))
    list(together(team_of(2), add, range(2), begin, 0, tmp_path / "notes"))
    assert capsys.readouterr().err == ""
    assert os.getpid() not in map(int, (tmp_path / "notes").read_text().split()[:1])
