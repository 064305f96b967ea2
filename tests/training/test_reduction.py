from __future__ import annotations

import pytest
import torch
from torch import nn

from colorcli.training import reduction

from .tables import build


@pytest.mark.parametrize("global_features", [True, False])
def test_folding_changes_nothing(global_features: bool) -> None:
    torch.manual_seed(0)
    network = build("fusion", width=0.06, global_features=global_features)
    norms = nn.BatchNorm2d, nn.BatchNorm1d
    for module in network.modules():
        if isinstance(module, norms):
            module.running_mean = torch.randn(module.num_features) * 0.1
            module.running_var = torch.rand(module.num_features) + 0.5
    L = torch.rand(1, 1, 224, 224) * 100
    with torch.no_grad():
        before = network(L)
        reduction.fold_batch_norm(network)
        torch.testing.assert_close(network(L), before, atol=1e-3, rtol=1e-4)
    assert not any(isinstance(module, norms) for module in network.modules())


def test_factorising_is_exact_on_data_of_that_rank() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(40, 30)
    data = torch.randn(200, 5) @ torch.randn(5, 40) + torch.randn(40)
    network = nn.Sequential(layer)
    mean, directions = reduction.principal_outputs(network, layer, [(data,)])
    small = reduction.factorized(layer, mean, directions, 5)
    with torch.no_grad():
        torch.testing.assert_close(small(data), layer(data), atol=1e-3, rtol=1e-3)
        smaller = reduction.factorized(layer, mean, directions, 2)
        assert (smaller(data) - layer(data)).abs().mean() > 0.1
