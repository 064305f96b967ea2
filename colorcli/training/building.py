"""Build the objective and network of a configuration, fresh or as a run saved them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from colorcli.errors import UsageError
from colorcli.training.config import TrainConfig
from colorcli.training.networks import Colorizing, NetworkOptions, get_network
from colorcli.training.objectives import (
    ChromaDistribution,
    DistanceDistribution,
    Objective,
    Rebalanced,
    get_objective,
)
from colorcli.training.run import Run


def weights_are_given(config: TrainConfig, *, resume: bool, init: str | None) -> bool:
    """Whether pretrained weights can be skipped because others will be loaded."""
    # A model folder holds no weights of a frozen extractor that training could load.
    return resume or (init is not None and not get_network(config.network).extractor)


def side_of_views(config: TrainConfig) -> int:
    """Side of the views that a run trains on: its own setting, or the network's default."""
    return config.size or get_network(config.network).training_size


def build_objective(config: TrainConfig, prior: torch.Tensor | None = None) -> Objective:
    """The objective of a run; `prior` as in `Rebalanced`."""
    kind = get_objective(config.objective)
    options: dict[str, Any] = {}
    if issubclass(kind, Rebalanced) and config.rebalance is not None:
        options = {"prior": prior, "uniform": config.rebalance}
    if issubclass(kind, (ChromaDistribution, DistanceDistribution)):
        options["weight"] = config.distribution
    return kind(**options)


def build_network(
    config: TrainConfig, objective: Objective, *, scenes: int = 0, restored: bool = False
) -> Colorizing:
    """The network of a run, with fresh weights.

    Args:
        config: its settings.
        objective: determines the head.
        scenes: number of scene classes to classify.
        restored: weights will be loaded into it, so pretrained ones are not needed.

    Raises:
        UsageError: the network does not support these settings, or its pretrained weights are
            unavailable.
    """
    network = get_network(config.network)
    if objective.head not in network.heads:
        raise UsageError(
            f"the network {network.name!r} cannot be trained with the objective {objective.name!r}",
            tip=f"it has the heads: {', '.join(network.heads)}",
        )
    if scenes and not network.scenes:
        raise UsageError(
            f"the network {network.name!r} cannot classify scenes", tip="leave out --scene-weight"
        )
    options = NetworkOptions(
        width=config.width,
        head=objective.head,
        bins=objective.bins,
        global_features=config.global_features,
        dropout=config.dropout,
        global_pool=config.global_pool,
        scenes=scenes,
        pretrained="none" if restored else config.pretrained,
        embedding=config.embedding,
    )
    return network.build(options)


def restore(module: nn.Module, state: dict[str, Any], run: Run) -> None:
    """Load a module's state from a run's checkpoint.

    Raises:
        UsageError: the network had other layers when the run was made.
    """
    try:
        module.load_state_dict(state)
    except RuntimeError:
        raise UsageError(
            f"{run.folder}: the run was made with an earlier version of its network",
            tip="train again, or use the version of colorize that made it",
        ) from None


def load_trained(run: Run) -> tuple[TrainConfig, Colorizing, Objective, dict[str, Any]]:
    """The averaged weights of a run, in evaluation mode, with its settings and progress.

    Raises:
        UsageError: the folder holds no run.
    """
    config = TrainConfig.load(run.config_path)
    state = run.load_checkpoint()
    objective = build_objective(config)
    restore(objective, state["objective"], run)
    network = build_network(config, objective, scenes=len(run.read_scenes()), restored=True)
    restore(network, state["ema"], run)
    network.eval()
    return config, network, objective, state["progress"]
