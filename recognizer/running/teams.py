"""Teams: those who share long work. What they are makes no difference to the work, nor to what comes out of it.

Work is told as two functions of a module: one that begins, with which each member loads once what it needs, and one
that does a task with that. A task is done whole by one member, whoever that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from typing import Any, Protocol, TypeVar

Begun = TypeVar("Begun")
Task = TypeVar("Task")
Done = TypeVar("Done")


class Members(Protocol):
    """Those who have begun, and do tasks for as long as they are held."""

    def do(self, work: Callable[[Any, Task], Done], tasks: Iterable[Task]) -> Iterator[tuple[int, Done]]:
        """Yield the number of each task, from 0, with what `work` returns for it, in the order in which they end.

        `work` gets what the member has begun, and the task. Tasks are taken from `tasks` a few ahead of those that are
        done. Raises what `work` raises or beginning did, and ZnachkiError where members are lost and their tasks with
        them.
        """


class Team(Protocol):
    """Who may share tasks."""

    @property
    def size(self) -> int:
        """How many tasks are at work at once; 1 where the process that asks does them itself."""

    def at_most(self, most: int) -> Team:
        """Return the same team with no more than so many at work, for fewer tasks than it has members."""

    def begun(self, begin: Callable[..., Any], *told: Any) -> AbstractContextManager[Members]:
        """Have each member call `begin` with what it is `told`, once, before its first task; lends the members."""


class Oneself:
    """The one member where there is no team: the process that asks, with what it has begun."""

    def __init__(self, begun: Any) -> None:
        self._begun = begun

    def do(self, work: Callable[[Any, Task], Done], tasks: Iterable[Task]) -> Iterator[tuple[int, Done]]:
        """Do tasks in their order, each when the one before has been taken."""
        return ((number, work(self._begun, task)) for number, task in enumerate(tasks))


class Alone:
    """No team: the process that asks does the tasks itself."""

    size = 1

    def at_most(self, most: int) -> Alone:
        """Return itself."""
        return self

    @contextmanager
    def begun(self, begin: Callable[..., Any], *told: Any) -> Iterator[Oneself]:
        """Begin, and lend oneself; what was begun is closed at the end where it can be."""
        begun = begin(*told)
        with closing(begun) if hasattr(begun, "close") else nullcontext():
            yield Oneself(begun)


def together(
    team: Team, work: Callable[[Begun, Task], Done], tasks: Iterable[Task], begin: Callable[..., Begun], *told: Any
) -> Iterator[tuple[int, Done]]:
    """Have a team begin, do tasks as `Members.do` says, and end."""
    with team.begun(begin, *told) as members:
        yield from members.do(work, tasks)


def in_order(done: Iterable[tuple[int, Done]]) -> Iterator[Done]:
    """Yield what was done in the order of the tasks; what ended before its turn waits."""
    waiting: dict[int, Done] = {}
    turn = 0
    for number, one in done:
        waiting[number] = one
        while turn in waiting:
            yield waiting.pop(turn)
            turn += 1
