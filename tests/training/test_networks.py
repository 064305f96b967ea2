from __future__ import annotations

from math import prod
from typing import Any

import pytest
import torch
from torch import nn

from colorcli.errors import UsageError
from colorcli.training.description import describe, operations
from colorcli.training.networks import get_network, networks

from .tables import build, conv, table


@pytest.fixture(scope="module")
def fusion() -> Any:
    return build("fusion")


# fusion: tables 1-3 of the paper


def test_fusion_has_the_rows_of_the_papers_tables(fusion: Any) -> None:
    low = [
        conv(2, "64×112×112"),
        conv(1, "128×112×112"),
        conv(2, "128×56×56"),
        conv(1, "256×56×56"),
        conv(2, "256×28×28"),
        conv(1, "512×28×28"),
    ]
    overall = [
        conv(2, "512×14×14"),
        conv(1, "512×14×14"),
        conv(2, "512×7×7"),
        conv(1, "512×7×7"),
        ("-", "-", "1024"),
        ("-", "-", "512"),
        ("-", "-", "256"),
    ]
    middle = [conv(1, "512×28×28"), conv(1, "256×28×28")]
    colour = [
        ("1×1", "1×1", "256×28×28"),  # the fusion layer on the local features, and ...
        ("-", "-", "256"),  # ... on the global ones
        conv(1, "128×28×28"),
        ("-", "-", "128×56×56"),
        conv(1, "64×56×56"),
        conv(1, "64×56×56"),
        ("-", "-", "64×112×112"),
        conv(1, "32×112×112"),
        conv(1, "2×112×112"),
    ]
    assert table(describe(fusion, 224)) == low + overall + middle + colour


def test_fusion_counts_every_parameter_once(fusion: Any) -> None:
    layers = {layer.name: layer.parameters for layer in describe(fusion, 224)}
    assert sum(layers.values()) == 42_176_322 == sum(p.numel() for p in fusion.parameters())
    assert layers["low_level.conv1"] == 9 * 64 + 2 * 64  # weights, and the normalisation's
    assert layers["low_level.conv6"] == 9 * 256 * 512 + 2 * 512
    assert layers["global_.fc1"] == 7 * 7 * 512 * 1024 + 2 * 1024
    assert layers["colorization.fusion.local"] == 256 * 256
    assert layers["colorization.fusion.global_"] == 256 * 256 + 2 * 256
    assert layers["colorization.head.2"] == 9 * 32 * 2 + 2


def test_operations_are_those_of_the_convolutions() -> None:
    network = build("cnn-mountain")
    table = describe(network, 256)
    cells = {layer.name: prod(map(int, layer.output.split("×")[1:])) for layer in table}
    weights = {
        name: module.weight.numel()
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
    }
    by_hand = sum(2 * count * cells[name.removesuffix(".0")] for name, count in weights.items())
    assert operations(network, 256) == by_hand


def test_layers_that_run_twice_are_described_once() -> None:
    network = build("fusion", width=0.06)
    layers = describe(network, 64)
    assert sum(layer.parameters for layer in layers) == sum(p.numel() for p in network.parameters())


def test_fusion_shares_one_low_level_network() -> None:
    network = build("fusion", width=0.06)
    runs = []
    network.low_level.register_forward_hook(lambda *_: runs.append(1))
    L = torch.rand(1, 1, 224, 224) * 100
    with torch.no_grad():
        once = network(L)
        assert len(runs) == 1  # features serve both branches
        twice = network(L, L.clone())
        assert len(runs) == 3
    torch.testing.assert_close(once, twice)
    assert sum("low_level" in name and "conv1.0" in name for name in network.state_dict()) == 1


def test_fusion_sees_the_whole_photo_through_its_global_path() -> None:
    network = build("fusion", width=0.06)
    L, view = torch.rand(1, 1, 64, 96) * 100, torch.rand(1, 1, 224, 224) * 100
    with torch.no_grad():
        ab, other = network(L, view), network(L, 100 - view)
    assert ab.shape == (1, 2, 32, 48)
    assert not torch.equal(ab, other)


def test_fusion_layer_is_the_papers_formula() -> None:
    layer = build("fusion", width=0.06).colorization.fusion
    local, global_ = torch.randn(2, 15, 3, 4), torch.randn(2, 15)
    with torch.no_grad():
        stacked = torch.cat([global_[:, :, None, None].expand(-1, -1, 3, 4), local], 1)
        W = torch.cat([layer.global_.weight, layer.local.weight[:, :, 0, 0]], 1)
        expected = torch.relu(layer.norm(torch.einsum("oc,nchw->nohw", W, stacked)))
        torch.testing.assert_close(layer(local, global_), expected)


def test_baseline_has_no_global_branch() -> None:
    network = build("fusion", width=0.06, global_features=False)
    assert network.global_size is None
    assert "global" not in network.parts()
    names = [layer.name for layer in describe(network, 64)]
    assert "colorization.fusion.conv" in names
    assert not any("global" in name for name in names)


