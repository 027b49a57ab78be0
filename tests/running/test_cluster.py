"""Two nodes of a Ray cluster do what one machine does, to the byte, and one that is killed loses nothing."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from team_tasks import add, begin, die_of_three, refuse_three

from recognizer.commands import Source
from recognizer.drawn import sample
from recognizer.errors import CatalogueError, PhotoError, ZnachkiError
from recognizer.running import cluster as clusters
from recognizer.running.cluster import Cluster
from recognizer.running.room import NEED
from recognizer.running.teams import in_order, together
from recognizer.vision.photos import encode_jpeg

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # whose nodes listen on 127.0.0.1 alone
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)]),
    "OMP_NUM_THREADS": "1",
}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """A cluster of two nodes of one core each, which take the place of two machines."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        utils = pytest.importorskip("ray.cluster_utils", reason="no Ray: pip install 'znachki[cluster]'")
        held = utils.Cluster(initialize_head=True, head_node_args={**_node(), "include_dashboard": False})
        held.add_node(**_node())
        yield held
        sys.modules["ray"].shutdown()
        held.shutdown()


def _node() -> dict[str, int]:
    return {"num_cpus": 1, "memory": 2 * NEED}


@contextmanager
def killing_a_node(nodes: Any) -> Iterator[Callable[[], None]]:
    """Lend what kills the second node as a power cut does; another one takes its place in the end."""
    (second,) = nodes.worker_nodes
    try:
        yield lambda: nodes.remove_node(second, allow_graceful=False)
    finally:
        if not nodes.worker_nodes:
            nodes.add_node(**_node())


@pytest.mark.slow
def test_a_task_whose_node_is_killed_is_done_elsewhere(nodes: Any, tmp_path: Path) -> None:
    found = together(Cluster(nodes.address), add, range(40), begin, 100, tmp_path / "notes")
    with killing_a_node(nodes) as kill:
        done = [next(found), next(found), next(found)]
        while len((tmp_path / "notes").read_text().split()) < 2:  # both are at work
            done.append(next(found))
        kill()
        done += found
    assert [value for value, _ in in_order(done)] == list(range(100, 140))


@pytest.mark.slow
def test_what_goes_wrong_on_a_node_is_told(nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    team = Cluster(nodes.address)
    with pytest.raises(PhotoError, match="three: no picture"):
        list(together(team, refuse_three, range(9), begin, 0, tmp_path / "notes"))
    monkeypatch.setattr(clusters, "TRIES", 2)
    with pytest.raises(ZnachkiError, match=r"lost 2 times on the cluster.*goes on where it stopped"):
        list(together(team, die_of_three, range(9), begin, 0, tmp_path / "notes"))
    monkeypatch.setattr(clusters, "program_version", lambda: "0.0.7")
    with pytest.raises(ZnachkiError, match=r"0\.0\.7 where it was called; install the same one"):
        list(together(team, add, range(2), begin, 0, tmp_path / "notes"))
    monkeypatch.setattr(clusters, "NEED", 3 * NEED)
    with pytest.raises(ZnachkiError, match=r"no machine of the cluster has the 3\.9 GB"):
        list(together(team, add, range(2), begin, 0, tmp_path / "notes"))


@pytest.mark.slow
def test_lots_are_answered_to_the_byte_though_a_node_is_killed(nodes: Any, data: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(5):
        (pictures / f"{number}.jpg").write_bytes(encode_jpeg(sample.phone_view(number)))
    (pictures / "worse.jpg").write_bytes(b"no picture")
    lot = ("lot", "pictures", "--data", data)
    assert _ended(tmp_path, *lot, "--out", "alone", "--jobs", 1) == 1  # the file that is no picture
    with killing_a_node(nodes) as kill, _znachki(tmp_path, *lot, "--out", "shared", "--cluster", nodes.address) as run:
        assert run.stdout is not None
        assert "so far" in run.stdout.readline()
        kill()
        run.communicate(timeout=300)
        assert run.returncode == 1
    assert _sums(tmp_path / "shared" / "answers") == _sums(tmp_path / "alone" / "answers")
    assert len(_sums(tmp_path / "shared" / "answers")) == 6


@pytest.mark.slow
def test_an_index_is_the_same_to_the_byte(nodes: Any, sample_files: Any, tiny_model: Path, tmp_path: Path) -> None:
    shutil.copy(sample_files.catalogue, sample_files.folder / "some.csv")
    assert _ended(tmp_path, "import", sample_files.folder / "some.csv", "--data", "alone") == 0
    shutil.copytree(tmp_path / "alone", tmp_path / "shared")
    for name, team in (("alone", ("--jobs", 1)), ("shared", ("--cluster", nodes.address))):
        assert _ended(tmp_path, "index", "--model", tiny_model, *team, "--data", name) == 0
    index = [_sums(tmp_path / name / "index") for name in ("alone", "shared")]
    assert index[0] == index[1]
    assert len(index[0]) == 6  # two packs, two FAISS files, index.json and kin.json


def _znachki(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "recognizer.cli", *map(str, arguments)]
    return subprocess.Popen(command, cwd=folder, env=os.environ | SETTINGS, stdout=subprocess.PIPE, text=True)


def _ended(folder: Path, *arguments: object) -> int:
    with _znachki(folder, *arguments) as run:
        run.communicate(timeout=300)
        return run.returncode


def _sums(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_without_ray_the_cure_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "0")
    with pytest.raises(ZnachkiError, match=r"pip install 'znachki\[cluster\]'"):
        list(together(Cluster("auto"), add, range(2), begin, 0, tmp_path / "notes"))


def test_an_address_where_nobody_answers_is_told_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ZnachkiError, match=rf"{address}.*cannot be joined.*ray start --head"):
            clusters._join(None, address, None)
    with pytest.raises(ZnachkiError, match="call znachki on a machine of the cluster"):
        clusters._join(None, "ray://somewhere:10001", None)


def test_a_catalogue_in_a_file_is_not_opened_by_another_machine(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source.of(data, None, None)
    monkeypatch.setattr(socket, "gethostname", lambda: "another")
    with pytest.raises(CatalogueError, match=r"another and .* cannot share .* --database"):
        source.open()
