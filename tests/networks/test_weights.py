"""A network's folder is written whole, read back as it was, and refused where it is not that network's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from recognizer.errors import ModelError
from recognizer.networks import weights


def network(width: int = 4) -> nn.Sequential:
    torch.manual_seed(width)
    return nn.Sequential(nn.Conv2d(3, width, 1), nn.BatchNorm2d(width))


def test_what_is_written_is_read_back_to_half_precision(tmp_path: Path) -> None:
    own = network()
    weights.write(tmp_path / "made", own.state_dict(), {"name": "сеть"})
    held = weights.fill(network(), tmp_path / "made").state_dict()
    for name, value in own.state_dict().items():
        torch.testing.assert_close(held[name].float(), value.float(), atol=1e-3, rtol=1e-3)
    assert weights.card(tmp_path / "made") == {"name": "сеть"}
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["model.json", "weights.safetensors"]


def test_the_fingerprint_follows_the_weights(tmp_path: Path) -> None:
    assert weights.digest(tmp_path) == "none"
    found = []
    for width in (4, 4, 5):
        weights.write(tmp_path, network(width).state_dict(), {})
        found.append(weights.digest(tmp_path))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("content", [b"", b"no weights"], ids=["empty", "other"])
def test_a_damaged_file_is_named_with_its_folder(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="no usable weights"):
        weights.fill(network(), tmp_path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    weights.write(tmp_path, {"1.weight": torch.ones(4)}, {})
    with pytest.raises(ModelError, match="missing"):
        weights.fill(network(), tmp_path)
    weights.write(tmp_path, network(7).state_dict(), {})
    with pytest.raises(ModelError, match="no usable weights"):
        weights.fill(network(), tmp_path)


def test_a_folder_without_a_card_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model card"):
        weights.card(tmp_path)