@pytest.mark.parametrize("width", [0.06, 0.25, 0.5])
def test_width_scales_every_channel(width: float) -> None:
    network = build("fusion", width=width)
    kernels = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    full = [m for m in build("fusion").modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for narrow, wide in zip(kernels[:-1], full[:-1], strict=True):
        assert narrow.weight.shape[0] == max(1, round(wide.weight.shape[0] * width))
    assert kernels[-1].weight.shape[0] == 2


def test_global_pool_reads_the_mean_of_the_map() -> None:
    pooled, flat = (build("fusion", width=0.06, global_pool=pool) for pool in (True, False))
    count = {}
    for name, network in (("pooled", pooled), ("flat", flat)):
        rows = {layer.name: layer.parameters for layer in describe(network, 224)}
        count[name] = rows["global_.fc1"] - 2 * 61
    assert count["flat"] == 49 * count["pooled"]


def test_scenes_are_told_from_the_512_vector() -> None:
    network = build("fusion", width=0.06, scenes=7)
    L = torch.rand(2, 1, 64, 64) * 100
    view = torch.rand(2, 1, 224, 224) * 100
    with torch.no_grad():
        ab, logits = network.forward_with_scenes(L, view)
        torch.testing.assert_close(ab, network(L, view))
    assert logits.shape == (2, 7)
    whole = network.parts()["global"]
    assert whole.outputs[-1] == "scenes"
    features = network.low_level(view)
    with torch.no_grad():
        global_features, probabilities = whole.module(features)
        torch.testing.assert_close(global_features, network.global_(features))
    torch.testing.assert_close(probabilities, torch.softmax(logits, 1))
    with pytest.raises(UsageError, match="global branch"):
        build("fusion", width=0.06, scenes=7, global_features=False)


# the plain CNNs

MOUNTAIN = [
    ("conv1", "64×256×256", 640),
    ("conv2", "64×128×128", 36_928),
    ("conv3", "128×128×128", 73_856),
    ("conv4", "128×64×64", 147_584),
    ("conv5", "256×64×64", 295_168),
    ("conv6", "256×32×32", 590_080),
    ("conv7", "512×32×32", 1_180_160),
    ("conv8", "256×32×32", 1_179_904),
    ("conv9", "128×32×32", 295_040),
    ("upsample1", "128×64×64", 0),
    ("conv10", "64×64×64", 73_792),
    ("upsample2", "64×128×128", 0),
    ("conv11", "32×128×128", 18_464),
    ("conv12", "2×128×128", 578),
    ("upsample3", "2×256×256", 0),
]


def test_cnn_mountain_is_its_model_summary_row_by_row() -> None:
    network = build("cnn-mountain")
    layers = describe(network, 256)
    assert [(layer.name, layer.output, layer.parameters) for layer in layers] == MOUNTAIN
    assert sum(p.numel() for p in network.parameters()) == 3_892_194
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    assert all(m.bias is not None for m in network.modules() if isinstance(m, nn.Conv2d))


def test_cnn_cs230_has_the_twelve_convolutions_listed() -> None:
    network = build("cnn-cs230")
    filters = [64, 64, 128, 128, 256, 256, 512, 256, 128, 64, 32, 2]
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 1]
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convs] == filters
    assert [m.stride for m in convs] == [(s, s) for s in strides]
    assert {m.kernel_size for m in convs} == {(3, 3)}
    assert sum(isinstance(m, nn.ReLU) for m in network.modules()) == 11
    assert describe(network, 256)[-1].output == "2×256×256"  # the input's size


@pytest.mark.parametrize("name", ["cnn-mountain", "cnn-cs230"])
def test_plain_cnns_end_in_tanh(name: str) -> None:
    network = build(name, width=0.06)
    with torch.no_grad():
        network.conv12.bias.copy_(torch.tensor([99.0, -99.0]))
        ab = network(torch.rand(1, 1, 64, 40) * 100)
    assert ab.shape == (1, 2, 64, 40)
    torch.testing.assert_close(ab[0, :, 0, 0], torch.tensor([110.0, -110.0]))


# all


def test_the_baseline_is_trained_as_its_own_paper_says() -> None:
    baseline = get_network("fusion").baseline
    assert baseline is not None
    assert (baseline.optimizer, baseline.learning_rate) == ("adam", 0.1)
    assert (baseline.batch, baseline.epochs) == (32, 500)
    assert get_network("koalarization").baseline is None


def test_every_network_of_a_paper_declares_a_preset_that_can_be_trained() -> None:
    from colorcli.training.objectives import get_objective
    from colorcli.training.optimization import OPTIMIZERS

    expected = {  # as far as their papers state it
        "fusion": ("adadelta", 256, 1.0, 20),
        "cnn-mountain": ("rmsprop", 10, 1e-3, 100),
        "cnn-cs230": ("rmsprop", 20, 1e-3, 20),
        "koalarization": ("adam", 50, 1e-3, 20),
    }
    of_papers = {name for name in networks() if get_network(name).preset is not None}
    assert of_papers == set(expected)
    for name, settings in expected.items():
        preset = get_network(name).preset
        assert preset is not None
        said = (preset.optimizer, preset.batch, preset.learning_rate, preset.epochs)
        assert said == settings
        assert preset.optimizer in OPTIMIZERS
        # Anything the papers do not mention is off.
        assert (preset.warmup, preset.schedule, preset.clip, preset.ema) == (0, "constant", None, 0)
        assert get_objective(preset.objective).head in get_network(name).heads


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        get_network("vgg")
    assert "cnn-mountain" in str(caught.value.tip)
