from __future__ import annotations

import inspect

import pytest
import torch

from colorcli.training import degradation
from colorcli.training.degradation import degrade


def bright(count: int = 16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 1, 8, 8, generator=generator) * 100
    return torch.nn.functional.interpolate(coarse, (48, 64), mode="bilinear")


def aged(L: torch.Tensor, strength: float, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    return degrade(L, strength, torch.Generator().manual_seed(seed))


def test_strength_zero_is_the_identity() -> None:
    L = bright()
    assert aged(L, 0.0) is L


def test_only_L_is_given_and_only_L_comes_back() -> None:
    # ab cannot change: it is not an input.
    assert list(inspect.signature(degrade).parameters) == ["L", "strength", "generator"]
    L = bright()
    assert aged(L, 1.0).shape == L.shape


def test_the_photo_given_is_left_alone() -> None:
    L = bright()
    before = L.clone()
    aged(L, 1.0)
    assert torch.equal(L, before)


@pytest.mark.parametrize("seed", range(5))
def test_L_stays_in_range(seed: int) -> None:
    for L in (bright(), torch.zeros(8, 1, 16, 16), torch.full((8, 1, 16, 16), 100.0)):
        old = aged(L, 1.0, seed)
        assert old.isfinite().all()
        assert float(old.min()) >= 0
        assert float(old.max()) <= 100


def test_a_stronger_setting_ages_more_photos() -> None:
    L = bright(200)
    changed = [
        float(((aged(L, s) - L).abs().amax((1, 2, 3)) > 0.01).float().mean()) for s in (0.2, 1)
    ]
    assert 0.05 < changed[0] < changed[1]
    assert 0.6 < changed[1] < 0.95  # 1 - (2/3)⁴ = 0.80


def test_a_seed_decides_the_faults() -> None:
    L = bright()
    assert torch.equal(aged(L, 1.0, 3), aged(L, 1.0, 3))
    assert not torch.equal(aged(L, 1.0, 3), aged(L, 1.0, 4))


@pytest.mark.parametrize("fault", ["_tone", "_sharpness", "_grain", "_jpeg"])
def test_each_fault_ages_one_photo_in_three(fault: str) -> None:
    L = bright(300)
    generator = torch.Generator().manual_seed(0)
    draw = degradation._Draw(len(L), 1.0, generator, L.device)
    changed = (getattr(degradation, fault)(L, draw) - L).abs().amax((1, 2, 3)) > 0.01
    assert 0.25 < float(changed.float().mean()) < 0.42


def test_jpeg_keeps_the_mean_of_a_block() -> None:
    L = bright(64)
    draw = degradation._Draw(len(L), 3.0, torch.Generator().manual_seed(0), L.device)
    coded = degradation._jpeg(L, draw)
    blocks = torch.nn.functional.avg_pool2d(coded - L, 8)
    assert float((coded - L).abs().max()) > 1
    assert float(blocks.abs().max()) <= 6 / 16 + 1e-3  # half a step of the DC coefficient, over 8


def test_fading_bends_the_middle_both_ways_and_lifts_blacks_within_bounds() -> None:
    ramp = torch.linspace(0, 100, 64).expand(400, 1, 64, 64).contiguous()
    draw = degradation._Draw(400, 3.0, torch.Generator().manual_seed(0), ramp.device)
    faded = degradation._tone(ramp, draw)[:, 0, 0]
    black, white = faded[:, :1], faded[:, -1:]
    assert 0 <= black.min() < 2 < 20 < black.max() <= 25
    assert 75 <= white.min() < 80 < 98 < white.max() <= 100
    bend = ((faded - black) / (white - black) - ramp[:, 0, 0] / 100)[:, 32]
    assert bend.min() < -0.08
    assert bend.max() > 0.08


def test_a_sharpened_edge_overshoots_by_at_most_itself() -> None:
    edge = torch.zeros(400, 1, 16, 16)
    edge[..., 8:] = 50
    draw = degradation._Draw(400, 3.0, torch.Generator().manual_seed(0), edge.device)
    made = degradation._sharpness(edge + 20, draw)[:, 0, 8]
    over = made.amax(1) - 70
    assert 5 < over.max() <= 50 * 5 / 16 + 1e-3
    assert (over < 1e-3).any()
