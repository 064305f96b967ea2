"""A step on a device other than the CPU.

PyTorch's `meta` computes nothing, but nearly every operation on it, as on CUDA, refuses to mix its
tensors with the CPU's: a tensor left on the CPU is found without a GPU.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from colorcli.training.objectives import OBJECTIVES
from colorcli.training.run import Run
from colorcli.training.trainer import Trainer

from .runs import TINY, Photos

META = torch.device("meta")


@pytest.fixture(autouse=True)
def without_what_meta_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    # It recognises shared weights by their address, and meta's have none.
    monkeypatch.setattr(Trainer, "_update_average", lambda _: None)


def devices_of_a_step(photos: Photos, folder: Path, **changes: Any) -> set[torch.device]:
    """The devices of loss, colours, weights and gradients after a step on the other device."""
    run = Trainer(
        replace(TINY, **changes),
        Run(folder),
        photos.training.to(META),
        photos.validation.to(META),
        device=META,
        bf16=False,
    )
    loss, output, ab = run._step(torch.arange(3, device=META))
    weights = list(run.network.parameters())
    slopes = [weight.grad for weight in weights if weight.grad is not None]
    assert slopes
    return {tensor.device for tensor in (loss, output, ab, *weights, *slopes)}


def test_the_other_device_is_as_strict_as_cuda() -> None:
    with pytest.raises(RuntimeError, match="device"):
        torch.ones(2, device=META) + torch.ones(2)


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_every_objective(
    objective: str, photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The colours' shares are counted on the CPU from values, which meta does not have.
    monkeypatch.setattr(Trainer, "_prior", lambda _: None)
    assert devices_of_a_step(photos, tmp_path, objective=objective) == {META}


@pytest.mark.parametrize("network", ["fusion", "fusion-lite", "cnn-cs230", "cnn-mountain"])
def test_every_network(network: str, photos: Photos, tmp_path: Path) -> None:
    options = {"pretrained": "none"} if network == "fusion-lite" else {}
    assert devices_of_a_step(photos, tmp_path, network=network, **options) == {META}


def test_every_augmentation(photos: Photos, tmp_path: Path) -> None:
    assert devices_of_a_step(
        photos, tmp_path, degrade=1.0, emulsion=1.0, zoom=0.2, shear=0.1, dropout=0.5
    ) == {META}


def test_scenes(photos: Photos, tmp_path: Path) -> None:
    labelled = replace(photos, training=replace(photos.training, labels=("face", "food", "")))
    assert devices_of_a_step(labelled, tmp_path, scene_weight=0.01) == {META}
