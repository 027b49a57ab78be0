"""The wheel, installed into an empty environment and run outside the checkout: all that it needs is in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("recognizer", "training", "index")

pytestmark = pytest.mark.slow


def run(*command: object, cwd: Path) -> str:
    """Run a command outside the checkout and return what it prints."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ZNACHKI", "VIRTUAL_"))
    }
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel alone; a .pth file lends it the dependencies, which take 5 GB."""
    folder = tmp_path_factory.mktemp("environment")
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    lent = {sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]}
    (packages / "lent.pth").write_text("\n".join(lent) + "\n")
    return folder


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        inside = set(opened.namelist())
    here = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".part"
    }
    assert here - inside == set()
    assert {name.split("/")[0] for name in inside} - set(PACKAGES) == {f"{wheel.name.rsplit('-', 3)[0]}.dist-info"}


def test_the_wheel_has_what_is_read_at_run_time(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        inside = opened.namelist()
    migrations = "catalogue/migrations"
    for part in (f"{migrations}/versions/r0001_catalogue.py", f"{migrations}/script.py.mako", "templates/report.html"):
        assert f"recognizer/{part}" in inside
    for model in ("outlines", "outlines-closer"):
        assert f"recognizer/models/{model}/weights.safetensors" in inside
    assert "recognizer/models/base/words.safetensors" in inside
    assert "recognizer/py.typed" in inside
    assert [name for name in inside if name.startswith("recognizer/") and name.endswith(".json")], "no ranking"
    assert [name for name in inside if name.endswith(".dist-info/licenses/LICENSE")]


def test_the_installed_command_works_outside_the_checkout(environment: Path, tmp_path: Path) -> None:
    python, znachki = environment / "bin" / "python", environment / "bin" / "znachki"
    where = run(python, "-c", "import recognizer, index, training; print(recognizer.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(environment)
    assert run(znachki, "--version", cwd=tmp_path).startswith("znachki, version ")

    demo = json.loads(run(znachki, "demo", "--count", 12, "--photos", 2, "--data", "demo", "--json", cwd=tmp_path))
    assert len(demo["photos"]) == 3
    assert (tmp_path / demo["report"]).stat().st_size > 10_000
    shown = json.loads(run(znachki, "show", "--limit", 0, "--data", "demo", "--json", cwd=tmp_path))
    assert len(shown) == 12
    run(znachki, "index", "--check", "--data", "demo", cwd=tmp_path)
