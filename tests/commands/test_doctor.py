"""`znachki doctor` tells what is there, and names a cure for what is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from recognizer import program_version
from recognizer.cli import main


def told(data: Path, code: int = 0) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["doctor", "--data", str(data), "--json"])
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_whole_data_folder_is_described(data: Path) -> None:
    found = told(data)
    assert found["machine"]["znachki"] == program_version()
    assert found["machine"]["cores"] >= 1
    assert found["data"]["entries"] > 0
    assert found["data"]["index"]["photos"] == found["data"]["photos"]
    assert found["data"]["bytes"]["index"] > found["data"]["bytes"]["images"] > 0
    assert set(found["photo"]) == {"open_model", "decode", "outline", "keypoints", "embed"}
    assert sum(found["photo"].values()) > 1
    done = CliRunner().invoke(main, ["doctor", "--data", str(data)])
    for words in (str(data), found["data"]["model"]["fingerprint"], "a drawn photo", "GiB"):
        assert words in done.stdout


def test_a_folder_without_catalogue_is_told_with_its_cure(tmp_path: Path) -> None:
    found = told(tmp_path / "nowhere", 1)
    assert "znachki import" in found["cures"][0]
    assert not (tmp_path / "nowhere").exists()


def test_a_stale_or_damaged_index_is_told_with_its_cure(own_data: Path) -> None:
    manifest = json.loads((own_data / "index" / "index.json").read_text())
    (own_data / "index" / manifest["descriptors"]).write_bytes(b"damaged")
    assert "--rebuild" in told(own_data, 1)["cures"][0]
    shutil.rmtree(own_data / "index")
    assert "znachki index" in told(own_data, 1)["cures"][0]
