"""Cluster: a team of processes on the machines of a Ray cluster, which may come and go while they work.

Each task is a Ray task of one core and so much memory as a process needs (`room.NEED`); what a process has begun it
keeps for the next one. A task whose process or machine is lost is done again elsewhere. All machines need this version
of znachki, and reach the folders that they are told by the same paths. Nothing is sent to Ray's makers.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from recognizer import program_version
from recognizer.errors import ZnachkiError
from recognizer.running.room import NEED, cores
from recognizer.running.teams import Done, Task
from recognizer.running.workers import AHEAD

LOCAL: Final = "local"
"""The address that stands for a cluster of this machine alone, begun and ended with the work."""

TRIES: Final = 5
"""Processes or machines that a task may be lost with before it is held to be what ends them."""

LOOK_SECONDS: Final = 5.0
"""How often it is looked whether machines have joined, where no task ends meanwhile."""

ANSWER_SECONDS: Final = 10.0

_AGAIN: Final = "run it again, and it goes on where it stopped"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The team at an address, host:port, `auto` for a cluster that this machine is of, or LOCAL; `most` bounds the
    tasks at work, None leaves it to the cores there are."""

    address: str
    most: int | None = None
    size: int = 2  # how many there are is known once it is joined, and changes; never the asking process alone

    def at_most(self, most: int) -> Cluster:
        """Return itself: whoever names a cluster wants it."""
        return self

    @contextmanager
    def begun(self, begin: Callable[..., Any], *told: Any) -> Iterator[_Machines]:
        """Join the cluster, and stay in it for what comes next, to the end of this process; raises ZnachkiError where
        there is none, and leaves it where anything is raised."""
        ray = _library(self.address)
        try:
            if _joined != [self.address] or not ray.is_initialized():
                ray.shutdown()
                _join(ray, self.address, self.most)
                _joined[:] = [self.address]
            _check_room(ray)
            share = ray.put((program_version(), begin, told))
            options = {"num_cpus": 1, "memory": NEED, "max_retries": TRIES - 1}
            yield _Machines(ray, ray.remote(**options)(_do), secrets.token_hex(8), share, self.most)
        except BaseException:
            ray.shutdown()
            raise


@dataclass(frozen=True, slots=True)
class _Machines:
    """A cluster that has been joined, and how its processes begin."""

    ray: Any
    remote: Any
    key: str
    share: Any
    most: int | None

    def do(self, work: Callable[[Any, Task], Done], tasks: Iterable[Task]) -> Iterator[tuple[int, Done]]:
        """Have tasks done, see `teams.Members`; ZnachkiError where one is lost TRIES times, or the cluster is."""
        numbered = enumerate(tasks)
        handed: dict[Any, int] = {}
        while True:
            for number, task in islice(numbered, max(0, self._ahead() - len(handed))):
                handed[self.remote.remote(self.key, self.share, work, task)] = number
            if not handed:
                return
            ended, _ = self.ray.wait(list(handed), num_returns=1, timeout=LOOK_SECONDS)
            for one in ended:
                yield handed.pop(one), self._done(one)

    def _ahead(self) -> int:
        """How many tasks to hand out, as many as keep all cores busy that there are now."""
        there = AHEAD * int(self.ray.cluster_resources().get("CPU", 1))
        return there if self.most is None else min(there, self.most)

    def _done(self, one: Any) -> Any:
        try:
            return self.ray.get(one)
        except self.ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, ZnachkiError):
                raise error.cause from None
            raise
        except self.ray.exceptions.RayError as error:
            why = str(error).strip().partition("\n")[0]
            raise ZnachkiError(f"a task was lost {TRIES} times on the cluster ({why}); {_AGAIN}") from error


_joined: Final[list[str]] = []
"""The address that this process joined last: it takes seconds, and work may come in several parts."""


def _library(address: str) -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # all of these are read when Ray is loaded
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as it will be; else it warns
    if address == LOCAL:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # so on Linux too: it listens on 127.0.0.1 alone
        os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ZnachkiError(f"--cluster needs Ray ({error}); pip install 'znachki[cluster]' on every machine") from error
    return ray


def _join(ray: Any, address: str, most: int | None) -> None:
    if "://" in address:
        raise ZnachkiError(f"cluster {address!r}: call znachki on a machine of the cluster, with HOST:PORT or auto")
    _check_answers(address)
    given: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        given |= {"num_cpus": most or cores(), "include_dashboard": False}
    try:
        ray.init(address=address, **given)
    except (ConnectionError, ValueError, OSError, RuntimeError) as error:
        raise _not_joined(address, error) from error


def _check_answers(address: str) -> None:
    """Raise ZnachkiError where nobody answers at HOST:PORT: Ray itself would try for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        raise _not_joined(address, error) from error


def _not_joined(address: str, error: Exception) -> ZnachkiError:
    why = str(error).strip().partition("\n")[0]
    cure = (
        "`ray start --head` on one machine begins one and says the address; one that has a token asks for "
        "RAY_AUTH_MODE=token and its ~/.ray/auth_token; `--cluster local` needs none of this"
    )
    return ZnachkiError(f"cluster {address!r}: cannot be joined ({why}); {cure}")


def _check_room(ray: Any) -> None:
    """Raise ZnachkiError where no machine has the memory for a task, which would wait for ever."""
    most = max((node["Resources"].get("memory", 0) for node in ray.nodes() if node["Alive"]), default=0)
    if most < NEED:
        raise ZnachkiError(
            f"no machine of the cluster has the {NEED / 1e9:.1f} GB of memory that a process needs, {most / 1e9:.1f} "
            "at most; `ray start --memory BYTES` gives more"
        )


_begun: Final[list[tuple[str, Any]]] = []
"""What this process has begun, and for which work."""


def _do(key: str, share: tuple[str, Callable[..., Any], tuple[Any, ...]], work: Callable[..., Done], task: Any) -> Done:
    if not _begun or _begun[0][0] != key:
        _begun.clear()
        version, begin, told = share
        if version != program_version():
            here = f"znachki {program_version()} on {socket.gethostname()}"
            raise ZnachkiError(f"{here}, {version} where it was called; install the same one on every machine")
        os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")  # read when OpenCV is loaded; Ray itself sets OpenMP's
        _begun.append((key, begin(*told)))
    return work(_begun[0][1], task)
