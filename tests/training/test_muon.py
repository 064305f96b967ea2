from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn, optim

from colorcli.training.muon import STEP, Muon, is_kernel, orthogonal

pytestmark = pytest.mark.usefixtures("_seeded")


@pytest.fixture(name="_seeded")
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", [(8, 72), (72, 8), (16, 16)])
def test_all_directions_become_about_equally_long(shape: tuple[int, int]) -> None:
    lengths = torch.linspace(1e-3, 1, min(shape))
    left, right = (torch.linalg.qr(torch.randn(side, min(shape)))[0] for side in shape)
    made = torch.linalg.svdvals(orthogonal(left * lengths @ right.T))
    # Directions a thousand times shorter than the longest have not converged after five steps.
    assert made.max() < 1.25
    assert made[: int(0.9 * len(made))].min() > 0.6


def test_no_gradient_is_no_step() -> None:
    assert not orthogonal(torch.zeros(4, 9)).any()


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.Conv2d(16, 16, 3, padding=1, groups=16),
        nn.BatchNorm2d(16),
        nn.Conv2d(16, 2, 3, padding=1),
        nn.Flatten(),
        nn.Linear(2 * 64, 5),
    )


def one_step(kind: type[optim.Optimizer], trained: nn.Module) -> list[torch.Tensor]:
    """The change of each parameter in the first step."""
    before = [p.detach().clone() for p in trained.parameters()]
    optimizer = kind(trained.parameters(), lr=0.01, weight_decay=0.0)  # type: ignore[call-arg]
    generator = torch.Generator().manual_seed(1)
    trained(torch.randn(4, 1, 8, 8, generator=generator)).square().mean().backward()
    optimizer.step()
    return [p.detach() - b for p, b in zip(trained.parameters(), before, strict=True)]


def test_only_kernels_between_layers_are_moved_otherwise_than_by_adamw() -> None:
    ours, theirs = network(), network()
    theirs.load_state_dict(deepcopy(ours.state_dict()))
    moved = zip(ours.parameters(), one_step(Muon, ours), one_step(optim.AdamW, theirs), strict=True)
    others = [(is_kernel(p), torch.equal(mine, adamw)) for p, mine, adamw in moved]
    assert [kernel for kernel, _ in others].count(True) == 1
    assert all(kernel != same for kernel, same in others)


def test_a_step_is_as_large_as_the_learning_rate_says_whatever_the_gradient() -> None:
    for scale in (1e-4, 1.0, 1e4):
        kernel = nn.Parameter(torch.randn(32, 8, 3, 3))
        before = kernel.detach().clone()
        optimizer = Muon([kernel], lr=0.01, weight_decay=0.0)
        kernel.grad = scale * torch.randn_like(kernel)
        optimizer.step()
        size = (kernel.detach() - before).square().mean().sqrt()
        assert size == pytest.approx(0.01 * STEP, rel=0.25)


def test_weights_decay_by_the_learning_rate() -> None:
    kernel = nn.Parameter(torch.ones(4, 4, 3, 3))
    optimizer = Muon([kernel], lr=0.1, weight_decay=0.5)
    kernel.grad = torch.zeros_like(kernel)
    optimizer.step()
    assert torch.allclose(kernel, torch.full_like(kernel, 0.95))


def test_a_step_remembers_the_ones_before() -> None:
    kernel = nn.Parameter(torch.zeros(4, 6))
    optimizer = Muon([{"params": [kernel], "weight_decay": 0.0}], lr=1.0)
    first = torch.zeros(4, 6)
    first[0, 0] = 1.0
    for _ in range(20):
        kernel.grad = first.clone()
        optimizer.step()
    before = kernel.detach().clone()
    kernel.grad = torch.zeros(4, 6)
    optimizer.step()
    moved = kernel.detach() - before
    assert moved[0, 0] < 0
    assert moved.abs().max() == moved[0, 0].abs()
