from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
import torch

from colorcli.errors import UsageError
from colorcli.training.description import describe

from . import timm_stand_in
from .tables import build, conv, table


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    timm_stand_in.install(monkeypatch)


@pytest.mark.usefixtures("stand_in")
def test_koalarization_is_its_table() -> None:
    layers = describe(build("koalarization", embedding=1001), 224)
    encoder = [
        conv(2, "64×112×112"),
        conv(1, "128×112×112"),
        conv(2, "128×56×56"),
        conv(1, "256×56×56"),
        conv(2, "256×28×28"),
        conv(1, "512×28×28"),
        conv(1, "512×28×28"),
        conv(1, "256×28×28"),
    ]
    decoder = [
        conv(1, "128×28×28"),
        ("-", "-", "128×56×56"),
        conv(1, "64×56×56"),
        conv(1, "64×56×56"),
        ("-", "-", "64×112×112"),
        conv(1, "32×112×112"),
        conv(1, "2×112×112"),
        ("-", "-", "2×224×224"),
    ]
    fusion = [("1×1", "1×1", "256×28×28"), ("-", "-", "256")]  # features, and embedding
    assert table(layers) == [("-", "-", "1001"), *encoder, *fusion, *decoder]


@pytest.mark.usefixtures("stand_in")
def test_koalarization_fuses_1257_channels_into_256() -> None:
    network = build("koalarization", embedding=1001)
    layer = network.colorization.fusion
    W = torch.cat([layer.local.weight[:, :, 0, 0], layer.global_.weight], 1)
    assert W.shape == (256, 1257)
    assert sum(p.numel() for p in layer.parameters()) == 1257 * 256 + 256
    features, embedding = torch.randn(2, 256, 3, 4), torch.randn(2, 1001)
    stacked = torch.cat([features, embedding[:, :, None, None].expand(-1, -1, 3, 4)], 1)
    with torch.no_grad():
        expected = torch.einsum("oc,nchw->nohw", W, stacked) + layer.local.bias[:, None, None]
        torch.testing.assert_close(
            layer(features, embedding), expected.relu(), atol=1e-4, rtol=1e-4
        )


@pytest.mark.usefixtures("stand_in")
def test_koalarization_sees_L_three_times_between_minus_one_and_one() -> None:
    network = build("koalarization", width=0.06)
    seen: list[torch.Tensor] = []
    network.extractor.inception.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.extractor(torch.linspace(0, 100, 299 * 299).view(1, 1, 299, 299))
    assert seen[0].shape == (1, 3, 299, 299)
    assert (float(seen[0].min()), float(seen[0].max())) == (-1.0, 1.0)
    assert torch.equal(seen[0][:, 0], seen[0][:, 2])


@pytest.mark.usefixtures("stand_in")
def test_the_extractor_is_frozen() -> None:
    network = build("koalarization", width=0.06).train()
    assert not any(p.requires_grad for p in network.extractor.parameters())
    assert not any(m.training for m in network.extractor.modules())
    network(torch.rand(2, 1, 32, 32) * 100).sum().backward()
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)


@pytest.mark.usefixtures("stand_in")
def test_weights_of_the_extractor_come_from_a_file(tmp_path: Path) -> None:
    state = {k: v + 1 for k, v in timm_stand_in.Extractor(1001).state_dict().items()}
    torch.save(state, tmp_path / "weights.pth")
    network = build(
        "koalarization", width=0.06, embedding=1001, pretrained=str(tmp_path / "weights.pth")
    )
    loaded = network.extractor.inception.state_dict()
    assert all(torch.equal(loaded[k], v) for k, v in state.items())
    with pytest.raises(UsageError, match="1001 outputs, not 1000") as caught:
        build("koalarization", width=0.06, pretrained=str(tmp_path / "weights.pth"))
    assert caught.value.tip == "give --embedding 1001"
    for broken in ("missing.pth", "text.pth", "other.pth"):
        (tmp_path / "text.pth").write_text("no weights")
        torch.save({"x": torch.zeros(1)}, tmp_path / "other.pth")
        with pytest.raises(UsageError, match=broken):
            build("koalarization", width=0.06, pretrained=str(tmp_path / broken))


@pytest.mark.usefixtures("stand_in")
def test_weights_that_cannot_be_downloaded_are_one_line_with_a_way_out() -> None:
    with pytest.raises(UsageError, match="cannot be downloaded") as caught:
        build("koalarization", width=0.06, pretrained="imagenet")
    assert "--pretrained FILE" in str(caught.value.tip)


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "timm":
            raise ImportError("No module named 'timm'")
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UsageError) as caught:
        build("koalarization", width=0.06)
    assert "colorize-photos[koalarization]" in str(caught.value.tip)
