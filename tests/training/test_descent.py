"""Averaged weights forget where they began, and a run that is cut ends where one that is not does."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from training import descent


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))


def run(folder: Path, end: int) -> dict[str, torch.Tensor]:
    """Train to a step, going on from where the folder's checkpoint is; returns model, average and what was added."""
    model = network()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
    average = descent.averaged(model, 0.5)
    checkpoint = descent.Checkpoint(folder / "checkpoint.safetensors", model, average, optimiser)
    start, added = checkpoint.resume()
    for step in range(start, end):
        model(torch.randn(5, 3, generator=torch.Generator().manual_seed(step))).square().sum().backward()
        optimiser.step()
        optimiser.zero_grad()
        average.update_parameters(model)
        added["seen"] = {"steps": added["seen"].get("steps", torch.tensor(0)) + 1}
    checkpoint.write(end, seen=added["seen"])
    averages = {f"average.{name}": value for name, value in average.module.state_dict().items()}
    return model.state_dict() | averages | added["seen"]


def test_a_run_cut_at_a_checkpoint_ends_with_the_same_bits(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = run(tmp_path / "whole", 6)
    run(tmp_path / "cut", 2)
    cut = run(tmp_path / "cut", 6)
    assert whole.keys() == cut.keys()
    assert all(torch.equal(value, cut[name]) for name, value in whole.items())
    assert int(whole["steps"]) == 6
    assert [file.name for file in (tmp_path / "cut").iterdir()] == ["checkpoint.safetensors"]


def test_an_average_soon_leaves_the_weights_it_began_with_and_then_moves_slowly() -> None:
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(0.0)
    average = descent.averaged(model, 0.2)
    found = []
    for _ in range(3):
        model.weight.data.fill_(1.0)
        average.update_parameters(model)
        found.append(1 - average.module.weight.item())  # the share that is left of the first weights
    torch.testing.assert_close(torch.tensor(found), torch.tensor([1 / 10, 1 / 10 * 2 / 11, 1 / 10 * 2 / 11 * 0.2]))
